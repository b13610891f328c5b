//! Streams between relays and the CMA, as TCP would carry them.
//!
//! In order and without loss while both ends hold on: what the network swallows is sent again after 200 ms, then after
//! twice as long, and so on; what came earlier than something missing waits for it. A cut is silence, and nothing
//! else. An end that heard nothing for long enough gives up; a process that ends has its streams ended by its kernel;
//! a host without power says nothing, and afterwards knows nothing of its streams and says so when it is spoken to.
//!
//! # What is counted
//! Each message as gRPC, HTTP/2 and TLS wrap it, each packet and its acknowledgement as TCP and IPv4 wrap them, also
//! those that are sent again, in both directions, wherever the site's own leg works. Ethernet is not counted.

use std::collections::BTreeMap;
use std::time::Duration;

use ringmesh_proto::time::Time;

use super::common::{Common, ShardName};
use super::fabric::Way;
use super::key::{Actor, Rank};
use super::queue::Thing;

/// The first time after which a segment that was not acknowledged is sent again; doubled each time ..
const RETRY: Duration = Duration::from_millis(200);
/// .. so often at most.
const RETRY_DOUBLED_MAX: u32 = 9;
/// A kernel gives up what a closed end left behind after so many.
const RETRIES_MAX: u32 = 12;
/// A CMA's end that heard nothing for so long asks whether the other is there ..
const CMA_ASKS: Duration = Duration::from_secs(10);
/// .. and gives the stream up if it still heard nothing after this.
const CMA_GIVES_UP: Duration = Duration::from_secs(30);
/// A relay to which the CMA said nothing for so long gives the stream up: each of its pulses is answered.
const RELAY_GIVES_UP: Duration = Duration::from_secs(9);

/// A message prefix of gRPC (5), a frame header of HTTP/2 (9), a record of TLS 1.3 (5 + 1 + 16).
const MESSAGE_OCTETS: usize = 5 + 9 + 22;
/// IPv4 (20) and TCP with time stamps (32): a packet, and the one that acknowledges it.
const PACKET_OCTETS: usize = 2 * (20 + 32);
/// What a packet carries of a message.
const SEGMENT_OCTETS: usize = 1_400;
/// What HTTP/2 asks and answers in a ping.
const PING_OCTETS: usize = 8;
/// Opening a connection: TCP, TLS 1.3 with certificates of both ends, the first frames of HTTP/2. About.
pub(super) const HANDSHAKE_OCTETS: usize = 4_500;

/// An end of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Relay,
    Cma,
}

impl Side {
    /// After how long a silence it asks, if it does, and after how long it gives up.
    fn patience(self) -> (Option<Duration>, Duration) {
        match self {
            Self::Relay => (None, RELAY_GIVES_UP),
            Self::Cma => (Some(CMA_ASKS), CMA_GIVES_UP),
        }
    }

    /// Which way what it says goes, seen from the site.
    fn way(self) -> Way {
        match self {
            Self::Relay => Way::Out,
            Self::Cma => Way::In,
        }
    }

    /// Where the other end of a stream is.
    fn other(self, site: usize) -> ShardName {
        match self {
            Self::Relay => ShardName::Cma,
            Self::Cma => ShardName::Site(site),
        }
    }
}

/// What is sent over a stream.
#[derive(Debug)]
pub(super) enum Body {
    /// What it is for, and itself.
    Message(&'static str, Vec<u8>),
    Ping,
    Pong,
    /// Nothing comes after it.
    Over,
}

impl Body {
    fn octets(&self) -> usize {
        match self {
            Self::Message(_, octets) => {
                octets.len() + MESSAGE_OCTETS + PACKET_OCTETS * octets.len().div_ceil(SEGMENT_OCTETS).max(1)
            }
            Self::Ping | Self::Pong => PING_OCTETS + MESSAGE_OCTETS + PACKET_OCTETS,
            Self::Over => PACKET_OCTETS,
        }
    }

    /// Octets of the largest of its packets, as far as they carry something.
    fn largest(&self) -> usize {
        match self {
            Self::Message(_, octets) => (octets.len() + MESSAGE_OCTETS).min(SEGMENT_OCTETS),
            Self::Ping | Self::Pong => PING_OCTETS + MESSAGE_OCTETS,
            Self::Over => 0,
        }
    }

    pub(super) fn purpose(&self) -> &'static str {
        match self {
            Self::Message(purpose, _) => purpose,
            Self::Ping | Self::Pong => "Ping",
            Self::Over => "Over",
        }
    }
}

/// What an end found when it looked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Watched {
    Well,
    /// It heard nothing for too long, and is closed now.
    GivenUp,
}

/// One end of one stream.
#[derive(Debug)]
struct End {
    site: usize,
    /// Its process holds it; else only its kernel does, for what is still to be sent.
    open: bool,
    heard: Time,
    /// What found no way that works yet, and how often it was tried.
    sent: BTreeMap<u64, (Body, u32)>,
    /// The number of the next segment that it sends ..
    next: u64,
    /// .. and of the next that it reads.
    read: u64,
    /// What came before something that is missing.
    came: BTreeMap<u64, Body>,
}

/// The ends of all streams on one side.
#[derive(Debug)]
pub(super) struct Ends {
    side: Side,
    ends: BTreeMap<u64, End>,
}

impl Ends {
    pub(super) fn new(side: Side) -> Self {
        Self { side, ends: BTreeMap::new() }
    }

