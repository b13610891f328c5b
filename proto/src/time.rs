//! Time as the machines know it: nanoseconds since an arbitrary start, never wall time.

use core::fmt;
use core::ops::{Add, AddAssign, Sub};
pub use core::time::Duration;

/// Nanoseconds since an arbitrary start. Monotonic, and it runs on while the host is suspended.
///
/// Drivers read it off `CLOCK_BOOTTIME`, the simulator off its queue. Nothing persisted holds a `Time`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Time(u64);

impl Time {
    /// The start of the count.
    pub const ZERO: Self = Self(0);
    /// Later than any deadline: "nothing to wait for".
    pub const NEVER: Self = Self(u64::MAX);

    /// From nanoseconds since the start.
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// From milliseconds since the start.
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis.saturating_mul(1_000_000))
    }

    /// Nanoseconds since the start.
    pub const fn nanos(self) -> u64 {
        self.0
    }

    /// How long after `earlier` this is; zero if it is not after.
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }

    /// The moment `age` before this one; the start if the count does not reach back so far.
    pub fn before(self, age: Duration) -> Self {
        Self(self.0.saturating_sub(nanos(age)))
    }
}

/// Nanoseconds of a duration, saturating: 584 years are enough for any deadline.
fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

impl Add<Duration> for Time {
    type Output = Self;
    fn add(self, later: Duration) -> Self {
        Self(self.0.saturating_add(nanos(later)))
    }
}

impl AddAssign<Duration> for Time {
    fn add_assign(&mut self, later: Duration) {
        *self = *self + later;
    }
}

impl Sub for Time {
    type Output = Duration;
    fn sub(self, earlier: Self) -> Duration {
        self.since(earlier)
    }
}

impl fmt::Debug for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::NEVER => f.write_str("never"),
            Self(nanos) => write!(f, "{}.{:06}s", nanos / 1_000_000_000, nanos / 1_000 % 1_000_000),
        }
    }
}

/// What the wall clock said at one moment: the only way wall time enters a core, for display and plans.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct WallClock {
    /// When it was read.
    pub at: Time,
    /// Milliseconds since 1970-01-01 UTC at that moment.
    pub unix_ms: u64,
}

impl WallClock {
    /// The wall time of a moment near the reading, in milliseconds since 1970.
    pub fn unix_ms(self, when: Time) -> u64 {
        let millis = |d: Duration| u64::try_from(d.as_millis()).unwrap_or(u64::MAX);
        self.unix_ms.saturating_add(millis(when.since(self.at))).saturating_sub(millis(self.at.since(when)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_saturates_at_both_ends() {
        assert_eq!(Time::NEVER + Duration::from_secs(1), Time::NEVER);
        assert_eq!(Time::ZERO.before(Duration::from_secs(1)), Time::ZERO);
        assert_eq!(Time::ZERO.since(Time::from_millis(5)), Duration::ZERO);
    }

    #[test]
    fn the_wall_clock_speaks_about_moments_on_both_sides_of_its_reading() {
        let clock = WallClock { at: Time::from_millis(10_000), unix_ms: 1_000_000 };
        assert_eq!(clock.unix_ms(Time::from_millis(10_500)), 1_000_500);
        assert_eq!(clock.unix_ms(Time::from_millis(9_000)), 999_000);
    }
}
