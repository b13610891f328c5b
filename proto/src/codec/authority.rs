//! Relay and CMA.

use core::net::SocketAddr;

use ringmesh_topology::id::{Boot, IncidentId, Name, ProbeId, RelayId};
use ringmesh_topology::verdict::{Class, Verdict};

use super::Malformed;
use super::probe::{address, generation, octets, place, read_address, read_generation, read_place};
use crate::news::{
    Alternative, HostNews, HostState, IncidentNews, News, PeerNews, PeerState, RelayHello, RingNews,
    RuledOut, StartNews, Subject, SubjectKind, SwitchNews, SwitchState,
};
use crate::pb;

/// Members of a site a message may name.
const MEMBERS_MAX: usize = 100_000;
/// Octets of one text in a news.
const TEXT_MAX: usize = 1_024;

/// As it is sent.
pub fn relay_hello(hello: &RelayHello) -> pb::RelayHello {
    pb::RelayHello {
        site: hello.site.to_string(),
        relay: u32::from(hello.relay.0),
        term: hello.term,
        outbox: hello.outbox,
        insecure: hello.insecure,
        version: hello.version.clone(),
        run: hello.run.0.to_vec(),
        host_boot: hello.host_boot.0.to_vec(),
        mesh_address: hello.mesh_address.map_or_else(Vec::new, |at| address(at.ip())),
        mesh_port: hello.mesh_address.map_or(0, |at| u32::from(at.port())),
    }
}

/// Checked.
pub fn read_relay_hello(hello: pb::RelayHello) -> Result<RelayHello, Malformed> {
    Ok(RelayHello {
        site: name(&hello.site, "site")?,
        relay: relay_id(hello.relay)?,
        term: hello.term,
        outbox: hello.outbox,
        insecure: hello.insecure,
        version: text(hello.version, "version")?,
        run: Boot(octets(&hello.run, "run")?),
        host_boot: Boot(octets(&hello.host_boot, "host boot")?),
        mesh_address: match hello.mesh_address.is_empty() {
            true => None,
            false => Some(socket_address(&hello.mesh_address, hello.mesh_port)?),
        },
    })
}

/// As it is sent.
pub fn news_item(sequence: u64, news: &News) -> pb::NewsItem {
    use pb::news_item::Body;
    let body = match news {
        News::Host(host) => Body::Host(host_news(host)),
        News::HostGone(name) => Body::HostGone(name.to_string()),
        News::Switch(switch) => Body::Switch(pb::SwitchNews {
            id: switch.id.clone(),
            name: switch.name.clone(),
            state: match switch.state {
                SwitchState::Up => 1,
                SwitchState::Down => 2,
                SwitchState::Cut => 3,
                SwitchState::Unknown => 4,
            },
        }),
        News::Ring(ring) => Body::Ring(ring_news(ring)),
        News::RingGone(id) => Body::RingGone(*id),
        News::Incident(incident) => Body::Incident(incident_news(incident)),
        News::Peer(peer) => Body::Peer(pb::PeerNews {
            site: peer.site.to_string(),
            relay: u32::from(peer.relay.0),
            state: match peer.state {
                PeerState::Heard => 1,
                PeerState::Silent => 2,
                PeerState::Refused => 3,
                PeerState::Unwatched => 4,
            },
            since_ms: peer.since_ms,
        }),
        News::Start(start) => {
            Body::Start(pb::StartNews { kept: start.kept, rebooted: start.rebooted, at_ms: start.at_ms })
        }
    };
    pb::NewsItem { sequence, body: Some(body) }
}

