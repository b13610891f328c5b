//! `ringmesh-netsim`: the network in a box.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod commands;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Most of what virtual time waits for is memory: hosts lie closer together this way.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The network in a box: faults on purpose, verdicts checked.
#[derive(Debug, Parser)]
#[command(version = ringmesh_netsim::REVISION, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs one scenario file in virtual time.
    Run(commands::RunArgs),
    /// Runs one scenario file up to an event and prints every line until then.
    Replay(commands::ReplayArgs),
    /// Runs all scenario files of a folder.
    Check(commands::CheckArgs),
    /// Runs small worlds with faults drawn from seeds; all of it is healed, and nothing may be left of it.
    Random(commands::RandomArgs),
    /// Draws the network that a scenario file builds.
    Topology(commands::TopologyArgs),
    /// Makes a failing scenario, or a failing seed of `random`, as small as it still fails, and prints it as a file.
    Shrink(commands::ShrinkArgs),
    /// Measures virtual time itself: events, octets, and what the machines take when there are many of them.
    Bench(commands::BenchArgs),
    /// Real programs in network namespaces, real bridges, real LLDP frames.
    #[cfg(feature = "lab")]
    Lab(ringmesh_netsim::lab::LabArgs),
}

fn main() -> ExitCode {
    match Cli::parse().command {
        Command::Run(args) => commands::run(&args),
        Command::Replay(args) => commands::replay(&args),
        Command::Check(args) => commands::check(&args),
        Command::Random(args) => commands::random(&args),
        Command::Topology(args) => commands::topology(&args),
        Command::Shrink(args) => commands::shrink(&args),
        Command::Bench(args) => commands::bench(&args),
        #[cfg(feature = "lab")]
        Command::Lab(args) => in_the_lab(args),
    }
}

#[cfg(feature = "lab")]
fn in_the_lab(args: ringmesh_netsim::lab::LabArgs) -> ExitCode {
    // The command may have to run again where an ordinary user may make networks.
    let words: Vec<std::ffi::OsString> = std::env::args_os().skip(1).collect();
    let own = std::env::current_exe().unwrap_or_else(|_| "/proc/self/exe".into());
    match ringmesh_netsim::lab::run(args, &own, &words) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            commands::say(format_args!("ringmesh-netsim: {error}"));
            ExitCode::from(error.exit_code())
        }
    }
}
