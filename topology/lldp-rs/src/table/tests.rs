//! The table's rules, one test a rule.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::*;
use crate::{
    Announcement, Capabilities, CapabilitySet, Cdp, CdpCapabilities, ChassisId, ChassisSubtype, Lldp,
    ManagementAddress, MedDevice, Numbering, PortId, PortSubtype,
};

const S: u64 = SECOND_NS;
const PORT: u32 = 7;

fn mac(last: u8) -> Mac {
    Mac([2, 0, 0, 0, 1, last])
}

fn lldp_of(chassis: u8, port: &str, ttl_s: u16) -> Lldp {
    let chassis = ChassisId::new(ChassisSubtype::MacAddress, &mac(chassis).0).expect("sound");
    let port = PortId::new(PortSubtype::InterfaceName, port.as_bytes()).expect("sound");
    Lldp::new(chassis, port, ttl_s)
}

fn lldp(chassis: u8, port: &str, ttl_s: u16) -> Heard {
    Heard::lldp(mac(chassis), lldp_of(chassis, port, ttl_s))
}

fn cdp(name: &str, source: u8) -> Heard {
    let mut cdp = Cdp::new(name, "Gi0/1", 180);
    cdp.capabilities = Some(CdpCapabilities::SWITCH);
    Heard::cdp(mac(source), cdp)
}

fn with_caps(heard: Heard, set: CapabilitySet) -> Heard {
    with(heard, |lldp| lldp.capabilities = Some(Capabilities { available: set, enabled: set }))
}

fn with(mut heard: Heard, change: impl FnOnce(&mut Lldp)) -> Heard {
    if let Announcement::Lldp(lldp) = &mut heard.announcement {
        change(lldp);
    }
    heard
}

/// A table and everything it has said, told in words.
struct Bench {
    table: NeighbourTable,
    out: Vec<TableEvent>,
}

impl Bench {
    fn new() -> Self {
        Self { table: NeighbourTable::new(Limits::default()), out: Vec::new() }
    }

    fn hear(&mut self, port: u32, heard: &Heard, at: u64) -> Outcome {
        self.table.heard(port, heard, at, &mut self.out)
    }

    fn carrier(&mut self, up: bool, at: u64) {
        self.table.carrier(PORT, up, at, &mut self.out);
    }

    fn run_until(&mut self, end: u64) {
        while let Some(at) = self.table.next_deadline().filter(|at| *at <= end) {
            self.table.on_deadline(at, &mut self.out);
        }
    }

    fn said(&mut self) -> Vec<String> {
        self.out.drain(..).map(|event| tell(&event)).collect()
    }

    fn switch(&self) -> String {
        match self.table.the_switch(PORT) {
            Choice::Switch { neighbour, because } => format!("{} {because:?}", who(&neighbour.key)),
            Choice::Ambiguous { candidates } => format!("one of {}", candidates.len()),
            Choice::None { reason } => format!("{reason:?}"),
        }
    }
}

fn who(key: &Key) -> String {
    let port = key.port.as_ref().map_or(String::new(), ToString::to_string);
    let chassis = key.chassis.to_string();
    format!("{}/{port}@{}", chassis.rsplit(':').next().unwrap_or_default(), key.ifindex)
}

fn tell(event: &TableEvent) -> String {
    match event {
        TableEvent::Appeared { key } => format!("appeared {}", who(key)),
        TableEvent::Changed { key, field } => format!("changed {} {field:?}", who(key)),
        TableEvent::Moved { from, to } => format!("moved {} {}", who(from), who(to)),
        TableEvent::Renamed { from, to } => format!("renamed {} {}", who(from), who(to)),
        TableEvent::Shutdown { key } => format!("shutdown {}", who(key)),
        TableEvent::Late { key } => format!("late {}", who(key)),
        TableEvent::Recovered { key } => format!("recovered {}", who(key)),
        TableEvent::Expired { key } => format!("expired {}", who(key)),
        TableEvent::Displaced { key } => format!("displaced {}", who(key)),
        TableEvent::CarrierLost { ifindex } => format!("lost {ifindex}"),
        TableEvent::CarrierBack { ifindex } => format!("back {ifindex}"),
        TableEvent::Ambiguous { ifindex } => format!("ambiguous {ifindex}"),
    }
}

