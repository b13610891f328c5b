//! The JSON that commands print: a contract. Fields may be added, never renamed or dropped.

use ringmesh_probe_core::{AttachmentView, BondFacts, IdView, PeerStatus, RingStatus, Status};
use serde::{Deserialize, Serialize};

use crate::capture::{self, Deaf};
use crate::hints;
use crate::net;
use crate::ports::Port;
use ringmesh_proto::wire::WireCounters;

/// What each port hangs on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attachments {
    /// 1.
    pub schema: u32,
    /// By interface number.
    pub ports: Vec<PortShape>,
}

/// One port.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PortShape {
    /// Its name.
    pub ifname: String,
    /// Its number.
    pub ifindex: u32,
    /// The card's driver; empty for a virtual interface.
    pub driver: String,
    /// Whether it has carrier.
    pub carrier: bool,
    /// The switch, if one is known.
    pub switch: Option<IdShape>,
    /// The name the switch gave itself.
    pub switch_name: String,
    /// The switch's port.
    pub port: Option<IdShape>,
    /// `lldp`, `cdp`, `cache` or `fallback`.
    pub evidence: String,
    /// Age of the last announcement.
    pub age_s: Option<u64>,
    /// Seconds until it is no longer believed.
    pub expires_s: Option<u64>,
    /// Why no switch is announced; empty where one is.
    pub reason: String,
    /// What would help; empty where nothing is missing.
    pub remedy: String,
    /// The bond the port is a member of.
    pub bond: Option<BondShape>,
}

/// An identifier.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdShape {
    /// LLDP's number for the kind of identifier; 0 for CDP.
    pub subtype: u8,
    /// The octets.
    pub hex: String,
    /// For people.
    pub text: String,
}

/// A bond, seen from a member.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BondShape {
    /// Its name.
    pub ifname: String,
    /// Its mode.
    pub mode: String,
    /// Whether this member carries its traffic.
    pub active: bool,
    /// The LACP partner's system id; empty without one.
    pub partner_system: String,
}

/// How a probe does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProbeStatus {
    /// 1.
    pub schema: u32,
    /// `joining`, `linked`, `asking`, `cut off`, `isolated`, `returning` or `leaving`.
    pub state: String,
    /// The relay it turns to; empty while there is none.
    pub relay: String,
    /// Term and counter of the assignment in force.
    pub generation: [u32; 2],
    /// Whether all links it reports on are heard in both directions.
    pub applied: bool,
    /// It ran late three times within a minute.
    pub starved: bool,
    /// The rings it is a member of.
    pub rings: Vec<RingShape>,
    /// What was counted since the start.
    pub counters: CountersShape,
}

/// One ring.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RingShape {
    /// Its number at the relay.
    pub ring: u32,
    /// 0 switch or fallback ring, 1 site ring.
    pub level: u8,
    /// Its neighbours.
    pub peers: Vec<PeerShape>,
}

/// One neighbour.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeerShape {
    /// The link.
    pub link: u32,
    /// The neighbour's id.
    pub peer: String,
    /// Where beats go ..
    pub address: String,
    /// .. and the port they leave by.
    pub via: String,
    /// Milliseconds since its last beat; absent before the first.
    pub heard_ms: Option<u64>,
    /// Heard often enough to testify about.
    pub proven: bool,
    /// It is suspected.
    pub suspected: bool,
    /// It loses more than 2 % of its beats.
    pub lossy: bool,
    /// Routers in between.
    pub hops: u8,
}

/// What was counted since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CountersShape {
    /// Beats sent.
    pub beats_sent: u64,
    /// Beats heard that were signs of life.
    pub beats_heard: u64,
    /// Messages sent to relays.
    pub messages_sent: u64,
    /// Messages heard from relays.
    pub messages_heard: u64,
    /// Discovery frames taken.
    pub frames: u64,
    /// Discovery frames refused by the decoder.
    pub frames_refused: u64,
    /// Frames dropped before they were read.
    pub frames_dropped: u64,
    /// Datagrams from nobody we know.
    pub martian: u64,
    /// Datagrams that had come before.
    pub replayed: u64,
    /// Datagrams whose seal is broken.
    pub forged: u64,
    /// Datagrams too short or too long.
    pub truncated: u64,
    /// Datagrams of another protocol.
    pub foreign: u64,
    /// Datagrams the kernel did not take.
    pub unsent: u64,
    /// Reports of the network that nobody asked for.
    pub foreign_errors: u64,
    /// Times the probe woke too late.
    pub late: u64,
}

