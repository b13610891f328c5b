//! Scenario files from a disk.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use ringmesh_netsim::scenario::{Refusal, Scenario};

/// Why nothing was run.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unusable {
    /// The file says what cannot be.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// It cannot be read.
    #[error("{}: {error}: name a scenario file, or a folder with some", .path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// The engine has no threads to share its work among.
    #[error("--threads needs --engine ring: the reference engine has one; add it, or leave --threads out")]
    Threads,
    /// There is none.
    #[error("{}: no scenario file (*.toml) in it{}", .path.display(), instead(.below))]
    Empty {
        /// Where.
        path: PathBuf,
        /// The folders in it.
        below: Vec<PathBuf>,
    },
}

/// The scenario of one file.
pub(super) fn one(path: &Path) -> Result<Scenario, Unusable> {
    Ok(with_text(path)?.0)
}

/// The same, and what is written there.
pub(super) fn with_text(path: &Path) -> Result<(Scenario, String), Unusable> {
    let octets = fs::read(path).map_err(at(path))?;
    // What is no text is refused by whoever reads it, with the line.
    let text = String::from_utf8_lossy(&octets).into_owned();
    Ok((Scenario::read_octets(&path.display().to_string(), octets)?, text))
}

/// What lies in a folder.
pub(super) struct Folder {
    /// By name.
    pub(super) scenarios: Vec<Scenario>,
    /// Folders below it: not looked into.
    pub(super) below: Vec<PathBuf>,
}

/// All scenarios of a folder; all are read before any is run.
pub(super) fn folder(path: &Path) -> Result<Folder, Unusable> {
    let entries = fs::read_dir(path).map_err(at(path))?;
    let entries: Result<Vec<PathBuf>, io::Error> =
        entries.map(|entry| entry.map(|entry| entry.path())).collect();
    let mut entries = entries.map_err(at(path))?;
    entries.sort();
    let (below, mut files): (Vec<PathBuf>, Vec<PathBuf>) =
        entries.into_iter().partition(|entry| entry.is_dir());
    files.retain(|file| file.extension().is_some_and(|extension| extension == "toml"));
    if files.is_empty() {
        return Err(Unusable::Empty { path: path.to_owned(), below });
    }
    let scenarios = files.iter().map(|file| one(file)).collect::<Result<_, _>>()?;
    Ok(Folder { scenarios, below })
}

fn at(path: &Path) -> impl Fn(io::Error) -> Unusable {
    move |error| Unusable::Unreadable { path: path.to_owned(), error }
}

/// Where else there may be some.
fn instead(below: &[PathBuf]) -> String {
    let names: Vec<String> = below.iter().map(|folder| folder.display().to_string()).collect();
    if names.is_empty() {
        String::new()
    } else {
        format!("; folders below are not looked into: {}", names.join(", "))
    }
}
