//! What signs of life say against candidates.
//!
//! A beat, a pong, an echo or a word that arrived proves every vertex without which it could not have come, for
//! its instant. First-hand and fresh that strikes a candidate out; by cached wiring it is only a cost. A redundant
//! path exonerates nobody.

use std::collections::BTreeMap;

use super::belief::Belief;
use super::candidates::Candidates;
use super::cost::{CONTRADICTED_STALE, VETO};
use super::facts::{Facts, Sign};
use super::paths::{End, Fault, Path, is_end_fresh, must_pass, paths};
use super::types::{Component, HostIx, Mode, Vantage};

/// Something that came through.
pub(super) struct Alive {
    /// About whom; `None` for somebody beyond the core.
    pub(super) about: Option<HostIx>,
    ways: Vec<Path>,
    at_ms: u64,
    fresh: bool,
    by: Vantage,
    proof: Proof,
}

/// What of the subject must live for it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Proof {
    Beat,
    Echo,
    Refusal,
}

impl Proof {
    /// Whether a host broken like this could still have given it.
    fn allows(self, fault: Fault) -> bool {
        match (self, fault.mode) {
            (Self::Echo, Mode::ProcessDown | Mode::UserspaceHung) | (Self::Refusal, Mode::ProcessDown) => {
                true
            }
            (Self::Echo, Mode::Down | Mode::DataPlane | Mode::Isolated)
            | (Self::Refusal, Mode::Down | Mode::DataPlane | Mode::Isolated | Mode::UserspaceHung)
            | (
                Self::Beat,
                Mode::Down | Mode::DataPlane | Mode::Isolated | Mode::ProcessDown | Mode::UserspaceHung,
            ) => false,
        }
    }
}

/// Everything that came through, in a fixed order.
pub(super) fn signs_of_life(belief: &Belief, facts: &Facts) -> Vec<Alive> {
    let seen = |proof| {
        move |sign: &Sign| {
            let (from, to) = (End::from(sign.edge.from), End::Leg(sign.edge.subject, sign.edge.leg));
            let fresh = is_end_fresh(belief, from) && is_end_fresh(belief, to);
            let (about, by) = (Some(sign.edge.subject), sign.edge.from);
            Alive { about, ways: paths(belief, from, to), at_ms: sign.at_ms, fresh, by, proof }
        }
    };
    let said = |(&host, &at_ms): (&HostIx, &u64)| {
        let end = End::Host(host);
        let (ways, fresh) = (paths(belief, end, End::Judge), is_end_fresh(belief, end));
        let by = Vantage::Host { host, leg: 0 };
        Alive { about: Some(host), ways, at_ms, fresh, by, proof: Proof::Beat }
    };
    let outside = facts.outside_at.map(|at_ms| {
        let ways = paths(belief, End::Judge, End::Core);
        Alive { about: None, ways, at_ms, fresh: true, by: Vantage::Judge, proof: Proof::Beat }
    });
    let beats = facts.heard.iter().map(seen(Proof::Beat));
    let echoes = facts.echo.iter().map(seen(Proof::Echo));
    let refusals = facts.refused.iter().map(seen(Proof::Refusal));
    let words = facts.words.iter().map(said);
    beats.chain(echoes).chain(refusals).chain(words).chain(outside).collect()
}

impl Alive {
    /// The candidates that would have stopped it, by path, with what that contradiction costs.
    pub(super) fn against(&self, candidates: &Candidates) -> Vec<Vec<(u32, u64)>> {
        let of = |path: &Path| {
            let mut places: Vec<(u32, u64)> = Vec::new();
            for &vertex in path {
                let weight = self.weight(vertex);
                places.extend(
                    candidates.standing(vertex).filter(|&p| self.stops(candidates, p)).map(|p| (p, weight)),
                );
            }
            places.sort_unstable();
            places
        };
        self.ways.iter().map(of).collect()
    }

