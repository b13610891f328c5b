//! The heartbeat links of a member: when to beat, whom to watch, what became of silence.
//!
//! Links count and notice; what is told about it, and to whom, is decided elsewhere.
//!
//! # Invariants
//! - All beats leave in one wake-up; the phase of a member never moves.
//! - A link testifies only after three beats, and only while its own port has carrier.
//! - Nothing here allocates but the taking up of an assignment.

use core::net::SocketAddr;

use ringmesh_proto::beat::{BEAT_EVERY, BEAT_SLACK, LANES_MAX, LinkEnd, LossSeen, Reception};
use ringmesh_proto::machine::Sink;
use ringmesh_proto::message::{
    Assignment, BeatHeard, Cause, Generation, HeardAge, LinkId, LinkOrder, RingId,
};
use ringmesh_proto::time::{Duration, Time};
use ringmesh_topology::id::ProbeId;

use crate::action::Action;
use crate::ports::Ports;
use crate::view::{PeerStatus, RingStatus};

/// After an own lateness no silence is believed before this has passed.
pub(crate) const DOUBT: Duration = Duration::from_millis(1_500);
/// Loss of one stream is told at most this often.
const LOSS_EVERY: Duration = Duration::from_secs(600);
/// A member that hears nobody says that it lives, so much after another ..
const ALONE_EVERY: Duration = Duration::from_secs(45);
/// .. and so many times the phase of its beats, which is half a minute at most: many that lost their neighbours together do
/// not speak together.
const ALONE_SPREAD: u32 = 30;

/// What is held against a neighbour: a set of causes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Causes(u8);

impl Causes {
    const ALL: [Cause; 3] = [Cause::Silent, Cause::Refused, Cause::Unreachable];

    fn bit(cause: Cause) -> u8 {
        match cause {
            Cause::Silent => 1,
            Cause::Refused => 2,
            Cause::Unreachable => 4,
        }
    }

    pub(crate) fn has(self, cause: Cause) -> bool {
        self.0 & Self::bit(cause) != 0
    }

    fn add(&mut self, cause: Cause) {
        self.0 |= Self::bit(cause);
    }

    fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The one that says most: a refusal tells of a living kernel, silence of nothing, an unreachable
    /// address may be our own fault.
    fn strongest(self) -> Option<Cause> {
        [Cause::Refused, Cause::Silent, Cause::Unreachable].into_iter().find(|&cause| self.has(cause))
    }
}

/// What a link has to tell the relay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Telling {
    /// Something is held against the neighbour that the relay does not know yet.
    Suspicion(LinkId, Cause),
    /// Nothing is held against it any more.
    Refuted(LinkId),
}

/// One link.
#[derive(Clone, Debug)]
pub(crate) struct Link {
    pub(crate) end: LinkEnd,
    pub(crate) peer: ProbeId,
    pub(crate) to: SocketAddr,
    counter: u32,
    pub(crate) via: u32,
    ring: RingId,
    report: bool,
    /// The port it leaves by has carrier.
    has_carrier: bool,
    /// What is held against the neighbour.
    causes: Causes,
    /// What of it the relay has been told.
    told: Causes,
    /// No silence is believed before this.
    floor: Time,
    /// Of each lane; only of a link whose loss was told.
    loss_quiet_until: Option<Box<[Time; LANES_MAX]>>,
}

impl Link {
    fn new(order: &LinkOrder, ring: RingId, now: Time) -> Self {
        Self {
            end: LinkEnd::new(order.link, order.lanes, now),
            peer: order.peer,
            to: order.peer_address,
            counter: order.counter,
            via: order.via,
            ring,
            report: order.report,
            has_carrier: true,
            causes: Causes::default(),
            told: Causes::default(),
            floor: Time::ZERO,
            loss_quiet_until: None,
        }
    }

    /// The same adjacency: it keeps its sequence numbers, as it keeps its keys.
    fn is(&self, order: &LinkOrder) -> bool {
        self.end.id() == order.link && self.counter == order.counter && self.peer == order.peer
    }

    pub(crate) fn id(&self) -> LinkId {
        self.end.id()
    }

    /// When its silence is to be held against the neighbour. Also before the edge is proven: whoever dies in its first
    /// three seconds is missed by nobody else.
    fn watch_at(&self) -> Time {
        if self.has_carrier && !self.causes.has(Cause::Silent) {
            self.end.silent_at().max(self.floor)
        } else {
            Time::NEVER
        }
    }

