//! What a test may look at.

use std::time::Duration;

use ringmesh_cma_core::cma::Cma;
use ringmesh_cma_core::documents::PageLine;
use ringmesh_cma_core::graph::MemoryGraph;
use ringmesh_probe_core as probe;
use ringmesh_proto::news::{IncidentNews, News, RingNews};
use ringmesh_proto::time::Time;
use ringmesh_proto::wire::BEAT;
use ringmesh_relay_core::Relay;
use ringmesh_topology::id::{IncidentId, Name};
use ringmesh_topology::place::Place;

use super::account::{Account, Classes, Traffic, WanAccount};
use super::host::Host;
use super::relays::RELAY;
use super::site::Site;
use super::trace::{EventKinds, TraceHash};
use super::world::{World, wall_ms};

/// A news of a relay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewsTold {
    /// Of which site.
    pub site: usize,
    /// The birth nonce of the outbox it came from.
    pub birth: u64,
    /// Its number there.
    pub sequence: u64,
    /// Itself.
    pub news: News,
}

impl World {
    /// Octets of what each host has one of, without what it keeps elsewhere.
    pub fn sizes() -> [(&'static str, usize); 6] {
        [
            ("host", size_of::<Host>()),
            ("running probe with its sockets and wire", size_of::<super::host::Process>()),
            (".. of that the probe", size_of::<probe::Probe>()),
            (".. and what is off its heartbeat path", probe::Probe::BESIDE),
            ("place, told by a probe and known to a relay", size_of::<Place>()),
            ("event", size_of::<super::queue::Event>()),
        ]
    }

    /// The lines kept since [`World::trace`].
    pub fn traced(&self) -> &[String] {
        self.log.as_deref().unwrap_or_default()
    }

    /// The same, and they are kept no longer.
    pub fn take_traced(&mut self) -> Vec<String> {
        self.log.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// The moment of the run.
    pub fn now(&self) -> Time {
        self.now
    }

    /// What was sent so far.
    pub fn account(&self) -> Account {
        let mut all = self.cma.common.account.clone();
        for site in &self.sites {
            all.add(&site.common.account);
            all.add_beats(site.beats.iter().sum(), BEAT);
        }
        all
    }

    /// The same and what was said to and by the CMA, by how far it goes.
    pub fn classes(&self) -> Classes {
        let mut all = self.cma.common.classes.clone();
        for site in &self.sites {
            all.add(&site.common.classes);
            all.add_beats(site.beats);
        }
        all
    }

    fn trace_of_all(&self) -> TraceHash {
        let of_sites = self.sites.iter().map(|site| site.common.trace_hash);
        of_sites.fold(self.cma.common.trace_hash, TraceHash::with)
    }

    /// How many events were executed; in the reference engine the number of the last one.
    pub fn events(&self) -> u64 {
        self.trace_of_all().events()
    }

    /// What became of all datagrams so far; `None` but in the reference engine.
    pub fn traffic(&self) -> Option<Traffic> {
        let shards = self.sites.iter().map(|site| &site.common).chain([&self.cma.common]);
        shards.map(|common| common.traffic()).try_fold(Traffic::default(), |sum, one| {
            let one = one?;
            Some(Traffic {
                sent: sum.sent + one.sent,
                lost: sum.lost + one.lost,
                arrived: sum.arrived + one.arrived,
                under_way: sum.under_way + one.under_way,
            })
        })
    }

    /// The same by kind.
    pub fn kinds(&self) -> EventKinds {
        self.trace_of_all().kinds()
    }

    /// How many of them were executed in one go with those of their switch, while it was quiet. None in the reference
    /// engine.
    pub fn ahead(&self) -> u64 {
        self.sites.iter().map(|site| site.groups.ahead).sum()
    }

    /// When the first news of an incident came to the CMA.
    pub fn told_at(&self, incident: IncidentId) -> Option<Time> {
        self.cma.told_at.get(&incident).copied()
    }

    /// Members with a place in a ring whose relay waits for no Applied of theirs: those that are monitored.
    pub fn monitored(&self) -> usize {
        let relays = self.sites.iter().filter_map(|site| site.process.as_ref());
        relays.map(|process| process.relay.monitored()).sum()
    }

    /// A hash over every executed event: when, what, who. The same seed and the same faults have the same, in any
    /// engine.
    pub fn trace_hash(&self) -> u64 {
        self.trace_of_all().value()
    }

    /// Octets that crossed the WAN leg of a site, in both directions: payload, and what carries it. A mesh beat counts
    /// with the headers of UDP and IPv4; what a message of a stream counts with is told in `stream`.
    pub fn wan_bytes(&self, site: usize) -> u64 {
        self.wan_account(site).all()
    }

    /// The same, by purpose.
    pub fn wan_account(&self, site: usize) -> WanAccount {
        let mut all = self.cma.common.wan_account(site).clone();
        self.sites.iter().for_each(|each| all.add(each.common.wan_account(site)));
        all
    }

    /// The newest revision of every incident the CMA has heard of, in the order of their opening.
    pub fn incidents(&self) -> Vec<&IncidentNews> {
        let mut incidents: Vec<&IncidentNews> = self.cma.latest.values().collect();
        incidents.sort_by_key(|incident| (incident.opened_ms, incident.id));
        incidents
    }

    /// Every news of a site that came to the CMA's host, in order; also those that came twice.
    pub fn news_told(&self, site: usize) -> Vec<NewsTold> {
        self.cma.told.iter().filter(|told| told.site == site).cloned().collect()
    }

    /// Every news that the relay of a site let go because the CMA said that it has it.
    pub fn acknowledged(&self, site: usize) -> &[NewsTold] {
        &self.sites[site].acknowledged
    }

    /// Whether the relay of a site is writing to its disk at this moment.
    pub fn writes(&self, site: usize) -> bool {
        self.sites[site].process.as_ref().is_some_and(|process| process.journal.is_writing())
    }

    /// Whether the CMA is writing to its disk at this moment.
    pub fn cma_writes(&self) -> bool {
        self.cma.process.as_ref().is_some_and(|process| process.journal.is_writing())
    }

    /// What the disk of the CMA holds.
    pub fn cma_records(&self) -> Vec<(Vec<u8>, Vec<u8>)> {
        self.cma.disk.records()
    }

    /// Every line the notifier let go.
    pub fn pages(&self) -> &[PageLine] {
        &self.cma.pages
    }

    /// What the CMA knows, to look at; `None` while it does not run.
    pub fn cma(&self) -> Option<&Cma<MemoryGraph>> {
        self.cma.process.as_ref().map(|process| &process.cma)
    }

    /// The digest of all that the relay of a site told, where nothing is pending, and of what the CMA has of it.
    pub fn pictures(&self, site: usize) -> (Option<u64>, Option<u64>) {
        let told = self.relay(site).and_then(Relay::picture);
        (told, self.cma().and_then(|cma| cma.picture(&self.sites[site].name, RELAY)))
    }

    /// What a site is called.
    pub fn site_name(&self, site: usize) -> &Name {
        &self.sites[site].name
    }

    /// How many sites there are.
    pub fn sites(&self) -> usize {
        self.sites.len()
    }

    /// The relay of a site, to look at; `None` while it does not run.
    pub fn relay(&self, site: usize) -> Option<&Relay> {
        self.sites[site].process.as_ref().map(|process| &process.relay)
    }

    /// Wall time of a moment of the run, in milliseconds since 1970.
    pub fn wall_ms(&self, when: Time) -> u64 {
        wall_ms(when)
    }

    /// How many probes of live hosts have an assignment in force.
    pub fn linked(&self) -> usize {
        let linked = |host: &&Host| {
            host.process.as_ref().is_some_and(|p| p.probe.state(self.now) == probe::State::Linked)
        };
        self.sites.iter().map(|site| site.hosts.iter().filter(linked).count()).sum()
    }

    /// The host's number by name (`h1` is 0).
    pub fn host(&self, name: &str) -> Option<usize> {
        let number: usize = name.strip_prefix('h')?.parse().ok()?;
        let host = number.checked_sub(1).filter(|host| *host < self.hosts())?;
        (self.name(host).as_str() == name).then_some(host)
    }

    pub(super) fn home_of(&self, host: usize) -> (&Site, usize) {
        let (site, local) = self.homes.of(host).unwrap_or_else(|| panic!("there is no host {host}"));
        (&self.sites[site], local)
    }

    /// A host's name.
    pub fn name(&self, host: usize) -> &Name {
        let (site, local) = self.home_of(host);
        &site.hosts[local].name
    }

    /// How many hosts there are.
    pub fn hosts(&self) -> usize {
        self.homes.len()
    }

    /// The site a host stands in.
    pub fn site_of(&self, host: usize) -> usize {
        self.home_of(host).0.number
    }

    /// Runs until `done`, looking every 10 ms; `false` if it is not within `span`.
    pub fn run_until(&mut self, span: Duration, mut done: impl FnMut(&Self) -> bool) -> bool {
        let end = self.now + span;
        while self.now < end {
            if done(self) {
                return true;
            }
            self.run_for(Duration::from_millis(10));
        }
        done(self)
    }

    /// The members of a host's first switch ring in ring order, as its relay tells the CMA.
    pub fn ring_of(&self, host: usize) -> Vec<usize> {
        let name = self.name(host).as_str();
        let ring =
            self.cma.rings.values().find(|ring| ring.level == 0 && ring.members.iter().any(|m| m == name));
        let members = ring.map(|ring| ring.members.as_slice()).unwrap_or_default();
        members.iter().filter_map(|name| self.host(name)).collect()
    }

    /// The rings, as their relays told them last.
    pub fn rings(&self) -> impl Iterator<Item = &RingNews> {
        self.cma.rings.values()
    }

    /// The switch that the first port of a host hangs on.
    pub fn switch_of(&self, host: usize) -> usize {
        let (site, local) = self.home_of(host);
        site.first_switch + site.network.legs[local][0].switch as usize
    }

    /// The two neighbours of a host in its first switch ring.
    ///
    /// # Panics
    /// If it stands in none.
    pub fn beside(&self, host: usize) -> [usize; 2] {
        let order = self.ring_of(host);
        let at = order.iter().position(|member| *member == host);
        let at = at.unwrap_or_else(|| panic!("host {host} stands in no switch ring"));
        [order[(at + order.len() - 1) % order.len()], order[(at + 1) % order.len()]]
    }
}
