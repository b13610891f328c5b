//! The site relay: keeps a site's rings, decides what broke, and tells the CMA.
//!
//! This crate carries bytes between the world and `ringmesh-relay-core`, which decides everything.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod cmas;
mod config;
mod driver;
mod icmp;
mod secret;
mod start;
mod sys;
mod term;
mod udp;
mod uplink;
mod warnings;

use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use ringmesh_proto::seal::probe_id;
use ringmesh_shell::failure::Failure;
use ringmesh_topology::id::Name;
use tracing_subscriber::EnvFilter;

use config::Config;

/// The site relay of ringmesh: keeps a site's rings and decides what broke.
///
/// Exit codes: 0 fine, 2 bad usage or configuration, 3 the system lacks something that is needed, 4 a right is
/// missing. Logs go to standard error, at the level that RINGMESH_LOG says (default: info).
#[derive(Parser)]
#[command(name = "ringmesh-relay", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Runs the relay until it is told to stop.
    Run {
        /// The configuration file.
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
    },
    /// Makes the secret of a site, from which all its keys follow. Never overwrites one.
    Init {
        /// The site.
        #[arg(long, value_name = "NAME")]
        site: String,
        /// The file to make; only its owner may read it.
        #[arg(long, value_name = "FILE")]
        secret: PathBuf,
    },
    /// Prints the key of a host's probe, for `key` in its configuration.
    Key {
        /// The host's name, as in `name` of its probe's configuration.
        host: String,
        #[command(flatten)]
        from: KeySource,
    },
}

#[derive(Args)]
struct KeySource {
    /// The relay's configuration file, which names site and secret.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["site", "secret"], required_unless_present_all = ["site", "secret"])]
    config: Option<PathBuf>,
    /// The site.
    #[arg(long, value_name = "NAME", requires = "secret")]
    site: Option<String>,
    /// The file with the site's secret.
    #[arg(long, value_name = "FILE", requires = "site")]
    secret: Option<PathBuf>,
}

fn main() -> ExitCode {
    let filter = EnvFilter::try_from_env("RINGMESH_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let in_colour = io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).with_ansi(in_colour).init();
    let done = match Cli::parse().command {
        Command::Run { config } => start::run(&config),
        Command::Init { site, secret } => init(&site, &secret),
        Command::Key { host, from } => key(&host, from),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("ringmesh-relay: {failure}");
            ExitCode::from(failure.exit_code())
        }
    }
}

fn init(site: &str, path: &Path) -> Result<(), Failure> {
    let site = name("--site", site)?;
    secret::create(path, &site)?;
    let file = path.display();
    println!("made {file}, the secret of site {site}; copy it to the site's other relays by hand");
    println!(
        "next: `ringmesh-relay key HOST --site {site} --secret {file}` prints the key of a host's probe"
    );
    Ok(())
}

fn key(host: &str, from: KeySource) -> Result<(), Failure> {
    let host = name("HOST", host)?;
    let (site, path) = match (from.config, from.site, from.secret) {
        (Some(config), _, _) => {
            let config = Config::load(&config)?;
            (config.site, config.secret_file)
        }
        (None, Some(site), Some(secret)) => (name("--site", &site)?, secret),
        (None, _, _) => {
            return Err(Failure::usage("no secret is named", "give --config, or --site and --secret"));
        }
    };
    let secret = secret::load(&path)?;
    println!("{}", secret.probe_key(probe_id(&site, &host)).0.to_hex());
    Ok(())
}

fn name(option: &str, text: &str) -> Result<Name, Failure> {
    Name::new(text)
        .map_err(|error| Failure::usage(format!("{option} {text:?}: {error}"), "choose another name"))
}
