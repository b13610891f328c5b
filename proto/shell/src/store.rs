//! The durable store of relay and CMA: an ordered map of octets in one file, written behind the caller's back.
//!
//! A pure core decides what must survive and in which form; it orders [`Keep`]s, and the store knows octets only.
//! Batches wait in memory; a thread of its own writes what waits, in their order and each of them whole, in one
//! durable transaction after the other. So a caller's loop never waits for a disk.
//!
//! # Promises
//! - Whenever the process is killed or the power fails, the file holds the batches up to some ticket, and nothing
//!   of those after; never fewer than [`Store::committed`] has told.
//! - What cannot be written (no room, a failing disk) is kept in memory, the last word about each key, and tried
//!   again; [`Store::trouble`] says so until it works. Whether to go on meanwhile is the caller's business.
//! - A file of somebody else, a damaged one and one that is in use are refused and keep what they hold.
//!
//! A file that was moved away or replaced while it was in use is trouble too: what were written to it would not be
//! found at the next start.

mod error;
mod file;
mod queue;
mod writer;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use ringmesh_proto::keep::Keep;
use tokio::sync::{oneshot, watch};

pub use error::StoreError;
use file::StoreFile;
use writer::{DIED, Pauses, Shared};

/// Whose store it is, and in which form its records are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// The role, such as `relay`.
    pub kind: &'static str,
    /// The highest version of the records that the caller reads, and the one it writes.
    ///
    /// Who finds a lower one ([`Opened::version`]) submits its conversion as the first batch: the transaction that
    /// writes it raises the version of the file.
    pub version: u32,
    /// Whose, such as `site fra1 relay 1`: so that two never use one file after another by mistake.
    pub owner: String,
}

/// The number of a batch since the store was opened; the first is 1. Later ones are greater.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ticket(pub u64);

/// Key and value.
pub type Record = (Vec<u8>, Vec<u8>);

/// What a store says when it has been opened.
#[derive(Debug)]
pub struct Opened {
    /// Takes what changes from now on.
    pub store: Store,
    /// Everything it holds, in the order of the keys.
    pub records: Vec<Record>,
    /// The version that these were written in; the caller's own where the file is new.
    pub version: u32,
}

impl Opened {
    /// Refuses records of an older version, for a role that converts none. The file stays as it is.
    pub fn in_version(self, path: &Path, version: u32) -> Result<Self, StoreError> {
        if self.version < version {
            return Err(StoreError::Older { path: path.to_owned(), found: self.version, known: version });
        }
        Ok(self)
    }
}

/// What can be told about a store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Records in the file.
    pub records: u64,
    /// Octets of the file.
    pub file_octets: u64,
    /// Transactions since it was opened.
    pub commits: u64,
    /// How long the last of these took.
    pub last_commit: Duration,
    /// Changes that are not in the file yet, the one being written included.
    pub waiting: usize,
    /// For how long the oldest of these has been waiting. A disk that hangs shows here, and nowhere else.
    pub waiting_for: Duration,
}

/// What a look at a file that nobody uses has found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Looked<T> {
    /// Whose it is.
    pub owner: String,
    /// The version of its records.
    pub version: u32,
    /// What was made of them.
    pub taken: T,
}

/// Reads a file that no process uses, every octet of it against its checksum, and changes nothing.
pub fn look<T>(
    path: &Path,
    kind: &'static str,
    version: u32,
    take: impl FnOnce(u32, &mut dyn Iterator<Item = Record>) -> T,
) -> Result<Looked<T>, StoreError> {
    let mut file = StoreFile::open_any(path, kind, version)?;
    let taken = file.read_all(take)?;
    let (owner, version) = file.header();
    Ok(Looked { owner: owner.to_owned(), version, taken })
}

/// Makes a file that no process uses as small as its content; its octets before and after.
pub fn compact(path: &Path, kind: &'static str, version: u32) -> Result<(u64, u64), StoreError> {
    StoreFile::open_any(path, kind, version)?.shrink()
}

