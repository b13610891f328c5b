//! How hosts hang on switches: every network port of a host, and what is behind it.

use std::collections::BTreeSet;

use ringmesh_proto::news::SwitchState;
use ringmesh_topology::id::MacAddress;
use ringmesh_topology::place::Evidence;

use crate::graph::{
    Direction, Facts, GraphStore, HostFacts, Label, NicBond, Node, NodeKey, Relation, StoreError,
    SwitchFacts, Tie, scan_all,
};
use crate::view::natural;

/// A host with its ports.
pub(super) struct Rooted {
    pub(super) key: NodeKey,
    pub(super) facts: HostFacts,
    /// By name, as people count; a port that hangs on two things stands here twice.
    pub(super) legs: Vec<Leg>,
}

/// One network port of a host.
pub(super) struct Leg {
    pub(super) nic: NodeKey,
    pub(super) ifname: String,
    pub(super) mac: Option<MacAddress>,
    pub(super) carrier: bool,
    /// Why no switch is known behind it.
    pub(super) reason: String,
    pub(super) bond: Option<NicBond>,
    pub(super) wire: Option<Wire>,
}

/// The switch port behind a port.
pub(super) struct Wire {
    pub(super) switch: NodeKey,
    pub(super) facts: SwitchFacts,
    pub(super) port: String,
    pub(super) evidence: Option<Evidence>,
    pub(super) since_ms: u64,
}

impl Rooted {
    pub(super) fn site(&self) -> &str {
        site_of(&self.key)
    }

    /// The switches it hangs on, dead or alive.
    pub(super) fn switches(&self) -> BTreeSet<&NodeKey> {
        self.legs.iter().filter_map(|leg| leg.wire.as_ref()).map(|wire| &wire.switch).collect()
    }

    /// The names of its switches that pass a test, each once, in the order of its ports.
    pub(super) fn switch_names(&self, wanted: impl Fn(&Leg, &Wire) -> bool) -> Vec<String> {
        let mut seen = BTreeSet::new();
        let wires = self.legs.iter().filter_map(|leg| Some((leg, leg.wire.as_ref()?)));
        wires
            .filter(|(leg, wire)| wanted(leg, wire) && seen.insert(&wire.switch))
            .map(|(_, wire)| wire.facts.name.clone())
            .collect()
    }
}

impl Leg {
    /// Something gets through: it has carrier, and the switch behind it is not known to be dead.
    pub(super) fn works(&self) -> bool {
        self.carrier && self.wire.as_ref().is_none_or(Wire::forwards)
    }
}

impl Wire {
    /// A switch that nothing is known of yet counts as alive.
    pub(super) fn forwards(&self) -> bool {
        match self.facts.state {
            SwitchState::Up | SwitchState::Unknown => true,
            SwitchState::Down | SwitchState::Cut => false,
        }
    }

    pub(super) fn evidence_word(&self) -> &'static str {
        self.evidence.map_or("unknown", Evidence::word)
    }
}

/// The site in front of an id.
pub(super) fn site_of(key: &NodeKey) -> &str {
    key.id.split('/').next().unwrap_or_default()
}

/// Every host, by site and name as people count.
pub(super) fn all<G: GraphStore>(graph: &G) -> Result<Vec<Rooted>, StoreError> {
    let mut hosts = Vec::new();
    for node in scan_all(graph, Label::Host)? {
        hosts.extend(rooted(graph, node)?);
    }
    Ok(sorted(hosts))
}

/// Those of these hosts that there are, by site and name as people count.
pub(super) fn of_all<G: GraphStore>(
    graph: &G,
    keys: impl IntoIterator<Item = NodeKey>,
) -> Result<Vec<Rooted>, StoreError> {
    let mut hosts = Vec::new();
    for key in keys {
        hosts.extend(of(graph, &key)?);
    }
    Ok(sorted(hosts))
}

