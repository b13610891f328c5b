//! From news to the graph: what one news says, as operations of one batch.
//!
//! A news tells one thing whole. So a batch holds what it says, and drops what an earlier news of the same thing
//! said and this one does not: a network port that is gone, an address, a switch port that nobody hangs on now.

use std::collections::{BTreeMap, BTreeSet};

use lldp_rs::{ChassisId, ChassisSubtype, PortId, PortSubtype, Subtype};
use ringmesh_proto::news::{HostNews, IncidentNews, News, RingNews, SwitchNews, SwitchState};
use ringmesh_topology::id::{Name, RelayId};
use ringmesh_topology::place::{Attachment, Bond, BondMate, BondRole, Place, WireId};

use crate::graph::{
    Direction, Edge, EdgeKey, Facts, GraphStore, HostFacts, Label, NicBond, NodeKey, Op, Relation,
    RelayFacts, RingFacts, Source, StoreError, SwitchFacts, Tie, scan_all,
};
use crate::incident::hosts_of;

/// Turns news into operations.
///
/// It remembers one thing: which rings name a host whose own news has not come, for an edge needs both ends.
#[derive(Debug, Default)]
pub struct Estate {
    waiting: BTreeMap<NodeKey, BTreeSet<NodeKey>>,
}

impl Estate {
    /// The operations that make the graph say what the news says.
    pub fn operations<G: GraphStore>(
        &mut self,
        graph: &G,
        source: &Source,
        news: &News,
    ) -> Result<Vec<Op>, StoreError> {
        let site = &source.site;
        match news {
            News::Host(host) => self.host(graph, site, host),
            News::HostGone(name) => self.host_gone(graph, site, name),
            News::Switch(switch) => Ok(switch_operations(site, switch)),
            News::Ring(ring) => self.ring(graph, site, source.relay, ring),
            News::RingGone(ring) => ring_gone(graph, &NodeKey::ring(site, source.relay, *ring)),
            News::Incident(incident) => incident_operations(graph, site, incident),
            // What relays hear of each other, and what one found at its start, is evidence and no part of the graph.
            News::Peer(_) | News::Start(_) => Ok(Vec::new()),
        }
    }

    /// As it was over a graph that was kept: rings name their members, present or not.
    pub fn over<G: GraphStore>(graph: &G) -> Result<Self, StoreError> {
        let mut waiting: BTreeMap<NodeKey, BTreeSet<NodeKey>> = BTreeMap::new();
        for node in scan_all(graph, Label::Ring)? {
            let Facts::Ring(facts) = &node.facts else { continue };
            let Some(site) = node.key.id.split('/').next().and_then(|site| Name::new(site).ok()) else {
                continue;
            };
            for member in &facts.members {
                let host = NodeKey::host(&site, member);
                if graph.node(&host)?.is_none() {
                    waiting.entry(host).or_default().insert(node.key.clone());
                }
            }
        }
        Ok(Self { waiting })
    }

    /// The operations that make the graph say what an incident says.
    pub fn incident_operations<G: GraphStore>(
        graph: &G,
        site: &Name,
        news: &IncidentNews,
    ) -> Result<Vec<Op>, StoreError> {
        incident_operations(graph, site, news)
    }

    /// The operations that take out every ring of one relay.
    pub fn rings_gone<G: GraphStore>(graph: &G, site: &Name, relay: RelayId) -> Result<Vec<Op>, StoreError> {
        let mut ops = Vec::new();
        for node in scan_all(graph, Label::Ring)? {
            let Facts::Ring(facts) = &node.facts else { continue };
            let home = graph.neighbours(&node.key, Direction::Out, Some(Relation::InSite))?;
            let here = home.iter().any(|edge| edge.key.to == NodeKey::site(site));
            if here && facts.relay == relay {
                ops.extend(ring_gone(graph, &node.key)?);
            }
        }
        Ok(ops)
    }

    fn host<G: GraphStore>(
        &mut self,
        graph: &G,
        site: &Name,
        news: &HostNews,
    ) -> Result<Vec<Op>, StoreError> {
        let mut ops = host_operations(graph, site, news)?;
        let host = NodeKey::host(site, news.name.as_str());
        for ring in self.waiting.remove(&host).unwrap_or_default() {
            let Some(node) = graph.node(&ring)? else { continue };
            let Facts::Ring(facts) = node.facts else { continue };
            let edges = member_edges(site, &ring, &facts).into_iter();
            let own = edges.filter(|(key, _)| key.from == host || key.to == host);
            ops.extend(own.map(|(key, tie)| Op::Edge(key, tie)));
        }
        Ok(ops)
    }

