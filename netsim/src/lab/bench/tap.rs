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

/// A datagram and where it was seen.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen {
    /// Microseconds since the epoch, by the kernel.
    pub(super) at_us: i64,
    /// Position in the list of places the tap was made for.
    pub(super) place: usize,
    /// Whether it left that place, or came to it.
    pub(super) outgoing: bool,
    /// What it was.
    pub(super) datagram: Datagram,
}

/// Listens until dropped.
#[derive(Debug)]
pub(super) struct Tap {
    heard: Arc<Mutex<Vec<Seen>>>,
    ends: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Tap {
    /// Listens in these namespaces from now on.
    ///
    /// # Errors
    /// [`LabError::NotPermitted`] without CAP_NET_RAW there, [`LabError::File`] for a missing namespace.
    pub(super) fn start(namespaces: &[String]) -> Result<Self, LabError> {
        let sockets = namespaces.iter().map(|netns| open_in(netns)).collect::<Result<Vec<_>, _>>()?;
        let (heard, ends) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicBool::new(false)));
        let (into, until) = (Arc::clone(&heard), Arc::clone(&ends));
        let thread = std::thread::spawn(move || listen(&sockets, &into, &until));
        Ok(Self { heard, ends, thread: Some(thread) })
    }

    /// Everything heard since the last time, in the order it passed.
    pub(super) fn take(&self) -> Vec<Seen> {
        let mut heard = std::mem::take(&mut *self.heard.lock().unwrap_or_else(PoisonError::into_inner));
        heard.sort_by_key(|seen| seen.at_us);
        heard
    }
}

impl Drop for Tap {
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

fn listen(sockets: &[OwnedFd], into: &Mutex<Vec<Seen>>, ends: &AtomicBool) {
    while !ends.load(Ordering::Relaxed) {
        let mut waiting: Vec<PollFd<'_>> =
            sockets.iter().map(|fd| PollFd::new(fd.as_fd(), PollFlags::POLLIN)).collect();
        // Interrupted or not: what is ready is read, and the rest at the next glance.
        let _ = poll(&mut waiting, PollTimeout::from(GLANCE_MS));
        for (place, fd) in sockets.iter().enumerate() {
            drain(fd, place, into);
        }
    }
}

fn drain(fd: &OwnedFd, place: usize, into: &Mutex<Vec<Seen>>) {
    let mut frame = [0; LOOK];
    let mut space = nix::cmsg_space!(TimeSpec);
    loop {
        let mut parts = [IoSliceMut::new(&mut frame)];
        let came = recvmsg::<LinkAddr>(fd.as_raw_fd(), &mut parts, Some(&mut space), MsgFlags::empty());
        let Ok(came) = came else { return };
        let (octets, at_us) = (came.bytes, passed_at(&came));
        let outgoing = came.address.is_some_and(|from| from.pkttype() == OUTGOING);
        if let Some(datagram) = frame.get(..octets).and_then(read) {
            into.lock().unwrap_or_else(PoisonError::into_inner).push(Seen {
                at_us,
                place,
                outgoing,
                datagram,
            });
        }
    }
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
