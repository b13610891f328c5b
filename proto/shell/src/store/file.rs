//! The file: how it is made, recognised, read, written, and written again after an error.
//!
//! # Invariants
//! - At its path is a whole file of ours or none: a new one is made beside it and renamed.
//! - redb takes nothing more after an error of the disk. The next try opens the file anew, if it still is the same.

use std::any::Any;
use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use redb::backends::FileBackend;
use redb::{
    Builder, Database, DatabaseError, Durability, Range, ReadableDatabase, ReadableTableMetadata,
    TableDefinition,
};

use super::queue::Changes;
use super::writer::{Disk, Size};
use super::{Header, Record, StoreError};
use crate::owner;

const RECORDS: TableDefinition<&[u8], &[u8]> = TableDefinition::new("records");
const HEADER: TableDefinition<&str, &[u8]> = TableDefinition::new("ringmesh");
const KIND: &str = "kind";
const OWNER: &str = "owner";
const VERSION: &str = "version";

/// The first octets of every file of redb.
const MAGIC: &[u8] = b"redb\x1a\x0a\xa9\x0d\x0a";
/// All is read once at the start; after that, only what is changed.
const CACHE: usize = 16 << 20;
/// A file is made smaller at the start if it is larger than this and four times its content: redb gives back pages
/// to itself, not to the disk, and needs up to twice the content for its tree.
const COMPACT_FROM: u64 = 16 << 20;
/// Records of a copy that are written in one transaction.
const COPIED_AT_ONCE: usize = 50_000;
/// What a record takes beside its octets, about.
const PER_RECORD: u64 = 16;

/// A store's file, open or about to be opened again.
pub(super) struct StoreFile {
    path: PathBuf,
    header: Header,
    /// Whoever's it is, it is taken.
    any_owner: bool,
    /// Device and inode; `None` while there was no room to make the file.
    identity: Option<(u64, u64)>,
    database: Option<Database>,
    /// What the file says of its records.
    version: u32,
    size: Size,
}

/// What was found at the path.
pub(super) struct Found<T> {
    pub(super) file: StoreFile,
    /// What was made of the records.
    pub(super) taken: T,
    pub(super) trouble: Option<String>,
}

impl StoreFile {
    fn new(path: &Path, header: Header) -> Self {
        let version = header.version;
        let path = path.to_owned();
        Self {
            path,
            header,
            any_owner: false,
            identity: None,
            database: None,
            version,
            size: Size::default(),
        }
    }

