//! Scenario files from a disk, and which revision of everything they belong to.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

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

/// The version of this program, and the revision of the working tree a file lies in, if git knows one.
pub(super) fn revision(folder: &Path) -> String {
    let version = env!("CARGO_PKG_VERSION");
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let told = Command::new("git").arg("-C").arg(folder).args(["describe", "--always", "--dirty"]).output();
    let told = told.ok().filter(|told| told.status.success());
    match told.and_then(|told| String::from_utf8(told.stdout).ok()) {
        Some(tree) => format!("{version} ({})", tree.trim()),
        None => version.to_owned(),
    }
}
