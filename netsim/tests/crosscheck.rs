//! The same scenario files in virtual time and in the lab: the same verdicts, at the same times but for a tolerance.
//!
//! Each file of `scenarios/both` is played once with real processes, all side by side, and run with some seeds in
//! virtual time. Of each thing that broke the verdicts must be the same, one after the other; and from the fault to its
//! incident it must take as long as it takes with one of those seeds: at most a second less, for the phases of beats are
//! drawn, and at most three more, for eight labs share the processors. The table says what it took.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::env;
use std::ffi::OsString;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use ringmesh_netsim::lab::play::{self, Played};
use ringmesh_netsim::lab::{self, Announcer, Interrupt, Lab, LabError, Options, Profile, Quality, Size};
use ringmesh_netsim::scenario::{Scenario, Told};

/// How much sooner the lab may be than virtual time ever is.
const SOONER_MS: u64 = 1_000;
/// How much later than virtual time ever is.
const LATER_MS: u64 = 3_000;
/// How much later than a file says anything may be in a lab.
const SLACK: Duration = Duration::from_millis(LATER_MS);
/// The seeds of virtual time.
const SEEDS: std::ops::RangeInclusive<u64> = 1..=12;
/// A table of fewer would prove little.
const FILES_LEAST: usize = 5;

/// What was told of each thing, by its name.
type ByName = BTreeMap<String, Vec<Told>>;

#[test]
fn the_lab_and_virtual_time_tell_the_same_of_the_same_script() {
    // An ordinary user's test runs again, whole, where he may make networks.
    let words = ["the_lab_and_virtual_time_tell_the_same_of_the_same_script", "--exact", "--nocapture"];
    let words: Vec<OsString> = words.map(OsString::from).into();
    if let Err(reason) = lab::enter_or_return(&env::current_exe().unwrap(), &words) {
        return skipped(&reason);
    }
    let scenarios = files();
    assert!(scenarios.len() >= FILES_LEAST, "{} files", scenarios.len());
    let played: Vec<_> = std::thread::scope(|scope| {
        let start =
            |(n, scenario)| scope.spawn(move || in_lab(&format!("rmx{}x{n}", std::process::id()), scenario));
        let running: Vec<_> = scenarios.iter().enumerate().map(start).collect();
        running.into_iter().map(|lab| lab.join().unwrap()).collect()
    });
    let mut table =
        vec![row(["scenario", "about", "verdicts", "virtual time", "lab", ""].map(str::to_owned))];
    let mut wrong = Vec::new();
    for (scenario, played) in scenarios.iter().zip(played) {
        match played {
            Ok(played) => compare(scenario, &played, &mut table, &mut wrong),
            Err(reason) if reason.is_about_the_machine() => return skipped(&reason),
            Err(error) => wrong.push(format!("{}: {error}", scenario.file)),
        }
    }
    // Written past the test runner, which hides what passing tests print.
    let _ = writeln!(io::stderr(), "{}", table.join("\n"));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn skipped(reason: &LabError) {
    let _ = writeln!(io::stderr(), "SKIPPED: the lab beside virtual time: {reason}");
}

fn files() -> Vec<Scenario> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/both");
    let mut files: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let read = |path: &PathBuf| {
        let name = path.file_name().unwrap().to_string_lossy();
        let text = fs::read_to_string(path).unwrap();
        Scenario::read(&name, &text).unwrap_or_else(|refusal| panic!("{refusal}"))
    };
    files.iter().map(read).collect()
}