#[test]
fn a_silent_neighbour_is_late_once_and_expires_at_its_own_ttl() {
    let mut bench = Bench::new();
    for at in [0, 30, 60] {
        bench.hear(PORT, &lldp(1, "p1", 120), at * S);
    }
    assert_eq!(bench.said(), ["appeared 01/p1@7"]);
    assert_eq!(bench.table.next_deadline(), Some(135 * S), "two and a half intervals of 30 s after 60 s");
    bench.run_until(179 * S);
    assert_eq!(bench.said(), ["late 01/p1@7"]);
    assert_eq!(bench.table.next_deadline(), Some(180 * S));
    bench.run_until(1_000 * S);
    assert_eq!(bench.said(), ["expired 01/p1@7"]);
    assert_eq!(bench.table.next_deadline(), None);
}

#[test]
fn a_neighbour_that_keeps_its_ttl_barely_expires_before_it_is_late() {
    let mut bench = Bench::new();
    [0, 100, 200].into_iter().for_each(|at| _ = bench.hear(PORT, &lldp(1, "p1", 120), at * S));
    assert_eq!(bench.table.next_deadline(), Some(320 * S));
    bench.run_until(320 * S);
    assert_eq!(bench.said(), ["appeared 01/p1@7", "expired 01/p1@7"]);
}

#[test]
fn a_late_neighbour_that_speaks_has_recovered_and_its_outage_is_no_interval() {
    let mut bench = Bench::new();
    [0, 30, 60].into_iter().for_each(|at| _ = bench.hear(PORT, &lldp(1, "p1", 120), at * S));
    bench.run_until(140 * S);
    bench.hear(PORT, &lldp(1, "p1", 120), 150 * S);
    assert_eq!(bench.said(), ["appeared 01/p1@7", "late 01/p1@7", "recovered 01/p1@7"]);
    assert_eq!(bench.table.neighbours(PORT)[0].interval_ns(), Some(30 * S));
}

#[test]
fn a_ttl_that_means_for_ever_is_capped() {
    let mut bench = Bench::new();
    bench.hear(PORT, &lldp(1, "p1", 65_535), 0);
    assert_eq!(bench.table.next_deadline(), Some(3_600 * S));
}

#[test]
fn a_shutdown_forgets_at_once_and_a_new_identity_soon_after_is_a_rename() {
    let cases: &[(u64, &[&str])] = &[
        (2, &["shutdown 01/p1@7", "renamed 01/p1@7 02/p1@7"]),
        (3, &["shutdown 01/p1@7", "renamed 01/p1@7 02/p1@7"]),
        (4, &["shutdown 01/p1@7", "appeared 02/p1@7"]),
    ];
    for (after, want) in cases {
        let mut bench = Bench::new();
        bench.hear(PORT, &lldp(1, "p1", 120), 0);
        bench.said();
        assert_eq!(bench.hear(PORT, &lldp(1, "p1", 0), 10 * S), Outcome::Departed);
        assert_eq!(bench.switch(), "Silent");
        bench.hear(PORT, &lldp(2, "p1", 120), (10 + after) * S);
        assert_eq!(bench.said(), *want, "{after} s");
    }
}

#[test]
fn one_that_leaves_and_returns_is_not_renamed_and_a_stranger_cannot_leave() {
    let mut bench = Bench::new();
    let stranger = bench.hear(PORT, &lldp(9, "p1", 0), 0);
    assert_eq!(stranger, Outcome::Ignored(Ignored::UnknownDeparture));
    bench.hear(PORT, &lldp(1, "p1", 120), S);
    bench.hear(PORT, &lldp(1, "p1", 0), 2 * S);
    bench.hear(PORT, &lldp(1, "p1", 120), 3 * S);
    assert_eq!(bench.said(), ["appeared 01/p1@7", "shutdown 01/p1@7", "appeared 01/p1@7"]);
}

