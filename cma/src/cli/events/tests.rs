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
    let mut printer =
        Printer { paint: &paint, options, out: &mut out, after: 0, day: String::new(), site: 0, about: 0 };
    assert!(printer.print(&serde_json::to_string(rows).unwrap()).is_ok());
    out.lines()
}

fn said(kind: &str, site: &str, subject: &str, text: &str) -> EventLine {
    EventLine { kind: kind.into(), site: site.into(), subject: subject.into(), text: text.into(), ..row(1) }
}

fn rows() -> Vec<EventLine> {
    vec![
        said("host-silent", "lab", "h5", "heard by nobody, eth0 on tor-17 p3"),
        said("switch-down", "frankfurt-1", "02:00:00:00:01:11", "switch tor-17"),
        said(
            "incident-opened",
            "lab",
            "00ab12cd34ef5678",
            "SwitchDown|UplinkCut\u{1b}[2J switch tor-17: opened: 24 hosts silent",
        ),
        said("relay-connected", "lab", "lab/r1", "connected"),
        said("host-up", "lab", &"n".repeat(63), "up"),
    ]
}

#[test]
fn texts_stand_below_each_other_within_eighty_columns() {
    let lines = printed(options(), false, &rows()[..4]);
    let time = moment::time(row(1).at_ms);
    let want = format!(
        "{}
{time}  lab          h5        SILENT     heard by nobody, eth0 on tor-17 p3
{time}  frankfurt-1  tor-17    DOWN       02:00:00:00:01:11
{time}  lab          00ab12cd  OPENED     SwitchDown|UplinkCut\u{fffd}[2J switch
                                            tor-17: opened: 24 hosts silent
{time}  lab          lab/r1    connected  connected",
        moment::day(row(1).at_ms)
    );
    assert_eq!(lines.join("\n"), want);
    assert!(lines.iter().all(|line| line.chars().count() <= WIDTH), "{lines:?}");
}

#[test]
fn a_day_stands_above_its_first_row() {
    let late = EventLine { at_ms: row(1).at_ms + 86_400_000, ..row(2) };
    let lines = printed(options(), false, &[row(1), row(1), late]);
    let days = [0, 3].map(|at: usize| lines[at].as_str());
    assert_eq!(days, [moment::day(row(1).at_ms), moment::day(row(1).at_ms + 86_400_000)]);
    assert_eq!(lines.len(), 5);
}

#[test]
fn for_a_file_every_event_is_one_line_with_its_day() {
    let lines = printed(Options { wrap: false, ..options() }, false, &rows());
    assert_eq!(lines.len(), rows().len());
    assert!(lines.iter().all(|line| line.starts_with(&moment::day(row(1).at_ms))), "{lines:?}");
    assert!(lines[2].ends_with("switch tor-17: opened: 24 hosts silent"), "{lines:?}");
}

#[test]
fn colour_follows_what_happened_and_adds_nothing_else() {
    let plain = printed(options(), false, &rows());
    let colored = printed(options(), true, &rows());
    let codes = ["\u{1b}[1;31m", "\u{1b}[32m", "\u{1b}[1m", "\u{1b}[0m"];
    let stripped =
        colored.iter().map(|line| codes.iter().fold(line.clone(), |line, code| line.replace(code, "")));
    assert_eq!(stripped.collect::<Vec<_>>(), plain);
    assert!(colored[1].contains("\u{1b}[1;31mSILENT"), "{colored:?}");
    assert!(colored.last().unwrap().contains("\u{1b}[32mup"), "{colored:?}");
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
