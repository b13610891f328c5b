//! `ringmesh tree`: site, switch, port, host, with rings and states, from the graph.

use std::collections::{BTreeMap, BTreeSet};

use ringmesh_proto::news::{HostState, SwitchState};
use ringmesh_proto::time::Time;
use ringmesh_topology::id::{Name, RelayId};
use ringmesh_topology::verdict::Class;

use super::line;
use crate::cma::Cma;
use crate::documents::{
    BondDoc, FallbackRingDoc, HostDoc, PlaceDoc, PortDoc, RingDoc, SCHEMA, SiteDoc, SwitchDoc, Tree,
    TreeIncident, TreeRelay,
};
use crate::graph::{
    Direction, Facts, GraphStore, HostFacts, Label, NicBond, Node, NodeKey, Relation, RingFacts, StoreError,
    Tie, scan_all,
};
use crate::relay::Presence;

impl<G: GraphStore> Cma<G> {
    /// Everything that hangs somewhere, and how it does.
    pub fn tree(&self, now: Time) -> Result<Tree, StoreError> {
        let around = |site: &Name| self.around(now, site);
        Drawing { graph: &self.graph, at_ms: self.wall.unix_ms(now), around: &around }.tree()
    }

    fn around(&self, now: Time, site: &Name) -> Around {
        let acting = self.relays.acting(site);
        let relays = self.relays.iter().filter(|(key, _)| key.site == *site);
        let relays = relays.map(|(key, relay)| TreeRelay {
            id: key.relay.0,
            state: self.presence(now, key, relay).word().to_owned(),
            active: acting == Some(key.relay),
        });
        let mut open: Vec<_> = self.incidents.open().filter(|i| i.source.site == *site).collect();
        open.sort_by_key(|incident| (incident.news.opened_ms, incident.news.id));
        let judged =
            open.iter().filter(|incident| incident.is_own()).map(|incident| incident.verdict()).next_back();
        let incidents = open.iter().map(|incident| TreeIncident {
            id: incident.news.id.to_string(),
            verdict: incident.verdict(),
            about: line::subject_words(incident),
        });
        Around { acting, relays: relays.collect(), judged, incidents: incidents.collect() }
    }
}

/// What is around a site's switches and hosts: it does not stand in the graph.
pub(super) struct Around {
    pub(super) acting: Option<RelayId>,
    pub(super) relays: Vec<TreeRelay>,
    /// What was judged of the way to the site.
    pub(super) judged: Option<String>,
    pub(super) incidents: Vec<TreeIncident>,
}

impl Around {
    fn state(&self) -> &'static str {
        if self.relays.iter().any(|relay| relay.active && relay.state == Presence::Connected.word()) {
            return "up";
        }
        match self.judged.as_deref() {
            Some("SiteCut") => "cut",
            Some("SiteDark") => "dark",
            Some("SiteCut|SiteDark") => "dark or cut",
            Some("RelayDown") => "relay down",
            Some("WanPathFault") => "path fault",
            Some("Undetermined") => "unreachable",
            Some(_) | None => "unknown",
        }
    }
}

/// A graph, drawn as a tree at a moment.
pub(super) struct Drawing<'a, G> {
    pub(super) graph: &'a G,
    pub(super) at_ms: u64,
    pub(super) around: &'a dyn Fn(&Name) -> Around,
}

