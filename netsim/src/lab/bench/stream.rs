//! What relays and the CMA say to each other, read off the wire as anybody could where TLS is off. Pure.
//!
//! Segments become octets in order (TCP), octets frames (HTTP/2), frames messages (gRPC), messages ours. Headers of
//! HTTP/2 say nothing that is wanted here and are passed over.
//!
//! A stream is read from its first octet on: one that was open before is passed over whole.

use std::collections::BTreeMap;
use std::net::SocketAddrV4;

use prost::Message as _;
use ringmesh_proto::pb;

use super::packet::Segment;
use crate::lab::files::CMA_PORT;

/// What a client of HTTP/2 says before its first frame.
const PREFACE: usize = 24;
/// Before each frame of HTTP/2.
const FRAME_HEADER: usize = 9;
/// Before each message of gRPC.
const MESSAGE_HEADER: usize = 5;

/// What was said.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Said {
    /// By a relay.
    Relay(pb::from_relay::Body),
    /// By the CMA.
    Cma(pb::from_authority::Body),
}

/// One message.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Message {
    /// On which connection, in the order of their opening.
    pub(super) connection: usize,
    /// Of the message itself, with gRPC's five before it.
    pub(super) octets: usize,
    /// What it says.
    pub(super) said: Said,
}

/// All connections that were seen to open.
#[derive(Debug, Default)]
pub(super) struct Streams {
    opened: usize,
    /// By the relay's end: the newest that was opened from there.
    newest: BTreeMap<SocketAddrV4, Connection>,
    /// Connections of which something was missed, or that were not understood.
    unread: usize,
}

impl Streams {
    /// What is complete now that this passed too, in order.
    pub(super) fn pass(&mut self, segment: &Segment) -> Vec<Message> {
        let (end, from_relay) = match (segment.from.port(), segment.to.port()) {
            (_, CMA_PORT) => (segment.from, true),
            (CMA_PORT, _) => (segment.to, false),
            _ => return Vec::new(),
        };
        if segment.begins && from_relay {
            self.open(end, segment);
        }
        let Some(connection) = self.newest.get_mut(&end) else { return Vec::new() };
        let number = connection.number;
        let way = if from_relay { &mut connection.there } else { &mut connection.back };
        if segment.begins {
            way.begin(segment.sequence);
        }
        let Some(messages) = way.pass(segment) else {
            connection.lost = true;
            return Vec::new();
        };
        let mut said = Vec::new();
        for octets in messages {
            match understood(&octets, from_relay) {
                Some(Some(what)) => {
                    said.push(Message {
                        connection: number,
                        octets: octets.len() + MESSAGE_HEADER,
                        said: what,
                    });
                }
                // What a later version says is passed over.
                Some(None) => {}
                None => connection.lost = true,
            }
        }
        said
    }

    /// The relay's end of a connection, while no other was opened from there.
    pub(super) fn end_of(&self, number: usize) -> Option<SocketAddrV4> {
        self.newest.iter().find(|(_, connection)| connection.number == number).map(|(end, _)| *end)
    }

    /// Connections of which something is missing now.
    pub(super) fn unread(&self) -> usize {
        self.unread + self.newest.values().filter(|connection| connection.is_unread()).count()
    }

    fn open(&mut self, end: SocketAddrV4, segment: &Segment) {
        let next = segment.sequence.wrapping_add(1);
        // It is said again until it is answered.
        if self.newest.get(&end).is_some_and(|known| known.there.first == Some(next)) {
            return;
        }
        let connection = Connection { number: self.opened, ..Connection::new() };
        self.opened += 1;
        let before = self.newest.insert(end, connection);
        self.unread += usize::from(before.is_some_and(|before| before.is_unread()));
    }
}

fn understood(octets: &[u8], from_relay: bool) -> Option<Option<Said>> {
    if from_relay {
        return Some(pb::FromRelay::decode(octets).ok()?.body.map(Said::Relay));
    }
    Some(pb::FromAuthority::decode(octets).ok()?.body.map(Said::Cma))
}

#[derive(Debug)]
struct Connection {
    number: usize,
    there: Way,
    back: Way,
    lost: bool,
}

impl Connection {
    fn new() -> Self {
        let way = |preface| Way { frames: Frames { skip: preface, ..Frames::default() }, ..Way::default() };
        Self { number: 0, there: way(PREFACE), back: way(0), lost: false }
    }

    fn is_unread(&self) -> bool {
        self.lost || !self.there.early.is_empty() || !self.back.early.is_empty()
    }
}

