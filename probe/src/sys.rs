//! The system calls that neither nix nor socket2 offers in a safe form. All `unsafe` of the probe is here.
//!
//! Every function is safe to call with any argument: what can go wrong comes back as an [`io::Error`].
#![allow(unsafe_code)]

use std::ffi::c_int;
use std::io;
use std::mem::{MaybeUninit, size_of};
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};

use socket2::{SockAddr, Socket};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// What may be handed to the kernel as a socket option: plain numbers without pointers.
///
/// # Safety
/// Every octet of the type is initialised or may be read as it is, and any octets make a valid value.
pub(crate) unsafe trait Plain: Copy {}

// SAFETY: an integer.
unsafe impl Plain for c_int {}
// SAFETY: two integers, a length and eight octets, without padding (4 + 2 + 2 + 8).
unsafe impl Plain for libc::packet_mreq {}
// SAFETY: two 32-bit counters.
unsafe impl Plain for libc::tpacket_stats {}

/// `setsockopt(2)`.
pub(crate) fn set_option<T: Plain>(
    socket: BorrowedFd<'_>,
    level: c_int,
    name: c_int,
    value: &T,
) -> io::Result<()> {
    let length = socklen::<T>();
    // SAFETY: `value` is readable for `length` octets, which is its size; the kernel keeps no reference to it.
    let done = unsafe {
        libc::setsockopt(socket.as_raw_fd(), level, name, std::ptr::from_ref(value).cast(), length)
    };
    succeeded(done)
}

/// `getsockopt(2)`.
pub(crate) fn option<T: Plain>(socket: BorrowedFd<'_>, level: c_int, name: c_int) -> io::Result<T> {
    let mut value = MaybeUninit::<T>::zeroed();
    let mut length = socklen::<T>();
    // SAFETY: `value` is writable for `length` octets and `length` itself is writable.
    let done = unsafe {
        libc::getsockopt(socket.as_raw_fd(), level, name, value.as_mut_ptr().cast(), &raw mut length)
    };
    succeeded(done)?;
    // SAFETY: it was zeroed before the call, so whatever part the kernel wrote, all octets are initialised,
    // and any octets are a valid `Plain` value.
    Ok(unsafe { value.assume_init() })
}

/// `bind(2)` of a packet socket to one interface and one EtherType (host byte order).
pub(crate) fn bind_packet(socket: BorrowedFd<'_>, ether_type: u16, ifindex: u32) -> io::Result<()> {
    // SAFETY: all-zero is a valid `sockaddr_ll`.
    let mut address: libc::sockaddr_ll = unsafe { std::mem::zeroed() };
    address.sll_family = u16::try_from(libc::AF_PACKET).map_err(io::Error::other)?;
    address.sll_protocol = ether_type.to_be();
    address.sll_ifindex = c_int::try_from(ifindex).map_err(io::Error::other)?;
    let length = socklen::<libc::sockaddr_ll>();
    // SAFETY: `address` is readable for `length` octets, which is its size.
    succeeded(unsafe { libc::bind(socket.as_raw_fd(), (&raw const address).cast(), length) })
}

/// `struct __user_cap_header_struct` of `capabilities(7)`; process 0 is the calling thread.
#[repr(C)]
struct CapabilityHeader {
    version: u32,
    process: c_int,
}

/// Half of `struct __user_cap_data_struct[2]`: 32 capabilities, as bits.
#[repr(C)]
#[derive(Clone, Copy, Default)]
struct CapabilityWord {
    effective: u32,
    permitted: u32,
    inheritable: u32,
}

const CAPABILITY_VERSION_3: u32 = 0x2008_0522;

