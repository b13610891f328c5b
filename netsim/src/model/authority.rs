//! Carrying for the CMA: its streams, its disk, the lines it lets go.

use std::collections::BTreeMap;
use std::time::Duration;

use prost::Message as _;
use ringmesh_cma_core::cma as authority;
use ringmesh_cma_core::cma::{Cma, CmaConfig, Identity};
use ringmesh_cma_core::documents::{Forgotten, ForgottenRelay, PageLine};
use ringmesh_cma_core::graph::MemoryGraph;
use ringmesh_cma_core::notifier::Holds;
use ringmesh_cma_core::relay::{RelayBeat, StreamId};
use ringmesh_proto::codec;
use ringmesh_proto::draws::Purpose;
use ringmesh_proto::machine::Machine as _;
use ringmesh_proto::mesh::MeshOrder;
use ringmesh_proto::news::{IncidentNews, News, RingNews};
use ringmesh_proto::pb::{self, from_authority as down, from_relay as up};
use ringmesh_proto::seal::Key;
use ringmesh_proto::time::{Time, WallClock};
use ringmesh_proto::wire::MeshKeys;
use ringmesh_topology::id::{Boot, IncidentId, Name};

use super::common::{Common, Shard, ShardName};
use super::disk::{Disk, Journal};
use super::fabric::Way;
use super::key::{Actor, Entity, Rank};
use super::load::Load;
use super::look::NewsTold;
use super::queue::{Due, Event, Thing};
use super::relays::RELAY;
use super::stream::{Body, Ends, Side, Watched};
use super::uplink::{Step, sound};
use super::world::wall_ms;

/// As long as relays wait.
const CLOSE_HOLD: Duration = Duration::from_secs(10);
/// From a line ordered to somebody who took it over.
const HAND_ON: Duration = Duration::from_millis(5);

/// The CMA: what its host keeps, and the process that may run on it; a shard of its own.
pub(super) struct Authority {
    pub(super) common: Common,
    actor: Actor,
    ends: Ends,
    pub(super) disk: Disk,
    runs: u32,
    pub(super) process: Option<Process>,
    /// What it reads waits; its deadlines are on time, whatever it has to do.
    pub(super) load: Load,
    /// What each site is called.
    names: Vec<Name>,
    pub(super) latest: BTreeMap<IncidentId, IncidentNews>,
    /// When each was told first.
    pub(super) told_at: BTreeMap<IncidentId, Time>,
    pub(super) rings: BTreeMap<(usize, u32), RingNews>,
    /// The run of each site's relay that introduced itself last.
    runs_heard: BTreeMap<usize, Boot>,
    /// The birth nonce of the outbox that each site's relay named last.
    births_heard: BTreeMap<usize, u64>,
    /// Every news that came to the CMA's host, in order.
    pub(super) told: Vec<NewsTold>,
    pub(super) pages: Vec<PageLine>,
}

/// A running CMA.
pub(super) struct Process {
    run: u32,
    pub(super) cma: Cma<MemoryGraph>,
    armed: Time,
    /// Turns on their way to the disk, each with what it orders afterwards.
    pub(super) journal: Journal<Vec<authority::Action>>,
}

impl Authority {
    pub(super) fn new(common: Common, names: Vec<Name>) -> Self {
        Self {
            common,
            actor: Actor::new(Entity::CMA),
            ends: Ends::new(Side::Cma),
            disk: Disk::default(),
            runs: 0,
            process: None,
            load: Load::default(),
            names,
            latest: BTreeMap::new(),
            told_at: BTreeMap::new(),
            rings: BTreeMap::new(),
            runs_heard: BTreeMap::new(),
            births_heard: BTreeMap::new(),
            told: Vec::new(),
            pages: Vec::new(),
        }
    }

    fn happen_here(&mut self, thing: Thing) {
        match thing {
            Thing::Syn { site, attempt } => self.answer_syn(site, attempt),
            Thing::CmaDeadline => self.cma_deadline(),
            Thing::CmaCommit { run } => self.cma_committed(run),
            Thing::HandedOn { run, page } => self.handed_on(run, page),
            Thing::Send { stream, number } => {
                self.ends.send(&mut self.common, &mut self.actor, stream, number);
            }
            Thing::Segment { stream, number, body } => self.take_segment(stream, number, body),
            Thing::Heard { stream, body } => self.read_late(stream, body),
            Thing::Reset { stream } => self.stream_over(stream),
            Thing::Watch { stream } => self.watch_stream(stream),
            // Of a site.
            _ => {}
        }
    }

