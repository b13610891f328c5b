//! A decoded LLDP announcement.

use alloc::boxed::Box;
use alloc::vec::Vec;

use crate::{Capabilities, ChassisId, Defect, Dot1, Dot3, ManagementAddress, Med, PortId, Text};

/// What an LLDPDU said. Absent TLVs are `None` or empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lldp {
    /// The device.
    pub chassis: ChassisId,
    /// The device's port that sent this.
    pub port: PortId,
    /// Seconds to believe this; 0 is a shutdown: forget the neighbour now.
    pub ttl_s: u16,
    /// Port description (802.1AB 8.5.5).
    pub port_description: Option<Text>,
    /// System name (802.1AB 8.5.6).
    pub system_name: Option<Text>,
    /// System description (802.1AB 8.5.7).
    pub system_description: Option<Text>,
    /// System capabilities (802.1AB 8.5.8).
    pub capabilities: Option<Capabilities>,
    /// Management addresses in the order sent (802.1AB 8.5.9).
    pub management: Vec<ManagementAddress>,
    /// IEEE 802.1 TLVs.
    pub dot1: Dot1,
    /// IEEE 802.3 TLVs.
    pub dot3: Dot3,
    /// Media endpoint TLVs.
    pub med: Med,
    /// TLVs this crate does not interpret, at most [`Lldp::UNKNOWN_MAX`].
    pub unknown: Vec<UnknownTlv>,
    /// What was wrong with the optional part.
    pub defects: Vec<Defect>,
}

impl Lldp {
    /// How many unknown TLVs are kept.
    pub const UNKNOWN_MAX: usize = 128;

    /// An announcement with the mandatory part only.
    pub fn new(chassis: ChassisId, port: PortId, ttl_s: u16) -> Self {
        Self {
            chassis,
            port,
            ttl_s,
            port_description: None,
            system_name: None,
            system_description: None,
            capabilities: None,
            management: Vec::new(),
            dot1: Dot1::default(),
            dot3: Dot3::default(),
            med: Med::default(),
            unknown: Vec::new(),
            defects: Vec::new(),
        }
    }

    /// The announcement of departure: TTL 0 and nothing but the mandatory TLVs.
    pub fn shutdown(chassis: ChassisId, port: PortId) -> Self {
        Self::new(chassis, port, 0)
    }
}

/// A TLV kept as it came.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum UnknownTlv {
    /// A reserved type, 9 to 126.
    Reserved {
        /// The type.
        kind: u8,
        /// Contents.
        octets: Box<[u8]>,
    },
    /// Organisationally specific (802.1AB 8.6) of an organisation or subtype not interpreted here.
    Organisation {
        /// Whose.
        oui: [u8; 3],
        /// Which of theirs.
        subtype: u8,
        /// Contents after the subtype.
        octets: Box<[u8]>,
    },
}
