//! A real Neo4j: the one named by `RINGMESH_BOLT_URI`, else one of our own, from its published parts.
//!
//! A server of our own ends when its standard input does, so it outlives no test run, however that ended.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, OnceLock};
use std::time::Duration;

use ringmesh_mirror::bolt::{Bolt, Statement};
use ringmesh_mirror::settings::{BATCH, Uri};
use ringmesh_mirror::{Settings, text};

/// Names a server that the tests may empty of what is ours.
pub(crate) const VARIABLE: &str = "RINGMESH_BOLT_URI";

/// A running server of our own.
pub(crate) struct Server {
    child: Child,
    pub(crate) port: u16,
    folder: PathBuf,
    /// Of its virtual machine.
    options: &'static str,
}

fn script() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .find(|at| at.join("scripts/neo4j").exists())
        .unwrap()
        .join("scripts/neo4j")
}

/// Why no server can be started here.
fn missing() -> Option<String> {
    let prepared = Command::new(script()).arg("--prepare").stdin(Stdio::null()).output().unwrap();
    if prepared.status.success() {
        return None;
    }
    let said = String::from_utf8_lossy(&prepared.stderr);
    Some(said.lines().last().unwrap_or("scripts/neo4j --prepare failed").to_owned())
}

pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

impl Server {
    /// Starts one that is soon there, or says loudly why not: it is started often, and does little.
    pub(crate) fn own(words: &[&str]) -> Option<Self> {
        Self::prepared("-XX:TieredStopAtLevel=1 -XX:+UseSerialGC", words)
    }

    /// Starts one that is quick in the end.
    pub(crate) fn quick() -> Option<Self> {
        Self::prepared("", &[])
    }

    fn prepared(options: &'static str, words: &[&str]) -> Option<Self> {
        if let Some(why) = missing() {
            println!("SKIPPED: a real Neo4j: {why}");
            return None;
        }
        let folder =
            std::env::temp_dir().join(format!("ringmesh-neo4j-{}-{}", std::process::id(), free_port()));
        std::fs::create_dir_all(&folder).unwrap();
        Some(Self::start(folder, free_port(), options, words))
    }

    fn start(folder: PathBuf, port: u16, options: &'static str, words: &[&str]) -> Self {
        let mut child = Command::new(script())
            .arg("--start")
            .arg(&folder)
            .arg(port.to_string())
            .args(["--until-eof", "--temporary"])
            .args(words)
            .env("JAVA_TOOL_OPTIONS", options)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let ready = lines.by_ref().map_while(Result::ok).any(|line| line.starts_with("bolt://"));
        assert!(ready, "Neo4j did not start in {}", folder.display());
        // What it says later has to go somewhere.
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, port, folder, options }
    }

    pub(crate) fn uri(&self) -> String {
        format!("bolt://127.0.0.1:{}", self.port)
    }

    /// As a power cut would end it; its folder stays.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Ends it in good order; its folder stays.
    pub(crate) fn stop(&mut self) {
        let pid = nix::unistd::Pid::from_raw(i32::try_from(self.child.id()).unwrap());
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).unwrap();
        // Waiting closes its standard input, and at the end of that it takes its folder with it.
        let input = self.child.stdin.take();
        self.child.wait().unwrap();
        drop(input);
    }

    /// Starts it again where it was.
    pub(crate) fn again(&mut self, words: &[&str]) {
        *self = Self::start(self.folder.clone(), self.port, self.options, words);
    }

    /// Where its data is.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // The other one has replaced this one in the same folder.
        drop(self.child.stdin.take());
    }
}

/// The server that all tests of this process share: whoever holds it has it alone, empty of what is ours.
pub(crate) async fn shared() -> Option<Shared> {
    static URI: OnceLock<Option<String>> = OnceLock::new();
    static TURN: Mutex<()> = Mutex::new(());
    let alone = TURN.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let start = || {
        if let Ok(uri) = std::env::var(VARIABLE) {
            return Some(uri);
        }
        // It ends with this process: nobody drops what is static.
        Server::own(&[]).map(|server| Box::leak(Box::new(server)).uri())
    };
    let Some(uri) = URI.get_or_init(start) else {
        println!("SKIPPED: a real Neo4j: see above");
        return None;
    };
    let shared = Shared { uri: uri.clone(), alone };
    empty(&shared.settings("wipe")).await;
    Some(shared)
}

pub(crate) struct Shared {
    pub(crate) uri: String,
    alone: MutexGuard<'static, ()>,
}

impl Shared {
    pub(crate) fn settings(&self, run: &str) -> Settings {
        settings(&self.uri, run)
    }
}

pub(crate) fn settings(uri: &str, run: &str) -> Settings {
    let variable = |name: &str| std::env::var(name).unwrap_or_default();
    Settings {
        uri: Uri::parse(uri).unwrap(),
        user: variable("RINGMESH_BOLT_USER"),
        password: variable("RINGMESH_BOLT_PASSWORD"),
        ca_file: None,
        database: variable("RINGMESH_BOLT_DATABASE"),
        batch: BATCH,
        installation: "main".into(),
        run: run.into(),
        within: Duration::from_secs(30),
    }
}

/// Takes out what mirrors write, and leaves the rest alone.
pub(crate) async fn empty(settings: &Settings) {
    let bolt = Bolt::new(settings).unwrap();
    // Left behind by a test that failed; not every server knows the words.
    let left = Statement::new("DROP CONSTRAINT ringmesh_test_ip IF EXISTS");
    let _ = bolt.once::<serde::de::IgnoredAny>(left).await;
    for label in text::labels() {
        loop {
            let some = format!("MATCH (n:{label}) WITH n LIMIT 5000 DETACH DELETE n RETURN count(*) AS rows");
            let gone: Vec<Count> = bolt.once(Statement::new(some)).await.unwrap();
            if gone.first().is_none_or(|gone| gone.rows == 0) {
                break;
            }
        }
    }
}

#[derive(serde::Deserialize)]
pub(crate) struct Count {
    pub(crate) rows: i64,
}

/// One number that the server answers.
pub(crate) async fn count(settings: &Settings, text: &str) -> i64 {
    let bolt = Bolt::new(settings).unwrap();
    let rows: Vec<Count> = bolt.once(Statement::new(text)).await.unwrap();
    rows[0].rows
}
