//! Incidents with all their revisions.
//!
//! An incident arrives whole with each revision; the newest revision counts, and what the earlier ones said
//! stays as history. A lower revision never replaces a higher one, whatever the order of arrival.

use std::collections::{BTreeMap, BTreeSet};

use ringmesh_proto::keep::Keep;
use ringmesh_proto::news::{Alternative, IncidentNews, SubjectKind};
use ringmesh_topology::id::{IncidentId, Name, RelayId};
use ringmesh_topology::verdict::{Impact, Severity, Verdict, severity};
use serde::{Deserialize, Serialize};

use crate::graph::Source;
use crate::records::{self, revision_key};

/// How many closed incidents are kept; the ones closed longest ago go first.
pub const CLOSED_MAX: usize = 10_000;
/// How many revisions of one incident are kept; its first and its newest always are.
pub const REVISIONS_MAX: usize = 256;

/// One step of the history.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revision {
    /// Its number.
    pub number: u32,
    /// When it was made, in wall time.
    pub at_ms: u64,
    /// What it said.
    pub verdict: String,
    /// Why.
    pub why: String,
}

/// An incident.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Incident {
    /// Who told the newest revision.
    pub source: Source,
    /// The newest revision.
    pub news: IncidentNews,
    /// Its history, oldest first.
    pub revisions: Vec<Revision>,
}

/// The number under which the authority's own incidents are kept; relays count from 1.
pub const OWN: RelayId = RelayId(0);

impl Incident {
    /// The authority minted it itself; else a relay told of it.
    pub fn is_own(&self) -> bool {
        self.source.relay == OWN
    }

    fn new(source: Source, news: IncidentNews) -> Self {
        let revisions = vec![Revision::of(&news)];
        Self { source, news, revisions }
    }

    /// Takes a revision; returns the one that is not kept any longer.
    fn revise(&mut self, source: Source, news: IncidentNews) -> Option<Revision> {
        let forgotten = (self.revisions.len() >= REVISIONS_MAX).then(|| self.revisions.remove(1));
        self.revisions.push(Revision::of(&news));
        self.source = source;
        self.news = news;
        forgotten
    }

    /// The hosts it takes.
    pub fn hosts(&self) -> impl Iterator<Item = &str> {
        hosts_of(&self.news)
    }

    /// The likeliest of its alternatives.
    pub fn best(&self) -> Option<&Alternative> {
        self.news.alternatives.first()
    }

    /// Its verdict as printed.
    pub fn verdict(&self) -> String {
        verdict_words(&self.news.alternatives)
    }

    /// Its severity after it was open for so many seconds.
    pub fn severity(&self, open_s: u32) -> Severity {
        let impact = Impact { silent: self.news.silent, class: self.news.class, open_s };
        let each = self.news.alternatives.iter().map(|a| severity(a.verdict, impact));
        each.max().unwrap_or(Severity::Log)
    }

    /// After how many more seconds open its severity first differs, if nothing else changes.
    pub fn severity_rises_in(&self, open_s: u32) -> Option<u32> {
        let now = self.severity(open_s);
        if self.severity(u32::MAX) == now {
            return None;
        }
        // Severity never falls with time, so the first second of a higher one can be searched for.
        let (mut low, mut high) = (open_s, u32::MAX);
        while high - low > 1 {
            let middle = low + (high - low) / 2;
            if self.severity(middle) == now { low = middle } else { high = middle }
        }
        Some(high - open_s)
    }
}

impl Revision {
    fn of(news: &IncidentNews) -> Self {
        let verdict = verdict_words(&news.alternatives);
        Self { number: news.revision, at_ms: news.at_ms, verdict, why: news.why.clone() }
    }
}

fn written(source: &Source, news: &IncidentNews) -> [Keep; 2] {
    let revision = Revision::of(news);
    let key = revision_key(news.id, revision.number);
    [Keep::put(records::INCIDENT, &news.id, &(source, news)), Keep::put(records::REVISION, &key, &revision)]
}

/// The hosts an incident takes: those behind its subject, or the one that is its subject.
pub fn hosts_of(news: &IncidentNews) -> impl Iterator<Item = &str> {
    let alone = news.alternatives.first().filter(|best| best.subject.kind == SubjectKind::Host);
    let alone = alone.filter(|_| news.behind.is_empty()).map(|best| best.subject.id.as_str());
    news.behind.iter().map(String::as_str).chain(alone)
}

