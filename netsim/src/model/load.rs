//! The processor of a relay or of the CMA: how long each thing takes it, and what waits meanwhile.

use std::time::Duration;

use ringmesh_proto::time::Time;

/// So many datagrams have room in a relay's socket: 8 MiB of a kernel that counts 2 KiB for a small one.
const WAITING_MAX: u32 = 4_096;

/// What a process has to do.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Load {
    /// So long for each datagram or message; zero where it has time enough.
    each: Duration,
    /// It is done with all that came.
    done: Time,
}

/// When a datagram is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wait {
    /// Now.
    None,
    Until(Time),
    /// Never: the socket has no room for it.
    Full,
}

impl Load {
    /// It takes so long for each from now on. Where that is no time at all it has read by now whatever waited.
    pub(super) fn set(&mut self, each: Duration) {
        self.each = each;
        if each.is_zero() {
            self.end();
        }
    }

    /// A datagram comes. In order: it waits for what came before.
    pub(super) fn take(&mut self, now: Time) -> Wait {
        if self.is_too_much() && self.done.since(now) > self.each * WAITING_MAX {
            return Wait::Full;
        }
        self.queue(now).map_or(Wait::None, Wait::Until)
    }

    /// The same of what is never lost. `None`: now.
    pub(super) fn queue(&mut self, now: Time) -> Option<Time> {
        if !self.is_too_much() {
            return None;
        }
        self.done = self.done.max(now) + self.each;
        Some(self.done)
    }

    /// Whether it has more to do than it can.
    pub(super) fn is_too_much(&self) -> bool {
        !self.each.is_zero()
    }

    /// How long what comes now waits.
    pub(super) fn backlog(&self, now: Time) -> Duration {
        self.done.since(now)
    }

    /// Nothing waits any more: it was read, or its process is no more, and what waited in its socket neither.
    pub(super) fn end(&mut self) {
        self.done = Time::ZERO;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn datagrams_wait_in_order_and_those_without_room_are_lost() {
        let at = Time::from_millis;
        let mut load = Load::default();
        assert_eq!(load.take(at(10)), Wait::None);
        load.set(Duration::from_millis(5));
        assert_eq!([load.take(at(10)), load.take(at(11))], [Wait::Until(at(15)), Wait::Until(at(20))]);
        assert_eq!(load.take(at(50)), Wait::Until(at(55)), "it had time meanwhile");
        load.take(at(50));
        assert!(load.is_too_much());
        load.set(Duration::ZERO);
        assert!(!load.is_too_much());
        assert_eq!(load.take(at(51)), Wait::None, "what came before was read");
        load.set(Duration::from_millis(5));
        let waits = (0..2 * WAITING_MAX).filter(|_| load.take(at(100)) != Wait::Full).count();
        assert_eq!(waits as u32, WAITING_MAX + 1);
    }
}
