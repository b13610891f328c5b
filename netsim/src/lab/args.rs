//! The words of the lab's command line, and what they mean.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueEnum};

use super::bench::{BenchArgs, SoakArgs};
use super::error::{LabError, at};
use super::permit;
use super::plan::Size;
use super::running::{Lab, Options};
use super::script::Fault;
use super::state::{Announcer, Profile, State, labs_below};

/// Where labs are kept unless told otherwise.
const BASE: &str = "target/lab";

/// Real programs in network namespaces: one site with switches, hosts, a relay and a CMA.
#[derive(Debug, Args)]
pub struct LabArgs {
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
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
    /// Measure memory, CPU, datagrams and detection times, with the timing as shipped.
    Bench(BenchArgs),
    /// Build a lab, touch nothing for a long time, and see that nothing happens.
    Soak(SoakArgs),
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
pub(super) enum Kind {
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
    /// The fault it stands for.
    pub(super) fn fault(self, permille: u16) -> Fault {
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
pub(super) struct Which {
    /// Before the name of every namespace [default: made of the process id; later, the only lab there is].
    #[arg(long, value_name = "P")]
    prefix: Option<String>,
    /// Folder of the lab's files [default: target/lab/<prefix>].
    #[arg(long, value_name = "FOLDER")]
    dir: Option<PathBuf>,
}

/// What to build.
#[derive(Debug, Args)]
pub(super) struct Build {
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
    /// How patient the relay is when it closes and settles; never how fast it detects [default: lab;
    /// default where figures are measured].
    #[arg(long, value_enum)]
    profile: Option<Profile>,
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
pub(super) struct TourArgs {
    #[command(flatten)]
    pub(super) build: Build,
    /// Leave the lab running and say what to try.
    #[arg(long)]
    pub(super) keep: bool,
    /// Where the report goes.
    #[arg(long, value_name = "FILE", default_value = "target/demo/tour.json")]
    pub(super) out: PathBuf,
    /// How long the quiet step lasts, in seconds.
    #[arg(long, value_name = "S", default_value_t = 10)]
    pub(super) quiet_s: u64,
}

#[derive(Debug, Args)]
pub(super) struct AnnounceArgs {
    #[arg(long)]
    pub(super) name: String,
    #[arg(long)]
    pub(super) chassis: String,
    #[arg(long, default_value_t = 5)]
    pub(super) tx_interval_s: u16,
    #[arg(long, required = true)]
    pub(super) port: Vec<String>,
}

impl Build {
    /// What the words ask for.
    ///
    /// # Errors
    /// [`LabError::Usage`] names the flag that cannot be.
    pub(super) fn options(&self) -> Result<Options, LabError> {
        self.options_with(Profile::Lab)
    }

    /// The same with another profile where none is named.
    ///
    /// # Errors
    /// As [`Build::options`].
    pub(super) fn options_with(&self, profile: Profile) -> Result<Options, LabError> {
        let prefix = self.which.prefix.clone().unwrap_or_else(|| format!("rm{}", std::process::id()));
        super::plan::check_prefix(&prefix)?;
        let dir = self.which.dir.clone().unwrap_or_else(|| Path::new(BASE).join(&prefix));
        Ok(Options {
            size: Size::new(self.switches, self.hosts, self.dual)?,
            announcer: self.announcer,
            profile: self.profile.unwrap_or(profile),
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
    pub(super) fn find(&self) -> Result<PathBuf, LabError> {
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
    pub(super) fn open(&self, program: &Path, args: &[OsString]) -> Result<Lab, LabError> {
        let dir = self.find()?;
        if let Some(state) = State::load(&dir)? {
            permit::follow_or_return(&state, program, args)?;
        }
        Lab::open(&dir)
    }

    /// The folder below which labs lie.
    pub(super) fn base(&self) -> Result<PathBuf, LabError> {
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
