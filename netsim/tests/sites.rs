//! Several sites and one CMA: cuts, kills and lost power between them, and what the CMA says of it.
//!
//! Virtual time, the three cores unchanged.

#![allow(clippy::unwrap_used)]

mod support;

use std::collections::BTreeSet;
use std::time::Duration;

use ringmesh_cma_core::documents::{IncidentDoc, SwitchDoc, Tree};
use ringmesh_netsim::model::{Plan, World};

use support::{SECOND, known, lines, open, open_pages, pages, picture_differs, settled};

/// The incidents of sites, relays and the CMA itself.
fn outages(world: &World) -> Vec<IncidentDoc> {
    let of = |incident: &IncidentDoc| matches!(incident.subject.kind.as_str(), "site" | "relay" | "set");
    known(world).into_iter().filter(of).collect()
}

/// The one incident there is.
fn only(world: &World) -> IncidentDoc {
    let mut all = known(world);
    assert_eq!(all.len(), 1, "{all:#?}\n{}", lines(world));
    all.remove(0)
}

/// Breaks something and waits for the incident: how long it took to open.
fn opened_after(world: &mut World, within: Duration, fault: impl FnOnce(&mut World)) -> Duration {
    let at = world.now();
    fault(world);
    let seen = world.run_until(within, |world| !open(world).is_empty());
    assert!(seen, "no incident within {within:?}\n{}", lines(world));
    world.now() - at
}

fn ends(world: &mut World, within: Duration) {
    let closed = world.run_until(within, |world| open(world).is_empty());
    assert!(closed, "still open: {:#?}\n{}", open(world), lines(world));
    world.run_for(30 * SECOND);
}

#[test]
fn a_cut_wan_is_one_incident_one_page_and_one_closing_and_settled_at_the_heal() {
    for phase in 0..5_u32 {
        let mut world = settled(Plan::sites(2, 2, 4));
        world.run_for(SECOND * phase * 2 / 5);
        let after = opened_after(&mut world, 20 * SECOND, |world| world.set_wan(1, false));
        assert!(after <= 12 * SECOND, "{after:?}");
        let incident = only(&world);
        let told =
            (incident.verdict.as_str(), incident.subject.kind.as_str(), incident.subject.name.as_str());
        assert_eq!(told, ("SiteCut|SiteDark", "site", "s2"), "{}", lines(&world));
        world.run_for(60 * SECOND);
        assert_eq!(pages(&world), (1, 0), "{:#?}", world.pages());
        world.set_wan(1, true);
        ends(&mut world, 60 * SECOND);
        assert_eq!(only(&world).verdict, "SiteCut", "{}", lines(&world));
        assert_eq!(pages(&world), (1, 1), "{:#?}", world.pages());
        assert!(open_pages(&world).is_empty());
    }
}

#[test]
fn of_three_sites_both_others_are_witnesses() {
    let mut world = settled(Plan::sites(3, 1, 3));
    let after = opened_after(&mut world, 20 * SECOND, |world| world.set_wan(2, false));
    assert!(after <= 12 * SECOND, "{after:?}");
    let incident = only(&world);
    assert_eq!((incident.verdict.as_str(), incident.subject.name.as_str()), ("SiteCut|SiteDark", "s3"));
    for site in ["s1", "s2"] {
        let names_it = incident.witnesses.iter().any(|witness| witness.starts_with(site));
        assert!(names_it, "{site} is no witness: {:?}", incident.witnesses);
    }
    world.set_wan(2, true);
    ends(&mut world, 60 * SECOND);
    assert_eq!(only(&world).verdict, "SiteCut");
}

#[test]
fn a_relay_that_is_killed_and_back_is_a_ticket_and_nothing_else() {
    for away in [5, 8, 40] {
        let mut world = settled(Plan::sites(2, 2, 4));
        opened_after(&mut world, 6 * SECOND, |world| world.kill_relay(0));
        let incident = only(&world);
        let told = (incident.verdict.as_str(), incident.subject.kind.as_str());
        assert_eq!(told, ("RelayDown", "relay"), "{}", lines(&world));
        world.run_for(away * SECOND);
        world.start_relay(0);
        ends(&mut world, 60 * SECOND);
        let incident = only(&world);
        assert_eq!((incident.verdict.as_str(), incident.pages), ("RelayDown", 0), "{}", lines(&world));
        assert_eq!(pages(&world), (0, 0), "{:#?}", world.pages());
        assert_eq!(world.linked(), 16);
        assert_eq!(picture_differs(&world, 0), None, "{}", lines(&world));
    }
}

