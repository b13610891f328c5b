//! Four switches with eight hosts each: what a probe makes of its switch, timed by the probes' own logs.
//!
//! Needs what the labs need; where it may not be, it is skipped loudly with the reason.

#![allow(clippy::unwrap_used)]

use std::env;
use std::ffi::OsString;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::Command;
use std::thread::{self, sleep};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use ringmesh_netsim::lab::{
    self, Announcer, Host, Interrupt, Lab, LabError, Options, Plan, Profile, Quality, Size, Tree,
    missing_for_fallback_rings, missing_for_switch_rings,
};

type Outcome = Result<(), LabError>;

const TX_S: u16 = 5;
const TX_MS: i64 = TX_S as i64 * 1_000;
/// An announcement is believed for four intervals.
const TTL_MS: i64 = 4 * TX_MS;
const DAY_MS: i64 = 86_400_000;

// What was promised.
const ATTACHED_MS: i64 = 2 * TX_MS;
const CARRIER_MS: i64 = 200;
const LEAVE_MS: i64 = 100;
const EXPIRY_MS: i64 = 500;
const FOLLOWED: Duration = Duration::from_secs(10);
/// How much more a machine may take that has more to do than it can: then only what is stuck is told.
const LOADED_TIMES: i64 = 5;
/// From a ring's change to the words about the cable.
const TOLD: Duration = Duration::from_secs(5);

#[test]
fn every_host_knows_its_switch_and_what_becomes_of_it_in_time() {
    let words = ["every_host_knows_its_switch_and_what_becomes_of_it_in_time", "--exact", "--nocapture"];
    let own = env::current_exe().unwrap();
    let words: Vec<OsString> = words.map(OsString::from).into();
    let outcome = lab::enter_or_return(&own, &words).and_then(|()| walk());
    match outcome {
        Err(reason) if reason.is_about_the_machine() => {
            // Written past the test runner, which hides what passing tests print.
            let _ = writeln!(std::io::stderr(), "SKIPPED: four switches: {reason}");
        }
        outcome => outcome.unwrap(),
    }
}

fn walk() -> Outcome {
    let mut lab = Lab::build(&options()?)?;
    lab.start_roles(&Interrupt::never())?;
    wait_until(&lab, Duration::from_secs(60), missing_for_fallback_rings)?;
    let first = attaches_within_two_intervals(&mut lab)?;
    wait_until(&lab, Duration::from_secs(30), missing_for_switch_rings)?;
    a_moved_cable_is_followed(&lab)?;
    a_leave_is_handled_at_once(&mut lab)?;
    let killed = between_announcements(&first, || lab.silence("sw3", false));
    carrier_is_told_at_once(&lab)?;
    a_killed_announcer_expires_with_its_ttl(&lab, &first, killed)?;
    nobody_was_paged_for_the_moved_cable(&lab)?;
    lab.down()
}

fn options() -> Result<Options, LabError> {
    let bin_dir = Path::new(env!("CARGO_BIN_EXE_ringmesh-netsim")).parent().unwrap_or(Path::new("/"));
    let prefix = format!("rmt{}sw", std::process::id());
    Ok(Options {
        layout: Size::new(4, 8, 0)?.into(),
        announcer: Announcer::None,
        profile: Profile::Lab,
        // Beside the labs of the command line, so that a killed run is cleaned up by either.
        dir: bin_dir.parent().unwrap_or(bin_dir).join("lab").join(&prefix),
        prefix,
        bin_dir: bin_dir.to_path_buf(),
        tx_interval_s: TX_S,
        wan: Quality::default(),
        neo4j: None,
    })
}

/// When each host heard its switch first.
type Firsts = Vec<(String, i64)>;

