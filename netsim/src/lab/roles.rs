//! Starting the lab's processes: each in its namespace, its folder and a session of its own.

use std::ffi::OsString;
use std::fs::{self, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde::{Deserialize, Serialize};

use super::command::{not_started, system};
use super::error::{LabError, at};
use super::process::{MARK, ProcessId};
use super::state::Running;

/// What a process of the lab is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Role {
    /// `ringmesh-cma`.
    Cma,
    /// `ringmesh-relay`.
    Relay,
    /// `ringmesh-probe`.
    Probe,
    /// Ours or lldpd, on a switch.
    Announcer,
    /// Ours, in the place of a cable of the WAN.
    Wan,
    /// Ours, between the CMA and a Neo4j outside.
    Pipe,
}

impl Role {
    /// For tables and file names.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Cma => "cma",
            Self::Relay => "relay",
            Self::Probe => "probe",
            Self::Announcer => "announcer",
            Self::Wan => "wan",
            Self::Pipe => "pipe",
        }
    }
}

/// One process to be.
pub(super) struct Launch {
    /// Of the host, the switch, the relay, the leg (`wan-s1`) or `cma`.
    pub(super) name: String,
    /// What it is.
    pub(super) role: Role,
    /// Where it lives.
    pub(super) netns: String,
    /// What runs.
    pub(super) program: PathBuf,
    /// With these words.
    pub(super) args: Vec<OsString>,
    /// Where its words go.
    pub(super) log: PathBuf,
}

impl Launch {
    /// Starts it. It outlives us: its session is its own, and nothing of ours is open in it.
    ///
    /// # Errors
    /// [`LabError::MissingProgram`], [`LabError::File`] for its log, [`LabError::Failed`].
    pub(super) fn start(self, lab: &Path) -> Result<Running, LabError> {
        let log =
            OpenOptions::new().create(true).append(true).open(&self.log).map_err(at(&self.log, "open"))?;
        let again = log.try_clone().map_err(at(&self.log, "open"))?;
        // Each of these becomes the program it starts, so the pid stays the child's. A child inherits the
        // signals that we wait for as blocked ones; a daemon must hear them.
        let mut command = system("setsid");
        command
            .args(["env", "--default-signal=TERM,INT,HUP", "ip", "netns", "exec", &self.netns])
            .arg(&self.program)
            .args(&self.args);
        // Logs are read as text, by people and by us.
        command.env(MARK, lab).env("NO_COLOR", "1").current_dir(lab);
        command.stdin(Stdio::null()).stdout(log).stderr(again);
        let child = command.spawn().map_err(|error| not_started(&command, &error))?;
        let process = identify(child.id())?;
        Ok(Running { name: self.name, role: self.role, process, log: self.log })
    }
}

/// Starts what keeps an ordinary user's namespaces alive after the command that made them.
///
/// # Errors
/// As [`Launch::start`].
pub(super) fn start_keeper(lab: &Path) -> Result<ProcessId, LabError> {
    let mut command = system("setsid");
    command.args(["sleep", "infinity"]).env(MARK, lab).current_dir("/");
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let child = command.spawn().map_err(|error| not_started(&command, &error))?;
    identify(child.id())
}

fn identify(pid: u32) -> Result<ProcessId, LabError> {
    // Our own child cannot be gone from the table: nobody has buried it.
    let id = i32::try_from(pid).ok().and_then(ProcessId::of);
    id.ok_or_else(|| LabError::Failed(format!("process {pid} vanished as it was started; is /proc mounted?")))
}

/// The last lines of a log, for whoever must find out what happened.
pub(super) fn tail(log: &Path, lines: usize) -> String {
    let text = fs::read(log).map(|octets| String::from_utf8_lossy(&octets).into_owned()).unwrap_or_default();
    let all: Vec<&str> = text.lines().collect();
    all.get(all.len().saturating_sub(lines)..).unwrap_or_default().join("\n")
}
