//! Sites, relays and lines that fail in virtual time, seen from the authority.

use std::collections::BTreeMap;

use ringmesh_proto::keep::Keep;
use ringmesh_proto::machine::Machine;
use ringmesh_proto::news::{News, PeerNews, PeerState, RelayHello, StartNews};
use ringmesh_proto::time::{Time, WallClock};
use ringmesh_topology::id::{Boot, RelayId};

use crate::cma::{Action, Cma, Event};
use crate::graph::MemoryGraph;
use crate::history::{Happened, Judged};
use crate::relay::StreamId;
use crate::testing::{CMA_MS, config, hello, name};

use Do::*;
use PeerState::{Heard, Refused, Silent, Unwatched};

/// When things begin to happen, in milliseconds.
const T0: u64 = 100_000;

/// What happens. Relays are named `a1`: site a, number 1.
#[derive(Clone, Copy, Debug)]
enum Do {
    /// Its stream ends.
    End(&'static str),
    /// Nothing comes from it any more.
    Mute(&'static str),
    /// It speaks again, on the stream it had.
    Resume(&'static str),
    /// It comes on a new stream, as the run it was.
    Back(&'static str),
    /// It comes on a new stream, as a new run.
    New(&'static str),
    /// What the first says of the second.
    Says(&'static str, &'static str, PeerState),
    /// How many of its hosts kept their boot, how many did not.
    Start(&'static str, u32, u32),
    /// We are killed and start again at once.
    Restart,
}

/// What happens, each at its milliseconds.
type Script = [(u64, Do)];
/// A name, what happens, and what must be told.
type Case<'a> = (&'a str, &'a Script, &'a [&'a str]);
/// The same, with the relays.
type CaseOf<'a> = (&'a str, &'a [&'static str], &'a Script, &'a [&'a str]);

struct Relay {
    hello: RelayHello,
    stream: StreamId,
    sequence: u64,
    pulses: bool,
}

struct World {
    cma: Cma,
    now_ms: u64,
    disk: BTreeMap<Vec<u8>, Vec<u8>>,
    relays: BTreeMap<&'static str, Relay>,
    streams: u64,
    lines: Vec<String>,
    /// The newest order of each relay: `b1:3`, link 3 to b1.
    orders: BTreeMap<StreamId, Vec<String>>,
}

fn wall(now_ms: u64) -> WallClock {
    WallClock { at: Time::from_millis(now_ms), unix_ms: CMA_MS + now_ms }
}

impl World {
    /// Relays that have been connected for long, and whose neighbours hear them.
    fn of(relays: &[&'static str]) -> Self {
        let mut world = Self::without_words(relays);
        for by in relays {
            for about in relays.iter().filter(|about| about[..1] != by[..1]) {
                world.carry_out(Says(by, about, Heard));
            }
        }
        world.run_to(T0);
        world
    }

    fn without_words(relays: &[&'static str]) -> Self {
        let mut world = Self {
            cma: Cma::new(config(), wall(0), MemoryGraph::default()),
            now_ms: 0,
            disk: BTreeMap::new(),
            relays: BTreeMap::new(),
            streams: 0,
            lines: Vec::new(),
            orders: BTreeMap::new(),
        };
        for (at, relay) in relays.iter().enumerate() {
            let number: u8 = relay[1..].parse().unwrap();
            let mesh_address = Some(format!("10.0.{at}.1:1990").parse().unwrap());
            let hello = RelayHello { mesh_address, run: Boot([1; 16]), ..hello(&relay[..1], number, 9) };
            let relay_state = Relay { hello, stream: StreamId(0), sequence: 0, pulses: true };
            world.relays.insert(relay, relay_state);
            world.connect(relay);
        }
        world
    }

    fn event(&mut self, event: Event) {
        let mut out = Vec::new();
        self.cma.on_event(Time::from_millis(self.now_ms), event, &mut out);
        for action in out {
            match action {
                Action::Keep(Keep::Put { key, value }) => drop(self.disk.insert(key, value)),
                Action::Keep(Keep::Drop { key }) => drop(self.disk.remove(&key)),
                Action::Page { line, number } => {
                    self.event(Event::HandedOn { page: number });
                    self.lines.push(format!("{} {} {}", line.transition, line.severity, line.verdict));
                }
                Action::Mesh { stream, order } => {
                    let links = order.links.iter();
                    let words = links.map(|l| format!("{}{}:{}", l.site, l.relay.0, l.link.0)).collect();
                    self.orders.insert(stream, words);
                }
                _ => {}
            }
        }
    }

    fn connect(&mut self, relay: &'static str) {
        self.streams += 1;
        let stream = StreamId(self.streams);
        let of = self.relays.get_mut(relay).unwrap();
        (of.stream, of.pulses) = (stream, true);
        let hello = of.hello.clone();
        self.event(Event::RelayConnected { stream, hello });
        self.event(Event::RelayPulse { stream, pending: 0, picture: None });
    }

    fn news(&mut self, relay: &'static str, news: News) {
        let of = self.relays.get_mut(relay).unwrap();
        of.sequence += 1;
        let (stream, sequence) = (of.stream, of.sequence);
        self.event(Event::RelayNews { stream, sequence, news });
    }

    fn carry_out(&mut self, what: Do) {
        match what {
            End(relay) => {
                self.relays.get_mut(relay).unwrap().pulses = false;
                let stream = self.relays[relay].stream;
                self.event(Event::RelayGone { stream });
            }
            Mute(relay) => self.relays.get_mut(relay).unwrap().pulses = false,
            Resume(relay) => self.relays.get_mut(relay).unwrap().pulses = true,
            Back(relay) => self.connect(relay),
            New(relay) => {
                self.relays.get_mut(relay).unwrap().hello.run.0[0] += 1;
                self.connect(relay);
            }
            Says(by, about, state) => {
                let (site, relay) = (name(&about[..1]), RelayId(about[1..].parse().unwrap()));
                self.news(by, News::Peer(PeerNews { site, relay, state, since_ms: 0 }));
            }
            Start(relay, kept, rebooted) => {
                self.news(relay, News::Start(StartNews { kept, rebooted, at_ms: 0 }));
            }
            Restart => {
                let records = self.disk.clone();
                let graph = MemoryGraph::default();
                self.cma = Cma::restore(config(), wall(self.now_ms), graph, records).unwrap();
                self.relays.values_mut().for_each(|relay| relay.pulses = false);
                self.event(Event::OwnWarnings(Vec::new()));
            }
        }
    }

    /// Lets time pass: deadlines, and a pulse of everybody who can every two seconds.
    fn run_to(&mut self, ms: u64) {
        loop {
            let pulse = (self.now_ms / 2_000 + 1) * 2_000;
            let deadline = self.cma.next_deadline().nanos().div_ceil(1_000_000);
            let next = pulse.min(deadline);
            if next > ms {
                break;
            }
            self.now_ms = next;
            if pulse == next {
                let live = self.relays.values().filter(|relay| relay.pulses);
                for stream in live.map(|relay| relay.stream).collect::<Vec<_>>() {
                    self.event(Event::RelayPulse { stream, pending: 0, picture: None });
                }
            }
            if deadline <= next {
                self.event(Event::DeadlineReached);
                assert!(
                    self.cma.next_deadline() > Time::from_millis(self.now_ms),
                    "spins at {}",
                    self.now_ms
                );
            }
        }
        self.now_ms = ms;
    }

    fn play(&mut self, script: &Script) {
        for (at, what) in script {
            self.run_to(T0 + at);
            self.carry_out(*what);
        }
    }

    /// What our own incidents were, each with its moment: `8.2 opened SiteCut|SiteDark site b`.
    fn told(&self) -> Vec<String> {
        let rows = self.cma.history.after(0).filter(|(_, row)| row.source.relay == RelayId(0));
        let word = |judged: &Judged| match (judged.first, judged.closed) {
            (_, true) => "over",
            (true, false) => "opened",
            (false, false) => "now",
        };
        let told = rows.filter_map(|(_, row)| match &row.happened {
            Happened::Incident(judged) => {
                let at_ms = row.at_ms - CMA_MS - T0;
                let (s, tenth) = (at_ms / 1_000, at_ms % 1_000 / 100);
                Some(format!("{s}.{tenth} {} {} {}", word(judged), judged.verdict, judged.about))
            }
            _ => None,
        });
        told.collect()
    }
}

/// Plays a script with these relays, and everything must be told at its moment.
fn check(case: &str, relays: &[&'static str], script: &Script, want: &[&str]) -> World {
    let mut world = World::of(relays);
    world.play(script);
    world.run_to(T0 + 60_000);
    assert_eq!(world.told(), want, "{case}");
    world
}

const THREE: &[&str] = &["a1", "b1", "c1"];

#[test]
fn a_relay_that_ended_is_down_at_once_where_its_port_refuses_and_else_when_nobody_hears_it() {
    let cases: &[CaseOf<'_>] = &[
        (
            "refused",
            THREE,
            &[(500, End("b1")), (1_900, Says("a1", "b1", Refused))],
            &["1.9 opened RelayDown relay b/r1"],
        ),
        (
            "refused before its stream ended",
            THREE,
            &[(500, Says("c1", "b1", Refused)), (3_000, End("b1"))],
            &["3.0 opened RelayDown relay b/r1"],
        ),
        (
            "a refusal of long ago",
            THREE,
            &[(0, Says("a1", "b1", Refused)), (9_000, Says("c1", "b1", Silent)), (9_000, End("b1"))],
            &["12.0 opened RelayDown relay b/r1"],
        ),
        (
            "heard until it was silent",
            THREE,
            &[(500, End("b1")), (8_000, Says("a1", "b1", Silent)), (8_600, Says("c1", "b1", Silent))],
            &["8.6 opened RelayDown relay b/r1"],
        ),
        ("heard still", THREE, &[(500, End("b1"))], &["9.5 opened WanPathFault site b"]),
        ("alone", &["a1"], &[(500, End("a1"))], &["3.5 opened RelayDown relay a/r1"]),
    ];
    for (case, relays, script, want) in cases {
        check(case, relays, script, want);
    }
}

#[test]
fn a_site_that_fell_silent_is_cut_where_somebody_hears_it_still_and_else_cut_or_dark() {
    let cut_or_dark: &[&str] = &["8.2 opened SiteCut|SiteDark site b"];
    let cases: &[CaseOf<'_>] = &[
        (
            "three sites, both witnesses",
            THREE,
            &[(500, Mute("b1")), (7_900, Says("a1", "b1", Silent)), (8_100, Says("c1", "b1", Silent))],
            cut_or_dark,
        ),
        ("two sites", &["a1", "b1"], &[(500, Mute("b1")), (7_900, Says("a1", "b1", Silent))], cut_or_dark),
        (
            "a late word",
            THREE,
            &[(500, Mute("b1")), (7_900, Says("a1", "b1", Silent)), (9_600, Says("c1", "b1", Silent))],
            &["9.6 opened SiteCut|SiteDark site b"],
        ),
        (
            "heard by one",
            THREE,
            &[(500, Mute("b1")), (7_900, Says("a1", "b1", Silent))],
            &["11.0 opened SiteCut site b"],
        ),
        (
            "silent to one for an hour, and to the other now",
            THREE,
            &[(0, Says("a1", "b1", Silent)), (20_500, Mute("b1")), (28_100, Says("c1", "b1", Silent))],
            &["31.0 opened SiteCut|SiteDark site b"],
        ),
        (
            "silent to both for an hour",
            THREE,
            &[(0, Says("a1", "b1", Silent)), (0, Says("c1", "b1", Silent)), (20_500, Mute("b1"))],
            &["31.0 opened Undetermined site b or relay b/r1"],
        ),
        (
            "a stream that was silent before it ended",
            THREE,
            &[
                (500, Mute("b1")),
                (6_000, End("b1")),
                (7_900, Says("a1", "b1", Silent)),
                (8_100, Says("c1", "b1", Silent)),
            ],
            &["8.1 opened SiteCut|SiteDark site b"],
        ),
        (
            "its relay refuses",
            THREE,
            &[(500, Mute("b1")), (2_000, Says("a1", "b1", Refused))],
            &["8.2 opened RelayDown relay b/r1"],
        ),
        ("a pause", THREE, &[(500, Mute("b1")), (7_900, Resume("b1"))], &[]),
        ("a pause that was noticed", THREE, &[(500, Mute("b1")), (8_500, Resume("b1"))], &[]),
        (
            "a stream that flaps",
            THREE,
            &[(500, End("b1")), (3_400, Back("b1")), (4_000, End("b1")), (6_900, Back("b1"))],
            &[],
        ),
        ("a relay that was restarted", THREE, &[(500, End("b1")), (2_400, New("b1"))], &[]),
    ];
    for (case, relays, script, want) in cases {
        check(case, relays, script, want);
    }
}

#[test]
fn an_authority_that_loses_all_blames_its_own_line_and_one_that_knows_but_one_cannot_tell() {
    let all: &Script = &[(500, Mute("a1")), (1_500, Mute("b1")), (2_500, Mute("c1"))];
    let world = check("all", THREE, all, &["10.2 opened CmaCut cma"]);
    assert_eq!(world.lines, ["opened page CmaCut"]);
    let ended: &Script = &[(500, End("a1")), (600, End("b1")), (700, Mute("c1"))];
    check("streams that ended too", THREE, ended, &["8.2 opened CmaCut cma"]);
    let one = check("one", &["a1"], &[(500, Mute("a1"))], &["11.0 opened Undetermined site a or cma"]);
    let doc = &one.cma.incidents(Time::from_millis(one.now_ms), false).incidents[0];
    let words: Vec<String> =
        doc.alternatives.iter().map(|a| format!("{} {} {}", a.verdict, a.subject.kind, a.permille)).collect();
    assert_eq!(words, ["SiteCut site 334", "SiteDark site 333", "CmaCut set 333"]);
    assert_eq!((doc.severity.as_str(), doc.path.len()), ("page", 0));
    check(
        "one after the other",
        &["a1", "b1"],
        &[(500, End("a1")), (500, Says("b1", "a1", Refused)), (20_500, Mute("b1"))],
        &["0.5 opened RelayDown relay a/r1", "31.0 opened Undetermined site b or cma"],
    );
}

#[test]
fn what_comes_back_after_our_own_line_was_cut_closes_it_and_what_does_not_is_judged_by_itself() {
    let all: &Script = &[(500, Mute("a1")), (500, Mute("b1")), (500, Mute("c1"))];
    let back = [all, &[(19_000, Resume("a1")), (22_000, Back("b1")), (34_000, Back("c1"))]].concat();
    let world = check("all are back", THREE, &back, &["8.2 opened CmaCut cma", "30.0 over CmaCut cma"]);
    assert_eq!(world.lines, ["opened page CmaCut", "closed page CmaCut"]);
    let not_all =
        [all, &[(19_000, Resume("a1")), (22_000, Back("b1")), (23_000, Says("a1", "c1", Silent))]].concat();
    let want = &["8.2 opened CmaCut cma", "30.0 over CmaCut cma", "35.0 opened SiteCut site c"];
    check("one is not, and b hears it", THREE, &not_all, want);
}

#[test]
fn a_return_tells_what_it_was() {
    let cut: &Script =
        &[(500, Mute("b1")), (7_900, Says("a1", "b1", Silent)), (8_100, Says("c1", "b1", Silent))];
    let opened = "8.2 opened SiteCut|SiteDark site b";
    let cases: &[Case<'_>] = &[
        ("same run", &[(20_000, Back("b1"))], &["20.0 now SiteCut site b", "30.0 over SiteCut site b"]),
        ("same stream", &[(21_000, Resume("b1"))], &["22.0 now SiteCut site b", "32.0 over SiteCut site b"]),
        (
            "new run, booted",
            &[(20_000, New("b1")), (24_000, Start("b1", 3, 3))],
            &["24.0 now SiteDark site b", "30.0 over SiteDark site b"],
        ),
        (
            "new run, kept",
            &[(20_000, New("b1")), (24_000, Start("b1", 4, 3))],
            &["24.0 now RelayDown relay b/r1", "30.0 over RelayDown relay b/r1"],
        ),
        (
            "new run, no hosts",
            &[(20_000, New("b1")), (24_000, Start("b1", 0, 0))],
            &["24.0 now RelayDown relay b/r1", "30.0 over RelayDown relay b/r1"],
        ),
        (
            "new run, late words",
            &[(20_000, New("b1")), (34_000, Start("b1", 0, 5))],
            &["34.0 now SiteDark site b", "34.0 over SiteDark site b"],
        ),
        (
            "new run, no word",
            &[(20_000, New("b1"))],
            &["35.0 now RelayDown relay b/r1", "35.0 over RelayDown relay b/r1"],
        ),
        (
            "back and lost again",
            &[(20_000, Back("b1")), (25_000, End("b1")), (27_000, Back("b1"))],
            &["20.0 now SiteCut site b", "37.0 over SiteCut site b"],
        ),
    ];
    for (case, script, want) in cases {
        let script = [cut, script].concat();
        let world = check(case, THREE, &script, &[&[opened], *want].concat());
        assert_eq!(world.lines.len(), 2, "{case}: reclassified without a page: {:?}", world.lines);
    }
}

#[test]
fn a_relay_taken_for_dead_that_comes_back_as_it_was_was_only_out_of_reach() {
    let down: &Script = &[(500, End("b1")), (1_900, Says("a1", "b1", Refused))];
    let cases: &[Case<'_>] = &[
        ("same run", &[(20_000, Back("b1"))], &["20.0 now SiteCut site b", "30.0 over SiteCut site b"]),
        (
            "new run",
            &[(20_000, New("b1")), (25_000, Start("b1", 9, 0))],
            &["25.0 now RelayDown relay b/r1", "30.0 over RelayDown relay b/r1"],
        ),
        (
            "new run, power",
            &[(20_000, New("b1")), (25_000, Start("b1", 0, 9))],
            &["25.0 now SiteDark site b", "30.0 over SiteDark site b"],
        ),
    ];
    for (case, script, want) in cases {
        let script = [down, script].concat();
        check(case, THREE, &script, &[&["1.9 opened RelayDown relay b/r1"], *want].concat());
    }
    let path: &Script = &[(500, End("b1")), (20_000, Back("b1"))];
    check("a path", THREE, path, &["9.5 opened WanPathFault site b", "30.0 over WanPathFault site b"]);
}

#[test]
fn lost_again_within_five_minutes_is_the_same_incident() {
    let mut world = World::of(THREE);
    let flap = |at: u64| {
        [
            (at + 500, Mute("b1")),
            (at + 8_300, Says("a1", "b1", Silent)),
            (at + 8_300, Says("c1", "b1", Silent)),
        ]
    };
    let script = [&flap(0)[..], &[(20_000, Back("b1"))], &flap(100_000), &[(120_000, Back("b1"))]].concat();
    world.play(&script);
    world.run_to(T0 + 200_000);
    let incidents = world.cma.incidents(Time::from_millis(world.now_ms), true).incidents;
    assert_eq!(incidents.len(), 1, "{:?}", world.told());
    assert_eq!(world.told().len(), 6);
    assert_eq!(
        world.lines,
        ["opened page SiteCut|SiteDark", "closed page SiteCut"],
        "paged once in ten minutes"
    );
}

#[test]
fn a_restarted_authority_gives_everybody_fifteen_seconds_and_keeps_what_it_knew() {
    let all = [(8_000, Back("a1")), (10_000, Back("b1")), (14_900, Back("c1"))];
    let restart = |rest: &Script| [&[(500, Restart)][..], rest].concat();
    check("all are back", THREE, &restart(&all), &[]);
    let b_not = [
        (8_000, Back("a1")),
        (9_000, Says("a1", "b1", Silent)),
        (9_000, Back("c1")),
        (9_000, Says("c1", "b1", Silent)),
    ];
    check("one is not", THREE, &restart(&b_not), &["15.5 opened SiteCut|SiteDark site b"]);
    let heard = [(8_000, Back("a1")), (9_000, Back("c1"))];
    check("one is not, and is heard", THREE, &restart(&heard), &["15.5 opened SiteCut site b"]);
    check("nobody is", THREE, &restart(&[]), &["15.5 opened CmaCut cma"]);
    let mut world = World::of(THREE);
    let cut = [(500, Mute("b1")), (8_000, Says("a1", "b1", Silent)), (8_000, Says("c1", "b1", Silent))];
    world.play(&[&cut[..], &[(20_000, Restart), (21_000, Back("a1")), (21_000, Back("c1"))]].concat());
    world.run_to(T0 + 50_000);
    assert_eq!(world.told(), ["8.2 opened SiteCut|SiteDark site b"], "kept, and nothing beside it");
    world.play(&[
        (50_000, Back("b1")),
        (55_000, Restart),
        (56_000, Back("a1")),
        (56_000, Back("b1")),
        (56_000, Back("c1")),
    ]);
    world.run_to(T0 + 100_000);
    let want = ["8.2 opened SiteCut|SiteDark site b", "50.0 now SiteCut site b", "66.0 over SiteCut site b"];
    assert_eq!(world.told(), want);
    assert_eq!(world.lines, ["opened page SiteCut|SiteDark", "closed page SiteCut"]);
}

#[test]
fn a_site_with_another_relay_that_speaks_is_not_cut() {
    let four: &[&str] = &["a1", "b1", "b2", "c1"];
    let cases: &[Case<'_>] = &[
        (
            "one falls silent",
            &[(500, Mute("b1")), (8_000, Says("a1", "b1", Silent)), (8_000, Says("c1", "b1", Silent))],
            &["11.0 opened RelayDown relay b/r1"],
        ),
        ("one falls silent and is heard", &[(500, Mute("b1"))], &["11.0 opened WanPathFault site b"]),
        (
            "both fall silent",
            &[
                (500, Mute("b1")),
                (2_500, Mute("b2")),
                (8_000, Says("a1", "b1", Silent)),
                (8_000, Says("c1", "b1", Silent)),
                (9_000, Says("c1", "b2", Silent)),
            ],
            &["10.2 opened SiteCut|SiteDark site b"],
        ),
        (
            "one ends, the other is refused",
            &[
                (500, End("b1")),
                (1_500, Says("a1", "b1", Refused)),
                (20_000, End("b2")),
                (21_000, Says("c1", "b2", Refused)),
            ],
            &["1.5 opened RelayDown relay b/r1", "21.0 opened RelayDown relay b/r2"],
        ),
        (
            "back by the same run",
            &[
                (500, Mute("b1")),
                (8_000, Says("a1", "b1", Silent)),
                (8_000, Says("c1", "b1", Silent)),
                (20_000, Back("b1")),
            ],
            &[
                "11.0 opened RelayDown relay b/r1",
                "20.0 now WanPathFault site b",
                "30.0 over WanPathFault site b",
            ],
        ),
    ];
    for (case, script, want) in cases {
        check(case, four, script, want);
    }
}

impl World {
    fn orders(&self, relays: &[&'static str]) -> Vec<String> {
        let order = |relay: &&'static str| {
            let links = self.orders.get(&self.relays[relay].stream).map(|links| links.join(" "));
            format!("{relay}-> {}", links.unwrap_or_else(|| "untold".to_owned()))
        };
        relays.iter().map(order).collect()
    }
}

#[test]
fn the_ring_closes_over_what_is_lost_and_takes_it_back() {
    let mut world = World::of(THREE);
    assert_eq!(world.orders(THREE), ["a1-> b1:1 c1:3", "b1-> a1:1 c1:2", "c1-> a1:3 b1:2"]);
    world.orders.clear();
    world.play(&[(500, End("b1"))]);
    world.run_to(T0 + 1_800);
    assert_eq!(world.orders(THREE), ["a1-> untold", "b1-> untold", "c1-> untold"], "not judged yet");
    world.play(&[(1_900, Says("a1", "b1", Refused))]);
    assert_eq!(world.orders(THREE), ["a1-> c1:3", "b1-> untold", "c1-> a1:3"]);
    world.play(&[(3_000, Says("a1", "b1", Unwatched)), (20_000, New("b1"))]);
    assert_eq!(
        world.orders(THREE),
        ["a1-> b1:4 c1:3", "b1-> a1:4 c1:5", "c1-> a1:3 b1:5"],
        "a new run, new links"
    );
    world.orders.clear();
    world.relays.get_mut("b1").unwrap().hello.mesh_address = Some("10.9.9.9:1990".parse().unwrap());
    world.play(&[(40_000, End("b1")), (41_000, Back("b1"))]);
    assert_eq!(
        world.orders(THREE),
        ["a1-> b1:4 c1:3", "b1-> a1:4 c1:5", "c1-> a1:3 b1:5"],
        "another address: the same links, told again to both"
    );
    world.orders.clear();
    world.play(&[(50_000, Restart), (51_000, Back("a1")), (51_000, Back("b1")), (51_000, Back("c1"))]);
    assert_eq!(
        world.orders(THREE),
        ["a1-> b1:4 c1:3", "b1-> a1:4 c1:5", "c1-> a1:3 b1:5"],
        "after a restart too"
    );
    world.play(&[(60_000, Mute("a1")), (60_000, Mute("b1")), (60_000, Mute("c1"))]);
    world.run_to(T0 + 80_000);
    world.play(&[(80_000, Back("a1"))]);
    assert_eq!(
        world.orders(&["a1"]),
        ["a1-> b1:4 c1:3"],
        "where we are cut off ourselves nobody leaves the ring"
    );
}

#[test]
fn a_site_is_represented_by_the_relay_that_acts_and_by_the_next_once_that_is_judged() {
    let four: &[&str] = &["a1", "b1", "b2", "c1"];
    let mut world = World::of(four);
    assert_eq!(world.orders(&["a1", "b2"]), ["a1-> b1:1 c1:3", "b2-> "]);
    world.play(&[(500, End("b1"))]);
    world.run_to(T0 + 1_000);
    assert_eq!(world.orders(&["a1", "b2"]), ["a1-> b1:1 c1:3", "b2-> "]);
    world.play(&[(1_900, Says("a1", "b1", Refused))]);
    assert_eq!(world.orders(&["a1", "b2", "c1"]), ["a1-> b2:4 c1:3", "b2-> a1:4 c1:5", "c1-> a1:3 b2:5"]);
}

#[test]
fn a_relay_without_an_address_stands_in_no_ring_and_is_judged_without_witnesses() {
    let mut world = World::without_words(&["a1", "b1"]);
    world.relays.get_mut("b1").unwrap().hello.mesh_address = None;
    world.connect("b1");
    world.run_to(T0);
    assert_eq!(world.orders(&["a1", "b1"]), ["a1-> ", "b1-> untold"]);
    world.play(&[(500, Mute("b1"))]);
    world.run_to(T0 + 20_000);
    assert_eq!(world.told(), ["11.0 opened Undetermined site b or relay b/r1"]);
}

#[test]
fn tree_and_status_say_at_once_that_a_site_is_away_and_why() {
    let states = |script: &Script, at: u64| {
        let mut world = World::of(THREE);
        world.play(script);
        world.run_to(T0 + at);
        let now = Time::from_millis(world.now_ms);
        let site = world.cma.tree(now).unwrap().sites[1].clone();
        let status = world.cma.status(now).unwrap();
        let (relay, warning) = (&status.relays[1], status.warnings.first());
        let (relay_state, incident) = (site.relays[0].state.clone(), site.incidents.first());
        assert_eq!(relay.verdict, incident.map_or("", |incident| &incident.verdict));
        let warned = warning.map_or("", |warning| warning.text.split(';').next().unwrap());
        format!("{}, {relay_state}, {warned}", site.state)
    };
    let silent = [(500, Mute("b1")), (8_000, Says("a1", "b1", Silent)), (8_000, Says("c1", "b1", Silent))];
    let cases: &[(&Script, u64, &str)] = &[
        (&[], 1_000, "up, connected, "),
        (&[(500, Mute("b1"))], 8_100, "up, connected, "),
        (
            &[(500, Mute("b1"))],
            8_300,
            "unknown, late, relay 1 of site b is connected and said nothing for 8 s",
        ),
        (
            &silent,
            9_000,
            "dark or cut, late, relay 1 of site b is connected and said nothing for 9 s (SiteCut|SiteDark)",
        ),
        (
            &[(500, Mute("b1"))],
            12_000,
            "cut, late, relay 1 of site b is connected and said nothing for 12 s (SiteCut)",
        ),
        (
            &[(500, End("b1")), (500, Says("a1", "b1", Refused))],
            2_500,
            "relay down, away, relay 1 of site b has been away for 2 s (RelayDown)",
        ),
        (
            &[(500, End("b1"))],
            10_500,
            "path fault, away, relay 1 of site b has been away for 10 s (WanPathFault)",
        ),
    ];
    for (script, at, want) in cases {
        assert_eq!(states(script, *at), *want, "{script:?}");
    }
}

#[test]
fn people_read_who_saw_what_and_what_would_settle_it() {
    let silent = [(500, Mute("b1")), (8_000, Says("a1", "b1", Silent)), (8_000, Says("c1", "b1", Silent))];
    let mut world = World::of(THREE);
    world.play(&silent);
    world.run_to(T0 + 9_000);
    let now = Time::from_millis(world.now_ms);
    let id = world.cma.incidents(now, false).incidents[0].id.clone();
    let explain = world.cma.explain(now, &id).unwrap();
    assert_eq!(explain.incident.witnesses, ["a/r1", "c/r1"]);
    assert_eq!(explain.incident.silent_since_ms, CMA_MS + T0);
    assert_eq!(
        explain.seen,
        ["nothing comes from b/r1 since 1970-01-12 13:48:20 UTC", "a/r1 and c/r1 hear nothing of it either",]
    );
    assert_eq!(explain.ruled_out[0].what, "CmaCut");
    assert_eq!(explain.would_settle.len(), 2);
    world.play(&[(20_000, New("b1")), (21_000, Start("b1", 1, 9))]);
    let settled = world.cma.explain(Time::from_millis(world.now_ms), &id).unwrap();
    assert_eq!(settled.incident.verdict, "SiteDark");
    let why = "its relay started anew, and 9 hosts have booted meanwhile, 1 have not";
    assert_eq!(settled.incident.revisions[1].why, why);
    assert!(settled.would_settle.is_empty() && settled.ruled_out.iter().any(|out| out.what == "RelayDown"));
}

#[test]
fn the_lost_way_to_a_relay_that_is_forgotten_is_waited_for_no_longer_while_its_site_speaks() {
    let mut world = World::of(&["a1", "b1", "b2"]);
    world.play(&[(500, Mute("b1"))]);
    world.run_to(T0 + 60_000);
    let site = |world: &World| {
        let told = world.told();
        told.iter()
            .map(|line| line.split_once(' ').map_or("", |(_, what)| what).to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(site(&world), ["opened WanPathFault site b"]);
    let mut out = Vec::new();
    let forgotten = world.cma.forget_relay(Time::from_millis(world.now_ms), &name("b"), RelayId(1), &mut out);
    assert_eq!(forgotten.map(|forgotten| (forgotten.with_site, forgotten.incidents)), Ok((false, 1)));
    assert_eq!(site(&world), ["opened WanPathFault site b", "over WanPathFault site b"]);
}