    /// `take` is handed the version of the records and all of them, in the order of their keys.
    pub(super) fn open<T>(path: &Path, header: Header, take: impl Take<T>) -> Result<Found<T>, StoreError> {
        let mut file = Self::new(path, header);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(|error| file.unusable(error))?;
        }
        let (taken, trouble) = match File::options().read(true).write(true).open(path) {
            Ok(existing) => {
                let database = file.adopt(existing)?;
                (file.take_stock(database, take)?, None)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let trouble = file.begin()?;
                (take(file.version, &mut std::iter::empty()), trouble)
            }
            Err(error) => return Err(file.unusable(error)),
        };
        Ok(Found { file, taken, trouble })
    }

    /// Opens a file that is there, whoever's it is, and keeps it from others meanwhile.
    pub(super) fn open_any(path: &Path, kind: &'static str, version: u32) -> Result<Self, StoreError> {
        let mut file = Self::new(path, Header { kind, version, owner: String::new() });
        file.any_owner = true;
        let existing =
            File::options().read(true).write(true).open(path).map_err(|error| file.unusable(error))?;
        file.database = Some(file.adopt(existing)?);
        Ok(file)
    }

    /// Whose it is, and in which version its records are.
    pub(super) fn header(&self) -> (&str, u32) {
        (&self.header.owner, self.version)
    }

    /// Hands out everything and changes nothing.
    pub(super) fn read_all<T>(&mut self, take: impl Take<T>) -> Result<T, StoreError> {
        let mut reading = self.snapshot()?;
        let taken = self.guarded(|file| Ok(take(file.version, &mut reading)))?;
        self.guarded(|file| reading.end().map_err(|error| file.refused(error)))?;
        Ok(taken)
    }

    /// Makes the file as small as its content; its octets before and after.
    pub(super) fn shrink(&mut self) -> Result<(u64, u64), StoreError> {
        let before = self.octets()?;
        let mut database = self.database.take().ok_or_else(|| self.gone())?;
        self.compact(&mut database)?;
        self.guarded(|file| database.close().map_err(|error| file.refused(error.into())))?;
        Ok((before, self.octets()?))
    }

    /// All that is in the file now, whatever is written to it from now on.
    fn snapshot(&mut self) -> Result<Reading, StoreError> {
        self.guarded(|file| {
            let database = file.database.as_ref().ok_or_else(|| file.gone())?;
            file.reading(database)
        })
    }

    /// A whole store beside its place, renamed when it is on the disk; a file that is there already is left alone.
    pub(super) fn write_copy(path: &Path, header: Header, mut all: Reading) -> Result<Size, StoreError> {
        let mut file = Self::new(path, header);
        if path.exists() {
            let error = io::Error::new(io::ErrorKind::AlreadyExists, "there is a file already");
            return Err(file.unusable(error));
        }
        let beside = path.with_added_extension("partial");
        let made = file.guarded(|file| file.fill_copy(&beside, &mut all));
        let made = made.and_then(|records| {
            // Unlike a rename, a link takes nobody's place.
            fs::hard_link(&beside, path)
                .and_then(|()| file.sync_folder())
                .map_err(|error| file.unusable(error))?;
            Ok(Size { records, octets: file.octets()? })
        });
        let _ = fs::remove_file(&beside);
        made
    }

    fn fill_copy(&mut self, beside: &Path, all: &mut Reading) -> Result<u64, StoreError> {
        let options =
            File::options().read(true).write(true).create(true).truncate(true).mode(0o600).open(beside);
        let database = self.redb(options.map_err(|error| self.unusable(error))?)?;
        self.write_header(&database).map_err(|error| self.refused(error))?;
        let mut copy = || -> Result<u64, redb::Error> {
            loop {
                let mut transaction = database.begin_write()?;
                let mut records = transaction.open_table(RECORDS)?;
                let mut taken = 0;
                for (key, value) in all.by_ref().take(COPIED_AT_ONCE) {
                    records.insert(key.as_slice(), value.as_slice())?;
                    taken += 1;
                }
                let count = records.len()?;
                drop(records);
                if taken == COPIED_AT_ONCE {
                    // The last one makes all of them durable.
                    transaction.set_durability(Durability::None)?;
                    transaction.commit()?;
                } else {
                    transaction.commit()?;
                    return all.failed().map_or(Ok(count), |error| Err(error.into()));
                }
            }
        };
        let copied = copy().map_err(|error| self.refused(error))?;
        database.close().map_err(|error| self.refused(error.into()))?;
        Ok(copied)
    }

    /// A new file; the trouble, where there is no room for it. Nothing was there, so nothing is missed.
    fn begin(&mut self) -> Result<Option<String>, StoreError> {
        match self.create() {
            Ok(database) => self.database = Some(database),
            Err(error) if error.is_no_room() => return Ok(Some(cannot_be_written(&self.path, &error))),
            Err(error) => return Err(error),
        }
        self.size = Size { records: 0, octets: self.octets()? };
        Ok(None)
    }

    pub(super) fn size(&self) -> Size {
        self.size
    }

    /// Hands out everything, once, and makes the file smaller where that is worth it.
    fn take_stock<T>(&mut self, mut database: Database, take: impl Take<T>) -> Result<T, StoreError> {
        let mut reading = self.guarded(|file| file.reading(&database))?;
        let taken = self.guarded(|file| Ok(take(file.version, &mut reading)))?;
        let (records, content) = self.guarded(|file| reading.end().map_err(|error| file.refused(error)))?;
        if self.octets()? > COMPACT_FROM.max(4 * content) {
            let compacted = self.compact(&mut database);
            if let Err(error) = compacted {
                tracing::warn!("not made smaller: {error}");
                // Large and whole; but redb may want to be opened anew.
                drop(database);
                database = self.reconnect()?;
            }
        }
        self.size = Size { records, octets: self.octets()? };
        self.database = Some(database);
        Ok(taken)
    }

    fn compact(&mut self, database: &mut Database) -> Result<(), StoreError> {
        let from = self.octets()?;
        self.guarded(|file| database.compact().map_err(|error| file.refused(error.into())))?;
        tracing::info!(from, to = self.octets()?, "the store was made smaller");
        Ok(())
    }

    fn reading(&self, database: &Database) -> Result<Reading, StoreError> {
        let all =
            || database.begin_read()?.open_table(RECORDS)?.range::<&[u8]>(..).map_err(redb::Error::from);
        let all = all().map_err(|error: redb::Error| self.refused(error))?;
        Ok(Reading { all, records: 0, content: 0, error: None })
    }

    /// After an error, the same file once more.
    fn reconnect(&mut self) -> Result<Database, StoreError> {
        if self.identity.is_none() {
            return self.create();
        }
        match File::options().read(true).write(true).open(&self.path) {
            Ok(existing) => self.adopt(existing),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(self.gone()),
            Err(error) => Err(self.unusable(error)),
        }
    }

    fn adopt(&mut self, existing: File) -> Result<Database, StoreError> {
        let identity = identity(&existing.metadata().map_err(|error| self.unusable(error))?);
        if self.identity.is_some_and(|known| known != identity) {
            return Err(self.gone());
        }
        self.recognise(&existing)?;
        let database = self.guarded(|file| file.redb(existing))?;
        self.version = self.guarded(|file| file.check(&database))?;
        self.identity = Some(identity);
        Ok(database)
    }

    /// Whether it can be ours at all, before anything else touches it.
    fn recognise(&self, existing: &File) -> Result<(), StoreError> {
        let mut start = [0; MAGIC.len()];
        match existing.read_exact_at(&mut start, 0) {
            Ok(()) if start == MAGIC => Ok(()),
            Ok(()) => Err(self.foreign("its first octets are others")),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Err(StoreError::Damaged {
                path: self.path.clone(),
                why: "it is shorter than any store".into(),
            }),
            Err(error) => Err(self.unusable(error)),
        }
    }

    fn redb(&self, file: File) -> Result<Database, StoreError> {
        let backend = FileBackend::new(file).map_err(|error| self.refused(error.into()))?;
        // All of it is read at the start anyway. Without the check redb trusts a file that was closed in order.
        let opened = Builder::new()
            .set_cache_size(CACHE)
            .set_check_integrity_on_open(true)
            .create_with_backend(backend);
        opened.map_err(|error| match error {
            DatabaseError::DatabaseAlreadyOpen | DatabaseError::LockProtocolMismatch => self.in_use(),
            DatabaseError::UpgradeRequired(found) => {
                self.foreign(format!("format {found} of redb, by another release of that library"))
            }
            error => self.refused(error.into()),
        })
    }

    /// Made beside its place and renamed when it is whole. Who else makes one at the same moment is kept out by the
    /// lock on the file beside, which is held until the file is in its place, and after.
    fn create(&mut self) -> Result<Database, StoreError> {
        let beside = self.path.with_added_extension("new");
        let options =
            File::options().read(true).write(true).create(true).truncate(false).mode(0o600).open(&beside);
        let file = options.map_err(|error| self.unusable(error))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(fs::TryLockError::WouldBlock) => return Err(self.in_use()),
            Err(fs::TryLockError::Error(error)) => return Err(self.unusable(error)),
        }
        let made = self.guarded(|store| store.fill(file, &beside));
        if made.is_err() {
            // As much as the disk allows; the next start would begin with emptying it.
            let _ = fs::remove_file(&beside);
        }
        made
    }

    fn fill(&mut self, file: File, beside: &Path) -> Result<Database, StoreError> {
        if self.path.exists() {
            return Err(self.in_use());
        }
        let unusable = |error: io::Error| StoreError::of_file(&self.path, error);
        // Whatever a process left that was killed while it made one.
        file.set_len(0).map_err(unusable)?;
        file.set_permissions(Permissions::from_mode(0o600)).map_err(unusable)?;
        let identity = identity(&file.metadata().map_err(unusable)?);
        let database = self.redb(file)?;
        self.write_header(&database).map_err(|error| self.refused(error))?;
        fs::rename(beside, &self.path).map_err(unusable)?;
        self.identity = Some(identity);
        self.sync_folder().map_err(|error| self.unusable(error))?;
        Ok(database)
    }

    fn sync_folder(&self) -> io::Result<()> {
        let folder = self.path.parent().filter(|parent| !parent.as_os_str().is_empty());
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
    }

    fn write_header(&self, database: &Database) -> Result<(), redb::Error> {
        let transaction = database.begin_write()?;
        {
            let mut header = transaction.open_table(HEADER)?;
            header.insert(KIND, self.header.kind.as_bytes())?;
            header.insert(OWNER, self.header.owner.as_bytes())?;
            header.insert(VERSION, &self.header.version.to_be_bytes()[..])?;
            transaction.open_table(RECORDS)?;
        }
        Ok(transaction.commit()?)
    }

    /// Whether it is ours, and in which version.
    fn check(&mut self, database: &Database) -> Result<u32, StoreError> {
        let path = || self.path.clone();
        let (kind, owner, version) = self.header_of(database)?;
        if kind != self.header.kind {
            return Err(StoreError::OtherKind { path: path(), found: kind, wanted: self.header.kind });
        }
        if self.any_owner {
            self.header.owner = owner;
        } else if owner != self.header.owner {
            let wanted = self.header.owner.clone();
            return Err(StoreError::OtherOwner { path: path(), found: owner, wanted });
        }
        if version > self.header.version {
            return Err(StoreError::Newer { path: path(), found: version, known: self.header.version });
        }
        Ok(version)
    }

    fn header_of(&self, database: &Database) -> Result<(String, String, u32), StoreError> {
        let read = || -> Result<Option<(String, String, u32)>, redb::Error> {
            let header = database.begin_read()?.open_table(HEADER)?;
            let field = |name| Ok::<_, redb::Error>(header.get(name)?.map(|field| field.value().to_vec()));
            let (kind, owner, version) = (field(KIND)?, field(OWNER)?, field(VERSION)?);
            let text = |octets: Option<Vec<u8>>| String::from_utf8(octets?).ok();
            let number = |octets: Option<Vec<u8>>| Some(u32::from_be_bytes(octets?.try_into().ok()?));
            Ok((|| Some((text(kind)?, text(owner)?, number(version)?)))())
        };
        match read() {
            Ok(Some(header)) => Ok(header),
            Ok(None) => Err(self.foreign("its header says nothing")),
            Err(redb::Error::TableDoesNotExist(_) | redb::Error::TableTypeMismatch { .. }) => {
                Err(self.foreign("it has no header of ours"))
            }
            Err(error) => Err(self.refused(error)),
        }
    }

    fn commit(&mut self, changes: &Changes) -> Result<Size, StoreError> {
        if self.database.is_none() {
            self.database = Some(self.reconnect()?);
        }
        if !self.is_in_place() {
            return Err(self.gone());
        }
        let records = self.put(changes).map_err(|error| self.refused(error))?;
        self.version = self.header.version;
        self.size = Size { records, octets: self.octets()? };
        Ok(self.size)
    }

    fn put(&self, changes: &Changes) -> Result<u64, redb::Error> {
        let transaction = self.database.as_ref().ok_or(redb::Error::DatabaseClosed)?.begin_write()?;
        let mut records = transaction.open_table(RECORDS)?;
        for (key, value) in changes {
            match value {
                Some(value) => drop(records.insert(key.as_slice(), value.as_slice())?),
                None => drop(records.remove(key.as_slice())?),
            }
        }
        let count = records.len()?;
        drop(records);
        if self.version < self.header.version {
            let version = self.header.version.to_be_bytes();
            transaction.open_table(HEADER)?.insert(VERSION, &version[..])?;
        }
        transaction.commit()?;
        Ok(count)
    }

    /// Whether the next start would find this file.
    fn is_in_place(&self) -> bool {
        fs::metadata(&self.path).map(|found| identity(&found)).ok() == self.identity
    }

    fn octets(&self) -> Result<u64, StoreError> {
        fs::metadata(&self.path).map(|metadata| metadata.len()).map_err(|error| self.unusable(error))
    }

    /// A panic inside redb is damage to the file, or a fault of the library; neither may end the process.
    fn guarded<T>(&mut self, work: impl FnOnce(&mut Self) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let path = self.path.clone();
        catch_unwind(AssertUnwindSafe(|| work(self))).unwrap_or_else(|panic| {
            let why = format!("redb gave up on it: {}", words_of(&*panic));
            Err(StoreError::Damaged { path, why })
        })
    }

    fn unusable(&self, error: io::Error) -> StoreError {
        StoreError::of_file(&self.path, error)
    }

    fn foreign(&self, why: impl Into<String>) -> StoreError {
        StoreError::Foreign { path: self.path.clone(), why: why.into() }
    }

    fn in_use(&self) -> StoreError {
        StoreError::InUse { path: self.path.clone(), owner: owner::of_file(&self.path) }
    }

    fn gone(&self) -> StoreError {
        let error = io::Error::other("it was moved away or replaced while in use: put it back, or restart");
        StoreError::Unusable { path: self.path.clone(), error }
    }

    fn refused(&self, error: redb::Error) -> StoreError {
        match error {
            redb::Error::Io(error) => self.unusable(error),
            error => StoreError::Damaged { path: self.path.clone(), why: error.to_string() },
        }
    }
}

