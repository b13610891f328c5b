//! A host that loses its power while all around it is well is noticed once, within its bound.

use std::time::Duration;

use ringmesh_proto::time::Time;

use super::{Change, View, Watch};

/// So long everything was well before.
const CALM: Duration = Duration::from_secs(20);
/// From a death to its incident at the CMA; a look may come a little later.
const BOUND: Duration = Duration::from_millis(4_100);
/// So much more where datagrams are lost: words are repeated then.
const WHERE_LOST: Duration = Duration::from_secs(6);

/// A host that died alone.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lone {
    pub(super) host: usize,
    pub(super) at: Time,
}

/// Those who died since the look before while all around them had been well for a while, and is.
pub(super) fn lone_deaths(view: &View<'_>) -> Vec<Lone> {
    let died = |change: &Change| match change {
        Change::Host(host, before, now) if before.is_whole() && !now.power => Some(*host),
        _ => None,
    };
    let all: Vec<usize> = view.health.changes().iter().filter_map(died).collect();
    let [host] = all.as_slice() else { return Vec::new() };
    let calm = view.health.around_is_well(view.world, *host)
        && view.now.since(view.health.around_changed(view.world, *host)) >= CALM;
    let ring = view.world.ring_of(*host).len();
    if calm && ring >= 3 { vec![Lone { host: *host, at: view.now }] } else { Vec::new() }
}

/// Whether nothing else has happened around it, nor to itself.
pub(super) fn is_still_alone(view: &View<'_>, lone: &Lone) -> bool {
    view.health.host_is_so_since(lone.host) == lone.at
        && view.health.around_changed(view.world, lone.host) < lone.at
}

/// The law.
#[derive(Default)]
pub(super) struct Deaths {
    before: Vec<(usize, Time)>,
    open: Vec<Lone>,
}

impl Watch for Deaths {
    fn look(&mut self, view: &View<'_>, wrong: &mut Vec<String>) {
        for lone in lone_deaths(view) {
            // One that was itself well for long enough to be watched.
            let since =
                self.before.iter().find(|(host, _)| *host == lone.host).map_or(Time::ZERO, |(_, at)| *at);
            if lone.at.since(since) >= CALM {
                self.open.push(lone);
            }
        }
        for change in view.health.changes() {
            if let Change::Host(host, _, _) = change {
                self.before.retain(|(known, _)| known != host);
                self.before.push((*host, view.now));
            }
        }
        self.open.retain(|lone| is_still_alone(view, lone));
        let due = |lone: &Lone| view.now.since(lone.at) >= bound(view, lone.host);
        for lone in self.open.iter().filter(|lone| due(lone)) {
            let name = view.world.name(lone.host);
            let told = notices(view, lone);
            if told != 1 {
                wrong.push(format!(
                    "{name} died {:?} ago, and {told} incidents tell of it",
                    view.now.since(lone.at)
                ));
            }
        }
        self.open.retain(|lone| !due(lone));
    }
}

fn bound(view: &View<'_>, host: usize) -> Duration {
    let (delay, lost) = view.world.wan_quality(view.world.site_of(host));
    let more = if lost > 0 || view.world.loss_permille() > 0 { WHERE_LOST } else { Duration::ZERO };
    BOUND + delay * 2 + more
}

/// How many incidents that were opened since then are about it, or take it.
fn notices(view: &View<'_>, lone: &Lone) -> usize {
    let name = view.world.name(lone.host).as_str();
    let since = view.world.wall_ms(lone.at).saturating_sub(200);
    let told = view.world.incidents().into_iter().filter(|incident| incident.opened_ms >= since);
    told.filter(|incident| {
        let about = incident.alternatives.iter().any(|one| one.subject.name == name);
        about || incident.behind.iter().any(|behind| behind == name)
    })
    .count()
}
