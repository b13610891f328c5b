//! What will happen, in order of time; of one moment, in the order of keys.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use ringmesh_proto::message::{Beat, LinkId};
use ringmesh_proto::time::Time;

use super::host::Datagram;
use super::key::Key;
use super::network::Place;
use super::stream::Body;
use super::uplink::Step;
use super::wheel::Wheel;

/// Something that will happen in one shard.
pub(crate) enum Due {
    /// A heartbeat comes to a port of a host: by far the most there is, so it is kept in place.
    Beat(FlyingBeat),
    HostDeadline {
        host: u32,
    },
    Other(Box<Thing>),
}

/// A heartbeat under way inside a site, in sixteen octets. Who sent it is told by its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FlyingBeat {
    /// Bits 0-1: lane; 3-4: the leg it comes to; 5-6: the leg it left by.
    bits: u8,
    /// Apart, so that [`Due`] needs no room of its own to tell what it is.
    heard_you: bool,
    hint: u16,
    to: u32,
    link: u32,
    sequence: u32,
}

impl FlyingBeat {
    /// Legs that have a place in it.
    pub(super) const LEGS: usize = 4;

    /// `legs`: the one it leaves by, and the one it comes to.
    pub(super) fn new(beat: &Beat, to: usize, legs: [usize; 2]) -> Self {
        let leg = |leg: usize| u8::try_from(leg % Self::LEGS).unwrap_or(0);
        let bits = (beat.lane & 3) | leg(legs[1]) << 3 | leg(legs[0]) << 5;
        let to = u32::try_from(to).unwrap_or(u32::MAX);
        let (link, sequence) = (beat.link.0, beat.sequence);
        Self { bits, heard_you: beat.heard_you, hint: beat.hint, to, link, sequence }
    }

    pub(super) fn beat(self) -> Beat {
        Beat {
            link: LinkId(self.link),
            lane: self.bits & 3,
            heard_you: self.heard_you,
            sequence: self.sequence,
            hint: self.hint,
        }
    }

    /// Host and leg it comes to.
    pub(super) fn to(self) -> (usize, usize) {
        (self.to as usize, usize::from(self.bits >> 3 & 3))
    }

    /// The leg it left by.
    pub(super) fn left_by(self) -> usize {
        usize::from(self.bits >> 5 & 3)
    }
}

/// What happens less often.
pub(crate) enum Thing {
    Arrive(Datagram),
    /// A relay that has much to do reads what came to its socket before.
    Read {
        /// Of one run of the relay: its socket is gone with it.
        run: u32,
        came: Time,
        datagram: Datagram,
    },
    /// A kernel refuses what was sent to a port nobody listens at.
    Refused {
        to: Place,
        peer: SocketAddr,
    },
    /// A kernel answered an echo of the relay.
    Echo {
        from: IpAddr,
    },
    Announce {
        switch: usize,
    },
    Start {
        host: usize,
    },
    /// A probe that gets the processor seldom gets it.
    Turn {
        host: usize,
        /// Of which overload.
        number: u32,
    },
    StartRelay,
    RelayDeadline,
    /// Of one run of a relay: what it wrote is kept.
    RelayCommit {
        run: u32,
    },
    /// Of one attempt of a relay to have a stream to the CMA.
    Uplink {
        attempt: u64,
        step: Step,
    },
    /// A relay would like to have a stream: what comes to the CMA's host.
    Syn {
        site: usize,
        attempt: u64,
    },
    CmaDeadline,
    /// Of one run of the CMA: what it wrote is kept.
    CmaCommit {
        run: u32,
    },
    /// Of one run of the CMA: whoever brings lines to people took one over.
    HandedOn {
        run: u32,
        page: u64,
    },
    /// A segment leaves once more.
    Send {
        stream: u64,
        number: u64,
    },
    /// A segment comes from the other end.
    Segment {
        stream: u64,
        number: u64,
        body: Body,
    },
    /// A CMA that has much to do comes to what was said over a stream before.
    Heard {
        stream: u64,
        body: Body,
    },
    /// The other host knows nothing of a stream.
    Reset {
        stream: u64,
    },
    /// An end looks whether it heard something of the other.
    Watch {
        stream: u64,
    },
}

impl From<Thing> for Due {
    fn from(thing: Thing) -> Self {
        Self::Other(Box::new(thing))
    }
}

impl Event {
    /// What it is, and whose.
    pub(super) fn words(&self) -> String {
        let (word, who) = (self.due.word(), self.key.entity().name());
        match &self.due {
            Due::Beat(beat) => format!("{word}, a beat of {who} on link {}", beat.link),
            Due::HostDeadline { .. } => format!("{word}, {who}"),
            Due::Other(thing) => match &**thing {
                Thing::Arrive(datagram) | Thing::Read { datagram, .. } => {
                    format!("{word} {} -> {}", datagram.from, datagram.to)
                }
                Thing::Refused { peer, .. } => format!("{word} from {peer}"),
                Thing::Echo { from } => format!("{word} from {from}"),
                Thing::Syn { site, .. } => format!("{word} of site {}", site + 1),
                Thing::Send { stream, .. }
                | Thing::Segment { stream, .. }
                | Thing::Reset { stream }
                | Thing::Watch { stream } => format!("{word}, stream {stream:x}"),
                _ => format!("{word}, {who}"),
            },
        }
    }
}

