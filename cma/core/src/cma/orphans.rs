//! Incidents that their relay knows nothing of any more: it lost its state, and nobody will close them.
//!
//! Amnesia alone closes nothing. An orphan ends when the relay has told that each host it takes is up, and that held;
//! or when a new incident of the same site takes at least half of the same hosts: then it is the same thing under
//! another id, and whoever was told of the one is not told again of the other.

use ringmesh_proto::keep::Keep;
use ringmesh_proto::news::{HostState, IncidentNews, Key};
use ringmesh_proto::time::{Duration, Time};
use ringmesh_topology::id::{IncidentId, Name};

use super::Cma;
use super::turn::Turn;
use crate::estate::Estate;
use crate::graph::{Facts, GraphStore, NodeKey, Source};
use crate::incident::Incident;
use crate::records;
use crate::relay::RelayKey;

/// So long all hosts of an orphan must be up.
const UP_FOR: Duration = Duration::from_secs(10);

impl<G: GraphStore> Cma<G> {
    /// A relay knows nothing of an incident that it told of before.
    pub(super) fn orphaned(&mut self, now: Time, id: IncidentId, turn: &mut Turn) {
        let Some(orphan) = self.incidents.get(id).filter(|incident| !incident.news.closed) else { return };
        let site = orphan.source.site.clone();
        self.orphans.insert(id, None);
        let heirs = self.incidents.open().filter(|heir| heir.source.site == site && !heir.is_own());
        let heirs: Vec<IncidentId> =
            heirs.map(|heir| heir.news.id).filter(|heir| !self.orphans.contains_key(heir)).collect();
        heirs.into_iter().for_each(|heir| self.adopt_orphans(now, heir, turn));
        self.look_at_orphan(now, id);
    }

    /// A relay told of an incident that it had lost, or, from a new outbox, of the end of one that it knows less of
    /// than we do.
    pub(super) fn claimed(&mut self, now: Time, source: &Source, id: IncidentId, turn: &mut Turn) {
        self.orphans.remove(&id);
        let relay = RelayKey { site: source.site.clone(), relay: source.relay };
        let ended = self.relays.get(&relay).is_some_and(|r| r.picture.of(&Key::Incident(id)).is_none());
        let older = self.incidents.get(id).is_some_and(|incident| {
            let told_by = &incident.source;
            (&told_by.site, told_by.relay) == (&source.site, source.relay) && told_by.outbox != source.outbox
        });
        if ended && older {
            self.orphaned(now, id, turn);
        }
    }

    /// What is to be written down of them.
    pub(super) fn orphans_kept(&mut self) -> Vec<Keep> {
        let ms = |since: &Option<Time>| since.map(|since| self.wall.unix_ms(since));
        let gone = self.orphans_written.keys().filter(|id| !self.orphans.contains_key(id));
        let new = self.orphans.iter().filter(|(id, since)| self.orphans_written.get(id) != Some(*since));
        let keeps = gone.map(|id| Keep::drop(records::ORPHAN, id));
        let keeps = keeps.chain(new.map(|(id, since)| Keep::put(records::ORPHAN, id, &ms(since)))).collect();
        self.orphans_written.clone_from(&self.orphans);
        keeps
    }

    pub(super) fn restore_orphan(&mut self, id: IncidentId, since_ms: Option<u64>) {
        let age = |ms: u64| Duration::from_millis(self.wall.unix_ms.saturating_sub(ms));
        let since = since_ms.map(|ms| self.wall.at.before(age(ms)));
        self.orphans.insert(id, since);
        self.orphans_written.insert(id, since);
    }

    /// An open incident takes the place of orphans with about the same hosts.
    pub(super) fn adopt_orphans(&mut self, now: Time, heir: IncidentId, turn: &mut Turn) {
        let ids: Vec<IncidentId> = self.orphans.keys().copied().filter(|id| *id != heir).collect();
        for id in ids {
            let (Some(orphan), Some(new)) = (self.incidents.get(id), self.incidents.get(heir)) else {
                continue;
            };
            if new.news.closed || !takes_the_same(new, orphan) {
                continue;
            }
            self.notifier.adopt(now, id, new);
            self.end_orphan(now, id, format!("merged into {heir}: its relay lost its state"), turn);
        }
    }

    /// The relay told something of a host.
    pub(super) fn stir_orphans(&mut self, now: Time, site: &Name, host: &Name) {
        let touched = |id: &&IncidentId| {
            let incident = self.incidents.get(**id).filter(|incident| incident.source.site == *site);
            incident.is_some_and(|incident| incident.news.behind.iter().any(|name| name == host.as_str()))
        };
        let ids: Vec<IncidentId> = self.orphans.keys().filter(touched).copied().collect();
        ids.into_iter().for_each(|id| self.look_at_orphan(now, id));
    }

