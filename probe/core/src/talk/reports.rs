//! Reports that wait for an answer.

use ringmesh_proto::beat::LossSeen;
use ringmesh_proto::message::{Cause, LinkId, Report};
use ringmesh_proto::time::{Duration, Time};

/// How often a report is said before its relay counts as silent.
const TRIES: u8 = 3;
const AGAIN_AFTER: Duration = Duration::from_millis(500);
/// A process that is being stopped has less time.
const GOODBYE_AGAIN_AFTER: Duration = Duration::from_millis(200);

/// What a report is about. What it says is put together when it is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Subject {
    Suspicion(LinkId, Cause),
    Refuted(LinkId),
    Attachment,
    Evidence,
    /// It lives, and hears no neighbour.
    Alone,
    Loss(LinkId, LossSeen),
    Goodbye,
}

impl Subject {
    /// Whether a newer report makes the older one pointless.
    fn replaces(self, older: Self) -> bool {
        match (self, older) {
            (Self::Suspicion(link, cause), Self::Suspicion(other, same)) => link == other && cause == same,
            (Self::Suspicion(link, _), Self::Refuted(other))
            | (Self::Refuted(link), Self::Suspicion(other, _) | Self::Refuted(other)) => link == other,
            (Self::Loss(link, seen), Self::Loss(other, old)) => link == other && seen.lane == old.lane,
            (Self::Attachment, Self::Attachment)
            | (Self::Evidence, Self::Evidence)
            | (Self::Alone, Self::Alone) => true,
            (Self::Goodbye, _) => true,
            (
                Self::Suspicion(..)
                | Self::Refuted(_)
                | Self::Attachment
                | Self::Evidence
                | Self::Alone
                | Self::Loss(..),
                Self::Suspicion(..)
                | Self::Refuted(_)
                | Self::Attachment
                | Self::Evidence
                | Self::Alone
                | Self::Loss(..)
                | Self::Goodbye,
            ) => false,
        }
    }

    fn again_after(self) -> Duration {
        match self {
            Self::Goodbye => GOODBYE_AGAIN_AFTER,
            Self::Suspicion(..)
            | Self::Refuted(_)
            | Self::Attachment
            | Self::Evidence
            | Self::Alone
            | Self::Loss(..) => AGAIN_AFTER,
        }
    }
}

/// A report that has not been answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pending {
    pub(crate) report: Report,
    pub(crate) subject: Subject,
    /// How often it has been said to the present relay.
    pub(crate) tries: u8,
    at: Time,
}

impl Pending {
    /// Whether it shows that something is going on. A word that is only said because a minute is over does not, until it
    /// went unanswered.
    fn is_telling(&self) -> bool {
        self.subject != Subject::Alone || self.tries > 1
    }
}

/// All of them. At most two or three for each link, and four others.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reports {
    all: Vec<Pending>,
    last: u32,
}

impl Reports {
    pub(crate) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Something is told, or a relay does not answer.
    pub(crate) fn are_telling(&self) -> bool {
        self.all.iter().any(Pending::is_telling)
    }

    /// The next number.
    pub(crate) fn number(&mut self) -> Report {
        self.last = self.last.wrapping_add(1);
        Report(self.last)
    }

    pub(crate) fn push(&mut self, now: Time, subject: Subject) {
        self.all.retain(|pending| !subject.replaces(pending.subject));
        let report = self.number();
        self.all.push(Pending { report, subject, tries: 0, at: now });
    }

    pub(crate) fn clear(&mut self) {
        self.all = Vec::new();
    }

    pub(crate) fn retain(&mut self, keep: impl FnMut(&Pending) -> bool) {
        self.all.retain(keep);
        if self.all.is_empty() {
            // Nothing to tell is the rule, and takes no room.
            self.all = Vec::new();
        }
    }

    /// A report has been said as often as it is, and its time is over.
    pub(crate) fn is_exhausted(&self, now: Time) -> bool {
        self.all.iter().any(|pending| pending.tries >= TRIES && pending.at <= now)
    }

    /// The next to be said now, as of before this try.
    pub(crate) fn take_due(&mut self, now: Time) -> Option<Pending> {
        let pending = self.all.iter_mut().find(|pending| pending.at <= now && pending.tries < TRIES)?;
        let due = *pending;
        pending.tries += 1;
        pending.at = now + pending.subject.again_after();
        Some(due)
    }

    /// One knock stood for all that is due.
    pub(crate) fn hush(&mut self, now: Time) {
        while self.take_due(now).is_some() {}
    }

    /// Another relay is asked: all from the beginning.
    pub(crate) fn start_again(&mut self, now: Time) {
        for pending in &mut self.all {
            (pending.tries, pending.at) = (0, now);
        }
    }

    /// The relay answered something else: it is not silent, so these are said on.
    pub(crate) fn relay_lives(&mut self) {
        self.all.iter_mut().for_each(|pending| pending.tries = pending.tries.min(1));
    }

    pub(crate) fn deadline(&self) -> Time {
        self.all.iter().map(|pending| pending.at).fold(Time::NEVER, Time::min)
    }
}
