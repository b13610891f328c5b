//! Carrying for the relays: their datagrams, their disks, their news.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use ringmesh_proto::codec;
use ringmesh_proto::draws::Purpose;
use ringmesh_proto::keep::Keep;
use ringmesh_proto::machine::Machine as _;
use ringmesh_proto::message::{Beat, BeatHeard, RELAY_PORT, ToProbe, purpose_to_probe, purpose_to_relay};
use ringmesh_proto::news::RelayHello;
use ringmesh_proto::pb::from_relay as up;
use ringmesh_proto::time::{Time, WallClock};
use ringmesh_proto::wire::{FromProbe, RelayWire};
use ringmesh_relay_core as relay;
use ringmesh_topology::id::RelayId;

use super::disk::Journal;
use super::fabric::Packet;
use super::host::{Datagram, Payload};
use super::key::{Rank, Stamp};
use super::load::Wait;
use super::network::{Place, relay_address};
use super::queue::Thing;
use super::site::{Figures, Process, Site, Told};
use super::uplink::{Uplink, sound};
use super::world::wall_ms;

/// Every site has one.
pub(super) const RELAY: RelayId = RelayId(1);
/// An ICMP echo.
const ECHO_OCTETS: usize = 64;

impl Site {
    /// What it says first.
    pub(super) fn relay_hello(&self) -> Option<RelayHello> {
        let relay = &self.process.as_ref()?.relay;
        Some(RelayHello {
            site: self.name.clone(),
            relay: RELAY,
            term: relay.term(),
            outbox: relay.outbox().birth(),
            insecure: false,
            version: "sim".into(),
            run: self.run(),
            host_boot: self.host_boot(),
            mesh_address: Some(SocketAddr::new(relay_address(self.number), RELAY_PORT)),
        })
    }

    pub(super) fn start_relay_after(&mut self, after: Duration) {
        let stamp = self.actor.next();
        self.common.at(stamp, Rank::Deed, self.common.now + after, Thing::StartRelay);
    }

    pub(super) fn start_relay_now(&mut self) {
        if self.process.is_some() || !self.network.wan.core_power[self.number] {
            return;
        }
        let now = self.common.now;
        let wall = WallClock { at: now, unix_ms: wall_ms(now) };
        self.runs += 1;
        self.term += 1;
        let config = relay::Config {
            site: self.name.clone(),
            relay: RELAY,
            address: SocketAddr::new(relay_address(self.number), RELAY_PORT),
            term: self.term,
            outbox: self.nonce(),
            timing: self.timing,
            classes: Vec::new(),
        };
        let relay = sound(relay::Relay::restore(config, wall, self.disk.records()));
        self.process = Some(Process {
            run: self.runs,
            kept: Told::of(&relay),
            relay,
            wire: RelayWire::new(RELAY, self.run(), self.secret.clone()),
            armed: Time::NEVER,
            journal: Journal::default(),
            uplink: Uplink::new(),
            mesh: Vec::new(),
            figures: Figures::default(),
        });
        self.note_of(|| "starts".into());
        self.relay_event(relay::Event::WallClock(wall));
        self.dial(Duration::ZERO);
    }

    /// The process is no more. What was being written may have been kept just now.
    pub(super) fn end_relay(&mut self) {
        let Some(mut process) = self.process.take() else { return };
        self.load.end();
        if self.common.draw(self.actor.next(), 2, Purpose::Start) == 0 {
            process.journal.commit(&mut self.disk);
        }
        self.note_of(|| "is killed".into());
    }

    /// Its kernel ends the streams of a process that is no more.
    pub(super) fn end_streams_of_relay(&mut self) {
        for stream in self.ends.open() {
            self.ends.close(&mut self.common, &mut self.actor, stream);
        }
    }

    pub(super) fn relay_deadline(&mut self) {
        let now = self.common.now;
        let Some(process) = &mut self.process else { return };
        if process.armed <= now {
            process.armed = Time::NEVER;
            self.relay_event(relay::Event::DeadlineReached);
        }
    }

