//! What a probe may do once it has started: hear frames, and nothing else that an ordinary user may not.
//!
//! It is the one right that is needed for as long as it runs: ports are plugged in at any time, and each wants a
//! packet socket. Everything else goes, also for a probe that was started as root. It must be done before the
//! first thread is made: rights belong to threads.

use std::io;

use crate::sys;

/// `CAP_NET_RAW`, by its number in `capabilities(7)`.
const NET_RAW: u32 = 13;
/// More than any kernel has; the first that does not exist ends the walk.
const CAPABILITIES_MAX: u32 = 63;

/// Gives up every right but `CAP_NET_RAW`, for good: no program started from here could have more either.
///
/// # Errors
/// What the kernel says; the rights are then as they were, or fewer.
pub fn keep_listening_only() -> io::Result<()> {
    sys::process_option(libc::PR_SET_NO_NEW_PRIVS, 1)?;
    for capability in (0..=CAPABILITIES_MAX).filter(|capability| *capability != NET_RAW) {
        match sys::process_option(libc::PR_CAPBSET_DROP, capability.into()) {
            Ok(()) => {}
            // The kernel knows no capability of this number, nor of any higher one.
            Err(error) if error.raw_os_error() == Some(libc::EINVAL) => break,
            // Without CAP_SETPCAP the bounding set stays. It bounds what we no longer have.
            Err(error) if error.raw_os_error() == Some(libc::EPERM) => break,
            Err(error) => return Err(error),
        }
    }
    sys::keep_capabilities(1 << NET_RAW)
}
