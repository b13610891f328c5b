//! Which interfaces are ports of this host, and what stands above them. Pure: [`crate::netlink`] asks the
//! kernel, this decides.
//!
//! A port is a physical Ethernet interface (or what the configuration names). Listening happens on ports
//! only, so a bond's two members give two attachments and no frame is heard twice. Beats leave from the
//! address above a port: its own, or that of the bond, bridge or VLAN it carries.

mod glob;

use std::collections::BTreeMap;
use std::net::IpAddr;

use ringmesh_topology::id::MacAddress;

/// What an interface is, as far as it matters here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// No virtual kind and a device behind it: a network card.
    Card,
    /// One end of a virtual cable.
    Veth,
    /// A tun or tap device.
    Tun,
    /// A bond or a team.
    Bond,
    /// A bridge.
    Bridge,
    /// A VLAN on another interface.
    Vlan,
    /// Anything else: loopback, tunnels, macvlan, VRF and what is to be invented.
    Other,
}

impl Kind {
    /// For people.
    pub fn word(self) -> &'static str {
        match self {
            Self::Card => "a card",
            Self::Veth => "a virtual cable (veth)",
            Self::Tun => "a tun or tap device",
            Self::Bond => "a bond",
            Self::Bridge => "a bridge",
            Self::Vlan => "a VLAN",
            Self::Other => "a virtual interface",
        }
    }
}

/// An interface as the kernel describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// The kernel's number.
    pub ifindex: u32,
    /// Its name.
    pub name: String,
    /// What it is.
    pub kind: Kind,
    /// It carries Ethernet frames (ARPHRD_ETHER).
    pub ethernet: bool,
    /// It is a radio.
    pub wireless: bool,
    /// Its address.
    pub mac: MacAddress,
    /// It is up, and so is the layer below it.
    pub carrier: bool,
    /// The bond, bridge or VRF it belongs to.
    pub master: Option<u32>,
    /// The interface it stands on.
    pub below: Option<u32>,
    /// Of a bond: what it says about itself.
    pub bond: Option<BondState>,
    /// The driver of the card.
    pub driver: String,
}

/// A bond, seen from itself.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct BondState {
    /// The mode as the kernel names it, like `active-backup`.
    pub mode: &'static str,
    /// The active member, where the mode has one.
    pub active: Option<u32>,
    /// The LACP partner's system id, where there is one.
    pub partner: Option<MacAddress>,
}

/// An address of an interface that beats may be sent from: primary, global, neither deprecated nor tentative.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Address {
    /// The interface.
    pub ifindex: u32,
    /// The address.
    pub address: IpAddr,
    /// Length of its on-link prefix.
    pub prefix_len: u8,
}

/// What the kernel knows, at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct View {
    /// All interfaces.
    pub links: BTreeMap<u32, Link>,
    /// Usable addresses, in the kernel's order.
    pub addresses: Vec<Address>,
}

/// A physical port and all that a probe needs to know about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Port {
    /// The kernel's number of the physical interface.
    pub ifindex: u32,
    /// Its name.
    pub ifname: String,
    /// Its address.
    pub mac: MacAddress,
    /// Whether it has carrier.
    pub carrier: bool,
    /// What it is: a card, or a virtual cable that the configuration names.
    pub kind: Kind,
    /// The driver of the card, like `i40e`; empty for a virtual interface.
    pub driver: String,
    /// The bridge it belongs to.
    pub bridge: Option<String>,
    /// Where its traffic has an IP address, if anywhere.
    pub above: Option<Above>,
    /// The bond it belongs to.
    pub bond: Option<Bond>,
}

/// The IP interface above a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Above {
    /// Its number.
    pub ifindex: u32,
    /// Its name: sockets are bound to it.
    pub ifname: String,
    /// The address that beats leave from.
    pub address: IpAddr,
    /// Length of the on-link prefix.
    pub prefix_len: u8,
    /// The default gateway by that interface.
    pub gateway: Option<IpAddr>,
    /// The gateway's Ethernet address; zero while unknown.
    pub gateway_mac: MacAddress,
}

/// A bond, seen from one of its members.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bond {
    /// Its name.
    pub ifname: String,
    /// Its mode.
    pub mode: &'static str,
    /// Whether this member carries its traffic. True of every member with carrier in a mode without an
    /// active one.
    pub active: bool,
    /// The LACP partner's system id.
    pub partner: Option<MacAddress>,
}

/// The ports of a host, lowest number first, gateways not asked for yet.
pub fn ports(view: &View, globs: &[String]) -> Vec<Port> {
    view.links.values().filter(|link| is_port(link, globs)).map(|link| port(view, link)).collect()
}

/// An interface that an operator may miss among the ports, and why it is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PassedOver {
    /// Its name.
    pub ifname: String,
    /// Why it is no port, and what to do.
    pub why: String,
}

/// What the configuration names by its full name and is no port all the same; where it names nothing, the virtual
/// cables and radios that it would have to name.
pub fn passed_over(view: &View, globs: &[String]) -> Vec<PassedOver> {
    let named = |link: &Link| globs.contains(&link.name);
    let asked_for = |link: &&Link| if globs.is_empty() { link.ethernet } else { named(link) };
    let links = view.links.values().filter(asked_for).filter(|link| !is_port(link, globs));
    let told = links.filter_map(|link| {
        Some(PassedOver { ifname: link.name.clone(), why: why_no_port(view, link, !globs.is_empty())? })
    });
    told.collect()
}

