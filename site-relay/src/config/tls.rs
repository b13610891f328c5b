//! The files that prove who the relay is, and by which it knows its CMA.

use std::fs;
use std::path::{Path, PathBuf};

use ringmesh_shell::failure::Failure;
use serde::Deserialize;
use tonic::transport::{Certificate, ClientTlsConfig, Identity};

/// `[tls]` of the file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Files {
    ca: PathBuf,
    cert: PathBuf,
    key: PathBuf,
    server_name: Option<String>,
}

/// Both ends prove who they are.
#[derive(Clone, Debug)]
pub(crate) struct Tls(ClientTlsConfig);

impl Files {
    pub(super) fn read(self, beside: impl Fn(&Path) -> PathBuf) -> Result<Tls, Failure> {
        let read = |key: &str, path: &Path, wanted: &str| {
            let path = beside(path);
            let remedy = "name the right file, readable by the relay";
            let pem = fs::read_to_string(&path).map_err(|error| Failure::file(key, &path, &error, remedy))?;
            if pem.contains(wanted) {
                return Ok(pem);
            }
            let problem = format!("{key} {}: holds no PEM block with \"{wanted}\"", path.display());
            Err(Failure::usage(problem, "name the right file"))
        };
        let ca = Certificate::from_pem(read("tls.ca", &self.ca, "BEGIN CERTIFICATE")?);
        let cert = read("tls.cert", &self.cert, "BEGIN CERTIFICATE")?;
        let key = read("tls.key", &self.key, "PRIVATE KEY")?;
        let tls = ClientTlsConfig::new().ca_certificate(ca).identity(Identity::from_pem(cert, key));
        Ok(Tls(match self.server_name {
            Some(name) => tls.domain_name(name),
            None => tls,
        }))
    }
}

impl Tls {
    /// As tonic wants it.
    pub(crate) fn client(&self) -> ClientTlsConfig {
        self.0.clone()
    }
}

#[cfg(test)]
impl Tls {
    /// From the text of a `[tls]` table whose files lie in `folder`.
    pub(crate) fn for_test(text: &str, folder: &Path) -> Self {
        toml::from_str::<Files>(text).unwrap().read(|path| folder.join(path)).unwrap()
    }
}
