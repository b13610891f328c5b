//! Whoever looks at a run, in virtual time or in the lab: what is expected, and what was seen of it.

use std::collections::BTreeMap;
use std::time::Duration;

use ringmesh_cma_core::documents::{IncidentDoc, PageLine};

use super::expect::{Expectation, Moment, What};
use super::report::Failure;
use super::text::seconds;
use super::whole::not_whole;
use crate::model::{Account, Plan, World};

/// What can be seen of a run, whatever runs it.
pub trait Sight {
    /// The incidents that the CMA shows, open and closed; none while it does not run.
    fn incidents(&self) -> Vec<IncidentDoc>;
    /// Lines of severity page that opened an incident, so far.
    fn pages(&self) -> usize;
    /// What was sent so far but heartbeats: datagrams of all classes, or whatever is of one. `None` where nobody counts.
    fn sent(&self, class: Option<&str>) -> Option<u64>;
    /// Octets that crossed the WAN leg of a site so far. `None` where nobody counts.
    fn wan_bytes(&self, site: usize) -> Option<u64>;
    /// The number of the last event; 0 where events have none.
    fn event(&self) -> u64;
}

impl Sight for World {
    fn incidents(&self) -> Vec<IncidentDoc> {
        self.cma().map(|cma| cma.incidents(self.now(), true).incidents).unwrap_or_default()
    }

    fn pages(&self) -> usize {
        World::pages(self).iter().filter(|line| opens_a_page(line)).count()
    }

    fn sent(&self, class: Option<&str>) -> Option<u64> {
        let Some(class) = class else { return Some(self.account().control()) };
        let classes = self.classes();
        let of = classes.each().filter(|(known, purpose, _)| *known == class && !Account::is_beat(purpose));
        Some(of.map(|(_, _, count)| count).sum())
    }

    fn wan_bytes(&self, site: usize) -> Option<u64> {
        Some(World::wan_bytes(self, site))
    }

    fn event(&self) -> u64 {
        self.events()
    }
}

/// Whether a line of the notifier is a page that opens.
pub fn opens_a_page(line: &PageLine) -> bool {
    line.severity == "page" && line.transition == "opened"
}

/// When the moments are that expectations count from.
#[derive(Debug, Default)]
pub(super) struct Times(Vec<(Moment, Duration)>);

impl Times {
    pub(super) fn set(&mut self, moment: Moment, at: Duration) {
        self.0.push((moment, at));
    }

    fn of(&self, moment: Moment) -> Duration {
        self.0.iter().find(|(known, _)| *known == moment).map_or(Duration::ZERO, |(_, at)| *at)
    }
}

/// How far an expectation is.
#[derive(Debug, Default)]
struct Progress {
    over: bool,
    /// What was sent when counting began, of each thing that is counted.
    counted_from: Option<Vec<u64>>,
    /// Incidents that fitted before the moment after which one must, and still do.
    old: BTreeMap<String, Old>,
}

/// An incident that is no answer to what broke later: it had its verdict before.
#[derive(Debug)]
struct Old {
    /// How often it had come to it.
    turns: usize,
    closed: bool,
}

impl Old {
    fn of(incident: &IncidentDoc) -> Self {
        let verdicts: Vec<&str> = incident.revisions.iter().map(|one| one.verdict.as_str()).collect();
        let turns = verdicts.chunk_by(|one, next| one == next).filter(|turn| turn[0] == incident.verdict);
        Self { turns: turns.count(), closed: incident.state == "closed" }
    }

    /// Whether it is told anew now: it came to that verdict again, or was opened again.
    fn became(&mut self, incident: &IncidentDoc) -> bool {
        let before = std::mem::replace(self, Self::of(incident));
        self.turns > before.turns || (before.closed && !self.closed)
    }
}

/// Somebody who looks.
pub struct Judge<'a> {
    plan: &'a Plan,
    expect: Vec<(&'a Expectation, Progress)>,
    times: Times,
    /// Everything may be so much later than expected.
    slack: Duration,
    violated: Vec<String>,
    failures: Vec<Failure>,
    /// What nobody could judge here.
    unjudged: Vec<String>,
    /// Those the CMA shows at this moment; none while it does not run.
    shown: Vec<IncidentDoc>,
    /// Every incident that it ever showed, as it was last.
    incidents: BTreeMap<String, IncidentDoc>,
    pages_before: usize,
    pages: usize,
    ran: Duration,
}

