//! The model: living and dropped things in two maps, every rule by brute force.

use std::collections::{BTreeMap, BTreeSet};

use crate::graph::*;

/// The latest word on a thing.
#[derive(Clone, Debug)]
struct Word<T> {
    source: Source,
    sequence: u64,
    said: Option<T>,
    since_ms: u64,
    revision: u64,
}

/// A store that forgets nothing and is fast at nothing.
#[derive(Clone, Debug, Default)]
pub struct Model {
    nodes: BTreeMap<NodeKey, Word<Facts>>,
    edges: BTreeMap<EdgeKey, Word<Tie>>,
    revision: u64,
    applied: Applied,
}

/// Whether a word is older than what is known.
fn is_stale<T>(word: &Word<T>, stamp: &Stamp) -> bool {
    word.source == stamp.source && word.sequence > stamp.sequence
}

impl<T> Word<T> {
    fn none(stamp: &Stamp) -> Self {
        Self { source: stamp.source.clone(), sequence: 0, said: None, since_ms: 0, revision: 0 }
    }
}

impl Model {
    /// The newest word counts, whatever it says; true if it is news.
    fn say<T: PartialEq>(revision: &mut u64, word: &mut Word<T>, stamp: &Stamp, said: Option<T>) -> bool {
        (word.source, word.sequence) = (stamp.source.clone(), stamp.sequence);
        if word.said == said {
            return false;
        }
        *revision += 1;
        if word.said.is_none() {
            word.since_ms = stamp.at_ms;
        }
        (word.said, word.revision) = (said, *revision);
        true
    }

    fn lives(&self, key: &NodeKey) -> bool {
        self.nodes.get(key).is_some_and(|word| word.said.is_some())
    }

    fn node_is(&mut self, stamp: &Stamp, key: &NodeKey, facts: Option<&Facts>) {
        if facts.is_none() && !self.nodes.contains_key(key) {
            return;
        }
        let word = self.nodes.entry(key.clone()).or_insert(Word::none(stamp));
        if is_stale(word, stamp) {
            self.applied.stale += 1;
            return;
        }
        if facts.is_none() {
            let ends = self.edges.iter_mut().filter(|(edge, _)| edge.from == *key || edge.to == *key);
            for (_, edge) in ends {
                // Whoever spoke of the edge last.
                Self::say(&mut self.revision, edge, stamp, None);
            }
        }
        self.applied.changed += usize::from(Self::say(&mut self.revision, word, stamp, facts.cloned()));
    }

    fn edge_is(&mut self, stamp: &Stamp, key: &EdgeKey, tie: Option<Tie>) {
        if tie.is_some() && !(self.lives(&key.from) && self.lives(&key.to)) {
            self.applied.dangling += 1;
            return;
        }
        if tie.is_none() && !self.edges.contains_key(key) {
            return;
        }
        let word = self.edges.entry(key.clone()).or_insert(Word::none(stamp));
        if is_stale(word, stamp) {
            self.applied.stale += 1;
            return;
        }
        self.applied.changed += usize::from(Self::say(&mut self.revision, word, stamp, tie));
    }

    /// All that lives.
    pub fn living_nodes(&self) -> Vec<Node> {
        let node = |(key, word): (&NodeKey, &Word<Facts>)| {
            Some(Node { key: key.clone(), facts: word.said.clone()?, source: word.source.clone() })
        };
        self.nodes.iter().filter_map(node).collect()
    }

    /// All edges that live.
    pub fn living_edges(&self) -> Vec<Edge> {
        let edge = |(key, word): (&EdgeKey, &Word<Tie>)| {
            let (tie, source, since_ms) = (word.said?, word.source.clone(), word.since_ms);
            Some(Edge { key: key.clone(), tie, source, since_ms })
        };
        self.edges.iter().filter_map(edge).collect()
    }

    /// Where one can go from a node.
    fn steps(&self, from: &NodeKey, along: &[(Relation, Direction)]) -> BTreeSet<NodeKey> {
        let mut ends = BTreeSet::new();
        for Edge { key, .. } in self.living_edges() {
            for (_, direction) in along.iter().filter(|(relation, _)| *relation == key.relation) {
                match direction {
                    Direction::Out if key.from == *from => drop(ends.insert(key.to.clone())),
                    Direction::In if key.to == *from => drop(ends.insert(key.from.clone())),
                    Direction::Out | Direction::In => {}
                }
            }
        }
        ends
    }

    /// All ways of so many steps that pass no node twice.
    fn ways(&self, way: Vec<NodeKey>, along: &[(Relation, Direction)], steps: u32) -> Vec<Vec<NodeKey>> {
        let Some(last) = way.last().filter(|_| steps > 0) else { return vec![way] };
        let next = self.steps(last, along).into_iter().filter(|next| !way.contains(next));
        let longer = next.map(|next| [&way[..], &[next]].concat());
        longer.collect::<Vec<_>>().into_iter().flat_map(|way| self.ways(way, along, steps - 1)).collect()
    }
}

