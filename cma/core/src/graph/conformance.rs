//! What every store must do, against a model that is too simple to be wrong.

use std::collections::BTreeMap;

use proptest::prelude::*;
use ringmesh_topology::id::{Name, RelayId};

use super::*;

/// Latest word on each thing: who, as what number, what (or nothing), since when.
type Said<T> = (Source, u64, Option<T>, u64);

/// Living and dropped things in two maps; every rule by brute force.
#[derive(Default)]
struct Naive {
    nodes: BTreeMap<NodeKey, Said<Facts>>,
    edges: BTreeMap<EdgeKey, Said<Tie>>,
}

fn say<T: PartialEq>(slot: &mut Said<T>, stamp: &Stamp, said: Option<T>, forced: bool) {
    if !forced && slot.0 == stamp.source && slot.1 > stamp.sequence {
        return;
    }
    let since = if slot.2 == said { slot.3 } else { stamp.at_ms };
    *slot = (stamp.source.clone(), stamp.sequence, said, since);
}

impl Naive {
    fn lives(&self, key: &NodeKey) -> bool {
        self.nodes.get(key).is_some_and(|said| said.2.is_some())
    }

    fn apply(&mut self, stamp: &Stamp, ops: &[Op]) {
        for op in ops {
            self.apply_one(stamp, op);
        }
    }

    fn apply_one(&mut self, stamp: &Stamp, op: &Op) {
        match op {
            Op::Node(key, facts) => {
                let fresh = (stamp.source.clone(), 0, None, 0);
                say(self.nodes.entry(key.clone()).or_insert(fresh), stamp, Some(facts.clone()), false);
            }
            Op::Edge(key, tie) if self.lives(&key.from) && self.lives(&key.to) => {
                let fresh = (stamp.source.clone(), 0, None, 0);
                say(self.edges.entry(key.clone()).or_insert(fresh), stamp, Some(*tie), false);
            }
            Op::Edge(..) => {}
            Op::DropEdge(key) => {
                if let Some(slot) = self.edges.get_mut(key) {
                    say(slot, stamp, None, false);
                }
            }
            Op::DropNode(key) => {
                let Some(slot) = self.nodes.get_mut(key) else { return };
                if slot.0 == stamp.source && slot.1 > stamp.sequence {
                    return;
                }
                say(slot, stamp, None, false);
                for (edge, slot) in &mut self.edges {
                    if edge.from == *key || edge.to == *key {
                        say(slot, stamp, None, true);
                    }
                }
            }
        }
    }

    fn living_nodes(&self) -> Vec<(NodeKey, Facts, Source)> {
        let living =
            |(key, said): (&NodeKey, &Said<Facts>)| Some((key.clone(), said.2.clone()?, said.0.clone()));
        self.nodes.iter().filter_map(living).collect()
    }

    fn living_edges(&self) -> Vec<Edge> {
        let living = |(key, said): (&EdgeKey, &Said<Tie>)| {
            Some(Edge { key: key.clone(), tie: said.2?, source: said.0.clone(), since_ms: said.3 })
        };
        self.edges.iter().filter_map(living).collect()
    }

    fn reach(&self, from: &NodeKey, along: &[(Relation, Direction)], steps: u32) -> Vec<(NodeKey, u32)> {
        let mut found: BTreeMap<NodeKey, u32> = BTreeMap::from([(from.clone(), 0)]);
        for distance in 1..=steps {
            for edge in self.living_edges() {
                for &(relation, direction) in along {
                    let (a, b) = match direction {
                        Direction::Out => (&edge.key.from, &edge.key.to),
                        Direction::In => (&edge.key.to, &edge.key.from),
                    };
                    if edge.key.relation == relation && found.get(a) == Some(&(distance - 1)) {
                        found.entry(b.clone()).or_insert(distance);
                    }
                }
            }
        }
        found.remove(from);
        let mut found: Vec<_> = found.into_iter().collect();
        found.sort_by(|a, b| (a.1, &a.0).cmp(&(b.1, &b.0)));
        found
    }
}

/// What a reader holds who only follows the change log.
#[derive(Default)]
struct Follower {
    nodes: BTreeMap<NodeKey, Facts>,
    edges: BTreeMap<EdgeKey, Tie>,
    revision: u64,
}

impl Follower {
    fn catch_up(&mut self, graph: &impl GraphStore) {
        loop {
            let (changes, more) = match graph.changes_since(self.revision, 3).unwrap() {
                Changes::Since { changes, more } => (changes, more),
                Changes::Forgotten => {
                    self.read_all(graph);
                    continue;
                }
            };
            for (revision, change) in changes {
                assert!(revision > self.revision, "the log runs forwards");
                self.revision = revision;
                self.take(change);
            }
            if !more {
                return;
            }
        }
    }

