use core::net::SocketAddr;

use ringmesh_topology::id::{Boot, Name, ProbeId, RelayId};

use super::*;
use crate::message::*;
use crate::seal::{SiteSecret, probe_id};
use crate::time::{Duration, Time};

const NOW: Time = Time::from_millis(90_000);

struct Pair {
    probe: ProbeWire,
    relay: RelayWire,
    sender: Sender,
    probe_at: SocketAddr,
    relay_at: SocketAddr,
}

fn pair() -> Pair {
    let secret = SiteSecret(Key([7; 32]));
    let name = |text| Name::new(text).unwrap();
    let probe = probe_id(&name("lab"), &name("h1"));
    let boot = Boot([1; 16]);
    Pair {
        probe: ProbeWire::new(probe, boot, secret.probe_key(probe)),
        relay: RelayWire::new(RelayId(1), Boot([2; 16]), secret),
        sender: Sender { probe, boot },
        probe_at: "10.0.0.5:1984".parse().unwrap(),
        relay_at: "10.0.0.2:1990".parse().unwrap(),
    }
}

const HELLO: Hello = Hello { relay: RelayId(1), term: 3, wait: Duration::from_millis(20), answers: true };

fn announce() -> ToRelay {
    ToRelay::Announce(Box::new(Announce {
        name: Name::new("h1").unwrap(),
        host_boot: Boot([9; 16]),
        generation: Generation { term: 1, counter: 2 },
        links: vec![LinkId(4)],
        places: Vec::new(),
        suspicions: Vec::new(),
        cut_off: Duration::from_millis(5),
        recorder_hash: 6,
        report: Report(7),
    }))
}

impl Pair {
    fn sealed(&mut self, message: &ToRelay) -> Vec<u8> {
        let mut out = Vec::new();
        assert!(self.probe.seal(self.relay_at, message, &mut out), "{message:?} could not be sealed");
        out
    }

    fn at_relay(&mut self, datagram: &[u8]) -> Result<FromProbe, WireError> {
        self.relay.open(NOW, self.probe_at, &mut datagram.to_vec())
    }

    fn hello(&mut self, knock: u32) -> Vec<u8> {
        let mut out = Vec::new();
        self.relay.seal_hello(NOW, self.probe_at, self.sender, knock, HELLO, &mut out);
        out
    }

    fn at_probe(&mut self, datagram: &[u8]) -> Result<FromRelay, WireError> {
        self.probe.open(self.relay_at, &mut datagram.to_vec())
    }

    /// Knock, hello, announce.
    fn shake_hands(&mut self) -> Vec<u8> {
        let knock = self.sealed(&ToRelay::Knock);
        assert_eq!(self.at_relay(&knock), Ok(FromProbe::Knock { from: self.sender, knock: 1 }));
        let hello = self.hello(1);
        assert!(hello.len() <= knock.len(), "a hello of {} octets amplifies {}", hello.len(), knock.len());
        assert_eq!(self.at_probe(&hello), Ok(FromRelay::Message(ToProbe::Hello(HELLO))));
        let announced = self.sealed(&announce());
        let want = FromProbe::Message { from: self.sender, message: announce() };
        assert_eq!(self.at_relay(&announced), Ok(want));
        announced
    }
}

#[test]
fn a_handshake_opens_a_session_and_each_datagram_of_it_counts_once() {
    let mut pair = pair();
    let announced = pair.shake_hands();
    assert_eq!(pair.at_relay(&announced), Err(WireError::Replayed));
    let mut ping = Vec::new();
    assert!(pair.relay.seal(pair.sender.probe, &ToProbe::Ping { nonce: 5 }, &mut ping));
    assert_eq!(pair.at_probe(&ping), Ok(FromRelay::Message(ToProbe::Ping { nonce: 5 })));
    assert_eq!(pair.at_probe(&ping), Err(WireError::Replayed));
    assert_eq!((pair.relay.counters.replayed, pair.probe.counters.replayed), (1, 1));
}

#[test]
fn a_second_hello_of_the_same_relay_does_not_start_the_sequence_anew() {
    let mut pair = pair();
    pair.shake_hands();
    let before = pair.sealed(&ToRelay::Applied(Generation::default()));
    let knock = pair.sealed(&ToRelay::Knock);
    assert_eq!(pair.at_relay(&knock), Ok(FromProbe::Knock { from: pair.sender, knock: 2 }));
    let hello = pair.hello(2);
    pair.at_probe(&hello).unwrap();
    let after = pair.sealed(&ToRelay::Applied(Generation::default()));
    assert!(after[8..12] > before[8..12], "a sequence number was used twice under one key");
}

