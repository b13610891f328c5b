//! An authority that is killed at any moment, against one that never is.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use ringmesh_proto::keep::Keep;
use ringmesh_proto::news::{HostState, IncidentNews, RelayHello, RingNews, SwitchNews, SwitchState};
use ringmesh_topology::id::IncidentId;
use ringmesh_topology::verdict::{Class, Verdict};

use super::*;
use crate::documents::IncidentDoc;
use crate::graph::{Direction, EdgeKey, Facts, Label, NodeKey, PastWire, Tie, scan_all};
use crate::history::{Happened, Row, Thing};
use crate::relay::StreamId;
use crate::testing::{CMA_MS, RELAY_MS, config, hello, host, host_incident, name, place, ring, subject};

/// What is on disk: whole turns, in order.
#[derive(Clone, Default)]
pub(super) struct Disk(pub(super) BTreeMap<Vec<u8>, Vec<u8>>);

impl Disk {
    pub(super) fn write(&mut self, keep: Keep) {
        match keep {
            Keep::Put { key, value } => drop(self.0.insert(key, value)),
            Keep::Drop { key } => drop(self.0.remove(&key)),
        }
    }

    fn restore(&self, now: Time) -> Cma {
        let wall = WallClock { at: now, unix_ms: WallClock { at: Time::ZERO, unix_ms: CMA_MS }.unix_ms(now) };
        let fresh = Identity { epoch: 1 + now.nanos(), mesh_secret: Key([1; 32]) };
        Cma::restore(CmaConfig { fresh, ..config() }, wall, MemoryGraph::default(), self.0.clone()).unwrap()
    }
}

/// A relay that keeps everything until it is acknowledged, and tells it again when asked.
struct Teller {
    hello: RelayHello,
    stream: StreamId,
    told: BTreeMap<u64, News>,
    last: u64,
    acknowledged: u64,
}

/// One authority on its disk, with two relays.
struct World {
    cma: Cma,
    now: Time,
    disk: Disk,
    /// Turns that are not on the disk yet.
    turns: Vec<Vec<Action>>,
    relays: Vec<Teller>,
    streams: u64,
    lines: Vec<(u64, PageLine)>,
    handed_on: BTreeSet<u64>,
}

impl World {
    fn new() -> Self {
        let disk = Disk::default();
        let relays = [("lab", 1), ("far", 1)].map(|(site, relay)| Teller {
            hello: hello(site, relay, 9),
            stream: StreamId(0),
            told: BTreeMap::new(),
            last: 0,
            acknowledged: 0,
        });
        let mut world = Self {
            cma: disk.restore(Time::from_millis(1_000)),
            now: Time::from_millis(1_000),
            disk,
            turns: Vec::new(),
            relays: relays.into(),
            streams: 0,
            lines: Vec::new(),
            handed_on: BTreeSet::new(),
        };
        world.connect_all();
        world
    }

    fn event(&mut self, event: Event) {
        let mut turn = Vec::new();
        self.cma.on_event(self.now, event, &mut turn);
        let first_order = turn.iter().position(|action| !matches!(action, Action::Keep(_)));
        let last_keep = turn.iter().rposition(|action| matches!(action, Action::Keep(_)));
        if let (Some(order), Some(keep)) = (first_order, last_keep) {
            assert!(keep < order, "an order before the records it relies on: {turn:?}");
        }
        self.turns.push(turn);
    }

    /// Writes all turns, and lets their orders out.
    fn commit(&mut self) {
        while !self.turns.is_empty() {
            for action in self.turns.remove(0) {
                self.carry_out(action);
            }
        }
    }

    fn carry_out(&mut self, action: Action) {
        match action {
            Action::Keep(keep) => self.disk.write(keep),
            Action::Welcome { stream, sequence, .. } => self.tell_after(stream, sequence),
            Action::Acknowledge { stream, sequence } => {
                let relay = self.relays.iter_mut().find(|relay| relay.stream == stream);
                if let Some(relay) = relay {
                    relay.acknowledged = sequence;
                    relay.told.retain(|told, _| *told > sequence);
                }
            }
            Action::Page { number, line } => {
                self.lines.push((number, *line));
                // Every third line is taken over by nobody.
                if number % 3 > 0 && self.handed_on.insert(number) {
                    self.event(Event::HandedOn { page: number });
                }
            }
            _ => {}
        }
    }

