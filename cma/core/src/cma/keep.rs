//! What an authority writes down at the end of a turn, and how it comes back from that.

use std::collections::BTreeMap;

use ringmesh_proto::digest::Group;
use ringmesh_proto::keep::{Keep, Unreadable};
use ringmesh_proto::news::{IncidentNews, Key as NewsKey};
use ringmesh_proto::seal::Key;
use ringmesh_proto::time::WallClock;
use ringmesh_topology::id::IncidentId;
use serde::{Deserialize, Serialize};

use super::turn::Turn;
use super::{Cma, CmaConfig, Identity};
use crate::estate::Estate;
use crate::graph::{Edge, Entry, GraphStore, MemoryGraph, Node, Source, StoreError};
use crate::history::History;
use crate::incident::Revision;
use crate::notifier::KeptTrack;
use crate::past::Past;
use crate::records::{self, Record};
use crate::relay::{Cursor, KeptRelay, RelayKey};

/// The numbers given last.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Counters {
    page: u64,
    event: u64,
    link: u32,
    outage: u64,
    own_sequence: u64,
    revision: u64,
}

/// What was read back and waits for what it belongs to.
#[derive(Default)]
struct Loose {
    relays: BTreeMap<RelayKey, KeptRelay>,
    cursors: BTreeMap<RelayKey, Cursor>,
    former: BTreeMap<RelayKey, Vec<Cursor>>,
    digests: Vec<((RelayKey, NewsKey), (Group, u64))>,
    incidents: BTreeMap<IncidentId, (Source, IncidentNews)>,
    revisions: BTreeMap<IncidentId, Vec<Revision>>,
    tracks: Vec<(IncidentId, KeptTrack)>,
}

/// What an authority has written down, as it is read back: the large part of it is in its place already.
pub struct Kept<G = MemoryGraph> {
    graph: G,
    history: History,
    rest: Vec<(Vec<u8>, Vec<u8>)>,
}

impl<G: GraphStore> Kept<G> {
    /// Nothing yet, over a graph that is empty.
    pub fn over(graph: G) -> Self {
        Self { graph, history: History::default(), rest: Vec::new() }
    }

    /// Takes the next record, in the order of their keys.
    pub fn take(&mut self, key: &[u8], value: &[u8]) -> Result<(), Unreadable> {
        let record = Record::new(key, value)?;
        match record.kind {
            records::NODE => {
                let (key, (facts, source, revision)) = (record.thing()?, record.value()?);
                let node = Entry::Node(Node { key, facts, source });
                self.graph.restore(revision, node).map_err(store_failed)?;
            }
            records::EDGE => {
                let (key, (tie, source, since_ms, revision)) = (record.thing()?, record.value()?);
                let edge = Entry::Edge(Edge { key, tie, source, since_ms });
                self.graph.restore(revision, edge).map_err(store_failed)?;
            }
            records::EVENT => self.history.insert(record.number()?, record.value()?),
            _ => self.rest.push((key.to_vec(), value.to_vec())),
        }
        Ok(())
    }

    /// Reads records, in the order of their keys, into a graph that is empty. May take a while.
    pub fn read(graph: G, records: impl IntoIterator<Item = (Vec<u8>, Vec<u8>)>) -> Result<Self, Unreadable> {
        let mut kept = Self::over(graph);
        for (key, value) in records {
            kept.take(&key, &value)?;
        }
        Ok(kept)
    }

    /// The authority goes on from there, at the wall clock's reading; from nothing, it is a first start.
    pub fn start(self, config: CmaConfig, wall: WallClock) -> Result<Cma<G>, Unreadable> {
        let mut cma = Cma::new(config, wall, self.graph);
        cma.history = self.history;
        let mut loose = Loose::default();
        for (key, value) in self.rest {
            cma.take_record(&Record::new(&key, &value)?, &mut loose)?;
        }
        let at = cma.kept.1.revision;
        if at > 0 {
            // Past every number that another run over these records, or over a later state of them, can have given.
            let run = cma.config.fresh.epoch & u64::from(u32::MAX);
            cma.graph.restored(at, (((at >> 32) + 1) << 32) + run);
        }
        cma.estate = Estate::over(&cma.graph).map_err(store_failed)?;
        cma.past = Past::over(&cma.graph, cma.config.nodes_max).map_err(store_failed)?;
        cma.put_together(loose);
        Ok(cma)
    }
}

