//! Chassis and port ids: octets with the kind of thing they name.

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString};
use core::fmt;
use core::net::{Ipv4Addr, Ipv6Addr};

use crate::lldp::hex;
use crate::{Mac, octets, text};

/// What names a device: LLDP's chassis id (802.1AB 8.5.2), or another protocol's own kind of id.
pub type ChassisId = Id<ChassisSubtype>;

/// What names a port of a device: LLDP's port id (802.1AB 8.5.3), or another protocol's own kind.
pub type PortId = Id<PortSubtype>;

/// The kind of a chassis id. CDP's names are never passed off as an LLDP subtype: the two are joined
/// by evidence, not by spelling.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ChassisSubtype {
    /// LLDP 1: entPhysicalAlias of a chassis.
    ChassisComponent,
    /// LLDP 2: ifAlias.
    InterfaceAlias,
    /// LLDP 3: entPhysicalAlias of a port or backplane.
    PortComponent,
    /// LLDP 4: a MAC address, six octets.
    MacAddress,
    /// LLDP 5: an address family octet and an address.
    NetworkAddress,
    /// LLDP 6: ifName.
    InterfaceName,
    /// LLDP 7: whatever the sender chose.
    Local,
    /// CDP's device id.
    Cdp,
    /// EDP's machine MAC address.
    Edp,
    /// FDP's device id.
    Fdp,
    /// SONMP's IPv4 address.
    Sonmp,
}

/// The kind of a port id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PortSubtype {
    /// LLDP 1: ifAlias.
    InterfaceAlias,
    /// LLDP 2: entPhysicalAlias of a port or backplane.
    PortComponent,
    /// LLDP 3: a MAC address, six octets.
    MacAddress,
    /// LLDP 4: an address family octet and an address.
    NetworkAddress,
    /// LLDP 5: ifName.
    InterfaceName,
    /// LLDP 6: an agent circuit id (RFC 3046).
    AgentCircuitId,
    /// LLDP 7: whatever the sender chose.
    Local,
    /// CDP's port id, which some senders fill with the port's description.
    Cdp,
    /// EDP's slot and port, two numbers of two octets.
    Edp,
    /// FDP's port id.
    Fdp,
    /// SONMP's segment, three octets.
    Sonmp,
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::ChassisSubtype {}
    impl Sealed for super::PortSubtype {}
}

/// What [`Id`] asks of a subtype. Sealed: only [`ChassisSubtype`] and [`PortSubtype`] have it.
pub trait Subtype: sealed::Sealed + Copy + Ord + fmt::Debug {
    /// From LLDP's number, 1 to 7 (802.1AB tables 8-2 and 8-3).
    fn from_lldp(number: u8) -> Option<Self>;
    /// LLDP's number 1 to 7, or 0x81 CDP, 0x82 EDP, 0x83 FDP, 0x84 SONMP.
    fn code(self) -> u8;
    /// Whether the octets are a MAC address.
    fn is_mac(self) -> bool;
    /// Whether octets can be of this kind.
    fn fits(self, octets: &[u8]) -> bool;
    /// The spelling of octets that are not text, `None` for those that are.
    fn spell(self, octets: &[u8]) -> Option<String>;
}

impl Subtype for ChassisSubtype {
    fn from_lldp(number: u8) -> Option<Self> {
        Some(match number {
            1 => Self::ChassisComponent,
            2 => Self::InterfaceAlias,
            3 => Self::PortComponent,
            4 => Self::MacAddress,
            5 => Self::NetworkAddress,
            6 => Self::InterfaceName,
            7 => Self::Local,
            _ => return None,
        })
    }

    fn code(self) -> u8 {
        match self {
            Self::ChassisComponent => 1,
            Self::InterfaceAlias => 2,
            Self::PortComponent => 3,
            Self::MacAddress => 4,
            Self::NetworkAddress => 5,
            Self::InterfaceName => 6,
            Self::Local => 7,
            Self::Cdp => 0x81,
            Self::Edp => 0x82,
            Self::Fdp => 0x83,
            Self::Sonmp => 0x84,
        }
    }

    fn is_mac(self) -> bool {
        matches!(self, Self::MacAddress | Self::Edp)
    }

    fn fits(self, octets: &[u8]) -> bool {
        match self {
            Self::MacAddress | Self::Edp => octets.len() == 6,
            Self::NetworkAddress => is_network_address(octets),
            Self::Sonmp => octets.len() == 4,
            Self::ChassisComponent | Self::InterfaceAlias | Self::PortComponent => true,
            Self::InterfaceName | Self::Local | Self::Cdp | Self::Fdp => true,
        }
    }

    fn spell(self, octets: &[u8]) -> Option<String> {
        match self {
            Self::MacAddress | Self::Edp => mac_text(octets),
            Self::NetworkAddress => network_text(octets),
            Self::Sonmp => ip_text(1, octets),
            Self::ChassisComponent | Self::InterfaceAlias | Self::PortComponent => None,
            Self::InterfaceName | Self::Local | Self::Cdp | Self::Fdp => None,
        }
    }
}

impl Subtype for PortSubtype {
    fn from_lldp(number: u8) -> Option<Self> {
        Some(match number {
            1 => Self::InterfaceAlias,
            2 => Self::PortComponent,
            3 => Self::MacAddress,
            4 => Self::NetworkAddress,
            5 => Self::InterfaceName,
            6 => Self::AgentCircuitId,
            7 => Self::Local,
            _ => return None,
        })
    }

