//! The roster: every host this site expects, by dense number.

use std::collections::BTreeMap;

use core::mem::replace;
use core::net::SocketAddr;

use ringmesh_proto::message::{Carrier, Generation, LinkId, PROBE_PORT, Report, RingId};
use ringmesh_proto::time::Time;
use ringmesh_topology::diagnosis::{HostIx, SwitchIx};
use ringmesh_topology::id::{Boot, HostBoot, Name, ProbeId};
use ringmesh_topology::place::{Place, WireId};
use ringmesh_topology::verdict::Class;
use serde::{Deserialize, Serialize};

use crate::wiring::Wires;

/// How a member stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Standing {
    /// Heard, as far as anybody has said otherwise.
    Live,
    /// Silent: a consequence of an open incident.
    Silent,
    /// Gone with a goodbye, expected back.
    Planned,
    /// Left for good: a vacated slot.
    Gone,
}

/// A place in one ring, by one port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seat {
    pub(crate) ring: RingId,
    /// The member's port.
    pub(crate) via: u32,
    /// To be given up as soon as the assignment in force is applied: make before break.
    pub(crate) leaving: bool,
    /// Its member has not been told of it yet.
    pub(crate) untold: bool,
}

/// An assignment that is not confirmed yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pending {
    /// New links not yet heard in both directions.
    pub(crate) waits: Vec<LinkId>,
    /// The member itself must say `Applied`.
    pub(crate) own: bool,
    /// How often it was sent.
    pub(crate) sent: u32,
    /// When it is sent again.
    pub(crate) next: Time,
}

/// A host of the site.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    pub(crate) probe: ProbeId,
    pub(crate) name: Name,
    pub(crate) class: Class,
    pub(crate) boot: Boot,
    pub(crate) host_boot: HostBoot,
    pub(crate) standing: Standing,
    pub(crate) since: Time,
    pub(crate) places: Vec<Place>,
    /// Ports whose way is lost while the host lives by another.
    pub(crate) lost_legs: Vec<u32>,
    /// Where its last sealed datagram came from.
    pub(crate) heard_from: SocketAddr,
    pub(crate) heard_at: Time,
    /// It has a session with this run of the relay.
    pub(crate) met: bool,
    pub(crate) seats: Vec<Seat>,
    pub(crate) generation: Generation,
    pub(crate) pending: Option<Pending>,
    pub(crate) recorder_hash: u32,
    /// The report that told the places last, in this run.
    pub(crate) places_told: Report,
    /// The same of the evidence.
    pub(crate) evidence_told: Report,
    /// What its ports hung on last.
    pub(crate) wires: Wires,
}

impl Member {
    /// The place behind a port.
    pub(crate) fn place(&self, via: u32) -> Option<&Place> {
        self.places.iter().find(|place| place.ifindex == via)
    }

    /// Takes how a port stands in its bond, and the carrier of one that does not stand for the address; whether
    /// that was news.
    pub(crate) fn take_bond(&mut self, told: &Carrier) -> bool {
        let Some(role) = told.role else { return false };
        self.places.iter_mut().any(|place| {
            let own = place.ifindex == told.ifindex;
            let Some(bond) = place.bond.as_mut() else { return false };
            if own {
                return replace(&mut bond.role, role) != role;
            }
            let mate = bond.mates.iter_mut().find(|mate| mate.ifindex == told.ifindex);
            mate.is_some_and(|mate| {
                (replace(&mut mate.role, role), replace(&mut mate.carrier, told.up)) != (role, told.up)
            })
        })
    }

    /// The port it stands in a ring by.
    pub(crate) fn via(&self, ring: RingId) -> Option<u32> {
        self.seats.iter().find(|seat| seat.ring == ring).map(|seat| seat.via)
    }

    /// The number of a leg: its place among the places.
    pub(crate) fn leg(&self, via: u32) -> u8 {
        let at = self.places.iter().position(|place| place.ifindex == via).unwrap_or(0);
        u8::try_from(at).unwrap_or(u8::MAX)
    }

    /// Where beats and pings by that port go.
    pub(crate) fn address(&self, via: u32) -> SocketAddr {
        self.place(via).map_or(self.heard_from, |place| SocketAddr::new(place.address, self.port()))
    }

    /// Every way to reach it, the one it was heard by first.
    pub(crate) fn addresses(&self) -> Vec<SocketAddr> {
        let mut all = vec![self.heard_from];
        for place in &self.places {
            let address = SocketAddr::new(place.address, self.port());
            if !all.contains(&address) {
                all.push(address);
            }
        }
        all
    }

