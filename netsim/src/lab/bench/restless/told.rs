//! What the kills are told as. Pure.

use super::Seen;
use crate::lab::bench::audit::NewsId;
use crate::lab::bench::report::{Gate, Section, table};
use crate::lab::error::LabError;

/// More of one kind say nothing new.
const SHOWN: usize = 20;

pub(super) fn section(seen: &Seen, wanted: u32, seed: u64) -> Result<Section, LabError> {
    let (audit, paged) = (&seen.audit, &seen.paged);
    let some = |what: &str, count: usize, least: usize| Gate {
        what: what.into(),
        wanted: format!(">= {least}"),
        measured: count.to_string(),
        met: count >= least,
        goal: false,
    };
    let gates = vec![
        some("kills at random moments", seen.kills.len(), wanted as usize),
        some("kills, events that the CMA acknowledged and has", audit.stored, 1),
        Gate::none("kills, events acknowledged and lost", audit.lost.len()),
        Gate::none("kills, events in the store twice", audit.twice.len()),
        Gate::none("kills, events in the store that nobody told", audit.unheard.len()),
        Gate::none("kills, outboxes that began anew", audit.anew),
        Gate::none("kills, sequences given to two news", audit.reused.len()),
        Gate::none("kills, streams that could not be read", seen.unread),
        Gate::none("kills, groups that did not come to rest", seen.not_calm.len()),
        Gate::none("kills, groups after which pictures differed", seen.not_agreed.len()),
        Gate::none("kills, pictures that differ from the CMA's disk", seen.differing.len()),
        Gate::none("kills, pages of one incident under several keys", paged.keys.len()),
        Gate::none("kills, things with two pages open at once", paged.both_open.len()),
        Gate::none("kills, pages never closed", paged.left_open.len()),
        Gate::none("kills, processes that ended by themselves", seen.ended.len()),
    ];
    let text = format!("{}\n{}{}", story(seen, seed), table(&["what", ""], &figures(seen)), findings(seen));
    let kills = serde_json::to_value(&seen.kills).map_err(|error| LabError::Failed(error.to_string()))?;
    let data = serde_json::json!({ "kills": kills, "findings": lines(seen) });
    Ok(Section { name: "kills", title: "Killed at random moments".into(), text, gates, data })
}

fn story(seen: &Seen, seed: u64) -> String {
    let of = |whom: &str| seen.kills.iter().filter(|kill| kill.whom.starts_with(whom)).count();
    format!(
        "{} times the CMA ({}) or a relay ({}) was killed (SIGKILL) at a random moment of {} ms and started again at \
         once or after a while, while hosts died and came back, probes were started anew, and cables and switches \
         flapped. Seed {seed}. Everything that relays and the CMA said to each other was read off the CMA's cable. A \
         news that was told on a connection counts as taken when the CMA acknowledges it there or welcomes the next \
         connection with it. After every {} kills everything was healed; when all was calm, the CMA was killed once more and \
         its disk read.\n",
        seen.kills.len(),
        of("cma"),
        of("r"),
        super::SPAN.as_millis(),
        super::GROUP,
    )
}

fn figures(seen: &Seen) -> Vec<Vec<String>> {
    let count = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
    let (audit, paged) = (&seen.audit, &seen.paged);
    let rows = [
        ("things done to hosts, probes, cables and switches meanwhile", seen.deeds),
        ("connections of relays to the CMA", audit.connections),
        ("news told, events and others", audit.told),
        ("events acknowledged and in the store, once", audit.stored),
        ("events acknowledged that made room for newer ones of the same thing", audit.compacted),
        ("events told while the CMA died, and replaced before it was back", audit.replaced),
        (
            "sequences that nobody heard: replaced in the outbox before they could be told",
            count(audit.never_told),
        ),
        ("lines to people", paged.lines),
        ("of these, said again under the same key", paged.again),
    ];
    rows.into_iter().map(|(what, count)| vec![what.to_string(), count.to_string()]).collect()
}

fn findings(seen: &Seen) -> String {
    let lines = lines(seen);
    if lines.is_empty() {
        return String::new();
    }
    let more = lines.len().saturating_sub(SHOWN);
    let mut text = String::from("\nWhat is wrong:\n\n");
    lines.iter().take(SHOWN).for_each(|line| text += &format!("- {}\n", line.replace('\n', "\n  ")));
    if more > 0 {
        text += &format!("- and {more} more\n");
    }
    text
}

