//! What a CMA must find again: `kill -9` in the middle of its commits, and a disk without room. With real processes.
#![allow(clippy::unwrap_used)]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Output, Stdio};
use std::time::{Duration, Instant};

use common::{PATIENCE, Relay, host, switch};
use ringmesh_proto::pb::from_authority::Body;
use serde_json::Value;
use tonic::transport::Endpoint;

/// Set in the process that has a small disk of its own: its root.
const DISK: &str = "RINGMESH_SMALL_DISK";

/// A CMA as a process of its own, which dies with its test.
struct Cma {
    folder: PathBuf,
    port: u16,
    process: Child,
}

impl Drop for Cma {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Cma {
    fn start(folder: &Path) -> Self {
        let keys =
            "listen = \"127.0.0.1:0\"\nsocket = \"cma.sock\"\nstate_dir = \"state\"\ninsecure = true\n";
        std::fs::write(folder.join("cma.toml"), keys).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_ringmesh-cma"));
        command.arg("--config").arg(folder.join("cma.toml")).stderr(Stdio::piped());
        let mut process = command.spawn().unwrap();
        let port = listening(process.stderr.take().unwrap());
        Self { folder: folder.to_owned(), port, process }
    }

    /// Connects as the relay that was there before.
    async fn relay(&self) -> Relay {
        let endpoint = Endpoint::from_shared(format!("http://127.0.0.1:{}", self.port)).unwrap();
        Relay::connect(endpoint.connect().await.unwrap(), 1, 9).await.unwrap()
    }

    fn ringmesh(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ringmesh"));
        command.arg("--socket").arg(self.folder.join("cma.sock")).args(arguments).output().unwrap()
    }

    fn json(&self, arguments: &[&str]) -> Value {
        let output = self.ringmesh(&[arguments, &["--json"]].concat());
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
    }