    fn host_gone<G: GraphStore>(
        &mut self,
        graph: &G,
        site: &Name,
        name: &Name,
    ) -> Result<Vec<Op>, StoreError> {
        let host = NodeKey::host(site, name.as_str());
        let own = hanging(graph, &host)?.own;
        for place in graph.neighbours(&host, Direction::Out, Some(Relation::MemberOf))? {
            self.waiting.entry(host.clone()).or_default().insert(place.key.to);
        }
        Ok(own.into_iter().chain([host]).map(Op::DropNode).collect())
    }

    fn ring<G: GraphStore>(
        &mut self,
        graph: &G,
        site: &Name,
        relay: RelayId,
        news: &RingNews,
    ) -> Result<Vec<Op>, StoreError> {
        let key = NodeKey::ring(site, relay, news.id);
        for member in &news.members {
            let host = NodeKey::host(site, member);
            if graph.node(&host)?.is_none() {
                self.waiting.entry(host).or_default().insert(key.clone());
            }
        }
        ring_operations(graph, site, key, relay, news)
    }
}

/// The operations that put a relay and its site into the graph.
pub fn relay_operations(site: &Name, relay: RelayId, term: u32) -> Vec<Op> {
    let key = NodeKey::relay(site, relay);
    vec![
        Op::Node(NodeKey::site(site), Facts::Site),
        Op::Node(key.clone(), Facts::Relay(RelayFacts { id: relay, term })),
        in_site(site, key),
    ]
}

/// A chassis id as operators read it, and as relays name the switch.
pub fn switch_text(id: &WireId) -> String {
    let subtype =
        if id.subtype == 0 { Some(ChassisSubtype::Cdp) } else { ChassisSubtype::from_lldp(id.subtype) };
    text(subtype, id, |subtype, octets| ChassisId::new(subtype, octets).map(|id| id.text()).ok())
}

/// A port id as operators read it.
pub fn port_text(id: &WireId) -> String {
    let subtype = if id.subtype == 0 { Some(PortSubtype::Cdp) } else { PortSubtype::from_lldp(id.subtype) };
    text(subtype, id, |subtype, octets| PortId::new(subtype, octets).map(|id| id.text()).ok())
}

/// What is no sound id of its subtype is shown as octets.
fn text<S: Subtype>(subtype: Option<S>, id: &WireId, sound: impl Fn(S, &[u8]) -> Option<String>) -> String {
    let hex = || id.octets.iter().map(|octet| format!("{octet:02x}")).collect();
    subtype.and_then(|subtype| sound(subtype, &id.octets)).unwrap_or_else(hex)
}

fn in_site(site: &Name, key: NodeKey) -> Op {
    Op::Edge(EdgeKey::new(key, Relation::InSite, NodeKey::site(site)), Tie::Plain)
}

/// What a batch is to make true around one node.
#[derive(Default)]
struct Wanted {
    nodes: Vec<(NodeKey, Facts)>,
    edges: BTreeMap<EdgeKey, Tie>,
}

impl Wanted {
    fn node(&mut self, key: NodeKey, facts: Facts) {
        self.nodes.push((key, facts));
    }

    fn edge(&mut self, from: &NodeKey, relation: Relation, to: &NodeKey, tie: Tie) {
        self.edges.insert(EdgeKey::new(from.clone(), relation, to.clone()), tie);
    }

    /// Drops what was and is not wanted, then says what is. A node of `owned` goes with its last holder.
    fn operations(self, was: &[Edge], orphans: impl IntoIterator<Item = NodeKey>) -> Vec<Op> {
        let kept: BTreeSet<&NodeKey> = self.nodes.iter().map(|(key, _)| key).collect();
        let dropped = orphans.into_iter().filter(|key| !kept.contains(key)).map(Op::DropNode);
        let unsaid = was.iter().filter(|edge| !self.edges.contains_key(&edge.key));
        let mut ops: Vec<Op> = unsaid.map(|edge| Op::DropEdge(edge.key.clone())).chain(dropped).collect();
        ops.extend(self.nodes.into_iter().map(|(key, facts)| Op::Node(key, facts)));
        ops.extend(self.edges.into_iter().map(|(key, tie)| Op::Edge(key, tie)));
        ops
    }
}

/// Everything that hangs on a host: edges from it and its ports, and the nodes that only it holds.
struct Hanging {
    edges: Vec<Edge>,
    own: Vec<NodeKey>,
}

