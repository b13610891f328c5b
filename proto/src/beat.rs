//! One end of a heartbeat link: what is sent, what is heard, what is lost. The same in a probe and in a relay.
//!
//! An end counts; it never decides what silence means. Its memory is finite and short: one window of 32
//! sequence numbers and four blocks of 64 for each lane, so a quiet stretch can be skipped exactly.
//!
//! # Invariants
//! - A sequence number is sent once on a lane, and accepted once.
//! - Silence is counted from the last beat that was heard, never from a tick.

use crate::message::{Beat, BeatHeard, Lane, LinkId};
use crate::time::{Duration, Time};

/// Interval between two beats inside a site.
pub const BEAT_EVERY: Duration = Duration::from_secs(1);
/// Interval between two beats of the mesh ring.
pub const MESH_BEAT_EVERY: Duration = Duration::from_secs(2);
/// What a beat may be late by before it counts as missed.
pub const BEAT_SLACK: Duration = Duration::from_millis(50);
/// An edge testifies after this many beats.
pub const PROVEN_AFTER: u8 = 3;
/// Sequence numbers in a loss block.
pub const BLOCK: u32 = 64;
/// Complete blocks kept.
const BLOCKS_KEPT: usize = 3;
/// How often an end beats, and how many beats may be missed before its silence is spoken of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rhythm {
    /// Inside a site: every second, three missed.
    Site,
    /// Between sites: every two seconds, four missed.
    Mesh,
}

/// The most lanes of a link.
pub const LANES_MAX: usize = 4;

/// What became of a beat that arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reception {
    /// The first on this link.
    First,
    /// A further one, and the newest.
    Newer,
    /// It was overtaken by a newer one: not lost, not a sign of life.
    Reordered,
    /// It has been heard before, or it is older than the window.
    Replayed,
}

/// Loss of one lane over one block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LossSeen {
    /// The lane.
    pub lane: Lane,
    /// Beats that were due.
    pub of: u16,
    /// Of these, lost.
    pub lost: u16,
}

/// What came in on one lane.
#[derive(Clone, Copy, Debug, Default)]
struct LaneIn {
    highest: u32,
    /// Bit i: `highest - i` has been heard.
    window: u32,
    /// Lost in the running block, then in the last complete ones, newest first.
    lost: [u8; 1 + BLOCKS_KEPT],
}

impl LaneIn {
    fn take(&mut self, sequence: u32, silent: bool) -> Reception {
        if sequence > self.highest {
            let first = self.highest == 0;
            self.advance(sequence, silent || first);
            return if first { Reception::First } else { Reception::Newer };
        }
        let behind = self.highest - sequence;
        if behind >= 32 || self.window & (1 << behind) != 0 {
            return Reception::Replayed;
        }
        self.window |= 1 << behind;
        if block_of(sequence) == block_of(self.highest) {
            self.lost[0] = self.lost[0].saturating_sub(1);
        }
        Reception::Reordered
    }

    /// Moves on to `sequence`. What is missing in between is lost, unless the lane was silent: silence is not loss.
    fn advance(&mut self, sequence: u32, silent: bool) {
        let step = sequence - self.highest;
        let skipped_blocks = block_of(sequence) - block_of(self.highest);
        if skipped_blocks > 0 {
            let keep = self.lost.len();
            let shift = usize::try_from(skipped_blocks).unwrap_or(keep).min(keep);
            self.lost.copy_within(..keep - shift, shift);
            self.lost[..shift].fill(0);
        }
        if !silent {
            self.lost[0] = self.lost[0].saturating_add(u8::try_from(step - 1).unwrap_or(u8::MAX));
        }
        self.window = if step >= 32 { 1 } else { (self.window << step) | 1 };
        self.highest = sequence;
    }

    /// More than 2 % of what was due lately did not come.
    fn is_lossy(&self) -> bool {
        let due = self.highest.min(BLOCK * 4);
        let lost: u32 = self.lost.iter().map(|&lost| u32::from(lost)).sum();
        lost >= 2 && lost * 50 > due
    }
}

fn block_of(sequence: u32) -> u32 {
    sequence.saturating_sub(1) / BLOCK
}

/// One end of a link.
#[derive(Clone, Debug)]
pub struct LinkEnd {
    id: LinkId,
    lanes: u8,
    next_lane: u8,
    hops: u8,
    heard: u8,
    heard_by_peer: bool,
    rhythm: Rhythm,
    /// Some lane is lossy. Kept, because each beat asks for it and few change it.
    lossy: bool,
    heard_at: Time,
    first: LaneState,
    /// Of the other lanes. Most links, those inside a switch, have none.
    others: Option<Box<[LaneState; LANES_MAX - 1]>>,
}

