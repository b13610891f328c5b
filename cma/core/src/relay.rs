//! What is known of each relay, and how its news are taken exactly once.
//!
//! News are numbered within an outbox, which has a birth nonce: (site, relay, nonce, sequence) is a news for
//! good. Gaps are legal, for an outbox drops what a later news replaces. A relay that comes with a new nonce
//! has lost its outbox and counts from one again. One that comes with a nonce it had before found an old disk again: it
//! is told how far that outbox was taken, and if it never got so far itself, it takes another nonce.

use std::collections::{BTreeMap, BTreeSet};

use ringmesh_proto::digest::Picture;
use ringmesh_proto::keep::Keep;
use ringmesh_proto::news::{Key, News, RelayHello, Warning};
use ringmesh_proto::time::{Duration, Time, WallClock};
use ringmesh_topology::id::{Boot, Name, RelayId};
use serde::{Deserialize, Serialize};

use crate::graph::Source;
use crate::records;

/// A stream as the driver numbers them; never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct StreamId(pub u64);

/// A relay for good.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RelayKey {
    /// Its site.
    pub site: Name,
    /// Its number there.
    pub relay: RelayId,
}

/// Relays beat every ten seconds; after three missed beats one is late.
pub const LATE_AFTER: Duration = Duration::from_secs(35);

/// So many outboxes that a relay had before are remembered. A disk that cannot be written is found as it was by every
/// start, whatever nonces were drawn in between: one would do for that.
const FORMER_MAX: usize = 8;

/// How far the news of an outbox are in the store: its birth nonce, and the sequence.
pub(crate) type Cursor = (u64, u64);

/// One relay.
#[derive(Clone, Debug)]
pub struct Relay {
    /// The stream it speaks on now.
    pub stream: Option<StreamId>,
    /// What it said of itself last.
    pub hello: RelayHello,
    /// News up to this sequence are in the store.
    pub sequence: u64,
    /// When it was heard last.
    pub heard_at: Time,
    /// What its last beat told.
    pub beat: RelayBeat,
    /// How often it came with a new outbox.
    pub outboxes_lost: u32,
    /// The outboxes it had before, the latest last.
    pub(crate) former: Vec<Cursor>,
    /// How many of its news were passed over, for they were not understood.
    pub refused: u64,
    /// What was wrong with the last of them.
    pub refused_why: String,
    /// Digests of everything it told.
    pub picture: Picture,
}

/// A relay as it is written down. How far its news are in the store stands in a record of its own, for that changes
/// with every one.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct KeptRelay {
    hello: RelayHello,
    heard_ms: u64,
    outboxes_lost: u32,
    refused: u64,
    refused_why: String,
}

/// A relay's own state, as it beats it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RelayBeat {
    /// News not yet acknowledged.
    pub pending: u64,
    /// What it counted since it started.
    pub counters: BTreeMap<String, u64>,
    /// What it wants somebody to look at.
    pub warnings: Vec<Warning>,
}

/// How a relay does, seen from here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// It has a stream and speaks.
    Connected,
    /// It has a stream and says nothing.
    Late,
    /// It has no stream.
    Away,
}

impl Presence {
    /// The word used in every output.
    pub fn word(self) -> &'static str {
        match self {
            Self::Connected => "connected",
            Self::Late => "late",
            Self::Away => "away",
        }
    }
}

impl KeptRelay {
    pub(crate) fn run(&self) -> Boot {
        self.hello.run
    }
}

impl Relay {
    fn new(now: Time, stream: StreamId, hello: RelayHello) -> Self {
        Self {
            stream: Some(stream),
            hello,
            sequence: 0,
            heard_at: now,
            beat: RelayBeat::default(),
            outboxes_lost: 0,
            former: Vec::new(),
            refused: 0,
            refused_why: String::new(),
            picture: Picture::default(),
        }
    }

    fn kept(&self, wall: WallClock) -> KeptRelay {
        KeptRelay {
            hello: self.hello.clone(),
            heard_ms: wall.unix_ms(self.heard_at),
            outboxes_lost: self.outboxes_lost,
            refused: self.refused,
            refused_why: self.refused_why.clone(),
        }
    }

