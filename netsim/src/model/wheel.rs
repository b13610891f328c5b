//! A hierarchical wheel: what is due soon lies in fine slots, what is due later in coarse ones, and is moved down when
//! its time comes near. No event is compared with another before its slot is opened.
//!
//! Four levels of 256 slots; the finest are 16 us wide, which is less than any way takes, so hardly anything new falls
//! into the slot that is open. What is further away than 19 hours waits apart.
//!
//! # Invariants
//! - Whatever is due in an open or passed slot lies in `open`, sorted; all else is due later.
//! - Octets of emptied slots are used again: a quiet wheel holds what the busiest moment needed, not more.

use super::queue::Event;

/// Nanoseconds of the finest slots, as a power of two.
const TICK: u32 = 14;
const LEVELS: usize = 4;
const SLOTS: usize = 256;
/// Emptied slots whose room is kept for others.
const SPARE: usize = 1_024;

/// One level: its slots, and which of them hold something.
struct Level {
    slots: Vec<Vec<Event>>,
    held: [u64; SLOTS / 64],
}

/// Events in order of time and key.
pub(super) struct Wheel {
    levels: [Level; LEVELS],
    far: Vec<Event>,
    /// Latest first, so that the next one is at the end.
    open: Vec<Event>,
    /// The tick of the open slot.
    tick: u64,
    spare: Vec<Vec<Event>>,
}

impl Default for Wheel {
    fn default() -> Self {
        let level = || Level { slots: (0..SLOTS).map(|_| Vec::new()).collect(), held: [0; SLOTS / 64] };
        let (far, open, spare) = (Vec::new(), Vec::new(), Vec::new());
        Self { levels: [level(), level(), level(), level()], far, open, tick: 0, spare }
    }
}

impl Level {
    /// The next slot after `at` that holds something.
    fn after(&self, at: usize) -> Option<usize> {
        let first = at + 1;
        let mut word = first / 64;
        let mut bits = self.held.get(word)? & (u64::MAX << (first % 64));
        while bits == 0 {
            word += 1;
            bits = *self.held.get(word)?;
        }
        Some(word * 64 + bits.trailing_zeros() as usize)
    }
}

fn tick_of(event: &Event) -> u64 {
    event.at.nanos() >> TICK
}

/// The place of a tick in a level.
fn slot_of(tick: u64, level: usize) -> usize {
    (tick >> (8 * level)) as usize % SLOTS
}

impl Wheel {
    pub(super) fn put(&mut self, event: Event) {
        if tick_of(&event) <= self.tick {
            let at = self.open.partition_point(|held| (held.at, held.key) > (event.at, event.key));
            self.open.insert(at, event);
        } else {
            self.put_later(event);
        }
    }

    /// Into the slot of the coarsest level on which its tick differs from the open one's.
    fn put_later(&mut self, event: Event) {
        let tick = tick_of(&event);
        let level = (63 - (tick ^ self.tick).leading_zeros() as usize) / 8;
        let Some(known) = self.levels.get_mut(level) else { return self.far.push(event) };
        let slot = slot_of(tick, level);
        known.held[slot / 64] |= 1 << (slot % 64);
        let held = &mut known.slots[slot];
        if held.capacity() == 0
            && let Some(spare) = self.spare.pop()
        {
            *held = spare;
        }
        held.push(event);
    }

    /// The next event, which stays where it is.
    pub(super) fn first(&mut self) -> Option<&Event> {
        while self.open.is_empty() {
            self.open_next()?;
        }
        self.open.last()
    }

    pub(super) fn pop(&mut self) -> Option<Event> {
        self.first()?;
        self.open.pop()
    }

    /// Goes on to the next slot that holds something; a coarse one is spread over finer ones.
    fn open_next(&mut self) -> Option<()> {
        let next =
            |level: usize| self.levels[level].after(slot_of(self.tick, level)).map(|slot| (level, slot));
        let Some((level, slot)) = (0..LEVELS).find_map(next) else { return self.open_far() };
        let known = &mut self.levels[level];
        known.held[slot / 64] &= !(1 << (slot % 64));
        let mut events = std::mem::take(&mut known.slots[slot]);
        let above = self.tick >> (8 * level) >> 8 << 8;
        self.tick = (above | slot as u64) << (8 * level);
        if level == 0 {
            std::mem::swap(&mut self.open, &mut events);
        } else {
            self.spread(&mut events);
        }
        if self.spare.len() < SPARE {
            self.spare.push(events);
        }
        self.sort_open();
        Some(())
    }

    /// Nothing lies on any level: goes on to the first of what is far away.
    fn open_far(&mut self) -> Option<()> {
        self.tick = self.far.iter().map(tick_of).min()?;
        let mut far = std::mem::take(&mut self.far);
        self.spread(&mut far);
        self.sort_open();
        Some(())
    }

    fn spread(&mut self, events: &mut Vec<Event>) {
        for event in events.drain(..) {
            if tick_of(&event) <= self.tick {
                self.open.push(event);
            } else {
                self.put_later(event);
            }
        }
    }

    fn sort_open(&mut self) {
        self.open.sort_unstable_by_key(|event| std::cmp::Reverse((event.at, event.key)));
    }
}

#[cfg(test)]
mod tests {
    use ringmesh_proto::draws::{Draws, Purpose};
    use ringmesh_proto::time::Time;

    use super::super::key::{Actor, Entity, Rank};
    use super::super::queue::Due;
    use super::*;

    #[test]
    fn it_gives_back_in_order_what_was_put_at_any_distance_at_any_time() {
        for seed in 0..50 {
            let draws = Draws::new(seed, 0);
            let (mut wheel, mut actor) = (Wheel::default(), Actor::new(Entity::host(1)));
            let (mut now, mut held, mut taken) = (0_u64, std::collections::BTreeSet::new(), 0);
            for step in 0..3_000 {
                if draws.below(5, Purpose::Start, step) < 3 {
                    let scale = draws.below(48, Purpose::Latency, step);
                    let at = now + draws.below(1 << scale, Purpose::Loss, step);
                    let key = actor.next().key(Rank::Deed);
                    held.insert((at, key));
                    wheel.put(Event { at: Time::from_nanos(at), key, due: Due::HostDeadline { host: 0 } });
                } else {
                    // To look does not take anything away.
                    wheel.first();
                    let got = wheel.pop().map(|event| (event.at.nanos(), event.key));
                    assert_eq!(got, held.pop_first(), "seed {seed}, step {step}");
                    now = got.map_or(now, |(at, _)| at);
                    taken += usize::from(got.is_some());
                }
            }
            while let Some(want) = held.pop_first() {
                assert_eq!(wheel.pop().map(|event| (event.at.nanos(), event.key)), Some(want), "seed {seed}");
            }
            assert!(wheel.pop().is_none() && taken > 500);
        }
    }
}
