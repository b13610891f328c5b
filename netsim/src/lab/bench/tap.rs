//! Counting what passes in namespaces: a packet socket in each, one thread that reads them all.
//!
//! A packet socket sees what the kernel hands to a port and what it gets from one: what a process sends
//! into a cut cable is not seen, because it is on no wire.

use std::fs::File;
use std::io::IoSliceMut;
use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sched::{CloneFlags, setns};
use nix::sys::socket::{
    AddressFamily, ControlMessageOwned, LinkAddr, MsgFlags, RecvMsg, SockFlag, SockProtocol, SockType,
    recvmsg, setsockopt, socket, sockopt,
};
use nix::sys::time::TimeSpec;

use super::datagram::{Datagram, read};
use crate::lab::error::{LabError, at};

/// Of `sll_pkttype`: it leaves this namespace.
const OUTGOING: u8 = 4;
/// Room for seconds of a storm while we are not scheduled.
const BUFFER: usize = 4 << 20;
/// All headers and the octets in clear that tell one datagram from another.
const LOOK: usize = 128;
/// How long the thread may take to notice that it is to end.
const GLANCE_MS: u8 = 200;

/// Octets of a frame that are read where all of it is wanted: a kernel hands over several segments in one.
pub(super) const ALL: usize = 66_000;

/// A datagram and where it was seen.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen<T = Datagram> {
    /// Microseconds since the epoch, by the kernel.
    pub(super) at_us: i64,
    /// Position in the list of places the tap was made for.
    pub(super) place: usize,
    /// Whether it left that place, or came to it.
    pub(super) outgoing: bool,
    /// What it was.
    pub(super) datagram: T,
}

/// Where a tap listens.
#[derive(Clone, Debug)]
pub(super) struct Place {
    /// In this namespace.
    pub(super) netns: String,
    /// At the port of that index; at all of them, if none is named.
    pub(super) port: Option<usize>,
}

/// How frames become what is wanted of them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader<T> {
    /// So many octets of each are looked at.
    pub(super) look: usize,
    /// What one is, given those octets; `None` for one that is none of ours.
    pub(super) read: fn(&[u8]) -> Option<T>,
}

/// Listens until dropped.
#[derive(Debug)]
pub(super) struct Tap<T = Datagram> {
    heard: Arc<Mutex<Vec<Seen<T>>>>,
    ends: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Tap {
    /// Listens in these namespaces from now on.
    ///
    /// # Errors
    /// [`LabError::NotPermitted`] without CAP_NET_RAW there, [`LabError::File`] for a missing namespace.
    pub(super) fn start(namespaces: &[String]) -> Result<Self, LabError> {
        let place = |netns: &String| Place { netns: netns.clone(), port: None };
        let places: Vec<Place> = namespaces.iter().map(place).collect();
        Self::start_at(&places, Reader { look: LOOK, read })
    }
}

impl<T: Send + 'static> Tap<T> {
    /// Listens at these places from now on, and keeps what `reader` makes of each frame.
    ///
    /// # Errors
    /// As [`Tap::start`].
    pub(super) fn start_at(places: &[Place], reader: Reader<T>) -> Result<Self, LabError> {
        let open = |place: &Place| Ok::<_, LabError>((open_in(&place.netns)?, place.port));
        let sockets = places.iter().map(open).collect::<Result<Vec<_>, _>>()?;
        let (heard, ends) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicBool::new(false)));
        let (into, until) = (Arc::clone(&heard), Arc::clone(&ends));
        let thread = std::thread::spawn(move || listen(&sockets, reader, &into, &until));
        Ok(Self { heard, ends, thread: Some(thread) })
    }

    /// Everything heard since the last time, in the order it passed.
    pub(super) fn take(&self) -> Vec<Seen<T>> {
        let mut heard = std::mem::take(&mut *self.heard.lock().unwrap_or_else(PoisonError::into_inner));
        heard.sort_by_key(|seen| seen.at_us);
        heard
    }
}

