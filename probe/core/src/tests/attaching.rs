//! What the ports hang on.

use lldp_rs::{Cdp, ChassisId, ChassisSubtype, Heard, Lldp, Mac, PortId, PortSubtype, encode};
use ringmesh_proto::message::{CARRIERS_MAX, Carrier, HeardAge, LINKS_MAX, PLACES_MAX, Report};
use ringmesh_proto::seal::{Key, SiteSecret};
use ringmesh_proto::time::WallClock;
use ringmesh_proto::wire::{ProbeWire, RelayWire};
use ringmesh_topology::place::{BondRole, Evidence, Place, WireId};

use super::*;
use crate::{BondFacts, CachedAttachment};

fn lldp(switch: u8, ttl_s: u16) -> Vec<u8> {
    let mac = [2, 0, 0, 0, 1, switch];
    let chassis = ChassisId::new(ChassisSubtype::MacAddress, &mac).unwrap();
    let port = PortId::new(PortSubtype::InterfaceName, b"p7").unwrap();
    let mut lldp = Lldp::new(chassis, port, ttl_s);
    if ttl_s > 0 {
        lldp.system_name = Some(format!("sw{switch}").as_str().into());
    }
    encode(&Heard::lldp(Mac([2, 0, 0, 0, 9, switch]), lldp)).unwrap()
}

fn cdp(name: &str) -> Vec<u8> {
    encode(&Heard::cdp(Mac([2, 0, 0, 0, 8, 1]), Cdp::new(name, "Gi0/1", 180))).unwrap()
}

impl Bench {
    fn frame(&mut self, port: u32, octets: &[u8]) {
        self.event(Event::Frame { port, octets });
    }

    /// Of the port: evidence, switch in words, reason.
    fn hangs_on(&self, port: usize) -> (&'static str, String, String) {
        let view = self.probe.attachments(Time::from_millis(self.now)).swap_remove(port);
        (view.evidence, view.switch_name.to_string(), view.reason.to_string())
    }

    /// Attachments told since the log was taken, with what the first place hangs on.
    fn attachments_told(&mut self) -> Vec<(u64, Option<String>)> {
        self.note_all();
        let told = |(at, _, _, message): (u64, SocketAddr, u32, ToRelay)| match message {
            ToRelay::Attachment { places, .. } => {
                Some((at, places[0].attachment.as_ref().map(|at| at.switch_name.to_string())))
            }
            _ => None,
        };
        self.said().into_iter().filter_map(told).collect()
    }
}

fn on(evidence: &'static str, name: &str, reason: &str) -> (&'static str, String, String) {
    (evidence, name.to_owned(), reason.to_owned())
}

#[test]
fn a_switch_that_names_itself_is_told_at_once_and_once() {
    let links = [link(1)];
    let mut bench = Bench::joined(config(&[RELAY]), &[port(2)], &links);
    assert_eq!(bench.hangs_on(0), on("fallback", "", "no LLDP heard on eth2"));
    bench.frame(2, &lldp(1, 120));
    let said = bench.said();
    let [(JOINED, _, 2, ToRelay::Attachment { places, .. })] = &said[..] else { panic!("{said:?}") };
    let attachment = places[0].attachment.clone().unwrap();
    assert_eq!(attachment.switch, WireId { subtype: 4, octets: [2, 0, 0, 0, 1, 1].into() });
    assert_eq!(attachment.port, WireId { subtype: 5, octets: (*b"p7").into() });
    assert_eq!(
        (&*attachment.switch_name, attachment.evidence, &*places[0].reason),
        ("sw1", Evidence::Lldp, "")
    );
    bench.relay(ToProbe::Noted(Report(2)));
    for beat in 1..=10 {
        bench.run_to(JOINED + beat * 1_000);
        bench.hear_all(&links);
        bench.frame(2, &lldp(1, 120));
    }
    assert_eq!(bench.kinds(), []);
    let view = bench.probe.attachments(Time::from_millis(bench.now + 5_000)).remove(0);
    assert_eq!((view.age, view.expires), (Some(ms(5_000)), Some(ms(115_000))));
    let text = |id: Option<crate::IdView>| id.map(|id| id.text.to_string()).unwrap();
    assert_eq!((text(view.switch), text(view.port)), ("02:00:00:00:01:01".into(), "p7".into()));
}

