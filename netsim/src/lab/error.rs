//! What can go wrong in the lab, and the exit code that says whose fault it was.

use std::io;
use std::path::{Path, PathBuf};

/// Why a lab command ended early.
#[derive(Debug, thiserror::Error)]
pub enum LabError {
    /// The caller asked for something that does not exist or cannot be. Nothing was changed.
    #[error("{0}")]
    Usage(String),
    /// A program of the system is not installed. Nothing was changed.
    #[error("{program} is not installed; install the package {package} (apt-get install {package})")]
    MissingProgram {
        /// What was to be run.
        program: String,
        /// The Debian package that has it.
        package: &'static str,
    },
    /// One of our own programs is not where it was looked for. Nothing was changed.
    #[error("{} is missing; build it (cargo build --workspace --bins) or name its folder with --bin-dir", .0.display())]
    MissingBinary(PathBuf),
    /// The kernel refuses what the lab needs.
    #[error("{0}")]
    NotPermitted(String),
    /// Something that should answer does not; the lab may be half up and is taken down by its owner.
    #[error("{0}")]
    Unreachable(String),
    /// A program ran and failed, or an expectation was not met.
    #[error("{0}")]
    Failed(String),
    /// A file or folder could not be used.
    #[error("{}: {what}: {source}", .path.display())]
    File {
        /// Where.
        path: PathBuf,
        /// What was attempted.
        what: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// A signal asked us to stop. The lab is taken down on the way out.
    #[error("interrupted")]
    Interrupted,
}

impl LabError {
    /// 1 a check failed, 2 bad usage, 3 cannot reach, 4 a right or a program is missing, 130 interrupted.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Failed(_) => 1,
            Self::Usage(_) => 2,
            Self::Unreachable(_) => 3,
            Self::MissingProgram { .. } | Self::MissingBinary(_) | Self::NotPermitted(_) => 4,
            Self::File { source, .. } if source.kind() == io::ErrorKind::PermissionDenied => 4,
            Self::File { .. } => 1,
            Self::Interrupted => 130,
        }
    }

    /// Whether this machine cannot run a lab at all, so that a test may be skipped with the reason.
    pub fn is_about_the_machine(&self) -> bool {
        matches!(self, Self::MissingProgram { .. } | Self::NotPermitted(_))
    }
}

/// Turns an IO error into one that names the path: `fs::write(..).map_err(at(path, "write"))`.
pub(super) fn at(path: &Path, what: &'static str) -> impl FnOnce(io::Error) -> LabError {
    move |source| LabError::File { path: path.to_path_buf(), what, source }
}
