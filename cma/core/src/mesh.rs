//! The mesh ring: one relay of each site, in the order of the sites' names, cut here.
//!
//! # Invariants
//! - A link has one number for as long as both its ends are the same runs of the same relays, and no number is ever
//!   given twice: keys follow from it.
//! - A relay has two neighbours at most, and one link to each.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use ringmesh_proto::keep::Keep;
use ringmesh_proto::mesh::{MeshLink, MeshOrder};
use ringmesh_proto::message::LinkId;
use ringmesh_topology::id::Boot;
use serde::{Deserialize, Serialize};

use crate::records;
use crate::relay::RelayKey;

/// One end of a link: a run of a relay.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct End {
    /// Whose.
    pub relay: RelayKey,
    /// Which run.
    pub run: Boot,
}

/// A member of the ring.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Who.
    pub end: End,
    /// Where beats to it go.
    pub address: SocketAddr,
}

/// The mesh ring. See the module.
#[derive(Debug, Default)]
pub struct Mesh {
    members: BTreeMap<RelayKey, SocketAddr>,
    links: BTreeMap<(End, End), LinkId>,
    /// The number given last.
    pub(crate) last: u32,
}

impl Mesh {
    /// Cuts the ring anew for these members, at most one of each site; says what must be written down.
    pub fn cut(&mut self, mut members: Vec<Member>) -> Vec<Keep> {
        members.sort_by(|a, b| a.end.relay.cmp(&b.end.relay));
        self.members = members.iter().map(|member| (member.end.relay.clone(), member.address)).collect();
        let mut before = core::mem::take(&mut self.links);
        let mut keeps = Vec::new();
        for pair in pairs(&members) {
            let link = before.remove(&pair).unwrap_or_else(|| {
                self.last = self.last.saturating_add(1);
                keeps.push(Keep::put(records::LINK, &LinkId(self.last), &pair));
                LinkId(self.last)
            });
            self.links.insert(pair, link);
        }
        keeps.extend(before.into_values().map(|link| Keep::drop(records::LINK, &link)));
        keeps
    }

    /// A link as it was written down.
    pub(crate) fn restore(&mut self, link: LinkId, ends: (End, End)) {
        self.last = self.last.max(link.0);
        self.links.insert(ends, link);
    }

    /// The place of one relay, whole.
    pub fn order(&self, of: &RelayKey) -> MeshOrder {
        let links = self.links_of(of).filter_map(|(link, neighbour)| {
            let address = *self.members.get(neighbour)?;
            let RelayKey { site, relay } = neighbour.clone();
            Some(MeshLink { link, site, relay, address })
        });
        MeshOrder { links: links.collect() }
    }

    /// Who is next to a relay.
    pub fn neighbours(&self, of: &RelayKey) -> Vec<RelayKey> {
        self.links_of(of).map(|(_, neighbour)| neighbour.clone()).collect()
    }

    /// Whether a relay stands in the ring.
    pub fn has(&self, relay: &RelayKey) -> bool {
        self.members.contains_key(relay)
    }

    fn links_of<'a>(&'a self, of: &'a RelayKey) -> impl Iterator<Item = (LinkId, &'a RelayKey)> {
        self.links.iter().filter_map(move |((a, b), link)| match () {
            () if a.relay == *of => Some((*link, &b.relay)),
            () if b.relay == *of => Some((*link, &a.relay)),
            () => None,
        })
    }
}

/// Who beats to whom: each to the next, the last to the first; two have one link. The lower end stands first.
fn pairs(members: &[Member]) -> Vec<(End, End)> {
    let next = members.iter().cycle().skip(1);
    let pair = |(a, b): (&Member, &Member)| {
        let (a, b) = if a.end <= b.end { (a, b) } else { (b, a) };
        (a.end.clone(), b.end.clone())
    };
    match members.len() {
        0 | 1 => Vec::new(),
        2 => members.iter().zip(next).take(1).map(pair).collect(),
        _ => members.iter().zip(next).map(pair).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::name;
    use ringmesh_topology::id::RelayId;

    fn member(site: &str, run: u8) -> Member {
        let relay = RelayKey { site: name(site), relay: RelayId(1) };
        Member { end: End { relay, run: Boot([run; 16]) }, address: "10.0.0.1:1990".parse().unwrap() }
    }

    /// Sites and runs.
    type Members<'a> = &'a [(&'a str, u8)];

    /// `a-b 1` for each link.
    fn cut(mesh: &mut Mesh, members: Members<'_>) -> Vec<String> {
        mesh.cut(members.iter().map(|(site, run)| member(site, *run)).collect());
        let words =
            mesh.links.iter().map(|((a, b), link)| format!("{}-{} {}", a.relay.site, b.relay.site, link.0));
        words.collect()
    }

    #[test]
    fn a_link_lives_as_long_as_both_its_ends_and_no_number_is_given_twice() {
        let mut mesh = Mesh::default();
        let steps: &[(Members<'_>, &[&str])] = &[
            (&[("a", 1)], &[]),
            (&[("b", 1), ("a", 1)], &["a-b 1"]),
            (&[("a", 1), ("b", 1), ("c", 1)], &["a-b 1", "a-c 3", "b-c 2"]),
            (&[("a", 1), ("b", 2), ("c", 1)], &["a-b 4", "a-c 3", "b-c 5"]),
            (&[("a", 1), ("c", 1)], &["a-c 3"]),
            (&[("a", 1), ("b", 2), ("c", 1)], &["a-b 6", "a-c 3", "b-c 7"]),
            (&[("a", 1), ("b", 2), ("c", 1), ("d", 1)], &["a-b 6", "a-d 9", "b-c 7", "c-d 8"]),
        ];
        for (members, want) in steps {
            assert_eq!(cut(&mut mesh, members), *want, "{members:?}");
        }
    }

    #[test]
    fn both_ends_are_told_one_number_and_where_the_other_is() {
        let mut mesh = Mesh::default();
        cut(&mut mesh, &[("a", 1), ("b", 1), ("c", 1), ("d", 1)]);
        let order = |site: &str| {
            let order = mesh.order(&RelayKey { site: name(site), relay: RelayId(1) });
            order.links.iter().map(|link| format!("{} {}", link.site, link.link.0)).collect::<Vec<_>>()
        };
        assert_eq!([order("a"), order("b"), order("c")], [["b 1", "d 4"], ["a 1", "c 2"], ["b 2", "d 3"]]);
        assert_eq!(order("x"), Vec::<String>::new());
    }

    #[test]
    fn what_was_written_down_is_the_ring_that_was() {
        let mut mesh = Mesh::default();
        cut(&mut mesh, &[("a", 1), ("b", 1), ("c", 1)]);
        let keeps = mesh.cut(vec![member("a", 1), member("c", 1)]);
        assert_eq!(keeps.len(), 2, "two links are gone");
        let mut again = Mesh { last: mesh.last, ..Mesh::default() };
        for ((a, b), link) in &mesh.links {
            again.restore(*link, (a.clone(), b.clone()));
        }
        assert_eq!(again.cut(vec![member("a", 1), member("c", 1)]), []);
        assert_eq!(cut(&mut again, &[("a", 1), ("c", 2)]), ["a-c 4"]);
    }
}
