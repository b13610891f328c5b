//! The graph store in memory: records under dense numbers, ordered indexes, a compacted change log.
//!
//! - `table`: the records, and what hangs together. `index`: numbers in the order of ids. `words`: marks, held once.
//! - `log`: which thing changed last under which revision. `walk`: what can be reached. `find`: what is found by
//!   something else than its key; `names`: by a part of it.
//!
//! # Invariants
//! - Each record, living or dropped, stands in the change log once, under the revision that changed it last.
//! - A living edge has two living ends.
//! - At most [`TOMBSTONES_MAX`] dropped records are kept; a cursor older than the newest forgotten one is told.

mod find;
mod index;
mod log;
mod names;
mod table;
mod walk;
mod words;

use std::collections::{BTreeMap, BTreeSet};

use ringmesh_topology::id::MacAddress;

use super::{
    Applied, Bounds, Change, Changes, Direction, Edge, EdgeKey, Entry, Facts, GraphStore, Label, Node,
    NodeKey, Op, Relation, Source, Stamp, Stats, StoreError, Tie, Walk, scan_for_part,
};
use find::Finder;
use log::{Log, Thing};
use table::{Between, EdgeRecord, NodeRecord, Table};

/// How many dropped records are remembered, against late writes and for slow readers of the change log.
const TOMBSTONES_MAX: usize = 65_536;

/// A graph in memory. See the module.
pub struct MemoryGraph {
    table: Table,
    sources: Vec<Source>,
    source_numbers: BTreeMap<Source, u32>,
    finder: Finder,
    log: Log,
    tombstones: BTreeSet<u64>,
    tombstones_max: usize,
    revision: u64,
    /// Tombstones up to this revision may be forgotten.
    floor: u64,
    /// What was restored is all there was at this revision, though it is below the floor.
    restored_at: Option<u64>,
    nodes: [u64; Label::ALL.len()],
    edges: [u64; Relation::ALL.len()],
    near: Near,
}

/// What was asked for last, and is likely to be asked for next while all comes in order.
#[derive(Default)]
struct Near {
    source: u32,
    from: u32,
    /// By relation.
    to: [u32; Relation::ALL.len()],
}

impl Default for MemoryGraph {
    fn default() -> Self {
        Self::with_tombstones_max(TOMBSTONES_MAX)
    }
}

/// A stamp with its source as a number.
#[derive(Clone, Copy)]
struct Mark {
    source: u32,
    sequence: u64,
    at_ms: u64,
}

