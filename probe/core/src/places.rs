//! The host's places: what of the ports is told, and when a change of it is.
//!
//! A new switch is told at once. What may be over in a moment waits three seconds: a port without carrier, and
//! a switch that said goodbye and may come back under another name.

use ringmesh_proto::message::PLACES_MAX;
use ringmesh_proto::time::{Duration, Time};
use ringmesh_topology::place::{Attachment, Evidence, Place, WireId};

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
    let mut tellable = Tellable { places: Vec::new(), is_news: false, more_at: Time::NEVER };
    for (port, place) in places(ports, discovery) {
        let before = told.iter().find(|before| before.ifindex == place.ifindex);
        let settled_at = before.map_or(Time::ZERO, |before| match difference(before, &place) {
            Difference::None => Time::ZERO,
            Difference::Carrier => port.carrier_changed.map_or(Time::ZERO, |at| at + CARRIER_SETTLE),
            Difference::Real => discovery.settled_at(place.ifindex),
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

/// One place for each address, lowest port first, at most as many as are told.
fn places<'a>(ports: &'a Ports, discovery: &Discovery) -> Vec<(&'a Port, Place)> {
    let mut chosen: Vec<&Port> = Vec::new();
    for port in ports.iter().filter(|port| port.facts.address.is_some()) {
        match chosen.iter_mut().find(|other| other.facts.address == port.facts.address) {
            Some(other) if stands_for(port) > stands_for(other) => *other = port,
            Some(_) => {}
            None => chosen.push(port),
        }
    }
    chosen.sort_by_key(|port| port.facts.ifindex);
    chosen.truncate(PLACES_MAX);
    chosen.into_iter().filter_map(|port| Some((port, place(port, discovery)?))).collect()
}

/// Of the members of a bond the active one stands for the address, then one with carrier.
fn stands_for(port: &Port) -> (bool, bool) {
    (port.facts.bond.as_ref().is_none_or(|bond| bond.active), port.facts.carrier)
}

fn place(port: &Port, discovery: &Discovery) -> Option<Place> {
    let (address, prefix_len) = port.facts.address?;
    let Finding { attachment, reason, .. } = discovery.finding(port);
    Some(Place {
        ifindex: port.facts.ifindex,
        ifname: words::cut(&port.facts.ifname, words::IFNAME_MAX).into(),
        carrier: port.facts.carrier,
        address,
        prefix_len,
        gateway: port.facts.gateway,
        attachment,
        reason: words::cut(&reason, words::REASON_MAX).into(),
    })
}

/// How two tellings of a place differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Difference {
    None,
    Carrier,
    Real,
}

fn difference(before: &Place, now: &Place) -> Difference {
    let same = (before.ifindex, before.address, before.prefix_len, before.gateway)
        == (now.ifindex, now.address, now.prefix_len, now.gateway)
        && hangs_on_the_same(before.attachment.as_ref(), now.attachment.as_ref());
    match (same, before.carrier == now.carrier) {
        (false, _) => Difference::Real,
        (true, false) => Difference::Carrier,
        (true, true) => Difference::None,
    }
}

/// A switch that is only remembered now is no news; one that was and is heard now is.
fn hangs_on_the_same(before: Option<&Attachment>, now: Option<&Attachment>) -> bool {
    let (Some(before), Some(now)) = (before, now) else { return before.is_none() && now.is_none() };
    let same =
        (&before.switch, &before.port, &before.switch_name) == (&now.switch, &now.port, &now.switch_name);
    same && (before.evidence == now.evidence || now.evidence == Evidence::Cache)
}

/// Makes the places fit a datagram: first the longest reasons go, then the names, then the last places.
fn fit(places: &mut Vec<Place>) {
    while places.iter().map(octets).sum::<usize>() > PLACES_OCTETS_MAX {
        if !drop_a_reason(places) && !drop_a_name(places) {
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
    let attached = places.iter_mut().filter_map(|place| place.attachment.as_mut());
    let longest = attached.max_by_key(|attachment| attachment.switch_name.len());
    let longest = longest.filter(|attachment| !attachment.switch_name.is_empty());
    longest.map(|attachment| attachment.switch_name = "".into()).is_some()
}

/// An upper bound of what a place takes in a datagram.
fn octets(place: &Place) -> usize {
    let id = |id: &WireId| id.octets.len() + 8;
    let attached = place.attachment.as_ref();
    let attached = attached.map_or(0, |at| id(&at.switch) + id(&at.port) + at.switch_name.len() + 8);
    // Numbers, flags, an IPv6 address, the gateway, and the lengths of all of them.
    64 + place.ifname.len() + place.reason.len() + attached
}
