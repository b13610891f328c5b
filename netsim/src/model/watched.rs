//! What the laws of `watch` look at: the truth of the network, and what machines show of themselves.

use std::time::Duration;

use ringmesh_probe_core::Probe;
use ringmesh_proto::machine::Machine as _;
use ringmesh_proto::time::Time;
use ringmesh_proto::wire::WireCounters;
use ringmesh_topology::id::{Name, ProbeId};

use super::fabric::{Fare, OCTETS, Packet, Way};
use super::network::Place;
use super::site::Site;
use super::world::World;

/// What works of a host. Of its ports each is one bit, the first port the lowest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HostTruth {
    /// It has power.
    pub power: bool,
    /// Its probe runs.
    pub runs: bool,
    /// Its user space goes on.
    pub awake: bool,
    /// It has the processor when it needs it.
    pub prompt: bool,
    /// No other host goes by its name.
    pub unique: bool,
    /// Ports that have light.
    pub light: u8,
    /// Ports from which its relay's place is reached.
    pub reaches: u8,
    /// Ports whose ways take little of what is said, and hold it up for less than a second: whoever is behind another
    /// is heard, and may be missed all the same.
    pub passes: u8,
    /// All ports.
    pub ports: u8,
    /// A number for its addresses and for what its ports hang on, by the names that the switches give themselves.
    pub wiring: u64,
}

/// What works of a switch: power, uplink, its announcements, and that no other goes by its name.
pub type SwitchTruth = [bool; 4];
/// What works of a site: power of its core, its relay's process, its WAN, if that takes little of what is said and
/// holds it up for less than a second, and room on its relay's disk.
pub type SiteTruth = [bool; 4];
/// What works of the CMA: its process, its WAN, room on its disk.
pub type CmaTruth = [bool; 3];

/// The seat of a running relay in the mesh ring.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MeshSeat {
    /// Its stream to the CMA, by a number that no other has; `None` while there is none.
    pub stream: Option<u64>,
    /// The sites whose relays it watches.
    pub watches: Vec<usize>,
}

impl HostTruth {
    /// Nothing is broken about it.
    pub fn is_whole(self) -> bool {
        let itself = self.power && self.runs && self.awake && self.prompt && self.unique;
        itself && [self.light, self.reaches, self.passes].iter().all(|works| *works == self.ports)
    }

    /// Its probe says nothing to its relay, and there is no copy that may say something in its name.
    pub fn is_silent(self) -> bool {
        self.unique && (!self.power || !self.runs || !self.awake || self.reaches == 0)
    }

    /// Whether something of the host itself works no more: not its ports alone.
    pub fn fell_by_itself(self, now: Self) -> bool {
        let lost = |before: bool, now: bool| before && !now;
        lost(self.power, now.power)
            || lost(self.runs, now.runs)
            || lost(self.awake, now.awake)
            || lost(self.prompt, now.prompt)
    }

    /// Whether something works no more that worked before.
    pub fn is_worse_than(self, before: Self) -> bool {
        let lost = |now: bool, before: bool| before && !now;
        lost(self.power, before.power)
            || lost(self.runs, before.runs)
            || lost(self.awake, before.awake)
            || lost(self.prompt, before.prompt)
            || lost(self.unique, before.unique)
            || before.light & !self.light != 0
            || before.reaches & !self.reaches != 0
            || before.passes & !self.passes != 0
            || self.wiring != before.wiring
    }
}

