//! The machine: who is told what happened.

use std::collections::{BTreeSet, VecDeque};

use core::net::SocketAddr;

use ringmesh_proto::beat::BEAT_EVERY;
use ringmesh_proto::digest::{Group, Picture, Thing};
use ringmesh_proto::machine::{Machine, Sink};
use ringmesh_proto::message::{
    Announce, BeatHeard, Generation, GoodbyeReason, Hello, LINKS_MAX, LinkId, Report, RingId, Sender,
    ToProbe, ToRelay,
};
use ringmesh_proto::news::{Key, News};
use ringmesh_proto::time::{Duration, Time, WallClock};
use ringmesh_topology::diagnosis::{Belief, HostIx, JudgeAt, SwitchIx};
use ringmesh_topology::id::{IncidentId, Name};
use ringmesh_topology::verdict::Class;

use crate::case::Cases;
use crate::durable::KeptSelf;
use crate::incident::Incidents;
use crate::mesh::Mesh;
use crate::outbox::Outbox;
use crate::rings::{Peer, RingKey, Rings, SITE_RING};
use crate::roster::{Member, Roster, Seat, Standing};
use crate::start::Start;
use crate::watch::{Heard, Watch};
use crate::wiring::Wires;
use crate::{Action, Config, Event, Note, words};

/// Changes of one ring within this time are told at once ..
const CUT_AFTER: Duration = Duration::from_millis(50);
/// .. and within this while many join together.
const CUT_AFTER_STORM: Duration = Duration::from_millis(500);
/// Joins within a second that make a storm.
const STORM: usize = 32;
/// One newcomer is let in each time this passes: 6,000 a second.
const ADMISSION_EVERY: Duration = Duration::from_micros(166);
/// No newcomer is told to wait longer.
const ADMISSION_WAIT_MAX: Duration = Duration::from_secs(16);
/// Terms above this are nobody's: a relay could not rise above them.
const TERM_MAX: u32 = u32::MAX / 2;
/// Switch rings one host stands in at most.
const SWITCH_RINGS_MAX: usize = 2;

/// What came in and led to nothing, and how often the machine did what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Messages in a session of a run that is not the member's.
    pub strangers: u64,
    /// Suspicions.
    pub suspicions: u64,
    /// Cases that ended without an incident.
    pub dismissed: u64,
    /// Incidents opened.
    pub incidents: u64,
}

/// What must be kept and has changed since it was kept last.
#[derive(Clone, Debug, Default)]
pub(crate) struct Changed {
    pub(crate) members: BTreeSet<HostIx>,
    pub(crate) incidents: BTreeSet<u32>,
    pub(crate) closed: Vec<IncidentId>,
    pub(crate) own: KeptSelf,
}

/// A site relay.
#[derive(Clone, Debug)]
pub struct Relay {
    pub(crate) config: Config,
    pub(crate) clock: WallClock,
    pub(crate) roster: Roster,
    pub(crate) rings: Rings,
    pub(crate) belief: Belief,
    pub(crate) watch: Watch<HostIx>,
    pub(crate) mesh: Mesh,
    pub(crate) cases: Cases,
    pub(crate) incidents: Incidents,
    pub(crate) outbox: Outbox,
    picture: Picture,
    pub(crate) changed: Changed,
    /// The first seconds, while known members are greeted.
    pub(crate) start: Option<Start>,
    pub(crate) generation: Generation,
    pub(crate) order_timers: BTreeSet<(Time, HostIx)>,
    pub(crate) counters: Counters,
    admit_at: Time,
    /// Of the last second, oldest first.
    joins: VecDeque<Time>,
    nonce: u32,
    /// Birth and last sequence of the outbox when its reader was told of news last.
    told: (u64, u64),
    /// When the CMA was heard last: it stands beyond the site's core.
    pub(crate) authority_heard: Option<Time>,
    /// A check is going on that its answer would help.
    pub(crate) ask_authority: bool,
}

