//! Figures, what is promised of them, and the report.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::process::Command;
use std::time::Duration;

use nix::time::ClockId;
use serde_json::{Value, json};

use crate::Outcome;

/// By name; the unit is its last word.
pub(crate) type Figures = BTreeMap<String, f64>;

/// A row: what it says, the figure, its unit, and what is promised at a million hosts.
struct Row {
    words: &'static str,
    figure: &'static str,
    unit: &'static str,
    promise: Option<Promise>,
}

#[derive(Clone, Copy)]
enum Promise {
    AtMost(f64),
    AtLeast(f64),
}

impl Promise {
    fn holds(self, figure: f64) -> bool {
        match self {
            Self::AtMost(most) => figure <= most,
            Self::AtLeast(least) => figure >= least,
        }
    }

    fn words(self) -> String {
        match self {
            Self::AtMost(most) => format!("<= {most}"),
            Self::AtLeast(least) => format!(">= {least}"),
        }
    }
}

const fn row(words: &'static str, figure: &'static str, unit: &'static str) -> Row {
    Row { words, figure, unit, promise: None }
}

const fn most(words: &'static str, figure: &'static str, unit: &'static str, most: f64) -> Row {
    Row { words, figure, unit, promise: Some(Promise::AtMost(most)) }
}

const fn least(words: &'static str, figure: &'static str, unit: &'static str, least: f64) -> Row {
    Row { words, figure, unit, promise: Some(Promise::AtLeast(least)) }
}

const ROWS: &[Row] = &[
    row("nodes", "nodes", ""),
    row("edges", "edges", ""),
    most("load, each batch on the disk", "load_s", "s", 600.0),
    row(".. of it in memory", "load_in_memory_s", "s"),
    row(".. processor time of the thread that tells", "load_cpu_s", "s"),
    most("memory after it, at most during it", "load_rss_mib", "MiB", 3_072.0),
    most("..", "load_hwm_mib", "MiB", 3_072.0),
    row("file, after all changes below", "file_mib", "MiB"),
    least("changes in memory, each a batch", "memory_updates_s", "/s", 50_000.0),
    row(".. in a second of processor time", "memory_updates_cpu_s", "/s"),
    least("durable changes, as many as go", "durable_updates_s", "/s", 10_000.0),
    row("durable changes, 10,000 /s: made", "paced_updates_s", "/s"),
    row(".. from told to durable, median", "durable_p50_ms", "ms"),
    row(".. 99 %", "durable_p99_ms", "ms"),
    row(".. a commit, median", "commit_p50_ms", "ms"),
    most(".. 99 %", "commit_p99_ms", "ms", 100.0),
    row(".. the longest", "commit_max_ms", "ms"),
    row("restart: the file checked", "open_s", "s"),
    most("restart: an authority that answers", "restart_s", "s", 30.0),
    row(".. processor time", "restart_cpu_s", "s"),
    row(".. .. of it checking the file", "open_cpu_s", "s"),
    most("memory after it, at most during it", "restart_rss_mib", "MiB", 3_072.0),
    most("..", "restart_hwm_mib", "MiB", 3_072.0),
    row("two steps around a host, nodes found", "two_hop_nodes", ""),
    row(".. median", "two_hop_p50_ms", "ms"),
    most(".. 99 %", "two_hop_p99_ms", "ms", 1.0),
    row(".. the longest", "two_hop_max_ms", "ms"),
    row("`blast-radius` by chassis id, median", "blast_by_id_p50_ms", "ms"),
    most(".. the longest of 1,000", "blast_by_id_max_ms", "ms", 5.0),
    row(".. .. of processor time", "blast_by_id_max_cpu_ms", "ms"),
    row("`blast-radius` by name, median", "blast_by_name_p50_ms", "ms"),
    most(".. the longest of 1,000", "blast_by_name_max_ms", "ms", 5.0),
    row(".. .. of processor time", "blast_by_name_max_cpu_ms", "ms"),
    row("`host-ports`, the longest of 1,000", "host_ports_max_ms", "ms"),
    row("`find` an address, the longest of 3", "find_address_max_ms", "ms"),
    row("`find` a name, the longest of 3", "find_name_max_ms", "ms"),
];