    /// A relay is there again: what waited for it is looked at anew.
    pub(super) fn stir_orphans_of(&mut self, now: Time, relay: &RelayKey) {
        let of = |id: &&IncidentId| self.incidents.get(**id).is_some_and(|i| i.source.site == relay.site);
        let ids: Vec<IncidentId> = self.orphans.keys().filter(of).copied().collect();
        ids.into_iter().for_each(|id| self.look_at_orphan(now, id));
    }

    fn look_at_orphan(&mut self, now: Time, id: IncidentId) {
        let all_up = self.incidents.get(id).is_some_and(|incident| self.all_up(incident));
        if let Some(since) = self.orphans.get_mut(&id) {
            *since = if all_up { Some(since.unwrap_or(now)) } else { None };
        }
    }

    /// Whether its relay is there and tells that each host it takes is up. A host that is not known any more is not.
    fn all_up(&self, incident: &Incident) -> bool {
        let relay = RelayKey { site: incident.source.site.clone(), relay: incident.source.relay };
        let is_up = |host: &String| {
            let node = self.graph.node(&NodeKey::host(&relay.site, host)).ok().flatten();
            node.is_some_and(|node| {
                let up = matches!(&node.facts, Facts::Host(facts) if facts.state == HostState::Up);
                up && node.source.relay == relay.relay
            })
        };
        let behind = &incident.news.behind;
        !behind.is_empty() && self.sites.is_live(&relay) && behind.iter().all(is_up)
    }

    /// Ends those whose hosts have been up for long enough.
    pub(super) fn end_orphans(&mut self, now: Time, turn: &mut Turn) {
        let due =
            |(_, since): &(&IncidentId, &Option<Time>)| since.is_some_and(|since| since + UP_FOR <= now);
        let ids: Vec<IncidentId> = self.orphans.iter().filter(due).map(|(id, _)| *id).collect();
        for id in ids {
            // Its relay may have gone meanwhile.
            self.look_at_orphan(now, id);
            if self.orphans.get(&id).is_some_and(Option::is_some) {
                let why = "its relay knows nothing of it any more, and all its hosts are up".to_owned();
                self.end_orphan(now, id, why, turn);
            }
        }
    }

    pub(super) fn orphans_deadline(&self) -> Time {
        self.orphans.values().flatten().map(|since| *since + UP_FOR).min().unwrap_or(Time::NEVER)
    }

    fn end_orphan(&mut self, now: Time, id: IncidentId, why: String, turn: &mut Turn) {
        self.orphans.remove(&id);
        let Some(incident) = self.incidents.get(id) else { return };
        let key = RelayKey { site: incident.source.site.clone(), relay: incident.source.relay };
        let Some((source, sequence)) = self.relays.get(&key).map(|relay| (relay.source(), relay.sequence))
        else {
            return;
        };
        let at_ms = self.wall.unix_ms(now);
        let revision = incident.news.revision.saturating_add(1);
        let news =
            IncidentNews { revision, closed: true, closed_ms: at_ms, at_ms, why, ..incident.news.clone() };
        match Estate::incident_operations(&self.graph, &source.site, &news) {
            Ok(ops) => {
                self.apply(now, &source, sequence, &ops, turn);
            }
            Err(error) => {
                self.store_failed(error, turn);
            }
        }
        // No relay told this: it has no sequence.
        self.take_incident(now, &source, 0, news, turn);
    }
}

