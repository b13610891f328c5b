//! What the lab's network looks like: names, namespaces, addresses and cables. Pure arithmetic.
//!
//! One site. Switches hang on the core, hosts on switches; the relay hangs on the core itself, the CMA
//! behind it. Everything follows from three numbers and a prefix, so nothing but those is remembered.

use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};

use super::error::LabError;
use super::script::Subject;

/// The site's name in every configuration.
pub(super) const SITE: &str = "lab";
/// The relay's address, on the core.
pub(super) const RELAY_ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 2);
/// The core's address for hosts: their default gateway.
pub(super) const GATEWAY_ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 1);
/// The CMA's address, one routed hop behind the core.
pub(super) const CMA_ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 78, 0, 2);
/// The core's address for the CMA.
pub(super) const CMA_GATEWAY: Ipv4Addr = Ipv4Addr::new(10, 78, 0, 1);

/// Second legs are numbered from here, so hosts may be numbered up to `LEG_OFFSET`.
const LEG_OFFSET: u8 = 100;
const SWITCHES_MAX: u8 = 32;

/// How big a lab is. In hand it is a sound one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Size {
    switches: u8,
    hosts: u8,
    dual: u8,
}

impl Size {
    /// `hosts` live on each of `switches`; `dual` of them all have a second leg on the next switch.
    ///
    /// # Errors
    /// [`LabError::Usage`] names the flag that does not fit.
    pub fn new(switches: u8, hosts: u8, dual: u8) -> Result<Self, LabError> {
        let total = u16::from(switches) * u16::from(hosts);
        let refuse = |text: String| Err(LabError::Usage(text));
        if switches == 0 || switches > SWITCHES_MAX {
            return refuse(format!("--switches must be 1 to {SWITCHES_MAX}, not {switches}"));
        }
        if hosts == 0 || total > u16::from(LEG_OFFSET) {
            return refuse(format!("--hosts: a lab holds 1 to {LEG_OFFSET} hosts, not {switches} x {hosts}"));
        }
        if dual > 0 && switches < 2 {
            return refuse("--dual: a dual-homed host needs two switches".into());
        }
        if u16::from(dual) > total {
            return refuse(format!("--dual: only {total} hosts exist, {dual} cannot be dual-homed"));
        }
        Ok(Self { switches, hosts, dual })
    }

    /// Number of switches.
    pub fn switches(self) -> u8 {
        self.switches
    }

    /// Number of hosts on all switches together.
    pub fn hosts_total(self) -> u8 {
        self.switches * self.hosts
    }
}

impl Default for Size {
    fn default() -> Self {
        Self { switches: 2, hosts: 4, dual: 1 }
    }
}

/// One cable from a host to a switch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leg {
    /// The host's end: `eth0`, `eth1`.
    pub ifname: String,
    /// The switch it hangs on, its number from 1.
    pub switch: u8,
    /// The switch's end: `p<host number>`.
    pub port: String,
    /// The host's address on this leg, in 10.77.0.0/16.
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
    /// One leg, or two where it is dual-homed.
    pub legs: Vec<Leg>,
}

impl Host {
    /// Whether it hangs on this switch by any leg.
    pub fn is_on(&self, switch: u8) -> bool {
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
    /// From 1.
    pub number: u8,
    /// `sw1`, `sw2`, ..: also its LLDP system name, and its port on the core.
    pub name: String,
    /// Its network namespace.
    pub netns: String,
}

impl Switch {
    /// The MAC address that is its LLDP chassis id.
    pub fn chassis(&self) -> [u8; 6] {
        [0x02, 0, 0, 0, 1, self.number]
    }

    /// The chassis id as text.
    pub fn chassis_text(&self) -> String {
        format!("02:00:00:00:01:{:02x}", self.number)
    }
}

/// The whole network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Before every namespace's name.
    pub prefix: String,
    /// In the order of their numbers.
    pub switches: Vec<Switch>,
    /// In the order of their numbers; `h1` to `h<n>` on `sw1` and so on.
    pub hosts: Vec<Host>,
}

impl Plan {
    /// Lays out a network of that size.
    pub fn new(prefix: &str, size: Size) -> Self {
        let switches = (1..=size.switches).map(|number| switch(prefix, number)).collect();
        let hosts = (1..=size.hosts_total()).map(|number| host(prefix, number, size)).collect();
        Self { prefix: prefix.into(), switches, hosts }
    }

