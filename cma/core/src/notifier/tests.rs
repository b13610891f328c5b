use proptest::prelude::*;
use ringmesh_proto::news::{IncidentNews, SubjectKind};
use ringmesh_topology::id::IncidentId;
use ringmesh_topology::verdict::{Class, Verdict};

use super::*;
use crate::documents::PageLine;
use crate::graph::MemoryGraph;
use crate::testing::{World, alternative, closed, host_incident, revised, secs, switch_incident};

/// What happens at a moment, in milliseconds after the incident was told, and what was told by then.
type Step = (u64, Option<IncidentNews>, &'static [&'static str]);

/// Plays the steps; the lines of a step are those that left since the one before, itself included.
fn play(case: &str, steps: &[Step]) {
    let mut world = World::settled();
    let start = world.now_ms;
    for (at, news, want) in steps {
        world.run_to(start + at);
        if let Some(news) = news {
            world.incident(news);
        }
        assert_eq!(world.told(), *want, "{case}: at {at} ms");
    }
}

fn critical(verdict: Verdict) -> IncidentNews {
    IncidentNews { class: Class::Critical, ..host_incident(verdict) }
}

fn with_verdict(news: &IncidentNews, verdict: Verdict) -> IncidentNews {
    let mut news = news.clone();
    news.alternatives = vec![alternative(verdict, SubjectKind::Host, "h1")];
    news
}

#[test]
fn a_host_is_held_until_ten_seconds_after_its_silence_began() {
    let page = critical(Verdict::HostOrCable);
    play(
        "critical host",
        &[(0, Some(page.clone()), &[]), (6_999, None, &[]), (7_000, None, &["opened page"])],
    );
    let ticket = host_incident(Verdict::HostOrCable);
    play("normal host", &[(0, Some(ticket), &[]), (6_999, None, &[]), (7_000, None, &["opened ticket"])]);
    let late = revised(&page, 60_000);
    play("told late", &[(0, Some(late), &["opened page"])]);
}

#[test]
fn a_wider_cause_is_held_two_seconds_after_it_was_opened() {
    let switch = switch_incident(4);
    play("switch", &[(0, Some(switch), &[]), (1_999, None, &[]), (2_000, None, &["opened page"])]);
    let mut either = switch_incident(1);
    either.alternatives.push(alternative(Verdict::HostOrCable, SubjectKind::Host, "h1"));
    play("may be one host", &[(0, Some(either), &[]), (6_999, None, &[]), (7_000, None, &["opened page"])]);
}

#[test]
fn what_is_over_refuted_or_planned_before_its_hold_ends_is_told_to_nobody() {
    let page = critical(Verdict::HostOrCable);
    let over = closed(&page, 5_000);
    play("closed", &[(0, Some(page.clone()), &[]), (5_000, Some(over), &[]), (99_000, None, &[])]);
    let refuted = IncidentNews { page_never: true, ..revised(&page, 5_000) };
    let end = closed(&refuted, 90_000);
    play("refuted", &[(0, Some(page.clone()), &[]), (5_000, Some(refuted), &[]), (99_000, Some(end), &[])]);
    let slow = closed(&with_verdict(&page, Verdict::HostSlow), 5_000);
    play("slow", &[(0, Some(page), &[]), (5_000, Some(slow), &[]), (99_000, None, &[])]);
}

#[test]
fn severity_log_is_never_handed_on() {
    for verdict in [Verdict::Planned, Verdict::HostSlow, Verdict::WiringChanged, Verdict::HostRestarted] {
        let news = critical(verdict);
        let end = closed(&news, 600_000);
        play(verdict.word(), &[(0, Some(news), &[]), (600_000, Some(end), &[])]);
    }
    let ephemeral = IncidentNews { class: Class::Ephemeral, ..host_incident(Verdict::HostHung) };
    play("ephemeral", &[(0, Some(ephemeral), &[]), (600_000, None, &[])]);
}

#[test]
fn a_dead_probe_becomes_a_ticket_ten_seconds_after_it_was_opened() {
    let dead = host_incident(Verdict::ProbeDown);
    let end = closed(&dead, 30_000);
    let steps: &[Step] = &[
        (0, Some(dead.clone()), &[]),
        (9_999, None, &[]),
        (10_000, None, &["opened ticket"]),
        (30_000, Some(end), &["closed ticket"]),
    ];
    play("stays dead", steps);
    let back = closed(&dead, 9_000);
    play("back in time", &[(0, Some(dead), &[]), (9_000, Some(back), &[]), (60_000, None, &[])]);
}

