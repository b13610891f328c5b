//! The commands of virtual time: files and arguments in, results to stdout, progress to stderr.
//!
//! 0 everything was as it should be, 1 it was not, 2 a file or an argument is wrong and nothing was run.

mod bench;
mod files;
mod output;
mod picture;
mod progress;
mod shrink;
mod stories;

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, ValueEnum};
use ringmesh_netsim::REVISION;
use ringmesh_netsim::engine::Engine;
use ringmesh_netsim::model::Wire;
use ringmesh_netsim::random::{Extent, Kinds};
use ringmesh_netsim::scenario::{Follower, Outcome, Report, SoFar};

pub(crate) use bench::{BenchArgs, bench};
pub(crate) use output::say;
pub(crate) use shrink::shrink;
pub(crate) use stories::random;

use files::{Folder, Unusable, folder, one, with_text};
use output::{line, put};
use progress::Progress;

/// One scenario file.
#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// The scenario.
    file: PathBuf,
    /// Another seed than the file names.
    #[arg(long)]
    seed: Option<u64>,
    #[command(flatten)]
    how: HowArgs,
    /// Prints one JSON document.
    #[arg(long)]
    json: bool,
    /// Prints every line of the run to stderr.
    #[arg(long)]
    trace: bool,
}

/// Who executes it. Each engine, any number of threads and any wire comes to the same trace hash.
#[derive(Debug, Args)]
pub(crate) struct HowArgs {
    /// One order in one thread, or windows.
    #[arg(long, value_enum, default_value_t = EngineName::Reference)]
    engine: EngineName,
    /// How many threads the ring engine has [default: 1].
    #[arg(long, value_parser = clap::value_parser!(NonZeroUsize))]
    threads: Option<NonZeroUsize>,
    /// Which heartbeats are sealed, opened and compared with what was meant.
    #[arg(long, value_enum, default_value_t = WireName::All)]
    wire: WireName,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum EngineName {
    /// One thread, all events in one order.
    Reference,
    /// Windows of the shortest way between sites, in one thread or several.
    Ring,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum WireName {
    /// All.
    All,
    /// One of 64.
    Sample,
    /// None: what is meant is carried. All other datagrams are sealed all the same.
    Typed,
}

impl HowArgs {
    fn engine(&self) -> Result<Engine, Unusable> {
        match (self.engine, self.threads) {
            (EngineName::Reference, None) => Ok(Engine::Reference),
            (EngineName::Reference, Some(_)) => Err(Unusable::Threads),
            (EngineName::Ring, threads) => Ok(Engine::Ring { threads: threads.unwrap_or(NonZeroUsize::MIN) }),
        }
    }

    fn wire(&self) -> Wire {
        match self.wire {
            WireName::All => Wire::All,
            WireName::Sample => Wire::Sample,
            WireName::Typed => Wire::Typed,
        }
    }
}

/// One scenario file, up to an event.
#[derive(Debug, Args)]
pub(crate) struct ReplayArgs {
    /// The scenario.
    file: PathBuf,
    /// Another seed than the file names.
    #[arg(long)]
    seed: Option<u64>,
    /// The number of the last event, as a failed run tells it.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    until: u64,
}

/// All scenario files of a folder.
#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    /// The folder; every *.toml in it is a scenario.
    folder: PathBuf,
    /// Another seed than the files name, for all of them.
    #[arg(long)]
    seed: Option<u64>,
    #[command(flatten)]
    how: HowArgs,
    /// Prints one JSON document.
    #[arg(long)]
    json: bool,
}

/// Worlds drawn from seeds.
#[derive(Debug, Args)]
pub(crate) struct RandomArgs {
    /// How many; each has the next seed.
    #[arg(long, default_value_t = 40, value_parser = clap::value_parser!(u64).range(1..=10_000_000))]
    runs: u64,
    /// The first seed.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Prints one JSON document.
    #[arg(long)]
    json: bool,
    /// Prints every line of the runs that failed to stderr.
    #[arg(long)]
    trace: bool,
    #[command(flatten)]
    extent: ExtentArgs,
    /// Runs each seed twice, once in each engine, and compares the trace hashes.
    #[arg(long)]
    twice: bool,
    /// So many at a time [default: as many as there are processors]. The results are the same.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=256))]
    jobs: Option<u64>,
}

/// How big stories are.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct ExtentArgs {
    /// About how many hosts each has [default: two to six on each switch].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(2..=10_000))]
    hosts: Option<u64>,
    /// How many minutes each lasts, the start and the heal included [default: about six].
    #[arg(long, value_name = "M", value_parser = clap::value_parser!(u64).range(4..=10_000))]
    minutes: Option<u64>,
    /// With spines, feeds, bonds, domains and lines between sites, and a random share of the faults that go with them.
    #[arg(long)]
    worn: bool,
    /// As `--worn`, and with what people and software do: planned stops, silent and posing switches, copied hosts.
    #[arg(long, conflicts_with = "worn")]
    odd: bool,
}