impl Relay {
    /// A relay that knows nobody yet.
    pub fn new(config: Config) -> Self {
        let generation = Generation { term: config.term, counter: 0 };
        Self {
            clock: WallClock::default(),
            roster: Roster::default(),
            rings: Rings::new(config.term, generation),
            belief: Belief::new(JudgeAt::Fabric),
            watch: Watch::new(BEAT_EVERY),
            mesh: Mesh::new(),
            cases: Cases::default(),
            incidents: Incidents::default(),
            outbox: Outbox::new(config.outbox),
            picture: Picture::default(),
            changed: Changed::default(),
            start: None,
            generation,
            order_timers: BTreeSet::new(),
            counters: Counters::default(),
            admit_at: Time::ZERO,
            joins: VecDeque::new(),
            nonce: 0,
            told: (0, 0),
            authority_heard: None,
            ask_authority: false,
            config,
        }
    }

    /// News for the CMA.
    pub fn outbox(&self) -> &Outbox {
        &self.outbox
    }

    /// Whether an own link is in force: the wire keeps its keys.
    pub fn holds(&self, link: LinkId) -> bool {
        self.watch.holds(link)
    }

    /// Whether an own link of the mesh ring is in force: the wire keeps its keys.
    pub fn holds_mesh(&self, link: LinkId) -> bool {
        self.mesh.holds(link)
    }

    /// The digest of all that was told, where the CMA has taken all of it.
    pub fn picture(&self) -> Option<u64> {
        (self.outbox.pending() == 0).then(|| self.picture.whole())
    }

    /// What led to nothing, and how often what was done.
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// The term this relay acts in.
    pub fn term(&self) -> u32 {
        self.generation.term
    }

    /// Hosts expected at this moment.
    pub fn members(&self) -> usize {
        self.roster.hosts().filter(|host| self.roster[*host].standing != Standing::Gone).count()
    }

    /// Hosts that stand in a ring and are waited for by nobody: each has said, or a neighbour has, that it is heard.
    pub fn monitored(&self) -> usize {
        let is_monitored = |host: &HostIx| {
            let member = &self.roster[*host];
            member.standing == Standing::Live && !member.seats.is_empty() && member.pending.is_none()
        };
        self.roster.hosts().filter(is_monitored).count()
    }

    pub(crate) fn next_generation(&mut self) -> Generation {
        self.generation.counter += 1;
        self.generation
    }

    pub(crate) fn next_nonce(&mut self) -> u32 {
        self.nonce = self.nonce.wrapping_add(1);
        self.nonce
    }

    pub(crate) fn tell(&mut self, news: News) {
        self.picture.tell(&news);
        self.outbox.push(news);
    }

    /// The picture of what stands, without telling it again.
    pub(crate) fn picture_anew(&mut self) {
        let hosts = self.roster.hosts().map(|host| self.host_news(host));
        let switches = self.roster.switches().filter_map(|switch| self.switch_news(switch));
        let all: Vec<News> = hosts.chain(switches).chain(self.open_incidents()).collect();
        self.picture = Picture::default();
        all.iter().for_each(|news| self.picture.tell(news));
    }

    /// Tells one thing again, for a CMA that has it otherwise.
    fn tell_again(&mut self, now: Time, key: &Key, out: &mut impl Sink<Action>) {
        match key {
            Key::Host(name) => match self.roster.named(name) {
                Some(host) => self.tell_host(host),
                None => self.tell(News::HostGone(name.clone())),
            },
            Key::Switch(id) => {
                let same = |switch: &SwitchIx| {
                    self.roster.switch_at(*switch).is_some_and(|known| words::switch_id(known) == *id)
                };
                let switch = self.roster.switches().find(same);
                switch.into_iter().for_each(|switch| self.tell_switch(switch));
            }
            Key::Ring(ring) => {
                let news = self.ring_news(RingId(*ring));
                self.tell(news);
            }
            Key::Incident(id) => self.tell_incident(now, *id, out),
            Key::Peer(..) => self.tell_peers(),
            Key::Start => {}
        }
    }

