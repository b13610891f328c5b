//! The probe's datagrams: for each address above a port four sockets, one for each lane.
//!
//! Each socket is bound to device, address and port, so that a beat leaves by the port it is meant for and
//! comes from the address its neighbour knows. Errors that the network reports about one peer never cost
//! another peer a datagram: the error queues are emptied at each wake-up, and a send that fails on a pending
//! error empties its queue and is made once more.
//!
//! Nothing is allocated for a datagram that is sent or received.

mod icmp;
mod lane;
mod recent;

use std::collections::VecDeque;
use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::task::{Context, Poll};

use nix::poll::{PollFlags, PollTimeout, poll};
use ringmesh_proto::message::{DATAGRAM_MAX, Lane as LaneNumber};
use ringmesh_proto::time::Time;
use ringmesh_shell::clock::Stamps;
use ringmesh_shell::owner;

use crate::config::LANES;
use crate::ports::{Above, Port};
pub use icmp::Notice;
use lane::{Lane, Taken};
use recent::Recent;

/// Room for one datagram and a little more, so that one too long is seen to be.
pub const BUFFER: usize = DATAGRAM_MAX + 80;
/// Datagrams taken from one socket before the deadline gets its turn: a flood must not stop our own beats.
const BURST: usize = 256;
/// Notices kept until they are taken; more than this many at once say nothing new.
const NOTICES: usize = 64;

/// What a drain brings.
pub struct Arrival<'a> {
    /// The port whose address it came to; of a bond's members the first.
    pub via: u32,
    /// Its sender.
    pub from: SocketAddr,
    /// Routers it passed; `None` where the kernel did not say.
    pub hops: Option<u8>,
    /// When it arrived at the socket.
    pub arrived: Time,
    /// The datagram. What is longer than [`BUFFER`] is cut.
    pub octets: &'a mut [u8],
}

/// Why a port has no sockets. The others have.
#[derive(Debug, thiserror::Error)]
#[error("cannot use UDP {address} on {device}: {}", reason(.error, .owner))]
pub struct OpenError {
    /// Address and port.
    pub address: SocketAddr,
    /// The interface.
    pub device: String,
    /// What the system says.
    pub error: io::Error,
    /// Who has the port, if it is taken and the owner can be seen.
    pub owner: Option<owner::Owner>,
}

fn reason(error: &io::Error, owner: &Option<owner::Owner>) -> String {
    match owner {
        Some(owner) => format!(
            "taken by {owner}; stop it, or set another port in the configuration of every probe of the site"
        ),
        None => error.to_string(),
    }
}

/// What was counted since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Datagrams sent.
    pub sent: u64,
    /// Datagrams the kernel did not take.
    pub unsent: u64,
    /// Datagrams received.
    pub received: u64,
    /// Reports of the network about datagrams that this probe never sent, or not lately: counted only.
    pub foreign_errors: u64,
}

/// All sockets.
pub struct Sockets {
    port: u16,
    sets: Vec<Set>,
    recent: Recent,
    notices: VecDeque<Notice>,
    /// What was counted.
    pub counters: Counters,
}

/// The four sockets of one address, and the ports below it.
struct Set {
    /// The number of the interface: one that was made anew under the same name needs new sockets.
    device: u32,
    address: IpAddr,
    ports: Vec<u32>,
    lanes: [Lane; LANES as usize],
}

impl Sockets {
    /// None yet; lane 0 will have this port.
    pub fn new(port: u16) -> Self {
        let (sets, recent, notices) = (Vec::new(), Recent::default(), VecDeque::with_capacity(NOTICES));
        Self { port, sets, recent, notices, counters: Counters::default() }
    }

    /// Opens and closes sockets until they are those of `ports`. What stays is not touched.
    pub fn sync(&mut self, ports: &[Port]) -> Vec<OpenError> {
        let wanted = wanted(ports);
        self.sets.retain(|set| wanted.iter().any(|(above, _)| set.is_of(above)));
        let mut errors = Vec::new();
        for (above, below) in wanted {
            if let Some(set) = self.sets.iter_mut().find(|set| set.is_of(above)) {
                set.ports = below;
                continue;
            }
            match self.open(above, below) {
                Ok(set) => self.sets.push(set),
                Err(error) => errors.push(error),
            }
        }
        errors
    }

