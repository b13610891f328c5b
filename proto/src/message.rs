//! The typed messages between probe and relay.
//!
//! Three directions: [`ToRelay`] from a probe, [`ToProbe`] from a relay, and [`Beat`] between ring neighbours.
//! Every message is small (a datagram of at most [`DATAGRAM_MAX`] octets), idempotent, and sent at least once.
//! Whatever a member says about the past it says as an *age* at the moment of sending: clocks never meet.
//!
//! A [`Report`] number makes a message of a probe reliable: it is repeated with the same number until a
//! `Noted` with that number, an Assignment or a Ping comes back.

use core::net::{IpAddr, SocketAddr};

use serde::{Deserialize, Serialize};

use ringmesh_topology::id::{Boot, HostBoot, Name, ProbeId, RelayId};
use ringmesh_topology::place::{BondRole, Place};

use crate::time::Duration;

/// No datagram is larger than this, UDP payload in octets.
pub const DATAGRAM_MAX: usize = 1_200;
/// A probe's port.
pub const PROBE_PORT: u16 = 1984;
/// A relay's port, UDP.
pub const RELAY_PORT: u16 = 1990;
/// Where a probe without a configured relay announces itself.
pub const RELAY_GROUP: core::net::Ipv4Addr = core::net::Ipv4Addr::new(224, 0, 2, 5);
/// The most places a host tells of; further ports are left out, lowest ifindex first.
pub const PLACES_MAX: usize = 4;
/// The most ports of one bond a host tells of, beside the one that stands for its address.
pub const BOND_MATES_MAX: usize = 3;
/// Ports whose carrier is told at most: those of all places and bonds, and some more.
pub const CARRIERS_MAX: usize = 16;
/// The most links one member holds over all its rings.
pub const LINKS_MAX: usize = 8;
/// Entries of a flight recorder.
pub const RECORDER_ENTRIES: usize = 32;

/// A heartbeat link between two neighbours, unique among the links of each. Both ends use the same number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct LinkId(pub u32);

/// A ring's number at its relay; dense.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RingId(pub u32);

/// The age of an order: members obey the highest, and answer an older one with theirs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct Generation {
    /// Rises with each takeover or restart of the acting relay.
    pub term: u32,
    /// Rises with each assignment within a term.
    pub counter: u32,
}

impl Generation {
    /// The low bits that fit a heartbeat header: 4 of the term, 12 of the counter.
    pub fn hint(self) -> u16 {
        let bits = ((self.term & 0xf) << 12) | (self.counter & 0xfff);
        u16::try_from(bits).unwrap_or(0)
    }
}

/// A member's number for one of its reports, to match the `Noted` that answers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Report(pub u32);

/// One lane of a link: its own source port, so that ECMP spreads the lanes over paths.
pub type Lane = u8;

/// A heartbeat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Beat {
    /// The link it belongs to.
    pub link: LinkId,
    /// The lane it was sent on, 0 to 3.
    pub lane: Lane,
    /// The sender has heard the receiver on this link.
    pub heard_you: bool,
    /// Rises by one with each beat of this sender on this lane; starts at 1.
    pub sequence: u32,
    /// [`Generation::hint`] of the assignment the sender applied last.
    pub hint: u16,
}

/// What a probe says to a relay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ToRelay {
    /// "I am here; who are you?" First of a handshake, makes no state.
    Knock,
    /// Everything about me. Second of a handshake, and after each silence of the relay.
    Announce(Box<Announce>),
    /// The assignment of that generation is in force: the links I report on are heard in both directions.
    Applied(Generation),
    /// A neighbour is silent, refused or unreachable.
    Suspicion(Suspicion),
    /// The neighbour of an earlier suspicion beats again.
    Refuted {
        /// Number of this report.
        report: Report,
        /// The link that beats again.
        link: LinkId,
    },
    /// Where my ports hang now. Replaces what was said before.
    Attachment {
        /// Number of this report.
        report: Report,
        /// All places of the host.
        places: Vec<Place>,
    },
    /// What my ports and links saw, told unasked: carrier and the roles in a bond.
    Evidence {
        /// Number of this report.
        report: Report,
        /// Carrier and role of each port, with the age of the last change of its carrier.
        carriers: Vec<Carrier>,
        /// What I hear on each link.
        heard: Vec<HeardAge>,
    },
    /// A stream loses datagrams.
    Loss {
        /// Number of this report.
        report: Report,
        /// The link they were due on.
        link: LinkId,
        /// The lane.
        lane: Lane,
        /// Of this many beats due ..
        of: u16,
        /// .. this many did not come.
        lost: u16,
    },
    /// I leave, and why.
    Goodbye {
        /// Number of this report.
        report: Report,
        /// Why.
        reason: GoodbyeReason,
        /// When to expect me back; zero if not at all.
        back_within: Duration,
    },
    /// The answer to a Ping.
    Pong {
        /// The nonce of the ping.
        nonce: u32,
        /// I ran late lately: do not trust my timers.
        starved: bool,
        /// What I hear on each link.
        heard: Vec<HeardAge>,
        /// Carrier of each port.
        carriers: Vec<Carrier>,
    },
    /// My flight recorder, as asked for.
    Recorder(Vec<RecorderEntry>),
}