#[test]
fn a_relay_that_is_back_at_once_was_never_down() {
    let mut world = settled(Plan::sites(3, 2, 4));
    world.kill_relay(0);
    world.run_for(SECOND / 2);
    world.start_relay(0);
    world.run_for(60 * SECOND);
    assert_eq!(open(&world), [], "{}", lines(&world));
    assert_eq!(pages(&world), (0, 0), "{:#?}", world.pages());
    let worse: Vec<_> = known(&world).into_iter().filter(|i| i.verdict != "RelayDown").collect();
    assert_eq!(worse, [], "{}", lines(&world));
    assert_eq!(world.linked(), 24);
}

/// The tree without what passes by itself.
fn shape(world: &World) -> Tree {
    let mut tree = world.cma().unwrap().tree(world.now()).unwrap();
    tree.at_ms = 0;
    let still = |switch: &mut SwitchDoc| {
        switch.rings.iter_mut().for_each(|ring| ring.generation.clear());
        switch.ports.iter_mut().for_each(|port| port.age_s = 0);
    };
    for site in &mut tree.sites {
        site.hosts.iter_mut().for_each(|host| host.since_ms = 0);
        site.switches.iter_mut().for_each(still);
    }
    tree
}

fn states(world: &World) -> Vec<(String, String, String)> {
    let of = |incident: IncidentDoc| (incident.id, incident.verdict, incident.state);
    known(world).into_iter().map(of).collect()
}

#[test]
fn a_cma_that_is_killed_at_any_moment_is_back_as_it_was_within_ten_seconds() {
    for moment in 0..24_u32 {
        let mut world = settled(Plan::sites(2, 2, 4));
        world.kill_host(2);
        world.set_switch(3, false);
        world.run_for(SECOND * moment / 2);
        world.kill_cma();
        world.run_for(SECOND * (moment % 3) + Duration::from_millis(100));
        world.start_cma();
        world.run_for(10 * SECOND);
        let (tree, incidents) = (shape(&world), states(&world));
        // What would have been without it.
        let mut calm = settled(Plan::sites(2, 2, 4));
        calm.kill_host(2);
        calm.set_switch(3, false);
        calm.run_for((world.now() - calm.now()) + 40 * SECOND);
        world.run_for(40 * SECOND);
        assert_eq!(shape(&world), shape(&calm), "moment {moment}\n{}", lines(&world));
        assert_eq!((shape(&world), states(&world)), (tree, incidents), "moment {moment}\n{}", lines(&world));
        let keys = |world: &World| -> BTreeSet<_> {
            world.pages().iter().map(|line| (line.key.clone(), line.transition.clone())).collect()
        };
        assert_eq!(keys(&world).len(), keys(&calm).len(), "moment {moment}: {:#?}", world.pages());
        assert!(outages(&world).is_empty(), "moment {moment}: {:#?}\n{}", outages(&world), lines(&world));
    }
}

#[test]
fn a_host_that_died_behind_the_cut_is_known_within_ten_seconds_of_the_heal() {
    for away in [15, 19, 22, 31, 48, 77] {
        let mut world = settled(Plan::sites(2, 2, 4));
        world.set_wan(1, false);
        world.run_for(10 * SECOND);
        world.kill_host(9);
        world.run_for(away * SECOND);
        world.set_wan(1, true);
        let died = |world: &World| open(world).iter().any(|incident| incident.subject.name == "h10");
        let seen = world.run_until(10 * SECOND, died);
        assert!(seen, "away for {away} s and 10 s\n{}", lines(&world));
        world.run_for(60 * SECOND);
        let told: Vec<_> =
            known(&world).iter().map(|i| (i.verdict.clone(), i.subject.name.clone())).collect();
        assert_eq!(told.len(), 2, "{told:?}\n{}", lines(&world));
        let of_host = world.pages().iter().filter(|line| line.text.contains("h10"));
        assert!(of_host.count() <= 1, "{:#?}", world.pages());
        assert_eq!(pages(&world), (1, 1), "of the site alone: {:#?}", world.pages());
    }
}

#[test]
fn a_site_that_lost_its_power_is_dark_when_it_is_back() {
    let mut world = settled(Plan::sites(2, 2, 4));
    let after = opened_after(&mut world, 20 * SECOND, |world| world.power_site(1, false));
    assert!(after <= 12 * SECOND, "{after:?}");
    assert_eq!(only(&world).verdict, "SiteCut|SiteDark");
    world.run_for(120 * SECOND);
    world.power_site(1, true);
    ends(&mut world, 120 * SECOND);
    assert_eq!(only(&world).verdict, "SiteDark", "{}", lines(&world));
    assert_eq!(pages(&world), (1, 1), "{:#?}", world.pages());
    assert_eq!(world.linked(), 16);
    assert_eq!(picture_differs(&world, 1), None);
}

