//! What the command takes. Help, completions and manual pages all come from here.

use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};

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

/// A shell that completions are made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Shell {
    Bash,
    Zsh,
    Fish,
}
