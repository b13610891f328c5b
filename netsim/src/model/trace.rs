//! A hash over everything that happened, so that two runs can be compared by one number.
//!
//! Every executed event goes in: when, what kind, who. FNV-1a over octets in a fixed order, so the same run has the
//! same hash on every machine; it is a comparison, not a proof against forgery.

use std::net::{IpAddr, SocketAddr};

use ringmesh_proto::time::Time;

use super::network::Place;
use super::queue::Due;
use super::stream::Side;

const BASIS: u64 = 0xcbf2_9ce4_8422_2325;
const PRIME: u64 = 0x0100_0000_01b3;

/// What happened so far, in one number, and how much it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TraceHash {
    hash: u64,
    events: u64,
}

impl Default for TraceHash {
    fn default() -> Self {
        Self { hash: BASIS, events: 0 }
    }
}

impl TraceHash {
    pub(super) fn value(self) -> u64 {
        self.hash
    }

    /// How many events there were; the number of the last one.
    pub(super) fn events(self) -> u64 {
        self.events
    }

    /// One more event.
    pub(super) fn take(&mut self, at: Time, due: &Due) {
        self.events += 1;
        self.number(at.nanos());
        self.octets(due.word().as_bytes());
        self.who(due);
    }

    fn who(&mut self, due: &Due) {
        match due {
            Due::Arrive(datagram) => {
                self.address(datagram.from);
                self.address(datagram.to);
            }
            Due::Refused { to, peer } => {
                self.place(*to);
                self.address(*peer);
            }
            Due::Echo { site, from } => {
                self.index(*site);
                self.ip(*from);
            }
            Due::Announce { switch: one }
            | Due::Start { host: one }
            | Due::HostDeadline { host: one }
            | Due::StartRelay { site: one }
            | Due::RelayDeadline { site: one } => self.index(*one),
            Due::RelayCommit { site, run } => {
                self.index(*site);
                self.number(u64::from(*run));
            }
            Due::Uplink { site, attempt, .. } => {
                self.index(*site);
                self.number(*attempt);
            }
            Due::CmaDeadline => {}
            Due::CmaCommit { run } => self.number(u64::from(*run)),
            Due::HandedOn { run, page } => {
                self.number(u64::from(*run));
                self.number(*page);
            }
            Due::Send { stream, from, number } => {
                self.end(*stream, *from);
                self.number(*number);
            }
            Due::Read { stream, from: side }
            | Due::Reset { stream, to: side }
            | Due::Watch { stream, side } => {
                self.end(*stream, *side);
            }
        }
    }

    fn end(&mut self, stream: u64, side: Side) {
        self.number(stream);
        self.octets(match side {
            Side::Relay => b"r",
            Side::Cma => b"c",
        });
    }

    fn place(&mut self, place: Place) {
        match place {
            Place::Core(site) => self.index(site),
            Place::Leg { host, leg } => {
                self.index(host);
                self.index(leg);
            }
        }
    }

    fn address(&mut self, address: SocketAddr) {
        self.ip(address.ip());
        self.octets(&address.port().to_le_bytes());
    }

    fn ip(&mut self, address: IpAddr) {
        match address {
            IpAddr::V4(four) => self.octets(&four.octets()),
            IpAddr::V6(six) => self.octets(&six.octets()),
        }
    }

    fn index(&mut self, index: usize) {
        self.number(index as u64);
    }

    fn number(&mut self, number: u64) {
        self.octets(&number.to_le_bytes());
    }

    fn octets(&mut self, octets: &[u8]) {
        for octet in octets {
            self.hash = (self.hash ^ u64::from(*octet)).wrapping_mul(PRIME);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn when_what_and_who_each_make_another_hash() {
        let hash = |at: u64, due: Due| {
            let mut hash = TraceHash::default();
            hash.take(Time::from_millis(at), &due);
            hash.value()
        };
        let one = hash(1, Due::Start { host: 3 });
        assert_eq!(one, hash(1, Due::Start { host: 3 }));
        for other in [hash(2, Due::Start { host: 3 }), hash(1, Due::Start { host: 4 })] {
            assert_ne!(one, other);
        }
        assert_ne!(one, hash(1, Due::HostDeadline { host: 3 }));
        let (relay, cma) = (Side::Relay, Side::Cma);
        assert_ne!(
            hash(1, Due::Watch { stream: 1, side: relay }),
            hash(1, Due::Watch { stream: 1, side: cma })
        );
    }

    #[test]
    fn the_hash_is_fnv_1a() {
        let mut hash = TraceHash::default();
        hash.octets(b"foobar");
        assert_eq!(hash.value(), 0x8594_4171_f739_67e8);
    }
}
