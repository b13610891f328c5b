//! One socket.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsFd;
use std::task::{Context, Poll};

use nix::poll::{PollFd, PollFlags};
use ringmesh_proto::time::Time;
use socket2::{Domain, Protocol, SockAddr, SockFilter, Socket, Type};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use super::NoticeSink;
use super::icmp::Report;
use super::recent::Recent;
use crate::sys::{self, Control, Held};

/// The TTL every beat starts with, so that a receiver can count the routers it passed.
const TTL: u8 = 64;
/// Announcements reach a relay behind a few routers of the site, and end there.
const GROUP_TTL: u32 = 8;
/// Reports taken at once.
const ERRORS: usize = 64;

/// A socket bound to device, address and port.
pub(super) struct Lane {
    socket: AsyncFd<Held<Socket>>,
    /// Where our own kernel's reports go, which come by the loopback device and so pass by the socket above.
    own_reports: Option<AsyncFd<Held<Socket>>>,
    address: IpAddr,
}

/// What one read brought.
pub(super) enum Taken {
    Datagram(Datagram),
    /// The network has reported something.
    Error,
    Nothing,
}

/// A datagram whose octets are in the buffer.
pub(super) struct Datagram {
    pub(super) length: usize,
    pub(super) from: SocketAddr,
    pub(super) hops: Option<u8>,
    pub(super) stamp_nanos: Option<u64>,
}

impl Lane {
    pub(super) fn open(device: &str, address: SocketAddr) -> io::Result<Self> {
        let socket = reporting(address)?;
        // Old kernels want CAP_NET_RAW for this. Without it the route decides, which is right on most hosts.
        let bound = socket.bind_device(Some(device.as_bytes()));
        if let Err(refused) = &bound {
            tracing::debug!(device, error = %refused, "not bound to the device");
        }
        let on = |level, name| sys::set_option(socket.as_fd(), level, name, &1);
        on(libc::SOL_SOCKET, libc::SO_TIMESTAMPNS)?;
        match address.ip() {
            IpAddr::V4(own) => {
                on(libc::IPPROTO_IP, libc::IP_RECVTTL)?;
                socket.set_ttl_v4(TTL.into())?;
                socket.set_multicast_if_v4(&own)?;
                socket.set_multicast_ttl_v4(GROUP_TTL)?;
            }
            IpAddr::V6(_) => {
                on(libc::IPPROTO_IPV6, libc::IPV6_RECVHOPLIMIT)?;
                socket.set_unicast_hops_v6(TTL.into())?;
            }
        }
        socket.bind(&SockAddr::from(address))?;
        let own_reports = bound.and_then(|()| own_reports(&socket, address));
        let own_reports = own_reports.and_then(watched).inspect_err(|error| {
            tracing::debug!(device, %error, "unreachable neighbours are not noticed");
        });
        Ok(Self { socket: watched(socket)?, own_reports: own_reports.ok(), address: address.ip() })
    }

    pub(super) fn poll_ready(&self, cx: &mut Context<'_>) -> Poll<()> {
        let ready = |socket: &AsyncFd<Held<Socket>>| socket.poll_read_ready(cx).is_ready();
        // Each is asked, so that each wakes this task.
        let count = self.both().map(ready).filter(|ready| *ready).count();
        if count > 0 { Poll::Ready(()) } else { Poll::Pending }
    }

    pub(super) fn send(&self, to: SocketAddr, octets: &[u8]) -> io::Result<()> {
        self.socket.get_ref().0.send_to(octets, &SockAddr::from(to)).map(|_sent| ())
    }

    /// What the kernel is to be asked about: the socket, and where its own reports go.
    pub(super) fn asked(&self) -> [PollFd<'_>; 2] {
        let flags = PollFlags::POLLIN | PollFlags::POLLPRI;
        let own_reports = self.own_reports.as_ref().unwrap_or(&self.socket);
        [&self.socket, own_reports].map(|socket| PollFd::new(socket.get_ref().0.as_fd(), flags))
    }

    /// Reads once.
    pub(super) fn take(&self, buffer: &mut [u8]) -> Taken {
        match sys::receive(self.socket.get_ref().0.as_fd(), buffer, libc::MSG_TRUNC) {
            Ok(received) => datagram(&received).map_or(Taken::Error, Taken::Datagram),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Taken::Nothing,
            // The pending error of some datagram, told in place of a datagram; the queue has the whole story.
            Err(_) => Taken::Error,
        }
    }

