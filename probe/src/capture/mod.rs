//! Where frames come from: what a switch says about itself on a port.
//!
//! One [`FrameSource`] per port. The own raw socket ([`RawSocket`]) is what runs on a host; where a kernel
//! refuses one of its options, pnet's channel with our filter ([`Channel`]) takes over; a capture file
//! ([`CaptureFile`]) and memory ([`Memory`]) stand in for a port elsewhere.
//!
//! A source hands out whole frames from the destination address on, VLAN tags in place, and nothing the
//! [`filter`] does not accept.

mod channel;
mod file;
pub mod filter;
mod listeners;
mod memory;
mod raw;
mod socket;

use std::future::Future;
use std::io;

use ringmesh_proto::time::Time;

use crate::hints;

pub use channel::Channel;
pub use file::{CaptureFile, frames};
pub use listeners::{Heard, Listeners};
pub use memory::Memory;
pub use raw::RawSocket;

/// The longest frame taken whole: a jumbo frame's octets. Longer ones are counted and dropped.
pub const FRAME_MAX: usize = 9_216;

/// One frame as it was on the wire, without its checksum.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// The port it came in by.
    pub ifindex: u32,
    /// When it was taken over.
    pub at: Time,
    /// From the destination address on.
    pub octets: Box<[u8]>,
}

/// What a source counted since it was opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Counters {
    /// Frames handed out.
    pub frames: u64,
    /// Frames longer than [`FRAME_MAX`], dropped.
    pub too_long: u64,
    /// Frames the kernel dropped because the socket's queue was full.
    pub kernel_drops: u64,
}

/// Why a source has no next frame.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The interface is gone, or the file is at its end: nothing will come any more.
    #[error("no more frames: {0}")]
    Over(String),
    /// The system refused; the source is of no use any more.
    #[error("cannot read frames: {0}")]
    Io(#[from] io::Error),
}

/// A port's frames, one after the other.
pub trait FrameSource {
    /// Waits for the next frame. Safe to drop and call again: no frame is lost by that.
    fn next(&mut self) -> impl Future<Output = Result<Frame, SourceError>>;

    /// What was counted so far.
    fn counters(&self) -> Counters;
}

/// A port to listen on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listen {
    /// Its number.
    pub ifindex: u32,
    /// Its name.
    pub ifname: String,
}

/// Opens the best source a port has: the own socket, else pnet's channel.
///
/// Without the right to capture there is no second way, and the error says so (`PermissionDenied`).
pub fn open(port: &Listen) -> io::Result<Source> {
    let refused = match RawSocket::open(port) {
        Ok(socket) => return Ok(Source::Raw(socket)),
        Err(refused) => refused,
    };
    if refused.kind() == io::ErrorKind::PermissionDenied || socket::is_gone(&refused) {
        return Err(refused);
    }
    tracing::warn!(port = %port.ifname, error = %refused, "own capture socket refused, using pnet's channel");
    Channel::open(port).map(Source::Channel)
}

/// Whether this process may listen at all: `PermissionDenied` if it lacks `CAP_NET_RAW`.
pub fn may_listen() -> io::Result<()> {
    socket::filtered().map(|_socket| ())
}

/// Why a port is not listened on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deaf {
    /// In words.
    pub reason: String,
    /// What to do about it.
    pub remedy: &'static str,
}

impl From<io::Error> for Deaf {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::PermissionDenied {
            return Self {
                reason: "no right to listen on the port (CAP_NET_RAW)".into(),
                remedy: hints::RIGHT,
            };
        }
        Self::from_failure(&error)
    }
}

impl Deaf {
    /// What is not a matter of rights, and may be over with the next try.
    fn from_failure(error: &io::Error) -> Self {
        let remedy = "it is tried again every 10 s; a kernel with packet sockets (CONFIG_PACKET) is needed";
        Self { reason: format!("cannot listen on the port: {error}"), remedy }
    }
}

/// Either live source, so that a port's task has one type.
pub enum Source {
    /// The own socket.
    Raw(RawSocket),
    /// pnet's channel.
    Channel(Channel),
}

impl FrameSource for Source {
    async fn next(&mut self) -> Result<Frame, SourceError> {
        match self {
            Self::Raw(socket) => socket.next().await,
            Self::Channel(channel) => channel.next().await,
        }
    }

    fn counters(&self) -> Counters {
        match self {
            Self::Raw(socket) => socket.counters(),
            Self::Channel(channel) => channel.counters(),
        }
    }
}
