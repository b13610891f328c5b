//! From what is lost and what neighbours say to findings, and from returns to proofs.

use std::collections::BTreeSet;

use ringmesh_proto::news::{PeerState, StartNews};
use ringmesh_proto::time::Time;
use ringmesh_topology::id::{IncidentId, Name};
use ringmesh_topology::verdict::Verdict;

use super::{
    About, BACK_WITHIN, CONNECT_WITHIN, Cause, Contact, Evidence, Finding, HEARD_AFTER_END,
    HEARD_AFTER_SILENCE, Loss, Outage, Phase, Proof, START_WITHIN, Sites, Step, TOGETHER, WORD_BEFORE,
};
use crate::mesh::Mesh;
use crate::relay::RelayKey;

/// What the living neighbours of a lost relay say of it.
#[derive(Default)]
struct Said {
    neighbours: usize,
    heard: Vec<RelayKey>,
    silent: Vec<RelayKey>,
    refused: Vec<RelayKey>,
}

impl Sites {
    pub(super) fn judge(&self, now: Time, mesh: &Mesh) -> Option<Step> {
        let lost: Vec<(&RelayKey, Loss)> = self.undecided().collect();
        let alone = !self.contacts.values().any(Contact::is_live);
        if alone && together(&lost) {
            // It is our own line, or soon to be known as such: no site is blamed for it.
            return lost.iter().all(|(_, loss)| is_ripe(now, *loss)).then(|| all_lost(&lost));
        }
        let finding = |(relay, loss): &(&RelayKey, Loss)| {
            let said = self.said(mesh, relay, *loss);
            match loss.cause {
                Cause::Ended => self.of_ended(now, relay, *loss, said),
                Cause::Silent | Cause::Absent => self.of_silent(now, relay, *loss, said, alone),
            }
        };
        lost.iter().find_map(finding).map(Step::Open)
    }

    fn of_ended(&self, now: Time, relay: &RelayKey, loss: Loss, said: Said) -> Option<Finding> {
        let gone = now.since(loss.since);
        if !said.refused.is_empty() {
            return Some(relay_down(relay, loss, Evidence::Refused(said.refused)));
        }
        if gone < BACK_WITHIN || (!said.heard.is_empty() && gone < HEARD_AFTER_END) {
            return None;
        }
        Some(match said.heard.is_empty() {
            true => relay_down(relay, loss, Evidence::Ended),
            false => self.of_site(relay, &[Verdict::WanPathFault], Evidence::EndedHeard(said.heard)),
        })
    }

    fn of_silent(&self, now: Time, relay: &RelayKey, loss: Loss, said: Said, alone: bool) -> Option<Finding> {
        let patience = if loss.cause == Cause::Absent { CONNECT_WITHIN } else { HEARD_AFTER_SILENCE };
        let ripe = now.since(loss.since) >= patience;
        let at_once = ripe || loss.cause == Cause::Silent;
        if at_once && !said.refused.is_empty() {
            return Some(relay_down(relay, loss, Evidence::Refused(said.refused)));
        }
        let site_speaks = self.contacts.iter().any(|(key, c)| key.site == relay.site && c.is_live());
        let all_silent = said.neighbours > 0 && said.silent.len() == said.neighbours;
        match () {
            () if at_once && all_silent && !site_speaks => Some(self.cut_or_dark(relay, said, alone)),
            () if !ripe => None,
            () if site_speaks && said.heard.is_empty() => Some(relay_down(relay, loss, Evidence::SiteSpeaks)),
            () if site_speaks => {
                Some(self.of_site(relay, &[Verdict::WanPathFault], Evidence::Heard(said.heard)))
            }
            () => Some(self.cut_or_dark(relay, said, alone)),
        }
    }

    fn cut_or_dark(&self, relay: &RelayKey, said: Said, alone: bool) -> Finding {
        let either = [Verdict::SiteCut, Verdict::SiteDark];
        if !said.heard.is_empty() {
            return self.of_site(relay, &[Verdict::SiteCut], Evidence::Heard(said.heard));
        }
        if !said.silent.is_empty() {
            return self.of_site(relay, &either, Evidence::Silent(said.silent));
        }
        let (evidence, also) = match alone {
            true => (Evidence::Alone, (Verdict::CmaCut, About::Cma)),
            false => (Evidence::NoWitness, (Verdict::RelayDown, About::Relay(relay.clone()))),
        };
        let mut finding = self.of_site(relay, &either, evidence);
        finding.alternatives.push(also);
        finding
    }

