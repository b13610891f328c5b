//! Both sides compared, page by page, and only what differs written.
//!
//! For where there is no log to follow: a new run of the CMA, an old backup, a server that was away longer than
//! tombstones are kept. A page is a span of ids. The server first adds up the digests of it; only where rows or sum are
//! others are they looked at one by one. So a server that has everything costs it a few sums.
//!
//! The graph goes on changing meanwhile. What it changes after the first page is in its log after the revision that was
//! read before that page, and is followed from there.

use std::collections::{BTreeMap, BTreeSet};

use ringmesh_cma_core::graph::{Changes, Edge, EdgeKey, Label, Node, NodeKey, Relation};
use serde::Deserialize;
use tokio::sync::watch;

use crate::SCHEMA;
use crate::batch::{Batch, Kind};
use crate::bolt::{Bolt, Statement};
use crate::cursor::Cursor;
use crate::row::{self, SUM_MODULO};
use crate::settings::Settings;
use crate::source::{Asker, Page, Source};
use crate::state::{Compared, Comparison, State};
use crate::text::{self, Span};
use crate::trouble::Trouble;
use crate::write::write;

/// Nodes of a page.
const PAGE: usize = 1_000;
/// Rows of the server that are looked at in one go.
const LOOK: usize = 20_000;

/// Rows and the sum of their digests, as the server adds them up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub(crate) struct Sum {
    rows: i64,
    sum: i64,
}

impl Sum {
    fn add(&mut self, digest: i64) {
        self.rows += 1;
        self.sum += digest % SUM_MODULO;
    }

    fn of(digests: impl Iterator<Item = i64>) -> Self {
        let mut sum = Self::default();
        digests.for_each(|digest| sum.add(digest));
        sum
    }
}

/// One comparison of everything.
pub(crate) struct Difference<'a, S> {
    pub(crate) bolt: &'a Bolt,
    pub(crate) source: &'a mut S,
    pub(crate) settings: &'a Settings,
    pub(crate) cursor: &'a Cursor,
    /// Rows of a transaction at most.
    pub(crate) batch: usize,
    /// Write all rows, those that look the same too.
    pub(crate) rewrite: bool,
    /// Where rows that were written are counted.
    pub(crate) state: &'a watch::Sender<State>,
}

#[derive(Deserialize)]
struct NodeRow {
    id: String,
    digest: i64,
}

#[derive(Deserialize)]
struct EdgeRow {
    a: String,
    relation: String,
    label: String,
    b: String,
    mark: String,
    digest: i64,
}

impl EdgeRow {
    /// What is not of our words is not ours.
    fn key(self, from: Label) -> Option<(EdgeKey, i64)> {
        let relation = Relation::ALL.into_iter().find(|relation| relation.word() == self.relation)?;
        let label = Label::ALL.into_iter().find(|label| label.word() == self.label)?;
        let (from, to) = (NodeKey { label: from, id: self.a }, NodeKey { label, id: self.b });
        Some((EdgeKey::marked(from, relation, to, self.mark), self.digest))
    }
}

