//! Why the relay does not start, in one line: what is wrong, where, and what to do about it.

use std::fmt;
use std::io;
use std::path::Path;

/// Which exit code a failure has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A wrong option, key or file: 2.
    Usage,
    /// Something the relay needs cannot be had from the system: 3.
    OutOfReach,
    /// A right is missing: 4.
    Right,
}

/// One clear error. By then nothing was changed and nothing was started.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    kind: Kind,
    problem: String,
    remedy: String,
}

impl Failure {
    pub(crate) fn new(kind: Kind, problem: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { kind, problem: problem.into(), remedy: remedy.into() }
    }

    /// A wrong option, key or file.
    pub(crate) fn usage(problem: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::new(Kind::Usage, problem, remedy)
    }

    /// A file that cannot be read or written: a missing right where the system says so. `what` names the file.
    pub(crate) fn file(what: &str, path: &Path, error: &io::Error, remedy: &str) -> Self {
        let kind = match error.kind() {
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => Kind::Right,
            _ => Kind::Usage,
        };
        Self::new(kind, format!("{what} {}: {error}", path.display()), remedy)
    }

    /// What the process ends with.
    pub(crate) fn exit_code(&self) -> u8 {
        match self.kind {
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
