//! Letting a scenario happen, with somebody who looks every ten milliseconds and before every fault.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use ringmesh_proto::time::Time;

use super::expect::What;
use super::fault::{Fault, Stage};
use super::judge::Judge;
use super::load::Scenario;
use super::report::Outcome;
use super::script::{Broke, Cue, Told, told};
use super::text::seconds;
use super::wear::Wear;
use super::whole::{not_joined, picture_differs};
use crate::engine::Engine;
use crate::model::{Classes, Wire, World};
use crate::watch::Watches;

/// How often is looked ..
const LOOKS: Duration = Duration::from_millis(10);
/// .. and how often where nothing is expected at any moment: by the laws, and for what was told.
const SELDOM: Duration = Duration::from_millis(100);
const JUDGED: Duration = Duration::from_secs(1);
/// Of the start, between two looks of those who follow it.
const STARTS: Duration = Duration::from_secs(1);

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

/// How far a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SoFar {
    /// Virtual time, the start included ..
    pub at: Duration,
    /// .. of so much.
    pub of: Duration,
    /// Executed.
    pub events: u64,
    /// That the CMA was told of.
    pub incidents: usize,
}

/// Whoever follows a run while it goes on. What they do is no part of it.
pub trait Follower {
    /// The next lines of its trace, if one was wanted; `false`: no more of it is wanted, and the run ends.
    fn lines(&mut self, lines: Vec<String>) -> bool;
    /// Asked now and then; it is looked only by those who want to know.
    fn look(&mut self, so_far: &dyn Fn() -> SoFar);
}

/// Keeps every line.
#[derive(Default)]
struct Keeper(Vec<String>);

impl Follower for Keeper {
    fn lines(&mut self, lines: Vec<String>) -> bool {
        self.0.extend(lines);
        true
    }

    fn look(&mut self, _so_far: &dyn Fn() -> SoFar) {}
}