    fn read_all(&mut self, graph: &impl GraphStore) {
        *self = Self { revision: graph.stats().unwrap().revision, ..Self::default() };
        for node in scan_all(graph, Label::Host).unwrap() {
            let edges = graph.neighbours(&node.key, Direction::Out, None).unwrap();
            self.edges.extend(edges.into_iter().map(|edge| (edge.key, edge.tie)));
            self.nodes.insert(node.key, node.facts);
        }
    }

    fn take(&mut self, change: Change) {
        match change {
            Change::Node(node) => drop(self.nodes.insert(node.key, node.facts)),
            Change::Edge(edge) => drop(self.edges.insert(edge.key, edge.tie)),
            Change::NodeGone(key) => drop(self.nodes.remove(&key)),
            Change::EdgeGone(key) => drop(self.edges.remove(&key)),
        }
    }
}

fn site() -> Name {
    Name::new("lab").unwrap()
}

fn host(n: u8) -> NodeKey {
    NodeKey::host(&site(), &format!("h{n}"))
}

fn stamp(outbox: u64, sequence: u64) -> Stamp {
    Stamp {
        source: Source { site: site(), relay: RelayId(1), outbox },
        sequence,
        at_ms: sequence * 10 + outbox,
    }
}

fn any_op() -> impl Strategy<Value = Op> {
    let relation = prop_oneof![Just(Relation::NextInRing), Just(Relation::Runs)];
    (0u8..4, 0u8..5, 0u8..5, relation, 0u8..2).prop_map(|(what, a, b, relation, said)| {
        let edge =
            EdgeKey::marked(host(a), relation, host(b), if said == 0 { "x".into() } else { String::new() });
        match what {
            0 => Op::Node(host(a), Facts::SwitchPort { name: format!("{said}") }),
            1 => Op::Edge(edge, Tie::Odds { permille: said.into() }),
            2 => Op::DropEdge(edge),
            _ => Op::DropNode(host(a)),
        }
    })
}

fn any_history() -> impl Strategy<Value = Vec<(Stamp, Vec<Op>)>> {
    let batch = (1u64..3, 1u64..12, proptest::collection::vec(any_op(), 1..6));
    proptest::collection::vec(batch.prop_map(|(outbox, sequence, ops)| (stamp(outbox, sequence), ops)), 1..25)
}

