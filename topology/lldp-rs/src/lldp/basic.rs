//! Fields of the basic TLV set that are more than text.

use alloc::boxed::Box;
use alloc::string::String;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::DefectKind;
use crate::id::ip_text;
use crate::octets::{be16, be32, part};

/// A set of system capabilities (802.1AB table 8-4), one bit each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct CapabilitySet(pub u16);

impl CapabilitySet {
    /// Something the table has no name for.
    pub const OTHER: Self = Self(1);
    /// Repeats frames.
    pub const REPEATER: Self = Self(1 << 1);
    /// Bridges: a switch.
    pub const BRIDGE: Self = Self(1 << 2);
    /// A wireless access point.
    pub const WLAN_ACCESS_POINT: Self = Self(1 << 3);
    /// Routes.
    pub const ROUTER: Self = Self(1 << 4);
    /// A telephone.
    pub const TELEPHONE: Self = Self(1 << 5);
    /// A DOCSIS cable device.
    pub const DOCSIS: Self = Self(1 << 6);
    /// An end station and nothing else.
    pub const STATION_ONLY: Self = Self(1 << 7);
    /// A C-VLAN component of a bridge.
    pub const C_VLAN: Self = Self(1 << 8);
    /// An S-VLAN component of a bridge.
    pub const S_VLAN: Self = Self(1 << 9);
    /// A two-port MAC relay.
    pub const TWO_PORT_MAC_RELAY: Self = Self(1 << 10);

    /// The capabilities in either.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether any capability of `other` is in this set.
    pub const fn intersects(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}

/// What the neighbour can do and what it does (802.1AB 8.5.8).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Capabilities {
    /// What it can do.
    pub available: CapabilitySet,
    /// What is switched on. Should be within `available`; some senders do not care.
    pub enabled: CapabilitySet,
}

impl Capabilities {
    pub(crate) fn decode(value: &[u8]) -> Result<Self, DefectKind> {
        let field = |at| be16(value, at).map(CapabilitySet).ok_or(DefectKind::Length);
        Ok(Self { available: field(0)?, enabled: field(2)? })
    }
}

/// How a management address numbers the interface (802.1AB 8.5.9.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Numbering {
    /// 1: the number means nothing.
    Unknown,
    /// 2: an ifIndex of the neighbour.
    IfIndex,
    /// 3: a system port number.
    SystemPort,
    /// Any other number, as sent.
    Reserved(u8),
}

impl Numbering {
    /// From the number on the wire; never `Reserved` of 1, 2 or 3.
    pub fn from_code(code: u8) -> Self {
        match code {
            1 => Self::Unknown,
            2 => Self::IfIndex,
            3 => Self::SystemPort,
            _ => Self::Reserved(code),
        }
    }

    /// The number on the wire.
    pub fn code(self) -> u8 {
        match self {
            Self::Unknown => 1,
            Self::IfIndex => 2,
            Self::SystemPort => 3,
            Self::Reserved(code) => code,
        }
    }
}

/// An address the neighbour can be managed at (802.1AB 8.5.9).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ManagementAddress {
    /// IANA address family: 1 IPv4, 2 IPv6, 6 a MAC address.
    pub family: u8,
    /// The address, 1 to 31 octets when it is sound.
    pub octets: Box<[u8]>,
    /// What `interface` counts.
    pub numbering: Numbering,
    /// The neighbour's number of the interface the address belongs to.
    pub interface: u32,
    /// An ASN.1 object identifier without tag and length, at most 128 octets, often empty.
    pub oid: Box<[u8]>,
}

impl ManagementAddress {
    /// The longest address (802.1AB 8.5.9.4). A longer one is kept, and is a defect.
    pub const OCTETS_MAX: usize = 31;
    /// The longest object identifier (802.1AB 8.5.9.8).
    pub const OID_MAX: usize = 128;

    /// An IPv4 address of the interface with this number.
    pub fn ipv4(address: Ipv4Addr, numbering: Numbering, interface: u32) -> Self {
        Self { family: 1, octets: address.octets().into(), numbering, interface, oid: Box::default() }
    }

    /// An IPv6 address of the interface with this number.
    pub fn ipv6(address: Ipv6Addr, numbering: Numbering, interface: u32) -> Self {
        Self { family: 2, octets: address.octets().into(), numbering, interface, oid: Box::default() }
    }

    /// The address in its usual spelling; hex octets for families without one.
    pub fn text(&self) -> String {
        let separator = if self.family == 6 { ":" } else { "" };
        ip_text(self.family, &self.octets).unwrap_or_else(|| hex(&self.octets, separator))
    }

    /// The address, if it is an IP address.
    pub fn ip(&self) -> Option<IpAddr> {
        match self.family {
            1 => <[u8; 4]>::try_from(&*self.octets).ok().map(IpAddr::from),
            2 => <[u8; 16]>::try_from(&*self.octets).ok().map(IpAddr::from),
            _ => None,
        }
    }

    /// The address, and what is wrong with a TLV that still holds one.
    pub(crate) fn decode(value: &[u8]) -> Result<(Self, Result<(), DefectKind>), DefectKind> {
        let length = usize::from(*value.first().ok_or(DefectKind::Length)?);
        if length < 2 {
            return Err(DefectKind::Length);
        }
        let (family, octets) =
            part(value, 1, length).and_then(<[u8]>::split_first).ok_or(DefectKind::InnerLength)?;
        let numbering = value.get(1 + length).ok_or(DefectKind::InnerLength)?;
        let interface = be32(value, 2 + length).ok_or(DefectKind::InnerLength)?;
        let oid_length = usize::from(*value.get(6 + length).ok_or(DefectKind::InnerLength)?);
        let oid = part(value, 7 + length, oid_length);
        let soundness = match oid {
            None => Err(DefectKind::InnerLength),
            Some(oid) if octets.len() > Self::OCTETS_MAX || oid.len() > Self::OID_MAX => {
                Err(DefectKind::Length)
            }
            Some(_) => Ok(()),
        };
        let address = Self {
            family: *family,
            octets: octets.into(),
            numbering: Numbering::from_code(*numbering),
            interface,
            oid: oid.unwrap_or_default().into(),
        };
        Ok((address, soundness))
    }
}

pub(crate) fn hex(octets: &[u8], separator: &str) -> String {
    let mut text = String::with_capacity(octets.len() * (2 + separator.len()));
    let digit = |value: u8| char::from_digit(value.into(), 16).unwrap_or('?');
    for (at, octet) in octets.iter().enumerate() {
        text.push_str(if at == 0 { "" } else { separator });
        text.extend([digit(octet >> 4), digit(octet & 15)]);
    }
    text
}
