//! Figures: memory, processor time, datagrams and detection times of real processes, with the timing as
//! shipped. What is not measured is not printed, and a promise that does not hold is called missed.

mod args;
mod audit;
mod changes;
mod datagram;
mod disk;
mod footprint;
mod ground;
mod kills;
mod machine;
mod packet;
mod paged;
mod quiet;
mod report;
mod restless;
mod resync;
mod several;
mod soak;
mod stats;
mod steady;
mod stream;
mod tap;

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::error::{LabError, at};
use super::fault::now_ms;
use super::interrupt::Interrupt;
use super::running::{Lab, Options};
use super::state::{Profile, replace};
use super::text::print;
use super::tour::Progress;
use args::{Part, ResultArgs};
use ground::Ground;
use machine::Machine;
use report::{Gate, Report, Section};

pub(super) use args::{BenchArgs, SoakArgs};

/// Memory first, of processes that have only just formed their rings; kills last, for they disturb most.
const PARTS: [Part; 4] = [Part::Footprint, Part::Wire, Part::Changes, Part::Kills];

/// Measures everything that [`BenchArgs`] asks for: of one site what happens in it, of several what is between them.
///
/// # Errors
/// [`LabError::Failed`] if a gate is missed; the figures are written all the same.
pub(super) fn bench(args: &BenchArgs) -> Result<(), LabError> {
    let options = args.build.options_with(1, Profile::Default)?;
    if options.layout.sites() > 1 {
        return several::bench(&options, args);
    }
    let wanted = |part: &Part| args.only.is_empty() || args.only.contains(part);
    let mut run = Run::start(&args.result, "ringmesh-netsim lab bench")?;
    run.lab(&options, |ground| {
        ground.form()?;
        PARTS.into_iter().filter(wanted).map(|part| tried(name(part), one_part(ground, args, part))).collect()
    })?;
    run.end("Measured in the lab", &args.result)
}

/// Leaves a lab alone for a long time; with several sites, kills what watches them, again and again.
///
/// # Errors
/// As [`bench`].
pub(super) fn soak(args: &SoakArgs) -> Result<(), LabError> {
    let options = args.build.options_with(1, Profile::Default)?;
    if options.layout.sites() > 1 {
        let mut run = Run::start(&args.result, "ringmesh-netsim lab soak --sites")?;
        run.lab(&options, |ground| {
            let section = tried("kills", restless::measure(ground, args.kills));
            section.map(|section| vec![section])
        })?;
        return run.end("Killed again and again", &args.result);
    }
    let quiet = Duration::from_secs(args.quiet_s);
    let mut run = Run::start(&args.result, "ringmesh-netsim lab soak")?;
    run.lab(&options, |ground| {
        ground.form()?;
        let section = tried("soak", soak::measure(ground, quiet));
        section.map(|section| vec![section])
    })?;
    run.end("Untouched", &args.result)
}

fn name(part: Part) -> &'static str {
    match part {
        Part::Footprint => "footprint",
        Part::Wire => "wire",
        Part::Changes => "changes",
        Part::Kills => "kills",
    }
}

fn one_part(ground: &mut Ground<'_>, args: &BenchArgs, part: Part) -> Result<Section, LabError> {
    let idle = Duration::from_secs(args.idle_s);
    match part {
        Part::Footprint => footprint::measure(ground, idle),
        Part::Wire => quiet::measure(ground, idle),
        Part::Changes => changes::measure(ground, args.rounds),
        Part::Kills => kills::measure(ground, args.kills),
    }
}

/// A part that fails is told as such, and the next one is tried; only an interruption ends it all.
fn tried(name: &'static str, measured: Result<Section, LabError>) -> Result<Section, LabError> {
    match measured {
        Err(LabError::Interrupted) => Err(LabError::Interrupted),
        Err(error) => Ok(Section::not_measured(name, &error.to_string())),
        Ok(section) => Ok(section),
    }
}