    /// A kernel with a listener takes a connection, another says that there is none.
    fn answer_syn(&mut self, site: usize, attempt: u64) {
        if !self.common.wan.reaches_cma(site) {
            return;
        }
        let back = self.common.met_by_stream(site, Way::In, 0);
        let Some(late) = self.common.late_by(&mut self.actor, back) else { return };
        let delay = self.common.wan.delay_to_cma(site);
        // The rest of a round for TCP, one more for TLS.
        let (after, step) =
            if self.process.is_some() { (delay * 3, Step::Opened) } else { (delay, Step::Failed) };
        let stamp = self.actor.next();
        self.common.cross(ShardName::Site(site), stamp, after + late, Thing::Uplink { attempt, step });
    }

    fn take_segment(&mut self, stream: u64, number: u64, body: Body) {
        let site = usize::try_from(stream >> 32).unwrap_or(usize::MAX);
        if number == 0 && self.process.is_some() {
            self.ends.begin(&mut self.common, &mut self.actor, stream, site);
        }
        if !self.ends.take(stream, number, body) {
            let reaches = self.common.wan.reaches_cma(site);
            return self.ends.reset(&mut self.common, &mut self.actor, stream, site, reaches);
        }
        while let Some(body) = self.ends.read(self.common.now, stream) {
            // TCP keeps what waits.
            match self.load.queue(self.common.now) {
                None => self.read(stream, body),
                Some(when) => {
                    self.common.at(self.actor.next(), Rank::Arrival, when, Thing::Heard { stream, body });
                }
            }
        }
    }

    /// A CMA that has much to do comes to what was said before.
    fn read_late(&mut self, stream: u64, body: Body) {
        if self.ends.is_open(stream) {
            self.read(stream, body);
        }
    }

    /// A CMA that has time enough again comes to all that was said, in the order in which it came.
    pub(super) fn read_what_waits(&mut self) {
        let waiting = self.common.take_out(|thing| matches!(thing, Thing::Heard { .. }));
        waiting.into_iter().for_each(|thing| self.happen_here(thing));
    }

    fn read(&mut self, stream: u64, body: Body) {
        match body {
            Body::Message(_, octets) => self.cma_hears(stream, &octets),
            Body::Ping => self.ends.say(&mut self.common, &mut self.actor, stream, Body::Pong),
            Body::Pong => {}
            Body::Over => self.stream_over(stream),
        }
    }

    fn watch_stream(&mut self, stream: u64) {
        if self.ends.watch(&mut self.common, &mut self.actor, stream) == Watched::GivenUp {
            self.cma_lost_stream(stream);
        }
    }

    /// The other end is over: nothing can be said or heard here any more.
    fn stream_over(&mut self, stream: u64) {
        if self.ends.forget(stream) {
            self.cma_lost_stream(stream);
        }
    }

    pub(super) fn start_cma_now(&mut self) {
        if self.process.is_some() {
            return;
        }
        let now = self.common.now;
        let wall = WallClock { at: now, unix_ms: wall_ms(now) };
        self.runs += 1;
        let run = self.runs;
        let config = CmaConfig {
            installation: Name::new("sim").unwrap_or_else(|_| unreachable!("a sound name")),
            holds: Holds::default(),
            insecure: false,
            notifies: true,
            close_hold: CLOSE_HOLD,
            nodes_max: u64::MAX,
            fresh: Identity {
                epoch: run.into(),
                mesh_secret: Key([u8::try_from(run % 256).unwrap_or(0); 32]),
            },
        };
        let records = self.disk.records();
        let cma = sound(Cma::restore(config, wall, MemoryGraph::default(), records));
        self.process = Some(Process { run, cma, armed: Time::NEVER, journal: Journal::default() });
        self.common.note(|| "CMA: starts".into());
        self.cma_event(authority::Event::WallClock(wall));
    }

    /// The process is no more. What was being written may have been kept just now.
    pub(super) fn end_cma(&mut self) {
        let Some(mut process) = self.process.take() else { return };
        if self.common.draw(self.actor.next(), 2, Purpose::Start) == 0 {
            process.journal.commit(&mut self.disk);
        }
        self.load.end();
        self.common.note(|| "CMA: is killed".into());
        for stream in self.ends.open() {
            self.ends.close(&mut self.common, &mut self.actor, stream);
        }
    }

    pub(super) fn cma_deadline(&mut self) {
        let Some(process) = &mut self.process else { return };
        if process.armed <= self.common.now {
            process.armed = Time::NEVER;
            self.cma_event(authority::Event::DeadlineReached);
        }
    }

