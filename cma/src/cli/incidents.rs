//! `ringmesh incidents` and `ringmesh explain`: for somebody tired, at three in the morning.
//!
//! The verdict and its subject come first, then since when and whom it takes; then who saw it, what it is not, and
//! what would settle the rest.

use ringmesh_cma_core::calendar;
use ringmesh_cma_core::documents::{
    AlternativeDoc, Explain, IncidentDoc, Incidents, RevisionDoc, RuledOutDoc, SubjectDoc,
};

use super::gloss;
use super::paint::{Paint, Tone, counted, harmless, wrapped};

/// All incidents, two or three lines each.
pub(crate) fn list(paint: &Paint, incidents: &Incidents, all: bool) -> String {
    if incidents.incidents.is_empty() {
        let hint = if all { "" } else { "; ringmesh incidents --all shows closed ones" };
        return format!("no {}incident{hint}\n", if all { "" } else { "open " });
    }
    let each: Vec<String> = incidents.incidents.iter().map(|incident| entry(paint, incident)).collect();
    format!("{}\nringmesh explain ID shows the evidence\n", each.join("\n"))
}

/// Those of all incidents that were open at a moment, as they were judged then.
pub(crate) fn open_at(all: &Incidents, at_ms: u64) -> Incidents {
    let was_open = |incident: &&IncidentDoc| {
        incident.opened_ms <= at_ms && (incident.state == "open" || incident.closed_ms > at_ms)
    };
    let then = |incident: &IncidentDoc| {
        let judged = incident.revisions.iter().rev().find(|revision| revision.at_ms <= at_ms);
        let verdict = judged.map_or_else(|| incident.verdict.clone(), |revision| revision.verdict.clone());
        IncidentDoc { state: "open".to_owned(), closed_ms: 0, verdict, ..incident.clone() }
    };
    Incidents { schema: all.schema, incidents: all.incidents.iter().filter(was_open).map(then).collect() }
}

fn entry(paint: &Paint, incident: &IncidentDoc) -> String {
    let mut text = title(paint, incident);
    let since = if incident.state == "open" {
        format!("since {}", paint.when(incident.silent_since_ms))
    } else {
        let lasted = calendar::span(incident.closed_ms.saturating_sub(incident.silent_since_ms) / 1_000);
        format!("{}, for {lasted}", calendar::utc(incident.silent_since_ms))
    };
    text.push_str(&wrapped("  ", &format!("{since}; id {}", incident.id)));
    if incident.behind.len() > 1 {
        text.push_str(&behind(incident));
    }
    text
}

/// `OPEN PAGE  SwitchDown|UplinkCut  switch sw1, site lab`.
fn title(paint: &Paint, incident: &IncidentDoc) -> String {
    format!(
        "{} {}  {}  {}{}\n",
        paint.state(&incident.state),
        paint.severity(&incident.severity),
        paint.tone(Tone::Strong, &incident.verdict),
        subjects(&incident.alternatives, &incident.subject),
        at_site(incident),
    )
}

/// Where it is, unless the CMA found it itself: then it is about a site, or about the CMA.
fn at_site(incident: &IncidentDoc) -> String {
    if incident.path.is_empty() { String::new() } else { format!(", site {}", harmless(&incident.site)) }
}

fn subjects(alternatives: &[AlternativeDoc], best: &SubjectDoc) -> String {
    let mut words = vec![subject(best)];
    for alternative in alternatives {
        let word = subject(&alternative.subject);
        if !words.contains(&word) {
            words.push(word);
        }
    }
    words.join(" or ")
}

fn subject(subject: &SubjectDoc) -> String {
    let name = if subject.name.is_empty() { &subject.id } else { &subject.name };
    if subject.kind == "set" && subject.id == "cma" {
        "this CMA".to_owned()
    } else if subject.kind == "set" {
        harmless(name)
    } else {
        format!("{} {}", harmless(&subject.kind), harmless(name))
    }
}

fn behind(incident: &IncidentDoc) -> String {
    let hosts = counted(incident.behind.len() as u64, "host", "hosts");
    let head = format!("  {hosts} behind it ({} silent): ", incident.silent);
    wrapped(&head, &incident.behind.join(" "))
}

/// One incident with its evidence.
pub(crate) fn explain(paint: &Paint, explain: &Explain) -> String {
    let incident = &explain.incident;
    let mut text = title(paint, incident);
    text.push_str(&times(paint, incident));
    if !incident.behind.is_empty() {
        text.push_str(&behind(incident));
    }
    let certain = incident.alternatives.len() < 2;
    text.push_str(&section(paint, if certain { "What it is" } else { "What it may be" }));
    incident.alternatives.iter().for_each(|one| text.push_str(&alternative(one, &incident.alternatives)));
    text.push_str(&section(paint, "What was seen"));
    text.push_str(&bullets(&explain.seen, "nothing was told"));
    text.push_str(&wrapped("  witnesses: ", &or(&incident.witnesses.join(" "), "none")));
    text.push_str(&section(paint, "What it is not"));
    text.push_str(&bullets(&ruled_out(&explain.ruled_out), "nothing is ruled out yet"));
    text.push_str(&left_to_settle(paint, explain));
    text.push_str(&section(paint, "History"));
    incident.revisions.iter().for_each(|one| text.push_str(&revision(one, incident.silent_since_ms)));
    text
}

