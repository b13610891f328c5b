//! Records of nodes and edges under dense numbers, which of them hang together, and how a key is found.
//!
//! A node's id and its facts are the octets of one box; an edge names its ends by their numbers. So a key stands once,
//! and a million hosts with all that hangs on them fit into memory beside everything else a CMA holds.
//!
//! # Invariants
//! - A number is given again only after its record was removed.
//! - The edges at a node are ordered by relation, other end and mark, each by number.

use core::cmp::Ordering;

use ringmesh_proto::keep;

use super::index::Index;
use super::words::Words;
use crate::graph::{EdgeKey, Facts, Label, NodeKey, Relation, StoreError, Tie};

/// A number has 31 bits: the change log needs one.
const NUMBERS_MAX: usize = 1 << 31;

/// Numbers of the edges on one side of a node. Nearly all nodes have one or a few.
#[derive(Default)]
pub(super) enum Links {
    #[default]
    None,
    One(u32),
    // A vector is 24 octets, and this stands twice in every node.
    #[expect(clippy::box_collection, reason = "millions of nodes have none or one")]
    More(Box<Vec<u32>>),
}

impl Links {
    pub(super) fn numbers(&self) -> &[u32] {
        match self {
            Self::None => &[],
            Self::One(number) => core::slice::from_ref(number),
            Self::More(numbers) => numbers,
        }
    }

    fn insert(&mut self, at: usize, number: u32) {
        match self {
            Self::None => *self = Self::One(number),
            Self::One(other) => {
                let mut numbers = vec![*other];
                numbers.insert(at, number);
                *self = Self::More(Box::new(numbers));
            }
            Self::More(numbers) => numbers.insert(at, number),
        }
    }

    fn remove(&mut self, at: usize) {
        match self {
            Self::None | Self::One(_) => *self = Self::None,
            Self::More(numbers) => {
                numbers.remove(at);
                if let [last] = numbers[..] {
                    *self = Self::One(last);
                }
            }
        }
    }
}

/// A node: what was said of it last, by whom, as what number.
pub(super) struct NodeRecord {
    /// Its id, then its facts as they are written down; no facts once it is dropped.
    octets: Box<[u8]>,
    id_length: u32,
    pub(super) label: Label,
    pub(super) source: u32,
    pub(super) sequence: u64,
    pub(super) revision: u64,
    pub(super) out: Links,
    pub(super) inward: Links,
}

impl NodeRecord {
    fn id(&self) -> &[u8] {
        self.octets.get(..self.id_length as usize).unwrap_or_default()
    }

    fn said(&self) -> &[u8] {
        self.octets.get(self.id_length as usize..).unwrap_or_default()
    }

    pub(super) fn lives(&self) -> bool {
        !self.said().is_empty()
    }

    pub(super) fn key(&self) -> NodeKey {
        // It was made from a text.
        let id = core::str::from_utf8(self.id()).unwrap_or_default().to_owned();
        NodeKey { label: self.label, id }
    }

    /// What orders nodes, as their keys do.
    pub(super) fn rank(&self) -> (Label, &[u8]) {
        (self.label, self.id())
    }

    pub(super) fn facts(&self) -> Result<Option<Facts>, StoreError> {
        if !self.lives() {
            return Ok(None);
        }
        let facts = keep::read(b'N', self.said());
        facts.map(Some).map_err(|error| StoreError(format!("{}: {error}", self.key())))
    }

    /// Takes what was said; tells whether that is something new.
    pub(super) fn say(&mut self, facts: Option<&Facts>) -> bool {
        let said = facts.map(keep::octets).unwrap_or_default();
        if self.said() == said {
            return false;
        }
        self.octets = [self.id(), &said].concat().into();
        true
    }
}

/// An edge: what was said of it last, by whom, as what number, since when.
pub(super) struct EdgeRecord {
    pub(super) from: u32,
    pub(super) to: u32,
    pub(super) mark: u32,
    pub(super) relation: Relation,
    /// Nothing once it is dropped.
    pub(super) tie: Option<Tie>,
    pub(super) source: u32,
    pub(super) sequence: u64,
    pub(super) since_ms: u64,
    pub(super) revision: u64,
}