fn lines(seen: &Seen) -> Vec<String> {
    let (audit, paged) = (&seen.audit, &seen.paged);
    let lost = audit.lost.iter().map(|(id, about, at_us)| {
        let after = seen
            .kills
            .iter()
            .rev()
            .find(|kill| i64::try_from(kill.killed_at_ms).is_ok_and(|ms| ms * 1_000 <= *at_us));
        let after =
            after.map_or_else(String::new, |kill| format!(", after kill {} ({})", kill.round, kill.whom));
        format!("lost: {} about {about}{after}", words(id))
    });
    let ids = |word: &'static str, all: &[NewsId]| -> Vec<String> {
        all.iter().map(|id| format!("{word}: {}", words(id))).collect()
    };
    let texts = |word: &'static str, all: &[String]| -> Vec<String> {
        all.iter().map(|text| format!("{word}: {text}")).collect()
    };
    lost.chain(ids("twice", &audit.twice))
        .chain(ids("told by nobody", &audit.unheard))
        .chain(ids("given to two news", &audit.reused))
        .chain(texts("not calm", &seen.not_calm))
        .chain(texts("pictures differ", &seen.not_agreed))
        .chain(texts("the disk differs", &seen.differing))
        .chain(texts("several keys", &paged.keys))
        .chain(texts("two open at once", &paged.both_open))
        .chain(texts("never closed", &paged.left_open))
        .chain(texts("ended by itself", &seen.ended))
        .collect()
}

fn words(id: &NewsId) -> String {
    let (site, relay) = &id.relay;
    format!("relay {relay} of {site}, birth {:x}, sequence {}", id.birth, id.sequence)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::bench::audit::Audit;
    use crate::lab::bench::restless::Kill;

    fn good() -> Seen {
        let kill = Kill { round: 1, whom: "r1".into(), moment_ms: 5, away_ms: 7, killed_at_ms: 1_000 };
        Seen { kills: vec![kill], audit: Audit { stored: 9, ..Audit::default() }, ..Seen::default() }
    }

    fn missed(seen: &Seen) -> Vec<String> {
        let section = section(seen, 1, 7).unwrap();
        section.gates.into_iter().filter(|gate| !gate.met).map(|gate| gate.what).collect()
    }

    #[test]
    fn every_finding_misses_its_gate_and_is_told_with_its_kill() {
        assert_eq!(missed(&good()), [""; 0]);
        assert_eq!(section(&good(), 2, 7).unwrap().gates.iter().filter(|gate| !gate.met).count(), 1);
        let id = NewsId { relay: ("s1".into(), 1), birth: 255, sequence: 4 };
        type Spoil = fn(&mut Seen, NewsId);
        let cases: &[(&str, &str, Spoil)] = &[
            ("acknowledged and lost", "after kill 1 (r1)", |seen, id| {
                seen.audit.lost.push((id, "host h1".into(), 1_500_000));
            }),
            ("store twice", "birth ff, sequence 4", |seen, id| seen.audit.twice.push(id)),
            ("that nobody told", "told by nobody", |seen, id| seen.audit.unheard.push(id)),
            ("to two news", "given to two", |seen, id| seen.audit.reused.push(id)),
            ("not come to rest", "not calm: x", |seen, _| seen.not_calm.push("x".into())),
            ("pictures differed", "pictures differ: x", |seen, _| seen.not_agreed.push("x".into())),
            ("CMA's disk", "disk differs: x", |seen, _| seen.differing.push("x".into())),
            ("several keys", "several keys: x", |seen, _| seen.paged.keys.push("x".into())),
            ("open at once", "two open at once: x", |seen, _| seen.paged.both_open.push("x".into())),
            ("never closed", "never closed: x", |seen, _| seen.paged.left_open.push("x".into())),
            ("by themselves", "ended by itself: x", |seen, _| seen.ended.push("x".into())),
        ];
        for (gate, line, spoil) in cases {
            let mut seen = good();
            spoil(&mut seen, id.clone());
            let missed = missed(&seen);
            assert!(missed.len() == 1 && missed[0].contains(gate), "{gate}: {missed:?}");
            let text = section(&seen, 1, 7).unwrap().text;
            assert!(text.contains(line), "{line}: {text}");
        }
    }
}
