//! Running the system's programs: one clear error for a missing one, a missing right or a failure.

use std::io::{ErrorKind, Write as _};
use std::process::{Command, Output, Stdio};

use super::error::LabError;

/// Programs of the system that the lab uses, with the Debian packages that have them.
const PACKAGES: &[(&str, &str)] = &[
    ("ip", "iproute2"),
    ("nft", "nftables"),
    ("setsid", "util-linux"),
    ("unshare", "util-linux"),
    ("nsenter", "util-linux"),
    ("lldpd", "lldpd"),
    ("env", "coreutils"),
    ("sleep", "coreutils"),
    ("timeout", "coreutils"),
    ("sh", "dash"),
];

/// A command of the system; found also where an ordinary user's PATH does not look.
pub(super) fn system(program: &str) -> Command {
    let mut command = Command::new(program);
    let path = std::env::var("PATH").unwrap_or_default();
    command.env("PATH", format!("{path}:/usr/sbin:/sbin:/usr/bin:/bin"));
    command.env("LC_ALL", "C");
    command
}

/// Whether `program` can be found where [`system`] looks.
///
/// # Errors
/// [`LabError::MissingProgram`].
pub(super) fn require(program: &str) -> Result<(), LabError> {
    let path = std::env::var("PATH").unwrap_or_default();
    let places = path.split(':').chain(["/usr/sbin", "/sbin", "/usr/bin", "/bin"]);
    let found = places
        .filter(|place| !place.is_empty())
        .any(|place| std::path::Path::new(place).join(program).is_file());
    if found { Ok(()) } else { Err(missing(program)) }
}

fn missing(program: &str) -> LabError {
    let package =
        PACKAGES.iter().find(|(name, _)| *name == program).map_or("it is part of", |(_, package)| package);
    LabError::MissingProgram { program: program.into(), package }
}

/// Runs to the end with `input` on standard input and returns standard output.
///
/// # Errors
/// [`LabError::MissingProgram`], [`LabError::NotPermitted`] or [`LabError::Failed`], with the program's words.
pub(super) fn run(command: &mut Command, input: &str) -> Result<String, LabError> {
    let output = finish(command, input)?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        return Ok(text);
    }
    Err(refusal(command, input, &output))
}

/// Runs to the end whatever its exit code is.
///
/// # Errors
/// [`LabError::MissingProgram`], or [`LabError::Failed`] if it could not be started.
pub(super) fn finish(command: &mut Command, input: &str) -> Result<Output, LabError> {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| not_started(command, &error))?;
    if let Some(mut stdin) = child.stdin.take() {
        // A program that refuses early closes its input; its exit code and words tell why.
        let _ = stdin.write_all(input.as_bytes());
    }
    child.wait_with_output().map_err(|error| LabError::Failed(format!("{}: {error}", name_of(command))))
}

/// Why a program could not be started.
pub(super) fn not_started(command: &Command, error: &std::io::Error) -> LabError {
    let name = name_of(command);
    match error.kind() {
        ErrorKind::NotFound if !name.contains('/') => missing(&name),
        ErrorKind::PermissionDenied => LabError::NotPermitted(format!("{name} may not be run: {error}")),
        _ => LabError::Failed(format!("{name} cannot be run: {error}")),
    }
}

fn refusal(command: &Command, input: &str, output: &Output) -> LabError {
    let said = String::from_utf8_lossy(&output.stderr).trim().to_string();
    let line = words(command);
    let about = failing_line(&said, input).map(|line| format!(" at `{line}`")).unwrap_or_default();
    if said.contains("not permitted") || said.contains("ermission denied") {
        return LabError::NotPermitted(format!(
            "`{line}`{about} was refused ({said}); the lab needs root, or a kernel that lets ordinary users make \
             network namespaces (unshare -Urnm)"
        ));
    }
    LabError::Failed(format!("`{line}`{about} failed ({}): {said}", output.status))
}

/// The line of a batch that `ip` complains about: "Command failed -:3".
fn failing_line<'a>(said: &str, input: &'a str) -> Option<&'a str> {
    let number: usize = said.rsplit("failed -:").next()?.split_whitespace().next()?.parse().ok()?;
    input.lines().nth(number.checked_sub(1)?)
}

fn name_of(command: &Command) -> String {
    command.get_program().to_string_lossy().into_owned()
}

/// The command as one would type it.
pub(super) fn words(command: &Command) -> String {
    let args = command.get_args().map(|arg| arg.to_string_lossy().into_owned());
    std::iter::once(name_of(command)).chain(args).collect::<Vec<_>>().join(" ")
}

/// Runs a batch of `ip` commands, in a namespace or (with `None`) in our own.
///
/// # Errors
/// As [`run`]; the batch ends at the first line that fails.
pub(super) fn ip_batch(netns: Option<&str>, lines: &str) -> Result<(), LabError> {
    if lines.is_empty() {
        return Ok(());
    }
    let mut ip = system("ip");
    if let Some(netns) = netns {
        ip.args(["-n", netns]);
    }
    run(ip.args(["-batch", "-"]), lines).map(drop)
}

/// A command inside a namespace, with the namespace's own view of /sys.
pub(super) fn inside(netns: &str, program: &str) -> Command {
    let mut command = system("ip");
    command.args(["netns", "exec", netns, program]);
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_program_is_named_with_its_package_and_exit_code_4() {
        let error = missing("nft");
        assert!(error.to_string().contains("nftables"), "{error}");
        assert_eq!(error.exit_code(), 4);
        assert!(require("no-such-program-here").is_err());
        assert!(require("sh").is_ok());
    }

    #[test]
    fn a_failed_batch_names_the_line_that_failed() {
        let said = "Error: argument \"x\" is wrong: bad\nCommand failed -:2";
        assert_eq!(failing_line(said, "one\ntwo\nthree\n"), Some("two"));
        assert_eq!(failing_line("no such thing", "one\n"), None);
        assert_eq!(failing_line("Command failed -:0", "one\n"), None);
    }

    #[test]
    fn a_program_that_fails_is_told_in_its_own_words() {
        let error = run(system("sh").args(["-c", "echo broken >&2; exit 3"]), "").unwrap_err();
        assert!(error.to_string().contains("broken"), "{error}");
        assert_eq!(error.exit_code(), 1);
        assert_eq!(run(system("sh").args(["-c", "cat"]), "hello").unwrap(), "hello");
    }
}
