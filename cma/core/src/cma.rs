//! The collective monitoring authority as a machine.
//!
//! It hears only news: from relays, each over its stream, numbered. It keeps the graph and the incidents,
//! acknowledges what is in the store and nothing earlier, and tells people through the [`Notifier`]. It judges
//! nothing: verdicts come from relays, who hear the witnesses.
//! Reads no clock, no socket, no file.
//!
//! # Invariants
//! - A news is applied exactly once, and acknowledged only after it is in the store.
//! - After `DeadlineReached` at `now`, `next_deadline() > now`.

mod say;

pub use say::Say;

use ringmesh_proto::machine::{Machine, Sink};
use ringmesh_proto::news::{IncidentNews, News, RelayHello, Warning};
use ringmesh_proto::time::{Time, WallClock};
use ringmesh_topology::id::{IncidentId, Name};

use crate::documents::PageLine;
use crate::estate::{Estate, relay_operations};
use crate::graph::{GraphStore, MemoryGraph, NodeKey, Op, Source, Stamp, StoreError};
use crate::incident::{Incidents, Taken};
use crate::notifier::{Holds, Notifier, Telling};
use crate::relay::{RelayBeat, RelayKey, Relays, StreamId};
use crate::view;

/// What an authority is told once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CmaConfig {
    /// Names this authority in notification keys, for people who run several.
    pub installation: Name,
    /// How long pages and tickets are held.
    pub holds: Holds,
    /// Relays speak plain text.
    pub insecure: bool,
    /// Lines are handed to somebody.
    pub notifies: bool,
    /// Drawn when the store was made: a relay that meets another epoch tells everything again.
    pub epoch: u64,
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
    /// A stream ended.
    RelayGone {
        /// The stream.
        stream: StreamId,
    },
    /// What the shell around it wants somebody to look at. Replaces what it said before.
    OwnWarnings(Vec<Warning>),
    /// The deadline has come.
    DeadlineReached,
}

/// What an authority orders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
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
    /// End a stream: its relay has a newer one, or must tell again what the store did not take.
    Hangup {
        /// The stream.
        stream: StreamId,
    },
    /// Hand a line to people.
    Page(Box<PageLine>),
    /// Write this to the log.
    Say(Say),
}

/// The authority. See the module.
pub struct Cma<G = MemoryGraph> {
    pub(crate) config: CmaConfig,
    pub(crate) started: Time,
    pub(crate) wall: WallClock,
    pub(crate) relays: Relays,
    pub(crate) graph: G,
    estate: Estate,
    pub(crate) incidents: Incidents,
    pub(crate) notifier: Notifier,
    pub(crate) own_warnings: Vec<Warning>,
    pub(crate) store_error: Option<StoreError>,
}

impl<G: GraphStore> Cma<G> {
    /// An authority that starts at the wall clock's reading, over a store.
    pub fn new(config: CmaConfig, wall: WallClock, graph: G) -> Self {
        let notifier = Notifier::new(wall.at, config.holds);
        Self {
            config,
            started: wall.at,
            wall,
            relays: Relays::default(),
            graph,
            estate: Estate::default(),
            incidents: Incidents::default(),
            notifier,
            own_warnings: Vec::new(),
            store_error: None,
        }
    }

    /// The graph.
    pub fn graph(&self) -> &G {
        &self.graph
    }

    fn connect(&mut self, now: Time, stream: StreamId, hello: RelayHello, out: &mut impl Sink<Action>) {
        let key = RelayKey { site: hello.site.clone(), relay: hello.relay };
        let before = self.relays.iter().find(|(known, _)| **known == key);
        let anew = before.is_some_and(|(_, relay)| relay.hello.outbox != hello.outbox);
        let term = hello.term;
        if let Some(old) = self.relays.connect(now, stream, hello) {
            out.put(Action::Hangup { stream: old });
        }
        let Some(relay) = self.relays.heard(now, stream) else { return };
        let (source, sequence) = (relay.source(), relay.sequence);
        if anew {
            self.drop_rings(now, &source, &key, out);
        }
        // What a relay says of itself is no news: its stamp is that of the news before.
        self.apply(now, &source, sequence, &relay_operations(&key.site, key.relay, term), out);
        out.put(Action::Say(Say::RelayConnected { relay: key, anew }));
        out.put(Action::Welcome { stream, epoch: self.config.epoch, sequence });
    }

    fn news(&mut self, now: Time, stream: StreamId, sequence: u64, news: News, out: &mut impl Sink<Action>) {
        let Some(relay) = self.relays.heard(now, stream) else { return };
        let (source, known) = (relay.source(), relay.sequence);
        if sequence <= known {
            out.put(Action::Acknowledge { stream, sequence: known });
            return;
        }
        if !self.take(now, &source, sequence, news, out) {
            // The next news must not overtake this one: the relay comes again and tells from here.
            self.relays.disconnect(now, stream);
            out.put(Action::Hangup { stream });
            return;
        }
        if let Some(relay) = self.relays.heard(now, stream) {
            relay.sequence = sequence;
        }
        out.put(Action::Acknowledge { stream, sequence });
    }

    /// Passes over a news that cannot be understood: what follows it must not wait for ever behind it.
    fn refuse(
        &mut self,
        now: Time,
        stream: StreamId,
        sequence: u64,
        why: String,
        out: &mut impl Sink<Action>,
    ) {
        let Some(relay) = self.relays.heard(now, stream) else { return };
        if sequence > relay.sequence {
            relay.sequence = sequence;
            relay.refused = relay.refused.saturating_add(1);
            let key = RelayKey { site: relay.hello.site.clone(), relay: relay.hello.relay };
            out.put(Action::Say(Say::NewsRefused { relay: key, sequence, why: why.clone() }));
            relay.refused_why = why;
        }
        out.put(Action::Acknowledge { stream, sequence: relay.sequence });
    }

