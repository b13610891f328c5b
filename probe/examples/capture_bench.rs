//! What a probe costs, and whether it misses its switch, on a port with 100,000 foreign frames a second; and on one
//! that goes down and up.
//!
//! ```text
//! cargo build --release -p ringmesh-probe --bins --examples
//! target/release/examples/capture_bench --out docs/measured/capture.md
//! ```
//!
//! The whole network is one virtual cable in a namespace of its own, which ends with this program. Exit code 0: both
//! promises held; 1: one did not; 4: no namespace may be made here.

use std::env;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use clap::Parser;
use pnet::datalink::{self, DataLinkSender};
use serde_json::Value;

const INSIDE: &str = "RINGMESH_BENCH_NAMESPACE";
const PATIENCE: Duration = Duration::from_secs(15);
const NO_RIGHT: u8 = 4;
/// Of the wanted foreign frames, in percent: the sender shares its cores with all else, and need not reach the rest.
const RATE_PERCENT_MIN: u64 = 90;
/// Of a core, with so many foreign frames a second.
const FLOOD_PERCENT_MAX: f64 = 0.5;
/// Of a core, while the port goes down and up.
const BOUNCE_PERCENT_MAX: f64 = 1.0;
/// Octets of a foreign frame.
const FOREIGN: usize = 200;
/// Between two announcements during the flood.
const ANNOUNCE: Duration = Duration::from_millis(100);

/// Measures a probe on a busy port and on one that goes down and up.
#[derive(Parser)]
struct Arguments {
    /// Foreign frames a second.
    #[arg(long, value_name = "N", default_value_t = 100_000)]
    rate: u64,
    /// How long the flood lasts.
    #[arg(long, value_name = "S", default_value_t = 20)]
    seconds: u64,
    /// How often the port goes down and up.
    #[arg(long, value_name = "N", default_value_t = 50)]
    bounces: u32,
    /// The probe [default: beside this program's folder].
    #[arg(long, value_name = "FILE")]
    probe: Option<PathBuf>,
    /// Also write the report, in Markdown.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

fn main() -> anyhow::Result<ExitCode> {
    let arguments = Arguments::parse();
    if env::var_os(INSIDE).is_none() {
        return again_in_a_namespace();
    }
    let load_before = load();
    let bench = Bench::start(&arguments)?;
    let idle = bench.idle(Duration::from_secs(5))?;
    let flood = bench.flood(&arguments)?;
    let bounce = bench.bounce(arguments.bounces)?;
    let report = report(&load_before, idle, &flood, &bounce);
    print!("{report}");
    if let Some(path) = &arguments.out {
        fs::write(path, &report).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(ExitCode::from(u8::from(!(flood.holds() && bounce.holds()))))
}

fn again_in_a_namespace() -> anyhow::Result<ExitCode> {
    let may = Command::new("unshare").args(["-rn", "--", "true"]).status();
    if !may.is_ok_and(|status| status.success()) {
        eprintln!("SKIPPED: no network namespace may be made here; be root, or allow user namespaces");
        return Ok(ExitCode::from(NO_RIGHT));
    }
    let mut again = Command::new("unshare");
    again.args(["-rn", "--"]).arg(env::current_exe()?).args(env::args_os().skip(1)).env(INSIDE, "1");
    let code = again.status()?.code().and_then(|code| u8::try_from(code).ok());
    Ok(ExitCode::from(code.unwrap_or(1)))
}

/// A probe on `eth0`; the switch's port is `p1`.
struct Bench {
    probe: Child,
    program: PathBuf,
    folder: tempfile::TempDir,
}

impl Drop for Bench {
    fn drop(&mut self) {
        let _ = self.probe.kill();
        let _ = self.probe.wait();
    }
}

impl Bench {
    fn start(arguments: &Arguments) -> anyhow::Result<Self> {
        for words in [
            "link set lo up",
            "link add eth0 address 02:00:00:00:00:05 type veth peer name p1",
            "link set eth0 up",
            "link set p1 up",
            "address add 10.9.0.5/24 dev eth0",
        ] {
            ip(words)?;
        }
        let program = match &arguments.probe {
            Some(program) => program.clone(),
            None => beside()?,
        };
        let folder = tempfile::tempdir()?;
        let key = "00".repeat(32);
        let config = format!(
            "name = \"h1\"\nsite = \"bench\"\nkey = \"{key}\"\nrelays = [\"10.9.0.1:1990\"]\nports = [\"eth0\"]\n\
             run_dir = \"run\"\nstate_dir = \"state\"\n"
        );
        fs::write(folder.path().join("probe.toml"), config)?;
        let log = fs::File::create(folder.path().join("log"))?;
        // It ends with this program, however that ends.
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "--"]).arg(&program);
        command.arg("--config").arg(folder.path().join("probe.toml")).stderr(log).stdout(Stdio::null());
        let probe = command.spawn().with_context(|| format!("cannot start {}", program.display()))?;
        let bench = Self { probe, program, folder };
        bench.announce_until_heard(Instant::now())?;
        Ok(bench)
    }

