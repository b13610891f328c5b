//! `ringmesh tree --at`: what hung where at a moment that is past, from the events that are kept.
//!
//! Rings are no events, so a tree of then has none.

use std::collections::BTreeMap;

use ringmesh_proto::news::News;
use ringmesh_proto::time::Time;
use ringmesh_topology::id::{IncidentId, Name, RelayId};

use super::tree::{Around, Drawing};
use crate::calendar::utc;
use crate::cma::Cma;
use crate::documents::{Tree, TreeIncident, TreeRelay};
use crate::estate::Estate;
use crate::graph::{Facts, GraphStore, MemoryGraph, NodeKey, Op, Stamp, StoreError};
use crate::history::{Happened, Judged, Row, Thing};
use crate::incident::OWN;
use crate::relay::Presence;

/// Nothing is known of that moment.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotThen {
    /// It has not come yet.
    #[error("{} has not come yet: it is {}", utc(*at_ms), utc(*now_ms))]
    Future {
        /// What was asked for.
        at_ms: u64,
        /// What it is.
        now_ms: u64,
    },
    /// Nothing that old is kept.
    #[error("nothing is kept of {}: the oldest event is of {}", utc(*at_ms), utc(*oldest_ms))]
    TooOld {
        /// What was asked for.
        at_ms: u64,
        /// The oldest there is.
        oldest_ms: u64,
    },
    /// Nothing has happened yet.
    #[error("nothing is kept of {}: no event is kept yet", utc(*at_ms))]
    Empty {
        /// What was asked for.
        at_ms: u64,
    },
    /// The store could not be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What is known of one moment.
#[derive(Default)]
struct Then<'a> {
    graph: MemoryGraph,
    estate: Estate,
    relays: BTreeMap<(&'a Name, RelayId), bool>,
    incidents: BTreeMap<IncidentId, (&'a Row, &'a Judged)>,
}

impl<G: GraphStore> Cma<G> {
    /// Everything that hung somewhere at a moment in wall time, and how it did.
    pub fn tree_at(&self, now: Time, at_ms: u64) -> Result<Tree, NotThen> {
        let now_ms = self.wall.unix_ms(now);
        if at_ms > now_ms {
            return Err(NotThen::Future { at_ms, now_ms });
        }
        let oldest_ms = self.history.oldest().ok_or(NotThen::Empty { at_ms })?.at_ms;
        if at_ms < oldest_ms {
            return Err(NotThen::TooOld { at_ms, oldest_ms });
        }
        let mut then = Then::default();
        for (number, row) in self.history.after(0).filter(|(_, row)| row.at_ms <= at_ms) {
            then.take(number, row)?;
        }
        let around = |site: &Name| then.around(site);
        Ok(Drawing { graph: &then.graph, at_ms, around: &around }.tree()?)
    }
}

impl<'a> Then<'a> {
    fn take(&mut self, number: u64, row: &'a Row) -> Result<(), StoreError> {
        let news = match (&row.thing, &row.happened) {
            (_, Happened::Host(host)) => News::Host((**host).clone()),
            (Thing::Host(name), Happened::HostGone) => News::HostGone(name.clone()),
            (_, Happened::Switch(switch)) => News::Switch(switch.clone()),
            (Thing::Incident(id), Happened::Incident(judged)) => {
                self.incidents.insert(*id, (row, judged));
                return Ok(());
            }
            (_, Happened::Connected { .. }) => return self.relay(number, row, true),
            (_, Happened::Lost { .. }) => return self.relay(number, row, false),
            (_, Happened::Forgotten) => {
                self.relays.remove(&(&row.source.site, row.source.relay));
                let last = !self.relays.keys().any(|(site, _)| **site == row.source.site);
                let site = last.then(|| Op::DropNode(NodeKey::site(&row.source.site)));
                return self.apply(number, row, site.as_slice());
            }
            (_, Happened::HostGone | Happened::Incident(_)) => return Ok(()),
        };
        let ops = self.estate.operations(&self.graph, &row.source, &news)?;
        // Events of a relay that fell silent may be older than any word of its coming.
        let site = Op::Node(NodeKey::site(&row.source.site), Facts::Site);
        self.apply(number, row, &[&[site], &ops[..]].concat())
    }

    fn relay(&mut self, number: u64, row: &'a Row, here: bool) -> Result<(), StoreError> {
        self.relays.insert((&row.source.site, row.source.relay), here);
        self.apply(number, row, &[Op::Node(NodeKey::site(&row.source.site), Facts::Site)])
    }

    fn apply(&mut self, number: u64, row: &Row, ops: &[Op]) -> Result<(), StoreError> {
        let stamp = Stamp { source: row.source.clone(), sequence: number, at_ms: row.at_ms };
        self.graph.apply(&stamp, ops).map(|_| ())
    }

    fn around(&self, site: &Name) -> Around {
        let of_site = self.relays.iter().filter(|((of, _), _)| *of == site);
        let acting = of_site.clone().max_by_key(|((_, relay), here)| (**here, core::cmp::Reverse(*relay)));
        let acting = acting.map(|((_, relay), _)| *relay);
        let relays = of_site.map(|((_, relay), here)| TreeRelay {
            id: relay.0,
            state: if *here { Presence::Connected } else { Presence::Away }.word().to_owned(),
            active: acting == Some(*relay),
        });
        let of_site =
            self.incidents.iter().filter(|(_, (row, judged))| row.source.site == *site && !judged.closed);
        let judged = of_site.clone().filter(|(_, (row, _))| row.source.relay == OWN);
        let judged = judged.map(|(_, (_, judged))| judged.verdict.clone()).next_back();
        let incidents = of_site.map(|(id, (_, judged))| TreeIncident {
            id: id.to_string(),
            verdict: judged.verdict.clone(),
            about: judged.about.clone(),
        });
        Around { acting, relays: relays.collect(), judged, incidents: incidents.collect() }
    }
}
