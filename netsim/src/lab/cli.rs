//! The command line of the lab.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};

use super::announce::{Voice, announce};
use super::error::{LabError, at};
use super::interrupt::Interrupt;
use super::permit;
use super::plan::{Plan, Size};
use super::running::{Lab, Options, sweep};
use super::script::{Fault, TOUR};
use super::state::{Announcer, Profile, State, labs_below};
use super::status;
use super::text::{print, tell};
use super::tour::{self, Progress, Tour};

/// Where labs are kept unless told otherwise.
const BASE: &str = "target/lab";

/// Real programs in network namespaces: one site with switches, hosts, a relay and a CMA.
#[derive(Debug, Args)]
pub struct LabArgs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Build a network, start everything in it, and leave it running.
    Up(Build),
    /// Take a lab away: processes, namespaces, files.
    Down {
        #[command(flatten)]
        which: Which,
        /// Instead, take away what killed labs left behind.
        #[arg(long)]
        all_dead: bool,
    },
    /// Build a lab, break and heal everything once, and check every verdict.
    Tour(TourArgs),
    /// Break something in a running lab.
    Break {
        /// What kind of fault.
        kind: Kind,
        /// Of which host or switch, for example h2 or sw1.
        name: String,
        /// Of a thousand frames, how many are lost (for `loss`).
        #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=1000))]
        permille: u16,
        #[command(flatten)]
        which: Which,
    },
    /// Heal everything that is broken about a host or a switch.
    Heal {
        /// Which one, for example h2 or sw1.
        name: String,
        #[command(flatten)]
        which: Which,
    },
    /// Show the processes of a lab and what is broken in it.
    Status {
        #[command(flatten)]
        which: Which,
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// A switch's voice; started by the lab inside a switch's namespace.
    #[command(hide = true)]
    Announce(AnnounceArgs),
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Kind {
    /// Power off a host.
    Host,
    /// Kill a probe.
    Probe,
    /// Power off a switch.
    Switch,
    /// Cut the link between a switch and the core.
    Uplink,
    /// Stop user space of a host; its kernel answers on.
    Pause,
    /// Stop a probe properly: it says goodbye.
    Stop,
    /// Lose frames at random towards a host, or out of every port of a switch.
    Loss,
}

impl Kind {
    fn fault(self, permille: u16) -> Fault {
        match self {
            Self::Host => Fault::Host,
            Self::Probe => Fault::Probe,
            Self::Switch => Fault::Switch,
            Self::Uplink => Fault::Uplink,
            Self::Pause => Fault::Pause,
            Self::Stop => Fault::Stop,
            Self::Loss => Fault::Loss { permille },
        }
    }
}

/// Which lab is meant.
#[derive(Debug, Args)]
struct Which {
    /// Before the name of every namespace [default: made of the process id; later, the only lab there is].
    #[arg(long, value_name = "P")]
    prefix: Option<String>,
    /// Folder of the lab's files [default: target/lab/<prefix>].
    #[arg(long, value_name = "FOLDER")]
    dir: Option<PathBuf>,
}

/// What to build.
#[derive(Debug, Args)]
struct Build {
    /// Number of switches.
    #[arg(long, value_name = "N", default_value_t = 2)]
    switches: u8,
    /// Number of hosts on each switch.
    #[arg(long, value_name = "N", default_value_t = 4)]
    hosts: u8,
    /// How many hosts have a second leg on the next switch.
    #[arg(long, value_name = "N", default_value_t = 1)]
    dual: u8,
    /// Who announces the switches.
    #[arg(long, value_enum, default_value_t = Announcer::Own)]
    announcer: Announcer,
    /// How patient the relay is when it closes and settles; never how fast it detects.
    #[arg(long, value_enum, default_value_t = Profile::Lab)]
    profile: Profile,
    /// Seconds between two announcements of a switch port.
    #[arg(long, value_name = "S", default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..=3600))]
    tx_interval_s: u16,
    /// Folder of our programs [default: that of this one].
    #[arg(long, value_name = "FOLDER")]
    bin_dir: Option<PathBuf>,
    #[command(flatten)]
    which: Which,
}

#[derive(Debug, Args)]
struct TourArgs {
    #[command(flatten)]
    build: Build,
    /// Leave the lab running and say what to try.
    #[arg(long)]
    keep: bool,
    /// Where the report goes.
    #[arg(long, value_name = "FILE", default_value = "target/demo/tour.json")]
    out: PathBuf,
    /// How long the quiet step lasts, in seconds.
    #[arg(long, value_name = "S", default_value_t = 10)]
    quiet_s: u64,
}

#[derive(Debug, Args)]
struct AnnounceArgs {
    #[arg(long)]
    name: String,
    #[arg(long)]
    chassis: String,
    #[arg(long, default_value_t = 5)]
    tx_interval_s: u16,
    #[arg(long, required = true)]
    port: Vec<String>,
}

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

impl Build {
    fn options(&self) -> Result<Options, LabError> {
        let prefix = self.which.prefix.clone().unwrap_or_else(|| format!("rm{}", std::process::id()));
        super::plan::check_prefix(&prefix)?;
        let dir = self.which.dir.clone().unwrap_or_else(|| Path::new(BASE).join(&prefix));
        Ok(Options {
            size: Size::new(self.switches, self.hosts, self.dual)?,
            announcer: self.announcer,
            profile: self.profile,
            dir: absolute(&dir)?,
            prefix,
            bin_dir: match &self.bin_dir {
                Some(folder) => absolute(folder)?,
                None => own_folder()?,
            },
            tx_interval_s: self.tx_interval_s,
        })
    }
}

impl Which {
    /// The folder of the lab that is meant: the named one, or the only one.
    fn find(&self) -> Result<PathBuf, LabError> {
        match (&self.dir, &self.prefix) {
            (Some(dir), _) => absolute(dir),
            (None, Some(prefix)) => absolute(&Path::new(BASE).join(prefix)),
            (None, None) => self.only_one(),
        }
    }

    fn only_one(&self) -> Result<PathBuf, LabError> {
        let base = absolute(Path::new(BASE))?;
        let labs = labs_below(&base);
        match labs.as_slice() {
            [(dir, _)] => Ok(dir.clone()),
            [] => Err(LabError::Usage(format!(
                "no lab below {}; `ringmesh-netsim lab up` makes one, --dir names one elsewhere",
                base.display()
            ))),
            several => {
                let names: Vec<&str> = several.iter().map(|(_, state)| state.prefix.as_str()).collect();
                Err(LabError::Usage(format!(
                    "several labs are up; say which with --prefix: {}",
                    names.join(" ")
                )))
            }
        }
    }

    /// The lab that is meant, from inside its namespaces.
    fn open(&self, program: &Path, args: &[OsString]) -> Result<Lab, LabError> {
        let dir = self.find()?;
        if let Some(state) = State::load(&dir)? {
            permit::follow_or_return(&state, program, args)?;
        }
        Lab::open(&dir)
    }

    /// The folder below which labs lie.
    fn base(&self) -> Result<PathBuf, LabError> {
        match &self.dir {
            Some(dir) => absolute(dir),
            None => absolute(Path::new(BASE)),
        }
    }
}

fn absolute(path: &Path) -> Result<PathBuf, LabError> {
    std::path::absolute(path).map_err(at(path, "resolve"))
}

fn own_folder() -> Result<PathBuf, LabError> {
    let own = std::env::current_exe().map_err(at(Path::new("/proc/self/exe"), "read"))?;
    Ok(own.parent().unwrap_or(Path::new("/")).to_path_buf())
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
    print(&format!("\n$ ringmesh tree"));
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
