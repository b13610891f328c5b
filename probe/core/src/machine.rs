//! The probe: events in, orders out, one deadline.

use core::net::SocketAddr;
use std::sync::Arc;

use ringmesh_proto::beat::{BEAT_EVERY, BEAT_SLACK, Reception};
use ringmesh_proto::draws::{Draws, Purpose};
use ringmesh_proto::machine::{Machine, Sink};
use ringmesh_proto::message::{BeatHeard, Cause, Generation, GoodbyeReason, LinkId, ToRelay, Transition};
use ringmesh_proto::time::{Duration, Time, WallClock};
use ringmesh_topology::id::RelayId;
use ringmesh_topology::place::Place;

use crate::action::{Action, Note};
use crate::config::Config;
use crate::discovery::Discovery;
use crate::doubt::Doubt;
use crate::event::Event;
use crate::links::{Link, Links, Telling};
use crate::places;
use crate::ports::Ports;
use crate::recorder::{Recorder, millis};
use crate::surroundings;
use crate::talk::{Phase, Say, Subject, Talk, Turn};
use crate::view::{Counters, State};

/// Neighbours that keep silent this long are not heard.
const SILENCE: Duration = BEAT_EVERY.saturating_mul(3).saturating_add(BEAT_SLACK);

/// One probe.
#[derive(Debug)]
pub struct Probe {
    pub(crate) config: Arc<Config>,
    pub(crate) links: Links,
    pub(crate) talk: Talk,
    pub(crate) doubt: Doubt,
    /// The assignment in force.
    pub(crate) in_force: Option<(Generation, RelayId)>,
    /// The highest generation seen from any relay.
    pub(crate) highest: Generation,
    /// Applied has been said for the assignment in force.
    pub(crate) applied: bool,
    shown: State,
    /// When something off the heartbeat path falls due: what [`Beside::looks_at`] says, kept here so that a beat need
    /// not look there.
    looks_at: Time,
    /// What [`Machine::next_deadline`] says: found once at the end of each event.
    due: Time,
    pub(crate) beats_sent: u64,
    beats_heard: u64,
    pub(crate) beside: Box<Beside>,
}

/// What is off the heartbeat path.
#[derive(Debug)]
pub(crate) struct Beside {
    pub(crate) ports: Ports,
    pub(crate) discovery: Discovery,
    pub(crate) recorder: Recorder,
    pub(crate) counters: Counters,
    pub(crate) wall: Option<WallClock>,
    /// What the relay knows of our places.
    pub(crate) told: Vec<Place>,
    /// It surely knows that: one announcement left since, and it was answered.
    pub(crate) told_surely: bool,
    /// When the places are to be looked at again.
    pub(crate) look_at: Time,
    /// The mark of what was ordered to be remembered last.
    pub(crate) remembered: u64,
    /// The last look left nothing to be told or waited for.
    pub(crate) at_rest: bool,
    /// The mark of what the log was told each port hangs on.
    pub(crate) noted: Box<[(u32, u64)]>,
    pub(crate) goodbye: Option<(GoodbyeReason, Duration)>,
}

impl Beside {
    fn looks_at(&self) -> Time {
        self.look_at.min(self.discovery.deadline())
    }
}

impl Probe {
    /// Octets that a probe has beside its own.
    pub const BESIDE: usize = size_of::<Beside>();

    /// A probe as of `now`. It wants [`Event::Ports`] before it says anything.
    pub fn new(config: Arc<Config>, now: Time) -> Self {
        let [a, b, c, d, e, f, g, h, ..] = config.probe.0;
        let draws = Draws::new(config.seed, u64::from_be_bytes([a, b, c, d, e, f, g, h]));
        let every = u64::try_from(BEAT_EVERY.as_nanos()).unwrap_or(u64::MAX);
        let phase = Duration::from_nanos(draws.below(every, Purpose::BeatPhase, 0));
        let mut probe = Self {
            links: Links::new(now, phase),
            talk: Talk::new(now, &config.relays, draws),
            doubt: Doubt::new(now),
            in_force: None,
            highest: Generation::default(),
            applied: false,
            shown: State::Joining,
            looks_at: Time::NEVER,
            due: Time::NEVER,
            beats_sent: 0,
            beats_heard: 0,
            beside: Box::new(Beside {
                ports: Ports::default(),
                discovery: Discovery::new(&config.cache),
                recorder: Recorder::new(),
                counters: Counters::default(),
                wall: None,
                told: Vec::new(),
                told_surely: false,
                look_at: Time::NEVER,
                remembered: surroundings::mark_of(&config.cache),
                at_rest: false,
                noted: Box::default(),
                goodbye: None,
            }),
            config,
        };
        probe.looks_at = probe.beside.looks_at();
        probe.due = probe.find_due();
        probe
    }

