//! Beats, silence, doubt and loss.

use ringmesh_proto::message::Cause;

use super::*;

fn causes(bench: &mut Bench) -> Vec<(u64, u32, Cause)> {
    let told = |(at, _, _, message): (u64, SocketAddr, u32, ToRelay)| match message {
        ToRelay::Suspicion(suspicion) => Some((at - JOINED, suspicion.link.0, suspicion.cause)),
        _ => None,
    };
    bench.said().into_iter().filter_map(told).collect()
}

#[test]
fn all_beats_leave_together_once_a_second_and_the_phase_survives_a_long_sleep() {
    let links = [link(1), link(2), link(3)];
    let mut bench = Bench::joined(config(&[RELAY]), &[port(2)], &links);
    bench.run_healthy_to(JOINED + 10_000, &links);
    let beats = bench.beats();
    assert_eq!(beats.len(), 30);
    let phase = beats[0].0 % 1_000;
    for (n, group) in beats.chunks(3).enumerate() {
        let want = beats[0].0 + 1_000 * n as u64;
        assert!(group.iter().all(|(at, _)| *at == want), "{group:?}");
        assert_eq!(group.iter().map(|(_, beat)| beat.link.0).collect::<Vec<_>>(), [1, 2, 3]);
    }
    bench.clear();
    bench.sleep_to(JOINED + 17_777);
    bench.hear(&links[0]);
    assert!(
        matches!(bench.log[0].1, Action::Beat { .. }),
        "an overdue beat is the first thing: {:?}",
        bench.log[0]
    );
    assert_eq!(bench.beats().len(), 3, "what was missed is not caught up on");
    bench.clear();
    bench.run_to(JOINED + 18_777);
    let (at, beat) = bench.beats()[0];
    assert_eq!(at % 1_000, phase);
    assert!(beat.heard_you && beat.hint == 0x1001);
}

#[test]
fn a_new_link_is_heard_both_ways_within_a_round_trip_and_costs_two_beats_more() {
    let mut bench = Bench::joined(config(&[RELAY]), &[port(2)], &[]);
    let new = [link(1), link(2)];
    bench.relay(ToProbe::Assignment(Box::new(order(2, &new))));
    let flags =
        |bench: &Bench| bench.beats().iter().map(|(_, b)| (b.link.0, b.heard_you)).collect::<Vec<_>>();
    assert_eq!(flags(&bench), [(1, false), (2, false)], "at once, not at the tick");
    bench.clear();
    bench.hear(&new[0]);
    assert_eq!(flags(&bench), [(1, true)], "the first beat is answered");
    assert_eq!(bench.kinds(), [], "link 2 is still to be heard");
    bench.hear(&new[1]);
    assert_eq!(flags(&bench), [(2, true)]);
    assert_eq!(bench.kinds(), [(JOINED, "Applied")]);
    bench.hear_all(&new);
    assert_eq!(bench.beats(), [], "only the first is answered");
    assert_eq!(bench.kinds(), []);
}

#[test]
fn only_links_to_report_on_are_waited_for_and_a_member_without_any_says_nothing() {
    let mute = |id| LinkOrder { report: false, ..link(id) };
    let mut bench = Bench::joined(config(&[RELAY]), &[port(2)], &[]);
    bench.relay(ToProbe::Assignment(Box::new(order(2, &[link(1), mute(2)]))));
    bench.hear(&link(1));
    assert_eq!(bench.kinds(), [(JOINED, "Applied")]);
    bench.relay(ToProbe::Assignment(Box::new(order(3, &[mute(1), mute(2)]))));
    bench.hear(&link(2));
    bench.relay(ToProbe::Assignment(Box::new(order(3, &[mute(1), mute(2)]))));
    assert_eq!(bench.kinds(), [], "a neighbour confirms");
    bench.relay(ToProbe::Assignment(Box::new(order(4, &[link(1), link(2)]))));
    assert_eq!(bench.kinds(), [(JOINED, "Applied")], "both were heard already");
}