fn check<G: GraphStore>(graph: &G, naive: &Naive) {
    let nodes: Vec<_> =
        scan_all(graph, Label::Host).unwrap().into_iter().map(|n| (n.key, n.facts, n.source)).collect();
    assert_eq!(nodes, naive.living_nodes());
    let along = [(Relation::NextInRing, Direction::Out), (Relation::Runs, Direction::In)];
    for n in 0..5 {
        let key = host(n);
        for (direction, end) in [(Direction::Out, 0), (Direction::In, 1)] {
            let is_end = |edge: &Edge| if end == 0 { edge.key.from == key } else { edge.key.to == key };
            let want: Vec<Edge> = naive.living_edges().into_iter().filter(is_end).collect();
            assert_eq!(graph.neighbours(&key, direction, None).unwrap(), want, "{key} {direction:?}");
        }
        let want = if naive.lives(&key) { naive.reach(&key, &along, 2) } else { Vec::new() };
        let walk = graph.walk(&key, &along, Bounds { steps_max: 2, nodes_max: 100 }).unwrap();
        assert_eq!((walk.nodes, walk.cut), (want, false), "from {key}");
    }
    let stats = graph.stats().unwrap();
    assert_eq!(stats.nodes.values().sum::<u64>(), naive.living_nodes().len() as u64);
    assert_eq!(stats.edges.values().sum::<u64>(), naive.living_edges().len() as u64);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_store_does_what_the_naive_model_does_and_its_log_tells_all_of_it(history in any_history()) {
        let (mut graph, mut naive, mut follower) = (MemoryGraph::default(), Naive::default(), Follower::default());
        for (at, (stamp, ops)) in history.iter().enumerate() {
            graph.apply(stamp, ops).unwrap();
            naive.apply(stamp, ops);
            check(&graph, &naive);
            if at % 3 == 0 {
                follower.catch_up(&graph);
            }
        }
        follower.catch_up(&graph);
        let nodes: Vec<_> = naive.living_nodes().into_iter().map(|(key, facts, _)| (key, facts)).collect();
        let edges: Vec<_> = naive.living_edges().into_iter().map(|edge| (edge.key, edge.tie)).collect();
        prop_assert_eq!(follower.nodes.into_iter().collect::<Vec<_>>(), nodes);
        prop_assert_eq!(follower.edges.into_iter().collect::<Vec<_>>(), edges);
    }

    #[test]
    fn what_a_batch_is_told_to_have_changed_is_all_it_changed_however_few_tombstones_are_kept(
        history in any_history()
    ) {
        let mut graph = MemoryGraph::with_tombstones_max(1);
        let mut told = Follower::default();
        for (stamp, ops) in &history {
            let mut changes = Vec::new();
            let changed = graph.apply_telling(stamp, ops, &mut changes).unwrap().changed;
            prop_assert!(!changes.is_empty() || changed == 0, "{changed} changes and none told");
            changes.into_iter().for_each(|change| told.take(change));
        }
        let living: Vec<_> = scan_all(&graph, Label::Host).unwrap().into_iter().map(|n| (n.key, n.facts)).collect();
        prop_assert_eq!(&told.nodes.into_iter().collect::<Vec<_>>(), &living);
        let edges: Vec<_> = living.iter().flat_map(|(key, _)| graph.neighbours(key, Direction::Out, None).unwrap())
            .map(|edge| (edge.key, edge.tie)).collect();
        prop_assert_eq!(told.edges.into_iter().collect::<BTreeMap<_, _>>(), edges.into_iter().collect::<BTreeMap<_, _>>());
    }

    #[test]
    fn a_batch_that_arrives_twice_changes_nothing_the_second_time(history in any_history()) {
        let mut graph = MemoryGraph::default();
        for (stamp, ops) in &history {
            // One word on each thing: within a batch the last word counts, so a batch that says and unsays
            // walks through both again.
            let one = &ops[..1];
            graph.apply(stamp, one).unwrap();
            let before = graph.stats().unwrap();
            prop_assert_eq!(graph.apply(stamp, one).unwrap().changed, 0);
            prop_assert_eq!(graph.stats().unwrap(), before);
        }
    }

    #[test]
    fn forgotten_tombstones_are_told_to_a_slow_reader_and_lose_nothing_that_lives(history in any_history()) {
        let mut graph = MemoryGraph::with_tombstones_max(2);
        let mut follower = Follower::default();
        for (at, (stamp, ops)) in history.iter().enumerate() {
            graph.apply(stamp, ops).unwrap();
            if at % 4 == 0 {
                follower.catch_up(&graph);
            }
            prop_assert!(graph.stats().unwrap().tombstones <= 2);
        }
        follower.catch_up(&graph);
        let living: Vec<_> = scan_all(&graph, Label::Host).unwrap().into_iter().map(|n| (n.key, n.facts)).collect();
        prop_assert_eq!(follower.nodes.into_iter().collect::<Vec<_>>(), living);
    }
}

#[test]
fn scanning_pages_through_a_label_and_stops_at_its_end() {
    let mut graph = MemoryGraph::default();
    let ops: Vec<Op> = (0..7).map(|n| Op::Node(host(n), Facts::Probe)).collect();
    graph.apply(&stamp(1, 1), &ops).unwrap();
    graph.apply(&stamp(1, 2), &[Op::Node(NodeKey::site(&site()), Facts::Site)]).unwrap();
    let ids =
        |nodes: Vec<Node>| nodes.into_iter().map(|node| node.key.local().to_owned()).collect::<Vec<_>>();
    assert_eq!(ids(graph.scan(Label::Host, None, 3).unwrap()), ["h0", "h1", "h2"]);
    assert_eq!(ids(graph.scan(Label::Host, Some("lab/h4"), 9).unwrap()), ["h5", "h6"]);
    assert_eq!(ids(graph.scan(Label::Ring, None, 9).unwrap()), Vec::<String>::new());
}

#[test]
fn a_walk_says_when_it_was_cut() {
    let mut graph = MemoryGraph::default();
    let ops: Vec<Op> = (0..5).map(|n| Op::Node(host(n), Facts::Probe)).collect();
    graph.apply(&stamp(1, 1), &ops).unwrap();
    let ties = (1..5).map(|n| Op::Edge(EdgeKey::new(host(0), Relation::Runs, host(n)), Tie::Plain));
    graph.apply(&stamp(1, 2), &ties.collect::<Vec<_>>()).unwrap();
    let along = [(Relation::Runs, Direction::Out)];
    let walk = graph.walk(&host(0), &along, Bounds { steps_max: 3, nodes_max: 2 }).unwrap();
    assert_eq!((walk.nodes.len(), walk.cut), (2, true));
}
