//! A failing scenario is made small, and still fails in the same way.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::time::Duration;

use ringmesh_netsim::random::{Extent, Story};
use ringmesh_netsim::scenario::{Draft, Scenario, Shrunk, shrink};
use ringmesh_netsim::watch::{View, Watch, Watches};
use ringmesh_topology::verdict::Verdict;

const HOSTS_MAX: usize = 50;
const FAULTS_MAX: usize = 5;

/// A law that nobody promised: no switch ever dies.
struct NoSwitchDown;

impl Watch for NoSwitchDown {
    fn look(&mut self, view: &View<'_>, wrong: &mut Vec<String>) {
        let told = view.world.incidents();
        let down =
            told.iter().find(|told| told.alternatives.iter().any(|one| one.verdict == Verdict::SwitchDown));
        wrong.extend(down.map(|told| format!("{:?} says SwitchDown", told.id)));
    }
}

fn planted(off: &BTreeSet<&'static str>) -> Watches {
    Watches::but(off).with("no-switch-down", Box::new(NoSwitchDown))
}

fn small(shrunk: &Shrunk) {
    let (hosts, faults) = (shrunk.draft.hosts(), shrunk.draft.faults.len());
    assert!(hosts <= HOSTS_MAX && faults <= FAULTS_MAX, "{hosts} hosts, {faults} faults\n{}", shrunk.draft);
    println!("{hosts} hosts, {faults} faults, {} s in {} runs", shrunk.draft.duration.as_secs(), shrunk.runs);
}

#[test]
fn a_story_of_a_hundred_hosts_becomes_a_dead_switch() {
    let extent = Extent { hosts: Some(100), ..Extent::SMALL };
    let fails =
        |seed: &u64| Story::sized(*seed, extent).run_watched(planted).broken.contains(&"no-switch-down");
    let seed = (1..40).find(|seed| Story::sized(*seed, extent).draft().faults.len() > 2 && fails(seed));
    let story = Story::sized(seed.unwrap(), extent);
    let shrunk = shrink(story.draft(), 300, planted, |_, _| {}).unwrap();
    small(&shrunk);
    assert!(shrunk.draft.faults.len() <= 2 && shrunk.draft.hosts() <= 12, "{}", shrunk.draft);
    // What is printed is a file, and fails as it did.
    let again = Scenario::read("small.toml", &shrunk.draft.to_string()).unwrap();
    let run = again.run_watched(again.seed, false, planted);
    assert!(run.broken.contains(&"no-switch-down"), "{:?}\n{}", run.outcome.complaints("r1"), shrunk.draft);
}

const MANY: &str = r#"
duration = "3m"
[topology]
sites = 3
switches = 3
hosts = 20
dual_homed = 2
[[faults]]
name = "hosts"
kind = "host-power"
on = "site=1, host=7"
between = ["10s", "60s"]
lasts = "30s"
[[faults]]
name = "switch"
kind = "switch-power"
on = "site=2, switch=1"
at = "20s"
lasts = "40s"
[[faults]]
kind = "probe"
on = "site=3, host%9==1"
at = "15s"
lasts = "20s"
[[expect]]
nothing_about = "sw4"
"#;

#[test]
fn a_file_is_made_small_around_the_expectation_that_fails() {
    let scenario = Scenario::read("many.toml", MANY).unwrap();
    let shrunk = shrink(&Draft::of(&scenario, 4), 300, Watches::but, |_, _| {}).unwrap();
    small(&shrunk);
    let text = shrunk.draft.to_string();
    let again = Scenario::read("small.toml", &text).unwrap().run(4, false).outcome;
    let told = again.complaints("r1").join("\n");
    assert!(told.contains("expected nothing about sw"), "{told}\n{text}");
    assert!(shrunk.draft.faults.len() == 1 && shrunk.draft.duration < Duration::from_secs(60), "{text}");
}

#[test]
fn a_draft_of_a_file_runs_as_the_file_does() {
    let scenario = Scenario::read("many.toml", MANY).unwrap();
    let hash = |scenario: &Scenario| scenario.run(4, false).outcome.trace_hash;
    let draft = Draft::of(&scenario, 4);
    assert_eq!(hash(&draft.scenario("drafted").unwrap()), hash(&scenario), "{draft}");
}

#[test]
fn what_does_not_fail_is_not_made_smaller() {
    let quiet =
        "duration = \"1m\"\n[topology]\nsites = 1\nswitches = 2\nhosts = 4\n[[expect]]\npages_max = 0\n";
    let scenario = Scenario::read("quiet.toml", quiet).unwrap();
    assert!(shrink(&Draft::of(&scenario, 4), 10, Watches::but, |_, _| {}).is_none());
}
