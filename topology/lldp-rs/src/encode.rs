//! From a value to a frame.

use alloc::vec::Vec;
use core::fmt;

use crate::{Announcement, Cdp, Encapsulation, Heard, Lldp, Mac, Protocol, VlanTag};

/// The shortest Ethernet frame without its check sequence (802.3 4A.4.2).
const FRAME_MIN: usize = 60;
/// The longest 802.3 length field (802.3 3.2.6).
const LENGTH_MAX: usize = 1500;
const LLC_SNAP: usize = 8;

/// Why a value has no frame. It is the caller's fault: nothing was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EncodeError {
    /// The contents of this TLV type pass its length field: 511 octets in LLDP.
    TlvTooLong(u16),
    /// A chassis or port id of another protocol's kind in an LLDP announcement.
    IdKind,
    /// An unknown TLV whose type is not reserved (9 to 126).
    TlvType(u8),
    /// A management address whose address is not 1 to 31 octets, or whose object id is over 128.
    ManagementAddress,
    /// The protocol is not sent to that destination, so no receiver would believe it.
    Destination,
    /// More than four VLAN tags.
    TooManyTags,
    /// A VLAN tag of a protocol that decoders do not take for one.
    TagProtocol(u16),
    /// A protocol version that does not exist.
    Version,
    /// A protocol that only exists in SNAP was asked for in Ethernet II.
    Encapsulation,
    /// The announcement does not fit in an 802.3 length field.
    FrameTooLong,
    /// This protocol is read only.
    NeverSent(Protocol),
    /// CDP without a device id: receivers would not know who sent it.
    NoDeviceId,
}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TlvTooLong(kind) => write!(f, "the contents of TLV type {kind} are too long"),
            Self::IdKind => f.write_str("an id of another protocol in an LLDP announcement"),
            Self::TlvType(kind) => write!(f, "TLV type {kind} is not a reserved one"),
            Self::ManagementAddress => f.write_str("a management address or its object id is too long"),
            Self::Destination => f.write_str("the protocol is not sent to that destination"),
            Self::TooManyTags => f.write_str("more than four VLAN tags"),
            Self::TagProtocol(protocol) => write!(f, "{protocol:#06x} is no protocol of VLAN tags"),
            Self::Version => f.write_str("no such protocol version"),
            Self::Encapsulation => f.write_str("the protocol exists in SNAP only"),
            Self::FrameTooLong => f.write_str("the announcement does not fit in one frame"),
            Self::NeverSent(protocol) => write!(f, "{} is read, never sent", protocol.name()),
            Self::NoDeviceId => f.write_str("a CDP announcement needs a device id"),
        }
    }
}

impl core::error::Error for EncodeError {}

impl Heard {
    /// An untagged LLDP announcement to the nearest bridge, as a port with this address sends it.
    pub fn lldp(source: Mac, lldp: Lldp) -> Self {
        Self {
            source,
            destination: Mac::NEAREST_BRIDGE,
            vlans: Vec::new(),
            encapsulation: Encapsulation::EthernetII,
            announcement: Announcement::Lldp(lldp),
        }
    }

    /// An untagged CDP announcement, as a port with this address sends it.
    pub fn cdp(source: Mac, cdp: Cdp) -> Self {
        Self {
            source,
            destination: Mac::CDP,
            vlans: Vec::new(),
            encapsulation: Encapsulation::Snap,
            announcement: Announcement::Cdp(cdp),
        }
    }
}

/// The canonical frame of a value, padded to 60 octets, without a check sequence.
///
/// TLVs come in ascending order of type, unknown ones last. `decode` gives back an equal value, except
/// that `defects` are not sent: what is encoded is always sound.
///
/// # Errors
/// [`EncodeError`] names the field that has no place on the wire.
pub fn encode(heard: &Heard) -> Result<Vec<u8>, EncodeError> {
    let body = match &heard.announcement {
        Announcement::Lldp(lldp) => lldp.to_lldpdu()?,
        Announcement::Cdp(cdp) => cdp.to_octets()?,
        Announcement::Edp(_) | Announcement::Fdp(_) | Announcement::Sonmp(_) => {
            return Err(EncodeError::NeverSent(heard.protocol()));
        }
    };
    let mut frame = headers(heard, body.len())?;
    frame.extend_from_slice(&body);
    if frame.len() < FRAME_MIN {
        frame.resize(FRAME_MIN, 0);
    }
    Ok(frame)
}

fn headers(heard: &Heard, body: usize) -> Result<Vec<u8>, EncodeError> {
    let protocol = heard.protocol();
    if !protocol.is_sent_to(heard.destination) {
        return Err(EncodeError::Destination);
    }
    let mut frame = Vec::with_capacity(FRAME_MIN.max(body + 40));
    frame.extend_from_slice(&heard.destination.0);
    frame.extend_from_slice(&heard.source.0);
    tags(&heard.vlans, &mut frame)?;
    match heard.encapsulation {
        Encapsulation::Snap => snap(protocol, body, &mut frame)?,
        Encapsulation::EthernetII if protocol == Protocol::Lldp => frame.extend_from_slice(&[0x88, 0xcc]),
        Encapsulation::EthernetII => return Err(EncodeError::Encapsulation),
    }
    Ok(frame)
}

fn tags(vlans: &[VlanTag], frame: &mut Vec<u8>) -> Result<(), EncodeError> {
    if vlans.len() > VlanTag::STACK_MAX {
        return Err(EncodeError::TooManyTags);
    }
    for tag in vlans {
        if !VlanTag::PROTOCOLS.contains(&tag.protocol) {
            return Err(EncodeError::TagProtocol(tag.protocol));
        }
        frame.extend_from_slice(&tag.protocol.to_be_bytes());
        frame.extend_from_slice(&tag.control.to_be_bytes());
    }
    Ok(())
}

fn snap(protocol: Protocol, body: usize, frame: &mut Vec<u8>) -> Result<(), EncodeError> {
    let length = LLC_SNAP + body;
    if length > LENGTH_MAX {
        return Err(EncodeError::FrameTooLong);
    }
    let (oui, pid) = protocol.snap();
    frame.extend_from_slice(&(length as u16).to_be_bytes());
    frame.extend_from_slice(&[0xaa, 0xaa, 0x03]);
    frame.extend_from_slice(&oui);
    frame.extend_from_slice(&pid.to_be_bytes());
    Ok(())
}
