//! CDP, versions 1 and 2: the checked view of an announcement and the value made from it.

mod address;
mod decode;
mod encode;
mod value;
mod view;

pub use address::CdpAddress;
pub use value::{Cdp, CdpCapabilities, CdpPower, OtherTlv};
pub use view::{CdpTlv, CdpTlvs, CdpView};

/// TLV types.
pub(crate) mod tlv_type {
    pub(crate) const DEVICE_ID: u16 = 0x01;
    pub(crate) const ADDRESSES: u16 = 0x02;
    pub(crate) const PORT_ID: u16 = 0x03;
    pub(crate) const CAPABILITIES: u16 = 0x04;
    pub(crate) const SOFTWARE: u16 = 0x05;
    pub(crate) const PLATFORM: u16 = 0x06;
    pub(crate) const VTP_DOMAIN: u16 = 0x09;
    pub(crate) const NATIVE_VLAN: u16 = 0x0a;
    pub(crate) const DUPLEX: u16 = 0x0b;
    pub(crate) const VOICE_VLAN: u16 = 0x0e;
    pub(crate) const POWER_DRAWN: u16 = 0x10;
    pub(crate) const MTU: u16 = 0x11;
    pub(crate) const TRUST: u16 = 0x12;
    pub(crate) const UNTRUSTED_COS: u16 = 0x13;
    pub(crate) const SYSTEM_NAME: u16 = 0x14;
    pub(crate) const MANAGEMENT: u16 = 0x16;
    pub(crate) const POWER_REQUESTED: u16 = 0x19;
    pub(crate) const POWER_AVAILABLE: u16 = 0x1a;
}
