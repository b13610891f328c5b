//! What works of a world, and since when: the truth, remembered between looks.

use std::time::Duration;

use ringmesh_proto::time::Time;

use crate::model::{CmaTruth, HostTruth, SiteTruth, SwitchTruth, World};

/// One thing, and when something about it changed last.
#[derive(Clone, Copy, Debug)]
struct Known<T> {
    truth: T,
    changed: Time,
    /// The last moment when not everything about it worked.
    ailed: Time,
}

/// So long the host whose image was copied may be kept out when the copy is gone: its relay knows a newer run of it, and
/// takes the older one back after that.
const KEPT_OUT: Duration = Duration::from_secs(130);

/// Something that works no more, or works again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Of a host: before, now.
    Host(usize, HostTruth, HostTruth),
    /// Of a switch: whether it is worse.
    Switch(usize, bool),
    /// Of a site: whether it is worse.
    Site(usize, bool),
    /// Of the CMA: whether it is worse.
    Cma(bool),
}

impl Change {
    /// Whether something works no more.
    pub fn is_worse(self) -> bool {
        match self {
            Self::Host(_, before, now) => now.is_worse_than(before),
            Self::Switch(_, worse) | Self::Site(_, worse) | Self::Cma(worse) => worse,
        }
    }
}

/// What works, and since when.
#[derive(Clone, Debug)]
pub struct Health {
    now: Time,
    hosts: Vec<Known<HostTruth>>,
    /// Until when each may be kept out.
    kept_out: Vec<Time>,
    switches: Vec<Known<SwitchTruth>>,
    sites: Vec<Known<SiteTruth>>,
    cma: Known<CmaTruth>,
    /// What changed since the look before.
    changes: Vec<Change>,
    /// When anything changed last.
    changed: Time,
}

fn worse<const N: usize>(now: [bool; N], before: [bool; N]) -> bool {
    before.iter().zip(now).any(|(before, now)| *before && !now)
}

impl Health {
    /// Of a world as it is now: nothing has changed yet.
    pub fn of(world: &World) -> Self {
        let now = world.now();
        Self {
            now,
            hosts: (0..world.hosts()).map(|host| known(world.host_truth(host), now)).collect(),
            kept_out: vec![Time::ZERO; world.hosts()],
            switches: (0..world.switches()).map(|switch| known(world.switch_truth(switch), now)).collect(),
            sites: (0..world.sites()).map(|site| known(world.site_truth(site), now)).collect(),
            cma: known(world.cma_truth(), now),
            changes: Vec::new(),
            changed: now,
        }
    }

    /// A look: what works now, and what changed since the look before.
    pub fn look(&mut self, world: &World) {
        let now = world.now();
        self.now = now;
        self.changes.clear();
        for (host, known) in self.hosts.iter_mut().enumerate() {
            let (before, truth) = (known.truth, world.host_truth(host));
            if !truth.unique {
                self.kept_out[host] = now + KEPT_OUT;
            }
            let is_in = now >= self.kept_out[host];
            if known.take(truth, now, |truth| truth.is_whole() && is_in) {
                self.changes.push(Change::Host(host, before, truth));
            }
        }
        for (switch, known) in self.switches.iter_mut().enumerate() {
            let (before, truth) = (known.truth, world.switch_truth(switch));
            if known.take(truth, now, |truth| truth.iter().all(|works| *works)) {
                self.changes.push(Change::Switch(switch, worse(truth, before)));
            }
        }
        for (site, known) in self.sites.iter_mut().enumerate() {
            let (before, truth) = (known.truth, world.site_truth(site));
            if known.take(truth, now, |truth| truth.iter().all(|works| *works)) {
                self.changes.push(Change::Site(site, worse(truth, before)));
            }
        }
        let (before, truth) = (self.cma.truth, world.cma_truth());
        if self.cma.take(truth, now, |truth| truth.iter().all(|works| *works)) {
            self.changes.push(Change::Cma(worse(truth, before)));
        }
        if !self.changes.is_empty() {
            self.changed = now;
        }
    }

    /// What changed since the look before.
    pub fn changes(&self) -> &[Change] {
        &self.changes
    }

    /// Whether anything about a host changed since the look before.
    pub fn host_has_changed(&self, host: usize) -> bool {
        self.changes.iter().any(|change| matches!(change, Change::Host(of, ..) if *of == host))
    }

