//! The rings of a site: which there are, who stands in them, which links join neighbours.
//!
//! This room knows orders and adjacencies, not what members are told of them: that is `orders`.

use std::collections::{BTreeMap, BTreeSet};

use core::net::IpAddr;

use ringmesh_proto::message::{Generation, LinkId, RingId};
use ringmesh_proto::time::Time;
use ringmesh_topology::diagnosis::{HostIx, SwitchIx};
use ringmesh_topology::id::MacAddress;
use ringmesh_topology::place::Place;
use ringmesh_topology::ring::{FALLBACK_MEMBERS_MAX, Ring};

/// Who may stand in a ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Peer {
    Member(HostIx),
    /// The acting relay, in its site ring.
    Relay,
}

/// What a ring is the ring of.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum RingKey {
    /// Members on one switch and one L2 domain.
    Switch { switch: SwitchIx, prefix: IpAddr, prefix_len: u8 },
    /// Members whose switch is unknown, on one subnet behind one gateway; `shard` tells those of more than 64.
    Fallback { prefix: IpAddr, prefix_len: u8, gateway: MacAddress, shard: u32 },
    /// The delegates of all other rings, and the relay.
    Site,
}

impl RingKey {
    /// The ring in which a place's port stands.
    pub(crate) fn of_place(place: &Place, switch: Option<SwitchIx>, shard: u32) -> Self {
        let (prefix, prefix_len) = (place.prefix(), place.prefix_len);
        match switch {
            Some(switch) => Self::Switch { switch, prefix, prefix_len },
            None => Self::Fallback { prefix, prefix_len, gateway: place.gateway, shard },
        }
    }

    pub(crate) fn level(&self) -> u8 {
        match self {
            Self::Switch { .. } | Self::Fallback { .. } => 0,
            Self::Site => 1,
        }
    }

    pub(crate) fn switch(&self) -> Option<SwitchIx> {
        match self {
            Self::Switch { switch, .. } => Some(*switch),
            Self::Fallback { .. } | Self::Site => None,
        }
    }
}

/// Two neighbours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Adjacency {
    pub(crate) ring: RingId,
    /// The lower first.
    pub(crate) ends: (Peer, Peer),
    pub(crate) counter: u32,
    /// The end that says when it is heard in both directions: the newcomer, else the lower one.
    pub(crate) reported_by: Peer,
    /// One end said that it hears and is heard.
    pub(crate) mutual: bool,
}

impl Adjacency {
    /// The end that is not `peer`.
    pub(crate) fn other(&self, peer: Peer) -> Peer {
        if self.ends.0 == peer { self.ends.1 } else { self.ends.0 }
    }
}

/// Who stands upstairs for a ring, and by which port.
pub(crate) type Speaker = (HostIx, u32);

/// One ring.
#[derive(Clone, Debug)]
pub(crate) struct SiteRing {
    pub(crate) key: RingKey,
    pub(crate) ring: Ring<Peer>,
    pub(crate) links: BTreeMap<(Peer, Peer), LinkId>,
    pub(crate) delegates: Vec<HostIx>,
    /// Those of them who had a seat in it when it was last cut, each with its port.
    pub(crate) speakers: Vec<Speaker>,
    /// Silent as a whole: nothing of it changes before the heal.
    pub(crate) frozen: bool,
    pub(crate) generation: Generation,
}

/// What one cut changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cut {
    /// Everybody whose neighbours changed.
    pub(crate) touched: BTreeSet<Peer>,
    /// The links that are new.
    pub(crate) new: Vec<LinkId>,
    /// The links that are over.
    pub(crate) over: Vec<LinkId>,
}

/// All rings.
#[derive(Clone, Debug)]
pub(crate) struct Rings {
    rings: BTreeMap<RingId, SiteRing>,
    by_key: BTreeMap<RingKey, RingId>,
    links: BTreeMap<LinkId, Adjacency>,
    /// All who stand in the site ring, in order.
    upstairs: Vec<Speaker>,
    /// Rings with changes, by when they are to be told ..
    dirty: BTreeSet<(Time, RingId)>,
    /// .. and when each is: the first moment that was asked for.
    told_at: BTreeMap<RingId, Time>,
    next_ring: u32,
    counter: u32,
    /// The term's low octet, in front of each link number: links of two terms rarely meet at a member.
    link_base: u32,
}

