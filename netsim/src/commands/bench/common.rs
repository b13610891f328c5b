//! What every figure tells beside itself: how it was measured, and what that took.

use std::time::{Duration, Instant};

use ringmesh_netsim::model::EventKinds;
use ringmesh_proto::time::Time;
use serde::Serialize;
use serde_json::{Number, Value, json};

use super::Bench;
use super::run::{Measured, Usage, load};

/// Since when a figure is measured.
pub(super) struct Since {
    clock: Instant,
    cpu: Duration,
    at: Time,
    kinds: EventKinds,
    ahead: u64,
}

/// The keys that are in the document of every figure.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Common {
    schema: u32,
    engine: &'static str,
    threads: usize,
    wire: &'static str,
    hosts: usize,
    sites: usize,
    seed: u64,
    loss_permille: u64,
    /// Without a CMA its graph takes no memory.
    cma: bool,
    /// Of virtual time, from when it was at rest; of `start` from the beginning.
    seconds: Number,
    pub(super) events: u64,
    events_by_kind: Value,
    /// Of them, executed in one go with those of their switch.
    events_ahead: u64,
    pub(super) wall_seconds: f64,
    pub(super) cpu_seconds: f64,
    pub(super) events_per_second: f64,
    pub(super) events_per_cpu_second: f64,
    pub(super) realtime_factor: f64,
    /// Resident memory of the network and of hosts on which nothing runs yet.
    bytes_per_host_built: u64,
    /// Peak resident memory, less what there was before the world was built.
    pub(super) bytes_per_host: u64,
    /// The same at the end, not at the peak.
    pub(super) bytes_per_host_at_end: u64,
    pub(super) load: String,
    pub(super) trace_hash: String,
    /// It did not come to rest before; hosts that live are not monitored at the end.
    pub(super) violations: usize,
}

impl Since {
    /// Before there is a world.
    pub(super) fn before_all() -> Self {
        let (clock, cpu) = (Instant::now(), Usage::look().cpu);
        Self { clock, cpu, at: Time::ZERO, kinds: EventKinds::default(), ahead: 0 }
    }

    pub(super) fn now(measured: &Measured) -> Self {
        let world = &measured.world;
        Self { at: world.now(), kinds: world.kinds(), ahead: world.ahead(), ..Self::before_all() }
    }

    /// What there was of all of it until now. `rested`: whether it was at rest when it began; `dead` hosts need not be
    /// monitored.
    pub(super) fn until_now(&self, bench: &Bench, measured: &Measured, rested: bool, dead: usize) -> Common {
        let world = &measured.world;
        let (wall, cpu) = (self.clock.elapsed().as_secs_f64(), (Usage::look().cpu - self.cpu).as_secs_f64());
        let (kinds, seconds) = (world.kinds().since(self.kinds), world.now().since(self.at).as_secs_f64());
        let ((end, peak), hosts) = (measured.octets(), bench.hosts as u64);
        let all_monitored = world.monitored() + dead >= bench.hosts;
        Common {
            schema: 1,
            engine: bench.engine_name(),
            threads: bench.threads(),
            wire: bench.wire_name(),
            hosts: bench.hosts,
            sites: world.sites(),
            seed: bench.seed,
            loss_permille: bench.loss,
            cma: bench.cma,
            seconds: number(seconds),
            events: kinds.all(),
            events_by_kind: json!({
                "heartbeat": kinds.heartbeats, "datagram": kinds.datagrams,
                "deadline": kinds.deadlines, "other": kinds.others,
            }),
            events_ahead: world.ahead() - self.ahead,
            wall_seconds: wall,
            cpu_seconds: cpu,
            events_per_second: kinds.all() as f64 / wall,
            events_per_cpu_second: kinds.all() as f64 / cpu.max(0.01),
            realtime_factor: seconds / wall,
            bytes_per_host_built: measured.built / hosts,
            bytes_per_host: peak / hosts,
            bytes_per_host_at_end: end / hosts,
            load: load(),
            trace_hash: format!("{:016x}", world.trace_hash()),
            violations: usize::from(!rested) + usize::from(!all_monitored),
        }
    }
}

impl Common {
    /// The document of a figure, with what is its own; of a key that both have, that.
    pub(super) fn document(&self, figure: &str, own: Value) -> Value {
        let mut document = json!(self);
        document["figure"] = figure.into();
        if let (Value::Object(all), Value::Object(own)) = (&mut document, own) {
            all.extend(own);
        }
        document
    }
}

/// Whole seconds without a point.
fn number(seconds: f64) -> Number {
    let whole = (seconds.fract() == 0.0).then_some(Number::from(seconds as u64));
    whole.or_else(|| Number::from_f64(seconds)).unwrap_or(Number::from(0))
}
