//! The question as the search sees it: subjects, clues and candidates, by number.

use std::collections::{BTreeMap, BTreeSet};

use super::alive::{Alive, loses_carrier, proved, signs_of_life, strike, strike_by_carrier};
use super::belief::Belief;
use super::candidates::{Candidates, LostLeg, blockers};
use super::cost;
use super::facts::{Edge, Facts, Silent};
use super::paths::{End, must_pass, paths};
use super::subject::{Clue, Subject, Ways, touched_by};
use super::types::{Component, HostIx, OpenIncident, SwitchIx, Vantage};
use super::window::Window;

/// After the latest instant it can have begun, how long every watcher needs to notice and to be heard, in milliseconds: one beat,
/// three missed, two tries.
const REPORT_DUE_MS: u64 = 5_000;
/// Silences of one subject that are compared for independence; more of them add nothing.
const INDEPENDENT_MAX: usize = 64;

/// One judgement, compiled.
#[derive(Debug)]
pub(super) struct Problem {
    pub(super) candidates: Candidates,
    pub(super) subjects: Vec<Subject>,
    /// The subjects each candidate touches, sorted.
    pub(super) touches: Vec<Vec<u32>>,
    /// Members that must be explained.
    pub(super) silent: BTreeSet<HostIx>,
    /// Until when each vertex is proved to have lived.
    pub(super) proved: BTreeMap<Component, u64>,
}

impl Problem {
    pub(super) fn new(belief: &Belief, facts: &Facts, open: &[OpenIncident], now_ms: u64) -> Self {
        let mut candidates = Candidates::new(belief, facts, open);
        let signs = signs_of_life(belief, facts);
        strike(&mut candidates, &signs);
        let soft = strike_by_carrier(belief, facts, &mut candidates);
        let silent = silent_members(belief, facts, &candidates.lost);
        let proved = proved(&signs);
        let mut compiler =
            Compiler { belief, facts, candidates: &candidates, silent: &silent, drafts: BTreeMap::new() };
        compiler.silences(&proved);
        compiler.carriers();
        compiler.signs(&signs);
        for (host, place, cost) in soft {
            compiler.clue(Some(host), Clue::Alive { ways: vec![vec![(place, cost)]] });
        }
        compiler.debts(now_ms);
        let subjects = compiler.finish();
        let mut touches = vec![Vec::new(); candidates.all.len()];
        for (number, subject) in (0u32..).zip(&subjects) {
            for &place in &subject.touched_by {
                touches[place as usize].push(number);
            }
        }
        Self { candidates, subjects, touches, silent, proved }
    }

    /// The subject about a member.
    pub(super) fn subject(&self, host: HostIx) -> Option<&Subject> {
        let place = self.subjects.binary_search_by_key(&Some(host), |subject| subject.host).ok()?;
        self.subjects.get(place)
    }
}

/// Members that nobody has a sign of life of, by any leg that anybody looks at.
fn silent_members(belief: &Belief, facts: &Facts, lost: &BTreeMap<LostLeg, Window>) -> BTreeSet<HostIx> {
    let mut windows: BTreeMap<HostIx, Vec<Window>> = BTreeMap::new();
    let mut missed: BTreeSet<LostLeg> = BTreeSet::new();
    for silent in &facts.silent {
        let leg = (silent.edge.subject, silent.edge.leg);
        if let (true, Some(&window)) = (missed.insert(leg), lost.get(&leg)) {
            windows.entry(leg.0).or_default().push(window);
        }
    }
    let is_quiet = |host: HostIx, windows: &mut Vec<Window>| {
        let instant = super::window::shared_instant(windows);
        instant.is_some_and(|instant| facts.life_of(host).is_none_or(|at| !instant.is_over_at(at)))
    };
    let quiet: BTreeSet<HostIx> =
        windows.into_iter().filter_map(|(host, mut all)| is_quiet(host, &mut all).then_some(host)).collect();
    let is_missed = |host: HostIx| {
        let legs = belief.host(host).map_or(&[][..], |host| host.legs.as_slice());
        (0u8..).zip(legs).all(|(number, leg)| {
            let watched = |w: &Vantage| matches!(w, Vantage::Host { host, .. } if !quiet.contains(host));
            missed.contains(&(host, number)) || !leg.watchers.iter().any(watched)
        })
    };
    quiet.iter().copied().filter(|&host| is_missed(host)).collect()
}

struct Compiler<'a> {
    belief: &'a Belief,
    facts: &'a Facts,
    candidates: &'a Candidates,
    silent: &'a BTreeSet<HostIx>,
    drafts: BTreeMap<Option<HostIx>, Draft>,
}

#[derive(Default)]
struct Draft {
    clues: Vec<Clue>,
    silences: Vec<Silent>,
    confirmed: bool,
}

