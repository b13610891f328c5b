//! Randomness as a pure function of (seed, entity, purpose, counter), so that any run can be replayed and any
//! draw recomputed. Never a source of keys.

use rand_core::{Rng, SeedableRng};
use rand_xoshiro::SplitMix64;

/// What a draw is for: draws of different purposes are independent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// The phase of a member's beats.
    BeatPhase = 1,
    /// When the first announcement leaves.
    FirstAnnounce = 2,
    /// When an announcement is tried again.
    AnnounceRetry = 3,
    /// When a cut-off probe asks its relays again.
    AskRetry = 4,
    /// The wait a relay tells a newcomer.
    AdmissionWait = 5,
    /// Incident ids.
    Incident = 6,
    /// Simulated networks: latency of one packet.
    Latency = 100,
    /// Simulated networks: whether a packet is lost.
    Loss = 101,
    /// Simulated networks: process starts.
    Start = 102,
}

/// The draws of one entity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Draws(u64);

impl Draws {
    /// The draws of `entity` in the run of `seed`.
    pub fn new(seed: u64, entity: u64) -> Self {
        Self(mix(mix(seed) ^ entity))
    }

    /// 64 even bits.
    pub fn bits(self, purpose: Purpose, counter: u64) -> u64 {
        mix(mix(self.0 ^ purpose as u64) ^ counter)
    }

    /// A number below `bound`; 0 if `bound` is 0.
    pub fn below(self, bound: u64, purpose: Purpose, counter: u64) -> u64 {
        let wide = u128::from(self.bits(purpose, counter)) * u128::from(bound);
        u64::try_from(wide >> 64).unwrap_or(0)
    }
}

/// One step of SplitMix64, whose output is the same in every release of its crate.
fn mix(state: u64) -> u64 {
    SplitMix64::seed_from_u64(state).next_u64()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_draw_depends_on_each_of_its_four_arguments_and_on_nothing_else() {
        let draw = |seed, entity, purpose, counter| Draws::new(seed, entity).bits(purpose, counter);
        let base = draw(1, 2, Purpose::BeatPhase, 3);
        assert_eq!(base, draw(1, 2, Purpose::BeatPhase, 3));
        assert_ne!(base, draw(9, 2, Purpose::BeatPhase, 3));
        assert_ne!(base, draw(1, 9, Purpose::BeatPhase, 3));
        assert_ne!(base, draw(1, 2, Purpose::AskRetry, 3));
        assert_ne!(base, draw(1, 2, Purpose::BeatPhase, 9));
    }

    #[test]
    fn the_mixer_is_value_stable() {
        assert_eq!(
            Draws::new(1, 1).bits(Purpose::BeatPhase, 1),
            Draws::new(1, 1).bits(Purpose::BeatPhase, 1)
        );
        assert_eq!(mix(0), 0xe220_a839_7b1d_cdaf, "first output of SplitMix64 from zero");
    }

    #[test]
    fn draws_stay_below_their_bound() {
        let draws = Draws::new(7, 7);
        assert!((0..1_000).all(|counter| draws.below(10, Purpose::Loss, counter) < 10));
        assert_eq!(draws.below(0, Purpose::Loss, 0), 0);
    }
}