    pub(super) fn cma_event(&mut self, event: authority::Event) {
        let mut out = Vec::new();
        if let Some(process) = &mut self.process {
            process.cma.on_event(self.common.now, event, &mut out);
            self.cma_turned(out);
        }
    }

    /// An operator takes a host out of its site's roster.
    pub(super) fn forget(&mut self, site: usize, host: &Name) -> Forgotten {
        let mut out = Vec::new();
        let process = self.process.as_mut().unwrap_or_else(|| panic!("the CMA does not run"));
        let forgotten = sound(process.cma.forget(self.common.now, Some(&self.names[site]), host, &mut out));
        self.cma_turned(out);
        forgotten
    }

    /// An operator says that the relay of a site is gone for good.
    pub(super) fn forget_relay(&mut self, site: usize) -> ForgottenRelay {
        let mut out = Vec::new();
        let process = self.process.as_mut().unwrap_or_else(|| panic!("the CMA does not run"));
        let forgotten = process.cma.forget_relay(self.common.now, &self.names[site], RELAY, &mut out);
        let forgotten = sound(forgotten);
        self.cma_turned(out);
        forgotten
    }

    /// Carries out what was ordered, when what it follows from is kept.
    fn cma_turned(&mut self, out: Vec<authority::Action>) {
        let Some(process) = &mut self.process else { return };
        let due = process.cma.next_deadline();
        let rearmed = due != process.armed && due != Time::NEVER;
        process.armed = due;
        let (mut keeps, mut orders) = (Vec::new(), Vec::new());
        for action in out {
            match action {
                authority::Action::Keep(keep) => keeps.push(keep),
                order => orders.push(order),
            }
        }
        if let Some(orders) = process.journal.turn(keeps, orders) {
            orders.into_iter().for_each(|action| self.obey_cma(action));
        }
        if rearmed {
            self.common.at(self.actor.next(), Rank::Deadline, due, Thing::CmaDeadline);
        }
        self.commit_of_cma();
    }

    fn commit_of_cma(&mut self) {
        let Some(process) = &mut self.process else { return };
        let run = process.run;
        if process.journal.begin() {
            let stamp = self.actor.next();
            let when = self.common.now + self.common.commit_takes(stamp, self.disk.full);
            self.common.at(stamp, Rank::Deed, when, Thing::CmaCommit { run });
        }
    }

    pub(super) fn cma_committed(&mut self, run: u32) {
        let Some(process) = self.process.as_mut().filter(|process| process.run == run) else { return };
        let kept = process.journal.commit(&mut self.disk);
        kept.into_iter().flatten().for_each(|action| self.obey_cma(action));
        self.commit_of_cma();
    }

    pub(super) fn handed_on(&mut self, run: u32, page: u64) {
        if self.runs == run {
            self.cma_event(authority::Event::HandedOn { page });
        }
    }

    fn obey_cma(&mut self, action: authority::Action) {
        match action {
            // Kept apart before.
            authority::Action::Keep(_) => {}
            authority::Action::Welcome { stream, epoch, sequence } => {
                self.tell_relay(stream, down::Body::Welcome(pb::Welcome { epoch, sequence }));
            }
            authority::Action::Acknowledge { stream, sequence } => {
                self.tell_relay(stream, down::Body::Acknowledged(pb::Acknowledged { sequence }));
            }
            authority::Action::Mesh { stream, order } => self.tell_mesh(stream, &order),
            authority::Action::Compare { stream } => {
                self.tell_relay(stream, down::Body::Compare(pb::Compare {}));
            }
            authority::Action::CompareGroups { stream, groups } => {
                self.tell_relay(stream, down::Body::CompareGroups(codec::groups(&groups)));
            }
            authority::Action::Want { stream, keys } => {
                self.tell_relay(stream, down::Body::Wanted(codec::keys(&keys)));
            }
            authority::Action::Hangup { stream } => {
                self.common.note(|| format!("CMA: hangs up stream {}", stream.0));
                if self.ends.is_open(stream.0) {
                    self.ends.close(&mut self.common, &mut self.actor, stream.0);
                    self.cma_lost_stream(stream.0);
                }
            }
            authority::Action::Page { number, line } => {
                self.common.note(|| format!("CMA: {} {}: {}", line.severity, line.transition, line.text));
                self.pages.push(*line);
                let taken_over = Thing::HandedOn { run: self.runs, page: number };
                self.common.at(self.actor.next(), Rank::Deed, self.common.now + HAND_ON, taken_over);
            }
            authority::Action::ForgetHost { stream, host } => {
                self.tell_relay(stream, down::Body::Forget(host.to_string()));
            }
            authority::Action::Say(say) => self.common.note(|| format!("CMA: {say}")),
        }
    }

