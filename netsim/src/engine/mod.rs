//! Who executes a world. Each engine comes to the same: same seed, same trace hash.
//!
//! - [`Engine::Reference`]: one thread, all events of all shards in the order of time and key. In the model itself, and
//!   simple for good: the other is measured against it.
//! - [`Engine::Ring`]: windows of the WAN's shortest delay. Within one, nothing that a shard does can reach another, so
//!   shards run one after the other or side by side; what they sent to each other is handed over at its end.

use std::any::Any;
use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Barrier, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ringmesh_proto::time::Time;

use crate::model::{Crossing, Shard, ShardName};

/// Who executes a world.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Engine {
    /// One thread, one order.
    #[default]
    Reference,
    /// Windows, in so many threads.
    Ring {
        /// How many; more than shards are of no use.
        threads: NonZeroUsize,
    },
}

type Held<'a> = Mutex<&'a mut dyn Shard>;

/// What all threads look at.
struct Windows<'a> {
    shards: Vec<Held<'a>>,
    end: Time,
    /// Nothing crosses sooner than this after it was sent.
    lookahead: Duration,
    /// The last moment of the running window, in nanoseconds.
    window: AtomicU64,
    /// How many shards have anything to do in it.
    busy: AtomicUsize,
    /// The next shard that nobody runs yet.
    next: AtomicUsize,
    over: AtomicBool,
    panicked: Mutex<Option<Box<dyn Any + Send>>>,
}

/// Runs all shards to `end`. The first is the CMA's, then the sites in order.
pub(crate) fn run(shards: Vec<&mut dyn Shard>, end: Time, lookahead: Duration, threads: usize) {
    let threads = threads.min(shards.len()).max(1);
    let windows = Windows {
        shards: shards.into_iter().map(Mutex::new).collect(),
        end,
        lookahead,
        window: AtomicU64::new(0),
        busy: AtomicUsize::new(0),
        next: AtomicUsize::new(0),
        over: AtomicBool::new(false),
        panicked: Mutex::new(None),
    };
    windows.plan();
    if threads == 1 {
        while !windows.over.load(Ordering::Acquire) {
            windows.work();
            windows.hand_over();
        }
    } else {
        let barrier = Barrier::new(threads);
        std::thread::scope(|scope| {
            (1..threads).for_each(|_| drop(scope.spawn(|| windows.thread(&barrier))));
            windows.thread(&barrier);
        });
    }
    if let Some(panic) = held(&windows.panicked).take() {
        resume_unwind(panic);
    }
}

/// A shard whose thread panicked is not run any more; whoever looks at it finds it as it was left.
fn held<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Windows<'_> {
    fn thread(&self, barrier: &Barrier) {
        while !self.over.load(Ordering::Acquire) {
            self.work();
            if barrier.wait().is_leader() {
                self.hand_over();
                // In a small world that is nearly every window, and to wake somebody takes longer than to run it.
                while self.is_for_one() {
                    self.work();
                    self.hand_over();
                }
            }
            barrier.wait();
        }
    }

    /// One shard alone has anything to do in the window.
    fn is_for_one(&self) -> bool {
        !self.over.load(Ordering::Acquire) && self.busy.load(Ordering::Acquire) <= 1
    }

    /// Runs shards through the window as long as there is one that nobody runs.
    fn work(&self) {
        let window = Time::from_nanos(self.window.load(Ordering::Acquire));
        while let Some(shard) = self.shards.get(self.next.fetch_add(1, Ordering::AcqRel)) {
            let ran = catch_unwind(AssertUnwindSafe(|| {
                let mut shard = held(shard);
                while shard.step(window) {}
            }));
            if let Err(panic) = ran {
                held(&self.panicked).get_or_insert(panic);
            }
        }
    }

    /// Between two windows: what was sent across is handed over, and the next window is planned.
    fn hand_over(&self) {
        let mut crossing: Vec<Crossing> = Vec::new();
        self.shards.iter().for_each(|shard| crossing.append(&mut held(shard).common().crossing));
        let window = Time::from_nanos(self.window.load(Ordering::Acquire));
        for Crossing { to, event } in crossing {
            assert!(event.at > window, "something crossed within a window: {:?} by {window:?}", event.at);
            let shard = match to {
                ShardName::Cma => 0,
                ShardName::Site(site) => site + 1,
            };
            held(&self.shards[shard]).common().receive(event);
        }
        self.plan();
    }

    /// The next window begins with the next event, wherever that is.
    fn plan(&self) {
        let next = self.shards.iter().filter_map(|shard| held(shard).next()).map(|(at, _)| at).min();
        let panicked = held(&self.panicked).is_some();
        let Some(next) = next.filter(|next| *next <= self.end && !panicked) else {
            return self.over.store(true, Ordering::Release);
        };
        let last = ((next + self.lookahead).nanos() - 1).min(self.end.nanos());
        let due = |shard: &&Held| held(shard).next().is_some_and(|(at, _)| at.nanos() <= last);
        self.busy.store(self.shards.iter().filter(due).count(), Ordering::Release);
        self.window.store(last, Ordering::Release);
        self.next.store(0, Ordering::Release);
    }
}
