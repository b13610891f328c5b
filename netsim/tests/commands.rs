//! The commands of virtual time: what goes where, and the exit code.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use ringmesh_netsim::random::{Extent, Kinds, Story};
use ringmesh_netsim::scenario::{BONDS, KINDS, SPEAKS, WANS};

const REFERENCE: &str = include_str!("../../docs/SCENARIOS.md");

fn scenario(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios").join(name)
}

fn said(arguments: &[&str]) -> (i32, String, String) {
    let own = env!("CARGO_BIN_EXE_ringmesh-netsim");
    let Output { status, stdout, stderr } = Command::new(own).args(arguments).output().unwrap();
    let text = |octets| String::from_utf8(octets).unwrap();
    (status.code().unwrap(), text(stdout), text(stderr))
}

/// A file in a folder of its own, gone when the test is over.
fn written(text: &str) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.toml");
    std::fs::write(&file, text).unwrap();
    (folder, file.display().to_string())
}

#[test]
fn a_run_prints_one_line_or_one_document_and_nothing_else_to_stdout() {
    let file = scenario("host-death.toml").display().to_string();
    let (code, stdout, stderr) = said(&["run", &file]);
    assert_eq!((code, stdout.lines().count(), stderr.as_str()), (0, 2, ""), "{stdout}");
    let (code, stdout, stderr) = said(&["run", &file, "--json", "--trace", "--seed", "9"]);
    let document: serde_json::Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!((code, &document["ok"], &document["scenarios"][0]["seed"]), (0, &true.into(), &9.into()));
    assert!(stderr.contains("=== h3 loses power"), "the trace goes to stderr");
    let (again, same) =
        (said(&["run", &file, "--json", "--seed", "9"]), &document["scenarios"][0]["trace_hash"]);
    let again: serde_json::Value = serde_json::from_str(&again.1).unwrap();
    assert_eq!(&again["scenarios"][0]["trace_hash"], same, "another process");
}

#[test]
fn a_run_that_fails_ends_with_one_and_tells_seed_file_revision_and_event_and_its_replay_stops_there() {
    let text = std::fs::read_to_string(scenario("host-death.toml")).unwrap();
    let (_folder, file) = written(&text.replace("within = \"4s\"", "within = \"500ms\""));
    let (code, stdout, stderr) = said(&["run", &file, "--seed", "3"]);
    assert!(code == 1 && stdout.contains("FAILED"), "{code} {stdout}");
    assert!(stderr.starts_with(&file) && stderr.contains("(seed 3, revision 0."), "{stderr}");
    let (_, event) = stderr.split_once("event ").unwrap();
    let (event, _) = event.split_once(',').unwrap();
    let (code, stdout, _) = said(&["replay", &file, "--seed", "3", "--until", event]);
    assert!(code == 0 && stdout.contains(&format!("=== event {event}: ")), "{code} {stdout}");
    let (code, _, stderr) = said(&["replay", &file, "--until", "99999999"]);
    assert!(code == 2 && stderr.contains("name an earlier one"), "{code} {stderr}");
}

fn folder_of_all() -> String {
    scenario("").display().to_string()
}

#[test]
fn a_failing_run_names_the_commit_of_the_program_whatever_repository_its_file_lies_in() {
    let text = std::fs::read_to_string(scenario("host-death.toml")).unwrap();
    let (folder, file) = written(&text.replace("within = \"4s\"", "within = \"500ms\""));
    let git = |words: &[&str]| {
        let who = ["-c", "user.name=a", "-c", "user.email=a@example.org"];
        let done = Command::new("git").arg("-C").arg(folder.path()).args(who).args(words).output().unwrap();
        assert!(done.status.success(), "{words:?}: {}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8(done.stdout).unwrap()
    };
    git(&["init", "--quiet"]);
    git(&["add", "."]);
    git(&["commit", "--quiet", "--message", "another project"]);
    let another = git(&["rev-parse", "--short=7", "HEAD"]);
    let version = said(&["--version"]).1;
    let revision = version.trim().trim_start_matches("ringmesh-netsim ");
    let (_, _, stderr) = said(&["run", &file]);
    assert!(
        stderr.contains(&format!("revision {revision}, ")) && !stderr.contains(another.trim()),
        "{stderr}"
    );
}

/// Runs it, reads a line of one of its outputs, and closes that.
fn left(arguments: &[&str], of_stderr: bool) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ringmesh-netsim"));
    let mut running = command.args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let (mut line, mut rest) = (String::new(), String::new());
    let (mut stdout, mut stderr) = (running.stdout.take().unwrap(), running.stderr.take().unwrap());
    if of_stderr {
        BufReader::with_capacity(16, stderr).read_line(&mut line).unwrap();
        stdout.read_to_string(&mut rest).unwrap();
    } else {
        BufReader::with_capacity(16, stdout).read_line(&mut line).unwrap();
        stderr.read_to_string(&mut rest).unwrap();
    }
    assert!(!line.is_empty(), "{arguments:?}");
    (running.wait().unwrap().code(), rest)
}

