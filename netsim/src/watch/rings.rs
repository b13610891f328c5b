//! In a ring that has come to rest every member is watched by two others, and what they watch is one single cycle.
//!
//! At rest is a ring that its relay has not changed for a while, whose members are all well, and of which the CMA was
//! told. It is compared with what the members themselves say whom they watch.

use std::collections::BTreeMap;
use std::time::Duration;

use ringmesh_proto::message::{Generation, RingId};
use ringmesh_proto::news::RingNews;
use ringmesh_proto::time::Time;
use ringmesh_topology::id::ProbeId;

use super::{View, Watch};

/// Nothing may have changed for so long.
const REST: Duration = Duration::from_secs(30);
/// How often is looked.
const EVERY: Duration = Duration::from_secs(5);

/// Whom a member watches in a ring.
type Watched = BTreeMap<(usize, RingId), Vec<ProbeId>>;

/// Which of both laws it is.
enum Law {
    TwoWatchers,
    SingleCycle,
}

/// The law.
pub(super) struct Rings {
    law: Law,
    looked: Time,
    /// Of each ring, by site and number: its generation, and since when it is as it is.
    known: BTreeMap<(usize, u32), (Generation, Vec<String>, Time)>,
}

impl Rings {
    pub(super) fn two_watchers() -> Self {
        Self { law: Law::TwoWatchers, looked: Time::ZERO, known: BTreeMap::new() }
    }

    pub(super) fn single_cycle() -> Self {
        Self { law: Law::SingleCycle, looked: Time::ZERO, known: BTreeMap::new() }
    }
}

impl Watch for Rings {
    fn look(&mut self, view: &View<'_>, wrong: &mut Vec<String>) {
        if view.now.since(self.looked) < EVERY {
            return;
        }
        self.looked = view.now;
        let resting = self.resting(view);
        if resting.is_empty() {
            return;
        }
        let (ids, watched) = (view.world.probe_ids(), watched(view));
        for (ring, members) in resting {
            let told = match self.law {
                Law::TwoWatchers => badly_watched(view, &ring, &members, &ids, &watched),
                Law::SingleCycle => no_cycle(view, &ring, &members, &ids, &watched),
            };
            wrong.extend(told);
        }
    }
}

impl Rings {
    /// The rings that have come to rest, with their members; `None` for one that is no host: the relay.
    fn resting(&mut self, view: &View<'_>) -> Vec<(RingNews, Vec<Option<usize>>)> {
        let mut resting = Vec::new();
        for ring in view.world.rings() {
            let members: Vec<Option<usize>> = ring.members.iter().map(|name| view.world.host(name)).collect();
            let Some(site) = members.iter().flatten().next().map(|host| view.world.site_of(*host)) else {
                continue;
            };
            let fresh = (ring.generation, ring.members.clone(), view.now);
            let known = self.known.entry((site, ring.id)).or_insert_with(|| fresh.clone());
            if (known.0, &known.1) != (ring.generation, &ring.members) {
                *known = fresh;
            }
            let told = view.world.relay(site).is_some_and(|relay| relay.outbox().pending() == 0);
            let rests = |since: Duration| since >= REST;
            let well = members.iter().flatten().all(|host| rests(view.health.host_well_for(*host)));
            if told && well && rests(view.now.since(known.2)) && rests(view.health.told_well_for(site)) {
                resting.push((ring.clone(), members));
            }
        }
        resting
    }
}

/// Whom each running probe watches.
fn watched(view: &View<'_>) -> Watched {
    let mut watched = Watched::new();
    for host in 0..view.world.hosts() {
        let Some(probe) = view.world.probe(host) else { continue };
        for ring in probe.status(view.now).rings {
            let peers = ring.peers.iter().map(|peer| peer.peer);
            watched.entry((host, ring.ring)).or_default().extend(peers);
        }
    }
    watched
}

/// The first member that is not watched by two others.
fn badly_watched(
    view: &View<'_>,
    ring: &RingNews,
    members: &[Option<usize>],
    ids: &[ProbeId],
    watched: &Watched,
) -> Option<String> {
    if members.len() < 3 {
        return None;
    }
    let of = |host: usize| watched.get(&(host, RingId(ring.id))).map_or(&[][..], Vec::as_slice);
    members.iter().flatten().find_map(|host| {
        let others = members.iter().flatten().filter(|other| *other != host);
        let hosts = others.filter(|other| of(**other).contains(&ids[*host])).count();
        // The relay watches in its own ring: its link is known by its other end.
        let relays = of(*host).iter().filter(|peer| !ids.contains(peer)).count();
        let name = view.world.name(*host);
        (hosts + relays < 2).then(|| {
            format!(
                "{name} has {} watchers in ring {} of {}",
                hosts + relays,
                ring.id,
                ring.members.join(" ")
            )
        })
    })
}

/// The first member that does not watch exactly its neighbours.
fn no_cycle(
    view: &View<'_>,
    ring: &RingNews,
    members: &[Option<usize>],
    ids: &[ProbeId],
    watched: &Watched,
) -> Option<String> {
    let count = members.len();
    (0..count).find_map(|at| {
        let host = members[at]?;
        let beside = [(at + count - 1) % count, (at + 1) % count];
        let mut wanted: Vec<Option<ProbeId>> = beside
            .iter()
            .filter(|other| **other != at)
            .map(|other| members[*other].map(|host| ids[host]))
            .collect();
        wanted.dedup();
        let peers = watched.get(&(host, RingId(ring.id))).cloned().unwrap_or_default();
        let known = wanted.iter().flatten().all(|id| peers.contains(id));
        let name = view.world.name(host);
        (!known || peers.len() != wanted.len()).then(|| {
            let names: Vec<&str> = beside.iter().map(|other| ring.members[*other].as_str()).collect();
            let told = peers.iter().map(|peer| {
                ids.iter()
                    .position(|id| id == peer)
                    .map_or("?".to_owned(), |at| view.world.name(at).to_string())
            });
            let told: Vec<String> = told.collect();
            format!("{name} watches {} in ring {}, not {}", told.join(" "), ring.id, names.join(" "))
        })
    })
}
