//! Datagrams: sealed on the way out, opened and checked on the way in. Pure; one struct for each end.
//!
//! Every datagram begins with the same twelve octets and ends with a tag of sixteen:
//!
//! ```text
//! 0      kind     0x11 beat, 0x12 knock, 0x13 hello, 0x14 to relay, 0x15 to probe, 0x16 beat
//!                 of the mesh ring (high half: version 1)
//! 1      flags    bits 0-1 lane, bit 2 "heard you"
//! 2-3    hint     low bits of the generation in force
//! 4-7    id       link of a beat, session of a message, run of a knock or hello
//! 8-11   sequence rising; never used twice under one key
//! ```
//!
//! A knock and a message to a relay then carry the probe's id and run in clear, a hello the run of the relay: so a
//! relay needs no state to answer anybody, and keeps none before a cookie has come back. All that is in clear
//! is authenticated. Nonce = kind, lane, id and sequence.
//!
//! What cannot be opened is one [`WireError`] each, to be counted, and changes nothing.

mod mesh;
mod probe;
mod relay;

use crate::codec::Malformed;
use crate::message::{Beat, Lane, LinkId};
use crate::seal::{Key, TAG};

pub use mesh::MeshKeys;
pub use probe::{FromRelay, ProbeWire};
pub use relay::{FromProbe, RelayWire};

/// Octets of the header.
pub const HEADER: usize = 12;
/// Octets of a heartbeat.
pub const BEAT: usize = HEADER + TAG;

const LANE: u8 = 0b011;
const HEARD_YOU: u8 = 0b100;

/// A datagram that changed nothing: one variant for each thing worth counting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// Shorter than its kind, or longer than any of ours.
    #[error("truncated or oversized datagram")]
    Truncated,
    /// Another protocol, another version, or a kind this end never receives.
    #[error("a datagram of an unknown kind")]
    Foreign,
    /// A beat on a link, or a message in a session, that this end does not have.
    #[error("from nobody we know")]
    Martian,
    /// Its seal is broken.
    #[error("the seal does not open")]
    Forged,
    /// It has come before.
    #[error("replayed")]
    Replayed,
    /// It says how its sender was, and something newer of that kind has come before.
    #[error("overtaken")]
    Overtaken,
    /// Rightly sealed, and not a sound message.
    #[error("malformed: {0}")]
    Malformed(#[from] Malformed),
}

/// How many datagrams of each useless kind came in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WireCounters {
    /// [`WireError::Truncated`].
    pub truncated: u64,
    /// [`WireError::Foreign`] and [`WireError::Malformed`].
    pub foreign: u64,
    /// [`WireError::Martian`].
    pub martian: u64,
    /// [`WireError::Forged`].
    pub forged: u64,
    /// [`WireError::Replayed`].
    pub replayed: u64,
    /// [`WireError::Overtaken`].
    pub overtaken: u64,
}

