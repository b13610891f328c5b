//! Cases: from the first suspicion to a decision. Private to the relay; nobody is told of a case.
//!
//! A case belongs to one level-0 ring. From the first suspicion the suspect is pinged, its other watchers are asked,
//! and where that finds more silence the check goes outward until it meets somebody alive. Then the evidence is
//! judged, all of it at once.
//!
//! # Invariants
//! - What a member answers counts in every case that asks it: it may stand in the rings of several switches.
//! - A case ends within [`CASE_MAX`] of its first suspicion.

use std::collections::BTreeMap;

use core::net::{IpAddr, SocketAddr};

use ringmesh_proto::beat::{BEAT_EVERY, BEAT_SLACK};
use ringmesh_proto::machine::Sink;
use ringmesh_proto::message::{Cause, HeardAge, LinkId, Report, RingId, Suspicion};
use ringmesh_proto::time::{Duration, Time};
use ringmesh_topology::diagnosis::{
    Component, Evidence, Explanation, HostIx, Observation, Outcome, PortObservation, Vantage, judge,
};

use crate::relay::Relay;
use crate::rings::{Peer, SITE_RING};
use crate::roster::Standing;
use crate::watch::SilentNeighbour;
use crate::{Action, Note};

/// Three pings, this far apart, to one suspect ..
const PING_GAP: Duration = Duration::from_millis(100);
/// .. and this far where a whole ring is checked.
const WIDE_GAP: Duration = Duration::from_millis(150);
/// Who has not answered by then does not live.
const ANSWER_WITHIN: Duration = Duration::from_millis(300);
/// The same where a whole ring is checked.
const WIDE_WITHIN: Duration = Duration::from_millis(750);
/// A delegate of whom no ring mate has spoken by then: the whole ring is checked.
const MATES_SPEAK_WITHIN: Duration = Duration::from_millis(50);
/// A watcher that has not spoken by then is asked.
const WATCHER_SPEAKS_WITHIN: Duration = Duration::from_millis(100);
/// An incident is opened when no new silence came for so long.
const CALM: Duration = Duration::from_millis(300);
/// A lone living witness: the suspect gets 8 pings over this time.
const LONE_WITHIN: Duration = Duration::from_millis(1_500);
const LONE_PINGS: u8 = 8;
/// Undecided by then: the witnesses are told that they were heard.
const NOTED_AFTER: Duration = Duration::from_millis(400);
/// No case is longer: 1.5 s after a second witness, and what came before it.
const CASE_MAX: Duration = Duration::from_millis(2_250);
/// Pings are told from the beats of the relay's own links: what both miss began when the beats ended.
const BY_PING: u8 = u8::MAX;
/// Watchers that did not speak are asked again this long before a case must end.
const ASK_AGAIN_BEFORE_END: Duration = Duration::from_millis(350);
/// More observations than any case needs.
const EVIDENCE_MAX: usize = 65_536;
/// Whoever watches a neighbour by a link that loses little has told of its silence this long after its last beat: three
/// beats, and the way.
const MISSED_WITHIN: Duration = Duration::from_secs(4);
/// A neighbour that was not heard for less was not missed yet.
const MISSED_AFTER: Duration = Duration::from_secs(3);
/// What takes several things takes some of them a little later: a switch without power drops its ports one by one.
const ONSET_SPREAD: Duration = Duration::from_millis(500);
/// Evidence older than this is no evidence.
const EVIDENCE_LIFE: Duration = Duration::from_secs(15);

/// One member that is asked whether it lives.
#[derive(Clone, Debug)]
struct Asked {
    since: Time,
    /// Nothing has answered since then; before `since` for whoever was greeted in vain.
    unanswered_since: Time,
    pings: u8,
    of: u8,
    gap: Duration,
    next_ping: Time,
    within: Duration,
    /// A witness named it, or the relay looks after it; else it is only asked.
    suspected: bool,
    answered: Option<Time>,
    heard: Vec<(LinkId, Option<Time>)>,
    /// By leg: when its kernel answered an echo there.
    echoed: BTreeMap<u8, Time>,
    /// By leg: when its kernel refused a ping there.
    refused: BTreeMap<u8, Time>,
}

impl Asked {
    fn is_settled(&self, now: Time) -> bool {
        self.answered.is_some() || now >= self.since + self.within
    }

    fn is_silent(&self, now: Time) -> bool {
        self.answered.is_none() && self.is_settled(now)
    }

    /// When the last of its pings left, if all did.
    fn last_ping(&self) -> Option<Time> {
        (self.pings >= self.of).then(|| self.next_ping.before(self.gap))
    }

    /// Whether it let all pings go by, and spoke then.
    fn is_late_by(&self, spoke: Time) -> bool {
        let went_by = |last: Time| self.answered.is_none_or(|at| at > last) && spoke > last;
        self.last_ping().is_some_and(went_by)
    }
}

/// What one witness said of one suspect.
#[derive(Clone, Copy, Debug)]
struct Told {
    witness: Peer,
    about: HostIx,
    ring: RingId,
    cause: Cause,
    /// Never: nobody missed it, the relay looks whether it lives.
    last_heard: Option<Time>,
    at: Time,
    report: Option<Report>,
    noted: bool,
    starved: bool,
    /// Its link is too young to testify by.
    unproven: bool,
}

impl Told {
    /// The relay's own word.
    fn by_relay(now: Time, about: HostIx, last_heard: Option<Time>, unproven: bool) -> Self {
        Self {
            witness: Peer::Relay,
            about,
            ring: SITE_RING,
            cause: Cause::Silent,
            last_heard,
            at: now,
            report: None,
            noted: true,
            starved: false,
            unproven,
        }
    }
}

/// One case.
#[derive(Clone, Debug)]
struct Case {
    opened: Time,
    asked: BTreeMap<HostIx, Asked>,
    told: Vec<Told>,
    wide: bool,
    /// Watchers that had heard the suspect were asked a second time.
    asked_again: bool,
    /// So were those who may be back.
    asked_over: bool,
    last_silence: Time,
    next: Time,
}

impl Case {
    fn new(now: Time) -> Self {
        Self {
            opened: now,
            asked: BTreeMap::new(),
            told: Vec::new(),
            wide: false,
            asked_again: false,
            asked_over: false,
            last_silence: now,
            next: now,
        }
    }
}

/// All cases, and the evidence of the last seconds.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cases {
    by_ring: BTreeMap<RingId, Case>,
    evidence: Evidence,
    /// When each answered a ping last: that proves both ways, which no other word does.
    ponged: BTreeMap<HostIx, Time>,
}

impl Cases {
    pub(crate) fn next(&self) -> Time {
        self.by_ring.values().map(|case| case.next).min().unwrap_or(Time::NEVER)
    }

