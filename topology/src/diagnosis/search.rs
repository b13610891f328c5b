//! The cheapest set of faults.
//!
//! Greedy first, with two cuts that only help together as one move, then add, remove, replace and merge until nothing
//! helps. Small regions are also searched exhaustively. Regions share no candidate and are independent.
//!
//! # Invariants
//! - The cost that [`Search`] keeps is that of what it believes, after every step.
//! - Order-free: candidates and subjects are numbered in a fixed order, and of equals the first is taken.

use std::collections::{BTreeSet, BinaryHeap};

use super::problem::Problem;
use super::subject::{Clue, subject_cost};
use super::types::Component;

/// Candidates of a region that is searched exhaustively ..
const EXHAUSTIVE_CANDIDATES: usize = 12;
/// .. and how many faults at once.
const EXHAUSTIVE_FAULTS: usize = 3;
/// Rounds of improvement; each one that is used made the answer cheaper.
const ROUNDS_MAX: usize = 16;

/// A move: one candidate, or two that help only together.
type Move = (u32, Option<u32>);

/// What is believed, and what it costs.
pub(super) struct Search<'a> {
    problem: &'a Problem,
    pub(super) believed: Vec<bool>,
    costs: Vec<u64>,
    /// How often the cost of a subject was computed.
    pub(super) evaluations: u64,
}

/// The subjects and candidates of one independent question.
#[derive(Debug, Default)]
pub(super) struct Region {
    pub(super) candidates: Vec<u32>,
    pub(super) subjects: Vec<u32>,
}

impl<'a> Search<'a> {
    /// Believing nothing.
    pub(super) fn new(problem: &'a Problem) -> Self {
        let believed = vec![false; problem.candidates.all.len()];
        let costs: Vec<u64> =
            problem.subjects.iter().map(|subject| subject_cost(subject, &believed)).collect();
        let evaluations = costs.len() as u64;
        Self { problem, believed, costs, evaluations }
    }

    /// Believes or disbelieves, and says by how much the whole became dearer.
    pub(super) fn toggle(&mut self, place: u32) -> i64 {
        let slot = &mut self.believed[place as usize];
        *slot = !*slot;
        let prior = self.problem.candidates.get(place).prior as i64;
        let mut more = if *slot { prior } else { -prior };
        for &number in &self.problem.touches[place as usize] {
            let cost = subject_cost(&self.problem.subjects[number as usize], &self.believed);
            self.evaluations += 1;
            let kept = &mut self.costs[number as usize];
            more += cost as i64 - *kept as i64;
            *kept = cost;
        }
        more
    }

    fn toggle_move(&mut self, (one, two): Move) -> i64 {
        self.toggle(one) + two.map_or(0, |two| self.toggle(two))
    }

    /// What a move would save.
    fn gain(&mut self, step: Move) -> i64 {
        let more = self.toggle_move(step);
        self.toggle_move(step);
        -more
    }

    /// The cost of a subject as things are believed.
    pub(super) fn cost_of(&self, subject: u32) -> u64 {
        self.costs[subject as usize]
    }

    /// What a region costs as things are believed.
    pub(super) fn region_cost(&self, region: &Region) -> u64 {
        let faults = region.candidates.iter().filter(|&&place| self.believed[place as usize]);
        let priors: u64 = faults.map(|&place| self.problem.candidates.get(place).prior).sum();
        priors + region.subjects.iter().map(|&subject| self.costs[subject as usize]).sum::<u64>()
    }

    /// Believes the cheapest of what both ways of searching find.
    pub(super) fn solve(&mut self, region: &Region) {
        self.solve_greedily(region);
        if region.candidates.len() <= EXHAUSTIVE_CANDIDATES {
            let found = self.believed_in(region);
            let cost = self.region_cost(region);
            let (best, best_cost) = self.solve_exhaustively(region);
            self.believe(region, if best_cost < cost { &best } else { &found });
        }
    }