    /// It comes with another outbox: what was taken of it before counts, what was taken of the last is remembered.
    fn change_outbox(&mut self, outbox: u64) {
        self.former.push((self.hello.outbox, self.sequence));
        let before = self.former.iter().position(|(former, _)| *former == outbox);
        self.sequence = before.map_or(0, |at| self.former.remove(at).1);
        let surplus = self.former.len().saturating_sub(FORMER_MAX);
        self.former.drain(..surplus);
        self.outboxes_lost = self.outboxes_lost.saturating_add(1);
    }

    /// How it does at `now`.
    pub fn presence(&self, now: Time) -> Presence {
        match self.stream {
            None => Presence::Away,
            Some(_) if now.since(self.heard_at) > LATE_AFTER => Presence::Late,
            Some(_) => Presence::Connected,
        }
    }

    /// Under what name its news enter the graph.
    pub fn source(&self) -> Source {
        Source { site: self.hello.site.clone(), relay: self.hello.relay, outbox: self.hello.outbox }
    }
}

/// All relays.
#[derive(Debug, Default)]
pub struct Relays {
    relays: BTreeMap<RelayKey, Relay>,
    streams: BTreeMap<StreamId, RelayKey>,
    /// Those whose record is not what it was, and those whose cursor is not.
    touched: BTreeSet<RelayKey>,
    advanced: BTreeSet<RelayKey>,
}

impl Relays {
    /// A relay opened a stream. Returns the stream that it replaces.
    pub fn connect(&mut self, now: Time, stream: StreamId, hello: RelayHello) -> Option<StreamId> {
        let key = RelayKey { site: hello.site.clone(), relay: hello.relay };
        self.streams.insert(stream, key.clone());
        self.touched.insert(key.clone());
        self.advanced.insert(key.clone());
        let Some(relay) = self.relays.get_mut(&key) else {
            let relay = Relay::new(now, stream, hello);
            self.relays.insert(key, relay);
            return None;
        };
        if relay.hello.outbox != hello.outbox {
            relay.change_outbox(hello.outbox);
        }
        relay.hello = hello;
        relay.heard_at = now;
        let replaced = relay.stream.replace(stream).filter(|&old| old != stream);
        if let Some(old) = replaced {
            self.streams.remove(&old);
        }
        replaced
    }

    /// A stream ended. Returns whose it was, if it was somebody's newest.
    pub fn disconnect(&mut self, now: Time, stream: StreamId) -> Option<RelayKey> {
        let key = self.streams.remove(&stream)?;
        let relay = self.relays.get_mut(&key)?;
        relay.stream = None;
        relay.heard_at = now;
        self.touched.insert(key.clone());
        Some(key)
    }

    /// The news on that stream up to a sequence are in the store.
    pub fn took(&mut self, stream: StreamId, sequence: u64) {
        let Some(key) = self.streams.get(&stream) else { return };
        if let Some(relay) = self.relays.get_mut(key) {
            relay.sequence = sequence;
            self.advanced.insert(key.clone());
        }
    }

    /// A news on that stream was passed over.
    pub fn passed_over(&mut self, stream: StreamId, sequence: u64, why: String) {
        self.took(stream, sequence);
        let Some(key) = self.streams.get(&stream) else { return };
        if let Some(relay) = self.relays.get_mut(key) {
            relay.refused = relay.refused.saturating_add(1);
            relay.refused_why = why;
            self.touched.insert(key.clone());
        }
    }

    /// A relay told a news: its picture is another.
    pub(crate) fn pictured(&mut self, key: &RelayKey, news: &News) -> Option<Keep> {
        let relay = self.relays.get_mut(key)?;
        relay.picture.tell(news);
        let thing = news.key();
        Some(match relay.picture.of(&thing) {
            Some(told) => Keep::put(records::DIGEST, &(key, thing), &told),
            None => Keep::drop(records::DIGEST, &(key, thing)),
        })
    }

