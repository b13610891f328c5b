//! The talk with the relays: PROTOCOL section 6, row by row.

use ringmesh_proto::message::{Cause, GoodbyeReason, RELAY_GROUP, RELAY_PORT};

use super::*;

/// Steps of at most this law: uniform in [0, min(16, 2^n)] seconds.
fn gaps(said: &[(u64, SocketAddr, u32, ToRelay)]) -> Vec<u64> {
    said.windows(2).map(|pair| pair[1].0 - pair[0].0).collect()
}

#[test]
fn joining_costs_a_knock_and_an_announcement_and_then_the_relay_hears_nothing() {
    let links = [link(1), link(2)];
    let mut bench = Bench::started(config(&[RELAY]), &[port(2)]);
    bench.run_to(1_000);
    assert_eq!(bench.state(), State::Joining);
    let said = bench.said();
    let [(when, to, via, ToRelay::Knock)] = &said[..] else { panic!("{said:?}") };
    assert!(*when <= 1_000);
    assert_eq!((*to, *via), (at(RELAY), 2));

    bench.relay(hello(70));
    bench.run_to(1_069);
    assert_eq!(bench.kinds(), [], "it waits as told");
    bench.run_to(1_100);
    let said = bench.said();
    let [(1_070, announce)] = &announces(&said)[..] else { panic!("{said:?}") };
    assert_eq!(announce.name.as_str(), "h1");
    assert_eq!(announce.places.len(), 1);
    assert_eq!((announce.cut_off, announce.recorder_hash), (Duration::ZERO, 0));

    bench.relay(ToProbe::Assignment(Box::new(order(1, &links))));
    assert_eq!(bench.state(), State::Linked);
    assert!(bench.notes().contains(&Note::State { from: State::Joining, to: State::Linked }));
    bench.hear_all(&links);
    assert_eq!(bench.kinds(), [(1_100, "Applied")]);
    bench.run_healthy_to(600_000, &links);
    assert_eq!(bench.kinds(), []);
}

#[test]
fn nothing_is_said_before_there_is_an_address() {
    let mut bare = port(2);
    bare.address = None;
    let mut bench = Bench::started(config(&[RELAY]), &[bare]);
    bench.run_to(60_000);
    assert_eq!(bench.kinds(), []);
    bench.event(Event::Ports { ports: &[port(2)], own: &[] });
    assert_eq!(bench.kinds(), [(60_000, "Knock")], "its jitter is long over");
}

#[test]
fn first_knocks_are_spread_and_retries_wait_longer_each_time() {
    let mut firsts = Vec::new();
    for seed in 0..50 {
        let mut bench = Bench::started(Config { seed, ..config(&[RELAY]) }, &[port(2)]);
        bench.run_to(200_000);
        let said = bench.said();
        assert!(said.iter().all(|(_, to, _, message)| (*to, message) == (at(RELAY), &ToRelay::Knock)));
        firsts.push(said[0].0);
        for (n, gap) in gaps(&said).into_iter().enumerate() {
            let longest = 1_000 * (1 << (n + 1).min(4));
            assert!((100..=longest + 1).contains(&gap), "seed {seed}: gap {n} is {gap} ms");
        }
    }
    firsts.sort_unstable();
    assert!(firsts[5] < 300 && firsts[45] > 700 && firsts[49] <= 1_001, "{firsts:?}");
}

#[test]
fn an_announcement_that_is_not_answered_is_repeated_and_then_another_relay_is_tried() {
    let mut bench = Bench::started(config(&[RELAY, STANDBY]), &[port(2)]);
    bench.run_to(1_000);
    bench.relay(hello(0));
    bench.clear();
    bench.run_to(60_000);
    let said = bench.said();
    let kinds: Vec<_> = said.iter().map(|(_, to, _, message)| (*to, kind(message))).take(4).collect();
    let (relay, standby) = (at(RELAY), at(STANDBY));
    assert_eq!(kinds[..2], [(relay, "Announce"), (relay, "Announce")], "after the one at once");
    assert_eq!(kinds[2].1, "Knock");
    assert!(said.iter().any(|(_, to, _, message)| (*to, kind(message)) == (standby, "Knock")), "{kinds:?}");
}

