//! Making a failing scenario small: less of it is tried again and again, and kept where it still fails in the same way.
//!
//! Delta debugging over faults, hosts, switches and sites, then over the time, then over what is lost on the way. In
//! the same way means: a law that was broken is broken, an expectation that was not met is not met; of what failed in
//! several ways, as many as can be. What such an expectation speaks of is not taken away: without it anything would
//! fail.

use std::collections::BTreeSet;
use std::time::Duration;

use super::draft::{Draft, ExpectDraft, FaultDraft, SiteDraft};
use super::expect::{About, Moment, What};
use super::fault::Fault;
use super::report::{Outcome, line_of};
use super::run::Run;
use super::wear::Wear;
use crate::model::{Speaks, WanShape};
use crate::watch::Watches;

/// A scenario is not made shorter than this.
const SHORTEST: Duration = Duration::from_secs(1);
/// A WAN in which nothing is remarkable.
const PLAIN_WAN: (Duration, u64) = (Duration::from_millis(10), 0);

/// So many more are tried when one fails in some of the ways: all of them would take the runs of everything else.
const TRIES_MORE: usize = 8;

/// What was found.
#[derive(Debug)]
pub struct Shrunk {
    /// The smallest that still fails.
    pub draft: Draft,
    /// How it went.
    pub outcome: Outcome,
    /// How many runs it took.
    pub runs: u64,
}

impl Shrunk {
    /// It as a file, below what is wrong with it; lines are those of this very file.
    pub fn file(&self, revision: &str) -> String {
        let above = self.outcome.complaints(revision).len();
        let wrong = self.outcome.complaints_below(above, revision);
        let wrong: String = wrong.iter().map(|wrong| format!("# {}\n", wrong.replace('\n', " "))).collect();
        format!("{wrong}{}", self.draft)
    }
}

/// Why a run failed, so that two runs can be compared.
type Signature = BTreeSet<String>;

