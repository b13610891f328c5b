//! Which errors of the kernel say something about a peer.

use std::io;
use std::net::{IpAddr, SocketAddr};

use nix::ifaddrs::getifaddrs;
use ringmesh_proto::time::Duration;

use super::port::QueuedError;

/// What the kernel told about a peer that we sent to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// Its own address refused the port.
    Refused(SocketAddr),
    /// Our own kernel cannot reach it on the link.
    Unreachable(SocketAddr),
}

/// Type and code of "port unreachable".
const PORT: (u8, u8) = (3, 3);
const PORT_V6: (u8, u8) = (1, 4);
/// Type and code of "host unreachable", which a kernel tells itself when nobody answers its ARP.
const HOST: (u8, u8) = (3, 1);
const HOST_V6: (u8, u8) = (1, 3);

/// A refusal of an older datagram says nothing about now.
const REFUSED_WITHIN: Duration = Duration::from_secs(3);

impl Trouble {
    /// Of an entry that truly quotes a datagram of that age. A router's word about a peer is no trouble of ours.
    pub(super) fn of_error(error: &QueuedError, age: Duration) -> Option<Self> {
        let told = (error.kind, error.code);
        let (refused, unreachable) = match error.origin {
            libc::SO_EE_ORIGIN_ICMP => (told == PORT, told == HOST),
            libc::SO_EE_ORIGIN_ICMP6 => (told == PORT_V6, told == HOST_V6),
            libc::SO_EE_ORIGIN_LOCAL => (false, error.errno == libc::EHOSTUNREACH),
            _ => (false, false),
        };
        if refused && error.offender == Some(error.to.ip()) {
            return (age <= REFUSED_WITHIN).then_some(Self::Refused(error.to));
        }
        (unreachable && error.offender.is_none_or(is_own)).then_some(Self::Unreachable(error.to))
    }

    /// Of a send that failed twice.
    pub(super) fn of_send(to: SocketAddr, error: &io::Error) -> Option<Self> {
        let unreachable = matches!(error.raw_os_error(), Some(libc::EHOSTUNREACH | libc::ENETUNREACH));
        unreachable.then_some(Self::Unreachable(to))
    }
}

fn is_own(address: IpAddr) -> bool {
    own_addresses().any(|own| own == address)
}

/// All addresses of this host.
pub(super) fn own_addresses() -> impl Iterator<Item = IpAddr> {
    let interfaces = getifaddrs().into_iter().flatten();
    interfaces.filter_map(|interface| {
        let address = interface.address?;
        let v4 = address.as_sockaddr_in().map(|v4| IpAddr::V4(v4.ip()));
        v4.or_else(|| address.as_sockaddr_in6().map(|v6| IpAddr::V6(v6.ip())))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_counts_from_the_peer_itself_and_a_dead_link_from_our_own_kernel() {
        let to: SocketAddr = "192.0.2.7:1984".parse().unwrap();
        let to6: SocketAddr = "[2001:db8::7]:1984".parse().unwrap();
        let own: IpAddr = "127.0.0.1".parse().unwrap();
        let router: IpAddr = "192.0.2.1".parse().unwrap();
        let (icmp, icmp6, local) =
            (libc::SO_EE_ORIGIN_ICMP, libc::SO_EE_ORIGIN_ICMP6, libc::SO_EE_ORIGIN_LOCAL);
        let cases = [
            ("the peer", to, Some(to.ip()), icmp, (3, 3), 0, Some(Trouble::Refused(to))),
            ("a router about the port", to, Some(router), icmp, (3, 3), 0, None),
            ("the peer about something else", to, Some(to.ip()), icmp, (3, 13), 0, None),
            ("our ARP", to, Some(own), icmp, (3, 1), 0, Some(Trouble::Unreachable(to))),
            ("a router about the host", to, Some(router), icmp, (3, 1), 0, None),
            ("a v6 peer", to6, Some(to6.ip()), icmp6, (1, 4), 0, Some(Trouble::Refused(to6))),
            ("v4 numbers in a v6 error", to6, Some(to6.ip()), icmp6, (3, 3), 0, None),
            ("our kernel", to6, None, local, (0, 0), libc::EHOSTUNREACH, Some(Trouble::Unreachable(to6))),
            ("our kernel about the size", to, None, local, (0, 0), libc::EMSGSIZE, None),
        ];
        for (case, to, offender, origin, (kind, code), errno, want) in cases {
            let error = QueuedError { to, offender, origin, kind, code, errno, length: 0 };
            assert_eq!(Trouble::of_error(&error, REFUSED_WITHIN), want, "{case}");
            let refused = matches!(want, Some(Trouble::Refused(_)));
            let later = REFUSED_WITHIN + Duration::from_millis(100);
            assert_eq!(Trouble::of_error(&error, later), want.filter(|_| !refused), "{case}, late");
        }
    }
}
