//! `random`: one story for each seed.

use std::panic::resume_unwind;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::ScopedJoinHandle;

use ringmesh_netsim::REVISION;
use ringmesh_netsim::random::Story;
use serde::Serialize;

use super::output::{line, say};
use super::progress::Progress;
use super::{RandomArgs, document};

/// So many seeds between two lines of progress.
const PROGRESS: u64 = 50;

/// What `random` prints.
#[derive(Debug, Serialize)]
struct Random {
    schema: u32,
    ok: bool,
    runs: u64,
    seed: u64,
    failed: Vec<Ran>,
    /// Over the trace hashes of all runs, in order.
    trace_hash: String,
    events: u64,
}

/// A run, and what is wrong with it.
#[derive(Debug, Serialize)]
struct Ran {
    seed: u64,
    wrong: Vec<String>,
    trace_hash: String,
    event: u64,
}

/// `random`.
pub(crate) fn random(args: &RandomArgs) -> ExitCode {
    let Some(last) = args.seed.checked_add(args.runs - 1) else {
        say(format_args!("ringmesh-netsim: there is no seed after {}: begin with a lower --seed", u64::MAX));
        return ExitCode::from(2);
    };
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
    for ran in all(args, last) {
        hash = hash.rotate_left(7) ^ u64::from_str_radix(&ran.trace_hash, 16).unwrap_or(0);
        told.events += ran.event;
        if !ran.wrong.is_empty() {
            tell(&ran, args);
            told.failed.push(ran);
        }
    }
    told.ok = told.failed.is_empty();
    told.trace_hash = format!("{hash:016x}");
    print(&told, args.json);
    if told.ok { ExitCode::SUCCESS } else { ExitCode::from(1) }
}

/// Every story, in the order of the seeds; some at a time.
fn all(args: &RandomArgs, last: u64) -> Vec<Ran> {
    let jobs = std::thread::available_parallelism().map_or(1, usize::from);
    let jobs = args.jobs.and_then(|jobs| usize::try_from(jobs).ok()).unwrap_or(jobs);
    let (next, done, failed) = (AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(0));
    let work = || {
        let one = || args.seed.checked_add(next.fetch_add(1, Ordering::Relaxed)).filter(|seed| *seed <= last);
        let run = |seed| {
            let ran = once(seed, args);
            let bad = failed.fetch_add(u64::from(!ran.wrong.is_empty()), Ordering::Relaxed);
            let done = done.fetch_add(1, Ordering::Relaxed) + 1;
            if done.is_multiple_of(PROGRESS) && done < args.runs {
                let bad = bad + u64::from(!ran.wrong.is_empty());
                say(format_args!("{done} of {} runs, {bad} failed", args.runs));
            }
            ran
        };
        std::iter::from_fn(one).map(run).collect::<Vec<Ran>>()
    };
    let mut all: Vec<Ran> = std::thread::scope(|scope| {
        let running: Vec<_> = (0..jobs).map(|_| scope.spawn(work)).collect();
        // What a machine panics of is caught in its run: any other panic is an error of this program.
        let ran =
            |job: ScopedJoinHandle<'_, Vec<Ran>>| job.join().unwrap_or_else(|panic| resume_unwind(panic));
        running.into_iter().flat_map(ran).collect()
    });
    all.sort_by_key(|ran| ran.seed);
    all
}

fn once(seed: u64, args: &RandomArgs) -> Ran {
    let story = Story::sized(seed, args.extent.extent());
    let (outcome, differs) = if args.twice { story.run_twice() } else { (story.run(false).outcome, None) };
    let mut wrong = outcome.wrong();
    wrong.extend(differs);
    Ran { seed, wrong, trace_hash: outcome.trace_hash, event: outcome.events }
}

/// One that failed, with all that is needed to see it again.
fn tell(ran: &Ran, args: &RandomArgs) {
    let story = Story::sized(ran.seed, args.extent.extent());
    if args.trace {
        story.run_followed(true, &mut Progress::new());
    }
    let Ran { seed, wrong, event, .. } = ran;
    let wrong = wrong.join("\n");
    say(format_args!("{story}{wrong}\n(seed {seed}, revision {REVISION}, event {event})"));
}

fn print(told: &Random, json: bool) {
    let Random { runs, seed, failed, trace_hash, events, .. } = told;
    if !json {
        let seeds: Vec<String> = failed.iter().map(|ran| ran.seed.to_string()).collect();
        let failed =
            if seeds.is_empty() { "none failed".into() } else { format!("failed: {}", seeds.join(", ")) };
        line(format_args!(
            "{runs} runs from seed {seed}, {events} events, trace hash {trace_hash}: {failed}"
        ));
        return;
    }
    document(told);
}
