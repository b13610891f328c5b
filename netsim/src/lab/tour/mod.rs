//! The tour: every fault of a script, one after the other, on a lab of its own.
//!
//! A step begins when all is calm and ends when all is calm again: rings whole, incidents closed. What is
//! measured comes from the operator's commands and the notifier's file, nothing from inside.

mod compare;
mod record;
mod report;
mod restart;
mod unheard;

use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant};

use super::error::LabError;
use super::fault::now_ms;
use super::formed::missing_for_switch_rings;
use super::interrupt::Interrupt;
use super::operator::{Incident, Operator, pages};
use super::plan::{Plan, Site, Switch};
use super::running::Lab;
use super::script::{Action, Fault, Step, TOUR_NEEDS};
use super::state::{Profile, replace};
use record::{Seen, Target};

pub use record::{Record, Tour};
pub use report::{Progress, summary};

/// Between two questions to the CMA.
const POLL: Duration = Duration::from_millis(150);
/// After a heal nothing is called calm before this: a late incident would be blamed on the next step.
const SETTLE: Duration = Duration::from_millis(1_500);
/// From whole rings to the first fault. A link testifies when three beats have passed over it: what dies
/// before that has not been watched yet, and nobody promised that it is missed. Beats between sites take 2 s.
const TESTIFIES: Duration = Duration::from_millis(3_500);
const TESTIFIES_BETWEEN_SITES: Duration = Duration::from_millis(7_000);
/// Lines of each log shown when a step fails.
const WORDS: usize = 15;

/// Walks through a script on a lab that was built and not started.
///
/// # Errors
/// [`LabError::Usage`] if the network is too small for the script, [`LabError::Interrupted`]. A step that
/// fails is no error: it is told in its record, and ends the tour only if the lab itself broke down.
pub fn walk(
    lab: &mut Lab,
    script: &[Step],
    quiet: Duration,
    stop: &Interrupt,
    progress: &Progress,
) -> Result<Tour, LabError> {
    check_size(lab.plan(), script)?;
    let mut walker = Walker { operator: lab.operator(), lab, stop, progress, quiet };
    let mut steps = Vec::new();
    for step in script {
        let (record, go_on) = walker.told_step(step)?;
        steps.push(record);
        if !go_on {
            break;
        }
    }
    let plan = walker.lab.plan();
    let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    Ok(Tour {
        schema: 1,
        sites: count(plan.sites.len()),
        switches: count(plan.switches.len()),
        hosts: count(plan.hosts.len()),
        ok: steps.len() == script.len() && steps.iter().all(|step| step.ok),
        steps,
    })
}

/// Writes `tour.json`.
///
/// # Errors
/// [`LabError::File`].
pub fn write(tour: &Tour, path: &Path) -> Result<(), LabError> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(super::error::at(folder, "create"))?;
    }
    let text = serde_json::to_string_pretty(tour).map_err(|error| LabError::Failed(error.to_string()))?;
    replace(path, &(text + "\n"))
}

/// Whether a network has a place for every step.
///
/// # Errors
/// [`LabError::Usage`].
pub fn check_size(plan: &Plan, script: &[Step]) -> Result<(), LabError> {
    let (switches, hosts) = TOUR_NEEDS;
    let enough = |switch: &Switch| plan.single_homed_on(switch.number).count() >= hosts.into();
    let sound = |site: &Site| {
        let enough = plan.switches_of(site.number).filter(|switch| enough(switch));
        enough.take_while(|switch| switch.place <= switches).count() >= switches.into()
    };
    if !plan.sites.iter().all(sound) {
        return Err(LabError::Usage(format!(
            "a tour needs {switches} switches in each site, with {hosts} single-homed hosts on each of them"
        )));
    }
    match script.iter().find(|step| plan.subject(step.subject).is_none()) {
        Some(step) => Err(LabError::Usage(format!("{}: this network has no place for it", step.name))),
        None => Ok(()),
    }
}

struct Walker<'a> {
    lab: &'a mut Lab,
    operator: Operator,
    stop: &'a Interrupt,
    progress: &'a Progress,
    quiet: Duration,
}

