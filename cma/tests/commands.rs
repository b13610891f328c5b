//! The two binaries as an operator meets them: errors, exit codes, signals.
#![allow(clippy::unwrap_used)]

mod common;

use std::io::Read;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use common::{World, host, incident};
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, geteuid};

fn cma(folder: &Path, config: &str) -> Output {
    let file = folder.join("cma.toml");
    std::fs::write(&file, config).unwrap();
    Command::new(env!("CARGO_BIN_EXE_ringmesh-cma")).arg("--config").arg(&file).output().unwrap()
}

/// Exit code and what was said, which must be one line.
fn refusal(output: &Output) -> (i32, String) {
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(said.lines().count(), 1, "{said}");
    (output.status.code().unwrap(), said)
}

#[test]
fn a_cma_that_cannot_start_says_why_in_one_line() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("file"), "").unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let keys = "insecure = true\nsocket = \"cma.sock\"\n";
    let cases = [
        ("listne = \"x\"\n".to_owned(), 2, "line 1: unknown field `listne`"),
        (format!("{keys}state_dir = \"file\"\n"), 2, "state_dir"),
        (format!("{keys}state_dir = \".\"\nlisten = \"127.0.0.1:{port}\"\n"), 3, "is in use by"),
        (format!("{keys}state_dir = \".\"\nlisten = \"192.0.2.1:1991\"\n"), 3, "listen: 192.0.2.1:1991"),
    ];
    for (config, code, want) in cases {
        let (got, said) = refusal(&cma(folder.path(), &config));
        assert!(got == code && said.contains(want), "{config}: {got}: {said}");
    }
}

#[test]
fn sigterm_ends_a_cma_cleanly() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("cma.toml");
    let config =
        "insecure = true\nlisten = \"127.0.0.1:0\"\nsocket = \"run/cma.sock\"\nstate_dir = \"state\"\n";
    std::fs::write(&file, config).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_ringmesh-cma"));
    let mut child = command.arg("--config").arg(&file).stderr(Stdio::piped()).spawn().unwrap();
    let socket = folder.path().join("run/cma.sock");
    let deadline = std::time::Instant::now() + common::PATIENCE;
    while std::os::unix::net::UnixStream::connect(&socket).is_err() {
        assert!(std::time::Instant::now() < deadline, "it did not start");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    kill(Pid::from_raw(i32::try_from(child.id()).unwrap()), Signal::SIGTERM).unwrap();
    assert!(child.wait().unwrap().success());
    let mut log = String::new();
    child.stderr.take().unwrap().read_to_string(&mut log).unwrap();
    assert!(log.contains("insecure = true") && log.contains("ended"), "{log}");
    assert!(!socket.exists());
}

#[test]
fn an_operator_without_a_cma_is_told_where_none_is() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("cma.sock");
    let ask = || {
        Command::new(env!("CARGO_BIN_EXE_ringmesh"))
            .env("RINGMESH_SOCKET", &socket)
            .arg("tree")
            .output()
            .unwrap()
    };
    let (code, said) = refusal(&ask());
    assert!(code == 3 && said.contains("cma.sock: there is no such socket; start ringmesh-cma"), "{said}");
    drop(std::os::unix::net::UnixListener::bind(&socket).unwrap());
    let (code, said) = refusal(&ask());
    assert!(code == 3 && said.contains("nobody answers on it"), "{said}");
}

#[tokio::test(flavor = "current_thread")]
async fn an_operator_without_the_right_is_told_how_to_get_it() {
    if !geteuid().is_root() {
        eprintln!("SKIPPED: only root can ask as somebody else");
        return;
    }
    let world = World::start("insecure = true\n").await;
    let (socket, command) = (world.path("cma.sock"), world.path("ringmesh"));
    // A copy that the other user may run, wherever this build lies. Made by another process: what this one has
    // open for writing, a child of another test may hold open, and then it cannot be run.
    let copied = Command::new("cp").arg(env!("CARGO_BIN_EXE_ringmesh")).arg(&command).status().unwrap();
    assert!(copied.success());
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(world.folder.path(), open).unwrap();
    const NOBODY: u32 = 65_534;
    let ask = move || {
        Command::new(command)
            .uid(NOBODY)
            .gid(NOBODY)
            .arg("--socket")
            .arg(socket)
            .arg("tree")
            .output()
            .unwrap()
    };
    let (code, said) = refusal(&tokio::task::spawn_blocking(ask).await.unwrap());
    assert!(code == 4 && said.contains("usermod -aG ringmesh"), "{said}");
}

