use ringmesh_proto::news::{HostNews, HostState, News, SwitchNews, SwitchState};
use ringmesh_proto::time::{Time, WallClock};

use super::NotThen;
use crate::cma::{Cma, Event};
use crate::documents::{EventLine, Tree};
use crate::graph::MemoryGraph;
use crate::relay::StreamId;
use crate::testing::{CMA_MS, World, closed, config, hello, host, name, place, switch_incident};

const SW1: &str = "02:00:00:00:01:01";

fn short(lines: Vec<EventLine>) -> Vec<String> {
    let short = |line: EventLine| format!("{} {} {}: {}", line.number, line.kind, line.subject, line.text);
    lines.into_iter().map(short).collect()
}

/// A history of a minute: one thing every ten seconds from the twentieth on.
fn history() -> World {
    let mut world = World::settled();
    let h1 = host("h1", vec![place(2, "10.77.1.1", Some((1, "p1")))]);
    let moved = host("h1", vec![place(2, "10.77.1.1", Some((2, "p9"))), place(3, "10.77.2.1", None)]);
    let down = SwitchNews { id: SW1.into(), name: "sw1".into(), state: SwitchState::Down };
    let incident = switch_incident(1);
    let news = [
        News::Host(h1.clone()),
        News::Switch(down),
        News::Incident(Box::new(incident.clone())),
        News::Host(HostNews { state: HostState::Silent, ..h1 }),
        News::Host(moved),
        News::Incident(Box::new(closed(&incident, 1_000))),
        News::HostGone(name("h1")),
    ];
    for news in news {
        world.news(news);
        world.run_to(world.now_ms + 10_000);
    }
    world.event(Event::RelayGone { stream: StreamId(1) });
    world.run_to(world.now_ms + 1_000);
    world
}

#[test]
fn events_are_told_in_order_after_a_number_or_the_last_of_them() {
    let world = history();
    let all = [
        "1 relay-connected lab/r1: connected",
        "2 host-up h1: up, eth0 on sw1 p1",
        "3 switch-down 02:00:00:00:01:01: switch sw1",
        "4 incident-opened 0000000000000abc: SwitchDown|UplinkCut switch sw1: two witnesses",
        "5 host-silent h1: heard by nobody, eth0 on sw1 p1",
        "6 host-up h1: up, eth0 on sw2 p9, eth1 on no known switch",
        "7 incident-closed 0000000000000abc: SwitchDown|UplinkCut switch sw1: two witnesses",
        "8 host-gone h1: left the roster",
        "9 relay-lost lab/r1: its stream ended",
    ];
    assert_eq!(short(world.cma.events(0, None)), all);
    assert_eq!(short(world.cma.events(6, None)), all[6..]);
    assert_eq!(short(world.cma.events(0, Some(2))), all[7..]);
    assert_eq!(short(world.cma.events(8, Some(5))), all[8..]);
    let first = &world.cma.events(0, None)[1];
    assert_eq!((first.schema, first.at_ms, first.site.as_str()), (1, CMA_MS + 20_000, "lab"));
}

/// `up: sw1 p1 h1 up 10 s; SwitchDown`: a site in short.
fn drawn(tree: &Tree) -> String {
    let site = &tree.sites[0];
    let ports = site.switches.iter().flat_map(|switch| {
        switch.ports.iter().map(move |port| {
            format!(
                "{} ({}) {} {} {} {} s",
                switch.name, switch.state, port.port, port.host, port.state, port.age_s
            )
        })
    });
    let ports: Vec<String> = ports.collect();
    let incidents: Vec<&str> = site.incidents.iter().map(|incident| incident.verdict.as_str()).collect();
    format!("{}: {}; {}", site.state, ports.join(", "), incidents.join(", "))
}

#[test]
fn the_tree_of_a_moment_shows_what_hung_where_then() {
    let world = history();
    let cases = [
        (0, "up: ; "),
        (20_000, "up: sw1 (unknown) p1 h1 up 0 s; "),
        (35_000, "up: sw1 (down) p1 h1 up 15 s; "),
        (45_000, "up: sw1 (down) p1 h1 up 25 s; SwitchDown|UplinkCut"),
        (55_000, "up: sw1 (down) p1 h1 silent 35 s; SwitchDown|UplinkCut"),
        (65_000, "up: sw2 (unknown) p9 h1 up 5 s; SwitchDown|UplinkCut"),
        (75_000, "up: sw2 (unknown) p9 h1 up 15 s; "),
        (89_999, "up: ; "),
        (90_500, "unknown: ; "),
    ];
    for (at, want) in cases {
        let tree = world.cma.tree_at(world.now(), CMA_MS + at).unwrap();
        assert_eq!(drawn(&tree), want, "at {at}");
        assert_eq!(tree.at_ms, CMA_MS + at);
    }
    let now_ms = CMA_MS + world.now_ms;
    let at = |at_ms: u64| world.cma.tree_at(world.now(), at_ms);
    assert_eq!(at(now_ms + 1), Err(NotThen::Future { at_ms: now_ms + 1, now_ms }));
    assert_eq!(at(CMA_MS - 1), Err(NotThen::TooOld { at_ms: CMA_MS - 1, oldest_ms: CMA_MS }));
    let wall = WallClock { at: Time::ZERO, unix_ms: CMA_MS };
    let empty = Cma::new(config(), wall, MemoryGraph::default()).tree_at(Time::ZERO, CMA_MS).unwrap_err();
    assert_eq!(empty.to_string(), "nothing is kept of 1970-01-12 13:46:40 UTC: no event is kept yet");
}

#[test]
fn the_tree_of_this_moment_is_that_of_the_last_events_but_for_the_rings() {
    let mut world = World::settled();
    for (id, switch, port) in [("h1", 1, "p1"), ("h2", 1, "p2"), ("h3", 2, "p1")] {
        world.news(News::Host(host(
            id,
            vec![place(2, &format!("10.77.1.{}", &id[1..]), Some((switch, port)))],
        )));
    }
    world.event(Event::RelayConnected { stream: StreamId(7), hello: hello("far", 1, 1) });
    world.run_to(world.now_ms + 5_000);
    let now = world.cma.tree(world.now()).unwrap();
    assert_eq!(world.cma.tree_at(world.now(), now.at_ms).unwrap(), now);
}