impl<G: GraphStore> Drawing<'_, G> {
    pub(super) fn tree(&self) -> Result<Tree, StoreError> {
        let mut hosts = self.by_site(Label::Host)?;
        let mut switches = self.by_site(Label::Switch)?;
        let mut rings = self.by_site(Label::Ring)?;
        let mut sites = Vec::new();
        for site in scan_all(self.graph, Label::Site)? {
            let Ok(name) = Name::new(&site.key.id) else { continue };
            let of_site =
                |nodes: &mut BTreeMap<String, Vec<Node>>| nodes.remove(&site.key.id).unwrap_or_default();
            let parts = Parts {
                hosts: of_site(&mut hosts),
                switches: of_site(&mut switches),
                rings: of_site(&mut rings),
            };
            sites.push(self.site(&name, parts)?);
        }
        Ok(Tree { schema: SCHEMA, sites, at_ms: self.at_ms })
    }

    fn by_site(&self, label: Label) -> Result<BTreeMap<String, Vec<Node>>, StoreError> {
        let mut sites: BTreeMap<String, Vec<Node>> = BTreeMap::new();
        for node in scan_all(self.graph, label)? {
            let site = node.key.id.split('/').next().unwrap_or_default().to_owned();
            sites.entry(site).or_default().push(node);
        }
        Ok(sites)
    }

    fn site(&self, name: &Name, parts: Parts) -> Result<SiteDoc, StoreError> {
        let around = (self.around)(name);
        // Rings of a relay that does not act any more are history.
        let rings =
            parts.rings.into_iter().filter_map(ring_facts).filter(|ring| Some(ring.relay) == around.acting);
        let mut site = SiteDoc {
            id: name.to_string(),
            state: around.state().to_owned(),
            relays: around.relays,
            switches: Vec::new(),
            fallback_rings: Vec::new(),
            site_rings: Vec::new(),
            hosts: Vec::new(),
            incidents: around.incidents,
        };
        let mut by_switch = sort_rings(rings, &mut site);
        for host in parts.hosts {
            site.hosts.extend(self.host(&host)?);
        }
        for switch in parts.switches {
            site.switches.extend(self.switch(&switch, &mut by_switch)?);
        }
        site.hosts.sort_by_key(|host| natural(&host.id));
        site.switches.sort_by_key(|switch| (natural(&switch.name), switch.id.clone()));
        Ok(site)
    }

    fn switch(
        &self,
        node: &Node,
        rings: &mut BTreeMap<String, Vec<RingDoc>>,
    ) -> Result<Option<SwitchDoc>, StoreError> {
        let Facts::Switch(facts) = &node.facts else { return Ok(None) };
        let mut ports = Vec::new();
        for port in self.graph.neighbours(&node.key, Direction::Out, Some(Relation::HasPort))? {
            ports.extend(self.port(&port.key.to)?);
        }
        ports.sort_by_key(|port: &PortDoc| (natural(&port.port), natural(&port.host)));
        let rings = rings.remove(&facts.id).unwrap_or_default();
        let state = switch_word(facts.state).to_owned();
        Ok(Some(SwitchDoc { id: facts.id.clone(), name: facts.name.clone(), state, ports, rings }))
    }

    fn port(&self, port: &NodeKey) -> Result<Vec<PortDoc>, StoreError> {
        let name = match self.graph.node(port)?.map(|node| node.facts) {
            Some(Facts::SwitchPort { name }) => name,
            Some(_) | None => return Ok(Vec::new()),
        };
        let mut docs = Vec::new();
        for wire in self.graph.neighbours(port, Direction::In, Some(Relation::WiredTo))? {
            let Some(Facts::Nic { ifname, carrier, bond, .. }) =
                self.graph.node(&wire.key.from)?.map(|node| node.facts)
            else {
                continue;
            };
            let Some(host) = self.host_of(&wire.key.from)? else { continue };
            let state = if carrier { host_word(host.state) } else { "no-carrier" };
            docs.push(PortDoc {
                port: name.clone(),
                host: host.name.to_string(),
                state: state.to_owned(),
                evidence: evidence_word(wire.tie).to_owned(),
                age_s: self.at_ms.saturating_sub(wire.since_ms) / 1_000,
                ifname,
                bond: bond.map(bond_doc),
            });
        }
        Ok(docs)
    }

    fn host_of(&self, nic: &NodeKey) -> Result<Option<HostFacts>, StoreError> {
        let holders = self.graph.neighbours(nic, Direction::In, Some(Relation::HasNic))?;
        let Some(edge) = holders.into_iter().next() else { return Ok(None) };
        Ok(match self.graph.node(&edge.key.from)?.map(|node| node.facts) {
            Some(Facts::Host(facts)) => Some(facts),
            Some(_) | None => None,
        })
    }

    fn host(&self, node: &Node) -> Result<Option<HostDoc>, StoreError> {
        let Facts::Host(facts) = &node.facts else { return Ok(None) };
        let mut places = Vec::new();
        for nic in self.graph.neighbours(&node.key, Direction::Out, Some(Relation::HasNic))? {
            places.extend(self.place(&nic.key.to)?);
        }
        places.sort_by_key(|place| natural(&place.ifname));
        let switches: BTreeSet<&str> =
            places.iter().map(|place| place.switch.as_str()).filter(|s| !s.is_empty()).collect();
        Ok(Some(HostDoc {
            id: facts.name.to_string(),
            state: host_word(facts.state).to_owned(),
            since_ms: facts.since_ms,
            class: class_word(facts.class).to_owned(),
            dual_homed: switches.len() > 1,
            places,
        }))
    }

    fn place(&self, nic: &NodeKey) -> Result<Option<PlaceDoc>, StoreError> {
        let Some(Facts::Nic { ifname, carrier, reason, bond, .. }) =
            self.graph.node(nic)?.map(|node| node.facts)
        else {
            return Ok(None);
        };
        let mut place = PlaceDoc {
            ifname,
            carrier,
            addresses: self.addresses(nic)?,
            switch: String::new(),
            port: String::new(),
            evidence: "fallback".to_owned(),
            reason,
            bond: bond.map(bond_doc),
        };
        for wire in self.graph.neighbours(nic, Direction::Out, Some(Relation::WiredTo))? {
            place.evidence = evidence_word(wire.tie).to_owned();
            if let Some(Facts::SwitchPort { name }) = self.graph.node(&wire.key.to)?.map(|node| node.facts) {
                place.port = name;
            }
            place.switch = self.switch_of(&wire.key.to)?;
        }
        Ok(Some(place))
    }

    fn addresses(&self, nic: &NodeKey) -> Result<Vec<String>, StoreError> {
        let mut addresses = Vec::new();
        for edge in self.graph.neighbours(nic, Direction::Out, Some(Relation::HasAddress))? {
            if let Some(Facts::IpAddress { address, prefix_len }) =
                self.graph.node(&edge.key.to)?.map(|node| node.facts)
            {
                addresses.push(format!("{address}/{prefix_len}"));
            }
        }
        Ok(addresses)
    }

    fn switch_of(&self, port: &NodeKey) -> Result<String, StoreError> {
        let holders = self.graph.neighbours(port, Direction::In, Some(Relation::HasPort))?;
        Ok(holders.first().map_or_else(String::new, |edge| edge.key.from.local().to_owned()))
    }
}

