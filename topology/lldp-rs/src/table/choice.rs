//! Which of several neighbours is the switch.
//!
//! A port has one cable, but may hear several devices: a telephone in between, a simple switch that
//! passes LLDP on, a switch that floods foreign CDP, virtual machines. The ranking is lexicographic:
//! heard since the carrier came, LLDP, forwards frames, sent to the nearest bridge, on time.

use alloc::vec::Vec;

use crate::Protocol;
use crate::table::relation::{is_one_switch, took_over};
use crate::table::{Neighbour, Role};

/// The port's switch, or why there is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Choice<'a> {
    /// This one.
    Switch {
        /// The neighbour whose announcement counts.
        neighbour: &'a Neighbour,
        /// What set it apart.
        because: Because,
    },
    /// Several devices rank the same: the first is the longest known.
    Ambiguous {
        /// One neighbour a device, at least two.
        candidates: Vec<&'a Neighbour>,
    },
    /// None.
    None {
        /// Why.
        reason: NoSwitch,
    },
}

impl<'a> Choice<'a> {
    /// The chosen neighbour, if there is exactly one.
    pub fn switch(&self) -> Option<&'a Neighbour> {
        match self {
            Self::Switch { neighbour, .. } => Some(neighbour),
            Self::Ambiguous { .. } | Self::None { .. } => None,
        }
    }
}

/// What set the chosen neighbour apart from the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Because {
    /// It is the only device.
    Only,
    /// The others have not been heard since the carrier was lost.
    Heard,
    /// It speaks LLDP, the others protocols that travel further.
    Protocol,
    /// It forwards frames, the others do not say.
    Forwards,
    /// It sends to the nearest bridge, the others further.
    Nearest,
    /// The others are late.
    OnTime,
}

/// Why a port has no switch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NoSwitch {
    /// Nobody was heard.
    Silent,
    /// Only telephones and stations were heard.
    EndpointsOnly,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Rank {
    heard: bool,
    lldp: bool,
    role: Role,
    reach: u8,
    on_time: bool,
}

impl Rank {
    fn of(neighbour: &Neighbour) -> Self {
        Self {
            heard: !neighbour.suspect,
            // CDP's group address is forwarded by every switch that does not speak it.
            lldp: neighbour.key.protocol == Protocol::Lldp,
            role: neighbour.facts.role,
            reach: neighbour.reach,
            on_time: !neighbour.late,
        }
    }

    fn above(self, rival: Self) -> Because {
        match () {
            () if self.heard != rival.heard => Because::Heard,
            () if self.lldp != rival.lldp => Because::Protocol,
            () if self.role != rival.role => Because::Forwards,
            () if self.reach != rival.reach => Because::Nearest,
            () => Because::OnTime,
        }
    }
}

pub(crate) fn choose(neighbours: &[Neighbour]) -> Choice<'_> {
    let mut devices: Vec<&Neighbour> = Vec::new();
    // A guest hangs on its host, a station or not.
    let is_candidate =
        |neighbour: &&Neighbour| neighbour.facts.role != Role::Endpoint || neighbour.is_virtual;
    for neighbour in neighbours.iter().filter(is_candidate) {
        match devices.iter_mut().find(|known| is_same_device(known, neighbour)) {
            None => devices.push(neighbour),
            // Of one device's ports the newest counts: its cable may have been moved.
            Some(known) if Rank::of(neighbour) >= Rank::of(known) => *known = neighbour,
            Some(_) => {}
        }
    }
    let Some(best) = devices.iter().map(|device| Rank::of(device)).max() else {
        let reason = if neighbours.is_empty() { NoSwitch::Silent } else { NoSwitch::EndpointsOnly };
        return Choice::None { reason };
    };
    let rival = devices.iter().map(|device| Rank::of(device)).filter(|rank| *rank != best).max();
    devices.retain(|device| Rank::of(device) == best);
    match devices[..] {
        [neighbour] => {
            Choice::Switch { neighbour, because: rival.map_or(Because::Only, |rival| best.above(rival)) }
        }
        _ => Choice::Ambiguous { candidates: devices },
    }
}

/// One device, heard over two protocols, from two of its ports, or under the chassis id it had before.
fn is_same_device(a: &Neighbour, b: &Neighbour) -> bool {
    is_one_switch(a, b) || took_over(a, b)
}
