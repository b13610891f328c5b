//! Everything starts at once: relays, probes, the CMA.

use std::time::Instant;

use serde_json::json;

use super::run::{Usage, load};
use super::{Bench, Done};

/// What is wanted of 100,000 hosts, in seconds of virtual time.
const WANTED_S: f64 = 30.0;

pub(super) fn start(bench: &Bench) -> Done {
    let (before, clock) = (Usage::look().cpu, Instant::now());
    let mut measured = bench.build(bench.loss);
    let Some(monitored) = measured.start() else { return Done::not("not all hosts came to be monitored") };
    let (cpu, wall) = ((Usage::look().cpu - before).as_secs_f64(), clock.elapsed().as_secs_f64());
    let (hosts, sites) = (bench.hosts, measured.world.sites());
    let (seconds, datagrams) = (monitored.as_secs_f64(), measured.world.account().control());
    let told = format!(
        "{hosts} hosts on {sites} sites start at once: all monitored after {seconds:.1} s of virtual time, {:.1} \
         datagrams a host; {cpu:.1} s of CPU, {wall:.1} s of wall; load {}",
        datagrams as f64 / hosts as f64,
        load(),
    );
    let document = json!({
        "schema": 1, "figure": "start", "hosts": hosts, "sites": sites, "seed": bench.seed,
        "engine": bench.engine_name(), "threads": bench.threads(), "monitored_s": seconds, "datagrams": datagrams,
        "cpu_seconds": cpu, "wall_seconds": wall, "load": load(),
        "trace_hash": format!("{:016x}", measured.world.trace_hash()),
    });
    Done { ok: seconds <= WANTED_S, text: told, document }
}
