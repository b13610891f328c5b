//! What-if answers against brute force: a graph without what is dead, the switch taken out of it, and a walk from
//! each host to see which switches it still comes to.
//!
//! A port on no known switch leads nowhere in one reading and to a switch of its own in the other; what an answer
//! calls sure holds in both, what it calls `perhaps` in the first only.

use std::collections::BTreeMap;

use proptest::prelude::*;
use ringmesh_topology::id::ProbeId;
use ringmesh_topology::verdict::Class;

use super::*;
use crate::graph::{
    Bounds, Direction, EdgeKey, Facts, HostFacts, Label, MemoryGraph, NodeKey, Op, Relation, Source, Stamp,
    SwitchFacts, Tie,
};
use crate::past::Past;

const SWITCHES: usize = 4;

/// One port: carrier, and the switch behind it.
type Port = (bool, Option<usize>);

#[derive(Clone, Debug)]
struct Small {
    alive: Vec<bool>,
    hosts: Vec<Vec<Port>>,
}

fn any_small() -> impl Strategy<Value = Small> {
    let port = (any::<bool>(), proptest::option::weighted(0.85, 0..SWITCHES));
    let hosts = proptest::collection::vec(proptest::collection::vec(port, 0..5), 1..7);
    let alive = proptest::collection::vec(proptest::bool::weighted(0.8), SWITCHES);
    (alive, hosts).prop_map(|(alive, hosts)| Small { alive, hosts })
}

fn site() -> Name {
    name("lab")
}

fn switch_id(at: usize) -> String {
    format!("id{at}")
}

fn switch_op(id: &str, state: SwitchState) -> Op {
    let facts = SwitchFacts { id: id.to_owned(), name: format!("name-{id}"), state };
    Op::Node(NodeKey::switch(&site(), id), Facts::Switch(facts))
}

fn edge(from: &NodeKey, relation: Relation, to: &NodeKey, tie: Tie) -> Op {
    Op::Edge(EdgeKey::new(from.clone(), relation, to.clone()), tie)
}

/// A host with its ports; each hangs on a port of its own on the switch of that id.
fn host_ops(at: usize, ports: &[(u32, bool, Option<String>)]) -> Vec<Op> {
    let (name, site) = (name(&format!("h{at}")), site());
    let host = NodeKey::host(&site, name.as_str());
    let facts = HostFacts { name: name.clone(), state: HostState::Up, since_ms: 0, class: Class::Normal };
    let mut ops = vec![Op::Node(host.clone(), Facts::Host(facts))];
    ops.push(Op::Node(NodeKey::probe(&site, ProbeId([0; 16])), Facts::Probe));
    for (ifindex, carrier, switch) in ports {
        let nic = NodeKey::nic(&site, name.as_str(), *ifindex);
        let ifname = format!("eth{ifindex}");
        let facts = Facts::Nic { ifname, mac: None, carrier: *carrier, reason: String::new(), bond: None };
        ops.extend([Op::Node(nic.clone(), facts), edge(&host, Relation::HasNic, &nic, Tie::Plain)]);
        let Some(id) = switch else { continue };
        let text = format!("{at}-{ifindex}");
        let port = NodeKey::port(&site, id, &text);
        ops.push(Op::Node(port.clone(), Facts::SwitchPort { name: text }));
        ops.push(edge(&NodeKey::switch(&site, id), Relation::HasPort, &port, Tie::Plain));
        ops.push(edge(&nic, Relation::WiredTo, &port, Tie::Wired(Evidence::Lldp)));
    }
    ops
}

fn graph(ops: &[Op]) -> MemoryGraph {
    let mut graph = MemoryGraph::default();
    let source = Source { site: site(), relay: RelayId(1), outbox: 1 };
    let ops = [&[Op::Node(NodeKey::site(&site()), Facts::Site)], ops].concat();
    let applied = graph.apply(&Stamp { source, sequence: 1, at_ms: 1 }, &ops).unwrap();
    assert_eq!(applied.dangling, 0);
    graph
}

fn numbered(ports: &[Port]) -> impl Iterator<Item = (u32, Port)> {
    (0..).zip(ports.iter().copied())
}

/// As relays would tell it.
fn told(small: &Small) -> MemoryGraph {
    let state = |alive: bool| if alive { SwitchState::Up } else { SwitchState::Down };
    let switches = small.alive.iter().enumerate();
    let mut ops: Vec<Op> = switches.map(|(at, alive)| switch_op(&switch_id(at), state(*alive))).collect();
    for (at, ports) in small.hosts.iter().enumerate() {
        let ports: Vec<_> =
            numbered(ports).map(|(n, (carrier, on))| (n, carrier, on.map(switch_id))).collect();
        ops.extend(host_ops(at, &ports));
    }
    graph(&ops)
}

