//! Three probes and a relay that follows a script, over a network with a millisecond of delay.

use std::collections::BTreeMap;

use super::*;

const DELAY_NS: u64 = 1_000_000;

/// A datagram under way.
enum Parcel {
    Beat(Beat),
    ToProbe(ToProbe),
    ToRelay(ToRelay),
}

struct Net {
    probes: Vec<Option<Probe>>,
    now: Time,
    /// By arrival and then by order of sending: from, to, what.
    flying: BTreeMap<(Time, u64), (usize, usize, Parcel)>,
    sent: u64,
    /// Everything that went to or from the relay: when, from or to which probe, what.
    talk: Vec<(u64, usize, &'static str)>,
    counter: u32,
    /// The relay hears what it is told.
    relay_hears: bool,
}

/// The relay's number among the members.
const THE_RELAY: usize = 99;

impl Net {
    fn new(count: u8) -> Self {
        let probe = |n: u8| {
            let config = Config { probe: ProbeId([n; 16]), seed: u64::from(n), ..config(&[RELAY]) };
            Some(Probe::new(Arc::new(config), Time::ZERO))
        };
        let mut net = Self {
            probes: (0..count).map(probe).collect(),
            now: Time::ZERO,
            flying: BTreeMap::new(),
            sent: 0,
            talk: Vec::new(),
            counter: 0,
            relay_hears: true,
        };
        for n in 0..count {
            let facts = PortFacts { address: Some(([10, 0, 2, n].into(), 24)), ..port(2) };
            net.event(usize::from(n), Event::Ports { ports: &[facts], own: &[] });
        }
        net
    }

    fn event(&mut self, n: usize, event: Event<'_>) {
        let Some(probe) = self.probes[n].as_mut() else { return };
        let mut out = Vec::new();
        probe.on_event(self.now, event, &mut out);
        for action in out {
            match action {
                Action::Beat { beat, to, .. } => {
                    let core::net::IpAddr::V4(address) = to.ip() else { panic!("{to}") };
                    self.send(n, usize::from(address.octets()[3]), Parcel::Beat(beat));
                }
                Action::Send { message, .. } => self.send(n, THE_RELAY, Parcel::ToRelay(message)),
                Action::Remember(_) | Action::Exit | Action::Say(_) => {}
            }
        }
    }

    fn send(&mut self, from: usize, to: usize, parcel: Parcel) {
        match &parcel {
            Parcel::Beat(_) => {}
            Parcel::ToRelay(message) => self.talk.push((self.now.nanos() / 1_000_000, from, kind(message))),
            Parcel::ToProbe(message) => {
                let kind = ringmesh_proto::message::purpose_to_probe(message);
                self.talk.push((self.now.nanos() / 1_000_000, to, kind));
            }
        }
        self.sent += 1;
        self.flying.insert((self.now + Duration::from_nanos(DELAY_NS), self.sent), (from, to, parcel));
    }

    fn run_to(&mut self, until: u64) {
        let until = Time::from_millis(until);
        loop {
            let arrival = self.flying.keys().next().map_or(Time::NEVER, |&(at, _)| at);
            let deadlines =
                self.probes.iter().map(|p| p.as_ref().map_or(Time::NEVER, Machine::next_deadline));
            let (n, deadline) = deadlines.enumerate().min_by_key(|&(_, at)| at).unwrap();
            if arrival.min(deadline) > until {
                break;
            }
            self.now = arrival.min(deadline).max(self.now);
            if arrival <= deadline {
                let (_, (from, to, parcel)) = self.flying.pop_first().unwrap();
                self.deliver(from, to, parcel);
            } else {
                self.event(n, Event::DeadlineReached);
            }
        }
        self.now = until;
    }

    fn deliver(&mut self, from: usize, to: usize, parcel: Parcel) {
        match parcel {
            Parcel::Beat(beat) => {
                // The keys of a link are with the probe from its assignment on.
                if self.probes[to].as_ref().is_some_and(|probe| probe.holds(beat.link)) {
                    self.event(to, Event::Beat(BeatHeard { beat, hops: Some(0), arrived: self.now }));
                }
            }
            Parcel::ToProbe(message) => self.event(to, Event::Control { from: at(RELAY), via: 2, message }),
            Parcel::ToRelay(message) => self.relay(from, message),
        }
    }

    /// The script: hellos, rings of all who announced, a new ring without whom two suspect.
    fn relay(&mut self, from: usize, message: ToRelay) {
        if !self.relay_hears {
            return;
        }
        match message {
            ToRelay::Knock => self.send(THE_RELAY, from, Parcel::ToProbe(hello(0))),
            ToRelay::Announce(_) | ToRelay::Applied(_) | ToRelay::Pong { .. } | ToRelay::Recorder(_) => {}
            ToRelay::Suspicion(ringmesh_proto::message::Suspicion { report, .. })
            | ToRelay::Refuted { report, .. }
            | ToRelay::Attachment { report, .. }
            | ToRelay::Evidence { report, .. }
            | ToRelay::Loss { report, .. }
            | ToRelay::Goodbye { report, .. } => {
                self.send(THE_RELAY, from, Parcel::ToProbe(ToProbe::Noted(report)))
            }
        }
    }

