//! What happened: one row for every news of a host, a switch or an incident, and for every coming and going of a
//! relay.
//!
//! A row is numbered once and never changes. Of one thing the newest [`ROWS_OF_A_THING_MAX`] are kept, of all things
//! the newest [`ROWS_MAX`]. Rows of hosts keep what the news said, so that the tree of a moment can be shown again.
//!
//! # Invariants
//! - Numbers rise and are never given twice, over restarts too.
//! - (relay, birth of its outbox, sequence) stands in one row at most; comings and goings have no sequence.

use std::collections::{BTreeMap, BTreeSet};

use ringmesh_proto::keep::Keep;
use ringmesh_proto::news::{HostNews, SwitchNews};
use ringmesh_topology::id::{IncidentId, Name};
use serde::{Deserialize, Serialize};

use crate::graph::Source;
use crate::records;

/// How many rows of one thing are kept.
pub const ROWS_OF_A_THING_MAX: usize = 100;
/// How many rows are kept in all.
pub const ROWS_MAX: usize = 500_000;

/// What a row is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Thing {
    /// A host.
    Host(Name),
    /// A switch, by id.
    Switch(String),
    /// An incident.
    Incident(IncidentId),
    /// The relay that is the source of the row.
    Relay(u8),
}

/// What happened to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Happened {
    /// A host is so.
    Host(Box<HostNews>),
    /// A host left the roster.
    HostGone,
    /// A switch is so.
    Switch(SwitchNews),
    /// An incident was opened, revised or closed.
    Incident(Box<Judged>),
    /// A relay connected.
    Connected {
        /// It came without its outbox.
        anew: bool,
    },
    /// A relay was lost.
    Lost {
        /// Its stream ended; else nothing came any more.
        ended: bool,
    },
    /// An operator said that a relay is gone for good.
    Forgotten,
}

/// What a revision of an incident said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Judged {
    /// It is the first that was told.
    pub first: bool,
    /// It is over.
    pub closed: bool,
    /// The verdict as printed.
    pub verdict: String,
    /// What it is about, in words.
    pub about: String,
    /// Why this revision differs from the one before.
    pub why: String,
}

/// One event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// Who told it.
    pub source: Source,
    /// As what number; 0 for what nobody told.
    pub sequence: u64,
    /// When it was taken, in wall time.
    pub at_ms: u64,
    /// What it is about.
    pub thing: Thing,
    /// What happened.
    pub happened: Happened,
}

/// All events that are kept.
#[derive(Debug)]
pub struct History {
    rows: BTreeMap<u64, Row>,
    of: BTreeMap<(Name, Thing), BTreeSet<u64>>,
    /// The number given last.
    pub(crate) last: u64,
    rows_max: usize,
}

impl Default for History {
    fn default() -> Self {
        Self { rows: BTreeMap::new(), of: BTreeMap::new(), last: 0, rows_max: ROWS_MAX }
    }
}

impl History {
    /// Notes an event, and forgets what is too old; says what must be written down.
    pub fn note(&mut self, row: Row) -> Vec<Keep> {
        self.last += 1;
        let number = self.last;
        let mut keeps = vec![records::put_numbered(records::EVENT, number, &row)];
        let key = (row.source.site.clone(), row.thing.clone());
        self.insert(number, row);
        let of_thing = self.of.get(&key).filter(|numbers| numbers.len() > ROWS_OF_A_THING_MAX);
        let too_old = of_thing.and_then(|numbers| numbers.first().copied());
        keeps.extend(too_old.and_then(|number| self.drop_row(number)));
        if self.rows.len() > self.rows_max {
            let oldest = self.rows.keys().next().copied();
            keeps.extend(oldest.and_then(|number| self.drop_row(number)));
        }
        keeps
    }

    /// A row that was written down before.
    pub(crate) fn insert(&mut self, number: u64, row: Row) {
        let key = (row.source.site.clone(), row.thing.clone());
        self.of.entry(key).or_default().insert(number);
        self.rows.insert(number, row);
    }

    /// Forgets all rows of a thing.
    pub fn forget(&mut self, site: &Name, thing: &Thing) -> Vec<Keep> {
        let numbers = self.of.get(&(site.clone(), thing.clone())).cloned().unwrap_or_default();
        numbers.into_iter().filter_map(|number| self.drop_row(number)).collect()
    }

    fn drop_row(&mut self, number: u64) -> Option<Keep> {
        let row = self.rows.remove(&number)?;
        let key = (row.source.site, row.thing);
        if let Some(numbers) = self.of.get_mut(&key) {
            numbers.remove(&number);
            if numbers.is_empty() {
                self.of.remove(&key);
            }
        }
        Some(records::drop_numbered(records::EVENT, number))
    }

    /// Those after a number, oldest first.
    pub fn after(&self, number: u64) -> impl DoubleEndedIterator<Item = (u64, &Row)> {
        self.rows.range(number.saturating_add(1)..).map(|(number, row)| (*number, row))
    }

    /// The oldest that is kept.
    pub fn oldest(&self) -> Option<&Row> {
        self.rows.values().next()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::name;
    use ringmesh_topology::id::RelayId;

    fn row(thing: Thing, sequence: u64) -> Row {
        let source = Source { site: name("lab"), relay: RelayId(1), outbox: 9 };
        Row { source, sequence, at_ms: sequence, thing, happened: Happened::HostGone }
    }

    fn kept(history: &History) -> Vec<u64> {
        history.after(0).map(|(number, _)| number).collect()
    }

    #[test]
    fn of_one_thing_the_newest_hundred_are_kept_and_what_goes_is_dropped_from_the_store_too() {
        let mut history = History::default();
        history.note(row(Thing::Host(name("quiet")), 1));
        for sequence in 2..=ROWS_OF_A_THING_MAX as u64 + 1 {
            assert_eq!(history.note(row(Thing::Host(name("loud")), sequence)).len(), 1);
        }
        let keeps = history.note(row(Thing::Host(name("loud")), 200));
        assert_eq!(keeps[1..], [records::drop_numbered(records::EVENT, 2)]);
        assert_eq!(kept(&history)[..2], [1, 3]);
        assert_eq!(history.forget(&name("lab"), &Thing::Host(name("loud"))).len(), ROWS_OF_A_THING_MAX);
        assert_eq!(kept(&history), [1]);
    }

    #[test]
    fn of_all_things_the_newest_are_kept_and_no_number_is_given_twice() {
        let mut history = History { rows_max: 2, ..History::default() };
        for n in 1..=4 {
            history.note(row(Thing::Switch(format!("sw{n}")), n));
        }
        assert_eq!(kept(&history), [3, 4]);
        history.forget(&name("lab"), &Thing::Switch("sw4".into()));
        history.note(row(Thing::Switch("sw5".into()), 5));
        assert_eq!(kept(&history), [3, 5]);
    }
}
