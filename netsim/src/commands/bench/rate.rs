//! How fast virtual time goes while every heartbeat is an event, and how much memory a host takes.

use std::time::Duration;

use serde_json::json;

use super::common::{Common, Since};
use super::run::REST;
use super::stage::Stage;
use super::{Bench, Done};

pub(super) fn rate(bench: &Bench, stage: &mut Stage) -> Done {
    let rested = stage.is_at_rest(REST);
    let dead = stage.dead.len();
    let measured = &mut stage.measured;
    let (account, since) = (measured.world.account(), Since::now(measured));
    measured.run(Duration::from_secs(bench.seconds));
    let common = since.until_now(bench, measured, rested, dead);
    let sent = measured.world.account().since(&account);
    let host_seconds = bench.hosts as f64 * bench.seconds as f64;
    let beats = sent.of("Beat") as f64 / host_seconds;
    let own = json!({
        "beats_per_host_per_second": beats,
        "datagrams_per_host_per_second": (sent.of("Beat") + sent.control()) as f64 / host_seconds,
    });
    let (ok, text) = (common.violations == 0, words(bench, &common, beats));
    Done { ok, text, document: common.document("rate", own) }
}

fn words(bench: &Bench, common: &Common, beats: f64) -> String {
    format!(
        "{} hosts, {} engine, {} threads, {} s: {} events in {:.1} s of wall and {:.1} s of CPU\n\
         {:.2} x real time, {:.3} M events/s, {:.3} M events/CPU s, {} octets a host at the peak, {} at the end\n\
         {beats:.3} beats a host and second; trace hash {}; load {}",
        bench.hosts,
        bench.engine_name(),
        bench.threads(),
        bench.seconds,
        common.events,
        common.wall_seconds,
        common.cpu_seconds,
        common.realtime_factor,
        common.events_per_second / 1e6,
        common.events_per_cpu_second / 1e6,
        common.bytes_per_host,
        common.bytes_per_host_at_end,
        common.trace_hash,
        common.load,
    )
}
