//! Deaths and returns, none twice in a ring: how soon they are known, and how many datagrams they cost.

use std::collections::BTreeMap;
use std::time::Duration;

use ringmesh_netsim::model::Account;
use ringmesh_proto::draws::{Draws, Purpose};
use ringmesh_proto::time::Time;
use serde_json::json;

use super::run::{Measured, load};
use super::{Bench, Done};

/// Deaths of one round are spread over this.
const SPREAD: Duration = Duration::from_secs(10);
/// After the last change everything of it has been said.
const AFTER: Duration = Duration::from_secs(20);
/// The draws of who dies when.
const WHO: u64 = 0xdead;
/// Failures on a day of a million hosts, as the goal counts them: each a death and a return.
const DAY_FAILURES: f64 = 500.0;
/// What a day may cost.
const DAY_GOAL: f64 = 10_000.0;

/// One host of each ring, spread over all rings, and when it changes.
struct Chosen(Vec<(Duration, usize)>);

impl Chosen {
    /// `first`: so many rings are left out.
    fn of(measured: &Measured, count: usize, first: usize, within: Duration, draws: Draws) -> Self {
        let world = &measured.world;
        let mut rings: Vec<Vec<usize>> = Vec::new();
        for host in 0..world.hosts() {
            match rings.last_mut().filter(|ring| world.switch_of(ring[0]) == world.switch_of(host)) {
                Some(ring) => ring.push(host),
                None => rings.push(vec![host]),
            }
        }
        let rings: Vec<Vec<usize>> = rings.into_iter().filter(|ring| ring.len() >= 4).skip(first).collect();
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

/// Milliseconds from each death to the first news of its incident at the CMA.
fn detected(measured: &Measured, deaths: &BTreeMap<usize, Time>) -> Vec<f64> {
    let world = &measured.world;
    let mut times = Vec::new();
    for incident in world.incidents() {
        let Some(told) = world.told_at(incident.id) else { continue };
        let subject = incident.alternatives.first().map(|first| &first.subject);
        let Some(host) = subject.and_then(|subject| world.host(&subject.name)) else { continue };
        if let Some(died) = deaths.get(&host).filter(|died| **died <= told) {
            times.push(told.since(*died).as_secs_f64() * 1_000.0);
        }
    }
    times
}

fn at_part(sorted: &[f64], part: f64) -> f64 {
    let at = ((sorted.len() as f64 - 1.0) * part).round();
    sorted.get(at as usize).copied().unwrap_or(f64::NAN)
}

pub(super) fn detection(bench: &Bench) -> Done {
    let mut measured = bench.build(bench.loss);
    if measured.start().is_none() || (bench.loss == 0 && !measured.rest()) {
        return Done::not("the start did not come to rest");
    }
    let quiet = measured.world.account();
    measured.run(Duration::from_secs(bench.seconds));
    let beats = measured.world.account().since(&quiet);
    let host_seconds = bench.hosts as f64 * bench.seconds as f64;
    let each_second = (beats.of("Beat") + beats.control()) as f64 / host_seconds;
    let (mut times, mut control, mut deaths_all) = (Vec::new(), 0, 0);
    for round in 0..bench.rounds {
        let draws = Draws::new(bench.seed, WHO + u64::from(round));
        let Chosen(chosen) = Chosen::of(&measured, bench.changes, 0, SPREAD, draws);
        let changes: Vec<_> = chosen.iter().map(|(at, host)| (*at, *host, true)).collect();
        let before = measured.world.account();
        let deaths = happen(&mut measured, &changes);
        measured.run(AFTER);
        control += measured.world.account().since(&before).control();
        times.extend(detected(&measured, &deaths));
        deaths_all += deaths.len();
        if round + 1 < bench.rounds {
            let back: Vec<_> = chosen.iter().map(|(at, host)| (*at, *host, false)).collect();
            happen(&mut measured, &back);
            // Until nobody is on probation any more.
            measured.run(AFTER * 4);
        }
    }
    times.sort_by(f64::total_cmp);
    let [p50, p99, most] = [0.5, 0.99, 1.0].map(|part| at_part(&times, part));
    let per_change = control as f64 / deaths_all as f64;
    let (hosts, missing) = (bench.hosts, deaths_all.saturating_sub(times.len()));
    let told = format!(
        "{hosts} hosts: {deaths_all} deaths, incident at the CMA after {p50:.0} ms in the median, p99 {p99:.0}, at most \
         {most:.0}; {missing} not told of by themselves; {per_change:.1} datagrams a death, {each_second:.3} a host and \
         second; load {}",
        load(),
    );
    let document = json!({
        "schema": 1, "figure": "detection", "hosts": hosts, "seed": bench.seed, "loss_permille": bench.loss,
        "deaths": deaths_all, "missing": missing, "p50_ms": p50, "p99_ms": p99, "max_ms": most,
        "datagrams_per_death": per_change, "datagrams_per_host_per_second": each_second, "load": load(),
        "trace_hash": format!("{:016x}", measured.world.trace_hash()),
    });
    Done { ok: missing == 0, text: told, document }
}

pub(super) fn repair(bench: &Bench) -> Done {
    let mut measured = bench.build(bench.loss);
    if measured.start().is_none() || (bench.loss == 0 && !measured.rest()) {
        return Done::not("the start did not come to rest");
    }
    if bench.loss > 0 {
        // Whatever the start had to say is said.
        measured.run(AFTER * 2);
    }
    let window = Duration::from_secs(bench.seconds);
    let draws = |what| Draws::new(bench.seed, WHO << 8 | what);
    // Those that return have died before, each in a ring of its own ..
    let Chosen(dead) = Chosen::of(&measured, bench.changes, 0, SPREAD, draws(0));
    let deaths: Vec<_> = dead.iter().map(|(at, host)| (*at, *host, true)).collect();
    happen(&mut measured, &deaths);
    measured.run(AFTER * 2);
    // .. and those that die now stand in the rings after theirs.
    let Chosen(dying) = Chosen::of(&measured, bench.changes, 1, window, draws(1));
    let switches: Vec<usize> = dead.iter().map(|(_, host)| measured.world.switch_of(*host)).collect();
    let dying: Vec<_> =
        dying.into_iter().filter(|(_, host)| !switches.contains(&measured.world.switch_of(*host))).collect();
    let nanos = u64::try_from(window.as_nanos()).unwrap_or(u64::MAX);
    let returns = dead.iter().enumerate().map(|(number, (_, host))| {
        (Duration::from_nanos(draws(2).below(nanos, Purpose::Start, number as u64)), *host, false)
    });
    let deaths = dying.iter().map(|(at, host)| (*at, *host, true));
    let mut changes: Vec<_> = returns.chain(deaths).collect();
    changes.sort_unstable();
    // What is said anyway, because datagrams are lost.
    let quiet_span = window + AFTER;
    let before = measured.world.account();
    measured.run(quiet_span);
    let anyway = measured.world.account().since(&before);
    let before = measured.world.account();
    let begin = measured.world.now();
    happen(&mut measured, &changes);
    measured.run((begin + quiet_span).since(measured.world.now()));
    let sent = measured.world.account().since(&before);
    tell(bench, &measured, (dying.len(), dead.len()), &sent, &anyway)
}

fn tell(
    bench: &Bench,
    measured: &Measured,
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
    let ok = bench.loss > 0 || day < DAY_GOAL;
    let told = format!(
        "{} hosts, {deaths} deaths and {returns} returns in {} s, {} of a thousand lost: {} datagrams ({sent}), of which \
         {} come anyway; {:.1} a change; derived for a day of 500 failures: {day:.0}; load {}",
        bench.hosts,
        bench.seconds,
        bench.loss,
        sent.control(),
        anyway.control(),
        more as f64 / changes,
        load(),
    );
    let document = json!({
        "schema": 1, "figure": "repair", "hosts": bench.hosts, "seed": bench.seed, "loss_permille": bench.loss,
        "window_seconds": bench.seconds, "deaths": deaths, "returns": returns, "datagrams": sent.control(),
        "by_purpose": of(sent), "anyway": anyway.control(), "anyway_by_purpose": of(anyway),
        "datagrams_per_change": more as f64 / changes, "derived_day_of_500_failures": day,
        "load": load(), "trace_hash": format!("{:016x}", measured.world.trace_hash()),
    });
    Done { ok, text: told, document }
}
