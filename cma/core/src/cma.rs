//! The collective monitoring authority as a machine.
//!
//! It hears only news: from relays, each over its stream, numbered. It keeps the graph and the incidents,
//! acknowledges what is in the store and nothing earlier, and tells people through the [`Notifier`]. It judges
//! nothing: verdicts come from relays, who hear the witnesses.
//! Reads no clock, no socket, no file.
//!
//! What must survive a kill it orders to be written down ([`Action::Keep`], [`crate::records`]), before all other
//! orders of the same turn; these wait for the disk. So whatever prefix of turns is found at the next start, nobody
//! was told more than it holds.
//!
//! # Invariants
//! - A news is applied exactly once, and acknowledged only after it is in the store.
//! - After `DeadlineReached` at `now`, `next_deadline() > now`.

mod admit;
mod forget;
mod forget_relay;
mod keep;
mod news;
mod orphans;
mod outages;
mod pages;
mod resync;
mod say;
mod turn;

pub use forget::ForgetError;
pub use keep::Kept;
pub use say::Say;

use std::collections::BTreeMap;

use ringmesh_proto::digest::{Group, Thing};
use ringmesh_proto::keep::Keep;
use ringmesh_proto::machine::{Machine, Sink};
use ringmesh_proto::mesh::MeshOrder;
use ringmesh_proto::news::{Key as NewsKey, News, RelayHello, Warning};
use ringmesh_proto::seal::Key;
use ringmesh_proto::time::{Duration, Time, WallClock};
use ringmesh_topology::id::{IncidentId, Name, RelayId};

use crate::documents::PageLine;
use crate::estate::Estate;
use crate::graph::{GraphStore, MemoryGraph, StoreError};
use crate::history::History;
use crate::incident::Incidents;
use crate::mesh::Mesh;
use crate::notifier::{Holds, Notifier};
use crate::past::Past;
use crate::relay::{RelayBeat, RelayKey, Relays, StreamId};
use crate::sites::Sites;
use admit::CrowdedOut;
use keep::Counters;
use resync::Rounds;
use turn::Turn;

/// What an authority is told once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CmaConfig {
    /// Names this authority in notification keys, for people who run several.
    pub installation: Name,
    /// How long pages and tickets are held.
    pub holds: Holds,
    /// So long a relay must be back before an incident about it or its site is over.
    pub close_hold: Duration,
    /// The graph takes no new hosts beyond so many nodes.
    pub nodes_max: u64,
    /// Relays speak plain text.
    pub insecure: bool,
    /// Lines are handed to somebody.
    pub notifies: bool,
    /// Drawn at every start; taken if the store has no identity yet.
    pub fresh: Identity,
}

/// What an authority is for good: drawn when its store was made, and kept in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// A relay that meets another epoch meets an authority that knows nothing of it.
    pub epoch: u64,
    /// The keys of the mesh ring follow from it.
    pub mesh_secret: Key,
}

/// What may happen to an authority.
#[derive(Clone, Debug)]
pub enum Event {
    /// The wall clock was read.
    WallClock(WallClock),
    /// A relay opened a stream.
    RelayConnected {
        /// The stream.
        stream: StreamId,
        /// What it said first.
        hello: RelayHello,
    },
    /// A relay told a news.
    RelayNews {
        /// On this stream.
        stream: StreamId,
        /// The number of the news in its outbox.
        sequence: u64,
        /// The news.
        news: News,
    },
    /// A relay told a news that this authority does not understand.
    RelayRefused {
        /// On this stream.
        stream: StreamId,
        /// The number of the news in its outbox.
        sequence: u64,
        /// What is wrong with it.
        why: String,
    },
    /// A relay told of itself.
    RelayBeat {
        /// On this stream.
        stream: StreamId,
        /// What it told.
        beat: RelayBeat,
    },
    /// A relay told that its stream is alive.
    RelayPulse {
        /// On this stream.
        stream: StreamId,
        /// News not yet acknowledged.
        pending: u64,
        /// The digest of everything it told, where nothing is pending.
        picture: Option<u64>,
    },
    /// A relay told the digests of all groups.
    Groups {
        /// On this stream.
        stream: StreamId,
        /// By group.
        groups: BTreeMap<Group, u64>,
    },
    /// A relay told the digests of the things of some groups.
    Things {
        /// On this stream.
        stream: StreamId,
        /// As of this sequence of its outbox.
        sequence: u64,
        /// By group.
        groups: Vec<(Group, Vec<Thing>)>,
    },
    /// A stream ended.
    RelayGone {
        /// The stream.
        stream: StreamId,
    },
    /// A line was taken over by whoever brings it to people: it need not be ordered again.
    HandedOn {
        /// Its number.
        page: u64,
    },
    /// What the shell around it wants somebody to look at. Replaces what it said before.
    OwnWarnings(Vec<Warning>),
    /// The deadline has come.
    DeadlineReached,
}