/// A bare name saw something work: then what it saw stands in one line. Else the reason is a sentence.
fn ruled_out(all: &[RuledOutDoc]) -> Vec<String> {
    let mut lines: Vec<(&str, Vec<&str>)> = Vec::new();
    for RuledOutDoc { what, by } in all {
        match lines.iter_mut().find(|(known, _)| known == by) {
            Some((_, whats)) => whats.push(what),
            None => lines.push((by, vec![what])),
        }
    }
    let line = |(by, whats): &(&str, Vec<&str>)| {
        let what = whats.join(", ");
        match (by.is_empty(), by.contains(' '), whats.len()) {
            (true, ..) => what,
            (_, true, _) => format!("{what}: {by}"),
            (_, false, 1) => format!("{what}: {by} saw it work"),
            (_, false, _) => format!("{what}: {by} saw them work"),
        }
    };
    lines.iter().map(line).collect()
}

/// What would tell the alternatives apart, or make the only one sure; nothing, where nothing is open.
fn left_to_settle(paint: &Paint, explain: &Explain) -> String {
    let over = explain.incident.state == "closed";
    let title = match (explain.incident.alternatives.len() < 2, over) {
        (true, true) => return String::new(),
        (true, false) if explain.would_settle.is_empty() => return String::new(),
        (true, false) => "What would make it sure",
        (false, true) => "What would have settled the rest",
        (false, false) => "What would settle the rest",
    };
    section(paint, title) + &bullets(&explain.would_settle, "nothing known")
}

/// A step, with its day where that is another than the first.
fn revision(one: &RevisionDoc, since_ms: u64) -> String {
    let day = |ms: u64| calendar::utc(ms).split(' ').next().unwrap_or_default().to_owned();
    let other = if day(one.at_ms) == day(since_ms) { String::new() } else { day(one.at_ms) + " " };
    let head = format!("  {other}{}  ", calendar::clock(one.at_ms));
    wrapped(&head, &format!("{}: {}", one.verdict, one.why))
}

fn times(paint: &Paint, incident: &IncidentDoc) -> String {
    let mut text = format!("  silent since {}\n", paint.when(incident.silent_since_ms));
    let after = |ms: u64| calendar::span(ms.saturating_sub(incident.silent_since_ms) / 1_000);
    let mut steps = vec![format!("opened after {}", after(incident.opened_ms))];
    steps.push(match (incident.pages, incident.notified) {
        (0, true) => "handed on as a ticket".to_owned(),
        (0, false) if incident.state == "open" => "nobody was told yet".to_owned(),
        (0, false) => "nobody was paged".to_owned(),
        (1, _) => format!("paged at {}", calendar::clock(incident.paged_ms)),
        (pages, _) => format!("paged {pages} times, first at {}", calendar::clock(incident.paged_ms)),
    });
    if incident.state == "closed" {
        steps.push(format!("closed after {}", after(incident.closed_ms)));
    }
    text.push_str(&wrapped("  ", &format!("{}; id {}", steps.join(", "), incident.id)));
    text
}

fn section(paint: &Paint, title: &str) -> String {
    format!("\n{}\n", paint.tone(Tone::Strong, title))
}

fn bullets(lines: &[String], otherwise: &str) -> String {
    if lines.is_empty() {
        return format!("  {otherwise}\n");
    }
    lines.iter().map(|line| wrapped("  - ", line)).collect()
}

fn or(text: &str, otherwise: &str) -> String {
    if text.is_empty() { otherwise.to_owned() } else { text.to_owned() }
}

/// What one cause means, and how likely it is where there are others.
fn alternative(one: &AlternativeDoc, all: &[AlternativeDoc]) -> String {
    let meaning = gloss::of(&one.verdict).map_or_else(String::new, |gloss| format!(": {gloss}"));
    let odds = if all.len() < 2 { String::new() } else { format!(" ({})", odds(one, all)) };
    wrapped("  - ", &format!("{} of {}{meaning}{odds}", one.verdict, subject(&one.subject)))
}

/// Odds as people say them: against all others together, `about 3 : 1`.
fn odds(one: &AlternativeDoc, all: &[AlternativeDoc]) -> String {
    let own = u32::from(one.permille);
    let others: u32 = all.iter().map(|a| u32::from(a.permille)).sum::<u32>().saturating_sub(own);
    match (own, others) {
        (0, _) => "hardly".to_owned(),
        (_, 0) => "almost surely".to_owned(),
        (own, others) if own >= others => format!("about {} : 1", (own + others / 2) / others),
        (own, others) => format!("about 1 : {}", (others + own / 2) / own),
    }
}

#[cfg(test)]
mod tests;
