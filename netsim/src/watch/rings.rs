//! In a ring that has come to rest every member is watched by two others, and what they watch is one single cycle.
//!
//! At rest is a ring that has not changed for a while as the CMA knows it, whose members are all well, and whose relay
//! has nothing left to tell. It is compared with what the members themselves say whom they watch; of the relay, which
//! has a seat in its site ring, with the links that it holds. For the ring of the relays see [`super::mesh`].

use std::collections::BTreeMap;
use std::time::Duration;

use ringmesh_cma_core::documents::{SiteDoc, Tree};
use ringmesh_probe_core::PeerStatus;
use ringmesh_proto::message::LinkId;
use ringmesh_proto::time::Time;
use ringmesh_relay_core::Relay;
use ringmesh_topology::id::ProbeId;

use super::mesh::{self, Mesh};
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
    /// The ring of the relays.
    mesh: Mesh,
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
struct Ring<'a> {
    /// The relay of its site.
    relay: &'a Relay,
    level: u8,
    names: Vec<String>,
    /// `None` is no host: the relay.
    members: Vec<Option<usize>>,
}

/// Whom the members watch.
struct Watched {
    ids: Vec<ProbeId>,
    /// Of each host and level: the neighbours in each of its rings, and the links to them.
    peers: BTreeMap<(usize, u8), Vec<Vec<Peer>>>,
}

/// A neighbour.
#[derive(Clone, Copy)]
struct Peer {
    id: ProbeId,
    link: LinkId,
}

impl Rings {
    pub(super) fn two_watchers() -> Self {
        Self::of(Law::TwoWatchers)
    }

    pub(super) fn single_cycle() -> Self {
        Self::of(Law::SingleCycle)
    }

    fn of(law: Law) -> Self {
        Self { law, looked: Time::ZERO, known: BTreeMap::new(), mesh: Mesh::default() }
    }
}

impl Watch for Rings {
    fn look(&mut self, view: &View<'_>, wrong: &mut Vec<String>) {
        if view.now.since(self.looked) < EVERY {
            return;
        }
        self.looked = view.now;
        if let Some(watches) = self.mesh.resting(view, REST) {
            wrong.extend(match self.law {
                Law::TwoWatchers => mesh::too_few(view, &watches),
                Law::SingleCycle => mesh::no_cycle(view, &watches),
            });
        }
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
    fn resting<'a>(&mut self, view: &View<'a>, tree: &Tree) -> Vec<Ring<'a>> {
        let all: Vec<Told> = tree.sites.iter().flat_map(rings_of).collect();
        self.known.retain(|ring, _| all.contains(ring));
        let mut resting = Vec::new();
        for ring in all {
            let since = *self.known.entry(ring.clone()).or_insert(view.now);
            let Told { level, names, .. } = ring;
            let members: Vec<Option<usize>> = names.iter().map(|name| view.world.host(name)).collect();
            let Some(first) = members.iter().flatten().next() else { continue };
            let site = view.world.site_of(*first);
            let told = |relay: &&Relay| relay.outbox().pending() == 0;
            let Some(relay) = view.world.relay(site).filter(told) else { continue };
            let well = members.iter().flatten().all(|host| view.health.host_well_for(*host) >= REST);
            let quiet = view.now.since(since) >= REST && view.health.told_well_for(site) >= REST;
            if well && quiet {
                resting.push(Ring { relay, level, names, members });
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
        let mut peers: BTreeMap<(usize, u8), Vec<Vec<Peer>>> = BTreeMap::new();
        for host in 0..view.world.hosts() {
            let Some(probe) = view.world.probe(host) else { continue };
            for ring in probe.status(view.now).rings {
                let known = peers.entry((host, ring.level)).or_default();
                let peer = |peer: &PeerStatus| Peer { id: peer.peer, link: peer.link };
                known.push(ring.peers.iter().map(peer).collect());
            }
        }
        Self { ids: view.world.probe_ids(), peers }
    }

    fn of_host(&self, host: usize, level: u8) -> &[Vec<Peer>] {
        self.peers.get(&(host, level)).map_or(&[], Vec::as_slice)
    }

    /// Whether that neighbour is the relay, which is none of the hosts.
    fn is_relay(&self, peer: Peer) -> bool {
        !self.ids.contains(&peer.id)
    }

    /// How many links there are between a host and the relay of which both know.
    fn relays_of(&self, ring: &Ring<'_>, host: usize) -> usize {
        let all = self.of_host(host, ring.level).iter().flatten();
        all.filter(|peer| self.is_relay(**peer) && ring.relay.holds(peer.link)).count()
    }

    /// The first member that is not watched by two others.
    fn too_few(&self, ring: &Ring<'_>) -> Option<String> {
        if ring.members.len() < 3 {
            return None;
        }
        let hosts: Vec<usize> = ring.members.iter().flatten().copied().collect();
        let of_host = |host: usize| {
            let watches = |other: &&usize| {
                let all = self.of_host(**other, ring.level).iter();
                **other != host && all.flatten().any(|peer| peer.id == self.ids[host])
            };
            hosts.iter().filter(watches).count() + self.relays_of(ring, host)
        };
        let of_relay = || hosts.iter().filter(|host| self.relays_of(ring, **host) > 0).count();
        ring.members.iter().zip(&ring.names).find_map(|(member, name)| {
            let watchers = member.map_or_else(of_relay, of_host);
            let ring = || ring.names.join(" ");
            (watchers < 2).then(|| format!("{name} has {watchers} watchers in the ring {}", ring()))
        })
    }

    /// The first member that does not watch exactly its neighbours.
    fn no_cycle(&self, ring: &Ring<'_>) -> Option<String> {
        let count = ring.members.len();
        (0..count).find_map(|at| {
            let mut beside = vec![(at + count - 1) % count, (at + 1) % count];
            beside.retain(|other| *other != at);
            beside.dedup();
            let right = match ring.members[at] {
                Some(host) => self.watches_exactly(ring, host, &beside),
                None => beside
                    .iter()
                    .all(|other| ring.members[*other].is_some_and(|host| self.relays_of(ring, host) == 1)),
            };
            (!beside.is_empty() && !right).then(|| {
                let names: Vec<&str> = beside.iter().map(|other| ring.names[*other].as_str()).collect();
                let (name, all) = (&ring.names[at], ring.names.join(" "));
                format!("{name} does not watch {} in the ring {all}", names.join(" and "))
            })
        })
    }

    /// Whether a host watches its neighbours in a ring, and nobody else there.
    fn watches_exactly(&self, ring: &Ring<'_>, host: usize, beside: &[usize]) -> bool {
        let is_there = |peers: &[Peer], other: &usize| match ring.members[*other] {
            Some(host) => peers.iter().any(|peer| peer.id == self.ids[host]),
            None => peers.iter().any(|peer| self.is_relay(*peer)),
        };
        let fits = |peers: &&Vec<Peer>| {
            peers.len() == beside.len() && beside.iter().all(|other| is_there(peers.as_slice(), other))
        };
        self.of_host(host, ring.level).iter().any(|peers| fits(&peers))
    }
}
