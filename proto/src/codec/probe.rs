//! Probe and relay.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use ringmesh_topology::id::{Boot, MacAddress, Name, ProbeId, RelayId};
use ringmesh_topology::place::{Attachment, Bond, BondMate, BondRole, Evidence, Place, WireId};

use super::Malformed;
use crate::message::{
    Announce, Assignment, BOND_MATES_MAX, CARRIERS_MAX, Carrier, Cause, Generation, GoodbyeReason, HeardAge,
    Hello, LINKS_MAX, LinkId, LinkOrder, PLACES_MAX, RECORDER_ENTRIES, RecorderEntry, Report, RingId,
    RingPlace, Suspicion, ToProbe, ToRelay, Transition,
};
use crate::pb;
use crate::seal::Key;
use crate::time::Duration;

/// Octets of an identifier after its subtype (802.1AB 8.5.2.3 allows 255; ours are normalised and shorter).
const ID_MAX: usize = 64;
/// Octets of a switch's name and of a reason in a place.
const NAME_MAX: usize = 63;
/// Octets of a port's name: the kernel's limit.
const IFNAME_MAX: usize = 15;
/// Octets of the reason for a fallback.
const REASON_MAX: usize = 120;
/// Octets of the name of a bond's mode.
const BOND_MODE_MAX: usize = 15;

/// The two keys of one link as one of its ends holds them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinkKeys {
    /// Seals what this end sends.
    pub outgoing: Key,
    /// Opens what the other end sends.
    pub incoming: Key,
}

/// As it is sent. An announcement carries the cookie of the Hello it answers.
/// `None` for a Knock: that is a datagram without a message.
pub fn to_relay(message: &ToRelay, cookie: [u8; 16]) -> Option<pb::ToRelay> {
    use pb::to_relay as b;
    let body = match message {
        ToRelay::Knock => return None,
        ToRelay::Announce(announce) => b::Body::Announce(self::announce(announce, cookie)),
        ToRelay::Applied(applied) => b::Body::Applied(generation(*applied)),
        ToRelay::Suspicion(told) => b::Body::Suspicion(suspicion(told)),
        ToRelay::Refuted { report, link } => b::Body::Refuted(b::Refuted { report: report.0, link: link.0 }),
        ToRelay::Attachment { report, places } => {
            b::Body::Attachment(b::Places { report: report.0, places: places.iter().map(place).collect() })
        }
        ToRelay::Evidence { report, carriers: ports, heard: ages } => {
            b::Body::Evidence(b::Evidence { report: report.0, carriers: carriers(ports), heard: heard(ages) })
        }
        ToRelay::Loss { report, link, lane, of, lost } => b::Body::Loss(b::Loss {
            report: report.0,
            link: link.0,
            lane: u32::from(*lane),
            of: u32::from(*of),
            lost: u32::from(*lost),
        }),
        ToRelay::Goodbye { report, reason, back_within } => b::Body::Goodbye(b::Goodbye {
            report: report.0,
            reason: match reason {
                GoodbyeReason::HostShutdown => 1,
                GoodbyeReason::ServiceStop => 2,
                GoodbyeReason::Upgrade => 3,
                GoodbyeReason::Retire => 4,
            },
            back_within_ms: millis(*back_within),
        }),
        ToRelay::Pong { nonce, starved, heard: ages, carriers: ports } => b::Body::Pong(b::Pong {
            nonce: *nonce,
            starved: *starved,
            heard: heard(ages),
            carriers: carriers(ports),
        }),
        ToRelay::Recorder(entries) => {
            b::Body::Recorder(b::Recorder { entries: entries.iter().map(recorder_entry).collect() })
        }
    };
    Some(pb::ToRelay { body: Some(body) })
}