    fn stops(&self, candidates: &Candidates, place: u32) -> bool {
        let candidate = candidates.get(place);
        let own = self.about.map(Component::Host) == Some(candidate.fault.component);
        candidate.instant.is_over_at(self.at_ms) && !(own && self.proof.allows(candidate.fault))
    }

    /// A host, its leg and the judge's own branch are known without any wiring.
    fn weight(&self, vertex: Component) -> u64 {
        match vertex {
            Component::Host(_) | Component::Leg(..) | Component::JudgeBranch => VETO,
            Component::Switch(_)
            | Component::Uplink(_)
            | Component::PeerLink(_)
            | Component::Fabric
            | Component::SharedFate => {
                if self.fresh {
                    VETO
                } else {
                    CONTRADICTED_STALE
                }
            }
        }
    }
}

/// Strikes out every candidate that alone would have stopped a fresh first-hand sign of life.
pub(super) fn strike(candidates: &mut Candidates, signs: &[Alive]) {
    let mut struck: BTreeMap<u32, Vantage> = BTreeMap::new();
    for sign in signs {
        let against = sign.against(candidates);
        let Some((first, rest)) = against.split_first() else { continue };
        let hard = |place| move |&(other, weight): &(u32, u64)| other == place && weight == VETO;
        for &(place, _) in first.iter().filter(|(_, weight)| *weight == VETO) {
            if rest.iter().all(|path| path.iter().any(hard(place))) {
                let by = struck.entry(place).or_insert(sign.by);
                *by = (*by).min(sign.by);
            }
        }
    }
    for (place, by) in struck {
        candidates.all[place as usize].struck_by = Some(by);
    }
}

/// Until when each vertex is proved to have lived.
pub(super) fn proved(signs: &[Alive]) -> BTreeMap<Component, u64> {
    let mut proved: BTreeMap<Component, u64> = BTreeMap::new();
    for sign in signs {
        for vertex in must_pass(&sign.ways).into_iter().filter(|&vertex| sign.weight(vertex) == VETO) {
            let at = proved.entry(vertex).or_default();
            *at = (*at).max(sign.at_ms);
        }
    }
    proved
}

/// Strikes out what loses carrier where a member says first-hand that its port kept it, and names what remains as
/// a cost: a leg that is lost with its carrier up, a switch that is down by cached wiring.
pub(super) fn strike_by_carrier(
    belief: &Belief,
    facts: &Facts,
    candidates: &mut Candidates,
) -> Vec<(HostIx, u32, u64)> {
    let mut soft = Vec::new();
    for port in facts.ports.iter().filter(|port| port.carrier_up) {
        let Some(leg) = belief.leg(port.host, port.leg) else { continue };
        let by = Vantage::Host { host: port.host, leg: port.leg };
        let fresh = is_end_fresh(belief, End::from(by));
        let switch = leg.switch.map(Component::Switch);
        for vertex in [Some(Component::Leg(port.host, port.leg)), switch].into_iter().flatten() {
            let places: Vec<u32> = candidates.standing(vertex).collect();
            for place in places {
                let candidate = &mut candidates.all[place as usize];
                let kept = candidate.instant.is_over_at(port.at_ms) && port.since_ms <= candidate.instant.hi;
                match (kept && loses_carrier(candidate.fault), vertex) {
                    (false, _) => {}
                    (true, Component::Leg(..)) => {
                        soft.push((port.host, place, super::cost::CARRIER_KEPT_BY_LEG))
                    }
                    (true, _) if fresh => candidate.struck_by = Some(by),
                    (true, _) => soft.push((port.host, place, CONTRADICTED_STALE)),
                }
            }
        }
    }
    soft
}

/// Whether the ports behind it lose their carrier. A suspended side of a pair drops it too.
pub(super) fn loses_carrier(fault: Fault) -> bool {
    match fault.component {
        Component::Leg(..) | Component::Switch(_) | Component::PeerLink(_) => fault.mode == Mode::Down,
        Component::Host(_)
        | Component::Uplink(_)
        | Component::Fabric
        | Component::JudgeBranch
        | Component::SharedFate => false,
    }
}
