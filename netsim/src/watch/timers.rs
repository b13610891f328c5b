//! No machine that may run has a deadline in the past.

use super::{View, Watch};

/// The law.
#[derive(Default)]
pub(super) struct Timers;

impl Watch for Timers {
    fn look(&mut self, view: &View<'_>, wrong: &mut Vec<String>) {
        let overdue = view.world.deadlines().find(|(_, deadline)| *deadline < view.now);
        wrong.extend(overdue.map(|(whose, deadline)| format!("the deadline of {whose} was {deadline:?}")));
    }
}