/// Checked: the message, and the cookie if it is an announcement.
pub fn read_to_relay(message: pb::ToRelay) -> Result<(ToRelay, Option<[u8; 16]>), Malformed> {
    use pb::to_relay::Body;
    let message = match message.body.ok_or(Malformed::Empty)? {
        Body::Announce(announce) => {
            let cookie = octets(&announce.cookie, "cookie")?;
            let announce = read_announce(announce)?;
            return Ok((ToRelay::Announce(Box::new(announce)), Some(cookie)));
        }
        Body::Applied(applied) => ToRelay::Applied(read_generation(Some(applied))?),
        Body::Suspicion(told) => ToRelay::Suspicion(read_suspicion(told)?),
        Body::Refuted(told) => ToRelay::Refuted { report: Report(told.report), link: LinkId(told.link) },
        Body::Attachment(told) => {
            ToRelay::Attachment { report: Report(told.report), places: read_places(told.places)? }
        }
        Body::Evidence(told) => ToRelay::Evidence {
            report: Report(told.report),
            carriers: read_carriers(told.carriers)?,
            heard: read_heard(told.heard)?,
        },
        Body::Loss(told) => ToRelay::Loss {
            report: Report(told.report),
            link: LinkId(told.link),
            lane: u8::try_from(told.lane).ok().filter(|&lane| lane < 4).ok_or(Malformed::Range("lane"))?,
            of: u16::try_from(told.of).map_err(|_| Malformed::Range("of"))?,
            lost: u16::try_from(told.lost).map_err(|_| Malformed::Range("lost"))?,
        },
        Body::Goodbye(told) => ToRelay::Goodbye {
            report: Report(told.report),
            reason: match told.reason {
                1 => GoodbyeReason::HostShutdown,
                2 => GoodbyeReason::ServiceStop,
                3 => GoodbyeReason::Upgrade,
                4 => GoodbyeReason::Retire,
                _ => return Err(Malformed::Range("reason")),
            },
            back_within: Duration::from_millis(told.back_within_ms),
        },
        Body::Pong(told) => ToRelay::Pong {
            nonce: told.nonce,
            starved: told.starved,
            heard: read_heard(told.heard)?,
            carriers: read_carriers(told.carriers)?,
        },
        Body::Recorder(told) => {
            bounded(&told.entries, RECORDER_ENTRIES, "recorder")?;
            ToRelay::Recorder(told.entries.into_iter().map(read_recorder_entry).collect::<Result<_, _>>()?)
        }
    };
    Ok((message, None))
}

/// As it is sent; the cookie goes into a Hello. `None` for an Assignment: see [`assignment`].
pub fn to_probe(message: &ToProbe, cookie: [u8; 16]) -> Option<pb::ToProbe> {
    use pb::to_probe as b;
    let body = match message {
        ToProbe::Hello(hello) => b::Body::Hello(pb::Hello {
            relay: u32::from(hello.relay.0),
            term: hello.term,
            wait_ms: u32::try_from(hello.wait.as_millis()).unwrap_or(u32::MAX),
            cookie: cookie.to_vec(),
        }),
        ToProbe::Assignment(_) => return None,
        ToProbe::Noted(report) => b::Body::Noted(b::Noted { report: report.0 }),
        ToProbe::Ping { nonce } => b::Body::Ping(b::Ping { nonce: *nonce }),
        ToProbe::RecorderAsk => b::Body::RecorderAsk(b::RecorderAsk {}),
    };
    Some(pb::ToProbe { body: Some(body) })
}

/// An assignment as it is sent, with the keys of each link.
pub fn assignment(assignment: &Assignment, mut keys: impl FnMut(&LinkOrder) -> LinkKeys) -> pb::ToProbe {
    let mut order = |link: &LinkOrder| {
        let keys = keys(link);
        pb::LinkOrder {
            link: link.link.0,
            counter: link.counter,
            peer: link.peer.0.to_vec(),
            address: address(link.peer_address.ip()),
            port: u32::from(link.peer_address.port()),
            via: link.via,
            lanes: u32::from(link.lanes),
            report: link.report,
            key_out: keys.outgoing.0.to_vec(),
            key_in: keys.incoming.0.to_vec(),
        }
    };
    let rings = assignment.rings.iter().map(|ring| pb::RingPlace {
        ring: ring.ring.0,
        level: u32::from(ring.level),
        links: ring.links.iter().map(&mut order).collect(),
    });
    let assignment = pb::Assignment {
        generation: Some(generation(assignment.generation)),
        relay: u32::from(assignment.relay.0),
        rings: rings.collect(),
        knows: assignment.knows.map(|report| report.0),
    };
    pb::ToProbe { body: Some(pb::to_probe::Body::Assignment(assignment)) }
}

