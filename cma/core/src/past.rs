//! Wires that were: what each network port of a host hung on, from when until when.
//!
//! A wire that is stands in the graph as an edge, with the time since which it is there. When it ends, what it said is
//! kept as a node of its own ([`PastWire`]), in the same turn. So the past is written down, followed by a mirror and
//! asked like everything else in the graph.
//!
//! # Invariants
//! - Of one host the newest [`OF_A_HOST_MAX`] are kept, of all the newest [`Past::max`].
//! - Numbers rise: a lower one ended earlier.

use std::collections::{BTreeMap, BTreeSet};

use crate::graph::{
    Change, Direction, Edge, EdgeKey, Facts, GraphStore, Label, NodeKey, Op, PastWire, Relation, StoreError,
    Tie, scan_all,
};

/// How many past wires of one host are kept.
pub const OF_A_HOST_MAX: usize = 100;
/// How many are kept in all ..
pub const MAX: usize = 200_000;
/// .. and what part of the nodes that the graph may have.
const PART_OF_NODES: u64 = 8;

/// A wire before a batch that may end it.
pub(crate) type Before = BTreeMap<EdgeKey, PastWire>;

/// Which past wires there are, oldest first.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Past {
    kept: BTreeMap<u64, NodeKey>,
    max: usize,
}

impl Past {
    /// None, for a graph of at most so many nodes.
    pub(crate) fn new(nodes_max: u64) -> Self {
        let part = usize::try_from(nodes_max / PART_OF_NODES).unwrap_or(MAX);
        Self { kept: BTreeMap::new(), max: part.min(MAX) }
    }

    /// Those of a graph that was kept.
    pub(crate) fn over<G: GraphStore>(graph: &G, nodes_max: u64) -> Result<Self, StoreError> {
        let mut past = Self::new(nodes_max);
        for node in scan_all(graph, Label::Attachment)? {
            past.kept.extend(number(&node.key).map(|number| (number, node.key)));
        }
        Ok(past)
    }

    /// How many are kept in all.
    pub(crate) fn max(&self) -> usize {
        self.max
    }

    /// When the oldest ended that is kept, if some were forgotten to make room.
    pub(crate) fn full_since<G: GraphStore>(&self, graph: &G) -> Result<Option<u64>, StoreError> {
        let oldest = self.kept.values().next().filter(|_| self.kept.len() >= self.max);
        let node = oldest.map_or(Ok(None), |key| graph.node(key))?;
        Ok(node.and_then(|node| of(node.facts)).map(|wire| wire.until_ms))
    }

    /// What the batch that made these changes ended, as a batch to be applied after it.
    pub(crate) fn operations<G: GraphStore>(
        &self,
        graph: &G,
        before: Before,
        changes: &[(u64, Change)],
        at_ms: u64,
    ) -> Result<Vec<Op>, StoreError> {
        let mut ops = Vec::new();
        let mut added: BTreeMap<u64, NodeKey> = BTreeMap::new();
        let last = self.kept.keys().next_back().copied().unwrap_or_default();
        for (number, (key, wire)) in (last + 1..).zip(ended(before, changes)) {
            let attachment = NodeKey::attachment(&key.from, number);
            let until_ms = at_ms.max(wire.from_ms);
            let wire = PastWire { until_ms, after: hangs_on(graph, &key.from)?, ..wire };
            ops.push(Op::Node(attachment.clone(), Facts::Attachment(wire)));
            // Left out by the graph where the port is gone.
            let edge = EdgeKey::new(key.from.clone(), Relation::HungOn, attachment.clone());
            ops.push(Op::Edge(edge, Tie::Plain));
            added.insert(number, attachment);
        }
        let hosts: BTreeSet<String> = added.values().map(prefix_of_host).collect();
        let mut over: BTreeSet<NodeKey> = BTreeSet::new();
        for host in hosts {
            over.extend(too_many_of_host(graph, &host, &added)?);
        }
        let left = self.kept.values().chain(added.values()).filter(|key| !over.contains(*key));
        let too_many = (self.kept.len() + added.len()).saturating_sub(over.len() + self.max);
        let oldest: Vec<NodeKey> = left.take(too_many).cloned().collect();
        over.extend(oldest);
        ops.extend(over.into_iter().map(Op::DropNode));
        Ok(ops)
    }

