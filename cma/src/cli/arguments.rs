//! What the command takes. Help, completions and manual pages all come from here.

use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};

use super::diff::Inventory;
use super::export::Format;
use super::forget::{LostRelay, Target};
use super::moment;
use crate::config::SOCKET;

const EXIT: &str = "Ends with 0 if all is well, 1 if a check failed, 2 for bad usage, 3 if the CMA cannot be \
                    reached, 4 if a right is missing.";

/// Shows what ringmesh knows: what is broken, why, and what hangs behind it.
#[derive(Parser)]
#[command(name = "ringmesh", version, max_term_width = 80, after_help = EXIT)]
pub(crate) struct Arguments {
    /// The socket of the CMA.
    #[arg(long, global = true, value_name = "PATH", env = "RINGMESH_SOCKET", default_value = SOCKET)]
    pub(crate) socket: PathBuf,
    /// Print JSON for programs.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// How monitoring itself does: relays, counters, warnings. Ends with 1 where something is wrong.
    Status,
    /// Sites, switches, ports and hosts, with their rings and states.
    Tree {
        /// Draw it, with the rings as rings and what is broken in colour; `-` is standard output.
        #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath, conflicts_with = "json")]
        svg: Option<PathBuf>,
        /// As it was: `2026-11-22T14:00:00Z`, `2026-11-22 14:00` or `14:00` in local time, or `-15m`. Rings are not
        /// part of the past.
        #[arg(long, value_name = "TIME", value_parser = moment::option, allow_hyphen_values = true)]
        at: Option<u64>,
    },
    /// What is broken now.
    Incidents {
        /// Closed ones too.
        #[arg(long)]
        all: bool,
    },
    /// One incident: what it is, who saw it, what is ruled out, what would settle the rest.
    Explain {
        /// Its id, or the beginning of it.
        incident: String,
    },
    /// What happened: hosts, switches, incidents and relays, oldest first.
    Events {
        /// Stay, and print what happens; a restart of the CMA is waited for.
        #[arg(long, short)]
        follow: bool,
        /// How many of the newest to begin with.
        #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
        last: u32,
    },
    /// Answers a question about the wiring, the rings or the incidents. Alone, it lists the questions.
    Query {
        /// Which; `ringmesh query` lists them all.
        name: Option<String>,
        /// What it is about: a host, a switch, an address, a moment as for `tree --at`, or an age like `30d`.
        #[arg(allow_hyphen_values = true)]
        argument: Option<String>,
        /// Print it in Cypher, for a mirror of the graph, instead of asking.
        #[arg(long, requires = "name", conflicts_with = "json")]
        cypher: bool,
    },
    /// How the mirror of the graph in Neo4j does. Ends with 1 where something is in its way.
    Mirror {
        #[command(subcommand)]
        what: Option<MirrorCommand>,
    },
    /// Writes the wiring for other tools: sites, switches, hosts and the wires between them.
    Export {
        /// As what.
        format: Format,
        /// Into this file, or for netbox this folder; without it, or as `-`, to standard output.
        #[arg(long, short, value_name = "PATH", value_hint = clap::ValueHint::AnyPath)]
        out: Option<PathBuf>,
        /// As it was, as for `tree --at`.
        #[arg(long, value_name = "TIME", value_parser = moment::option, allow_hyphen_values = true)]
        at: Option<u64>,
    },
    /// Compares what an inventory says is cabled with what is seen. Ends with 1 where there is a difference.
    Diff {
        /// Whose inventory.
        inventory: Inventory,
        /// Its cables, as CSV.
        #[arg(value_hint = clap::ValueHint::FilePath)]
        file: PathBuf,
    },
    /// Forget a host, or a relay, that is not expected any more. Ends with 1 if there is none.
    Forget {
        /// As `ringmesh tree` shows it; with its site where several sites have a host of that name.
        #[arg(value_name = "[SITE/]HOST", value_parser = Target::option, required_unless_present = "relay")]
        host: Option<Target>,
        /// A relay that is gone for good, and its site if that has no other: `lab/r1`.
        #[arg(long, value_name = "SITE/RELAY", value_parser = LostRelay::option, conflicts_with = "host")]
        relay: Option<LostRelay>,
        /// Do not ask.
        #[arg(long, short)]
        yes: bool,
    },
    /// The file that a CMA remembers everything in.
    Store {
        #[command(subcommand)]
        what: Store,
    },
    /// Prints what a shell needs to complete this command.
    Completions {
        /// Of which shell.
        shell: Shell,
    },
    /// Prints the manual page, or writes those of all subcommands.
    Man {
        /// Write `ringmesh.1` and a page for each subcommand into this folder, which is made if need be.
        #[arg(long, value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
        out: Option<PathBuf>,
    },
}

/// What can be done with a store.
#[derive(Subcommand)]
pub(crate) enum Store {
    /// Has the running CMA write a copy of its store into a new file, while it goes on.
    Backup {
        /// A file that is not there yet, in a folder that the CMA's user may write.
        #[arg(value_hint = clap::ValueHint::FilePath)]
        file: PathBuf,
    },
    /// Reads a store that no CMA has open, such as a backup, and says what is in it. Ends with 1 if it is damaged.
    Check {
        /// The file.
        #[arg(value_hint = clap::ValueHint::FilePath)]
        file: PathBuf,
    },
    /// Makes a store that no CMA has open as small as what it holds.
    Compact {
        /// The file.
        #[arg(value_hint = clap::ValueHint::FilePath)]
        file: PathBuf,
    },
}

/// What is done with the mirror.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Subcommand)]
pub(crate) enum MirrorCommand {
    /// Counts the rows of both sides by label and relation, and compares sums of their digests. Ends with 1 where they
    /// differ.
    Compare,
    /// Writes every row again, whatever the mirror says it has, and takes out what is not there any more.
    Resync,
}

/// A shell that completions are made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Shell {
    Bash,
    Zsh,
    Fish,
}
