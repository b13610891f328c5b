//! Real programs in real network namespaces, side by side.
//!
//! Needs root, or a kernel that lets ordinary users make namespaces. Where neither is so, or a program of
//! the system is missing, the labs are skipped loudly with the reason; a missing program of ours is a
//! failure.

#![allow(clippy::unwrap_used)]

use std::env;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Write as _};
use std::net::{Ipv4Addr, UdpSocket};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::sched::{CloneFlags, setns};
use nix::sys::socket::{setsockopt, sockopt};

use ringmesh_netsim::lab::script::{Fault, Step, TOUR, tour_of};
use ringmesh_netsim::lab::tour::{self, Progress, Tour};
use ringmesh_netsim::lab::{
    self, Announcer, Incident, Interrupt, Lab, LabError, Options, Plan, Profile, Quality, Size, Tree,
    missing_for_fallback_rings, missing_for_switch_rings,
};

type Outcome = Result<(), LabError>;

/// One lab: what it shows, and how, given the prefix of its namespaces.
type Case = (&'static str, fn(&str) -> Outcome);

/// Nine labs share the processors with whatever else the machine does: what is promised of one lab may take that many
/// times as long. The promises themselves are kept by virtual time, and measured where nothing else runs.
const TOGETHER_TIMES: u32 = 3;
/// From a probe's start to its being watched, before any switch has spoken.
const FALLBACK_WITHIN: Duration = Duration::from_secs(3 * TOGETHER_TIMES as u64);
/// From the switches' first frames to whole switch rings.
const RINGS_WITHIN: Duration = Duration::from_secs(5 * TOGETHER_TIMES as u64);

const LABS: &[Case] = &[
    ("the default tour, announced by our own encoder", default_tour),
    ("attachments, announced by lldpd", lldpd_is_believed),
    ("no dual-homed host: switch and uplink are told apart at the heal", settled_at_the_heal),
    ("fallback rings first, switch rings when the switches speak", fallback_then_switch_rings),
    ("a WAN that is cut loses everything without a word", cut_without_a_word),
    ("a WAN that is slow delays every frame on every leg", slow_where_asked),
    ("a site without power is dark, and boots when it is back", dark_and_back),
    ("two sites: what breaks between them", between_sites),
    ("three sites: one that is cut off is missed by both others", missed_by_both_others),
];

#[test]
fn labs_side_by_side() {
    // An ordinary user's test runs again, whole, where he may make networks.
    let words: Vec<OsString> = ["labs_side_by_side", "--exact", "--nocapture"].map(OsString::from).into();
    let own = env::current_exe().unwrap();
    if let Err(reason) = lab::enter_or_return(&own, &words) {
        return skipped("every lab", &reason);
    }
    let failures: Vec<String> = std::thread::scope(|scope| {
        let start = |(n, (name, run)): (usize, Case)| {
            let prefix = format!("rmt{}x{n}", std::process::id());
            scope.spawn(move || told(name, run(&prefix)))
        };
        let running: Vec<_> = LABS.iter().copied().enumerate().map(start).collect();
        running.into_iter().filter_map(|lab| lab.join().unwrap_or_else(|_| Some("panicked".into()))).collect()
    });
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
}

fn told(name: &str, outcome: Outcome) -> Option<String> {
    match outcome {
        Ok(()) => {
            eprintln!("lab ok: {name}");
            None
        }
        Err(reason) if reason.is_about_the_machine() => {
            skipped(name, &reason);
            None
        }
        Err(error) => Some(format!("{name}: {error}")),
    }
}

/// Written past the test runner, which hides what passing tests print.
fn skipped(what: &str, reason: &LabError) {
    let _ = writeln!(std::io::stderr(), "SKIPPED: {what}: {reason}");
}

fn options(prefix: &str, size: Size, announcer: Announcer) -> Options {
    let netsim = Path::new(env!("CARGO_BIN_EXE_ringmesh-netsim"));
    let bin_dir = netsim.parent().unwrap_or(Path::new("/")).to_path_buf();
    Options {
        layout: size.into(),
        announcer,
        profile: Profile::Lab,
        prefix: prefix.into(),
        dir: labs_folder(&bin_dir).join(prefix),
        bin_dir,
        tx_interval_s: 5,
        wan: Quality::default(),
        neo4j: None,
    }
}

/// Beside the labs of the command line, so that a killed run is cleaned up by either.
fn labs_folder(bin_dir: &Path) -> PathBuf {
    bin_dir.parent().unwrap_or(bin_dir).join("lab")
}

fn failed<T>(lab: &Lab, text: String) -> Result<T, LabError> {
    let casualties = lab.casualties().join("\n");
    Err(LabError::Failed(format!(
        "{text}\n{casualties}\n{}",
        lab.last_words(&[lab.judges(), vec!["h1", "h2"]].concat(), 15)
    )))
}

fn default_tour(prefix: &str) -> Outcome {
    let mut lab = Lab::build(&options(prefix, Size::default(), Announcer::Own))?;
    let quiet = Duration::from_secs(10);
    // As the command does it: what we wait for ourselves must not reach the daemons as a blocked signal.
    let stop = Interrupt::on_signals()?;
    let tour = tour::walk(&mut lab, &together(tour_of(1)), quiet, &stop, &Progress::on_stderr())?;
    lab.down()?;
    good(&tour)
}

fn together(script: Vec<Step>) -> Vec<Step> {
    script.into_iter().map(|step| step.unhurried(TOGETHER_TIMES)).collect()
}

fn settled_at_the_heal(prefix: &str) -> Outcome {
    let mut lab = Lab::build(&options(prefix, Size::new(2, 4, 0)?, Announcer::Own))?;
    let wanted = ["rings-formed", "switch-down", "uplink-cut"];
    let script: Vec<_> = TOUR.iter().filter(|step| wanted.contains(&step.name)).copied().collect();
    let tour =
        tour::walk(&mut lab, &together(script), Duration::ZERO, &Interrupt::never(), &Progress::on_stderr())?;
    lab.down()?;
    good(&tour)?;
    let undecided = tour.steps.iter().filter(|step| step.expected == "SwitchDown|UplinkCut").count();
    assert_eq!(undecided, 2, "without a second leg nothing is proved before the heal");
    Ok(())
}

fn good(tour: &Tour) -> Outcome {
    if tour.ok {
        return Ok(());
    }
    let bad = tour
        .steps
        .iter()
        .filter(|step| !step.ok)
        .map(|step| format!("{}: {}", step.name, step.problems.join("; ")));
    Err(LabError::Failed(format!("{}{}", tour::summary(tour), bad.collect::<Vec<_>>().join("\n"))))
}

fn lldpd_is_believed(prefix: &str) -> Outcome {
    let stop = Interrupt::never();
    let lab = Lab::up(&options(prefix, Size::default(), Announcer::Lldpd), &stop)?;
    // Debian's daemon needs a second or two before its first frame.
    let took = wait_until(&lab, Duration::from_secs(15), missing_for_switch_rings)?;
    eprintln!("lldpd: rings whole {:.2} s after the daemons' start", took.as_secs_f64());
    for host in &lab.plan().hosts {
        let said = lab.attachments(&host.name)?;
        let legs = host.legs.iter().map(|leg| {
            let switch = lab.plan().switch_numbered(leg.switch).map(|switch| switch.chassis_text());
            (leg.ifname.clone(), switch.unwrap_or_default(), leg.port.clone(), "lldp".to_string())
        });
        let wanted: Vec<_> = legs.collect();
        if attachments(&said) != wanted {
            return failed(&lab, format!("{}: attachments are {said:#}, not {wanted:?}", host.name));
        }
    }
    lab.down()
}

/// Port, chassis, switch port and evidence of each port of a host, in order.
fn attachments(said: &serde_json::Value) -> Vec<(String, String, String, String)> {
    let word = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_string();
    let ports = said["ports"].as_array().map(Vec::as_slice).unwrap_or_default();
    let one = |port: &serde_json::Value| {
        (
            word(&port["ifname"]),
            word(&port["switch"]["text"]),
            word(&port["port"]["text"]),
            word(&port["evidence"]),
        )
    };
    let mut all: Vec<_> = ports.iter().map(one).collect();
    all.sort();
    all
}

fn fallback_then_switch_rings(prefix: &str) -> Outcome {
    let stop = Interrupt::never();
    let mut lab = Lab::build(&options(prefix, Size::default(), Announcer::None))?;
    lab.start_roles(&stop)?;
    let watched = wait_until(&lab, Duration::from_secs(20), missing_for_fallback_rings)?;
    lab.choose_announcer(Announcer::Own);
    lab.start_announcers()?;
    let whole = wait_until(&lab, Duration::from_secs(30), missing_for_switch_rings)?;
    eprintln!(
        "fallback rings {:.2} s after the probes, switch rings {:.2} s after the first frames",
        watched.as_secs_f64(),
        whole.as_secs_f64()
    );
    if watched > FALLBACK_WITHIN || whole > RINGS_WITHIN {
        return failed(
            &lab,
            format!(
                "fallback {watched:?} (at most {FALLBACK_WITHIN:?}), rings {whole:?} (at most {RINGS_WITHIN:?})"
            ),
        );
    }
    lab.down()
}

/// No process stands in the way: only the network is built.
fn bare(prefix: &str, wan: Quality) -> Result<Lab, LabError> {
    let size = Size::new(1, 1, 0)?.of_sites(2)?;
    Lab::build(&Options { wan, ..options(prefix, size, Announcer::None) })
}

fn cut_without_a_word(prefix: &str) -> Outcome {
    const TO_IT: &[(&str, &str)] = &[("r1", "10.78.0.2"), ("cma", "10.78.0.2")];
    const FROM_IT: &[(&str, &str)] = &[("r2", "10.77.0.2"), ("r2", "10.76.0.2")];
    let mut lab = bare(prefix, Quality::default())?;
    let expect = |lab: &Lab, when: &str, knocks: &[(&str, &str)], wanted: fn(&Answer) -> bool| {
        for (from, to) in knocks {
            let answer = knock(&lab.plan().netns(from), to)?;
            if !wanted(&answer) {
                return failed(lab, format!("{when}: {from} knocks at {to}: {}", answer.words()));
            }
        }
        Ok(())
    };
    let silent = |answer: &Answer| matches!(answer, Answer::Silence);
    let refused = |answer: &Answer| matches!(answer, Answer::Refused(_));
    let all = [TO_IT, FROM_IT].concat();
    expect(&lab, "whole", &all, refused)?;
    // In a site without power nobody is left to knock.
    for (fault, lost) in [(Fault::Wan, all.as_slice()), (Fault::Site, TO_IT)] {
        lab.break_it(fault, "s2")?;
        // Longer than a router looks for a neighbour that is gone before it says "unreachable".
        std::thread::sleep(Duration::from_secs(4));
        expect(&lab, fault.word(), lost, silent)?;
        lab.heal("s2")?;
        expect(&lab, "healed", &all, refused)?;
    }
    lab.down()?;
    nothing_left(prefix)
}

fn slow_where_asked(prefix: &str) -> Outcome {
    let wan = Quality { delay_ms: 30, loss_permille: 0, seed: 1 };
    let lab = bare(prefix, wan)?;
    let mut times = Vec::new();
    // None is faster than the legs; the first asks for addresses on the way, and a busy machine is late at times.
    let (least, most) = (Duration::from_millis(120), Duration::from_millis(150));
    let fastest = |times: &[Duration]| times.iter().min().copied().unwrap_or(Duration::MAX);
    while times.len() < 6 || (times.len() < 40 && fastest(&times) >= most) {
        match knock(&lab.plan().netns("r1"), "10.78.0.2")? {
            Answer::Refused(after) => times.push(after),
            other => return failed(&lab, format!("over two legs of 30 ms and back: {}", other.words())),
        }
    }
    let fastest = fastest(&times);
    if !(least..most).contains(&fastest) {
        return failed(&lab, format!("over two legs of 30 ms and back: {times:?}"));
    }
    eprintln!("two legs of 30 ms and back: {:.1} ms", fastest.as_secs_f64() * 1000.0);
    lab.down()?;
    nothing_left(prefix)
}

/// What comes back from a port that nobody listens on.
enum Answer {
    /// The other machine says so itself, after this time.
    Refused(Duration),
    /// Nothing at all within a second.
    Silence,
    /// Somebody on the way says something.
    Told(io::Error),
}

impl Answer {
    fn words(&self) -> String {
        match self {
            Self::Refused(after) => format!("refused after {after:?}"),
            Self::Silence => "silence".into(),
            Self::Told(error) => format!("told: {error}"),
        }
    }
}

fn knock(netns: &str, to: &str) -> Result<Answer, LabError> {
    let trouble = |what: &dyn std::fmt::Display| LabError::Failed(format!("knocking from {netns}: {what}"));
    let to: Ipv4Addr = to.parse().map_err(|error| trouble(&error))?;
    let ask = || -> io::Result<Answer> {
        setns(File::open(Path::new("/run/netns").join(netns))?, CloneFlags::CLONE_NEWNET)?;
        let socket = UdpSocket::bind("0.0.0.0:0")?;
        // Whatever anybody says about it is told.
        setsockopt(&socket, sockopt::Ipv4RecvErr, &true)?;
        socket.set_read_timeout(Some(Duration::from_secs(1)))?;
        socket.connect((to, 9))?;
        let start = Instant::now();
        socket.send(b"knock")?;
        Ok(match socket.recv(&mut [0; 16]) {
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => Answer::Refused(start.elapsed()),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                Answer::Silence
            }
            Err(error) => Answer::Told(error),
            Ok(_) => Answer::Told(io::Error::other("an answer from a closed port")),
        })
    };
    // A thread of its own goes there and ends there.
    let asked = std::thread::scope(|scope| scope.spawn(ask).join());
    asked.map_err(|_| trouble(&"panicked"))?.map_err(|error| trouble(&error))
}

