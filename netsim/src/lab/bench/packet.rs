//! What a frame carries over the WAN: how much, and what of it is a stream. Pure.
//!
//! Counted are the octets that a frame carries: whole IP packets, headers and all, without the frame's own
//! header. A kernel hands several segments of a stream over in one piece; they are counted as the packets that a
//! cable would carry.

use std::net::{Ipv4Addr, SocketAddrV4};

/// Octets of an Ethernet header without a tag; the lab's bridges use none.
const ETHERNET: usize = 14;
/// What a packet of a stream carries at most: 1,500 octets less its headers.
const SEGMENT_MAX: usize = 1_448;

/// What passed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Packet {
    /// Octets on the wire, in so many packets as a cable would carry.
    pub(super) octets: usize,
    /// What is in it.
    pub(super) inner: Inner,
}

/// What a packet is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Inner {
    /// A part of a stream.
    Tcp(Segment),
    /// A datagram: its ends, and the octets of its payload.
    Udp {
        /// Who sent it.
        from: SocketAddrV4,
        /// To whom.
        to: SocketAddrV4,
        /// Of its payload.
        octets: usize,
    },
    /// Anything else, ARP too.
    Other,
}

/// A part of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Segment {
    /// Who sent it.
    pub(super) from: SocketAddrV4,
    /// To whom.
    pub(super) to: SocketAddrV4,
    /// Where in the stream it belongs.
    pub(super) sequence: u32,
    /// A stream begins with it.
    pub(super) begins: bool,
    /// What it carries.
    pub(super) payload: Vec<u8>,
}

/// What a whole Ethernet frame carries; `None` for one that is cut.
pub(super) fn read(frame: &[u8]) -> Option<Packet> {
    let packet = frame.get(ETHERNET..)?;
    let is_ip = frame.get(12..14)? == [0x08, 0x00];
    if !is_ip {
        return Some(Packet { octets: packet.len(), inner: Inner::Other });
    }
    let total = usize::from(short(packet, 2)?);
    // A piece of several segments may be longer than its length field can say; then it says 0.
    let packet = if total == 0 { packet } else { packet.get(..total)? };
    let header = usize::from(packet.first()? & 0x0f) * 4;
    let (from, to) = (address(packet, 12)?, address(packet, 16)?);
    let inner = packet.get(header..)?;
    let octets = packet.len();
    Some(match packet.get(9)? {
        6 => tcp(octets, header, inner, from, to)?,
        17 => {
            let (from, to) =
                (SocketAddrV4::new(from, short(inner, 0)?), SocketAddrV4::new(to, short(inner, 2)?));
            Packet { octets, inner: Inner::Udp { from, to, octets: inner.len().checked_sub(8)? } }
        }
        _ => Packet { octets, inner: Inner::Other },
    })
}

fn tcp(octets: usize, before: usize, inner: &[u8], from: Ipv4Addr, to: Ipv4Addr) -> Option<Packet> {
    const SYN: u8 = 0x02;
    let header = usize::from(inner.get(12)? >> 4) * 4;
    let payload = inner.get(header..)?.to_vec();
    let more = payload.len().div_ceil(SEGMENT_MAX).saturating_sub(1);
    let segment = Segment {
        from: SocketAddrV4::new(from, short(inner, 0)?),
        to: SocketAddrV4::new(to, short(inner, 2)?),
        sequence: u32::from_be_bytes(inner.get(4..8)?.try_into().ok()?),
        begins: inner.get(13)? & SYN != 0,
        payload,
    };
    Some(Packet { octets: octets + more * (before + header), inner: Inner::Tcp(segment) })
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

    fn frame(protocol: u8, inner: &[u8]) -> Vec<u8> {
        let mut frame = vec![0; 12];
        frame.extend([0x08, 0x00, 0x45, 0]);
        frame.extend(u16::try_from(20 + inner.len()).unwrap().to_be_bytes());
        frame.extend([0, 0, 0x40, 0, 64, protocol, 0, 0, 10, 77, 0, 2, 10, 76, 0, 2]);
        frame.extend(inner);
        frame
    }

    fn segment(flags: u8, payload: usize) -> Vec<u8> {
        let mut inner = vec![0; 32 + payload];
        inner[..4].copy_from_slice(&[0x9c, 0x40, 0x07, 0xc7]);
        inner[7] = 9;
        (inner[12], inner[13]) = (0x80, flags);
        frame(6, &inner)
    }

    #[test]
    fn a_segment_keeps_its_ends_its_place_and_its_payload() {
        let packet = read(&segment(0x18, 5)).unwrap();
        let Inner::Tcp(segment) = packet.inner else { panic!("no segment") };
        assert_eq!(
            (packet.octets, segment.payload.len(), segment.sequence, segment.begins),
            (57, 5, 9, false)
        );
        assert_eq!((segment.from.to_string().as_str(), segment.to.port()), ("10.77.0.2:40000", 1991));
    }

    #[test]
    fn what_a_kernel_hands_over_in_one_piece_counts_as_the_packets_it_will_be() {
        let octets = |payload| read(&segment(0x10, payload)).unwrap().octets;
        assert_eq!([octets(0), octets(1_448), octets(1_449), octets(2_897)], [52, 1_500, 1_553, 3_053]);
    }

    #[test]
    fn datagrams_and_everything_else_are_counted_whole_and_padding_is_not() {
        let mut beat = frame(17, &[0x07, 0xc6, 0x07, 0xc6, 0, 36, 0, 0]);
        assert_eq!(read(&beat).unwrap().octets, 28);
        beat.extend([0; 18]);
        assert_eq!(read(&beat).unwrap().octets, 28);
        let mut arp = vec![0; 14 + 28];
        arp[12..14].copy_from_slice(&[0x08, 0x06]);
        assert_eq!(read(&arp), Some(Packet { octets: 28, inner: Inner::Other }));
    }

    #[test]
    fn a_frame_that_is_cut_is_not_read_and_never_panics() {
        let whole = segment(0x18, 40);
        (0..whole.len())
            .for_each(|length| assert!(length <= 34 || read(&whole[..length]).is_none(), "{length}"));
    }
}