impl<S: Source> Difference<'_, S> {
    /// Makes the server hold what the graph holds; the cursor from which it is to be followed.
    pub(crate) async fn run(&mut self) -> Result<Cursor, Trouble> {
        let begun = self.source.revision();
        for label in Label::ALL {
            let mut after = None;
            loop {
                let page = Asker(self.source).nodes(label, after.clone(), PAGE).await?;
                self.nodes(label, after.as_deref(), &page).await?;
                let Some(upto) = page.upto else { break };
                after = Some(upto);
            }
        }
        for label in Label::ALL {
            let mut after = None;
            loop {
                let page = Asker(self.source).edges(label, after.clone(), PAGE).await?;
                self.edges(label, after.as_deref(), &page).await?;
                let Some(upto) = page.upto else { break };
                after = Some(upto);
            }
        }
        let done = Cursor { run: self.settings.run.clone(), schema: SCHEMA, ..self.cursor.at(begun) };
        let mut turn = self.bolt.turn().await?;
        self.cursor.take(&mut turn, self.settings, &done).await?;
        turn.commit().await?;
        Ok(done)
    }

    async fn nodes(&mut self, label: Label, after: Option<&str>, page: &Page<Node>) -> Result<(), Trouble> {
        let ours: BTreeMap<&str, (i64, &Node)> =
            page.rows.iter().map(|node| (node.key.id.as_str(), (row::node_digest(node), node))).collect();
        let span = Span { ends: page.upto.is_some() };
        let sum = self.sum(text::node_sum(label, span), after, page.upto.as_deref()).await?;
        if !self.rewrite && sum == Sum::of(ours.values().map(|(digest, _)| *digest)) {
            return Ok(());
        }
        let mut theirs: BTreeMap<String, i64> = BTreeMap::new();
        let mut look = LOOK;
        let mut more = sum.rows > 0;
        while more {
            let asked = self.span(text::node_keys(label, span), after, page.upto.as_deref());
            let rows: Vec<NodeRow> = self.bolt.once(asked.with("limit", look as i64)).await?;
            more = rows.len() >= look;
            theirs = rows.into_iter().map(|row| (row.id, row.digest)).collect();
            let extra = theirs.keys().filter(|id| !ours.contains_key(id.as_str()));
            let extra = extra.map(|id| NodeKey { label, id: id.clone() }).collect();
            let dropped = self.drop_dead_nodes(extra).await?;
            // Too many strangers to see all at once; where none of them could be dropped, more has to be seen.
            look *= if dropped == 0 { 2 } else { 1 };
        }
        let differs = |(digest, node): &(i64, &Node)| {
            self.rewrite || theirs.get(&node.key.id).is_none_or(|there| there != digest)
        };
        let nodes: Vec<&Node> = ours.values().filter(|ours| differs(ours)).map(|(_, node)| *node).collect();
        for nodes in nodes.chunks(self.batch) {
            let mut batch = Batch::default();
            let rows = batch.nodes.entry(label).or_default();
            rows.extend(nodes.iter().map(|node| (node.key.id.clone(), (*node).clone())));
            self.write(&batch).await?;
        }
        Ok(())
    }

    async fn edges(&mut self, label: Label, after: Option<&str>, page: &Page<Edge>) -> Result<(), Trouble> {
        let ours: BTreeMap<&EdgeKey, (i64, &Edge)> =
            page.rows.iter().map(|edge| (&edge.key, (row::edge_digest(edge), edge))).collect();
        let span = Span { ends: page.upto.is_some() };
        let sum = self.sum(text::edge_sum(label, span), after, page.upto.as_deref()).await?;
        if !self.rewrite && sum == Sum::of(ours.values().map(|(digest, _)| *digest)) {
            return Ok(());
        }
        let mut theirs: BTreeMap<EdgeKey, i64> = BTreeMap::new();
        let mut look = LOOK;
        let mut more = sum.rows > 0;
        while more {
            let asked = self.span(text::edge_keys(label, span), after, page.upto.as_deref());
            let rows: Vec<EdgeRow> = self.bolt.once(asked.with("limit", look as i64)).await?;
            more = rows.len() >= look;
            theirs = rows.into_iter().filter_map(|row| row.key(label)).collect();
            let extra = theirs.keys().filter(|key| !ours.contains_key(key)).cloned().collect();
            let dropped = self.drop_dead_edges(extra).await?;
            look *= if dropped == 0 { 2 } else { 1 };
        }
        let differs = |(digest, edge): &(i64, &Edge)| {
            self.rewrite || theirs.get(&edge.key).is_none_or(|there| there != digest)
        };
        let edges: Vec<&Edge> = ours.values().filter(|ours| differs(ours)).map(|(_, edge)| *edge).collect();
        for edges in edges.chunks(self.batch) {
            let mut batch = Batch::default();
            for edge in edges {
                let rows = batch.edges.entry(Kind::of(&edge.key)).or_default();
                rows.insert(edge.key.clone(), (*edge).clone());
            }
            self.write(&batch).await?;
        }
        Ok(())
    }

    /// Not every row that the page did not have is dead: the server may sort ids in another way than we do.
    async fn drop_dead_nodes(&mut self, extra: Vec<NodeKey>) -> Result<usize, Trouble> {
        let mut dropped = 0;
        for extra in extra.chunks(self.batch) {
            let (living, _) = Asker(self.source).lives(extra.to_vec(), Vec::new()).await?;
            let mut batch = Batch::default();
            for key in extra.iter().filter(|key| !living.contains(key)) {
                batch.nodes_gone.entry(key.label).or_default().insert(key.id.clone(), ());
            }
            dropped += batch.len();
            self.write(&batch).await?;
        }
        Ok(dropped)
    }

    async fn drop_dead_edges(&mut self, extra: Vec<EdgeKey>) -> Result<usize, Trouble> {
        let mut dropped = 0;
        for extra in extra.chunks(self.batch) {
            let (_, living): (_, BTreeSet<EdgeKey>) =
                Asker(self.source).lives(Vec::new(), extra.to_vec()).await?;
            let mut batch = Batch::default();
            for key in extra.iter().filter(|key| !living.contains(key)) {
                batch.edges_gone.entry(Kind::of(key)).or_default().insert(key.clone(), ());
            }
            dropped += batch.len();
            self.write(&batch).await?;
        }
        Ok(dropped)
    }

    /// Writes while the cursor stays: whoever is cut off here begins anew, and finds most of it done.
    async fn write(&mut self, batch: &Batch) -> Result<(), Trouble> {
        if batch.is_empty() {
            return Ok(());
        }
        let mut turn = self.bolt.turn().await?;
        self.cursor.take(&mut turn, self.settings, self.cursor).await?;
        write(&mut turn, batch).await?;
        turn.commit().await?;
        self.state.send_modify(|state| state.written += batch.len() as u64);
        Ok(())
    }

    async fn sum(&self, text: String, after: Option<&str>, upto: Option<&str>) -> Result<Sum, Trouble> {
        let mut rows = self.bolt.once(self.span(text, after, upto)).await?;
        rows.pop().ok_or_else(|| Trouble::Failed("it gave no sum".into()))
    }

    fn span(&self, text: String, after: Option<&str>, upto: Option<&str>) -> Statement {
        let statement = Statement::new(text).with("after", after.unwrap_or_default());
        match upto {
            Some(upto) => statement.with("upto", upto),
            None => statement,
        }
    }
}

