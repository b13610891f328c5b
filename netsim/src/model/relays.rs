//! Carrying for the relays: their datagrams, their disks, their news.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use ringmesh_proto::codec;
use ringmesh_proto::draws::Purpose;
use ringmesh_proto::keep::Keep;
use ringmesh_proto::machine::Machine as _;
use ringmesh_proto::message::{BeatHeard, RELAY_PORT, ToProbe, purpose_to_probe, purpose_to_relay};
use ringmesh_proto::news::RelayHello;
use ringmesh_proto::pb::from_relay as up;
use ringmesh_proto::time::{Time, WallClock};
use ringmesh_proto::wire::{FromProbe, RelayWire};
use ringmesh_relay_core as relay;
use ringmesh_topology::id::RelayId;

use super::disk::Journal;
use super::host::Datagram;
use super::network::{Place, relay_address};
use super::queue::Due;
use super::site::{Figures, Process, Told};
use super::stream::Side;
use super::uplink::{Uplink, sound};
use super::world::{LATENCY_MIN, World};

/// Every site has one.
pub(super) const RELAY: RelayId = RelayId(1);

impl World {
    /// What a relay is called in a trace.
    pub(super) fn relay_name(&self, site: usize) -> String {
        if self.sites.len() == 1 { "relay".into() } else { format!("{}/r{}", self.sites[site].name, RELAY.0) }
    }

    /// What it says first.
    pub(super) fn relay_hello(&self, site: usize) -> Option<RelayHello> {
        let known = &self.sites[site];
        let relay = &known.process.as_ref()?.relay;
        Some(RelayHello {
            site: known.name.clone(),
            relay: RELAY,
            term: relay.term(),
            outbox: relay.outbox().birth(),
            insecure: false,
            version: "sim".into(),
            run: known.run(),
            host_boot: known.host_boot(),
            mesh_address: Some(SocketAddr::new(relay_address(site), RELAY_PORT)),
        })
    }

    pub(super) fn start_relay_now(&mut self, site: usize) {
        if self.sites[site].process.is_some() || !self.network.core_power[site] {
            return;
        }
        let wall = WallClock { at: self.now, unix_ms: self.wall_ms(self.now) };
        let known = &mut self.sites[site];
        known.runs += 1;
        known.term += 1;
        let config = relay::Config {
            site: known.name.clone(),
            relay: RELAY,
            address: SocketAddr::new(relay_address(site), RELAY_PORT),
            term: known.term,
            outbox: known.nonce(),
            timing: self.plan.timing,
            classes: Vec::new(),
        };
        let relay = sound(relay::Relay::restore(config, wall, known.disk.records()));
        known.process = Some(Process {
            run: known.runs,
            kept: Told::of(&relay),
            relay,
            wire: RelayWire::new(RELAY, known.run(), known.secret.clone()),
            armed: Time::NEVER,
            journal: Journal::default(),
            uplink: Uplink::new(),
            figures: Figures::default(),
        });
        self.note_of(site, || "starts".into());
        self.relay_event(site, relay::Event::WallClock(wall));
        self.dial(site, Duration::ZERO);
    }

    /// The process is no more. What was being written may have been kept just now.
    pub(super) fn end_relay(&mut self, site: usize) {
        let Some(mut process) = self.sites[site].process.take() else { return };
        if self.draw(2, Purpose::Start) == 0 {
            process.journal.commit(&mut self.sites[site].disk);
        }
        self.note_of(site, || "is killed".into());
    }

    /// Its kernel ends the streams of a process that is no more.
    pub(super) fn end_streams_of_relay(&mut self, site: usize) {
        for stream in self.open_streams(Side::Relay) {
            if self.streams.get(&stream).is_some_and(|known| known.site == site) {
                self.close_stream(stream, Side::Relay);
            }
        }
    }

    pub(super) fn relay_deadline(&mut self, site: usize) {
        let Some(process) = &mut self.sites[site].process else { return };
        if process.armed <= self.now {
            process.armed = Time::NEVER;
            self.relay_event(site, relay::Event::DeadlineReached);
        }
    }

    pub(super) fn relay_event(&mut self, site: usize, event: relay::Event) {
        let mut out = Vec::new();
        let Some(process) = &mut self.sites[site].process else { return };
        process.relay.on_event(self.now, event, &mut out);
        let due = process.relay.next_deadline();
        let rearmed = due != process.armed && due != Time::NEVER;
        process.armed = due;
        if rearmed {
            self.at(due, Due::RelayDeadline { site });
        }
        let mut keeps = Vec::new();
        for action in out {
            self.obey_relay(site, action, &mut keeps);
        }
        let Some(process) = &mut self.sites[site].process else { return };
        let relay = &process.relay;
        process.wire.keep_links(|link| relay.holds(link));
        let told = Told::of(relay);
        let kept = process.journal.turn(keeps, told);
        // A relay that cannot keep its news tells them all the same.
        if let Some(kept) = kept.or(self.sites[site].disk.full.then_some(told)) {
            self.relay_kept(site, kept);
        }
        self.commit_of_relay(site);
    }

