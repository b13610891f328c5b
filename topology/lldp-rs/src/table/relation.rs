//! What two neighbours have to do with each other, by everything they said.
//!
//! One device is not always one chassis id: cheap switches give each port its own, a stack that changes its master
//! changes its id, a replaced switch keeps its name. And two chassis are not always two devices that fail alone: a
//! pair that forms aggregates together (MLAG, vPC) answers LACP as one system. A name alone proves nothing: factory
//! defaults and pairs share it.

use crate::table::Neighbour;
use crate::{Mac, PortId};

/// What two neighbours are to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Relation {
    /// One switch: heard by two protocols, over two of its ports, or by a chassis id of each port.
    OneSwitch,
    /// One switch, but two of its stack members, line cards or fabric extenders, which fail apart.
    OneSwitchTwoModules,
    /// The same sender under another chassis id; the older id is not heard any more.
    Renamed,
    /// Another device in the place of one that is not heard any more: its name and its port.
    Replaced,
    /// Two switches that act as one towards aggregates: each can fail without the other.
    Peers,
    /// The same name and nothing else.
    Namesakes,
    /// Nothing.
    Strangers,
}

/// A neighbour and what was heard beside its announcements.
#[derive(Clone, Copy, Debug)]
pub struct Sight<'a> {
    /// The neighbour, of any of our ports.
    pub neighbour: &'a Neighbour,
    /// The LACP system at the other end of that port: the actor of the LACPDUs it sends.
    pub lacp_system: Option<Mac>,
}

impl Relation {
    /// The relation of two neighbours, the same whichever is named first.
    pub fn of(a: Sight<'_>, b: Sight<'_>) -> Self {
        let (one, other) = (a.neighbour, b.neighbour);
        if is_one_switch(one, other) {
            let modules = (one.identity.module, other.identity.module);
            return match modules {
                (Some(first), Some(second)) if first != second => Self::OneSwitchTwoModules,
                _ => Self::OneSwitch,
            };
        }
        let is_same_name = one.identity.name.is_some() && one.identity.name == other.identity.name;
        match () {
            () if took_over(one, other) => Self::Renamed,
            () if is_same_name && has_succeeded(one, other) => Self::Replaced,
            () if is_same_system(a.lacp_system, b.lacp_system) => Self::Peers,
            () if is_same_name => Self::Namesakes,
            () => Self::Strangers,
        }
    }
}

/// By their keys, or because the chassis id of the one is the switch the other was found to be a port of. Across
/// protocols the ids do not compare, so the address it sends from or its short name joins them on one port.
pub(crate) fn is_one_switch(a: &Neighbour, b: &Neighbour) -> bool {
    let (of_a, of_b) = (&a.identity, &b.identity);
    if of_a.switch == of_b.switch || of_a.chassis == of_b.switch || of_a.switch == of_b.chassis {
        return true;
    }
    if a.key.protocol == b.key.protocol || a.key.ifindex != b.key.ifindex {
        return false;
    }
    a.facts.source == b.facts.source || (of_a.name.is_some() && of_a.name == of_b.name)
}

/// One address, one port, two chassis ids, one after the other. Whoever forges another's address to take its place
/// is found out by the other still speaking.
pub(crate) fn took_over(a: &Neighbour, b: &Neighbour) -> bool {
    a.facts.source == b.facts.source && has_succeeded(a, b)
}

/// Whether the one began where the other ended: on one of our cables, over one protocol, from one port.
fn has_succeeded(a: &Neighbour, b: &Neighbour) -> bool {
    let place = |neighbour: &Neighbour| (neighbour.key.ifindex, neighbour.key.protocol);
    let port: fn(&Neighbour) -> Option<&PortId> = |neighbour| neighbour.key.port.as_ref();
    let one_after_the_other = a.last_seen < b.first_seen || b.last_seen < a.first_seen;
    place(a) == place(b) && port(a).is_some() && port(a) == port(b) && one_after_the_other
}

/// A system of zeros has not heard anybody.
fn is_same_system(a: Option<Mac>, b: Option<Mac>) -> bool {
    a.is_some() && a == b && a != Some(Mac([0; 6]))
}