    /// Looked for until it is there.
    fn until(&self, arguments: &[&str], what: impl Fn(&Value) -> bool) -> Value {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let found = self.json(arguments);
            if what(&found) {
                return found;
            }
            assert!(Instant::now() < deadline, "{found}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

/// The port it says that it listens on. One found here and given back could be held for a moment more by what
/// another thread starts, and a connection to that is reset.
fn listening(said: ChildStderr) -> u16 {
    let mut lines = BufReader::new(said).lines().map(Result::unwrap);
    let mut before = Vec::new();
    let port = loop {
        let line = lines.next().unwrap_or_else(|| panic!("it ended before it listened: {before:?}"));
        let address = line.split_once("listening address=127.0.0.1:");
        if let Some(port) = address.and_then(|(_, rest)| rest.split(' ').next()) {
            break port.parse().unwrap();
        }
        before.push(line);
    };
    // What it says later has to go somewhere.
    std::thread::spawn(move || lines.for_each(drop));
    port
}

/// The newest acknowledgement, of all that come until the stream ends.
async fn listen(relay: &mut Relay, newest: &mut u64) {
    while let Ok(Some(message)) = relay.told.message().await {
        if let Some(Body::Acknowledged(told)) = message.body {
            *newest = told.sequence.max(*newest);
        }
    }
}

/// Sequence `n` of the story: forty hosts that move from port to port.
fn news(n: u64) -> ringmesh_proto::news::News {
    if n == 1 { switch() } else { host(&format!("h{}", n % 40), &format!("p{n}")) }
}

/// The port each host hangs on once so much was told.
fn ports(told: u64) -> BTreeMap<String, String> {
    (2..=told).map(|n| (format!("h{}", n % 40), format!("p{n}"))).collect()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "current_thread")]
async fn nothing_acknowledged_is_lost_or_doubled_by_kills_in_the_middle_of_commits() {
    let folder = tempfile::tempdir().unwrap();
    let (mut acknowledged, mut told) = (0, 0);
    for round in 0..12_u64 {
        let mut cma = Cma::start(folder.path());
        let mut relay = cma.relay().await;
        let known = relay.welcomed().await;
        assert!(known >= acknowledged && known <= told, "{acknowledged} <= {known} <= {told}");
        let until = Instant::now() + Duration::from_millis(5 + round * 17 % 90);
        let tell = relay.tell.clone();
        let telling = async {
            told = known;
            while Instant::now() < until {
                told += 1;
                let body = ringmesh_proto::pb::from_relay::Body::News(ringmesh_proto::codec::news_item(
                    told,
                    &news(told),
                ));
                tell.send(ringmesh_proto::pb::FromRelay { body: Some(body) }).await.unwrap();
            }
            cma.process.kill().unwrap();
            cma.process.wait().unwrap();
        };
        tokio::join!(telling, listen(&mut relay, &mut acknowledged));
    }
    assert!(acknowledged > 100, "the test tells too little: {acknowledged} of {told}");
    let cma = Cma::start(folder.path());
    let mut relay = cma.relay().await;
    let known = relay.welcomed().await;
    assert!(known >= acknowledged, "{acknowledged} was acknowledged and {known} is known");

    let rows = cma.json(&["query", "switch-ports"])["rows"].clone();
    let found: Vec<(String, String)> =
        rows.as_array().unwrap().iter().map(|row| (text(&row["host"]), text(&row["port"]))).collect();
    assert_eq!(found.len(), ports(known).len(), "a host stands twice: {found:?}");
    assert_eq!(found.into_iter().collect::<BTreeMap<_, _>>(), ports(known));
    // Each move is an end of a wire, and stands once.
    let changes = cma.json(&["query", "wiring-changes", "-1d"])["rows"].clone();
    let before: Vec<String> = changes.as_array().unwrap().iter().map(|row| text(&row["before"])).collect();
    let once: BTreeSet<&String> = before.iter().collect();
    // The first of a host is no move, and of each host a hundred are kept.
    let moves = (0..40).map(|host| (2..=known).filter(|n| n % 40 == host).count().saturating_sub(1).min(100));
    assert_eq!((once.len(), before.len()), (before.len(), moves.sum()));
    let checked = cma.ringmesh(&["store", "check", folder.path().join("state/cma.redb").to_str().unwrap()]);
    assert_eq!(checked.status.code(), Some(2), "it is in use: {checked:?}");
    drop(cma);
    let output = Command::new(env!("CARGO_BIN_EXE_ringmesh"))
        .args(["store", "check"])
        .arg(folder.path().join("state/cma.redb"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
}

/// The root of a small disk; `None` in the process that only starts the one that has it.
fn disk(test: &str) -> Option<PathBuf> {
    if let Some(root) = std::env::var_os(DISK) {
        return Some(root.into());
    }
    let root = tempfile::tempdir().unwrap();
    let namespace = ["--mount", "--map-root-user"];
    let namespace = if nix::unistd::geteuid().is_root() { &namespace[..1] } else { &namespace[..] };
    let mounts = "mount -t tmpfs -o size=6m tmpfs \"$RINGMESH_SMALL_DISK\"";
    let run = |script: &str| {
        let mut command = Command::new("unshare");
        command.args(namespace).args(["--", "sh", "-c", script]).env(DISK, root.path());
        command
    };
    if !run(mounts).output().is_ok_and(|done| done.status.success()) {
        eprintln!("SKIPPED: no disk of its own: needs root or user namespaces");
        return None;
    }
    let script = format!("{mounts} && exec \"$0\" --exact {test} --nocapture");
    let done = run(&script).arg(std::env::current_exe().unwrap()).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&[done.stdout, done.stderr].concat()));
    None
}

#[tokio::test(flavor = "current_thread")]
async fn on_a_full_disk_the_cma_goes_on_acknowledges_nothing_and_says_why() {
    let test = "on_a_full_disk_the_cma_goes_on_acknowledges_nothing_and_says_why";
    let Some(root) = disk(test) else { return };
    let mut cma = Cma::start(&root);
    let mut relay = cma.relay().await;
    relay.welcomed().await;
    for n in 1..=50 {
        relay.news(n, &news(n)).await;
    }
    relay.acknowledged(50).await;
    let ballast = root.join("ballast");
    let mut file = std::fs::File::create(&ballast).unwrap();
    while file.write_all(&[1; 512]).is_ok() {}
    // Held open it would keep its room when it is removed.
    drop(file);
    // More than fits into what the file has left.
    let mut told = 50;
    let mut newest = 50;
    let mut is_full = false;
    while !is_full && told < 20_000 {
        for _ in 0..200 {
            told += 1;
            relay.news(told, &host(&format!("new-{told}"), &format!("p{told}"))).await;
        }
        let quiet = tokio::time::timeout(Duration::from_millis(300), listen(&mut relay, &mut newest)).await;
        assert!(quiet.is_err(), "the CMA ended");
        is_full = newest < told && cma.json(&["status"]).to_string().contains("store-failed");
    }
    let status = cma.json(&["status"]);
    let warnings = status["warnings"].as_array().unwrap();
    let failed = warnings.iter().find(|warning| warning["code"] == "store-failed");
    let failed = failed.unwrap_or_else(|| panic!("{status}")).to_string();
    assert!(failed.contains("No space left") && failed.contains("make room in state_dir"), "{failed}");
    assert!(newest < told, "{newest} was acknowledged of {told} on a full disk");
    // It answers, and knows what it cannot write.
    assert_eq!(
        cma.json(&["query", "host-ports", &format!("new-{told}")])["rows"].as_array().unwrap().len(),
        1
    );

    // Killed now, and started while there still is no room: what was acknowledged is there.
    cma.process.kill().unwrap();
    cma.process.wait().unwrap();
    cma = Cma::start(&root);
    let mut relay = cma.relay().await;
    let known = relay.welcomed().await;
    assert!(known >= newest && known < told, "{newest} <= {known} < {told}");

    // The way back: room. Nothing is restarted; what waits is written, and acknowledged.
    std::fs::remove_file(&ballast).unwrap();
    for n in known + 1..=told {
        relay.news(n, &host(&format!("new-{n}"), &format!("p{n}"))).await;
    }
    relay.acknowledged(told).await;
    cma.until(&["status"], |status| !status.to_string().contains("store-failed"));
}
