//! What a store refuses: each file that is not its own, or not whole, and none that a crash left.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use super::*;
use crate::failure::Failure;

fn refused(path: &Path, header: Header) -> StoreError {
    Store::open(path, header).map(|opened| opened.records.len()).unwrap_err()
}

/// A store with some commits behind it, closed in order.
fn filled(path: &Path) -> Vec<Record> {
    let store = open(path).store;
    let mut committed = store.committed();
    for number in 0..40u8 {
        let batch = (0..40u8).map(|key| put([key, number % 7], vec![number; usize::from(key) * 9])).collect();
        let ticket = store.submit(batch);
        block_on(until(&mut committed, |told| *told >= ticket));
    }
    close(store);
    records(path)
}

#[test]
fn a_file_of_its_own_is_readable_by_its_owner_only_and_nothing_is_left_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("made/when/missing/relay.redb");
    // What a process left that was killed while it made its store.
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path.with_added_extension("new"), vec![0; 100_000]).unwrap();
    close(open(&path).store);
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let names = fs::read_dir(path.parent().unwrap()).unwrap().map(|entry| entry.unwrap().file_name());
    assert_eq!(names.collect::<Vec<_>>(), ["relay.redb"]);
}

#[test]
fn another_kind_owner_and_a_newer_version_are_refused_and_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("relay.redb");
    let records = filled(&path);
    let cases = [
        (Header { kind: "cma", ..header() }, "belongs to a relay, this is a cma"),
        (
            Header { owner: "site fra2 relay 1".into(), ..header() },
            "belongs to site fra1 relay 1, this is site fra2",
        ),
        (Header { version: 2, ..header() }, "version 3, this release reads up to 2"),
    ];
    for (other, want) in cases {
        let error = refused(&path, other);
        let text = error.to_string();
        assert!(text.contains(want) && text.contains(path.to_str().unwrap()), "{text}");
        assert_eq!(Failure::from(error).exit_code(), 2);
    }
    assert!(self::records(&path) == records, "it does not hold any more what it held");
}

#[test]
fn an_older_version_is_told_and_raised_with_the_first_batch() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("relay.redb");
    close(open(&path).store);
    let newer = || Header { version: 4, ..header() };
    for _ in 0..2 {
        let opened = Store::open(&path, newer()).unwrap();
        assert_eq!(opened.version, 3, "raised though nothing was converted");
        close(opened.store);
    }
    let opened = Store::open(&path, newer()).unwrap();
    opened.store.submit(vec![put("a", "as of version 4")]);
    close(opened.store);
    let opened = Store::open(&path, newer()).unwrap();
    assert_eq!(opened.version, 4);
    close(opened.store);
    assert!(matches!(refused(&path, header()), StoreError::Newer { found: 4, known: 3, .. }));
}

#[test]
fn who_converts_nothing_refuses_an_older_version() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("relay.redb");
    let before = filled(&path);
    let opened = open(&path).in_version(&path, 3).unwrap();
    assert!(opened.records == before, "its own it takes");
    close(opened.store);
    let opened = Store::open(&path, Header { version: 4, ..header() }).unwrap();
    let error = opened.in_version(&path, 4).map(|opened| opened.records.len()).unwrap_err();
    let text = error.to_string();
    assert!(text.contains("version 3, this release reads 4 only"), "{text}");
    assert!(error.remedy().starts_with("move the file away"), "{}", error.remedy());
    assert_eq!(Failure::from(error).exit_code(), 2);
}

