//! What the lab's network looks like: names, namespaces, addresses and cables. Pure arithmetic.
//!
//! Every site has a leg on the WAN, a router, and so has the CMA. Within a site switches hang on the core,
//! hosts on switches; the relay hangs on the core itself. Everything follows from four numbers and a prefix,
//! so nothing but those is remembered.

use std::net::Ipv4Addr;

use super::error::LabError;
use super::layout::Layout;
use super::script::Subject;
use super::size::LEG_OFFSET;

/// The name of the lab itself in reports, and of its site where it has one only. Several are `s1`, `s2`, ..
pub(super) const SITE: &str = "lab";
/// The CMA's name: of its process, its namespace, its folder and its leg on the WAN.
pub(super) const CMA: &str = "cma";
/// The router's namespace, and each core's port that leads to it.
pub(super) const WAN: &str = "wan";
/// The CMA's address, on a leg of its own.
pub(super) const CMA_ADDRESS: Ipv4Addr = Ipv4Addr::new(10, WAN_OCTET, 0, 2);

/// The WAN's addresses begin with 10 and this; those of site n with 10 and n more.
const WAN_OCTET: u8 = 76;

/// One cable from a host to a switch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leg {
    /// The host's end: `eth0`, `eth1`.
    pub ifname: String,
    /// The switch it hangs on, its number from 1.
    pub switch: u16,
    /// The switch's end: `p<host number>`.
    pub port: String,
    /// The host's address on this leg, in its site's network.
    pub address: Ipv4Addr,
    /// Of its routes: the first leg is preferred.
    pub metric: u32,
}

/// A host and its cables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    /// `h1`, `h2`, ..
    pub name: String,
    /// Its network namespace.
    pub netns: String,
    /// Number of its site.
    pub site: u8,
    /// One leg, or two where it is dual-homed.
    pub legs: Vec<Leg>,
}

impl Host {
    /// Whether it hangs on this switch by any leg.
    pub fn is_on(&self, switch: u16) -> bool {
        self.legs.iter().any(|leg| leg.switch == switch)
    }

    /// Whether one dead switch leaves it alive.
    pub fn is_dual(&self) -> bool {
        self.legs.len() > 1
    }
}

/// A switch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Switch {
    /// From 1, over all sites.
    pub number: u16,
    /// `sw1`, `sw2`, ..: also its LLDP system name, and its port on the core.
    pub name: String,
    /// Its network namespace.
    pub netns: String,
    /// Number of its site.
    pub site: u8,
    /// Its number within its site, from 1.
    pub place: u8,
}

impl Switch {
    /// The MAC address that is its LLDP chassis id.
    pub fn chassis(&self) -> [u8; 6] {
        [0x02, 0, 0, 0, self.site, self.place]
    }

    /// The chassis id as text.
    pub fn chassis_text(&self) -> String {
        format!("02:00:00:00:{:02x}:{:02x}", self.site, self.place)
    }
}

/// A site's relay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Relay {
    /// `r1`, `r2`, ..: also its folder, and its port on the core.
    pub name: String,
    /// Its network namespace.
    pub netns: String,
    /// Its only address. Members and, across the WAN, other relays reach it there.
    pub address: Ipv4Addr,
}

/// A site.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Site {
    /// From 1.
    pub number: u8,
    /// `s1`, `s2`, ..; a lab's only site is called `lab`.
    pub name: String,
    /// The network namespace of its core.
    pub core: String,
    /// The core's address for hosts and relay: their default gateway.
    pub gateway: Ipv4Addr,
    /// Who watches it.
    pub relay: Relay,
}

impl Site {
    /// Its network, in the notation of routes.
    pub fn network(&self) -> String {
        let [a, b, ..] = self.gateway.octets();
        format!("{a}.{b}.0.0/16")
    }
}

/// The cable between the WAN's router and a site, or the CMA.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WanLeg {
    /// 0 for the CMA's, else the site's number.
    pub number: u8,
    /// Whose it is: also the router's port.
    pub name: String,
    /// The namespace at the other end.
    pub netns: String,
    /// The port at the other end.
    pub ifname: &'static str,
    /// The router's address on it.
    pub router: Ipv4Addr,
    /// The address at the other end.
    pub address: Ipv4Addr,
    /// The network behind it, in the notation of routes.
    pub behind: String,
}

