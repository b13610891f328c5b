//! How often a neighbour announces itself, learnt from arrivals.

const WINDOW: usize = 4;
/// Fewer gaps say nothing: the first may be cut short by our own start.
const GAPS_MIN: u8 = 2;
const NS_PER_MS: u64 = 1_000_000;
/// Senders hold 2 to 10 intervals (802.1AB 9.2.5, msgTxHold), nearly all of them four. A burst for a
/// new neighbour must not look like the interval, so nothing below an eighth of the hold is believed,
/// nor below the length of such a burst when the hold is a long one.
const HOLDS_MAX: u64 = 8;
const BURST_NS: u64 = 15_000 * NS_PER_MS;

/// The last gaps between frames, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) struct Interval {
    gaps_ms: [u32; WINDOW],
    count: u8,
}

impl Interval {
    pub(crate) fn learn(&mut self, gap_ns: u64) {
        self.gaps_ms.rotate_right(1);
        self.gaps_ms[0] = u32::try_from(gap_ns / NS_PER_MS).unwrap_or(u32::MAX);
        self.count = self.count.saturating_add(1).min(WINDOW as u8);
    }

    /// The longest gap in the window, in nanoseconds: a lost frame makes us patient, never hasty.
    pub(crate) fn ns(&self, hold_ns: u64) -> Option<u64> {
        if self.count < GAPS_MIN {
            return None;
        }
        let longest = self.gaps_ms.iter().copied().max().unwrap_or(0);
        Some((u64::from(longest) * NS_PER_MS).clamp((hold_ns / HOLDS_MAX).min(BURST_NS), hold_ns))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_is_the_longest_recent_gap_between_an_eighth_of_the_hold_and_the_hold() {
        const S: u64 = 1_000_000_000;
        let cases: &[(&[u64], Option<u64>)] = &[
            (&[], None),
            (&[30], None),
            (&[30, 31], Some(31)),
            (&[1, 1, 1], Some(15)),
            (&[1, 1, 1, 30], Some(30)),
            (&[60, 30, 30, 30, 30], Some(30)),
            (&[30, 500], Some(120)),
        ];
        for (gaps, want) in cases {
            let mut interval = Interval::default();
            gaps.iter().for_each(|gap| interval.learn(gap * S));
            assert_eq!(interval.ns(120 * S), want.map(|s| s * S), "{gaps:?}");
        }
    }

    #[test]
    fn a_long_hold_does_not_hide_a_short_interval() {
        let mut interval = Interval::default();
        [20; 4].into_iter().for_each(|gap| interval.learn(gap * BURST_NS / 15));
        assert_eq!(interval.ns(240 * BURST_NS), Some(20 * BURST_NS / 15));
    }
}
