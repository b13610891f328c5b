//! The thread that writes, and what it shares with its caller.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use ringmesh_proto::keep::Keep;
use tokio::sync::{oneshot, watch};

use super::file::Copying;
use super::queue::{Changes, Group, Queue};
use super::{NotWritten, Stats, StoreError, Ticket};

/// The trouble that nothing takes back.
pub(super) const DIED: &str = "store: the thread that writes has died; restart";

/// What the thread writes to.
pub(super) trait Disk: Send + 'static {
    /// Makes all of it durable, or nothing. `Err` says in words what is in the way; the next call tries anew.
    fn write(&mut self, changes: &Changes) -> Result<Size, String>;
    /// Begins a copy of all that is durable.
    fn copy(&mut self, to: &Path) -> Result<Copying, StoreError>;
    /// Nothing more will be written.
    fn close(&mut self) -> Result<(), String>;
}

/// How large the file is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Size {
    pub(super) records: u64,
    pub(super) octets: u64,
}

/// Between two tries to write the same: doubled from the first to the longest.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pauses {
    pub(super) first: Duration,
    pub(super) longest: Duration,
}

impl Pauses {
    pub(super) const USUAL: Self = Self { first: Duration::from_secs(1), longest: Duration::from_secs(30) };
}

#[derive(Debug)]
pub(super) struct Shared {
    state: Mutex<State>,
    /// Something came into the queue, or the end has been asked for.
    news: Condvar,
    committed: watch::Sender<Ticket>,
    trouble: watch::Sender<Option<String>>,
}

#[derive(Debug, Default)]
struct State {
    queue: Queue,
    /// What the thread holds: changes, and since when they have been waiting.
    held: Option<(usize, Instant)>,
    /// Copies that are asked for.
    copies: Vec<Copy>,
    finish: bool,
    stats: Stats,
}

/// Where a copy goes, and who waits for it.
#[derive(Debug)]
struct Copy {
    to: PathBuf,
    told: oneshot::Sender<Result<Size, StoreError>>,
}

/// What the thread does next.
enum Work {
    Write(Group),
    Copy(Copy),
}

type Told = (Arc<Shared>, watch::Receiver<Ticket>, watch::Receiver<Option<String>>);

impl Shared {
    pub(super) fn new(size: Size, trouble: Option<String>) -> Told {
        let (committed, told_committed) = watch::channel(Ticket::default());
        let (trouble, told_trouble) = watch::channel(trouble);
        let stats = Stats { records: size.records, file_octets: size.octets, ..Stats::default() };
        let state = Mutex::new(State { stats, ..State::default() });
        (Arc::new(Self { state, news: Condvar::new(), committed, trouble }), told_committed, told_trouble)
    }

    pub(super) fn push(&self, batch: Vec<Keep>) -> Ticket {
        let ticket = self.lock().queue.push(Instant::now(), batch);
        self.news.notify_one();
        ticket
    }

    /// Asks for a copy of what is durable.
    pub(super) fn copy(&self, to: PathBuf) -> oneshot::Receiver<Result<Size, StoreError>> {
        let (told, copied) = oneshot::channel();
        self.lock().copies.push(Copy { to, told });
        self.news.notify_one();
        copied
    }

    /// Asks the thread to write what waits, once, and to end.
    pub(super) fn finish(&self) {
        self.lock().finish = true;
        self.news.notify_one();
    }

    pub(super) fn stats(&self) -> Stats {
        let state = self.lock();
        let (queued, oldest) = state.queue.waiting();
        let (held, first) = state.held.map_or((0, oldest), |(held, since)| (held, Some(since)));
        let waiting_for = first.map_or(Duration::ZERO, |first| first.elapsed());
        Stats { waiting: queued + held, waiting_for, ..state.stats }
    }