impl World {
    /// What works of a host.
    pub fn host_truth(&self, host: usize) -> HostTruth {
        let (site, local) = self.home_of(host);
        let (known, network) = (&site.hosts[local], &site.network);
        let bits = |works: &dyn Fn(usize) -> bool| {
            let ports = 0..network.legs[local].len().min(8);
            ports.filter(|leg| works(*leg)).fold(0_u8, |bits, leg| bits | 1 << leg)
        };
        let core = Place::Core(site.number);
        let everywhere = site.takes(self.now);
        HostTruth {
            power: network.power[local],
            runs: known.process.is_some() && known.identity.is_none(),
            awake: known.is_awake(),
            prompt: !site.seldom.contains_key(&local),
            unique: !network.copied.contains(&local),
            light: bits(&|leg| network.carrier(local, leg)),
            reaches: bits(&|leg| network.reaches(Place::Leg { host: local, leg }, core)),
            passes: bits(&|leg| !network.ails(local, leg, everywhere)),
            ports: bits(&|_| true),
            wiring: network.legs[local].iter().fold(
                network.readdressed.contains(&local).into(),
                |hash, leg| {
                    let switch = leg.switch as usize;
                    let name = network.switches[switch].poses_as.unwrap_or(site.first_switch + switch);
                    (hash ^ name as u64).wrapping_mul(0x0000_0100_0000_01b3)
                },
            ),
        }
    }

    /// What works of a switch.
    pub fn switch_truth(&self, switch: usize) -> SwitchTruth {
        let (site, local) = self.stand_of(switch);
        let known = &site.network.switches[local];
        let is_posed = |site: &Site| site.network.switches.iter().any(|other| other.poses_as == Some(switch));
        [known.on, known.uplink, known.announces, !self.sites.iter().any(is_posed)]
    }

    /// How many switches there are.
    pub fn switches(&self) -> usize {
        self.sites.iter().map(|site| site.network.switches.len()).sum()
    }

    /// The site a switch stands in.
    pub fn site_of_switch(&self, switch: usize) -> usize {
        self.stand_of(switch).0.number
    }

    /// The switches that the ports of a host hang on.
    pub fn switches_of(&self, host: usize) -> impl Iterator<Item = usize> {
        let (site, local) = self.home_of(host);
        site.network.legs[local].iter().map(|leg| site.first_switch + leg.switch as usize)
    }

    /// The switch and the prefix of each place of a host: of each port, or of the active one of a bond.
    pub fn stands(&self, host: usize) -> Vec<(usize, usize)> {
        let (site, local) = self.home_of(host);
        let network = &site.network;
        let bonded = network.bonds[local].is_some();
        let places = if bonded { 1 } else { network.legs[local].len() };
        let switch = |leg: usize| site.first_switch + network.switch_at(local, leg);
        (0..places).map(|leg| (switch(leg), network.net(local, leg))).collect()
    }

    /// What works of a site.
    pub fn site_truth(&self, site: usize) -> SiteTruth {
        let known = &self.sites[site];
        let (power, leg) = (self.wan.core_power[site], self.wan.legs[site]);
        let all = Fare::FREE.and_lost(leg.loss_permille, leg.delay);
        // What is said over streams: without the ring of the relays everything is told all the same.
        let mut packets = [Way::Out, Way::In].into_iter().flat_map(|way| OCTETS.map(|octets| (way, octets)));
        let met = |(way, octets)| self.wan.and_on(all, site, way, Packet { octets, port: 0 });
        let wan = self.wan.leads_out(site) && !packets.any(|packet| met(packet).is_bad());
        [power, known.process.is_some() && !known.load.is_too_much(), wan, !known.disk.full]
    }

    /// The seats of the relays in the mesh ring, site by site; `None` where no relay runs.
    pub fn mesh_seats(&self) -> Vec<Option<MeshSeat>> {
        let number = |name: &Name| self.sites.iter().position(|site| site.name == *name);
        let seat = |site: &Site| {
            let process = site.process.as_ref()?;
            let held = process.mesh.iter().filter(|link| process.relay.holds_mesh(link.link));
            let watches = held.filter_map(|link| number(&link.site)).collect();
            Some(MeshSeat { stream: process.uplink.stream(), watches })
        };
        self.sites.iter().map(seat).collect()
    }

    /// What works of the CMA.
    pub fn cma_truth(&self) -> CmaTruth {
        let keeps_up = !self.cma.load.is_too_much();
        [self.cma.process.is_some() && keeps_up, self.wan.cma.works, !self.cma.disk.full]
    }

