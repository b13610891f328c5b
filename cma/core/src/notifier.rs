//! When a line leaves for people.
//!
//! Opening an incident tells nobody: it is held first, for the ten seconds in which a host that is merely slow
//! comes back, or the two in which a wider cause absorbs it. What is still open and unrefuted at the end of its
//! hold leaves as one opened line; its end leaves as one closed line. All lines of an incident carry one key.
//!
//! Holds are counted in our own time from what the relay told as *ages* (its `at` minus its `silent since`), so
//! that two clocks never meet.
//!
//! # Invariants
//! - A closed line leaves only where an opened line is out; opened and closed lines alternate per key, but for
//!   opened lines that page again.
//! - An opened line leaves again only if severity rose to page, the silent set at least doubled and grew by ten
//!   or more, or the incident was reopened after its closed line. Reclassification never pages again.
//! - Two lines that page again for one key are ten minutes apart or more.
//! - Severity log is never handed on. Downgrading never resolves.

mod kept;

pub(crate) use kept::KeptTrack;

use std::collections::{BTreeMap, BTreeSet};

use ringmesh_proto::news::{IncidentNews, SubjectKind};
use ringmesh_proto::time::{Duration, Time, WallClock};
use ringmesh_topology::id::IncidentId;
use ringmesh_topology::verdict::Severity;

use crate::incident::Incident;

/// At least this long between two lines that page again for one key.
pub const REPAGE_EVERY: Duration = Duration::from_secs(600);
/// So long pages are held after a start, until the relays have told what is open.
pub const HOLD_AFTER_START: Duration = Duration::from_secs(10);
/// The silent set must grow by so many, and double, to page again.
pub const GROWTH_MIN: u32 = 10;

/// How long lines are held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Holds {
    /// Where it may be but one host: after its silence began.
    pub host: Duration,
    /// Else: after it was opened.
    pub wide: Duration,
}

impl Default for Holds {
    fn default() -> Self {
        Self { host: Duration::from_secs(10), wide: Duration::from_secs(2) }
    }
}

/// Why an opened line leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// It is the first of its key.
    Opened,
    /// What went out as a ticket is a page now.
    SeverityRose,
    /// The silent set at least doubled, and grew by ten or more.
    Grown,
    /// It was closed, people were told so, and it is open again.
    Reopened,
}

impl Reason {
    /// The word used in every output.
    pub fn word(self) -> &'static str {
        match self {
            Self::Opened => "opened",
            Self::SeverityRose => "severity-rose",
            Self::Grown => "grown",
            Self::Reopened => "reopened",
        }
    }
}

/// A line that leaves now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Telling {
    /// An opened line.
    Opened {
        /// With this severity: ticket or page.
        severity: Severity,
        /// For this reason.
        reason: Reason,
    },
    /// A closed line.
    Closed {
        /// The highest severity that was handed on since it was opened.
        severity: Severity,
    },
}

/// What people were told of an incident.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Told {
    /// An opened line is out and no closed one.
    pub open: bool,
    /// Opened lines of severity page.
    pub pages: u32,
    /// When the first of them left, in wall time; 0: none did.
    pub paged_ms: u64,
    /// The highest severity since it was opened.
    severity: Severity,
    /// How many were silent when it paged last.
    silent: u32,
    /// When the last opened line left.
    line_at: Time,
    /// When it paged again last.
    repaged_at: Option<Time>,
}

/// One incident as the notifier follows it.
#[derive(Clone, Copy, Debug)]
struct Track {
    /// When its silence began, in our time.
    silence_at: Time,
    /// When it was opened, in our time.
    opened_at: Time,
    /// When it is looked at again.
    look_at: Time,
    /// When its closing came, while it is closed.
    closed_at: Option<Time>,
    told: Option<Told>,
    /// Under whose key its lines leave, if not its own.
    key: Option<IncidentId>,
}

/// What to do about an incident at a moment.
enum Decision {
    Nothing,
    LookAgain(Time),
    Tell(Telling),
}

/// See the module.
#[derive(Debug)]
pub struct Notifier {
    holds: Holds,
    quiet_until: Time,
    tracks: BTreeMap<IncidentId, Track>,
    looks: BTreeSet<(Time, IncidentId)>,
    /// Those whose record is not what it was, or that have none any more.
    touched: BTreeSet<IncidentId>,
}

