//! A hash over everything that happened, so that two runs can be compared by one number.
//!
//! Every executed event goes in: when, its key (who made it, and its how manieth deed that was), what it is. The
//! hashes of the events are added up, so the order among machines that know nothing of each other does not matter:
//! one thread and many have the same sum. It is a comparison, not a proof against forgery.

use std::net::{IpAddr, SocketAddr};

use ringmesh_proto::message::Beat;

use super::host::{Datagram, Payload};
use super::network::Place;
use super::queue::{Due, Event, FlyingBeat, Thing};
use super::stream::Body;

const BASIS: u64 = 0xcbf2_9ce4_8422_2325;
const PRIME: u64 = 0x0100_0000_01b3;

/// What happened so far, in one number, and how much it was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct TraceHash {
    sum: u64,
    kinds: EventKinds,
}

/// Executed events by kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EventKinds {
    /// Heartbeats inside sites that came to their host.
    pub heartbeats: u64,
    /// Other datagrams that came, refusals and answers of kernels.
    pub datagrams: u64,
    /// Deadlines of machines.
    pub deadlines: u64,
    /// Whatever belongs to streams, disks, switches and starts.
    pub others: u64,
}

impl EventKinds {
    /// All of them.
    pub fn all(self) -> u64 {
        self.heartbeats + self.datagrams + self.deadlines + self.others
    }

    /// What happened after `earlier` was taken.
    #[must_use]
    pub fn since(self, earlier: Self) -> Self {
        Self {
            heartbeats: self.heartbeats - earlier.heartbeats,
            datagrams: self.datagrams - earlier.datagrams,
            deadlines: self.deadlines - earlier.deadlines,
            others: self.others - earlier.others,
        }
    }

    fn of(&mut self, due: &Due) -> &mut u64 {
        match due {
            Due::Beat(_) => &mut self.heartbeats,
            Due::HostDeadline { .. } => &mut self.deadlines,
            Due::Other(thing) => match &**thing {
                Thing::Arrive(Datagram { payload: Payload::Message(_), .. }) => &mut self.datagrams,
                Thing::Arrive(_) => &mut self.heartbeats,
                Thing::Refused { .. } | Thing::Echo { .. } => &mut self.datagrams,
                Thing::RelayDeadline | Thing::CmaDeadline => &mut self.deadlines,
                _ => &mut self.others,
            },
        }
    }
}

impl TraceHash {
    pub(super) fn value(self) -> u64 {
        self.sum
    }

    /// How many events there were; the number of the last one.
    pub(super) fn events(self) -> u64 {
        self.kinds.all()
    }

    pub(super) fn kinds(self) -> EventKinds {
        self.kinds
    }

    /// One more event.
    pub(super) fn take(&mut self, event: &Event) {
        let what = of_due(&event.due);
        *self.kinds.of(&event.due) += 1;
        self.sum = self.sum.wrapping_add(mix(mix(event.at.nanos() ^ what) ^ event.key.bits()));
    }

    /// What happened in two places.
    #[must_use]
    pub(super) fn with(self, other: Self) -> Self {
        let (here, there) = (self.kinds, other.kinds);
        let kinds = EventKinds {
            heartbeats: here.heartbeats + there.heartbeats,
            datagrams: here.datagrams + there.datagrams,
            deadlines: here.deadlines + there.deadlines,
            others: here.others + there.others,
        };
        Self { sum: self.sum.wrapping_add(other.sum), kinds }
    }
}

/// What happens, whenever it does and whoever made it happen.
pub(super) fn of_due(due: &Due) -> u64 {
    match due {
        Due::Beat(beat) => of_beat(&beat.beat(), *beat),
        Due::HostDeadline { host } => mix(u64::from(*host) ^ 0xdead << 32),
        Due::Other(thing) => of_thing(due.word(), thing),
    }
}

