//! A failing scenario is made small, and still fails in the same way.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ringmesh_netsim::random::{Extent, Kinds, Story};
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
fn what_is_told_above_the_file_names_its_own_lines() {
    let head = "duration = \"1m\"\n[topology]\nsites = 1\nswitches = 2\nhosts = 4\n";
    let dies = "[[faults]]\nkind = \"switch-power\"\non = \"sw1\"\nat = ";
    let twice = format!("{head}{dies}\"10s\"\n{dies}\"20s\"\n");
    // Of what is told, the line that it names.
    for (file, seed, begins) in [(MANY, 4, "[[expect]]"), (twice.as_str(), 1, "[[faults]]")] {
        let scenario = Scenario::read("first.toml", file).unwrap();
        let shrunk = shrink(&scenario.as_draft(seed).unwrap(), 100, Watches::but, |_, _| {}).unwrap();
        let text = shrunk.file("r1");
        let told = Scenario::read("shrunk", &text).unwrap().run(seed, false).outcome.complaints("r1");
        let heading: Vec<&str> = text.lines().map_while(|line| line.strip_prefix("# ")).collect();
        assert_eq!(heading, told, "{text}");
        let line: usize = told[0].split(':').nth(1).unwrap().parse().unwrap();
        assert_eq!(text.lines().nth(line - 1), Some(begins), "{text}");
    }
}

/// Another: no host does, alone.
struct NoHost;

impl Watch for NoHost {
    fn look(&mut self, view: &View<'_>, wrong: &mut Vec<String>) {
        let told = view.world.incidents();
        let host = |verdict: Verdict| matches!(verdict, Verdict::HostOrCable | Verdict::HostDown);
        let host = told.iter().find(|told| told.alternatives.iter().all(|one| host(one.verdict)));
        wrong.extend(host.map(|told| format!("{:?} is about a host", told.id)));
    }
}

#[test]
fn of_several_failures_those_are_kept_that_go_together() {
    let laws = |off: &BTreeSet<&'static str>| {
        planted(off).with("no-switch-at-all", Box::new(NoSwitchDown)).with("no-host", Box::new(NoHost))
    };
    let text = "duration = \"2m\"\n[topology]\nsites = 1\nswitches = 3\nhosts = 4\n\
                [[faults]]\nkind = \"switch-power\"\non = \"sw1\"\nat = \"10s\"\n\
                [[faults]]\nkind = \"host-power\"\non = \"h12\"\nat = \"40s\"\n";
    let scenario = Scenario::read("both.toml", text).unwrap();
    let broken = |scenario: &Scenario| scenario.run_watched(1, false, laws).broken;
    assert_eq!(broken(&scenario), ["no-switch-down", "no-switch-at-all", "no-host"]);
    let shrunk = shrink(&scenario.as_draft(1).unwrap(), 200, laws, |_, _| {}).unwrap();
    let left = broken(&shrunk.draft.scenario("left").unwrap());
    assert_eq!(left, ["no-switch-down", "no-switch-at-all"], "{}", shrunk.draft);
    assert_eq!(shrunk.draft.faults.len(), 1, "{}", shrunk.draft);
}

fn shipped() -> Vec<(String, Scenario)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let files = files.filter(|path| path.extension().is_some_and(|extension| extension == "toml"));
    let read = |path: PathBuf| {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let scenario = Scenario::read(&name, &fs::read_to_string(&path).unwrap()).unwrap();
        (name, scenario)
    };
    files.map(read).collect()
}

#[test]
fn every_file_that_can_be_written_fault_by_fault_can_be_made_smaller_and_runs_as_it_did() {
    let hash = |scenario: &Scenario, seed: u64| scenario.run(seed, false).outcome.trace_hash;
    let mut refused = Vec::new();
    for (name, scenario) in shipped() {
        match scenario.as_draft(3) {
            Ok(draft) => {
                let drafted = draft.scenario("drafted").unwrap();
                assert_eq!(hash(&drafted, 3), hash(&scenario, 3), "{name}\n{draft}");
            }
            Err(refusal) => refused.push(refusal.to_string()),
        }
    }
    let flaps = "flapping-wan.toml:10:1: a fault that `flaps` is not made smaller: write a fault for each time, or \
                 take it out";
    assert_eq!(refused, [flaps]);
    // A worn story is a draft, and its file one that can be made smaller again.
    for seed in 1..=5 {
        let story = Story::sized(seed, Extent { kinds: Kinds::Worn, ..Extent::SMALL });
        let text = story.draft().to_string();
        let again = Scenario::read("worn.toml", &text).unwrap().as_draft(seed).unwrap();
        assert_eq!(again.to_string().lines().count(), text.lines().count(), "{text}\n{again}");
        assert_eq!(
            hash(&again.scenario("again").unwrap(), seed),
            story.run(false).outcome.trace_hash,
            "{text}"
        );
    }
}