impl Compiler<'_> {
    fn clue(&mut self, about: Option<HostIx>, clue: Clue) {
        self.drafts.entry(about).or_default().clues.push(clue);
    }

    fn silences(&mut self, proved: &BTreeMap<Component, u64>) {
        let facts = self.facts;
        let about = |silent: &&Silent| silent.edge.subject;
        let known = facts.silent.iter().filter(|s| self.candidates.lost.contains_key(&lost_leg(s)));
        let mut all: Vec<&Silent> = known.collect();
        all.sort_by_key(about);
        for of_one in all.chunk_by(|a, b| a.edge.subject == b.edge.subject) {
            self.silences_of(of_one, proved);
        }
    }

    fn silences_of(&mut self, silences: &[&Silent], proved: &BTreeMap<Component, u64>) {
        let host = silences[0].edge.subject;
        let kept = &silences[..silences.len().min(INDEPENDENT_MAX)];
        let mut lost: BTreeMap<u8, Ways> = BTreeMap::new();
        for silent in kept {
            let leg = lost_leg(silent);
            let ways = self.ways(silent.edge.from.into(), leg);
            self.clue(Some(host), Clue::Silent { ways });
            lost.entry(leg.1).or_insert_with(|| self.ways(End::Judge, leg));
        }
        if let Some(unexplained) = self.cost_of_losing(host, kept) {
            let ways = lost.into_values().flatten().collect();
            self.clue(Some(host), Clue::Lost { ways, unexplained });
        }
        let confirmed = is_confirmed(self.belief, kept, proved, self.candidates);
        let draft = self.drafts.entry(Some(host)).or_default();
        draft.confirmed = confirmed;
        draft.silences = silences.iter().map(|silent| **silent).collect();
    }

    /// A silent member must be explained. One that others hear inside and that the judge gets no word of is behind
    /// a broken path: as good as confirmed, for the judge made sure of it before it judged.
    fn cost_of_losing(&self, host: HostIx, silences: &[&Silent]) -> Option<u64> {
        if self.silent.contains(&host) {
            return Some(cost::SILENT_UNEXPLAINED);
        }
        let by_judge = silences.iter().filter(|silent| silent.edge.from == Vantage::Judge);
        let since =
            by_judge.filter_map(|s| self.candidates.lost.get(&lost_leg(s))).map(|lost| lost.hi).max()?;
        let pongs = self.facts.heard_of(host).iter().filter(|sign| sign.edge.from == Vantage::Judge);
        let word = pongs.map(|sign| sign.at_ms).max().max(self.facts.words.get(&host).copied());
        let is_known = word.is_some_and(|at| Window::new(since, since).is_over_at(at));
        (!is_known).then_some(cost::UNEXPLAINED_CONFIRMED)
    }

    /// The candidates on each path to a leg that was lost.
    fn ways(&self, from: End, leg: LostLeg) -> Ways {
        let Some(&window) = self.candidates.lost.get(&leg) else { return Ways::new() };
        let ways = paths(self.belief, from, End::Leg(leg.0, leg.1));
        let late = |place: u32| (place, self.candidates.is_late(place, window));
        blockers(self.candidates, &ways)
            .into_iter()
            .map(|path| path.into_iter().map(late).collect())
            .collect()
    }

    fn carriers(&mut self) {
        for port in self.facts.ports.iter().filter(|port| !port.carrier_up) {
            let leg = (port.host, port.leg);
            let Some(&window) = self.candidates.lost.get(&leg) else { continue };
            let switch = self.belief.switch_of(port.host, port.leg).map(Component::Switch);
            let vertices = [Some(Component::Leg(port.host, port.leg)), switch];
            let places = vertices.into_iter().flatten().flat_map(|vertex| self.candidates.standing(vertex));
            let losing = places.filter(|&place| loses_carrier(self.candidates.get(place).fault));
            let way = losing.map(|place| (place, self.candidates.is_late(place, window))).collect();
            self.clue(Some(port.host), Clue::CarrierLost { ways: vec![way] });
        }
    }

    /// Signs of life that several candidates together would contradict; single ones are struck out already.
    fn signs(&mut self, signs: &[Alive]) {
        for sign in signs {
            let ways = sign.against(self.candidates);
            if !ways.is_empty() && ways.iter().all(|path| !path.is_empty()) {
                self.clue(sign.about, Clue::Alive { ways });
            }
        }
    }

    /// Reports that are due: of every leg behind a switch that may be down, and of every subject.
    fn debts(&mut self, now_ms: u64) {
        let mut hosts: BTreeSet<HostIx> = self.drafts.keys().copied().flatten().collect();
        for (place, candidate) in (0u32..).zip(&self.candidates.all) {
            let due = candidate.instant.hi.saturating_add(REPORT_DUE_MS) <= now_ms;
            if let (true, None, Some(switch)) = (due, candidate.struck_by, switch_of(self.candidates, place))
            {
                hosts.extend(self.belief.behind(switch));
            }
        }
        for host in hosts {
            let Some(belief) = self.belief.host(host).filter(|belief| belief.expected) else { continue };
            for (leg, watched) in (0u8..).zip(&belief.legs) {
                for &watcher in &watched.watchers {
                    self.debt(host, leg, watcher, now_ms);
                }
            }
        }
    }

    /// A silent watcher owes nothing, nor does one that doubts itself.
    fn debt(&mut self, subject: HostIx, leg: u8, watcher: Vantage, now_ms: u64) {
        let Vantage::Host { host, .. } = watcher else { return };
        let told = self.facts.reported.contains(&Edge { subject, leg, from: watcher });
        let is_member = self.belief.host(host).is_some_and(|host| host.expected);
        if told || !is_member || self.silent.contains(&host) || self.facts.doubting.contains(&host) {
            return;
        }
        let due =
            |place: &u32| self.candidates.get(*place).instant.hi.saturating_add(REPORT_DUE_MS) <= now_ms;
        let mut cut = blockers(self.candidates, &paths(self.belief, watcher.into(), End::Leg(subject, leg)));
        cut.iter_mut().for_each(|path| path.retain(due));
        if !cut.is_empty() && cut.iter().all(|path| !path.is_empty()) {
            let mute = blockers(self.candidates, &paths(self.belief, End::Host(host), End::Judge));
            self.clue(Some(subject), Clue::Missing { cut, mute });
        }
    }

    fn finish(self) -> Vec<Subject> {
        let silent = self.silent;
        let subject = |(host, draft): (Option<HostIx>, Draft)| {
            let mut touched_by: Vec<u32> = draft.clues.iter().flat_map(touched_by).collect();
            touched_by.sort_unstable();
            touched_by.dedup();
            Subject {
                host,
                silent: host.is_some_and(|host| silent.contains(&host)),
                clues: draft.clues,
                confirmed: draft.confirmed,
                silences: draft.silences,
                touched_by,
            }
        };
        self.drafts.into_iter().map(subject).collect()
    }
}

