//! Incidents of our own: what [`crate::sites`] finds, taken as incidents are, and the mesh ring that follows.

use std::collections::BTreeSet;

use ringmesh_proto::draws::{Draws, Purpose};
use ringmesh_proto::news::{IncidentNews, PeerNews};
use ringmesh_proto::time::{Duration, Time};
use ringmesh_topology::id::{IncidentId, Name};

use super::turn::Turn;
use super::{Action, Cma, Say};
use crate::estate::Estate;
use crate::graph::{GraphStore, Source};
use crate::history::{Happened, Thing};
use crate::incident::OWN;
use crate::mesh::{End, Member};
use crate::relay::{Relay, RelayKey};
use crate::sites::{About, Finding, Step, words};

/// Lost again within this after its end, an outage is the same.
const REOPEN_WITHIN: Duration = Duration::from_secs(300);
/// While our own store fails nothing is judged: relays stay away because of us.
const STORE_RETRY: Duration = Duration::from_secs(1);
/// Under which our ids are drawn; a relay draws under its term and number.
const ENTITY: u64 = u64::MAX;

impl<G: GraphStore> Cma<G> {
    pub(super) fn peer(&mut self, now: Time, by: &RelayKey, news: &PeerNews, turn: &mut Turn) {
        let about = RelayKey { site: news.site.clone(), relay: news.relay };
        turn.keep([self.sites.word(self.wall, now, by, about, news.state)]);
    }

    /// Judges what is lost, and cuts the ring anew where that changed who stands in it.
    pub(super) fn look_at_sites(&mut self, now: Time, turn: &mut Turn) {
        if !self.sites.wants_a_look(now) {
            return;
        }
        if self.store_error.is_some() {
            self.sites.put_off(now + STORE_RETRY);
            return;
        }
        while let Some(step) = self.sites.step(now, &self.mesh) {
            self.take_step(now, step, turn);
        }
        turn.keep(self.mesh.cut(self.mesh_members()));
        self.tell_the_ring(turn);
    }

    fn take_step(&mut self, now: Time, step: Step, turn: &mut Turn) {
        match step {
            Step::Lost { relay, ended } => self.lost(now, relay, ended, turn),
            Step::Open(finding) => self.open(now, &finding, turn),
            Step::Settle { outage, verdict, about, proof } => {
                let at_ms = self.wall.unix_ms(now);
                let settle = |news: &IncidentNews| words::settled(news, verdict, &about, proof, at_ms);
                self.revise(now, outage, settle, turn);
            }
            Step::Close { outage } => {
                self.close_own(now, outage, "its stream is back and held", turn);
            }
        }
    }

    fn lost(&mut self, now: Time, relay: RelayKey, ended: bool, turn: &mut Turn) {
        if let Some(source) = self.relays.get(&relay).map(Relay::source) {
            self.note(now, &source, 0, Thing::Relay(relay.relay.0), Happened::Lost { ended }, turn);
        }
        turn.put(Action::Say(if ended { Say::RelayGone(relay) } else { Say::RelaySilent(relay) }));
    }

    fn open(&mut self, now: Time, finding: &Finding, turn: &mut Turn) {
        let at_ms = self.wall.unix_ms(now);
        let since_ms = self.wall.unix_ms(finding.since);
        let source = self.own_source(&finding.about);
        let news = match self.just_over(at_ms, &source.site, finding) {
            Some(before) => IncidentNews {
                revision: before.revision.saturating_add(1),
                opened_ms: before.opened_ms,
                ..words::opened(before.id, finding, since_ms, at_ms)
            },
            None => {
                self.outages_given += 1;
                let id = Draws::new(self.identity.epoch, ENTITY).bits(Purpose::Incident, self.outages_given);
                words::opened(IncidentId(id), finding, since_ms, at_ms)
            }
        };
        self.sites.opened(news.id, finding);
        self.take_own(now, &source, news, turn);
    }

