//! Which faults are worth believing: those that lie on the path of something silent.

use std::collections::{BTreeMap, BTreeSet};

use super::belief::Belief;
use super::cost;
use super::facts::Facts;
use super::paths::{Fault, Path, blocked_by, paths, peer_of};
use super::types::{Component, HostIx, Mode, OpenIncident, SwitchIx, Vantage};
use super::window::{Window, shared_instant};

/// How late a kernel may tell that a port lost carrier, in milliseconds. Linux tells losses in bursts at most a
/// second apart: of ports that go down together the last may be told a second after the first.
const CARRIER_TOLD_WITHIN_MS: u64 = 1_000;

/// A fault that may be believed.
#[derive(Clone, Debug)]
pub(super) struct Candidate {
    pub(super) fault: Fault,
    /// It is this open incident going on, not a new fault.
    pub(super) open: Option<usize>,
    pub(super) prior: u64,
    /// When it would have begun.
    pub(super) instant: Window,
    /// A fresh first-hand witness saw it alive after that.
    pub(super) struck_by: Option<Vantage>,
}

/// A leg that somebody misses.
pub(super) type LostLeg = (HostIx, u8);

/// All candidates of one judgement, in a fixed order; everything else names them by place.
#[derive(Debug, Default)]
pub(super) struct Candidates {
    pub(super) all: Vec<Candidate>,
    /// Which of them take out a vertex.
    pub(super) blocking: BTreeMap<Component, Vec<u32>>,
    /// When each missed leg was lost.
    pub(super) lost: BTreeMap<LostLeg, Window>,
}

impl Candidates {
    pub(super) fn new(belief: &Belief, facts: &Facts, open: &[OpenIncident]) -> Self {
        let lost = lost_legs(belief, facts);
        let windows = windows_by_vertex(belief, facts, &lost);
        let mut faults = BTreeSet::new();
        for &vertex in windows.keys() {
            faults.extend(faults_of(belief, facts, vertex));
        }
        let going_on = by_family(open);
        let mut all = Vec::new();
        for fault in faults {
            let again = going_on.get(&family(fault.component)).map_or(&[][..], Vec::as_slice);
            let instant = instant_of(belief, fault, &windows);
            all.push(candidate(belief, fault, None, instant));
            for &index in again {
                let (lo, hi) = open[index].onset_ms;
                all.push(candidate(belief, fault, Some(index), Window::new(lo, hi)));
            }
        }
        let mut blocking: BTreeMap<Component, Vec<u32>> = BTreeMap::new();
        for (place, candidate) in (0u32..).zip(&all) {
            for vertex in blocked_by(belief, candidate.fault) {
                blocking.entry(vertex).or_default().push(place);
            }
        }
        Self { all, blocking, lost }
    }

    pub(super) fn get(&self, place: u32) -> &Candidate {
        &self.all[place as usize]
    }

    /// Candidates that take out a vertex and are not struck.
    pub(super) fn standing(&self, vertex: Component) -> impl Iterator<Item = u32> {
        let blocking = self.blocking.get(&vertex).map_or(&[][..], Vec::as_slice);
        blocking.iter().copied().filter(|&place| self.get(place).struck_by.is_none())
    }

    /// Whether a candidate may explain what was lost then.
    pub(super) fn is_late(&self, place: u32, lost: Window) -> bool {
        !self.get(place).instant.meets(lost)
    }
}

/// Components that an open incident about one of them may turn out to be.
pub(super) fn family(component: Component) -> Component {
    match component {
        Component::Leg(host, _) => Component::Host(host),
        Component::Uplink(switch) | Component::PeerLink(switch) => Component::Switch(switch),
        Component::Host(_)
        | Component::Switch(_)
        | Component::Fabric
        | Component::JudgeBranch
        | Component::SharedFate => component,
    }
}

fn by_family(open: &[OpenIncident]) -> BTreeMap<Component, Vec<usize>> {
    let mut map: BTreeMap<Component, Vec<usize>> = BTreeMap::new();
    let mut order: Vec<usize> = (0..open.len()).collect();
    order.sort_unstable_by_key(|&place| (open[place].onset_ms, open[place].index));
    for place in order {
        let families: BTreeSet<Component> = open[place].components.iter().copied().map(family).collect();
        families.into_iter().for_each(|one| map.entry(one).or_default().push(place));
    }
    map
}

/// When each leg was lost, by all who miss it and by its own carrier.
fn lost_legs(belief: &Belief, facts: &Facts) -> BTreeMap<LostLeg, Window> {
    let is_expected = |host| belief.host(host).is_some_and(|host| host.expected);
    let mut seen: BTreeMap<LostLeg, Vec<Window>> = BTreeMap::new();
    for silent in facts.silent.iter().filter(|silent| is_expected(silent.edge.subject)) {
        seen.entry((silent.edge.subject, silent.edge.leg)).or_default().push(silent.window);
    }
    for port in facts.ports.iter().filter(|port| !port.carrier_up && is_expected(port.host)) {
        let lost = Window::new(port.since_ms.saturating_sub(CARRIER_TOLD_WITHIN_MS), port.since_ms);
        seen.entry((port.host, port.leg)).or_default().push(lost);
    }
    seen.into_iter().filter_map(|(leg, mut all)| Some((leg, shared_instant(&mut all)?))).collect()
}

