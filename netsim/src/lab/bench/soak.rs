//! A long time in which nobody touches anything and nothing may happen, told from the relay's own cable.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use super::datagram::Kind;
use super::ground::{Ground, RELAY};
use super::report::{Gate, Section, table};
use super::tap::{Seen, Tap};
use crate::lab::error::LabError;
use crate::lab::operator::pages;

/// The relay's neighbours in the site's ring.
const NEIGHBOURS: usize = 2;
/// Each beats once a second. Fewer beats are a silence nobody told of, or a deaf tap.
const BEATS_PER_S_MIN: f64 = 0.99;

/// What crossed the relay's cable: who, to whom, what; and how often.
type Crossed = BTreeMap<(String, String, Kind), usize>;

/// What else was seen.
#[derive(Clone, Copy, Debug, Default)]
struct Outcome {
    incidents: usize,
    pages: usize,
    ended: usize,
    not_whole: usize,
}

/// Touches nothing for so long.
///
/// # Errors
/// As of [`Tap::start`] and the operator's commands, [`LabError::Interrupted`].
pub(super) fn measure(ground: &Ground<'_>, quiet: Duration) -> Result<Section, LabError> {
    let known = ground.known()?;
    let paged = pages(&ground.lab.pages_file())?.len();
    ground.progress.doing(&format!("touch nothing for {} s", quiet.as_secs()));
    let tap = Tap::start(&[ground.lab.plan().netns(RELAY)])?;
    let start = Instant::now();
    ground.stop.sleep(quiet)?;
    let (seen, seconds) = (tap.take(), start.elapsed().as_secs_f64());
    let outcome = Outcome {
        incidents: ground.news(&known)?.len(),
        pages: pages(&ground.lab.pages_file())?.len() - paged,
        ended: ground.lab.casualties().len(),
        not_whole: usize::from(ground.missing()?.is_some()),
    };
    Ok(section(&crossed(ground, &seen), outcome, seconds))
}

fn crossed(ground: &Ground<'_>, seen: &[Seen]) -> Crossed {
    let mut crossed = Crossed::new();
    // Broadcasts of others pass here too and are none of the relay's.
    let ours = |seen: &&Seen| seen.outgoing || ground.is_relay(seen.datagram.to);
    for Seen { datagram, .. } in seen.iter().filter(ours) {
        let ends = (ground.name_of(datagram.from), ground.name_of(datagram.to), datagram.kind);
        *crossed.entry(ends).or_default() += 1;
    }
    crossed
}

fn section(crossed: &Crossed, outcome: Outcome, seconds: f64) -> Section {
    let sum = |wanted: &dyn Fn(&str, Kind) -> bool| -> usize {
        crossed.iter().filter(|((from, _, kind), _)| wanted(from, *kind)).map(|(_, count)| count).sum()
    };
    let from_probes = sum(&|from, kind| from != RELAY && kind != Kind::Beat);
    let from_relay = sum(&|from, kind| from == RELAY && kind != Kind::Beat);
    let beaters: BTreeSet<&str> =
        crossed.keys().filter(|(from, ..)| from != RELAY).map(|(from, ..)| from.as_str()).collect();
    let strangers = beaters.len().saturating_sub(NEIGHBOURS);
    let beats = crossed.iter().filter(|((from, _, kind), _)| from != RELAY && *kind == Kind::Beat);
    let slowest = beats.map(|(_, count)| *count as f64 / seconds).fold(f64::NAN, f64::min);
    let gates = vec![
        Gate::at_least(
            "quiet, beats of each neighbour of the relay, the fewest",
            slowest,
            BEATS_PER_S_MIN,
            3,
            "/s",
        ),
        Gate::none("quiet, incidents", outcome.incidents),
        Gate::none("quiet, pages", outcome.pages),
        Gate::none("quiet, processes that ended", outcome.ended),
        Gate::none("quiet, rings not whole or incidents open at the end", outcome.not_whole),
        Gate::none("quiet, datagrams from probes to the relay that are no beats", from_probes),
        Gate::none("quiet, datagrams from the relay that are no beats", from_relay),
        Gate::none("quiet, probes beside the two neighbours that sent the relay anything", strangers),
    ];
    let row = |((from, to, kind), count): (&(String, String, Kind), &usize)| {
        let rate = format!("{:.3}", *count as f64 / seconds);
        vec![from.clone(), to.clone(), kind.word().into(), count.to_string(), rate]
    };
    let rows: Vec<Vec<String>> = crossed.iter().map(row).collect();
    let text = format!(
        "Rings formed, then {seconds:.0} s in which nobody touched anything.\n\n{}",
        table(&["from", "to", "kind", "datagrams", "a second"], &rows)
    );
    let list: Vec<_> = crossed
        .iter()
        .map(|((from, to, kind), n)| serde_json::json!({"from": from, "to": to, "kind": kind.word(), "count": n}))
        .collect();
    let data = serde_json::json!({ "seconds": seconds, "crossed": list });
    Section { name: "soak", title: "What crossed the relay's cable".into(), text, gates, data }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn missed(crossed: &[(&str, &str, Kind)], outcome: Outcome) -> Vec<String> {
        let ends = |&(from, to, kind): &(&str, &str, Kind)| ((from.to_string(), to.to_string(), kind), 600);
        let section = section(&crossed.iter().map(ends).collect(), outcome, 600.0);
        section.gates.into_iter().filter(|gate| !gate.met).map(|gate| gate.what).collect()
    }

    #[test]
    fn two_neighbours_beats_are_allowed_and_nothing_else() {
        let beats = [("h1", RELAY, Kind::Beat), ("h5", RELAY, Kind::Beat), (RELAY, "h1", Kind::Beat)];
        let calm = Outcome::default();
        assert_eq!(missed(&beats, calm), [""; 0]);
        assert!(missed(&[], calm)[0].contains("beats of each neighbour"), "a tap that hears nothing");
        let with = |more: (&'static str, &'static str, Kind)| {
            missed(&beats.into_iter().chain([more]).collect::<Vec<_>>(), calm)
        };
        assert!(with(("h1", RELAY, Kind::ToRelay))[0].contains("from probes to the relay"));
        assert!(with(("h5", RELAY, Kind::Knock))[0].contains("from probes to the relay"));
        assert!(with((RELAY, "h1", Kind::ToProbe))[0].contains("from the relay"));
        assert!(with(("h2", RELAY, Kind::Beat))[0].contains("beside the two neighbours"));
        assert!(missed(&beats, Outcome { incidents: 1, ..calm })[0].contains("incidents"));
        assert_eq!(missed(&beats, Outcome { pages: 1, ended: 1, not_whole: 1, ..calm }).len(), 3);
    }
}
