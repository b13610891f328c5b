//! Rows as the server gets them: keys, properties, and a digest of both.

use neo4rs::{BoltBoolean, BoltInteger, BoltList, BoltMap, BoltNull, BoltString, BoltType};
use ring::digest::{Context, SHA256};
use ringmesh_cma_core::graph::cypher::{DIGEST, Property, Value, of_edge, of_node};
use ringmesh_cma_core::graph::{Edge, EdgeKey, Node, NodeKey};

/// Digests are added up by label modulo this, so that a sum of all rows there can be stays a number of the server.
pub const SUM_MODULO: i64 = 1_000_000_007;

/// A node, ready to be sent: all its properties, the digest included.
pub fn node(node: &Node) -> BoltType {
    let properties = of_node(node);
    let digest = digest_of(&node.key, None, &properties);
    BoltType::Map(map(properties.into_iter(), digest))
}

/// An edge, ready to be sent: its ends `a` and `b`, its `mark`, and all its properties as `p`.
pub fn edge(edge: &Edge) -> BoltType {
    let properties = of_edge(edge);
    let digest = digest_of(&edge.key.from, Some(&edge.key), &properties);
    let mut row = ends(&edge.key);
    row.put("p".into(), BoltType::Map(map(properties.into_iter(), digest)));
    BoltType::Map(row)
}

/// An edge by its key alone.
pub fn edge_key(key: &EdgeKey) -> BoltType {
    BoltType::Map(ends(key))
}

/// The digest of a node with all it says.
pub fn node_digest(node: &Node) -> i64 {
    digest_of(&node.key, None, &of_node(node))
}

/// The digest of an edge with its ends and all it says.
pub fn edge_digest(edge: &Edge) -> i64 {
    digest_of(&edge.key.from, Some(&edge.key), &of_edge(edge))
}

/// A list of texts.
pub fn texts<'a>(texts: impl IntoIterator<Item = &'a str>) -> BoltType {
    list(texts.into_iter().map(text))
}

/// A list.
pub fn list(of: impl IntoIterator<Item = BoltType>) -> BoltType {
    BoltType::List(BoltList::from(of.into_iter().collect::<Vec<_>>()))
}

fn ends(key: &EdgeKey) -> BoltMap {
    [("a", &key.from.id), ("b", &key.to.id), ("mark", &key.mark)]
        .into_iter()
        .map(|(name, value)| (BoltString::new(name), text(value)))
        .collect()
}

fn map(properties: impl Iterator<Item = Property>, digest: i64) -> BoltMap {
    let mut map: BoltMap = properties.map(|(name, said)| (BoltString::new(name), value(said))).collect();
    map.put(DIGEST.into(), BoltType::Integer(BoltInteger::new(digest)));
    map
}

fn value(value: Value) -> BoltType {
    match value {
        Value::Null => BoltType::Null(BoltNull),
        Value::Flag(flag) => BoltType::Boolean(BoltBoolean::new(flag)),
        Value::Number(number) => {
            BoltType::Integer(BoltInteger::new(i64::try_from(number).unwrap_or(i64::MAX)))
        }
        Value::Text(text) => BoltType::String(BoltString { value: text }),
        Value::List(texts) => {
            list(texts.into_iter().map(|text| BoltType::String(BoltString { value: text })))
        }
    }
}

fn text(text: &str) -> BoltType {
    BoltType::String(BoltString::new(text))
}

/// Of the key and the properties in their order, each with its length, so that no two rows read the same. It fits a
/// signed number of 64 bits, and is never negative.
fn digest_of(node: &NodeKey, edge: Option<&EdgeKey>, properties: &[Property]) -> i64 {
    let mut context = Context::new(&SHA256);
    let mut say = |text: &str| {
        context.update(&(text.len() as u64).to_be_bytes());
        context.update(text.as_bytes());
    };
    say(node.label.word());
    say(&node.id);
    if let Some(edge) = edge {
        [edge.relation.word(), edge.to.label.word(), &edge.to.id, &edge.mark].into_iter().for_each(&mut say);
    }
    for (name, said) in properties {
        say(name);
        match said {
            Value::Null => say("-"),
            Value::Flag(flag) => say(if *flag { "+yes" } else { "+no" }),
            Value::Number(number) => say(&format!("#{number}")),
            Value::Text(text) => {
                say("=");
                say(text);
            }
            Value::List(texts) => {
                say(&format!("[{}", texts.len()));
                texts.iter().for_each(|text| say(text));
            }
        }
    }
    let digest = context.finish();
    let mut first = [0; 8];
    first.copy_from_slice(&digest.as_ref()[..8]);
    (u64::from_be_bytes(first) >> 2) as i64
}

#[cfg(test)]
mod tests {
    use ringmesh_cma_core::graph::{Facts, Relation, Source, Tie};
    use ringmesh_topology::id::{Name, RelayId};
    use ringmesh_topology::place::Evidence;

    use super::*;

    fn source() -> Source {
        Source { site: Name::new("lab").unwrap(), relay: RelayId(1), outbox: 1 }
    }

    fn port(name: &str, id: &str) -> Node {
        let key = NodeKey { label: ringmesh_cma_core::graph::Label::SwitchPort, id: id.into() };
        Node { key, facts: Facts::SwitchPort { name: name.into() }, source: source() }
    }

    #[test]
    fn a_digest_tells_rows_apart_and_stays_the_same_for_good() {
        let edge = |mark: &str, evidence, since_ms| {
            let key =
                EdgeKey::marked(port("p", "a").key, Relation::WiredTo, port("p", "b").key, mark.to_owned());
            Edge { key, tie: Tie::Wired(evidence), source: source(), since_ms }
        };
        let digests = [
            node_digest(&port("p1", "lab/s/1")),
            node_digest(&port("p1", "lab/s/2")),
            node_digest(&port("p2", "lab/s/1")),
            edge_digest(&edge("", Evidence::Lldp, 5)),
            edge_digest(&edge("m", Evidence::Lldp, 5)),
            edge_digest(&edge("", Evidence::Cache, 5)),
            edge_digest(&edge("", Evidence::Lldp, 6)),
        ];
        let apart: std::collections::BTreeSet<_> = digests.iter().collect();
        assert_eq!(apart.len(), digests.len());
        assert!(digests.iter().all(|digest| *digest >= 0));
        // Another digest for the same row makes every server rewrite everything: raise SCHEMA with it.
        assert_eq!(digests[0], 174_450_407_713_495_595, "of the first row");
    }
}
