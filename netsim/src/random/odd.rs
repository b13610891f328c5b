//! What people and software do to a network, beside what wears.

use std::time::Duration;

use super::Chance;
use crate::model::{Plan, Trouble, WanShape, Way};
use crate::scenario::{Draft, Fault, REASONS, Wear};

/// Of each fourth story with several sites the last ones are branch offices, most of them on a star: one or two switches with
/// one to three hosts each.
pub(super) fn open_offices(draft: &mut Draft, chance: &mut Chance) {
    let sites = draft.sites.len();
    if sites < 2 || chance.below(4) != 0 {
        return;
    }
    let first = 1 + chance.index(sites - 1);
    // One main site alone makes no ring and no mesh.
    if first == 1 || chance.below(2) == 0 {
        draft.wan = WanShape::Star(Duration::from_millis(1 + chance.below(20)));
    }
    for office in &mut draft.sites[first..] {
        office.branch = true;
        office.on_several.clear();
        office.hosts = (0..1 + chance.index(2)).map(|_| 1 + chance.index(3)).collect();
    }
}

/// How many kinds there are.
const KINDS: usize = 11;

/// A fault of one of the kinds; `None` if there is nothing that could have it.
pub(super) fn draw(chance: &mut Chance, plan: &Plan) -> Option<Fault> {
    let kind = chance.index(KINDS);
    let host = chance.index(plan.hosts.len());
    let switch = chance.index(plan.switches());
    let site = plan.site_of_switches()[switch];
    let millis = |chance: &mut Chance, most: u64| Duration::from_millis(1 + chance.below(most));
    Some(match kind {
        0 => {
            let reason = REASONS[chance.index(REASONS.len())];
            Fault::Leave { host, reason, back_within: Duration::from_secs(10 + chance.below(120)) }
        }
        1 => Fault::LldpSilence(switch),
        2 => Fault::WanQuality { site, delay: millis(chance, 990), loss_permille: 10 * chance.below(6) },
        3 => Fault::Wear(Wear::BadWan(site, some_packets(chance))),
        4 => Fault::Loss(10 + chance.below(41)),
        5 => {
            let other = chance.index(plan.switches());
            Fault::Wear((other != switch).then_some(Wear::Pose(switch, other))?)
        }
        6 => {
            let of = chance.index(plan.hosts.len());
            let home = |host: usize| plan.site_of_switches()[plan.hosts[host].switches[0]];
            Fault::Wear((of != host && home(of) == home(host)).then_some(Wear::Clone { host, of })?)
        }
        7 => Fault::Wear(Wear::Overload(site, millis(chance, 20))),
        8 => Fault::Wear(Wear::BadLan(site, Trouble { way: None, ..some_packets(chance) })),
        9 => {
            let domain = chance.index(plan.sites[site].domains.max(1));
            Fault::Wear(Wear::BadGateway(site, u8::try_from(domain).ok()?, some_packets(chance)))
        }
        _ => Fault::Wear(Wear::Behind(host, Duration::from_secs(1 + chance.below(7_200)))),
    })
}

/// Bad for large ones, for one way or for all, and good enough that whoever is behind it is heard.
fn some_packets(chance: &mut Chance) -> Trouble {
    Trouble {
        loss_permille: [0, 10, 20][chance.index(3)],
        delay: Duration::from_millis(1 + chance.below(100)),
        way: [None, Some(Way::Out), Some(Way::In)][chance.index(3)],
        larger_than: [None, Some(200), Some(1_000)][chance.index(3)],
        ..Trouble::default()
    }
}