impl Mark {
    /// The record has a later word of the same source.
    fn is_late_for(self, source: u32, sequence: u64) -> bool {
        source == self.source && sequence > self.sequence
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
            table: Table::default(),
            sources: Vec::new(),
            source_numbers: BTreeMap::new(),
            finder: Finder::default(),
            log: Log::default(),
            tombstones: BTreeSet::new(),
            tombstones_max,
            revision: 0,
            floor: 0,
            restored_at: None,
            nodes: Default::default(),
            edges: Default::default(),
            near: Near::default(),
        }
    }

    fn source_number(&mut self, source: &Source) -> u32 {
        if self.sources.get(self.near.source as usize) == Some(source) {
            return self.near.source;
        }
        if let Some(&known) = self.source_numbers.get(source) {
            self.near.source = known;
            return known;
        }
        let new = u32::try_from(self.sources.len()).unwrap_or(u32::MAX);
        self.sources.push(source.clone());
        self.source_numbers.insert(source.clone(), new);
        new
    }

    fn apply_one(&mut self, op: &Op, mark: Mark) -> Fate {
        match op {
            Op::Node(key, facts) => self.say_node(key, facts, mark),
            Op::DropNode(key) => self.drop_node(key, mark),
            Op::Edge(key, tie) => match (self.living(&key.from), self.living(&key.to)) {
                (Some(from), Some(to)) => {
                    self.say_edge(Between { from, relation: key.relation, to }, &key.mark, *tie, mark)
                }
                _ => Fate::Dangling,
            },
            Op::DropEdge(key) => self.drop_edge(key, mark),
        }
    }

    fn living(&self, key: &NodeKey) -> Option<u32> {
        self.table.find_node(key).filter(|&number| self.table.node(number).lives())
    }

    /// The same, looking first where it may well be: at what was asked for last, or at what was told after that.
    fn living_near(&self, key: &NodeKey, last: u32) -> Option<u32> {
        let near = [last, last.saturating_add(1)];
        near.into_iter().find(|&number| self.table.is(number, key)).or_else(|| self.living(key))
    }

    fn say_node(&mut self, key: &NodeKey, facts: &Facts, mark: Mark) -> Fate {
        let number = self.number_of(key);
        self.change_node(number, Some(facts), mark)
    }

    /// The number of a key, which it is given if it has none.
    fn number_of(&mut self, key: &NodeKey) -> u32 {
        if let Some(known) = self.table.find_node(key) {
            return known;
        }
        let new = self.table.add_node(key);
        self.finder.added(key, new);
        new
    }

    fn drop_node(&mut self, key: &NodeKey, mark: Mark) -> Fate {
        let Some(number) = self.table.find_node(key) else { return Fate::Same };
        let node = self.table.node(number);
        if mark.is_late_for(node.source, node.sequence) {
            return Fate::Stale;
        }
        let edges = [node.out.numbers(), node.inward.numbers()].concat();
        for edge in edges {
            // The node's end is the edge's end, whoever spoke of the edge last.
            self.change_edge(edge, None, mark);
        }
        self.change_node(number, None, mark)
    }

    fn change_node(&mut self, number: u32, facts: Option<&Facts>, mark: Mark) -> Fate {
        let node = self.table.node_mut(number);
        if mark.is_late_for(node.source, node.sequence) && node.revision > 0 {
            return Fate::Stale;
        }
        (node.source, node.sequence) = (mark.source, mark.sequence);
        if !self.take_facts(number, facts) {
            return Fate::Same;
        }
        let before = core::mem::replace(&mut self.table.node_mut(number).revision, self.revision + 1);
        self.log_change(before, Thing::Node(number), facts.is_none());
        Fate::Changed
    }

    /// Whether they are new.
    fn take_facts(&mut self, number: u32, facts: Option<&Facts>) -> bool {
        let node = self.table.node_mut(number);
        let (lived, label) = (node.lives(), node.label);
        let indexed = [Label::Switch, Label::Nic].contains(&label);
        let was = if indexed { node.facts().ok().flatten() } else { None };
        if !node.say(facts) {
            return false;
        }
        count(&mut self.nodes[label as usize], lived, facts.is_some());
        self.finder.said(&self.table, number, was.as_ref(), facts);
        true
    }

    fn say_edge(&mut self, between: Between, word: &str, tie: Tie, mark: Mark) -> Fate {
        let number = match self.table.find_edge(between, word) {
            Some(number) if self.is_stale(number, mark) => return Fate::Stale,
            Some(number) => number,
            None => self.table.add_edge(between, word),
        };
        self.change_edge(number, Some(tie), mark)
    }

    fn drop_edge(&mut self, key: &EdgeKey, mark: Mark) -> Fate {
        let ends = self.table.find_node(&key.from).zip(self.table.find_node(&key.to));
        let between = ends.map(|(from, to)| Between { from, relation: key.relation, to });
        match between.and_then(|between| self.table.find_edge(between, &key.mark)) {
            None => Fate::Same,
            Some(number) if self.is_stale(number, mark) => Fate::Stale,
            Some(number) => self.change_edge(number, None, mark),
        }
    }

    fn is_stale(&self, edge: u32, mark: Mark) -> bool {
        let edge = self.table.edge(edge);
        mark.is_late_for(edge.source, edge.sequence)
    }

    fn change_edge(&mut self, number: u32, tie: Option<Tie>, mark: Mark) -> Fate {
        let edge = self.table.edge_mut(number);
        (edge.source, edge.sequence) = (mark.source, mark.sequence);
        if edge.tie == tie {
            return Fate::Same;
        }
        let (was, relation) = (core::mem::replace(&mut edge.tie, tie), edge.relation);
        if was.is_none() {
            edge.since_ms = mark.at_ms;
        }
        let before = core::mem::replace(&mut edge.revision, self.revision + 1);
        count(&mut self.edges[relation as usize], was.is_some(), tie.is_some());
        self.log_change(before, Thing::Edge(number), tie.is_none());
        Fate::Changed
    }

    /// The record that was logged under `before` changed once more.
    fn log_change(&mut self, before: u64, thing: Thing, dropped: bool) {
        self.revision += 1;
        if before > 0 {
            self.log.remove(before);
            self.tombstones.remove(&before);
        }
        self.log.insert(self.revision, thing);
        if dropped {
            self.tombstones.insert(self.revision);
        }
    }

    /// Edges are dropped before their ends are, so an edge's tombstone goes before those of its ends.
    fn forget_old_tombstones(&mut self) {
        while self.tombstones.len() > self.tombstones_max {
            let Some(oldest) = self.tombstones.pop_first() else { return };
            self.floor = oldest;
            match self.log.remove(oldest) {
                Some(Thing::Node(number)) => {
                    let label = self.table.node(number).label;
                    self.table.remove_node(number);
                    self.finder.removed(&self.table, label);
                }
                Some(Thing::Edge(number)) => self.table.remove_edge(number),
                None => {}
            }
        }
    }

    /// Their keys in order, each once.
    fn keys(&self, numbers: impl IntoIterator<Item = u32>) -> Vec<NodeKey> {
        let mut keys: Vec<NodeKey> =
            numbers.into_iter().map(|number| self.table.node(number).key()).collect();
        keys.sort();
        keys.dedup();
        keys
    }

    fn source(&self, number: u32) -> Source {
        self.sources[number as usize].clone()
    }

    fn node_of(&self, node: &NodeRecord) -> Result<Option<Node>, StoreError> {
        let facts = node.facts()?;
        Ok(facts.map(|facts| Node { key: node.key(), facts, source: self.source(node.source) }))
    }

    fn edge_of(&self, edge: &EdgeRecord) -> Option<Edge> {
        let (tie, since_ms) = (edge.tie?, edge.since_ms);
        Some(Edge { key: self.table.edge_key(edge), tie, source: self.source(edge.source), since_ms })
    }

    fn change(&self, thing: Thing) -> Result<Change, StoreError> {
        Ok(match thing {
            Thing::Node(number) => {
                let node = self.table.node(number);
                self.node_of(node)?.map_or_else(|| Change::NodeGone(node.key()), Change::Node)
            }
            Thing::Edge(number) => {
                let edge = self.table.edge(number);
                self.edge_of(edge).map_or_else(|| Change::EdgeGone(self.table.edge_key(edge)), Change::Edge)
            }
        })
    }

    fn put_back(&mut self, revision: u64, number: Thing) {
        self.revision = self.revision.max(revision);
        self.floor = self.revision;
        self.log.insert(revision, number);
    }
}

