//! Following a run: its trace as it comes, and a line now and then while it takes long.

use std::time::{Duration, Instant};

use ringmesh_netsim::scenario::{Follower, SoFar};

use super::output::{Reader, say};

/// A run that is over by then says nothing of itself ..
const FIRST: Duration = Duration::from_secs(2);
/// .. and a longer one so often.
const EVERY: Duration = Duration::from_secs(5);

/// Somebody who waits for a run.
pub(super) struct Progress {
    began: Instant,
    next: Duration,
    trace: fn(&str) -> Reader,
}

impl Progress {
    /// Lines of a trace go to standard error, and nobody need read them.
    pub(super) fn new() -> Self {
        Self::with(|line| {
            say(line);
            Reader::Reads
        })
    }

    /// They go elsewhere.
    pub(super) fn with(trace: fn(&str) -> Reader) -> Self {
        Self { began: Instant::now(), next: FIRST, trace }
    }

    fn is_due(&mut self, elapsed: Duration) -> bool {
        let due = elapsed >= self.next;
        if due {
            self.next = elapsed + EVERY;
        }
        due
    }
}

impl Follower for Progress {
    fn lines(&mut self, lines: Vec<String>) -> bool {
        lines.iter().all(|line| (self.trace)(line) == Reader::Reads)
    }

    fn look(&mut self, so_far: &dyn Fn() -> SoFar) {
        let elapsed = self.began.elapsed();
        if self.is_due(elapsed) {
            say(words(elapsed, so_far()));
        }
    }
}

fn words(elapsed: Duration, so_far: SoFar) -> String {
    let SoFar { at, of, events, incidents } = so_far;
    format!(
        "{:6.1} s: {:.0} s of {:.0} s of virtual time, {events} events, {incidents} {}",
        elapsed.as_secs_f64(),
        at.as_secs_f64(),
        of.as_secs_f64(),
        if incidents == 1 { "incident" } else { "incidents" },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_look_is_taken_after_two_seconds_and_then_every_five() {
        let mut progress = Progress::new();
        for (elapsed_s, wanted) in
            [(0, false), (1, false), (2, true), (6, false), (7, true), (8, false), (13, true)]
        {
            assert_eq!(progress.is_due(Duration::from_secs(elapsed_s)), wanted, "after {elapsed_s} s");
        }
        let so_far =
            SoFar { at: Duration::from_secs(30), of: Duration::from_secs(90), events: 7, incidents: 1 };
        let told = words(Duration::from_secs(7), so_far);
        assert_eq!(told, "   7.0 s: 30 s of 90 s of virtual time, 7 events, 1 incident");
    }
}
