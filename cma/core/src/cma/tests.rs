use ringmesh_proto::news::{HostState, IncidentNews, SubjectKind, SwitchNews, SwitchState};
use ringmesh_topology::id::IncidentId;
use ringmesh_topology::verdict::Verdict;

use super::*;
use crate::graph::{
    Applied, Bounds, Change, Changes, Direction, Edge, Label, Node, NodeKey, Op, Relation, Stamp, Stats, Walk,
};
use crate::testing::{
    CMA_MS, World, alternative, closed, config, hello, host, host_incident, name, place, revised, ring,
    switch_incident,
};
use crate::view::NoSuchIncident;

const SW1: &str = "02:00:00:00:01:01";

fn answers(world: &mut World<impl GraphStore>) -> Vec<Action> {
    let answer = |action: &Action| !matches!(action, Action::Keep(_) | Action::Say(_) | Action::Page { .. });
    core::mem::take(&mut world.out).into_iter().filter(answer).collect()
}

fn ack(stream: u64, sequence: u64) -> Action {
    Action::Acknowledge { stream: StreamId(stream), sequence }
}

fn connect(world: &mut World<impl GraphStore>, stream: u64, outbox: u64) {
    world.event(Event::RelayConnected { stream: StreamId(stream), hello: hello("lab", 1, outbox) });
}

fn tell(world: &mut World<impl GraphStore>, stream: u64, sequence: u64, id: &str) {
    let news = News::Host(host(id, vec![]));
    world.event(Event::RelayNews { stream: StreamId(stream), sequence, news });
}

#[test]
fn news_are_taken_once_over_reconnects_and_counted_anew_with_a_new_outbox() {
    let mut world = World::over(MemoryGraph::default());
    assert_eq!(answers(&mut world), [Action::Welcome { stream: StreamId(1), epoch: 77, sequence: 0 }]);
    tell(&mut world, 1, 4, "h1");
    tell(&mut world, 1, 7, "h2");
    tell(&mut world, 1, 4, "h9");
    assert_eq!(answers(&mut world), [ack(1, 4), ack(1, 7), ack(1, 7)]);
    assert_eq!(hosts(&world), ["h1", "h2"], "a repeated news is not applied again");
    world.event(Event::RelayGone { stream: StreamId(1) });
    tell(&mut world, 1, 8, "h8");
    connect(&mut world, 2, 9);
    tell(&mut world, 2, 7, "h9");
    tell(&mut world, 2, 8, "h3");
    let welcome = Action::Welcome { stream: StreamId(2), epoch: 77, sequence: 7 };
    assert_eq!(answers(&mut world), [welcome, ack(2, 7), ack(2, 8)]);
    assert_eq!(hosts(&world), ["h1", "h2", "h3"], "an ended stream speaks for nobody");
    connect(&mut world, 3, 10);
    tell(&mut world, 3, 1, "h4");
    let hangup = Action::Hangup { stream: StreamId(2) };
    let welcome = Action::Welcome { stream: StreamId(3), epoch: 77, sequence: 0 };
    assert_eq!(answers(&mut world), [hangup, welcome, ack(3, 1)]);
    assert_eq!(hosts(&world), ["h1", "h2", "h3", "h4"]);
}

#[test]
fn a_relay_that_lost_its_state_takes_its_old_rings_with_it_and_nobody_elses() {
    let mut world = World::settled();
    world.news(News::Ring(ring(7, SW1, &["h1", "h2"])));
    world.event(Event::RelayConnected { stream: StreamId(5), hello: hello("lab", 2, 20) });
    let news = News::Ring(ring(9, SW1, &["h3", "h4"]));
    world.event(Event::RelayNews { stream: StreamId(5), sequence: 1, news });
    let rings = |world: &World<MemoryGraph>| {
        let nodes = world.cma.graph().scan(Label::Ring, None, 10).unwrap();
        nodes.into_iter().map(|node| node.key.id).collect::<Vec<_>>()
    };
    assert_eq!(rings(&world), ["lab/1/7", "lab/2/9"]);
    connect(&mut world, 6, 9);
    assert_eq!(rings(&world), ["lab/1/7", "lab/2/9"], "the same outbox on another stream");
    connect(&mut world, 7, 10);
    assert_eq!(rings(&world), ["lab/2/9"]);
}

