//! Whoever looks at a run: what is expected, and what was seen of it.

use std::collections::BTreeMap;
use std::time::Duration;

use ringmesh_cma_core::documents::IncidentDoc;

use super::expect::{Expectation, Moment, What};
use super::fault::Stage;
use super::report::{Failure, Outcome};
use super::text::seconds;
use super::whole::not_whole;
use crate::model::{Account, Classes, World};

/// When the moments are that expectations count from.
#[derive(Debug, Default)]
pub(super) struct Times(Vec<(Moment, Duration)>);

impl Times {
    pub(super) fn set(&mut self, moment: Moment, at: Duration) {
        self.0.push((moment, at));
    }

    fn of(&self, moment: Moment) -> Duration {
        self.0.iter().find(|(known, _)| *known == moment).map_or(Duration::ZERO, |(_, at)| *at)
    }
}

/// How far an expectation is.
#[derive(Debug, Default)]
struct Progress {
    over: bool,
    /// What was sent when counting began.
    counted_from: Option<u64>,
}

/// Somebody who looks.
pub(super) struct Watch<'a> {
    expect: Vec<(&'a Expectation, Progress)>,
    times: Times,
    violated: Vec<String>,
    failures: Vec<Failure>,
    /// Those the CMA shows at this moment; none while it does not run.
    shown: Vec<IncidentDoc>,
    /// Every incident that it ever showed, as it was last.
    incidents: BTreeMap<String, IncidentDoc>,
    /// What was said before the scenario began.
    before: Classes,
    pages_before: usize,
    ran: Duration,
}

impl<'a> Watch<'a> {
    pub(super) fn new(expect: &'a [Expectation], times: Times) -> Self {
        Self {
            expect: expect.iter().map(|expect| (expect, Progress::default())).collect(),
            times,
            violated: Vec::new(),
            failures: Vec::new(),
            shown: Vec::new(),
            incidents: BTreeMap::new(),
            before: Classes::default(),
            pages_before: 0,
            ran: Duration::ZERO,
        }
    }

    pub(super) fn violated(&mut self, what: String) {
        self.violated.push(what);
    }

    /// The scenario begins: what was before is not its.
    pub(super) fn begin(&mut self, world: &World) {
        self.before = world.classes();
        self.pages_before = pages(world);
    }

    pub(super) fn look(&mut self, world: &World, at: Duration) {
        self.ran = at;
        let shown = world.cma().map(|cma| cma.incidents(world.now(), true).incidents);
        self.shown = shown.unwrap_or_default();
        self.incidents.extend(self.shown.iter().map(|incident| (incident.id.clone(), incident.clone())));
        let mut expect = std::mem::take(&mut self.expect);
        for (expectation, progress) in expect.iter_mut().filter(|(_, progress)| !progress.over) {
            if let Some(got) = self.judge(&expectation.what, progress, world, at) {
                progress.over = true;
                self.fail(expectation, got, world, at);
            }
        }
        self.expect = expect;
    }

    /// The last look, and what is only known then.
    pub(super) fn end(&mut self, stage: &mut Stage, at: Duration) {
        let whole = self.expect.iter().filter(|(expect, _)| matches!(expect.what, What::WholeAtEnd));
        let whole: Vec<&Expectation> = whole.map(|(expect, _)| *expect).collect();
        if whole.is_empty() {
            return;
        }
        let plan = stage.plan().clone();
        let wrong = not_whole(&plan, &mut stage.world);
        if !wrong.is_empty() {
            whole.into_iter().for_each(|expect| self.fail(expect, wrong.join("; "), &stage.world, at));
        }
    }

    fn fail(&mut self, expectation: &Expectation, got: String, world: &World, at: Duration) {
        let Expectation { line, what } = expectation;
        self.failures.push(Failure {
            expect: what.words(),
            line: *line,
            got,
            at: seconds(at),
            event: world.events(),
        });
    }