fn attaches_within_two_intervals(lab: &mut Lab) -> Result<Firsts, LabError> {
    lab.choose_announcer(Announcer::Own);
    let start = now();
    lab.start_announcers()?;
    let mut firsts = Vec::new();
    for host in &lab.plan().hosts {
        firsts.push((host.name.clone(), line_after(lab, &host.name, start, &["attached", "\"lldp\""])?));
    }
    at_most(lab, "attached after the first announcer's start", &firsts, |_| start, ATTACHED_MS)?;
    for host in &lab.plan().hosts {
        let said = lab.attachments(&host.name)?;
        let port = &said["ports"][0];
        let is = [&port["switch"]["text"], &port["port"]["text"], &port["evidence"]];
        if is.map(|word| word.as_str().unwrap_or_default().to_string()) != wanted(lab.plan(), host) {
            return failed(lab, format!("{}: hangs on {port:#}", host.name));
        }
    }
    Ok(firsts)
}

/// Chassis, port and evidence that a host should name.
fn wanted(plan: &Plan, host: &Host) -> [String; 3] {
    let leg = &host.legs[0];
    let switch = plan.switch_numbered(leg.switch).map(|switch| switch.chassis_text());
    [switch.unwrap_or_default(), leg.port.clone(), "lldp".into()]
}

/// A host's cable goes to another switch, into the place of a host that is unplugged meanwhile.
fn a_moved_cable_is_followed(lab: &Lab) -> Outcome {
    let plan = lab.plan();
    let (one, other) = (first_on(plan, 1), first_on(plan, 2));
    let (sw1, sw2) = (plan.netns("sw1"), plan.netns("sw2"));
    let (p, q) = (&one.legs[0].port, &other.legs[0].port);
    ip(&sw2, &format!("link set dev {q} netns {sw1} name parked"))?;
    let start = now();
    ip(&sw1, &format!("link set dev {p} netns {sw2} name {q}"))?;
    ip(&sw2, &format!("link set dev {q} master br0 up"))?;
    let words = ["attached", "sw2", "\"lldp\""];
    let heard = line_after(lab, &one.name, start, &words)?;
    let in_ring = |tree: &Tree, switch: &str, host: &str| {
        let switches = tree.sites.iter().flat_map(|site| &site.switches).filter(|known| known.name == switch);
        switches.flat_map(|switch| &switch.rings).any(|ring| ring.members.iter().any(|name| name == host))
    };
    let here = one.name.clone();
    wait_until(lab, FOLLOWED, |_, tree| {
        let followed = in_ring(tree, "sw2", &here) && !in_ring(tree, "sw1", &here);
        (!followed).then(|| format!("{here} is not in the ring of sw2, or still in that of sw1"))
    })?;
    let took = since(now(), heard);
    eprintln!("recabled: in the ring of the new switch {took} ms after its first frame");
    if took > FOLLOWED.as_millis() as i64 {
        return failed(lab, format!("the ring followed after {took} ms"));
    }
    the_moved_cable_is_told(lab, &one.name)?;
    // The other one takes the place that is free.
    ip(&sw1, &format!("link set dev parked name {p}"))?;
    ip(&sw1, &format!("link set dev {p} master br0 up"))?;
    line_after(lab, &other.name, start, &["attached", "sw1", "\"lldp\""]).map(drop)
}

fn the_moved_cable_is_told(lab: &Lab, host: &str) -> Outcome {
    let start = Instant::now();
    loop {
        let told = lab.operator().incidents()?;
        let is_it = |verdict: &str, subject: &str, state: &str| {
            verdict == "WiringChanged" && subject == host && state == "closed"
        };
        if told.iter().any(|told| is_it(&told.verdict, &told.subject.id, &told.state)) {
            return Ok(());
        }
        if start.elapsed() > TOLD {
            return failed(lab, format!("nothing was said of the moved cable of {host}"));
        }
        sleep(Duration::from_millis(100));
    }
}

/// Asked at the end of all: a page may come late.
fn nobody_was_paged_for_the_moved_cable(lab: &Lab) -> Outcome {
    let host = &first_on(lab.plan(), 1).name;
    let paged = fs::read_to_string(lab.pages_file()).unwrap_or_default();
    if paged.contains(&format!("\"{host}\"")) {
        return failed(lab, format!("somebody was paged for the moved cable of {host}:\n{paged}"));
    }
    Ok(())
}

