//! What the kernel says about interfaces: asked whole, and told at once when carrier changes.
//!
//! Messages of the kernel say *that* something changed; what it is now is asked anew, so a lost or
//! misunderstood message costs one refresh and never a wrong picture for longer than a minute.

mod ask;
mod read;

use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

use futures_util::StreamExt;
use ringmesh_topology::id::MacAddress;
use rtnetlink::MulticastGroup;
use rtnetlink::packet_core::{NetlinkMessage, NetlinkPayload};
use rtnetlink::packet_route::{AddressFamily, RouteNetlinkMessage};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use crate::ports::{self, PassedOver, Port};
pub use ask::Kernel;

/// A change is followed by others (an address after carrier): they are waited for this long ..
const SETTLE: Duration = Duration::from_millis(30);
/// .. and a busy host is not asked more often than this.
const PAUSE: Duration = Duration::from_millis(500);
/// Asked anew even if the kernel is silent: its messages can be lost, and a gateway's address is learnt late.
const REFRESH: Duration = Duration::from_secs(60);
/// While a gateway's Ethernet address is unknown, a few refreshes come sooner.
const GATEWAY_RETRIES: u32 = 5;

/// What is told about the ports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PortNews {
    /// All ports, whole. Sent first, and after each change.
    Ports {
        /// The ports, lowest number first.
        ports: Vec<Port>,
        /// Every Ethernet address of this host.
        own: Vec<MacAddress>,
    },
    /// A port is gone, just now. One that is back in a moment, under the same number perhaps, is another one: what
    /// was opened for this one is dead.
    Gone {
        /// The port.
        ifindex: u32,
    },
    /// Carrier of one of the ports changed just now.
    Carrier {
        /// The port.
        ifindex: u32,
        /// Whether it has carrier.
        up: bool,
    },
}

/// Tells about the ports until nobody listens any more or the kernel does not answer.
pub async fn watch<N: From<PortNews>>(globs: Vec<String>, news: mpsc::Sender<N>) -> io::Result<()> {
    let groups = [
        MulticastGroup::Link,
        MulticastGroup::Ipv4Ifaddr,
        MulticastGroup::Ipv6Ifaddr,
        MulticastGroup::Ipv4Route,
        MulticastGroup::Ipv6Route,
    ];
    let (connection, handle, mut messages) = rtnetlink::new_multicast_connection(&groups)?;
    let connection = tokio::spawn(connection);
    let mut watch = Watch {
        kernel: Kernel::new(handle),
        globs,
        news,
        carrier: BTreeMap::new(),
        told: None,
        stale: false,
        retries: 0,
    };
    let mut next = watch.refresh().await?;
    loop {
        tokio::select! {
            message = messages.next() => {
                let Some((message, _)) = message else { break };
                if watch.hear(&message).await? {
                    next = next.min(watch.settled());
                }
            }
            () = sleep_until(next) => next = watch.refresh().await?,
            () = watch.news.closed() => break,
        }
    }
    connection.abort();
    Ok(())
}

/// The ports and the host's own Ethernet addresses.
type Ask = (Vec<Port>, Vec<MacAddress>);

struct Watch<N> {
    kernel: Kernel,
    globs: Vec<String>,
    news: mpsc::Sender<N>,
    /// Carrier of each port, as told last.
    carrier: BTreeMap<u32, bool>,
    told: Option<(Ask, Instant)>,
    /// A port has gone since then: what is asked next is told, also if it is the same.
    stale: bool,
    retries: u32,
}