#[test]
fn what_was_heard_before_joining_is_in_the_announcement() {
    let mut bench = Bench::started(config(&[RELAY]), &[port(2)]);
    bench.frame(2, &lldp(1, 120));
    bench.run_to(1_000);
    bench.relay(hello(0));
    let said = bench.said();
    let places = &announces(&said)[0].1.places;
    assert_eq!(places[0].attachment.as_ref().map(|at| &*at.switch_name), Some("sw1"));
    bench.relay(ToProbe::Assignment(Box::new(order(1, &[]))));
    assert_eq!(bench.kinds(), [(1_000, "Applied")]);
}

#[test]
fn what_changed_between_two_announcements_is_told_again() {
    let mut bench = Bench::started(config(&[RELAY]), &[port(2)]);
    bench.run_to(1_000);
    bench.relay(hello(0));
    bench.frame(2, &lldp(1, 120));
    bench.run_to(9_000);
    let said = bench.said();
    assert!(announces(&said).len() >= 2);
    // The relay may have heard the first one only.
    bench.relay(ToProbe::Assignment(Box::new(order(1, &[]))));
    assert_eq!(bench.attachments_told(), [(9_000, Some("sw1".into()))]);
}

#[test]
fn a_second_hello_does_not_let_the_answer_to_an_announcement_before_pass_for_one_to_the_next() {
    let mut bench = Bench::started(config(&[RELAY]), &[port(2)]);
    bench.run_to(1_000);
    bench.relay(hello(0));
    bench.frame(2, &lldp(1, 120));
    bench.relay(hello(0));
    let announced: Vec<Report> = bench
        .said()
        .into_iter()
        .filter_map(|(_, _, _, message)| match message {
            ToRelay::Announce(announce) => Some(announce.report),
            _ => None,
        })
        .collect();
    let [before, now] = announced[..] else { panic!("{announced:?}") };
    let answer = |knows| ToProbe::Assignment(Box::new(Assignment { knows: Some(knows), ..order(1, &[]) }));
    bench.relay(answer(before));
    assert_eq!(bench.state(), State::Joining);
    bench.relay(answer(now));
    assert_eq!(bench.state(), State::Linked);
}

