//! Which relays and sites are lost, and what that is: judged from our own streams and from what relays of other sites
//! hear over the mesh ring.
//!
//! A small machine beside the authority: it is told what happens to streams and what neighbours say, and hands out
//! one [`Step`] at a time until nothing is left to do at that moment. It reads no clock and keeps no words; what people
//! read is put together in [`words`].
//!
//! The moments are those of the beats: a relay pulses every two seconds, and its neighbours call it silent 8.05 s after
//! its last beat. A pulse may be two seconds older than a beat that a neighbour heard, so a neighbour's word counts as
//! "heard still" eleven seconds after the last pulse and no earlier; by then a cut of our own line shows as such too.
//!
//! # Invariants
//! - A lost relay is taken by at most one open outage; an outage is closed only by a stream that held.
//! - After [`Sites::step`] has given `None` at `now`, [`Sites::next_deadline`] is later than `now`.

mod judge;
mod kept;
pub mod words;

pub(crate) use kept::KeptOutage;

use std::collections::{BTreeMap, BTreeSet};

use ringmesh_proto::keep::Keep;
use ringmesh_proto::news::{PeerState, StartNews};
use ringmesh_proto::time::{Duration, Time, WallClock};
use ringmesh_topology::id::{Boot, IncidentId, Name};
use ringmesh_topology::verdict::Verdict;
use serde::{Deserialize, Serialize};

use crate::mesh::Mesh;
use crate::records;
use crate::relay::RelayKey;

/// A relay that pulses and says nothing for so long is lost: four pulses, and what a pulse may be late by.
pub const SILENT_AFTER: Duration = Duration::from_millis(8_200);
/// A stream that ended is back within this, or its relay is lost.
const BACK_WITHIN: Duration = Duration::from_secs(3);
/// Whoever hears a relay so long after its stream ended hears it still.
const HEARD_AFTER_END: Duration = Duration::from_secs(9);
/// Whoever hears a relay so long after it was heard here last hears it still.
const HEARD_AFTER_SILENCE: Duration = Duration::from_secs(11);
/// After our own start, or once our own line is back, relays get so long to connect.
pub const CONNECT_WITHIN: Duration = Duration::from_secs(15);
/// A relay with a new run says within this what it found of its site.
const START_WITHIN: Duration = Duration::from_secs(15);
/// Relays that are lost within this of each other are lost together.
const TOGETHER: Duration = Duration::from_secs(10);
/// A neighbour's word may be so much older than the loss that it tells of.
const WORD_BEFORE: Duration = Duration::from_secs(3);
/// A stream that was silent for so long before it ended did not end by the relay's doing.
const SILENT_BEFORE_END: Duration = Duration::from_secs(5);

/// What a verdict is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum About {
    /// A relay.
    Relay(RelayKey),
    /// A site.
    Site(Name),
    /// This authority.
    Cma,
}

/// What a judgement rests on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Evidence {
    /// These neighbours were refused at its port.
    Refused(Vec<RelayKey>),
    /// Its stream ended, it did not come back, and no neighbour hears it.
    Ended,
    /// Its stream ended, and these neighbours hear it still.
    EndedHeard(Vec<RelayKey>),
    /// It fell silent here, and these neighbours, all there are, hear nothing either.
    Silent(Vec<RelayKey>),
    /// It fell silent here, and these neighbours hear it still.
    Heard(Vec<RelayKey>),
    /// It fell silent here, and another relay of its site speaks.
    SiteSpeaks,
    /// It fell silent here, and nobody else can tell.
    NoWitness,
    /// It fell silent here, and there is nobody else at all.
    Alone,
    /// So many relays were lost together, which is all.
    AllLost(usize),
}

/// Something is lost: what it may be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What it is named after.
    pub about: About,
    /// What the evidence allows.
    pub alternatives: Vec<(Verdict, About)>,
    /// The relays it takes.
    pub takes: BTreeSet<RelayKey>,
    /// When the first of them was heard last.
    pub since: Time,
    /// Why.
    pub evidence: Evidence,
}

