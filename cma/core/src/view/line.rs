//! The line that the notifier hands on, and the words it shares with other outputs.

use ringmesh_proto::news::{Subject, SubjectKind};
use ringmesh_topology::id::{IncidentId, Name};
use ringmesh_topology::verdict::Severity;

use crate::calendar;
use crate::documents::{PageLine, SCHEMA, SubjectDoc};
use crate::incident::Incident;
use crate::notifier::Telling;

/// How many hosts a line names before it counts the rest.
const NAMED_MAX: usize = 6;

/// A line. Its key, what a pager de-duplicates by, names the incident that people were told of first.
pub fn page_line(
    installation: &Name,
    key: IncidentId,
    at_ms: u64,
    incident: &Incident,
    telling: Telling,
) -> PageLine {
    let (transition, severity, reason) = match telling {
        Telling::Opened { severity, reason } => ("opened", severity, reason.word()),
        Telling::Closed { severity } => ("closed", severity, "closed"),
    };
    PageLine {
        schema: SCHEMA,
        at_ms,
        key: format!("ringmesh/{installation}/{key}"),
        incident: incident.news.id.to_string(),
        transition: transition.to_owned(),
        severity: severity.word().to_owned(),
        verdict: incident.verdict(),
        subject: subject_of(incident),
        text: text(incident, severity, telling),
        site: incident.source.site.to_string(),
        reason: reason.to_owned(),
    }
}

/// The likeliest subject.
pub fn subject_of(incident: &Incident) -> SubjectDoc {
    incident.best().map_or_else(
        || SubjectDoc { kind: "set".to_owned(), id: String::new(), name: String::new() },
        |best| subject(&best.subject),
    )
}

/// A subject as printed.
pub fn subject(subject: &Subject) -> SubjectDoc {
    let Subject { kind, id, name } = subject.clone();
    SubjectDoc { kind: kind.word().to_owned(), id, name }
}

/// What an incident is about, in a few words: `switch tor-7`; the alternatives where their subjects differ.
pub fn subject_words(incident: &Incident) -> String {
    let mut words: Vec<String> = Vec::new();
    for alternative in &incident.news.alternatives {
        let Subject { kind, id, name } = &alternative.subject;
        let name = if name.is_empty() { id } else { name };
        let word = match kind {
            SubjectKind::Set => name.clone(),
            SubjectKind::Host | SubjectKind::Switch | SubjectKind::Relay | SubjectKind::Site => {
                format!("{} {name}", kind.word())
            }
        };
        if !words.contains(&word) {
            words.push(word);
        }
    }
    words.join(" or ")
}

fn text(incident: &Incident, severity: Severity, telling: Telling) -> String {
    let news = &incident.news;
    let about = format!("{} {}{}", incident.verdict(), subject_words(incident), at_site(incident));
    match telling {
        Telling::Opened { .. } => {
            let since = calendar::utc(news.silent_since_ms);
            format!("{}: {about}, since {since}{}", severity.word().to_uppercase(), behind(&news.behind))
        }
        Telling::Closed { .. } => {
            let lasted = news.closed_ms.saturating_sub(news.silent_since_ms) / 1_000;
            format!("over: {about}, after {}", calendar::span(lasted))
        }
    }
}

/// Where it is, unless it is a site itself, or this authority.
fn at_site(incident: &Incident) -> String {
    if incident.is_own() { String::new() } else { format!(" at site {}", incident.source.site) }
}

/// `; 8 hosts behind it: h1, h2, h3, h4, h5, h6 and 2 more`, or nothing.
fn behind(hosts: &[String]) -> String {
    let named = hosts.iter().take(NAMED_MAX).map(String::as_str).collect::<Vec<_>>().join(", ");
    match hosts.len() {
        0 | 1 => String::new(),
        count if count <= NAMED_MAX => format!("; {count} hosts behind it: {named}"),
        count => format!("; {count} hosts behind it: {named} and {} more", count - NAMED_MAX),
    }
}
