//! The graph store in memory: records under dense numbers, ordered indexes, a compacted change log.
//!
//! # Invariants
//! - Each record, living or dropped, stands in the change log once, under the revision that changed it last.
//! - A living edge has two living ends.
//! - At most [`TOMBSTONES_MAX`] dropped records are kept; a cursor older than the newest forgotten one is told.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::Bound;

use super::{
    Applied, Bounds, Change, Changes, Direction, Edge, EdgeKey, Facts, GraphStore, Label, Node, NodeKey, Op,
    Relation, Source, Stamp, Stats, StoreError, Tie, Walk,
};

use super::record::{Mark, Record};

/// How many dropped records are remembered, against late writes and for slow readers of the change log.
const TOMBSTONES_MAX: usize = 65_536;

/// The number of a node's record.
type Dense = u64;
/// From, relation, to, mark; for the other direction the two ends change places.
type EdgeId = (Dense, Relation, Dense, String);

struct NodeRecord {
    key: NodeKey,
    record: Record<Facts>,
}

/// What the change log points at.
#[derive(Clone)]
enum Logged {
    Node(Dense),
    Edge(EdgeId),
}

/// A graph in memory. See the module.
pub struct MemoryGraph {
    numbers: BTreeMap<NodeKey, Dense>,
    nodes: BTreeMap<Dense, NodeRecord>,
    next: Dense,
    edges: BTreeMap<EdgeId, Record<Tie>>,
    inward: BTreeSet<EdgeId>,
    sources: Vec<Source>,
    source_numbers: BTreeMap<Source, u32>,
    log: BTreeMap<u64, Logged>,
    tombstones: BTreeSet<u64>,
    tombstones_max: usize,
    revision: u64,
    /// Tombstones up to this revision may be forgotten.
    floor: u64,
}

impl Default for MemoryGraph {
    fn default() -> Self {
        Self::with_tombstones_max(TOMBSTONES_MAX)
    }
}

/// What became of one operation.
enum Fate {
    Changed,
    Same,
    Stale,
    Dangling,
}

impl MemoryGraph {
    /// An empty graph that remembers so many dropped records.
    pub fn with_tombstones_max(tombstones_max: usize) -> Self {
        Self {
            numbers: BTreeMap::new(),
            nodes: BTreeMap::new(),
            next: 0,
            edges: BTreeMap::new(),
            inward: BTreeSet::new(),
            sources: Vec::new(),
            source_numbers: BTreeMap::new(),
            log: BTreeMap::new(),
            tombstones: BTreeSet::new(),
            tombstones_max,
            revision: 0,
            floor: 0,
        }
    }

    fn mark(&mut self, stamp: &Stamp) -> Mark {
        let source = match self.source_numbers.get(&stamp.source) {
            Some(&known) => known,
            None => {
                let new = u32::try_from(self.sources.len()).unwrap_or(u32::MAX);
                self.sources.push(stamp.source.clone());
                self.source_numbers.insert(stamp.source.clone(), new);
                new
            }
        };
        Mark { source, sequence: stamp.sequence, at_ms: stamp.at_ms }
    }

    fn source(&self, number: u32) -> Source {
        self.sources[number as usize].clone()
    }

    fn apply_one(&mut self, op: &Op, mark: Mark) -> Fate {
        match op {
            Op::Node(key, facts) => self.say_node(key, Some(facts.clone()), mark),
            Op::DropNode(key) => self.drop_node(key, mark),
            Op::Edge(key, tie) => match (self.living(&key.from), self.living(&key.to)) {
                (Some(from), Some(to)) => {
                    self.say_edge((from, key.relation, to, key.mark.clone()), Some(*tie), mark)
                }
                _ => Fate::Dangling,
            },
            Op::DropEdge(key) => match (self.numbers.get(&key.from), self.numbers.get(&key.to)) {
                (Some(&from), Some(&to)) => {
                    self.say_edge((from, key.relation, to, key.mark.clone()), None, mark)
                }
                _ => Fate::Same,
            },
        }
    }

    fn living(&self, key: &NodeKey) -> Option<Dense> {
        let number = *self.numbers.get(key)?;
        self.nodes[&number].record.said.is_some().then_some(number)
    }

    fn say_node(&mut self, key: &NodeKey, facts: Option<Facts>, mark: Mark) -> Fate {
        let number = match self.numbers.get(key) {
            Some(&number) => number,
            None if facts.is_none() => return Fate::Same,
            None => self.new_node(key, mark),
        };
        let Some(node) = self.nodes.get_mut(&number) else { return Fate::Same };
        if node.record.is_newer_than(mark) {
            return Fate::Stale;
        }
        let dropped = facts.is_none();
        if !node.record.say(facts, mark) {
            return Fate::Same;
        }
        let before = core::mem::replace(&mut node.record.revision, self.revision + 1);
        self.log_change(before, Logged::Node(number), dropped);
        Fate::Changed
    }