    /// Tells tokio that nothing is left to read.
    pub(super) fn all_read(&self) {
        for socket in self.both() {
            // Fails as it must.
            let _ = socket.try_io(Interest::READABLE, |_| Err::<(), _>(io::ErrorKind::WouldBlock.into()));
        }
    }

    /// Takes all reports off the error queues.
    pub(super) fn drain_errors(&self, now: Time, recent: &Recent, notices: &mut NoticeSink<'_>) {
        let mut quoted = [0; super::BUFFER];
        for socket in self.both() {
            for _ in 0..ERRORS {
                let fd = socket.get_ref().0.as_fd();
                let Ok(received) = sys::receive(fd, &mut quoted, libc::MSG_ERRQUEUE) else { break };
                let quote = quoted.get(..received.length).unwrap_or_default();
                let believed = Report::read(&received.control)
                    .zip(received.peer)
                    .and_then(|(report, peer)| report.believed(now, self.address, peer, quote, recent));
                notices.put(believed);
            }
        }
    }

    fn both(&self) -> impl Iterator<Item = &AsyncFd<Held<Socket>>> {
        std::iter::once(&self.socket).chain(&self.own_reports)
    }
}

/// A socket that queues what the network reports, and is woken by it as by a datagram.
fn reporting(address: SocketAddr) -> io::Result<Socket> {
    let kind = Type::DGRAM.nonblocking().cloexec();
    let socket = Socket::new(Domain::for_address(address), kind, Some(Protocol::UDP))?;
    sys::set_option(socket.as_fd(), libc::SOL_SOCKET, libc::SO_SELECT_ERR_QUEUE, &1)?;
    match address {
        SocketAddr::V4(_) => sys::set_option(socket.as_fd(), libc::IPPROTO_IP, libc::IP_RECVERR, &1)?,
        SocketAddr::V6(_) => {
            sys::set_option(socket.as_fd(), libc::IPPROTO_IPV6, libc::IPV6_RECVERR, &1)?;
            socket.set_only_v6(true)?;
        }
    }
    Ok(socket)
}

/// A second socket at the same address and port, bound to no device: the kernel's report that nobody answers
/// for a neighbour comes by the loopback device, where a socket bound to the port's device never sees it.
///
/// It takes no datagrams. The address is shared for this moment only, so that anybody else still finds it taken.
fn own_reports(socket: &Socket, address: SocketAddr) -> io::Result<Socket> {
    const DROP_ALL: SockFilter = SockFilter::new(0x06, 0, 0, 0);
    let own = reporting(address)?;
    own.attach_filter(&[DROP_ALL])?;
    socket.set_reuse_port(true)?;
    own.set_reuse_port(true)?;
    let bound = own.bind(&SockAddr::from(address));
    socket.set_reuse_port(false)?;
    own.set_reuse_port(false)?;
    bound.map(|()| own)
}

fn watched(socket: Socket) -> io::Result<AsyncFd<Held<Socket>>> {
    sys::watched(socket, Interest::READABLE | Interest::PRIORITY)
}

fn datagram(received: &sys::Received) -> Option<Datagram> {
    let (hops, stamp_nanos) = beside(&received.control);
    Some(Datagram { length: received.length, from: received.peer?, hops, stamp_nanos })
}

/// Routers passed, and the kernel's stamp.
fn beside(control: &Control) -> (Option<u8>, Option<u64>) {
    let (mut hops, mut stamp) = (None, None);
    for (level, kind, data) in control.messages() {
        match (level, kind) {
            (libc::IPPROTO_IP, libc::IP_TTL) | (libc::IPPROTO_IPV6, libc::IPV6_HOPLIMIT) => {
                hops = hops_of(data)
            }
            (libc::SOL_SOCKET, libc::SCM_TIMESTAMPNS) => stamp = sys::timespec_nanos(data),
            _ => {}
        }
    }
    (hops, stamp)
}

/// A TTL above ours was set by somebody else: it counts nothing.
fn hops_of(ttl: &[u8]) -> Option<u8> {
    TTL.checked_sub(u8::try_from(sys::number(ttl)?).ok()?)
}
