//! The one call without a safe form: handing a descriptor to tokio's reactor. All `unsafe` of the relay is here.
#![allow(unsafe_code)]

use std::io;

use socket2::Socket;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// A socket whose readiness tokio watches. Needs a runtime around it.
pub(crate) fn watch_socket(socket: Socket, interest: Interest) -> io::Result<AsyncFd<Socket>> {
    // SAFETY: a `Socket` owns its descriptor, closes it when it is dropped and not before, and gives no other; the
    // `AsyncFd` owns the socket and hands out shared references only.
    Ok(unsafe { AsyncFd::register_with_interest(socket, interest) }?)
}