/// The whole network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Before every namespace's name.
    pub prefix: String,
    /// In the order of their numbers.
    pub sites: Vec<Site>,
    /// In the order of their numbers, site by site.
    pub switches: Vec<Switch>,
    /// In the order of their numbers; `h1` to `h<n>` on `sw1` and so on.
    pub hosts: Vec<Host>,
    /// The CMA's leg, then one for each site.
    pub wan: Vec<WanLeg>,
}

impl Plan {
    /// Lays out a network.
    pub fn new(prefix: &str, layout: &Layout) -> Self {
        let mut plan = Self {
            prefix: prefix.into(),
            sites: Vec::new(),
            switches: Vec::new(),
            hosts: Vec::new(),
            wan: vec![cma_leg(prefix)],
        };
        for (number, name, [switches, hosts], here) in layout.each() {
            let site = site(prefix, number, name);
            plan.wan.push(site_leg(&site));
            plan.sites.push(site);
            plan.switches.extend((1..=here.switches).map(|place| switch(prefix, number, place, switches)));
            let legs = (0..).zip(&here.hosts);
            plan.hosts.extend(legs.map(|(n, places)| host(prefix, number, n, places, [switches, hosts])));
        }
        plan
    }

    /// The namespace of the CMA or the WAN's router.
    pub fn netns(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    /// Every namespace: those that no site has first, then each kind of place.
    pub fn namespaces(&self) -> Vec<String> {
        let shared = [WAN, CMA].map(|name| self.netns(name));
        let sites = self.sites.iter().flat_map(|site| [site.core.clone(), site.relay.netns.clone()]);
        let switches = self.switches.iter().map(|switch| switch.netns.clone());
        let hosts = self.hosts.iter().map(|host| host.netns.clone());
        shared.into_iter().chain(sites).chain(switches).chain(hosts).collect()
    }

    /// The namespaces that pass packets on.
    pub fn routers(&self) -> Vec<String> {
        let cores = self.sites.iter().map(|site| site.core.clone());
        std::iter::once(self.netns(WAN)).chain(cores).collect()
    }

    /// The host of that name.
    pub fn host(&self, name: &str) -> Option<&Host> {
        self.hosts.iter().find(|host| host.name == name)
    }

    /// The switch of that name.
    pub fn switch(&self, name: &str) -> Option<&Switch> {
        self.switches.iter().find(|switch| switch.name == name)
    }

    /// The site of that name.
    pub fn site(&self, name: &str) -> Option<&Site> {
        self.sites.iter().find(|site| site.name == name)
    }

    /// The site whose relay has that name.
    pub fn site_of_relay(&self, name: &str) -> Option<&Site> {
        self.sites.iter().find(|site| site.relay.name == name)
    }

    /// The WAN leg of the site of that name, or of the CMA.
    pub fn wan_leg(&self, name: &str) -> Option<&WanLeg> {
        self.wan.iter().find(|leg| leg.name == name)
    }

    /// The site in which the host, switch or relay of that name stands.
    pub fn site_around(&self, name: &str) -> Option<&Site> {
        let of_host = || self.host(name).map(|host| host.site);
        let of_switch = || self.switch(name).map(|switch| switch.site);
        let number = of_host().or_else(of_switch);
        self.site_of_relay(name).or_else(|| self.site_numbered(number?))
    }

    /// The site of that number.
    pub fn site_numbered(&self, number: u8) -> Option<&Site> {
        self.sites.iter().find(|site| site.number == number)
    }

    /// The switch of that number.
    pub fn switch_numbered(&self, number: u16) -> Option<&Switch> {
        self.switches.iter().find(|switch| switch.number == number)
    }

    /// Switches of a site.
    pub fn switches_of(&self, site: u8) -> impl Iterator<Item = &Switch> {
        self.switches.iter().filter(move |switch| switch.site == site)
    }

    /// Hosts of a site.
    pub fn hosts_of(&self, site: u8) -> impl Iterator<Item = &Host> {
        self.hosts.iter().filter(move |host| host.site == site)
    }

    /// Hosts with a leg on a switch.
    pub fn hosts_on(&self, switch: u16) -> impl Iterator<Item = &Host> {
        self.hosts.iter().filter(move |host| host.is_on(switch))
    }

    /// Hosts that live and die with a switch.
    pub fn single_homed_on(&self, switch: u16) -> impl Iterator<Item = &Host> {
        self.hosts_on(switch).filter(|host| !host.is_dual())
    }

    /// The switch that a script's subject is, if it is one.
    pub fn subject_switch(&self, subject: Subject) -> Option<&Switch> {
        match subject {
            Subject::Switch { site, switch } => {
                self.switches_of(site).find(|candidate| candidate.place == switch)
            }
            Subject::Network
            | Subject::SingleHomed { .. }
            | Subject::Relay(_)
            | Subject::Site(_)
            | Subject::Cma => None,
        }
    }

    /// The name a script's subject has here; `None` where this network has no such place.
    pub fn subject(&self, subject: Subject) -> Option<&str> {
        match subject {
            Subject::Network => Some(SITE),
            Subject::Cma => Some(CMA),
            Subject::Site(number) => self.site_numbered(number).map(|site| site.name.as_str()),
            Subject::Relay(number) => self.site_numbered(number).map(|site| site.relay.name.as_str()),
            Subject::Switch { .. } => self.subject_switch(subject).map(|switch| switch.name.as_str()),
            Subject::SingleHomed { site, switch, index } => {
                let switch = self.subject_switch(Subject::Switch { site, switch })?;
                self.single_homed_on(switch.number).nth(index.into()).map(|host| host.name.as_str())
            }
        }
    }

    /// The ports of a switch that face hosts, with the host on each.
    pub fn ports_of(&self, switch: u16) -> Vec<(&str, &str)> {
        let legs = self.hosts.iter().flat_map(|host| host.legs.iter().map(move |leg| (leg, host)));
        legs.filter(|(leg, _)| leg.switch == switch)
            .map(|(leg, host)| (leg.port.as_str(), host.name.as_str()))
            .collect()
    }
}

fn site(prefix: &str, number: u8, name: String) -> Site {
    let relay = format!("r{number}");
    let octet = WAN_OCTET + number;
    Site {
        number,
        name,
        core: format!("{prefix}core{number}"),
        gateway: Ipv4Addr::new(10, octet, 0, 1),
        relay: Relay {
            netns: format!("{prefix}{relay}"),
            name: relay,
            address: Ipv4Addr::new(10, octet, 0, 2),
        },
    }
}

fn cma_leg(prefix: &str) -> WanLeg {
    WanLeg {
        number: 0,
        name: CMA.into(),
        netns: format!("{prefix}{CMA}"),
        ifname: "eth0",
        router: Ipv4Addr::new(10, WAN_OCTET, 0, 1),
        address: CMA_ADDRESS,
        behind: format!("10.{WAN_OCTET}.0.0/24"),
    }
}

fn site_leg(site: &Site) -> WanLeg {
    WanLeg {
        number: site.number,
        name: site.name.clone(),
        netns: site.core.clone(),
        ifname: WAN,
        router: Ipv4Addr::new(10, WAN_OCTET, site.number, 1),
        address: Ipv4Addr::new(10, WAN_OCTET, site.number, 2),
        behind: site.network(),
    }
}

/// The switch of that place of its site; so many are before the site's.
fn switch(prefix: &str, site: u8, place: u8, before: u16) -> Switch {
    let number = before + u16::from(place);
    Switch { number, name: format!("sw{number}"), netns: format!("{prefix}sw{number}"), site, place }
}

/// The n-th host of a site, from 0, on the switches of these places; so many switches and hosts are before the site's.
fn host(prefix: &str, site: u8, n: u8, places: &[u8], before: [u16; 2]) -> Host {
    let number = before[1] + u16::from(n) + 1;
    let leg = |(index, &place): (u8, &u8)| Leg {
        ifname: format!("eth{index}"),
        switch: before[0] + u16::from(place),
        port: format!("p{number}"),
        address: Ipv4Addr::new(10, WAN_OCTET + site, place, n + 1 + index * LEG_OFFSET),
        metric: 100 + 100 * u32::from(index),
    };
    let legs = (0..).zip(places).map(leg).collect();
    Host { name: format!("h{number}"), netns: format!("{prefix}h{number}"), site, legs }
}

/// Whether a prefix can stand before a namespace's name.
///
/// # Errors
/// [`LabError::Usage`] says what a prefix may look like.
pub(super) fn check_prefix(prefix: &str) -> Result<(), LabError> {
    let sound = prefix.starts_with(|c: char| c.is_ascii_lowercase())
        && prefix.len() <= 32
        && prefix.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
    if sound {
        return Ok(());
    }
    Err(LabError::Usage(format!(
        "--prefix {prefix:?}: use 1 to 32 of a-z, 0-9 and '-', a letter first, for example lab1"
    )))
}

#[cfg(test)]
mod tests;
