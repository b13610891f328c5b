//! Waiting that a signal ends, so that an interrupted lab is taken down and not left behind.

use std::os::fd::AsFd as _;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};

use super::error::LabError;

/// The signals that ask us to stop, turned into something one can wait for.
pub struct Interrupt {
    signals: Option<SignalFd>,
}

impl Interrupt {
    /// Takes SIGINT, SIGTERM and SIGHUP for this thread and those it starts later. Call it before any is.
    ///
    /// # Errors
    /// [`LabError::Failed`] if the kernel refuses a descriptor.
    pub fn on_signals() -> Result<Self, LabError> {
        let set: SigSet = [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP].into_iter().collect();
        let refused = |errno| LabError::Failed(format!("signals cannot be waited for: {errno}"));
        set.thread_block().map_err(refused)?;
        let flags = SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK;
        Ok(Self { signals: Some(SignalFd::with_flags(&set, flags).map_err(refused)?) })
    }

    /// Never interrupted: for tests, whose runner has its own way with signals.
    pub fn never() -> Self {
        Self { signals: None }
    }

    /// Sleeps, unless asked to stop.
    ///
    /// # Errors
    /// [`LabError::Interrupted`].
    pub fn sleep(&self, time: Duration) -> Result<(), LabError> {
        let end = Instant::now() + time;
        let Some(signals) = &self.signals else {
            std::thread::sleep(time);
            return Ok(());
        };
        loop {
            let left = end.saturating_duration_since(Instant::now());
            // Rounded up: poll counts whole milliseconds, and rounding down would spin through the last one.
            let timeout = PollTimeout::try_from(left.as_millis() + 1).unwrap_or(PollTimeout::MAX);
            let mut waiting = [PollFd::new(signals.as_fd(), PollFlags::POLLIN)];
            let ready = poll(&mut waiting, timeout).unwrap_or(0);
            if ready > 0 && matches!(signals.read_signal(), Ok(Some(_))) {
                return Err(LabError::Interrupted);
            }
            if Instant::now() >= end {
                return Ok(());
            }
        }
    }

    /// Whether we were asked to stop already.
    ///
    /// # Errors
    /// [`LabError::Interrupted`].
    pub fn check(&self) -> Result<(), LabError> {
        self.sleep(Duration::ZERO)
    }
}