fn nothing_left(prefix: &str) -> Outcome {
    let named = fs::read_dir("/run/netns").into_iter().flatten().flatten();
    let left = named.map(|entry| entry.file_name()).filter(|name| name.to_string_lossy().starts_with(prefix));
    let left: Vec<OsString> = left.collect();
    if left.is_empty() { Ok(()) } else { Err(LabError::Failed(format!("left behind: {left:?}"))) }
}

fn dark_and_back(prefix: &str) -> Outcome {
    let size = Size::new(1, 3, 0)?.of_sites(2)?;
    let mut lab = Lab::up(&options(prefix, size, Announcer::Own), &Interrupt::never())?;
    wait_until(&lab, Duration::from_secs(20), missing_for_switch_rings)?;
    let boot_ids = |lab: &Lab| -> Vec<String> {
        let ids = ["h3", "h4", "h6"].map(|host| fs::read_to_string(lab.file_of(host, "boot_id")));
        ids.into_iter().map(Result::unwrap_or_default).collect()
    };
    let before = boot_ids(&lab);
    lab.break_it(Fault::Switch, "sw1")?;
    lab.break_it(Fault::Site, "s2")?;
    for (fault, name) in [(Fault::Host, "h4"), (Fault::Relay, "r2"), (Fault::Site, "s2")] {
        if lab.break_it(fault, name).is_ok() {
            return failed(&lab, format!("{name} of a dark site was broken once more"));
        }
    }
    std::thread::sleep(Duration::from_secs(2));
    if let Some(casualty) = lab.casualties().first() {
        return failed(&lab, format!("blamed on nobody: {casualty}"));
    }
    lab.heal("s2")?;
    lab.heal("sw1")?;
    let took = wait_until(&lab, Duration::from_secs(60), missing_for_switch_rings)?;
    eprintln!("rings whole {:.2} s after power was back", took.as_secs_f64());
    let after = boot_ids(&lab);
    if after[0] != before[0] || after[1] == before[1] || after[2] == before[2] {
        return failed(&lab, format!("boot ids: {before:?} became {after:?}"));
    }
    lab.down()?;
    nothing_left(prefix)
}

