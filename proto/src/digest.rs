//! How a relay and a CMA find what differs between them without telling everything.
//!
//! Both keep a [`Picture`]: for each thing that was told a digest of what was said of it, and their sums by group and
//! over all. Equal sums mean equal pictures. Where they differ, the groups are compared (hosts by switch; switches,
//! rings, incidents), then the things of the groups that differ, and only what differs is told again.
//!
//! Ages, generations, sequences and revisions are left out: they differ without a difference that matters.

use std::collections::BTreeMap;

use ring::digest::{SHA256, digest};
use ringmesh_topology::place::WireId;
use serde::{Deserialize, Serialize};

use crate::message::Generation;
use crate::news::{HostNews, IncidentNews, Key, News, PeerNews, RingNews};

/// What things are compared together.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Group {
    /// Open incidents.
    Incidents,
    /// Rings, and neighbours in the mesh ring.
    Rings,
    /// Switches.
    Switches,
    /// Hosts whose switch nobody knows.
    Unattached,
    /// Hosts whose first known switch is this.
    Switch(WireId),
}

/// A thing and the digest of what was said of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Thing {
    /// Which.
    pub key: Key,
    /// What was said of it, in short.
    pub digest: u64,
}

/// The things of some groups.
pub type ThingsByGroup = Vec<(Group, Vec<Thing>)>;

/// Digests of everything told. See the module.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Picture {
    things: BTreeMap<Key, (Group, u64)>,
    groups: BTreeMap<Group, u64>,
    whole: u64,
}

impl Picture {
    /// A news was told. What is over is no part of the picture any more.
    pub fn tell(&mut self, news: &News) {
        let key = news.key();
        self.forget(&key);
        let Some(group) = group(news) else { return };
        self.restore(key, group, digest_of(news));
    }

    /// What was told of a thing before: where it belongs, and its digest. To be written down.
    pub fn of(&self, key: &Key) -> Option<(&Group, u64)> {
        self.things.get(key).map(|(group, digest)| (group, *digest))
    }

    /// A thing as [`Self::of`] gave it.
    pub fn restore(&mut self, key: Key, group: Group, digest: u64) {
        self.forget(&key);
        let sum = self.groups.entry(group.clone()).or_default();
        *sum = sum.wrapping_add(digest);
        self.whole = self.whole.wrapping_add(digest);
        self.things.insert(key, (group, digest));
    }

    /// A thing is no part of the picture any more.
    pub fn forget(&mut self, key: &Key) {
        let Some((group, digest)) = self.things.remove(key) else { return };
        self.whole = self.whole.wrapping_sub(digest);
        if let Some(sum) = self.groups.get_mut(&group) {
            *sum = sum.wrapping_sub(digest);
        }
    }

    /// The digest of all of it; 0 of an empty picture.
    pub fn whole(&self) -> u64 {
        self.whole
    }

    /// The digest of each group that is not empty.
    pub fn groups(&self) -> impl Iterator<Item = (&Group, u64)> {
        self.groups.iter().map(|(group, digest)| (group, *digest)).filter(|(_, digest)| *digest != 0)
    }

    /// The things of one group.
    pub fn things(&self, group: &Group) -> impl Iterator<Item = Thing> {
        let of_group = self.things.iter().filter(move |(_, (of, _))| of == group);
        of_group.map(|(key, (_, digest))| Thing { key: key.clone(), digest: *digest })
    }

    /// How many things there are.
    pub fn len(&self) -> usize {
        self.things.len()
    }

    /// Whether nothing was told.
    pub fn is_empty(&self) -> bool {
        self.things.is_empty()
    }

    /// The groups that differ from what the other end says of its own.
    pub fn differing(&self, other: &BTreeMap<Group, u64>) -> Vec<Group> {
        let own = |group: &Group| self.groups.get(group).copied().unwrap_or(0);
        let theirs = other.iter().filter(|(group, digest)| own(group) != **digest).map(|(group, _)| group);
        let missing = self.groups().map(|(group, _)| group).filter(|group| !other.contains_key(group));
        theirs.chain(missing).cloned().collect()
    }

    /// What of these groups must be told again, and what the other end knows nothing of. A thing that moved from one
    /// group to another is told again, not gone.
    pub fn compare(&self, other: &[(Group, Vec<Thing>)]) -> Compared {
        let theirs = other.iter().flat_map(|(_, things)| things);
        let theirs: BTreeMap<&Key, u64> = theirs.map(|thing| (&thing.key, thing.digest)).collect();
        let same = |key: &Key, digest: u64| self.things.get(key).is_some_and(|(_, own)| *own == digest);
        let wanted =
            theirs.iter().filter(|(key, digest)| !same(key, **digest)).map(|(key, _)| (*key).clone());
        let own = other.iter().flat_map(|(group, _)| self.things(group)).map(|thing| thing.key);
        let extra = own.filter(|key| !theirs.contains_key(key));
        Compared { wanted: wanted.collect(), extra: extra.collect() }
    }
}

/// What [`Picture::compare`] found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Compared {
    /// To be told again: it differs here, or is missing.
    pub wanted: Vec<Key>,
    /// Here, and not at the other end.
    pub extra: Vec<Key>,
}

/// Where a news belongs; `None` if it says that a thing is over, or is no state.
fn group(news: &News) -> Option<Group> {
    match news {
        News::Host(host) => {
            let attachment = host.places.iter().find_map(|place| place.attachment.as_ref());
            Some(attachment.map_or(Group::Unattached, |attachment| Group::Switch(attachment.switch.clone())))
        }
        News::Switch(_) => Some(Group::Switches),
        News::Ring(_) | News::Peer(_) => Some(Group::Rings),
        News::Incident(incident) => (!incident.closed).then_some(Group::Incidents),
        News::HostGone(_) | News::RingGone(_) | News::Start(_) => None,
    }
}

/// The first eight octets of SHA-256 over what is said, without what may differ; never 0.
fn digest_of(news: &News) -> u64 {
    let octets = postcard::to_allocvec(&plain(news)).unwrap_or_default();
    let [a, b, c, d, e, f, g, h, ..] = *digest(&SHA256, &octets).as_ref() else { return 1 };
    u64::from_be_bytes([a, b, c, d, e, f, g, h]).max(1)
}

/// The news without ages, generations and revisions.
fn plain(news: &News) -> News {
    match news {
        News::Host(host) => News::Host(HostNews { since_ms: 0, ..host.clone() }),
        News::Ring(ring) => {
            News::Ring(RingNews { generation: Generation { term: 0, counter: 0 }, ..ring.clone() })
        }
        News::Peer(peer) => News::Peer(PeerNews { since_ms: 0, ..peer.clone() }),
        News::Incident(incident) => {
            let (revision, at_ms, why) = (0, 0, String::new());
            let (silent_since_ms, opened_ms) = (0, 0);
            let plain =
                IncidentNews { revision, at_ms, why, silent_since_ms, opened_ms, ..(**incident).clone() };
            News::Incident(Box::new(plain))
        }
        News::HostGone(_) | News::Switch(_) | News::RingGone(_) | News::Start(_) => news.clone(),
    }
}

#[cfg(test)]
mod tests;
