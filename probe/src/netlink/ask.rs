//! Questions to the kernel.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;

use futures_util::{StreamExt, TryStreamExt};
use ringmesh_topology::id::MacAddress;
use rtnetlink::Handle;
use rtnetlink::packet_core::{NLM_F_REQUEST, NetlinkMessage, NetlinkPayload};
use rtnetlink::packet_route::neighbour::{NeighbourAddress, NeighbourAttribute, NeighbourMessage};
use rtnetlink::packet_route::route::{RouteAddress, RouteAttribute, RouteMessage};
use rtnetlink::packet_route::{AddressFamily, RouteNetlinkMessage};

use super::read;
use crate::ports::{self, Above, Port, View};

/// An address of the documentation range (RFC 5737, RFC 3849): the way to it is the default route, and
/// nothing is ever sent there.
const FAR_AWAY: (Ipv4Addr, Ipv6Addr) =
    (Ipv4Addr::new(192, 0, 2, 1), Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1));

/// The kernel, as one who can be asked.
pub struct Kernel {
    handle: Handle,
    sysfs: PathBuf,
}

impl Kernel {
    /// By an open connection.
    pub fn new(handle: Handle) -> Self {
        Self { handle, sysfs: "/sys/class/net".into() }
    }

    /// All interfaces and addresses.
    pub async fn view(&self) -> io::Result<View> {
        let mut view = View::default();
        let mut links = self.handle.link().get().execute();
        while let Some(link) = links.try_next().await.map_err(io::Error::other)? {
            let link = read::link(&link, &self.sysfs);
            view.links.insert(link.ifindex, link);
        }
        let mut addresses = self.handle.address().get().execute();
        while let Some(address) = addresses.try_next().await.map_err(io::Error::other)? {
            view.addresses.extend(read::address(&address));
        }
        Ok(view)
    }

    /// The ports among them, with their gateways.
    pub async fn ports(&mut self, view: &View, globs: &[String]) -> Vec<Port> {
        let mut ports = ports::ports(view, globs);
        for above in ports.iter_mut().filter_map(|port| port.above.as_mut()) {
            self.find_gateway(above).await;
        }
        ports
    }

    /// Fills in the gateway of an interface and its Ethernet address, as far as the kernel knows them.
    async fn find_gateway(&mut self, above: &mut Above) {
        above.gateway = self.gateway(above).await;
        if let Some(gateway) = above.gateway {
            above.gateway_mac = self.neighbour(above.ifindex, gateway).await.unwrap_or_default();
        }
    }

    /// Asks for the one route to far away by this interface and address, so that rules and metrics count and
    /// a router's million routes are not read.
    async fn gateway(&mut self, above: &Above) -> Option<IpAddr> {
        let mut message = RouteMessage::default();
        let (family, far, bits) = match above.address {
            IpAddr::V4(_) => (AddressFamily::Inet, IpAddr::from(FAR_AWAY.0), 32),
            IpAddr::V6(_) => (AddressFamily::Inet6, IpAddr::from(FAR_AWAY.1), 128),
        };
        message.header.address_family = family;
        message.header.destination_prefix_length = bits;
        message.header.source_prefix_length = bits;
        message.attributes = vec![
            RouteAttribute::Destination(RouteAddress::from(far)),
            RouteAttribute::Source(RouteAddress::from(above.address)),
            RouteAttribute::Oif(above.ifindex),
        ];
        let RouteNetlinkMessage::NewRoute(route) = self.ask(RouteNetlinkMessage::GetRoute(message)).await?
        else {
            return None;
        };
        read::gateway(&route)
    }

    async fn neighbour(&mut self, ifindex: u32, address: IpAddr) -> Option<MacAddress> {
        let mut message = NeighbourMessage::default();
        message.header.family = if address.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 };
        message.header.ifindex = ifindex;
        message.attributes = vec![NeighbourAttribute::Destination(NeighbourAddress::from(address))];
        let RouteNetlinkMessage::NewNeighbour(found) =
            self.ask(RouteNetlinkMessage::GetNeighbour(message)).await?
        else {
            return None;
        };
        read::neighbour(&found)
    }

    /// One question, one answer; `None` where the kernel refuses it, as for an unknown neighbour.
    async fn ask(&mut self, question: RouteNetlinkMessage) -> Option<RouteNetlinkMessage> {
        let mut message = NetlinkMessage::from(question);
        message.header.flags = NLM_F_REQUEST;
        let mut answers = self.handle.request(message).ok()?;
        match answers.next().await?.payload {
            NetlinkPayload::InnerMessage(answer) => Some(answer),
            _ => None,
        }
    }
}
