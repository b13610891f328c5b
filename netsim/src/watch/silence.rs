//! Every silent member is explained by exactly one open incident.

use std::collections::BTreeMap;
use std::time::Duration;

use ringmesh_proto::time::Time;

use super::{View, Watch};

/// How often is looked.
const EVERY: Duration = Duration::from_secs(5);
/// So long it was well before: it is a member.
const MEMBER: Duration = Duration::from_secs(20);
/// So long it has been silent, with a relay that could hear it and a CMA that could be told.
const LONG: Duration = Duration::from_secs(30);

/// The law.
#[derive(Default)]
pub(super) struct Silence {
    looked: Time,
    /// Hosts that were members once.
    members: BTreeMap<usize, ()>,
}

impl Watch for Silence {
    fn look(&mut self, view: &View<'_>, wrong: &mut Vec<String>) {
        if view.now.since(self.looked) < EVERY {
            return;
        }
        self.looked = view.now;
        let hosts = 0..view.world.hosts();
        let well = hosts.clone().filter(|host| view.health.host_well_for(*host) >= MEMBER);
        self.members.extend(well.map(|host| (host, ())));
        let Some(cma) = view.world.cma() else { return };
        let silent: Vec<usize> = hosts.filter(|host| self.is_silent_for_long(view, *host)).collect();
        if silent.is_empty() {
            return;
        }
        let open = cma.incidents(view.now, false).incidents;
        for host in silent {
            let name = view.world.name(host).as_str();
            let explains = open.iter().filter(|incident| {
                let about = incident.subject.kind == "host" && incident.subject.name == name;
                about || incident.behind.iter().any(|behind| behind == name)
            });
            let explains: Vec<String> =
                explains.map(|incident| format!("{} {}", incident.verdict, incident.subject.name)).collect();
            if explains.len() != 1 {
                let since = view.now.since(view.health.host_is_so_since(host));
                wrong.push(format!("{name} is silent for {since:?}, explained by {explains:?}"));
            }
        }
    }
}

impl Silence {
    fn is_silent_for_long(&self, view: &View<'_>, host: usize) -> bool {
        let site = view.world.site_of(host);
        self.members.contains_key(&host)
            && view.health.host(host).is_silent()
            && view.now.since(view.health.host_is_so_since(host)) >= LONG
            && view.health.told_well_for(site) >= LONG
    }
}