/// Between which nodes, as what, under which mark.
#[derive(Clone, Copy)]
pub(super) struct Between {
    pub(super) from: u32,
    pub(super) relation: Relation,
    pub(super) to: u32,
}

/// See the module.
#[derive(Default)]
pub(super) struct Table {
    nodes: Vec<NodeRecord>,
    edges: Vec<EdgeRecord>,
    free_nodes: Vec<u32>,
    free_edges: Vec<u32>,
    by_id: [Index; Label::ALL.len()],
    marks: Words,
}

impl Table {
    /// Whether so many more nodes and edges have numbers.
    pub(super) fn has_room_for(&self, more: usize) -> bool {
        self.nodes.len().max(self.edges.len()).saturating_add(more) < NUMBERS_MAX
    }

    /// A node that has a record.
    pub(super) fn node(&self, number: u32) -> &NodeRecord {
        &self.nodes[number as usize]
    }

    pub(super) fn node_mut(&mut self, number: u32) -> &mut NodeRecord {
        &mut self.nodes[number as usize]
    }

    /// An edge that has a record.
    pub(super) fn edge(&self, number: u32) -> &EdgeRecord {
        &self.edges[number as usize]
    }

    pub(super) fn edge_mut(&mut self, number: u32) -> &mut EdgeRecord {
        &mut self.edges[number as usize]
    }

    /// Whether that number is of a living node with that key.
    pub(super) fn is(&self, number: u32, key: &NodeKey) -> bool {
        let node = self.nodes.get(number as usize);
        node.is_some_and(|node| node.lives() && node.rank() == (key.label, key.id.as_bytes()))
    }

    pub(super) fn find_node(&self, key: &NodeKey) -> Option<u32> {
        self.by_id[key.label as usize].find(|number| self.node(number).id().cmp(key.id.as_bytes()))
    }

    /// Gives a key a number; it has none yet.
    pub(super) fn add_node(&mut self, key: &NodeKey) -> u32 {
        let record = NodeRecord {
            octets: key.id.as_bytes().into(),
            id_length: u32::try_from(key.id.len()).unwrap_or(u32::MAX),
            label: key.label,
            source: 0,
            sequence: 0,
            revision: 0,
            out: Links::None,
            inward: Links::None,
        };
        let number = put(&mut self.nodes, &mut self.free_nodes, record);
        let nodes = &self.nodes;
        let compare = |other: u32| nodes[other as usize].id().cmp(key.id.as_bytes());
        self.by_id[key.label as usize].insert(number, compare);
        number
    }

    /// Forgets a node that has no edges.
    pub(super) fn remove_node(&mut self, number: u32) {
        let (nodes, record) = (&self.nodes, &self.nodes[number as usize]);
        let index = &mut self.by_id[record.label as usize];
        index.remove(|other| nodes[other as usize].id().cmp(record.id()));
        self.nodes[number as usize].octets = Box::default();
        self.free_nodes.push(number);
    }

    /// The nodes of a label after an id, in the order of their ids.
    pub(super) fn nodes_after(&self, label: Label, after: Option<&str>) -> impl Iterator<Item = &NodeRecord> {
        let is_before =
            move |number: u32| after.is_some_and(|after| self.node(number).id() <= after.as_bytes());
        self.by_id[label as usize].from(is_before).map(|number| self.node(number))
    }

    /// All edges, dropped ones too.
    pub(super) fn edges(&self) -> impl Iterator<Item = (u32, &EdgeRecord)> {
        let nodes = Label::ALL.into_iter().flat_map(|label| self.by_id[label as usize].from(|_| false));
        nodes.flat_map(|node| self.node(node).out.numbers()).map(|&number| (number, self.edge(number)))
    }