/// What an authority orders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Write this down before anything that follows leaves the process.
    Keep(Keep),
    /// Tell a relay which news are in the store.
    Welcome {
        /// On this stream.
        stream: StreamId,
        /// The store's epoch.
        epoch: u64,
        /// News up to this sequence are in it.
        sequence: u64,
    },
    /// Tell a relay that its news up to a sequence are in the store.
    Acknowledge {
        /// On this stream.
        stream: StreamId,
        /// Up to this sequence.
        sequence: u64,
    },
    /// Ask a relay for the digests of all groups: it told something else than what is known here.
    Compare {
        /// On this stream.
        stream: StreamId,
    },
    /// Ask a relay for the digests of the things of these groups.
    CompareGroups {
        /// On this stream.
        stream: StreamId,
        /// The groups that differ.
        groups: Vec<Group>,
    },
    /// Ask a relay to tell these things again.
    Want {
        /// On this stream.
        stream: StreamId,
        /// The things.
        keys: Vec<NewsKey>,
    },
    /// Tell a relay its place in the mesh ring, whole. The shell adds the keys, which follow from
    /// [`Identity::mesh_secret`].
    Mesh {
        /// On this stream.
        stream: StreamId,
        /// Its links.
        order: MeshOrder,
    },
    /// Tell a relay to take a host out of its roster.
    ForgetHost {
        /// On this stream.
        stream: StreamId,
        /// The host.
        host: Name,
    },
    /// End a stream: its relay has a newer one, or must tell again what the store did not take.
    Hangup {
        /// The stream.
        stream: StreamId,
    },
    /// Hand a line to people, and say so ([`Event::HandedOn`]): after a restart it is ordered again otherwise.
    Page {
        /// Its number, given once.
        number: u64,
        /// The line.
        line: Box<PageLine>,
    },
    /// Write this to the log.
    Say(Say),
}

/// The authority. See the module.
pub struct Cma<G = MemoryGraph> {
    pub(crate) config: CmaConfig,
    identity: Identity,
    pub(crate) started: Time,
    pub(crate) wall: WallClock,
    pub(crate) relays: Relays,
    pub(crate) graph: G,
    estate: Estate,
    pub(crate) incidents: Incidents,
    pub(crate) notifier: Notifier,
    pub(crate) history: History,
    pub(crate) past: Past,
    pub(crate) own_warnings: Vec<Warning>,
    pub(crate) store_error: Option<StoreError>,
    pub(crate) sites: Sites,
    mesh: Mesh,
    /// What each relay was told of its place in the ring, and on which stream.
    mesh_told: BTreeMap<RelayKey, (StreamId, MeshOrder)>,
    /// How many incidents, and revisions of such, were our own.
    outages_given: u64,
    own_sequence: u64,
    /// The newest revision of the graph.
    revision: u64,
    /// How far the comparison with each relay is.
    rounds: Rounds,
    /// Hosts that the graph has no room for.
    crowded_out: CrowdedOut,
    /// Hosts to be forgotten, by site, since when.
    forgets: BTreeMap<(Name, Name), u64>,
    /// Open incidents that their relay knows nothing of, and since when all their hosts are up.
    orphans: BTreeMap<IncidentId, Option<Time>>,
    /// The same, as it was written down.
    orphans_written: BTreeMap<IncidentId, Option<Time>>,
    /// Lines that nobody took over yet.
    pages: BTreeMap<u64, PageLine>,
    /// The number given to a line last.
    last_page: u64,
    /// Nothing was ordered since the start.
    is_new: bool,
    /// What was written down of the identity and of the numbers given last.
    kept: (Option<Identity>, Counters),
}