fn hosts(world: &World<impl GraphStore>) -> Vec<String> {
    let tree = world.cma.tree(world.now()).unwrap();
    tree.sites.iter().flat_map(|site| &site.hosts).map(|host| host.id.clone()).collect()
}

/// A store that fails while it is told to.
#[derive(Default)]
struct Faulty {
    inner: MemoryGraph,
    fails: bool,
}

impl GraphStore for Faulty {
    fn apply_telling(
        &mut self,
        stamp: &Stamp,
        ops: &[Op],
        changes: &mut Vec<(u64, Change)>,
    ) -> Result<Applied, StoreError> {
        if self.fails {
            return Err(StoreError("disk full".into()));
        }
        self.inner.apply_telling(stamp, ops, changes)
    }
    fn node(&self, key: &NodeKey) -> Result<Option<Node>, StoreError> {
        self.inner.node(key)
    }
    fn neighbours(
        &self,
        key: &NodeKey,
        direction: Direction,
        relation: Option<Relation>,
    ) -> Result<Vec<Edge>, StoreError> {
        self.inner.neighbours(key, direction, relation)
    }
    fn walk(
        &self,
        from: &NodeKey,
        along: &[(Relation, Direction)],
        bounds: Bounds,
    ) -> Result<Walk, StoreError> {
        self.inner.walk(from, along, bounds)
    }
    fn scan(&self, label: Label, after: Option<&str>, limit: usize) -> Result<Vec<Node>, StoreError> {
        self.inner.scan(label, after, limit)
    }
    fn changes_since(&self, revision: u64, limit: usize) -> Result<Changes, StoreError> {
        self.inner.changes_since(revision, limit)
    }
    fn revision(&self) -> Result<u64, StoreError> {
        self.inner.revision()
    }
    fn stats(&self) -> Result<Stats, StoreError> {
        self.inner.stats()
    }
}

#[test]
fn what_the_store_did_not_take_is_not_acknowledged_and_no_later_news_overtakes_it() {
    let mut world = World::over(Faulty::default());
    tell(&mut world, 1, 1, "h1");
    answers(&mut world);
    world.cma.graph.fails = true;
    world.incident_at(2, &switch_incident(3));
    tell(&mut world, 1, 3, "h3");
    assert_eq!(answers(&mut world), [Action::Hangup { stream: StreamId(1) }]);
    let status = world.cma.status(world.now()).unwrap();
    assert!(!status.ok && status.warnings.iter().any(|warning| warning.code == "store-failed"));
    assert_eq!(status.incidents_open, 0, "nothing was taken");
    world.cma.graph.fails = false;
    connect(&mut world, 2, 9);
    assert_eq!(answers(&mut world), [Action::Welcome { stream: StreamId(2), epoch: 77, sequence: 1 }]);
    world.event(Event::RelayNews {
        stream: StreamId(2),
        sequence: 2,
        news: News::Incident(Box::new(switch_incident(3))),
    });
    assert_eq!(answers(&mut world), [ack(2, 2)]);
    assert_eq!(world.cma.status(world.now()).unwrap().incidents_open, 1);
}

impl<G: GraphStore> World<G> {
    fn incident_at(&mut self, sequence: u64, news: &IncidentNews) {
        let news = News::Incident(Box::new(news.clone()));
        self.event(Event::RelayNews { stream: StreamId(1), sequence, news });
    }
}

