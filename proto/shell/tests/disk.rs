//! A disk without room, and one that may not be written: each test on a small disk of its own.
//!
//! A disk is a tmpfs in a mount namespace, which needs root or user namespaces; where neither is to be had, a test
//! says so on standard error and is skipped. The namespace is made by `unshare`, which starts this program once
//! more for the one test.
#![allow(clippy::unwrap_used)]

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use ringmesh_proto::keep::Keep;
use ringmesh_shell::failure::Failure;
use ringmesh_shell::store::{Header, Opened, Record, Store, StoreError, Ticket};
use tokio::sync::watch;

const DISK: &str = "RINGMESH_SMALL_DISK";

fn header() -> Header {
    Header { kind: "cma", version: 1, owner: "installation lab".into() }
}

fn put(key: u32, value: &[u8]) -> Keep {
    Keep::Put { key: key.to_be_bytes().into(), value: value.into() }
}

/// The root of a small disk; `None` in the process that only starts the one that has it.
fn disk(test: &str) -> Option<PathBuf> {
    if let Some(root) = std::env::var_os(DISK) {
        return Some(root.into());
    }
    let root = tempfile::tempdir().unwrap();
    let namespace = ["--mount", "--map-root-user"];
    let namespace = if nix::unistd::geteuid().is_root() { &namespace[..1] } else { &namespace[..] };
    let mounts = "mount -t tmpfs -o size=4m tmpfs \"$RINGMESH_SMALL_DISK\"";
    let run = |script: &str| {
        let mut command = Command::new("unshare");
        command.args(namespace).args(["--", "sh", "-c", script]).env(DISK, root.path());
        command
    };
    if !run(mounts).output().is_ok_and(|done| done.status.success()) {
        eprintln!("SKIPPED: no disk of its own: needs root or user namespaces");
        return None;
    }
    let this = std::env::current_exe().unwrap();
    let script = format!("{mounts} && exec \"$0\" --exact {test} --nocapture");
    let done = run(&script).arg(this).output().unwrap();
    let said = [done.stdout, done.stderr].concat();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&said));
    None
}

/// Takes all the room that is left; removing the file gives it back.
fn fill(root: &Path) -> PathBuf {
    let ballast = root.join("ballast");
    let mut file = File::create(&ballast).unwrap();
    while file.write_all(&[1; 4096]).is_ok() {}
    while file.write_all(&[1]).is_ok() {}
    ballast
}

async fn until<T>(told: &mut watch::Receiver<T>, want: impl FnMut(&T) -> bool) {
    let waited = tokio::time::timeout(Duration::from_secs(20), told.wait_for(want)).await;
    waited.expect("it never came").expect("the thread is gone");
}

fn no_room(told: &Option<String>) -> bool {
    told.as_ref().is_some_and(|told| told.contains("No space left on device"))
}

#[tokio::test(flavor = "current_thread")]
async fn on_a_full_disk_nothing_is_lost_and_with_room_everything_is_written() {
    let Some(root) = disk("on_a_full_disk_nothing_is_lost_and_with_room_everything_is_written") else {
        return;
    };
    let path = root.join("cma.redb");
    let store = Store::open(&path, header()).unwrap().store;
    let (mut committed, mut trouble) = (store.committed(), store.trouble());
    let first = store.submit((0..100).map(|key| put(key, b"before")).collect());
    until(&mut committed, |told| *told >= first).await;
    let ballast = fill(&root);
    let mut last = first;
    for round in 0..1_000u32 {
        last = store.submit((0..100).map(|key| put(key, &[round.to_be_bytes()[3]; 4_000])).collect());
    }
    until(&mut trouble, no_room).await;
    assert!(*committed.borrow() < last);
    let stats = store.stats();
    assert!(stats.waiting > 0 && stats.waiting <= 300, "{stats:?}");
    // A second try fails like the first.
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    assert!(no_room(&trouble.borrow()) && *committed.borrow() < last);
    fs::remove_file(&ballast).unwrap();
    until(&mut committed, |told| *told == last).await;
    until(&mut trouble, Option::is_none).await;
    store.close().await.unwrap();
    let records = Store::open(&path, header()).unwrap().records;
    assert!(records.len() == 100 && records.iter().all(|(_, value)| *value == [231; 4_000]));
}

#[tokio::test(flavor = "current_thread")]
async fn a_store_opens_on_a_full_disk_after_a_kill_and_is_whole() {
    let Some(root) = disk("a_store_opens_on_a_full_disk_after_a_kill_and_is_whole") else { return };
    let (path, killed) = (root.join("cma.redb"), root.join("killed.redb"));
    let store = Store::open(&path, header()).unwrap().store;
    let mut committed = store.committed();
    for round in 0..30u8 {
        let ticket = store.submit((0..40).map(|key| put(key, &[round; 100])).collect());
        until(&mut committed, |told| *told >= ticket).await;
    }
    // The file as it would be found had the process been killed now.
    fs::copy(&path, &killed).unwrap();
    store.close().await.unwrap();
    let ballast = fill(&root);
    for path in [&path, &killed] {
        let Opened { store, records, .. } = Store::open(path, header()).unwrap();
        assert!(records.len() == 40 && records.iter().all(|(_, value)| *value == [29; 100]), "{path:?}");
        store.submit(vec![put(0, &[1; 2_000_000])]);
        until(&mut store.trouble(), no_room).await;
        let lost = store.close().await.unwrap_err();
        assert!(lost.changes == 1 && lost.to_string().contains("No space left"), "{lost}");
    }
    fs::remove_file(&ballast).unwrap();
    assert_eq!(Store::open(&killed, header()).unwrap().records.len(), 40);
}

#[tokio::test(flavor = "current_thread")]
async fn where_there_is_no_room_for_a_store_it_is_made_later() {
    let Some(root) = disk("where_there_is_no_room_for_a_store_it_is_made_later") else { return };
    let path = root.join("cma.redb");
    let ballast = fill(&root);
    let Opened { store, records, .. } = Store::open(&path, header()).unwrap();
    assert!(records.is_empty() && no_room(&store.trouble().borrow()) && !path.exists());
    let ticket = store.submit(vec![put(1, b"verdict")]);
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(*store.committed().borrow(), Ticket(0));
    fs::remove_file(ballast).unwrap();
    until(&mut store.committed(), |told| *told == ticket).await;
    until(&mut store.trouble(), Option::is_none).await;
    store.close().await.unwrap();
    let want: Vec<Record> = vec![(1u32.to_be_bytes().into(), b"verdict".into())];
    assert_eq!(Store::open(&path, header()).unwrap().records, want);
}

#[tokio::test(flavor = "current_thread")]
async fn a_disk_that_may_not_be_written_is_a_missing_right() {
    let Some(root) = disk("a_disk_that_may_not_be_written_is_a_missing_right") else { return };
    let path = root.join("cma.redb");
    Store::open(&path, header()).unwrap().store.close().await.unwrap();
    let remounted = Command::new("mount").args(["-o", "remount,ro"]).arg(&root).status().unwrap();
    assert!(remounted.success());
    for path in [path, root.join("other.redb"), root.join("made/when/missing.redb")] {
        let refused = Store::open(&path, header()).map(drop).unwrap_err();
        assert!(matches!(refused, StoreError::Forbidden { .. }), "{refused}");
        assert_eq!(Failure::from(refused).exit_code(), 4);
    }
}