impl Notifier {
    /// A notifier that starts at `now` and holds everything for a while.
    pub fn new(now: Time, holds: Holds) -> Self {
        let quiet_until = now + HOLD_AFTER_START;
        Self { holds, quiet_until, tracks: BTreeMap::new(), looks: BTreeSet::new(), touched: BTreeSet::new() }
    }

    /// An incident has a new revision.
    pub fn revised(&mut self, wall: WallClock, now: Time, incident: &Incident) -> Option<Telling> {
        let id = incident.news.id;
        self.touched.insert(id);
        let track = self.tracks.entry(id).or_insert_with(|| Track::new(now, &incident.news));
        track.follow(now, &incident.news);
        self.look(wall, now, incident)
    }

    /// Looks at an incident whose time may have come.
    pub fn look(&mut self, wall: WallClock, now: Time, incident: &Incident) -> Option<Telling> {
        let id = incident.news.id;
        let track = self.tracks.get_mut(&id)?;
        self.looks.remove(&(track.look_at, id));
        track.look_at = Time::NEVER;
        let telling = match track.decide(now, incident, self.holds, self.quiet_until) {
            Decision::Nothing => return None,
            Decision::LookAgain(at) => {
                track.look_at = at;
                self.looks.insert((at, id));
                return None;
            }
            Decision::Tell(telling) => telling,
        };
        track.tell(wall, now, telling, incident.news.silent);
        self.touched.insert(id);
        // Told; what may come next, such as a rise with time, is looked for at once and cannot be due again.
        if let Decision::LookAgain(at) = track.decide(now, incident, self.holds, self.quiet_until) {
            track.look_at = at;
            self.looks.insert((at, id));
        }
        Some(telling)
    }

    /// The incidents whose time has come.
    pub fn due(&self, now: Time) -> Vec<IncidentId> {
        self.looks.iter().take_while(|(at, _)| *at <= now).map(|(_, id)| *id).collect()
    }

    /// When the next incident's time comes.
    pub fn next_deadline(&self) -> Time {
        self.looks.first().map_or(Time::NEVER, |(at, _)| *at)
    }

    /// What people were told of an incident.
    pub fn told(&self, id: IncidentId) -> Option<Told> {
        self.tracks.get(&id)?.told
    }

    /// How long an incident has been open, in whole seconds of our time.
    pub fn open_s(&self, now: Time, id: IncidentId) -> u32 {
        self.tracks.get(&id).map_or(0, |track| track.open_s(now))
    }

    /// Under whose key the lines of an incident leave.
    pub fn key_of(&self, id: IncidentId) -> IncidentId {
        self.tracks.get(&id).and_then(|track| track.key).unwrap_or(id)
    }

    /// An incident goes on under another id: who was told of the one was told of the other. Not where people were
    /// told of both already.
    pub fn adopt(&mut self, now: Time, old: IncidentId, new: &Incident) {
        let heir = self.tracks.get(&new.news.id);
        if heir.is_some_and(|heir| heir.told.is_some()) {
            return;
        }
        let Some(elder) = self.tracks.get_mut(&old) else { return };
        let Some(told) = elder.told.take_if(|told| told.open) else { return };
        let key = elder.key.unwrap_or(old);
        let heir = self.tracks.entry(new.news.id).or_insert_with(|| Track::new(now, &new.news));
        (heir.told, heir.key) = (Some(told), Some(key));
        self.touched.extend([old, new.news.id]);
    }

    /// An incident is not kept any longer.
    pub fn forget(&mut self, id: IncidentId) {
        if let Some(track) = self.tracks.remove(&id) {
            self.looks.remove(&(track.look_at, id));
            self.touched.insert(id);
        }
    }
}

/// How old `since_ms` was when the revision was made, by the clock of who made it; zero if unknown.
fn age(news: &IncidentNews, since_ms: u64) -> Duration {
    let known = if since_ms == 0 { news.at_ms } else { since_ms };
    Duration::from_millis(news.at_ms.saturating_sub(known))
}

impl Track {
    fn new(now: Time, news: &IncidentNews) -> Self {
        let opened_at = now.before(age(news, news.opened_ms));
        let silence_at = now.before(age(news, news.silent_since_ms));
        let closed_at = news.closed.then_some(now);
        Self { silence_at, opened_at, look_at: Time::NEVER, closed_at, told: None, key: None }
    }