#[test]
fn one_opened_and_one_closed_line_share_one_key() {
    let mut world = World::settled();
    let news = switch_incident(8);
    world.incident(&news);
    world.run_to(30_000);
    world.incident(&closed(&news, 10_000));
    let lines = world.lines();
    let keys: Vec<(&str, &str)> =
        lines.iter().map(|line| (line.key.as_str(), line.transition.as_str())).collect();
    let key = "ringmesh/main/0000000000000abc";
    assert_eq!(keys, [(key, "opened"), (key, "closed")]);
    assert_eq!(lines[0].verdict, "SwitchDown|UplinkCut");
    assert_eq!(lines[0].subject.id, "sw1");
    let want = "PAGE: SwitchDown|UplinkCut switch sw1 at site lab, since 1970-02-27 20:53:17 UTC; \
                8 hosts behind it: h1, h2, h3, h4, h5, h6 and 2 more";
    assert_eq!(lines[0].text, want);
    assert_eq!(lines[1].text, "over: SwitchDown|UplinkCut switch sw1 at site lab, after 13 s");
}

#[test]
fn reclassification_never_pages_again_and_downgrading_never_resolves() {
    let page = critical(Verdict::HostOrCable);
    let hung = with_verdict(&revised(&page, 20_000), Verdict::HostHung);
    let degraded = with_verdict(&revised(&hung, 20_000), Verdict::LinkDegraded);
    let slow = with_verdict(&revised(&degraded, 20_000), Verdict::HostSlow);
    let again = with_verdict(&revised(&slow, 20_000), Verdict::HostHung);
    let end = closed(&slow, 40_000);
    let end = IncidentNews { revision: again.revision + 1, ..end };
    let steps: &[Step] = &[
        (0, Some(page), &[]),
        (20_000, Some(hung), &["opened page"]),
        (40_000, Some(degraded), &[]),
        (60_000, Some(slow), &[]),
        (80_000, Some(again), &[]),
        (700_000, Some(end), &["closed page"]),
    ];
    play("reclassified", steps);
}

#[test]
fn a_ticket_that_becomes_a_page_pages_once() {
    let ticket = host_incident(Verdict::HostOrCable);
    let hung = with_verdict(&revised(&ticket, 60_000), Verdict::HostHung);
    let back = with_verdict(&revised(&hung, 60_000), Verdict::HostOrCable);
    let again = with_verdict(&revised(&back, 700_000), Verdict::HostHung);
    let steps: &[Step] = &[
        (0, Some(ticket), &[]),
        (60_000, Some(hung), &["opened ticket", "opened page severity-rose"]),
        (120_000, Some(back), &[]),
        (820_000, Some(again), &[]),
    ];
    play("rises", steps);
}

#[test]
fn growth_pages_again_only_if_it_doubles_and_adds_ten_and_not_within_ten_minutes() {
    let grown = |news: &IncidentNews, silent| IncidentNews { silent, ..revised(news, 10_000) };
    let small = switch_incident(4);
    let (b, c) = (grown(&small, 9), grown(&grown(&small, 9), 13));
    let steps: &[Step] =
        &[(0, Some(small.clone()), &[]), (10_000, Some(b), &["opened page"]), (20_000, Some(c), &[])];
    play("grew by nine", steps);
    let first = switch_incident(10);
    let second = grown(&first, 20);
    let third = grown(&second, 40);
    let steps: &[Step] = &[
        (0, Some(first), &[]),
        (10_000, Some(grown(&switch_incident(10), 19)), &["opened page"]),
        (20_000, Some(IncidentNews { revision: 5, ..second }), &["opened page grown"]),
        (30_000, Some(IncidentNews { revision: 6, ..third.clone() }), &[]),
        (619_999, None, &[]),
        (620_000, None, &["opened page grown"]),
        (621_000, Some(closed(&IncidentNews { revision: 6, ..third }, 1)), &["closed page"]),
    ];
    play("doubled", steps);
}

