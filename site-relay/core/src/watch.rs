//! The relay's own place in its site ring: it beats and watches like any member.

use core::net::SocketAddr;

use ringmesh_proto::beat::{BEAT_EVERY, LinkEnd, Reception};
use ringmesh_proto::machine::Sink;
use ringmesh_proto::message::{BeatHeard, LinkId, LinkOrder};
use ringmesh_proto::time::{Duration, Time};
use ringmesh_topology::diagnosis::HostIx;

use crate::Action;

/// Late by more than this, a machine doubts itself before it doubts others.
const LATE: Duration = Duration::from_millis(100);

/// One of the relay's ring neighbours.
#[derive(Clone, Debug)]
struct Own {
    end: LinkEnd,
    peer: HostIx,
    to: SocketAddr,
    suspected: bool,
    /// Not to be judged silent before this: we ran late ourselves.
    doubt_until: Time,
}

/// All of them.
#[derive(Clone, Debug)]
pub(crate) struct Watch {
    own: Vec<Own>,
    beat_at: Time,
    hint: u16,
}

/// A neighbour of the relay has gone silent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SilentNeighbour {
    pub(crate) peer: HostIx,
    pub(crate) link: LinkId,
    pub(crate) last_heard: Time,
    /// Too few beats came for the silence to be testimony.
    pub(crate) unproven: bool,
}

impl Watch {
    pub(crate) fn new() -> Self {
        Self { own: Vec::new(), beat_at: Time::NEVER, hint: 0 }
    }

    pub(crate) fn holds(&self, link: LinkId) -> bool {
        self.own.iter().any(|own| own.end.id() == link)
    }

    /// Takes up the neighbours of a new cut; those it has keep their counts.
    pub(crate) fn assign(
        &mut self,
        now: Time,
        orders: &[(HostIx, LinkOrder)],
        hint: u16,
        out: &mut impl Sink<Action>,
    ) {
        self.hint = hint;
        self.own.retain(|own| orders.iter().any(|(_, order)| order.link == own.end.id()));
        for (peer, order) in orders {
            if let Some(own) = self.own.iter_mut().find(|own| own.end.id() == order.link) {
                own.to = order.peer_address;
                continue;
            }
            out.put(Action::TakeLink(*order));
            let end = LinkEnd::new(order.link, order.lanes, now);
            let to = order.peer_address;
            let mut own = Own { end, peer: *peer, to, suspected: false, doubt_until: Time::ZERO };
            out.put(Action::Beat { beat: own.end.next_beat(hint), to });
            self.own.push(own);
        }
        self.beat_at = match self.own.is_empty() {
            true => Time::NEVER,
            false if self.beat_at == Time::NEVER => now + BEAT_EVERY,
            false => self.beat_at,
        };
    }

    /// Takes a beat. The neighbour that is heard again after a silence, if it was one.
    pub(crate) fn hear(&mut self, heard: &BeatHeard, out: &mut impl Sink<Action>) -> Option<HostIx> {
        let hint = self.hint;
        let own = self.own.iter_mut().find(|own| own.end.id() == heard.beat.link)?;
        match own.end.hear(heard) {
            Reception::First => {
                out.put(Action::Beat { beat: own.end.next_beat(hint), to: own.to });
                None
            }
            Reception::Newer => core::mem::take(&mut own.suspected).then_some(own.peer),
            Reception::Reordered | Reception::Replayed => None,
        }
    }

    /// Beats that are due, and neighbours whose silence is long enough to speak of.
    pub(crate) fn tick(&mut self, now: Time, out: &mut impl Sink<Action>) -> Vec<SilentNeighbour> {
        self.doubt_if_late(now);
        if self.beat_at <= now {
            for own in &mut self.own {
                out.put(Action::Beat { beat: own.end.next_beat(self.hint), to: own.to });
            }
            let missed = now.since(self.beat_at).as_nanos() / BEAT_EVERY.as_nanos();
            // The phase is kept however late we are.
            self.beat_at += BEAT_EVERY * (u32::try_from(missed).unwrap_or(u32::MAX - 1) + 1);
        }
        let mut silent = Vec::new();
        for own in &mut self.own {
            if own.suspected || own.silent_at() > now {
                continue;
            }
            own.suspected = true;
            let last_heard = own.end.heard_at();
            let unproven = !own.end.is_proven();
            silent.push(SilentNeighbour { peer: own.peer, link: own.end.id(), last_heard, unproven });
        }
        silent
    }

    fn doubt_if_late(&mut self, now: Time) {
        let due = self.next();
        if due == Time::NEVER || now.since(due) <= LATE {
            return;
        }
        for own in &mut self.own {
            own.doubt_until = now + BEAT_EVERY + BEAT_EVERY / 2;
        }
    }

    pub(crate) fn next(&self) -> Time {
        let watched = self.own.iter().filter(|own| !own.suspected);
        watched.map(Own::silent_at).fold(self.beat_at, Time::min)
    }
}

impl Own {
    fn silent_at(&self) -> Time {
        self.end.silent_at().max(self.doubt_until)
    }
}
