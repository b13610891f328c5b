//! What the laws of `watch` look at: the truth of the network, and what machines show of themselves.

use std::time::Duration;

use ringmesh_probe_core::Probe;
use ringmesh_proto::machine::Machine as _;
use ringmesh_proto::time::Time;
use ringmesh_proto::wire::WireCounters;
use ringmesh_topology::id::ProbeId;

use super::network::Place;
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
    /// Ports that have light.
    pub light: u8,
    /// Ports from which its relay's place is reached.
    pub reaches: u8,
    /// All ports.
    pub ports: u8,
}

/// What works of a switch: power, uplink, its announcements.
pub type SwitchTruth = [bool; 3];
/// What works of a site: power of its core, its relay's process, its WAN, room on its relay's disk.
pub type SiteTruth = [bool; 4];
/// What works of the CMA: its process, its WAN, room on its disk.
pub type CmaTruth = [bool; 3];

impl HostTruth {
    /// Nothing is broken about it.
    pub fn is_whole(self) -> bool {
        self.power && self.runs && self.awake && self.light == self.ports && self.reaches == self.ports
    }

    /// Its probe says nothing to its relay.
    pub fn is_silent(self) -> bool {
        !self.power || !self.runs || !self.awake || self.reaches == 0
    }

    /// Whether something of the host itself works no more: not its ports alone.
    pub fn fell_by_itself(self, now: Self) -> bool {
        (self.power && !now.power) || (self.runs && !now.runs) || (self.awake && !now.awake)
    }

    /// Whether something works no more that worked before.
    pub fn is_worse_than(self, before: Self) -> bool {
        let lost = |now: bool, before: bool| before && !now;
        lost(self.power, before.power)
            || lost(self.runs, before.runs)
            || lost(self.awake, before.awake)
            || before.light & !self.light != 0
            || before.reaches & !self.reaches != 0
    }
}

impl World {
    /// What works of a host.
    pub fn host_truth(&self, host: usize) -> HostTruth {
        let known = &self.hosts[host];
        let bits = |works: &dyn Fn(usize) -> bool| {
            let ports = 0..self.network.legs[host].len().min(8);
            ports.filter(|leg| works(*leg)).fold(0_u8, |bits, leg| bits | 1 << leg)
        };
        let core = Place::Core(known.site);
        HostTruth {
            power: self.network.power[host],
            runs: known.process.is_some(),
            awake: !known.paused,
            light: bits(&|leg| self.network.carrier(host, leg)),
            reaches: bits(&|leg| self.network.reaches(Place::Leg { host, leg }, core)),
            ports: bits(&|_| true),
        }
    }

    /// What works of a switch.
    pub fn switch_truth(&self, switch: usize) -> SwitchTruth {
        let known = self.network.switches[switch];
        [known.on, known.uplink, known.announces]
    }

    /// How many switches there are.
    pub fn switches(&self) -> usize {
        self.network.switches.len()
    }

    /// The site a switch stands in.
    pub fn site_of_switch(&self, switch: usize) -> usize {
        self.network.switches[switch].site
    }

    /// The switches that the ports of a host hang on.
    pub fn switches_of(&self, host: usize) -> impl Iterator<Item = usize> {
        self.network.legs[host].iter().map(|leg| leg.switch)
    }

    /// What works of a site.
    pub fn site_truth(&self, site: usize) -> SiteTruth {
        let known = &self.sites[site];
        [
            self.network.core_power[site],
            known.process.is_some(),
            self.network.wan[site].works,
            !known.disk.full,
        ]
    }

    /// What works of the CMA.
    pub fn cma_truth(&self) -> CmaTruth {
        [self.cma.process.is_some(), self.network.cma.works, !self.cma.disk.full]
    }

    /// Lost datagrams inside the sites, in a thousand.
    pub fn loss_permille(&self) -> u64 {
        self.plan.loss_permille
    }

    /// One way over the WAN of a site, and lost packets in a thousand.
    pub fn wan_quality(&self, site: usize) -> (Duration, u64) {
        let leg = self.network.wan[site];
        (leg.delay, leg.loss_permille)
    }

    /// The probe of a host, to look at; `None` while none runs.
    pub fn probe(&self, host: usize) -> Option<&Probe> {
        self.hosts[host].process.as_ref().map(|process| &process.probe)
    }

    /// How the hosts' members are called on the wire, in the order of the hosts.
    pub fn probe_ids(&self) -> Vec<ProbeId> {
        self.hosts.iter().map(|host| host.id).collect()
    }

    /// What the wires of all running processes refused.
    pub fn refused(&self) -> WireCounters {
        let probes = self.hosts.iter().filter_map(|host| host.process.as_ref());
        let relays = self.sites.iter().filter_map(|site| site.process.as_ref());
        let all =
            probes.map(|process| process.wire.counters).chain(relays.map(|process| process.wire.counters));
        all.fold(WireCounters::default(), |sum, one| WireCounters {
            truncated: sum.truncated + one.truncated,
            foreign: sum.foreign + one.foreign,
            martian: sum.martian + one.martian,
            forged: sum.forged + one.forged,
            replayed: sum.replayed + one.replayed,
        })
    }

    /// A machine that may run now and has a deadline before `now`: whose it is, and the deadline.
    pub fn overdue(&self, now: Time) -> Option<(String, Time)> {
        let late = |deadline: &Time| *deadline < now;
        let probe = self.hosts.iter().filter(|host| !host.paused).find_map(|host| {
            let deadline = Some(host.process.as_ref()?.probe.next_deadline()).filter(late)?;
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
}
