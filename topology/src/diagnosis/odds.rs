//! Alternatives to one believed fault, and what each is called.

use std::collections::BTreeMap;

use super::belief::Belief;
use super::cost::{WITHIN_REACH, permille, weight};
use super::paths::Fault;
use super::problem::Problem;
use super::search::{Region, Search};
use super::types::{Alternative, Component, HostIx, Mode, SwitchIx, Vantage};
use crate::verdict::Verdict;

/// Everything within reach that could stand in the place of one believed fault: by fault, with the cost of its
/// region. The believed one is among them.
pub(super) fn within_reach(
    search: &mut Search<'_>,
    problem: &Problem,
    region: &Region,
    place: u32,
) -> BTreeMap<Fault, u64> {
    let base = search.region_cost(region);
    let mut found = BTreeMap::from([(problem.candidates.get(place).fault, base)]);
    for other in stand_ins(search, problem, place) {
        let more = search.toggle(place) + search.toggle(other);
        let (dropped, saved) = search.drop_near((other, None));
        let cost = base.saturating_add_signed(more + saved);
        for &dropped in dropped.iter().chain([&other, &place]) {
            search.toggle(dropped);
        }
        if cost <= base.saturating_add(WITHIN_REACH) {
            let kept = found.entry(problem.candidates.get(other).fault).or_insert(cost);
            *kept = (*kept).min(cost);
        }
    }
    found
}

/// Candidates that could pay for what a fault explains: what they do not even touch must fit within reach.
fn stand_ins(search: &mut Search<'_>, problem: &Problem, place: u32) -> Vec<u32> {
    let touched = &problem.touches[place as usize];
    let with: Vec<u64> = touched.iter().map(|&subject| search.cost_of(subject)).collect();
    search.toggle(place);
    let without: Vec<u64> = touched.iter().map(|&subject| search.cost_of(subject)).collect();
    search.toggle(place);
    let needed: Vec<(u32, u64)> = (touched.iter().zip(with.iter().zip(&without)))
        .map(|(&subject, (with, without))| (subject, without.saturating_sub(*with)))
        .filter(|&(_, more)| more > 0)
        .collect();
    let mut others: Vec<u32> = needed
        .iter()
        .flat_map(|&(subject, _)| problem.subjects[subject as usize].touched_by.iter().copied())
        .filter(|&other| !search.believed[other as usize])
        .collect();
    others.sort_unstable();
    others.dedup();
    let prior = |place: u32| problem.candidates.get(place).prior;
    others.retain(|&other| {
        let reaches = &problem.touches[other as usize];
        let left = needed.iter().filter(|(subject, _)| reaches.binary_search(subject).is_err());
        let left: u64 = left.map(|&(_, more)| more).sum();
        left + prior(other) <= prior(place) + WITHIN_REACH
    });
    others
}

/// Named, merged by subject and verdict, best first.
pub(super) fn alternatives(
    belief: &Belief,
    problem: &Problem,
    within_reach: &BTreeMap<Fault, u64>,
) -> Vec<Alternative> {
    let best = within_reach.values().copied().min().unwrap_or(0);
    let mut named: BTreeMap<(Component, Verdict), (u64, u64)> = BTreeMap::new();
    for (&fault, &cost) in within_reach {
        let (least, share) = named.entry(name(belief, problem, fault)).or_insert((cost, 0));
        *least = (*least).min(cost);
        *share += weight(cost - best);
    }
    let mut rows: Vec<_> = named.into_iter().map(|(name, (cost, share))| (cost, name, share)).collect();
    rows.sort_unstable();
    let shares = permille(&rows.iter().map(|&(.., share)| share).collect::<Vec<_>>());
    let told = rows.into_iter().zip(shares);
    told.map(|((cost_millibits, (component, verdict), _), permille)| Alternative {
        component,
        verdict,
        cost_millibits,
        permille,
    })
    .collect()
}

/// The one name of a fault, with its subject.
fn name(belief: &Belief, problem: &Problem, fault: Fault) -> (Component, Verdict) {
    match fault.component {
        Component::Host(host) => (fault.component, host_verdict(belief, problem, host, fault.mode)),
        Component::Leg(host, _) if problem.silent.contains(&host) => {
            (Component::Host(host), host_verdict(belief, problem, host, fault.mode))
        }
        Component::Leg(..) => (fault.component, Verdict::RedundancyLost),
        Component::Switch(switch) | Component::Uplink(switch) | Component::PeerLink(switch)
            if belief.switch(switch).planned =>
        {
            (Component::Switch(switch), Verdict::Planned)
        }
        Component::Switch(switch) if fault.mode == Mode::Isolated => {
            (Component::Uplink(switch), Verdict::UplinkCut)
        }
        Component::Switch(_) => (fault.component, Verdict::SwitchDown),
        Component::Uplink(_) => (fault.component, Verdict::UplinkCut),
        Component::PeerLink(_) => (fault.component, Verdict::PeerLinkSplit),
        // A site whose core is gone is in pieces; a relay that is cut off is lost to its site.
        Component::Fabric => (fault.component, Verdict::SiteSplit),
        Component::JudgeBranch => (fault.component, Verdict::RelayDown),
        Component::SharedFate => (fault.component, Verdict::SharedFate),
    }
}

fn host_verdict(belief: &Belief, problem: &Problem, host: HostIx, mode: Mode) -> Verdict {
    match mode {
        Mode::ProcessDown => Verdict::ProbeDown,
        Mode::UserspaceHung => Verdict::HostHung,
        Mode::Down | Mode::DataPlane | Mode::Isolated => {
            if is_proved_dead(belief, problem, host) {
                Verdict::HostDown
            } else {
                Verdict::HostOrCable
            }
        }
    }
}

/// Every leg is missed by a member, and they hang on two switches or more.
fn is_proved_dead(belief: &Belief, problem: &Problem, host: HostIx) -> bool {
    let Some(subject) = problem.subject(host) else { return false };
    let Some(host) = belief.host(host) else { return false };
    let mut switches: Vec<SwitchIx> = host.legs.iter().filter_map(|leg| leg.switch).collect();
    switches.sort_unstable();
    switches.dedup();
    let is_missed = |leg: usize| {
        let by_member = |from: Vantage| matches!(from, Vantage::Host { .. });
        subject.silences.iter().any(|s| usize::from(s.edge.leg) == leg && by_member(s.edge.from))
    };
    switches.len() >= 2 && (0..host.legs.len()).all(is_missed)
}
