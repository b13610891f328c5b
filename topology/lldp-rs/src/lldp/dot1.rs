//! IEEE 802.1 organisationally specific TLVs (802.1Q annex D; OUI 00-80-C2).

use alloc::boxed::Box;
use alloc::vec::Vec;

use crate::lldp::decode::once;
use crate::lldp::encode::organisation;
use crate::octets::{be16, be32, part, rest};
use crate::{DefectKind, EncodeError, Text};

pub(crate) const OUI: [u8; 3] = [0x00, 0x80, 0xc2];

const PVID: u8 = 1;
const PPVID: u8 = 2;
const VLAN_NAME: u8 = 3;
const PROTOCOL: u8 = 4;
const VID_USAGE_DIGEST: u8 = 5;
const MANAGEMENT_VID: u8 = 6;
const AGGREGATION: u8 = 7;

/// What the neighbour said about VLANs and aggregation of its port.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Dot1 {
    /// VLAN of untagged frames; 0 when the port has none.
    pub pvid: Option<u16>,
    /// Port and protocol VLANs.
    pub ppvids: Vec<Ppvid>,
    /// VLANs with their names.
    pub vlans: Vec<VlanName>,
    /// Protocol identities: the first octets of the protocols the port speaks.
    pub protocols: Vec<Box<[u8]>>,
    /// CRC-32 over the table of VLANs in use: two ends with one digest use the same ones (802.1Q D.2.5).
    pub vid_usage_digest: Option<u32>,
    /// VLAN to manage the neighbour in.
    pub management_vid: Option<u16>,
    /// Link aggregation.
    pub aggregation: Option<Aggregation>,
}

/// A port and protocol VLAN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ppvid {
    /// Bit 1 supported, bit 2 enabled.
    pub flags: u8,
    /// VLAN id; 0 when not supported.
    pub id: u16,
}

/// A VLAN and its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VlanName {
    /// VLAN id.
    pub id: u16,
    /// Its name, 1 to 32 octets by the standard; up to 255 are taken.
    pub name: Text,
}

/// Whether the neighbour's port is or can be part of an aggregate (802.1AX).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Aggregation {
    /// Bit 0 capable, bit 1 aggregated.
    pub status: u8,
    /// ifIndex of the aggregate at the neighbour; 0 when not aggregated.
    pub port: u32,
}

impl Aggregation {
    /// Whether the port is a member of an aggregate now.
    pub fn is_aggregated(self) -> bool {
        self.status & 2 != 0
    }

    pub(crate) fn decode(body: &[u8]) -> Option<Self> {
        Some(Self { status: *body.first()?, port: be32(body, 1)? })
    }

    pub(crate) fn parts(self) -> [u8; 5] {
        let [a, b, c, d] = self.port.to_be_bytes();
        [self.status, a, b, c, d]
    }
}

impl Dot1 {
    /// Takes one TLV; `None` when the subtype is not known here.
    pub(crate) fn take(&mut self, subtype: u8, body: &[u8]) -> Option<Result<(), DefectKind>> {
        let taken = match subtype {
            PVID => be16(body, 0).map(|id| once(&mut self.pvid, id)),
            PPVID => ppvid(body).map(|ppvid| add(&mut self.ppvids, ppvid)),
            VLAN_NAME => return Some(self.take_vlan_name(body)),
            PROTOCOL => return Some(self.take_protocol(body)),
            VID_USAGE_DIGEST => be32(body, 0).map(|digest| once(&mut self.vid_usage_digest, digest)),
            MANAGEMENT_VID => be16(body, 0).map(|id| once(&mut self.management_vid, id)),
            AGGREGATION => Aggregation::decode(body).map(|value| once(&mut self.aggregation, value)),
            _ => return None,
        };
        Some(taken.unwrap_or(Err(DefectKind::Length)))
    }

    fn take_vlan_name(&mut self, body: &[u8]) -> Result<(), DefectKind> {
        let id = be16(body, 0).ok_or(DefectKind::Length)?;
        let length = usize::from(*body.get(2).ok_or(DefectKind::Length)?);
        let name = part(body, 3, length).ok_or(DefectKind::InnerLength)?;
        add(&mut self.vlans, VlanName { id, name: name.into() })
    }

    fn take_protocol(&mut self, body: &[u8]) -> Result<(), DefectKind> {
        let length = usize::from(*body.first().ok_or(DefectKind::Length)?);
        let identity = part(rest(body, 1), 0, length).ok_or(DefectKind::InnerLength)?;
        add(&mut self.protocols, identity.into())
    }

    pub(crate) fn encode(&self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        let mut put = |subtype, parts: &[&[u8]]| organisation(out, OUI, subtype, parts);
        if let Some(id) = self.pvid {
            put(PVID, &[&id.to_be_bytes()])?;
        }
        for ppvid in &self.ppvids {
            put(PPVID, &[&[ppvid.flags], &ppvid.id.to_be_bytes()])?;
        }
        for vlan in &self.vlans {
            put(VLAN_NAME, &[&vlan.id.to_be_bytes(), &[short(vlan.name.octets())?], vlan.name.octets()])?;
        }
        for identity in &self.protocols {
            put(PROTOCOL, &[&[short(identity)?], identity])?;
        }
        if let Some(digest) = self.vid_usage_digest {
            put(VID_USAGE_DIGEST, &[&digest.to_be_bytes()])?;
        }
        if let Some(id) = self.management_vid {
            put(MANAGEMENT_VID, &[&id.to_be_bytes()])?;
        }
        self.aggregation.map_or(Ok(()), |aggregation| put(AGGREGATION, &[&aggregation.parts()]))
    }
}

fn ppvid(body: &[u8]) -> Option<Ppvid> {
    Some(Ppvid { flags: *body.first()?, id: be16(body, 1)? })
}

fn add<T>(list: &mut Vec<T>, value: T) -> Result<(), DefectKind> {
    list.push(value);
    Ok(())
}

fn short(octets: &[u8]) -> Result<u8, EncodeError> {
    u8::try_from(octets.len()).map_err(|_| EncodeError::TlvTooLong(127))
}
