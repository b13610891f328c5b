//! Incidents: what was judged, how it changes while it lasts, how it ends.
//!
//! # Invariants
//! - A silent member is in exactly one open incident.
//! - The id is minted once; each change is a higher revision.
//! - Silence never closes: a return that held does, or the word of an operator.

use std::collections::{BTreeMap, BTreeSet};

use ringmesh_proto::beat::BEAT_EVERY;
use ringmesh_proto::draws::{Draws, Purpose};
use ringmesh_proto::machine::Sink;
use ringmesh_proto::message::{Carrier, GoodbyeReason, RecorderEntry, RingId, ToProbe};
use ringmesh_proto::news;
use ringmesh_proto::news::{IncidentNews, News};
use ringmesh_proto::time::{Duration, Time};
use ringmesh_topology::diagnosis::{
    Alternative, Component, Explanation, HealReport, HostIx, OpenIncident, PortObservation, SwitchIx,
    settle_at_heal,
};
use ringmesh_topology::id::IncidentId;
use ringmesh_topology::verdict::{Class, Verdict};

use crate::case::ms;
use crate::recorded::Recorded;
use crate::relay::Relay;
use crate::rings::{Peer, SITE_RING};
use crate::roster::{Seat, Standing};
use crate::{Action, Note, words};

/// A silence shorter than this, with the same boot, was a slow host: nobody was paged for it yet.
const SLOW_MAX: Duration = Duration::from_secs(10);
/// How often a member is asked after the path to it was proven, before it is called a straggler.
const ASKS_BEFORE_STRAGGLER: u32 = 3;
/// Silent members are asked again after this, then twice as late each time ..
const ASK_AFTER: Duration = Duration::from_secs(30);
/// .. one that fell silent alone after this: it hears no neighbour any more, and asks for itself as soon as it can ..
const ASK_LONE_AFTER: Duration = Duration::from_secs(120);
/// .. but at least so often.
const ASK_AT_MOST: Duration = Duration::from_secs(600);
/// Of ten members that were reachable before, nine must be back.
const BACK_OF_TEN: usize = 9;
/// A leg without carrier, or unheard, for so long is lost for good, unless its switch explains it.
const LEG_LOST_AFTER: Duration = Duration::from_secs(5);
/// Neighbours that were asked about a leg have answered by then.
const LEG_ANSWER_WITHIN: Duration = Duration::from_secs(1);
/// Whoever heard a beat knows the onset to this.
const ONSET_KNOWN: Duration = Duration::from_secs(2);
/// How much older than the onset an entry of a flight recorder may be and still belong to it.
const RECORDER_SLACK: Duration = Duration::from_secs(5);

/// What kind of trouble it is: they end differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Members fell silent.
    Silence,
    /// A member said goodbye; expected back by then, if at all.
    Planned { back_by: Time },
    /// Stragglers of something else.
    NotReturned,
    /// A leg of a living member.
    Leg { via: u32 },
}

/// What is known of a member's return.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Return {
    at: Time,
    report: HealReport,
    restarted: bool,
}

/// One incident.
#[derive(Clone, Debug)]
pub(crate) struct Incident {
    pub(crate) id: IncidentId,
    pub(crate) revision: u32,
    pub(crate) kind: Kind,
    pub(crate) alternatives: Vec<Alternative>,
    pub(crate) members: BTreeSet<HostIx>,
    pub(crate) legs: Vec<(HostIx, u8)>,
    pub(crate) witnesses: Vec<String>,
    onset: (u64, u64),
    silent_since: Time,
    opened: Time,
    /// When it was silent since and opened, in the wall time that was told first.
    pub(crate) fixed_ms: Option<(u64, u64)>,
    closed: Option<Time>,
    pub(crate) page_never: bool,
    pub(crate) seen: Vec<String>,
    pub(crate) ruled_out: Vec<news::RuledOut>,
    pub(crate) would_settle: Vec<String>,
    frozen: Vec<RingId>,
    returns: BTreeMap<HostIx, Return>,
    first_return: Option<Time>,
    close_at: Option<Time>,
    /// When those still away are asked again: a member cut off with its ring does not know that it was.
    ask_at: Option<Time>,
    /// How often they were.
    asks: u32,
}

/// All open incidents, by a dense number.
#[derive(Clone, Debug, Default)]
pub(crate) struct Incidents {
    open: BTreeMap<u32, Incident>,
    minted: u32,
    /// Legs that may be lost, with when to look, and since when neighbours were asked (never: the start).
    legs: BTreeSet<(Time, HostIx, u32, Time)>,
}

impl Incidents {
    pub(crate) fn open(&self) -> impl Iterator<Item = (u32, &Incident)> {
        self.open.iter().map(|(number, incident)| (*number, incident))
    }

    /// What the judge must know of them.
    pub(crate) fn for_judge(&self) -> Vec<OpenIncident> {
        let silences = self.open().filter(|(_, incident)| incident.kind == Kind::Silence);
        silences
            .map(|(index, incident)| OpenIncident {
                index,
                components: incident.alternatives.iter().map(|of| of.component).collect(),
                members: incident.members.iter().copied().collect(),
                onset_ms: incident.onset,
            })
            .collect()
    }

    pub(crate) fn next(&self) -> Time {
        let incidents = self
            .open
            .values()
            .flat_map(|incident| [incident.close_at, incident.overdue_at(), incident.ask_at]);
        let legs = self.legs.first().map(|(at, ..)| *at);
        incidents.flatten().chain(legs).min().unwrap_or(Time::NEVER)
    }

    pub(crate) fn get(&self, number: u32) -> Option<&Incident> {
        self.open.get(&number)
    }

    /// How many ids were given in all runs.
    pub(crate) fn minted(&self) -> u32 {
        self.minted
    }

    pub(crate) fn set_minted(&mut self, minted: u32) {
        self.minted = minted;
    }

    /// The incident that a host is away in. That one of its legs is lost is another matter.
    fn of(&self, host: HostIx) -> Option<u32> {
        let away = |incident: &Incident| !matches!(incident.kind, Kind::Leg { .. });
        self.open()
            .find(|(_, incident)| incident.members.contains(&host) && away(incident))
            .map(|(number, _)| number)
    }

    /// The incident about a leg of a host.
    fn of_leg(&self, host: HostIx, via: u32) -> Option<u32> {
        let about = |incident: &Incident| incident.kind == Kind::Leg { via };
        self.open()
            .find(|(_, incident)| about(incident) && incident.members.contains(&host))
            .map(|(number, _)| number)
    }
}

impl Incident {
    pub(crate) fn new(
        id: IncidentId,
        kind: Kind,
        alternatives: Vec<Alternative>,
        silent_since: Time,
        opened: Time,
    ) -> Self {
        Self {
            id,
            revision: 0,
            kind,
            alternatives,
            members: BTreeSet::new(),
            legs: Vec::new(),
            witnesses: Vec::new(),
            onset: (ms(silent_since), ms(opened)),
            silent_since,
            opened,
            fixed_ms: None,
            closed: None,
            page_never: false,
            seen: Vec::new(),
            ruled_out: Vec::new(),
            would_settle: Vec::new(),
            frozen: Vec::new(),
            returns: BTreeMap::new(),
            first_return: None,
            close_at: None,
            ask_at: None,
            asks: 0,
        }
    }