/// Keeps of the permitted capabilities of this thread those in `keep` (a bit each), makes these effective, and
/// has none inherited. Threads made from now on have no more.
pub(crate) fn keep_capabilities(keep: u64) -> io::Result<()> {
    let mut header = CapabilityHeader { version: CAPABILITY_VERSION_3, process: 0 };
    let mut words = [CapabilityWord::default(); 2];
    // SAFETY: the kernel reads one header and writes two words, which is what version 3 has; both are alive and
    // laid out as in `linux/capability.h`.
    let got = unsafe { libc::syscall(libc::SYS_capget, &raw mut header, words.as_mut_ptr()) };
    if got < 0 {
        return Err(io::Error::last_os_error());
    }
    let halves = [keep & 0xffff_ffff, keep >> 32];
    for (word, keep) in words.iter_mut().zip(halves) {
        let kept = word.permitted & u32::try_from(keep).unwrap_or(0);
        *word = CapabilityWord { effective: kept, permitted: kept, inheritable: 0 };
    }
    // SAFETY: the kernel reads one header and two words, both alive and laid out as it wants them.
    let set = unsafe { libc::syscall(libc::SYS_capset, &raw mut header, words.as_ptr()) };
    if set < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// `prctl(2)` for options that take one number, or none.
pub(crate) fn process_option(option: c_int, value: libc::c_ulong) -> io::Result<()> {
    const NONE: libc::c_ulong = 0;
    // SAFETY: the options this crate uses (no new privileges, bounding set) take numbers, no pointers.
    succeeded(unsafe { libc::prctl(option, value, NONE, NONE, NONE) })
}

/// What holds one open descriptor for as long as it lives.
///
/// # Safety
/// `as_fd` gives the same descriptor each time, and only dropping the value closes it.
pub(crate) unsafe trait Holds: AsFd {}

// SAFETY: owns its descriptor and never gives it away but by value.
unsafe impl Holds for Socket {}

/// A [`Holds`] in the form that tokio asks for.
pub(crate) struct Held<T>(pub(crate) T);

impl<T: Holds> AsRawFd for Held<T> {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_fd().as_raw_fd()
    }
}

/// Has tokio tell when it is ready. Must be called inside a runtime.
pub(crate) fn watched<T: Holds>(inner: T, interest: Interest) -> io::Result<AsyncFd<Held<T>>> {
    // SAFETY: `Holds` promises that the descriptor is valid and the same until `inner` is dropped, and the
    // `AsyncFd` owns `inner`: it deregisters the descriptor before it drops it.
    let watched = unsafe { AsyncFd::register_with_interest(Held(inner), interest) };
    watched.map_err(|refused| refused.into_parts().1)
}

/// What one `recvmsg(2)` brought.
pub(crate) struct Received {
    /// Octets of the datagram or frame. With `MSG_TRUNC` asked for, its whole length, which may be more
    /// than the buffer took.
    pub(crate) length: usize,
    /// Where it came from (of the error queue: where it was sent to); `None` for other families than IP.
    pub(crate) peer: Option<SocketAddr>,
    /// What the kernel tells beside it.
    pub(crate) control: Control,
}

/// Control messages of one [`Received`], copied out of the kernel; no allocation.
pub(crate) struct Control {
    octets: ControlBuffer,
    length: usize,
}

/// Room for a time stamp, a TTL, an overflow count and an extended error with its address.
#[repr(C, align(8))]
#[derive(Clone, Copy)]
struct ControlBuffer([u8; 320]);

/// `recvmsg(2)` without blocking: `WouldBlock` where nothing is there.
pub(crate) fn receive(socket: BorrowedFd<'_>, buffer: &mut [u8], flags: c_int) -> io::Result<Received> {
    let mut slice = libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: buffer.len() };
    let mut octets = ControlBuffer([0; 320]);
    let (mut length, mut controls) = (0, 0);
    // SAFETY: `storage` and its length are handed over by `try_init` writable and zeroed; `slice` covers
    // `buffer`, borrowed exclusively; the control pointer covers `octets`. The kernel writes no further than
    // the lengths given and keeps no reference after the call. `try_init` takes the address as initialised
    // on success, which zeroed storage is even where the kernel wrote no address.
    let (_, from) = unsafe {
        SockAddr::try_init(|storage, storage_length| {
            let mut header: libc::msghdr = std::mem::zeroed();
            header.msg_name = storage.cast();
            header.msg_namelen = *storage_length;
            header.msg_iov = &raw mut slice;
            header.msg_iovlen = 1;
            header.msg_control = octets.0.as_mut_ptr().cast();
            header.msg_controllen = octets.0.len() as _;
            let received = libc::recvmsg(socket.as_raw_fd(), &raw mut header, flags | libc::MSG_DONTWAIT);
            length = usize::try_from(received).map_err(|_| io::Error::last_os_error())?;
            controls = header.msg_controllen as usize;
            *storage_length = header.msg_namelen;
            Ok(())
        })
    }?;
    let control = Control { octets, length: controls.min(octets.0.len()) };
    Ok(Received { length, peer: from.as_socket(), control })
}

