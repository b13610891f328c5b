//! Why a frame taught nothing ([`Reject`]), or less than it carried ([`Defect`]).

use core::fmt;

/// Why a frame was refused. One variant per thing worth a counter; nothing was learnt from the frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Reject {
    /// Not one of our protocols (VTP, DTP, UDLD and spanning tree are this). Not a fault.
    Foreign,
    /// The frame ends inside its Ethernet header.
    TooShort,
    /// More than four VLAN tags: no network does that.
    TooManyTags,
    /// The destination is none that the protocol is sent to, so no direct neighbour sent it.
    Destination,
    /// The 802.3 length field is longer than the frame.
    LengthOverrun,
    /// A mandatory LLDP TLV, or a fixed header, does not fit in what was received.
    Truncated,
    /// Chassis id, port id and TTL are not the first three TLVs in this order.
    MandatoryOrder,
    /// Chassis id, port id or TTL comes a second time.
    MandatoryRepeated,
    /// A chassis or port id is empty, longer than 255 octets, or not as long as its subtype demands.
    IdLength,
    /// A chassis or port id subtype is reserved: not 1 to 7.
    IdSubtype,
    /// The TTL TLV is shorter than two octets.
    TtlLength,
    /// A protocol version this decoder does not know.
    Version,
    /// EDP or SONMP contents that carry no identity.
    NoIdentity,
}

impl Reject {
    /// Every variant, in declaration order: an array of counters needs no map.
    pub const ALL: [Self; 13] = [
        Self::Foreign,
        Self::TooShort,
        Self::TooManyTags,
        Self::Destination,
        Self::LengthOverrun,
        Self::Truncated,
        Self::MandatoryOrder,
        Self::MandatoryRepeated,
        Self::IdLength,
        Self::IdSubtype,
        Self::TtlLength,
        Self::Version,
        Self::NoIdentity,
    ];

    /// A stable lower-case name, fit for a metric label.
    pub fn name(self) -> &'static str {
        match self {
            Self::Foreign => "foreign",
            Self::TooShort => "too_short",
            Self::TooManyTags => "too_many_tags",
            Self::Destination => "destination",
            Self::LengthOverrun => "length_overrun",
            Self::Truncated => "truncated",
            Self::MandatoryOrder => "mandatory_order",
            Self::MandatoryRepeated => "mandatory_repeated",
            Self::IdLength => "id_length",
            Self::IdSubtype => "id_subtype",
            Self::TtlLength => "ttl_length",
            Self::Version => "version",
            Self::NoIdentity => "no_identity",
        }
    }
}

impl fmt::Display for Reject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Foreign => "not a neighbour announcement",
            Self::TooShort => "shorter than an Ethernet header",
            Self::TooManyTags => "more than four VLAN tags",
            Self::Destination => "sent to an address the protocol does not use",
            Self::LengthOverrun => "the 802.3 length passes the end of the frame",
            Self::Truncated => "a mandatory part passes the end of the frame",
            Self::MandatoryOrder => "chassis id, port id and TTL do not come first in this order",
            Self::MandatoryRepeated => "chassis id, port id or TTL comes twice",
            Self::IdLength => "a chassis or port id has an impossible length",
            Self::IdSubtype => "a chassis or port id has a reserved subtype",
            Self::TtlLength => "the TTL is shorter than two octets",
            Self::Version => "an unknown protocol version",
            Self::NoIdentity => "no identity in the announcement",
        })
    }
}

impl core::error::Error for Reject {}

/// One thing wrong with a frame that was believed nevertheless. The field concerned is absent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Defect {
    /// Which TLV, counted from 0 in the order sent.
    pub tlv: u16,
    /// What is wrong with it.
    pub kind: DefectKind,
}

/// What is wrong with a TLV, or with the list of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum DefectKind {
    /// The TLV's length passes the end of the announcement: it and all after it are lost.
    Overrun,
    /// The length is none that this TLV can have.
    Length,
    /// A length inside the TLV passes the end of the TLV.
    InnerLength,
    /// The TLV may come once and came before; the first one counts.
    Repeated,
    /// The LLDPDU ends without an End TLV (802.1AB 8.5.1).
    NoEnd,
    /// The End TLV has contents.
    EndLength,
    /// More unknown TLVs than are kept; the rest was dropped.
    TooMany,
    /// The checksum is wrong in both ways of computing it.
    Checksum,
    /// An EDP TLV without its marker octet.
    Marker,
    /// CDP or FDP without a device id: the sender cannot be told from others.
    NoDeviceId,
}

impl DefectKind {
    /// Every variant, in declaration order: an array of counters needs no map.
    pub const ALL: [Self; 10] = [
        Self::Overrun,
        Self::Length,
        Self::InnerLength,
        Self::Repeated,
        Self::NoEnd,
        Self::EndLength,
        Self::TooMany,
        Self::Checksum,
        Self::Marker,
        Self::NoDeviceId,
    ];

    /// A stable lower-case name, fit for a metric label.
    pub fn name(self) -> &'static str {
        match self {
            Self::Overrun => "overrun",
            Self::Length => "length",
            Self::InnerLength => "inner_length",
            Self::Repeated => "repeated",
            Self::NoEnd => "no_end",
            Self::EndLength => "end_length",
            Self::TooMany => "too_many",
            Self::Checksum => "checksum",
            Self::Marker => "marker",
            Self::NoDeviceId => "no_device_id",
        }
    }
}
