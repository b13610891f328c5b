//! Batches that wait for the disk, in groups of whole batches.
//!
//! # Invariants
//! - Groups leave in the order of their tickets, and each batch is in one group, whole.
//! - However long the disk takes, what waits is bounded by the number of things: the oldest group swallows the
//!   next when there are too many, and within a group only the last word about a key is kept.

use std::collections::{BTreeMap, VecDeque};
use std::time::Instant;

use ringmesh_proto::keep::Keep;

use super::Ticket;

/// The last word about each key; `None` drops it.
pub(super) type Changes = BTreeMap<Vec<u8>, Option<Vec<u8>>>;

/// Changes of one transaction, unless a single batch has more: enough that syncing the disk costs little for each, and
/// few enough that a commit is short where each of them is on another page.
const GROUP_MAX: usize = 1_000;
/// Groups that wait beside each other. A disk that is this far behind is not behind, it is in trouble.
const GROUPS_MAX: usize = 80;

/// What is written at once.
#[derive(Debug)]
pub(super) struct Group {
    /// With it all batches up to here are in the file.
    pub(super) through: Ticket,
    pub(super) changes: Changes,
    /// Since when its oldest batch has been waiting.
    pub(super) since: Instant,
}

#[derive(Debug, Default)]
pub(super) struct Queue {
    groups: VecDeque<Group>,
    /// Of the batch that came last.
    last: Ticket,
}

impl Queue {
    pub(super) fn push(&mut self, now: Instant, batch: Vec<Keep>) -> Ticket {
        self.last = Ticket(self.last.0 + 1);
        let fits = |group: &&mut Group| group.changes.len() + batch.len() <= GROUP_MAX;
        match self.groups.back_mut().filter(fits) {
            Some(group) => group.add(self.last, batch.into_iter().map(change)),
            None => {
                self.make_room();
                let changes = batch.into_iter().map(change).collect();
                self.groups.push_back(Group { through: self.last, changes, since: now });
            }
        }
        self.last
    }

    fn make_room(&mut self) {
        if self.groups.len() < GROUPS_MAX {
            return;
        }
        let next = self.groups.remove(1);
        if let Some((oldest, next)) = self.groups.front_mut().zip(next) {
            oldest.add(next.through, next.changes);
        }
    }

    pub(super) fn pop(&mut self) -> Option<Group> {
        self.groups.pop_front()
    }

    /// Changes that wait, and since when.
    pub(super) fn waiting(&self) -> (usize, Option<Instant>) {
        let changes = self.groups.iter().map(|group| group.changes.len()).sum();
        (changes, self.groups.front().map(|group| group.since))
    }
}

impl Group {
    fn add(&mut self, through: Ticket, changes: impl IntoIterator<Item = (Vec<u8>, Option<Vec<u8>>)>) {
        self.through = through;
        self.changes.extend(changes);
    }
}

fn change(keep: Keep) -> (Vec<u8>, Option<Vec<u8>>) {
    match keep {
        Keep::Put { key, value } => (key, Some(value)),
        Keep::Drop { key } => (key, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(key: u32, value: u32) -> Keep {
        Keep::Put { key: key.to_be_bytes().into(), value: value.to_be_bytes().into() }
    }

    fn lengths(queue: &Queue) -> Vec<usize> {
        queue.groups.iter().map(|group| group.changes.len()).collect()
    }

    #[test]
    fn batches_stay_whole_and_in_order_and_the_last_word_counts() {
        let now = Instant::now();
        let mut queue = Queue::default();
        assert_eq!(queue.push(now, vec![put(1, 1), put(2, 2)]), Ticket(1));
        assert_eq!(
            queue.push(now, vec![Keep::Drop { key: 1u32.to_be_bytes().into() }, put(3, 3)]),
            Ticket(2)
        );
        assert_eq!(queue.push(now, Vec::new()), Ticket(3));
        let big = u32::try_from(GROUP_MAX).unwrap();
        assert_eq!(queue.push(now, (10..10 + big).map(|key| put(key, 0)).collect()), Ticket(4));
        assert_eq!(queue.push(now, vec![put(1, 9)]), Ticket(5));
        let first = queue.pop().unwrap();
        let words: Vec<bool> = first.changes.values().map(Option::is_some).collect();
        assert_eq!((first.through, words), (Ticket(3), vec![false, true, true]));
        assert_eq!((queue.pop().unwrap().through, queue.pop().unwrap().through), (Ticket(4), Ticket(5)));
        assert!(queue.pop().is_none() && queue.waiting() == (0, None));
    }

    #[test]
    fn what_waits_is_bounded_by_the_number_of_things() {
        let (then, things) = (Instant::now(), 7_000);
        let mut queue = Queue::default();
        for number in 0..1_000_000u32 {
            queue.push(then, vec![put(number.wrapping_mul(2_654_435_761) % things, number)]);
        }
        assert_eq!(queue.groups.len(), GROUPS_MAX, "{:?}", lengths(&queue));
        assert!(lengths(&queue)[0] <= things as usize, "{:?}", lengths(&queue));
        let mut content = Changes::new();
        let mut through = Ticket(0);
        while let Some(group) = queue.pop() {
            assert!(group.through > through);
            through = group.through;
            content.extend(group.changes);
        }
        assert_eq!((content.len(), through), (things as usize, Ticket(1_000_000)));
        let last = 999_999u32;
        let key = last.wrapping_mul(2_654_435_761) % things;
        assert_eq!(content[&key.to_be_bytes()[..]], Some(last.to_be_bytes().into()));
    }
}
