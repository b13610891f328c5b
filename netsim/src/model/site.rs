//! One site's relay: what its host keeps, and the process that may run on it.

use std::collections::BTreeMap;

use ringmesh_proto::pb;
use ringmesh_proto::seal::{Key, SiteSecret};
use ringmesh_proto::time::Time;
use ringmesh_proto::wire::RelayWire;
use ringmesh_relay_core::Relay;
use ringmesh_topology::id::{Boot, Name};

use super::disk::{Disk, Journal};
use super::look::NewsTold;
use super::uplink::Uplink;

/// A site, as far as it is not the truth of its network.
pub(super) struct Site {
    pub(super) name: Name,
    pub(super) secret: SiteSecret,
    pub(super) disk: Disk,
    /// Counted up at each start, in a file of its own.
    pub(super) term: u32,
    /// Of the relay.
    pub(super) runs: u32,
    nonces: u32,
    /// Of the relay's host.
    pub(super) boots: u32,
    pub(super) process: Option<Process>,
    /// News that its relay let go, for the CMA has them.
    pub(super) acknowledged: Vec<NewsTold>,
    number: u8,
}

/// A running relay.
pub(super) struct Process {
    pub(super) run: u32,
    pub(super) relay: Relay,
    pub(super) wire: RelayWire,
    pub(super) armed: Time,
    /// Turns on their way to the disk, each with where the outbox stood after it.
    pub(super) journal: Journal<Told>,
    /// News up to here may be told.
    pub(super) kept: Told,
    pub(super) uplink: Uplink,
    pub(super) figures: Figures,
}

/// Where an outbox stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) birth: u64,
    pub(super) last: u64,
}

impl Told {
    pub(super) fn of(relay: &Relay) -> Self {
        Self { birth: relay.outbox().birth(), last: relay.outbox().last() }
    }
}

/// Datagrams by purpose, as a relay's beat tells them.
#[derive(Debug, Default)]
pub(super) struct Figures(BTreeMap<String, u64>);

impl Site {
    pub(super) fn new(number: usize, name: Name) -> Self {
        let number = u8::try_from(number).unwrap_or(u8::MAX);
        let secret = SiteSecret(Key([0x51 ^ number; 32]));
        let (disk, acknowledged) = (Disk::default(), Vec::new());
        Self {
            name,
            secret,
            disk,
            term: 0,
            runs: 0,
            nonces: 0,
            boots: 1,
            process: None,
            acknowledged,
            number,
        }
    }

    /// Sixteen octets that no other run of any relay has.
    pub(super) fn run(&self) -> Boot {
        self.drawn(0x77, self.runs)
    }

    /// The boot id of the relay's host.
    pub(super) fn host_boot(&self) -> Boot {
        self.drawn(0x78, self.boots)
    }

    /// A birth nonce for an outbox: another each time.
    pub(super) fn nonce(&mut self) -> u64 {
        self.nonces += 1;
        u64::from(self.number) << 32 | u64::from(self.nonces)
    }

    fn drawn(&self, what: u8, count: u32) -> Boot {
        let mut octets = [what; 16];
        octets[1] = self.number;
        octets[2..6].copy_from_slice(&count.to_be_bytes());
        Boot(octets)
    }
}

impl Process {
    /// What the relay beats to the CMA of itself, with the counters that a real one has.
    pub(super) fn own_state(&self) -> pb::RelayBeat {
        let (wire, machine) = (self.wire.counters, self.relay.counters());
        let plain = [
            ("truncated", wire.truncated),
            ("foreign", wire.foreign),
            ("martian", wire.martian),
            ("forged", wire.forged),
            ("replayed", wire.replayed),
            ("strangers", machine.strangers),
            ("suspicions", machine.suspicions),
            ("dismissed", machine.dismissed),
            ("incidents", machine.incidents),
            ("members", self.relay.members() as u64),
        ];
        let plain = plain.into_iter().map(|(name, count)| (name.to_owned(), count));
        let figures = self.figures.0.iter().map(|(name, count)| (name.clone(), *count));
        pb::RelayBeat {
            pending: self.relay.outbox().pending() as u64,
            counters: plain.chain(figures).collect(),
            warnings: Vec::new(),
        }
    }
}

impl Figures {
    pub(super) fn sent(&mut self, purpose: &str) {
        *self.0.entry(format!("sent_{purpose}")).or_default() += 1;
    }

    pub(super) fn heard(&mut self, purpose: &str) {
        *self.0.entry(format!("heard_{purpose}")).or_default() += 1;
    }
}