/// The nodes of one site.
struct Parts {
    hosts: Vec<Node>,
    switches: Vec<Node>,
    rings: Vec<Node>,
}

fn ring_facts(node: Node) -> Option<RingFacts> {
    if let Facts::Ring(facts) = node.facts { Some(facts) } else { None }
}

/// Puts site rings and fallback rings into the site; returns the switch rings by switch.
fn sort_rings(rings: impl Iterator<Item = RingFacts>, site: &mut SiteDoc) -> BTreeMap<String, Vec<RingDoc>> {
    let mut by_switch: BTreeMap<String, Vec<RingDoc>> = BTreeMap::new();
    for RingFacts { level, switch, domain, reason, generation, members, delegates, .. } in rings {
        let generation = format!("{}.{}", generation.term, generation.counter);
        if level > 0 {
            site.site_rings.push(RingDoc { domain, generation, members, delegates });
        } else if switch.is_empty() {
            site.fallback_rings.push(FallbackRingDoc { key: domain, reason, members, generation, delegates });
        } else {
            by_switch.entry(switch).or_default().push(RingDoc { domain, generation, members, delegates });
        }
    }
    by_switch
}

/// Sorts `h10` after `h9`: text, and runs of digits by their value.
pub(crate) fn natural(text: &str) -> Vec<(String, u64)> {
    let mut parts = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let digits_at = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
        let (words, tail) = rest.split_at(digits_at);
        let digits = tail.find(|c: char| !c.is_ascii_digit()).unwrap_or(tail.len());
        let (number, tail) = tail.split_at(digits);
        parts.push((words.to_owned(), number.parse().unwrap_or(u64::MAX)));
        rest = tail;
    }
    parts
}

fn bond_doc(NicBond { ifname, mode, role }: NicBond) -> BondDoc {
    let partner_system = role.partner.map_or_else(String::new, |partner| partner.to_string());
    BondDoc { ifname, mode, active: role.active, partner_system }
}

fn evidence_word(tie: Tie) -> &'static str {
    match tie {
        Tie::Wired(evidence) => evidence.word(),
        Tie::Plain | Tie::Member { .. } | Tie::Odds { .. } => "fallback",
    }
}

pub(crate) fn host_word(state: HostState) -> &'static str {
    match state {
        HostState::Up => "up",
        HostState::Silent => "silent",
        HostState::Planned => "planned",
    }
}

pub(crate) fn switch_word(state: SwitchState) -> &'static str {
    match state {
        SwitchState::Up => "up",
        SwitchState::Down => "down",
        SwitchState::Cut => "cut",
        SwitchState::Unknown => "unknown",
    }
}

pub(crate) fn class_word(class: Class) -> &'static str {
    match class {
        Class::Ephemeral => "ephemeral",
        Class::Normal => "normal",
        Class::Critical => "critical",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_sort_as_people_count() {
        let mut names = ["h10", "h9", "h1", "sw2p1", "sw2", "x", "sw10"];
        names.sort_by_key(|name| natural(name));
        assert_eq!(names, ["h1", "h9", "h10", "sw2", "sw2p1", "sw10", "x"]);
    }
}
