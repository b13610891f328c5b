//! The scenario files that show the product, what is refused, and the reference in `docs/SCENARIOS.md`.

#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use ringmesh_netsim::scenario::{
    BONDS, CLASSES, EXPECTATIONS, KINDS, Outcome, REASONS, Report, SETTLES, SPEAKS, Scenario, WANS, WAYS,
    WORDS,
};
use ringmesh_netsim::watch::{INVARIANTS, View, Watch, Watches};

const REFERENCE: &str = include_str!("../../docs/SCENARIOS.md");
const FILE: &str = include_str!("../src/scenario/file.rs");

/// A sound scenario, a line for each thing that a case below puts another in place of.
const SOUND: &str = r#"duration = "1m"
[topology]
sites = 2
switches = 2
hosts = 3
dual_homed = 1
[[faults]]
name = "power"
kind = "host-power"
on = "h3"
at = "10s"
lasts = "10s"
[[expect]]
verdict = "HostOrCable"
about = "h3"
within = "4s"
[[expect]]
pages_max = 0
"#;

/// The folder of what is shown, and that of what is run in the lab too.
fn folder() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let both = fs::read_dir(folder.join("both")).unwrap();
    let files = fs::read_dir(folder).unwrap().chain(both).map(|entry| entry.unwrap().path());
    let files = files.filter(|path| path.extension().is_some_and(|extension| extension == "toml"));
    let name = |path: &Path| path.file_name().unwrap().to_string_lossy().into_owned();
    let mut files: Vec<_> = files.map(|path| (name(&path), fs::read_to_string(&path).unwrap())).collect();
    files.sort();
    files
}

fn read(text: &str) -> Scenario {
    Scenario::read("a.toml", text).unwrap_or_else(|refusal| panic!("{refusal}\n{text}"))
}

fn outcome(text: &str) -> Outcome {
    let scenario = read(text);
    scenario.run(scenario.seed, false).outcome
}

#[test]
fn every_scenario_of_the_folder_is_as_it_says_with_its_own_seed_and_others() {
    let files = folder();
    assert!(files.len() >= 40, "{}", files.len());
    for (name, text) in files {
        let scenario = Scenario::read(&name, &text).unwrap_or_else(|refusal| panic!("{refusal}"));
        for seed in [scenario.seed, 2, 3] {
            let outcome = scenario.run(seed, false).outcome;
            assert!(outcome.ok, "{}", outcome.complaints("test").join("\n"));
        }
    }
}

#[test]
fn the_same_seed_has_the_same_trace_hash_and_another_has_another() {
    let scenario = read(SOUND);
    let hash = |seed| scenario.run(seed, false).outcome.trace_hash;
    assert_eq!(hash(5), hash(5));
    assert_ne!(hash(5), hash(6));
    let traced = scenario.run(5, true);
    assert_eq!(traced.outcome.trace_hash, hash(5), "whoever looks changes nothing");
    assert!(traced.trace.iter().any(|line| line.contains("h3 loses power")), "{:?}", traced.trace);
}

#[test]
fn a_replay_stops_after_the_event_and_is_the_beginning_of_the_run() {
    let scenario = read(SOUND);
    let (all, last) = (scenario.run(4, true), scenario.run(4, false).outcome.events);
    for event in [1, 700, last / 2, last] {
        let (mut lines, reached) = scenario.replay(4, event);
        assert!(reached, "{event} of {last}");
        let told = format!("=== event {event}: ");
        let at = lines.iter().position(|line| line.contains(&told)).unwrap();
        lines.remove(at);
        assert_eq!(lines, all.trace[..lines.len()], "{event}");
    }
    assert!(!scenario.replay(4, last + 1).1);
}

#[test]
fn an_expectation_that_is_not_met_is_told_with_its_line_and_all_that_is_needed_to_see_it_again() {
    let (verdict, within, pages) = ("verdict = \"HostOrCable\"", "within = \"4s\"", "pages_max = 0");
    // What is put in place of what, the line that then fails, and a part of what is told.
    let cases = [
        (verdict, "verdict = \"HostHung\"", 13, "HostHung about h3 within 4.000 s; got HostOrCable"),
        (within, "within = \"500ms\"", 13, "got nothing about it; all told: no incident"),
        ("about = \"h3\"", "about = \"h4\"", 13, "got nothing about it; all told: HostOrCable about h3"),
        (within, "within = \"4s\"\nbehind = 7", 13, ", 7 behind it within"),
        (within, "within = \"4s\"\nstate = \"closed\"", 13, "HostOrCable about h3, open"),
        (pages, "incidents_max = 0", 17, "expected at most 0 incidents; got 1: HostOrCable"),
        (pages, "nothing_about = \"h1, h3\"", 17, "expected nothing about h1, h3; got HostOrCable"),
        (pages, "datagrams_max = 3", 17, "expected at most 3 datagrams but heartbeats; got"),
        (pages, "datagrams_max = 3\nclass = \"site\"\nwithin = \"10s\"", 17, "of class site but heartbeats"),
        (pages, "whole_at_end = true", 17, "still open"),
        ("about = \"h3\"", "about_set = \"h3, h4\"", 13, "HostOrCable about exactly h3, h4 within"),
        (
            "about = \"h3\"",
            "about = \"h3\"\nalternatives = \"HostOrCable h3 | SwitchDown sw1\"",
            13,
            "(HostOrCable h3 | SwitchDown sw1) about h3",
        ),
        (pages, "wan_bytes_max = 9\non = \"s2\"", 17, "at most 9 octets over the WAN of a site; got"),
    ];
    for (what, instead, line, part) in cases {
        // The host stays away: there is something to be found at the end.
        let text = SOUND.replace("lasts = \"10s\"", "").replace(what, instead);
        let outcome = outcome(&text);
        let told = outcome.complaints("r1").join("\n");
        assert!(!outcome.ok && told.contains(part), "{instead}: {part:?} is not in\n{told}");
        assert_eq!(outcome.failures.iter().map(|f| f.line).collect::<Vec<_>>(), [line], "{instead}\n{told}");
        assert!(told.contains("seed 1, revision r1, event "), "{told}");
    }
}