#[test]
fn a_news_that_is_not_understood_is_passed_over_and_shown() {
    let mut world = World::over(MemoryGraph::default());
    answers(&mut world);
    let refused =
        Event::RelayRefused { stream: StreamId(1), sequence: 3, why: "host state is out of range".into() };
    world.event(refused.clone());
    world.event(refused);
    tell(&mut world, 1, 4, "h4");
    assert_eq!(answers(&mut world), [ack(1, 3), ack(1, 3), ack(1, 4)]);
    let warnings = world.cma.status(world.now()).unwrap().warnings;
    let want = "1 news of relay 1 of site lab were passed over, the last because host state is out of range";
    assert_eq!((warnings[0].code.as_str(), warnings[0].text.as_str()), ("news-refused", want));
}

#[test]
fn another_site_cannot_touch_an_incident() {
    let mut world = World::settled();
    world.incident(&switch_incident(3));
    world.event(Event::RelayConnected { stream: StreamId(5), hello: hello("other", 1, 1) });
    let news = News::Incident(Box::new(closed(&switch_incident(3), 1)));
    world.out.clear();
    world.event(Event::RelayNews { stream: StreamId(5), sequence: 1, news });
    world.out.retain(|action| !matches!(action, Action::Keep(_)));
    assert!(matches!(world.out[0], Action::Say(Say::IncidentForeign { .. })), "{:?}", world.out);
    assert_eq!(world.out[1], ack(5, 1));
    assert_eq!(world.cma.incidents(world.now(), false).incidents.len(), 1);
}

#[test]
fn the_tree_shows_site_switch_port_and_host_with_rings_and_states() {
    let mut world = World::settled();
    let start = world.now_ms;
    for (id, port) in [("h2", "p2"), ("h10", "p10"), ("h1", "p1")] {
        world.news(News::Host(host(id, vec![place(2, &format!("10.77.1.{}", &id[1..]), Some((1, port)))])));
    }
    let mut dual =
        host("h3", vec![place(2, "10.77.1.3", Some((1, "p3"))), place(3, "10.77.2.103", Some((2, "p1")))]);
    dual.state = HostState::Silent;
    world.news(News::Host(dual));
    world.news(News::Host(host("h4", vec![place(2, "10.77.9.4", None)])));
    world.news(News::Switch(SwitchNews { id: SW1.into(), name: "sw1".into(), state: SwitchState::Up }));
    world.news(News::Ring(ring(1, SW1, &["h1", "h2", "h10"])));
    let mut fallback = ring(2, "", &["h4"]);
    (fallback.domain, fallback.reason) = ("lab//10.77.0.0".into(), "no LLDP heard on eth0".into());
    world.news(News::Ring(fallback));
    world.news(News::Ring(ringmesh_proto::news::RingNews { level: 1, ..ring(3, "", &["h1", "h2", "r1"]) }));
    world.run_to(start + 5_000);
    let tree = world.cma.tree(world.now()).unwrap();
    let [site] = &tree.sites[..] else { panic!("one site: {tree:?}") };
    assert_eq!((site.id.as_str(), site.state.as_str()), ("lab", "up"));
    let ports: Vec<String> = site.switches[0]
        .ports
        .iter()
        .map(|p| format!("{} {} {} {} {}", p.port, p.host, p.state, p.evidence, p.age_s))
        .collect();
    assert_eq!(ports, ["p1 h1 up lldp 5", "p2 h2 up lldp 5", "p3 h3 silent lldp 5", "p10 h10 up lldp 5"]);
    assert_eq!((site.switches[0].name.as_str(), site.switches[0].state.as_str()), ("sw1", "up"));
    assert_eq!(site.switches[0].rings[0].members, ["h1", "h2", "h10"]);
    assert_eq!(site.switches[0].rings[0].generation, "1.4");
    assert_eq!(
        (site.switches[1].id.as_str(), site.switches[1].state.as_str()),
        ("02:00:00:00:01:02", "unknown")
    );
    assert_eq!(site.fallback_rings[0].reason, "no LLDP heard on eth0");
    assert_eq!(site.site_rings[0].members, ["h1", "h2", "r1"]);
    let dual: Vec<&str> =
        site.hosts.iter().filter(|host| host.dual_homed).map(|host| host.id.as_str()).collect();
    assert_eq!(dual, ["h3"]);
    let lone = site.hosts.iter().find(|host| host.id == "h4").unwrap();
    assert_eq!(lone.places[0].evidence, "fallback");
    assert_eq!(lone.places[0].addresses, ["10.77.9.4/16"]);
}

