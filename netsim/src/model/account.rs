//! What was sent, by purpose.

use std::collections::BTreeMap;
use std::fmt;

/// Octets over the WAN leg of a site by purpose, in both directions, with all that carries them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WanAccount(BTreeMap<&'static str, u64>);

impl WanAccount {
    pub(super) fn count(&mut self, purpose: &'static str, octets: usize) {
        *self.0.entry(purpose).or_default() += octets as u64;
    }

    /// Octets of one purpose.
    pub fn of(&self, purpose: &str) -> u64 {
        self.0.get(purpose).copied().unwrap_or(0)
    }

    /// Octets of all purposes.
    pub fn all(&self) -> u64 {
        self.0.values().sum()
    }

    pub(super) fn add(&mut self, other: &Self) {
        other.0.iter().for_each(|(purpose, octets)| *self.0.entry(purpose).or_default() += octets);
    }

    /// What was carried after `earlier` was taken.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let difference = |(purpose, octets): (&&'static str, &u64)| (*purpose, octets - earlier.of(purpose));
        Self(self.0.iter().map(difference).filter(|(_, octets)| *octets > 0).collect())
    }
}

impl fmt::Display for WanAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words: Vec<String> =
            self.0.iter().map(|(purpose, octets)| format!("{purpose} {octets}")).collect();
        f.write_str(&words.join(", "))
    }
}

/// What was sent by how far it goes and what it is for: datagrams of class `switch`, `site` and `wan`, messages of
/// class `cma`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Classes(BTreeMap<&'static str, BTreeMap<&'static str, u64>>);

impl Classes {
    pub(super) fn count(&mut self, class: &'static str, purpose: &'static str) {
        *self.0.entry(class).or_default().entry(purpose).or_default() += 1;
    }

    /// What was counted apart because there is so much of it: beats inside a switch, and inside a site.
    pub(super) fn add_beats(&mut self, [switch, site]: [u64; 2]) {
        for (class, beats) in [("switch", switch), ("site", site)] {
            if beats > 0 {
                *self.0.entry(class).or_default().entry("Beat").or_default() += beats;
            }
        }
    }

    pub(super) fn add(&mut self, other: &Self) {
        for (class, purpose, count) in other.each() {
            *self.0.entry(class).or_default().entry(purpose).or_default() += count;
        }
    }

    /// What was sent after `earlier` was taken.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let mut fresh = Self::default();
        for (class, purpose, count) in self.each() {
            let known = earlier.0.get(class).and_then(|purposes| purposes.get(purpose)).copied();
            let count = count - known.unwrap_or(0);
            if count > 0 {
                fresh.0.entry(class).or_default().insert(purpose, count);
            }
        }
        fresh
    }

    /// Class, purpose, how many; sorted.
    pub fn each(&self) -> impl Iterator<Item = (&'static str, &'static str, u64)> {
        let of = |(class, purposes): (&'static str, &BTreeMap<&'static str, u64>)| {
            let each = purposes.iter().map(|(purpose, count)| (class, *purpose, *count));
            each.collect::<Vec<_>>()
        };
        self.0.iter().map(|(class, purposes)| (*class, purposes)).flat_map(of)
    }
}

/// What becomes of datagrams: each that is sent arrives, or is lost, or is under way. Beats, refusals and echoes too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Handed to the network, copies of doubled ones among them.
    pub sent: u64,
    /// Swallowed by it.
    pub lost: u64,
    /// Brought to a kernel, whatever that does with them.
    pub arrived: u64,
    /// Neither yet.
    pub under_way: u64,
}

/// Datagrams by purpose, each counted once when it was sent. Heartbeats are `Beat`, those of the mesh ring `MeshBeat`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Account {
    sent: BTreeMap<&'static str, u64>,
    octets: u64,
}

impl Account {
    pub(super) fn count(&mut self, purpose: &'static str, octets: usize) {
        *self.sent.entry(purpose).or_default() += 1;
        self.octets += octets as u64;
    }

    /// What was counted apart because there is so much of it.
    pub(super) fn add_beats(&mut self, beats: u64, octets_each: usize) {
        if beats > 0 {
            *self.sent.entry("Beat").or_default() += beats;
            self.octets += beats * octets_each as u64;
        }
    }

    pub(super) fn add(&mut self, other: &Self) {
        other.sent.iter().for_each(|(purpose, count)| *self.sent.entry(purpose).or_default() += count);
        self.octets += other.octets;
    }

    /// How many of one purpose.
    pub fn of(&self, purpose: &str) -> u64 {
        self.sent.get(purpose).copied().unwrap_or(0)
    }

    /// Purpose, how many; sorted.
    pub fn each(&self) -> impl Iterator<Item = (&'static str, u64)> {
        self.sent.iter().map(|(purpose, count)| (*purpose, *count))
    }

    /// How many of all purposes but heartbeats.
    pub fn control(&self) -> u64 {
        self.sent.iter().filter(|(purpose, _)| !Self::is_beat(purpose)).map(|(_, count)| count).sum()
    }

    /// Whether that is a heartbeat, inside a site or between two.
    pub fn is_beat(purpose: &str) -> bool {
        matches!(purpose, "Beat" | "MeshBeat")
    }

    /// Octets of UDP payload, heartbeats included.
    pub fn octets(&self) -> u64 {
        self.octets
    }

    /// What was sent after `earlier` was taken.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let difference = |(purpose, count): (&&'static str, &u64)| (*purpose, count - earlier.of(purpose));
        let sent = self.sent.iter().map(difference).filter(|(_, count)| *count > 0).collect();
        Self { sent, octets: self.octets - earlier.octets }
    }
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut first = true;
        for (purpose, count) in self.sent.iter().filter(|(purpose, _)| !Self::is_beat(purpose)) {
            let comma = if first { "" } else { ", " };
            write!(f, "{comma}{purpose} {count}")?;
            first = false;
        }
        Ok(())
    }
}
