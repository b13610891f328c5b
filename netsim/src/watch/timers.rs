//! No machine that may run has a deadline in the past.

use std::time::Duration;

use ringmesh_proto::time::Time;

use super::{View, Watch};

/// How often is looked: a deadline that was missed stays missed.
const EVERY: Duration = Duration::from_secs(1);

/// The law.
#[derive(Default)]
pub(super) struct Timers {
    looked: Time,
}

impl Watch for Timers {
    fn look(&mut self, view: &View<'_>, wrong: &mut Vec<String>) {
        if view.now.since(self.looked) < EVERY {
            return;
        }
        self.looked = view.now;
        let overdue = view.world.overdue(view.now);
        wrong.extend(overdue.map(|(whose, deadline)| format!("the deadline of {whose} was {deadline:?}")));
    }
}
