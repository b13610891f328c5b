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

use std::collections::VecDeque;
use std::time::Duration;

use ringmesh_proto::draws::Purpose;
use ringmesh_proto::time::Time;

use super::queue::Due;
use super::world::World;

/// The first time after which a segment that was not acknowledged is sent again; doubled each time ..
const RETRY: Duration = Duration::from_millis(200);
/// .. so often at most.
const RETRY_DOUBLED_MAX: u32 = 9;
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
    fn other(self) -> Self {
        match self {
            Self::Relay => Self::Cma,
            Self::Cma => Self::Relay,
        }
    }

    /// After how long a silence it asks, if it does, and after how long it gives up.
    fn patience(self) -> (Option<Duration>, Duration) {
        match self {
            Self::Relay => (None, RELAY_GIVES_UP),
            Self::Cma => (Some(CMA_ASKS), CMA_GIVES_UP),
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

    fn purpose(&self) -> &'static str {
        match self {
            Self::Message(purpose, _) => purpose,
            Self::Ping | Self::Pong => "Ping",
            Self::Over => "Over",
        }
    }
}

#[derive(Debug)]
struct Segment {
    body: Body,
    tries: u32,
    /// When it comes to the other end; `None` while no copy of it is on a way that works.
    arrives: Option<Time>,
}

#[derive(Debug)]
struct End {
    open: bool,
    heard: Time,
    /// What the other end has not read yet, oldest first.
    sent: VecDeque<Segment>,
    /// The number of the first of them.
    first: u64,
}

impl End {
    fn new(now: Time) -> Self {
        Self { open: true, heard: now, sent: VecDeque::new(), first: 0 }
    }

    fn segment(&mut self, number: u64) -> Option<&mut Segment> {
        let at = usize::try_from(number.checked_sub(self.first)?).ok()?;
        self.sent.get_mut(at)
    }
}

/// A stream.
#[derive(Debug)]
pub(super) struct Stream {
    pub(super) site: usize,
    relay: End,
    cma: End,
}

impl Stream {
    pub(super) fn new(now: Time, site: usize) -> Self {
        Self { site, relay: End::new(now), cma: End::new(now) }
    }

    pub(super) fn is_open(&self, side: Side) -> bool {
        match side {
            Side::Relay => self.relay.open,
            Side::Cma => self.cma.open,
        }
    }

    fn end(&mut self, side: Side) -> &mut End {
        match side {
            Side::Relay => &mut self.relay,
            Side::Cma => &mut self.cma,
        }
    }
}

impl World {
    /// Both ends hold a connection from now on.
    pub(super) fn open_stream(&mut self, site: usize) -> u64 {
        self.stream_last += 1;
        let stream = self.stream_last;
        self.streams.insert(stream, Stream::new(self.now, site));
        for side in [Side::Relay, Side::Cma] {
            let (asks, gives_up) = side.patience();
            self.at(self.now + asks.unwrap_or(gives_up), Due::Watch { stream, side });
        }
        stream
    }

    /// One end says something.
    pub(super) fn say(&mut self, stream: u64, from: Side, body: Body) {
        let Some(end) = self.streams.get_mut(&stream).map(|known| known.end(from)) else { return };
        let number = end.first + end.sent.len() as u64;
        self.classes.count("cma", body.purpose());
        end.sent.push_back(Segment { body, tries: 0, arrives: None });
        self.send_segment(stream, from, number);
    }

    pub(super) fn send_segment(&mut self, stream: u64, from: Side, number: u64) {
        let Some(known) = self.streams.get_mut(&stream) else { return };
        let site = known.site;
        let Some(segment) = known.end(from).segment(number) else { return };
        let retry = RETRY * (1 << segment.tries.min(RETRY_DOUBLED_MAX));
        let (purpose, octets) = (segment.body.purpose(), segment.body.octets());
        segment.tries += 1;
        self.count_wan(site, purpose, octets);
        if !self.passes_to_cma(site) {
            return self.at(self.now + retry, Due::Send { stream, from, number });
        }
        let arrives = self.now + self.delay_to_cma(site);
        if let Some(segment) = self.streams.get_mut(&stream).and_then(|known| known.end(from).segment(number))
        {
            segment.arrives = Some(arrives);
        }
        self.at(arrives, Due::Read { stream, from });
    }

