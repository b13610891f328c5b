//! Laws that hold in every run, whatever breaks in it: each is a [`Watch`], apart from what anybody expects of that run.
//!
//! They look at a world ten times a second, most of them at much less of it, and change nothing. What is broken they
//! take from the truth of the model, by way of [`Health`]; what is told of it, from the relays' news and the CMA.

mod budget;
mod causes;
mod deaths;
mod health;
mod judged;
mod mesh;
mod reuse;
mod rings;
mod silence;
mod timers;
mod traffic;

use std::collections::BTreeSet;
use std::time::Duration;

use ringmesh_proto::time::Time;

use crate::model::World;

pub use health::{Change, Health};

/// How often is looked.
const LOOKS: Duration = Duration::from_millis(100);
/// One law complains so often; more would hide the others.
const COMPLAINTS_MAX: usize = 3;

/// What a law sees at a moment.
pub struct View<'a> {
    /// The world.
    pub world: &'a World,
    /// What works of it, and since when.
    pub health: &'a Health,
    /// The moment.
    pub now: Time,
}

/// A law.
pub trait Watch {
    /// A look at a run that goes on; what is wrong is appended.
    fn look(&mut self, view: &View<'_>, wrong: &mut Vec<String>);

    /// The last look.
    fn end(&mut self, _view: &View<'_>, _wrong: &mut Vec<String>) {}
}

/// How a law is begun.
type Begin = fn() -> Box<dyn Watch>;

/// Every law, by the name that files switch it off by.
pub const INVARIANTS: [(&str, Begin); 10] = [
    ("conserved", || Box::<traffic::Conserved>::default()),
    ("timers", || Box::<timers::Timers>::default()),
    ("no-reuse", || Box::<reuse::Reuse>::default()),
    ("two-watchers", || Box::new(rings::Rings::two_watchers())),
    ("single-cycle", || Box::new(rings::Rings::single_cycle())),
    ("death-noticed", || Box::<deaths::Deaths>::default()),
    ("change-budget", || Box::<budget::Budget>::default()),
    ("no-false-incident", || Box::<judged::Judged>::default()),
    ("no-unexplained-silence", || Box::<silence::Silence>::default()),
    ("one-per-cause", || Box::<causes::Causes>::default()),
];

/// All laws that are watched in a run.
pub struct Watches {
    all: Vec<Watched>,
    health: Option<Health>,
    looked: Option<Time>,
    wrong: Vec<String>,
}

struct Watched {
    name: &'static str,
    watch: Box<dyn Watch>,
    complaints: usize,
}

impl Watches {
    /// All laws.
    pub fn all() -> Self {
        Self::but(&BTreeSet::new())
    }

    /// All but those of these names.
    pub fn but(off: &BTreeSet<&'static str>) -> Self {
        let watched = INVARIANTS.iter().filter(|(name, _)| !off.contains(name));
        Self::of(watched.map(|(name, begin)| (*name, begin())).collect())
    }

    /// These, whoever made them.
    pub fn of(watches: Vec<(&'static str, Box<dyn Watch>)>) -> Self {
        let all = watches.into_iter().map(|(name, watch)| Watched { name, watch, complaints: 0 }).collect();
        Self { all, health: None, looked: None, wrong: Vec::new() }
    }

    /// One more.
    #[must_use]
    pub fn with(mut self, name: &'static str, watch: Box<dyn Watch>) -> Self {
        self.all.push(Watched { name, watch, complaints: 0 });
        self
    }

    /// A look, if it is time for one.
    pub fn look(&mut self, world: &World) {
        let now = world.now();
        if self.looked.is_some_and(|looked| now < looked + LOOKS) {
            return;
        }
        self.looked = Some(now);
        self.each(world, |watch, view, wrong| watch.look(view, wrong));
    }

    /// The last look.
    pub fn end(&mut self, world: &World) {
        self.each(world, |watch, view, wrong| watch.end(view, wrong));
    }

    fn each(&mut self, world: &World, do_it: impl Fn(&mut dyn Watch, &View<'_>, &mut Vec<String>)) {
        let health = self.health.get_or_insert_with(|| Health::of(world));
        health.look(world);
        let view = View { world, health, now: world.now() };
        for watched in self.all.iter_mut().filter(|watched| watched.complaints < COMPLAINTS_MAX) {
            let mut wrong = Vec::new();
            do_it(watched.watch.as_mut(), &view, &mut wrong);
            watched.complaints += wrong.len();
            let (name, now) = (watched.name, view.now);
            let line = |what| format!("invariant {name}: {what} (at {now:?}, event {})", world.events());
            self.wrong.extend(wrong.into_iter().map(line));
        }
    }

    /// What was wrong, in order.
    pub fn wrong(&self) -> &[String] {
        &self.wrong
    }

    /// The laws that were broken.
    pub fn broken(&self) -> Vec<&'static str> {
        self.all.iter().filter(|watched| watched.complaints > 0).map(|watched| watched.name).collect()
    }
}