#[test]
fn a_window_counts_only_what_is_sent_in_it() {
    let quiet = "datagrams_max = 0\nclass = \"site\"\nwithin = \"2s\"\nafter = \"power\"";
    let outcome_of = |text: &str| outcome(&SOUND.replace("pages_max = 0", text)).ok;
    assert!(outcome_of(quiet), "nobody is missed in the first two seconds");
    assert!(!outcome_of(&quiet.replace("2s", "5s")));
}

#[test]
fn a_set_alternatives_and_octets_are_expected_as_they_are() {
    let met = |what: &str, instead: &str| {
        let outcome = outcome(&SOUND.replace(what, instead));
        assert!(outcome.ok, "{instead}: {}", outcome.complaints("r1").join("\n"));
    };
    met("about = \"h3\"", "about_set = \"site=1, switch=1, host=3\"");
    met("about = \"h3\"", "about = \"h3\"\nalternatives = \"HostOrCable h3\"");
    met("pages_max = 0", "wan_bytes_max = 100000");
    met("pages_max = 0", "wan_bytes_max = 4000\nwithin = \"2s\"");
}

#[test]
fn what_is_undetermined_is_expected_by_all_that_it_may_be() {
    let text = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios/lone-host-death.toml"));
    let text = text.unwrap();
    let all = "\"HostOrCable h7 | SwitchDown sw2 | UplinkCut sw2\"";
    let failures = |instead: &str| {
        assert!(text.contains(all));
        let failures = outcome(&text.replace(all, instead)).failures;
        failures.into_iter().map(|failure| failure.expect).collect::<Vec<_>>()
    };
    assert!(failures(all).is_empty());
    assert!(failures("\"UplinkCut sw2|HostOrCable h7 |SwitchDown sw2\"").is_empty(), "in any order");
    let misfits =
        ["\"HostOrCable h7 | SwitchDown sw2\"", "\"HostOrCable h6 | SwitchDown sw2 | UplinkCut sw2\""];
    for misfit in misfits {
        let told = failures(misfit);
        assert!(told.len() == 1 && told[0].starts_with("Undetermined (HostOrCable h"), "{misfit}: {told:?}");
    }
}

/// The same host breaks twice: first it dies, and long after that its probe is killed.
const TWICE: &str = r#"duration = "6m"
[topology]
sites = 1
switches = 2
hosts = 6
[[faults]]
name = "first"
kind = "host-power"
on = "h3"
at = "10s"
lasts = "30s"
[[faults]]
name = "second"
kind = "probe"
on = "h3"
at = "200s"
lasts = "30s"
[[expect]]
about = "h3"
"#;

#[test]
fn an_incident_of_an_earlier_fault_is_no_answer_to_a_later_one() {
    // What is expected, and whether it is so.
    let table = [
        ("verdict = \"HostDown\"\nwithin = \"60s\"", true),
        ("verdict = \"HostDown\"\nafter = \"second\"\nwithin = \"100s\"", false),
        ("verdict = \"HostDown\"\nstate = \"closed\"\nafter_end_of = \"second\"\nwithin = \"100s\"", false),
        ("verdict = \"HostDown\"\nstate = \"closed\"\nafter_end_of = \"first\"\nwithin = \"60s\"", true),
        ("verdict = \"ProbeDown\"\nafter = \"second\"\nwithin = \"10s\"", true),
        ("verdict = \"ProbeDown\"\nstate = \"closed\"\nafter_end_of = \"second\"\nwithin = \"60s\"", true),
        // It is open when the fault ends, and was before: nothing came of the end.
        ("verdict = \"ProbeDown\"\nafter_end_of = \"second\"\nwithin = \"60s\"", false),
    ];
    for (expected, met) in table {
        let outcome = outcome(&format!("{TWICE}{expected}\n"));
        let told = outcome.complaints("r1").join("\n");
        assert_eq!(outcome.ok, met, "{expected}\n{told}");
        assert_eq!(told.contains("so since before that moment"), !met, "{expected}\n{told}");
    }
}

#[test]
fn octets_over_a_wan_are_told_with_the_name_of_the_site() {
    let text = SOUND.replace("pages_max = 0", "wan_bytes_max = 9\non = \"s2\"");
    let told = outcome(&text).complaints("r1").join("\n");
    assert!(told.contains("over the WAN of a site; got ") && told.contains(" of site s2 by "), "{told}");
}

#[test]
fn a_fault_at_a_rate_comes_as_often_as_it_says_and_never_twice_at_once() {
    let text = "duration = \"30m\"\n[topology]\nsites = 1\nswitches = 2\nhosts = 10\n[[faults]]\n\
                kind = \"probe\"\non = \"all\"\nper_day = 96\nlasts = \"20s\"\n";
    let scenario = read(text);
    let begins = |seed| scenario.cues(seed).iter().filter(|cue| cue.begins).count();
    // 20 hosts, 96 a day: 40 in half an hour.
    let all: usize = (1..=20).map(begins).sum();
    assert!((700..=900).contains(&all), "{all} in twenty runs");
    assert_ne!(begins(1) + begins(2) + begins(3), 3 * begins(1), "drawn from the seed");
    for seed in 1..=20 {
        let mut broken = Vec::new();
        for cue in scenario.cues(seed) {
            match (cue.begins, broken.iter().position(|fault| *fault == cue.fault)) {
                (true, None) => broken.push(cue.fault),
                (false, Some(at)) => drop(broken.remove(at)),
                (begins, _) => panic!("seed {seed}: {cue:?} begins {begins}"),
            }
        }
    }
}

#[test]
fn constants_of_the_relays_are_those_of_the_file() {
    let closed = |constants: &str| {
        let text = SOUND.replace("[topology]", &format!("{constants}[topology]"));
        let text = text.replace("within = \"4s\"", "within = \"19s\"\nstate = \"closed\"");
        outcome(&text.replace("HostOrCable", "HostDown")).ok
    };
    assert!(!closed("") && closed("[protocol]\nclose_hold = \"3s\"\n"));
}

/// A law that nobody can keep: nothing is ever told.
struct NothingIsTold;