impl<N: From<PortNews>> Watch<N> {
    /// Takes one message; whether the kernel has to be asked anew.
    async fn hear(&mut self, message: &NetlinkMessage<RouteNetlinkMessage>) -> io::Result<bool> {
        match &message.payload {
            NetlinkPayload::InnerMessage(RouteNetlinkMessage::NewLink(link)) => {
                self.tell_carrier(link.header.index, read::has_carrier(link)).await?;
                Ok(true)
            }
            NetlinkPayload::InnerMessage(RouteNetlinkMessage::DelLink(link)) => {
                // A bridge says in the same words that the port is not the bridge's any more.
                if link.header.interface_family != AddressFamily::Bridge {
                    self.tell_gone(link.header.index).await?;
                }
                Ok(true)
            }
            NetlinkPayload::InnerMessage(
                RouteNetlinkMessage::NewRoute(route) | RouteNetlinkMessage::DelRoute(route),
            ) => Ok(route.header.destination_prefix_length == 0),
            NetlinkPayload::InnerMessage(_) | NetlinkPayload::Overrun(_) => Ok(true),
            _ => Ok(false),
        }
    }

    /// The loss of a known port is told at once. What is asked next is news whatever it is.
    async fn tell_gone(&mut self, ifindex: u32) -> io::Result<()> {
        if self.carrier.contains_key(&ifindex) {
            self.tell_carrier(ifindex, false).await?;
            self.stale = true;
            self.send(PortNews::Gone { ifindex }).await?;
        }
        Ok(())
    }

    /// Carrier of a known port is told at once, not after the settling.
    async fn tell_carrier(&mut self, ifindex: u32, up: bool) -> io::Result<()> {
        let Some(known) = self.carrier.get_mut(&ifindex) else { return Ok(()) };
        if *known == up {
            return Ok(());
        }
        *known = up;
        self.send(PortNews::Carrier { ifindex, up }).await
    }

    /// Asks the kernel, tells what changed, and says when to ask next.
    async fn refresh(&mut self) -> io::Result<Instant> {
        let asked = self.ask().await?;
        let waiting = asked.0.iter().filter_map(|port| port.above.as_ref());
        let waiting =
            waiting.filter(|above| above.gateway.is_some()).any(|above| above.gateway_mac.0 == [0; 6]);
        self.retries = if waiting { self.retries + 1 } else { 0 };
        let known = self.told.as_ref().is_some_and(|(told, _)| *told == asked) && !self.stale;
        self.stale = false;
        if !known {
            let (ports, own) = asked.clone();
            self.carrier = ports.iter().map(|port| (port.ifindex, port.carrier)).collect();
            self.send(PortNews::Ports { ports, own }).await?;
        }
        let now = Instant::now();
        self.told = Some((asked, now));
        let soon = (1..=GATEWAY_RETRIES).contains(&self.retries);
        Ok(now + if soon { PAUSE * 2_u32.pow(self.retries) } else { REFRESH })
    }

    async fn ask(&mut self) -> io::Result<Ask> {
        let view = self.kernel.view().await?;
        Ok((self.kernel.ports(&view, &self.globs).await, ports::own_addresses(&view)))
    }

    /// When a change that was just heard of will have settled.
    fn settled(&self) -> Instant {
        let now = Instant::now();
        let earliest = self.told.as_ref().map_or(now, |(_, asked)| *asked + PAUSE);
        earliest.max(now + SETTLE)
    }

    async fn send(&self, news: PortNews) -> io::Result<()> {
        self.news.send(news.into()).await.map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))
    }
}

/// What a command sees that looks once.
#[derive(Clone, Debug)]
pub struct Look {
    /// The ports.
    pub ports: Vec<Port>,
    /// What may be missed among them.
    pub passed_over: Vec<PassedOver>,
    /// What was asked for by a name that no interface has.
    pub unknown: Vec<String>,
}

/// The ports once, for a command that only looks.
pub async fn look(globs: &[String]) -> io::Result<Look> {
    let (connection, handle, _messages) = rtnetlink::new_connection()?;
    let connection = tokio::spawn(connection);
    let mut kernel = Kernel::new(handle);
    let view = kernel.view().await?;
    let ports = kernel.ports(&view, globs).await;
    connection.abort();
    let (passed_over, unknown) = (ports::passed_over(&view, globs), ports::unknown(&view, globs));
    Ok(Look { ports, passed_over, unknown })
}