fn a_leave_is_handled_at_once(lab: &mut Lab) -> Outcome {
    let start = now();
    lab.silence("sw2", true);
    let mut left = Vec::new();
    // The first hosts of both switches have changed places.
    let moved = first_on(lab.plan(), 2).name.clone();
    let stayed = lab.plan().hosts_on(2).filter(|host| host.name != moved);
    for host in stayed.map(|host| &host.name).chain([&first_on(lab.plan(), 1).name]) {
        left.push((host.clone(), line_after(lab, host, start, &["stopped announcing itself"])?));
    }
    at_most(lab, "leave handled after the announcer was asked to stop", &left, |_| start, LEAVE_MS)
}

/// Ports of a switch go dark one after the other, each timed by itself: the kernel takes its time for all.
fn carrier_is_told_at_once(lab: &Lab) -> Outcome {
    let (mut lost, mut cut) = (Vec::new(), Vec::new());
    let netns = lab.plan().netns("sw4");
    for host in lab.plan().hosts_on(4) {
        cut.push((host.name.clone(), now()));
        ip(&netns, &format!("link set dev {} down", host.legs[0].port))?;
    }
    for (host, at) in &cut {
        lost.push((host.clone(), line_after(lab, host, *at, &["carrier", "up=false"])?));
    }
    let cut_at = |name: &str| cut.iter().find(|(host, _)| host == name).map_or(0, |(_, at)| *at);
    at_most(lab, "loss of carrier told after `ip` was started", &lost, cut_at, CARRIER_MS)
}

fn a_killed_announcer_expires_with_its_ttl(lab: &Lab, firsts: &Firsts, killed: i64) -> Outcome {
    let mut off = Vec::new();
    for host in lab.plan().hosts_on(3) {
        let ended = line_after(lab, &host.name, killed, &["announcements on", "ended"])?;
        let first = first_of(firsts, &host.name);
        let last = first + since(killed, first) / TX_MS * TX_MS;
        off.push((host.name.clone(), since(ended, last) - TTL_MS));
    }
    eprintln!("expired, in ms after the TTL: {:?}", off.iter().map(|(_, off)| off).collect::<Vec<_>>());
    let limit = allowed(EXPIRY_MS);
    match off.iter().find(|(_, off)| off.abs() > limit) {
        Some((host, off)) => failed(lab, format!("{host}: expired {off} ms after the TTL")),
        None => Ok(()),
    }
}

/// Does something half-way between two announcements of the third switch, and says when.
fn between_announcements(firsts: &Firsts, act: impl FnOnce()) -> i64 {
    let host = firsts.iter().find(|(name, _)| name == "h17").map_or(0, |(_, first)| *first);
    let into = since(now(), host).rem_euclid(TX_MS);
    let wait = (TX_MS / 2 - into).rem_euclid(TX_MS);
    sleep(Duration::from_millis(u64::try_from(wait).unwrap_or_default()));
    act();
    now()
}

fn first_of(firsts: &Firsts, name: &str) -> i64 {
    firsts.iter().find(|(host, _)| host == name).map_or(0, |(_, first)| *first)
}

fn first_on(plan: &Plan, switch: u16) -> &Host {
    plan.hosts_on(switch).next().unwrap()
}

/// The limit as promised, unless the machine has more to do than it has cores: the logs' clocks tell of the whole
/// machine, not of a probe alone.
fn allowed(promised_ms: i64) -> i64 {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load: f64 = text.split_whitespace().next().and_then(|word| word.parse().ok()).unwrap_or_default();
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let is_loaded = load >= cores as f64;
    let limit = if is_loaded { promised_ms * LOADED_TIMES } else { promised_ms };
    eprintln!("at most {limit} ms, promised {promised_ms} ms (load {load}, {cores} cores)");
    limit
}

