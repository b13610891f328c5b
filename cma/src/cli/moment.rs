//! Wall time as people write and read it: in the time zone of this machine, unless they say otherwise.

use jiff::Timestamp;
use jiff::civil::{DateTime, Time};
use jiff::tz::TimeZone;

/// What a moment may look like, for whoever wrote another.
const FORMS: &str = "give 2026-11-22T14:00:00Z, \"2026-11-22 14:00\", 14:00, or -15m (s, m, h or d)";

/// The moment that an option names, in milliseconds since 1970.
pub(crate) fn option(text: &str) -> Result<u64, String> {
    parse(text, Timestamp::now(), &TimeZone::system())
}

/// The age that an option names, in seconds.
pub(crate) fn age(text: &str) -> Result<u64, String> {
    let seconds = seconds(text).and_then(|seconds| u64::try_from(seconds).ok());
    seconds.ok_or_else(|| "no age is written so; give 90s, 15m, 2h or 30d".to_owned())
}

fn parse(text: &str, now: Timestamp, zone: &TimeZone) -> Result<u64, String> {
    let moment = past(text, now)
        .or_else(|| text.parse::<Timestamp>().ok())
        .or_else(|| zone.to_timestamp(text.parse::<DateTime>().ok()?).ok())
        .or_else(|| {
            let time = text.parse::<Time>().ok()?;
            zone.to_timestamp(zone.to_datetime(now).date().to_datetime(time)).ok()
        });
    let moment = moment.ok_or_else(|| format!("no moment is written so; {FORMS}"))?;
    if moment > now {
        return Err(format!("that is still to come; {FORMS}"));
    }
    u64::try_from(moment.as_millisecond()).map_err(|_| format!("that is before 1970; {FORMS}"))
}

/// `-15m`: so long ago.
fn past(text: &str, now: Timestamp) -> Option<Timestamp> {
    now.checked_sub(jiff::SignedDuration::from_secs(seconds(text.strip_prefix('-')?)?)).ok()
}

/// `15m`: so long.
fn seconds(text: &str) -> Option<i64> {
    let (count, unit) = text.split_at_checked(text.find(|c: char| !c.is_ascii_digit())?)?;
    let unit_s: i64 = match unit {
        "s" => 1,
        "m" | "min" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return None,
    };
    count.parse::<i64>().ok()?.checked_mul(unit_s)
}

/// `2026-11-22`, in the time zone of this machine.
pub(crate) fn day(unix_ms: u64) -> String {
    shown(unix_ms, TimeZone::system(), "%Y-%m-%d")
}

/// `14:03:07` of that day.
pub(crate) fn time(unix_ms: u64) -> String {
    shown(unix_ms, TimeZone::system(), "%H:%M:%S")
}

fn shown(unix_ms: u64, zone: TimeZone, format: &str) -> String {
    let moment = i64::try_from(unix_ms).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok());
    moment.unwrap_or(Timestamp::MAX).to_zoned(zone).strftime(format).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two hours before UTC, so that a zone that is not heeded is seen.
    fn zone() -> TimeZone {
        TimeZone::fixed(jiff::tz::offset(2))
    }

    #[test]
    fn a_moment_may_be_written_in_the_ways_people_write_it() {
        let now: Timestamp = "2026-11-22T14:30:00Z".parse().unwrap();
        let cases = [
            ("2026-11-22T14:00:00Z", "2026-11-22T14:00:00Z"),
            ("2026-11-22T14:00:00+01:00", "2026-11-22T13:00:00Z"),
            ("2026-11-22 14:00", "2026-11-22T12:00:00Z"),
            ("2026-11-22 14:00:05", "2026-11-22T12:00:05Z"),
            ("2026-11-22", "2026-11-21T22:00:00Z"),
            ("14:00", "2026-11-22T12:00:00Z"),
            ("-15m", "2026-11-22T14:15:00Z"),
            ("-90s", "2026-11-22T14:28:30Z"),
            ("-2h", "2026-11-22T12:30:00Z"),
            ("-1d", "2026-11-21T14:30:00Z"),
        ];
        for (text, want) in cases {
            let want: Timestamp = want.parse().unwrap();
            assert_eq!(parse(text, now, &zone()), Ok(want.as_millisecond() as u64), "{text}");
        }
    }

    #[test]
    fn what_is_no_moment_of_the_past_is_refused_with_what_would_be() {
        let now: Timestamp = "2026-11-22T14:30:00Z".parse().unwrap();
        let cases = [
            ("", "no moment"),
            ("yesterday", "no moment"),
            ("-15", "no moment"),
            ("-15x", "no moment"),
            ("-99999999999999999999d", "no moment"),
            ("-9999999999999999d", "no moment"),
            ("2026-11-22 25:00", "no moment"),
            ("2026-11-23 14:00", "still to come"),
            ("1969-01-01", "before 1970"),
        ];
        for (text, want) in cases {
            let said = parse(text, now, &zone()).unwrap_err();
            assert!(said.contains(want) && said.contains("-15m"), "{text}: {said}");
        }
    }

    #[test]
    fn an_age_is_a_count_and_a_unit() {
        for (text, want) in [("90s", 90), ("15m", 900), ("2h", 7_200), ("30d", 2_592_000)] {
            assert_eq!(age(text), Ok(want), "{text}");
        }
        for text in ["", "30", "d", "-5m", "30y", "99999999999999999999d"] {
            assert!(age(text).unwrap_err().contains("30d"), "{text}");
        }
    }

    #[test]
    fn a_moment_is_shown_in_the_readers_zone() {
        let shown = |unix_ms| shown(unix_ms, zone(), "%Y-%m-%d %H:%M:%S");
        assert_eq!(shown(1_795_356_187_000), "2026-11-22 16:03:07");
        assert_eq!(shown(1_795_390_200_000), "2026-11-23 01:30:00");
        assert!(!shown(u64::MAX).is_empty());
    }
}
