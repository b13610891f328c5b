//! The typed messages from a relay to the CMA.
//!
//! Every news tells one thing *whole* and has a [`Key`]: a later news of the same key replaces an earlier one,
//! wherever the two meet. So an outbox may drop the earlier, and a store may see either twice.

use core::net::SocketAddr;

use ringmesh_topology::id::{Boot, HostBoot, IncidentId, Name, ProbeId, RelayId};
use ringmesh_topology::place::Place;
use ringmesh_topology::verdict::{Class, Verdict};

use serde::{Deserialize, Serialize};

use crate::message::Generation;

/// What a relay says when its stream opens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RelayHello {
    /// Its site.
    pub site: Name,
    /// Its number there.
    pub relay: RelayId,
    /// Its term.
    pub term: u32,
    /// Drawn when its outbox was made: sequences count within it.
    pub outbox: u64,
    /// The stream is plain text.
    pub insecure: bool,
    /// The relay's version.
    pub version: String,
    /// Drawn at its start: tells one run from the next.
    pub run: Boot,
    /// The boot id of its host.
    pub host_boot: HostBoot,
    /// Where relays of other sites send their beats; `None` if it wants none.
    pub mesh_address: Option<SocketAddr>,
}

/// One news.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum News {
    /// A host, its places and its state.
    Host(HostNews),
    /// A host left the roster for good.
    HostGone(Name),
    /// A switch.
    Switch(SwitchNews),
    /// A ring.
    Ring(RingNews),
    /// A ring without members.
    RingGone(u32),
    /// An incident, in its newest revision.
    Incident(Box<IncidentNews>),
    /// What this relay hears of the relay of another site.
    Peer(PeerNews),
    /// What this relay found of its site when it started.
    Start(StartNews),
}

/// What a news is about: the later of two with one key replaces the earlier.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Key {
    /// A host.
    Host(Name),
    /// A switch, by id.
    Switch(String),
    /// A ring, by number.
    Ring(u32),
    /// An incident.
    Incident(IncidentId),
    /// A relay of another site.
    Peer(Name, RelayId),
    /// The relay's own start.
    Start,
}

impl News {
    /// What it is about.
    pub fn key(&self) -> Key {
        match self {
            Self::Host(host) => Key::Host(host.name.clone()),
            Self::HostGone(name) => Key::Host(name.clone()),
            Self::Switch(switch) => Key::Switch(switch.id.clone()),
            Self::Ring(ring) => Key::Ring(ring.id),
            Self::RingGone(id) => Key::Ring(*id),
            Self::Incident(incident) => Key::Incident(incident.id),
            Self::Peer(peer) => Key::Peer(peer.site.clone(), peer.relay),
            Self::Start(_) => Key::Start,
        }
    }
}

/// How a host does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum HostState {
    /// Heard by its neighbours.
    Up,
    /// Heard by nobody.
    Silent,
    /// Gone with a goodbye.
    Planned,
}

/// A host as its relay knows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostNews {
    /// Its name.
    pub name: Name,
    /// Its probe.
    pub probe: ProbeId,
    /// How it does ..
    pub state: HostState,
    /// .. since this wall time.
    pub since_ms: u64,
    /// How much its operator cares.
    pub class: Class,
    /// What its ports hang on.
    pub places: Vec<Place>,
}

/// How a switch does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum SwitchState {
    /// Some member behind it is heard.
    Up,
    /// Judged down.
    Down,
    /// Judged alive and cut off.
    Cut,
    /// Judged one or the other, or nobody is left to ask.
    Unknown,
}

/// A switch as the members behind it name it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SwitchNews {
    /// Its chassis id as text.
    pub id: String,
    /// Its system name, or the id again.
    pub name: String,
    /// How it does.
    pub state: SwitchState,
}

