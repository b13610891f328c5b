//! Identifiers and reasons in words, within the limits of the datagrams.

use lldp_rs::{ChassisSubtype, PortId, PortSubtype, Subtype, SwitchKey};
use ringmesh_topology::place::WireId;

/// Octets of an identifier in a place.
pub(crate) const ID_MAX: usize = 64;
/// Octets of a switch's name.
pub(crate) const NAME_MAX: usize = 63;
/// Octets of a port's own name.
pub(crate) const IFNAME_MAX: usize = 15;
/// Octets of a reason.
pub(crate) const REASON_MAX: usize = 120;
/// Octets of the name of a bond's mode.
pub(crate) const BOND_MODE_MAX: usize = 15;

/// CDP's number in a switch key; in a place it is 0.
const CDP: u8 = 0x81;

/// Network cards that are known to keep LLDP frames to themselves.
const SWALLOWS_LLDP: [&str; 4] = ["i40e", "ice", "bnxt_en", "mlx5_core"];

/// The text up to that many octets, whole characters only, without control characters.
pub(crate) fn cut(text: &str, octets_max: usize) -> String {
    let mut out = String::new();
    for c in text.chars().filter(|c| !c.is_control()) {
        if out.len() + c.len_utf8() > octets_max {
            break;
        }
        out.push(c);
    }
    out
}

pub(crate) fn no_carrier(ifname: &str) -> String {
    format!("no carrier on {ifname}")
}

pub(crate) fn nothing_heard(ifname: &str, driver: &str) -> String {
    if SWALLOWS_LLDP.contains(&driver) {
        return format!("no LLDP heard on {ifname} ({driver}): NIC firmware agent?");
    }
    format!("no LLDP heard on {ifname}")
}

pub(crate) fn own_only(ifname: &str) -> String {
    format!("heard only own frames on {ifname}")
}

pub(crate) fn endpoints_only(ifname: &str) -> String {
    format!("heard only telephones and stations on {ifname}")
}

pub(crate) fn shut_down(ifname: &str) -> String {
    format!("the switch on {ifname} stopped announcing itself")
}

pub(crate) fn fell_silent(ifname: &str) -> String {
    format!("the announcements on {ifname} ended")
}

pub(crate) fn ambiguous(ifname: &str, names: &[String]) -> String {
    format!("several switches heard on {ifname}: {}", names.join(", "))
}

pub(crate) fn remembered(why: &str) -> String {
    format!("remembered from before the start; {why}")
}

pub(crate) fn before_carrier_loss(ifname: &str) -> String {
    format!("not heard since {ifname} lost carrier")
}

pub(crate) fn no_address(ifname: &str) -> String {
    format!("no address on {ifname}: it only listens")
}

/// A switch's key as a place carries it.
pub(crate) fn switch_id(key: &SwitchKey) -> WireId {
    let (kind, id) = key.octets().split_first().map_or((7, &b"?"[..]), |(kind, id)| (*kind, id));
    wire_id(kind, id)
}

/// A port's id as a place carries it. Ids longer than a place allows are cut: a switch's ports differ earlier.
pub(crate) fn port_id(port: &PortId) -> WireId {
    wire_id(port.subtype().code(), port.octets())
}

fn wire_id(kind: u8, octets: &[u8]) -> WireId {
    let subtype = if kind == CDP { 0 } else { kind };
    WireId { subtype, octets: octets.get(..ID_MAX).unwrap_or(octets).into() }
}

/// A switch's id in words.
pub(crate) fn switch_text(id: &WireId) -> String {
    let subtype = match id.subtype {
        0 => Some(ChassisSubtype::Cdp),
        0x82 => Some(ChassisSubtype::Edp),
        0x83 => Some(ChassisSubtype::Fdp),
        0x84 => Some(ChassisSubtype::Sonmp),
        number => ChassisSubtype::from_lldp(number),
    };
    text(subtype, &id.octets)
}

/// A port's id in words.
pub(crate) fn port_text(id: &WireId) -> String {
    let subtype = match id.subtype {
        0 => Some(PortSubtype::Cdp),
        0x82 => Some(PortSubtype::Edp),
        0x83 => Some(PortSubtype::Fdp),
        0x84 => Some(PortSubtype::Sonmp),
        number => PortSubtype::from_lldp(number),
    };
    text(subtype, &id.octets)
}

/// A switch without an id of its own is known by its name; an address follows after a NUL.
fn text<S: Subtype>(subtype: Option<S>, octets: &[u8]) -> String {
    let name = octets.split(|&octet| octet == 0).next().unwrap_or(octets);
    let id = subtype.and_then(|subtype| lldp_rs::Id::new(subtype, octets).ok());
    id.map_or_else(|| lldp_rs::Text::from(name).safe(), |id| id.text())
}

/// Switch and port in words, for the log.
pub(crate) fn attached_to(name: &str, switch: &WireId, port: &WireId) -> String {
    let switch = if name.is_empty() { switch_text(switch) } else { name.to_owned() };
    format!("{switch} {}", port_text(port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_cut_between_characters_and_lose_what_a_terminal_would_obey() {
        let cases =
            [("abc", 3, "abc"), ("abcd", 3, "abc"), ("a\u{1b}[b", 9, "a[b"), ("aé", 2, "a"), ("aé", 3, "aé")];
        for (text, max, want) in cases {
            assert_eq!(cut(text, max), want, "{text:?} at {max}");
        }
    }

    #[test]
    fn a_switch_without_an_id_of_its_own_is_shown_by_its_name() {
        let id = |subtype, octets: &[u8]| WireId { subtype, octets: octets.into() };
        let cases = [
            (id(4, &[2, 0, 0, 0, 1, 9]), "02:00:00:00:01:09"),
            (id(5, &[1, 10, 0, 0, 1]), "10.0.0.1"),
            (id(7, b"rack 7"), "rack 7"),
            (id(0, b"core1(SSI1)"), "core1(SSI1)"),
            (id(0x40, b"sw-cheap\0\x01\x0a\0\0\x01"), "sw-cheap"),
            (id(4, b"too long for a MAC"), "too long for a MAC"),
        ];
        for (id, want) in cases {
            assert_eq!(switch_text(&id), want, "{id:?}");
        }
    }
}
