//! One site, one fault: what the CMA says of it, when, and how it ends.
//!
//! Virtual time, the three cores unchanged; times are from the fault to the incident opened at the CMA.

#![allow(clippy::unwrap_used)]

use std::time::Duration;

use ringmesh_netsim::model::{Plan, Trouble, World};
use ringmesh_netsim::scenario::Scenario;
use ringmesh_proto::message::GoodbyeReason;
use ringmesh_proto::news::IncidentNews;
use ringmesh_topology::verdict::Verdict;

const SECOND: Duration = Duration::from_secs(1);

fn settled(plan: Plan) -> World {
    let hosts = plan.hosts.len();
    let mut world = World::new(plan);
    world.trace();
    world.run_for(20 * SECOND);
    assert_eq!(world.linked(), hosts, "not all probes are linked\n{}", world.traced().join("\n"));
    world
}

fn lines(world: &World) -> String {
    world.traced().join("\n")
}

/// The verdicts of an incident, sorted, as people read them.
fn verdict(incident: &IncidentNews) -> String {
    let mut words: Vec<&str> = incident.alternatives.iter().map(|a| a.verdict.word()).collect();
    words.sort_unstable();
    words.dedup();
    words.join("|")
}

/// The one incident there is.
fn only(world: &World) -> IncidentNews {
    let incidents = world.incidents();
    assert_eq!(incidents.len(), 1, "{:#?}\n{}", incidents, lines(world));
    incidents[0].clone()
}

/// Lines of severity page that were opened and closed.
fn pages(world: &World) -> (usize, usize) {
    let of = |transition: &str| {
        let lines = world.pages().iter();
        lines.filter(|line| line.severity == "page" && line.transition == transition).count()
    };
    (of("opened"), of("closed"))
}

/// Breaks something and waits for the incident: seconds from the fault to its opening.
fn opened_after(world: &mut World, fault: impl FnOnce(&mut World)) -> f64 {
    let at = world.now();
    let at_ms = world.wall_ms(at);
    fault(world);
    let seen = world.run_until(10 * SECOND, |world| !world.incidents().is_empty());
    assert!(seen, "no incident within 10 s\n{}", lines(world));
    (only(world).opened_ms - at_ms) as f64 / 1_000.0
}

fn ends(world: &mut World, span: Duration) -> IncidentNews {
    let closed = world.run_until(span, |world| world.incidents().iter().all(|i| i.closed));
    assert!(closed, "still open after {span:?}: {:#?}\n{}", world.incidents(), lines(world));
    world.run_for(30 * SECOND);
    only(world)
}

#[test]
fn a_host_dies_and_comes_back_with_another_boot_id() {
    let mut world = settled(Plan::even(2, 4));
    let after = opened_after(&mut world, |world| world.kill_host(2));
    assert!(after <= 4.0, "{after}");
    let incident = only(&world);
    assert_eq!(
        (verdict(&incident).as_str(), incident.alternatives[0].subject.name.as_str()),
        ("HostOrCable", "h3")
    );
    world.run_for(30 * SECOND);
    world.boot_host(2);
    assert_eq!(verdict(&ends(&mut world, 60 * SECOND)), "HostDown", "{}", lines(&world));
    assert_eq!(pages(&world), (0, 0), "a host of class normal is a ticket");
}

#[test]
fn a_probe_is_killed_and_started_again() {
    let mut world = settled(Plan::even(2, 4));
    let after = opened_after(&mut world, |world| world.kill_probe(1));
    assert!(after <= 2.0, "{after}\n{}", lines(&world));
    assert_eq!(verdict(&only(&world)), "ProbeDown", "{}", lines(&world));
    world.run_for(6 * SECOND);
    world.start_probe(1);
    assert_eq!(verdict(&ends(&mut world, 60 * SECOND)), "ProbeDown");
    assert!(world.pages().is_empty(), "back within ten seconds: nobody hears of it: {:?}", world.pages());
}

