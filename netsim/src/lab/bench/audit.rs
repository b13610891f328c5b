//! What was told and acknowledged on the wire, against what is on the CMA's disk in the end. Pure.
//!
//! A news that was told on a connection is *taken* once the CMA acknowledges it there, or welcomes the relay's next
//! connection with it. What an outbox replaced before it was taken need not be anywhere; what was taken must be in
//! the store, once.

use std::collections::{BTreeMap, BTreeSet};

use ringmesh_cma_core::history::{ROWS_OF_A_THING_MAX, Row, Thing};
use ringmesh_proto::pb;
use ringmesh_proto::pb::news_item::Body as News;

use super::stream::{Message, Said};

/// Site and number of a relay.
pub(super) type RelayId = (String, u32);

/// A news for good: its relay, the birth of the outbox, the sequence there.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct NewsId {
    pub(super) relay: RelayId,
    pub(super) birth: u64,
    pub(super) sequence: u64,
}

/// One news as it was told first.
#[derive(Clone, Debug)]
struct Told {
    /// What it is about; `None` if it is no event.
    about: Option<String>,
    octets: Vec<u8>,
    at_us: i64,
    taken: bool,
}

/// One connection.
#[derive(Clone, Debug)]
struct Talk {
    relay: RelayId,
    birth: u64,
    told: BTreeSet<u64>,
}

/// How a relay does, by its pulses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Standing {
    picture: Option<u64>,
    /// Pulses in a row that told that picture, while the CMA had nothing to ask.
    agreed: u32,
    /// When the first of them passed.
    since_us: i64,
}

/// The number that stands for the CMA itself, which tells nobody of its own incidents.
const OWN: u32 = 0;
/// So many pulses without a question: the CMA answers a pulse before the next one.
const AGREED: u32 = 2;

/// Everything that was heard.
#[derive(Debug, Default)]
pub(super) struct Heard {
    talks: BTreeMap<usize, Talk>,
    news: BTreeMap<NewsId, Told>,
    standing: BTreeMap<RelayId, Standing>,
    /// Sequences that were given to two different news.
    reused: Vec<NewsId>,
    /// Connections that got as far as a Hello.
    connections: usize,
}

impl Heard {
    /// One more message.
    pub(super) fn hear(&mut self, at_us: i64, message: &Message) {
        use pb::{from_authority::Body as Cma, from_relay::Body as Relay};
        let connection = message.connection;
        match &message.said {
            Said::Relay(Relay::Hello(hello)) => self.greeted(connection, hello),
            Said::Relay(Relay::News(item)) => self.told(at_us, connection, item),
            Said::Relay(Relay::Pulse(pulse)) => self.pulse(at_us, connection, pulse),
            Said::Cma(Cma::Welcome(welcome)) => self.welcomed(connection, welcome.sequence),
            Said::Cma(Cma::Acknowledged(acknowledged)) => self.taken(connection, acknowledged.sequence),
            Said::Cma(Cma::Compare(_) | Cma::CompareGroups(_) | Cma::Wanted(_)) => self.doubted(connection),
            Said::Relay(Relay::Beat(_) | Relay::Groups(_) | Relay::Things(_))
            | Said::Cma(Cma::Mesh(_) | Cma::Forget(_)) => {}
        }
    }

    fn greeted(&mut self, connection: usize, hello: &pb::RelayHello) {
        let relay = (hello.site.clone(), hello.relay);
        self.standing.insert(relay.clone(), Standing::default());
        self.talks.insert(connection, Talk { relay, birth: hello.outbox, told: BTreeSet::new() });
        self.connections += 1;
    }

    fn told(&mut self, at_us: i64, connection: usize, item: &pb::NewsItem) {
        let Some(talk) = self.talks.get_mut(&connection) else { return };
        talk.told.insert(item.sequence);
        let id = NewsId { relay: talk.relay.clone(), birth: talk.birth, sequence: item.sequence };
        self.standing.insert(talk.relay.clone(), Standing::default());
        let (about, octets) = (item.body.as_ref().and_then(about), prost::Message::encode_to_vec(item));
        match self.news.get(&id) {
            Some(before) if before.octets != octets => self.reused.push(id),
            Some(_) => {}
            None => drop(self.news.insert(id, Told { about, octets, at_us, taken: false })),
        }
    }

