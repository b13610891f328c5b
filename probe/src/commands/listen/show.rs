//! News as lines: a table for people, JSON for programs.

use lldp_rs::{Field, Id, Subtype};
use serde::Serialize;

use super::super::paint::{Paint, column, span, wrapped};
use super::watch::{News, What, Who};
use crate::control::line;
use crate::control::shape::IdShape;

/// Where the second line of a news begins: under the port's name.
const INDENT: usize = 9;

/// How news are printed.
#[derive(Clone, Copy, Debug)]
pub(super) enum Printer {
    /// A line of JSON each.
    Json,
    /// A row each, and below it what else is to be said.
    Table(Paint),
}

impl Printer {
    /// What stands above all news.
    pub(super) fn head(self) -> Option<String> {
        match self {
            Self::Json => None,
            Self::Table(paint) => {
                let head = row(["UTC", "PORT", "EVENT", "SWITCH", "SWITCH PORT", "BY", "TTL"]);
                Some(paint.head(head.trim_end()))
            }
        }
    }

    /// One news, that happened at `at_ms` since 1970.
    pub(super) fn line(self, at_ms: u64, news: &News) -> String {
        match self {
            Self::Json => line(&Shape::new(at_ms, news)),
            Self::Table(paint) => table(at_ms, news, paint),
        }
    }
}

fn row(fields: [&str; 7]) -> String {
    let widths = [8, 10, 12, 19, 15, 5, 5];
    fields.iter().zip(widths).map(|(field, width)| column(field, width)).collect::<Vec<_>>().join(" ")
}

fn table(at_ms: u64, news: &News, paint: Paint) -> String {
    let (time, event) = (time_of_day(at_ms), news.what.word());
    let row = match news.what.who() {
        Some(who) => {
            let name = if who.name.is_empty() { who.key.chassis.text() } else { who.name.clone() };
            let port = who.key.port.as_ref().map_or("-".into(), |port| port.text());
            let ttl = span(Some(who.ttl_s));
            row([&time, &news.ifname, event, &name, &port, who.key.protocol.name(), &ttl])
        }
        None => row([&time, &news.ifname, event, "", "", "", ""]),
    };
    let mut lines = vec![news.what.paint(paint, row.trim_end())];
    lines.extend(news.what.notes(&news.ifname).iter().flat_map(|note| wrapped(note, INDENT)));
    lines.join("\n")
}

/// `hh:mm:ss`, UTC as in the probe's log.
fn time_of_day(at_ms: u64) -> String {
    let seconds = at_ms / 1_000 % 86_400;
    format!("{:02}:{:02}:{:02}", seconds / 3_600, seconds / 60 % 60, seconds % 60)
}

impl What {
    /// Its name, in either form of output.
    fn word(&self) -> &'static str {
        match self {
            Self::Listening { .. } => "listening",
            Self::Deaf(_) => "deaf",
            Self::Gone => "port gone",
            Self::CarrierLost => "carrier lost",
            Self::CarrierBack => "carrier back",
            Self::Appeared(_) => "appeared",
            Self::Changed(..) => "changed",
            Self::Moved { .. } => "moved",
            Self::Renamed { .. } => "renamed",
            Self::Shutdown(_) => "shutdown",
            Self::Late(_) => "late",
            Self::Back(_) => "back",
            Self::Expired(_) => "expired",
            Self::Displaced(_) => "displaced",
            Self::Ambiguous(_) => "ambiguous",
            Self::Silent { .. } => "silent",
        }
    }

    fn who(&self) -> Option<&Who> {
        match self {
            Self::Appeared(who) | Self::Changed(who, _) | Self::Shutdown(who) | Self::Late(who) => Some(who),
            Self::Back(who) | Self::Expired(who) | Self::Displaced(who) => Some(who),
            Self::Moved { to, .. } | Self::Renamed { to, .. } => Some(to),
            Self::Listening { .. } | Self::Deaf(_) | Self::Gone | Self::Silent { .. } => None,
            Self::CarrierLost | Self::CarrierBack | Self::Ambiguous(_) => None,
        }
    }

    fn paint(&self, paint: Paint, row: &str) -> String {
        match self {
            Self::Appeared(_) | Self::Back(_) | Self::CarrierBack => paint.good(row),
            Self::CarrierLost | Self::Expired(_) | Self::Deaf(_) => paint.bad(row),
            Self::Listening { carrier: true, .. } | Self::Changed(..) => row.into(),
            Self::Listening { carrier: false, .. } | Self::Gone | Self::Late(_) => paint.odd(row),
            Self::Moved { .. } | Self::Renamed { .. } | Self::Shutdown(_) => paint.odd(row),
            Self::Displaced(_) | Self::Ambiguous(_) | Self::Silent { .. } => paint.odd(row),
        }
    }

    /// What there is to say beside the row; each may take several lines.
    fn notes(&self, ifname: &str) -> Vec<String> {
        match self {
            Self::Listening { carrier: false, .. } => vec!["no carrier: is the cable in?".into()],
            Self::Deaf(deaf) => vec![deaf.reason.clone(), format!("-> {}", deaf.remedy)],
            Self::Silent { why, remedy } => vec![why.clone(), format!("-> {remedy}")],
            Self::Changed(_, fields) => {
                let fields: Vec<&str> = fields.iter().map(|field| words_of(*field)).collect();
                vec![format!("new: {}", fields.join(", "))]
            }
            Self::Moved { from, from_port, .. } if from_port != ifname => {
                vec![format!("was {} on {from_port}", from.in_words())]
            }
            Self::Moved { from, .. } | Self::Renamed { from, .. } => vec![format!("was {}", from.in_words())],
            Self::Ambiguous(all) => {
                let all: Vec<String> = all.iter().map(Who::in_words).collect();
                vec![format!("equally likely: {}", all.join("; "))]
            }
            _ => Vec::new(),
        }
    }
}

