//! Octets that claim to be text.

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::string::String;
use core::fmt;

/// A string field as it was sent: octets, usually UTF-8, never to be trusted.
///
/// The octets are the value (two names are equal when their octets are); what people read is derived.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Text(Box<[u8]>);

impl Text {
    /// The octets as they were on the wire.
    pub fn octets(&self) -> &[u8] {
        &self.0
    }

    /// The first `octets_max` octets.
    pub(crate) fn truncated(&self, octets_max: usize) -> Self {
        Self(self.0.get(..octets_max).unwrap_or(&self.0).into())
    }

    /// UTF-8 with U+FFFD for what is not, trailing NULs dropped. May hold control characters.
    pub fn lossy(&self) -> Cow<'_, str> {
        lossy(&self.0)
    }

    /// Text for logs, terminals and databases: as [`Text::lossy`], with white space flattened to spaces
    /// and control and text-direction characters replaced by U+FFFD.
    pub fn safe(&self) -> String {
        safe(&self.0)
    }
}

impl From<&[u8]> for Text {
    fn from(octets: &[u8]) -> Self {
        Self(octets.into())
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self(text.as_bytes().into())
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.safe())
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.lossy())
    }
}

/// See [`Text::lossy`].
pub(crate) fn lossy(octets: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(without_nuls(octets))
}

/// See [`Text::safe`].
pub(crate) fn safe(octets: &[u8]) -> String {
    lossy(octets).chars().map(harmless).collect()
}

fn without_nuls(mut octets: &[u8]) -> &[u8] {
    while let [head @ .., 0] = octets {
        octets = head;
    }
    octets
}

fn harmless(c: char) -> char {
    match c {
        '\t' | '\n' | '\r' => ' ',
        // Direction overrides can make a log line read as another one.
        '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => '\u{fffd}',
        c if c.is_control() => '\u{fffd}',
        c => c,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_made_safe_but_its_octets_are_kept() {
        let cases: &[(&[u8], &str, &str)] = &[
            (b"core1", "core1", "core1"),
            (b"core1\0\0", "core1", "core1"),
            (b"a\nb", "a\nb", "a b"),
            (b"\x1b[31mred", "\u{1b}[31mred", "\u{fffd}[31mred"),
            (b"caf\xe9", "caf\u{fffd}", "caf\u{fffd}"),
            ("x\u{202e}y".as_bytes(), "x\u{202e}y", "x\u{fffd}y"),
            (b"", "", ""),
        ];
        for (octets, lossy, safe) in cases {
            let text = Text::from(*octets);
            assert_eq!((&*text.lossy(), &*text.safe()), (*lossy, *safe), "{octets:?}");
            assert_eq!(text.octets(), *octets);
        }
    }
}
