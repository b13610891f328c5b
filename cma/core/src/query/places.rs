//! What hangs where: ports of hosts and switches, and finding them.

use core::net::IpAddr;
use std::collections::BTreeSet;

use ringmesh_topology::id::MacAddress;

use super::legs::{self, Leg, Rooted, Wire};
use super::{Answer, Cell, NoAnswer, World};
use crate::graph::{Direction, Facts, GraphStore, Label, Relation, StoreError};
use crate::view::{host_word, natural, switch_word};

impl<G: GraphStore> World<'_, G> {
    pub(super) fn host_ports(&self, name: &str, answer: &mut Answer) -> Result<(), NoAnswer> {
        let key = self.host_called(name)?;
        let Some(host) = legs::of(self.graph, &key)? else { return Ok(()) };
        for leg in &host.legs {
            let [switch, switch_id, port] = behind(leg);
            let (evidence, age) = known_by(leg, |wire| self.age_s(wire.since_ms));
            let (ifname, remarks) = (leg.ifname.as_str().into(), remarks(leg).into());
            answer.row([ifname, leg.carrier.into(), switch, switch_id, port, evidence, age, remarks]);
        }
        Ok(())
    }

    pub(super) fn switch_ports(&self, answer: &mut Answer) -> Result<(), StoreError> {
        let hosts = legs::all(self.graph)?;
        let mut wires: Vec<(&Rooted, &Leg, &Wire)> = wires(&hosts).collect();
        wires.sort_by_cached_key(|(host, _, wire)| {
            (host.site(), natural(&wire.facts.name), &wire.switch, natural(&wire.port))
        });
        for (host, leg, wire) in wires {
            answer.row([
                host.site().into(),
                wire.facts.name.as_str().into(),
                wire.facts.id.as_str().into(),
                wire.port.as_str().into(),
                host.facts.name.as_str().into(),
                leg.ifname.as_str().into(),
                state(host, leg).into(),
                wire.evidence_word().into(),
                self.age_s(wire.since_ms).into(),
            ]);
        }
        answer.note("switch ports that no host with a probe hangs on are not known");
        Ok(())
    }

    pub(super) fn hosts_behind(&self, name: &str, answer: &mut Answer) -> Result<(), NoAnswer> {
        let (switch, _) = self.switch_called(name)?;
        let hosts = legs::behind(self.graph, &switch)?;
        let mut wires: Vec<_> = wires(&hosts).filter(|(_, _, wire)| wire.switch == switch).collect();
        wires.sort_by_cached_key(|(_, _, wire)| natural(&wire.port));
        for (host, leg, wire) in wires {
            answer.row([
                wire.port.as_str().into(),
                host.facts.name.as_str().into(),
                leg.ifname.as_str().into(),
                state(host, leg).into(),
                wire.evidence_word().into(),
                self.age_s(wire.since_ms).into(),
                host.switch_names(|_, other| other.switch != switch).into(),
            ]);
        }
        Ok(())
    }

    pub(super) fn find(&self, text: &str, answer: &mut Answer) -> Result<(), NoAnswer> {
        let wanted = Wanted { text: text.to_lowercase(), address: text.parse().ok(), mac: mac(text) };
        self.find_switches(&wanted, answer)?;
        for host in self.hosts_wanted(&wanted)? {
            self.find_host(&wanted, &host, answer)?;
        }
        if !answer.rows.is_empty() {
            return Ok(());
        }
        let remedy = match (wanted.mac, wanted.address) {
            (Some(_), _) => {
                "no port of a host has that MAC address, and no switch has it as its chassis id; a switch has others \
                 on its ports, and so has a guest without a probe"
            }
            (None, Some(_)) => {
                "no port of a host has that address; give it whole and without a prefix length"
            }
            (None, None) => {
                "give an address, a MAC address or a part of a name, as `ringmesh tree` shows them"
            }
        };
        Err(NoAnswer::NotFound { name: text.to_owned(), remedy: remedy.to_owned() })
    }

    fn find_switches(&self, wanted: &Wanted, answer: &mut Answer) -> Result<(), StoreError> {
        let mut keys = BTreeSet::new();
        if wanted.address.is_none() {
            keys.extend(self.graph.with_part(Label::Switch, &wanted.text)?);
        }
        if let Some(mac) = wanted.mac {
            keys.extend(self.with_id(Label::Switch, &mac.to_string())?.into_iter().map(|node| node.key));
        }
        for key in keys {
            let Some(node) = self.graph.node(&key)? else { continue };
            let Facts::Switch(facts) = &node.facts else { continue };
            let site = legs::site_of(&node.key).into();
            let (name, id) = (facts.name.as_str().into(), facts.id.as_str().into());
            let state = switch_word(facts.state).into();
            let nothing = || Cell::from("");
            let port = [nothing(), nothing(), nothing()];
            let behind = [Cell::clone(&name), id, nothing()];
            let [interface, interface_id, address] = port;
            let [switch, switch_id, port] = behind;
            let kind = "switch".into();
            answer.row([kind, site, name, state, interface, interface_id, address, switch, switch_id, port]);
        }
        Ok(())
    }

    /// Hosts with that address, or whose name has that part.
    fn hosts_wanted(&self, wanted: &Wanted) -> Result<Vec<Rooted>, StoreError> {
        let mut nics = BTreeSet::new();
        let mut hosts = BTreeSet::new();
        if let Some(address) = wanted.address {
            for node in self.with_id(Label::IpAddress, &address.to_string())? {
                let edges = self.graph.neighbours(&node.key, Direction::In, Some(Relation::HasAddress))?;
                nics.extend(edges.into_iter().map(|edge| edge.key.from));
            }
        } else {
            hosts.extend(self.graph.with_part(Label::Host, &wanted.text)?);
        }
        if let Some(mac) = wanted.mac {
            nics.extend(self.graph.nics_with(mac)?);
        }
        for nic in nics {
            let holders = self.graph.neighbours(&nic, Direction::In, Some(Relation::HasNic))?;
            hosts.extend(holders.into_iter().map(|edge| edge.key.from));
        }
        legs::of_all(self.graph, hosts)
    }

    fn find_host(&self, wanted: &Wanted, host: &Rooted, answer: &mut Answer) -> Result<(), StoreError> {
        let by_name = wanted.is_in(host.facts.name.as_str());
        for leg in &host.legs {
            let addresses = legs::addresses(self.graph, &leg.nic)?;
            let by_mac = leg.mac.is_some() && leg.mac == wanted.mac;
            if !by_name && !by_mac && !addresses.iter().any(|address| wanted.is_address(address)) {
                continue;
            }
            let [switch, switch_id, port] = behind(leg);
            answer.row([
                "host".into(),
                host.site().into(),
                host.facts.name.as_str().into(),
                state(host, leg).into(),
                leg.ifname.as_str().into(),
                leg.mac.map_or_else(String::new, |mac| mac.to_string()).into(),
                addresses.join(" ").into(),
                switch,
                switch_id,
                port,
            ]);
        }
        Ok(())
    }

    pub(super) fn stale(&self, older_s: Option<u64>, answer: &mut Answer) -> Result<(), StoreError> {
        let hosts = legs::all(self.graph)?;
        for (host, leg, wire) in wires(&hosts) {
            let age_s = self.age_s(wire.since_ms);
            let why = match wire.evidence_word() {
                "cache" => "remembered, not heard again",
                _ if older_s.is_some_and(|older_s| age_s > older_s) => "older than asked",
                _ => continue,
            };
            answer.row([
                host.site().into(),
                host.facts.name.as_str().into(),
                leg.ifname.as_str().into(),
                wire.facts.name.as_str().into(),
                wire.facts.id.as_str().into(),
                wire.port.as_str().into(),
                wire.evidence_word().into(),
                age_s.into(),
                why.into(),
            ]);
        }
        answer.note(
            "an age counts from when the wire was told to be so; when a frame was last heard on it is not kept",
        );
        Ok(())
    }
}

