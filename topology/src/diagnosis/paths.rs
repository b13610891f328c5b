//! Forwarding: which components lie between two ends.
//!
//! Hosts are end points and never forward. A path goes up from an access switch to the site's core and down again,
//! at most once; the link of an MLAG pair is a way around an own uplink or leg that is down. Host, leg, switch,
//! uplink, peer link, core and the judge's own branch are all vertices: each can break.

use super::belief::{Belief, JudgeAt, Trust};
use super::types::{Component, HostIx, Mode, SwitchIx, Vantage};

/// Legs of one host that are looked at when any of them will do.
const LEGS_MAX: u8 = 8;

/// Where a path begins or ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum End {
    /// The judge, by any leg.
    Judge,
    /// A host, by any leg.
    Host(HostIx),
    /// A host, by this leg.
    Leg(HostIx, u8),
    /// The site's core itself.
    Core,
}

impl From<Vantage> for End {
    fn from(vantage: Vantage) -> Self {
        match vantage {
            Vantage::Judge => Self::Judge,
            Vantage::Host { host, leg } => Self::Leg(host, leg),
        }
    }
}

/// One broken component.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fault {
    /// What.
    pub component: Component,
    /// How.
    pub mode: Mode,
}

/// The vertices of one path: sorted, each once.
pub(super) type Path = Vec<Component>;

/// Where an end meets the network, and what it passes to get there.
struct Landing {
    passes: Vec<Component>,
    at: Option<SwitchIx>,
}

/// Whether `from` reaches `to` while these faults hold.
pub fn reaches(belief: &Belief, faults: &[Fault], from: End, to: End) -> bool {
    let mut broken: Vec<Component> = faults.iter().flat_map(|&fault| blocked_by(belief, fault)).collect();
    broken.sort_unstable();
    let intact = |path: &Path| path.iter().all(|vertex| broken.binary_search(vertex).is_err());
    paths(belief, from, to).iter().any(intact)
}

/// Every minimal path between two ends.
pub(super) fn paths(belief: &Belief, from: End, to: End) -> Vec<Path> {
    let mut all = Vec::new();
    for near in landings(belief, from) {
        for far in landings(belief, to) {
            for middle in between(belief, near.at, far.at) {
                let mut path = [near.passes.as_slice(), &middle, &far.passes].concat();
                path.sort_unstable();
                path.dedup();
                all.push(path);
            }
        }
    }
    minimal(all)
}

/// The vertices without which there is no path.
pub(super) fn must_pass(paths: &[Path]) -> Path {
    let Some((first, rest)) = paths.split_first() else { return Path::new() };
    first.iter().copied().filter(|v| rest.iter().all(|path| path.binary_search(v).is_ok())).collect()
}

/// What a fault takes out of every path.
pub(super) fn blocked_by(belief: &Belief, fault: Fault) -> Vec<Component> {
    match (fault.component, fault.mode) {
        (Component::Switch(switch), Mode::Isolated) => {
            let peer = peer_of(belief, switch).map(|peer| peer_link(switch, peer));
            [Some(Component::Uplink(switch)), peer].into_iter().flatten().collect()
        }
        (Component::PeerLink(switch), _) => {
            let link = peer_of(belief, switch).map(|peer| peer_link(switch, peer));
            [Some(Component::Switch(switch)), link].into_iter().flatten().collect()
        }
        (Component::SharedFate, _) => Vec::new(),
        (component, _) => vec![component],
    }
}

/// The other half of a switch's pair.
pub(super) fn peer_of(belief: &Belief, switch: SwitchIx) -> Option<SwitchIx> {
    belief.switch(switch).mlag_peer.filter(|&peer| peer != switch)
}

/// Whether all wiring of a leg is known first-hand and fresh.
pub(super) fn is_fresh(belief: &Belief, host: HostIx, leg: u8) -> bool {
    belief.leg(host, leg).is_some_and(|leg| leg.switch.is_some() && leg.trust == Trust::Fresh)
}