impl Watch for NothingIsTold {
    fn look(&mut self, view: &View<'_>, wrong: &mut Vec<String>) {
        wrong.extend((!view.world.incidents().is_empty()).then(|| "something is told".to_owned()));
    }
}

/// That law under the name of one of ours, where a file does not switch that one off.
fn planted(name: &'static str, off: &BTreeSet<&'static str>) -> Watches {
    let laws = Watches::but(off);
    if off.contains(name) { laws } else { laws.with(name, Box::new(NothingIsTold)) }
}

#[test]
fn a_broken_invariant_is_a_violation_and_can_be_switched_off() {
    for (name, _) in INVARIANTS {
        let run = |invariants: &str| {
            let text = SOUND.replace("[topology]", &format!("{invariants}[topology]"));
            read(&text).run_watched(1, false, |off| planted(name, off))
        };
        for watched in [String::new(), format!("[invariants]\n{name} = true\n")] {
            let run = run(&watched);
            let told = run.outcome.complaints("r1").join("\n");
            assert!(!run.outcome.ok && run.outcome.violations > 0, "{name}: {told}");
            assert!(told.contains(&format!("a.toml: invariant {name}: something is told (at ")), "{told}");
            assert_eq!(run.broken, [name]);
        }
        let run = run(&format!("[invariants]\n{name} = false\n"));
        assert!(run.outcome.ok && run.broken.is_empty(), "{name}: {:?}", run.outcome.violated);
    }
    let all: Vec<&str> = INVARIANTS.iter().map(|(name, _)| *name).collect();
    let lines: String = all.iter().map(|name| format!("{name} = false\n")).collect();
    let text = SOUND.replace("[topology]", &format!("[invariants]\n{lines}[topology]"));
    let off = std::cell::RefCell::new(BTreeSet::new());
    let run = read(&text).run_watched(1, false, |names| {
        off.replace(names.clone());
        Watches::but(names)
    });
    assert!(run.outcome.ok && off.take().into_iter().eq(BTreeSet::from_iter(all)), "all of them at once");
}

#[test]
fn a_fault_that_changes_nothing_is_a_violation() {
    let twice = format!("{SOUND}[[faults]]\nkind = \"host-power\"\non = \"h3\"\nat = \"12s\"\n");
    let outcome = outcome(&twice);
    assert_eq!((outcome.ok, outcome.violations), (false, 1), "{:?}", outcome.violated);
    assert!(
        outcome.violated[0].starts_with("line 19: host-power changed nothing at 12.000 s"),
        "{:?}",
        outcome.violated
    );
    let told = outcome.complaints("r1").join("\n");
    assert!(told.starts_with("a.toml:19: host-power changed nothing at 12.000 s: it was broken"), "{told}");
    let start = SOUND.replacen("duration", "settle = \"1s\"\nduration", 1);
    let violated = self::outcome(&start).violated;
    assert!(violated.iter().any(|what| what.contains("not settled within 1.000 s")), "{violated:?}");
}

#[test]
fn a_selector_means_those_that_fit() {
    let begins = |kind: &str, on: &str| {
        let (kind, on) = (format!("kind = \"{kind}\""), format!("on = \"{on}\""));
        let text = SOUND.replace("kind = \"host-power\"", &kind).replace("on = \"h3\"", &on);
        let trace = read(&text).run(1, true).trace;
        let told = trace.iter().filter_map(|line| line.split_once("=== ").map(|(_, what)| what.to_owned()));
        told.filter(|what| what.ends_with("fails") || what.ends_with("loses power")).collect::<Vec<_>>()
    };
    let hosts = |on: &str| {
        let told = begins("host-power", on);
        told.iter().map(|what| what.split(' ').next().unwrap().to_owned()).collect::<Vec<_>>().join(" ")
    };
    let table = [
        ("h14, h2,h2", "h2 h14"),
        ("site=2, switch=1", "h8 h9 h10 h14"),
        ("site = 2, switch == 1, host%2==0", "h9 h14"),
        ("ports=2", "h7 h14"),
        ("host!=1, switch!=1, site!=1", "h12 h13"),
        ("host%3!=0,site=1,ports!=2", "h1 h2 h4 h5"),
    ];
    for (on, wanted) in table {
        assert_eq!(hosts(on), wanted, "{on}");
    }
    assert_eq!(begins("uplink", "site=2"), ["sw3: uplink fails", "sw4: uplink fails"]);
    assert_eq!(begins("wan", "all"), ["s1: WAN fails", "s2: WAN fails"]);
}