    fn tell_things(&self, groups: Vec<Group>, out: &mut impl Sink<Action>) {
        let things = |group: Group| {
            let things: Vec<Thing> = self.picture.things(&group).collect();
            (group, things)
        };
        let groups = groups.into_iter().map(things).collect();
        out.put(Action::TellThings { sequence: self.outbox.last(), groups });
    }

    /// An operator says that a host left for good, whatever it does.
    fn forget_host(&mut self, now: Time, name: &Name, out: &mut impl Sink<Action>) {
        match self.roster.named(name) {
            Some(host) => self.retire(now, host, out),
            None => self.tell(News::HostGone(name.clone())),
        }
    }

    fn retire(&mut self, now: Time, host: HostIx, out: &mut impl Sink<Action>) {
        self.leave_all(now, host);
        self.cases.forget(host);
        self.roster[host].since = now;
        out.put(Action::Say(Note::Left(self.roster[host].name.clone())));
        self.roster[host].standing = Standing::Gone;
        self.gone(now, host, out);
        out.put(Action::Forget(self.roster[host].probe));
        self.refresh_belief(host);
        self.tell_host(host);
    }

    fn knock(&mut self, now: Time, to: SocketAddr, sender: Sender, knock: u32, out: &mut impl Sink<Action>) {
        // A stranger is only a claim: whoever floods us with claims must not make newcomers wait.
        if knock != 0 {
            self.admit_at = self.admit_at.max(now) + ADMISSION_EVERY;
        }
        let wait = self.admit_at.since(now).min(ADMISSION_WAIT_MAX);
        let (relay, term) = (self.config.relay, self.generation.term);
        let hello = Hello { relay, term, wait, answers: knock != 0 };
        out.put(Action::Hello { to, sender, knock, hello });
    }

    fn control(
        &mut self,
        now: Time,
        from: Sender,
        at: SocketAddr,
        message: ToRelay,
        out: &mut impl Sink<Action>,
    ) {
        if let ToRelay::Announce(announce) = message {
            self.announced(now, from, at, *announce, out);
            return;
        }
        let known = self.roster.find(from.probe).filter(|host| self.roster[*host].boot == from.boot);
        let Some(host) = known.filter(|host| self.roster[*host].standing != Standing::Gone) else {
            self.counters.strangers += 1;
            self.knock(now, at, from, 0, out);
            return;
        };
        self.heard_from(now, host, at);
        if !matches!(message, ToRelay::Goodbye { .. }) {
            self.returned(now, host, out);
        }
        self.take(now, host, message, out);
    }

    fn take(&mut self, now: Time, host: HostIx, message: ToRelay, out: &mut impl Sink<Action>) {
        match message {
            // Both open a handshake and are taken before.
            ToRelay::Knock | ToRelay::Announce(_) => {}
            ToRelay::Applied(generation) => self.take_applied(now, host, generation, out),
            ToRelay::Suspicion(suspicion) => self.suspected(now, host, suspicion, out),
            ToRelay::Refuted { report, link } => {
                self.refuted(now, host, link, out);
                self.note(host, report, out);
            }
            ToRelay::Attachment { report, places } => {
                self.note(host, report, out);
                // Two on their way may change places: the newer stands.
                if report < self.roster[host].places_told {
                    return;
                }
                self.roster[host].places_told = report;
                self.take_places(now, host, places, out);
                self.legs_told(now, host);
                self.tell_host(host);
                self.replan(now, host);
            }
            ToRelay::Evidence { report, carriers, heard } => {
                self.note(host, report, out);
                // One that says no more than that it lives overtakes none that says what is.
                let lives_only = carriers.is_empty() && heard.is_empty();
                if lives_only || report < self.roster[host].evidence_told {
                    return;
                }
                self.roster[host].evidence_told = report;
                self.take_heard(now, host, &heard);
                self.take_carriers(now, host, &carriers);
            }
            ToRelay::Loss { report, .. } => self.note(host, report, out),
            ToRelay::Goodbye { report, reason, back_within } => {
                self.note(host, report, out);
                self.goodbye(now, host, reason, back_within, out);
            }
            ToRelay::Pong { starved, heard, carriers, .. } => {
                self.take_heard(now, host, &heard);
                self.take_carriers(now, host, &carriers);
                self.answered(now, host, starved, &heard);
            }
            ToRelay::Recorder(entries) => self.take_recorder(now, host, &entries, out),
        }
    }

