//! `kill -9` in the middle of writing, many times: what was told to be in the file is there, and the batches in it
//! are the first ones, whole.
//!
//! The process that is killed is this program once more: with `RINGMESH_KILL_ME` set to a path, the test
//! `the_process_that_is_killed` writes to that store for ever and prints the number of each batch that it was told
//! of.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use ringmesh_proto::keep::Keep;
use ringmesh_shell::store::{Header, Opened, Record, Store, StoreError, Ticket};

const PATH: &str = "RINGMESH_KILL_ME";
/// Holds the number of the last batch, and with that which batches there were.
const COUNT: &[u8] = b"count";

fn header() -> Header {
    Header { kind: "relay", version: 1, owner: "site fra1 relay 1".into() }
}

/// The batches are a function of their numbers: some are long, some drop what others put.
fn batch(number: u64) -> Vec<Keep> {
    let key =
        |at: u64| (number.wrapping_mul(31).wrapping_add(at.wrapping_mul(7)) % 400).to_be_bytes().to_vec();
    let mut batch = vec![Keep::Put { key: COUNT.into(), value: number.to_be_bytes().into() }];
    for at in 0..number % 23 {
        batch.push(Keep::Put { key: key(at), value: vec![number.to_le_bytes()[0]; (number % 300) as usize] });
    }
    batch.extend((0..number % 5).map(|at| Keep::Drop { key: key(at + 11) }));
    batch
}

fn count(records: &[Record]) -> u64 {
    let count = records.iter().find(|(key, _)| key == COUNT);
    count.map_or(0, |(_, value)| u64::from_be_bytes(value[..].try_into().unwrap()))
}

/// What a file must hold after the first batches.
#[derive(Default)]
struct Model {
    through: u64,
    map: BTreeMap<Vec<u8>, Vec<u8>>,
}

impl Model {
    fn after(&mut self, through: u64) -> Vec<Record> {
        while self.through < through {
            self.through += 1;
            for keep in batch(self.through) {
                match keep {
                    Keep::Put { key, value } => drop(self.map.insert(key, value)),
                    Keep::Drop { key } => drop(self.map.remove(&key)),
                }
            }
        }
        self.map.clone().into_iter().collect()
    }
}

#[test]
fn the_process_that_is_killed() {
    let Some(path) = std::env::var_os(PATH) else { return };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let Opened { store, records, .. } = Store::open(Path::new(&path), header()).unwrap();
    let base = count(&records);
    let mut committed = store.committed();
    println!("told {base}");
    runtime.block_on(async {
        let mut number = base;
        loop {
            // A few ahead of the disk, so that a group has several batches.
            for _ in 0..number % 7 + 1 {
                number += 1;
                assert_eq!(store.submit(batch(number)), Ticket(number - base));
            }
            committed.wait_for(|told| told.0 + 3 > number - base).await.unwrap();
            println!("told {}", base + committed.borrow().0);
        }
    });
}

fn start(path: &Path) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "the_process_that_is_killed", "--nocapture"]).env(PATH, path);
    command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap()
}

/// Lets it write for a while and kills it; the last number that it was told.
fn life(path: &Path, patience: Duration, after_the_first_word: bool) -> Option<u64> {
    let mut child = start(path);
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    let numbers = |line: String| line.split_once("told ")?.1.parse::<u64>().ok();
    let first = after_the_first_word.then(|| lines.by_ref().find_map(numbers)).flatten();
    std::thread::sleep(patience);
    child.kill().unwrap();
    child.wait().unwrap();
    lines.filter_map(numbers).last().or(first)
}

fn found(path: &Path) -> Vec<Record> {
    let Opened { store, records, .. } = Store::open(path, header()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(store.close()).unwrap();
    records
}

#[test]
fn after_a_kill_the_file_holds_the_first_batches_whole_and_all_that_was_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("relay.redb");
    let mut model = Model::default();
    let (mut kills, mut ahead) = (0, 0);
    let begun = Instant::now();
    while kills < 150 {
        let patience = Duration::from_micros(kills * 1_733 % 30_000);
        let told = life(&path, patience, true).expect("it said nothing");
        let records = found(&path);
        let through = count(&records);
        assert!(through >= told, "kill {kills}: told {told}, and the file ends with {through}");
        assert!(records == model.after(through), "kill {kills}: not the first {through} batches");
        ahead += u64::from(through > told);
        kills += 1;
    }
    assert!(model.through > 500, "hardly anything was written");
    println!("{kills} kills, {} batches, {ahead} times more than told, {:?}", model.through, begun.elapsed());
}

#[test]
fn a_kill_while_the_store_is_made_leaves_none_or_a_whole_one() {
    let mut whole = 0;
    for kill in 0..40 {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state/relay.redb");
        life(&path, Duration::from_micros(kill * 400), false);
        whole += u32::from(path.exists());
        let records = found(&path);
        assert!(records == Model::default().after(count(&records)), "kill {kill}");
        let left = std::fs::read_dir(path.parent().unwrap()).unwrap().count();
        assert_eq!(left, 1, "kill {kill}: something is left beside it");
    }
    println!("{whole} of 40 had a store");
}

#[test]
fn a_store_that_a_process_has_open_is_refused_and_the_process_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("relay.redb");
    let mut child = start(&path);
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    lines.by_ref().map_while(Result::ok).find(|line| line.contains("told")).unwrap();
    let refused = Store::open(&path, header()).map(drop).unwrap_err();
    let pid = child.id();
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(refused.to_string().contains(&format!("(process {pid})")), "{refused}");
    assert!(matches!(refused, StoreError::InUse { owner: Some(owner), .. } if owner.pid == pid));
}
