//! Deaths and returns, none twice in a ring: how soon they are known, and how many datagrams they cost.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use ringmesh_netsim::model::Account;
use ringmesh_proto::draws::{Draws, Purpose};
use ringmesh_proto::time::Time;
use serde_json::json;

use super::common::{Common, Since};
use super::run::{Measured, load};
use super::stage::Stage;
use super::{Bench, Done};

/// Deaths that get slots of their own stand in the order of moments drawn within this.
const SPREAD: Duration = Duration::from_secs(10);
/// Deaths in one site are so far apart where it is measured how soon each is known ..
const SLOT: Duration = Duration::from_secs(5);
/// .. less at most this: what one costs the next is no part of it.
const WITHIN_SLOT: Duration = Duration::from_secs(1);
/// After the last death everything of it has been said.
const AFTER: Duration = Duration::from_secs(20);
/// After the last return, too: whoever is back tells what its switch says of itself, and that comes within 30 s.
const RETURNED: Duration = Duration::from_secs(35);
/// The draws of who dies when.
const WHO: u64 = 0xdead;
/// Failures on a day of a million hosts, as the goal counts them: each a death and a return.
const DAY_FAILURES: f64 = 500.0;
/// What a day may cost.
pub(super) const DAY_GOAL: f64 = 10_000.0;

/// One host of each ring, spread over all rings but those of some switches, and when it changes.
struct Chosen(Vec<(Duration, usize)>);

impl Chosen {
    fn of(measured: &Measured, count: usize, but: &[usize], within: Duration, draws: Draws) -> Self {
        let world = &measured.world;
        let mut rings: Vec<Vec<usize>> = Vec::new();
        for host in 0..world.hosts() {
            match rings.last_mut().filter(|ring| world.switch_of(ring[0]) == world.switch_of(host)) {
                Some(ring) => ring.push(host),
                None => rings.push(vec![host]),
            }
        }
        let but: BTreeSet<usize> = but.iter().map(|host| world.switch_of(*host)).collect();
        rings.retain(|ring| ring.len() >= 4 && !but.contains(&world.switch_of(ring[0])));
        let count = count.min(rings.len());
        let nanos = u64::try_from(within.as_nanos()).unwrap_or(u64::MAX);
        let choose = |number: usize| {
            let ring = &rings[number * rings.len() / count];
            let drawn = draws.below(ring.len() as u64, Purpose::Start, number as u64);
            let at = Duration::from_nanos(draws.below(nanos, Purpose::Latency, number as u64));
            (at, ring[usize::try_from(drawn).unwrap_or(0)])
        };
        let mut chosen: Vec<_> = (0..count).map(choose).collect();
        chosen.sort_unstable();
        Self(chosen)
    }

    /// The same, one after the other in each site.
    fn in_slots(mut self, measured: &Measured, draws: Draws) -> Self {
        let mut slots: BTreeMap<usize, u32> = BTreeMap::new();
        let nanos = u64::try_from(WITHIN_SLOT.as_nanos()).unwrap_or(u64::MAX);
        for (at, host) in &mut self.0 {
            let slot = slots.entry(measured.world.site_of(*host)).or_default();
            let within = draws.below(nanos, Purpose::Latency, *host as u64);
            *at = SLOT * *slot + Duration::from_nanos(within);
            *slot += 1;
        }
        self.0.sort_unstable();
        self
    }

    fn hosts(&self) -> Vec<usize> {
        self.0.iter().map(|(_, host)| *host).collect()
    }
}

/// Lets changes happen at their moments, counted from now. Returns when each did.
fn happen(measured: &mut Measured, changes: &[(Duration, usize, bool)]) -> BTreeMap<usize, Time> {
    let begin = measured.world.now();
    let mut when = BTreeMap::new();
    for (at, host, dies) in changes {
        measured.run((begin + *at).since(measured.world.now()));
        if *dies {
            measured.world.kill_host(*host);
        } else {
            measured.world.boot_host(*host);
        }
        when.insert(*host, measured.world.now());
    }
    when
}

/// What the CMA was told of deaths.
#[derive(Default)]
struct Told {
    /// Milliseconds from each death to the first news of an incident that names it alone.
    alone: Vec<f64>,
    /// Deaths that an incident names together with others.
    together: usize,
    /// Verdicts of incidents about anything else.
    otherwise: BTreeMap<String, u64>,
}

