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

impl Kind {
    /// Of a file that cannot be read or written: a missing right where the system says so, else a wrong file.
    pub fn of_file(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => Self::Right,
            _ => Self::Usage,
        }
    }
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

    /// A file or folder that cannot be used. `what` says which one is meant, as the configuration calls it.
    pub fn file(what: &str, path: &Path, error: &io::Error, remedy: &str) -> Self {
        Self::new(Kind::of_file(error), format!("{what} {}: {error}", path.display()), remedy)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_one_line_with_a_remedy_and_a_missing_right_has_its_own_exit_code() {
        use io::ErrorKind as K;
        for (error, code) in
            [(K::PermissionDenied, 4), (K::ReadOnlyFilesystem, 4), (K::NotFound, 2), (K::StorageFull, 2)]
        {
            let failure = Failure::file("state_dir", Path::new("/x"), &error.into(), "name another");
            assert_eq!(failure.exit_code(), code, "{failure}");
            let text = failure.to_string();
            assert!(text.starts_with("state_dir /x: ") && text.ends_with("; name another"), "{text}");
        }
    }
}