/// Whether an incident of the same site, no older, takes at least half of an orphan's hosts.
fn takes_the_same(heir: &Incident, orphan: &Incident) -> bool {
    let (new, old) = (&heir.news, &orphan.news);
    let same = old.behind.iter().filter(|host| new.behind.contains(*host)).count();
    let later = new.opened_ms >= old.opened_ms;
    heir.source.site == orphan.source.site
        && !heir.is_own()
        && later
        && same > 0
        && same * 2 >= old.behind.len()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use ringmesh_proto::digest::Picture;
    use ringmesh_proto::machine::Machine;
    use ringmesh_proto::news::{HostNews, News};
    use ringmesh_proto::time::WallClock;

    use super::*;
    use crate::cma::{Action, Event};
    use crate::graph::MemoryGraph;
    use crate::relay::StreamId;
    use crate::testing::{CMA_MS, RELAY_MS, World, config, hello, host, revised, switch_incident};

    const STREAM: StreamId = StreamId(9);

    /// A paged incident about four hosts, whose relay comes back with a new outbox and an empty picture.
    struct Lost {
        world: World,
        picture: Picture,
        sequence: u64,
    }

    impl Lost {
        fn new(paged: bool) -> Self {
            let mut world = World::settled();
            for n in 1..=4 {
                let silent = HostNews { state: HostState::Silent, ..host(&format!("h{n}"), vec![]) };
                world.news(News::Host(silent));
            }
            world.incident(&switch_incident(4));
            if paged {
                world.run_to(world.now_ms + 5_000);
            }
            let mut lost = Self { world, picture: Picture::default(), sequence: 0 };
            lost.world.event(Event::RelayConnected { stream: STREAM, hello: hello("lab", 1, 10) });
            lost
        }

        fn tell(&mut self, news: News) {
            self.sequence += 1;
            self.picture.tell(&news);
            self.world.event(Event::RelayNews { stream: STREAM, sequence: self.sequence, news });
        }

        fn tell_up(&mut self, hosts: &[&str]) {
            hosts.iter().for_each(|id| self.tell(News::Host(host(id, vec![]))));
        }

        /// A round of digests: what the relay does not know is found out.
        fn compare(&mut self) {
            let picture = Some(self.picture.whole());
            self.world.event(Event::RelayPulse { stream: STREAM, pending: 0, picture });
            let groups = self.picture.groups().map(|(group, digest)| (group.clone(), digest)).collect();
            self.world.event(Event::Groups { stream: STREAM, groups });
            let asked = self.world.out.iter().rev().find_map(|action| match action {
                Action::CompareGroups { groups, .. } => Some(groups.clone()),
                _ => None,
            });
            let told = asked.unwrap_or_default().into_iter();
            let groups = told.map(|group| (group.clone(), self.picture.things(&group).collect())).collect();
            self.world.event(Event::Things { stream: STREAM, sequence: self.sequence, groups });
        }

        fn open(&self) -> Vec<String> {
            let open = self.world.cma.incidents(self.world.now(), false).incidents.into_iter();
            open.map(|incident| incident.id[13..].to_owned()).collect()
        }

        fn run(&mut self, seconds: u64) {
            for _ in 0..seconds {
                self.world.run_to(self.world.now_ms + 1_000);
                self.world.event(Event::RelayPulse { stream: STREAM, pending: 1, picture: None });
            }
        }
    }

    fn heir(hosts: &[&str]) -> IncidentNews {
        let behind = hosts.iter().map(|host| (*host).to_owned()).collect();
        IncidentNews {
            id: IncidentId(0xdef),
            behind,
            opened_ms: RELAY_MS + 60_000,
            at_ms: RELAY_MS + 60_000,
            silent_since_ms: RELAY_MS + 55_000,
            ..switch_incident(4)
        }
    }

    #[test]
    fn an_incident_its_relay_forgot_ends_when_all_its_hosts_have_been_told_up_for_ten_seconds() {
        let mut lost = Lost::new(true);
        assert_eq!(lost.world.told(), ["opened page"]);
        lost.compare();
        lost.run(100);
        assert_eq!(lost.open(), ["abc"], "amnesia alone closes nothing");
        lost.tell_up(&["h1", "h2", "h3"]);
        lost.run(100);
        assert_eq!(lost.open(), ["abc"], "h4 is not up");
        lost.tell_up(&["h4"]);
        lost.run(9);
        lost.tell(News::Host(HostNews { state: HostState::Silent, ..host("h4", vec![]) }));
        lost.run(9);
        lost.tell_up(&["h4"]);
        lost.run(9);
        assert_eq!((lost.open(), lost.world.told()), (vec!["abc".to_owned()], vec![]));
        lost.run(1);
        assert_eq!((lost.open(), lost.world.told()), (vec![], vec!["closed page".to_owned()]));
        let doc = &lost.world.cma.incidents(lost.world.now(), true).incidents[0];
        let why = "its relay knows nothing of it any more, and all its hosts are up";
        assert_eq!(doc.revisions.last().map(|revision| revision.why.as_str()), Some(why));
    }

    #[test]
    fn hosts_that_its_relay_does_not_tell_of_are_not_up_and_a_relay_that_is_away_tells_nothing() {
        let mut lost = Lost::new(true);
        lost.tell_up(&["h1", "h2", "h3"]);
        lost.compare();
        lost.run(100);
        assert_eq!(lost.open(), ["abc"], "h4 was dropped from the graph, which is no sign of life");
        lost.tell_up(&["h4"]);
        lost.run(5);
        lost.world.event(Event::RelayGone { stream: STREAM });
        lost.run(100);
        assert!(lost.open().contains(&"abc".to_owned()));
        lost.world.event(Event::RelayConnected { stream: STREAM, hello: hello("lab", 1, 10) });
        lost.run(30);
        assert_eq!(lost.open(), Vec::<String>::new());
    }

    #[test]
    fn an_incident_that_its_relay_knows_after_all_stays_its_own() {
        let mut lost = Lost::new(true);
        lost.compare();
        lost.tell_up(&["h1", "h2", "h3", "h4"]);
        lost.tell(News::Incident(Box::new(revised(&switch_incident(4), 1_000))));
        lost.run(100);
        assert_eq!(lost.open(), ["abc"]);
    }

    #[test]
    fn a_new_incident_with_half_of_the_hosts_takes_over_what_people_were_told() {
        let cases: &[(&str, bool, &[&str], &[&str], &[&str])] = &[
            ("half of them", true, &["h1", "h2", "h9"], &["def"], &[]),
            ("too few", true, &["h1", "h8", "h9"], &["abc", "def"], &["opened page"]),
            ("nobody was told yet", false, &["h1", "h2"], &["def"], &["opened page"]),
        ];
        for (case, paged, hosts, open, told) in cases {
            let mut lost = Lost::new(*paged);
            lost.world.told();
            lost.compare();
            lost.tell(News::Incident(Box::new(heir(hosts))));
            lost.run(1_000);
            assert_eq!(lost.open(), *open, "{case}");
            assert_eq!(lost.world.told(), *told, "{case}");
        }
    }

    #[test]
    fn the_end_of_an_heir_is_told_under_the_key_that_people_know_over_a_restart_too() {
        let mut lost = Lost::new(true);
        lost.compare();
        lost.tell(News::Incident(Box::new(heir(&["h1", "h2", "h3", "h4"]))));
        lost.run(5);
        let closed = crate::testing::closed(&heir(&["h1"]), 50_000);
        let mut disk = BTreeMap::new();
        for action in core::mem::take(&mut lost.world.out) {
            match action {
                Action::Keep(Keep::Put { key, value }) => drop(disk.insert(key, value)),
                Action::Keep(Keep::Drop { key }) => drop(disk.remove(&key)),
                _ => {}
            }
        }
        // What was written down before the world was settled is the identity alone.
        let wall = WallClock { at: lost.world.now(), unix_ms: CMA_MS + lost.world.now_ms };
        lost.world.cma = Cma::restore(config(), wall, MemoryGraph::default(), disk).unwrap();
        lost.world.event(Event::RelayConnected { stream: STREAM, hello: hello("lab", 1, 10) });
        lost.run(20);
        lost.world.out.clear();
        lost.tell(News::Incident(Box::new(closed)));
        let lines = lost.world.lines();
        let keys: Vec<&str> = lines.iter().map(|line| line.key.as_str()).collect();
        assert_eq!(keys, ["ringmesh/main/0000000000000abc"]);
        assert_eq!((lines[0].transition.as_str(), &lines[0].incident[13..]), ("closed", "def"));
    }

    #[test]
    fn an_heir_that_was_told_before_its_elder_was_found_forgotten_lets_that_end_under_its_own_key() {
        let mut lost = Lost::new(true);
        lost.world.told();
        lost.tell(News::Incident(Box::new(heir(&["h1", "h2", "h3", "h4"]))));
        lost.run(10);
        assert_eq!(lost.world.told(), ["opened page"]);
        lost.compare();
        assert_eq!(
            (lost.open(), lost.world.told()),
            (vec!["def".to_owned()], vec!["closed page".to_owned()])
        );
    }

    #[test]
    fn orphans_are_found_again_after_a_restart() {
        let mut lost = Lost::new(true);
        let mut disk = BTreeMap::new();
        lost.compare();
        let out = core::mem::take(&mut lost.world.out);
        for action in out {
            match action {
                Action::Keep(Keep::Put { key, value }) => drop(disk.insert(key, value)),
                Action::Keep(Keep::Drop { key }) => drop(disk.remove(&key)),
                _ => {}
            }
        }
        let wall = WallClock { at: lost.world.now(), unix_ms: CMA_MS + lost.world.now_ms };
        lost.world.cma = Cma::restore(config(), wall, MemoryGraph::default(), disk).unwrap();
        lost.world.event(Event::RelayConnected { stream: STREAM, hello: hello("lab", 1, 10) });
        lost.tell_up(&["h1", "h2", "h3", "h4"]);
        lost.run(10);
        assert_eq!(lost.open(), Vec::<String>::new());
        assert!(lost.world.cma.next_deadline() > lost.world.now());
    }
}