    /// Greedy, then improved until no move helps.
    pub(super) fn solve_greedily(&mut self, region: &Region) {
        let moves = self.moves(region);
        self.add_greedily(&moves);
        for _ in 0..ROUNDS_MAX {
            let removed = self.remove_the_needless(region);
            let merged = self.replace_and_merge(&moves);
            if !removed && !merged {
                break;
            }
        }
    }

    /// The cheapest set of at most three faults; of equals the smaller, then the first.
    pub(super) fn solve_exhaustively(&mut self, region: &Region) -> (Vec<u32>, u64) {
        self.believe(region, &[]);
        let mut best = (Vec::new(), self.region_cost(region));
        let mut chosen = Vec::new();
        self.deepen(region, 0, &mut chosen, &mut best);
        best
    }

    fn deepen(&mut self, region: &Region, from: usize, chosen: &mut Vec<u32>, best: &mut (Vec<u32>, u64)) {
        for next in from..region.candidates.len() {
            let place = region.candidates[next];
            self.toggle(place);
            chosen.push(place);
            let cost = self.region_cost(region);
            if cost < best.1 || (cost == best.1 && chosen.len() < best.0.len()) {
                *best = (chosen.clone(), cost);
            }
            if chosen.len() < EXHAUSTIVE_FAULTS {
                self.deepen(region, next + 1, chosen, best);
            }
            chosen.pop();
            self.toggle(place);
        }
    }

    pub(super) fn believed_in(&self, region: &Region) -> Vec<u32> {
        region.candidates.iter().copied().filter(|&place| self.believed[place as usize]).collect()
    }

    /// Believes exactly these of a region.
    pub(super) fn believe(&mut self, region: &Region, wanted: &[u32]) {
        for &place in &region.candidates {
            if self.believed[place as usize] != wanted.contains(&place) {
                self.toggle(place);
            }
        }
    }

    fn moves(&self, region: &Region) -> Vec<Move> {
        let mut moves: BTreeSet<Move> = region.candidates.iter().map(|&place| (place, None)).collect();
        for &number in &region.subjects {
            for clue in &self.problem.subjects[number as usize].clues {
                if let Clue::Lost { ways, .. } = clue {
                    moves.extend(self.two_cuts(ways));
                }
            }
        }
        moves.into_iter().collect()
    }

    /// Two switch-side faults that together take out every path to a lost member.
    fn two_cuts(&self, ways: &[Vec<(u32, bool)>]) -> Vec<Move> {
        let is_wide = |place: u32| {
            matches!(
                self.problem.candidates.get(place).fault.component,
                Component::Switch(_) | Component::Uplink(_) | Component::PeerLink(_)
            )
        };
        let cuts = |place: u32, way: &Vec<(u32, bool)>| way.iter().any(|&(other, _)| other == place);
        let Some((first, rest)) = ways.split_first() else { return Vec::new() };
        let mut found = Vec::new();
        for one in first.iter().map(|&(place, _)| place).filter(|&place| is_wide(place)) {
            let left: Vec<_> = rest.iter().filter(|way| !cuts(one, way)).collect();
            let Some((way, others)) = left.split_first() else { continue };
            for two in way.iter().map(|&(place, _)| place).filter(|&place| is_wide(place)) {
                if others.iter().all(|way| cuts(two, way)) {
                    found.push((one.min(two), Some(one.max(two))));
                }
            }
        }
        found
    }

    /// Takes the move that saves most until none does. A gain is computed again only when its turn comes and
    /// something near it has changed since.
    fn add_greedily(&mut self, moves: &[Move]) {
        let mut heap = BinaryHeap::new();
        for (place, &step) in moves.iter().enumerate() {
            heap.push((self.gain(step), core::cmp::Reverse(place), 0usize));
        }
        let mut changed_at = vec![0usize; self.problem.subjects.len()];
        let mut taken = 0;
        while let Some((gain, core::cmp::Reverse(place), known_at)) = heap.pop() {
            let step = moves[place];
            if gain <= 0 {
                break;
            }
            if self.is_believed_any(step) {
                continue;
            }
            if self.subjects_of(step).any(|subject| changed_at[subject as usize] > known_at) {
                heap.push((self.gain(step), core::cmp::Reverse(place), taken));
                continue;
            }
            self.toggle_move(step);
            taken += 1;
            for subject in self.subjects_of(step).collect::<Vec<_>>() {
                changed_at[subject as usize] = taken;
            }
        }
    }