#[test]
fn changed_names_each_field_once() {
    let mut bench = Bench::new();
    bench.hear(PORT, &lldp(1, "p1", 120), 0);
    let renamed = with(lldp(1, "p1", 120), |lldp| {
        lldp.system_name = Some("leaf1".into());
        lldp.dot1.pvid = Some(10);
    });
    [30, 60].into_iter().for_each(|at| _ = bench.hear(PORT, &renamed, at * S));
    assert_eq!(
        bench.said(),
        ["appeared 01/p1@7", "changed 01/p1@7 SystemName", "changed 01/p1@7 NativeVlan"]
    );
    assert_eq!(bench.table.neighbours(PORT)[0].changes, 1);
}

#[test]
fn after_a_carrier_loss_another_neighbour_has_moved_there() {
    let mut bench = Bench::new();
    bench.hear(PORT, &lldp(1, "p1", 120), 0);
    [(false, 5), (false, 6), (true, 8)].into_iter().for_each(|(up, at)| bench.carrier(up, at * S));
    assert!(bench.table.neighbours(PORT)[0].suspect);
    bench.hear(PORT, &lldp(2, "p9", 120), 9 * S);
    assert_eq!(bench.said(), ["appeared 01/p1@7", "lost 7", "back 7", "moved 01/p1@7 02/p9@7"]);
    assert_eq!(bench.switch(), "02/p9@7 Only");
}

#[test]
fn after_a_carrier_loss_the_same_neighbour_has_recovered() {
    let mut bench = Bench::new();
    bench.hear(PORT, &lldp(1, "p1", 120), 0);
    [(false, 5), (true, 8)].into_iter().for_each(|(up, at)| bench.carrier(up, at * S));
    bench.hear(PORT, &lldp(1, "p1", 120), 9 * S);
    assert_eq!(bench.said(), ["appeared 01/p1@7", "lost 7", "back 7", "recovered 01/p1@7"]);
}

#[test]
fn a_cable_put_into_another_of_our_ports_moves_the_neighbour() {
    let mut bench = Bench::new();
    bench.hear(PORT, &lldp(1, "p1", 120), 0);
    bench.carrier(false, 5 * S);
    bench.hear(8, &lldp(1, "p1", 120), 6 * S);
    assert_eq!(bench.said(), ["appeared 01/p1@7", "lost 7", "moved 01/p1@7 01/p1@8"]);
    assert!(bench.table.neighbours(PORT).is_empty());
}

#[test]
fn a_neighbour_that_still_speaks_has_not_moved() {
    let mut bench = Bench::new();
    bench.hear(PORT, &lldp(1, "p1", 120), 0);
    bench.hear(8, &lldp(1, "p1", 120), S);
    bench.hear(PORT, &lldp(1, "p2", 120), 2 * S);
    assert_eq!(bench.said(), ["appeared 01/p1@7", "appeared 01/p1@8", "appeared 01/p2@7"]);
    assert_eq!(bench.switch(), "01/p2@7 Only", "one device: its newest port counts");
}

#[test]
fn a_neighbour_is_small_whatever_its_frame_was() {
    assert!(size_of::<Neighbour>() <= 400, "{} octets before its texts", size_of::<Neighbour>());
    let mut bench = Bench::new();
    let talkative = with(lldp(1, "p1", 120), |lldp| {
        lldp.system_name = Some([b'n'; 511][..].into());
        lldp.port_description = Some([b'd'; 511][..].into());
        lldp.system_description = Some([b's'; 511][..].into());
    });
    bench.hear(PORT, &talkative, 0);
    let facts = &bench.table.neighbours(PORT)[0].facts;
    let kept =
        [&facts.system_name, &facts.port_description].map(|text| text.as_ref().map(|t| t.octets().len()));
    assert_eq!(kept, [Some(255), Some(255)]);
}

