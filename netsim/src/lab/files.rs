//! The files of a lab: one folder for each role, and the configurations that our programs read.

use std::fs;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::error::{LabError, at};
use super::plan::{CMA, CMA_ADDRESS, Plan, Site, WAN};
use super::script::critical_host;
use super::state::{State, Timing};

/// A path that the kernel takes for a Unix socket, its closing NUL included, is at most this long.
const SOCKET_PATH_MAX: usize = 107;
/// Where relays hear their members and each other.
pub(super) const RELAY_PORT: u16 = 1990;
/// Where the CMA finds its mirror: a port of its own loopback, carried outside.
pub(super) const BOLT: &str = "127.0.0.1:7687";
/// Where the CMA hears relays.
pub(super) const CMA_PORT: u16 = 1991;

/// Where everything of one lab lies.
#[derive(Clone, Debug)]
pub(super) struct Files {
    dir: PathBuf,
}

impl Files {
    /// The layout below `dir`, an absolute path.
    pub(super) fn new(dir: &Path) -> Self {
        Self { dir: dir.into() }
    }

    /// The lab's folder.
    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    /// The folder of one place: `h1`, `sw1`, `r1`, `cma`, `wan`.
    pub(super) fn of(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// The probe's configuration.
    pub(super) fn probe(&self, host: &str) -> PathBuf {
        self.of(host).join("probe.toml")
    }

    /// A relay's configuration.
    pub(super) fn relay(&self, name: &str) -> PathBuf {
        self.of(name).join("relay.toml")
    }

    /// The site's secret, of its relay alone.
    pub(super) fn secret(&self, relay: &str) -> PathBuf {
        self.of(relay).join("site.secret")
    }

    /// The CMA's configuration.
    pub(super) fn cma(&self) -> PathBuf {
        self.of(CMA).join("cma.toml")
    }

    /// What a role finds again after it was killed.
    pub(super) fn store(&self, name: &str, role: &str) -> PathBuf {
        self.of(name).join("state").join(format!("{role}.redb"))
    }

    /// The socket of the operator's command.
    pub(super) fn operator_socket(&self) -> PathBuf {
        self.of(CMA).join("cma.sock")
    }

    /// What the notifier handed on, one JSON line each.
    pub(super) fn pages(&self) -> PathBuf {
        self.of(CMA).join("pages.jsonl")
    }

    /// Where a host's kernel would name its boot.
    fn boot_id(&self, host: &str) -> PathBuf {
        self.of(host).join("boot_id")
    }

    /// The words of one role.
    pub(super) fn log(&self, name: &str, role: &str) -> PathBuf {
        self.of(name).join(format!("{role}.log"))
    }

    /// Makes the folders. Refuses a place whose sockets the kernel could not name.
    ///
    /// # Errors
    /// [`LabError::Usage`] or [`LabError::File`].
    pub(super) fn create(&self, plan: &Plan) -> Result<(), LabError> {
        let longest = plan.hosts.iter().map(|host| self.of(&host.name).join("probe.sock"));
        let longest = longest.chain([self.operator_socket()]).map(|path| path.as_os_str().len()).max();
        if longest.is_some_and(|length| length > SOCKET_PATH_MAX) {
            return Err(LabError::Usage(format!(
                "{}: too long a path for Unix sockets; choose a shorter one with --dir, for example /tmp/lab",
                self.dir.display()
            )));
        }
        let switches = plan.switches.iter().map(|switch| switch.name.as_str());
        let hosts = plan.hosts.iter().map(|host| host.name.as_str());
        let relays = plan.sites.iter().map(|site| site.relay.name.as_str());
        for name in switches.chain(hosts).chain(relays).chain([CMA, WAN]) {
            let folder = self.of(name).join("state");
            fs::create_dir_all(&folder).map_err(at(&folder, "create"))?;
        }
        Ok(())
    }

    /// Gives a host a new boot id, as its kernel would at each boot.
    ///
    /// # Errors
    /// [`LabError::File`].
    pub(super) fn new_boot(&self, host: &str) -> Result<(), LabError> {
        let source = Path::new("/proc/sys/kernel/random/uuid");
        let uuid = fs::read_to_string(source).map_err(at(source, "read"))?;
        let path = self.boot_id(host);
        fs::write(&path, uuid).map_err(at(&path, "write"))
    }

    /// Writes a probe's configuration.
    ///
    /// # Errors
    /// [`LabError::File`].
    pub(super) fn write_probe(&self, site: &Site, host: &str, key: &str) -> Result<(), LabError> {
        let config = ProbeConfig {
            name: host,
            site: &site.name,
            key,
            relays: [format!("{}:{RELAY_PORT}", site.relay.address)],
            ports: ["eth*"],
            run_dir: self.of(host),
            state_dir: self.of(host).join("state"),
            boot_id_file: self.boot_id(host),
        };
        write_config(&self.probe(host), &config)
    }

    /// Writes the configuration of a site's relay.
    ///
    /// # Errors
    /// [`LabError::File`].
    pub(super) fn write_relay(&self, plan: &Plan, site: &Site, state: &State) -> Result<(), LabError> {
        let critical = plan.subject(critical_host(site.number)).filter(|_| state.layout.has_critical());
        let critical = critical.map(|name| HostClass { name, class: "critical" });
        let relay = &site.relay;
        let config = RelayConfig {
            site: &site.name,
            id: 1,
            listen: format!("0.0.0.0:{RELAY_PORT}"),
            address: relay.address.to_string(),
            secret_file: self.secret(&relay.name),
            state_dir: self.of(&relay.name).join("state"),
            cma: [format!("{CMA_ADDRESS}:{CMA_PORT}")],
            insecure: true,
            timing: state.profile.timing(),
            hosts: critical.into_iter().collect(),
        };
        write_config(&self.relay(&relay.name), &config)
    }

    /// Writes the CMA's configuration. Its holds stay as shipped.
    ///
    /// # Errors
    /// [`LabError::File`].
    pub(super) fn write_cma(&self, mirrored: bool) -> Result<(), LabError> {
        let config = CmaConfig {
            listen: format!("0.0.0.0:{CMA_PORT}"),
            socket: self.operator_socket(),
            state_dir: self.of(CMA).join("state"),
            insecure: true,
            notify: Notify { file: self.pages() },
            neo4j: mirrored.then(|| Neo4j { uri: format!("bolt://{BOLT}") }),
        };
        write_config(&self.cma(), &config)
    }
}

#[derive(Serialize)]
struct ProbeConfig<'a> {
    name: &'a str,
    site: &'a str,
    key: &'a str,
    relays: [String; 1],
    ports: [&'a str; 1],
    run_dir: PathBuf,
    state_dir: PathBuf,
    boot_id_file: PathBuf,
}

#[derive(Serialize)]
struct RelayConfig<'a> {
    site: &'a str,
    id: u32,
    listen: String,
    address: String,
    secret_file: PathBuf,
    state_dir: PathBuf,
    cma: [String; 1],
    insecure: bool,
    timing: Timing,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    hosts: Vec<HostClass<'a>>,
}

#[derive(Serialize)]
struct HostClass<'a> {
    #[serde(rename = "match")]
    name: &'a str,
    class: &'a str,
}

#[derive(Serialize)]
struct CmaConfig {
    listen: String,
    socket: PathBuf,
    state_dir: PathBuf,
    insecure: bool,
    notify: Notify,
    #[serde(skip_serializing_if = "Option::is_none")]
    neo4j: Option<Neo4j>,
}

#[derive(Serialize)]
struct Neo4j {
    uri: String,
}

#[derive(Serialize)]
struct Notify {
    file: PathBuf,
}

/// Keys are inside, so nobody else may read it.
fn write_config(path: &Path, config: &impl Serialize) -> Result<(), LabError> {
    let text =
        toml::to_string(config).map_err(|error| LabError::Failed(format!("{}: {error}", path.display())))?;
    let write = || -> std::io::Result<()> {
        let mut options = fs::OpenOptions::new();
        let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(path)?;
        file.set_permissions(fs::Permissions::from_mode(0o600))?;
        std::io::Write::write_all(&mut file, text.as_bytes())
    };
    write().map_err(at(path, "write"))
}