/// The hosts that hang on a switch.
pub(super) fn behind<G: GraphStore>(graph: &G, switch: &NodeKey) -> Result<Vec<Rooted>, StoreError> {
    let mut keys = BTreeSet::new();
    for port in graph.neighbours(switch, Direction::Out, Some(Relation::HasPort))? {
        for wire in graph.neighbours(&port.key.to, Direction::In, Some(Relation::WiredTo))? {
            let holders = graph.neighbours(&wire.key.from, Direction::In, Some(Relation::HasNic))?;
            keys.extend(holders.into_iter().map(|edge| edge.key.from));
        }
    }
    of_all(graph, keys)
}

/// One host.
pub(super) fn of<G: GraphStore>(graph: &G, host: &NodeKey) -> Result<Option<Rooted>, StoreError> {
    graph.node(host)?.map_or(Ok(None), |node| rooted(graph, node))
}

/// The addresses on a network port, as `address/prefix length`.
pub(super) fn addresses<G: GraphStore>(graph: &G, nic: &NodeKey) -> Result<Vec<String>, StoreError> {
    let mut addresses = Vec::new();
    for edge in graph.neighbours(nic, Direction::Out, Some(Relation::HasAddress))? {
        if let Some(Facts::IpAddress { address, prefix_len }) = graph.node(&edge.key.to)?.map(|n| n.facts) {
            addresses.push(format!("{address}/{prefix_len}"));
        }
    }
    Ok(addresses)
}

fn sorted(mut hosts: Vec<Rooted>) -> Vec<Rooted> {
    hosts.sort_by_cached_key(|host| (host.site().to_owned(), natural(host.facts.name.as_str())));
    hosts
}

fn rooted<G: GraphStore>(graph: &G, node: Node) -> Result<Option<Rooted>, StoreError> {
    let Facts::Host(facts) = node.facts else { return Ok(None) };
    let mut legs = Vec::new();
    for edge in graph.neighbours(&node.key, Direction::Out, Some(Relation::HasNic))? {
        legs.extend(legs_of(graph, &edge.key.to)?);
    }
    legs.sort_by_cached_key(|leg: &Leg| natural(&leg.ifname));
    Ok(Some(Rooted { key: node.key, facts, legs }))
}

fn legs_of<G: GraphStore>(graph: &G, nic: &NodeKey) -> Result<Vec<Leg>, StoreError> {
    let Some(Facts::Nic { ifname, mac, carrier, reason, bond }) = graph.node(nic)?.map(|node| node.facts)
    else {
        return Ok(Vec::new());
    };
    let mut wires = Vec::new();
    for edge in graph.neighbours(nic, Direction::Out, Some(Relation::WiredTo))? {
        let evidence = if let Tie::Wired(evidence) = edge.tie { Some(evidence) } else { None };
        wires.extend(wire(graph, &edge.key.to, evidence, edge.since_ms)?);
    }
    let leg = |wire| Leg {
        nic: nic.clone(),
        ifname: ifname.clone(),
        mac,
        carrier,
        reason: reason.clone(),
        bond: bond.clone(),
        wire,
    };
    if wires.is_empty() {
        return Ok(vec![leg(None)]);
    }
    Ok(wires.into_iter().map(|wire| leg(Some(wire))).collect())
}

fn wire<G: GraphStore>(
    graph: &G,
    port: &NodeKey,
    evidence: Option<Evidence>,
    since_ms: u64,
) -> Result<Option<Wire>, StoreError> {
    let Some(Facts::SwitchPort { name }) = graph.node(port)?.map(|node| node.facts) else { return Ok(None) };
    for edge in graph.neighbours(port, Direction::In, Some(Relation::HasPort))? {
        if let Some(Facts::Switch(facts)) = graph.node(&edge.key.from)?.map(|node| node.facts) {
            return Ok(Some(Wire { switch: edge.key.from, facts, port: name, evidence, since_ms }));
        }
    }
    Ok(None)
}
