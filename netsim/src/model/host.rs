//! One host: its kernel's part of the truth, and the probe that may run on it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use ringmesh_probe_core::{BondFacts, CachedAttachment, Config, PortFacts, Probe};
use ringmesh_proto::message::{Beat, RELAY_PORT};
use ringmesh_proto::seal::{SiteSecret, probe_id};
use ringmesh_proto::time::Time;
use ringmesh_proto::wire::{BEAT, ProbeWire};
use ringmesh_topology::id::{Boot, MacAddress, Name, ProbeId};

use super::key::{Actor, Entity};
use super::network::{Network, PREFIX, relay_address};
use super::plan::BondMode;
use super::queue::{Due, FlyingBeat};

/// A datagram in flight or in a socket.
#[derive(Clone, Debug)]
pub(super) struct Datagram {
    pub(super) from: SocketAddr,
    pub(super) to: SocketAddr,
    pub(super) payload: Payload,
}

/// What a datagram carries.
#[derive(Clone, Debug)]
pub(super) enum Payload {
    /// Sealed octets.
    Message(Vec<u8>),
    /// A heartbeat as it was meant.
    Beat(Beat),
    /// A sealed heartbeat, of the mesh ring or not, and what was meant by it: when it is opened, both must be the same.
    SealedBeat { mesh: bool, beat: Beat, octets: [u8; BEAT], flying: Option<FlyingBeat> },
}

impl Payload {
    pub(super) fn octets(&self) -> usize {
        match self {
            Self::Message(octets) => octets.len(),
            Self::Beat(_) | Self::SealedBeat { .. } => BEAT,
        }
    }
}

/// A host.
pub(super) struct Host {
    pub(super) name: Name,
    pub(super) id: ProbeId,
    pub(super) actor: Actor,
    pub(super) process: Option<Box<Process>>,
    /// User space is stopped: the kernel goes on, the sockets fill.
    pub(super) stopped: bool,
    /// All of it sleeps; user space that was stopped before is so afterwards.
    pub(super) suspended: bool,
    /// Its probe gets the processor seldom, and waits for its turn: its sockets fill, and its deadlines pass.
    pub(super) waits: bool,
    pub(super) boots: u8,
    pub(super) runs: u8,
    pub(super) cache: Vec<CachedAttachment>,
    /// How its clock runs, where that is not as the world's.
    pub(super) clock: Option<Box<Clock>>,
    /// The name and the id that its probe goes by, where its image is that of another host.
    pub(super) identity: Option<Box<(Name, ProbeId)>>,
    /// In the world.
    number: u32,
    site: u32,
}

/// A clock that runs too fast, or too slow.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    /// Since then, in the world's time ..
    pub(super) since: Time,
    /// .. when it showed this.
    pub(super) shown: Time,
    /// Too fast by so many millionths.
    pub(super) ppm: i32,
}

impl Clock {
    fn shows(&self, now: Time) -> Time {
        let passed = i128::from(now.since(self.since).as_nanos() as u64);
        let passed = passed + passed * i128::from(self.ppm) / 1_000_000;
        self.shown + Duration::from_nanos(u64::try_from(passed).unwrap_or(0))
    }

    /// When it shows that, or a moment later.
    fn real(&self, shown: Time) -> Time {
        if shown == Time::NEVER {
            return shown;
        }
        let ahead = i128::from(shown.since(self.shown).as_nanos() as u64);
        let passed = ahead * 1_000_000 / i128::from(1_000_000 + i64::from(self.ppm)) + 1;
        self.since + Duration::from_nanos(u64::try_from(passed).unwrap_or(u64::MAX))
    }
}

/// A running probe.
pub(super) struct Process {
    pub(super) probe: Probe,
    pub(super) wire: ProbeWire,
    /// What waits in its sockets.
    pub(super) inbox: Vec<Due>,
    pub(super) armed: Time,
}

impl Host {
    /// Its probe has the processor when it needs it.
    pub(super) fn may_run(&self) -> bool {
        self.is_awake() && !self.waits
    }

    /// Its user space goes on.
    pub(super) fn is_awake(&self) -> bool {
        !self.stopped && !self.suspended
    }

    /// The host of that number in the world, in a site.
    pub(super) fn new(number: usize, site: usize, site_name: &Name) -> Self {
        let name = Name::new(&format!("h{}", number + 1)).unwrap_or_else(|_| unreachable!("a sound name"));
        Self {
            id: probe_id(site_name, &name),
            name,
            actor: Actor::new(Entity::host(number)),
            process: None,
            stopped: false,
            suspended: false,
            waits: false,
            boots: 1,
            runs: 0,
            cache: Vec::new(),
            clock: None,
            identity: None,
            number: u32::try_from(number).unwrap_or(u32::MAX),
            site: u32::try_from(site).unwrap_or(u32::MAX),
        }
    }

    /// What its clock shows.
    pub(super) fn local(&self, now: Time) -> Time {
        self.clock.as_ref().map_or(now, |clock| clock.shows(now))
    }

    /// When its clock shows that.
    pub(super) fn real(&self, shown: Time) -> Time {
        self.clock.as_ref().map_or(shown, |clock| clock.real(shown))
    }

    /// Starts the probe in a new run, with the key that its site gave it.
    pub(super) fn start(&mut self, now: Time, seed: u64, secret: &SiteSecret) {
        self.runs += 1;
        let boot = self.boot(self.runs);
        let (name, id) =
            self.identity.as_ref().map_or_else(|| (self.name.clone(), self.id), |other| (**other).clone());
        let config = Config {
            name,
            probe: id,
            relays: vec![SocketAddr::new(relay_address(self.site as usize), RELAY_PORT)],
            host_boot: self.boot(0x80 | self.boots),
            seed: seed ^ (u64::from(self.number) << 16) ^ u64::from(self.runs),
            cache: self.cache.clone(),
        };
        let probe = Probe::new(Arc::new(config), now);
        let wire = ProbeWire::new(id, boot, secret.probe_key(id));
        self.process = Some(Box::new(Process { probe, wire, inbox: Vec::new(), armed: Time::NEVER }));
    }

    /// Sixteen octets that no other run of any host has.
    fn boot(&self, what: u8) -> Boot {
        let mut octets = self.id.0;
        octets[0] = what;
        Boot(octets)
    }

    /// The ports as the kernel shows them. `local`: its number in the site.
    pub(super) fn ports(&self, local: usize, network: &Network) -> Vec<PortFacts> {
        let port = |leg: usize| PortFacts {
            ifindex: ifindex(leg),
            ifname: format!("eth{leg}").into(),
            mac: self.mac(leg),
            carrier: network.carrier(local, leg),
            driver: "veth".into(),
            address: Some((network.address(local, leg), PREFIX)),
            gateway: MacAddress([2, 0, 0, 0, network.domains[local], 1]),
            bond: network.bonds[local].map(|mode| BondFacts {
                ifname: "bond0".into(),
                mode: mode.word().into(),
                active: network.carrier(local, leg)
                    && (mode == BondMode::Lacp || network.active(local) == leg),
                partner: (mode == BondMode::Lacp).then(|| network.partner(local, leg)),
            }),
        };
        (0..network.legs[local].len()).map(port).collect()
    }

    pub(super) fn mac(&self, leg: usize) -> MacAddress {
        let [_, high, middle, low] = self.number.to_be_bytes();
        MacAddress([2, 1, u8::try_from(leg).unwrap_or(0), high, middle, low])
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
