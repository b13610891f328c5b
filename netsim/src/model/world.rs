//! The run: a queue of what will happen, and those it happens to.

use std::collections::BTreeMap;
use std::time::Duration;

use ringmesh_cma_core::documents::PageLine;
use ringmesh_probe_core as probe;
use ringmesh_proto::draws::{Draws, Purpose};
use ringmesh_proto::news::{IncidentNews, RingNews};
use ringmesh_proto::time::Time;
use ringmesh_relay_core as relay;
use ringmesh_topology::id::{Boot, IncidentId};

use super::account::{Account, Classes, WanAccount};
use super::authority::Authority;
use super::host::{Datagram, Host};
use super::look::NewsTold;
use super::network::{Network, Place};
use super::plan::Plan;
use super::queue::{Due, Queue};
use super::site::Site;
use super::stream::Stream;
use super::trace::TraceHash;

/// One way through a site; a little more is drawn for each datagram.
pub(super) const LATENCY_MIN: Duration = Duration::from_micros(50);
/// At most so much more, in nanoseconds.
const LATENCY_MORE_NS: u64 = 150_000;
/// What carries a datagram over a WAN: IPv4 (20) and UDP (8).
const DATAGRAM_OCTETS: usize = 28;
/// Wall time when the run begins: 2026-01-01.
pub(super) const WALL_MS: u64 = 1_767_225_600_000;
/// More than this many things at one instant: some machine does not move its deadline.
const SPIN_MAX: u32 = 100_000;

/// Some sites and a CMA in virtual time.
pub struct World {
    pub(super) now: Time,
    spin: u32,
    queue: Queue,
    draws: Draws,
    /// How many draws were made for datagrams, and for anything else.
    drawn: [u64; 2],
    pub(super) plan: Plan,
    pub(super) network: Network,
    pub(super) hosts: Vec<Host>,
    pub(super) sites: Vec<Site>,
    pub(super) cma: Authority,
    pub(super) streams: BTreeMap<u64, Stream>,
    pub(super) stream_last: u64,
    pub(super) attempt_last: u64,
    pub(super) trace_hash: TraceHash,
    pub(super) account: Account,
    /// The same datagrams, and what is said over streams, by how far they go.
    pub(super) classes: Classes,
    pub(super) wan: Vec<WanAccount>,
    pub(super) latest: BTreeMap<IncidentId, IncidentNews>,
    pub(super) rings: BTreeMap<(usize, u32), RingNews>,
    /// The run of each site's relay that introduced itself last.
    pub(super) runs_heard: BTreeMap<usize, Boot>,
    /// The birth nonce of the outbox that each site's relay named last.
    pub(super) births_heard: BTreeMap<usize, u64>,
    /// Every news that came to the CMA's host, in order.
    pub(super) told: Vec<NewsTold>,
    /// Who is not heard by whom, until when.
    pub(super) muted: Vec<(usize, usize, Time)>,
    pub(super) pages: Vec<PageLine>,
    pub(super) log: Option<Vec<String>>,
}

impl World {
    /// Builds the sites, starts the CMA and the relays at once and every probe within its first second.
    pub fn new(plan: Plan) -> Self {
        let network = Network::new(&plan);
        let sites: Vec<Site> =
            (0..plan.sites.len()).map(|site| Site::new(site, plan.site_name(site))).collect();
        let host = |number| {
            let site = network.site_of(number);
            Host::new(number, site, &sites[site].name)
        };
        let mut world = Self {
            now: Time::ZERO,
            spin: 0,
            queue: Queue::default(),
            draws: Draws::new(plan.seed, 0),
            drawn: [0; 2],
            hosts: (0..plan.hosts.len()).map(host).collect(),
            network,
            cma: Authority::default(),
            streams: BTreeMap::new(),
            stream_last: 0,
            attempt_last: 0,
            trace_hash: TraceHash::default(),
            account: Account::default(),
            classes: Classes::default(),
            wan: vec![WanAccount::default(); sites.len()],
            sites,
            latest: BTreeMap::new(),
            rings: BTreeMap::new(),
            runs_heard: BTreeMap::new(),
            births_heard: BTreeMap::new(),
            told: Vec::new(),
            muted: Vec::new(),
            pages: Vec::new(),
            log: None,
            plan,
        };
        world.begin();
        world
    }

