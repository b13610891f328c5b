//! Worlds and a few faults drawn from a seed, all of it healed again: then everything is as if nothing had been.
//!
//! A seed is a whole run: what is built, what breaks and when, and every draw in between. A story is a scenario like
//! those of files, and can be written as one.

mod odd;
mod worn;

use std::collections::BTreeSet;
use std::fmt;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use ringmesh_proto::draws::{Draws, Purpose};

use crate::engine::Engine;
use crate::model::{HostPlan, Plan, Wire};
use crate::scenario::{Draft, Fault, FaultDraft, Follower, Outcome, Run, Scenario, SiteDraft};
use crate::watch::Watches;

/// Of two hundred hosts one more often has bad luck with a lossy start.
const SETTLES_LARGE: Duration = Duration::from_secs(60);
/// Faults of a small story begin within this time.
const FAULTS_WITHIN_MS: u64 = 60_000;
/// Each lasts so long at most.
const FAULT_LASTS_MS: u64 = 60_000;
/// After everything was healed.
const HEALS: Duration = Duration::from_secs(180);
/// What comes before the first fault, and after the heal: the start, and the quiet in which nobody may speak.
const AROUND: Duration = Duration::from_secs(50);

/// The stream that branch offices are drawn from.
const OFFICES: u64 = 0x00ff_1ce5;

/// How big stories are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// About how many hosts; `None`: two to six on each switch.
    pub hosts: Option<usize>,
    /// How long all of it lasts; `None`: about six minutes.
    pub length: Option<Duration>,
    /// What may break.
    pub kinds: Kinds,
}

/// Which kinds of faults are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kinds {
    /// Power, processes, cables and disks.
    Common,
    /// Sites have spines, feeds, bonds and whatever else wears too, and a random share of the kinds that go with them.
    Worn,
    /// All of those, and what is done to a network by people and by software: planned stops, switches that are silent
    /// or pose as others, copied hosts, ways that are bad for some packets.
    All,
}

impl Extent {
    /// Small ones.
    pub const SMALL: Self = Self { hosts: None, length: None, kinds: Kinds::Common };
    /// The shortest that has room for a fault of a second.
    pub const SHORTEST: Duration = Duration::from_secs(240);

    /// The time in which faults begin, and how long they last at most.
    fn of_faults_ms(self) -> (u64, u64) {
        let Some(length) = self.length else { return (FAULTS_WITHIN_MS, FAULT_LASTS_MS) };
        let all = length.max(Self::SHORTEST) - HEALS - AROUND;
        let lasts = u64::try_from(all.as_millis() / 2).unwrap_or(FAULT_LASTS_MS).min(2 * FAULT_LASTS_MS);
        (u64::try_from(all.as_millis()).unwrap_or(u64::MAX) - lasts, lasts)
    }
}

/// What is to be built, and what happens to it.
#[derive(Clone, Debug)]
pub struct Story {
    draft: Draft,
    scenario: Arc<Scenario>,
}

impl Story {
    /// The small story of that seed.
    pub fn of(seed: u64) -> Self {
        Self::sized(seed, Extent::SMALL)
    }

    /// The story of that seed and extent.
    pub fn sized(seed: u64, extent: Extent) -> Self {
        let chance = &mut Chance(Draws::new(seed, 0x5eed), 0);
        let sites = 1 + chance.index(3);
        let mut draft = Draft::new(seed);
        draft.title = format!("story {seed}");
        draft.whole_at_end = true;
        if extent.hosts.is_some() {
            draft.settle = SETTLES_LARGE;
        }
        for _ in 0..sites {
            let (switches, hosts) = (1 + chance.index(3), 2 + chance.index(5));
            let dual = switches > 1 && chance.below(2) == 0;
            draft.sites.push(SiteDraft {
                hosts: vec![hosts; switches],
                on_several: if dual { vec![vec![0, 1]] } else { Vec::new() },
                wan: (Duration::ZERO, 0),
                branch: false,
            });
        }
        if let Some(hosts) = extent.hosts {
            fill(&mut draft, hosts);
        }
        if extent.kinds >= Kinds::Worn {
            worn::build(&mut draft, chance);
        }
        if extent.kinds == Kinds::All {
            odd::open_offices(&mut draft, &mut Chance(Draws::new(seed, OFFICES), 0));
        }
        draft.loss_permille = some_loss(chance);
        for site in &mut draft.sites {
            site.wan = (Duration::from_millis(1 + chance.below(80)), some_loss(chance));
        }
        let plan = plan(&draft);
        let wear = (extent.kinds >= Kinds::Worn).then(|| worn::Share::drawn(chance));
        let one = |chance: &mut Chance| {
            let odd = extent.kinds == Kinds::All && chance.below(2) == 0;
            if let Some(odd) = odd.then(|| odd::draw(chance, &plan)).flatten() {
                return odd;
            }
            let worn =
                wear.as_ref().filter(|_| chance.below(2) == 0).and_then(|wear| wear.draw(chance, &plan));
            worn.unwrap_or_else(|| draw(chance, &plan))
        };
        let faults: Vec<Fault> = (0..1 + chance.below(8)).map(|_| one(chance)).collect();
        let (within, lasts) = extent.of_faults_ms();
        for (group, fault) in faults.into_iter().enumerate() {
            let at = Duration::from_millis(chance.below(within));
            let lasts = Some(Duration::from_millis(100 + chance.below(lasts)));
            draft.faults.push(FaultDraft { fault, at, lasts, group, if_whole: true });
        }
        draft.faults.sort_by_key(|fault| fault.at);
        let ends = |fault: &FaultDraft| fault.at + fault.lasts.unwrap_or_default();
        let healed = draft.faults.iter().map(ends).max().unwrap_or_default();
        draft.lossless_after = Some(healed);
        draft.duration = healed + HEALS;
        let scenario = draft.scenario(&format!("story {seed}"));
        let scenario =
            scenario.unwrap_or_else(|refusal| panic!("a story that is no scenario: {refusal}\n{draft}"));
        Self { draft, scenario: Arc::new(scenario) }
    }

