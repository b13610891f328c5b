//! A disk that fails, hangs or is taken away.

use std::sync::{Mutex, mpsc};

use super::file::Copying;
use super::queue::Changes;
use super::writer::{Disk, Size, start};
use super::*;

/// A disk that does as it is told: each write waits for one answer, and takes `Ok` for ever when there are no more.
struct Puppet {
    answers: mpsc::Receiver<Result<(), &'static str>>,
    written: Arc<Mutex<Vec<Changes>>>,
}

impl Disk for Puppet {
    fn write(&mut self, changes: &Changes) -> Result<Size, String> {
        let answer = self.answers.recv().unwrap_or(Ok(()));
        assert_ne!(answer, Err("a fault in the program"));
        answer?;
        let mut written = self.written.lock().unwrap();
        written.push(changes.clone());
        Ok(Size { records: 1, octets: 2 })
    }

    fn copy(&mut self, to: &Path) -> Result<Copying, StoreError> {
        Err(StoreError::of_file(to, std::io::Error::other("a puppet has nothing to copy")))
    }

    fn close(&mut self) -> Result<(), String> {
        Ok(())
    }
}

type Strings = mpsc::Sender<Result<(), &'static str>>;

fn puppet(pauses: Pauses) -> (Store, Strings, Arc<Mutex<Vec<Changes>>>) {
    let (strings, answers) = mpsc::channel();
    let written = Arc::default();
    let (shared, committed, trouble) = Shared::new(Size::default(), None);
    let disk = Puppet { answers, written: Arc::clone(&written) };
    let ended = start(Arc::clone(&shared), disk, pauses).unwrap();
    (Store { shared, committed, trouble, ended }, strings, written)
}

#[tokio::test(flavor = "current_thread")]
async fn what_could_not_be_written_is_tried_again_and_the_trouble_taken_back() {
    let (store, disk, written) = puppet(SOON);
    let (mut committed, mut trouble) = (store.committed(), store.trouble());
    store.submit(vec![put("a", "1"), put("b", "1")]);
    for why in ["no room", "no room", "no answer"] {
        disk.send(Err(why)).unwrap();
        until(&mut trouble, |told| told.as_deref() == Some(why)).await;
        store.submit(vec![put("a", why)]);
    }
    assert_eq!(*committed.borrow(), Ticket(0));
    drop(disk);
    until(&mut trouble, Option::is_none).await;
    until(&mut committed, |told| *told == Ticket(4)).await;
    store.close().await.unwrap();
    let written = written.lock().unwrap();
    let merged: Changes = written.iter().flatten().map(|(key, value)| (key.clone(), value.clone())).collect();
    assert_eq!((written[0].len(), merged[&b"a"[..]].as_deref()), (2, Some(&b"no answer"[..])));
}

#[tokio::test(flavor = "current_thread")]
async fn a_disk_that_hangs_stops_nobody_and_what_waits_is_bounded_by_the_number_of_things() {
    let (store, disk, _) = puppet(SOON);
    let things = 300u32;
    for number in 0..200_000u32 {
        store.submit(vec![put((number % things).to_be_bytes(), number.to_be_bytes())]);
    }
    let stats = store.stats();
    assert!(stats.waiting <= 2 * things as usize && stats.waiting_for > Duration::ZERO, "{stats:?}");
    assert_eq!((stats.commits, store.trouble().borrow().clone()), (0, None));
    let mut committed = store.committed();
    drop(disk);
    until(&mut committed, |told| *told == Ticket(200_000)).await;
    assert_eq!(store.stats().waiting, 0);
}

#[tokio::test(flavor = "current_thread")]
async fn closing_in_trouble_tries_once_more_and_says_what_is_lost() {
    // It does not sit out the pause first.
    let long = Pauses { first: Duration::from_secs(3_600), longest: Duration::from_secs(3_600) };
    for works in [false, true] {
        let (store, disk, written) = puppet(long);
        let mut trouble = store.trouble();
        store.submit(vec![put("a", "1"), put("b", "2")]);
        disk.send(Err("no room")).unwrap();
        until(&mut trouble, Option::is_some).await;
        let closing = tokio::spawn(store.close());
        tokio::task::yield_now().await;
        for _ in 0..20 {
            // Nobody listens any more once it has given up.
            let _ = disk.send(if works { Ok(()) } else { Err("still no room") });
        }
        let closed = tokio::time::timeout(Duration::from_secs(20), closing).await.unwrap().unwrap();
        let lost = NotWritten { changes: 2, why: "still no room".into() };
        assert_eq!(closed, if works { Ok(()) } else { Err(lost) });
        assert_eq!(written.lock().unwrap().len(), usize::from(works));
    }
}

#[tokio::test(flavor = "current_thread")]
async fn a_thread_that_dies_says_so() {
    let (store, disk, _) = puppet(SOON);
    store.submit(vec![put("a", "1")]);
    disk.send(Err("a fault in the program")).unwrap();
    until(&mut store.trouble(), |told| told.as_deref() == Some(DIED)).await;
    assert_eq!(store.close().await, Err(NotWritten { changes: 1, why: DIED.into() }));
}

#[tokio::test(flavor = "current_thread")]
async fn a_file_moved_away_or_replaced_is_trouble_until_it_is_back() {
    let folder = tempfile::tempdir().unwrap();
    let (path, elsewhere) = (folder.path().join("relay.redb"), folder.path().join("elsewhere"));
    let store = open(&path).store;
    let (mut committed, mut trouble) = (store.committed(), store.trouble());
    let away =
        |told: &Option<String>| told.as_ref().is_some_and(|told| told.contains("moved away or replaced"));
    let mut last = store.submit(vec![put("a", "1")]);
    for replaced in [false, true] {
        until(&mut committed, |told| *told >= last).await;
        std::fs::rename(&path, &elsewhere).unwrap();
        if replaced {
            std::fs::copy(&elsewhere, &path).unwrap();
        }
        last = store.submit(vec![put([u8::from(replaced)], "2")]);
        until(&mut trouble, away).await;
        std::fs::copy(&elsewhere, &path).unwrap();
        tokio::time::sleep(3 * SOON.longest).await;
        assert!(*committed.borrow() < last && away(&trouble.borrow()), "a copy is another file");
        std::fs::rename(&elsewhere, &path).unwrap();
        until(&mut committed, |told| *told >= last).await;
        until(&mut trouble, Option::is_none).await;
    }
    store.close().await.unwrap();
    assert_eq!(open(&path).records.len(), 3);
}
