//! From the value to an LLDPDU.

use alloc::vec::Vec;

use crate::id::Subtype;
use crate::lldp::tlv_type;
use crate::{Capabilities, EncodeError, Id, Lldp, ManagementAddress, UnknownTlv};

const VALUE_MAX: usize = 511;

impl Lldp {
    /// The LLDPDU: what follows the EtherType.
    ///
    /// # Errors
    /// [`EncodeError`] names the field that has no place on the wire.
    pub fn to_lldpdu(&self) -> Result<Vec<u8>, EncodeError> {
        let mut out = Vec::with_capacity(64);
        // 802.1AB 8.2: chassis id, port id and TTL come first, in this order.
        id(&mut out, tlv_type::CHASSIS_ID, &self.chassis)?;
        id(&mut out, tlv_type::PORT_ID, &self.port)?;
        tlv(&mut out, tlv_type::TTL, &[&self.ttl_s.to_be_bytes()])?;
        let texts = [
            (tlv_type::PORT_DESCRIPTION, &self.port_description),
            (tlv_type::SYSTEM_NAME, &self.system_name),
            (tlv_type::SYSTEM_DESCRIPTION, &self.system_description),
        ];
        for (kind, text) in texts.into_iter().filter_map(|(kind, text)| Some((kind, text.as_ref()?))) {
            tlv(&mut out, kind, &[text.octets()])?;
        }
        if let Some(Capabilities { available, enabled }) = self.capabilities {
            let fields: [&[u8]; 2] = [&available.0.to_be_bytes(), &enabled.0.to_be_bytes()];
            tlv(&mut out, tlv_type::SYSTEM_CAPABILITIES, &fields)?;
        }
        self.management.iter().try_for_each(|address| management(&mut out, address))?;
        self.dot1.encode(&mut out)?;
        self.dot3.encode(&mut out)?;
        self.med.encode(&mut out)?;
        self.unknown.iter().try_for_each(|unknown| as_it_came(&mut out, unknown))?;
        // 802.1AB 8.5.1: an End TLV of length 0.
        tlv(&mut out, tlv_type::END, &[])?;
        Ok(out)
    }
}

/// Appends one TLV with the concatenated parts as its contents.
fn tlv(out: &mut Vec<u8>, kind: u8, parts: &[&[u8]]) -> Result<(), EncodeError> {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    if length > VALUE_MAX {
        return Err(EncodeError::TlvTooLong(kind.into()));
    }
    // 802.1AB 8.4.1, 8.4.2: seven bits of type, nine of length.
    let header = (u16::from(kind) << 9) | length as u16;
    out.extend_from_slice(&header.to_be_bytes());
    parts.iter().for_each(|part| out.extend_from_slice(part));
    Ok(())
}

/// Appends one organisationally specific TLV (802.1AB 8.6.1).
pub(crate) fn organisation(
    out: &mut Vec<u8>,
    oui: [u8; 3],
    subtype: u8,
    body: &[&[u8]],
) -> Result<(), EncodeError> {
    let body = body.concat();
    tlv(out, tlv_type::ORGANISATION, &[&oui, &[subtype], &body])
}

fn id<S: Subtype>(out: &mut Vec<u8>, kind: u8, id: &Id<S>) -> Result<(), EncodeError> {
    let code = id.subtype().code();
    if S::from_lldp(code).is_none() {
        return Err(EncodeError::IdKind);
    }
    tlv(out, kind, &[&[code], id.octets()])
}

fn management(out: &mut Vec<u8>, address: &ManagementAddress) -> Result<(), EncodeError> {
    // 802.1AB 8.5.9.2, 8.5.9.8: addresses have 1 to 31 octets, object ids 0 to 128.
    let fits = (1..=ManagementAddress::OCTETS_MAX).contains(&address.octets.len());
    if !fits || address.oid.len() > ManagementAddress::OID_MAX {
        return Err(EncodeError::ManagementAddress);
    }
    let head = [address.octets.len() as u8 + 1, address.family];
    let number = address.interface.to_be_bytes();
    let tail = [&[address.numbering.code()], &number[..], &[address.oid.len() as u8]];
    tlv(out, tlv_type::MANAGEMENT_ADDRESS, &[&head, &address.octets, tail[0], tail[1], tail[2], &address.oid])
}

fn as_it_came(out: &mut Vec<u8>, unknown: &UnknownTlv) -> Result<(), EncodeError> {
    match unknown {
        UnknownTlv::Reserved { kind: kind @ 9..=126, octets } => tlv(out, *kind, &[octets]),
        UnknownTlv::Reserved { kind, .. } => Err(EncodeError::TlvType(*kind)),
        UnknownTlv::Organisation { oui, subtype, octets } => organisation(out, *oui, *subtype, &[octets]),
    }
}
