//! How fast virtual time goes while every heartbeat is an event, and how much memory a host takes.

use std::time::{Duration, Instant};

use serde::Serialize;
use serde_json::{Value, json};

use super::run::{REST, Usage, load};
use super::stage::Stage;
use super::{Bench, Done};

/// What `bench` tells of a rate: the shape of its document.
#[derive(Debug, Serialize)]
struct Rate {
    schema: u32,
    figure: &'static str,
    engine: &'static str,
    threads: usize,
    hosts: usize,
    seconds: u64,
    seed: u64,
    wire: &'static str,
    events: u64,
    events_by_kind: Value,
    /// Of them, executed in one go with those of their switch.
    events_ahead: u64,
    wall_seconds: f64,
    cpu_seconds: f64,
    events_per_second: f64,
    events_per_cpu_second: f64,
    realtime_factor: f64,
    /// Resident memory of the network and of hosts on which nothing runs yet.
    bytes_per_host_built: u64,
    /// Peak resident memory, less what there was before the world was built.
    bytes_per_host: u64,
    /// The same at the end, not at the peak.
    bytes_per_host_at_end: u64,
    beats_per_host_per_second: f64,
    datagrams_per_host_per_second: f64,
    load: String,
    trace_hash: String,
    violations: usize,
    /// Without a CMA its graph takes no memory.
    cma: bool,
}

pub(super) fn rate(bench: &Bench, stage: &mut Stage) -> Done {
    let begun = stage.is_at_rest(REST);
    let measured = &mut stage.measured;
    let (before, kinds, account) = (Usage::look().cpu, measured.world.kinds(), measured.world.account());
    let (clock, ahead) = (Instant::now(), measured.world.ahead());
    measured.run(Duration::from_secs(bench.seconds));
    let (wall, cpu) = (clock.elapsed().as_secs_f64(), (Usage::look().cpu - before).as_secs_f64());
    let kinds = measured.world.kinds().since(kinds);
    let sent = measured.world.account().since(&account);
    let (hosts, seconds) = (bench.hosts, bench.seconds as f64);
    let (end, peak) = measured.octets();
    let all_linked = measured.world.monitored() == hosts;
    let violations = usize::from(!begun) + usize::from(!all_linked);
    let host_seconds = hosts as f64 * seconds;
    let rate = Rate {
        schema: 1,
        figure: "rate",
        engine: bench.engine_name(),
        threads: bench.threads(),
        hosts,
        seconds: bench.seconds,
        seed: bench.seed,
        wire: bench.wire_name(),
        events: kinds.all(),
        events_by_kind: json!({
            "heartbeat": kinds.heartbeats, "datagram": kinds.datagrams,
            "deadline": kinds.deadlines, "other": kinds.others,
        }),
        events_ahead: measured.world.ahead() - ahead,
        wall_seconds: wall,
        cpu_seconds: cpu,
        events_per_second: kinds.all() as f64 / wall,
        events_per_cpu_second: kinds.all() as f64 / cpu.max(0.01),
        realtime_factor: seconds / wall,
        bytes_per_host_built: measured.built / hosts as u64,
        bytes_per_host: peak / hosts as u64,
        bytes_per_host_at_end: end / hosts as u64,
        beats_per_host_per_second: sent.of("Beat") as f64 / host_seconds,
        datagrams_per_host_per_second: (sent.of("Beat") + sent.control()) as f64 / host_seconds,
        load: load(),
        trace_hash: format!("{:016x}", measured.world.trace_hash()),
        violations,
        cma: bench.cma,
    };
    Done { ok: violations == 0, text: words(&rate), document: json!(rate) }
}

fn words(rate: &Rate) -> String {
    format!(
        "{} hosts, {} engine, {} threads, {} s: {} events in {:.1} s of wall and {:.1} s of CPU\n\
         {:.2} x real time, {:.3} M events/s, {:.3} M events/CPU s, {} octets a host at the peak, {} at the end\n\
         {:.3} beats a host and second; trace hash {}; load {}",
        rate.hosts,
        rate.engine,
        rate.threads,
        rate.seconds,
        rate.events,
        rate.wall_seconds,
        rate.cpu_seconds,
        rate.realtime_factor,
        rate.events_per_second / 1e6,
        rate.events_per_cpu_second / 1e6,
        rate.bytes_per_host,
        rate.bytes_per_host_at_end,
        rate.beats_per_host_per_second,
        rate.trace_hash,
        rate.load,
    )
}
