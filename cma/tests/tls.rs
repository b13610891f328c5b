//! Relays and the CMA prove themselves to each other.
#![allow(clippy::unwrap_used)]

mod common;

use common::{Relay, World};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use tonic::Status;
use tonic::transport::{Certificate, ClientTlsConfig, Endpoint, Identity};

/// A certificate authority of its own.
struct Ca {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Ca {
    fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = params.self_signed(&key).unwrap().pem();
        Self { pem, issuer: Issuer::new(params, key) }
    }

    /// Certificate and key for a name, in PEM.
    fn issue(&self, name: &str) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let certificate =
            CertificateParams::new(vec![name.to_owned()]).unwrap().signed_by(&key, &self.issuer).unwrap();
        (certificate.pem(), key.serialize_pem())
    }
}

async fn secured(ca: &Ca) -> World {
    let folder = tempfile::tempdir().unwrap();
    let (cert, key) = ca.issue("localhost");
    for (name, pem) in [("ca.pem", &ca.pem), ("cert.pem", &cert), ("key.pem", &key)] {
        std::fs::write(folder.path().join(name), pem).unwrap();
    }
    World::start_in(folder, "[tls]\nca = \"ca.pem\"\ncert = \"cert.pem\"\nkey = \"key.pem\"\n").await
}

/// Connects and waits for the welcome.
async fn greet(endpoint: Endpoint) -> Result<(), Box<dyn std::error::Error>> {
    let mut relay = Relay::connect(endpoint.connect().await?, 1, 7).await?;
    relay.next().await?.ok_or_else(|| Status::unknown("ended without a welcome"))?;
    Ok(())
}

fn endpoint(world: &World, tls: ClientTlsConfig) -> Endpoint {
    let endpoint = Endpoint::from_shared(format!("https://127.0.0.1:{}", world.port)).unwrap();
    endpoint.tls_config(tls.domain_name("localhost")).unwrap()
}

fn trusting(ca: &Ca) -> ClientTlsConfig {
    ClientTlsConfig::new().ca_certificate(Certificate::from_pem(&ca.pem))
}

#[tokio::test(flavor = "current_thread")]
async fn a_relay_with_a_certificate_of_our_authority_is_welcome_and_nobody_else_is() {
    let (ours, other) = (Ca::new(), Ca::new());
    let world = secured(&ours).await;
    let identity = |ca: &Ca| {
        let (cert, key) = ca.issue("r1");
        Identity::from_pem(cert, key)
    };
    greet(endpoint(&world, trusting(&ours).identity(identity(&ours)))).await.unwrap();
    greet(endpoint(&world, trusting(&ours))).await.expect_err("a relay without a certificate was welcome");
    let foreign = trusting(&ours).identity(identity(&other));
    greet(endpoint(&world, foreign)).await.expect_err("a relay of another authority was welcome");
    let distrusting = trusting(&other).identity(identity(&ours));
    greet(endpoint(&world, distrusting)).await.expect_err("a relay took a stranger for its CMA");
    let plain = Endpoint::from_shared(format!("http://127.0.0.1:{}", world.port)).unwrap();
    greet(plain).await.expect_err("a relay spoke plain text");
    greet(endpoint(&world, trusting(&ours).identity(identity(&ours)))).await.unwrap();
    let status = world.json(&["status"]).await;
    assert_eq!(status["relays"].as_array().unwrap().len(), 1);
}