    /// What is seen instead, if it is not so and cannot become so any more.
    fn judge(&self, what: &What, progress: &mut Progress, world: &World, at: Duration) -> Option<String> {
        match what {
            What::Verdict { about, after, within, .. } => {
                let after = self.times.of(*after);
                if at > after && self.shown.iter().any(|incident| fits(what, incident)) {
                    progress.over = true;
                    return None;
                }
                (at >= after + *within).then(|| self.told_about(about))
            }
            What::NothingAbout(names) => {
                let named = self.incidents.values().find(|one| names.iter().any(|name| is_about(one, name)));
                named.map(words)
            }
            What::IncidentsMax(most) => {
                (self.incidents.len() > *most).then(|| format!("{}: {}", self.incidents.len(), self.told()))
            }
            What::PagesMax(most) => {
                let pages = pages(world) - self.pages_before;
                (pages > *most).then(|| format!("{pages}: {}", self.told()))
            }
            What::DatagramsMax { most, class, after, within } => {
                let from = self.times.of(*after);
                if at < from {
                    return None;
                }
                let sent = sent(world, class.as_deref());
                let count = sent - *progress.counted_from.get_or_insert(sent);
                progress.over = within.is_some_and(|within| at >= from + within);
                (count > *most).then(|| format!("{count} by {}", seconds(at)))
            }
            What::WholeAtEnd => None,
        }
    }

    fn told(&self) -> String {
        let told: Vec<String> = self.incidents.values().map(words).collect();
        if told.is_empty() { "no incident".into() } else { told.join("; ") }
    }

    fn told_about(&self, name: &str) -> String {
        let about = self.incidents.values().filter(|incident| is_about(incident, name));
        let about: Vec<String> = about.map(words).collect();
        if about.is_empty() {
            format!("nothing about it; all told: {}", self.told())
        } else {
            about.join("; ")
        }
    }

    pub(super) fn outcome(self, file: &str, title: &str, seed: u64, world: &World) -> Outcome {
        let mut datagrams: BTreeMap<&'static str, BTreeMap<&'static str, u64>> = BTreeMap::new();
        for (class, purpose, count) in world.classes().since(&self.before).each() {
            datagrams.entry(class).or_default().insert(purpose, count);
        }
        Outcome {
            file: file.to_owned(),
            title: title.to_owned(),
            seed,
            ok: self.failures.is_empty() && self.violated.is_empty(),
            failures: self.failures,
            violations: self.violated.len(),
            violated: self.violated,
            pages: pages(world) - self.pages_before,
            incidents: self.incidents.len(),
            datagrams,
            trace_hash: format!("{:016x}", world.trace_hash()),
            events: world.events(),
            seconds: self.ran.as_secs(),
        }
    }
}

/// Opened lines of severity page.
fn pages(world: &World) -> usize {
    let opens = |line: &&_| {
        let line: &ringmesh_cma_core::documents::PageLine = line;
        line.severity == "page" && line.transition == "opened"
    };
    world.pages().iter().filter(opens).count()
}

/// What was sent but heartbeats: datagrams of all classes, or whatever is of one.
fn sent(world: &World, class: Option<&str>) -> u64 {
    let Some(class) = class else { return world.account().control() };
    let classes = world.classes();
    let of = classes.each().filter(|(known, purpose, _)| *known == class && !Account::is_beat(purpose));
    of.map(|(_, _, count)| count).sum()
}

fn is_about(incident: &IncidentDoc, name: &str) -> bool {
    let others = incident.alternatives.iter().map(|alternative| &alternative.subject);
    others.chain([&incident.subject]).any(|subject| subject.name == name)
}

fn fits(what: &What, incident: &IncidentDoc) -> bool {
    let What::Verdict { verdict, about, state, behind, .. } = what else { return false };
    let state = state.as_ref().is_none_or(|state| *state == incident.state);
    let behind = behind.is_none_or(|behind| behind == incident.behind.len());
    incident.verdict == *verdict && is_about(incident, about) && state && behind
}

fn words(incident: &IncidentDoc) -> String {
    let IncidentDoc { verdict, state, subject, behind, .. } = incident;
    format!("{verdict} about {}, {state}, {} behind it", subject.name, behind.len())
}
