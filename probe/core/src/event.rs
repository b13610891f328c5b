//! What may happen to a probe.

use core::net::{IpAddr, SocketAddr};

use ringmesh_proto::message::{BeatHeard, GoodbyeReason, ToProbe};
use ringmesh_proto::time::{Duration, WallClock};
use ringmesh_topology::id::MacAddress;

/// A fact. Datagrams that have arrived are delivered before a deadline of the same moment is.
#[derive(Debug)]
pub enum Event<'a> {
    /// What the wall clock says; at the start, and again when somebody set it. For display only.
    WallClock(WallClock),
    /// All physical ports of the host as they are now. At the start, and whenever something about them changed.
    Ports {
        /// Each once, in any order. A port that is missing is gone.
        ports: &'a [PortFacts],
        /// Every Ethernet address that is the host's own: frames from these say nothing about a switch.
        own: &'a [MacAddress],
    },
    /// A port lost or got carrier.
    Carrier {
        /// The port's ifindex.
        port: u32,
        /// Whether it has carrier now.
        up: bool,
    },
    /// A discovery frame (LLDP, CDP and their like) came in by a port.
    Frame {
        /// The port's ifindex.
        port: u32,
        /// The frame from its destination address on.
        octets: &'a [u8],
    },
    /// A neighbour's beat, opened.
    Beat(BeatHeard),
    /// A relay's message, opened.
    Control {
        /// The address it came from, and to which an answer goes.
        from: SocketAddr,
        /// The port it came by; 0 if unknown.
        via: u32,
        /// The message.
        message: ToProbe,
    },
    /// A peer's own address refused one of our datagrams (ICMP type 3 code 3, checked by the shell).
    Refused {
        /// Where the datagram was sent.
        peer: SocketAddr,
    },
    /// Our kernel could not reach a peer (EHOSTUNREACH).
    Unreachable {
        /// Where the datagram was sent.
        peer: SocketAddr,
    },
    /// The probe is to leave: it says goodbye, and [`crate::Action::Exit`] follows within 600 ms.
    Stop {
        /// Why.
        reason: GoodbyeReason,
        /// When to expect it back; zero if not at all.
        back_within: Duration,
    },
    /// The deadline has come.
    DeadlineReached,
}

/// A physical port and what stands above it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortFacts {
    /// The kernel's number of it.
    pub ifindex: u32,
    /// Its name.
    pub ifname: Box<str>,
    /// Its Ethernet address.
    pub mac: MacAddress,
    /// Whether it has carrier.
    pub carrier: bool,
    /// The driver of the card, like `i40e`; empty if there is none.
    pub driver: Box<str>,
    /// The address its beats leave from and the length of its on-link prefix: the port's own, or that of the
    /// bond, bridge or VLAN above it. A port without an address listens only.
    pub address: Option<(IpAddr, u8)>,
    /// Ethernet address of the default gateway by that address; zero while unknown.
    pub gateway: MacAddress,
    /// The bond it is a member of.
    pub bond: Option<BondFacts>,
}

/// A bond, seen from one of its members.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BondFacts {
    /// The bond's name.
    pub ifname: Box<str>,
    /// Its mode as the kernel names it, like `active-backup`.
    pub mode: Box<str>,
    /// This member carries the bond's traffic.
    pub active: bool,
    /// The LACP partner's system id.
    pub partner: Option<MacAddress>,
}
