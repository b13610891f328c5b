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
        let story = Story::of(seed);
        let ended = story.run();
        let (trace_hash, event) = (ended.world.trace_hash(), ended.world.events());
        hash = hash.rotate_left(7) ^ trace_hash;
        told.events += event;
        if ended.wrong.is_empty() {
            continue;
        }
        if args.trace {
            ended.world.traced().iter().for_each(|line| eprintln!("{line}"));
        }
        eprintln!("{story}{}\n(seed {seed}, revision {revision}, event {event})", ended.wrong.join("\n"));
        told.failed.push(Failed {
            seed,
            wrong: ended.wrong,
            trace_hash: format!("{trace_hash:016x}"),
            event,
        });
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