    fn subjects_of(&self, (one, two): Move) -> impl Iterator<Item = u32> + '_ {
        let second = two.map_or(&[][..], |two| self.problem.touches[two as usize].as_slice());
        self.problem.touches[one as usize].iter().chain(second).copied()
    }

    fn is_believed_any(&self, (one, two): Move) -> bool {
        self.believed[one as usize] || two.is_some_and(|two| self.believed[two as usize])
    }

    fn remove_the_needless(&mut self, region: &Region) -> bool {
        let mut changed = false;
        for place in self.believed_in(region) {
            if self.toggle(place) > 0 {
                self.toggle(place);
            } else {
                changed = true;
            }
        }
        changed
    }

    /// Adds each move in turn, drops what it makes needless, and keeps that only if the whole became cheaper.
    fn replace_and_merge(&mut self, moves: &[Move]) -> bool {
        let mut changed = false;
        for &step in moves {
            if self.is_believed_any(step) || !self.may_replace(step) {
                continue;
            }
            let more = self.toggle_move(step);
            let (dropped, saved) = self.drop_near(step);
            if more + saved < 0 {
                changed = true;
                continue;
            }
            dropped.into_iter().for_each(|place| {
                self.toggle(place);
            });
            self.toggle_move(step);
        }
        changed
    }

    /// A move changes anything only where something still costs, or where something believed is near that is no
    /// wider than itself.
    fn may_replace(&self, step: Move) -> bool {
        self.subjects_of(step).any(|subject| self.costs[subject as usize] > 0)
            || !self.replaceable(step).is_empty()
    }

    /// Drops whatever a move made needless; what was dropped and by how much the whole became dearer.
    pub(super) fn drop_near(&mut self, step: Move) -> (Vec<u32>, i64) {
        let (mut dropped, mut more) = (Vec::new(), 0);
        for place in self.replaceable(step) {
            let change = self.toggle(place);
            if change <= 0 {
                more += change;
                dropped.push(place);
            } else {
                self.toggle(place);
            }
        }
        (dropped, more)
    }

    /// Believed candidates that share a subject with a move and are not much wider than it: a wider one is needed
    /// elsewhere.
    fn replaceable(&self, step: Move) -> Vec<u32> {
        let width: usize = self.subjects_of(step).count();
        let mut near = BTreeSet::new();
        for subject in self.subjects_of(step) {
            for &place in &self.problem.subjects[subject as usize].touched_by {
                let believed = self.believed[place as usize] && step.0 != place && step.1 != Some(place);
                if believed && self.problem.touches[place as usize].len() <= 2 * width + 4 {
                    near.insert(place);
                }
            }
        }
        near.into_iter().collect()
    }
}

/// Splits the question into those that share no candidate. Struck candidates join nothing.
pub(super) fn regions(problem: &Problem) -> Vec<Region> {
    let mut root: Vec<u32> = (0..problem.candidates.all.len() as u32).collect();
    for subject in &problem.subjects {
        for pair in subject.touched_by.windows(2) {
            let (a, b) = (find(&mut root, pair[0]), find(&mut root, pair[1]));
            root[a.max(b) as usize] = a.min(b);
        }
    }
    let mut regions: std::collections::BTreeMap<u32, Region> = std::collections::BTreeMap::new();
    for place in 0..root.len() as u32 {
        if !problem.touches[place as usize].is_empty() {
            regions.entry(find(&mut root, place)).or_default().candidates.push(place);
        }
    }
    for (number, subject) in (0u32..).zip(&problem.subjects) {
        if let Some(&place) = subject.touched_by.first() {
            regions.entry(find(&mut root, place)).or_default().subjects.push(number);
        }
    }
    regions.into_values().collect()
}

fn find(root: &mut [u32], mut place: u32) -> u32 {
    while root[place as usize] != place {
        root[place as usize] = root[root[place as usize] as usize];
        place = root[place as usize];
    }
    place
}
