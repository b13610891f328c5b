//! What a figure was measured on. Without it a figure means nothing.

use std::fs;

use serde::Serialize;

use crate::lab::command::{run, system};

/// The machine and what ran on it.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Machine {
    cores: usize,
    processor: String,
    memory_mib: u64,
    system: String,
    kernel: String,
    rust: String,
    revision: String,
    build: &'static str,
    load_before: String,
    load_after: String,
}

impl Machine {
    /// As it is before measuring.
    pub(super) fn look() -> Self {
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let memory = field(&read("/proc/meminfo"), "MemTotal", ':');
        let memory_kib: u64 = memory.trim_end_matches(" kB").parse().unwrap_or_default();
        Self {
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            processor: field(&read("/proc/cpuinfo"), "model name", ':'),
            memory_mib: memory_kib / 1024,
            system: field(&read("/etc/os-release"), "PRETTY_NAME", '=').trim_matches('"').into(),
            kernel: read("/proc/sys/kernel/osrelease").trim().into(),
            rust: said("rustc", &["--version"]),
            revision: crate::REVISION.into(),
            // The others come from the same build, unless `--bin-dir` names another one.
            build: if cfg!(debug_assertions) { "dev" } else { "release" },
            load_before: load(),
            load_after: String::new(),
        }
    }

    /// The load at the end.
    pub(super) fn look_again(&mut self) {
        self.load_after = load();
    }

    /// For a table.
    pub(super) fn rows(&self) -> Vec<(&'static str, String)> {
        vec![
            ("revision", self.revision.clone()),
            ("build", format!("{}, {}", self.build, self.rust)),
            ("machine", format!("{} x {}, {} MiB", self.cores, self.processor, self.memory_mib)),
            ("system", format!("{}, Linux {}", self.system, self.kernel)),
            ("load before, after", format!("{}, {} (1, 5, 15 minutes)", self.load_before, self.load_after)),
        ]
    }
}

const UNKNOWN: &str = "unknown";

/// What a program prints; it may not be there.
fn said(program: &str, args: &[&str]) -> String {
    run(system(program).args(args), "").map_or_else(|_| UNKNOWN.into(), |text| text.trim().into())
}

fn load() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split_whitespace().take(3).collect::<Vec<_>>().join(" ")
}

/// The value of the first line `key<separator>value`.
pub(super) fn field(text: &str, key: &str, separator: char) -> String {
    let mut pairs = text.lines().filter_map(|line| line.split_once(separator));
    let found = pairs.find(|(name, _)| name.trim() == key);
    found.map_or_else(|| UNKNOWN.into(), |(_, value)| value.trim().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_found_by_its_whole_name() {
        let text = "MemTotalX: 1 kB\nMemTotal:   2048 kB\nMemTotal: 3 kB\n";
        assert_eq!(field(text, "MemTotal", ':'), "2048 kB");
        assert_eq!(field(text, "MemFree", ':'), UNKNOWN);
    }
}