    fn begin(&mut self) {
        self.start_cma_now();
        (0..self.sites.len()).for_each(|site| self.start_relay_now(site));
        for switch in 0..self.network.switches.len() {
            let phase = Duration::from_millis(100 + 7 * switch as u64);
            self.at(Time::ZERO + phase, Due::Announce { switch });
        }
        for host in 0..self.hosts.len() {
            let phase = Duration::from_nanos(self.draws.below(500_000_000, Purpose::Start, host as u64));
            self.at(Time::ZERO + phase, Due::Start { host });
        }
    }

    /// Keeps a line for every datagram but beats, from now on.
    pub fn trace(&mut self) {
        self.log = Some(Vec::new());
    }

    /// Lets everything happen that is due within `span`.
    pub fn run_for(&mut self, span: Duration) {
        self.run_to_event(span, u64::MAX);
    }

    /// The same, and stops after the event of that number; `true` if it was executed by then. A trace tells what it was.
    pub fn run_to_event(&mut self, span: Duration, last: u64) -> bool {
        let end = self.now + span;
        while self.events() < last {
            let Some((at, due)) = self.queue.take(end) else {
                self.now = end;
                return false;
            };
            assert!(at >= self.now, "time went back");
            self.spin = if at == self.now { self.spin + 1 } else { 0 };
            assert!(self.spin < SPIN_MAX, "a machine stands still at {at:?}: {}", due.word());
            self.now = at;
            self.trace_hash.take(at, &due);
            if self.events() == last {
                self.note(|| format!("=== event {last}: {}", due.words()));
            }
            self.happen(due);
        }
        true
    }

    pub(super) fn at(&mut self, when: Time, due: Due) {
        self.queue.put(when.max(self.now), due);
    }

    /// A number below `bound`, another each time. What datagrams draw is not disturbed by it.
    pub(super) fn draw(&mut self, bound: u64, purpose: Purpose) -> u64 {
        self.drawn[1] += 1;
        Draws::new(self.plan.seed, 1).below(bound, purpose, self.drawn[1])
    }

    /// A line for the trace, if one is kept.
    pub(super) fn note(&mut self, line: impl FnOnce() -> String) {
        if let Some(log) = &mut self.log {
            log.push(format!("{:?} {}", self.now, line()));
        }
    }

    /// A line about the relay of a site.
    pub(super) fn note_of(&mut self, site: usize, line: impl FnOnce() -> String) {
        if self.log.is_some() {
            let name = self.relay_name(site);
            self.note(|| format!("{name}: {}", line()));
        }
    }

    fn happen(&mut self, due: Due) {
        match due {
            Due::Arrive(datagram) => self.arrive(datagram),
            Due::Refused { to, peer } => self.hear_refusal(to, peer),
            Due::Echo { site, from } => self.relay_event(site, relay::Event::Echo { from }),
            Due::Announce { switch } => self.announce(switch),
            Due::Start { host } => self.start(host),
            Due::HostDeadline { host } => self.host_deadline(host),
            Due::StartRelay { site } => self.start_relay_now(site),
            Due::RelayDeadline { site } => self.relay_deadline(site),
            Due::RelayCommit { site, run } => self.relay_committed(site, run),
            Due::Uplink { site, attempt, step } => self.uplink_step(site, attempt, step),
            Due::CmaDeadline => self.cma_deadline(),
            Due::CmaCommit { run } => self.cma_committed(run),
            Due::HandedOn { run, page } => self.handed_on(run, page),
            Due::Send { stream, from, number } => self.send_segment(stream, from, number),
            Due::Read { stream, from } => self.read_stream(stream, from),
            Due::Reset { stream, to } => self.stream_broke(stream, to),
            Due::Watch { stream, side } => self.watch_stream(stream, side),
        }
    }