    /// The operations were applied.
    pub(crate) fn applied(&mut self, ops: &[Op]) {
        for op in ops {
            match op {
                Op::Node(key, Facts::Attachment(_)) => {
                    self.kept.extend(number(key).map(|number| (number, key.clone())));
                }
                Op::DropNode(key) => drop(number(key).and_then(|number| self.kept.remove(&number))),
                Op::Node(..) | Op::Edge(..) | Op::DropEdge(_) => {}
            }
        }
    }
}

/// The oldest of a host, as many as are too many once these came.
fn too_many_of_host<G: GraphStore>(
    graph: &G,
    host: &str,
    added: &BTreeMap<u64, NodeKey>,
) -> Result<Vec<NodeKey>, StoreError> {
    let mut of_host = of_prefix(graph, host)?;
    of_host.extend(added.values().filter(|key| key.id.starts_with(host)).cloned());
    of_host.sort_by_key(number);
    of_host.truncate(of_host.len().saturating_sub(OF_A_HOST_MAX));
    Ok(of_host)
}

/// The wires that a batch may end: what they say now.
pub(crate) fn endangered<G: GraphStore>(graph: &G, ops: &[Op]) -> Result<Before, StoreError> {
    let mut before = Before::new();
    for op in ops {
        let edges = match op {
            Op::DropEdge(key) if key.relation == Relation::WiredTo => {
                let edges = graph.neighbours(&key.from, Direction::Out, Some(Relation::WiredTo))?;
                edges.into_iter().filter(|edge| edge.key == *key).collect()
            }
            Op::DropNode(key) if key.label == Label::Nic => {
                graph.neighbours(key, Direction::Out, Some(Relation::WiredTo))?
            }
            Op::DropNode(key) if key.label == Label::SwitchPort => {
                graph.neighbours(key, Direction::In, Some(Relation::WiredTo))?
            }
            Op::Node(..) | Op::Edge(..) | Op::DropEdge(_) | Op::DropNode(_) => Vec::new(),
        };
        for edge in edges {
            if let Some(wire) = as_it_is(graph, &edge)? {
                before.insert(edge.key, wire);
            }
        }
    }
    Ok(before)
}

/// A host that is new here has heard all its switches by then: they speak every half minute, some every minute.
const HEARD_WITHIN_MS: u64 = 120_000;

