//! TAP devices: ports whose cable is a process. All `unsafe` of the lab is here.

#![allow(unsafe_code)]

use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use nix::libc;
use nix::sched::{CloneFlags, setns};

use crate::lab::error::{LabError, at};

/// Where the kernel hands out TAP devices.
const DEVICE: &str = "/dev/net/tun";

/// Whether a slow WAN can be built here.
///
/// # Errors
/// [`LabError::NotPermitted`] says what refuses and what would help.
pub(in crate::lab) fn require_tap() -> Result<(), LabError> {
    open().map(drop).map_err(|error| {
        LabError::NotPermitted(format!(
            "{DEVICE} cannot be opened ({error}), and --wan-delay and --wan-loss need it: run the lab as root, load \
             the kernel's module (modprobe tun), or leave these two flags out"
        ))
    })
}

fn open() -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).custom_flags(libc::O_NONBLOCK | libc::O_CLOEXEC).open(DEVICE)
}

/// Takes hold of the TAP device of that name in a namespace: from now on what is sent there is read here.
/// This thread stays in that namespace.
///
/// # Errors
/// [`LabError::File`] for a missing namespace, [`LabError::NotPermitted`] for one that we may not enter,
/// [`LabError::Failed`] if the kernel does not hand over the device.
pub(super) fn hold(netns: &str, ifname: &str) -> Result<File, LabError> {
    let path = Path::new("/run/netns").join(netns);
    let place = File::open(&path).map_err(at(&path, "open"))?;
    let refused = |errno| LabError::NotPermitted(format!("{netns} may not be entered: {errno}"));
    setns(place, CloneFlags::CLONE_NEWNET).map_err(refused)?;
    // The kernel looks for the device in the namespace of whoever opened this.
    let device = open().map_err(at(Path::new(DEVICE), "open"))?;
    attach(&device, ifname)
        .map_err(|error| LabError::Failed(format!("{ifname} of {netns} is not handed over: {error}")))?;
    Ok(device)
}

fn attach(device: &File, ifname: &str) -> io::Result<()> {
    // SAFETY: all zeros is a value of this plain C struct.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    // The last octet stays 0, as the kernel wants it.
    let room = request.ifr_name.len().saturating_sub(1);
    if ifname.len() > room {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "the name is too long"));
    }
    for (to, from) in request.ifr_name.iter_mut().zip(ifname.bytes()) {
        *to = libc::c_char::from_ne_bytes([from]);
    }
    // Whole frames, and nothing in front of them.
    let flags = libc::IFF_TAP | libc::IFF_NO_PI;
    request.ifr_ifru.ifru_flags = libc::c_short::try_from(flags).map_err(io::Error::other)?;
    // SAFETY: the descriptor is open, and the request is an `ifreq` that outlives the call.
    let done = unsafe { libc::ioctl(device.as_raw_fd(), libc::TUNSETIFF, &raw mut request) };
    if done < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