#[test]
fn how_a_member_was_is_not_believed_after_how_it_is() {
    let mut pair = pair();
    pair.shake_hands();
    let [older, seen, newer] = [announce(), ToRelay::Applied(Generation::default()), announce()]
        .map(|message| (pair.sealed(&message), message));
    let want = |message: ToRelay, from| Ok(FromProbe::Message { from, message });
    assert_eq!(pair.at_relay(&newer.0), want(newer.1, pair.sender));
    assert_eq!(pair.at_relay(&older.0), Err(WireError::Overtaken));
    assert_eq!(pair.at_relay(&seen.0), want(seen.1, pair.sender), "what it got is true in any order");
    assert_eq!(pair.relay.counters.overtaken, 1);
}

#[test]
fn a_pong_that_was_overtaken_says_nothing_of_light_and_after_a_goodbye_nothing_older_counts() {
    let mut pair = pair();
    pair.shake_hands();
    let lit = Carrier { ifindex: 2, up: true, age: Duration::from_secs(9), role: None };
    let pong = |carriers| ToRelay::Pong { nonce: 3, starved: false, heard: Vec::new(), carriers };
    let dark = |report| ToRelay::Evidence { report: Report(report), carriers: Vec::new(), heard: Vec::new() };
    let goodbye =
        ToRelay::Goodbye { report: Report(9), reason: GoodbyeReason::Retire, back_within: Duration::ZERO };
    let [early, evidence, late, seen, goodbye] =
        [pong(vec![lit]), dark(1), pong(vec![lit]), ToRelay::Applied(Generation::default()), goodbye]
            .map(|message| pair.sealed(&message));
    let told = |opened: Result<FromProbe, WireError>| match opened.unwrap() {
        FromProbe::Message { message: ToRelay::Pong { carriers, .. }, .. } => carriers.len(),
        other => panic!("{other:?}"),
    };
    pair.at_relay(&evidence).unwrap();
    assert_eq!((told(pair.at_relay(&early)), told(pair.at_relay(&late))), (0, 1));
    pair.at_relay(&goodbye).unwrap();
    assert_eq!(pair.at_relay(&seen), Err(WireError::Overtaken));
}

#[test]
fn an_old_hello_brings_back_no_old_session() {
    let mut pair = pair();
    pair.sealed(&ToRelay::Knock);
    let old = pair.hello(1);
    pair.sealed(&ToRelay::Knock);
    assert_eq!(pair.at_probe(&old), Err(WireError::Replayed));
}

#[test]
fn a_session_needs_a_cookie_that_came_back_from_the_same_address_in_time() {
    let mut pair = pair();
    pair.sealed(&ToRelay::Knock);
    let hello = pair.hello(1);
    pair.at_probe(&hello).unwrap();
    let announced = pair.sealed(&announce());
    let elsewhere = "10.0.0.6:1984".parse().unwrap();
    let stranger = Ok(FromProbe::Stranger { from: pair.sender });
    assert_eq!(pair.relay.open(NOW, elsewhere, &mut announced.clone()), stranger);
    let late = NOW + Duration::from_secs(120);
    assert_eq!(pair.relay.open(late, pair.probe_at, &mut announced.clone()), stranger);
    let mut ping = Vec::new();
    assert!(
        !pair.relay.seal(pair.sender.probe, &ToProbe::Ping { nonce: 1 }, &mut ping),
        "no session was opened"
    );
    assert!(pair.at_relay(&announced).is_ok());
}

#[test]
fn a_relay_that_lost_the_session_knows_a_stranger_and_keeps_nothing() {
    let mut pair = pair();
    pair.shake_hands();
    pair.relay = RelayWire::new(RelayId(1), Boot([3; 16]), SiteSecret(Key([7; 32])));
    let applied = pair.sealed(&ToRelay::Applied(Generation::default()));
    assert_eq!(pair.at_relay(&applied), Ok(FromProbe::Stranger { from: pair.sender }));
    let hello = pair.hello(0);
    let asked = Hello { answers: false, ..HELLO };
    assert_eq!(pair.at_probe(&hello), Ok(FromRelay::Message(ToProbe::Hello(asked))), "the machine may knock");
    pair.sealed(&ToRelay::Knock);
    let hello = pair.hello(2);
    pair.at_probe(&hello).unwrap();
    let announced = pair.sealed(&announce());
    assert!(pair.at_relay(&announced).is_ok());
}