/// What a judge saw.
#[derive(Debug)]
pub struct Judged {
    /// What was expected and was not so.
    pub failures: Vec<Failure>,
    /// What no run may do.
    pub violated: Vec<String>,
    /// What nobody could judge here.
    pub unjudged: Vec<String>,
    /// Every incident that the CMA ever showed, as it was last, in the order of their opening.
    pub incidents: Vec<IncidentDoc>,
    /// Lines of severity page that opened an incident.
    pub pages: usize,
    /// How long was looked.
    pub ran: Duration,
}

impl<'a> Judge<'a> {
    pub(super) fn new(plan: &'a Plan, expect: &'a [Expectation], times: Times, slack: Duration) -> Self {
        Self {
            plan,
            expect: expect.iter().map(|expect| (expect, Progress::default())).collect(),
            times,
            slack,
            violated: Vec::new(),
            failures: Vec::new(),
            unjudged: Vec::new(),
            shown: Vec::new(),
            incidents: BTreeMap::new(),
            pages_before: 0,
            pages: 0,
            ran: Duration::ZERO,
        }
    }

    /// Something happened that no run may do.
    pub fn violated(&mut self, what: String) {
        self.violated.push(what);
    }

    /// The scenario begins: what was before is not its.
    pub fn begin(&mut self, sight: &impl Sight) {
        self.pages_before = sight.pages();
    }

    /// A look, so long after the start has settled.
    pub fn look(&mut self, sight: &impl Sight, at: Duration) {
        self.ran = at;
        self.pages = sight.pages().saturating_sub(self.pages_before);
        self.shown = sight.incidents();
        for incident in &self.shown {
            match self.incidents.get_mut(&incident.id) {
                Some(known) if known == incident => {}
                Some(known) => known.clone_from(incident),
                None => drop(self.incidents.insert(incident.id.clone(), incident.clone())),
            }
        }
        let mut expect = std::mem::take(&mut self.expect);
        for (expectation, progress) in expect.iter_mut().filter(|(_, progress)| !progress.over) {
            if let Some(got) = self.judge(&expectation.what, progress, sight, at) {
                progress.over = true;
                self.fail(expectation, got, sight, at);
            }
        }
        self.expect = expect;
    }

    /// Whether it is expected that everything is as if nothing had been.
    pub fn wants_whole(&self) -> bool {
        self.whole().next().is_some()
    }

    /// It is not: so the last look says.
    pub fn not_whole(&mut self, wrong: &[String], sight: &impl Sight, at: Duration) {
        let whole: Vec<&Expectation> = self.whole().collect();
        if !wrong.is_empty() {
            whole.into_iter().for_each(|expect| self.fail(expect, wrong.join("; "), sight, at));
        }
    }

