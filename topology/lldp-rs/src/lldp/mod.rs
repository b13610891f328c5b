//! LLDP (IEEE 802.1AB): the checked view of an LLDPDU and the value made from it.

mod basic;
mod decode;
mod dot1;
mod dot3;
mod encode;
mod med;
mod value;
mod view;

pub(crate) use basic::hex;
pub use basic::{Capabilities, CapabilitySet, ManagementAddress, Numbering};
pub use dot1::{Aggregation, Dot1, Ppvid, VlanName};
pub use dot3::{Classification, Dot3, Eee, MacPhy, Power};
pub use med::{Inventory, Location, Med, MedDevice, MedPower, Policy};
pub use value::{Lldp, UnknownTlv};
pub use view::{LldpView, Tlv, Tlvs};

/// TLV types of the basic set (802.1AB table 8-1).
pub(crate) mod tlv_type {
    pub(crate) const END: u8 = 0;
    pub(crate) const CHASSIS_ID: u8 = 1;
    pub(crate) const PORT_ID: u8 = 2;
    pub(crate) const TTL: u8 = 3;
    pub(crate) const PORT_DESCRIPTION: u8 = 4;
    pub(crate) const SYSTEM_NAME: u8 = 5;
    pub(crate) const SYSTEM_DESCRIPTION: u8 = 6;
    pub(crate) const SYSTEM_CAPABILITIES: u8 = 7;
    pub(crate) const MANAGEMENT_ADDRESS: u8 = 8;
    pub(crate) const ORGANISATION: u8 = 127;
}