#[test]
fn a_greeting_reaches_whichever_run_there_is_and_opens_no_session() {
    let mut pair = pair();
    let (known, any) = (pair.sender, Sender { boot: Boot::ANY, ..pair.sender });
    let hello = |pair: &mut Pair, to: Sender, knock: u32| {
        let mut out = Vec::new();
        pair.relay.seal_hello(NOW, pair.probe_at, to, knock, HELLO, &mut out);
        pair.at_probe(&out)
    };
    let asked = FromRelay::Message(ToProbe::Hello(Hello { answers: false, ..HELLO }));
    // The probe was started again since, and the relay does not know.
    pair.probe = ProbeWire::new(known.probe, Boot([8; 16]), SiteSecret(Key([7; 32])).probe_key(known.probe));
    pair.sealed(&ToRelay::Knock);
    assert_eq!(hello(&mut pair, known, 0), Err(WireError::Martian), "to a run that is no more");
    assert_eq!(hello(&mut pair, any, 0), Ok(asked));
    assert_eq!(hello(&mut pair, any, 1), Err(WireError::Replayed), "no answer to a knock of one run");
    let mut out = Vec::new();
    assert!(!pair.probe.seal(pair.relay_at, &announce(), &mut out), "there is no session");
}

#[test]
fn a_run_that_was_followed_by_another_does_not_come_back_by_a_replay() {
    let mut pair = pair();
    let old = pair.shake_hands();
    let next = Boot([8; 16]);
    let key = SiteSecret(Key([7; 32])).probe_key(pair.sender.probe);
    pair.probe = ProbeWire::new(pair.sender.probe, next, key);
    pair.sender.boot = next;
    pair.shake_hands();
    assert_eq!(pair.at_relay(&old), Err(WireError::Martian));
}

#[test]
fn a_run_that_was_followed_by_another_comes_back_by_itself_after_two_minutes_and_no_number_is_used_twice() {
    let mut pair = pair();
    let old = pair.shake_hands();
    let told = |pair: &mut Pair| {
        let mut out = Vec::new();
        assert!(pair.relay.seal(pair.sender.probe, &ToProbe::RecorderAsk, &mut out));
        (u32::from_be_bytes(out[8..12].try_into().unwrap()), pair.at_probe(&out))
    };
    let first = told(&mut pair);
    // Another with its name takes over; the first runs on.
    let key = || SiteSecret(Key([7; 32])).probe_key(pair.sender.probe);
    let (copy, own) = (ProbeWire::new(pair.sender.probe, Boot([8; 16]), key()), pair.sender.boot);
    let original = std::mem::replace(&mut pair.probe, copy);
    pair.sender.boot = Boot([8; 16]);
    pair.shake_hands();
    pair.probe = original;
    pair.sender.boot = own;
    let at = |seconds: u64| NOW + Duration::from_secs(seconds);
    let announced = |pair: &mut Pair, now: Time, knock: u32| {
        pair.sealed(&ToRelay::Knock);
        let mut hello = Vec::new();
        pair.relay.seal_hello(now, pair.probe_at, pair.sender, knock, HELLO, &mut hello);
        pair.at_probe(&hello).unwrap();
        let mut sealed = pair.sealed(&announce());
        pair.relay.open(now, pair.probe_at, &mut sealed).map(|_| ())
    };
    assert_eq!(announced(&mut pair, at(119), 2), Err(WireError::Martian), "too soon");
    let stranger = FromProbe::Stranger { from: pair.sender };
    let replayed = pair.relay.open(at(121), pair.probe_at, &mut old.clone());
    assert_eq!(replayed, Ok(stranger), "its cookie is good no more");
    assert_eq!(announced(&mut pair, at(121), 3), Ok(()));
    let second = told(&mut pair);
    assert!(second.0 > first.0 && first.1.is_ok() && second.1.is_ok(), "{first:?} {second:?}");
}

