//! One host: its kernel's part of the truth, and the probe that may run on it.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;

use ringmesh_probe_core::{CachedAttachment, Config, PortFacts, Probe};
use ringmesh_proto::message::RELAY_PORT;
use ringmesh_proto::seal::{SiteSecret, probe_id};
use ringmesh_proto::time::Time;
use ringmesh_proto::wire::ProbeWire;
use ringmesh_topology::id::{Boot, MacAddress, Name, ProbeId};

use super::network::{Network, relay_address};

/// A datagram in flight or in a socket.
#[derive(Clone, Debug)]
pub(super) struct Datagram {
    pub(super) from: SocketAddr,
    pub(super) to: SocketAddr,
    pub(super) octets: Vec<u8>,
}

/// A host.
pub(super) struct Host {
    pub(super) name: Name,
    pub(super) id: ProbeId,
    pub(super) site: usize,
    pub(super) boots: u8,
    pub(super) runs: u8,
    pub(super) process: Option<Process>,
    /// User space is stopped: the kernel goes on, the sockets fill.
    pub(super) paused: bool,
    pub(super) cache: Vec<CachedAttachment>,
    number: usize,
}

/// A running probe.
pub(super) struct Process {
    pub(super) probe: Probe,
    pub(super) wire: ProbeWire,
    pub(super) inbox: VecDeque<Datagram>,
    pub(super) armed: Time,
}

impl Host {
    /// The host of that number, in a site.
    pub(super) fn new(number: usize, site: usize, site_name: &Name) -> Self {
        let name = Name::new(&format!("h{}", number + 1)).unwrap_or_else(|_| unreachable!("a sound name"));
        let id = probe_id(site_name, &name);
        Self { name, id, site, boots: 1, runs: 0, process: None, paused: false, cache: Vec::new(), number }
    }

    /// Starts the probe in a new run, with the key that its site gave it.
    pub(super) fn start(&mut self, now: Time, seed: u64, secret: &SiteSecret) {
        self.runs += 1;
        let boot = self.boot(self.runs);
        let config = Config {
            name: self.name.clone(),
            probe: self.id,
            relays: vec![SocketAddr::new(relay_address(self.site), RELAY_PORT)],
            host_boot: self.boot(0x80 | self.boots),
            seed: seed ^ ((self.number as u64) << 16) ^ u64::from(self.runs),
            cache: self.cache.clone(),
        };
        let probe = Probe::new(Arc::new(config), now);
        let wire = ProbeWire::new(self.id, boot, secret.probe_key(self.id));
        self.process = Some(Process { probe, wire, inbox: VecDeque::new(), armed: Time::NEVER });
    }

    /// Sixteen octets that no other run of any host has.
    fn boot(&self, what: u8) -> Boot {
        let mut octets = self.id.0;
        octets[0] = what;
        Boot(octets)
    }

    /// The ports as the kernel shows them.
    pub(super) fn ports(&self, network: &Network) -> Vec<PortFacts> {
        let legs = network.legs[self.number].iter().enumerate();
        let port = |(leg, known): (usize, &super::network::Leg)| PortFacts {
            ifindex: ifindex(leg),
            ifname: format!("eth{leg}").into(),
            mac: self.mac(leg),
            carrier: network.carrier(self.number, leg),
            driver: "veth".into(),
            address: Some((known.address, 16)),
            gateway: MacAddress([2, 0, 0, 0, 0, 1]),
            bond: None,
        };
        legs.map(port).collect()
    }

    pub(super) fn mac(&self, leg: usize) -> MacAddress {
        let [high, low] = u16::try_from(self.number).unwrap_or(u16::MAX).to_be_bytes();
        MacAddress([2, 1, 0, u8::try_from(leg).unwrap_or(0), high, low])
    }
}

/// The kernel's number of a port.
pub(super) fn ifindex(leg: usize) -> u32 {
    u32::try_from(leg + 2).unwrap_or(u32::MAX)
}

/// Which port has that number.
pub(super) fn leg_of(ifindex: u32) -> Option<usize> {
    usize::try_from(ifindex).ok()?.checked_sub(2)
}
