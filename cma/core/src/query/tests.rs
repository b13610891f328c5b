use ringmesh_proto::news::{HostNews, HostState, News, SwitchNews, SwitchState};
use ringmesh_topology::id::MacAddress;
use ringmesh_topology::place::{Bond, BondMate, BondRole, Evidence, Place};

use super::*;
use crate::testing::{CMA_MS, World, host, host_incident, name, place, ring, switch_incident};
use ringmesh_topology::verdict::Verdict;

mod brute;

const SW1: &str = "02:00:00:00:01:01";
const SW2: &str = "02:00:00:00:01:02";

/// A row in short: its cells joined by `|`, without the columns of ids.
fn short(answer: &Answer) -> Vec<String> {
    let cell = |cell: &Cell| match cell {
        Cell::Flag(flag) => flag.to_string(),
        Cell::Number(number) => number.to_string(),
        Cell::Text(text) => text.clone(),
        Cell::List(list) => list.join(" "),
    };
    let columns: Vec<&String> = answer.columns.iter().filter(|column| !column.ends_with("_id")).collect();
    let row = |row: &std::collections::BTreeMap<String, Cell>| {
        columns.iter().map(|column| cell(&row[*column])).collect::<Vec<_>>().join("|")
    };
    answer.rows.iter().map(row).collect()
}

fn ask(world: &World, query: &str, argument: &str) -> Answer {
    world.cma.query(world.now(), query, argument).unwrap()
}

fn refused(world: &World, query: &str, argument: &str) -> String {
    world.cma.query(world.now(), query, argument).unwrap_err().to_string()
}

fn switch(id: &str, name: &str, state: SwitchState) -> News {
    News::Switch(SwitchNews { id: id.into(), name: name.into(), state })
}

/// A bond over sw1 and sw2; its second port may be without carrier, and on no known switch.
fn bonded(ifindex: u32, address: &str, port: &str, carrier: bool, wired: bool) -> Place {
    let second = place(ifindex + 1, address, Some((2, port)));
    let mate = BondMate {
        ifindex: ifindex + 1,
        ifname: second.ifname,
        mac: None,
        carrier,
        role: BondRole::default(),
        attachment: second.attachment.filter(|_| wired),
    };
    let role = BondRole { active: true, partner: None };
    let bond = Bond { ifname: "bond0".into(), mode: "active-backup".into(), role, mates: vec![mate] };
    Place { bond: Some(Box::new(bond)), ..place(ifindex, address, Some((1, port))) }
}

/// h1 and h10 on sw1 alone; h2 bonded over both; h3 bonded with a dead leg; h4 on no known switch; h5 on sw1 and on
/// something unknown.
fn estate() -> World {
    let mut world = World::settled();
    world.news(switch(SW1, "sw1", SwitchState::Up));
    world.news(switch(SW2, "sw2", SwitchState::Up));
    let hosts = [
        host("h1", vec![place(2, "10.77.1.1", Some((1, "p1")))]),
        host("h10", vec![place(2, "10.77.1.10", Some((1, "p10")))]),
        host("h2", vec![bonded(2, "10.77.1.2", "p2", true, true)]),
        host("h3", vec![bonded(2, "10.77.1.3", "p3", false, false)]),
        host("h4", vec![place(2, "10.77.1.4", None)]),
        host("h5", vec![place(2, "10.77.1.5", Some((1, "p5"))), place(3, "10.78.1.5", None)]),
    ];
    hosts.into_iter().for_each(|host| world.news(News::Host(host)));
    world.run_to(world.now_ms + 30_000);
    world
}

#[test]
fn a_hosts_ports_are_told_with_what_is_behind_them_or_why_that_is_not_known() {
    let world = estate();
    let cases: &[(&str, &[&str])] = &[
        ("h1", &["eth0|true|sw1|p1|lldp|30|"]),
        (
            "lab/h2",
            &[
                "eth0|true|sw1|p2|lldp|30|active in bond0 (active-backup)",
                "eth1|true|sw2|p2|lldp|30|standby in bond0 (active-backup)",
            ],
        ),
        ("h4", &["eth0|true|||||no LLDP heard on eth0"]),
    ];
    for (host, want) in cases {
        assert_eq!(short(&ask(&world, "host-ports", host)), *want, "{host}");
    }
    let answer = ask(&world, "host-ports", "h1");
    assert_eq!((answer.schema, answer.at_ms), (1, CMA_MS + world.now_ms));
    assert_eq!(answer.rows[0]["switch_id"], SW1.into());
}