/// The ring of the site itself.
pub(crate) const SITE_RING: RingId = RingId(0);

impl Rings {
    pub(crate) fn new(term: u32, generation: Generation) -> Self {
        let mut rings = Self {
            rings: BTreeMap::new(),
            by_key: BTreeMap::new(),
            links: BTreeMap::new(),
            upstairs: Vec::new(),
            dirty: BTreeSet::new(),
            told_at: BTreeMap::new(),
            next_ring: 0,
            counter: 0,
            link_base: (term & 0xff) << 24,
        };
        let site = rings.of_key(&RingKey::Site, generation);
        debug_assert_eq!(site, SITE_RING);
        rings
    }

    /// The ring of a key, made if there is none.
    pub(crate) fn of_key(&mut self, key: &RingKey, generation: Generation) -> RingId {
        if let Some(&ring) = self.by_key.get(key) {
            return ring;
        }
        let id = RingId(self.next_ring);
        self.next_ring += 1;
        self.by_key.insert(key.clone(), id);
        let ring = SiteRing {
            key: key.clone(),
            ring: Ring::default(),
            links: BTreeMap::new(),
            delegates: Vec::new(),
            speakers: Vec::new(),
            frozen: false,
            generation,
        };
        self.rings.insert(id, ring);
        id
    }

    /// The fallback ring of a place with room for one more, or the one `standing` in already.
    pub(crate) fn fallback(&mut self, place: &Place, standing: Option<RingId>, now: Generation) -> RingId {
        let mut shard = 0;
        loop {
            let key = RingKey::of_place(place, None, shard);
            match self.by_key.get(&key) {
                Some(ring) if Some(*ring) == standing => return *ring,
                Some(ring) if self.len(*ring) >= FALLBACK_MEMBERS_MAX => shard += 1,
                Some(_) | None => return self.of_key(&key, now),
            }
        }
    }

    fn len(&self, ring: RingId) -> usize {
        self.rings.get(&ring).map_or(0, |ring| ring.ring.len())
    }

    pub(crate) fn get(&self, ring: RingId) -> Option<&SiteRing> {
        self.rings.get(&ring)
    }

