//! What happens when in the run of a seed: the same script for virtual time and for the lab.

use std::time::Duration;

use ringmesh_cma_core::documents::IncidentDoc;
use ringmesh_proto::draws::{Draws, Purpose};
use ringmesh_relay_core::Timing;
use serde::Serialize;

use super::expect::Moment;
use super::fault::{Fault, Quality};
use super::judge::{Judge, Times};
use super::load::{Planned, Scenario};
use super::text::Refusal;
use crate::model::Plan;

/// The draws that give faults their moments in their windows.
const WINDOWS: u64 = 0xfa17;
/// A fault at a rate is drawn for once a second ..
const EVERY: Duration = Duration::from_secs(1);
const SECONDS_OF_A_DAY: u64 = 86_400;
/// .. and begins at most so often on one target: a probe is not started more often in one run.
const TIMES_MAX: usize = 50;

/// Something begins, or ends.
#[derive(Clone, Copy, Debug)]
pub struct Cue {
    /// So long after the start has settled.
    pub at: Duration,
    /// It begins; else it ends.
    pub begins: bool,
    /// The number of its `[[faults]]`.
    pub number: usize,
    /// What.
    pub fault: Fault,
    /// The line of its `[[faults]]`.
    pub line: usize,
    /// Its kind.
    pub kind: &'static str,
    /// It may meet something that is broken already.
    pub may_miss: bool,
}

impl Planned {
    /// When the last of it has ended, at the latest.
    pub(super) fn latest_end(&self) -> Duration {
        self.begins[1] + self.lasts.unwrap_or_default()
    }

    /// About how often all of it begins and ends: at a rate hardly more than twice as often as it says.
    pub(super) fn moments(&self, duration: Duration) -> u128 {
        let lasts = self.lasts.unwrap_or_default().as_nanos();
        let turns = self.flaps.map_or(2, |flaps| lasts.div_ceil(flaps.as_nanos().max(1)) + 1);
        let often = |per_day| u128::from(duration.as_secs()) * u128::from(per_day) * 2;
        let times = self.per_day.map_or(1, |per_day| often(per_day) / u128::from(SECONDS_OF_A_DAY) + 1);
        self.faults.len() as u128 * times.min(TIMES_MAX as u128) * turns
    }

    /// How often is drawn whether it begins.
    pub(super) fn draws(&self, duration: Duration) -> u128 {
        let each = self.per_day.map_or(0, |_| u128::from(duration.as_secs()));
        self.faults.len() as u128 * each
    }

    /// What follows on a beginning at that moment: when it ends, and begins again, and ends for good.
    fn turns(&self, at: Duration) -> impl Iterator<Item = (Duration, bool)> {
        let end = self.lasts.map(|lasts| at + lasts);
        let turn = move |number: u32| Some((at + self.flaps? * number, number.is_multiple_of(2)));
        let between = (1..).map_while(turn).take_while(move |(when, _)| end.is_some_and(|end| *when < end));
        let mut broken = true;
        let between: Vec<_> = between.inspect(|(_, begins)| broken = *begins).collect();
        between.into_iter().chain(end.filter(|_| broken).map(|end| (end, false)))
    }

    /// Which of its faults begins when in the run of a seed; a window draws one moment for each.
    fn drawn(&self, number: usize, seed: u64) -> Vec<(Fault, Duration)> {
        let draws = Draws::new(seed, WINDOWS + number as u64);
        if let Some(per_day) = self.per_day {
            let drawn = |(target, fault): (usize, &Fault)| {
                let moments = self.at_a_rate(&draws, target as u64, per_day);
                moments.into_iter().map(|at| (*fault, at)).collect::<Vec<_>>()
            };
            return self.faults.iter().enumerate().flat_map(drawn).collect();
        }
        let [first, last] = self.begins;
        let millis = u64::try_from((last - first).as_millis()).unwrap_or(u64::MAX).saturating_add(1);
        let at = |target: usize| draws.below(millis, Purpose::Start, target as u64);
        let moment = |(target, fault)| (fault, first + Duration::from_millis(at(target)));
        self.faults.iter().copied().enumerate().map(moment).collect()
    }

