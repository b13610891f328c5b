//! In a ring that has come to rest every member is watched by two others, and what they watch is one single cycle.
//!
//! At rest is a ring that has not changed for a while as the CMA knows it, whose members are all well, and whose relay
//! has nothing left to tell. It is compared with what the members themselves say whom they watch.

use std::collections::BTreeMap;
use std::time::Duration;

use ringmesh_cma_core::documents::{SiteDoc, Tree};
use ringmesh_proto::time::Time;
use ringmesh_topology::id::ProbeId;

use super::{View, Watch};

/// Nothing may have changed for so long.
const REST: Duration = Duration::from_secs(30);
/// How often is looked.
const EVERY: Duration = Duration::from_secs(5);

/// Which of both laws it is.
#[derive(Clone, Copy)]
enum Law {
    TwoWatchers,
    SingleCycle,
}

/// The law.
pub(super) struct Rings {
    law: Law,
    looked: Time,
    /// Since when a ring is cut as it is.
    known: BTreeMap<Told, Time>,
}

/// A ring as the CMA knows it. Its generation is a part of it: a ring that was cut anew and then back again, between
/// two looks, has not been at rest.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Told {
    level: u8,
    generation: String,
    names: Vec<String>,
}

/// A ring at rest.
struct Ring {
    level: u8,
    names: Vec<String>,
    /// `None` is no host: the relay.
    members: Vec<Option<usize>>,
}

/// Whom the members watch.
struct Watched {
    ids: Vec<ProbeId>,
    /// Of each host and level: the neighbours in each of its rings.
    peers: BTreeMap<(usize, u8), Vec<Vec<ProbeId>>>,
}

impl Rings {
    pub(super) fn two_watchers() -> Self {
        Self::of(Law::TwoWatchers)
    }

    pub(super) fn single_cycle() -> Self {
        Self::of(Law::SingleCycle)
    }

    fn of(law: Law) -> Self {
        Self { law, looked: Time::ZERO, known: BTreeMap::new() }
    }
}

impl Watch for Rings {
    fn look(&mut self, view: &View<'_>, wrong: &mut Vec<String>) {
        if view.now.since(self.looked) < EVERY {
            return;
        }
        self.looked = view.now;
        let Some(Ok(tree)) = view.world.cma().map(|cma| cma.tree(view.now)) else { return };
        let resting = self.resting(view, &tree);
        if resting.is_empty() {
            return;
        }
        let watched = Watched::of(view);
        for ring in resting {
            let told = match self.law {
                Law::TwoWatchers => watched.too_few(&ring),
                Law::SingleCycle => watched.no_cycle(&ring),
            };
            wrong.extend(told);
        }
    }
}

impl Rings {
    /// The rings that have come to rest.
    fn resting(&mut self, view: &View<'_>, tree: &Tree) -> Vec<Ring> {
        let all: Vec<Told> = tree.sites.iter().flat_map(rings_of).collect();
        self.known.retain(|ring, _| all.contains(ring));
        let mut resting = Vec::new();
        for ring in all {
            let since = *self.known.entry(ring.clone()).or_insert(view.now);
            let Told { level, names, .. } = ring;
            let members: Vec<Option<usize>> = names.iter().map(|name| view.world.host(name)).collect();
            let Some(first) = members.iter().flatten().next() else { continue };
            let site = view.world.site_of(*first);
            let told = view.world.relay(site).is_some_and(|relay| relay.outbox().pending() == 0);
            let well = members.iter().flatten().all(|host| view.health.host_well_for(*host) >= REST);
            let quiet = view.now.since(since) >= REST && view.health.told_well_for(site) >= REST;
            if told && well && quiet {
                resting.push(Ring { level, names, members });
            }
        }
        resting
    }
}

fn rings_of(site: &SiteDoc) -> Vec<Told> {
    let told = |level, generation: &str, names: &[String]| Told {
        level,
        generation: generation.to_owned(),
        names: names.to_vec(),
    };
    let lower = site.switches.iter().flat_map(|switch| &switch.rings);
    let lower = lower.map(|ring| told(0, &ring.generation, &ring.members));
    let fallback = site.fallback_rings.iter().map(|ring| told(0, &ring.generation, &ring.members));
    let upper = site.site_rings.iter().map(|ring| told(1, &ring.generation, &ring.members));
    lower.chain(fallback).chain(upper).collect()
}

impl Watched {
    fn of(view: &View<'_>) -> Self {
        let mut peers: BTreeMap<(usize, u8), Vec<Vec<ProbeId>>> = BTreeMap::new();
        for host in 0..view.world.hosts() {
            let Some(probe) = view.world.probe(host) else { continue };
            for ring in probe.status(view.now).rings {
                let known = peers.entry((host, ring.level)).or_default();
                known.push(ring.peers.iter().map(|peer| peer.peer).collect());
            }
        }
        Self { ids: view.world.probe_ids(), peers }
    }

    fn of_host(&self, host: usize, level: u8) -> &[Vec<ProbeId>] {
        self.peers.get(&(host, level)).map_or(&[], Vec::as_slice)
    }

    /// The first member that is not watched by two others.
    fn too_few(&self, ring: &Ring) -> Option<String> {
        if ring.members.len() < 3 {
            return None;
        }
        let hosts: Vec<usize> = ring.members.iter().flatten().copied().collect();
        hosts.iter().find_map(|host| {
            let watches = |other: &&usize| {
                let all = self.of_host(**other, ring.level).iter();
                **other != *host && all.flatten().any(|peer| *peer == self.ids[*host])
            };
            // The relay watches in its own ring: its link is known by its other end.
            let relays =
                self.of_host(*host, ring.level).iter().flatten().filter(|peer| !self.ids.contains(peer));
            let watchers = hosts.iter().filter(watches).count() + relays.count();
            (watchers < 2).then(|| {
                format!("h{} has {watchers} watchers in the ring {}", host + 1, ring.names.join(" "))
            })
        })
    }

    /// The first member that does not watch exactly its neighbours.
    fn no_cycle(&self, ring: &Ring) -> Option<String> {
        let count = ring.members.len();
        (0..count).find_map(|at| {
            let host = ring.members[at]?;
            let mut beside = vec![(at + count - 1) % count, (at + 1) % count];
            beside.retain(|other| *other != at);
            beside.dedup();
            let wanted: Vec<ProbeId> =
                beside.iter().filter_map(|other| ring.members[*other]).map(|host| self.ids[host]).collect();
            let all = self.of_host(host, ring.level);
            let right = |peers: &&Vec<ProbeId>| {
                peers.len() == beside.len() && wanted.iter().all(|id| peers.contains(id))
            };
            (!beside.is_empty() && all.iter().find(right).is_none()).then(|| {
                let names: Vec<&str> = beside.iter().map(|other| ring.names[*other].as_str()).collect();
                format!(
                    "h{} does not watch {} in the ring {}",
                    host + 1,
                    names.join(" and "),
                    ring.names.join(" ")
                )
            })
        })
    }
}
