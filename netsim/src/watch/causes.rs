//! One cause, one incident: from calm to calm there are no more incidents than things that went wrong.
//!
//! All that goes wrong between two looks is one cause. Verdicts are not yet so good that nothing else is ever told, so
//! this holds where one thing at a time is broken; see [`SINGLE`].

use std::collections::BTreeSet;
use std::time::Duration;

use ringmesh_proto::time::Time;
use ringmesh_topology::id::IncidentId;

use super::{View, Watch};

/// After everything works again, so long until all has been told.
const CALM: Duration = Duration::from_secs(60);
/// More causes than this in one stretch are not judged: what returns from one while another lasts is told apart late.
const SINGLE: usize = 1;

/// The law.
#[derive(Default)]
pub(super) struct Causes {
    /// When something went wrong since all was calm.
    causes: Vec<Time>,
    /// Incidents known when all was calm.
    known: BTreeSet<IncidentId>,
    begun: bool,
}

impl Watch for Causes {
    fn look(&mut self, view: &View<'_>, wrong: &mut Vec<String>) {
        if view.health.changes().iter().any(|change| change.is_worse()) {
            self.causes.push(view.now);
        }
        let calm = view.health.is_all_well() && view.now.since(view.health.changed()) >= CALM;
        if !self.begun || (calm && !self.causes.is_empty()) {
            self.close(view, wrong);
        }
    }

    fn end(&mut self, view: &View<'_>, wrong: &mut Vec<String>) {
        self.close(view, wrong);
    }
}

impl Causes {
    fn close(&mut self, view: &View<'_>, wrong: &mut Vec<String>) {
        let all = view.world.incidents();
        let fresh: Vec<_> = all.iter().filter(|incident| !self.known.contains(&incident.id)).collect();
        if self.begun && self.causes.len() <= SINGLE && fresh.len() > self.causes.len() {
            let told = fresh.iter().filter_map(|incident| incident.alternatives.first());
            let told: Vec<String> =
                told.map(|one| format!("{} {}", one.verdict.word(), one.subject.name)).collect();
            wrong.push(format!(
                "{} causes, and {} incidents: {}",
                self.causes.len(),
                fresh.len(),
                told.join(", ")
            ));
        }
        self.known = all.iter().map(|incident| incident.id).collect();
        self.causes.clear();
        self.begun = true;
    }
}
