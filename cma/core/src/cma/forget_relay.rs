//! Relays that an operator says are gone for good: what they told is known no more, and what waited for them ends.
//!
//! A relay that comes back all the same is a newcomer: it is compared with an empty picture and tells everything.

use ringmesh_proto::keep::Keep;
use ringmesh_proto::machine::Sink;
use ringmesh_proto::news::Key;
use ringmesh_proto::time::Time;
use ringmesh_topology::id::{IncidentId, Name, RelayId};

use super::forget::ForgetError;
use super::turn::Turn;
use super::{Action, Cma, Say};
use crate::documents::{ForgottenRelay, SCHEMA};
use crate::estate::Estate;
use crate::graph::{GraphStore, Label, NodeKey, Op, Source, StoreError, scan_all};
use crate::history::{Happened, Thing};
use crate::records;
use crate::relay::RelayKey;

/// What ends with its site. Incidents that are over stay as history.
const IN_A_SITE: [Label; 8] = [
    Label::Relay,
    Label::Switch,
    Label::SwitchPort,
    Label::Host,
    Label::Probe,
    Label::Nic,
    Label::IpAddress,
    Label::Ring,
];

const WHY: &str = "an operator said that the relay is gone for good";

impl<G: GraphStore> Cma<G> {
    /// Forgets a relay that is away; with it its site, if that has no other.
    pub fn forget_relay(
        &mut self,
        now: Time,
        site: &Name,
        relay: RelayId,
        out: &mut impl Sink<Action>,
    ) -> Result<ForgottenRelay, ForgetError> {
        let key = RelayKey { site: site.clone(), relay };
        let Some(known) = self.relays.get(&key) else {
            return Err(ForgetError::NoRelay { site: site.clone(), relay: relay.0 });
        };
        if self.sites.is_live(&key) {
            return Err(ForgetError::Speaks { site: site.clone(), relay: relay.0 });
        }
        let (source, sequence) = (known.source(), known.sequence);
        let with_site = !self.relays.iter().any(|(other, _)| other.site == *site && *other != key);
        // What cannot be read must not leave it half forgotten.
        let left = self.without(&key, with_site)?;
        let mut turn = Turn::default();
        self.order_pending_pages(&mut turn);
        self.drop_picture(now, &source, &key, sequence, &mut turn);
        let mut incidents = self.close_incidents_of(now, &key, &mut turn);
        let (over, words) = self.sites.forget(&key);
        turn.keep(words);
        over.iter().for_each(|outage| self.close_own(now, *outage, WHY, &mut turn));
        incidents += over.len();
        self.note(now, &source, 0, Thing::Relay(relay.0), Happened::Forgotten, &mut turn);
        self.apply(now, &source, sequence, &left, &mut turn);
        self.drop_relay(&key, with_site, &mut turn);
        self.look_at_sites(now, &mut turn);
        self.write_down(&mut turn);
        turn.pour(out);
        Ok(ForgottenRelay { schema: SCHEMA, site: site.to_string(), relay: relay.0, with_site, incidents })
    }

    /// All that it told, unless another relay told it too. Hosts first: a switch goes when nothing hangs on it.
    fn drop_picture(&mut self, now: Time, source: &Source, relay: &RelayKey, sequence: u64, turn: &mut Turn) {
        let Some(known) = self.relays.get(relay) else { return };
        let groups = known.picture.groups();
        let mut things: Vec<Key> =
            groups.flat_map(|(group, _)| known.picture.things(group)).map(|thing| thing.key).collect();
        things.sort_by_key(|thing| !matches!(thing, Key::Host(_)));
        things.iter().for_each(|thing| self.drop_extra(now, source, relay, sequence, thing, turn));
    }

    /// Nobody will tell of their end. Says how many there were.
    fn close_incidents_of(&mut self, now: Time, relay: &RelayKey, turn: &mut Turn) -> usize {
        let told = self.incidents.open();
        let told = told.filter(|i| (&i.source.site, i.source.relay) == (&relay.site, relay.relay));
        let ids: Vec<IncidentId> = told.map(|incident| incident.news.id).collect();
        ids.iter().for_each(|id| self.end_orphan(now, *id, WHY.to_owned(), turn));
        ids.len()
    }

    /// What the graph has of it; with its site all that is in that, also what only follows
    /// from what was told, as a switch that a host named.
    fn without(&self, relay: &RelayKey, with_site: bool) -> Result<Vec<Op>, StoreError> {
        if !with_site {
            let mut ops = Estate::rings_gone(&self.graph, &relay.site, relay.relay)?;
            ops.push(Op::DropNode(NodeKey::relay(&relay.site, relay.relay)));
            return Ok(ops);
        }
        let mut ops = vec![Op::DropNode(NodeKey::site(&relay.site))];
        for label in IN_A_SITE {
            let of_site = scan_all(&self.graph, label)?.into_iter().map(|node| node.key);
            ops.extend(of_site.filter(|key| key.is_in(relay.site.as_str())).map(Op::DropNode));
        }
        Ok(ops)
    }

