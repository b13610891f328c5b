//! From a host's death to the incident opened at the CMA, again and again, at every phase of the beat.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use serde::Serialize;

use super::ground::Ground;
use super::report::{Gate, Section, table};
use super::stats::Sample;
use crate::lab::error::LabError;
use crate::lab::fault::now_ms;
use crate::lab::operator::Incident;
use crate::lab::script::Fault;

/// One beat interval: kills are spread evenly over it.
const BEAT: Duration = Duration::from_secs(1);
/// Between two questions to the CMA while an incident is awaited.
const POLL: Duration = Duration::from_millis(50);
/// No question before this: asking takes processor time from those who are to notice.
const FIRST_QUESTION: Duration = Duration::from_millis(1_500);
/// An incident later than this counts as never opened.
const PATIENCE: Duration = Duration::from_secs(15);
/// Every host stays dead so long, for false verdicts about others to come out.
const DEAD_FOR: Duration = Duration::from_secs(6);
const MEDIAN_S_MAX: f64 = 3.2;
const EACH_S_MAX: f64 = 4.0;

/// One kill.
#[derive(Clone, Debug, Serialize)]
struct Kill {
    host: String,
    /// Whether it spoke for its ring.
    delegate: bool,
    /// How long after calm it was killed: the random part.
    phase_ms: u64,
    /// From just before its links went down to `opened_ms`; absent if nothing was opened.
    opened_s: Option<f64>,
    /// To the first answer of `ringmesh incidents` that shows it.
    shown_s: Option<f64>,
    verdict: String,
    verdict_after_heal: String,
    incidents: usize,
    /// Incidents about somebody else.
    false_verdicts: usize,
}

/// Kills hosts in turn.
///
/// # Errors
/// [`LabError::Failed`] if the lab does not come to rest between two kills, [`LabError::Interrupted`].
pub(super) fn measure(ground: &mut Ground<'_>, count: u32) -> Result<Section, LabError> {
    let hosts: Vec<String> = ground.lab.plan().hosts.iter().map(|host| host.name.clone()).collect();
    let mut kills = Vec::new();
    for (n, host) in (0..count).zip(hosts.iter().cycle()) {
        let kill = kill(ground, host, n.into())?;
        let opened = kill.opened_s.map_or("never".into(), |s| format!("{s:.2} s"));
        ground.progress.doing(&format!("kill {} of {count}: {host} {} {opened}", n + 1, kill.verdict));
        kills.push(kill);
    }
    section(&kills)
}

fn kill(ground: &mut Ground<'_>, host: &str, n: u64) -> Result<Kill, LabError> {
    ground.wait_calm()?;
    let (known, delegates) = (ground.known()?, ground.delegates()?);
    let phase = ground.draw(BEAT, n);
    ground.stop.sleep(phase)?;
    let killed_ms = ground.lab.break_it(Fault::Host, host)?;
    let killed = Instant::now();
    let found = await_incident(ground, host, &known, killed)?;
    ground.stop.sleep(DEAD_FOR.saturating_sub(killed.elapsed()))?;
    ground.lab.heal(host)?;
    ground.wait_calm()?;
    let all = ground.news(&known)?;
    let seconds = |ms: u64| (ms as f64 - killed_ms as f64) / 1000.0;
    let last = all.iter().find(|incident| incident.subject.is(host));
    Ok(Kill {
        host: host.into(),
        delegate: delegates.contains(host),
        phase_ms: u64::try_from(phase.as_millis()).unwrap_or(u64::MAX),
        opened_s: found.as_ref().map(|(incident, _)| seconds(incident.opened_ms)),
        shown_s: found.as_ref().map(|(_, shown_ms)| seconds(*shown_ms)),
        verdict: found.map(|(incident, _)| incident.verdict).unwrap_or_default(),
        verdict_after_heal: last.map(|incident| incident.verdict.clone()).unwrap_or_default(),
        incidents: all.len(),
        false_verdicts: all.iter().filter(|incident| !incident.subject.is(host)).count(),
    })
}

/// The host's incident, and when an operator was first shown it.
fn await_incident(
    ground: &Ground<'_>,
    host: &str,
    known: &BTreeSet<String>,
    killed: Instant,
) -> Result<Option<(Incident, u64)>, LabError> {
    ground.stop.sleep(FIRST_QUESTION.saturating_sub(killed.elapsed()))?;
    while killed.elapsed() < PATIENCE {
        let found = ground.news(known)?.into_iter().find(|incident| incident.subject.is(host));
        if let Some(incident) = found {
            return Ok(Some((incident, now_ms())));
        }
        ground.stop.sleep(POLL)?;
    }
    Ok(None)
}