/// What comes with a message of a relay and is none of the machine's business.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Beside {
    /// Nothing.
    Nothing,
    /// The cookie of a Hello.
    Cookie([u8; 16]),
    /// The keys of an assignment's links.
    Keys(Vec<(LinkId, LinkKeys)>),
}

/// Checked: the message and what is for the wire alone.
pub fn read_to_probe(message: pb::ToProbe) -> Result<(ToProbe, Beside), Malformed> {
    use pb::to_probe::Body;
    let message = match message.body.ok_or(Malformed::Empty)? {
        Body::Hello(hello) => {
            let cookie = octets(&hello.cookie, "cookie")?;
            let relay = RelayId(u8::try_from(hello.relay).map_err(|_| Malformed::Range("relay"))?);
            let wait = Duration::from_millis(u64::from(hello.wait_ms));
            let hello = ToProbe::Hello(Hello { relay, term: hello.term, wait, answers: true });
            return Ok((hello, Beside::Cookie(cookie)));
        }
        Body::Assignment(assignment) => {
            let (assignment, keys) = read_assignment(assignment)?;
            return Ok((ToProbe::Assignment(Box::new(assignment)), Beside::Keys(keys)));
        }
        Body::Noted(noted) => ToProbe::Noted(Report(noted.report)),
        Body::Ping(ping) => ToProbe::Ping { nonce: ping.nonce },
        Body::RecorderAsk(_) => ToProbe::RecorderAsk,
    };
    Ok((message, Beside::Nothing))
}

/// Checked: the assignment and the keys of its links.
pub fn read_assignment(
    assignment: pb::Assignment,
) -> Result<(Assignment, Vec<(LinkId, LinkKeys)>), Malformed> {
    bounded(&assignment.rings, LINKS_MAX, "rings")?;
    let mut keys = Vec::new();
    let mut rings = Vec::new();
    for ring in assignment.rings {
        bounded(&ring.links, 2, "links of a ring")?;
        let mut links = Vec::new();
        for link in ring.links {
            let (order, link_keys) = read_link_order(&link)?;
            keys.push((order.link, link_keys));
            links.push(order);
        }
        let level = u8::try_from(ring.level).ok().filter(|&level| level <= 2);
        rings.push(RingPlace {
            ring: RingId(ring.ring),
            level: level.ok_or(Malformed::Range("level"))?,
            links,
        });
    }
    if keys.len() > LINKS_MAX {
        return Err(Malformed::TooMany("links"));
    }
    let relay = RelayId(u8::try_from(assignment.relay).map_err(|_| Malformed::Range("relay"))?);
    let generation = read_generation(assignment.generation)?;
    let knows = assignment.knows.map(Report);
    Ok((Assignment { generation, relay, knows, rings }, keys))
}

fn read_link_order(link: &pb::LinkOrder) -> Result<(LinkOrder, LinkKeys), Malformed> {
    let port = u16::try_from(link.port).ok().filter(|&port| port > 0).ok_or(Malformed::Range("port"))?;
    let lanes = u8::try_from(link.lanes).ok().filter(|&lanes| lanes == 1 || lanes == 4);
    let order = LinkOrder {
        link: LinkId(link.link),
        counter: link.counter,
        peer: ProbeId(octets(&link.peer, "peer")?),
        peer_address: SocketAddr::new(read_address(&link.address)?, port),
        via: link.via,
        lanes: lanes.ok_or(Malformed::Range("lanes"))?,
        report: link.report,
    };
    let keys = LinkKeys {
        outgoing: Key(octets(&link.key_out, "key_out")?),
        incoming: Key(octets(&link.key_in, "key_in")?),
    };
    Ok((order, keys))
}