    /// A member left: nobody asks for it any more.
    pub(crate) fn forget(&mut self, host: HostIx) {
        for case in self.by_ring.values_mut() {
            case.asked.remove(&host);
            case.told.retain(|told| told.about != host);
        }
    }

    /// What is asked of that host: in several cases where it stands in several rings.
    fn asked_of(&mut self, host: HostIx) -> impl Iterator<Item = &mut Asked> {
        self.by_ring.values_mut().filter_map(move |case| case.asked.get_mut(&host))
    }

    /// A host that is asked has answered, in whatever way. `false` if nobody asked.
    fn answered(&mut self, now: Time, host: HostIx) -> bool {
        let mut was_asked = false;
        for case in self.by_ring.values_mut() {
            let Some(asked) = case.asked.get_mut(&host) else { continue };
            asked.answered = Some(now);
            case.next = now;
            was_asked = true;
        }
        was_asked
    }

    /// What was said of a host's silence is over: it is back, or it answered by the only way it has.
    pub(crate) fn forget_silence(&mut self, host: HostIx) {
        self.evidence.observations.retain(|seen| seen.subject != host || seen.outcome == Outcome::Heard);
    }

    /// The newest thing that members said of what fits.
    fn said_last(&self, fits: impl Fn(&Observation) -> bool) -> Option<&Observation> {
        let of_members = |seen: &&Observation| seen.from != Vantage::Judge && fits(seen);
        self.evidence.observations.iter().filter(of_members).max_by_key(|seen| seen.at_ms)
    }

    /// Whether what members said last of that leg, and not before `since`, is that they do not hear it.
    pub(crate) fn unheard(&self, host: HostIx, leg: u8, since: Time) -> bool {
        self.said_last(|seen| seen.subject == host && seen.leg == leg)
            .is_some_and(|seen| seen.outcome == Outcome::Silent && seen.at_ms >= ms(since))
    }

    /// Whether what members said last of that host is that they hear it, and did so since then.
    fn is_heard(&self, host: HostIx, since: Time) -> bool {
        self.said_last(|seen| seen.subject == host)
            .is_some_and(|seen| seen.outcome == Outcome::Heard && seen.at_ms >= ms(since))
    }

    /// All who are just being checked and have not answered.
    pub(crate) fn asked(&self) -> impl Iterator<Item = HostIx> + '_ {
        let unanswered = |(host, asked): (&HostIx, &Asked)| asked.answered.is_none().then_some(*host);
        self.by_ring.values().flat_map(move |case| case.asked.iter().filter_map(unanswered))
    }

    /// Whether somebody is just being checked in that ring.
    pub(crate) fn is_open(&self, ring: RingId) -> bool {
        self.by_ring.contains_key(&ring)
    }
}

/// Milliseconds of the judge's scale.
pub(crate) fn ms(time: Time) -> u64 {
    time.nanos() / 1_000_000
}

/// The first beat that did not come, given the last one that did.
fn first_missing(last_heard: Time) -> Time {
    last_heard + BEAT_EVERY + BEAT_SLACK + ONSET_SPREAD
}

impl Relay {
    /// A member says that a neighbour is silent.
    pub(crate) fn suspected(
        &mut self,
        now: Time,
        witness: HostIx,
        suspicion: Suspicion,
        out: &mut impl Sink<Action>,
    ) {
        self.counters.suspicions += 1;
        let adjacency = self.rings.link(suspicion.link).copied();
        let mine =
            adjacency.filter(|a| a.ends.0 == Peer::Member(witness) || a.ends.1 == Peer::Member(witness));
        let Some(adjacency) = mine else {
            // A neighbour it has no more: it missed the order that said so.
            self.give_again(now, witness, out);
            return;
        };
        let about = match adjacency.other(Peer::Member(witness)) {
            Peer::Member(about) => about,
            // That this was heard is the answer.
            Peer::Relay => return self.note(witness, suspicion.report, out),
        };
        let told = Told {
            witness: Peer::Member(witness),
            about,
            ring: adjacency.ring,
            cause: suspicion.cause,
            last_heard: Some(now.before(suspicion.last_heard)),
            at: now,
            report: Some(suspicion.report),
            noted: false,
            starved: suspicion.starved,
            unproven: suspicion.unproven,
        };
        if !self.take_told(now, told, out) {
            self.note(witness, suspicion.report, out);
        }
    }

    /// The relay itself no longer hears a neighbour of its site ring.
    pub(crate) fn suspected_by_relay(
        &mut self,
        now: Time,
        silent: SilentNeighbour<HostIx>,
        out: &mut impl Sink<Action>,
    ) {
        let told = Told::by_relay(now, silent.peer, Some(silent.last_heard), silent.unproven);
        self.take_told(now, told, out);
    }

    /// Puts one word of a witness into the case it belongs to. `false` if there is nothing to find out by it.
    fn take_told(&mut self, now: Time, told: Told, out: &mut impl Sink<Action>) -> bool {
        if self.roster[told.about].standing != Standing::Live {
            return false;
        }
        if !told.unproven {
            self.remember_told(&told);
        }
        let ring = match told.ring {
            SITE_RING => self.ring_spoken_for(told.about),
            ring => Some(ring),
        };
        let Some(ring) = ring else { return false };
        self.put_into_case(now, ring, told, out)
    }

    /// Looks whether members live whom nobody would miss: all in one case, that of `ring` if none is asked already.
    /// `since` then none of them has answered.
    pub(crate) fn look_after(
        &mut self,
        now: Time,
        ring: RingId,
        hosts: &[HostIx],
        since: Time,
        out: &mut impl Sink<Action>,
    ) {
        for &about in hosts {
            self.put_into_case(now, ring, Told::by_relay(now, about, None, false), out);
            let asked = self.cases.asked_of(about);
            asked.for_each(|asked| asked.unanswered_since = asked.unanswered_since.min(since));
        }
    }

    /// A member announced itself, or knocked: whoever asked for it has its answer.
    pub(crate) fn showed_itself(&mut self, now: Time, host: HostIx) {
        self.cases.answered(now, host);
    }

    fn put_into_case(&mut self, now: Time, ring: RingId, told: Told, out: &mut impl Sink<Action>) -> bool {
        let ring = self
            .cases
            .by_ring
            .iter()
            .find(|(_, c)| c.asked.contains_key(&told.about))
            .map_or(ring, |(r, _)| *r);
        let new = !self.cases.by_ring.contains_key(&ring);
        if new && told.starved {
            // A starved witness alone never opens a case; what it said stands beside what others will say.
            return false;
        }
        if new {
            out.put(Action::Say(Note::CaseOpened(self.roster[told.about].name.clone())));
        }
        let case = self.cases.by_ring.entry(ring).or_insert_with(|| Case::new(now));
        let same = |old: &Told| old.witness == told.witness && old.about == told.about;
        let again = case.told.iter().any(same);
        case.told.retain(|old| !same(old));
        case.told.push(told);
        if !again {
            case.last_silence = now;
        }
        let asked = case.asked.entry(told.about).or_insert_with(|| ask(now, 3, PING_GAP, ANSWER_WITHIN));
        asked.suspected = true;
        case.next = now;
        true
    }

