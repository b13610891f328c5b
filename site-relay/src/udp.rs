//! The relay's UDP sockets: one to be reached at, three more so that its own beats can take other paths.
//!
//! A socket with `IP_RECVERR` reports the death of one peer by failing the next send to another, which is then
//! not sent. So the error queue is emptied before each send, and a send that fails all the same is done once more.
//!
//! # Invariants
//! - A [`Trouble`] is told only about an address that a datagram of ours, quoted by the kernel, went to lately.
//! - What a stranger sends makes no state here: return addresses are kept for peers that proved who they are.

mod port;
mod sent;
mod trouble;

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use nix::net::if_::if_nameindex;
use ringmesh_proto::message::{DATAGRAM_MAX, Lane, RELAY_GROUP};
use ringmesh_proto::news::Warning;
use ringmesh_proto::time::Time;
use ringmesh_shell::failure::{Failure, Kind};
use ringmesh_shell::owner;

use port::Port;
use sent::Sent;
pub(crate) use trouble::Trouble;

/// Room for the longest datagram and one octet more, by which a longer one is recognised.
pub(crate) const BUFFER: usize = DATAGRAM_MAX + 1;
/// Asked of the kernel; a join storm fits.
const RECEIVE_BUFFER: usize = 8 << 20;
/// Peers whose return address is kept; as many as one relay enrols.
const RETURNS_MAX: usize = 131_072;
const LANES: usize = 4;

/// A datagram as it arrived.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrival {
    /// Who sent it.
    pub(crate) from: SocketAddr,
    /// Which of our addresses it came to.
    pub(crate) local: Option<IpAddr>,
    /// Its remaining hops, as received.
    pub(crate) ttl: Option<u8>,
    /// The kernel's receive stamp, nanoseconds since 1970.
    pub(crate) stamp: Option<u64>,
    /// Octets of it in the buffer.
    pub(crate) length: usize,
}

/// What was sent and lost on the way through the kernel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counters {
    /// Datagrams that came in.
    pub(crate) received: u64,
    /// Datagrams handed to the kernel.
    pub(crate) sent: u64,
    /// Of these, handed over a second time after an error of another peer.
    pub(crate) resent: u64,
    /// Datagrams the kernel did not take.
    pub(crate) unsent: u64,
    /// Datagrams the kernel dropped because the receive buffer was full.
    pub(crate) shed: u64,
}

/// All sockets.
pub(crate) struct Udp {
    /// By lane; the first is the one everybody sends to.
    lanes: [Port; LANES],
    /// Only where the first cannot hear the group, being bound to one address.
    group: Option<Port>,
    multicast: bool,
    sent: Sent,
    returns: Returns,
    troubles: Vec<Trouble>,
    counters: Counters,
}

impl Udp {
    /// Opens all sockets. Warnings are about what is missing and can be missed.
    pub(crate) fn open(listen: SocketAddr, multicast: bool) -> Result<(Self, Vec<Warning>), Failure> {
        let bound = |address| Port::bind(address).map_err(|error| unbound(address, &error));
        let ephemeral = || bound(SocketAddr::new(listen.ip(), 0));
        let lanes = [bound(listen)?, ephemeral()?, ephemeral()?, ephemeral()?];
        let group_at = SocketAddr::new(RELAY_GROUP.into(), listen.port());
        let separate = multicast && !listen.ip().is_unspecified();
        let mut udp = Self {
            lanes,
            group: separate.then(|| bound(group_at)).transpose()?,
            multicast,
            sent: Sent::default(),
            returns: Returns::new(listen.ip()),
            troubles: Vec::new(),
            counters: Counters::default(),
        };
        let mut warnings = Vec::new();
        warnings.extend(udp.ask_for_room());
        warnings.extend(udp.join_groups());
        Ok((udp, warnings))
    }

    fn ask_for_room(&mut self) -> Option<Warning> {
        let got = self.lanes[0].enlarge(RECEIVE_BUFFER).unwrap_or(0);
        (got < RECEIVE_BUFFER).then(|| Warning {
            code: "receive-buffer-small".into(),
            text: format!("the receive buffer has {got} octets instead of {RECEIVE_BUFFER}"),
            remedy: format!(
                "run `sysctl net.core.rmem_max={RECEIVE_BUFFER}`, or give the relay CAP_NET_ADMIN"
            ),
        })
    }

    /// Joins the relay group on every interface there is now; harmless where it has been joined before.
    pub(crate) fn join_groups(&mut self) -> Option<Warning> {
        if !self.multicast {
            return None;
        }
        let listener = self.group.as_ref().unwrap_or(&self.lanes[0]);
        let interfaces = if_nameindex().map_err(|error| vec![format!("the interfaces: {error}")]);
        let failed = match &interfaces {
            Ok(interfaces) => interfaces
                .iter()
                .filter_map(|interface| {
                    let error = listener.join(RELAY_GROUP, interface.index()).err()?;
                    Some(format!("{}: {error}", interface.name().to_string_lossy()))
                })
                .collect(),
            Err(failed) => failed.clone(),
        };
        (!failed.is_empty()).then(|| Warning {
            code: "group-not-joined".into(),
            text: format!("{RELAY_GROUP} is not heard on {}", failed.join(", ")),
            remedy: "raise sysctl net.ipv4.igmp_max_memberships, or name the relay in the probes' `relays`"
                .into(),
        })
    }

    /// Returns once a datagram or an error may be there. Whoever calls it must then receive until there is none.
    pub(crate) async fn ready(&self) -> io::Result<()> {
        let [first, second, third, fourth] = &self.lanes;
        tokio::select! {
            ready = first.ready() => ready,
            ready = second.ready() => ready,
            ready = third.ready() => ready,
            ready = fourth.ready() => ready,
            ready = async { match &self.group {
                Some(group) => group.ready().await,
                None => std::future::pending().await,
            }} => ready,
        }
    }

