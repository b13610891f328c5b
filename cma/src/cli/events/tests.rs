use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use super::*;
use crate::operator::testing::{Listening, Log, row};

const PATIENCE: Duration = Duration::from_secs(30);

/// Somebody who reads what is printed, until he has seen enough.
#[derive(Clone, Default)]
struct Reader {
    text: Arc<Mutex<String>>,
    enough: Arc<Mutex<Option<usize>>>,
    left: Arc<AtomicBool>,
}

impl Reader {
    fn lines(&self) -> Vec<String> {
        self.text.lock().unwrap().lines().map(str::to_owned).collect()
    }

    /// Waits for so many lines.
    async fn has(&self, count: usize) {
        let waited = tokio::time::timeout(PATIENCE, async {
            while self.lines().len() < count {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        });
        assert!(waited.await.is_ok(), "{:?}", self.lines());
    }

    fn is_left(&self) -> bool {
        self.left.load(Ordering::Relaxed)
    }

    /// The line after so many is not taken.
    fn leaves_after(&self, lines: usize) {
        *self.enough.lock().unwrap() = Some(lines);
    }
}

impl Write for Reader {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        if self.enough.lock().unwrap().is_some_and(|enough| self.lines().len() >= enough) {
            self.left.store(true, Ordering::Relaxed);
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        self.text.lock().unwrap().push_str(str::from_utf8(octets).unwrap());
        Ok(octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

const PAINT: Paint = Paint { color: false, now_ms: 0 };

fn options() -> Options {
    Options { follow: false, last: 3, json: false, wrap: true }
}

/// What is printed of some rows.
fn printed(options: Options, color: bool, rows: &[EventLine]) -> Vec<String> {
    let mut out = Reader::default();
    let paint = Paint { color, now_ms: 0 };
    let mut printer = Printer { paint: &paint, options, out: &mut out, after: 0, site: 0, subject: 0 };
    assert!(printer.print(&serde_json::to_string(rows).unwrap()).is_ok());
    out.lines()
}

fn said(kind: &str, site: &str, subject: &str, text: &str) -> EventLine {
    EventLine { kind: kind.into(), site: site.into(), subject: subject.into(), text: text.into(), ..row(1) }
}

fn rows() -> Vec<EventLine> {
    vec![
        said("host-silent", "lab", "h5", "silent"),
        said("switch-down", "frankfurt-1", "tor-17", &"word ".repeat(30)),
        said("incident-opened", "lab", "00ab12cd34ef5678", "PAGE: SwitchDown\u{1b}[2J switch tor-17"),
        said("host-up", "lab", &"n".repeat(63), "up"),
    ]
}

#[test]
fn texts_stand_below_each_other_within_eighty_columns() {
    let lines = printed(options(), false, &rows()[..3]);
    let start = |line: &str, text: &str| line.find(text).unwrap();
    let column = start(&lines[0], "silent");
    assert!(lines[0].starts_with(&moment::local(row(1).at_ms)), "{lines:?}");
    assert_eq!(start(&lines[1], "word"), column);
    assert!(lines[2].trim_start().starts_with("word") && start(&lines[2], "word") == column, "{lines:?}");
    assert!(lines.iter().all(|line| line.chars().count() <= WIDTH), "{lines:?}");
    assert!(lines.last().unwrap().contains("  00ab12cd  PAGE: SwitchDown\u{fffd}[2J"), "{lines:?}");
    assert_eq!(lines.concat().matches("word").count(), 30);
}

#[test]
fn for_a_file_every_event_is_one_line() {
    let lines = printed(Options { wrap: false, ..options() }, false, &rows());
    assert_eq!(lines.len(), rows().len());
    assert_eq!(lines[1].matches("word").count(), 30);
}

#[test]
fn colour_follows_what_happened_and_adds_nothing_else() {
    let plain = printed(options(), false, &rows());
    let colored = printed(options(), true, &rows());
    let stripped = colored.iter().map(|line| {
        ["\u{1b}[1;31m", "\u{1b}[32m", "\u{1b}[0m"]
            .iter()
            .fold(line.clone(), |line, code| line.replace(code, ""))
    });
    assert_eq!(stripped.collect::<Vec<_>>(), plain);
    assert!(colored[0].contains("\u{1b}[1;31mh5") && colored.last().unwrap().contains("\u{1b}[32mnnn"));
}

#[test]
fn for_programs_every_event_is_an_object_on_a_line() {
    let lines = printed(Options { json: true, ..options() }, true, &rows());
    let parsed: Vec<EventLine> = lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(parsed, rows());
}

/// Runs the command beside a script; returns what was said besides.
async fn beside(socket: &Path, options: Options, out: &Reader, script: impl Future<Output = ()>) -> String {
    let mut said = Vec::new();
    let mut reader = out.clone();
    let run = run(socket, options, &PAINT, &mut reader, &mut said);
    let (ended, ()) = tokio::time::timeout(PATIENCE, async { tokio::join!(run, script) }).await.unwrap();
    ended.unwrap();
    String::from_utf8(said).unwrap()
}

fn numbers(out: &Reader) -> Vec<u64> {
    out.lines().iter().map(|line| serde_json::from_str::<EventLine>(line).unwrap().number).collect()
}

#[tokio::test(flavor = "current_thread")]
async fn without_follow_the_newest_are_printed_and_that_is_all() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("cma.sock");
    let _cma = Listening::start(&socket, &Log::new(1..=9));
    let out = Reader::default();
    let said = beside(&socket, Options { json: true, ..options() }, &out, async {}).await;
    assert_eq!((numbers(&out), said), (vec![7, 8, 9], String::new()));
}

#[tokio::test(flavor = "current_thread")]
async fn who_follows_outlives_the_cma_and_misses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("cma.sock");
    let log = Log::new(1..=4);
    let first = Listening::start(&socket, &log);
    let out = Reader::default();
    let script = async {
        out.has(3).await;
        log.push(5);
        out.has(4).await;
        drop(first);
        let log = Log::new(1..=7);
        let second = Listening::start(&socket, &log);
        out.has(6).await;
        out.leaves_after(7);
        log.push(8);
        log.push(9);
        out.has(7).await;
        while !out.is_left() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        drop(second);
    };
    let said = beside(&socket, Options { follow: true, json: true, ..options() }, &out, script).await;
    assert_eq!(numbers(&out), [2, 3, 4, 5, 6, 7, 8]);
    assert_eq!(said, "ringmesh: the CMA went away; events go on when it is back\n");
}

#[tokio::test(flavor = "current_thread")]
async fn who_follows_a_cma_that_lost_its_events_is_told_the_new_ones() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("cma.sock");
    let first = Listening::start(&socket, &Log::new(7..=9));
    let out = Reader::default();
    let script = async {
        out.has(3).await;
        drop(first);
        out.leaves_after(5);
        let log = Log::new(1..=3);
        let second = Listening::start(&socket, &log);
        while !out.is_left() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        drop(second);
    };
    let said = beside(&socket, Options { follow: true, json: true, ..options() }, &out, script).await;
    assert_eq!(numbers(&out), [7, 8, 9, 1, 2]);
    assert!(said.ends_with("the CMA lost its events; these are new ones\n"), "{said}");
}

#[tokio::test(flavor = "current_thread")]
async fn without_a_cma_nothing_is_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let follow = Options { follow: true, ..options() };
    let (mut out, mut said) = (Vec::new(), Vec::new());
    let refused = run(&folder.path().join("none"), follow, &PAINT, &mut out, &mut said).await.unwrap_err();
    assert_eq!((refused.exit_code(), out.len(), said.len()), (3, 0, 0));
}
