//! Walks: what can be reached, nearest first.

use std::collections::BTreeSet;

use super::MemoryGraph;
use super::table::{EdgeRecord, NodeRecord};
use crate::graph::{Bounds, Direction, NodeKey, Relation, Walk};

/// Ways on from a node.
type Along<'a> = &'a [(Relation, Direction)];

impl MemoryGraph {
    /// The records of edges at a node, dropped ones too.
    pub(super) fn edges_at(
        &self,
        number: u32,
        direction: Direction,
        relation: Option<Relation>,
    ) -> impl Iterator<Item = &EdgeRecord> {
        let node = self.table.node(number);
        let numbers = match direction {
            Direction::Out => node.out.numbers(),
            Direction::In => node.inward.numbers(),
        };
        // They are ordered by relation first.
        let before = |&other: &u32| relation.is_some_and(|wanted| self.table.edge(other).relation < wanted);
        let from = numbers.partition_point(before);
        let edges = numbers.iter().skip(from).map(|&number| self.table.edge(number));
        edges.take_while(move |edge| relation.is_none_or(|wanted| edge.relation == wanted))
    }

    /// Where living edges lead, one step along.
    fn steps(&self, number: u32, along: Along<'_>) -> impl Iterator<Item = u32> {
        along.iter().flat_map(move |&(relation, direction)| {
            let edges = self.edges_at(number, direction, Some(relation)).filter(|edge| edge.tie.is_some());
            edges.map(move |edge| if direction == Direction::Out { edge.to } else { edge.from })
        })
    }

    fn record(&self, number: u32) -> &NodeRecord {
        self.table.node(number)
    }

    pub(super) fn walk_from(&self, from: &NodeKey, along: Along<'_>, bounds: Bounds) -> Walk {
        let mut walk = Walk::default();
        let Some(start) = self.living(from) else { return walk };
        let mut seen = BTreeSet::from([start]);
        let mut level = vec![start];
        for distance in 1..=bounds.steps_max {
            let mut found = Vec::new();
            for number in level.drain(..) {
                found.extend(self.steps(number, along).filter(|&end| seen.insert(end)));
            }
            if found.is_empty() {
                break;
            }
            found.sort_unstable_by(|&a, &b| self.record(a).rank().cmp(&self.record(b).rank()));
            let left = bounds.nodes_max - walk.nodes.len();
            if found.len() > left {
                found.truncate(left);
                walk.cut = true;
            }
            walk.nodes.extend(found.iter().map(|&number| (self.record(number).key(), distance)));
            if walk.cut {
                break;
            }
            level = found;
        }
        walk
    }
}
