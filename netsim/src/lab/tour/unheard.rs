//! A step in which something breaks that nobody outside its site can hear of until the WAN is back.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use super::record::{self, Record, Seen, Target, verdicts};
use super::{POLL, Walker, millis};
use crate::lab::error::LabError;
use crate::lab::fault::now_ms;
use crate::lab::operator::Incident;
use crate::lab::script::{Fault, Step};

/// How long the site's own incident is waited for, so that it is never in a race with the other.
const SITE_MISSED_WITHIN: Duration = Duration::from_secs(15);
/// From the fault to the heal of the WAN: the site has judged by then, on its own.
const UNHEARD: Duration = Duration::from_secs(6);

impl Walker<'_> {
    pub(super) fn unheard(
        &mut self,
        step: &Step,
        fault: Fault,
        mut record: Record,
    ) -> Result<Record, LabError> {
        let (target, known, since_ms) = (self.target(step), self.known()?, now_ms());
        let cut = target.site.clone().unwrap_or_default();
        let site = Target { name: cut.clone(), kind: Some("site"), site: Some(cut.clone()) };
        self.progress.doing(&format!("{} {cut}, wait until it is missed", Fault::Wan.deed()));
        self.lab.break_it(Fault::Wan, &cut)?;
        self.wait_for(&site, &known, SITE_MISSED_WITHIN)?;
        self.progress.doing(&format!("{} {}, unheard", fault.deed(), target.name));
        let broken_ms = self.lab.break_it(fault, &target.name)?;
        let died = Instant::now();
        self.stop.sleep(UNHEARD)?;
        let early = self.wait_for(&target, &known, Duration::ZERO)?.is_some();
        self.progress.doing(&format!("heal the WAN of {cut}, wait for the news of {}", target.name));
        self.lab.heal(&cut)?;
        let heard = self.wait_for(&target, &known, millis(step.patience_ms))?;
        record.seconds = heard.map_or(-1.0, |heard| heard.as_secs_f64());
        self.stop.sleep(millis(step.broken_ms).saturating_sub(died.elapsed()))?;
        let before_heal = self.news(&known)?;
        self.progress.doing(&format!("heal {}, wait until all is calm", target.name));
        let healed_ms = now_ms();
        self.lab.heal(&target.name)?;
        let not_calm = self.wait_calm(&known)?;
        let seen = Seen { broken_ms, healed_ms, before_heal, not_calm, ..self.see(&known, since_ms)? };
        if early {
            record.problems.push(format!("{} was known while nothing could be heard of it", target.name));
        }
        Ok(judge(step, &[target, site], record, &seen))
    }

    /// How long it took until an incident about this was known; `None` if it never was.
    fn wait_for(
        &self,
        target: &Target,
        known: &BTreeSet<String>,
        patience: Duration,
    ) -> Result<Option<Duration>, LabError> {
        let start = Instant::now();
        loop {
            if self.news(known)?.iter().any(|incident| target.is_subject_of(incident)) {
                return Ok(Some(start.elapsed()));
            }
            if start.elapsed() >= patience {
                return Ok(None);
            }
            self.stop.sleep(POLL)?;
        }
    }
}

/// What became known of the two.
struct Told {
    /// Incidents about the subject.
    ours: Vec<Incident>,
    /// Incidents about its site, which was cut off.
    of_site: Vec<Incident>,
}

fn judge(step: &Step, [target, site]: &[Target; 2], mut record: Record, seen: &Seen) -> Record {
    let about = |target: &Target, all: &[Incident]| -> Vec<Incident> {
        all.iter().filter(|incident| target.is_subject_of(incident)).cloned().collect()
    };
    let told = Told { ours: about(target, &seen.after_heal), of_site: about(site, &seen.after_heal) };
    record.verdict = word(&about(target, &seen.before_heal));
    record.verdict_after_heal = word(&told.ours);
    let closed_ms = told.ours.first().and_then(|incident| incident.closed_ms).filter(|ms| *ms > 0);
    record.close_seconds = record::seconds(seen.healed_ms, closed_ms);
    record.false_verdicts = seen.after_heal.len() - told.ours.len() - told.of_site.len();
    record::count(&mut record, seen);
    if record.incidents_opened == 0 {
        record
            .problems
            .push(format!("no incident; {} was due within {:.1} s", record.expected, record.seconds_max));
    } else {
        let problems = problems(step, &record, &told, seen);
        record.problems.extend(problems);
    }
    record.problems.extend(seen.not_calm.clone());
    record.ok = record.problems.is_empty();
    record
}

fn word(incidents: &[Incident]) -> String {
    incidents.first().map(|incident| incident.verdict.clone()).unwrap_or_default()
}

