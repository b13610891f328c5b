//! Incidents that their relay knows nothing of any more: it lost its state, and nobody will close them.
//!
//! Amnesia alone closes nothing. An orphan ends when the relay has told that each host it takes is up, and that held;
//! when the last of them left for good; or when a new incident of the same site takes at least half of the same hosts: then it is the same thing under
//! another id, and whoever was told of the one is not told again of the other.

use std::collections::BTreeSet;

use ringmesh_proto::keep::Keep;
use ringmesh_proto::news::{HostState, IncidentNews, Key};
use ringmesh_proto::time::{Duration, Time};
use ringmesh_topology::id::{IncidentId, Name};
use ringmesh_topology::verdict::Verdict;

use super::Cma;
use super::turn::Turn;
use crate::estate::Estate;
use crate::graph::{Facts, GraphStore, NodeKey, Source};
use crate::incident::Incident;
use crate::records;
use crate::relay::RelayKey;

/// So long all hosts of an orphan must be up.
const UP_FOR: Duration = Duration::from_secs(10);

impl<G: GraphStore> Cma<G> {
    /// A relay knows nothing of an incident that it told of before.
    pub(super) fn orphaned(&mut self, now: Time, id: IncidentId, turn: &mut Turn) {
        let Some(orphan) = self.incidents.get(id).filter(|incident| !incident.news.closed) else { return };
        let site = orphan.source.site.clone();
        self.orphans.insert(id, None);
        let heirs = self.incidents.open().filter(|heir| heir.source.site == site && !heir.is_own());
        let heirs: Vec<IncidentId> =
            heirs.map(|heir| heir.news.id).filter(|heir| !self.orphans.contains_key(heir)).collect();
        heirs.into_iter().for_each(|heir| self.adopt_orphans(now, heir, turn));
        self.look_at_orphan(now, id);
    }

    /// A relay told of an incident that it had lost, or, from a new outbox, of the end of one that it knows less of
    /// than we do.
    pub(super) fn claimed(&mut self, now: Time, source: &Source, id: IncidentId, turn: &mut Turn) {
        self.orphans.remove(&id);
        let relay = RelayKey { site: source.site.clone(), relay: source.relay };
        let ended = self.relays.get(&relay).is_some_and(|r| r.picture.of(&Key::Incident(id)).is_none());
        let older = self.incidents.get(id).is_some_and(|incident| {
            let told_by = &incident.source;
            (&told_by.site, told_by.relay) == (&source.site, source.relay) && told_by.outbox != source.outbox
        });
        if ended && older {
            self.orphaned(now, id, turn);
        }
    }

    /// What is to be written down of them.
    pub(super) fn orphans_kept(&mut self) -> Vec<Keep> {
        let ms = |since: &Option<Time>| since.map(|since| self.wall.unix_ms(since));
        let gone = self.orphans_written.keys().filter(|id| !self.orphans.contains_key(id));
        let new = self.orphans.iter().filter(|(id, since)| self.orphans_written.get(id) != Some(*since));
        let keeps = gone.map(|id| Keep::drop(records::ORPHAN, id));
        let keeps = keeps.chain(new.map(|(id, since)| Keep::put(records::ORPHAN, id, &ms(since)))).collect();
        self.orphans_written.clone_from(&self.orphans);
        keeps
    }

    pub(super) fn restore_orphan(&mut self, id: IncidentId, since_ms: Option<u64>) {
        let age = |ms: u64| Duration::from_millis(self.wall.unix_ms.saturating_sub(ms));
        let since = since_ms.map(|ms| self.wall.at.before(age(ms)));
        self.orphans.insert(id, since);
        self.orphans_written.insert(id, since);
    }

    /// An open incident takes the place of orphans with about the same hosts.
    pub(super) fn adopt_orphans(&mut self, now: Time, heir: IncidentId, turn: &mut Turn) {
        let ids: Vec<IncidentId> = self.orphans.keys().copied().filter(|id| *id != heir).collect();
        for id in ids {
            let (Some(orphan), Some(new)) = (self.incidents.get(id), self.incidents.get(heir)) else {
                continue;
            };
            if new.news.closed || !takes_the_same(new, orphan) {
                continue;
            }
            self.notifier.adopt(now, id, new);
            self.end_orphan(now, id, format!("merged into {heir}: its relay lost its state"), turn);
        }
    }

    /// The relay told something of a host.
    pub(super) fn stir_orphans(&mut self, now: Time, site: &Name, host: &Name) {
        self.orphans_of(site, host).into_iter().for_each(|id| self.look_at_orphan(now, id));
    }

    /// A host left for good: an orphan goes on without it, and ends with the last of its hosts.
    pub(super) fn leave_orphans(&mut self, now: Time, site: &Name, host: &Name, turn: &mut Turn) {
        for id in self.orphans_of(site, host) {
            let Some(incident) = self.incidents.get(id) else { continue };
            if incident.hosts().all(|name| name == host.as_str()) {
                self.end_orphan(now, id, format!("{host} left for good"), turn);
                continue;
            }
            let mut news = incident.news.clone();
            news.behind.retain(|name| name != host.as_str());
            news.silent = u32::try_from(news.behind.len()).unwrap_or(u32::MAX);
            news.why = format!("without {host}, which left for good");
            self.revise_orphan(now, id, news, turn);
            self.look_at_orphan(now, id);
        }
    }