    fn heard_from(&mut self, now: Time, host: HostIx, at: SocketAddr) {
        if self.roster[host].heard_from != at {
            self.changed.members.insert(host);
        }
        self.roster[host].heard_from = at;
        self.roster[host].heard_at = now;
    }

    /// Tells a member that its report was taken.
    pub(crate) fn note(&mut self, host: HostIx, report: Report, out: &mut impl Sink<Action>) {
        let member = &self.roster[host];
        out.put(Action::Send { to: member.heard_from, probe: member.probe, message: ToProbe::Noted(report) });
    }

    fn announced(
        &mut self,
        now: Time,
        from: Sender,
        at: SocketAddr,
        announce: Announce,
        out: &mut impl Sink<Action>,
    ) {
        if announce.generation.term > self.generation.term && announce.generation.term < TERM_MAX {
            // Somebody has acted in a higher term: ours must be obeyed, so it must be higher still.
            self.generation = Generation { term: announce.generation.term.saturating_add(1), counter: 0 };
        }
        let Some(host) = self.roster.find(from.probe) else {
            self.join(now, from, at, announce, out);
            return;
        };
        self.heard_from(now, host, at);
        let restarted = self.roster[host].boot != from.boot;
        let rebooted = self.roster[host].host_boot != announce.host_boot;
        self.showed_itself(now, host);
        self.met(host, rebooted);
        let (recorder_hash, suspicions) = (announce.recorder_hash, announce.suspicions);
        if restarted {
            self.roster[host].evidence_told = Report(0);
        }
        // Of a run the wire lets no announcement pass that a later word has overtaken.
        self.roster[host].places_told = announce.report;
        self.roster[host].boot = from.boot;
        self.roster[host].host_boot = announce.host_boot;
        if self.roster[host].standing == Standing::Gone {
            self.roster[host].standing = Standing::Live;
            self.roster[host].since = now;
        }
        self.take_places(now, host, announce.places, out);
        self.legs_told(now, host);
        if restarted {
            self.forget_links(now, host);
        }
        self.came_back(now, host, rebooted, restarted, out);
        let rings_before = self.roster[host].seats.len();
        self.replan(now, host);
        let told_soon = restarted || self.roster[host].seats.len() != rings_before;
        if !told_soon {
            self.give_again(now, host, out);
        }
        for suspicion in suspicions {
            self.suspected(now, host, suspicion, out);
        }
        if recorder_hash == 0 {
            // It has nothing to hand over: that is a word too, if it lived through it.
            self.take_recorder(now, host, &[], out);
        } else if recorder_hash != self.roster[host].recorder_hash {
            self.ask_recorder(host, out);
        }
        self.roster[host].recorder_hash = recorder_hash;
        self.tell_host(host);
    }

    fn join(
        &mut self,
        now: Time,
        from: Sender,
        at: SocketAddr,
        announce: Announce,
        out: &mut impl Sink<Action>,
    ) {
        let class = self.class_of(&announce.name);
        let host = self.roster.add(Member {
            probe: from.probe,
            name: announce.name,
            class,
            boot: from.boot,
            host_boot: announce.host_boot,
            standing: Standing::Live,
            since: now,
            places: Vec::new(),
            lost_legs: Vec::new(),
            heard_from: at,
            heard_at: now,
            met: true,
            seats: Vec::new(),
            generation: Generation::default(),
            pending: None,
            recorder_hash: announce.recorder_hash,
            places_told: announce.report,
            evidence_told: Report(0),
            wires: Wires::default(),
        });
        out.put(Action::Say(Note::Joined(self.roster[host].name.clone())));
        self.take_places(now, host, announce.places, out);
        self.replan(now, host);
        self.tell_host(host);
    }

