//! From the value to CDP's octets.

use alloc::vec::Vec;

use crate::cdp::{tlv_type, view};
use crate::{Cdp, CdpAddress, EncodeError};

impl Cdp {
    /// The announcement: what follows the SNAP header, its checksum filled in.
    ///
    /// # Errors
    /// [`EncodeError`] names the field that has no place on the wire.
    pub fn to_octets(&self) -> Result<Vec<u8>, EncodeError> {
        if !matches!(self.version, 1 | 2) {
            return Err(EncodeError::Version);
        }
        if self.device_id.as_ref().is_none_or(|id| id.octets().is_empty()) {
            return Err(EncodeError::NoDeviceId);
        }
        let mut out = Vec::from([self.version, self.ttl_s, 0, 0]);
        self.texts(&mut out)?;
        self.numbers(&mut out)?;
        addresses(&mut out, tlv_type::ADDRESSES, &self.addresses)?;
        addresses(&mut out, tlv_type::MANAGEMENT, &self.management)?;
        self.levels(&mut out)?;
        self.other.iter().try_for_each(|other| tlv(&mut out, other.kind, &other.octets))?;
        let sum = view::checksum(&out).to_be_bytes();
        out[2..4].copy_from_slice(&sum);
        Ok(out)
    }

    fn texts(&self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        let texts = [
            (tlv_type::DEVICE_ID, &self.device_id),
            (tlv_type::PORT_ID, &self.port_id),
            (tlv_type::SOFTWARE, &self.software),
            (tlv_type::PLATFORM, &self.platform),
            (tlv_type::VTP_DOMAIN, &self.vtp_domain),
            (tlv_type::SYSTEM_NAME, &self.system_name),
        ];
        for (kind, text) in texts.into_iter().filter_map(|(kind, text)| Some((kind, text.as_ref()?))) {
            tlv(out, kind, text.octets())?;
        }
        Ok(())
    }

    fn numbers(&self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        let mut put = |kind, value: Option<&[u8]>| value.map_or(Ok(()), |value| tlv(out, kind, value));
        let long = |value: u32| value.to_be_bytes();
        let short = |value: u16| value.to_be_bytes();
        put(tlv_type::CAPABILITIES, self.capabilities.map(|set| long(set.0)).as_ref().map(|v| &v[..]))?;
        put(tlv_type::NATIVE_VLAN, self.native_vlan.map(short).as_ref().map(|v| &v[..]))?;
        put(tlv_type::DUPLEX, self.full_duplex.map(|full| [full.into()]).as_ref().map(|v| &v[..]))?;
        let voice = self.voice_vlan.map(|id| [1, (id >> 8) as u8, id as u8]);
        put(tlv_type::VOICE_VLAN, voice.as_ref().map(|v| &v[..]))?;
        put(tlv_type::POWER_DRAWN, self.power.drawn_mw.map(short).as_ref().map(|v| &v[..]))?;
        put(tlv_type::MTU, self.mtu.map(long).as_ref().map(|v| &v[..]))?;
        put(tlv_type::TRUST, self.trust.map(|v| [v]).as_ref().map(|v| &v[..]))?;
        put(tlv_type::UNTRUSTED_COS, self.untrusted_cos.map(|v| [v]).as_ref().map(|v| &v[..]))
    }

    fn levels(&self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        let tlvs = [
            (tlv_type::POWER_REQUESTED, &self.power.requested),
            (tlv_type::POWER_AVAILABLE, &self.power.available),
        ];
        for (kind, (request, management, milliwatts)) in
            tlvs.into_iter().filter_map(|(kind, levels)| Some((kind, levels.as_ref()?)))
        {
            let mut value = [request.to_be_bytes(), management.to_be_bytes()].concat();
            value.extend(milliwatts.iter().flat_map(|level| level.to_be_bytes()));
            tlv(out, kind, &value)?;
        }
        Ok(())
    }
}

fn tlv(out: &mut Vec<u8>, kind: u16, value: &[u8]) -> Result<(), EncodeError> {
    let length = u16::try_from(value.len() + 4).map_err(|_| EncodeError::TlvTooLong(kind))?;
    out.extend_from_slice(&kind.to_be_bytes());
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(value);
    Ok(())
}

fn addresses(out: &mut Vec<u8>, kind: u16, addresses: &[CdpAddress]) -> Result<(), EncodeError> {
    if addresses.is_empty() {
        return Ok(());
    }
    let too_long = |_| EncodeError::TlvTooLong(kind);
    let count = u32::try_from(addresses.len()).map_err(|_| EncodeError::TlvTooLong(kind))?;
    let mut value = Vec::from(count.to_be_bytes());
    for address in addresses {
        let (protocol_type, protocol, octets) = address.parts();
        value.push(protocol_type);
        value.push(u8::try_from(protocol.len()).map_err(too_long)?);
        value.extend_from_slice(protocol);
        value.extend_from_slice(&u16::try_from(octets.len()).map_err(too_long)?.to_be_bytes());
        value.extend_from_slice(&octets);
    }
    tlv(out, kind, &value)
}
