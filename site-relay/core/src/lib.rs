//! What a site relay decides: who stands in which ring, what a silence means, what the CMA must hear.
//!
//! [`Relay`] is one machine. It keeps the *roster* of its site's hosts, cuts the *rings* of each switch and of the
//! site, gives every member its whole *assignment* until it is applied, turns suspicions into *cases*, has the
//! diagnosis judge their evidence, and tells the CMA about *incidents* through its *outbox*.
//!
//! It reads no clock, no socket, no file; it never sees a key. Expected membership is durable knowledge, liveness
//! is soft: a member leaves the roster by saying so, never by being silent. What a relay finds again after it was
//! killed are records that it ordered to be kept ([`Action::Keep`]) and is handed at its start ([`Relay::restore`]).
//!
//! # Invariants
//! - After `DeadlineReached` at `now`, `next_deadline() > now`.
//! - A silent expected member is in exactly one open incident, or in a case that will be decided in seconds.
//! - A ring that is silent as a whole is frozen, not cut: its links and keys stay valid for the heal.
//! - An incident's id is minted once and never changes; a lower revision never follows a higher one.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod belief;
mod case;
mod durable;
mod incident;
mod mesh;
mod orders;
mod outbox;
mod recorded;
mod relay;
mod rings;
mod roster;
mod start;
mod watch;
mod wiring;
mod words;

use core::net::{IpAddr, SocketAddr};

use ringmesh_proto::digest::{Group, ThingsByGroup};
use ringmesh_proto::keep::Keep;
use ringmesh_proto::mesh::MeshOrder;
use ringmesh_proto::message::{Beat, BeatHeard, Hello, LinkOrder, Sender, ToProbe, ToRelay};
use ringmesh_proto::news::Key;
use ringmesh_proto::time::{Duration, WallClock};
use ringmesh_topology::id::{Name, ProbeId, RelayId};
use ringmesh_topology::verdict::{Class, Verdict};

pub use outbox::Outbox;
pub use relay::{Counters, Relay};

/// What a relay must know before it starts.
#[derive(Clone, Debug)]
pub struct Config {
    /// Its site.
    pub site: Name,
    /// Its number there.
    pub relay: RelayId,
    /// Where its ring neighbours send their beats.
    pub address: SocketAddr,
    /// Higher than any term a relay of this site has had.
    pub term: u32,
    /// Drawn from the operating system: the birth nonce of its outbox, where no record of an earlier run names one.
    /// Not 0.
    pub outbox: u64,
    /// How long good news must hold, and the like.
    pub timing: Timing,
    /// Class of a host by pattern (`*` and `?`), first match wins; else normal.
    pub classes: Vec<(String, Class)>,
}

/// The times an operator (or a lab) may change. Detection is not among them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// How long a return must hold before an incident is closed.
    pub close_hold: Duration,
    /// After the first return behind a healed component: when stragglers are called so.
    pub settle: Duration,
    /// The same where power was lost, or may have been.
    pub boot_grace: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            close_hold: Duration::from_secs(10),
            settle: Duration::from_secs(30),
            boot_grace: Duration::from_secs(600),
        }
    }
}

/// What may happen to a relay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The wall clock was read.
    WallClock(WallClock),
    /// Somebody asks who we are.
    Knock {
        /// Who.
        from: Sender,
        /// From where.
        at: SocketAddr,
        /// Comes back in the hello.
        knock: u32,
    },
    /// Somebody has a session that we do not have. Only a claim.
    Stranger {
        /// Who it claims to be.
        from: Sender,
        /// From where.
        at: SocketAddr,
    },
    /// A member speaks; sealed and opened.
    Control {
        /// Who.
        from: Sender,
        /// From where.
        at: SocketAddr,
        /// What.
        message: ToRelay,
    },
    /// A beat of one of the relay's own ring neighbours.
    Beat(BeatHeard),
    /// A kernel answered an echo.
    Echo {
        /// Whose.
        from: IpAddr,
    },
    /// An address refused a datagram of ours that it quoted.
    Refused {
        /// Which.
        peer: SocketAddr,
    },
    /// Our own kernel cannot reach an address.
    Unreachable {
        /// Which.
        peer: SocketAddr,
    },
    /// The CMA has taken all news up to this sequence.
    Acknowledged {
        /// The last one.
        sequence: u64,
    },
    /// The CMA's picture of this site differs: it wants the digest of every group ..
    Compare,
    /// .. then those of the things of some groups ..
    CompareGroups(Vec<Group>),
    /// .. then those things told again.
    Wanted(Vec<Key>),
    /// The CMA has taken sequences that this outbox never gave: it goes on under another birth nonce.
    Reborn {
        /// Drawn from the operating system.
        outbox: u64,
    },
    /// An operator says that a host left for good.
    ForgetHost(Name),
    /// The CMA cut the mesh ring; the keys are with the wire.
    Mesh(MeshOrder),
    /// A beat of the relay of another site.
    MeshBeat(BeatHeard),
    /// The stream to the CMA opened or broke; or it was heard just now.
    Cma {
        /// It is open.
        connected: bool,
    },
    /// [`Relay::next_deadline`](ringmesh_proto::machine::Machine::next_deadline) has come.
    DeadlineReached,
}

/// What a relay orders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Answer a knock (or a stranger, with `knock` 0).
    Hello {
        /// Where to.
        to: SocketAddr,
        /// Whom.
        sender: Sender,
        /// The knock answered.
        knock: u32,
        /// With what.
        hello: Hello,
    },
    /// Say something to a member.
    Send {
        /// Where to.
        to: SocketAddr,
        /// Whom.
        probe: ProbeId,
        /// What.
        message: ToProbe,
    },
    /// Beat to a ring neighbour, by the lane the beat names.
    Beat {
        /// The beat.
        beat: Beat,
        /// Where to.
        to: SocketAddr,
    },
    /// Take up the keys of an own link.
    TakeLink(LinkOrder),
    /// Send an ICMP echo.
    Echo {
        /// To whom.
        to: IpAddr,
    },
    /// A record is so now. What relies on it comes later in the same turn.
    Keep(Keep),
    /// Beat to the relay of another site.
    MeshBeat {
        /// The beat.
        beat: Beat,
        /// Where to.
        to: SocketAddr,
    },
    /// Tell the CMA the digest of each group.
    TellGroups(Vec<(Group, u64)>),
    /// Tell the CMA the digests of the things of some groups.
    TellThings {
        /// As of this sequence of the outbox.
        sequence: u64,
        /// Them.
        groups: ThingsByGroup,
    },
    /// The outbox has something new.
    NewsReady,
    /// Have the CMA say something: whether it can be heard tells the relay's own way from the site's.
    AskAuthority,
    /// Forget the session of a member that left for good.
    Forget(ProbeId),
    /// A change of state, for the log.
    Say(Note),
}

/// What a log line says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    /// A host joined, or came back.
    Joined(Name),
    /// A host said goodbye.
    Left(Name),
    /// A ring was cut anew.
    RingCut {
        /// Its domain or key.
        ring: String,
        /// How many members it has.
        members: usize,
    },
    /// Somebody is suspected and being checked.
    CaseOpened(Name),
    /// The suspicion was wrong.
    CaseDismissed(Name),
    /// An incident was opened, or judged anew.
    Incident {
        /// Its best verdict.
        verdict: Verdict,
        /// Of what.
        subject: String,
        /// Why.
        why: String,
        /// It is over.
        closed: bool,
    },
}
