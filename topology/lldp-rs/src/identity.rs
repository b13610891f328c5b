//! Which switch a neighbour is, in a form that is the same seen from every host.
//!
//! A switch is named by its chassis id, never by its name: names repeat (stacks, MLAG pairs, factory
//! defaults). The exceptions are senders whose chassis id is no chassis id.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::net::IpAddr;

use crate::id::Subtype;
use crate::{
    Announcement, ChassisId, ChassisSubtype, Heard, Lldp, Mac, ManagementAddress, PortSubtype, Text, lldp,
    text,
};

/// A switch, as octets fit for a map key: one octet of kind, then the id; at most 64 together.
///
/// The kind is that of [`Subtype::code`], or 0x40 for a name and a management address.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SwitchKey(Box<[u8]>);

/// Kind octet of a switch known by its name and management address.
const BY_NAME: u8 = 0x40;

impl SwitchKey {
    /// The longest key.
    pub const OCTETS_MAX: usize = 64;

    /// The key's octets.
    pub fn octets(&self) -> &[u8] {
        &self.0
    }

    /// A key made before, for instance read from a message; `None` when no key looks like that.
    pub fn from_octets(octets: &[u8]) -> Option<Self> {
        (2..=Self::OCTETS_MAX).contains(&octets.len()).then(|| Self(octets.into()))
    }

    /// The key of a chassis id, whatever sort of sender it came from. MAC addresses written as text
    /// give the same key as the address.
    pub fn of_chassis(chassis: &ChassisId) -> Self {
        let spelled = match chassis.subtype() {
            ChassisSubtype::MacAddress | ChassisSubtype::Edp => chassis.mac(),
            ChassisSubtype::NetworkAddress | ChassisSubtype::Sonmp => None,
            ChassisSubtype::ChassisComponent
            | ChassisSubtype::InterfaceAlias
            | ChassisSubtype::PortComponent
            | ChassisSubtype::InterfaceName
            | ChassisSubtype::Local
            | ChassisSubtype::Cdp
            | ChassisSubtype::Fdp => Mac::from_text(chassis.octets()),
        };
        match spelled {
            Some(mac) => Self::new(ChassisSubtype::MacAddress.code(), &mac.0),
            None => Self::new(chassis.subtype().code(), chassis.octets()),
        }
    }

    fn new(kind: u8, id: &[u8]) -> Self {
        let mut octets = Vec::from([kind]);
        if id.len() < Self::OCTETS_MAX {
            octets.extend_from_slice(id);
        } else {
            // Long ids differ anywhere, so the cut-off part leaves its digest.
            octets.extend(id.iter().take(Self::OCTETS_MAX - 9));
            octets.extend(fnv1a(id).to_be_bytes());
        }
        Self(octets.into())
    }
}

impl fmt::Debug for SwitchKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&lldp::hex(&self.0, ""))
    }
}

/// What a switch's key rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Basis {
    /// Its chassis id.
    Chassis,
    /// Its system name and first management address: the chassis id names a port only.
    NameAndAddress,
}

/// Who a neighbour is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SwitchIdentity {
    /// The switch.
    pub switch: SwitchKey,
    /// What `switch` rests on.
    pub basis: Basis,
    /// The key of the chassis id as sent. Differs from `switch` for a [`Basis::NameAndAddress`]; whoever
    /// sees many ports may then find that this chassis is another port's switch after all.
    pub chassis: SwitchKey,
    /// Member of a stack, line card or fabric extender: the first number of a port like `Gi2/0/5`. It
    /// fails alone, so it is a failure domain inside the switch.
    pub module: Option<u16>,
    /// The name without domain and serial number, lower case: what CDP and LLDP agree on.
    pub name: Option<String>,
}

impl SwitchIdentity {
    /// Who sent this; `None` when it names no chassis.
    pub fn of(heard: &Heard) -> Option<Self> {
        let announcement = &heard.announcement;
        let chassis = SwitchKey::of_chassis(&announcement.chassis()?);
        let by_name = match announcement {
            Announcement::Lldp(lldp) if names_its_port_only(heard.source, lldp) => name_and_address(lldp),
            Announcement::Lldp(_) | Announcement::Cdp(_) | Announcement::Edp(_) => None,
            Announcement::Fdp(_) | Announcement::Sonmp(_) => None,
        };
        let basis = if by_name.is_some() { Basis::NameAndAddress } else { Basis::Chassis };
        let switch = by_name.unwrap_or_else(|| chassis.clone());
        let name = announcement.system_name().and_then(short_name);
        Some(Self { switch, basis, chassis, module: module_of(announcement), name })
    }
}