impl PortShape {
    /// As the machine sees it, unless listening itself is impossible: then `deaf` says why. `port` is what the
    /// kernel says of it.
    pub fn new(view: &AttachmentView, port: Option<&Port>, deaf: Option<&Deaf>) -> Self {
        let announced = matches!(view.evidence, "lldp" | "cdp");
        let deaf = deaf.filter(|_| !announced);
        let reason = deaf.map_or(&*view.reason, |deaf| &deaf.reason).to_string();
        let remedy = match deaf {
            _ if announced || reason.is_empty() => String::new(),
            Some(deaf) => deaf.remedy.into(),
            None if !view.carrier => "plug the cable in, or set the interface up".into(),
            None => port.map_or_else(|| hints::remedy(&view.ifname, &view.driver), hints::of_silence),
        };
        Self {
            ifname: view.ifname.to_string(),
            ifindex: view.ifindex,
            driver: view.driver.to_string(),
            carrier: view.carrier,
            switch: view.switch.as_ref().map(IdShape::new),
            switch_name: view.switch_name.to_string(),
            port: view.port.as_ref().map(IdShape::new),
            evidence: view.evidence.into(),
            age_s: view.age.map(|age| age.as_secs()),
            expires_s: view.expires.map(|expires| expires.as_secs()),
            reason,
            remedy,
            bond: view.bond.as_ref().map(BondShape::new),
        }
    }
}

impl IdShape {
    fn new(id: &IdView) -> Self {
        let hex = id.octets.iter().map(|octet| format!("{octet:02x}")).collect();
        Self { subtype: id.subtype, hex, text: id.text.to_string() }
    }
}

impl BondShape {
    fn new(bond: &BondFacts) -> Self {
        Self {
            ifname: bond.ifname.to_string(),
            mode: bond.mode.to_string(),
            active: bond.active,
            partner_system: bond.partner.map(|partner| partner.to_string()).unwrap_or_default(),
        }
    }
}

impl ProbeStatus {
    /// From what the machine, the wire and the sockets say.
    pub fn new(
        status: &Status,
        wire: WireCounters,
        sockets: net::Counters,
        capture: capture::Counters,
    ) -> Self {
        let machine = status.counters;
        let counters = CountersShape {
            beats_sent: machine.beats_sent,
            beats_heard: machine.beats_heard,
            messages_sent: machine.messages_sent,
            messages_heard: machine.messages_heard,
            frames: machine.frames,
            frames_refused: machine.frames_refused,
            frames_dropped: capture.kernel_drops + capture.too_long,
            martian: wire.martian + machine.beats_martian,
            replayed: wire.replayed + machine.beats_replayed,
            forged: wire.forged,
            truncated: wire.truncated,
            foreign: wire.foreign,
            unsent: sockets.unsent,
            foreign_errors: sockets.foreign_errors,
            late: machine.late,
        };
        Self {
            schema: 1,
            state: status.state.word().into(),
            relay: status.relay.map(|relay| relay.to_string()).unwrap_or_default(),
            generation: [status.generation.term, status.generation.counter],
            applied: status.applied,
            starved: status.starved,
            rings: status.rings.iter().map(RingShape::new).collect(),
            counters,
        }
    }
}

impl RingShape {
    fn new(ring: &RingStatus) -> Self {
        Self { ring: ring.ring.0, level: ring.level, peers: ring.peers.iter().map(PeerShape::new).collect() }
    }
}

impl PeerShape {
    fn new(peer: &PeerStatus) -> Self {
        Self {
            link: peer.link.0,
            peer: peer.peer.to_string(),
            address: peer.address.to_string(),
            via: peer.ifname.to_string(),
            heard_ms: peer.heard.map(|age| u64::try_from(age.as_millis()).unwrap_or(u64::MAX)),
            proven: peer.proven,
            suspected: peer.suspected,
            lossy: peer.lossy,
            hops: peer.hops,
        }
    }
}
