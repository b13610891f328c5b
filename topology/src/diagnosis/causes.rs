//! From believed faults to causes: each silent member in exactly one, unknown shared causes named as such.

use std::collections::{BTreeMap, BTreeSet};

use super::belief::Belief;
use super::candidates::LostLeg;
use super::cost;
use super::odds::{alternatives, within_reach};
use super::paths::{End, legs, paths};
use super::problem::Problem;
use super::search::{Region, Search};
use super::subject::{Clue, Subject, Ways};
use super::types::{Alternative, Component, HostIx, Mode, OpenIncident, SwitchIx};
use super::window::{Window, shared_instant};
use crate::verdict::Verdict;

/// The widest onset that can show that several members failed together, in milliseconds: two beats and slack.
const TOGETHER_MS: u64 = 2_250;
/// Members of the smallest shared fate.
const SHARED_FATE_MIN: usize = 3;

/// One cause with what it takes.
#[derive(Debug)]
pub(super) struct Cause {
    /// The believed candidate; `None` for a shared fate.
    pub(super) place: Option<u32>,
    pub(super) alternatives: Vec<Alternative>,
    pub(super) members: BTreeSet<HostIx>,
    pub(super) degraded: BTreeSet<LostLeg>,
    pub(super) onset: Window,
}

/// The causes that a finished search believes in.
pub(super) fn causes(
    belief: &Belief,
    problem: &Problem,
    search: &mut Search<'_>,
    regions: &[Region],
    open: &[OpenIncident],
) -> Vec<Cause> {
    let mut takes = assign(belief, problem, search, open);
    let mut all = Vec::new();
    for region in regions {
        for place in search.believed_in(region) {
            let members = takes.remove(&place).unwrap_or_default();
            let degraded = degraded(belief, problem, search, place);
            if members.is_empty() && degraded.is_empty() {
                continue;
            }
            let within_reach = within_reach(search, problem, region, place);
            let onset = onset(problem, place, &members, &degraded);
            let alternatives = alternatives(belief, problem, &within_reach);
            all.push(Cause { place: Some(place), alternatives, members, degraded, onset });
        }
    }
    share_fates(problem, all)
}

/// Which believed candidate takes which member: the one whose open incident has it already, else the one that
/// explains most of what is missed of it, then one of its own branch, then the widest.
fn assign(
    belief: &Belief,
    problem: &Problem,
    search: &Search<'_>,
    open: &[OpenIncident],
) -> BTreeMap<u32, BTreeSet<HostIx>> {
    let mut takes: BTreeMap<u32, BTreeSet<HostIx>> = BTreeMap::new();
    for subject in &problem.subjects {
        let Some(host) = subject.host else { continue };
        if !subject.silent && !is_cut_off(belief, problem, search, subject) {
            continue;
        }
        let rank = |&place: &u32| {
            let age = |index: usize| (open[index].onset_ms, open[index].index);
            let has_it = |&index: &usize| open[index].members.contains(&host);
            let older = problem.candidates.get(place).open.filter(has_it).map(age);
            let width = problem.touches[place as usize].len();
            let foreign = !is_of_branch(belief, host, problem.candidates.get(place).fault.component);
            (older.is_none(), older, left_open(subject, place), foreign, core::cmp::Reverse(width), place)
        };
        if let Some(place) = explaining(problem, search, subject).into_iter().min_by_key(rank) {
            takes.entry(place).or_default().insert(host);
        }
    }
    takes
}

/// What of the silence of a subject one candidate does not explain by itself.
fn left_open(subject: &Subject, place: u32) -> usize {
    let explains = |ways: &Ways| ways.iter().all(|way| way.contains(&(place, false)));
    let is_left = |clue: &&Clue| match clue {
        Clue::Lost { ways, .. } | Clue::Silent { ways } => !explains(ways),
        Clue::CarrierLost { .. } | Clue::Alive { .. } | Clue::Missing { .. } => false,
    };
    subject.clues.iter().filter(is_left).count()
}

/// Whether a component belongs to a host, or to a switch that it hangs on.
fn is_of_branch(belief: &Belief, host: HostIx, component: Component) -> bool {
    match component {
        Component::Host(of) | Component::Leg(of, _) => of == host,
        Component::Switch(switch) | Component::Uplink(switch) | Component::PeerLink(switch) => {
            !legs_on(belief, host, switch).is_empty()
        }
        Component::Fabric | Component::JudgeBranch | Component::SharedFate => false,
    }
}

/// The believed candidates that explain why a subject is missed; those of another instant only if no other does.
fn explaining(problem: &Problem, search: &Search<'_>, subject: &Subject) -> Vec<u32> {
    let of_clue = |clue: &Clue| match clue {
        Clue::Lost { ways, .. } | Clue::Silent { ways } => ways.iter().flatten().copied().collect(),
        Clue::CarrierLost { .. } | Clue::Alive { .. } | Clue::Missing { .. } => Vec::new(),
    };
    let believed = |&(place, _): &(u32, bool)| search.believed[place as usize];
    let wide = |place: u32| {
        let component = problem.candidates.get(place).fault.component;
        !matches!(component, Component::Host(_) | Component::Leg(..))
    };
    let about = |place: u32| match problem.candidates.get(place).fault.component {
        Component::Host(host) | Component::Leg(host, _) => subject.silent && Some(host) == subject.host,
        Component::Switch(_)
        | Component::Uplink(_)
        | Component::PeerLink(_)
        | Component::Fabric
        | Component::JudgeBranch
        | Component::SharedFate => wide(place),
    };
    let all: Vec<(u32, bool)> = subject.clues.iter().flat_map(of_clue).filter(believed).collect();
    let in_time = all.iter().any(|&(place, late)| !late && about(place));
    all.into_iter()
        .filter(|&(place, late)| about(place) && !(in_time && late))
        .map(|(place, _)| place)
        .collect()
}