#[test]
fn user_space_that_stops_for_five_seconds_was_slow_and_never_pages() {
    for host in 0..8 {
        let mut world = settled(Plan::even(2, 4));
        let fault = |world: &mut World| world.pause(host);
        let began = world.now();
        opened_after(&mut world, fault);
        assert_eq!(verdict(&only(&world)), "HostHung", "h{}\n{}", host + 1, lines(&world));
        world.run_for((began + 5 * SECOND).since(world.now()));
        world.resume(host);
        assert_eq!(verdict(&ends(&mut world, 60 * SECOND)), "HostSlow", "h{}\n{}", host + 1, lines(&world));
        assert!(world.pages().is_empty(), "{:?}", world.pages());
    }
}

#[test]
fn a_hung_host_pages_once_and_is_resolved_once() {
    let mut world = settled(Plan::even(2, 4));
    opened_after(&mut world, |world| world.pause(5));
    world.run_for(20 * SECOND);
    assert_eq!(pages(&world), (1, 0));
    world.resume(5);
    assert_eq!(verdict(&ends(&mut world, 60 * SECOND)), "HostHung");
    assert_eq!(pages(&world), (1, 1));
}

#[test]
fn a_dead_switch_is_proved_at_once_by_a_host_on_two() {
    let mut world = settled(Plan::even(2, 4).with_host(&[0, 1]));
    let after = opened_after(&mut world, |world| world.set_switch(0, false));
    assert!(after <= 5.0, "{after}");
    let incident = only(&world);
    assert_eq!(
        (verdict(&incident).as_str(), incident.alternatives[0].subject.name.as_str()),
        ("SwitchDown", "sw1")
    );
    assert_eq!(incident.behind, ["h1", "h2", "h3", "h4"], "{}", lines(&world));
    world.run_for(60 * SECOND);
    assert_eq!(pages(&world), (1, 0));
    world.set_switch(0, true);
    assert_eq!(verdict(&ends(&mut world, 60 * SECOND)), "SwitchDown", "{}", lines(&world));
    assert_eq!(pages(&world), (1, 1));
    assert_eq!(world.linked(), 9);
}

#[test]
fn a_cut_uplink_is_proved_at_once_by_a_host_on_two() {
    let mut world = settled(Plan::even(2, 4).with_host(&[0, 1]));
    let after = opened_after(&mut world, |world| world.set_uplink(0, false));
    assert!(after <= 5.0, "{after}");
    let incident = only(&world);
    assert_eq!(
        (verdict(&incident).as_str(), incident.alternatives[0].subject.name.as_str()),
        ("UplinkCut", "sw1")
    );
    assert_eq!(incident.behind, ["h1", "h2", "h3", "h4"], "{}", lines(&world));
    world.run_for(60 * SECOND);
    world.set_uplink(0, true);
    assert_eq!(verdict(&ends(&mut world, 60 * SECOND)), "UplinkCut", "{}", lines(&world));
    assert_eq!(pages(&world), (1, 1));
    assert_eq!(world.linked(), 9);
}

#[test]
fn without_such_a_host_both_are_told_and_the_heal_settles_it() {
    for (wanted, uplink) in [("SwitchDown", false), ("UplinkCut", true)] {
        let mut world = settled(Plan::even(2, 4));
        let broken = |world: &mut World, works| match uplink {
            true => world.set_uplink(1, works),
            false => world.set_switch(1, works),
        };
        let after = opened_after(&mut world, |world| broken(world, false));
        assert!(after <= 5.0, "{after}");
        assert_eq!(verdict(&only(&world)), "SwitchDown|UplinkCut", "{wanted}\n{}", lines(&world));
        assert_eq!(only(&world).behind, ["h5", "h6", "h7", "h8"]);
        world.run_for(40 * SECOND);
        broken(&mut world, true);
        assert_eq!(verdict(&ends(&mut world, 60 * SECOND)), wanted, "{}", lines(&world));
        assert_eq!(pages(&world), (1, 1), "{wanted}");
        assert_eq!(world.linked(), 8);
    }
}

