//! Telling our datagrams apart on the wire, as anybody with a capture can: by what stands in clear. Pure.
//!
//! What a sealed datagram says is not known here; only its kind, its length and who sent it to whom.

use std::net::Ipv4Addr;

/// Octets of an Ethernet header without a tag; the lab's bridges use none.
const ETHERNET: usize = 14;
/// Header and tag: no datagram of ours is shorter.
const SHORTEST: usize = 28;
/// Of ours every datagram comes from one of these ports or goes to one.
const PORTS: [u16; 5] = [1984, 1985, 1986, 1987, 1990];

/// What a datagram is, as far as it shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// A heartbeat between two members of a ring.
    Beat,
    /// A probe asks who the relay is.
    Knock,
    /// The relay's answer to it.
    Hello,
    /// Any message from a probe to its relay.
    ToRelay,
    /// Any message from a relay to a probe.
    ToProbe,
    /// An ICMP echo request.
    Echo,
    /// Its answer, by a kernel.
    EchoReply,
}

impl Kind {
    /// For tables and files.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Beat => "beat",
            Self::Knock => "knock",
            Self::Hello => "hello",
            Self::ToRelay => "to relay",
            Self::ToProbe => "to probe",
            Self::Echo => "echo",
            Self::EchoReply => "echo reply",
        }
    }
}

/// One datagram on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Datagram {
    /// What it is.
    pub(super) kind: Kind,
    /// Who sent it.
    pub(super) from: Ipv4Addr,
    /// To whom.
    pub(super) to: Ipv4Addr,
    /// Of its payload; of an echo, without the ICMP header.
    pub(super) octets: usize,
    /// The link of a beat, the session of a message.
    pub(super) id: u32,
}

/// The datagram in an Ethernet frame, of which the end may be missing; `None` for one that is not ours.
pub(super) fn read(frame: &[u8]) -> Option<Datagram> {
    let packet = frame.get(ETHERNET..)?;
    if frame.get(12..14)? != [0x08, 0x00] || packet.first()? >> 4 != 4 {
        return None;
    }
    let header = usize::from(packet.first()? & 0x0f) * 4;
    // A later fragment has no header of ours; we send none.
    if short(packet, 6)? & 0x1fff != 0 {
        return None;
    }
    let (from, to) = (address(packet, 12)?, address(packet, 16)?);
    let inner = packet.get(header..)?;
    let length = usize::from(short(packet, 2)?).checked_sub(header + 8)?;
    match packet.get(9)? {
        1 => echo(inner).map(|kind| Datagram { kind, from, to, octets: length, id: 0 }),
        17 => {
            let (kind, id) = ours(inner, length)?;
            Some(Datagram { kind, from, to, octets: length, id })
        }
        _ => None,
    }
}

fn echo(icmp: &[u8]) -> Option<Kind> {
    match icmp.first()? {
        0 => Some(Kind::EchoReply),
        8 => Some(Kind::Echo),
        _ => None,
    }
}

fn ours(udp: &[u8], length: usize) -> Option<(Kind, u32)> {
    let ports = [short(udp, 0)?, short(udp, 2)?];
    if length < SHORTEST || !ports.iter().any(|port| PORTS.contains(port)) {
        return None;
    }
    let kind = match udp.get(8)? {
        0x11 => Kind::Beat,
        0x12 => Kind::Knock,
        0x13 => Kind::Hello,
        0x14 => Kind::ToRelay,
        0x15 => Kind::ToProbe,
        _ => return None,
    };
    Some((kind, u32::from_be_bytes(udp.get(12..16)?.try_into().ok()?)))
}

fn short(octets: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(octets.get(at..at + 2)?.try_into().ok()?))
}

fn address(octets: &[u8], at: usize) -> Option<Ipv4Addr> {
    let four: [u8; 4] = octets.get(at..at + 4)?.try_into().ok()?;
    Some(Ipv4Addr::from(four))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FROM: Ipv4Addr = Ipv4Addr::new(10, 77, 1, 1);
    const TO: Ipv4Addr = Ipv4Addr::new(10, 77, 1, 2);

    fn frame(protocol: u8, inner: &[u8]) -> Vec<u8> {
        let mut frame = vec![0; 12];
        frame.extend([0x08, 0x00, 0x45, 0]);
        frame.extend(u16::try_from(20 + inner.len()).unwrap().to_be_bytes());
        frame.extend([0, 0, 0x40, 0, 64, protocol, 0, 0]);
        frame.extend(FROM.octets());
        frame.extend(TO.octets());
        frame.extend(inner);
        frame
    }

    fn udp(from: u16, to: u16, payload: &[u8]) -> Vec<u8> {
        let mut inner = Vec::new();
        for field in [from, to, u16::try_from(8 + payload.len()).unwrap(), 0] {
            inner.extend(field.to_be_bytes());
        }
        inner.extend(payload);
        frame(17, &inner)
    }

    fn payload(kind: u8, octets: usize) -> Vec<u8> {
        let mut payload = vec![0; octets];
        payload[0] = kind;
        payload[7] = 9;
        payload
    }

    #[test]
    fn each_kind_is_known_by_its_first_octet_and_keeps_its_length_and_ends() {
        let kinds = [(0x11, Kind::Beat), (0x12, Kind::Knock), (0x13, Kind::Hello)];
        for (octet, kind) in kinds.into_iter().chain([(0x14, Kind::ToRelay), (0x15, Kind::ToProbe)]) {
            let read = read(&udp(1984, 40_000, &payload(octet, 61))).unwrap();
            assert_eq!(read, Datagram { kind, from: FROM, to: TO, octets: 61, id: 9 });
        }
        let pinged = frame(1, &[8, 0, 0, 0, 0, 0, 0, 0, 1, 2]);
        assert_eq!(read(&pinged).map(|echo| (echo.kind, echo.octets)), Some((Kind::Echo, 2)));
    }

    #[test]
    fn what_is_not_ours_is_not_counted() {
        let strange_kind = udp(1984, 1984, &payload(0x21, 28));
        let strange_ports = udp(53, 40_000, &payload(0x11, 28));
        let too_short = udp(1984, 1984, &payload(0x11, 27));
        let unreachable = frame(1, &[3, 3, 0, 0, 0, 0, 0, 0]);
        let tcp = frame(6, &[0; 40]);
        for other in [strange_kind, strange_ports, too_short, unreachable, tcp] {
            assert_eq!(read(&other), None, "{other:?}");
        }
    }

    #[test]
    fn a_cut_frame_is_read_as_far_as_it_goes_or_not_at_all_and_never_panics() {
        let whole = udp(1984, 1984, &payload(0x11, 28));
        for length in 0..=whole.len() {
            // Kind and link are in the first sixteen octets of what follows the headers.
            assert_eq!(read(&whole[..length]).is_some(), length >= 14 + 20 + 8 + 8, "{length}");
        }
        let mut no_length = whole.clone();
        no_length[16] = 0;
        no_length[17] = 0;
        assert_eq!(read(&no_length), None);
    }
}