    /// A thing is no part of a relay's picture any more, though it did not say so.
    pub(crate) fn unpictured(&mut self, key: &RelayKey, thing: &Key) -> Option<Keep> {
        let relay = self.relays.get_mut(key)?;
        relay.picture.of(thing)?;
        relay.picture.forget(thing);
        Some(Keep::drop(records::DIGEST, &(key, thing)))
    }

    /// Whether another relay of the same site told of that thing too.
    pub(crate) fn others_know(&self, key: &RelayKey, thing: &Key) -> bool {
        let others = self.relays.iter().filter(|(other, _)| other.site == key.site && *other != key);
        others.into_iter().any(|(_, relay)| relay.picture.of(thing).is_some())
    }

    /// Who speaks on a stream.
    pub fn speaker(&self, stream: StreamId) -> Option<&RelayKey> {
        self.streams.get(&stream)
    }

    /// What is to be written down since it was asked last.
    pub(crate) fn keeps(&mut self, wall: WallClock) -> Vec<Keep> {
        let (touched, advanced) = (core::mem::take(&mut self.touched), core::mem::take(&mut self.advanced));
        let of = |key: &RelayKey| self.relays.get(key);
        let told =
            touched.iter().filter_map(|key| Some(Keep::put(records::RELAY, key, &of(key)?.kept(wall))));
        let cursors = advanced.iter().filter_map(|key| {
            let relay = of(key)?;
            Some(Keep::put(records::CURSOR, key, &(relay.hello.outbox, relay.sequence)))
        });
        let former = touched.iter().filter_map(|key| {
            let former = &of(key)?.former;
            (!former.is_empty()).then(|| Keep::put(records::FORMER, key, former))
        });
        told.chain(cursors).chain(former).collect()
    }

    /// A relay that was written down: it has no stream.
    pub(crate) fn restore(
        &mut self,
        wall: WallClock,
        key: RelayKey,
        kept: KeptRelay,
        cursor: Option<Cursor>,
        former: Vec<Cursor>,
    ) {
        let age = Duration::from_millis(wall.unix_ms.saturating_sub(kept.heard_ms));
        let sequence = cursor.filter(|(outbox, _)| *outbox == kept.hello.outbox).map_or(0, |(_, at)| at);
        let relay = Relay {
            stream: None,
            hello: kept.hello,
            sequence,
            heard_at: wall.at.before(age),
            beat: RelayBeat::default(),
            outboxes_lost: kept.outboxes_lost,
            former,
            refused: kept.refused,
            refused_why: kept.refused_why,
            picture: Picture::default(),
        };
        self.relays.insert(key, relay);
    }

    /// A relay is known no more. Says what must be written down, and whose stream it had.
    pub(crate) fn forget(&mut self, key: &RelayKey) -> (Vec<Keep>, Option<StreamId>) {
        let Some(relay) = self.relays.remove(key) else { return (Vec::new(), None) };
        self.touched.remove(key);
        self.advanced.remove(key);
        if let Some(stream) = relay.stream {
            self.streams.remove(&stream);
        }
        let kinds = [records::RELAY, records::CURSOR, records::FORMER];
        (kinds.map(|kind| Keep::drop(kind, key)).into(), relay.stream)
    }

    /// The relay of that key.
    pub fn get(&self, key: &RelayKey) -> Option<&Relay> {
        self.relays.get(key)
    }

    pub(crate) fn get_mut(&mut self, key: &RelayKey) -> Option<&mut Relay> {
        self.relays.get_mut(key)
    }

    /// The relay that speaks on a stream, now heard.
    pub fn heard(&mut self, now: Time, stream: StreamId) -> Option<&mut Relay> {
        let relay = self.relays.get_mut(self.streams.get(&stream)?)?;
        relay.heard_at = now;
        Some(relay)
    }

    /// All of them, by site and number.
    pub fn iter(&self) -> impl Iterator<Item = (&RelayKey, &Relay)> {
        self.relays.iter()
    }