#[test]
fn without_a_configured_relay_the_group_is_asked_three_times_and_then_rarely() {
    let mut bench = Bench::started(config(&[]), &[port(2)]);
    bench.run_to(120_000);
    let said = bench.said();
    let group = SocketAddr::new(RELAY_GROUP.into(), RELAY_PORT);
    assert!(said.iter().all(|(_, to, _, message)| (*to, message) == (group, &ToRelay::Knock)));
    assert!(gaps(&said)[2..].iter().all(|gap| (16_000..=16_001).contains(gap)), "{:?}", gaps(&said));
    assert!(said[2].0 < 8_000);

    bench.relay(hello(0));
    bench.relay_at(STANDBY, hello(0));
    bench.run_to(137_000);
    let said = bench.said();
    assert!(
        said.iter().all(|(_, to, _, m)| (*to, kind(m)) == (at(RELAY), "Announce")),
        "the first acts: {said:?}"
    );
    assert!(said.len() >= 2);
    bench.relay(ToProbe::Assignment(Box::new(order(1, &[]))));
    assert_eq!(bench.probe.status(Time::from_millis(bench.now)).relay, Some(at(RELAY)));
    assert_eq!(bench.kinds(), [(137_000, "Applied")], "nothing to wait for: no links");
}

#[test]
fn a_relay_found_by_multicast_may_have_moved_so_the_group_is_asked_as_well() {
    let links = [link(1)];
    let mut bench = Bench::joined(config(&[]), &[port(2)], &links);
    bench.run_to(JOINED + 120_000);
    let said = bench.said();
    let group = SocketAddr::new(RELAY_GROUP.into(), RELAY_PORT);
    let knocks: Vec<_> = said.iter().filter(|(_, _, _, m)| *m == ToRelay::Knock).cloned().collect();
    assert!(knocks.len() >= 6 && knocks.iter().all(|(_, to, _, _)| *to == group), "{knocks:?}");
    assert!(gaps(&knocks).iter().all(|gap| *gap >= 11_250), "{:?}", gaps(&knocks));
    let (_, announce) = announces(&said).pop().unwrap();
    assert_eq!(announce.links, [LinkId(1)]);
}

#[test]
fn a_relay_that_lost_us_is_knocked_at_and_told_everything() {
    let links = [link(1)];
    let mut bench = Bench::joined(config(&[RELAY]), &[port(2)], &links);
    bench.relay(stranger());
    assert_eq!(bench.kinds(), [(JOINED, "Knock")]);
    assert_eq!(bench.state(), State::Returning);
    bench.relay(hello(5));
    bench.run_to(JOINED + 5);
    let said = bench.said();
    let [(_, announce)] = &announces(&said)[..] else { panic!("{said:?}") };
    assert_eq!(announce.links, [LinkId(1)]);
    assert_eq!(announce.generation, Generation { term: 1, counter: 1 });
    assert_eq!(announce.cut_off, Duration::ZERO, "it was never cut off");
    bench.relay(ToProbe::Assignment(Box::new(order(1, &links))));
    assert_eq!(bench.state(), State::Linked);
}

#[test]
fn a_relay_that_was_started_anew_is_announced_to_though_a_knock_to_the_old_one_was_lost() {
    let mut bench = Bench::joined(config(&[RELAY]), &[port(2)], &[link(1)]);
    bench.relay(stranger());
    assert_eq!(bench.kinds(), [(JOINED, "Knock")], "lost on its way");
    bench.run_to(JOINED + 100);
    bench.relay(stranger());
    bench.run_to(JOINED + 3_000);
    let kinds: Vec<&str> = bench.kinds().into_iter().map(|(_, kind)| kind).collect();
    assert!(kinds.iter().all(|kind| *kind == "Knock") && !kinds.is_empty(), "{kinds:?}: there is no session");
    bench.relay(hello(0));
    bench.run_to(bench.now + 10);
    assert_eq!(announces(&bench.said()).len(), 1);
}

/// A relay that was started anew greets and pings whoever it misses, again and again: that must not put off the knock
/// that would end it.
#[test]
fn a_relay_that_asks_often_does_not_put_off_the_next_knock() {
    let mut bench = Bench::joined(config(&[RELAY]), &[port(2)], &[link(1)]);
    bench.relay(stranger());
    assert_eq!(bench.kinds(), [(JOINED, "Knock")], "lost on its way");
    for _ in 0..80 {
        bench.run_to(bench.now + 60);
        bench.relay(stranger());
    }
    let knocks = bench.kinds().len();
    assert!((3..=10).contains(&knocks), "{knocks} knocks in five seconds");
}