impl Who {
    fn in_words(&self) -> String {
        let switch = if self.name.is_empty() { self.key.chassis.text() } else { self.name.clone() };
        self.key.port.as_ref().map_or_else(|| switch.clone(), |port| format!("{} of {switch}", port.text()))
    }
}

fn words_of(field: Field) -> &'static str {
    match field {
        Field::Source => "address it sends from",
        Field::SystemName => "name",
        Field::PortDescription => "port description",
        Field::Role => "whether it forwards",
        Field::Management => "management addresses",
        Field::NativeVlan => "native VLAN",
        Field::Aggregated => "member of an aggregate",
    }
}

/// One news as JSON. Fields may be added, never renamed or dropped; what there is nothing to say of is left out.
#[derive(Serialize)]
struct Shape {
    schema: u32,
    at_ms: u64,
    event: String,
    ifname: String,
    ifindex: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    carrier: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    driver: Option<String>,
    #[serde(flatten)]
    who: Option<WhoShape>,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<WhoShape>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    changed: Vec<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    candidates: Vec<WhoShape>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    remedy: Option<String>,
}

#[derive(Serialize)]
struct WhoShape {
    switch: IdShape,
    switch_name: String,
    port: Option<IdShape>,
    protocol: &'static str,
    ttl_s: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    on: Option<String>,
}

impl Shape {
    fn new(at_ms: u64, news: &News) -> Self {
        let mut shape = Self {
            schema: 1,
            at_ms,
            event: news.what.word().replace(' ', "-"),
            ifname: news.ifname.clone(),
            ifindex: news.ifindex,
            carrier: None,
            driver: None,
            who: news.what.who().map(WhoShape::new),
            from: None,
            changed: Vec::new(),
            candidates: Vec::new(),
            reason: None,
            remedy: None,
        };
        match &news.what {
            What::Listening { carrier, driver } => {
                (shape.carrier, shape.driver) = (Some(*carrier), Some(driver.clone()));
            }
            What::CarrierLost | What::CarrierBack => {
                shape.carrier = Some(matches!(news.what, What::CarrierBack));
            }
            What::Deaf(deaf) => {
                (shape.reason, shape.remedy) = (Some(deaf.reason.clone()), Some(deaf.remedy.into()));
            }
            What::Silent { why, remedy } => {
                (shape.reason, shape.remedy) = (Some(why.clone()), Some(remedy.clone()));
            }
            What::Changed(_, fields) => shape.changed = fields.iter().map(|field| name_of(*field)).collect(),
            What::Moved { from, from_port, .. } => {
                shape.from = Some(WhoShape { on: Some(from_port.clone()), ..WhoShape::new(from) });
            }
            What::Renamed { from, .. } => shape.from = Some(WhoShape::new(from)),
            What::Ambiguous(all) => shape.candidates = all.iter().map(WhoShape::new).collect(),
            What::Gone | What::Appeared(_) | What::Shutdown(_) | What::Late(_) => {}
            What::Back(_) | What::Expired(_) | What::Displaced(_) => {}
        }
        shape
    }
}

impl WhoShape {
    fn new(who: &Who) -> Self {
        Self {
            switch: id(&who.key.chassis),
            switch_name: who.name.clone(),
            port: who.key.port.as_ref().map(id),
            protocol: who.key.protocol.name(),
            ttl_s: who.ttl_s,
            on: None,
        }
    }
}

/// An identifier as `attachments --json` has it: 0 is CDP's number.
fn id<S: Subtype>(id: &Id<S>) -> IdShape {
    const CDP: u8 = 0x81;
    let code = id.subtype().code();
    IdShape {
        subtype: if code == CDP { 0 } else { code },
        hex: id.octets().iter().map(|octet| format!("{octet:02x}")).collect(),
        text: id.text(),
    }
}

fn name_of(field: Field) -> &'static str {
    match field {
        Field::Source => "source",
        Field::SystemName => "system_name",
        Field::PortDescription => "port_description",
        Field::Role => "role",
        Field::Management => "management",
        Field::NativeVlan => "native_vlan",
        Field::Aggregated => "aggregated",
    }
}

#[cfg(test)]
mod tests;