impl WireCounters {
    /// Counts one.
    pub fn count(&mut self, error: WireError) {
        let counter = match error {
            WireError::Truncated => &mut self.truncated,
            WireError::Foreign | WireError::Malformed(_) => &mut self.foreign,
            WireError::Martian => &mut self.martian,
            WireError::Forged => &mut self.forged,
            WireError::Replayed => &mut self.replayed,
            WireError::Overtaken => &mut self.overtaken,
        };
        *counter += 1;
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Beat = 0x11,
    Knock = 0x12,
    Hello = 0x13,
    ToRelay = 0x14,
    ToProbe = 0x15,
    MeshBeat = 0x16,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Header {
    kind: Kind,
    flags: u8,
    hint: u16,
    id: u32,
    sequence: u32,
}

impl Header {
    fn message(kind: Kind, id: u32, sequence: u32) -> Self {
        Self { kind, flags: 0, hint: 0, id, sequence }
    }

    fn beat(kind: Kind, beat: &Beat) -> Self {
        let heard_you = if beat.heard_you { HEARD_YOU } else { 0 };
        let flags = (beat.lane & LANE) | heard_you;
        Self { kind, flags, hint: beat.hint, id: beat.link.0, sequence: beat.sequence }
    }

    fn as_beat(&self) -> Beat {
        Beat {
            link: LinkId(self.id),
            lane: self.lane(),
            heard_you: self.flags & HEARD_YOU != 0,
            sequence: self.sequence,
            hint: self.hint,
        }
    }

    fn lane(&self) -> Lane {
        self.flags & LANE
    }

    fn octets(&self) -> [u8; HEADER] {
        let mut out = [0; HEADER];
        out[0] = self.kind as u8;
        out[1] = self.flags;
        out[2..4].copy_from_slice(&self.hint.to_be_bytes());
        out[4..8].copy_from_slice(&self.id.to_be_bytes());
        out[8..].copy_from_slice(&self.sequence.to_be_bytes());
        out
    }

    fn read(datagram: &[u8]) -> Result<Self, WireError> {
        if datagram.len() < HEADER + TAG || datagram.len() > crate::message::DATAGRAM_MAX {
            return Err(WireError::Truncated);
        }
        let &[kind, flags, h0, h1, i0, i1, i2, i3, s0, s1, s2, s3, ..] = datagram else {
            return Err(WireError::Truncated);
        };
        let kind = match kind {
            0x11 => Kind::Beat,
            0x12 => Kind::Knock,
            0x13 => Kind::Hello,
            0x14 => Kind::ToRelay,
            0x15 => Kind::ToProbe,
            0x16 => Kind::MeshBeat,
            _ => return Err(WireError::Foreign),
        };
        Ok(Self {
            kind,
            flags,
            hint: u16::from_be_bytes([h0, h1]),
            id: u32::from_be_bytes([i0, i1, i2, i3]),
            sequence: u32::from_be_bytes([s0, s1, s2, s3]),
        })
    }

    fn nonce(&self) -> [u8; 12] {
        let mut nonce = [0; 12];
        nonce[0] = self.kind as u8;
        nonce[1] = self.lane();
        nonce[4..8].copy_from_slice(&self.id.to_be_bytes());
        nonce[8..].copy_from_slice(&self.sequence.to_be_bytes());
        nonce
    }
}

/// Seals a beat. The same at both kinds of end.
fn seal_beat(key: &Key, kind: Kind, beat: &Beat) -> [u8; BEAT] {
    let header = Header::beat(kind, beat);
    let clear = header.octets();
    let mut datagram = [0; BEAT];
    datagram[..HEADER].copy_from_slice(&clear);
    datagram[HEADER..].copy_from_slice(&key.tag(header.nonce(), &clear));
    datagram
}

/// Opens a beat. Its sequence is for the machine to judge: it counts loss by it.
fn open_beat(key: &Key, header: &Header, datagram: &mut [u8]) -> Result<Beat, WireError> {
    if datagram.len() != BEAT {
        return Err(WireError::Truncated);
    }
    let (clear, tag) = datagram.split_at_mut(HEADER);
    key.open(header.nonce(), clear, tag).ok_or(WireError::Forged)?;
    Ok(header.as_beat())
}

/// Which of the last 64 sequence numbers of a session have come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Window {
    highest: u32,
    seen: u64,
}

impl Window {
    fn take(&mut self, sequence: u32) -> Result<(), WireError> {
        if sequence > self.highest {
            let step = sequence - self.highest;
            self.seen = if step >= 64 { 1 } else { (self.seen << step) | 1 };
            self.highest = sequence;
            return Ok(());
        }
        let behind = self.highest - sequence;
        if behind >= 64 || self.seen & (1 << behind) != 0 {
            return Err(WireError::Replayed);
        }
        self.seen |= 1 << behind;
        Ok(())
    }
}

/// The first four octets of a run, which name it in a header.
fn run(boot: ringmesh_topology::id::Boot) -> u32 {
    let [a, b, c, d, ..] = boot.0;
    u32::from_be_bytes([a, b, c, d])
}

#[cfg(test)]
mod tests;