    fn drop_relay(&mut self, relay: &RelayKey, with_site: bool, turn: &mut Turn) {
        let (keeps, stream) = self.relays.forget(relay);
        turn.keep(keeps);
        self.mesh_told.remove(relay);
        if let Some(stream) = stream {
            self.rounds.end(stream);
            turn.put(Action::Hangup { stream });
        }
        if with_site {
            let hosts: Vec<_> =
                self.forgets.keys().filter(|(site, _)| *site == relay.site).cloned().collect();
            for host in hosts {
                self.forgets.remove(&host);
                turn.keep([Keep::drop(records::FORGET, &host)]);
            }
        }
        turn.put(Action::Say(Say::RelayForgotten(relay.clone())));
    }
}

#[cfg(test)]
mod tests {
    use ringmesh_proto::digest::Picture;
    use ringmesh_proto::machine::Machine;
    use ringmesh_proto::news::News;

    use super::*;
    use crate::cma::Event;
    use crate::relay::StreamId;
    use crate::testing::{World, hello, host, host_incident, name, place, revised};
    use ringmesh_topology::verdict::Verdict;

    const FAR: StreamId = StreamId(5);

    fn world() -> World {
        let mut world = World::settled();
        world.news(News::Host(host("h1", vec![])));
        world.event(Event::RelayConnected { stream: FAR, hello: hello("far", 1, 3) });
        let on_switch = vec![place(2, "10.77.1.1", Some((1, "p1")))];
        let told =
            [News::Host(host("h1", on_switch)), News::Incident(Box::new(host_incident(Verdict::HostDown)))];
        for (sequence, news) in (1..).zip(told) {
            world.event(Event::RelayNews { stream: FAR, sequence, news });
        }
        world
    }

    fn forget(world: &mut World, relay: u8) -> Result<ForgottenRelay, ForgetError> {
        world.cma.forget_relay(world.now(), &name("far"), RelayId(relay), &mut world.out)
    }

    #[test]
    fn one_that_speaks_or_is_not_known_is_not_forgotten() {
        let mut world = world();
        let speaks = forget(&mut world, 1).unwrap_err().to_string();
        assert_eq!(speaks, "relay 1 of site far is connected: stop it first, then forget it");
        let unknown = forget(&mut world, 2).unwrap_err().to_string();
        assert_eq!(unknown, "no relay 2 of site far is known: `ringmesh status` shows them all");
        assert_eq!(world.cma.tree(world.now()).unwrap().sites.len(), 2);
    }

    #[test]
    fn an_incident_that_lasts_is_open_again_when_its_relay_was_forgotten_too_soon() {
        let mut world = world();
        world.event(Event::RelayGone { stream: FAR });
        world.run_to(world.now_ms + 10_000);
        forget(&mut world, 1).unwrap();
        let open = |world: &World| world.cma.incidents(world.now(), false).incidents.len();
        assert_eq!(open(&world), 0);

        // It was never told that its incident ended, and tells it higher by one in each round.
        world.event(Event::RelayConnected { stream: FAR, hello: hello("far", 1, 3) });
        let mut told = host_incident(Verdict::HostDown);
        let mut picture = Picture::default();
        let mut rounds = 0;
        for sequence in 1..=3 {
            told = revised(&told, 1_000);
            let news = News::Incident(Box::new(told.clone()));
            picture.tell(&news);
            world.event(Event::RelayNews { stream: FAR, sequence, news });
            world.out.clear();
            world.event(Event::RelayPulse { stream: FAR, pending: 0, picture: Some(picture.whole()) });
            if !world.out.iter().any(|action| matches!(action, Action::Compare { .. })) {
                break;
            }
            rounds += 1;
        }
        assert_eq!((open(&world), rounds), (1, 1));
    }

    #[test]
    fn nothing_of_a_site_is_left_when_its_only_relay_is_forgotten() {
        let mut world = world();
        world.event(Event::RelayGone { stream: FAR });
        world.run_to(world.now_ms + 10_000);
        let open = |world: &World| world.cma.incidents(world.now(), false).incidents.len();
        assert_eq!(open(&world), 2, "of the host and of the relay");
        let forgotten = forget(&mut world, 1).unwrap();
        assert_eq!((forgotten.with_site, forgotten.incidents), (true, 2));
        assert_eq!(open(&world), 0);
        for label in IN_A_SITE {
            let left = scan_all(world.cma.graph(), label).unwrap();
            let left: Vec<_> = left.iter().filter(|node| node.key.is_in("far")).collect();
            assert!(left.is_empty(), "{left:?}");
        }
        assert_eq!(world.cma.tree(world.now()).unwrap().sites.len(), 1);
        assert!(world.cma.next_deadline() > world.now());
    }
}
