//! One UDP socket: what comes in with all the kernel tells about it, what goes out, and its error queue.

use std::io::{self, IoSlice, IoSliceMut};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::AsRawFd;

use nix::errno::Errno;
use nix::sys::socket::{
    ControlMessage, ControlMessageOwned, MsgFlags, SockaddrIn, SockaddrIn6, SockaddrStorage, recvmsg,
    sendmsg, setsockopt, sockopt,
};
use nix::sys::time::TimeSpec;
use ringmesh_shell::report::Report;
use socket2::{Domain, InterfaceIndexOrAddress, Protocol, Socket, Type};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use super::Arrival;
use crate::sys::watch_socket;

/// A socket that was interrupted or that reports errors of peers is asked this often before it is left alone.
const TRIES: usize = 16;

/// One entry of the error queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct QueuedError {
    /// Where the datagram went that it is about.
    pub(super) to: SocketAddr,
    /// What it says.
    pub(super) report: Report,
    /// Octets of our datagram that it quotes.
    pub(super) length: usize,
}

pub(super) struct Port {
    socket: AsyncFd<Socket>,
    v6: bool,
    control: Vec<u8>,
    shed: u32,
}

impl Port {
    pub(super) fn bind(address: SocketAddr) -> io::Result<Self> {
        let v6 = address.is_ipv6();
        let domain = if v6 { Domain::IPV6 } else { Domain::IPV4 };
        let socket = Socket::new(domain, Type::DGRAM.nonblocking().cloexec(), Some(Protocol::UDP))?;
        if v6 {
            // Bound to no address in particular, it serves both families.
            socket.set_only_v6(!address.ip().is_unspecified())?;
            socket.set_recv_hoplimit_v6(true)?;
            setsockopt(&socket, sockopt::Ipv6RecvPacketInfo, &true)?;
            setsockopt(&socket, sockopt::Ipv6RecvErr, &true)?;
        }
        setsockopt(&socket, sockopt::Ipv4RecvTtl, &true)?;
        setsockopt(&socket, sockopt::Ipv4PacketInfo, &true)?;
        setsockopt(&socket, sockopt::Ipv4RecvErr, &true)?;
        setsockopt(&socket, sockopt::ReceiveTimestampns, &true)?;
        setsockopt(&socket, sockopt::RxqOvfl, &1)?;
        // Groups that other programs joined are none of ours.
        socket.set_multicast_all_v4(false)?;
        socket.bind(&address.into())?;
        let socket = watch_socket(socket, Interest::READABLE | Interest::ERROR)?;
        let control = nix::cmsg_space!(
            TimeSpec,
            u32,
            i32,
            i32,
            libc::in_pktinfo,
            libc::in6_pktinfo,
            libc::sock_extended_err,
            libc::sockaddr_in6
        );
        Ok(Self { socket, v6, control, shed: 0 })
    }

    /// Asks for a receive buffer and says what was got. The kernel doubles it for its own book-keeping.
    pub(super) fn enlarge(&self, octets: usize) -> io::Result<usize> {
        let socket = self.socket.get_ref();
        if setsockopt(socket, sockopt::RcvBufForce, &octets).is_err() {
            socket.set_recv_buffer_size(octets)?;
        }
        Ok(socket.recv_buffer_size()? / 2)
    }

    pub(super) fn join(&self, group: Ipv4Addr, interface: u32) -> io::Result<()> {
        let joined =
            self.socket.get_ref().join_multicast_v4_n(&group, &InterfaceIndexOrAddress::Index(interface));
        match joined {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => Ok(()),
            joined => joined,
        }
    }

    /// Readiness is taken back before the socket is read, and not after: what comes in between is then told again.
    pub(super) async fn ready(&self) -> io::Result<()> {
        self.socket.ready(Interest::READABLE | Interest::ERROR).await?.clear_ready();
        Ok(())
    }

    /// Datagrams the kernel dropped on this socket, as the last that came through told.
    pub(super) fn shed(&self) -> u32 {
        self.shed
    }

    pub(super) fn receive(&mut self, buffer: &mut [u8]) -> Option<Arrival> {
        for _ in 0..TRIES {
            match self.try_receive(buffer) {
                Ok(arrival) => return Some(arrival),
                Err(Errno::EAGAIN) => return None,
                // The error of a datagram sent earlier: it stands in the error queue too.
                Err(_) => {}
            }
        }
        None
    }

    fn try_receive(&mut self, buffer: &mut [u8]) -> nix::Result<Arrival> {
        let mut slices = [IoSliceMut::new(buffer)];
        let fd = self.socket.get_ref().as_raw_fd();
        let received =
            recvmsg::<SockaddrStorage>(fd, &mut slices, Some(&mut self.control), MsgFlags::MSG_DONTWAIT)?;
        let from = received.address.as_ref().and_then(socket_address).ok_or(Errno::EAFNOSUPPORT)?;
        let mut arrival = Arrival { from, local: None, ttl: None, stamp: None, length: received.bytes };
        // A control message that was cut short leaves the datagram without what the kernel knew about it.
        for control in received.cmsgs().into_iter().flatten() {
            match control {
                ControlMessageOwned::Ipv4Ttl(ttl) | ControlMessageOwned::Ipv6HopLimit(ttl) => {
                    arrival.ttl = u8::try_from(ttl).ok();
                }
                ControlMessageOwned::Ipv4PacketInfo(info) => {
                    // The address to answer from, also where the datagram came to a group.
                    arrival.local = Some(IpAddr::from(info.ipi_spec_dst.s_addr.to_ne_bytes()));
                }
                ControlMessageOwned::Ipv6PacketInfo(info) => {
                    let local = Ipv6Addr::from(info.ipi6_addr.s6_addr);
                    let unicast = !local.is_multicast() && local.to_ipv4_mapped().is_none();
                    arrival.local = arrival.local.or(unicast.then_some(local.into()));
                }
                ControlMessageOwned::ScmTimestampns(stamp) => arrival.stamp = nanos(stamp),
                ControlMessageOwned::RxqOvfl(shed) => self.shed = shed,
                _ => {}
            }
        }
        Ok(arrival)
    }