/// Whether all wiring an end stands on is known first-hand and fresh.
pub(super) fn is_end_fresh(belief: &Belief, end: End) -> bool {
    match end {
        End::Judge | End::Core => true,
        End::Leg(host, leg) => is_fresh(belief, host, leg),
        End::Host(host) => legs(belief, host).all(|leg| is_fresh(belief, host, leg)),
    }
}

/// The legs of a host that are looked at when any will do.
pub(super) fn legs(belief: &Belief, host: HostIx) -> impl Iterator<Item = u8> {
    let count = belief.host(host).map_or(0, |host| host.legs.len());
    (0..LEGS_MAX).take(count)
}

fn landings(belief: &Belief, end: End) -> Vec<Landing> {
    match end {
        End::Core => vec![Landing { passes: Vec::new(), at: None }],
        End::Leg(host, leg) => leg_landing(belief, host, leg).into_iter().collect(),
        End::Host(host) => legs(belief, host).filter_map(|leg| leg_landing(belief, host, leg)).collect(),
        End::Judge => match belief.judge() {
            JudgeAt::Legs(switches) if !switches.is_empty() => {
                let land = |&at| Landing { passes: vec![Component::JudgeBranch], at: Some(at) };
                switches.iter().take(usize::from(LEGS_MAX)).map(land).collect()
            }
            JudgeAt::Fabric | JudgeAt::Legs(_) => {
                vec![Landing { passes: vec![Component::JudgeBranch], at: None }]
            }
        },
    }
}

/// A leg with no known switch is taken to hang on the core by means we know nothing of.
fn leg_landing(belief: &Belief, host: HostIx, leg: u8) -> Option<Landing> {
    let at = belief.leg(host, leg)?.switch;
    Some(Landing { passes: vec![Component::Host(host), Component::Leg(host, leg)], at })
}

fn between(belief: &Belief, near: Option<SwitchIx>, far: Option<SwitchIx>) -> Vec<Path> {
    match (near, far) {
        (None, None) => vec![vec![Component::Fabric]],
        (Some(switch), None) | (None, Some(switch)) => climbs(belief, switch),
        (Some(a), Some(b)) if a == b => vec![vec![Component::Switch(a)]],
        (Some(a), Some(b)) => {
            let down = climbs(belief, b);
            let over =
                |up: Path| down.iter().map(move |down| [up.as_slice(), down].concat()).collect::<Vec<_>>();
            let mut all: Vec<Path> = climbs(belief, a).into_iter().flat_map(over).collect();
            if peer_of(belief, a) == Some(b) {
                all.push(vec![Component::Switch(a), peer_link(a, b), Component::Switch(b)]);
            }
            all
        }
    }
}

/// The ways from a switch to the core, the core included.
fn climbs(belief: &Belief, switch: SwitchIx) -> Vec<Path> {
    let own = vec![Component::Switch(switch), Component::Uplink(switch), Component::Fabric];
    let around = peer_of(belief, switch).map(|peer| {
        let link = peer_link(switch, peer);
        vec![
            Component::Switch(switch),
            link,
            Component::Switch(peer),
            Component::Uplink(peer),
            Component::Fabric,
        ]
    });
    [Some(own), around].into_iter().flatten().collect()
}

/// The vertex of a peer link, the same from either side.
fn peer_link(a: SwitchIx, b: SwitchIx) -> Component {
    Component::PeerLink(a.min(b))
}

/// Drops every path that contains another one: it can never be the only one left.
fn minimal(mut all: Vec<Path>) -> Vec<Path> {
    all.sort_unstable_by(|a, b| a.len().cmp(&b.len()).then_with(|| a.cmp(b)));
    all.dedup();
    let mut kept: Vec<Path> = Vec::with_capacity(all.len());
    for path in all {
        let contains = |kept: &Path| kept.iter().all(|vertex| path.binary_search(vertex).is_ok());
        if !kept.iter().any(contains) {
            kept.push(path);
        }
    }
    kept
}