/// The output function of SplitMix64.
fn mix(bits: u64) -> u64 {
    let bits = bits.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

/// The same whether or not it was sealed on its way.
fn of_beat(beat: &Beat, flying: FlyingBeat) -> u64 {
    let (host, leg) = flying.to();
    let place = (host as u64) << 8 | (leg as u64) << 4 | flying.left_by() as u64;
    mix(u64::from(beat.link.0) << 32 | u64::from(beat.sequence))
        ^ mix(place << 24 | u64::from(beat.hint) << 8 | u64::from(beat.lane) << 1 | u64::from(beat.heard_you))
}

fn of_thing(word: &str, thing: &Thing) -> u64 {
    let mut hash = Fnv(BASIS);
    hash.octets(word.as_bytes());
    match thing {
        Thing::Arrive(Datagram { from, to, payload }) => match payload {
            Payload::SealedBeat { flying: Some(flying), beat, .. } => return of_beat(beat, *flying),
            Payload::SealedBeat { beat, .. } | Payload::Beat(beat) => {
                hash.address(*from);
                hash.address(*to);
                hash.beat(beat);
            }
            Payload::Message(octets) => {
                hash.address(*from);
                hash.address(*to);
                hash.octets(octets);
            }
        },
        Thing::Read { run: _, came, datagram } => {
            hash.number(came.nanos());
            hash.address(datagram.from);
        }
        Thing::Refused { to, peer } => {
            hash.place(*to);
            hash.address(*peer);
        }
        Thing::Echo { from } => hash.ip(*from),
        Thing::Announce { switch: one }
        | Thing::Start { host: one }
        | Thing::Turn { host: one, number: _ }
        | Thing::Syn { site: one, attempt: _ } => {
            hash.number(*one as u64);
        }
        Thing::RelayCommit { run } | Thing::CmaCommit { run } => hash.number(u64::from(*run)),
        Thing::Uplink { attempt, step } => {
            hash.number(*attempt);
            hash.octets(step.word().as_bytes());
        }
        Thing::HandedOn { run, page } => {
            hash.number(u64::from(*run));
            hash.number(*page);
        }
        Thing::Send { stream, number } => {
            hash.number(*stream);
            hash.number(*number);
        }
        Thing::Segment { stream, number, body } => {
            hash.number(*stream);
            hash.number(*number);
            hash.body(body);
        }
        Thing::Heard { stream, body } => {
            hash.number(*stream);
            hash.body(body);
        }
        Thing::Reset { stream } | Thing::Watch { stream } => hash.number(*stream),
        Thing::StartRelay | Thing::RelayDeadline | Thing::CmaDeadline => {}
    }
    hash.0
}

/// FNV-1a.
struct Fnv(u64);

impl Fnv {
    fn place(&mut self, place: Place) {
        match place {
            Place::Core(site) => self.number(site as u64),
            Place::Leg { host, leg } => self.number((host as u64) << 8 | leg as u64),
        }
    }

    fn body(&mut self, body: &Body) {
        match body {
            Body::Message(_, octets) => self.octets(octets),
            Body::Ping | Body::Pong | Body::Over => self.octets(body.purpose().as_bytes()),
        }
    }

    fn beat(&mut self, beat: &Beat) {
        self.number(u64::from(beat.link.0) << 32 | u64::from(beat.sequence));
        let flags = u64::from(beat.lane) << 1 | u64::from(beat.heard_you);
        self.number(u64::from(beat.hint) << 8 | flags);
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

    fn number(&mut self, number: u64) {
        self.octets(&number.to_le_bytes());
    }

    fn octets(&mut self, octets: &[u8]) {
        for octet in octets {
            self.0 = (self.0 ^ u64::from(*octet)).wrapping_mul(PRIME);
        }
    }
}

#[cfg(test)]
mod tests {
    use ringmesh_proto::time::Time;

    use super::super::key::{Actor, Entity, Rank};
    use super::*;

    fn event(at: u64, entity: Entity, due: Due) -> Event {
        Event { at: Time::from_millis(at), key: Actor::new(entity).next().key(Rank::Deed), due }
    }

    fn hash(events: impl IntoIterator<Item = Event>) -> u64 {
        let mut hash = TraceHash::default();
        events.into_iter().for_each(|event| hash.take(&event));
        hash.value()
    }

    #[test]
    fn when_what_and_who_each_make_another_hash() {
        let start = |host| Due::from(Thing::Start { host });
        let one = hash([event(1, Entity::host(3), start(3))]);
        assert_eq!(one, hash([event(1, Entity::host(3), start(3))]));
        for other in [
            event(2, Entity::host(3), start(3)),
            event(1, Entity::host(3), start(4)),
            event(1, Entity::host(4), start(3)),
            event(1, Entity::host(3), Due::HostDeadline { host: 3 }),
        ] {
            assert_ne!(one, hash([other]));
        }
    }

    #[test]
    fn the_order_does_not_matter_and_each_event_does() {
        let [a, b] = [
            || event(1, Entity::host(3), Due::HostDeadline { host: 3 }),
            || event(1, Entity::relay(0), Thing::RelayDeadline.into()),
        ];
        assert_eq!(hash([a(), b()]), hash([b(), a()]));
        assert_ne!(hash([a(), b()]), hash([a()]));
        assert_ne!(hash([a(), a()]), hash([b(), b()]), "an event that comes twice does not cancel itself");
    }

    #[test]
    fn the_hash_of_octets_is_fnv_1a() {
        let mut hash = Fnv(BASIS);
        hash.octets(b"foobar");
        assert_eq!(hash.0, 0x8594_4171_f739_67e8);
    }
}
