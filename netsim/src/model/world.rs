//! The run: the shards of a world, and what drives them.

use std::sync::Arc;
use std::time::Duration;

use ringmesh_proto::draws::Purpose;
use ringmesh_proto::time::{Time, WallClock};
use ringmesh_topology::id::Name;

use super::authority::Authority;
use super::common::{Common, Crossing, Shard, ShardName, Wire};
use super::network::{Homes, Network, Wan};
use super::plan::Plan;
use super::site::Site;
use crate::engine::Engine;

/// Wall time when the run begins: 2026-01-01.
const WALL_MS: u64 = 1_767_225_600_000;
/// Probes start within this.
const STARTS_NS: u64 = 500_000_000;

/// Wall time of a moment of the run, in milliseconds since 1970.
pub(super) fn wall_ms(when: Time) -> u64 {
    WallClock { at: Time::ZERO, unix_ms: WALL_MS }.unix_ms(when)
}

/// Some sites and a CMA in virtual time.
pub struct World {
    pub(super) now: Time,
    pub(super) engine: Engine,
    pub(super) homes: Arc<Homes>,
    pub(super) wan: Arc<Wan>,
    pub(super) sites: Vec<Site>,
    pub(super) cma: Authority,
    pub(super) log: Option<Vec<String>>,
}

impl World {
    /// Builds the sites, starts the CMA and the relays at once and every probe within its first second.
    pub fn new(plan: Plan) -> Self {
        let wan = Arc::new(Wan::new(&plan));
        let homes = Arc::new(Homes::new(&plan));
        let mut first_switch = 0;
        let site = |(number, network): (usize, Network)| {
            let first = first_switch;
            first_switch += network.switches.len();
            Site::new(number, &plan, first, network)
        };
        let networks = Network::of_plan(&plan, &wan, &homes);
        let sites: Vec<Site> = networks.into_iter().enumerate().map(site).collect();
        let names: Vec<Name> = sites.iter().map(|site| site.name.clone()).collect();
        let cma = Authority::new(Common::new(plan.seed, Arc::clone(&wan)), names);
        let mut world =
            Self { now: Time::ZERO, engine: Engine::default(), homes, wan, sites, cma, log: None };
        world.begin();
        world
    }

    fn begin(&mut self) {
        self.cma.start_cma_now();
        for site in &mut self.sites {
            site.start_relay_now();
            let every = u64::from(site.lldp_every_s.max(1)) * 1_000;
            for switch in 0..site.switches.len() {
                let phase = (100 + 7 * (site.first_switch + switch) as u64) % every;
                site.announce_after(switch, Duration::from_millis(phase));
            }
            for host in 0..site.hosts.len() {
                let stamp = site.hosts[host].actor.next();
                let phase = site.common.draw(stamp, STARTS_NS, Purpose::Start);
                site.start_after(host, Duration::from_nanos(phase));
            }
        }
        self.exchange();
    }

    /// Who executes it from now on. Each comes to the same.
    pub fn set_engine(&mut self, engine: Engine) {
        self.engine = engine;
        let windows = engine != Engine::Reference;
        self.each_common(|common| common.use_wheel(windows));
        self.sites.iter_mut().for_each(|site| site.run_ahead(windows));
    }

    /// Which heartbeats travel as sealed octets from now on. The run is the same. Where none does, no host keeps the keys
    /// of its links: a run that began so stays so.
    ///
    /// # Panics
    /// If beats are to be sealed whose keys were thrown away.
    pub fn set_wire(&mut self, wire: Wire) {
        let typed = !self.cma.common.wire.seals_some() && self.now > Time::ZERO;
        assert!(!typed || !wire.seals_some(), "no host has the keys of its links any more");
        self.each_common(|common| common.wire = wire);
    }

    /// Keeps nothing but what the machines keep in memory: rings, news and what was acknowledged cannot be looked at, and
    /// no relay and no CMA that was killed finds anything on its disk.
    pub fn remember_nothing(&mut self) {
        self.each_common(|common| common.remembers = false);
        self.sites.iter_mut().for_each(|site| site.disk.forgets = true);
        self.cma.disk.forgets = true;
    }

