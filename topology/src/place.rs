//! Places: what one network port of a host hangs on, and how that is known.
//!
//! A host has one [`Place`] for each physical port it can be reached by. A place is told whole each time:
//! whoever hears the newest one needs no history.

use core::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::id::MacAddress;

/// An identifier as its protocol gave it: octets with their subtype. Text is derived, never compared.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct WireId {
    /// LLDP: the subtype of 802.1AB 8.5.2.2 and 8.5.3.2 (1 to 7); 0 for an identifier that came by CDP.
    pub subtype: u8,
    /// The octets after the subtype, at most 255.
    pub octets: Box<[u8]>,
}

/// How an attachment is known, best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Evidence {
    /// An LLDP frame within its TTL.
    Lldp,
    /// A CDP frame within its TTL.
    Cdp,
    /// Remembered from before a restart or a carrier bounce: provisional.
    Cache,
}

impl Evidence {
    /// The word used in every output.
    pub fn word(self) -> &'static str {
        match self {
            Self::Lldp => "lldp",
            Self::Cdp => "cdp",
            Self::Cache => "cache",
        }
    }
}

/// A port of a switch, as that switch announced it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Attachment {
    /// The switch: its chassis id, normalised by the identity resolver.
    pub switch: WireId,
    /// Its port.
    pub port: WireId,
    /// The system name it announced; made printable, at most 63 octets; empty if it gave none.
    pub switch_name: Box<str>,
    /// How this is known.
    pub evidence: Evidence,
}

/// The bond that a place's address stands on: one address, several ports. What is said of it is said from the
/// port of its [`Place`], which stands for the address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bond {
    /// Its name on that host, at most 15 octets.
    pub ifname: Box<str>,
    /// Its mode as the kernel names it, like `active-backup`.
    pub mode: Box<str>,
    /// How the place's own port stands in it.
    pub role: BondRole,
    /// Its other ports, lowest first.
    pub mates: Vec<BondMate>,
}

/// How a port stands in its bond.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BondRole {
    /// It carries the bond's traffic.
    pub active: bool,
    /// The system id of the LACP partner on that port (802.1AX 6.4.2.3, Partner_Admin_System and what replaces
    /// it); one id behind two chassis is an MLAG pair.
    pub partner: Option<MacAddress>,
}

/// A port of a bond that does not stand for its address, and what it hangs on: watched, never sent by alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BondMate {
    /// The kernel's number of the physical port on that host.
    pub ifindex: u32,
    /// Its name there, at most 15 octets.
    pub ifname: Box<str>,
    /// Its Ethernet address; a bond gives its ports one. `None` if it was not told.
    pub mac: Option<MacAddress>,
    /// Whether the port has carrier.
    pub carrier: bool,
    /// How it stands in the bond.
    pub role: BondRole,
    /// The switch port behind it, if one made itself known.
    pub attachment: Option<Attachment>,
}

/// One way to reach a host: a physical port, the address above it, and what it hangs on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// The kernel's number of the physical port on that host.
    pub ifindex: u32,
    /// Its name there, at most 15 octets.
    pub ifname: Box<str>,
    /// Its Ethernet address. `None` if it was not told.
    pub mac: Option<MacAddress>,
    /// Whether the port has carrier.
    pub carrier: bool,
    /// The address to send beats to: that of the port, or of the bond, bridge or VLAN above it.
    pub address: IpAddr,
    /// Length of the on-link prefix of that address.
    pub prefix_len: u8,
    /// The default gateway of that port: part of the key of a fallback ring. Zero while unknown.
    pub gateway: MacAddress,
    /// The switch port behind it, if one made itself known.
    pub attachment: Option<Attachment>,
    /// Why there is no attachment by LLDP or CDP, in words for an operator; empty where there is one.
    pub reason: Box<str>,
    /// The bond the port belongs to, with its other ports. Few have one.
    pub bond: Option<Box<Bond>>,
}

impl Place {
    /// The on-link prefix: the address with its host bits cleared.
    pub fn prefix(&self) -> IpAddr {
        match self.address {
            IpAddr::V4(address) => {
                let keep = u32::MAX.checked_shl(32 - u32::from(self.prefix_len.min(32))).unwrap_or(0);
                IpAddr::V4((u32::from(address) & keep).into())
            }
            IpAddr::V6(address) => {
                let keep = u128::MAX.checked_shl(128 - u32::from(self.prefix_len.min(128))).unwrap_or(0);
                IpAddr::V6((u128::from(address) & keep).into())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(address: &str, prefix_len: u8) -> Place {
        Place {
            ifindex: 2,
            ifname: "eth0".into(),
            mac: None,
            carrier: true,
            address: address.parse().expect("a literal"),
            prefix_len,
            gateway: MacAddress::default(),
            attachment: None,
            reason: "".into(),
            bond: None,
        }
    }

    #[test]
    fn a_prefix_keeps_the_network_bits_and_any_length_is_survived() {
        let cases = [
            ("10.1.20.77", 24, "10.1.20.0"),
            ("10.1.20.77", 0, "0.0.0.0"),
            ("10.1.20.77", 32, "10.1.20.77"),
            ("10.1.20.77", 200, "10.1.20.77"),
            ("fd00::1:2", 64, "fd00::"),
            ("fd00::1:2", 0, "::"),
        ];
        for (address, length, want) in cases {
            assert_eq!(place(address, length).prefix().to_string(), want, "{address}/{length}");
        }
    }
}
