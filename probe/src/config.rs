//! The probe's configuration file.
//!
//! The only way to a [`Config`] is [`Config::load`]: one in hand is sound. Every refusal names the file, the
//! key and the remedy; nothing was started by then.

mod hex;

use std::fs;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::time::Duration;

use ringmesh_proto::message::{PROBE_PORT, RELAY_PORT};
use ringmesh_proto::seal::{Key, ProbeKey};
use ringmesh_topology::id::{Boot, Name};
use serde::Deserialize;

/// Lanes of a member: source ports `port` to `port + 3`.
pub const LANES: u16 = 4;

/// What an operator decided, checked.
#[derive(Clone, Debug)]
pub struct Config {
    /// The host's name, unique within the site.
    pub name: Name,
    /// The site.
    pub site: Name,
    /// The key shared with the site's relays.
    pub key: ProbeKey,
    /// The relays to announce to; empty: by multicast.
    pub relays: Vec<SocketAddr>,
    /// The lowest of the four UDP ports.
    pub port: u16,
    /// Globs that name the physical ports; empty: found automatically.
    pub ports: Vec<String>,
    /// Where the control socket is.
    pub run_dir: PathBuf,
    /// Where attachments are remembered over a restart.
    pub state_dir: PathBuf,
    /// The kernel's boot id.
    pub host_boot: Boot,
    /// Promised to the relay when the service is stopped.
    pub back_within: Duration,
}

impl Config {
    /// Where a running probe answers questions.
    pub fn control_socket(&self) -> PathBuf {
        self.run_dir.join("probe.sock")
    }

    /// Where attachments are remembered.
    pub fn cache_file(&self) -> PathBuf {
        self.state_dir.join("attachments.json")
    }
}

/// Why a configuration is not used. Each is for the operator to fix.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file, or a file it names, cannot be read.
    #[error("cannot read {path}{}: {error}; {remedy}", named_by(.key))]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The key that names it; empty for the configuration itself.
        key: &'static str,
        /// What the system says.
        error: io::Error,
        /// What to do.
        remedy: &'static str,
    },
    /// Not TOML, an unknown key, or a value of the wrong type. The text has line and key.
    #[error("{path}: {error}\ncorrect that line; the keys are described in docs/OPERATING.md")]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What the parser says, with line and column.
        error: Box<toml::de::Error>,
    },
    /// A value that cannot be used.
    #[error("{path}: {key} = {value}: {problem}; {remedy}")]
    Value {
        /// The file.
        path: PathBuf,
        /// The key.
        key: &'static str,
        /// Its value, never a secret one.
        value: String,
        /// What is wrong with it.
        problem: String,
        /// What to do.
        remedy: &'static str,
    },
}

fn named_by(key: &str) -> String {
    if key.is_empty() { String::new() } else { format!(" (key {key})") }
}

/// The file as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    name: Option<String>,
    site: String,
    key: Option<String>,
    key_file: Option<PathBuf>,
    #[serde(default)]
    relays: Vec<String>,
    #[serde(default = "default_port")]
    port: u16,
    #[serde(default)]
    ports: Vec<String>,
    #[serde(default = "default_run_dir")]
    run_dir: PathBuf,
    #[serde(default = "default_state_dir")]
    state_dir: PathBuf,
    #[serde(default = "default_boot_id_file")]
    boot_id_file: PathBuf,
    #[serde(default = "default_back_within_s")]
    back_within_s: u32,
}

fn default_port() -> u16 {
    PROBE_PORT
}

fn default_run_dir() -> PathBuf {
    "/run/ringmesh".into()
}

fn default_state_dir() -> PathBuf {
    "/var/lib/ringmesh".into()
}

fn default_boot_id_file() -> PathBuf {
    "/proc/sys/kernel/random/boot_id".into()
}

fn default_back_within_s() -> u32 {
    300
}

impl Config {
    /// Reads and checks a file. Relay names are resolved here, once.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let text = read(path, "", "give the right file with --config FILE")?;
        let file: File = toml::from_str(&text)
            .map_err(|error| ConfigError::Malformed { path: path.into(), error: Box::new(error) })?;
        let check = Check { path };
        Ok(Self {
            name: check.host_name(file.name)?,
            site: check.name("site", &file.site)?,
            key: check.key(file.key, file.key_file)?,
            relays: file.relays.iter().map(|relay| check.relay(relay)).collect::<Result<_, _>>()?,
            port: check.port(file.port)?,
            ports: check.globs(file.ports)?,
            run_dir: check.beside(file.run_dir),
            state_dir: check.beside(file.state_dir),
            host_boot: check.host_boot(file.boot_id_file)?,
            back_within: Duration::from_secs(file.back_within_s.into()),
        })
    }
}

