//! One direction of a slow cable: what is on its way, and when it arrives. Reads no clock.
//!
//! # Invariants
//! - Frames leave in the order they came, none before its time.
//! - Memory is finite: what comes to a full line is lost, as at any router's queue.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use ringmesh_proto::draws::{Draws, Purpose};

/// More than a second at the rate of a lab's WAN, and 12 MB at most.
const FRAMES_MAX: usize = 8_192;

/// One direction.
pub(super) struct Line {
    delay: Duration,
    loss_permille: u16,
    draws: Draws,
    taken: u64,
    under_way: VecDeque<(Instant, Vec<u8>)>,
}

impl Line {
    /// An empty line. `entity` tells its draws from those of every other line of the same seed.
    pub(super) fn new(delay: Duration, loss_permille: u16, seed: u64, entity: u64) -> Self {
        Self { delay, loss_permille, draws: Draws::new(seed, entity), taken: 0, under_way: VecDeque::new() }
    }

    /// Takes a frame in, unless this is one that is lost.
    pub(super) fn take(&mut self, now: Instant, frame: &[u8]) {
        let lost = self.draws.below(1000, Purpose::Loss, self.taken) < u64::from(self.loss_permille);
        self.taken += 1;
        if !lost && self.under_way.len() < FRAMES_MAX {
            self.under_way.push_back((now + self.delay, frame.to_vec()));
        }
    }

    /// When the next frame arrives.
    pub(super) fn next_at(&self) -> Option<Instant> {
        self.under_way.front().map(|(at, _)| *at)
    }

    /// The next frame that has arrived by now.
    pub(super) fn give(&mut self, now: Instant) -> Option<Vec<u8>> {
        let (at, _) = self.under_way.front()?;
        if *at > now {
            return None;
        }
        self.under_way.pop_front().map(|(_, frame)| frame)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn given(line: &mut Line, now: Instant) -> Vec<u8> {
        std::iter::from_fn(|| line.give(now)).map(|frame| frame[0]).collect()
    }

    #[test]
    fn frames_arrive_after_the_delay_in_the_order_they_came() {
        let mut line = Line::new(40 * MS, 0, 1, 0);
        let start = Instant::now();
        assert_eq!((line.next_at(), line.give(start)), (None, None));
        line.take(start, &[1]);
        line.take(start + 10 * MS, &[2]);
        assert_eq!(line.next_at(), Some(start + 40 * MS));
        assert!(given(&mut line, start + 39 * MS).is_empty());
        assert_eq!(given(&mut line, start + 40 * MS), [1]);
        assert_eq!(given(&mut line, start + 90 * MS), [2]);
        assert_eq!(line.next_at(), None);
    }

    #[test]
    fn a_seed_loses_the_same_frames_each_time_and_about_as_many_as_it_was_asked_to() {
        let arrived = |permille, seed, entity| -> Vec<usize> {
            let (mut line, now) = (Line::new(Duration::ZERO, permille, seed, entity), Instant::now());
            let passes = |_: &usize| {
                line.take(now, &[0]);
                line.give(now).is_some()
            };
            (0..10_000).filter(passes).collect()
        };
        let tenth = arrived(100, 1, 0);
        assert!((8_800..9_200).contains(&tenth.len()), "{} of 10000 arrived", tenth.len());
        assert_eq!(tenth, arrived(100, 1, 0));
        assert_ne!(tenth, arrived(100, 2, 0), "another seed");
        assert_ne!(tenth, arrived(100, 1, 1), "another line");
        assert_eq!((arrived(0, 1, 0).len(), arrived(1000, 1, 0).len()), (10_000, 0));
    }

    #[test]
    fn a_full_line_loses_what_comes_and_keeps_what_it_has() {
        let (mut line, now) = (Line::new(MS, 0, 1, 0), Instant::now());
        for n in 0..FRAMES_MAX + 5 {
            line.take(now, &[u8::from(n >= FRAMES_MAX)]);
        }
        let kept = given(&mut line, now + MS);
        assert_eq!((kept.len(), kept.contains(&1)), (FRAMES_MAX, false));
    }
}
