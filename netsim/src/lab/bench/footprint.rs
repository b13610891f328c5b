//! Memory and processor time of every process while nothing happens.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use serde::Serialize;

use super::ground::Ground;
use super::machine::field;
use super::report::{Gate, Section, table};
use crate::lab::command::{run, system};
use crate::lab::error::{LabError, at};
use crate::lab::roles::Role;

const RSS_MIB_MAX: f64 = 6.0;
const CPU_PERCENT_MAX: f64 = 0.03;

/// One process over the idle time.
#[derive(Clone, Debug, Serialize)]
struct Process {
    name: String,
    role: &'static str,
    /// Resident set at the end, with everything shared.
    rss_mib: f64,
    /// The part of it that belongs to no file.
    anonymous_mib: f64,
    threads: String,
    /// Of one core, by the scheduler's own nanoseconds, all threads together.
    cpu_percent: f64,
    /// Of one core, by clock ticks: coarse, and what `ps` shows.
    cpu_percent_by_ticks: f64,
}

/// Processor time used so far.
#[derive(Clone, Copy, Debug)]
struct Used {
    nanoseconds: u64,
    ticks: u64,
}

/// Watches all processes of the lab for so long.
///
/// # Errors
/// [`LabError::File`] if a process is gone, [`LabError::Interrupted`].
pub(super) fn measure(ground: &Ground<'_>, idle: Duration) -> Result<Section, LabError> {
    ground.progress.doing(&format!("measure memory and CPU for {} s", idle.as_secs()));
    let roles = [Role::Probe, Role::Relay, Role::Cma];
    let running: Vec<_> =
        ground.lab.state.processes.iter().filter(|running| roles.contains(&running.role)).collect();
    let ticks_per_s = ticks_per_second()?;
    let before: Vec<Used> = running.iter().map(|one| used(one.process.pid)).collect::<Result<_, _>>()?;
    let start = Instant::now();
    ground.stop.sleep(idle)?;
    let mut processes = Vec::new();
    for (one, before) in running.iter().zip(before) {
        let (after, seconds) = (used(one.process.pid)?, start.elapsed().as_secs_f64());
        processes.push(Process {
            name: one.name.clone(),
            role: one.role.word(),
            cpu_percent: after.nanoseconds.saturating_sub(before.nanoseconds) as f64 / 1e7 / seconds,
            cpu_percent_by_ticks: (after.ticks - before.ticks) as f64 * 100.0 / ticks_per_s / seconds,
            ..memory(one.process.pid)?
        });
    }
    section(&processes, idle)
}

fn section(processes: &[Process], idle: Duration) -> Result<Section, LabError> {
    let probes: Vec<&Process> = processes.iter().filter(|process| process.role == "probe").collect();
    let most = |value: fn(&Process) -> f64| probes.iter().map(|probe| value(probe)).fold(f64::NAN, f64::max);
    let gates = vec![
        Gate::aim_at_most("probe, resident memory, the largest", most(|p| p.rss_mib), RSS_MIB_MAX, 2, "MiB"),
        Gate::aim_at_most(
            "probe, idle CPU, the busiest",
            most(|p| p.cpu_percent),
            CPU_PERCENT_MAX,
            4,
            "% of a core",
        ),
    ];
    let row = |process: &Process| {
        vec![
            process.name.clone(),
            process.role.into(),
            format!("{:.2}", process.rss_mib),
            format!("{:.2}", process.anonymous_mib),
            process.threads.clone(),
            format!("{:.4}", process.cpu_percent),
            format!("{:.3}", process.cpu_percent_by_ticks),
        ]
    };
    let rows: Vec<Vec<String>> = processes.iter().map(row).collect();
    let heading =
        ["", "", "RSS, MiB", "anonymous, MiB", "threads", "CPU, % of a core (schedstat)", "(clock ticks)"];
    let text = format!(
        "Every process over {} s in which nothing happened. RSS counts pages shared with the other processes of \
         the lab as well.\n\n{}",
        idle.as_secs(),
        table(&heading, &rows)
    );
    let data = serde_json::to_value(processes).map_err(|error| LabError::Failed(error.to_string()))?;
    Ok(Section { name: "footprint", title: "Memory and idle CPU".into(), text, gates, data })
}

