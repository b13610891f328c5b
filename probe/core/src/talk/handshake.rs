//! Knocking, announcing, asking: what is said to get back to an assignment, and how long apart.

use core::net::SocketAddr;

use ringmesh_proto::draws::Purpose;
use ringmesh_proto::time::{Duration, Time};

use super::{Phase, Say, Step, Talk, Turn, nanos};

/// An answer to a knock takes a round trip; an assignment may be held back for half a second at a mass start.
pub(super) const KNOCK_PATIENCE: Duration = Duration::from_millis(100);
/// However often a relay sends us back: no knock sooner than this after the last, and none later.
pub(super) const GREETED_PATIENCE: Duration = Duration::from_secs(1);
const ANNOUNCE_PATIENCE: Duration = Duration::from_millis(1_000);
/// Announcements to one relay before another one is tried.
const ANNOUNCES_MAX: u8 = 3;
/// Frames to the multicast group before they become rare.
const GROUP_EAGER: u32 = 3;
/// The longest wait, and how rare those frames become.
const RETRY_MAX: Duration = Duration::from_secs(16);
/// While cut off: seconds between one ask and the next.
const ASK_S: [u64; 4] = [1, 2, 4, 5];
/// Handshake frames before a return has failed.
const RETURN_TRIES: u32 = 6;

impl Talk {
    pub(super) fn poll_handshake(&mut self, now: Time) -> Option<Turn> {
        if !self.ready || now < self.step_at {
            return None;
        }
        // A relay that has just said hello is there: what it waits for is said whatever was lost before.
        let is_answered = self.step == Step::Announce && self.announced == 0;
        if self.phase == Phase::Returning && self.attempt >= RETURN_TRIES && !is_answered {
            self.cut_off(now);
            return Some(Turn::Unanswered);
        }
        match self.step {
            Step::Nothing => None,
            Step::Knock => {
                let (to, turn) = (self.relays.knock_target(self.attempt), self.attempt);
                Some(self.knock(now, to, turn))
            }
            Step::Announce if self.announced >= ANNOUNCES_MAX => self.give_up_announcing(now),
            Step::Announce => {
                let to = self.relays.acting_address()?;
                // By the port the hello came by, each time: the cookie in it is good for that address alone.
                Some(self.announce(now, to, 0))
            }
            Step::Ask => Some(self.ask(now)),
        }
    }

    fn knock(&mut self, now: Time, to: SocketAddr, turn: u32) -> Turn {
        self.attempt = self.attempt.saturating_add(1);
        self.step_at = now + self.retry_after(KNOCK_PATIENCE);
        self.knocked_at = now;
        self.say(to, turn, Say::Knock)
    }

    fn announce(&mut self, now: Time, to: SocketAddr, turn: u32) -> Turn {
        let (surely, report) = (self.first_announced.is_none(), self.reports.number());
        self.first_announced.get_or_insert(report);
        self.announced = self.announced.saturating_add(1);
        self.attempt = self.attempt.saturating_add(1);
        self.step_at = now + self.retry_after(ANNOUNCE_PATIENCE);
        self.say(to, turn, Say::Announce { report, surely })
    }

    /// Relays, ports and the two kinds of message take turns, so that each way back is tried in time.
    fn ask(&mut self, now: Time) -> Turn {
        let turn = self.attempt;
        self.relays.turn_to(usize::try_from(turn).unwrap_or(0));
        let greeted = self.relays.acting().filter(|relay| relay.greeted && turn % 3 != 2);
        match greeted.map(|relay| relay.address) {
            Some(to) => self.announce(now, to, turn),
            None => self.knock(now, self.relays.ask_target(), turn),
        }
    }

    fn give_up_announcing(&mut self, now: Time) -> Option<Turn> {
        self.announced = 0;
        self.relays.turn_to_next();
        if self.phase == Phase::Returning {
            self.cut_off(now);
            return Some(Turn::Unanswered);
        }
        self.step = Step::Knock;
        self.poll_handshake(now)
    }

    /// Uniform in [0, min(16, 2^n)] seconds, but never before an answer can be there.
    pub(super) fn retry_after(&mut self, patience: Duration) -> Duration {
        if self.phase == Phase::CutOff {
            return self.ask_after();
        }
        if self.relays.is_group_only() && self.attempt >= GROUP_EAGER {
            return RETRY_MAX;
        }
        let span = Duration::from_secs(1 << self.attempt.min(4)).min(RETRY_MAX);
        self.draw(span, Purpose::AnnounceRetry).max(patience)
    }

    /// 1, 2, 4, 5, 5 .. seconds, give or take a quarter.
    pub(super) fn ask_after(&mut self) -> Duration {
        let at = usize::try_from(self.attempt).unwrap_or(usize::MAX).min(ASK_S.len() - 1);
        let base = Duration::from_secs(ASK_S[at]);
        base * 3 / 4 + self.draw(base / 2, Purpose::AskRetry)
    }

    fn draw(&mut self, below: Duration, purpose: Purpose) -> Duration {
        self.drawn = self.drawn.wrapping_add(1);
        Duration::from_nanos(self.draws.below(nanos(below), purpose, u64::from(self.drawn)))
    }
}
