//! Every law of `watch` is seen to hold where all is well, and to complain where something is not as it says.
//!
//! Nothing breaks these laws by itself, so what a law is shown is doctored: it is told that nothing has changed while
//! something has, or that something died that was back at once.

#![allow(clippy::unwrap_used)]

use std::time::Duration;

use ringmesh_netsim::model::{Plan, World};
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