/// What is told of a change, and the change.
type Change = (&'static str, fn(&mut Bench));

#[test]
fn what_ports_are_like_is_said_until_it_is_noted_whatever_order_crosses_it() {
    let rings = |ids: &[u32]| {
        let ring = |&id| RingPlace { ring: RingId(id), level: 0, links: vec![] };
        let rings = ids.iter().map(ring).collect();
        ToProbe::Assignment(Box::new(Assignment { rings, ..order(2, &[]) }))
    };
    let cases: [(&str, ToProbe, usize); 4] = [
        ("noted", ToProbe::Noted(Report(2)), 0),
        ("a new ring: it may answer the attachment before", rings(&[1, 2]), 2),
        ("the same ring: a change of somebody else", rings(&[1]), 2),
        ("a ping", ToProbe::Ping { nonce: 1 }, 2),
    ];
    let ports = || [port(2), port(3)];
    let changes: [Change; 2] = [
        ("Attachment", |bench| bench.frame(2, &lldp(1, 120))),
        ("Evidence", |bench| bench.event(Event::Carrier { port: 3, up: false })),
    ];
    for (kind, change) in changes {
        for (case, answer, repeats) in &cases {
            let mut bench = Bench::joined(config(&[RELAY]), &ports(), &[]);
            change(&mut bench);
            bench.relay(answer.clone());
            bench.clear();
            bench.run_to(JOINED + 1_400);
            let repeated = bench.kinds().iter().filter(|(_, said)| *said == kind).count();
            assert_eq!(repeated, *repeats, "{kind}: {case}");
        }
    }
}

#[test]
fn a_shutdown_that_is_followed_by_another_identity_is_one_change_three_seconds_later() {
    let mut bench = Bench::joined(config(&[RELAY]), &[port(2)], &[]);
    bench.frame(2, &lldp(1, 120));
    bench.attachments_told();
    bench.run_noting_to(JOINED + 5_000);
    bench.frame(2, &lldp(1, 0));
    assert_eq!(bench.hangs_on(0), on("fallback", "", "the switch on eth2 stopped announcing itself"));
    bench.run_noting_to(JOINED + 6_000);
    bench.frame(2, &lldp(2, 120));
    assert_eq!(bench.hangs_on(0), on("lldp", "sw2", ""));
    bench.run_noting_to(JOINED + 60_000);
    assert_eq!(bench.attachments_told(), [(JOINED + 8_000, Some("sw2".into()))]);

    bench.frame(2, &lldp(2, 0));
    bench.run_noting_to(JOINED + 61_000);
    bench.frame(2, &lldp(2, 120));
    bench.run_noting_to(JOINED + 90_000);
    assert_eq!(bench.attachments_told(), [], "it came back under its name");
    bench.frame(2, &lldp(2, 0));
    bench.run_noting_to(JOINED + 99_000);
    assert_eq!(bench.attachments_told(), [(JOINED + 93_000, None)], "it did not come back");
}

#[test]
fn without_carrier_the_switch_is_remembered_until_its_time_is_over() {
    let mut bench = Bench::joined(config(&[RELAY]), &[port(2), port(3)], &[]);
    bench.frame(2, &lldp(1, 20));
    bench.attachments_told();
    bench.event(Event::Carrier { port: 2, up: false });
    assert_eq!(bench.hangs_on(0), on("cache", "sw1", "not heard since eth2 lost carrier"));
    let said = bench.said();
    assert_eq!(said.iter().map(|(_, _, _, m)| kind(m)).collect::<Vec<_>>(), ["Evidence"]);
    bench.relay(ToProbe::Noted(report_of(&said[0].3).unwrap()));
    bench.run_noting_to(JOINED + 19_000);
    let [(when, name)] = &bench.attachments_told()[..] else { panic!() };
    assert_eq!((*when, name.as_deref()), (JOINED + 3_000, Some("sw1")), "no longer a short bounce");
    bench.run_noting_to(JOINED + 21_000);
    assert_eq!(bench.attachments_told(), [(JOINED + 20_000, None)]);
    assert_eq!(bench.hangs_on(0), on("fallback", "", "no carrier on eth2"));
}

#[test]
fn a_short_loss_of_carrier_is_evidence_and_not_a_move() {
    let mut bench = Bench::joined(config(&[RELAY]), &[port(2), port(3)], &[]);
    bench.frame(2, &lldp(1, 120));
    bench.attachments_told();
    for (at, up) in [(0, false), (2_000, true)] {
        bench.run_noting_to(JOINED + at);
        bench.event(Event::Carrier { port: 2, up });
        let said = bench.said();
        assert_eq!(said.iter().map(|(_, _, _, m)| kind(m)).collect::<Vec<_>>(), ["Evidence"]);
        bench.relay(ToProbe::Noted(report_of(&said[0].3).unwrap()));
    }
    bench.run_noting_to(JOINED + 30_000);
    bench.frame(2, &lldp(1, 120));
    assert_eq!(bench.hangs_on(0), on("lldp", "sw1", ""));
    bench.run_noting_to(JOINED + 31_000);
    assert_eq!(bench.kinds(), []);
}

#[test]
fn a_cable_in_another_switch_is_a_move() {
    let mut bench = Bench::joined(config(&[RELAY]), &[port(2)], &[]);
    bench.frame(2, &lldp(1, 120));
    bench.attachments_told();
    bench.event(Event::Carrier { port: 2, up: false });
    bench.event(Event::Carrier { port: 2, up: true });
    bench.clear();
    bench.frame(2, &lldp(2, 120));
    assert_eq!(bench.attachments_told(), [(JOINED, Some("sw2".into()))]);
}

#[test]
fn lldp_is_better_than_cdp_is_better_than_memory() {
    let mut settings = config(&[RELAY]);
    settings.cache = vec![cached(1, 120)];
    let mut bench = Bench::started(settings, &[port(2)]);
    bench.event(Event::WallClock(WallClock { at: Time::ZERO, unix_ms: 1_000_000 }));
    let reason = "remembered from before the start; no LLDP heard on eth2";
    assert_eq!(bench.hangs_on(0), on("cache", "sw1", reason));
    let age = bench.probe.attachments(Time::ZERO)[0].age;
    assert_eq!(age, Some(ms(107_000)), "7 s then, and the wall clock went on by 100 s");
    bench.frame(2, &cdp("sw5"));
    assert_eq!(bench.hangs_on(0), on("cdp", "sw5", ""));
    bench.frame(2, &lldp(3, 120));
    assert_eq!(bench.hangs_on(0), on("lldp", "sw3", ""));
    bench.run_to(121_000);
    assert_eq!(bench.hangs_on(0), on("cdp", "sw5", ""));
    bench.run_to(181_000);
    assert_eq!(bench.hangs_on(0), on("fallback", "", "the announcements on eth2 ended"));
}

fn cached(switch: u8, ttl_s: u64) -> CachedAttachment {
    CachedAttachment {
        ifname: "eth2".into(),
        mac: MacAddress([2, 0, 0, 0, 0, 2]),
        attachment: ringmesh_topology::place::Attachment {
            switch: WireId { subtype: 4, octets: [2, 0, 0, 0, 1, switch].into() },
            port: WireId { subtype: 5, octets: (*b"p7").into() },
            switch_name: format!("sw{switch}").into(),
            evidence: Evidence::Lldp,
        },
        ttl: Duration::from_secs(ttl_s),
        age: ms(7_000),
        saved_unix_ms: 900_000,
    }
}

#[test]
fn a_memory_is_believed_for_one_ttl_and_becomes_certain_when_the_switch_is_heard() {
    let mut settings = config(&[RELAY]);
    settings.cache = vec![cached(1, 30)];
    let mut bench = Bench::joined(settings.clone(), &[port(2)], &[]);
    bench.frame(2, &lldp(1, 120));
    assert_eq!(bench.attachments_told(), [(JOINED, Some("sw1".into()))], "it was provisional");

    let mut bench = Bench::joined(settings, &[port(2)], &[]);
    bench.run_noting_to(31_000);
    assert_eq!(bench.attachments_told(), [(30_000, None)]);
    assert_eq!(bench.hangs_on(0), on("fallback", "", "no LLDP heard on eth2"));
}

#[test]
fn a_memory_does_not_decide_between_two_switches_once_one_was_heard() {
    let mut settings = config(&[RELAY]);
    settings.cache = vec![cached(1, 120)];
    let mut bench = Bench::started(settings, &[port(2)]);
    bench.frame(2, &lldp(2, 120));
    bench.frame(2, &lldp(3, 120));
    let (evidence, _, reason) = bench.hangs_on(0);
    assert_eq!(evidence, "fallback", "{reason}");
}

#[test]
fn a_memory_of_another_card_is_no_memory() {
    let mut settings = config(&[RELAY]);
    settings.cache = vec![CachedAttachment { mac: MacAddress([9; 6]), ..cached(1, 30) }];
    let bench = Bench::started(settings, &[port(2)]);
    assert_eq!(bench.hangs_on(0).0, "fallback");
}

#[test]
fn what_is_heard_is_remembered_when_it_changes_and_forgotten_when_the_switch_left() {
    let mut bench = Bench::started(config(&[RELAY]), &[port(2)]);
    let remembered = |bench: &mut Bench| -> Vec<Vec<String>> {
        let names = |cached: &CachedAttachment| cached.attachment.switch_name.to_string();
        let of = |(_, action)| match action {
            Action::Remember(all) => Some(all.iter().map(names).collect()),
            _ => None,
        };
        core::mem::take(&mut bench.log).into_iter().filter_map(of).collect()
    };
    bench.frame(2, &lldp(1, 120));
    assert_eq!(remembered(&mut bench), [["sw1"]]);
    bench.frame(2, &lldp(1, 120));
    bench.event(Event::Carrier { port: 2, up: false });
    bench.event(Event::Carrier { port: 2, up: true });
    assert_eq!(remembered(&mut bench), Vec::<Vec<String>>::new());
    bench.frame(2, &lldp(2, 120));
    assert_eq!(remembered(&mut bench), [["sw2"]]);
    bench.frame(2, &lldp(2, 0));
    assert_eq!(remembered(&mut bench), [Vec::<String>::new()]);
}

#[test]
fn the_reason_for_a_fallback_is_said_in_words() {
    let mut ports = vec![port(2), port(3), port(4), port(5), port(6)];
    ports[0].driver = "i40e".into();
    ports[1].carrier = false;
    ports[4].address = None;
    let own = [MacAddress([2, 0, 0, 0, 9, 1])];
    let mut bench = Bench::new(config(&[RELAY]));
    bench.event(Event::Ports { ports: &ports, own: &own });
    bench.frame(4, &lldp(1, 120));
    bench.frame(5, &lldp(2, 120));
    bench.frame(5, &lldp(3, 120));
    let reasons: Vec<_> = (0..5).map(|n| bench.hangs_on(n).2).collect();
    assert_eq!(
        reasons,
        [
            "no LLDP heard on eth2 (i40e): NIC firmware agent?",
            "no carrier on eth3",
            "heard only own frames on eth4",
            "several switches heard on eth5: 02:00:00:00:01:02, 02:00:00:00:01:03",
            "no address on eth6: it only listens",
        ]
    );
}

#[test]
fn garbage_and_frames_of_unknown_ports_change_nothing() {
    let mut bench = Bench::started(config(&[RELAY]), &[port(2)]);
    let good = lldp(1, 120);
    let before = bench.log.len();
    for end in 0..30 {
        bench.frame(2, &good[..end]);
    }
    bench.frame(9, &good);
    bench.frame(2, &[0xff; 200]);
    assert_eq!(bench.log.len(), before);
    assert_eq!(bench.hangs_on(0).0, "fallback");
    let counters = bench.probe.status(Time::ZERO).counters;
    assert_eq!((counters.frames, counters.frames_refused), (1, 30), "foreign frames are not counted");
}

#[test]
fn each_address_is_one_place_and_the_active_leg_of_a_bond_stands_for_it() {
    let mut bare = port(5);
    bare.address = None;
    let ports = [bond_leg(3, true), bare, bond_leg(2, false), port(4)];
    let mut bench = Bench::started(config(&[RELAY]), &ports);
    bench.run_to(1_000);
    bench.relay(hello(0));
    let said = bench.said();
    let places: Vec<_> = announces(&said)[0].1.places.iter().map(|place| place.ifindex).collect();
    assert_eq!(places, [3, 4]);
    bench.relay(ToProbe::Assignment(Box::new(order(1, &[]))));
    bench.clear();
    bench.event(Event::Ports { ports: &[bond_leg(3, false), bond_leg(2, true), port(4)], own: &[] });
    let said = bench.said();
    let [(.., ToRelay::Evidence { .. }), (.., ToRelay::Attachment { places, .. })] = &said[..] else {
        panic!("{said:?}")
    };
    assert_eq!(places.iter().map(|place| place.ifindex).collect::<Vec<_>>(), [2, 4]);
    assert_eq!(bench.probe.attachments(Time::ZERO).len(), 3, "every port is shown");
}

#[test]
fn each_port_tells_its_mac_address_and_another_one_is_told_at_once() {
    let tunnel = PortFacts { mac: MacAddress::default(), ..port(5) };
    let mut bench =
        Bench::started(config(&[RELAY]), &[bond_leg(2, true), bond_leg(3, false), port(4), tunnel.clone()]);
    bench.run_to(1_000);
    bench.relay(hello(0));
    let macs = |places: &[Place]| -> Vec<Option<u8>> {
        let of = |place: &Place| {
            let mates = place.bond.iter().flat_map(|bond| bond.mates.iter().map(|mate| mate.mac));
            [place.mac].into_iter().chain(mates).map(|mac| mac.map(|mac| mac.0[5])).collect::<Vec<_>>()
        };
        places.iter().flat_map(of).collect()
    };
    let said = bench.said();
    assert_eq!(macs(&announces(&said)[0].1.places), [Some(2), Some(3), Some(4), None]);
    bench.relay(ToProbe::Assignment(Box::new(order(1, &[]))));
    bench.clear();
    let other = PortFacts { mac: MacAddress([2, 0, 0, 0, 0, 9]), ..port(4) };
    bench.event(Event::Ports { ports: &[bond_leg(2, true), bond_leg(3, false), other, tunnel], own: &[] });
    let said = bench.said();
    let told = said.iter().find_map(|(.., message)| match message {
        ToRelay::Attachment { places, .. } => Some(macs(places)),
        _ => None,
    });
    assert_eq!(told, Some(vec![Some(2), Some(3), Some(9), None]));
}

/// A host with more and longer to say than any datagram holds.
fn verbose(count: u8) -> Bench {
    let long = |n: u8| -> PortFacts {
        let facts = port(n);
        PortFacts {
            ifname: format!("enp{n}s0f1np{n}abcd").into(),
            address: Some((([0xfd00, 0, 0, 0, 0, 0, 0, u16::from(n)]).into(), 64)),
            gateway: MacAddress([7; 6]),
            ..facts
        }
    };
    let ports: Vec<_> = (2..2 + count).map(long).collect();
    let mut bench = Bench::started(config(&[RELAY]), &ports);
    for port in 2..2 + count {
        let chassis = ChassisId::new(ChassisSubtype::Local, &[b'c'; 200]).unwrap();
        let id = PortId::new(PortSubtype::Local, &[b'a' + port; 200]).unwrap();
        let mut lldp = Lldp::new(chassis, id, 120);
        lldp.system_name = Some("n".repeat(200).as_str().into());
        bench.frame(u32::from(port), &encode(&Heard::lldp(Mac([2, 0, 0, 1, 9, port]), lldp)).unwrap());
        bench.event(Event::Carrier { port: u32::from(port), up: false });
    }
    bench.event(Event::Carrier { port: 2, up: true });
    bench
}

#[test]
fn the_longest_announcement_fits_a_datagram() {
    let mut bench = verbose(6);
    bench.run_to(2_000);
    let orders: Vec<_> = (1..=8).map(|id| LinkOrder { via: 99, ..link(id + 0xffff_ff00) }).collect();
    bench.relay(hello(0));
    let rings = orders.chunks(2).enumerate();
    let rings = rings.map(|(n, links)| RingPlace { ring: RingId(n as u32), level: 0, links: links.to_vec() });
    let generation = Generation { term: u32::MAX, counter: u32::MAX };
    let knows = Some(Report(u32::MAX));
    let order = Assignment { generation, relay: RelayId(1), knows, rings: rings.collect() };
    bench.relay(ToProbe::Assignment(Box::new(order)));
    (0..3).for_each(|_| bench.hear_all(&orders));
    bench.run_to(40_000);
    bench.clear();
    bench.run_to(60_000);
    let said = bench.said();
    let (_, announce) = announces(&said).pop().unwrap();
    assert_eq!((announce.suspicions.len(), announce.links.len()), (8, 8));
    assert!(announce.places.len() >= 3 && announce.places.len() <= PLACES_MAX, "{}", announce.places.len());
    let mut announce = announce;
    announce.name = Name::new(&"x".repeat(63)).unwrap();
    let octets = sealed(&ToRelay::Announce(Box::new(announce)));
    assert!(octets.is_some_and(|octets| octets <= 1_200), "{octets:?} octets");
}

/// What a message takes on the wire; `None` if it does not fit.
fn sealed(message: &ToRelay) -> Option<usize> {
    let secret = SiteSecret(Key([7; 32]));
    let (probe, boot) = (ProbeId([0x77; 16]), Boot([1; 16]));
    let mut ours = ProbeWire::new(probe, boot, secret.probe_key(probe));
    let mut theirs = RelayWire::new(RelayId(1), Boot([2; 16]), secret);
    let mut out = Vec::new();
    assert!(ours.seal(at(RELAY), &ToRelay::Knock, &mut out));
    let sender = ringmesh_proto::message::Sender { probe, boot };
    let ToProbe::Hello(hello) = hello(0) else { panic!() };
    let mut datagram = Vec::new();
    theirs.seal_hello(Time::ZERO, at("10.0.2.5:1984"), sender, 1, hello, &mut datagram);
    ours.open(at(RELAY), &mut datagram).unwrap();
    ours.seal(at(RELAY), message, &mut out).then_some(out.len())
}

#[test]
fn every_text_is_short_enough_for_the_codec() {
    let mut bench = verbose(1);
    bench.run_to(1_000);
    bench.relay(hello(0));
    let said = bench.said();
    let place = &announces(&said)[0].1.places[0];
    let attachment = place.attachment.as_ref().unwrap();
    assert_eq!((place.ifname.len(), attachment.switch_name.len()), (15, 63));
    assert_eq!((attachment.switch.octets.len(), attachment.port.octets.len()), (63, 64));
    assert!((1..=120).contains(&place.reason.len()), "{}", place.reason);
}

#[test]
fn a_frame_by_a_port_that_is_none_of_ours_is_not_kept() {
    let bare = PortFacts { address: None, ..port(2) };
    let mut bench = Bench::started(config(&[RELAY]), &[bare]);
    bench.frame(9, &lldp(1, 120));
    assert_eq!(bench.probe.next_deadline(), Time::NEVER, "nothing is to expire");
    bench.frame(2, &lldp(1, 120));
    assert_eq!(bench.probe.next_deadline(), Time::from_millis(120_000));
}

/// Two ports of one bond under one address, the second a standby unless both carry.
fn bonded(active: [bool; 2], mode: &str) -> [PortFacts; 2] {
    [2_u8, 3].map(|n| {
        let bond = BondFacts {
            ifname: "bond0".into(),
            mode: mode.into(),
            active: active[usize::from(n - 2)],
            partner: None,
        };
        PortFacts { address: port(2).address, bond: Some(bond), ..port(n) }
    })
}

fn lacp(system: u8) -> Vec<u8> {
    let mut frame = [&Mac::SLOW_PROTOCOLS.0[..], &[2, 0, 0, 0, 0, 0x51], &[0x88, 0x09, 1, 1]].concat();
    frame.extend([1, 20, 0x80, 0x00, 2, 0, 0, 0, 0, system, 0, 7, 0, 1, 0, 3, 0x3d, 0, 0, 0]);
    frame.extend([2, 20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x02, 0, 0, 0]);
    frame.resize(124, 0);
    frame
}

fn last_places(bench: &mut Bench) -> Vec<ringmesh_topology::place::Place> {
    let told = bench.said().into_iter().filter_map(|(.., message)| match message {
        ToRelay::Attachment { places, .. } => Some(places),
        _ => None,
    });
    told.collect::<Vec<_>>().pop().expect("an attachment was told")
}

#[test]
fn a_bond_is_one_place_that_tells_of_every_leg() {
    let mut bench = Bench::joined(config(&[RELAY]), &bonded([true, false], "active-backup"), &[link(1)]);
    bench.frame(2, &lldp(1, 120));
    bench.frame(3, &lldp(2, 120));
    bench.note_all();
    let places = last_places(&mut bench);
    let [place] = &places[..] else { panic!("one address, one place: {places:?}") };
    let bond = place.bond.as_ref().expect("it is bonded");
    assert_eq!((&*place.ifname, &*bond.ifname, &*bond.mode), ("eth2", "bond0", "active-backup"));
    assert!(bond.role.active);
    let [mate] = &bond.mates[..] else { panic!("{bond:?}") };
    assert_eq!((&*mate.ifname, mate.carrier, mate.role.active), ("eth3", true, false));
    let on =
        |at: &Option<ringmesh_topology::place::Attachment>| at.as_ref().map(|at| at.switch_name.to_string());
    assert_eq!((on(&place.attachment), on(&mate.attachment)), (Some("sw1".into()), Some("sw2".into())));
}

#[test]
fn a_failover_is_told_as_evidence_at_once_and_the_other_leg_stands_for_the_address() {
    let mut bench = Bench::joined(config(&[RELAY]), &bonded([true, false], "active-backup"), &[link(1)]);
    bench.frame(2, &lldp(1, 120));
    bench.frame(3, &lldp(2, 120));
    bench.note_all();
    bench.said();
    bench.event(Event::Ports { ports: &bonded([false, true], "active-backup"), own: &[] });
    let said = bench.said();
    let roles = said.iter().find_map(|(_, _, _, message)| match message {
        ToRelay::Evidence { carriers, .. } => Some(
            carriers.iter().map(|port| (port.ifindex, port.role.map(|role| role.active))).collect::<Vec<_>>(),
        ),
        _ => None,
    });
    assert_eq!(roles, Some(vec![(2, Some(false)), (3, Some(true))]));
    let place = said.iter().find_map(|(_, _, _, message)| match message {
        ToRelay::Attachment { places, .. } => Some(places[0].clone()),
        _ => None,
    });
    let place = place.expect("another leg is news");
    assert_eq!((&*place.ifname, place.bond.map(|bond| bond.mates[0].ifindex)), ("eth3", Some(2)));
}

#[test]
fn the_lacp_partner_is_known_for_each_leg_and_forgotten_with_its_carrier() {
    let mut bench = Bench::joined(config(&[RELAY]), &bonded([true, true], "802.3ad"), &[link(1)]);
    bench.frame(2, &lacp(9));
    bench.frame(3, &lacp(9));
    bench.note_all();
    let partner = |system: u8| Some(MacAddress([2, 0, 0, 0, 0, system]));
    let place = last_places(&mut bench).swap_remove(0);
    let bond = place.bond.expect("it is bonded");
    assert_eq!((bond.role.partner, bond.mates[0].role.partner), (partner(9), partner(9)));
    let views = bench.probe.attachments(Time::from_millis(bench.now));
    assert_eq!(views[1].bond.as_ref().and_then(|bond| bond.partner), partner(9));
    // The same again is no news; a cable that was out may hang on somebody else.
    bench.frame(3, &lacp(9));
    assert_eq!(bench.kinds(), []);
    bench.event(Event::Carrier { port: 3, up: false });
    let view = bench.probe.attachments(Time::from_millis(bench.now)).swap_remove(1);
    assert_eq!(view.bond.and_then(|bond| bond.partner), None);
}

#[test]
fn places_with_full_bonds_fit_a_datagram() {
    let mut ports = Vec::new();
    for n in 0..16_u8 {
        let bond = BondFacts {
            ifname: format!("bond{}-long-name", n / 4).into(),
            mode: "active-backup".into(),
            active: true,
            partner: Some(MacAddress([n; 6])),
        };
        let address = Some(([10, 0, n / 4, 5].into(), 24));
        ports.push(PortFacts { bond: Some(bond), address, ..port(n + 2) });
    }
    let mut bench = Bench::joined(config(&[RELAY]), &ports, &[link(1)]);
    (2..18_u8).for_each(|n| bench.frame(u32::from(n), &lldp(n, 120)));
    bench.note_all();
    let places = last_places(&mut bench);
    assert!(!places.is_empty());
    let mates = places.iter().map(|place| place.bond.as_ref().map_or(0, |bond| bond.mates.len()));
    let mates: Vec<usize> = mates.collect();
    assert!(mates.is_sorted_by(|one, next| one >= next), "the last places give way first: {mates:?}");
    let told = mates.iter().sum::<usize>();
    assert!(told < 12, "not everything can fit: {told} ports beside {} places", places.len());
    let octets = sealed(&ToRelay::Attachment { report: Report(u32::MAX), places });
    assert!(octets.is_some_and(|octets| octets <= 1_200), "{octets:?} octets");
}

#[test]
fn a_failover_does_not_change_the_order_of_the_places() {
    let mut bonds = bonded([true, false], "active-backup");
    bonds[1].ifindex = 5;
    let mut ports = vec![bonds[0].clone(), port(3), bonds[1].clone()];
    let mut bench = Bench::joined(config(&[RELAY]), &ports, &[link(1)]);
    bench.frame(2, &lldp(1, 120));
    bench.note_all();
    let order = |bench: &mut Bench| last_places(bench).iter().map(|place| place.ifindex).collect::<Vec<_>>();
    assert_eq!(order(&mut bench), [2, 3]);
    for at in [0, 2] {
        if let Some(bond) = &mut ports[at].bond {
            bond.active = at == 2;
        }
    }
    bench.event(Event::Ports { ports: &ports, own: &[] });
    bench.note_all();
    assert_eq!(order(&mut bench), [5, 3]);
}

#[test]
fn another_lacp_partner_is_told_when_it_has_settled() {
    let mut bench = Bench::joined(config(&[RELAY]), &bonded([true, true], "802.3ad"), &[link(1)]);
    bench.frame(2, &lacp(9));
    bench.note_all();
    bench.clear();
    // Two systems that speak in turn, as on a segment they share.
    for second in 1..30 {
        bench.run_noting_to(JOINED + second * 1_000);
        bench.frame(2, &lacp(if second % 2 == 0 { 9 } else { 8 }));
    }
    let told = |bench: &mut Bench| {
        bench.said().iter().filter(|(.., message)| matches!(message, ToRelay::Evidence { .. })).count()
    };
    assert_eq!(told(&mut bench), 0);
    bench.run_noting_to(JOINED + 40_000);
    assert_eq!(told(&mut bench), 1, "the last one stayed");
    let view = bench.probe.attachments(Time::from_millis(bench.now)).swap_remove(0);
    assert_eq!(view.bond.and_then(|bond| bond.partner), Some(MacAddress([2, 0, 0, 0, 0, 8])));
}

#[test]
fn all_carriers_fit_a_datagram() {
    let partner = Some(MacAddress([0xff; 6]));
    let carrier = |ifindex| Carrier {
        ifindex: u32::MAX - ifindex,
        up: true,
        age: Duration::from_secs(1 << 31),
        role: Some(BondRole { active: true, partner }),
    };
    let carriers = (0..u32::MAX).map(carrier).take(CARRIERS_MAX).collect();
    let age = Some(Duration::from_secs(1 << 31));
    let heard = (0..u32::MAX).map(|n| HeardAge { link: LinkId(u32::MAX - n), age }).take(LINKS_MAX).collect();
    let octets = sealed(&ToRelay::Evidence { report: Report(u32::MAX), carriers, heard });
    assert!(octets.is_some_and(|octets| octets <= 1_200), "{octets:?} octets");
}