fn lost_leg(silent: &Silent) -> LostLeg {
    (silent.edge.subject, silent.edge.leg)
}

fn switch_of(candidates: &Candidates, place: u32) -> Option<SwitchIx> {
    match candidates.get(place).fault.component {
        Component::Switch(switch) | Component::Uplink(switch) | Component::PeerLink(switch) => Some(switch),
        Component::Host(_)
        | Component::Leg(..)
        | Component::Fabric
        | Component::JudgeBranch
        | Component::SharedFate => None,
    }
}

/// Whether two silences of one subject share nothing but its own branch, and what is proved to live.
fn is_confirmed(
    belief: &Belief,
    silences: &[&Silent],
    proved: &BTreeMap<Component, u64>,
    candidates: &Candidates,
) -> bool {
    let through = |silent: &&Silent| {
        let leg = lost_leg(silent);
        let lost = candidates.lost.get(&leg).copied().unwrap_or(silent.window);
        suspects(belief, silent.edge.from, leg, proved, lost)
    };
    any_apart(&silences.iter().map(through).collect::<Vec<_>>())
}

/// Whether two of these sorted sets share nothing.
pub(super) fn any_apart(sets: &[Vec<Component>]) -> bool {
    let apart = |a: &[Component], b: &[Component]| a.iter().all(|vertex| b.binary_search(vertex).is_err());
    sets.iter().enumerate().any(|(place, a)| sets[..place].iter().any(|b| apart(a, b)))
}

/// What a witness depends on when it misses a leg: its must-pass vertices outside of the branch of the subject,
/// without those that lived after the loss. Its own host always counts: two legs of one host are one witness.
pub(super) fn suspects(
    belief: &Belief,
    from: Vantage,
    leg: LostLeg,
    proved: &BTreeMap<Component, u64>,
    lost: Window,
) -> Vec<Component> {
    let own = belief.switch_of(leg.0, leg.1);
    let lives = |vertex: &Component| proved.get(vertex).is_some_and(|&at| lost.is_over_at(at));
    let ways = paths(belief, from.into(), End::Leg(leg.0, leg.1));
    let counts = |vertex: &Component| match *vertex {
        Component::Host(host) | Component::Leg(host, _) => host != leg.0,
        Component::Switch(switch) => Some(switch) != own && !lives(vertex),
        Component::Uplink(_) | Component::PeerLink(_) | Component::Fabric => !lives(vertex),
        Component::JudgeBranch => true,
        Component::SharedFate => false,
    };
    must_pass(&ways).into_iter().filter(counts).collect()
}