    /// What is to be written next, as soon as there is something; `None` at the end.
    fn next(&self) -> Option<Work> {
        let mut state = self.lock();
        loop {
            if let Some(copy) = state.copies.pop() {
                return Some(Work::Copy(copy));
            }
            if let Some(group) = state.queue.pop() {
                state.held = Some((group.changes.len(), group.since));
                return Some(Work::Write(group));
            }
            if state.finish {
                return None;
            }
            state = self.news.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Lets time pass; ends at once, and says so, when the end is asked for.
    fn pause(&self, pause: Duration) -> bool {
        let goes_on = |state: &mut State| !state.finish;
        let waited = self.news.wait_timeout_while(self.lock(), pause, goes_on);
        waited.unwrap_or_else(PoisonError::into_inner).0.finish
    }

    fn written(&self, through: Ticket, done: Option<(Size, Duration)>) {
        {
            let mut state = self.lock();
            state.held = None;
            if let Some((size, took)) = done {
                let commits = state.stats.commits + 1;
                state.stats = Stats {
                    records: size.records,
                    file_octets: size.octets,
                    commits,
                    last_commit: took,
                    ..Stats::default()
                };
            }
        }
        self.committed.send_replace(through);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // No change of the state is left half done: a thread that panicked has not spoilt it.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

type Ended = oneshot::Receiver<Result<(), NotWritten>>;

/// Starts the thread. What it sends last is what has become of the changes.
pub(super) fn start(shared: Arc<Shared>, disk: impl Disk, pauses: Pauses) -> io::Result<Ended> {
    let (ended, told) = oneshot::channel();
    let mut writer = Writer { shared, disk, pauses };
    std::thread::Builder::new().name("store".into()).spawn(move || {
        let _last = LastWord(Arc::clone(&writer.shared));
        // Nobody may wait for the answer any more.
        let _ = ended.send(writer.run());
    })?;
    Ok(told)
}

/// Should the thread die of a fault in the program, it says so: its caller is not to believe that all is well.
struct LastWord(Arc<Shared>);

impl Drop for LastWord {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.trouble.send_replace(Some(DIED.into()));
        }
    }
}

struct Writer<D> {
    shared: Arc<Shared>,
    disk: D,
    pauses: Pauses,
}

impl<D: Disk> Writer<D> {
    fn run(&mut self) -> Result<(), NotWritten> {
        while let Some(work) = self.shared.next() {
            match work {
                Work::Write(group) => self.write(&group)?,
                Work::Copy(copy) => self.copy(copy),
            }
        }
        self.disk.close().map_err(|why| NotWritten { changes: 0, why })
    }

    /// The copy is of this moment, and is written beside what goes on.
    fn copy(&mut self, Copy { to, told }: Copy) {
        let failed = match self.disk.copy(&to) {
            Ok(copying) => {
                let begun = std::thread::Builder::new().name("backup".into());
                // Nobody may wait for the answer any more.
                let begun = begun.spawn(move || drop(told.send(copying.write())));
                if let Err(error) = begun {
                    tracing::warn!("no copy of the store: {error}");
                }
                return;
            }
            Err(error) => error,
        };
        drop(told.send(Err(failed)));
    }

    /// Writes a group, however often it has to be tried; gives up only when the end is asked for.
    fn write(&mut self, group: &Group) -> Result<(), NotWritten> {
        let (mut pause, mut last) = (self.pauses.first, false);
        loop {
            match self.try_write(&group.changes) {
                Ok(done) => {
                    self.shared.written(group.through, done);
                    return Ok(());
                }
                Err(why) if last => {
                    let changes = self.shared.stats().waiting;
                    return Err(NotWritten { changes, why });
                }
                Err(why) => self.complain(why),
            }
            last = self.shared.pause(pause);
            pause = (2 * pause).min(self.pauses.longest);
        }
    }

    fn try_write(&mut self, changes: &Changes) -> Result<Option<(Size, Duration)>, String> {
        // Batches without changes wait for those before them, and need no disk themselves.
        if changes.is_empty() {
            return Ok(None);
        }
        let begun = Instant::now();
        let size = self.disk.write(changes)?;
        let took = begun.elapsed();
        if self.shared.trouble.send_replace(None).is_some() {
            tracing::info!(changes = changes.len(), "the store is written again");
        }
        Ok(Some((size, took)))
    }

    fn complain(&self, why: String) {
        let news = self.shared.trouble.borrow().as_ref() != Some(&why);
        if news {
            tracing::warn!("{why}");
            self.shared.trouble.send_replace(Some(why));
        }
    }
}