impl Walker<'_> {
    /// One step with everything that is said about it, and whether the next one makes sense.
    fn told_step(&mut self, step: &Step) -> Result<(Record, bool), LabError> {
        let (record, go_on) = match self.step(step) {
            Ok(record) => (record, true),
            Err(LabError::Interrupted) => return Err(LabError::Interrupted),
            Err(error) => {
                let subject = self.lab.plan().subject(step.subject).unwrap_or_default();
                let mut record = record::begun(step, subject, self.is_proved(step));
                record.problems.push(error.to_string());
                (record, false)
            }
        };
        self.progress.done(&record);
        if !record.ok {
            self.tell_why(&record);
        }
        Ok((record, go_on))
    }

    fn step(&mut self, step: &Step) -> Result<Record, LabError> {
        let subject = self.lab.plan().subject(step.subject).unwrap_or_default().to_string();
        let record = record::begun(step, &subject, self.is_proved(step));
        match step.action {
            Action::Form => self.form(step, record),
            Action::Quiet => self.stay_quiet(record),
            Action::Break(fault) => self.fault(step, fault, record),
            Action::Restart(fault) => self.restart(step, fault, record),
            Action::BreakUnheard(fault) => self.unheard(step, fault, record),
        }
    }

    /// What an incident of this step is about.
    fn target(&self, step: &Step) -> Target {
        let plan = self.lab.plan();
        let name = plan.subject(step.subject).unwrap_or_default().to_string();
        let site = step.subject.site().and_then(|number| plan.site_numbered(number));
        Target { name, kind: step.subject.kind(), site: site.map(|site| site.name.clone()) }
    }

    /// Whether a member with a second leg lives on the switch that is taken away.
    fn is_proved(&self, step: &Step) -> bool {
        let plan = self.lab.plan();
        let switch = plan.subject_switch(step.subject);
        switch.is_none_or(|switch| plan.hosts_on(switch.number).any(|host| host.is_dual()))
    }

    fn form(&mut self, step: &Step, mut record: Record) -> Result<Record, LabError> {
        self.progress.doing(match self.lab.plan().sites.len() {
            1 => "start the CMA, the relay and a probe on every host",
            _ => "start the CMA, a relay in every site and a probe on every host",
        });
        self.lab.start_roles(self.stop)?;
        self.progress.doing("let the switches announce themselves");
        let first_frame = now_ms();
        self.lab.start_announcers()?;
        let missing = self.wait_rings(Duration::from_millis(step.patience_ms.into()))?;
        record.seconds = (now_ms().saturating_sub(first_frame)) as f64 / 1000.0;
        let late = missing.map(|missing| format!("no whole rings: {missing}")).or_else(|| {
            let too_late = record.seconds > record.seconds_max;
            too_late
                .then(|| format!("whole after {:.2} s, at most {:.1} s", record.seconds, record.seconds_max))
        });
        let several = self.lab.plan().sites.len() > 1;
        self.stop.sleep(if several { TESTIFIES_BETWEEN_SITES } else { TESTIFIES })?;
        let seen = self.see(&BTreeSet::new(), 0)?;
        Ok(record::judge_calm(record, &seen, late))
    }

    fn stay_quiet(&mut self, record: Record) -> Result<Record, LabError> {
        self.progress.doing(&format!("touch nothing for {} s", self.quiet.as_secs()));
        let (known, start) = (self.known()?, now_ms());
        self.stop.sleep(self.quiet)?;
        let mut seen = self.see(&known, start)?;
        seen.not_calm = missing_for_switch_rings(self.lab.plan(), &self.operator.tree()?);
        Ok(record::judge_calm(record, &seen, None))
    }

    fn fault(&mut self, step: &Step, fault: Fault, record: Record) -> Result<Record, LabError> {
        let subject = record.subject.clone();
        let known = self.known()?;
        self.progress.doing(&format!("{} {subject}", fault.deed()));
        let broken_ms = self.lab.break_it(fault, &subject)?;
        let target = self.target(step);
        let before_heal = self.watch(step, &target, &known)?;
        self.progress.doing(&format!("heal {subject}, wait until all is calm"));
        let healed_ms = now_ms();
        self.lab.heal(&subject)?;
        let not_calm = self.wait_calm(&known)?;
        let seen = self.see(&known, broken_ms)?;
        let behind = self.must_stand_behind(step);
        let seen = Seen { broken_ms, healed_ms, before_heal, behind, not_calm, ..seen };
        Ok(record::judge_fault(step, &target, record, &seen))
    }

    /// A switch takes its single-homed hosts with it.
    fn must_stand_behind(&self, step: &Step) -> Vec<String> {
        let plan = self.lab.plan();
        let switch = plan.subject_switch(step.subject).into_iter();
        switch.flat_map(|switch| plan.single_homed_on(switch.number)).map(|host| host.name.clone()).collect()
    }

    /// Stays until the fault has lasted long enough and its incident is there, or patience ends.
    fn watch(
        &self,
        step: &Step,
        target: &Target,
        known: &BTreeSet<String>,
    ) -> Result<Vec<Incident>, LabError> {
        let (lasting, patience) = (millis(step.broken_ms), millis(step.patience_ms));
        let start = Instant::now();
        loop {
            // Asked just before the end too, so that what is told is what stood when it was healed.
            let news = self.news(known)?;
            let there = news.iter().any(|incident| target.is_subject_of(incident));
            let passed = start.elapsed();
            if passed >= patience || (there && passed >= lasting) {
                return Ok(news);
            }
            self.stop.sleep(POLL.min(patience.saturating_sub(passed)))?;
        }
    }

    /// Waits until every ring is whole; tells what is missing if that takes too long.
    fn wait_rings(&self, patience: Duration) -> Result<Option<String>, LabError> {
        let start = Instant::now();
        loop {
            let missing = missing_for_switch_rings(self.lab.plan(), &self.operator.tree()?);
            let Some(missing) = missing else { return Ok(None) };
            if let Some(casualty) = self.lab.casualties().into_iter().next() {
                return Ok(Some(casualty));
            }
            if start.elapsed() >= patience {
                return Ok(Some(missing));
            }
            self.stop.sleep(POLL)?;
        }
    }

    fn wait_calm(&self, known: &BTreeSet<String>) -> Result<Option<String>, LabError> {
        self.stop.sleep(SETTLE)?;
        let patience = match self.lab.state.profile {
            Profile::Lab => Duration::from_secs(60),
            Profile::Default | Profile::Scenario(_) => Duration::from_secs(180),
        };
        let start = Instant::now();
        loop {
            let open = self.news(known)?.into_iter().find(|incident| !incident.is_closed());
            let open =
                open.map(|incident| format!("{} {} is still open", incident.verdict, incident.subject.name));
            let missing = match open {
                Some(open) => Some(open),
                None => missing_for_switch_rings(self.lab.plan(), &self.operator.tree()?),
            };
            let Some(missing) = missing else { return Ok(None) };
            if let Some(casualty) = self.lab.casualties().into_iter().next() {
                return Ok(Some(casualty));
            }
            if start.elapsed() >= patience {
                return Ok(Some(format!("not calm {} s after the heal: {missing}", patience.as_secs())));
            }
            self.stop.sleep(POLL)?;
        }
    }

    fn known(&self) -> Result<BTreeSet<String>, LabError> {
        Ok(self.operator.incidents()?.into_iter().map(|incident| incident.id).collect())
    }

    fn news(&self, known: &BTreeSet<String>) -> Result<Vec<Incident>, LabError> {
        let all = self.operator.incidents()?;
        Ok(all.into_iter().filter(|incident| !known.contains(&incident.id)).collect())
    }

    fn see(&self, known: &BTreeSet<String>, since_ms: u64) -> Result<Seen, LabError> {
        let after_heal = self.news(known)?;
        let said = pages(&self.lab.pages_file())?;
        let pages = said.into_iter().filter(|page| page.at_ms >= since_ms && !known.contains(&page.incident));
        Ok(Seen { pages: pages.collect(), after_heal, ..Seen::default() })
    }

    /// Everything that helps to find out why a step failed, while it is still there.
    fn tell_why(&self, record: &Record) {
        for incident in self.operator.incidents().unwrap_or_default() {
            if record.incidents.contains(&incident.id) {
                self.progress.note(&format!("--- incident {}\n{:#}", incident.id, incident.raw));
            }
        }
        for casualty in self.lab.casualties() {
            self.progress.note(&casualty);
        }
        let mut names = self.lab.judges();
        if !names.contains(&record.subject.as_str()) {
            names.push(&record.subject);
        }
        self.progress.note(&self.lab.last_words(&names, WORDS));
    }
}

fn millis(ms: u32) -> Duration {
    Duration::from_millis(ms.into())
}
