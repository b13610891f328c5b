//! Why a store cannot be had. In every case the file holds what it held.

use std::io;
use std::path::{Path, PathBuf};

use crate::failure::{Failure, Kind};
use crate::owner::Owner;

/// Why [`super::Store::open`] refuses.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The system forbids it: a right is missing.
    #[error("store {}: {error}", path.display())]
    Forbidden {
        /// The file.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// No file can be there, or it cannot be read or written to the end.
    #[error("store {}: {error}", path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// A process has it open.
    #[error("store {}: it is in use by {}", path.display(), of(owner.as_ref()))]
    InUse {
        /// The file.
        path: PathBuf,
        /// Who, if that can be seen.
        owner: Option<Owner>,
    },
    /// Something else than a store of ringmesh.
    #[error("store {}: this is no store of ringmesh ({why})", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// How that is known.
        why: String,
    },
    /// Not what was once written, in a way that no crash explains.
    #[error("store {}: it is damaged ({why})", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// The store of another role.
    #[error("store {}: it belongs to a {found}, this is a {wanted}", path.display())]
    OtherKind {
        /// The file.
        path: PathBuf,
        /// Of which role it is.
        found: String,
        /// Who asks.
        wanted: &'static str,
    },
    /// The store of another of the same role.
    #[error("store {}: it belongs to {found}, this is {wanted}", path.display())]
    OtherOwner {
        /// The file.
        path: PathBuf,
        /// Whose it is.
        found: String,
        /// Who asks.
        wanted: String,
    },
    /// Written by a newer release.
    #[error("store {}: its records have version {found}, this release reads up to {known}", path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// The version in the file.
        found: u32,
        /// The highest that the caller reads.
        known: u32,
    },
    /// Written by an older release, in a form that this one cannot read.
    #[error("store {}: its records have version {found}, this release reads {known} only", path.display())]
    Older {
        /// The file.
        path: PathBuf,
        /// The version in the file.
        found: u32,
        /// The only one that the caller reads.
        known: u32,
    },
}

fn of(owner: Option<&Owner>) -> String {
    owner.map_or_else(|| "a process that this user may not see".into(), ToString::to_string)
}

impl StoreError {
    /// What an operator does about it.
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::Forbidden { .. } => "let this user write the file and its folder, or name another folder",
            Self::Unusable { .. } => "make the disk and the folder usable, or name another folder",
            Self::InUse { .. } => "stop that process, or name another folder",
            Self::Foreign { .. } => "name another folder, or move the file away",
            Self::Damaged { .. } => {
                "put a copy back, or move the file away: then what it remembered has to be learned anew"
            }
            Self::OtherKind { .. } | Self::OtherOwner { .. } => {
                "give each its own folder, or correct the name in the configuration"
            }
            Self::Older { .. } => {
                "move the file away: what it remembered is learned anew; or run the release that wrote it"
            }
            Self::Newer { .. } => "run the newer release, or put back the copy made before it ran",
        }
    }

    /// What the system says about a file, sorted by what can be done about it.
    pub(super) fn of_file(path: &Path, error: io::Error) -> Self {
        let path = path.to_owned();
        match error.kind() {
            // The file ends before its own header says: it was cut.
            io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidData => {
                Self::Damaged { path, why: error.to_string() }
            }
            _ if Kind::of_file(&error) == Kind::Right => Self::Forbidden { path, error },
            _ => Self::Unusable { path, error },
        }
    }

    /// Whether there was no room on the disk.
    pub(super) fn is_no_room(&self) -> bool {
        use io::ErrorKind as K;
        matches!(self, Self::Unusable { error, .. } if matches!(error.kind(), K::StorageFull | K::QuotaExceeded))
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        let kind = match &error {
            StoreError::Forbidden { .. } => Kind::Right,
            StoreError::Unusable { .. }
            | StoreError::InUse { .. }
            | StoreError::Foreign { .. }
            | StoreError::Damaged { .. }
            | StoreError::OtherKind { .. }
            | StoreError::OtherOwner { .. }
            | StoreError::Newer { .. }
            | StoreError::Older { .. } => Kind::Usage,
        };
        Failure::new(kind, error.to_string(), error.remedy())
    }
}
