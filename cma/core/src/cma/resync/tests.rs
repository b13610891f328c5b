use ringmesh_proto::digest::Picture;
use ringmesh_proto::machine::Machine;
use ringmesh_proto::news::{HostState, SwitchNews, SwitchState};

use super::*;
use crate::cma::Event;
use crate::graph::{Label, MemoryGraph, scan_all};
use crate::testing::{World, hello, host, name, place, ring, switch_incident};

const STREAM: StreamId = StreamId(1);

/// What a relay has to tell, and what it was asked for.
struct Told {
    news: BTreeMap<Key, News>,
    sequence: u64,
    asked: Vec<String>,
}

fn attached(id: usize, switch: u8) -> News {
    let address = format!("10.77.1.{id}");
    News::Host(host(&format!("h{id}"), vec![place(2, &address, Some((switch, &format!("p{id}"))))]))
}

impl Told {
    fn of(news: impl IntoIterator<Item = News>) -> Self {
        let news = news.into_iter().map(|news| (news.key(), news)).collect();
        Self { news, sequence: 0, asked: Vec::new() }
    }

    fn site() -> Self {
        let hosts = (0..64).map(|id| attached(id, 1 + (id % 4) as u8));
        let switches = (1..5).map(|n| {
            let id = format!("02:00:00:00:01:0{n}");
            News::Switch(SwitchNews { id, name: format!("sw{n}"), state: SwitchState::Up })
        });
        let rings = [News::Ring(ring(1, "02:00:00:00:01:01", &["h0", "h4", "h8"]))];
        Self::of(hosts.chain(switches).chain(rings))
    }

    fn say(&mut self, news: News) {
        self.news.insert(news.key(), news);
    }

    fn picture(&self) -> Picture {
        let mut picture = Picture::default();
        self.news.values().for_each(|news| picture.tell(news));
        picture
    }

    fn tell(&mut self, world: &mut World, key: &Key) {
        self.sequence += 1;
        let (sequence, news) = (self.sequence, self.news[key].clone());
        world.event(Event::RelayNews { stream: STREAM, sequence, news });
    }

    fn tell_all(&mut self, world: &mut World) {
        let keys: Vec<Key> = self.news.keys().cloned().collect();
        keys.iter().for_each(|key| self.tell(world, key));
        world.out.clear();
    }

    fn pulse(&mut self, world: &mut World) {
        let picture = Some(self.picture().whole());
        world.event(Event::RelayPulse { stream: STREAM, pending: 0, picture });
    }

    /// Answers until nothing more is asked.
    fn answer(&mut self, world: &mut World) {
        loop {
            let asked: Vec<Action> = core::mem::take(&mut world.out);
            let mut answered = false;
            for action in asked {
                answered |= self.answer_one(world, action);
            }
            if !answered {
                return;
            }
        }
    }

    fn answer_one(&mut self, world: &mut World, action: Action) -> bool {
        let picture = self.picture();
        match action {
            Action::Compare { stream } => {
                self.asked.push("compare".into());
                let groups = picture.groups().map(|(group, digest)| (group.clone(), digest)).collect();
                world.event(Event::Groups { stream, groups });
            }
            Action::CompareGroups { stream, groups } => {
                let told: Vec<_> =
                    groups.into_iter().map(|g| (g.clone(), picture.things(&g).collect::<Vec<_>>())).collect();
                let things: usize = told.iter().map(|(_, things)| things.len()).sum();
                self.asked.push(format!("{} groups, {things} things", told.len()));
                world.event(Event::Things { stream, sequence: self.sequence, groups: told });
            }
            Action::Want { keys, .. } => {
                self.asked.push(format!("want {}", keys.len()));
                keys.iter().for_each(|key| self.tell(world, key));
            }
            _ => return false,
        }
        true
    }
}

fn hosts(world: &World) -> usize {
    scan_all(world.cma.graph(), Label::Host).unwrap().len()
}

