//! What was sent in the last seconds, so that an error which quotes it can be believed.
//!
//! Somebody off the path cannot know the tag of a datagram, and so cannot forge an error about it.

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;

use ringmesh_proto::time::{Duration, Time};
use ringmesh_proto::wire::HEADER;

/// An error that quotes an older datagram is not believed. Our own kernel gives up ARP a little over three seconds
/// after the first try; what a peer says is believed for a shorter time, see [`super::trouble`].
const KEPT_FOR: Duration = Duration::from_secs(5);
/// Octets kept of each: all that is in clear of any kind of datagram, and at least 16 octets nobody can guess.
const KEPT: usize = 64;
/// At ten times the rate of a join storm the oldest are given up: an error is a hint, its absence proves nothing.
const ENTRIES_MAX: usize = 65_536;

/// A header is never used twice, since its sequence is not.
type Header = [u8; HEADER];

#[derive(Debug)]
struct Entry {
    at: Time,
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
        let mut entry = Entry { at: now, to, length: datagram.len(), head: [0; KEPT] };
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

    /// How long ago a datagram went to `to` of which `quoted` is all, or the beginning; `None` if none did lately.
    pub(super) fn age(&mut self, now: Time, to: SocketAddr, quoted: &[u8]) -> Option<Duration> {
        self.forget_before(now);
        let entry = self.by_header.get(quoted.first_chunk::<HEADER>()?)?;
        let kept = entry.length.min(KEPT);
        let is_it =
            entry.to == to && quoted.len() <= entry.length && quoted.get(..kept)? == &entry.head[..kept];
        is_it.then(|| now.since(entry.at))
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
        let cases = [
            ("as sent", 10_001, to, &beat[..], Some(1)),
            ("a long one, cut by a router", 10_001, to, &long[..520], Some(1)),
            ("at the last moment", 15_000, to, &beat, Some(5_000)),
            ("too late", 15_001, to, &beat, None),
            ("sent elsewhere", 10_001, elsewhere, &beat, None),
            ("a tag that was guessed", 10_001, to, &bent, None),
            ("the header alone", 10_001, to, &beat[..12], None),
            ("longer than sent", 10_001, to, &[&beat[..], &[0]].concat(), None),
            ("nothing", 10_001, to, &[], None),
        ];
        for (case, at_ms, to, quoted, want) in cases {
            let mut sent = Sent { order: sent.order.clone(), by_header: copy(&sent.by_header) };
            let age = sent.age(Time::from_millis(at_ms), to, quoted);
            assert_eq!(age, want.map(Duration::from_millis), "{case}");
        }
    }

    fn copy(entries: &HashMap<Header, Entry>) -> HashMap<Header, Entry> {
        let entry = |e: &Entry| Entry { at: e.at, to: e.to, length: e.length, head: e.head };
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
        sent.forget_before(Time::from_millis(5_001));
        assert!(sent.order.is_empty() && sent.by_header.is_empty());
    }
}
