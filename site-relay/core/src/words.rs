//! How things are called when people are told of them.

use core::fmt::Write as _;

use ringmesh_proto::message::RingId;
use ringmesh_proto::news::{Subject, SubjectKind};
use ringmesh_topology::diagnosis::{Component, HostIx, Settle, SwitchIx, Vantage};
use ringmesh_topology::place::{Attachment, WireId};
use ringmesh_topology::ring::Spread;

use crate::Config;
use crate::relay::Relay;
use crate::rings::RingKey;
use crate::roster::Switch;

/// A relay's name within its site.
pub(crate) fn relay(config: &Config) -> String {
    format!("r{}", config.relay.0)
}

/// Octets as text: an Ethernet address in its usual form, printable octets as they are, others as hexadecimal.
pub(crate) fn wire_id(id: &WireId) -> String {
    /// Chassis id subtype "MAC address" (802.1AB 8.5.2.2).
    const CHASSIS_MAC: u8 = 4;
    let hex = |separator: &str| {
        let octets: Vec<String> = id.octets.iter().map(|octet| format!("{octet:02x}")).collect();
        octets.join(separator)
    };
    if id.subtype == CHASSIS_MAC && id.octets.len() == 6 {
        return hex(":");
    }
    let printable = id.octets.iter().all(|octet| octet.is_ascii_graphic());
    if printable { id.octets.iter().map(|octet| char::from(*octet)).collect() } else { hex("") }
}

/// A switch's id: its chassis id as text.
pub(crate) fn switch_id(switch: &Switch) -> String {
    wire_id(&switch.key)
}

/// What operators call a switch.
pub(crate) fn switch_name(switch: &Switch) -> String {
    if switch.name.is_empty() { switch_id(switch) } else { switch.name.to_string() }
}

fn switch_at(relay: &Relay, switch: SwitchIx) -> Subject {
    let known = relay.roster.switch_at(switch);
    Subject {
        kind: SubjectKind::Switch,
        id: known.map(switch_id).unwrap_or_default(),
        name: known.map(switch_name).unwrap_or_default(),
    }
}

/// A switch and its port.
pub(crate) fn wire(at: &Attachment) -> String {
    let switch = if at.switch_name.is_empty() { wire_id(&at.switch) } else { at.switch_name.to_string() };
    format!("{switch} {}", wire_id(&at.port))
}

/// A ring's domain, or the key of a fallback ring.
pub(crate) fn ring(relay: &Relay, ring: RingId) -> String {
    match relay.rings.get(ring).map(|ring| &ring.key) {
        Some(RingKey::Switch { prefix, prefix_len, .. }) => format!("{prefix}/{prefix_len}"),
        Some(RingKey::Fallback { prefix, prefix_len, gateway, shard }) => {
            let mut text = format!("{prefix}/{prefix_len} via {gateway}");
            if *shard > 0 {
                // Writing to a String does not fail.
                let _ = write!(text, " #{}", shard + 1);
            }
            text
        }
        Some(RingKey::Site) => format!("site {}", relay.config.site),
        None => String::new(),
    }
}

/// What a component is to operators. An uplink is told as its switch: that is where somebody has to go.
pub(crate) fn subject(relay: &Relay, component: Component, members: &[HostIx]) -> Subject {
    let site = || Subject {
        kind: SubjectKind::Site,
        id: relay.config.site.to_string(),
        name: relay.config.site.to_string(),
    };
    match component {
        Component::Host(host) | Component::Leg(host, _) => host_subject(relay, host),
        Component::Switch(switch) | Component::Uplink(switch) | Component::PeerLink(switch) => {
            switch_at(relay, switch)
        }
        Component::Fabric => site(),
        Component::JudgeBranch => Subject {
            kind: SubjectKind::Relay,
            id: self::relay(&relay.config),
            name: self::relay(&relay.config),
        },
        Component::SharedFate => {
            let names: Vec<&str> = members.iter().map(|host| relay.roster[*host].name.as_str()).collect();
            let first = names.first().copied().unwrap_or("nobody");
            Subject { kind: SubjectKind::Set, id: first.to_owned(), name: several(&names) }
        }
    }
}

/// A host as subject.
pub(crate) fn host_subject(relay: &Relay, host: HostIx) -> Subject {
    let name = relay.roster[host].name.to_string();
    Subject { kind: SubjectKind::Host, id: name.clone(), name }
}

