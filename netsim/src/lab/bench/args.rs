//! The words of `lab bench` and `lab soak`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::lab::args::Build;

/// One part of the bench.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(in crate::lab) enum Part {
    /// Memory and idle CPU of every process.
    Footprint,
    /// Datagrams while nothing happens.
    Wire,
    /// Datagrams for each change.
    Changes,
    /// From a host's death to its incident.
    Kills,
}

#[derive(Debug, Args)]
pub(in crate::lab) struct BenchArgs {
    #[command(flatten)]
    pub(super) build: Build,
    /// How many hosts are killed, in turn.
    #[arg(long, value_name = "N", default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(super) kills: u32,
    /// How often each change is made.
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub(super) rounds: u32,
    /// Seconds over which memory, CPU and quiet datagrams are measured, each; of several sites, the quiet WAN, for a
    /// minute at least.
    #[arg(long, value_name = "S", default_value_t = 60, value_parser = clap::value_parser!(u64).range(10..=3600))]
    pub(super) idle_s: u64,
    /// Only these parts [default: all].
    #[arg(long, value_name = "PART", value_delimiter = ',')]
    pub(super) only: Vec<Part>,
    #[command(flatten)]
    pub(super) result: ResultArgs,
}

#[derive(Debug, Args)]
pub(in crate::lab) struct SoakArgs {
    #[command(flatten)]
    pub(super) build: Build,
    /// With several sites: how often the CMA or a relay is killed.
    #[arg(long, value_name = "N", default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(super) kills: u32,
    /// With one site: how long nothing is touched, in seconds.
    #[arg(long, value_name = "S", default_value_t = 600, value_parser = clap::value_parser!(u64).range(1..))]
    pub(super) quiet_s: u64,
    #[command(flatten)]
    pub(super) result: ResultArgs,
}

/// Where results go.
#[derive(Debug, Args)]
pub(in crate::lab) struct ResultArgs {
    /// Also write the tables to this file.
    #[arg(long, value_name = "FILE.md")]
    pub(super) out: Option<PathBuf>,
    /// Write every single value to this file.
    #[arg(long, value_name = "FILE.json")]
    pub(super) json: Option<PathBuf>,
    /// Of every random choice [default: the clock].
    #[arg(long, value_name = "N")]
    pub(super) seed: Option<u64>,
}