/// What was ordered beside the answers to pulses.
fn compared(world: &World) -> Vec<&Action> {
    let answers = |action: &&Action| matches!(action, Action::Acknowledge { .. });
    world.out.iter().filter(|action| !answers(action)).collect()
}

#[test]
fn of_a_site_of_64_hosts_only_what_differs_is_told_again_and_only_what_is_gone_is_dropped() {
    let (mut world, mut relay) = (World::settled(), Told::site());
    relay.tell_all(&mut world);
    relay.pulse(&mut world);
    relay.answer(&mut world);
    assert_eq!(relay.asked, Vec::<String>::new(), "equal pictures say nothing");
    // Unheard by us: one host falls silent, one moves, one is new, one is gone, and so is a ring.
    let News::Host(mut silent) = attached(5, 2) else { unreachable!() };
    silent.state = HostState::Silent;
    relay.say(News::Host(silent));
    relay.say(attached(7, 1));
    relay.say(attached(64, 1));
    relay.news.remove(&Key::Host(name("h9")));
    relay.news.remove(&Key::Ring(1));
    relay.pulse(&mut world);
    relay.answer(&mut world);
    // Three of four switches, and the rings: h7 left 4 for 1, h5 and h9 were on 2.
    assert_eq!(relay.asked, ["compare", "4 groups, 48 things", "want 3"]);
    assert_eq!(hosts(&world), 64);
    let graph = world.cma.graph();
    assert_eq!(scan_all(graph, Label::Ring).unwrap().len(), 0);
    let site = name("lab");
    assert!(graph.node(&NodeKey::host(&site, "h9")).unwrap().is_none());
    let port = NodeKey::port(&site, "02:00:00:00:01:01", "p7");
    assert!(graph.node(&port).unwrap().is_some(), "h7 hangs on its new switch");
    world.run_to(world.now_ms + 20_000);
    relay.pulse(&mut world);
    relay.answer(&mut world);
    assert_eq!(relay.asked.len(), 3, "equal again");
}

#[test]
fn an_authority_that_knows_nothing_is_told_everything_in_one_round() {
    let (mut world, mut relay) = (World::settled(), Told::site());
    relay.pulse(&mut world);
    relay.answer(&mut world);
    assert_eq!(relay.asked, ["compare", "6 groups, 69 things", "want 69"]);
    assert_eq!(hosts(&world), 64);
    relay.pulse(&mut world);
    assert_eq!(compared(&world), Vec::<&Action>::new());
}

/// Asks for a round, and lets something happen before the things arrive.
fn overtaken(happens: impl FnOnce(&mut World, &mut Told), behind: u64) -> (World, Told) {
    let (mut world, mut relay) = (World::settled(), Told::site());
    relay.tell_all(&mut world);
    relay.news.remove(&Key::Host(name("h9")));
    relay.pulse(&mut world);
    let picture = relay.picture();
    let groups: BTreeMap<_, _> = picture.groups().map(|(group, digest)| (group.clone(), digest)).collect();
    world.event(Event::Groups { stream: STREAM, groups: groups.clone() });
    let things: Vec<_> = groups.keys().map(|g| (g.clone(), picture.things(g).collect::<Vec<_>>())).collect();
    let sequence = relay.sequence;
    happens(&mut world, &mut relay);
    world.out.clear();
    world.event(Event::Things { stream: STREAM, sequence: sequence + behind, groups: things });
    (world, relay)
}

#[test]
fn a_round_that_news_overtook_is_ignored_and_begun_again_ten_seconds_after_it_began() {
    let (mut world, mut relay) = overtaken(
        |world, relay| {
            relay.say(attached(7, 1));
            relay.tell(world, &Key::Host(name("h7")));
        },
        0,
    );
    assert_eq!((hosts(&world), world.out.len()), (64, 0), "it speaks of an older moment");
    let start = world.now_ms;
    for (after, rounds) in [(2_000, 0), (8_000, 0), (10_000, 1)] {
        world.run_to(start + after);
        relay.pulse(&mut world);
        relay.answer(&mut world);
        assert_eq!(relay.asked.iter().filter(|asked| *asked == "compare").count(), rounds, "{after} ms");
    }
    assert_eq!(hosts(&world), 63);
}

