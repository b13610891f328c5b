//! Copies of a store that goes on, and files that are looked at and made smaller while nobody uses them.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::*;

/// Every batch says its number under two keys.
fn batch(number: u32) -> Vec<Keep> {
    vec![
        put("first", number.to_be_bytes()),
        put(number.to_be_bytes(), "x"),
        put("second", number.to_be_bytes()),
    ]
}

fn number(records: &[Record], name: &str) -> Option<u32> {
    let (_, value) = records.iter().find(|(key, _)| key == name.as_bytes())?;
    Some(u32::from_be_bytes(value[..].try_into().unwrap()))
}

#[test]
fn a_copy_of_a_store_that_goes_on_holds_whole_batches_up_to_some_ticket() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder.path().join("relay.redb")).store;
    block_on(async {
        let mut last = Ticket(0);
        for round in 0..20u32 {
            for at in 0..50 {
                last = store.submit(batch(round * 50 + at + 1));
            }
            let to = folder.path().join(format!("{round}.backup"));
            let committed = *store.committed().borrow();
            let (copied, octets) = store.backup(&to).await.unwrap();
            let (mode, length) =
                fs::metadata(&to).map(|file| (file.permissions().mode() & 0o777, file.len())).unwrap();
            assert_eq!((mode, length), (0o600, octets));
            let held: Vec<Record> = look(&to, "relay", 3, |_, all| all.collect()).unwrap().taken;
            let through = number(&held, "first").unwrap_or(0);
            assert_eq!((number(&held, "second").unwrap_or(0), held.len() as u64), (through, copied));
            assert!(through == 0 || held.len() == through as usize + 2, "not the first {through} batches");
            assert!(u64::from(through) >= committed.0, "less than was told to be durable");
            assert!(!to.with_added_extension("partial").exists());
        }
        until(&mut store.committed(), |told| *told == last).await;
    });
    close(store);
}

#[test]
fn a_copy_takes_nobodys_place_and_what_fails_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("relay.redb");
    let store = open(&path).store;
    block_on(async {
        until(&mut store.committed(), {
            let ticket = store.submit(batch(1));
            move |told| *told == ticket
        })
        .await;
        let taken = store.backup(&path).await.unwrap_err();
        assert!(taken.to_string().contains("there is a file already"), "{taken}");
        let nowhere = folder.path().join("missing/copy");
        assert!(matches!(store.backup(&nowhere).await.unwrap_err(), StoreError::Unusable { .. }));
    });
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    close(store);
}

#[test]
fn a_file_in_use_is_neither_looked_at_nor_made_smaller_and_a_free_one_is_whoevers_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("relay.redb");
    let store = open(&path).store;
    for round in 0..40u8 {
        let ticket = store.submit((0..2_000u32).map(|key| put(key.to_be_bytes(), [round; 300])).collect());
        block_on(until(&mut store.committed(), |told| *told >= ticket));
    }
    let count = |_, records: &mut dyn Iterator<Item = Record>| records.count();
    assert!(matches!(look(&path, "relay", 3, count), Err(StoreError::InUse { .. })));
    assert!(matches!(compact(&path, "relay", 3), Err(StoreError::InUse { .. })));
    close(store);
    let looked = look(&path, "relay", 3, count).unwrap();
    assert_eq!(looked, Looked { owner: "site fra1 relay 1".into(), version: 3, taken: 2_000 });
    let (before, after) = compact(&path, "relay", 3).unwrap();
    assert!(after < before && after == fs::metadata(&path).unwrap().len(), "{before} to {after}");
    assert_eq!(look(&path, "relay", 3, count).unwrap().taken, 2_000);
    assert!(matches!(look(&path, "relay", 2, count), Err(StoreError::Newer { found: 3, known: 2, .. })));
    assert!(matches!(look(&path, "cma", 3, count), Err(StoreError::OtherKind { .. })));
    assert!(matches!(look(&folder.path().join("none"), "cma", 3, count), Err(StoreError::Unusable { .. })));
}