impl ExtentArgs {
    fn extent(self) -> Extent {
        Extent {
            hosts: self.hosts.and_then(|hosts| usize::try_from(hosts).ok()),
            length: self.minutes.map(|minutes| Duration::from_secs(60 * minutes)),
            kinds: match (self.odd, self.worn) {
                (true, _) => Kinds::All,
                (false, true) => Kinds::Worn,
                (false, false) => Kinds::Common,
            },
        }
    }
}

/// What a scenario builds.
#[derive(Debug, Args)]
pub(crate) struct TopologyArgs {
    /// The scenario.
    file: PathBuf,
    /// Writes a picture to this file; `-` is stdout.
    #[arg(long, value_name = "OUT")]
    svg: PathBuf,
    /// Another seed than the file names: of the moments of faults.
    #[arg(long)]
    seed: Option<u64>,
}

/// `topology`.
pub(crate) fn topology(args: &TopologyArgs) -> ExitCode {
    let (scenario, text) = match with_text(&args.file) {
        Ok(read) => read,
        Err(unusable) => return refused(&unusable),
    };
    let picture = picture::svg(&scenario, &text, args.seed.unwrap_or(scenario.seed));
    if args.svg.as_os_str() == "-" {
        put(picture);
        return ExitCode::SUCCESS;
    }
    match std::fs::write(&args.svg, picture) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let file = args.svg.display();
            say(format_args!("ringmesh-netsim: {file}: {error}: name a file that can be written"));
            ExitCode::from(2)
        }
    }
}

/// A failing scenario, or a seed of `random`.
#[derive(Debug, Args)]
pub(crate) struct ShrinkArgs {
    /// A scenario file; or a number: the seed of a story of `random`.
    what: String,
    /// Of a file: another seed than it names.
    #[arg(long)]
    seed: Option<u64>,
    #[command(flatten)]
    extent: ExtentArgs,
    /// At most so many runs.
    #[arg(long, value_name = "N", default_value_t = 500)]
    runs: u64,
}

/// `run`.
pub(crate) fn run(args: &RunArgs) -> ExitCode {
    match one(&args.file).and_then(|scenario| Ok((scenario, args.how.engine()?))) {
        Ok((scenario, engine)) => {
            let (seed, wire) = (args.seed.unwrap_or(scenario.seed), args.how.wire());
            let outcome = scenario.run_followed(engine, wire, seed, args.trace, &mut Progress::new());
            tell(vec![outcome], args.json)
        }
        Err(unusable) => refused(&unusable),
    }
}

/// `replay`.
pub(crate) fn replay(args: &ReplayArgs) -> ExitCode {
    let scenario = match one(&args.file) {
        Ok(scenario) => scenario,
        Err(unusable) => return refused(&unusable),
    };
    let seed = args.seed.unwrap_or(scenario.seed);
    let mut read = Replayed { progress: Progress::with(|words| line(words)), to_the_end: true };
    let reached = scenario.replay_followed(seed, args.until, &mut read);
    if !reached && read.to_the_end {
        say(format_args!(
            "ringmesh-netsim: the run is over before event {}; name an earlier one with --until",
            args.until
        ));
        return ExitCode::from(2);
    }
    ExitCode::SUCCESS
}