#[test]
fn a_cma_whose_own_line_is_cut_suspects_itself() {
    let mut world = settled(Plan::sites(3, 1, 3));
    opened_after(&mut world, 20 * SECOND, |world| world.set_cma_wan(false));
    assert_eq!(only(&world).verdict, "CmaCut", "{}", lines(&world));
    world.run_for(60 * SECOND);
    world.set_cma_wan(true);
    ends(&mut world, 60 * SECOND);
    assert_eq!(only(&world).verdict, "CmaCut", "{}", lines(&world));
    assert_eq!(pages(&world), (1, 1), "{:#?}", world.pages());
}

#[test]
fn a_host_that_is_to_be_forgotten_is_also_if_its_site_was_cut_off_or_the_cma_killed_meanwhile() {
    for (cut, killed) in [(false, false), (true, false), (false, true), (true, true)] {
        let what = format!("cut {cut}, killed {killed}");
        let mut world = settled(Plan::sites(2, 2, 4));
        world.kill_host(10);
        world.run_for(20 * SECOND);
        if cut {
            world.set_wan(1, false);
            world.run_for(40 * SECOND);
        }
        assert_eq!(world.forget(10).told, !cut, "{what}");
        // As long as a commit takes at most.
        world.run_for(Duration::from_millis(20));
        if killed {
            world.kill_cma();
            world.start_cma();
        }
        world.set_wan(1, true);
        world.run_for(40 * SECOND);
        assert_eq!(open(&world), [], "{what}\n{}", lines(&world));
        let tree = world.cma().unwrap().tree(world.now()).unwrap();
        let hosts = tree.sites.iter().flat_map(|site| &site.hosts).map(|host| host.id.as_str());
        assert!(!hosts.clone().any(|host| host == "h11") && hosts.count() == 15, "{what}");
        assert_eq!(world.relay(1).unwrap().members(), 7, "{what}");
    }
}

#[test]
fn a_relay_that_is_killed_while_a_switch_comes_back_still_knows_what_was_broken() {
    for after_ms in [500, 1_000, 2_000, 3_000] {
        let mut world = settled(Plan::even(1, 6));
        world.set_switch(0, false);
        world.run_for(17 * SECOND);
        world.set_switch(0, true);
        world.run_for(Duration::from_millis(after_ms));
        world.kill_relay(0);
        world.start_relay(0);
        assert!(
            world.run_until(120 * SECOND, |world| open(world).is_empty()),
            "{after_ms} ms\n{}",
            lines(&world)
        );
    }
}

#[test]
fn a_leg_that_is_back_is_no_incident_any_more_though_its_relay_was_killed_before_that_had_held() {
    for after_ms in [700, 1_500, 3_000, 5_000, 8_000] {
        let mut world = settled(Plan::even(2, 4).with_host(&[0, 1]));
        world.set_cable(8, 1, false);
        world.run_for(20 * SECOND);
        assert_eq!(only(&world).verdict, "RedundancyLost");
        world.set_cable(8, 1, true);
        world.run_for(Duration::from_millis(after_ms));
        world.kill_relay(0);
        world.start_relay(0);
        ends(&mut world, 60 * SECOND);
        assert_eq!(only(&world).verdict, "RedundancyLost", "{after_ms} ms\n{}", lines(&world));
    }
}

#[test]
fn a_leg_that_is_lost_again_while_its_relay_is_killed_stays_an_incident() {
    for after_ms in [700, 3_000, 8_000] {
        let mut world = settled(Plan::even(2, 4).with_host(&[0, 1]));
        world.set_cable(8, 1, false);
        world.run_for(20 * SECOND);
        world.set_cable(8, 1, true);
        world.run_for(Duration::from_millis(after_ms));
        world.kill_relay(0);
        world.set_cable(8, 1, false);
        world.run_for(SECOND);
        world.start_relay(0);
        world.run_for(90 * SECOND);
        let [incident] = &open(&world)[..] else { panic!("{after_ms} ms\n{}", lines(&world)) };
        assert_eq!(incident.verdict, "RedundancyLost");
        world.set_cable(8, 1, true);
        ends(&mut world, 60 * SECOND);
        assert_eq!(only(&world).verdict, "RedundancyLost", "{after_ms} ms\n{}", lines(&world));
    }
}

