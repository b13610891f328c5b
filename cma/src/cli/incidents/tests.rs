use ringmesh_cma_core::documents::{RevisionDoc, RuledOutDoc};

use super::*;
use crate::cli::paint::WIDTH;

fn paint() -> Paint {
    Paint { color: false, now_ms: 1_700_000_240_000 }
}

fn switch() -> SubjectDoc {
    SubjectDoc { kind: "switch".into(), id: "02:00:00:00:01:01".into(), name: "tor-7".into() }
}

fn incident() -> IncidentDoc {
    let alternative =
        |verdict: &str, permille| AlternativeDoc { verdict: verdict.into(), subject: switch(), permille };
    let revision =
        |at_ms, verdict: &str, why: &str| RevisionDoc { at_ms, verdict: verdict.into(), why: why.into() };
    IncidentDoc {
        id: "00ab12cd34ef5678".into(),
        verdict: "SwitchDown|UplinkCut".into(),
        state: "open".into(),
        severity: "page".into(),
        subject: switch(),
        alternatives: vec![alternative("SwitchDown", 750), alternative("UplinkCut", 250)],
        silent_since_ms: 1_700_000_000_000,
        opened_ms: 1_700_000_003_400,
        paged_ms: 1_700_000_005_400,
        closed_ms: 0,
        revisions: vec![revision(1_700_000_003_400, "SwitchDown|UplinkCut", "all 24 members silent at once")],
        behind: (1..=24).map(|n| format!("host-{n}")).collect(),
        witnesses: vec!["r1".into(), "host-31".into()],
        pages: 1,
        path: vec!["fra1".into()],
        site: "fra1".into(),
        silent: 24,
        notified: true,
    }
}

fn ruled_out(what: &str, by: &str) -> RuledOutDoc {
    RuledOutDoc { what: what.into(), by: by.into() }
}

fn explained() -> Explain {
    Explain {
        schema: 1,
        incident: incident(),
        seen: vec!["host-1 to host-24 were heard last within 900 ms".into()],
        ruled_out: vec![
            ruled_out("the site's core", "host-31 on tor-8 is heard"),
            ruled_out("switch tor-8", "r1"),
            ruled_out("the fabric of the site", "host-31"),
            ruled_out("the uplink of tor-8", "r1"),
        ],
        would_settle: vec!["flight recorders at heal".into()],
    }
}

#[test]
fn an_explanation_starts_with_verdict_subject_and_time_and_fits_eighty_columns() {
    let text = explain(&paint(), &explained());
    let want = "\
OPEN PAGE  SwitchDown|UplinkCut  switch tor-7, site fra1
  silent since 2023-11-14 22:13:20 UTC (4 min ago)
  opened after 3 s, paged at 22:13:25; id 00ab12cd34ef5678
  24 hosts behind it (24 silent): host-1 host-2 host-3 host-4 host-5 host-6
                                  host-7 host-8 host-9 host-10 host-11 host-12
                                  host-13 host-14 host-15 host-16 host-17
                                  host-18 host-19 host-20 host-21 host-22
                                  host-23 host-24

What it may be
  - SwitchDown of switch tor-7: the switch forwards nothing (about 3 : 1)
  - UplinkCut of switch tor-7: the switch lives, but nothing passes its uplink
    (about 1 : 3)

What was seen
  - host-1 to host-24 were heard last within 900 ms
  witnesses: r1 host-31

What it is not
  - the site's core: host-31 on tor-8 is heard
  - switch tor-8, the uplink of tor-8: r1 saw them work
  - the fabric of the site: host-31 saw it work

What would settle the rest
  - flight recorders at heal

History
  22:13:23  SwitchDown|UplinkCut: all 24 members silent at once
";
    assert_eq!(text, want);
    assert!(text.lines().all(|line| line.chars().count() <= WIDTH));
}

#[test]
fn colour_adds_nothing_but_colour() {
    let plain = explain(&paint(), &explained());
    let colored = explain(&Paint { color: true, ..paint() }, &explained());
    let mut stripped = String::new();
    let mut inside = false;
    for c in colored.chars() {
        match c {
            '\u{1b}' => inside = true,
            'm' if inside => inside = false,
            c if !inside => stripped.push(c),
            _ => {}
        }
    }
    assert_ne!(colored, plain);
    assert_eq!(stripped, plain);
}

#[test]
fn a_list_tells_open_and_closed_ones_apart_by_word() {
    let closed = IncidentDoc { state: "closed".into(), closed_ms: 1_700_000_092_000, ..incident() };
    let both = Incidents { schema: 1, incidents: vec![incident(), closed] };
    let text = list(&paint(), &both, true);
    assert!(text.contains("OPEN PAGE  SwitchDown|UplinkCut  switch tor-7, site fra1"), "{text}");
    assert!(text.contains("closed PAGE"), "{text}");
    assert!(text.contains("2023-11-14 22:13:20 UTC, for 1 min 32 s; id 00ab12cd34ef5678"), "{text}");
    let none = Incidents { schema: 1, incidents: vec![] };
    assert_eq!(
        list(&paint(), &none, false),
        "no open incident; ringmesh incidents --all shows closed ones\n"
    );
}