    fn code(self) -> u8 {
        match self {
            Self::InterfaceAlias => 1,
            Self::PortComponent => 2,
            Self::MacAddress => 3,
            Self::NetworkAddress => 4,
            Self::InterfaceName => 5,
            Self::AgentCircuitId => 6,
            Self::Local => 7,
            Self::Cdp => 0x81,
            Self::Edp => 0x82,
            Self::Fdp => 0x83,
            Self::Sonmp => 0x84,
        }
    }

    fn is_mac(self) -> bool {
        self == Self::MacAddress
    }

    fn fits(self, octets: &[u8]) -> bool {
        match self {
            Self::MacAddress => octets.len() == 6,
            Self::NetworkAddress => is_network_address(octets),
            Self::Edp => octets.len() == 4,
            Self::Sonmp => octets.len() == 3,
            Self::InterfaceAlias | Self::PortComponent | Self::InterfaceName => true,
            Self::AgentCircuitId | Self::Local | Self::Cdp | Self::Fdp => true,
        }
    }

    fn spell(self, octets: &[u8]) -> Option<String> {
        match self {
            Self::MacAddress => mac_text(octets),
            Self::NetworkAddress => network_text(octets),
            // Front panels count from 1.
            Self::Edp => {
                let number = |at| octets::be16(octets, at).map(|n| u32::from(n) + 1);
                Some(format!("{}:{}", number(0)?, number(2)?))
            }
            Self::Sonmp => Some(hex(octets, "")),
            Self::InterfaceAlias | Self::PortComponent | Self::InterfaceName => None,
            Self::AgentCircuitId | Self::Local | Self::Cdp | Self::Fdp => None,
        }
    }
}

/// A sound id: 1 to 255 octets, as many as a MAC or IP address has when it is one.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id<S> {
    subtype: S,
    octets: Box<[u8]>,
}

/// Octets that cannot be an id of that subtype: empty, over 255, or an address of a wrong length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IdError;

impl fmt::Display for IdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an id has 1 to 255 octets, an address its proper length")
    }
}

impl core::error::Error for IdError {}

impl<S: Subtype> Id<S> {
    /// The only way in: an `Id` in hand is a sound one.
    pub fn new(subtype: S, octets: &[u8]) -> Result<Self, IdError> {
        if !fits(subtype, octets) {
            return Err(IdError);
        }
        Ok(Self { subtype, octets: octets.into() })
    }

    /// What the octets are.
    pub fn subtype(&self) -> S {
        self.subtype
    }

    /// The octets without the subtype, as sent.
    pub fn octets(&self) -> &[u8] {
        &self.octets
    }

    /// The MAC address, if the subtype says that the octets are one.
    pub fn mac(&self) -> Option<Mac> {
        self.subtype.is_mac().then(|| octets::array(&self.octets, 0).map(Mac)).flatten()
    }

    /// Text for people, safe to log: an address in its usual spelling, else the octets as text.
    pub fn text(&self) -> String {
        self.subtype.spell(&self.octets).unwrap_or_else(|| text::safe(&self.octets))
    }

    /// As [`Id::text`], but control characters stay: for encodings that escape them.
    pub fn lossy(&self) -> Cow<'_, str> {
        self.subtype.spell(&self.octets).map_or_else(|| text::lossy(&self.octets), Cow::Owned)
    }
}

impl<S: Subtype> fmt::Display for Id<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text())
    }
}

impl<S: Subtype> fmt::Debug for Id<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}({:?})", self.subtype, self.lossy())
    }
}

/// Whether `octets` can be an id of this subtype (802.1AB 8.5.2.3, 8.5.3.3).
pub(crate) fn fits<S: Subtype>(subtype: S, octets: &[u8]) -> bool {
    fits_length(octets) && subtype.fits(octets)
}

/// Whether so many octets can be an id of any subtype.
pub(crate) fn fits_length(octets: &[u8]) -> bool {
    (1..=255).contains(&octets.len())
}

/// A family octet and an address as long as the family has them.
fn is_network_address(octets: &[u8]) -> bool {
    match octets {
        [1, address @ ..] => address.len() == 4,
        [2, address @ ..] => address.len() == 16,
        [_, address @ ..] => !address.is_empty(),
        [] => false,
    }
}

fn mac_text(octets: &[u8]) -> Option<String> {
    octets.try_into().ok().map(|mac| Mac(mac).to_string())
}

/// By length alone: a family nobody knows is no reason to print an address as garbage.
fn network_text(octets: &[u8]) -> Option<String> {
    let (_, address) = octets.split_first()?;
    ip_text(1, address).or_else(|| ip_text(2, address))
}

/// An IP address in its usual spelling; the family is IANA's: 1 IPv4, 2 IPv6.
pub(crate) fn ip_text(family: u8, address: &[u8]) -> Option<String> {
    match family {
        1 => <[u8; 4]>::try_from(address).ok().map(|ip| Ipv4Addr::from(ip).to_string()),
        2 => <[u8; 16]>::try_from(address).ok().map(|ip| Ipv6Addr::from(ip).to_string()),
        _ => None,
    }
}