fn hanging<G: GraphStore>(graph: &G, host: &NodeKey) -> Result<Hanging, StoreError> {
    let mut edges = graph.neighbours(host, Direction::Out, Some(Relation::Runs))?;
    let nics = graph.neighbours(host, Direction::Out, Some(Relation::HasNic))?;
    let mut own: Vec<NodeKey> = edges.iter().chain(&nics).map(|edge| edge.key.to.clone()).collect();
    for nic in &nics {
        for relation in [Relation::HasAddress, Relation::WiredTo] {
            for edge in graph.neighbours(&nic.key.to, Direction::Out, Some(relation))? {
                if held_only_by(graph, &edge.key.to, relation, host)? {
                    own.push(edge.key.to.clone());
                }
                edges.push(edge);
            }
        }
    }
    edges.extend(nics);
    Ok(Hanging { edges, own })
}

/// Whether all edges of that relation into `key` come from network ports of `host`.
fn held_only_by<G: GraphStore>(
    graph: &G,
    key: &NodeKey,
    relation: Relation,
    host: &NodeKey,
) -> Result<bool, StoreError> {
    let holders = graph.neighbours(key, Direction::In, Some(relation))?;
    Ok(holders.iter().all(|edge| edge.key.from.is_in(&host.id)))
}

fn host_operations<G: GraphStore>(graph: &G, site: &Name, news: &HostNews) -> Result<Vec<Op>, StoreError> {
    let host = NodeKey::host(site, news.name.as_str());
    let was = hanging(graph, &host)?;
    let mut wanted = Wanted::default();
    let HostNews { name, state, since_ms, class, .. } = news.clone();
    wanted.node(host.clone(), Facts::Host(HostFacts { name, state, since_ms, class }));
    wanted.edge(&host, Relation::InSite, &NodeKey::site(site), Tie::Plain);
    let probe = NodeKey::probe(site, news.probe);
    wanted.edge(&host, Relation::Runs, &probe, Tie::Plain);
    wanted.node(probe, Facts::Probe);
    for place in &news.places {
        want_place(graph, &mut wanted, site, news, place)?;
    }
    Ok(wanted.operations(&was.edges, was.own))
}

fn want_place<G: GraphStore>(
    graph: &G,
    wanted: &mut Wanted,
    site: &Name,
    news: &HostNews,
    place: &Place,
) -> Result<(), StoreError> {
    let host = NodeKey::host(site, news.name.as_str());
    let nic = NodeKey::nic(site, news.name.as_str(), place.ifindex);
    let Place { ifname, mac, carrier, reason, address, prefix_len, .. } = place.clone();
    let bond = place.bond.as_deref();
    let (ifname, reason) = (ifname.into(), reason.into());
    let own = bond.map(|bond| nic_bond(bond, bond.role));
    wanted.node(nic.clone(), Facts::Nic { ifname, mac, carrier, reason, bond: own });
    for (bond, mate) in bond.into_iter().flat_map(|bond| bond.mates.iter().map(move |mate| (bond, mate))) {
        want_mate(graph, wanted, site, news, (bond, mate))?;
    }
    wanted.edge(&host, Relation::HasNic, &nic, Tie::Plain);
    let address_key = NodeKey::address(site, address);
    wanted.edge(&nic, Relation::HasAddress, &address_key, Tie::Plain);
    wanted.node(address_key, Facts::IpAddress { address, prefix_len });
    match &place.attachment {
        Some(attachment) => want_attachment(graph, wanted, site, &nic, attachment),
        None => Ok(()),
    }
}

fn nic_bond(bond: &Bond, role: BondRole) -> NicBond {
    NicBond { ifname: bond.ifname.to_string(), mode: bond.mode.to_string(), role }
}

/// A port of a bond that does not stand for its address: wired like any other, without an address of its own.
fn want_mate<G: GraphStore>(
    graph: &G,
    wanted: &mut Wanted,
    site: &Name,
    news: &HostNews,
    (bond, mate): (&Bond, &BondMate),
) -> Result<(), StoreError> {
    let host = NodeKey::host(site, news.name.as_str());
    let nic = NodeKey::nic(site, news.name.as_str(), mate.ifindex);
    let (ifname, mac, carrier, reason) = (mate.ifname.to_string(), mate.mac, mate.carrier, String::new());
    let bond = Some(nic_bond(bond, mate.role));
    wanted.node(nic.clone(), Facts::Nic { ifname, mac, carrier, reason, bond });
    wanted.edge(&host, Relation::HasNic, &nic, Tie::Plain);
    mate.attachment.iter().try_for_each(|attachment| want_attachment(graph, wanted, site, &nic, attachment))
}