/// By what an outage was settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// Its relay came back as the run it was.
    SameRun,
    /// Its relay is a new run, and tells this of its hosts.
    Start(StartNews),
    /// Its relay is a new run, and had nothing to tell of its hosts.
    NoStart,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// A relay is lost; no verdict yet.
    Lost {
        /// Which.
        relay: RelayKey,
        /// Its stream ended; else it fell silent.
        ended: bool,
    },
    /// Open an incident, and say so by [`Sites::opened`] before the next step.
    Open(Finding),
    /// The verdict is another now, or settled.
    Settle {
        /// Of which outage.
        outage: IncidentId,
        /// What it was.
        verdict: Verdict,
        /// Of what.
        about: About,
        /// Why.
        proof: Proof,
    },
    /// It is over.
    Close {
        /// Which.
        outage: IncidentId,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cause {
    /// Its stream ended.
    Ended,
    /// It said nothing any more.
    Silent,
    /// We started, or our line came back, and it has not connected.
    Absent,
}

#[derive(Clone, Copy, Debug)]
struct Loss {
    cause: Cause,
    /// When it was heard last; of an ended stream, its end.
    since: Time,
    /// It was said that it is lost.
    told: bool,
}

#[derive(Clone, Debug)]
struct Contact {
    run: Boot,
    has_stream: bool,
    pulses: bool,
    heard_at: Time,
    loss: Option<Loss>,
}

impl Contact {
    fn is_live(&self) -> bool {
        self.has_stream && self.loss.is_none()
    }
}

#[derive(Clone, Copy, Debug)]
struct Word {
    state: PeerState,
    at: Time,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Away,
    Back { since: Time },
}

/// An open incident of our own.
#[derive(Clone, Debug)]
struct Outage {
    kept: KeptOutage,
    phase: Phase,
    /// Through whom it is back.
    by: Option<RelayKey>,
}

/// See the module.
#[derive(Debug)]
pub struct Sites {
    close_hold: Duration,
    contacts: BTreeMap<RelayKey, Contact>,
    /// What is heard of a relay, by whom.
    words: BTreeMap<(RelayKey, RelayKey), Word>,
    starts: BTreeMap<RelayKey, (Boot, StartNews)>,
    outages: BTreeMap<IncidentId, Outage>,
    touched: BTreeSet<IncidentId>,
    /// Something changed since it was looked at last.
    stirred: bool,
    deadline: Time,
}

impl Sites {
    /// Nobody is known yet.
    pub fn new(close_hold: Duration) -> Self {
        Self {
            close_hold,
            contacts: BTreeMap::new(),
            words: BTreeMap::new(),
            starts: BTreeMap::new(),
            outages: BTreeMap::new(),
            touched: BTreeSet::new(),
            stirred: false,
            deadline: Time::NEVER,
        }
    }

    /// A relay has a stream. Says what must be written down.
    pub fn connected(&mut self, now: Time, relay: &RelayKey, run: Boot) -> Vec<Keep> {
        self.stirred = true;
        let before = self.contacts.get(relay);
        let pulses = before.is_some_and(|before| before.run == run && before.pulses);
        let other_run = before.is_some_and(|before| before.run != run);
        let contact = Contact { run, has_stream: true, pulses, heard_at: now, loss: None };
        self.contacts.insert(relay.clone(), contact);
        // Another run has other links: what the one before heard is history.
        if other_run { self.forget_words(|_, by| by == relay) } else { Vec::new() }
    }

    /// Something came on a relay's stream; a pulse, or something else.
    pub fn heard(&mut self, now: Time, relay: &RelayKey, pulse: bool) {
        let Some(contact) = self.contacts.get_mut(relay).filter(|contact| contact.has_stream) else { return };
        contact.heard_at = now;
        let first_pulse = pulse && !contact.pulses;
        contact.pulses |= pulse;
        self.stirred |= contact.loss.take().is_some() || first_pulse;
    }

    /// A relay's stream ended.
    pub fn ended(&mut self, now: Time, relay: &RelayKey) {
        let Some(contact) = self.contacts.get_mut(relay) else { return };
        self.stirred = true;
        contact.has_stream = false;
        let silent = contact.pulses && now.since(contact.heard_at) >= SILENT_BEFORE_END;
        let (cause, since) = if silent { (Cause::Silent, contact.heard_at) } else { (Cause::Ended, now) };
        contact.loss.get_or_insert(Loss { cause, since, told: false });
    }

    /// What a relay hears of another. Says what must be written down.
    pub fn word(
        &mut self,
        wall: WallClock,
        now: Time,
        by: &RelayKey,
        about: RelayKey,
        state: PeerState,
    ) -> Keep {
        self.stirred = true;
        let key = (about, by.clone());
        if state == PeerState::Unwatched {
            self.words.remove(&key);
            return Keep::drop(records::WORD, &key);
        }
        let keep = Keep::put(records::WORD, &key, &(state, wall.unix_ms(now)));
        self.words.insert(key, Word { state, at: now });
        keep
    }

    /// What a relay found of its site when it started.
    pub fn started(&mut self, relay: &RelayKey, start: StartNews) {
        self.stirred = true;
        if let Some(contact) = self.contacts.get(relay) {
            self.starts.insert(relay.clone(), (contact.run, start));
        }
    }

    /// An incident was opened for a finding.
    pub fn opened(&mut self, outage: IncidentId, finding: &Finding) {
        let runs = finding.takes.iter().filter_map(|key| Some((key.clone(), self.contacts.get(key)?.run)));
        let certain = match finding.evidence {
            Evidence::Heard(_) | Evidence::EndedHeard(_) | Evidence::AllLost(_) => true,
            Evidence::Refused(_)
            | Evidence::Ended
            | Evidence::Silent(_)
            | Evidence::SiteSpeaks
            | Evidence::NoWitness
            | Evidence::Alone => false,
        };
        let spoke = |key: &RelayKey| self.contacts.iter().any(|(k, c)| k.site == key.site && c.is_live());
        let kept = KeptOutage {
            about: finding.about.clone(),
            takes: finding.takes.clone(),
            runs: runs.collect(),
            settled: certain,
            site_spoke: finding.about != About::Cma && finding.takes.iter().any(spoke),
        };
        self.outages.insert(outage, Outage { kept, phase: Phase::Away, by: None });
        self.touched.insert(outage);
        self.stirred = true;
    }

    /// A relay is known no more. Says which outages end with it, and what must be written down.
    pub fn forget(&mut self, relay: &RelayKey) -> (Vec<IncidentId>, Vec<Keep>) {
        self.contacts.remove(relay);
        self.starts.remove(relay);
        self.stirred = true;
        let site_has_more = self.contacts.keys().any(|other| other.site == relay.site);
        let mut over = Vec::new();
        for (id, outage) in &mut self.outages {
            let takes = outage.kept.takes.remove(relay);
            let takes_last = takes && outage.kept.takes.is_empty();
            outage.kept.runs.remove(relay);
            outage.by.take_if(|by| by == relay);
            let ends = match &outage.kept.about {
                About::Relay(of) => of == relay,
                // Of a site that speaks by another relay only the way to this one was lost.
                About::Site(site) => {
                    *site == relay.site && (!site_has_more || (takes_last && outage.kept.site_spoke))
                }
                About::Cma => takes_last,
            };
            over.extend(ends.then_some(*id));
            if takes {
                self.touched.insert(*id);
            }
        }
        for id in &over {
            self.outages.remove(id);
            self.touched.insert(*id);
        }
        (over, self.forget_words(|about, by| about == relay || by == relay))
    }

    /// Whether there may be something to do at `now`.
    pub fn wants_a_look(&self, now: Time) -> bool {
        self.stirred || self.deadline <= now
    }

    /// When there may be something to do, if nothing happens before.
    pub fn next_deadline(&self) -> Time {
        self.deadline
    }

    /// Nothing is judged now; it is looked at again later.
    pub fn put_off(&mut self, until: Time) {
        self.stirred = false;
        self.deadline = until;
    }

    /// Whether a relay is lost and no verdict about it is out.
    pub fn is_undecided(&self, relay: &RelayKey) -> bool {
        let lost = self.contacts.get(relay).is_some_and(|contact| contact.loss.is_some());
        lost && self.outage_of(relay).is_none()
    }

    /// Whether a relay has a stream and speaks.
    pub fn is_live(&self, relay: &RelayKey) -> bool {
        self.contacts.get(relay).is_some_and(Contact::is_live)
    }

    /// Whether a relay fell silent with its stream open, or was silent when it ended.
    pub fn is_silent(&self, relay: &RelayKey) -> bool {
        let loss = self.contacts.get(relay).and_then(|contact| contact.loss);
        loss.is_some_and(|loss| loss.cause == Cause::Silent)
    }

    /// The outage that takes a relay, and whether it is about more than this one's way to us.
    pub fn outage_of(&self, relay: &RelayKey) -> Option<IncidentId> {
        self.outages.iter().find(|(_, outage)| outage.kept.takes.contains(relay)).map(|(id, _)| *id)
    }

    /// Whether a relay was judged unreachable: it leaves the mesh ring. Where we are cut off ourselves, nobody does.
    pub fn is_out(&self, relay: &RelayKey) -> bool {
        let takes = |outage: &&Outage| outage.kept.takes.contains(relay) && outage.kept.about != About::Cma;
        !self.is_live(relay) && self.outages.values().any(|outage| takes(&outage))
    }

    /// The next thing to do at `now`; `None` if there is nothing more.
    pub fn step(&mut self, now: Time, mesh: &Mesh) -> Option<Step> {
        let step = self.next_loss(now).or_else(|| self.next_return(now)).or_else(|| self.judge(now, mesh));
        if step.is_none() {
            self.stirred = false;
            self.deadline = self.next_moment(now);
        }
        step
    }

    fn next_loss(&mut self, now: Time) -> Option<Step> {
        for (relay, contact) in &mut self.contacts {
            let due = contact.is_live() && contact.pulses && contact.heard_at + SILENT_AFTER <= now;
            if due {
                contact.loss = Some(Loss { cause: Cause::Silent, since: contact.heard_at, told: false });
            }
            if let Some(loss) = contact.loss.as_mut().filter(|loss| !loss.told) {
                loss.told = true;
                return Some(Step::Lost { relay: relay.clone(), ended: loss.cause == Cause::Ended });
            }
        }
        None
    }

    fn next_moment(&self, now: Time) -> Time {
        let pulses = self.contacts.values().filter(|contact| contact.is_live() && contact.pulses);
        let silences = pulses.map(|contact| contact.heard_at + SILENT_AFTER);
        let undecided = self.undecided().flat_map(|(_, loss)| match loss.cause {
            Cause::Ended => [loss.since + BACK_WITHIN, loss.since + HEARD_AFTER_END],
            Cause::Silent => [loss.since + HEARD_AFTER_SILENCE; 2],
            Cause::Absent => [loss.since + CONNECT_WITHIN; 2],
        });
        let returns = self.outages.values().flat_map(|outage| match outage.phase {
            Phase::Away => [Time::NEVER; 2],
            Phase::Back { since } => [since + self.close_hold, since + START_WITHIN],
        });
        silences.chain(undecided).chain(returns).filter(|at| *at > now).min().unwrap_or(Time::NEVER)
    }

    /// Relays that are lost and that no outage takes.
    fn undecided(&self) -> impl Iterator<Item = (&RelayKey, Loss)> {
        let lost = self.contacts.iter().filter_map(|(relay, contact)| Some((relay, contact.loss?)));
        lost.filter(|(relay, _)| self.outage_of(relay).is_none())
    }

    fn forget_words(&mut self, which: impl Fn(&RelayKey, &RelayKey) -> bool) -> Vec<Keep> {
        let keys: Vec<_> = self.words.keys().filter(|(about, by)| which(about, by)).cloned().collect();
        let drop_word = |key: (RelayKey, RelayKey)| {
            self.words.remove(&key);
            Keep::drop(records::WORD, &key)
        };
        keys.into_iter().map(drop_word).collect()
    }
}

#[cfg(test)]
mod tests;