    /// The keys are the shell's business.
    fn tell_mesh(&mut self, stream: StreamId, order: &MeshOrder) {
        let Some(site) = self.ends.site(stream.0) else { return };
        let Some(process) = &self.process else { return };
        let keys = MeshKeys::new(process.cma.identity().mesh_secret);
        let name = &self.names[site];
        let order = codec::mesh_order(order, |link| keys.of_end(name, RELAY, link));
        self.tell_relay(stream, down::Body::Mesh(order));
    }

    fn tell_relay(&mut self, stream: StreamId, body: down::Body) {
        let purpose = match body {
            down::Body::Welcome(_) => "Welcome",
            down::Body::Acknowledged(_) => "Acknowledged",
            down::Body::Mesh(_) => "Mesh",
            down::Body::Compare(_) => "Compare",
            down::Body::CompareGroups(_) => "CompareGroups",
            down::Body::Wanted(_) => "Wanted",
            down::Body::Forget(_) => "Forget",
        };
        if self.ends.is_open(stream.0) {
            let message = pb::FromAuthority { body: Some(body) };
            let body = Body::Message(purpose, message.encode_to_vec());
            self.ends.say(&mut self.common, &mut self.actor, stream.0, body);
        }
    }

    /// The stream is over, whoever ended it.
    fn cma_lost_stream(&mut self, stream: u64) {
        self.cma_event(authority::Event::RelayGone { stream: StreamId(stream) });
    }

    /// The CMA reads what a relay said.
    fn cma_hears(&mut self, stream: u64, octets: &[u8]) {
        let heard = sound(pb::FromRelay::decode(octets));
        let Some(body) = heard.body else { return };
        let Some(site) = self.ends.site(stream) else { return };
        let stream = StreamId(stream);
        let event = match body {
            up::Body::Hello(hello) => {
                let hello = sound(codec::read_relay_hello(hello));
                self.births_heard.insert(site, hello.outbox);
                if self.runs_heard.insert(site, hello.run) != Some(hello.run) {
                    // Another run cuts its rings anew, and numbers them anew.
                    self.rings.retain(|(of, _), _| *of != site);
                }
                authority::Event::RelayConnected { stream, hello }
            }
            up::Body::News(item) => {
                let (sequence, news) = sound(codec::read_news_item(item));
                self.remember(site, sequence, &news);
                authority::Event::RelayNews { stream, sequence, news }
            }
            up::Body::Beat(beat) => authority::Event::RelayBeat { stream, beat: relay_beat(beat) },
            up::Body::Pulse(pb::Pulse { pending, picture }) => {
                authority::Event::RelayPulse { stream, pending, picture }
            }
            up::Body::Groups(digests) => {
                authority::Event::Groups { stream, groups: sound(codec::read_group_digests(&digests)) }
            }
            up::Body::Things(digests) => {
                let (sequence, groups) = sound(codec::read_thing_digests(&digests));
                authority::Event::Things { stream, sequence, groups }
            }
        };
        self.cma_event(event);
    }

    fn remember(&mut self, site: usize, sequence: u64, news: &News) {
        if !self.common.remembers && !matches!(news, News::Incident(_)) {
            return;
        }
        if let Some(birth) = self.births_heard.get(&site).filter(|_| self.common.remembers) {
            self.told.push(NewsTold { site, birth: *birth, sequence, news: news.clone() });
        }
        match news {
            News::Incident(incident) => {
                self.told_at.entry(incident.id).or_insert(self.common.now);
                self.latest.insert(incident.id, (**incident).clone());
            }
            News::Ring(ring) => {
                self.rings.insert((site, ring.id), ring.clone());
            }
            News::RingGone(ring) => {
                self.rings.remove(&(site, *ring));
            }
            News::Host(_) | News::HostGone(_) | News::Switch(_) | News::Peer(_) | News::Start(_) => {}
        }
    }
}

impl Shard for Authority {
    fn common(&mut self) -> &mut Common {
        &mut self.common
    }

    fn happen(&mut self, event: Event) {
        if let Due::Other(thing) = event.due {
            self.happen_here(*thing);
        }
    }
}

fn relay_beat(beat: pb::RelayBeat) -> RelayBeat {
    RelayBeat { pending: beat.pending, counters: beat.counters, warnings: Vec::new() }
}
