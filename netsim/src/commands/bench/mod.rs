//! `bench`: figures of virtual time itself. Executed events, never represented ones.

mod change;
mod rate;
mod run;
mod start;

use std::process::ExitCode;

use clap::{Args, ValueEnum};
use ringmesh_netsim::engine::Engine;
use ringmesh_netsim::model::Wire;
use serde_json::Value;

use super::{EngineName, HowArgs, WireName};
use run::{Measured, Size};

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Figure {
    /// Events a second and octets a host while nothing changes.
    Rate,
    /// From hosts' deaths to their incidents at the CMA, and datagrams for each.
    Detection,
    /// Datagrams of deaths and returns by purpose, none twice in a ring.
    Repair,
    /// Everything starts at once: when all is monitored, and what that takes.
    Start,
}

/// Figures of virtual time.
#[derive(Debug, Args)]
pub(crate) struct BenchArgs {
    /// What is measured.
    #[arg(value_enum, default_value_t = Figure::Rate)]
    figure: Figure,
    /// How many hosts, 40 on a switch, on up to 25 sites.
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(2..=10_000_000))]
    hosts: u32,
    /// Virtual seconds that are measured: of a rate, after the start has come to rest; of repairs, the window in which
    /// they happen.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    seconds: u64,
    /// How many hosts die, and for `repair` how many others return; fewer where there are fewer rings.
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    changes: u32,
    /// How many rounds of deaths `detection` has: a small world has few rings, and one dies in each.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    rounds: u32,
    /// Lost datagrams inside the sites, in a thousand.
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u64).range(0..=1_000))]
    loss: u64,
    /// The seed of everything random.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Starts no CMA: what is measured of memory is probes and relays alone.
    #[arg(long)]
    no_cma: bool,
    #[command(flatten)]
    how: HowArgs,
    /// Prints one JSON document.
    #[arg(long)]
    json: bool,
}

/// What all figures are told.
struct Bench {
    hosts: usize,
    seconds: u64,
    changes: usize,
    rounds: u32,
    loss: u64,
    seed: u64,
    cma: bool,
    engine: Engine,
    wire: Wire,
    names: (&'static str, &'static str),
}

/// A figure, for people and for programs, and whether it is one.
struct Done {
    ok: bool,
    text: String,
    document: Value,
}

impl Done {
    /// What was wanted did not come to pass: no figure.
    fn not(why: &str) -> Self {
        Self { ok: false, text: why.into(), document: serde_json::json!({ "schema": 1, "why": why }) }
    }
}

impl Bench {
    /// A world in which so many datagrams of a thousand are lost.
    fn build(&self, loss_permille: u64) -> Measured {
        let size = Size { hosts: self.hosts, seed: self.seed, loss_permille };
        Measured::build(size, self.engine, self.wire, self.cma)
    }

    fn threads(&self) -> usize {
        match self.engine {
            Engine::Reference => 1,
            Engine::Ring { threads } => threads.get(),
        }
    }

    fn engine_name(&self) -> &'static str {
        self.names.0
    }

    fn wire_name(&self) -> &'static str {
        self.names.1
    }
}

/// `bench`.
pub(crate) fn bench(args: &BenchArgs) -> ExitCode {
    let engine = match args.how.engine {
        EngineName::Reference => "reference",
        EngineName::Ring => "ring",
    };
    let wire = match args.how.wire {
        WireName::All => "all",
        WireName::Sample => "sample",
        WireName::Typed => "typed",
    };
    let bench = Bench {
        hosts: args.hosts as usize,
        seconds: args.seconds,
        changes: args.changes as usize,
        rounds: args.rounds,
        loss: args.loss,
        seed: args.seed,
        cma: !args.no_cma,
        engine: args.how.engine(),
        wire: args.how.wire(),
        names: (engine, wire),
    };
    let done = match args.figure {
        Figure::Rate => rate::rate(&bench),
        Figure::Detection => change::detection(&bench),
        Figure::Repair => change::repair(&bench),
        Figure::Start => start::start(&bench),
    };
    if args.json {
        println!("{:#}", done.document);
    } else {
        println!("{}", done.text);
    }
    if done.ok { ExitCode::SUCCESS } else { ExitCode::from(1) }
}