    fn ask(&self, what: &str) -> Value {
        let mut command = Command::new(&self.program);
        command.args([what, "--json", "--config"]).arg(self.folder.path().join("probe.toml"));
        let answer = command.stderr(Stdio::null()).output().map(|output| output.stdout).unwrap_or_default();
        serde_json::from_slice(&answer).unwrap_or_default()
    }

    fn counter(&self, name: &str) -> anyhow::Result<u64> {
        let counter = self.ask("status")["counters"][name].as_u64();
        counter.with_context(|| format!("the probe does not say its counter {name}"))
    }

    /// How much a counter rose since it was `before`.
    fn risen(&self, name: &str, before: u64) -> anyhow::Result<u64> {
        let now = self.counter(name)?;
        now.checked_sub(before).with_context(|| format!("{name} fell from {before} to {now}: another probe?"))
    }

    /// Announces the switch until the port hangs on it; how long that took since `start`.
    fn announce_until_heard(&self, start: Instant) -> anyhow::Result<Duration> {
        let (mut switch, frame) = (sender("p1")?, announcement());
        loop {
            // A port that has just come up may not take it yet.
            let _ = switch.send_to(&frame, None);
            if self.ask("attachments")["ports"][0]["evidence"] == "lldp" {
                return Ok(start.elapsed());
            }
            let log = || fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
            ensure!(start.elapsed() < PATIENCE, "the probe does not hear its switch:\n{}", log());
            sleep(Duration::from_millis(50));
        }
    }

    fn idle(&self, time: Duration) -> anyhow::Result<f64> {
        eprintln!("idle for {} s", time.as_secs());
        let (before, start) = (self.cpu()?, Instant::now());
        sleep(time);
        Ok(percent(self.cpu()? - before, start.elapsed()))
    }

    fn flood(&self, arguments: &Arguments) -> anyhow::Result<Flood> {
        eprintln!("{} foreign frames a second for {} s", arguments.rate, arguments.seconds);
        let (heard, dropped) = (self.counter("frames")?, self.counter("frames_dropped")?);
        let (stop, sent) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let flooder = {
            let (stop, sent, rate, port) =
                (Arc::clone(&stop), Arc::clone(&sent), arguments.rate, sender("p1")?);
            thread::spawn(move || flood(port, rate, &stop, &sent))
        };
        let (mut switch, frame) = (sender("p1")?, announcement());
        let (before, start) = (self.cpu()?, Instant::now());
        let mut announced = 0;
        while start.elapsed() < Duration::from_secs(arguments.seconds) {
            // The queue of the port may be full for a moment: what was not sent cannot be heard.
            announced += u64::from(matches!(switch.send_to(&frame, None), Some(Ok(()))));
            sleep(ANNOUNCE);
        }
        let (used, time, foreign) = (self.cpu()? - before, start.elapsed(), sent.load(Ordering::Relaxed));
        stop.store(true, Ordering::Relaxed);
        ensure!(flooder.join().is_ok(), "the sender failed");
        Ok(Flood {
            percent: percent(used, time),
            foreign_per_s: foreign as f64 / time.as_secs_f64(),
            wanted_per_s: (arguments.rate * RATE_PERCENT_MIN / 100) as f64,
            announced,
            heard: self.risen("frames", heard)?,
            dropped: self.risen("frames_dropped", dropped)?,
        })
    }

    fn bounce(&self, times: u32) -> anyhow::Result<Bounce> {
        eprintln!("the port goes down and up {times} times");
        let (before, start) = (self.cpu()?, Instant::now());
        let (mut back, mut slowest) = (0, Duration::ZERO);
        for _ in 0..times {
            ip("link set p1 down")?;
            let down = Instant::now();
            while self.ask("attachments")["ports"][0]["carrier"] != false {
                ensure!(down.elapsed() < PATIENCE, "the probe does not see that the port is down");
                sleep(Duration::from_millis(20));
            }
            // Long enough for a loop that spins on a dead port to show.
            sleep(Duration::from_millis(200));
            ip("link set p1 up")?;
            match self.announce_until_heard(Instant::now()) {
                Ok(took) => slowest = slowest.max(took),
                Err(error) => {
                    eprintln!("after {back} times: {error:#}");
                    break;
                }
            }
            back += 1;
        }
        Ok(Bounce { percent: percent(self.cpu()? - before, start.elapsed()), times, back, slowest })
    }

