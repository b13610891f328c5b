//! Small worlds, a few faults at random, all of it healed again: then everything is as if nothing had been.
//!
//! A seed is a whole run: what is built, what breaks and when, and every draw in between.

use std::collections::BTreeMap;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use ringmesh_proto::draws::{Draws, Purpose};

use crate::engine::Engine;
use crate::model::{Plan, Wire, World};
use crate::scenario::{Fault, Quality, Stage, not_whole};

/// How long all probes and relays have to find each other at the start.
const SETTLES: Duration = Duration::from_secs(30);
/// Faults begin within this time.
const FAULTS_WITHIN_MS: u64 = 60_000;
/// Each lasts so long at most.
const FAULT_LASTS_MS: u64 = 60_000;
/// After everything was healed.
const HEALS: Duration = Duration::from_secs(180);

/// What is to be built, and what happens to it.
#[derive(Debug)]
pub struct Story {
    plan: Plan,
    whole: Quality,
    /// When something begins (true) or ends, in milliseconds after the start settled.
    steps: BTreeMap<(u64, usize), (Fault, bool)>,
}

/// How a story ended.
pub struct Ended {
    /// What is not as it should be.
    pub wrong: Vec<String>,
    /// The world as it was left.
    pub world: World,
}

impl Story {
    /// The story of that seed.
    pub fn of(seed: u64) -> Self {
        let chance = &mut Chance(Draws::new(seed, 0x5eed), 0);
        let sites = 1 + chance.index(3);
        let mut plan = Plan { seed, ..Plan::sites(0, 0, 0) };
        for _ in 0..sites {
            let (switches, hosts) = (1 + chance.index(3), 2 + chance.index(5));
            let first = plan.switches();
            plan = plan.with_site(switches, hosts);
            if switches > 1 && chance.below(2) == 0 {
                plan = plan.with_host(&[first, first + 1]);
            }
        }
        plan.loss_permille = some_loss(chance);
        let wan = (0..sites).map(|_| (Duration::from_millis(1 + chance.below(80)), some_loss(chance)));
        let whole = Quality { wan: wan.collect(), loss_permille: plan.loss_permille };
        let faults: Vec<Fault> = (0..1 + chance.below(8)).map(|_| draw(chance, &plan)).collect();
        let mut steps = BTreeMap::new();
        for fault in faults {
            let begins = chance.below(FAULTS_WITHIN_MS);
            let ends = begins + 100 + chance.below(FAULT_LASTS_MS);
            let number = steps.len();
            steps.insert((begins, number), (fault, true));
            steps.insert((ends, number + 1), (fault, false));
        }
        Self { plan, whole, steps }
    }

    /// Lets it happen, heals everything, and looks what is left of it. The world keeps its trace.
    pub fn run(&self) -> Ended {
        self.run_in(Engine::Reference, Wire::All)
    }

    /// The same, in any engine, with all heartbeats sealed or not: it is the same run.
    pub fn run_in(&self, engine: Engine, wire: Wire) -> Ended {
        let mut stage = Stage::new(self.plan.clone(), self.whole.clone());
        stage.world.trace();
        stage.world.set_engine(engine);
        stage.world.set_wire(wire);
        let lived = catch_unwind(AssertUnwindSafe(|| {
            self.live(&mut stage);
            not_whole(&self.plan, &mut stage.world)
        }));
        let wrong = lived.unwrap_or_else(|_| vec!["a panic, told above".into()]);
        Ended { wrong, world: stage.world }
    }

    fn live(&self, stage: &mut Stage) {
        stage.world.run_for(SETTLES);
        let start = stage.world.now();
        for (&(at, _), &(fault, begins)) in &self.steps {
            let until = start + Duration::from_millis(at);
            stage.world.run_for(until.since(stage.world.now()));
            if begins {
                stage.begin(fault);
            } else {
                stage.end(fault);
            }
        }
        stage.lose_nothing();
        stage.world.run_for(HEALS);
    }
}

impl fmt::Display for Story {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shape: Vec<usize> = self.plan.sites.iter().map(|site| site.switches).collect();
        let Plan { hosts, loss_permille, seed, .. } = &self.plan;
        writeln!(f, "seed {seed}: {} hosts on {shape:?} switches", hosts.len())?;
        writeln!(f, "{loss_permille} of a thousand lost, WAN {:?}", self.whole.wan)?;
        for ((at, _), (fault, begins)) in &self.steps {
            writeln!(f, "{at} ms: {fault:?} {}", if *begins { "begins" } else { "ends" })?;
        }
        Ok(())
    }
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