#[test]
fn a_planned_stop_is_planned_and_a_broken_promise_pages() {
    let mut world = settled(Plan::even(2, 4));
    let stop = |world: &mut World| world.stop_probe(6, GoodbyeReason::ServiceStop, Duration::from_secs(60));
    opened_after(&mut world, stop);
    assert_eq!(verdict(&only(&world)), "Planned");
    world.run_for(20 * SECOND);
    world.start_probe(6);
    assert_eq!(verdict(&ends(&mut world, 60 * SECOND)), "Planned");
    assert!(world.pages().is_empty());

    let mut world = settled(Plan::even(2, 4));
    opened_after(&mut world, stop);
    world.run_for(90 * SECOND);
    assert_eq!(only(&world).alternatives[0].verdict, Verdict::NotReturned, "{}", lines(&world));
    assert_eq!(pages(&world), (1, 0));
}

#[test]
fn a_rack_that_comes_back_without_one_host_has_one_straggler() {
    let mut world = settled(Plan::even(2, 12));
    opened_after(&mut world, |world| world.set_switch(0, false));
    world.run_for(30 * SECOND);
    world.kill_host(3);
    world.run_for(5 * SECOND);
    world.set_switch(0, true);
    world.run_for(90 * SECOND);
    let incidents = world.incidents();
    let open: Vec<_> = incidents.iter().filter(|incident| !incident.closed).collect();
    assert_eq!(open.len(), 1, "{incidents:#?}");
    assert_eq!(
        (verdict(open[0]).as_str(), open[0].behind.as_slice()),
        ("NotReturned", &["h4".to_owned()][..])
    );
    world.boot_host(3);
    assert!(world.run_until(60 * SECOND, |world| world.incidents().iter().all(|i| i.closed)));
}

#[test]
fn a_pulled_cable_of_a_host_on_two_switches_is_no_outage() {
    let mut world = settled(Plan::even(2, 4).with_host(&[0, 1]));
    let after = opened_after(&mut world, |world| world.set_cable(8, 0, false));
    assert_eq!(verdict(&only(&world)), "RedundancyLost", "after {after} s\n{}", lines(&world));
    world.run_for(30 * SECOND);
    world.set_cable(8, 0, true);
    assert_eq!(verdict(&ends(&mut world, 60 * SECOND)), "RedundancyLost", "{}", lines(&world));
    assert_eq!(pages(&world), (0, 0));
    assert_eq!(world.linked(), 9);
}

#[test]
fn a_leg_that_nobody_hears_though_it_has_light_is_tried_again_soon() {
    let mut world = settled(Plan::even(2, 4).with_host(&[0, 1]));
    let swallows = Trouble { loss_permille: 1_000, ..Trouble::default() };
    opened_after(&mut world, |world| world.trouble_cable(8, 0, swallows, true));
    assert_eq!(verdict(&only(&world)), "RedundancyLost", "{}", lines(&world));
    world.run_for(20 * SECOND);
    world.trouble_cable(8, 0, swallows, false);
    // Half a minute after it was lost it is taken back, and that has to hold.
    assert_eq!(verdict(&ends(&mut world, 25 * SECOND)), "RedundancyLost", "{}", lines(&world));
}

#[test]
fn two_hosts_of_two_switches_that_die_together_are_two_incidents() {
    let mut world = settled(Plan::even(2, 6));
    world.kill_host(1);
    world.kill_host(8);
    world.run_for(10 * SECOND);
    let verdicts: Vec<String> = world.incidents().into_iter().map(verdict).collect();
    assert_eq!(verdicts, ["HostOrCable", "HostOrCable"], "{}", lines(&world));
}