    /// How much the operator cares for a host of that name.
    pub(crate) fn class_of(&self, name: &Name) -> Class {
        let fitting =
            |(pattern, _): &&(String, Class)| words::fits(pattern.as_bytes(), name.as_str().as_bytes());
        self.config.classes.iter().find(fitting).map_or(Class::Normal, |(_, class)| *class)
    }

    /// The seats a member should have: in the ring of each of its switches, else in one fallback ring. A ring that is
    /// frozen takes nobody: whoever comes to its switch stands in a fallback ring until it thaws, and is watched there.
    fn wanted(&mut self, host: HostIx) -> Vec<(RingId, u32)> {
        let member = &self.roster[host];
        let places = member.places.iter().filter(|place| !member.lost_legs.contains(&place.ifindex));
        let mut on_switches = Vec::new();
        for place in places.clone() {
            let attachment = place.attachment.as_ref();
            let Some(switch) = attachment.and_then(|a| self.roster.switch_of(&a.switch)) else { continue };
            let key = RingKey::of_place(place, Some(switch), 0);
            let ring = self.rings.of_key(&key, self.generation);
            let stands = member.seats.iter().any(|seat| seat.ring == ring);
            if !stands && self.rings.get(ring).is_some_and(|ring| ring.frozen) {
                continue;
            }
            if on_switches.iter().all(|(held, _)| *held != ring) && on_switches.len() < SWITCH_RINGS_MAX {
                on_switches.push((ring, place.ifindex));
            }
        }
        if !on_switches.is_empty() {
            return on_switches;
        }
        // A port without carrier is a last resort: no beat would leave by it.
        let Some(place) = places.clone().find(|place| place.carrier).or(places.clone().next()) else {
            return Vec::new();
        };
        let standing = member.seats.iter().find(|seat| seat.ring != SITE_RING && !seat.leaving);
        let ring = self.rings.fallback(place, standing.map(|seat| seat.ring), self.generation);
        vec![(ring, place.ifindex)]
    }

    /// Moves a member to the rings it should stand in: it joins the new before it leaves the old.
    pub(crate) fn replan(&mut self, now: Time, host: HostIx) {
        if self.roster[host].standing != Standing::Live {
            return;
        }
        let wanted = self.wanted(host);
        let mut joined = false;
        for &(ring, via) in &wanted {
            if let Some(seat) = self.roster[host].seats.iter_mut().find(|seat| seat.ring == ring) {
                seat.leaving = false;
                if seat.via != via {
                    seat.via = via;
                    self.renew_links(now, host, ring);
                }
                continue;
            }
            let seats = &mut self.roster[host].seats;
            // Nearly everybody has one.
            seats.reserve_exact(1);
            seats.push(Seat { ring, via, leaving: false, untold: true });
            let spread = self.spread_in(host, ring);
            if let Some(ring) = self.rings.get_mut(ring) {
                ring.ring.insert(Peer::Member(host), spread);
            }
            self.joins.push_back(now);
            self.mark(now, ring);
            joined = true;
        }
        self.leave_unwanted(now, host, &wanted, joined);
        self.make_room(now, host, &wanted);
    }

