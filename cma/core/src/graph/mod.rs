//! The verbs of a graph store.
//!
//! Verbs, not a query language: what the authority needs from a graph is small, and every store can do it.
//! Writes come in batches of idempotent upserts and tombstones, each batch with the source that said it and
//! that source's sequence, so that a batch may arrive twice and an old one cannot undo a newer one.
//!
//! # Rules every store keeps
//! - Of one source, a write with a lower sequence than what is stored (or was dropped) changes nothing. A write
//!   of another source replaces: it speaks for the same thing later.
//! - An edge whose end does not exist is left out and counted. Dropping a node drops its edges.
//! - An edge keeps the time since which it is there for as long as it is there, whatever it says meanwhile.
//! - A write that changes nothing makes no revision.
//!
//! A batch is stamped with source, epoch and sequence. The epoch is the birth of the relay's outbox
//! ([`Source::outbox`]): a relay that lost its outbox counts its news from one again, and is another source then.

pub mod cypher;

mod keys;
mod memory;
mod model;
mod paths;

use ringmesh_topology::id::MacAddress;

pub use keys::{EdgeKey, Label, NodeKey, RESERVED_LABELS, RESERVED_RELATIONS, Relation};
pub use memory::MemoryGraph;
pub use model::{
    Edge, Facts, HostFacts, NicBond, Node, Op, PastWire, RelayFacts, RingFacts, Source, Stamp, SwitchFacts,
    Tie,
};
pub use paths::Paths;

/// The store failed. Nothing of the batch was applied, or nothing was read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the graph store failed: {0}")]
pub struct StoreError(pub String);

/// What became of a batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Applied {
    /// Operations that changed something.
    pub changed: usize,
    /// Operations older than what is stored.
    pub stale: usize,
    /// Edges left out because an end does not exist.
    pub dangling: usize,
}

/// Which way along an edge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Direction {
    /// From its start to its end.
    Out,
    /// From its end to its start.
    In,
}

/// How far a walk goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Edges from the start.
    pub steps_max: u32,
    /// Nodes found.
    pub nodes_max: usize,
}

/// What a walk found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Walk {
    /// Nodes and their distance from the start, nearest first, then by key. Without the start.
    pub nodes: Vec<(NodeKey, u32)>,
    /// There was more than [`Bounds::nodes_max`].
    pub cut: bool,
}

/// One thing that changed, as it is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A node is as told.
    Node(Node),
    /// An edge is as told.
    Edge(Edge),
    /// A node is gone.
    NodeGone(NodeKey),
    /// An edge is gone.
    EdgeGone(EdgeKey),
}

/// The answer to [`GraphStore::changes_since`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Changes {
    /// What changed, oldest first: each thing once, as it is now.
    Since {
        /// Revision and change.
        changes: Vec<(u64, Change)>,
        /// There is more: ask again from the last revision given.
        more: bool,
    },
    /// Tombstones of that age are gone, or that revision was never here: note [`Stats::revision`], scan everything,
    /// and follow from there.
    Forgotten,
}

/// One thing of a snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// A node that lives.
    Node(Node),
    /// An edge that lives.
    Edge(Edge),
}

/// How much a store holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Nodes by label.
    pub nodes: std::collections::BTreeMap<Label, u64>,
    /// Edges by relation.
    pub edges: std::collections::BTreeMap<Relation, u64>,
    /// Tombstones kept.
    pub tombstones: u64,
    /// The newest revision.
    pub revision: u64,
}

/// A graph store.
pub trait GraphStore {
    /// Applies a batch in order, whole or not at all.
    fn apply(&mut self, stamp: &Stamp, ops: &[Op]) -> Result<Applied, StoreError> {
        self.apply_telling(stamp, ops, &mut Vec::new())
    }

    /// Applies a batch as [`Self::apply`] does, and tells what it changed, oldest first: each thing once, as it is
    /// now, with the revision that made it so.
    fn apply_telling(
        &mut self,
        stamp: &Stamp,
        ops: &[Op],
        changes: &mut Vec<(u64, Change)>,
    ) -> Result<Applied, StoreError>;

    /// One node.
    fn node(&self, key: &NodeKey) -> Result<Option<Node>, StoreError>;

    /// The edges at a node in one direction, of one relation or of all, in the order of their keys.
    fn neighbours(
        &self,
        key: &NodeKey,
        direction: Direction,
        relation: Option<Relation>,
    ) -> Result<Vec<Edge>, StoreError>;

    /// The nodes that can be reached along these relations, within bounds.
    fn walk(
        &self,
        from: &NodeKey,
        along: &[(Relation, Direction)],
        bounds: Bounds,
    ) -> Result<Walk, StoreError>;