#[test]
fn status_tells_what_is_wrong_with_monitoring_itself() {
    let mut world = World::settled();
    let codes = |world: &World| -> (bool, Vec<String>) {
        let status = world.cma.status(world.now()).unwrap();
        (status.ok, status.warnings.into_iter().map(|warning| warning.code).collect())
    };
    let beat = RelayBeat {
        pending: 3,
        counters: [("forged".to_owned(), 2), ("beats".to_owned(), 9)].into(),
        warnings: vec![],
    };
    world.event(Event::RelayBeat { stream: StreamId(1), beat });
    assert_eq!(codes(&world), (true, vec![]));
    let status = world.cma.status(world.now()).unwrap();
    let counters: Vec<(&str, u64)> =
        status.counters.iter().map(|(name, count)| (name.as_str(), *count)).collect();
    let want = [("beats", 9), ("forged", 2), ("martian", 0), ("replayed", 0), ("shed", 0), ("truncated", 0)];
    assert_eq!(counters, want);
    assert_eq!((status.relays[0].outbox, status.relays[0].lag_ms, status.cma.uptime_s), (3, 0, 20));
    world.run_to(world.now_ms + 36_000);
    assert_eq!(codes(&world), (false, vec!["relay-late".into()]));
    world.event(Event::RelayGone { stream: StreamId(1) });
    assert_eq!(codes(&world), (false, vec!["relay-away".into()]));
    connect(&mut world, 2, 9);
    assert_eq!(codes(&world), (true, vec![]));
    let incident = News::Incident(Box::new(switch_incident(2)));
    world.event(Event::RelayNews { stream: StreamId(2), sequence: 1, news: incident });
    connect(&mut world, 3, 10);
    assert_eq!(codes(&world), (true, vec!["relay-anew".into()]));
    let sink = Warning { code: "notify-failed".into(), text: "x".into(), remedy: "y".into() };
    world.event(Event::OwnWarnings(vec![sink]));
    assert_eq!(codes(&world), (false, vec!["notify-failed".into(), "relay-anew".into()]));
}

#[test]
fn an_authority_that_no_relay_has_reached_is_not_ok() {
    let wall = WallClock { at: Time::ZERO, unix_ms: CMA_MS };
    let cma = Cma::new(
        CmaConfig { insecure: true, notifies: false, ..crate::testing::config() },
        wall,
        MemoryGraph::default(),
    );
    let status = cma.status(Time::ZERO).unwrap();
    let codes: Vec<&str> = status.warnings.iter().map(|warning| warning.code.as_str()).collect();
    assert_eq!(
        (status.ok, status.insecure, codes),
        (false, true, vec!["insecure", "nobody-told", "no-relay"])
    );
}

#[test]
fn an_incident_is_explained_by_the_unique_beginning_of_its_id() {
    let mut world = World::settled();
    let first = IncidentNews { id: IncidentId(0xab12 << 48), ..switch_incident(2) };
    let second = IncidentNews { id: IncidentId(0xab99 << 48), ..host_incident(Verdict::HostHung) };
    world.incident(&first);
    world.incident(&second);
    let explain = |id: &str| world.cma.explain(world.now(), id);
    assert_eq!(explain("AB12").unwrap().incident.verdict, "SwitchDown|UplinkCut");
    assert_eq!(explain("ab12000000000000").unwrap().incident.id, "ab12000000000000");
    let several = vec!["ab12000000000000".to_owned(), "ab99000000000000".to_owned()];
    assert_eq!(explain("ab"), Err(NoSuchIncident::Several { prefix: "ab".into(), ids: several }));
    assert_eq!(explain("cd"), Err(NoSuchIncident::None("cd".into())));
    for bad in ["", "a", "xyz", "00000000000000000"] {
        assert!(matches!(explain(bad), Err(NoSuchIncident::NoId(_))), "{bad:?}");
    }
}