impl Due {
    /// Whether it comes over the network.
    fn is_datagram(&self) -> bool {
        match self {
            Self::Beat(_) => true,
            Self::HostDeadline { .. } => false,
            Self::Other(thing) => {
                matches!(**thing, Thing::Arrive(_) | Thing::Refused { .. } | Thing::Echo { .. })
            }
        }
    }

    pub(super) fn word(&self) -> &'static str {
        match self {
            Self::Beat(_) => "datagram",
            Self::HostDeadline { .. } => "deadline of a probe",
            Self::Other(thing) => match **thing {
                Thing::Arrive(_) => "datagram",
                Thing::Read { .. } => "datagram read late",
                Thing::Refused { .. } => "refusal",
                Thing::Echo { .. } => "echo",
                Thing::Announce { .. } => "announcement",
                Thing::Start { .. } => "start of a probe",
                Thing::Turn { .. } => "turn of a probe",
                Thing::StartRelay => "start of a relay",
                Thing::RelayDeadline => "deadline of a relay",
                Thing::RelayCommit { .. } => "commit of a relay",
                Thing::Uplink { .. } => "uplink",
                Thing::Syn { .. } => "connection asked for",
                Thing::CmaDeadline => "deadline of the CMA",
                Thing::CmaCommit { .. } => "commit of the CMA",
                Thing::HandedOn { .. } => "line taken over",
                Thing::Send { .. } => "segment to be sent",
                Thing::Segment { .. } => "segment to be read",
                Thing::Heard { .. } => "segment read late",
                Thing::Reset { .. } => "reset",
                Thing::Watch { .. } => "keep-alive",
            },
        }
    }
}

/// Something, and when.
pub(crate) struct Event {
    pub(crate) at: Time,
    pub(super) key: Key,
    pub(super) due: Due,
}

/// Everything that is due in one shard.
pub(super) enum Queue {
    /// Plain, for the reference engine.
    Sorted(BTreeMap<(Time, Key), Due>),
    /// Quick, for the others.
    Wheel(Box<Wheel>),
}

impl Default for Queue {
    fn default() -> Self {
        Self::Sorted(BTreeMap::new())
    }
}

impl Queue {
    /// The same in another form.
    pub(super) fn change(&mut self, wheel: bool) {
        let mut changed = if wheel { Self::Wheel(Box::default()) } else { Self::default() };
        while let Some(event) = self.take(Time::NEVER) {
            changed.put(event);
        }
        *self = changed;
    }

    /// Takes out what is of that kind, in order; all else stays.
    pub(super) fn take_out(&mut self, is_meant: impl Fn(&Thing) -> bool) -> Vec<Thing> {
        let (mut rest, mut out) = (Self::default(), Vec::new());
        if matches!(self, Self::Wheel(_)) {
            rest.change(true);
        }
        while let Some(event) = self.take(Time::NEVER) {
            match event.due {
                Due::Other(thing) if is_meant(&thing) => out.push(*thing),
                due => rest.put(Event { due, ..event }),
            }
        }
        *self = rest;
        out
    }

    pub(super) fn put(&mut self, event: Event) {
        match self {
            Self::Sorted(due) => {
                let before = due.insert((event.at, event.key), event.due);
                assert!(before.is_none(), "two events of one key at {:?}", event.at);
            }
            Self::Wheel(wheel) => wheel.put(event),
        }
    }

    /// When the next thing is due, and its key.
    pub(super) fn next(&mut self) -> Option<(Time, Key)> {
        match self {
            Self::Sorted(due) => due.first_key_value().map(|(key, _)| *key),
            Self::Wheel(wheel) => wheel.first().map(|event| (event.at, event.key)),
        }
    }

    /// How many datagrams are under way. Only plain order knows: a wheel holds some that are foretold, and not sent yet.
    pub(super) fn datagrams(&self) -> Option<u64> {
        match self {
            Self::Sorted(due) => Some(due.values().filter(|due| due.is_datagram()).count() as u64),
            Self::Wheel(_) => None,
        }
    }

    /// The next thing itself.
    pub(super) fn first_due(&mut self) -> Option<&Due> {
        match self {
            Self::Sorted(due) => due.first_key_value().map(|(_, due)| due),
            Self::Wheel(wheel) => wheel.first().map(|event| &event.due),
        }
    }

    /// The next thing, if it is due by then.
    pub(super) fn take(&mut self, end: Time) -> Option<Event> {
        match self {
            Self::Sorted(due) => {
                let entry = due.first_entry().filter(|entry| entry.key().0 <= end)?;
                let ((at, key), due) = entry.remove_entry();
                Some(Event { at, key, due })
            }
            Self::Wheel(wheel) => {
                wheel.first().filter(|event| event.at <= end)?;
                wheel.pop()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flying_beat_comes_out_as_it_went_in() {
        let beat = Beat { link: LinkId(0x0102_0304), lane: 3, heard_you: true, sequence: 7, hint: 0xabcd };
        let flying = FlyingBeat::new(&beat, 1_000_000, [2, 1]);
        assert_eq!((flying.beat(), flying.to(), flying.left_by()), (beat, (1_000_000, 1), 2));
        let other = Beat { lane: 0, heard_you: false, ..beat };
        assert_eq!(FlyingBeat::new(&other, 1, [0, 3]).beat(), other);
    }

    #[test]
    fn an_event_is_small() {
        assert!(size_of::<Event>() <= 32, "{} octets", size_of::<Event>());
    }
}
