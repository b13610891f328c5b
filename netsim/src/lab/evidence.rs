//! What a lab's processes left to read when something is not as wanted.

use std::fs;
use std::path::Path;

use super::error::{LabError, at};
use super::roles::tail;
use super::running::Lab;
use super::state::Running;

impl Lab {
    /// Processes that ended though nobody broke them, with their last words.
    pub fn casualties(&self) -> Vec<String> {
        let all = self.state.processes.iter();
        let dead = all.filter(|running| !running.process.is_alive() && !self.is_excused(running));
        dead.map(|running| {
            format!(
                "{} of {} ended by itself; its last words:\n{}",
                running.role.word(),
                running.name,
                tail(&running.log, 15)
            )
        })
        .collect()
    }

    /// Whether something was broken on purpose that ends this process.
    pub(super) fn is_excused(&self, running: &Running) -> bool {
        let is_dark = self.plan.site_around(&running.name).is_some_and(|site| self.is_dark(site));
        is_dark || self.state.broken.iter().any(|broken| broken.name == running.name)
    }

    /// The names of the CMA and of every relay: whose words are wanted first.
    pub fn judges(&self) -> Vec<&str> {
        let relays = self.plan.sites.iter().map(|site| site.relay.name.as_str());
        relays.chain([super::plan::CMA]).collect()
    }

    /// The last lines of the logs of `names` (hosts, switches, `r1`, `cma`).
    pub fn last_words(&self, names: &[&str], lines: usize) -> String {
        let wanted = self.state.processes.iter().filter(|running| names.contains(&running.name.as_str()));
        let section = |running: &Running| {
            format!(
                "--- {} of {} ({})\n{}\n",
                running.role.word(),
                running.name,
                running.log.display(),
                tail(&running.log, lines)
            )
        };
        wanted.map(section).collect()
    }

    /// Copies every log and the notifier's file to a folder, before they are taken away.
    ///
    /// # Errors
    /// [`LabError::File`].
    pub fn save_logs(&self, to: &Path) -> Result<(), LabError> {
        fs::create_dir_all(to).map_err(at(to, "create"))?;
        for running in &self.state.processes {
            let target = to.join(format!("{}-{}.log", running.name, running.role.word()));
            fs::copy(&running.log, &target).map_err(at(&running.log, "copy"))?;
        }
        if self.files.pages().exists() {
            fs::copy(self.files.pages(), to.join("pages.jsonl")).map_err(at(to, "write into"))?;
        }
        Ok(())
    }
}