fn memory(pid: i32) -> Result<Process, LabError> {
    let path = format!("/proc/{pid}/status");
    let status = fs::read_to_string(&path).map_err(at(Path::new(&path), "read"))?;
    let mib = |key: &str| {
        let value = field(&status, key, ':');
        let kib: Result<f64, _> = value.trim_end_matches(" kB").parse();
        kib.map(|kib| kib / 1024.0).map_err(|_| LabError::Failed(format!("{path}: no {key}: {value}")))
    };
    Ok(Process {
        name: String::new(),
        role: "",
        rss_mib: mib("VmRSS")?,
        anonymous_mib: mib("RssAnon")?,
        threads: field(&status, "Threads", ':'),
        cpu_percent: 0.0,
        cpu_percent_by_ticks: 0.0,
    })
}

fn used(pid: i32) -> Result<Used, LabError> {
    let path = format!("/proc/{pid}/stat");
    let text = fs::read_to_string(&path).map_err(at(Path::new(&path), "read"))?;
    let ticks = ticks(&text).ok_or_else(|| LabError::Failed(format!("{path}: not understood: {text}")))?;
    Ok(Used { nanoseconds: nanoseconds(pid)?, ticks })
}

/// User and system time together.
fn ticks(stat: &str) -> Option<u64> {
    // The name stands in parentheses and may hold anything, parentheses too.
    let mut fields = stat.get(stat.rfind(')')? + 1..)?.split_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(user + system)
}

/// The kernel keeps these for each thread.
fn nanoseconds(pid: i32) -> Result<u64, LabError> {
    let folder = format!("/proc/{pid}/task");
    let threads = fs::read_dir(&folder).map_err(at(Path::new(&folder), "read"))?;
    let mut sum = 0;
    for thread in threads.flatten() {
        let path = thread.path().join("schedstat");
        // A thread that has just ended takes its time with it; clock ticks keep it.
        let Ok(text) = fs::read_to_string(&path) else { continue };
        let ran: Option<u64> = text.split_whitespace().next().and_then(|first| first.parse().ok());
        sum += ran.ok_or_else(|| LabError::Failed(format!("{}: not understood: {text}", path.display())))?;
    }
    Ok(sum)
}

fn ticks_per_second() -> Result<f64, LabError> {
    let said = run(system("getconf").arg("CLK_TCK"), "")?;
    said.trim().parse().map_err(|_| LabError::Failed(format!("`getconf CLK_TCK` printed {said:?}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_user_and_system_time_whatever_the_name_is() {
        let stat = "7 (a) b) S 1 7 7 0 -1 4194304 10 20 30 40 123 45 0 0 20 0 1 0 999 0 0";
        assert_eq!(ticks(stat), Some(168));
        assert_eq!(ticks("7 (x) S 1"), None);
    }

    #[test]
    fn a_busy_process_is_seen_to_be_busy() {
        let mut child = system("sh").args(["-c", "while :; do :; done"]).spawn().unwrap();
        let pid = i32::try_from(child.id()).unwrap();
        let before = used(pid).unwrap();
        std::thread::sleep(Duration::from_millis(300));
        let (after, memory) = (used(pid).unwrap(), memory(pid).unwrap());
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(after.nanoseconds > before.nanoseconds && after.ticks >= before.ticks);
        assert!(memory.rss_mib > memory.anonymous_mib && memory.anonymous_mib > 0.0);
    }

    #[test]
    fn the_largest_probe_decides_and_nobody_else() {
        let process = |role, rss_mib, cpu_percent| Process {
            name: "x".into(),
            role,
            rss_mib,
            anonymous_mib: 1.0,
            threads: "1".into(),
            cpu_percent,
            cpu_percent_by_ticks: 0.0,
        };
        let met = |processes: &[Process]| -> Vec<bool> {
            section(processes, Duration::from_secs(60)).unwrap().gates.iter().map(|gate| gate.met).collect()
        };
        assert_eq!(met(&[process("probe", 5.9, 0.03), process("relay", 90.0, 9.0)]), [true, true]);
        assert_eq!(met(&[process("probe", 5.9, 0.01), process("probe", 6.1, 0.04)]), [false, false]);
        assert_eq!(met(&[]), [false, false]);
    }
}