/// A copy that is still to be written, by anybody, while the file goes on.
pub(super) struct Copying {
    to: PathBuf,
    header: Header,
    all: Reading,
}

impl Copying {
    pub(super) fn write(self) -> Result<Size, StoreError> {
        StoreFile::write_copy(&self.to, self.header, self.all)
    }
}

/// What is made of the records: it is told their version.
pub(super) trait Take<T>: FnOnce(u32, &mut dyn Iterator<Item = Record>) -> T {}

impl<T, F: FnOnce(u32, &mut dyn Iterator<Item = Record>) -> T> Take<T> for F {}

/// All records of a moment, one after the other. It ends early where one cannot be read, and says so at the end.
pub(super) struct Reading {
    all: Range<'static, &'static [u8], &'static [u8]>,
    records: u64,
    content: u64,
    error: Option<redb::StorageError>,
}

impl Iterator for Reading {
    type Item = Record;

    fn next(&mut self) -> Option<Record> {
        match self.all.next()? {
            Ok((key, value)) => {
                let record = (key.value().to_vec(), value.value().to_vec());
                self.records += 1;
                self.content += (record.0.len() + record.1.len()) as u64 + PER_RECORD;
                Some(record)
            }
            Err(error) => {
                self.error = Some(error);
                None
            }
        }
    }
}

