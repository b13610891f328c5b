//! The words of the lab's command line, and what they mean.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueEnum};

use super::bench::{BenchArgs, SoakArgs};
use super::error::{LabError, at};
use super::permit;
use super::plan::CMA;
use super::running::{Lab, Options};
use super::script::Fault;
use super::size::Size;
use super::state::{Announcer, Profile, State, labs_below};
use super::wan::{End, Leg, Quality};

/// Where labs are kept unless told otherwise.
const BASE: &str = "target/lab";

/// Real programs in network namespaces: sites with switches, hosts and a relay, a WAN between them, a CMA.
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
    /// Build the lab that a scenario file asks for, break and heal what it says when it says so, and check what it
    /// expects.
    Play(PlayArgs),
    /// Measure memory, CPU, datagrams and detection times, with the timing as shipped; of several sites, what they
    /// cost on the WAN.
    Bench(BenchArgs),
    /// Build a lab, touch nothing for a long time, and see that nothing happens; with several sites, kill the CMA and
    /// relays again and again, and see that no event is lost or doubled.
    Soak(SoakArgs),
    /// Break something in a running lab.
    Break {
        /// What kind of fault.
        kind: Kind,
        /// Of which host, switch, relay or site, for example h2, sw1, r1 or s2; the CMA needs no name.
        name: Option<String>,
        /// Of a thousand frames, how many are lost (for `loss`).
        #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=1000))]
        permille: u16,
        #[command(flatten)]
        which: Which,
    },
    /// Heal everything that is broken about a host, a switch, a relay, a site or the CMA.
    Heal {
        /// Which one, for example h2, sw1, r1, s2 or cma.
        name: String,
        #[command(flatten)]
        which: Which,
    },
    /// Show the sites of a lab, its WAN, its processes, and what is broken in it.
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
    /// Carries octets between two places; started by the lab in the CMA's namespace, and outside.
    #[command(hide = true)]
    Pipe(PipeArgs),
    /// A slow leg of the WAN; started by the lab in the router's namespace.
    #[command(hide = true)]
    Carry(CarryArgs),
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
    /// Kill a site's relay.
    Relay,
    /// Kill the CMA.
    Cma,
    /// Cut a site (or the CMA) off: what it sends over the WAN vanishes, and what is sent to it.
    Wan,
    /// Power off a whole site.
    Site,
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
            Self::Relay => Fault::Relay,
            Self::Cma => Fault::Cma,
            Self::Wan => Fault::Wan,
            Self::Site => Fault::Site,
        }
    }
}

/// Whom a fault is about. There is one CMA only; everything else goes by name.
///
/// # Errors
/// [`LabError::Usage`] names what there is.
pub(super) fn subject<'a>(lab: &'a Lab, fault: Fault, name: Option<&'a str>) -> Result<&'a str, LabError> {
    match (name, fault) {
        (Some(name), _) => Ok(name),
        (None, Fault::Cma) => Ok(CMA),
        (None, fault) => {
            let (kind, fitting) = lab.fitting(fault);
            let (word, all) = (fault.word(), fitting.join(" "));
            Err(LabError::Usage(format!("break {word}: which {kind}? There are {all}")))
        }
    }
}

/// Which lab is meant.
#[derive(Clone, Debug, Args)]
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
    /// Number of sites, 1 to 8, all alike [default: 1; for a tour 2].
    #[arg(long, value_name = "N")]
    sites: Option<u8>,
    /// Number of switches of a site.
    #[arg(long, value_name = "N", default_value_t = 2)]
    switches: u8,
    /// Number of hosts on each switch.
    #[arg(long, value_name = "N", default_value_t = 4)]
    hosts: u8,
    /// How many hosts of a site have a second leg on the next switch.
    #[arg(long, value_name = "N", default_value_t = 1)]
    dual: u8,
    /// Milliseconds that each frame is on its way through a leg of the WAN; from site to site it passes two.
    #[arg(long, value_name = "MS", default_value_t = 0, value_parser = clap::value_parser!(u16).range(0..=10_000))]
    wan_delay: u16,
    /// Percent of the frames that are lost on each leg of the WAN, each way; tenths will do.
    #[arg(long, value_name = "PERCENT", default_value = "0", value_parser = permille)]
    wan_loss: u16,
    /// Of the draw which ones.
    #[arg(long, value_name = "N", default_value_t = 1)]
    wan_seed: u64,
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
    /// The Unix socket of a Neo4j that speaks Bolt: the CMA mirrors its graph there.
    #[arg(long, value_name = "SOCKET")]
    neo4j: Option<PathBuf>,
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
pub(super) struct PlayArgs {
    /// The scenario.
    pub(super) file: PathBuf,
    /// Another seed than the file names: of the moments of faults.
    #[arg(long, value_name = "N")]
    pub(super) seed: Option<u64>,
    /// Milliseconds that everything may come later than the file says.
    #[arg(long, value_name = "MS", default_value_t = 1_000)]
    pub(super) slack_ms: u64,
    /// Prints one JSON document.
    #[arg(long)]
    pub(super) json: bool,
    /// Folder of our programs [default: that of this one].
    #[arg(long, value_name = "FOLDER")]
    bin_dir: Option<PathBuf>,
    #[command(flatten)]
    which: Which,
}

