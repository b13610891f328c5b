//! Time as a shell reads it: `CLOCK_BOOTTIME` for every decision, the wall clock for display only.
//!
//! A machine's time runs on while the host is suspended, so its alarm is a timerfd of that clock; tokio's own
//! timers follow `CLOCK_MONOTONIC` and drive no machine.

use std::io;
use std::os::fd::AsFd;
use std::time::Duration;

use nix::libc;
use nix::sys::time::TimeSpec;
use nix::sys::timerfd::{ClockId as TimerClock, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};
use nix::time::{ClockId, clock_gettime};
use ringmesh_proto::time::{Time, WallClock};
use tokio::net::unix::pipe::Receiver;

/// Now, as the machine counts it.
pub fn now() -> Time {
    Time::from_nanos(nanos_of(ClockId::CLOCK_BOOTTIME))
}

/// The wall clock, with the moment it was read at.
pub fn wall_clock() -> WallClock {
    WallClock { at: now(), unix_ms: wall_nanos() / 1_000_000 }
}

/// Nanoseconds since 1970 by the wall clock: what the kernel stamps received datagrams with.
fn wall_nanos() -> u64 {
    nanos_of(ClockId::CLOCK_REALTIME)
}

fn nanos_of(clock: ClockId) -> u64 {
    // Neither clock can fail on a Linux that has timerfd; a zero would only make a datagram look fresh.
    let time = clock_gettime(clock).unwrap_or(TimeSpec::new(0, 0));
    let part = |value: i64| u64::try_from(value).unwrap_or(0);
    part(time.tv_sec()).saturating_mul(1_000_000_000).saturating_add(part(time.tv_nsec()))
}

/// A timerfd, and a way to wait for it.
struct Timer {
    timer: TimerFd,
    /// The same timer once more. It is no pipe, but waited for and read like one, without any `unsafe`.
    rung: Receiver,
}

impl Timer {
    fn new(clock: TimerClock) -> io::Result<Self> {
        let timer = TimerFd::new(clock, TimerFlags::TFD_NONBLOCK | TimerFlags::TFD_CLOEXEC)?;
        let rung = Receiver::from_owned_fd_unchecked(timer.as_fd().try_clone_to_owned()?)?;
        Ok(Self { timer, rung })
    }

    /// Returns when it has rung, or with the error that it rings with. Safe to drop and call again.
    async fn rings(&self) -> io::Result<()> {
        // What a timerfd gives to read is the count of its expirations.
        let mut count = [0; size_of::<u64>()];
        loop {
            self.rung.readable().await?;
            match self.rung.try_read(&mut count) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                read => return read.map(drop),
            }
        }
    }
}

/// One armed deadline.
pub struct Alarm {
    timer: Timer,
    armed: Time,
}

impl Alarm {
    /// An alarm that never rings until it is set. Must be called inside a tokio runtime.
    pub fn new() -> io::Result<Self> {
        Ok(Self { timer: Timer::new(TimerClock::CLOCK_BOOTTIME)?, armed: Time::NEVER })
    }

    /// Sets the one moment to ring at; a moment in the past rings at once. Costs nothing where it is unchanged.
    pub fn set(&mut self, deadline: Time) -> io::Result<()> {
        if deadline == self.armed {
            return Ok(());
        }
        if deadline == Time::NEVER {
            self.timer.timer.unset()?;
        } else {
            // A zero would disarm the timer, and the first nanosecond after boot is long over.
            let at = TimeSpec::from_duration(Duration::from_nanos(deadline.nanos().max(1)));
            self.timer.timer.set(Expiration::OneShot(at), TimerSetTimeFlags::TFD_TIMER_ABSTIME)?;
        }
        self.armed = deadline;
        Ok(())
    }

    /// Returns when the moment has come. Safe to drop and call again.
    pub async fn rings(&mut self) -> io::Result<()> {
        let rung = self.timer.rings().await;
        self.armed = Time::NEVER;
        rung
    }
}

/// Tells when somebody sets the wall clock.
pub struct WallClockWatch {
    timer: Timer,
}