    /// The level-0 ring that a delegate speaks for.
    fn ring_spoken_for(&self, host: HostIx) -> Option<RingId> {
        let seats = &self.roster[host].seats;
        let speaks = |ring: &RingId| self.rings.get(*ring).is_some_and(|r| r.delegates.contains(&host));
        let level_0 = || seats.iter().map(|seat| seat.ring).filter(|ring| *ring != SITE_RING);
        level_0().find(speaks).or_else(|| level_0().next())
    }

    /// A witness hears its neighbour again.
    pub(crate) fn refuted(&mut self, now: Time, witness: HostIx, link: LinkId, out: &mut impl Sink<Action>) {
        let Some(adjacency) = self.rings.link(link).copied() else { return };
        if let Peer::Member(about) = adjacency.other(Peer::Member(witness)) {
            self.heard_again_by(now, about, Peer::Member(witness), out);
        }
    }

    /// The relay itself hears a neighbour again.
    pub(crate) fn heard_again(&mut self, now: Time, host: HostIx, out: &mut impl Sink<Action>) {
        self.heard_again_by(now, host, Peer::Relay, out);
    }

    fn heard_again_by(&mut self, now: Time, about: HostIx, by: Peer, out: &mut impl Sink<Action>) {
        for case in self.cases.by_ring.values_mut() {
            case.told.retain(|told| !(told.about == about && told.witness == by));
        }
        self.cases.answered(now, about);
        self.returned(now, about, out);
    }

    /// A ping was answered: the probe lives and reaches the relay.
    pub(crate) fn answered(&mut self, now: Time, host: HostIx, starved: bool, heard: &[HeardAge]) {
        let heard: Vec<(LinkId, Option<Time>)> =
            heard.iter().map(|heard| (heard.link, heard.age.map(|age| now.before(age)))).collect();
        let leg = self.leg_at(host, self.roster[host].heard_from.ip());
        self.cases.ponged.insert(host, now);
        if self.roster[host].places.len() < 2 {
            self.cases.forget_silence(host);
        }
        if !self.cases.answered(now, host) {
            return;
        }
        let heard = if starved { Vec::new() } else { heard };
        self.cases.asked_of(host).for_each(|asked| asked.heard.clone_from(&heard));
        self.see(Observation {
            from: Vantage::Judge,
            subject: host,
            leg,
            lane: BY_PING,
            outcome: Outcome::Heard,
            last_heard_ms: Some(ms(now)),
            first_bad_ms: 0,
            at_ms: ms(now),
            doubted: false,
        });
    }

    /// A kernel answered an echo.
    pub(crate) fn echoed(&mut self, now: Time, from: IpAddr) {
        let Some(host) = self.roster.at_address(from) else { return };
        let leg = self.leg_at(host, from);
        for asked in self.cases.asked_of(host) {
            asked.echoed.insert(leg, now);
        }
    }

    /// A member's own address refused one of our datagrams.
    pub(crate) fn refused(&mut self, now: Time, peer: SocketAddr) {
        let Some(host) = self.roster.at_address(peer.ip()) else { return };
        let leg = self.leg_at(host, peer.ip());
        for asked in self.cases.asked_of(host) {
            asked.refused.insert(leg, now);
        }
    }

    /// Whichever leg has that address. What came from there came through its switch and no other.
    fn leg_at(&self, host: HostIx, address: IpAddr) -> u8 {
        let leg = self.roster[host].places.iter().position(|place| place.address == address);
        leg.and_then(|leg| u8::try_from(leg).ok()).unwrap_or(0)
    }

    /// What a member hears on its links, first-hand.
    pub(crate) fn take_heard(&mut self, now: Time, witness: HostIx, heard: &[HeardAge]) {
        for heard in heard {
            let (Some(adjacency), Some(age)) = (self.rings.link(heard.link).copied(), heard.age) else {
                continue;
            };
            let Peer::Member(subject) = adjacency.other(Peer::Member(witness)) else { continue };
            let last_heard = now.before(age);
            if self.is_over(Peer::Member(witness), subject, last_heard) {
                continue;
            }
            // One beat may be lost; two in a row are a silence to be explained.
            let recent = age <= BEAT_EVERY * 2 + BEAT_SLACK;
            let (from, leg) = self.ends_of(adjacency.ring, Peer::Member(witness), subject);
            self.see(Observation {
                from,
                subject,
                leg,
                lane: 0,
                outcome: if recent { Outcome::Heard } else { Outcome::Silent },
                last_heard_ms: Some(ms(last_heard)),
                first_bad_ms: ms(first_missing(last_heard)),
                // A beat proves life at its own instant, not at the instant it is told.
                at_ms: ms(if recent { last_heard } else { now }),
                doubted: false,
            });
        }
    }

    fn ends_of(&self, ring: RingId, witness: Peer, subject: HostIx) -> (Vantage, u8) {
        let member = &self.roster[subject];
        let via = member.seats.iter().find(|seat| seat.ring == ring).map_or(0, |seat| seat.via);
        (self.vantage(witness, ring), member.leg(via))
    }

    /// A silence that began before one of the two came back is part of an outage that is over.
    fn is_over(&self, witness: Peer, subject: HostIx, last_heard: Time) -> bool {
        let back = self.roster[subject].since;
        let witness_back = match witness {
            Peer::Member(witness) => self.roster[witness].since,
            Peer::Relay => Time::ZERO,
        };
        last_heard < back.max(witness_back)
    }

    fn remember_told(&mut self, told: &Told) {
        let Some(last_heard) = told.last_heard else { return };
        if self.is_over(told.witness, told.about, last_heard) {
            return;
        }
        let (from, leg) = self.ends_of(told.ring, told.witness, told.about);
        self.see(Observation {
            from,
            subject: told.about,
            leg,
            lane: 0,
            outcome: match told.cause {
                Cause::Refused => Outcome::Refused,
                Cause::Silent | Cause::Unreachable => Outcome::Silent,
            },
            last_heard_ms: Some(ms(last_heard)),
            first_bad_ms: ms(match told.cause {
                // The refusal itself is the first bad news; no beat need be missing yet.
                Cause::Refused => told.at,
                Cause::Silent | Cause::Unreachable => first_missing(last_heard),
            }),
            at_ms: ms(told.at),
            doubted: told.starved,
        });
    }

