//! Whether a world is as if nothing had been: everybody linked, the right rings, nothing open, nobody talks.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use ringmesh_probe_core::State;
use ringmesh_topology::id::Name;

use crate::model::{Plan, World};

/// Nobody but neighbours may say anything for so long.
const QUIET: Duration = Duration::from_secs(20);

/// What is not as it should be. Lets 20 seconds pass to see whether it is quiet.
pub fn not_whole(plan: &Plan, world: &mut World) -> Vec<String> {
    let mut wrong = Vec::new();
    let before = world.account();
    world.run_for(QUIET);
    let said = world.account().since(&before);
    // On a link of four lanes a block of 64 takes four minutes: what was lost then is told, and noted, now.
    let of_loss = said.of("Loss") + said.of("Noted").min(said.of("Loss"));
    if said.control() > of_loss {
        wrong.push(format!("not quiet: {said}"));
    }
    wrong.extend(not_linked(plan, world));
    wrong.extend(rings_wrong(plan, world));
    wrong.extend(seen_by_cma(world));
    wrong.extend(open_pages(world).into_iter().map(|key| format!("a page without a closing: {key}")));
    wrong
}

/// Probes that stand in no ring. One with something to tell stands in its rings all the same, also if nobody has answered
/// it three times in a row: where much is lost there is always one.
pub(super) fn not_joined(world: &World) -> Option<String> {
    let stands = |host: usize| {
        let state = world.probe(host).map(|probe| probe.state(world.now()));
        matches!(state, Some(State::Linked | State::Asking | State::CutOff | State::Returning))
    };
    let missing: Vec<&Name> =
        (0..world.hosts()).filter(|host| !stands(*host)).map(|host| world.name(host)).collect();
    let first = missing.first()?;
    Some(format!("{} of {} probes stand in no ring, {first} the first of them", missing.len(), world.hosts()))
}

/// Probes that have no assignment in force, or something to tell.
fn not_linked(plan: &Plan, world: &World) -> Option<String> {
    let (linked, hosts) = (world.linked(), plan.hosts.len());
    (linked != hosts).then(|| format!("{linked} of {hosts} probes are linked"))
}

/// Keys of lines that were opened and not closed.
pub fn open_pages(world: &World) -> BTreeSet<String> {
    let mut open = BTreeSet::new();
    for line in world.pages() {
        if line.transition == "closed" {
            open.remove(&line.key);
        } else {
            open.insert(line.key.clone());
        }
    }
    open
}

/// What differs between what a relay told and what the CMA has of it.
pub fn picture_differs(world: &World, site: usize) -> Option<String> {
    let name = world.site_name(site);
    match world.pictures(site) {
        (None, _) => Some(format!("news of {name} wait, or its relay does not run")),
        (Some(told), Some(taken)) if told == taken => None,
        (Some(told), taken) => Some(format!("{name} told {told:x}, and the CMA has {taken:x?}")),
    }
}

/// The rings there should be: the members of each, by switch and L2 domain. Second ports have addresses of another
/// prefix than first ones, so they stand in rings of their own.
fn rings_wanted(plan: &Plan, world: &World) -> Vec<Vec<String>> {
    let mut wanted: BTreeMap<(usize, usize), Vec<String>> = BTreeMap::new();
    for host in 0..plan.hosts.len() {
        for place in world.stands(host) {
            wanted.entry(place).or_default().push(world.name(host).to_string());
        }
    }
    let mut wanted: Vec<_> = wanted.into_values().map(|ring| sorted(ring.into_iter())).collect();
    wanted.sort();
    wanted
}

fn sorted(names: impl Iterator<Item = String>) -> Vec<String> {
    let mut names: Vec<String> = names.collect();
    names.sort();
    names
}

/// As the CMA has them: the right ones, and in each site ring the delegates of the others.
fn rings_wrong(plan: &Plan, world: &World) -> Vec<String> {
    let Some(Ok(tree)) = world.cma().map(|cma| cma.tree(world.now())) else { return Vec::new() };
    let switches = tree.sites.iter().flat_map(|site| &site.switches);
    let lower: Vec<_> = switches.flat_map(|switch| &switch.rings).collect();
    let mut wrong = Vec::new();
    let mut rings: Vec<_> = lower.iter().map(|ring| sorted(ring.members.iter().cloned())).collect();
    rings.sort();
    let wanted = rings_wanted(plan, world);
    if wanted != rings {
        wrong.push(format!("rings are {rings:?}, wanted {wanted:?}"));
    }
    let fallback: Vec<_> = tree.sites.iter().flat_map(|site| &site.fallback_rings).collect();
    if !fallback.is_empty() {
        wrong.push(format!("fallback rings are left: {fallback:?}"));
    }
    let upper = tree.sites.iter().flat_map(|site| &site.site_rings).flat_map(|ring| &ring.members);
    let standing = sorted(upper.filter(|name| world.host(name).is_some()).cloned());
    let mut delegates = sorted(lower.iter().flat_map(|ring| &ring.delegates).cloned());
    delegates.dedup();
    if standing != delegates {
        wrong.push(format!("in the site rings stand {standing:?}, delegates are {delegates:?}"));
    }
    wrong
}

fn seen_by_cma(world: &World) -> Vec<String> {
    let Some(cma) = world.cma() else { return vec!["the CMA does not run".into()] };
    let mut wrong = Vec::new();
    for open in cma.incidents(world.now(), false).incidents {
        wrong.push(format!("still open: {} {} of {}", open.id, open.verdict, open.subject.name));
    }
    let tree = match cma.tree(world.now()) {
        Ok(tree) => tree,
        Err(error) => return vec![format!("the CMA's graph cannot be read: {error}")],
    };
    let hosts: Vec<_> = tree.sites.iter().flat_map(|site| &site.hosts).collect();
    let down = hosts.iter().filter(|host| host.state != "up");
    wrong.extend(down.map(|host| format!("the CMA has {} as {}", host.id, host.state)));
    let known: BTreeSet<&str> = hosts.iter().map(|host| host.id.as_str()).collect();
    let names = (0..world.hosts()).map(|host| world.name(host));
    let missing = names.filter(|name| !known.contains(name.as_str()));
    wrong.extend(missing.map(|name| format!("the CMA does not know {name}")));
    wrong.extend((0..world.sites()).filter_map(|site| picture_differs(world, site)));
    wrong
}