impl WallClockWatch {
    /// Must be called inside a tokio runtime.
    pub fn new() -> io::Result<Self> {
        let watch = Self { timer: Timer::new(TimerClock::CLOCK_REALTIME)? };
        watch.arm()?;
        Ok(watch)
    }

    /// A moment that never comes, given up by the kernel when the clock is set.
    fn arm(&self) -> io::Result<()> {
        let never = Expiration::OneShot(TimeSpec::new(i64::from(u32::MAX) * 2, 0));
        let flags = TimerSetTimeFlags::TFD_TIMER_ABSTIME | TimerSetTimeFlags::TFD_TIMER_CANCEL_ON_SET;
        Ok(self.timer.timer.set(never, flags)?)
    }

    /// Returns when the clock was set.
    pub async fn was_set(&self) -> io::Result<()> {
        match self.timer.rings().await {
            Err(error) if error.raw_os_error() != Some(libc::ECANCELED) => Err(error),
            // timerfd_create(2): "read(2) fails with the error ECANCELED if the real-time clock undergoes a
            // discontinuous change".
            _ => self.arm(),
        }
    }
}

/// Turns the kernel's receive stamps, which are wall time, into moments of the machine's time.
///
/// The wall clock may step at any time, so a stamp is believed as an *age* only: measured against the wall clock of
/// this wake-up, and never older than the drain before, since the datagram was not there then.
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

    /// When a datagram with that stamp (nanoseconds since 1970) arrived; now, where the kernel gave none.
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
        let (now, wall_nanos) = (Time::from_millis(50_000), 1_000 * second);
        let stamps = Stamps { now, wall_nanos, age_max: Duration::from_secs(2) };
        let cases = [
            ("half a second old", Some(wall_nanos - second / 2), 49_500),
            ("just now", Some(wall_nanos), 50_000),
            ("the wall clock stepped back: from the future", Some(wall_nanos + 7 * second), 50_000),
            ("the wall clock stepped on: older than the last drain", Some(3 * second), 48_000),
            ("the wall clock was set: a stamp of long ago", Some(1), 48_000),
            ("no stamp", None, 50_000),
        ];
        for (name, stamp, want_ms) in cases {
            assert_eq!(stamps.arrived(stamp), Time::from_millis(want_ms), "{name}");
        }
    }

    async fn is_silent(alarm: &mut Alarm) -> bool {
        tokio::time::timeout(Duration::from_millis(40), alarm.rings()).await.is_err()
    }

    async fn rings(alarm: &mut Alarm) {
        tokio::time::timeout(Duration::from_secs(20), alarm.rings()).await.expect("it never rang").unwrap();
    }

    #[tokio::test(flavor = "current_thread")]
    async fn an_alarm_rings_once_never_early_and_never_when_taken_back() {
        let mut alarm = Alarm::new().unwrap();
        assert!(is_silent(&mut alarm).await, "rang though never set");
        for past in [Time::ZERO, now().before(Duration::from_secs(5))] {
            alarm.set(past).unwrap();
            rings(&mut alarm).await;
        }
        for wait_ms in [20, 5] {
            let later = now() + Duration::from_millis(wait_ms);
            alarm.set(later).unwrap();
            rings(&mut alarm).await;
            assert!(now() >= later, "rang early");
            alarm.set(later).unwrap();
            rings(&mut alarm).await; // the same moment again, which is past by now
        }
        assert!(is_silent(&mut alarm).await, "rang twice");
        alarm.set(now() + Duration::from_millis(5)).unwrap();
        alarm.set(Time::NEVER).unwrap();
        assert!(is_silent(&mut alarm).await, "rang though taken back");
        alarm.set(now() + Duration::from_secs(3_600)).unwrap();
        assert!(is_silent(&mut alarm).await, "rang an hour early");
        alarm.set(now() + Duration::from_millis(5)).unwrap();
        rings(&mut alarm).await;
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_wall_clock_that_nobody_sets_is_silent() {
        let watch = WallClockWatch::new().unwrap();
        let silent = tokio::time::timeout(Duration::from_millis(40), watch.was_set()).await;
        assert!(silent.is_err(), "told of a clock that nobody has set");
    }
}