#[test]
fn a_host_that_falls_silent_before_its_return_held_is_in_one_incident_that_closes() {
    let mut world = settled(Plan::even(3, 1));
    world.kill_probe(1);
    world.run_for(15 * SECOND);
    world.start_probe(1);
    world.run_for(7 * SECOND);
    world.kill_host(1);
    world.run_for(10 * SECOND);
    let open = world.incidents().iter().filter(|incident| !incident.closed).count();
    assert_eq!(open, 1, "{:#?}", world.incidents());
    world.boot_host(1);
    world.run_for(60 * SECOND);
    assert!(world.incidents().iter().all(|incident| incident.closed), "{:#?}", world.incidents());
    assert_eq!(world.linked(), 3);
}

#[test]
fn a_lost_leg_and_an_absent_host_are_two_incidents_and_both_close() {
    let absences: [fn(&mut World); 3] = [
        |world| world.kill_host(8),
        |world| world.kill_probe(8),
        |world| world.stop_probe(8, GoodbyeReason::Upgrade, Duration::from_secs(60)),
    ];
    for (case, leave) in absences.into_iter().enumerate() {
        for cable_first in [false, true] {
            let mut world = settled(Plan::even(2, 4).with_host(&[0, 1]));
            world.set_cable(8, 0, false);
            world.run_for(20 * SECOND);
            let what = format!("case {case}, cable first: {cable_first}");
            assert_eq!(verdict(&only(&world)), "RedundancyLost", "{what}");
            if cable_first {
                world.set_cable(8, 0, true);
                world.run_for(3 * SECOND);
            }
            leave(&mut world);
            world.run_for(20 * SECOND);
            assert_eq!(world.incidents().len(), 2, "{what}: {:#?}", world.incidents());
            world.set_cable(8, 0, true);
            if case == 0 {
                world.boot_host(8)
            } else {
                world.start_probe(8)
            }
            world.run_for(60 * SECOND);
            assert!(world.incidents().iter().all(|i| i.closed), "{what}: {:#?}", world.incidents());
            assert_eq!(world.incidents().len(), 2, "{what}: {:#?}", world.incidents());
        }
    }
}

#[test]
fn a_host_that_comes_to_a_silent_switch_joins_its_ring_at_the_heal() {
    let mut world = settled(Plan::even(2, 4).with_host(&[0, 1]));
    world.stop_probe(8, GoodbyeReason::Upgrade, Duration::from_secs(300));
    world.run_for(5 * SECOND);
    world.set_uplink(0, false);
    world.run_for(20 * SECOND);
    world.start_probe(8);
    world.run_for(20 * SECOND);
    world.set_uplink(0, true);
    world.run_for(90 * SECOND);
    let mut members = world.ring_of(0);
    members.sort_unstable();
    assert_eq!(members, [0, 1, 2, 3, 8], "{}", lines(&world));
    assert!(world.incidents().iter().all(|incident| incident.closed), "{:#?}", world.incidents());
}

/// Two switches of one host each: that the first died may have been its switch, whose ring is frozen for as long.
#[test]
fn whoever_comes_to_a_switch_that_is_only_suspected_is_watched_all_the_same() {
    let mut world = settled(Plan::even(2, 1));
    opened_after(&mut world, |world| world.kill_host(0));
    assert!(verdict(&only(&world)).contains("SwitchDown"), "{}", lines(&world));
    world.recable(1, 0, 0);
    world.run_for(60 * SECOND);
    world.kill_host(1);
    let about = |incident: &IncidentNews| {
        !incident.closed && incident.alternatives.iter().any(|a| a.subject.name == "h2")
    };
    let missed = world.run_until(10 * SECOND, |world| world.incidents().into_iter().any(about));
    assert!(missed, "{:#?}\n{}", world.incidents(), lines(&world));
}