/// Knows whether a run is over because nobody reads its lines any more.
struct Replayed {
    progress: Progress,
    to_the_end: bool,
}

impl Follower for Replayed {
    fn lines(&mut self, lines: Vec<String>) -> bool {
        self.to_the_end = self.progress.lines(lines);
        self.to_the_end
    }

    fn look(&mut self, so_far: &dyn Fn() -> SoFar) {
        self.progress.look(so_far);
    }
}

/// `check`.
pub(crate) fn check(args: &CheckArgs) -> ExitCode {
    let (Folder { scenarios, below }, engine) =
        match folder(&args.folder).and_then(|folder| Ok((folder, args.how.engine()?))) {
            Ok(read) => read,
            Err(unusable) => return refused(&unusable),
        };
    for folder in below {
        let folder = folder.display();
        say(format_args!(
            "ringmesh-netsim: {folder} is not looked into: check it by itself if it has scenarios"
        ));
    }
    let mut outcomes = Vec::new();
    for scenario in scenarios {
        say(format_args!("{} ..", scenario.file));
        let (seed, wire) = (args.seed.unwrap_or(scenario.seed), args.how.wire());
        outcomes.push(scenario.run_followed(engine, wire, seed, false, &mut Progress::new()));
    }
    tell(outcomes, args.json)
}

fn refused(unusable: &Unusable) -> ExitCode {
    say(format_args!("ringmesh-netsim: {unusable}"));
    ExitCode::from(2)
}

/// Results to stdout; what failed, with all that is needed to see it again, to stderr.
fn tell(outcomes: Vec<Outcome>, json: bool) -> ExitCode {
    let report = Report::of(outcomes);
    if json {
        document(&report);
    } else {
        table(&report.scenarios).iter().for_each(|row| {
            line(row);
        });
    }
    for complaint in report.scenarios.iter().flat_map(|outcome| outcome.complaints(REVISION)) {
        say(complaint);
    }
    if report.ok { ExitCode::SUCCESS } else { ExitCode::from(1) }
}

/// One document to stdout.
fn document(report: &impl serde::Serialize) {
    match serde_json::to_string_pretty(report) {
        Ok(text) => {
            line(text);
        }
        Err(error) => say(format_args!("ringmesh-netsim: the report cannot be written as JSON: {error}")),
    }
}

fn table(outcomes: &[Outcome]) -> Vec<String> {
    let heads =
        ["", "seed", "seconds", "incidents", "pages", "datagrams", "events", "trace hash", "scenario"];
    let mut rows = vec![heads.map(str::to_owned)];
    rows.extend(outcomes.iter().map(row));
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..heads.len()).map(width).collect();
    let line = |row: &[String; 9]| {
        let cells = row.iter().zip(&widths).enumerate();
        let cell = |(column, (text, width)): (usize, (&String, &usize))| match column {
            0 | 7 | 8 => format!("{text:<width$}"),
            _ => format!("{text:>width$}"),
        };
        cells.map(cell).collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect()
}

fn row(outcome: &Outcome) -> [String; 9] {
    let datagrams: u64 = outcome
        .datagrams
        .iter()
        .filter(|(class, _)| **class != "cma")
        .flat_map(|(_, purposes)| purposes.values())
        .sum();
    [
        if outcome.ok { "ok" } else { "FAILED" }.to_owned(),
        outcome.seed.to_string(),
        outcome.seconds.to_string(),
        outcome.incidents.to_string(),
        outcome.pages.to_string(),
        datagrams.to_string(),
        outcome.events.to_string(),
        outcome.trace_hash.clone(),
        outcome.file.clone(),
    ]
}
