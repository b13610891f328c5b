//! Onset windows and the instant they share.

/// How far two witnesses' times may disagree, in milliseconds: a round trip and the ages they told.
pub(super) const SLACK_MS: u64 = 250;

/// When something began: not before `lo`, not after `hi`. An unknown onset begins at zero and joins any.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Window {
    pub(super) lo: u64,
    pub(super) hi: u64,
}

impl Window {
    /// A sound window, whatever order a witness told its ends in.
    pub(super) fn new(lo: u64, hi: u64) -> Self {
        Self { lo, hi: hi.max(lo) }
    }

    /// Whether one instant lies in both.
    pub(super) fn meets(self, other: Self) -> bool {
        self.lo <= other.hi.saturating_add(SLACK_MS) && other.lo <= self.hi.saturating_add(SLACK_MS)
    }

    /// Whether `at_ms` is certainly after the onset.
    pub(super) fn is_over_at(self, at_ms: u64) -> bool {
        at_ms > self.hi.saturating_add(SLACK_MS)
    }
}

/// The instant most windows share, the latest of several: what began there began together.
///
/// Deterministic in the set: sorts what it is given.
pub(super) fn shared_instant(windows: &mut [Window]) -> Option<Window> {
    windows.sort_unstable();
    let mut ends: Vec<u64> = windows.iter().map(|window| window.hi.saturating_add(SLACK_MS)).collect();
    ends.sort_unstable();
    let (mut best, mut over) = (None::<(usize, u64)>, 0);
    for (begun, window) in windows.iter().enumerate() {
        // Equal beginnings are counted at the last of them.
        if windows.get(begun + 1).is_some_and(|next| next.lo == window.lo) {
            continue;
        }
        while ends[over] < window.lo {
            over += 1;
        }
        let sharing = begun + 1 - over;
        if best.is_none_or(|(most, _)| sharing >= most) {
            best = Some((sharing, window.lo));
        }
    }
    let (_, lo) = best?;
    let holds = |w: &&Window| w.lo <= lo && lo <= w.hi.saturating_add(SLACK_MS);
    let hi = windows.iter().filter(holds).map(|window| window.hi).min()?;
    Some(Window { lo: lo.min(hi), hi: lo.max(hi) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_instant_is_where_most_windows_overlap_and_the_latest_of_equals() {
        let w = Window::new;
        let cases: &[(&[Window], Option<Window>)] = &[
            (&[], None),
            (&[w(5, 9)], Some(w(5, 9))),
            (&[w(0, 3_300), w(1_000, 2_000), w(1_500, 2_500)], Some(w(1_500, 2_000))),
            (&[w(1_000, 2_000), w(90_000, 91_000)], Some(w(90_000, 91_000))),
            (&[w(1_000, 2_000), w(1_100, 2_100), w(90_000, 91_000)], Some(w(1_100, 2_000))),
            (&[w(1_000, 1_100), w(1_300, 1_400)], Some(w(1_100, 1_300))),
            (&[w(0, u64::MAX), w(u64::MAX, u64::MAX)], Some(w(u64::MAX, u64::MAX))),
        ];
        for (windows, want) in cases {
            assert_eq!(shared_instant(&mut windows.to_vec()), *want, "{windows:?}");
        }
    }
}