/// Whether a wire that is there since then was plugged into a port that hung on nothing. What a host is first told to
/// hang on, it may have hung on for years; and what came in place of another is told with the end of that one.
pub(crate) fn is_plugged<G: GraphStore>(graph: &G, nic: &NodeKey, since_ms: u64) -> Result<bool, StoreError> {
    let past = graph.neighbours(nic, Direction::Out, Some(Relation::HungOn))?;
    let known_after = if past.is_empty() { HEARD_WITHIN_MS } else { 0 };
    for host in graph.neighbours(nic, Direction::In, Some(Relation::HasNic))? {
        for home in graph.neighbours(&host.key.from, Direction::Out, Some(Relation::InSite))? {
            if home.since_ms + known_after >= since_ms {
                return Ok(false);
            }
        }
    }
    for past in past {
        let wire = graph.node(&past.key.to)?.and_then(|node| of(node.facts));
        if wire.is_some_and(|wire| wire.until_ms == since_ms) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// What a port hangs on; empty where nothing is known.
fn hangs_on<G: GraphStore>(graph: &G, nic: &NodeKey) -> Result<String, StoreError> {
    let wires = graph.neighbours(nic, Direction::Out, Some(Relation::WiredTo))?;
    let mut words = Vec::new();
    for wire in wires {
        words.push(self::words(graph, &wire.key.to)?);
    }
    Ok(words.join(", "))
}

/// A switch port as `sw1 p1`.
pub(crate) fn words<G: GraphStore>(graph: &G, port: &NodeKey) -> Result<String, StoreError> {
    let [switch, _, port] = far_end(graph, port)?;
    Ok(format!("{switch} {port}"))
}

/// The past wires of a host, by the beginning of their ids.
pub(crate) fn of_host<G: GraphStore>(graph: &G, host: &NodeKey) -> Result<Vec<PastWire>, StoreError> {
    let mut wires = Vec::new();
    for key in of_prefix(graph, &format!("{}/", host.id))? {
        wires.extend(graph.node(&key)?.and_then(|node| of(node.facts)));
    }
    Ok(wires)
}

/// The past wire that facts tell of.
pub(crate) fn of(facts: Facts) -> Option<PastWire> {
    if let Facts::Attachment(wire) = facts { Some(wire) } else { None }
}

fn of_prefix<G: GraphStore>(graph: &G, prefix: &str) -> Result<Vec<NodeKey>, StoreError> {
    let nodes = graph.scan(Label::Attachment, Some(prefix), OF_A_HOST_MAX)?;
    Ok(nodes.into_iter().map(|node| node.key).take_while(|key| key.id.starts_with(prefix)).collect())
}

/// `lab/h1/` of `lab/h1/2/00000000000000000007`.
fn prefix_of_host(key: &NodeKey) -> String {
    let parts: Vec<&str> = key.id.splitn(3, '/').collect();
    parts.first().zip(parts.get(1)).map_or_else(String::new, |(site, host)| format!("{site}/{host}/"))
}

fn number(key: &NodeKey) -> Option<u64> {
    let tail = key.id.rsplit('/').next().filter(|_| key.label == Label::Attachment);
    tail.and_then(|tail| tail.parse().ok())
}

/// Those that the changes took away.
fn ended(mut before: Before, changes: &[(u64, Change)]) -> Vec<(EdgeKey, PastWire)> {
    let gone = changes.iter().filter_map(|(_, change)| match change {
        Change::EdgeGone(key) => before.remove_entry(key),
        Change::Node(_) | Change::Edge(_) | Change::NodeGone(_) => None,
    });
    gone.collect()
}

/// What is known of a wire that has not ended.
fn as_it_is<G: GraphStore>(graph: &G, wire: &Edge) -> Result<Option<PastWire>, StoreError> {
    let (nic, Tie::Wired(evidence)) = (&wire.key.from, wire.tie) else { return Ok(None) };
    let Some(Facts::Nic { ifname, .. }) = graph.node(nic)?.map(|node| node.facts) else { return Ok(None) };
    let holders = graph.neighbours(nic, Direction::In, Some(Relation::HasNic))?;
    let host = holders.first().map_or_else(String::new, |edge| edge.key.from.local().to_owned());
    let [switch, switch_id, port] = far_end(graph, &wire.key.to)?;
    let plugged = is_plugged(graph, nic, wire.since_ms)?;
    let (from_ms, until_ms, after) = (wire.since_ms, wire.since_ms, String::new());
    Ok(Some(PastWire { host, ifname, switch, switch_id, port, evidence, from_ms, until_ms, plugged, after }))
}

/// A switch port's switch, the id of that, and its own name.
fn far_end<G: GraphStore>(graph: &G, port: &NodeKey) -> Result<[String; 3], StoreError> {
    let name = match graph.node(port)?.map(|node| node.facts) {
        Some(Facts::SwitchPort { name }) => name,
        Some(_) | None => String::new(),
    };
    for edge in graph.neighbours(port, Direction::In, Some(Relation::HasPort))? {
        if let Some(Facts::Switch(switch)) = graph.node(&edge.key.from)?.map(|node| node.facts) {
            return Ok([switch.name, switch.id, name]);
        }
    }
    Ok([String::new(), String::new(), name])
}