    /// The namespace of the core, the relay or the CMA.
    pub fn netns(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    /// Every namespace, the core first.
    pub fn namespaces(&self) -> Vec<String> {
        let shared = ["core", "relay", "cma"].map(|name| self.netns(name));
        let switches = self.switches.iter().map(|switch| switch.netns.clone());
        let hosts = self.hosts.iter().map(|host| host.netns.clone());
        shared.into_iter().chain(switches).chain(hosts).collect()
    }

    /// The host of that name.
    pub fn host(&self, name: &str) -> Option<&Host> {
        self.hosts.iter().find(|host| host.name == name)
    }

    /// The switch of that name.
    pub fn switch(&self, name: &str) -> Option<&Switch> {
        self.switches.iter().find(|switch| switch.name == name)
    }

    /// The switch of that number.
    pub fn switch_numbered(&self, number: u8) -> Option<&Switch> {
        self.switches.iter().find(|switch| switch.number == number)
    }

    /// Hosts with a leg on a switch.
    pub fn hosts_on(&self, switch: u8) -> impl Iterator<Item = &Host> {
        self.hosts.iter().filter(move |host| host.is_on(switch))
    }

    /// Hosts that live and die with a switch.
    pub fn single_homed_on(&self, switch: u8) -> impl Iterator<Item = &Host> {
        self.hosts_on(switch).filter(|host| !host.is_dual())
    }

    /// The name a script's subject has here; `None` where this network has no such place.
    pub fn subject(&self, subject: Subject) -> Option<&str> {
        match subject {
            Subject::Network => Some(SITE),
            Subject::Switch(number) => self.switch_numbered(number).map(|switch| switch.name.as_str()),
            Subject::SingleHomed { switch, index } => {
                self.single_homed_on(switch).nth(index.into()).map(|host| host.name.as_str())
            }
        }
    }

    /// The ports of a switch that face hosts, with the host on each.
    pub fn ports_of(&self, switch: u8) -> Vec<(&str, &str)> {
        let legs = self.hosts.iter().flat_map(|host| host.legs.iter().map(move |leg| (leg, host)));
        legs.filter(|(leg, _)| leg.switch == switch)
            .map(|(leg, host)| (leg.port.as_str(), host.name.as_str()))
            .collect()
    }
}

fn switch(prefix: &str, number: u8) -> Switch {
    Switch { number, name: format!("sw{number}"), netns: format!("{prefix}sw{number}") }
}

fn host(prefix: &str, number: u8, size: Size) -> Host {
    let home = (number - 1) / size.hosts + 1;
    let mut legs = vec![leg(number, 0, home)];
    if is_dual(number, size) {
        legs.push(leg(number, 1, home % size.switches + 1));
    }
    Host { name: format!("h{number}"), netns: format!("{prefix}h{number}"), legs }
}

/// Second legs go round: the first host of each switch, then the second of each.
fn is_dual(number: u8, size: Size) -> bool {
    let (home, within) = ((number - 1) / size.hosts, (number - 1) % size.hosts);
    u16::from(within) * u16::from(size.switches) + u16::from(home) < u16::from(size.dual)
}

fn leg(host: u8, index: u8, switch: u8) -> Leg {
    Leg {
        ifname: format!("eth{index}"),
        switch,
        port: format!("p{host}"),
        address: Ipv4Addr::new(10, 77, switch, host + index * LEG_OFFSET),
        metric: 100 + 100 * u32::from(index),
    }
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
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_default_lab_is_the_one_the_documents_describe() {
        let plan = Plan::new("x", Size::default());
        assert_eq!(plan.hosts.len(), 8);
        let first = plan.host("h1").unwrap();
        let legs: Vec<_> =
            first.legs.iter().map(|l| (l.ifname.as_str(), l.switch, l.address.to_string())).collect();
        assert_eq!(legs, [("eth0", 1, "10.77.1.1".into()), ("eth1", 2, "10.77.2.101".into())]);
        let second = plan.single_homed_on(2).map(|host| host.name.as_str()).collect::<Vec<_>>();
        assert_eq!(second, ["h5", "h6", "h7", "h8"]);
        assert_eq!(plan.ports_of(2), [("p1", "h1"), ("p5", "h5"), ("p6", "h6"), ("p7", "h7"), ("p8", "h8")]);
        assert_eq!(plan.namespaces().len(), 3 + 2 + 8);
    }

    #[test]
    fn no_two_legs_share_an_address_or_a_switch_port_in_any_size() {
        for (switches, hosts, dual) in
            [(1, 1, 0), (2, 4, 8), (3, 5, 4), (10, 10, 100), (32, 3, 40), (2, 50, 1)]
        {
            let plan = Plan::new("x", Size::new(switches, hosts, dual).unwrap());
            let legs: Vec<_> = plan.hosts.iter().flat_map(|host| &host.legs).collect();
            let addresses: BTreeSet<_> = legs.iter().map(|leg| leg.address).collect();
            let ports: BTreeSet<_> = legs.iter().map(|leg| (leg.switch, &leg.port)).collect();
            let case = (switches, hosts, dual);
            assert_eq!((addresses.len(), ports.len()), (legs.len(), legs.len()), "{case:?}");
            assert_eq!(legs.len(), usize::from(switches * hosts) + usize::from(dual), "{case:?}");
            assert!(
                plan.hosts.iter().all(|h| !h.is_dual() || h.legs[0].switch != h.legs[1].switch),
                "{case:?}"
            );
        }
    }

    #[test]
    fn a_size_that_does_not_fit_is_refused_by_the_name_of_its_flag() {
        let cases = [
            (0, 4, 0, "--switches"),
            (33, 1, 0, "--switches"),
            (2, 0, 0, "--hosts"),
            (2, 51, 0, "--hosts"),
            (1, 4, 1, "--dual"),
            (2, 4, 9, "--dual"),
        ];
        for (switches, hosts, dual, flag) in cases {
            let error = Size::new(switches, hosts, dual).unwrap_err();
            assert!(error.to_string().starts_with(flag), "{switches} {hosts} {dual}: {error}");
            assert_eq!(error.exit_code(), 2);
        }
    }

    #[test]
    fn a_prefix_is_a_short_lower_case_name() {
        let cases = [
            ("lab1", true),
            ("a", true),
            ("rm-12", true),
            ("", false),
            ("1a", false),
            ("Lab", false),
            ("a/b", false),
            ("a b", false),
        ];
        for (prefix, sound) in cases {
            assert_eq!(check_prefix(prefix).is_ok(), sound, "{prefix:?}");
        }
    }
}