#[test]
fn an_unchanged_adjacency_goes_on_and_a_changed_one_starts_anew() {
    let mut bench = Bench::joined(config(&[RELAY]), &[port(2)], &[link(1), link(2)]);
    bench.run_to(JOINED + 1_000);
    let sequence = |bench: &mut Bench, id| {
        bench.clear();
        bench.run_to(bench.now + 1_000);
        bench.beats().iter().find(|(_, beat)| beat.link.0 == id).unwrap().1.sequence
    };
    let before = sequence(&mut bench, 1);
    let moved = LinkOrder { peer_address: at("10.0.2.77:1984"), lanes: 4, ..link(1) };
    let again = LinkOrder { counter: 4_711, ..link(2) };
    bench.relay(ToProbe::Assignment(Box::new(order(2, &[moved, again]))));
    assert_eq!(sequence(&mut bench, 1), before + 1, "its keys are the same: no number comes twice");
    let to = |(_, action): &(u64, Action)| match action {
        Action::Beat { beat, to, .. } if beat.link.0 == 1 => Some(*to),
        _ => None,
    };
    assert_eq!(bench.log.iter().find_map(to), Some(at("10.0.2.77:1984")));
    assert_eq!(sequence(&mut bench, 2), 3, "at once, and two ticks");
}

#[test]
fn silence_is_told_once_and_taken_back_by_the_next_beat() {
    let links = [link(1), link(2)];
    let mut bench = Bench::joined(config(&[RELAY]), &[port(2)], &links);
    bench.hear(&links[1]);
    bench.run_noting_to(JOINED + 3_000);
    bench.hear(&links[1]);
    bench.run_noting_to(JOINED + 5_500);
    bench.hear(&links[1]);
    bench.run_noting_to(JOINED + 8_000);
    bench.hear(&links[0]);
    bench.run_noting_to(JOINED + 8_500);
    let told: Vec<_> = bench.kinds().into_iter().map(|(at, kind)| (at - JOINED, kind)).collect();
    assert_eq!(told, [(3_050, "Suspicion"), (8_000, "Refuted")]);
}

#[test]
fn a_suspicion_that_is_refuted_before_it_is_noted_is_not_repeated() {
    let links = [link(1), link(2)];
    let mut bench = Bench::joined(config(&[RELAY]), &[port(2)], &links);
    bench.run_to(JOINED + 2_000);
    bench.hear(&links[1]);
    bench.run_to(JOINED + 3_200);
    bench.hear_all(&links);
    bench.run_to(JOINED + 4_000);
    let told: Vec<_> = bench.kinds().into_iter().map(|(at, kind)| (at - JOINED, kind)).collect();
    assert_eq!(told, [(3_050, "Suspicion"), (3_200, "Refuted"), (3_700, "Refuted")]);
}

/// The links that were told to be silent, and whether too few beats came for that to be testimony.
fn unproven(bench: &Bench) -> Vec<(LinkId, bool)> {
    let told = bench.log.iter().filter_map(|(_, action)| match action {
        Action::Send { message: ToRelay::Suspicion(told), .. } => Some((told.link, told.unproven)),
        _ => None,
    });
    told.collect()
}

#[test]
fn what_a_link_that_was_never_proven_tells_is_marked_as_no_testimony() {
    let mut bench = Bench::joined(config(&[RELAY]), &[port(2)], &[]);
    bench.relay(ToProbe::Assignment(Box::new(order(2, &[link(1), link(2)]))));
    bench.hear(&link(1));
    bench.hear(&link(1));
    bench.run_noting_to(JOINED + 3_500);
    assert_eq!(unproven(&bench), [(link(1).link, true), (link(2).link, true)]);
    let mut proven = Bench::joined(config(&[RELAY]), &[port(2)], &[link(1)]);
    proven.run_noting_to(JOINED + 3_500);
    assert_eq!(unproven(&proven), [(link(1).link, false)]);
}