#[test]
fn all_switch_ports_and_those_of_one_switch_are_told_as_people_count() {
    let world = estate();
    assert_eq!(
        short(&ask(&world, "switch-ports", "")),
        [
            "lab|sw1|p1|h1|eth0|up|lldp|30",
            "lab|sw1|p2|h2|eth0|up|lldp|30",
            "lab|sw1|p3|h3|eth0|up|lldp|30",
            "lab|sw1|p5|h5|eth0|up|lldp|30",
            "lab|sw1|p10|h10|eth0|up|lldp|30",
            "lab|sw2|p2|h2|eth1|up|lldp|30",
        ]
    );
    let behind = ["p2|h2|eth1|up|lldp|30|sw1"];
    for switch in ["sw2", SW2, "lab/sw2", &format!("lab/{SW2}")] {
        assert_eq!(short(&ask(&world, "hosts-behind", switch)), behind, "{switch}");
    }
}

#[test]
fn hosts_are_found_by_address_and_name_and_switches_by_name_and_mac() {
    let world = estate();
    let cases: &[(&str, &[&str])] = &[
        ("10.77.1.10", &["host|lab|h10|up|eth0|10.77.1.10/16|sw1|p10"]),
        ("10.78.1.5", &["host|lab|h5|up|eth1|10.78.1.5/16||"]),
        ("H1", &["host|lab|h1|up|eth0|10.77.1.1/16|sw1|p1", "host|lab|h10|up|eth0|10.77.1.10/16|sw1|p10"]),
        ("sw2", &["switch|lab|sw2|up|||sw2|"]),
        ("0200.0000.0101", &["switch|lab|sw1|up|||sw1|"]),
    ];
    for (text, want) in cases {
        assert_eq!(short(&ask(&world, "find", text)), *want, "{text}");
    }
    assert!(refused(&world, "find", "02:00:00:00:09:09").contains("no port of a host has that MAC address"));
    assert!(refused(&world, "find", "10.77.1.100").contains("no port of a host has that address"));
    assert!(refused(&world, "find", "nosuch").contains("part of a name"));
}

#[test]
fn a_port_is_found_by_its_mac_address_and_all_of_a_bond_by_the_one_they_have() {
    let mut world = estate();
    let with = |mac: u8, mut place: Place| {
        let mac = Some(MacAddress([2, 0, 0, 0, 9, mac]));
        place.mac = mac;
        place.bond.iter_mut().flat_map(|bond| &mut bond.mates).for_each(|mate| mate.mac = mac);
        place
    };
    let h5 = vec![with(5, place(2, "10.77.1.5", Some((1, "p5")))), with(6, place(3, "10.78.1.5", None))];
    world.news(News::Host(host("h5", h5)));
    world.news(News::Host(host("h2", vec![with(2, bonded(2, "10.77.1.2", "p2", true, true))])));
    assert_eq!(short(&ask(&world, "find", "0200.0000.0906")), ["host|lab|h5|up|eth1|10.78.1.5/16||"]);
    let found = ask(&world, "find", "02-00-00-00-09-02");
    let both = ["host|lab|h2|up|eth0|10.77.1.2/16|sw1|p2", "host|lab|h2|up|eth1||sw2|p2"];
    assert_eq!(short(&found), both);
    assert_eq!(found.rows[1]["interface_id"], "02:00:00:00:09:02".into());
    // Another card in the same slot.
    world.news(News::Host(host("h5", vec![with(7, place(2, "10.77.1.5", Some((1, "p5"))))])));
    assert!(refused(&world, "find", "02:00:00:00:09:05").contains("MAC"));
    assert_eq!(ask(&world, "find", "02:00:00:00:09:07").rows.len(), 1);
}

