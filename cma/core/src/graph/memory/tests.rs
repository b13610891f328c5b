//! The laws of every store, and what this one does beyond them.

use ringmesh_topology::id::{Name, RelayId};

use super::*;
use crate::graph::conformance;
use crate::graph::scan_all;

const CASES: u32 = 300;

#[test]
fn it_answers_as_the_model_does() {
    conformance::answers_as_the_model_does(CASES, MemoryGraph::default);
}

#[test]
fn it_tells_all_of_it_in_its_log() {
    conformance::tells_all_of_it_in_its_log(CASES, MemoryGraph::default);
    conformance::tells_what_a_batch_changed(CASES, MemoryGraph::default);
}

#[test]
fn it_changes_nothing_the_second_time() {
    conformance::changes_nothing_the_second_time(CASES, MemoryGraph::default);
}

#[test]
fn it_is_rebuilt_from_a_snapshot() {
    conformance::is_rebuilt_from_a_snapshot(CASES, MemoryGraph::default);
}

#[test]
fn however_few_tombstones_are_kept_what_lives_is_told() {
    for most in 0..3 {
        conformance::tells_all_of_it_in_its_log(CASES, || MemoryGraph::with_tombstones_max(most));
        conformance::tells_what_a_batch_changed(CASES, || MemoryGraph::with_tombstones_max(most));
    }
}

fn host(n: u32) -> NodeKey {
    NodeKey::host(&site(), &format!("h{n:04}"))
}

fn site() -> Name {
    Name::new("lab").unwrap()
}

fn stamp(sequence: u64) -> Stamp {
    Stamp { source: Source { site: site(), relay: RelayId(1), outbox: 1 }, sequence, at_ms: sequence }
}

#[test]
fn numbers_are_used_again_and_nothing_of_their_former_owner_is_left() {
    let mut graph = MemoryGraph::with_tombstones_max(0);
    for round in 1..=20 {
        let ties =
            (1..500).map(|n| EdgeKey::marked(host(0), Relation::Runs, host(n), format!("{round}/{n}")));
        let mut ops: Vec<Op> = (0..500).map(|n| Op::Node(host(n), Facts::Probe)).collect();
        ops.extend(ties.map(|key| Op::Edge(key, Tie::Plain)));
        assert_eq!(graph.apply(&stamp(round), &ops).unwrap().changed, 999);
        assert_eq!(graph.neighbours(&host(0), Direction::Out, None).unwrap().len(), 499);
        let away: Vec<Op> = (0..500).rev().map(|n| Op::DropNode(host(n))).collect();
        graph.apply(&stamp(round), &away).unwrap();
        let stats = graph.stats().unwrap();
        assert!(stats.nodes.is_empty() && stats.edges.is_empty() && stats.tombstones == 0, "{stats:?}");
    }
    assert!(scan_all(&graph, Label::Host).unwrap().is_empty());
}

#[test]
fn a_node_with_many_edges_gives_them_all_in_order_and_loses_any_of_them() {
    let mut graph = MemoryGraph::default();
    let mut ops: Vec<Op> = (0..3_000).rev().map(|n| Op::Node(host(n), Facts::Probe)).collect();
    ops.push(Op::Node(NodeKey::site(&site()), Facts::Site));
    let tie = |n| EdgeKey::new(host(n), Relation::InSite, NodeKey::site(&site()));
    ops.extend((0..3_000).map(|n| Op::Edge(tie(n * 7 % 3_000), Tie::Plain)));
    graph.apply(&stamp(1), &ops).unwrap();
    graph.apply(&stamp(2), &(0..3_000).step_by(2).map(|n| Op::DropEdge(tie(n))).collect::<Vec<_>>()).unwrap();
    let edges = graph.neighbours(&NodeKey::site(&site()), Direction::In, Some(Relation::InSite)).unwrap();
    assert!(edges.into_iter().map(|edge| edge.key).eq((1..3_000).step_by(2).map(tie)));
}