    fn component(&self) -> Component {
        self.alternatives.first().map_or(Component::SharedFate, |alternative| alternative.component)
    }

    /// A goodbye that was not kept.
    fn overdue_at(&self) -> Option<Time> {
        match self.kind {
            Kind::Planned { back_by } if self.first_return.is_none() => Some(back_by),
            Kind::Planned { .. } | Kind::Silence | Kind::NotReturned | Kind::Leg { .. } => None,
        }
    }

    /// How long until somebody away is asked again: twice as long each time.
    fn ask_later(&self) -> Duration {
        let lone = self.kind == Kind::Silence && !self.is_wide();
        let first = if lone { ASK_LONE_AFTER } else { ASK_AFTER };
        (first * (1 << self.asks.min(5))).min(ASK_AT_MOST)
    }

    /// Takes members in. The next asking comes no later than this many would be asked from now on: together they may
    /// be cut off and not know it, one alone does.
    fn take_members(&mut self, now: Time, members: impl IntoIterator<Item = HostIx>) {
        self.members.extend(members);
        let again = now + self.ask_later();
        self.ask_at = Some(self.ask_at.map_or(again, |at| at.min(again)));
    }

    /// All that were back fell silent again: it waits for returns as in the beginning.
    fn nobody_is_back(&mut self, now: Time) {
        self.first_return = None;
        self.close_at = None;
        self.asks = 0;
        self.ask_at = Some(now + self.ask_later());
    }

    /// What it is about may have cut off several together, who do not know it.
    fn is_wide(&self) -> bool {
        self.members.len() > 1 || self.is_about_switch()
    }

    fn is_about_switch(&self) -> bool {
        self.alternatives.iter().any(|alternative| switch_of(alternative.component).is_some())
    }
}

fn switch_of(component: Component) -> Option<SwitchIx> {
    match component {
        Component::Switch(switch) | Component::Uplink(switch) | Component::PeerLink(switch) => Some(switch),
        Component::Host(_)
        | Component::Leg(..)
        | Component::Fabric
        | Component::JudgeBranch
        | Component::SharedFate => None,
    }
}

fn member_of(peer: Peer) -> Option<HostIx> {
    match peer {
        Peer::Member(host) => Some(host),
        Peer::Relay => None,
    }
}

fn certain(component: Component, verdict: Verdict) -> Vec<Alternative> {
    vec![Alternative { component, verdict, cost_millibits: 0, permille: 1_000 }]
}

impl Relay {
    /// Opens an incident for each explanation, or adds to the one it belongs to. Silent members that no explanation
    /// names are their own.
    pub(crate) fn open_explained(
        &mut self,
        now: Time,
        silent: &[HostIx],
        explanations: Vec<Explanation>,
        out: &mut impl Sink<Action>,
    ) {
        for explanation in explanations {
            if !explanation.members.is_empty() {
                self.open_one(now, explanation, out);
            }
        }
        for &host in silent {
            if self.roster[host].standing == Standing::Live && self.incidents.of(host).is_none() {
                let explanation = Explanation {
                    one_witness: true,
                    ..Explanation::certain(
                        Component::Host(host),
                        Verdict::HostOrCable,
                        vec![host],
                        (ms(self.roster[host].heard_at), ms(now)),
                    )
                };
                self.open_one(now, explanation, out);
            }
        }
    }

    fn open_one(&mut self, now: Time, explanation: Explanation, out: &mut impl Sink<Action>) {
        let adopted = explanation.adopted.filter(|number| self.incidents.open.contains_key(number));
        let adopted = adopted.or_else(|| self.not_over_yet(&explanation.members));
        let number = adopted.unwrap_or_else(|| self.mint(now, Kind::Silence, &explanation));
        let members: Vec<HostIx> = explanation.members.clone();
        let Some(incident) = self.incidents.open.get(&number) else { return };
        let grown = members.iter().any(|host| !incident.members.contains(host));
        let again = members.iter().any(|host| self.roster[*host].standing == Standing::Live);
        if adopted.is_some() && !grown && !again && incident.alternatives == explanation.alternatives {
            return;
        }
        let why = self.why_opened(&explanation, adopted.is_some());
        self.absorb(now, number, &explanation.absorbed, out);
        for &host in &members {
            self.move_into(now, number, host, out);
        }
        self.describe(now, number, &explanation);
        for host in members {
            self.fall_silent(now, host);
        }
        self.count_returned(now, number);
        for (ring, unwatched) in self.freeze_or_repair(now, number) {
            self.look_after(now, ring, &unwatched, now, out);
        }
        self.revise(now, number, why, out);
    }

    /// An incident of just these members that waits for its return to hold: it did not.
    fn not_over_yet(&self, members: &[HostIx]) -> Option<u32> {
        let of = |host: &HostIx| self.incidents.of(*host);
        let number = of(members.first()?)?;
        let incident = self.incidents.open.get(&number).filter(|incident| incident.close_at.is_some())?;
        let same =
            incident.members.len() == members.len() && members.iter().all(|host| of(host) == Some(number));
        same.then_some(number)
    }

    /// A silent member is in one incident: in the newest, if it fell silent again before the last one was over.
    fn move_into(&mut self, now: Time, number: u32, host: HostIx, out: &mut impl Sink<Action>) {
        let Some(before) = self.incidents.of(host) else { return };
        let Some(incident) = self.incidents.open.get_mut(&before) else { return };
        if incident.returns.remove(&host).is_some() && incident.returns.is_empty() {
            incident.nobody_is_back(now);
        }
        if before == number {
            return;
        }
        if incident.members.len() == 1 {
            // It keeps its member, for whoever reads of it later.
            let into = self.incidents.open.get(&number).map(|incident| incident.id);
            let why = into.map_or_else(|| "over".to_owned(), |into| format!("silent again: {into}"));
            self.close(now, before, why, out);
            return;
        }
        incident.members.remove(&host);
        self.revise(now, before, "a host is silent again, for another reason".to_owned(), out);
        self.count_returned(now, before);
    }

    fn mint(&mut self, now: Time, kind: Kind, explanation: &Explanation) -> u32 {
        self.incidents.minted += 1;
        self.counters.incidents += 1;
        let number = self.incidents.minted;
        let onset = explanation.onset_ms;
        // Where nobody can say to a beat when it was heard last it is known to be silent since the end.
        let known = onset.0 > 0 && Time::from_millis(onset.1) <= Time::from_millis(onset.0) + ONSET_KNOWN;
        let silent_since = Time::from_millis(if known { onset.0 } else { onset.1 }).min(now);
        let (id, alternatives) = (self.incident_id(number), explanation.alternatives.clone());
        let mut incident = Incident::new(id, kind, alternatives, silent_since, now);
        incident.onset = onset;
        incident.page_never = explanation.never_page;
        self.incidents.open.insert(number, incident);
        number
    }

