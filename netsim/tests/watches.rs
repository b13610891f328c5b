//! Every law of `watch` is seen to hold where all is well, and to complain where something is not as it says.
//!
//! Nothing breaks these laws by itself, so what a law is shown is doctored: it is told that nothing has changed while
//! something has, or that something died that was back at once.

#![allow(clippy::unwrap_used)]

use std::time::Duration;

use ringmesh_netsim::model::{Plan, Trouble, Way, World};
use ringmesh_netsim::scenario::Scenario;
use ringmesh_netsim::watch::{Health, INVARIANTS, View, Watch, Watches};

const SECOND: Duration = Duration::from_secs(1);

fn law(name: &str) -> Box<dyn Watch> {
    let (_, begin) = INVARIANTS.iter().find(|(known, _)| *known == name).unwrap();
    begin()
}

fn settled() -> World {
    let mut world = World::new(Plan::even(2, 6));
    world.run_for(20 * SECOND);
    world
}

/// Looks for some time, ten times a second; `feeds` is asked whether health may be told what changed.
fn watched(
    law: &mut dyn Watch,
    world: &mut World,
    health: &mut Health,
    span: Duration,
    feeds: bool,
) -> Vec<String> {
    let mut wrong = Vec::new();
    let end = world.now() + span;
    while world.now() < end {
        if feeds {
            health.look(world);
        }
        law.look(&View { world, health, now: world.now() }, &mut wrong);
        world.run_for(SECOND / 10);
    }
    law.end(&View { world, health, now: world.now() }, &mut wrong);
    wrong
}

fn says(name: &str, wrong: &[String], part: &str) {
    assert!(wrong.iter().any(|what| what.contains(part)), "{name}: {part:?} is not in {wrong:?}");
}

#[test]
fn a_quiet_world_and_a_death_break_no_law() {
    let mut world = settled();
    let mut watches = Watches::all();
    for second in 0..200 {
        if second == 60 {
            world.kill_host(2);
        } else if second == 120 {
            world.boot_host(2);
        }
        for _ in 0..10 {
            watches.look(&world);
            world.run_for(SECOND / 10);
        }
    }
    watches.end(&world);
    assert_eq!((watches.wrong(), watches.broken().len()), (&[][..], 0));
}

#[test]
fn a_deadline_that_has_passed_is_told() {
    let world = settled();
    let health = Health::of(&world);
    let (mut law, mut wrong) = (law("timers"), Vec::new());
    law.look(&View { world: &world, health: &health, now: world.now() }, &mut wrong);
    assert_eq!(wrong, [""; 0]);
    law.look(&View { world: &world, health: &health, now: world.now() + 3 * SECOND }, &mut wrong);
    says("timers", &wrong, "the deadline of h");
}

/// A probe that is gone watches nobody, and health was told nothing of it.
#[test]
fn a_member_without_watchers_and_a_ring_that_is_none_are_told() {
    for (name, part) in [("two-watchers", "watchers in the ring"), ("single-cycle", "does not watch")] {
        let mut world = settled();
        let (mut law, mut health) = (law(name), Health::of(&world));
        assert_eq!(watched(law.as_mut(), &mut world, &mut health, 40 * SECOND, true), [""; 0], "{name}");
        world.kill_probe(3);
        let wrong = watched(law.as_mut(), &mut world, &mut health, 7 * SECOND, false);
        says(name, &wrong, part);
    }
}

/// A relay that is gone watches nobody, and health was told nothing of it.
#[test]
fn a_relay_without_watchers_and_a_mesh_ring_that_is_none_are_told() {
    for (name, part) in [
        ("two-watchers", "the relay of s1 has 1 watchers in the mesh ring"),
        ("single-cycle", "the relay of s2 watches 0 others"),
    ] {
        let mut world = World::new(Plan::sites(4, 1, 3));
        world.run_for(20 * SECOND);
        let (mut law, mut health) = (law(name), Health::of(&world));
        assert_eq!(watched(law.as_mut(), &mut world, &mut health, 70 * SECOND, true), [""; 0], "{name}");
        world.kill_relay(1);
        let wrong = watched(law.as_mut(), &mut world, &mut health, 7 * SECOND, false);
        says(name, &wrong, part);
    }
}