/// One direction of a connection.
#[derive(Debug, Default)]
struct Way {
    /// Where it began.
    first: Option<u32>,
    /// What comes next.
    next: u32,
    /// What came before its time.
    early: BTreeMap<u32, Vec<u8>>,
    frames: Frames,
}

impl Way {
    fn begin(&mut self, sequence: u32) {
        let next = sequence.wrapping_add(1);
        if self.first.is_none() {
            (self.first, self.next) = (Some(next), next);
        }
    }

    /// The messages that are complete now; `None` if this is no HTTP/2.
    fn pass(&mut self, segment: &Segment) -> Option<Vec<Vec<u8>>> {
        if self.first.is_none() || segment.payload.is_empty() {
            return Some(Vec::new());
        }
        self.early.insert(segment.sequence, segment.payload.clone());
        let mut messages = Vec::new();
        while let Some(sequence) = self.early.keys().copied().find(|sequence| self.ahead(*sequence) <= 0) {
            let payload = self.early.remove(&sequence).unwrap_or_default();
            let known = usize::try_from(-self.ahead(sequence)).unwrap_or(usize::MAX);
            let fresh = payload.get(known..).unwrap_or_default();
            self.next = self.next.wrapping_add(u32::try_from(fresh.len()).ok()?);
            messages.extend(self.frames.pass(fresh)?);
        }
        Some(messages)
    }

    /// How far a place lies ahead of what comes next.
    fn ahead(&self, sequence: u32) -> i64 {
        i64::from(sequence.wrapping_sub(self.next).cast_signed())
    }
}

/// Frames of HTTP/2 and what they carry.
#[derive(Debug, Default)]
struct Frames {
    /// Octets before the first frame.
    skip: usize,
    octets: Vec<u8>,
    /// What came on each of HTTP/2's own streams.
    calls: BTreeMap<u32, Vec<u8>>,
}

impl Frames {
    fn pass(&mut self, octets: &[u8]) -> Option<Vec<Vec<u8>>> {
        let skipped = self.skip.min(octets.len());
        self.skip -= skipped;
        self.octets.extend(octets.get(skipped..)?);
        let mut messages = Vec::new();
        while let Some((kind, flags, call, body)) = self.frame() {
            if kind == 0 {
                let held = self.calls.entry(call).or_default();
                held.extend(unpadded(&body, flags)?);
                messages.extend(complete(held)?);
            }
        }
        Some(messages)
    }

    /// The next frame that is whole: its kind, its flags, its stream and its payload.
    fn frame(&mut self) -> Option<(u8, u8, u32, Vec<u8>)> {
        let header: [u8; FRAME_HEADER] = self.octets.get(..FRAME_HEADER)?.try_into().ok()?;
        let [a, b, c, kind, flags, d, e, f, g] = header;
        let length = usize::try_from(u32::from_be_bytes([0, a, b, c])).ok()?;
        let body = self.octets.get(FRAME_HEADER..FRAME_HEADER + length)?.to_vec();
        self.octets.drain(..FRAME_HEADER + length);
        Some((kind, flags, u32::from_be_bytes([d, e, f, g]) & 0x7fff_ffff, body))
    }
}

fn unpadded(body: &[u8], flags: u8) -> Option<&[u8]> {
    const PADDED: u8 = 0x08;
    if flags & PADDED == 0 {
        return Some(body);
    }
    let (padding, rest) = body.split_first()?;
    rest.get(..rest.len().checked_sub(usize::from(*padding))?)
}

