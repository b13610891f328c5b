//! What a relay finds again after it was killed: expected members, open incidents, news that wait.
//!
//! | kind | thing | record |
//! |---|---|---|
//! | `0` | - | [`KeptSelf`]: birth and last sequence of the outbox, incidents minted |
//! | `m` | probe id | [`KeptMember`]: a host of the roster |
//! | `i` | incident id | [`KeptIncident`]: an open incident |
//! | `n` | sequence, big end first | a news that waits, as it is |
//!
//! Rings, links and liveness are not kept: members take part in a relay's new rings as they answer its greeting, and
//! go on beating on their old links until then. Hosts and switches are named by what does not change; moments are
//! wall times, for no clock of ours survives.

use std::collections::BTreeMap;

use core::net::SocketAddr;

use ringmesh_proto::keep::{self, Keep, Unreadable};
use ringmesh_proto::machine::Sink;
use ringmesh_proto::message::{Generation, Report};
use ringmesh_proto::news::{News, RuledOut};
use ringmesh_proto::time::{Duration, Time, WallClock};
use ringmesh_topology::diagnosis::{Alternative, Component, HostIx, SwitchIx};
use ringmesh_topology::id::{Boot, HostBoot, IncidentId, Name, ProbeId};
use ringmesh_topology::place::{Place, WireId};
use ringmesh_topology::verdict::Verdict;
use serde::{Deserialize, Serialize};

use crate::incident::{Incident, Kind};
use crate::outbox::Outbox;
use crate::relay::Relay;
use crate::roster::{Member, Standing};
use crate::wiring::Wires;
use crate::{Action, Config};