#[test]
fn both_ends_of_a_link_open_each_others_beats_and_nobody_elses() {
    let mut pair = pair();
    pair.shake_hands();
    let me = ProbeId::of_relay(RelayId(1));
    let order = |peer, report| LinkOrder {
        link: LinkId(11),
        counter: 11,
        peer,
        peer_address: "10.0.0.9:1984".parse().unwrap(),
        via: 2,
        lanes: 4,
        report,
    };
    let rings = vec![RingPlace { ring: RingId(1), level: 1, links: vec![order(me, true)] }];
    let (generation, knows) = (Generation { term: 3, counter: 1 }, Some(Report(8)));
    let assignment = Assignment { generation, relay: RelayId(1), knows, rings };
    let assignment = ToProbe::Assignment(Box::new(assignment));
    let mut out = Vec::new();
    assert!(pair.relay.seal(pair.sender.probe, &assignment, &mut out));
    assert_eq!(pair.at_probe(&out), Ok(FromRelay::Message(assignment)));
    pair.relay.take_link(&order(pair.sender.probe, false));

    let beat = Beat { link: LinkId(11), lane: 3, heard_you: true, sequence: 9, hint: 0x3001 };
    let sealed = pair.probe.seal_beat(&beat).unwrap();
    assert_eq!(sealed.len(), 28);
    assert_eq!(pair.at_relay(&sealed), Ok(FromProbe::Beat(beat)));
    assert_eq!(pair.at_probe(&sealed), Err(WireError::Forged), "a beat sent back to its sender");
    for bit in 0..sealed.len() * 8 {
        let mut bent = sealed;
        bent[bit / 8] ^= 1 << (bit % 8);
        assert!(pair.at_relay(&bent).is_err(), "bit {bit} is not authenticated");
    }
    pair.probe.keep_links(|_| false);
    assert_eq!(pair.probe.seal_beat(&beat), None);
}

#[test]
fn no_bytes_panic_or_change_anything() {
    let mut pair = pair();
    let announced = pair.shake_hands();
    let draws = crate::draws::Draws::new(1, 1);
    for round in 0..20_000_u64 {
        let mut datagram = announced.clone();
        let draw = |counter| draws.below(1 << 16, crate::draws::Purpose::Loss, round * 8 + counter);
        let length = usize::try_from(draw(0)).unwrap() % (datagram.len() + 40);
        datagram.resize(length, 0x5a);
        for change in 1..3 {
            let at = usize::try_from(draw(change)).unwrap() % datagram.len().max(1);
            let Some(octet) = datagram.get_mut(at) else { continue };
            *octet = u8::try_from(draw(change + 4) & 0xff).unwrap();
        }
        let at_relay = pair.relay.open(NOW, pair.probe_at, &mut datagram.clone());
        assert!(!matches!(at_relay, Ok(FromProbe::Message { .. } | FromProbe::Beat(_))), "round {round}");
        assert!(pair.probe.open(pair.relay_at, &mut datagram).is_err(), "round {round}");
    }
}

#[test]
fn every_leg_of_a_bond_and_its_role_arrive_as_they_were_told() {
    use ringmesh_topology::id::MacAddress;
    use ringmesh_topology::place::{Attachment, Bond, BondMate, BondRole, Evidence, Place, WireId};

    let hangs_on = |switch: u8| Attachment {
        switch: WireId { subtype: 4, octets: [2, 0, 0, 0, 1, switch].into() },
        port: WireId { subtype: 5, octets: (*b"p7").into() },
        switch_name: "tor".into(),
        evidence: Evidence::Lldp,
    };
    let (active, standby) =
        (BondRole { active: true, partner: Some(MacAddress([2, 0, 0, 0, 0, 0xaa])) }, BondRole::default());
    let mate = BondMate {
        ifindex: 3,
        ifname: "eth1".into(),
        mac: Some(MacAddress([2, 0, 0, 0, 0, 3])),
        carrier: false,
        role: standby,
        attachment: Some(hangs_on(2)),
    };
    let bond = Bond { ifname: "bond0".into(), mode: "802.3ad".into(), role: active, mates: vec![mate] };
    let place = Place {
        ifindex: 2,
        ifname: "eth0".into(),
        mac: Some(MacAddress([2, 0, 0, 0, 0, 2])),
        carrier: true,
        address: [10, 0, 0, 5].into(),
        prefix_len: 24,
        gateway: MacAddress::default(),
        attachment: Some(hangs_on(1)),
        reason: "".into(),
        bond: Some(Box::new(bond)),
    };
    let mut pair = pair();
    pair.shake_hands();
    let carrier = |ifindex, role| Carrier { ifindex, up: true, age: Duration::from_millis(7), role };
    let told = [
        ToRelay::Attachment { report: Report(1), places: vec![place] },
        ToRelay::Evidence {
            report: Report(2),
            carriers: vec![carrier(2, Some(active)), carrier(3, Some(standby)), carrier(4, None)],
            heard: Vec::new(),
        },
    ];
    for message in told {
        let datagram = pair.sealed(&message);
        let Ok(FromProbe::Message { message: arrived, .. }) = pair.at_relay(&datagram) else { panic!() };
        assert_eq!(arrived, message);
    }
}
