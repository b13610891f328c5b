//! The one call without a safe form: handing a descriptor to tokio's reactor. All `unsafe` of the relay is here.
#![allow(unsafe_code)]

use std::io;
use std::os::fd::{AsFd, AsRawFd, RawFd};

use nix::sys::timerfd::TimerFd;
use socket2::Socket;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// A timer that shows its descriptor.
pub(crate) struct Timer(TimerFd);

impl Timer {
    /// The timer itself.
    pub(crate) fn get(&self) -> &TimerFd {
        &self.0
    }
}

impl AsRawFd for Timer {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_fd().as_raw_fd()
    }
}

/// A socket whose readiness tokio watches. Needs a runtime around it.
pub(crate) fn watch_socket(socket: Socket, interest: Interest) -> io::Result<AsyncFd<Socket>> {
    // SAFETY: a `Socket` owns its descriptor, closes it when it is dropped and not before, and gives no other; the
    // `AsyncFd` owns the socket and hands out shared references only.
    Ok(unsafe { AsyncFd::register_with_interest(socket, interest) }?)
}

/// A timer whose readiness tokio watches. Needs a runtime around it.
pub(crate) fn watch_timer(timer: TimerFd) -> io::Result<AsyncFd<Timer>> {
    // SAFETY: as above: a `TimerFd` owns its descriptor.
    Ok(unsafe { AsyncFd::register_with_interest(Timer(timer), Interest::READABLE) }?)
}