/// The store was closed, and some changes are not in the file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{changes} changes were not written: {why}")]
pub struct NotWritten {
    /// How many changes.
    pub changes: usize,
    /// What is in the way.
    pub why: String,
}

/// An open store. Dropped without [`Store::close`], it still writes what waits for as long as the process lives.
#[derive(Debug)]
pub struct Store {
    shared: Arc<Shared>,
    committed: watch::Receiver<Ticket>,
    trouble: watch::Receiver<Option<String>>,
    ended: oneshot::Receiver<Result<(), NotWritten>>,
}

impl Store {
    /// Opens the file, or makes it and its folder where there is none. Takes as long as reading all of it does.
    ///
    /// Where there is no room to make one, the store begins in trouble, and makes it when there is.
    pub fn open(path: &Path, header: Header) -> Result<Opened, StoreError> {
        Self::open_with(path, header, Pauses::USUAL)
    }

    fn open_with(path: &Path, header: Header, pauses: Pauses) -> Result<Opened, StoreError> {
        let found = StoreFile::open(path, header, |version, records| (version, records.collect()))?;
        let (version, records) = found.taken;
        Ok(Opened { store: Self::start(path, found.file, found.trouble, pauses)?, records, version })
    }

    /// Opens the file as [`Self::open`] does, and hands the records on one by one, for those who have more of them than
    /// should stand in memory twice. `take` is told the version they were written in; what it returns counts only if
    /// all of them could be read.
    pub fn open_streaming<T>(
        path: &Path,
        header: Header,
        take: impl FnOnce(u32, &mut dyn Iterator<Item = Record>) -> T,
    ) -> Result<(Self, T), StoreError> {
        let found = StoreFile::open(path, header, take)?;
        Ok((Self::start(path, found.file, found.trouble, Pauses::USUAL)?, found.taken))
    }

    fn start(
        path: &Path,
        file: StoreFile,
        trouble: Option<String>,
        pauses: Pauses,
    ) -> Result<Self, StoreError> {
        let (shared, committed, trouble) = Shared::new(file.size(), trouble);
        let ended = writer::start(Arc::clone(&shared), file, pauses)
            .map_err(|error| StoreError::of_file(path, error))?;
        Ok(Self { shared, committed, trouble, ended })
    }

    /// Hands over changes that belong together: all of them will be in the file, or none. Never waits for the disk.
    pub fn submit(&self, batch: Vec<Keep>) -> Ticket {
        self.shared.push(batch)
    }

    /// The highest ticket whose batch, with all before it, survives a crash.
    pub fn committed(&self) -> watch::Receiver<Ticket> {
        self.committed.clone()
    }

    /// What is in the way of writing, in words for an operator; `None` while nothing is.
    pub fn trouble(&self) -> watch::Receiver<Option<String>> {
        self.trouble.clone()
    }

    /// How large it is, and how it fares.
    pub fn stats(&self) -> Stats {
        self.shared.stats()
    }

    /// Makes a copy of what is durable at this moment, in a new file that only this user may read, while the store goes
    /// on; tells its records and octets. A file that is there already is left alone. What fails leaves nothing behind.
    pub fn backup(&self, to: &Path) -> impl Future<Output = Result<(u64, u64), StoreError>> + Send + use<> {
        let (to, copied) = (to.to_owned(), self.shared.copy(to.to_owned()));
        async move {
            let died = |_| Err(StoreError::of_file(&to, std::io::Error::other(DIED)));
            let size = copied.await.unwrap_or_else(died)?;
            Ok((size.records, size.octets))
        }
    }

    /// Writes what waits and closes the file. In trouble it tries once more and gives up.
    ///
    /// A disk that hangs keeps it waiting: give it a time limit.
    pub async fn close(mut self) -> Result<(), NotWritten> {
        self.shared.finish();
        let unwritten = |_| Err(NotWritten { changes: self.shared.stats().waiting, why: DIED.into() });
        (&mut self.ended).await.unwrap_or_else(unwritten)
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        self.shared.finish();
    }
}

#[cfg(test)]
mod tests;
