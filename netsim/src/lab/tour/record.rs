//! What one step of a tour measured, and whether it is what was wanted. Pure.

use serde::Serialize;

use crate::lab::operator::{Incident, PageLine};
use crate::lab::script::{Action, Fault, Step};

/// A tour, as `tour.json` has it.
#[derive(Clone, Debug, Serialize)]
pub struct Tour {
    /// Of this shape.
    pub schema: u32,
    /// Number of sites.
    pub sites: u32,
    /// Number of switches.
    pub switches: u32,
    /// Number of hosts.
    pub hosts: u32,
    /// Whether every step is.
    pub ok: bool,
    /// In the order they were made.
    pub steps: Vec<Record>,
}

/// One step of a tour.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Record {
    /// Of the step.
    pub name: String,
    /// What was done.
    pub action: String,
    /// To whom.
    pub subject: String,
    /// The verdict due while it was broken.
    pub expected: String,
    /// The verdict it had.
    pub verdict: String,
    /// The verdict due at the end.
    pub expected_after_heal: String,
    /// The verdict it was closed with.
    pub verdict_after_heal: String,
    /// From the fault to the incident opened at the CMA; -1 where nothing was opened.
    pub seconds: f64,
    /// The most it may be; 0 where nothing is measured.
    pub seconds_max: f64,
    /// From the heal to the incident closed; -1 where it was not.
    pub close_seconds: f64,
    /// Incidents opened during the step.
    pub incidents_opened: usize,
    /// Pages opened by the notifier during the step.
    pub pages: usize,
    /// Incidents of the step that were closed.
    pub closings: usize,
    /// Incidents about something else.
    pub false_verdicts: usize,
    /// Whether all of it is as wanted.
    pub ok: bool,
    /// What is not.
    pub problems: Vec<String>,
    /// Ids of its incidents, for `ringmesh explain`.
    pub incidents: Vec<String>,
}

/// What was seen of one fault.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    /// Milliseconds since the epoch, just before the fault.
    pub broken_ms: u64,
    /// Milliseconds since the epoch, just before the heal.
    pub healed_ms: u64,
    /// Incidents that were not there before the fault, as they stood just before the heal.
    pub before_heal: Vec<Incident>,
    /// The same and later ones, when all was calm again.
    pub after_heal: Vec<Incident>,
    /// What the notifier said of them.
    pub pages: Vec<PageLine>,
    /// Hosts that must stand behind the incident.
    pub behind: Vec<String>,
    /// Why it was not calm in time.
    pub not_calm: Option<String>,
}

/// What a step is about, as its incident names it.
#[derive(Clone, Debug)]
pub(super) struct Target {
    /// In the lab.
    pub name: String,
    /// The kind an incident must call it; `None` where the name tells enough.
    pub kind: Option<&'static str>,
    /// The site it is in, or is.
    pub site: Option<String>,
}

impl Target {
    /// Whether an incident is about it. A relay may go by its site's name and a number.
    pub(super) fn is_subject_of(&self, incident: &Incident) -> bool {
        let Some(kind) = self.kind else { return incident.subject.is(&self.name) };
        let names_site = || self.site.as_ref().is_some_and(|site| incident.names(site));
        incident.subject.kind == kind && (incident.names(&self.name) || names_site())
    }
}

/// How far the wall time of two processes of this machine may differ.
const CLOCK_MS: u64 = 20;

/// Seconds of a measured span; -1 for one that never ended.
pub(super) fn seconds(from_ms: u64, to_ms: Option<u64>) -> f64 {
    to_ms.map_or(-1.0, |to| (to as f64 - from_ms as f64) / 1000.0)
}

/// A record with everything that is known before the step.
pub(super) fn begun(step: &Step, subject: &str, proved: bool) -> Record {
    let action = match step.action {
        Action::Form => "up".into(),
        Action::Quiet => "wait".into(),
        Action::Break(fault) | Action::Restart(fault) => format!("break {}", fault.word()),
        Action::BreakUnheard(fault) => format!("break {}, break {}", Fault::Wan.word(), fault.word()),
    };
    Record {
        name: step.name.into(),
        action,
        subject: subject.into(),
        expected: step.expected_with(proved).into(),
        expected_after_heal: step.expected_after_heal.into(),
        seconds: -1.0,
        seconds_max: f64::from(step.within_ms) / 1000.0,
        close_seconds: -1.0,
        ..Record::default()
    }
}

