//! What is put is found again.

use proptest::prelude::*;

use super::*;

fn keep() -> impl Strategy<Value = Keep> {
    // Few keys, so that they meet; the empty one and neighbours in order among them.
    let key = prop_oneof![Just(Vec::new()), prop::collection::vec(0..3u8, 1..4)];
    let value = prop_oneof![3 => prop::collection::vec(any::<u8>(), 0..40), 1 => Just(vec![7; 9_000])];
    (key, prop::option::weighted(0.7, value)).prop_map(|(key, value)| match value {
        Some(value) => Keep::Put { key, value },
        None => Keep::Drop { key },
    })
}

fn lives() -> impl Strategy<Value = Vec<Vec<Vec<Keep>>>> {
    prop::collection::vec(prop::collection::vec(prop::collection::vec(keep(), 0..12), 0..8), 1..5)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn a_store_is_an_ordered_map_that_outlives_its_process(lives in lives()) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state/relay.redb");
        let mut map = BTreeMap::new();
        for batches in lives {
            let Opened { store, records, version } = open(&path);
            prop_assert_eq!(&records, &map.clone().into_iter().collect::<Vec<_>>());
            prop_assert_eq!(version, 3);
            prop_assert_eq!(store.stats().records, map.len() as u64);
            for (number, batch) in (1..).zip(batches) {
                apply(&mut map, &batch);
                prop_assert_eq!(store.submit(batch), Ticket(number));
            }
            close(store);
        }
        prop_assert_eq!(super::records(&path), map.into_iter().collect::<Vec<_>>());
    }
}

#[tokio::test(flavor = "current_thread")]
async fn a_ticket_is_told_when_its_batch_is_in_the_file_and_figures_follow() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("relay.redb");
    let Opened { store, records, .. } = open(&path);
    assert_eq!((records, store.stats().commits), (Vec::new(), 0));
    let mut committed = store.committed();
    assert_eq!(*committed.borrow(), Ticket(0));
    for number in 1..=20u8 {
        let ticket = store.submit(vec![put([number], "x"), gone([number - 1])]);
        until(&mut committed, |told| *told >= ticket).await;
    }
    let stats = store.stats();
    assert_eq!((stats.records, stats.waiting, stats.waiting_for), (1, 0, Duration::ZERO));
    assert!((1..=20).contains(&stats.commits) && stats.last_commit > Duration::ZERO, "{stats:?}");
    assert_eq!(stats.file_octets, std::fs::metadata(&path).unwrap().len());
    // A batch without changes is written when those before it are.
    let ticket = store.submit(Vec::new());
    until(&mut committed, |told| *told >= ticket).await;
    assert_eq!(store.stats().commits, stats.commits);
    store.close().await.unwrap();
    assert_eq!(open(&path).records, [(vec![20], b"x".to_vec())]);
}

#[test]
fn a_dropped_store_still_writes_what_waits() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("relay.redb");
    let store = open(&path).store;
    let mut committed = store.committed();
    let ticket = store.submit(vec![put("a", "1")]);
    drop(store);
    block_on(until(&mut committed, |told| *told >= ticket));
}

#[test]
fn a_file_much_larger_than_its_content_is_made_smaller_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("relay.redb");
    let store = open(&path).store;
    let numbers = || (0..24_000u32).map(u32::to_be_bytes);
    store.submit(numbers().map(|key| put(key, [1; 2_000])).collect());
    store.submit(numbers().skip(50).map(gone).collect());
    close(store);
    let large = std::fs::metadata(&path).unwrap().len();
    let Opened { store, records, .. } = open(&path);
    let small = store.stats().file_octets;
    assert!(large > 40 << 20 && small < 4 << 20, "{large} -> {small}");
    assert_eq!(records.len(), 50);
    store.submit(vec![put("after", "it")]);
    close(store);
    assert_eq!(super::records(&path).len(), 51);
}