    /// A verdict about the whole site: it takes all its relays that are lost.
    fn of_site(&self, relay: &RelayKey, verdicts: &[Verdict], evidence: Evidence) -> Finding {
        let about = About::Site(relay.site.clone());
        let lost: Vec<_> = self.undecided().filter(|(key, _)| key.site == relay.site).collect();
        Finding {
            alternatives: verdicts.iter().map(|verdict| (*verdict, about.clone())).collect(),
            about,
            takes: lost.iter().map(|(key, _)| (*key).clone()).collect(),
            since: since(&lost),
            evidence,
        }
    }

    /// What living neighbours say of a relay, or of others of its site that are lost too. What was said before the
    /// loss says nothing of it; but after a start of our own nobody knows when that was.
    fn said(&self, mesh: &Mesh, relay: &RelayKey, loss: Loss) -> Said {
        let mut said = Said::default();
        let lost = self.undecided().map(|(key, _)| key).filter(|key| key.site == relay.site);
        for about in lost.filter(|key| *key == relay || loss.cause != Cause::Ended) {
            let neighbours = mesh.neighbours(about).into_iter();
            for by in neighbours.filter(|by| by.site != relay.site && self.is_live(by)) {
                said.neighbours += 1;
                let Some(word) = self.words.get(&(about.clone(), by.clone())) else { continue };
                let fresh = loss.cause == Cause::Absent || word.at + WORD_BEFORE >= loss.since;
                match word.state {
                    PeerState::Heard => said.heard.push(by),
                    PeerState::Silent if fresh => said.silent.push(by),
                    PeerState::Refused if fresh => said.refused.push(by),
                    PeerState::Silent | PeerState::Refused | PeerState::Unwatched => {}
                }
            }
        }
        said
    }

    /// Returns, what they prove, and ends.
    pub(super) fn next_return(&mut self, now: Time) -> Option<Step> {
        let ids: Vec<_> = self.outages.keys().copied().collect();
        for id in ids {
            let outage = self.outages.get(&id)?;
            match (outage.phase, self.back_through(outage)) {
                (Phase::Away, Some(relay)) => self.came_back(now, id, relay),
                (Phase::Back { .. }, None) => self.lost_again(id),
                (Phase::Away, None) | (Phase::Back { .. }, Some(_)) => {}
            }
            let step = self.proof(now, id).or_else(|| self.end(now, id));
            if step.is_some() {
                return step;
            }
        }
        None
    }

    /// The relay through which what was lost is back.
    fn back_through(&self, outage: &Outage) -> Option<RelayKey> {
        if let Some(by) = outage.by.as_ref().filter(|by| self.is_live(by)) {
            return Some(by.clone());
        }
        let kept = &outage.kept;
        let is_part = |relay: &&RelayKey| match &kept.about {
            About::Relay(key) => *relay == key,
            About::Site(_) if kept.site_spoke => kept.takes.contains(*relay),
            About::Site(site) => relay.site == *site,
            About::Cma => true,
        };
        let live = self.contacts.iter().filter(|(_, contact)| contact.is_live()).map(|(relay, _)| relay);
        let parts: Vec<&RelayKey> = live.filter(is_part).collect();
        let known = parts.iter().find(|relay| kept.takes.contains(**relay));
        known.or(parts.first()).map(|relay| (*relay).clone())
    }

    /// The others that it took are on their own from now on, and get their time to come too.
    fn came_back(&mut self, now: Time, id: IncidentId, relay: RelayKey) {
        let Some(outage) = self.outages.get_mut(&id) else { return };
        outage.phase = Phase::Back { since: now };
        let contacts = &mut self.contacts;
        outage.kept.takes.retain(|key| match contacts.get_mut(key) {
            Some(contact) if contact.loss.is_some() => {
                contact.loss = Some(Loss { cause: Cause::Absent, since: now, told: true });
                false
            }
            Some(_) | None => true,
        });
        outage.kept.takes.insert(relay.clone());
        outage.by = Some(relay);
        self.touched.insert(id);
    }