impl<G: GraphStore> Cma<G> {
    /// An authority that starts at the wall clock's reading, over an empty store, and knows nothing.
    pub fn new(config: CmaConfig, wall: WallClock, graph: G) -> Self {
        let notifier = Notifier::new(wall.at, config.holds);
        let past = Past::new(config.nodes_max);
        Self {
            identity: config.fresh.clone(),
            sites: Sites::new(config.close_hold),
            mesh: Mesh::default(),
            mesh_told: BTreeMap::new(),
            outages_given: 0,
            own_sequence: 0,
            revision: 0,
            config,
            started: wall.at,
            wall,
            relays: Relays::default(),
            graph,
            estate: Estate::default(),
            incidents: Incidents::default(),
            notifier,
            history: History::default(),
            past,
            own_warnings: Vec::new(),
            store_error: None,
            rounds: Rounds::default(),
            crowded_out: CrowdedOut::default(),
            forgets: BTreeMap::new(),
            orphans: BTreeMap::new(),
            orphans_written: BTreeMap::new(),
            pages: BTreeMap::new(),
            last_page: 0,
            is_new: true,
            kept: (None, Counters::default()),
        }
    }

    /// The graph.
    pub fn graph(&self) -> &G {
        &self.graph
    }

    /// What it is for good.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// The digest of what is known here of all that a relay told; `None` of one that never came.
    pub fn picture(&self, site: &Name, relay: RelayId) -> Option<u64> {
        let key = RelayKey { site: site.clone(), relay };
        self.relays.get(&key).map(|known| known.picture.whole())
    }

    /// Whatever comes on a stream, its relay lives.
    fn hear(&mut self, now: Time, stream: StreamId, pulse: bool) {
        if let Some(relay) = self.relays.speaker(stream) {
            self.sites.heard(now, relay, pulse);
        }
    }

    fn take_event(&mut self, now: Time, event: Event, turn: &mut Turn) {
        match event {
            Event::WallClock(wall) => self.wall = wall,
            Event::RelayConnected { stream, hello } => self.connect(now, stream, hello, turn),
            Event::RelayNews { stream, sequence, news } => {
                self.hear(now, stream, false);
                self.news(now, stream, sequence, news, turn);
            }
            Event::RelayRefused { stream, sequence, why } => {
                self.hear(now, stream, false);
                self.refuse(now, stream, sequence, why, turn);
            }
            Event::RelayBeat { stream, beat } => {
                self.hear(now, stream, false);
                if let Some(relay) = self.relays.heard(now, stream) {
                    relay.beat = beat;
                    // A relay asks by a beat whether it can still hear us: the answer is all it needs.
                    turn.put(Action::Acknowledge { stream, sequence: relay.sequence });
                }
            }
            Event::RelayPulse { stream, pending, picture } => {
                self.hear(now, stream, true);
                self.pulse(now, stream, pending, picture, turn);
            }
            Event::Groups { stream, groups } => {
                self.hear(now, stream, false);
                self.compare_groups(now, stream, &groups, turn);
            }
            Event::Things { stream, sequence, groups } => {
                self.hear(now, stream, false);
                self.compare_things(now, stream, sequence, &groups, turn);
            }
            Event::RelayGone { stream } => self.gone(now, stream),
            Event::HandedOn { page } => self.handed_on(page, turn),
            Event::OwnWarnings(warnings) => self.own_warnings = warnings,
            Event::DeadlineReached => self.page_what_is_due(now, turn),
        }
    }
}

impl<G: GraphStore> Machine for Cma<G> {
    type Event<'a> = Event;
    type Action = Action;

    fn on_event(&mut self, now: Time, event: Event, out: &mut impl Sink<Action>) {
        let reached = matches!(event, Event::DeadlineReached);
        let mut turn = Turn::default();
        self.order_pending_pages(&mut turn);
        self.take_event(now, event, &mut turn);
        self.look_at_sites(now, &mut turn);
        self.end_orphans(now, &mut turn);
        self.write_down(&mut turn);
        turn.pour(out);
        debug_assert!(!reached || self.next_deadline() > now);
    }

    fn next_deadline(&self) -> Time {
        // Lines that were not taken over before a restart do not wait for somebody to speak.
        if self.is_new && !self.pages.is_empty() {
            return self.started;
        }
        self.notifier.next_deadline().min(self.sites.next_deadline()).min(self.orphans_deadline())
    }
}

#[cfg(test)]
mod restart;
#[cfg(test)]
mod tests;
