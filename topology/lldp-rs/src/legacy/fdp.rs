//! Foundry Discovery Protocol: CDP's layout under another organisation, with its own texts.

use alloc::vec::Vec;

use crate::cdp::{CdpTlvs, tlv_type};
use crate::octets::rest;
use crate::{CdpTlv, Defect, DefectKind, Reject, Text};

const VERSION: u8 = 1;

/// What an FDP announcement said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fdp {
    /// Seconds to believe this.
    pub ttl_s: u8,
    /// The device's name for itself; the identity.
    pub device_id: Option<Text>,
    /// The port that sent this.
    pub port_id: Option<Text>,
    /// `Switch`, `Router` or the like: a word, unlike CDP's bits.
    pub capabilities: Option<Text>,
    /// Software version.
    pub software: Option<Text>,
    /// Hardware platform.
    pub platform: Option<Text>,
    /// What was wrong.
    pub defects: Vec<Defect>,
}

impl Fdp {
    /// Decodes the octets after the SNAP header, cut to the 802.3 length.
    pub fn decode(octets: &[u8]) -> Result<Self, Reject> {
        let fdp = Self::of_any_version(octets)?;
        if octets.first() != Some(&VERSION) {
            return Err(Reject::Version);
        }
        Ok(fdp)
    }

    /// As [`Fdp::decode`], whatever the version: for showing what was refused.
    pub(crate) fn of_any_version(octets: &[u8]) -> Result<Self, Reject> {
        let &[_, ttl_s, _, _, ..] = octets else {
            return Err(Reject::Truncated);
        };
        let mut fdp = Self {
            ttl_s,
            device_id: None,
            port_id: None,
            capabilities: None,
            software: None,
            platform: None,
            defects: Vec::new(),
        };
        fdp.take_all(rest(octets, 4));
        Ok(fdp)
    }

    fn take_all(&mut self, tlvs: &[u8]) {
        let mut count = 0_u16;
        for tlv in CdpTlvs::new(tlvs) {
            match tlv {
                Ok(tlv) => self.take(tlv),
                Err(kind) => self.defects.push(Defect { tlv: count, kind }),
            }
            count = count.saturating_add(1);
        }
        if self.device_id.as_ref().is_none_or(|id| id.octets().is_empty()) {
            self.defects.push(Defect { tlv: count, kind: DefectKind::NoDeviceId });
        }
    }

    fn take(&mut self, tlv: CdpTlv<'_>) {
        let slot = match tlv.kind {
            tlv_type::DEVICE_ID => &mut self.device_id,
            tlv_type::PORT_ID => &mut self.port_id,
            tlv_type::CAPABILITIES => &mut self.capabilities,
            tlv_type::SOFTWARE => &mut self.software,
            tlv_type::PLATFORM => &mut self.platform,
            _ => return,
        };
        slot.get_or_insert(tlv.value.into());
    }
}
