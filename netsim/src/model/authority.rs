//! Carrying for the CMA: its streams, its disk, the lines it lets go.

use std::time::Duration;

use prost::Message as _;
use ringmesh_cma_core::cma as authority;
use ringmesh_cma_core::cma::{Cma, CmaConfig, Identity};
use ringmesh_cma_core::documents::{Forgotten, ForgottenRelay};
use ringmesh_cma_core::graph::MemoryGraph;
use ringmesh_cma_core::notifier::Holds;
use ringmesh_cma_core::relay::{RelayBeat, StreamId};
use ringmesh_proto::codec;
use ringmesh_proto::draws::Purpose;
use ringmesh_proto::machine::Machine as _;
use ringmesh_proto::mesh::MeshOrder;
use ringmesh_proto::news::News;
use ringmesh_proto::pb::{self, from_authority as down, from_relay as up};
use ringmesh_proto::seal::Key;
use ringmesh_proto::time::{Time, WallClock};
use ringmesh_proto::wire::MeshKeys;
use ringmesh_topology::id::Name;

use super::disk::{Disk, Journal};
use super::look::NewsTold;
use super::queue::Due;
use super::relays::RELAY;
use super::stream::{Body, Side};
use super::uplink::sound;
use super::world::World;

/// As long as relays wait.
const CLOSE_HOLD: Duration = Duration::from_secs(10);
/// From a line ordered to somebody who took it over.
const HAND_ON: Duration = Duration::from_millis(5);
/// A disk that was full is tried again after this.
const TRY_AGAIN: Duration = Duration::from_secs(1);

/// The CMA: what its host keeps, and the process that may run on it.
#[derive(Default)]
pub(super) struct Authority {
    pub(super) disk: Disk,
    pub(super) runs: u32,
    pub(super) process: Option<Process>,
}

/// A running CMA.
pub(super) struct Process {
    run: u32,
    pub(super) cma: Cma<MemoryGraph>,
    armed: Time,
    /// Turns on their way to the disk, each with what it orders afterwards.
    pub(super) journal: Journal<Vec<authority::Action>>,
}

impl World {
    pub(super) fn start_cma_now(&mut self) {
        if self.cma.process.is_some() {
            return;
        }
        let wall = WallClock { at: self.now, unix_ms: self.wall_ms(self.now) };
        self.cma.runs += 1;
        let run = self.cma.runs;
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
        let records = self.cma.disk.records();
        let cma = sound(Cma::restore(config, wall, MemoryGraph::default(), records));
        self.cma.process = Some(Process { run, cma, armed: Time::NEVER, journal: Journal::default() });
        self.note(|| "CMA: starts".into());
        self.cma_event(authority::Event::WallClock(wall));
    }

    /// The process is no more. What was being written may have been kept just now.
    pub(super) fn end_cma(&mut self) {
        let Some(mut process) = self.cma.process.take() else { return };
        if self.draw(2, Purpose::Start) == 0 {
            process.journal.commit(&mut self.cma.disk);
        }
        self.note(|| "CMA: is killed".into());
        self.open_streams(Side::Cma).into_iter().for_each(|stream| self.close_stream(stream, Side::Cma));
    }

    pub(super) fn cma_deadline(&mut self) {
        let Some(process) = &mut self.cma.process else { return };
        if process.armed <= self.now {
            process.armed = Time::NEVER;
            self.cma_event(authority::Event::DeadlineReached);
        }
    }

    pub(super) fn cma_event(&mut self, event: authority::Event) {
        let mut out = Vec::new();
        if let Some(process) = &mut self.cma.process {
            process.cma.on_event(self.now, event, &mut out);
            self.cma_turned(out);
        }
    }

    /// An operator takes a host out of its site's roster.
    ///
    /// # Panics
    /// If the CMA does not run, or knows no such host.
    pub fn forget(&mut self, host: usize) -> Forgotten {
        let mut out = Vec::new();
        let name = self.hosts[host].name.clone();
        let site = &self.sites[self.hosts[host].site].name;
        let process = self.cma.process.as_mut().unwrap_or_else(|| panic!("the CMA does not run"));
        let forgotten = sound(process.cma.forget(self.now, Some(site), &name, &mut out));
        self.cma_turned(out);
        forgotten
    }

