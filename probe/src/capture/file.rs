//! A capture file as if it were a port.

use std::fs;
use std::io;
use std::path::Path;

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

/// Every captured Ethernet frame of a file, however long. A file cut short gives what it holds.
pub fn frames(path: &Path) -> io::Result<Vec<Box<[u8]>>> {
    let mut frames = Vec::new();
    let mut ethernet = true;
    let file = fs::File::open(path)?;
    if file.metadata()?.len() == 0 {
        return Ok(frames);
    }
    let mut reader = create_reader(BLOCK_MAX, file).map_err(|error| broken(path, &error))?;
    loop {
        let more = match reader.next() {
            Ok((length, block)) => {
                match block {
                    PcapBlockOwned::LegacyHeader(header) => ethernet = header.network == Linktype::ETHERNET,
                    PcapBlockOwned::NG(Block::InterfaceDescription(it)) => {
                        ethernet = it.linktype == Linktype::ETHERNET
                    }
                    packet => frames.extend(octets(&packet).filter(|_| ethernet).map(Box::from)),
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

/// What was captured of a packet; of other blocks nothing.
fn octets<'a>(block: &'a PcapBlockOwned<'a>) -> Option<&'a [u8]> {
    match block {
        PcapBlockOwned::Legacy(packet) => Some(packet.data),
        PcapBlockOwned::NG(Block::EnhancedPacket(packet)) => {
            let kept = usize::try_from(packet.caplen).unwrap_or(usize::MAX);
            Some(packet.data.get(..kept).unwrap_or(packet.data))
        }
        PcapBlockOwned::NG(Block::SimplePacket(packet)) => Some(packet.data),
        _ => None,
    }
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
