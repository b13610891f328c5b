//! What each change of a ring costs in datagrams, loss-free, each counted where it is sent.
//!
//! The table of docs/PROTOCOL.md, "Changes", row by row, over the three cores in virtual time.

#![allow(clippy::unwrap_used)]

use std::time::Duration;

use ringmesh_netsim::model::{Account, Plan, World};
use ringmesh_proto::message::GoodbyeReason;

const SECOND: Duration = Duration::from_secs(1);

/// A site that has come to rest.
fn settled(plan: Plan) -> World {
    let hosts = plan.hosts.len();
    let mut world = World::new(plan);
    world.trace();
    world.run_for(20 * SECOND);
    assert_eq!(world.linked(), hosts, "not all probes are linked");
    let before = world.account().clone();
    world.run_for(20 * SECOND);
    let quiet = world.account().since(&before);
    assert_eq!(quiet.control(), 0, "a site at rest says: {quiet}");
    assert!(world.incidents().is_empty(), "{:?}", world.incidents());
    world
}

/// The datagrams of one change, heartbeats left out.
fn cost(world: &mut World, span: Duration, change: impl FnOnce(&mut World)) -> Account {
    let before = world.account().clone();
    change(world);
    world.run_for(span);
    world.account().since(&before)
}

/// Datagrams that repair, and those that verify (pings, their answers, echoes).
fn split(cost: &Account) -> (u64, u64) {
    let verify = cost.of("Ping") + cost.of("Pong") + cost.of("Echo");
    (cost.control() - verify, verify)
}

fn lines(world: &World) -> String {
    world.traced().join("\n")
}

/// A member that speaks for no ring.
fn ordinary(world: &World) -> usize {
    let ring = world.rings().find(|ring| ring.level == 0).expect("a switch ring");
    let name = ring.members.iter().find(|name| !ring.delegates.contains(name)).expect("more than delegates");
    world.host(name).expect("a host of ours")
}

/// A member that speaks for its ring.
fn delegate(world: &World) -> usize {
    let ring = world.rings().find(|ring| ring.level == 0).expect("a switch ring");
    world.host(&ring.delegates[0]).expect("a host of ours")
}

#[test]
fn a_death_costs_five_and_at_most_six_to_verify() {
    let mut world = settled(Plan::even(2, 8));
    let victim = ordinary(&world);
    let cost = cost(&mut world, 8 * SECOND, |world| world.kill_host(victim));
    let (repair, verify) = split(&cost);
    assert!(repair <= 5 && verify <= 6, "repair {repair}, verification {verify}: {cost}\n{}", lines(&world));
    assert_eq!((cost.of("Suspicion"), cost.of("Assignment"), cost.of("Applied")), (2, 2, 1), "{cost}");
    assert_eq!(world.incidents().len(), 1);
}

#[test]
fn a_clean_leave_costs_five() {
    let mut world = settled(Plan::even(2, 8));
    let leaver = ordinary(&world);
    let leave =
        |world: &mut World| world.stop_probe(leaver, GoodbyeReason::ServiceStop, Duration::from_secs(300));
    let cost = cost(&mut world, 8 * SECOND, leave);
    assert_eq!(split(&cost), (5, 0), "{cost}\n{}", lines(&world));
}

#[test]
fn a_restart_of_a_probe_costs_seven_and_two_more_if_its_switch_is_heard_after_it_announced_itself() {
    let mut heard_later = Vec::new();
    // As long as from one frame of the switch to the next.
    for phase in 0..10_u32 {
        let mut world = settled(Plan::even(2, 8));
        world.run_for(SECOND * phase / 2);
        let host = ordinary(&world);
        let restart = |world: &mut World| {
            world.kill_probe(host);
            world.start_probe(host);
        };
        let cost = cost(&mut world, 8 * SECOND, restart);
        let (repair, verify) = split(&cost);
        let heard = cost.of("Attachment");
        assert_eq!(cost.of("Noted"), heard, "phase {phase}: {cost}\n{}", lines(&world));
        let (within, later) = (repair - 2 * heard, heard <= 1 && verify == 0);
        assert!(within <= 7 && later, "phase {phase}: {repair} and {verify}: {cost}\n{}", lines(&world));
        heard_later.push(heard == 1);
    }
    assert!(heard_later.contains(&true) && heard_later.contains(&false), "{heard_later:?}");
}

#[test]
fn a_death_of_a_delegate_costs_twelve_and_at_most_six_to_verify() {
    let mut world = settled(Plan::even(3, 8));
    let victim = delegate(&world);
    let cost = cost(&mut world, 8 * SECOND, |world| world.kill_host(victim));
    let (repair, verify) = split(&cost);
    assert!(repair <= 12 && verify <= 6, "repair {repair}, verification {verify}: {cost}\n{}", lines(&world));
    assert_eq!(world.incidents().len(), 1, "{}", lines(&world));
}