#[test]
fn a_relay_that_never_knows_us_cannot_make_us_spin() {
    let mut bench = Bench::joined(config(&[RELAY]), &[port(2)], &[link(1)]);
    let (mut frames, mut answered) = (0, 0);
    while bench.now < JOINED + 120_000 {
        bench.relay(stranger());
        answered += 1;
        frames += bench.said().len();
        let next = bench.probe.next_deadline().nanos() / 1_000_000 + 1;
        bench.run_to(next.max(bench.now));
    }
    // About one a second, however often it is greeted.
    assert!(frames <= 150, "{frames} frames for {answered} hellos");
}

#[test]
fn a_suspicion_is_said_three_times_by_each_port_in_turn_to_each_relay_in_turn_and_then_nobody_answers() {
    let links = [link(1), link(2)];
    let mut bench = Bench::joined(config(&[RELAY, STANDBY]), &[port(2), port(3)], &links);
    bench.hear(&links[0]);
    bench.run_to(JOINED + 1_000);
    bench.hear(&links[0]);
    let silent = JOINED + 3_050;
    bench.run_to(silent);
    assert_eq!(bench.state(), State::Asking);
    bench.hear(&links[0]);
    bench.run_to(silent + 2_999);
    let said = bench.said();
    let steps: Vec<_> = said.iter().map(|(at, to, via, m)| (at - silent, *to, *via, kind(m))).collect();
    let (relay, standby) = (at(RELAY), at(STANDBY));
    assert_eq!(
        steps,
        [
            (0, relay, 2, "Suspicion"),
            (500, relay, 3, "Suspicion"),
            (1_000, relay, 2, "Suspicion"),
            // No session there yet.
            (1_500, standby, 2, "Knock"),
            (2_000, standby, 3, "Knock"),
            (2_500, standby, 2, "Knock"),
        ]
    );
    let ages: Vec<_> = said[..3].iter().map(|(_, _, _, m)| suspicion(m).last_heard).collect();
    assert_eq!(ages, [ms(3_050), ms(3_550), ms(4_050)], "true when it is said");
    let numbers: Vec<_> = said[..3].iter().map(|(_, _, _, m)| report_of(m)).collect();
    assert!(numbers.iter().all(|number| *number == numbers[0] && number.is_some()));
    bench.hear(&links[0]);
    bench.run_to(silent + 3_000);
    assert_eq!(bench.state(), State::CutOff);
}

fn suspicion(message: &ToRelay) -> ringmesh_proto::message::Suspicion {
    let ToRelay::Suspicion(suspicion) = message else { panic!("{message:?}") };
    *suspicion
}

/// A probe whose neighbour 1 has just been suspected, at JOINED + 3,050 ms; neighbour 2 lives.
fn asking(relays: &[&str]) -> (Bench, [LinkOrder; 2]) {
    let links = [link(1), link(2)];
    let mut bench = Bench::joined(config(relays), &[port(2)], &links);
    for step in 1..=3 {
        bench.run_to(JOINED + step * 1_000);
        bench.hear(&links[1]);
    }
    bench.run_to(JOINED + 3_050);
    assert_eq!(bench.state(), State::Asking);
    (bench, links)
}

#[test]
fn an_answer_ends_the_asking() {
    let silent = JOINED + 3_050;
    let noted = |report| ToProbe::Noted(Report(report));
    let kept = order(2, &[link(1), link(2)]);
    let cut = order(2, &[link(2)]);
    let cases: [(&str, ToProbe, &[&str], State); 5] = [
        ("noted", noted(2), &[], State::Linked),
        ("another number", noted(9), &["Suspicion", "Suspicion"], State::Asking),
        ("ping", ToProbe::Ping { nonce: 7 }, &["Pong"], State::Linked),
        ("an assignment that ends the link", ToProbe::Assignment(Box::new(cut)), &["Applied"], State::Linked),
        (
            "one that keeps it may have crossed the suspicion",
            ToProbe::Assignment(Box::new(kept)),
            &["Applied", "Suspicion", "Suspicion"],
            State::Asking,
        ),
    ];
    for (case, answer, want, state) in cases {
        let (mut bench, links) = asking(&[RELAY]);
        let said = bench.said();
        assert_eq!(report_of(&said[0].3), Some(Report(2)), "after the announcement");
        bench.relay(answer);
        bench.hear(&links[1]);
        assert_eq!(bench.state(), state, "{case}");
        bench.run_to(silent + 1_100);
        let kinds: Vec<_> = bench.kinds().into_iter().map(|(_, kind)| kind).collect();
        assert_eq!(kinds, want, "{case}");
    }
}

