//! What every store must do: laws on random histories, against a model that is too simple to be wrong.
//!
//! For tests only, of this crate and, with the feature `conformance`, of any other that has a store. A store that is
//! fed by another one (a mirror's reader) is held to [`same_answers`] alone: feed it what the model was told.
#![allow(clippy::unwrap_used, clippy::panic)]

mod model;
mod stories;

pub use model::Model;
pub use stories::{Story, any_story};

use std::collections::BTreeMap;

use proptest::test_runner::{Config, TestRunner};

use super::*;
use stories::{SWITCH_NAMES, things};

/// Every law, each on so many random histories.
pub fn all<G: GraphStore>(cases: u32, new: impl Fn() -> G) {
    answers_as_the_model_does(cases, &new);
    tells_all_of_it_in_its_log(cases, &new);
    tells_what_a_batch_changed(cases, &new);
    changes_nothing_the_second_time(cases, &new);
    is_rebuilt_from_a_snapshot(cases, &new);
}

fn for_any_story(cases: u32, law: impl Fn(&Story)) {
    let mut runner = TestRunner::new(Config { failure_persistence: None, ..Config::with_cases(cases) });
    let done = runner.run(&any_story(), |story| {
        law(&story);
        Ok(())
    });
    if let Err(error) = done {
        panic!("{error}");
    }
}

/// After every batch, each verb answers what the model answers.
pub fn answers_as_the_model_does<G: GraphStore>(cases: u32, new: impl Fn() -> G) {
    for_any_story(cases, |story| {
        let (mut graph, mut model) = (new(), Model::default());
        for (stamp, ops) in story {
            assert_eq!(graph.apply(stamp, ops).unwrap(), model.apply(stamp, ops).unwrap());
            assert_eq!(graph.stats().unwrap().revision, model.stats().unwrap().revision);
            same_answers(&graph, &model);
        }
    });
}

/// What can be asked of a store without changing it, but for revisions.
pub fn same_answers(graph: &impl GraphStore, model: &Model) {
    let (ours, theirs) = (graph.stats().unwrap(), model.stats().unwrap());
    assert_eq!((ours.nodes, ours.edges), (theirs.nodes, theirs.edges));
    for label in Label::ALL {
        assert_eq!(scan_all(graph, label).unwrap(), scan_all(model, label).unwrap());
        for limit in 1..3 {
            let pages = |graph: &dyn Fn(Option<&str>) -> Vec<Node>| {
                let first = graph(None);
                let after = first.last().map(|node| node.key.id.clone());
                (graph(after.as_deref()), first)
            };
            let of_graph = pages(&|after| graph.scan(label, after, limit).unwrap());
            assert_eq!(of_graph, pages(&|after| model.scan(label, after, limit).unwrap()));
        }
    }
    for part in ["H1", "q", "\n", "", "h10", "/", "TOR", "drop"] {
        for label in [Label::Host, Label::Switch, Label::Nic] {
            let (ours, theirs) = (graph.with_part(label, part), model.with_part(label, part));
            assert_eq!(ours.unwrap(), theirs.unwrap(), "{label:?} with {part:?}");
        }
    }
    for said in 0..3 {
        let mac = MacAddress([said; 6]);
        assert_eq!(graph.nics_with(mac).unwrap(), model.nics_with(mac).unwrap(), "{mac}");
    }
    for since_ms in [0, 41, 10_000] {
        let (ours, theirs) =
            (graph.edges_since(Relation::WiredTo, since_ms), model.edges_since(Relation::WiredTo, since_ms));
        assert_eq!(ours.unwrap(), theirs.unwrap(), "wires since {since_ms}");
    }
    for name in SWITCH_NAMES {
        assert_eq!(graph.switches_named(name).unwrap(), model.switches_named(name).unwrap());
    }
    let keys = things();
    keys.iter().for_each(|key| same_around(graph, model, key));
    for (from, to) in keys.iter().zip(keys.iter().rev()) {
        let ask = |graph: &dyn Fn(&[_]) -> Paths| graph(&ALONG);
        let of_graph = ask(&|along| graph.paths((from, to), along, 4, 100).unwrap());
        assert_eq!(of_graph, ask(&|along| model.paths((from, to), along, 4, 100).unwrap()), "{from} to {to}");
        let few = graph.paths((from, to), &ALONG, 4, 1).unwrap();
        assert_eq!((few.paths.len(), few.cut), (of_graph.paths.len().min(1), of_graph.paths.len() > 1));
    }
}

/// Ways on, both with and against edges.
const ALONG: [(Relation, Direction); 3] = [
    (Relation::NextInRing, Direction::Out),
    (Relation::WiredTo, Direction::In),
    (Relation::InSite, Direction::Out),
];

fn same_around(graph: &impl GraphStore, model: &Model, key: &NodeKey) {
    assert_eq!(graph.node(key).unwrap(), model.node(key).unwrap());
    for direction in [Direction::Out, Direction::In] {
        for relation in [None, Some(Relation::WiredTo), Some(Relation::NextInRing)] {
            let (ours, theirs) =
                (graph.neighbours(key, direction, relation), model.neighbours(key, direction, relation));
            assert_eq!(ours.unwrap(), theirs.unwrap(), "{key} {direction:?} {relation:?}");
        }
    }
    for (steps_max, nodes_max) in [(0, 9), (1, 100), (2, 100), (9, 100), (9, 2)] {
        let bounds = Bounds { steps_max, nodes_max };
        let (ours, theirs) = (graph.walk(key, &ALONG, bounds), model.walk(key, &ALONG, bounds));
        assert_eq!(ours.unwrap(), theirs.unwrap(), "from {key}, {bounds:?}");
    }
}