    pub(super) fn relay_event(&mut self, event: relay::Event) {
        let mut out = Vec::new();
        let Some(process) = &mut self.process else { return };
        process.relay.on_event(self.common.now, event, &mut out);
        let due = process.relay.next_deadline();
        let rearmed = due != process.armed && due != Time::NEVER;
        process.armed = due;
        if rearmed {
            self.common.at(self.actor.next(), Rank::Deadline, due, Thing::RelayDeadline);
        }
        let mut keeps = Vec::new();
        for action in out {
            self.obey_relay(action, &mut keeps);
        }
        let Some(process) = &mut self.process else { return };
        let relay = &process.relay;
        process.wire.keep_links(|link| relay.holds(link));
        let told = Told::of(relay);
        let kept = process.journal.turn(keeps, told);
        // A relay that cannot keep its news tells them all the same.
        if let Some(kept) = kept.or(self.disk.full.then_some(told)) {
            self.relay_kept(kept);
        }
        self.commit_of_relay();
    }

    fn commit_of_relay(&mut self) {
        let Some(process) = &mut self.process else { return };
        let run = process.run;
        if process.journal.begin() {
            let stamp = self.actor.next();
            let when = self.common.now + self.common.commit_takes(stamp, self.disk.full);
            self.common.at(stamp, Rank::Deed, when, Thing::RelayCommit { run });
        }
    }

    pub(super) fn relay_committed(&mut self, run: u32) {
        let Some(process) = self.process.as_mut().filter(|process| process.run == run) else { return };
        let kept = match process.journal.commit(&mut self.disk).pop() {
            None if self.disk.full => Some(Told::of(&process.relay)),
            kept => kept,
        };
        if let Some(kept) = kept {
            self.relay_kept(kept);
        }
        self.commit_of_relay();
    }

    fn relay_kept(&mut self, kept: Told) {
        let Some(process) = &mut self.process else { return };
        if kept != process.kept {
            process.kept = kept;
            self.stream_news();
        }
    }

    fn obey_relay(&mut self, action: relay::Action, keeps: &mut Vec<Keep>) {
        let Some(process) = &mut self.process else { return };
        let mut octets = Vec::new();
        match action {
            relay::Action::Hello { to, sender, knock, hello } => {
                process.wire.seal_hello(self.common.now, to, sender, knock, hello, &mut octets);
                self.send_from_relay(to, octets, "Hello");
            }
            relay::Action::Send { to, probe, message } => {
                let sealed = process.wire.seal(probe, &message, &mut octets);
                assert!(sealed, "{message:?} could not be sealed");
                self.note_order(to, &message);
                self.send_from_relay(to, octets, purpose_to_probe(&message));
            }
            relay::Action::Beat { beat, to } => {
                process.figures.sent("Beat");
                let seals = self.common.wire.seals(beat.link.0, beat.sequence);
                let sealed = seals.then(|| process.wire.seal_beat(&beat)).flatten();
                if sealed.is_some() == seals {
                    let from = SocketAddr::new(relay_address(self.number), RELAY_PORT);
                    self.send_beat(Place::Core(self.number), [from, to], beat, sealed);
                }
            }
            relay::Action::MeshBeat { beat, to } => {
                let Some(octets) = process.wire.seal_mesh_beat(&beat) else { return };
                process.figures.sent("MeshBeat");
                let payload = Payload::SealedBeat { mesh: true, beat, octets, flying: None };
                let from = SocketAddr::new(relay_address(self.number), RELAY_PORT);
                self.send(Place::Core(self.number), Datagram { from, to, payload }, "MeshBeat");
            }
            relay::Action::Keep(keep) => keeps.push(keep),
            relay::Action::TakeLink(order) => process.wire.take_link(&order),
            relay::Action::Echo { to } => self.echo(to),
            // Told when what it follows from is kept.
            relay::Action::NewsReady => {}
            relay::Action::AskAuthority => self.ask_cma(),
            relay::Action::TellGroups(digests) => {
                let digests = digests.iter().map(|(group, digest)| (group, *digest));
                self.answer_cma(up::Body::Groups(codec::group_digests(digests)));
            }
            relay::Action::TellThings { sequence, groups } => {
                self.answer_cma(up::Body::Things(codec::thing_digests(sequence, &groups)));
            }
            relay::Action::Forget(probe) => process.wire.forget(probe),
            relay::Action::Say(note) => self.note_of(|| format!("{note:?}")),
        }
    }

    fn note_order(&mut self, to: SocketAddr, message: &ToProbe) {
        let ToProbe::Assignment(order) = message else { return };
        let links = || order.rings.iter().flat_map(|ring| &ring.links).map(|link| link.link.0 & 0xff_ffff);
        self.note_of(|| format!("{:?} to {to}: links {:?}", order.generation, links().collect::<Vec<u32>>()));
    }

