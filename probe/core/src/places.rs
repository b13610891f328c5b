//! The host's places: what of the ports is told, and when a change of it is.
//!
//! A new switch is told at once. What may be over in a moment waits three seconds: a port without carrier, and
//! a switch that said goodbye and may come back under another name.

use ringmesh_proto::message::{BOND_MATES_MAX, PLACES_MAX};
use ringmesh_proto::time::{Duration, Time};
use ringmesh_topology::id::MacAddress;
use ringmesh_topology::place::{Attachment, Bond, BondMate, Evidence, Place, WireId};

use crate::discovery::{Discovery, Finding};
use crate::ports::{Port, Ports};
use crate::words;

/// A carrier that changes back within this is told as evidence only, not as a new place.
const CARRIER_SETTLE: Duration = Duration::from_secs(3);
/// Octets that all places of a datagram may take; the rest of an announcement needs about 440.
const PLACES_OCTETS_MAX: usize = 690;

/// What can be told at a moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Tellable {
    pub(crate) places: Vec<Place>,
    /// It differs from what was told before.
    pub(crate) is_news: bool,
    /// When more can be told.
    pub(crate) more_at: Time,
}

/// What can be told at `now`, after `told`.
pub(crate) fn tellable(now: Time, ports: &Ports, discovery: &Discovery, told: &[Place]) -> Tellable {
    let places = places(ports, discovery);
    // They are kept as they are: no room for more than there are.
    let fitting = Vec::with_capacity(places.len());
    let mut tellable = Tellable { places: fitting, is_news: false, more_at: ports.partners_settle_at() };
    for place in places {
        let before = told.iter().find(|before| before.ifindex == place.ifindex);
        let settled_at = before.map_or(Time::ZERO, |before| match difference(before, &place) {
            Difference::None => Time::ZERO,
            Difference::Carrier => carriers_settled_at(&place, ports),
            Difference::Real => {
                ports_of(&place).map(|port| discovery.settled_at(port)).max().unwrap_or(Time::ZERO)
            }
        });
        match before {
            Some(before) if settled_at > now => {
                tellable.more_at = tellable.more_at.min(settled_at);
                tellable.places.push(before.clone());
            }
            Some(_) | None => tellable.places.push(place),
        }
    }
    fit(&mut tellable.places);
    let same = |(a, b): (&Place, &Place)| difference(a, b) == Difference::None;
    tellable.is_news = told.len() != tellable.places.len() || !told.iter().zip(&tellable.places).all(same);
    tellable
}

/// The port of a place and its mates.
fn ports_of(place: &Place) -> impl Iterator<Item = u32> + '_ {
    let mates = place.bond.iter().flat_map(|bond| &bond.mates);
    mates.map(|mate| mate.ifindex).chain([place.ifindex])
}

fn carriers_settled_at(place: &Place, ports: &Ports) -> Time {
    let changed = ports_of(place).filter_map(|port| ports.get(port)?.carrier_changed);
    changed.max().map_or(Time::ZERO, |at| at + CARRIER_SETTLE)
}

/// One place for each address, at most as many as are told. In the order of the lowest port under each, which a
/// failover does not change: relays name a place by its number.
fn places(ports: &Ports, discovery: &Discovery) -> Vec<Place> {
    let mut chosen: Vec<&Port> = Vec::new();
    for port in ports.iter().filter(|port| port.facts.address.is_some()) {
        match chosen.iter_mut().find(|other| other.facts.address == port.facts.address) {
            Some(other) if stands_for(port) > stands_for(other) => *other = port,
            Some(_) => {}
            None => chosen.push(port),
        }
    }
    chosen.truncate(PLACES_MAX);
    chosen.into_iter().filter_map(|port| place(port, ports, discovery)).collect()
}

/// Of the members of a bond the active one stands for the address, then one with carrier.
fn stands_for(port: &Port) -> (bool, bool) {
    (port.facts.bond.as_ref().is_none_or(|bond| bond.active), port.facts.carrier)
}

fn place(port: &Port, ports: &Ports, discovery: &Discovery) -> Option<Place> {
    let (address, prefix_len) = port.facts.address?;
    let Finding { attachment, reason, .. } = discovery.finding(port);
    Some(Place {
        ifindex: port.facts.ifindex,
        ifname: words::cut(&port.facts.ifname, words::IFNAME_MAX).into(),
        mac: mac(port),
        carrier: port.facts.carrier,
        address,
        prefix_len,
        gateway: port.facts.gateway,
        attachment,
        reason: words::cut(&reason, words::REASON_MAX).into(),
        bond: bond(port, ports, discovery).map(Box::new),
    })
}

fn bond(port: &Port, ports: &Ports, discovery: &Discovery) -> Option<Bond> {
    let facts = port.facts.bond.as_ref()?;
    let mate = |mate: &Port| BondMate {
        ifindex: mate.facts.ifindex,
        ifname: words::cut(&mate.facts.ifname, words::IFNAME_MAX).into(),
        mac: mac(mate),
        carrier: mate.facts.carrier,
        role: mate.role().unwrap_or_default(),
        attachment: discovery.finding(mate).attachment,
    };
    let mates = ports.iter().filter(|other| other.is_mate_of(port)).take(BOND_MATES_MAX);
    Some(Bond {
        ifname: words::cut(&facts.ifname, words::IFNAME_MAX).into(),
        mode: words::cut(&facts.mode, words::BOND_MODE_MAX).into(),
        role: port.role().unwrap_or_default(),
        mates: mates.map(mate).collect(),
    })
}

