//! The statements. Labels and relations are words of ours; everything that anybody else may have named is a parameter.

use std::fmt::Write;

use ringmesh_cma_core::graph::{Label, Relation};

use crate::batch::Kind;
use crate::row::SUM_MODULO;

/// The label of the cursor.
pub const CURSOR: &str = "RingmeshMirror";
/// The only cursor of a database.
pub const CURSOR_ID: &str = "ringmesh";

/// All labels of ours.
pub fn labels() -> impl Iterator<Item = &'static str> {
    Label::ALL.iter().map(|label| label.word()).chain([CURSOR])
}

/// Every label has a key; without the index behind it a batch would take minutes.
pub fn constraint(label: &str) -> String {
    let name = constraint_name(label);
    format!("CREATE CONSTRAINT {name} IF NOT EXISTS FOR (n:{label}) REQUIRE n.id IS UNIQUE")
}

/// An index that has the name of a constraint, and belongs to none.
pub fn drop_index(label: &str) -> String {
    format!("DROP INDEX {} IF EXISTS", constraint_name(label))
}

fn constraint_name(label: &str) -> String {
    format!("ringmesh_{}_id", label.to_lowercase())
}

/// What the cursor says.
pub fn cursor() -> String {
    format!(
        "MATCH (m:{CURSOR} {{id: $id}}) RETURN m.schema AS schema, m.installation AS installation, m.run AS run, \
         m.revision AS revision"
    )
}

/// A cursor that says nothing, where there is none.
pub fn new_cursor() -> String {
    format!(
        "MERGE (m:{CURSOR} {{id: $id}}) ON CREATE SET m.schema = $schema, m.installation = $installation, \
         m.run = '', m.revision = 0 RETURN count(m) AS rows"
    )
}

/// Moves the cursor if it is where it is believed to be. The first SET takes the lock: who waited for another writer
/// reads what that one wrote.
pub fn take_cursor() -> String {
    format!(
        "MATCH (m:{CURSOR} {{id: $id}}) SET m.turn = $turn WITH m WHERE m.run = $run AND m.revision = $revision \
         SET m.schema = $schema, m.run = $new_run, m.revision = $new_revision, m.at_ms = timestamp() \
         RETURN count(m) AS rows"
    )
}

/// Nodes as they are: `$rows`.
pub fn nodes(label: Label) -> String {
    format!("UNWIND $rows AS r MERGE (n:{} {{id: r.id}}) SET n += r RETURN count(n) AS rows", label.word())
}

/// Edges as they are: `$rows`. Those whose ends are not both there are left out, and missing in the count.
pub fn edges(kind: Kind) -> String {
    edges_between(kind, "MATCH")
}

/// The same; an end that is not there is made, by its key only, until its own row comes.
pub fn edges_with_ends(kind: Kind) -> String {
    edges_between(kind, "MERGE")
}

fn edges_between(kind: Kind, find: &str) -> String {
    let (from, relation, to) = (kind.from.word(), kind.relation.word(), kind.to.word());
    format!(
        "UNWIND $rows AS r {find} (a:{from} {{id: r.a}}) {find} (b:{to} {{id: r.b}}) \
         MERGE (a)-[e:{relation} {{mark: r.mark}}]->(b) SET e += r.p RETURN count(e) AS rows"
    )
}

/// Edges that are gone: `$rows`.
pub fn edges_gone(kind: Kind) -> String {
    let (from, relation, to) = (kind.from.word(), kind.relation.word(), kind.to.word());
    format!(
        "UNWIND $rows AS r MATCH (a:{from} {{id: r.a}}) MATCH (b:{to} {{id: r.b}}) \
         MATCH (a)-[e:{relation} {{mark: r.mark}}]->(b) DELETE e"
    )
}

/// Nodes that are gone: `$rows`, ids.
pub fn nodes_gone(label: Label) -> String {
    format!("UNWIND $rows AS id MATCH (n:{} {{id: id}}) DETACH DELETE n", label.word())
}

/// Which part of a label.
#[derive(Clone, Copy, Debug)]
pub struct Span {
    /// There is an upper end, `$upto`; the lower one is always `$after`.
    pub ends: bool,
}

impl Span {
    fn text(self) -> &'static str {
        if self.ends { "n.id > $after AND n.id <= $upto" } else { "n.id > $after" }
    }
}

/// How many nodes of a label there are in a span, and the sum of their digests.
pub fn node_sum(label: Label, span: Span) -> String {
    format!(
        "MATCH (n:{}) WHERE {} RETURN count(n) AS rows, coalesce(sum(n.digest % {SUM_MODULO}), 0) AS sum",
        label.word(),
        span.text()
    )
}

/// How many edges begin at the nodes of a span, and the sum of their digests.
pub fn edge_sum(label: Label, span: Span) -> String {
    format!(
        "MATCH (n:{})-[e:{}]->() WHERE {} RETURN count(e) AS rows, coalesce(sum(e.digest % {SUM_MODULO}), 0) AS sum",
        label.word(),
        any_relation(),
        span.text()
    )
}

/// Keys and digests of the nodes of a span, at most `$limit`.
pub fn node_keys(label: Label, span: Span) -> String {
    format!(
        "MATCH (n:{}) WHERE {} RETURN n.id AS id, coalesce(n.digest, -1) AS digest LIMIT $limit",
        label.word(),
        span.text()
    )
}

/// Keys and digests of the edges that begin at the nodes of a span, at most `$limit`.
pub fn edge_keys(label: Label, span: Span) -> String {
    format!(
        "MATCH (n:{})-[e:{}]->(m) WHERE {} RETURN n.id AS a, type(e) AS relation, labels(m)[0] AS label, m.id AS b, \
         coalesce(e.mark, '') AS mark, coalesce(e.digest, -1) AS digest LIMIT $limit",
        label.word(),
        any_relation(),
        span.text()
    )
}

/// Rows and the sum of digests of one label.
pub fn label_sum(label: Label) -> String {
    format!(
        "MATCH (n:{}) RETURN count(n) AS rows, coalesce(sum(n.digest % {SUM_MODULO}), 0) AS sum",
        label.word()
    )
}

/// Rows and the sum of digests of one relation.
pub fn relation_sum(relation: Relation) -> String {
    format!(
        "MATCH ()-[e:{}]->() RETURN count(e) AS rows, coalesce(sum(e.digest % {SUM_MODULO}), 0) AS sum",
        relation.word()
    )
}

fn any_relation() -> String {
    let mut text = String::new();
    for relation in Relation::ALL {
        let bar = if text.is_empty() { "" } else { "|" };
        // A String takes everything.
        let _ = write!(text, "{bar}{}", relation.word());
    }
    text
}
