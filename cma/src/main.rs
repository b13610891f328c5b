//! `ringmesh-cma`: the collective monitoring authority.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use ringmesh_cma::config::Config;
use ringmesh_cma::run::Authority;
use ringmesh_shell::failure::{Failure, Kind};
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

/// Hears news from site relays, keeps the graph and the incidents, and tells people.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// Its configuration (docs/OPERATING.md has every key).
    #[arg(long, value_name = "FILE", default_value = "/etc/ringmesh/cma.toml")]
    config: PathBuf,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let filter = EnvFilter::try_from_env("RINGMESH_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(false).init();
    match start(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("ringmesh-cma: {failure}");
            ExitCode::from(failure.exit_code())
        }
    }
}

fn start(arguments: &Arguments) -> Result<(), Failure> {
    let config = Config::read(&arguments.config)?;
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| system(&error))?;
    let done = runtime.block_on(run(config));
    // A write to a hung disk must not keep the process.
    runtime.shutdown_timeout(Duration::from_secs(1));
    done
}

async fn run(config: Config) -> Result<(), Failure> {
    let mut terminated = signal(SignalKind::terminate()).map_err(|error| system(&error))?;
    let mut interrupted = signal(SignalKind::interrupt()).map_err(|error| system(&error))?;
    let insecure = config.tls.is_none();
    let socket = config.socket.display().to_string();
    let authority = Authority::open(config).await?;
    let address = authority.address().map_err(|error| system(&error))?;
    tracing::info!(%address, socket, "listening");
    if insecure {
        tracing::warn!("insecure = true: relays speak plain text; give [tls] instead");
    }
    authority
        .run(async {
            tokio::select! {
                _ = terminated.recv() => {}
                _ = interrupted.recv() => {}
            }
        })
        .await?;
    tracing::info!("ended");
    Ok(())
}

fn system(error: &std::io::Error) -> Failure {
    Failure::new(
        Kind::OutOfReach,
        format!("the system refuses: {error}"),
        "check limits of open files and processes",
    )
}