/// The relay has a seat in the site ring. One beside it is gone, and health was told nothing of it.
#[test]
fn a_relay_that_is_watched_by_one_delegate_is_told() {
    for (name, part) in
        [("two-watchers", "r1 has 1 watchers in the ring"), ("single-cycle", "r1 does not watch")]
    {
        let mut world = settled();
        let (mut law, mut health) = (law(name), Health::of(&world));
        assert_eq!(watched(law.as_mut(), &mut world, &mut health, 40 * SECOND, true), [""; 0], "{name}");
        let names = world.rings().find(|ring| ring.level == 1).unwrap().members.clone();
        let seat = names.iter().position(|member| world.host(member).is_none()).unwrap();
        let beside = world.host(&names[(seat + 1) % names.len()]).unwrap();
        world.kill_probe(beside);
        let wrong = watched(law.as_mut(), &mut world, &mut health, 7 * SECOND, false);
        says(name, &wrong, part);
    }
}

/// Back at once, so that nobody missed it; health believes it dead.
#[test]
fn a_death_that_nobody_tells_is_told() {
    let mut world = settled();
    let (mut law, mut health) = (law("death-noticed"), Health::of(&world));
    assert_eq!(watched(law.as_mut(), &mut world, &mut health, 30 * SECOND, true), [""; 0]);
    world.kill_host(2);
    health.look(&world);
    let mut wrong = Vec::new();
    law.look(&View { world: &world, health: &health, now: world.now() }, &mut wrong);
    world.boot_host(2);
    wrong.extend(watched(law.as_mut(), &mut world, &mut health, 6 * SECOND, false));
    says("death-noticed", &wrong, "0 incidents tell of it");
}

/// Somebody else talks meanwhile, of whom health was told nothing.
#[test]
fn a_death_that_costs_too_much_is_told() {
    let mut world = settled();
    let (mut law, mut health) = (law("change-budget"), Health::of(&world));
    assert_eq!(watched(law.as_mut(), &mut world, &mut health, 50 * SECOND, true), [""; 0]);
    world.kill_host(2);
    health.look(&world);
    let mut wrong = watched(law.as_mut(), &mut world, &mut health, SECOND, false);
    for host in [4, 8, 10] {
        world.kill_probe(host);
        world.start_probe(host);
    }
    wrong.extend(watched(law.as_mut(), &mut world, &mut health, 10 * SECOND, false));
    says("change-budget", &wrong, "the death of h3 costs");
}

#[test]
fn an_accusation_of_what_is_believed_well_is_told() {
    for (name, part) in [
        ("no-false-incident", "HostOrCable h3, which was well for"),
        ("one-per-cause", "0 causes, and 1 incidents"),
    ] {
        let mut world = settled();
        let (mut law, mut health) = (law(name), Health::of(&world));
        assert_eq!(watched(law.as_mut(), &mut world, &mut health, 40 * SECOND, true), [""; 0], "{name}");
        world.kill_host(2);
        let wrong = watched(law.as_mut(), &mut world, &mut health, 10 * SECOND, false);
        says(name, &wrong, part);
    }
}

/// Two hosts die and health knows; of seven more it is not told. That several things are broken excuses something, not all.
#[test]
fn many_incidents_where_few_things_are_broken_are_told() {
    let mut world = World::new(Plan::even(2, 12));
    world.run_for(20 * SECOND);
    let (mut law, mut health) = (law("one-per-cause"), Health::of(&world));
    let mut wrong = Vec::new();
    law.look(&View { world: &world, health: &health, now: world.now() }, &mut wrong);
    let known = [0, 12];
    for host in known.into_iter().chain([3, 15, 6, 18, 9, 21, 1]) {
        world.kill_host(host);
        for _ in 0..80 {
            if known.contains(&host) {
                health.look(&world);
            }
            law.look(&View { world: &world, health: &health, now: world.now() }, &mut wrong);
            world.run_for(SECOND / 10);
        }
    }
    assert_eq!(wrong, [""; 0], "nothing is told before the end");
    law.end(&View { world: &world, health: &health, now: world.now() }, &mut wrong);
    says("one-per-cause", &wrong, "2 causes, and 9 incidents");
}

