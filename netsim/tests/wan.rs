//! What crosses the WAN of a site, octet by octet, with all that carries it.

#![allow(clippy::unwrap_used)]

mod support;

use std::time::Duration;

use ringmesh_netsim::model::{Plan, Trouble, WanAccount, Way, World};
use ringmesh_netsim::scenario::Scenario;
use ringmesh_proto::news::{News, PeerState};

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
    let mut changed: Vec<_> = world.news_told(0).into_iter().skip(told).map(|told| told.news.key()).collect();
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

/// What is wrong with the WAN of the second of three sites, whether its relay and the CMA still speak, whether its
/// relay is heard by those of the others, and whether it hears them.
#[test]
fn a_wan_may_lose_one_way_one_port_or_what_is_large() {
    let all = Trouble { loss_permille: 1_000, ..Trouble::default() };
    let cases = [
        ("what it sends", Trouble { way: Some(Way::Out), ..all }, [false, false, true]),
        ("what it gets", Trouble { way: Some(Way::In), ..all }, [false, true, false]),
        ("what is for the relays", Trouble { udp_port: Some(1990), ..all }, [true, false, false]),
        ("what relays do not say", Trouble { udp_port: Some(53), ..all }, [true, true, true]),
        ("all that carries something", Trouble { larger_than: Some(0), ..all }, [false, false, false]),
        ("what is large", Trouble { larger_than: Some(1_300), ..all }, [true, true, true]),
    ];
    for (what, trouble, [speaks, is_heard, hears]) in cases {
        let mut world = settled(Plan::sites(3, 1, 3));
        world.trouble_wan(1, trouble, true);
        // Before the CMA cuts the mesh ring anew, without a site that it does not hear.
        world.run_for(20 * SECOND);
        let streams: Vec<bool> =
            world.mesh_seats().into_iter().flatten().map(|seat| seat.stream.is_some()).collect();
        assert_eq!(streams, [true, speaks, true], "{what}\n{}", lines(&world));
        world.trouble_wan(1, trouble, false);
        world.run_for(60 * SECOND);
        assert!(world.mesh_seats().into_iter().flatten().all(|seat| seat.stream.is_some()), "{what}");
        // What each heard meanwhile it has told by now.
        let hears_others = |by: usize| {
            let told = world.news_told(by).into_iter();
            !told
                .filter_map(|told| match told.news {
                    News::Peer(peer) => Some(peer.state),
                    _ => None,
                })
                .any(|state| state == PeerState::Silent)
        };
        assert_eq!([0, 1, 2].map(hears_others), [is_heard, hears, is_heard], "{what}\n{}", lines(&world));
    }
}

/// It takes what the file says beside what all packets take, one way only.
#[test]
fn a_wan_that_is_slow_one_way_is_no_slower_the_other() {
    let file = |keys: &str| {
        format!(
            "duration = \"2m\"\n[topology]\nsites = 2\nswitches = 1\nhosts = 4\n\
             [[faults]]\nkind = \"wan-quality\"\non = \"s2\"\nat = \"5s\"\nlasts = \"60s\"\n{keys}\
             [[faults]]\nkind = \"host-power\"\non = \"h6\"\nname = \"power\"\nat = \"20s\"\nlasts = \"10s\"\n\
             [[expect]]\nwhole_at_end = true\n"
        )
    };
    let opened = |keys: &str| {
        let scenario = Scenario::read("a.toml", &file(keys)).unwrap_or_else(|refusal| panic!("{refusal}"));
        let run = scenario.run(1, false);
        assert!(run.outcome.ok, "{keys}{}", run.outcome.complaints("test").join("\n"));
        run.outcome.trace_hash
    };
    let plain = opened("delay = \"10ms\"\n");
    assert_eq!(plain, opened("delay = \"0ms\"\nway = \"out\"\n"), "no later than all else");
    assert_ne!(plain, opened("delay = \"300ms\"\nway = \"out\"\n"));
    assert_ne!(opened("delay = \"300ms\"\nway = \"in\"\n"), opened("delay = \"300ms\"\nway = \"out\"\n"));
}
