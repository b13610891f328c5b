//! What the word of returned members settles.

use core::cmp::Ordering;

use super::types::{Alternative, Component, HealReport};
use crate::verdict::Verdict;

/// The verdict that the members' own records prove after a heal, `None` where they prove nothing new.
///
/// New boot ids on at least half of them are power; with the same boot ids a ring heard inside is the uplink, a ring
/// dead inside the switch. Of one host a new boot id is the host, the same one with carrier lost is its link.
pub fn settle_at_heal(alternatives: &[Alternative], reports: &[HealReport]) -> Option<Verdict> {
    let best = alternatives.first()?;
    if reports.is_empty() {
        return None;
    }
    match best.component {
        Component::Host(_) | Component::Leg(..) => settle_host(alternatives, reports),
        Component::SharedFate => mostly_rebooted(reports).then_some(Verdict::RackPower),
        Component::Switch(_) | Component::Uplink(_) | Component::PeerLink(_) => {
            settle_switch(alternatives, reports)
        }
        // What joins the judge to them is not theirs to prove.
        Component::Fabric | Component::JudgeBranch => None,
    }
}

/// A hung host or a lost probe is what it is: a reboot was the cure, not the cause.
fn settle_host(alternatives: &[Alternative], reports: &[HealReport]) -> Option<Verdict> {
    let unsettled =
        alternatives.iter().any(|a| matches!(a.verdict, Verdict::HostOrCable | Verdict::HostDown));
    if !unsettled {
        return None;
    }
    if reports.iter().any(|report| report.rebooted) {
        return Some(Verdict::HostDown);
    }
    reports.iter().any(|report| report.carrier_lost == Some(true)).then_some(Verdict::LinkDegraded)
}

fn settle_switch(alternatives: &[Alternative], reports: &[HealReport]) -> Option<Verdict> {
    if alternatives.iter().all(|a| a.verdict == Verdict::Planned) {
        return None;
    }
    if mostly_rebooted(reports) {
        return Some(Verdict::RackPower);
    }
    let kept = || reports.iter().filter(|report| !report.rebooted);
    let heard = kept().filter(|report| report.ring_heard_inside == Some(true)).count();
    let dead = kept().filter(|report| report.ring_heard_inside == Some(false)).count();
    match heard.cmp(&dead) {
        Ordering::Greater => Some(Verdict::UplinkCut),
        Ordering::Less => Some(Verdict::SwitchDown),
        Ordering::Equal => None,
    }
}

fn mostly_rebooted(reports: &[HealReport]) -> bool {
    2 * reports.iter().filter(|report| report.rebooted).count() >= reports.len()
}
