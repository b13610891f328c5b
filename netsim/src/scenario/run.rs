//! Letting a scenario happen, with somebody who looks every ten milliseconds and before every fault.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use super::expect::What;
use super::fault::Stage;
use super::judge::Judge;
use super::load::Scenario;
use super::report::Outcome;
use super::script::{Broke, Cue, Told, told};
use super::text::seconds;
use super::whole::{not_joined, picture_differs};
use crate::engine::Engine;
use crate::model::Classes;
use crate::model::Wire;
use crate::watch::Watches;

/// How often is looked ..
const LOOKS: Duration = Duration::from_millis(10);
/// .. and how often where nothing is expected at any moment: by the laws, and for what was told.
const SELDOM: Duration = Duration::from_millis(100);
const JUDGED: Duration = Duration::from_secs(1);
/// A run that is over.
#[derive(Debug)]
pub struct Run {
    /// What is reported of it.
    pub outcome: Outcome,
    /// What was told of each thing that broke.
    pub told: Vec<Told>,
    /// The laws that were broken.
    pub broken: Vec<&'static str>,
    /// Every line of it, if a trace was wanted.
    pub trace: Vec<String>,
}

/// How a scenario is executed.
struct Course {
    engine: Engine,
    wire: Wire,
    seed: u64,
    /// Every line is kept.
    trace: bool,
    /// It ends after the event of that number.
    last: u64,
}

impl Course {
    fn reference(seed: u64, trace: bool) -> Self {
        Self { engine: Engine::Reference, wire: Wire::All, seed, trace, last: u64::MAX }
    }
}

impl Scenario {
    /// Runs it with a seed; `trace` keeps every line.
    pub fn run(&self, seed: u64, trace: bool) -> Run {
        self.execute(&Course::reference(seed, trace), Watches::but)
    }

    /// The same, in any engine, with all heartbeats sealed or not: it is the same run.
    pub fn run_in(&self, engine: Engine, wire: Wire, seed: u64, trace: bool) -> Run {
        self.execute(&Course { engine, wire, ..Course::reference(seed, trace) }, Watches::but)
    }

    /// Runs it with a seed until the event of that number: every line up to there, and `true`; or all there are, and
    /// `false`.
    pub fn replay(&self, seed: u64, event: u64) -> (Vec<String>, bool) {
        let run = self.execute(&Course { last: event, ..Course::reference(seed, true) }, Watches::but);
        (run.trace, run.outcome.events == event)
    }

    /// The same with other laws than all: given those that the file switches off, `watches` makes them.
    pub fn run_watched(
        &self,
        seed: u64,
        trace: bool,
        watches: impl Fn(&BTreeSet<&'static str>) -> Watches,
    ) -> Run {
        self.execute(&Course::reference(seed, trace), watches)
    }

    /// Whether anything is expected of other moments than the end.
    fn is_sharp(&self) -> bool {
        self.expect.iter().any(|expect| !matches!(expect.what, What::WholeAtEnd))
    }

    fn execute(&self, course: &Course, watches: impl Fn(&BTreeSet<&'static str>) -> Watches) -> Run {
        let Course { engine, wire, seed, trace, last } = *course;
        let mut plan = self.shape.plan.clone();
        plan.seed = seed;
        let mut stage = Stage::new(plan, self.shape.whole.clone());
        stage.world.set_engine(engine);
        stage.world.set_wire(wire);
        if trace {
            stage.world.trace();
        }
        let cues = self.cues(seed);
        let mut eyes = Eyes {
            judge: self.judge(seed, Duration::ZERO),
            watches: watches(&self.unwatched),
            broke: Vec::new(),
            before: Classes::default(),
        };
        let lived = catch_unwind(AssertUnwindSafe(|| self.live(&mut stage, &cues, &mut eyes, last)));
        if lived.is_err() {
            eyes.judge.violated("a machine of ours broke an invariant and panicked: told above".into());
        }
        let Eyes { mut judge, watches, broke, before } = eyes;
        let broken = watches.broken();
        watches.wrong().iter().for_each(|wrong| judge.violated(wrong.clone()));
        let judged = judge.close();
        let told = told(&judged.incidents, &broke);
        let outcome = Outcome::of(self, seed, judged, &before, &stage.world);
        Run { outcome, told, broken, trace: stage.world.traced().to_vec() }
    }

    /// Stops after the event of that number.
    fn live(&self, stage: &mut Stage, cues: &[Cue], eyes: &mut Eyes<'_>, last: u64) {
        if stage.world.run_to_event(self.settle, last) {
            return;
        }
        let missing = not_joined(&stage.world);
        let differing = (0..stage.world.sites()).filter_map(|site| picture_differs(&stage.world, site));
        for wrong in missing.into_iter().chain(differing) {
            eyes.judge.violated(format!("not settled within {}: {wrong}", seconds(self.settle)));
        }
        eyes.before = stage.world.classes().clone();
        eyes.judge.begin(&stage.world);
        let mut at = Duration::ZERO;
        let mut cues = cues.iter().peekable();
        let mut lossless = self.lossless_after;
        let (sharp, mut judged) = (self.is_sharp(), Duration::ZERO);
        let looks = if sharp { LOOKS } else { SELDOM };
        loop {
            if at >= judged {
                eyes.judge.look(&stage.world, at);
                judged = at + if sharp { Duration::ZERO } else { JUDGED };
            }
            eyes.watches.look(&stage.world);
            while let Some(cue) = cues.next_if(|cue| cue.at <= at) {
                take(stage, cue, eyes);
            }
            if lossless.take_if(|after| *after <= at).is_some() {
                stage.lose_nothing();
            }
            if at >= self.duration {
                break;
            }
            let next = cues.peek().map_or(self.duration, |cue| cue.at);
            let next = next.min(lossless.unwrap_or(next)).min(at + looks).min(self.duration);
            if stage.world.run_to_event(next - at, last) {
                return;
            }
            at = next;
        }
        eyes.judge.look(&stage.world, at);
        eyes.watches.end(&stage.world);
        let plan = stage.plan().clone();
        eyes.judge.end(&plan, &mut stage.world, at);
    }
}

/// Whoever looks, and what they need to know.
struct Eyes<'a> {
    judge: Judge<'a>,
    watches: Watches,
    broke: Vec<Broke>,
    /// What was said before the scenario began.
    before: Classes,
}

fn take(stage: &mut Stage, cue: &Cue, eyes: &mut Eyes<'_>) {
    let at_ms = stage.world.wall_ms(stage.world.now());
    let done = if cue.begins { stage.begin(cue.fault) } else { stage.end(cue.fault) };
    if done && cue.begins {
        eyes.broke.push(Broke { subject: cue.fault.subject(stage.plan()), at_ms });
    }
    if !done && !cue.may_miss {
        let what =
            if cue.begins { "was broken already, or its site has no power" } else { "was whole already" };
        let (kind, line, at) = (cue.kind, cue.line, seconds(cue.at));
        eyes.judge.violated(format!("line {line}: {kind} changed nothing at {at}: it {what}"));
    }
}
