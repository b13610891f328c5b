//! What a probe may order, and what it says to its own log.

use core::net::SocketAddr;

use ringmesh_proto::message::{Beat, Cause, Generation, LinkId, ToRelay};
use ringmesh_proto::time::Duration;
use ringmesh_topology::id::ProbeId;

use crate::config::CachedAttachment;
use crate::view::State;

/// An order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Send a beat, sealed under its link's key.
    Beat {
        /// The beat; its lane is the offset from the first source port.
        beat: Beat,
        /// Where to.
        to: SocketAddr,
        /// From the address of that port (ifindex).
        via: u32,
    },
    /// Send a message to a relay, or a knock to the relays' multicast group.
    Send {
        /// Where to.
        to: SocketAddr,
        /// From the address of that port (ifindex); 0: as the kernel routes it.
        via: u32,
        /// What.
        message: ToRelay,
    },
    /// Keep these over a restart instead of what was kept before.
    Remember(Vec<CachedAttachment>),
    /// The goodbye is said: end the process. Nothing follows.
    Exit,
    /// Tell the log.
    Say(Note),
}

/// A change of state, worth a line in the log. Never sent anywhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    /// The state towards the relays changed.
    State {
        /// Before.
        from: State,
        /// Now.
        to: State,
    },
    /// A relay answered for the first time, or after another one.
    Relay {
        /// Its address.
        address: SocketAddr,
    },
    /// An assignment is in force.
    Assigned {
        /// Which.
        generation: Generation,
        /// Its links.
        links: usize,
    },
    /// All links to report on are heard in both directions.
    Applied {
        /// In which assignment.
        generation: Generation,
    },
    /// A neighbour is suspected.
    Suspected {
        /// On which link.
        link: LinkId,
        /// The neighbour.
        peer: ProbeId,
        /// What was noticed.
        cause: Cause,
        /// Age of its last beat.
        last_heard: Duration,
    },
    /// A suspected neighbour beats again.
    HeardAgain {
        /// On which link.
        link: LinkId,
        /// The neighbour.
        peer: ProbeId,
    },
    /// A port's carrier changed.
    Carrier {
        /// The port's name.
        ifname: Box<str>,
        /// Whether it has carrier.
        up: bool,
    },
    /// A port hangs on something else now.
    Attached {
        /// The port's name.
        ifname: Box<str>,
        /// The switch and its port in words; empty: a fallback ring.
        to: Box<str>,
        /// `lldp`, `cdp`, `cache` or `fallback`.
        evidence: &'static str,
        /// Why it is a fallback, or only provisional; empty otherwise.
        reason: Box<str>,
    },
    /// We woke too late.
    Late {
        /// By this much.
        by: Duration,
        /// Three times within a minute: what we say carries that mark.
        starved: bool,
    },
}
