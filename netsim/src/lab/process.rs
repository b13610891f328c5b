//! Processes by pid and start time, so that a pid used again by a stranger is never taken for ours.

use std::fs;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, waitpid};
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};

/// The environment variable that marks every process of a lab; its value is the lab's folder.
pub(super) const MARK: &str = "RINGMESH_LAB";

/// One process for ever: a pid returns, a pid with its start time does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ProcessId {
    /// The process id.
    pub(super) pid: i32,
    /// Clock ticks between the kernel's boot and the start of the process.
    started: u64,
}

/// What the kernel says about a process, as far as we ask.
struct Stat {
    state: char,
    session: i32,
    started: u64,
}

impl ProcessId {
    /// The living process of that pid.
    pub(super) fn of(pid: i32) -> Option<Self> {
        Some(Self { pid, started: stat(pid)?.started })
    }

    /// Ourselves.
    pub(super) fn own() -> Option<Self> {
        i32::try_from(std::process::id()).ok().and_then(Self::of)
    }

    /// Whether it still runs. A zombie does not: nobody may come to bury it.
    pub(super) fn is_alive(self) -> bool {
        stat(self.pid).is_some_and(|stat| stat.started == self.started && !matches!(stat.state, 'Z' | 'X'))
    }

    /// Sends a signal; a process that is gone is no error.
    pub(super) fn signal(self, signal: Signal) {
        if self.is_alive() {
            // Between the look and the signal it may end; then the kernel says ESRCH, which is fine.
            let _ = kill(Pid::from_raw(self.pid), signal);
        }
    }

    /// Buries it if it is our dead child; of strangers' children the kernel knows nothing here.
    pub(super) fn reap(self) {
        let _: Result<_, Errno> = waitpid(Pid::from_raw(self.pid), Some(WaitPidFlag::WNOHANG));
    }

    /// Waits until it is gone, for at most `patience`.
    pub(super) fn wait_gone(self, patience: Duration) -> bool {
        let start = Instant::now();
        while self.is_alive() {
            if start.elapsed() > patience {
                return false;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        self.reap();
        true
    }

    /// Whether `pid` is in the session that this process leads or led. A pid is not used again while it
    /// names a session, so this stays true of children after their leader's death.
    fn leads(self, pid: i32) -> bool {
        stat(pid).is_some_and(|stat| stat.session == self.pid && stat.started >= self.started)
    }
}

fn stat(pid: i32) -> Option<Stat> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name stands in parentheses and may hold anything, parentheses too.
    let mut fields = text.get(text.rfind(')')? + 1..)?.split_whitespace();
    let state = fields.next()?.chars().next()?;
    let session = fields.nth(2)?.parse().ok()?;
    let started = fields.nth(15)?.parse().ok()?;
    Some(Stat { state, session, started })
}

/// Every process that a lab with this folder started, or that such a one started.
pub(super) fn marked(folder: &str) -> Vec<ProcessId> {
    let mark = format!("{MARK}={folder}");
    everyone().filter(|&pid| is_marked(pid, &mark)).filter_map(ProcessId::of).collect()
}

/// Every process in the sessions of these leaders: themselves, and what they started.
pub(super) fn in_sessions_of(leaders: &[ProcessId]) -> Vec<ProcessId> {
    let led = |pid: &i32| leaders.iter().any(|leader| leader.leads(*pid));
    everyone().filter(led).filter_map(ProcessId::of).collect()
}

/// Every process of this machine.
fn everyone() -> impl Iterator<Item = i32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

fn is_marked(pid: i32, mark: &str) -> bool {
    let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
    environment.split(|octet| *octet == 0).any(|entry| entry == mark.as_bytes())
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn a_process_is_alive_until_killed_and_a_zombie_is_dead() {
        let mut child = Command::new("setsid").args(["sleep", "60"]).env(MARK, "unit-test").spawn().unwrap();
        let pid = child.id() as i32;
        let id = ProcessId::of(pid).unwrap();
        assert!(id.is_alive());
        // Until it has become `setsid` the child still carries our own environment and session, and while that becomes
        // `sleep` its environment reads as empty.
        let look = || (marked("unit-test"), in_sessions_of(&[id]));
        let (start, mut seen) = (Instant::now(), look());
        while seen != (vec![id], vec![id]) && start.elapsed() < Duration::from_secs(5) {
            std::thread::sleep(Duration::from_millis(1));
            seen = look();
        }
        assert_eq!(seen, (vec![id], vec![id]));
        assert_eq!(marked("another"), []);
        id.signal(Signal::SIGKILL);
        let start = Instant::now();
        while id.is_alive() && start.elapsed() < Duration::from_secs(5) {
            std::thread::sleep(Duration::from_millis(1));
        }
        assert!(!id.is_alive(), "a zombie counts as dead");
        child.wait().unwrap();
    }

    #[test]
    fn the_same_pid_with_another_start_is_a_stranger() {
        let own = ProcessId::own().unwrap();
        assert!(own.is_alive());
        assert!(!ProcessId { started: own.started + 1, ..own }.is_alive());
        assert!(ProcessId::of(i32::MAX).is_none());
    }
}