#[test]
fn what_is_wrong_is_refused_with_its_place_before_anything_runs() {
    let cases = [
        // Toml, unknown keys, wrong types.
        ("hosts = 3", "hosts = ", "5:9: "),
        ("hosts = 3", "hostz = 3", "5:1: unknown field `hostz`"),
        ("hosts = 3", "hosts = \"3\"", "5:9: invalid type: string \"3\""),
        ("hosts = 3", "hosts = -3", "5:9: invalid value: integer `-3`"),
        ("duration = \"1m\"\n", "", "missing field `duration`"),
        (
            "duration = \"1m\"",
            "duration = 60",
            "1:12: invalid type: integer `60`, expected a duration such as",
        ),
        ("duration = \"1m\"", "duration = \"60\"", "1:12: `60` is not a duration such as"),
        ("duration = \"1m\"", "duration = \"0s\"", "1:12: must be longer than nothing"),
        // Topologies.
        ("sites = 2", "sites = 0", "3:9: must be 1 to 200"),
        ("switches = 2", "switches = 1", "4:12: hosts on two switches need two switches"),
        ("switches = 2", "switches = 200", "2:1: 400 switches: the model has room for 254"),
        ("hosts = 3", "hosts = 65000", "hosts: the model has room for 65000"),
        ("hosts = 3\n", "", "2:1: the topology needs `sites`, `switches` and `hosts`"),
        ("hosts = 3", "hosts = 3\nloss_permille = 1001", "6:17: must be 0 to 1000"),
        ("hosts = 3", "hosts = 3\nlldp_every = \"500ms\"", "6:14: must be whole seconds"),
        ("dual_homed = 1", "[[topology.site]]\nhosts = [1]", "3:9: the sites are spelled out below"),
        (
            "sites = 2\nswitches = 2\nhosts = 3\ndual_homed = 1",
            "[[topology.site]]\nhosts = [0]",
            "a site without hosts",
        ),
        (
            "sites = 2\nswitches = 2\nhosts = 3\ndual_homed = 1",
            "[[topology.site]]\nhosts = [3]\ndual_homed = [[1, 2]]",
            "5:15: a host on several switches names 2 to 8",
        ),
        // Faults.
        (
            "kind = \"host-power\"",
            "kind = \"fire\"",
            "9:8: no kind of fault is called `fire`: there are host-power",
        ),
        ("on = \"h3\"", "on = \"h15\"", "10:6: no host is called `h15`: there are h1 to h14"),
        ("on = \"h3\"", "on = \"sw1\"", "10:6: no host is called `sw1`"),
        ("on = \"h3\"", "on = \"site=3\"", "10:6: `site=3` fits no host"),
        (
            "on = \"h3\"",
            "on = \"rack=3\"",
            "10:6: `rack` is nothing a host can be asked for: use site, switch, host, ports",
        ),
        ("on = \"h3\"", "on = \"host%0==1\"", "10:6: `host%0==1` divides by nothing"),
        ("on = \"h3\"", "on = \"host%x==1\"", "10:6: `host%x==1` is no condition"),
        ("on = \"h3\"\n", "", "7:1: the kind `host-power` needs `on`"),
        (
            "on = \"h3\"",
            "on = \"h3\"\nport = \"eth0\"",
            "11:8: `port` does not go with the kind `host-power`",
        ),
        ("kind = \"host-power\"", "kind = \"cma\"", "10:6: the kind `cma` takes no `on`"),
        ("kind = \"host-power\"", "kind = \"cable\"\nport = \"eth1\"", "10:8: h3 has no port `eth1`"),
        (
            "kind = \"host-power\"",
            "kind = \"planned-stop\"",
            "7:1: the kind `planned-stop` needs `back_within`",
        ),
        (
            "kind = \"host-power\"",
            "kind = \"planned-stop\"\nback_within = \"1m\"\nreason = \"bored\"",
            "11:10: no reason to leave",
        ),
        ("at = \"10s\"\n", "", "7:1: a fault needs `at`, `between` or `per_day`"),
        ("at = \"10s\"", "at = \"10s\"\nper_day = 9", "11:6: either `per_day`, or `at` or `between`"),
        ("at = \"10s\"\nlasts = \"10s\"", "per_day = 9", "11:11: a fault at a rate needs `lasts`"),
        ("at = \"10s\"", "per_day = 43201", "11:11: must be 1 to 43200"),
        (
            "within = \"4s\"",
            "within = \"4s\"\nafter = \"often\"\n[[faults]]\nname = \"often\"\nkind = \"cma\"\nper_day = 9\nlasts = \"1s\"",
            "17:9: that fault comes at a rate",
        ),
        // Constants and invariants.
        ("[topology]", "[protocol]\nsettle = \"500ms\"\n[topology]", "3:10: must be whole seconds"),
        ("[topology]", "[protocol]\nbeat = \"1s\"\n[topology]", "3:1: unknown field `beat`"),
        (
            "[topology]",
            "[invariants]\ngravity = false\n[topology]",
            "3:11: no invariant is called `gravity`: there are conserved",
        ),
        (
            "duration = \"1m\"",
            "duration = \"1m\"\nlossless_after = \"60s\"",
            "2:18: begins when the scenario is over",
        ),
        ("at = \"10s\"", "at = \"10s\"\nbetween = [\"1s\", \"2s\"]", "12:11: either `at` or `between`"),
        ("at = \"10s\"", "between = [\"3s\", \"2s\"]", "11:11: the window ends before it begins"),
        ("at = \"10s\"", "at = \"2m\"", "after the scenario is over"),
        ("lasts = \"10s\"", "lasts = \"55s\"", "12:9: ends after the scenario is over"),
        (
            "[[expect]]",
            "[[faults]]\nname = \"power\"\nkind = \"cma\"\nat = \"1s\"\n[[expect]]",
            "14:8: another fault has this name",
        ),
        // Expectations.
        ("\"HostOrCable\"", "\"HostGone\"", "14:11: no verdict is called `HostGone`: there are HostDown"),
        (
            "about = \"h3\"",
            "about = \"sw9\"",
            "15:9: nothing is called `sw9`: hosts are h1 to h14, switches sw1 to sw4, sites s1, s2",
        ),
        ("about = \"h3\"\n", "", "13:1: `verdict` needs `about`, or `about_set`"),
        ("within = \"4s\"\n", "", "13:1: `verdict` needs `within`"),
        ("about = \"h3\"", "about = \"h3\"\nabout_set = \"h3\"", "16:13: either `about` or `about_set`"),
        ("about = \"h3\"", "about_set = \"rack=3\"", "15:13: `rack` is nothing a host can be asked for"),
        (
            "about = \"h3\"",
            "about = \"h3\"\nalternatives = \"HostOrCable\"",
            "16:16: `HostOrCable` is no alternative",
        ),
        (
            "about = \"h3\"",
            "about = \"h3\"\nalternatives = \"Fire h3\"",
            "16:16: no verdict is called `Fire`",
        ),
        (
            "verdict = \"HostOrCable\"",
            "verdict = \"Undetermined\"",
            "14:11: `Undetermined` needs `alternatives`: all that it may be, such as `HostOrCable h1 | SwitchDown sw1`",
        ),
        (
            "verdict = \"HostOrCable\"",
            "verdict = \"Undetermined|SwitchDown\"",
            "14:11: `Undetermined` stands alone: `alternatives` says what it may be",
        ),
        (
            "verdict = \"HostOrCable\"",
            "verdict = \"Undetermined\"\nalternatives = \"HostDown h3 | HostHung h3\"",
            "15:16: `Undetermined` is about different things: name all of them, or write verdict = \"HostDown|HostHung\"",
        ),
        (
            "verdict = \"HostOrCable\"",
            "verdict = \"Undetermined\"\nalternatives = \"HostDown h3 | Fire sw1\"",
            "15:16: no verdict is called `Fire`",
        ),
        ("pages_max = 0", "wan_bytes_max = 9\non = \"h3\"", "19:6: no site is called `h3`"),
        ("within = \"4s\"", "within = \"4s\"\nafter = \"fire\"", "17:9: no fault has the name `fire`"),
        (
            "within = \"4s\"",
            "within = \"4s\"\nafter_end_of = \"fire\"",
            "17:16: no fault has the name `fire`",
        ),
        ("within = \"4s\"", "within = \"51s\"", "16:10: may last until 61.000 s, when the scenario is over"),
        ("within = \"4s\"", "within = \"4s\"\nstate = \"ajar\"", "17:9: `ajar` is none of open, closed"),
        ("within = \"4s\"", "within = \"4s\"\nclass = \"wan\"", "17:9: `class` does not go with `verdict`"),
        ("within = \"4s\"", "within = \"4s\"\npages_max = 1", "17:13: one [[expect]] has one of verdict,"),
        ("pages_max = 0", "nothing_about = \"h1, h99\"", "18:17: nothing is called `h99`"),
        (
            "pages_max = 0",
            "datagrams_max = 3\nclass = \"lan\"",
            "19:9: `lan` is none of switch, site, wan, cma",
        ),
        ("pages_max = 0", "whole_at_end = false", "18:16: is true or is not written"),
        ("pages_max = 0\n", "", "17:1: expects nothing: one of verdict,"),
    ];
    for (what, instead, wanted) in cases {
        assert!(SOUND.contains(what), "{what}");
        let refusal = Scenario::read("a.toml", &SOUND.replacen(what, instead, 1));
        let told =
            refusal.map(|_| "nothing was refused".to_owned()).unwrap_or_else(|refusal| refusal.to_string());
        assert!(
            told.starts_with("a.toml:") && told.contains(wanted),
            "{instead:?}\n wanted {wanted}\n told   {told}"
        );
    }
    let open = SOUND
        .replace("lasts = \"10s\"\n", "")
        .replace("within = \"4s\"", "within = \"4s\"\nafter_end_of = \"power\"");
    let told = Scenario::read("a.toml", &open).unwrap_err().to_string();
    assert_eq!(told, "a.toml:16:16: the fault `power` does not end: give it `lasts`");
}

