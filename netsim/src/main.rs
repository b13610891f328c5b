//! `ringmesh-netsim`: the network in a box.

#![cfg_attr(test, allow(clippy::unwrap_used))]

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use ringmesh_netsim::lab;

/// The network in a box: faults on purpose, verdicts checked.
#[derive(Debug, Parser)]
#[command(version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Real programs in network namespaces, real bridges, real LLDP frames.
    Lab(lab::LabArgs),
}

fn main() -> ExitCode {
    match Cli::parse().command {
        Command::Lab(args) => in_the_lab(args),
    }
}

fn in_the_lab(args: lab::LabArgs) -> ExitCode {
    // The command may have to run again where an ordinary user may make networks.
    let words: Vec<OsString> = std::env::args_os().skip(1).collect();
    let own = std::env::current_exe().unwrap_or_else(|_| PathBuf::from("/proc/self/exe"));
    match lab::run(args, &own, &words) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("ringmesh-netsim: {error}");
            ExitCode::from(error.exit_code())
        }
    }
}