fn announce(announce: &Announce, cookie: [u8; 16]) -> pb::Announce {
    pb::Announce {
        name: announce.name.to_string(),
        host_boot: announce.host_boot.0.to_vec(),
        generation: Some(generation(announce.generation)),
        links: announce.links.iter().map(|link| link.0).collect(),
        places: announce.places.iter().map(place).collect(),
        suspicions: announce.suspicions.iter().map(suspicion).collect(),
        cut_off_ms: millis(announce.cut_off),
        recorder_hash: announce.recorder_hash,
        cookie: cookie.to_vec(),
        report: announce.report.0,
    }
}

fn read_announce(announce: pb::Announce) -> Result<Announce, Malformed> {
    bounded(&announce.links, LINKS_MAX, "links")?;
    bounded(&announce.suspicions, LINKS_MAX, "suspicions")?;
    Ok(Announce {
        name: Name::new(&announce.name).map_err(|_| Malformed::Range("name"))?,
        host_boot: Boot(octets(&announce.host_boot, "host boot id")?),
        generation: read_generation(announce.generation)?,
        links: announce.links.into_iter().map(LinkId).collect(),
        places: read_places(announce.places)?,
        suspicions: announce.suspicions.into_iter().map(read_suspicion).collect::<Result<_, _>>()?,
        cut_off: Duration::from_millis(announce.cut_off_ms),
        recorder_hash: announce.recorder_hash,
        report: Report(announce.report),
    })
}

pub(super) fn place(place: &Place) -> pb::Place {
    pb::Place {
        ifindex: place.ifindex,
        ifname: place.ifname.to_string(),
        carrier: place.carrier,
        address: address(place.address),
        prefix_len: u32::from(place.prefix_len),
        gateway: if place.gateway == MacAddress::default() { Vec::new() } else { place.gateway.0.to_vec() },
        attachment: place.attachment.as_ref().map(attachment),
        reason: place.reason.to_string(),
        bond: place.bond.as_deref().map(bond),
        mac: mac(place.mac),
    }
}

fn attachment(attachment: &Attachment) -> pb::Attachment {
    let wire_id = |id: &WireId| pb::WireId { subtype: u32::from(id.subtype), octets: id.octets.to_vec() };
    pb::Attachment {
        switch: Some(wire_id(&attachment.switch)),
        port: Some(wire_id(&attachment.port)),
        switch_name: attachment.switch_name.to_string(),
        evidence: match attachment.evidence {
            Evidence::Lldp => 1,
            Evidence::Cdp => 2,
            Evidence::Cache => 3,
        },
    }
}

fn bond(bond: &Bond) -> pb::Bond {
    let mate = |mate: &BondMate| pb::BondMate {
        ifindex: mate.ifindex,
        ifname: mate.ifname.to_string(),
        carrier: mate.carrier,
        role: Some(role(mate.role)),
        attachment: mate.attachment.as_ref().map(attachment),
        mac: mac(mate.mac),
    };
    pb::Bond {
        ifname: bond.ifname.to_string(),
        mode: bond.mode.to_string(),
        role: Some(role(bond.role)),
        mates: bond.mates.iter().map(mate).collect(),
    }
}

fn role(role: BondRole) -> pb::BondRole {
    pb::BondRole { active: role.active, partner: mac(role.partner) }
}

fn mac(mac: Option<MacAddress>) -> Vec<u8> {
    mac.map_or_else(Vec::new, |mac| mac.0.to_vec())
}

fn read_places(places: Vec<pb::Place>) -> Result<Vec<Place>, Malformed> {
    bounded(&places, PLACES_MAX, "places")?;
    // They are kept as they are: no room for more than there are.
    let mut read = Vec::with_capacity(places.len());
    for place in places {
        read.push(read_place(place)?);
    }
    Ok(read)
}

pub(super) fn read_place(place: pb::Place) -> Result<Place, Malformed> {
    let address = read_address(&place.address)?;
    let longest = if address.is_ipv4() { 32 } else { 128 };
    let prefix_len = u8::try_from(place.prefix_len).ok().filter(|&length| length <= longest);
    let gateway = read_mac(&place.gateway, "gateway")?.unwrap_or_default();
    Ok(Place {
        ifindex: place.ifindex,
        ifname: printable(&place.ifname, IFNAME_MAX, "ifname")?,
        mac: read_mac(&place.mac, "MAC address")?,
        carrier: place.carrier,
        address,
        prefix_len: prefix_len.ok_or(Malformed::Range("prefix length"))?,
        gateway,
        attachment: place.attachment.map(read_attachment).transpose()?,
        reason: printable(&place.reason, REASON_MAX, "reason")?,
        bond: place.bond.map(read_bond).transpose()?.map(Box::new),
    })
}

