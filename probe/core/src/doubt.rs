//! Self-doubt: whether our own timers ran late, before anybody else is blamed.

use ringmesh_proto::time::{Duration, Time};

/// Waking later than this is lateness.
const LATE_BY: Duration = Duration::from_millis(100);
/// This often within [`WITHIN`] is starvation.
const TIMES: usize = 3;
const WITHIN: Duration = Duration::from_secs(60);

/// How we slept.
#[derive(Clone, Debug)]
pub(crate) struct Doubt {
    /// When the last event was.
    seen_at: Time,
    /// When we woke late, oldest at `next`.
    late_at: [Option<Time>; TIMES],
    next: u8,
}

impl Doubt {
    pub(crate) fn new(now: Time) -> Self {
        Self { seen_at: now, late_at: [None; TIMES], next: 0 }
    }

    /// Takes the moment of an event and the deadline that was armed; says by how much we woke late, if we did.
    ///
    /// A wait begins with the event before: what that left undone, because its driver goes on with a batch, is
    /// not late by the age of the deadline.
    pub(crate) fn wake(&mut self, now: Time, armed: Time) -> Option<Duration> {
        let late_by = now.since(armed.max(self.seen_at));
        self.seen_at = self.seen_at.max(now);
        if late_by <= LATE_BY {
            return None;
        }
        self.late_at[usize::from(self.next)] = Some(now);
        self.next = (self.next + 1) % TIMES as u8;
        Some(late_by)
    }

    /// Three times late within a minute.
    pub(crate) fn is_starved(&self, now: Time) -> bool {
        let oldest = self.late_at[usize::from(self.next)];
        oldest.is_some_and(|at| now.since(at) <= WITHIN)
    }

    /// Late within the time `ago` before now.
    pub(crate) fn was_late(&self, now: Time, ago: Duration) -> bool {
        self.late_at.iter().flatten().any(|&at| now.since(at) <= ago)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(millis: u64) -> Time {
        Time::from_millis(millis)
    }

    #[test]
    fn lateness_is_counted_once_for_each_wait() {
        let steps = [
            (1_000, 1_000, None, "on time"),
            (1_100, 1_000, None, "100 ms are no lateness"),
            (2_300, 2_000, Some(300), "late"),
            (2_301, 2_000, None, "the same batch"),
            (2_900, 2_000, Some(599), "a driver that is slow between two events is late again"),
            (2_950, u64::MAX, None, "nothing was armed"),
        ];
        let mut doubt = Doubt::new(Time::ZERO);
        for (now, armed, want, case) in steps {
            assert_eq!(doubt.wake(ms(now), ms(armed)), want.map(Duration::from_millis), "{case}");
        }
    }

    #[test]
    fn three_times_within_a_minute_is_starved_and_a_minute_later_it_is_not() {
        let mut doubt = Doubt::new(Time::ZERO);
        for (at, want) in [(1_000, false), (20_000, false), (60_000, true), (90_000, false), (130_000, false)]
        {
            doubt.wake(ms(at), ms(at - 200));
            assert_eq!(doubt.is_starved(ms(at)), want, "at {at} ms");
        }
        assert!(doubt.was_late(ms(133_000), Duration::from_secs(3)));
        assert!(!doubt.was_late(ms(133_001), Duration::from_secs(3)));
    }
}
