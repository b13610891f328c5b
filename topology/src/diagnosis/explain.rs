//! From causes to what the operator and the relay are told.

use std::collections::{BTreeMap, BTreeSet};

use super::belief::{Belief, JudgeAt};
use super::candidates::{LostLeg, family};
use super::causes::Cause;
use super::facts::{Facts, Silent};
use super::paths::{legs, must_pass, paths};
use super::problem::{Problem, any_apart, suspects};
use super::types::{
    Check, Component, Explanation, HostIx, OpenIncident, RuledOut, Settle, SwitchIx, Vantage,
};
use super::window::Window;
use crate::verdict::Verdict;

/// Checks that are worth their datagrams, for one explanation.
const CHECKS_MAX: usize = 4;
/// Witnesses compared for independence; among more than that there are two.
const COMPARED_MAX: usize = 64;

/// Tells the causes, those with the most members first.
pub(super) fn explain(
    belief: &Belief,
    facts: &Facts,
    problem: &Problem,
    causes: Vec<Cause>,
    open: &[OpenIncident],
) -> Vec<Explanation> {
    let teller = Teller { belief, facts, problem };
    let mut told: Vec<Explanation> = causes.into_iter().map(|cause| teller.tell(cause)).collect();
    told.sort_by_key(|e| {
        let size = (e.members.len(), e.degraded.len());
        (
            core::cmp::Reverse(size),
            e.members.clone(),
            e.degraded.clone(),
            e.alternatives.first().map(|a| a.component),
        )
    });
    adopt(&mut told, open);
    told
}

struct Teller<'a> {
    belief: &'a Belief,
    facts: &'a Facts,
    problem: &'a Problem,
}

