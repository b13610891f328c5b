use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use super::*;

mod copies;
mod laws;
mod refusals;
mod trouble;

const SOON: Pauses = Pauses { first: Duration::from_millis(2), longest: Duration::from_millis(20) };

fn header() -> Header {
    Header { kind: "relay", version: 3, owner: "site fra1 relay 1".into() }
}

fn open(path: &Path) -> Opened {
    Store::open_with(path, header(), SOON).unwrap()
}

fn put(key: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Keep {
    Keep::Put { key: key.as_ref().into(), value: value.as_ref().into() }
}

fn gone(key: impl AsRef<[u8]>) -> Keep {
    Keep::Drop { key: key.as_ref().into() }
}

/// What a file holds.
fn records(path: &Path) -> Vec<Record> {
    let Opened { store, records, .. } = open(path);
    close(store);
    records
}

/// What a batch does to a map in memory.
fn apply(map: &mut BTreeMap<Vec<u8>, Vec<u8>>, batch: &[Keep]) {
    for keep in batch {
        match keep.clone() {
            Keep::Put { key, value } => drop(map.insert(key, value)),
            Keep::Drop { key } => drop(map.remove(&key)),
        }
    }
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

/// Waits for something that another thread brings about.
async fn until<T>(told: &mut watch::Receiver<T>, want: impl FnMut(&T) -> bool) {
    let waited = tokio::time::timeout(Duration::from_secs(20), told.wait_for(want)).await;
    waited.expect("it never came").expect("the thread is gone");
}

fn close(store: Store) {
    block_on(store.close()).unwrap();
}
