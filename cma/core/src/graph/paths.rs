//! The shortest ways between two nodes, by the verbs every store has.

use std::collections::{BTreeMap, BTreeSet};

use super::{Direction, GraphStore, NodeKey, Relation, StoreError};

/// What was found between two nodes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Paths {
    /// The shortest ways, all of one length: nodes from start to end, both included. In order.
    pub paths: Vec<Vec<NodeKey>>,
    /// There are more of that length.
    pub cut: bool,
}

/// The nodes from which each one was reached first, one step nearer to the start.
type Before = BTreeMap<NodeKey, BTreeSet<NodeKey>>;

/// Breadth first from the start until the end is met; then back along every step that came nearer.
pub(super) fn shortest<G: GraphStore + ?Sized>(
    graph: &G,
    (start, end): (&NodeKey, &NodeKey),
    along: &[(Relation, Direction)],
    steps_max: u32,
    paths_max: usize,
) -> Result<Paths, StoreError> {
    if graph.node(start)?.is_none() || graph.node(end)?.is_none() {
        return Ok(Paths::default());
    }
    let mut before = Before::from([(start.clone(), BTreeSet::new())]);
    let mut level = vec![start.clone()];
    for _ in 0..steps_max {
        if level.is_empty() || before.contains_key(end) {
            break;
        }
        let mut reached = Before::new();
        for node in level {
            for next in steps(graph, &node, along)? {
                if !before.contains_key(&next) {
                    reached.entry(next).or_default().insert(node.clone());
                }
            }
        }
        level = reached.keys().cloned().collect();
        before.append(&mut reached);
    }
    Ok(back(start, end, &before, paths_max))
}

fn steps<G: GraphStore + ?Sized>(
    graph: &G,
    node: &NodeKey,
    along: &[(Relation, Direction)],
) -> Result<Vec<NodeKey>, StoreError> {
    let mut ends = Vec::new();
    for &(relation, direction) in along {
        let edges = graph.neighbours(node, direction, Some(relation))?.into_iter().map(|edge| edge.key);
        ends.extend(edges.map(|key| if direction == Direction::Out { key.to } else { key.from }));
    }
    Ok(ends)
}

/// Every way back from the end, at most so many.
fn back(start: &NodeKey, end: &NodeKey, before: &Before, most: usize) -> Paths {
    let mut found = Paths::default();
    let mut open = if before.contains_key(end) { vec![vec![end]] } else { Vec::new() };
    while let Some(path) = open.pop() {
        let Some(&last) = path.last() else { continue };
        if last != start {
            let nearer = before.get(last).into_iter().flatten();
            open.extend(nearer.map(|step| [&path[..], &[step]].concat()));
        } else if found.paths.len() == most {
            found.cut = true;
            break;
        } else {
            found.paths.push(path.into_iter().rev().cloned().collect());
        }
    }
    found.paths.sort();
    found
}