fn want_attachment<G: GraphStore>(
    graph: &G,
    wanted: &mut Wanted,
    site: &Name,
    nic: &NodeKey,
    attachment: &Attachment,
) -> Result<(), StoreError> {
    let (id, name) = (switch_text(&attachment.switch), port_text(&attachment.port));
    let (switch, port) = (NodeKey::switch(site, &id), NodeKey::port(site, &id, &name));
    if graph.node(&switch)?.is_none() {
        // Its own news is on the way; until then its members name it.
        let name =
            if attachment.switch_name.is_empty() { id.clone() } else { attachment.switch_name.to_string() };
        wanted.node(switch.clone(), Facts::Switch(SwitchFacts { id, name, state: SwitchState::Unknown }));
        wanted.edge(&switch, Relation::InSite, &NodeKey::site(site), Tie::Plain);
    }
    wanted.edge(&switch, Relation::HasPort, &port, Tie::Plain);
    wanted.edge(nic, Relation::WiredTo, &port, Tie::Wired(attachment.evidence));
    wanted.node(port, Facts::SwitchPort { name });
    Ok(())
}

fn switch_operations(site: &Name, news: &SwitchNews) -> Vec<Op> {
    let key = NodeKey::switch(site, &news.id);
    let SwitchNews { id, name, state } = news.clone();
    vec![Op::Node(key.clone(), Facts::Switch(SwitchFacts { id, name, state })), in_site(site, key)]
}

fn ring_operations<G: GraphStore>(
    graph: &G,
    site: &Name,
    key: NodeKey,
    relay: RelayId,
    news: &RingNews,
) -> Result<Vec<Op>, StoreError> {
    let RingNews { level, switch, domain, reason, generation, members, delegates, .. } = news.clone();
    let facts = RingFacts { relay, level, switch, domain, reason, generation, members, delegates };
    let was = ring_edges(graph, &key)?;
    let mut wanted = Wanted { edges: member_edges(site, &key, &facts), ..Wanted::default() };
    wanted.edge(&key, Relation::InSite, &NodeKey::site(site), Tie::Plain);
    wanted.node(key, Facts::Ring(facts));
    Ok(wanted.operations(&was, None))
}

fn ring_gone<G: GraphStore>(graph: &G, key: &NodeKey) -> Result<Vec<Op>, StoreError> {
    let edges = ring_edges(graph, key)?.into_iter().map(|edge| Op::DropEdge(edge.key));
    Ok(edges.chain([Op::DropNode(key.clone())]).collect())
}

/// The edges that make up a ring: its memberships, and the steps from one member to the next.
fn ring_edges<G: GraphStore>(graph: &G, ring: &NodeKey) -> Result<Vec<Edge>, StoreError> {
    let mut edges = graph.neighbours(ring, Direction::In, Some(Relation::MemberOf))?;
    let members: Vec<NodeKey> = edges.iter().map(|edge| edge.key.from.clone()).collect();
    for member in members {
        let next = graph.neighbours(&member, Direction::Out, Some(Relation::NextInRing))?;
        edges.extend(next.into_iter().filter(|edge| edge.key.mark == ring.id));
    }
    Ok(edges)
}

fn member_edges(site: &Name, ring: &NodeKey, facts: &RingFacts) -> BTreeMap<EdgeKey, Tie> {
    let mut edges = BTreeMap::new();
    let next = facts.members.iter().cycle().skip(1);
    for (rank, (member, next)) in (0u32..).zip(facts.members.iter().zip(next)) {
        let from = NodeKey::host(site, member);
        let delegate = facts.delegates.contains(member);
        let place = EdgeKey::new(from.clone(), Relation::MemberOf, ring.clone());
        edges.insert(place, Tie::Member { rank, delegate });
        if member != next {
            let step = NodeKey::host(site, next);
            edges.insert(EdgeKey::marked(from, Relation::NextInRing, step, ring.id.clone()), Tie::Plain);
        }
    }
    edges
}

fn incident_operations<G: GraphStore>(
    graph: &G,
    site: &Name,
    news: &IncidentNews,
) -> Result<Vec<Op>, StoreError> {
    let key = NodeKey::incident(news.id);
    let was = graph.neighbours(&key, Direction::Out, None)?;
    let mut wanted = Wanted::default();
    wanted.edge(&key, Relation::InSite, &NodeKey::site(site), Tie::Plain);
    for host in hosts_of(news) {
        wanted.edge(&key, Relation::Affects, &NodeKey::host(site, host), Tie::Plain);
    }
    for alternative in &news.alternatives {
        let subject = &alternative.subject;
        let Some(cause) = NodeKey::subject(site, subject.kind, &subject.id) else { continue };
        let mark = alternative.verdict.word().to_owned();
        let edge = EdgeKey::marked(key.clone(), Relation::CausedBy, cause, mark);
        wanted.edges.insert(edge, Tie::Odds { permille: alternative.permille });
    }
    let IncidentNews { id, opened_ms, closed_ms, closed, .. } = *news;
    wanted.node(key, Facts::Incident { id, opened_ms, closed_ms, closed });
    Ok(wanted.operations(&was, None))
}

#[cfg(test)]
mod tests;