/// What a reader holds who only follows the change log.
#[derive(Default)]
struct Follower {
    nodes: BTreeMap<NodeKey, Node>,
    edges: BTreeMap<EdgeKey, Edge>,
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
        for node in Label::ALL.into_iter().flat_map(|label| scan_all(graph, label).unwrap()) {
            let edges = graph.neighbours(&node.key, Direction::Out, None).unwrap();
            edges.into_iter().for_each(|edge| self.take(Change::Edge(edge)));
            self.take(Change::Node(node));
        }
    }

    fn take(&mut self, change: Change) {
        match change {
            Change::Node(node) => drop(self.nodes.insert(node.key.clone(), node)),
            Change::Edge(edge) => drop(self.edges.insert(edge.key.clone(), edge)),
            Change::NodeGone(key) => drop(self.nodes.remove(&key)),
            Change::EdgeGone(key) => drop(self.edges.remove(&key)),
        }
    }

    /// Holds what lives, though perhaps not by whom it was said last: who says what is known makes no revision.
    fn holds_all_of(&self, graph: &impl GraphStore) {
        let mut all = Self::default();
        all.read_all(graph);
        let node = |node: &Node| (node.key.clone(), node.facts.clone());
        let edge = |edge: &Edge| (edge.key.clone(), edge.tie, edge.since_ms);
        assert!(self.nodes.values().map(node).eq(all.nodes.values().map(node)));
        assert!(self.edges.values().map(edge).eq(all.edges.values().map(edge)));
    }
}

/// Who follows the change log, or reads all where it is too late for that, holds what lives.
pub fn tells_all_of_it_in_its_log<G: GraphStore>(cases: u32, new: impl Fn() -> G) {
    for_any_story(cases, |story| {
        let (mut graph, mut follower) = (new(), Follower::default());
        for (at, (stamp, ops)) in story.iter().enumerate() {
            graph.apply(stamp, ops).unwrap();
            if at % 3 == 0 {
                follower.catch_up(&graph);
                follower.holds_all_of(&graph);
            }
        }
        follower.catch_up(&graph);
        follower.holds_all_of(&graph);
        let newest = graph.stats().unwrap().revision;
        assert_eq!(graph.changes_since(newest + 1, 9).unwrap(), Changes::Forgotten, "of another store");
    });
}

/// What a batch is told to have changed is all that it changed.
pub fn tells_what_a_batch_changed<G: GraphStore>(cases: u32, new: impl Fn() -> G) {
    for_any_story(cases, |story| {
        let (mut graph, mut told) = (new(), Follower::default());
        for (stamp, ops) in story {
            let mut changes = Vec::new();
            let changed = graph.apply_telling(stamp, ops, &mut changes).unwrap().changed;
            assert!(!changes.is_empty() || changed == 0, "{changed} changes and none told");
            for (revision, change) in changes {
                assert!(revision > told.revision, "revisions rise");
                told.revision = revision;
                told.take(change);
            }
            assert_eq!(told.revision, graph.stats().unwrap().revision);
            told.holds_all_of(&graph);
        }
    });
}

/// One word on each thing, said twice: within a batch the last word counts, so one that says and unsays walks through
/// both again.
pub fn changes_nothing_the_second_time<G: GraphStore>(cases: u32, new: impl Fn() -> G) {
    for_any_story(cases, |story| {
        let mut graph = new();
        for (stamp, ops) in story {
            let one = &ops[..1];
            graph.apply(stamp, one).unwrap();
            let before = graph.stats().unwrap();
            assert_eq!(graph.apply(stamp, one).unwrap().changed, 0);
            assert_eq!(graph.stats().unwrap(), before);
        }
    });
}

/// A store that takes a snapshot answers what the one answers that gave it, and its change log goes on from there.
pub fn is_rebuilt_from_a_snapshot<G: GraphStore>(cases: u32, new: impl Fn() -> G) {
    for_any_story(cases, |story| {
        let (mut first, mut model, mut follower) = (new(), Model::default(), Follower::default());
        let (before, after) = story.split_at(story.len() / 2);
        for (stamp, ops) in before {
            first.apply(stamp, ops).unwrap();
            model.apply(stamp, ops).unwrap();
        }
        follower.catch_up(&first);
        let mut second = new();
        let mut entries = Vec::new();
        let at = first.snapshot(&mut |revision, entry| entries.push((revision, entry))).unwrap();
        entries.into_iter().for_each(|(revision, entry)| second.restore(revision, entry).unwrap());
        second.restored(at, at + 1_000);
        same_answers(&second, &model);
        let nothing = Changes::Since { changes: Vec::new(), more: false };
        assert_eq!(second.changes_since(at, 9).unwrap(), nothing);
        let between = [at.checked_sub(1), Some(at + 1)].into_iter().flatten();
        between.for_each(|other| assert_eq!(second.changes_since(other, 9).unwrap(), Changes::Forgotten));
        // Sequences and what was dropped are no part of a snapshot: what comes after it is newer, as it is from a relay.
        for (sequence, (stamp, ops)) in (100..).zip(after) {
            let later = Stamp { sequence, ..stamp.clone() };
            second.apply(&later, ops).unwrap();
            model.apply(&later, ops).unwrap();
            same_answers(&second, &model);
        }
        follower.catch_up(&second);
        follower.holds_all_of(&second);
    });
}