#[test]
fn ten_percent_loss_kills_nobody() {
    for seed in 1..9 {
        let mut world = settled(Plan { seed, ..Plan::even(2, 10) });
        world.set_loss(100);
        world.run_for(600 * SECOND);
        let dead: Vec<_> = world.incidents().into_iter().map(|i| (verdict(i), i.behind.clone())).collect();
        assert!(dead.is_empty(), "seed {seed}: {dead:?}\n{}", lines(&world));
    }
}

#[test]
fn the_same_seed_is_the_same_run_and_another_is_another() {
    let run = |seed| {
        let mut world = settled(Plan { seed, loss_permille: 20, ..Plan::even(2, 4) });
        world.kill_host(3);
        world.run_for(30 * SECOND);
        lines(&world)
    };
    assert_eq!(run(5), run(5));
    assert_ne!(run(5), run(6));
}

#[test]
fn a_killed_probe_is_told_from_a_dead_host_whoever_it_is_and_whenever_it_happens() {
    for host in 0..9 {
        for phase in 0..5_u32 {
            let mut world = settled(Plan::even(2, 4).with_host(&[0, 1]));
            world.run_for(SECOND * phase / 5);
            let after = opened_after(&mut world, |world| world.kill_probe(host));
            let what = format!("h{} at phase {phase}, after {after}\n{}", host + 1, lines(&world));
            assert_eq!(verdict(&only(&world)), "ProbeDown", "{what}");
            assert!(after <= 2.0, "{what}");
        }
    }
}

#[test]
fn a_switch_that_takes_its_time_to_die_is_one_incident() {
    for phase in 0..10_u32 {
        let mut world = settled(Plan::even(2, 4).with_host(&[0, 1]));
        world.run_for(SECOND * phase / 10);
        opened_after(&mut world, |world| {
            for host in [8, 0, 1, 2, 3] {
                world.set_cable(host, 0, false);
                world.run_for(Duration::from_millis(40));
            }
            world.set_switch(0, false);
        });
        world.run_for(20 * SECOND);
        let incident = only(&world);
        assert_eq!(verdict(&incident), "SwitchDown", "phase {phase}\n{}", lines(&world));
        assert_eq!(incident.behind.len(), 4, "phase {phase}: {:?}", incident.behind);
    }
}

#[test]
fn a_site_of_one_switch_pages_for_it_because_the_cma_is_heard_meanwhile() {
    let mut world = settled(Plan::even(1, 4));
    let after = opened_after(&mut world, |world| world.set_switch(0, false));
    assert!(after <= 5.0, "{after}");
    assert_eq!(verdict(&only(&world)), "SwitchDown|UplinkCut", "{}", lines(&world));
    world.run_for(10 * SECOND);
    assert_eq!(pages(&world), (1, 0), "{:?}", only(&world));
    world.set_switch(0, true);
    assert_eq!(verdict(&ends(&mut world, 60 * SECOND)), "SwitchDown", "{}", lines(&world));
    assert_eq!(pages(&world), (1, 1));
}

#[test]
fn a_healed_switch_leaves_no_evidence_against_its_members() {
    for pause in 0..8_u32 {
        let mut world = settled(Plan::even(2, 4).with_host(&[0, 1]));
        world.set_switch(1, false);
        world.run_for(6 * SECOND);
        world.set_switch(1, true);
        world.run_for(6 * SECOND + SECOND * pause);
        world.set_uplink(0, false);
        world.run_for(20 * SECOND);
        world.set_uplink(0, true);
        world.run_for(60 * SECOND);
        let told: Vec<String> = world.incidents().into_iter().map(verdict).collect();
        assert_eq!(told, ["SwitchDown", "UplinkCut"], "pause {pause}\n{}", lines(&world));
        assert!(world.incidents().iter().all(|incident| incident.closed));
    }
}