#[test]
fn a_leg_that_is_lost_while_its_relay_is_killed_is_an_incident() {
    let mut world = settled(Plan::even(2, 4).with_host(&[0, 1]));
    world.kill_relay(0);
    world.set_cable(8, 1, false);
    world.run_for(8 * SECOND);
    world.start_relay(0);
    world.run_for(30 * SECOND);
    assert_eq!(
        open(&world).iter().map(|i| &*i.verdict).collect::<Vec<_>>(),
        ["RedundancyLost"],
        "{}",
        lines(&world)
    );
    world.set_cable(8, 1, true);
    ends(&mut world, 60 * SECOND);
}

#[test]
fn a_dark_site_whose_relay_is_cut_off_again_before_it_told_of_its_start_was_dark() {
    for after_ms in [3_200, 4_000, 5_000, 6_500] {
        let mut world = settled(Plan::sites(2, 2, 4));
        world.power_site(1, false);
        world.run_for(60 * SECOND);
        world.power_site(1, true);
        world.run_for(Duration::from_millis(after_ms));
        world.set_wan(1, false);
        world.run_for(15 * SECOND);
        world.set_wan(1, true);
        ends(&mut world, 120 * SECOND);
        assert_eq!(only(&world).verdict, "SiteDark", "{after_ms} ms\n{}", lines(&world));
        assert_eq!(pages(&world), (1, 1), "{after_ms} ms: {:#?}", world.pages());
    }
}

#[test]
fn a_dark_site_whose_relay_comes_with_an_older_disk_was_dark() {
    let mut world = settled(Plan::sites(2, 2, 4));
    let before = world.back_up(1);
    world.kill_host(9);
    world.run_for(20 * SECOND);
    world.boot_host(9);
    world.run_for(60 * SECOND);
    world.power_site(1, false);
    world.run_for(60 * SECOND);
    world.put_back(1, before);
    world.power_site(1, true);
    ends(&mut world, 120 * SECOND);
    let of_site: Vec<_> = outages(&world).into_iter().map(|incident| incident.verdict).collect();
    assert_eq!(of_site, ["SiteDark"], "{}", lines(&world));
}

#[test]
fn a_site_whose_relay_is_forgotten_is_waited_for_no_longer_and_a_newcomer_if_it_comes_back() {
    for killed in [false, true] {
        let mut world = settled(Plan::sites(3, 2, 4));
        world.kill_host(9);
        world.run_for(20 * SECOND);
        world.power_site(1, false);
        world.run_for(40 * SECOND);
        assert_eq!(open(&world).len(), 2, "{:#?}", open(&world));
        let forgotten = world.forget_relay(1);
        assert_eq!((forgotten.with_site, forgotten.incidents), (true, 2));
        world.run_for(10 * SECOND);
        if killed {
            world.kill_cma();
            world.start_cma();
            world.run_for(30 * SECOND);
        }
        assert_eq!(open(&world), [], "{}", lines(&world));
        assert!(open_pages(&world).is_empty(), "{:#?}", world.pages());
        let cma = world.cma().unwrap();
        let tree = cma.tree(world.now()).unwrap();
        let sites: Vec<&str> = tree.sites.iter().map(|site| site.id.as_str()).collect();
        assert_eq!(sites, ["s1", "s3"]);
        assert_eq!(cma.status(world.now()).unwrap().relays.len(), 2);
        // Its neighbours in the mesh ring are each other's now.
        world.set_wan(2, false);
        world.run_for(30 * SECOND);
        assert_eq!(open(&world).len(), 1, "{}", lines(&world));
        world.set_wan(2, true);
        world.power_site(1, true);
        ends(&mut world, 120 * SECOND);
        assert_eq!(world.linked(), 24, "{}", lines(&world));
        let differing: Vec<String> = (0..3).filter_map(|site| picture_differs(&world, site)).collect();
        assert!(differing.is_empty(), "{differing:?}\n{}", lines(&world));
    }
}

#[test]
fn a_host_that_stays_dead_is_told_again_when_its_relay_was_forgotten_behind_a_cut() {
    let mut world = settled(Plan::sites(2, 2, 4));
    world.kill_host(9);
    world.run_for(20 * SECOND);
    world.set_wan(1, false);
    world.run_for(40 * SECOND);
    assert_eq!(world.forget_relay(1).incidents, 2);
    world.run_for(10 * SECOND);
    assert_eq!(open(&world), [], "{}", lines(&world));
    world.set_wan(1, true);
    world.run_for(120 * SECOND);
    let about: Vec<String> = open(&world).into_iter().map(|incident| incident.subject.name).collect();
    assert_eq!(about, ["h10"], "{}", lines(&world));
    assert_eq!(picture_differs(&world, 1), None, "{}", lines(&world));
}