    /// It takes what it took before, as the runs that they were when each was lost first: one that came as another run
    /// had no time to say what it found, and does when it is back for good.
    fn lost_again(&mut self, id: IncidentId) {
        let Some(outage) = self.outages.get(&id) else { return };
        let mine = |key: &RelayKey| match &outage.kept.about {
            About::Relay(_) => false,
            About::Site(site) => key.site == *site,
            About::Cma => true,
        };
        let more: Vec<RelayKey> =
            self.undecided().map(|(key, _)| key).filter(|key| mine(key)).cloned().collect();
        let Some(outage) = self.outages.get_mut(&id) else { return };
        (outage.phase, outage.by) = (Phase::Away, None);
        outage.kept.takes.extend(more);
        for key in &outage.kept.takes {
            if let Some(contact) = self.contacts.get(key) {
                outage.kept.runs.entry(key.clone()).or_insert(contact.run);
            }
        }
        self.touched.insert(id);
    }

    fn proof(&mut self, now: Time, id: IncidentId) -> Option<Step> {
        let outage = self.outages.get(&id).filter(|outage| !outage.kept.settled)?;
        let (Phase::Back { since }, Some(by)) = (outage.phase, &outage.by) else { return None };
        let run = self.contacts.get(by)?.run;
        let start = self.starts.get(by).filter(|(of, _)| *of == run).map(|(_, start)| *start);
        let proof = match start {
            _ if outage.kept.runs.get(by) == Some(&run) => Proof::SameRun,
            Some(start) => Proof::Start(start),
            None if now.since(since) >= START_WITHIN => Proof::NoStart,
            None => return None,
        };
        let (verdict, about) = settled(outage, by, proof);
        self.outages.get_mut(&id)?.kept.settled = true;
        self.touched.insert(id);
        Some(Step::Settle { outage: id, verdict, about, proof })
    }

    fn end(&mut self, now: Time, id: IncidentId) -> Option<Step> {
        let outage = self.outages.get(&id).filter(|outage| outage.kept.settled)?;
        let Phase::Back { since } = outage.phase else { return None };
        if now < since + self.close_hold {
            return None;
        }
        self.outages.remove(&id);
        self.touched.insert(id);
        Some(Step::Close { outage: id })
    }
}

/// What an outage was, now that something of it is back.
fn settled(outage: &Outage, by: &RelayKey, proof: Proof) -> (Verdict, About) {
    let site = About::Site(by.site.clone());
    let spoke = outage.kept.site_spoke;
    match proof {
        Proof::SameRun if spoke => (Verdict::WanPathFault, site),
        Proof::SameRun => (Verdict::SiteCut, site),
        Proof::Start(start) if is_dark(start) && !spoke => (Verdict::SiteDark, site),
        Proof::Start(_) | Proof::NoStart => {
            let lost = outage.kept.runs.keys().find(|key| key.site == by.site);
            (Verdict::RelayDown, About::Relay(lost.unwrap_or(by).clone()))
        }
    }
}

/// At least half of the hosts that are back have booted meanwhile.
fn is_dark(start: StartNews) -> bool {
    start.rebooted > 0 && start.rebooted >= start.kept
}

fn relay_down(relay: &RelayKey, loss: Loss, evidence: Evidence) -> Finding {
    let about = About::Relay(relay.clone());
    Finding {
        alternatives: vec![(Verdict::RelayDown, about.clone())],
        about,
        takes: BTreeSet::from([relay.clone()]),
        since: loss.since,
        evidence,
    }
}

fn all_lost(lost: &[(&RelayKey, Loss)]) -> Step {
    Step::Open(Finding {
        about: About::Cma,
        alternatives: vec![(Verdict::CmaCut, About::Cma)],
        takes: lost.iter().map(|(relay, _)| (*relay).clone()).collect(),
        since: since(lost),
        evidence: Evidence::AllLost(lost.len()),
    })
}

fn since(lost: &[(&RelayKey, Loss)]) -> Time {
    lost.iter().map(|(_, loss)| loss.since).min().unwrap_or(Time::ZERO)
}

/// Relays of two sites or more that were lost at about one time.
fn together(lost: &[(&RelayKey, Loss)]) -> bool {
    let sites: BTreeSet<&Name> = lost.iter().map(|(relay, _)| &relay.site).collect();
    let last = lost.iter().map(|(_, loss)| loss.since).max().unwrap_or(Time::ZERO);
    sites.len() >= 2 && last.since(since(lost)) <= TOGETHER
}

/// Whether a relay that nobody else speaks of had its time to come back.
fn is_ripe(now: Time, loss: Loss) -> bool {
    let gone = now.since(loss.since);
    match loss.cause {
        Cause::Ended => gone >= BACK_WITHIN,
        Cause::Silent => true,
        Cause::Absent => gone >= CONNECT_WITHIN,
    }
}
