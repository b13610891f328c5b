//! What was plugged, moved or unplugged, from the events that are kept.

use std::collections::BTreeMap;

use ringmesh_proto::news::HostNews;
use ringmesh_topology::id::Name;
use ringmesh_topology::place::Attachment;

use super::{Answer, NoAnswer, World};
use crate::calendar::utc;
use crate::estate::{port_text, switch_text};
use crate::graph::GraphStore;
use crate::history::{Happened, ROWS_OF_A_THING_MAX, Row, Thing};
use crate::view::natural;

/// What stands where no wire is.
const NOTHING: &str = "-";

/// The switch port behind each port of a host, by the port's name.
type Wiring = BTreeMap<String, String>;

impl<G: GraphStore> World<'_, G> {
    pub(super) fn wiring_changes(&self, since_ms: u64, answer: &mut Answer) -> Result<(), NoAnswer> {
        if since_ms > self.now_ms {
            return Err(NoAnswer::Future { since_ms, now_ms: self.now_ms });
        }
        let mut hosts: BTreeMap<(&Name, &Name), Wiring> = BTreeMap::new();
        for (_, row) in self.history.after(0) {
            let Some((name, after)) = wiring_after(row) else { continue };
            let before = hosts.insert((&row.source.site, name), after.clone());
            // What is the first that is kept of a host may be no change at all.
            let Some(before) = before else { continue };
            if row.at_ms >= since_ms {
                tell(row, name, &before, &after, answer);
            }
        }
        if let Some(oldest) = self.history.oldest().filter(|oldest| oldest.at_ms > since_ms) {
            answer.note(format!("events are kept from {} on only", utc(oldest.at_ms)));
        }
        answer.note(format!(
            "of each host the newest {ROWS_OF_A_THING_MAX} events are kept; the first that is kept of a host shows no change"
        ));
        Ok(())
    }
}

/// How a host is wired after an event, if the event tells.
fn wiring_after(row: &Row) -> Option<(&Name, Wiring)> {
    match (&row.thing, &row.happened) {
        (_, Happened::Host(host)) => Some((&host.name, wiring(host))),
        (Thing::Host(name), Happened::HostGone) => Some((name, Wiring::new())),
        (_, Happened::HostGone | Happened::Switch(_) | Happened::Incident(_)) => None,
        (_, Happened::Connected { .. } | Happened::Lost { .. } | Happened::Forgotten) => None,
    }
}

fn wiring(host: &HostNews) -> Wiring {
    let mut wiring = Wiring::new();
    for place in &host.places {
        let mut port = |ifname: &str, attachment: &Option<Attachment>| {
            if let Some(attachment) = attachment {
                wiring.insert(ifname.to_owned(), words(attachment));
            }
        };
        port(&place.ifname, &place.attachment);
        let mates = place.bond.iter().flat_map(|bond| &bond.mates);
        mates.for_each(|mate| port(&mate.ifname, &mate.attachment));
    }
    wiring
}

/// `sw1 p1`: by the name it announced, or its id.
fn words(on: &Attachment) -> String {
    let switch = if on.switch_name.is_empty() { switch_text(&on.switch) } else { on.switch_name.to_string() };
    format!("{switch} {}", port_text(&on.port))
}

fn tell(row: &Row, host: &Name, before: &Wiring, after: &Wiring, answer: &mut Answer) {
    let mut ports: Vec<&String> = before.keys().chain(after.keys()).collect();
    ports.sort_by_cached_key(|port| natural(port));
    ports.dedup();
    for port in ports {
        let (was, is) = (before.get(port), after.get(port));
        if was == is {
            continue;
        }
        let text = |wire: Option<&String>| wire.map_or(NOTHING, String::as_str).into();
        let site = row.source.site.as_str().into();
        answer.row([row.at_ms.into(), site, host.as_str().into(), port.as_str().into(), text(was), text(is)]);
    }
}