    fn new_node(&mut self, key: &NodeKey, mark: Mark) -> Dense {
        let number = self.next;
        self.next += 1;
        self.numbers.insert(key.clone(), number);
        let record = Record::empty(mark);
        self.nodes.insert(number, NodeRecord { key: key.clone(), record });
        number
    }

    fn drop_node(&mut self, key: &NodeKey, mark: Mark) -> Fate {
        let Some(&number) = self.numbers.get(key) else { return Fate::Same };
        if self.nodes[&number].record.is_newer_than(mark) {
            return Fate::Stale;
        }
        for edge in self.edges_at(number) {
            // The node's end is the edge's end, whoever spoke of the edge last.
            self.end_edge(edge, mark);
        }
        self.say_node(key, None, mark)
    }

    fn edges_at(&self, number: Dense) -> Vec<EdgeId> {
        let out = self.edges.range(first(number)..).map(|(id, _)| id);
        let out = out.take_while(|id| id.0 == number).cloned();
        let inward = self.inward.range(first(number)..).take_while(|id| id.0 == number).map(flip);
        out.chain(inward).collect()
    }

    fn say_edge(&mut self, id: EdgeId, tie: Option<Tie>, mark: Mark) -> Fate {
        match self.edges.get(&id) {
            Some(record) if record.is_newer_than(mark) => return Fate::Stale,
            None if tie.is_none() => return Fate::Same,
            Some(_) => {}
            None => {
                let record = Record::empty(mark);
                self.edges.insert(id.clone(), record);
                self.inward.insert(flip(&id));
            }
        }
        self.change_edge(id, tie, mark)
    }

    fn end_edge(&mut self, id: EdgeId, mark: Mark) {
        self.change_edge(id, None, mark);
    }

    fn change_edge(&mut self, id: EdgeId, tie: Option<Tie>, mark: Mark) -> Fate {
        let Some(record) = self.edges.get_mut(&id) else { return Fate::Same };
        if !record.say(tie, mark) {
            return Fate::Same;
        }
        let before = core::mem::replace(&mut record.revision, self.revision + 1);
        self.log_change(before, Logged::Edge(id), tie.is_none());
        Fate::Changed
    }

    /// The record that was logged under `before` changed once more.
    fn log_change(&mut self, before: u64, logged: Logged, dropped: bool) {
        self.revision += 1;
        self.log.remove(&before);
        self.tombstones.remove(&before);
        self.log.insert(self.revision, logged);
        if dropped {
            self.tombstones.insert(self.revision);
        }
    }

    /// Edges are dropped before their ends are, so an edge's tombstone goes before those of its ends.
    fn forget_old_tombstones(&mut self) {
        while self.tombstones.len() > self.tombstones_max {
            let Some(oldest) = self.tombstones.pop_first() else { return };
            self.floor = oldest;
            match self.log.remove(&oldest) {
                Some(Logged::Node(number)) => {
                    if let Some(node) = self.nodes.remove(&number) {
                        self.numbers.remove(&node.key);
                    }
                }
                Some(Logged::Edge(id)) => {
                    self.inward.remove(&flip(&id));
                    self.edges.remove(&id);
                }
                None => {}
            }
        }
    }

    fn edge(&self, id: &EdgeId) -> Option<Edge> {
        let record = self.edges.get(id)?;
        let tie = record.said?;
        let key = self.edge_key(id);
        Some(Edge { key, tie, source: self.source(record.source), since_ms: record.since_ms })
    }

    fn edge_key(&self, id: &EdgeId) -> EdgeKey {
        let end = |number: Dense| self.nodes[&number].key.clone();
        EdgeKey { from: end(id.0), relation: id.1, to: end(id.2), mark: id.3.clone() }
    }

    fn node_of(&self, number: Dense) -> Option<Node> {
        let node = self.nodes.get(&number)?;
        let facts = node.record.said.clone()?;
        Some(Node { key: node.key.clone(), facts, source: self.source(node.record.source) })
    }

    fn change(&self, logged: &Logged) -> Change {
        match logged {
            Logged::Node(number) => self
                .node_of(*number)
                .map_or_else(|| Change::NodeGone(self.nodes[number].key.clone()), Change::Node),
            Logged::Edge(id) => {
                self.edge(id).map_or_else(|| Change::EdgeGone(self.edge_key(id)), Change::Edge)
            }
        }
    }

    /// Where the edges of a node lead in one direction.
    fn ends(&self, number: Dense, relation: Relation, direction: Direction) -> BTreeSet<Dense> {
        let start = (number, relation, 0, String::new());
        let same = |id: &&EdgeId| id.0 == number && id.1 == relation;
        let living = |id: &EdgeId| self.edges.get(id).is_some_and(|record| record.said.is_some());
        match direction {
            Direction::Out => {
                let ids = self.edges.range(start..).map(|(id, _)| id).take_while(same);
                ids.filter(|id| living(id)).map(|id| id.2).collect()
            }
            Direction::In => {
                let ids = self.inward.range(start..).take_while(same);
                ids.filter(|id| living(&flip(id))).map(|id| id.2).collect()
            }
        }
    }
}

/// Sorts before every edge of that node.
fn first(number: Dense) -> EdgeId {
    (number, Relation::InSite, 0, String::new())
}