    /// An operator says that the relay of a site is gone for good.
    ///
    /// # Panics
    /// If the CMA does not run, or the relay is known to nobody, or speaks.
    pub fn forget_relay(&mut self, site: usize) -> ForgottenRelay {
        let mut out = Vec::new();
        let name = &self.sites[site].name;
        let process = self.cma.process.as_mut().unwrap_or_else(|| panic!("the CMA does not run"));
        let forgotten = sound(process.cma.forget_relay(self.now, name, RELAY, &mut out));
        self.cma_turned(out);
        forgotten
    }

    /// Carries out what was ordered, when what it follows from is kept.
    fn cma_turned(&mut self, out: Vec<authority::Action>) {
        let Some(process) = &mut self.cma.process else { return };
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
            self.at(due, Due::CmaDeadline);
        }
        self.commit_of_cma();
    }

    fn commit_of_cma(&mut self) {
        let Some(process) = &mut self.cma.process else { return };
        let run = process.run;
        if process.journal.begin() {
            let after = self.commit_takes(self.cma.disk.full);
            self.at(self.now + after, Due::CmaCommit { run });
        }
    }

    pub(super) fn cma_committed(&mut self, run: u32) {
        let Some(process) = self.cma.process.as_mut().filter(|process| process.run == run) else { return };
        let kept = process.journal.commit(&mut self.cma.disk);
        kept.into_iter().flatten().for_each(|action| self.obey_cma(action));
        self.commit_of_cma();
    }

    pub(super) fn handed_on(&mut self, run: u32, page: u64) {
        if self.cma.runs == run {
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
                self.note(|| format!("CMA: hangs up stream {}", stream.0));
                self.stream_broke(stream.0, Side::Cma);
            }
            authority::Action::Page { number, line } => {
                self.note(|| format!("CMA: {} {}: {}", line.severity, line.transition, line.text));
                self.pages.push(*line);
                self.at(self.now + HAND_ON, Due::HandedOn { run: self.cma.runs, page: number });
            }
            authority::Action::ForgetHost { stream, host } => {
                self.tell_relay(stream, down::Body::Forget(host.to_string()));
            }
            authority::Action::Say(say) => self.note(|| format!("CMA: {say}")),
        }
    }

    /// The keys are the shell's business.
    fn tell_mesh(&mut self, stream: StreamId, order: &MeshOrder) {
        let Some(site) = self.streams.get(&stream.0).map(|known| known.site) else { return };
        let Some(process) = &self.cma.process else { return };
        let keys = MeshKeys::new(process.cma.identity().mesh_secret);
        let name = &self.sites[site].name;
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
        if self.streams.get(&stream.0).is_some_and(|known| known.is_open(Side::Cma)) {
            let message = pb::FromAuthority { body: Some(body) };
            self.say(stream.0, Side::Cma, Body::Message(purpose, message.encode_to_vec()));
        }
    }

    /// The stream is over, whoever ended it.
    pub(super) fn cma_lost_stream(&mut self, stream: u64) {
        self.cma_event(authority::Event::RelayGone { stream: StreamId(stream) });
    }

    /// The CMA reads what a relay said.
    pub(super) fn cma_hears(&mut self, stream: u64, octets: &[u8]) {
        let heard = sound(pb::FromRelay::decode(octets));
        let Some(body) = heard.body else { return };
        let Some(site) = self.streams.get(&stream).map(|known| known.site) else { return };
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
        if let Some(birth) = self.births_heard.get(&site) {
            self.told.push(NewsTold { site, birth: *birth, sequence, news: news.clone() });
        }
        match news {
            News::Incident(incident) => {
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

    /// A commit takes one to ten milliseconds; one that fails is tried again after a second.
    pub(super) fn commit_takes(&mut self, fails: bool) -> Duration {
        if fails {
            return TRY_AGAIN;
        }
        Duration::from_micros(1_000 + self.draw(9_000, Purpose::Latency))
    }
}

fn relay_beat(beat: pb::RelayBeat) -> RelayBeat {
    RelayBeat { pending: beat.pending, counters: beat.counters, warnings: Vec::new() }
}