#[test]
fn a_reopened_incident_waits_for_ten_minutes_after_its_last_line() {
    let page = critical(Verdict::HostOrCable);
    let end = closed(&page, 30_000);
    let again = IncidentNews { closed: false, closed_ms: 0, ..revised(&end, 60_000) };
    let steps: &[Step] = &[
        (0, Some(page), &[]),
        (30_000, Some(end), &["opened page", "closed page"]),
        (90_000, Some(again.clone()), &[]),
        (606_999, None, &[]),
        (607_000, None, &["opened page reopened"]),
        (700_000, Some(closed(&again, 600_000)), &["closed page"]),
    ];
    play("reopened", steps);
}

#[test]
fn a_reopened_incident_nobody_heard_of_is_held_anew() {
    let page = critical(Verdict::HostOrCable);
    let end = closed(&page, 5_000);
    let again = IncidentNews { closed: false, closed_ms: 0, ..revised(&end, 60_000) };
    let steps: &[Step] = &[
        (0, Some(page), &[]),
        (5_000, Some(end), &[]),
        (65_000, Some(again), &[]),
        (74_999, None, &[]),
        (75_000, None, &["opened page"]),
    ];
    // Its relay counts the silence from its first beginning, a minute before: that is not this silence.
    play("old silence", steps);
    let page = critical(Verdict::HostOrCable);
    let end = closed(&page, 5_000);
    let next = revised(&end, 60_000);
    let again = IncidentNews { closed: false, closed_ms: 0, silent_since_ms: next.at_ms - 3_000, ..next };
    let steps: &[Step] = &[
        (0, Some(page), &[]),
        (5_000, Some(end), &[]),
        (65_000, Some(again), &[]),
        (71_999, None, &[]),
        (72_000, None, &["opened page"]),
    ];
    play("fresh silence", steps);
}

#[test]
fn everything_is_held_for_ten_seconds_after_a_start() {
    let mut world = World::over(MemoryGraph::default());
    world.run_to(1_000);
    world.incident(&revised(&critical(Verdict::HostOrCable), 600_000));
    world.run_to(9_999);
    assert_eq!(world.told(), Vec::<String>::new());
    world.run_to(10_000);
    assert_eq!(world.told(), ["opened page"]);
}

#[test]
fn no_revision_is_taken_after_a_higher_one() {
    let page = critical(Verdict::HostOrCable);
    let end = closed(&page, 5_000);
    play(
        "late first revision",
        &[(0, Some(end.clone()), &[]), (1, Some(page.clone()), &[]), (99_000, None, &[])],
    );
    let other = IncidentNews { closed: true, ..page.clone() };
    play("same number", &[(0, Some(page), &[]), (1, Some(other), &[]), (7_000, None, &["opened page"])]);
}

#[test]
fn clocks_that_jump_an_hour_change_no_hold_by_more_than_the_hold() {
    let mut ahead = critical(Verdict::HostOrCable);
    ahead.silent_since_ms = ahead.at_ms + 3_600_000;
    play("silence in the future", &[(0, Some(ahead), &[]), (10_000, None, &["opened page"])]);
    let unknown = IncidentNews { silent_since_ms: 0, ..critical(Verdict::HostOrCable) };
    play("silence unknown", &[(0, Some(unknown), &[]), (9_999, None, &[]), (10_000, None, &["opened page"])]);
}

/// One step of a random history: let time pass, then tell a revision of one of three incidents.
#[derive(Clone, Debug)]
struct Told {
    incident: u64,
    wait_ms: u64,
    verdict: Verdict,
    class: Class,
    silent: u32,
    closed: bool,
    page_never: bool,
    /// Added to the revision: 0 repeats it, -1 is late.
    step: i32,
}

fn any_told() -> impl Strategy<Value = Told> {
    let verdict = proptest::sample::select(Verdict::ALL);
    let class = proptest::sample::select(&[Class::Ephemeral, Class::Normal, Class::Critical][..]);
    let wait = prop_oneof![0u64..3_000, 0u64..30_000, 500_000u64..700_000];
    let flags = (proptest::bool::weighted(0.3), proptest::bool::weighted(0.1));
    (0u64..3, wait, verdict, class, 0u32..60, flags, -1i32..4).prop_map(
        |(incident, wait_ms, verdict, class, silent, (closed, page_never), step)| Told {
            incident,
            wait_ms,
            verdict,
            class,
            silent,
            closed,
            page_never,
            step,
        },
    )
}

