//! `ringmesh events`.

use ringmesh_proto::news::{HostNews, HostState, SwitchState};

use crate::cma::Cma;
use crate::documents::{EventLine, SCHEMA};
use crate::estate::{port_text, switch_text};
use crate::graph::GraphStore;
use crate::history::{Happened, Judged, Row, Thing};
use crate::relay::RelayKey;
use crate::sites::words::relay_name;

impl<G: GraphStore> Cma<G> {
    /// The number of the newest event; 0 if there is none.
    pub fn newest_event(&self) -> u64 {
        self.history.after(0).next_back().map_or(0, |(number, _)| number)
    }

    /// What happened after an event, oldest first; of these the last so many, or all that are kept.
    pub fn events(&self, after: u64, last: Option<usize>) -> Vec<EventLine> {
        let rows = self.history.after(after);
        let mut lines: Vec<EventLine> = rows
            .rev()
            .take(last.unwrap_or(usize::MAX))
            .map(|(number, row)| event_line(number, row))
            .collect();
        lines.reverse();
        lines
    }
}

fn event_line(number: u64, row: &Row) -> EventLine {
    let (kind, text) = match &row.happened {
        Happened::Host(host) => (host_kind(host.state), host_text(host)),
        Happened::HostGone => ("host-gone", "left the roster".to_owned()),
        Happened::Switch(switch) => (switch_kind(switch.state), format!("switch {}", switch.name)),
        Happened::Incident(judged) => (judged_kind(judged), judged_text(judged)),
        Happened::Connected { anew: false } => ("relay-connected", "connected".to_owned()),
        Happened::Connected { anew: true } => {
            ("relay-connected", "connected with a new outbox: its state was lost".to_owned())
        }
        Happened::Lost { ended: true } => ("relay-lost", "its stream ended".to_owned()),
        Happened::Lost { ended: false } => ("relay-lost", "nothing comes from it any more".to_owned()),
        Happened::Forgotten => ("relay-forgotten", "an operator said that it is gone for good".to_owned()),
    };
    let subject = match &row.thing {
        Thing::Host(name) => name.to_string(),
        Thing::Switch(id) => id.clone(),
        Thing::Incident(id) => id.to_string(),
        Thing::Relay(_) => relay_name(&RelayKey { site: row.source.site.clone(), relay: row.source.relay }),
    };
    let (site, kind) = (row.source.site.to_string(), kind.to_owned());
    EventLine { schema: SCHEMA, number, at_ms: row.at_ms, site, kind, subject, text }
}

fn host_kind(state: HostState) -> &'static str {
    match state {
        HostState::Up => "host-up",
        HostState::Silent => "host-silent",
        HostState::Planned => "host-planned",
    }
}

/// `up, eth0 on sw1 p1, eth1 without carrier`.
fn host_text(host: &HostNews) -> String {
    let state = match host.state {
        HostState::Up => "up",
        HostState::Silent => "heard by nobody",
        HostState::Planned => "gone with a goodbye",
    };
    let place = |place: &ringmesh_topology::place::Place| match &place.attachment {
        _ if !place.carrier => format!("{} without carrier", place.ifname),
        Some(on) if on.switch_name.is_empty() => {
            format!("{} on {} {}", place.ifname, switch_text(&on.switch), port_text(&on.port))
        }
        Some(on) => format!("{} on {} {}", place.ifname, on.switch_name, port_text(&on.port)),
        None => format!("{} on no known switch", place.ifname),
    };
    let words: Vec<String> = [state.to_owned()].into_iter().chain(host.places.iter().map(place)).collect();
    words.join(", ")
}

fn switch_kind(state: SwitchState) -> &'static str {
    match state {
        SwitchState::Up => "switch-up",
        SwitchState::Down => "switch-down",
        SwitchState::Cut => "switch-cut",
        SwitchState::Unknown => "switch-unknown",
    }
}

fn judged_kind(judged: &Judged) -> &'static str {
    match (judged.first, judged.closed) {
        (_, true) => "incident-closed",
        (true, false) => "incident-opened",
        (false, false) => "incident-revised",
    }
}

fn judged_text(judged: &Judged) -> String {
    let Judged { verdict, about, why, .. } = judged;
    format!("{verdict} {about}: {why}")
}
