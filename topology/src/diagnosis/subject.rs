//! Subjects and their clues, and what a subject costs under a hypothesis.
//!
//! A *subject* is a member about which there is something to explain or something that would be contradicted. What
//! it costs is the *maximum* over its clues: reports about one member are correlated.

use super::cost;
use super::facts::Silent;
use super::types::HostIx;

/// For each path the candidates that take it out, and whether their instant misses the loss.
pub(super) type Ways = Vec<Vec<(u32, bool)>>;

/// One thing a hypothesis must agree with.
#[derive(Debug)]
pub(super) enum Clue {
    /// A witness misses it.
    Silent { ways: Ways },
    /// The judge reaches it by no leg that is looked at; what it costs to leave that unexplained.
    Lost { ways: Ways, unexplained: u64 },
    /// Its own port lost carrier.
    CarrierLost { ways: Ways },
    /// It came through after the onset: candidates by path, with the cost of contradicting it.
    Alive { ways: Vec<Vec<(u32, u64)>> },
    /// A watcher that could see and could tell says nothing: candidates that would have cut it from the subject,
    /// and those that would keep it from telling.
    Missing { cut: Vec<Vec<u32>>, mute: Vec<Vec<u32>> },
}

/// A member with its clues.
#[derive(Debug)]
pub(super) struct Subject {
    /// Nobody for what was heard from beyond the core.
    pub(super) host: Option<HostIx>,
    /// No sign of life by any leg that is looked at: it must be explained.
    pub(super) silent: bool,
    pub(super) clues: Vec<Clue>,
    /// Two independent witnesses miss it.
    pub(super) confirmed: bool,
    /// Who misses it.
    pub(super) silences: Vec<Silent>,
    /// Candidates that any clue names, sorted.
    pub(super) touched_by: Vec<u32>,
}

pub(super) fn touched_by(clue: &Clue) -> Vec<u32> {
    match clue {
        Clue::Silent { ways, .. } | Clue::Lost { ways, .. } | Clue::CarrierLost { ways } => {
            ways.iter().flatten().map(|&(place, _)| place).collect()
        }
        Clue::Alive { ways } => ways.iter().flatten().map(|&(place, _)| place).collect(),
        Clue::Missing { cut, mute } => cut.iter().chain(mute).flatten().copied().collect(),
    }
}

/// The cost of a subject under the candidates that are believed.
pub(super) fn subject_cost(subject: &Subject, believed: &[bool]) -> u64 {
    let on = |place: u32| believed[place as usize];
    let (mut worst, mut unexplained, mut late) = (0, false, false);
    for clue in &subject.clues {
        let cost = match clue {
            Clue::Silent { ways } => {
                let by = explained(ways, believed);
                unexplained |= by.is_none();
                late |= by == Some(true);
                0
            }
            Clue::Lost { ways, unexplained } => must_explain(ways, believed, *unexplained),
            Clue::CarrierLost { ways } => must_explain(ways, believed, cost::UNEXPLAINED_CONFIRMED),
            Clue::Alive { ways } => contradicted(ways, believed),
            Clue::Missing { cut, mute } => {
                let taken = |path: &Vec<u32>| path.iter().any(|&place| on(place));
                let speaks = mute.iter().any(|path| !taken(path));
                if speaks && cut.iter().all(taken) { cost::REPORT_MISSING } else { 0 }
            }
        };
        worst = worst.max(cost);
    }
    worst.max(unexplained_cost(subject, unexplained, late))
}

fn must_explain(ways: &Ways, believed: &[bool], unexplained: u64) -> u64 {
    match explained(ways, believed) {
        None => unexplained,
        Some(true) => cost::ONSET_OUTSIDE,
        Some(false) => 0,
    }
}

/// What a silence costs that is not explained, or only by what began at another time.
fn unexplained_cost(subject: &Subject, unexplained: bool, late: bool) -> u64 {
    match (unexplained, late) {
        (false, false) => 0,
        (true, _) if subject.confirmed => cost::UNEXPLAINED_CONFIRMED,
        (false, true) if subject.confirmed => cost::ONSET_OUTSIDE,
        (true, _) | (false, true) => cost::UNEXPLAINED_ONE_WITNESS,
    }
}

/// `None` while some path is whole; else whether one of them is only taken out by what began at another time.
pub(super) fn explained(ways: &Ways, believed: &[bool]) -> Option<bool> {
    let mut late = false;
    for path in ways {
        let by = path.iter().filter(|(place, _)| believed[*place as usize]).map(|&(_, late)| late).min();
        late |= by?;
    }
    Some(late)
}

fn contradicted(ways: &[Vec<(u32, u64)>], believed: &[bool]) -> u64 {
    let path_cost = |path: &Vec<(u32, u64)>| {
        path.iter().filter(|(place, _)| believed[*place as usize]).map(|&(_, cost)| cost).max().unwrap_or(0)
    };
    ways.iter().map(path_cost).min().unwrap_or(0)
}