fn read(path: &Path, key: &'static str, remedy: &'static str) -> Result<String, ConfigError> {
    fs::read_to_string(path).map_err(|error| ConfigError::Unreadable {
        path: path.into(),
        key,
        error,
        remedy,
    })
}

/// The checks, each of which knows the file it speaks of.
struct Check<'a> {
    path: &'a Path,
}

impl Check<'_> {
    fn wrong(
        &self,
        key: &'static str,
        value: &str,
        problem: impl ToString,
        remedy: &'static str,
    ) -> ConfigError {
        let problem = problem.to_string();
        ConfigError::Value { path: self.path.into(), key, value: format!("{value:?}"), problem, remedy }
    }

    /// Paths in a file are relative to the file.
    fn beside(&self, path: PathBuf) -> PathBuf {
        self.path.parent().map(|folder| folder.join(&path)).unwrap_or(path)
    }

    fn name(&self, key: &'static str, text: &str) -> Result<Name, ConfigError> {
        Name::new(text).map_err(|error| self.wrong(key, text, error, "choose another name"))
    }

    fn host_name(&self, given: Option<String>) -> Result<Name, ConfigError> {
        if let Some(text) = given {
            return self.name("name", &text);
        }
        let kernel = nix::unistd::gethostname().map_err(|error| {
            self.wrong("name", "", format!("the kernel tells no host name: {error}"), "set name")
        })?;
        let text = kernel.to_string_lossy();
        Name::new(&text).map_err(|error| {
            self.wrong("name", &text, format!("the kernel's host name: {error}"), "set name")
        })
    }

    fn key(&self, text: Option<String>, file: Option<PathBuf>) -> Result<ProbeKey, ConfigError> {
        const REMEDY: &str = "print the key on a relay with `ringmesh-relay key HOST`";
        let (key, text) = match (text, file) {
            (Some(text), None) => ("key", text),
            (None, Some(file)) => ("key_file", read(&self.beside(file), "key_file", REMEDY)?),
            (Some(_), Some(_)) => {
                return Err(self.wrong("key", "..", "key_file is set as well", "keep one of the two"));
            }
            (None, None) => return Err(self.wrong("key", "", "neither key nor key_file is set", REMEDY)),
        };
        // The value of a key is never shown.
        let octets = hex::octets(text.trim());
        octets
            .map(|octets| ProbeKey(Key(octets)))
            .ok_or_else(|| self.wrong(key, "..", "not 64 hexadecimal digits", REMEDY))
    }

    fn relay(&self, text: &str) -> Result<SocketAddr, ConfigError> {
        const REMEDY: &str = "write ADDRESS:PORT, or correct the name or the resolver";
        let has_port =
            text.rsplit_once(':').is_some_and(|(host, _)| !host.contains(':') || host.ends_with(']'));
        let bare = text.trim_start_matches('[').trim_end_matches(']');
        let found = if has_port { text.to_socket_addrs() } else { (bare, RELAY_PORT).to_socket_addrs() };
        let address = found
            .map_err(|error| self.wrong("relays", text, format!("does not resolve: {error}"), REMEDY))?
            .next();
        address.ok_or_else(|| self.wrong("relays", text, "resolves to no address", REMEDY))
    }

    fn port(&self, port: u16) -> Result<u16, ConfigError> {
        if (1..=u16::MAX - (LANES - 1)).contains(&port) {
            return Ok(port);
        }
        Err(self.wrong(
            "port",
            &port.to_string(),
            "the four lanes need port to port + 3",
            "choose 1 to 65532",
        ))
    }

    fn globs(&self, globs: Vec<String>) -> Result<Vec<String>, ConfigError> {
        match globs.iter().find(|glob| glob.is_empty() || glob.contains('/')) {
            Some(glob) => {
                Err(self.wrong("ports", glob, "no interface can have that name", "write names like \"eth*\""))
            }
            None => Ok(globs),
        }
    }

    fn host_boot(&self, file: PathBuf) -> Result<Boot, ConfigError> {
        const REMEDY: &str = "name a file that holds a UUID of this boot";
        let path = self.beside(file);
        let text = read(&path, "boot_id_file", REMEDY)?;
        Boot::from_uuid(&text)
            .ok_or_else(|| self.wrong("boot_id_file", &path.to_string_lossy(), "holds no UUID", REMEDY))
    }
}

#[cfg(test)]
mod tests;
