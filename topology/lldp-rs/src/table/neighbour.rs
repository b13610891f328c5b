//! One neighbour: who it is, what it said, when it was heard.

use alloc::vec::Vec;
use core::net::IpAddr;

use crate::table::interval::Interval;
use crate::table::{Field, SECOND_NS};
use crate::{
    Announcement, CapabilitySet, Cdp, CdpAddress, CdpCapabilities, ChassisId, Heard, Lldp, Mac, PortId,
    Protocol, SwitchIdentity, Text,
};

/// What tells two neighbours apart.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// Our port.
    pub ifindex: u32,
    /// How it announces itself: one device that speaks LLDP and CDP is two neighbours.
    pub protocol: Protocol,
    /// The device.
    pub chassis: ChassisId,
    /// The device's port; some CDP telephones send none.
    pub port: Option<PortId>,
}

impl Key {
    pub(crate) fn is_same_neighbour(&self, other: &Self) -> bool {
        (self.protocol, &self.chassis, &self.port) == (other.protocol, &other.chassis, &other.port)
    }
}

/// Whether a device is what a host's cable can end in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// A telephone, a station or another end of the network: never a host's switch.
    Endpoint,
    /// It does not say.
    Unknown,
    /// A bridge or router.
    Forwards,
}

impl Role {
    fn of(announcement: &Announcement) -> Self {
        match announcement {
            Announcement::Lldp(lldp) => Self::of_lldp(lldp),
            Announcement::Cdp(cdp) => cdp.capabilities.map_or(Self::Unknown, Self::of_cdp),
            // Only switches and routers speak these.
            Announcement::Edp(_) | Announcement::Fdp(_) | Announcement::Sonmp(_) => Self::Forwards,
        }
    }

    fn of_lldp(lldp: &Lldp) -> Self {
        const FORWARDS: CapabilitySet = CapabilitySet::BRIDGE
            .with(CapabilitySet::ROUTER)
            .with(CapabilitySet::C_VLAN)
            .with(CapabilitySet::S_VLAN)
            .with(CapabilitySet::TWO_PORT_MAC_RELAY);
        let sets = lldp.capabilities.unwrap_or_default();
        // A switch may announce before it forwards: then what it can do counts.
        let set = if sets.enabled == CapabilitySet::default() { sets.available } else { sets.enabled };
        let media_class = lldp.med.device.map_or(0, |device| device.class);
        // A telephone bridges its own socket, but a host behind it hangs off the switch.
        let is_telephone = set.intersects(CapabilitySet::TELEPHONE) || media_class == 3;
        match (is_telephone, set.intersects(FORWARDS)) {
            (true, _) => Self::Endpoint,
            (false, true) => Self::Forwards,
            (false, false) if set.intersects(CapabilitySet::STATION_ONLY) => Self::Endpoint,
            (false, false) if matches!(media_class, 1 | 2) => Self::Endpoint,
            (false, false) => Self::Unknown,
        }
    }

    fn of_cdp(set: CdpCapabilities) -> Self {
        const FORWARDS: CdpCapabilities = CdpCapabilities::SWITCH
            .with(CdpCapabilities::ROUTER)
            .with(CdpCapabilities::TRANSPARENT_BRIDGE)
            .with(CdpCapabilities::SOURCE_ROUTE_BRIDGE);
        match (set.intersects(CdpCapabilities::PHONE), set.intersects(FORWARDS)) {
            (true, _) => Self::Endpoint,
            (false, true) => Self::Forwards,
            (false, false) if set.intersects(CdpCapabilities::HOST) => Self::Endpoint,
            (false, false) => Self::Unknown,
        }
    }
}

/// What a neighbour said about itself, as far as it is kept: small, whatever the frame's size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// The address it sends from.
    pub source: Mac,
    /// Its name, cut at 255 octets.
    pub system_name: Option<Text>,
    /// The description of its port, cut at 255 octets.
    pub port_description: Option<Text>,
    /// Whether it forwards frames.
    pub role: Role,
    /// Its first four management addresses.
    pub management: Vec<IpAddr>,
    /// The VLAN of untagged frames on its port.
    pub native_vlan: Option<u16>,
    /// Whether its port is a member of an aggregate, if it says so.
    pub aggregated: Option<bool>,
}

const TEXT_MAX: usize = 255;
const ADDRESSES_MAX: usize = 4;

impl Facts {
    fn of(heard: &Heard) -> Self {
        let mut facts = Self {
            source: heard.source,
            system_name: heard.announcement.system_name().map(|name| name.truncated(TEXT_MAX)),
            port_description: None,
            role: Role::of(&heard.announcement),
            management: Vec::new(),
            native_vlan: None,
            aggregated: None,
        };
        match &heard.announcement {
            Announcement::Lldp(lldp) => facts.add_lldp(lldp),
            Announcement::Cdp(cdp) => facts.add_cdp(cdp),
            Announcement::Sonmp(sonmp) => facts.management.push(sonmp.address.into()),
            Announcement::Edp(_) | Announcement::Fdp(_) => {}
        }
        facts
    }

    fn add_lldp(&mut self, lldp: &Lldp) {
        self.port_description = lldp.port_description.as_ref().map(|text| text.truncated(TEXT_MAX));
        self.management = lldp.management.iter().filter_map(|a| a.ip()).take(ADDRESSES_MAX).collect();
        self.native_vlan = lldp.dot1.pvid;
        self.aggregated = lldp.dot1.aggregation.or(lldp.dot3.aggregation).map(|a| a.is_aggregated());
    }