/// Judges a step that broke and healed something.
pub(super) fn judge_fault(step: &Step, target: &Target, mut record: Record, seen: &Seen) -> Record {
    let about = |incident: &&Incident| target.is_subject_of(incident);
    let early = seen.before_heal.iter().find(about);
    let late = seen.after_heal.iter().find(about);
    let opened_ms = early.or(late).map(|incident| incident.opened_ms);
    let closed_ms = late.and_then(|incident| incident.closed_ms).filter(|ms| *ms > 0);
    let false_verdicts = seen.after_heal.iter().filter(|incident| !about(incident)).count();
    let behind = early.map(|incident| incident.behind.clone());
    record.verdict = early.map(|incident| incident.verdict.clone()).unwrap_or_default();
    record.verdict_after_heal = late.map(|incident| incident.verdict.clone()).unwrap_or_default();
    // Two processes read the clock, each to the millisecond: what is opened at once may seem opened before.
    let opened_ms =
        opened_ms.map(|ms| if ms + CLOCK_MS >= seen.broken_ms { ms.max(seen.broken_ms) } else { ms });
    record.seconds = seconds(seen.broken_ms, opened_ms);
    record.close_seconds = seconds(seen.healed_ms, closed_ms);
    record.false_verdicts = false_verdicts;
    count(&mut record, seen);
    record.problems = fault_problems(step, &record, seen, behind.as_deref());
    record.ok = record.problems.is_empty();
    record
}

/// Judges a step in which nothing at all was to be told.
pub(super) fn judge_calm(mut record: Record, seen: &Seen, late: Option<String>) -> Record {
    count(&mut record, seen);
    record.false_verdicts = seen.after_heal.len();
    record.problems.extend(late);
    record.problems.extend(seen.not_calm.clone());
    for incident in &seen.after_heal {
        record
            .problems
            .push(format!("an incident of nothing: {} {}", incident.verdict, incident.subject.name));
    }
    if record.pages > 0 {
        record.problems.push(format!("{} pages of nothing", record.pages));
    }
    record.ok = record.problems.is_empty();
    record
}

pub(super) fn count(record: &mut Record, seen: &Seen) {
    record.incidents = seen.after_heal.iter().map(|incident| incident.id.clone()).collect();
    record.incidents_opened = seen.after_heal.len();
    record.closings = seen.after_heal.iter().filter(|incident| incident.is_closed()).count();
    record.pages = paged(seen, "opened");
}

fn paged(seen: &Seen, transition: &str) -> usize {
    seen.pages.iter().filter(|page| page.severity == "page" && page.transition == transition).count()
}

fn fault_problems(step: &Step, record: &Record, seen: &Seen, behind: Option<&[String]>) -> Vec<String> {
    if record.incidents_opened == 0 {
        let due = format!("no incident; {} was due within {:.1} s", record.expected, record.seconds_max);
        return std::iter::once(due).chain(seen.not_calm.clone()).collect();
    }
    let mut problems = Vec::new();
    let mut demand = |met: bool, problem: String| {
        if !met {
            problems.push(problem);
        }
    };
    for (met, problem) in verdicts(record) {
        demand(met, problem);
    }
    demand(
        (0.0..=record.seconds_max).contains(&record.seconds),
        format!("opened after {:.2} s, at most {:.1} s", record.seconds, record.seconds_max),
    );
    demand(record.incidents_opened == 1, format!("{} incidents instead of 1", record.incidents_opened));
    demand(record.closings == 1, format!("{} closings instead of 1", record.closings));
    demand(record.false_verdicts == 0, format!("{} incidents about something else", record.false_verdicts));
    let (least, most) = step.pages;
    let pages = u32::try_from(record.pages).unwrap_or(u32::MAX);
    let wanted = if least == most { most.to_string() } else { format!("{least} to {most}") };
    demand((least..=most).contains(&pages), format!("{pages} pages instead of {wanted}"));
    let taken_back = paged(seen, "closed");
    demand(taken_back == record.pages, format!("{taken_back} pages closed of {}", record.pages));
    if let Some(behind) = behind {
        let absent: Vec<&str> =
            seen.behind.iter().filter(|host| !behind.contains(host)).map(String::as_str).collect();
        demand(absent.is_empty(), format!("not listed behind it: {}", absent.join(" ")));
    }
    problems.extend(seen.not_calm.clone());
    problems
}

