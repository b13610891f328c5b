use lldp_rs::{
    Capabilities, CapabilitySet, ChassisId, ChassisSubtype, Heard, Lldp, PortId, PortSubtype, encode,
};

use super::super::super::paint::{Paint, WIDTH};
use super::super::show::Printer;
use super::*;
use crate::ports::Kind;

fn port(ifindex: u32, driver: &str) -> Port {
    Port {
        ifindex,
        ifname: format!("eth{ifindex}"),
        mac: MacAddress([2, 0, 0, 0, 0xee, 1]),
        carrier: true,
        kind: Kind::Card,
        driver: driver.into(),
        bridge: None,
        above: None,
        bond: None,
    }
}

/// What port `p1` of a switch says.
fn said(switch: u8, name: &str, ttl_s: u16) -> Vec<u8> {
    let mac = Mac([2, 0, 0, 0, 1, switch]);
    let chassis = ChassisId::new(ChassisSubtype::MacAddress, &mac.0).unwrap();
    let id = PortId::new(PortSubtype::InterfaceName, b"p1").unwrap();
    let lldp = match ttl_s {
        0 => Lldp::shutdown(chassis, id),
        ttl_s => Lldp {
            system_name: Some(name.into()),
            capabilities: Some(Capabilities {
                available: CapabilitySet::BRIDGE,
                enabled: CapabilitySet::BRIDGE,
            }),
            ..Lldp::new(chassis, id, ttl_s)
        },
    };
    encode(&Heard::lldp(mac, lldp)).unwrap()
}

fn at(seconds: u64) -> Time {
    Time::from_millis(seconds * 1_000)
}

fn watching(ports: &[Port]) -> Watch {
    let mut watch = Watch::new();
    let news = watch.set_ports(at(0), ports, &[], |_| None);
    assert_eq!(news.len(), ports.len(), "each port is told when it is first listened on");
    watch
}

/// Port and event of each, as they are printed.
fn words(news: &[News]) -> Vec<String> {
    let table = Printer::Table(Paint(false));
    let told = news.iter().flat_map(|news| {
        let text = table.line(0, news);
        assert!(text.lines().all(|line| line.chars().count() <= WIDTH), "too wide:\n{text}");
        text.lines().map(|line| line.trim_start_matches("00:00:00").trim().to_string()).collect::<Vec<_>>()
    });
    told.map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
}

#[test]
fn a_switch_is_told_from_its_first_word_to_its_last() {
    let mut watch = watching(&[port(2, "")]);
    assert_eq!(words(&watch.frame(at(1), 2, &said(1, "sw1", 20))), ["eth2 appeared sw1 p1 lldp 20s"]);
    assert_eq!(words(&watch.frame(at(6), 2, &said(1, "sw1", 20))), [""; 0]);
    let changed = watch.frame(at(11), 2, &said(1, "sw1b", 20));
    assert_eq!(words(&changed), ["eth2 changed sw1b p1 lldp 20s", "new: name"]);
    assert_eq!(watch.next_deadline(), at(11) + Duration::from_millis(12_500), "two and a half intervals");
    assert_eq!(words(&watch.on_deadline(watch.next_deadline())), ["eth2 late sw1b p1 lldp 20s"]);
    assert_eq!(words(&watch.frame(at(26), 2, &said(1, "sw1b", 20))), ["eth2 back sw1b p1 lldp 20s"]);
    assert_eq!(words(&watch.carrier(at(27), 2, false)), ["eth2 carrier lost"]);
    assert_eq!(words(&watch.carrier(at(27), 2, false)), [""; 0], "told once");
    assert_eq!(words(&watch.carrier(at(28), 2, true)), ["eth2 carrier back"]);
    assert_eq!(words(&watch.frame(at(29), 2, &said(1, "sw1b", 20))), ["eth2 back sw1b p1 lldp 20s"]);
    assert_eq!(words(&watch.frame(at(30), 2, &said(1, "", 0))), ["eth2 shutdown sw1b p1 lldp 20s"]);
    let renamed = watch.frame(at(31), 2, &said(7, "sw7", 20));
    assert_eq!(words(&renamed), ["eth2 renamed sw7 p1 lldp 20s", "was p1 of sw1b"]);
}

