//! `bench`: figures of virtual time itself. Executed events, never represented ones.

mod all;
mod change;
mod common;
mod rate;
mod report;
mod run;
mod stage;
mod start;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand, ValueEnum};
use ringmesh_netsim::engine::Engine;
use ringmesh_netsim::model::Wire;
use serde_json::{Value, json};

use super::output::{line, say};
use super::{EngineName, HowArgs, WireName, refused};
use common::Common;
use run::{Measured, Size};
use stage::Stage;

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Figure {
    /// Events a second and octets a host while nothing changes.
    Rate,
    /// From hosts' deaths to their incidents at the CMA, and datagrams for each.
    Detection,
    /// Datagrams of deaths and returns by purpose, none twice in a ring.
    Repair,
    /// The same while one datagram of a thousand is lost.
    LossyRepair,
    /// Everything starts at once: when all is monitored, and what that takes.
    Start,
}

/// Figures of virtual time.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct BenchArgs {
    #[command(subcommand)]
    all: Option<Whole>,
    /// What is measured: rate, detection, repair, lossy-repair, start; several, one after the other in one world.
    #[arg(default_value = "rate", value_parser = figure, value_name = "FIGURE")]
    figures: Vec<Figure>,
    /// How many hosts, 40 on a switch, on up to 25 sites.
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(2..=10_000_000))]
    hosts: u32,
    /// Virtual seconds over which a rate is measured, after the start has come to rest.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    seconds: u64,
    /// Virtual seconds in which repairs happen.
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    window: u64,
    /// How many hosts die for `repair`, and how many others return; fewer where there are fewer rings.
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    changes: u32,
    /// How many hosts die in a round of `detection`, in each site one after the other; fewer where there are fewer rings.
    #[arg(long, default_value_t = 250, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    deaths: u32,
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
    /// Prints one JSON document; several figures stand in its `figures`.
    #[arg(long)]
    json: bool,
}

/// One by its name.
fn figure(name: &str) -> Result<Figure, String> {
    if name == "all" {
        return Err("it is all of them: no other figure beside it, and only its own options, after it".into());
    }
    Figure::from_str(name, false).map_err(|_| "no figure: see `bench --help`".into())
}

/// What is no figure.
#[derive(Debug, Subcommand)]
enum Whole {
    /// All figures, from 50 hosts to a million, as a report. Takes about a quarter of an hour on two idle cores, and 12 GB.
    All(AllArgs),
}

/// All figures.
#[derive(Debug, Args)]
struct AllArgs {
    /// The seed of everything random.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Prints one JSON document.
    #[arg(long)]
    json: bool,
    /// Writes the report to this file.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Leaves out what is larger.
    #[arg(long, default_value_t = 1_000_000)]
    hosts_max: u32,
}

/// What all figures are told.
struct Bench {
    hosts: usize,
    seconds: u64,
    window: u64,
    changes: usize,
    deaths: usize,
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
    fn not(figure: &str, why: &str, common: &Common) -> Self {
        let document = common.document(figure, json!({ "why": why }));
        Self { ok: false, text: format!("{figure}: {why}"), document }
    }
}

impl Bench {
    fn of(args: &BenchArgs, engine: Engine) -> Self {
        let engine_name = match args.how.engine {
            EngineName::Reference => "reference",
            EngineName::Ring => "ring",
        };
        let wire_name = match args.how.wire {
            WireName::All => "all",
            WireName::Sample => "sample",
            WireName::Typed => "typed",
        };
        Self {
            hosts: args.hosts as usize,
            seconds: args.seconds,
            window: args.window,
            changes: args.changes as usize,
            deaths: args.deaths as usize,
            rounds: args.rounds,
            loss: args.loss,
            seed: args.seed,
            cma: !args.no_cma,
            engine,
            wire: args.how.wire(),
            names: (engine_name, wire_name),
        }
    }

