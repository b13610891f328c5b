//! The graph as Cypher names it: the schema of a mirror.
//!
//! Labels and relations are the words of [`Label`] and [`Relation`]. This is the one place that says which properties
//! a mirrored node or edge has; a mirror writes what [`of_facts`] and [`of_tie`] give, and the queries that ship for a
//! mirror name nothing else.
//!
//! - Every node has [`OF_NODES`]: `id` is the key (unique within its label, and what a mirror's constraint is on),
//!   `site` the site it belongs to (null for an incident, which is tied to its site by `IN_SITE`), `source` who said so
//!   last, as `SITE/RELAY`.
//! - Every edge has [`OF_EDGES`]: `mark` tells edges of one relation between the same two nodes apart (the verdict of a
//!   `CAUSED_BY`, the ring of a `NEXT_IN_RING`), `since_ms` is since when it is there, `source` as above.
//! - Properties of a label or relation are always all there; null where there is nothing to say.
//! - Every row has [`DIGEST`], by which a mirror is compared with this graph; it says nothing else.
//!
//! Times are milliseconds since 1970-01-01 UTC; words are those of `--json`.

use super::{
    Edge, Facts, HostFacts, Label, NicBond, Node, PastWire, Relation, RelayFacts, RingFacts, SwitchFacts, Tie,
};
use crate::view::{class_word, host_word, switch_word};

/// The value of a property.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// Nothing.
    Null,
    /// Yes or no.
    Flag(bool),
    /// A count.
    Number(u64),
    /// Text.
    Text(String),
    /// Several texts, in order.
    List(Vec<String>),
}

/// A property with its value.
pub type Property = (&'static str, Value);

/// The property that holds a digest of the row.
pub const DIGEST: &str = "digest";
/// What every node has.
pub const OF_NODES: &[&str] = &["id", "site", "source"];
/// What every edge has.
pub const OF_EDGES: &[&str] = &["mark", "since_ms", "source"];

/// The properties of a label beyond [`OF_NODES`], in the order of [`of_facts`].
pub const fn of_label(label: Label) -> &'static [&'static str] {
    match label {
        Label::Site | Label::Probe => &[],
        Label::Relay => &["number", "term"],
        Label::Switch => &["chassis_id", "name", "state"],
        Label::SwitchPort => &["name"],
        Label::Host => &["name", "state", "since_ms", "class"],
        Label::Nic => {
            &["ifname", "mac", "carrier", "reason", "bond", "bond_mode", "bond_active", "bond_partner"]
        }
        Label::IpAddress => &["address", "prefix_len"],
        Label::Ring => {
            &["relay", "level", "switch", "domain", "reason", "generation", "members", "delegates"]
        }
        Label::Incident => &["incident", "opened_ms", "closed_ms", "closed"],
        Label::Attachment => &[
            "host",
            "ifname",
            "switch",
            "switch_id",
            "port",
            "evidence",
            "from_ms",
            "until_ms",
            "plugged",
            "after",
        ],
    }
}

/// The properties of a relation beyond [`OF_EDGES`], in the order of [`of_tie`].
pub const fn of_relation(relation: Relation) -> &'static [&'static str] {
    match relation {
        Relation::WiredTo => &["evidence"],
        Relation::MemberOf => &["rank", "delegate"],
        Relation::CausedBy => &["permille"],
        Relation::InSite | Relation::HasPort | Relation::HasNic | Relation::HasAddress | Relation::Runs => {
            &[]
        }
        Relation::NextInRing | Relation::Affects | Relation::HungOn => &[],
    }
}

/// All properties of a node.
pub fn of_node(node: &Node) -> Vec<Property> {
    let site = match node.key.label {
        Label::Incident => Value::Null,
        _ => node.key.id.split('/').next().map_or(Value::Null, text),
    };
    let mut properties = vec![("id", text(&node.key.id)), ("site", site), ("source", source(&node.source))];
    properties.extend(of_facts(&node.facts));
    properties
}

/// All properties of an edge.
pub fn of_edge(edge: &Edge) -> Vec<Property> {
    let since_ms = Value::Number(edge.since_ms);
    let mut properties =
        vec![("mark", text(&edge.key.mark)), ("since_ms", since_ms), ("source", source(&edge.source))];
    properties.extend(of_tie(edge.tie));
    properties
}

