//! What may wake the driver beside datagrams and the deadline, and the tasks that bring it.

use std::io;

use ringmesh_proto::time::WallClock;
use ringmesh_shell::clock;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

use crate::capture::Heard;
use crate::config::Config;
use crate::control::{self, Asked, Server};
use crate::netlink::{self, PortNews};

/// One input.
pub(super) enum Input {
    /// Something about the ports.
    Ports(PortNews),
    /// From a port's listener.
    Heard(Heard),
    /// An operator's question.
    Asked(Asked),
    /// Somebody set the wall clock.
    WallClock(WallClock),
    /// A signal to leave; the second one means it.
    Signal,
    /// A task that must not end has ended.
    Failed(&'static str, io::Error),
}

impl From<PortNews> for Input {
    fn from(news: PortNews) -> Self {
        Self::Ports(news)
    }
}

impl From<Heard> for Input {
    fn from(heard: Heard) -> Self {
        Self::Heard(heard)
    }
}

impl From<Asked> for Input {
    fn from(asked: Asked) -> Self {
        Self::Asked(asked)
    }
}

/// Starts all that brings inputs. They end with the runtime.
pub(super) fn spawn_all(config: &Config, server: Server, inbox: &mpsc::Sender<Input>) {
    spawn("kernel's news about interfaces", inbox, netlink::watch(config.ports.clone(), inbox.clone()));
    spawn("control socket", inbox, control::serve(server, inbox.clone()));
    spawn("signals", inbox, signals(inbox.clone()));
    spawn("wall clock", inbox, wall_clock(inbox.clone()));
}

/// Runs a task and tells when it fails.
fn spawn(
    what: &'static str,
    inbox: &mpsc::Sender<Input>,
    task: impl Future<Output = io::Result<()>> + Send + 'static,
) {
    let inbox = inbox.clone();
    tokio::spawn(async move {
        if let Err(error) = task.await {
            // Nobody listens any more when the probe is ending.
            let _ = inbox.send(Input::Failed(what, error)).await;
        }
    });
}

async fn signals(inbox: mpsc::Sender<Input>) -> io::Result<()> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    loop {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        if inbox.send(Input::Signal).await.is_err() {
            return Ok(());
        }
    }
}

async fn wall_clock(inbox: mpsc::Sender<Input>) -> io::Result<()> {
    let watch = clock::WallClockWatch::new()?;
    loop {
        watch.was_set().await?;
        if inbox.send(Input::WallClock(clock::wall_clock())).await.is_err() {
            return Ok(());
        }
    }
}