    /// The port its probe listens at: that of its control datagrams.
    fn port(&self) -> u16 {
        match self.heard_from.port() {
            0 => PROBE_PORT,
            port => port,
        }
    }

    /// Stands in more than one switch's ring.
    pub(crate) fn is_dual_homed(&self) -> bool {
        let switches = self.places.iter().filter_map(|p| p.attachment.as_ref()).map(|a| &a.switch);
        let mut seen: Vec<&WireId> = switches.collect();
        seen.sort_unstable();
        seen.dedup();
        seen.len() > 1
    }
}

/// A switch as its members named it.
#[derive(Clone, Debug)]
pub(crate) struct Switch {
    pub(crate) key: WireId,
    pub(crate) name: Box<str>,
}

/// Everybody, and every switch anybody named.
#[derive(Clone, Debug, Default)]
pub(crate) struct Roster {
    members: Vec<Member>,
    by_probe: BTreeMap<ProbeId, HostIx>,
    by_address: BTreeMap<core::net::IpAddr, HostIx>,
    switches: Vec<Switch>,
    by_key: BTreeMap<WireId, SwitchIx>,
}

fn index(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

impl Roster {
    pub(crate) fn find(&self, probe: ProbeId) -> Option<HostIx> {
        self.by_probe.get(&probe).copied()
    }

    /// The member of this name; that it has not left for good.
    pub(crate) fn named(&self, name: &Name) -> Option<HostIx> {
        let here = |host: &HostIx| self[*host].name == *name && self[*host].standing != Standing::Gone;
        self.hosts().find(here)
    }

    /// The member that has this address.
    pub(crate) fn at_address(&self, address: core::net::IpAddr) -> Option<HostIx> {
        self.by_address.get(&address).copied()
    }

    /// Takes in a new member; its places come later.
    pub(crate) fn add(&mut self, member: Member) -> HostIx {
        let host = HostIx(index(self.members.len()));
        self.by_probe.insert(member.probe, host);
        self.members.push(member);
        host
    }

    /// Gives a member other places, and notes where it can be found.
    pub(crate) fn set_places(&mut self, host: HostIx, places: Vec<Place>) {
        for before in core::mem::replace(&mut self[host].places, places) {
            if self.by_address.get(&before.address) == Some(&host) {
                self.by_address.remove(&before.address);
            }
        }
        for place in &self.members[host.0 as usize].places {
            self.by_address.insert(place.address, host);
        }
    }

    pub(crate) fn hosts(&self) -> impl Iterator<Item = HostIx> + use<> {
        (0..index(self.members.len())).map(HostIx)
    }

    /// The number of a switch, new if it has none. The second is true if it is new or has another name now.
    pub(crate) fn switch(&mut self, key: &WireId, name: &str) -> (SwitchIx, bool) {
        if let Some(&known) = self.by_key.get(key) {
            let switch = &mut self.switches[known.0 as usize];
            let renamed = !name.is_empty() && *switch.name != *name;
            if renamed {
                switch.name = name.into();
            }
            return (known, renamed);
        }
        let new = SwitchIx(index(self.switches.len()));
        self.by_key.insert(key.clone(), new);
        self.switches.push(Switch { key: key.clone(), name: name.into() });
        (new, true)
    }

    pub(crate) fn switches(&self) -> impl Iterator<Item = SwitchIx> + use<> {
        (0..index(self.switches.len())).map(SwitchIx)
    }

    /// The switches that the ports of a host hang on.
    pub(crate) fn switches_behind(&self, host: HostIx) -> impl Iterator<Item = SwitchIx> + '_ {
        let attached = self[host].places.iter().filter_map(|place| place.attachment.as_ref());
        attached.filter_map(|attachment| self.switch_of(&attachment.switch))
    }

    pub(crate) fn switch_of(&self, key: &WireId) -> Option<SwitchIx> {
        self.by_key.get(key).copied()
    }

    pub(crate) fn switch_at(&self, switch: SwitchIx) -> Option<&Switch> {
        self.switches.get(switch.0 as usize)
    }
}

impl core::ops::Index<HostIx> for Roster {
    type Output = Member;
    fn index(&self, host: HostIx) -> &Member {
        &self.members[host.0 as usize]
    }
}

impl core::ops::IndexMut<HostIx> for Roster {
    fn index_mut(&mut self, host: HostIx) -> &mut Member {
        &mut self.members[host.0 as usize]
    }
}