fn read_bond(bond: pb::Bond) -> Result<Bond, Malformed> {
    bounded(&bond.mates, BOND_MATES_MAX, "ports of a bond")?;
    let read_mate = |mate: pb::BondMate| -> Result<BondMate, Malformed> {
        Ok(BondMate {
            ifindex: mate.ifindex,
            ifname: printable(&mate.ifname, IFNAME_MAX, "ifname")?,
            mac: read_mac(&mate.mac, "MAC address")?,
            carrier: mate.carrier,
            role: read_role(mate.role.unwrap_or_default())?,
            attachment: mate.attachment.map(read_attachment).transpose()?,
        })
    };
    Ok(Bond {
        ifname: printable(&bond.ifname, IFNAME_MAX, "bond")?,
        mode: printable(&bond.mode, BOND_MODE_MAX, "mode of a bond")?,
        role: read_role(bond.role.unwrap_or_default())?,
        mates: bond.mates.into_iter().map(read_mate).collect::<Result<_, _>>()?,
    })
}

fn read_role(role: pb::BondRole) -> Result<BondRole, Malformed> {
    Ok(BondRole { active: role.active, partner: read_mac(&role.partner, "LACP partner")? })
}

/// None where nothing stands.
fn read_mac(mac: &[u8], field: &'static str) -> Result<Option<MacAddress>, Malformed> {
    if mac.is_empty() { Ok(None) } else { Ok(Some(MacAddress(octets(mac, field)?))) }
}

fn read_attachment(attachment: pb::Attachment) -> Result<Attachment, Malformed> {
    let wire_id = |id: Option<pb::WireId>, field| -> Result<WireId, Malformed> {
        let id = id.ok_or(Malformed::Missing(field))?;
        if id.octets.is_empty() || id.octets.len() > ID_MAX {
            return Err(Malformed::Range(field));
        }
        let subtype = u8::try_from(id.subtype).map_err(|_| Malformed::Range(field))?;
        Ok(WireId { subtype, octets: id.octets.into() })
    };
    Ok(Attachment {
        switch: wire_id(attachment.switch, "switch")?,
        port: wire_id(attachment.port, "switch port")?,
        switch_name: printable(&attachment.switch_name, NAME_MAX, "switch name")?,
        evidence: match attachment.evidence {
            1 => Evidence::Lldp,
            2 => Evidence::Cdp,
            3 => Evidence::Cache,
            _ => return Err(Malformed::Range("evidence")),
        },
    })
}

fn suspicion(suspicion: &Suspicion) -> pb::Suspicion {
    pb::Suspicion {
        report: suspicion.report.0,
        link: suspicion.link.0,
        cause: match suspicion.cause {
            Cause::Silent => 1,
            Cause::Refused => 2,
            Cause::Unreachable => 3,
        },
        last_heard_ms: millis(suspicion.last_heard),
        starved: suspicion.starved,
        unproven: suspicion.unproven,
    }
}

fn read_suspicion(suspicion: pb::Suspicion) -> Result<Suspicion, Malformed> {
    Ok(Suspicion {
        report: Report(suspicion.report),
        link: LinkId(suspicion.link),
        cause: match suspicion.cause {
            1 => Cause::Silent,
            2 => Cause::Refused,
            3 => Cause::Unreachable,
            _ => return Err(Malformed::Range("cause")),
        },
        last_heard: Duration::from_millis(suspicion.last_heard_ms),
        starved: suspicion.starved,
        unproven: suspicion.unproven,
    })
}

fn heard(ages: &[HeardAge]) -> Vec<pb::HeardAge> {
    ages.iter().map(|heard| pb::HeardAge { link: heard.link.0, age_ms: heard.age.map(millis) }).collect()
}

