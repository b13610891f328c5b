//! Streams and news: how what relays tell gets into the store, each news once.

use ringmesh_proto::digest::Picture;
use ringmesh_proto::news::{IncidentNews, News, RelayHello};
use ringmesh_proto::time::Time;

use super::turn::Turn;
use super::{Action, Cma, Say};
use crate::estate::{Estate, relay_operations};
use crate::graph::{Change, GraphStore, NodeKey, Op, Source, Stamp, StoreError};
use crate::history::{Happened, Judged, Row, Thing};
use crate::incident::Taken;
use crate::past;
use crate::records;
use crate::relay::{RelayKey, StreamId};
use crate::view;

impl<G: GraphStore> Cma<G> {
    pub(super) fn connect(&mut self, now: Time, stream: StreamId, hello: RelayHello, turn: &mut Turn) {
        let key = RelayKey { site: hello.site.clone(), relay: hello.relay };
        let anew = self.relays.get(&key).is_some_and(|relay| relay.hello.outbox != hello.outbox);
        let term = hello.term;
        if let Some(old) = self.relays.connect(now, stream, hello) {
            self.rounds.end(old);
            turn.put(Action::Hangup { stream: old });
        }
        let Some(relay) = self.relays.heard(now, stream) else { return };
        let (source, sequence) = (relay.source(), relay.sequence);
        if anew {
            self.drop_rings(now, &source, &key, turn);
            self.forget_pictured_rings(&key, turn);
        }
        // What a relay says of itself is no news: its stamp is that of the news before.
        self.apply(now, &source, sequence, &relay_operations(&key.site, key.relay, term), turn);
        self.note(now, &source, 0, Thing::Relay(key.relay.0), Happened::Connected { anew }, turn);
        if let Some(run) = self.relays.get(&key).map(|relay| relay.hello.run) {
            turn.keep(self.sites.connected(now, &key, run));
        }
        self.stir_orphans_of(now, &key);
        turn.put(Action::Say(Say::RelayConnected { relay: key, anew }));
        turn.put(Action::Welcome { stream, epoch: self.identity.epoch, sequence });
        self.order_forgets(&source.site, stream, turn);
    }

    pub(super) fn gone(&mut self, now: Time, stream: StreamId) {
        self.rounds.end(stream);
        if let Some(key) = self.relays.disconnect(now, stream) {
            self.sites.ended(now, &key);
        }
    }

    pub(super) fn news(&mut self, now: Time, stream: StreamId, sequence: u64, news: News, turn: &mut Turn) {
        let Some(relay) = self.relays.heard(now, stream) else { return };
        let (source, known) = (relay.source(), relay.sequence);
        if sequence <= known {
            turn.put(Action::Acknowledge { stream, sequence: known });
            return;
        }
        let key = RelayKey { site: source.site.clone(), relay: source.relay };
        let overruled = self.is_overruled(&source, &news);
        // A store that fails says so when it is to take the news.
        let crowded_out = self.is_crowded_out(&source.site, &news).unwrap_or(false);
        if !crowded_out && !self.take(now, &source, sequence, &news, turn) {
            // The next news must not overtake this one: the relay comes again and tells from here.
            self.gone(now, stream);
            turn.put(Action::Hangup { stream });
            return;
        }
        if !overruled {
            let written = self.relays.pictured(&key, &news);
            turn.keep(written.filter(|_| !crowded_out));
        }
        if let News::Incident(incident) = &news {
            self.claimed(now, &source, incident.id, turn);
        }
        self.relays.took(stream, sequence);
        turn.put(Action::Acknowledge { stream, sequence });
    }

    /// Passes over a news that cannot be understood: what follows it must not wait for ever behind it.
    pub(super) fn refuse(
        &mut self,
        now: Time,
        stream: StreamId,
        sequence: u64,
        why: String,
        turn: &mut Turn,
    ) {
        let Some(relay) = self.relays.heard(now, stream) else { return };
        let (known, key) =
            (relay.sequence, RelayKey { site: relay.hello.site.clone(), relay: relay.hello.relay });
        if sequence > known {
            turn.put(Action::Say(Say::NewsRefused { relay: key, sequence, why: why.clone() }));
            self.relays.passed_over(stream, sequence, why);
        }
        turn.put(Action::Acknowledge { stream, sequence: known.max(sequence) });
    }

    /// Applies a news; false if the store did not take it.
    fn take(&mut self, now: Time, source: &Source, sequence: u64, news: &News, turn: &mut Turn) -> bool {
        if let News::Incident(incident) = news
            && !self.is_next(source, incident, turn)
        {
            return true;
        }
        let ops = match self.estate.operations(&self.graph, source, news) {
            Ok(ops) => ops,
            Err(error) => return self.store_failed(error, turn),
        };
        if !self.apply(now, source, sequence, &ops, turn) {
            return false;
        }
        match news {
            News::Incident(incident) => {
                self.take_incident(now, source, sequence, (**incident).clone(), turn);
            }
            News::Host(host) => {
                let (thing, host) = (Thing::Host(host.name.clone()), Box::new(host.clone()));
                self.stir_orphans(now, &source.site, &host.name);
                self.note(now, source, sequence, thing, Happened::Host(host), turn);
            }
            News::HostGone(name) => {
                self.forgotten(&source.site, name, turn);
                self.leave_orphans(now, &source.site, name, turn);
                self.note(now, source, sequence, Thing::Host(name.clone()), Happened::HostGone, turn);
            }
            News::Switch(switch) => {
                let (thing, switch) = (Thing::Switch(switch.id.clone()), switch.clone());
                self.note(now, source, sequence, thing, Happened::Switch(switch), turn);
            }
            News::Peer(peer) => {
                let by = RelayKey { site: source.site.clone(), relay: source.relay };
                self.peer(now, &by, peer, turn);
            }
            News::Start(start) => {
                let relay = RelayKey { site: source.site.clone(), relay: source.relay };
                self.sites.started(&relay, *start);
            }
            News::Ring(_) | News::RingGone(_) => {}
        }
        true
    }

