use std::collections::BTreeMap;

use ringmesh_proto::digest::Picture;
use ringmesh_proto::machine::Machine;
use ringmesh_proto::news::{HostNews, News};
use ringmesh_proto::time::WallClock;
use ringmesh_topology::verdict::Verdict;

use super::*;
use crate::cma::{Action, Event};
use crate::graph::MemoryGraph;
use crate::relay::StreamId;
use crate::testing::{
    CMA_MS, RELAY_MS, World, config, hello, host, host_incident, name, revised, switch_incident,
};

const STREAM: StreamId = StreamId(9);

/// A paged incident about four hosts, whose relay comes back with a new outbox and an empty picture.
struct Lost {
    world: World,
    picture: Picture,
    sequence: u64,
}

impl Lost {
    fn new(paged: bool) -> Self {
        Self::of(paged, &switch_incident(4))
    }

    fn of(paged: bool, incident: &IncidentNews) -> Self {
        let mut world = World::settled();
        for n in 1..=4 {
            let silent = HostNews { state: HostState::Silent, ..host(&format!("h{n}"), vec![]) };
            world.news(News::Host(silent));
        }
        world.incident(incident);
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

/// A name, whether people were told, the heir's hosts, what is open then, and what was told.
type Case<'a> = (&'a str, bool, &'a [&'a str], &'a [&'a str], &'a [&'a str]);

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
    let cases: &[Case<'_>] = &[
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
fn what_happens_to_a_living_host_takes_over_nothing() {
    let about = |verdict, silent| IncidentNews {
        id: IncidentId(0xdef),
        opened_ms: RELAY_MS + 60_000,
        silent,
        ..host_incident(verdict)
    };
    let cases: &[(Verdict, u32, &[&str])] = &[
        (Verdict::HostOrCable, 1, &["def"]),
        (Verdict::RedundancyLost, 0, &["abc", "def"]),
        (Verdict::WiringChanged, 0, &["abc", "def"]),
        (Verdict::Planned, 1, &["abc", "def"]),
    ];
    for (verdict, silent, open) in cases {
        let mut lost = Lost::of(true, &host_incident(Verdict::HostDown));
        lost.compare();
        lost.tell(News::Incident(Box::new(about(*verdict, *silent))));
        assert_eq!(lost.open(), *open, "{verdict}");
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
    assert_eq!((lost.open(), lost.world.told()), (vec!["def".to_owned()], vec!["closed page".to_owned()]));
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

/// Why the only incident was closed.
fn closed_why(lost: &Lost) -> String {
    let docs = lost.world.cma.incidents(lost.world.now(), true).incidents;
    docs[0].revisions.last().map(|revision| revision.why.clone()).unwrap_or_default()
}

#[test]
fn one_about_a_single_host_ends_when_that_host_is_up() {
    let mut lost = Lost::of(true, &host_incident(Verdict::HostDown));
    lost.compare();
    lost.run(100);
    assert_eq!(lost.open(), ["abc"]);
    lost.tell_up(&["h1"]);
    lost.run(10);
    assert_eq!(lost.open(), Vec::<String>::new());
    assert_eq!(closed_why(&lost), "its relay knows nothing of it any more, and all its hosts are up");
}

#[test]
fn one_with_no_host_behind_it_ends_when_its_relay_is_there() {
    let nobody = IncidentNews { behind: Vec::new(), ..switch_incident(0) };
    let mut lost = Lost::of(true, &nobody);
    lost.compare();
    lost.run(9);
    assert_eq!(lost.open(), ["abc"]);
    lost.run(1);
    assert_eq!(lost.open(), Vec::<String>::new());
    assert_eq!(closed_why(&lost), "its relay knows nothing of it any more, and no host is behind it");
}

#[test]
fn hosts_that_left_for_good_are_waited_for_no_longer() {
    let mut lost = Lost::new(true);
    lost.tell_up(&["h1", "h2"]);
    lost.compare();
    lost.run(100);
    assert_eq!(lost.open(), ["abc"], "its relay knows nothing of h3 and h4");
    for id in ["h3", "h4"] {
        let mut out = Vec::new();
        let forgotten = lost.world.cma.forget(lost.world.now(), None, &name(id), &mut out).unwrap();
        assert!(forgotten.told, "{id}");
        lost.tell(News::HostGone(name(id)));
    }
    lost.run(10);
    assert_eq!(lost.open(), Vec::<String>::new());

    let mut lost = Lost::of(true, &host_incident(Verdict::HostDown));
    lost.compare();
    lost.tell(News::HostGone(name("h1")));
    assert_eq!((lost.open(), closed_why(&lost)), (vec![], "h1 left for good".to_owned()));
}
