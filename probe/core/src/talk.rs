//! The talk with the relays: whom to ask, when to say it again, when to give up on one.
//!
//! This decides *when* to say *what kind* of thing to *whom*; the words are put together elsewhere, at each
//! sending, so that every age in them is true at that moment.
//!
//! # Invariants
//! - While linked and with nothing to tell, no time is armed here.
//! - A report is said three times, half a second apart, to each relay in turn; then nobody answers.
//! - Each answer of a relay costs at most one datagram, and retries wait longer each time: no exchange spins.

mod handshake;
mod relays;
mod reports;

use core::net::SocketAddr;

use ringmesh_proto::draws::{Draws, Purpose};
use ringmesh_proto::message::{Hello, Report};
use ringmesh_proto::time::{Duration, Time};

use handshake::{GREETED_PATIENCE, KNOCK_PATIENCE};
pub(crate) use relays::Relay;
use relays::Relays;
use reports::Reports;
pub(crate) use reports::{Pending, Subject};

/// The first announcement leaves within this.
const FIRST_WITHIN: Duration = Duration::from_secs(1);
/// A relay that tells us to wait longer than this is not believed.
const WAIT_MAX: Duration = Duration::from_secs(120);

/// Where the talk stands. What [`crate::State`] adds follows from the reports and the neighbours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    Joining,
    Linked,
    CutOff,
    Returning,
    Leaving,
    Gone,
}

/// What the handshake does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Nothing,
    Knock,
    Announce,
    /// While cut off: an announcement where there is a session, else a knock.
    Ask,
}

/// What falls due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// Say this. `turn` counts the tries, so that the ports can take turns.
    Say { to: SocketAddr, preferred_via: u32, turn: u32, what: Say },
    /// No relay answers any more.
    Unanswered,
    /// The goodbye is over.
    Exit,
}

/// A kind of message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Say {
    Knock,
    /// `surely`: the first of its kind, so that an assignment can only answer this one.
    Announce {
        report: Report,
        surely: bool,
    },
    Report(Pending),
}

/// What an answer meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// Nothing new.
    Expected,
    /// The first after a time without answers.
    Back,
}

/// The talk of one probe.
#[derive(Clone, Debug)]
pub(crate) struct Talk {
    phase: Phase,
    step: Step,
    /// There is an address to talk from.
    ready: bool,
    /// Announcements sent since the last assignment or hello, or since nobody answered.
    announced: u8,
    /// The number of the first since the last assignment or hello: what the relay knows of us is at least that if it has
    /// heard any of them.
    first_announced: Option<Report>,
    /// Relays that left the present reports unanswered.
    passed_by: u8,
    /// Handshake frames since the last assignment.
    attempt: u32,
    drawn: u32,
    step_at: Time,
    knocked_at: Time,
    unanswered_since: Option<Time>,
    relays: Relays,
    reports: Reports,
    draws: Draws,
}

impl Talk {
    pub(crate) fn new(now: Time, configured: &[SocketAddr], draws: Draws) -> Self {
        let jitter = draws.below(nanos(FIRST_WITHIN), Purpose::FirstAnnounce, 0);
        Self {
            phase: Phase::Joining,
            step: Step::Knock,
            ready: false,
            announced: 0,
            first_announced: None,
            passed_by: 0,
            attempt: 0,
            drawn: 0,
            step_at: now + Duration::from_nanos(jitter),
            knocked_at: now,
            unanswered_since: None,
            relays: Relays::new(configured),
            reports: Reports::default(),
            draws,
        }
    }

    pub(crate) fn phase(&self) -> Phase {
        self.phase
    }

    pub(crate) fn has_open_reports(&self) -> bool {
        !self.reports.is_empty()
    }

    /// Something is told, or a relay does not answer: more than that a lone member lives.
    pub(crate) fn is_asking(&self) -> bool {
        self.reports.are_telling()
    }

    /// The relay we turn to, if one has ever answered.
    pub(crate) fn relay(&self) -> Option<&Relay> {
        self.relays.acting().filter(|relay| relay.greeted)
    }

    /// Whether there is an address to talk from. Before, nothing is said.
    pub(crate) fn set_ready(&mut self, ready: bool) {
        self.ready = ready;
    }