#[test]
fn a_blast_radius_tells_what_each_host_loses_and_what_is_left() {
    let world = estate();
    let sw1 = [
        "h1|up|every way|",
        "h3|up|every way|",
        "h10|up|every way|",
        "h5|up|perhaps every way|",
        "h2|up|redundancy|sw2",
    ];
    let answer = ask(&world, "blast-radius", "sw1");
    assert_eq!(short(&answer), sw1);
    let said =
        "sw1 (up): hosts behind it 5, lose every way 3, perhaps every way 1, lose redundancy 1, perhaps 0";
    assert_eq!(answer.notes[0], said);
    assert_eq!(short(&ask(&world, "blast-radius", "sw2")), ["h2|up|redundancy|sw1"]);
    let cut: Vec<String> = sw1.iter().map(|row| format!("{row}|4")).collect();
    assert_eq!(short(&ask(&world, "uplink-cut", "sw1")), cut);
    assert_eq!(short(&ask(&world, "single-points", "")), ["lab|sw1|up|3|1|h1 h3 h10"]);
}

#[test]
fn a_dead_switch_takes_no_way_twice_and_its_own_radius_is_still_told() {
    let mut world = estate();
    world.news(switch(SW2, "sw2", SwitchState::Down));
    let behind = |world: &World, switch| short(&ask(world, "blast-radius", switch));
    assert!(behind(&world, "sw1").contains(&"h2|up|every way|".to_owned()));
    assert_eq!(behind(&world, "sw2"), ["h2|up|redundancy|sw1"]);
}

#[test]
fn lost_redundancy_names_the_leg_that_is_gone() {
    let mut world = estate();
    let h3 = "lab|h3|up|1|2|eth1 without carrier";
    assert_eq!(short(&ask(&world, "lost-redundancy", "")), [h3]);
    world.news(switch(SW2, "sw2", SwitchState::Cut));
    assert_eq!(short(&ask(&world, "lost-redundancy", "")), ["lab|h2|up|1|2|sw2 is cut", h3]);
    world.news(switch(SW2, "sw2", SwitchState::Up));
    world.news(News::Host(host("h2", vec![bonded(2, "10.77.1.2", "p2", false, true)])));
    let h2 = "lab|h2|up|1|2|eth1 without carrier (was on sw2)";
    assert_eq!(short(&ask(&world, "lost-redundancy", "")), [h2, h3]);
}

#[test]
fn rings_are_told_in_their_order_and_only_those_of_the_relay_that_acts() {
    let mut world = estate();
    world.news(News::Ring(ring(3, SW1, &["h1", "h3", "h2"])));
    let fallback = "no LLDP heard on eth0";
    world.news(News::Ring(ringmesh_proto::news::RingNews {
        reason: fallback.into(),
        ..ring(4, "", &["h4", "h5"])
    }));
    let answer = ask(&world, "rings", "");
    assert_eq!(
        short(&answer),
        [
            format!("lab|1/4|fallback|{fallback}|10.77.0.0/16|1.4|h4 h5|h4 h5"),
            "lab|1/3|switch|sw1|10.77.0.0/16|1.4|h1 h3 h2|h1 h3".to_owned(),
        ]
    );
    let idle =
        super::World { graph: &world.cma.graph, past: &world.cma.past, acting: &|_: &Name| None, now_ms: 0 };
    let answer = idle.query("rings", "").unwrap();
    assert!(answer.rows.is_empty() && answer.notes[1].ends_with("left out: 2"), "{:?}", answer.notes);
}

#[test]
fn causes_are_told_with_their_incidents_and_odds() {
    let mut world = estate();
    let mut incident = switch_incident(2);
    for alternative in &mut incident.alternatives {
        alternative.subject.id = SW1.into();
    }
    world.incident(&incident);
    let own = ringmesh_topology::id::IncidentId(0xdef);
    world.incident(&ringmesh_proto::news::IncidentNews { id: own, ..host_incident(Verdict::HostDown) });
    assert_eq!(
        short(&ask(&world, "causes", "")),
        [
            "lab|switch|sw1|SwitchDown|500|0000000000000abc|open|2",
            "lab|switch|sw1|UplinkCut|500|0000000000000abc|open|2",
            "lab|host|h1|HostDown|500|0000000000000def|open|1",
        ]
    );
}