    fn tell_after(&mut self, stream: StreamId, sequence: u64) {
        let Some(relay) = self.relays.iter().find(|relay| relay.stream == stream) else { return };
        let news: Vec<_> = relay.told.range(sequence + 1..).map(|(at, news)| (*at, news.clone())).collect();
        for (sequence, news) in news {
            self.event(Event::RelayNews { stream, sequence, news });
        }
    }

    fn connect_all(&mut self) {
        for at in 0..self.relays.len() {
            self.connect(at);
        }
        self.commit();
    }

    fn connect(&mut self, at: usize) {
        self.streams += 1;
        self.relays[at].stream = StreamId(self.streams);
        let (stream, hello) = (self.relays[at].stream, self.relays[at].hello.clone());
        self.event(Event::RelayConnected { stream, hello });
    }

    fn run_for(&mut self, ms: u64) {
        let end = self.now + core::time::Duration::from_millis(ms);
        self.commit();
        while self.cma.next_deadline() <= end {
            self.now = self.cma.next_deadline().max(self.now);
            self.event(Event::DeadlineReached);
            self.commit();
        }
        self.now = end;
    }

    fn step(&mut self, step: &Step) {
        self.run_for(step.wait_ms);
        let at = step.relay;
        match &step.what {
            What::Tell(news) => {
                let relay = &mut self.relays[at];
                relay.last += 1;
                relay.told.insert(relay.last, news.clone());
                let (stream, sequence) = (relay.stream, relay.last);
                self.event(Event::RelayNews { stream, sequence, news: news.clone() });
            }
            What::LoseState => {
                let relay = &mut self.relays[at];
                relay.hello.outbox += 1;
                (relay.last, relay.acknowledged) = (0, 0);
                relay.told.clear();
                self.connect(at);
            }
        }
    }

    /// Kills the authority: the last `lost` turns are not on the disk, and nothing they ordered left. Of the turn
    /// before them the records are there and the orders may be lost too.
    fn kill(&mut self, lost: usize, mute: bool) {
        let written = self.turns.len().saturating_sub(lost);
        self.turns.truncate(written);
        if mute {
            let keeps = |turn: Vec<Action>| {
                turn.into_iter().filter(|action| matches!(action, Action::Keep(_))).collect::<Vec<_>>()
            };
            self.turns = core::mem::take(&mut self.turns).into_iter().map(keeps).collect();
        }
        // What the last orders bring about comes to nobody.
        while !self.turns.is_empty() {
            for action in self.turns.remove(0) {
                match action {
                    Action::Keep(_) | Action::Page { .. } | Action::Acknowledge { .. } => {
                        let before = self.turns.len();
                        self.carry_out(action);
                        if self.turns.len() > before {
                            self.turns.truncate(before);
                        }
                    }
                    _ => {}
                }
            }
        }
        self.cma = self.disk.restore(self.now);
        self.look_at_the_pages();
        self.connect_all();
    }

    /// What nobody took over is ordered again, and nothing else is.
    fn look_at_the_pages(&mut self) {
        let on_disk: Vec<u64> = self.cma.pages.keys().copied().collect();
        let mut turn = Vec::new();
        self.cma.on_event(self.now, Event::OwnWarnings(Vec::new()), &mut turn);
        let number =
            |action: &Action| if let Action::Page { number, .. } = action { Some(*number) } else { None };
        assert_eq!(turn.iter().filter_map(number).collect::<Vec<_>>(), on_disk);
        for (number, line) in self.lines.iter().rev().take(1).filter(|(number, _)| number % 3 == 0) {
            assert!(self.cma.pages.get(number) == Some(line), "a line nobody took over is not on record");
        }
        self.turns.push(turn);
    }
}

#[derive(Clone, Debug)]
enum What {
    Tell(News),
    LoseState,
}

#[derive(Clone, Debug)]
struct Step {
    wait_ms: u64,
    relay: usize,
    what: What,
}

