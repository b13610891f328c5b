//! The link layer: Ethernet II, VLAN tags, 802.3 with LLC and SNAP.

use crate::octets::{array, be16, rest};
use crate::{Mac, Reject};

/// An announcement protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Protocol {
    /// IEEE 802.1AB.
    Lldp,
    /// Cisco Discovery Protocol.
    Cdp,
    /// Extreme Discovery Protocol.
    Edp,
    /// Foundry Discovery Protocol.
    Fdp,
    /// SynOptics Network Management Protocol, also known as NDP.
    Sonmp,
}

impl Protocol {
    /// The lower-case name: `lldp`, `cdp`, `edp`, `fdp`, `sonmp`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Lldp => "lldp",
            Self::Cdp => "cdp",
            Self::Edp => "edp",
            Self::Fdp => "fdp",
            Self::Sonmp => "sonmp",
        }
    }

    /// Where its announcements are usually sent to.
    pub fn destination(self) -> Mac {
        match self {
            Self::Lldp => Mac::NEAREST_BRIDGE,
            Self::Cdp => Mac::CDP,
            Self::Edp => Mac::EDP,
            Self::Fdp => Mac::FDP,
            Self::Sonmp => Mac::SONMP,
        }
    }

    /// Whether the protocol is sent to that destination. Another one means that no direct neighbour
    /// sent the frame, or that it is forged.
    pub fn is_sent_to(self, destination: Mac) -> bool {
        match self {
            Self::Lldp => destination.is_lldp_group(),
            Self::Cdp => destination == Mac::CDP,
            Self::Edp => destination == Mac::EDP,
            Self::Fdp => destination == Mac::FDP,
            // SONMP says hello to :00 on the segment and to :01 within a chassis.
            Self::Sonmp => matches!(destination.0, [0x01, 0x00, 0x81, 0x00, 0x01, 0x00 | 0x01]),
        }
    }

    /// The SNAP organisation and protocol id it is sent with.
    pub(crate) fn snap(self) -> ([u8; 3], u16) {
        match self {
            Self::Lldp => ([0x00, 0x00, 0x00], 0x88cc),
            Self::Cdp => ([0x00, 0x00, 0x0c], 0x2000),
            Self::Edp => ([0x00, 0xe0, 0x2b], 0x00bb),
            Self::Fdp => ([0x00, 0xe0, 0x52], 0x2000),
            Self::Sonmp => ([0x00, 0x00, 0x81], 0x01a2),
        }
    }
}

/// How the announcement was packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Encapsulation {
    /// An EtherType follows the addresses and tags.
    EthernetII,
    /// An 802.3 length, then LLC and SNAP.
    Snap,
}

/// A VLAN tag that was stripped. LLDP is sent untagged by the standard, but tagged ones occur.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VlanTag {
    /// The tag protocol: 0x8100 (802.1Q C-tag), 0x88a8 (S-tag), 0x9100 (older QinQ).
    pub protocol: u16,
    /// Priority (3 bits), drop eligible (1 bit), VLAN id (12 bits).
    pub control: u16,
}

impl VlanTag {
    /// How many tags a frame may carry before it is refused.
    pub const STACK_MAX: usize = 4;
    /// 802.1Q's C-tag and S-tag, and what QinQ was before the standard.
    pub const PROTOCOLS: [u16; 3] = [0x8100, 0x88a8, 0x9100];

    /// VLAN id; 0 is a priority tag.
    pub fn id(self) -> u16 {
        self.control & 0xfff
    }

    /// Priority code point, 0 to 7.
    pub fn priority(self) -> u8 {
        (self.control >> 13) as u8
    }
}

/// What follows the addresses and tags.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Payload {
    /// Ethernet II with this EtherType.
    EtherType(u16),
    /// 802.3 with LLC and SNAP: organisation and protocol id.
    Snap {
        /// Organisation, 00:00:00 for EtherTypes.
        oui: [u8; 3],
        /// Protocol of that organisation.
        pid: u16,
    },
    /// 802.3 with another LLC header: destination and source access point, control.
    Llc([u8; 3]),
    /// 802.3 too short for an LLC header.
    Bare,
}

/// A frame's link layer, borrowed and checked.
#[derive(Clone, Copy, Debug)]
pub struct Link<'a> {
    /// Where it was sent to.
    pub destination: Mac,
    /// Who sent it.
    pub source: Mac,
    /// What the body is.
    pub payload: Payload,
    /// The octets after all headers, as long as the 802.3 length says when there is one. Ethernet II
    /// has no length, so padding is still there.
    pub body: &'a [u8],
    /// Whether the 802.3 length passes the end of the frame; `body` is then what there is.
    pub overrun: bool,
    tags: &'a [u8],
}

/// Up to here the field after the addresses is a length, from 1536 on an EtherType (802.3 3.2.6). What
/// lies between is undefined: a type that nobody has.
const LENGTH_MAX: u16 = 1500;

