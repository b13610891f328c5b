//! Neighbour announcements on Ethernet: LLDP and CDP, and what is left of EDP, FDP and SONMP.
//!
//! The crate turns one received frame into a [`Heard`] value ([`decode`]), a value into a frame
//! ([`encode`]), and many of them into the neighbours of a host's ports ([`NeighbourTable`]).
//! It reads no clock, no socket and no file; it keeps no global state and starts no thread.
//! Whoever owns those hands in octets and nanoseconds.
//!
//! # Two layers
//! A *view* ([`Link`], [`LldpView`], [`CdpView`]) is a checked borrow of the frame: making one proves
//! every length in it, allocates nothing, and lets TLVs be walked where they lie.
//! A *value* ([`Heard`] and what it holds) is owned and valid whatever the frame looked like.
//!
//! # Strict, then lenient
//! The three mandatory LLDP TLVs identify a neighbour, so a frame that breaks one of them is refused
//! with a [`Reject`]. A broken TLV after them costs that field only: the value keeps the identity and
//! lists a [`Defect`]. Losing a switch to a malformed inventory TLV is worse than missing a field.
//!
//! # Laws
//! - Every function is total on any octets: no panic, memory and time linear in the frame's length.
//! - `decode(&encode(&x)?) == Ok(x)` for every LLDP or CDP value that `decode` returns without defects.
//! - Octets are kept as sent; text is derived from them and made safe for logs when asked for.
//!
//! ```
//! let frame = [
//!     0x01, 0x80, 0xc2, 0x00, 0x00, 0x0e, 0x02, 0, 0, 0, 0, 1, 0x88, 0xcc, // Ethernet II
//!     0x02, 0x07, 0x04, 0x02, 0, 0, 0, 0, 1, // chassis id, a MAC address
//!     0x04, 0x05, 0x05, b's', b'w', b'p', b'1', // port id, an interface name
//!     0x06, 0x02, 0x00, 0x78, // TTL 120 s
//!     0x00, 0x00, // end
//! ];
//! let heard = lldp_rs::decode(&frame)?;
//! assert_eq!(heard.announcement.ttl_s(), 120);
//! assert_eq!(heard.announcement.port().map(|port| port.text()).as_deref(), Some("swp1"));
//! # Ok::<(), lldp_rs::Reject>(())
//! ```
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

/// The README's example is a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

mod announcement;
mod bridge;
mod cdp;
mod encode;
mod id;
mod identity;
pub mod json;
mod legacy;
mod link;
mod lldp;
mod mac;
mod octets;
mod reject;
mod table;
mod text;

pub use announcement::{Announcement, Heard, decode};
pub use bridge::{BridgeId, Lacp, LacpParty, LacpState, Stp};
pub use cdp::{Cdp, CdpAddress, CdpCapabilities, CdpPower, CdpTlv, CdpTlvs, CdpView, OtherTlv};
pub use encode::{EncodeError, encode};
pub use id::{ChassisId, ChassisSubtype, Id, IdError, PortId, PortSubtype, Subtype};
pub use identity::{Basis, SwitchIdentity, SwitchKey};
pub use legacy::{Edp, EdpPort, EdpVlan, Fdp, Sonmp};
pub use link::{Encapsulation, Link, Payload, Protocol, VlanTag};
pub use lldp::{
    Aggregation, Capabilities, CapabilitySet, Classification, Dot1, Dot3, Eee, Inventory, Lldp, LldpView,
    Location, MacPhy, ManagementAddress, Med, MedDevice, MedPower, Numbering, Policy, Power, Ppvid, Tlv,
    Tlvs, UnknownTlv, VlanName,
};
pub use mac::Mac;
pub use reject::{Defect, DefectKind, Reject};
pub use table::{
    Because, Choice, Facts, Field, Ignored, Key, Limits, Neighbour, NeighbourTable, NoSwitch, Outcome,
    Relation, Role, Sight, TableEvent,
};
pub use text::Text;
