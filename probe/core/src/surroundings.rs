//! The ports and what they hang on: carrier, addresses, discovery, and what of it is said to whom.

use ringmesh_proto::machine::Sink;
use ringmesh_proto::message::Transition;
use ringmesh_proto::time::Time;
use ringmesh_topology::id::MacAddress;

use crate::action::{Action, Note};
use crate::config::CachedAttachment;
use crate::discovery::Sighting;
use crate::machine::{Beside, Probe};
use crate::mark::mark;
use crate::places;
use crate::ports::{CarrierChange, PortsChange};
use crate::talk::{Phase, Subject};
use crate::words;

impl Probe {
    pub(crate) fn ports_changed(&mut self, now: Time, change: &PortsChange, out: &mut impl Sink<Action>) {
        let beside = &mut *self.beside;
        beside.discovery.set_ports(now, &beside.ports, change);
        self.talk.set_ready(beside.ports.have_an_address());
        self.carriers_changed(now, &change.carriers, out);
        if change.roles {
            self.talk.report(now, Subject::Evidence);
        }
        self.look(now, out);
    }

    /// Carrier is evidence: it is told at once, by the other ports.
    pub(crate) fn carriers_changed(
        &mut self,
        now: Time,
        changes: &[CarrierChange],
        out: &mut impl Sink<Action>,
    ) {
        let Self { links, beside, talk, .. } = self;
        for change in changes {
            let port = change.port;
            let what = if change.up { Transition::CarrierBack(port) } else { Transition::CarrierLost(port) };
            beside.recorder.note(now, what);
            let ifname = beside.ports.get(port).map_or_else(Box::default, |port| port.facts.ifname.clone());
            out.put(Action::Say(Note::Carrier { ifname, up: change.up }));
        }
        links.set_carriers(now, |via| beside.ports.carries(via));
        if !changes.is_empty() {
            talk.report(now, Subject::Evidence);
        }
        if changes.iter().any(|change| change.up) {
            talk.hurry(now);
        }
    }

    pub(crate) fn frame(&mut self, now: Time, port: u32, octets: &[u8], out: &mut impl Sink<Action>) {
        let Beside { discovery, recorder, counters, .. } = &mut *self.beside;
        let lost = &mut |port| recorder.note(now, Transition::LldpLost(port));
        match discovery.frame(now, port, octets, lost) {
            Sighting::Taken { said_before } => {
                counters.frames += 1;
                // Nearly all of them say what was known, and there is nothing to look at.
                if said_before && self.beside.at_rest {
                    return;
                }
            }
            Sighting::Refused(lldp_rs::Reject::Foreign) => return self.bridge_frame(now, port, octets, out),
            Sighting::Refused(_) => {
                counters.frames_refused += 1;
                return;
            }
        }
        self.look(now, out);
    }

    /// What is no announcement may be the LACP partner, who says on each port of a bond which system it is.
    fn bridge_frame(&mut self, now: Time, port: u32, octets: &[u8], out: &mut impl Sink<Action>) {
        let Ok(lacp) = lldp_rs::Lacp::decode(octets) else { return };
        let ports = &mut self.beside.ports;
        let settles_at = ports.partners_settle_at();
        let changed = ports.set_lacp_partner(now, port, MacAddress(lacp.actor.system.0));
        // A frame comes each second on each port, and nearly all of them say what was known.
        let waits_otherwise = ports.partners_settle_at() != settles_at;
        if changed {
            self.talk.report(now, Subject::Evidence);
        }
        if changed || waits_otherwise {
            self.look(now, out);
        }
    }

    /// Looks at what the ports hang on: remembers it, tells the log, and reports it if that is due.
    pub(crate) fn look(&mut self, now: Time, out: &mut impl Sink<Action>) {
        self.remember(now, out);
        self.note_attachments(out);
        let beside = &mut *self.beside;
        if beside.ports.settle_partners(now) {
            self.talk.report(now, Subject::Evidence);
        }
        let tellable = places::tellable(now, &beside.ports, &beside.discovery, &beside.told);
        beside.look_at = tellable.more_at;
        let news = tellable.is_news || !beside.told_surely;
        let is_linked = self.talk.phase() == Phase::Linked;
        beside.at_rest = tellable.more_at == Time::NEVER && (is_linked || !news);
        if is_linked && news {
            beside.told = tellable.places;
            beside.told_surely = true;
            self.talk.report(now, Subject::Attachment);
        }
    }

    fn remember(&mut self, now: Time, out: &mut impl Sink<Action>) {
        let beside = &mut *self.beside;
        let unix_ms = beside.wall.map_or(0, |wall| wall.unix_ms(now));
        let findings = beside.ports.iter().map(|port| beside.discovery.finding(port));
        let known = findings.filter_map(|finding| {
            let cached = finding.cached?;
            let Some(at) = finding.heard_at else { return Some(cached) };
            Some(CachedAttachment { age: now.since(at), saved_unix_ms: unix_ms, ..cached })
        });
        // Whoever keeps it needs no room for more.
        let known = known.collect::<Box<[_]>>().into_vec();
        let mark = mark_of(&known);
        if core::mem::replace(&mut beside.remembered, mark) != mark {
            out.put(Action::Remember(known));
        }
    }

    fn note_attachments(&mut self, out: &mut impl Sink<Action>) {
        let beside = &mut *self.beside;
        let mut noted = Vec::new();
        for port in beside.ports.iter() {
            let finding = beside.discovery.finding(port);
            let at = finding.attachment.as_ref();
            let to =
                at.map(|at| words::attached_to(&at.switch_name, &at.switch, &at.port)).unwrap_or_default();
            let evidence = at.map_or("fallback", |at| at.evidence.word());
            let entry = (port.facts.ifindex, mark(&(evidence, &to)));
            if !beside.noted.contains(&entry) {
                let (ifname, to) = (port.facts.ifname.clone(), to.into());
                out.put(Action::Say(Note::Attached { ifname, to, evidence, reason: finding.reason.into() }));
            }
            noted.push(entry);
        }
        if *beside.noted != *noted {
            beside.noted = noted.into();
        }
    }
}

/// What changes where something else is to be remembered: ages do not.
pub(crate) fn mark_of(known: &[CachedAttachment]) -> u64 {
    let parts = known.iter().map(|known| (&known.ifname, known.mac, &known.attachment));
    mark(&parts.collect::<Vec<_>>())
}
