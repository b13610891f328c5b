//! What believing costs: priors, weights, odds. Integers, 1/1000 bit.
//!
//! A prior is log2 of 1 / (rate per second x 10 s): how surprising it is that this component fails in just these
//! ten seconds. Rates are events per unit and year.

use super::paths::Fault;
use super::types::{Component, Mode};

/// A contradiction no explanation may carry; more than all the silence of a site together.
pub(super) const VETO: u64 = 1 << 40;
/// A silent member that a hypothesis leaves unexplained: not on offer, whatever the rest costs.
pub(super) const SILENT_UNEXPLAINED: u64 = 1 << 24;
/// Missed, predicted reachable, and two independent witnesses say so.
pub(super) const UNEXPLAINED_CONFIRMED: u64 = 60_000;
/// The same with one witness.
pub(super) const UNEXPLAINED_ONE_WITNESS: u64 = 12_000;
/// Heard, predicted cut, by wiring that is cached or given.
pub(super) const CONTRADICTED_STALE: u64 = 8_000;
/// A report that was due and did not come.
pub(super) const REPORT_MISSING: u64 = 40_000;
/// An onset outside the instant of its cause.
pub(super) const ONSET_OUTSIDE: u64 = 40_000;
/// A leg that is lost while its port keeps carrier: rarer than a pulled cable.
pub(super) const CARRIER_KEPT_BY_LEG: u64 = 4_000;
/// Alternatives within this of the best are told.
pub(super) const WITHIN_REACH: u64 = 7_000;
/// Several members by an unknown shared cause ..
pub(super) const SHARED_FATE: u64 = 30_000;
/// .. and for each member beyond [`SHARED_FATE_FREE`].
pub(super) const SHARED_FATE_EACH: u64 = 1_000;
/// Members of a shared fate that cost nothing extra.
pub(super) const SHARED_FATE_FREE: u64 = 8;
/// An announced maintenance makes a fault expected.
const PLANNED_DISCOUNT: u64 = 10_000;
/// What is known to be broken need not break again.
const OPEN_DISCOUNT: u64 = 20_000;

/// One row of the table of priors.
struct Prior {
    component: fn(Component) -> bool,
    mode: Mode,
    millibits: u64,
}

/// Rates per year: host .55, its probe 2, its processes .1, leg .1, switch .05, its data plane alone .01, uplink .05,
/// peer link .02, a switch cut off from core and peer alike .003, the judge's own branch .1, the core .02.
const PRIORS: &[Prior] = &[
    Prior { component: |c| matches!(c, Component::Host(_)), mode: Mode::Down, millibits: 22_450 },
    Prior { component: |c| matches!(c, Component::Host(_)), mode: Mode::ProcessDown, millibits: 20_590 },
    Prior { component: |c| matches!(c, Component::Host(_)), mode: Mode::UserspaceHung, millibits: 24_910 },
    Prior { component: |c| matches!(c, Component::Leg(..)), mode: Mode::Down, millibits: 24_910 },
    Prior { component: |c| matches!(c, Component::Switch(_)), mode: Mode::Down, millibits: 25_910 },
    Prior { component: |c| matches!(c, Component::Switch(_)), mode: Mode::DataPlane, millibits: 28_230 },
    Prior { component: |c| matches!(c, Component::Switch(_)), mode: Mode::Isolated, millibits: 29_970 },
    Prior { component: |c| matches!(c, Component::Uplink(_)), mode: Mode::Down, millibits: 25_910 },
    Prior { component: |c| matches!(c, Component::PeerLink(_)), mode: Mode::Down, millibits: 27_230 },
    Prior { component: |c| matches!(c, Component::JudgeBranch), mode: Mode::Down, millibits: 24_910 },
    Prior { component: |c| matches!(c, Component::Fabric), mode: Mode::Down, millibits: 27_230 },
];

/// What a fault costs by itself. A combination without a row is not believed before all others.
pub(super) fn prior(fault: Fault, planned: bool, open: bool) -> u64 {
    let row = PRIORS.iter().find(|row| row.mode == fault.mode && (row.component)(fault.component));
    let base = row.map_or(SHARED_FATE, |row| row.millibits);
    let discount = u64::from(planned) * PLANNED_DISCOUNT + u64::from(open) * OPEN_DISCOUNT;
    base.saturating_sub(discount)
}

/// What an unknown shared cause of so many members costs.
pub(super) fn shared_fate(members: usize) -> u64 {
    let beyond = (members as u64).saturating_sub(SHARED_FATE_FREE);
    SHARED_FATE + beyond * SHARED_FATE_EACH
}

/// 2^(-k/8) x 65,536 for k = 0 .. 8.
const EIGHTHS: [u64; 9] = [65_536, 60_097, 55_109, 50_535, 46_341, 42_495, 38_968, 35_734, 32_768];

/// The relative weight of something that costs so many millibits more than the best; 65,536 for the best itself.
pub(super) fn weight(more_millibits: u64) -> u64 {
    let (bits, rest) = (more_millibits / 1_000, more_millibits % 1_000);
    let (eighth, within) = ((rest / 125) as usize, rest % 125);
    let exact = EIGHTHS[eighth] - (EIGHTHS[eighth] - EIGHTHS[eighth + 1]) * within / 125;
    exact.checked_shr(bits.min(64) as u32).unwrap_or(0)
}

/// Shares that sum to 1,000, the rounding given to the first.
pub(super) fn permille(weights: &[u64]) -> Vec<u16> {
    let total = weights.iter().sum::<u64>().max(1);
    let mut shares: Vec<u16> = weights.iter().map(|weight| (weight * 1_000 / total) as u16).collect();
    let told = shares.iter().sum::<u16>();
    if let Some(first) = shares.first_mut() {
        *first += 1_000 - told;
    }
    shares
}
