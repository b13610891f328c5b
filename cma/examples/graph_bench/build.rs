//! The first half: a network is told, and then it changes.

use std::collections::VecDeque;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use ringmesh_cma_core::graph::{GraphStore, MemoryGraph, Op, Stamp};
use ringmesh_cma_core::written;
use ringmesh_proto::draws::{Draws, Purpose};
use ringmesh_shell::store::{Store, Ticket};

use crate::figures::{Figures, cpu, memory_mib, share};
use crate::world::{World, update};
use crate::{Outcome, header};

/// Changes that may wait for the disk while the network is told, and while it changes as fast as it can.
const WAITING_MAX: usize = 50_000;
/// Changes that are measured in memory.
const IN_MEMORY: u64 = 400_000;
/// Durable changes a second that are promised.
const PACE: u64 = 10_000;

/// Builds the file, and measures what that and changes cost.
pub(crate) fn measure(world: World, file: &Path, seconds: u64) -> Outcome<Figures> {
    let mut figures = Figures::new();
    let store = Store::open(file, header())?.store;
    let mut bench = Bench { world, graph: MemoryGraph::default(), store, number: 0 };
    bench.load(&mut figures)?;
    bench.in_memory(&mut figures)?;
    bench.flat_out(Duration::from_secs(seconds), &mut figures)?;
    bench.paced(Duration::from_secs(seconds), &mut figures)?;
    figures.insert("file_mib".into(), bench.store.stats().file_octets as f64 / f64::from(1 << 20));
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(bench.store.close())?;
    Ok(figures)
}

struct Bench {
    world: World,
    graph: MemoryGraph,
    store: Store,
    number: u64,
}

impl Bench {
    /// What a CMA does with what it is told: into memory, and to the disk what that changed.
    fn apply(&mut self, stamp: &Stamp, ops: &[Op], in_memory: &mut Duration) -> Outcome<Ticket> {
        let begun = Instant::now();
        let mut changes = Vec::new();
        let applied = self.graph.apply_telling(stamp, ops, &mut changes)?;
        *in_memory += begun.elapsed();
        if applied.dangling + applied.stale > 0 {
            return Err(format!("the world is not sound: {applied:?}").into());
        }
        Ok(self.store.submit(changes.iter().map(written).collect()))
    }

    fn next(&mut self) -> (Stamp, Op) {
        self.number += 1;
        let host = Draws::new(7, 0).below(u64::from(self.world.hosts), Purpose::Start, self.number);
        update(u32::try_from(host).unwrap_or_default(), self.number)
    }

    fn load(&mut self, figures: &mut Figures) -> Outcome<()> {
        let (begun, used, mut in_memory) = (Instant::now(), cpu(), Duration::ZERO);
        let mut last = Ticket(0);
        for switch in 0..self.world.switches() {
            let (stamp, ops) = self.world.switch(switch);
            last = self.apply(&stamp, &ops, &mut in_memory)?;
            while switch.is_multiple_of(16) && self.store.stats().waiting > WAITING_MAX {
                sleep(Duration::from_millis(1));
            }
        }
        self.wait_for(last);
        let stats = self.graph.stats()?;
        figures.insert("nodes".into(), stats.nodes.values().sum::<u64>() as f64);
        figures.insert("edges".into(), stats.edges.values().sum::<u64>() as f64);
        figures.insert("load_s".into(), begun.elapsed().as_secs_f64());
        figures.insert("load_cpu_s".into(), (cpu() - used).as_secs_f64());
        figures.insert("load_in_memory_s".into(), in_memory.as_secs_f64());
        let (now, most) = memory_mib()?;
        figures.insert("load_rss_mib".into(), now);
        figures.insert("load_hwm_mib".into(), most);
        Ok(())
    }

    fn wait_for(&self, ticket: Ticket) {
        while *self.store.committed().borrow() < ticket {
            sleep(Duration::from_millis(1));
        }
    }

    /// Each change is a batch of its own, as a news is.
    fn in_memory(&mut self, figures: &mut Figures) -> Outcome<()> {
        let updates: Vec<(Stamp, Op)> = (0..IN_MEMORY).map(|_| self.next()).collect();
        let (begun, used) = (Instant::now(), cpu());
        for (stamp, op) in &updates {
            let mut changes = Vec::new();
            self.graph.apply_telling(stamp, std::slice::from_ref(op), &mut changes)?;
        }
        figures.insert("memory_updates_cpu_s".into(), IN_MEMORY as f64 / (cpu() - used).as_secs_f64());
        figures.insert("memory_updates_s".into(), IN_MEMORY as f64 / begun.elapsed().as_secs_f64());
        Ok(())
    }

    /// As many durable changes as there can be.
    fn flat_out(&mut self, time: Duration, figures: &mut Figures) -> Outcome<()> {
        let (begun, mut changes, mut last) = (Instant::now(), 0_u64, Ticket(0));
        while begun.elapsed() < time {
            let (stamp, op) = self.next();
            last = self.apply(&stamp, &[op], &mut Duration::default())?;
            changes += 1;
            while changes.is_multiple_of(256) && self.store.stats().waiting > WAITING_MAX {
                sleep(Duration::from_millis(1));
            }
        }
        self.wait_for(last);
        figures.insert("durable_updates_s".into(), changes as f64 / begun.elapsed().as_secs_f64());
        Ok(())
    }

    /// So many changes a second as are promised: how long each takes until it survives a kill.
    fn paced(&mut self, time: Duration, figures: &mut Figures) -> Outcome<()> {
        let mut committed = self.store.committed();
        let (begun, mut sent) = (Instant::now(), 0_u64);
        let mut waiting: VecDeque<(Ticket, Instant)> = VecDeque::new();
        let (mut durable, mut commits, mut seen) = (Vec::new(), Vec::new(), self.store.stats().commits);
        loop {
            let elapsed = begun.elapsed();
            if elapsed >= time && waiting.is_empty() {
                break;
            }
            let due = u64::try_from(elapsed.min(time).as_micros()).unwrap_or_default() * PACE / 1_000_000;
            while sent < due {
                let (stamp, op) = self.next();
                waiting.push_back((self.apply(&stamp, &[op], &mut Duration::default())?, Instant::now()));
                sent += 1;
            }
            let told = *committed.borrow_and_update();
            while waiting.front().is_some_and(|(ticket, _)| *ticket <= told) {
                durable.extend(waiting.pop_front().map(|(_, at)| at.elapsed().as_secs_f64() * 1_000.0));
            }
            let stats = self.store.stats();
            if stats.commits != seen {
                seen = stats.commits;
                commits.push(stats.last_commit.as_secs_f64() * 1_000.0);
            }
            sleep(Duration::from_micros(500));
        }
        figures.insert("paced_updates_s".into(), sent as f64 / begun.elapsed().as_secs_f64());
        figures.insert("durable_p50_ms".into(), share(&mut durable, 500));
        figures.insert("durable_p99_ms".into(), share(&mut durable, 990));
        figures.insert("commit_p50_ms".into(), share(&mut commits, 500));
        figures.insert("commit_p99_ms".into(), share(&mut commits, 990));
        figures.insert("commit_max_ms".into(), share(&mut commits, 1_000));
        Ok(())
    }
}