impl<'a> Link<'a> {
    /// Reads the headers. Says nothing yet about whether the protocol is ours.
    pub fn checked(frame: &'a [u8]) -> Result<Self, Reject> {
        let link = Self::with_any_tags(frame)?;
        if link.tags.len() > 4 * VlanTag::STACK_MAX {
            return Err(Reject::TooManyTags);
        }
        Ok(link)
    }

    /// As [`Link::checked`], however many tags there are: for showing what was refused.
    pub(crate) fn with_any_tags(frame: &'a [u8]) -> Result<Self, Reject> {
        let destination = array(frame, 0).map(Mac).ok_or(Reject::TooShort)?;
        let source = array(frame, 6).map(Mac).ok_or(Reject::TooShort)?;
        let tags = tags_of(rest(frame, 12));
        let after = rest(frame, 12 + tags.len());
        let kind = be16(after, 0).ok_or(Reject::TooShort)?;
        let (payload, body, overrun) = match kind {
            ..=LENGTH_MAX => length_field(rest(after, 2), usize::from(kind)),
            _ => (Payload::EtherType(kind), rest(after, 2), false),
        };
        Ok(Self { destination, source, payload, body, overrun, tags })
    }

    /// The VLAN tags, outermost first; at most four.
    pub fn tags(&self) -> impl Iterator<Item = VlanTag> + 'a {
        let fields = |tag: &'a [u8]| Some(VlanTag { protocol: be16(tag, 0)?, control: be16(tag, 2)? });
        self.tags.chunks_exact(4).filter_map(fields)
    }

    /// The announcement protocol, by EtherType or SNAP protocol alone.
    pub fn protocol(&self) -> Option<Protocol> {
        match self.payload {
            // SNAP carries EtherTypes under 00-00-00, and under 00-00-F8 what a bridge tunnels (802.1H).
            Payload::EtherType(0x88cc) | Payload::Snap { oui: [0, 0, 0x00 | 0xf8], pid: 0x88cc } => {
                Some(Protocol::Lldp)
            }
            Payload::Snap { oui: [0x00, 0x00, 0x0c], pid: 0x2000 } => Some(Protocol::Cdp),
            Payload::Snap { oui: [0x00, 0xe0, 0x2b], pid: 0x00bb } => Some(Protocol::Edp),
            Payload::Snap { oui: [0x00, 0xe0, 0x52], pid: 0x2000 } => Some(Protocol::Fdp),
            Payload::Snap { oui: [0x00, 0x00, 0x81], pid: 0x01a1 | 0x01a2 } => Some(Protocol::Sonmp),
            Payload::EtherType(_) | Payload::Snap { .. } | Payload::Llc(_) | Payload::Bare => None,
        }
    }

    /// How the body is packed.
    pub fn encapsulation(&self) -> Encapsulation {
        match self.payload {
            Payload::EtherType(_) => Encapsulation::EthernetII,
            Payload::Snap { .. } | Payload::Llc(_) | Payload::Bare => Encapsulation::Snap,
        }
    }

    /// The protocol, when the frame is one of ours, is sent where that protocol is sent, and is whole.
    pub fn announcement(&self) -> Result<Protocol, Reject> {
        let protocol = self.protocol().ok_or(Reject::Foreign)?;
        let expected = protocol.is_sent_to(self.destination);
        if !expected {
            return Err(Reject::Destination);
        }
        // EDP's own length decides: its senders get the 802.3 one wrong.
        if self.overrun && protocol != Protocol::Edp {
            return Err(Reject::LengthOverrun);
        }
        Ok(protocol)
    }
}

/// The whole tags at the front; a cut one is left, and refused as the type it is not.
fn tags_of(after_addresses: &[u8]) -> &[u8] {
    let is_tag = |tag: &[u8; 4]| be16(tag, 0).is_some_and(|protocol| VlanTag::PROTOCOLS.contains(&protocol));
    let (fours, _) = after_addresses.as_chunks::<4>();
    let tags = fours.split(|four| !is_tag(four)).next().unwrap_or_default();
    tags.as_flattened()
}

/// The respected length is the field's, not the frame's: short frames are padded to 60 octets.
fn length_field(after: &[u8], length: usize) -> (Payload, &[u8], bool) {
    let overrun = length > after.len();
    let inside = after.get(..length).unwrap_or(after);
    let Some(llc) = array::<3>(inside, 0) else {
        return (Payload::Bare, inside, overrun);
    };
    match (llc, array::<3>(inside, 3), be16(inside, 6)) {
        ([0xaa, 0xaa, 0x03], Some(oui), Some(pid)) => (Payload::Snap { oui, pid }, rest(inside, 8), overrun),
        _ => (Payload::Llc(llc), rest(inside, 3), overrun),
    }
}