impl Reading {
    /// Why it ended early, if it did.
    fn failed(&mut self) -> Option<redb::StorageError> {
        self.error.take()
    }

    /// How many records there are, and their octets; those that nobody asked for are counted too.
    pub(super) fn end(mut self) -> Result<(u64, u64), redb::Error> {
        if self.error.is_none() {
            self.by_ref().for_each(drop);
        }
        match self.error {
            None => Ok((self.records, self.content)),
            Some(error) => Err(error.into()),
        }
    }
}

fn identity(metadata: &fs::Metadata) -> (u64, u64) {
    (metadata.dev(), metadata.ino())
}

fn words_of(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default()
}

fn cannot_be_written(path: &Path, error: &StoreError) -> String {
    let why = match error {
        StoreError::Forbidden { error, .. } | StoreError::Unusable { error, .. } => error.to_string(),
        other => return other.to_string(),
    };
    format!("store {}: cannot be written: {why}", path.display())
}

impl Disk for StoreFile {
    fn write(&mut self, changes: &Changes) -> Result<Size, String> {
        self.guarded(|file| file.commit(changes)).map_err(|error| {
            let database = self.database.take();
            // What is left of a database that failed is thrown away; what was durable is in the file.
            let _ = self.guarded(|_| {
                drop(database);
                Ok(())
            });
            cannot_be_written(&self.path, &error)
        })
    }

    fn copy(&mut self, to: &Path) -> Result<Copying, StoreError> {
        let (to, header, all) = (to.to_owned(), self.header.clone(), self.snapshot()?);
        Ok(Copying { to, header, all })
    }

    fn close(&mut self) -> Result<(), String> {
        let Some(database) = self.database.take() else { return Ok(()) };
        let closed = self.guarded(|file| database.close().map_err(|error| file.refused(error.into())));
        closed.map_err(|error| cannot_be_written(&self.path, &error))
    }
}
