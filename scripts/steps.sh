# Sourced by the scripts that do several things in a row: a headline for each, and how long it took.
# shellcheck shell=bash

step_times=()

# timed NAME COMMAND...: runs the command, tells how long it took and returns its exit code.
timed() {
    local name=$1 start=$SECONDS code=0
    shift
    printf '\n== %s\n' "$name"
    "$@" || code=$?
    step_times+=("$(printf '%5d s  %s' $((SECONDS - start)) "$name")")
    if [ "$code" -ne 0 ]; then
        printf '== %s: FAILED after %d s (exit code %d)\n' "$name" $((SECONDS - start)) "$code"
    fi
    return "$code"
}

# step NAME COMMAND...: as above; a failure ends the script.
step() {
    local code=0
    timed "$@" || code=$?
    [ "$code" -eq 0 ] && return
    print_step_times
    exit "$code"
}

print_step_times() {
    printf '\n== time\n'
    printf '%s\n' "${step_times[@]}"
    printf '%5d s  all of it\n' "$SECONDS"
}
