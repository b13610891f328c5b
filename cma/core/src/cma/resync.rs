//! How a relay and this authority come to one picture again, when something was lost between them.
//!
//! A relay tells the digest of all it told, every two seconds. While it is ours too, nothing is said. Where it is not,
//! one round goes over the stream: digests of groups, digests of the things of the groups that differ, and then only
//! the things that differ are told again, as ordinary news. What the relay knows nothing of is dropped.
//!
//! A round speaks of one moment: if news were taken since, it is ignored, and the next pulse begins another. A round
//! that did not help is not repeated at once, and each time later.

use std::collections::BTreeMap;

use ringmesh_proto::digest::{Group, Thing};
use ringmesh_proto::news::{Key, News, PeerState};
use ringmesh_proto::time::{Duration, Time};
use ringmesh_topology::id::Name;

use super::turn::Turn;
use super::{Action, Cma};
use crate::graph::{Direction, GraphStore, NodeKey, Op, Relation, Source, StoreError};
use crate::history::{Happened, Thing as Subject};
use crate::relay::{RelayKey, StreamId};

/// From the beginning of one round to the next, at least.
const ROUND_EVERY: Duration = Duration::from_secs(10);
/// The longest wait, if rounds do not help.
const ROUND_EVERY_MAX: Duration = Duration::from_secs(600);

/// What is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Nothing,
    Groups,
    Things,
}

#[derive(Clone, Copy, Debug)]
struct Round {
    stage: Stage,
    not_before: Time,
    wait: Duration,
    /// The relay spoke of this sequence, and we were behind it.
    behind: Option<u64>,
}

/// The rounds, by stream.
#[derive(Debug, Default)]
pub(super) struct Rounds(BTreeMap<StreamId, Round>);

impl Rounds {
    pub(super) fn end(&mut self, stream: StreamId) {
        self.0.remove(&stream);
    }

    fn of(&mut self, stream: StreamId) -> &mut Round {
        let new = Round { stage: Stage::Nothing, not_before: Time::ZERO, wait: ROUND_EVERY, behind: None };
        self.0.entry(stream).or_insert(new)
    }

    /// Takes an answer, if it is the one that is waited for.
    fn answered(&mut self, stream: StreamId, stage: Stage, next: Stage) -> bool {
        match self.0.get_mut(&stream) {
            Some(round) if round.stage == stage => {
                round.stage = next;
                true
            }
            Some(_) | None => false,
        }
    }
}

impl<G: GraphStore> Cma<G> {
    pub(super) fn pulse(
        &mut self,
        now: Time,
        stream: StreamId,
        pending: u64,
        picture: Option<u64>,
        turn: &mut Turn,
    ) {
        let Some(relay) = self.relays.heard(now, stream) else { return };
        relay.beat.pending = pending;
        // It asks by a pulse whether it can still hear us: the answer is all it needs.
        turn.put(Action::Acknowledge { stream, sequence: relay.sequence });
        let Some(picture) = picture else { return };
        let same = relay.picture.whole() == picture;
        let round = self.rounds.of(stream);
        if same {
            *round = Round { stage: Stage::Nothing, wait: ROUND_EVERY, behind: None, ..*round };
        } else if now >= round.not_before {
            let wait = (round.wait * 2).min(ROUND_EVERY_MAX);
            *round = Round { stage: Stage::Groups, not_before: now + round.wait, wait, ..*round };
            turn.put(Action::Compare { stream });
        }
    }

    pub(super) fn compare_groups(
        &mut self,
        now: Time,
        stream: StreamId,
        groups: &BTreeMap<Group, u64>,
        turn: &mut Turn,
    ) {
        let Some(relay) = self.relays.heard(now, stream) else { return };
        let groups = relay.picture.differing(groups);
        let next = if groups.is_empty() { Stage::Nothing } else { Stage::Things };
        if self.rounds.answered(stream, Stage::Groups, next) && !groups.is_empty() {
            turn.put(Action::CompareGroups { stream, groups });
        }
    }