impl<G: GraphStore> Cma<G> {
    /// An authority that was killed, from the records it ordered to be kept; with none it is a first start. The graph
    /// is empty and is filled from them.
    pub fn restore(
        config: CmaConfig,
        wall: WallClock,
        graph: G,
        records: impl IntoIterator<Item = (Vec<u8>, Vec<u8>)>,
    ) -> Result<Self, Unreadable> {
        Kept::read(graph, records)?.start(config, wall)
    }

    fn take_record(&mut self, record: &Record<'_>, loose: &mut Loose) -> Result<(), Unreadable> {
        match record.kind {
            records::IDENTITY => {
                let (epoch, secret) = record.value()?;
                self.identity = Identity { epoch, mesh_secret: Key(secret) };
                self.kept.0 = Some(self.identity.clone());
            }
            records::COUNTERS => {
                let counters: Counters = record.value()?;
                (self.last_page, self.history.last) = (counters.page, counters.event);
                (self.outages_given, self.own_sequence) = (counters.outage, counters.own_sequence);
                (self.mesh.last, self.revision) = (counters.link, counters.revision);
                self.kept.1 = counters;
            }
            records::RELAY => drop(loose.relays.insert(record.thing()?, record.value()?)),
            records::CURSOR => drop(loose.cursors.insert(record.thing()?, record.value()?)),
            records::FORMER => drop(loose.former.insert(record.thing()?, record.value()?)),
            records::DIGEST => loose.digests.push((record.thing()?, record.value()?)),
            records::INCIDENT => drop(loose.incidents.insert(record.thing()?, record.value()?)),
            records::REVISION => {
                let (id, _): ([u8; 8], [u8; 4]) = record.thing()?;
                let id = IncidentId(u64::from_be_bytes(id));
                loose.revisions.entry(id).or_default().push(record.value()?);
            }
            records::TOLD => loose.tracks.push((record.thing()?, record.value()?)),
            records::PAGE => drop(self.pages.insert(record.number()?, record.value()?)),
            records::ORPHAN => self.restore_orphan(record.thing()?, record.value()?),
            records::FORGET => drop(self.forgets.insert(record.thing()?, record.value()?)),
            records::LINK => self.mesh.restore(record.thing()?, record.value()?),
            records::WORD => self.sites.restore_word(self.wall, record.thing()?, record.value()?),
            records::OUTAGE => self.sites.restore_outage(record.thing()?, record.value()?),
            _ => return Err(record.unknown()),
        }
        Ok(())
    }

    fn put_together(&mut self, mut loose: Loose) {
        for (key, kept) in loose.relays {
            let cursor = loose.cursors.get(&key).copied();
            let former = loose.former.remove(&key).unwrap_or_default();
            self.sites.restore_relay(self.started, key.clone(), kept.run());
            self.relays.restore(self.wall, key, kept, cursor, former);
        }
        for ((relay, thing), (group, digest)) in loose.digests {
            if let Some(relay) = self.relays.get_mut(&relay) {
                relay.picture.restore(thing, group, digest);
            }
        }
        for (id, (source, news)) in loose.incidents {
            let revisions = loose.revisions.remove(&id).unwrap_or_default();
            self.incidents.restore(source, news, revisions);
        }
        for (id, track) in loose.tracks {
            self.notifier.restore(self.wall, id, &track);
        }
    }

    /// The turn is over: what it changed is written down before anything it ordered leaves.
    pub(super) fn write_down(&mut self, turn: &mut Turn) {
        if self.kept.0.as_ref() != Some(&self.identity) {
            let Identity { epoch, mesh_secret } = self.identity.clone();
            turn.keep([Keep::put(records::IDENTITY, &(), &(epoch, mesh_secret.0))]);
            self.kept.0 = Some(self.identity.clone());
        }
        turn.keep(self.relays.keeps(self.wall));
        turn.keep(self.sites.keeps());
        turn.keep(self.orphans_kept());
        turn.keep(self.incidents.keeps());
        turn.keep(self.notifier.keeps(self.wall));
        let counters = Counters {
            page: self.last_page,
            event: self.history.last,
            link: self.mesh.last,
            outage: self.outages_given,
            own_sequence: self.own_sequence,
            revision: self.revision,
        };
        if counters != self.kept.1 {
            turn.keep([Keep::put(records::COUNTERS, &(), &counters)]);
            self.kept.1 = counters;
        }
    }
}

fn store_failed(error: StoreError) -> Unreadable {
    Unreadable { kind: records::NODE, why: error.to_string() }
}