#[test]
fn a_cable_that_was_moved_names_both_ends_and_one_that_falls_silent_expires() {
    let mut watch = watching(&[port(2, "")]);
    watch.frame(at(1), 2, &said(1, "sw1", 20));
    watch.carrier(at(2), 2, false);
    watch.carrier(at(3), 2, true);
    let moved = watch.frame(at(4), 2, &said(9, "sw9", 20));
    assert_eq!(words(&moved), ["eth2 moved sw9 p1 lldp 20s", "was p1 of sw1"]);
    assert_eq!(words(&watch.on_deadline(at(24))), ["eth2 expired sw9 p1 lldp 20s"]);
}

#[test]
fn two_switches_on_one_port_are_ambiguous_and_both_are_named() {
    let mut watch = watching(&[port(2, "")]);
    watch.frame(at(1), 2, &said(1, "sw1", 20));
    let told = words(&watch.frame(at(2), 2, &said(2, "sw2", 20)));
    assert_eq!(told[1..], ["eth2 ambiguous", "equally likely: p1 of sw1; p1 of sw2"], "{told:?}");
}

#[test]
fn a_silent_port_is_told_once_with_the_remedy_of_its_card_and_not_without_carrier() {
    let dark = Port { carrier: false, ..port(3, "ice") };
    let mut watch = watching(&[port(2, "i40e"), dark]);
    assert_eq!(watch.next_deadline(), at(65));
    let told = words(&watch.on_deadline(at(65)));
    assert_eq!(told[..2], ["eth2 silent", "no announcement for 65 s"], "{told:?}");
    assert!(told[2..].join(" ").contains("disable-fw-lldp on"), "{told:?}");
    assert_eq!(watch.next_deadline(), Time::NEVER);
}

#[test]
fn a_switch_that_only_speaks_spanning_tree_is_known_to_be_one() {
    let mut watch = watching(&[port(2, "i40e")]);
    let mut bpdu = vec![0x01, 0x80, 0xc2, 0, 0, 0, 2, 0, 0, 0, 1, 1, 0, 38, 0x42, 0x42, 3];
    bpdu.extend([0, 0, 0, 0, 0]); // protocol, version, type: configuration
    bpdu.resize(60, 0);
    assert_eq!(words(&watch.frame(at(2), 2, &bpdu)), [""; 0]);
    let told = words(&watch.on_deadline(at(65))).join(" ");
    assert!(told.contains("spanning tree arrives") && told.contains("turn LLDP on"), "{told}");
}

#[test]
fn frames_that_teach_nothing_end_no_silence_and_are_named() {
    let own = MacAddress([2, 0, 0, 0, 1, 7]);
    let mut unreadable = said(1, "sw1", 20);
    unreadable[16] = 9; // a reserved subtype of the chassis id
    let mut bpdu = vec![0x01, 0x80, 0xc2, 0, 0, 0, 2, 0, 0, 0, 1, 1, 0, 38, 0x42, 0x42, 3];
    bpdu.resize(60, 0);
    let cases: &[(&[&[u8]], &str, &str)] = &[
        (&[&said(7, "me", 20)], "own frames only for 65 s", "where the cable of eth2 ends"),
        (&[&said(7, "me", 20), &bpdu], "spanning tree arrives", "turn LLDP on"),
        (&[&bpdu, &said(7, "me", 20)], "spanning tree arrives", "turn LLDP on"),
        (&[&unreadable, &bpdu], "cannot be read (id_subtype)", "decode FILE"),
        (&[&said(1, "", 0)], "took its leave", "LLDP on again"),
        (&[&[0xff; 60]], "no announcement for 65 s", "fw-lldp"),
    ];
    for (frames, why, remedy) in cases {
        let mut watch = Watch::new();
        watch.set_ports(at(0), &[port(2, "i40e")], &[own], |_| None);
        for frame in *frames {
            assert_eq!(words(&watch.frame(at(2), 2, frame)), [""; 0], "{why}");
        }
        let told = words(&watch.on_deadline(at(65))).join(" ");
        assert!(told.contains(why) && told.contains(remedy), "{why}: {told}");
    }
}