    fn whole(&self) -> impl Iterator<Item = &'a Expectation> {
        let whole = self.expect.iter().filter(|(expect, _)| matches!(expect.what, What::WholeAtEnd));
        whole.map(|(expect, _)| *expect)
    }

    /// The last look at a world, and what is only known then.
    pub(super) fn end(&mut self, plan: &Plan, world: &mut World, at: Duration) {
        if self.wants_whole() {
            let wrong = not_whole(plan, world);
            self.not_whole(&wrong, world, at);
        }
    }

    fn fail(&mut self, expectation: &Expectation, got: String, sight: &impl Sight, at: Duration) {
        let Expectation { line, what } = expectation;
        self.failures.push(Failure {
            expect: what.words(),
            line: *line,
            got,
            at: seconds(at),
            event: sight.event(),
        });
    }

    /// What is seen instead, if it is not so and cannot become so any more.
    fn judge(
        &mut self,
        what: &What,
        progress: &mut Progress,
        sight: &impl Sight,
        at: Duration,
    ) -> Option<String> {
        match what {
            What::Verdict { about, after, within, .. } => {
                if self.fits_anew(what, *after, &mut progress.old, at) {
                    progress.over = true;
                    return None;
                }
                let latest = self.times.of(*after) + *within + self.slack;
                (at >= latest).then(|| self.told_about(about.name(), &progress.old))
            }
            What::NothingAbout(names) => {
                let named = self.incidents.values().find(|one| names.iter().any(|name| is_about(one, name)));
                named.map(words)
            }
            What::IncidentsMax(most) => {
                (self.incidents.len() > *most).then(|| format!("{}: {}", self.incidents.len(), self.told()))
            }
            What::PagesMax(most) => {
                let pages = self.pages;
                (pages > *most).then(|| format!("{pages}: {}", self.told()))
            }
            What::DatagramsMax { most, class, after, within } => {
                let count = || sight.sent(class.as_deref()).map(|sent| vec![sent]);
                let counted = self.counted(what, (*after, *within), progress, at, count)?;
                let count = counted.first()?;
                (count > most).then(|| format!("{count} by {}", seconds(at)))
            }
            What::WanBytesMax { most, sites, after, within } => {
                let count = || sites.iter().map(|site| sight.wan_bytes(*site)).collect();
                let counted = self.counted(what, (*after, *within), progress, at, count)?;
                let (site, count) = sites.iter().zip(counted).find(|(_, count)| count > most)?;
                Some(format!("{count} of site {} by {}", self.plan.site_name(*site), seconds(at)))
            }
            What::WholeAtEnd => None,
        }
    }

    /// Whether an incident came to fit after the moment. What fitted before it is `old`, until it fits no more or is told
    /// anew: an earlier fault is no answer to a later one.
    fn fits_anew(&self, what: &What, after: Moment, old: &mut BTreeMap<String, Old>, at: Duration) -> bool {
        if at <= self.times.of(after) {
            let fitting = self.incidents.values().filter(|incident| what.fits(incident));
            *old = fitting.map(|incident| (incident.id.clone(), Old::of(incident))).collect();
            return false;
        }
        old.retain(|id, old| {
            self.incidents.get(id).is_some_and(|known| what.fits(known) && !old.became(known))
        });
        self.shown.iter().any(|incident| what.fits(incident) && !old.contains_key(&incident.id))
    }

    /// How much of each thing there was since counting began; `None` while it has not, or where nobody counts.
    fn counted(
        &mut self,
        what: &What,
        (after, within): (Moment, Option<Duration>),
        progress: &mut Progress,
        at: Duration,
        count: impl Fn() -> Option<Vec<u64>>,
    ) -> Option<Vec<u64>> {
        let from = self.times.of(after);
        if at < from {
            return None;
        }
        let Some(all) = count() else {
            progress.over = true;
            self.unjudged.push(what.words());
            return None;
        };
        let before = progress.counted_from.get_or_insert_with(|| all.clone());
        let since = all.iter().zip(before.iter()).map(|(all, before)| all.saturating_sub(*before)).collect();
        progress.over = within.is_some_and(|within| at >= from + within);
        Some(since)
    }

    fn told(&self) -> String {
        let told: Vec<String> = self.incidents.values().map(words).collect();
        if told.is_empty() { "no incident".into() } else { told.join("; ") }
    }

    fn told_about(&self, name: Option<&str>, old: &BTreeMap<String, Old>) -> String {
        let about =
            self.incidents.values().filter(|incident| name.is_some_and(|name| is_about(incident, name)));
        let told = |incident: &IncidentDoc| {
            let before = if old.contains_key(&incident.id) { ", so since before that moment" } else { "" };
            words(incident) + before
        };
        let about: Vec<String> = about.map(told).collect();
        if about.is_empty() {
            format!("nothing about it; all told: {}", self.told())
        } else {
            about.join("; ")
        }
    }

    /// All that was seen.
    pub fn close(self) -> Judged {
        let mut incidents: Vec<IncidentDoc> = self.incidents.into_values().collect();
        incidents.sort_by(|a, b| (a.opened_ms, &a.id).cmp(&(b.opened_ms, &b.id)));
        let Self { failures, violated, unjudged, pages, ran, .. } = self;
        Judged { failures, violated, unjudged, incidents, pages, ran }
    }
}

/// Whether an incident is about the thing of that name, or may be.
pub(super) fn is_about(incident: &IncidentDoc, name: &str) -> bool {
    let others = incident.alternatives.iter().map(|alternative| &alternative.subject);
    others.chain([&incident.subject]).any(|subject| subject.name == name)
}

fn words(incident: &IncidentDoc) -> String {
    let IncidentDoc { verdict, state, subject, behind, alternatives, .. } = incident;
    let several = if verdict == "Undetermined" {
        let each = alternatives.iter().map(|one| format!("{} {}", one.verdict, one.subject.name));
        format!(" ({})", each.collect::<Vec<_>>().join(" | "))
    } else {
        String::new()
    };
    format!("{verdict}{several} about {}, {state}, {} behind it", subject.name, behind.len())
}