/// A component in the middle of a sentence.
pub(crate) fn component(relay: &Relay, component: Component) -> String {
    match component {
        Component::Host(host) => format!("host {}", relay.roster[host].name),
        Component::Leg(host, leg) => {
            let member = &relay.roster[host];
            let ifname = member.places.get(usize::from(leg)).map_or("its port", |place| &place.ifname);
            format!("the link of {} at {ifname}", member.name)
        }
        Component::Switch(switch) => format!("switch {}", switch_at(relay, switch).name),
        Component::Uplink(switch) => format!("the uplink of {}", switch_at(relay, switch).name),
        Component::PeerLink(switch) => format!("the peer link of {}", switch_at(relay, switch).name),
        Component::Fabric => "the fabric of the site".to_owned(),
        Component::JudgeBranch => "the relay's own way into the site".to_owned(),
        Component::SharedFate => "a cause they share".to_owned(),
    }
}

/// A witness by name.
pub(crate) fn witness(relay: &Relay, vantage: Vantage) -> String {
    match vantage {
        Vantage::Judge => self::relay(&relay.config),
        Vantage::Host { host, .. } => relay.roster[host].name.to_string(),
    }
}

/// What would settle an open question.
pub(crate) fn settle(settle: Settle) -> &'static str {
    match settle {
        Settle::BootIds => "the boot ids of the members when they are back",
        Settle::FlightRecorders => "their flight recorders, at their return",
        Settle::DualHomedMember => "a host on this and another switch",
        Settle::SecondWitness => "a second witness by another path",
        Settle::OtherRelay => "a relay or site on the other side",
        Settle::HypervisorOrBmc => "the hypervisor, or the host's management controller",
    }
}

/// Some names, and how many more there are.
pub(crate) fn several(names: &[&str]) -> String {
    const SHOWN: usize = 4;
    let shown = names.iter().take(SHOWN).copied().collect::<Vec<_>>().join(", ");
    match names.len().checked_sub(SHOWN) {
        None | Some(0) => shown,
        Some(more) => format!("{shown} and {more} more"),
    }
}

/// A line card or stack member by the name of a port: what stands before its last `/`.
pub(crate) fn module(port: &[u8]) -> Spread {
    let Some(end) = port.iter().rposition(|octet| *octet == b'/') else { return Spread::default() };
    // FNV-1a, 32 bits: equal prefixes get equal numbers, and that is all that is asked of it.
    let hash = port[..end]
        .iter()
        .fold(0x811c_9dc5_u32, |hash, octet| (hash ^ u32::from(*octet)).wrapping_mul(0x0100_0193));
    Spread(hash.max(1))
}

/// Whether a name fits a pattern of `*` (anything) and `?` (one character).
pub(crate) fn fits(pattern: &[u8], name: &[u8]) -> bool {
    match (pattern.split_first(), name.split_first()) {
        (None, None) => true,
        (Some((b'*', rest)), _) => (0..=name.len()).any(|skip| fits(rest, &name[skip..])),
        (Some((b'?', rest)), Some((_, tail))) => fits(rest, tail),
        (Some((wanted, rest)), Some((got, tail))) => wanted == got && fits(rest, tail),
        (None, Some(_)) | (Some(_), None) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_told_as_operators_know_them() {
        let id = |subtype, octets: &[u8]| wire_id(&WireId { subtype, octets: octets.into() });
        assert_eq!(id(4, &[2, 0, 0, 0, 1, 0xff]), "02:00:00:00:01:ff");
        assert_eq!(id(7, b"sw-1"), "sw-1");
        assert_eq!(id(7, &[0x1b, 0x5b]), "1b5b", "no control character reaches a terminal");
    }

    #[test]
    fn ports_of_one_line_card_are_one_module() {
        assert_eq!(module(b"Eth1/3"), module(b"Eth1/40"));
        assert_ne!(module(b"Eth1/3"), module(b"Eth2/3"));
        assert_eq!(module(b"swp7"), Spread::default());
    }

    #[test]
    fn patterns_fit_as_in_a_shell() {
        let cases =
            [("db-*", "db-7", true), ("db-?", "db-77", false), ("*", "", true), ("web", "web1", false)];
        for (pattern, name, want) in cases {
            assert_eq!(fits(pattern.as_bytes(), name.as_bytes()), want, "{pattern} {name}");
        }
    }

    #[test]
    fn long_lists_are_cut() {
        assert_eq!(several(&["a", "b"]), "a, b");
        assert_eq!(several(&["a", "b", "c", "d", "e", "f"]), "a, b, c, d and 2 more");
    }
}
