//! One cause, one incident: from calm to calm there are no more incidents than things that went wrong.
//!
//! What a switch or a site takes with it is no cause of its own. Verdicts are not yet so good that nothing else is ever
//! told, so this holds to the letter where one thing is broken from calm to calm; of several, see [`EACH`].

use std::collections::BTreeSet;
use std::time::Duration;

use ringmesh_topology::id::IncidentId;

use super::{Change, View, Watch};

/// After everything works again, so long until all has been told.
const CALM: Duration = Duration::from_secs(60);
/// Where several things are broken at the same time, what returns from one while another lasts may be told apart: so many
/// incidents each. One for each host behind a switch is more.
const EACH: usize = 4;

/// The law.
#[derive(Default)]
pub(super) struct Causes {
    /// How many things went wrong since all was calm.
    causes: usize,
    /// Incidents known when all was calm.
    known: BTreeSet<IncidentId>,
    begun: bool,
}

impl Watch for Causes {
    fn look(&mut self, view: &View<'_>, wrong: &mut Vec<String>) {
        self.causes += causes(view.health.changes()) + left_behind(view);
        let calm = view.health.is_all_well() && view.now.since(view.health.changed()) >= CALM;
        if !self.begun || (calm && self.causes > 0) {
            self.close(view, wrong);
        }
    }

    fn end(&mut self, view: &View<'_>, wrong: &mut Vec<String>) {
        self.close(view, wrong);
    }
}

/// How many things went wrong between two looks.
fn causes(changes: &[Change]) -> usize {
    let worse: Vec<&Change> = changes.iter().filter(|change| change.is_worse()).collect();
    let wider = worse.iter().filter(|change| !matches!(change, Change::Host(..))).count();
    let of_sites = worse.iter().any(|change| matches!(change, Change::Site(..)));
    // Switches that go dark with their site.
    let switches = worse.iter().filter(|change| matches!(change, Change::Switch(..))).count();
    let wider = if of_sites { wider - switches } else { wider };
    let own = |change: &&&Change| match change {
        Change::Host(_, before, now) => wider == 0 || before.fell_by_itself(*now) && !of_sites,
        Change::Switch(..) | Change::Site(..) | Change::Cma(_) => false,
    };
    wider + worse.iter().filter(own).count()
}

/// Hosts that stay away while their switch comes back: what befell them behind it changed nothing when it did.
fn left_behind(view: &View<'_>) -> usize {
    let back = view.health.changes().iter().filter_map(|change| match change {
        Change::Switch(switch, false) => Some(*switch),
        Change::Switch(..) | Change::Host(..) | Change::Site(..) | Change::Cma(_) => None,
    });
    let is_away = |host: &usize| !view.health.host(*host).is_whole() && !view.health.host_has_changed(*host);
    let behind = |switch| (0..view.world.hosts()).filter(move |host| view.world.switch_of(*host) == switch);
    back.flat_map(behind).filter(is_away).count()
}

/// How many incidents so many causes may come to.
fn at_most(causes: usize) -> usize {
    if causes <= 1 { causes } else { causes * EACH }
}

impl Causes {
    fn close(&mut self, view: &View<'_>, wrong: &mut Vec<String>) {
        let all = view.world.incidents();
        let fresh: Vec<_> = all.iter().filter(|incident| !self.known.contains(&incident.id)).collect();
        if self.begun && fresh.len() > at_most(self.causes) {
            let told = fresh.iter().filter_map(|incident| incident.alternatives.first());
            let told: Vec<String> =
                told.map(|one| format!("{} {}", one.verdict.word(), one.subject.name)).collect();
            wrong.push(format!("{} causes, and {} incidents: {}", self.causes, fresh.len(), told.join(", ")));
        }
        self.known = all.iter().map(|incident| incident.id).collect();
        self.causes = 0;
        self.begun = true;
    }
}