    /// Whether all works but what changed since the look before.
    pub fn rest_is_well(&self) -> bool {
        let mut rest = (0..self.hosts.len()).filter(|host| !self.host_has_changed(*host));
        let all = |truth: &[bool]| truth.iter().all(|works| *works);
        rest.all(|host| self.is_well(host))
            && self.switches.iter().all(|switch| all(&switch.truth))
            && self.sites.iter().all(|site| all(&site.truth))
            && all(&self.cma.truth)
    }

    /// Whether everything works about a host, and nobody keeps it out for a copy that is gone.
    fn is_well(&self, host: usize) -> bool {
        self.hosts[host].truth.is_whole() && self.now >= self.kept_out[host]
    }

    /// What works of a host.
    pub fn host(&self, host: usize) -> HostTruth {
        self.hosts[host].truth
    }

    /// Since when a host is as it is.
    pub fn host_is_so_since(&self, host: usize) -> Time {
        self.hosts[host].changed
    }

    /// The last moment when not everything worked about a host; the beginning, if there was none.
    pub fn host_ailed(&self, host: usize) -> Time {
        self.hosts[host].ailed
    }

    /// The same of a switch.
    pub fn switch_ailed(&self, switch: usize) -> Time {
        self.switches[switch].ailed
    }

    /// The same of a site, its relay and its WAN.
    pub fn site_ailed(&self, site: usize) -> Time {
        self.sites[site].ailed
    }

    /// The same of the CMA.
    pub fn cma_ailed(&self) -> Time {
        self.cma.ailed
    }

    /// For how long everything has worked about a host.
    pub fn host_well_for(&self, host: usize) -> Duration {
        self.now.since(self.hosts[host].ailed)
    }

    /// For how long everything has worked between the relay of a site and the CMA, both of them included.
    pub fn told_well_for(&self, site: usize) -> Duration {
        self.now.since(self.sites[site].ailed.max(self.cma.ailed))
    }

    /// When anything changed last about a site, its hosts and its switches, this host left out; or about the CMA.
    pub fn around_changed(&self, world: &World, host: usize) -> Time {
        let site = world.site_of(host);
        let others = (0..self.hosts.len()).filter(|other| *other != host && world.site_of(*other) == site);
        let switches = (0..self.switches.len()).filter(|switch| world.site_of_switch(*switch) == site);
        let times = others.map(|other| self.hosts[other].changed);
        let times = times.chain(switches.map(|switch| self.switches[switch].changed));
        times.chain([self.sites[site].changed, self.cma.changed]).max().unwrap_or(Time::ZERO)
    }

    /// Whether everything works about a site, its hosts and its switches, this host left out, and about the CMA.
    pub fn around_is_well(&self, world: &World, host: usize) -> bool {
        let site = world.site_of(host);
        let all = |truth: &[bool]| truth.iter().all(|works| *works);
        let others = (0..self.hosts.len()).filter(|other| *other != host && world.site_of(*other) == site);
        let switches = (0..self.switches.len()).filter(|switch| world.site_of_switch(*switch) == site);
        others.into_iter().all(|other| self.is_well(other))
            && switches.into_iter().all(|switch| all(&self.switches[switch].truth))
            && all(&self.sites[site].truth)
            && all(&self.cma.truth)
    }

    /// When anything changed last.
    pub fn changed(&self) -> Time {
        self.changed
    }

    /// Whether nothing is broken.
    pub fn is_all_well(&self) -> bool {
        let all = |truth: &[bool]| truth.iter().all(|works| *works);
        (0..self.hosts.len()).all(|host| self.is_well(host))
            && self.switches.iter().all(|known| all(&known.truth))
            && self.sites.iter().all(|known| all(&known.truth))
            && all(&self.cma.truth)
    }
}

fn known<T>(truth: T, now: Time) -> Known<T> {
    Known { truth, changed: now, ailed: now }
}

impl<T: Copy + PartialEq> Known<T> {
    /// Whether it changed.
    fn take(&mut self, truth: T, now: Time, is_whole: impl Fn(T) -> bool) -> bool {
        if !is_whole(truth) {
            self.ailed = now;
        }
        let changes = truth != self.truth;
        if changes {
            self.truth = truth;
            self.changed = now;
        }
        changes
    }
}