/// The globs that describe the name of no interface at all.
pub fn unknown(view: &View, globs: &[String]) -> Vec<String> {
    let is_known = |glob: &&String| view.links.values().any(|link| glob::matches(glob, &link.name));
    globs.iter().filter(|glob| !is_known(glob)).cloned().collect()
}

fn why_no_port(view: &View, link: &Link, is_named: bool) -> Option<String> {
    let what = link.kind.word();
    match (link.kind, is_named) {
        (Kind::Bond | Kind::Bridge | Kind::Vlan, true) => {
            let instead = below(view, link);
            Some(format!("{what}: a switch is heard on the port below it; name {instead} in `ports`"))
        }
        (_, true) if !link.ethernet => Some("it carries no Ethernet frames; name a card in `ports`".into()),
        (_, true) => Some(format!("{what}: neither a card nor a cable; name a card in `ports`")),
        (Kind::Veth | Kind::Tun, false) => {
            Some(format!("{what}: listened on only if `ports` of the configuration names it"))
        }
        (Kind::Card, false) => {
            Some("a radio: listened on only if `ports` of the configuration names it".into())
        }
        (Kind::Bond | Kind::Bridge | Kind::Vlan | Kind::Other, false) => None,
    }
}

/// The names of what a bond, a bridge or a VLAN stands on.
fn below(view: &View, link: &Link) -> String {
    let is_below = |other: &&Link| other.master == Some(link.ifindex) || link.below == Some(other.ifindex);
    let names: Vec<&str> = view.links.values().filter(is_below).map(|other| other.name.as_str()).collect();
    if names.is_empty() { "the card below it".into() } else { names.join(", ") }
}

/// Every Ethernet address that is this host's own: what comes from one of them is an echo or a sibling.
pub fn own_addresses(view: &View) -> Vec<MacAddress> {
    let mut own: Vec<MacAddress> =
        view.links.values().filter(|link| link.ethernet).map(|link| link.mac).collect();
    own.sort_unstable();
    own.dedup();
    own
}

/// Automatically: cards with Ethernet that are no radios. By name: virtual cables and taps as well, but never
/// what stands above a port, or each frame would be heard twice.
fn is_port(link: &Link, globs: &[String]) -> bool {
    let named = || globs.iter().any(|glob| glob::matches(glob, &link.name));
    let chosen = match link.kind {
        Kind::Card => (globs.is_empty() && !link.wireless) || named(),
        Kind::Veth | Kind::Tun => named(),
        Kind::Bond | Kind::Bridge | Kind::Vlan | Kind::Other => false,
    };
    chosen && link.ethernet
}

fn port(view: &View, link: &Link) -> Port {
    Port {
        ifindex: link.ifindex,
        ifname: link.name.clone(),
        mac: link.mac,
        carrier: link.carrier,
        kind: link.kind,
        driver: link.driver.clone(),
        bridge: bridge(view, link),
        above: above(view, link),
        bond: bond(view, link),
    }
}

fn bridge(view: &View, member: &Link) -> Option<String> {
    let master = view.links.get(&member.master?).filter(|link| link.kind == Kind::Bridge)?;
    Some(master.name.clone())
}

fn bond(view: &View, member: &Link) -> Option<Bond> {
    let link = view.links.get(&member.master?).filter(|link| link.kind == Kind::Bond)?;
    let state = link.bond.clone().unwrap_or_default();
    let active = state.active.map_or(member.carrier, |active| active == member.ifindex);
    Some(Bond { ifname: link.name.clone(), mode: state.mode, active, partner: state.partner })
}

/// The nearest interface with a usable address: the port, what it is a member of, a VLAN on either, upwards.
fn above(view: &View, port: &Link) -> Option<Above> {
    let mut level = vec![port.ifindex];
    // A stack of interfaces has no loop, but what the kernel told may be half of a change.
    for _ in 0..view.links.len() {
        if let Some(found) = level.iter().find_map(|&ifindex| addressed(view, ifindex)) {
            return Some(found);
        }
        level = level.iter().flat_map(|&ifindex| one_up(view, ifindex)).collect();
        if level.is_empty() {
            return None;
        }
    }
    None
}

fn one_up(view: &View, ifindex: u32) -> Vec<u32> {
    let carries = |link: &&Link| matches!(link.kind, Kind::Bond | Kind::Bridge);
    let master = view.links.get(&ifindex).and_then(|link| view.links.get(&link.master?)).filter(carries);
    let vlans = view.links.values().filter(|link| link.kind == Kind::Vlan && link.below == Some(ifindex));
    master.into_iter().chain(vlans).map(|link| link.ifindex).collect()
}

/// The first IPv4 address of an interface, else its first IPv6 address. A host prefix (/32, /128) is a
/// service's address that may move away: it names no network.
fn addressed(view: &View, ifindex: u32) -> Option<Above> {
    let link = view.links.get(&ifindex)?;
    let is_host = |a: &Address| a.prefix_len >= if a.address.is_ipv4() { 32 } else { 128 };
    let mut usable = view.addresses.iter().filter(|a| a.ifindex == ifindex && !is_host(a));
    let first = usable.clone().find(|a| a.address.is_ipv4()).or_else(|| usable.next())?;
    Some(Above {
        ifindex,
        ifname: link.name.clone(),
        address: first.address,
        prefix_len: first.prefix_len,
        gateway: None,
        gateway_mac: MacAddress::default(),
    })
}

#[cfg(test)]
mod tests;