/// One more, or one less.
fn count(living: &mut u64, was: bool, is: bool) {
    match (was, is) {
        (false, true) => *living += 1,
        (true, false) => *living -= 1,
        (true, true) | (false, false) => {}
    }
}

impl GraphStore for MemoryGraph {
    fn apply_telling(
        &mut self,
        stamp: &Stamp,
        ops: &[Op],
        changes: &mut Vec<(u64, Change)>,
    ) -> Result<Applied, StoreError> {
        if !self.table.has_room_for(ops.len()) {
            return Err(StoreError("there are more nodes or edges than numbers for them".to_owned()));
        }
        let before = self.revision;
        let source = self.source_number(&stamp.source);
        let mark = Mark { source, sequence: stamp.sequence, at_ms: stamp.at_ms };
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
        for (revision, thing) in self.log.after(before) {
            changes.push((revision, self.change(thing)?));
        }
        self.forget_old_tombstones();
        Ok(applied)
    }

    fn node(&self, key: &NodeKey) -> Result<Option<Node>, StoreError> {
        self.table.find_node(key).map_or(Ok(None), |number| self.node_of(self.table.node(number)))
    }

    fn neighbours(
        &self,
        key: &NodeKey,
        direction: Direction,
        relation: Option<Relation>,
    ) -> Result<Vec<Edge>, StoreError> {
        let Some(number) = self.table.find_node(key) else { return Ok(Vec::new()) };
        let edges = self.edges_at(number, direction, relation);
        let mut edges: Vec<Edge> = edges.filter_map(|edge| self.edge_of(edge)).collect();
        edges.sort_by(|a, b| a.key.cmp(&b.key));
        Ok(edges)
    }

    fn walk(
        &self,
        from: &NodeKey,
        along: &[(Relation, Direction)],
        bounds: Bounds,
    ) -> Result<Walk, StoreError> {
        Ok(self.walk_from(from, along, bounds))
    }

    fn switches_named(&self, name: &str) -> Result<Vec<Node>, StoreError> {
        let named = self.finder.switches_named(name);
        let nodes = named.filter_map(|number| self.node_of(self.table.node(number)).transpose());
        let mut nodes = nodes.collect::<Result<Vec<Node>, StoreError>>()?;
        nodes.sort_by(|a, b| a.key.cmp(&b.key));
        Ok(nodes)
    }