#[test]
fn cut_off_it_asks_at_growing_intervals_and_keeps_beating() {
    let (mut bench, links) = asking(&[RELAY]);
    bench.clear();
    let cut = JOINED + 3_050 + 1_500;
    bench.run_healthy_to(cut + 40_000, &links[1..]);
    assert_eq!(bench.state(), State::CutOff);
    let beats = bench.beats().iter().filter(|(_, beat)| beat.link == LinkId(1)).count();
    assert!(beats >= 38, "{beats} beats to the silent neighbour");
    let said = bench.said();
    let asks: Vec<_> = said.iter().filter(|(_, _, _, m)| kind(m) != "Suspicion").collect();
    let mut before = cut;
    for (n, (when, _, _, message)) in asks.iter().enumerate() {
        let base = [1_000, 2_000, 4_000, 5_000][n.min(3)];
        let gap = when - before;
        assert!((base * 3 / 4..=base * 5 / 4 + 1).contains(&gap), "ask {n} after {gap} ms");
        assert_eq!(kind(message), if n % 3 == 2 { "Knock" } else { "Announce" }, "ask {n}");
        before = *when;
    }
    assert!(asks.len() >= 8);
}

#[test]
fn returning_tells_what_is_suspected_with_its_age_how_long_nobody_answered_and_that_there_is_a_record() {
    let (mut bench, links) = asking(&[RELAY]);
    let silent = JOINED + 3_050;
    bench.run_healthy_to(silent + 20_000, &links[1..]);
    bench.hear(&links[1]);
    assert_eq!(bench.state(), State::CutOff);
    bench.clear();
    bench.relay(ToProbe::Noted(Report(1)));
    assert_eq!(bench.state(), State::Returning);
    let said = bench.said();
    let [(_, announce)] = &announces(&said)[..] else { panic!("{said:?}") };
    let told: Vec<_> = announce.suspicions.iter().map(|s| (s.link, s.cause, s.last_heard)).collect();
    assert_eq!(told, [(LinkId(1), Cause::Silent, ms(23_050))]);
    assert_eq!(announce.cut_off, ms(20_000));
    assert_ne!(announce.recorder_hash, 0);
    bench.relay(ToProbe::Assignment(Box::new(order(1, &links))));
    assert_eq!(bench.state(), State::Linked);
    bench.hear(&links[1]);
    bench.run_to(bench.now + 900);
    let kinds: Vec<_> = bench.kinds().into_iter().map(|(_, kind)| kind).collect();
    assert_eq!(kinds, ["Applied"], "the repeated order is confirmed, the suspicion is known");

    bench.relay(ToProbe::RecorderAsk);
    let said = bench.said();
    let [(_, _, _, ToRelay::Recorder(entries))] = &said[..] else { panic!("{said:?}") };
    use ringmesh_proto::message::Transition as T;
    let what: Vec<_> = entries.iter().map(|entry| entry.what).collect();
    assert_eq!(what, [T::Silent(LinkId(1)), T::RelayUnanswered, T::RelayAnswered]);
}

#[test]
fn what_the_announcement_told_is_not_reported_again_and_what_it_took_back_is_not_refuted() {
    let links = [link(1), link(2)];
    let mut bench = Bench::joined(config(&[RELAY]), &[port(2)], &links);
    bench.run_to(JOINED + 1_950);
    bench.hear(&links[1]);
    // Neighbour 1 is suspected at 3,050 ms, and nobody answers until 4,550 ms.
    bench.run_to(JOINED + 4_600);
    assert_eq!(bench.state(), State::CutOff);
    bench.hear(&links[0]);
    bench.run_to(JOINED + 5_050);
    bench.clear();
    bench.relay(ToProbe::Noted(Report(1)));
    let said = bench.said();
    let (_, announce) = announces(&said).pop().unwrap();
    assert_eq!(announce.suspicions.iter().map(|s| s.link.0).collect::<Vec<_>>(), [2]);
    bench.relay(ToProbe::Assignment(Box::new(order(1, &links))));
    bench.run_to(bench.now + 900);
    let kinds: Vec<_> = bench.kinds().into_iter().map(|(_, kind)| kind).collect();
    assert_eq!(kinds, ["Applied"]);
}

