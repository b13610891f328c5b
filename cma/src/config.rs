//! `cma.toml`.
//!
//! Unknown keys are errors. Paths are absolute or relative to the file.

use std::net::SocketAddr;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ringmesh_cma_core::notifier::Holds;
use ringmesh_shell::failure::Failure;
use ringmesh_topology::id::Name;
use serde::Deserialize;
use tonic::transport::{Certificate, Identity, ServerTlsConfig};

use crate::mirror::{Asked, Target};

/// Where the operator's command looks for a CMA, and where one listens for it.
pub const SOCKET: &str = "/run/ringmesh/cma.sock";

/// How long a TLS handshake may take.
const HANDSHAKE_MAX: Duration = Duration::from_secs(10);
/// The longest hold that is no typing error.
const HOLD_S_MAX: u64 = 3_600;

/// What an authority is told by its file; sound.
#[derive(Debug)]
pub struct Config {
    /// Where relays connect, TCP.
    pub listen: SocketAddr,
    /// Where operators ask, a Unix socket.
    pub socket: PathBuf,
    /// What must survive a restart.
    pub state_dir: PathBuf,
    /// Names this authority in notification keys.
    pub installation: Name,
    /// How relays are told apart from others; `None` is plain text, asked for explicitly.
    pub tls: Option<ServerTlsConfig>,
    /// Who is told.
    pub notify: Option<Notify>,
    /// How long lines are held.
    pub holds: Holds,
    /// How long a return must hold before an incident of this CMA's own (about sites and relays) is closed.
    pub close_hold: Duration,
    /// The graph takes no new hosts beyond so many nodes.
    pub nodes_max: u64,
    /// Where the graph is mirrored to.
    pub neo4j: Option<Target>,
}