type Windows = BTreeMap<Component, BTreeSet<(LostLeg, Window)>>;

/// For each vertex on the way to a missed leg: when what it would explain was lost. One window for each leg, so
/// that a second witness of one loss adds no weight.
fn windows_by_vertex(belief: &Belief, facts: &Facts, lost: &BTreeMap<LostLeg, Window>) -> Windows {
    let mut windows = Windows::new();
    for silent in &facts.silent {
        let leg = (silent.edge.subject, silent.edge.leg);
        let Some(&window) = lost.get(&leg) else { continue };
        let ways = paths(belief, silent.edge.from.into(), super::paths::End::Leg(leg.0, leg.1));
        for vertex in ways.iter().flatten() {
            // The witness spoke: its host is not the fault.
            if !matches!(*vertex, Component::Host(host) if host != leg.0) {
                windows.entry(*vertex).or_default().insert((leg, window));
            }
        }
    }
    for port in facts.ports.iter().filter(|port| !port.carrier_up) {
        let Some(&window) = lost.get(&(port.host, port.leg)) else { continue };
        let switch = belief.switch_of(port.host, port.leg).map(Component::Switch);
        for vertex in [Some(Component::Leg(port.host, port.leg)), switch].into_iter().flatten() {
            windows.entry(vertex).or_default().insert(((port.host, port.leg), window));
        }
    }
    windows
}

/// The ways a vertex can break of which the evidence may say something.
fn faults_of(belief: &Belief, facts: &Facts, vertex: Component) -> Vec<Fault> {
    let modes = match vertex {
        Component::Host(host) => return host_faults(facts, host),
        Component::Switch(switch) => return switch_faults(belief, facts, switch),
        // Lost peer links show as a switch that suspends its ports.
        Component::PeerLink(_) | Component::SharedFate => &[][..],
        Component::Leg(..) | Component::Uplink(_) | Component::Fabric | Component::JudgeBranch => {
            &[Mode::Down]
        }
    };
    modes.iter().map(|&mode| Fault { component: vertex, mode }).collect()
}

fn host_faults(facts: &Facts, host: HostIx) -> Vec<Fault> {
    let refuses = facts.refused.iter().any(|sign| sign.edge.subject == host);
    let echoes = facts.echo.iter().any(|sign| sign.edge.subject == host);
    let modes = [
        Some(Mode::Down),
        refuses.then_some(Mode::ProcessDown),
        (echoes && !refuses).then_some(Mode::UserspaceHung),
    ];
    modes.into_iter().flatten().map(|mode| Fault { component: Component::Host(host), mode }).collect()
}

fn switch_faults(belief: &Belief, facts: &Facts, switch: SwitchIx) -> Vec<Fault> {
    let kept = |port: &super::types::PortObservation| {
        port.carrier_up && belief.switch_of(port.host, port.leg) == Some(switch)
    };
    let component = Component::Switch(switch);
    let mut faults = vec![Fault { component, mode: Mode::Down }];
    if facts.ports.iter().any(kept) {
        faults.push(Fault { component, mode: Mode::DataPlane });
    }
    if peer_of(belief, switch).is_some() {
        faults.push(Fault { component, mode: Mode::Isolated });
        faults.push(Fault { component: Component::PeerLink(switch), mode: Mode::Down });
    }
    faults
}

fn instant_of(belief: &Belief, fault: Fault, windows: &Windows) -> Window {
    let taken: BTreeSet<(LostLeg, Window)> = blocked_by(belief, fault)
        .iter()
        .filter_map(|vertex| windows.get(vertex))
        .flat_map(|seen| seen.iter().copied())
        .collect();
    let mut seen: Vec<Window> = taken.into_iter().map(|(_, window)| window).collect();
    shared_instant(&mut seen).unwrap_or(Window::new(0, u64::MAX))
}

fn candidate(belief: &Belief, fault: Fault, open: Option<usize>, instant: Window) -> Candidate {
    let planned = match fault.component {
        Component::Switch(switch) | Component::Uplink(switch) | Component::PeerLink(switch) => {
            belief.switch(switch).planned
        }
        Component::Host(_)
        | Component::Leg(..)
        | Component::Fabric
        | Component::JudgeBranch
        | Component::SharedFate => false,
    };
    Candidate { fault, open, prior: cost::prior(fault, planned, open.is_some()), instant, struck_by: None }
}

/// The candidates that take out each path, for those who need all of them taken out.
pub(super) fn blockers(candidates: &Candidates, ways: &[Path]) -> Vec<Vec<u32>> {
    let of = |path: &Path| {
        let mut places: Vec<u32> = path.iter().flat_map(|&vertex| candidates.standing(vertex)).collect();
        places.sort_unstable();
        places.dedup();
        places
    };
    ways.iter().map(of).collect()
}