    /// Processor time of the probe so far, all threads.
    fn cpu(&self) -> anyhow::Result<Duration> {
        let mut all = Duration::ZERO;
        for task in fs::read_dir(format!("/proc/{}/task", self.probe.id()))?.flatten() {
            let text = fs::read_to_string(task.path().join("schedstat")).unwrap_or_default();
            let nanos = text.split_whitespace().next().and_then(|word| word.parse().ok());
            all += Duration::from_nanos(nanos.unwrap_or_default());
        }
        Ok(all)
    }
}

/// `target/release/examples/capture_bench` stands below the programs.
fn beside() -> anyhow::Result<PathBuf> {
    let own = env::current_exe()?;
    let program = own.parent().and_then(Path::parent).map(|folder| folder.join("ringmesh-probe"));
    match program.filter(|program| program.is_file()) {
        Some(program) => Ok(program),
        None => bail!("no ringmesh-probe beside this program; build it, or name it with --probe"),
    }
}

fn ip(words: &str) -> anyhow::Result<()> {
    let status = Command::new("ip").args(words.split_whitespace()).status().context("cannot run ip")?;
    ensure!(status.success(), "ip {words}: {status}");
    Ok(())
}

fn sender(ifname: &str) -> anyhow::Result<Box<dyn DataLinkSender>> {
    let interface = datalink::interfaces().into_iter().find(|interface| interface.name == ifname);
    let interface = interface.with_context(|| format!("no interface {ifname}"))?;
    match datalink::channel(&interface, datalink::Config { promiscuous: false, ..Default::default() })? {
        datalink::Channel::Ethernet(sender, _) => Ok(sender),
        _ => bail!("no Ethernet channel on {ifname}"),
    }
}

/// What the switch says: chassis, port, TTL of an hour, name.
fn announcement() -> Vec<u8> {
    let mut frame = vec![0x01, 0x80, 0xc2, 0, 0, 0x0e, 2, 0, 0, 0, 1, 1, 0x88, 0xcc];
    frame.extend([0x02, 7, 4, 2, 0, 0, 0, 1, 1, 0x04, 3, 5, b'p', b'1', 0x06, 2, 0x0e, 0x10]);
    frame.extend([0x0a, 3, b's', b'w', b'1', 0, 0]);
    frame.resize(60, 0);
    frame
}

/// Eight frames of data to the host, one to all, one of Cisco's that is no CDP.
fn foreign() -> Vec<Vec<u8>> {
    let source = [2, 0, 0, 0, 0, 9];
    let frame = |to: [u8; 6], rest: &[u8]| {
        let mut frame = [&to[..], &source, rest].concat();
        frame.resize(FOREIGN, 0);
        frame
    };
    // IPv4 from 10.9.0.9 to 10.9.0.5, UDP to port 9.
    let mut data = vec![0x08, 0x00, 0x45, 0, 0, 186, 0, 0, 0, 0, 64, 17, 0, 0, 10, 9, 0, 9, 10, 9, 0, 5];
    data.extend([0x80, 0, 0, 9, 0, 166, 0, 0]);
    let mut all = vec![frame([2, 0, 0, 0, 0, 5], &data); 8];
    all.push(frame([0xff; 6], &[0x88, 0xb5]));
    all.push(frame([1, 0, 0x0c, 0xcc, 0xcc, 0xcc], &[0, 186, 0xaa, 0xaa, 3, 0, 0, 0x0c, 0x01, 0x11]));
    all
}

/// Sends `rate` frames a second until told to stop, a few at a time.
fn flood(mut port: Box<dyn DataLinkSender>, rate: u64, stop: &AtomicBool, sent: &AtomicU64) {
    let (frames, start) = (foreign(), Instant::now());
    let mut next = frames.iter().cycle();
    let mut count = 0_u64;
    while !stop.load(Ordering::Relaxed) {
        let nanos = start.elapsed().as_nanos() * u128::from(rate) / 1_000_000_000;
        let due = u64::try_from(nanos).unwrap_or(u64::MAX);
        // Never more than a tenth of a second late: a sender that was held up does not catch up in one burst.
        count = count.max(due.saturating_sub(rate / 10));
        for _ in count..due {
            if let Some(frame) = next.next()
                && matches!(port.send_to(frame, None), Some(Ok(())))
            {
                sent.fetch_add(1, Ordering::Relaxed);
            }
        }
        count = due;
        sleep(Duration::from_micros(200));
    }
}