fn flip(id: &EdgeId) -> EdgeId {
    (id.2, id.1, id.0, id.3.clone())
}

impl GraphStore for MemoryGraph {
    fn apply(&mut self, stamp: &Stamp, ops: &[Op]) -> Result<Applied, StoreError> {
        self.apply_telling(stamp, ops, &mut Vec::new())
    }

    fn apply_telling(
        &mut self,
        stamp: &Stamp,
        ops: &[Op],
        changes: &mut Vec<Change>,
    ) -> Result<Applied, StoreError> {
        let before = self.revision;
        let mark = self.mark(stamp);
        let mut applied = Applied::default();
        for op in ops {
            match self.apply_one(op, mark) {
                Fate::Changed => applied.changed += 1,
                Fate::Same => {}
                Fate::Stale => applied.stale += 1,
                Fate::Dangling => applied.dangling += 1,
            }
        }
        // Read before old tombstones are forgotten: a batch may leave more of them than are kept.
        changes.extend(self.log.range(before + 1..).map(|(_, logged)| self.change(logged)));
        self.forget_old_tombstones();
        Ok(applied)
    }

    fn node(&self, key: &NodeKey) -> Result<Option<Node>, StoreError> {
        Ok(self.numbers.get(key).and_then(|&number| self.node_of(number)))
    }

    fn neighbours(
        &self,
        key: &NodeKey,
        direction: Direction,
        relation: Option<Relation>,
    ) -> Result<Vec<Edge>, StoreError> {
        let Some(&number) = self.numbers.get(key) else { return Ok(Vec::new()) };
        let wanted = |id: &EdgeId| id.0 == number && relation.is_none_or(|relation| id.1 == relation);
        let first = relation.map_or_else(|| first(number), |relation| (number, relation, 0, String::new()));
        // A site has an edge of every host that ends there: the other direction is not looked at.
        let mut edges: Vec<Edge> = match direction {
            Direction::Out => {
                let ids = self.edges.range(first..).map(|(id, _)| id).take_while(|id| wanted(id));
                ids.filter_map(|id| self.edge(id)).collect()
            }
            Direction::In => {
                let ids = self.inward.range(first..).take_while(|id| wanted(id));
                ids.filter_map(|id| self.edge(&flip(id))).collect()
            }
        };
        edges.sort_by(|a, b| a.key.cmp(&b.key));
        Ok(edges)
    }

    fn walk(
        &self,
        from: &NodeKey,
        along: &[(Relation, Direction)],
        bounds: Bounds,
    ) -> Result<Walk, StoreError> {
        let mut walk = Walk::default();
        let Some(start) = self.living(from) else { return Ok(walk) };
        let mut seen = BTreeSet::from([start]);
        let mut level = VecDeque::from([start]);
        for distance in 1..=bounds.steps_max {
            let mut found = BTreeMap::new();
            for number in level.drain(..) {
                for &(relation, direction) in along {
                    let ends = self.ends(number, relation, direction).into_iter();
                    found.extend(
                        ends.filter(|end| !seen.contains(end)).map(|end| (&self.nodes[&end].key, end)),
                    );
                }
            }
            for (key, number) in found {
                if walk.nodes.len() == bounds.nodes_max {
                    walk.cut = true;
                    return Ok(walk);
                }
                seen.insert(number);
                walk.nodes.push((key.clone(), distance));
                level.push_back(number);
            }
        }
        Ok(walk)
    }

    fn scan(&self, label: Label, after: Option<&str>, limit: usize) -> Result<Vec<Node>, StoreError> {
        let at = |id: &str| NodeKey { label, id: id.to_owned() };
        let start = after.map_or(Bound::Included(at("")), |id| Bound::Excluded(at(id)));
        let keys = self.numbers.range((start, Bound::Unbounded));
        let keys = keys.take_while(|(key, _)| key.label == label);
        Ok(keys.filter_map(|(_, &number)| self.node_of(number)).take(limit).collect())
    }

    fn changes_since(&self, revision: u64, limit: usize) -> Result<Changes, StoreError> {
        if revision < self.floor {
            return Ok(Changes::Forgotten);
        }
        let mut logged = self.log.range(revision.saturating_add(1)..);
        let changes = logged.by_ref().take(limit).map(|(&at, logged)| (at, self.change(logged))).collect();
        Ok(Changes::Since { changes, more: logged.next().is_some() })
    }

    fn revision(&self) -> Result<u64, StoreError> {
        Ok(self.revision)
    }

    fn stats(&self) -> Result<Stats, StoreError> {
        let mut stats = Stats { revision: self.revision, ..Stats::default() };
        for node in self.nodes.values() {
            match node.record.said {
                Some(_) => *stats.nodes.entry(node.key.label).or_default() += 1,
                None => stats.tombstones += 1,
            }
        }
        for (id, record) in &self.edges {
            match record.said {
                Some(_) => *stats.edges.entry(id.1).or_default() += 1,
                None => stats.tombstones += 1,
            }
        }
        Ok(stats)
    }
}