    pub(super) fn each_common(&mut self, mut each: impl FnMut(&mut Common)) {
        self.sites.iter_mut().for_each(|site| each(&mut site.common));
        each(&mut self.cma.common);
    }

    /// Changes what is between the sites. Nothing runs meanwhile.
    pub(super) fn change_wan(&mut self, change: impl FnOnce(&mut Wan)) {
        let mut wan = Wan::clone(&self.wan);
        change(&mut wan);
        self.wan = Arc::new(wan);
        for site in &mut self.sites {
            site.common.wan = Arc::clone(&self.wan);
            site.network.wan = Arc::clone(&self.wan);
        }
        self.cma.common.wan = Arc::clone(&self.wan);
    }

    /// Keeps a line for every datagram but beats, from now on.
    pub fn trace(&mut self) {
        self.log = Some(Vec::new());
        self.each_common(|common| common.log = Some(Vec::new()));
    }

    /// Lets everything happen that is due within `span`.
    pub fn run_for(&mut self, span: Duration) {
        self.run_to_event(span, u64::MAX);
    }

    /// The same, and stops after the event of that number; `true` if it was executed by then. A trace tells what it was.
    /// Events have numbers in the reference engine alone: it runs whatever is to stop at one.
    pub fn run_to_event(&mut self, span: Duration, last: u64) -> bool {
        let end = self.now + span;
        let lookahead = self.wan.lookahead();
        let many = self.engine != Engine::Reference && last == u64::MAX && lookahead > Duration::ZERO;
        let reached = if many {
            let Engine::Ring { threads } = self.engine else { return false };
            self.sites.iter_mut().for_each(|site| site.horizon(end));
            let mut shards: Vec<&mut dyn Shard> = vec![&mut self.cma];
            shards.extend(self.sites.iter_mut().map(|site| -> &mut dyn Shard { site }));
            crate::engine::run(shards, end, lookahead, threads.get());
            false
        } else {
            self.run_reference(end, last)
        };
        if !reached {
            self.now = end;
        }
        let now = self.now;
        self.each_common(|common| common.rest(now));
        self.gather_log();
        reached
    }

    /// One thread, and all events of all shards in the order of time and key.
    fn run_reference(&mut self, end: Time, last: u64) -> bool {
        let mut events = self.events();
        while events < last {
            let of_sites = self.sites.iter_mut().enumerate();
            let of_sites =
                of_sites.filter_map(|(number, site)| Some((site.next()?, ShardName::Site(number))));
            let of_cma = self.cma.next().map(|next| (next, ShardName::Cma));
            let first = of_sites.chain(of_cma).min_by_key(|(next, _)| *next);
            let Some(((at, _), name)) = first.filter(|((at, _), _)| *at <= end) else { return false };
            self.now = at;
            events += 1;
            let shard = self.shard(name);
            shard.common().names_next = (events == last).then_some(last);
            shard.step(end);
            self.exchange();
        }
        true
    }

    fn shard(&mut self, name: ShardName) -> &mut dyn Shard {
        match name {
            ShardName::Cma => &mut self.cma,
            ShardName::Site(site) => &mut self.sites[site],
        }
    }

    /// What shards sent to each other comes into their queues. For whoever changes something between two runs, too.
    pub(super) fn exchange(&mut self) {
        let mut crossing: Vec<Crossing> = std::mem::take(&mut self.cma.common.crossing);
        self.sites.iter_mut().for_each(|site| crossing.append(&mut site.common.crossing));
        for Crossing { to, event } in crossing {
            self.shard(to).common().receive(event);
        }
    }

    /// Brings the lines of all shards into one order.
    pub(super) fn gather_log(&mut self) {
        let Some(log) = &mut self.log else { return };
        let mut lines: Vec<(Time, String)> = Vec::new();
        let of_sites = self.sites.iter_mut().map(|site| &mut site.common);
        for common in of_sites.chain([&mut self.cma.common]) {
            lines.append(common.log.get_or_insert_default());
        }
        lines.sort_by_key(|(at, _)| *at);
        log.extend(lines.into_iter().map(|(at, line)| format!("{at:?} {line}")));
    }
}
