//! Where something stands in a file, why it is refused, and how long "90s" is.

use std::fmt;
use std::ops::Range;
use std::time::Duration;

use serde::de::{Deserialize, Deserializer, Error, Visitor};

/// Why a scenario file is refused. Nothing was run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}:{column}: {what}")]
pub struct Refusal {
    /// The file, as it was named.
    pub file: String,
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
    /// What is wrong, and what would be right.
    pub what: String,
}

/// A file being read: it knows its lines.
pub(super) struct Source<'a> {
    pub(super) file: &'a str,
    pub(super) text: &'a str,
}

impl Source<'_> {
    /// The line of an octet, from 1.
    pub(super) fn line(&self, at: usize) -> usize {
        self.before(at).matches('\n').count() + 1
    }

    pub(super) fn refuse(&self, at: &Range<usize>, what: impl Into<String>) -> Refusal {
        let before = self.before(at.start);
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        Refusal { file: self.file.to_owned(), line: self.line(at.start), column, what: what.into() }
    }

    fn before(&self, at: usize) -> &str {
        self.text.get(..at).unwrap_or(self.text)
    }
}

/// A file as text; what is no text is refused where it ceases to be.
pub(super) fn text_of(file: &str, octets: Vec<u8>) -> Result<String, Refusal> {
    String::from_utf8(octets).map_err(|error| {
        let sound = error.utf8_error().valid_up_to();
        let before = String::from_utf8_lossy(error.as_bytes().get(..sound).unwrap_or_default());
        let source = Source { file, text: &before };
        source.refuse(&(sound..sound), "this is not UTF-8: save the file as UTF-8 text")
    })
}

/// A duration as it is written: `500ms`, `30s`, `5m`, `1h`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct HowLong(pub(super) Duration);

const EXAMPLES: &str = "a duration such as \"500ms\", \"30s\", \"5m\" or \"1h\"";
/// Longer than anybody simulates; sums of a few of them do not overflow.
const HOURS_MAX: u64 = 24 * 366;

impl HowLong {
    fn of(text: &str) -> Option<Self> {
        let digits = text.find(|c: char| !c.is_ascii_digit())?;
        let (number, unit) = text.split_at_checked(digits)?;
        let millis: u64 = match unit {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            _ => return None,
        };
        let millis = number.parse::<u64>().ok()?.checked_mul(millis)?;
        (millis <= HOURS_MAX * 3_600_000).then(|| Self(Duration::from_millis(millis)))
    }
}

impl<'de> Deserialize<'de> for HowLong {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Written;
        impl Visitor<'_> for Written {
            type Value = HowLong;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(EXAMPLES)
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<HowLong, E> {
                HowLong::of(text).ok_or_else(|| E::custom(format!("`{text}` is not {EXAMPLES}")))
            }
        }
        from.deserialize_str(Written)
    }
}

/// A moment of a run as people read it.
pub(super) fn seconds(at: Duration) -> String {
    format!("{}.{:03} s", at.as_secs(), at.subsec_millis())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_a_whole_number_and_a_unit() {
        let millis = |text| HowLong::of(text).map(|long| long.0.as_millis());
        let table = [("500ms", 500), ("30s", 30_000), ("5m", 300_000), ("1h", 3_600_000), ("0s", 0)];
        for (text, wanted) in table {
            assert_eq!(millis(text), Some(wanted), "{text}");
        }
        for text in ["", "s", "30", "1.5s", "-1s", "30 s", "30sec", "99999999999999999999s", "9999999h"] {
            assert_eq!(millis(text), None, "{text}");
        }
    }

    #[test]
    fn a_place_is_a_line_and_a_column() {
        let source = Source { file: "a.toml", text: "one = 1\ntwö = 2\n" };
        let at = source.text.find("= 2").unwrap();
        assert_eq!(source.refuse(&(at..at), "no").to_string(), "a.toml:2:5: no");
        assert_eq!(source.refuse(&(999..999), "no").line, 3, "past the end is the end");
    }
}
