//! What survives a kill: records, and the turns on their way to them.
//!
//! # Invariants
//! - What is kept holds whole turns, in order and without a gap: a kill takes a tail of them, never one in between.
//! - What waits for a turn comes back when that turn and all before it are kept.

use std::collections::{BTreeMap, VecDeque};

use ringmesh_proto::keep::Keep;

/// The records of one machine.
#[derive(Clone, Debug, Default)]
pub(super) struct Disk {
    records: BTreeMap<Vec<u8>, Vec<u8>>,
    /// Nothing can be written any more.
    pub(super) full: bool,
    /// What is written is gone: for whoever measures machines and never starts one again.
    pub(super) forgets: bool,
}

impl Disk {
    /// All of it, as a machine gets it back at its start.
    pub(super) fn records(&self) -> Vec<(Vec<u8>, Vec<u8>)> {
        self.records.iter().map(|(key, value)| (key.clone(), value.clone())).collect()
    }

    pub(super) fn back_up(&self) -> Backup {
        Backup(self.records.clone())
    }

    pub(super) fn put_back(&mut self, backup: Backup) {
        self.records = backup.0;
    }

    fn write(&mut self, keep: Keep) {
        if self.forgets {
            return;
        }
        match keep {
            Keep::Put { key, value } => {
                self.records.insert(key, value);
            }
            Keep::Drop { key } => {
                self.records.remove(&key);
            }
        }
    }
}

/// What a disk held at one moment.
#[derive(Clone, Debug)]
pub struct Backup(BTreeMap<Vec<u8>, Vec<u8>>);

/// What one turn of a machine keeps, and what must wait until it is kept.
#[derive(Debug)]
struct Turn<T> {
    keeps: Vec<Keep>,
    then: T,
}

/// Turns of one process on their way to its disk. A commit takes all that wait when it begins.
#[derive(Debug)]
pub(super) struct Journal<T> {
    waiting: VecDeque<Turn<T>>,
    /// The first so many of them are being written.
    writing: usize,
}

impl<T> Default for Journal<T> {
    fn default() -> Self {
        Self { waiting: VecDeque::new(), writing: 0 }
    }
}

impl<T> Journal<T> {
    /// A turn is over. What waits for it comes back at once if it keeps nothing, and nothing is on its way.
    pub(super) fn turn(&mut self, keeps: Vec<Keep>, then: T) -> Option<T> {
        if keeps.is_empty() && self.waiting.is_empty() {
            return Some(then);
        }
        self.waiting.push_back(Turn { keeps, then });
        None
    }

    /// Whether a commit is going on.
    pub(super) fn is_writing(&self) -> bool {
        self.writing > 0
    }

    /// Begins a commit, if there is something to write and none is going on.
    pub(super) fn begin(&mut self) -> bool {
        let begins = self.writing == 0 && !self.waiting.is_empty();
        if begins {
            self.writing = self.waiting.len();
        }
        begins
    }

    /// The commit is over: what waited for it, in order; nothing if the disk is full, and the turns wait on.
    pub(super) fn commit(&mut self, disk: &mut Disk) -> Vec<T> {
        let writing = std::mem::take(&mut self.writing);
        if disk.full {
            return Vec::new();
        }
        let written = self.waiting.drain(..writing);
        let then = |turn: Turn<T>| {
            turn.keeps.into_iter().for_each(|keep| disk.write(keep));
            turn.then
        };
        written.map(then).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(thing: &str, value: u8) -> Vec<Keep> {
        vec![Keep::put(b't', thing, &value)]
    }

    #[test]
    fn what_waits_for_a_turn_comes_back_when_it_and_all_before_it_are_kept() {
        let (mut disk, mut journal) = (Disk::default(), Journal::default());
        assert_eq!(journal.turn(Vec::new(), 1), Some(1), "nothing to wait for");
        assert_eq!(journal.turn(put("a", 1), 2), None);
        assert!(journal.begin() && !journal.begin(), "one commit at a time");
        assert_eq!(journal.turn(Vec::new(), 3), None, "behind a turn that is not kept yet");
        assert_eq!(journal.turn(put("b", 1), 4), None);
        assert_eq!(journal.commit(&mut disk), [2]);
        assert_eq!(disk.records().len(), 1, "the turn that came later is not in it");
        assert!(journal.begin());
        assert_eq!(journal.commit(&mut disk), [3, 4]);
        assert!(!journal.begin(), "nothing is left");
        assert_eq!(journal.turn(Vec::new(), 5), Some(5));
    }

    #[test]
    fn a_full_disk_keeps_nothing_and_everything_later_in_order() {
        let (mut disk, mut journal) = (Disk { full: true, ..Disk::default() }, Journal::default());
        journal.turn(put("a", 1), 1);
        journal.begin();
        assert_eq!(journal.commit(&mut disk), [0_u8; 0]);
        journal.turn(vec![Keep::drop(b't', "a")], 2);
        disk.full = false;
        assert!(journal.begin());
        assert_eq!((journal.commit(&mut disk), disk.records()), (vec![1, 2], vec![]));
    }
}