/// What is known of a node.
pub fn of_facts(facts: &Facts) -> Vec<Property> {
    match facts {
        Facts::Site | Facts::Probe => Vec::new(),
        Facts::Relay(RelayFacts { id, term }) => {
            vec![("number", number(id.0)), ("term", number(*term))]
        }
        Facts::Switch(SwitchFacts { id, name, state }) => {
            vec![("chassis_id", text(id)), ("name", text(name)), ("state", text(switch_word(*state)))]
        }
        Facts::SwitchPort { name } => vec![("name", text(name))],
        Facts::Host(HostFacts { name, state, since_ms, class }) => vec![
            ("name", text(name.as_str())),
            ("state", text(host_word(*state))),
            ("since_ms", Value::Number(*since_ms)),
            ("class", text(class_word(*class))),
        ],
        Facts::Nic { ifname, mac, carrier, reason, bond } => {
            let mut properties = vec![
                ("ifname", text(ifname)),
                ("mac", mac.map_or(Value::Null, |mac| text(&mac.to_string()))),
                ("carrier", Value::Flag(*carrier)),
                ("reason", text(reason)),
            ];
            properties.extend(of_bond(bond.as_ref()));
            properties
        }
        Facts::IpAddress { address, prefix_len } => {
            vec![("address", text(&address.to_string())), ("prefix_len", number(*prefix_len))]
        }
        Facts::Ring(ring) => of_ring(ring),
        Facts::Incident { id, opened_ms, closed_ms, closed } => vec![
            ("incident", text(&id.to_string())),
            ("opened_ms", Value::Number(*opened_ms)),
            ("closed_ms", if *closed { Value::Number(*closed_ms) } else { Value::Null }),
            ("closed", Value::Flag(*closed)),
        ],
        Facts::Attachment(wire) => of_past_wire(wire),
    }
}

/// What an edge says beyond being there.
pub fn of_tie(tie: Tie) -> Vec<Property> {
    match tie {
        Tie::Plain => Vec::new(),
        Tie::Wired(evidence) => vec![("evidence", text(evidence.word()))],
        Tie::Member { rank, delegate } => vec![("rank", number(rank)), ("delegate", Value::Flag(delegate))],
        Tie::Odds { permille } => vec![("permille", number(permille))],
    }
}

fn of_bond(bond: Option<&NicBond>) -> [Property; 4] {
    let of = |value: &dyn Fn(&NicBond) -> Value| bond.map_or(Value::Null, value);
    let partner = |bond: &NicBond| bond.role.partner.map_or(Value::Null, |mac| text(&mac.to_string()));
    [
        ("bond", of(&|bond| text(&bond.ifname))),
        ("bond_mode", of(&|bond| text(&bond.mode))),
        ("bond_active", of(&|bond| Value::Flag(bond.role.active))),
        ("bond_partner", of(&partner)),
    ]
}

fn of_past_wire(wire: &PastWire) -> Vec<Property> {
    let PastWire { host, ifname, switch, switch_id, port, evidence, from_ms, until_ms, plugged, after } =
        wire;
    vec![
        ("host", text(host)),
        ("ifname", text(ifname)),
        ("switch", text(switch)),
        ("switch_id", text(switch_id)),
        ("port", text(port)),
        ("evidence", text(evidence.word())),
        ("from_ms", Value::Number(*from_ms)),
        ("until_ms", Value::Number(*until_ms)),
        ("plugged", Value::Flag(*plugged)),
        ("after", text(after)),
    ]
}

fn of_ring(ring: &RingFacts) -> Vec<Property> {
    let RingFacts { relay, level, switch, domain, reason, generation, members, delegates } = ring;
    vec![
        ("relay", number(relay.0)),
        ("level", number(*level)),
        ("switch", text(switch)),
        ("domain", text(domain)),
        ("reason", text(reason)),
        ("generation", text(&format!("{}.{}", generation.term, generation.counter))),
        ("members", Value::List(members.clone())),
        ("delegates", Value::List(delegates.clone())),
    ]
}