    /// The same in no order, dropped ones and those long forgotten too: for who looks at all of them at once.
    pub(super) fn records(&self) -> impl Iterator<Item = &EdgeRecord> {
        self.edges.iter()
    }

    pub(super) fn find_edge(&self, between: Between, mark: &str) -> Option<u32> {
        let mark = self.marks.find(mark)?;
        let out = self.node(between.from).out.numbers();
        let inward = self.node(between.to).inward.numbers();
        // From the end that has fewer edges: a site has many, a host few.
        let found = if out.len() <= inward.len() {
            let at =
                out.binary_search_by(|&number| self.order_out(number, between.relation, between.to, mark));
            out.get(at.ok()?)
        } else {
            let order = |&number: &u32| self.order_in(number, between.relation, between.from, mark);
            inward.get(inward.binary_search_by(order).ok()?)
        };
        found.copied()
    }

    /// Puts an edge between two nodes; it is not there yet.
    pub(super) fn add_edge(&mut self, between: Between, mark: &str) -> u32 {
        let Between { from, relation, to } = between;
        let mark = self.marks.hold(mark);
        let (source, sequence, since_ms, revision) = (0, 0, 0, 0);
        let record = EdgeRecord { from, to, mark, relation, tie: None, source, sequence, since_ms, revision };
        let number = put(&mut self.edges, &mut self.free_edges, record);
        let out = self.node(from).out.numbers();
        let at_out = place(out, |other| self.order_out(other, relation, to, mark));
        let inward = self.node(to).inward.numbers();
        let at_in = place(inward, |other| self.order_in(other, relation, from, mark));
        self.node_mut(from).out.insert(at_out, number);
        self.node_mut(to).inward.insert(at_in, number);
        number
    }

    /// Forgets an edge.
    pub(super) fn remove_edge(&mut self, number: u32) {
        let &EdgeRecord { from, relation, to, mark, .. } = self.edge(number);
        let out = self.node(from).out.numbers();
        let at_out = out.binary_search_by(|&other| self.order_out(other, relation, to, mark));
        let inward = self.node(to).inward.numbers();
        let at_in = inward.binary_search_by(|&other| self.order_in(other, relation, from, mark));
        if let (Ok(at_out), Ok(at_in)) = (at_out, at_in) {
            self.node_mut(from).out.remove(at_out);
            self.node_mut(to).inward.remove(at_in);
        }
        self.marks.release(mark);
        self.free_edges.push(number);
    }

    pub(super) fn edge_key(&self, edge: &EdgeRecord) -> EdgeKey {
        let mark = self.marks.text(edge.mark).to_owned();
        let (from, to) = (self.node(edge.from).key(), self.node(edge.to).key());
        EdgeKey { from, relation: edge.relation, to, mark }
    }

    fn order_out(&self, number: u32, relation: Relation, to: u32, mark: u32) -> Ordering {
        let edge = self.edge(number);
        (edge.relation, edge.to, edge.mark).cmp(&(relation, to, mark))
    }

    fn order_in(&self, number: u32, relation: Relation, from: u32, mark: u32) -> Ordering {
        let edge = self.edge(number);
        (edge.relation, edge.from, edge.mark).cmp(&(relation, from, mark))
    }
}

/// Where a number belongs: mostly at the end, for what comes later has the higher number.
fn place(numbers: &[u32], order: impl Fn(u32) -> Ordering) -> usize {
    match numbers.last() {
        Some(&last) if order(last) != Ordering::Less => {
            numbers.partition_point(|&other| order(other) == Ordering::Less)
        }
        _ => numbers.len(),
    }
}

/// Puts a record under a number that is free.
fn put<T>(records: &mut Vec<T>, free: &mut Vec<u32>, record: T) -> u32 {
    if let Some(number) = free.pop() {
        records[number as usize] = record;
        return number;
    }
    records.push(record);
    // See `has_room_for`.
    u32::try_from(records.len() - 1).unwrap_or(u32::MAX)
}