    /// Puts these into one ring, in this order.
    fn assign(&mut self, members: &[usize]) {
        self.counter += 1;
        for (at, &member) in members.iter().enumerate() {
            let left = members[(at + members.len() - 1) % members.len()];
            let right = members[(at + 1) % members.len()];
            let mut peers = vec![left, right];
            peers.dedup();
            peers.retain(|&peer| peer != member);
            let links: Vec<_> = peers.into_iter().map(|peer| Self::edge(member, peer)).collect();
            let order = order(self.counter, &links);
            self.send(THE_RELAY, member, Parcel::ToProbe(ToProbe::Assignment(Box::new(order))));
        }
    }

    /// The same number at both ends; the lower end reports.
    fn edge(member: usize, peer: usize) -> LinkOrder {
        let (low, high) = (member.min(peer), member.max(peer));
        LinkOrder {
            peer: ProbeId([peer as u8; 16]),
            peer_address: SocketAddr::new([10, 0, 2, peer as u8].into(), 1984),
            report: member == low,
            ..link((low * 16 + high) as u32 + 1)
        }
    }

    fn take_talk(&mut self) -> Vec<(u64, usize, &'static str)> {
        core::mem::take(&mut self.talk)
    }

    fn status(&self, n: usize) -> crate::Status {
        self.probes[n].as_ref().unwrap().status(self.now)
    }
}

/// Three in a ring, well, at 10 s.
fn ring_of_three() -> Net {
    let mut net = Net::new(3);
    net.run_to(1_100);
    net.assign(&[0, 1, 2]);
    net.run_to(10_000);
    net
}

#[test]
fn a_ring_forms_within_a_round_trip_and_then_the_relay_hears_nothing() {
    let mut net = Net::new(3);
    net.run_to(1_100);
    assert_eq!(net.take_talk().len(), 9, "a knock, a hello, an announcement each");
    net.assign(&[0, 1, 2]);
    net.run_to(10_000);
    let talk = net.take_talk();
    let applied: Vec<_> = talk.iter().filter(|(_, _, kind)| *kind == "Applied").collect();
    assert_eq!(applied.iter().map(|(_, n, _)| *n).collect::<Vec<_>>(), [0, 1], "the lower end of each edge");
    assert!(applied.iter().all(|(at, _, _)| *at <= 1_100 + 4), "{applied:?}");
    assert_eq!(talk.len(), 3 + 2);
    for n in 0..3 {
        let status = net.status(n);
        assert_eq!(status.state, State::Linked);
        assert!(status.rings[0].peers.iter().all(|peer| peer.mutual && peer.proven), "{status:?}");
    }
    net.run_to(600_000);
    assert_eq!(net.take_talk(), []);
    // Two beats a second, and at most two more for each link at its start.
    let beats = net.status(0).counters.beats_sent;
    assert!((1_197..=1_202).contains(&beats), "{beats} beats in 599 s");
}

#[test]
fn only_the_two_neighbours_of_a_dead_probe_suspect_it_and_a_new_ring_ends_it() {
    let mut net = ring_of_three();
    net.take_talk();
    net.probes[1] = None;
    net.run_to(13_300);
    let mut talk = net.take_talk();
    talk.retain(|(_, _, kind)| *kind != "Noted");
    let mut who: Vec<_> = talk.iter().map(|(_, n, kind)| (*n, *kind)).collect();
    who.sort_unstable();
    assert_eq!(who, [(0, "Suspicion"), (2, "Suspicion")], "{talk:?}");
    assert!(talk.iter().all(|(at, _, _)| (12_050..=13_051).contains(at)), "{talk:?}");
    net.assign(&[0, 2]);
    net.run_to(60_000);
    let kinds: Vec<_> = net.take_talk().iter().map(|(_, n, kind)| (*n, *kind)).collect();
    let repeated = kinds.iter().filter(|(_, kind)| *kind == "Suspicion").count();
    assert_eq!(repeated, 0, "{kinds:?}");
    assert_eq!(kinds.iter().filter(|(_, kind)| *kind == "Applied").count(), 1, "{kinds:?}");
    assert_eq!(net.status(0).rings[0].peers.len(), 1);
}

#[test]
fn two_that_only_lost_the_relay_are_cut_off_and_come_back_without_a_word_too_many() {
    let mut net = ring_of_three();
    net.probes[1] = None;
    net.relay_hears = false;
    net.run_to(25_000);
    let states: Vec<_> = [0, 2].map(|n| net.status(n).state).into();
    assert_eq!(states, [State::CutOff, State::CutOff], "nobody answers");
    let heard = net.status(0).rings[0].peers.iter().filter(|peer| !peer.suspected).count();
    assert_eq!(heard, 1, "the other one is still heard");
    net.relay_hears = true;
    net.take_talk();
    net.run_to(32_000);
    net.assign(&[0, 2]);
    net.run_to(50_000);
    let states: Vec<_> = [0, 2].map(|n| net.status(n).state).into();
    assert_eq!(states, [State::Linked, State::Linked]);
    let talk = net.take_talk();
    let suspicions = talk.iter().filter(|(_, _, kind)| *kind == "Suspicion").count();
    assert_eq!(suspicions, 0, "the announcement has told it: {talk:?}");
}

#[test]
fn the_same_seeds_give_the_same_run() {
    let run = || {
        let mut net = ring_of_three();
        net.probes[2] = None;
        net.run_to(40_000);
        (net.take_talk(), net.sent)
    };
    assert_eq!(run(), run());
}
