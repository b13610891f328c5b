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
    /// There is none.
    #[error("{}: no scenario file (*.toml) in it", .0.display())]
    Empty(PathBuf),
}

/// The scenario of one file.
pub(super) fn one(path: &Path) -> Result<Scenario, Unusable> {
    let octets = fs::read(path).map_err(at(path))?;
    Ok(Scenario::read_octets(&path.display().to_string(), octets)?)
}

/// All scenarios of a folder, by name; all are read before any is run.
pub(super) fn folder(path: &Path) -> Result<Vec<Scenario>, Unusable> {
    let entries = fs::read_dir(path).map_err(at(path))?;
    let files: Result<Vec<PathBuf>, io::Error> =
        entries.map(|entry| entry.map(|entry| entry.path())).collect();
    let mut files = files.map_err(at(path))?;
    files.retain(|file| file.extension().is_some_and(|extension| extension == "toml"));
    files.sort();
    if files.is_empty() {
        return Err(Unusable::Empty(path.to_owned()));
    }
    files.iter().map(|file| one(file)).collect()
}

fn at(path: &Path) -> impl Fn(io::Error) -> Unusable {
    move |error| Unusable::Unreadable { path: path.to_owned(), error }
}