    /// A late revision makes everything look younger than it is, so the oldest that was told counts.
    fn follow(&mut self, now: Time, news: &IncidentNews) {
        let fresh = Self::new(now, news);
        match self.closed_at.filter(|_| !news.closed) {
            // Reopened: a silence that began before the end is not this one.
            Some(closed_at) if fresh.silence_at < closed_at => (self.silence_at, self.opened_at) = (now, now),
            Some(_) => (self.silence_at, self.opened_at) = (fresh.silence_at, now),
            None => {
                self.silence_at = self.silence_at.min(fresh.silence_at);
                self.opened_at = self.opened_at.min(fresh.opened_at);
            }
        }
        self.closed_at = if news.closed { self.closed_at.or(fresh.closed_at) } else { None };
    }

    fn open_s(&self, now: Time) -> u32 {
        u32::try_from(now.since(self.opened_at).as_secs()).unwrap_or(u32::MAX)
    }

    fn due(&self, news: &IncidentNews, holds: Holds, quiet_until: Time) -> Time {
        // If it may be but one host, it gets a host's patience.
        let one_host = news.alternatives.iter().any(|a| a.subject.kind == SubjectKind::Host);
        let due = if one_host { self.silence_at + holds.host } else { self.opened_at + holds.wide };
        due.max(quiet_until)
    }

    fn decide(&self, now: Time, incident: &Incident, holds: Holds, quiet_until: Time) -> Decision {
        let news = &incident.news;
        if news.closed {
            return match self.told {
                Some(told) if told.open => Decision::Tell(Telling::Closed { severity: told.severity }),
                Some(_) | None => Decision::Nothing,
            };
        }
        if news.page_never {
            return Decision::Nothing;
        }
        let severity = incident.severity(self.open_s(now));
        let Some((reason, not_before)) = self.reason(severity, news.silent) else {
            return self.look_when_severity_rises(now, incident);
        };
        let at = self.due(news, holds, quiet_until).max(not_before);
        if at > now { Decision::LookAgain(at) } else { Decision::Tell(Telling::Opened { severity, reason }) }
    }

    /// Why an opened line should leave, and not before when.
    fn reason(&self, severity: Severity, silent: u32) -> Option<(Reason, Time)> {
        if severity == Severity::Log {
            return None;
        }
        let Some(told) = self.told else { return Some((Reason::Opened, Time::ZERO)) };
        let repage = told.repaged_at.map_or(Time::ZERO, |at| at + REPAGE_EVERY);
        let rose = severity == Severity::Page && told.severity < Severity::Page;
        if rose {
            return Some((Reason::SeverityRose, repage));
        }
        if !told.open {
            return Some((Reason::Reopened, repage.max(told.line_at + REPAGE_EVERY)));
        }
        if severity < Severity::Page {
            return None;
        }
        let grown = silent >= told.silent.saturating_mul(2) && silent - told.silent >= GROWTH_MIN;
        grown.then_some((Reason::Grown, repage))
    }

    fn look_when_severity_rises(&self, now: Time, incident: &Incident) -> Decision {
        match incident.severity_rises_in(self.open_s(now)) {
            None => Decision::Nothing,
            Some(seconds) => {
                let open_s = self.open_s(now).saturating_add(seconds);
                Decision::LookAgain(self.opened_at + Duration::from_secs(u64::from(open_s)))
            }
        }
    }

    fn tell(&mut self, wall: WallClock, now: Time, telling: Telling, silent: u32) {
        let (severity, reason) = match telling {
            Telling::Opened { severity, reason } => (severity, reason),
            Telling::Closed { .. } => {
                if let Some(told) = &mut self.told {
                    told.open = false;
                }
                return;
            }
        };
        let before = self.told;
        let pages = severity == Severity::Page;
        let same_opening = before.filter(|told| told.open);
        self.told = Some(Told {
            open: true,
            pages: before.map_or(0, |told| told.pages).saturating_add(u32::from(pages)),
            paged_ms: match before.map_or(0, |told| told.paged_ms) {
                0 if pages => wall.unix_ms(now),
                paged_ms => paged_ms,
            },
            severity: same_opening.map_or(severity, |told| told.severity.max(severity)),
            silent,
            line_at: now,
            repaged_at: match reason {
                Reason::Opened => None,
                Reason::SeverityRose | Reason::Grown | Reason::Reopened if pages => Some(now),
                Reason::SeverityRose | Reason::Grown | Reason::Reopened => {
                    before.and_then(|told| told.repaged_at)
                }
            },
        });
    }
}

#[cfg(test)]
mod tests;
