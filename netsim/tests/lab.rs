//! Real programs in real network namespaces, side by side.
//!
//! Needs root, or a kernel that lets ordinary users make namespaces. Where neither is so, or a program of
//! the system is missing, the labs are skipped loudly with the reason; a missing program of ours is a
//! failure.

#![allow(clippy::unwrap_used)]

use std::env;
use std::ffi::OsString;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use ringmesh_netsim::lab::script::TOUR;
use ringmesh_netsim::lab::tour::{self, Progress, Tour};
use ringmesh_netsim::lab::{
    self, Announcer, Interrupt, Lab, LabError, Options, Plan, Profile, Size, Tree,
    missing_for_fallback_rings, missing_for_switch_rings,
};

type Outcome = Result<(), LabError>;

/// One lab: what it shows, and how, given the prefix of its namespaces.
type Case = (&'static str, fn(&str) -> Outcome);

/// From a probe's start to its being watched, before any switch has spoken.
const FALLBACK_WITHIN: Duration = Duration::from_secs(3);
/// From the switches' first frames to whole switch rings.
const RINGS_WITHIN: Duration = Duration::from_secs(5);

const LABS: &[Case] = &[
    ("the default tour, announced by our own encoder", default_tour),
    ("attachments, announced by lldpd", lldpd_is_believed),
    ("no dual-homed host: switch and uplink are told apart at the heal", settled_at_the_heal),
    ("fallback rings first, switch rings when the switches speak", fallback_then_switch_rings),
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
        size,
        announcer,
        profile: Profile::Lab,
        prefix: prefix.into(),
        dir: labs_folder(&bin_dir).join(prefix),
        bin_dir,
        tx_interval_s: 5,
    }
}

/// Beside the labs of the command line, so that a killed run is cleaned up by either.
fn labs_folder(bin_dir: &Path) -> PathBuf {
    bin_dir.parent().unwrap_or(bin_dir).join("lab")
}

fn failed<T>(lab: &Lab, text: String) -> Result<T, LabError> {
    let casualties = lab.casualties().join("\n");
    Err(LabError::Failed(format!("{text}\n{casualties}\n{}", lab.last_words(&["cma", "r1", "h1", "h2"], 15))))
}

fn default_tour(prefix: &str) -> Outcome {
    let mut lab = Lab::build(&options(prefix, Size::default(), Announcer::Own))?;
    let quiet = Duration::from_secs(10);
    // As the command does it: what we wait for ourselves must not reach the daemons as a blocked signal.
    let stop = Interrupt::on_signals()?;
    let tour = tour::walk(&mut lab, TOUR, quiet, &stop, &Progress::on_stderr())?;
    lab.down()?;
    good(&tour)
}

fn settled_at_the_heal(prefix: &str) -> Outcome {
    let mut lab = Lab::build(&options(prefix, Size::new(2, 4, 0)?, Announcer::Own))?;
    let wanted = ["rings-formed", "switch-down", "uplink-cut"];
    let script: Vec<_> = TOUR.iter().filter(|step| wanted.contains(&step.name)).copied().collect();
    let tour = tour::walk(&mut lab, &script, Duration::ZERO, &Interrupt::never(), &Progress::on_stderr())?;
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