/// A scenario of these keys of [topology] and whatever follows, from its third line on.
fn built(rest: &str) -> String {
    format!("duration = \"1m\"\n[topology]\n{rest}\n")
}

/// Two sites, and a fault from line 7 on: its kind in line 8.
fn breaking(kind: &str, rest: &str) -> String {
    let fault = format!("[[faults]]\nkind = \"{kind}\"\n{rest}\nat = \"5s\"");
    built(&format!("sites = 2\nswitches = 2\nhosts = 3\ndual_homed = 1\n{fault}"))
}

fn refused_with(table: &[(String, &str)]) {
    for (text, wanted) in table {
        let told =
            Scenario::read("a.toml", text).map_or_else(|refusal| refusal.to_string(), |_| "read".into());
        assert_eq!(told, format!("a.toml:{wanted}"), "{text}");
    }
}

#[test]
fn parts_that_nothing_could_have_are_refused() {
    let counted =
        |switches: u8, rest: &str| built(&format!("sites = 1\nswitches = {switches}\nhosts = 3\n{rest}"));
    let no_pair = |on: &str| {
        format!(
            "host 2 of `dual_homed` hangs on switches {on}, which are no pair: an 802.3ad bond is over both of one, \
         1 and 2, 3 and 4, ..: name such in a [[topology.site]], or say `bond = \"active-backup\"`"
        )
    };
    let spelled = |on: &str| {
        built(&format!(
            "pairs = true\nbond = \"802.3ad\"\n[[topology.site]]\nhosts = [2, 2, 2]\ndual_homed = [[1, 2], {on}]"
        ))
    };
    refused_with(&[
        (spelled("[1, 3]"), &format!("7:23: {}", no_pair("1 and 3"))),
        (spelled("[1, 1]"), &format!("7:23: {}", no_pair("1 and 1"))),
        (
            counted(4, "pairs = true\nbond = \"802.3ad\"\ndual_homed = 2"),
            &format!("8:14: {}", no_pair("2 and 3")),
        ),
        (
            counted(1, "pairs = true"),
            "6:9: a pair is two switches of one main site, and none has two: raise `switches`, or leave it out",
        ),
        (
            counted(3, "pairs = true"),
            "4:12: pairs need an even number of switches in each site: make it 4, or spell the sites out, and the \
             last stands alone",
        ),
        (
            counted(2, "bond = \"active-backup\""),
            "6:8: no host hangs on several switches: say which with `dual_homed`, or leave `bond` out",
        ),
        (
            counted(2, "wan = \"ring\""),
            "6:7: a ring joins two sites or more: build a second one, or leave `wan` out",
        ),
        (
            counted(2, "wan = \"mesh\""),
            "6:7: a mesh joins two sites or more: build a second one, or leave `wan` out",
        ),
    ]);
    for sound in [spelled("[2, 1]"), counted(2, "pairs = true"), counted(2, "wan = \"cloud\"")] {
        read(&sound);
    }
    read(&built("pairs = true\n[[topology.site]]\nhosts = [2, 2, 2]"));
    read(&built("dual_homed = 0\nsites = 2\nswitches = 1\nhosts = 2\nwan = \"ring\""));
}