    /// The relay that acts for a site: of those with a stream the one of the highest term, the lower number
    /// among equals. If none has a stream, the one that did last.
    pub fn acting(&self, site: &Name) -> Option<RelayId> {
        let of_site = self.relays.iter().filter(|(key, _)| key.site == *site);
        let rank = |(key, relay): &(&RelayKey, &Relay)| {
            (relay.stream.is_some(), relay.hello.term, core::cmp::Reverse(key.relay))
        };
        of_site.max_by_key(rank).map(|(key, _)| key.relay)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hello(relay: u8, term: u32, outbox: u64) -> RelayHello {
        let site = Name::new("lab").unwrap();
        let (run, host_boot) = (Boot([relay; 16]), Boot([1; 16]));
        let version = "1".into();
        let relay = RelayId(relay);
        RelayHello { site, relay, term, outbox, insecure: false, version, run, host_boot, mesh_address: None }
    }

    #[test]
    fn the_acting_relay_has_a_stream_then_the_highest_term_then_the_lowest_number() {
        let site = Name::new("lab").unwrap();
        let mut relays = Relays::default();
        assert_eq!(relays.acting(&site), None);
        let steps = [(1, 1, 5, 1), (2, 2, 5, 1), (3, 3, 6, 3)];
        for (stream, relay, term, acting) in steps {
            relays.connect(Time::ZERO, StreamId(stream), hello(relay, term, 9));
            assert_eq!(relays.acting(&site), Some(RelayId(acting)), "after relay {relay}");
        }
        relays.disconnect(Time::ZERO, StreamId(3));
        assert_eq!(relays.acting(&site), Some(RelayId(1)));
        assert_eq!(relays.acting(&Name::new("other").unwrap()), None);
    }

    #[test]
    fn a_second_stream_replaces_the_first_and_a_new_outbox_counts_anew() {
        let mut relays = Relays::default();
        assert_eq!(relays.connect(Time::ZERO, StreamId(1), hello(1, 1, 7)), None);
        relays.heard(Time::ZERO, StreamId(1)).unwrap().sequence = 40;
        assert_eq!(relays.connect(Time::ZERO, StreamId(2), hello(1, 1, 7)), Some(StreamId(1)));
        assert!(relays.heard(Time::ZERO, StreamId(1)).is_none(), "a replaced stream speaks for nobody");
        assert_eq!(relays.disconnect(Time::ZERO, StreamId(1)), None, "its end is no relay's end");
        assert_eq!(relays.heard(Time::ZERO, StreamId(2)).unwrap().sequence, 40);
        relays.connect(Time::ZERO, StreamId(3), hello(1, 2, 8));
        let relay = relays.heard(Time::ZERO, StreamId(3)).unwrap();
        assert_eq!((relay.sequence, relay.outboxes_lost), (0, 1));
    }

    /// What it is told after it came with each of these outboxes and told so many news of each.
    fn told_after(relays: &mut Relays, outboxes: &[(u64, u64)]) -> Vec<u64> {
        let told = outboxes.iter().zip(1..).map(|((outbox, news), stream)| {
            relays.connect(Time::ZERO, StreamId(stream), hello(1, 1, *outbox));
            let found = relays.heard(Time::ZERO, StreamId(stream)).unwrap().sequence;
            relays.took(StreamId(stream), found + news);
            found
        });
        told.collect()
    }

    #[test]
    fn an_outbox_that_is_found_again_is_told_how_far_it_was_taken() {
        let mut relays = Relays::default();
        // A disk that holds 7 for good, with a nonce drawn after each start.
        let starts = [(7, 40), (8, 2), (7, 0), (9, 5), (7, 1), (10, 0), (9, 0)];
        assert_eq!(told_after(&mut relays, &starts), [0, 0, 40, 0, 40, 0, 5]);
        // However many others it had meanwhile, up to a bound.
        let many: Vec<(u64, u64)> = (20..30).map(|outbox| (outbox, 1)).chain([(28, 0), (20, 0)]).collect();
        assert_eq!(told_after(&mut relays, &many)[10..], [1, 0]);
        let (_, relay) = relays.iter().next().unwrap();
        assert_eq!(relay.former.len(), FORMER_MAX);
    }
}
