//! A probe in virtual time.

mod attaching;
mod beating;
mod laws;
mod ring;
mod talking;

use core::net::SocketAddr;
use std::sync::Arc;

use ringmesh_proto::machine::Machine;
use ringmesh_proto::message::{
    Announce, Assignment, Beat, BeatHeard, Generation, Hello, LinkId, LinkOrder, Report, RingId, RingPlace,
    ToProbe, ToRelay,
};
use ringmesh_proto::time::{Duration, Time};
use ringmesh_topology::id::{Boot, MacAddress, Name, ProbeId, RelayId};

use crate::{Action, Config, Event, Note, PortFacts, Probe, State};

pub(crate) const RELAY: &str = "10.0.9.1:1990";
pub(crate) const STANDBY: &str = "10.0.9.2:1990";
/// When a probe that joined is ready for its first test step, in milliseconds.
pub(crate) const JOINED: u64 = 2_000;

pub(crate) fn at(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

pub(crate) fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

pub(crate) fn config(relays: &[&str]) -> Config {
    Config {
        name: Name::new("h1").unwrap(),
        probe: ProbeId([0x77; 16]),
        relays: relays.iter().map(|relay| at(relay)).collect(),
        host_boot: Boot([3; 16]),
        seed: 1,
        cache: Vec::new(),
    }
}

/// A port of an active-backup bond: all of them have the address of the second port.
fn bond_leg(ifindex: u8, active: bool) -> PortFacts {
    PortFacts {
        address: port(2).address,
        bond: Some(crate::BondFacts {
            ifname: "bond0".into(),
            mode: "active-backup".into(),
            active,
            partner: None,
        }),
        ..port(ifindex)
    }
}

/// A port with address 10.0.<ifindex>.5/24.
pub(crate) fn port(ifindex: u8) -> PortFacts {
    PortFacts {
        ifindex: u32::from(ifindex),
        ifname: format!("eth{ifindex}").into(),
        mac: MacAddress([2, 0, 0, 0, 0, ifindex]),
        carrier: true,
        driver: "".into(),
        address: Some(([10, 0, ifindex, 5].into(), 24)),
        gateway: MacAddress::default(),
        bond: None,
    }
}

/// A link over port 2 with a neighbour 10.0.2.<link>.
pub(crate) fn link(id: u32) -> LinkOrder {
    LinkOrder {
        link: LinkId(id),
        counter: id.wrapping_add(1_000),
        peer: ProbeId([id as u8; 16]),
        peer_address: SocketAddr::new([10, 0, 2, id as u8].into(), 1984),
        via: 2,
        lanes: 1,
        report: true,
    }
}

pub(crate) fn order(counter: u32, links: &[LinkOrder]) -> Assignment {
    let rings = vec![RingPlace { ring: RingId(1), level: 0, links: links.to_vec() }];
    let knows = Some(Report(u32::MAX));
    Assignment { generation: Generation { term: 1, counter }, relay: RelayId(1), knows, rings }
}

pub(crate) fn hello(wait_ms: u64) -> ToProbe {
    ToProbe::Hello(Hello { relay: RelayId(1), term: 1, wait: ms(wait_ms), answers: true })
}

/// What a relay says that has no session with us.
pub(crate) fn stranger() -> ToProbe {
    ToProbe::Hello(Hello { relay: RelayId(1), term: 1, wait: ms(0), answers: false })
}

/// One probe, its clock, and all it ordered.
pub(crate) struct Bench {
    pub(crate) probe: Probe,
    pub(crate) now: u64,
    pub(crate) log: Vec<(u64, Action)>,
    sequence: u32,
    /// Of the log, how much has been answered.
    noted: usize,
}

impl Bench {
    pub(crate) fn new(config: Config) -> Self {
        Self {
            probe: Probe::new(Arc::new(config), Time::ZERO),
            now: 0,
            log: Vec::new(),
            sequence: 0,
            noted: 0,
        }
    }

    /// Knows its ports, has said nothing.
    pub(crate) fn started(config: Config, ports: &[PortFacts]) -> Self {
        let mut bench = Self::new(config);
        bench.event(Event::Ports { ports, own: &[] });
        bench
    }

    /// In the ring, at [`JOINED`], with nothing in the log. Its neighbours have been heard three times each.
    pub(crate) fn joined(config: Config, ports: &[PortFacts], links: &[LinkOrder]) -> Self {
        let mut bench = Self::started(config, ports);
        bench.run_to(1_000);
        bench.relay(hello(0));
        bench.relay(ToProbe::Assignment(Box::new(order(1, links))));
        for _ in 0..3 {
            bench.hear_all(links);
        }
        bench.run_to(JOINED);
        bench.hear_all(links);
        assert_eq!(bench.state(), State::Linked);
        bench.clear();
        bench
    }

    pub(crate) fn event(&mut self, event: Event<'_>) {
        let now = Time::from_millis(self.now);
        let mut out = Vec::new();
        self.probe.on_event(now, event, &mut out);
        self.log.extend(out.into_iter().map(|action| (self.now, action)));
    }

    /// Lets the deadlines up to then come, on time as far as milliseconds go.
    pub(crate) fn run_to(&mut self, until: u64) {
        loop {
            let deadline = self.probe.next_deadline();
            let due = deadline.nanos().div_ceil(1_000_000).max(self.now);
            if due > until {
                break;
            }
            self.now = due;
            self.event(Event::DeadlineReached);
        }
        self.now = until;
    }

    /// As [`Bench::run_to`], with beats of these links heard every second in between.
    pub(crate) fn run_healthy_to(&mut self, until: u64, links: &[LinkOrder]) {
        while self.now + 1_000 <= until {
            self.run_to(self.now + 1_000);
            self.hear_all(links);
        }
        self.run_to(until);
    }

    /// As [`Bench::run_to`], with every report noted within ten milliseconds.
    pub(crate) fn run_noting_to(&mut self, until: u64) {
        while self.now < until {
            self.run_to((self.now + 10).min(until));
            self.note_all();
        }
    }

    pub(crate) fn note_all(&mut self) {
        let report = |(_, action): &(u64, Action)| match action {
            Action::Send { message, .. } => report_of(message),
            Action::Beat { .. } | Action::Remember(_) | Action::Exit | Action::Say(_) => None,
        };
        let reports: Vec<_> = self.log[self.noted.min(self.log.len())..].iter().filter_map(report).collect();
        self.noted = self.log.len();
        reports.into_iter().for_each(|report| self.relay(ToProbe::Noted(report)));
    }

    /// Sleeps: nothing is delivered before then.
    pub(crate) fn sleep_to(&mut self, until: u64) {
        self.now = until;
    }

    pub(crate) fn relay(&mut self, message: ToProbe) {
        self.relay_at(RELAY, message);
    }

    pub(crate) fn relay_at(&mut self, from: &str, message: ToProbe) {
        self.event(Event::Control { from: at(from), via: 0, message });
    }

    pub(crate) fn hear(&mut self, link: &LinkOrder) {
        self.sequence += 1;
        let beat = Beat { link: link.link, lane: 0, heard_you: true, sequence: self.sequence, hint: 0 };
        let arrived = Time::from_millis(self.now);
        self.event(Event::Beat(BeatHeard { beat, hops: Some(0), arrived }));
    }

    pub(crate) fn hear_all(&mut self, links: &[LinkOrder]) {
        let before = self.sequence;
        for link in links {
            self.sequence = before;
            self.hear(link);
        }
    }

    pub(crate) fn state(&self) -> State {
        self.probe.state(Time::from_millis(self.now))
    }

    /// All messages to relays since the log was taken last: when, to whom, by which port, what.
    pub(crate) fn said(&mut self) -> Vec<(u64, SocketAddr, u32, ToRelay)> {
        let said = |(at, action)| match action {
            Action::Send { to, via, message } => Some((at, to, via, message)),
            Action::Beat { .. } | Action::Remember(_) | Action::Exit | Action::Say(_) => None,
        };
        self.noted = 0;
        core::mem::take(&mut self.log).into_iter().filter_map(said).collect()
    }

    pub(crate) fn clear(&mut self) {
        self.log.clear();
        self.noted = 0;
    }

    /// The kinds of messages to relays since the log was taken last.
    pub(crate) fn kinds(&mut self) -> Vec<(u64, &'static str)> {
        self.said().iter().map(|(at, _, _, message)| (*at, kind(message))).collect()
    }

    /// When beats left, and on which link.
    pub(crate) fn beats(&self) -> Vec<(u64, Beat)> {
        let beat = |(at, action): &(u64, Action)| match action {
            Action::Beat { beat, .. } => Some((*at, *beat)),
            Action::Send { .. } | Action::Remember(_) | Action::Exit | Action::Say(_) => None,
        };
        self.log.iter().filter_map(beat).collect()
    }

    pub(crate) fn exits(&self) -> Vec<u64> {
        self.log.iter().filter(|(_, action)| *action == Action::Exit).map(|(at, _)| *at).collect()
    }

    pub(crate) fn notes(&self) -> Vec<Note> {
        let note = |(_, action): &(u64, Action)| match action {
            Action::Say(note) => Some(note.clone()),
            Action::Beat { .. } | Action::Send { .. } | Action::Remember(_) | Action::Exit => None,
        };
        self.log.iter().filter_map(note).collect()
    }
}

/// The name of a message; a knock apart from an announcement.
pub(crate) fn kind(message: &ToRelay) -> &'static str {
    match message {
        ToRelay::Knock => "Knock",
        other => ringmesh_proto::message::purpose_to_relay(other),
    }
}

pub(crate) fn report_of(message: &ToRelay) -> Option<Report> {
    match message {
        ToRelay::Suspicion(suspicion) => Some(suspicion.report),
        ToRelay::Refuted { report, .. }
        | ToRelay::Attachment { report, .. }
        | ToRelay::Evidence { report, .. }
        | ToRelay::Loss { report, .. }
        | ToRelay::Goodbye { report, .. } => Some(*report),
        ToRelay::Knock
        | ToRelay::Announce(_)
        | ToRelay::Applied(_)
        | ToRelay::Pong { .. }
        | ToRelay::Recorder(_) => None,
    }
}

pub(crate) fn announces(said: &[(u64, SocketAddr, u32, ToRelay)]) -> Vec<(u64, Announce)> {
    let announce = |(at, _, _, message): &(u64, SocketAddr, u32, ToRelay)| match message {
        ToRelay::Announce(announce) => Some((*at, (**announce).clone())),
        _ => None,
    };
    said.iter().filter_map(announce).collect()
}
