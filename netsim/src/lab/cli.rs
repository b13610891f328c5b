//! The commands of the lab.

use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

use super::announce::{Voice, announce};
use super::args::{AnnounceArgs, Command, LabArgs, PlayArgs, TourArgs, Which, subject};
use super::bench;
use super::cleanup::sweep;
use super::error::LabError;
use super::interrupt::Interrupt;
use super::permit;
use super::pipe::pipe;
use super::plan::Plan;
use super::play;
use super::running::{Lab, Options};
use super::script::tour_of;
use super::state::{Profile, State};
use super::status;
use super::text::{print, tell};
use super::tour::{self, Progress, Tour};
use super::wan::carry;

/// Runs a lab command. `program` and `args` are this very command, to be run again where it may do its work.
///
/// # Errors
/// [`LabError`], which knows its exit code.
pub fn run(lab: LabArgs, program: &Path, args: &[OsString]) -> Result<(), LabError> {
    match lab.command {
        Command::Up(build) => {
            permit::enter_or_return(program, args)?;
            up(&build.options()?)
        }
        Command::Tour(tour) => {
            permit::enter_or_return(program, args)?;
            walk(&tour)
        }
        Command::Play(words) => {
            permit::enter_or_return(program, args)?;
            play_file(&words)
        }
        Command::Bench(words) => {
            permit::enter_or_return(program, args)?;
            bench::bench(&words)
        }
        Command::Soak(words) => {
            permit::enter_or_return(program, args)?;
            bench::soak(&words)
        }
        Command::Down { all_dead: true, which } => {
            let base = which.base()?;
            sweep(&base).iter().for_each(|dir| tell(&format!("removed {}", dir.display())));
            Ok(())
        }
        Command::Down { which, all_dead: false } => down(&which, program, args),
        Command::Break { kind, name, permille, which } => {
            let mut lab = which.open(program, args)?;
            let fault = kind.fault(permille);
            let name = subject(&lab, fault, name.as_deref())?.to_string();
            lab.break_it(fault, &name).map(drop)
        }
        Command::Heal { name, which } => which.open(program, args)?.heal(&name),
        Command::Status { which, json } => show_status(&which.open(program, args)?, json),
        Command::Announce(args) => speak(&args),
        Command::Carry(args) => carry(&args.leg()),
        Command::Pipe(args) => pipe(&args.from, &args.to),
    }
}

fn up(options: &Options) -> Result<(), LabError> {
    let stop = Interrupt::on_signals()?;
    let lab = Lab::up(options, &stop)?;
    let advice = advice(options, lab.plan());
    lab.release()?;
    print(&advice);
    Ok(())
}

/// Takes a lab away. One whose keeper is gone has files only, and those need no namespace.
fn down(which: &Which, program: &Path, args: &[OsString]) -> Result<(), LabError> {
    let dir = which.find()?;
    if let Some(state) = State::load(&dir)?
        && state.keeper.is_some_and(super::process::ProcessId::is_alive)
    {
        permit::follow_or_return(&state, program, args)?;
    }
    Lab::open(&dir)?.down()
}

/// How often the mirror is asked whether it is there, once a second.
const MIRROR_TRIES: u32 = 60;
/// Two sites are the fewest on which every step has its place.
const TOUR_SITES: u8 = 2;

fn walk(args: &TourArgs) -> Result<(), LabError> {
    let options = args.build.options_with(TOUR_SITES, Profile::Lab)?;
    let stop = Interrupt::on_signals()?;
    let progress = Progress::on_stderr();
    let script = tour_of(options.layout.sites());
    tour::check_size(&Plan::new(&options.prefix, &options.layout), &script)?;
    progress.note(&format!("tour: {}, files in {}", options.layout.words(), options.dir.display()));
    progress.doing("build the network");
    let mut lab = Lab::build(&options)?;
    let walked = tour::walk(&mut lab, &script, Duration::from_secs(args.quiet_s), &stop, &progress);
    if matches!(&walked, Ok(tour) if !tour.ok) {
        save_logs(&lab, &args.out, &progress);
    }
    let tour = walked?;
    tour::write(&tour, &args.out)?;
    show(&lab, &tour, &progress);
    let mirrored = compare_mirror(&lab, &progress);
    if args.keep {
        let advice = advice(&options, lab.plan());
        lab.release()?;
        print(&format!("\n{advice}"));
    } else {
        progress.doing("take the lab away");
        lab.down()?;
    }
    print(&format!("\n{}report: {}", tour::summary(&tour), args.out.display()));
    match (tour.ok, mirrored) {
        (false, _) => Err(LabError::Failed("the tour did not go as wanted".into())),
        (true, false) => Err(LabError::Failed("the mirror does not hold what the CMA holds".into())),
        (true, true) => Ok(()),
    }
}