#[test]
fn a_refusal_is_told_at_once_and_once_until_the_next_beat() {
    let links = [link(1), link(2)];
    let mut bench = Bench::joined(config(&[RELAY]), &[port(2)], &links);
    let refused = || Event::Refused { peer: links[0].peer_address };
    bench.run_noting_to(JOINED + 300);
    bench.event(refused());
    bench.run_noting_to(JOINED + 500);
    bench.event(refused());
    bench.event(Event::Refused { peer: at("10.99.0.1:1984") });
    bench.run_noting_to(JOINED + 800);
    bench.hear_all(&links);
    bench.run_noting_to(JOINED + 900);
    bench.event(refused());
    bench.run_noting_to(JOINED + 3_000);
    bench.hear(&links[1]);
    bench.run_noting_to(JOINED + 4_500);
    bench.event(refused());
    bench.run_noting_to(JOINED + 4_900);
    let told = causes(&mut bench);
    assert_eq!(told, [(300, 1, Cause::Refused), (900, 1, Cause::Refused), (3_850, 1, Cause::Silent)]);
}

#[test]
fn an_unreachable_neighbour_must_be_two_beats_late_as_well() {
    let links = [link(1), link(2)];
    let mut bench = Bench::joined(config(&[RELAY]), &[port(2)], &links);
    for (at, peer) in [(1_000, 0), (2_049, 0), (2_050, 0), (2_060, 0)] {
        bench.run_noting_to(JOINED + at);
        bench.event(Event::Unreachable { peer: links[peer].peer_address });
    }
    bench.run_noting_to(JOINED + 3_100);
    bench.event(Event::Unreachable { peer: links[1].peer_address });
    bench.run_noting_to(JOINED + 3_200);
    let told = causes(&mut bench);
    let (unreachable, silent) = (Cause::Unreachable, Cause::Silent);
    assert_eq!(
        told,
        [(2_050, 1, unreachable), (3_050, 1, silent), (3_050, 2, silent)],
        "silence says it all"
    );
}

#[test]
fn one_that_woke_late_does_not_call_its_neighbours_unreachable() {
    let links = [link(1)];
    let mut bench = Bench::joined(config(&[RELAY]), &[port(2)], &links);
    bench.sleep_to(JOINED + 2_500);
    bench.event(Event::Unreachable { peer: links[0].peer_address });
    bench.run_noting_to(JOINED + 3_900);
    assert_eq!(causes(&mut bench), []);
    bench.event(Event::Unreachable { peer: links[0].peer_address });
    bench.run_noting_to(JOINED + 4_100);
    assert_eq!(causes(&mut bench), [(4_000, 1, Cause::Silent)], "1.5 intervals after waking");
}

#[test]
fn a_port_without_carrier_is_told_by_another_one_and_accuses_nobody() {
    let (a, b) = (link(1), LinkOrder { via: 3, ..link(2) });
    let mut bench = Bench::joined(config(&[RELAY]), &[port(2), port(3)], &[a, b]);
    bench.run_to(JOINED + 100);
    bench.event(Event::Carrier { port: 2, up: false });
    let said = bench.said();
    let [(when, _, 3, ToRelay::Evidence { report, carriers, heard })] = &said[..] else { panic!("{said:?}") };
    assert_eq!(*when, JOINED + 100);
    assert_eq!(heard.len(), 2);
    let carriers: Vec<_> = carriers.iter().map(|c| (c.ifindex, c.up, c.age)).collect();
    assert_eq!(carriers, [(2, false, ms(0)), (3, true, Duration::MAX)]);
    bench.relay(ToProbe::Noted(*report));

    for step in 1..=6 {
        bench.run_noting_to(JOINED + step * 1_000);
        bench.hear(&b);
    }
    bench.event(Event::Carrier { port: 2, up: true });
    let back = bench.now - JOINED;
    bench.run_noting_to(JOINED + 8_000);
    bench.hear(&b);
    bench.run_noting_to(JOINED + 9_900);
    assert_eq!(causes(&mut bench), [(back + 3_050, 1, Cause::Silent)], "silence is counted from the carrier");
}

#[test]
fn a_bonds_other_leg_carries_the_link() {
    let links = [link(1)];
    let mut bench = Bench::joined(config(&[RELAY]), &[bond_leg(2, true), bond_leg(3, false)], &links);
    bench.event(Event::Carrier { port: 2, up: false });
    bench.run_noting_to(JOINED + 3_100);
    assert_eq!(causes(&mut bench), [(3_050, 1, Cause::Silent)]);
}

