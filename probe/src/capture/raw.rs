//! The own packet socket of a port.

use std::io;
use std::os::fd::AsFd;

use ringmesh_shell::clock;
use socket2::Socket;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use super::{Counters, FRAME_MAX, Frame, FrameSource, Listen, SourceError, socket};
use crate::sys::{self, Held};

/// A VLAN tag's octets.
const TAG: usize = 4;
/// Both addresses of a frame.
const ADDRESSES: usize = 12;

/// Frames of one port by a filtered `AF_PACKET` socket.
///
/// Link down is no reason to give up: the kernel says it once (`ENETDOWN`) and the socket works again after
/// link up. Only a deleted interface ends it.
pub struct RawSocket {
    socket: AsyncFd<Held<Socket>>,
    ifindex: u32,
    counters: Counters,
    buffer: Box<[u8]>,
}

impl RawSocket {
    /// Opens, filters, binds: in that order, so that no other frame is ever queued. Needs `CAP_NET_RAW`.
    pub fn open(port: &Listen) -> io::Result<Self> {
        let socket = socket::filtered()?;
        socket::join_groups(&socket, port.ifindex)?;
        socket::bind(&socket, port.ifindex)?;
        Ok(Self {
            socket: sys::watched(socket, Interest::READABLE)?,
            ifindex: port.ifindex,
            counters: Counters::default(),
            buffer: vec![0; TAG + FRAME_MAX].into(),
        })
    }

    /// One frame, if it is whole; `None` for one that was too long.
    fn take(&mut self, received: &sys::Received) -> Option<Frame> {
        let end = TAG.checked_add(received.length).filter(|&end| end <= self.buffer.len());
        let Some(end) = end else {
            self.counters.too_long += 1;
            return None;
        };
        self.counters.frames += 1;
        let octets = match stripped_tag(&received.control) {
            Some(tag) => put_back(&mut self.buffer[..end], tag),
            None => &self.buffer[TAG..end],
        };
        Some(Frame { ifindex: self.ifindex, at: clock::now(), octets: octets.into() })
    }

    fn count_drops(&mut self) {
        let drops = sys::option::<libc::tpacket_stats>(
            self.socket.get_ref().0.as_fd(),
            libc::SOL_PACKET,
            libc::PACKET_STATISTICS,
        );
        // The kernel starts from zero after each reading.
        self.counters.kernel_drops += drops.map_or(0, |drops| u64::from(drops.tp_drops));
    }
}

impl FrameSource for RawSocket {
    async fn next(&mut self) -> Result<Frame, SourceError> {
        loop {
            let mut ready = self.socket.readable().await?;
            let buffer = &mut self.buffer[TAG..];
            let attempt =
                ready.try_io(|socket| sys::receive(socket.get_ref().0.as_fd(), buffer, libc::MSG_TRUNC));
            let received = match attempt {
                Ok(Ok(received)) => received,
                Ok(Err(error)) if socket::is_down(&error) => continue,
                Ok(Err(error)) if socket::is_gone(&error) => {
                    return Err(SourceError::Over(error.to_string()));
                }
                Ok(Err(error)) => return Err(error.into()),
                Err(_would_block) => continue,
            };
            if let Some(frame) = self.take(&received) {
                self.count_drops();
                return Ok(frame);
            }
        }
    }

    fn counters(&self) -> Counters {
        self.counters
    }
}

/// The outer VLAN tag, which the kernel takes off before a packet socket sees the frame: `struct
/// tpacket_auxdata` is status, lengths (3 x 4 octets), two offsets, tag and tag type (4 x 2 octets).
fn stripped_tag(control: &sys::Control) -> Option<[u8; TAG]> {
    let (.., data) = control
        .messages()
        .find(|&(level, kind, _)| level == libc::SOL_PACKET && kind == libc::PACKET_AUXDATA)?;
    let half = |at: usize| Some(u16::from_ne_bytes(data.get(at..at + 2)?.try_into().ok()?));
    let status = u32::from_ne_bytes(data.get(..4)?.try_into().ok()?);
    let has = |bit: u32| status & bit != 0;
    if !has(libc::TP_STATUS_VLAN_VALID) {
        return None;
    }
    let [kind_high, kind_low] =
        if has(libc::TP_STATUS_VLAN_TPID_VALID) { half(18)? } else { 0x8100 }.to_be_bytes();
    let [tag_high, tag_low] = half(16)?.to_be_bytes();
    Some([kind_high, kind_low, tag_high, tag_low])
}

/// Puts a tag back behind the addresses. The frame lies behind [`TAG`] free octets of `buffer`.
fn put_back(buffer: &mut [u8], tag: [u8; TAG]) -> &[u8] {
    let addresses = TAG..(TAG + ADDRESSES).min(buffer.len());
    if addresses.len() == ADDRESSES {
        buffer.copy_within(addresses, 0);
        buffer[ADDRESSES..ADDRESSES + TAG].copy_from_slice(&tag);
        return buffer;
    }
    &buffer[TAG..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stripped_tag_goes_back_behind_the_addresses_and_a_scrap_stays_as_it_is() {
        let mut frame: Vec<u8> = vec![0; TAG];
        frame.extend(1..=16);
        let want: Vec<u8> = (1..=12).chain([0x81, 0, 0, 7]).chain(13..=16).collect();
        assert_eq!(put_back(&mut frame, [0x81, 0, 0, 7]), want);
        let mut scrap = vec![0, 0, 0, 0, 1, 2, 3];
        assert_eq!(put_back(&mut scrap, [0x81, 0, 0, 7]), [1, 2, 3]);
    }
}