/// Rows and sums of digests of each label and relation, on both sides. `None` if the graph moved on meanwhile.
pub(crate) async fn compare<S: Source>(
    bolt: &Bolt,
    source: &mut S,
    cursor: &Cursor,
) -> Result<Option<Comparison>, Trouble> {
    let mut rows = Vec::new();
    let mut relations: BTreeMap<_, Sum> = Relation::ALL.iter().map(|kind| (*kind, Sum::default())).collect();
    for label in Label::ALL {
        let ours = sum_of_label(source, label, &mut relations).await?;
        let theirs = one(bolt, text::label_sum(label)).await?;
        rows.push(compared(label.word(), ours, theirs));
    }
    for (relation, ours) in relations {
        let theirs = one(bolt, text::relation_sum(relation)).await?;
        rows.push(compared(relation.word(), ours, theirs));
    }
    let since = Asker(source).changes(cursor.revision(), 1).await?;
    let still = matches!(since, Changes::Since { changes, .. } if changes.is_empty());
    Ok(still.then_some(Comparison { rows }))
}

async fn sum_of_label<S: Source>(
    source: &mut S,
    label: Label,
    relations: &mut BTreeMap<Relation, Sum>,
) -> Result<Sum, Trouble> {
    let mut sum = Sum::default();
    let mut after = None;
    loop {
        let page = Asker(source).nodes(label, after, PAGE).await?;
        page.rows.iter().for_each(|node| sum.add(row::node_digest(node)));
        let Some(upto) = page.upto else { break };
        after = Some(upto);
    }
    after = None;
    loop {
        let page = Asker(source).edges(label, after, PAGE).await?;
        for edge in &page.rows {
            relations.entry(edge.key.relation).or_default().add(row::edge_digest(edge));
        }
        let Some(upto) = page.upto else { break };
        after = Some(upto);
    }
    Ok(sum)
}

fn compared(word: &str, ours: Sum, theirs: Sum) -> Compared {
    let count = |rows: i64| u64::try_from(rows).unwrap_or_default();
    let same = ours == theirs;
    Compared { of: word.to_owned(), here: count(ours.rows), there: count(theirs.rows), same }
}

async fn one(bolt: &Bolt, text: String) -> Result<Sum, Trouble> {
    let mut rows = bolt.once(Statement::new(text)).await?;
    rows.pop().ok_or_else(|| Trouble::Failed("it gave no sum".into()))
}