    pub(super) fn compare_things(
        &mut self,
        now: Time,
        stream: StreamId,
        sequence: u64,
        groups: &[(Group, Vec<Thing>)],
        turn: &mut Turn,
    ) {
        let Some(relay) = self.relays.heard(now, stream) else { return };
        if !self.rounds.answered(stream, Stage::Things, Stage::Nothing) || relay.sequence > sequence {
            return;
        }
        let compared = relay.picture.compare(groups);
        let (source, here) = (relay.source(), relay.sequence);
        // Behind the relay, a thing that moved meanwhile looks gone. Behind at the same place twice, and with
        // nothing pending, is for good: what lies between was taken before our store went back in time.
        let round = self.rounds.of(stream);
        let drop_extra = here == sequence || round.behind == Some(sequence);
        round.behind = (here < sequence).then_some(sequence);
        if drop_extra {
            let key = RelayKey { site: source.site.clone(), relay: source.relay };
            for thing in &compared.extra {
                self.drop_extra(now, &source, &key, here, thing, turn);
            }
        }
        if !compared.wanted.is_empty() {
            turn.put(Action::Want { stream, keys: compared.wanted });
        }
    }

    /// A relay knows nothing of a thing that it told of before.
    pub(super) fn drop_extra(
        &mut self,
        now: Time,
        source: &Source,
        relay: &RelayKey,
        sequence: u64,
        thing: &Key,
        turn: &mut Turn,
    ) {
        let ops = match self.extra_operations(source, relay, thing) {
            Ok(ops) => ops,
            Err(error) => {
                self.store_failed(error, turn);
                return;
            }
        };
        if !self.apply(now, source, sequence, &ops, turn) {
            return;
        }
        turn.keep(self.relays.unpictured(relay, thing));
        if let Key::Incident(id) = thing {
            self.orphaned(now, *id, turn);
        }
        if let Key::Peer(site, peer) = thing {
            let about = RelayKey { site: site.clone(), relay: *peer };
            turn.keep([self.sites.word(self.wall, now, relay, about, PeerState::Unwatched)]);
        }
        if let Key::Host(name) = thing
            && !ops.is_empty()
        {
            self.forgotten(&relay.site, name, turn);
            self.stir_orphans(now, &relay.site, name);
            self.note(now, source, 0, Subject::Host(name.clone()), Happened::HostGone, turn);
        }
    }

    fn extra_operations(
        &mut self,
        source: &Source,
        relay: &RelayKey,
        thing: &Key,
    ) -> Result<Vec<Op>, StoreError> {
        if self.relays.others_know(relay, thing) {
            return Ok(Vec::new());
        }
        match thing {
            Key::Host(name) => self.estate.operations(&self.graph, source, &News::HostGone(name.clone())),
            Key::Ring(ring) => self.estate.operations(&self.graph, source, &News::RingGone(*ring)),
            Key::Switch(id) => self.lone_switch(&relay.site, id),
            // An incident is never over by amnesia, and what a neighbour hears is no part of the graph.
            Key::Incident(_) | Key::Peer(..) | Key::Start => Ok(Vec::new()),
        }
    }

    /// The end of a switch, unless some host hangs on it.
    fn lone_switch(&self, site: &Name, id: &str) -> Result<Vec<Op>, StoreError> {
        let switch = NodeKey::switch(site, id);
        for port in self.graph.neighbours(&switch, Direction::Out, Some(Relation::HasPort))? {
            let wires = self.graph.neighbours(&port.key.to, Direction::In, Some(Relation::WiredTo))?;
            if !wires.is_empty() {
                return Ok(Vec::new());
            }
        }
        Ok(vec![Op::DropNode(switch)])
    }

    /// A relay that lost its state numbers its rings anew: what it told of them before is no picture of the new ones.
    pub(super) fn forget_pictured_rings(&mut self, relay: &RelayKey, turn: &mut Turn) {
        let Some(known) = self.relays.get(relay) else { return };
        let things = known.picture.things(&Group::Rings).map(|thing| thing.key);
        let rings: Vec<Key> = things.filter(|key| matches!(key, Key::Ring(_))).collect();
        for ring in rings {
            turn.keep(self.relays.unpictured(relay, &ring));
        }
    }
}

#[cfg(test)]
mod tests;