/// A member that somebody hears inside, and that the judge reaches by no leg if what is believed is true.
fn is_cut_off(belief: &Belief, problem: &Problem, search: &Search<'_>, subject: &Subject) -> bool {
    let missed = subject.host.filter(|_| !subject.silences.is_empty());
    missed.is_some_and(|host| !is_reached(belief, problem, search, host))
}

fn is_reached(belief: &Belief, problem: &Problem, search: &Search<'_>, host: HostIx) -> bool {
    let is_out = |vertex: &Component| {
        problem.candidates.standing(*vertex).any(|place| search.believed[place as usize])
    };
    paths(belief, End::Judge, End::Host(host)).iter().any(|path| !path.iter().any(is_out))
}

/// Legs of living members that are lost with a candidate.
fn degraded(belief: &Belief, problem: &Problem, search: &Search<'_>, place: u32) -> BTreeSet<LostLeg> {
    let candidate = problem.candidates.get(place);
    let lives = |host: HostIx| !problem.silent.contains(&host) && is_reached(belief, problem, search, host);
    match candidate.fault.component {
        Component::Leg(host, leg) if lives(host) => BTreeSet::from([(host, leg)]),
        Component::Switch(switch) | Component::Uplink(switch) | Component::PeerLink(switch) => {
            let is_expected = |host: &HostIx| belief.host(*host).is_some_and(|host| host.expected);
            let behind = belief.behind(switch).iter().copied().filter(is_expected);
            behind.filter(|&host| lives(host)).flat_map(|host| legs_on(belief, host, switch)).collect()
        }
        Component::Host(_)
        | Component::Leg(..)
        | Component::Fabric
        | Component::JudgeBranch
        | Component::SharedFate => BTreeSet::new(),
    }
}

fn legs_on(belief: &Belief, host: HostIx, switch: SwitchIx) -> Vec<LostLeg> {
    legs(belief, host)
        .filter(|&leg| belief.switch_of(host, leg) == Some(switch))
        .map(|leg| (host, leg))
        .collect()
}

/// The instant that what it takes shares.
fn onset(problem: &Problem, place: u32, members: &BTreeSet<HostIx>, degraded: &BTreeSet<LostLeg>) -> Window {
    let of_member = |&host: &HostIx| problem.candidates.lost.range((host, 0)..=(host, u8::MAX));
    let of_members = members.iter().flat_map(of_member).map(|(_, &window)| window);
    let of_legs = degraded.iter().filter_map(|leg| problem.candidates.lost.get(leg).copied());
    let mut windows: Vec<Window> = of_members.chain(of_legs).collect();
    shared_instant(&mut windows).unwrap_or(problem.candidates.get(place).instant)
}

/// Replaces single hosts that were lost at one instant by one shared fate, where that is cheaper.
fn share_fates(problem: &Problem, mut all: Vec<Cause>) -> Vec<Cause> {
    let mut done = Vec::new();
    loop {
        let (single, rest): (Vec<Cause>, Vec<Cause>) = all.into_iter().partition(|c| is_single(problem, c));
        done.extend(rest);
        let Some(instant) = instant_of_many(&single) else {
            done.extend(single);
            return done;
        };
        let (together, others): (Vec<Cause>, Vec<Cause>) =
            single.into_iter().partition(|cause| cause.onset.meets(instant));
        match merge(problem, together, instant) {
            Ok(fate) => done.push(fate),
            Err(together) => done.extend(together),
        }
        all = others;
    }
}

/// One host that is dead or unplugged, and nothing else.
fn is_single(problem: &Problem, cause: &Cause) -> bool {
    let Some(place) = cause.place else { return false };
    let fault = problem.candidates.get(place).fault;
    let of_host = matches!(fault.component, Component::Host(_) | Component::Leg(..));
    of_host && fault.mode == Mode::Down && cause.members.len() == 1
}

/// The instant that most of those share whose onset is known well; wide and unknown ones join it.
fn instant_of_many(single: &[Cause]) -> Option<Window> {
    let known = single.iter().map(|cause| cause.onset).filter(|onset| onset.hi - onset.lo <= TOGETHER_MS);
    let mut windows: Vec<Window> = known.collect();
    let instant = shared_instant(&mut windows)?;
    (windows.iter().filter(|window| window.meets(instant)).count() >= 2).then_some(instant)
}

fn merge(problem: &Problem, together: Vec<Cause>, instant: Window) -> Result<Cause, Vec<Cause>> {
    let prior = |cause: &Cause| cause.place.map_or(0, |place| problem.candidates.get(place).prior);
    let apart: u64 = together.iter().map(prior).sum();
    let cost_millibits = cost::shared_fate(together.len());
    if together.len() < SHARED_FATE_MIN || cost_millibits >= apart {
        return Err(together);
    }
    let component = Component::SharedFate;
    let alternatives =
        vec![Alternative { component, verdict: Verdict::SharedFate, cost_millibits, permille: 1_000 }];
    Ok(Cause {
        place: None,
        alternatives,
        members: together.iter().flat_map(|cause| cause.members.iter().copied()).collect(),
        degraded: together.iter().flat_map(|cause| cause.degraded.iter().copied()).collect(),
        onset: instant,
    })
}