#[test]
fn an_incident_document_tells_its_whole_history() {
    let mut world = World::settled();
    let first = switch_incident(2);
    let mut second = revised(&first, 30_000);
    second.alternatives = vec![alternative(Verdict::UplinkCut, SubjectKind::Switch, "sw1")];
    second.why = "h3 lives through sw2 and hears its mates".into();
    world.incident(&first);
    world.run_to(world.now_ms + 30_000);
    world.incident(&second);
    let [open] = &world.cma.incidents(world.now(), false).incidents[..] else { panic!("one is open") };
    assert_eq!(
        (open.verdict.as_str(), open.severity.as_str(), open.pages, open.notified),
        ("UplinkCut", "page", 1, true)
    );
    assert_eq!(open.paged_ms, CMA_MS + 22_000, "by our own clock");
    let history: Vec<&str> = open.revisions.iter().map(|revision| revision.verdict.as_str()).collect();
    assert_eq!(history, ["SwitchDown|UplinkCut", "UplinkCut"]);
    world.incident(&closed(&second, 1_000));
    assert_eq!(world.cma.incidents(world.now(), false).incidents, []);
    let [over] = &world.cma.incidents(world.now(), true).incidents[..] else { panic!("one is kept") };
    assert_eq!((over.state.as_str(), over.pages, over.notified), ("closed", 1, false));
}

#[test]
fn a_graph_that_is_full_takes_no_new_hosts_and_says_so_while_known_ones_and_incidents_go_on() {
    let mut world = World::over(MemoryGraph::default());
    let few = |max| CmaConfig { nodes_max: max, ..config() };
    world.cma.config = few(25);
    let names: Vec<String> = (0..30).map(|n| format!("h{n:02}")).collect();
    names.iter().for_each(|name| world.news(News::Host(host(name, vec![]))));
    let inside = hosts(&world).len();
    assert!((3..12).contains(&inside), "{inside}");
    world.news(News::Host(host("h00", vec![])));
    world.incident(&host_incident(Verdict::HostDown));
    let status = world.cma.status(world.now()).unwrap();
    let said: Vec<&str> = status.warnings.iter().map(|warning| warning.code.as_str()).collect();
    assert!(!status.ok && said.contains(&"graph-full") && status.graph_nodes_max == 25, "{said:?}");
    let text = &status.warnings.iter().find(|warning| warning.code == "graph-full").unwrap().text;
    assert!(text.contains(&format!("{} (the first is lab/h", 30 - inside)), "{text}");
    assert_eq!((status.incidents_open, hosts(&world).len()), (1, inside));
    // Each was acknowledged, and is no more asked for while this process runs.
    assert!(world.out.contains(&ack(1, world.sequence)));
    let pictured = world.cma.picture(&name("lab"), RelayId(1)).unwrap();
    let mut disk = BTreeMap::new();
    for action in core::mem::take(&mut world.out) {
        match action {
            Action::Keep(Keep::Put { key, value }) => drop(disk.insert(key, value)),
            Action::Keep(Keep::Drop { key }) => drop(disk.remove(&key)),
            _ => {}
        }
    }
    let wall = WallClock { at: world.now(), unix_ms: CMA_MS };
    world.cma = Cma::restore(few(1_000), wall, MemoryGraph::default(), disk).unwrap();
    assert_ne!(world.cma.picture(&name("lab"), RelayId(1)).unwrap(), pictured, "asked for again");
    assert_eq!(hosts(&world).len(), inside);
}