    /// A port got carrier while nobody answered: what held us back may be over, so ask soon again.
    pub(crate) fn hurry(&mut self, now: Time) {
        if self.phase == Phase::CutOff {
            self.attempt = 0;
            self.step_at = self.step_at.min(now + self.ask_after());
        }
    }

    /// How long no relay has answered; zero if this run was never cut off since its last assignment.
    pub(crate) fn cut_off_for(&self, now: Time) -> Duration {
        match self.phase {
            Phase::CutOff | Phase::Returning => {
                self.unanswered_since.map_or(Duration::ZERO, |at| now.since(at))
            }
            Phase::Joining | Phase::Linked | Phase::Leaving | Phase::Gone => Duration::ZERO,
        }
    }

    /// A report to be said until it is answered. Only while linked: before, and while cut off, the next
    /// announcement says it all.
    pub(crate) fn report(&mut self, now: Time, subject: Subject) {
        if self.phase == Phase::Linked {
            self.reports.push(now, subject);
        }
    }

    /// The number of the last report about that link, or a new one.
    pub(crate) fn report_number(&mut self) -> Report {
        self.reports.number()
    }

    /// Leaves: nothing else is said from now on.
    pub(crate) fn goodbye(&mut self, now: Time) {
        if matches!(self.phase, Phase::Leaving | Phase::Gone) {
            return;
        }
        self.step = Step::Nothing;
        self.reports.clear();
        self.phase = Phase::Leaving;
        if self.relay().is_some() {
            self.reports.push(now, Subject::Goodbye);
        }
    }

    /// What is due now; called until nothing is.
    pub(crate) fn poll(&mut self, now: Time) -> Option<Turn> {
        match self.phase {
            Phase::Gone => None,
            Phase::Leaving => self.poll_goodbye(now),
            Phase::Linked => self.poll_reports(now),
            Phase::Joining | Phase::CutOff | Phase::Returning => self.poll_handshake(now),
        }
    }

    /// When something falls due next.
    pub(crate) fn deadline(&self) -> Time {
        match self.phase {
            Phase::Gone => Time::NEVER,
            Phase::Leaving | Phase::Linked => self.reports.deadline(),
            Phase::Joining | Phase::CutOff | Phase::Returning if self.ready => self.step_at,
            Phase::Joining | Phase::CutOff | Phase::Returning => Time::NEVER,
        }
    }

    fn poll_goodbye(&mut self, now: Time) -> Option<Turn> {
        if self.reports.is_empty() || self.reports.is_exhausted(now) {
            self.phase = Phase::Gone;
            self.reports.clear();
            return Some(Turn::Exit);
        }
        let pending = self.reports.take_due(now)?;
        Some(self.say(self.relays.acting_address()?, u32::from(pending.tries), Say::Report(pending)))
    }

    fn poll_reports(&mut self, now: Time) -> Option<Turn> {
        if self.reports.is_exhausted(now) {
            self.passed_by += 1;
            if usize::from(self.passed_by) >= self.relays.len() {
                self.cut_off(now);
                return Some(Turn::Unanswered);
            }
            self.relays.turn_to_next();
            self.reports.start_again(now);
        }
        let pending = self.reports.take_due(now)?;
        self.unanswered_since.get_or_insert(now);
        let turn = u32::from(pending.tries);
        let acting = self.relays.acting()?;
        let to = acting.address;
        if acting.greeted {
            return Some(self.say(to, turn, Say::Report(pending)));
        }
        // Without a session nothing can be told: one knock stands for all reports.
        self.reports.hush(now);
        Some(self.say(to, turn, Say::Knock))
    }

    fn cut_off(&mut self, now: Time) {
        self.unanswered_since.get_or_insert(now);
        self.reports.clear();
        self.phase = Phase::CutOff;
        self.step = Step::Ask;
        (self.announced, self.passed_by, self.attempt) = (0, 0, 0);
        self.step_at = now + self.ask_after();
    }

    fn say(&self, to: SocketAddr, turn: u32, what: Say) -> Turn {
        Turn::Say { to, preferred_via: self.relays.via_of(to), turn, what }
    }

