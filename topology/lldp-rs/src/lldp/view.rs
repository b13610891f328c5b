//! A borrowed LLDPDU whose mandatory part is proven sound. Allocates nothing.

use crate::id::{ChassisSubtype, PortSubtype, Subtype, fits};
use crate::lldp::tlv_type;
use crate::octets::{be16, part, rest};
use crate::{DefectKind, Reject};

/// One TLV as it lies in the LLDPDU.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tlv<'a> {
    /// Type, 0 to 127.
    pub kind: u8,
    /// Contents, 0 to 511 octets.
    pub value: &'a [u8],
}

/// Walks the TLVs of an LLDPDU, the End TLV included. What stops the walk early comes out as the last
/// item, an error.
#[derive(Clone, Debug)]
pub struct Tlvs<'a> {
    left: &'a [u8],
    done: bool,
}

impl<'a> Tlvs<'a> {
    /// Walks any octets.
    pub fn new(lldpdu: &'a [u8]) -> Self {
        Self { left: lldpdu, done: false }
    }

    fn step(&mut self) -> Result<Tlv<'a>, DefectKind> {
        if self.left.is_empty() {
            return Err(DefectKind::NoEnd);
        }
        // 802.1AB 8.4.1, 8.4.2: seven bits of type, nine of length.
        let header = be16(self.left, 0).ok_or(DefectKind::Overrun)?;
        let (kind, length) = ((header >> 9) as u8, usize::from(header & 0x1ff));
        let value = part(self.left, 2, length).ok_or(DefectKind::Overrun)?;
        self.left = rest(self.left, 2 + length);
        Ok(Tlv { kind, value })
    }
}

impl<'a> Iterator for Tlvs<'a> {
    type Item = Result<Tlv<'a>, DefectKind>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        let item = self.step();
        // 802.1AB 8.5.1: the End TLV marks the end; whatever follows it is padding.
        self.done = item.is_err() || item.is_ok_and(|tlv| tlv.kind == tlv_type::END);
        Some(item)
    }
}

/// An LLDPDU whose chassis id, port id and TTL are sound.
#[derive(Clone, Copy, Debug)]
pub struct LldpView<'a> {
    /// Kind of the chassis id.
    pub chassis_subtype: ChassisSubtype,
    /// Chassis id without its subtype: 1 to 255 octets.
    pub chassis: &'a [u8],
    /// Kind of the port id.
    pub port_subtype: PortSubtype,
    /// Port id without its subtype: 1 to 255 octets.
    pub port: &'a [u8],
    /// Seconds to believe this announcement; 0 takes the neighbour's word back.
    pub ttl_s: u16,
    lldpdu: &'a [u8],
}

impl<'a> LldpView<'a> {
    /// Checks the mandatory TLVs of the octets after the EtherType.
    pub fn checked(lldpdu: &'a [u8]) -> Result<Self, Reject> {
        let mut tlvs = Tlvs::new(lldpdu);
        // 802.1AB 8.2: chassis id, port id and TTL come first, in this order.
        let (chassis_subtype, chassis) = id(mandatory(&mut tlvs, tlv_type::CHASSIS_ID)?)?;
        let (port_subtype, port) = id(mandatory(&mut tlvs, tlv_type::PORT_ID)?)?;
        // 802.1AB 8.5.4: two octets of seconds. Longer ones are tolerated, as receivers have always done.
        let ttl_s = be16(mandatory(&mut tlvs, tlv_type::TTL)?, 0).ok_or(Reject::TtlLength)?;
        let repeated = |tlv: Tlv<'_>| matches!(tlv.kind, tlv_type::CHASSIS_ID..=tlv_type::TTL);
        if tlvs.flatten().any(repeated) {
            return Err(Reject::MandatoryRepeated);
        }
        Ok(Self { chassis_subtype, chassis, port_subtype, port, ttl_s, lldpdu })
    }

    /// All TLVs from the chassis id to the End TLV, or to what broke the list.
    pub fn tlvs(&self) -> Tlvs<'a> {
        Tlvs::new(self.lldpdu)
    }
}

fn mandatory<'a>(tlvs: &mut Tlvs<'a>, kind: u8) -> Result<&'a [u8], Reject> {
    match tlvs.next() {
        Some(Ok(tlv)) if tlv.kind == kind => Ok(tlv.value),
        Some(Ok(_)) => Err(Reject::MandatoryOrder),
        Some(Err(_)) | None => Err(Reject::Truncated),
    }
}

fn id<S: Subtype>(value: &[u8]) -> Result<(S, &[u8]), Reject> {
    let (number, octets) = value.split_first().ok_or(Reject::IdLength)?;
    // 802.1AB tables 8-2 and 8-3: subtype 0 and 8 to 255 are reserved.
    let subtype = S::from_lldp(*number).ok_or(Reject::IdSubtype)?;
    if !fits(subtype, octets) {
        return Err(Reject::IdLength);
    }
    Ok((subtype, octets))
}