fn read_heard(ages: Vec<pb::HeardAge>) -> Result<Vec<HeardAge>, Malformed> {
    bounded(&ages, LINKS_MAX, "heard")?;
    let read = |heard: pb::HeardAge| HeardAge {
        link: LinkId(heard.link),
        age: heard.age_ms.map(Duration::from_millis),
    };
    Ok(ages.into_iter().map(read).collect())
}

fn carriers(ports: &[Carrier]) -> Vec<pb::Carrier> {
    ports
        .iter()
        .map(|port| pb::Carrier {
            ifindex: port.ifindex,
            up: port.up,
            age_ms: millis(port.age),
            role: port.role.map(role),
        })
        .collect()
}

fn read_carriers(ports: Vec<pb::Carrier>) -> Result<Vec<Carrier>, Malformed> {
    bounded(&ports, CARRIERS_MAX, "carriers")?;
    let read = |port: pb::Carrier| {
        Ok(Carrier {
            ifindex: port.ifindex,
            up: port.up,
            age: Duration::from_millis(port.age_ms),
            role: port.role.map(read_role).transpose()?,
        })
    };
    ports.into_iter().map(read).collect()
}

fn recorder_entry(entry: &RecorderEntry) -> pb::RecorderEntry {
    let (what, value) = match entry.what {
        Transition::Silent(link) => (1, link.0),
        Transition::HeardAgain(link) => (2, link.0),
        Transition::CarrierLost(port) => (3, port),
        Transition::CarrierBack(port) => (4, port),
        Transition::LldpLost(port) => (5, port),
        Transition::RelayUnanswered => (6, 0),
        Transition::RelayAnswered => (7, 0),
        Transition::Late(late_ms) => (8, late_ms),
    };
    pb::RecorderEntry { age_ms: millis(entry.age), what, value }
}

fn read_recorder_entry(entry: pb::RecorderEntry) -> Result<RecorderEntry, Malformed> {
    let what = match entry.what {
        1 => Transition::Silent(LinkId(entry.value)),
        2 => Transition::HeardAgain(LinkId(entry.value)),
        3 => Transition::CarrierLost(entry.value),
        4 => Transition::CarrierBack(entry.value),
        5 => Transition::LldpLost(entry.value),
        6 => Transition::RelayUnanswered,
        7 => Transition::RelayAnswered,
        8 => Transition::Late(entry.value),
        _ => return Err(Malformed::Range("recorder entry")),
    };
    Ok(RecorderEntry { age: Duration::from_millis(entry.age_ms), what })
}

pub(super) fn generation(generation: Generation) -> pb::Generation {
    pb::Generation { term: generation.term, counter: generation.counter }
}

pub(super) fn read_generation(generation: Option<pb::Generation>) -> Result<Generation, Malformed> {
    let generation = generation.ok_or(Malformed::Missing("generation"))?;
    Ok(Generation { term: generation.term, counter: generation.counter })
}

pub(super) fn octets<const N: usize>(octets: &[u8], field: &'static str) -> Result<[u8; N], Malformed> {
    octets.try_into().map_err(|_| Malformed::Range(field))
}

pub(super) fn address(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    }
}

pub(super) fn read_address(address: &[u8]) -> Result<IpAddr, Malformed> {
    if let Ok(octets) = <[u8; 4]>::try_from(address) {
        return Ok(Ipv4Addr::from(octets).into());
    }
    let octets: [u8; 16] = octets(address, "address")?;
    Ok(Ipv6Addr::from(octets).into())
}

/// A text that was made printable at its source: whoever sends anything else is no friend.
fn printable(text: &str, max: usize, field: &'static str) -> Result<Box<str>, Malformed> {
    let sound = text.len() <= max && !text.chars().any(char::is_control);
    if sound { Ok(text.into()) } else { Err(Malformed::Range(field)) }
}

fn bounded<T>(list: &[T], max: usize, field: &'static str) -> Result<(), Malformed> {
    if list.len() <= max { Ok(()) } else { Err(Malformed::TooMany(field)) }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