#[test]
fn what_is_noticed_after_the_announcement_is_reported_when_linked() {
    let links = [link(1), link(2)];
    let mut bench = Bench::joined(config(&[RELAY]), &[port(2)], &links);
    bench.run_to(JOINED + 2_900);
    bench.hear(&links[1]);
    bench.relay(stranger());
    bench.relay(hello(0));
    assert_eq!(bench.state(), State::Returning);
    bench.run_to(JOINED + 3_060);
    let said = bench.said();
    assert_eq!(said.iter().map(|(_, _, _, m)| kind(m)).collect::<Vec<_>>(), ["Knock", "Announce"]);
    bench.relay(ToProbe::Assignment(Box::new(order(1, &links))));
    let kinds: Vec<_> = bench.kinds().into_iter().map(|(_, kind)| kind).collect();
    assert_eq!(kinds, ["Applied", "Suspicion"]);
}

#[test]
fn a_relay_that_answers_anything_is_not_given_up() {
    let (mut bench, links) = asking(&[RELAY]);
    bench.run_to(JOINED + 3_050 + 1_200);
    bench.relay(ToProbe::RecorderAsk);
    bench.hear(&links[1]);
    bench.run_to(JOINED + 3_050 + 2_400);
    assert_eq!(bench.state(), State::Asking);
    bench.run_to(JOINED + 3_050 + 3_000);
    assert_eq!(bench.state(), State::CutOff, "but an answer it must be");
}

#[test]
fn an_assignment_that_answers_no_announcement_does_not_end_the_return() {
    let (mut bench, links) = asking(&[RELAY]);
    bench.run_healthy_to(JOINED + 3_050 + 1_600, &links[1..]);
    assert_eq!(bench.state(), State::CutOff);
    bench.clear();
    bench.relay(ToProbe::Assignment(Box::new(order(1, &links))));
    assert_eq!(bench.state(), State::Returning, "it was on its way before we were cut off");
    let kinds: Vec<_> = bench.kinds().into_iter().map(|(_, kind)| kind).collect();
    assert_eq!(kinds, ["Applied", "Announce"]);
}

/// The relay that came back says an order again until it is confirmed: that answers nothing. Nor does a new one that it had
/// made before it heard us.
#[test]
fn an_assignment_that_knows_of_no_announcement_of_ours_does_not_end_the_return() {
    let (mut bench, links) = asking(&[RELAY]);
    bench.run_healthy_to(JOINED + 3_050 + 1_600, &links[1..]);
    bench.clear();
    let before = |counter| Assignment { knows: Some(Report(0)), ..order(counter, &links) };
    bench.relay(ToProbe::Assignment(Box::new(before(1))));
    let announced = bench.said().into_iter().find_map(|(_, _, _, message)| match message {
        ToRelay::Announce(announce) => Some(announce.report),
        _ => None,
    });
    let Some(announced) = announced else { panic!("a relay is back, and nothing is announced") };
    for counter in [1, 2] {
        bench.relay(ToProbe::Assignment(Box::new(before(counter))));
        assert_eq!(bench.state(), State::Returning, "{counter}");
    }
    bench.relay(ToProbe::Assignment(Box::new(Assignment { knows: Some(announced), ..order(2, &links) })));
    assert_eq!(bench.state(), State::Linked);
}

/// However far behind it is: what it knows of us was said after it answered last.
#[test]
fn an_assignment_that_answers_the_first_of_many_announcements_ends_the_return() {
    let (mut bench, links) = asking(&[RELAY]);
    bench.run_healthy_to(JOINED + 3_050 + 40_000, &links[1..]);
    let first = bench.said().into_iter().find_map(|(_, _, _, message)| match message {
        ToRelay::Announce(announce) => Some(announce.report),
        _ => None,
    });
    let answer =
        |knows, counter| ToProbe::Assignment(Box::new(Assignment { knows, ..order(counter, &links) }));
    bench.relay(answer(first.map(|first| Report(first.0 - 1)), 2));
    assert_eq!(bench.state(), State::Returning);
    bench.run_healthy_to(bench.now + 20_000, &links[1..]);
    assert_eq!(bench.state(), State::CutOff, "nobody answered for long");
    bench.relay(answer(first, 2));
    assert_eq!(bench.state(), State::Linked);
}

#[test]
fn without_relay_and_neighbours_it_is_isolated_until_either_is_heard() {
    let links = [link(1), link(2)];
    let mut bench = Bench::joined(config(&[RELAY]), &[port(2)], &links);
    bench.run_to(JOINED + 3_050 + 1_500);
    assert_eq!(bench.state(), State::Isolated);
    bench.hear(&links[0]);
    assert_eq!(bench.state(), State::CutOff, "a neighbour");
    bench.run_to(bench.now + 3_050);
    assert_eq!(bench.state(), State::Isolated);
    assert!(bench.notes().contains(&Note::State { from: State::CutOff, to: State::Isolated }));
    bench.relay(ToProbe::Ping { nonce: 1 });
    assert_eq!(bench.state(), State::Returning, "a relay");
}

