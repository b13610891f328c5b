//! Rings: in which order members stand, who watches whom, and who speaks for a ring upstairs.
//!
//! A ring is a cyclic order. Each member beats to the one on its left and the one on its right and watches both,
//! so an order *is* the plan of who watches whom. Members that share a risk (a module, a hypervisor, a feed) have
//! the same *spread* and are kept apart, so that what takes a member rarely takes its watchers.
//!
//! # Invariants
//! - A member stands once in a ring.
//! - Inserting or removing one member touches the adjacency of its two neighbours and of nobody else.

use std::collections::BTreeSet;

/// The most members of a fallback ring; more make a second ring of the same key.
pub const FALLBACK_MEMBERS_MAX: usize = 64;
/// Who speaks for one level-0 ring in the site ring.
pub const DELEGATES: usize = 2;

/// What a member shares with others of its ring: equal numbers fail together. 0 shares nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Spread(pub u32);

/// A cyclic order of members.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ring<M> {
    order: Vec<(M, Spread)>,
    /// Where the next member goes if all places are equally good: moves on, so that a storm of joins does not
    /// hit the same pair again and again.
    cursor: usize,
}

impl<M> Default for Ring<M> {
    fn default() -> Self {
        Self { order: Vec::new(), cursor: 0 }
    }
}

impl<M: Copy + Ord> Ring<M> {
    /// A ring in exactly this order.
    pub fn in_order(members: impl IntoIterator<Item = M>) -> Self {
        Self { order: members.into_iter().map(|member| (member, Spread::default())).collect(), cursor: 0 }
    }

    /// How many members it has.
    pub fn len(&self) -> usize {
        self.order.len()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    /// Its members in order.
    pub fn members(&self) -> impl Iterator<Item = M> + '_ {
        self.order.iter().map(|(member, _)| *member)
    }

    /// Whether it stands in the ring.
    pub fn contains(&self, member: M) -> bool {
        self.position(member).is_some()
    }

    /// Puts a member where it shares least with those beside it. No effect if it stands in the ring.
    pub fn insert(&mut self, member: M, spread: Spread) {
        if self.contains(member) {
            return;
        }
        let count = self.order.len();
        let start = self.cursor.checked_rem(count).unwrap_or(0);
        let gaps = (0..count).map(|step| (start + step) % count);
        let gap = gaps.min_by_key(|&gap| self.shared_at(gap, spread)).unwrap_or(0);
        self.order.insert((gap + 1).min(count), (member, spread));
        self.cursor = gap + 2;
    }

    /// How many of the two members around the gap after `gap` share a risk with `spread`.
    fn shared_at(&self, gap: usize, spread: Spread) -> usize {
        let count = self.order.len();
        let around = [gap, (gap + 1) % count];
        let shares = |at: &&usize| self.order.get(**at).is_some_and(|(_, s)| *s == spread && s.0 != 0);
        around.iter().filter(shares).count()
    }

    /// Takes a member out. `false` if it did not stand in the ring.
    pub fn remove(&mut self, member: M) -> bool {
        let position = self.position(member);
        if let Some(position) = position {
            self.order.remove(position);
        }
        position.is_some()
    }

    /// The neighbours of a member: none in a ring of one, one in a ring of two, else two (left, right).
    pub fn neighbours(&self, member: M) -> [Option<M>; 2] {
        let Some(at) = self.position(member) else { return [None, None] };
        let count = self.order.len();
        let beside = |step: usize| self.order.get((at + step) % count).map(|(member, _)| *member);
        match count {
            0 | 1 => [None, None],
            2 => [beside(1), None],
            _ => [beside(count - 1), beside(1)],
        }
    }

    /// The member `distance` places to the right (or left, if `!right`); `None` if that is itself or not there.
    pub fn outward(&self, member: M, distance: usize, right: bool) -> Option<M> {
        let at = self.position(member)?;
        let count = self.order.len();
        let distance = distance.checked_rem(count)?;
        let step = if right { distance } else { count - distance };
        let (found, _) = self.order.get((at + step) % count)?;
        (*found != member).then_some(*found)
    }

    /// Every pair of neighbours once, the lower first.
    pub fn adjacencies(&self) -> Vec<(M, M)> {
        let count = self.order.len();
        if count < 2 {
            return Vec::new();
        }
        let pairs = if count == 2 { 1 } else { count };
        let members: Vec<M> = self.members().collect();
        let pair = |at: usize| (members[at], members[(at + 1) % count]);
        (0..pairs).map(pair).map(|(a, b)| (a.min(b), a.max(b))).collect()
    }

    fn position(&self, member: M) -> Option<usize> {
        self.order.iter().position(|(standing, _)| *standing == member)
    }
}

/// What speaks for or against a member as a delegate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candidate<M> {
    /// The member.
    pub member: M,
    /// What it shares with others.
    pub spread: Spread,
    /// It stands in another level-0 ring too: its silence or life says less about this switch.
    pub dual_homed: bool,
    /// It speaks for this ring already: staying costs nothing.
    pub incumbent: bool,
}

/// Up to [`DELEGATES`] members to speak for a ring: single-homed before dual-homed, incumbents before others, the
/// second on another module than the first where there is one.
pub fn choose_delegates<M: Copy + Ord>(candidates: &[Candidate<M>]) -> Vec<M> {
    let mut ranked: Vec<&Candidate<M>> = candidates.iter().collect();
    ranked.sort_by_key(|c| (c.dual_homed, !c.incumbent, c.member));
    let Some(first) = ranked.first().copied() else { return Vec::new() };
    let shares = |c: &Candidate<M>| first.spread.0 != 0 && c.spread == first.spread;
    let rest = ranked.iter().skip(1);
    let second = rest.min_by_key(|c| (c.dual_homed, shares(c), !c.incumbent, c.member));
    core::iter::once(first.member).chain(second.map(|c| c.member)).collect()
}

