//! What evidence can prove: one row, one test.

use super::*;
use Component as C;
use Verdict as V;

/// Switch 0 with hosts 0, 1, 2; switch 1 with 3, 4, 5; host 6 on both.
fn small() -> Belief {
    site(&[&[0], &[0], &[0], &[1], &[1], &[1], &[0, 1]])
}

const J: Vantage = Vantage::Judge;

/// Both watchers and the judge miss host 1.
fn host_one_missed() -> Vec<Observation> {
    vec![silent(by(0, 0), 1, 0), silent(by(2, 0), 1, 0), silent(J, 1, 0)]
}

/// The same, seen by one who knows since when.
fn since_t(seen: &Observation) -> Observation {
    match seen.outcome {
        Outcome::Silent => Observation { last_heard_ms: Some(T - 400), first_bad_ms: T + 600, ..*seen },
        Outcome::Heard | Outcome::Refused | Outcome::Echo => *seen,
    }
}

/// The single-homed hosts of switch 0 are missed by the judge.
fn switch_zero_missed() -> Vec<Observation> {
    let mut seen: Vec<Observation> = (0..3).map(|host| silent(J, host, 0)).collect();
    seen.extend([heard(J, 3, 0), heard(J, 6, 1), silent(J, 6, 0)]);
    seen
}

fn told(belief: &Belief, observations: &[Observation], ports: &[PortObservation]) -> Vec<Explanation> {
    judge(belief, &evidence(observations, ports), &[], NOW)
}

fn only(mut told: Vec<Explanation>) -> Explanation {
    assert_eq!(told.len(), 1, "{told:#?}");
    told.remove(0)
}

#[test]
fn nothing_seen_is_nothing_said() {
    assert_eq!(told(&small(), &[], &[]), []);
    assert_eq!(told(&Belief::new(JudgeAt::Fabric), &host_one_missed(), &[]), []);
    assert_eq!(told(&small(), &[heard(J, 1, 0), heard(by(0, 0), 1, 0)], &[]), []);
}

#[test]
fn a_host_that_both_neighbours_miss_is_a_host_or_its_cable_and_its_switch_is_ruled_out() {
    let e = only(told(&small(), &host_one_missed(), &[]));
    assert_eq!(named(&e), [(C::Host(h(1)), V::HostOrCable)]);
    assert_eq!((e.members.as_slice(), e.degraded.as_slice()), ([h(1)].as_slice(), [].as_slice()));
    assert!(!e.one_witness && !e.never_page);
    assert_eq!(e.onset_ms, (T - 400, T + 600));
    assert_eq!(e.witnesses, [J, by(0, 0), by(2, 0)]);
    assert!(
        e.ruled_out.contains(&RuledOut { component: C::Switch(s(0)), by: by(0, 0) }),
        "{:?}",
        e.ruled_out
    );
    assert!(e.would_settle.contains(&Settle::BootIds));
    assert_eq!(e.alternatives[0].permille, 1_000);
}

#[test]
fn what_the_kernel_answers_tells_a_hung_host_from_a_lost_probe_from_a_dead_host() {
    use Outcome::{Echo, Refused};
    let echo = seen(Echo, J, 1, 0);
    let refused = seen(Refused, by(0, 0), 1, 0);
    let old = Observation { at_ms: NOW - 5_001, ..echo };
    let cases: &[(&str, &[Observation], V)] = &[
        ("no answer", &[], V::HostOrCable),
        ("echo", &[echo], V::HostHung),
        ("refused", &[refused], V::ProbeDown),
        ("refused and echo", &[refused, echo], V::ProbeDown),
        ("an echo past its life", &[old], V::HostOrCable),
        ("a witness that doubts itself", &[Observation { doubted: true, ..refused }], V::HostOrCable),
    ];
    for (case, more, want) in cases {
        let e = only(told(&small(), &[host_one_missed().as_slice(), more].concat(), &[]));
        assert_eq!(named(&e), [(C::Host(h(1)), *want)], "{case}");
        assert_eq!(e.members, [h(1)], "{case}");
    }
}

