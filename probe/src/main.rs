//! The command `ringmesh-probe`: runs a probe, or asks the running one.

use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use ringmesh_probe::config::Config;
use ringmesh_probe::{commands, driver};
use tracing_subscriber::filter::LevelFilter;

/// One per host: hears its switch, keeps its place in the heartbeat rings of its site.
///
/// Without a command it runs until it is stopped. Exit codes: 0 fine, 1 a check failed, 2 bad usage or
/// configuration, 3 the probe cannot be reached, 4 a right is missing. RINGMESH_LOG sets the log level
/// (error, warn, info, debug, trace).
#[derive(Parser)]
#[command(version, name = "ringmesh-probe")]
struct Arguments {
    /// The configuration file.
    #[arg(long, value_name = "FILE", default_value = "/etc/ringmesh/probe.toml", global = true)]
    config: PathBuf,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// What each port hangs on, and why.
    Attachments {
        /// As JSON, one line.
        #[arg(long)]
        json: bool,
    },
    /// How the running probe does: relay, rings, neighbours.
    Status {
        /// As JSON, one line.
        #[arg(long)]
        json: bool,
    },
    /// Have the running probe say goodbye and end: no page will follow.
    Goodbye {
        /// Why it leaves.
        #[arg(long, default_value = "service-stop", value_parser = ["host-shutdown", "service-stop", "upgrade", "retire"])]
        reason: String,
        /// Promise to be back within so many seconds; 0 for never. Default: back_within_s of the configuration.
        #[arg(long, value_name = "N")]
        back_within_s: Option<u32>,
    },
    /// Show who is heard on the ports, live, until Ctrl-C. Needs no running probe.
    Listen {
        /// Ports to listen on, by name or glob [default: those of the configuration, else all network cards].
        ports: Vec<String>,
        /// A line of JSON for each event.
        #[arg(long)]
        json: bool,
    },
    /// Check what a probe needs on this host, and say what is missing.
    Doctor,
    /// Print each frame of a capture file, and what the decoder makes of it.
    Decode {
        /// A pcap or pcapng file.
        file: PathBuf,
        /// As JSON, every field; also where the output is no terminal.
        #[arg(long)]
        json: bool,
    },
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match &arguments.command {
        Some(Command::Decode { file, json }) => {
            commands::decode(file, *json || !std::io::stdout().is_terminal())
        }
        Some(Command::Doctor) => block_on(commands::doctor(&arguments.config)).unwrap_or_else(|code| code),
        Some(Command::Listen { ports, json }) => listen(&arguments, ports, *json),
        Some(Command::Attachments { json }) => ask(&arguments, |config| commands::attachments(config, *json)),
        Some(Command::Status { json }) => ask(&arguments, |config| commands::status(config, *json)),
        Some(Command::Goodbye { reason, back_within_s }) => {
            ask(&arguments, |config| commands::goodbye(config, reason.clone(), *back_within_s))
        }
        None => run(&arguments),
    }
}

fn ask(
    arguments: &Arguments,
    command: impl FnOnce(&Config) -> Result<ExitCode, commands::CommandError>,
) -> ExitCode {
    let config = match load(arguments) {
        Ok(config) => config,
        Err(code) => return code,
    };
    command(&config).unwrap_or_else(|error| {
        eprintln!("ringmesh-probe: {error}");
        error.exit_code()
    })
}

/// A host that is not configured yet can listen as well: then all its cards are meant.
fn listen(arguments: &Arguments, ports: &[String], json: bool) -> ExitCode {
    let globs = if !ports.is_empty() {
        ports.to_vec()
    } else if arguments.config.exists() {
        match load(arguments) {
            Ok(config) => config.ports,
            Err(code) => return code,
        }
    } else {
        Vec::new()
    };
    block_on(commands::listen(globs, json)).unwrap_or_else(|code| code)
}

fn run(arguments: &Arguments) -> ExitCode {
    if let Err(code) = start_log() {
        return code;
    }
    let config = match load(arguments) {
        Ok(config) => config,
        Err(code) => return code,
    };
    match block_on(driver::run(config)) {
        Ok(Ok(())) => ExitCode::SUCCESS,
        Ok(Err(error)) => {
            eprintln!("ringmesh-probe: {error:#}");
            ExitCode::from(commands::BAD_USAGE)
        }
        Err(code) => code,
    }
}

fn load(arguments: &Arguments) -> Result<Config, ExitCode> {
    Config::load(&arguments.config).map_err(|error| {
        eprintln!("ringmesh-probe: {error}");
        ExitCode::from(commands::BAD_USAGE)
    })
}

/// One thread: a probe waits nearly all the time, and a second stack would cost more than it gains.
fn block_on<T>(task: impl Future<Output = T>) -> Result<T, ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().max_blocking_threads(1).build();
    runtime.map(|runtime| runtime.block_on(task)).map_err(|error| {
        eprintln!("ringmesh-probe: cannot start: {error}");
        ExitCode::from(commands::CHECK_FAILED)
    })
}

fn start_log() -> Result<(), ExitCode> {
    let wanted = std::env::var("RINGMESH_LOG").unwrap_or_else(|_| "info".into());
    let Ok(level) = wanted.parse::<LevelFilter>() else {
        eprintln!("ringmesh-probe: RINGMESH_LOG={wanted}: use off, error, warn, info, debug or trace");
        return Err(ExitCode::from(commands::BAD_USAGE));
    };
    let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let colour = std::io::stderr().is_terminal() && !plain;
    tracing_subscriber::fmt()
        .with_max_level(level)
        .with_writer(std::io::stderr)
        .with_ansi(colour)
        .with_target(false)
        .init();
    Ok(())
}
