//! Which open incident is about what in the picture.

use std::collections::{BTreeMap, BTreeSet};

use ringmesh_cma_core::documents::{IncidentDoc, Incidents, SubjectDoc, Tree};

/// An incident as it stands at one of its subjects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    /// `page`, `ticket` or `log`.
    pub(super) class: &'static str,
    pub(super) text: String,
}

/// Marks by site and id.
type Marked = BTreeMap<(String, String), Vec<Mark>>;

/// All marks.
#[derive(Debug, Default)]
pub(super) struct Marks {
    hosts: Marked,
    switches: Marked,
    relays: Marked,
    /// Hosts that a cause without a place of its own takes.
    taken: BTreeMap<(String, String), &'static str>,
    sites: BTreeMap<String, Vec<Mark>>,
    /// What is about nothing that is drawn.
    pub(super) elsewhere: Vec<Mark>,
    /// How many incidents there are.
    pub(super) open: usize,
}

impl Marks {
    /// Of open incidents, at what the tree shows.
    pub(super) fn of(tree: &Tree, incidents: &Incidents) -> Self {
        let known = Known::of(tree);
        let mut marks = Self::default();
        for incident in incidents.incidents.iter().filter(|incident| incident.state == "open") {
            marks.open += 1;
            let mut subjects: Vec<&SubjectDoc> = vec![&incident.subject];
            let others = incident.alternatives.iter().map(|alternative| &alternative.subject);
            for subject in others {
                if !subjects.contains(&subject) {
                    subjects.push(subject);
                }
            }
            subjects.iter().for_each(|subject| marks.add(&known, incident, subject));
        }
        marks
    }

    fn add(&mut self, known: &Known, incident: &IncidentDoc, subject: &SubjectDoc) {
        let class = class_of(&incident.severity);
        let verdict = verdict_about(incident, subject);
        let name = if subject.name.is_empty() { &subject.id } else { &subject.name };
        let mark = |text: String| Mark { class, text };
        let key = (incident.site.clone(), subject.id.clone());
        match subject.kind.as_str() {
            "host" if known.hosts.contains(&key) => {
                self.hosts.entry(key).or_default().push(mark(format!("{name}: {verdict}")));
            }
            "switch" if known.switches.contains(&key) => {
                self.switches.entry(key).or_default().push(mark(verdict));
            }
            "site" if known.sites.contains(&subject.id) => {
                self.sites.entry(subject.id.clone()).or_default().push(mark(verdict));
            }
            "relay" if known.relay(incident, subject).is_some() => {
                let key = known.relay(incident, subject).unwrap_or(key);
                let text = format!("relay {}: {verdict}", key.1);
                self.relays.entry(key).or_default().push(mark(text));
            }
            "set" if subject.id != "cma" && known.sites.contains(&incident.site) => {
                for host in &incident.behind {
                    self.taken.insert((incident.site.clone(), host.clone()), class);
                }
                self.sites.entry(incident.site.clone()).or_default().push(mark(format!("{verdict}: {name}")));
            }
            "set" if subject.id == "cma" => self.elsewhere.push(mark(format!("{verdict}: this CMA"))),
            kind => self.elsewhere.push(mark(format!("{verdict}: {kind} {name}"))),
        }
    }

    pub(super) fn host(&self, site: &str, host: &str) -> &[Mark] {
        at(&self.hosts, site, host)
    }

    pub(super) fn switch(&self, site: &str, id: &str) -> &[Mark] {
        at(&self.switches, site, id)
    }

    pub(super) fn relay(&self, site: &str, id: u8) -> &[Mark] {
        at(&self.relays, site, &id.to_string())
    }

    pub(super) fn site(&self, site: &str) -> &[Mark] {
        self.sites.get(site).map_or(&[], Vec::as_slice)
    }

    /// The colour of a host: of an incident about it, or about a set that it is in.
    pub(super) fn host_class(&self, site: &str, host: &str) -> Option<&'static str> {
        let own = worst(self.host(site, host));
        own.or_else(|| self.taken.get(&(site.to_owned(), host.to_owned())).copied())
    }
}

fn at<'a>(marked: &'a Marked, site: &str, id: &str) -> &'a [Mark] {
    marked.get(&(site.to_owned(), id.to_owned())).map_or(&[], Vec::as_slice)
}

/// The class of the severest of several marks.
pub(super) fn worst(marks: &[Mark]) -> Option<&'static str> {
    let severities = ["page", "ticket", "log"].into_iter();
    severities.into_iter().find(|class| marks.iter().any(|mark| mark.class == *class))
}

fn class_of(severity: &str) -> &'static str {
    match severity {
        "page" => "page",
        "ticket" => "ticket",
        _ => "log",
    }
}

/// What an incident says of one of its subjects.
fn verdict_about(incident: &IncidentDoc, subject: &SubjectDoc) -> String {
    if incident.verdict != "Undetermined" {
        return incident.verdict.clone();
    }
    let about = incident.alternatives.iter().filter(|alternative| alternative.subject == *subject);
    let verdicts: BTreeSet<&str> = about.map(|alternative| alternative.verdict.as_str()).collect();
    format!("Undetermined ({}?)", Vec::from_iter(verdicts).join("|"))
}

/// What the tree shows, by site and id.
#[derive(Default)]
struct Known {
    sites: BTreeSet<String>,
    hosts: BTreeSet<(String, String)>,
    switches: BTreeSet<(String, String)>,
    relays: BTreeSet<(String, String)>,
}

impl Known {
    fn of(tree: &Tree) -> Self {
        let mut known = Self::default();
        for site in &tree.sites {
            let key = |id: &str| (site.id.clone(), id.to_owned());
            known.sites.insert(site.id.clone());
            known.hosts.extend(site.hosts.iter().map(|host| key(&host.id)));
            known.switches.extend(site.switches.iter().map(|switch| key(&switch.id)));
            known.relays.extend(site.relays.iter().map(|relay| key(&relay.id.to_string())));
        }
        known
    }

    /// A relay goes by its number, as `r1`, or as `SITE/r1` where another site speaks of it.
    fn relay(&self, incident: &IncidentDoc, subject: &SubjectDoc) -> Option<(String, String)> {
        [&subject.id, &subject.name].into_iter().find_map(|id| {
            let (site, id) = id.rsplit_once('/').unwrap_or((&incident.site, id));
            let key = (site.to_owned(), id.strip_prefix('r').unwrap_or(id).to_owned());
            self.relays.contains(&key).then_some(key)
        })
    }
}