impl Teller<'_> {
    fn tell(&self, cause: Cause) -> Explanation {
        let silences = self.silences(&cause);
        let carriers = self.carriers(&cause);
        let mut witnesses: BTreeSet<Vantage> = silences.iter().map(|silent| silent.edge.from).collect();
        witnesses.extend(carriers.iter().map(|&(host, leg)| Vantage::Host { host, leg }));
        let one_witness = carriers.is_empty() && !self.has_two_witnesses(&cause, &silences);
        let never_page = cause.alternatives.iter().any(|a| is_of_judge(self.belief, a.component));
        let checks = self.checks(&cause, &witnesses, one_witness);
        Explanation {
            ruled_out: self.ruled_out(&cause, &silences),
            would_settle: would_settle(&cause, one_witness),
            alternatives: cause.alternatives,
            members: cause.members.into_iter().collect(),
            degraded: cause.degraded.into_iter().collect(),
            witnesses: witnesses.into_iter().collect(),
            one_witness,
            onset_ms: (cause.onset.lo, cause.onset.hi),
            adopted: None,
            absorbed: Vec::new(),
            checks,
            never_page,
        }
    }

    /// What was missed of all that a cause takes.
    fn silences(&self, cause: &Cause) -> Vec<Silent> {
        let legs = cause.degraded.iter().map(|&(host, _)| host);
        let hosts: BTreeSet<HostIx> = cause.members.iter().copied().chain(legs).collect();
        let of_host = hosts.iter().filter_map(|&host| self.problem.subject(host));
        let all = of_host.flat_map(|subject| subject.silences.iter().copied());
        all.filter(|silent| {
            let leg = (silent.edge.subject, silent.edge.leg);
            cause.members.contains(&leg.0) || cause.degraded.contains(&leg)
        })
        .collect()
    }

    /// The legs of living members whose own word is that carrier was lost with it.
    fn carriers(&self, cause: &Cause) -> Vec<LostLeg> {
        let lost = self.facts.ports.iter().filter(|port| !port.carrier_up);
        lost.map(|port| (port.host, port.leg)).filter(|leg| cause.degraded.contains(leg)).collect()
    }

    /// Two that share nothing outside of the branch of what is named.
    fn has_two_witnesses(&self, cause: &Cause, silences: &[Silent]) -> bool {
        let branch = self.branch(cause);
        let mut through: BTreeMap<Vantage, Vec<Component>> = BTreeMap::new();
        for silent in silences {
            let leg = (silent.edge.subject, silent.edge.leg);
            let lost = self.problem.candidates.lost.get(&leg).copied().unwrap_or(silent.window);
            let mut passes = suspects(self.belief, silent.edge.from, leg, &self.problem.proved, lost);
            passes.retain(|vertex| !branch.contains(vertex));
            through.entry(silent.edge.from).or_insert(passes);
        }
        any_apart(&through.into_values().take(COMPARED_MAX).collect::<Vec<_>>())
    }

    /// A switch's branch includes its uplink.
    fn branch(&self, cause: &Cause) -> BTreeSet<Component> {
        let named = cause.alternatives.iter().map(|alternative| alternative.component);
        named
            .flat_map(|component| match component {
                Component::Switch(s) | Component::Uplink(s) | Component::PeerLink(s) => {
                    vec![Component::Switch(s), Component::Uplink(s)]
                }
                Component::Host(_)
                | Component::Leg(..)
                | Component::Fabric
                | Component::JudgeBranch
                | Component::SharedFate => vec![component],
            })
            .collect()
    }

    /// Struck candidates on the way to what is missed, hosts and legs aside: nobody asked about those.
    fn ruled_out(&self, cause: &Cause, silences: &[Silent]) -> Vec<RuledOut> {
        let named: BTreeSet<Component> =
            cause.alternatives.iter().map(|alternative| family(alternative.component)).collect();
        let mut vertices: BTreeSet<Component> = BTreeSet::new();
        for silent in silences {
            let leg = super::paths::End::Leg(silent.edge.subject, silent.edge.leg);
            vertices.extend(must_pass(&paths(self.belief, silent.edge.from.into(), leg)));
        }
        vertices.retain(|vertex| !matches!(vertex, Component::Host(_) | Component::Leg(..)));
        let struck = |vertex: &Component| {
            let places = self.problem.candidates.blocking.get(vertex).map_or(&[][..], Vec::as_slice);
            let by = places.iter().filter_map(|&place| self.problem.candidates.get(place).struck_by).min()?;
            let standing = self.problem.candidates.standing(*vertex).next().is_some();
            (!standing).then_some(RuledOut { component: *vertex, by })
        };
        let kept = |vertex: &&Component| {
            !named.contains(&family(**vertex)) || !cause.alternatives.iter().any(|a| a.component == **vertex)
        };
        vertices.iter().filter(kept).filter_map(struck).collect()
    }

    fn checks(&self, cause: &Cause, witnesses: &BTreeSet<Vantage>, one_witness: bool) -> Vec<Check> {
        let mut checks = Vec::new();
        if has(cause, Verdict::SwitchDown) && has(cause, Verdict::UplinkCut) {
            checks.extend(self.ask_inside(cause));
        }
        if one_witness {
            checks.extend(self.ask_another(cause, witnesses));
        }
        checks.truncate(CHECKS_MAX);
        checks
    }

    /// A living member with a leg on the switch can tell whether the members behind it still talk.
    fn ask_inside(&self, cause: &Cause) -> Vec<Check> {
        let target = |switch: SwitchIx| {
            let on = |&host: &HostIx| {
                legs(self.belief, host)
                    .find(|&l| self.belief.switch_of(host, l) == Some(switch))
                    .map(|l| (host, l))
            };
            cause.members.iter().find_map(on)
        };
        let ask = |&(host, leg): &LostLeg| {
            let (subject, subject_leg) = target(self.belief.switch_of(host, leg)?)?;
            Some(Check { by: Vantage::Host { host, leg }, subject, leg: subject_leg })
        };
        let is_new = |check: &Check| !self.facts.reported.contains(&edge(check));
        cause.degraded.iter().filter_map(ask).filter(is_new).take(2).collect()
    }

    /// The judge itself, else members that are known to speak.
    fn ask_another(&self, cause: &Cause, witnesses: &BTreeSet<Vantage>) -> Vec<Check> {
        let of_member = cause.members.iter().find_map(|&host| {
            self.problem.candidates.lost.range((host, 0)..=(host, u8::MAX)).next().map(|(&leg, _)| leg)
        });
        let Some((subject, leg)) = of_member.or_else(|| cause.degraded.first().copied()) else {
            return Vec::new();
        };
        let speaks = self.facts.words.keys().copied().filter(|&host| host != subject);
        let members = speaks.map(|host| Vantage::Host { host, leg: 0 });
        let by = core::iter::once(Vantage::Judge).chain(members);
        let is_other = |by: &Vantage| {
            let same = |witness: &Vantage| match (witness, by) {
                (Vantage::Host { host: a, .. }, Vantage::Host { host: b, .. }) => a == b,
                (a, b) => a == b,
            };
            !witnesses.iter().any(same)
        };
        by.filter(is_other).take(2).map(|by| Check { by, subject, leg }).collect()
    }
}