/// Cheap switches and some network cards give each port its own MAC address as chassis id.
fn names_its_port_only(source: Mac, lldp: &Lldp) -> bool {
    lldp.chassis.mac() == Some(source)
        && lldp.port.subtype() == PortSubtype::MacAddress
        && lldp.port.mac() == Some(source)
}

/// Both, because a factory-default name alone would merge every switch of a model.
fn name_and_address(lldp: &Lldp) -> Option<SwitchKey> {
    let name = lldp.system_name.as_ref().filter(|name| !name.octets().is_empty())?;
    let address = lldp.management.iter().find(|address| !is_link_local(address))?;
    Some(SwitchKey::new(BY_NAME, &[name.octets(), &[0, address.family], &address.octets].concat()))
}

/// Link-local addresses and MAC addresses belong to one port again.
fn is_link_local(address: &ManagementAddress) -> bool {
    match address.ip() {
        Some(IpAddr::V4(ip)) => ip.is_link_local() || ip.is_unspecified(),
        Some(IpAddr::V6(ip)) => ip.is_unicast_link_local() || ip.is_unspecified(),
        None => true,
    }
}

/// The name up to its domain and serial number, lower case: `Core1.example.net` and `core1(SSI123)` are
/// both `core1`. An address is no name with a domain, so it stays whole.
pub(crate) fn short_name(name: &Text) -> Option<String> {
    let whole = text::safe(name.octets()).to_ascii_lowercase();
    let unnumbered = whole.split_once('(').map_or(&*whole, |(name, _)| name);
    let short = match unnumbered.parse::<IpAddr>() {
        Ok(_) => unnumbered,
        Err(_) => unnumbered.split_once('.').map_or(unnumbered, |(name, _)| name),
    };
    (!short.trim().is_empty()).then(|| short.trim().into())
}

fn module_of(announcement: &Announcement) -> Option<u16> {
    let port = announcement.port().and_then(|port| module(&port.text()));
    // Some send a bare number as port id and the interface's name as its description.
    port.or_else(|| match announcement {
        Announcement::Lldp(lldp) => module(&lldp.port_description.as_ref()?.safe()),
        Announcement::Cdp(_) | Announcement::Edp(_) | Announcement::Fdp(_) | Announcement::Sonmp(_) => None,
    })
}

/// The first number of three or more in a port name such as `Eth110/1/13`, `Gi2/0/5` or `xe-0/0/13.0`.
/// Two numbers do not tell a member from a port group.
fn module(port: &str) -> Option<u16> {
    let numbers = port.trim_start_matches(|c: char| c.is_ascii_alphabetic() || c == '-' || c == ' ');
    let (numbers, subinterface) = numbers.split_once(['.', ':']).unwrap_or((numbers, "0"));
    let mut parts = numbers.split('/');
    let first = parts.next()?.parse().ok()?;
    let rest = parts.map(|part| part.parse::<u16>().ok()).chain([subinterface.parse().ok()]);
    let count = rest.clone().count();
    (count >= 3 && rest.flatten().count() == count).then_some(first)
}

