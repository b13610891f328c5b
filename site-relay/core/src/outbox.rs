//! News on their way to the CMA: in order, compacted by key, kept until acknowledged.

use std::collections::BTreeMap;

use ringmesh_proto::news::{Key, News};

/// News not yet acknowledged. A later news of a key takes the place of an earlier one *at the end*: what the CMA
/// sees last of a thing is its newest state, and the size is bounded by the number of things.
#[derive(Clone, Debug)]
pub struct Outbox {
    birth: u64,
    last: u64,
    by_sequence: BTreeMap<u64, News>,
    by_key: BTreeMap<Key, u64>,
}

impl Outbox {
    /// An empty outbox; `birth` tells its sequences from those of any other.
    pub fn new(birth: u64) -> Self {
        Self { birth, last: 0, by_sequence: BTreeMap::new(), by_key: BTreeMap::new() }
    }

    /// Its birth nonce.
    pub fn birth(&self) -> u64 {
        self.birth
    }

    /// How many news wait.
    pub fn pending(&self) -> usize {
        self.by_sequence.len()
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
        }
        self.by_sequence.insert(self.last, news);
    }

    /// Everything up to that sequence is safe at the CMA.
    pub(crate) fn acknowledge(&mut self, sequence: u64) {
        let kept = self.by_sequence.split_off(&sequence.saturating_add(1));
        for news in core::mem::replace(&mut self.by_sequence, kept).into_values() {
            self.by_key.remove(&news.key());
        }
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
}