#[test]
fn what_is_no_store_is_refused_and_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| -> PathBuf { folder.path().join(name) };
    fs::write(at("text"), "some notes of an operator\n").unwrap();
    fs::write(at("zeros"), vec![0; 1 << 20]).unwrap();
    fs::write(at("empty"), "").unwrap();
    fs::write(at("short"), "redb").unwrap();
    fs::write(at("cut"), b"redb\x1a\x0a\xa9\x0d\x0a\0\0").unwrap();
    fs::create_dir(at("folder")).unwrap();
    let table = redb::TableDefinition::<u64, u64>::new("records");
    let other = redb::Database::create(at("of another program")).unwrap();
    let transaction = other.begin_write().unwrap();
    transaction.open_table(table).unwrap().insert(1, 1).unwrap();
    transaction.commit().unwrap();
    drop(other);
    for (name, want) in [
        ("text", "no store of ringmesh"),
        ("zeros", "no store of ringmesh"),
        ("empty", "shorter than any store"),
        ("short", "shorter than any store"),
        ("cut", "damaged"),
        ("folder", "Is a directory"),
        ("of another program", "no store of ringmesh"),
        ("text/below", "exists"),
    ] {
        let before = fs::read(at(name)).ok();
        let error = refused(&at(name), header());
        assert!(error.to_string().contains(want), "{name}: {error}");
        let failure = Failure::from(error);
        assert!(failure.exit_code() == 2 && failure.to_string().contains("; "), "{failure}");
        if name != "of another program" {
            assert_eq!(fs::read(at(name)).ok(), before, "{name} was changed");
        }
    }
}

#[test]
fn an_open_store_is_refused_to_a_second_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("relay.redb");
    let store = open(&path).store;
    assert!(matches!(refused(&path, header()), StoreError::InUse { .. }));
    store.submit(vec![put("a", "1")]);
    close(store);
    assert_eq!(records(&path).len(), 1);
}

/// The file as it would be found had the process been killed now.
fn as_after_a_kill(path: &Path) -> Vec<u8> {
    let store = open(path).store;
    let mut committed = store.committed();
    let ticket = store.submit(vec![put("last", "word")]);
    block_on(until(&mut committed, |told| *told >= ticket));
    let image = fs::read(path).unwrap();
    close(store);
    image
}

#[test]
fn a_file_cut_anywhere_is_refused_or_whole_and_never_half() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("relay.redb");
    let records = filled(&path);
    let closed = fs::read(&path).unwrap();
    let killed = as_after_a_kill(&path);
    let more = [&records[..], &[(b"last".to_vec(), b"word".to_vec())]].concat();
    for (how, image, whole) in [("closed", closed, records), ("killed", killed, more)] {
        fs::write(&path, &image).unwrap();
        assert_eq!(self::records(&path), whole, "{how}");
        let (mut refusals, cut) = (0, folder.path().join("cut.redb"));
        for length in (0..image.len()).step_by(1024) {
            fs::write(&cut, &image[..length]).unwrap();
            match Store::open(&cut, header()) {
                Ok(opened) => {
                    assert!(
                        opened.records == whole,
                        "{how}, cut to {length}: {} records",
                        opened.records.len()
                    );
                    close(opened.store);
                }
                Err(StoreError::Damaged { .. }) => refusals += 1,
                Err(other) => panic!("{how}, cut to {length}: {other}"),
            }
        }
        assert!(
            refusals * 2 > image.len() / 1024,
            "{how}: {refusals} of {} cuts were refused",
            image.len() / 1024
        );
    }
}

#[test]
fn a_flipped_bit_anywhere_is_refused_or_harmless() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("relay.redb");
    let records = filled(&path);
    let image = fs::read(&path).unwrap();
    let used = image.iter().rposition(|octet| *octet != 0).unwrap();
    let places = (0..512).step_by(3).chain((512..used).step_by(2_003));
    let (mut refusals, mut tried) = (0, 0);
    for place in places {
        let mut bent = image.clone();
        bent[place] ^= 1 << (place % 8);
        fs::write(&path, &bent).unwrap();
        tried += 1;
        match Store::open(&path, header()) {
            Ok(opened) => {
                assert!(opened.records == records, "bit at {place}: other records");
                close(opened.store);
            }
            Err(StoreError::Damaged { .. } | StoreError::Foreign { .. }) => refusals += 1,
            Err(other) => panic!("bit at {place}: {other}"),
        }
    }
    assert!(refusals > 20, "{refusals} of {tried}");
}