/// Alternatives in one word: sorted and joined by `|`, or `Undetermined` where their subjects differ.
pub fn verdict_words(alternatives: &[Alternative]) -> String {
    let mut subjects = alternatives.iter().map(|a| (a.subject.kind, &a.subject.id));
    let first = subjects.next();
    if subjects.any(|subject| Some(subject) != first) {
        return "Undetermined".to_owned();
    }
    let mut words: Vec<&str> = alternatives.iter().map(|a| Verdict::word(a.verdict)).collect();
    words.sort_unstable();
    words.dedup();
    words.join("|")
}

/// What became of a revision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// The incident is new.
    Opened,
    /// It has another revision.
    Revised,
    /// This revision, or a higher one, was known.
    Known,
    /// Another site owns that id, or the authority itself.
    Foreign,
}

/// All incidents.
#[derive(Debug, Default)]
pub struct Incidents {
    all: BTreeMap<IncidentId, Incident>,
    /// When each closed one was closed, to forget the oldest.
    closed: BTreeSet<(u64, IncidentId)>,
    /// What is to be written down.
    keeps: Vec<Keep>,
}

impl Incidents {
    /// What would become of a revision.
    pub fn would_take(&self, source: &Source, news: &IncidentNews) -> Taken {
        match self.all.get(&news.id) {
            None => Taken::Opened,
            Some(known) if known.source.site != source.site => Taken::Foreign,
            Some(known) if known.is_own() != (source.relay == OWN) => Taken::Foreign,
            Some(known) if known.news.revision >= news.revision => Taken::Known,
            Some(_) => Taken::Revised,
        }
    }

    /// Takes a revision.
    pub fn take(&mut self, source: Source, news: IncidentNews) -> Taken {
        let taken = self.would_take(&source, &news);
        let (id, closed, closed_ms) = (news.id, news.closed, news.closed_ms);
        self.keeps.extend(match taken {
            Taken::Known | Taken::Foreign => return taken,
            Taken::Opened | Taken::Revised => written(&source, &news),
        });
        match self.all.get_mut(&id) {
            None => drop(self.all.insert(id, Incident::new(source, news))),
            Some(known) => {
                self.closed.remove(&(known.news.closed_ms, id));
                let forgotten = known.revise(source, news);
                let forgotten =
                    forgotten.map(|old| Keep::drop(records::REVISION, &revision_key(id, old.number)));
                self.keeps.extend(forgotten);
            }
        }
        if closed {
            self.closed.insert((closed_ms, id));
        }
        taken
    }

    /// What is to be written down since it was asked last.
    pub(crate) fn keeps(&mut self) -> Vec<Keep> {
        core::mem::take(&mut self.keeps)
    }

    /// An incident that was written down before; its history comes beside it, in any order.
    pub(crate) fn restore(&mut self, source: Source, news: IncidentNews, mut revisions: Vec<Revision>) {
        revisions.sort_by_key(|revision| revision.number);
        if news.closed {
            self.closed.insert((news.closed_ms, news.id));
        }
        self.all.insert(news.id, Incident { source, news, revisions });
    }

    /// Forgets the incidents closed longest ago, beyond [`CLOSED_MAX`]; returns them, each with its site.
    pub fn forget_old(&mut self) -> Vec<(Name, IncidentId)> {
        let mut forgotten = Vec::new();
        while self.closed.len() > CLOSED_MAX {
            let Some((_, id)) = self.closed.pop_first() else { break };
            let Some(incident) = self.all.remove(&id) else { continue };
            let of = |revision: &Revision| Keep::drop(records::REVISION, &revision_key(id, revision.number));
            self.keeps.extend(incident.revisions.iter().map(of));
            self.keeps.push(Keep::drop(records::INCIDENT, &id));
            forgotten.push((incident.source.site, id));
        }
        forgotten
    }

    /// One incident.
    pub fn get(&self, id: IncidentId) -> Option<&Incident> {
        self.all.get(&id)
    }

    /// All of them, by id.
    pub fn iter(&self) -> impl Iterator<Item = &Incident> {
        self.all.values()
    }

    /// Those not closed.
    pub fn open(&self) -> impl Iterator<Item = &Incident> {
        self.all.values().filter(|incident| !incident.news.closed)
    }
}

#[cfg(test)]
mod tests;