/// What was sent and what came on one lane.
#[derive(Clone, Copy, Debug, Default)]
struct LaneState {
    sent: u32,
    heard: LaneIn,
}

impl LinkEnd {
    /// A new link as of `now`; `lanes` is 1 or 4. Its first silence is counted from now.
    pub fn new(id: LinkId, lanes: u8, now: Time) -> Self {
        let lanes = lanes.clamp(1, 4);
        Self {
            id,
            lanes,
            next_lane: 0,
            hops: 0,
            heard: 0,
            heard_by_peer: false,
            rhythm: Rhythm::Site,
            lossy: false,
            heard_at: now,
            first: LaneState::default(),
            others: (lanes > 1).then(Box::default),
        }
    }

    /// A new link of the mesh ring as of `now`, of one lane.
    pub fn mesh(id: LinkId, now: Time) -> Self {
        Self { rhythm: Rhythm::Mesh, ..Self::new(id, 1, now) }
    }

    /// The link.
    pub fn id(&self) -> LinkId {
        self.id
    }

    /// The next beat to send; lanes take turns.
    pub fn next_beat(&mut self, hint: u16) -> Beat {
        let lane = self.next_lane;
        self.next_lane = (lane + 1) % self.lanes;
        let (link, heard_you) = (self.id, self.heard > 0);
        let sent = &mut self.lane_mut(lane).sent;
        // 136 years of beats: a link lives shorter than that.
        *sent = sent.saturating_add(1);
        Beat { link, lane, heard_you, sequence: *sent, hint }
    }

    /// A beat on a lane that a link does not have counts for the last it has.
    fn lane_mut(&mut self, lane: Lane) -> &mut LaneState {
        let others = self.others.as_deref_mut().map_or(&mut [] as &mut [LaneState], |all| all);
        match usize::from(lane).min(others.len()).checked_sub(1) {
            Some(at) => &mut others[at],
            None => &mut self.first,
        }
    }

    /// All lanes, in order.
    fn lanes(&self) -> impl Iterator<Item = (Lane, &LaneIn)> {
        let others = self.others.iter().flat_map(|others| others.iter());
        (0..self.lanes).zip(core::iter::once(&self.first).chain(others).map(|lane| &lane.heard))
    }

    /// Takes a beat that arrived. Only [`Reception::First`] and [`Reception::Newer`] are signs of life.
    pub fn hear(&mut self, heard: &BeatHeard) -> Reception {
        let silent = heard.arrived.since(self.heard_at) > self.silence_max();
        let lane = &mut self.lane_mut(heard.beat.lane).heard;
        let reception = lane.take(heard.beat.sequence, silent);
        let lost = lane.lost != [0; 1 + BLOCKS_KEPT];
        if lost || self.lossy {
            let lossy = self.lanes().any(|(_, lane)| lane.is_lossy());
            self.lossy = lossy;
        }
        match reception {
            Reception::First | Reception::Newer => {
                let first = self.heard == 0;
                self.heard = self.heard.saturating_add(1);
                self.heard_by_peer |= heard.beat.heard_you;
                self.heard_at = self.heard_at.max(heard.arrived);
                self.hops = heard.hops.unwrap_or(self.hops);
                if first { Reception::First } else { Reception::Newer }
            }
            Reception::Reordered | Reception::Replayed => reception,
        }
    }

    /// When its silence is long enough to speak of, if nothing comes before.
    pub fn silent_at(&self) -> Time {
        self.heard_at + self.silence_max()
    }

    /// Three missed beats, four in the mesh ring; two more where beats get lost.
    pub fn silence_max(&self) -> Duration {
        const fn missed(every: Duration, beats: u32) -> Duration {
            every.saturating_mul(beats).saturating_add(BEAT_SLACK)
        }
        match (self.rhythm, self.lossy) {
            (Rhythm::Site, false) => const { missed(BEAT_EVERY, 3) },
            (Rhythm::Site, true) => const { missed(BEAT_EVERY, 5) },
            (Rhythm::Mesh, false) => const { missed(MESH_BEAT_EVERY, 4) },
            (Rhythm::Mesh, true) => const { missed(MESH_BEAT_EVERY, 6) },
        }
    }

    /// When the peer was heard last, or when the link was made.
    pub fn heard_at(&self) -> Time {
        self.heard_at
    }

    /// Whether the peer has ever been heard on this link.
    pub fn is_heard(&self) -> bool {
        self.heard > 0
    }

    /// Heard often enough to testify about.
    pub fn is_proven(&self) -> bool {
        self.heard >= PROVEN_AFTER
    }

    /// Heard in both directions.
    pub fn is_mutual(&self) -> bool {
        self.heard > 0 && self.heard_by_peer
    }

    /// Routers between the two ends; 0 inside one L2 domain.
    pub fn hops(&self) -> u8 {
        self.hops
    }

