//! The neighbours of a host's ports.
//!
//! The table believes each neighbour for as long as it asked to be believed, notices the ones that fall
//! silent earlier, and says which of a port's neighbours is its switch. It decides nothing about
//! failures: silence is reported, never explained.
//!
//! Time is nanoseconds since any fixed moment, given with every call; ports are interface indexes.
//! The driver feeds frames and carrier changes, and comes back at [`NeighbourTable::next_deadline`].
//!
//! # Invariants
//! - At most [`Limits::neighbours_per_port`] neighbours a port; each holds a few hundred octets.
//! - One neighbour a key (port, protocol, chassis id, port id).
//! - After `on_deadline(now)`, `next_deadline() > now`: no driver can spin.

mod choice;
mod event;
mod interval;
mod neighbour;
mod port;
mod relation;
#[cfg(test)]
mod tests;

use alloc::vec::Vec;

use crate::{Heard, Mac};

pub use choice::{Because, Choice, NoSwitch};
pub use event::{Field, Ignored, Outcome, TableEvent};
pub use neighbour::{Facts, Key, Neighbour, Role};
pub use relation::{Relation, Sight};

use neighbour::Sighting;
use port::Ports;

/// What bounds the table. Changes nothing about what is true, only about how much is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Neighbours kept for one port. Beyond it newcomers are ignored, unless one is suspect or late.
    pub neighbours_per_port: usize,
    /// Longest time to believe an announcement, in nanoseconds. LLDP's longest TTL, 65535 s, means "for
    /// ever" in some senders and would keep a ghost for 18 hours.
    pub hold_ns_max: u64,
    /// Neighbours that may appear on one port within one minute. A guest that forges chassis ids meets
    /// this before it fills the table.
    pub newcomers_per_minute: u32,
    /// How soon after a shutdown a new identity on the port counts as the old one renamed, in
    /// nanoseconds.
    pub rename_ns: u64,
}

const SECOND_NS: u64 = 1_000_000_000;

impl Default for Limits {
    fn default() -> Self {
        Self {
            neighbours_per_port: 32,
            hold_ns_max: 3_600 * SECOND_NS,
            newcomers_per_minute: 16,
            rename_ns: 3 * SECOND_NS,
        }
    }
}

/// The neighbours of all ports of one host.
#[derive(Clone, Debug)]
pub struct NeighbourTable {
    limits: Limits,
    ports: Ports,
}

impl NeighbourTable {
    /// An empty table.
    pub fn new(limits: Limits) -> Self {
        Self { limits, ports: Ports::default() }
    }

    /// Applies one frame heard on the port at `now` and appends what it changed to `out`.
    pub fn heard(&mut self, ifindex: u32, heard: &Heard, now: u64, out: &mut Vec<TableEvent>) -> Outcome {
        let Some(mut sighting) = Sighting::of(ifindex, heard, self.limits.hold_ns_max) else {
            return Outcome::Ignored(Ignored::NoIdentity);
        };
        if self.is_own(&sighting) {
            return Outcome::Ignored(Ignored::OwnFrame);
        }
        let port = self.ports.of(ifindex);
        sighting.is_virtual = port.own_macs.iter().any(|own| sighting.source.is_tap_of(*own));
        let outcome = if sighting.hold_ns == 0 {
            port.depart(&sighting.key, now, out)
        } else if port.refresh(&sighting, now, out) {
            Outcome::Refreshed
        } else {
            self.admit(sighting, now, out)
        };
        self.report_ambiguity(ifindex, out);
        outcome
    }

    /// The port lost or regained its carrier. Without one no neighbour is heard, so all are suspect
    /// until heard again; their time to live still counts.
    pub fn carrier(&mut self, ifindex: u32, up: bool, _now: u64, out: &mut Vec<TableEvent>) {
        self.ports.of(ifindex).carrier(ifindex, up, out);
        self.report_ambiguity(ifindex, out);
    }

    /// The port's own addresses: frames that carry one of any port's are reflections, not neighbours. They also
    /// tell the switch from the host of a guest ([`Neighbour::is_virtual`]).
    pub fn set_own_macs(&mut self, ifindex: u32, macs: &[Mac]) {
        self.ports.of(ifindex).own_macs = macs.into();
    }

    /// Drops everything about a port that no longer exists.
    pub fn forget_port(&mut self, ifindex: u32) {
        self.ports.remove(ifindex);
    }

    /// When to come back with [`NeighbourTable::on_deadline`]; `None` while nothing can fall due.
    pub fn next_deadline(&self) -> Option<u64> {
        self.ports.values().flat_map(|port| &port.neighbours).map(Neighbour::deadline).min()
    }

    /// Reports who is late and removes whose time is over.
    pub fn on_deadline(&mut self, now: u64, out: &mut Vec<TableEvent>) {
        self.ports.values_mut().for_each(|port| port.on_deadline(now, out));
        let ports: Vec<u32> = self.ports.iter().map(|(ifindex, _)| ifindex).collect();
        ports.into_iter().for_each(|ifindex| self.report_ambiguity(ifindex, out));
        debug_assert!(self.next_deadline().is_none_or(|at| at > now));
    }

    /// The port's neighbours, longest known first.
    pub fn neighbours(&self, ifindex: u32) -> &[Neighbour] {
        self.ports.get(ifindex).map_or(&[], |port| &port.neighbours)
    }

    /// Which of the port's neighbours is the switch at the other end of its cable, and why.
    pub fn the_switch(&self, ifindex: u32) -> Choice<'_> {
        choice::choose(self.neighbours(ifindex))
    }

    fn is_own(&self, sighting: &Sighting) -> bool {
        let theirs = [Some(sighting.source), sighting.key.chassis.mac()];
        let is_ours = |mac: &Mac| theirs.contains(&Some(*mac));
        self.ports.values().flat_map(|port| &port.own_macs).any(is_ours)
    }

    fn admit(&mut self, sighting: Sighting, now: u64, out: &mut Vec<TableEvent>) -> Outcome {
        let elsewhere = self.silent_elsewhere(&sighting.key, now);
        let limits = self.limits;
        let port = self.ports.of(sighting.key.ifindex);
        let outcome = port.admit(sighting, elsewhere.as_ref(), &limits, now, out);
        let has_moved =
            |from: &Key| matches!(out.last(), Some(TableEvent::Moved { from: left, .. }) if left == from);
        if let Some(from) = elsewhere.filter(has_moved) {
            self.ports.of(from.ifindex).take(|neighbour| neighbour.key == from);
            self.report_ambiguity(from.ifindex, out);
        }
        outcome
    }

    /// The same neighbour on another of our ports, if it is silent there: the cable was moved.
    fn silent_elsewhere(&self, key: &Key, now: u64) -> Option<Key> {
        let others = self.ports.iter().filter(|(ifindex, _)| *ifindex != key.ifindex);
        let mut neighbours = others.flat_map(|(_, port)| &port.neighbours);
        let moved = |neighbour: &&Neighbour| neighbour.key.is_same_neighbour(key) && neighbour.is_silent(now);
        neighbours.find(moved).map(|neighbour| neighbour.key.clone())
    }

    fn report_ambiguity(&mut self, ifindex: u32, out: &mut Vec<TableEvent>) {
        let ambiguous = matches!(self.the_switch(ifindex), Choice::Ambiguous { .. });
        let Some(port) = self.ports.get_mut(ifindex) else {
            return;
        };
        if ambiguous && !port.ambiguous {
            out.push(TableEvent::Ambiguous { ifindex });
        }
        port.ambiguous = ambiguous;
    }
}