    /// The incident of the same thing that ended a moment ago: down again is the same.
    fn just_over(&self, at_ms: u64, site: &Name, finding: &Finding) -> Option<&IncidentNews> {
        let subjects: Vec<_> = finding.alternatives.iter().map(|(_, about)| words::subject(about)).collect();
        let reopen_ms = u64::try_from(REOPEN_WITHIN.as_millis()).unwrap_or(u64::MAX);
        let own = self.incidents.iter().filter(|incident| incident.is_own() && incident.source.site == *site);
        let over = own.map(|incident| &incident.news).filter(|news| {
            let same = news.alternatives.iter().any(|a| subjects.contains(&a.subject));
            news.closed && same && at_ms.saturating_sub(news.closed_ms) <= reopen_ms
        });
        over.max_by_key(|news| news.closed_ms)
    }

    pub(super) fn close_own(&mut self, now: Time, outage: IncidentId, why: &str, turn: &mut Turn) {
        let at_ms = self.wall.unix_ms(now);
        self.revise(now, outage, |news| words::closed(news, why, at_ms), turn);
    }

    fn revise(
        &mut self,
        now: Time,
        outage: IncidentId,
        next: impl FnOnce(&IncidentNews) -> IncidentNews,
        turn: &mut Turn,
    ) {
        let Some(incident) = self.incidents.get(outage) else { return };
        let (source, news) = (incident.source.clone(), next(&incident.news));
        self.take_own(now, &source, news, turn);
    }

    /// Takes a revision of our own as one of a relay is taken.
    fn take_own(&mut self, now: Time, source: &Source, news: IncidentNews, turn: &mut Turn) {
        self.own_sequence += 1;
        let sequence = self.own_sequence;
        match Estate::incident_operations(&self.graph, &source.site, &news) {
            Ok(ops) => {
                self.apply(now, source, sequence, &ops, turn);
            }
            Err(error) => {
                self.store_failed(error, turn);
            }
        }
        self.take_incident(now, source, sequence, news, turn);
    }

    /// Our own news come from no relay. What is about ourselves is of no site: the installation's name stands for it.
    fn own_source(&self, about: &About) -> Source {
        let site = match about {
            About::Relay(key) => key.site.clone(),
            About::Site(site) => site.clone(),
            About::Cma => self.config.installation.clone(),
        };
        Source { site, relay: OWN, outbox: self.identity.epoch }
    }

    /// One relay of each site: of those that can be reached the one that acts. One that was just lost keeps its place
    /// until it is judged, for its neighbours are the witnesses.
    fn mesh_members(&self) -> Vec<Member> {
        let sites: BTreeSet<&Name> = self.relays.iter().map(|(key, _)| &key.site).collect();
        sites.into_iter().filter_map(|site| self.mesh_member(site)).collect()
    }

    fn mesh_member(&self, site: &Name) -> Option<Member> {
        let of_site = self.relays.iter().filter(|(key, _)| key.site == *site && !self.sites.is_out(key));
        let rank = |(key, relay): &(&RelayKey, &Relay)| {
            let on_trial = self.mesh.has(key) && self.sites.is_undecided(key);
            (on_trial, self.sites.is_live(key), relay.hello.term, core::cmp::Reverse(key.relay))
        };
        let candidates = of_site.filter(|(_, relay)| relay.hello.mesh_address.is_some());
        let (key, relay) = candidates.max_by_key(rank)?;
        let end = End { relay: key.clone(), run: relay.hello.run };
        Some(Member { end, address: relay.hello.mesh_address? })
    }

    /// Every relay that speaks and takes part is told its place, whole, when it connects and when it changed.
    fn tell_the_ring(&mut self, turn: &mut Turn) {
        for (key, relay) in self.relays.iter() {
            let Some(stream) = relay.stream.filter(|_| relay.hello.mesh_address.is_some()) else { continue };
            let order = self.mesh.order(key);
            if self.mesh_told.get(key) != Some(&(stream, order.clone())) {
                self.mesh_told.insert(key.clone(), (stream, order.clone()));
                turn.put(Action::Mesh { stream, order });
            }
        }
    }
}
