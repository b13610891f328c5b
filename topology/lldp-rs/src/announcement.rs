//! One frame heard: who sent it, how it was packed, what it said.

use alloc::vec::Vec;

use crate::{
    Cdp, CdpView, ChassisId, ChassisSubtype, Defect, DefectKind, Edp, EdpPort, Encapsulation, Fdp, Link,
    Lldp, LldpView, Mac, PortId, PortSubtype, Protocol, Reject, Sonmp, Text, VlanTag,
};

/// A frame that was an announcement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heard {
    /// The sender's address on this link.
    pub source: Mac,
    /// The group address it was sent to; for LLDP it tells how far the frame may have come.
    pub destination: Mac,
    /// VLAN tags found in the frame, outermost first. A kernel may have taken one away before.
    pub vlans: Vec<VlanTag>,
    /// How the announcement was packed.
    pub encapsulation: Encapsulation,
    /// What it said.
    pub announcement: Announcement,
}

impl Heard {
    /// The announcement's protocol.
    pub fn protocol(&self) -> Protocol {
        self.announcement.protocol()
    }
}

/// What a neighbour said, in the protocol it said it in.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(clippy::large_enum_variant, reason = "one is held at a time, while its frame is handled")]
pub enum Announcement {
    /// IEEE 802.1AB.
    Lldp(Lldp),
    /// Cisco Discovery Protocol.
    Cdp(Cdp),
    /// Extreme Discovery Protocol.
    Edp(Edp),
    /// Foundry Discovery Protocol.
    Fdp(Fdp),
    /// SynOptics Network Management Protocol.
    Sonmp(Sonmp),
}

impl Announcement {
    /// Its protocol.
    pub fn protocol(&self) -> Protocol {
        match self {
            Self::Lldp(_) => Protocol::Lldp,
            Self::Cdp(_) => Protocol::Cdp,
            Self::Edp(_) => Protocol::Edp,
            Self::Fdp(_) => Protocol::Fdp,
            Self::Sonmp(_) => Protocol::Sonmp,
        }
    }

    /// The device, in the protocol's own kind of id. `None` when a CDP sender does not name itself.
    pub fn chassis(&self) -> Option<ChassisId> {
        match self {
            Self::Lldp(lldp) => Some(lldp.chassis.clone()),
            Self::Cdp(cdp) => ChassisId::new(ChassisSubtype::Cdp, cdp.device_id.as_ref()?.octets()).ok(),
            Self::Edp(edp) => ChassisId::new(ChassisSubtype::Edp, &edp.machine.0).ok(),
            Self::Fdp(fdp) => ChassisId::new(ChassisSubtype::Fdp, fdp.device_id.as_ref()?.octets()).ok(),
            Self::Sonmp(sonmp) => ChassisId::new(ChassisSubtype::Sonmp, &sonmp.address.octets()).ok(),
        }
    }

    /// The device's port, in the protocol's own kind of id.
    pub fn port(&self) -> Option<PortId> {
        match self {
            Self::Lldp(lldp) => Some(lldp.port.clone()),
            Self::Cdp(cdp) => PortId::new(PortSubtype::Cdp, cdp.port_id.as_ref()?.octets()).ok(),
            Self::Edp(edp) => {
                let EdpPort { slot, port, .. } = edp.port?;
                PortId::new(PortSubtype::Edp, &[slot.to_be_bytes(), port.to_be_bytes()].concat()).ok()
            }
            Self::Fdp(fdp) => PortId::new(PortSubtype::Fdp, fdp.port_id.as_ref()?.octets()).ok(),
            Self::Sonmp(sonmp) => PortId::new(PortSubtype::Sonmp, &sonmp.segment).ok(),
        }
    }

    /// The device's name for people, if it gave one.
    pub fn system_name(&self) -> Option<&Text> {
        match self {
            Self::Lldp(lldp) => lldp.system_name.as_ref(),
            Self::Cdp(cdp) => cdp.system_name.as_ref().or(cdp.device_id.as_ref()),
            Self::Edp(edp) => edp.display.as_ref(),
            Self::Fdp(fdp) => fdp.device_id.as_ref(),
            Self::Sonmp(_) => None,
        }
    }

    /// Seconds to believe it; 0 takes the neighbour's word back.
    pub fn ttl_s(&self) -> u16 {
        match self {
            Self::Lldp(lldp) => lldp.ttl_s,
            Self::Cdp(cdp) => cdp.ttl_s.into(),
            Self::Edp(_) => Edp::TTL_S,
            Self::Fdp(fdp) => fdp.ttl_s.into(),
            Self::Sonmp(_) => Sonmp::TTL_S,
        }
    }

    /// Whether the sender announces its departure.
    pub fn is_shutdown(&self) -> bool {
        self.ttl_s() == 0
    }

    /// How often each kind of defect occurs, without those that do not.
    pub fn defect_counts(&self) -> impl Iterator<Item = (DefectKind, usize)> + '_ {
        let count = |kind| self.defects().iter().filter(|defect| defect.kind == kind).count();
        DefectKind::ALL.into_iter().map(move |kind| (kind, count(kind))).filter(|(_, count)| *count > 0)
    }

    /// What was wrong with the frame, nothing when it was sound.
    pub fn defects(&self) -> &[Defect] {
        match self {
            Self::Lldp(lldp) => &lldp.defects,
            Self::Cdp(cdp) => &cdp.defects,
            Self::Edp(edp) => &edp.defects,
            Self::Fdp(fdp) => &fdp.defects,
            Self::Sonmp(_) => &[],
        }
    }
}

/// Decodes a frame that starts with its destination address; a frame check sequence may follow.
///
/// # Errors
/// A [`Reject`] says why nothing was learnt; [`Reject::Foreign`] for frames of other protocols.
pub fn decode(frame: &[u8]) -> Result<Heard, Reject> {
    let link = Link::checked(frame)?;
    let announcement = match link.announcement()? {
        Protocol::Lldp => Announcement::Lldp(Lldp::from_view(&LldpView::checked(link.body)?)?),
        Protocol::Cdp => Announcement::Cdp(Cdp::from_view(&CdpView::checked(link.body)?)),
        Protocol::Edp => Announcement::Edp(Edp::decode(link.body)?),
        Protocol::Fdp => Announcement::Fdp(Fdp::decode(link.body)?),
        Protocol::Sonmp => Announcement::Sonmp(Sonmp::decode(link.body)?),
    };
    Ok(Heard {
        source: link.source,
        destination: link.destination,
        vlans: link.tags().collect(),
        encapsulation: link.encapsulation(),
        announcement,
    })
}
