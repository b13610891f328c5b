//! The change log: which thing changed last under which revision.
//!
//! Each thing stands once, under its newest revision. Revisions only rise, so what is new goes to the end; what is
//! taken out leaves a gap. Segments keep both cheap, and an old one that is nearly empty small.

use std::collections::BTreeMap;

/// Revisions of one segment.
const SEGMENT: u64 = 512;

/// A node or an edge, by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Thing {
    Node(u32),
    Edge(u32),
}

/// See the module.
#[derive(Default)]
pub(super) struct Log {
    /// By the revision's segment: its place there and the thing, in order.
    segments: BTreeMap<u64, Vec<(u16, Packed)>>,
}

/// A thing in four octets.
#[derive(Clone, Copy)]
struct Packed(u32);

impl Packed {
    fn of(thing: Thing) -> Self {
        match thing {
            Thing::Node(number) => Self(number << 1),
            Thing::Edge(number) => Self(number << 1 | 1),
        }
    }

    fn thing(self) -> Thing {
        if self.0 & 1 == 0 { Thing::Node(self.0 >> 1) } else { Thing::Edge(self.0 >> 1) }
    }
}

impl Log {
    /// A thing changed under a revision that stands for nothing else.
    pub(super) fn insert(&mut self, revision: u64, thing: Thing) {
        let (segment, place) = place(revision);
        let segment = self.segments.entry(segment).or_default();
        let at = segment.partition_point(|(other, _)| *other < place);
        segment.insert(at, (place, Packed::of(thing)));
    }

    /// What stood there stands elsewhere now, or nowhere.
    pub(super) fn remove(&mut self, revision: u64) -> Option<Thing> {
        let (number, place) = place(revision);
        let segment = self.segments.get_mut(&number)?;
        let at = segment.binary_search_by_key(&place, |(place, _)| *place).ok()?;
        let (_, thing) = segment.remove(at);
        if segment.is_empty() {
            self.segments.remove(&number);
        } else if segment.len() * 4 < segment.capacity() {
            segment.shrink_to(segment.len() * 2);
        }
        Some(thing.thing())
    }

    /// Those after a revision, oldest first.
    pub(super) fn after(&self, revision: u64) -> impl Iterator<Item = (u64, Thing)> {
        let first = revision.saturating_add(1);
        let segments = self.segments.range(first / SEGMENT..);
        let all = segments.flat_map(|(segment, things)| {
            let number = move |place: u16| segment * SEGMENT + u64::from(place);
            things.iter().map(move |(place, thing)| (number(*place), thing.thing()))
        });
        all.skip_while(move |(revision, _)| *revision < first)
    }
}

fn place(revision: u64) -> (u64, u16) {
    // Below the number of places of a segment.
    (revision / SEGMENT, u16::try_from(revision % SEGMENT).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thing_that_moves_to_the_end_stands_there_only_and_leaves_nothing_behind() {
        let mut log = Log::default();
        for n in 0..2_000_u32 {
            log.insert(u64::from(n) + 1, if n % 2 == 0 { Thing::Node(n) } else { Thing::Edge(n) });
        }
        for n in 0..1_990_u64 {
            let thing = log.remove(n + 1).unwrap();
            log.insert(5_000 + n, thing);
        }
        let seen: Vec<(u64, Thing)> = log.after(0).collect();
        assert_eq!(
            (seen.len(), seen[0], seen[10]),
            (2_000, (1_991, Thing::Node(1_990)), (5_000, Thing::Node(0)))
        );
        assert!(seen.is_sorted_by_key(|(revision, _)| *revision));
        assert_eq!(log.after(6_988).collect::<Vec<_>>(), [(6_989, Thing::Edge(1_989))]);
        assert_eq!((log.remove(3), log.segments.len()), (None, 6));
    }
}