    /// The orphans that take a host.
    pub(super) fn orphans_of(&self, site: &Name, host: &Name) -> Vec<IncidentId> {
        let touched = |id: &&IncidentId| {
            let incident = self.incidents.get(**id).filter(|incident| incident.source.site == *site);
            incident.is_some_and(|incident| incident.hosts().any(|name| name == host.as_str()))
        };
        self.orphans.keys().filter(touched).copied().collect()
    }

    /// A relay is there again: what waited for it is looked at anew.
    pub(super) fn stir_orphans_of(&mut self, now: Time, relay: &RelayKey) {
        let of = |id: &&IncidentId| self.incidents.get(**id).is_some_and(|i| i.source.site == relay.site);
        let ids: Vec<IncidentId> = self.orphans.keys().filter(of).copied().collect();
        ids.into_iter().for_each(|id| self.look_at_orphan(now, id));
    }

    fn look_at_orphan(&mut self, now: Time, id: IncidentId) {
        let all_up = self.incidents.get(id).is_some_and(|incident| self.all_up(incident));
        if let Some(since) = self.orphans.get_mut(&id) {
            *since = if all_up { Some(since.unwrap_or(now)) } else { None };
        }
    }

    /// Whether its relay is there and tells that each host it takes is up. A host that is not known any more is not;
    /// where nobody is behind it, nobody is away.
    fn all_up(&self, incident: &Incident) -> bool {
        let relay = RelayKey { site: incident.source.site.clone(), relay: incident.source.relay };
        let is_up = |host: &str| {
            let node = self.graph.node(&NodeKey::host(&relay.site, host)).ok().flatten();
            node.is_some_and(|node| {
                let up = matches!(&node.facts, Facts::Host(facts) if facts.state == HostState::Up);
                up && node.source.relay == relay.relay
            })
        };
        self.sites.is_live(&relay) && incident.hosts().all(is_up)
    }

    /// Ends those whose hosts have been up for long enough.
    pub(super) fn end_orphans(&mut self, now: Time, turn: &mut Turn) {
        let due =
            |(_, since): &(&IncidentId, &Option<Time>)| since.is_some_and(|since| since + UP_FOR <= now);
        let ids: Vec<IncidentId> = self.orphans.iter().filter(due).map(|(id, _)| *id).collect();
        for id in ids {
            // Its relay may have gone meanwhile.
            self.look_at_orphan(now, id);
            if self.orphans.get(&id).is_some_and(Option::is_some) {
                let nobody = self.incidents.get(id).is_none_or(|incident| incident.hosts().next().is_none());
                let hosts = if nobody { "no host is behind it" } else { "all its hosts are up" };
                let why = format!("its relay knows nothing of it any more, and {hosts}");
                self.end_orphan(now, id, why, turn);
            }
        }
    }

    pub(super) fn orphans_deadline(&self) -> Time {
        self.orphans.values().flatten().map(|since| *since + UP_FOR).min().unwrap_or(Time::NEVER)
    }

    pub(super) fn end_orphan(&mut self, now: Time, id: IncidentId, why: String, turn: &mut Turn) {
        self.orphans.remove(&id);
        let Some(incident) = self.incidents.get(id) else { return };
        let closed_ms = self.wall.unix_ms(now);
        let news = IncidentNews { closed: true, closed_ms, why, ..incident.news.clone() };
        self.revise_orphan(now, id, news, turn);
    }

    /// The next revision of an incident that no relay speaks of any more.
    fn revise_orphan(&mut self, now: Time, id: IncidentId, news: IncidentNews, turn: &mut Turn) {
        let Some(incident) = self.incidents.get(id) else { return };
        let key = RelayKey { site: incident.source.site.clone(), relay: incident.source.relay };
        let Some((source, sequence)) = self.relays.get(&key).map(|relay| (relay.source(), relay.sequence))
        else {
            return;
        };
        let revision = incident.news.revision.saturating_add(1);
        let news = IncidentNews { revision, at_ms: self.wall.unix_ms(now), ..news };
        match Estate::incident_operations(&self.graph, &source.site, &news) {
            Ok(ops) => {
                self.apply(now, &source, sequence, &ops, turn);
            }
            Err(error) => {
                self.store_failed(error, turn);
            }
        }
        // No relay told this: it has no sequence.
        self.take_incident(now, &source, 0, news, turn);
    }
}

/// Whether an incident of the same site, no older, takes at least half of an orphan's hosts.
fn takes_the_same(heir: &Incident, orphan: &Incident) -> bool {
    let new: BTreeSet<&str> = heir.hosts().collect();
    let same = orphan.hosts().filter(|host| new.contains(host)).count();
    let later = heir.news.opened_ms >= orphan.news.opened_ms;
    // That a leg is lost, a cable moved or a host away as it said is another matter: nobody fell silent.
    let planned = heir.best().is_some_and(|best| best.verdict == Verdict::Planned);
    let silences = heir.news.silent > 0 && !planned;
    heir.source.site == orphan.source.site
        && !heir.is_own()
        && later
        && silences
        && same > 0
        && same * 2 >= orphan.hosts().count()
}

#[cfg(test)]
mod tests;
