//! A world that is measured: built, brought to rest, and what it costs this process.

use std::fs;
use std::time::{Duration, Instant};

use ringmesh_netsim::engine::Engine;
use ringmesh_netsim::model::{Plan, Wire, World};
use ringmesh_proto::time::Time;

use super::super::output::say;

/// Hosts on a switch.
const ON_SWITCH: usize = 40;
/// Sites of a large world, and hosts that make another site in a small one.
const SITES_MAX: usize = 25;
const SITE_HOSTS: usize = 2_000;
/// Between two announcements of a switch: what the standard says.
const LLDP_EVERY_S: u16 = 30;
/// A world that is not at rest by then never is.
const REST_WITHIN: Duration = Duration::from_secs(300);
/// Nobody but neighbours speaks for so long: it is at rest ..
pub(super) const REST: Duration = Duration::from_secs(15);
/// .. but not before every switch has announced itself to everybody: only then all stand in the rings of their switches.
const ANNOUNCED: Duration = Duration::from_secs(LLDP_EVERY_S as u64 + 2);
/// Between two lines of progress.
const PROGRESS: Duration = Duration::from_secs(10);
/// Of virtual time between two looks at the clock.
const STEP: Duration = Duration::from_secs(5);

/// What is built.
#[derive(Clone, Copy, Debug)]
pub(super) struct Size {
    pub(super) hosts: usize,
    pub(super) seed: u64,
    pub(super) loss_permille: u64,
}

impl Size {
    pub(super) fn sites(self) -> usize {
        (self.hosts / SITE_HOSTS).clamp(1, SITES_MAX)
    }

    fn plan(self) -> Plan {
        let (seed, loss_permille) = (self.seed, self.loss_permille);
        let plan = Plan::of_size(self.sites(), self.hosts, ON_SWITCH);
        Plan { seed, loss_permille, lldp_every_s: LLDP_EVERY_S, ..plan }
    }
}

/// A world, and since when it is looked at from outside.
pub(super) struct Measured {
    pub(super) world: World,
    began: Instant,
    told: Instant,
    resident_before: u64,
    /// Octets that the world takes while nothing runs in it yet.
    pub(super) built: u64,
}

impl Measured {
    pub(super) fn build(size: Size, engine: Engine, wire: Wire, cma: bool) -> Self {
        let (began, resident_before) = (Instant::now(), Usage::look().resident);
        let mut world = World::new(size.plan());
        world.set_engine(engine);
        world.set_wire(wire);
        world.remember_nothing();
        if !cma {
            world.kill_cma();
        }
        let mut measured = Self { world, began, told: began, resident_before, built: 0 };
        measured.built = measured.octets().0;
        measured.tell("built");
        measured
    }

    /// Octets of memory that came with the world: now, and at most so far.
    pub(super) fn octets(&self) -> (u64, u64) {
        let usage = Usage::look();
        let more = |octets: u64| octets.saturating_sub(self.resident_before);
        (more(usage.resident), more(usage.peak))
    }

    fn tell(&mut self, what: &str) {
        self.told = Instant::now();
        let (octets, _) = self.octets();
        let hosts = self.world.hosts();
        say(format_args!(
            "{:6.1} s: {what} at {:?} of virtual time, {} events, {} of {hosts} monitored, {} octets a host",
            self.began.elapsed().as_secs_f64(),
            self.world.now(),
            self.world.events(),
            self.world.monitored(),
            octets / hosts.max(1) as u64,
        ));
    }

    /// Lets it run, with a line now and then. In long steps: no switch runs ahead of the end of one.
    pub(super) fn run(&mut self, span: Duration) {
        let end = self.world.now() + span;
        while self.world.now() < end {
            let step = end.since(self.world.now()).min(STEP);
            self.world.run_for(step);
            if self.told.elapsed() > PROGRESS {
                self.tell("running");
            }
        }
    }

    /// Until all are monitored; how long it took, if it came to that.
    pub(super) fn start(&mut self) -> Option<Duration> {
        let begin = self.world.now();
        while self.world.now().since(begin) < REST_WITHIN {
            self.run(Duration::from_millis(100));
            if self.world.monitored() == self.world.hosts() {
                self.tell("all monitored");
                return Some(self.world.now().since(begin));
            }
        }
        None
    }

    /// Until nobody but neighbours speaks.
    pub(super) fn rest(&mut self) -> bool {
        let begin = self.world.now();
        let mut said = self.world.account().control();
        let mut since = begin;
        while self.world.now().since(begin) < REST_WITHIN {
            self.run(STEP);
            let control = self.world.account().control();
            if control != said {
                (said, since) = (control, self.world.now());
            }
            let announced = self.world.now() >= Time::ZERO + ANNOUNCED;
            if announced && self.world.now().since(since) >= REST {
                self.tell("at rest");
                return true;
            }
        }
        false
    }
}

/// What this process has used.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Usage {
    /// Of all threads, in this program and in the kernel.
    pub(super) cpu: Duration,
    resident: u64,
    peak: u64,
}

impl Usage {
    pub(super) fn look() -> Self {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let kib = |key: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(key));
            line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or_default()
        };
        Self { cpu: cpu(), resident: kib("VmRSS:") * 1_024, peak: kib("VmHWM:") * 1_024 }
    }
}

/// Ticks of a hundredth of a second, as the kernel counts them for everybody.
fn cpu() -> Duration {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The name of the program, in brackets, may hold anything.
    let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields).split_whitespace();
    let ticks: u64 = fields.skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
    Duration::from_millis(ticks * 10)
}

/// The load of the machine, for 1, 5 and 15 minutes.
pub(super) fn load() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split_whitespace().take(3).collect::<Vec<_>>().join(" ")
}