impl Told {
    fn take(&mut self, measured: &Measured, deaths: &BTreeMap<usize, Time>) {
        let world = &measured.world;
        let Some(first) = deaths.values().min() else { return };
        for incident in world.incidents() {
            let Some(told) = world.told_at(incident.id).filter(|told| told >= first) else { continue };
            let Some(best) = incident.alternatives.first() else { continue };
            let died = |name: &str| world.host(name).and_then(|host| deaths.get(&host));
            match died(&best.subject.name).filter(|died| **died <= told) {
                Some(died) => self.alone.push(told.since(*died).as_secs_f64() * 1_000.0),
                None => {
                    self.together += incident.behind.iter().filter(|name| died(name).is_some()).count();
                    *self.otherwise.entry(format!("{:?}", best.verdict)).or_default() += 1;
                }
            }
        }
    }
}

fn at_part(sorted: &[f64], part: f64) -> f64 {
    let at = ((sorted.len() as f64 - 1.0) * part).round();
    sorted.get(at as usize).copied().unwrap_or(f64::NAN)
}

pub(super) fn detection(bench: &Bench, stage: &mut Stage) -> Done {
    let rested = stage.is_at_rest(AFTER * 2);
    let since = Since::now(&stage.measured);
    if !rested {
        return unrested("detection", bench, stage, &since);
    }
    let measured = &mut stage.measured;
    let quiet = measured.world.account();
    measured.run(Duration::from_secs(bench.seconds));
    let beats = measured.world.account().since(&quiet);
    let host_seconds = bench.hosts as f64 * bench.seconds as f64;
    let each_second = (beats.of("Beat") + beats.control()) as f64 / host_seconds;
    let (mut told, mut control, mut deaths_all) = (Told::default(), 0, 0);
    for round in 0..bench.rounds {
        let draws = Draws::new(bench.seed, WHO + u64::from(round));
        let chosen = Chosen::of(measured, bench.deaths, &[], SPREAD, draws).in_slots(measured, draws);
        let changes: Vec<_> = chosen.0.iter().map(|(at, host)| (*at, *host, true)).collect();
        let before = measured.world.account();
        let deaths = happen(measured, &changes);
        measured.run(AFTER);
        control += measured.world.account().since(&before).control();
        told.take(measured, &deaths);
        deaths_all += deaths.len();
        stage.dead = chosen.hosts();
        if round + 1 < bench.rounds {
            let back: Vec<_> = chosen.0.iter().map(|(at, host)| (*at, *host, false)).collect();
            happen(measured, &back);
            stage.dead = Vec::new();
            // Until nobody is on probation any more.
            measured.run(AFTER * 4);
        }
    }
    let Told { alone: mut times, together, otherwise } = told;
    times.sort_by(f64::total_cmp);
    let [p50, p99, most] = [0.5, 0.99, 1.0].map(|part| at_part(&times, part));
    let per_change = control as f64 / deaths_all as f64;
    let (hosts, missing) = (bench.hosts, deaths_all.saturating_sub(times.len()));
    let told = format!(
        "{hosts} hosts: {deaths_all} deaths, incident at the CMA after {p50:.0} ms in the median, p99 {p99:.0}, at most \
         {most:.0}; {missing} not told of by themselves, {together} of them together with others; {per_change:.1} datagrams a death, {each_second:.3} a host and \
         second; load {}",
        load(),
    );
    let common = since.until_now(bench, measured, true, stage.dead.len());
    let own = json!({
        "deaths": deaths_all, "missing": missing, "together": together, "otherwise": otherwise, "p50_ms": p50, "p99_ms": p99, "max_ms": most,
        "datagrams_per_death": per_change, "datagrams_per_host_per_second": each_second,
    });
    let ok = missing == 0 && common.violations == 0;
    Done { ok, text: told, document: common.document("detection", own) }
}

/// No figure: whoever measures changes measures the start as well.
fn unrested(figure: &str, bench: &Bench, stage: &Stage, since: &Since) -> Done {
    let common = since.until_now(bench, &stage.measured, false, stage.dead.len());
    Done::not(figure, "the start did not come to rest", &common)
}