/// Makes a failing scenario small with at most so many runs; `None` if it does not fail at all. `tell` hears of each
/// smaller one.
pub fn shrink(
    draft: &Draft,
    runs_max: u64,
    watches: impl Fn(&BTreeSet<&'static str>) -> Watches,
    mut tell: impl FnMut(&Draft, u64),
) -> Option<Shrunk> {
    let mut search =
        Search { watches, runs: 0, runs_max, wanted: Signature::new(), pinned: Pinned::default() };
    let (signature, _) = search.run(draft)?;
    search.pinned = Pinned::of(draft, &signature);
    search.wanted = signature;
    let mut best = draft.clone();
    loop {
        let before = search.runs;
        let mut smaller = false;
        for pass in PASSES {
            while let Some(less) = search.pass(&best, pass) {
                best = less;
                smaller = true;
                tell(&best, search.runs);
            }
        }
        if !smaller || search.runs >= search.runs_max || search.runs == before {
            break;
        }
    }
    let (_, outcome) = search.run(&best)?;
    Some(Shrunk { draft: best, outcome, runs: search.runs })
}

/// All that can be less by one step, the largest step first.
type Pass = fn(&Draft, &Pinned) -> Vec<Draft>;

const PASSES: [Pass; 8] = [
    fewer_faults,
    fewer_sites,
    fewer_hosts,
    fewer_switches,
    fewer_parts,
    less_time,
    shorter_faults,
    less_loss,
];

/// What must not be taken away.
#[derive(Debug, Default)]
struct Pinned {
    groups: BTreeSet<usize>,
    names: BTreeSet<String>,
    all_hosts: bool,
}

impl Pinned {
    fn of(draft: &Draft, signature: &Signature) -> Self {
        let mut pinned = Self::default();
        for expect in draft.expect.iter().filter(|expect| signature.contains(&word_of(expect.number))) {
            match &expect.what {
                What::Verdict { about, after, behind, .. } => {
                    pinned.groups.extend(group_of(*after));
                    pinned.all_hosts |= behind.is_some();
                    match about {
                        About::Name(name) => drop(pinned.names.insert(name.clone())),
                        About::Set(hosts) => pinned.names.extend(hosts.iter().cloned()),
                    }
                }
                What::DatagramsMax { after, .. } | What::WanBytesMax { after, .. } => {
                    pinned.groups.extend(group_of(*after));
                }
                What::NothingAbout(names) => pinned.names.extend(names.iter().cloned()),
                What::IncidentsMax(_) | What::PagesMax(_) | What::WholeAtEnd => {}
            }
        }
        pinned
    }
}

fn group_of(moment: Moment) -> Option<usize> {
    match moment {
        Moment::Settled => None,
        Moment::BeginOf(group) | Moment::EndOf(group) => Some(group),
    }
}

fn word_of(expectation: usize) -> String {
    format!("expectation {expectation}")
}

struct Search<W> {
    watches: W,
    runs: u64,
    runs_max: u64,
    /// How the smallest so far fails, of all the ways in which the first did.
    wanted: Signature,
    pinned: Pinned,
}

impl<W: Fn(&BTreeSet<&'static str>) -> Watches> Search<W> {
    /// The first of a pass that still fails in all the ways that it did; or else, of the first that fails in some and a
    /// few after it, the one that does in most.
    fn pass(&mut self, best: &Draft, pass: Pass) -> Option<Draft> {
        let (mut most, mut tried) = (None::<(Draft, Signature)>, 0);
        for less in pass(best, &self.pinned) {
            if self.runs >= self.runs_max || tried >= TRIES_MORE {
                break;
            }
            tried += usize::from(most.is_some());
            let Some((signature, _)) = self.run(&less) else { continue };
            let kept: Signature = signature.intersection(&self.wanted).cloned().collect();
            if kept.len() == self.wanted.len() {
                return Some(less);
            }
            if kept.len() > most.as_ref().map_or(0, |(_, most)| most.len()) {
                most = Some((less, kept));
            }
        }
        let (less, kept) = most?;
        self.wanted = kept;
        Some(less)
    }

    /// Why it fails, and how it went; `None` if it does not, or is no scenario.
    fn run(&mut self, draft: &Draft) -> Option<(Signature, Outcome)> {
        let scenario = draft.scenario("shrunk").ok()?;
        self.runs += 1;
        let run = scenario.run_watched(draft.seed, false, &self.watches);
        let line_of = |line: usize| {
            let at = scenario.expect.iter().position(|expect| expect.line == line);
            at.and_then(|at| draft.expect.get(at)).map(|expect| expect.number)
        };
        let signature = signature(&run, line_of);
        (!signature.is_empty()).then_some((signature, run.outcome))
    }
}

fn signature(run: &Run, number_of: impl Fn(usize) -> Option<usize>) -> Signature {
    let mut signature: Signature = run.broken.iter().map(|law| format!("law {law}")).collect();
    for failure in &run.outcome.failures {
        match number_of(failure.line) {
            Some(number) if !failure.expect.starts_with("everything") => {
                signature.insert(word_of(number));
            }
            _ => {
                // What is left behind at the end, by its first two words.
                let parts = failure.got.split("; ").map(|part| {
                    let words: Vec<&str> = part.split(' ').take(2).collect();
                    format!("left: {}", words.join(" "))
                });
                signature.extend(parts);
            }
        }
    }
    let other = run.outcome.violated.iter().filter(|what| !what.starts_with("invariant "));
    let other = other.map(|what| line_of(what).map_or(what.as_str(), |(_, what)| what));
    signature.extend(other.map(|what| what.split(' ').take(4).collect::<Vec<_>>().join(" ")));
    signature
}

/// Without a stretch of `count` things: half of them, a quarter, .. one.
fn stretches(count: usize) -> Vec<std::ops::Range<usize>> {
    let mut all = Vec::new();
    let mut size = count.div_ceil(2);
    while size > 0 {
        all.extend((0..count).step_by(size).map(|from| from..(from + size).min(count)));
        size = if size == 1 { 0 } else { size.div_ceil(2) };
    }
    all
}

fn fewer_faults(draft: &Draft, pinned: &Pinned) -> Vec<Draft> {
    let without = |gone: std::ops::Range<usize>| {
        let stays =
            |(at, fault): &(usize, &FaultDraft)| !gone.contains(at) || pinned.groups.contains(&fault.group);
        let faults: Vec<_> =
            draft.faults.iter().enumerate().filter(stays).map(|(_, fault)| fault.clone()).collect();
        (faults.len() < draft.faults.len()).then(|| Draft { faults, ..draft.clone() })
    };
    stretches(draft.faults.len()).into_iter().filter_map(without).collect()
}

fn fewer_sites(draft: &Draft, pinned: &Pinned) -> Vec<Draft> {
    let sites = draft.sites.len();
    let without = |gone: usize| Kept::all(draft).but_site(draft, gone).apply(draft, pinned);
    if sites > 1 { (0..sites).filter_map(without).collect() } else { Vec::new() }
}

fn fewer_hosts(draft: &Draft, pinned: &Pinned) -> Vec<Draft> {
    if pinned.all_hosts {
        return Vec::new();
    }
    let touched: BTreeSet<usize> = draft.faults.iter().filter_map(|fault| host_of(fault.fault)).collect();
    let free: Vec<usize> = (0..draft.hosts()).filter(|host| !touched.contains(host)).collect();
    let without = |gone: std::ops::Range<usize>| {
        let mut kept = Kept::all(draft);
        free.get(gone)?.iter().for_each(|host| kept.hosts[*host] = false);
        kept.apply(draft, pinned)
    };
    stretches(free.len()).into_iter().filter_map(without).collect()
}

/// One switch less, or a pair: the pairs behind it stay pairs then.
fn fewer_switches(draft: &Draft, pinned: &Pinned) -> Vec<Draft> {
    if pinned.all_hosts {
        return Vec::new();
    }
    let mut stretches = Vec::new();
    for (site, old) in draft.sites.iter().enumerate() {
        let [_, first] = draft.first_of(site);
        let end = first + old.hosts.len();
        let paired = draft.parts.pairs && !old.branch;
        let pairs = (first..end.saturating_sub(1)).step_by(2).filter(|_| paired);
        stretches.extend(pairs.map(|switch| switch..switch + 2));
        stretches.extend((first..end).map(|switch| switch..switch + 1));
    }
    let without = |gone: std::ops::Range<usize>| {
        let mut kept = Kept::all(draft);
        kept.switches[gone].fill(false);
        kept.apply(draft, pinned)
    };
    stretches.into_iter().filter_map(without).collect()
}

/// Without spines, line cards, feeds, domains, bonds, pairs, lines between sites, or other announcements than LLDP.
fn fewer_parts(draft: &Draft, _pinned: &Pinned) -> Vec<Draft> {
    let without: [fn(&mut Draft); 8] = [
        |less| less.parts.spines = 0,
        |less| less.parts.modules = 0,
        |less| less.parts.feeds = 0,
        |less| less.parts.domains = 0,
        |less| less.bond = None,
        |less| less.parts.pairs = false,
        |less| less.wan = WanShape::default(),
        |less| less.parts.speaks = Speaks::default(),
    ];
    let built = |draft: &Draft| (draft.parts.clone(), draft.bond, draft.wan);
    let less = |without: fn(&mut Draft)| {
        let mut less = draft.clone();
        without(&mut less);
        (built(&less) != built(draft)).then_some(less)
    };
    without.into_iter().filter_map(less).collect()
}

/// An earlier end; the heal keeps its distance from the last fault.
fn less_time(draft: &Draft, _pinned: &Pinned) -> Vec<Draft> {
    let end_of = |fault: &FaultDraft| fault.at + fault.lasts.unwrap_or_default();
    let last = draft.faults.iter().map(end_of).max().unwrap_or_default();
    let first = draft.faults.iter().map(|fault| fault.at).min().unwrap_or_default();
    let mut all = Vec::new();
    if first > SHORTEST {
        let sooner = first - SHORTEST;
        let faults = draft.faults.iter().map(|fault| FaultDraft { at: fault.at - sooner, ..fault.clone() });
        let lossless_after = draft.lossless_after.map(|after| after.saturating_sub(sooner));
        let duration = draft.duration.saturating_sub(sooner).max(SHORTEST);
        all.push(Draft { faults: faults.collect(), lossless_after, duration, ..draft.clone() });
    }
    let healed = draft.lossless_after.unwrap_or_default().max(last);
    let tail = draft.duration.saturating_sub(healed);
    for tail in [tail / 4, tail / 2, tail * 3 / 4] {
        let duration = whole_millis(healed + tail).max(SHORTEST);
        if duration < draft.duration {
            all.push(Draft { duration, ..draft.clone() });
        }
    }
    if draft.lossless_after.is_some_and(|after| after > last) {
        let sooner = healed - last;
        let duration = draft.duration.saturating_sub(sooner).max(last + SHORTEST);
        all.push(Draft { lossless_after: Some(last), duration, ..draft.clone() });
    }
    all
}

/// Each fault half as long.
fn shorter_faults(draft: &Draft, _pinned: &Pinned) -> Vec<Draft> {
    let half = |at: usize| {
        let lasts = draft.faults[at].lasts.filter(|lasts| *lasts >= 2 * SHORTEST)?;
        let mut less = draft.clone();
        less.faults[at].lasts = Some(whole_millis(lasts / 2));
        Some(less)
    };
    (0..draft.faults.len()).filter_map(half).collect()
}

/// Nothing is lost, WANs are plain, and there is nothing to heal of either.
fn less_loss(draft: &Draft, _pinned: &Pinned) -> Vec<Draft> {
    let mut all = Vec::new();
    if draft.loss_permille > 0 {
        all.push(Draft { loss_permille: 0, ..draft.clone() });
    }
    for (at, _) in draft.sites.iter().enumerate().filter(|(_, site)| site.wan != PLAIN_WAN) {
        let mut less = draft.clone();
        less.sites[at].wan = PLAIN_WAN;
        all.push(less);
    }
    let lossless = draft.loss_permille == 0 && draft.sites.iter().all(|site| site.wan.1 == 0);
    if lossless && draft.lossless_after.is_some() {
        all.push(Draft { lossless_after: None, ..draft.clone() });
    }
    all
}

fn whole_millis(long: Duration) -> Duration {
    Duration::from_millis(u64::try_from(long.as_millis()).unwrap_or(u64::MAX))
}

fn host_of(fault: Fault) -> Option<usize> {
    match fault {
        Fault::HostPower(host) | Fault::Probe(host) | Fault::Pause(host) | Fault::Cable(host, _) => {
            Some(host)
        }
        Fault::Leave { host, .. } => Some(host),
        Fault::Wear(wear) => wear.host(),
        _ => None,
    }
}

/// A branch has one line, and may be dealt to another main site where sites are fewer: what was wrong with its line is wrong
/// with that.
fn on_its_line(draft: &Draft, fault: Fault) -> Fault {
    let Fault::Wear(Wear::Line(a, b)) = fault else { return fault };
    let lines = draft.lines();
    let branch = [a, b].into_iter().find(|site| draft.sites.get(*site).is_some_and(|site| site.branch));
    let (Some(branch), false) = (branch, lines.contains(&(a.min(b), a.max(b)))) else { return fault };
    let own = lines.into_iter().find(|(a, b)| *a == branch || *b == branch);
    own.map_or(fault, |(a, b)| Fault::Wear(Wear::Line(a, b)))
}

/// What of a draft stays; the rest is taken away, and what stays gets new numbers.
struct Kept {
    sites: Vec<bool>,
    switches: Vec<bool>,
    hosts: Vec<bool>,
}

/// New numbers by old ones.
struct Numbers {
    sites: Vec<Option<usize>>,
    switches: Vec<Option<usize>>,
    hosts: Vec<Option<usize>>,
}

impl Kept {
    fn all(draft: &Draft) -> Self {
        let switches = draft.sites.iter().map(|site| site.hosts.len()).sum();
        Self {
            sites: vec![true; draft.sites.len()],
            switches: vec![true; switches],
            hosts: vec![true; draft.hosts()],
        }
    }

    fn but_site(mut self, draft: &Draft, site: usize) -> Self {
        let [hosts, switches] = draft.first_of(site);
        self.sites[site] = false;
        self.hosts[hosts..hosts + draft.sites[site].size()].fill(false);
        self.switches[switches..switches + draft.sites[site].hosts.len()].fill(false);
        self
    }

    /// What is left; `None` if that is no scenario, or something pinned would be gone.
    fn apply(mut self, draft: &Draft, pinned: &Pinned) -> Option<Draft> {
        self.drop_the_loose(draft);
        let numbers = self.numbers();
        let mut sites = Vec::new();
        for (site, old) in draft.sites.iter().enumerate().filter(|(site, _)| self.sites[*site]) {
            sites.push(self.site(draft, site, old)?);
        }
        // The CMA is at the first site, which is no branch.
        if let Some(first) = sites.first_mut() {
            first.branch = false;
        }
        let mut less = Draft { sites, faults: Vec::new(), expect: Vec::new(), ..draft.clone() };
        // A ring or a mesh is of main sites; one alone has lines to its branches.
        if less.sites.iter().filter(|site| !site.branch).count() < 2 && less.wan != WanShape::Cloud {
            less.wan = WanShape::Star(less.wan.hop());
        }
        let names = |name: &str| numbers.name(draft, &less, name);
        if pinned.names.iter().any(|name| names(name).is_none()) {
            return None;
        }
        let expect = draft.expect.iter().filter_map(|expect| renamed(expect, &names, &numbers));
        let expect: Vec<ExpectDraft> = expect.collect();
        for fault in &draft.faults {
            match numbers.fault(fault.fault) {
                Some(known) => {
                    let known = on_its_line(&less, known);
                    less.faults.push(FaultDraft { fault: known, ..fault.clone() });
                }
                None if pinned.groups.contains(&fault.group) => return None,
                None => {}
            }
        }
        less.expect = expect;
        Some(less)
    }

    /// Hosts of switches that go, go too.
    fn drop_the_loose(&mut self, draft: &Draft) {
        for (site, old) in draft.sites.iter().enumerate() {
            let [hosts, switches] = draft.first_of(site);
            for (number, on) in old.switches().iter().enumerate() {
                if on.iter().any(|switch| !self.switches[switches + switch]) {
                    self.hosts[hosts + number] = false;
                }
            }
        }
    }

    fn site(&self, draft: &Draft, site: usize, old: &SiteDraft) -> Option<SiteDraft> {
        let [hosts, switches] = draft.first_of(site);
        let stays = |switch: usize| self.switches[switches + switch];
        let place = |switch: usize| (0..switch).filter(|before| stays(*before)).count();
        let all = old.switches();
        let left = all.iter().enumerate().filter(|(number, _)| self.hosts[hosts + number]);
        let left: Vec<Vec<usize>> =
            left.map(|(_, on)| on.iter().map(|switch| place(*switch)).collect()).collect();
        let count = place(old.hosts.len());
        (!left.is_empty() && count > 0).then(|| old.of_hosts(count, &left))
    }

    fn numbers(&self) -> Numbers {
        let count = |kept: &[bool]| {
            let mut next = 0;
            let number = |stays: &bool| {
                next += usize::from(*stays);
                stays.then(|| next - 1)
            };
            kept.iter().map(number).collect()
        };
        Numbers { sites: count(&self.sites), switches: count(&self.switches), hosts: count(&self.hosts) }
    }
}

impl Numbers {
    fn fault(&self, fault: Fault) -> Option<Fault> {
        let host = |host: usize| self.hosts[host];
        let switch = |switch: usize| self.switches[switch];
        let site = |site: usize| self.sites[site];
        Some(match fault {
            Fault::HostPower(one) => Fault::HostPower(host(one)?),
            Fault::Probe(one) => Fault::Probe(host(one)?),
            Fault::Pause(one) => Fault::Pause(host(one)?),
            Fault::Leave { host: one, reason, back_within } => {
                Fault::Leave { host: host(one)?, reason, back_within }
            }
            Fault::Cable(one, port) => Fault::Cable(host(one)?, port),
            Fault::SwitchPower(one) => Fault::SwitchPower(switch(one)?),
            Fault::Uplink(one) => Fault::Uplink(switch(one)?),
            Fault::LldpSilence(one) => Fault::LldpSilence(switch(one)?),
            Fault::SitePower(one) => Fault::SitePower(site(one)?),
            Fault::Wan(one) => Fault::Wan(site(one)?),
            Fault::WanQuality { site: one, delay, loss_permille } => {
                Fault::WanQuality { site: site(one)?, delay, loss_permille }
            }
            Fault::Relay(one) => Fault::Relay(site(one)?),
            Fault::RelayDisk(one) => Fault::RelayDisk(site(one)?),
            Fault::Wear(wear) => Fault::Wear(wear.renumbered(site, switch, host)?),
            Fault::Cma | Fault::CmaWan | Fault::CmaDisk | Fault::Loss(_) => fault,
        })
    }

    /// What a thing is called now; `None` if it is gone.
    fn name(&self, old: &Draft, new: &Draft, name: &str) -> Option<String> {
        let number = |prefix: &str| name.strip_prefix(prefix)?.parse::<usize>().ok()?.checked_sub(1);
        if name == "cma" {
            return Some(name.to_owned());
        }
        let site = (0..old.sites.len()).find_map(|site| {
            let rest = name.strip_prefix(old.site_name(site).as_str())?;
            (rest.is_empty() || rest.starts_with('/')).then_some((site, rest))
        });
        if let Some((site, rest)) = site {
            return Some(format!("{}{rest}", new.site_name((*self.sites.get(site)?)?)));
        }
        if let Some(switch) = number("sw") {
            return Some(format!("sw{}", (*self.switches.get(switch)?)? + 1));
        }
        Some(format!("h{}", (*self.hosts.get(number("h")?)?)? + 1))
    }
}

/// The same expectation of what is left; one about something that is gone is gone.
fn renamed(
    expect: &ExpectDraft,
    names: &impl Fn(&str) -> Option<String>,
    numbers: &Numbers,
) -> Option<ExpectDraft> {
    let all = |old: &[String]| old.iter().map(|name| names(name)).collect::<Option<Vec<String>>>();
    let mut what = expect.what.clone();
    match &mut what {
        What::Verdict { about, alternatives, .. } => {
            match about {
                About::Name(name) => *name = names(name)?,
                About::Set(hosts) => *hosts = all(hosts)?,
            }
            for (_, name) in alternatives.iter_mut().flatten() {
                *name = names(name)?;
            }
        }
        What::NothingAbout(old) => *old = all(old)?,
        What::WanBytesMax { sites, .. } => {
            *sites = sites.iter().filter_map(|site| numbers.sites[*site]).collect();
        }
        What::IncidentsMax(_) | What::PagesMax(_) | What::DatagramsMax { .. } | What::WholeAtEnd => {}
    }
    Some(ExpectDraft { number: expect.number, what })
}