    fn leave_unwanted(&mut self, now: Time, host: HostIx, wanted: &[(RingId, u32)], joined: bool) {
        let unwanted: Vec<RingId> = self.roster[host]
            .seats
            .iter()
            .filter(|seat| seat.ring != SITE_RING && wanted.iter().all(|(ring, _)| *ring != seat.ring))
            .map(|seat| seat.ring)
            .collect();
        for ring in unwanted {
            if self.rings.get(ring).is_some_and(|ring| ring.frozen) {
                continue;
            }
            if joined || self.roster[host].pending.is_some() {
                let seat = self.roster[host].seats.iter_mut().find(|seat| seat.ring == ring);
                seat.into_iter().for_each(|seat| seat.leaving = true);
            } else {
                self.leave_ring(now, host, ring);
            }
        }
    }

    /// An assignment with more links than a member can hold is refused, and would be told for ever. What is to be left
    /// as soon as the new is in force is left at once then: the newest first, for the oldest is the one in force; what
    /// is frozen, last.
    fn make_room(&mut self, now: Time, host: HostIx, wanted: &[(RingId, u32)]) {
        // One seat upstairs may come yet.
        let most = LINKS_MAX / 2 - 1;
        let seats = self.roster[host].seats.iter().filter(|seat| seat.ring != SITE_RING);
        let over = seats.clone().count().saturating_sub(most);
        let unwanted = seats.filter(|seat| wanted.iter().all(|(ring, _)| *ring != seat.ring));
        let mut unwanted: Vec<RingId> = unwanted.rev().map(|seat| seat.ring).collect();
        unwanted.sort_by_key(|ring| self.rings.get(*ring).is_some_and(|ring| ring.frozen));
        unwanted.into_iter().take(over).for_each(|ring| self.leave_ring(now, host, ring));
    }

    pub(crate) fn leave_ring(&mut self, now: Time, host: HostIx, ring: RingId) {
        self.roster[host].seats.retain(|seat| seat.ring != ring);
        if let Some(left) = self.rings.get_mut(ring) {
            left.ring.remove(Peer::Member(host));
        }
        self.rings.mark(ring, now + CUT_AFTER);
    }

    /// Takes a member out of all rings, at once.
    pub(crate) fn leave_all(&mut self, now: Time, host: HostIx) {
        let seats = core::mem::take(&mut self.roster[host].seats);
        if let Some(pending) = self.roster[host].pending.take() {
            self.order_timers.remove(&(pending.next, host));
        }
        for seat in seats {
            if let Some(ring) = self.rings.get_mut(seat.ring) {
                ring.ring.remove(Peer::Member(host));
            }
            self.rings.mark(seat.ring, now);
        }
    }

    /// The links of a member in a ring are made anew: its neighbours would not be told otherwise that it is to be reached
    /// elsewhere.
    pub(crate) fn renew_links(&mut self, now: Time, host: HostIx, ring: RingId) {
        // One that is frozen is cut when it thaws, and then they are told.
        self.rings.renew(ring, Peer::Member(host));
        self.mark(now, ring);
    }

    /// A new run of a probe holds no link: all its adjacencies are made anew.
    fn forget_links(&mut self, now: Time, host: HostIx) {
        let seats: Vec<RingId> = self.roster[host].seats.iter().map(|seat| seat.ring).collect();
        for ring in seats {
            self.rings.renew(ring, Peer::Member(host));
            self.rings.mark(ring, now);
        }
    }

    fn mark(&mut self, now: Time, ring: RingId) {
        let second = now.before(Duration::from_secs(1));
        while self.joins.pop_front_if(|joined| *joined <= second).is_some() {}
        let after = if self.joins.len() > STORM { CUT_AFTER_STORM } else { CUT_AFTER };
        self.rings.mark(ring, now + after);
    }

    fn goodbye(
        &mut self,
        now: Time,
        host: HostIx,
        reason: GoodbyeReason,
        back_within: Duration,
        out: &mut impl Sink<Action>,
    ) {
        if self.roster[host].standing == Standing::Gone {
            return;
        }
        if reason == GoodbyeReason::Retire {
            return self.retire(now, host, out);
        }
        self.leave_all(now, host);
        self.cases.forget(host);
        self.roster[host].since = now;
        out.put(Action::Say(Note::Left(self.roster[host].name.clone())));
        self.roster[host].standing = Standing::Planned;
        self.open_planned(now, host, reason, back_within, out);
        self.refresh_belief(host);
        self.tell_host(host);
    }