#[test]
fn adjacent_deaths_are_found_by_the_outward_check_within_their_budget() {
    for k in [2_u64, 3] {
        let mut world = settled(Plan::even(2, 12));
        // Neighbours in the ring: found by asking the relay's order through the news it told.
        let victims = neighbours_in_ring(&world, ordinary(&world), usize::try_from(k).unwrap());
        let kill = |world: &mut World| victims.iter().for_each(|host| world.kill_host(*host));
        let cost = cost(&mut world, 10 * SECOND, kill);
        let (repair, verify) = split(&cost);
        // As one death, and at most a delegate's part for each of them that spoke for the ring.
        assert!(repair <= 5 + 7 * k, "k = {k}: repair {repair}: {cost}\n{}", lines(&world));
        assert!(verify <= 6 * k + 8, "k = {k}: verification {verify}: {cost}\n{}", lines(&world));
        let behind: usize = world.incidents().iter().map(|i| i.behind.len().max(1)).sum();
        assert_eq!(behind, victims.len(), "k = {k}: {:?}", world.incidents());
    }
}

/// `count` members that stand side by side from `first` on, none of them a delegate if that can be.
fn neighbours_in_ring(world: &World, first: usize, count: usize) -> Vec<usize> {
    let order = world.ring_of(first);
    let at = order.iter().position(|host| *host == first).expect("in its ring");
    (0..count).map(|step| order[(at + step) % order.len()]).collect()
}

#[test]
fn a_false_suspicion_costs_four() {
    let mut world = settled(Plan::even(1, 8));
    let muted = ordinary(&world);
    let [left, _] = world.beside(muted);
    let cost =
        cost(&mut world, 5 * SECOND, |world| world.mute_beats(muted, left, Duration::from_millis(3_500)));
    let (without_refuted, verify) = (cost.control() - cost.of("Refuted"), cost.of("Ping") + cost.of("Pong"));
    assert_eq!(cost.of("Suspicion"), 1, "{cost}\n{}", lines(&world));
    assert!(verify <= 2 && cost.of("Noted") >= 1, "{cost}\n{}", lines(&world));
    // The beat that ends it is told too, and taken note of.
    assert!(without_refuted <= 5, "{cost}\n{}", lines(&world));
    assert!(world.incidents().is_empty());
}

#[test]
fn a_move_to_another_switch_costs_nine() {
    let mut world = settled(Plan::even(2, 8));
    let mover = ordinary(&world);
    let to = 1 - world.switch_of(mover);
    let cost = cost(&mut world, 8 * SECOND, |world| world.recable(mover, 0, to));
    // Carrier lost and back are told before the new switch is known.
    let (repair, _) = split(&cost);
    let carrier = cost.of("Evidence");
    assert!(repair - carrier <= 9 + cost.of("Noted"), "{cost}\n{}", lines(&world));
    assert_eq!((cost.of("Assignment"), cost.of("Applied")), (6, 2), "{cost}\n{}", lines(&world));
}

#[test]
fn a_silent_switch_is_frozen_not_cut() {
    let mut world = settled(Plan::even(3, 8));
    let cost = cost(&mut world, 8 * SECOND, |world| world.set_switch(0, false));
    let verify = cost.of("Ping") + cost.of("Pong") + cost.of("Echo");
    assert!(verify <= 8 * 3 + 2 * 6 + 8 * 2, "verification {verify}: {cost}\n{}", lines(&world));
    let inside = cost.of("Assignment");
    assert!(inside <= 8, "only the site ring closes: {inside} assignments: {cost}\n{}", lines(&world));
    assert_eq!(world.incidents().len(), 1);
}

#[test]
fn whoever_stays_away_is_asked_less_and_less_often_and_last_each_ten_minutes() {
    // Alone it asks for itself as soon as it can; those who are cut off together may not know that they are.
    let victim_alone: fn(&mut World) = |world| world.kill_host(ordinary(world));
    let all_of_a_switch: fn(&mut World) = |world| world.set_switch(0, false);
    let alone = [2, 4, 8, 16, 26, 36, 46, 56].map(|minutes| 60 * minutes);
    let together = [30, 60, 120, 240, 480, 960, 1_560, 2_160, 2_760, 3_360];
    for (fails, hosts, when) in [(victim_alone, 1, &alone[..]), (all_of_a_switch, 8, &together[..])] {
        let mut world = settled(Plan::even(2, 8));
        // Three seconds until it is missed, and the check itself.
        cost(&mut world, 8 * SECOND, fails);
        let mut now = 8;
        for &asked in when {
            let quiet = cost(&mut world, SECOND * (asked - now), |_| ());
            assert_eq!(quiet.of("Ping"), 0, "before {asked} s: {quiet}");
            let asks = cost(&mut world, 8 * SECOND, |_| ());
            assert_eq!(asks.of("Ping"), hosts, "at {asked} s: {asks}");
            now = asked + 8;
        }
    }
}
