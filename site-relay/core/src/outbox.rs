//! News on their way to the CMA: in order, compacted by key, kept until acknowledged.

use std::collections::{BTreeMap, BTreeSet};

use ringmesh_proto::news::{Key, News};

/// More than this many news wait for no CMA: then detail is dropped, oldest first, and found again by digests. What
/// happened (incidents) is never dropped.
const PENDING_MAX: usize = 250_000;

/// News not yet acknowledged. A later news of a key takes the place of an earlier one *at the end*: what the CMA
/// sees last of a thing is its newest state, and the size is bounded by the number of things.
#[derive(Clone, Debug)]
pub struct Outbox {
    birth: u64,
    last: u64,
    by_sequence: BTreeMap<u64, News>,
    by_key: BTreeMap<Key, u64>,
    /// Sequences whose record has changed since [`Self::take_changed`].
    changed: BTreeSet<u64>,
    shed: u64,
    pending_max: usize,
}

impl Outbox {
    /// An empty outbox; `birth` tells its sequences from those of any other.
    pub fn new(birth: u64) -> Self {
        Self::restore(birth, 0, BTreeMap::new())
    }

    /// An outbox as it was kept: what was given last, and what waits.
    pub(crate) fn restore(birth: u64, last: u64, by_sequence: BTreeMap<u64, News>) -> Self {
        let last = by_sequence.last_key_value().map_or(last, |(newest, _)| last.max(*newest));
        let by_key = by_sequence.iter().map(|(sequence, news)| (news.key(), *sequence)).collect();
        Self { birth, last, by_sequence, by_key, changed: BTreeSet::new(), shed: 0, pending_max: PENDING_MAX }
    }

    /// Its birth nonce.
    pub fn birth(&self) -> u64 {
        self.birth
    }

    /// How many news wait.
    pub fn pending(&self) -> usize {
        self.by_sequence.len()
    }

    /// How many were dropped because too many waited.
    pub fn shed(&self) -> u64 {
        self.shed
    }

    /// The sequence given last; 0 if none was.
    pub fn last(&self) -> u64 {
        self.last
    }

    /// What is to be sent after that sequence, in order.
    pub fn after(&self, sequence: u64) -> impl Iterator<Item = (u64, &News)> {
        self.by_sequence.range(sequence.saturating_add(1)..).map(|(sequence, news)| (*sequence, news))
    }

    /// Puts news at the end.
    pub(crate) fn push(&mut self, news: News) {
        self.last += 1;
        if let Some(earlier) = self.by_key.insert(news.key(), self.last) {
            self.by_sequence.remove(&earlier);
            self.changed.insert(earlier);
        }
        self.by_sequence.insert(self.last, news);
        self.changed.insert(self.last);
        if self.by_sequence.len() > self.pending_max {
            self.shed_one();
        }
    }

    fn shed_one(&mut self) {
        let detail = self.by_sequence.iter().find(|(_, news)| !matches!(news, News::Incident(_)));
        if let Some(oldest) = detail.map(|(sequence, _)| *sequence) {
            self.remove(oldest);
            self.shed += 1;
        }
    }

    fn remove(&mut self, sequence: u64) {
        if let Some(news) = self.by_sequence.remove(&sequence) {
            self.by_key.remove(&news.key());
            self.changed.insert(sequence);
        }
    }

    /// Everything up to that sequence is safe at the CMA.
    pub(crate) fn acknowledge(&mut self, sequence: u64) {
        let held: Vec<u64> = self.by_sequence.range(..=sequence).map(|(sequence, _)| *sequence).collect();
        held.into_iter().for_each(|sequence| self.remove(sequence));
    }

    /// Starts anew under another birth nonce, with what waits: the CMA knows sequences that this outbox never gave.
    pub(crate) fn reborn(&mut self, birth: u64) {
        let waiting = core::mem::take(&mut self.by_sequence);
        self.changed.extend(waiting.keys());
        self.by_key.clear();
        (self.birth, self.last) = (birth, 0);
        waiting.into_values().for_each(|news| self.push(news));
    }

    /// The sequences whose record changed, each with what waits under it now.
    pub(crate) fn take_changed(&mut self) -> impl Iterator<Item = (u64, Option<&News>)> {
        let changed = core::mem::take(&mut self.changed);
        changed.into_iter().map(|sequence| (sequence, self.by_sequence.get(&sequence)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gone(ring: u32) -> News {
        News::RingGone(ring)
    }

    fn sequences(outbox: &Outbox, after: u64) -> Vec<u64> {
        outbox.after(after).map(|(sequence, _)| sequence).collect()
    }

    /// What a disk would hold: every change applied.
    fn keep(outbox: &mut Outbox, disk: &mut BTreeMap<u64, News>) {
        for (sequence, news) in outbox.take_changed() {
            match news {
                Some(news) => drop(disk.insert(sequence, news.clone())),
                None => drop(disk.remove(&sequence)),
            }
        }
    }

    #[test]
    fn a_later_news_of_a_key_replaces_the_earlier_and_moves_to_the_end() {
        let mut outbox = Outbox::new(1);
        [1, 2, 1].into_iter().for_each(|ring| outbox.push(gone(ring)));
        assert_eq!(sequences(&outbox, 0), [2, 3]);
        assert_eq!(sequences(&outbox, 2), [3]);
    }

    #[test]
    fn acknowledged_news_are_gone_and_the_sequence_goes_on() {
        let mut outbox = Outbox::new(1);
        [1, 2, 3].into_iter().for_each(|ring| outbox.push(gone(ring)));
        outbox.acknowledge(2);
        assert_eq!(sequences(&outbox, 0), [3]);
        outbox.push(gone(1));
        assert_eq!(sequences(&outbox, 0), [3, 4]);
        outbox.acknowledge(100);
        assert_eq!((outbox.pending(), outbox.last()), (0, 4));
    }

    #[test]
    fn what_is_kept_is_what_waits_whatever_happened() {
        let (mut outbox, mut disk) = (Outbox::new(1), BTreeMap::new());
        [1, 2, 1, 3].into_iter().for_each(|ring| outbox.push(gone(ring)));
        keep(&mut outbox, &mut disk);
        outbox.acknowledge(2);
        outbox.push(gone(4));
        keep(&mut outbox, &mut disk);
        assert!(disk.iter().map(|(sequence, news)| (*sequence, news)).eq(outbox.after(0)), "{disk:?}");
        let restored = Outbox::restore(1, outbox.last(), disk.clone());
        assert!(restored.after(0).eq(outbox.after(0)) && restored.last() == 5);
        outbox.reborn(9);
        keep(&mut outbox, &mut disk);
        assert_eq!((outbox.birth(), sequences(&outbox, 0)), (9, vec![1, 2, 3]));
        assert!(disk.iter().map(|(sequence, news)| (*sequence, news)).eq(outbox.after(0)), "{disk:?}");
    }

    #[test]
    fn too_many_news_cost_the_oldest_detail_and_are_counted() {
        let mut outbox = Outbox { pending_max: 3, ..Outbox::new(1) };
        (1..=5).for_each(|ring| outbox.push(gone(ring)));
        assert_eq!((sequences(&outbox, 0), outbox.shed()), (vec![3, 4, 5], 2));
    }
}