    fn open(&self, above: &Above, ports: Vec<u32>) -> Result<Set, OpenError> {
        let open = |lane| {
            let address = SocketAddr::new(above.address, self.port + lane);
            Lane::open(&above.ifname, address).map_err(|error| {
                let taken = error.kind() == io::ErrorKind::AddrInUse;
                let owner = taken.then(|| owner::of_udp_port(address)).flatten();
                OpenError { address, device: above.ifname.clone(), error, owner }
            })
        };
        let lanes = [open(0)?, open(1)?, open(2)?, open(3)?];
        Ok(Set { device: above.ifindex, address: above.address, ports, lanes })
    }

    /// Sends one datagram from a port's address on a lane, and once more after an error that is about another.
    ///
    /// An error says that this datagram is lost, as any may be: the machine repeats what matters.
    pub fn send(
        &mut self,
        now: Time,
        via: u32,
        lane: LaneNumber,
        to: SocketAddr,
        octets: &[u8],
    ) -> io::Result<()> {
        let sent = self.try_send(now, via, lane, to, octets);
        let counter = if sent.is_ok() { &mut self.counters.sent } else { &mut self.counters.unsent };
        *counter += 1;
        sent
    }

    fn try_send(
        &mut self,
        now: Time,
        via: u32,
        lane: LaneNumber,
        to: SocketAddr,
        octets: &[u8],
    ) -> io::Result<()> {
        if octets.len() > DATAGRAM_MAX {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let set =
            self.sets.iter().find(|set| set.ports.contains(&via)).ok_or(io::ErrorKind::AddrNotAvailable)?;
        let socket = set.lanes.get(usize::from(lane)).ok_or(io::ErrorKind::InvalidInput)?;
        // Noted before it leaves: the answer of a dead port may be there before the call returns.
        self.recent.note(now, to, octets);
        let first = socket.send(to, octets);
        let Err(error) = first else { return Ok(()) };
        if !icmp::is_pending(&error) {
            return Err(error);
        }
        let mut notices = NoticeSink { kept: &mut self.notices, foreign: &mut self.counters.foreign_errors };
        socket.drain_errors(now, &self.recent, &mut notices);
        socket.send(to, octets)
    }

    /// Sends on lane 0 by a port; `via` 0 leaves the choice to the kernel, and a group is told by every address.
    pub fn send_routed(&mut self, now: Time, via: u32, to: SocketAddr, octets: &[u8]) -> io::Result<()> {
        if via != 0 {
            return self.send(now, via, 0, to, octets);
        }
        if !to.ip().is_multicast() {
            let via = self.route(to).ok_or(io::ErrorKind::AddrNotAvailable)?;
            return self.send(now, via, 0, to, octets);
        }
        let vias: Vec<u32> = self.senders(to.is_ipv4()).collect();
        let sent: Vec<_> = vias.into_iter().map(|via| self.send(now, via, 0, to, octets)).collect();
        sent.into_iter().collect()
    }

    /// The port whose address the kernel would send from; else any that has one of that family.
    fn route(&self, to: SocketAddr) -> Option<u32> {
        let source = kernel_source(to).ok();
        let chosen = self.sets.iter().find(|set| Some(set.address) == source);
        chosen.and_then(|set| set.ports.first().copied()).or_else(|| self.senders(to.is_ipv4()).next())
    }

    /// A port for each address of IPv4 or IPv6 as asked for.
    fn senders(&self, ipv4: bool) -> impl Iterator<Item = u32> {
        let of_family = self.sets.iter().filter(move |set| set.address.is_ipv4() == ipv4);
        of_family.filter_map(|set| set.ports.first().copied())
    }

    /// Whether a port has sockets.
    pub fn serve(&self, via: u32) -> bool {
        self.sets.iter().any(|set| set.ports.contains(&via))
    }

    /// Returns when a datagram or a report of the network can be read. Safe to drop and call again.
    pub async fn ready(&self) {
        poll_fn(|cx| self.poll_ready(cx)).await;
    }

    fn poll_ready(&self, cx: &mut Context<'_>) -> Poll<()> {
        // Each is asked, so that each wakes this task.
        let ready =
            self.sets.iter().flat_map(|set| &set.lanes).filter(|lane| lane.poll_ready(cx).is_ready()).count();
        if ready > 0 { Poll::Ready(()) } else { Poll::Pending }
    }

    /// Hands out what has arrived. `stamps` turns the kernel's stamps into moments before `now`.
    pub fn drain(
        &mut self,
        now: Time,
        stamps: &Stamps,
        buffer: &mut [u8; BUFFER],
        mut deliver: impl FnMut(Arrival<'_>),
    ) {
        for set in &self.sets {
            let via = set.ports.first().copied().unwrap_or_default();
            for (lane, has) in set.lanes.iter().zip(set.waiting()) {
                let mut notices =
                    NoticeSink { kept: &mut self.notices, foreign: &mut self.counters.foreign_errors };
                if has.reports {
                    lane.drain_errors(now, &self.recent, &mut notices);
                }
                let mut read = || match lane.take(buffer) {
                    Taken::Datagram(datagram) => {
                        self.counters.received += 1;
                        let arrived = stamps.arrived(datagram.stamp_nanos);
                        let octets = &mut buffer[..datagram.length.min(BUFFER)];
                        let (from, hops) = (datagram.from, datagram.hops);
                        deliver(Arrival { via, from, hops, arrived, octets });
                        true
                    }
                    Taken::Error => {
                        lane.drain_errors(now, &self.recent, &mut notices);
                        true
                    }
                    Taken::Nothing => false,
                };
                // A flood leaves its rest for the next turn, and the lane ready.
                let emptied = !has.datagrams || !(0..BURST).all(|_| read());
                if emptied {
                    lane.all_read();
                }
            }
        }
    }

    /// The next thing the network reported about a peer.
    pub fn take_notice(&mut self) -> Option<Notice> {
        self.notices.pop_front()
    }
}

/// The address the kernel would send from. Connecting a UDP socket sends nothing.
fn kernel_source(to: SocketAddr) -> io::Result<IpAddr> {
    let any: IpAddr = if to.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind((any, 0))?;
    socket.connect(to)?;
    Ok(socket.local_addr()?.ip())
}

/// What the kernel has for a lane.
#[derive(Clone, Copy)]
struct Waiting {
    datagrams: bool,
    reports: bool,
}

impl Set {
    /// Asks the kernel once about all lanes: a read of each, to find most of them empty, was what a quiet probe
    /// spent its time on. It is asked anew, whatever woke us: what came while this process was kept waiting
    /// counts before the deadline it missed.
    fn waiting(&self) -> [Waiting; LANES as usize] {
        let mut asked = self.lanes.each_ref().map(Lane::asked);
        let answered = poll(asked.as_flattened_mut(), PollTimeout::ZERO).is_ok();
        asked.map(|both| {
            // Without an answer a read tells.
            let has =
                |flag| !answered || both.iter().any(|fd| fd.revents().is_none_or(|got| got.intersects(flag)));
            let reports = has(PollFlags::POLLERR | PollFlags::POLLPRI);
            Waiting { datagrams: has(PollFlags::POLLIN), reports }
        })
    }

    fn is_of(&self, above: &Above) -> bool {
        self.device == above.ifindex && self.address == above.address
    }
}

/// Each address above the ports, once, with the ports below it; an active leg first.
fn wanted(ports: &[Port]) -> Vec<(&Above, Vec<u32>)> {
    let mut wanted: Vec<(&Above, Vec<u32>)> = Vec::new();
    for port in ports {
        let Some(above) = &port.above else { continue };
        let same = |(other, _): &&mut (&Above, Vec<u32>)| {
            other.ifindex == above.ifindex && other.address == above.address
        };
        match wanted.iter_mut().find(same) {
            Some((_, below)) if port.bond.as_ref().is_some_and(|bond| bond.active) => {
                below.insert(0, port.ifindex)
            }
            Some((_, below)) => below.push(port.ifindex),
            None => wanted.push((above, vec![port.ifindex])),
        }
    }
    wanted
}

/// Where a lane puts what the network reported.
struct NoticeSink<'a> {
    kept: &'a mut VecDeque<Notice>,
    foreign: &'a mut u64,
}

impl NoticeSink<'_> {
    fn put(&mut self, notice: Option<Notice>) {
        match notice {
            Some(notice) if self.kept.len() < NOTICES => self.kept.push_back(notice),
            Some(_) => {}
            None => *self.foreign += 1,
        }
    }
}

#[cfg(test)]
mod tests;
