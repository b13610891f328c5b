//! What is remembered of a lab between commands: a file in its folder, written before what it tells of.

use std::fs::{self, File, TryLockError};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::error::{LabError, at};
use super::layout::Layout;
use super::process::ProcessId;
use super::roles::Role;
use super::script::Fault;
use super::wan::Quality;

/// Who announces the switches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Announcer {
    /// Our own encoder, one small process per switch.
    Own,
    /// Debian's lldpd, one per switch. Needs root.
    Lldpd,
    /// Nobody: switches that speak no LLDP.
    None,
}

/// How patient the relay is when it closes and settles incidents. Detection is the same in both.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Profile {
    /// Closing and settling shortened, so that a tour takes minutes.
    Lab,
    /// Everything as shipped.
    Default,
    /// As a scenario says.
    #[value(skip)]
    Scenario(Timing),
}

impl Profile {
    /// What differs from what is shipped.
    pub(super) fn timing(self) -> Timing {
        match self {
            // Settling outlasts a cut-off probe's longest pause between two questions, 5 s and a quarter: else
            // a host that is well would count as one that did not return.
            Self::Lab => Timing { close_hold_s: Some(3), settle_s: Some(10), boot_grace_s: None },
            Self::Default => Timing::default(),
            Self::Scenario(timing) => timing,
        }
    }
}

/// Constants of a relay, in its configuration's words; what is not said is as shipped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timing {
    /// How long a return must hold before an incident is closed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub close_hold_s: Option<u32>,
    /// After the first return behind a healed component: when stragglers are called so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub settle_s: Option<u32>,
    /// The same where power was lost, or may have been.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub boot_grace_s: Option<u32>,
}

/// One of the lab's processes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Running {
    /// Of the host, the switch, the relay, the leg (`wan-s1`) or `cma`.
    pub(super) name: String,
    /// What it is.
    pub(super) role: Role,
    /// The process itself.
    pub(super) process: ProcessId,
    /// Where its words go.
    pub(super) log: PathBuf,
}

/// Something broken on purpose.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Broken {
    /// Whose.
    pub(super) name: String,
    /// [`Fault::word`].
    pub(super) fault: String,
    /// Of a fault that loses frames.
    #[serde(default)]
    pub(super) permille: u16,
    /// Milliseconds since the epoch.
    pub(super) since_ms: u64,
}

impl Broken {
    /// The fault itself; `None` for a word that a later version wrote.
    pub(super) fn fault(&self) -> Option<Fault> {
        let loss = Fault::Loss { permille: self.permille };
        Fault::PLAIN.into_iter().chain([loss]).find(|fault| fault.word() == self.fault)
    }
}

/// Everything one command must know of what another did.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct State {
    /// Of this file's shape.
    pub(super) schema: u32,
    /// Before every namespace's name.
    pub(super) prefix: String,
    /// The network.
    pub(super) layout: Layout,
    /// Who announces.
    pub(super) announcer: Announcer,
    /// Relay timing.
    pub(super) profile: Profile,
    /// Of the legs between sites.
    pub(super) wan: Quality,
    /// The Unix socket of a Neo4j, for the CMA's mirror.
    #[serde(default)]
    pub(super) neo4j: Option<PathBuf>,
    /// Seconds between two announcements of a port.
    pub(super) tx_interval_s: u16,
    /// Where our programs are.
    pub(super) bin_dir: PathBuf,
    /// Whether the namespaces live inside an ordinary user's own namespaces.
    pub(super) rootless: bool,
    /// The command that builds or tours it; absent once the lab lives by itself.
    pub(super) owner: Option<ProcessId>,
    /// Keeps an ordinary user's namespaces alive and lets later commands find them.
    pub(super) keeper: Option<ProcessId>,
    /// Every process started.
    pub(super) processes: Vec<Running>,
    /// What is broken now.
    pub(super) broken: Vec<Broken>,
}

const FILE: &str = "state.json";

impl State {
    /// Reads a lab's folder. `None` if there is no lab in it.
    ///
    /// # Errors
    /// [`LabError::File`] if the file cannot be read, [`LabError::Usage`] if it is not ours.
    pub(super) fn load(dir: &Path) -> Result<Option<Self>, LabError> {
        let path = dir.join(FILE);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(at(&path, "read")(error)),
        };
        let unreadable = |error| {
            LabError::Usage(format!("{}: not a lab's state ({error}); remove that folder", path.display()))
        };
        serde_json::from_str(&text).map(Some).map_err(unreadable)
    }

    /// Writes it, whole or not at all.
    ///
    /// # Errors
    /// [`LabError::File`].
    pub(super) fn save(&self, dir: &Path) -> Result<(), LabError> {
        let text = serde_json::to_string_pretty(self).map_err(|error| LabError::Failed(error.to_string()))?;
        replace(&dir.join(FILE), &text)
    }

    /// Whether nobody will ever come back for it: its builder is gone, or every process of it.
    pub(super) fn is_dead(&self) -> bool {
        match self.owner {
            Some(owner) => !owner.is_alive(),
            None => !self.processes.iter().any(|running| running.process.is_alive()),
        }
    }
}

/// Writes a file so that a reader sees the old text or the new one, never half of it.
///
/// # Errors
/// [`LabError::File`].
pub(super) fn replace(path: &Path, text: &str) -> Result<(), LabError> {
    let fresh = path.with_extension("new");
    let write = || {
        let mut file = File::create(&fresh)?;
        file.write_all(text.as_bytes())?;
        fs::rename(&fresh, path)
    };
    write().map_err(at(path, "write"))
}

/// Held by the one command that may change a lab.
#[derive(Debug)]
pub(super) struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock of a lab's folder.
    ///
    /// # Errors
    /// [`LabError::Usage`] if another command holds it.
    pub(super) fn take(dir: &Path) -> Result<Self, LabError> {
        let path = dir.join("lock");
        let file = File::create(&path).map_err(at(&path, "create"))?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => Err(LabError::Usage(format!(
                "{}: another command works on this lab (a tour?); wait for it or interrupt it",
                dir.display()
            ))),
            Err(TryLockError::Error(error)) => Err(at(&path, "lock")(error)),
        }
    }
}

/// Labs below a folder, with what is known of them; unreadable ones are left alone.
pub(super) fn labs_below(base: &Path) -> Vec<(PathBuf, State)> {
    let entries = fs::read_dir(base).into_iter().flatten().flatten();
    let mut labs: Vec<_> = entries
        .filter_map(|entry| Some((entry.path(), State::load(&entry.path()).ok().flatten()?)))
        .collect();
    labs.sort_by(|a, b| a.0.cmp(&b.0));
    labs
}