    /// The same for no two incidents of any site, relay or term.
    fn incident_id(&self, number: u32) -> IncidentId {
        let site = self.config.site.as_str().bytes();
        // FNV-1a, 64 bits: a number for a name.
        let site = site.fold(0xcbf2_9ce4_8422_2325, |hash: u64, octet| {
            (hash ^ u64::from(octet)).wrapping_mul(0x0000_0100_0000_01b3)
        });
        let entity = (u64::from(self.config.relay.0) << 32) | u64::from(self.config.term);
        IncidentId(Draws::new(site, entity).bits(Purpose::Incident, u64::from(number)))
    }

    fn describe(&mut self, now: Time, number: u32, explanation: &Explanation) {
        let ruled_out = explanation.ruled_out.iter().map(|out| news::RuledOut {
            what: words::component(self, out.component),
            by: words::witness(self, out.by),
        });
        let ruled_out: Vec<_> = ruled_out.collect();
        let mut witnesses: Vec<String> =
            explanation.witnesses.iter().map(|vantage| words::witness(self, *vantage)).collect();
        witnesses.dedup();
        let seen = self.seen_by(explanation, &witnesses);
        let would_settle = explanation.would_settle.iter().map(|s| words::settle(*s).to_owned()).collect();
        let Some(incident) = self.incidents.open.get_mut(&number) else { return };
        incident.alternatives.clone_from(&explanation.alternatives);
        incident.take_members(now, explanation.members.iter().copied());
        incident.legs.clone_from(&explanation.degraded);
        incident.witnesses = witnesses;
        incident.seen = seen;
        incident.ruled_out = ruled_out;
        incident.would_settle = would_settle;
        incident.page_never |= explanation.never_page;
    }

    fn seen_by(&self, explanation: &Explanation, witnesses: &[String]) -> Vec<String> {
        let names: Vec<&str> =
            explanation.members.iter().map(|host| self.roster[*host].name.as_str()).collect();
        let mut seen = Vec::new();
        let by: Vec<&str> = witnesses.iter().map(String::as_str).collect();
        if !by.is_empty() {
            seen.push(format!("{} not heard by {}", words::several(&names), words::several(&by)));
        }
        seen.push(format!("{} did not answer {}", words::several(&names), words::relay(&self.config)));
        for (host, leg) in &explanation.degraded {
            seen.push(format!(
                "{} lost, the host lives",
                words::component(self, Component::Leg(*host, *leg))
            ));
        }
        if explanation.one_witness {
            seen.push("one witness only".to_owned());
        }
        seen
    }

    fn why_opened(&self, explanation: &Explanation, again: bool) -> String {
        let count = explanation.members.len();
        let hosts = if count == 1 { "1 host".to_owned() } else { format!("{count} hosts") };
        let judged = if again { "judged again with" } else { "opened:" };
        format!("{judged} {hosts} silent")
    }

    /// Younger incidents that turned out to be the same thing.
    fn absorb(&mut self, now: Time, number: u32, absorbed: &[u32], out: &mut impl Sink<Action>) {
        for other in absorbed.iter().filter(|other| **other != number) {
            let Some(younger) = self.incidents.open.get_mut(other) else { continue };
            younger.page_never = true;
            let members = core::mem::take(&mut younger.members);
            let Some(incident) = self.incidents.open.get_mut(&number) else { return };
            incident.take_members(now, members);
            let into = incident.id;
            self.close(now, *other, format!("merged into {into}"), out);
        }
    }

    fn fall_silent(&mut self, now: Time, host: HostIx) {
        self.roster[host].standing = Standing::Silent;
        self.roster[host].since = now;
        self.refresh_belief(host);
        self.tell_host(host);
    }

    /// All rings of a silent switch are frozen, those of its other L2 domains too; a single silent member is taken out of
    /// its rings. Returned are, by ring, those who live in rings that were not frozen before: nobody upstairs hears of them.
    fn freeze_or_repair(&mut self, now: Time, number: u32) -> Vec<(RingId, Vec<HostIx>)> {
        let Some(incident) = self.incidents.open.get(&number) else { return Vec::new() };
        let switches: Vec<SwitchIx> =
            incident.alternatives.iter().filter_map(|a| switch_of(a.component)).collect();
        let frozen: Vec<RingId> = self
            .rings
            .iter()
            .filter(|(_, ring)| ring.key.switch().is_some_and(|s| switches.contains(&s)))
            .map(|(id, _)| id)
            .collect();
        let thawed = frozen.iter().copied().filter(|id| self.rings.get(*id).is_some_and(|ring| !ring.frozen));
        let thawed: Vec<RingId> = thawed.collect();
        for &id in &frozen {
            self.freeze(now, id);
        }
        let unwatched = thawed.into_iter().map(|id| (id, self.unwatched(id))).collect();
        if let Some(incident) = self.incidents.open.get_mut(&number) {
            let before = core::mem::replace(&mut incident.frozen, frozen);
            let over: Vec<RingId> = before.into_iter().filter(|id| !incident.frozen.contains(id)).collect();
            self.thaw_rings(now, number, &over);
            let cleared = over.iter().filter_map(|id| self.rings.get(*id)?.key.switch());
            cleared.collect::<BTreeSet<_>>().into_iter().for_each(|switch| self.tell_switch(switch));
        }
        self.drop_silent(now, number);
        switches.into_iter().for_each(|switch| self.tell_switch(switch));
        unwatched
    }

    /// Nothing of that ring changes before the heal; those who spoke for it do not stand upstairs any more.
    fn freeze(&mut self, now: Time, id: RingId) {
        let Some(ring) = self.rings.get_mut(id) else { return };
        ring.frozen = true;
        ring.delegates.clear();
        self.rings.mark(id, now);
    }

    /// Whether a host that lives stands in a ring that is frozen for an incident from which nobody is back: what is
    /// suspected there would have taken it too.
    pub(crate) fn clears_a_suspect(&self, host: HostIx) -> bool {
        let stands_in = |ring: &RingId| self.roster[host].seats.iter().any(|seat| seat.ring == *ring);
        self.incidents
            .open()
            .any(|(_, incident)| incident.first_return.is_none() && incident.frozen.iter().any(stands_in))
    }

    /// Those of a ring who live, and stand in frozen rings alone.
    fn unwatched(&self, id: RingId) -> Vec<HostIx> {
        let frozen =
            |seat: &Seat| seat.ring == SITE_RING || self.rings.get(seat.ring).is_none_or(|ring| ring.frozen);
        let alone = |host: &HostIx| {
            let member = &self.roster[*host];
            member.standing == Standing::Live && member.seats.iter().all(frozen)
        };
        let ring = self.rings.get(id).into_iter();
        ring.flat_map(|ring| ring.ring.members()).filter_map(member_of).filter(alone).collect()
    }

