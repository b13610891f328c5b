//! What an operator asks on the command line.
//!
//! Results go to standard output, everything else to standard error. Exit codes: 0 fine, 1 a check failed,
//! 2 bad usage or configuration, 3 cannot reach the probe, 4 a right is missing.

mod attachments;
mod decode;
mod doctor;
mod listen;
mod paint;
mod status;

use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::process::ExitCode;
use std::time::Duration;

use serde::de::DeserializeOwned;

use crate::config::Config;
use crate::control::{self, Leaving, Refusal, Request};
pub use decode::decode;
pub use doctor::doctor;
pub use listen::listen;

/// A check failed.
pub const CHECK_FAILED: u8 = 1;
/// Bad usage or configuration.
pub const BAD_USAGE: u8 = 2;
/// The probe does not answer.
pub const UNREACHABLE: u8 = 3;
/// A right is missing.
pub const NO_RIGHT: u8 = 4;

/// A probe answers at once or not at all.
const PATIENCE: Duration = Duration::from_secs(5);

/// Why a command has no result.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// Nobody answers at the control socket.
    #[error("no probe answers at {path}: {error}; start it, or name its configuration with --config")]
    Unreachable {
        /// The socket.
        path: String,
        /// What the system says.
        error: io::Error,
    },
    /// The socket is another group's.
    #[error("no right to ask the probe at {path}; be root or of the group that owns the socket")]
    NoRight {
        /// The socket.
        path: String,
    },
    /// The probe refused.
    #[error("{0}")]
    Refused(String),
    /// The answer makes no sense: another version answers.
    #[error(
        "the probe answered in words this command does not know ({0}); use the command of the same version"
    )]
    Strange(serde_json::Error),
}

impl CommandError {
    /// The exit code that scripts look at.
    pub fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::Unreachable { .. } | Self::Strange(_) => UNREACHABLE,
            Self::NoRight { .. } => NO_RIGHT,
            Self::Refused(_) => BAD_USAGE,
        })
    }
}

/// Prints what each port hangs on.
pub fn attachments(config: &Config, json: bool) -> Result<ExitCode, CommandError> {
    let answer = ask(config, &Request::Attachments)?;
    if json {
        print(&answer);
        return Ok(ExitCode::SUCCESS);
    }
    print(&attachments::table(&read(&answer)?, paint::Paint::of_stdout()));
    Ok(ExitCode::SUCCESS)
}

/// Prints how the probe does.
pub fn status(config: &Config, json: bool) -> Result<ExitCode, CommandError> {
    let answer = ask(config, &Request::Status)?;
    if json {
        print(&answer);
        return Ok(ExitCode::SUCCESS);
    }
    print(&status::text(&read(&answer)?, paint::Paint::of_stdout()));
    Ok(ExitCode::SUCCESS)
}

/// Has the probe say goodbye and end.
pub fn goodbye(
    config: &Config,
    reason: String,
    back_within_s: Option<u32>,
) -> Result<ExitCode, CommandError> {
    let answer = ask(config, &Request::Goodbye { reason, back_within_s })?;
    let leaving: Leaving = read(&answer)?;
    eprintln!("the probe of {} leaves: {}", config.name, leaving.leaving);
    Ok(ExitCode::SUCCESS)
}

/// Asks the running probe; its answer is one line.
fn ask(config: &Config, request: &Request) -> Result<String, CommandError> {
    let path = config.control_socket();
    exchange(&path, request).map_err(|error| match error.kind() {
        io::ErrorKind::PermissionDenied => CommandError::NoRight { path: path.display().to_string() },
        _ => CommandError::Unreachable { path: path.display().to_string(), error },
    })
}

fn exchange(path: &std::path::Path, request: &Request) -> io::Result<String> {
    let mut probe = UnixStream::connect(path)?;
    probe.set_read_timeout(Some(PATIENCE))?;
    probe.set_write_timeout(Some(PATIENCE))?;
    writeln!(probe, "{}", control::line(request))?;
    let mut answer = String::new();
    BufReader::new(probe).read_line(&mut answer)?;
    if answer.is_empty() {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(answer)
}

fn read<T: DeserializeOwned>(answer: &str) -> Result<T, CommandError> {
    if let Ok(Refusal { error }) = serde_json::from_str(answer) {
        return Err(CommandError::Refused(error));
    }
    serde_json::from_str(answer).map_err(CommandError::Strange)
}

/// To standard output; a reader that has gone away (`| head`) is no error.
fn print(text: &str) {
    let mut out = io::stdout().lock();
    let _ = writeln!(out, "{}", text.trim_end());
}
