//! Addresses in CDP's own encoding.

use alloc::boxed::Box;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::DefectKind;
use crate::id::ip_text;
use crate::lldp::hex;
use crate::octets::{be16, be32, part};

const NLPID: u8 = 1;
const NLPID_IPV4: &[u8] = &[0xcc];
const LLC: u8 = 2;
const LLC_IPV6: &[u8] = &[0xaa, 0xaa, 0x03, 0x00, 0x00, 0x00, 0x86, 0xdd];

/// One address.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum CdpAddress {
    /// NLPID 0xcc, four octets.
    Ipv4(Ipv4Addr),
    /// SNAP EtherType 0x86dd, sixteen octets.
    Ipv6(Ipv6Addr),
    /// Anything else, as sent.
    Other {
        /// 1: the protocol is an NLPID. 2: an LLC header.
        protocol_type: u8,
        /// The protocol, at most 255 octets.
        protocol: Box<[u8]>,
        /// The address.
        octets: Box<[u8]>,
    },
}

impl CdpAddress {
    /// The address, if it is an IP address.
    pub fn ip(&self) -> Option<IpAddr> {
        match self {
            Self::Ipv4(address) => Some((*address).into()),
            Self::Ipv6(address) => Some((*address).into()),
            Self::Other { .. } => None,
        }
    }

    /// The usual spelling of an IP address; hex octets for others.
    pub fn text(&self) -> String {
        match self {
            Self::Ipv4(address) => address.to_string(),
            Self::Ipv6(address) => address.to_string(),
            // Some senders number the protocol wrong; what the protocol octets say is clear all the same.
            Self::Other { protocol, octets, .. } if matches!(&**protocol, NLPID_IPV4 | LLC_IPV6) => {
                ip_text(1, octets).or_else(|| ip_text(2, octets)).unwrap_or_else(|| hex(octets, ""))
            }
            Self::Other { octets, .. } => hex(octets, ""),
        }
    }

    pub(crate) fn parts(&self) -> (u8, &[u8], Vec<u8>) {
        match self {
            Self::Ipv4(address) => (NLPID, NLPID_IPV4, address.octets().to_vec()),
            Self::Ipv6(address) => (LLC, LLC_IPV6, address.octets().to_vec()),
            Self::Other { protocol_type, protocol, octets } => (*protocol_type, protocol, octets.to_vec()),
        }
    }

    fn new(protocol_type: u8, protocol: &[u8], octets: &[u8]) -> Self {
        if let (NLPID, NLPID_IPV4, Ok(ip)) = (protocol_type, protocol, <[u8; 4]>::try_from(octets)) {
            return Self::Ipv4(ip.into());
        }
        if let (LLC, LLC_IPV6, Ok(ip)) = (protocol_type, protocol, <[u8; 16]>::try_from(octets)) {
            return Self::Ipv6(ip.into());
        }
        Self::Other { protocol_type, protocol: protocol.into(), octets: octets.into() }
    }
}

/// The addresses that are there, and whether as many were announced: the count is the sender's word
/// and sizes nothing here.
pub(crate) fn decode(value: &[u8]) -> (Vec<CdpAddress>, Result<(), DefectKind>) {
    let Some(announced) = be32(value, 0) else {
        return (Vec::new(), Err(DefectKind::Length));
    };
    let mut addresses = Vec::new();
    let mut at = 4;
    while (addresses.len() as u64) < u64::from(announced) {
        let Some((address, length)) = one(value, at) else {
            return (addresses, Err(DefectKind::InnerLength));
        };
        addresses.push(address);
        at += length;
    }
    (addresses, Ok(()))
}

/// The address at `at` and how many octets it takes; at least four, so a walk always ends.
fn one(value: &[u8], at: usize) -> Option<(CdpAddress, usize)> {
    let (protocol_type, protocol_length) = (*value.get(at)?, usize::from(*value.get(at + 1)?));
    let protocol = part(value, at + 2, protocol_length)?;
    let length = usize::from(be16(value, at + 2 + protocol_length)?);
    let octets = part(value, at + 4 + protocol_length, length)?;
    Some((CdpAddress::new(protocol_type, protocol, octets), 4 + protocol_length + length))
}
