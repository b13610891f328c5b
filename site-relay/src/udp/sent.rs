//! What was sent in the last seconds, so that an error which quotes it can be believed.
//!
//! Somebody off the path cannot know the tag of a datagram, and so cannot forge an error about it.

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;

use ringmesh_proto::time::{Duration, Time};
use ringmesh_proto::wire::HEADER;

/// An error that quotes an older datagram is not believed.
const KEPT_FOR: Duration = Duration::from_secs(3);
/// Octets kept of each: all that is in clear of any kind of datagram, and at least 16 octets nobody can guess.
const KEPT: usize = 64;
/// At ten times the rate of a join storm the oldest are given up: an error is a hint, its absence proves nothing.
const ENTRIES_MAX: usize = 65_536;

/// A header is never used twice, since its sequence is not.
type Header = [u8; HEADER];

#[derive(Debug)]
struct Entry {
    to: SocketAddr,
    length: usize,
    head: [u8; KEPT],
}

#[derive(Debug, Default)]
pub(super) struct Sent {
    order: VecDeque<(Time, Header)>,
    by_header: HashMap<Header, Entry>,
}

impl Sent {
    pub(super) fn remember(&mut self, now: Time, to: SocketAddr, datagram: &[u8]) {
        self.forget_before(now);
        let Some(header) = datagram.first_chunk::<HEADER>() else { return };
        let kept = datagram.len().min(KEPT);
        let mut entry = Entry { to, length: datagram.len(), head: [0; KEPT] };
        entry.head[..kept].copy_from_slice(&datagram[..kept]);
        self.order.push_back((now, *header));
        self.by_header.insert(*header, entry);
    }

    fn forget_before(&mut self, now: Time) {
        while let Some(&(at, header)) = self.order.front() {
            if now.since(at) <= KEPT_FOR && self.order.len() < ENTRIES_MAX {
                return;
            }
            self.order.pop_front();
            self.by_header.remove(&header);
        }
    }

    /// Whether `quoted` is (the beginning of) a datagram that went to `to` lately.
    pub(super) fn holds(&mut self, now: Time, to: SocketAddr, quoted: &[u8]) -> bool {
        self.forget_before(now);
        let Some(entry) = quoted.first_chunk::<HEADER>().and_then(|header| self.by_header.get(header)) else {
            return false;
        };
        let kept = entry.length.min(KEPT);
        entry.to == to && quoted.len() <= entry.length && quoted.get(..kept) == Some(&entry.head[..kept])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_whole_head_of_a_datagram_that_went_there_lately_is_believed() {
        let to: SocketAddr = "10.0.0.1:1984".parse().unwrap();
        let elsewhere: SocketAddr = "10.0.0.2:1984".parse().unwrap();
        let (beat, long): (Vec<u8>, Vec<u8>) = ((1..=28).collect(), (100..=250).cycle().take(900).collect());
        let mut bent = beat.clone();
        bent[27] ^= 1;
        let mut sent = Sent::default();
        let at = Time::from_millis(10_000);
        sent.remember(at, to, &beat);
        sent.remember(at, to, &long);
        let cases: [(&str, u64, SocketAddr, &[u8], bool); 9] = [
            ("as sent", 10_001, to, &beat, true),
            ("a long one, cut by a router", 10_001, to, &long[..520], true),
            ("at the last moment", 13_000, to, &beat, true),
            ("too late", 13_001, to, &beat, false),
            ("sent elsewhere", 10_001, elsewhere, &beat, false),
            ("a tag that was guessed", 10_001, to, &bent, false),
            ("the header alone", 10_001, to, &beat[..12], false),
            ("longer than sent", 10_001, to, &[&beat[..], &[0]].concat(), false),
            ("nothing", 10_001, to, &[], false),
        ];
        for (case, at_ms, to, quoted, want) in cases {
            let mut sent = Sent { order: sent.order.clone(), by_header: copy(&sent.by_header) };
            assert_eq!(sent.holds(Time::from_millis(at_ms), to, quoted), want, "{case}");
        }
    }

    fn copy(entries: &HashMap<Header, Entry>) -> HashMap<Header, Entry> {
        let entry = |e: &Entry| Entry { to: e.to, length: e.length, head: e.head };
        entries.iter().map(|(header, e)| (*header, entry(e))).collect()
    }

    #[test]
    fn its_size_is_bounded() {
        let mut sent = Sent::default();
        let to = "10.0.0.1:1984".parse().unwrap();
        for number in 0..100_000_u32 {
            let datagram = [&number.to_be_bytes()[..], &[0; 24]].concat();
            sent.remember(Time::ZERO, to, &datagram);
        }
        assert_eq!((sent.order.len(), sent.by_header.len()), (ENTRIES_MAX, ENTRIES_MAX));
        sent.forget_before(Time::from_millis(3_001));
        assert!(sent.order.is_empty() && sent.by_header.is_empty());
    }
}