/// How a scenario is executed.
struct Course {
    engine: Engine,
    wire: Wire,
    seed: u64,
    /// Every line is told.
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
        self.kept(&Course::reference(seed, trace), Watches::but)
    }

    /// The same, in any engine, with all heartbeats sealed or not: it is the same run.
    pub fn run_in(&self, engine: Engine, wire: Wire, seed: u64, trace: bool) -> Run {
        self.kept(&Course { engine, wire, ..Course::reference(seed, trace) }, Watches::but)
    }

    /// The same with somebody who follows it: who is told the trace keeps it, or does not.
    pub fn run_followed(
        &self,
        engine: Engine,
        wire: Wire,
        seed: u64,
        trace: bool,
        follower: &mut dyn Follower,
    ) -> Outcome {
        let course = Course { engine, wire, ..Course::reference(seed, trace) };
        self.execute(&course, Watches::but, follower).outcome
    }

    /// Runs it with a seed until the event of that number: every line up to there, and `true`; or all there are, and
    /// `false`.
    pub fn replay(&self, seed: u64, event: u64) -> (Vec<String>, bool) {
        let mut keeper = Keeper::default();
        let reached = self.replay_followed(seed, event, &mut keeper);
        (keeper.0, reached)
    }

    /// The same; the lines go to whoever follows it.
    pub fn replay_followed(&self, seed: u64, event: u64, follower: &mut dyn Follower) -> bool {
        let course = Course { last: event, ..Course::reference(seed, true) };
        self.execute(&course, Watches::but, follower).outcome.events == event
    }

    /// The same with other laws than all: given those that the file switches off, `watches` makes them.
    pub fn run_watched(
        &self,
        seed: u64,
        trace: bool,
        watches: impl Fn(&BTreeSet<&'static str>) -> Watches,
    ) -> Run {
        self.kept(&Course::reference(seed, trace), watches)
    }

    fn kept(&self, course: &Course, watches: impl Fn(&BTreeSet<&'static str>) -> Watches) -> Run {
        let mut keeper = Keeper::default();
        let run = self.execute(course, watches, &mut keeper);
        Run { trace: keeper.0, ..run }
    }

    /// Whether anything is expected of other moments than the end.
    fn is_sharp(&self) -> bool {
        self.expect.iter().any(|expect| !matches!(expect.what, What::WholeAtEnd))
    }

    /// Whether a host ever runs the image of another.
    fn has_copies(&self) -> bool {
        let mut all = self.faults.iter().flat_map(|planned| &planned.faults);
        all.any(|fault| matches!(fault, Fault::Wear(Wear::Clone { .. })))
    }

    /// Nothing of the trace is in what it returns.
    fn execute(
        &self,
        course: &Course,
        watches: impl Fn(&BTreeSet<&'static str>) -> Watches,
        follower: &mut dyn Follower,
    ) -> Run {
        let Course { engine, wire, seed, trace, last } = *course;
        let mut plan = self.shape.plan.clone();
        plan.seed = seed;
        let mut stage = Stage::new(plan, self.shape.whole.clone());
        stage.world.set_engine(engine);
        stage.world.set_wire(if self.has_copies() { Wire::All } else { wire });
        if trace {
            stage.world.trace();
        }
        let cues = self.cues(seed);
        let mut eyes = Eyes {
            judge: self.judge(seed, Duration::ZERO),
            watches: watches(&self.unwatched),
            broke: Vec::new(),
            before: Classes::default(),
            follower,
            length: self.settle + self.duration,
        };
        let lived = catch_unwind(AssertUnwindSafe(|| self.live(&mut stage, &cues, &mut eyes, last)));
        if lived.is_err() {
            eyes.judge.violated("a machine of ours broke an invariant and panicked: told above".into());
        }
        eyes.follow(&mut stage.world);
        let Eyes { mut judge, watches, broke, before, .. } = eyes;
        let broken = watches.broken();
        watches.wrong().iter().for_each(|wrong| judge.violated(wrong.clone()));
        let judged = judge.close();
        let told = told(&judged.incidents, &broke);
        let outcome = Outcome::of(self, seed, judged, &before, &stage.world);
        Run { outcome, told, broken, trace: Vec::new() }
    }

    /// Stops after the event of that number.
    fn live(&self, stage: &mut Stage, cues: &[Cue], eyes: &mut Eyes<'_>, last: u64) {
        if !self.start(&mut stage.world, eyes, last) {
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
            if !eyes.run(&mut stage.world, next - at, last) {
                return;
            }
            at = next;
        }
        eyes.judge.look(&stage.world, at);
        eyes.watches.end(&stage.world);
        let plan = stage.plan().clone();
        eyes.judge.end(&plan, &mut stage.world, at);
    }

    /// Everything starts, and has so long to find each other; `false`: it ended before.
    fn start(&self, world: &mut World, eyes: &mut Eyes<'_>, last: u64) -> bool {
        let mut left = self.settle;
        loop {
            let step = left.min(STARTS);
            left -= step;
            if !eyes.run(world, step, last) {
                return false;
            }
            if left.is_zero() {
                return true;
            }
        }
    }
}

/// Whoever looks, and what they need to know.
struct Eyes<'a> {
    judge: Judge<'a>,
    watches: Watches,
    broke: Vec<Broke>,
    /// What was said before the scenario began.
    before: Classes,
    follower: &'a mut dyn Follower,
    /// Of the run, the start included.
    length: Duration,
}

impl Eyes<'_> {
    /// Lets it run, and those who follow it know; `false`: it ends here.
    fn run(&mut self, world: &mut World, span: Duration, last: u64) -> bool {
        let reached = world.run_to_event(span, last);
        self.follow(world) && !reached
    }

    /// `false`: nobody wants more of it.
    fn follow(&mut self, world: &mut World) -> bool {
        let lines = world.take_traced();
        let wanted = lines.is_empty() || self.follower.lines(lines);
        self.follower.look(&|| SoFar {
            at: world.now().since(Time::ZERO),
            of: self.length,
            events: world.events(),
            incidents: world.incidents().len(),
        });
        wanted
    }
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

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    /// What was told, in order: lines, and how far it was.
    #[derive(Default)]
    struct Listener {
        lines: Vec<Vec<String>>,
        looks: RefCell<Vec<SoFar>>,
        lines_max: Option<usize>,
    }

    impl Follower for Listener {
        fn lines(&mut self, lines: Vec<String>) -> bool {
            self.lines.push(lines);
            self.lines_max.is_none_or(|most| self.lines.len() < most)
        }

        fn look(&mut self, so_far: &dyn Fn() -> SoFar) {
            self.looks.borrow_mut().push(so_far());
        }
    }

    fn scenario() -> Scenario {
        let text = "duration = \"40s\"\n[topology]\nsites = 2\nswitches = 1\nhosts = 3\n\
                    [[faults]]\nkind = \"host-power\"\non = \"h2\"\nat = \"5s\"\n";
        Scenario::read("a.toml", text).unwrap()
    }

    #[test]
    fn a_trace_comes_bit_by_bit_and_is_the_same_and_so_is_what_came_of_it() {
        let (scenario, mut listener) = (scenario(), Listener::default());
        let outcome = scenario.run_followed(Engine::Reference, Wire::All, 3, true, &mut listener);
        let run = scenario.run(3, true);
        assert_eq!(outcome.trace_hash, run.outcome.trace_hash);
        assert!(listener.lines.len() > 5, "it came in {} bits", listener.lines.len());
        assert_eq!(listener.lines.concat(), run.trace);
        let looks = listener.looks.into_inner();
        let (first, last) = (looks[0], looks[looks.len() - 1]);
        assert!(first.at <= STARTS && first.events > 0, "{first:?}");
        assert_eq!((last.at, last.of, last.incidents), (last.of, Duration::from_secs(70), 1));
        assert!(looks.is_sorted_by_key(|look| (look.at, look.events)));
    }

    #[test]
    fn it_ends_where_nobody_wants_more_of_it() {
        let mut listener = Listener { lines_max: Some(5), ..Listener::default() };
        assert!(!scenario().replay_followed(3, u64::MAX, &mut listener));
        assert_eq!(listener.lines.len(), 5);
    }
}
