//! The same run, whoever executes it: in one order or in windows, in one thread or several, sealed or typed.

#![allow(clippy::unwrap_used)]

use std::num::NonZeroUsize;
use std::time::Duration;

use ringmesh_netsim::engine::Engine;
use ringmesh_netsim::model::{Account, Classes, Plan, Wire, World};
use ringmesh_netsim::random::Story;
use ringmesh_proto::message::GoodbyeReason;

/// Seeds of a run that nobody gave a number.
const SEEDS: u64 = 12;
/// Seeds that found a fault which is mended: in 29 a beat was foretold three times, and taken back twice.
const MENDED: [u64; 1] = [29];

fn ring(threads: usize) -> Engine {
    Engine::Ring { threads: NonZeroUsize::new(threads).unwrap() }
}

/// What a run is compared by.
#[derive(Debug, PartialEq, Eq)]
struct Told {
    trace_hash: u64,
    events: u64,
    account: Account,
    classes: Classes,
    pages: usize,
    open: usize,
}

fn told(world: &World) -> Told {
    Told {
        trace_hash: world.trace_hash(),
        events: world.events(),
        account: world.account(),
        classes: world.classes(),
        pages: world.pages().len(),
        open: world.incidents().len(),
    }
}

#[test]
fn random_worlds_with_faults_run_the_same_in_every_engine_on_every_number_of_threads() {
    let seeds = std::env::var("RINGMESH_SEEDS").ok().and_then(|text| text.parse().ok()).unwrap_or(SEEDS);
    for seed in (1..=seeds).chain(MENDED.into_iter().filter(|seed| *seed > seeds)) {
        let run = |engine, wire| {
            let outcome = Story::of(seed).run_in(engine, wire).outcome;
            (outcome.trace_hash, outcome.events, outcome.datagrams, outcome.violated)
        };
        let reference = run(Engine::Reference, Wire::All);
        for (engine, wire) in [
            (Engine::Reference, Wire::Typed),
            (ring(1), Wire::All),
            (ring(2), Wire::Sample),
            (ring(3), Wire::Typed),
        ] {
            assert_eq!(reference, run(engine, wire), "seed {seed}, {engine:?}, {wire:?}");
        }
    }
}

/// Some sites that live through a death, a cut and a heal.
fn lived(engine: Engine, wire: Wire) -> World {
    let mut world = World::new(Plan { loss_permille: 5, ..Plan::sites(5, 3, 20) });
    world.set_engine(engine);
    world.set_wire(wire);
    world.run_for(Duration::from_secs(20));
    world.kill_host(17);
    world.set_wan(2, false);
    world.set_wan_quality(3, Duration::from_millis(3), 20);
    world.run_for(Duration::from_secs(20));
    world.boot_host(17);
    world.set_wan(2, true);
    world.run_for(Duration::from_secs(20));
    world
}

#[test]
fn more_threads_than_shards_and_windows_of_any_length_change_nothing() {
    let reference = told(&lived(Engine::Reference, Wire::All));
    for threads in [1, 2, 4, 16] {
        assert_eq!(reference, told(&lived(ring(threads), Wire::Typed)), "{threads} threads");
    }
    assert_eq!(reference, told(&lived(ring(2), Wire::All)), "a second time");
}

#[test]
fn the_hosts_of_a_quiet_switch_run_ahead_and_it_is_the_same_run() {
    let run = |engine| {
        // Also one that stands on two switches, and is of no group.
        let mut world = World::new(Plan::sites(2, 3, 12).with_host(&[0, 1]));
        world.set_engine(engine);
        world.run_for(Duration::from_secs(30));
        let (before, events) = (world.ahead(), world.events());
        world.run_for(Duration::from_secs(30));
        let quiet = (world.ahead() - before, world.events() - events);
        // In a stretch that nobody looks into, a death is not foreseen: who runs ahead finds it when it comes.
        world.kill_host(5);
        world.run_for(Duration::from_secs(10));
        world.boot_host(5);
        world.pause(20);
        world.run_for(Duration::from_secs(10));
        world.resume(20);
        world.set_uplink(1, false);
        world.run_for(Duration::from_millis(2_500));
        world.set_uplink(1, true);
        world.stop_probe(30, GoodbyeReason::ServiceStop, Duration::from_secs(300));
        world.run_for(Duration::from_secs(30));
        (quiet, told(&world))
    };
    let (reference, (quiet, ring)) = (run(Engine::Reference), run(ring(1)));
    assert_eq!(reference.1, ring);
    assert_eq!(reference.0, (0, quiet.1));
    assert!(quiet.0 > quiet.1 * 3 / 4, "{} of {} events ran ahead", quiet.0, quiet.1);
}

#[test]
fn what_waits_in_the_sockets_of_a_host_that_wakes_behind_a_dead_switch_is_read_sealed_or_not() {
    let run = |wire| {
        let mut world = World::new(Plan::even(2, 6));
        world.set_wire(wire);
        world.run_for(Duration::from_secs(20));
        world.pause(3);
        world.run_for(Duration::from_secs(10));
        world.set_switch(0, false);
        world.run_for(Duration::from_secs(5));
        world.resume(3);
        world.run_for(Duration::from_secs(10));
        world.set_switch(0, true);
        world.run_for(Duration::from_secs(60));
        told(&world)
    };
    assert_eq!(run(Wire::All), run(Wire::Typed));
}

#[test]
fn an_engine_may_be_changed_between_two_moments() {
    let run = |engines: [Engine; 3]| {
        let mut world = World::new(Plan::sites(3, 2, 10));
        for engine in engines {
            world.set_engine(engine);
            world.run_for(Duration::from_millis(7_777));
        }
        told(&world)
    };
    let reference = run([Engine::Reference; 3]);
    assert_eq!(reference, run([ring(2), Engine::Reference, ring(1)]));
}

#[test]
fn where_nothing_is_between_the_sites_all_events_have_one_order() {
    let run = |engine| {
        let mut world = World::new(Plan::sites(2, 1, 5));
        world.set_engine(engine);
        (0..2).for_each(|site| world.set_wan_quality(site, Duration::ZERO, 0));
        world.run_for(Duration::from_secs(10));
        told(&world)
    };
    assert_eq!(run(Engine::Reference), run(ring(2)));
}