#[test]
fn whoever_reads_may_go_and_the_exit_code_is_what_it_would_have_been() {
    let text = std::fs::read_to_string(scenario("host-death.toml")).unwrap();
    let (_folder, failing) = written(&text.replace("within = \"4s\"", "within = \"500ms\""));
    let file = scenario("host-death.toml").display().to_string();
    assert_eq!(left(&["replay", &file, "--until", "99999999"], false), (Some(0), String::new()));
    assert_eq!(left(&["run", &file, "--json"], false), (Some(0), String::new()));
    let (code, stdout) = left(&["run", &failing, "--trace"], true);
    assert!(code == Some(1) && stdout.contains("FAILED"), "{code:?} {stdout}");
    assert_eq!(left(&["topology", &file, "--svg", "-"], false), (Some(0), String::new()));
    let (code, stderr) = left(&["random", "--runs", "1", "--json"], false);
    assert_eq!((code, stderr.as_str()), (Some(0), ""));
}

#[test]
fn a_check_in_another_engine_comes_to_the_same() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::copy(scenario("wan-cut.toml"), folder.path().join("wan-cut.toml")).unwrap();
    let folder = folder.path().display().to_string();
    let one = said(&["check", &folder, "--json"]);
    let other = said(&["check", &folder, "--json", "--engine", "ring", "--threads", "2", "--wire", "typed"]);
    assert_eq!((one.0, &one.1), (0, &other.1));
}

#[test]
fn a_bench_of_nothing_is_not_all_of_it() {
    let (code, stdout, stderr) = said(&["bench", "all", "--hosts-max", "10", "--json"]);
    assert_eq!((code, stdout.as_str()), (1, ""), "{stderr}");
    assert!(stderr.contains("nothing was measured; the least world has 50 hosts"), "{stderr}");
}

#[test]
fn what_is_wrong_ends_with_two_and_nothing_on_stdout() {
    let (folder, file) = written("duration = \"1m\"\nsaed = 1\n");
    let empty = tempfile::tempdir().unwrap();
    let (folder, empty) = (folder.path().display().to_string(), empty.path().display().to_string());
    let whole = scenario("host-death.toml").display().to_string();
    let cases: [(&[&str], &str); 13] = [
        (&["run", &whole, "--threads", "2"], "--threads needs --engine ring"),
        (&["check", &folder_of_all(), "--threads", "2"], "--threads needs --engine ring"),
        (&["bench", "--threads", "2", "--hosts", "40"], "--threads needs --engine ring"),
        (&["bench", "all", "rate"], "'rate'"),
        (&["bench", "rate", "all"], "no other figure beside it"),
        (&["bench", "all", "--hosts", "50"], "'--hosts'"),
        (&["bench", "--seconds", "5", "all"], "only its own options, after it"),
        (&["run", &file], "a.toml:2:1: unknown field `saed`"),
        (&["check", &folder], "a.toml:2:1: unknown field `saed`"),
        (&["check", &empty], "no scenario file (*.toml) in it"),
        (&["run", "/nowhere/a.toml"], "/nowhere/a.toml: "),
        (&["random", "--runs", "0"], "--runs"),
        (&["random", "--runs", "2", "--seed", "18446744073709551615"], "begin with a lower --seed"),
    ];
    for (arguments, wanted) in cases {
        let (code, stdout, stderr) = said(arguments);
        assert_eq!((code, stdout.as_str()), (2, ""), "{arguments:?}: {stderr}");
        assert!(stderr.contains(wanted), "{arguments:?}: {stderr}");
    }
}

