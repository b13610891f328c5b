//! What wears: the parts that worn stories have, and the faults that go with them.

use std::time::Duration;

use super::Chance;
use crate::model::{BondMode, Plan, SitePlan, Speaks, Trouble, WanShape, Way};
use crate::scenario::{Draft, Fault, Wear};

/// Parts of a site, each in about half of all stories.
pub(super) fn build(draft: &mut Draft, chance: &mut Chance) {
    let some = |chance: &mut Chance, most: u64| {
        if chance.below(2) == 0 { 0 } else { 2 + chance.index(most as usize) }
    };
    let pairs = chance.below(2) == 0;
    draft.parts = SitePlan {
        switches: 0,
        spines: some(chance, 2),
        modules: some(chance, 2),
        feeds: some(chance, 1),
        domains: some(chance, 1),
        pairs,
        branch: false,
        speaks: [Speaks::Lldp, Speaks::Cdp, Speaks::Both][chance.index(3)],
    };
    draft.bond = match chance.below(3) {
        0 => None,
        1 if pairs => Some(BondMode::Lacp),
        _ => Some(BondMode::ActiveBackup),
    };
    let hop = Duration::from_millis(1 + chance.below(20));
    draft.wan = [WanShape::Cloud, WanShape::Ring(hop), WanShape::Mesh(hop)][chance.index(3)];
}

/// How many kinds there are.
const KINDS: usize = 18;

/// The kinds that one story draws from: each is among them or not. What never meets in one story would hide in stories
/// in which everything meets.
pub(super) struct Share([bool; KINDS]);

impl Share {
    pub(super) fn drawn(chance: &mut Chance) -> Self {
        Self(std::array::from_fn(|_| chance.below(2) == 0))
    }

    /// A fault of one of the kinds; `None` if this story has none of that, or nothing that could have it.
    pub(super) fn draw(&self, chance: &mut Chance, plan: &Plan) -> Option<Fault> {
        let of: Vec<usize> = (0..KINDS).filter(|kind| self.0[*kind]).collect();
        let kind = *of.get(chance.index(of.len().max(1)))?;
        let host = chance.index(plan.hosts.len());
        let port = chance.index(plan.hosts[host].switches.len());
        let switch = chance.index(plan.switches());
        let site = plan.site_of_switches()[switch];
        let parts = &plan.sites[site];
        let first = plan.sites[..site].iter().map(|site| site.switches).sum::<usize>();
        let some = |chance: &mut Chance, there: usize| (there > 0).then(|| chance.index(there));
        Some(Fault::Wear(match kind {
            0 => Wear::Spine(site, some(chance, parts.spines)?),
            1 => Wear::SpineLink(switch, some(chance, parts.spines)?),
            2 => Wear::Card(switch, some(chance, parts.modules)?),
            3 if parts.pairs && ((switch - first) ^ 1) < parts.switches => Wear::PeerLink(switch),
            4 => Wear::Feed(site, some(chance, parts.feeds)?),
            5 => Wear::BadCable(host, port, trouble(chance)),
            6 => Wear::BadUplink(switch, None, trouble(chance)),
            7 => Wear::Reflect(switch),
            8 => Wear::Suspend(host),
            9 => {
                let from = plan.hosts[host].switches[port];
                let home = plan.site_of_switches()[from];
                let first = plan.sites[..home].iter().map(|site| site.switches).sum::<usize>();
                let to = first + chance.index(plan.sites[home].switches);
                let free = plan.hosts[host].bond.is_none() && !plan.hosts[host].switches.contains(&to);
                free.then_some(Wear::Recable { host, port, from, to })?
            }
            // A drift by nothing is none.
            10 => match i32::try_from(chance.below(401)).unwrap_or(200) - 200 {
                0 => Wear::Drift(host, 1),
                ppm => Wear::Drift(host, ppm),
            },
            11 => Wear::Ahead(host, Duration::from_secs(1 + chance.below(7_200))),
            12 => Wear::Doubled(10 + chance.below(200)),
            13 => Wear::Disorder(Duration::from_millis(1 + chance.below(50))),
            14 => Wear::Readdress(host),
            16 => Wear::OverloadCma(Duration::from_millis(1 + chance.below(100))),
            17 => Wear::OverloadProbe(host, Duration::from_millis(50 + chance.below(950))),
            15 => {
                let lines = plan.lines();
                let (a, b) = *lines.get(chance.index(lines.len().max(1)))?;
                Wear::Line(a, b)
            }
            _ => return None,
        }))
    }
}

/// Bad enough to be felt, and good enough that whoever is behind it is heard.
fn trouble(chance: &mut Chance) -> Trouble {
    Trouble {
        loss_permille: [0, 10, 20][chance.index(3)],
        delay: Duration::from_millis(1 + chance.below(100)),
        way: [None, Some(Way::Out), Some(Way::In)][chance.index(3)],
        ..Trouble::default()
    }
}
