//! What a run came to, for the terminal and for `docs/measured/`.

use std::fmt::{self, Write};
use std::fs;
use std::process::Command;
use std::time::Duration;

pub(crate) struct Figure {
    pub(crate) target: &'static str,
    pub(crate) inputs: u64,
    pub(crate) believed: u64,
    pub(crate) octets: u64,
    pub(crate) took: Duration,
}

impl Figure {
    fn per_second(&self) -> u128 {
        u128::from(self.inputs) * 1_000_000 / self.took.as_micros().max(1)
    }

    fn believed_percent(&self) -> u64 {
        self.believed * 100 / self.inputs.max(1)
    }

    fn octets_mean(&self) -> u64 {
        self.octets / self.inputs.max(1)
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, inputs, seconds) = (self.target, self.inputs, self.took.as_secs());
        let (rate, believed) = (self.per_second(), self.believed_percent());
        write!(
            f,
            "{name:<8} {inputs:>12} inputs in {seconds:>5} s, {rate:>8} a second, {believed:>3} % believed"
        )
    }
}

/// The load averages, as the kernel writes them.
pub(crate) fn load() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split_whitespace().take(3).collect::<Vec<_>>().join(" ")
}

/// What was tried, as git names it.
fn revision() -> String {
    let git = |words: &[&str]| {
        let output =
            Command::new("git").args(words).output().ok().filter(|output| output.status.success())?;
        Some(String::from_utf8_lossy(&output.stdout).trim().to_string())
    };
    let Some(head) = git(&["rev-parse", "--short", "HEAD"]) else { return "unknown".into() };
    // Files that git does not know build nothing.
    match git(&["status", "--porcelain", "--untracked-files=no"]) {
        Some(changed) if !changed.is_empty() => format!("{head} with changes"),
        _ => head,
    }
}

pub(crate) fn markdown(seed: u64, figures: &[Figure], load_before: &str) -> String {
    let mut text = String::from("# Fuzzing\n\nWritten by `ringmesh-fuzz --report`; not to be edited. ");
    text.push_str("Every input kept every law: one that does not ends the run.\n");
    text.push_str("The targets ran side by side and shared the cores with whatever else ran.\n\n");
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let build = if cfg!(debug_assertions) { "with debug assertions" } else { "release" };
    // Writing to a String cannot fail.
    let _ = writeln!(text, "|  |  |\n|---|---|\n| revision | {} |", revision());
    let _ = writeln!(text, "| build | {build} |\n| machine | {cores} cores |");
    let _ = writeln!(text, "| load before, after | {load_before}, {} (1, 5, 15 minutes) |", load());
    let _ = writeln!(text, "| seed | {seed} |\n");
    text.push_str("| target | inputs | octets, mean | believed | seconds | inputs a second |\n");
    text.push_str("|---|---:|---:|---:|---:|---:|\n");
    for it in figures {
        let (name, inputs, mean) = (it.target, it.inputs, it.octets_mean());
        let (believed, seconds, rate) = (it.believed_percent(), it.took.as_secs(), it.per_second());
        let _ = writeln!(text, "| {name} | {inputs} | {mean} | {believed} % | {seconds} | {rate} |");
    }
    text
}
