//! pnet's channel over a socket of ours: the way out where a kernel refuses the own socket's options.
//!
//! pnet alone would hand every frame of the port to user space; over a filtered socket it does not. Its
//! receiver blocks, so it lives on a thread, and it reports each event of a port that is down as an error
//! at once, so the thread paces itself.

use std::io;
use std::os::fd::IntoRawFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use pnet::datalink::{self, DataLinkReceiver, NetworkInterface};
use ringmesh_shell::clock;
use tokio::sync::mpsc;

use super::{Counters, FRAME_MAX, Frame, FrameSource, Listen, SourceError, socket};

/// How long the thread waits for a frame before it looks whether anybody still listens.
const PATIENCE: Duration = Duration::from_millis(500);
/// Frames that wait to be taken over; announcements come every few seconds.
const QUEUE: usize = 16;

/// Frames of one port by pnet.
pub struct Channel {
    frames: mpsc::Receiver<Frame>,
    stop: Arc<AtomicBool>,
    counters: Counters,
}

impl Channel {
    /// Opens a filtered socket and hands it to pnet. Needs `CAP_NET_RAW`.
    pub fn open(port: &Listen) -> io::Result<Self> {
        let interface = interface(port)?;
        let filtered = socket::filtered()?;
        socket::join_groups(&filtered, port.ifindex)?;
        let config = datalink::Config {
            read_buffer_size: FRAME_MAX,
            read_timeout: Some(PATIENCE),
            promiscuous: false,
            // pnet closes it, also when it fails.
            socket_fd: Some(filtered.into_raw_fd()),
            ..Default::default()
        };
        let datalink::Channel::Ethernet(_, receiver) = datalink::channel(&interface, config)? else {
            return Err(io::Error::other("pnet has no Ethernet channel for this interface"));
        };
        let (sender, frames) = mpsc::channel(QUEUE);
        let stop = Arc::new(AtomicBool::new(false));
        let reader = Reader { receiver, ifindex: port.ifindex, frames: sender, stop: Arc::clone(&stop) };
        std::thread::Builder::new().name(format!("capture {}", port.ifname)).spawn(move || reader.run())?;
        Ok(Self { frames, stop, counters: Counters::default() })
    }
}

impl Drop for Channel {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

impl FrameSource for Channel {
    async fn next(&mut self) -> Result<Frame, SourceError> {
        let frame =
            self.frames.recv().await.ok_or_else(|| SourceError::Over("the interface is gone".into()))?;
        self.counters.frames += 1;
        Ok(frame)
    }

    fn counters(&self) -> Counters {
        self.counters
    }
}

/// The interface as pnet describes it.
fn interface(port: &Listen) -> io::Result<NetworkInterface> {
    datalink::interfaces()
        .into_iter()
        .find(|interface| interface.index == port.ifindex)
        .ok_or_else(|| io::Error::from_raw_os_error(libc::ENODEV))
}

struct Reader {
    receiver: Box<dyn DataLinkReceiver>,
    ifindex: u32,
    frames: mpsc::Sender<Frame>,
    stop: Arc<AtomicBool>,
}

impl Reader {
    fn run(mut self) {
        while !self.stop.load(Ordering::Relaxed) {
            match self.receiver.next() {
                Ok(octets) => {
                    let frame = Frame { ifindex: self.ifindex, at: clock::now(), octets: octets.into() };
                    if self.frames.blocking_send(frame).is_err() {
                        return;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::TimedOut => {}
                Err(error) if socket::is_gone(&error) => return,
                // A port that is down fails at once and for ever: without a pause this loop would take a core.
                Err(_) => std::thread::sleep(PATIENCE),
            }
        }
    }
}
