//! What a refused frame says, as far as it can be read: for people who ask why it was refused.
//!
//! Nothing here is believed. Ids are shown as they lie, sound or not; reading stops where the mandatory
//! part breaks, because what follows cannot be told from noise.

use alloc::vec::Vec;

use crate::id::{Subtype, fits_length};
use crate::json::value::Json;
use crate::json::{cdp, legacy, lldp};
use crate::lldp::tlv_type;
use crate::octets::be16;
use crate::{
    Cdp, CdpView, ChassisId, ChassisSubtype, Edp, Fdp, Link, Lldp, PortId, PortSubtype, Protocol, Sonmp, Tlv,
    Tlvs,
};

/// The protocol's object, when anything of it can be read.
pub(crate) fn contents(protocol: Protocol, link: &Link<'_>) -> Option<Json> {
    let body = link.body;
    match protocol {
        Protocol::Lldp => lldpdu(body),
        Protocol::Cdp => {
            CdpView::of_any_version(body).ok().map(|view| cdp::render(&Cdp::from_view(&view), &view))
        }
        Protocol::Edp => Edp::of_any_version(body).ok().map(|edp| legacy::edp(&edp)),
        Protocol::Fdp => {
            Fdp::of_any_version(body).ok().zip(body.first()).map(|(fdp, version)| legacy::fdp(&fdp, *version))
        }
        Protocol::Sonmp => Sonmp::of_anybody(body).ok().map(|sonmp| legacy::sonmp(&sonmp)),
    }
}

fn lldpdu(body: &[u8]) -> Option<Json> {
    let all: Vec<Tlv<'_>> = Tlvs::new(body).flatten().collect();
    let tlvs = all.get(..readable(&all)).unwrap_or(&all);
    let value = |at: usize| tlvs.get(at).map(|tlv| tlv.value);
    let head = Json::object()
        .with("tlvs", lldp::types_and_lengths(tlvs))
        .with_some("chassis", value(0).and_then(id::<ChassisSubtype>))
        .with_some("port", value(1).and_then(id::<PortSubtype>))
        .with_some("ttl", value(2).and_then(|value| be16(value, 0)));
    // Its ids are shown above; the value only carries the optional part.
    let chassis = ChassisId::new(ChassisSubtype::Local, b"-").ok()?;
    let port = PortId::new(PortSubtype::Local, b"-").ok()?;
    let mut optional = Lldp::new(chassis, port, 0);
    optional.take_optional(tlvs.iter().copied().map(Ok));
    Some(lldp::optional(head, &optional, tlvs))
}

fn id<S: Subtype>(value: &[u8]) -> Option<Json> {
    let (&code, octets) = value.split_first().filter(|(_, octets)| !octets.is_empty())?;
    Some(lldp::id::<S>(code, octets))
}

/// How many TLVs can be read: up to the first that breaks the mandatory part, that one included if it is
/// the right one with wrong contents.
fn readable(tlvs: &[Tlv<'_>]) -> usize {
    for (at, kind) in [tlv_type::CHASSIS_ID, tlv_type::PORT_ID, tlv_type::TTL].into_iter().enumerate() {
        match tlvs.get(at) {
            Some(tlv) if tlv.kind != kind => return at,
            Some(tlv) if !is_sound(tlv) => return at + 1,
            Some(_) => {}
            None => return at,
        }
    }
    let repeated = |tlv: &Tlv<'_>| matches!(tlv.kind, tlv_type::CHASSIS_ID..=tlv_type::TTL);
    let again = tlvs.iter().skip(3).position(repeated);
    again.map_or(tlvs.len(), |at| at + 4)
}

fn is_sound(tlv: &Tlv<'_>) -> bool {
    match tlv.kind {
        tlv_type::CHASSIS_ID => is_sound_id::<ChassisSubtype>(tlv.value),
        tlv_type::PORT_ID => is_sound_id::<PortSubtype>(tlv.value),
        _ => tlv.value.len() >= 2,
    }
}

/// A reserved subtype alone is no reason to stop: the id's length is as good as another's.
fn is_sound_id<S: Subtype>(value: &[u8]) -> bool {
    let Some((&code, octets)) = value.split_first() else { return false };
    let subtype = S::from_lldp(code);
    fits_length(octets) && subtype.is_none_or(|subtype| subtype.fits(octets))
}