/// Checked: the sequence and the news.
pub fn read_news_item(item: pb::NewsItem) -> Result<(u64, News), Malformed> {
    use pb::news_item::Body;
    let news = match item.body.ok_or(Malformed::Empty)? {
        Body::Host(host) => News::Host(read_host_news(host)?),
        Body::HostGone(gone) => News::HostGone(name(&gone, "host")?),
        Body::Switch(switch) => News::Switch(SwitchNews {
            id: text(switch.id, "switch")?,
            name: text(switch.name, "switch name")?,
            state: match switch.state {
                1 => SwitchState::Up,
                2 => SwitchState::Down,
                3 => SwitchState::Cut,
                4 => SwitchState::Unknown,
                _ => return Err(Malformed::Range("switch state")),
            },
        }),
        Body::Ring(ring) => News::Ring(read_ring_news(ring)?),
        Body::RingGone(id) => News::RingGone(id),
        Body::Incident(incident) => News::Incident(Box::new(read_incident_news(incident)?)),
        Body::Peer(peer) => News::Peer(read_peer_news(&peer)?),
        Body::Start(start) => {
            News::Start(StartNews { kept: start.kept, rebooted: start.rebooted, at_ms: start.at_ms })
        }
    };
    Ok((item.sequence, news))
}

fn read_peer_news(peer: &pb::PeerNews) -> Result<PeerNews, Malformed> {
    Ok(PeerNews {
        site: name(&peer.site, "site")?,
        relay: relay_id(peer.relay)?,
        state: match peer.state {
            1 => PeerState::Heard,
            2 => PeerState::Silent,
            3 => PeerState::Refused,
            4 => PeerState::Unwatched,
            _ => return Err(Malformed::Range("peer state")),
        },
        since_ms: peer.since_ms,
    })
}

fn host_news(host: &HostNews) -> pb::HostNews {
    pb::HostNews {
        name: host.name.to_string(),
        state: match host.state {
            HostState::Up => 1,
            HostState::Silent => 2,
            HostState::Planned => 3,
        },
        class: class_number(host.class),
        places: host.places.iter().map(place).collect(),
        since_ms: host.since_ms,
        probe: host.probe.0.to_vec(),
    }
}

fn read_host_news(host: pb::HostNews) -> Result<HostNews, Malformed> {
    Ok(HostNews {
        name: name(&host.name, "host")?,
        probe: ProbeId(octets(&host.probe, "probe")?),
        state: match host.state {
            1 => HostState::Up,
            2 => HostState::Silent,
            3 => HostState::Planned,
            _ => return Err(Malformed::Range("host state")),
        },
        since_ms: host.since_ms,
        class: read_class(host.class)?,
        places: host.places.into_iter().map(read_place).collect::<Result<_, _>>()?,
    })
}

fn ring_news(ring: &RingNews) -> pb::RingNews {
    pb::RingNews {
        id: ring.id,
        level: u32::from(ring.level),
        switch: ring.switch.clone(),
        domain: ring.domain.clone(),
        reason: ring.reason.clone(),
        generation: Some(generation(ring.generation)),
        members: ring.members.clone(),
        delegates: ring.delegates.clone(),
    }
}

fn read_ring_news(ring: pb::RingNews) -> Result<RingNews, Malformed> {
    Ok(RingNews {
        id: ring.id,
        level: u8::try_from(ring.level).map_err(|_| Malformed::Range("level"))?,
        switch: text(ring.switch, "switch")?,
        domain: text(ring.domain, "domain")?,
        reason: text(ring.reason, "reason")?,
        generation: read_generation(ring.generation)?,
        members: texts(ring.members, "members")?,
        delegates: texts(ring.delegates, "delegates")?,
    })
}

fn incident_news(incident: &IncidentNews) -> pb::IncidentNews {
    pb::IncidentNews {
        id: incident.id.0,
        revision: incident.revision,
        closed: incident.closed,
        alternatives: incident.alternatives.iter().map(alternative).collect(),
        class: class_number(incident.class),
        silent: incident.silent,
        behind: incident.behind.clone(),
        witnesses: incident.witnesses.clone(),
        silent_since_ms: incident.silent_since_ms,
        opened_ms: incident.opened_ms,
        closed_ms: incident.closed_ms,
        at_ms: incident.at_ms,
        why: incident.why.clone(),
        seen: incident.seen.clone(),
        ruled_out: incident
            .ruled_out
            .iter()
            .map(|out| pb::RuledOut { what: out.what.clone(), by: out.by.clone() })
            .collect(),
        would_settle: incident.would_settle.clone(),
        page_never: incident.page_never,
    }
}

