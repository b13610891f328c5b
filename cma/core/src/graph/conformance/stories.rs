//! Random histories: few things, so that words about them meet.

use proptest::prelude::*;
use ringmesh_proto::news::SwitchState;
use ringmesh_topology::id::{MacAddress, Name, RelayId};
use ringmesh_topology::place::Evidence;

use crate::graph::*;

/// Batches, each with its stamp.
pub type Story = Vec<(Stamp, Vec<Op>)>;

/// What switches are called in stories: what a switch announces is anybody's guess.
pub(super) const SWITCH_NAMES: [&str; 4] = ["tor-1", "\u{1b}[31mred\u{7}", "'; DROP \"x\" \\", ""];

/// Ids of all kinds: plain, hostile, long, one the beginning of another.
fn ids() -> [String; 6] {
    let long = "x".repeat(255);
    ["lab/h1", "lab/h10", "lab/\"q\" '\\\n\u{202e}", "other/h1", "", &long].map(str::to_owned)
}

/// Every node a story can speak of.
pub(super) fn things() -> Vec<NodeKey> {
    let labels = [Label::Switch, Label::Host, Label::Nic];
    labels.iter().flat_map(|&label| ids().map(|id| NodeKey { label, id })).collect()
}

fn any_key() -> impl Strategy<Value = NodeKey> {
    // Mostly the first few, so that edges find their ends.
    prop_oneof![4 => 6..10_usize, 1 => 0..18_usize].prop_map(|at| things().swap_remove(at))
}

fn any_facts(key: &NodeKey, said: u8) -> Facts {
    let name = SWITCH_NAMES[usize::from(said) % SWITCH_NAMES.len()].to_owned();
    match key.label {
        Label::Switch => Facts::Switch(SwitchFacts { id: key.id.clone(), name, state: SwitchState::Up }),
        Label::Nic => {
            let mac = (said > 0).then_some(MacAddress([said; 6]));
            Facts::Nic { ifname: name, mac, carrier: true, reason: String::new(), bond: None }
        }
        _ if said == 0 => Facts::Probe,
        _ => Facts::SwitchPort { name },
    }
}

fn any_op() -> impl Strategy<Value = Op> {
    let relation = prop_oneof![Just(Relation::NextInRing), Just(Relation::WiredTo), Just(Relation::InSite)];
    (0u8..8, any_key(), any_key(), relation, 0u8..4).prop_map(|(what, a, b, relation, said)| {
        let mark = if said < 2 { String::new() } else { format!("ring {said}") };
        let edge = EdgeKey::marked(a.clone(), relation, b, mark);
        match what {
            0..3 => {
                let facts = any_facts(&a, said);
                Op::Node(a, facts)
            }
            3..6 if said % 2 == 0 => Op::Edge(edge, Tie::Member { rank: said.into(), delegate: said > 2 }),
            3..6 => Op::Edge(edge, Tie::Wired(if said == 1 { Evidence::Lldp } else { Evidence::Cache })),
            6 => Op::DropEdge(edge),
            _ => Op::DropNode(a),
        }
    })
}

/// Two sources that speak of the same things, with numbers that do not only rise.
fn any_stamp() -> impl Strategy<Value = Stamp> {
    (1u64..3, 1u64..12).prop_map(|(outbox, sequence)| {
        let site = Name::new("lab").unwrap();
        let source = Source { site, relay: RelayId(1), outbox };
        Stamp { source, sequence, at_ms: sequence * 10 + outbox }
    })
}

/// Up to 24 batches.
pub fn any_story() -> impl Strategy<Value = Story> {
    let batch = (any_stamp(), proptest::collection::vec(any_op(), 1..8));
    proptest::collection::vec(batch, 1..25)
}