#[test]
fn of_a_moment_those_are_told_that_were_open_then_as_they_were_judged_then() {
    let revisions = [(1_000, "SwitchDown|UplinkCut"), (5_000, "SwitchDown")]
        .map(|(at_ms, verdict)| RevisionDoc { at_ms, verdict: verdict.into(), why: String::new() });
    let open = IncidentDoc { opened_ms: 1_000, revisions: revisions.into(), ..incident() };
    let closed = IncidentDoc { state: "closed".into(), closed_ms: 9_000, ..open.clone() };
    let all = Incidents { schema: 1, incidents: vec![open, closed] };
    let cases: [(u64, &[&str]); 4] = [
        (999, &[]),
        (1_000, &["SwitchDown|UplinkCut", "SwitchDown|UplinkCut"]),
        (8_999, &["SwitchDown", "SwitchDown"]),
        (9_000, &["SwitchDown"]),
    ];
    for (at_ms, want) in cases {
        let then = open_at(&all, at_ms).incidents;
        let verdicts: Vec<&str> = then.iter().map(|incident| incident.verdict.as_str()).collect();
        assert_eq!(verdicts, want, "{at_ms}");
        assert!(then.iter().all(|incident| incident.state == "open"), "{at_ms}");
    }
}

/// Verdict, kind and name of its subject, its share.
type Cause = (&'static str, &'static str, &'static str, u16);

/// An incident of a site, as the CMA finds it itself.
fn of_site(verdict: &str, alternatives: &[Cause]) -> Explain {
    let alternatives: Vec<AlternativeDoc> = alternatives
        .iter()
        .map(|(verdict, kind, name, permille)| {
            let subject = SubjectDoc { kind: (*kind).into(), id: (*name).into(), name: (*name).into() };
            AlternativeDoc { verdict: (*verdict).into(), subject, permille: *permille }
        })
        .collect();
    let found = IncidentDoc {
        verdict: verdict.into(),
        subject: alternatives[0].subject.clone(),
        alternatives,
        revisions: vec![RevisionDoc {
            at_ms: 1_700_000_009_000,
            verdict: verdict.into(),
            why: "neither this CMA nor ber1/r1 and lon1/r1 hear it".into(),
        }],
        behind: vec![],
        silent: 0,
        witnesses: vec!["ber1/r1".into(), "lon1/r1".into()],
        path: vec![],
        ..incident()
    };
    Explain {
        incident: found,
        seen: vec![
            "nothing comes from fra1/r1 since 2023-11-14 22:13:20 UTC".into(),
            "ber1/r1 and lon1/r1 hear nothing of it either".into(),
        ],
        ruled_out: vec![ruled_out("CmaCut", "ber1/r1 and lon1/r1 speak with this CMA")],
        would_settle: vec!["a look at the power and at the WAN line of the site".into()],
        ..explained()
    }
}

#[test]
fn a_site_that_nobody_hears_is_told_in_words_that_help_at_night() {
    let lost =
        of_site("SiteCut|SiteDark", &[("SiteCut", "site", "fra1", 500), ("SiteDark", "site", "fra1", 500)]);
    let want = "\
OPEN PAGE  SiteCut|SiteDark  site fra1
  silent since 2023-11-14 22:13:20 UTC (4 min ago)
  opened after 3 s, paged at 22:13:25; id 00ab12cd34ef5678

What it may be
  - SiteCut of site fra1: the site lives, and cannot be reached (about 1 : 1)
  - SiteDark of site fra1: the site has no power (about 1 : 1)

What was seen
  - nothing comes from fra1/r1 since 2023-11-14 22:13:20 UTC
  - ber1/r1 and lon1/r1 hear nothing of it either
  witnesses: ber1/r1 lon1/r1

What it is not
  - CmaCut: ber1/r1 and lon1/r1 speak with this CMA

What would settle the rest
  - a look at the power and at the WAN line of the site

History
  22:13:29  SiteCut|SiteDark: neither this CMA nor ber1/r1 and lon1/r1 hear it
";
    assert_eq!(explain(&paint(), &lost), want);
}

#[test]
fn what_a_site_verdict_is_about_is_said_once() {
    let cases: [(&str, &[Cause], &str); 4] = [
        ("RelayDown", &[("RelayDown", "relay", "fra1/r1", 1_000)], "RelayDown  relay fra1/r1"),
        ("CmaCut", &[("CmaCut", "set", "cma", 1_000)], "CmaCut  this CMA"),
        ("SiteCut", &[("SiteCut", "site", "fra1", 1_000)], "SiteCut  site fra1"),
        (
            "Undetermined",
            &[
                ("SiteCut", "site", "fra1", 334),
                ("SiteDark", "site", "fra1", 333),
                ("CmaCut", "set", "cma", 333),
            ],
            "Undetermined  site fra1 or this CMA",
        ),
    ];
    for (verdict, alternatives, want) in cases {
        let text = explain(&paint(), &of_site(verdict, alternatives));
        assert_eq!(text.lines().next(), Some(format!("OPEN PAGE  {want}").as_str()));
        assert_eq!(text.contains("about "), alternatives.len() > 1, "{text}");
        assert!(text.lines().all(|line| line.chars().count() <= WIDTH), "{text}");
    }
}

#[test]
fn what_is_over_and_certain_leaves_nothing_to_settle() {
    let mut told = of_site("SiteCut", &[("SiteCut", "site", "fra1", 1_000)]);
    assert!(explain(&paint(), &told).contains("What would make it sure"));
    told.incident.state = "closed".into();
    assert!(!explain(&paint(), &told).contains("What would"));
}

#[test]
fn a_step_of_another_day_says_which() {
    let mut told = explained();
    told.incident.revisions.push(RevisionDoc {
        at_ms: 1_700_090_000_000,
        verdict: "SwitchDown".into(),
        why: "24 hosts have booted meanwhile".into(),
    });
    let text = explain(&paint(), &told);
    assert!(text.contains("\n  2023-11-15 23:13:20  SwitchDown: 24 hosts have booted meanwhile\n"), "{text}");
}
