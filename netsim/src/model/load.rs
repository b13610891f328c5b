//! The processor of a relay or of the CMA: how long each thing takes it, and what waits meanwhile.

use std::time::Duration;

use ringmesh_proto::time::Time;

/// So many datagrams have room in a relay's socket: 8 MiB of a kernel that counts 2 KiB for a small one.
const WAITING_MAX: u32 = 4_096;

/// What a process has to do.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Load {
    /// So long for each datagram or message; zero where it has time enough.
    pub(super) each: Duration,
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
    /// A datagram comes. In order: what comes when the load is over still waits for what came before.
    pub(super) fn take(&mut self, now: Time) -> Wait {
        if self.done.since(now) > self.each * WAITING_MAX && !self.each.is_zero() {
            return Wait::Full;
        }
        self.queue(now).map_or(Wait::None, Wait::Until)
    }

    /// The same of what is never lost. `None`: now.
    pub(super) fn queue(&mut self, now: Time) -> Option<Time> {
        let begins = self.done.max(now);
        if self.each.is_zero() && begins == now {
            return None;
        }
        self.done = begins + self.each;
        Some(self.done)
    }

    /// Whether it has more to do than it can, or is not done with what it had.
    pub(super) fn is_too_much(&self, now: Time) -> bool {
        !self.each.is_zero() || self.done > now
    }

    /// The process is no more, and what waited in its socket neither.
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
        load.each = Duration::from_millis(5);
        assert_eq!([load.take(at(10)), load.take(at(11))], [Wait::Until(at(15)), Wait::Until(at(20))]);
        assert_eq!(load.take(at(50)), Wait::Until(at(55)), "it had time meanwhile");
        load.take(at(50));
        load.each = Duration::ZERO;
        assert_eq!(load.take(at(51)), Wait::Until(at(60)), "after what came before");
        assert!(load.is_too_much(at(59)) && !load.is_too_much(at(60)));
        assert_eq!(load.take(at(60)), Wait::None);
        load.each = Duration::from_millis(5);
        let waits = (0..2 * WAITING_MAX).filter(|_| load.take(at(100)) != Wait::Full).count();
        assert_eq!(waits as u32, WAITING_MAX + 1);
    }
}