fn read_incident_news(incident: pb::IncidentNews) -> Result<IncidentNews, Malformed> {
    let alternatives: Vec<Alternative> =
        incident.alternatives.into_iter().map(read_alternative).collect::<Result<_, _>>()?;
    if alternatives.is_empty() {
        return Err(Malformed::Missing("alternatives"));
    }
    let ruled_out = incident.ruled_out.into_iter();
    Ok(IncidentNews {
        id: IncidentId(incident.id),
        revision: incident.revision,
        closed: incident.closed,
        alternatives,
        class: read_class(incident.class)?,
        silent: incident.silent,
        behind: texts(incident.behind, "behind")?,
        witnesses: texts(incident.witnesses, "witnesses")?,
        silent_since_ms: incident.silent_since_ms,
        opened_ms: incident.opened_ms,
        closed_ms: incident.closed_ms,
        at_ms: incident.at_ms,
        why: text(incident.why, "why")?,
        seen: texts(incident.seen, "seen")?,
        ruled_out: ruled_out
            .map(|out| Ok(RuledOut { what: text(out.what, "ruled out")?, by: text(out.by, "ruled out by")? }))
            .collect::<Result<_, _>>()?,
        would_settle: texts(incident.would_settle, "would settle")?,
        page_never: incident.page_never,
    })
}

fn alternative(alternative: &Alternative) -> pb::Alternative {
    pb::Alternative {
        verdict: alternative.verdict.number(),
        subject: Some(pb::Subject {
            kind: match alternative.subject.kind {
                SubjectKind::Host => 1,
                SubjectKind::Switch => 2,
                SubjectKind::Set => 3,
                SubjectKind::Relay => 4,
                SubjectKind::Site => 5,
            },
            id: alternative.subject.id.clone(),
            name: alternative.subject.name.clone(),
        }),
        permille: u32::from(alternative.permille),
    }
}

fn read_alternative(alternative: pb::Alternative) -> Result<Alternative, Malformed> {
    let subject = alternative.subject.ok_or(Malformed::Missing("subject"))?;
    Ok(Alternative {
        verdict: Verdict::from_number(alternative.verdict).ok_or(Malformed::Range("verdict"))?,
        subject: Subject {
            kind: match subject.kind {
                1 => SubjectKind::Host,
                2 => SubjectKind::Switch,
                3 => SubjectKind::Set,
                4 => SubjectKind::Relay,
                5 => SubjectKind::Site,
                _ => return Err(Malformed::Range("subject kind")),
            },
            id: text(subject.id, "subject")?,
            name: text(subject.name, "subject name")?,
        },
        permille: u16::try_from(alternative.permille).map_err(|_| Malformed::Range("permille"))?,
    })
}

fn class_number(class: Class) -> u32 {
    match class {
        Class::Ephemeral => 1,
        Class::Normal => 2,
        Class::Critical => 3,
    }
}

fn read_class(number: u32) -> Result<Class, Malformed> {
    match number {
        1 => Ok(Class::Ephemeral),
        2 => Ok(Class::Normal),
        3 => Ok(Class::Critical),
        _ => Err(Malformed::Range("class")),
    }
}

pub(super) fn relay_id(number: u32) -> Result<RelayId, Malformed> {
    u8::try_from(number).map(RelayId).map_err(|_| Malformed::Range("relay"))
}

pub(super) fn socket_address(octets: &[u8], port: u32) -> Result<SocketAddr, Malformed> {
    let port = u16::try_from(port).ok().filter(|port| *port > 0).ok_or(Malformed::Range("port"))?;
    Ok(SocketAddr::new(read_address(octets)?, port))
}

pub(super) fn name(text: &str, field: &'static str) -> Result<Name, Malformed> {
    Name::new(text).map_err(|_| Malformed::Range(field))
}

/// A text for people: bounded, and free of control characters, whoever wrote it.
fn text(text: String, field: &'static str) -> Result<String, Malformed> {
    let sound = text.len() <= TEXT_MAX && !text.chars().any(char::is_control);
    if sound { Ok(text) } else { Err(Malformed::Range(field)) }
}

fn texts(list: Vec<String>, field: &'static str) -> Result<Vec<String>, Malformed> {
    if list.len() > MEMBERS_MAX {
        return Err(Malformed::TooMany(field));
    }
    list.into_iter().map(|entry| text(entry, field)).collect()
}
