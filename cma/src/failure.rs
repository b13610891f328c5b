//! Why a process ends: what is wrong, where, and what to do about it, in one line, with its exit code.

use std::fmt;
use std::io;
use std::path::Path;

/// Which exit code a failure has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A check failed: 1.
    Check,
    /// A wrong option, key or file: 2.
    Usage,
    /// Something needed cannot be reached or had: 3.
    OutOfReach,
    /// A right is missing: 4.
    Right,
}

/// One clear error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Its kind.
    pub kind: Kind,
    problem: String,
    remedy: String,
}

impl Failure {
    /// A failure with what to do about it.
    pub fn new(kind: Kind, problem: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { kind, problem: problem.into(), remedy: remedy.into() }
    }

    /// A wrong option, key or file.
    pub fn usage(problem: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::new(Kind::Usage, problem, remedy)
    }

    /// A file or folder that cannot be used: a missing right where the system says so.
    pub fn file(what: &str, path: &Path, error: &io::Error, remedy: &str) -> Self {
        let kind = match error.kind() {
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => Kind::Right,
            _ => Kind::Usage,
        };
        Self::new(kind, format!("{what} {}: {error}", path.display()), remedy)
    }

    /// What the process ends with.
    pub fn exit_code(&self) -> u8 {
        match self.kind {
            Kind::Check => 1,
            Kind::Usage => 2,
            Kind::OutOfReach => 3,
            Kind::Right => 4,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; {}", self.problem, self.remedy)
    }
}

impl std::error::Error for Failure {}

impl From<ringmesh_shell::store::StoreError> for Failure {
    fn from(error: ringmesh_shell::store::StoreError) -> Self {
        let failure = ringmesh_shell::failure::Failure::from(error);
        let kind = if failure.exit_code() == 4 { Kind::Right } else { Kind::Usage };
        Self::new(kind, failure.to_string(), "see docs/OPERATING.md")
    }
}
