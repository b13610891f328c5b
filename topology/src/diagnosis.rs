//! From evidence to named causes.
//!
//! [`judge`] predicts by *forwarding* which observations each candidate fault would cause and takes the cheapest
//! set of faults that explains all of them; what is within reach of the best is reported with odds. It is a pure
//! function of the *set* of evidence: any order gives the same, and whatever it is fed it answers.
//!
//! # Invariants of every answer
//! - Each silent expected member is in exactly one explanation.
//! - No alternative names a component that a fresh first-hand witness saw alive after the onset.
//! - Costs are integers: the same evidence gives the same answer on every machine.

mod alive;
mod belief;
mod candidates;
mod causes;
mod cost;
mod explain;
mod facts;
mod odds;
mod paths;
mod problem;
mod search;
mod settle;
mod subject;
mod types;
mod window;

#[cfg(test)]
mod tests;

pub use belief::{Belief, HostBelief, JudgeAt, LegBelief, SwitchBelief, Trust};
pub use paths::{End, Fault, reaches};
pub use settle::settle_at_heal;
pub use types::{
    Alternative, Check, Component, Evidence, Explanation, HealReport, HostIx, Mode, Observation,
    OpenIncident, Outcome, PortObservation, RuledOut, Settle, SwitchIx, Vantage,
};

use facts::Facts;
use problem::Problem;
use search::Search;

/// Explains the evidence: one explanation for each cause, those with the most members first.
///
/// `now_ms` is on the same monotonic scale as every instant in `evidence` and `open`. Every leg of a member should
/// have been looked at before it is judged: one that has watchers and that nobody misses is presumed to live.
pub fn judge(belief: &Belief, evidence: &Evidence, open: &[OpenIncident], now_ms: u64) -> Vec<Explanation> {
    judge_counting(belief, evidence, open, now_ms).0
}

/// The same, with how often the cost of a subject was computed.
fn judge_counting(
    belief: &Belief,
    evidence: &Evidence,
    open: &[OpenIncident],
    now_ms: u64,
) -> (Vec<Explanation>, u64) {
    let facts = Facts::new(belief, evidence, now_ms);
    let problem = Problem::new(belief, &facts, open, now_ms);
    let regions = search::regions(&problem);
    let mut search = Search::new(&problem);
    for region in &regions {
        search.solve(region);
    }
    let causes = causes::causes(belief, &problem, &mut search, &regions, open);
    (explain::explain(belief, &facts, &problem, causes, open), search.evaluations)
}