#[test]
fn the_only_host_of_a_switch_leaves_its_fallback_ring_when_it_hears_the_switch() {
    let mut world = World::new(Plan::even(2, 1));
    world.set_announces(0, false);
    world.trace();
    world.run_for(8 * SECOND);
    world.set_announces(0, true);
    world.run_for(12 * SECOND);
    let fallback: Vec<_> = world.rings().filter(|ring| ring.level == 0 && ring.switch.is_empty()).collect();
    assert!(fallback.is_empty(), "{fallback:?}\n{}", lines(&world));
    assert_eq!(world.rings().filter(|ring| ring.level == 0).count(), 2);
}

#[test]
fn a_host_that_dies_before_anybody_heard_three_beats_of_it_is_missed_all_the_same() {
    for after_ms in [0, 100, 300, 1_000, 2_000, 2_900] {
        let mut world = World::new(Plan::even(2, 4));
        world.trace();
        assert!(world.run_until(10 * SECOND, |world| world.linked() == 8), "not linked\n{}", lines(&world));
        world.run_for(Duration::from_millis(after_ms));
        world.kill_host(1);
        let seen = world.run_until(8 * SECOND, |world| !world.incidents().is_empty());
        assert!(seen, "{after_ms} ms after it was linked nobody missed it\n{}", lines(&world));
        world.run_for(10 * SECOND);
        assert_eq!(verdict(&only(&world)), "HostOrCable", "after {after_ms} ms");
    }
}

#[test]
fn a_switch_that_dies_before_its_ring_heard_three_beats_is_missed_all_the_same() {
    for after_ms in [0, 300, 1_000, 2_000] {
        let mut world = World::new(Plan::even(2, 4));
        world.trace();
        // All heard their switch at five seconds, and stand in its ring since a moment ago.
        world.run_for(Duration::from_millis(5_250 + after_ms));
        world.set_switch(1, false);
        let seen = world.run_until(8 * SECOND, |world| !world.incidents().is_empty());
        assert!(seen, "{after_ms} ms after all were linked nobody missed it\n{}", lines(&world));
        world.run_for(10 * SECOND);
        let incidents = world.incidents();
        assert_eq!(incidents.len(), 1, "after {after_ms} ms: {incidents:#?}");
        let verdict = verdict(incidents[0]);
        assert!(verdict.contains("SwitchDown"), "after {after_ms} ms: {verdict}\n{}", lines(&world));
    }
}

#[test]
fn a_host_moved_to_another_switch_is_told_as_such_and_wakes_nobody() {
    let mut world = settled(Plan::even(2, 5));
    let host = world.host("h2").unwrap();
    let to = 1 - world.switch_of(host);
    opened_after(&mut world, |world| world.recable(host, 0, to));
    world.run_for(20 * SECOND);
    let incident = only(&world);
    assert_eq!((verdict(&incident).as_str(), incident.closed), ("WiringChanged", true), "{}", lines(&world));
    let subject = &incident.alternatives[0].subject;
    assert_eq!((subject.id.as_str(), incident.silent), ("h2", 0));
    assert!(
        incident.seen[0].contains("moved from sw1 p") && incident.seen[0].contains("to sw2 p"),
        "{incident:?}"
    );
    // It is nothing that anybody is to be told of, and the host stands in the ring of its new switch.
    assert!(world.pages().is_empty(), "{:?}", world.pages());
    assert_eq!(world.switch_of(host), to);
}

#[test]
fn a_relay_that_starts_beside_a_dead_switch_takes_no_leg_to_it_for_lost() {
    for after in [7, 10, 20] {
        let mut world = settled(Plan::even(2, 4).with_host(&[0, 1]));
        world.set_switch(0, false);
        world.run_for(after * SECOND);
        world.kill_relay(0);
        world.run_for(3 * SECOND);
        world.start_relay(0);
        world.run_for(60 * SECOND);
        assert_eq!(verdict(&only(&world)), "SwitchDown", "after {after} s\n{}", lines(&world));
        world.set_switch(0, true);
        let ended = verdict(&ends(&mut world, 60 * SECOND));
        assert_eq!(ended, "SwitchDown", "after {after} s\n{}", lines(&world));
        assert_eq!(world.linked(), 9);
    }
}

