//! What is told of runs: the shape that `run` and `check` print.

use std::collections::BTreeMap;

use serde::Serialize;

use super::judge::Judged;
use super::load::Scenario;
use crate::model::{Classes, World};

/// Of several runs.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Of the shape: 1.
    pub schema: u32,
    /// Everything was as it should be.
    pub ok: bool,
    /// Each run.
    pub scenarios: Vec<Outcome>,
}

/// Of one run.
#[derive(Debug, Serialize)]
pub struct Outcome {
    /// The file.
    pub file: String,
    /// What it shows.
    pub title: String,
    /// Of this run.
    pub seed: u64,
    /// No failure and no violation.
    pub ok: bool,
    /// What was expected and was not so.
    pub failures: Vec<Failure>,
    /// How many things went wrong that no scenario may do.
    pub violations: usize,
    /// They.
    pub violated: Vec<String>,
    /// Lines of severity page that opened an incident.
    pub pages: usize,
    /// Incidents that the CMA ever showed.
    pub incidents: usize,
    /// What was sent since the start settled: class, purpose, how many. Of class `cma`: messages.
    pub datagrams: BTreeMap<&'static str, BTreeMap<&'static str, u64>>,
    /// Sixteen hexadecimal digits over every executed event.
    pub trace_hash: String,
    /// How many events were executed.
    pub events: u64,
    /// How long it was after the start settled, in the time of the run.
    pub seconds: u64,
}

/// An expectation that was not met.
#[derive(Debug, Serialize)]
pub struct Failure {
    /// What was expected.
    pub expect: String,
    /// The line of the file.
    pub line: usize,
    /// What was seen instead.
    pub got: String,
    /// The moment when it could not be met any more, in the time of the run.
    pub at: String,
    /// The number of the last event executed by then.
    pub event: u64,
}

impl Report {
    /// Of these runs.
    pub fn of(scenarios: Vec<Outcome>) -> Self {
        Self { schema: 1, ok: scenarios.iter().all(|outcome| outcome.ok), scenarios }
    }
}

impl Outcome {
    /// Of a run of a scenario in virtual time.
    pub(super) fn of(
        scenario: &Scenario,
        seed: u64,
        judged: Judged,
        before: &Classes,
        world: &World,
    ) -> Self {
        let mut datagrams: BTreeMap<&'static str, BTreeMap<&'static str, u64>> = BTreeMap::new();
        for (class, purpose, count) in world.classes().since(before).each() {
            datagrams.entry(class).or_default().insert(purpose, count);
        }
        Self {
            file: scenario.file.clone(),
            title: scenario.title.clone(),
            seed,
            ok: judged.failures.is_empty() && judged.violated.is_empty(),
            failures: judged.failures,
            violations: judged.violated.len(),
            violated: judged.violated,
            pages: judged.pages,
            incidents: judged.incidents.len(),
            datagrams,
            trace_hash: format!("{:016x}", world.trace_hash()),
            events: world.events(),
            seconds: judged.ran.as_secs(),
        }
    }

    /// What was not as it should be, in a few words each.
    pub fn wrong(&self) -> Vec<String> {
        let failed =
            self.failures.iter().map(|failure| format!("expected {}; got {}", failure.expect, failure.got));
        failed.chain(self.violated.iter().cloned()).collect()
    }

    /// Everything that was not as it should be, a line each, with all that is needed to see it again.
    pub fn complaints(&self, revision: &str) -> Vec<String> {
        self.complaints_below(0, revision)
    }

    /// The same where the file has so many lines more above it.
    pub(super) fn complaints_below(&self, above: usize, revision: &str) -> Vec<String> {
        let Self { file, seed, .. } = self;
        let place = format!("seed {seed}, revision {revision}");
        let failed = self.failures.iter().map(|failure| {
            let Failure { expect, line, got, at, event } = failure;
            let line = line + above;
            format!("{file}:{line}: expected {expect}; got {got} ({place}, event {event}, {at})")
        });
        let events = self.events;
        let violated = self.violated.iter().map(|what| match line_of(what) {
            Some((line, what)) => format!("{file}:{}: {what} ({place}, event {events})", line + above),
            None => format!("{file}: {what} ({place}, event {events})"),
        });
        failed.chain(violated).collect()
    }
}

/// The line of the file that a violation is about, if it is about one, and the rest of it.
pub(super) fn line_of(violation: &str) -> Option<(usize, &str)> {
    let (line, what) = violation.strip_prefix("line ")?.split_once(": ")?;
    Some((line.parse().ok()?, what))
}