    fn find_due(&self) -> Time {
        if self.talk.phase() == Phase::Gone {
            return Time::NEVER;
        }
        self.links.deadline().min(self.talk.deadline()).min(self.looks_at)
    }

    /// Until when it says nothing but its beats, if nothing comes but its neighbours' beats, or none; `now` if even one
    /// of those may make it speak. For whoever skips ahead: nobody else needs to know.
    pub fn quiet_until(&self, now: Time) -> Time {
        let is_linked = self.talk.phase() == Phase::Linked && !self.talk.has_open_reports();
        let confirmed = self.applied || !self.links.confirms();
        if !is_linked || !confirmed {
            return now;
        }
        self.links.quiet_until(now).min(self.talk.deadline()).min(self.looks_at).max(now)
    }

    /// The beats that it will send before `until`, in order, while it is quiet.
    pub fn foretell(&self, until: Time) -> Vec<(Time, Action)> {
        self.links.foretell(until)
    }

    /// Where its beats go.
    pub fn beats_to(&self) -> impl Iterator<Item = SocketAddr> {
        self.links.targets()
    }

    /// What it counted.
    pub(crate) fn counters(&self) -> Counters {
        let Self { beats_sent, beats_heard, .. } = *self;
        Counters { beats_sent, beats_heard, ..self.beside.counters }
    }

    /// Whether the link is one of ours: its keys are needed.
    pub fn holds(&self, link: LinkId) -> bool {
        self.links.get(link).is_some()
    }

    /// Where it stands.
    pub fn state(&self, now: Time) -> State {
        match self.talk.phase() {
            Phase::Joining => State::Joining,
            Phase::Linked if self.talk.is_asking() => State::Asking,
            Phase::Linked => State::Linked,
            // One that ran late itself may only have slept through its neighbours' beats.
            Phase::CutOff if self.links.hears_somebody(now) || self.doubt.was_late(now, SILENCE) => {
                State::CutOff
            }
            Phase::CutOff => State::Isolated,
            Phase::Returning => State::Returning,
            Phase::Leaving | Phase::Gone => State::Leaving,
        }
    }

    /// The first thing on waking: overdue beats leave, and lateness makes us doubt.
    fn wake(&mut self, now: Time, out: &mut impl Sink<Action>) {
        let late = self.doubt.wake(now, self.next_deadline());
        self.beats_sent += self.links.beat_if_due(now, out);
        let Some(by) = late else { return };
        self.links.doubt(now);
        self.beside.counters.late += 1;
        self.beside.recorder.note(now, Transition::Late(millis(by)));
        out.put(Action::Say(Note::Late { by, starved: self.doubt.is_starved(now) }));
    }

    fn take(&mut self, now: Time, event: Event<'_>, out: &mut impl Sink<Action>) {
        match event {
            Event::WallClock(clock) => self.beside.wall = Some(clock),
            Event::Ports { ports, own } => {
                let change = self.beside.ports.set(now, ports, own);
                self.ports_changed(now, &change, out);
            }
            Event::Carrier { port, up } => {
                if let Some(change) = self.beside.ports.set_carrier(now, port, up) {
                    self.beside.discovery.carrier(now, change);
                    self.carriers_changed(now, &[change], out);
                    self.look(now, out);
                }
            }
            Event::Frame { port, octets } => self.frame(now, port, octets, out),
            Event::Beat(heard) => self.hear(now, heard, out),
            Event::Control { from, via, message } => self.control(now, from, via, message, out),
            Event::Refused { peer } => self.came_back(now, peer, Cause::Refused, out),
            Event::Unreachable { peer } => self.came_back(now, peer, Cause::Unreachable, out),
            Event::Stop { reason, back_within } => {
                self.beside.goodbye.get_or_insert((reason, back_within));
                self.talk.goodbye(now);
            }
            Event::DeadlineReached => self.deadline(now, out),
        }
    }

    fn deadline(&mut self, now: Time, out: &mut impl Sink<Action>) {
        let Self { links, beside, .. } = self;
        links.suspect_the_silent(now, |link| {
            beside.recorder.note(now, Transition::Silent(link.id()));
            suspected(now, link, Cause::Silent, beside, out);
        });
        if self.links.take_alone(now) {
            self.talk.report(now, Subject::Alone);
        }
        if self.looks_at > now {
            return;
        }
        let Beside { discovery, recorder, .. } = &mut *self.beside;
        if discovery.deadline() <= now {
            discovery.expire(now, &mut |port| recorder.note(now, Transition::LldpLost(port)));
            self.look(now, out);
        }
        if self.beside.look_at <= now {
            self.look(now, out);
        }
    }

