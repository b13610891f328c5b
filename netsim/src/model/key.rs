//! Who did something, and its how manieth that was: the names of events, and where every draw comes from.
//!
//! # Invariants
//! - A stamp is given once. It depends on what its own entity did before, never on what others did meanwhile: so the
//!   order among independent machines changes neither a key nor a draw.

use ringmesh_proto::draws::{Draws, Purpose};

/// Whoever can make something happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entity(u32);

/// The bits of an entity's number: 16 million of each kind.
const NUMBER_BITS: u32 = 24;
/// The bits of a counter: at ten a second for 200 years.
const COUNT_BITS: u32 = 36;

impl Entity {
    pub(super) const CMA: Self = Self(0);

    pub(super) fn relay(site: usize) -> Self {
        Self::of(1, site)
    }

    pub(super) fn switch(switch: usize) -> Self {
        Self::of(2, switch)
    }

    pub(super) fn host(host: usize) -> Self {
        Self::of(3, host)
    }

    fn of(kind: u32, number: usize) -> Self {
        let number = u32::try_from(number).unwrap_or(u32::MAX);
        assert!(number >> NUMBER_BITS == 0, "number {number} of one kind: 16,777,216 is one too many");
        Self(kind << NUMBER_BITS | number)
    }

    /// What it is called in a trace.
    pub(super) fn name(self) -> String {
        let number = (self.0 & ((1 << NUMBER_BITS) - 1)) + 1;
        match self.0 >> NUMBER_BITS {
            0 => "CMA".into(),
            1 => format!("relay of site {number}"),
            2 => format!("sw{number}"),
            _ => format!("h{number}"),
        }
    }

    /// The number of the host, if it is one.
    pub(super) fn as_host(self) -> Option<usize> {
        (self.0 >> NUMBER_BITS == 3).then_some((self.0 & ((1 << NUMBER_BITS) - 1)) as usize)
    }
}

/// What an entity did, in its own order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Actor {
    entity: Entity,
    count: u64,
    beats: u64,
}

/// Beats are counted apart from all else that their sender does: so it can be told beforehand which comes next.
const BEATS: u64 = 1 << (COUNT_BITS - 1);

impl Actor {
    pub(super) fn new(entity: Entity) -> Self {
        Self { entity, count: 0, beats: 0 }
    }

    /// Its next deed.
    pub(super) fn next(&mut self) -> Stamp {
        self.count += 1;
        Stamp { entity: self.entity, count: self.count }
    }

    /// Its next beat.
    pub(super) fn next_beat(&mut self) -> Stamp {
        let stamp = self.beat_after(0);
        self.beats += 1;
        stamp
    }

    /// The beat that will be its next after so many others.
    pub(super) fn beat_after(&self, others: usize) -> Stamp {
        Stamp { entity: self.entity, count: BEATS | (self.beats + 1 + others as u64) }
    }
}

/// One deed of one entity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    entity: Entity,
    count: u64,
}

impl Stamp {
    /// A number below `bound`: the one of this deed and purpose.
    pub(super) fn draw(self, seed: u64, bound: u64, purpose: Purpose) -> u64 {
        Draws::new(seed, u64::from(self.entity.0)).below(bound, purpose, self.count)
    }

    pub(super) fn key(self, rank: Rank) -> Key {
        Key((rank as u64) << 62 | u64::from(self.entity.0) << COUNT_BITS | self.count)
    }
}

/// Of one moment, what comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Rank {
    /// What arrives: a machine hears it before its deadline of the same moment.
    Arrival = 0,
    Deed = 1,
    Deadline = 2,
}

/// The name of an event, and its place among those of one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key(u64);

impl Key {
    pub(super) fn bits(self) -> u64 {
        self.0
    }

    /// Who made it happen.
    pub(super) fn entity(self) -> Entity {
        let bits = self.0 >> COUNT_BITS & ((1 << (NUMBER_BITS + 2)) - 1);
        Entity(u32::try_from(bits).unwrap_or(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_tells_rank_first_then_entity_then_count() {
        let mut host = Actor::new(Entity::host(7));
        let (first, second) = (host.next(), host.next());
        let cma = Actor::new(Entity::CMA).next();
        assert!(first.key(Rank::Deed) < second.key(Rank::Deed));
        assert!(
            second.key(Rank::Arrival) < cma.key(Rank::Deed) && cma.key(Rank::Deed) < first.key(Rank::Deed)
        );
        assert_eq!(second.key(Rank::Deadline).entity(), Entity::host(7));
        assert_eq!((Entity::host(7).as_host(), Entity::relay(7).as_host()), (Some(7), None));
    }

    #[test]
    fn a_draw_is_its_own_deeds_alone() {
        let draw = |entity, skip: usize| {
            let mut actor = Actor::new(entity);
            (0..skip).for_each(|_| {
                actor.next();
            });
            actor.next().draw(1, u64::MAX, Purpose::Latency)
        };
        assert_eq!(draw(Entity::host(1), 3), draw(Entity::host(1), 3));
        assert_ne!(draw(Entity::host(1), 3), draw(Entity::host(1), 4));
        assert_ne!(draw(Entity::host(1), 3), draw(Entity::relay(1), 3));
    }
}