/// When it said that it lives, after [`JOINED`]; what it says of neighbours is left out.
fn lives(bench: &mut Bench) -> Vec<u64> {
    let alone = |(at, _, _, message): (u64, SocketAddr, u32, ToRelay)| match message {
        ToRelay::Evidence { carriers, heard, .. } => {
            assert!(carriers.is_empty() && heard.is_empty(), "nothing that was told before");
            Some(at - JOINED)
        }
        ToRelay::Suspicion(_) | ToRelay::Refuted { .. } => None,
        other => panic!("{other:?}"),
    };
    bench.said().into_iter().filter_map(alone).collect()
}

#[test]
fn one_that_hears_nobody_says_about_once_a_minute_that_it_lives() {
    let links = [link(1), link(2)];
    let mut firsts = std::collections::BTreeSet::new();
    for seed in 0..50 {
        let mut bench = Bench::joined(Config { seed, ..config(&[RELAY]) }, &[port(2)], &links);
        bench.run_noting_to(JOINED + 10_000);
        bench.clear();
        bench.run_noting_to(JOINED + 240_000);
        let changes = bench.notes().into_iter().filter(|note| matches!(note, Note::State { .. })).count();
        assert_eq!(changes, 0, "seed {seed}: nothing changes");
        let said = lives(&mut bench);
        let [first, second, third, ..] = said[..] else { panic!("{said:?}") };
        let every = first - 3_050;
        assert!((45_000..=75_000).contains(&every), "seed {seed}: {every} ms");
        // Looked at each ten milliseconds.
        assert!((second - first).abs_diff(every) <= 10 && (third - second).abs_diff(every) <= 10, "{said:?}");
        firsts.insert(every / 3_000);
    }
    assert!(firsts.len() >= 9, "spread over half a minute: {firsts:?}");
}

#[test]
fn one_that_hears_somebody_says_nothing() {
    let links = [link(1), link(2)];
    let mut bench = Bench::joined(config(&[RELAY]), &[port(2)], &links);
    bench.run_noting_to(JOINED + 30_000);
    while bench.now < JOINED + 400_000 {
        bench.run_noting_to(bench.now + 1_000);
        bench.hear(&links[0]);
    }
    assert_eq!(lives(&mut bench), [], "one of both is heard again");
    bench.run_noting_to(JOINED + 480_000);
    assert_eq!(lives(&mut bench).len(), 1, "and silent again");
}

#[test]
fn one_without_neighbours_is_as_alone_as_one_whose_ports_have_lost_them() {
    let alone_at = |bench: &mut Bench| {
        bench.run_noting_to(JOINED + 80_000);
        let said = lives(bench);
        assert!(matches!(said[..], [44_000..=80_000]), "{said:?}");
    };
    alone_at(&mut Bench::joined(config(&[RELAY]), &[port(2)], &[]));

    // Both links leave by port 2.
    let mut bench = Bench::joined(config(&[RELAY]), &[port(2), port(3)], &[link(1), link(2)]);
    let set_carrier = |bench: &mut Bench, up| {
        bench.event(Event::Carrier { port: 2, up });
        // What changed is told first.
        bench.run_noting_to(bench.now + 5_000);
        bench.clear();
    };
    set_carrier(&mut bench, false);
    alone_at(&mut bench);
    set_carrier(&mut bench, true);
    while bench.now < JOINED + 200_000 {
        bench.hear_all(&[link(1), link(2)]);
        bench.run_noting_to(bench.now + 1_000);
    }
    assert_eq!(lives(&mut bench), [], "its port has carrier again, and it hears both");
}

#[test]
fn a_relay_that_has_forgotten_one_that_hears_nobody_is_announced_to() {
    let mut bench = Bench::joined(config(&[RELAY]), &[port(2)], &[link(1)]);
    bench.run_noting_to(JOINED + 10_000);
    bench.clear();
    while bench.log.iter().all(|(_, action)| !matches!(action, Action::Send { .. })) {
        bench.run_to(bench.now + 10);
    }
    assert_eq!(lives(&mut bench).len(), 1);
    bench.relay(stranger());
    let now = bench.now;
    assert_eq!(bench.kinds(), [(now, "Knock")]);
}

