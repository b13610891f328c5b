//! Which heartbeats are sealed changes no run: every scenario file is the same run with all of them sealed, with some,
//! and with none.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;

use ringmesh_netsim::engine::Engine;
use ringmesh_netsim::model::Wire;
use ringmesh_netsim::scenario::{Outcome, Scenario};

/// Every file that is shown, those that are run in the lab too among them.
fn files() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let both = fs::read_dir(folder.join("both")).unwrap();
    let files = fs::read_dir(folder).unwrap().chain(both).map(|entry| entry.unwrap().path());
    files.filter(|path| path.extension().is_some_and(|extension| extension == "toml")).collect()
}

fn outcome(scenario: &Scenario, wire: Wire) -> Outcome {
    scenario.run_in(Engine::Reference, wire, scenario.seed, false).outcome
}

fn is_one_run(name: &str, text: &str) {
    let scenario = Scenario::read(name, text).unwrap_or_else(|refusal| panic!("{refusal}"));
    let sealed = outcome(&scenario, Wire::All);
    for wire in [Wire::Sample, Wire::Typed] {
        let other = outcome(&scenario, wire);
        let of = |outcome: &Outcome| (outcome.trace_hash.clone(), outcome.events, outcome.violated.clone());
        assert_eq!(of(&sealed), of(&other), "{name}, {wire:?}");
    }
}

#[test]
fn every_scenario_of_the_folder_is_one_run_whichever_heartbeats_are_sealed() {
    let files = files();
    assert!(files.len() >= 40, "{}", files.len());
    let halves = files.chunks(files.len().div_ceil(2));
    thread::scope(|scope| {
        for half in halves {
            scope.spawn(move || {
                for path in half {
                    is_one_run(&path.to_string_lossy(), &fs::read_to_string(path).unwrap());
                }
            });
        }
    });
}

/// A copy whose beats its neighbours cannot open, at its smallest.
#[test]
fn a_beat_of_a_copy_is_heard_by_nobody_who_has_another_key() {
    let file = r#"duration = "40s"
[topology]
sites = 1
switches = 1
hosts = 4
[[faults]]
kind = "clone"
on = "h1"
of = "h2"
at = "5s"
lasts = "20s"
"#;
    is_one_run("a.toml", file);
}