#[test]
fn branches_are_dealt_out_and_those_that_nothing_could_have_are_refused() {
    let with =
        |topology: &str, branches: &str| built(&format!("{topology}\n[topology.branches]\n{branches}"));
    let two = "sites = 2\nswitches = 2\nhosts = 3";
    refused_with(&[
        (with(two, "count = 0\nhosts = [2]"), "7:9: must be 1 to 200"),
        (with(two, "count = 2\nhosts = []"), "8:9: needs a number at least: they are dealt out in turn"),
        (with(two, "count = 2\nhosts = [3, 0]"), "8:13: must be 1 to 65000"),
        (
            with(two, "count = 2\nhosts = [3]\nswitches = []"),
            "9:12: needs a number at least: they are dealt out in turn",
        ),
        (
            with(two, "count = 2\nhosts = [3]\nwan_loss_permille = 1001"),
            "9:21: must be 0 to 1000: it is out of a thousand",
        ),
        (with(two, "count = 199\nhosts = [3]"), "2:1: 201 sites: the model has room for 200"),
        (
            with("sites = 1\nswitches = 2\nhosts = 3\nwan = \"ring\"", "count = 2\nhosts = [3]"),
            "6:7: a ring joins main sites, and there is one: build a second one, or say `wan = \"star\"`",
        ),
        (
            with(
                "sites = 1\nswitches = 1\nhosts = 3\npairs = true",
                "count = 2\nhosts = [3]\nswitches = [2]",
            ),
            "6:9: a pair is two switches of one main site, and none has two: raise `switches`, or leave it out",
        ),
        (
            built("[[topology.site]]\nbranch = true\nhosts = [3]\n[[topology.site]]\nhosts = [3]"),
            "4:10: the first site is no branch, the CMA is there: put a main site before it",
        ),
        (
            built(
                "[[topology.site]]\nhosts = [3]\n[[topology.site]]\nhosts = [3, 2]\nbranch = true\ndual_homed = [[1, 2]]",
            ),
            "8:15: hosts of a branch have one port: leave `dual_homed` or `branch` out",
        ),
        (
            format!(
                "{}[[faults]]\nkind = \"wan-line\"\non = \"s3\"\nto = \"s2\"\nat = \"5s\"\n",
                with("sites = 2\nswitches = 2\nhosts = 3\nwan = \"mesh\"", "count = 2\nhosts = [3]\n")
            ),
            "14:6: there is no line from s3 to `s2`: `wan` in [topology] says which there are",
        ),
    ]);
    let rich = "sites = 2\nswitches = 2\nhosts = 4\ndual_homed = 1\nspines = 2\nfeeds = 2\nline_cards = 2\ndomains = 2\n\
                pairs = true\nbond = \"802.3ad\"\nwan = \"ring\"\nannounce = \"both\"";
    let scenario = read(&with(rich, "count = 4\nhosts = [5, 1, 2]\nswitches = [1, 2]"));
    let plan = scenario.plan();
    let branches: Vec<(usize, bool, usize)> = plan
        .sites
        .iter()
        .skip(2)
        .map(|site| (site.switches, site.branch, site.spines + site.feeds + site.modules))
        .collect();
    assert_eq!(branches, [(1, true, 0), (2, true, 0), (1, true, 0), (2, true, 0)]);
    let mut on = vec![0; plan.switches()];
    plan.hosts.iter().for_each(|host| on[host.switches[0]] += 1);
    assert_eq!(on, [5, 4, 5, 4, 5, 1, 2, 5, 1, 2]);
    assert_eq!(plan.lines(), [(0, 1), (0, 2), (1, 3), (0, 4), (1, 5)]);
}

#[test]
fn faults_that_change_nothing_are_refused() {
    refused_with(&[
        (
            breaking("lldp-pose", "on = \"sw1\"\nposes_as = \"sw1\""),
            "10:12: sw1 is itself already: name another switch",
        ),
        (
            breaking("recable", "on = \"h7\"\nport = \"eth1\"\nto = \"sw2\""),
            "11:6: eth1 of h7 hangs on sw2 already: name another switch of its site",
        ),
        (
            breaking("clock-drift", "on = \"h1\"\nppm = 0"),
            "10:7: must be -10000 to 10000, and not 0, at which a clock is right",
        ),
        (
            breaking("clock-jump", "on = \"h1\"\nahead = \"0s\""),
            "10:9: must be longer than nothing, which changes nothing",
        ),
        (breaking("duplication", "permille = 0"), "9:12: must be 1 to 1000 of a thousand: 0 doubles nothing"),
        (breaking("reordering", "delay = \"0s\""), "9:9: must be longer than nothing, which changes nothing"),
        (
            breaking("cable-quality", "on = \"h1\"\nloss_permille = 9\nudp_port = 0"),
            "11:12: nothing goes to port 0: write 1 to 65535, or leave it out, and all ports are meant",
        ),
        (
            breaking("host-power", "on = \"h1\"\nlasts = \"0s\""),
            "10:9: must be longer than nothing; left out, it lasts to the end",
        ),
        (
            breaking("clone", "on = \"h1\"\nof = \"h9\""),
            "10:6: `h9` is no other host in the site of h1: name one whose image it gets",
        ),
    ]);
}

#[test]
fn what_would_fill_the_memory_or_take_for_ever_is_refused() {
    let year = |hosts: u32, fault: &str| {
        format!(
            "duration = \"8784h\"\n[topology]\nsites = 1\nswitches = 1\nhosts = {hosts}\n[[faults]]\n{fault}\n"
        )
    };
    let flaps = "kind = \"cable\"\non = \"h1\"\nat = \"5s\"\nflaps = \"1s\"\nlasts = ";
    let rate = "kind = \"probe\"\non = \"all\"\nlasts = \"1s\"\nper_day = 1";
    let often = "kind = \"probe\"\non = \"all\"\nlasts = \"1s\"\nat = \"5s\"";
    let often = format!("{often}\n[[faults]]\n{often}\nif_whole = true");
    refused_with(&[
        (
            year(3, &format!("{flaps}\"8000h\"")),
            "6:1: faults begin and end 28800001 times by here, at most 1000000: raise `flaps`, lower `lasts`, or \
             choose fewer with `on`",
        ),
        (
            year(1_000, rate),
            "6:1: faults at a rate take 31622400000 draws by here, one for each target and second, at most \
             50000000: lower `duration`, or choose fewer with `on`",
        ),
    ]);
    for sound in [year(3, &format!("{flaps}\"100h\"")), year(1, rate), year(60_000, &often)] {
        assert!(!read(&sound).cues(1).is_empty());
    }
}