/// What is looked for.
struct Wanted {
    text: String,
    address: Option<IpAddr>,
    mac: Option<MacAddress>,
}

impl Wanted {
    /// An address is no part of a name.
    fn is_in(&self, name: &str) -> bool {
        self.address.is_none() && name.to_lowercase().contains(&self.text)
    }

    fn is_address(&self, address: &str) -> bool {
        let bare = address.split('/').next().and_then(|bare| bare.parse().ok());
        bare.is_some() && bare == self.address
    }
}

/// A MAC address in any of its usual writings: `00-1B-21-3A-4F-5C`, `001b.213a.4f5c`.
fn mac(text: &str) -> Option<MacAddress> {
    let digits: String = text.chars().filter(|c| !":-.".contains(*c)).collect();
    let hex = digits.len() == 12 && digits.bytes().all(|octet| octet.is_ascii_hexdigit());
    let number = u64::from_str_radix(hex.then_some(&digits)?, 16).ok()?;
    let [_, _, mac @ ..] = number.to_be_bytes();
    Some(MacAddress(mac))
}

/// Every port that hangs on a known switch.
fn wires(hosts: &[Rooted]) -> impl Iterator<Item = (&Rooted, &Leg, &Wire)> {
    let each = hosts.iter().flat_map(|host| host.legs.iter().map(move |leg| (host, leg)));
    each.filter_map(|(host, leg)| Some((host, leg, leg.wire.as_ref()?)))
}

/// Switch, its id and its port.
fn behind(leg: &Leg) -> [Cell; 3] {
    let wire = leg.wire.as_ref();
    let text = |of: fn(&Wire) -> &str| wire.map_or("", of).into();
    [text(|wire| &wire.facts.name), text(|wire| &wire.facts.id), text(|wire| &wire.port)]
}

fn known_by(leg: &Leg, age_s: impl Fn(&Wire) -> u64) -> (Cell, Cell) {
    leg.wire.as_ref().map_or(("".into(), "".into()), |wire| (wire.evidence_word().into(), age_s(wire).into()))
}

fn state(host: &Rooted, leg: &Leg) -> &'static str {
    if leg.carrier { host_word(host.facts.state) } else { "no-carrier" }
}

/// `standby in bond0 (active-backup)`, or why no switch is known.
fn remarks(leg: &Leg) -> String {
    let bond = leg.bond.as_ref().map(|bond| {
        let role = if bond.role.active { "active" } else { "standby" };
        format!("{role} in {} ({})", bond.ifname, bond.mode)
    });
    let reason = Some(leg.reason.clone()).filter(|reason| !reason.is_empty());
    bond.into_iter().chain(reason).collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mac_address_is_known_in_every_usual_writing() {
        for text in ["00:1b:21:3a:4f:5c", "00-1B-21-3A-4F-5C", "001b.213a.4f5c", "001B213A4F5C"] {
            assert_eq!(mac(text).map(|mac| mac.to_string()).as_deref(), Some("00:1b:21:3a:4f:5c"), "{text}");
        }
        for text in ["", "00:1b:21:3a:4f", "00:1b:21:3a:4f:5g", "h1", "\u{fe}\u{fe}\u{fe}\u{fe}\u{fe}\u{fe}"]
        {
            assert_eq!(mac(text), None, "{text}");
        }
    }
}
