//! Laws of the simulated WAN: streams behave as TCP would, whatever is cut, lost or killed.

#![allow(clippy::unwrap_used)]

mod support;

use std::time::Duration;

use ringmesh_netsim::model::{Plan, World};
use ringmesh_proto::time::Time;

use support::{SECOND, lines, picture_differs, settled};

/// How the CMA shows the relay of a site.
fn relay_state(world: &World, site: usize) -> String {
    let status = world.cma().unwrap().status(world.now()).unwrap();
    let name = world.site_name(site).as_str();
    status
        .relays
        .iter()
        .find(|relay| relay.site == name)
        .map_or_else(String::new, |relay| relay.state.clone())
}

fn says(world: &World, words: &str) -> bool {
    world.traced().iter().any(|line| line.contains(words))
}

/// From `start` until a line with these words is there.
fn until(world: &mut World, start: Time, within: Duration, words: &str) -> Duration {
    assert!(world.run_until(within, |world| says(world, words)), "no {words:?}\n{}", lines(world));
    world.now() - start
}

#[test]
fn a_short_cut_delays_what_was_said_and_loses_nothing() {
    for cut in [300, 1_000, 3_000, 6_000] {
        let mut world = settled(Plan::sites(2, 1, 4));
        let told = world.news_told(1).len();
        world.set_wan(1, false);
        world.kill_probe(5);
        world.run_for(Duration::from_millis(cut));
        assert_eq!(world.news_told(1).len(), told, "something crossed a cut");
        world.set_wan(1, true);
        world.run_for(Duration::from_millis(2 * cut + 5_000));
        assert!(world.news_told(1).len() > told, "{cut} ms\n{}", lines(&world));
        assert!(!says(&world, "gives up"), "{cut} ms\n{}", lines(&world));
        assert_eq!(picture_differs(&world, 1), None, "{cut} ms");
    }
}

#[test]
fn a_cut_is_silence_until_each_end_has_had_enough() {
    let mut world = settled(Plan::sites(2, 1, 4));
    let start = world.now();
    world.set_wan(1, false);
    let relay = until(&mut world, start, 40 * SECOND, "Relay heard nothing and gives up");
    let cma = until(&mut world, start, 40 * SECOND, "Cma heard nothing and gives up");
    // Each heard something within the two seconds before the cut.
    assert!(relay > 6 * SECOND && relay <= 9 * SECOND + SECOND / 10, "the relay after {relay:?}");
    assert!(cma > 27 * SECOND && cma <= 30 * SECOND + SECOND / 10, "the CMA after {cma:?}");
}

#[test]
fn the_kernel_of_a_killed_relay_ends_its_stream_and_a_host_without_power_says_nothing() {
    let mut world = settled(Plan::sites(2, 1, 4));
    world.kill_relay(0);
    world.power_site(1, false);
    world.run_for(Duration::from_millis(50));
    assert_eq!((relay_state(&world, 0).as_str(), relay_state(&world, 1).as_str()), ("away", "connected"));
}

#[test]
fn a_cut_line_hides_the_end_of_a_stream_until_it_is_mended() {
    let mut world = settled(Plan::sites(2, 1, 4));
    world.set_wan(0, false);
    world.run_for(SECOND);
    world.kill_relay(0);
    world.run_for(3 * SECOND);
    assert_eq!(relay_state(&world, 0), "connected", "{}", lines(&world));
    world.set_wan(0, true);
    // It is said again after at most as long as it was said in vain.
    world.run_for(5 * SECOND);
    assert_eq!(relay_state(&world, 0), "away", "{}", lines(&world));
}

#[test]
fn what_is_lost_is_sent_again_and_what_came_earlier_waits_for_it() {
    let mut world = settled(Plan::sites(2, 2, 4));
    (0..2).for_each(|site| world.set_wan_quality(site, Duration::from_millis(20), 200));
    for host in [1, 9, 2, 10] {
        world.kill_host(host);
        world.run_for(4 * SECOND);
        world.boot_host(host);
        world.run_for(20 * SECOND);
    }
    for site in 0..2 {
        let told = world.news_told(site);
        let numbers: Vec<(u64, u64)> = told.iter().map(|told| (told.birth, told.sequence)).collect();
        assert!(numbers.is_sorted(), "{numbers:?}");
        assert!(told.len() > 20, "{}", told.len());
        world.set_wan_quality(site, Duration::from_millis(20), 0);
    }
    world.run_for(20 * SECOND);
    (0..2).for_each(|site| assert_eq!(picture_differs(&world, site), None, "{}", lines(&world)));
}

#[test]
fn a_relay_is_back_soon_after_its_cma_however_long_that_was_away() {
    for away in [1, 7, 30, 95] {
        let mut world = settled(Plan::sites(2, 1, 4));
        world.kill_cma();
        world.run_for(away * SECOND);
        world.start_cma();
        let back = |world: &World| (0..2).all(|site| relay_state(world, site) == "connected");
        assert!(world.run_until(3 * SECOND, back), "after {away} s\n{}", lines(&world));
    }
}

#[test]
fn a_relay_whose_disk_is_full_tells_its_news_all_the_same_and_a_cma_waits() {
    let mut world = settled(Plan::sites(2, 1, 4));
    world.full_disk(0, true);
    let told = world.news_told(0).len();
    world.kill_host(1);
    world.run_for(5 * SECOND);
    assert!(world.news_told(0).len() > told, "{}", lines(&world));
    assert_eq!(picture_differs(&world, 0), None);
    world.full_cma_disk(true);
    world.boot_host(1);
    world.run_for(5 * SECOND);
    assert!(picture_differs(&world, 0).is_some(), "acknowledged what is not kept");
    world.full_cma_disk(false);
    world.run_for(10 * SECOND);
    assert_eq!(picture_differs(&world, 0), None, "{}", lines(&world));
}