    fn is_heard(&self, now: Time) -> bool {
        self.end.is_heard() && now < self.end.silent_at()
    }

    pub(crate) fn last_heard(&self, now: Time) -> Duration {
        now.since(self.end.heard_at())
    }

    /// Whether what is held against the neighbour is testimony.
    pub(crate) fn is_proven(&self) -> bool {
        self.end.is_proven()
    }

    /// What is held against the neighbour, in one word.
    pub(crate) fn cause(&self) -> Option<Cause> {
        self.causes.strongest()
    }

    fn age(&self, now: Time) -> HeardAge {
        HeardAge { link: self.id(), age: self.end.is_heard().then(|| self.last_heard(now)) }
    }

    fn status(&self, now: Time, ports: &Ports) -> PeerStatus {
        PeerStatus {
            link: self.id(),
            peer: self.peer,
            address: self.to,
            via: self.via,
            ifname: ports.get(self.via).map_or_else(Box::default, |port| port.facts.ifname.clone()),
            heard: self.age(now).age,
            proven: self.end.is_proven(),
            mutual: self.end.is_mutual(),
            suspected: !self.causes.is_empty(),
            lossy: self.end.is_lossy(),
            hops: self.end.hops(),
        }
    }
}

/// What a beat changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BeatTaken {
    pub(crate) reception: Reception,
    /// The neighbour had been suspected.
    pub(crate) again: Option<ProbeId>,
    /// Loss worth telling, not told lately.
    pub(crate) loss: Option<LossSeen>,
}

/// All links of a member.
#[derive(Clone, Debug)]
pub(crate) struct Links {
    all: Vec<Link>,
    rings: Vec<(RingId, u8)>,
    /// The next moment of this member's beats. Always the start plus whole intervals.
    beat_at: Time,
    /// When to look whether this member still hears nobody; never, if it heard somebody at the last look.
    alone_at: Time,
    hint: u16,
}