    fn see(&mut self, observation: Observation) {
        let seen = &mut self.cases.evidence.observations;
        if seen.len() >= EVIDENCE_MAX {
            // Half of it, oldest first: a member that talks without end cannot fill our memory.
            seen.sort_by_key(|seen| seen.at_ms);
            seen.drain(..EVIDENCE_MAX / 2);
        }
        seen.push(observation);
    }

    pub(crate) fn see_port(&mut self, port: PortObservation) {
        let seen = &mut self.cases.evidence.ports;
        seen.retain(|old| old.host != port.host || old.leg != port.leg);
        seen.push(port);
    }

    /// Takes every case whose time has come one step further.
    pub(crate) fn advance_cases(&mut self, now: Time, out: &mut impl Sink<Action>) {
        while self.cases.next() <= now {
            let due = self.cases.by_ring.iter().find(|(_, case)| case.next <= now).map(|(ring, _)| *ring);
            let Some(ring) = due else { return };
            let Some(mut case) = self.cases.by_ring.remove(&ring) else { return };
            self.reach_outward(now, ring, &mut case);
            self.ask_longer_if_lone(ring, &mut case);
            self.ask_again(now, &mut case);
            self.ask_over(now, &mut case);
            self.ping_due(now, &mut case, out);
            self.note_late(now, &mut case, out);
            match self.decision(now, ring, &case) {
                Decision::Wait(until) => {
                    // Nothing changes by itself before: at least a step, so that no deadline stands still.
                    case.next = until.max(now + Duration::from_millis(1));
                    self.cases.by_ring.insert(ring, case);
                }
                Decision::Dismiss => self.dismiss(now, &case, out),
                Decision::Judge => self.decide(now, ring, case, out),
            }
        }
    }

    /// Who else has to be asked by now.
    fn reach_outward(&mut self, now: Time, ring: RingId, case: &mut Case) {
        let Some(standing) = self.rings.get(ring) else { return };
        let spoke = |case: &Case, host: HostIx| case.told.iter().any(|t| t.witness == Peer::Member(host));
        let mates_speak = case.told.iter().any(|told| told.ring != SITE_RING);
        let waited = now >= case.opened + MATES_SPEAK_WITHIN;
        let delegate = case.told.iter().any(|told| told.ring == SITE_RING);
        if !case.wide && waited && delegate && !mates_speak {
            case.wide = true;
            self.ask_authority = true;
            for peer in standing.ring.members() {
                let Peer::Member(host) = peer else { continue };
                if !case.asked.contains_key(&host) && self.roster[host].standing == Standing::Live {
                    case.asked.insert(host, ask(now, 3, WIDE_GAP, WIDE_WITHIN));
                }
            }
        }
        let mut more = Vec::new();
        for (&host, asked) in &case.asked {
            for right in [false, true] {
                // 1, 2, 4, 8 .. places outward, one step further each time nobody has answered.
                let steps = self.steps_outward(now, asked);
                for step in 0..steps {
                    let beside = standing.ring.outward(Peer::Member(host), 1 << step, right);
                    let Some(Peer::Member(beside)) = beside else { break };
                    let live = self.roster[beside].standing == Standing::Live;
                    if spoke(case, beside) || !live {
                        break;
                    }
                    match case.asked.get(&beside) {
                        Some(asked) if asked.answered.is_some() => break,
                        Some(_) => {}
                        None => more.push(beside),
                    }
                }
            }
        }
        for host in more {
            case.asked.entry(host).or_insert_with(|| ask(now, 3, PING_GAP, ANSWER_WITHIN));
        }
    }

    /// How far outward of a suspect it is time to look: not at all if it answers or is only asked.
    fn steps_outward(&self, now: Time, asked: &Asked) -> u32 {
        let waited = now.since(asked.since);
        let dead = asked.suspected || asked.is_silent(now);
        if asked.answered.is_some() || !dead || waited < WATCHER_SPEAKS_WITHIN {
            return 0;
        }
        let steps = waited.as_millis() / WATCHER_SPEAKS_WITHIN.as_millis();
        u32::try_from(steps).unwrap_or(u32::MAX).min(5)
    }

    fn ping_due(&mut self, now: Time, case: &mut Case, out: &mut impl Sink<Action>) {
        for (&host, asked) in &mut case.asked {
            while asked.answered.is_none() && asked.pings < asked.of && asked.next_ping <= now {
                self.ping_everywhere(host, out);
                // The kernel is asked with the second ping, and once more in case that is lost.
                if asked.pings == 1 || asked.pings == 2 {
                    for to in self.roster[host].addresses() {
                        out.put(Action::Echo { to: to.ip() });
                    }
                }
                asked.pings += 1;
                asked.next_ping += asked.gap;
            }
        }
    }

    /// Witnesses that were told nothing yet are told that they were heard.
    fn note_late(&mut self, now: Time, case: &mut Case, out: &mut impl Sink<Action>) {
        if now < case.opened + NOTED_AFTER {
            return;
        }
        self.note_all(case, out);
    }

    fn note_all(&mut self, case: &mut Case, out: &mut impl Sink<Action>) {
        for told in case.told.iter_mut().filter(|told| !told.noted) {
            told.noted = true;
            if let (Peer::Member(witness), Some(report)) = (told.witness, told.report) {
                self.note(witness, report, out);
            }
        }
    }

    fn decision(&self, now: Time, ring: RingId, case: &Case) -> Decision {
        let end = case.opened + CASE_MAX;
        let open = case.asked.values().filter(|asked| !asked.is_settled(now));
        let settled_at = open.map(|asked| asked.since + asked.within).max();
        let answers = |told: &&Told| case.asked.get(&told.about).is_some_and(|a| a.answered.is_some());
        let suspected_lives = case.told.iter().all(|told| answers(&told));
        if suspected_lives && (settled_at.is_none() || !case.wide) {
            return Decision::Dismiss;
        }
        if now >= end {
            return Decision::Judge;
        }
        let ready_at = settled_at
            .into_iter()
            .chain([case.last_silence + CALM])
            .chain(self.ask_again_at(case))
            .chain(self.lone_witness_at(ring, case))
            .max()
            .unwrap_or(now)
            .min(end);
        if ready_at <= now {
            return Decision::Judge;
        }
        Decision::Wait(self.next_step(now, case).min(ready_at))
    }

    /// When the next ping leaves, the next member is to be asked, or the next witness is to be told something.
    fn next_step(&self, now: Time, case: &Case) -> Time {
        let pings =
            case.asked.values().filter(|a| a.answered.is_none() && a.pings < a.of).map(|a| a.next_ping);
        let outward = case.asked.values().filter(|asked| asked.answered.is_none()).map(|asked| {
            let steps = now.since(asked.since).as_millis() / WATCHER_SPEAKS_WITHIN.as_millis();
            asked.since + WATCHER_SPEAKS_WITHIN * (u32::try_from(steps).unwrap_or(u32::MAX - 1) + 1)
        });
        let mates = (!case.wide).then_some(case.opened + MATES_SPEAK_WITHIN).filter(|at| *at > now);
        let noted = case.told.iter().any(|told| !told.noted).then_some(case.opened + NOTED_AFTER);
        pings.chain(outward).chain(mates).chain(noted.filter(|at| *at > now)).min().unwrap_or(Time::NEVER)
    }