    // Datagrams.

    pub(super) fn send(&mut self, from: Place, datagram: Datagram, purpose: &'static str) {
        self.account.count(purpose, datagram.octets.len());
        if !Account::is_beat(purpose) {
            self.note(|| format!("{} -> {} {purpose}", datagram.from, datagram.to));
        }
        let Some(to) = self.network.owner(datagram.to.ip()) else { return };
        self.classes.count(self.network.class(from, to), purpose);
        if let Some(after) = self.fate(from, to, purpose, datagram.octets.len()) {
            self.at(self.now + after, Due::Arrive(datagram));
        }
    }

    /// How long a datagram takes; `None` if it is lost.
    fn fate(&mut self, from: Place, to: Place, purpose: &'static str, octets: usize) -> Option<Duration> {
        if let (Place::Core(from), Place::Core(to)) = (from, to) {
            return self.fate_over_wan(from, to, purpose, octets + DATAGRAM_OCTETS);
        }
        self.drawn[0] += 1;
        let drawn = self.drawn[0];
        let more = Duration::from_nanos(self.draws.below(LATENCY_MORE_NS, Purpose::Latency, drawn));
        let lost = self.draws.below(1_000, Purpose::Loss, drawn) < self.plan.loss_permille;
        let reaches = self.network.reaches(from, to) && !self.is_muted(from, to);
        (reaches && !lost).then_some(LATENCY_MIN + more)
    }

    fn fate_over_wan(
        &mut self,
        from: usize,
        to: usize,
        purpose: &'static str,
        octets: usize,
    ) -> Option<Duration> {
        let (near, far) = (self.network.wan[from], self.network.wan[to]);
        self.count_wan(from, purpose, octets);
        if !self.network.reaches(Place::Core(from), Place::Core(to)) || self.is_lost(near.loss_permille) {
            return None;
        }
        self.count_wan(to, purpose, octets);
        let more = Duration::from_nanos(self.draw(LATENCY_MORE_NS, Purpose::Latency));
        (!self.is_lost(far.loss_permille)).then_some(near.delay + far.delay + more)
    }

    fn is_muted(&self, from: Place, to: Place) -> bool {
        let (Place::Leg { host: from, .. }, Place::Leg { host: to, .. }) = (from, to) else { return false };
        self.muted.iter().any(|(a, b, until)| *a == from && *b == to && self.now < *until)
    }

    fn arrive(&mut self, datagram: Datagram) {
        match self.network.owner(datagram.to.ip()) {
            Some(Place::Core(site)) if self.sites[site].process.is_some() => {
                self.open_at_relay(site, datagram);
            }
            Some(Place::Core(site)) if self.network.core_power[site] => self.refuse(&datagram),
            Some(Place::Leg { host, leg }) if self.network.carrier(host, leg) => {
                let paused = self.hosts[host].paused;
                match &mut self.hosts[host].process {
                    Some(process) if paused => process.inbox.push_back(datagram),
                    Some(_) => self.open_at_host(host, datagram),
                    None => self.refuse(&datagram),
                }
            }
            Some(Place::Core(_) | Place::Leg { .. }) | None => {}
        }
    }

    /// A kernel without a process at that port says so.
    fn refuse(&mut self, datagram: &Datagram) {
        let owners = (self.network.owner(datagram.to.ip()), self.network.owner(datagram.from.ip()));
        let (Some(from), Some(to)) = owners else { return };
        // What it quotes of the datagram: its headers and eight octets at least; kernels send much more.
        if let Some(after) = self.fate(from, to, "Refusal", datagram.octets.len() + DATAGRAM_OCTETS) {
            self.at(self.now + after, Due::Refused { to, peer: datagram.to });
        }
    }

    fn hear_refusal(&mut self, to: Place, peer: std::net::SocketAddr) {
        match to {
            Place::Core(site) => self.relay_event(site, relay::Event::Refused { peer }),
            Place::Leg { host, .. } => self.host_event(host, probe::Event::Refused { peer }),
        }
    }
}