    fn pulse(&mut self, at_us: i64, connection: usize, pulse: &pb::Pulse) {
        let Some(talk) = self.talks.get(&connection) else { return };
        let standing = self.standing.entry(talk.relay.clone()).or_default();
        let picture = pulse.picture.filter(|_| pulse.pending == 0);
        let goes_on = picture.is_some() && standing.picture == picture;
        *standing = if goes_on {
            Standing { agreed: standing.agreed + 1, ..*standing }
        } else {
            Standing { picture, agreed: u32::from(picture.is_some()), since_us: at_us }
        };
    }

    fn doubted(&mut self, connection: usize) {
        let Some(talk) = self.talks.get(&connection) else { return };
        self.standing.insert(talk.relay.clone(), Standing::default());
    }

    /// The relay's connection before this one told all that is in the store of that birth.
    fn welcomed(&mut self, connection: usize, sequence: u64) {
        let Some(talk) = self.talks.get(&connection) else { return };
        let same = |before: &Talk| before.relay == talk.relay && before.birth == talk.birth;
        let before = self.talks.range(..connection).rev().find(|(_, before)| same(before));
        if let Some(before) = before.map(|(number, _)| *number) {
            self.taken(before, sequence);
        }
    }

    fn taken(&mut self, connection: usize, sequence: u64) {
        let Some(talk) = self.talks.get_mut(&connection) else { return };
        let later = talk.told.split_off(&(sequence + 1));
        for sequence in std::mem::replace(&mut talk.told, later) {
            let id = NewsId { relay: talk.relay.clone(), birth: talk.birth, sequence };
            if let Some(told) = self.news.get_mut(&id) {
                told.taken = true;
            }
        }
    }

    /// Relays whose pictures the CMA doubts, or has not been shown twice.
    pub(super) fn not_agreed(&self) -> Vec<&RelayId> {
        self.standing
            .iter()
            .filter(|(_, standing)| standing.agreed < AGREED)
            .map(|(relay, _)| relay)
            .collect()
    }

    /// Since when the CMA has had nothing to ask of the relay that speaks on a connection.
    pub(super) fn agreed_since(&self, connection: usize) -> Option<i64> {
        let standing = self.standing.get(&self.talks.get(&connection)?.relay)?;
        (standing.agreed >= AGREED).then_some(standing.since_us)
    }

    /// The picture that each relay showed last.
    pub(super) fn pictures(&self) -> BTreeMap<RelayId, Option<u64>> {
        self.standing.iter().map(|(relay, standing)| (relay.clone(), standing.picture)).collect()
    }

    /// Compares with what was found on the CMA's disk.
    pub(super) fn audit(&self, ledger: &Ledger) -> Audit {
        let mut stored: BTreeMap<NewsId, usize> = BTreeMap::new();
        for row in ledger.rows.values().filter(|row| row.sequence > 0) {
            *stored.entry(row_id(row)).or_default() += 1;
        }
        let mut births: BTreeMap<&RelayId, BTreeSet<u64>> = BTreeMap::new();
        let (mut last, mut known) = (BTreeMap::new(), BTreeMap::new());
        for id in self.news.keys() {
            births.entry(&id.relay).or_default().insert(id.birth);
            let outbox = (&id.relay, id.birth);
            // Keys are in order: the last of an outbox is the highest.
            last.insert(outbox, id.sequence);
            *known.entry(outbox).or_insert(0) += 1;
        }
        let mut audit = Audit {
            connections: self.connections,
            told: self.news.len(),
            reused: self.reused.clone(),
            twice: stored.iter().filter(|(_, times)| **times > 1).map(|(id, _)| id.clone()).collect(),
            anew: births.values().map(|births| births.len() - 1).sum(),
            never_told: last
                .iter()
                .map(|(outbox, last)| last - known.get(outbox).copied().unwrap_or(0))
                .sum(),
            unheard: stored
                .keys()
                .filter(|id| id.relay.1 != OWN && !self.news.contains_key(id))
                .cloned()
                .collect(),
            ..Audit::default()
        };
        for (id, told) in &self.news {
            let Some(about) = &told.about else { continue };
            match (told.taken, stored.contains_key(id)) {
                (true, true) => audit.stored += 1,
                (true, false) if ledger.full.contains(&(id.relay.0.clone(), about.clone())) => {
                    audit.compacted += 1;
                }
                (true, false) => audit.lost.push((id.clone(), about.clone(), told.at_us)),
                (false, _) => audit.replaced += 1,
            }
        }
        audit
    }
}

/// Every event that was ever found on the CMA's disk.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    rows: BTreeMap<u64, Row>,
    /// Things of a site of which so much happened between two looks that the first of it had to go.
    full: BTreeSet<(String, String)>,
}