fn any_host() -> impl Strategy<Value = News> {
    let state = prop_oneof![Just(HostState::Up), Just(HostState::Silent), Just(HostState::Planned)];
    (0u8..5, state, proptest::option::of((1u8..3, 0u8..3)), any::<bool>()).prop_map(
        |(n, state, wired, dual)| {
            let port = wired.map(|(switch, port)| (switch, format!("p{port}")));
            let port = port.as_ref().map(|(switch, port)| (*switch, port.as_str()));
            let mut places = vec![place(2, &format!("10.77.1.{n}"), port)];
            if dual {
                places.push(place(3, &format!("10.77.2.{n}"), Some((3, "p1"))));
            }
            News::Host(ringmesh_proto::news::HostNews { state, ..host(&format!("h{n}"), places) })
        },
    )
}

fn any_ring() -> impl Strategy<Value = News> {
    (1u32..3, proptest::sample::subsequence(vec!["h0", "h1", "h2", "h3", "h4"], 1..5), 0u32..9).prop_map(
        |(id, members, counter)| {
            let mut news = ring(id, "02:00:00:00:01:01", &members);
            news.generation.counter = counter;
            News::Ring(RingNews { ..news })
        },
    )
}

fn any_incident() -> impl Strategy<Value = News> {
    let verdict = proptest::sample::select(&[Verdict::HostHung, Verdict::SwitchDown, Verdict::ProbeDown][..]);
    (0u64..3, 1u32..12, verdict, proptest::bool::weighted(0.3), 1u32..30).prop_map(
        |(id, revision, verdict, closed, silent)| {
            let at_ms = RELAY_MS + u64::from(revision) * 1_000;
            let kind = ringmesh_proto::news::SubjectKind::Switch;
            let alternative =
                ringmesh_proto::news::Alternative { verdict, subject: subject(kind, "sw1"), permille: 1_000 };
            News::Incident(Box::new(IncidentNews {
                id: IncidentId(id),
                revision,
                closed,
                closed_ms: if closed { at_ms } else { 0 },
                at_ms,
                silent,
                class: Class::Critical,
                alternatives: vec![alternative],
                behind: (0..silent % 5).map(|n| format!("h{n}")).collect(),
                ..host_incident(verdict)
            }))
        },
    )
}

fn any_step() -> impl Strategy<Value = Step> {
    let switch = (1u8..3, any::<bool>()).prop_map(|(n, up)| {
        let state = if up { SwitchState::Up } else { SwitchState::Down };
        News::Switch(SwitchNews { id: format!("02:00:00:00:01:0{n}"), name: format!("sw{n}"), state })
    });
    let news = prop_oneof![
        4 => any_host(),
        1 => (0u8..5).prop_map(|n| News::HostGone(name(&format!("h{n}")))),
        1 => switch,
        2 => any_ring(),
        1 => (1u32..3).prop_map(News::RingGone),
        4 => any_incident(),
    ];
    let what = prop_oneof![20 => news.prop_map(What::Tell), 1 => Just(What::LoseState)];
    let wait = prop_oneof![Just(0u64), 0u64..3_000, 0u64..30_000];
    // Incidents of two sites never share an id.
    (wait, 0usize..2, what).prop_map(|(wait_ms, relay, mut what)| {
        if let What::Tell(News::Incident(news)) = &mut what {
            news.id.0 += 100 * relay as u64;
        }
        Step { wait_ms, relay, what }
    })
}

/// What a past wire says, but when: that is when it was told here.
fn without_times(facts: Facts) -> Facts {
    match facts {
        Facts::Attachment(wire) => {
            Facts::Attachment(PastWire { from_ms: 0, until_ms: 0, plugged: false, ..wire })
        }
        facts => facts,
    }
}

/// What a world has come to, without what a pause may change: when things were taken, and what was told when.
#[derive(Debug, PartialEq)]
struct Outcome {
    nodes: Vec<(NodeKey, Facts)>,
    edges: Vec<(EdgeKey, Tie)>,
    incidents: Vec<IncidentDoc>,
    rows: BTreeMap<(String, u64, u64), (Thing, Happened)>,
}

