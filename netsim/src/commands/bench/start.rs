//! Everything starts at once: relays, probes, the CMA.

use serde_json::json;

use super::run::load;
use super::stage::Stage;
use super::{Bench, Done};

/// What is wanted of 100,000 hosts, in seconds of virtual time.
pub(super) const WANTED_S: f64 = 30.0;

pub(super) fn start(bench: &Bench, stage: &mut Stage) -> Done {
    let Some(started) = stage.started else {
        return Done::not("start", "not all hosts came to be monitored");
    };
    let (hosts, sites) = (bench.hosts, stage.measured.world.sites());
    let seconds = started.after.as_secs_f64();
    let each = started.datagrams as f64 / hosts as f64;
    let told = format!(
        "{hosts} hosts on {sites} sites start at once: all monitored after {seconds:.1} s of virtual time, {each:.1} \
         datagrams a host; {:.1} s of CPU, {:.1} s of wall; load {}",
        started.cpu_s,
        started.wall_s,
        load(),
    );
    let document = json!({
        "schema": 1, "figure": "start", "hosts": hosts, "sites": sites, "seed": bench.seed,
        "engine": bench.engine_name(), "threads": bench.threads(), "monitored_s": seconds,
        "datagrams": started.datagrams, "datagrams_per_host": each, "cpu_seconds": started.cpu_s,
        "wall_seconds": started.wall_s, "load": load(),
        "trace_hash": format!("{:016x}", stage.measured.world.trace_hash()),
    });
    Done { ok: seconds <= WANTED_S, text: told, document }
}