    /// Takes a silent member out of every ring but the frozen ones.
    fn leave_thawed(&mut self, now: Time, host: HostIx) {
        let is_frozen = |seat: &Seat| self.rings.get(seat.ring).is_some_and(|ring| ring.frozen);
        let (kept, left): (Vec<Seat>, Vec<Seat>) =
            self.roster[host].seats.iter().copied().partition(is_frozen);
        if let Some(pending) = self.roster[host].pending.take() {
            self.order_timers.remove(&(pending.next, host));
        }
        self.roster[host].seats = kept;
        for seat in left {
            // The site ring is put in order when its delegates are chosen again.
            if let Some(ring) = self.rings.get_mut(seat.ring).filter(|_| seat.ring != SITE_RING) {
                ring.ring.remove(Peer::Member(host));
            }
            self.rings.mark(seat.ring, now);
        }
    }

    fn thaw(&mut self, now: Time, number: u32) {
        let Some(incident) = self.incidents.open.get_mut(&number) else { return };
        let frozen = core::mem::take(&mut incident.frozen);
        self.thaw_rings(now, number, &frozen);
    }

    /// Rings are free again as far as that incident goes. Who is silent in them for another reason leaves them now.
    fn thaw_rings(&mut self, now: Time, number: u32, frozen: &[RingId]) {
        let others = || self.incidents.open().filter(|(other, _)| *other != number);
        let held = |id: &RingId| others().any(|(_, incident)| incident.frozen.contains(id));
        let thawed: Vec<RingId> = frozen.iter().copied().filter(|id| !held(id)).collect();
        let mut left = Vec::new();
        for &id in &thawed {
            let Some(ring) = self.rings.get_mut(id) else { continue };
            ring.frozen = false;
            left.extend(ring.ring.members().filter_map(member_of));
            self.rings.mark(id, now);
        }
        left.retain(|host| {
            self.roster[*host].standing == Standing::Silent && self.incidents.of(*host) != Some(number)
        });
        left.into_iter().for_each(|host| self.leave_thawed(now, host));
        if !thawed.is_empty() {
            self.replan_after_thaw(now, &thawed);
        }
    }

    /// Nobody could join or leave a ring while it was frozen: whoever came to its switch, or went, does it now.
    fn replan_after_thaw(&mut self, now: Time, rings: &[RingId]) {
        let switches: Vec<SwitchIx> =
            rings.iter().filter_map(|id| self.rings.get(*id)?.key.switch()).collect();
        for host in self.roster.hosts() {
            let member = &self.roster[host];
            let hangs = self.roster.switches_behind(host).any(|switch| switches.contains(&switch));
            if hangs || member.seats.iter().any(|seat| rings.contains(&seat.ring)) {
                self.replan(now, host);
            }
        }
    }

    /// A member speaks: if it was silent, it is back.
    pub(crate) fn returned(&mut self, now: Time, host: HostIx, out: &mut impl Sink<Action>) {
        if self.roster[host].standing != Standing::Live {
            self.came_back(now, host, false, false, out);
            self.replan(now, host);
            self.give_again(now, host, out);
            self.tell_host(host);
        }
    }

    /// As [`Self::returned`], with what its announcement says about its run.
    pub(crate) fn came_back(
        &mut self,
        now: Time,
        host: HostIx,
        rebooted: bool,
        restarted: bool,
        out: &mut impl Sink<Action>,
    ) {
        let Some(number) = self.incidents.of(host) else {
            self.stand(now, host, out);
            return;
        };
        self.stand(now, host, out);
        let Some(incident) = self.incidents.open.get_mut(&number) else { return };
        if incident.first_return.is_none() {
            incident.first_return = Some(now);
            incident.ask_at = Some(now);
        }
        let wide = incident.is_wide();
        let report = HealReport { host, rebooted, ring_heard_inside: None, carrier_lost: None };
        let entry = incident.returns.entry(host).or_insert(Return { at: now, report, restarted });
        entry.report.rebooted |= rebooted;
        entry.restarted |= restarted;
        if wide {
            self.ask_everywhere(now);
        }
        if restarted {
            // Its links are gone, so its ring must be cut again, whoever else is still away.
            self.thaw(now, number);
            self.drop_silent(now, number);
        }
        if rebooted {
            self.settle(now, number, out);
        }
        self.reclassify_if_slow(now, number, out);
        self.count_returned(now, number);
    }

    /// What cut off one may have cut off others that were judged alone: a member that hears its ring asks nobody.
    fn ask_everywhere(&mut self, now: Time) {
        for incident in self.incidents.open.values_mut().filter(|i| i.kind == Kind::Silence) {
            incident.ask_at = incident.ask_at.map(|at| at.min(now + BEAT_EVERY));
        }
    }

    /// Those of an incident who are still away leave the rings that are frozen no more.
    fn drop_silent(&mut self, now: Time, number: u32) {
        let Some(incident) = self.incidents.open.get(&number) else { return };
        let away = incident.members.iter().copied();
        let away: Vec<HostIx> = away.filter(|host| self.roster[*host].standing == Standing::Silent).collect();
        away.into_iter().for_each(|host| self.leave_thawed(now, host));
    }

    fn stand(&mut self, now: Time, host: HostIx, out: &mut impl Sink<Action>) {
        if self.roster[host].standing == Standing::Live {
            return;
        }
        self.roster[host].standing = Standing::Live;
        self.roster[host].since = now;
        self.cases.forget_silence(host);
        self.refresh_belief(host);
        out.put(Action::Say(Note::Joined(self.roster[host].name.clone())));
    }

    /// The assignment of a member that came back is in force: its neighbours hear it.
    pub(crate) fn return_confirmed(&mut self, now: Time, host: HostIx) {
        if let Some(number) = self.incidents.of(host) {
            self.count_returned(now, number);
        }
    }

    /// Starts the hold before closing when enough are back, and calls off what fell silent again.
    fn count_returned(&mut self, now: Time, number: u32) {
        let Some(incident) = self.incidents.open.get(&number) else { return };
        if matches!(incident.kind, Kind::Leg { .. }) {
            return;
        }
        let back = incident.returns.keys().filter(|host| self.roster[**host].standing == Standing::Live);
        let back = back.count();
        let enough = back > 0 && back * 10 >= incident.members.len() * BACK_OF_TEN;
        let all = back == incident.members.len();
        let settle = self.settle_time(incident);
        let stragglers_at = incident.first_return.map(|first| first + settle);
        let hold = now + self.config.timing.close_hold;
        let Some(incident) = self.incidents.open.get_mut(&number) else { return };
        incident.close_at = match (all, enough) {
            (true, _) => Some(incident.close_at.map_or(hold, |at| at.min(hold))),
            (false, true) => stragglers_at.map(|at| at.max(hold)),
            (false, false) => stragglers_at,
        };
        if enough {
            self.thaw(now, number);
        }
    }

