//! The relay's configuration file.
//!
//! [`Config::load`] is the only way in: a [`Config`] in hand is a sound one. Every refusal names the file, the
//! key or line, and the remedy; nothing was started by then.

mod classes;
mod tls;

use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use ringmesh_proto::message::RELAY_PORT;
use ringmesh_relay_core::Timing;
use ringmesh_shell::failure::Failure;
use ringmesh_topology::id::{Name, RelayId};
use ringmesh_topology::verdict::Class;
use serde::Deserialize;

pub(crate) use tls::Tls;

/// A site's relay, as its operator wants it.
#[derive(Debug)]
pub(crate) struct Config {
    /// The site.
    pub(crate) site: Name,
    /// The relay's number there.
    pub(crate) relay: RelayId,
    /// Where it listens.
    pub(crate) listen: SocketAddr,
    /// The address members are told; `None`: the one this host would reach them from.
    pub(crate) address: Option<IpAddr>,
    /// The site secret.
    pub(crate) secret_file: PathBuf,
    /// Where relays of other sites reach this one, if not at `address`.
    pub(crate) mesh_address: Option<SocketAddr>,
    /// Where term, members, incidents and waiting news are kept.
    pub(crate) state_dir: PathBuf,
    /// Whose content changes with each boot of this host.
    pub(crate) boot_id_file: PathBuf,
    /// The CMAs to tell, as HOST:PORT; a name is resolved at each connect.
    pub(crate) cma: Vec<String>,
    /// How to speak with them; `None` in plain text.
    pub(crate) tls: Option<Tls>,
    /// Join the relay group on every interface.
    pub(crate) multicast: bool,
    /// The three waits that a lab may shorten.
    pub(crate) timing: Timing,
    /// Which host has which class, by pattern; the first that fits counts.
    pub(crate) classes: Vec<(String, Class)>,
}

/// The file as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    site: String,
    id: u8,
    #[serde(default = "default_listen")]
    listen: String,
    address: Option<IpAddr>,
    mesh_address: Option<SocketAddr>,
    secret_file: PathBuf,
    #[serde(default = "default_state_dir")]
    state_dir: PathBuf,
    #[serde(default = "default_boot_id_file")]
    boot_id_file: PathBuf,
    #[serde(default)]
    cma: Vec<String>,
    #[serde(default)]
    insecure: bool,
    tls: Option<tls::Files>,
    #[serde(default)]
    multicast: bool,
    #[serde(default)]
    timing: TimingSeconds,
    #[serde(default)]
    hosts: Vec<classes::Entry>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct TimingSeconds {
    close_hold_s: Option<u32>,
    settle_s: Option<u32>,
    boot_grace_s: Option<u32>,
}

fn default_listen() -> String {
    format!("0.0.0.0:{RELAY_PORT}")
}

fn default_boot_id_file() -> PathBuf {
    "/proc/sys/kernel/random/boot_id".into()
}

fn default_state_dir() -> PathBuf {
    "/var/lib/ringmesh-relay".into()
}

impl Config {
    /// Reads and checks a file.
    pub(crate) fn load(path: &Path) -> Result<Self, Failure> {
        let text = fs::read_to_string(path).map_err(|error| {
            Failure::file("configuration", path, &error, "name the right file with --config")
        })?;
        let file: File = toml::from_str(&text).map_err(|error| malformed(path, &text, &error))?;
        let check = Check { path };
        let tls = check.security(file.cma.is_empty(), file.insecure, file.tls)?;
        Ok(Self {
            site: check.site(&file.site)?,
            relay: check.relay(file.id)?,
            listen: check.listen(&file.listen)?,
            address: check.address(file.address)?,
            mesh_address: check.mesh_address(file.mesh_address)?,
            secret_file: check.beside(&file.secret_file),
            state_dir: check.beside(&file.state_dir),
            boot_id_file: check.beside(&file.boot_id_file),
            cma: check.cma(file.cma)?,
            tls,
            multicast: file.multicast,
            timing: check.timing(&file.timing)?,
            classes: classes::check(file.hosts).map_err(|(glob, problem)| {
                check.wrong("hosts.match", &glob, problem, "write names like \"db-*\"")
            })?,
        })
    }
}

/// One line for what toml says in several, with the line's number and the key that stands on it.
fn malformed(path: &Path, text: &str, error: &toml::de::Error) -> Failure {
    let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
    let number = before.matches('\n').count();
    let line = text.lines().nth(number).unwrap_or_default();
    let key = line.split_once('=').map_or("", |(key, _)| key.trim());
    let key = if key.is_empty() { String::new() } else { format!("{key}: ") };
    let message = error.message().replace('\n', " ");
    Failure::usage(format!("{}:{}: {key}{message}", path.display(), number + 1), "correct this line")
}

/// The checks, each of which knows the file it speaks of.
pub(crate) struct Check<'a> {
    path: &'a Path,
}