    pub(crate) fn get_mut(&mut self, ring: RingId) -> Option<&mut SiteRing> {
        self.rings.get_mut(&ring)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (RingId, &SiteRing)> {
        self.rings.iter().map(|(id, ring)| (*id, ring))
    }

    pub(crate) fn link(&self, link: LinkId) -> Option<&Adjacency> {
        self.links.get(&link)
    }

    pub(crate) fn link_mut(&mut self, link: LinkId) -> Option<&mut Adjacency> {
        self.links.get_mut(&link)
    }

    /// The next ring whose changes are due; it is not due any more.
    pub(crate) fn take_due(&mut self, now: Time) -> Option<RingId> {
        let &(at, ring) = self.dirty.first()?;
        if at > now {
            return None;
        }
        self.dirty.pop_first();
        self.told_at.remove(&ring);
        Some(ring)
    }

    pub(crate) fn next_due(&self) -> Time {
        self.dirty.first().map_or(Time::NEVER, |(at, _)| *at)
    }

    /// Notes that a ring changed; told at `at` with all other changes until then.
    pub(crate) fn mark(&mut self, ring: RingId, at: Time) {
        match self.told_at.get(&ring) {
            Some(before) if *before <= at => return,
            Some(before) => drop(self.dirty.remove(&(*before, ring))),
            None => {}
        }
        self.told_at.insert(ring, at);
        self.dirty.insert((at, ring));
    }

    /// Makes the links of a ring agree with its order.
    pub(crate) fn cut(&mut self, id: RingId, generation: Generation) -> Cut {
        let mut cut = Cut::default();
        let Some(ring) = self.rings.get_mut(&id) else { return cut };
        if ring.frozen {
            return cut;
        }
        let wanted: BTreeSet<(Peer, Peer)> = ring.ring.adjacencies().into_iter().collect();
        let over: Vec<_> = ring.links.keys().filter(|ends| !wanted.contains(ends)).copied().collect();
        for ends in over {
            cut.touched.extend([ends.0, ends.1]);
            if let Some(link) = ring.links.remove(&ends) {
                self.links.remove(&link);
                cut.over.push(link);
            }
        }
        let standing: BTreeSet<Peer> = ring.links.keys().flat_map(|ends| [ends.0, ends.1]).collect();
        for ends in wanted {
            if ring.links.contains_key(&ends) {
                continue;
            }
            self.counter += 1;
            let link = LinkId(self.link_base | (self.counter & 0x00ff_ffff));
            let reported_by = reporter(ends, &standing);
            let adjacency = Adjacency { ring: id, ends, counter: self.counter, reported_by, mutual: false };
            ring.links.insert(ends, link);
            self.links.insert(link, adjacency);
            cut.touched.extend([ends.0, ends.1]);
            cut.new.push(link);
        }
        if !cut.touched.is_empty() {
            ring.generation = generation;
        }
        cut
    }

    /// Ends all links of a peer in one ring, so that the next cut makes new ones with new keys.
    pub(crate) fn renew(&mut self, id: RingId, peer: Peer) {
        let Some(ring) = self.rings.get_mut(&id) else { return };
        let touching = |ends: &&(Peer, Peer)| ends.0 == peer || ends.1 == peer;
        for ends in ring.links.keys().filter(touching).copied().collect::<Vec<_>>() {
            if let Some(link) = ring.links.remove(&ends) {
                self.links.remove(&link);
            }
        }
    }

    /// The links of a peer in one ring.
    pub(crate) fn links_of(&self, id: RingId, peer: Peer) -> Vec<(LinkId, Adjacency)> {
        let Some(ring) = self.rings.get(&id) else { return Vec::new() };
        let [left, right] = ring.ring.neighbours(peer);
        let link = |other: Option<Peer>| {
            let other = other?;
            let link = *ring.links.get(&(peer.min(other), peer.max(other)))?;
            Some((link, *self.links.get(&link)?))
        };
        [link(left), link(right)].into_iter().flatten().collect()
    }

    /// Notes who speaks for a ring; `true` if that is anybody else, or by another port.
    pub(crate) fn speak(&mut self, id: RingId, speakers: Vec<Speaker>) -> bool {
        // One that is gone has left its speakers behind.
        let Some(ring) = self.rings.get_mut(&id) else { return true };
        let changed = ring.speakers != speakers;
        ring.speakers = speakers;
        changed
    }

    /// All speakers, as they stand upstairs from now on, and as they stood: in order, each host once. One that speaks for
    /// two rings stands by its port in the first.
    pub(crate) fn gather_upstairs(&mut self) -> (Vec<Speaker>, Vec<Speaker>) {
        let mut now: Vec<Speaker> =
            self.rings.values().flat_map(|ring| ring.speakers.iter().copied()).collect();
        now.sort_by_key(|(host, _)| *host);
        now.dedup_by_key(|(host, _)| *host);
        let before = core::mem::replace(&mut self.upstairs, now.clone());
        (now, before)
    }

    /// Forgets a ring that has no members. Its number is not given again.
    pub(crate) fn forget(&mut self, id: RingId) {
        if let Some(ring) = self.rings.remove(&id) {
            self.by_key.remove(&ring.key);
        }
    }
}

/// Who of two new neighbours reports: the one that is new to the ring, else the lower; never the relay, which would
/// have to tell itself.
fn reporter(ends: (Peer, Peer), standing: &BTreeSet<Peer>) -> Peer {
    let newcomer = |peer: Peer| peer != Peer::Relay && !standing.contains(&peer);
    match (newcomer(ends.0), newcomer(ends.1)) {
        (false, true) if ends.0 == Peer::Relay || standing.contains(&ends.0) => ends.1,
        // The relay sorts last, so the lower end is a member.
        _ => ends.0,
    }
}
