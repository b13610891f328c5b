//! From the checked view to the value: lenient, one TLV at a time.

use crate::lldp::{Tlv, dot1, dot3, med, tlv_type};
use crate::octets::{array, rest};
use crate::{
    Capabilities, ChassisId, Defect, DefectKind, Lldp, LldpView, ManagementAddress, PortId, Reject, Text,
    UnknownTlv,
};

const MANDATORY: usize = 3;

impl Lldp {
    /// The value of a checked LLDPDU. Fails only where the view would have.
    pub fn from_view(view: &LldpView<'_>) -> Result<Self, Reject> {
        let chassis = ChassisId::new(view.chassis_subtype, view.chassis).map_err(|_| Reject::IdLength)?;
        let port = PortId::new(view.port_subtype, view.port).map_err(|_| Reject::IdLength)?;
        let mut lldp = Self::new(chassis, port, view.ttl_s);
        lldp.take_optional(view.tlvs());
        Ok(lldp)
    }

    /// Takes what follows the mandatory TLVs of a whole list.
    pub(crate) fn take_optional<'a>(&mut self, tlvs: impl Iterator<Item = Result<Tlv<'a>, DefectKind>>) {
        for (at, tlv) in tlvs.enumerate().skip(MANDATORY) {
            if let Err(kind) = tlv.and_then(|tlv| self.take(tlv)) {
                self.defects.push(Defect { tlv: u16::try_from(at).unwrap_or(u16::MAX), kind });
            }
        }
    }

    fn take(&mut self, tlv: Tlv<'_>) -> Result<(), DefectKind> {
        match tlv.kind {
            tlv_type::END if tlv.value.is_empty() => Ok(()),
            tlv_type::END => Err(DefectKind::EndLength),
            tlv_type::PORT_DESCRIPTION => once(&mut self.port_description, Text::from(tlv.value)),
            tlv_type::SYSTEM_NAME => once(&mut self.system_name, Text::from(tlv.value)),
            tlv_type::SYSTEM_DESCRIPTION => once(&mut self.system_description, Text::from(tlv.value)),
            tlv_type::SYSTEM_CAPABILITIES => once(&mut self.capabilities, Capabilities::decode(tlv.value)?),
            tlv_type::MANAGEMENT_ADDRESS => {
                let (address, soundness) = ManagementAddress::decode(tlv.value)?;
                self.management.push(address);
                soundness
            }
            tlv_type::ORGANISATION => self.take_organisation(tlv.value),
            kind => self.keep(UnknownTlv::Reserved { kind, octets: tlv.value.into() }),
        }
    }

    fn take_organisation(&mut self, value: &[u8]) -> Result<(), DefectKind> {
        // 802.1AB 8.6.1: three octets of organisation, one of subtype.
        let oui = array(value, 0).ok_or(DefectKind::Length)?;
        let subtype = *value.get(3).ok_or(DefectKind::Length)?;
        let body = rest(value, 4);
        let taken = match oui {
            dot1::OUI => self.dot1.take(subtype, body),
            dot3::OUI => self.dot3.take(subtype, body),
            med::OUI => self.med.take(subtype, body),
            _ => None,
        };
        taken.unwrap_or_else(|| self.keep(UnknownTlv::Organisation { oui, subtype, octets: body.into() }))
    }

    fn keep(&mut self, unknown: UnknownTlv) -> Result<(), DefectKind> {
        if self.unknown.len() == Self::UNKNOWN_MAX {
            return Err(DefectKind::TooMany);
        }
        self.unknown.push(unknown);
        Ok(())
    }
}

/// The first of a TLV that may come once counts (802.1AB 8.5.5 to 8.5.8: "should contain one").
pub(crate) fn once<T>(slot: &mut Option<T>, value: T) -> Result<(), DefectKind> {
    if slot.is_some() {
        return Err(DefectKind::Repeated);
    }
    *slot = Some(value);
    Ok(())
}