/// An operator takes a dead host out of the roster: nobody waits for it any more.
#[test]
fn a_silence_that_no_incident_explains_is_told() {
    let mut world = settled();
    let (mut law, mut health) = (law("no-unexplained-silence"), Health::of(&world));
    assert_eq!(watched(law.as_mut(), &mut world, &mut health, 30 * SECOND, true), [""; 0]);
    world.kill_host(2);
    assert_eq!(watched(law.as_mut(), &mut world, &mut health, 40 * SECOND, true), [""; 0], "it is explained");
    world.forget(2);
    let wrong = watched(law.as_mut(), &mut world, &mut health, 10 * SECOND, true);
    says("no-unexplained-silence", &wrong, "h3 is silent for");
}

/// So much is lost, and nothing else is wrong.
fn lost(loss_permille: u16) -> Trouble {
    Trouble { loss_permille, ..Trouble::default() }
}

/// What is wrong with a cable, and whether its host is missed with good reason.
#[test]
fn a_cable_that_takes_much_or_holds_it_long_makes_its_host_ailing_and_mild_loss_does_not() {
    let late = |millis| Trouble { delay: Duration::from_millis(millis), ..Trouble::default() };
    let to_port = |port, way| Trouble { udp_port: Some(port), way, ..lost(1_000) };
    let larger = |octets| Trouble { larger_than: Some(octets), ..lost(1_000) };
    let cases = [
        ("100 of a thousand", lost(100), false),
        ("299 of a thousand", lost(299), false),
        ("300 of a thousand", lost(300), true),
        ("one way", Trouble { way: Some(Way::In), ..lost(800) }, true),
        ("less than a second", late(999), false),
        ("a second", late(1_000), true),
        ("what probes are sent", to_port(1984, None), true),
        ("what the relay is sent", to_port(1990, Some(Way::Out)), true),
        ("what is no port of the host", to_port(1990, Some(Way::In)), false),
        ("what is none of ours", to_port(53, None), false),
        ("all that is larger than nothing", larger(0), true),
        ("more than a beat", larger(100), true),
        ("what none of ours is", larger(8_000), false),
    ];
    for (what, trouble, ails) in cases {
        let mut world = World::new(Plan::even(2, 2));
        world.trouble_cable(0, 0, trouble, true);
        let well: Vec<bool> = (0..4).map(|host| world.host_truth(host).passes != 0).collect();
        assert_eq!(well, [!ails, true, true, true], "{what}");
        world.trouble_cable(0, 0, trouble, false);
        assert_ne!(world.host_truth(0).passes, 0, "{what}: it is mended");
    }
}

/// Whatever makes it worse, and which hosts, of two on each of two switches, are missed with good reason.
#[test]
fn those_behind_anything_that_takes_much_are_ailing_and_nobody_else() {
    type Breaks = fn(&mut World);
    let cases: [(&str, Breaks, [bool; 4]); 9] = [
        ("an uplink", |world| world.trouble_uplink(1, None, lost(500), true), [false, false, true, true]),
        ("what joins the switches", |world| world.trouble_lan(0, lost(400), true), [true; 4]),
        ("the gateway", |world| world.trouble_gateway(0, 0, lost(400), true), [true; 4]),
        ("a little everywhere", |world| world.set_loss(100), [false; 4]),
        ("much everywhere", |world| world.set_loss(300), [true; 4]),
        ("a little disorder", |world| world.set_disorder(Duration::from_millis(50)), [false; 4]),
        ("much disorder", |world| world.set_disorder(2 * SECOND), [true; 4]),
        ("much on the WAN", |world| world.set_wan_quality(0, SECOND / 100, 900), [false; 4]),
        (
            "a little everywhere, and a little more of one",
            |world| {
                world.set_loss(200);
                world.trouble_cable(1, 0, lost(200), true);
            },
            [false, true, false, false],
        ),
    ];
    for (what, breaks, ailing) in cases {
        let mut world = World::new(Plan::even(2, 2));
        breaks(&mut world);
        assert_eq!([0, 1, 2, 3].map(|host| world.host_truth(host).passes == 0), ailing, "{what}");
    }
    for (loss, delay, works) in [(100, SECOND / 100, true), (300, SECOND / 100, false), (0, SECOND, false)] {
        let mut world = World::new(Plan::even(2, 2));
        world.set_wan_quality(0, delay, loss);
        assert_eq!(world.site_truth(0)[2], works, "WAN: {loss} of a thousand, {delay:?}");
    }
}