    /// Members that watch a suspect, answered, and had heard it so late that they could not call it silent; with when
    /// each would.
    fn unspoken(&self, case: &Case) -> Vec<(HostIx, Time)> {
        // A refusal proves more than any silence: nobody is waited for.
        let refused = |host: HostIx| case.asked.get(&host).is_some_and(|asked| !asked.refused.is_empty());
        let mut unspoken = Vec::new();
        for told in case.told.iter().filter(|told| !refused(told.about)) {
            let Some(last_heard) = told.last_heard else { continue };
            let missing = first_missing(last_heard) + BEAT_SLACK;
            for (link, adjacency, _) in self.held(told.about) {
                let watcher = adjacency.other(Peer::Member(told.about));
                let spoke = case.told.iter().any(|t| t.about == told.about && t.witness == watcher);
                let Peer::Member(host) = watcher else { continue };
                let Some(asked) = case.asked.get(&host).filter(|asked| asked.answered.is_some()) else {
                    continue;
                };
                let heard = asked.heard.iter().find(|(held, _)| *held == link).and_then(|(_, heard)| *heard);
                // Where a whole ring is checked, who heard it after the others missed a beat has said all there is
                // to say; of a single suspect more may be lost beats than a fault, and time tells.
                let will_speak = heard.filter(|last| !spoke && (!case.wide || *last <= missing));
                unspoken.extend(will_speak.map(|last| (host, last + BEAT_EVERY * 3 + BEAT_SLACK * 2)));
            }
        }
        unspoken
    }

    /// When the watchers that have not spoken are asked a second time: they had time to miss a beat, or to hear one.
    fn ask_again_at(&self, case: &Case) -> Option<Time> {
        let unspoken = self.unspoken(case);
        let speak = unspoken.iter().map(|(_, at)| *at).max().filter(|_| !case.asked_again)?;
        Some(speak.min(case.opened + CASE_MAX.saturating_sub(ASK_AGAIN_BEFORE_END)))
    }

    fn ask_again(&mut self, now: Time, case: &mut Case) {
        if self.ask_again_at(case).is_none_or(|at| at > now) {
            return;
        }
        for (host, _) in self.unspoken(case) {
            case.asked.insert(host, ask(now, 3, PING_GAP, ANSWER_WITHIN));
        }
        case.asked_again = true;
    }

    /// Somebody who had let its pings go by speaks after all: what was broken is whole again, and whoever was asked before
    /// that may be back too. They are asked once more; else one outage that is over is told as one of each host.
    fn ask_over(&self, now: Time, case: &mut Case) {
        let late = |(host, asked): (&HostIx, &Asked)| {
            let spoke = self.roster[*host].heard_at;
            asked.is_late_by(spoke).then_some(spoke)
        };
        let Some(woken) = case.asked.iter().filter_map(late).max().filter(|_| !case.asked_over) else {
            return;
        };
        case.asked_over = true;
        let silent =
            |asked: &&mut Asked| asked.answered.is_none() && asked.last_ping().is_some_and(|at| at < woken);
        for asked in case.asked.values_mut().filter(silent) {
            let (suspected, unanswered_since) = (asked.suspected, asked.unanswered_since);
            *asked = Asked { suspected, unanswered_since, ..ask(now, 3, PING_GAP, ANSWER_WITHIN) };
        }
    }

    /// Only one witness in a ring too small for a second: the suspect gets more pings ..
    fn ask_longer_if_lone(&self, ring: RingId, case: &mut Case) {
        if self.lone_witness_at(ring, case).is_none() {
            return;
        }
        for asked in case.asked.values_mut().filter(|asked| asked.suspected) {
            asked.of = LONE_PINGS;
            asked.gap = LONE_WITHIN / u32::from(LONE_PINGS);
        }
    }

    /// .. and more time.
    fn lone_witness_at(&self, ring: RingId, case: &Case) -> Option<Time> {
        let standing = self.rings.get(ring)?;
        let lone = |told: &Told| {
            let witnesses = case.told.iter().filter(|t| t.about == told.about).count();
            witnesses == 1 && standing.ring.len() <= 2 && !case.wide
        };
        case.told.iter().filter(|told| lone(told)).map(|told| told.at + LONE_WITHIN).max()
    }

    /// Everybody who was suspected lives: an edge matter.
    fn dismiss(&mut self, now: Time, case: &Case, out: &mut impl Sink<Action>) {
        // That the relay looked after somebody was no suspicion.
        self.counters.dismissed += u64::from(case.told.iter().any(|told| told.last_heard.is_some()));
        let mut case = case.clone();
        self.note_all(&mut case, out);
        let mut abouts: Vec<HostIx> = case.told.iter().map(|told| told.about).collect();
        abouts.sort_unstable();
        abouts.dedup();
        for host in abouts {
            out.put(Action::Say(Note::CaseDismissed(self.roster[host].name.clone())));
            self.doubt_legs(now, host, &case);
        }
        if case.told.iter().any(|told| told.last_heard.is_none() && self.clears_a_suspect(told.about)) {
            let explanations = self.judge(now, &case, &[]);
            self.open_explained(now, &[], explanations, out);
        }
    }

    /// A member with several legs answers while neighbours on one of them hear nothing: that leg is watched.
    fn doubt_legs(&mut self, now: Time, host: HostIx, case: &Case) {
        if self.roster[host].places.len() < 2 {
            return;
        }
        for told in case.told.iter().filter(|told| told.about == host && told.ring != SITE_RING) {
            let seat = self.roster[host].seats.iter().find(|seat| seat.ring == told.ring);
            if let Some(via) = seat.map(|seat| seat.via) {
                self.watch_leg(now, host, via);
            }
        }
    }

    /// The check is done: all that was seen is judged.
    fn decide(&mut self, now: Time, ring: RingId, mut case: Case, out: &mut impl Sink<Action>) {
        let unasked = take_unasked(now, &mut case);
        self.observe_answers(now, &case);
        self.believe_the_unproven(now, &case);
        let explanations = self.judge(now, &case, &unasked);
        // Whom nobody misses is presumed to live; reachable inside and not from here is a fault of some path.
        let silent = case.asked.iter().filter(|(_, asked)| asked.suspected && asked.is_silent(now));
        let silent: Vec<HostIx> =
            silent.map(|(host, _)| *host).filter(|host| !self.heard_after_onset(*host, &case)).collect();
        self.open_explained(now, &silent, explanations, out);
        // Those whose neighbours change hear it by their assignment; the others by a word.
        case.told.retain(|told| match told.witness {
            Peer::Member(witness) => !self.will_be_told(witness, told.about),
            Peer::Relay => false,
        });
        self.note_all(&mut case, out);
        self.ask_in_its_own_case(now, ring, unasked, out);
    }