    fn with_part(&self, label: Label, part: &str) -> Result<Vec<NodeKey>, StoreError> {
        match self.finder.with_part(&self.table, label, part) {
            Some(numbers) => Ok(self.keys(numbers)),
            None => scan_for_part(self, label, part),
        }
    }

    fn nics_with(&self, mac: MacAddress) -> Result<Vec<NodeKey>, StoreError> {
        Ok(self.keys(self.finder.nics_with(mac)))
    }

    fn edges_since(&self, relation: Relation, since_ms: u64) -> Result<Vec<Edge>, StoreError> {
        let records =
            self.table.records().filter(|edge| edge.relation == relation && edge.since_ms >= since_ms);
        let mut edges: Vec<Edge> = records.filter_map(|edge| self.edge_of(edge)).collect();
        edges.sort_by(|a, b| a.key.cmp(&b.key));
        Ok(edges)
    }

    fn scan(&self, label: Label, after: Option<&str>, limit: usize) -> Result<Vec<Node>, StoreError> {
        let nodes = self.table.nodes_after(label, after);
        nodes.filter_map(|node| self.node_of(node).transpose()).take(limit).collect()
    }

    fn changes_since(&self, revision: u64, limit: usize) -> Result<Changes, StoreError> {
        let is_known = revision >= self.floor || self.restored_at == Some(revision);
        if !is_known || revision > self.revision {
            return Ok(Changes::Forgotten);
        }
        let mut logged = self.log.after(revision);
        let taken = logged.by_ref().take(limit).map(|(at, thing)| Ok((at, self.change(thing)?)));
        let changes = taken.collect::<Result<_, StoreError>>()?;
        Ok(Changes::Since { changes, more: logged.next().is_some() })
    }

    fn revision(&self) -> Result<u64, StoreError> {
        Ok(self.revision)
    }

    fn stats(&self) -> Result<Stats, StoreError> {
        let some = |count: &u64| *count > 0;
        let nodes = Label::ALL.into_iter().zip(self.nodes).filter(|(_, count)| some(count)).collect();
        let edges = Relation::ALL.into_iter().zip(self.edges).filter(|(_, count)| some(count)).collect();
        Ok(Stats { nodes, edges, tombstones: self.tombstones.len() as u64, revision: self.revision })
    }

    fn snapshot(&self, each: &mut dyn FnMut(u64, Entry)) -> Result<u64, StoreError> {
        for record in Label::ALL.into_iter().flat_map(|label| self.table.nodes_after(label, None)) {
            if let Some(node) = self.node_of(record)? {
                each(record.revision, Entry::Node(node));
            }
        }
        for (_, record) in self.table.edges() {
            if let Some(edge) = self.edge_of(record) {
                each(record.revision, Entry::Edge(edge));
            }
        }
        Ok(self.revision)
    }

    fn restore(&mut self, revision: u64, entry: Entry) -> Result<(), StoreError> {
        if !self.table.has_room_for(1) {
            return Err(StoreError("there are more nodes or edges than numbers for them".to_owned()));
        }
        let thing = match entry {
            Entry::Node(Node { key, facts, source }) => {
                let source = self.source_number(&source);
                let number = self.number_of(&key);
                self.take_facts(number, Some(&facts));
                let node = self.table.node_mut(number);
                (node.source, node.revision) = (source, revision);
                Thing::Node(number)
            }
            Entry::Edge(Edge { key, tie, source, since_ms }) => {
                let from = self.living_near(&key.from, self.near.from);
                let to = self.living_near(&key.to, self.near.to[key.relation as usize]);
                let Some((from, to)) = from.zip(to) else { return Ok(()) };
                (self.near.from, self.near.to[key.relation as usize]) = (from, to);
                let between = Between { from, relation: key.relation, to };
                let known = self.table.find_edge(between, &key.mark);
                let number = known.unwrap_or_else(|| self.table.add_edge(between, &key.mark));
                let source = self.source_number(&source);
                let edge = self.table.edge_mut(number);
                let was = edge.tie.replace(tie);
                (edge.source, edge.since_ms, edge.revision) = (source, since_ms, revision);
                count(&mut self.edges[key.relation as usize], was.is_some(), true);
                Thing::Edge(number)
            }
        };
        self.put_back(revision, thing);
        Ok(())
    }

    fn restored(&mut self, at: u64, goes_on_from: u64) {
        self.restored_at = Some(self.revision.max(at));
        self.revision = self.revision.max(at).max(goes_on_from);
        self.floor = self.revision;
    }
}

#[cfg(test)]
mod tests;