/// Only what lives, `subject` among it with all its wires.
fn living(small: &Small, subject: usize, unknown_is_a_way: bool) -> MemoryGraph {
    let mut ops: Vec<Op> = Vec::new();
    for (at, alive) in small.alive.iter().enumerate() {
        if *alive || at == subject {
            ops.push(switch_op(&switch_id(at), SwitchState::Up));
        }
    }
    for (at, ports) in small.hosts.iter().enumerate() {
        let mut lives = Vec::new();
        for (n, (carrier, on)) in numbered(ports) {
            match on {
                Some(on) if on == subject || (carrier && small.alive[on]) => {
                    lives.push((n, true, Some(switch_id(on))));
                }
                None if carrier && unknown_is_a_way => {
                    let own = format!("own{at}-{n}");
                    ops.push(switch_op(&own, SwitchState::Up));
                    lives.push((n, true, Some(own)));
                }
                Some(_) | None => {}
            }
        }
        ops.extend(host_ops(at, &lives));
    }
    graph(&ops)
}

/// How many switches each host comes to.
fn reached(graph: &MemoryGraph, hosts: usize) -> Vec<usize> {
    let along = [
        (Relation::HasNic, Direction::Out),
        (Relation::WiredTo, Direction::Out),
        (Relation::HasPort, Direction::In),
    ];
    let bounds = Bounds { steps_max: 3, nodes_max: 1_000 };
    let one = |at| {
        let host = NodeKey::host(&site(), &format!("h{at}"));
        let walk = graph.walk(&host, &along, bounds).unwrap();
        walk.nodes.iter().filter(|(key, _)| key.label == Label::Switch).count()
    };
    (0..hosts).map(one).collect()
}

/// (before, after) the switch is taken out, for each host.
fn removed(small: &Small, subject: usize, unknown_is_a_way: bool) -> Vec<(usize, usize)> {
    let mut graph = living(small, subject, unknown_is_a_way);
    let before = reached(&graph, small.hosts.len());
    let source = Source { site: site(), relay: RelayId(1), outbox: 1 };
    let gone = Op::DropNode(NodeKey::switch(&site(), &switch_id(subject)));
    graph.apply(&Stamp { source, sequence: 2, at_ms: 2 }, &[gone]).unwrap();
    before.into_iter().zip(reached(&graph, small.hosts.len())).collect()
}

/// What each host loses with a switch, where it loses anything.
fn brute(small: &Small, subject: usize) -> BTreeMap<String, &'static str> {
    let (nowhere, own) = (removed(small, subject, false), removed(small, subject, true));
    let mut losses = BTreeMap::new();
    for (at, ((before, after), (own_before, own_after))) in nowhere.into_iter().zip(own).enumerate() {
        if before == after {
            continue;
        }
        assert!(own_before >= before && own_after >= after);
        let word = match (after, own_after) {
            (0, 0) => "every way",
            (0, _) => "perhaps every way",
            (1, 1) => "redundancy",
            (1, _) => "perhaps redundancy",
            (_, _) => "one way of several",
        };
        losses.insert(format!("h{at}"), word);
    }
    losses
}

fn text(cell: &Cell) -> String {
    if let Cell::Text(text) = cell { text.clone() } else { panic!("{cell:?} is no text") }
}

fn world(graph: &MemoryGraph) -> super::super::World<'_, MemoryGraph> {
    // The past lives as long as the test.
    let past = Box::leak(Box::new(Past::default()));
    super::super::World { graph, past, acting: &|_| None, now_ms: 10 }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn a_blast_radius_is_what_taking_the_switch_out_does_to_every_host(small in any_small()) {
        let graph = told(&small);
        let world = world(&graph);
        for subject in 0..SWITCHES {
            let want = brute(&small, subject);
            let want: BTreeMap<String, String> = want.into_iter().map(|(h, l)| (h, l.to_owned())).collect();
            for query in ["blast-radius", "uplink-cut"] {
                let answer = world.query(query, &switch_id(subject)).unwrap();
                let got: BTreeMap<String, String> =
                    answer.rows.iter().map(|row| (text(&row["host"]), text(&row["loses"]))).collect();
                prop_assert_eq!(&got, &want, "{} of {}", query, subject);
            }
        }
    }

    #[test]
    fn single_points_are_the_switches_that_take_hosts_with_them(small in any_small()) {
        let mut want = BTreeMap::new();
        for subject in 0..SWITCHES {
            let losses = brute(&small, subject);
            let count = |word: &str| losses.values().filter(|loss| **loss == word).count();
            let (sure, perhaps) = (count("every way"), count("perhaps every way"));
            if sure + perhaps > 0 {
                want.insert(switch_id(subject), (Cell::from(sure), Cell::from(perhaps)));
            }
        }
        let graph = told(&small);
        let answer = world(&graph).query("single-points", "").unwrap();
        let got: BTreeMap<String, (Cell, Cell)> = answer.rows.iter()
            .map(|row| (text(&row["switch_id"]), (row["cut_off"].clone(), row["perhaps"].clone())))
            .collect();
        prop_assert_eq!(got, want);
    }
}