    /// All that was seen lately, judged. Hearsay proves nothing. `unasked` were named too late to be asked.
    fn judge(&mut self, now: Time, case: &Case, unasked: &[Told]) -> Vec<Explanation> {
        self.prune_evidence(now);
        self.cases.evidence.outside_heard_ms = self.authority_heard.map(ms);
        let open = self.incidents.for_judge();
        let mut explanations = judge(&self.belief, &self.cases.evidence, &open, ms(now));
        let mut strays = self.strays(now, case, &explanations);
        strays.retain(|host| unasked.iter().all(|told| told.about != *host));
        if !strays.is_empty() {
            let mut evidence = self.cases.evidence.clone();
            let of_stray = |seen: &Observation| strays.contains(&seen.subject);
            evidence.observations.retain(|seen| seen.outcome == Outcome::Heard || !of_stray(seen));
            explanations = judge(&self.belief, &evidence, &open, ms(now));
        }
        explanations.retain(|explanation| !self.is_hearsay(now, case, explanation));
        explanations
    }

    /// Members of a shared fate that nobody misses, though whoever did not hear them for a beat or two would miss them by
    /// now. Two others that fell silent together are no fate because of them.
    fn strays(&self, now: Time, case: &Case, explanations: &[Explanation]) -> Vec<HostIx> {
        let is_fate = |explanation: &&Explanation| {
            explanation.alternatives.iter().any(|one| one.component == Component::SharedFate)
        };
        let cases = || self.cases.by_ring.values().chain([case]);
        let is_missed = |host: HostIx| cases().any(|case| case.told.iter().any(|told| told.about == host));
        let seen = self.cases.evidence.observations.iter();
        let silences = |host: HostIx| {
            seen.clone().filter(move |seen| seen.subject == host && seen.outcome != Outcome::Heard)
        };
        let is_over = |seen: &Observation| {
            let last_heard = seen.last_heard_ms.map(Time::from_millis);
            let was_short = |last: Time| Time::from_millis(seen.at_ms).since(last) < MISSED_AFTER;
            last_heard.is_some_and(|last| was_short(last) && last + MISSED_WITHIN < now)
        };
        let members = explanations.iter().filter(is_fate).flat_map(|fate| fate.members.iter().copied());
        members
            .filter(|host| self.is_unproven(now, case, *host) && !is_missed(*host))
            .filter(|host| silences(*host).all(is_over))
            .collect()
    }

    /// Whoever was named so late that there was no time to ask is asked now, unless what was judged explains it.
    fn ask_in_its_own_case(
        &mut self,
        now: Time,
        ring: RingId,
        unasked: Vec<Told>,
        out: &mut impl Sink<Action>,
    ) {
        for told in unasked {
            let lives = self.roster[told.about].standing == Standing::Live;
            let opened = lives && self.put_into_case(now, ring, told, out);
            if let (false, Peer::Member(witness), Some(report)) = (opened, told.witness, told.report) {
                self.note(witness, report, out);
            }
        }
    }

    /// It convicts one host that lives by all that is known, and that this relay has not found silent itself. What a
    /// confused neighbour remembers of it is no proof; if it is silent it will be missed, and asked.
    fn is_hearsay(&self, now: Time, case: &Case, explanation: &Explanation) -> bool {
        let [host] = explanation.members.as_slice() else { return false };
        self.is_unproven(now, case, *host)
    }

    fn is_unproven(&self, now: Time, case: &Case, host: HostIx) -> bool {
        let found_silent =
            |case: &Case| case.asked.get(&host).is_some_and(|asked| self.is_proof(now, host, asked));
        let elsewhere = || self.cases.by_ring.values().any(found_silent);
        self.roster[host].standing == Standing::Live && !found_silent(case) && !elsewhere()
    }

    /// It was asked in vain. Of one that answered this relay a moment ago answers are lost more often than it fails in that
    /// moment: whoever missed it before missed only beats. So of one that was asked only because others are silent, and that
    /// a neighbour heard a moment ago. If it failed after all, it will be missed.
    fn is_proof(&self, now: Time, host: HostIx, asked: &Asked) -> bool {
        let lately = asked.unanswered_since.before(BEAT_EVERY * 2);
        let answered = self.cases.ponged.get(&host).is_some_and(|at| *at >= lately);
        let is_heard = answered || !asked.suspected && self.cases.is_heard(host, lately);
        asked.is_silent(now) && (!is_heard || !asked.refused.is_empty())
    }

    /// The witness will get an assignment because the suspect left its ring.
    fn will_be_told(&self, witness: HostIx, about: HostIx) -> bool {
        let gone = self.roster[about].standing != Standing::Live;
        let witness_in = |ring: RingId| self.rings.get(ring).is_some_and(|r| !r.frozen);
        gone && self.roster[about].seats.is_empty()
            && self.roster[witness].seats.iter().any(|seat| witness_in(seat.ring))
    }

    /// A link that never carried three beats may be blocked by a filter. Where the member does not answer the relay
    /// either it is not the link, and whoever missed it first is a witness like any other.
    fn believe_the_unproven(&mut self, now: Time, case: &Case) {
        let silent = |told: &&Told| case.asked.get(&told.about).is_some_and(|asked| asked.is_silent(now));
        case.told
            .iter()
            .filter(|told| told.unproven)
            .filter(silent)
            .for_each(|told| self.remember_told(told));
    }

    fn observe_answers(&mut self, now: Time, case: &Case) {
        for (&host, asked) in &case.asked {
            let seen = |leg, outcome, at: Time| Observation {
                from: Vantage::Judge,
                subject: host,
                leg,
                lane: BY_PING,
                outcome,
                last_heard_ms: None,
                first_bad_ms: ms(asked.unanswered_since),
                at_ms: ms(at),
                doubted: false,
            };
            if asked.is_silent(now) {
                // Every leg was pinged: what one does not answer none does.
                for leg in 0..self.roster[host].places.len().max(1) {
                    let leg = u8::try_from(leg).unwrap_or(u8::MAX);
                    let last_heard_ms = self.last_said(host, asked.unanswered_since).map(ms);
                    self.see(Observation { last_heard_ms, ..seen(leg, Outcome::Silent, now) });
                }
            }
            for (&leg, &at) in &asked.echoed {
                self.see(Observation { last_heard_ms: Some(ms(at)), ..seen(leg, Outcome::Echo, at) });
            }
            for &leg in asked.refused.keys() {
                // The last ping left a moment ago, and was refused like the others.
                self.see(seen(leg, Outcome::Refused, now));
            }
        }
    }