#[test]
fn our_own_frames_are_never_neighbours() {
    let mut bench = Bench::new();
    bench.table.set_own_macs(8, &[mac(1)]);
    assert_eq!(bench.hear(PORT, &lldp(1, "p1", 120), 0), Outcome::Ignored(Ignored::OwnFrame));
    let mut sibling = lldp(1, "p1", 120);
    sibling.source = mac(77);
    assert_eq!(bench.hear(PORT, &sibling, 0), Outcome::Ignored(Ignored::OwnFrame), "our chassis id");
    let unnamed = Heard::cdp(mac(5), Cdp { device_id: None, ..Cdp::new("", "", 180) });
    assert_eq!(bench.hear(PORT, &unnamed, 0), Outcome::Ignored(Ignored::NoIdentity));
    assert_eq!(bench.said(), [""; 0]);
}

#[test]
fn a_guest_hangs_on_its_host_unless_it_hears_a_switch() {
    let through = |first: u8, chassis: u8, set| {
        let mut heard = with_caps(lldp(chassis, "p1", 120), set);
        heard.source = Mac([first, 0x54, 0, 1, 2, 3]);
        heard
    };
    let host = through(0xfe, 1, CapabilitySet::STATION_ONLY);
    for (own, is_virtual, switch) in [
        (Mac([0x52, 0x54, 0, 1, 2, 3]), true, "01/p1@7 Only"),
        (Mac([0x52, 0x54, 0, 1, 2, 4]), false, "EndpointsOnly"),
    ] {
        let mut bench = Bench::new();
        bench.table.set_own_macs(PORT, &[own]);
        bench.hear(PORT, &host, S);
        assert_eq!(bench.table.neighbours(PORT)[0].is_virtual, is_virtual, "{own}");
        assert_eq!(bench.switch(), switch, "{own}");
        bench.hear(PORT, &with_caps(lldp(2, "p2", 120), CapabilitySet::BRIDGE), S);
        assert_eq!(bench.table.the_switch(PORT).switch().map(|it| who(&it.key)).as_deref(), Some("02/p2@7"));
    }
    assert!(!Mac([0x52; 6]).is_tap_of(Mac([0x52; 6])), "an address is no tap of itself");
    assert!(
        !Mac([0, 1, 2, 3, 4, 5]).is_tap_of(Mac([0x52, 1, 2, 3, 4, 5])),
        "a manufacturer's address is no tap's"
    );
}

#[test]
fn a_flood_of_forged_chassis_ids_meets_the_limits_and_the_switch_stays() {
    let mut bench = Bench::new();
    bench.hear(PORT, &with_caps(lldp(1, "p1", 120), CapabilitySet::BRIDGE), 0);
    let outcomes: Vec<_> = (2..=40).map(|n| bench.hear(PORT, &lldp(n, "p1", 120), S)).collect();
    assert_eq!(outcomes[14], Outcome::Learnt);
    assert_eq!(outcomes[15], Outcome::Ignored(Ignored::NewcomerFlood));
    let later: Vec<_> = (41..=80).map(|n| bench.hear(PORT, &lldp(n, "p1", 120), 61 * S)).collect();
    assert_eq!(later[15], Outcome::Learnt);
    assert_eq!(bench.table.neighbours(PORT).len(), 32);
    assert_eq!(bench.hear(PORT, &lldp(99, "p1", 120), 121 * S), Outcome::Ignored(Ignored::TableFull));
    assert_eq!(bench.switch(), "01/p1@7 Forwards");
}

