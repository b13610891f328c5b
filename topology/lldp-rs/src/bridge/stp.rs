//! Spanning tree: the header that STP, RSTP and MSTP share (IEEE 802.1D, 802.1Q clause 14).

use crate::link::Payload;
use crate::octets::{array, be16, be32};
use crate::{Link, Mac, Reject};

const LLC_STP: [u8; 3] = [0x42, 0x42, 0x03];
const PVST: Mac = Mac([0x01, 0x00, 0x0c, 0xcc, 0xcc, 0xcd]);
const CONFIGURATION: u8 = 0x00;
const RAPID: u8 = 0x02;
const TOPOLOGY_CHANGE: u8 = 0x80;

/// One BPDU: who the sender is and who it believes to be the root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stp {
    /// The port that sent it.
    pub source: Mac,
    /// 0 STP, 2 RSTP, 3 MSTP.
    pub version: u8,
    /// Flag octet: bit 0 topology change, bit 7 its acknowledgement; RSTP has the port's role between.
    pub flags: u8,
    /// The root of the tree.
    pub root: BridgeId,
    /// Cost from the sender to the root.
    pub root_cost: u32,
    /// The sender.
    pub bridge: BridgeId,
    /// The sender's port: priority and number.
    pub port: u16,
    /// How often it sends, in 1/256 s.
    pub hello_time: u16,
}

/// A bridge in the spanning tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BridgeId {
    /// Priority (4 bits) and system id extension (12 bits), usually a VLAN.
    pub priority: u16,
    /// The bridge's address.
    pub address: Mac,
}

impl BridgeId {
    fn at(body: &[u8], at: usize) -> Option<Self> {
        Some(Self { priority: be16(body, at)?, address: Mac(array(body, at + 2)?) })
    }
}

impl Stp {
    /// Decodes a frame, of the standard's trees or of Cisco's per-VLAN ones.
    ///
    /// # Errors
    /// [`Reject::Foreign`] for everything but spanning tree; [`Reject::NoIdentity`] for a topology change
    /// notification, which names nobody; others as they say.
    pub fn decode(frame: &[u8]) -> Result<Self, Reject> {
        let link = Link::checked(frame)?;
        let destination = match link.payload {
            Payload::Llc(LLC_STP) => Mac::NEAREST_CUSTOMER_BRIDGE,
            Payload::Snap { oui: [0x00, 0x00, 0x0c], pid: 0x010b } => PVST,
            Payload::EtherType(_) | Payload::Snap { .. } | Payload::Llc(_) | Payload::Bare => {
                return Err(Reject::Foreign);
            }
        };
        match (link.destination == destination, link.overrun) {
            (false, _) => Err(Reject::Destination),
            (true, true) => Err(Reject::LengthOverrun),
            (true, false) => Self::of_body(link.source, link.body),
        }
    }

    fn of_body(source: Mac, body: &[u8]) -> Result<Self, Reject> {
        let [protocol_high, protocol_low, version, kind] = array(body, 0).ok_or(Reject::Truncated)?;
        match (protocol_high, protocol_low, kind) {
            (0, 0, CONFIGURATION | RAPID) => Self::fields(source, version, body).ok_or(Reject::Truncated),
            (0, 0, TOPOLOGY_CHANGE) => Err(Reject::NoIdentity),
            _ => Err(Reject::Version),
        }
    }

    fn fields(source: Mac, version: u8, body: &[u8]) -> Option<Self> {
        Some(Self {
            source,
            version,
            flags: *body.get(4)?,
            root: BridgeId::at(body, 5)?,
            root_cost: be32(body, 13)?,
            bridge: BridgeId::at(body, 17)?,
            port: be16(body, 25)?,
            hello_time: be16(body, 31)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    const BPDU: [u8; 35] = [
        0, 0, 0, 0, 1, // protocol, version, type, flags
        0x60, 0x0a, 2, 0, 0, 0, 0, 1, // root
        0, 0, 0, 19, // cost
        0x80, 0x0a, 2, 0, 0, 0, 0, 2, // bridge
        0x80, 0x03, 1, 0, 20, 0, 2, 0, 15, 0, // port, age, maximum age, hello, delay
    ];

    fn frame(bpdu: &[u8]) -> Vec<u8> {
        let length = [0, bpdu.len() as u8 + 3];
        [&Mac::NEAREST_CUSTOMER_BRIDGE.0[..], &[2, 0, 0, 0, 0, 5], &length, &LLC_STP, bpdu].concat()
    }

    #[test]
    fn a_bpdu_names_the_bridge_and_its_root() {
        let stp = Stp::decode(&frame(&BPDU)).expect("sound");
        let bridge = |priority, last| BridgeId { priority, address: Mac([2, 0, 0, 0, 0, last]) };
        assert_eq!((stp.root, stp.bridge), (bridge(0x600a, 1), bridge(0x800a, 2)));
        assert_eq!((stp.root_cost, stp.port, stp.hello_time, stp.flags), (19, 0x8003, 512, 1));
    }

    #[test]
    fn per_vlan_trees_are_read_and_notifications_name_nobody() {
        let snap = [0xaa, 0xaa, 0x03, 0x00, 0x00, 0x0c, 0x01, 0x0b];
        let length = [0, BPDU.len() as u8 + 8];
        let per_vlan = [&PVST.0[..], &[2, 0, 0, 0, 0, 5], &length, &snap, &BPDU].concat();
        assert_eq!(Stp::decode(&per_vlan), Stp::decode(&frame(&BPDU)));
        assert_eq!(Stp::decode(&frame(&[0, 0, 0, TOPOLOGY_CHANGE])), Err(Reject::NoIdentity));
        assert_eq!(Stp::decode(&frame(&[0, 1, 0, 0])), Err(Reject::Version));
    }

    #[test]
    fn every_cut_bpdu_is_refused() {
        let whole = frame(&BPDU);
        for end in 0..whole.len() {
            assert!(Stp::decode(&whole[..end]).is_err(), "{end} octets");
        }
    }
}