    /// The next entry of the error queue; what it quotes of our datagram is put into `quote`.
    pub(super) fn next_error(&mut self, quote: &mut [u8]) -> Option<QueuedError> {
        for _ in 0..TRIES {
            match self.try_next_error(quote) {
                Ok(Some(error)) => return Some(error),
                // An entry about nothing we know, or an interrupted call.
                Ok(None) | Err(Errno::EINTR) => {}
                Err(_) => return None,
            }
        }
        None
    }

    fn try_next_error(&mut self, quote: &mut [u8]) -> nix::Result<Option<QueuedError>> {
        let mut slices = [IoSliceMut::new(quote)];
        let fd = self.socket.get_ref().as_raw_fd();
        let flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_ERRQUEUE;
        let received = recvmsg::<SockaddrStorage>(fd, &mut slices, Some(&mut self.control), flags)?;
        let Some(to) = received.address.as_ref().and_then(socket_address) else { return Ok(None) };
        let length = received.bytes;
        let told = received.cmsgs()?.find_map(|control| match control {
            ControlMessageOwned::Ipv4RecvErr(error, offender) => {
                Some((error, offender.map(|offender| IpAddr::V4(SockaddrIn::from(offender).ip()))))
            }
            ControlMessageOwned::Ipv6RecvErr(error, offender) => {
                let offender = offender.map(|offender| SockaddrIn6::from(offender).ip().to_canonical());
                Some((error, offender.filter(|offender| !offender.is_unspecified())))
            }
            _ => None,
        });
        Ok(told.map(|(error, offender)| {
            let errno = i32::try_from(error.ee_errno).unwrap_or(0);
            let (origin, kind, code) = (error.ee_origin, error.ee_type, error.ee_code);
            QueuedError { to, report: Report { errno, origin, kind, code, offender }, length }
        }))
    }

    pub(super) fn send(&self, to: SocketAddr, source: Option<IpAddr>, datagram: &[u8]) -> io::Result<()> {
        let socket = self.socket.get_ref();
        let to = if self.v6 { mapped(to) } else { to };
        let sent = match source {
            None => socket.send_to(datagram, &to.into())?,
            Some(source) => self.send_from(to, source, datagram)?,
        };
        if sent == datagram.len() { Ok(()) } else { Err(io::ErrorKind::WriteZero.into()) }
    }

    fn send_from(&self, to: SocketAddr, source: IpAddr, datagram: &[u8]) -> nix::Result<usize> {
        let fd = self.socket.get_ref().as_raw_fd();
        let (slices, to) = ([IoSlice::new(datagram)], SockaddrStorage::from(to));
        let send = |info| sendmsg(fd, &slices, &[info], MsgFlags::MSG_DONTWAIT, Some(&to));
        match (self.v6, source) {
            (false, IpAddr::V4(source)) => {
                let source = libc::in_addr { s_addr: u32::from_ne_bytes(source.octets()) };
                let none = libc::in_addr { s_addr: 0 };
                send(ControlMessage::Ipv4PacketInfo(&libc::in_pktinfo {
                    ipi_ifindex: 0,
                    ipi_spec_dst: source,
                    ipi_addr: none,
                }))
            }
            (true, source) => {
                let s6_addr = match source {
                    IpAddr::V4(source) => source.to_ipv6_mapped().octets(),
                    IpAddr::V6(source) => source.octets(),
                };
                let ipi6_addr = libc::in6_addr { s6_addr };
                send(ControlMessage::Ipv6PacketInfo(&libc::in6_pktinfo { ipi6_addr, ipi6_ifindex: 0 }))
            }
            (false, IpAddr::V6(_)) => Err(Errno::EAFNOSUPPORT),
        }
    }
}

fn nanos(stamp: TimeSpec) -> Option<u64> {
    let (seconds, nanos) = (u64::try_from(stamp.tv_sec()).ok()?, u64::try_from(stamp.tv_nsec()).ok()?);
    seconds.checked_mul(1_000_000_000)?.checked_add(nanos)
}

/// IPv4 addresses as such, also where they came through a socket of both families.
fn socket_address(storage: &SockaddrStorage) -> Option<SocketAddr> {
    if let Some(v4) = storage.as_sockaddr_in() {
        return Some(SocketAddr::new(v4.ip().into(), v4.port()));
    }
    let v6 = std::net::SocketAddrV6::from(*storage.as_sockaddr_in6()?);
    Some(match v6.ip().to_ipv4_mapped() {
        Some(v4) => SocketAddr::new(v4.into(), v6.port()),
        None => v6.into(),
    })
}

fn mapped(to: SocketAddr) -> SocketAddr {
    match to {
        SocketAddr::V4(v4) => SocketAddr::new(v4.ip().to_ipv6_mapped().into(), v4.port()),
        SocketAddr::V6(_) => to,
    }
}