/// The two verdicts: whether each is the one that is due, and what to say if not.
pub(super) fn verdicts(record: &Record) -> [(bool, String); 2] {
    let said = |word: &str| if word.is_empty() { "no verdict".to_string() } else { word.to_string() };
    let (early, late) = (&record.verdict, &record.verdict_after_heal);
    [
        (*early == record.expected, format!("{} instead of {}", said(early), record.expected)),
        (
            *late == record.expected_after_heal,
            format!("after the heal {} instead of {}", said(late), record.expected_after_heal),
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::operator::Named;
    use crate::lab::script::TOUR;

    fn step(name: &str) -> &'static Step {
        TOUR.iter().find(|step| step.name == name).unwrap()
    }

    fn incident(verdict: &str, subject: &str, closed_ms: Option<u64>) -> Incident {
        Incident {
            id: "i-1".into(),
            verdict: verdict.into(),
            state: if closed_ms.is_some() { "closed" } else { "open" }.into(),
            subject: Named { name: subject.into(), ..Named::default() },
            opened_ms: 13_600,
            closed_ms,
            behind: vec!["h5".into(), "h6".into()],
            ..Incident::default()
        }
    }

    fn page(transition: &str) -> PageLine {
        PageLine { severity: "page".into(), transition: transition.into(), ..PageLine::default() }
    }

    fn good() -> Seen {
        Seen {
            broken_ms: 10_000,
            healed_ms: 20_000,
            before_heal: vec![incident("SwitchDown", "sw2", None)],
            after_heal: vec![incident("SwitchDown", "sw2", Some(24_500))],
            pages: vec![page("opened"), page("closed")],
            behind: vec!["h5".into(), "h6".into()],
            not_calm: None,
        }
    }

    fn judged(seen: &Seen) -> Record {
        judge_fault(
            step("switch-down"),
            &target("sw2", None, "lab"),
            begun(step("switch-down"), "sw2", true),
            seen,
        )
    }

    fn target(name: &str, kind: Option<&'static str>, site: &str) -> Target {
        Target { name: name.into(), kind, site: Some(site.into()) }
    }

    #[test]
    fn a_site_and_its_relay_are_told_apart_by_kind_and_found_by_the_name_of_the_site() {
        let about = |kind: &str, id: &str, name: &str| Incident {
            subject: Named { kind: kind.into(), id: id.into(), name: name.into() },
            path: vec!["s2".into()],
            ..Incident::default()
        };
        let incidents =
            [about("site", "s2", "s2"), about("relay", "s2/1", "relay 1"), about("host", "s2/h9", "h9")];
        let found = |target: &Target| -> Vec<bool> {
            incidents.iter().map(|incident| target.is_subject_of(incident)).collect()
        };
        assert_eq!(found(&target("s2", Some("site"), "s2")), [true, false, false]);
        assert_eq!(found(&target("r2", Some("relay"), "s2")), [false, true, false]);
        assert_eq!(found(&target("h9", None, "s2")), [false, false, true]);
        assert_eq!(found(&target("r1", Some("relay"), "s1")), [false, false, false]);
    }

    #[test]
    fn a_step_is_good_with_one_incident_one_page_one_closing_and_its_times_are_from_the_fault_and_the_heal() {
        let record = judged(&good());
        assert!(record.ok, "{:?}", record.problems);
        assert_eq!((record.seconds, record.close_seconds), (3.6, 4.5));
        assert_eq!(
            (record.incidents_opened, record.pages, record.closings, record.false_verdicts),
            (1, 1, 1, 0)
        );
    }

    #[test]
    fn whatever_is_not_as_wanted_fails_the_step_and_is_named() {
        type Spoil = fn(&mut Seen);
        let cases: &[(&str, Spoil)] = &[
            ("SwitchDown|UplinkCut instead", |s| s.before_heal[0].verdict = "SwitchDown|UplinkCut".into()),
            ("no verdict instead", |s| s.before_heal.clear()),
            ("no incident; SwitchDown was due within 5.0 s", |s| {
                s.before_heal.clear();
                s.after_heal.clear();
            }),
            ("after the heal UplinkCut", |s| s.after_heal[0].verdict = "UplinkCut".into()),
            ("opened after 9.60 s", |s| s.before_heal[0].opened_ms = 19_600),
            ("opened after -0.10 s", |s| s.before_heal[0].opened_ms = 9_900),
            ("2 incidents", |s| s.after_heal.push(incident("HostOrCable", "h5", Some(1)))),
            ("1 incidents about something else", |s| {
                s.after_heal.push(incident("HostOrCable", "h5", Some(1)))
            }),
            ("0 closings", |s| s.after_heal[0].state = "open".into()),
            ("0 pages", |s| s.pages.clear()),
            ("2 pages", |s| s.pages.push(page("opened"))),
            ("0 pages closed", |s| drop(s.pages.pop())),
            ("not listed behind it: h7", |s| s.behind.push("h7".into())),
            ("never calm", |s| s.not_calm = Some("never calm".into())),
        ];
        for (want, spoil) in cases {
            let mut seen = good();
            spoil(&mut seen);
            let record = judged(&seen);
            assert!(
                !record.ok && record.problems.iter().any(|p| p.starts_with(want)),
                "{want}: {:?}",
                record.problems
            );
        }
    }

    #[test]
    fn a_ticket_is_no_page_and_nothing_may_be_told_in_a_quiet_step() {
        let ticket = PageLine { severity: "ticket".into(), ..page("opened") };
        let quiet = |seen: &Seen| judge_calm(begun(step("quiet"), "lab", true), seen, None);
        assert!(quiet(&Seen { pages: vec![ticket], ..Seen::default() }).ok);
        assert!(!quiet(&Seen { pages: vec![page("opened")], ..Seen::default() }).ok);
        assert!(
            !quiet(&Seen { after_heal: vec![incident("HostSlow", "h1", Some(1))], ..Seen::default() }).ok
        );
    }

    #[test]
    fn the_report_has_every_field_of_the_contract() {
        let json = serde_json::to_value(judged(&good())).unwrap();
        for field in [
            "name",
            "action",
            "subject",
            "expected",
            "verdict",
            "expected_after_heal",
            "verdict_after_heal",
            "seconds",
            "seconds_max",
            "close_seconds",
            "incidents_opened",
            "pages",
            "closings",
            "false_verdicts",
            "ok",
        ] {
            assert!(json.get(field).is_some(), "{field}");
        }
    }
}
