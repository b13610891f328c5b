//! The rules, as tables over a small site; their consequences are in the modules beside.

#![allow(clippy::unwrap_used)]

mod laws;
mod table;
mod world;

use super::*;
use crate::verdict::Verdict;

/// When things break in these tests.
pub(super) const T: u64 = 100_000;
/// When they are judged: after the check, before a missing report is overdue.
pub(super) const NOW: u64 = T + 4_000;

pub(super) fn h(number: u32) -> HostIx {
    HostIx(number)
}

pub(super) fn s(number: u32) -> SwitchIx {
    SwitchIx(number)
}

pub(super) fn by(host: u32, leg: u8) -> Vantage {
    Vantage::Host { host: HostIx(host), leg }
}

/// A site: for each host the switches its legs hang on; ring neighbours on each switch watch each other.
pub(super) fn site(homes: &[&[u32]]) -> Belief {
    let mut belief = Belief::new(JudgeAt::Fabric);
    for (number, home) in (0u32..).zip(homes) {
        let leg = |(leg, &switch): (u8, &u32)| {
            let on = |other: &&[u32]| (0u8..).zip(*other).find(|(_, at)| **at == switch).map(|(leg, _)| leg);
            let ring: Vec<(u32, u8)> =
                (0u32..).zip(homes).filter_map(|(host, other)| Some((host, on(other)?))).collect();
            let place = ring.iter().position(|&member| member == (number, leg)).unwrap();
            let around = [ring[(place + 1) % ring.len()], ring[(place + ring.len() - 1) % ring.len()]];
            let mut watchers: Vec<Vantage> = around
                .into_iter()
                .filter(|&(host, _)| host != number)
                .map(|(host, leg)| by(host, leg))
                .collect();
            watchers.sort();
            watchers.dedup();
            LegBelief { switch: Some(SwitchIx(switch)), trust: Trust::Fresh, watchers }
        };
        let legs = (0u8..).zip(*home).map(leg).collect();
        belief.set_host(HostIx(number), HostBelief { expected: true, legs });
    }
    belief
}

/// One end missed another since `T`; a judge does not know since when.
pub(super) fn silent(from: Vantage, subject: u32, leg: u8) -> Observation {
    let (last_heard_ms, first_bad_ms) = match from {
        Vantage::Judge => (None, T + 3_300),
        Vantage::Host { .. } => (Some(T - 400), T + 600),
    };
    let subject = HostIx(subject);
    Observation {
        from,
        subject,
        leg,
        lane: 0,
        outcome: Outcome::Silent,
        last_heard_ms,
        first_bad_ms,
        at_ms: T + 3_600,
        doubted: false,
    }
}

/// One end heard or got an answer from another after the fault.
pub(super) fn seen(outcome: Outcome, from: Vantage, subject: u32, leg: u8) -> Observation {
    let last_heard_ms = Some(T + 3_700);
    Observation { outcome, last_heard_ms, at_ms: T + 3_700, ..silent(from, subject, leg) }
}

pub(super) fn heard(from: Vantage, subject: u32, leg: u8) -> Observation {
    seen(Outcome::Heard, from, subject, leg)
}

pub(super) fn carrier(host: u32, leg: u8, carrier_up: bool) -> PortObservation {
    let since_ms = if carrier_up { 10 } else { T };
    PortObservation { host: HostIx(host), leg, carrier_up, since_ms, at_ms: T + 3_700 }
}

pub(super) fn evidence(observations: &[Observation], ports: &[PortObservation]) -> Evidence {
    let (observations, ports) = (observations.to_vec(), ports.to_vec());
    Evidence { observations, ports, outside_heard_ms: Some(T + 3_700) }
}

/// The verdicts of an explanation, best first, with their subjects.
pub(super) fn named(explanation: &Explanation) -> Vec<(Component, Verdict)> {
    explanation.alternatives.iter().map(|a| (a.component, a.verdict)).collect()
}
