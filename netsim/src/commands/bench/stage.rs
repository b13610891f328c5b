//! One world for several figures: it is started once, comes to rest once, and remembers who is dead.

use std::time::{Duration, Instant};

use super::Bench;
use super::run::{Measured, Usage};

/// What the start took.
#[derive(Clone, Copy, Debug)]
pub(super) struct Started {
    /// Of virtual time, until all were monitored.
    pub(super) after: Duration,
    /// Datagrams that were no beats.
    pub(super) datagrams: u64,
    pub(super) cpu_s: f64,
    pub(super) wall_s: f64,
}

/// A world that goes from figure to figure.
pub(super) struct Stage {
    pub(super) measured: Measured,
    /// `None` if not all came to be monitored.
    pub(super) started: Option<Started>,
    /// Hosts that were killed and not booted since, none two in a ring.
    pub(super) dead: Vec<usize>,
    rested: bool,
    lossy: bool,
}

impl Stage {
    /// Builds a world and starts everything in it at once.
    pub(super) fn new(bench: &Bench) -> Self {
        let (before, clock) = (Usage::look().cpu, Instant::now());
        let mut measured = bench.build();
        let after = measured.start();
        let (cpu_s, wall_s) = ((Usage::look().cpu - before).as_secs_f64(), clock.elapsed().as_secs_f64());
        let datagrams = measured.world.account().control();
        let started = after.map(|after| Started { after, datagrams, cpu_s, wall_s });
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
        if self.started.is_none() {
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