impl Ledger {
    /// One more look at the disk.
    pub(super) fn look(&mut self, rows: BTreeMap<u64, Row>) {
        let before = self.rows.last_key_value().map_or(0, |(number, _)| *number);
        let mut new: BTreeMap<(String, String), usize> = BTreeMap::new();
        for (_, row) in rows.range(before + 1..) {
            *new.entry((row.source.site.to_string(), thing(&row.thing))).or_default() += 1;
        }
        let full = new.into_iter().filter(|(_, count)| *count >= ROWS_OF_A_THING_MAX);
        self.full.extend(full.map(|(thing, _)| thing));
        self.rows.extend(rows);
    }
}

/// What became of all that was told.
#[derive(Clone, Debug, Default)]
pub(super) struct Audit {
    /// Streams that were opened.
    pub(super) connections: usize,
    /// News told, events and others.
    pub(super) told: usize,
    /// Events that were taken and are in the store.
    pub(super) stored: usize,
    /// Events that were taken and made room for newer ones of the same thing.
    pub(super) compacted: usize,
    /// Events that were told while the CMA died, and replaced by newer ones before it was back.
    pub(super) replaced: usize,
    /// Sequences that an outbox gave and nobody heard: replaced before they could be told.
    pub(super) never_told: u64,
    /// Outboxes that began anew: what waited in them is lost.
    pub(super) anew: usize,
    /// Events that were taken and are nowhere: which, about what, told when.
    pub(super) lost: Vec<(NewsId, String, i64)>,
    /// Events that are there twice.
    pub(super) twice: Vec<NewsId>,
    /// Events that nobody was heard to tell.
    pub(super) unheard: Vec<NewsId>,
    /// Sequences given to two news.
    pub(super) reused: Vec<NewsId>,
}

fn row_id(row: &Row) -> NewsId {
    let relay = (row.source.site.to_string(), u32::from(row.source.relay.0));
    NewsId { relay, birth: row.source.outbox, sequence: row.sequence }
}

fn thing(thing: &Thing) -> String {
    match thing {
        Thing::Host(name) => format!("host {name}"),
        Thing::Switch(id) => format!("switch {id}"),
        Thing::Incident(id) => format!("incident {:016x}", id.0),
        Thing::Relay(number) => format!("relay {number}"),
    }
}