const SELF: u8 = b'0';
const MEMBER: u8 = b'm';
const INCIDENT: u8 = b'i';
const NEWS: u8 = b'n';

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct KeptSelf {
    birth: u64,
    last: u64,
    minted: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct KeptMember {
    name: Name,
    boot: Boot,
    host_boot: HostBoot,
    standing: Standing,
    since_ms: u64,
    places: Vec<Place>,
    lost_legs: Vec<u32>,
    heard_from: SocketAddr,
}

/// [`Component`] by names that last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum KeptComponent {
    Host(ProbeId),
    Leg(ProbeId, u8),
    Switch(WireId),
    Uplink(WireId),
    PeerLink(WireId),
    Fabric,
    JudgeBranch,
    SharedFate,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum KeptKind {
    Silence,
    Planned { back_by_ms: u64 },
    NotReturned,
    Leg { via: u32 },
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct KeptIncident {
    number: u32,
    revision: u32,
    kind: KeptKind,
    alternatives: Vec<(KeptComponent, Verdict, u64, u16)>,
    members: Vec<ProbeId>,
    legs: Vec<(ProbeId, u8)>,
    witnesses: Vec<String>,
    silent_since_ms: u64,
    opened_ms: u64,
    page_never: bool,
    seen: Vec<String>,
    ruled_out: Vec<RuledOut>,
    would_settle: Vec<String>,
}

/// The records of one disk, sorted out.
#[derive(Default)]
struct Records {
    own: KeptSelf,
    members: Vec<(ProbeId, KeptMember)>,
    incidents: Vec<(IncidentId, KeptIncident)>,
    news: BTreeMap<u64, News>,
}

impl Records {
    fn read(records: impl IntoIterator<Item = (Vec<u8>, Vec<u8>)>) -> Result<Self, Unreadable> {
        let mut all = Self::default();
        for (key, value) in records {
            let (kind, thing) = keep::split(&key).unwrap_or_default();
            match kind {
                SELF => all.own = keep::read(kind, &value)?,
                MEMBER => all.members.push((keep::read(kind, thing)?, keep::read(kind, &value)?)),
                INCIDENT => all.incidents.push((keep::read(kind, thing)?, keep::read(kind, &value)?)),
                NEWS => {
                    let sequence: [u8; 8] = keep::read(kind, thing)?;
                    all.news.insert(u64::from_be_bytes(sequence), keep::read(kind, &value)?);
                }
                kind => return Err(Unreadable { kind, why: "no relay writes such a record".into() }),
            }
        }
        Ok(all)
    }
}

impl Relay {
    /// A relay that was killed, as its records have it; one that knows nobody, if there are none.
    ///
    /// `config.outbox` counts only where no record names a birth. Fails on the first record that cannot be read: a
    /// relay must not forget members in silence.
    pub fn restore(
        config: Config,
        wall: WallClock,
        records: impl IntoIterator<Item = (Vec<u8>, Vec<u8>)>,
    ) -> Result<Self, Unreadable> {
        let records = Records::read(records)?;
        let mut relay = Self::new(config);
        relay.clock = wall;
        if records.own.birth != 0 {
            relay.outbox = Outbox::restore(records.own.birth, records.own.last, records.news);
        }
        relay.incidents.set_minted(records.own.minted);
        for (probe, kept) in records.members {
            relay.restore_member(wall.at, probe, kept);
        }
        for (id, kept) in records.incidents {
            relay.restore_incident(wall.at, id, kept);
        }
        relay.picture_anew();
        relay.greet_all(wall.at);
        Ok(relay)
    }

    fn restore_member(&mut self, now: Time, probe: ProbeId, kept: KeptMember) {
        let host = self.roster.add(Member {
            probe,
            class: self.class_of(&kept.name),
            name: kept.name,
            boot: kept.boot,
            host_boot: kept.host_boot,
            standing: kept.standing,
            since: self.moment(now, kept.since_ms),
            places: Vec::new(),
            lost_legs: kept.lost_legs,
            heard_from: kept.heard_from,
            heard_at: now,
            met: false,
            seats: Vec::new(),
            generation: Generation::default(),
            pending: None,
            recorder_hash: 0,
            places_told: Report(0),
            evidence_told: Report(0),
            wires: Wires::default(),
        });
        self.know_places(host, kept.places);
    }

    fn restore_incident(&mut self, now: Time, id: IncidentId, kept: KeptIncident) {
        kept.alternatives.iter().for_each(|(component, ..)| self.know_switch_of(component));
        let host = |probe: &ProbeId| self.roster.find(*probe);
        let alternatives: Vec<Alternative> = kept
            .alternatives
            .iter()
            .filter_map(|(component, verdict, cost_millibits, permille)| {
                let (verdict, cost_millibits, permille) = (*verdict, *cost_millibits, *permille);
                let component = self.component_of(component)?;
                Some(Alternative { component, verdict, cost_millibits, permille })
            })
            .collect();
        let members: Vec<HostIx> = kept.members.iter().filter_map(host).collect();
        let legs = kept.legs.iter().filter_map(|(probe, leg)| Some((host(probe)?, *leg))).collect();
        let (silent_since, opened) =
            (self.moment(now, kept.silent_since_ms), self.moment(now, kept.opened_ms));
        let kind = match kept.kind {
            KeptKind::Silence => Kind::Silence,
            KeptKind::NotReturned => Kind::NotReturned,
            KeptKind::Leg { via } => Kind::Leg { via },
            KeptKind::Planned { back_by_ms } => {
                let left = back_by_ms.saturating_sub(self.clock.unix_ms(now));
                Kind::Planned { back_by: now + Duration::from_millis(left) }
            }
        };
        let mut incident = Incident::new(id, kind, alternatives, silent_since, opened);
        incident.revision = kept.revision;
        incident.fixed_ms = Some((kept.silent_since_ms, kept.opened_ms));
        incident.legs = legs;
        incident.witnesses = kept.witnesses;
        incident.page_never = kept.page_never;
        incident.seen = kept.seen;
        incident.ruled_out = kept.ruled_out;
        incident.would_settle = kept.would_settle;
        self.restored(now, kept.number, incident, &members);
    }

    /// The switch that an incident is about, though no member may name it any more.
    fn know_switch_of(&mut self, kept: &KeptComponent) {
        match kept {
            KeptComponent::Switch(key) | KeptComponent::Uplink(key) | KeptComponent::PeerLink(key) => {
                self.know_switch(key, "");
            }
            KeptComponent::Host(_)
            | KeptComponent::Leg(..)
            | KeptComponent::Fabric
            | KeptComponent::JudgeBranch
            | KeptComponent::SharedFate => {}
        }
    }

    /// A moment of an earlier run, as near as our clock reaches.
    fn moment(&self, now: Time, unix_ms: u64) -> Time {
        now.before(Duration::from_millis(self.clock.unix_ms(now).saturating_sub(unix_ms)))
    }

    fn component_of(&self, kept: &KeptComponent) -> Option<Component> {
        let host = |probe: &ProbeId| self.roster.find(*probe);
        let switch = |key: &WireId| self.roster.switch_of(key);
        Some(match kept {
            KeptComponent::Host(probe) => Component::Host(host(probe)?),
            KeptComponent::Leg(probe, leg) => Component::Leg(host(probe)?, *leg),
            KeptComponent::Switch(key) => Component::Switch(switch(key)?),
            KeptComponent::Uplink(key) => Component::Uplink(switch(key)?),
            KeptComponent::PeerLink(key) => Component::PeerLink(switch(key)?),
            KeptComponent::Fabric => Component::Fabric,
            KeptComponent::JudgeBranch => Component::JudgeBranch,
            KeptComponent::SharedFate => Component::SharedFate,
        })
    }

    /// Says what changed since it was asked last. Before whatever relies on it.
    pub(crate) fn keep_changes(&mut self, out: &mut impl Sink<Action>) {
        for host in core::mem::take(&mut self.changed.members) {
            out.put(Action::Keep(self.kept_member(host)));
        }
        for number in core::mem::take(&mut self.changed.incidents) {
            if let Some(incident) = self.incidents.get(number) {
                out.put(Action::Keep(Keep::put(
                    INCIDENT,
                    &incident.id,
                    &self.kept_incident(number, incident),
                )));
            }
        }
        for id in core::mem::take(&mut self.changed.closed) {
            out.put(Action::Keep(Keep::drop(INCIDENT, &id)));
        }
        for (sequence, news) in self.outbox.take_changed() {
            let thing = keep::sortable(sequence);
            out.put(Action::Keep(match news {
                Some(news) => Keep::put(NEWS, &thing, news),
                None => Keep::drop(NEWS, &thing),
            }));
        }
        let own = KeptSelf {
            birth: self.outbox.birth(),
            last: self.outbox.last(),
            minted: self.incidents.minted(),
        };
        if self.changed.own != own {
            self.changed.own = own;
            out.put(Action::Keep(Keep::put(SELF, &(), &own)));
        }
    }

    fn kept_member(&self, host: HostIx) -> Keep {
        let member = &self.roster[host];
        if member.standing == Standing::Gone {
            return Keep::drop(MEMBER, &member.probe);
        }
        let kept = KeptMember {
            name: member.name.clone(),
            boot: member.boot,
            host_boot: member.host_boot,
            standing: member.standing,
            since_ms: self.clock.unix_ms(member.since),
            places: member.places.clone(),
            lost_legs: member.lost_legs.clone(),
            heard_from: member.heard_from,
        };
        Keep::put(MEMBER, &member.probe, &kept)
    }

    fn kept_incident(&self, number: u32, incident: &Incident) -> KeptIncident {
        let probe = |host: &HostIx| self.roster[*host].probe;
        let (silent_since_ms, opened_ms) = self.told_times(incident);
        let alternative = |told: &Alternative| {
            let component = self.kept_component(told.component)?;
            Some((component, told.verdict, told.cost_millibits, told.permille))
        };
        KeptIncident {
            number,
            revision: incident.revision,
            kind: match incident.kind {
                Kind::Silence => KeptKind::Silence,
                Kind::NotReturned => KeptKind::NotReturned,
                Kind::Leg { via } => KeptKind::Leg { via },
                Kind::Planned { back_by } => KeptKind::Planned { back_by_ms: self.clock.unix_ms(back_by) },
            },
            alternatives: incident.alternatives.iter().filter_map(alternative).collect(),
            members: incident.members.iter().map(probe).collect(),
            legs: incident.legs.iter().map(|(host, leg)| (probe(host), *leg)).collect(),
            witnesses: incident.witnesses.clone(),
            silent_since_ms,
            opened_ms,
            page_never: incident.page_never,
            seen: incident.seen.clone(),
            ruled_out: incident.ruled_out.clone(),
            would_settle: incident.would_settle.clone(),
        }
    }

    fn kept_component(&self, component: Component) -> Option<KeptComponent> {
        let probe = |host: HostIx| self.roster[host].probe;
        let key = |switch: SwitchIx| self.roster.switch_at(switch).map(|switch| switch.key.clone());
        Some(match component {
            Component::Host(host) => KeptComponent::Host(probe(host)),
            Component::Leg(host, leg) => KeptComponent::Leg(probe(host), leg),
            Component::Switch(switch) => KeptComponent::Switch(key(switch)?),
            Component::Uplink(switch) => KeptComponent::Uplink(key(switch)?),
            Component::PeerLink(switch) => KeptComponent::PeerLink(key(switch)?),
            Component::Fabric => KeptComponent::Fabric,
            Component::JudgeBranch => KeptComponent::JudgeBranch,
            Component::SharedFate => KeptComponent::SharedFate,
        })
    }
}