/// A dead host is a dead host, or its cable, while nothing more is known; at its return it was the host.
fn is_right(kill: &Kill) -> bool {
    matches!(kill.verdict.as_str(), "HostOrCable" | "HostDown") && kill.verdict_after_heal == "HostDown"
}

fn section(kills: &[Kill]) -> Result<Section, LabError> {
    let late = |seconds: Option<f64>| seconds.unwrap_or(f64::INFINITY);
    let opened = Sample::new(kills.iter().map(|kill| late(kill.opened_s)).collect());
    let shown = Sample::new(kills.iter().map(|kill| late(kill.shown_s)).collect());
    let (Some(opened), Some(shown)) = (opened, shown) else {
        return Err(LabError::Usage("--kills: at least one".into()));
    };
    let row = |what: &str, sample: &Sample| {
        let values = [sample.min(), sample.median(), sample.percentile(95), sample.max()];
        std::iter::once(what.to_string()).chain(values.map(|value| format!("{value:.2}"))).collect()
    };
    let rows = [row("incident opened at the CMA", &opened), row("shown by `ringmesh incidents`", &shown)];
    let mut text = format!(
        "{} host kills, hosts in turn, each at a random phase of the beat; all calm between two. From just before \
         the host's links go down and its processes are killed, in seconds:\n\n",
        kills.len()
    );
    text += &table(&["to", "min", "median", "p95", "max"], &rows);
    text += "\n";
    text +=
        &table(&["host", "delegate", "phase, ms", "opened, s", "verdict", "after the heal"], &singles(kills));
    let not_one = kills.iter().filter(|kill| kill.incidents != 1).count();
    let wrong = kills.iter().filter(|kill| !is_right(kill)).count();
    let about_others = kills.iter().map(|kill| kill.false_verdicts).sum();
    let gates = vec![
        Gate::at_most("host killed to incident opened, median", opened.median(), MEDIAN_S_MAX, 2, "s"),
        Gate::at_most("host killed to incident opened, every one", opened.max(), EACH_S_MAX, 2, "s"),
        Gate::none("kills with none or several incidents", not_one),
        Gate::none("kills with a wrong verdict", wrong),
        Gate::none("incidents about somebody else", about_others),
    ];
    let data = serde_json::to_value(kills).map_err(|error| LabError::Failed(error.to_string()))?;
    Ok(Section { name: "kills", title: "From a host's death to its incident".into(), text, gates, data })
}

fn singles(kills: &[Kill]) -> Vec<Vec<String>> {
    let row = |kill: &Kill| {
        vec![
            kill.host.clone(),
            if kill.delegate { "yes" } else { "" }.into(),
            kill.phase_ms.to_string(),
            kill.opened_s.map_or("never".into(), |s| format!("{s:.2}")),
            kill.verdict.clone(),
            kill.verdict_after_heal.clone(),
        ]
    };
    kills.iter().map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good(opened_s: f64) -> Kill {
        Kill {
            host: "h1".into(),
            delegate: false,
            phase_ms: 0,
            opened_s: Some(opened_s),
            shown_s: Some(opened_s),
            verdict: "HostOrCable".into(),
            verdict_after_heal: "HostDown".into(),
            incidents: 1,
            false_verdicts: 0,
        }
    }

    fn missed(kills: &[Kill]) -> Vec<String> {
        let section = section(kills).unwrap();
        section.gates.into_iter().filter(|gate| !gate.met).map(|gate| gate.what).collect()
    }

    #[test]
    fn every_promise_is_missed_by_the_kill_that_breaks_it_and_by_no_other() {
        assert_eq!(
            missed(&[good(2.9), good(3.9)].map(|kill| kill)),
            ["host killed to incident opened, median"]
        );
        assert_eq!(missed(&[good(2.8), good(2.9), good(3.99)]), [""; 0]);
        assert_eq!(
            missed(&[good(2.8), good(2.9), good(4.01)]),
            ["host killed to incident opened, every one"]
        );
        type Spoil = fn(&mut Kill);
        let cases: &[(&str, Spoil)] = &[
            ("host killed to incident opened, every one", |kill| kill.opened_s = None),
            ("kills with none or several incidents", |kill| kill.incidents = 2),
            ("kills with a wrong verdict", |kill| kill.verdict = "SwitchDown".into()),
            ("kills with a wrong verdict", |kill| kill.verdict_after_heal = "HostSlow".into()),
            ("incidents about somebody else", |kill| kill.false_verdicts = 1),
        ];
        for (want, spoil) in cases {
            let mut spoilt = good(2.9);
            spoil(&mut spoilt);
            assert_eq!(missed(&[good(2.8), good(2.9), spoilt]), [*want]);
        }
    }
}