    /// Lets it happen, heals everything, and looks what is left of it.
    pub fn run(&self, trace: bool) -> Run {
        self.scenario.run(self.scenario.seed, trace)
    }

    /// The same with somebody who follows it.
    pub fn run_followed(&self, trace: bool, follower: &mut dyn Follower) -> Outcome {
        self.scenario.run_followed(Engine::Reference, Wire::All, self.scenario.seed, trace, follower)
    }

    /// The same, in any engine, with all heartbeats sealed or not: it is the same run.
    pub fn run_in(&self, engine: Engine, wire: Wire) -> Run {
        self.scenario.run_in(engine, wire, self.scenario.seed, false)
    }

    /// Runs it in either engine: with all sealed in the one, and in the other with heartbeats as they were meant, one
    /// seed of 32 on two threads. What came of it, and what is wrong if it did not run the same way.
    pub fn run_twice(&self) -> (Outcome, Option<String>) {
        // In a world as small as this two threads wait for each other more than they run.
        let threads = NonZeroUsize::MIN.saturating_add(usize::from(self.scenario.seed.is_multiple_of(32)));
        let one = self.run(false).outcome;
        let other = self.run_in(Engine::Ring { threads }, Wire::Typed).outcome.trace_hash;
        let differs = (one.trace_hash != other).then(|| {
            format!("it ran two ways: {} in the reference engine, {other} in the other", one.trace_hash)
        });
        (one, differs)
    }

    /// The same under other laws.
    pub fn run_watched(&self, watches: impl Fn(&BTreeSet<&'static str>) -> Watches) -> Run {
        self.scenario.run_watched(self.scenario.seed, false, watches)
    }

    /// As a scenario that can be written, and made smaller.
    pub fn draft(&self) -> &Draft {
        &self.draft
    }
}

impl fmt::Display for Story {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Draft { seed, sites, loss_permille, faults, .. } = &self.draft;
        let shape: Vec<usize> = sites.iter().map(|site| site.hosts.len()).collect();
        writeln!(f, "seed {seed}: {} hosts on {shape:?} switches", self.draft.hosts())?;
        let wan: Vec<_> = sites.iter().map(|site| site.wan).collect();
        writeln!(f, "{loss_permille} of a thousand lost, WAN {wan:?}")?;
        for FaultDraft { fault, at, lasts, .. } in faults {
            writeln!(f, "{} ms: {fault:?} for {} ms", at.as_millis(), lasts.unwrap_or_default().as_millis())?;
        }
        Ok(())
    }
}

/// Spreads so many hosts over the switches that there are.
fn fill(draft: &mut Draft, hosts: usize) {
    let switches: usize = draft.sites.iter().map(|site| site.hosts.len()).sum();
    let dual: usize = draft.sites.iter().map(|site| site.on_several.len()).sum();
    let single = hosts.saturating_sub(dual).max(2 * switches);
    let all = draft.sites.iter_mut().flat_map(|site| &mut site.hosts);
    for (number, on_switch) in all.enumerate() {
        *on_switch = single / switches + usize::from(number < single % switches);
    }
}

/// What a draft builds.
fn plan(draft: &Draft) -> Plan {
    let mut plan = Plan { wan: draft.wan, ..Plan::sites(0, 0, 0) };
    for site in &draft.sites {
        let first = plan.switches();
        plan.sites.push(draft.parts_of(site));
        for (switch, hosts) in site.hosts.iter().enumerate() {
            plan = (0..*hosts).fold(plan, |plan, _| plan.with_host(&[first + switch]));
        }
        for on in &site.on_several {
            let switches = on.iter().map(|switch| first + switch).collect();
            plan.hosts.push(HostPlan { switches, bond: draft.bond });
        }
    }
    plan
}

/// Draws in a row.
struct Chance(Draws, u64);

impl Chance {
    fn below(&mut self, bound: u64) -> u64 {
        self.1 += 1;
        self.0.below(bound, Purpose::Start, self.1)
    }

    fn index(&mut self, bound: usize) -> usize {
        usize::try_from(self.below(bound as u64)).unwrap_or(0)
    }
}

/// None for half of all worlds.
fn some_loss(chance: &mut Chance) -> u64 {
    match chance.below(4) {
        0 | 1 => 0,
        2 => 10,
        _ => 50,
    }
}

fn draw(chance: &mut Chance, plan: &Plan) -> Fault {
    let (sites, switches) = (plan.sites.len(), plan.switches());
    let host = chance.index(plan.hosts.len());
    match chance.below(15) {
        0 | 1 => Fault::HostPower(host),
        2 => Fault::Probe(host),
        3 => Fault::Pause(host),
        4 => Fault::Cable(host, chance.index(plan.hosts[host].switches.len())),
        5 => Fault::SwitchPower(chance.index(switches)),
        6 => Fault::Uplink(chance.index(switches)),
        7 | 8 => Fault::Wan(chance.index(sites)),
        9 => Fault::Relay(chance.index(sites)),
        10 => Fault::Cma,
        11 => Fault::SitePower(chance.index(sites)),
        12 => Fault::RelayDisk(chance.index(sites)),
        13 => Fault::CmaDisk,
        _ => Fault::CmaWan,
    }
}