    /// Applies a news; false if the store did not take it.
    fn take(
        &mut self,
        now: Time,
        source: &Source,
        sequence: u64,
        news: News,
        out: &mut impl Sink<Action>,
    ) -> bool {
        if let News::Incident(incident) = &news
            && !self.is_next(source, incident, out)
        {
            return true;
        }
        let ops = match self.estate.operations(&self.graph, source, &news) {
            Ok(ops) => ops,
            Err(error) => return self.store_failed(error, out),
        };
        if !self.apply(now, source, sequence, &ops, out) {
            return false;
        }
        if let News::Incident(incident) = news {
            self.take_incident(now, source, sequence, *incident, out);
        }
        true
    }

    /// A relay that lost its state cuts its rings anew and numbers them anew: those it told of before are no more.
    fn drop_rings(&mut self, now: Time, source: &Source, relay: &RelayKey, out: &mut impl Sink<Action>) {
        match Estate::rings_gone(&self.graph, &relay.site, relay.relay) {
            Ok(ops) => {
                self.apply(now, source, 0, &ops, out);
            }
            Err(error) => {
                self.store_failed(error, out);
            }
        }
    }

    fn apply(
        &mut self,
        now: Time,
        source: &Source,
        sequence: u64,
        ops: &[Op],
        out: &mut impl Sink<Action>,
    ) -> bool {
        let stamp = Stamp { source: source.clone(), sequence, at_ms: self.wall.unix_ms(now) };
        match self.graph.apply(&stamp, ops) {
            Ok(_) => {
                self.store_error = None;
                true
            }
            Err(error) => self.store_failed(error, out),
        }
    }

    fn store_failed(&mut self, error: StoreError, out: &mut impl Sink<Action>) -> bool {
        self.store_error = Some(error.clone());
        out.put(Action::Say(Say::StoreFailed(error)));
        false
    }

    /// Whether a revision is newer than what is known, and of the site that owns the incident.
    fn is_next(&self, source: &Source, news: &IncidentNews, out: &mut impl Sink<Action>) -> bool {
        match self.incidents.would_take(source, news) {
            Taken::Opened | Taken::Revised => true,
            Taken::Known => false,
            Taken::Foreign => {
                let relay = RelayKey { site: source.site.clone(), relay: source.relay };
                out.put(Action::Say(Say::IncidentForeign { id: news.id, relay }));
                false
            }
        }
    }

    fn take_incident(
        &mut self,
        now: Time,
        source: &Source,
        sequence: u64,
        news: IncidentNews,
        out: &mut impl Sink<Action>,
    ) {
        let id = news.id;
        let taken = self.incidents.take(source.clone(), news);
        let Some(incident) = self.incidents.get(id) else { return };
        out.put(Action::Say(Say::of(taken, incident)));
        if let Some(telling) = self.notifier.revised(now, incident) {
            self.page(now, id, telling, out);
        }
        let forgotten = self.incidents.forget_old();
        let ops: Vec<Op> = forgotten.iter().map(|&id| Op::DropNode(NodeKey::incident(id))).collect();
        forgotten.into_iter().for_each(|id| self.notifier.forget(id));
        if !ops.is_empty() {
            self.apply(now, source, sequence, &ops, out);
        }
    }

    fn page(&self, now: Time, id: IncidentId, telling: Telling, out: &mut impl Sink<Action>) {
        let Some(incident) = self.incidents.get(id) else { return };
        let at_ms = self.wall.unix_ms(now);
        let line = view::line::page_line(&self.config.installation, at_ms, incident, telling);
        out.put(Action::Page(Box::new(line)));
    }

    fn page_what_is_due(&mut self, now: Time, out: &mut impl Sink<Action>) {
        for id in self.notifier.due(now) {
            let Some(incident) = self.incidents.get(id) else {
                self.notifier.forget(id);
                continue;
            };
            if let Some(telling) = self.notifier.look(now, incident) {
                self.page(now, id, telling, out);
            }
        }
    }
}

impl<G: GraphStore> Machine for Cma<G> {
    type Event<'a> = Event;
    type Action = Action;

    fn on_event(&mut self, now: Time, event: Event, out: &mut impl Sink<Action>) {
        match event {
            Event::WallClock(wall) => self.wall = wall,
            Event::RelayConnected { stream, hello } => self.connect(now, stream, hello, out),
            Event::RelayNews { stream, sequence, news } => self.news(now, stream, sequence, news, out),
            Event::RelayRefused { stream, sequence, why } => self.refuse(now, stream, sequence, why, out),
            Event::RelayBeat { stream, beat } => {
                if let Some(relay) = self.relays.heard(now, stream) {
                    relay.beat = beat;
                    // A relay asks by a beat whether it can still hear us: the answer is all it needs.
                    out.put(Action::Acknowledge { stream, sequence: relay.sequence });
                }
            }
            Event::RelayGone { stream } => {
                if let Some(relay) = self.relays.disconnect(now, stream) {
                    out.put(Action::Say(Say::RelayGone(relay)));
                }
            }
            Event::OwnWarnings(warnings) => self.own_warnings = warnings,
            Event::DeadlineReached => {
                self.page_what_is_due(now, out);
                debug_assert!(self.next_deadline() > now);
            }
        }
    }

    fn next_deadline(&self) -> Time {
        self.notifier.next_deadline()
    }
}

#[cfg(test)]
mod tests;