    fn hear(&mut self, now: Time, heard: BeatHeard, out: &mut impl Sink<Action>) {
        let link = heard.beat.link;
        let Some(taken) = self.links.hear(now, heard, out) else {
            self.beside.counters.beats_martian += 1;
            return;
        };
        match taken.reception {
            Reception::First => {
                self.beats_heard += 1;
                self.beats_sent += 1;
            }
            Reception::Newer => self.beats_heard += 1,
            Reception::Reordered => self.beside.counters.beats_reordered += 1,
            Reception::Replayed => self.beside.counters.beats_replayed += 1,
        }
        if let Some(peer) = taken.again {
            self.beside.recorder.note(now, Transition::HeardAgain(link));
            out.put(Action::Say(Note::HeardAgain { link, peer }));
        }
        if let Some(seen) = taken.loss.filter(|_| self.talk.phase() == Phase::Linked) {
            self.links.loss_told(now, link, seen);
            self.talk.report(now, Subject::Loss(link, seen));
        }
        if !self.applied {
            self.confirm(out);
        }
    }

    fn came_back(&mut self, now: Time, peer: SocketAddr, cause: Cause, out: &mut impl Sink<Action>) {
        let Self { links, beside, .. } = self;
        links.suspect(now, peer, cause, |link| suspected(now, link, cause, beside, out));
    }

    /// Tells what there is to tell, and carries out what is due in the talk with the relays.
    fn settle(&mut self, now: Time, out: &mut impl Sink<Action>) {
        if self.talk.phase() == Phase::Linked {
            while let Some(telling) = self.links.next_telling() {
                let subject = match telling {
                    Telling::Suspicion(link, cause) => Subject::Suspicion(link, cause),
                    Telling::Refuted(link) => Subject::Refuted(link),
                };
                self.talk.report(now, subject);
            }
        }
        while let Some(turn) = self.talk.poll(now) {
            match turn {
                Turn::Say { to, preferred_via, turn, what } => {
                    self.say(now, to, preferred_via, turn, what, out)
                }
                Turn::Unanswered => self.beside.recorder.note(now, Transition::RelayUnanswered),
                Turn::Exit => out.put(Action::Exit),
            }
        }
        let state = self.state(now);
        let from = core::mem::replace(&mut self.shown, state);
        if from != state {
            out.put(Action::Say(Note::State { from, to: state }));
        }
    }

    fn say(
        &mut self,
        now: Time,
        to: SocketAddr,
        preferred_via: u32,
        turn: u32,
        what: Say,
        out: &mut impl Sink<Action>,
    ) {
        let message = match what {
            Say::Knock => Some(ToRelay::Knock),
            Say::Announce { report, surely } => {
                let beside = &mut *self.beside;
                let tellable = places::tellable(now, &beside.ports, &beside.discovery, &beside.told);
                beside.told_surely = surely || (beside.told_surely && !tellable.is_news);
                beside.told = tellable.places;
                beside.look_at = tellable.more_at;
                beside.at_rest = false;
                self.looks_at = self.beside.looks_at();
                let announce = self.announce(now, report);
                self.links.announced(surely);
                Some(announce)
            }
            Say::Report(pending) => self.report(now, &pending),
        };
        // A report about a link that is over was dropped with the link.
        let Some(message) = message else { return };
        self.send(to, preferred_via, turn, message, out);
    }

    /// Sends by the preferred port, or on another try by another one.
    pub(crate) fn send(
        &mut self,
        to: SocketAddr,
        preferred_via: u32,
        turn: u32,
        message: ToRelay,
        out: &mut impl Sink<Action>,
    ) {
        self.beside.counters.messages_sent += 1;
        let via = self.beside.ports.via(preferred_via, turn);
        out.put(Action::Send { to, via, message });
    }
}

fn suspected(now: Time, link: &Link, cause: Cause, beside: &mut Beside, out: &mut impl Sink<Action>) {
    beside.counters.suspicions += 1;
    let last_heard = link.last_heard(now);
    out.put(Action::Say(Note::Suspected { link: link.id(), peer: link.peer, cause, last_heard }));
}

impl Machine for Probe {
    type Event<'a> = Event<'a>;
    type Action = Action;

    fn on_event(&mut self, now: Time, event: Event<'_>, out: &mut impl Sink<Action>) {
        if self.talk.phase() == Phase::Gone {
            return;
        }
        let is_deadline = matches!(event, Event::DeadlineReached);
        // Beats, heard or sent, touch nothing beside the links.
        let only_beats = matches!(event, Event::Beat(_)) || (is_deadline && self.looks_at > now);
        self.wake(now, out);
        self.take(now, event, out);
        if !only_beats {
            self.looks_at = self.beside.looks_at();
        }
        self.settle(now, out);
        self.due = self.find_due();
        debug_assert!(!is_deadline || self.next_deadline() > now, "a driver would spin at {now:?}");
    }

    fn next_deadline(&self) -> Time {
        debug_assert_eq!(self.looks_at, self.beside.looks_at(), "what is due beside the links was not noted");
        debug_assert_eq!(self.due, self.find_due(), "what is due was not noted");
        self.due
    }
}