fn edge(check: &Check) -> super::facts::Edge {
    super::facts::Edge { subject: check.subject, leg: check.leg, from: check.by }
}

fn has(cause: &Cause, verdict: Verdict) -> bool {
    cause.alternatives.iter().any(|alternative| alternative.verdict == verdict)
}

/// What the judge stands on: its own leg, what joins it to all others, its only switch and the uplink of that.
fn is_of_judge(belief: &Belief, component: Component) -> bool {
    match component {
        Component::JudgeBranch | Component::Fabric => true,
        Component::Switch(switch) | Component::Uplink(switch) => match belief.judge() {
            JudgeAt::Legs(on) => *on == [switch],
            JudgeAt::Fabric => false,
        },
        Component::Host(_) | Component::Leg(..) | Component::PeerLink(_) | Component::SharedFate => false,
    }
}

fn would_settle(cause: &Cause, one_witness: bool) -> Vec<Settle> {
    let mut by = BTreeSet::new();
    if has(cause, Verdict::HostOrCable) {
        by.extend([Settle::BootIds, Settle::FlightRecorders, Settle::HypervisorOrBmc]);
    }
    if has(cause, Verdict::SharedFate) {
        by.insert(Settle::BootIds);
    }
    if has(cause, Verdict::SwitchDown) || has(cause, Verdict::UplinkCut) || has(cause, Verdict::PeerLinkSplit)
    {
        by.extend([Settle::BootIds, Settle::FlightRecorders]);
    }
    if has(cause, Verdict::SwitchDown) && has(cause, Verdict::UplinkCut) {
        by.insert(Settle::DualHomedMember);
    }
    if has(cause, Verdict::SiteSplit) || has(cause, Verdict::RelayDown) {
        by.insert(Settle::OtherRelay);
    }
    if one_witness {
        by.insert(Settle::SecondWitness);
    }
    by.into_iter().collect()
}

/// Each open incident goes to one explanation, each explanation keeps the oldest of its own.
fn adopt(told: &mut [Explanation], open: &[OpenIncident]) {
    let mut order: Vec<&OpenIncident> = open.iter().collect();
    order.sort_unstable_by_key(|incident| (incident.onset_ms, incident.index));
    for incident in order {
        let Some(mine) = told.iter_mut().find(|explanation| is_same(explanation, incident)) else { continue };
        match mine.adopted {
            None => mine.adopted = Some(incident.index),
            Some(_) => mine.absorbed.push(incident.index),
        }
    }
    told.iter_mut().for_each(|explanation| explanation.absorbed.sort_unstable());
}

/// The same thing at the same time, or half of its members at the same time.
fn is_same(explanation: &Explanation, incident: &OpenIncident) -> bool {
    let (lo, hi) = explanation.onset_ms;
    let together = Window::new(lo, hi).meets(Window::new(incident.onset_ms.0, incident.onset_ms.1));
    let named = |best: Component| incident.components.iter().any(|known| family(*known) == family(best));
    let best = explanation.alternatives.first().map(|best| best.component);
    let same = best.is_some_and(|best| best != Component::SharedFate && named(best));
    let mut members = incident.members.clone();
    members.sort_unstable();
    members.dedup();
    let shared = members.iter().filter(|host| explanation.members.binary_search(host).is_ok()).count();
    together && (same || (shared > 0 && 2 * shared >= members.len()))
}