#[test]
fn behind_the_relay_nothing_is_dropped_for_what_moved_may_only_look_gone() {
    let (mut world, mut relay) = overtaken(|_, _| {}, 1);
    assert_eq!(hosts(&world), 64);
    // For good behind, with nothing pending: our store is older than what the relay was acknowledged.
    relay.sequence += 1;
    world.run_to(world.now_ms + 10_000);
    relay.pulse(&mut world);
    relay.answer(&mut world);
    assert_eq!(hosts(&world), 63);
}

#[test]
fn a_round_that_does_not_help_is_repeated_later_each_time() {
    let mut world = World::settled();
    let mut begun = Vec::new();
    let start = world.now_ms;
    for at in (0..400_000).step_by(2_000) {
        world.run_to(start + at);
        world.event(Event::RelayPulse { stream: STREAM, pending: 0, picture: Some(5) });
        if world.out.drain(..).any(|action| action == Action::Compare { stream: STREAM }) {
            begun.push(at / 1_000);
        }
    }
    assert_eq!(begun, [0, 10, 30, 70, 150, 310]);
    world.event(Event::RelayPulse { stream: STREAM, pending: 3, picture: None });
    assert_eq!(compared(&world), Vec::<&Action>::new(), "nothing is compared while news are on their way");
}

#[test]
fn a_thing_that_another_relay_of_the_site_knows_stays_and_so_does_a_switch_with_hosts() {
    let (mut world, mut relay) = (World::settled(), Told::site());
    relay.tell_all(&mut world);
    let second = StreamId(5);
    world.event(Event::RelayConnected { stream: second, hello: hello("lab", 2, 20) });
    world.event(Event::RelayNews { stream: second, sequence: 1, news: attached(9, 2) });
    for key in [Key::Host(name("h9")), Key::Switch("02:00:00:00:01:01".into())] {
        relay.news.remove(&key);
    }
    world.out.clear();
    relay.pulse(&mut world);
    relay.answer(&mut world);
    assert_eq!(hosts(&world), 64);
    assert_eq!(scan_all(world.cma.graph(), Label::Switch).unwrap().len(), 4);
    relay.pulse(&mut world);
    assert_eq!(compared(&world), Vec::<&Action>::new(), "our picture of that relay is its own");
    relay.news.retain(|key, _| !matches!(key, Key::Host(_)));
    world.run_to(world.now_ms + 20_000);
    relay.pulse(&mut world);
    relay.answer(&mut world);
    assert_eq!(hosts(&world), 1);
}

#[test]
fn an_open_incident_is_not_over_because_its_relay_forgot_it() {
    let mut world = World::settled();
    let mut relay = Told::of([News::Incident(Box::new(switch_incident(3)))]);
    relay.tell_all(&mut world);
    relay.news.clear();
    relay.pulse(&mut world);
    relay.answer(&mut world);
    assert_eq!(relay.asked, ["compare", "1 groups, 0 things"]);
    assert_eq!(world.cma.incidents(world.now(), false).incidents.len(), 1);
    relay.pulse(&mut world);
    assert_eq!(compared(&world), Vec::<&Action>::new());
}

#[test]
fn a_relay_that_lost_its_state_tells_its_rings_again_even_if_they_are_the_same() {
    let (mut world, mut relay) = (World::settled(), Told::site());
    relay.tell_all(&mut world);
    world.event(Event::RelayConnected { stream: STREAM, hello: hello("lab", 1, 10) });
    relay.sequence = 0;
    world.out.clear();
    relay.pulse(&mut world);
    relay.answer(&mut world);
    assert_eq!(relay.asked.last().map(String::as_str), Some("want 1"), "{:?}", relay.asked);
    assert_eq!(scan_all::<MemoryGraph>(world.cma.graph(), Label::Ring).unwrap().len(), 1);
    assert!(world.cma.next_deadline() > world.now());
}