    /// A relay that lost its state cuts its rings anew and numbers them anew: those it told of before are no more.
    fn drop_rings(&mut self, now: Time, source: &Source, relay: &RelayKey, turn: &mut Turn) {
        match Estate::rings_gone(&self.graph, &relay.site, relay.relay) {
            Ok(ops) => {
                self.apply(now, source, 0, &ops, turn);
            }
            Err(error) => {
                self.store_failed(error, turn);
            }
        }
    }

    pub(super) fn apply(
        &mut self,
        now: Time,
        source: &Source,
        sequence: u64,
        ops: &[Op],
        turn: &mut Turn,
    ) -> bool {
        let stamp = Stamp { source: source.clone(), sequence, at_ms: self.wall.unix_ms(now) };
        let mut changes = Vec::new();
        let before = match self.apply_telling(&stamp, ops, &mut changes) {
            Ok(before) => before,
            Err(error) => return self.store_failed(error, turn),
        };
        self.store_error = None;
        if let Err(error) = self.keep_ended(&stamp, before, &mut changes) {
            self.store_failed(error, turn);
        }
        self.revision = changes.last().map_or(self.revision, |(revision, _)| *revision);
        turn.keep(changes.iter().map(records::written));
        true
    }

    /// Applies a batch; gives the wires that it may have ended, as they were.
    fn apply_telling(
        &mut self,
        stamp: &Stamp,
        ops: &[Op],
        changes: &mut Vec<(u64, Change)>,
    ) -> Result<past::Before, StoreError> {
        let before = past::endangered(&self.graph, ops)?;
        self.graph.apply_telling(stamp, ops, changes)?;
        Ok(before)
    }

    /// Keeps the wires that a batch ended. If that fails the batch stands, and their past is lost.
    fn keep_ended(
        &mut self,
        stamp: &Stamp,
        before: past::Before,
        changes: &mut Vec<(u64, Change)>,
    ) -> Result<(), StoreError> {
        if before.is_empty() {
            return Ok(());
        }
        let ops = self.past.operations(&self.graph, before, changes, stamp.at_ms)?;
        self.graph.apply_telling(stamp, &ops, changes)?;
        self.past.applied(&ops);
        Ok(())
    }

    pub(super) fn store_failed(&mut self, error: StoreError, turn: &mut Turn) -> bool {
        self.store_error = Some(error.clone());
        turn.put(Action::Say(Say::StoreFailed(error)));
        false
    }

    /// Whether an open incident is told in a revision that is not above the one we have, which says something else: we
    /// ended it while its relay was away, or its relay has an older disk. It is no part of the common picture, so that
    /// the next round has it told again, until it is told higher.
    fn is_overruled(&self, source: &Source, news: &News) -> bool {
        let News::Incident(told) = news else { return false };
        if told.closed || self.incidents.would_take(source, told) != Taken::Known {
            return false;
        }
        let digest = |news: &News| {
            let mut picture = Picture::default();
            picture.tell(news);
            picture.whole()
        };
        let ours = self.incidents.get(told.id).map(|known| News::Incident(Box::new(known.news.clone())));
        ours.is_some_and(|ours| digest(&ours) != digest(news))
    }

    /// Whether a revision is newer than what is known, and of the site that owns the incident.
    fn is_next(&self, source: &Source, news: &IncidentNews, turn: &mut Turn) -> bool {
        match self.incidents.would_take(source, news) {
            Taken::Opened | Taken::Revised => true,
            Taken::Known => false,
            Taken::Foreign => {
                let relay = RelayKey { site: source.site.clone(), relay: source.relay };
                turn.put(Action::Say(Say::IncidentForeign { id: news.id, relay }));
                false
            }
        }
    }

    pub(super) fn take_incident(
        &mut self,
        now: Time,
        source: &Source,
        sequence: u64,
        news: IncidentNews,
        turn: &mut Turn,
    ) {
        let id = news.id;
        let taken = self.incidents.take(source.clone(), news);
        self.adopt_orphans(now, id, turn);
        let Some(incident) = self.incidents.get(id) else { return };
        turn.put(Action::Say(Say::of(taken, incident)));
        let judged = Box::new(Judged {
            first: taken == Taken::Opened,
            closed: incident.news.closed,
            verdict: incident.verdict(),
            about: view::line::subject_words(incident),
            why: incident.news.why.clone(),
        });
        let telling = self.notifier.revised(self.wall, now, incident);
        self.note(now, source, sequence, Thing::Incident(id), Happened::Incident(judged), turn);
        if let Some(telling) = telling {
            self.page(now, id, telling, turn);
        }
        self.forget_old_incidents(now, source, sequence, turn);
    }

    fn forget_old_incidents(&mut self, now: Time, source: &Source, sequence: u64, turn: &mut Turn) {
        let mut ops = Vec::new();
        for (site, id) in self.incidents.forget_old() {
            self.notifier.forget(id);
            turn.keep(self.history.forget(&site, &Thing::Incident(id)));
            ops.push(Op::DropNode(NodeKey::incident(id)));
        }
        if !ops.is_empty() {
            self.apply(now, source, sequence, &ops, turn);
        }
    }

    pub(super) fn note(
        &mut self,
        now: Time,
        source: &Source,
        sequence: u64,
        thing: Thing,
        happened: Happened,
        turn: &mut Turn,
    ) {
        let at_ms = self.wall.unix_ms(now);
        turn.keep(self.history.note(Row { source: source.clone(), sequence, at_ms, thing, happened }));
    }
}