/// Everything a relay needs to know about a member, in one datagram.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Announce {
    /// The host's name, unique within its site.
    pub name: Name,
    /// The kernel's boot id.
    pub host_boot: HostBoot,
    /// The highest generation this probe has seen from any relay.
    pub generation: Generation,
    /// The links it still holds.
    pub links: Vec<LinkId>,
    /// All places of the host, at most [`PLACES_MAX`].
    pub places: Vec<Place>,
    /// What it suspects at this moment.
    pub suspicions: Vec<Suspicion>,
    /// How long its relays did not answer; zero if it was never cut off.
    pub cut_off: Duration,
    /// Changes with each entry of its flight recorder; 0 if the recorder is empty.
    pub recorder_hash: u32,
    /// Number of this report.
    pub report: Report,
}

/// One witness's word about a neighbour. Never a verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Suspicion {
    /// Number of this report.
    pub report: Report,
    /// The link on which the neighbour was to be heard.
    pub link: LinkId,
    /// What was noticed.
    pub cause: Cause,
    /// How long ago the neighbour was heard last.
    pub last_heard: Duration,
    /// The witness ran late lately.
    pub starved: bool,
    /// Too few beats came on this link for the witness to testify by: somebody should look, and that is all it says.
    pub unproven: bool,
}

/// What a witness noticed of its neighbour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cause {
    /// No beat for three intervals.
    Silent,
    /// The neighbour's own address refused the port: a hint that the kernel lives and the probe does not.
    Refused,
    /// Our own kernel cannot reach it on the link.
    Unreachable,
}

/// What a member hears on one link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeardAge {
    /// The link.
    pub link: LinkId,
    /// Age of the last beat; `None` if none came since the link was assigned.
    pub age: Option<Duration>,
}

/// Carrier of one physical port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Carrier {
    /// The port.
    pub ifindex: u32,
    /// Whether it has carrier.
    pub up: bool,
    /// How long ago that changed; saturated where it never did.
    pub age: Duration,
    /// How it stands in its bond; `None` of a port in none.
    pub role: Option<BondRole>,
}

/// Why a probe leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum GoodbyeReason {
    /// The host goes down or reboots.
    HostShutdown,
    /// Somebody stopped the probe; the host stays.
    ServiceStop,
    /// A new version starts in a moment.
    Upgrade,
    /// The host leaves the roster for good.
    Retire,
}

impl GoodbyeReason {
    /// The word used in every output and in commands.
    pub fn word(self) -> &'static str {
        match self {
            Self::HostShutdown => "host-shutdown",
            Self::ServiceStop => "service-stop",
            Self::Upgrade => "upgrade",
            Self::Retire => "retire",
        }
    }
}

/// One transition of a probe's world, kept while nobody could be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecorderEntry {
    /// How long ago, at the moment of sending.
    pub age: Duration,
    /// What happened.
    pub what: Transition,
}

/// What a flight recorder records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transition {
    /// A neighbour fell silent.
    Silent(LinkId),
    /// It was heard again.
    HeardAgain(LinkId),
    /// A port lost carrier.
    CarrierLost(u32),
    /// A port has carrier again.
    CarrierBack(u32),
    /// The LLDP neighbour of a port expired or said goodbye.
    LldpLost(u32),
    /// No relay answered.
    RelayUnanswered,
    /// A relay answered again.
    RelayAnswered,
    /// The probe itself ran late by this many milliseconds.
    Late(u32),
}

