//! Letting a scenario happen, with somebody who looks every ten milliseconds and before every fault.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use ringmesh_proto::draws::{Draws, Purpose};

use super::expect::Moment;
use super::fault::{Fault, Stage};
use super::load::{Planned, Scenario};
use super::report::Outcome;
use super::text::seconds;
use super::watch::{Times, Watch};
use super::whole::{not_linked, picture_differs};
use crate::engine::Engine;
use crate::model::Wire;

/// How often is looked.
const LOOKS: Duration = Duration::from_millis(10);
/// The draws that give faults their moments in their windows.
const WINDOWS: u64 = 0xfa17;

/// A run that is over.
#[derive(Debug)]
pub struct Run {
    /// What is told of it.
    pub outcome: Outcome,
    /// Every line of it, if a trace was wanted.
    pub trace: Vec<String>,
}

/// Something begins, or ends.
struct Step {
    at: Duration,
    /// Of equal times, ends come first, then the order of the file.
    order: (bool, usize),
    fault: Fault,
}

impl Planned {
    /// When the last of it has ended, at the latest.
    pub(super) fn latest_end(&self) -> Duration {
        self.begins[1] + self.lasts.unwrap_or_default()
    }

    /// When each of its faults begins in the run of a seed; a window draws one moment for each.
    fn moments(&self, number: usize, seed: u64) -> Vec<Duration> {
        let [first, last] = self.begins;
        let millis = u64::try_from((last - first).as_millis()).unwrap_or(u64::MAX).saturating_add(1);
        let draws = Draws::new(seed, WINDOWS + number as u64);
        let at = |target: usize| draws.below(millis, Purpose::Start, target as u64);
        (0..self.faults.len()).map(|target| first + Duration::from_millis(at(target))).collect()
    }
}

impl Scenario {
    /// Runs it with a seed; `trace` keeps every line.
    pub fn run(&self, seed: u64, trace: bool) -> Run {
        self.run_in(Engine::Reference, Wire::All, seed, trace)
    }

    /// The same, in any engine, with all heartbeats sealed or not: it is the same run.
    pub fn run_in(&self, engine: Engine, wire: Wire, seed: u64, trace: bool) -> Run {
        self.run_to(engine, wire, seed, trace, u64::MAX)
    }

    /// Runs it with a seed until the event of that number: every line up to there, and `true`; or all there are, and
    /// `false`.
    pub fn replay(&self, seed: u64, event: u64) -> (Vec<String>, bool) {
        let run = self.run_to(Engine::Reference, Wire::All, seed, true, event);
        (run.trace, run.outcome.events == event)
    }

    fn run_to(&self, engine: Engine, wire: Wire, seed: u64, trace: bool, last: u64) -> Run {
        let mut plan = self.shape.plan.clone();
        plan.seed = seed;
        let mut stage = Stage::new(plan, self.shape.whole.clone());
        stage.world.set_engine(engine);
        stage.world.set_wire(wire);
        if trace {
            stage.world.trace();
        }
        let (steps, times) = self.steps(seed);
        let mut watch = Watch::new(&self.expect, times);
        let lived = catch_unwind(AssertUnwindSafe(|| self.live(&mut stage, &steps, &mut watch, last)));
        if lived.is_err() {
            watch.violated("a machine of ours broke an invariant and panicked: told above".into());
        }
        let outcome = watch.outcome(&self.file, &self.title, seed, &stage.world);
        Run { outcome, trace: stage.world.traced().to_vec() }
    }

    /// Stops after the event of that number.
    fn live(&self, stage: &mut Stage, steps: &[Step], watch: &mut Watch<'_>, last: u64) {
        if stage.world.run_to_event(self.settle, last) {
            return;
        }
        let missing = not_linked(stage.plan(), &stage.world);
        let differing = (0..stage.world.sites()).filter_map(|site| picture_differs(&stage.world, site));
        for wrong in missing.into_iter().chain(differing) {
            watch.violated(format!("not settled within {}: {wrong}", seconds(self.settle)));
        }
        watch.begin(&stage.world);
        let mut at = Duration::ZERO;
        let mut steps = steps.iter().peekable();
        loop {
            watch.look(&stage.world, at);
            while let Some(step) = steps.next_if(|step| step.at <= at) {
                self.take(stage, step, watch);
            }
            if at >= self.duration {
                break;
            }
            let next = steps.peek().map_or(self.duration, |step| step.at);
            let next = next.min(at + LOOKS).min(self.duration);
            if stage.world.run_to_event(next - at, last) {
                return;
            }
            at = next;
        }
        watch.end(stage, at);
    }

    fn take(&self, stage: &mut Stage, step: &Step, watch: &mut Watch<'_>) {
        let (begins, number) = step.order;
        let done = if begins { stage.begin(step.fault) } else { stage.end(step.fault) };
        if let Some(planned) = self.faults.get(number).filter(|_| !done) {
            let what =
                if begins { "was broken already, or its site has no power" } else { "was whole already" };
            let (kind, line, at) = (planned.kind, planned.line, seconds(step.at));
            watch.violated(format!("line {line}: {kind} changed nothing at {at}: it {what}"));
        }
    }

    /// What happens when, and when the moments are that expectations count from.
    fn steps(&self, seed: u64) -> (Vec<Step>, Times) {
        let (mut steps, mut times) = (Vec::new(), Times::default());
        times.set(Moment::Settled, Duration::ZERO);
        for (number, planned) in self.faults.iter().enumerate() {
            let moments = planned.moments(number, seed);
            times.set(Moment::BeginOf(number), moments.iter().copied().min().unwrap_or_default());
            let last = moments.iter().copied().max().unwrap_or_default();
            times.set(Moment::EndOf(number), last + planned.lasts.unwrap_or_default());
            for (fault, at) in planned.faults.iter().zip(moments) {
                steps.push(Step { at, order: (true, number), fault: *fault });
                let end =
                    planned.lasts.map(|lasts| Step { at: at + lasts, order: (false, number), fault: *fault });
                steps.extend(end);
            }
        }
        steps.sort_by_key(|step| (step.at, step.order));
        (steps, times)
    }
}