impl GraphStore for Model {
    fn apply_telling(
        &mut self,
        stamp: &Stamp,
        ops: &[Op],
        changes: &mut Vec<(u64, Change)>,
    ) -> Result<Applied, StoreError> {
        let before = self.revision;
        self.applied = Applied::default();
        for op in ops {
            match op {
                Op::Node(key, facts) => self.node_is(stamp, key, Some(facts)),
                Op::DropNode(key) => self.node_is(stamp, key, None),
                Op::Edge(key, tie) => self.edge_is(stamp, key, Some(*tie)),
                Op::DropEdge(key) => self.edge_is(stamp, key, None),
            }
        }
        if let Changes::Since { changes: told, .. } = self.changes_since(before, usize::MAX)? {
            changes.extend(told);
        }
        Ok(self.applied)
    }

    fn node(&self, key: &NodeKey) -> Result<Option<Node>, StoreError> {
        Ok(self.living_nodes().into_iter().find(|node| node.key == *key))
    }

    fn neighbours(
        &self,
        key: &NodeKey,
        direction: Direction,
        relation: Option<Relation>,
    ) -> Result<Vec<Edge>, StoreError> {
        let is_wanted = |edge: &Edge| {
            let end = if direction == Direction::Out { &edge.key.from } else { &edge.key.to };
            end == key && relation.is_none_or(|relation| edge.key.relation == relation)
        };
        Ok(self.living_edges().into_iter().filter(is_wanted).collect())
    }

    fn walk(
        &self,
        from: &NodeKey,
        along: &[(Relation, Direction)],
        bounds: Bounds,
    ) -> Result<Walk, StoreError> {
        let mut distances = BTreeMap::from([(from.clone(), 0)]);
        let mut walk = Walk::default();
        if !self.lives(from) {
            return Ok(walk);
        }
        for distance in 1..=bounds.steps_max {
            for (node, _) in distances.clone().into_iter().filter(|(_, at)| *at == distance - 1) {
                for next in self.steps(&node, along) {
                    distances.entry(next).or_insert(distance);
                }
            }
        }
        distances.remove(from);
        walk.nodes.extend(distances);
        walk.nodes.sort_by(|a, b| (a.1, &a.0).cmp(&(b.1, &b.0)));
        walk.cut = walk.nodes.len() > bounds.nodes_max;
        walk.nodes.truncate(bounds.nodes_max);
        Ok(walk)
    }

    fn paths(
        &self,
        (start, end): (&NodeKey, &NodeKey),
        along: &[(Relation, Direction)],
        steps_max: u32,
        paths_max: usize,
    ) -> Result<Paths, StoreError> {
        if !self.lives(start) || !self.lives(end) {
            return Ok(Paths::default());
        }
        let of_length = |steps| {
            let ways = self.ways(vec![start.clone()], along, steps).into_iter();
            ways.filter(|way| way.len() == steps as usize + 1 && way.last() == Some(end)).collect::<Vec<_>>()
        };
        let mut paths = (0..=steps_max).map(of_length).find(|ways| !ways.is_empty()).unwrap_or_default();
        paths.sort();
        let cut = paths.len() > paths_max;
        paths.truncate(paths_max);
        Ok(Paths { paths, cut })
    }

    fn edges_since(&self, relation: Relation, since_ms: u64) -> Result<Vec<Edge>, StoreError> {
        let is_wanted = |edge: &Edge| edge.key.relation == relation && edge.since_ms >= since_ms;
        Ok(self.living_edges().into_iter().filter(is_wanted).collect())
    }

    fn scan(&self, label: Label, after: Option<&str>, limit: usize) -> Result<Vec<Node>, StoreError> {
        let is_wanted =
            |node: &Node| node.key.label == label && after.is_none_or(|after| node.key.id.as_str() > after);
        Ok(self.living_nodes().into_iter().filter(is_wanted).take(limit).collect())
    }

    fn changes_since(&self, revision: u64, limit: usize) -> Result<Changes, StoreError> {
        let nodes = self.nodes.iter().map(|(key, word)| {
            let said = word.said.clone().map(|facts| (facts, word.source.clone()));
            let node = said.map(|(facts, source)| Change::Node(Node { key: key.clone(), facts, source }));
            (word.revision, node.unwrap_or(Change::NodeGone(key.clone())))
        });
        let edges = self.edges.iter().map(|(key, word)| {
            let (key, source, since_ms) = (key.clone(), word.source.clone(), word.since_ms);
            let gone = Change::EdgeGone(key.clone());
            let edge = word.said.map(|tie| Change::Edge(Edge { key, tie, source, since_ms }));
            (word.revision, edge.unwrap_or(gone))
        });
        let mut changes: Vec<_> = nodes.chain(edges).filter(|(at, _)| *at > revision).collect();
        changes.sort_by_key(|(at, _)| *at);
        let more = changes.len() > limit;
        changes.truncate(limit);
        Ok(Changes::Since { changes, more })
    }

    fn revision(&self) -> Result<u64, StoreError> {
        Ok(self.revision)
    }

    fn stats(&self) -> Result<Stats, StoreError> {
        let mut stats = Stats { revision: self.revision, ..Stats::default() };
        self.living_nodes().iter().for_each(|node| *stats.nodes.entry(node.key.label).or_default() += 1);
        self.living_edges().iter().for_each(|edge| *stats.edges.entry(edge.key.relation).or_default() += 1);
        let all = self.nodes.len() + self.edges.len();
        stats.tombstones = (all - self.living_nodes().len() - self.living_edges().len()) as u64;
        Ok(stats)
    }
}