#[test]
fn a_leg_that_breaks_behind_a_dead_switch_is_found_when_that_is_well_again() {
    let mut world = settled(Plan::even(2, 4).with_host(&[0, 1]));
    world.set_switch(0, false);
    world.run_for(20 * SECOND);
    world.set_cable(8, 0, false);
    world.run_for(20 * SECOND);
    assert_eq!(verdict(&only(&world)), "SwitchDown", "{}", lines(&world));
    world.set_switch(0, true);
    world.run_for(60 * SECOND);
    let open: Vec<String> = world.incidents().into_iter().filter(|i| !i.closed).map(verdict).collect();
    assert_eq!(open, ["RedundancyLost"], "{}", lines(&world));
}

/// What waits when an overload ends is read at once, and is no replay of anything.
#[test]
fn what_was_overloaded_is_whole_soon_after_it_has_time_enough() {
    let relay = |each: &str| format!("kind = \"relay-overload\"\non = \"sim\"\neach = \"{each}\"");
    let killed = "[[faults]]\nkind = \"relay\"\non = \"sim\"\nat = \"50s\"\nlasts = \"5s\"";
    let cases = [
        (10, relay("1000ms"), ""),
        (4, relay("200ms"), killed),
        (10, "kind = \"cma-overload\"\neach = \"1000ms\"".to_owned(), ""),
    ];
    for (hosts, overload, other) in cases {
        let file = format!(
            "duration = \"150s\"\n[topology]\nsites = 1\nswitches = 2\nhosts = {hosts}\n\
             [[faults]]\n{overload}\nat = \"20s\"\nlasts = \"40s\"\n{other}\n\
             [[expect]]\nwhole_at_end = true\n"
        );
        let scenario = Scenario::read("a.toml", &file).unwrap_or_else(|refusal| panic!("{refusal}"));
        for seed in 1..=2 {
            let outcome = scenario.run(seed, false).outcome;
            assert!(outcome.ok, "{overload}\n{}", outcome.complaints("test").join("\n"));
        }
    }
}

/// Nothing that is decided here looks at a wall clock, whichever way it is set.
#[test]
fn a_clock_that_jumps_back_or_ahead_changes_no_verdict() {
    let run = |jump: &str| {
        let file = format!(
            "duration = \"2m\"\n[topology]\nsites = 1\nswitches = 2\nhosts = 4\n{jump}\
             [[faults]]\nname = \"power\"\nkind = \"host-power\"\non = \"h3\"\nat = \"20s\"\nlasts = \"30s\"\n\
             [[expect]]\nwhole_at_end = true\n"
        );
        let scenario = Scenario::read("a.toml", &file).unwrap_or_else(|refusal| panic!("{refusal}"));
        let run = scenario.run(3, false);
        assert!(run.outcome.ok, "{}", run.outcome.complaints("test").join("\n"));
        (run.told, run.outcome.trace_hash)
    };
    let jump = |way: &str| {
        format!(
            "[[faults]]\nkind = \"clock-jump\"\non = \"h2\"\n{way} = \"1h\"\nat = \"10s\"\nlasts = \"60s\"\n"
        )
    };
    assert_eq!(run(""), run(&jump("behind")));
    assert_eq!(run(""), run(&jump("ahead")));
    let refused = |keys: &str| {
        let file = "duration = \"2m\"\n[topology]\nsites = 1\nswitches = 1\nhosts = 4\n";
        let fault = format!("[[faults]]\nkind = \"clock-jump\"\non = \"h2\"\nat = \"10s\"\n{keys}");
        Scenario::read("a.toml", &format!("{file}{fault}")).unwrap_err().to_string()
    };
    assert!(refused("").contains("needs `ahead` or `behind`"));
    assert!(refused("ahead = \"1h\"\nbehind = \"1h\"\n").contains("either `ahead` or `behind`"));
}