/// Takes every whole message off; `None` if one is compressed, for we ask nobody to.
fn complete(held: &mut Vec<u8>) -> Option<Vec<Vec<u8>>> {
    let mut messages = Vec::new();
    while let Some(header) = held.get(..MESSAGE_HEADER) {
        let [compressed, a, b, c, d] = header.try_into().ok()?;
        if compressed != 0 {
            return None;
        }
        let length = usize::try_from(u32::from_be_bytes([a, b, c, d])).ok()?;
        let Some(message) = held.get(MESSAGE_HEADER..MESSAGE_HEADER + length).map(<[u8]>::to_vec) else {
            break;
        };
        held.drain(..MESSAGE_HEADER + length);
        messages.push(message);
    }
    Some(messages)
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    const RELAY: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(10, 77, 0, 2), 40_000);
    const CMA: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(10, 76, 0, 2), CMA_PORT);

    fn pulse(pending: u64) -> pb::FromRelay {
        let pulse = pb::Pulse { pending, picture: Some(7) };
        pb::FromRelay { body: Some(pb::from_relay::Body::Pulse(pulse)) }
    }

    fn frame(kind: u8, flags: u8, body: &[u8]) -> Vec<u8> {
        let length = u32::try_from(body.len()).unwrap().to_be_bytes();
        [&length[1..], &[kind, flags, 0, 0, 0, 1], body].concat()
    }

    fn grpc(message: &impl prost::Message) -> Vec<u8> {
        let octets = message.encode_to_vec();
        [&[0], &u32::try_from(octets.len()).unwrap().to_be_bytes()[..], &octets].concat()
    }

    /// What a relay says: preface, headers that are not looked at, three pulses of which one is in two frames.
    fn relay_says() -> Vec<u8> {
        let split = grpc(&pulse(2));
        let (head, tail) = split.split_at(4);
        let padded = [&[3], &grpc(&pulse(3))[..], &[0; 3]].concat();
        let frames =
            [frame(1, 4, b"headers"), frame(0, 0, &grpc(&pulse(1))), frame(0, 0, head), frame(0, 0, tail)];
        [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(), frames.concat(), frame(0, 8, &padded)].concat()
    }

    fn begin(sequence: u32) -> Segment {
        Segment { from: RELAY, to: CMA, sequence, begins: true, payload: Vec::new() }
    }

    fn segment(first: u32, octets: &[u8], range: std::ops::Range<usize>) -> Segment {
        let sequence = first.wrapping_add(1).wrapping_add(u32::try_from(range.start).unwrap());
        Segment { from: RELAY, to: CMA, sequence, begins: false, payload: octets[range].to_vec() }
    }

    fn pending(messages: &[Message]) -> Vec<u64> {
        let of = |message: &Message| match &message.said {
            Said::Relay(pb::from_relay::Body::Pulse(pulse)) => pulse.pending,
            other => panic!("{other:?}"),
        };
        messages.iter().map(of).collect()
    }

    #[test]
    fn messages_are_read_however_they_are_cut_doubled_or_late() {
        let octets = relay_says();
        for first in [5, u32::MAX - 30] {
            for cut in 0..octets.len() {
                let mut streams = Streams::default();
                let parts = [segment(first, &octets, cut..octets.len()), segment(first, &octets, 0..cut)];
                let mut heard = streams.pass(&begin(first));
                for part in parts.iter().chain(&parts).chain([&begin(first)]) {
                    heard.extend(streams.pass(part));
                }
                assert_eq!(pending(&heard), [1, 2, 3], "cut at {cut}");
                assert_eq!(streams.unread(), 0, "cut at {cut}");
            }
        }
    }

    #[test]
    fn what_is_missing_or_makes_no_sense_is_told_and_what_was_open_before_is_passed_over() {
        let octets = relay_says();
        let mut streams = Streams::default();
        assert!(streams.pass(&segment(5, &octets, 0..octets.len())).is_empty());
        assert_eq!(streams.unread(), 0);
        streams.pass(&begin(5));
        assert!(streams.pass(&segment(5, &octets, 1..octets.len())).is_empty());
        assert_eq!(streams.unread(), 1);
        // Another from the same port: the old one stays unread.
        streams.pass(&begin(900));
        assert_eq!(pending(&streams.pass(&segment(900, &octets, 0..octets.len()))), [1, 2, 3]);
        assert_eq!(streams.unread(), 1);
        let compressed = frame(0, 0, &[1, 0, 0, 0, 0]);
        let at = octets.len();
        let all = [octets, compressed].concat();
        assert!(streams.pass(&segment(900, &all, at..all.len())).is_empty());
        assert_eq!(streams.unread(), 2);
    }

    #[test]
    fn the_answer_is_read_too() {
        let mut streams = Streams::default();
        streams.pass(&begin(5));
        let answer = pb::Acknowledged { sequence: 9 };
        let answer = pb::FromAuthority { body: Some(pb::from_authority::Body::Acknowledged(answer)) };
        let payload = frame(0, 0, &grpc(&answer));
        let back = |begins, sequence, payload| Segment { from: CMA, to: RELAY, sequence, begins, payload };
        streams.pass(&back(true, 70, Vec::new()));
        let heard = streams.pass(&back(false, 71, payload));
        assert_eq!(heard.len(), 1);
        let want = Said::Cma(pb::from_authority::Body::Acknowledged(pb::Acknowledged { sequence: 9 }));
        assert_eq!((heard[0].connection, &heard[0].said), (0, &want));
    }
}