    /// When a host that has one port only said something last, before it was asked. Of another nobody knows by which port.
    fn last_said(&self, host: HostIx, asked: Time) -> Option<Time> {
        let member = &self.roster[host];
        (member.met && member.places.len() < 2).then_some(member.heard_at.min(asked))
    }

    /// Whether anybody heard that host after those who suspect it missed its first beat.
    fn heard_after_onset(&self, host: HostIx, case: &Case) -> bool {
        let missed = case.told.iter().filter(|told| told.about == host);
        let missed = missed.filter_map(|told| Some(first_missing(told.last_heard?) + BEAT_SLACK)).max();
        let since = ms(missed.unwrap_or(case.opened.before(BEAT_EVERY)));
        let seen = self.cases.evidence.observations.iter();
        seen.filter(|seen| seen.subject == host && seen.outcome == Outcome::Heard)
            .any(|seen| seen.at_ms > since)
    }

    fn prune_evidence(&mut self, now: Time) {
        let oldest = ms(now.before(EVIDENCE_LIFE));
        self.cases.evidence.observations.retain(|seen| seen.at_ms >= oldest);
        self.cases.evidence.ports.retain(|seen| seen.at_ms >= oldest);
        self.cases.ponged.retain(|_, at| ms(*at) >= oldest);
    }
}

enum Decision {
    Wait(Time),
    Dismiss,
    Judge,
}

/// Takes out who was named so late that a case which had to end left no time to ask, and returns what was said of them.
fn take_unasked(now: Time, case: &mut Case) -> Vec<Told> {
    let is_unasked = |asked: &Asked| asked.suspected && !asked.is_settled(now);
    let hosts: Vec<HostIx> =
        case.asked.iter().filter(|(_, asked)| is_unasked(asked)).map(|(host, _)| *host).collect();
    hosts.iter().for_each(|host| drop(case.asked.remove(host)));
    case.told.extract_if(.., |told| hosts.contains(&told.about)).collect()
}

fn ask(now: Time, of: u8, gap: Duration, within: Duration) -> Asked {
    Asked {
        since: now,
        unanswered_since: now,
        pings: 0,
        of,
        gap,
        next_ping: now,
        within,
        suspected: false,
        answered: None,
        heard: Vec::new(),
        echoed: BTreeMap::new(),
        refused: BTreeMap::new(),
    }
}

#[cfg(test)]
mod tests {
    use ringmesh_topology::place::Place;
    use ringmesh_topology::verdict::Verdict;

    use super::*;
    use crate::relay::tests::{Bench, bonded};

    #[test]
    fn nobody_is_convicted_whom_the_relay_has_not_found_silent() {
        const HOST: HostIx = HostIx(0);
        let explanation = Explanation::certain(Component::Host(HOST), Verdict::HostDown, vec![HOST], (0, 0));
        let begun = Time::from_millis(1_000);
        let late = begun + ANSWER_WITHIN;
        let asked = || ask(begun, 3, PING_GAP, ANSWER_WITHIN);
        let suspected = || Asked { suspected: true, ..asked() };
        let answered = || Asked { answered: Some(begun), ..suspected() };
        let cases = [
            ("nobody asked it", begun, None, None, Standing::Live, true),
            ("asked in passing, time is not up", begun, Some(asked()), None, Standing::Live, true),
            ("asked in passing, in vain", late, Some(asked()), None, Standing::Live, false),
            ("suspected, time is not up", begun, Some(suspected()), None, Standing::Live, true),
            ("suspected, and it answered", late, Some(answered()), None, Standing::Live, true),
            ("suspected, and it did not", late, Some(suspected()), None, Standing::Live, false),
            ("found silent in another case", late, None, Some(asked()), Standing::Live, false),
            ("another case has only begun", begun, None, Some(suspected()), Standing::Live, true),
            ("known to be silent", begun, None, None, Standing::Silent, false),
        ];
        for (what, now, here, elsewhere, standing, want) in cases {
            let mut bench = Bench::joined(vec![bonded()]);
            bench.relay.roster[HOST].standing = standing;
            let case = |asked: Option<Asked>| Case {
                asked: asked.into_iter().map(|asked| (HOST, asked)).collect(),
                next: now,
                ..Case::new(begun)
            };
            if elsewhere.is_some() {
                bench.relay.cases.by_ring.insert(RingId(9), case(elsewhere));
            }
            assert_eq!(bench.relay.is_hearsay(now, &case(here), &explanation), want, "{what}");
        }
    }

    #[test]
    fn whoever_once_was_not_heard_and_is_missed_by_nobody_makes_no_fate_of_others() {
        const HOST: HostIx = HostIx(0);
        let last_heard = Time::from_millis(60_000);
        let (soon, late) =
            (last_heard + MISSED_WITHIN, last_heard + MISSED_WITHIN + Duration::from_millis(1));
        let fate = Component::SharedFate;
        let asked = || ask(last_heard, 3, PING_GAP, ANSWER_WITHIN);
        let cases = [
            ("long ago", late, fate, false, None, vec![HOST]),
            ("it would not be told yet", soon, fate, false, None, vec![]),
            ("no fate of several", late, Component::Host(HOST), false, None, vec![]),
            ("somebody misses it", late, fate, true, None, vec![]),
            ("it was not heard for long enough", late, fate, false, None, vec![]),
            ("it does not answer", late, fate, false, Some(asked()), vec![]),
        ];
        for (what, now, component, missed, asked, want) in cases {
            let mut bench = Bench::joined(vec![bonded()]);
            bench.relay.cases.evidence.observations = vec![Observation {
                from: Vantage::Host { host: HostIx(1), leg: 0 },
                subject: HOST,
                leg: 0,
                lane: 0,
                outcome: Outcome::Silent,
                last_heard_ms: Some(ms(last_heard)),
                first_bad_ms: ms(last_heard + BEAT_EVERY),
                at_ms: ms(last_heard + BEAT_EVERY * if what.contains("long enough") { 3 } else { 2 }),
                doubted: false,
            }];
            let told = missed.then(|| Told::by_relay(now, HOST, None, false));
            let case = Case {
                asked: asked.into_iter().map(|asked| (HOST, asked)).collect(),
                told: told.into_iter().collect(),
                ..Case::new(last_heard)
            };
            let explanation = Explanation::certain(component, Verdict::SharedFate, vec![HOST], (0, 0));
            assert_eq!(bench.relay.strays(now, &case, &[explanation]), want, "{what}");
        }
    }