fn outcome(cma: &Cma, now: Time) -> Outcome {
    let nodes: Vec<_> = Label::ALL.iter().flat_map(|label| scan_all(&cma.graph, *label).unwrap()).collect();
    let edges = nodes.iter().flat_map(|node| cma.graph.neighbours(&node.key, Direction::Out, None).unwrap());
    let plain = |doc: IncidentDoc| IncidentDoc {
        paged_ms: 0,
        pages: 0,
        notified: false,
        severity: String::new(),
        ..doc
    };
    let mut rows = BTreeMap::new();
    for (number, Row { source, sequence, thing, happened, .. }) in cma.history.after(0) {
        if *sequence > 0 {
            let key = (source.site.to_string(), source.outbox, *sequence);
            let before = rows.insert(key.clone(), (thing.clone(), happened.clone()));
            assert_eq!(before, None, "row {number} tells {key:?} a second time");
        }
    }
    // Past wires are numbered in the order in which they ended, over all sites.
    let unnumbered = |mut key: NodeKey| {
        if key.label == Label::Attachment {
            key.id.truncate(key.id.rfind('/').unwrap_or_default());
        }
        key
    };
    let mut edges: Vec<_> =
        edges.clone().map(|edge| (EdgeKey { to: unnumbered(edge.key.to), ..edge.key }, edge.tie)).collect();
    edges.sort_by(|a, b| a.0.cmp(&b.0));
    let mut nodes: Vec<_> =
        nodes.iter().cloned().map(|node| (unnumbered(node.key), without_times(node.facts))).collect();
    nodes.sort_by_cached_key(|(key, facts)| (key.clone(), format!("{facts:?}")));
    Outcome {
        edges,
        nodes,
        incidents: cma.incidents(now, true).incidents.into_iter().map(plain).collect(),
        rows,
    }
}

