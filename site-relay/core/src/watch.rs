//! The relay's own place in a ring: it beats and watches like any member. In its site ring it stands among members,
//! in the mesh ring among relays of other sites; `P` names a neighbour.

use core::net::SocketAddr;

use ringmesh_proto::beat::{LinkEnd, Reception};
use ringmesh_proto::message::{Beat, BeatHeard, LinkId};
use ringmesh_proto::time::{Duration, Time};

/// Late by more than this, a machine doubts itself before it doubts others.
const LATE: Duration = Duration::from_millis(100);

/// One neighbour, and the own end of the link to it.
#[derive(Clone, Debug)]
pub(crate) struct Own<P> {
    pub(crate) end: LinkEnd,
    pub(crate) peer: P,
    pub(crate) to: SocketAddr,
    suspected: bool,
    /// Not to be judged silent before this: we ran late ourselves.
    doubt_until: Time,
}

/// All of them.
#[derive(Clone, Debug)]
pub(crate) struct Watch<P> {
    own: Vec<Own<P>>,
    every: Duration,
    beat_at: Time,
    hint: u16,
}

/// A neighbour of the relay has gone silent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SilentNeighbour<P> {
    pub(crate) peer: P,
    pub(crate) last_heard: Time,
    /// Too few beats came for the silence to be testimony.
    pub(crate) unproven: bool,
}

/// What became of a beat that a neighbour sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Heard<P> {
    /// The first on its link: answered at once.
    First(Beat, SocketAddr),
    /// It was silent before, and suspected.
    Again(P),
    /// One more.
    Still(P),
}

impl<P: Clone> Own<P> {
    pub(crate) fn new(end: LinkEnd, peer: P, to: SocketAddr) -> Self {
        Self { end, peer, to, suspected: false, doubt_until: Time::ZERO }
    }

    fn silent_at(&self) -> Time {
        self.end.silent_at().max(self.doubt_until)
    }
}

impl<P: Clone> Watch<P> {
    /// Nobody yet; later a beat to each in this interval.
    pub(crate) fn new(every: Duration) -> Self {
        Self { own: Vec::new(), every, beat_at: Time::NEVER, hint: 0 }
    }

    pub(crate) fn holds(&self, link: LinkId) -> bool {
        self.own.iter().any(|own| own.end.id() == link)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Own<P>> {
        self.own.iter()
    }

    /// Takes up the neighbours of a new cut; those it has keep their counts. Says which links are new.
    pub(crate) fn assign(&mut self, now: Time, wanted: Vec<Own<P>>, hint: u16) -> Vec<LinkId> {
        self.hint = hint;
        self.own.retain(|own| wanted.iter().any(|wanted| wanted.end.id() == own.end.id()));
        let mut new = Vec::new();
        for wanted in wanted {
            match self.own.iter_mut().find(|own| own.end.id() == wanted.end.id()) {
                Some(own) => own.to = wanted.to,
                None => {
                    new.push(wanted.end.id());
                    self.own.push(wanted);
                }
            }
        }
        self.beat_at = match self.own.is_empty() {
            true => Time::NEVER,
            false if self.beat_at == Time::NEVER => now + self.every,
            false => self.beat_at,
        };
        new
    }

    /// The first beats on new links: they leave at once, whatever the phase.
    pub(crate) fn first_beats(&mut self, links: &[LinkId]) -> Vec<(Beat, SocketAddr)> {
        let hint = self.hint;
        let new = self.own.iter_mut().filter(|own| links.contains(&own.end.id()));
        new.map(|own| (own.end.next_beat(hint), own.to)).collect()
    }

    /// Takes a beat; `None` for one that is no sign of life.
    pub(crate) fn hear(&mut self, heard: &BeatHeard) -> Option<Heard<P>> {
        let hint = self.hint;
        let own = self.own.iter_mut().find(|own| own.end.id() == heard.beat.link)?;
        match own.end.hear(heard) {
            Reception::First => Some(Heard::First(own.end.next_beat(hint), own.to)),
            Reception::Newer if core::mem::take(&mut own.suspected) => Some(Heard::Again(own.peer.clone())),
            Reception::Newer => Some(Heard::Still(own.peer.clone())),
            Reception::Reordered | Reception::Replayed => None,
        }
    }

    /// Beats that are due. To be asked before [`Self::silent`]: it notes whether we run late ourselves.
    pub(crate) fn beats(&mut self, now: Time) -> Vec<(Beat, SocketAddr)> {
        self.doubt_if_late(now);
        if self.beat_at > now {
            return Vec::new();
        }
        let missed = now.since(self.beat_at).as_nanos() / self.every.as_nanos();
        // The phase is kept however late we are.
        self.beat_at += self.every * (u32::try_from(missed).unwrap_or(u32::MAX - 1) + 1);
        let hint = self.hint;
        self.own.iter_mut().map(|own| (own.end.next_beat(hint), own.to)).collect()
    }

    /// Neighbours whose silence is long enough to speak of, each once for each silence.
    pub(crate) fn silent(&mut self, now: Time) -> Vec<SilentNeighbour<P>> {
        let silent = self.own.iter_mut().filter(|own| !own.suspected && own.silent_at() <= now);
        let told = silent.map(|own| {
            own.suspected = true;
            let unproven = !own.end.is_proven();
            SilentNeighbour { peer: own.peer.clone(), last_heard: own.end.heard_at(), unproven }
        });
        told.collect()
    }

    fn doubt_if_late(&mut self, now: Time) {
        let due = self.next();
        if due == Time::NEVER || now.since(due) <= LATE {
            return;
        }
        for own in &mut self.own {
            own.doubt_until = now + self.every + self.every / 2;
        }
    }

    pub(crate) fn next(&self) -> Time {
        let watched = self.own.iter().filter(|own| !own.suspected);
        watched.map(Own::silent_at).fold(self.beat_at, Time::min)
    }
}