    /// Stragglers get longer where power may have been lost: machines boot slowly.
    fn settle_time(&self, incident: &Incident) -> Duration {
        let power = incident.returns.values().any(|returned| returned.report.rebooted);
        if power && incident.is_about_switch() {
            self.config.timing.boot_grace
        } else {
            self.config.timing.settle
        }
    }

    pub(crate) fn ask_recorder(&mut self, host: HostIx, out: &mut impl Sink<Action>) {
        if self.incidents.of(host).is_none() {
            return;
        }
        let member = &self.roster[host];
        let message = ToProbe::RecorderAsk;
        out.put(Action::Send { to: member.heard_from, probe: member.probe, message });
    }

    /// What a member recorded while nobody could be told.
    pub(crate) fn take_recorder(
        &mut self,
        now: Time,
        host: HostIx,
        entries: &[RecorderEntry],
        out: &mut impl Sink<Action>,
    ) {
        let Some(number) = self.incidents.of(host) else { return };
        let Some(incident) = self.incidents.open.get(&number) else { return };
        let (since, several) = (incident.silent_since.before(RECORDER_SLACK), incident.members.len() > 1);
        let inside: Vec<_> = self
            .held(host)
            .into_iter()
            .filter(|(_, adjacency, _)| adjacency.ring != SITE_RING)
            .map(|(link, ..)| link)
            .collect();
        let recorded = Recorded::of(now, since, entries);
        let Some(incident) = self.incidents.open.get_mut(&number) else { return };
        let Some(returned) = incident.returns.get_mut(&host) else { return };
        if returned.restarted && entries.is_empty() {
            return;
        }
        returned.report.carrier_lost = Some(recorded.carrier_lost);
        let mates = several && !returned.restarted && !returned.report.rebooted;
        returned.report.ring_heard_inside = recorded.ring_heard(&inside, mates);
        self.settle(now, number, out);
    }

    /// Judges once more by what the returned members brought.
    fn settle(&mut self, now: Time, number: u32, out: &mut impl Sink<Action>) {
        let Some(incident) = self.incidents.open.get(&number) else { return };
        if incident.kind != Kind::Silence || incident.alternatives.is_empty() {
            return;
        }
        let reports: Vec<HealReport> = incident.returns.values().map(|returned| returned.report).collect();
        let settled = settle_at_heal(&incident.alternatives, &reports);
        let proved_already = incident.alternatives.len() == 1 && incident.is_about_switch();
        let Some(verdict) = settled.filter(|_| !proved_already) else { return };
        let known = |alternative: &&Alternative| alternative.verdict == verdict;
        let component =
            incident.alternatives.iter().find(known).map_or(incident.component(), |a| a.component);
        let alternatives = certain(component, verdict);
        if incident.alternatives == alternatives {
            return;
        }
        let why = format!("settled by {} that came back: {verdict}", of_members(reports.len()));
        self.reclassify(now, number, alternatives, why, out);
    }

    fn reclassify(
        &mut self,
        now: Time,
        number: u32,
        alternatives: Vec<Alternative>,
        why: String,
        out: &mut impl Sink<Action>,
    ) {
        let Some(incident) = self.incidents.open.get_mut(&number) else { return };
        let before = core::mem::replace(&mut incident.alternatives, alternatives);
        incident.would_settle.clear();
        let switches: BTreeSet<SwitchIx> = before.iter().filter_map(|a| switch_of(a.component)).collect();
        switches.into_iter().for_each(|switch| self.tell_switch(switch));
        self.revise(now, number, why, out);
    }

    /// A single host that is back before anybody was told of it: with its old boot it was slow, with a new run of the
    /// probe that was restarted. Nobody needs to hear of it any more.
    fn reclassify_if_slow(&mut self, now: Time, number: u32, out: &mut impl Sink<Action>) {
        let Some(incident) = self.incidents.open.get(&number) else { return };
        let Some((&host, returned)) = incident.returns.iter().next().filter(|_| incident.members.len() == 1)
        else {
            return;
        };
        let away = returned.at.since(incident.silent_since);
        let Some(was) = incident.alternatives.first().map(|alternative| alternative.verdict) else { return };
        let verdict = match was {
            Verdict::HostOrCable | Verdict::HostHung | Verdict::HostDown | Verdict::ProbeDown
                if !returned.restarted && !returned.report.rebooted =>
            {
                Verdict::HostSlow
            }
            Verdict::ProbeDown if !returned.report.rebooted => Verdict::ProbeDown,
            _ => return,
        };
        if away >= SLOW_MAX || incident.kind != Kind::Silence || incident.page_never {
            return;
        }
        let run = if returned.restarted { "a new run of the probe" } else { "the same boot" };
        let why = format!("back with {run} after {}.{} s", away.as_secs(), away.subsec_millis() / 100);
        if let Some(incident) = self.incidents.open.get_mut(&number) {
            incident.page_never = true;
        }
        self.reclassify(now, number, certain(Component::Host(host), verdict), why, out);
    }

    /// Closes what has held, calls stragglers, and opens what a goodbye did not keep.
    pub(crate) fn advance_incidents(&mut self, now: Time, out: &mut impl Sink<Action>) {
        if self.incidents.next() > now {
            return;
        }
        let due = |at: Option<Time>| at.is_some_and(|at| at <= now);
        let closing: Vec<u32> =
            self.incidents.open().filter(|(_, i)| due(i.close_at)).map(|(number, _)| number).collect();
        for number in closing {
            self.finish(now, number, out);
        }
        let asking: Vec<u32> =
            self.incidents.open().filter(|(_, i)| due(i.ask_at)).map(|(number, _)| number).collect();
        for number in asking {
            self.ask_those_away(now, number, out);
        }
        let overdue: Vec<u32> =
            self.incidents.open().filter(|(_, i)| due(i.overdue_at())).map(|(number, _)| number).collect();
        for number in overdue {
            self.not_back_in_time(now, number, out);
        }
        while let Some(&(at, host, via, asked)) = self.incidents.legs.first().filter(|(at, ..)| *at <= now) {
            self.incidents.legs.remove(&(at, host, via, asked));
            self.look_at_leg(now, host, via, asked, out);
        }
    }

    /// Whoever of an incident is still away is pinged: three times before it is a straggler once the path is proven,
    /// slower and slower before.
    fn ask_those_away(&mut self, now: Time, number: u32, out: &mut impl Sink<Action>) {
        let Some(incident) = self.incidents.open.get(&number) else { return };
        if let Kind::Leg { via } = incident.kind {
            self.try_leg(now, number, via);
            return;
        }
        let proven = self.settle_time(incident) / ASKS_BEFORE_STRAGGLER;
        let again = now + if incident.first_return.is_some() { proven } else { incident.ask_later() };
        let away: Vec<HostIx> = incident
            .members
            .iter()
            .copied()
            .filter(|host| self.roster[*host].standing == Standing::Silent)
            .collect();
        away.iter().for_each(|host| self.ping_everywhere(*host, out));
        self.look_after_the_frozen(now, number, out);
        if let Some(incident) = self.incidents.open.get_mut(&number) {
            incident.asks += 1;
            incident.ask_at = (!away.is_empty()).then_some(again);
        }
    }

