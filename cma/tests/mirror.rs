//! The whole CMA with a mirror in a real Neo4j: what it must never cost, and that it holds the same in the end.
#![cfg(feature = "neo4j")]
#![allow(clippy::unwrap_used)]

mod common;
#[path = "../mirror/tests/real/support/mod.rs"]
mod support;

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use common::{Relay, World, host, incident, lines, switch};
use support::proxy::{Fault, Proxy};
use support::server::Server;
use tonic::transport::Endpoint;

fn neo4j(uri: &str) -> String {
    format!(
        "insecure = true\n[notify]\nfile = \"pages.jsonl\"\n[holds]\nwide_s = 0\n[neo4j]\nuri = \"{uri}\"\n"
    )
}

/// Waits until the operator's command says that both sides hold the same.
async fn the_same(world: &World) {
    let deadline = Instant::now() + support::PATIENCE;
    loop {
        let output = world.ringmesh(&["mirror", "compare"]).await;
        if output.status.success() {
            let text = String::from_utf8(output.stdout).unwrap();
            assert!(text.contains("Host") && text.contains("holds the same"), "{text}");
            return;
        }
        assert!(Instant::now() < deadline, "{output:?}");
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

/// Waits until `ringmesh mirror` tells of something in the way.
async fn in_the_way(world: &World, what: &str) {
    let deadline = Instant::now() + support::PATIENCE;
    loop {
        let mirror = world.json(&["mirror"]).await;
        if mirror["error"].as_str().unwrap().contains(what) {
            return;
        }
        assert!(Instant::now() < deadline, "{mirror}");
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
}

/// Row 57 of the verdicts: Neo4j down or read-only.
#[tokio::test(flavor = "current_thread")]
async fn neo4j_down_or_read_only_takes_nothing_from_verdicts_and_pages_and_the_graph_catches_up() {
    let Some(mut server) = Server::own(&[]) else { return };
    let proxy = Proxy::before(server.uri().trim_start_matches("bolt://")).await;
    // Half-open: it takes the connection and never says a word.
    proxy.set(Fault::Silent);
    let world = World::start(&neo4j(&proxy.uri())).await;
    let mut relay = world.relay(1, 9).await;
    assert_eq!(relay.welcomed().await, 0);
    relay.news(1, &switch()).await;
    relay.news(2, &host("h1", "p1")).await;
    let begun = Instant::now();
    relay.news(3, &incident(1, false)).await;
    relay.acknowledged(3).await;
    let paged = lines(&world.path("pages.jsonl"), 1).await;
    assert_eq!(paged[0]["transition"], "opened");
    // After its start a CMA holds every line for ten seconds. Who waited for that server would wait for thirty.
    assert!(begun.elapsed() < Duration::from_secs(20), "a page waited for Neo4j: {:?}", begun.elapsed());
    let status = world.json(&["status"]).await;
    assert!(status["incidents_open"] == 1 && status["mirror"]["state"] != "in-step", "{status}");

    proxy.set(Fault::None);
    the_same(&world).await;
    server.stop();
    server.again(&["--read-only"]);
    let begun = Instant::now();
    relay.news(4, &incident(2, true)).await;
    relay.acknowledged(4).await;
    let paged = lines(&world.path("pages.jsonl"), 2).await;
    assert_eq!(paged[1]["transition"], "closed");
    assert!(begun.elapsed() < Duration::from_secs(10), "a page waited for Neo4j: {:?}", begun.elapsed());
    in_the_way(&world, "takes no writes").await;
    let status = world.json(&["status"]).await;
    let warned =
        status["warnings"].as_array().unwrap().iter().any(|warning| warning["code"] == "mirror-behind");
    assert!(warned && status["mirror"]["lag_changes"].as_u64().is_none_or(|lag| lag > 0), "{status}");

    server.kill();
    relay.news(5, &host("h2", "p2")).await;
    relay.acknowledged(5).await;
    server.again(&[]);
    let ordered = world.ringmesh(&["mirror", "resync"]).await;
    assert!(ordered.status.success(), "{ordered:?}");
    the_same(&world).await;
    let status = world.ringmesh(&["status"]).await;
    let text = String::from_utf8(status.stdout).unwrap();
    assert!(text.contains("mirror at bolt://127.0.0.1:") && text.contains("in step"), "{text}");
    world.stop().await;
}

#[tokio::test(flavor = "current_thread")]
async fn a_cma_killed_again_and_again_while_it_mirrors_loses_nothing_and_doubles_nothing() {
    const HOSTS: u64 = 400;
    let Some(server) = Server::own(&[]) else { return };
    let folder = tempfile::tempdir().unwrap();
    let port = support::server::free_port();
    let keys = format!("listen = \"127.0.0.1:{port}\"\nsocket = \"cma.sock\"\nstate_dir = \"state\"\n");
    std::fs::write(folder.path().join("cma.toml"), format!("{keys}{}batch = 40\n", neo4j(&server.uri())))
        .unwrap();
    let mut told = 0;
    for round in 0..5_u64 {
        let mut cma = start(folder.path());
        let mut relay = connect(port).await;
        told = relay.welcomed().await.max(told);
        let upto = if round == 4 { HOSTS } else { (round + 1) * HOSTS / 5 };
        for number in told + 1..=upto {
            relay.news(number, &host(&format!("h{number}"), &format!("p{number}"))).await;
        }
        relay.acknowledged(upto).await;
        tokio::time::sleep(Duration::from_millis(200 + 150 * round)).await;
        cma.kill().unwrap();
        cma.wait().unwrap();
    }
    let mut cma = start(folder.path());
    let mut relay = connect(port).await;
    assert_eq!(relay.welcomed().await, HOSTS);
    let compare = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ringmesh"));
        command.arg("--socket").arg(folder.path().join("cma.sock")).args(["mirror", "compare"]);
        command.output().unwrap()
    };
    let deadline = Instant::now() + support::PATIENCE;
    let output = loop {
        let output = compare();
        if output.status.success() {
            break output;
        }
        assert!(Instant::now() < deadline, "{output:?}");
        tokio::time::sleep(Duration::from_millis(500)).await;
    };
    let text = String::from_utf8(output.stdout).unwrap();
    let hosts = text.lines().find(|line| line.trim_start().starts_with("Host ")).unwrap();
    assert_eq!(hosts.split_whitespace().collect::<Vec<_>>(), ["Host", "400", "400", "yes"], "{text}");
    cma.kill().unwrap();
    cma.wait().unwrap();
}

fn start(folder: &Path) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ringmesh-cma"));
    command.arg("--config").arg(folder.join("cma.toml")).stderr(Stdio::null()).spawn().unwrap()
}

async fn connect(port: u16) -> Relay {
    let deadline = Instant::now() + common::PATIENCE;
    loop {
        let endpoint = Endpoint::from_shared(format!("http://127.0.0.1:{port}")).unwrap();
        if let Ok(channel) = endpoint.connect().await {
            return Relay::connect(channel, 1, 9).await.unwrap();
        }
        assert!(Instant::now() < deadline, "it does not start");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
