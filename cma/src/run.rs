//! A whole authority, from its config to SIGTERM.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ring::rand::{SecureRandom, SystemRandom};
use ringmesh_cma_core::RECORDS_VERSION;
use ringmesh_cma_core::cma::{Cma, CmaConfig, Identity, Kept};
use ringmesh_cma_core::documents::PageLine;
use ringmesh_proto::keep::Unreadable;
use ringmesh_proto::seal::Key;
use ringmesh_proto_grpc::authority_server::AuthorityServer;
use ringmesh_proto_grpc::operator_server::OperatorServer;
use ringmesh_shell::clock::wall_clock;
use ringmesh_shell::failure::{Failure, Kind};
use ringmesh_shell::store::{Header, Record, Store, StoreError};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio_stream::wrappers::UnixListenerStream;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Server, ServerTlsConfig};

use crate::authority::AuthorityService;
use crate::config::Config;
use crate::driver::{Driver, INPUTS_MAX, Input};
use crate::listen;
use crate::load;
use crate::mirror::Mirror;
use crate::operator::OperatorService;
use crate::pager::Pager;

/// A relay whose host died says nothing: after this its stream is given up.
const KEEPALIVE: Duration = Duration::from_secs(10);
/// Its store, in `state_dir`.
pub(crate) const STORE: &str = "cma.redb";
/// How long lines that wait are still handed on at the end.
const LAST_LINES: Duration = Duration::from_secs(2);

/// An authority with everything open that it needs, before it runs.
pub struct Authority {
    tcp: TcpListener,
    unix: UnixListener,
    config: Config,
    store: Store,
    kept: Kept,
}

impl Authority {
    /// Opens folders, ports and sockets. On failure nothing stays open.
    pub async fn open(config: Config) -> Result<Self, Failure> {
        let folder = &config.state_dir;
        let remedy = "make it a folder this user may write, or give another in state_dir";
        std::fs::create_dir_all(folder)
            .map_err(|error| Failure::file("state_dir", folder, &error, remedy))?;
        let owner = format!("CMA {}", config.installation);
        let path = folder.join(STORE);
        let header = Header { kind: "cma", version: RECORDS_VERSION, owner };
        let (store, kept) =
            Store::open_streaming(&path, header, |version, records| read(&path, version, records))?;
        let kept = kept?;
        let tcp = listen::tcp(config.listen).await?;
        let unix = listen::unix(&config.socket).await?;
        Ok(Self { tcp, unix, config, store, kept })
    }

    /// Where relays connect: as configured, with the port the kernel chose where 0 was given.
    pub fn address(&self) -> std::io::Result<SocketAddr> {
        self.tcp.local_addr()
    }

    /// Runs until `stop` is ready, then ends cleanly.
    pub async fn run(self, stop: impl Future<Output = ()>) -> Result<(), Failure> {
        let (inputs, incoming) = mpsc::channel(INPUTS_MAX);
        let (pager, pages) = mpsc::unbounded_channel();
        let cma = machine(&self.config, self.kept)?;
        let (newest, rows) = watch::channel(0);
        let mut driver = Driver::new(cma, self.store, pager, newest);
        let tls = self.config.tls.clone();
        let relays = serve_relays(self.tcp, tls, AuthorityService::new(inputs.clone()))?;
        let mirror = start_mirror(&self.config, &mut driver, &inputs)?;
        let operators = serve_operators(self.unix, OperatorService::new(inputs.clone(), rows, mirror));
        let pager = start_pager(self.config.notify, inputs, pages);
        let ended = tokio::select! {
            ended = driver.run(incoming) => ended,
            () = stop => Ok(()),
        };
        driver.close().await;
        // Without a driver no line can come any more: what waits is handed on, or ordered again at the next start.
        if let Some(pager) = pager {
            let _ = tokio::time::timeout(LAST_LINES, pager).await;
        }
        relays.abort();
        operators.abort();
        remove(self.config.socket);
        ended.map_err(|error| {
            Failure::new(Kind::OutOfReach, format!("clock: {error}"), "this needs Linux with timerfd")
        })
    }
}

