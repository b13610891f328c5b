//! A capture file as if it were a port.

use std::fs;
use std::io;
use std::path::Path;

use lldp_rs::{Link, Protocol};
use pcap_parser::{Block, Linktype, PcapBlockOwned, PcapError, create_reader};
use ringmesh_shell::clock;

use super::{Counters, FRAME_MAX, Frame, FrameSource, SourceError};

/// Room for the largest block of a file: larger ones are an error of that file.
const BLOCK_MAX: usize = 256 * 1024;

/// The Ethernet frames of a pcap or pcapng file, in order, all at once.
///
/// No filter runs here: the file holds what somebody chose to keep.
pub struct CaptureFile {
    frames: std::vec::IntoIter<Box<[u8]>>,
    ifindex: u32,
    counters: Counters,
}

impl CaptureFile {
    /// Reads a file whole; its frames will say they came in by `ifindex`.
    pub fn open(path: &Path, ifindex: u32) -> io::Result<Self> {
        let mut counters = Counters::default();
        let mut frames = frames(path)?;
        frames.retain(|frame| {
            let whole = frame.len() <= FRAME_MAX;
            counters.too_long += u64::from(!whole);
            whole
        });
        Ok(Self { frames: frames.into_iter(), ifindex, counters })
    }
}

impl FrameSource for CaptureFile {
    async fn next(&mut self) -> Result<Frame, SourceError> {
        let octets = self.frames.next().ok_or_else(|| SourceError::Over("end of the file".into()))?;
        self.counters.frames += 1;
        Ok(Frame { ifindex: self.ifindex, at: clock::now(), octets })
    }

    fn counters(&self) -> Counters {
        self.counters
    }
}

/// Every captured packet of a file as an Ethernet frame, however long, so that their numbers are the file's; one of
/// another link is empty. A file cut short gives what it holds.
pub fn frames(path: &Path) -> io::Result<Vec<Box<[u8]>>> {
    let mut frames = Vec::new();
    let mut links = Vec::new();
    let file = fs::File::open(path)?;
    if file.metadata()?.len() == 0 {
        return Ok(frames);
    }
    let mut reader = create_reader(BLOCK_MAX, file).map_err(|error| broken(path, &error))?;
    loop {
        let more = match reader.next() {
            Ok((length, block)) => {
                match block {
                    PcapBlockOwned::LegacyHeader(header) => links = vec![header.network],
                    // Each section of a pcapng file numbers its interfaces anew.
                    PcapBlockOwned::NG(Block::SectionHeader(_)) => links.clear(),
                    PcapBlockOwned::NG(Block::InterfaceDescription(it)) => links.push(it.linktype),
                    packet => frames.extend(octets(&packet).map(|(interface, octets)| {
                        let link = usize::try_from(interface).ok().and_then(|at| links.get(at).copied());
                        link.map_or_else(Box::default, |link| ethernet(link, octets))
                    })),
                }
                reader.consume(length);
                continue;
            }
            Err(PcapError::Eof | PcapError::UnexpectedEof) => false,
            Err(PcapError::Incomplete(_)) => true,
            Err(error) => return Err(broken(path, &error)),
        };
        if !more || reader.reader_exhausted() {
            return Ok(frames);
        }
        reader.refill().map_err(|error| broken(path, &error))?;
    }
}

/// The interface of a packet and what was captured of it; of other blocks nothing.
fn octets<'a>(block: &'a PcapBlockOwned<'a>) -> Option<(u32, &'a [u8])> {
    match block {
        PcapBlockOwned::Legacy(packet) => Some((0, packet.data)),
        PcapBlockOwned::NG(Block::EnhancedPacket(packet)) => {
            let kept = usize::try_from(packet.caplen).unwrap_or(usize::MAX);
            Some((packet.if_id, packet.data.get(..kept).unwrap_or(packet.data)))
        }
        PcapBlockOwned::NG(Block::SimplePacket(packet)) => {
            let kept = usize::try_from(packet.origlen).unwrap_or(usize::MAX);
            Some((0, packet.data.get(..kept).unwrap_or(packet.data)))
        }
        _ => None,
    }
}

fn ethernet(link: Linktype, octets: &[u8]) -> Box<[u8]> {
    match link {
        Linktype::ETHERNET => octets.into(),
        LINUX_SLL => cooked(octets, 1, 6, 14).unwrap_or_default(),
        LINUX_SLL2 => cooked(octets, 10, 12, 0).unwrap_or_default(),
        _ => Box::default(),
    }
}

