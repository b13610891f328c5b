//! The commands of the lab.

use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

use super::announce::{Voice, announce};
use super::args::{AnnounceArgs, Command, LabArgs, TourArgs, Which};
use super::bench;
use super::cleanup::sweep;
use super::error::LabError;
use super::interrupt::Interrupt;
use super::permit;
use super::plan::Plan;
use super::running::{Lab, Options};
use super::script::TOUR;
use super::state::State;
use super::status;
use super::text::{print, tell};
use super::tour::{self, Progress, Tour};

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
            which.open(program, args)?.break_it(kind.fault(permille), &name).map(drop)
        }
        Command::Heal { name, which } => which.open(program, args)?.heal(&name),
        Command::Status { which, json } => show_status(&which.open(program, args)?, json),
        Command::Announce(args) => speak(&args),
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

fn walk(args: &TourArgs) -> Result<(), LabError> {
    let options = args.build.options()?;
    let stop = Interrupt::on_signals()?;
    let progress = Progress::on_stderr();
    tour::check_size(&Plan::new(&options.prefix, options.size))?;
    progress.note(&format!(
        "tour: {} switches, {} hosts, files in {}",
        options.size.switches(),
        options.size.hosts_total(),
        options.dir.display()
    ));
    progress.doing("build the network");
    let mut lab = Lab::build(&options)?;
    let walked = tour::walk(&mut lab, TOUR, Duration::from_secs(args.quiet_s), &stop, &progress);
    if matches!(&walked, Ok(tour) if !tour.ok) {
        save_logs(&lab, &args.out, &progress);
    }
    let tour = walked?;
    tour::write(&tour, &args.out)?;
    if let Err(error) = show(&lab, &tour) {
        progress.note(&format!("not everything can be shown: {error}"));
    }
    if args.keep {
        let advice = advice(&options, lab.plan());
        lab.release()?;
        print(&format!("\n{advice}"));
    } else {
        progress.doing("take the lab away");
        lab.down()?;
    }
    print(&format!("\n{}report: {}", tour::summary(&tour), args.out.display()));
    if tour.ok { Ok(()) } else { Err(LabError::Failed("the tour did not go as wanted".into())) }
}

fn save_logs(lab: &Lab, report: &Path, progress: &Progress) {
    let to = report.with_file_name(format!("logs-{}", lab.plan().prefix));
    match lab.save_logs(&to) {
        Ok(()) => progress.note(&format!("all logs: {}", to.display())),
        Err(error) => progress.note(&format!("the logs could not be saved: {error}")),
    }
}

/// What an operator would see, in the operator's own words.
fn show(lab: &Lab, tour: &Tour) -> Result<(), LabError> {
    let operator = lab.operator();
    print("\n$ ringmesh tree");
    operator.show(&["tree"])?;
    for step in &tour.steps {
        for id in &step.incidents {
            print(&format!("\n$ ringmesh explain {id}    # {}: {} {}", step.name, step.action, step.subject));
            operator.show(&["explain", id])?;
        }
    }
    Ok(())
}

/// What one may do with a running lab.
fn advice(options: &Options, plan: &Plan) -> String {
    let (dir, bin) = (options.dir.display(), options.bin_dir.display());
    let host = plan.hosts.last().map_or("h1", |host| &host.name);
    let netns = plan.netns(host);
    let root = if permit::is_inside() { "" } else { "\n  ip netns exec " };
    let look = if root.is_empty() { String::new() } else { format!("{root}{netns} ip address") };
    format!(
        "The lab runs. Things to try:\n\
         \n  export RINGMESH_SOCKET={dir}/cma/cma.sock\
         \n  {bin}/ringmesh tree\
         \n  {bin}/ringmesh-netsim lab break host {host} --dir {dir}\
         \n  {bin}/ringmesh incidents\
         \n  {bin}/ringmesh-netsim lab heal {host} --dir {dir}\
         \n  {bin}/ringmesh-probe attachments --config {dir}/{host}/probe.toml\
         \n  {bin}/ringmesh-netsim lab break switch sw1 --dir {dir}\
         \n  tail -f {dir}/cma/pages.jsonl{look}\
         \n  {bin}/ringmesh-netsim lab down --dir {dir}"
    )
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
