//! Taking a lab away, wanted or not: nothing of it stays, and nothing else is touched.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use super::error::{LabError, at};
use super::net;
use super::process::{ProcessId, in_sessions_of, marked};
use super::running::Lab;
use super::state::labs_below;
use super::text::tell;

impl Lab {
    /// Removes processes, namespaces and files.
    ///
    /// # Errors
    /// The first thing that could not be removed; the rest is removed all the same.
    pub(super) fn clear(&mut self) -> Result<(), LabError> {
        let known: Vec<ProcessId> = self.state.processes.iter().map(|running| running.process).collect();
        bury(&self.mark(), &known, self.state.keeper);
        // From outside an ordinary user's namespaces, equal names are somebody else's.
        let visible = self.state.rootless == super::permit::is_inside();
        let network = if visible { net::destroy(&self.plan) } else { Ok(()) };
        if let Some(keeper) = self.state.keeper {
            keeper.signal(Signal::SIGKILL);
            keeper.wait_gone(Duration::from_secs(2));
        }
        network?;
        fs::remove_dir_all(self.files.dir()).map_err(at(self.files.dir(), "remove"))
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        if self.released {
            return;
        }
        if let Err(error) = self.clear() {
            tell(&format!("ringmesh-netsim: not everything of the lab could be removed: {error}"));
        }
    }
}

/// Kills everything that carries the mark or hangs on a known process, except the keeper: it holds the
/// namespaces, which are still needed.
fn bury(mark: &str, known: &[ProcessId], keeper: Option<ProcessId>) {
    let end = Instant::now() + Duration::from_secs(5);
    loop {
        let victims = marked(mark).into_iter().chain(in_sessions_of(known)).filter(|id| Some(*id) != keeper);
        let left: Vec<ProcessId> = victims.filter(|id| id.is_alive()).collect();
        left.iter().for_each(|id| id.signal(Signal::SIGKILL));
        if left.is_empty() || Instant::now() > end {
            break;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    known.iter().for_each(|id| id.reap());
}

/// Takes away what dead labs below `base` left, and returns the folders removed.
pub fn sweep(base: &Path) -> Vec<PathBuf> {
    let dead = labs_below(base).into_iter().filter(|(_, state)| state.is_dead());
    dead.filter_map(|(dir, _)| remove_dead(&dir).then_some(dir)).collect()
}

/// A lab that somebody took in hand meanwhile is left alone.
fn remove_dead(dir: &Path) -> bool {
    let Ok(lab) = Lab::open(dir) else { return false };
    lab.state.is_dead() && lab.down().is_ok()
}