fn source(source: &super::Source) -> Value {
    text(&format!("{}/{}", source.site, source.relay.0))
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

fn number(number: impl Into<u64>) -> Value {
    Value::Number(number.into())
}

#[cfg(test)]
mod tests {
    use ringmesh_proto::message::Generation;
    use ringmesh_proto::news::{HostState, SwitchState};
    use ringmesh_topology::id::{IncidentId, MacAddress, Name, RelayId};
    use ringmesh_topology::place::{BondRole, Evidence};
    use ringmesh_topology::verdict::Class;

    use super::*;
    use crate::graph::{EdgeKey, NodeKey, Source};

    fn name(text: &str) -> Name {
        Name::new(text).unwrap()
    }

    /// Facts of every kind.
    fn every() -> Vec<(Label, Facts)> {
        let role = BondRole { active: true, partner: Some(MacAddress([2; 6])) };
        let bond = NicBond { ifname: "bond0".into(), mode: "802.3ad".into(), role };
        let nic = |bond| Facts::Nic {
            ifname: "eth0".into(),
            mac: Some(MacAddress([2; 6])),
            carrier: true,
            reason: String::new(),
            bond,
        };
        let ring = RingFacts {
            relay: RelayId(1),
            level: 0,
            switch: "id".into(),
            domain: String::new(),
            reason: String::new(),
            generation: Generation { term: 1, counter: 4 },
            members: vec!["h1".into()],
            delegates: Vec::new(),
        };
        let switch = SwitchFacts { id: "id".into(), name: "sw1".into(), state: SwitchState::Cut };
        let past = PastWire {
            host: "h1".into(),
            ifname: "eth0".into(),
            switch: "sw1".into(),
            switch_id: "id".into(),
            port: "p1".into(),
            evidence: Evidence::Lldp,
            from_ms: 1,
            until_ms: 2,
            plugged: true,
            after: String::new(),
        };
        let host = HostFacts { name: name("h1"), state: HostState::Up, since_ms: 5, class: Class::Normal };
        vec![
            (Label::Site, Facts::Site),
            (Label::Relay, Facts::Relay(RelayFacts { id: RelayId(1), term: 2 })),
            (Label::Switch, Facts::Switch(switch)),
            (Label::SwitchPort, Facts::SwitchPort { name: "p1".into() }),
            (Label::Host, Facts::Host(host)),
            (Label::Probe, Facts::Probe),
            (Label::Nic, nic(None)),
            (Label::Nic, nic(Some(bond))),
            (Label::IpAddress, Facts::IpAddress { address: "10.0.0.1".parse().unwrap(), prefix_len: 8 }),
            (Label::Ring, Facts::Ring(ring)),
            (
                Label::Incident,
                Facts::Incident { id: IncidentId(7), opened_ms: 4, closed_ms: 0, closed: false },
            ),
            (Label::Attachment, Facts::Attachment(past)),
        ]
    }

    fn names(properties: &[Property]) -> Vec<&'static str> {
        properties.iter().map(|(name, _)| *name).collect()
    }

    #[test]
    fn facts_of_every_kind_have_the_properties_of_their_label_and_no_others() {
        let source = Source { site: name("lab"), relay: RelayId(3), outbox: 9 };
        for (label, facts) in every() {
            assert_eq!(names(&of_facts(&facts)), of_label(label), "{label:?}");
            let key = NodeKey { label, id: "lab/x".into() };
            let properties = of_node(&Node { key, facts, source: source.clone() });
            assert_eq!(names(&properties), [OF_NODES, of_label(label)].concat(), "{label:?}");
            let site = if label == Label::Incident { Value::Null } else { text("lab") };
            assert_eq!(properties[1..3], [("site", site), ("source", text("lab/3"))], "{label:?}");
        }
    }

    #[test]
    fn ties_of_every_kind_have_the_properties_of_their_relation_and_no_others() {
        let source = Source { site: name("lab"), relay: RelayId(3), outbox: 9 };
        let site = NodeKey::site(&name("lab"));
        for (relation, tie) in [
            (Relation::InSite, Tie::Plain),
            (Relation::WiredTo, Tie::Wired(Evidence::Cache)),
            (Relation::MemberOf, Tie::Member { rank: 1, delegate: true }),
            (Relation::CausedBy, Tie::Odds { permille: 500 }),
        ] {
            let key = EdgeKey::marked(site.clone(), relation, site.clone(), "m".into());
            let edge = Edge { key, tie, source: source.clone(), since_ms: 5 };
            assert_eq!(names(&of_edge(&edge)), [OF_EDGES, of_relation(relation)].concat(), "{relation:?}");
        }
    }

    #[test]
    fn no_name_stands_twice() {
        for (label, _) in every() {
            let all = [OF_NODES, of_label(label)].concat();
            let once: std::collections::BTreeSet<_> = all.iter().collect();
            assert_eq!(once.len(), all.len(), "{label:?}");
        }
    }
}