#[test]
fn one_that_woke_late_doubts_itself_first() {
    let links = [link(1), link(2)];
    let mut bench = Bench::joined(config(&[RELAY]), &[port(2)], &links);
    bench.run_to(JOINED + 2_000);
    bench.sleep_to(JOINED + 9_000);
    bench.event(Event::DeadlineReached);
    assert_eq!(bench.kinds(), [], "nobody is accused for what we slept through");
    assert!(bench.notes().is_empty());
    bench.run_to(JOINED + 9_500);
    bench.hear(&links[1]);
    bench.run_to(JOINED + 10_600);
    assert_eq!(causes(&mut bench), [(10_500, 1, Cause::Silent)], "1.5 intervals after waking");
}

#[test]
fn three_late_wakes_within_a_minute_are_said_with_every_word() {
    let links = [link(1), link(2)];
    let mut bench = Bench::joined(config(&[RELAY]), &[port(2)], &links);
    for wake in 1..=3 {
        bench.sleep_to(JOINED + wake * 1_500);
        bench.hear_all(&links);
        bench.event(Event::DeadlineReached);
        bench.run_to(bench.now);
    }
    bench.clear();
    bench.relay(ToProbe::Ping { nonce: 1 });
    let said = bench.said();
    assert!(matches!(said[..], [(_, _, _, ToRelay::Pong { starved: true, .. })]), "{said:?}");
    bench.run_to(bench.now + 3_050);
    let said = bench.said();
    let ToRelay::Suspicion(suspicion) = &said[0].3 else { panic!("{said:?}") };
    assert!(suspicion.starved);
    assert_eq!(bench.probe.status(Time::from_millis(bench.now)).counters.late, 3);
}

#[test]
fn loss_is_told_at_two_in_a_block_and_then_not_for_ten_minutes() {
    let links = [link(1)];
    let mut bench = Bench::joined(config(&[RELAY]), &[port(2)], &links);
    for second in 1..=1_300_u64 {
        bench.run_noting_to(JOINED + second * 1_000);
        if second % 8 == 0 {
            bench.sequence += 1;
        } else {
            bench.hear(&links[0]);
        }
    }
    let said = bench.said();
    let told: Vec<_> = said.iter().map(|(at, _, _, m)| (at - JOINED, kind(m))).collect();
    assert!(told.iter().all(|(_, kind)| *kind == "Loss"), "{told:?}");
    assert_eq!(told.len(), 3, "{told:?}");
    assert!(told.windows(2).all(|pair| pair[1].0 - pair[0].0 >= 600_000), "{told:?}");
    let ToRelay::Loss { link, lane: 0, of, lost: 2, .. } = said[0].3 else { panic!("{said:?}") };
    assert_eq!(link, LinkId(1));
    assert!((16..=24).contains(&of), "{of}");
}

#[test]
fn beats_of_strangers_and_replays_change_nothing_but_a_count() {
    let links = [link(1)];
    let mut bench = Bench::joined(config(&[RELAY]), &[port(2)], &links);
    bench.run_to(JOINED + 1_000);
    bench.sequence -= 1;
    bench.hear(&links[0]);
    bench.hear(&link(9));
    let counters = bench.probe.status(Time::from_millis(bench.now)).counters;
    assert_eq!((counters.beats_heard, counters.beats_replayed, counters.beats_martian), (4, 1, 1));
    bench.clear();
    bench.run_to(JOINED + 3_050);
    assert_eq!(causes(&mut bench).len(), 1, "a replay keeps nobody alive");
}

#[test]
fn a_member_with_two_peers_is_small() {
    let (probe, link) = (size_of::<Probe>(), size_of::<crate::links::Link>());
    let per_member = probe + size_of::<crate::talk::Relay>() + 2 * link;
    println!("a member with two peers: {per_member} octets (probe {probe}, link {link})");
    assert!(per_member <= 1_024, "{per_member} octets: probe {probe}, link {link}");
}