impl Control {
    /// Each message as (level, kind, data), in the kernel's order.
    pub(crate) fn messages(&self) -> impl Iterator<Item = (c_int, c_int, &[u8])> {
        let mut rest = self.octets.0.get(..self.length).unwrap_or_default();
        std::iter::from_fn(move || {
            let (message, after) = split_control(rest)?;
            rest = after;
            Some(message)
        })
    }
}

/// One control message as (level, kind, data), and the octets after it.
type ControlSplit<'a> = ((c_int, c_int, &'a [u8]), &'a [u8]);

/// `struct cmsghdr`: a length that counts the header, level, kind, data, padding to a word.
fn split_control(octets: &[u8]) -> Option<ControlSplit<'_>> {
    const WORD: usize = size_of::<usize>();
    const HEADER: usize = WORD + 2 * size_of::<c_int>();
    let length = usize::from_ne_bytes(octets.get(..WORD)?.try_into().ok()?);
    let level = number(octets.get(WORD..)?)?;
    let kind = number(octets.get(WORD + size_of::<c_int>()..)?)?;
    let data = octets.get(HEADER..length)?;
    let after = octets.get(length.next_multiple_of(WORD)..).unwrap_or_default();
    Some(((level, kind, data), after))
}

/// The C `int` at the head of some octets.
pub(crate) fn number(octets: &[u8]) -> Option<c_int> {
    Some(c_int::from_ne_bytes(octets.get(..size_of::<c_int>())?.try_into().ok()?))
}

/// The C `struct timespec` at the head of some octets, as nanoseconds.
pub(crate) fn timespec_nanos(octets: &[u8]) -> Option<u64> {
    const LONG: usize = size_of::<libc::c_long>();
    let long = |at: usize| -> Option<u64> {
        let value = libc::c_long::from_ne_bytes(octets.get(at..at + LONG)?.try_into().ok()?);
        u64::try_from(value).ok()
    };
    long(0)?.checked_mul(1_000_000_000)?.checked_add(long(LONG)?)
}

fn socklen<T>() -> libc::socklen_t {
    libc::socklen_t::try_from(size_of::<T>()).unwrap_or(0)
}

fn succeeded(returned: c_int) -> io::Result<()> {
    if returned < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_messages_are_walked_to_the_end_and_never_beyond() {
        let message = |length: usize, kind: c_int, data: &[u8]| {
            let mut octets = length.to_ne_bytes().to_vec();
            octets.extend(libc::IPPROTO_IP.to_ne_bytes());
            octets.extend(kind.to_ne_bytes());
            octets.extend(data);
            octets.resize(octets.len().next_multiple_of(size_of::<usize>()), 0);
            octets
        };
        let head = size_of::<usize>() + 8;
        let cases: &[(&str, Vec<u8>, &[c_int])] = &[
            (
                "two whole ones",
                [message(head + 4, 2, &[64, 0, 0, 0]), message(head + 1, 3, &[1])].concat(),
                &[2, 3],
            ),
            ("a length past the end", message(head + 400, 2, &[1]), &[]),
            ("a length inside the header", message(3, 2, &[1]), &[]),
            ("half a header", vec![1, 2, 3], &[]),
            ("nothing", vec![], &[]),
        ];
        for (name, octets, kinds) in cases {
            let mut buffer = [0; 320];
            buffer[..octets.len()].copy_from_slice(octets);
            let control = Control { octets: ControlBuffer(buffer), length: octets.len() };
            let got: Vec<c_int> = control.messages().map(|(_, kind, _)| kind).collect();
            assert_eq!(got, *kinds, "{name}");
        }
    }

    #[test]
    fn a_time_stamp_before_1970_or_cut_short_is_none() {
        let stamp = |seconds: libc::c_long, nanos: libc::c_long| {
            [seconds.to_ne_bytes(), nanos.to_ne_bytes()].concat()
        };
        assert_eq!(timespec_nanos(&stamp(2, 5)), Some(2_000_000_005));
        assert_eq!(timespec_nanos(&stamp(-1, 5)), None);
        assert_eq!(timespec_nanos(&stamp(2, 5)[..9]), None);
    }
}
