//! Numbers of nodes in the order of the nodes' ids, for finding and for paging.
//!
//! Only numbers are held: an id stands once, in its node's record. So whoever calls says how a number's id is read.

use core::cmp::Ordering;

/// Numbers in one chunk: moving half of it costs little, and few chunks are left to search.
const CHUNK_MAX: usize = 512;

/// An ordered set of numbers, in chunks.
#[derive(Default)]
pub(super) struct Index {
    /// None is empty.
    chunks: Vec<Vec<u32>>,
}

impl Index {
    /// The number that `compare` calls equal to what is looked for.
    pub(super) fn find(&self, compare: impl Fn(u32) -> Ordering) -> Option<u32> {
        if self.is_last(&compare) {
            return None;
        }
        let chunk = self.chunks.get(self.chunk_of(&compare)?)?;
        let at = chunk.binary_search_by(|&number| compare(number)).ok()?;
        chunk.get(at).copied()
    }

    /// Puts a number where `compare` says; it is not there yet.
    pub(super) fn insert(&mut self, number: u32, compare: impl Fn(u32) -> Ordering) {
        if self.is_last(&compare) {
            // What comes in order, as all of it does at a restart, leaves full chunks behind.
            match self.chunks.last_mut().filter(|chunk| chunk.len() < CHUNK_MAX) {
                Some(chunk) => chunk.push(number),
                None => self.chunks.push(vec![number]),
            }
            return;
        }
        let at = self.chunk_of(&compare).unwrap_or_default();
        let Some(chunk) = self.chunks.get_mut(at) else { return };
        let place = chunk.partition_point(|&other| compare(other) == Ordering::Less);
        if chunk.len() < CHUNK_MAX {
            chunk.insert(place, number);
            return;
        }
        let mut second = chunk.split_off(CHUNK_MAX / 2);
        match place.checked_sub(chunk.len()) {
            Some(place) => second.insert(place, number),
            None => chunk.insert(place, number),
        }
        self.chunks.insert(at + 1, second);
    }

    /// Takes a number out.
    pub(super) fn remove(&mut self, compare: impl Fn(u32) -> Ordering) {
        let Some(at) = self.chunk_of(&compare) else { return };
        let Some(chunk) = self.chunks.get_mut(at) else { return };
        if let Ok(place) = chunk.binary_search_by(|&number| compare(number)) {
            chunk.remove(place);
        }
        if chunk.is_empty() {
            self.chunks.remove(at);
        }
    }

    /// The numbers that come after those of which `is_before` holds, in order.
    pub(super) fn from(&self, is_before: impl Fn(u32) -> bool) -> impl Iterator<Item = u32> {
        let before = |chunk: &Vec<u32>| chunk.last().is_some_and(|&last| is_before(last));
        let at = self.chunks.partition_point(before);
        let skipped =
            self.chunks.get(at).map_or(0, |chunk| chunk.partition_point(|&number| is_before(number)));
        self.chunks.iter().skip(at).flatten().copied().skip(skipped)
    }

    /// What is looked for comes after all that there is.
    fn is_last(&self, compare: &impl Fn(u32) -> Ordering) -> bool {
        let last = self.chunks.last().and_then(|chunk| chunk.last());
        last.is_none_or(|&last| compare(last) == Ordering::Less)
    }

    /// The only chunk in which it can stand: the last that begins at or before it; else the first.
    fn chunk_of(&self, compare: &impl Fn(u32) -> Ordering) -> Option<usize> {
        let starts_after =
            |chunk: &Vec<u32>| chunk.first().is_none_or(|&first| compare(first) != Ordering::Greater);
        let after = self.chunks.partition_point(starts_after);
        (!self.chunks.is_empty()).then(|| after.saturating_sub(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stand_in_order_whatever_the_order_they_came_in() {
        let mut index = Index::default();
        let count = 5_000_u32;
        let to = |wanted: u32| move |number: u32| number.cmp(&wanted);
        // 1,229 has no factor in common with the count: each number comes once.
        (0..count).map(|n| n * 1_229 % count).for_each(|n| index.insert(n, to(n)));
        assert!(index.from(|_| false).eq(0..count));
        assert!(index.from(|n| n < 2_345).eq(2_345..count));
        (0..count).filter(|n| n % 3 == 0).for_each(|n| index.remove(to(n)));
        assert!(index.from(|_| false).eq((0..count).filter(|n| n % 3 != 0)));
        assert_eq!((index.find(to(7)), index.find(to(9))), (Some(7), None));
        (0..count).for_each(|n| index.remove(to(n)));
        assert!(index.chunks.is_empty() && index.find(to(1)).is_none());
    }

    #[test]
    fn what_comes_in_order_leaves_full_chunks() {
        let mut index = Index::default();
        (0..10_000_u32).for_each(|n| index.insert(n, |other| other.cmp(&n)));
        assert_eq!(index.chunks.len(), 10_000_usize.div_ceil(CHUNK_MAX));
    }
}