#[test]
fn what_is_refused_says_in_plain_words_what_would_be_right() {
    let cable = |rest: &str| breaking("cable-quality", &format!("on = \"h1\"\nloss_permille = 9\n{rest}"));
    let expect = |rest: &str| built(&format!("sites = 1\nswitches = 1\nhosts = 3\n[[expect]]\n{rest}"));
    refused_with(&[
        (
            built("wan = \"tree\"\nsites = 1\nswitches = 1\nhosts = 3"),
            "3:7: `tree` is none of cloud, ring, mesh, star",
        ),
        (cable("way = \"up\""), "11:7: `up` is none of out, in"),
        (
            cable("udp_port = 70000"),
            "11:12: invalid value: integer `70000`, expected a whole number from 0 to 65535",
        ),
        (built("sites = -1"), "3:9: invalid value: integer `-1`, expected a whole number, 0 or more"),
        (expect("pages_max = -1"), "7:13: invalid value: integer `-1`, expected a whole number, 0 or more"),
        (
            breaking("clock-drift", "on = \"h1\"\nppm = 0.5"),
            "10:7: invalid type: floating point `0.5`, expected a whole number",
        ),
        ("duration = \"1m\"\ntopology = 3\n".into(), "2:12: invalid type: integer `3`, expected a table"),
        (format!("invariants = 3\n{SOUND}"), "1:14: invalid type: integer `3`, expected a table"),
    ]);
    let latin = [SOUND.as_bytes(), b"# Z\xfcrich\n"].concat();
    let told = Scenario::read_octets("a.toml", latin).unwrap_err().to_string();
    assert_eq!(told, "a.toml:19:4: this is not UTF-8: save the file as UTF-8 text");
}

#[test]
fn whatever_stands_in_a_file_it_is_read_or_refused() {
    let sound = SOUND.replace("on = \"h3\"", "on = \"ports!=2, host%2==1\"");
    for (at, _) in sound.char_indices() {
        let (before, after) = sound.split_at(at);
        for instead in ["", "0", "\"", "=", "9", "%", ",", "|", "\n", "[", "ü", "99999999999999999999"] {
            let text = format!("{before}{instead}{}", &after[1..]);
            if let Err(refusal) = Scenario::read("a.toml", &text) {
                assert!(
                    refusal.line <= text.lines().count() + 1 && !refusal.what.is_empty(),
                    "{refusal}\n{text}"
                );
            }
        }
    }
}

#[test]
fn the_document_has_the_fields_that_were_promised() {
    let document = serde_json::to_value(Report::of(vec![outcome(SOUND)])).unwrap();
    let keys = |value: &serde_json::Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!((keys(&document).join(" "), &document["schema"]), ("ok scenarios schema".into(), &1.into()));
    let one = keys(&document["scenarios"][0]);
    for wanted in
        ["file", "seed", "ok", "failures", "violations", "pages", "incidents", "datagrams", "trace_hash"]
    {
        assert!(one.iter().any(|key| key == wanted), "{wanted} is not in {one:?}");
    }
    let datagrams = &document["scenarios"][0]["datagrams"];
    assert!(datagrams["switch"]["Beat"].as_u64() > Some(100), "{datagrams}");
    assert!(datagrams["site"]["Suspicion"].as_u64() > Some(0), "{datagrams}");
    assert!(datagrams["wan"]["MeshBeat"].as_u64() > Some(0), "{datagrams}");
    assert!(datagrams["cma"]["News"].as_u64() > Some(0), "{datagrams}");
}

// The reference.

/// The rows of the first table below a heading that has a head of that name: the cells of each.
fn table(heading: &str, head: &str) -> BTreeMap<String, Vec<String>> {
    let section = REFERENCE.split("\n### ").find(|section| section.lines().next() == Some(heading));
    let section = section.unwrap_or_else(|| panic!("docs/SCENARIOS.md has no heading `### {heading}`"));
    let start = format!("| {head} |");
    let rows = section.lines().skip_while(|line| !line.starts_with(&start)).skip(2);
    let cells = |row: &str| {
        let row = row.replace("\\|", "/");
        row.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect::<Vec<_>>()
    };
    let rows: Vec<Vec<String>> = rows.take_while(|line| line.starts_with('|')).map(cells).collect();
    let count = rows.len();
    let table: BTreeMap<_, _> =
        rows.into_iter().map(|row| (row[0].trim_matches('`').to_owned(), row)).collect();
    assert!(count > 0 && table.len() == count, "{heading}: no table with `{head}`, or a row twice");
    table
}

/// Names in backticks; `-` is none.
fn ticked(cell: &str) -> Vec<String> {
    let mut names: Vec<String> = cell.split('`').skip(1).step_by(2).map(str::to_owned).collect();
    assert!(!names.is_empty() || cell == "-", "{cell:?} is neither names nor `-`");
    names.sort();
    names
}

/// The keys of a struct that is read from a file, and whether each must be written.
fn keys(name: &str) -> BTreeMap<String, bool> {
    let head = format!("pub(super) struct {name} {{\n");
    let (_, body) = FILE.split_once(&head).unwrap_or_else(|| panic!("no struct {name} in file.rs"));
    let (body, _) = body.split_once("\n}").unwrap();
    let mut keys = BTreeMap::new();
    let mut has_default = false;
    for line in body.lines().map(str::trim) {
        if line == "#[serde(default)]" {
            has_default = true;
        } else {
            let (key, kind) = line.strip_prefix("pub(super) ").unwrap().split_once(": ").unwrap();
            keys.insert(key.to_owned(), !has_default && !kind.starts_with("Option<"));
            has_default = false;
        }
    }
    keys
}

