//! Time as the shell reads it: `CLOCK_BOOTTIME` for every decision, the wall clock for display only.
//!
//! tokio's own timers follow `CLOCK_MONOTONIC`, which stands still while a host is suspended: they drive no
//! machine. The machine's one deadline is a timerfd of its own clock.

use std::io;
use std::time::Duration;

use nix::sys::time::TimeSpec;
use nix::sys::timerfd::{ClockId as TimerClock, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};
use nix::time::{ClockId, clock_gettime};
use ringmesh_proto::time::{Time, WallClock};
use tokio::io::unix::AsyncFd;

use crate::sys::{Timer, watch_timer};

/// Now, as the machine counts it.
pub(crate) fn now() -> Time {
    Time::from_nanos(nanos_of(ClockId::CLOCK_BOOTTIME))
}

/// The wall clock, with the moment it was read at.
pub(crate) fn wall_clock() -> WallClock {
    WallClock { at: now(), unix_ms: nanos_of(ClockId::CLOCK_REALTIME) / 1_000_000 }
}

fn nanos_of(clock: ClockId) -> u64 {
    // Both clocks exist on every Linux that has a timerfd, so a zero is never seen.
    let time = clock_gettime(clock).unwrap_or(TimeSpec::new(0, 0));
    let part = |value: i64| u64::try_from(value).unwrap_or(0);
    part(time.tv_sec()).saturating_mul(1_000_000_000).saturating_add(part(time.tv_nsec()))
}

/// The one armed deadline of the machine.
pub(crate) struct Deadline {
    timer: AsyncFd<Timer>,
    armed: Time,
}

impl Deadline {
    /// Not armed. Needs a tokio runtime around it.
    pub(crate) fn new() -> io::Result<Self> {
        let flags = TimerFlags::TFD_NONBLOCK | TimerFlags::TFD_CLOEXEC;
        let timer = TimerFd::new(TimerClock::CLOCK_BOOTTIME, flags)?;
        Ok(Self { timer: watch_timer(timer)?, armed: Time::NEVER })
    }

    /// Arms it; a moment in the past is reached at once. Arming it for the same moment again costs nothing.
    pub(crate) fn arm(&mut self, at: Time) -> io::Result<()> {
        if at == self.armed {
            return Ok(());
        }
        if at == Time::NEVER {
            self.timer.get_ref().get().unset()?;
        } else {
            // Zero would disarm the timer instead of ringing at once.
            let moment = TimeSpec::from_duration(Duration::from_nanos(at.nanos().max(1)));
            self.timer
                .get_ref()
                .get()
                .set(Expiration::OneShot(moment), TimerSetTimeFlags::TFD_TIMER_ABSTIME)?;
        }
        self.armed = at;
        Ok(())
    }

    /// Returns once the moment has come. May be dropped and called again.
    pub(crate) async fn reached(&mut self) -> io::Result<()> {
        loop {
            let mut guard = self.timer.readable().await?;
            // `wait` is a read; it cannot block, since the descriptor does not.
            if let Ok(read) = guard.try_io(|timer| timer.get_ref().get().wait().map_err(io::Error::from)) {
                self.armed = Time::NEVER;
                return read;
            }
        }
    }
}

/// Turns the kernel's receive stamps, which are wall time, into moments of the machine's time.
///
/// The wall clock may step at any time, so a stamp counts as an *age* only: measured against the wall clock of
/// this wake-up, and never more than the time since the drain before, for the datagram was not there then.
pub(crate) struct Stamps {
    now: Time,
    wall_nanos: u64,
    age_max: Duration,
}

impl Stamps {
    /// For one drain of the sockets at `now`; the one before was at `drained`.
    pub(crate) fn new(now: Time, drained: Time) -> Self {
        Self { now, wall_nanos: nanos_of(ClockId::CLOCK_REALTIME), age_max: now.since(drained) }
    }

    /// When a datagram with that stamp (nanoseconds since 1970) arrived; now, where there is none.
    pub(crate) fn arrived(&self, stamp: Option<u64>) -> Time {
        let age = stamp.map_or(0, |stamp| self.wall_nanos.saturating_sub(stamp));
        self.now.before(Duration::from_nanos(age).min(self.age_max))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_is_an_age_between_nothing_and_the_time_since_the_drain_before() {
        let wall_nanos = 1_000_000_000_000;
        let stamps =
            Stamps { now: Time::from_millis(60_000), wall_nanos, age_max: Duration::from_millis(300) };
        let cases = [
            ("40 ms old", Some(wall_nanos - 40_000_000), 59_960),
            ("the wall clock was set back: a stamp from the future", Some(wall_nanos + 1), 60_000),
            ("the wall clock was set forward: a stamp of long ago", Some(1), 59_700),
            ("no stamp", None, 60_000),
        ];
        for (case, stamp, want_ms) in cases {
            assert_eq!(stamps.arrived(stamp), Time::from_millis(want_ms), "{case}");
        }
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_deadline_is_reached_once_never_early_and_never_when_taken_back() {
        let patience = Duration::from_millis(50);
        let mut deadline = Deadline::new().unwrap();
        deadline.arm(Time::from_nanos(0)).unwrap();
        deadline.reached().await.unwrap();
        let at = now() + Duration::from_millis(15);
        deadline.arm(at).unwrap();
        deadline.reached().await.unwrap();
        assert!(now() >= at, "too early");
        assert!(tokio::time::timeout(patience, deadline.reached()).await.is_err(), "reached twice");
        deadline.arm(now() + Duration::from_millis(10)).unwrap();
        deadline.arm(Time::NEVER).unwrap();
        assert!(
            tokio::time::timeout(patience, deadline.reached()).await.is_err(),
            "reached though taken back"
        );
    }
}