    /// Own beats that are due, and silent neighbours of the relay itself.
    fn watch_own(&mut self, now: Time, out: &mut impl Sink<Action>) {
        for (beat, to) in self.watch.beats(now) {
            out.put(Action::Beat { beat, to });
        }
        for silent in self.watch.silent(now) {
            self.suspected_by_relay(now, silent, out);
        }
    }

    fn beat_heard(&mut self, now: Time, heard: &BeatHeard, out: &mut impl Sink<Action>) {
        match self.watch.hear(heard) {
            Some(Heard::First(beat, to)) => out.put(Action::Beat { beat, to }),
            Some(Heard::Again(host)) => self.heard_again(now, host, out),
            Some(Heard::Still(_)) | None => {}
        }
    }
}

impl Machine for Relay {
    type Event<'a> = Event;
    type Action = Action;

    fn on_event(&mut self, now: Time, event: Event, out: &mut impl Sink<Action>) {
        match event {
            Event::WallClock(clock) => self.clock = clock,
            Event::Knock { from, at, knock } => {
                self.knocked(now, from.probe);
                self.knock(now, at, from, knock, out);
            }
            Event::Stranger { from, at } => self.knock(now, at, from, 0, out),
            Event::Control { from, at, message } => self.control(now, from, at, message, out),
            Event::Beat(heard) => self.beat_heard(now, &heard, out),
            Event::Mesh(order) => self.take_mesh_order(now, order, out),
            Event::MeshBeat(heard) => self.mesh_heard(now, &heard, out),
            Event::Echo { from } => self.echoed(now, from),
            Event::Refused { peer } => {
                self.mesh_refused(now, peer);
                self.refused(now, peer);
            }
            // Our own way to one address: the pings that stay unanswered say as much.
            Event::Unreachable { .. } | Event::Cma { connected: false } => {}
            Event::Cma { connected: true } => self.authority_heard = Some(now),
            Event::Compare => {
                let groups = self.picture.groups().map(|(group, digest)| (group.clone(), digest));
                out.put(Action::TellGroups(groups.collect()));
            }
            Event::CompareGroups(groups) => self.tell_things(groups, out),
            Event::Wanted(keys) => keys.iter().for_each(|key| self.tell_again(now, key, out)),
            Event::ForgetHost(name) => self.forget_host(now, &name, out),
            Event::Reborn { outbox } => self.outbox.reborn(outbox),
            Event::Acknowledged { sequence } => {
                self.authority_heard = Some(now);
                self.outbox.acknowledge(sequence);
            }
            Event::DeadlineReached => {
                self.watch_own(now, out);
                self.watch_mesh(now, out);
                self.greet_due(now, out);
                self.repeat_orders(now, out);
            }
        }
        self.advance_cases(now, out);
        self.advance_incidents(now, out);
        // Those who are looked after.
        self.advance_cases(now, out);
        self.cut_due(now, out);
        if core::mem::take(&mut self.ask_authority) {
            out.put(Action::AskAuthority);
        }
        self.keep_changes(out);
        let told = (self.outbox.birth(), self.outbox.last());
        if self.told != told {
            self.told = told;
            out.put(Action::NewsReady);
        }
    }

    fn next_deadline(&self) -> Time {
        let orders = self.order_timers.first().map_or(Time::NEVER, |(at, _)| *at);
        let start = self.start.as_ref().map_or(Time::NEVER, Start::next);
        let watches = self.watch.next().min(self.mesh.next());
        [self.rings.next_due(), watches, start, orders, self.cases.next(), self.incidents.next()]
            .into_iter()
            .fold(Time::NEVER, Time::min)
    }
}

#[cfg(test)]
pub(crate) mod tests;
