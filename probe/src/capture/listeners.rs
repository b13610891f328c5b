//! One listener for each port: frames of all ports into one inbox.

use std::collections::BTreeMap;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::{Counters, Deaf, Frame, FrameSource, Listen, Source, SourceError, open};
use crate::hints;
use crate::ports::Port;

/// What a listener tells.
pub enum Heard {
    /// A frame, and what its source counted so far.
    Frame(Frame, Counters),
    /// The source is of no use any more.
    Lost(u32, SourceError),
}

struct Listener {
    task: JoinHandle<()>,
    counters: Counters,
}

/// The listeners of all ports.
pub struct Listeners<N> {
    inbox: mpsc::Sender<N>,
    listeners: BTreeMap<u32, Listener>,
    deaf: BTreeMap<u32, Deaf>,
}

impl<N: From<Heard> + Send + 'static> Listeners<N> {
    /// No port is listened on yet. What is heard goes into `inbox`.
    pub fn new(inbox: mpsc::Sender<N>) -> Self {
        Self { inbox, listeners: BTreeMap::new(), deaf: BTreeMap::new() }
    }

    /// Listens on these ports and no others.
    pub fn sync(&mut self, ports: &[Port]) {
        let wanted = |ifindex: &u32| ports.iter().any(|port| port.ifindex == *ifindex);
        self.listeners.retain(|ifindex, listener| {
            let keep = wanted(ifindex);
            if !keep {
                listener.task.abort();
            }
            keep
        });
        self.deaf.retain(|ifindex, _| wanted(ifindex));
        for port in ports {
            if !self.listeners.contains_key(&port.ifindex) {
                self.open(port);
            }
        }
    }

    fn open(&mut self, port: &Port) {
        let listen = Listen { ifindex: port.ifindex, ifname: port.ifname.clone() };
        match open(&listen) {
            Ok(source) => {
                let task = tokio::spawn(listen_on(source, port.ifindex, self.inbox.clone()));
                self.listeners.insert(port.ifindex, Listener { task, counters: Counters::default() });
                self.deaf.remove(&port.ifindex);
            }
            Err(error) => self.set_deaf(&port.ifname, port.ifindex, error.into()),
        }
    }

    /// Says it once for each port and reason; of a missing right, which takes all ports, once in all.
    fn set_deaf(&mut self, ifname: &str, ifindex: u32, deaf: Deaf) {
        if !self.deaf.values().any(|known| *known == deaf) {
            tracing::warn!(port = ifname, reason = %deaf.reason, remedy = deaf.remedy, "no switch can be heard, going on with a fallback ring");
        }
        self.deaf.insert(ifindex, deaf);
    }

    /// Whether every port is listened on, as far as trying again could help: a missing right is for good.
    pub fn hears_all(&self, ports: &[Port]) -> bool {
        ports.iter().all(|port| self.listeners.contains_key(&port.ifindex) || self.may_not(port.ifindex))
    }

    fn may_not(&self, ifindex: u32) -> bool {
        self.deaf.get(&ifindex).is_some_and(|deaf| deaf.remedy == hints::RIGHT)
    }

    /// Notes what a frame's source counted.
    pub fn count(&mut self, ifindex: u32, counters: Counters) {
        if let Some(listener) = self.listeners.get_mut(&ifindex) {
            listener.counters = counters;
        }
    }

    /// Ends a listener whose port is gone. The port's number may be used again.
    pub fn close(&mut self, ifindex: u32) {
        if let Some(listener) = self.listeners.remove(&ifindex) {
            listener.task.abort();
        }
        self.deaf.remove(&ifindex);
    }

    /// A listener has ended. It is opened again with the next try, and deaf until then unless its port is gone.
    pub fn lost(&mut self, ifindex: u32, error: &SourceError) {
        tracing::debug!(ifindex, %error, "listener ended");
        self.listeners.remove(&ifindex);
        if let SourceError::Io(error) = error {
            self.deaf.insert(ifindex, Deaf::from_failure(error));
        }
    }

    /// Why a port is not listened on.
    pub fn deaf(&self, ifindex: u32) -> Option<&Deaf> {
        self.deaf.get(&ifindex)
    }

    /// What all of them counted.
    pub fn counters(&self) -> Counters {
        self.listeners.values().fold(Counters::default(), |sum, listener| Counters {
            frames: sum.frames + listener.counters.frames,
            too_long: sum.too_long + listener.counters.too_long,
            kernel_drops: sum.kernel_drops + listener.counters.kernel_drops,
        })
    }
}

async fn listen_on<N: From<Heard>>(mut source: Source, ifindex: u32, inbox: mpsc::Sender<N>) {
    loop {
        let heard = match source.next().await {
            Ok(frame) => Heard::Frame(frame, source.counters()),
            Err(error) => Heard::Lost(ifindex, error),
        };
        let over = matches!(heard, Heard::Lost(..));
        if inbox.send(heard.into()).await.is_err() || over {
            return;
        }
    }
}