#[test]
fn the_switch_is_chosen_by_rank_and_the_reason_is_told() {
    let bridge = |n, port| with_caps(lldp(n, port, 120), CapabilitySet::BRIDGE);
    let further = |mut heard: Heard| {
        heard.destination = Mac::NEAREST_CUSTOMER_BRIDGE;
        heard
    };
    let telephone = with_caps(lldp(3, "pc", 120), CapabilitySet::BRIDGE.with(CapabilitySet::TELEPHONE));
    let media = with(lldp(4, "pc", 120), |lldp| {
        lldp.med.device = Some(MedDevice { capabilities: 1, class: 3 });
    });
    let station = with_caps(lldp(5, "eth0", 120), CapabilitySet::STATION_ONLY);
    let cases: &[(&str, &[Heard], &str)] = &[
        ("nobody", &[], "Silent"),
        ("a switch", &[bridge(1, "p1")], "01/p1@7 Only"),
        ("one that does not say", &[lldp(1, "p1", 120)], "01/p1@7 Only"),
        ("a telephone", core::slice::from_ref(&telephone), "EndpointsOnly"),
        ("a media endpoint", &[media], "EndpointsOnly"),
        ("a station", &[station], "EndpointsOnly"),
        ("a switch behind a telephone", &[telephone.clone(), bridge(1, "p1")], "01/p1@7 Only"),
        ("a switch among the silent about it", &[lldp(2, "p1", 120), bridge(1, "p1")], "01/p1@7 Forwards"),
        ("a far and a near switch", &[further(bridge(2, "p1")), bridge(1, "p1")], "01/p1@7 Nearest"),
        ("flooded CDP", &[cdp("far", 9), lldp(1, "p1", 120)], "01/p1@7 Protocol"),
        ("CDP of the same address", &[cdp("near", 1), lldp(1, "p1", 120)], "01/p1@7 Only"),
        ("two switches", &[bridge(1, "p1"), bridge(2, "p1")], "one of 2"),
        ("two CDP switches", &[cdp("near", 1), cdp("far", 2)], "one of 2"),
    ];
    for (name, frames, want) in cases {
        let mut bench = Bench::new();
        frames.iter().for_each(|heard| _ = bench.hear(PORT, heard, S));
        assert_eq!(bench.switch(), *want, "{name}");
    }
}

#[test]
fn cdp_and_lldp_of_one_device_are_joined_by_its_short_name() {
    let mut bench = Bench::new();
    let named = with(lldp(1, "p1", 120), |lldp| lldp.system_name = Some("Leaf1.example.net".into()));
    bench.hear(PORT, &named, 0);
    bench.hear(PORT, &cdp("leaf1(SSI1542)", 9), 0);
    assert_eq!(bench.switch(), "01/p1@7 Only");
}

#[test]
fn ambiguity_is_reported_when_it_begins_and_ends_with_a_rival() {
    let mut bench = Bench::new();
    bench.hear(PORT, &lldp(1, "p1", 120), 0);
    bench.hear(PORT, &lldp(2, "p1", 20), S);
    bench.hear(PORT, &lldp(1, "p1", 120), 2 * S);
    assert_eq!(bench.said(), ["appeared 01/p1@7", "appeared 02/p1@7", "ambiguous 7"]);
    bench.run_until(30 * S);
    assert_eq!(bench.said(), ["expired 02/p1@7"]);
    assert_eq!(bench.switch(), "01/p1@7 Only");
    bench.hear(PORT, &lldp(3, "p1", 20), 31 * S);
    assert_eq!(bench.said(), ["appeared 03/p1@7", "ambiguous 7"]);
}

#[test]
fn a_sender_that_changes_its_chassis_id_is_one_device_unless_the_old_one_still_speaks() {
    let under = |chassis| {
        let mut heard = lldp(chassis, "p1", 120);
        heard.source = mac(77);
        heard
    };
    let mut bench = Bench::new();
    bench.hear(PORT, &under(1), 0);
    bench.hear(PORT, &under(2), 30 * S);
    assert_eq!(bench.said(), ["appeared 01/p1@7", "appeared 02/p1@7"]);
    assert_eq!(bench.switch(), "02/p1@7 Only", "the stack has another master");
    bench.hear(PORT, &under(1), 31 * S);
    assert_eq!(bench.said(), ["ambiguous 7"]);
    assert_eq!(bench.switch(), "one of 2", "somebody lies");
}

