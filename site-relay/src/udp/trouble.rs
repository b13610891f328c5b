//! Which errors of the kernel say something about a peer.

use std::io;
use std::net::{IpAddr, SocketAddr};

use nix::ifaddrs::getifaddrs;
use ringmesh_proto::time::Duration;
use ringmesh_shell::report::Word;

use super::port::QueuedError;

/// What the kernel told about a peer that we sent to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// Its own address refused the port.
    Refused(SocketAddr),
    /// Our own kernel cannot reach it on the link.
    Unreachable(SocketAddr),
}

/// A refusal of an older datagram says nothing about now.
const REFUSED_WITHIN: Duration = Duration::from_secs(3);

impl Trouble {
    /// Of an entry that truly quotes a datagram of that age. A router's word about a peer is no trouble of ours.
    pub(super) fn of_error(error: &QueuedError, age: Duration) -> Option<Self> {
        match error.report.about(error.to.ip(), is_own)? {
            Word::Refused => (age <= REFUSED_WITHIN).then_some(Self::Refused(error.to)),
            Word::Unreachable => Some(Self::Unreachable(error.to)),
        }
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
    use ringmesh_shell::report::Report;

    #[test]
    fn a_refusal_counts_for_a_while_and_a_dead_link_as_long_as_it_is_told() {
        let to: SocketAddr = "192.0.2.7:1984".parse().unwrap();
        let own: IpAddr = "127.0.0.1".parse().unwrap();
        let router: IpAddr = "192.0.2.1".parse().unwrap();
        let later = REFUSED_WITHIN + Duration::from_millis(100);
        let cases = [
            ("the peer", to.ip(), (3, 3), REFUSED_WITHIN, Some(Trouble::Refused(to))),
            ("the peer, long ago", to.ip(), (3, 3), later, None),
            ("a router about the port", router, (3, 3), REFUSED_WITHIN, None),
            ("our ARP", own, (3, 1), REFUSED_WITHIN, Some(Trouble::Unreachable(to))),
            ("our ARP, after its tries", own, (3, 1), later, Some(Trouble::Unreachable(to))),
            ("a router about the host", router, (3, 1), REFUSED_WITHIN, None),
        ];
        for (case, offender, (kind, code), age, want) in cases {
            let (errno, origin) = (0, libc::SO_EE_ORIGIN_ICMP);
            let report = Report { errno, origin, kind, code, offender: Some(offender) };
            let error = QueuedError { to, report, length: 0 };
            assert_eq!(Trouble::of_error(&error, age), want, "{case}");
        }
    }
}