#[test]
fn wiring_changes_are_what_ended_and_what_was_plugged_in() {
    let mut world = World::settled();
    // Known before it heard its switch: what it hears then is not new.
    world.news(News::Host(host("h1", vec![place(2, "10.77.1.1", None)])));
    world.run_to(world.now_ms + 20_000);
    let start = world.now_ms;
    let steps = [
        host("h1", vec![place(2, "10.77.1.1", Some((1, "p1")))]),
        HostNews { state: HostState::Silent, ..host("h1", vec![place(2, "10.77.1.1", Some((1, "p1")))]) },
        host("h1", vec![place(2, "10.77.1.1", Some((2, "p9"))), place(3, "10.77.2.1", Some((1, "p1")))]),
    ];
    for step in steps {
        world.news(News::Host(step));
        world.run_to(world.now_ms + 130_000);
    }
    world.news(News::HostGone(name("h1")));
    let at = |ms: u64| (CMA_MS + start + ms).to_string();
    let moved = [
        format!("{}|lab|h1|eth0|sw1 p1|sw2 p9", at(260_000)),
        format!("{}|lab|h1|eth1|-|sw1 p1", at(260_000)),
    ];
    let gone =
        [format!("{}|lab|h1|eth0|sw2 p9|-", at(390_000)), format!("{}|lab|h1|eth1|sw1 p1|-", at(390_000))];
    assert_eq!(short(&ask(&world, "wiring-changes", &at(0))), [moved, gone.clone()].concat());
    assert_eq!(short(&ask(&world, "wiring-changes", &at(260_001))), gone);
    assert!(refused(&world, "wiring-changes", &at(9_000_000)).contains("has not come yet"));
}

#[test]
fn a_port_that_is_empty_for_a_while_is_told_twice_and_another_evidence_or_name_is_no_change() {
    let mut world = World::settled();
    let wired = |port: &str, evidence| {
        let mut place = place(2, "10.77.1.1", Some((1, port)));
        place.attachment.as_mut().unwrap().evidence = evidence;
        News::Host(host("h1", vec![place]))
    };
    let start = world.now_ms;
    let steps = [
        wired("p1", Evidence::Lldp),
        wired("p1", Evidence::Cache),
        switch(SW1, "core-1", SwitchState::Up),
        News::Host(host("h1", vec![place(2, "10.77.1.1", None)])),
        wired("p1", Evidence::Lldp),
        wired("p2", Evidence::Lldp),
    ];
    for step in steps {
        world.news(step);
        world.run_to(world.now_ms + 10_000);
    }
    let at = |ms: u64| (CMA_MS + start + ms).to_string();
    let changes = [
        format!("{}|lab|h1|eth0|core-1 p1|-", at(30_000)),
        format!("{}|lab|h1|eth0|-|core-1 p1", at(40_000)),
        format!("{}|lab|h1|eth0|core-1 p1|core-1 p2", at(50_000)),
    ];
    assert_eq!(short(&ask(&world, "wiring-changes", &at(0))), changes);
    let incident = host_incident(Verdict::HostDown);
    world.incident(&incident);
    world.incident(&crate::testing::closed(&incident, 5_000));
    let (opened, closed) = (incident.opened_ms, incident.opened_ms + 5_000);
    let wires = [
        format!("wire|eth0|core-1|p1||{}|{}", at(0), at(30_000)),
        format!("wire|eth0|core-1|p1||{}|{}", at(40_000), at(50_000)),
        format!("wire|eth0|core-1|p2||{}|", at(50_000)),
    ];
    let incident = format!("incident||||0000000000000abc|{opened}|{closed}");
    assert_eq!(short(&ask(&world, "history", "h1")), [&wires[..], &[incident]].concat());

    // What is left of a host that is gone.
    world.news(News::HostGone(name("h1")));
    assert_eq!(short(&ask(&world, "history", "lab/h1"))[2], format!("{}{}", wires[2], at(60_000)));
    assert!(refused(&world, "history", "h9").starts_with("no host is called \"h9\""));
    let gone = format!("{}|lab|h1|eth0|core-1 p2|-", at(60_000));
    assert_eq!(short(&ask(&world, "wiring-changes", &at(60_000))), [gone]);
}