    fn commit_of_relay(&mut self, site: usize) {
        let Some(process) = &mut self.sites[site].process else { return };
        let run = process.run;
        if process.journal.begin() {
            let after = self.commit_takes(self.sites[site].disk.full);
            self.at(self.now + after, Due::RelayCommit { site, run });
        }
    }

    pub(super) fn relay_committed(&mut self, site: usize, run: u32) {
        let known = &mut self.sites[site];
        let Some(process) = known.process.as_mut().filter(|process| process.run == run) else { return };
        let kept = match process.journal.commit(&mut known.disk).pop() {
            None if known.disk.full => Some(Told::of(&process.relay)),
            kept => kept,
        };
        if let Some(kept) = kept {
            self.relay_kept(site, kept);
        }
        self.commit_of_relay(site);
    }

    fn relay_kept(&mut self, site: usize, kept: Told) {
        let Some(process) = &mut self.sites[site].process else { return };
        if kept != process.kept {
            process.kept = kept;
            self.stream_news(site);
        }
    }

    fn obey_relay(&mut self, site: usize, action: relay::Action, keeps: &mut Vec<Keep>) {
        let Some(process) = &mut self.sites[site].process else { return };
        let mut octets = Vec::new();
        match action {
            relay::Action::Hello { to, sender, knock, hello } => {
                process.wire.seal_hello(self.now, to, sender, knock, hello, &mut octets);
                self.send_from_relay(site, to, octets, "Hello");
            }
            relay::Action::Send { to, probe, message } => {
                let sealed = process.wire.seal(probe, &message, &mut octets);
                assert!(sealed, "{message:?} could not be sealed");
                self.note_order(site, to, &message);
                self.send_from_relay(site, to, octets, purpose_to_probe(&message));
            }
            relay::Action::Beat { beat, to } => {
                if let Some(octets) = process.wire.seal_beat(&beat) {
                    self.send_from_relay(site, to, octets.to_vec(), "Beat");
                }
            }
            relay::Action::MeshBeat { beat, to } => {
                if let Some(octets) = process.wire.seal_mesh_beat(&beat) {
                    self.send_from_relay(site, to, octets.to_vec(), "MeshBeat");
                }
            }
            relay::Action::Keep(keep) => keeps.push(keep),
            relay::Action::TakeLink(order) => process.wire.take_link(&order),
            relay::Action::Echo { to } => self.echo(site, to),
            // Told when what it follows from is kept.
            relay::Action::NewsReady => {}
            relay::Action::AskAuthority => self.ask_cma(site),
            relay::Action::TellGroups(digests) => {
                let digests = digests.iter().map(|(group, digest)| (group, *digest));
                self.answer_cma(site, up::Body::Groups(codec::group_digests(digests)));
            }
            relay::Action::TellThings { sequence, groups } => {
                self.answer_cma(site, up::Body::Things(codec::thing_digests(sequence, &groups)));
            }
            relay::Action::Forget(probe) => process.wire.forget(probe),
            relay::Action::Say(note) => self.note_of(site, || format!("{note:?}")),
        }
    }

    fn note_order(&mut self, site: usize, to: SocketAddr, message: &ToProbe) {
        let ToProbe::Assignment(order) = message else { return };
        let links = order.rings.iter().flat_map(|ring| &ring.links).map(|link| link.link.0 & 0xff_ffff);
        let links: Vec<u32> = links.collect();
        self.note_of(site, || format!("{:?} to {to}: links {links:?}", order.generation));
    }

    fn send_from_relay(&mut self, site: usize, to: SocketAddr, octets: Vec<u8>, purpose: &'static str) {
        if let Some(process) = &mut self.sites[site].process {
            process.figures.sent(purpose);
        }
        let from = SocketAddr::new(relay_address(site), RELAY_PORT);
        self.send(Place::Core(site), Datagram { from, to, octets }, purpose);
    }

    fn echo(&mut self, site: usize, to: IpAddr) {
        self.account.count("Echo", 64);
        let Some(place @ Place::Leg { host, .. }) = self.network.owner(to) else { return };
        if self.network.power[host] && self.network.reaches(Place::Core(site), place) {
            self.at(self.now + LATENCY_MIN * 2, Due::Echo { site, from: to });
        }
    }

    pub(super) fn open_at_relay(&mut self, site: usize, mut datagram: Datagram) {
        let at = datagram.from;
        let Some(process) = &mut self.sites[site].process else { return };
        let Ok(opened) = process.wire.open(self.now, at, &mut datagram.octets) else { return };
        let (purpose, event) = match opened {
            FromProbe::Beat(beat) => {
                let heard = BeatHeard { beat, hops: Some(1), arrived: self.now };
                ("Beat", relay::Event::Beat(heard))
            }
            FromProbe::MeshBeat(beat) => {
                let heard = BeatHeard { beat, hops: Some(3), arrived: self.now };
                ("MeshBeat", relay::Event::MeshBeat(heard))
            }
            FromProbe::Knock { from, knock } => ("Knock", relay::Event::Knock { from, at, knock }),
            FromProbe::Stranger { from } => ("Stranger", relay::Event::Stranger { from, at }),
            FromProbe::Message { from, message } => {
                (purpose_to_relay(&message), relay::Event::Control { from, at, message })
            }
        };
        process.figures.heard(purpose);
        self.relay_event(site, event);
    }
}
