//! The process that is a slow cable: reads frames at either end, writes them at the other when they are due.

use std::fs::File;
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::fd::AsFd as _;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::Quality;
use super::line::Line;
use super::tap::hold;
use crate::lab::error::LabError;

/// An Ethernet frame of 1,500 octets with every header that a lab puts before it, and room.
const FRAME_MAX: usize = 2_048;

/// One end of a leg: a TAP device and the namespace it is in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::lab) struct End {
    pub(in crate::lab) netns: String,
    pub(in crate::lab) ifname: String,
}

/// What is to be carried, and how well.
#[derive(Clone, Debug)]
pub(in crate::lab) struct Leg {
    pub(in crate::lab) number: u8,
    pub(in crate::lab) near: End,
    pub(in crate::lab) far: End,
    pub(in crate::lab) quality: Quality,
}

/// Carries until killed. A cable says nothing.
///
/// # Errors
/// As of [`hold`]; [`LabError::Failed`] if a device goes away.
pub(in crate::lab) fn carry(leg: &Leg) -> Result<(), LabError> {
    let near = hold(&leg.near.netns, &leg.near.ifname)?;
    let far = hold(&leg.far.netns, &leg.far.ifname)?;
    let delay = Duration::from_millis(leg.quality.delay_ms.into());
    let line = |direction: u64| {
        Line::new(delay, leg.quality.loss_permille, leg.quality.seed, u64::from(leg.number) * 2 + direction)
    };
    let (mut there, mut back) = (line(0), line(1));
    loop {
        wait(&[&near, &far], [there.next_at(), back.next_at()].into_iter().flatten().min())?;
        let now = Instant::now();
        read(&near, now, &mut there).map_err(gone(&leg.near))?;
        read(&far, now, &mut back).map_err(gone(&leg.far))?;
        write(&far, now, &mut there);
        write(&near, now, &mut back);
    }
}

fn gone(end: &End) -> impl FnOnce(io::Error) -> LabError {
    move |error| LabError::Failed(format!("{} of {} is gone: {error}", end.ifname, end.netns))
}

fn wait(devices: &[&File], until: Option<Instant>) -> Result<(), LabError> {
    let timeout = until.map_or(PollTimeout::NONE, |until| {
        let left = until.saturating_duration_since(Instant::now());
        // Whole milliseconds, rounded up: rounded down, the last one would be spent asking again and again.
        let ms = left.as_micros().div_ceil(1_000);
        PollTimeout::try_from(ms).unwrap_or(PollTimeout::MAX)
    });
    let mut waiting: Vec<PollFd<'_>> =
        devices.iter().map(|device| PollFd::new(device.as_fd(), PollFlags::POLLIN)).collect();
    match poll(&mut waiting, timeout) {
        Ok(_) | Err(Errno::EINTR) => Ok(()),
        Err(errno) => Err(LabError::Failed(format!("the devices cannot be waited for: {errno}"))),
    }
}

/// Everything that waits at one end is on its way. A device that is down has nothing, and may come up again.
fn read(mut from: &File, now: Instant, into: &mut Line) -> io::Result<()> {
    let mut frame = [0; FRAME_MAX];
    loop {
        match from.read(&mut frame) {
            Ok(octets) => into.take(now, frame.get(..octets).unwrap_or_default()),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {
                return Ok(());
            }
            Err(error) => return Err(error),
        }
    }
}

/// Everything that is due arrives, or is lost where the other end is down or has no room: no cable waits.
fn write(mut to: &File, now: Instant, from: &mut Line) {
    while let Some(frame) = from.give(now) {
        let _ = to.write(&frame);
    }
}