/// Who is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notify {
    /// Lines are appended to a file.
    File(PathBuf),
    /// A command is run for each line, with the line on its standard input.
    Command(Vec<String>),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default = "default_listen")]
    listen: String,
    #[serde(default = "default_socket")]
    socket: PathBuf,
    #[serde(default = "default_state_dir")]
    state_dir: PathBuf,
    #[serde(default = "default_installation")]
    installation: String,
    #[serde(default)]
    insecure: bool,
    tls: Option<TlsFiles>,
    notify: Option<NotifyFile>,
    #[serde(default)]
    holds: HoldsFile,
    #[serde(default)]
    graph: GraphFile,
    neo4j: Option<Neo4jFile>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct GraphFile {
    nodes_max: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TlsFiles {
    ca: PathBuf,
    cert: PathBuf,
    key: PathBuf,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NotifyFile {
    file: Option<PathBuf>,
    command: Option<Vec<String>>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct HoldsFile {
    host_s: Option<u64>,
    wide_s: Option<u64>,
    close_s: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Neo4jFile {
    uri: String,
    #[serde(default = "default_user")]
    user: String,
    password_file: Option<PathBuf>,
    ca_file: Option<PathBuf>,
    database: Option<String>,
    #[serde(default = "default_batch")]
    batch: usize,
}

fn default_user() -> String {
    "neo4j".to_owned()
}

fn default_batch() -> usize {
    2_000
}

fn default_listen() -> String {
    "0.0.0.0:1991".to_owned()
}

fn default_socket() -> PathBuf {
    SOCKET.into()
}

fn default_state_dir() -> PathBuf {
    "/var/lib/ringmesh".into()
}

fn default_installation() -> String {
    "main".to_owned()
}

impl Config {
    /// Reads a file and checks every key of it.
    pub fn read(path: &Path) -> Result<Self, Failure> {
        let text = std::fs::read_to_string(path).map_err(|error| {
            Failure::file("config", path, &error, "give a readable file with --config FILE")
        })?;
        let folder = path.parent().unwrap_or(Path::new("")).to_owned();
        Self::parse(&text, &folder).map_err(|Wrong { line, what, remedy }| {
            let at = line.map_or_else(String::new, |line| format!(" line {line}"));
            Failure::usage(format!("{}{at}: {what}", path.display()), remedy)
        })
    }

    fn parse(text: &str, folder: &Path) -> Result<Self, Wrong> {
        let file: File = toml::from_str(text).map_err(|error| Wrong::toml(text, &error))?;
        let listen = file.listen.parse().map_err(|_| {
            Wrong::key(
                "listen",
                &format!("{:?} is no ADDRESS:PORT", file.listen),
                "write for example listen = \"0.0.0.0:1991\"",
            )
        })?;
        let installation = Name::new(&file.installation)
            .map_err(|error| Wrong::key("installation", &error.to_string(), "give it a short plain name"))?;
        Ok(Self {
            listen,
            socket: folder.join(file.socket),
            state_dir: folder.join(file.state_dir),
            installation,
            tls: tls(file.insecure, file.tls, folder)?,
            notify: file.notify.map(|notify| who(notify, folder)).transpose()?,
            holds: holds(&file.holds)?,
            close_hold: hold("holds.close_s", file.holds.close_s, CLOSE_HOLD)?,
            nodes_max: nodes_max(file.graph.nodes_max)?,
            neo4j: file.neo4j.map(|neo4j| target(neo4j, folder)).transpose()?,
        })
    }
}

/// What is wrong with a file, before its name is put in front.
struct Wrong {
    line: Option<usize>,
    what: String,
    remedy: String,
}

impl Wrong {
    fn key(key: &str, what: &str, remedy: &str) -> Self {
        Self { line: None, what: format!("{key}: {what}"), remedy: remedy.to_owned() }
    }

    fn toml(text: &str, error: &toml::de::Error) -> Self {
        let before = error.span().and_then(|span| text.get(..span.start));
        let line = before.map(|before| before.matches('\n').count() + 1);
        let what = error.message().replace('\n', " ");
        Self { line, what, remedy: "correct or remove it; docs/OPERATING.md has every key".to_owned() }
    }
}

fn tls(insecure: bool, files: Option<TlsFiles>, folder: &Path) -> Result<Option<ServerTlsConfig>, Wrong> {
    let files = match (insecure, files) {
        (true, None) => return Ok(None),
        (false, Some(files)) => files,
        (true, Some(_)) => {
            return Err(Wrong::key("insecure", "is true although [tls] is given", "take out one of the two"));
        }
        (false, None) => {
            let what = "is missing: relays and the CMA prove themselves to each other by certificates";
            return Err(Wrong::key(
                "[tls]",
                what,
                "give ca, cert and key, or insecure = true for plain text",
            ));
        }
    };
    let ca = Certificate::from_pem(pem("tls.ca", folder.join(files.ca), "CERTIFICATE")?);
    let cert = pem("tls.cert", folder.join(files.cert), "CERTIFICATE")?;
    let key = pem("tls.key", folder.join(files.key), "PRIVATE KEY")?;
    let config = ServerTlsConfig::new().identity(Identity::from_pem(cert, key)).client_ca_root(ca);
    Ok(Some(config.timeout(HANDSHAKE_MAX)))
}

fn pem(key: &str, path: PathBuf, what: &str) -> Result<String, Wrong> {
    let remedy = "give a readable PEM file";
    let text = std::fs::read_to_string(&path)
        .map_err(|error| Wrong::key(key, &format!("{}: {error}", path.display()), remedy))?;
    if text.contains(&format!("{what}-----")) {
        return Ok(text);
    }
    Err(Wrong::key(key, &format!("{}: no {what} in PEM form in it", path.display()), remedy))
}

fn who(notify: NotifyFile, folder: &Path) -> Result<Notify, Wrong> {
    match (notify.file, notify.command) {
        (Some(file), None) => Ok(Notify::File(folder.join(file))),
        (None, Some(command)) if !command.is_empty() => Ok(Notify::Command(command)),
        (None, Some(_)) => Err(Wrong::key("notify.command", "is empty", "name a program and its arguments")),
        (Some(_), Some(_)) => {
            Err(Wrong::key("[notify]", "has both file and command", "take out one of the two"))
        }
        (None, None) => {
            Err(Wrong::key("[notify]", "has neither file nor command", "give one of the two, or no [notify]"))
        }
    }
}

/// What a node takes in memory with its edges and all that is kept of it, measured (docs/measured/graph.md) and rounded
/// up.
const NODE_OCTETS: u64 = 512;
/// Fewer nodes are no network.
const NODES_MIN: u64 = 1_000;
/// Where the system does not say how much memory there is.
const NODES_UNKNOWN: u64 = 2_000_000;

/// As configured; else what fits into half of the memory.
fn nodes_max(given: Option<u64>) -> Result<u64, Wrong> {
    match given {
        None => Ok(memory().map_or(NODES_UNKNOWN, |octets| (octets / 2 / NODE_OCTETS).max(NODES_MIN))),
        Some(nodes) if nodes >= NODES_MIN => Ok(nodes),
        Some(nodes) => {
            let what = format!("{nodes} is too few for any network; the least is {NODES_MIN}");
            Err(Wrong::key("graph.nodes_max", &what, "leave it out, or give a higher number"))
        }
    }
}

/// The memory that this process may use: the machine's, or what its control group is given of it.
fn memory() -> Option<u64> {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let machine = read("/proc/meminfo");
    let total = machine.lines().find_map(|line| line.strip_prefix("MemTotal:"));
    let kib: Option<u64> = total.and_then(|text| text.trim().strip_suffix(" kB")?.parse().ok());
    let own = read("/proc/self/cgroup");
    let group = own.lines().find_map(|line| line.strip_prefix("0::")).unwrap_or("/");
    let limit = read(&format!("/sys/fs/cgroup{group}/memory.max")).trim().parse().ok();
    [kib.map(|kib| kib << 10), limit].into_iter().flatten().min()
}

/// Where the graph is mirrored to, and who we are there.
fn target(file: Neo4jFile, folder: &Path) -> Result<Target, Wrong> {
    let Neo4jFile { uri, user, password_file, ca_file, database, batch } = file;
    let password = password_file.map(|file| password(&folder.join(file))).transpose()?.unwrap_or_default();
    let ca_file = ca_file.map(|file| folder.join(file));
    if let Some(file) = &ca_file {
        pem("neo4j.ca_file", file.clone(), "CERTIFICATE")?;
    }
    let asked = Asked { uri, user, password, ca_file, database: database.unwrap_or_default(), batch };
    Target::new(asked).map_err(|(key, what, remedy)| Wrong::key(key, &what, remedy))
}

/// The first line of a file that is not for everybody.
fn password(path: &Path) -> Result<String, Wrong> {
    let key = "neo4j.password_file";
    let unreadable = |error: std::io::Error| {
        Wrong::key(key, &format!("{}: {error}", path.display()), "give a file that this user may read")
    };
    let mode = std::fs::metadata(path).map_err(unreadable)?.mode() & 0o777;
    if mode & 0o007 != 0 {
        let what = format!("{}: its mode is {mode:04o}, so everybody may use it", path.display());
        return Err(Wrong::key(key, &what, "take the rights of others away: chmod o= FILE"));
    }
    let text = std::fs::read_to_string(path).map_err(unreadable)?;
    Ok(text.lines().next().unwrap_or_default().to_owned())
}

/// How long a return must hold, as relays have it.
const CLOSE_HOLD: Duration = Duration::from_secs(10);

fn hold(key: &str, seconds: Option<u64>, otherwise: Duration) -> Result<Duration, Wrong> {
    match seconds {
        None => Ok(otherwise),
        Some(seconds) if seconds <= HOLD_S_MAX => Ok(Duration::from_secs(seconds)),
        Some(seconds) => {
            let what = format!("{seconds} s would hide an outage; the most is {HOLD_S_MAX}");
            Err(Wrong::key(key, &what, "give a shorter time"))
        }
    }
}

fn holds(file: &HoldsFile) -> Result<Holds, Wrong> {
    let Holds { host, wide } = Holds::default();
    Ok(Holds {
        host: hold("holds.host_s", file.host_s, host)?,
        wide: hold("holds.wide_s", file.wide_s, wide)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> String {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cma.toml");
        std::fs::write(&path, text).unwrap();
        let failure = Config::read(&path).unwrap_err();
        assert_eq!(failure.exit_code(), 2, "{failure}");
        failure.to_string().replace(&folder.path().display().to_string(), "")
    }

    #[test]
    fn a_short_file_is_filled_with_defaults_and_paths_are_relative_to_it() {
        let text =
            "insecure = true\nsocket = \"cma.sock\"\n[notify]\nfile = \"pages.jsonl\"\n[holds]\nwide_s = 0\n";
        let config = Config::parse(text, Path::new("/etc/ringmesh")).map_err(|wrong| wrong.what).unwrap();
        assert_eq!(config.listen, "0.0.0.0:1991".parse().unwrap());
        assert_eq!(config.socket, Path::new("/etc/ringmesh/cma.sock"));
        assert_eq!(config.state_dir, Path::new("/var/lib/ringmesh"));
        assert_eq!(config.notify, Some(Notify::File("/etc/ringmesh/pages.jsonl".into())));
        assert_eq!(config.holds, Holds { host: Duration::from_secs(10), wide: Duration::ZERO });
        assert!(config.tls.is_none() && config.nodes_max >= NODES_MIN);
    }

    #[test]
    fn a_wrong_file_is_refused_with_key_line_and_remedy() {
        let cases = [
            ("insecure = true\nlisen = \"x\"\n", "/cma.toml line 2: unknown field `lisen`"),
            ("insecure = 1\n", "/cma.toml line 1: invalid type: integer `1`, expected a boolean"),
            ("insecure = true\n\n[notify\n", "/cma.toml line 3: "),
            (
                "insecure = true\nlisten = \"here\"\n",
                "listen: \"here\" is no ADDRESS:PORT; write for example",
            ),
            ("", "[tls]: is missing"),
            (
                "insecure = true\n[tls]\nca=\"a\"\ncert=\"b\"\nkey=\"c\"\n",
                "insecure: is true although [tls] is given",
            ),
            ("[tls]\nca=\"a\"\ncert=\"b\"\nkey=\"c\"\n", "tls.ca: /a: No such file"),
            (
                "[tls]\nca=\"cma.toml\"\ncert=\"b\"\nkey=\"c\"\n",
                "tls.ca: /cma.toml: no CERTIFICATE in PEM form",
            ),
            ("insecure = true\n[notify]\n", "[notify]: has neither file nor command"),
            ("insecure = true\n[notify]\ncommand = []\n", "notify.command: is empty"),
            (
                "insecure = true\n[notify]\nfile=\"a\"\ncommand=[\"b\"]\n",
                "[notify]: has both file and command",
            ),
            ("insecure = true\n[holds]\nhost_s = 100000\n", "holds.host_s: 100000 s would hide an outage"),
            ("insecure = true\n[graph]\nnodes_max = 7\n", "graph.nodes_max: 7 is too few for any network"),
            ("insecure = true\ninstallation = \"a b\"\n", "installation: ' ' is not allowed in a name"),
            ("insecure = true\n[neo4j]\nuser = \"a\"\n", "missing field `uri`"),
            (
                "insecure = true\n[neo4j]\nuri = \"bolt://h\"\npassword_file = \"no-such\"\n",
                "neo4j.password_file: /no-such: No such file",
            ),
            (
                "insecure = true\n[neo4j]\nuri = \"bolt://h\"\npassword_file = \"cma.toml\"\n",
                "so everybody may use it; take the rights of others away",
            ),
            (
                "insecure = true\n[neo4j]\nuri = \"bolt+s://h\"\nca_file = \"cma.toml\"\n",
                "neo4j.ca_file: /cma.toml: no CERTIFICATE in PEM form",
            ),
        ];
        for (text, want) in cases {
            let got = error(text);
            assert!(got.contains(want) && !got.contains('\n'), "{text:?}: {got}");
        }
    }
}
