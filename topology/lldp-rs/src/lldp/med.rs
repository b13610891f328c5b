//! LLDP for media endpoint devices (ANSI/TIA-1057; OUI 00-12-BB).

use alloc::boxed::Box;
use alloc::vec::Vec;

use crate::lldp::decode::once;
use crate::lldp::encode::organisation;
use crate::octets::{array, be16, rest};
use crate::{DefectKind, EncodeError, Text};

pub(crate) const OUI: [u8; 3] = [0x00, 0x12, 0xbb];

const CAPABILITIES: u8 = 1;
const POLICY: u8 = 2;
const LOCATION: u8 = 3;
const POWER: u8 = 4;
const INVENTORY_FIRST: u8 = 5;

/// What a media endpoint, or a switch towards one, said.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Med {
    /// Capabilities and device class.
    pub device: Option<MedDevice>,
    /// Network policies.
    pub policies: Vec<Policy>,
    /// Locations.
    pub locations: Vec<Location>,
    /// Extended power.
    pub power: Option<MedPower>,
    /// Inventory texts.
    pub inventory: Inventory,
}

/// Capabilities and class of a media device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MedDevice {
    /// Which MED TLVs the device has, as bits.
    pub capabilities: u16,
    /// 1 generic, 2 media, 3 communication device (a telephone), 4 network connectivity (a switch).
    pub class: u8,
}

/// VLAN and marking for one application.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// 1 voice, 2 voice signalling, and so on to 8.
    pub application: u8,
    /// The policy is wanted but not known.
    pub unknown: bool,
    /// Frames are to be tagged.
    pub tagged: bool,
    /// VLAN id.
    pub vlan: u16,
    /// Priority code point, 0 to 7.
    pub priority: u8,
    /// DiffServ code point, 0 to 63.
    pub dscp: u8,
}

/// A location, not interpreted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location {
    /// 1 coordinates, 2 civic address, 3 emergency number.
    pub format: u8,
    /// The location as sent.
    pub octets: Box<[u8]>,
}

/// Extended power via MDI.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MedPower {
    /// Type (2 bits), source (2 bits), priority (4 bits).
    pub flags: u8,
    /// In tenths of a watt.
    pub value: u16,
}

/// Inventory texts.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Inventory {
    /// Hardware revision.
    pub hardware: Option<Text>,
    /// Firmware revision.
    pub firmware: Option<Text>,
    /// Software revision.
    pub software: Option<Text>,
    /// Serial number.
    pub serial: Option<Text>,
    /// Manufacturer's name.
    pub manufacturer: Option<Text>,
    /// Model name.
    pub model: Option<Text>,
    /// Asset id.
    pub asset: Option<Text>,
}

impl Inventory {
    /// The texts with their usual short names, in the order of their subtypes.
    pub fn named(&self) -> [(&'static str, Option<&Text>); 7] {
        [
            ("hardware", self.hardware.as_ref()),
            ("firmware", self.firmware.as_ref()),
            ("software", self.software.as_ref()),
            ("serial", self.serial.as_ref()),
            ("manufacturer", self.manufacturer.as_ref()),
            ("model", self.model.as_ref()),
            ("asset", self.asset.as_ref()),
        ]
    }

    fn slot(&mut self, subtype: u8) -> Option<&mut Option<Text>> {
        Some(match subtype {
            5 => &mut self.hardware,
            6 => &mut self.firmware,
            7 => &mut self.software,
            8 => &mut self.serial,
            9 => &mut self.manufacturer,
            10 => &mut self.model,
            11 => &mut self.asset,
            _ => return None,
        })
    }
}

impl Policy {
    fn decode(body: &[u8]) -> Option<Self> {
        let [application, a, b, c] = array(body, 0)?;
        let word = u32::from_be_bytes([0, a, b, c]);
        Some(Self {
            application,
            unknown: word >> 23 & 1 == 1,
            tagged: word >> 22 & 1 == 1,
            vlan: (word >> 9 & 0xfff) as u16,
            priority: (word >> 6 & 7) as u8,
            dscp: (word & 63) as u8,
        })
    }

    fn parts(self) -> [u8; 4] {
        let word = u32::from(self.unknown) << 23
            | u32::from(self.tagged) << 22
            | u32::from(self.vlan & 0xfff) << 9
            | u32::from(self.priority & 7) << 6
            | u32::from(self.dscp & 63);
        let [_, a, b, c] = word.to_be_bytes();
        [self.application, a, b, c]
    }
}

impl Med {
    /// Takes one TLV; `None` when the subtype is not known here.
    pub(crate) fn take(&mut self, subtype: u8, body: &[u8]) -> Option<Result<(), DefectKind>> {
        if let Some(slot) = self.inventory.slot(subtype) {
            return Some(once(slot, body.into()));
        }
        let taken = match subtype {
            CAPABILITIES => device(body).map(|value| once(&mut self.device, value)),
            POLICY => Policy::decode(body).map(|policy| {
                self.policies.push(policy);
                Ok(())
            }),
            LOCATION => body.first().map(|&format| {
                self.locations.push(Location { format, octets: rest(body, 1).into() });
                Ok(())
            }),
            POWER => power(body).map(|value| once(&mut self.power, value)),
            _ => return None,
        };
        Some(taken.unwrap_or(Err(DefectKind::Length)))
    }

    pub(crate) fn encode(&self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        let mut put = |subtype, parts: &[&[u8]]| organisation(out, OUI, subtype, parts);
        if let Some(MedDevice { capabilities, class }) = self.device {
            put(CAPABILITIES, &[&capabilities.to_be_bytes(), &[class]])?;
        }
        for policy in &self.policies {
            put(POLICY, &[&policy.parts()])?;
        }
        for location in &self.locations {
            put(LOCATION, &[&[location.format], &location.octets])?;
        }
        if let Some(MedPower { flags, value }) = self.power {
            put(POWER, &[&[flags], &value.to_be_bytes()])?;
        }
        for (subtype, (_, text)) in (INVENTORY_FIRST..).zip(self.inventory.named()) {
            text.map_or(Ok(()), |text| put(subtype, &[text.octets()]))?;
        }
        Ok(())
    }
}

fn device(body: &[u8]) -> Option<MedDevice> {
    Some(MedDevice { capabilities: be16(body, 0)?, class: *body.get(2)? })
}

fn power(body: &[u8]) -> Option<MedPower> {
    Some(MedPower { flags: *body.first()?, value: be16(body, 1)? })
}
