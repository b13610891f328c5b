//! What a picture shows in red, and the rows below it: each `[[faults]]` of the file once, with its own keys.

use std::collections::BTreeSet;

use ringmesh_netsim::scenario::{Draft, Fault, Scenario, Wear};
use toml::{Table, Value};

/// What is between things; numbers are those of the plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Part {
    /// The way of a site to the rest of the world.
    Leg(usize),
    /// That of the CMA.
    LegOfCma,
    /// A line between two sites, the lower number first.
    Line(usize, usize),
    /// What joins the switches of a site with each other.
    Lan(usize),
    /// Of a site.
    Spine(usize, usize),
    /// Of a switch.
    SpineLink(usize, usize),
    /// All uplinks of a switch.
    Uplink(usize),
    /// Of the pair that this switch is one of.
    PeerLink(usize),
    /// Of a site.
    Feed(usize, usize),
}

/// What is going to break.
#[derive(Debug, Default)]
pub(super) struct Broken {
    names: BTreeSet<String>,
    parts: BTreeSet<Part>,
}

impl Broken {
    pub(super) fn of(scenario: &Scenario, draft: &Draft) -> Self {
        let mut broken = Self::default();
        for fault in draft.faults.iter().map(|fault| fault.fault) {
            match part(fault) {
                Some(part) => broken.parts.insert(part),
                None => broken.names.insert(fault.subject(scenario.plan())),
            };
        }
        broken
    }

    /// Something that has a name.
    pub(super) fn name(&self, name: &str) -> bool {
        self.names.contains(name)
    }

    pub(super) fn part(&self, part: Part) -> bool {
        self.parts.contains(&part)
    }
}

fn part(fault: Fault) -> Option<Part> {
    Some(match fault {
        Fault::Wan(site) | Fault::WanQuality { site, .. } => Part::Leg(site),
        Fault::CmaWan => Part::LegOfCma,
        Fault::Uplink(switch) | Fault::Wear(Wear::BadUplink(switch, None, _)) => Part::Uplink(switch),
        Fault::Wear(Wear::SpineLink(switch, spine) | Wear::BadUplink(switch, Some(spine), _)) => {
            Part::SpineLink(switch, spine)
        }
        Fault::Wear(Wear::Line(a, b)) => Part::Line(a.min(b), a.max(b)),
        Fault::Wear(Wear::BadLan(site, _)) => Part::Lan(site),
        Fault::Wear(Wear::Spine(site, spine)) => Part::Spine(site, spine),
        Fault::Wear(Wear::PeerLink(switch)) => Part::PeerLink(switch),
        Fault::Wear(Wear::Feed(site, feed)) => Part::Feed(site, feed),
        _ => return None,
    })
}

/// A row for each `[[faults]]`; `text` is the file that the scenario was read from.
pub(super) fn rows(scenario: &Scenario, text: &str, seed: u64) -> Vec<String> {
    let file: Table = toml::from_str(text).unwrap_or_default();
    let faults = file.get("faults").and_then(Value::as_array).into_iter().flatten();
    let cues = scenario.cues(seed);
    let row = |(number, fault): (usize, &Value)| {
        let begins = cues.iter().filter(|cue| cue.begins && cue.number == number);
        let begins: Vec<f64> = begins.map(|cue| cue.at.as_secs_f64()).collect();
        words(fault.as_table()?, &begins)
    };
    faults.enumerate().filter_map(row).collect()
}

/// Keys that have words of their own, or none.
const TOLD: [&str; 10] =
    ["name", "kind", "on", "at", "between", "per_day", "lasts", "flaps", "if_whole", "port"];
/// Names in a row, until they are cut.
const ON_MAX: usize = 60;

fn words(fault: &Table, begins: &[f64]) -> Option<String> {
    let of = |key: &str| fault.get(key).map(plain);
    let mut row = format!("{}: {}", when(fault, begins), of("kind")?);
    if let Some(on) = of("on") {
        row.push_str(&format!(" {}", cut(&on, ON_MAX)));
    }
    if let Some(port) = of("port") {
        row.push_str(&format!(" {port}"));
    }
    for (key, value) in fault.iter().filter(|(key, _)| !TOLD.contains(&key.as_str())) {
        row.push_str(&format!(", {} {}", key, plain(value)));
    }
    row.push_str(&of("lasts").map_or(", to the end".into(), |lasts| format!(", for {lasts}")));
    row.push_str(&of("flaps").map(|flaps| format!(", flaps every {flaps}")).unwrap_or_default());
    Some(row)
}

/// When it begins with the seed; of one that comes and goes, first.
fn when(fault: &Table, begins: &[f64]) -> String {
    let (first, last) = (begins.first().copied().unwrap_or(0.0), begins.last().copied().unwrap_or(0.0));
    if fault.contains_key("per_day") {
        return match begins.len() {
            0 => "never with this seed".into(),
            1 => format!("once, at {first:.1} s"),
            times => format!("{times} times, first at {first:.1} s"),
        };
    }
    if first < last && !fault.contains_key("flaps") {
        return format!("{first:.1} to {last:.1} s");
    }
    format!("{first:.1} s")
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Not longer than so many characters.
pub(super) fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars().take(most - 2).chain([' ', '…']).collect()
}