impl Links {
    /// `phase`: how long after `now` the first beat would leave, below [`BEAT_EVERY`].
    pub(crate) fn new(now: Time, phase: Duration) -> Self {
        Self { all: Vec::new(), rings: Vec::new(), beat_at: now + phase, alone_at: Time::NEVER, hint: 0 }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Link> {
        self.all.iter()
    }

    pub(crate) fn get(&self, id: LinkId) -> Option<&Link> {
        self.all.iter().find(|link| link.id() == id)
    }

    /// Takes up an assignment: unchanged links go on, new ones beat at once, the others are over.
    pub(crate) fn apply(&mut self, now: Time, order: &Assignment, out: &mut impl Sink<Action>) -> u64 {
        self.hint = order.generation.hint();
        self.rings = order.rings.iter().map(|ring| (ring.ring, ring.level)).collect();
        let mut old = core::mem::take(&mut self.all);
        self.all.reserve_exact(order.rings.iter().map(|ring| ring.links.len()).sum());
        let mut beats = 0;
        for (ring, wanted) in
            order.rings.iter().flat_map(|ring| ring.links.iter().map(|link| (ring.ring, link)))
        {
            let link = match old.iter().position(|link| link.is(wanted)) {
                Some(at) => {
                    let mut link = old.swap_remove(at);
                    (link.to, link.via, link.ring) = (wanted.peer_address, wanted.via, ring);
                    link.report = wanted.report;
                    link
                }
                None => {
                    let mut link = Link::new(wanted, ring, now);
                    beat(&mut link, self.hint, out);
                    beats += 1;
                    link
                }
            };
            self.all.push(link);
        }
        self.skip_missed(now);
        self.alone_at = Time::NEVER;
        self.watch_alone(now);
        beats
    }

    /// While all neighbours are silent, or there is none, nobody misses this member if it dies, and no beat tells it that
    /// its relay has forgotten it.
    fn watch_alone(&mut self, now: Time) {
        let is_lost = |link: &Link| !link.has_carrier || link.causes.has(Cause::Silent);
        if self.alone_at == Time::NEVER && self.all.iter().all(is_lost) {
            let phase = Duration::from_nanos(self.beat_at.nanos() % nanos(BEAT_EVERY));
            self.alone_at = now + ALONE_EVERY + phase * ALONE_SPREAD;
        }
    }

    /// Whether this member is to say that it lives, as nobody else would; once in a while. Whoever was heard in between
    /// and is silent again changes nothing about when.
    pub(crate) fn take_alone(&mut self, now: Time) -> bool {
        if self.alone_at > now {
            return false;
        }
        self.alone_at = Time::NEVER;
        self.watch_alone(now);
        self.alone_at != Time::NEVER
    }

    /// Sends the beats if they are due, all together, and says how many.
    pub(crate) fn beat_if_due(&mut self, now: Time, out: &mut impl Sink<Action>) -> u64 {
        if self.all.is_empty() || now < self.beat_at {
            return 0;
        }
        let hint = self.hint;
        self.all.iter_mut().for_each(|link| beat(link, hint, out));
        self.skip_missed(now);
        self.all.len() as u64
    }

    /// The next moment of our phase after `now`. Missed beats are not caught up on.
    fn skip_missed(&mut self, now: Time) {
        let every = nanos(BEAT_EVERY);
        if self.beat_at <= now {
            let missed = now.since(self.beat_at).as_nanos() / u128::from(every) + 1;
            let missed = u64::try_from(missed).unwrap_or(u64::MAX);
            self.beat_at += Duration::from_nanos(missed.saturating_mul(every));
        }
    }

    /// Takes a neighbour's beat; `None` if the link is not ours. The first one of a link is answered at once.
    pub(crate) fn hear(
        &mut self,
        now: Time,
        mut heard: BeatHeard,
        out: &mut impl Sink<Action>,
    ) -> Option<BeatTaken> {
        heard.arrived = heard.arrived.min(now);
        let link = self.all.iter_mut().find(|link| link.id() == heard.beat.link)?;
        let reception = link.end.hear(&heard);
        let mut taken = BeatTaken { reception, again: None, loss: None };
        match reception {
            Reception::First => beat(link, self.hint, out),
            Reception::Newer => {}
            Reception::Reordered | Reception::Replayed => return Some(taken),
        }
        if !core::mem::take(&mut link.causes).is_empty() {
            taken.again = Some(link.peer);
        }
        let quiet_until = &link.loss_quiet_until;
        let is_quiet =
            |seen: &LossSeen| quiet_until.as_ref().is_some_and(|until| now < until[usize::from(seen.lane)]);
        taken.loss = link.end.loss().filter(|seen| !is_quiet(seen));
        Some(taken)
    }

    /// Loss on that lane has been told: quiet for ten minutes.
    pub(crate) fn loss_told(&mut self, now: Time, id: LinkId, seen: LossSeen) {
        if let Some(link) = self.all.iter_mut().find(|link| link.id() == id) {
            let quiet_until = link.loss_quiet_until.get_or_insert_default();
            quiet_until[usize::from(seen.lane)] = now + LOSS_EVERY;
        }
    }

    /// Holds their silence against the silent, and calls `each` for each of them, once for each silence.
    pub(crate) fn suspect_the_silent(&mut self, now: Time, mut each: impl FnMut(&Link)) {
        let mut is_new = false;
        for link in self.all.iter_mut().filter(|link| link.watch_at() <= now) {
            link.causes.add(Cause::Silent);
            each(link);
            is_new = true;
        }
        if is_new {
            self.watch_alone(now);
        }
    }

    /// A datagram to `peer` came back: held against it at once. An unreachable peer
    /// must be two beats late as well: our own ARP forgets living ones, too.
    pub(crate) fn suspect(&mut self, now: Time, peer: SocketAddr, cause: Cause, mut each: impl FnMut(&Link)) {
        let late = BEAT_EVERY * 2 + BEAT_SLACK;
        for link in self.all.iter_mut().filter(|link| link.to == peer) {
            let is_new = link.has_carrier && !link.causes.has(cause);
            let adds = match cause {
                Cause::Silent | Cause::Refused => true,
                Cause::Unreachable => {
                    let silent = link.causes.has(Cause::Silent);
                    !silent && link.last_heard(now) >= late && now >= link.floor
                }
            };
            if is_new && adds {
                link.causes.add(cause);
                each(link);
            }
        }
    }

    /// What the relay has to be told about the links; each is returned once.
    pub(crate) fn next_telling(&mut self) -> Option<Telling> {
        self.all.iter_mut().find_map(|link| {
            if link.causes.is_empty() && !link.told.is_empty() {
                link.told = Causes::default();
                return Some(Telling::Refuted(link.id()));
            }
            let untold = |cause: &Cause| link.causes.has(*cause) && !link.told.has(*cause);
            let cause = Causes::ALL.into_iter().find(untold)?;
            link.told.add(cause);
            Some(Telling::Suspicion(link.id(), cause))
        })
    }

    /// An announcement left, with all that is held against anybody. The relay knows that if it is the one
    /// it will answer; if it may answer an earlier one, what is held is told once more, and so is what was
    /// held then and is not now.
    pub(crate) fn announced(&mut self, surely: bool) {
        for link in &mut self.all {
            if surely {
                link.told = link.causes;
            } else if !link.causes.is_empty() && link.causes != link.told {
                link.told = Causes::default();
            }
        }
    }

    /// We woke late: no silence is believed for a while.
    pub(crate) fn doubt(&mut self, now: Time) {
        let floor = now + DOUBT;
        self.all.iter_mut().for_each(|link| link.floor = link.floor.max(floor));
    }

    /// The carrier of each link's own port. Where it came back, silence is counted anew.
    pub(crate) fn set_carriers(&mut self, now: Time, carrier: impl Fn(u32) -> bool) {
        for link in &mut self.all {
            let up = carrier(link.via);
            if up && !link.has_carrier {
                link.floor = link.floor.max(now + link.end.silence_max());
            }
            link.has_carrier = up;
        }
        if !self.all.is_empty() {
            self.watch_alone(now);
        }
    }

    /// Some neighbour has been heard within its time.
    pub(crate) fn hears_somebody(&self, now: Time) -> bool {
        self.all.iter().any(|link| link.is_heard(now))
    }

    /// What this member has to confirm, it can: there is no link, or those to report on are heard both ways.
    pub(crate) fn can_confirm(&self) -> bool {
        let mut reports = self.all.iter().filter(|link| link.report).peekable();
        let confirms = self.all.is_empty() || reports.peek().is_some();
        confirms && reports.all(|link| link.end.is_mutual())
    }

    /// There is a link that this member has to confirm. The other members of a ring confirm nothing.
    pub(crate) fn confirms(&self) -> bool {
        self.all.iter().any(|link| link.report)
    }

    pub(crate) fn ages(&self, now: Time) -> Vec<HeardAge> {
        self.all.iter().map(|link| link.age(now)).collect()
    }

    /// Until when no beat that is sent on these links, and none that comes on them in turn, is anything to be told.
    pub(crate) fn quiet_until(&self, now: Time) -> Time {
        let is_quiet = |link: &Link| {
            let untold = link.causes.is_empty() && link.told.is_empty();
            let fresh = link.end.is_heard() && link.last_heard(now) <= BEAT_EVERY + BEAT_SLACK;
            untold && fresh && link.has_carrier && link.end.is_whole()
        };
        if self.all.iter().all(is_quiet) {
            self.all.iter().map(Link::watch_at).fold(self.alone_at, Time::min)
        } else {
            now
        }
    }

    /// Where its beats go.
    pub(crate) fn targets(&self) -> impl Iterator<Item = SocketAddr> {
        self.all.iter().map(|link| link.to)
    }

    /// The beats that it will send before `until`, if nothing else happens: when, and which.
    pub(crate) fn foretell(&self, until: Time) -> Vec<(Time, Action)> {
        let (mut ahead, mut told) = (self.clone(), Vec::new());
        while !ahead.all.is_empty() && ahead.beat_at < until {
            let (at, mut beats) = (ahead.beat_at, Vec::new());
            ahead.beat_if_due(at, &mut beats);
            told.extend(beats.into_iter().map(|beat| (at, beat)));
        }
        told
    }

    pub(crate) fn deadline(&self) -> Time {
        let beat = if self.all.is_empty() { Time::NEVER } else { self.beat_at };
        self.all.iter().map(Link::watch_at).fold(beat.min(self.alone_at), Time::min)
    }

    pub(crate) fn len(&self) -> usize {
        self.all.len()
    }

    pub(crate) fn status(&self, now: Time, ports: &Ports) -> Vec<RingStatus> {
        let peers = |ring: RingId| {
            self.all
                .iter()
                .filter(move |link| link.ring == ring)
                .map(|link| link.status(now, ports))
                .collect()
        };
        self.rings.iter().map(|&(ring, level)| RingStatus { ring, level, peers: peers(ring) }).collect()
    }
}

fn beat(link: &mut Link, hint: u16, out: &mut impl Sink<Action>) {
    out.put(Action::Beat { beat: link.end.next_beat(hint), to: link.to, via: link.via });
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// The order of assignments: the higher term, then the lower relay, then the higher counter.
pub(crate) fn rank(generation: Generation, relay: ringmesh_topology::id::RelayId) -> (u32, u8, u32) {
    (generation.term, u8::MAX - relay.0, generation.counter)
}