    /// Of those who live in a ring that stays frozen for the others nobody upstairs hears: one after the other is asked,
    /// and where one does not answer its whole ring.
    fn look_after_the_frozen(&mut self, now: Time, number: u32, out: &mut impl Sink<Action>) {
        let Some(incident) = self.incidents.open.get(&number) else { return };
        let one_of = |id: &RingId| {
            let living = self.unwatched(*id);
            let turn = usize::try_from(incident.asks).unwrap_or(0).checked_rem(living.len())?;
            Some((*id, living[turn]))
        };
        let looked_after: Vec<(RingId, HostIx)> = incident.frozen.iter().filter_map(one_of).collect();
        for (ring, host) in looked_after {
            self.look_after(now, ring, &[host], now, out);
        }
    }

    /// One ping to each address; a greeting to a member that has no session with this run of the relay.
    pub(crate) fn ping_everywhere(&mut self, host: HostIx, out: &mut impl Sink<Action>) {
        if !self.roster[host].met {
            return self.greet(host, out);
        }
        let nonce = self.next_nonce();
        let member = &self.roster[host];
        for to in member.addresses() {
            out.put(Action::Send { to, probe: member.probe, message: ToProbe::Ping { nonce } });
        }
    }

    /// A lost leg with carrier may work again, and stands in no ring that could say so: it is taken back on trial.
    fn try_leg(&mut self, now: Time, number: u32, via: u32) {
        let Some(incident) = self.incidents.open.get_mut(&number) else { return };
        incident.asks += 1;
        incident.ask_at = Some(now + incident.ask_later());
        let Some(&host) = incident.members.first() else { return };
        let member = &mut self.roster[host];
        let light = member.place(via).is_some_and(|place| place.carrier);
        if light && member.lost_legs.contains(&via) {
            member.lost_legs.retain(|lost| *lost != via);
            self.changed.members.insert(host);
            incident.close_at = Some(now + self.config.timing.close_hold);
            self.replan(now, host);
        }
    }

    /// Whether what a leg on trial was given is in force: its neighbours hear it and it hears them.
    fn leg_works(&self, incident: &Incident) -> bool {
        let settled = |host: &HostIx| {
            self.roster[*host].standing != Standing::Live || self.roster[*host].pending.is_none()
        };
        incident.members.iter().all(settled)
    }

    fn finish(&mut self, now: Time, number: u32, out: &mut impl Sink<Action>) {
        let Some(incident) = self.incidents.open.get(&number) else { return };
        if let Kind::Leg { via } = incident.kind {
            if !self.leg_works(incident) {
                let host = incident.members.first().copied();
                host.into_iter().for_each(|host| self.leg_is_lost(now, host, via, out));
                return;
            }
            // The leg is back. How its host does is told elsewhere.
            self.close(now, number, "back, and held".to_owned(), out);
            return;
        }
        let checked: BTreeSet<HostIx> = self.cases.asked().collect();
        if incident.members.iter().any(|host| self.is_awaited(*host) || checked.contains(host)) {
            // Whether it is still back shows when it has announced itself, or has answered.
            let incident = self.incidents.open.get_mut(&number);
            incident.into_iter().for_each(|incident| incident.close_at = Some(now + BEAT_EVERY));
            return;
        }
        let missing: Vec<HostIx> = incident
            .members
            .iter()
            .copied()
            .filter(|host| self.roster[*host].standing != Standing::Live)
            .collect();
        let returned = incident.members.len() - missing.len();
        if returned == 0 && !incident.members.is_empty() {
            // Everybody fell silent again before it could be closed.
            if let Some(incident) = self.incidents.open.get_mut(&number) {
                incident.returns.clear();
                incident.nobody_is_back(now);
            }
            return;
        }
        if !missing.is_empty() {
            self.call_stragglers(now, number, &missing, out);
        }
        let why = match returned {
            0 => "over".to_owned(),
            1 => "back, and held".to_owned(),
            count => format!("{count} hosts back, and held"),
        };
        self.close(now, number, why, out);
    }

    /// Those of a healed cause that did not come back are one incident of their own.
    fn call_stragglers(&mut self, now: Time, number: u32, missing: &[HostIx], out: &mut impl Sink<Action>) {
        let Some(incident) = self.incidents.open.get_mut(&number) else { return };
        let all = incident.members.len();
        missing.iter().for_each(|host| {
            incident.members.remove(host);
        });
        let (component, onset) = (incident.component(), incident.onset);
        self.thaw(now, number);
        let explanation = Explanation::certain(component, Verdict::NotReturned, missing.to_vec(), onset);
        let stragglers = self.mint(now, Kind::NotReturned, &explanation);
        self.describe(now, stragglers, &explanation);
        for &host in missing {
            self.leave_thawed(now, host);
        }
        self.revise(now, stragglers, format!("{} of {all} did not come back", missing.len()), out);
    }

    fn close(&mut self, now: Time, number: u32, why: String, out: &mut impl Sink<Action>) {
        self.thaw(now, number);
        if let Some(incident) = self.incidents.open.get_mut(&number) {
            incident.closed = Some(now);
            incident.would_settle.clear();
        }
        self.revise(now, number, why, out);
        let Some(incident) = self.incidents.open.remove(&number) else { return };
        self.changed.closed.push(incident.id);
        let switches = incident.alternatives.iter().filter_map(|a| switch_of(a.component));
        switches.collect::<BTreeSet<_>>().into_iter().for_each(|switch| self.tell_switch(switch));
    }

    /// Tells the CMA the newest revision, whole.
    fn revise(&mut self, now: Time, number: u32, why: String, out: &mut impl Sink<Action>) {
        let times = self.incidents.get(number).map(|incident| self.told_times(incident));
        let Some(incident) = self.incidents.open.get_mut(&number) else { return };
        incident.revision += 1;
        incident.fixed_ms = times;
        let Some(incident) = self.incidents.open.get(&number) else { return };
        self.changed.incidents.insert(number);
        let news = self.incident_news(now, incident, why.clone());
        let best = incident.alternatives.first();
        if let (Some(best), Some(told)) = (best, news.alternatives.first()) {
            let (verdict, closed) = (best.verdict, incident.closed.is_some());
            out.put(Action::Say(Note::Incident { verdict, subject: told.subject.name.clone(), why, closed }));
        }
        self.tell(News::Incident(Box::new(news)));
    }

    /// An open incident once more, for a CMA that has it otherwise.
    pub(crate) fn tell_incident(&mut self, now: Time, id: IncidentId, out: &mut impl Sink<Action>) {
        let number = self.incidents.open().find(|(_, incident)| incident.id == id).map(|(number, _)| number);
        if let Some(number) = number {
            self.revise(now, number, "told again: the CMA had it otherwise".to_owned(), out);
        }
    }

