//! What a mirror does per second against a real Neo4j on this machine; with `--out FILE` as a table in Markdown.
//!
//! ```text
//! cargo run --release -p ringmesh-mirror --example mirror_bench -- [--hosts 100000] [--out docs/measured/mirror.md]
//! ```
//!
//! A server of its own, started for it; or that of `RINGMESH_BOLT_URI`, which is emptied of what is ours first. Ends with
//! 1 if a promise does not hold.
#![allow(clippy::unwrap_used, reason = "whoever measures wants to see it break")]

#[path = "../tests/real/support/mod.rs"]
mod support;

use std::fmt::Write;
use std::time::{Duration, Instant};

use ringmesh_cma_core::graph::{GraphStore, Label};
use ringmesh_mirror::source::{Ask, answer};
use support::graph::{Shared as Graph, Working, hosts, mirror, move_host};
use support::proxy::{Fault, Proxy};
use support::server::{Server, settings};
use tokio::task::LocalSet;

/// Hosts on a switch, as the graph of the tests has them.
const ON_A_SWITCH: usize = 48;
/// Promised: changes that are written in a second ..
const CHANGES_PER_S: f64 = 5_000.0;
/// .. and how long after an outage with about 10,000 changes the mirror may be late.
const CAUGHT_UP_S: f64 = 20.0;
/// Hosts that change their attachment during the outage: six changes each.
const MOVED: usize = 1_700;

/// Hosts that move while the mirror follows, first ..
const FIRST: std::ops::Range<usize> = 10_000..15_000;
/// .. and then.
const MANY: std::ops::Range<usize> = 20_000..40_000;

fn main() {
    let words: Vec<String> = std::env::args().collect();
    let word = |name: &str| words.iter().position(|word| word == name).and_then(|at| words.get(at + 1));
    let count: usize = word("--hosts").map_or(100_000, |count| count.parse().unwrap());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let Some(figures) = LocalSet::new().block_on(&runtime, measure(count)) else { return };
    print!("{}", figures.text);
    if let Some(file) = word("--out") {
        std::fs::write(file, &figures.text).unwrap();
    }
    if !figures.kept {
        eprintln!("mirror_bench: a promise does not hold");
        std::process::exit(1);
    }
}

struct Figures {
    text: String,
    kept: bool,
}