#[test]
fn the_reference_has_every_key_and_no_other_and_says_which_are_required() {
    let tables = [
        ("The file", "File"),
        ("`[topology]`", "Topology"),
        ("`[[topology.site]]`", "Site"),
        ("`[topology.branches]`", "Branches"),
        ("`[protocol]`", "Protocol"),
        ("`[[faults]]`", "Fault"),
        ("`[[expect]]`", "Expect"),
    ];
    for (heading, name) in tables {
        let (told, known) = (table(heading, "key"), keys(name));
        assert_eq!(told.keys().collect::<Vec<_>>(), known.keys().collect::<Vec<_>>(), "{heading}");
        for (key, required) in known {
            assert_eq!(told[&key][1] == "required", required, "{heading}: {key}");
        }
    }
    let settle = format!("`{}s`", SETTLES.as_secs());
    assert_eq!(table("The file", "key")["settle"][1], settle);
}

#[test]
fn the_reference_has_every_kind_expectation_word_class_and_reason() {
    let kinds = table("Kinds of faults", "kind");
    assert_eq!(kinds.len(), KINDS.len(), "{:?}", kinds.keys());
    for kind in &KINDS {
        let row = kinds.get(kind.name).unwrap_or_else(|| panic!("kind {} is not described", kind.name));
        assert_eq!(row[1], kind.on.map_or("-", |sort| sort.word()), "{}", kind.name);
        for (needed, cell) in [(true, &row[2]), (false, &row[3])] {
            assert_eq!(ticked(cell), named(kind.keys, needed), "{}: needed {needed}", kind.name);
        }
    }
    let expectations = table("`[[expect]]`", "expectation");
    assert_eq!(expectations.len(), EXPECTATIONS.len());
    for (name, with) in &EXPECTATIONS {
        let row = expectations.get(*name).unwrap_or_else(|| panic!("{name} is not described"));
        for (needed, cell) in [(true, &row[1]), (false, &row[2])] {
            assert_eq!(ticked(cell), named(with, needed), "{name}: needed {needed}");
        }
    }
    let invariants = table("`[invariants]`", "invariant");
    let mut known: Vec<&str> = INVARIANTS.iter().map(|(name, _)| *name).collect();
    known.sort_unstable();
    assert_eq!(invariants.keys().collect::<Vec<_>>(), known);
    let words = table("Names", "word");
    let told: Vec<_> = words.iter().map(|(word, row)| (word.as_str(), row[1].clone())).collect();
    let sorts = |sorts: &[ringmesh_netsim::scenario::Sort]| {
        sorts.iter().map(|sort| sort.word()).collect::<Vec<_>>().join(", ")
    };
    let mut known: Vec<_> = WORDS.iter().map(|(word, of)| (*word, sorts(of))).collect();
    known.sort();
    assert_eq!(told, known);
    let mut classes = CLASSES.map(str::to_owned);
    classes.sort();
    assert_eq!(ticked(&table("`[[expect]]`", "key")["class"][2]), classes);
    let lists = [("`[topology]`", "bond", &BONDS[..]), ("`[topology]`", "announce", &SPEAKS[..])];
    let lists = lists.into_iter().chain([("`[topology]`", "wan", &WANS[..])]);
    for (heading, key, words) in lists.chain([("`[[faults]]`", "way", &WAYS[..])]) {
        let mut words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        words.sort();
        assert_eq!(ticked(&table(heading, "key")[key][2]), words, "{key}");
    }
    let mut reasons = REASONS.map(|reason| reason.word().to_owned()).to_vec();
    reasons.push("planned-stop".into());
    reasons.sort();
    assert_eq!(ticked(&table("`[[faults]]`", "key")["reason"][2]), reasons);
}

fn named(keys: &[(&str, bool)], needed: bool) -> Vec<String> {
    let mut names: Vec<String> =
        keys.iter().filter(|key| key.1 == needed).map(|key| key.0.to_owned()).collect();
    names.sort();
    names
}

#[test]
fn every_example_of_the_reference_is_a_sound_scenario() {
    let examples: Vec<&str> =
        REFERENCE.split("```toml\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    assert!(!examples.is_empty());
    for example in examples {
        let outcome = outcome(example);
        assert!(outcome.ok, "{}", outcome.complaints("test").join("\n"));
    }
}

#[test]
fn every_kind_of_fault_begins_and_ends_and_leaves_nothing_behind() {
    for kind in &KINDS {
        let on = kind.on.map(|sort| match sort.word() {
            "host" => "on = \"h7\"\n",
            "switch" => "on = \"sw2\"\n",
            _ => "on = \"s2\"\n",
        });
        let value = |key: &str| match key {
            "port" => "port = \"eth1\"\n",
            "reason" => "reason = \"upgrade\"\n",
            "back_within" => "back_within = \"60s\"\n",
            "delay" => "delay = \"200ms\"\n",
            "spine" => "spine = 2\n",
            "card" => "card = 1\n",
            "feed" => "feed = 2\n",
            "way" => "way = \"in\"\n",
            "udp_port" => "udp_port = 1984\n",
            "larger_than" => "larger_than = 100\n",
            "domain" => "domain = 1\n",
            "poses_as" => "poses_as = \"sw3\"\n",
            "to" if kind.name == "wan-line" => "to = \"s1\"\n",
            "to" => "to = \"sw1\"\n",
            "of" => "of = \"h5\"\n",
            "each" => "each = \"20ms\"\n",
            "ppm" => "ppm = 200\n",
            "ahead" => "ahead = \"1h\"\n",
            // In place of `ahead`.
            "behind" => "",
            "permille" => "permille = 100\n",
            _ => "loss_permille = 20\n",
        };
        let with: String = kind.keys.iter().map(|(key, _)| value(key)).collect();
        let head = "duration = \"5m\"\n[topology]\nsites = 2\nswitches = 2\nhosts = 3\ndual_homed = 1\n";
        let parts = "spines = 2\nline_cards = 2\nfeeds = 2\ndomains = 2\npairs = true\nwan = \"ring\"\n";
        let fault = format!("[[faults]]\nkind = \"{}\"\nat = \"5s\"\nlasts = \"25s\"\n", kind.name);
        let expect = format!("{}{with}[[expect]]\nwhole_at_end = true\n", on.unwrap_or_default());
        let text = format!("{head}{parts}{fault}{expect}");
        let outcome = outcome(&text);
        assert!(outcome.ok, "{}: {}\n{text}", kind.name, outcome.complaints("test").join("\n"));
    }
}