fn fnv1a(octets: &[u8]) -> u64 {
    let step = |hash: u64, octet: &u8| (hash ^ u64::from(*octet)).wrapping_mul(0x0000_0100_0000_01b3);
    octets.iter().fold(0xcbf2_9ce4_8422_2325, step)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Cdp, Numbering, PortId};

    const MAC: Mac = Mac([2, 0, 0, 0, 0, 7]);

    fn chassis(subtype: ChassisSubtype, octets: &[u8]) -> ChassisId {
        ChassisId::new(subtype, octets).expect("sound")
    }

    fn per_port(mac: Mac, name: &str, address: &[u8]) -> Heard {
        let port = PortId::new(PortSubtype::MacAddress, &mac.0).expect("sound");
        let mut lldp = Lldp::new(chassis(ChassisSubtype::MacAddress, &mac.0), port, 120);
        lldp.system_name = Some(name.into());
        lldp.management.push(ManagementAddress {
            family: 1,
            octets: address.into(),
            numbering: Numbering::IfIndex,
            interface: 1,
            oid: Box::default(),
        });
        Heard::lldp(mac, lldp)
    }

    #[test]
    fn a_mac_address_gives_one_key_however_it_is_spelled() {
        let want = SwitchKey::new(4, &MAC.0);
        let spellings: &[(ChassisSubtype, &[u8])] = &[
            (ChassisSubtype::MacAddress, &MAC.0),
            (ChassisSubtype::Local, b"0200.0000.0007"),
            (ChassisSubtype::Cdp, b"020000000007"),
            (ChassisSubtype::Edp, &MAC.0),
        ];
        for (subtype, octets) in spellings {
            assert_eq!(SwitchKey::of_chassis(&chassis(*subtype, octets)), want, "{subtype:?}");
        }
        assert_ne!(SwitchKey::of_chassis(&chassis(ChassisSubtype::Local, b"leaf7")), want);
    }

    #[test]
    fn keys_are_short_and_long_ids_still_differ() {
        let (a, b) = ([b'x'; 255], [[b'x'; 254].as_slice(), b"y"].concat());
        let keys = [&a[..], &b].map(|id| SwitchKey::of_chassis(&chassis(ChassisSubtype::Local, id)));
        assert_ne!(keys[0], keys[1]);
        assert!(keys.iter().all(|key| key.octets().len() == SwitchKey::OCTETS_MAX));
    }

    #[test]
    fn ports_that_pose_as_chassis_are_merged_by_name_and_address() {
        let of = |last, name, address: &[u8]| {
            let mac = Mac([2, 0, 0, 0, 0, last]);
            SwitchIdentity::of(&per_port(mac, name, address)).expect("named")
        };
        let (one, two) = (of(1, "cheap", &[10, 0, 0, 1]), of(2, "cheap", &[10, 0, 0, 1]));
        assert_eq!((one.switch.clone(), one.basis), (two.switch, Basis::NameAndAddress));
        assert_ne!(one.chassis, two.chassis);
        assert_ne!(one.switch, of(3, "cheap", &[10, 0, 0, 2]).switch, "same default name, other switch");
        let lone = of(4, "cheap", &[169, 254, 0, 1]);
        assert_eq!(
            (lone.switch, lone.basis),
            (lone.chassis, Basis::Chassis),
            "a link-local address is a port's"
        );
    }

    #[test]
    fn a_chassis_that_happens_to_send_from_its_own_address_stays_a_chassis() {
        let mut heard = per_port(MAC, "leaf1", &[10, 0, 0, 1]);
        let port = PortId::new(PortSubtype::InterfaceName, b"swp1").expect("sound");
        heard.announcement =
            Announcement::Lldp(Lldp::new(chassis(ChassisSubtype::MacAddress, &MAC.0), port, 120));
        assert_eq!(SwitchIdentity::of(&heard).map(|identity| identity.basis), Some(Basis::Chassis));
    }

    #[test]
    fn a_host_that_names_itself_by_its_first_port_stays_a_chassis_on_the_others() {
        let mut heard = per_port(MAC, "leaf1", &[10, 0, 0, 1]);
        let second = PortId::new(PortSubtype::MacAddress, &[2, 0, 0, 0, 0, 8]).expect("sound");
        if let Announcement::Lldp(lldp) = &mut heard.announcement {
            lldp.port = second;
        }
        assert_eq!(SwitchIdentity::of(&heard).map(|identity| identity.basis), Some(Basis::Chassis));
    }

    #[test]
    fn module_is_the_first_of_three_numbers() {
        let cases: &[(&str, Option<u16>)] = &[
            ("2/0/5", Some(2)),
            ("GigabitEthernet1/0/13", Some(1)),
            ("Eth110/1/13", Some(110)),
            ("xe-0/0/13.0", Some(0)),
            ("FastEthernet 3/0/1:2", Some(3)),
            ("Ethernet1/3", None),
            ("swp10", None),
            ("1:33", None),
            ("2/0/5 spare", None),
            ("to rack 7", None),
            ("", None),
        ];
        for (port, want) in cases {
            assert_eq!(module(port), *want, "{port}");
        }
    }

    #[test]
    fn names_lose_domain_and_serial_number_but_addresses_stay_whole() {
        let cases: &[(&str, Option<&str>)] = &[
            ("Core1.example.net", Some("core1")),
            ("core1(SSI15420A2B)", Some("core1")),
            ("core1.example.net(SSI1)", Some("core1")),
            ("10.0.0.1", Some("10.0.0.1")),
            ("", None),
            ("(only)", None),
        ];
        for (name, want) in cases {
            assert_eq!(short_name(&Text::from(*name)).as_deref(), *want, "{name}");
        }
        let heard = Heard::cdp(MAC, Cdp::new("core1(SSI1)", "Eth1/1", 180));
        let identity = SwitchIdentity::of(&heard).expect("named");
        assert_eq!(identity.name.as_deref(), Some("core1"));
        assert_eq!(identity.switch.octets(), b"\x81core1(SSI1)", "the serial number tells namesakes apart");
    }
}