/// What a relay says to a probe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ToProbe {
    /// The answer to a Knock. Makes no state at the relay; the session keys follow from it.
    Hello(Hello),
    /// All of the member's rings. Repeated until applied.
    Assignment(Box<Assignment>),
    /// The report of that number has been taken.
    Noted(Report),
    /// "Do you live, and what do you hear?"
    Ping {
        /// Comes back in the Pong.
        nonce: u32,
    },
    /// "Hand over your flight recorder."
    RecorderAsk,
}

/// What a relay tells a newcomer before it keeps any state about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hello {
    /// The relay.
    pub relay: RelayId,
    /// Its term.
    pub term: u32,
    /// Announce after this long: admission is paced.
    pub wait: Duration,
    /// It answers our last knock, and so opens a session. Else a relay that has none with us asks us to knock. The
    /// wire says which: it alone knows the knock's number.
    pub answers: bool,
}

/// All of a member's rings, whole. What is not in it is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assignment {
    /// Its age. Equal or lower generations than the one in force are answered, not obeyed.
    pub generation: Generation,
    /// The relay that gives it; the lower id wins within a term.
    pub relay: RelayId,
    /// The last report of this member that said where it hangs, an announcement or an attachment, and that the relay has
    /// taken; 0 before the first. `None`: a relay of an earlier revision, which does not say.
    pub knows: Option<Report>,
    /// The rings, lowest level first.
    pub rings: Vec<RingPlace>,
}

/// A member's place in one ring.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RingPlace {
    /// The ring.
    pub ring: RingId,
    /// 0 switch or fallback ring, 1 site ring, 2 mesh ring.
    pub level: u8,
    /// At most two neighbours; none in a ring of one.
    pub links: Vec<LinkOrder>,
}

/// One neighbour.
///
/// On the wire it also carries the two keys of the link, which the relay's wire derives from `counter` and the
/// probe's wire keeps: no machine ever sees a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinkOrder {
    /// The link.
    pub link: LinkId,
    /// Which adjacency this is, counted by the relay that made it: the keys follow from it.
    pub counter: u32,
    /// The neighbour.
    pub peer: ProbeId,
    /// Where its beats are to be sent.
    pub peer_address: SocketAddr,
    /// The port of this member to send from.
    pub via: u32,
    /// How many lanes to rotate over, 1 or 4.
    pub lanes: u8,
    /// This member tells when the link is heard in both directions.
    pub report: bool,
}

/// Who sent a datagram to a relay: a probe in one of its runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Sender {
    /// The probe.
    pub probe: ProbeId,
    /// Its run.
    pub boot: Boot,
}

/// The short word for each kind of datagram: the *purpose* by which traffic is counted.
pub fn purpose_to_relay(message: &ToRelay) -> &'static str {
    match message {
        ToRelay::Knock | ToRelay::Announce(_) => "Announce",
        ToRelay::Applied(_) => "Applied",
        ToRelay::Suspicion(_) => "Suspicion",
        ToRelay::Refuted { .. } => "Refuted",
        ToRelay::Attachment { .. } => "Attachment",
        ToRelay::Evidence { .. } => "Evidence",
        ToRelay::Loss { .. } => "Loss",
        ToRelay::Goodbye { .. } => "Goodbye",
        ToRelay::Pong { .. } => "Pong",
        ToRelay::Recorder(_) => "Recorder",
    }
}

/// As [`purpose_to_relay`], for the other direction.
pub fn purpose_to_probe(message: &ToProbe) -> &'static str {
    match message {
        ToProbe::Hello(_) => "Hello",
        ToProbe::Assignment(_) => "Assignment",
        ToProbe::Noted(_) => "Noted",
        ToProbe::Ping { .. } => "Ping",
        ToProbe::RecorderAsk => "RecorderAsk",
    }
}

/// A heartbeat as it arrived, opened and with what the kernel told about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BeatHeard {
    /// The beat.
    pub beat: Beat,
    /// Routers it passed, from the received TTL; `None` where the kernel did not say.
    pub hops: Option<u8>,
    /// When it arrived at the socket; not after `now`.
    pub arrived: crate::time::Time,
}

/// The address of a beat's target for one place.
pub fn beat_address(address: IpAddr) -> SocketAddr {
    SocketAddr::new(address, PROBE_PORT)
}
