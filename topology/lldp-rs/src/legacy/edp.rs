//! Extreme Discovery Protocol.

use alloc::vec::Vec;
use core::net::Ipv4Addr;

use crate::octets::{array, be16, part, rest};
use crate::{Defect, DefectKind, Mac, Reject, Text};

const VERSION: u8 = 1;
const HEADER: usize = 16;
const ID_IS_MAC: u16 = 0;
const MARKER: u8 = 0x99;

const END: u8 = 0;
const DISPLAY: u8 = 1;
const INFO: u8 = 2;
const VLAN: u8 = 5;

/// What an EDP announcement said. A switch sends its port and its VLANs in different frames.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edp {
    /// The device.
    pub machine: Mac,
    /// The name on its display.
    pub display: Option<Text>,
    /// The port that sent this, and the software version.
    pub port: Option<EdpPort>,
    /// VLANs of the port.
    pub vlans: Vec<EdpVlan>,
    /// What was wrong.
    pub defects: Vec<Defect>,
}

/// A port, numbered from 0 as on the wire; front panels count from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EdpPort {
    /// Slot, from 0.
    pub slot: u16,
    /// Port in the slot, from 0.
    pub port: u16,
    /// Software version, one octet a part.
    pub version: [u8; 4],
}

/// A VLAN of the port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EdpVlan {
    /// VLAN id.
    pub id: u16,
    /// The device's address in it, 0.0.0.0 for none.
    pub address: Ipv4Addr,
    /// Its name.
    pub name: Text,
}

impl Edp {
    /// EDP carries no TTL. Three missed frames at its usual minute are taken for departure.
    pub const TTL_S: u16 = 180;

    /// Decodes the octets after the SNAP header. EDP has its own length, which is believed before the
    /// 802.3 one: Extreme's switches send the latter too long.
    pub fn decode(octets: &[u8]) -> Result<Self, Reject> {
        let header = part(octets, 0, HEADER).ok_or(Reject::Truncated)?;
        if header.first() != Some(&VERSION) {
            return Err(Reject::Version);
        }
        if be16(header, 8) != Some(ID_IS_MAC) {
            return Err(Reject::NoIdentity);
        }
        Self::of_any_version(octets)
    }

    /// As [`Edp::decode`], whatever the header says: for showing what was refused.
    pub(crate) fn of_any_version(octets: &[u8]) -> Result<Self, Reject> {
        let header = part(octets, 0, HEADER).ok_or(Reject::Truncated)?;
        let machine = array(header, 10).map(Mac).ok_or(Reject::Truncated)?;
        let length = usize::from(be16(header, 2).ok_or(Reject::Truncated)?);
        let whole = octets.get(..length).unwrap_or(octets);
        let mut edp = Self { machine, display: None, port: None, vlans: Vec::new(), defects: Vec::new() };
        edp.take_all(rest(whole, HEADER));
        Ok(edp)
    }

    fn take_all(&mut self, mut left: &[u8]) {
        let mut at = 0_u16;
        while !left.is_empty() {
            let (marker, kind, value) = match tlv(left) {
                Ok(tlv) => tlv,
                // A broken length leaves no way to find the next TLV.
                Err(kind) => return self.defects.push(Defect { tlv: at, kind }),
            };
            if marker != MARKER {
                self.defects.push(Defect { tlv: at, kind: DefectKind::Marker });
            }
            if kind == END {
                return;
            }
            if let Err(kind) = self.take(kind, value) {
                self.defects.push(Defect { tlv: at, kind });
            }
            left = rest(left, 4 + value.len());
            at = at.saturating_add(1);
        }
    }

    fn take(&mut self, kind: u8, value: &[u8]) -> Result<(), DefectKind> {
        match kind {
            DISPLAY => _ = self.display.get_or_insert(terminated(value)),
            INFO => _ = self.port.get_or_insert(info(value).ok_or(DefectKind::Length)?),
            VLAN => return self.take_vlan(value),
            _ => {}
        }
        Ok(())
    }

    /// A cut one still says which VLAN it is about.
    fn take_vlan(&mut self, value: &[u8]) -> Result<(), DefectKind> {
        let id = be16(value, 2).ok_or(DefectKind::Length)?;
        let address = array::<4>(value, 8);
        let name = terminated(rest(value, 12));
        self.vlans.push(EdpVlan { id, address: address.unwrap_or_default().into(), name });
        address.map_or(Err(DefectKind::Length), |_| Ok(()))
    }
}

/// Marker, type and contents.
fn tlv(left: &[u8]) -> Result<(u8, u8, &[u8]), DefectKind> {
    let [marker, kind] = array(left, 0).ok_or(DefectKind::Overrun)?;
    let length = usize::from(be16(left, 2).ok_or(DefectKind::Overrun)?);
    let value = part(left, 4, length.checked_sub(4).ok_or(DefectKind::Length)?);
    Ok((marker, kind, value.ok_or(DefectKind::Overrun)?))
}

fn info(value: &[u8]) -> Option<EdpPort> {
    Some(EdpPort { slot: be16(value, 0)?, port: be16(value, 2)?, version: array(value, 12)? })
}

/// Texts end at a NUL; what follows is whatever was in the sender's memory.
fn terminated(value: &[u8]) -> Text {
    value.split(|&octet| octet == 0).next().unwrap_or(&[]).into()
}
