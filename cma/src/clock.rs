//! Time as the shell reads it: `CLOCK_BOOTTIME` for every decision, the wall clock for display only.

use std::io;
use std::os::fd::AsFd;
use std::time::Duration;

use nix::sys::time::TimeSpec;
use nix::sys::timerfd::{ClockId as TimerClock, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};
use nix::time::{ClockId, clock_gettime};
use ringmesh_proto::time::{Time, WallClock};
use tokio::net::unix::pipe::Receiver;

/// The wall clock, with the moment it was read at.
pub(crate) fn wall_clock() -> WallClock {
    let at = Time::from_nanos(nanos(ClockId::CLOCK_BOOTTIME));
    WallClock { at, unix_ms: nanos(ClockId::CLOCK_REALTIME) / 1_000_000 }
}

fn nanos(clock: ClockId) -> u64 {
    // Neither clock can fail on a Linux that has timerfd.
    let time = clock_gettime(clock).unwrap_or(TimeSpec::new(0, 0));
    let seconds = u64::try_from(time.tv_sec()).unwrap_or(0);
    seconds.saturating_mul(1_000_000_000).saturating_add(u64::try_from(time.tv_nsec()).unwrap_or(0))
}

/// One armed deadline: a timerfd of the machine's clock, for tokio's own timers stand still while the host sleeps.
pub(crate) struct Alarm {
    timer: TimerFd,
    /// The same timer once more. It is no pipe, but waited for and read like one, without any `unsafe`.
    rung: Receiver,
    armed: Time,
}

impl Alarm {
    /// An alarm that never rings until it is set. Must be called inside a tokio runtime.
    pub(crate) fn new() -> io::Result<Self> {
        let flags = TimerFlags::TFD_NONBLOCK | TimerFlags::TFD_CLOEXEC;
        let timer = TimerFd::new(TimerClock::CLOCK_BOOTTIME, flags)?;
        let rung = Receiver::from_owned_fd_unchecked(timer.as_fd().try_clone_to_owned()?)?;
        Ok(Self { timer, rung, armed: Time::NEVER })
    }

    /// Sets the one moment to ring at; a moment in the past rings at once.
    pub(crate) fn set(&mut self, deadline: Time) -> io::Result<()> {
        if deadline == self.armed {
            return Ok(());
        }
        if deadline == Time::NEVER {
            self.timer.unset()?;
        } else {
            // A zero would disarm the timer, and the first nanosecond after boot is long over.
            let at = TimeSpec::from_duration(Duration::from_nanos(deadline.nanos().max(1)));
            self.timer.set(Expiration::OneShot(at), TimerSetTimeFlags::TFD_TIMER_ABSTIME)?;
        }
        self.armed = deadline;
        Ok(())
    }

    /// Returns when the moment has come. Safe to drop and call again.
    pub(crate) async fn rings(&mut self) -> io::Result<()> {
        // What a timerfd gives to read is the count of its expirations.
        let mut count = [0; size_of::<u64>()];
        loop {
            self.rung.readable().await?;
            match self.rung.try_read(&mut count) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                read => {
                    self.armed = Time::NEVER;
                    return read.map(drop);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(flavor = "current_thread")]
    async fn an_alarm_rings_once_at_its_moment_and_again_when_set_again() {
        let mut alarm = Alarm::new().unwrap();
        for _ in 0..2 {
            let at = wall_clock().at + Duration::from_millis(5);
            alarm.set(at).unwrap();
            alarm.rings().await.unwrap();
            assert!(wall_clock().at >= at);
        }
        alarm.set(Time::ZERO).unwrap();
        alarm.rings().await.unwrap();
        alarm.set(wall_clock().at + Duration::from_secs(3_600)).unwrap();
        alarm.set(Time::NEVER).unwrap();
        let silent = tokio::time::timeout(Duration::from_millis(20), alarm.rings()).await;
        assert!(silent.is_err(), "an alarm that is not set rings");
    }
}
