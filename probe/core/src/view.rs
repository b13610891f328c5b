//! What a probe shows of itself: for commands and tests, never for decisions.

use core::net::SocketAddr;

use ringmesh_proto::message::{Generation, LinkId, RingId};
use ringmesh_proto::time::Duration;
use ringmesh_topology::id::{ProbeId, RelayId};

use crate::event::BondFacts;

/// Where a probe stands with its relays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// No assignment yet in this run.
    Joining,
    /// In its rings; nothing to tell.
    Linked,
    /// In its rings, with a report that no relay has answered yet.
    Asking,
    /// No relay answers, but some neighbour is heard.
    CutOff,
    /// Neither a relay nor a neighbour is heard.
    Isolated,
    /// A relay answers again and has not assigned yet.
    Returning,
    /// It has been told to stop.
    Leaving,
}

impl State {
    /// The word used in every output.
    pub fn word(self) -> &'static str {
        match self {
            Self::Joining => "joining",
            Self::Linked => "linked",
            Self::Asking => "asking",
            Self::CutOff => "cut off",
            Self::Isolated => "isolated",
            Self::Returning => "returning",
            Self::Leaving => "leaving",
        }
    }
}

/// An identifier of a switch or of its port, for display.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdView {
    /// As in `WireId`.
    pub subtype: u8,
    /// The octets after the subtype.
    pub octets: Box<[u8]>,
    /// For people; safe to print.
    pub text: Box<str>,
}

/// What one port hangs on, and why that is believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttachmentView {
    /// The port's name.
    pub ifname: Box<str>,
    /// The kernel's number of it.
    pub ifindex: u32,
    /// The driver of the card; empty if there is none.
    pub driver: Box<str>,
    /// Whether it has carrier.
    pub carrier: bool,
    /// The switch.
    pub switch: Option<IdView>,
    /// The switch's port.
    pub port: Option<IdView>,
    /// The name the switch gave itself; may be empty.
    pub switch_name: Box<str>,
    /// `lldp`, `cdp`, `cache` or `fallback`.
    pub evidence: &'static str,
    /// Age of the last announcement.
    pub age: Option<Duration>,
    /// Until the announcement is no longer believed.
    pub expires: Option<Duration>,
    /// Why there is no announced switch, in words; empty where there is one.
    pub reason: Box<str>,
    /// The bond the port is a member of.
    pub bond: Option<BondFacts>,
}

/// One neighbour.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerStatus {
    /// The link.
    pub link: LinkId,
    /// The neighbour.
    pub peer: ProbeId,
    /// Where our beats go.
    pub address: SocketAddr,
    /// The port they leave by ..
    pub via: u32,
    /// .. and its name.
    pub ifname: Box<str>,
    /// Age of its last beat; `None` if none came.
    pub heard: Option<Duration>,
    /// Heard often enough to testify about.
    pub proven: bool,
    /// Heard in both directions.
    pub mutual: bool,
    /// It is suspected.
    pub suspected: bool,
    /// More than 2 % of its beats get lost.
    pub lossy: bool,
    /// Routers in between.
    pub hops: u8,
}

/// One ring this probe is a member of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RingStatus {
    /// The ring.
    pub ring: RingId,
    /// 0 switch or fallback ring, 1 site ring.
    pub level: u8,
    /// Its neighbours there.
    pub peers: Vec<PeerStatus>,
}

/// Everything a probe can say about itself at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// Where it stands.
    pub state: State,
    /// The relay it turns to.
    pub relay: Option<SocketAddr>,
    /// The relay whose assignment is in force.
    pub assigned_by: Option<RelayId>,
    /// The assignment in force.
    pub generation: Generation,
    /// Its links are heard as far as this member reports on them.
    pub applied: bool,
    /// The rings.
    pub rings: Vec<RingStatus>,
    /// We ran late three times within a minute.
    pub starved: bool,
    /// What was counted since the start.
    pub counters: Counters,
}

/// What was counted since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Beats sent.
    pub beats_sent: u64,
    /// Beats heard that were signs of life.
    pub beats_heard: u64,
    /// Beats overtaken by newer ones.
    pub beats_reordered: u64,
    /// Beats heard before.
    pub beats_replayed: u64,
    /// Beats on links that are not ours (any more).
    pub beats_martian: u64,
    /// Messages sent to relays, knocks included.
    pub messages_sent: u64,
    /// Messages heard from relays.
    pub messages_heard: u64,
    /// Suspicions raised.
    pub suspicions: u64,
    /// Discovery frames taken.
    pub frames: u64,
    /// Discovery frames refused, other protocols left out.
    pub frames_refused: u64,
    /// Times we woke more than 100 ms late.
    pub late: u64,
}
