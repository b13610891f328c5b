//! Everything starts at once: relays, probes, the CMA.

use serde_json::json;

use super::stage::Stage;
use super::{Bench, Done};

/// What is wanted of 100,000 hosts, in seconds of virtual time.
pub(super) const WANTED_S: f64 = 30.0;

pub(super) fn start(bench: &Bench, stage: &mut Stage) -> Done {
    let started = &stage.started;
    let Some(after) = started.after else {
        return Done::not("start", "not all hosts came to be monitored", &started.common);
    };
    let (hosts, sites) = (bench.hosts, stage.measured.world.sites());
    let seconds = after.as_secs_f64();
    let each = started.datagrams as f64 / hosts as f64;
    let told = format!(
        "{hosts} hosts on {sites} sites start at once: all monitored after {seconds:.1} s of virtual time, {each:.1} \
         datagrams a host; {:.1} s of CPU, {:.1} s of wall; load {}",
        started.common.cpu_seconds, started.common.wall_seconds, started.common.load,
    );
    let own = json!({
        "monitored_s": seconds, "datagrams": started.datagrams, "datagrams_per_host": each,
    });
    Done { ok: seconds <= WANTED_S, text: told, document: started.common.document("start", own) }
}