fn at_most(
    lab: &Lab,
    what: &str,
    stamps: &[(String, i64)],
    from: impl Fn(&str) -> i64,
    limit: i64,
) -> Outcome {
    let took: Vec<i64> = stamps.iter().map(|(host, at)| since(*at, from(host))).collect();
    eprintln!("{what}, in ms: {took:?}");
    let limit = allowed(limit);
    match took.iter().max() {
        Some(worst) if *worst > limit => {
            failed(lab, format!("{what}: {worst} ms, at most {limit} ms: {took:?}"))
        }
        _ => Ok(()),
    }
}

/// When a probe's log has a line with all these words, not before `from`.
fn line_after(lab: &Lab, host: &str, from: i64, words: &[&str]) -> Result<i64, LabError> {
    const PATIENCE: Duration = Duration::from_secs(30);
    let start = Instant::now();
    loop {
        let log = fs::read_to_string(lab.file_of(host, "probe.log")).unwrap_or_default();
        let fitting = log.lines().filter(|line| words.iter().all(|word| line.contains(word)));
        let stamps = fitting.filter_map(stamp).filter(|at| since(*at, from) >= 0);
        if let Some(at) = stamps.min_by_key(|at| since(*at, from)) {
            return Ok(at);
        }
        if start.elapsed() > PATIENCE {
            return failed(lab, format!("{host}: no line with {words:?} in its log:\n{log}"));
        }
        sleep(Duration::from_millis(50));
    }
}

/// Milliseconds of the day of a line like `2026-01-31T12:34:56.789012Z  INFO ..`.
fn stamp(line: &str) -> Option<i64> {
    let clock = line.split_once('T')?.1.split_once('Z')?.0;
    let mut parts = clock.split(':');
    let mut next = || parts.next()?.parse::<f64>().ok();
    let (hours, minutes, seconds) = (next()?, next()?, next()?);
    Some(((hours * 60.0 + minutes) * 60_000.0 + seconds * 1_000.0) as i64)
}

/// Milliseconds of the day, by the clock that logs are stamped with.
fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(0) % DAY_MS
}

/// From `before` to `after`, over midnight too; negative if it is the other way round.
fn since(after: i64, before: i64) -> i64 {
    (after - before + DAY_MS / 2).rem_euclid(DAY_MS) - DAY_MS / 2
}

fn ip(netns: &str, words: &str) -> Outcome {
    let output = Command::new("ip").args(["-n", netns]).args(words.split_whitespace()).output();
    let trouble = match output {
        Ok(output) if output.status.success() => return Ok(()),
        Ok(output) => String::from_utf8_lossy(&output.stderr).into_owned(),
        Err(error) => error.to_string(),
    };
    Err(LabError::Failed(format!("ip -n {netns} {words}: {trouble}")))
}

fn failed<T>(lab: &Lab, text: String) -> Result<T, LabError> {
    Err(LabError::Failed(format!("{text}\n{}", lab.last_words(&lab.judges(), 15))))
}

/// How long it took until nothing was missing.
fn wait_until(
    lab: &Lab,
    patience: Duration,
    missing: impl Fn(&Plan, &Tree) -> Option<String>,
) -> Result<Duration, LabError> {
    let start = Instant::now();
    loop {
        let left = missing(lab.plan(), &lab.operator().tree()?);
        match left {
            None => return Ok(start.elapsed()),
            Some(left) if start.elapsed() > patience => {
                return failed(lab, format!("after {} s: {left}", patience.as_secs()));
            }
            Some(_) => sleep(Duration::from_millis(50)),
        }
    }
}

#[test]
fn the_time_of_a_log_line_is_read_and_differs_over_midnight() {
    let line = "2026-11-22T17:09:23.838884Z  INFO carrier port=eth0 up=false";
    assert_eq!(stamp(line), Some(((17 * 60 + 9) * 60 + 23) * 1_000 + 838));
    assert_eq!(stamp("no time"), None);
    assert_eq!((since(5, DAY_MS - 5), since(DAY_MS - 5, 5), since(70, 20)), (10, -10, 50));
}