/// The order of a site ring: the first delegate of each ring, then the relay, then the second of each. So the
/// watchers of a delegate sit on other switches while there are two.
pub fn site_order<M: Copy + Ord>(delegates_of_rings: &[Vec<M>], relay: M) -> Vec<M> {
    let nth = |n: usize| delegates_of_rings.iter().filter_map(move |ring| ring.get(n).copied());
    let all = nth(0).chain(core::iter::once(relay)).chain(nth(1));
    // A host on two switches may speak for both: it stands once.
    let mut standing = BTreeSet::new();
    all.filter(|member| standing.insert(*member)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ring(members: &[(u32, u32)]) -> Ring<u32> {
        let mut ring = Ring::default();
        members.iter().for_each(|&(member, spread)| ring.insert(member, Spread(spread)));
        ring
    }

    #[test]
    fn one_has_no_neighbour_two_have_one_and_three_have_two() {
        assert_eq!(ring(&[(1, 0)]).neighbours(1), [None, None]);
        assert_eq!(ring(&[(1, 0), (2, 0)]).neighbours(1), [Some(2), None]);
        assert_eq!(Ring::in_order([1, 2, 3]).neighbours(1), [Some(3), Some(2)]);
        assert_eq!(ring(&[(1, 0)]).neighbours(9), [None, None]);
    }

    #[test]
    fn members_of_one_module_do_not_stand_side_by_side_where_they_need_not() {
        let ring = ring(&[(1, 1), (2, 1), (3, 2), (4, 2), (5, 1), (6, 2)]);
        let module = |member: u32| if [1, 2, 5].contains(&member) { 1 } else { 2 };
        let together = ring.adjacencies().iter().filter(|(a, b)| module(*a) == module(*b)).count();
        assert!(together <= 2, "{together} pairs share a module: {:?}", ring.members().collect::<Vec<_>>());
    }

    #[test]
    fn delegates_stay_sit_apart_and_are_single_homed_if_they_can() {
        let candidate = |member, spread, dual_homed, incumbent| Candidate {
            member,
            spread: Spread(spread),
            dual_homed,
            incumbent,
        };
        let cases = [
            (vec![], vec![]),
            (vec![candidate(1, 0, true, false)], vec![1]),
            (
                vec![
                    candidate(1, 0, true, true),
                    candidate(2, 0, false, false),
                    candidate(3, 0, false, false),
                ],
                vec![2, 3],
            ),
            (
                vec![
                    candidate(1, 1, false, false),
                    candidate(2, 1, false, false),
                    candidate(3, 2, false, false),
                ],
                vec![1, 3],
            ),
            (
                vec![
                    candidate(1, 0, false, false),
                    candidate(2, 0, false, true),
                    candidate(3, 0, false, true),
                ],
                vec![2, 3],
            ),
        ];
        for (candidates, want) in cases {
            assert_eq!(choose_delegates(&candidates), want, "{candidates:?}");
        }
    }

    #[test]
    fn the_watchers_of_a_delegate_sit_on_other_switches() {
        let order = site_order(&[vec![11, 12], vec![21, 22], vec![31, 32]], 0);
        assert_eq!(order, [11, 21, 31, 0, 12, 22, 32]);
        let ring = Ring::in_order(order);
        for delegate in [11, 21, 31, 12, 22, 32] {
            let beside = ring.neighbours(delegate).into_iter().flatten();
            assert!(
                beside.into_iter().all(|n| n / 10 != delegate / 10),
                "{delegate} is watched from its own switch"
            );
        }
        assert_eq!(
            site_order(&[vec![1, 2], vec![2]], 0),
            [1, 2, 0],
            "a host that speaks for two stands once"
        );
    }

    proptest! {
        #[test]
        fn a_change_touches_only_the_neighbours(
            members in proptest::collection::btree_set(0u32..60, 4..30), newcomer in 100u32..101, spread in 0u32..3,
        ) {
            let before = ring(&members.iter().map(|&m| (m, m % 3)).collect::<Vec<_>>());
            let mut after = before.clone();
            after.insert(newcomer, Spread(spread));
            let beside = after.neighbours(newcomer);
            for member in before.members() {
                let touched = beside.contains(&Some(member));
                prop_assert!(touched || before.neighbours(member) == after.neighbours(member));
            }
            prop_assert_eq!(after.adjacencies().len(), before.adjacencies().len() + 1);
            after.remove(newcomer);
            prop_assert_eq!(after.members().collect::<Vec<_>>(), before.members().collect::<Vec<_>>());
        }

        #[test]
        fn a_ring_is_one_cycle(members in proptest::collection::vec((0u32..40, 0u32..4), 3..40)) {
            let ring = ring(&members);
            let first = ring.members().next().expect("not empty");
            let mut at = first;
            for _ in 0..ring.len() {
                at = ring.outward(at, 1, true).unwrap_or(at);
            }
            prop_assert_eq!(at, first);
            prop_assert!(ring.len() < 3 || ring.members().all(|m| ring.neighbours(m).iter().flatten().count() == 2));
        }
    }
}
