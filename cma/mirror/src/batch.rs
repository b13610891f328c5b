//! Changes sorted into statements: of one kind each, with every key once, in the order of the keys.
//!
//! Edges go before their ends do, and come after them. Sorted rows are locked by the server in the same order by whoever
//! writes them, so two writers wait for each other and not in a circle.

use std::collections::BTreeMap;

use ringmesh_cma_core::graph::{Change, Edge, EdgeKey, Label, Node, Relation};

/// Which edges one statement can name: their kind, and the labels of their ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Kind {
    /// Where they begin.
    pub from: Label,
    /// What they are.
    pub relation: Relation,
    /// Where they end.
    pub to: Label,
}

impl Kind {
    /// The kind of an edge.
    pub fn of(key: &EdgeKey) -> Self {
        Self { from: key.from.label, relation: key.relation, to: key.to.label }
    }
}

/// What is to be true of some rows, by statement.
#[derive(Debug, Default)]
pub struct Batch {
    /// Edges that are gone.
    pub edges_gone: BTreeMap<Kind, BTreeMap<EdgeKey, ()>>,
    /// Nodes that are gone.
    pub nodes_gone: BTreeMap<Label, BTreeMap<String, ()>>,
    /// Nodes as they are.
    pub nodes: BTreeMap<Label, BTreeMap<String, Node>>,
    /// Edges as they are.
    pub edges: BTreeMap<Kind, BTreeMap<EdgeKey, Edge>>,
}

impl Batch {
    /// Takes one change; a later one of the same thing replaces it.
    pub fn take(&mut self, change: Change) {
        match change {
            Change::Node(node) => {
                let label = node.key.label;
                take_out(&mut self.nodes_gone, label, &node.key.id);
                self.nodes.entry(label).or_default().insert(node.key.id.clone(), node);
            }
            Change::NodeGone(key) => {
                take_out(&mut self.nodes, key.label, &key.id);
                self.nodes_gone.entry(key.label).or_default().insert(key.id, ());
            }
            Change::Edge(edge) => {
                let kind = Kind::of(&edge.key);
                take_out(&mut self.edges_gone, kind, &edge.key);
                self.edges.entry(kind).or_default().insert(edge.key.clone(), edge);
            }
            Change::EdgeGone(key) => {
                let kind = Kind::of(&key);
                take_out(&mut self.edges, kind, &key);
                self.edges_gone.entry(kind).or_default().insert(key, ());
            }
        }
    }

    /// How many rows it has.
    pub fn len(&self) -> usize {
        let gone = rows(&self.edges_gone) + rows(&self.nodes_gone);
        gone + rows(&self.nodes) + rows(&self.edges)
    }

    /// It has none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl FromIterator<Change> for Batch {
    fn from_iter<I: IntoIterator<Item = Change>>(changes: I) -> Self {
        let mut batch = Self::default();
        changes.into_iter().for_each(|change| batch.take(change));
        batch
    }
}

fn take_out<G: Ord, Q: Ord + ?Sized, K: Ord + std::borrow::Borrow<Q>, V>(
    of: &mut BTreeMap<G, BTreeMap<K, V>>,
    group: G,
    key: &Q,
) {
    if let Some(rows) = of.get_mut(&group) {
        rows.remove(key);
        if rows.is_empty() {
            of.remove(&group);
        }
    }
}

fn rows<G, K, V>(of: &BTreeMap<G, BTreeMap<K, V>>) -> usize {
    of.values().map(BTreeMap::len).sum()
}

#[cfg(test)]
mod tests {
    use ringmesh_cma_core::graph::{Facts, NodeKey, Source, Tie};
    use ringmesh_topology::id::{Name, RelayId};

    use super::*;

    #[test]
    fn the_last_word_on_a_thing_counts_and_rows_are_sorted() {
        let source = Source { site: Name::new("lab").unwrap(), relay: RelayId(1), outbox: 1 };
        let key = |id: &str| NodeKey { label: Label::Probe, id: id.into() };
        let node =
            |id: &str| Change::Node(Node { key: key(id), facts: Facts::Probe, source: source.clone() });
        let edge_key = EdgeKey::new(key("a"), Relation::Runs, key("b"));
        let edge = Change::Edge(Edge {
            key: edge_key.clone(),
            tie: Tie::Plain,
            source: source.clone(),
            since_ms: 1,
        });
        let gone = Change::EdgeGone(edge_key);
        let batch: Batch =
            [node("b"), node("a"), Change::NodeGone(key("b")), edge, gone, node("c")].into_iter().collect();
        let ids: Vec<&String> = batch.nodes[&Label::Probe].keys().collect();
        assert_eq!(ids, ["a", "c"]);
        assert_eq!((batch.nodes_gone[&Label::Probe].len(), batch.edges.len(), batch.len()), (1, 0, 4));
        assert!(!batch.is_empty() && Batch::default().is_empty());
    }
}
