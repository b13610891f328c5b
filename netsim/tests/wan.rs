//! What crosses the WAN of a site, octet by octet, with all that carries it.

#![allow(clippy::unwrap_used)]

mod support;

use std::time::Duration;

use ringmesh_netsim::model::{Plan, WanAccount, World};

use support::{SECOND, lines, picture_differs, settled};

/// What crosses the WAN of a site within a span.
fn carried(world: &mut World, site: usize, span: Duration) -> WanAccount {
    let before = world.wan_account(site).clone();
    world.run_for(span);
    world.wan_account(site).since(&before)
}

#[test]
fn a_site_at_rest_carries_less_than_a_kilobyte_a_second_however_many_hosts_it_has() {
    let steady = |hosts: usize| {
        let mut world = settled(Plan::sites(3, 4, hosts / 4));
        world.run_for(30 * SECOND);
        carried(&mut world, 1, 200 * SECOND)
    };
    let (few, many) = (steady(4), steady(64));
    println!("4 hosts: {} octets a second ({few})\n64 hosts: {} ({many})", few.all() / 200, many.all() / 200);
    for account in [&few, &many] {
        assert!(account.all() <= 200 * 1_000, "{account}");
        for purpose in ["Pulse", "RelayBeat", "MeshBeat"] {
            assert!(account.of(purpose) > 0, "no {purpose}: {account}");
        }
    }
    assert!(few.all().abs_diff(many.all()) * 20 <= few.all(), "more than 5 % apart\n{few}\n{many}");
}

/// What a comparison of pictures takes, and what is told again because of it.
fn of_comparison(account: &WanAccount) -> u64 {
    let purposes = ["Compare", "Groups", "CompareGroups", "Things", "Wanted", "News"];
    purposes.iter().map(|purpose| account.of(purpose)).sum()
}

#[test]
fn a_cma_whose_disk_went_back_in_time_is_told_only_what_differs() {
    let mut world = settled(Plan::sites(2, 4, 16));
    let before = world.back_up_cma();
    let told = world.news_told(0).len();
    // A host, its incident, its ring.
    let victim = ordinary(&world);
    world.kill_host(victim);
    world.run_for(20 * SECOND);
    let mut changed: Vec<_> = world.news_told(0).into_iter().skip(told).map(|news| news.key).collect();
    changed.sort();
    changed.dedup();
    assert_eq!(changed.len(), 3, "{changed:?}");
    world.kill_cma();
    world.put_back_cma(before);
    world.start_cma();
    let account = carried(&mut world, 0, 15 * SECOND);
    assert_eq!(picture_differs(&world, 0), None, "{account}\n{}", lines(&world));
    let octets = of_comparison(&account);
    println!("{} changed of 64 hosts: {octets} octets ({account})", changed.len());
    assert!(octets <= 200 * changed.len() as u64 + 2_000, "{octets}: {account}\n{}", lines(&world));
    assert!(account.of("Wanted") > 0, "nothing was compared: {account}");
}

/// A host that speaks for no ring.
fn ordinary(world: &World) -> usize {
    let mut rings = world.rings().filter(|ring| ring.level == 0);
    let ring = rings.find(|ring| ring.members.iter().any(|name| world.host(name) == Some(0))).unwrap();
    let name = ring.members.iter().find(|name| !ring.delegates.contains(name)).unwrap();
    world.host(name).unwrap()
}

#[test]
fn a_relay_that_is_started_again_tells_what_changed_and_not_its_site() {
    let mut world = settled(Plan::sites(2, 4, 16));
    world.kill_relay(0);
    world.run_for(SECOND);
    world.start_relay(0);
    let account = carried(&mut world, 0, 30 * SECOND);
    println!("restart of a relay of 64 hosts: {account}");
    assert_eq!(picture_differs(&world, 0), None, "{account}");
    assert!(account.of("News") <= 40_000, "{account}");
}