impl<T> Drop for Tap<T> {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::Relaxed);
        // A thread that panicked has told so already; its last words add nothing here.
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

/// A packet socket that hears everything in a namespace. A thread of its own goes there and ends there, so
/// that ours never leaves home.
fn open_in(netns: &str) -> Result<OwnedFd, LabError> {
    let ended = || LabError::Failed(format!("{netns}: the thread that was to enter it ended"));
    std::thread::scope(|scope| scope.spawn(|| enter_and_open(netns)).join().map_err(|_| ended())?)
}

fn enter_and_open(netns: &str) -> Result<OwnedFd, LabError> {
    let path = Path::new("/run/netns").join(netns);
    let file = File::open(&path).map_err(at(&path, "open"))?;
    let refused = |errno| LabError::NotPermitted(format!("no packet socket in {netns}: {errno}"));
    setns(file, CloneFlags::CLONE_NEWNET).map_err(refused)?;
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let fd = socket(AddressFamily::Packet, SockType::Raw, flags, SockProtocol::EthAll).map_err(refused)?;
    setsockopt(&fd, sockopt::ReceiveTimestampns, &true).map_err(refused)?;
    // The larger buffer is a precaution: without the right to it the kernel's own limit will do.
    let forced = setsockopt(&fd, sockopt::RcvBufForce, &BUFFER);
    forced.or_else(|_| setsockopt(&fd, sockopt::RcvBuf, &BUFFER)).map_err(refused)?;
    Ok(fd)
}

fn listen<T>(
    sockets: &[(OwnedFd, Option<usize>)],
    reader: Reader<T>,
    into: &Mutex<Vec<Seen<T>>>,
    ends: &AtomicBool,
) {
    let mut frame = vec![0; reader.look];
    while !ends.load(Ordering::Relaxed) {
        let mut waiting: Vec<PollFd<'_>> =
            sockets.iter().map(|(fd, _)| PollFd::new(fd.as_fd(), PollFlags::POLLIN)).collect();
        // Interrupted or not: what is ready is read, and the rest at the next glance.
        let _ = poll(&mut waiting, PollTimeout::from(GLANCE_MS));
        for (place, (fd, port)) in sockets.iter().enumerate() {
            while let Some(passed) = next(fd, &mut frame) {
                if port.is_some_and(|port| port != passed.port) {
                    continue;
                }
                let Some(datagram) = frame.get(..passed.octets).and_then(reader.read) else { continue };
                let Passed { at_us, outgoing, .. } = passed;
                let seen = Seen { at_us, place, outgoing, datagram };
                into.lock().unwrap_or_else(PoisonError::into_inner).push(seen);
            }
        }
    }
}

/// What the kernel says of a frame.
struct Passed {
    octets: usize,
    at_us: i64,
    port: usize,
    outgoing: bool,
}

/// The next frame that waits.
fn next(fd: &OwnedFd, frame: &mut [u8]) -> Option<Passed> {
    let mut space = nix::cmsg_space!(TimeSpec);
    let mut parts = [IoSliceMut::new(frame)];
    let came = recvmsg::<LinkAddr>(fd.as_raw_fd(), &mut parts, Some(&mut space), MsgFlags::empty()).ok()?;
    Some(Passed {
        octets: came.bytes,
        at_us: passed_at(&came),
        port: came.address.map_or(0, |from| from.ifindex()),
        outgoing: came.address.is_some_and(|from| from.pkttype() == OUTGOING),
    })
}

/// When the kernel saw it; it says so of every frame since we asked.
fn passed_at(came: &RecvMsg<'_, '_, LinkAddr>) -> i64 {
    let mut said = came.cmsgs().into_iter().flatten();
    let stamp = said.find_map(|word| match word {
        ControlMessageOwned::ScmTimestampns(stamp) => Some(stamp),
        _ => None,
    });
    stamp.map_or(0, |stamp| stamp.tv_sec() * 1_000_000 + stamp.tv_nsec() / 1_000)
}