    fn add_cdp(&mut self, cdp: &Cdp) {
        let addresses = if cdp.management.is_empty() { &cdp.addresses } else { &cdp.management };
        self.management = addresses.iter().filter_map(CdpAddress::ip).take(ADDRESSES_MAX).collect();
        self.native_vlan = cdp.native_vlan;
    }

    fn changes<'a>(&'a self, new: &'a Self) -> impl Iterator<Item = Field> + 'a {
        [
            (Field::Source, self.source != new.source),
            (Field::SystemName, self.system_name != new.system_name),
            (Field::PortDescription, self.port_description != new.port_description),
            (Field::Role, self.role != new.role),
            (Field::Management, self.management != new.management),
            (Field::NativeVlan, self.native_vlan != new.native_vlan),
            (Field::Aggregated, self.aggregated != new.aggregated),
        ]
        .into_iter()
        .filter_map(|(field, changed)| changed.then_some(field))
    }
}

/// What the table takes from one frame.
pub(crate) struct Sighting {
    pub(crate) key: Key,
    pub(crate) source: Mac,
    pub(crate) hold_ns: u64,
    pub(crate) is_virtual: bool,
    reach: u8,
    facts: Facts,
    identity: SwitchIdentity,
}

impl Sighting {
    pub(crate) fn of(ifindex: u32, heard: &Heard, hold_ns_max: u64) -> Option<Self> {
        let announcement = &heard.announcement;
        let (protocol, chassis, port) = (heard.protocol(), announcement.chassis()?, announcement.port());
        Some(Self {
            key: Key { ifindex, protocol, chassis, port },
            source: heard.source,
            is_virtual: false,
            hold_ns: (u64::from(announcement.ttl_s()) * SECOND_NS).min(hold_ns_max),
            reach: reach(heard.destination),
            facts: Facts::of(heard),
            identity: SwitchIdentity::of(heard)?,
        })
    }
}

/// How near the sender must be: 2 for "nearest bridge", which nothing forwards (802.1AB 7.1).
fn reach(destination: Mac) -> u8 {
    match destination {
        Mac::NEAREST_BRIDGE => 2,
        Mac::NEAREST_NON_TPMR_BRIDGE => 1,
        _ => 0,
    }
}

/// A neighbour of one of our ports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Neighbour {
    /// Who it is on this port.
    pub key: Key,
    /// What it said.
    pub facts: Facts,
    /// Which switch it is.
    pub identity: SwitchIdentity,
    /// When it was first heard, in nanoseconds.
    pub first_seen: u64,
    /// When it was last heard, in nanoseconds.
    pub last_seen: u64,
    /// Until when it asked to be believed, in nanoseconds.
    pub expires: u64,
    /// How many frames were heard.
    pub frames: u64,
    /// How many times it said something else about itself.
    pub changes: u32,
    /// Silent for two and a half intervals.
    pub late: bool,
    /// Not heard since the port lost its carrier.
    pub suspect: bool,
    /// It is the host this one is a guest of, which speaks through the tap our port is the other end of. It stands
    /// where a switch would, and its guests fail together.
    pub is_virtual: bool,
    pub(crate) reach: u8,
    interval: Interval,
}

impl Neighbour {
    pub(crate) fn new(sighting: Sighting, now: u64) -> Self {
        Self {
            key: sighting.key,
            facts: sighting.facts,
            identity: sighting.identity,
            first_seen: now,
            last_seen: now,
            expires: now.saturating_add(sighting.hold_ns),
            frames: 1,
            changes: 0,
            late: false,
            suspect: false,
            is_virtual: sighting.is_virtual,
            reach: sighting.reach,
            interval: Interval::default(),
        }
    }

    /// How often it announces itself, in nanoseconds, once three frames have shown it.
    pub fn interval_ns(&self) -> Option<u64> {
        self.interval.ns(self.expires.saturating_sub(self.last_seen))
    }

    /// Takes in another frame and names the fields that changed.
    pub(crate) fn refresh(&mut self, sighting: &Sighting, now: u64) -> Vec<Field> {
        // A gap with an outage in it is no interval.
        if !self.suspect && !self.late {
            self.interval.learn(now.saturating_sub(self.last_seen));
        }
        let changed: Vec<Field> = self.facts.changes(&sighting.facts).collect();
        if !changed.is_empty() {
            self.facts = sighting.facts.clone();
            self.identity = sighting.identity.clone();
            self.changes = self.changes.saturating_add(1);
        }
        self.last_seen = now;
        self.expires = now.saturating_add(sighting.hold_ns);
        self.frames = self.frames.saturating_add(1);
        self.reach = self.reach.max(sighting.reach);
        (self.late, self.suspect) = (false, false);
        self.is_virtual = sighting.is_virtual;
        changed
    }

    /// Whether it says nothing where it should: it may be elsewhere by now.
    pub(crate) fn is_silent(&self, now: u64) -> bool {
        let overdue = |interval: u64| now.saturating_sub(self.last_seen) > interval + interval / 2;
        self.suspect || self.late || self.interval_ns().is_some_and(overdue)
    }

    /// When two and a half intervals are over.
    pub(crate) fn late_at(&self) -> Option<u64> {
        let interval = self.interval_ns().filter(|_| !self.late && !self.suspect)?;
        Some(self.last_seen.saturating_add(interval * 2 + interval / 2))
    }

    pub(crate) fn deadline(&self) -> u64 {
        self.late_at().map_or(self.expires, |at| at.min(self.expires))
    }
}