#[test]
fn of_past_wires_the_newest_are_kept_of_each_host_and_in_all_and_an_answer_says_so() {
    let mut world = World::settled();
    let port = |host_name: &str, n: usize| {
        let places = vec![place(2, "10.77.1.1", Some((1, &format!("p{n}"))))];
        News::Host(HostNews { name: name(host_name), ..host("h1", places) })
    };
    world.news(port("quiet", 1));
    world.news(port("quiet", 2));
    for n in 0..crate::past::OF_A_HOST_MAX + 20 {
        world.now_ms += 1;
        world.news(port("loud", n));
    }
    let count = |world: &World, host| {
        let rows = ask(world, "history", host).rows;
        (rows.len(), rows[0]["port"].clone())
    };
    // Those that ended, and the one that is.
    assert_eq!(count(&world, "loud"), (crate::past::OF_A_HOST_MAX + 1, "p19".into()));
    assert_eq!(count(&world, "quiet"), (2, "p1".into()));

    // There is room for all of them: a host that has its own limit to keep takes nobody else's.
    let all = u64::try_from(crate::past::OF_A_HOST_MAX + 1).unwrap();
    world.cma.past = crate::past::Past::over(&world.cma.graph, all * 8).unwrap();
    world.news(port("loud", 6));
    assert_eq!((count(&world, "loud").0, count(&world, "quiet").0), (crate::past::OF_A_HOST_MAX + 1, 2));

    let mut config = crate::testing::config();
    config.nodes_max = 40;
    world.cma.past = crate::past::Past::over(&world.cma.graph, config.nodes_max).unwrap();
    world.news(port("loud", 7));
    assert_eq!((count(&world, "loud").0, count(&world, "quiet").0), (6, 1));
    let notes = ask(&world, "wiring-changes", "1").notes;
    assert!(notes[0].starts_with("wires that ended before") && notes[1].contains("of all 5"), "{notes:?}");
}

#[test]
fn stale_wires_are_those_remembered_and_with_an_age_those_older() {
    let mut world = estate();
    let mut remembered = place(2, "10.77.1.1", Some((1, "p1")));
    remembered.attachment.as_mut().unwrap().evidence = Evidence::Cache;
    world.news(News::Host(host("h1", vec![remembered])));
    let cache = "lab|h1|eth0|sw1|p1|cache|30|remembered, not heard again";
    assert_eq!(short(&ask(&world, "stale", "")), [cache]);
    assert_eq!(short(&ask(&world, "stale", "30")), [cache]);
    let older = short(&ask(&world, "stale", "29"));
    assert!(older.len() == 6 && older[1] == "lab|h2|eth0|sw1|p2|lldp|30|older than asked", "{older:?}");
}

#[test]
fn what_cannot_be_answered_says_what_to_try() {
    let mut world = estate();
    let far = crate::testing::hello("far", 1, 1);
    world.event(crate::cma::Event::RelayConnected { stream: crate::relay::StreamId(7), hello: far });
    let news = News::Host(host("h1", vec![place(2, "10.9.1.1", Some((1, "p1")))]));
    world.event(crate::cma::Event::RelayNews { stream: crate::relay::StreamId(7), sequence: 1, news });
    let cases = [
        ("nosuch", "", "no query is called \"nosuch\": `ringmesh query` lists them all"),
        ("host-ports", "", "give `ringmesh query host-ports [SITE/]HOST`"),
        ("rings", "h1", "give `ringmesh query rings`"),
        ("host-ports", "h9", "no host is called \"h9\": `ringmesh tree` shows all there are"),
        (
            "host-ports",
            "H2",
            "no host is called \"H2\": did you mean h2? `ringmesh tree` shows all there are",
        ),
        ("host-ports", "h1", "2 hosts are called \"h1\": give one of far/h1, lab/h1"),
        ("hosts-behind", "h1", "no switch is called \"h1\": `ringmesh tree` shows all there are"),
        ("hosts-behind", "sw1", "2 switches are called"),
        ("stale", "old", "\"old\" is no number of seconds"),
    ];
    for (query, argument, want) in cases {
        let said = refused(&world, query, argument);
        assert!(said.starts_with(want), "{query} {argument}: {said}");
    }
    assert_eq!(short(&ask(&world, "hosts-behind", "far/sw1")).len(), 1);
}

#[test]
fn every_query_answers_or_says_why_not_and_its_rows_have_its_columns() {
    let world = estate();
    for query in catalogue::ALL {
        let argument = match query.argument {
            None | Some(Argument::Age) => "",
            Some(Argument::Host | Argument::Text) => "h2",
            Some(Argument::Switch) => "sw1",
            Some(Argument::Since) => "1",
        };
        let answer = ask(&world, query.name, argument);
        assert_eq!(answer.columns, query.columns, "{}", query.name);
        for row in &answer.rows {
            assert_eq!(row.len(), query.columns.len(), "{}", query.name);
        }
        assert!(query.line.len() <= 70, "{}", query.name);
    }
}