/// Deaths and returns in one window, none two in a ring, while so many datagrams of a thousand are lost.
pub(super) fn repair(bench: &Bench, stage: &mut Stage, loss: u64) -> Done {
    stage.lose(loss);
    // Whatever the start, or the first losses, had to say is said.
    let rested = stage.is_at_rest(AFTER * 2);
    let since = Since::now(&stage.measured);
    if !rested {
        return unrested("repair", bench, stage, &since);
    }
    let window = Duration::from_secs(bench.window);
    let draws = |what| Draws::new(bench.seed, WHO << 8 | loss << 4 | what);
    // Those that return have died before, each in a ring of its own ..
    if stage.dead.len() < bench.changes {
        let more = bench.changes - stage.dead.len();
        let dead = Chosen::of(&stage.measured, more, &stage.dead, SPREAD, draws(0));
        // .. and at a time of its own: many of one site at once would be one incident, and all of it asked together.
        let dead = dead.in_slots(&stage.measured, draws(0));
        let deaths: Vec<_> = dead.0.iter().map(|(at, host)| (*at, *host, true)).collect();
        happen(&mut stage.measured, &deaths);
        stage.measured.run(AFTER * 2);
        stage.dead.extend(dead.hosts());
    }
    let dead = std::mem::take(&mut stage.dead);
    // .. and those that die now stand in other rings.
    let dying = Chosen::of(&stage.measured, bench.changes, &dead, window, draws(1));
    stage.dead = dying.hosts();
    let nanos = u64::try_from(window.as_nanos()).unwrap_or(u64::MAX);
    let returns = dead.iter().enumerate().map(|(number, host)| {
        (Duration::from_nanos(draws(2).below(nanos, Purpose::Start, number as u64)), *host, false)
    });
    let deaths = dying.0.iter().map(|(at, host)| (*at, *host, true));
    let mut changes: Vec<_> = returns.chain(deaths).collect();
    changes.sort_unstable();
    let measured = &mut stage.measured;
    // What is said anyway, because datagrams are lost. Where none is, nothing is: it was at rest.
    let quiet_span = window + RETURNED;
    let before = measured.world.account();
    if loss > 0 {
        measured.run(quiet_span);
    }
    let anyway = measured.world.account().since(&before);
    let before = measured.world.account();
    let begin = measured.world.now();
    happen(measured, &changes);
    measured.run((begin + quiet_span).since(measured.world.now()));
    let sent = measured.world.account().since(&before);
    let common = since.until_now(bench, measured, true, dying.0.len());
    let done = tell(bench, &common, loss, (dying.0.len(), dead.len()), &sent, &anyway);
    stage.lose(bench.loss);
    done
}

fn tell(
    bench: &Bench,
    common: &Common,
    loss: u64,
    (deaths, returns): (usize, usize),
    sent: &Account,
    anyway: &Account,
) -> Done {
    let of = |account: &Account| -> BTreeMap<&'static str, u64> {
        account.each().filter(|(purpose, _)| !Account::is_beat(purpose)).collect()
    };
    let changes = (deaths + returns) as f64;
    let more = sent.control().saturating_sub(anyway.control());
    // Every failure is a death and a return.
    let day = more as f64 / changes * 2.0 * DAY_FAILURES;
    let ok = common.violations == 0 && (loss > 0 || day < DAY_GOAL);
    let told = format!(
        "{} hosts, {deaths} deaths and {returns} returns in {} s, {} of a thousand lost: {} datagrams ({sent}), of which \
         {} come anyway; {:.1} a change; derived for a day of 500 failures: {day:.0}; load {}",
        bench.hosts,
        bench.window,
        loss,
        sent.control(),
        anyway.control(),
        more as f64 / changes,
        common.load,
    );
    let own = json!({
        "loss_permille": loss, "window_seconds": bench.window, "deaths": deaths, "returns": returns, "datagrams": sent.control(),
        "by_purpose": of(sent), "anyway": anyway.control(), "anyway_by_purpose": of(anyway),
        "datagrams_per_change": more as f64 / changes, "derived_day_of_500_failures": day,
    });
    Done { ok, text: told, document: common.document("repair", own) }
}