    /// The next datagram of any socket, if there is one. `buffer` should have [`BUFFER`] octets.
    pub(crate) fn receive(&mut self, now: Time, buffer: &mut [u8]) -> Option<Arrival> {
        for port in self.lanes.iter_mut().chain(&mut self.group) {
            drain_errors(port, now, &mut self.sent, &mut self.troubles);
            let Some(arrival) = port.receive(buffer) else { continue };
            self.counters.received += 1;
            self.returns.last = arrival.local.map(|local| (arrival.from.ip(), local));
            return Some(arrival);
        }
        None
    }

    /// The peer whose datagram was received last proved who it is: answers leave by the address it wrote to.
    pub(crate) fn proved(&mut self) {
        self.returns.keep_last();
    }

    /// Sends a datagram by one lane.
    pub(crate) fn send(&mut self, now: Time, lane: Lane, to: SocketAddr, datagram: &[u8]) {
        let Some(port) = self.lanes.get_mut(usize::from(lane)) else { return };
        drain_errors(port, now, &mut self.sent, &mut self.troubles);
        // Before it is sent: an error may be quoted before the call returns.
        self.sent.remember(now, to, datagram);
        let source = self.returns.source(to.ip());
        let Err(first) = port.send(to, source, datagram) else {
            self.counters.sent += 1;
            return;
        };
        // An error of another peer, a source address that was taken away meanwhile, or one of its own.
        drain_errors(port, now, &mut self.sent, &mut self.troubles);
        self.returns.forget(to.ip());
        match port.send(to, None, datagram) {
            Ok(()) => {
                self.counters.sent += 1;
                self.counters.resent += 1;
            }
            Err(error) => {
                self.counters.unsent += 1;
                tracing::debug!(%to, %first, %error, "a datagram was not sent");
                self.troubles.extend(Trouble::of_send(to, &error));
            }
        }
    }

    /// What the kernel told about peers since it was asked last.
    pub(crate) fn troubles(&mut self) -> Vec<Trouble> {
        std::mem::take(&mut self.troubles)
    }

    /// What was counted so far.
    pub(crate) fn counters(&self) -> Counters {
        let shed = self.lanes.iter().chain(&self.group).map(|port| u64::from(port.shed())).sum();
        Counters { shed, ..self.counters }
    }
}

fn drain_errors(port: &mut Port, now: Time, sent: &mut Sent, troubles: &mut Vec<Trouble>) {
    let mut quote = [0; BUFFER];
    while let Some(error) = port.next_error(&mut quote) {
        let quoted = quote.get(..error.length).unwrap_or_default();
        if let Some(age) = sent.age(now, error.to, quoted) {
            troubles.extend(Trouble::of_error(&error, age));
        }
    }
}

fn unbound(address: SocketAddr, error: &io::Error) -> Failure {
    let problem = format!("listen = {address}: {error}");
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            let problem = format!("listen = {address}: the port is in use by {}", holder(address));
            Failure::usage(problem, "stop it, or choose another port")
        }
        io::ErrorKind::AddrNotAvailable => Failure::usage(problem, "name an address that this host has"),
        io::ErrorKind::PermissionDenied => Failure::new(
            Kind::Right,
            problem,
            "choose a port above 1023, or give the relay CAP_NET_BIND_SERVICE",
        ),
        _ => {
            Failure::new(Kind::OutOfReach, problem, "choose an address and port that this host can listen on")
        }
    }
}

/// In words: who holds the port, or how to find out.
fn holder(address: SocketAddr) -> String {
    let port = address.port();
    owner::of_udp_port(address).map_or_else(
        || format!("a process this user may not see: run `ss -ulpn sport = {port}` as root"),
        |owner| owner.to_string(),
    )
}

/// By which of our addresses to answer whom, on a host that has several.
#[derive(Debug)]
struct Returns {
    /// The socket has one address only.
    fixed: bool,
    last: Option<(IpAddr, IpAddr)>,
    proved: HashMap<IpAddr, IpAddr>,
}

impl Returns {
    fn new(listen: IpAddr) -> Self {
        Self { fixed: !listen.is_unspecified(), last: None, proved: HashMap::new() }
    }

    fn keep_last(&mut self) {
        let Some((peer, local)) = self.last.filter(|_| !self.fixed) else { return };
        if self.proved.len() < RETURNS_MAX || self.proved.contains_key(&peer) {
            self.proved.insert(peer, local);
        }
    }

    fn source(&self, to: IpAddr) -> Option<IpAddr> {
        if self.fixed {
            return None;
        }
        let last = self.last.filter(|&(peer, _)| peer == to).map(|(_, local)| local);
        last.or_else(|| self.proved.get(&to).copied())
    }

    fn forget(&mut self, peer: IpAddr) {
        self.last = self.last.filter(|&(last, _)| last != peer);
        self.proved.remove(&peer);
    }
}

/// The address that members reach this host by, as far as it can tell itself: the one it would reach others from.
/// No packet leaves.
pub(crate) fn own_address(listen: IpAddr) -> Option<IpAddr> {
    if !listen.is_unspecified() {
        return Some(listen);
    }
    // A documentation address (RFC 5737): somewhere behind the default route, whatever that is.
    let beyond = SocketAddr::from((Ipv4Addr::new(192, 0, 2, 1), 9));
    let routed = std::net::UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))
        .and_then(|socket| socket.connect(beyond).and_then(|()| socket.local_addr()));
    routed.map(|address| address.ip()).ok().or_else(|| {
        trouble::own_addresses()
            .find(|address| !address.is_loopback() && (address.is_ipv4() == listen.is_ipv4()))
    })
}

#[cfg(test)]
mod tests;
