//! From the checked view to the value: lenient, one TLV at a time.

use alloc::vec::Vec;

use crate::cdp::{address, tlv_type};
use crate::octets::{be16, be32, rest};
use crate::{Cdp, CdpAddress, CdpCapabilities, CdpTlv, CdpView, Defect, DefectKind, OtherTlv, Text};

impl Cdp {
    /// The value of a checked announcement.
    pub fn from_view(view: &CdpView<'_>) -> Self {
        let mut cdp = Self::empty(view.version, view.ttl_s);
        if !view.checksum_ok {
            cdp.defects.push(Defect { tlv: 0, kind: DefectKind::Checksum });
        }
        let mut count = 0_u16;
        let mut lists = Lists::default();
        for tlv in view.tlvs() {
            if let Err(kind) = tlv.and_then(|tlv| cdp.take(tlv, &mut lists)) {
                cdp.defects.push(Defect { tlv: count, kind });
            }
            count = count.saturating_add(1);
        }
        if cdp.device_id.as_ref().is_none_or(|id| id.octets().is_empty()) {
            cdp.defects.push(Defect { tlv: count, kind: DefectKind::NoDeviceId });
        }
        cdp
    }

    fn take(&mut self, tlv: CdpTlv<'_>, lists: &mut Lists) -> Result<(), DefectKind> {
        let value = tlv.value;
        match tlv.kind {
            tlv_type::DEVICE_ID => first(&mut self.device_id, Text::from(value)),
            tlv_type::PORT_ID => first(&mut self.port_id, Text::from(value)),
            tlv_type::SOFTWARE => first(&mut self.software, Text::from(value)),
            tlv_type::PLATFORM => first(&mut self.platform, Text::from(value)),
            tlv_type::VTP_DOMAIN => first(&mut self.vtp_domain, Text::from(value)),
            tlv_type::SYSTEM_NAME => first(&mut self.system_name, Text::from(value)),
            tlv_type::ADDRESSES => return lists.addresses.first(&mut self.addresses, value),
            tlv_type::MANAGEMENT => return lists.management.first(&mut self.management, value),
            tlv_type::CAPABILITIES => first(&mut self.capabilities, CdpCapabilities(long(value)?)),
            tlv_type::NATIVE_VLAN => first(&mut self.native_vlan, short(value)?),
            tlv_type::DUPLEX => first(&mut self.full_duplex, octet(value)? != 0),
            // One octet of flags comes before the VLAN; the flags are 1 in every sender known.
            tlv_type::VOICE_VLAN => first(&mut self.voice_vlan, short(rest(value, 1))?),
            tlv_type::MTU if value.len() != 4 => return Err(DefectKind::Length),
            tlv_type::MTU => first(&mut self.mtu, long(value)?),
            tlv_type::TRUST => first(&mut self.trust, octet(value)?),
            tlv_type::UNTRUSTED_COS => first(&mut self.untrusted_cos, octet(value)?),
            // Power is bargained for: of several offers in one frame the last stands.
            tlv_type::POWER_DRAWN => self.power.drawn_mw = Some(short(value)?),
            tlv_type::POWER_REQUESTED => self.power.requested = Some(levels(value)?),
            tlv_type::POWER_AVAILABLE => self.power.available = Some(levels(value)?),
            kind => return self.keep(OtherTlv { kind, octets: value.into() }),
        }
        Ok(())
    }

    fn keep(&mut self, other: OtherTlv) -> Result<(), DefectKind> {
        if self.other.len() == Self::OTHER_MAX {
            return Err(DefectKind::TooMany);
        }
        self.other.push(other);
        Ok(())
    }
}

/// Senders do repeat TLVs; the first counts, and it is no defect: CDP has no rule against it.
fn first<T>(slot: &mut Option<T>, value: T) {
    slot.get_or_insert(value);
}

fn octet(value: &[u8]) -> Result<u8, DefectKind> {
    value.first().copied().ok_or(DefectKind::Length)
}

fn short(value: &[u8]) -> Result<u16, DefectKind> {
    be16(value, 0).ok_or(DefectKind::Length)
}

fn long(value: &[u8]) -> Result<u32, DefectKind> {
    be32(value, 0).ok_or(DefectKind::Length)
}

/// Which lists of addresses came already: the first counts, were it empty.
#[derive(Default)]
struct Lists {
    addresses: List,
    management: List,
}

#[derive(Default)]
struct List {
    came: bool,
}

impl List {
    fn first(&mut self, slot: &mut Vec<CdpAddress>, value: &[u8]) -> Result<(), DefectKind> {
        let (found, outcome) = address::decode(value);
        if !self.came && outcome != Err(DefectKind::Length) {
            self.came = true;
            *slot = found;
        }
        outcome
    }
}

fn levels(value: &[u8]) -> Result<(u16, u16, Vec<u32>), DefectKind> {
    if value.len() < 8 {
        return Err(DefectKind::Length);
    }
    let (words, _) = rest(value, 4).as_chunks::<4>();
    let milliwatts = words.iter().map(|word| u32::from_be_bytes(*word)).collect();
    Ok((short(value)?, short(rest(value, 2))?, milliwatts))
}
