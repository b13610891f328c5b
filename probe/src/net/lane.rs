//! One socket.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsFd;
use std::task::{Context, Poll};

use ringmesh_proto::time::Time;
use socket2::{Domain, Protocol, SockAddr, Socket, Type};
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
        let kind = Type::DGRAM.nonblocking().cloexec();
        let socket = Socket::new(Domain::for_address(address), kind, Some(Protocol::UDP))?;
        // Old kernels want CAP_NET_RAW for this. Without it the route decides, which is right on most hosts.
        if let Err(refused) = socket.bind_device(Some(device.as_bytes())) {
            tracing::debug!(device, error = %refused, "not bound to the device");
        }
        let fd = socket.as_fd();
        let on = |level, name| sys::set_option(fd, level, name, &1);
        on(libc::SOL_SOCKET, libc::SO_TIMESTAMPNS)?;
        // A report wakes the reader, as a datagram does.
        on(libc::SOL_SOCKET, libc::SO_SELECT_ERR_QUEUE)?;
        match address.ip() {
            IpAddr::V4(own) => {
                on(libc::IPPROTO_IP, libc::IP_RECVERR)?;
                on(libc::IPPROTO_IP, libc::IP_RECVTTL)?;
                socket.set_ttl_v4(TTL.into())?;
                socket.set_multicast_if_v4(&own)?;
                socket.set_multicast_ttl_v4(GROUP_TTL)?;
            }
            IpAddr::V6(_) => {
                on(libc::IPPROTO_IPV6, libc::IPV6_RECVERR)?;
                on(libc::IPPROTO_IPV6, libc::IPV6_RECVHOPLIMIT)?;
                socket.set_only_v6(true)?;
                socket.set_unicast_hops_v6(TTL.into())?;
            }
        }
        socket.bind(&SockAddr::from(address))?;
        let socket = sys::watched(socket, Interest::READABLE | Interest::PRIORITY)?;
        Ok(Self { socket, address: address.ip() })
    }

    pub(super) fn poll_ready(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.socket.poll_read_ready(cx).map(|_guard| ())
    }

    pub(super) fn send(&self, to: SocketAddr, octets: &[u8]) -> io::Result<()> {
        self.socket.get_ref().0.send_to(octets, &SockAddr::from(to)).map(|_sent| ())
    }

    /// Whether the kernel has said that a datagram or a report is there.
    pub(super) fn is_ready(&self) -> bool {
        self.socket.try_io(Interest::READABLE, |_| Ok(())).is_ok()
    }

    /// Reads once, whether or not the kernel has said that something is there: what came while this process
    /// was kept waiting counts before the deadline it missed.
    pub(super) fn take(&self, buffer: &mut [u8]) -> Taken {
        match sys::receive(self.socket.get_ref().0.as_fd(), buffer, libc::MSG_TRUNC) {
            Ok(received) => datagram(&received).map_or(Taken::Error, Taken::Datagram),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                // Tells tokio that everything was read; fails as it must.
                let _ = self
                    .socket
                    .try_io(Interest::READABLE, |_| Err::<(), _>(io::ErrorKind::WouldBlock.into()));
                Taken::Nothing
            }
            // The pending error of some datagram, told in place of a datagram; the queue has the whole story.
            Err(_) => Taken::Error,
        }
    }

    /// Takes all reports off the error queue.
    pub(super) fn drain_errors(&self, now: Time, recent: &Recent, notices: &mut NoticeSink<'_>) {
        let mut quoted = [0; super::BUFFER];
        for _ in 0..ERRORS {
            let fd = self.socket.get_ref().0.as_fd();
            let Ok(received) = sys::receive(fd, &mut quoted, libc::MSG_ERRQUEUE) else { return };
            let quote = quoted.get(..received.length).unwrap_or_default();
            let believed = Report::read(&received.control)
                .zip(received.peer)
                .and_then(|(report, peer)| report.believed(now, self.address, peer, quote, recent));
            notices.put(believed);
        }
    }
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