/// What `tcpdump -i any` writes, in both versions of its header.
const LINUX_SLL: Linktype = Linktype(113);
const LINUX_SLL2: Linktype = Linktype(276);
/// Their word for "802.2 follows" in place of an EtherType.
const COOKED_LLC: u16 = 4;
/// Packet type "to a group".
const COOKED_MULTICAST: u8 = 2;

/// The Ethernet frame of a cooked one. Where it was sent is not kept, only that it went to a group: that must have
/// been its protocol's.
fn cooked(octets: &[u8], kind_at: usize, source_at: usize, protocol_at: usize) -> Option<Box<[u8]>> {
    let header = if protocol_at == 0 { 20 } else { 16 };
    let kind = *octets.get(kind_at)?;
    let source = octets.get(source_at..source_at + 6)?;
    let protocol = u16::from_be_bytes(octets.get(protocol_at..protocol_at + 2)?.try_into().ok()?);
    let body = octets.get(header..)?;
    let field = if protocol == COOKED_LLC { u16::try_from(body.len()).ok()? } else { protocol };
    let mut frame = [&[0; 6], source, &field.to_be_bytes(), body].concat();
    let group = Link::checked(&frame).ok().and_then(|link| link.protocol()).map(Protocol::destination);
    if let Some(group) = group.filter(|_| kind == COOKED_MULTICAST) {
        frame.get_mut(..6)?.copy_from_slice(&group.0);
    }
    Some(frame.into())
}

fn broken(path: &Path, error: &PcapError<&[u8]>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("{} is no capture file: {error:?}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A legacy capture file, little-endian, of Ethernet frames.
    fn pcap(frames: &[&[u8]]) -> Vec<u8> {
        let mut file =
            [0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 1, 0, 0, 0].to_vec();
        for frame in frames {
            let length = u32::try_from(frame.len()).unwrap().to_le_bytes();
            file.extend([[0; 4], [0; 4], length, length].concat());
            file.extend(*frame);
        }
        file
    }

    #[test]
    fn cooked_frames_are_read_and_frames_of_other_links_keep_their_number() {
        let lldpdu = [2, 7, 4, 2, 0, 0, 0, 0, 9, 4, 2, 5, b'p', 6, 2, 0, 120, 0, 0];
        let sll = [&[0, 2, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0, 0x88, 0xcc][..], &lldpdu].concat();
        let head = [0x88, 0xcc, 0, 0, 0, 0, 0, 3, 0, 1, 2, 6, 2, 0, 0, 0, 0, 1, 0, 0];
        let sll2 = [&head[..], &lldpdu].concat();
        for (link, packet) in [(LINUX_SLL, &sll), (LINUX_SLL2, &sll2)] {
            let heard = lldp_rs::decode(&ethernet(link, packet)).unwrap();
            assert_eq!((heard.source.0, heard.announcement.ttl_s()), ([2, 0, 0, 0, 0, 1], 120), "{link:?}");
            (0..packet.len()).for_each(|cut| drop(ethernet(link, &packet[..cut])));
        }
        let to_us = [&[0, 0][..], &sll[2..]].concat();
        assert_eq!(lldp_rs::decode(&ethernet(LINUX_SLL, &to_us)), Err(lldp_rs::Reject::Destination));
        assert!(ethernet(Linktype(127), &sll).is_empty());
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_file_gives_its_frames_in_order_and_a_cut_one_what_it_holds() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.pcap");
        let whole = pcap(&[&[1; 60], &[2; 61]]);
        for (length, want) in
            [(whole.len(), vec![60, 61]), (whole.len() - 1, vec![60]), (24, vec![]), (0, vec![])]
        {
            fs::write(&path, &whole[..length]).unwrap();
            let mut file = CaptureFile::open(&path, 3).unwrap();
            let mut got = Vec::new();
            while let Ok(frame) = file.next().await {
                assert_eq!(frame.ifindex, 3);
                got.push(frame.octets.len());
            }
            assert_eq!(got, want, "cut to {length}");
            assert_eq!(file.counters().frames, want.len() as u64);
        }
        fs::write(&path, "no capture at all, only words, words").unwrap();
        let error = CaptureFile::open(&path, 3).map(|_| ()).unwrap_err().to_string();
        assert!(error.contains("x.pcap is no capture file"), "{error}");
    }
}