/// What an event is about; `None` for news that are no event.
fn about(news: &News) -> Option<String> {
    match news {
        News::Host(host) => Some(format!("host {}", host.name)),
        News::HostGone(name) => Some(format!("host {name}")),
        News::Switch(switch) => Some(format!("switch {}", switch.id)),
        News::Incident(incident) => Some(format!("incident {:016x}", incident.id)),
        News::Ring(_) | News::RingGone(_) | News::Peer(_) | News::Start(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use ringmesh_cma_core::graph::Source;
    use ringmesh_cma_core::history::Happened;
    use ringmesh_proto::pb::{from_authority::Body as Cma, from_relay::Body as Relay};
    use ringmesh_topology::id::{Name, RelayId as Number};

    use super::*;

    /// A run of messages on connections, of one relay.
    #[derive(Default)]
    struct Wire(Heard);

    impl Wire {
        fn says(&mut self, connection: usize, said: Said) -> &mut Self {
            self.0.hear(0, &Message { connection, octets: 0, said });
            self
        }

        fn opens(&mut self, connection: usize, birth: u64, taken: u64) -> &mut Self {
            let hello =
                pb::RelayHello { site: "s1".into(), relay: 1, outbox: birth, ..pb::RelayHello::default() };
            self.says(connection, Said::Relay(Relay::Hello(hello)));
            self.says(connection, Said::Cma(Cma::Welcome(pb::Welcome { epoch: 1, sequence: taken })))
        }

        fn tells(&mut self, connection: usize, sequence: u64, host: &str) -> &mut Self {
            let body = Some(News::HostGone(host.into()));
            self.says(connection, Said::Relay(Relay::News(pb::NewsItem { sequence, body })))
        }

        fn hears(&mut self, connection: usize, sequence: u64) -> &mut Self {
            self.says(connection, Said::Cma(Cma::Acknowledged(pb::Acknowledged { sequence })))
        }

        fn pulses(&mut self, connection: usize, pending: u64, picture: u64) -> &mut Self {
            let pulse = pb::Pulse { pending, picture: Some(picture) };
            self.says(connection, Said::Relay(Relay::Pulse(pulse)))
        }
    }

    fn row(relay: u8, birth: u64, sequence: u64, host: &str) -> Row {
        let site = Name::new("s1").unwrap();
        let source = Source { site, relay: Number(relay), outbox: birth };
        let thing = Thing::Host(Name::new(host).unwrap());
        Row { source, sequence, at_ms: 0, thing, happened: Happened::HostGone }
    }

    /// One look at these.
    fn ledger(rows: &[Row]) -> Ledger {
        let mut ledger = Ledger::default();
        ledger.look((1..).zip(rows.iter().cloned()).collect());
        ledger
    }

    fn lost(audit: &Audit) -> Vec<u64> {
        audit.lost.iter().map(|(id, ..)| id.sequence).collect()
    }

    #[test]
    fn what_was_acknowledged_must_be_there_once() {
        let mut wire = Wire::default();
        wire.opens(0, 9, 0).tells(0, 1, "a").tells(0, 2, "b").tells(0, 3, "c").hears(0, 2);
        let rows = [row(1, 9, 1, "a"), row(1, 9, 1, "a"), row(1, 8, 2, "b"), row(0, 4, 1, "own")];
        let audit = wire.0.audit(&ledger(&rows));
        assert_eq!((lost(&audit), audit.stored, audit.replaced), (vec![2], 1, 1));
        assert_eq!((audit.twice.len(), audit.unheard.len(), audit.told), (1, 1, 3));
    }

    #[test]
    fn a_welcome_acknowledges_what_the_connection_before_told_and_nothing_of_those_before_it() {
        let mut wire = Wire::default();
        // The CMA dies with 2 unread; the outbox replaces 2 by 4 before it is back.
        wire.opens(0, 9, 0).tells(0, 1, "a").tells(0, 2, "b");
        wire.opens(1, 9, 1).tells(1, 3, "c").tells(1, 4, "b");
        wire.opens(2, 9, 4).opens(3, 9, 4);
        let audit = wire.0.audit(&ledger(&[row(1, 9, 1, "a"), row(1, 9, 4, "b")]));
        assert_eq!((lost(&audit), audit.stored, audit.replaced), (vec![3], 2, 1));
        // Under another birth it counts from one again.
        let mut wire = Wire::default();
        wire.opens(0, 9, 0).tells(0, 1, "a").opens(1, 10, 5);
        assert_eq!((lost(&wire.0.audit(&ledger(&[]))), wire.0.audit(&ledger(&[])).anew), (vec![], 0));
        wire.tells(1, 4, "a");
        let audit = wire.0.audit(&ledger(&[]));
        assert_eq!((audit.anew, audit.never_told), (1, 3));
    }

    #[test]
    fn a_sequence_is_given_to_one_news_and_a_full_thing_makes_room() {
        let mut wire = Wire::default();
        wire.opens(0, 9, 0).tells(0, 1, "a").opens(1, 9, 0).tells(1, 1, "a").tells(1, 2, "a").hears(1, 2);
        assert_eq!(wire.0.audit(&ledger(&[])).reused.len(), 0);
        let full: Vec<Row> = (3..103).map(|sequence| row(1, 9, sequence, "a")).collect();
        let audit = wire.0.audit(&ledger(&full));
        assert_eq!((lost(&audit), audit.compacted), (vec![], 2));
        // Nothing of it had to go since the look before.
        let mut looked = ledger(&full[..1]);
        looked.look((1..).zip(full.iter().cloned()).collect());
        assert_eq!(lost(&wire.0.audit(&looked)), [1, 2]);
        wire.tells(1, 2, "b");
        assert_eq!(wire.0.audit(&ledger(&[])).reused.len(), 1);
    }

    #[test]
    fn pictures_agree_when_two_pulses_tell_one_and_the_cma_asks_nothing() {
        let mut wire = Wire::default();
        wire.opens(0, 9, 0).pulses(0, 0, 7);
        assert_eq!(wire.0.not_agreed().len(), 1);
        assert_eq!(wire.pulses(0, 0, 7).0.agreed_since(0), Some(0));
        assert!(wire.pulses(0, 0, 8).0.agreed_since(0).is_none(), "another picture");
        wire.pulses(0, 0, 8).says(0, Said::Cma(Cma::Compare(pb::Compare {})));
        assert_eq!(wire.0.not_agreed().len(), 1, "asked");
        wire.pulses(0, 0, 8).pulses(0, 1, 8).pulses(0, 0, 8);
        assert_eq!(wire.0.not_agreed().len(), 1, "news wait");
        assert_eq!(wire.pulses(0, 0, 8).0.pictures().into_values().collect::<Vec<_>>(), [Some(8)]);
    }
}
