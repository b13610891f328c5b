//! A batch as statements of one transaction.

use neo4rs::BoltType;
use ringmesh_cma_core::graph::{EdgeKey, NodeKey};

use crate::batch::{Batch, Kind};
use crate::bolt::{Statement, Turn};
use crate::cursor::{Ignored, Rows};
use crate::trouble::Trouble;
use crate::{row, text};

/// Rows of one statement: each has to be done within the limit of a call, on a slow server too.
const STATEMENT_ROWS: usize = 1_000;

/// Edges go before their ends do, and come after them.
pub(crate) async fn write(turn: &mut Turn, batch: &Batch) -> Result<(), Trouble> {
    for (kind, keys) in &batch.edges_gone {
        let alone = keys.keys().filter(|key| !goes_with_an_end(batch, key));
        say(turn, text::edges_gone(*kind), alone.map(row::edge_key)).await?;
    }
    for (label, ids) in &batch.nodes_gone {
        say(turn, text::nodes_gone(*label), ids.keys().map(|id| BoltType::from(id.as_str()))).await?;
    }
    for (label, nodes) in &batch.nodes {
        say(turn, text::nodes(*label), nodes.values().map(row::node)).await?;
    }
    for (kind, edges) in &batch.edges {
        say_edges(turn, *kind, edges.values().map(row::edge).collect()).await?;
    }
    Ok(())
}

/// A node that goes takes its edges with it.
fn goes_with_an_end(batch: &Batch, edge: &EdgeKey) -> bool {
    let goes = |end: &NodeKey| batch.nodes_gone.get(&end.label).is_some_and(|ids| ids.contains_key(&end.id));
    goes(&edge.from) || goes(&edge.to)
}

async fn say(turn: &mut Turn, text: String, rows: impl Iterator<Item = BoltType>) -> Result<(), Trouble> {
    let rows: Vec<BoltType> = rows.collect();
    for rows in rows.chunks(STATEMENT_ROWS) {
        let rows = row::list(rows.iter().cloned());
        turn.rows::<Ignored>(Statement::new(text.as_str()).with("rows", rows)).await?;
    }
    Ok(())
}

/// The log tells an edge before an end of it that changed once more since. Such an end is made by its key; its own row
/// is on its way.
async fn say_edges(turn: &mut Turn, kind: Kind, rows: Vec<BoltType>) -> Result<(), Trouble> {
    for rows in rows.chunks(STATEMENT_ROWS) {
        let list = row::list(rows.iter().cloned());
        let found: Rows = turn.row(Statement::new(text::edges(kind)).with("rows", list.clone())).await?;
        if found.rows < i64::try_from(rows.len()).unwrap_or(i64::MAX) {
            turn.row::<Rows>(Statement::new(text::edges_with_ends(kind)).with("rows", list)).await?;
        }
    }
    Ok(())
}