    #[test]
    fn the_silence_of_one_that_was_asked_in_passing_proves_nothing_of_it_alone_while_a_neighbour_hears_it() {
        const HOST: HostIx = HostIx(0);
        let begun = Time::from_millis(60_000);
        let said = |outcome, at: Time| Observation {
            from: Vantage::Host { host: HostIx(1), leg: 0 },
            subject: HOST,
            leg: 0,
            lane: 0,
            outcome,
            last_heard_ms: None,
            first_bad_ms: 0,
            at_ms: ms(at),
            doubted: false,
        };
        let lately = said(Outcome::Heard, begun.before(BEAT_EVERY));
        let long_ago = said(Outcome::Heard, begun.before(BEAT_EVERY * 3));
        let missed = said(Outcome::Silent, begun);
        let passing = ask(begun, 3, WIDE_GAP, WIDE_WITHIN);
        let suspected = Asked { suspected: true, ..passing.clone() };
        let refused = Asked { refused: BTreeMap::from([(0, begun)]), ..passing.clone() };
        let answered = Asked { answered: Some(begun), ..passing.clone() };
        let (ponged, is_mute) = (begun.before(BEAT_EVERY), Time::ZERO);
        let cases = [
            ("a neighbour heard it", &passing, is_mute, vec![lately], false),
            ("one heard it, then one missed it", &passing, is_mute, vec![lately, missed], true),
            ("heard too long ago", &passing, is_mute, vec![long_ago], true),
            ("nobody said anything", &passing, is_mute, vec![], true),
            ("it answered, and is asked a second time", &passing, ponged, vec![missed], false),
            ("a witness named it", &suspected, is_mute, vec![lately], true),
            ("a witness named it, and it had just answered", &suspected, ponged, vec![], false),
            ("it refused", &refused, ponged, vec![lately], true),
            ("it answered", &answered, is_mute, vec![lately], false),
        ];
        for (what, asked, ponged, said, want) in cases {
            let mut bench = Bench::joined(vec![bonded()]);
            bench.relay.cases.ponged.insert(HOST, ponged);
            bench.relay.cases.evidence.observations = said;
            assert_eq!(bench.relay.is_proof(begun + WIDE_WITHIN, HOST, asked), want, "{what}");
        }
    }

    #[test]
    fn what_a_kernel_answers_is_seen_by_the_leg_it_came_from_and_by_no_other() {
        const HOST: HostIx = HostIx(0);
        let leg = |ifindex: u32, last: u8| Place {
            ifindex,
            address: [10, 0, last, 5].into(),
            bond: None,
            ..bonded()
        };
        let mut bench = Bench::joined(vec![leg(2, 0), leg(3, 1)]);
        let begun = bench.now;
        let case = Case {
            asked: BTreeMap::from([(HOST, ask(begun, 3, PING_GAP, ANSWER_WITHIN))]),
            ..Case::new(begun)
        };
        bench.relay.cases.by_ring.insert(RingId(9), case);
        bench.relay.echoed(begun, [10, 0, 1, 5].into());
        bench.relay.refused(begun, ([10, 0, 1, 5], 1984).into());
        let Some(case) = bench.relay.cases.by_ring.remove(&RingId(9)) else { panic!("no case") };
        bench.relay.observe_answers(begun, &case);
        let seen = &bench.relay.cases.evidence.observations;
        let of = |seen: &Observation| (seen.outcome, seen.leg);
        assert_eq!(seen.iter().map(of).collect::<Vec<_>>(), [(Outcome::Echo, 1), (Outcome::Refused, 1)]);
    }

    #[test]
    fn whoever_was_asked_before_another_spoke_after_all_is_asked_once_more() {
        const LATE: HostIx = HostIx(0);
        const OTHER: HostIx = HostIx(1);
        let begun = Time::from_millis(60_000);
        let last = begun + PING_GAP * 2;
        let asked =
            || Asked { pings: 3, next_ping: last + PING_GAP, ..ask(begun, 3, PING_GAP, ANSWER_WITHIN) };
        let after = last + PING_GAP;
        let answered = |at| Asked { answered: Some(at), ..asked() };
        let cases = [
            ("it spoke after its last ping", asked(), after, true),
            ("and answered late", answered(after), after, true),
            ("it had answered before", answered(begun), after, false),
            ("it spoke before its last ping", asked(), begun, false),
            ("not all pings had left", Asked { pings: 2, ..asked() }, after, false),
        ];
        for (what, of_late, spoke, want) in cases {
            let mut bench = Bench::joined(vec![bonded()]);
            bench.relay.roster[LATE].heard_at = spoke;
            let other = bench.relay.roster[LATE].clone();
            assert_eq!(bench.relay.roster.add(other), OTHER);
            bench.relay.roster[OTHER].heard_at = Time::ZERO;
            let mut case = Case {
                asked: BTreeMap::from([(LATE, of_late), (OTHER, Asked { suspected: true, ..asked() })]),
                wide: true,
                ..Case::new(begun)
            };
            let now = after + PING_GAP;
            bench.relay.ask_over(now, &mut case);
            let other = &case.asked[&OTHER];
            assert_eq!((other.since, other.pings), if want { (now, 0) } else { (begun, 3) }, "{what}");
            assert_eq!((other.suspected, other.unanswered_since), (true, begun), "{what}");
            bench.relay.ask_over(now + PING_GAP * 9, &mut case);
            assert_ne!(case.asked[&OTHER].since, now + PING_GAP * 9, "{what}: once is enough");
        }
    }

    #[test]
    fn whoever_is_named_when_a_case_must_end_gets_one_of_its_own_and_is_told_in_time() {
        const HOST: HostIx = HostIx(0);
        const RING: RingId = RingId(9);
        let mut bench = Bench::joined(vec![bonded()]);
        let end = bench.now + CASE_MAX;
        let named_at = end.before(ANSWER_WITHIN / 2);
        let told = Told::by_relay(named_at, HOST, Some(bench.now), false);
        let case = Case {
            asked: BTreeMap::from([(
                HOST,
                Asked { suspected: true, ..ask(named_at, 3, PING_GAP, ANSWER_WITHIN) },
            )]),
            told: vec![told],
            last_silence: named_at,
            next: end,
            ..Case::new(bench.now)
        };
        bench.relay.cases.by_ring.insert(RING, case);
        let mut out = Vec::new();
        bench.relay.advance_cases(end, &mut out);
        assert_eq!(bench.relay.roster[HOST].standing, Standing::Live, "nobody asked it for long enough");
        let anew = bench.relay.cases.by_ring.get(&RING).map(|case| case.opened);
        assert_eq!(anew, Some(end), "it has a case of its own");
        for tick in 1..=8 {
            bench.relay.advance_cases(end + PING_GAP * tick, &mut out);
        }
        assert_eq!(bench.relay.roster[HOST].standing, Standing::Silent, "asked in vain");
        assert!(bench.relay.cases.by_ring.is_empty());
    }
}
