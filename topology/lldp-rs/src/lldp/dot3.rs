//! IEEE 802.3 organisationally specific TLVs (802.3 clause 79; OUI 00-12-0F).

use alloc::boxed::Box;
use alloc::vec::Vec;

use crate::lldp::decode::once;
use crate::lldp::encode::organisation;
use crate::octets::{array, be16, rest};
use crate::{Aggregation, DefectKind, EncodeError};

pub(crate) const OUI: [u8; 3] = [0x00, 0x12, 0x0f];

const MAC_PHY: u8 = 1;
const POWER: u8 = 2;
const AGGREGATION: u8 = 3;
const FRAME_SIZE: u8 = 4;
const EEE: u8 = 5;
const ADDITIONAL: u8 = 7;

/// What the neighbour said about its Ethernet port.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Dot3 {
    /// Speed and duplex (802.3 79.3.1).
    pub mac_phy: Option<MacPhy>,
    /// Power over Ethernet (802.3 79.3.2).
    pub power: Option<Power>,
    /// Link aggregation in its deprecated place (802.3 79.3.3).
    pub aggregation: Option<Aggregation>,
    /// Largest frame in octets (802.3 79.3.4).
    pub frame_size_max: Option<u16>,
    /// Energy-efficient Ethernet (802.3 79.3.5).
    pub eee: Option<Eee>,
    /// Additional Ethernet capabilities, frame preemption above all (802.3 79.3.7): bit 0 supported, 1 enabled,
    /// 2 active, bits 3 and 4 the smallest fragment.
    pub additional: Option<u16>,
}

/// How long a link needs to wake, in microseconds (802.3 79.3.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Eee {
    /// Before it sends.
    pub transmit_wake: u16,
    /// Before it can receive.
    pub receive_wake: u16,
    /// What it would rather have the other end wait.
    pub fallback_receive_wake: u16,
    /// The other end's `transmit_wake`, as heard.
    pub echo_transmit_wake: u16,
    /// The other end's `receive_wake`, as heard.
    pub echo_receive_wake: u16,
}

impl Eee {
    fn decode(body: &[u8]) -> Option<Self> {
        Some(Self {
            transmit_wake: be16(body, 0)?,
            receive_wake: be16(body, 2)?,
            fallback_receive_wake: be16(body, 4)?,
            echo_transmit_wake: be16(body, 6)?,
            echo_receive_wake: be16(body, 8)?,
        })
    }

    fn parts(self) -> [[u8; 2]; 5] {
        let echoes = [self.echo_transmit_wake, self.echo_receive_wake];
        let [echo_transmit, echo_receive] = echoes.map(u16::to_be_bytes);
        let own = [self.transmit_wake, self.receive_wake, self.fallback_receive_wake];
        let [transmit, receive, fallback] = own.map(u16::to_be_bytes);
        [transmit, receive, fallback, echo_transmit, echo_receive]
    }
}

/// Autonegotiation and what came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MacPhy {
    /// Bit 0 supported, bit 1 enabled.
    pub autonegotiation: u8,
    /// What is advertised, as ifMauAutoNegCapAdvertisedBits.
    pub advertised: u16,
    /// Operational MAU type.
    pub mau: u16,
}

/// Power over Ethernet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Power {
    /// Bit 0 sourcing, 1 supported, 2 enabled, 3 pair control.
    pub support: u8,
    /// Power pair: 1 signal, 2 spare.
    pub pair: u8,
    /// Power class plus one.
    pub class: u8,
    /// Data link layer classification, from 802.3at on.
    pub classification: Option<Classification>,
}

/// Power asked for and granted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Classification {
    /// Power type (2 bits), source (2 bits), priority (4 bits).
    pub type_source_priority: u8,
    /// In tenths of a watt.
    pub requested: u16,
    /// In tenths of a watt.
    pub allocated: u16,
    /// Further octets of 802.3bt, as sent.
    pub extension: Box<[u8]>,
}

impl Dot3 {
    /// Takes one TLV; `None` when the subtype is not known here.
    pub(crate) fn take(&mut self, subtype: u8, body: &[u8]) -> Option<Result<(), DefectKind>> {
        let taken = match subtype {
            MAC_PHY => mac_phy(body).map(|value| once(&mut self.mac_phy, value)),
            POWER => power(body).map(|value| once(&mut self.power, value)),
            AGGREGATION => Aggregation::decode(body).map(|value| once(&mut self.aggregation, value)),
            FRAME_SIZE => be16(body, 0).map(|size| once(&mut self.frame_size_max, size)),
            EEE => Eee::decode(body).map(|eee| once(&mut self.eee, eee)),
            ADDITIONAL => be16(body, 0).map(|set| once(&mut self.additional, set)),
            _ => return None,
        };
        Some(taken.unwrap_or(Err(DefectKind::Length)))
    }

    pub(crate) fn encode(&self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        let mut put = |subtype, parts: &[&[u8]]| organisation(out, OUI, subtype, parts);
        if let Some(MacPhy { autonegotiation, advertised, mau }) = self.mac_phy {
            put(MAC_PHY, &[&[autonegotiation], &advertised.to_be_bytes(), &mau.to_be_bytes()])?;
        }
        if let Some(power) = &self.power {
            let head = [power.support, power.pair, power.class];
            match &power.classification {
                None => put(POWER, &[&head])?,
                Some(more) => {
                    let (asked, given) = (more.requested.to_be_bytes(), more.allocated.to_be_bytes());
                    put(POWER, &[&head, &[more.type_source_priority], &asked, &given, &more.extension])?;
                }
            }
        }
        if let Some(aggregation) = self.aggregation {
            put(AGGREGATION, &[&aggregation.parts()])?;
        }
        if let Some(size) = self.frame_size_max {
            put(FRAME_SIZE, &[&size.to_be_bytes()])?;
        }
        if let Some(eee) = self.eee {
            put(EEE, &[eee.parts().as_flattened()])?;
        }
        self.additional.map_or(Ok(()), |set| put(ADDITIONAL, &[&set.to_be_bytes()]))
    }
}

fn mac_phy(body: &[u8]) -> Option<MacPhy> {
    Some(MacPhy { autonegotiation: *body.first()?, advertised: be16(body, 1)?, mau: be16(body, 3)? })
}

/// Three octets before 802.3at, eight since, more since 802.3bt; what lies between is cut off.
fn power(body: &[u8]) -> Option<Power> {
    let [support, pair, class] = array(body, 0)?;
    Some(Power { support, pair, class, classification: classification(body) })
}

fn classification(body: &[u8]) -> Option<Classification> {
    Some(Classification {
        type_source_priority: *body.get(3)?,
        requested: be16(body, 4)?,
        allocated: be16(body, 6)?,
        extension: rest(body, 8).into(),
    })
}