#[tokio::test(flavor = "current_thread")]
async fn every_command_prints_for_people_and_for_programs() {
    let world = World::start("insecure = true\n").await;
    let mut relay = world.relay(1, 7).await;
    relay.welcomed().await;
    relay.news(1, &host("h1", "p1")).await;
    relay.news(2, &incident(1, false)).await;
    relay.acknowledged(2).await;
    for (arguments, want) in [
        (&["status"][..], "1 site, 1 switch, 1 host; 1 open incident"),
        (&["tree"], "   └─ p1  h1  up  lldp 0 s, eth0"),
        (&["incidents"], "OPEN PAGE  SwitchDown|UplinkCut  switch sw1, site lab"),
        (&["explain", "AB12"], "  - flight recorders at heal"),
    ] {
        let output = world.ringmesh(arguments).await;
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success() && text.contains(want), "{arguments:?}: {text}");
        assert!(!text.contains('\u{1b}') && text.lines().all(|line| line.chars().count() <= 80), "{text}");
        assert_eq!(world.json(arguments).await["schema"], 1);
    }
    let file = world.path("tree.svg");
    let drawn = world.ringmesh(&["tree", "--svg", file.to_str().unwrap()]).await;
    assert!(drawn.status.success() && drawn.stdout.is_empty(), "{drawn:?}");
    let printed = world.ringmesh(&["tree", "--svg", "-"]).await.stdout;
    assert!(printed.starts_with(b"<svg ") && printed == std::fs::read(&file).unwrap());
    let nowhere = world.path("none/tree.svg");
    let (code, said) = refusal(&world.ringmesh(&["tree", "--svg", nowhere.to_str().unwrap()]).await);
    assert!(code == 2 && said.contains("--svg") && said.contains("give a file in a folder"), "{said}");
    let (code, said) = refusal(&world.ringmesh(&["explain", "cd34"]).await);
    assert!(code == 2 && said.contains("no incident has an id that starts with cd34"), "{said}");
    assert_eq!(world.ringmesh(&["nonsense"]).await.status.code(), Some(2));
}