#[test]
fn a_host_is_down_only_where_both_its_switches_miss_it() {
    let missed = [silent(by(0, 0), 6, 0), silent(by(2, 0), 6, 0), silent(J, 6, 0), silent(J, 6, 1)];
    let other = [silent(by(3, 0), 6, 1), silent(by(5, 0), 6, 1)];
    let e = only(told(&small(), &[missed.as_slice(), &other].concat(), &[]));
    assert_eq!(named(&e), [(C::Host(h(6)), V::HostDown)]);
    let e = only(told(&small(), &missed, &[]));
    assert_eq!(
        named(&e),
        [(C::Host(h(6)), V::HostOrCable)],
        "the second switch heard by nobody but the judge"
    );
}

#[test]
fn a_switch_whose_members_are_all_silent_is_itself_or_its_uplink() {
    let e = only(told(&small(), &switch_zero_missed(), &[]));
    assert_eq!(named(&e), [(C::Switch(s(0)), V::SwitchDown), (C::Uplink(s(0)), V::UplinkCut)]);
    assert_eq!(e.members, [h(0), h(1), h(2)]);
    assert_eq!(e.degraded, [(h(6), 0)]);
    assert_eq!(e.alternatives.iter().map(|a| a.permille).collect::<Vec<_>>(), [500, 500]);
    assert!(e.checks.contains(&Check { by: by(6, 0), subject: h(0), leg: 0 }), "{:?}", e.checks);
    assert!(e.would_settle.contains(&Settle::DualHomedMember) && !e.never_page);
}