fn between_sites(prefix: &str) -> Outcome {
    let mut lab = Lab::build(&options(prefix, Size::default().of_sites(2)?, Announcer::Own))?;
    let script: Vec<_> =
        tour_of(2).into_iter().filter(|step| step.sites == 2 || step.name == "rings-formed").collect();
    assert_eq!(script.len(), 5, "a step between sites is missing");
    let tour =
        tour::walk(&mut lab, &together(script), Duration::ZERO, &Interrupt::never(), &Progress::on_stderr())?;
    lab.down()?;
    good(&tour)
}

/// From a cut to its incident: four beats of 2 s that do not come, and what it takes to ask and to judge.
const SITE_MISSED_WITHIN: Duration = Duration::from_secs(12 * TOGETHER_TIMES as u64);

fn missed_by_both_others(prefix: &str) -> Outcome {
    let size = Size::new(1, 3, 0)?.of_sites(3)?;
    let mut lab = Lab::up(&options(prefix, size, Announcer::Own), &Interrupt::never())?;
    wait_until(&lab, Duration::from_secs(20), missing_for_switch_rings)?;
    // Beats between sites take 2 s, and a link testifies after three.
    std::thread::sleep(Duration::from_secs(8));
    lab.break_it(Fault::Wan, "s2")?;
    let wrong = |incident: &Incident| -> Option<String> {
        let alone = incident.subject.kind == "site" && incident.names("s2");
        let verdict = incident.verdict == "SiteCut|SiteDark";
        let both = ["s1", "s3"].iter().all(|site| incident.is_witnessed_by(site));
        (!(alone && verdict && both)).then(|| format!("not what the other sites saw: {:#}", incident.raw))
    };
    let opened = wait_incident(&lab, SITE_MISSED_WITHIN, |all| {
        let first = all.first().ok_or("no incident; SiteCut|SiteDark of s2 was due")?;
        wrong(first).map_or(Ok(()), Err)
    })?;
    eprintln!("three sites: cut off, called so after {:.2} s", opened.as_secs_f64());
    // Long enough for a second opinion, were there one.
    std::thread::sleep(Duration::from_secs(5));
    lab.heal("s2")?;
    wait_incident(&lab, Duration::from_secs(60), |all| match all {
        [only] if only.is_closed() && only.verdict == "SiteCut" => Ok(()),
        [only] => Err(format!("{} {} instead of SiteCut closed", only.state, only.verdict)),
        several => Err(format!("{} incidents instead of 1", several.len())),
    })?;
    lab.down()
}

/// How long it took until the incidents were as they should be.
fn wait_incident(
    lab: &Lab,
    patience: Duration,
    check: impl Fn(&[Incident]) -> Result<(), String>,
) -> Result<Duration, LabError> {
    let start = Instant::now();
    loop {
        match check(&lab.operator().incidents()?) {
            Ok(()) => return Ok(start.elapsed()),
            Err(wrong) if start.elapsed() > patience => {
                return failed(lab, format!("after {} s: {wrong}", patience.as_secs()));
            }
            Err(_) => std::thread::sleep(Duration::from_millis(100)),
        }
    }
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
            Some(_) => std::thread::sleep(Duration::from_millis(50)),
        }
    }
}
