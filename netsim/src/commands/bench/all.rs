//! `bench all`: every figure from 50 hosts to a million. Each world is a process of its own, so that what one took of
//! memory is not counted for the next.

use std::cell::Cell;
use std::env;
use std::error::Error;
use std::fs;
use std::process::{Command, ExitCode, Stdio};

use ringmesh_netsim::REVISION;
use serde_json::{Value, json};

use super::super::output::{line, put, say};
use super::AllArgs;
use super::report::{self, Figures};
use super::run::load;

/// One world.
struct World {
    hosts: usize,
    threads: u32,
    figures: &'static [&'static str],
    /// Options that others do not have.
    more: &'static [&'static str],
}

/// A small world has few rings, and in each round one host of each dies.
const WORLDS: [World; 6] = [
    World { hosts: 50, threads: 1, figures: &["detection"], more: &["--rounds", "100"] },
    World { hosts: 1_000, threads: 1, figures: &["detection"], more: &["--rounds", "10"] },
    World { hosts: 10_000, threads: 1, figures: &["rate", "detection"], more: &["--rounds", "2"] },
    World { hosts: 100_000, threads: 1, figures: &["rate"], more: &["--no-cma"] },
    World {
        hosts: 100_000,
        threads: 1,
        figures: &["start", "rate", "detection", "repair", "lossy-repair"],
        more: &["--seconds", "20"],
    },
    World {
        hosts: 1_000_000,
        threads: 2,
        figures: &["start", "rate", "detection", "repair"],
        more: &["--deaths", "125"],
    },
];

/// `bench all`.
pub(super) fn all(args: &AllArgs) -> ExitCode {
    match measure(args) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            say(format_args!("ringmesh-netsim: {error}"));
            ExitCode::from(2)
        }
    }
}

fn measure(args: &AllArgs) -> Result<bool, Box<dyn Error>> {
    let load_before = load();
    let (mut figures, complete) = (Figures::default(), Cell::new(true));
    // The others are told all the same; but nobody may take it that all of it holds.
    let not_measured = |world: &World, why: &str| {
        say(format_args!("ringmesh-netsim: of {} hosts something was not measured: {why}", world.hosts));
        complete.set(false);
    };
    for world in WORLDS.iter().filter(|world| world.hosts <= args.hosts_max as usize) {
        match world.measure(args.seed) {
            Ok(documents) => documents.into_iter().for_each(|document| match document["why"].as_str() {
                None => figures.add(document),
                Some(why) => not_measured(world, why),
            }),
            Err(error) => not_measured(world, &error.to_string()),
        }
    }
    if figures.documents().is_empty() {
        let least = WORLDS.iter().map(|world| world.hosts).min().unwrap_or_default();
        say(format_args!(
            "ringmesh-netsim: nothing was measured; the least world has {least} hosts: see --hosts-max"
        ));
        return Ok(false);
    }
    let about = about(&load_before);
    let report = report::of(&figures, &about);
    if let Some(out) = &args.out {
        let unwritable =
            |error| format!("{}: {error}: name a file that can be written with --out", out.display());
        fs::write(out, &report.text).map_err(unwritable)?;
    }
    if args.json {
        let about: serde_json::Map<String, Value> =
            about.into_iter().map(|(what, said)| (what.to_owned(), said.into())).collect();
        let document = json!({ "schema": 1, "machine": about, "figures": figures.documents() });
        line(format_args!("{document:#}"));
    } else {
        put(&report.text);
    }
    Ok(report.held && complete.get())
}

impl World {
    /// The documents of its figures, also of those that are not what was wanted.
    fn measure(&self, seed: u64) -> Result<Vec<Value>, Box<dyn Error>> {
        say(format_args!("{} hosts: {}", self.hosts, self.figures.join(", ")));
        let (hosts, threads, seed) = (self.hosts.to_string(), self.threads.to_string(), seed.to_string());
        let how = ["--engine", "ring", "--wire", "typed", "--threads", &threads, "--hosts", &hosts];
        let told = Command::new(env::current_exe()?)
            .arg("bench")
            .args(self.figures)
            .args(how)
            .args(["--seed", &seed, "--json"])
            .args(self.more)
            .stderr(Stdio::inherit())
            .output()?;
        match serde_json::from_slice(&told.stdout) {
            Ok(Value::Object(mut told)) => match told.remove("figures") {
                Some(Value::Array(documents)) => Ok(documents),
                _ => Ok(vec![told.into()]),
            },
            _ => Err(format!("the world of {hosts} hosts ended with {}: see above", told.status).into()),
        }
    }
}

/// What was measured, on what, beside what else.
fn about(load_before: &str) -> Vec<(&'static str, String)> {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let field = |text: &str, name: &str| {
        let line = text.lines().find(|line| line.starts_with(name)).unwrap_or_default();
        line.split_once(':').map_or("unknown", |(_, value)| value.trim()).to_owned()
    };
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let (processor, memory) =
        (field(&read("/proc/cpuinfo"), "model name"), field(&read("/proc/meminfo"), "MemTotal"));
    vec![
        ("revision", REVISION.into()),
        ("build", if cfg!(debug_assertions) { "dev" } else { "release" }.to_owned()),
        ("machine", format!("{cores} x {processor}, {memory}")),
        ("system", format!("Linux {}", read("/proc/sys/kernel/osrelease").trim())),
        ("load before, after", format!("{load_before}, {} (1, 5, 15 minutes)", load())),
    ]
}