    /// The shortest ways from a node to another along these relations, of at most `steps_max` edges: at most `paths_max`
    /// of them.
    fn paths(
        &self,
        ends: (&NodeKey, &NodeKey),
        along: &[(Relation, Direction)],
        steps_max: u32,
        paths_max: usize,
    ) -> Result<Paths, StoreError> {
        paths::shortest(self, ends, along, steps_max, paths_max)
    }

    /// The switches that go by a name, in the order of their keys.
    fn switches_named(&self, name: &str) -> Result<Vec<Node>, StoreError> {
        let is_called = |node: &Node| matches!(&node.facts, Facts::Switch(facts) if facts.name == name);
        Ok(scan_all(self, Label::Switch)?.into_iter().filter(is_called).collect())
    }

    /// The nodes of a label whose id (behind its site), or whose name where that is another, has a part, whatever its
    /// case; in the order of their keys.
    fn with_part(&self, label: Label, part: &str) -> Result<Vec<NodeKey>, StoreError> {
        scan_for_part(self, label, part)
    }

    /// The network ports that have an Ethernet address, in the order of their keys.
    fn nics_with(&self, mac: MacAddress) -> Result<Vec<NodeKey>, StoreError> {
        let has = |node: &Node| matches!(&node.facts, Facts::Nic { mac: Some(own), .. } if *own == mac);
        let nics = scan_all(self, Label::Nic)?.into_iter().filter(has);
        Ok(nics.map(|node| node.key).collect())
    }

    /// The edges of a relation that are there since a moment or later, in the order of their keys.
    fn edges_since(&self, relation: Relation, since_ms: u64) -> Result<Vec<Edge>, StoreError> {
        let mut edges = Vec::new();
        for node in
            Label::ALL.into_iter().map(|label| scan_all(self, label)).collect::<Result<Vec<_>, _>>()?.concat()
        {
            let out = self.neighbours(&node.key, Direction::Out, Some(relation))?;
            edges.extend(out.into_iter().filter(|edge| edge.since_ms >= since_ms));
        }
        edges.sort_by(|a, b| a.key.cmp(&b.key));
        Ok(edges)
    }

    /// The next nodes of a label after a key, in the order of their keys: at most `limit`.
    fn scan(&self, label: Label, after: Option<&str>, limit: usize) -> Result<Vec<Node>, StoreError>;

    /// What changed after a revision: at most `limit` changes.
    fn changes_since(&self, revision: u64, limit: usize) -> Result<Changes, StoreError>;

    /// The newest revision, as [`Self::stats`] has it; cheap.
    fn revision(&self) -> Result<u64, StoreError>;

    /// How much there is.
    fn stats(&self) -> Result<Stats, StoreError>;

    /// Hands out all that lives, nodes before edges, each with its revision; returns the newest one. A store that is
    /// fed by another one has none: the other has it.
    fn snapshot(&self, each: &mut dyn FnMut(u64, Entry)) -> Result<u64, StoreError> {
        let _ = each;
        Err(StoreError("this store gives no snapshot: ask the one that feeds it".to_owned()))
    }

    /// Puts back what a snapshot, or the records of changes, said. An edge comes after its ends; without them
    /// it is left out. Sequences are not part of it: whatever is told from now on is newer.
    fn restore(&mut self, revision: u64, entry: Entry) -> Result<(), StoreError> {
        let _ = (revision, entry);
        Err(StoreError("this store takes no snapshot: it is fed by another one".to_owned()))
    }

    /// All is put back, as it was at a revision; what changes from now on is numbered after `goes_on_from`. Who has
    /// followed to exactly that revision goes on; for anybody else the past is forgotten.
    fn restored(&mut self, at: u64, goes_on_from: u64) {
        let _ = (at, goes_on_from);
    }
}

/// All nodes of a label, page by page.
pub fn scan_all<G: GraphStore + ?Sized>(graph: &G, label: Label) -> Result<Vec<Node>, StoreError> {
    const PAGE: usize = 1_000;
    let mut nodes: Vec<Node> = Vec::new();
    loop {
        let after = nodes.last().map(|node| node.key.id.as_str());
        let page = graph.scan(label, after, PAGE)?;
        let last = page.len() < PAGE;
        nodes.extend(page);
        if last {
            return Ok(nodes);
        }
    }
}

/// What [`GraphStore::with_part`] answers, found by looking at all of them.
fn scan_for_part<G: GraphStore + ?Sized>(
    graph: &G,
    label: Label,
    part: &str,
) -> Result<Vec<NodeKey>, StoreError> {
    let part = part.to_lowercase();
    let has = |text: &str| text.to_lowercase().contains(&part);
    let named = |facts: &Facts| matches!(facts, Facts::Switch(switch) if has(&switch.name));
    let nodes = scan_all(graph, label)?.into_iter();
    Ok(nodes.filter(|node| has(node.key.local()) || named(&node.facts)).map(|node| node.key).collect())
}

#[cfg(any(test, feature = "conformance"))]
pub mod conformance;