#[test]
fn a_dual_homed_member_settles_switch_or_uplink_by_what_it_hears_and_by_its_carrier() {
    let inside = heard(by(6, 0), 0, 0);
    let deaf = [silent(by(6, 0), 0, 0), silent(by(6, 0), 2, 0)];
    let switch = [(C::Switch(s(0)), V::SwitchDown)];
    let uplink = [(C::Uplink(s(0)), V::UplinkCut)];
    let both = [switch[0], uplink[0]];
    type Named<'a> = &'a [(Component, Verdict)];
    let cases: &[(&str, &[Observation], &[PortObservation], Named<'_>)] = &[
        ("hears ring mates", &[inside], &[], &uplink),
        ("hears them, carrier kept", &[inside], &[carrier(6, 0, true)], &uplink),
        ("deaf, carrier lost", &deaf, &[carrier(6, 0, false)], &switch),
        ("deaf, carrier kept: its data plane", &deaf, &[carrier(6, 0, true)], &switch),
        ("carrier lost alone", &[], &[carrier(6, 0, false)], &switch),
        ("says nothing yet", &[], &[], &both),
        ("doubts itself", &[Observation { doubted: true, ..inside }], &[], &both),
    ];
    for (case, more, ports, want) in cases {
        let e = only(told(&small(), &[switch_zero_missed().as_slice(), more].concat(), ports));
        assert_eq!(named(&e), *want, "{case}: {e:#?}");
        assert_eq!(e.members, [h(0), h(1), h(2)], "{case}");
    }
}

#[test]
fn hearing_by_cached_wiring_is_a_cost_and_no_veto() {
    let mut belief = small();
    let mut host = belief.host(h(2)).unwrap().clone();
    host.legs[0].trust = Trust::Stale;
    belief.set_host(h(2), host);
    let mut seen = switch_zero_missed();
    seen.retain(|seen| seen.subject != h(2));
    seen.push(heard(J, 2, 0));
    let e = only(told(&belief, &seen, &[]));
    assert_eq!(named(&e)[0], (C::Switch(s(0)), V::SwitchDown));
    assert_eq!(e.members, [h(0), h(1)], "the stale member drops out");
    let told = told(&small(), &seen, &[]);
    assert_eq!(told.len(), 2, "a fresh one vetoes: {told:#?}");
    assert!(told.iter().all(|e| named(e).len() == 1 && e.alternatives[0].verdict == V::HostOrCable));
}

#[test]
fn the_side_of_a_pair_that_suspends_its_ports_is_told_only_where_the_pair_is_known() {
    let mut belief = small();
    belief.set_switch(s(0), SwitchBelief { mlag_peer: Some(s(1)), planned: false });
    belief.set_switch(s(1), SwitchBelief { mlag_peer: Some(s(0)), planned: false });
    let e = only(told(&belief, &switch_zero_missed(), &[carrier(6, 0, false)]));
    assert_eq!(named(&e), [(C::Switch(s(0)), V::SwitchDown), (C::PeerLink(s(0)), V::PeerLinkSplit)]);
    assert!(e.ruled_out.iter().any(|r| r.component == C::Fabric));
    let e = only(told(&belief, &[switch_zero_missed(), vec![heard(by(6, 0), 0, 0)]].concat(), &[]));
    assert_eq!(named(&e), [(C::Uplink(s(0)), V::UplinkCut)], "cut off from core and peer alike");
}

#[test]
fn a_leg_lost_by_a_living_host_is_redundancy_and_no_silence() {
    let missed = [silent(by(0, 0), 6, 0), silent(by(2, 0), 6, 0), silent(J, 6, 0), heard(J, 6, 1)];
    let by_carrier = told(&small(), &[], &[carrier(6, 0, false), carrier(6, 1, true)]);
    // Its own word alone does not say whether the switch at the other end is gone with all behind it.
    assert!(named(&only(by_carrier)).contains(&(C::Leg(h(6), 0), V::RedundancyLost)));
    for ports in [&[][..], &[carrier(6, 0, false)]] {
        let e = only(told(&small(), &missed, ports));
        assert_eq!(named(&e), [(C::Leg(h(6), 0), V::RedundancyLost)]);
        assert_eq!((e.members.len(), e.degraded.as_slice()), (0, [(h(6), 0)].as_slice()));
    }
}

/// A kernel tells of lost carrier at once, or as late as a second after: the rest must not be judged apart for that.
#[test]
fn a_carrier_that_was_told_late_does_not_split_its_switch_from_a_host_behind_it() {
    let window =
        |lo, hi| move |seen: Observation| Observation { last_heard_ms: Some(lo), first_bad_ms: hi, ..seen };
    for late in [0, 500, 1_000, 1_200] {
        let known = [silent(by(3, 0), 2, 0), silent(J, 2, 0)].map(window(T - 700, T + 850));
        let seen = [switch_zero_missed(), known.to_vec()].concat();
        let carrier = PortObservation { since_ms: T + late, ..carrier(6, 0, false) };
        let e = only(told(&small(), &seen, &[carrier]));
        assert_eq!(named(&e), [(C::Switch(s(0)), V::SwitchDown)], "told {late} ms late");
        assert_eq!(e.members, [h(0), h(1), h(2)], "told {late} ms late");
    }
}

#[test]
fn a_switch_with_only_dual_homed_members_goes_without_a_silent_member() {
    let belief = site(&[&[0, 1], &[0, 1], &[0, 1], &[1]]);
    let lost: Vec<PortObservation> = (0..3).map(|host| carrier(host, 0, false)).collect();
    let e = only(told(&belief, &[], &lost));
    assert_eq!(named(&e), [(C::Switch(s(0)), V::SwitchDown)]);
    assert_eq!((e.members.len(), e.degraded.len(), e.one_witness), (0, 3, false));
}

#[test]
fn a_ring_of_one_is_undetermined_with_odds() {
    let belief = site(&[&[0], &[1], &[1], &[1]]);
    let e = only(told(&belief, &[silent(J, 0, 0), heard(J, 1, 0)], &[]));
    let want =
        [(C::Host(h(0)), V::HostOrCable), (C::Switch(s(0)), V::SwitchDown), (C::Uplink(s(0)), V::UplinkCut)];
    assert_eq!(named(&e), want);
    let shares: Vec<u16> = e.alternatives.iter().map(|a| a.permille).collect();
    assert_eq!(shares.iter().sum::<u16>(), 1_000);
    assert!(shares[0] > 800 && shares[1] == shares[2] && shares[1] > 50, "{shares:?}");
    assert!(e.one_witness && e.would_settle.contains(&Settle::SecondWitness));
    assert!(e.checks.iter().all(|check| check.by != J && check.subject == h(0)));
}

#[test]
fn two_hosts_on_one_switch_cost_more_than_the_switch_unless_another_lives() {
    let pair = site(&[&[0], &[0], &[1], &[1]]);
    let e = only(told(&pair, &[silent(J, 0, 0), silent(J, 1, 0), heard(J, 2, 0)], &[]));
    assert_eq!(named(&e), [(C::Switch(s(0)), V::SwitchDown), (C::Uplink(s(0)), V::UplinkCut)]);
    let four = site(&[&[0], &[0], &[0], &[0], &[1]]);
    let missed = [silent(J, 0, 0), silent(J, 1, 0), silent(by(2, 0), 1, 0), silent(by(3, 0), 0, 0)];
    let told = told(&four, &missed, &[]);
    assert_eq!(told.len(), 2);
    for (e, host) in told.iter().zip([0, 1]) {
        assert_eq!(named(e), [(C::Host(h(host)), V::HostOrCable)]);
    }
}

#[test]
fn three_hosts_that_go_at_one_instant_share_a_fate_and_at_three_do_not() {
    let belief = site(&[&[0], &[0], &[0], &[0], &[0], &[0], &[1]]);
    let missed = |host: u32, late: u64| {
        let of = |from| {
            let seen = silent(from, host, 0);
            let shift = |ms| ms + late;
            Observation {
                last_heard_ms: seen.last_heard_ms.map(shift),
                first_bad_ms: shift(seen.first_bad_ms),
                ..seen
            }
        };
        [of(by((host + 1) % 6, 0)), of(by((host + 5) % 6, 0)), of(J)]
    };
    let together = [missed(0, 0), missed(2, 200), missed(4, 100)].concat();
    let e = only(judge(&belief, &evidence(&together, &[]), &[], NOW));
    assert_eq!((named(&e), e.members.len()), (vec![(C::SharedFate, V::SharedFate)], 3));
    let spread = [missed(0, 0), missed(2, 2_000), missed(4, 4_000)].concat();
    let told = judge(&belief, &evidence(&spread, &[]), &[], NOW + 4_000);
    assert_eq!(told.len(), 3, "{told:#?}");
}

#[test]
fn a_host_and_another_switch_at_one_instant_are_two_incidents() {
    let belief = site(&[&[0], &[0], &[0], &[1], &[1], &[1], &[2]]);
    let mut missed = host_one_missed();
    missed.extend([silent(J, 3, 0), silent(J, 4, 0), silent(J, 5, 0), heard(J, 6, 0)]);
    let told = told(&belief, &missed, &[]);
    assert_eq!(told.iter().map(|e| e.members.len()).collect::<Vec<_>>(), [3, 1]);
    assert_eq!(named(&told[0])[0].0, C::Switch(s(1)));
    assert_eq!(named(&told[1]), [(C::Host(h(1)), V::HostOrCable)]);
}

#[test]
fn two_switches_of_dual_homed_hosts_fall_together_as_one_move() {
    let belief = site(&[&[0, 1], &[0, 1], &[0, 1], &[0, 1], &[2], &[2]]);
    let missed: Vec<Observation> =
        (0..4).flat_map(|host| [silent(J, host, 0), silent(J, host, 1)]).chain([heard(J, 4, 0)]).collect();
    let told = told(&belief, &missed, &[]);
    let families: Vec<Component> = told.iter().map(|e| named(e)[0].0).collect();
    assert!(families.contains(&C::Switch(s(0))) || families.contains(&C::Switch(s(1))), "{told:#?}");
    assert_eq!(told.iter().map(|e| e.members.len()).sum::<usize>(), 4);
}

#[test]
fn everything_silent_may_be_the_judges_own_branch_and_pages_nobody() {
    let missed: Vec<Observation> = (0..7).map(|host| silent(J, host, 0)).chain([silent(J, 6, 1)]).collect();
    let alone = Evidence { outside_heard_ms: None, ..evidence(&missed, &[]) };
    let e = only(judge(&small(), &alone, &[], NOW));
    assert_eq!(named(&e), [(C::JudgeBranch, V::RelayDown), (C::Fabric, V::SiteSplit)]);
    assert!(e.never_page && e.members.len() == 7 && e.would_settle.contains(&Settle::OtherRelay));
    let told = judge(&small(), &evidence(&missed, &[]), &[], NOW);
    assert!(told.iter().all(|e| !e.never_page), "somebody beyond the core is heard: {told:#?}");
    assert_eq!(told.iter().map(|e| e.members.len()).sum::<usize>(), 7);
}

#[test]
fn a_judge_on_the_failing_switch_names_it_and_pages_nobody() {
    let mut belief = small();
    belief.set_judge(JudgeAt::Legs(vec![s(0)]));
    let missed: Vec<Observation> = (0..6).map(|host| silent(J, host, 0)).collect();
    let alone = Evidence { outside_heard_ms: None, ..evidence(&missed, &[]) };
    let told = judge(&belief, &alone, &[], NOW);
    assert!(
        told.iter().any(|e| named(e).contains(&(C::Switch(s(0)), V::SwitchDown)) && e.never_page),
        "{told:#?}"
    );
    let outside = [&missed[3..], &[heard(J, 0, 0), heard(J, 1, 0)]].concat();
    let told = judge(&belief, &Evidence { outside_heard_ms: None, ..evidence(&outside, &[]) }, &[], NOW);
    assert!(named(&told[0]).contains(&(C::Uplink(s(0)), V::UplinkCut)), "{told:#?}");
    assert!(told[0].never_page);
}

#[test]
fn a_planned_switch_is_planned() {
    let mut belief = small();
    belief.set_switch(s(0), SwitchBelief { mlag_peer: None, planned: true });
    let e = only(told(&belief, &switch_zero_missed(), &[]));
    assert_eq!(named(&e), [(C::Switch(s(0)), V::Planned)]);
}

#[test]
fn a_silence_older_than_its_life_is_no_silence_and_a_newer_word_replaces_an_older() {
    let late = judge(&small(), &evidence(&host_one_missed(), &[]), &[], T + 3_600 + 10_001);
    assert_eq!(late, []);
    let mut seen = host_one_missed();
    seen.push(heard(by(0, 0), 1, 0));
    assert_eq!(told(&small(), &seen, &[]), [], "one neighbour hears it: an edge, no host");
}

#[test]
fn a_member_that_said_goodbye_is_not_missed() {
    let mut belief = small();
    let mut host = belief.host(h(1)).unwrap().clone();
    host.expected = false;
    belief.set_host(h(1), host);
    assert_eq!(told(&belief, &host_one_missed(), &[]), []);
}

#[test]
fn a_report_that_is_overdue_counts_against_what_would_have_caused_it() {
    // Only the judge misses host 1; its living neighbours say nothing.
    let seen = [silent(J, 1, 0), heard(J, 0, 0), heard(J, 2, 0)];
    let cost = |now: u64| {
        let renewed: Vec<Observation> = seen.iter().map(|s| Observation { at_ms: now, ..*s }).collect();
        let old = Observation { last_heard_ms: Some(T), first_bad_ms: T + 900, ..renewed[0] };
        only(judge(&small(), &evidence(&[&[old], &renewed[1..]].concat(), &[]), &[], now)).alternatives[0]
            .cost_millibits
    };
    assert_eq!(cost(T + 10_000) - cost(T + 4_000), 40_000);
}

#[test]
fn an_open_incident_is_adopted_and_younger_ones_are_absorbed() {
    let host = |index, host, at| OpenIncident {
        index,
        components: vec![C::Host(h(host))],
        members: vec![h(host)],
        onset_ms: (at - 300, at + 300),
    };
    let open = [host(9, 2, T + 1), host(4, 0, T), host(2, 1, T - 60_000)];
    let seen: Vec<Observation> = switch_zero_missed().iter().map(since_t).collect();
    let told = judge(&small(), &evidence(&seen, &[]), &open, NOW);
    let e = &told[0];
    assert_eq!(named(e)[0], (C::Switch(s(0)), V::SwitchDown));
    assert_eq!((e.adopted, e.absorbed.as_slice()), (Some(4), [9].as_slice()));
    assert_eq!(told.iter().map(|e| e.members.len()).sum::<usize>(), 3);
}

/// A host of two was missed first, and its switch was not ruled out.
#[test]
fn whoever_is_missed_next_belongs_to_an_open_incident_that_may_be_its_switch() {
    let of = |components: &[C]| {
        let seen = [silent(J, 0, 0), silent(J, 1, 0)];
        let open = [OpenIncident {
            index: 3,
            components: components.to_vec(),
            members: vec![h(0)],
            onset_ms: (T - 300, T + 300),
        }];
        let mut told = judge(&small(), &evidence(&seen, &[]), &open, NOW);
        told.sort_by_key(|e| e.adopted.is_none());
        told.into_iter().map(|e| (e.members.clone(), e.adopted, named(&e)[0].0)).collect::<Vec<_>>()
    };
    let both = [(vec![h(0), h(1)], Some(3), C::Switch(s(0)))];
    assert_eq!(of(&[C::Host(h(0)), C::Switch(s(0)), C::Uplink(s(0))]), both);
    let (first, second) = ((vec![h(0)], Some(3), C::Host(h(0))), (vec![h(1)], None, C::Host(h(1))));
    assert_eq!(of(&[C::Host(h(0))]), [first, second], "proved to be of the host alone");
}

#[test]
fn another_onset_is_another_cause() {
    let mut seen = switch_zero_missed();
    let early =
        |s: Observation| Observation { last_heard_ms: Some(T - 60_400), first_bad_ms: T - 59_400, ..s };
    seen.retain(|seen| seen.subject != h(1));
    seen = seen.iter().map(since_t).collect();
    seen.push(early(silent(J, 1, 0)));
    let told = told(&small(), &seen, &[]);
    assert_eq!(told.iter().map(|e| e.members.clone()).collect::<Vec<_>>(), [vec![h(0), h(2)], vec![h(1)]]);
    assert_eq!(named(&told[1])[0], (C::Host(h(1)), V::HostOrCable));
}

#[test]
fn what_the_returned_members_say_settles_it() {
    let report = |rebooted, ring_heard_inside, carrier_lost| HealReport {
        host: h(0),
        rebooted,
        ring_heard_inside,
        carrier_lost,
    };
    let of = |component, verdict| Alternative { component, verdict, cost_millibits: 0, permille: 500 };
    let switch = [of(C::Switch(s(0)), V::SwitchDown), of(C::Uplink(s(0)), V::UplinkCut)];
    let host = [of(C::Host(h(0)), V::HostOrCable)];
    let hung = [of(C::Host(h(0)), V::HostHung)];
    let fate = [of(C::SharedFate, V::SharedFate)];
    let planned = [of(C::Switch(s(0)), V::Planned)];
    let judge = [of(C::JudgeBranch, V::RelayDown)];
    let (booted, inside) = (report(true, None, None), report(false, Some(true), Some(false)));
    let dead = report(false, Some(false), Some(true));
    let plain = report(false, None, None);
    type Case<'a> = (&'a str, &'a [Alternative], &'a [HealReport], Option<V>);
    let cases: &[Case<'_>] = &[
        ("nobody back", &switch, &[], None),
        ("no alternative", &[], &[booted], None),
        ("half rebooted", &switch, &[booted, inside], Some(V::RackPower)),
        ("heard inside", &switch, &[inside, inside, dead], Some(V::UplinkCut)),
        ("dead inside", &switch, &[dead, plain], Some(V::SwitchDown)),
        ("a draw", &switch, &[dead, inside], None),
        ("no recorder", &switch, &[plain], None),
        ("host rebooted", &host, &[booted], Some(V::HostDown)),
        ("same boot, carrier lost", &host, &[dead], Some(V::LinkDegraded)),
        ("same boot, carrier kept", &host, &[inside], None),
        ("a hung host was rebooted", &hung, &[booted], None),
        ("a fate with new boots", &fate, &[booted, plain], Some(V::RackPower)),
        ("a fate without", &fate, &[plain, inside], None),
        ("planned stays planned", &planned, &[booted], None),
        ("the judge's own branch is no switch", &judge, &[inside], None),
    ];
    for (case, alternatives, reports, want) in cases {
        assert_eq!(settle_at_heal(alternatives, reports), *want, "{case}");
    }
}