#[test]
fn one_that_hears_nobody_finds_out_that_its_relay_is_gone_and_asks_for_it_only() {
    let mut bench = Bench::joined(config(&[RELAY]), &[port(2)], &[link(1)]);
    bench.run_noting_to(JOINED + 40_000);
    assert_eq!(bench.state(), State::Linked);
    bench.run_to(JOINED + 85_000);
    assert_eq!(bench.state(), State::Isolated);
    bench.clear();
    bench.run_to(JOINED + 300_000);
    let said = bench.kinds();
    assert!(said.iter().all(|(_, kind)| ["Announce", "Knock"].contains(kind)), "{said:?}");
    assert!(said.len() > 40, "{said:?}");
}

#[test]
fn one_that_ran_late_itself_does_not_call_itself_isolated() {
    let links = [link(1), link(2)];
    let mut bench = Bench::joined(config(&[RELAY]), &[port(2)], &links);
    bench.run_to(JOINED + 3_050 + 1_499);
    bench.sleep_to(bench.now + 900);
    bench.event(Event::DeadlineReached);
    assert_eq!(bench.state(), State::CutOff);
    bench.run_to(bench.now + 3_500);
    assert_eq!(bench.state(), State::Isolated, "but not for ever");
}

#[test]
fn carrier_that_comes_back_makes_it_ask_soon() {
    let links = [link(1)];
    let mut bench = Bench::joined(config(&[RELAY]), &[port(2)], &links);
    bench.event(Event::Carrier { port: 2, up: false });
    bench.run_to(JOINED + 60_000);
    assert_eq!(bench.state(), State::Isolated);
    let next = bench.probe.next_deadline();
    bench.event(Event::Carrier { port: 2, up: true });
    bench.clear();
    bench.run_to(JOINED + 61_300);
    assert!(!bench.said().is_empty(), "the next ask was due at {next:?}");
}

#[test]
fn goodbye_is_said_until_noted_but_never_longer_than_600_ms() {
    let stop = Event::Stop { reason: GoodbyeReason::Upgrade, back_within: ms(9_000) };
    let mut bench = Bench::joined(config(&[RELAY]), &[port(2)], &[link(1)]);
    bench.event(stop);
    assert_eq!(bench.state(), State::Leaving);
    bench.run_to(JOINED + 30_000);
    assert_eq!(bench.exits(), [JOINED + 600]);
    assert_eq!(bench.probe.next_deadline(), Time::NEVER);
    let said = bench.said();
    let when: Vec<_> = said.iter().map(|(at, _, _, m)| (at - JOINED, kind(m))).collect();
    assert_eq!(when, [(0, "Goodbye"), (200, "Goodbye"), (400, "Goodbye")]);
    let ToRelay::Goodbye { report, reason, back_within } = said[0].3 else { panic!() };
    assert_eq!((reason, back_within), (GoodbyeReason::Upgrade, ms(9_000)));

    let mut bench = Bench::joined(config(&[RELAY]), &[port(2)], &[link(1)]);
    bench.event(Event::Stop { reason: GoodbyeReason::Retire, back_within: Duration::ZERO });
    bench.run_to(JOINED + 50);
    bench.relay(ToProbe::Noted(report));
    assert_eq!(bench.exits(), [JOINED + 50]);

    let mut bench = Bench::started(config(&[RELAY]), &[port(2)]);
    bench.event(Event::Stop { reason: GoodbyeReason::ServiceStop, back_within: ms(1) });
    assert_eq!(bench.exits(), [0], "nobody to say it to");
}