fn in_lab(prefix: &str, scenario: &Scenario) -> Result<Played, LabError> {
    let netsim = Path::new(env!("CARGO_BIN_EXE_ringmesh-netsim"));
    let bin_dir = netsim.parent().unwrap_or(Path::new("/")).to_path_buf();
    // Beside the labs of the command line, so that a killed run is cleaned up by either.
    let dir = bin_dir.parent().unwrap_or(&bin_dir).join("lab").join(prefix);
    let base = Options {
        layout: Size::default().into(),
        announcer: Announcer::Own,
        profile: Profile::Default,
        prefix: prefix.into(),
        dir,
        bin_dir,
        tx_interval_s: 5,
        wan: Quality::default(),
        neo4j: None,
    };
    let options = play::options(scenario, scenario.seed, base)?;
    let mut lab = Lab::build(&options)?;
    let played = play::play(&mut lab, scenario, scenario.seed, SLACK, &Interrupt::never());
    let told = |played: &Played| format!("{:?} {:?}", played.judged.failures, played.judged.violated);
    match &played {
        Ok(played) if played.ok() => {}
        Ok(played) => eprintln!("{}: {}\n{}", scenario.file, told(played), lab.last_words(&lab.judges(), 30)),
        Err(_) => eprintln!("{}: {}", scenario.file, lab.last_words(&lab.judges(), 30)),
    }
    lab.down()?;
    played
}

fn by_name(told: &[Told]) -> ByName {
    let mut by_name = ByName::new();
    for told in told {
        by_name.entry(told.subject.clone()).or_default().push(told.clone());
    }
    by_name
}

fn compare(scenario: &Scenario, played: &Played, table: &mut Vec<String>, wrong: &mut Vec<String>) {
    let name = &scenario.file;
    let judged = &played.judged;
    wrong.extend(judged.failures.iter().map(|f| format!("{name}:{}: {}; got {}", f.line, f.expect, f.got)));
    wrong.extend(judged.violated.iter().map(|what| format!("{name}: {what}")));
    let runs: Vec<ByName> = SEEDS.map(|seed| by_name(&scenario.run(seed, false).told)).collect();
    let in_lab = by_name(&played.told);
    let names = |told: &ByName| told.keys().cloned().collect::<Vec<_>>();
    if let Some(other) = runs.iter().find(|run| names(run) != names(&in_lab)) {
        wrong.push(format!("{name}: in the lab about {:?}, else about {:?}", names(&in_lab), names(other)));
    }
    for (subject, told) in &in_lab {
        let others: Vec<&Vec<Told>> = runs.iter().filter_map(|run| run.get(subject)).collect();
        let verdicts = sequence(told);
        let same = others.iter().any(|other| sequence(other) == verdicts);
        let time = |told: &[Told]| told.first().map_or(0, |told| told.after_ms);
        let least = others.iter().map(|told| time(told)).min().unwrap_or(0);
        let most = others.iter().map(|told| time(told)).max().unwrap_or(0);
        let in_time = (least.saturating_sub(SOONER_MS)..=most + LATER_MS).contains(&time(told));
        let range = format!("{} to {}", seconds(least), seconds(most));
        let good = if same && in_time { "ok" } else { "FAIL" };
        let cells = [name.as_str(), subject, &verdicts, &range, &seconds(time(told)), good];
        table.push(row(cells.map(str::to_owned)));
        if !same {
            let other = others.first().map(|other| sequence(other));
            wrong.push(format!("{name}: {subject} is {verdicts} in the lab, else {other:?}"));
        } else if !in_time {
            wrong.push(format!("{name}: {subject} after {} in the lab, else {range}", seconds(time(told))));
        }
    }
}

/// Every verdict of every incident about one thing, and how each ended.
fn sequence(told: &[Told]) -> String {
    let one = |told: &Told| format!("{}, {}", told.verdicts.join(" > "), told.state);
    told.iter().map(one).collect::<Vec<_>>().join("; ")
}

fn seconds(ms: u64) -> String {
    format!("{}.{:02} s", ms / 1_000, ms % 1_000 / 10)
}

fn row(cells: [String; 6]) -> String {
    let [scenario, about, verdicts, virtual_time, lab, good] = cells;
    format!("{scenario:<18} {about:<6} {verdicts:<34} {virtual_time:<18} {lab:<8} {good}")
}