fn play_file(args: &PlayArgs) -> Result<(), LabError> {
    let scenario = play::read(&args.file)?;
    let seed = args.seed.unwrap_or(scenario.seed);
    let options = play::options(&scenario, seed, args.options()?)?;
    let stop = Interrupt::on_signals()?;
    let lasts = scenario.duration().as_secs();
    tell(&format!(
        "{}: {}, {lasts} s, files in {}",
        scenario.file,
        options.layout.words(),
        options.dir.display()
    ));
    let mut lab = Lab::build(&options)?;
    let slack = Duration::from_millis(args.slack_ms);
    let played = play::play(&mut lab, &scenario, seed, slack, &stop);
    if !matches!(&played, Ok(played) if played.ok()) {
        let to = options.dir.with_file_name(format!("logs-{}", lab.plan().prefix));
        match lab.save_logs(&to) {
            Ok(()) => tell(&format!("all logs: {}", to.display())),
            Err(error) => tell(&format!("the logs could not be saved: {error}")),
        }
    }
    let played = played?;
    lab.down()?;
    let report = play::Report::of(&scenario, seed, &played);
    if args.json {
        let text =
            serde_json::to_string_pretty(&report).map_err(|error| LabError::Failed(error.to_string()))?;
        print(&text);
    } else {
        print(report.table().trim_end());
    }
    report.complaints().iter().for_each(|line| tell(line));
    if report.ok { Ok(()) } else { Err(LabError::Failed(format!("{}: not as expected", scenario.file))) }
}

fn save_logs(lab: &Lab, report: &Path, progress: &Progress) {
    let to = report.with_file_name(format!("logs-{}", lab.plan().prefix));
    match lab.save_logs(&to) {
        Ok(()) => progress.note(&format!("all logs: {}", to.display())),
        Err(error) => progress.note(&format!("the logs could not be saved: {error}")),
    }
}

/// What an operator would see, in the operator's own words.
fn show(lab: &Lab, tour: &Tour, progress: &Progress) {
    let operator = lab.operator();
    let shown = |words: &[&str]| {
        if let Err(error) = operator.show(words) {
            progress.note(&format!("this cannot be shown: {error}"));
        }
    };
    print("\n$ ringmesh tree");
    shown(&["tree"]);
    for step in &tour.steps {
        for id in &step.incidents {
            print(&format!("\n$ ringmesh explain {id}    # {}: {} {}", step.name, step.action, step.subject));
            shown(&["explain", id]);
        }
    }
}

/// Rows of both sides by label, the mirror's read back from it. It is late by no more than a moment after a calm end.
fn compare_mirror(lab: &Lab, progress: &Progress) -> bool {
    if lab.state.neo4j.is_none() {
        return true;
    }
    progress.doing("compare the graph with its mirror");
    let words = ["mirror", "compare"];
    for _ in 0..MIRROR_TRIES {
        if let Ok(text) = lab.operator().text(&words) {
            print(&format!("\n$ ringmesh mirror compare\n{}", text.trim_end()));
            return true;
        }
        std::thread::sleep(Duration::from_secs(1));
    }
    print("\n$ ringmesh mirror compare");
    if let Err(error) = lab.operator().show(&words) {
        progress.note(&format!("the mirror is not as it should be: {error}"));
    }
    false
}

/// What one may do with a running lab.
fn advice(options: &Options, plan: &Plan) -> String {
    let (dir, bin) = (options.dir.display(), options.bin_dir.display());
    let host = plan.hosts.last().map_or("h1", |host| &host.name);
    let netns = plan.netns(host);
    let lab = |words: &str| format!("\n  {bin}/ringmesh-netsim lab {words} --dir {dir}");
    let mut text = format!(
        "The lab runs. Things to try:\n\
         \n  export RINGMESH_SOCKET={dir}/cma/cma.sock\
         \n  {bin}/ringmesh tree"
    );
    text += &lab(&format!("break host {host}"));
    text += &format!("\n  {bin}/ringmesh incidents");
    text += &lab(&format!("heal {host}"));
    text += &format!("\n  {bin}/ringmesh-probe attachments --config {dir}/{host}/probe.toml");
    text += &lab("break switch sw1");
    if let [_, .., last] = plan.sites.as_slice() {
        text += &lab(&format!("break wan {}", last.name));
        text += &lab(&format!("break relay {}", last.relay.name));
    }
    text += &lab("status");
    text += &format!("\n  tail -f {dir}/cma/pages.jsonl");
    if !permit::is_inside() {
        text += &format!("\n  ip netns exec {netns} ip address");
    }
    text + &lab("down")
}

fn show_status(lab: &Lab, json: bool) -> Result<(), LabError> {
    let status = status::status(lab)?;
    if json {
        let text =
            serde_json::to_string_pretty(&status).map_err(|error| LabError::Failed(error.to_string()))?;
        print(&text);
    } else {
        print(status::render(&status).trim_end());
    }
    if status.ok {
        Ok(())
    } else {
        Err(LabError::Failed("something of the lab is gone that nobody broke".into()))
    }
}

fn speak(args: &AnnounceArgs) -> Result<(), LabError> {
    let chassis = lldp_rs::Mac::from_text(args.chassis.as_bytes());
    let chassis =
        chassis.ok_or_else(|| LabError::Usage(format!("--chassis {}: no MAC address", args.chassis)))?;
    let stop = Interrupt::on_signals()?;
    let voice = Voice {
        name: args.name.clone(),
        chassis,
        ports: args.port.clone(),
        tx_interval_s: args.tx_interval_s,
    };
    announce(&voice, &stop)
}