/// What is wrong, how many incidents are told of it at least, and that no law is broken by that.
#[test]
fn an_incident_about_those_behind_a_bad_way_breaks_no_law() {
    let cases = [
        ("kind = \"loss\"\nloss_permille = 1000", 1),
        ("kind = \"loss\"\nloss_permille = 400", 0),
        ("kind = \"reordering\"\ndelay = \"5s\"", 1),
        // Of one that loses less some come back between, and are told twice.
        ("kind = \"cable-quality\"\non = \"h3\"\nloss_permille = 950", 1),
        ("kind = \"cable-quality\"\non = \"h3\"\ndelay = \"10s\"", 1),
        ("kind = \"cable-quality\"\non = \"h3\"\nudp_port = 1984\nloss_permille = 1000", 1),
        ("kind = \"uplink-quality\"\non = \"sw1\"\ndelay = \"10s\"", 1),
        ("kind = \"uplink-quality\"\non = \"sw1\"\nlarger_than = 0\nloss_permille = 1000", 1),
        ("kind = \"wan-quality\"\non = \"sim\"\ndelay = \"10ms\"\nloss_permille = 1000", 0),
    ];
    for (fault, incidents) in cases {
        let file = format!(
            "duration = \"150s\"\n[topology]\nsites = 1\nswitches = 2\nhosts = 6\n\
             [[faults]]\n{fault}\nat = \"40s\"\nlasts = \"50s\"\n"
        );
        let scenario = Scenario::read("a.toml", &file).unwrap_or_else(|refusal| panic!("{refusal}"));
        for seed in 1..=2 {
            let outcome = scenario.run(seed, false).outcome;
            assert_eq!(outcome.violated, [""; 0], "seed {seed}: {fault}");
            assert!(outcome.incidents >= incidents, "seed {seed}: {fault}");
        }
    }
}

/// Health is told nothing of the death, and of the loss all that there is.
#[test]
fn mild_loss_excuses_no_accusation() {
    for (name, part) in [
        ("no-false-incident", "HostOrCable h3, which was well for"),
        ("one-per-cause", "0 causes, and 1 incidents"),
    ] {
        let mut world = settled();
        let (mut law, mut health) = (law(name), Health::of(&world));
        world.set_loss(50);
        world.trouble_cable(2, 0, lost(50), true);
        assert_eq!(watched(law.as_mut(), &mut world, &mut health, 40 * SECOND, true), [""; 0], "{name}");
        world.kill_host(2);
        let wrong = watched(law.as_mut(), &mut world, &mut health, 10 * SECOND, false);
        says(name, &wrong, part);
    }
}

/// One datagram is said to have been sent that never was.
#[test]
fn a_datagram_without_a_fate_is_told_once() {
    let mut world = settled();
    let (mut law, mut health) = (law("conserved"), Health::of(&world));
    assert_eq!(watched(law.as_mut(), &mut world, &mut health, 10 * SECOND, true), [""; 0]);
    world.miscount();
    let wrong = watched(law.as_mut(), &mut world, &mut health, 10 * SECOND, true);
    assert_eq!(wrong.len(), 1, "{wrong:?}");
    says("conserved", &wrong, "datagrams were sent;");
}

/// Datagrams are doubled while the law does not look, and a probe that starts says something.
#[test]
fn a_datagram_that_comes_again_is_told_once() {
    let mut world = settled();
    let (mut law, mut health) = (law("no-reuse"), Health::of(&world));
    assert_eq!(watched(law.as_mut(), &mut world, &mut health, 20 * SECOND, true), [""; 0]);
    world.set_doubled(1_000);
    world.kill_probe(3);
    world.start_probe(3);
    world.run_for(5 * SECOND);
    world.set_doubled(0);
    let wrong = watched(law.as_mut(), &mut world, &mut health, 20 * SECOND, true);
    assert_eq!(wrong.len(), 1, "{wrong:?}");
    says("no-reuse", &wrong, "datagrams were refused as replays");
}
