//! What an authority writes down, and in which records.
//!
//! | kind | thing | says |
//! |---|---|---|
//! | `I` | nothing | the identity: epoch and secret of the mesh ring |
//! | `C` | nothing | the numbers given last: pages, events, links, own incidents |
//! | `R` | relay | what it said of itself last, and what was counted of it |
//! | `U` | relay | how far its news are in the store: birth of its outbox and sequence |
//! | `u` | relay | the same of the outboxes it had before, where there were any |
//! | `D` | relay, thing | the digest of what that relay told of the thing |
//! | `N` | node | what the graph says of it, who said so, and at which revision |
//! | `T` | edge (a tie) | the same of an edge, and since when; sorts behind the nodes, for an edge needs both ends |
//! | `i` | incident | its newest revision, and whose it is |
//! | `r` | incident, number | one step of its history |
//! | `t` | incident | what people were told of it, in wall times |
//! | `p` | page | a line that nobody took over yet |
//! | `e` | event | one event |
//! | `f` | site, host | a host to be forgotten, since when |
//! | `a` | incident | an open incident that its relay forgot, and since when all its hosts are up |
//! | `l` | link | a link of the mesh ring, by its two ends |
//! | `w` | relay, relay | what is heard of the one by the other over the mesh ring, since when |
//! | `o` | incident | an incident of our own: what it takes, and how far it is settled |
//!
//! What is dropped from the graph leaves no record. Nothing can undo it late: what a relay told up to its cursor is
//! never applied again, and a relay with a new outbox speaks for the present.

use ringmesh_proto::keep::{self, Keep, Unreadable};
use ringmesh_topology::id::IncidentId;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::graph::Change;

/// The version of these records; 2 since places tell of bonds, 3 since the graph's revisions are kept, 4 since
/// past wires are, and MAC addresses.
pub const RECORDS_VERSION: u32 = 4;

pub(crate) const IDENTITY: u8 = b'I';
pub(crate) const COUNTERS: u8 = b'C';
pub(crate) const RELAY: u8 = b'R';
pub(crate) const CURSOR: u8 = b'U';
pub(crate) const FORMER: u8 = b'u';
pub(crate) const DIGEST: u8 = b'D';
pub(crate) const NODE: u8 = b'N';
pub(crate) const EDGE: u8 = b'T';
pub(crate) const INCIDENT: u8 = b'i';
pub(crate) const REVISION: u8 = b'r';
pub(crate) const TOLD: u8 = b't';
pub(crate) const PAGE: u8 = b'p';
pub(crate) const EVENT: u8 = b'e';
pub(crate) const FORGET: u8 = b'f';
pub(crate) const ORPHAN: u8 = b'a';
pub(crate) const LINK: u8 = b'l';
pub(crate) const WORD: u8 = b'w';
pub(crate) const OUTAGE: u8 = b'o';

/// One record as it is read back: its kind, and octets of its thing and of its value.
pub(crate) struct Record<'a> {
    pub(crate) kind: u8,
    thing: &'a [u8],
    value: &'a [u8],
}

impl<'a> Record<'a> {
    pub(crate) fn new(key: &'a [u8], value: &'a [u8]) -> Result<Self, Unreadable> {
        let (kind, thing) =
            keep::split(key).ok_or_else(|| Unreadable { kind: 0, why: "its key is empty".to_owned() })?;
        Ok(Self { kind, thing, value })
    }

    pub(crate) fn thing<T: DeserializeOwned>(&self) -> Result<T, Unreadable> {
        keep::read(self.kind, self.thing)
    }

    pub(crate) fn value<T: DeserializeOwned>(&self) -> Result<T, Unreadable> {
        keep::read(self.kind, self.value)
    }

    /// A thing that is a number, written so that it sorts.
    pub(crate) fn number(&self) -> Result<u64, Unreadable> {
        Ok(u64::from_be_bytes(self.thing()?))
    }

    pub(crate) fn unknown(&self) -> Unreadable {
        let why = "this version knows no such kind: was the store written by a newer one?".to_owned();
        Unreadable { kind: self.kind, why }
    }
}

/// A change of the graph as it is written down.
pub fn written((revision, change): &(u64, Change)) -> Keep {
    match change {
        Change::Node(node) => Keep::put(NODE, &node.key, &(&node.facts, &node.source, revision)),
        Change::Edge(edge) => Keep::put(EDGE, &edge.key, &(edge.tie, &edge.source, edge.since_ms, revision)),
        Change::NodeGone(key) => Keep::drop(NODE, key),
        Change::EdgeGone(key) => Keep::drop(EDGE, key),
    }
}

/// A record about a number.
pub(crate) fn put_numbered<V: Serialize>(kind: u8, number: u64, value: &V) -> Keep {
    Keep::put(kind, &keep::sortable(number), value)
}

/// The end of a record about a number.
pub(crate) fn drop_numbered(kind: u8, number: u64) -> Keep {
    Keep::drop(kind, &keep::sortable(number))
}

/// The key of a revision: those of one incident sort by number.
pub(crate) fn revision_key(id: IncidentId, number: u32) -> ([u8; 8], [u8; 4]) {
    (id.0.to_be_bytes(), number.to_be_bytes())
}