/// A ring as it is cut.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RingNews {
    /// Its number at the relay.
    pub id: u32,
    /// 0 switch or fallback ring, 1 site ring.
    pub level: u8,
    /// The switch it stays inside, by id; empty for a fallback or site ring.
    pub switch: String,
    /// Its L2 domain (an on-link prefix), or the key of a fallback ring.
    pub domain: String,
    /// Why it is a fallback ring; empty where it is none.
    pub reason: String,
    /// Its age.
    pub generation: Generation,
    /// Its members in ring order, by name.
    pub members: Vec<String>,
    /// Those who speak for it upstairs.
    pub delegates: Vec<String>,
}

/// What kind of thing broke.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum SubjectKind {
    /// A host.
    Host,
    /// A switch (and its uplink: `UplinkCut` has the switch as subject).
    Switch,
    /// A set of hosts without a name of its own.
    Set,
    /// A relay.
    Relay,
    /// A site.
    Site,
}

impl SubjectKind {
    /// The word used in every output.
    pub fn word(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::Switch => "switch",
            Self::Set => "set",
            Self::Relay => "relay",
            Self::Site => "site",
        }
    }
}

/// What broke.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Subject {
    /// Its kind.
    pub kind: SubjectKind,
    /// Its id, unique within site and kind.
    pub id: String,
    /// What operators call it.
    pub name: String,
}

/// One thing the evidence allows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alternative {
    /// What it would be.
    pub verdict: Verdict,
    /// Of what.
    pub subject: Subject,
    /// Its share of the odds; all alternatives of an incident sum to about 1,000.
    pub permille: u16,
}

/// What is not the cause, and who says so.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuledOut {
    /// What it is not.
    pub what: String,
    /// By which evidence.
    pub by: String,
}

/// An incident in one revision, whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IncidentNews {
    /// The incident.
    pub id: IncidentId,
    /// Rises with each change; a lower one never replaces a higher one.
    pub revision: u32,
    /// It is over.
    pub closed: bool,
    /// What it may be, best first; at least one.
    pub alternatives: Vec<Alternative>,
    /// The most cared for of the hosts it takes.
    pub class: Class,
    /// How many hosts can be reached by no leg any more.
    pub silent: u32,
    /// The hosts it takes, by name.
    pub behind: Vec<String>,
    /// Who saw it, by name.
    pub witnesses: Vec<String>,
    /// When the silence began.
    pub silent_since_ms: u64,
    /// When it was opened.
    pub opened_ms: u64,
    /// When it was closed; 0 while open.
    pub closed_ms: u64,
    /// When this revision was made.
    pub at_ms: u64,
    /// Why this revision differs from the one before, in plain words.
    pub why: String,
    /// What was seen, in plain words.
    pub seen: Vec<String>,
    /// What it is not.
    pub ruled_out: Vec<RuledOut>,
    /// What would tell the alternatives apart.
    pub would_settle: Vec<String>,
    /// It was refuted or planned: no page may leave for it any more.
    pub page_never: bool,
}

/// What one relay hears of another by the beats of the mesh ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum PeerState {
    /// Its beats come.
    Heard,
    /// They do not, and nothing says why.
    Silent,
    /// Its own address refuses them: the host lives, and no relay listens there.
    Refused,
    /// Not neighbours any more: this relay knows nothing of it.
    Unwatched,
}

/// A neighbour in the mesh ring, as this relay hears it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeerNews {
    /// Its site.
    pub site: Name,
    /// Its number there.
    pub relay: RelayId,
    /// What is heard of it ..
    pub state: PeerState,
    /// .. since this wall time.
    pub since_ms: u64,
}

/// What a relay found of its site after it started: whether hosts lived on while it was away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StartNews {
    /// Hosts that it knew before, and that came back with the boot they had.
    pub kept: u32,
    /// Hosts that it knew before, and that have booted since.
    pub rebooted: u32,
    /// When it started, in wall time.
    pub at_ms: u64,
}

/// Something a relay wants an operator to look at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Warning {
    /// A stable word for programs.
    pub code: String,
    /// What is wrong.
    pub text: String,
    /// What to do about it.
    pub remedy: String,
}
