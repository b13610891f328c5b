//! What the shells of ringmesh share.
//!
//! A shell carries octets between a pure core and the world. What of that is the same in every role is here:
//! how records survive a crash, what time it is, who is in the way, why a process ends. This room knows files,
//! threads and the kernel; it knows no protocol and decides nothing.
//!
//! - [`store`]: an ordered map of octets that survives `kill -9` (feature `store`).
//! - [`clock`]: the machine's time, its alarm, when a datagram arrived. [`report`]: the error queue of a socket.
//! - [`failure`]: one line and an exit code. [`owner`]: which process holds a port or a file.

#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod clock;
pub mod failure;
pub mod owner;
pub mod report;
#[cfg(feature = "store")]
pub mod store;
