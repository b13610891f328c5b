//! What a mirror is told once.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

/// The most rows of one transaction that make sense: a statement has to be done within its time.
pub const BATCH_MAX: usize = 10_000;
/// How many rows a transaction has unless told otherwise.
pub const BATCH: usize = 2_000;

/// Where the mirror is, and how it is spoken to.
#[derive(Clone)]
pub struct Settings {
    /// `bolt://HOST:PORT`, or `bolt+s://` for TLS.
    pub uri: Uri,
    /// Who we are there.
    pub user: String,
    /// Proof of it; never shown.
    pub password: String,
    /// Whom the server's certificate must be signed by, or the certificate itself; else the system's authorities.
    pub ca_file: Option<PathBuf>,
    /// Which of its databases; empty: its default.
    pub database: String,
    /// Rows of a transaction at most.
    pub batch: usize,
    /// Names the installation; the database of another one is left alone.
    pub installation: String,
    /// Names this run of the CMA, whose revisions start anew with each.
    pub run: String,
    /// How long any one call may take.
    pub within: Duration,
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { uri, user, ca_file, database, batch, installation, run, .. } = self;
        f.debug_struct("Settings")
            .field("uri", uri)
            .field("user", user)
            .field("ca_file", ca_file)
            .field("database", database)
            .field("batch", batch)
            .field("installation", installation)
            .field("run", run)
            .finish_non_exhaustive()
    }
}

/// An address of a Bolt server, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Uri {
    text: String,
    tls: bool,
    loopback: bool,
}

/// Why an address is none.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum UriError {
    /// Another scheme.
    #[error("{0:?} is not spoken here")]
    Scheme(String),
    /// TLS that proves nothing.
    #[error("{0:?} takes any certificate")]
    Unchecked(String),
    /// No `HOST:PORT`.
    #[error("{0:?} is no HOST:PORT")]
    Address(String),
}

impl Uri {
    /// `bolt://HOST[:PORT]` or `bolt+s://HOST[:PORT]`. Credentials in it are refused: they would be shown.
    pub fn parse(text: &str) -> Result<Self, UriError> {
        let (scheme, rest) = text.split_once("://").ok_or_else(|| UriError::Scheme(text.to_owned()))?;
        let tls = match scheme {
            "bolt" => false,
            "bolt+s" => true,
            "bolt+ssc" | "neo4j+ssc" => return Err(UriError::Unchecked(scheme.to_owned())),
            _ => return Err(UriError::Scheme(scheme.to_owned())),
        };
        let no_address = || UriError::Address(rest.to_owned());
        let (host, port) = match rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((host, after)) => (host, after.strip_prefix(':').or(after.is_empty().then_some("7687"))),
            None => rest.split_once(':').map_or((rest, Some("7687")), |(host, port)| (host, Some(port))),
        };
        let port: u16 = port.and_then(|port| port.parse().ok()).ok_or_else(no_address)?;
        let address: Option<IpAddr> = host.parse().ok();
        let plain = |c: char| c.is_ascii_alphanumeric() || ".-_".contains(c);
        if host.is_empty() || (address.is_none() && !host.chars().all(plain)) {
            return Err(no_address());
        }
        let loopback = address.map_or(host == "localhost", |address| address.is_loopback());
        let shown = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
        Ok(Self { text: format!("{scheme}://{shown}:{port}"), tls, loopback })
    }

    /// As it is written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whoever is on the way can read the password and write rows.
    pub fn is_exposed(&self) -> bool {
        !self.tls && !self.loopback
    }

    /// It is TLS.
    pub fn is_tls(&self) -> bool {
        self.tls
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_checked_and_plain_text_is_exposed_beyond_loopback() {
        let cases = [
            ("bolt://127.0.0.1:7687", Ok(("bolt://127.0.0.1:7687", false))),
            ("bolt://localhost", Ok(("bolt://localhost:7687", false))),
            ("bolt://[::1]:7", Ok(("bolt://[::1]:7", false))),
            ("bolt://[::1]", Ok(("bolt://[::1]:7687", false))),
            ("bolt://graph.example.net:7687", Ok(("bolt://graph.example.net:7687", true))),
            ("bolt+s://graph.example.net", Ok(("bolt+s://graph.example.net:7687", false))),
            ("bolt+ssc://h", Err(UriError::Unchecked("bolt+ssc".into()))),
            ("http://h", Err(UriError::Scheme("http".into()))),
            ("h:7687", Err(UriError::Scheme("h:7687".into()))),
            ("bolt://u:p@h:1", Err(UriError::Address("u:p@h:1".into()))),
            ("bolt://h:70000", Err(UriError::Address("h:70000".into()))),
            ("bolt://:1", Err(UriError::Address(":1".into()))),
            ("bolt://[::1]x", Err(UriError::Address("[::1]x".into()))),
        ];
        for (text, want) in cases {
            let got = Uri::parse(text);
            let got = got.as_ref().map(|uri| (uri.as_str(), uri.is_exposed()));
            assert_eq!(got, want.as_ref().copied(), "{text}");
        }
    }

    #[test]
    fn a_password_is_not_shown() {
        let settings = Settings {
            uri: Uri::parse("bolt://h").unwrap(),
            user: "neo4j".into(),
            password: "hunter2".into(),
            ca_file: None,
            database: String::new(),
            batch: BATCH,
            installation: "main".into(),
            run: "1".into(),
            within: Duration::from_secs(1),
        };
        assert!(!format!("{settings:?}").contains("hunter2"));
    }
}