#[tokio::test(flavor = "current_thread")]
async fn what_happened_is_told_and_the_past_is_shown() {
    let world = World::start("insecure = true\n").await;
    let mut relay = world.relay(1, 7).await;
    relay.welcomed().await;
    relay.news(1, &host("h1", "p1")).await;
    relay.news(2, &incident(1, false)).await;
    relay.acknowledged(2).await;
    let told = world.ringmesh(&["events", "--json"]).await;
    let rows = String::from_utf8(told.stdout).unwrap();
    let rows: Vec<serde_json::Value> = rows.lines().map(|row| serde_json::from_str(row).unwrap()).collect();
    let kinds: Vec<&str> = rows.iter().map(|row| row["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["relay-connected", "host-up", "incident-opened"]);
    let last = String::from_utf8(world.ringmesh(&["events", "--last", "1"]).await.stdout).unwrap();
    assert!(last.lines().count() == 1 && last.contains("  ab120000  OPENED "), "{last}");
    let then = String::from_utf8(world.ringmesh(&["tree", "--at", "-0s"]).await.stdout).unwrap();
    assert!(then.contains("rings are not part of the past") && then.contains("p1  h1  up"), "{then}");
    let drawn = world.ringmesh(&["tree", "--at", "-0s", "--svg", "-"]).await.stdout;
    assert!(String::from_utf8(drawn).unwrap().contains("rings are not part of the past"));
    let (code, said) = refusal(&world.ringmesh(&["tree", "--at", "-1d"]).await);
    assert!(code == 2 && said.contains("nothing is kept of"), "{said}");
}

#[tokio::test(flavor = "current_thread")]
async fn a_question_of_the_graph_is_answered_as_a_table_and_for_programs() {
    let world = World::start("insecure = true\n").await;
    let mut relay = world.relay(1, 7).await;
    relay.welcomed().await;
    relay.news(1, &host("h1", "p1")).await;
    relay.acknowledged(1).await;
    for (arguments, want) in [
        (&["query"][..], "host-ports [SITE/]HOST"),
        (&["query", "host-ports", "h1"], "eth0"),
        (&["query", "find", "h1"], "host"),
        (&["query", "find", "0200.0009.0001"], "h1"),
        (&["query", "history", "h1"], "wire"),
        (&["query", "single-points"], "h1"),
        (&["query", "wiring-changes", "-15m"], "none"),
        (&["query", "stale"], "none"),
    ] {
        let output = world.ringmesh(arguments).await;
        let text = String::from_utf8(output.stdout.clone()).unwrap();
        assert!(output.status.success() && text.contains(want), "{arguments:?}: {output:?}");
        assert!(!text.contains('\u{1b}') && text.lines().all(|line| line.chars().count() <= 80), "{text}");
        assert_eq!(world.json(arguments).await["schema"], 1);
    }
    let cypher = String::from_utf8(world.ringmesh(&["query", "stale", "--cypher"]).await.stdout).unwrap();
    assert!(cypher.starts_with("// Wires known from memory only"), "{cypher}");
    let rows = world.json(&["query", "host-ports", "h1"]).await["rows"].clone();
    assert_eq!((&rows[0]["port"], &rows[0]["carrier"]), (&"p1".into(), &true.into()));
    for (arguments, want) in [
        (&["query", "nosuch"][..], "no query is called"),
        (&["query", "host-ports", "h9"], "no host is called \"h9\": `ringmesh tree` shows"),
        (&["query", "blast-radius", "sw9"], "no switch is called \"sw9\""),
    ] {
        let (code, said) = refusal(&world.ringmesh(arguments).await);
        assert!(code == 2 && said.contains(want), "{arguments:?}: {said}");
    }
}

#[tokio::test(flavor = "current_thread")]
async fn the_wiring_is_written_for_other_tools() {
    let world = World::start("insecure = true\n").await;
    let mut relay = world.relay(1, 7).await;
    relay.welcomed().await;
    relay.news(1, &host("h1", "p1")).await;
    relay.acknowledged(1).await;
    for (format, want) in [
        ("dot", "\"lab/switch/02:00:00:00:01:01\" -- \"lab/host/h1\""),
        ("graphml", "<edge source=\"lab/switch/02:00:00:00:01:01\" target=\"lab/host/h1\">"),
        ("netjson", "\"type\": \"NetworkGraph\""),
    ] {
        let printed = String::from_utf8(world.ringmesh(&["export", format]).await.stdout).unwrap();
        assert!(printed.contains(want), "{format}: {printed}");
        let file = world.path(format);
        let written =
            world.ringmesh(&["export", format, "--out", file.to_str().unwrap(), "--at", "-0s"]).await;
        assert!(written.status.success() && written.stdout.is_empty(), "{format}: {written:?}");
        assert!(std::fs::read_to_string(file).unwrap().contains(want), "{format}");
    }
    let folder = world.path("netbox");
    let written = world.ringmesh(&["export", "netbox", "--out", folder.to_str().unwrap()]).await;
    assert!(written.status.success() && written.stderr.is_empty(), "{written:?}");
    let cables = std::fs::read_to_string(folder.join("cables.csv")).unwrap();
    assert!(cables.contains("sw1,dcim.interface,p1,h1,dcim.interface,eth0,connected"), "{cables}");
    assert!(folder.join("devices.csv").exists() && folder.join("interfaces.csv").exists());
    let (same, other) = (folder.join("cables.csv"), world.path("other.csv"));
    let same = world.ringmesh(&["diff", "netbox", same.to_str().unwrap()]).await;
    assert!(same.status.success() && same.stdout.starts_with(b"none\n"), "{same:?}");
    std::fs::write(&other, cables.replace(",p1,", ",p2,")).unwrap();
    let differs = world.ringmesh(&["diff", "netbox", other.to_str().unwrap()]).await;
    let text = String::from_utf8(differs.stdout).unwrap();
    assert!(
        differs.status.code() == Some(1) && text.contains("different") && text.contains("sw1 p2"),
        "{text}"
    );
    let nowhere = world.path("none/file");
    for (arguments, want) in [
        (&["export", "netbox"][..], "name a folder for them with --out DIR"),
        (
            &["export", "dot", "--out", nowhere.to_str().unwrap()],
            "give a file in a folder that you may write",
        ),
        (&["export", "dot", "--at", "-1d"], "nothing is kept of"),
        (&["diff", "netbox", nowhere.to_str().unwrap()], "give NetBox's list of cables"),
        (
            &["diff", "netbox", folder.join("devices.csv").to_str().unwrap()],
            "has no column \"side_a_device\"",
        ),
    ] {
        let (code, said) = refusal(&world.ringmesh(arguments).await);
        assert!(code == 2 && said.contains(want), "{arguments:?}: {said}");
    }
}

#[tokio::test(flavor = "current_thread")]
async fn a_host_is_forgotten_and_one_that_is_not_known_is_told_apart() {
    let world = World::start("insecure = true\n").await;
    let mut relay = world.relay(1, 7).await;
    relay.welcomed().await;
    relay.news(1, &host("h1", "p1")).await;
    relay.acknowledged(1).await;
    for known in ["h1", "lab/h1"] {
        let forgotten = world.ringmesh(&["forget", known]).await;
        let text = String::from_utf8(forgotten.stdout).unwrap();
        assert!(forgotten.status.success() && text.starts_with("h1 of site lab is forgotten"), "{text}");
    }
    for unknown in ["h2", "fra1/h1"] {
        let (code, said) = refusal(&world.ringmesh(&["forget", unknown]).await);
        assert!(code == 1 && said.contains("no host"), "{unknown}: {said}");
    }
    assert_eq!(world.ringmesh(&["forget", "h 2"]).await.status.code(), Some(2));
}
