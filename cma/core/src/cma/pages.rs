//! Lines on their way to people: each is on record until somebody took it over.

use ringmesh_proto::time::Time;
use ringmesh_topology::id::IncidentId;

use super::turn::Turn;
use super::{Action, Cma};
use crate::graph::GraphStore;
use crate::notifier::Telling;
use crate::records::{self, drop_numbered, put_numbered};
use crate::view;

impl<G: GraphStore> Cma<G> {
    pub(super) fn page(&mut self, now: Time, id: IncidentId, telling: Telling, turn: &mut Turn) {
        let Some(incident) = self.incidents.get(id) else { return };
        let at_ms = self.wall.unix_ms(now);
        let line = view::line::page_line(
            &self.config.installation,
            self.notifier.key_of(id),
            at_ms,
            incident,
            telling,
        );
        self.last_page += 1;
        let number = self.last_page;
        turn.keep([put_numbered(records::PAGE, number, &line)]);
        turn.put(Action::Page { number, line: Box::new(line.clone()) });
        self.pages.insert(number, line);
    }

    pub(super) fn page_what_is_due(&mut self, now: Time, turn: &mut Turn) {
        for id in self.notifier.due(now) {
            let Some(incident) = self.incidents.get(id) else {
                self.notifier.forget(id);
                continue;
            };
            if let Some(telling) = self.notifier.look(self.wall, now, incident) {
                self.page(now, id, telling, turn);
            }
        }
    }

    pub(super) fn handed_on(&mut self, number: u64, turn: &mut Turn) {
        if self.pages.remove(&number).is_some() {
            turn.keep([drop_numbered(records::PAGE, number)]);
        }
    }

    /// Of a line that nobody took over before a restart nobody knows whether it reached people: it is ordered again,
    /// and its key tells those who got it twice.
    pub(super) fn order_pending_pages(&mut self, turn: &mut Turn) {
        if !core::mem::take(&mut self.is_new) {
            return;
        }
        for (&number, line) in &self.pages {
            turn.put(Action::Page { number, line: Box::new(line.clone()) });
        }
    }
}