    /// More than 2 % of the beats of some lane got lost lately.
    pub fn is_lossy(&self) -> bool {
        self.lossy
    }

    /// Nothing got lost in the running block of any lane.
    pub fn is_whole(&self) -> bool {
        self.lanes().all(|(_, lane)| lane.lost[0] == 0)
    }

    /// The lane that lost most in its running block, if that is worth telling (two or more).
    pub fn loss(&self) -> Option<LossSeen> {
        let (lane, seen) = self.lanes().max_by_key(|(_, seen)| seen.lost[0])?;
        let due = seen.highest - block_of(seen.highest) * BLOCK;
        (seen.lost[0] >= 2).then(|| LossSeen {
            lane,
            of: u16::try_from(due).unwrap_or(u16::MAX),
            lost: u16::from(seen.lost[0]),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(sequence: u32, at_ms: u64) -> BeatHeard {
        let beat = Beat { link: LinkId(1), lane: 0, heard_you: true, sequence, hint: 0 };
        BeatHeard { beat, hops: Some(0), arrived: Time::from_millis(at_ms) }
    }

    #[test]
    fn a_sequence_number_is_accepted_once_and_a_late_one_is_no_sign_of_life() {
        let mut end = LinkEnd::new(LinkId(1), 1, Time::ZERO);
        let steps = [
            (1, Reception::First),
            (2, Reception::Newer),
            (2, Reception::Replayed),
            (5, Reception::Newer),
            (4, Reception::Reordered),
            (4, Reception::Replayed),
            (1, Reception::Replayed),
            (100, Reception::Newer),
            (60, Reception::Replayed),
        ];
        for (at, (sequence, want)) in steps.into_iter().enumerate() {
            assert_eq!(end.hear(&heard(sequence, 0)), want, "step {at}: sequence {sequence}");
        }
    }

    #[test]
    fn silence_counts_from_the_last_beat_heard() {
        let mut end = LinkEnd::new(LinkId(1), 1, Time::from_millis(100));
        assert_eq!(end.silent_at(), Time::from_millis(3_150), "from the assignment while nothing came");
        end.hear(&heard(1, 1_000));
        assert_eq!(end.silent_at(), Time::from_millis(4_050));
        end.hear(&heard(1, 2_000));
        assert_eq!(end.silent_at(), Time::from_millis(4_050), "a replay keeps nobody alive");
    }

    #[test]
    fn between_sites_four_beats_of_two_seconds_may_be_missed() {
        let mut end = LinkEnd::mesh(LinkId(1), Time::ZERO);
        end.hear(&heard(1, 1_000));
        assert_eq!(end.silent_at(), Time::from_millis(9_050));
    }

    #[test]
    fn lanes_take_turns_and_count_for_themselves() {
        let mut end = LinkEnd::new(LinkId(1), 4, Time::ZERO);
        let sent: Vec<_> = (0..6).map(|_| end.next_beat(0)).map(|b| (b.lane, b.sequence)).collect();
        assert_eq!(sent, [(0, 1), (1, 1), (2, 1), (3, 1), (0, 2), (1, 2)]);
    }

    #[test]
    fn loss_is_told_from_two_in_a_block_and_silence_is_not_loss() {
        let mut end = LinkEnd::new(LinkId(1), 1, Time::ZERO);
        (1..=20).filter(|s| s % 10 != 0).for_each(|s| {
            end.hear(&heard(s, u64::from(s) * 1_000));
        });
        assert_eq!(end.loss(), None, "one lost is nothing to tell: the twentieth is not yet known to be");
        end.hear(&heard(21, 21_000));
        assert_eq!(end.loss(), Some(LossSeen { lane: 0, of: 21, lost: 2 }));
        assert!(end.is_lossy());
        assert_eq!(end.silence_max(), Duration::from_millis(5_050));

        let mut silent = LinkEnd::new(LinkId(1), 1, Time::ZERO);
        silent.hear(&heard(1, 1_000));
        silent.hear(&heard(40, 40_000));
        assert_eq!(silent.loss(), None);
    }

    #[test]
    fn an_edge_testifies_after_three_beats_and_is_mutual_when_the_peer_says_so() {
        let mut end = LinkEnd::new(LinkId(1), 1, Time::ZERO);
        let mut deaf = heard(1, 0);
        deaf.beat.heard_you = false;
        end.hear(&deaf);
        assert!(!end.is_mutual() && !end.is_proven());
        end.hear(&heard(2, 0));
        assert!(end.is_mutual() && !end.is_proven());
        end.hear(&heard(3, 0));
        assert!(end.is_proven());
    }

    #[test]
    fn an_end_is_small() {
        assert!(size_of::<LinkEnd>() <= 48, "{} octets", size_of::<LinkEnd>());
    }
}
