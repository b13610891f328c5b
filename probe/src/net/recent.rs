//! What was sent in the last seconds, so that a report about a datagram can be told from a forged one.

use std::net::SocketAddr;
use std::time::Duration;

use ringmesh_proto::time::Time;

/// A report about a datagram older than this counts for nothing.
const LATELY: Duration = Duration::from_secs(3);
/// Eight peers, once a second each, for three seconds, and what is said to relays beside that.
const KEPT: usize = 64;
/// Every datagram of ours ends in a tag of this length that nobody else can know before it is sent.
const TAG: usize = 16;

#[derive(Clone, Copy)]
struct Sent {
    at: Time,
    to: SocketAddr,
    length: usize,
    tag: [u8; TAG],
}

/// A ring of the newest sends. Its size is fixed.
pub(super) struct Recent {
    sent: [Option<Sent>; KEPT],
    next: usize,
}

impl Default for Recent {
    fn default() -> Self {
        Self { sent: [None; KEPT], next: 0 }
    }
}

impl Recent {
    /// Keeps in mind that a datagram was sent.
    pub(super) fn note(&mut self, at: Time, to: SocketAddr, octets: &[u8]) {
        let Some(&tag) = octets.last_chunk::<TAG>() else { return };
        self.sent[self.next] = Some(Sent { at, to, length: octets.len(), tag });
        self.next = (self.next + 1) % KEPT;
    }

    /// Whether `quoted` is a datagram that was sent to `to` in the last seconds, whole.
    pub(super) fn holds(&self, now: Time, to: SocketAddr, quoted: &[u8]) -> bool {
        let Some(&tag) = quoted.last_chunk::<TAG>() else { return false };
        let is_it = |sent: &Sent| sent.to == to && sent.length == quoted.len() && sent.tag == tag;
        self.sent.iter().flatten().any(|sent| is_it(sent) && now.since(sent.at) <= LATELY)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_whole_datagram_sent_there_in_the_last_three_seconds_is_held() {
        let to: SocketAddr = "10.0.0.5:1984".parse().unwrap();
        let other: SocketAddr = "10.0.0.6:1984".parse().unwrap();
        let sent_at = Time::from_millis(10_000);
        let beat: Vec<u8> = (0..28).collect();
        let mut recent = Recent::default();
        recent.note(sent_at, to, &beat);
        let mut bent = beat.clone();
        bent[27] ^= 1;
        let cases = [
            ("the datagram", 0, to, &beat[..], true),
            ("just in time", 3_000, to, &beat[..], true),
            ("too late", 3_001, to, &beat[..], false),
            ("to another", 0, other, &beat[..], false),
            ("another tag", 0, to, &bent[..], false),
            ("only its head, as an old router quotes it", 0, to, &beat[..8], false),
            ("without its head", 0, to, &beat[4..], false),
            ("nothing", 0, to, &[][..], false),
        ];
        for (name, later_ms, to, quoted, want) in cases {
            assert_eq!(recent.holds(sent_at + Duration::from_millis(later_ms), to, quoted), want, "{name}");
        }
        for n in 0..KEPT {
            recent.note(sent_at, other, &[u8::try_from(n).unwrap(); 28]);
        }
        assert!(!recent.holds(sent_at, to, &beat), "the oldest goes first");
    }
}
