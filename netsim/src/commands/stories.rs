//! `random`: one story for each seed.

use std::process::ExitCode;

use ringmesh_netsim::random::Story;
use serde::Serialize;

use super::{RandomArgs, files};

/// So many seeds between two lines of progress.
const PROGRESS: u64 = 50;

/// What `random` prints.
#[derive(Debug, Serialize)]
struct Random {
    schema: u32,
    ok: bool,
    runs: u64,
    seed: u64,
    failed: Vec<Failed>,
    /// Over the trace hashes of all runs, in order.
    trace_hash: String,
    events: u64,
}

/// A run that left something behind.
#[derive(Debug, Serialize)]
struct Failed {
    seed: u64,
    wrong: Vec<String>,
    trace_hash: String,
    event: u64,
}

/// `random`.
pub(crate) fn random(args: &RandomArgs) -> ExitCode {
    let revision = files::revision(".".as_ref());
    let mut told = Random {
        schema: 1,
        ok: true,
        runs: args.runs,
        seed: args.seed,
        failed: Vec::new(),
        trace_hash: String::new(),
        events: 0,
    };
    let mut hash = 0_u64;
    for number in 0..args.runs {
        let Some(seed) = args.seed.checked_add(number) else {
            eprintln!("ringmesh-netsim: there is no seed after {}: begin with a lower --seed", u64::MAX);
            return ExitCode::from(2);
        };
        if number > 0 && number % PROGRESS == 0 {
            eprintln!("{number} of {} runs, {} failed", args.runs, told.failed.len());
        }
        let story = Story::sized(seed, args.extent.extent());
        let outcome = story.run(false).outcome;
        hash = hash.rotate_left(7) ^ u64::from_str_radix(&outcome.trace_hash, 16).unwrap_or(0);
        told.events += outcome.events;
        let mut wrong = outcome.wrong();
        if args.twice {
            let again = story.run(false).outcome.trace_hash;
            if again != outcome.trace_hash {
                wrong.push(format!("it ran two ways: {} and {again}", outcome.trace_hash));
            }
        }
        if wrong.is_empty() {
            continue;
        }
        if args.trace {
            story.run(true).trace.iter().for_each(|line| eprintln!("{line}"));
        }
        let event = outcome.events;
        eprintln!("{story}{}\n(seed {seed}, revision {revision}, event {event})", wrong.join("\n"));
        told.failed.push(Failed { seed, wrong, trace_hash: outcome.trace_hash, event });
    }
    told.ok = told.failed.is_empty();
    told.trace_hash = format!("{hash:016x}");
    print(&told, args.json);
    if told.ok { ExitCode::SUCCESS } else { ExitCode::from(1) }
}

fn print(told: &Random, json: bool) {
    let Random { runs, seed, failed, trace_hash, events, .. } = told;
    if !json {
        let seeds: Vec<String> = failed.iter().map(|failed| failed.seed.to_string()).collect();
        let failed =
            if seeds.is_empty() { "none failed".into() } else { format!("failed: {}", seeds.join(", ")) };
        println!("{runs} runs from seed {seed}, {events} events, trace hash {trace_hash}: {failed}");
        return;
    }
    match serde_json::to_string_pretty(told) {
        Ok(text) => println!("{text}"),
        Err(error) => eprintln!("ringmesh-netsim: the report cannot be written as JSON: {error}"),
    }
}