    /// The other end reads all that has come in order.
    pub(super) fn read_stream(&mut self, stream: u64, from: Side) {
        let to = from.other();
        while let Some(known) = self.streams.get_mut(&stream) {
            let sent = known.end(from);
            let here = sent.sent.front().is_some_and(|first| first.arrives.is_some_and(|at| at <= self.now));
            if !here {
                return;
            }
            let Some(segment) = sent.sent.pop_front() else { return };
            sent.first += 1;
            // Pings do not show that the process at the other end does anything.
            if to == Side::Cma || matches!(segment.body, Body::Message(..)) {
                known.end(to).heard = self.now;
            }
            let (site, is_open) = (known.site, known.is_open(to));
            if is_open {
                self.hear(stream, site, to, segment.body);
            } else if self.network.reaches_cma(site) {
                self.at(self.now + self.delay_to_cma(site), Due::Reset { stream, to: from });
            }
        }
    }

    fn hear(&mut self, stream: u64, site: usize, to: Side, body: Body) {
        match (body, to) {
            (Body::Message(_, octets), Side::Relay) => self.relay_hears(site, stream, &octets),
            (Body::Message(_, octets), Side::Cma) => self.cma_hears(stream, &octets),
            (Body::Ping, _) => self.say(stream, to, Body::Pong),
            (Body::Pong, _) => {}
            (Body::Over, _) => self.stream_broke(stream, to),
        }
    }

    /// The other end is gone, or was given up: nothing can be said or heard here any more.
    pub(super) fn stream_broke(&mut self, stream: u64, side: Side) {
        let Some(known) = self.streams.get_mut(&stream).filter(|known| known.is_open(side)) else { return };
        let site = known.site;
        self.close_stream(stream, side);
        match side {
            Side::Relay => self.relay_lost_stream(site, stream),
            Side::Cma => self.cma_lost_stream(stream),
        }
    }

    /// One end is closed by its process, or by the kernel in its place.
    pub(super) fn close_stream(&mut self, stream: u64, side: Side) {
        let Some(known) = self.streams.get_mut(&stream).filter(|known| known.is_open(side)) else { return };
        known.end(side).open = false;
        if known.is_open(side.other()) {
            self.say(stream, side, Body::Over);
        } else {
            self.streams.remove(&stream);
        }
    }

    /// The host of a relay has no power any more: nothing is sent again, and nothing after what is missing is read.
    pub(super) fn cut_power_of_streams(&mut self, site: usize) {
        for known in self.streams.values_mut().filter(|known| known.site == site) {
            known.relay.open = false;
            let missing = known.relay.sent.iter().position(|segment| segment.arrives.is_none());
            known.relay.sent.truncate(missing.unwrap_or(usize::MAX));
        }
        self.streams.retain(|_, known| known.relay.open || known.cma.open);
    }

    /// The streams of which this end is open.
    pub(super) fn open_streams(&self, side: Side) -> Vec<u64> {
        let open = self.streams.iter().filter(|(_, known)| known.is_open(side));
        open.map(|(stream, _)| *stream).collect()
    }

    pub(super) fn watch_stream(&mut self, stream: u64, side: Side) {
        let Some(known) = self.streams.get_mut(&stream).filter(|known| known.is_open(side)) else { return };
        let heard = known.end(side).heard;
        let (asks, gives_up) = side.patience();
        let (look, gives_up) = (heard + asks.unwrap_or(gives_up), heard + gives_up);
        if self.now < look {
            return self.at(look, Due::Watch { stream, side });
        }
        if self.now < gives_up {
            self.say(stream, side, Body::Ping);
            return self.at(gives_up, Due::Watch { stream, side });
        }
        self.note(|| format!("stream {stream}: {side:?} heard nothing and gives up"));
        self.stream_broke(stream, side);
    }

    /// Whether a packet between a site and the CMA arrives.
    pub(super) fn passes_to_cma(&mut self, site: usize) -> bool {
        let (here, there) = (self.network.wan[site], self.network.cma);
        let lost = self.is_lost(here.loss_permille) || self.is_lost(there.loss_permille);
        self.network.reaches_cma(site) && !lost
    }

    pub(super) fn delay_to_cma(&self, site: usize) -> Duration {
        self.network.wan[site].delay + self.network.cma.delay
    }

    /// One draw of chance.
    pub(super) fn is_lost(&mut self, permille: u64) -> bool {
        permille > 0 && self.draw(1_000, Purpose::Loss) < permille
    }

    pub(super) fn count_wan(&mut self, site: usize, purpose: &'static str, octets: usize) {
        if self.network.wan[site].works && self.network.core_power[site] {
            self.wan[site].count(purpose, octets);
        }
    }
}