    fn send_from_relay(&mut self, to: SocketAddr, octets: Vec<u8>, purpose: &'static str) {
        if let Some(process) = &mut self.process {
            process.figures.sent(purpose);
        }
        let from = SocketAddr::new(relay_address(self.number), RELAY_PORT);
        let datagram = Datagram { from, to, payload: Payload::Message(octets) };
        self.send(Place::Core(self.number), datagram, purpose);
    }

    fn echo(&mut self, to: IpAddr) {
        self.common.account.count("Echo", ECHO_OCTETS);
        self.common.sent += 1;
        match self.echo_answered(to) {
            Some((stamp, after)) => {
                self.common.at(stamp, Rank::Arrival, self.common.now + after, Thing::Echo { from: to });
            }
            None => self.common.lost += 1,
        }
    }

    /// How long an echo takes there and back, and whose deed that is; `None` if no answer comes.
    fn echo_answered(&mut self, to: IpAddr) -> Option<(Stamp, Duration)> {
        let Some(place @ Place::Leg { host, leg }) = self.network.owner(to) else { return None };
        let (core, packet) = (Place::Core(self.number), Packet { octets: ECHO_OCTETS, port: 0 });
        let asked = self.actor.next();
        let there = self.fate(asked, core, place, packet).filter(|_| self.network.hears(host, leg))?;
        // The kernel answers: that is no deed of the host's, and its key is of the question.
        let stamp = self.actor.next();
        let back = self.fate(stamp, place, core, packet)?;
        Some((stamp, there + back))
    }

    /// A datagram comes to the relay's socket: it is read when all before it are done with.
    pub(super) fn wait_for_relay(&mut self, datagram: Datagram) {
        let now = self.common.now;
        match self.load.take(now) {
            Wait::None => self.open_at_relay(now, datagram),
            Wait::Until(when) => {
                let stamp = self.actor.next();
                let run = self.runs;
                self.common.at(stamp, Rank::Arrival, when, Thing::Read { run, came: now, datagram });
            }
            Wait::Full => {}
        }
    }

    /// It is read. Its kernel knows when it came.
    pub(super) fn open_at_relay(&mut self, came: Time, datagram: Datagram) {
        let (at, now) = (datagram.from, self.common.now);
        let Some(process) = &mut self.process else { return };
        let (mut octets, meant) = match datagram.payload {
            Payload::Message(octets) => (octets, None),
            Payload::SealedBeat { mesh, beat, octets, .. } => (octets.to_vec(), Some((mesh, beat))),
            Payload::Beat(beat) => {
                if process.relay.holds(beat.link) {
                    self.hear_beat_at_relay(came, beat);
                } else {
                    process.wire.counters.martian += 1;
                }
                return;
            }
        };
        let opened = process.wire.open(now, at, &mut octets);
        if let Some((false, beat)) = meant {
            let (heard, ours) = (opened == Ok(FromProbe::Beat(beat)), process.relay.holds(beat.link));
            let twice = self.network.had_a_double([datagram.from.ip(), datagram.to.ip()]);
            assert!(twice || heard == ours, "{beat:?} was meant and {opened:?} was opened, held {ours}");
        }
        let Ok(opened) = opened else { return };
        let (purpose, event) = match opened {
            FromProbe::Beat(beat) => return self.hear_beat_at_relay(came, beat),
            FromProbe::MeshBeat(beat) => {
                assert!(meant == Some((true, beat)), "{meant:?} was meant and {beat:?} was opened");
                let heard = BeatHeard { beat, hops: Some(3), arrived: came };
                ("MeshBeat", relay::Event::MeshBeat(heard))
            }
            FromProbe::Knock { from, knock } => ("Knock", relay::Event::Knock { from, at, knock }),
            FromProbe::Stranger { from } => ("Stranger", relay::Event::Stranger { from, at }),
            FromProbe::Message { from, message } => {
                (purpose_to_relay(&message), relay::Event::Control { from, at, message })
            }
        };
        process.figures.heard(purpose);
        self.relay_event(event);
    }

    fn hear_beat_at_relay(&mut self, came: Time, beat: Beat) {
        let Some(process) = &mut self.process else { return };
        process.figures.heard("Beat");
        let heard = BeatHeard { beat, hops: Some(1), arrived: came };
        self.relay_event(relay::Event::Beat(heard));
    }
}