#[test]
fn what_no_file_can_say_fault_by_fault_is_refused_with_its_line() {
    let rate = "[[faults]]\nkind = \"probe\"\non = \"all\"\nlasts = \"20s\"\nper_day = ";
    let head = "duration = \"1h\"\n[topology]\nsites = 1\nswitches = 2\nhosts = 20\n";
    let told = |text: &str| {
        let draft = Scenario::read("a.toml", text).unwrap().as_draft(1);
        draft.map_or_else(|refusal| refusal.to_string(), |draft| format!("{} faults", draft.faults.len()))
    };
    let many = told(&format!("{head}{rate}960\n"));
    assert!(
        many.starts_with("a.toml:6:1: one by one there are ") && many.contains("has room for 200"),
        "{many}"
    );
    assert!(told(&format!("{head}{rate}24\n")).ends_with(" faults"));
    let expect = "[[expect]]\nverdict = \"ProbeDown\"\nabout = \"h1\"\nwithin = \"1h\"\n";
    let from_start = told(&format!("{head}{rate}24\n{expect}"));
    assert!(from_start.starts_with("a.toml:11:1: counts from the start, "), "{from_start}");
}

#[test]
fn a_draft_of_a_file_runs_as_the_file_does() {
    let branches = include_str!("../scenarios/branch-line-cut.toml");
    for text in [MANY, branches] {
        let scenario = Scenario::read("many.toml", text).unwrap();
        let hash = |scenario: &Scenario| scenario.run(4, false).outcome.trace_hash;
        let draft = Draft::of(&scenario, 4);
        assert_eq!(hash(&draft.scenario("drafted").unwrap()), hash(&scenario), "{draft}");
    }
}

#[test]
fn the_line_of_a_branch_stays_its_line_where_sites_are_fewer() {
    let (text, _) = include_str!("../scenarios/branch-line-cut.toml").split_once("[[expect]]").unwrap();
    let scenario = Scenario::read("branches.toml", &format!("{text}[[expect]]\npages_max = 0\n")).unwrap();
    let shrunk = shrink(&Draft::of(&scenario, 4), 300, Watches::but, |_, _| {}).unwrap();
    let sites: Vec<bool> = shrunk.draft.sites.iter().map(|site| site.branch).collect();
    assert_eq!(sites, [false, true], "{}", shrunk.draft);
}

#[test]
fn where_the_first_site_goes_the_first_branch_is_a_main_site() {
    let text = "duration = \"2m\"\n[topology]\nsites = 1\nswitches = 3\nhosts = 4\npairs = false\nwan = \"star\"\n\
                [topology.branches]\ncount = 6\nhosts = [3, 4]\nswitches = [2]\n\
                [[faults]]\nkind = \"switch-power\"\non = \"sw6\"\nat = \"10s\"\n";
    let scenario = Scenario::read("branches.toml", text).unwrap();
    let shrunk = shrink(&Draft::of(&scenario, 4), 300, planted, |_, _| {}).unwrap();
    let sites: Vec<bool> = shrunk.draft.sites.iter().map(|site| site.branch).collect();
    assert_eq!(sites, [false], "{}", shrunk.draft);
}

#[test]
fn what_does_not_fail_is_not_made_smaller() {
    let quiet =
        "duration = \"1m\"\n[topology]\nsites = 1\nswitches = 2\nhosts = 4\n[[expect]]\npages_max = 0\n";
    let scenario = Scenario::read("quiet.toml", quiet).unwrap();
    assert!(shrink(&Draft::of(&scenario, 4), 10, Watches::but, |_, _| {}).is_none());
}