    /// A relay says hello: to our knock, or because it does not know us any more.
    pub(crate) fn hello(&mut self, now: Time, from: SocketAddr, via: u32, hello: Hello) -> Answer {
        let answer = if self.phase == Phase::CutOff { Answer::Back } else { Answer::Expected };
        match self.phase {
            Phase::Leaving | Phase::Gone => return Answer::Expected,
            Phase::Joining | Phase::Linked | Phase::CutOff | Phase::Returning => {}
        }
        if self.step == Step::Announce && !self.relays.is_acting(from) {
            // The first that answered acts; this one is kept for later.
            self.relays.note(from, via, true);
            return answer;
        }
        // A knock may be under way while a relay that was started anew greets us: only a hello that answers it opens a
        // session to announce ourselves in.
        let answers_us = hello.answers;
        let knocking = self.step == Step::Knock && matches!(self.phase, Phase::Joining | Phase::Returning);
        self.relays.note(from, via, answers_us);
        self.relays.turn_to_address(from);
        self.leave_linked();
        if answers_us {
            self.step = Step::Announce;
            (self.announced, self.first_announced) = (0, None);
            self.step_at = now + hello.wait.min(WAIT_MAX);
        } else {
            self.step = Step::Knock;
            // At once, but no sooner than a second after the last knock: anybody may play a greeting again. Whoever is
            // sent back again and again waits longer each time, but no longer than that second: a relay that was
            // started anew asks a few times only, and judges then.
            let most = (self.knocked_at + GREETED_PATIENCE).max(now);
            let wait =
                if self.attempt == 0 { most } else { most.min(now + self.retry_after(KNOCK_PATIENCE)) };
            self.step_at = if knocking { self.step_at.min(wait) } else { wait };
        }
        answer
    }

    /// From linked or cut off to returning: an announcement will tell all that is open.
    fn leave_linked(&mut self) {
        match self.phase {
            Phase::Linked | Phase::CutOff => {
                if self.phase == Phase::Linked {
                    self.unanswered_since = None;
                }
                self.phase = Phase::Returning;
                self.reports.clear();
                (self.attempt, self.announced, self.passed_by) = (0, 0, 0);
            }
            Phase::Joining | Phase::Returning | Phase::Leaving | Phase::Gone => {}
        }
    }

    /// A relay answered something in a session. While cut off, everything is to be announced now.
    pub(crate) fn answered(&mut self, now: Time, from: SocketAddr, via: u32) -> Answer {
        self.relays.note(from, via, true);
        match self.phase {
            Phase::Linked => {
                (self.passed_by, self.unanswered_since) = (0, None);
                self.reports.relay_lives();
                if self.relay().is_none() {
                    self.relays.turn_to_address(from);
                }
                Answer::Expected
            }
            Phase::CutOff => {
                self.relays.turn_to_address(from);
                // It may be an announcement that is answered here: then an assignment will do.
                let announced = self.announced.min(1);
                self.leave_linked();
                (self.announced, self.step, self.step_at) = (announced, Step::Announce, now);
                Answer::Back
            }
            Phase::Joining | Phase::Returning | Phase::Leaving | Phase::Gone => Answer::Expected,
        }
    }

    /// The relay has taken that report.
    pub(crate) fn noted(&mut self, report: Report) {
        self.reports.retain(|pending| pending.report != report);
    }

    /// Reports that need no answer any more.
    pub(crate) fn drop_reports(&mut self, mut which: impl FnMut(&Pending) -> bool) {
        self.reports.retain(|pending| !which(pending));
    }

    /// An assignment that counts came from that relay. One that has not heard our announcement yet does not
    /// know what was open when we lost it: it was under way, or said again.
    pub(crate) fn assigned(&mut self, from: SocketAddr, knows: Option<Report>) {
        match self.phase {
            Phase::Joining | Phase::Returning if !self.is_heard(knows) => {}
            Phase::Joining | Phase::Linked | Phase::CutOff | Phase::Returning => {
                self.relays.turn_to_address(from);
                self.phase = Phase::Linked;
                self.step = Step::Nothing;
                (self.attempt, self.announced, self.passed_by) = (0, 0, 0);
                (self.first_announced, self.unanswered_since) = (None, None);
            }
            Phase::Leaving | Phase::Gone => {}
        }
    }

    /// Whether the relay that says so has heard one of our announcements. Of one that does not say what it knows the first
    /// order after one must do.
    fn is_heard(&self, knows: Option<Report>) -> bool {
        match knows {
            Some(knows) => self.first_announced.is_some_and(|first| knows >= first),
            None => self.phase == Phase::Joining || self.announced > 0,
        }
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