#[test]
fn what_two_neighbours_are_to_each_other_takes_more_than_a_name() {
    let named = |heard, name: &str| with(heard, |lldp| lldp.system_name = Some(name.into()));
    let from = |mut heard: Heard, source| {
        heard.source = mac(source);
        heard
    };
    let (at, system) = ([S, 40 * S], [Some(mac(50)), Some(mac(50))]);
    let per_port = |last: u8| {
        let own = lldp_of(last, "x", 120);
        let port = PortId::new(PortSubtype::MacAddress, &mac(last).0).expect("sound");
        let address = ManagementAddress::ipv4([10, 0, 0, 1].into(), Numbering::IfIndex, 1);
        let own = Lldp { port, management: Vec::from([address]), ..own };
        named(Heard::lldp(mac(last), own), "cheap")
    };
    let cases = [
        ("two ports", [lldp(1, "p1", 120), lldp(1, "p2", 120)], [None; 2], at, Relation::OneSwitch),
        ("a chassis id of each port", [per_port(1), per_port(2)], [None; 2], at, Relation::OneSwitch),
        (
            "stack",
            [lldp(1, "Gi1/0/5", 120), lldp(1, "Gi2/0/5", 120)],
            [None; 2],
            at,
            Relation::OneSwitchTwoModules,
        ),
        (
            "two extenders",
            [lldp(1, "Eth110/1/1", 120), lldp(1, "Eth111/1/1", 120)],
            [None; 2],
            at,
            Relation::OneSwitchTwoModules,
        ),
        (
            "CDP",
            [named(lldp(1, "p1", 120), "leaf1.a.b"), cdp("leaf1(S1)", 9)],
            [None; 2],
            at,
            Relation::OneSwitch,
        ),
        (
            "CDP from afar",
            [named(lldp(1, "p1", 120), "leaf1"), cdp("leaf2", 9)],
            [None; 2],
            at,
            Relation::Strangers,
        ),
        (
            "renamed",
            [from(lldp(1, "p1", 120), 7), from(lldp(2, "p1", 120), 7)],
            [None; 2],
            at,
            Relation::Renamed,
        ),
        (
            "replaced",
            [named(lldp(1, "p1", 120), "a"), named(lldp(2, "p1", 120), "a")],
            [None; 2],
            at,
            Relation::Replaced,
        ),
        (
            "namesakes at once",
            [named(lldp(1, "p1", 120), "a"), named(lldp(2, "p1", 120), "a")],
            [None; 2],
            [S, S],
            Relation::Namesakes,
        ),
        (
            "a pair",
            [named(lldp(1, "p1", 120), "a"), named(lldp(2, "p1", 120), "b")],
            system,
            [S, S],
            Relation::Peers,
        ),
        (
            "a pair of one name",
            [named(lldp(1, "p1", 120), "a"), named(lldp(2, "p1", 120), "a")],
            system,
            [S, S],
            Relation::Peers,
        ),
        (
            "deaf LACP",
            [lldp(1, "p1", 120), lldp(2, "p1", 120)],
            [Some(Mac([0; 6])); 2],
            [S, S],
            Relation::Strangers,
        ),
        ("two", [lldp(1, "p1", 120), lldp(2, "p1", 120)], [None, Some(mac(50))], at, Relation::Strangers),
    ];
    for (name, frames, systems, at, want) in cases {
        let mut bench = Bench::new();
        frames.iter().zip(at).for_each(|(heard, at)| _ = bench.hear(PORT, heard, at));
        let [first, second] = bench.table.neighbours(PORT) else { panic!("{name}: not two") };
        let sight = |neighbour, lacp_system| Sight { neighbour, lacp_system };
        let (a, b) = (sight(first, systems[0]), sight(second, systems[1]));
        assert_eq!([Relation::of(a, b), Relation::of(b, a)], [want; 2], "{name}");
    }
}

#[test]
fn a_switch_that_is_late_keeps_its_place_against_flooded_cdp_but_not_when_suspect() {
    let mut bench = Bench::new();
    [0, 30, 60].into_iter().for_each(|at| _ = bench.hear(PORT, &lldp(1, "p1", 120), at * S));
    bench.run_until(140 * S);
    bench.hear(PORT, &cdp("far", 9), 141 * S);
    assert_eq!(bench.switch(), "01/p1@7 Protocol");
    [(false, 142), (true, 143)].into_iter().for_each(|(up, at)| bench.carrier(up, at * S));
    bench.hear(PORT, &cdp("far", 9), 144 * S);
    assert_eq!(bench.switch(), "far/Gi0/1@7 Heard");
}