    /// The news of every open incident as it stands, for the picture.
    pub(crate) fn open_incidents(&self) -> impl Iterator<Item = News> {
        let now = self.clock.at;
        self.incidents.open().map(move |(_, incident)| {
            News::Incident(Box::new(self.incident_news(now, incident, String::new())))
        })
    }

    /// Takes up an incident of an earlier run. Who of its members was back already is so for now: if that was wrong,
    /// the check of the first seconds says it, and nothing closes before. The same of a leg.
    pub(crate) fn restored(&mut self, now: Time, number: u32, mut incident: Incident, members: &[HostIx]) {
        incident.members.extend(members);
        incident.ask_at = Some(now + BEAT_EVERY);
        if let Kind::Leg { via } = incident.kind {
            let back = members.iter().all(|host| !self.roster[*host].lost_legs.contains(&via));
            incident.close_at = back.then(|| now + self.config.timing.close_hold);
        } else {
            for &host in members.iter().filter(|host| self.roster[**host].standing == Standing::Live) {
                let report =
                    HealReport { host, rebooted: false, ring_heard_inside: None, carrier_lost: None };
                incident.returns.insert(host, Return { at: now, report, restarted: false });
                incident.first_return = Some(now);
            }
        }
        self.incidents.open.insert(number, incident);
        self.count_returned(now, number);
    }

    /// Silent since, and opened: as it was told first, for a clock may be set and a host may boot.
    pub(crate) fn told_times(&self, incident: &Incident) -> (u64, u64) {
        let read = || (self.clock.unix_ms(incident.silent_since), self.clock.unix_ms(incident.opened));
        incident.fixed_ms.unwrap_or_else(read)
    }

    fn incident_news(&self, now: Time, incident: &Incident, why: String) -> IncidentNews {
        let members: Vec<HostIx> = incident.members.iter().copied().collect();
        let alternatives = incident.alternatives.iter().map(|alternative| news::Alternative {
            verdict: alternative.verdict,
            subject: words::subject(self, alternative.component, &members),
            permille: alternative.permille,
        });
        let mut behind: Vec<String> =
            members.iter().map(|host| self.roster[*host].name.to_string()).collect();
        // h2 before h10.
        behind.sort_by(|a, b| (a.len(), a).cmp(&(b.len(), b)));
        // The host itself is the subject, not behind it.
        let alone = matches!(incident.component(), Component::Host(_) | Component::Leg(..));
        let class = members.iter().map(|host| self.roster[*host].class).max();
        let silent = if matches!(incident.kind, Kind::Leg { .. }) { 0 } else { members.len() };
        let (silent_since_ms, opened_ms) = self.told_times(incident);
        IncidentNews {
            id: incident.id,
            revision: incident.revision,
            closed: incident.closed.is_some(),
            alternatives: alternatives.collect(),
            class: class.unwrap_or(Class::Normal),
            silent: u32::try_from(silent).unwrap_or(u32::MAX),
            behind: if alone { Vec::new() } else { behind },
            witnesses: incident.witnesses.clone(),
            silent_since_ms,
            opened_ms,
            closed_ms: incident.closed.map_or(0, |closed| self.clock.unix_ms(closed)),
            at_ms: self.clock.unix_ms(now),
            why,
            seen: incident.seen.clone(),
            ruled_out: incident.ruled_out.clone(),
            would_settle: incident.would_settle.clone(),
            page_never: incident.page_never,
        }
    }

    /// What is over as soon as it is seen: nothing is broken, and nobody waits for its end.
    pub(crate) fn open_and_close(
        &mut self,
        now: Time,
        kind: Kind,
        explanation: &Explanation,
        seen: String,
        out: &mut impl Sink<Action>,
    ) {
        let number = self.mint(now, kind, explanation);
        self.describe(now, number, explanation);
        if let Some(incident) = self.incidents.open.get_mut(&number) {
            incident.seen = vec![seen.clone()];
        }
        self.revise(now, number, seen, out);
        self.close(now, number, "it is so now".to_owned(), out);
    }

    /// A goodbye opens a planned incident: nobody is paged while it is kept.
    pub(crate) fn open_planned(
        &mut self,
        now: Time,
        host: HostIx,
        reason: GoodbyeReason,
        back_within: Duration,
        out: &mut impl Sink<Action>,
    ) {
        if self.incidents.of(host).is_some() {
            return;
        }
        let explanation =
            Explanation::certain(Component::Host(host), Verdict::Planned, vec![host], (ms(now), ms(now)));
        let number = self.mint(now, Kind::Planned { back_by: now + back_within }, &explanation);
        self.describe(now, number, &explanation);
        let seconds = back_within.as_secs();
        if let Some(incident) = self.incidents.open.get_mut(&number) {
            incident.seen = vec![format!("goodbye ({}), back within {seconds} s", reason.word())];
        }
        self.revise(now, number, format!("said goodbye: {}", reason.word()), out);
    }

    /// Not back within the time it stated: somebody has to look.
    fn not_back_in_time(&mut self, now: Time, number: u32, out: &mut impl Sink<Action>) {
        let Some(incident) = self.incidents.open.get_mut(&number) else { return };
        incident.kind = Kind::NotReturned;
        // Until now nobody was to be asked.
        incident.asks = 0;
        incident.ask_at = Some(now + incident.ask_later());
        let component = incident.component();
        let members: Vec<HostIx> = incident.members.iter().copied().collect();
        members.into_iter().for_each(|host| self.fall_silent(now, host));
        let why = "not back within the time it stated".to_owned();
        self.reclassify(now, number, certain(component, Verdict::NotReturned), why, out);
    }

    /// A host left for good: whatever it was part of goes on without it.
    pub(crate) fn gone(&mut self, now: Time, host: HostIx, out: &mut impl Sink<Action>) {
        let legs = core::mem::take(&mut self.roster[host].lost_legs);
        let legs = legs.into_iter().filter_map(|via| self.incidents.of_leg(host, via));
        for number in legs.collect::<Vec<_>>() {
            self.close(now, number, "left for good".to_owned(), out);
        }
        let Some(number) = self.incidents.of(host) else { return };
        let Some(incident) = self.incidents.open.get_mut(&number) else { return };
        incident.members.remove(&host);
        incident.returns.remove(&host);
        if incident.members.is_empty() {
            self.close(now, number, "left for good".to_owned(), out);
        } else {
            self.count_returned(now, number);
        }
    }

    /// Carrier of a member's ports, first-hand.
    pub(crate) fn take_carriers(&mut self, now: Time, host: HostIx, carriers: &[Carrier]) {
        for carrier in carriers {
            if self.roster[host].take_bond(carrier) {
                self.tell_host(host);
            }
            let leg = self.roster[host].leg(carrier.ifindex);
            let place = self.roster[host].places.iter_mut().find(|place| place.ifindex == carrier.ifindex);
            let Some(place) = place else { continue };
            let changed = place.carrier != carrier.up;
            place.carrier = carrier.up;
            self.see_port(PortObservation {
                host,
                leg,
                carrier_up: carrier.up,
                since_ms: ms(now.before(carrier.age)),
                at_ms: ms(now),
            });
            if changed {
                self.refresh_belief(host);
                self.tell_host(host);
            }
        }
        self.legs_told(now, host);
    }