async fn measure(count: usize) -> Option<Figures> {
    let named = std::env::var(support::server::VARIABLE).ok();
    let own = if named.is_none() { Some(Server::quick()?) } else { None };
    let uri = named.unwrap_or_else(|| own.as_ref().unwrap().uri());
    support::server::empty(&settings(&uri, "wipe")).await;
    let proxy = Proxy::before(uri.trim_start_matches("bolt://")).await;
    eprintln!("mirror_bench: building a graph of {count} hosts");
    let graph = hosts(count);
    let revision = || graph.with(|graph| graph.revision().unwrap());
    let rows = revision();

    eprintln!("mirror_bench: filling the server with {rows} rows");
    let begun = Instant::now();
    let mut working = mirror(&graph, settings(&proxy.uri(), "run-1"));
    working.patiently_in_step().await;
    let filled = begun.elapsed();

    eprintln!("mirror_bench: changing while it follows");
    // A server that has never removed anything compiles its plans and its own code first: that is measured apart.
    let (at_first, at_first_in) = follow(&graph, &mut working, FIRST, 2).await;
    let (followed, in_time) = follow(&graph, &mut working, MANY, 3).await;

    eprintln!("mirror_bench: an outage");
    proxy.set(Fault::Away);
    let first = revision();
    moved(&graph, 70_000, MOVED, 1);
    working.until(|state| state.trouble.is_some()).await;
    // Long enough for the pauses between tries to have grown as long as they get.
    tokio::time::sleep(Duration::from_secs(25)).await;
    proxy.set(Fault::None);
    let begun = Instant::now();
    working.patiently_in_step().await;
    let (missed, caught_up) = (revision() - first, begun.elapsed());
    let begun = Instant::now();
    let compared = working.compare().await;
    let comparing = begun.elapsed();
    let same = compared.is_same();

    eprintln!("mirror_bench: the CMA starts again");
    drop(working);
    let graph = graph.restarted();
    let begun = Instant::now();
    let mut working = mirror(&graph, settings(&proxy.uri(), "run-2"));
    let state = working.patiently_in_step().await;
    let restarted = begun.elapsed();

    let per_s = |rows: u64, time: Duration| rows as f64 / time.as_secs_f64();
    let kept = same
        && per_s(followed, in_time) >= CHANGES_PER_S
        && caught_up.as_secs_f64() <= CAUGHT_UP_S
        && state.written == 0;
    let (page, page_max) = asked(&graph);
    let mut text = String::new();
    let _ = write!(
        text,
        "# The mirror in Neo4j\n\n\
         Written by `scripts/bench`: {machine}. {server}, on the same machine; batches of {batch} rows.\n\n\
         | what | measured | promised |\n|---|---|---|\n\
         | an empty server filled with {count} hosts ({rows} rows) | {:.1} s, {:.0} rows/s | |\n\
         | the first {at_first} changes while it follows | {:.2} s, {:.0} changes/s | |\n\
         | {followed} more | {:.2} s, **{:.0} changes/s** | >= {CHANGES_PER_S:.0}/s |\n\
         | an outage in which {MOVED} hosts changed their attachment ({missed} changes): in step after | **{:.1} s** | <= {CAUGHT_UP_S:.0} s |\n\
         | then rows and sums of digests of every label and relation | {} (compared in {:.1} s) | the same |\n\
         | a restart of the CMA, nothing changed: both sides compared | {:.1} s, {} rows written | 0 rows |\n\
         | what the CMA gives for a page of the graph ({page} questions) | at most {:.1} ms each | |\n",
        filled.as_secs_f64(),
        per_s(rows, filled),
        at_first_in.as_secs_f64(),
        per_s(at_first, at_first_in),
        in_time.as_secs_f64(),
        per_s(followed, in_time),
        caught_up.as_secs_f64(),
        if same { "**the same**" } else { "**DIFFERENT**" },
        comparing.as_secs_f64(),
        restarted.as_secs_f64(),
        state.written,
        page_max.as_secs_f64() * 1_000.0,
        machine = machine(),
        server = if own.is_some() {
            "Neo4j 5.26.12 Community from `make neo4j`"
        } else {
            "A server that was named"
        },
        batch = ringmesh_mirror::settings::BATCH,
    );
    drop(own);
    Some(Figures { text, kept })
}

/// Hosts move while the mirror follows: changes, and how long until all of them are there.
async fn follow(
    graph: &Graph,
    working: &mut Working,
    hosts: std::ops::Range<usize>,
    round: usize,
) -> (u64, Duration) {
    let revision = || graph.with(|graph| graph.revision().unwrap());
    let (first, begun) = (revision(), Instant::now());
    moved(graph, hosts.start, hosts.len(), round);
    working.patiently_in_step().await;
    (revision() - first, begun.elapsed())
}

/// So many hosts, from one on, hang on switches of their own now.
fn moved(graph: &Graph, from: usize, count: usize, round: usize) {
    let most = graph.with(|graph| graph.stats().unwrap().nodes[&Label::Host]) as usize;
    for n in 0..count {
        let number = (from + n) % most;
        let old = (number / ON_A_SWITCH, number % ON_A_SWITCH);
        graph.apply(&move_host(number, old, (1_000_000 * round + n / ON_A_SWITCH, n % ON_A_SWITCH)));
    }
}

/// How long the driver is kept by one question of a comparison.
fn asked(graph: &Graph) -> (usize, Duration) {
    let (mut asked, mut longest) = (0, Duration::ZERO);
    graph.with(|graph| {
        for label in Label::ALL {
            let mut after = None;
            loop {
                let begun = Instant::now();
                let page = answer(graph, &Ask::Edges { label, after, limit: 1_000 }).unwrap();
                longest = longest.max(begun.elapsed());
                asked += 1;
                let ringmesh_mirror::source::Answer::Edges(page) = page else { unreachable!() };
                let Some(upto) = page.upto else { break };
                after = Some(upto);
            }
        }
    });
    (asked, longest)
}

fn machine() -> String {
    let read = |file: &str| std::fs::read_to_string(file).unwrap_or_default();
    let cpus = std::thread::available_parallelism().map_or(0, usize::from);
    let model = read("/proc/cpuinfo");
    let model = model.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or(": a CPU");
    let load = read("/proc/loadavg");
    let load: Vec<&str> = load.split(' ').take(2).collect();
    format!(
        "{cpus} CPUs ({}), load {} at the end",
        model.trim_start_matches(['\t', ' ', ':']),
        load.join(" ")
    )
}
