//! What the kernel puts into a socket's error queue (`IP_RECVERR`), and what of it says something about a peer.
//!
//! Even so a hint: a firewall that rejects looks like a dead process. Whether the report is about a datagram that
//! was really sent is asked by whoever remembers what it sent.

use std::net::IpAddr;

use nix::libc;

/// `struct sock_extended_err`, and the address of who reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Report {
    /// The error number that a call would fail with.
    pub errno: i32,
    /// `SO_EE_ORIGIN_*`.
    pub origin: u8,
    /// ICMP type.
    pub kind: u8,
    /// ICMP code.
    pub code: u8,
    /// Who reports it; `None` where the kernel does not say.
    pub offender: Option<IpAddr>,
}

/// What a report says about the peer that the datagram went to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word {
    /// The peer's own address refused the port: its kernel lives, nobody listens.
    Refused,
    /// Our own kernel found nobody at the address on the link.
    Unreachable,
}

/// Type and code of "port unreachable".
const PORT: (u8, u8) = (3, 3);
const PORT_V6: (u8, u8) = (1, 4);
/// Type and code of "host unreachable", which a kernel tells itself when nobody answers its ARP.
const HOST: (u8, u8) = (3, 1);
const HOST_V6: (u8, u8) = (1, 3);

impl Report {
    /// What it says about `peer`, if anything. `is_own` knows the addresses that our own kernel reports from.
    pub fn about(&self, peer: IpAddr, is_own: impl Fn(IpAddr) -> bool) -> Option<Word> {
        let told = (self.kind, self.code);
        let (refused, unreachable) = match self.origin {
            libc::SO_EE_ORIGIN_ICMP => (told == PORT, told == HOST),
            libc::SO_EE_ORIGIN_ICMP6 => (told == PORT_V6, told == HOST_V6),
            libc::SO_EE_ORIGIN_LOCAL => (false, self.errno == libc::EHOSTUNREACH),
            _ => (false, false),
        };
        if refused && self.offender == Some(peer) {
            return Some(Word::Refused);
        }
        // A router's opinion about a peer is a fault of the path; only our own neighbour table is evidence.
        (unreachable && self.offender.is_none_or(is_own)).then_some(Word::Unreachable)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_counts_from_the_peer_itself_and_a_dead_link_from_our_own_kernel() {
        let [peer, own, router, peer6] = ["192.0.2.7", "192.0.2.9", "192.0.2.1", "2001:db8::7"]
            .map(|text| text.parse::<IpAddr>().unwrap());
        let (icmp, icmp6, local) =
            (libc::SO_EE_ORIGIN_ICMP, libc::SO_EE_ORIGIN_ICMP6, libc::SO_EE_ORIGIN_LOCAL);
        let (refused, no_host, too_long) = (libc::ECONNREFUSED, libc::EHOSTUNREACH, libc::EMSGSIZE);
        let cases = [
            ("the peer", peer, Some(peer), icmp, (3, 3), refused, Some(Word::Refused)),
            ("a router about the port", peer, Some(router), icmp, (3, 3), refused, None),
            ("nobody about the port", peer, None, icmp, (3, 3), refused, None),
            ("the peer about something else", peer, Some(peer), icmp, (3, 13), refused, None),
            ("our ARP", peer, Some(own), icmp, (3, 1), no_host, Some(Word::Unreachable)),
            ("our own firewall", peer, Some(own), icmp, (3, 13), no_host, None),
            ("a router about the host", peer, Some(router), icmp, (3, 1), no_host, None),
            ("a v6 peer", peer6, Some(peer6), icmp6, (1, 4), refused, Some(Word::Refused)),
            ("v4 numbers in a v6 error", peer6, Some(peer6), icmp6, (3, 3), refused, None),
            ("our neighbour discovery", peer6, Some(own), icmp6, (1, 3), no_host, Some(Word::Unreachable)),
            ("our kernel", peer6, None, local, (0, 0), no_host, Some(Word::Unreachable)),
            ("our kernel, with other numbers", peer, None, local, (3, 3), no_host, Some(Word::Unreachable)),
            ("our kernel about the size", peer, None, local, (0, 0), too_long, None),
            ("a stamp of a sent datagram", peer, Some(peer), 4, (3, 3), refused, None),
        ];
        for (case, peer, offender, origin, (kind, code), errno, want) in cases {
            let report = Report { errno, origin, kind, code, offender };
            assert_eq!(report.about(peer, |address| address == own), want, "{case}");
        }
    }
}