#[test]
fn a_flood_of_newcomers_is_no_neighbour_that_came_back() {
    let mut watch = watching(&[port(2, "i40e")]);
    (1..=20).for_each(|n| drop(watch.frame(at(1), 2, &said(n, "sw", 2))));
    watch.on_deadline(at(4));
    watch.carrier(at(5), 2, false);
    watch.carrier(at(6), 2, true);
    (100..=120).for_each(|n| drop(watch.frame(at(7), 2, &said(n, "sw", 20))));
    let told = words(&watch.on_deadline(at(71))).join(" ");
    assert!(told.contains("more senders than are kept"), "{told}");
}

#[test]
fn a_port_that_cannot_be_listened_on_is_never_silent_and_is_told_when_that_changes() {
    let deaf = |reason: &str| Some(Deaf { reason: reason.into(), remedy: "yes" });
    let up = [port(2, "")];
    let mut watch = Watch::new();
    assert_eq!(words(&watch.set_ports(at(0), &up, &[], |_| deaf("no"))), ["eth2 deaf", "no", "-> yes"]);
    assert_eq!(words(&watch.set_ports(at(1), &up, &[], |_| deaf("no"))), [""; 0], "told once");
    watch.carrier(at(2), 2, false);
    watch.carrier(at(3), 2, true);
    assert_eq!(watch.next_deadline(), Time::NEVER, "a carrier that is back makes nobody hear");
    assert_eq!(words(&watch.set_ports(at(4), &up, &[], |_| None)), ["eth2 listening"]);
    assert_eq!(watch.next_deadline(), at(4 + 65));
    assert_eq!(words(&watch.set_ports(at(5), &up, &[], |_| deaf("lost"))), ["eth2 deaf", "lost", "-> yes"]);
    assert_eq!(watch.next_deadline(), Time::NEVER);
    let dark = Port { carrier: false, ..port(2, "") };
    let told = words(&watch.set_ports(at(6), &[dark], &[], |_| None));
    assert_eq!(told, ["eth2 carrier lost", "eth2 listening", "no carrier: is the cable in?"]);
    assert_eq!(watch.next_deadline(), Time::NEVER, "nobody is heard without a carrier");
}

#[test]
fn a_renamed_interface_is_told_of_by_its_new_name() {
    let mut watch = watching(&[port(2, "")]);
    let renamed = Port { ifname: "lan0".into(), ..port(2, "") };
    assert_eq!(words(&watch.set_ports(at(1), &[renamed], &[], |_| None)), [""; 0]);
    assert_eq!(words(&watch.frame(at(2), 2, &said(1, "sw1", 20))), ["lan0 appeared sw1 p1 lldp 20s"]);
}

#[test]
fn a_port_that_comes_and_goes_is_told_and_its_neighbours_with_it() {
    let mut watch = watching(&[port(2, "")]);
    watch.frame(at(1), 2, &said(1, "sw1", 20));
    let deaf = Deaf { reason: "no".into(), remedy: "yes" };
    let told = watch.set_ports(at(2), &[port(4, "")], &[], |_| Some(deaf.clone()));
    assert_eq!(words(&told), ["eth2 port gone", "eth4 deaf", "no", "-> yes"]);
    assert_eq!(watch.next_deadline(), Time::NEVER, "nobody of a port that is gone can be late");
    assert!(watch.frame(at(3), 2, &said(1, "sw1", 20)).is_empty());
}
