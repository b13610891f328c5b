//! What a probe shows of itself when asked.

use ringmesh_proto::time::{Duration, Time, WallClock};
use ringmesh_topology::place::{BondRole, WireId};

use crate::config::CachedAttachment;
use crate::discovery::Finding;
use crate::event::BondFacts;
use crate::machine::Probe;
use crate::ports::Port;
use crate::view::{AttachmentView, IdView, Status};
use crate::words;

impl Probe {
    /// What each port hangs on and why, lowest port first.
    pub fn attachments(&self, now: Time) -> Vec<AttachmentView> {
        self.beside.ports.iter().map(|port| self.attachment(now, port)).collect()
    }

    fn attachment(&self, now: Time, port: &Port) -> AttachmentView {
        let Finding { attachment, reason, heard_at, expires, cached } = self.beside.discovery.finding(port);
        let age = match heard_at {
            Some(at) => Some(now.since(at)),
            None => cached.and_then(|cached| age_of_memory(now, &cached, self.beside.wall)),
        };
        let facts = &port.facts;
        let listens_only = attachment.is_none() && facts.address.is_none();
        let reason = if listens_only { words::no_address(&facts.ifname) } else { reason };
        AttachmentView {
            ifname: facts.ifname.clone(),
            ifindex: facts.ifindex,
            driver: facts.driver.clone(),
            carrier: facts.carrier,
            switch: attachment.as_ref().map(|at| id_view(&at.switch, words::switch_text)),
            port: attachment.as_ref().map(|at| id_view(&at.port, words::port_text)),
            evidence: attachment.as_ref().map_or("fallback", |at| at.evidence.word()),
            switch_name: attachment.map_or_else(Box::default, |at| at.switch_name),
            age,
            expires: expires.map(|at| at.since(now)),
            reason: reason.into(),
            bond: facts.bond.clone().zip(port.role()).map(|(bond, role)| {
                let BondRole { active, partner } = role;
                BondFacts { active, partner, ..bond }
            }),
        }
    }

    /// Everything about the rings and the relays.
    pub fn status(&self, now: Time) -> Status {
        Status {
            state: self.state(now),
            relay: self.talk.relay().map(|relay| relay.address),
            assigned_by: self.in_force.map(|(_, relay)| relay),
            generation: self.in_force.map(|(generation, _)| generation).unwrap_or_default(),
            applied: self.applied,
            rings: self.links.status(now, &self.beside.ports),
            starved: self.doubt.is_starved(now),
            counters: self.counters(),
        }
    }
}

fn id_view(id: &WireId, text: fn(&WireId) -> String) -> IdView {
    IdView { subtype: id.subtype, octets: id.octets.clone(), text: text(id).into() }
}

/// Between two runs only the wall clock went on; for display it is good enough.
fn age_of_memory(now: Time, cached: &CachedAttachment, wall: Option<WallClock>) -> Option<Duration> {
    let unix_ms = wall?.unix_ms(now);
    let saved = Some(cached.saved_unix_ms).filter(|&saved| saved > 0)?;
    Some(cached.age + Duration::from_millis(unix_ms.saturating_sub(saved)))
}