#[test]
fn check_runs_all_and_random_its_seeds() {
    let (code, stdout, stderr) = said(&["check", &scenario("").display().to_string(), "--json"]);
    let document: serde_json::Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!((code, &document["ok"]), (0, &true.into()), "{stderr}");
    let runs = document["scenarios"].as_array().unwrap();
    let begun = stderr.lines().filter(|line| line.ends_with(" .."));
    assert_eq!(runs.len(), begun.count(), "a line of progress for each: {stderr}");
    let below = format!("{} is not looked into", scenario("both").display());
    assert!(stderr.lines().next().unwrap().contains(&below), "{stderr}");
    let (code, stdout, stderr) = said(&["random", "--runs", "3", "--seed", "11", "--json"]);
    let document: serde_json::Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!((code, &document["runs"], &document["seed"]), (0, &3.into(), &11.into()), "{stderr}");
}

/// Of the reference, between two texts; in one line.
fn between(from: &str, to: &str) -> String {
    let (_, rest) = REFERENCE.split_once(from).unwrap_or_else(|| panic!("{from:?} is not in it"));
    let (text, _) = rest.split_once(to).unwrap_or_else(|| panic!("no {to:?} after {from:?}"));
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The kinds of all faults that stories of that extent have.
fn drawn(seeds: u64, extent: Extent) -> BTreeSet<String> {
    let text = |seed| Story::sized(seed, extent).draft().to_string();
    let kinds = |text: String| -> Vec<String> {
        let named = text.lines().filter_map(|line| line.strip_prefix("kind = "));
        named.map(|kind| kind.trim_matches('"').to_owned()).collect()
    };
    (1..=seeds).flat_map(|seed| kinds(text(seed))).collect()
}

#[test]
fn the_reference_says_which_kinds_stories_have_and_how_many_of_them_are_run() {
    let of = |seeds, kinds| drawn(seeds, Extent { kinds, ..Extent::SMALL });
    let (plain, worn, odd) = (of(200, Kinds::Common), of(1_000, Kinds::Worn), of(1_000, Kinds::All));
    let last = KINDS.iter().position(|kind| kind.name == "cma-disk").unwrap();
    let rows: BTreeSet<String> = KINDS[..=last].iter().map(|kind| kind.name.to_owned()).collect();
    assert!(plain.is_subset(&rows) && plain.is_subset(&worn) && worn.is_subset(&odd), "{plain:?}");
    let all: BTreeSet<String> = KINDS.iter().map(|kind| kind.name.to_owned()).collect();
    assert_eq!(odd, all, "no kind is left to files alone");
    let told = between("With `--odd` there are ", " too");
    let told: BTreeSet<String> = told.split('`').skip(1).step_by(2).map(str::to_owned).collect();
    assert_eq!(odd.difference(&worn).cloned().collect::<BTreeSet<_>>(), told);
    let random = include_str!("random.rs");
    let many = between("--test random` runs ", ", every one in both engines");
    for (name, words) in [
        ("SEEDS", "first N small ones"),
        ("WORN_SEEDS", "first N worn ones"),
        ("ODD_SEEDS", "first N odd ones"),
        ("LARGE_SEEDS", "first N of 200 hosts"),
    ] {
        let count = random.split_once(&format!("const {name}: u64 = ")).unwrap().1.split(';').next().unwrap();
        assert!(many.contains(&words.replace('N', count)), "{name} is {count}: {many}");
    }
}

/// What is missing is said in words that nothing which exists is called by, but for the nouns of every network.
#[test]
fn the_reference_denies_no_kind_and_no_shape_that_exists() {
    let (_, missing) = REFERENCE.split_once("## What a scenario cannot say yet").unwrap();
    let words: BTreeSet<&str> = missing.split(|c: char| !c.is_alphanumeric() && c != '-').collect();
    let nouns = ["relay", "cma", "wan", "probe", "cable", "uplink"];
    let kinds = KINDS.iter().map(|kind| kind.name).filter(|name| !nouns.contains(name));
    for word in kinds.chain(WANS).chain(BONDS).chain(SPEAKS) {
        assert!(!words.contains(word), "`{word}` exists: {missing}");
    }
}