impl PlayArgs {
    /// A lab of no size yet: the file has it.
    pub(super) fn options(&self) -> Result<Options, LabError> {
        let build = Build {
            sites: None,
            switches: 1,
            hosts: 1,
            dual: 0,
            wan_delay: 0,
            wan_loss: 0,
            wan_seed: 1,
            announcer: Announcer::Own,
            profile: None,
            tx_interval_s: 5,
            bin_dir: self.bin_dir.clone(),
            neo4j: None,
            which: self.which.clone(),
        };
        build.options()
    }
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

#[derive(Debug, Args)]
pub(super) struct PipeArgs {
    /// Where connections come in: `ADDRESS:PORT`, or the path of a Unix socket.
    #[arg(long)]
    pub(super) from: String,
    /// Where they are carried to: `HOST:PORT`, or a path.
    #[arg(long)]
    pub(super) to: String,
}

#[derive(Debug, Args)]
pub(super) struct CarryArgs {
    #[arg(long, value_parser = end)]
    near: End,
    #[arg(long, value_parser = end)]
    far: End,
    #[arg(long)]
    delay_ms: u16,
    #[arg(long)]
    loss_permille: u16,
    #[arg(long)]
    seed: u64,
    #[arg(long)]
    leg: u8,
}

impl CarryArgs {
    /// What is to be carried.
    pub(super) fn leg(&self) -> Leg {
        let quality = Quality { delay_ms: self.delay_ms, loss_permille: self.loss_permille, seed: self.seed };
        Leg { number: self.leg, near: self.near.clone(), far: self.far.clone(), quality }
    }
}

fn end(text: &str) -> Result<End, String> {
    let (netns, ifname) = text.split_once('/').ok_or("NAMESPACE/PORT")?;
    Ok(End { netns: netns.into(), ifname: ifname.into() })
}

impl Build {
    /// What the words ask for.
    ///
    /// # Errors
    /// [`LabError::Usage`] names the flag that cannot be.
    pub(super) fn options(&self) -> Result<Options, LabError> {
        self.options_with(1, Profile::Lab)
    }

    /// The same with so many sites and that profile where none is named.
    ///
    /// # Errors
    /// As [`Build::options`].
    pub(super) fn options_with(&self, sites: u8, profile: Profile) -> Result<Options, LabError> {
        let prefix = self.which.prefix.clone().unwrap_or_else(|| format!("rm{}", std::process::id()));
        super::plan::check_prefix(&prefix)?;
        let dir = self.which.dir.clone().unwrap_or_else(|| Path::new(BASE).join(&prefix));
        Ok(Options {
            layout: Size::new(self.switches, self.hosts, self.dual)?
                .of_sites(self.sites.unwrap_or(sites))?
                .into(),
            announcer: self.announcer,
            profile: self.profile.unwrap_or(profile),
            dir: absolute(&dir)?,
            prefix,
            bin_dir: match &self.bin_dir {
                Some(folder) => absolute(folder)?,
                None => own_folder()?,
            },
            tx_interval_s: self.tx_interval_s,
            neo4j: self.neo4j.as_deref().map(absolute).transpose()?,
            wan: Quality { delay_ms: self.wan_delay, loss_permille: self.wan_loss, seed: self.wan_seed },
        })
    }
}

/// `5` or `0.5` percent, as so many of a thousand.
fn permille(text: &str) -> Result<u16, String> {
    let (whole, tenths) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |text: &str| -> Option<u16> {
        (!text.is_empty() && text.bytes().all(|octet| octet.is_ascii_digit())).then(|| text.parse().ok())?
    };
    let tenths = digits(tenths).filter(|tenths| *tenths < 10);
    let permille = digits(whole).zip(tenths).map(|(whole, tenths)| whole.saturating_mul(10) + tenths);
    permille.filter(|permille| *permille <= 1000).ok_or_else(|| "0 to 100, with one decimal at most".into())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percent_is_read_to_a_tenth_and_nothing_else_is() {
        let good = [("0", 0), ("5", 50), ("0.5", 5), ("12.3", 123), ("100", 1000), ("100.0", 1000)];
        for (text, want) in good {
            assert_eq!(permille(text), Ok(want), "{text}");
        }
        for text in ["", ".", "5.", ".5", "0.55", "100.1", "101", "-1", "x", "1e1", "99999999"] {
            assert!(permille(text).is_err(), "{text}");
        }
    }
}
