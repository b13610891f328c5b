//! From a configuration file to a running relay.

use std::net::SocketAddr;
use std::path::Path;

use ringmesh_proto::news::{RelayHello, Warning};
use ringmesh_proto::wire::RelayWire;
use ringmesh_relay_core::Relay;
use ringmesh_shell::clock;
use ringmesh_shell::failure::{Failure, Kind};
use ringmesh_shell::store::{Header, Store};
use ringmesh_topology::id::{Boot, HostBoot};
use tokio::signal::unix::{SignalKind, signal};

use crate::cmas::Cmas;
use crate::config::Config;
use crate::driver::Driver;
use crate::icmp::Icmp;
use crate::secret::{self, random};
use crate::term;
use crate::udp::{Udp, own_address};
use crate::uplink::Pace;
use crate::warnings::Warnings;

/// The version of the relay's records; 2 since places tell of bonds, 3 since they tell MAC addresses.
const RECORDS: u32 = 3;

/// Runs a relay until it is told to stop by SIGTERM or SIGINT.
pub(crate) fn run(path: &Path) -> Result<(), Failure> {
    let config = Config::load(path)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(system)?;
    runtime.block_on(async {
        let stop = stop()?;
        let driver = driver(&config)?;
        tracing::info!(
            site = %config.site, relay = config.relay.0, listen = %config.listen, term = driver.relay.term(), "started"
        );
        driver.run(stop).await.map_err(system)?;
        tracing::info!("stopped");
        Ok(())
    })
}

/// Puts all parts together. What is wrong with any of them is said before the term is taken.
fn driver(config: &Config) -> Result<Driver, Failure> {
    let secret = secret::load(&config.secret_file)?;
    let address = config.address.or_else(|| own_address(config.listen.ip())).ok_or_else(|| {
        let problem =
            format!("listen = {}: this host has no address that members could reach", config.listen);
        Failure::usage(problem, "set address to the one they will")
    })?;
    let (udp, missing) = Udp::open(config.listen, config.multicast)?;
    let (icmp, no_icmp) = Icmp::open()?;
    let (term, no_term) = term::next(&config.state_dir, clock::wall_clock().unix_ms)?;
    let mut warnings = Warnings::default();
    let no_cma = config.cma.is_empty().then(no_cma);
    missing
        .into_iter()
        .chain(no_icmp)
        .chain(no_term)
        .chain(no_cma)
        .for_each(|warning| warnings.raise(warning));

    let (store, relay) = restore(config, SocketAddr::new(address, config.listen.port()), term)?;
    let (cmas, asks) = Cmas::start(&config.cma, config.tls.as_ref(), Pace::default())?;
    let run = Boot(random()?);
    let hello = RelayHello {
        site: config.site.clone(),
        relay: config.relay,
        term,
        outbox: relay.outbox().birth(),
        insecure: config.tls.is_none(),
        version: env!("CARGO_PKG_VERSION").into(),
        run,
        host_boot: host_boot(&config.boot_id_file)?,
        mesh_address: Some(config.mesh_address.unwrap_or(SocketAddr::new(address, config.listen.port()))),
    };
    let wire = RelayWire::new(config.relay, run, secret);
    Ok(Driver { relay, wire, udp, icmp, cmas, asks, warnings, store, hello })
}

/// Opens the store and takes up what an earlier run has left in it.
fn restore(config: &Config, address: SocketAddr, term: u32) -> Result<(Store, Relay), Failure> {
    let path = config.state_dir.join("relay.redb");
    let owner = format!("site {} relay {}", config.site, config.relay.0);
    let opened = Store::open(&path, Header { kind: "relay", version: RECORDS, owner })?;
    let opened = opened.in_version(&path, RECORDS)?;
    let machine = ringmesh_relay_core::Config {
        site: config.site.clone(),
        relay: config.relay,
        address,
        term,
        outbox: u64::from_be_bytes(random()?).max(1),
        timing: config.timing,
        classes: config.classes.clone(),
    };
    let relay = Relay::restore(machine, clock::wall_clock(), opened.records).map_err(|error| {
        let remedy =
            "move it away: members announce themselves again, and incidents that are open are judged anew";
        Failure::usage(format!("store {}: {error}", path.display()), remedy)
    })?;
    tracing::info!(
        members = relay.members(),
        news = relay.outbox().pending(),
        "taken up from {}",
        path.display()
    );
    Ok((opened.store, relay))
}

/// The boot id of this host, by which a site that lived on is told from one that lost its power.
fn host_boot(file: &Path) -> Result<HostBoot, Failure> {
    const REMEDY: &str = "name a file with a UUID in boot_id_file, or leave the key out";
    let text =
        std::fs::read_to_string(file).map_err(|error| Failure::file("boot_id_file", file, &error, REMEDY))?;
    Boot::from_uuid(&text).ok_or_else(|| {
        Failure::usage(format!("boot_id_file {}: {:?} is no UUID", file.display(), text.trim()), REMEDY)
    })
}

fn stop() -> Result<impl Future<Output = ()>, Failure> {
    let mut terminate = signal(SignalKind::terminate()).map_err(system)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(system)?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

fn system(error: std::io::Error) -> Failure {
    Failure::new(Kind::OutOfReach, error.to_string(), "free some file descriptors or memory")
}

fn no_cma() -> Warning {
    Warning {
        code: "no-cma".into(),
        text: "no CMA is configured: the site is watched, and nobody is told".into(),
        remedy: "set cma = [\"HOST:1991\"]".into(),
    }
}