fn keys(world: &World) -> BTreeSet<String> {
    world.lines.iter().map(|(_, line)| line.key.clone()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn a_killed_authority_comes_to_the_same_as_one_that_never_was(
        history in proptest::collection::vec(any_step(), 1..40),
        kills in proptest::collection::btree_map(0usize..40, (0usize..3, any::<bool>(), 0u64..5_000), 1..4),
    ) {
        let (mut whole, mut killed) = (World::new(), World::new());
        for (at, step) in history.iter().enumerate() {
            whole.step(step);
            whole.commit();
            killed.step(step);
            if let Some(&(lost, mute, away_ms)) = kills.get(&at) {
                killed.kill(lost, mute);
                // It is away at most as long as the others do nothing.
                whole.run_for(away_ms);
                killed.run_for(away_ms);
            }
            killed.commit();
        }
        for world in [&mut whole, &mut killed] {
            world.run_for(1_300_000);
        }
        prop_assert_eq!(outcome(&killed.cma, killed.now), outcome(&whole.cma, whole.now));
        prop_assert!(keys(&killed).is_subset(&keys(&whole)), "{:?} beside {:?}", keys(&killed), keys(&whole));
        for doc in whole.cma.incidents(whole.now, false).incidents {
            let same = killed.cma.explain(killed.now, &doc.id).unwrap().incident;
            prop_assert_eq!(same.notified, doc.notified, "{} {}", doc.id, doc.verdict);
        }
    }

    #[test]
    fn after_any_turn_what_was_written_down_is_what_is_known(
        history in proptest::collection::vec(any_step(), 1..25)
    ) {
        let mut world = World::new();
        for step in &history {
            world.step(step);
            world.commit();
            let again = world.disk.restore(world.now);
            prop_assert_eq!(&again.identity, &world.cma.identity);
            prop_assert_eq!(&again.past, &world.cma.past);
            for question in ["wiring-changes 1", "history h1", "history lab/h2"] {
                let (query, argument) = question.split_once(' ').unwrap();
                let ask = |cma: &Cma| cma.query(world.now, query, argument);
                prop_assert_eq!(ask(&again), ask(&world.cma), "{}", question);
            }
            prop_assert_eq!(outcome(&again, world.now), outcome(&world.cma, world.now));
            prop_assert_eq!(again.incidents(world.now, true), world.cma.incidents(world.now, true));
            let places = |cma: &Cma| {
                let tree = cma.tree(world.now).unwrap().sites.into_iter();
                tree.map(|site| (site.switches, site.hosts)).collect::<Vec<_>>()
            };
            prop_assert_eq!(places(&again), places(&world.cma), "with the ages of attachments");
            prop_assert_eq!(&again.pages, &world.cma.pages);
            for (key, relay) in world.cma.relays.iter() {
                let kept = again.relays.get(key).unwrap();
                let of = |relay: &crate::relay::Relay| (relay.sequence, relay.picture.whole(), relay.picture.len());
                prop_assert_eq!(of(kept), of(relay));
                prop_assert_eq!(&kept.former, &relay.former);
            }
        }
    }
}

#[test]
fn everything_is_held_for_ten_seconds_after_a_restart_and_told_once() {
    let mut world = World::new();
    world.run_for(20_000);
    let news = News::Incident(Box::new(crate::testing::switch_incident(3)));
    world.step(&Step { wait_ms: 0, relay: 0, what: What::Tell(news) });
    world.kill(0, false);
    world.run_for(9_999);
    assert_eq!(world.lines.len(), 0, "held");
    world.run_for(1);
    assert_eq!(world.lines.len(), 1);
    world.kill(0, false);
    world.run_for(100_000);
    assert_eq!(world.lines.len(), 1, "it was taken over");
    assert_eq!(world.cma.incidents(world.now, false).incidents.len(), 1, "nothing is closed by a restart");
}

#[test]
fn a_line_that_nobody_took_over_is_ordered_again_without_waiting_for_anybody() {
    let mut world = World::new();
    world.run_for(20_000);
    let news = News::Incident(Box::new(crate::testing::switch_incident(3)));
    world.step(&Step { wait_ms: 0, relay: 0, what: What::Tell(news) });
    world.commit();
    let due = world.cma.next_deadline();
    world.now = due;
    world.event(Event::DeadlineReached);
    // The turn is on the disk; the line did not reach anybody.
    let line = world.turns[0].iter().find(|action| matches!(action, Action::Page { .. })).cloned().unwrap();
    let turn = world.turns.remove(0);
    for action in turn {
        if let Action::Keep(keep) = action {
            world.disk.write(keep);
        }
    }
    let mut again = world.disk.restore(world.now);
    assert_eq!(again.next_deadline(), world.now);
    let mut out = Vec::new();
    again.on_event(world.now, Event::DeadlineReached, &mut out);
    assert!(out.contains(&line), "{out:?}");
    assert!(again.next_deadline() > world.now);
    let mut out = Vec::new();
    again.on_event(world.now, Event::HandedOn { page: 1 }, &mut out);
    assert_eq!(out, [Action::Keep(crate::records::drop_numbered(crate::records::PAGE, 1))]);
}

#[test]
fn records_of_a_newer_version_or_damaged_ones_are_refused_by_kind() {
    let wall = WallClock::default();
    let restore = |key: &[u8], value: &[u8]| {
        let records = [(key.to_vec(), value.to_vec())];
        let cma = Cma::restore(config(), wall, MemoryGraph::default(), records);
        cma.err().map(|error| error.kind)
    };
    assert_eq!(restore(b"z", b""), Some(b'z'));
    assert_eq!(restore(b"", b""), Some(0));
    assert_eq!(restore(b"I", &[1, 2]), Some(b'I'));
    assert_eq!(restore(b"p1234567", &[]), Some(b'p'));
}

#[test]
fn the_first_identity_is_the_one_that_stays() {
    let mut cma = Disk::default().restore(Time::from_millis(1));
    let first = cma.identity().clone();
    let mut out = Vec::new();
    cma.on_event(Time::from_millis(1), Event::OwnWarnings(Vec::new()), &mut out);
    let mut disk = Disk::default();
    for action in out {
        let Action::Keep(keep) = action else { panic!("{action:?}") };
        disk.write(keep);
    }
    assert_eq!(disk.restore(Time::from_millis(9_999)).identity(), &first);
}