/// The subject has one incident. Its site may have one of its own: it was cut off, no more.
fn problems(step: &Step, record: &Record, told: &Told, seen: &Seen) -> Vec<String> {
    let mut demands: Vec<(bool, String)> = verdicts(record).into();
    let (seconds, most) = (record.seconds, record.seconds_max);
    let known = format!("known {seconds:.2} s after the WAN was back, at most {most:.1} s");
    demands.push(((0.0..=most).contains(&seconds), known));
    let (ours, of_site) = (told.ours.len(), told.of_site.len());
    demands.push((ours == 1, format!("{ours} incidents about {} instead of 1", record.subject)));
    demands.push((of_site <= 1, format!("{of_site} incidents about its site instead of 1")));
    let site = word(&told.of_site);
    let cut = of_site == 0 || site == "SiteCut";
    demands.push((cut, format!("after the heal its site is {site} instead of SiteCut")));
    let others = record.false_verdicts;
    demands.push((others == 0, format!("{others} incidents about something else")));
    let open = seen.after_heal.iter().filter(|incident| !incident.is_closed()).count();
    demands.push((open == 0, format!("{open} incidents are not closed")));
    for incident in told.ours.iter().chain(&told.of_site) {
        let (opened, closed) = (paged(seen, incident, "opened"), paged(seen, incident, "closed"));
        let (name, most) = (&incident.subject.name, step.pages.1);
        demands.push((opened <= most, format!("{opened} pages about {name}, at most {most}")));
        demands.push((opened == closed, format!("{closed} pages closed of {opened} about {name}")));
    }
    demands.into_iter().filter(|(met, _)| !met).map(|(_, problem)| problem).collect()
}

fn paged(seen: &Seen, incident: &Incident, transition: &str) -> u32 {
    let pages = seen.pages.iter().filter(|page| page.severity == "page" && page.transition == transition);
    u32::try_from(pages.filter(|page| page.incident == incident.id).count()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::operator::{Named, PageLine};
    use crate::lab::script::TOUR;

    fn incident(id: &str, kind: &str, name: &str, verdict: &str, closed_ms: Option<u64>) -> Incident {
        Incident {
            id: id.into(),
            verdict: verdict.into(),
            state: if closed_ms.is_some() { "closed" } else { "open" }.into(),
            subject: Named { kind: kind.into(), id: name.into(), name: name.into() },
            path: vec!["s2".into()],
            closed_ms,
            ..Incident::default()
        }
    }

    fn page(incident: &str, transition: &str) -> PageLine {
        PageLine {
            severity: "page".into(),
            transition: transition.into(),
            incident: incident.into(),
            ..PageLine::default()
        }
    }

    fn good() -> Seen {
        Seen {
            broken_ms: 10_000,
            healed_ms: 24_000,
            before_heal: vec![incident("i-1", "host", "h10", "HostOrCable", None)],
            after_heal: vec![
                incident("i-1", "host", "h10", "HostDown", Some(28_500)),
                incident("i-2", "site", "s2", "SiteCut", Some(20_000)),
            ],
            pages: vec![
                page("i-1", "opened"),
                page("i-1", "closed"),
                page("i-2", "opened"),
                page("i-2", "closed"),
            ],
            ..Seen::default()
        }
    }

    fn judged(seen: &Seen, seconds: f64) -> Record {
        let step = TOUR.iter().find(|step| step.name == "host-dies-while-cut").unwrap();
        let target = |name: &str, kind| Target { name: name.into(), kind, site: Some("s2".into()) };
        let record = Record { seconds, ..record::begun(step, "h10", true) };
        judge(step, &[target("h10", None), target("s2", Some("site"))], record, seen)
    }

    #[test]
    fn the_host_and_its_site_may_each_have_one_incident_and_one_page() {
        let record = judged(&good(), 2.5);
        assert!(record.ok, "{:?}", record.problems);
        assert_eq!(
            (record.verdict.as_str(), record.verdict_after_heal.as_str()),
            ("HostOrCable", "HostDown")
        );
        assert_eq!((record.close_seconds, record.incidents_opened, record.pages), (4.5, 2, 2));
        assert_eq!(record.action, "break wan, break host");
    }

    #[test]
    fn whatever_is_not_as_wanted_fails_the_step_and_is_named() {
        type Spoil = fn(&mut Seen);
        let cases: &[(&str, Spoil)] = &[
            ("no verdict instead of HostOrCable", |s| s.before_heal.clear()),
            ("after the heal HostOrCable", |s| s.after_heal[0].verdict = "HostOrCable".into()),
            ("0 incidents about h10", |s| drop(s.after_heal.remove(0))),
            ("2 incidents about its site", |s| {
                s.after_heal.push(incident("i-3", "site", "s2", "SiteCut", Some(1)))
            }),
            ("after the heal its site is SiteDark", |s| s.after_heal[1].verdict = "SiteDark".into()),
            ("1 incidents about something else", |s| {
                s.after_heal.push(incident("i-3", "host", "h11", "HostDown", Some(1)));
            }),
            ("1 incidents are not closed", |s| s.after_heal[1].state = "open".into()),
            ("2 pages about h10", |s| s.pages.push(page("i-1", "opened"))),
            ("0 pages closed of 1 about s2", |s| drop(s.pages.pop())),
            ("never calm", |s| s.not_calm = Some("never calm".into())),
        ];
        for (want, spoil) in cases {
            let mut seen = good();
            spoil(&mut seen);
            let record = judged(&seen, 2.5);
            let named = record.problems.iter().any(|problem| problem.starts_with(want));
            assert!(!record.ok && named, "{want}: {:?}", record.problems);
        }
        assert!(judged(&good(), 10.5).problems[0].starts_with("known 10.50 s after"));
        assert!(!judged(&good(), -1.0).ok, "never known");
        let nothing = judged(&Seen::default(), -1.0);
        assert_eq!(nothing.problems, ["no incident; HostOrCable was due within 10.0 s"]);
    }
}
