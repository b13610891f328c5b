//! One world for several figures: it is started once, comes to rest once, and remembers who is dead.

use std::time::Duration;

use super::Bench;
use super::common::{Common, Since};
use super::run::Measured;

/// What the start took.
#[derive(Clone, Debug)]
pub(super) struct Started {
    /// Of virtual time, until all were monitored; `None` if they never were.
    pub(super) after: Option<Duration>,
    /// Datagrams that were no beats.
    pub(super) datagrams: u64,
    /// The building included.
    pub(super) common: Common,
}

/// A world that goes from figure to figure.
pub(super) struct Stage {
    pub(super) measured: Measured,
    pub(super) started: Started,
    /// Hosts that were killed and not booted since, none two in a ring.
    pub(super) dead: Vec<usize>,
    rested: bool,
    lossy: bool,
}

impl Stage {
    /// Builds a world and starts everything in it at once.
    pub(super) fn new(bench: &Bench) -> Self {
        let since = Since::before_all();
        let mut measured = bench.build();
        let after = measured.start();
        let common = since.until_now(bench, &measured, true, 0);
        let started = Started { after, datagrams: measured.world.account().control(), common };
        Self { measured, started, dead: Vec::new(), rested: false, lossy: bench.loss > 0 }
    }

    /// Datagrams are lost from now on, or no more.
    pub(super) fn lose(&mut self, permille: u64) {
        self.measured.world.set_loss(permille);
        self.lossy = permille > 0;
    }

    /// Whether all are monitored and nobody but neighbours speaks. Where datagrams are lost it never comes to that:
    /// there it is `settle` later.
    pub(super) fn is_at_rest(&mut self, settle: Duration) -> bool {
        if self.started.after.is_none() {
            return false;
        }
        if self.lossy {
            self.measured.run(settle);
        } else if !self.rested {
            self.rested = self.measured.rest();
        }
        self.lossy || self.rested
    }
}