    /// This end holds a connection from now on.
    pub(super) fn begin(&mut self, common: &mut Common, actor: &mut Actor, stream: u64, site: usize) {
        let (sent, came) = (BTreeMap::new(), BTreeMap::new());
        let end = End { site, open: true, heard: common.now, sent, next: 0, read: 0, came };
        self.ends.insert(stream, end);
        let (asks, gives_up) = self.side.patience();
        let look = common.now + asks.unwrap_or(gives_up);
        common.at(actor.next(), Rank::Deadline, look, Thing::Watch { stream });
    }

    pub(super) fn is_open(&self, stream: u64) -> bool {
        self.ends.get(&stream).is_some_and(|end| end.open)
    }

    /// The site of the other end.
    pub(super) fn site(&self, stream: u64) -> Option<usize> {
        self.ends.get(&stream).map(|end| end.site)
    }

    /// The streams of which this end is open.
    pub(super) fn open(&self) -> Vec<u64> {
        self.ends.iter().filter(|(_, end)| end.open).map(|(stream, _)| *stream).collect()
    }

    /// This end says something.
    pub(super) fn say(&mut self, common: &mut Common, actor: &mut Actor, stream: u64, body: Body) {
        let Some(end) = self.ends.get_mut(&stream) else { return };
        let number = end.next;
        end.next += 1;
        common.classes.count("cma", body.purpose());
        end.sent.insert(number, (body, 0));
        self.send(common, actor, stream, number);
    }

    /// A segment leaves, once more if it found no way before.
    pub(super) fn send(&mut self, common: &mut Common, actor: &mut Actor, stream: u64, number: u64) {
        let Some(end) = self.ends.get_mut(&stream) else { return };
        let Some((body, tries)) = end.sent.get_mut(&number) else { return };
        let retry = RETRY * (1 << (*tries).min(RETRY_DOUBLED_MAX));
        *tries += 1;
        common.count_wan(end.site, body.purpose(), body.octets());
        let gives_up = !end.open && *tries > RETRIES_MAX;
        if let Some(late) = common.passes_to_cma(actor, end.site, self.side.way(), body.largest()) {
            let Some((body, _)) = end.sent.remove(&number) else { return };
            let after = common.wan.delay_to_cma(end.site) + late;
            let segment = Thing::Segment { stream, number, body };
            common.cross(self.side.other(end.site), actor.next(), after, segment);
        } else if gives_up {
            end.sent.clear();
        } else {
            common.at(actor.next(), Rank::Deed, common.now + retry, Thing::Send { stream, number });
        }
        if !end.open && end.sent.is_empty() {
            self.ends.remove(&stream);
        }
    }

    /// A segment came; `false` if nobody holds this end.
    pub(super) fn take(&mut self, stream: u64, number: u64, body: Body) -> bool {
        match self.ends.get_mut(&stream).filter(|end| end.open) {
            Some(end) => {
                end.came.insert(number, body);
                true
            }
            // What is over anyway needs no answer.
            None => matches!(body, Body::Over),
        }
    }

    /// The next thing that came in order, while this end is open.
    pub(super) fn read(&mut self, now: Time, stream: u64) -> Option<Body> {
        let end = self.ends.get_mut(&stream).filter(|end| end.open)?;
        let body = end.came.remove(&end.read)?;
        end.read += 1;
        // Pings do not show that the process at the other end does anything.
        if self.side == Side::Cma || matches!(body, Body::Message(..)) {
            end.heard = now;
        }
        Some(body)
    }

    /// The kernel says that it knows nothing of that stream, if the way works.
    pub(super) fn reset(
        &self,
        common: &mut Common,
        actor: &mut Actor,
        stream: u64,
        site: usize,
        reaches: bool,
    ) {
        if reaches {
            let after = common.wan.delay_to_cma(site);
            common.cross(self.side.other(site), actor.next(), after, Thing::Reset { stream });
        }
    }

    /// Closed by its process, or by the kernel in its place: what was said before still goes, then that it is over.
    pub(super) fn close(&mut self, common: &mut Common, actor: &mut Actor, stream: u64) {
        let Some(end) = self.ends.get_mut(&stream).filter(|end| end.open) else { return };
        end.open = false;
        self.say(common, actor, stream, Body::Over);
    }

    /// The other end is over: so is this one, at once. Whether it was open.
    pub(super) fn forget(&mut self, stream: u64) -> bool {
        self.ends.remove(&stream).is_some_and(|end| end.open)
    }

    /// The host has no power any more: what has not left never does.
    pub(super) fn cut_power(&mut self) {
        self.ends.clear();
    }

    /// It looks whether it heard something of the other end.
    pub(super) fn watch(&mut self, common: &mut Common, actor: &mut Actor, stream: u64) -> Watched {
        let Some(end) = self.ends.get(&stream).filter(|end| end.open) else { return Watched::Well };
        let (asks, gives_up) = self.side.patience();
        let (look, gives_up) = (end.heard + asks.unwrap_or(gives_up), end.heard + gives_up);
        if common.now < look {
            common.at(actor.next(), Rank::Deadline, look, Thing::Watch { stream });
        } else if common.now < gives_up {
            self.say(common, actor, stream, Body::Ping);
            common.at(actor.next(), Rank::Deadline, gives_up, Thing::Watch { stream });
        } else {
            let side = self.side;
            common.note(|| format!("stream {stream:x}: {side:?} heard nothing and gives up"));
            self.close(common, actor, stream);
            return Watched::GivenUp;
        }
        Watched::Well
    }
}