/// A tunnel or the like has none.
fn mac(port: &Port) -> Option<MacAddress> {
    Some(port.facts.mac).filter(|mac| *mac != MacAddress::default())
}

/// How two tellings of a place differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Difference {
    None,
    Carrier,
    Real,
}

fn difference(before: &Place, now: &Place) -> Difference {
    let same = (before.ifindex, before.mac, before.address, before.prefix_len, before.gateway)
        == (now.ifindex, now.mac, now.address, now.prefix_len, now.gateway)
        && hangs_on_the_same(before.attachment.as_ref(), now.attachment.as_ref())
        && same_bond(before.bond.as_deref(), now.bond.as_deref());
    match (same, carriers(before).eq(carriers(now))) {
        (false, _) => Difference::Real,
        (true, false) => Difference::Carrier,
        (true, true) => Difference::None,
    }
}

fn carriers(place: &Place) -> impl Iterator<Item = bool> + '_ {
    let mates = place.bond.iter().flat_map(|bond| &bond.mates);
    mates.map(|mate| mate.carrier).chain([place.carrier])
}

/// But for the carriers of its ports.
fn same_bond(before: Option<&Bond>, now: Option<&Bond>) -> bool {
    let (Some(before), Some(now)) = (before, now) else { return before.is_none() && now.is_none() };
    let mates = before.mates.iter().zip(&now.mates);
    (&before.ifname, &before.mode, before.role, before.mates.len())
        == (&now.ifname, &now.mode, now.role, now.mates.len())
        && mates.into_iter().all(|(before, now)| {
            (before.ifindex, &before.ifname, before.mac, before.role)
                == (now.ifindex, &now.ifname, now.mac, now.role)
                && hangs_on_the_same(before.attachment.as_ref(), now.attachment.as_ref())
        })
}

/// A switch that is only remembered now is no news; one that was and is heard now is.
fn hangs_on_the_same(before: Option<&Attachment>, now: Option<&Attachment>) -> bool {
    let (Some(before), Some(now)) = (before, now) else { return before.is_none() && now.is_none() };
    let same =
        (&before.switch, &before.port, &before.switch_name) == (&now.switch, &now.port, &now.switch_name);
    same && (before.evidence == now.evidence || now.evidence == Evidence::Cache)
}

/// Makes the places fit a datagram: first the longest reasons go, then the names, then the last ports of bonds, then
/// the last places.
fn fit(places: &mut Vec<Place>) {
    while places.iter().map(octets).sum::<usize>() > PLACES_OCTETS_MAX {
        if !drop_a_reason(places) && !drop_a_name(places) && !drop_a_mate(places) {
            places.pop();
        }
    }
}

fn drop_a_reason(places: &mut [Place]) -> bool {
    let longest = places.iter_mut().max_by_key(|place| place.reason.len());
    let longest = longest.filter(|place| !place.reason.is_empty());
    longest.map(|place| place.reason = "".into()).is_some()
}

fn drop_a_name(places: &mut [Place]) -> bool {
    let attached = places.iter_mut().flat_map(|place| {
        let mates = place.bond.iter_mut().flat_map(|bond| &mut bond.mates);
        mates.filter_map(|mate| mate.attachment.as_mut()).chain(place.attachment.as_mut())
    });
    let longest = attached.max_by_key(|attachment| attachment.switch_name.len());
    let longest = longest.filter(|attachment| !attachment.switch_name.is_empty());
    longest.map(|attachment| attachment.switch_name = "".into()).is_some()
}

fn drop_a_mate(places: &mut [Place]) -> bool {
    let bonds = places.iter_mut().filter_map(|place| place.bond.as_mut());
    bonds.max_by_key(|bond| bond.mates.len()).and_then(|bond| bond.mates.pop()).is_some()
}

/// An upper bound of what a place takes in a datagram.
fn octets(place: &Place) -> usize {
    let id = |id: &WireId| id.octets.len() + 8;
    let attached = |at: &Attachment| id(&at.switch) + id(&at.port) + at.switch_name.len() + 8;
    // Numbers, flags, a MAC address, an LACP partner.
    let mate = |mate: &BondMate| 36 + mate.ifname.len() + mate.attachment.as_ref().map_or(0, attached);
    let bond =
        |bond: &Bond| 24 + bond.ifname.len() + bond.mode.len() + bond.mates.iter().map(mate).sum::<usize>();
    // Numbers, flags, an IPv6 address, MAC addresses of the port and of the gateway, and the lengths of all of them.
    64 + place.ifname.len()
        + place.reason.len()
        + place.attachment.as_ref().map_or(0, attached)
        + place.bond.as_deref().map_or(0, bond)
}
