//! Time as the shell reads it: `CLOCK_BOOTTIME` for every decision, the wall clock for display only.
//!
//! The machine's time runs on while the host is suspended, so its alarm is a timerfd of that clock;
//! tokio's own timers follow `CLOCK_MONOTONIC` and drive no machine.

use std::io;
use std::time::Duration;

use nix::sys::time::TimeSpec;
use nix::sys::timerfd::{ClockId as TimerClock, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};
use nix::time::{ClockId, clock_gettime};
use ringmesh_proto::time::{Time, WallClock};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use crate::sys::{self, Held};

/// Now, as the machine counts it.
pub fn now() -> Time {
    Time::from_nanos(nanos(read(ClockId::CLOCK_BOOTTIME)))
}

/// The wall clock, with the moment it was read at.
pub fn wall_clock() -> WallClock {
    WallClock { at: now(), unix_ms: wall_nanos() / 1_000_000 }
}

/// Nanoseconds since 1970 by the wall clock: what the kernel stamps received datagrams with.
fn wall_nanos() -> u64 {
    nanos(read(ClockId::CLOCK_REALTIME))
}

fn read(clock: ClockId) -> TimeSpec {
    // Neither clock can fail on a Linux that has timerfd; a zero would only make a datagram look fresh.
    clock_gettime(clock).unwrap_or(TimeSpec::new(0, 0))
}

fn nanos(time: TimeSpec) -> u64 {
    let seconds = u64::try_from(time.tv_sec()).unwrap_or(0);
    seconds.saturating_mul(1_000_000_000).saturating_add(u64::try_from(time.tv_nsec()).unwrap_or(0))
}

/// One armed deadline.
pub struct Alarm {
    timer: AsyncFd<Held<TimerFd>>,
    armed: Time,
}

impl Alarm {
    /// An alarm that never rings until it is set. Must be called inside a tokio runtime.
    pub fn new() -> io::Result<Self> {
        let flags = TimerFlags::TFD_NONBLOCK | TimerFlags::TFD_CLOEXEC;
        let timer = TimerFd::new(TimerClock::CLOCK_BOOTTIME, flags)?;
        Ok(Self { timer: sys::watched(timer, Interest::READABLE)?, armed: Time::NEVER })
    }

    /// Sets the one moment to ring at; a moment in the past rings at once. Costs nothing where it is unchanged.
    pub fn set(&mut self, deadline: Time) -> io::Result<()> {
        if deadline == self.armed {
            return Ok(());
        }
        if deadline == Time::NEVER {
            self.timer.get_ref().0.unset()?;
        } else {
            // A zero would disarm the timer, and the first nanosecond after boot is long over.
            let at = TimeSpec::from_duration(Duration::from_nanos(deadline.nanos().max(1)));
            self.timer.get_ref().0.set(Expiration::OneShot(at), TimerSetTimeFlags::TFD_TIMER_ABSTIME)?;
        }
        self.armed = deadline;
        Ok(())
    }

    /// Returns when the moment has come. Safe to drop and call again.
    pub async fn rings(&mut self) -> io::Result<()> {
        loop {
            let mut guard = self.timer.readable().await?;
            // Taken off the timer by a read that cannot block: the descriptor is non-blocking.
            match guard.try_io(|timer| timer.get_ref().0.wait().map_err(io::Error::from)) {
                Ok(read) => {
                    self.armed = Time::NEVER;
                    return read;
                }
                Err(_would_block) => {}
            }
        }
    }
}

/// Tells when somebody sets the wall clock.
pub struct WallClockWatch {
    timer: AsyncFd<Held<TimerFd>>,
}

impl WallClockWatch {
    /// Must be called inside a tokio runtime.
    pub fn new() -> io::Result<Self> {
        let flags = TimerFlags::TFD_NONBLOCK | TimerFlags::TFD_CLOEXEC;
        let timer = sys::watched(TimerFd::new(TimerClock::CLOCK_REALTIME, flags)?, Interest::READABLE)?;
        let watch = Self { timer };
        watch.arm()?;
        Ok(watch)
    }

    /// A moment that never comes, given up by the kernel when the clock is set.
    fn arm(&self) -> io::Result<()> {
        let never = Expiration::OneShot(TimeSpec::new(i64::from(u32::MAX) * 2, 0));
        let flags = TimerSetTimeFlags::TFD_TIMER_ABSTIME | TimerSetTimeFlags::TFD_TIMER_CANCEL_ON_SET;
        Ok(self.timer.get_ref().0.set(never, flags)?)
    }

    /// Returns when the clock was set.
    pub async fn was_set(&self) -> io::Result<()> {
        loop {
            let mut guard = self.timer.readable().await?;
            // nix takes ECANCELED, which the kernel says here, for success.
            if let Ok(read) = guard.try_io(|timer| timer.get_ref().0.wait().map_err(io::Error::from)) {
                read?;
                return self.arm();
            }
        }
    }
}

/// Turns the kernel's receive stamps, which are wall time, into moments of the machine's time.
///
/// The wall clock may step at any time, so a stamp is believed as an *age* only: measured against the wall
/// clock of this wake-up, and never older than the drain before, since the datagram was not there then.
#[derive(Debug)]
pub struct Stamps {
    now: Time,
    wall_nanos: u64,
    age_max: Duration,
}

impl Stamps {
    /// For one drain of the sockets; `drained` is when the drain before this one was.
    pub fn at(now: Time, drained: Time) -> Self {
        Self { now, wall_nanos: wall_nanos(), age_max: now.since(drained) }
    }

    /// When a datagram with that stamp arrived; now, where the kernel gave none.
    pub fn arrived(&self, stamp_nanos: Option<u64>) -> Time {
        let age = stamp_nanos
            .map_or(Duration::ZERO, |stamp| Duration::from_nanos(self.wall_nanos.saturating_sub(stamp)));
        self.now.before(age.min(self.age_max))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_is_an_age_between_nothing_and_the_time_since_the_drain_before() {
        let second = 1_000_000_000;
        let stamps = Stamps {
            now: Time::from_millis(50_000),
            wall_nanos: 1_000 * second,
            age_max: Duration::from_secs(2),
        };
        let cases = [
            ("half a second old", Some(1_000 * second - second / 2), 49_500),
            ("the wall clock stepped back: from the future", Some(1_007 * second), 50_000),
            ("the wall clock stepped on: older than the last drain", Some(3 * second), 48_000),
            ("no stamp", None, 50_000),
        ];
        for (name, stamp, want_ms) in cases {
            assert_eq!(stamps.arrived(stamp), Time::from_millis(want_ms), "{name}");
        }
    }

    #[tokio::test(flavor = "current_thread")]
    async fn an_alarm_rings_for_the_past_and_the_near_future_and_only_once() {
        let mut alarm = Alarm::new().unwrap();
        alarm.set(now().before(Duration::from_secs(5))).unwrap();
        alarm.rings().await.unwrap();
        let later = now() + Duration::from_millis(20);
        alarm.set(later).unwrap();
        alarm.rings().await.unwrap();
        assert!(now() >= later, "rang early");
        let silent = tokio::time::timeout(Duration::from_millis(40), alarm.rings()).await;
        assert!(silent.is_err(), "rang twice");
        alarm.set(now() + Duration::from_millis(5)).unwrap();
        alarm.set(Time::NEVER).unwrap();
        let silent = tokio::time::timeout(Duration::from_millis(40), alarm.rings()).await;
        assert!(silent.is_err(), "rang though unset");
    }
}