fn percent(used: Duration, time: Duration) -> f64 {
    used.as_secs_f64() * 100.0 / time.as_secs_f64()
}

struct Flood {
    percent: f64,
    foreign_per_s: f64,
    /// At least so many.
    wanted_per_s: f64,
    announced: u64,
    heard: u64,
    dropped: u64,
}

impl Flood {
    fn holds(&self) -> bool {
        let heard = self.is_all_heard() && self.dropped == 0;
        self.is_flood() && self.percent < FLOOD_PERCENT_MAX && heard
    }

    fn is_flood(&self) -> bool {
        self.foreign_per_s >= self.wanted_per_s
    }

    /// Nothing heard of nothing announced would show nothing.
    fn is_all_heard(&self) -> bool {
        self.announced > 0 && self.heard == self.announced
    }
}

struct Bounce {
    percent: f64,
    times: u32,
    back: u32,
    slowest: Duration,
}

impl Bounce {
    fn is_back(&self) -> bool {
        self.times > 0 && self.back == self.times
    }

    fn holds(&self) -> bool {
        self.percent < BOUNCE_PERCENT_MAX && self.is_back()
    }
}

fn report(load_before: &str, idle: f64, flood: &Flood, bounce: &Bounce) -> String {
    let met = |holds: bool| if holds { "met" } else { "**missed**" };
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default().trim().to_string();
    let build = if cfg!(debug_assertions) { "dev" } else { "release" };
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let mut text = String::from(
        "# Listening on a busy port\n\nWritten by `capture_bench` of the probe (`scripts/bench` runs it); not to be \
         edited. A probe on a virtual\ncable in a namespace of one machine; the sender shares its cores.\n\n",
    );
    let mut line = |words: String| {
        let _ = writeln!(text, "{words}");
    };
    line("| what | wanted | measured |  |".into());
    line("|---|---|---|---|".into());
    line(format!("| idle, CPU of the probe | | {idle:.4} % of a core | |"));
    line(format!(
        "| foreign frames of {FOREIGN} octets | >= {:.0} /s | {:.0} /s | {} |",
        flood.wanted_per_s,
        flood.foreign_per_s,
        met(flood.is_flood())
    ));
    line(format!(
        "| CPU of the probe meanwhile, 10 announcements a second included | < {FLOOD_PERCENT_MAX} % of a core | {:.4} % of a core | {} |",
        flood.percent,
        met(flood.percent < FLOOD_PERCENT_MAX)
    ));
    line(format!(
        "| announcements heard | all of {} | {} | {} |",
        flood.announced,
        flood.heard,
        met(flood.is_all_heard())
    ));
    line(format!("| frames dropped by the kernel | 0 | {} | {} |", flood.dropped, met(flood.dropped == 0)));
    line(format!(
        "| port down and up, attachment back | {} | {} | {} |",
        bounce.times,
        bounce.back,
        met(bounce.is_back())
    ));
    line(format!(
        "| slowest return, with asking for it | | {:.0} ms | |",
        bounce.slowest.as_secs_f64() * 1e3
    ));
    line(format!(
        "| CPU of the probe meanwhile, questions included | < {BOUNCE_PERCENT_MAX} % of a core | {:.3} % of a core | {} |",
        bounce.percent,
        met(bounce.percent < BOUNCE_PERCENT_MAX)
    ));
    line("\n|  |  |\n|---|---|".into());
    line(format!("| revision | {} |", revision()));
    line(format!("| build | {build} |"));
    line(format!("| machine | {cores} x {}, Linux {} |", processor(), read("/proc/sys/kernel/osrelease")));
    line(format!("| load before, after | {load_before}, {} (1, 5, 15 minutes) |", load()));
    text
}

fn revision() -> String {
    let git = |words: &[&str]| {
        let output =
            Command::new("git").args(words).output().ok().filter(|output| output.status.success())?;
        Some(String::from_utf8_lossy(&output.stdout).trim().to_string())
    };
    let Some(head) = git(&["rev-parse", "--short", "HEAD"]) else { return "unknown".into() };
    // Files that git does not know build nothing.
    match git(&["status", "--porcelain", "--untracked-files=no"]) {
        Some(changed) if !changed.is_empty() => format!("{head} with changes"),
        _ => head,
    }
}

fn processor() -> String {
    let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = text.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    model.map_or("unknown", |(_, name)| name).into()
}

fn load() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split_whitespace().take(3).collect::<Vec<_>>().join(" ")
}