    /// One never begins while the one before lasts, nor in the second after it.
    fn at_a_rate(&self, draws: &Draws, target: u64, per_day: u64) -> Vec<Duration> {
        let lasts = self.lasts.unwrap_or_default();
        let (mut at, mut moments) = (self.begins[0], Vec::new());
        while at <= self.begins[1] && moments.len() < TIMES_MAX {
            if draws.below(SECONDS_OF_A_DAY, Purpose::Start, target << 32 | at.as_secs()) < per_day {
                moments.push(at);
                at += lasts;
            }
            at += EVERY;
        }
        moments
    }
}

impl Scenario {
    /// What is built.
    pub fn plan(&self) -> &Plan {
        &self.shape.plan
    }

    /// What it is like where nothing is broken.
    pub fn quality(&self) -> &Quality {
        &self.shape.whole
    }

    /// The constants of its relays.
    pub fn timing(&self) -> Timing {
        self.shape.plan.timing
    }

    /// How long it lasts after the start has settled.
    pub fn duration(&self) -> Duration {
        self.duration
    }

    /// Why somebody cannot run it, with the line where the topology begins.
    pub fn refuse_topology(&self, what: impl Into<String>) -> Refusal {
        Refusal { file: self.file.clone(), line: self.topology, column: 1, what: what.into() }
    }

    /// The same with the line of a fault.
    pub fn refuse_cue(&self, cue: &Cue, what: impl Into<String>) -> Refusal {
        Refusal { file: self.file.clone(), line: cue.line, column: 1, what: what.into() }
    }

    /// What happens when in the run of a seed, in order.
    pub fn cues(&self, seed: u64) -> Vec<Cue> {
        let mut cues = Vec::new();
        for (number, planned) in self.faults.iter().enumerate() {
            for (fault, at) in planned.drawn(number, seed) {
                let begin = Cue {
                    at,
                    begins: true,
                    number,
                    fault,
                    line: planned.line,
                    kind: planned.kind,
                    may_miss: planned.may_miss,
                };
                cues.push(begin);
                cues.extend(planned.turns(at).map(|(at, begins)| Cue { at, begins, ..begin }));
            }
        }
        // Of equal times, ends come first, then the order of the file.
        cues.sort_by_key(|cue| (cue.at, cue.begins, cue.number));
        cues
    }

    /// Somebody who looks at a run of it; everything may come so much later than expected.
    pub fn judge(&self, seed: u64, slack: Duration) -> Judge<'_> {
        let mut times = Times::default();
        times.set(Moment::Settled, Duration::ZERO);
        let cues = self.cues(seed);
        for (number, planned) in self.faults.iter().enumerate() {
            let begins = || cues.iter().filter(|cue| cue.begins && cue.number == number).map(|cue| cue.at);
            times.set(Moment::BeginOf(number), begins().min().unwrap_or_default());
            let last = begins().max().unwrap_or_default();
            times.set(Moment::EndOf(number), last + planned.lasts.unwrap_or_default());
        }
        Judge::new(&self.shape.plan, &self.expect, times, slack)
    }
}

/// What was told of one thing, whoever ran it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Told {
    /// What it is about.
    pub subject: String,
    /// Every verdict it had, oldest first, none twice in a row.
    pub verdicts: Vec<String>,
    /// `open` or `closed`.
    pub state: String,
    /// From the fault to its opening, in milliseconds.
    pub after_ms: u64,
}

/// Something of that name broke at that moment, in milliseconds since the epoch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broke {
    /// What it is, as the CMA calls it.
    pub subject: String,
    /// When.
    pub at_ms: u64,
}

/// Incidents in the order of their opening, each measured from the fault of the same thing, or else from the last
/// fault before it.
pub fn told(incidents: &[IncidentDoc], broke: &[Broke]) -> Vec<Told> {
    let one = |incident: &IncidentDoc| {
        let before = || broke.iter().filter(|broke| broke.at_ms <= incident.opened_ms);
        let own = before().rfind(|broke| broke.subject == incident.subject.name);
        let since = own.or(before().next_back()).map_or(incident.opened_ms, |broke| broke.at_ms);
        let mut verdicts: Vec<String> = incident.revisions.iter().map(|one| one.verdict.clone()).collect();
        verdicts.dedup();
        Told {
            subject: incident.subject.name.clone(),
            verdicts,
            state: incident.state.clone(),
            after_ms: incident.opened_ms - since,
        }
    };
    incidents.iter().map(one).collect()
}
