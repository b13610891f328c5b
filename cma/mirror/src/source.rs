//! What a mirror asks of the CMA: its change log, and pages of its graph.
//!
//! Each question is answered from one state of the graph, and is small: whoever answers has better things to do.

use std::collections::BTreeSet;

use ringmesh_cma_core::graph::{
    Changes, Direction, Edge, EdgeKey, GraphStore, Label, Node, NodeKey, StoreError,
};

use crate::trouble::Trouble;

/// Edges after which a page of them ends.
const EDGES_ENOUGH: usize = 4_000;

/// One question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ask {
    /// What changed after a revision.
    Changes {
        /// The revision.
        since: u64,
        /// So many changes at most.
        limit: usize,
    },
    /// The next nodes of a label after a key.
    Nodes {
        /// The label.
        label: Label,
        /// After this id.
        after: Option<String>,
        /// So many at most.
        limit: usize,
    },
    /// The edges that begin at the next nodes of a label after a key.
    Edges {
        /// The label.
        label: Label,
        /// After this id.
        after: Option<String>,
        /// So many nodes at most.
        limit: usize,
    },
    /// Which of these live.
    Lives {
        /// Nodes.
        nodes: Vec<NodeKey>,
        /// Edges.
        edges: Vec<EdgeKey>,
    },
}

/// The answer to one question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// To [`Ask::Changes`].
    Changes(Changes),
    /// To [`Ask::Nodes`].
    Nodes(Page<Node>),
    /// To [`Ask::Edges`].
    Edges(Page<Edge>),
    /// To [`Ask::Lives`].
    Lives(BTreeSet<NodeKey>, BTreeSet<EdgeKey>),
}

/// A page of what there is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// The rows, by key.
    pub rows: Vec<T>,
    /// The page holds all up to the node of this id; all there is, if it is the last.
    pub upto: Option<String>,
}

/// Answers a question from a graph.
pub fn answer<G: GraphStore>(graph: &G, ask: &Ask) -> Result<Answer, StoreError> {
    Ok(match ask {
        Ask::Changes { since, limit } => Answer::Changes(graph.changes_since(*since, *limit)?),
        Ask::Nodes { label, after, limit } => {
            let rows = graph.scan(*label, after.as_deref(), *limit)?;
            let upto = rows.last().filter(|_| rows.len() == *limit).map(|node| node.key.id.clone());
            Answer::Nodes(Page { rows, upto })
        }
        Ask::Edges { label, after, limit } => edges(graph, *label, after.as_deref(), *limit)?,
        Ask::Lives { nodes, edges } => {
            let mut living = (BTreeSet::new(), BTreeSet::new());
            for key in nodes {
                if graph.node(key)?.is_some() {
                    living.0.insert(key.clone());
                }
            }
            for key in edges {
                let beside = graph.neighbours(&key.from, Direction::Out, Some(key.relation))?;
                if beside.iter().any(|edge| edge.key == *key) {
                    living.1.insert(key.clone());
                }
            }
            Answer::Lives(living.0, living.1)
        }
    })
}

fn edges<G: GraphStore>(
    graph: &G,
    label: Label,
    after: Option<&str>,
    limit: usize,
) -> Result<Answer, StoreError> {
    let nodes = graph.scan(label, after, limit)?;
    let mut upto = nodes.last().filter(|_| nodes.len() == limit).map(|node| node.key.id.clone());
    let mut rows = Vec::new();
    for node in nodes {
        if rows.len() >= EDGES_ENOUGH {
            break;
        }
        rows.extend(graph.neighbours(&node.key, Direction::Out, None)?);
        if rows.len() >= EDGES_ENOUGH {
            upto = Some(node.key.id);
        }
    }
    Ok(Answer::Edges(Page { rows, upto }))
}

/// Whoever answers.
#[allow(async_fn_in_trait, reason = "the mirror runs in one thread of its own")]
pub trait Source {
    /// Answers a question.
    async fn ask(&mut self, ask: Ask) -> Result<Answer, Trouble>;

    /// The newest revision, as far as it was told.
    fn revision(&self) -> u64;

    /// Returns when there may be a newer revision than the one seen last. Safe to drop and call again.
    async fn moved(&mut self) -> Result<(), Trouble>;
}

/// The same questions, with the answers they must have.
pub(crate) struct Asker<'a, S>(pub(crate) &'a mut S);

impl<S: Source> Asker<'_, S> {
    pub(crate) async fn changes(&mut self, since: u64, limit: usize) -> Result<Changes, Trouble> {
        match self.0.ask(Ask::Changes { since, limit }).await? {
            Answer::Changes(changes) => Ok(changes),
            _ => Err(strange()),
        }
    }

    pub(crate) async fn nodes(
        &mut self,
        label: Label,
        after: Option<String>,
        limit: usize,
    ) -> Result<Page<Node>, Trouble> {
        match self.0.ask(Ask::Nodes { label, after, limit }).await? {
            Answer::Nodes(page) => Ok(page),
            _ => Err(strange()),
        }
    }

    pub(crate) async fn edges(
        &mut self,
        label: Label,
        after: Option<String>,
        limit: usize,
    ) -> Result<Page<Edge>, Trouble> {
        match self.0.ask(Ask::Edges { label, after, limit }).await? {
            Answer::Edges(page) => Ok(page),
            _ => Err(strange()),
        }
    }

    pub(crate) async fn lives(
        &mut self,
        nodes: Vec<NodeKey>,
        edges: Vec<EdgeKey>,
    ) -> Result<(BTreeSet<NodeKey>, BTreeSet<EdgeKey>), Trouble> {
        match self.0.ask(Ask::Lives { nodes, edges }).await? {
            Answer::Lives(nodes, edges) => Ok((nodes, edges)),
            _ => Err(strange()),
        }
    }
}

fn strange() -> Trouble {
    Trouble::Graph("it answered something else than was asked".into())
}