    fn build(&self) -> Measured {
        let size = Size { hosts: self.hosts, seed: self.seed, loss_permille: self.loss };
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
    if let Some(Whole::All(all)) = &args.all {
        return all::all(all);
    }
    match args.how.engine() {
        Ok(engine) => measure(args, &Bench::of(args, engine)),
        Err(unusable) => refused(&unusable),
    }
}

fn measure(args: &BenchArgs, bench: &Bench) -> ExitCode {
    let mut stage = Stage::new(bench);
    let mut all = Vec::new();
    for figure in &args.figures {
        let done = figure.of(bench, &mut stage);
        if args.json {
            // Whoever waits for the others sees this one already.
            say(&done.text);
        } else {
            line(&done.text);
        }
        all.push(done);
    }
    if args.json {
        let documents: Vec<Value> = all.iter().map(|done| done.document.clone()).collect();
        line(format_args!("{:#}", together(documents)));
    }
    if all.iter().all(|done| done.ok) { ExitCode::SUCCESS } else { ExitCode::from(1) }
}

/// One figure is a document; of several there is one all the same.
fn together(mut documents: Vec<Value>) -> Value {
    match documents.as_mut_slice() {
        [one] => one.take(),
        _ => json!({ "schema": 1, "figures": documents }),
    }
}

impl Figure {
    fn of(self, bench: &Bench, stage: &mut Stage) -> Done {
        match self {
            Self::Rate => rate::rate(bench, stage),
            Self::Detection => change::detection(bench, stage),
            Self::Repair => change::repair(bench, stage, bench.loss),
            Self::LossyRepair => change::repair(bench, stage, 1),
            Self::Start => start::start(bench, stage),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        bench: BenchArgs,
    }

    fn documents(words: &[&str]) -> Value {
        let line = Line::parse_from(["bench"].iter().chain(words));
        let args = line.bench;
        let bench = Bench::of(&args, args.how.engine().unwrap());
        let mut stage = Stage::new(&bench);
        together(args.figures.iter().map(|figure| figure.of(&bench, &mut stage).document).collect())
    }

    fn keys(document: &Value) -> BTreeSet<String> {
        document.as_object().unwrap().keys().cloned().collect()
    }

    /// The shape that is promised of `bench --json`.
    const PROMISED: [&str; 17] = [
        "schema",
        "figure",
        "engine",
        "threads",
        "hosts",
        "seconds",
        "seed",
        "events",
        "events_by_kind",
        "wall_seconds",
        "cpu_seconds",
        "events_per_second",
        "events_per_cpu_second",
        "realtime_factor",
        "bytes_per_host",
        "trace_hash",
        "violations",
    ];

    #[test]
    fn every_figure_has_the_promised_keys_alone_and_beside_others() {
        let names = ["start", "rate", "detection", "repair", "lossy-repair"];
        let small = ["--hosts", "40", "--seconds", "2", "--window", "5", "--wire", "typed"];
        let all = documents(&[names.as_slice(), small.as_slice()].concat());
        assert_eq!(keys(&all), ["figures", "schema"].map(str::to_owned).into());
        let figures = all["figures"].as_array().unwrap();
        assert_eq!(figures.len(), names.len());
        let alone = documents(&[["rate"].as_slice(), small.as_slice()].concat());
        for document in figures.iter().chain([&alone]) {
            let (name, keys) = (&document["figure"], keys(document));
            let missing: Vec<_> = PROMISED.iter().filter(|key| !keys.contains(**key)).collect();
            assert!(missing.is_empty(), "{name} does not have {missing:?}: {document}");
            let kinds = document["events_by_kind"].as_object().unwrap().values();
            let sum: u64 = kinds.filter_map(Value::as_u64).sum();
            assert_eq!(document["events"], sum, "{name}");
            assert_eq!((&document["violations"], document.get("why")), (&0.into(), None), "{name}");
        }
        assert_eq!(keys(&alone), keys(&figures[1]), "a rate is a rate wherever it stands");
        assert_eq!((&alone["seconds"], &figures[4]["loss_permille"]), (&2.into(), &1.into()));
    }
}
