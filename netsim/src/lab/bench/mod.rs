//! Figures: memory, processor time, datagrams and detection times of real processes, with the timing as
//! shipped. What is not measured is not printed, and a promise that does not hold is called missed.

mod args;
mod changes;
mod datagram;
mod footprint;
mod ground;
mod kills;
mod machine;
mod quiet;
mod report;
mod soak;
mod stats;
mod tap;

use std::path::Path;
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
use report::{Report, Section};

pub(super) use args::{BenchArgs, SoakArgs};

/// Memory first, of processes that have only just formed their rings; kills last, for they disturb most.
const PARTS: [Part; 4] = [Part::Footprint, Part::Wire, Part::Changes, Part::Kills];

/// Measures everything that [`BenchArgs`] asks for.
///
/// # Errors
/// [`LabError::Failed`] if a gate is missed; the figures are written all the same.
pub(super) fn bench(args: &BenchArgs) -> Result<(), LabError> {
    let options = one_site(args.build.options_with(1, Profile::Default)?)?;
    let wanted = |part: &Part| args.only.is_empty() || args.only.contains(part);
    let measure = |ground: &mut Ground<'_>| {
        PARTS.into_iter().filter(wanted).map(|part| tried(name(part), one_part(ground, args, part))).collect()
    };
    measured(&options, &args.result, ("Measured in the lab", "ringmesh-netsim lab bench"), measure)
}

/// Leaves a lab alone for a long time.
///
/// # Errors
/// As [`bench`].
pub(super) fn soak(args: &SoakArgs) -> Result<(), LabError> {
    let options = one_site(args.build.options_with(1, Profile::Default)?)?;
    let quiet = Duration::from_secs(args.quiet_s);
    let measure = |ground: &mut Ground<'_>| {
        let section = tried("soak", soak::measure(ground, quiet));
        section.map(|section| vec![section])
    };
    measured(&options, &args.result, ("Untouched", "ringmesh-netsim lab soak"), measure)
}

/// The promises are made for a site: with several, figures of one would be mixed with those of another.
fn one_site(options: Options) -> Result<Options, LabError> {
    match options.size.sites() {
        1 => Ok(options),
        sites => {
            Err(LabError::Usage(format!("--sites {sites}: figures are measured on one site; leave it out")))
        }
    }
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

fn measured(
    options: &Options,
    result: &ResultArgs,
    (title, by): (&str, &str),
    measure: impl FnOnce(&mut Ground<'_>) -> Result<Vec<Section>, LabError>,
) -> Result<(), LabError> {
    let stop = Interrupt::on_signals()?;
    let progress = Progress::on_stderr();
    let (seed, mut machine) = (result.seed.unwrap_or_else(now_ms), Machine::look());
    progress.note(&format!("{by}: seed {seed}, files in {}", options.dir.display()));
    let mut lab = Lab::build(options)?;
    let network = network(options, &lab);
    let mut ground = Ground::form(&mut lab, seed, &stop, &progress)?;
    let sections = measure(&mut ground)?;
    machine.look_again();
    let ok = sections.iter().flat_map(|section| &section.gates).all(|gate| gate.met);
    let (title, by) = (title.into(), by.into());
    let report = Report { schema: 1, title, by, ok, machine, network, seed, sections };
    if !report.ok
        && let Some(json) = &result.json
    {
        keep_logs(&lab, json, &progress);
    }
    lab.down()?;
    write(&report, result)
}

fn network(options: &Options, lab: &Lab) -> String {
    let dual = lab.plan().hosts.iter().filter(|host| host.is_dual()).count();
    let timing = match options.profile {
        Profile::Default => "timing as shipped",
        Profile::Lab => "closing and settling shortened",
    };
    let (switches, hosts) = (options.size.switches(), options.size.hosts_total());
    format!("{switches} switches, {hosts} hosts, {dual} of them dual-homed, one relay, one CMA; {timing}")
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
    let missed = report.sections.iter().flat_map(|section| &section.gates).filter(|gate| !gate.met).count();
    if report.ok { Ok(()) } else { Err(LabError::Failed(format!("{missed} gates missed"))) }
}

fn write_file(path: &Path, text: &str) -> Result<(), LabError> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(at(folder, "create"))?;
    }
    replace(path, text)
}
