//! What nodes and edges say.

use core::net::IpAddr;

use ringmesh_proto::message::Generation;
use ringmesh_proto::news::{HostState, SwitchState};
use ringmesh_topology::id::{IncidentId, MacAddress, Name, RelayId};
use ringmesh_topology::place::{BondRole, Evidence};
use ringmesh_topology::verdict::Class;
use serde::{Deserialize, Serialize};

use super::{EdgeKey, NodeKey};

/// Who said something: a relay, with one of its outboxes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Source {
    /// Its site.
    pub site: Name,
    /// Its number.
    pub relay: RelayId,
    /// The birth nonce of the outbox.
    pub outbox: u64,
}

/// Who said a batch, as what number, and when it was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// Who.
    pub source: Source,
    /// Its number there.
    pub sequence: u64,
    /// When, in wall time: the start of what is new in it.
    pub at_ms: u64,
}

/// One operation of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Op {
    /// A node is so.
    Node(NodeKey, Facts),
    /// An edge is so.
    Edge(EdgeKey, Tie),
    /// A node is gone, with its edges.
    DropNode(NodeKey),
    /// An edge is gone.
    DropEdge(EdgeKey),
}

/// A node as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Which.
    pub key: NodeKey,
    /// What is known of it.
    pub facts: Facts,
    /// Who said so last.
    pub source: Source,
}

/// An edge as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edge {
    /// Which.
    pub key: EdgeKey,
    /// What it says.
    pub tie: Tie,
    /// Who said so last.
    pub source: Source,
    /// Since when it is there, in wall time.
    pub since_ms: u64,
}

/// What is known of a node, by kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Facts {
    /// A site.
    Site,
    /// A relay.
    Relay(RelayFacts),
    /// A switch.
    Switch(SwitchFacts),
    /// A port of a switch.
    SwitchPort {
        /// Its id as text.
        name: String,
    },
    /// A host.
    Host(HostFacts),
    /// A probe.
    Probe,
    /// A network port of a host.
    Nic {
        /// Its name there.
        ifname: String,
        /// Its Ethernet address, if it was told; ports of one bond have one.
        mac: Option<MacAddress>,
        /// Whether it has carrier.
        carrier: bool,
        /// Why it has no switch port; empty where it has one.
        reason: String,
        /// The bond it belongs to.
        bond: Option<NicBond>,
    },
    /// An address.
    IpAddress {
        /// The address.
        address: IpAddr,
        /// Length of its on-link prefix.
        prefix_len: u8,
    },
    /// A ring.
    Ring(RingFacts),
    /// An incident; what it says is kept with its revisions.
    Incident {
        /// Which.
        id: IncidentId,
        /// When it was opened, and when it was closed; 0 while it is open. By the clock of who judged.
        opened_ms: u64,
        /// See `opened_ms`.
        closed_ms: u64,
        /// It is over.
        closed: bool,
    },
    /// A wire that was.
    Attachment(PastWire),
}

/// What a network port of a host hung on, from when until when. It says all by itself: its host, its port and its
/// switch may be gone by now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PastWire {
    /// The host's name.
    pub host: String,
    /// The port's name there.
    pub ifname: String,
    /// The switch: its name when the wire ended ..
    pub switch: String,
    /// .. and its chassis id as text.
    pub switch_id: String,
    /// The switch's port.
    pub port: String,
    /// How it was known at the end.
    pub evidence: Evidence,
    /// Since when it was there, in wall time ..
    pub from_ms: u64,
    /// .. and until when.
    pub until_ms: u64,
    /// Nothing was there before, and the host was known already: somebody plugged it in.
    pub plugged: bool,
    /// What came in its place, as switch and port; empty if nothing did.
    pub after: String,
}

/// How a network port stands in a bond.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NicBond {
    /// The bond's name on its host.
    pub ifname: String,
    /// Its mode as the kernel names it.
    pub mode: String,
    /// How the port stands in it.
    pub role: BondRole,
}

/// A relay.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RelayFacts {
    /// Its number.
    pub id: RelayId,
    /// Its term.
    pub term: u32,
}

/// A switch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SwitchFacts {
    /// Its chassis id as text.
    pub id: String,
    /// Its system name, or the id again.
    pub name: String,
    /// How it does.
    pub state: SwitchState,
}

/// A host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostFacts {
    /// Its name.
    pub name: Name,
    /// How it does ..
    pub state: HostState,
    /// .. since this wall time.
    pub since_ms: u64,
    /// How much its operator cares.
    pub class: Class,
}

/// A ring.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RingFacts {
    /// The relay that cuts it.
    pub relay: RelayId,
    /// 0 switch or fallback ring, 1 site ring.
    pub level: u8,
    /// The switch it stays inside, by id; or empty.
    pub switch: String,
    /// Its L2 domain, or the key of a fallback ring.
    pub domain: String,
    /// Why it is a fallback ring; empty where it is none.
    pub reason: String,
    /// Its age.
    pub generation: Generation,
    /// Members in ring order, those included whose own news has not come yet.
    pub members: Vec<String>,
    /// Those who speak for it.
    pub delegates: Vec<String>,
}

/// What an edge says beyond being there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Tie {
    /// Nothing.
    Plain,
    /// How an attachment is known.
    Wired(Evidence),
    /// A place in a ring.
    Member {
        /// Counted from 0 in ring order.
        rank: u32,
        /// It speaks for the ring.
        delegate: bool,
    },
    /// The odds of a cause.
    Odds {
        /// Its share.
        permille: u16,
    },
}
