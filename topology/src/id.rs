//! Names and numbers: the identities everything else refers to.
//!
//! # Invariants
//! - A name in hand is printable ASCII of bounded length: it may reach a terminal, a file or a query unescaped.
//! - [`ProbeId`] never changes over restarts, address changes or moves of its host.

use core::fmt;

use serde::{Deserialize, Serialize};

/// Why a text is no name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Nothing was given.
    #[error("a name must not be empty")]
    Empty,
    /// Longer than [`Name::LENGTH_MAX`].
    #[error("a name has at most {max} characters, this one has {length}")]
    TooLong {
        /// Octets given.
        length: usize,
        /// Octets allowed.
        max: usize,
    },
    /// Outside of the letters, digits and `-._:@+`.
    #[error("{0:?} is not allowed in a name: use letters, digits and - . _ : @ +")]
    Character(char),
}

/// The name of a host, site or relay: 1 to 63 characters of `A-Z a-z 0-9 - . _ : @ +`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Name(Box<str>);

impl Name {
    /// Octets in the longest name; what a DNS label allows.
    pub const LENGTH_MAX: usize = 63;

    /// The only way in: a `Name` in hand is a sound one.
    pub fn new(text: &str) -> Result<Self, NameError> {
        if text.is_empty() {
            return Err(NameError::Empty);
        }
        if text.len() > Self::LENGTH_MAX {
            return Err(NameError::TooLong { length: text.len(), max: Self::LENGTH_MAX });
        }
        match text.chars().find(|&c| !(c.is_ascii_alphanumeric() || "-._:@+".contains(c))) {
            Some(c) => Err(NameError::Character(c)),
            None => Ok(Self(text.into())),
        }
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Name {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        Self::new(&text)
    }
}

impl From<Name> for String {
    fn from(name: Name) -> Self {
        name.0.into()
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// A probe for good: 16 octets derived from its site's and its own name, the same over restarts and moves.
///
/// Zero in the first fifteen octets is reserved for relays ([`ProbeId::of_relay`]).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ProbeId(pub [u8; 16]);

impl ProbeId {
    /// The id under which a relay stands in its site ring.
    pub const fn of_relay(relay: RelayId) -> Self {
        let mut octets = [0; 16];
        octets[15] = relay.0;
        Self(octets)
    }

    /// The relay that stands behind this id, if it is a relay's.
    pub fn relay(self) -> Option<RelayId> {
        let relay = self.0[15];
        (self.0[..15] == [0; 15]).then_some(RelayId(relay))
    }
}

impl fmt::Debug for ProbeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0[..6].iter().try_for_each(|octet| write!(f, "{octet:02x}"))
    }
}

impl fmt::Display for ProbeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// A relay's number within its site; the lowest live one acts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RelayId(pub u8);

/// 16 octets drawn from the operating system at each start of a process; tells one run from the next.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Boot(pub [u8; 16]);

impl Boot {
    /// None in particular: whichever runs now. No process draws it.
    pub const ANY: Self = Self([0; 16]);

    /// From a UUID as the kernel writes its boot id: 32 hexadecimal digits, hyphens where one likes.
    pub fn from_uuid(text: &str) -> Option<Self> {
        let mut digits = text.trim().chars().filter(|&c| c != '-').map(|c| c.to_digit(16));
        let mut octets = [0; 16];
        for octet in &mut octets {
            let value = digits.next()?? * 16 + digits.next()??;
            *octet = u8::try_from(value).ok()?;
        }
        digits.next().is_none().then_some(Self(octets))
    }
}

impl fmt::Debug for Boot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0[..4].iter().try_for_each(|octet| write!(f, "{octet:02x}"))
    }
}

/// The kernel's boot id: changes exactly when the host reboots.
pub type HostBoot = Boot;

/// An incident for good. The id never changes by revision, reclassification, merge or split.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct IncidentId(pub u64);

impl fmt::Display for IncidentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl fmt::Debug for IncidentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// An Ethernet address.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct MacAddress(pub [u8; 6]);

impl fmt::Display for MacAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

impl fmt::Debug for MacAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_printable_ascii_of_bounded_length() {
        let long = "x".repeat(64);
        let cases: &[(&str, Result<(), NameError>)] = &[
            ("tor-7.fra1", Ok(())),
            ("", Err(NameError::Empty)),
            (&long, Err(NameError::TooLong { length: 64, max: 63 })),
            ("a b", Err(NameError::Character(' '))),
            ("a\u{1b}[31m", Err(NameError::Character('\u{1b}'))),
            ("caf\u{e9}", Err(NameError::Character('\u{e9}'))),
        ];
        for (text, want) in cases {
            assert_eq!(Name::new(text).map(|_| ()), *want, "{text:?}");
        }
    }

    #[test]
    fn a_boot_is_read_from_a_uuid_and_from_nothing_else() {
        let boot = Boot::from_uuid("00010203-0405-0607-0809-0a0b0c0d0eff\n").unwrap();
        assert_eq!(boot.0, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 0xff]);
        for text in
            ["", "00", "00010203-0405-0607-0809-0a0b0c0d0ef", "00010203-0405-0607-0809-0a0b0c0d0effff", "é"]
        {
            assert_eq!(Boot::from_uuid(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_relay_is_recognised_behind_its_ring_id_and_a_host_is_not() {
        assert_eq!(ProbeId::of_relay(RelayId(3)).relay(), Some(RelayId(3)));
        assert_eq!(ProbeId([7; 16]).relay(), None);
    }
}