/// The file `path` is in the version of this release, and its records can be read.
fn read(path: &Path, version: u32, records: &mut dyn Iterator<Item = Record>) -> Result<Kept, Failure> {
    if version < RECORDS_VERSION {
        return Err(
            StoreError::Older { path: path.to_owned(), found: version, known: RECORDS_VERSION }.into()
        );
    }
    load::kept(records).map_err(|error| unreadable(path, &error))
}

fn unreadable(path: &Path, error: &Unreadable) -> Failure {
    let remedy = "put a backup back, or move it away: relays tell again what is, and what was is lost";
    Failure::usage(format!("store {}: {error}", path.display()), remedy)
}

/// The machine as its records have it; a new one with an identity of its own, if there are none.
fn machine(config: &Config, kept: Kept) -> Result<Cma, Failure> {
    let fresh = Identity { epoch: u64::from_be_bytes(random()?), mesh_secret: Key(random()?) };
    let machine = CmaConfig {
        installation: config.installation.clone(),
        holds: config.holds,
        insecure: config.tls.is_none(),
        notifies: config.notify.is_some(),
        fresh,
        close_hold: config.close_hold,
        nodes_max: config.nodes_max,
    };
    let path = config.state_dir.join(STORE);
    kept.start(machine, wall_clock()).map_err(|error| unreadable(&path, &error))
}

fn random<const N: usize>() -> Result<[u8; N], Failure> {
    let mut octets = [0; N];
    SystemRandom::new().fill(&mut octets).map_err(|_| {
        Failure::new(Kind::OutOfReach, "the system gives no random octets", "check getrandom(2)")
    })?;
    Ok(octets)
}

fn serve_relays(
    listener: TcpListener,
    tls: Option<ServerTlsConfig>,
    service: AuthorityService,
) -> Result<JoinHandle<()>, Failure> {
    let mut server =
        Server::builder().http2_keepalive_interval(Some(KEEPALIVE)).http2_keepalive_timeout(Some(KEEPALIVE));
    if let Some(tls) = tls {
        server = server.tls_config(tls).map_err(|error| {
            let reason =
                std::error::Error::source(&error).map_or_else(|| error.to_string(), ToString::to_string);
            Failure::usage(format!("[tls]: {reason}"), "give PEM files that belong together")
        })?;
    }
    let incoming = TcpIncoming::from(listener).with_nodelay(Some(true)).with_keepalive(Some(KEEPALIVE));
    let serving = server.add_service(AuthorityServer::new(service)).serve_with_incoming(incoming);
    Ok(tokio::spawn(async move {
        if let Err(error) = serving.await {
            tracing::error!("relays cannot connect any more: {error}");
        }
    }))
}

fn serve_operators(listener: UnixListener, service: OperatorService) -> JoinHandle<()> {
    let incoming = UnixListenerStream::new(listener);
    let serving = Server::builder().add_service(OperatorServer::new(service)).serve_with_incoming(incoming);
    tokio::spawn(async move {
        if let Err(error) = serving.await {
            tracing::error!("operators cannot ask any more: {error}");
        }
    })
}

/// Without a sink, lines are in the log alone.
fn start_pager(
    sink: Option<crate::config::Notify>,
    inputs: mpsc::Sender<Input>,
    pages: mpsc::UnboundedReceiver<(u64, PageLine)>,
) -> Option<JoinHandle<()>> {
    sink.map(|sink| tokio::spawn(Pager::new(sink, inputs).run(pages)))
}

/// The mirror asks the driver like everybody else, and is shown by it.
fn start_mirror(
    config: &Config,
    driver: &mut Driver,
    inputs: &mpsc::Sender<Input>,
) -> Result<Option<Mirror>, Failure> {
    let Some(target) = &config.neo4j else { return Ok(None) };
    let run = u64::from_be_bytes(random()?);
    let run = format!("{run:016x}");
    let mirror = Mirror::start(target, config.installation.as_str(), run, driver.revision(), inputs.clone())?;
    driver.show(mirror.clone());
    Ok(Some(mirror))
}

fn remove(socket: PathBuf) {
    if let Err(error) = std::fs::remove_file(&socket) {
        tracing::debug!("socket {}: {error}", socket.display());
    }
}
