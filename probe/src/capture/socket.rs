//! A packet socket that hears announcements and nothing else, made in the order that leaves no gap.

use std::io;
use std::os::fd::AsFd;

use socket2::{Domain, Protocol, SockFilter, Socket, Type};

use super::filter;
use crate::sys;

/// The group addresses the card must let through, none of which needs promiscuous mode: the three of LLDP
/// (the last also of spanning tree), the slow protocols', Cisco's and Foundry's.
const GROUPS: [[u8; 6]; 6] = [
    [0x01, 0x80, 0xc2, 0x00, 0x00, 0x0e],
    [0x01, 0x80, 0xc2, 0x00, 0x00, 0x03],
    [0x01, 0x80, 0xc2, 0x00, 0x00, 0x00],
    [0x01, 0x80, 0xc2, 0x00, 0x00, 0x02],
    [0x01, 0x00, 0x0c, 0xcc, 0xcc, 0xcc],
    [0x01, 0xe0, 0x52, 0xcc, 0xcc, 0xcc],
];

const EVERY_PROTOCOL: u16 = 0x0003; // ETH_P_ALL: only this sees frames a bridge or Open vSwitch takes away.

/// A filtered socket that is bound to nothing yet. Made with protocol 0, so that nothing arrives before the
/// filter is in place and locked.
pub(super) fn filtered() -> io::Result<Socket> {
    let socket = Socket::new(Domain::PACKET, Type::RAW.nonblocking().cloexec(), Some(Protocol::from(0)))?;
    let program: Vec<SockFilter> =
        filter::program().iter().map(|i| SockFilter::new(i.code, i.then, i.otherwise, i.value)).collect();
    socket.attach_filter(&program)?;
    sys::set_option(socket.as_fd(), libc::SOL_SOCKET, libc::SO_LOCK_FILTER, &1)?;
    // The filter drops what goes out as well; this only saves the copy, and kernels before 4.20 lack it.
    if let Err(refused) = sys::set_option(socket.as_fd(), libc::SOL_PACKET, libc::PACKET_IGNORE_OUTGOING, &1)
    {
        tracing::debug!(error = %refused, "PACKET_IGNORE_OUTGOING refused");
    }
    sys::set_option(socket.as_fd(), libc::SOL_PACKET, libc::PACKET_AUXDATA, &1)?;
    Ok(socket)
}

/// Has the interface's card let the groups through. Gone with the socket.
pub(super) fn join_groups(socket: &Socket, ifindex: u32) -> io::Result<()> {
    for group in GROUPS {
        let mut membership = libc::packet_mreq {
            mr_ifindex: i32::try_from(ifindex).map_err(io::Error::other)?,
            mr_type: libc::PACKET_MR_MULTICAST as libc::c_ushort,
            mr_alen: 6,
            mr_address: [0; 8],
        };
        membership.mr_address[..6].copy_from_slice(&group);
        sys::set_option(socket.as_fd(), libc::SOL_PACKET, libc::PACKET_ADD_MEMBERSHIP, &membership)?;
    }
    Ok(())
}

/// Binds it to one interface: from here on frames arrive.
pub(super) fn bind(socket: &Socket, ifindex: u32) -> io::Result<()> {
    sys::bind_packet(socket.as_fd(), EVERY_PROTOCOL, ifindex)
}

/// Whether the interface behind a socket was deleted: the socket stays dead for good.
pub(super) fn is_gone(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::ENODEV | libc::ENXIO))
}

/// Whether the interface was set down: the socket says so once and lives on.
pub(super) fn is_down(error: &io::Error) -> bool {
    error.raw_os_error() == Some(libc::ENETDOWN)
}