impl Check<'_> {
    fn wrong(&self, key: &str, value: &str, problem: impl std::fmt::Display, remedy: &str) -> Failure {
        Failure::usage(format!("{}: {key} = {value:?}: {problem}", self.path.display()), remedy)
    }

    /// Paths in a file are relative to the file.
    fn beside(&self, path: &Path) -> PathBuf {
        self.path.parent().map_or_else(|| path.into(), |folder| folder.join(path))
    }

    fn site(&self, text: &str) -> Result<Name, Failure> {
        Name::new(text).map_err(|error| self.wrong("site", text, error, "choose another name"))
    }

    fn relay(&self, id: u8) -> Result<RelayId, Failure> {
        if id > 0 {
            return Ok(RelayId(id));
        }
        Err(self.wrong("id", "0", "a relay's number starts at 1", "choose 1 to 255, unique in the site"))
    }

    fn listen(&self, text: &str) -> Result<SocketAddr, Failure> {
        const REMEDY: &str = "write ADDRESS:PORT like \"0.0.0.0:1990\"";
        let listen: SocketAddr =
            text.parse().map_err(|_| self.wrong("listen", text, "not an address", REMEDY))?;
        if listen.port() == 0 || listen.ip().is_multicast() {
            return Err(self.wrong("listen", text, "members could not reach it", REMEDY));
        }
        Ok(listen)
    }

    fn address(&self, address: Option<IpAddr>) -> Result<Option<IpAddr>, Failure> {
        match address {
            Some(given) if given.is_unspecified() || given.is_multicast() => {
                let remedy = "name one address of this host, or leave the key out";
                Err(self.wrong("address", &given.to_string(), "members could not reach it", remedy))
            }
            Some(_) | None => Ok(address),
        }
    }

    fn mesh_address(&self, address: Option<SocketAddr>) -> Result<Option<SocketAddr>, Failure> {
        match address {
            Some(given) if given.port() == 0 || given.ip().is_unspecified() || given.ip().is_multicast() => {
                let remedy =
                    "name the address and port that other sites reach this relay by, or leave the key out";
                Err(self.wrong("mesh_address", &given.to_string(), "other relays could not reach it", remedy))
            }
            Some(_) | None => Ok(address),
        }
    }

    fn cma(&self, addresses: Vec<String>) -> Result<Vec<String>, Failure> {
        let is_sound = |text: &str| {
            let host_and_port = text.rsplit_once(':');
            host_and_port.is_some_and(|(host, port)| {
                let bracketed = host.starts_with('[') && host.ends_with(']');
                let plain =
                    !host.is_empty() && host.chars().all(|c| c.is_ascii_alphanumeric() || "-._".contains(c));
                (bracketed || plain) && port.parse::<u16>().is_ok_and(|port| port > 0)
            })
        };
        for (at, text) in addresses.iter().enumerate() {
            if !is_sound(text) {
                return Err(self.wrong("cma", text, "not HOST:PORT", "write like \"cma.example.net:1991\""));
            }
            if addresses[..at].contains(text) {
                return Err(self.wrong("cma", text, "is named twice", "name each CMA once"));
            }
        }
        Ok(addresses)
    }

    fn security(
        &self,
        alone: bool,
        insecure: bool,
        files: Option<tls::Files>,
    ) -> Result<Option<Tls>, Failure> {
        const REMEDY: &str = "set [tls] ca, cert and key; or, where nobody can listen in, insecure = true";
        match (insecure, files) {
            (true, Some(_)) => {
                Err(self.wrong("insecure", "true", "[tls] is set as well", "keep one of the two"))
            }
            (true, None) => Ok(None),
            (false, Some(files)) => files.read(|path| self.beside(path)).map(Some),
            (false, None) if alone => Ok(None),
            (false, None) => {
                Err(self.wrong("tls", "", "is not set, and the CMA must know the relay", REMEDY))
            }
        }
    }

    fn timing(&self, seconds: &TimingSeconds) -> Result<Timing, Failure> {
        const DAY: u32 = 86_400;
        let check = |key: &str, value: Option<u32>, default: Duration| match value {
            Some(seconds @ (0 | DAY..)) => {
                let remedy = "choose 1 to 86399 seconds, or leave the key out";
                Err(self.wrong(key, &seconds.to_string(), "out of range", remedy))
            }
            Some(seconds) => Ok(Duration::from_secs(seconds.into())),
            None => Ok(default),
        };
        let default = Timing::default();
        Ok(Timing {
            close_hold: check("timing.close_hold_s", seconds.close_hold_s, default.close_hold)?,
            settle: check("timing.settle_s", seconds.settle_s, default.settle)?,
            boot_grace: check("timing.boot_grace_s", seconds.boot_grace_s, default.boot_grace)?,
        })
    }
}

#[cfg(test)]
mod tests;