/// One measurement, in as many labs as it takes.
struct Run {
    by: &'static str,
    seed: u64,
    stop: Interrupt,
    progress: Progress,
    machine: Machine,
    networks: Vec<String>,
    sections: Vec<Section>,
    /// Where logs go when a gate is missed.
    json: Option<PathBuf>,
}

impl Run {
    fn start(result: &ResultArgs, by: &'static str) -> Result<Self, LabError> {
        let stop = Interrupt::on_signals()?;
        let (seed, machine) = (result.seed.unwrap_or_else(now_ms), Machine::look());
        let (progress, json) = (Progress::on_stderr(), result.json.clone());
        progress.note(&format!("{by}: seed {seed}"));
        Ok(Self { by, seed, stop, progress, machine, networks: Vec::new(), sections: Vec::new(), json })
    }

    /// Builds a lab, measures in it, takes it away.
    fn lab(
        &mut self,
        options: &Options,
        measure: impl FnOnce(&mut Ground<'_>) -> Result<Vec<Section>, LabError>,
    ) -> Result<(), LabError> {
        self.progress.note(&format!("{}, files in {}", options.layout.words(), options.dir.display()));
        let mut lab = Lab::build(options)?;
        self.networks.push(network(options, &lab));
        let mut ground = Ground::new(&mut lab, self.seed, &self.stop, &self.progress);
        let sections = measure(&mut ground)?;
        if let Some(json) = &self.json
            && !are_met(&sections)
        {
            keep_logs(&lab, json, &self.progress);
        }
        self.sections.extend(sections);
        lab.down()
    }

    fn end(mut self, title: &str, result: &ResultArgs) -> Result<(), LabError> {
        self.machine.look_again();
        let report = Report {
            schema: 1,
            title: title.into(),
            by: self.by.into(),
            ok: are_met(&self.sections),
            machine: self.machine,
            network: self.networks.join("; then "),
            seed: self.seed,
            sections: self.sections,
        };
        write(&report, result)
    }
}

fn are_met(sections: &[Section]) -> bool {
    sections.iter().flat_map(|section| &section.gates).all(Gate::holds)
}

fn network(options: &Options, lab: &Lab) -> String {
    let dual = lab.plan().hosts.iter().filter(|host| host.is_dual()).count();
    let timing = match options.profile {
        Profile::Default => "timing as shipped",
        Profile::Lab | Profile::Scenario(_) => "closing and settling shortened",
    };
    let relays = match options.layout.sites() {
        1 => "one relay".into(),
        sites => format!("{sites} relays"),
    };
    let words = options.layout.words();
    format!("{words}, {dual} of them dual-homed, {relays}, one CMA; {timing}")
}

fn keep_logs(lab: &Lab, json: &Path, progress: &Progress) {
    let to = json.with_file_name(format!("logs-{}", lab.plan().prefix));
    match lab.save_logs(&to) {
        Ok(()) => progress.note(&format!("all logs: {}", to.display())),
        Err(error) => progress.note(&format!("the logs could not be saved: {error}")),
    }
}

fn write(report: &Report, result: &ResultArgs) -> Result<(), LabError> {
    let markdown = report.markdown();
    print(markdown.trim_end());
    if let Some(path) = &result.out {
        write_file(path, &markdown)?;
    }
    if let Some(path) = &result.json {
        let text =
            serde_json::to_string_pretty(report).map_err(|error| LabError::Failed(error.to_string()))?;
        write_file(path, &(text + "\n"))?;
    }
    let missed =
        report.sections.iter().flat_map(|section| &section.gates).filter(|gate| !gate.holds()).count();
    if report.ok { Ok(()) } else { Err(LabError::Failed(format!("{missed} gates missed"))) }
}

fn write_file(path: &Path, text: &str) -> Result<(), LabError> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(at(folder, "create"))?;
    }
    replace(path, text)
}
