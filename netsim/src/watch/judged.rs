//! No incident accuses what was well and could be reached.

use std::collections::BTreeSet;
use std::time::Duration;

use ringmesh_proto::news::{IncidentNews, SubjectKind};
use ringmesh_proto::time::Time;
use ringmesh_topology::id::IncidentId;
use ringmesh_topology::verdict::Verdict;

use super::{View, Watch};

/// What was broken so shortly before may still be accused: news take their time, and returns are held.
const SHORTLY: Duration = Duration::from_secs(30);

/// The law.
#[derive(Default)]
pub(super) struct Judged {
    seen: BTreeSet<IncidentId>,
}

impl Watch for Judged {
    fn look(&mut self, view: &View<'_>, wrong: &mut Vec<String>) {
        for incident in view.world.incidents() {
            if self.seen.insert(incident.id) {
                wrong.extend(accuses_the_well(view, incident));
            }
        }
    }
}

/// Whether a verdict says that something is broken now.
fn accuses(verdict: Verdict) -> bool {
    use Verdict::{
        HostDown, HostHung, HostOrCable, HostSlow, NotReturned, ProbeDown, RackPower, RelayDown, SharedFate,
        SiteCut, SiteDark, SwitchDown, UplinkCut,
    };
    [
        HostDown,
        HostHung,
        HostOrCable,
        HostSlow,
        NotReturned,
        ProbeDown,
        RackPower,
        RelayDown,
        SharedFate,
        SiteCut,
        SiteDark,
        SwitchDown,
        UplinkCut,
    ]
    .contains(&verdict)
}

/// What is told of an incident whose likeliest cause had been well for long when it was opened.
pub(super) fn accuses_the_well(view: &View<'_>, incident: &IncidentNews) -> Option<String> {
    let best = incident.alternatives.first().filter(|best| accuses(best.verdict))?;
    let name = best.subject.name.as_str();
    let ailed = match best.subject.kind {
        SubjectKind::Host => view.health.host_ailed(view.world.host(name)?),
        // Of those who are not back some may have stood there as copies of others.
        SubjectKind::Switch if best.verdict == Verdict::NotReturned => {
            switch_ailed(view, name)?.max(behind_ailed(view, incident).unwrap_or(Time::ZERO))
        }
        SubjectKind::Switch => switch_ailed(view, name)?,
        SubjectKind::Set => behind_ailed(view, incident)?,
        SubjectKind::Relay | SubjectKind::Site => {
            let own = |site: &usize| {
                let own = view.world.site_name(*site).as_str();
                name == own || name.strip_prefix(own).is_some_and(|rest| rest.starts_with('/'))
            };
            let site = (0..view.world.sites()).find(own)?;
            view.health.site_ailed(site).max(view.health.cma_ailed())
        }
    };
    let opened = incident.opened_ms;
    let well_for = Duration::from_millis(opened.saturating_sub(view.world.wall_ms(ailed)));
    (well_for > SHORTLY).then(|| format!("{} {name}, which was well for {well_for:?}", best.verdict.word()))
}

/// The last moment when something was wrong with one of those behind.
fn behind_ailed(view: &View<'_>, incident: &IncidentNews) -> Option<Time> {
    let hosts = incident.behind.iter().filter_map(|name| view.world.host(name));
    hosts.map(|host| view.health.host_ailed(host)).max()
}

/// The last moment when something was wrong with a switch, or with a host on it.
fn switch_ailed(view: &View<'_>, name: &str) -> Option<Time> {
    let number: usize = name.strip_prefix("sw")?.parse().ok()?;
    let switch = number.checked_sub(1).filter(|switch| *switch < view.world.switches())?;
    let on = (0..view.world.hosts()).filter(|host| view.world.switches_of(*host).any(|of| of == switch));
    let hosts = on.map(|host| view.health.host_ailed(host));
    hosts.chain([view.health.switch_ailed(switch)]).max()
}