    /// A leg may be lost: looked at again when its switch had time to explain it.
    pub(crate) fn watch_leg(&mut self, now: Time, host: HostIx, via: u32) {
        let watched = self.incidents.legs.iter().any(|(_, h, v, _)| *h == host && *v == via);
        let known = self.roster[host].lost_legs.contains(&via);
        if !watched && !known && self.roster[host].places.len() > 1 {
            self.incidents.legs.insert((now + LEG_LOST_AFTER, host, via, Time::ZERO));
        }
    }

    /// Legs with carrier again are no longer lost, nor are those of a port that the host has no more. Those without
    /// are watched: it may be that nobody heard of it before.
    pub(crate) fn legs_told(&mut self, now: Time, host: HostIx) {
        let dark = self.roster[host].places.iter().filter(|place| !place.carrier).map(|place| place.ifindex);
        dark.collect::<Vec<_>>().into_iter().for_each(|via| self.watch_leg(now, host, via));
        let member = &mut self.roster[host];
        let up = |via: &u32| member.place(*via).is_none_or(|place| place.carrier);
        let back: Vec<u32> = member.lost_legs.iter().copied().filter(up).collect();
        if back.is_empty() {
            return;
        }
        member.lost_legs.retain(|via| !back.contains(via));
        self.changed.members.insert(host);
        for number in back.into_iter().filter_map(|via| self.incidents.of_leg(host, via)).collect::<Vec<_>>()
        {
            let hold = now + self.config.timing.close_hold;
            if let Some(incident) = self.incidents.open.get_mut(&number) {
                incident.close_at = Some(hold);
            }
        }
    }

    /// A leg that was doubted: without carrier it is lost, unless its switch explains that. Unheard it is lost if its
    /// neighbours, asked just now, say so again.
    fn look_at_leg(&mut self, now: Time, host: HostIx, via: u32, asked: Time, out: &mut impl Sink<Action>) {
        let member = &self.roster[host];
        if member.standing != Standing::Live {
            return;
        }
        let seat = member.seats.iter().find(|seat| seat.via == via && seat.ring != SITE_RING).copied();
        let leg = member.leg(via);
        // Behind a dead switch the memory of it may end, and the seat with it; it hung on something all the same.
        let dark = member.place(via).is_some_and(|place| {
            !place.carrier && (seat.is_some() || member.wires.last(&member.places, &place.ifname).is_some())
        });
        let unheard = seat.is_some() && self.cases.unheard(host, leg, asked);
        if !dark && !unheard {
            return;
        }
        let frozen = |seat: Seat| self.rings.get(seat.ring).is_none_or(|ring| ring.frozen);
        let waits = seat.is_some_and(|seat| frozen(seat) || self.cases.is_open(seat.ring));
        if waits || self.is_switch_in_trouble(host, via) || self.is_switch_doubted(host, via) {
            // It may be broken all the same: that shows when its switch is well again.
            self.incidents.legs.insert((now + LEG_LOST_AFTER, host, via, Time::ZERO));
        } else if dark || asked != Time::ZERO {
            self.leg_is_lost(now, host, via, out);
        } else {
            seat.into_iter().for_each(|seat| self.ask_neighbours(seat, host, out));
            self.incidents.legs.insert((now + LEG_ANSWER_WITHIN, host, via, now));
        }
    }

    /// Whether an open incident names the switch behind a port. One that a relay found again at its start froze no ring.
    fn is_switch_in_trouble(&self, host: HostIx, via: u32) -> bool {
        let Some(switch) = self.switch_behind(host, via) else { return false };
        let named = self.incidents.open().flat_map(|(_, incident)| &incident.alternatives);
        named.filter_map(|alternative| switch_of(alternative.component)).any(|of| of == switch)
    }

    /// Whether others on the switch behind a port are just being checked, in whatever ring they were missed: a delegate
    /// is often missed upstairs first. Or are greeted again after the start.
    fn is_switch_doubted(&self, host: HostIx, via: u32) -> bool {
        let Some(switch) = self.switch_behind(host, via) else { return false };
        let hangs_there = |other| self.roster.switches_behind(other).any(|of| of == switch);
        self.cases.asked().chain(self.greeted_again()).any(|other| other != host && hangs_there(other))
    }

    /// The switch that a port hangs on, or hung on last.
    fn switch_behind(&self, host: HostIx, via: u32) -> Option<SwitchIx> {
        let member = &self.roster[host];
        let place = member.place(via)?;
        let last = || member.wires.last(&member.places, &place.ifname);
        let attachment = place.attachment.as_ref().or_else(last)?;
        self.roster.switch_of(&attachment.switch)
    }

    /// What they hear comes back with their pongs.
    fn ask_neighbours(&mut self, seat: Seat, host: HostIx, out: &mut impl Sink<Action>) {
        for (_, adjacency) in self.rings.links_of(seat.ring, Peer::Member(host)) {
            let Peer::Member(neighbour) = adjacency.other(Peer::Member(host)) else { continue };
            let nonce = self.next_nonce();
            let member = &self.roster[neighbour];
            let message = ToProbe::Ping { nonce };
            out.put(Action::Send { to: member.heard_from, probe: member.probe, message });
        }
    }

    fn leg_is_lost(&mut self, now: Time, host: HostIx, via: u32, out: &mut impl Sink<Action>) {
        let member = &self.roster[host];
        let leg = member.leg(via);
        self.roster[host].lost_legs.push(via);
        self.changed.members.insert(host);
        if let Some(number) = self.incidents.of_leg(host, via) {
            // It was back, and that did not hold.
            let incident = self.incidents.open.get_mut(&number);
            incident.into_iter().for_each(|incident| incident.close_at = None);
            self.replan(now, host);
            return;
        }
        let explanation = Explanation {
            degraded: vec![(host, leg)],
            ..Explanation::certain(
                Component::Leg(host, leg),
                Verdict::RedundancyLost,
                vec![host],
                (ms(now.before(LEG_LOST_AFTER)), ms(now)),
            )
        };
        let number = self.mint(now, Kind::Leg { via }, &explanation);
        self.describe(now, number, &explanation);
        let seen = words::component(self, Component::Leg(host, leg));
        if let Some(incident) = self.incidents.open.get_mut(&number) {
            incident.seen = vec![format!("{seen} lost, the host lives by another")];
        }
        self.revise(now, number, "one leg lost".to_owned(), out);
        self.replan(now, host);
    }
}

fn of_members(count: usize) -> String {
    if count == 1 { "the host".to_owned() } else { format!("{count} hosts") }
}
