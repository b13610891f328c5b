//! `ringmesh incidents` and `ringmesh explain`.

use ringmesh_proto::time::Time;
use ringmesh_topology::id::IncidentId;

use super::line::{subject, subject_of};
use crate::cma::Cma;
use crate::documents::{AlternativeDoc, Explain, IncidentDoc, Incidents, RevisionDoc, RuledOutDoc, SCHEMA};
use crate::graph::GraphStore;
use crate::incident::Incident;

/// The shortest prefix of an id that is looked for: with less, a typing error finds something.
const PREFIX_MIN: usize = 2;

/// No one incident is meant by that id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoSuchIncident {
    /// Not the beginning of an id.
    #[error(
        "{0:?} is no incident id: give {PREFIX_MIN} to 16 hexadecimal digits, as `ringmesh incidents --all` shows them"
    )]
    NoId(String),
    /// No incident starts so.
    #[error("no incident has an id that starts with {0}: `ringmesh incidents --all` shows them")]
    None(String),
    /// Several do.
    #[error("{} incidents start with {prefix}: {}", ids.len(), ids.join(", "))]
    Several {
        /// What was given.
        prefix: String,
        /// All of them.
        ids: Vec<String>,
    },
}

impl<G: GraphStore> Cma<G> {
    /// Open incidents, or all that are kept; oldest first.
    pub fn incidents(&self, now: Time, all: bool) -> Incidents {
        let wanted = self.incidents.iter().filter(|incident| all || !incident.news.closed);
        let mut incidents: Vec<IncidentDoc> =
            wanted.map(|incident| self.incident_doc(now, incident)).collect();
        incidents.sort_by(|a, b| (a.opened_ms, &a.id).cmp(&(b.opened_ms, &b.id)));
        Incidents { schema: SCHEMA, incidents }
    }

    /// One incident with its evidence, by its id or the beginning of it.
    pub fn explain(&self, now: Time, id: &str) -> Result<Explain, NoSuchIncident> {
        let incident = self.find(id)?;
        let news = &incident.news;
        let ruled_out = news.ruled_out.iter().cloned();
        Ok(Explain {
            schema: SCHEMA,
            incident: self.incident_doc(now, incident),
            seen: news.seen.clone(),
            ruled_out: ruled_out.map(|out| RuledOutDoc { what: out.what, by: out.by }).collect(),
            would_settle: news.would_settle.clone(),
        })
    }

    fn find(&self, prefix: &str) -> Result<&Incident, NoSuchIncident> {
        let prefix = prefix.to_ascii_lowercase();
        let hex = prefix.bytes().all(|octet| octet.is_ascii_hexdigit());
        if !hex || !(PREFIX_MIN..=16).contains(&prefix.len()) {
            return Err(NoSuchIncident::NoId(prefix));
        }
        let starts = |incident: &&Incident| incident.news.id.to_string().starts_with(&prefix);
        let found: Vec<&Incident> = self.incidents.iter().filter(starts).collect();
        match found[..] {
            [] => Err(NoSuchIncident::None(prefix)),
            [one] => Ok(one),
            [..] => {
                let ids = found.iter().map(|incident| incident.news.id.to_string()).collect();
                Err(NoSuchIncident::Several { prefix, ids })
            }
        }
    }

    fn incident_doc(&self, now: Time, incident: &Incident) -> IncidentDoc {
        let news = &incident.news;
        let told = self.notifier.told(news.id);
        let alternatives = news.alternatives.iter().map(|a| AlternativeDoc {
            verdict: a.verdict.word().to_owned(),
            subject: subject(&a.subject),
            permille: a.permille,
        });
        let revisions = incident.revisions.iter().cloned();
        IncidentDoc {
            id: news.id.to_string(),
            verdict: incident.verdict(),
            state: if news.closed { "closed" } else { "open" }.to_owned(),
            severity: incident.severity(self.open_s(now, news.id, incident)).word().to_owned(),
            subject: subject_of(incident),
            alternatives: alternatives.collect(),
            silent_since_ms: news.silent_since_ms,
            opened_ms: news.opened_ms,
            paged_ms: told.map_or(0, |told| told.paged_ms),
            closed_ms: news.closed_ms,
            revisions: revisions
                .map(|r| RevisionDoc { at_ms: r.at_ms, verdict: r.verdict, why: r.why })
                .collect(),
            behind: news.behind.clone(),
            witnesses: news.witnesses.clone(),
            pages: told.map_or(0, |told| told.pages),
            path: if incident.is_own() { Vec::new() } else { vec![incident.source.site.to_string()] },
            site: incident.source.site.to_string(),
            silent: news.silent,
            notified: told.is_some_and(|told| told.open),
        }
    }

    /// How long it was or is open: an ended one by the relay's own clock, which told both its ends.
    fn open_s(&self, now: Time, id: IncidentId, incident: &Incident) -> u32 {
        let news = &incident.news;
        if !news.closed {
            return self.notifier.open_s(now, id);
        }
        u32::try_from(news.closed_ms.saturating_sub(news.opened_ms) / 1_000).unwrap_or(u32::MAX)
    }
}
