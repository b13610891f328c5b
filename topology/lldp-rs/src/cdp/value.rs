//! A decoded CDP announcement.

use alloc::boxed::Box;
use alloc::vec::Vec;

use crate::{CdpAddress, Defect, DefectKind, Text};

/// CDP's capability bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct CdpCapabilities(pub u32);

impl CdpCapabilities {
    /// Routes.
    pub const ROUTER: Self = Self(1);
    /// A transparent bridge.
    pub const TRANSPARENT_BRIDGE: Self = Self(1 << 1);
    /// A source-route bridge.
    pub const SOURCE_ROUTE_BRIDGE: Self = Self(1 << 2);
    /// A layer 2 switch.
    pub const SWITCH: Self = Self(1 << 3);
    /// An end host.
    pub const HOST: Self = Self(1 << 4);
    /// Filters IGMP.
    pub const IGMP: Self = Self(1 << 5);
    /// Repeats frames.
    pub const REPEATER: Self = Self(1 << 6);
    /// A telephone.
    pub const PHONE: Self = Self(1 << 7);

    /// The capabilities in either.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether any capability of `other` is in this set.
    pub const fn intersects(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}

/// What a CDP announcement said. Absent TLVs are `None` or empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cdp {
    /// 1 or 2.
    pub version: u8,
    /// Seconds to believe this.
    pub ttl_s: u8,
    /// The device's name for itself; the identity. Absence is a [`DefectKind::NoDeviceId`].
    pub device_id: Option<Text>,
    /// The port that sent this. Some senders put the port's description here.
    pub port_id: Option<Text>,
    /// What the device can do.
    pub capabilities: Option<CdpCapabilities>,
    /// Network addresses of the device.
    pub addresses: Vec<CdpAddress>,
    /// Management addresses of the device.
    pub management: Vec<CdpAddress>,
    /// Software version, often several lines.
    pub software: Option<Text>,
    /// Hardware platform.
    pub platform: Option<Text>,
    /// VTP management domain, possibly empty.
    pub vtp_domain: Option<Text>,
    /// System name, beside the device id.
    pub system_name: Option<Text>,
    /// VLAN of untagged frames.
    pub native_vlan: Option<u16>,
    /// VLAN for telephones.
    pub voice_vlan: Option<u16>,
    /// Whether the port runs full duplex.
    pub full_duplex: Option<bool>,
    /// Largest packet in octets.
    pub mtu: Option<u32>,
    /// Trust of attached devices' markings.
    pub trust: Option<u8>,
    /// Class of service for untrusted devices.
    pub untrusted_cos: Option<u8>,
    /// Power over Ethernet.
    pub power: CdpPower,
    /// TLVs this crate does not interpret, at most [`Cdp::OTHER_MAX`].
    pub other: Vec<OtherTlv>,
    /// What was wrong.
    pub defects: Vec<Defect>,
}

impl Cdp {
    /// How many unknown TLVs are kept.
    pub const OTHER_MAX: usize = 128;

    /// A version 2 announcement of this device and port, and nothing else.
    pub fn new(device_id: &str, port_id: &str, ttl_s: u8) -> Self {
        Self { device_id: Some(device_id.into()), port_id: Some(port_id.into()), ..Self::empty(2, ttl_s) }
    }

    pub(crate) fn empty(version: u8, ttl_s: u8) -> Self {
        Self {
            version,
            ttl_s,
            device_id: None,
            port_id: None,
            capabilities: None,
            addresses: Vec::new(),
            management: Vec::new(),
            software: None,
            platform: None,
            vtp_domain: None,
            system_name: None,
            native_vlan: None,
            voice_vlan: None,
            full_duplex: None,
            mtu: None,
            trust: None,
            untrusted_cos: None,
            power: CdpPower::default(),
            other: Vec::new(),
            defects: Vec::new(),
        }
    }

    /// Whether the checksum was right. A wrong one is counted, not refused: senders exist that never
    /// get an odd length right.
    pub fn checksum_ok(&self) -> bool {
        self.defects.iter().all(|defect| defect.kind != DefectKind::Checksum)
    }
}

/// Power over Ethernet in CDP.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct CdpPower {
    /// What the sender draws, in milliwatts.
    pub drawn_mw: Option<u16>,
    /// Request id, management id, and the levels asked for in milliwatts, best first.
    pub requested: Option<(u16, u16, Vec<u32>)>,
    /// Request id, management id, and what is on offer in milliwatts.
    pub available: Option<(u16, u16, Vec<u32>)>,
}

/// A TLV kept as it came.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OtherTlv {
    /// Type.
    pub kind: u16,
    /// Contents.
    pub octets: Box<[u8]>,
}