fn tell(world: &mut World, told: &Told, revisions: &mut [u32; 3]) {
    world.run_to(world.now_ms + told.wait_ms);
    let revision = &mut revisions[told.incident as usize];
    let number = revision.saturating_add_signed(told.step).max(1);
    *revision = number.max(*revision);
    let at_ms = crate::testing::RELAY_MS + world.now_ms;
    let kind = if told.silent > 1 { SubjectKind::Switch } else { SubjectKind::Host };
    world.incident(&IncidentNews {
        id: IncidentId(told.incident),
        revision: number,
        alternatives: vec![alternative(told.verdict, kind, "x")],
        class: told.class,
        silent: told.silent,
        closed: told.closed,
        page_never: told.page_never,
        at_ms,
        opened_ms: at_ms,
        silent_since_ms: at_ms - 3_000,
        closed_ms: if told.closed { at_ms } else { 0 },
        ..host_incident(told.verdict)
    });
}

/// The laws, over all lines of one key.
fn check_key(lines: &[&PageLine], open_now: bool) {
    let (mut open, mut repaged_at): (bool, Option<u64>) = (false, None);
    for (at, line) in lines.iter().enumerate() {
        assert_ne!(line.severity, "log", "{line:?}");
        match (line.transition.as_str(), line.reason.as_str()) {
            ("opened", "opened") => assert_eq!(at, 0, "a first line is the first: {line:?}"),
            ("opened", "reopened") => assert!(!open && at > 0, "{line:?}"),
            ("opened", reason) => {
                assert!(
                    ["severity-rose", "grown"].contains(&reason) && at > 0,
                    "no reason to page again: {line:?}"
                );
                assert_eq!(line.severity, "page", "{line:?}");
            }
            ("closed", _) => assert!(open, "resolved without an open line: {line:?}"),
            other => panic!("unknown transition {other:?}"),
        }
        if at > 0 && line.transition == "opened" && line.severity == "page" {
            assert!(
                repaged_at.is_none_or(|before| line.at_ms - before >= 600_000),
                "paged again too soon: {line:?}"
            );
            repaged_at = Some(line.at_ms);
        }
        open = line.transition == "opened";
    }
    assert_eq!(open, open_now, "opens - resolves = open notified incidents");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn for_any_history_opens_minus_resolves_is_what_is_open_and_nobody_is_paged_twice_without_reason(
        history in proptest::collection::vec(any_told(), 1..40)
    ) {
        let mut world = World::settled();
        let mut revisions = [0; 3];
        for told in &history {
            tell(&mut world, told, &mut revisions);
        }
        world.run_to(world.now_ms + 2_000_000);
        let lines = world.lines();
        for doc in world.cma.incidents(world.now(), true).incidents {
            let own: Vec<&PageLine> = lines.iter().filter(|line| line.incident == doc.id).collect();
            check_key(&own, doc.notified);
            let pages = own.iter().filter(|line| line.transition == "opened" && line.severity == "page").count();
            assert_eq!(doc.pages as usize, pages);
            assert_eq!(doc.paged_ms > 0, pages > 0);
            if doc.state == "closed" {
                assert!(!doc.notified, "people still think that {} is open", doc.id);
            } else if doc.severity == "page" && !world_never(&world, &doc.id) {
                assert!(doc.notified, "an open page that nobody was told of: {doc:?}");
            }
        }
    }
}

/// Whether no page may leave for an incident any more.
fn world_never(world: &World, id: &str) -> bool {
    world.cma.incidents.iter().any(|incident| incident.news.id.to_string() == id && incident.news.page_never)
}

#[test]
fn holds_follow_the_config() {
    let holds = Holds { host: secs(1), wide: secs(30) };
    let mut config = crate::testing::config();
    config.holds = holds;
    let wall = ringmesh_proto::time::WallClock::default();
    let mut world = World::settled();
    world.cma = crate::cma::Cma::new(config, wall, MemoryGraph::default());
    let hello = crate::testing::hello("lab", 1, 9);
    world.event(crate::cma::Event::RelayConnected { stream: crate::relay::StreamId(1), hello });
    world.incident(&switch_incident(3));
    world.run_to(49_999);
    assert_eq!(world.told(), Vec::<String>::new());
    world.run_to(50_000);
    assert_eq!(world.told(), ["opened page"]);
}