#[test]
fn the_highest_order_is_obeyed_and_an_older_one_learns_of_it() {
    let assignment = |term, relay, counter, link_id| {
        let mut order = order(counter, &[link(link_id)]);
        (order.generation.term, order.relay) = (term, RelayId(relay));
        ToProbe::Assignment(Box::new(order))
    };
    /// What is given (term, relay, counter), whether it is obeyed, what is answered.
    type Case = (&'static str, (u32, u8, u32), bool, &'static [&'static str]);
    // In force: term 2, relay 3, counter 5, link 5, heard both ways and confirmed.
    let cases: [Case; 8] = [
        ("the same again", (2, 3, 5), false, &["Applied"]),
        ("a newer one", (2, 3, 6), true, &[]),
        ("an older one", (2, 3, 4), false, &["Applied"]),
        ("a higher term", (3, 9, 1), true, &[]),
        ("a lower term", (1, 1, 99), false, &["Applied"]),
        ("a lower relay in the same term", (2, 1, 1), true, &[]),
        ("a higher relay in the same term", (2, 4, 99), false, &["Applied"]),
        ("a lower relay in a lower term", (1, 1, 1), false, &["Applied"]),
    ];
    for (case, (term, relay, counter), obeyed, want) in cases {
        let mut bench = Bench::joined(config(&[RELAY]), &[port(2)], &[]);
        bench.relay(assignment(2, 3, 5, 5));
        bench.hear(&link(5));
        bench.clear();
        bench.relay(assignment(term, relay, counter, 6));
        assert_eq!(bench.probe.holds(LinkId(6)), obeyed, "{case}");
        assert_eq!(bench.probe.holds(LinkId(5)), !obeyed, "{case}");
        let said = bench.said();
        let kinds: Vec<_> = said.iter().map(|(_, _, _, m)| kind(m)).collect();
        assert_eq!(kinds, want, "{case}");
        if let Some((_, _, _, ToRelay::Applied(generation))) = said.first() {
            assert_eq!(*generation, Generation { term: 2, counter: 5 }, "{case}");
        }
    }
}

#[test]
fn an_order_that_was_overtaken_does_not_confirm_the_one_in_force() {
    let mut bench = Bench::joined(config(&[RELAY]), &[port(2)], &[]);
    bench.relay(ToProbe::Assignment(Box::new(order(7, &[link(7)]))));
    bench.relay(ToProbe::Assignment(Box::new(order(6, &[link(6)]))));
    bench.relay(ToProbe::Assignment(Box::new(order(7, &[link(7)]))));
    assert_eq!(bench.kinds(), [], "link 7 is not heard yet");
    bench.hear(&link(7));
    assert_eq!(bench.kinds(), [(JOINED, "Applied")]);
}

#[test]
fn a_ping_is_answered_at_once_by_the_port_it_came_by() {
    let links = [link(1), link(2)];
    let mut bench = Bench::joined(config(&[RELAY]), &[port(2), port(3)], &links);
    bench.relay(ToProbe::Assignment(Box::new(order(2, &[link(1), link(2), link(3)]))));
    bench.clear();
    bench.run_to(JOINED + 400);
    bench.event(Event::Control { from: at(STANDBY), via: 3, message: ToProbe::Ping { nonce: 99 } });
    let said = bench.said();
    let [(_, to, 3, ToRelay::Pong { nonce: 99, starved: false, heard, carriers })] = &said[..] else {
        panic!("{said:?}")
    };
    assert_eq!(*to, at(STANDBY));
    let heard: Vec<_> = heard.iter().map(|heard| (heard.link.0, heard.age)).collect();
    assert_eq!(heard, [(1, Some(ms(400))), (2, Some(ms(400))), (3, None)]);
    let carriers: Vec<_> = carriers.iter().map(|c| (c.ifindex, c.up, c.age)).collect();
    assert_eq!(carriers, [(2, true, Duration::MAX), (3, true, Duration::MAX)]);
}

#[test]
fn a_return_that_leads_nowhere_is_cut_off_again() {
    let links = [link(1)];
    let mut bench = Bench::joined(config(&[RELAY]), &[port(2)], &links);
    bench.relay(hello(0));
    assert_eq!(bench.state(), State::Returning);
    bench.run_healthy_to(JOINED + 80_000, &links);
    assert_eq!(bench.state(), State::CutOff);
    let said = bench.said();
    let last: Vec<_> = gaps(&said).into_iter().rev().take(4).collect();
    assert!(last.iter().all(|gap| *gap <= 6_251), "asks every five seconds or so: {last:?}");
}

#[test]
fn the_relay_that_answers_after_all_is_the_one_to_turn_to() {
    let (mut bench, links) = asking(&[RELAY, STANDBY]);
    bench.clear();
    bench.run_to(JOINED + 3_050 + 1_600);
    bench.hear(&links[1]);
    assert_eq!(bench.said().last().map(|(_, to, _, _)| *to), Some(at(STANDBY)));
    bench.relay(ToProbe::Noted(Report(99)));
    bench.run_to(JOINED + 3_050 + 2_100);
    let said = bench.said();
    let next: Vec<_> = said.iter().map(|(_, to, _, message)| (*to, kind(message))).collect();
    assert_eq!(next, [(at(RELAY), "Suspicion")], "said on until its own number is noted");
}
