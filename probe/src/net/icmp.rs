//! What the network reports about a datagram of ours, and what of that is believed.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use ringmesh_proto::time::Time;
use ringmesh_shell::report::{self, Word};

use super::recent::Recent;
use crate::sys::{self, Control};

/// A report that is believed. Even so a hint: a firewall that rejects looks like a dead process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notice {
    /// The peer's own address refused the port: its kernel lives, nobody listens.
    Refused {
        /// The peer.
        peer: SocketAddr,
    },
    /// Our own kernel found nobody at the address on the link.
    Unreachable {
        /// The peer.
        peer: SocketAddr,
    },
}

/// An entry of an error queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Report(report::Report);

impl Report {
    /// Reads it off the control messages of an error queue.
    pub(super) fn read(control: &Control) -> Option<Self> {
        let is_report = |level: i32, kind: i32| {
            (level, kind) == (libc::IPPROTO_IP, libc::IP_RECVERR)
                || (level, kind) == (libc::IPPROTO_IPV6, libc::IPV6_RECVERR)
        };
        let (.., data) = control.messages().find(|&(level, kind, _)| is_report(level, kind))?;
        Self::parse(data)
    }

    /// Error number (4 octets), origin, type, code, padding, info (4), data (4), then a socket address.
    fn parse(data: &[u8]) -> Option<Self> {
        let &[.., origin, kind, code, _] = data.get(..8)? else { return None };
        let offender = data.get(16..).and_then(offender);
        Some(Self(report::Report { errno: sys::number(data)?, origin, kind, code, offender }))
    }

    /// What is believed of it: the report of a datagram that was sent to `peer` lately, and that nobody who
    /// is not on its way could quote.
    pub(super) fn believed(
        &self,
        now: Time,
        own: IpAddr,
        peer: SocketAddr,
        quoted: &[u8],
        recent: &Recent,
    ) -> Option<Notice> {
        if !recent.holds(now, peer, quoted) {
            return None;
        }
        Some(match self.0.about(peer.ip(), |address| address == own)? {
            Word::Refused => Notice::Refused { peer },
            Word::Unreachable => Notice::Unreachable { peer },
        })
    }
}

/// `struct sockaddr_in` or `sockaddr_in6`.
fn offender(octets: &[u8]) -> Option<IpAddr> {
    let family = i32::from(u16::from_ne_bytes(octets.get(..2)?.try_into().ok()?));
    match family {
        libc::AF_INET => Some(Ipv4Addr::from(<[u8; 4]>::try_from(octets.get(4..8)?).ok()?).into()),
        libc::AF_INET6 => Some(Ipv6Addr::from(<[u8; 16]>::try_from(octets.get(8..24)?).ok()?).into()),
        _ => None,
    }
}

/// Whether an error of a send is about an earlier datagram, maybe to another peer: the kernel reports it once
/// to whoever comes next, and drops that datagram.
pub(super) fn is_pending(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error(),
        Some(
            libc::ECONNREFUSED
                | libc::EHOSTUNREACH
                | libc::ENETUNREACH
                | libc::EHOSTDOWN
                | libc::EACCES
                | libc::EOPNOTSUPP
                | libc::ENOPROTOOPT
                | libc::EPROTO
                | libc::EMSGSIZE
        )
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_report_is_believed_only_of_the_peer_itself_or_our_own_kernel_about_a_datagram_just_sent() {
        let (own, router): (IpAddr, IpAddr) = ("10.0.0.1".parse().unwrap(), "10.0.0.254".parse().unwrap());
        let peer: SocketAddr = "10.0.0.5:1984".parse().unwrap();
        let now = Time::from_millis(60_000);
        let beat = [7; 28];
        let mut recent = Recent::default();
        recent.note(now.before(Duration::from_secs(1)), peer, &beat);
        let (icmp, local) = (libc::SO_EE_ORIGIN_ICMP, libc::SO_EE_ORIGIN_LOCAL);
        let told = |errno, origin, (kind, code), offender| {
            Report(report::Report { errno, origin, kind, code, offender })
        };
        let refused = |offender| told(libc::ECONNREFUSED, icmp, (3, 3), offender);
        let no_host = |origin, offender| told(libc::EHOSTUNREACH, origin, (3, 1), offender);
        let another = told(libc::ECONNREFUSED, icmp, (3, 13), Some(peer.ip()));
        let itself = Some(peer.ip());
        let cases = [
            ("refused by the peer", refused(itself), &beat[..], Some(Notice::Refused { peer })),
            ("refused by another", refused(Some(router)), &beat[..], None),
            ("refused by nobody", refused(None), &beat[..], None),
            ("another code", another, &beat[..], None),
            ("a datagram never sent", refused(itself), &[8; 28][..], None),
            ("a quote without the tag", refused(itself), &beat[..8], None),
            ("our own table", no_host(icmp, Some(own)), &beat[..], Some(Notice::Unreachable { peer })),
            ("the same, local origin", no_host(local, None), &beat[..], Some(Notice::Unreachable { peer })),
            ("a router's opinion", no_host(icmp, Some(router)), &beat[..], None),
        ];
        for (name, report, quoted, want) in cases {
            assert_eq!(report.believed(now, own, peer, quoted, &recent), want, "{name}");
        }
        let peer6: SocketAddr = "[fd00::5]:1984".parse().unwrap();
        recent.note(now, peer6, &beat);
        let refused6 = told(libc::ECONNREFUSED, libc::SO_EE_ORIGIN_ICMP6, (1, 4), Some(peer6.ip()));
        assert_eq!(refused6.believed(now, own, peer6, &beat, &recent), Some(Notice::Refused { peer: peer6 }));
    }

    #[test]
    fn a_report_is_read_with_its_offender_and_survives_being_cut_anywhere() {
        let mut data = libc::ECONNREFUSED.to_ne_bytes().to_vec();
        data.extend([libc::SO_EE_ORIGIN_ICMP, 3, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        data.extend(u16::try_from(libc::AF_INET).unwrap().to_ne_bytes());
        data.extend([0, 0, 10, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0, 0]);
        let Report(whole) = Report::parse(&data).unwrap();
        assert_eq!((whole.errno, whole.kind, whole.code), (libc::ECONNREFUSED, 3, 3));
        assert_eq!(whole.offender, Some("10.0.0.5".parse().unwrap()));
        for length in 0..data.len() {
            let cut = Report::parse(&data[..length]);
            assert_eq!(cut.is_some(), length >= 8, "cut to {length}");
        }
    }
}