/// The report, and whether every promise held at the largest size.
pub(crate) fn report(load_before: &str, all: &[(u32, Figures)]) -> (String, bool) {
    let mut text = String::from(
        "# The graph at size\n\nWritten by `graph_bench` of the CMA (`scripts/bench` runs it); not to be edited. A site \
         has 20,000 hosts, a switch 40,\nevery tenth host a second leg. Promised is what stands under *wanted*, of the \
         last column. *Durable* is what a kill\ncannot take back. A two-step walk follows everything but `IN_SITE`.\n\n",
    );
    let mut line = |words: String| {
        let _ = writeln!(text, "{words}");
    };
    let heads: String = all.iter().map(|(hosts, _)| format!(" {hosts} hosts |")).collect();
    line(format!("| what | wanted |{heads}  |"));
    line(format!("|---|---|{}---|", "---|".repeat(all.len())));
    let mut held = true;
    for row in ROWS {
        let cell = |figures: &Figures| {
            figures
                .get(row.figure)
                .map_or("-".to_owned(), |figure| format!("{} {}", rounded(*figure), row.unit))
        };
        let cells: String = all.iter().map(|(_, figures)| format!(" {} |", cell(figures).trim())).collect();
        let largest = all.last().and_then(|(_, figures)| figures.get(row.figure));
        let met = row.promise.map(|promise| largest.is_some_and(|figure| promise.holds(*figure)));
        held &= met != Some(false);
        let verdict = met.map_or("", |met| if met { "met" } else { "**missed**" });
        let wanted =
            row.promise.map_or_else(String::new, |promise| format!("{} {}", promise.words(), row.unit));
        line(format!("| {} | {} |{cells} {verdict} |", row.words, wanted.trim()));
    }
    line("\n|  |  |\n|---|---|".into());
    let machine = machine();
    for (what, said) in machine {
        line(format!("| {what} | {said} |"));
    }
    line(format!("| load before, after | {load_before}, {} (1, 5, 15 minutes) |", load()));
    (text, held)
}

/// The same for programs.
pub(crate) fn json(all: &[(u32, Figures)]) -> Value {
    let sizes: Vec<Value> =
        all.iter().map(|(hosts, figures)| json!({ "hosts": hosts, "figures": figures })).collect();
    json!({ "schema": 1, "machine": machine().into_iter().collect::<BTreeMap<_, _>>(), "sizes": sizes })
}

fn machine() -> Vec<(&'static str, String)> {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let field = |text: &str, name: &str| {
        let line = text.lines().find(|line| line.starts_with(name)).unwrap_or_default();
        line.split_once(':').map_or("unknown", |(_, value)| value.trim()).to_owned()
    };
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let build = if cfg!(debug_assertions) { "dev" } else { "release" };
    let (processor, memory) =
        (field(&read("/proc/cpuinfo"), "model name"), field(&read("/proc/meminfo"), "MemTotal"));
    let system = format!("Linux {}", read("/proc/sys/kernel/osrelease").trim());
    vec![
        ("revision", revision()),
        ("build", build.to_owned()),
        ("machine", format!("{cores} x {processor}, {memory}")),
        ("system", system),
    ]
}

fn revision() -> String {
    let git = |arguments: &[&str]| {
        let output = Command::new("git").args(arguments).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let Some(head) = git(&["rev-parse", "--short", "HEAD"]) else { return "unknown".to_owned() };
    match git(&["status", "--porcelain", "--untracked-files=no"]) {
        Some(changed) if !changed.is_empty() => format!("{head} with changes"),
        _ => head,
    }
}

/// The load of the machine.
pub(crate) fn load() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split_whitespace().take(3).collect::<Vec<_>>().join(" ")
}

/// Processor time of this thread so far, which other programs do not lengthen much.
pub(crate) fn cpu() -> Duration {
    ClockId::CLOCK_THREAD_CPUTIME_ID.now().map(Duration::from).unwrap_or_default()
}

/// Processor time of all threads.
pub(crate) fn all_cpu() -> Duration {
    ClockId::CLOCK_PROCESS_CPUTIME_ID.now().map(Duration::from).unwrap_or_default()
}

/// What this process has in memory, and had at most.
pub(crate) fn memory_mib() -> Outcome<(f64, f64)> {
    let text = fs::read_to_string("/proc/self/status")?;
    let field = |name: &str| -> Outcome<f64> {
        let line = text.lines().find(|line| line.starts_with(name)).ok_or("no such field")?;
        let kib: f64 = line.split_whitespace().nth(1).ok_or("no figure")?.parse()?;
        Ok(kib / 1_024.0)
    };
    Ok((field("VmRSS:")?, field("VmHWM:")?))
}

/// The value that so many of a thousand do not exceed.
pub(crate) fn share(values: &mut [f64], of_thousand: usize) -> f64 {
    values.sort_by(f64::total_cmp);
    let last = values.len().saturating_sub(1);
    values.get((values.len() * of_thousand / 1_000).min(last)).copied().unwrap_or_default()
}

fn rounded(figure: f64) -> String {
    match figure {
        100.0.. => format!("{figure:.0}"),
        1.0.. => format!("{figure:.1}"),
        _ => format!("{figure:.3}"),
    }
}