    /// Lost datagrams inside the sites, in a thousand.
    pub fn loss_permille(&self) -> u64 {
        self.sites.iter().map(|site| site.loss_permille).max().unwrap_or(0)
    }

    /// Whether datagrams are doubled on their way.
    pub fn is_doubling(&self) -> bool {
        self.sites.iter().any(|site| site.doubled_permille > 0)
    }

    /// Whether datagrams are held up on their way.
    pub fn is_delaying(&self) -> bool {
        let held_up = |site: &Site| site.network.troubles.iter().any(|(_, trouble)| !trouble.delay.is_zero());
        self.sites.iter().any(held_up)
            || self.wan.troubles.iter().any(|(_, trouble)| !trouble.delay.is_zero())
    }

    /// Whether a relay reads late what comes to it.
    pub fn is_reading_late(&self) -> bool {
        self.sites.iter().any(|site| site.load.is_too_much())
    }

    /// One datagram more is said to have been sent than was: for whoever looks whether that is noticed.
    pub fn miscount(&mut self) {
        self.cma.common.sent += 1;
    }

    /// One way over the WAN of a site, and lost packets in a thousand.
    pub fn wan_quality(&self, site: usize) -> (Duration, u64) {
        let leg = self.wan.legs[site];
        (leg.delay, leg.loss_permille)
    }

    /// The probe of a host, to look at; `None` while none runs.
    pub fn probe(&self, host: usize) -> Option<&Probe> {
        let (site, local) = self.home_of(host);
        site.hosts[local].process.as_ref().map(|process| &process.probe)
    }

    /// How the hosts' members are called on the wire, in the order of the hosts.
    pub fn probe_ids(&self) -> Vec<ProbeId> {
        let id = |host| {
            let (site, local) = self.home_of(host);
            site.hosts[local].id
        };
        (0..self.hosts()).map(id).collect()
    }

    /// What the wires of all running processes refused.
    pub fn refused(&self) -> WireCounters {
        let hosts = self.sites.iter().flat_map(|site| &site.hosts);
        let probes = hosts.filter_map(|host| host.process.as_ref());
        let relays = self.sites.iter().filter_map(|site| site.process.as_ref());
        let all =
            probes.map(|process| process.wire.counters).chain(relays.map(|process| process.wire.counters));
        all.fold(WireCounters::default(), |sum, one| WireCounters {
            truncated: sum.truncated + one.truncated,
            foreign: sum.foreign + one.foreign,
            martian: sum.martian + one.martian,
            forged: sum.forged + one.forged,
            replayed: sum.replayed + one.replayed,
            overtaken: sum.overtaken + one.overtaken,
        })
    }

    /// A machine that may run now and has a deadline before `now`: whose it is, and the deadline.
    pub fn overdue(&self, now: Time) -> Option<(String, Time)> {
        let late = |deadline: &Time| *deadline < now;
        let awake = self.sites.iter().flat_map(|site| &site.hosts).filter(|host| host.may_run());
        let probe = awake.clone().find_map(|host| {
            let deadline = Some(host.real(host.process.as_ref()?.probe.next_deadline())).filter(late)?;
            Some((host.name.to_string(), deadline))
        });
        let relay = || {
            self.sites.iter().find_map(|site| {
                let deadline = Some(site.process.as_ref()?.relay.next_deadline()).filter(late)?;
                Some((format!("the relay of {}", site.name), deadline))
            })
        };
        let cma = || {
            let deadline = Some(self.cma.process.as_ref()?.cma.next_deadline()).filter(late)?;
            Some(("the CMA".to_owned(), deadline))
        };
        probe.or_else(relay).or_else(cma)
    }

    /// The site a switch stands in, and its number there.
    fn stand_of(&self, switch: usize) -> (&Site, usize) {
        let here = |site: &&Site| switch - site.first_switch.min(switch) < site.network.switches.len();
        let site = self.sites.iter().filter(|site| site.first_switch <= switch).find(here);
        let site = site.unwrap_or_else(|| panic!("there is no switch {switch}"));
        (site, switch - site.first_switch)
    }
}
