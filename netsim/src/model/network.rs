//! The truth: what is wired to what, and what works. No machine sees any of it.

use core::net::{IpAddr, Ipv4Addr};
use core::time::Duration;

use super::plan::Plan;

/// One way over the leg of a site.
const WAN_DELAY: Duration = Duration::from_millis(10);

/// A switch of the truth.
#[derive(Clone, Copy, Debug)]
pub(super) struct Switch {
    pub(super) site: usize,
    /// It has power and forwards.
    pub(super) on: bool,
    /// Its uplink to the core works.
    pub(super) uplink: bool,
    /// It announces itself.
    pub(super) announces: bool,
}

/// One port of a host.
#[derive(Clone, Copy, Debug)]
pub(super) struct Leg {
    pub(super) switch: usize,
    pub(super) cable: bool,
    pub(super) address: IpAddr,
}

/// How a site, or the CMA, hangs on the rest of the world.
#[derive(Clone, Copy, Debug)]
pub(super) struct WanLeg {
    pub(super) works: bool,
    /// One way.
    pub(super) delay: Duration,
    /// Lost packets, in a thousand.
    pub(super) loss_permille: u64,
}

/// Where a path begins or ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// On the core of a site: its relay.
    Core(usize),
    /// A port of a host.
    Leg { host: usize, leg: usize },
}

/// Everything that can be broken.
#[derive(Clone, Debug)]
pub(super) struct Network {
    pub(super) switches: Vec<Switch>,
    /// The ports of each host.
    pub(super) legs: Vec<Vec<Leg>>,
    /// Whether each host has power.
    pub(super) power: Vec<bool>,
    /// Whether the host of each site's relay has power.
    pub(super) core_power: Vec<bool>,
    /// The way of each site to the rest of the world.
    pub(super) wan: Vec<WanLeg>,
    /// The CMA's way.
    pub(super) cma: WanLeg,
}

impl Network {
    pub(super) fn new(plan: &Plan) -> Self {
        let legs = plan.hosts.iter().enumerate().map(|(host, plan)| {
            let leg =
                |(leg, &switch): (usize, &usize)| Leg { switch, cable: true, address: address(host, leg) };
            plan.switches.iter().enumerate().map(leg).collect()
        });
        let switch = |site| Switch { site, on: true, uplink: true, announces: true };
        let wan = WanLeg { works: true, delay: WAN_DELAY, loss_permille: 0 };
        Self {
            switches: plan.site_of_switches().into_iter().map(switch).collect(),
            legs: legs.collect(),
            power: vec![true; plan.hosts.len()],
            core_power: vec![true; plan.sites.len()],
            wan: vec![wan; plan.sites.len()],
            cma: WanLeg { delay: Duration::ZERO, ..wan },
        }
    }

    /// The site a host stands in.
    pub(super) fn site_of(&self, host: usize) -> usize {
        self.switches[self.legs[host][0].switch].site
    }

    /// Light on a host's port.
    pub(super) fn carrier(&self, host: usize, leg: usize) -> bool {
        let Leg { switch, cable, .. } = self.legs[host][leg];
        cable && self.power[host] && self.switches[switch].on
    }

    /// Whether a packet gets from one place to the other. Hosts never forward; paths go up, then down. Between sites
    /// only relays speak.
    pub(super) fn reaches(&self, from: Place, to: Place) -> bool {
        match (from, to) {
            (Place::Core(a), Place::Core(b)) => {
                let powered = self.core_power[a] && self.core_power[b];
                powered && (a == b || (self.wan[a].works && self.wan[b].works))
            }
            (Place::Core(site), Place::Leg { host, leg }) | (Place::Leg { host, leg }, Place::Core(site)) => {
                let switch = self.switches[self.legs[host][leg].switch];
                let here = switch.site == site && self.core_power[site];
                here && self.carrier(host, leg) && switch.uplink
            }
            (Place::Leg { host: a, leg: i }, Place::Leg { host: b, leg: j }) => {
                let (here, there) = (self.legs[a][i].switch, self.legs[b][j].switch);
                let (from, to) = (self.switches[here], self.switches[there]);
                let across = here == there || (from.uplink && to.uplink && from.site == to.site);
                self.carrier(a, i) && self.carrier(b, j) && across
            }
        }
    }

    /// How far a datagram goes: inside a switch, inside a site, or over the WAN.
    pub(super) fn class(&self, from: Place, to: Place) -> &'static str {
        match (from, to) {
            (Place::Core(_), Place::Core(_)) => "wan",
            (Place::Core(_), Place::Leg { .. }) | (Place::Leg { .. }, Place::Core(_)) => "site",
            (Place::Leg { host: a, leg: i }, Place::Leg { host: b, leg: j }) => {
                if self.legs[a][i].switch == self.legs[b][j].switch { "switch" } else { "site" }
            }
        }
    }

    /// Whether a packet gets from the relay of a site to the CMA's host, and back.
    pub(super) fn reaches_cma(&self, site: usize) -> bool {
        self.core_power[site] && self.wan[site].works && self.cma.works
    }

    /// Whose address that is.
    pub(super) fn owner(&self, address: IpAddr) -> Option<Place> {
        let IpAddr::V4(v4) = address else { return None };
        let [_, block, high, low] = v4.octets();
        if block == CORES {
            let site = usize::from(high);
            return (site < self.wan.len() && address == relay_address(site)).then_some(Place::Core(site));
        }
        let host = (usize::from(high) << 8 | usize::from(low)).checked_sub(1)?;
        let leg = usize::from(block).checked_sub(usize::from(HOSTS))?;
        self.legs.get(host).filter(|legs| leg < legs.len()).map(|_| Place::Leg { host, leg })
    }
}

/// The second octet of the addresses of relays ..
const CORES: u8 = 99;
/// .. and of first ports of hosts.
const HOSTS: u8 = 100;

/// Where the relay of a site stands.
pub(super) fn relay_address(site: usize) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(10, CORES, u8::try_from(site).unwrap_or(u8::MAX), 2))
}

fn address(host: usize, leg: usize) -> IpAddr {
    let number = u16::try_from(host + 1).unwrap_or(u16::MAX);
    let [high, low] = number.to_be_bytes();
    Ipv4Addr::new(10, HOSTS + u8::try_from(leg).unwrap_or(0), high, low).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_do_not_forward_and_a_cut_uplink_leaves_the_switch_whole() {
        let mut network = Network::new(&Plan::even(2, 2).with_host(&[0, 1]));
        let leg = |host, leg| Place::Leg { host, leg };
        assert!(network.reaches(leg(0, 0), leg(2, 0)));
        network.switches[0].uplink = false;
        assert!(network.reaches(leg(0, 0), leg(1, 0)), "inside the switch");
        assert!(network.reaches(leg(0, 0), leg(4, 0)), "to the dual-homed host, inside");
        assert!(!network.reaches(leg(0, 0), leg(2, 0)), "no way through the dual-homed host");
        let core = Place::Core(0);
        assert!(!network.reaches(core, leg(4, 0)) && network.reaches(core, leg(4, 1)));
        network.switches[0].on = false;
        assert!(!network.carrier(0, 0) && !network.reaches(leg(0, 0), leg(1, 0)));
    }

    #[test]
    fn between_sites_relays_speak_and_nobody_else() {
        let mut network = Network::new(&Plan::sites(3, 1, 2));
        let (leg, core) = (|host| Place::Leg { host, leg: 0 }, Place::Core);
        assert!(network.reaches(core(0), core(1)) && network.reaches(core(1), leg(3)));
        assert!(!network.reaches(leg(0), leg(2)) && !network.reaches(core(0), leg(2)));
        network.wan[1].works = false;
        assert!(!network.reaches(core(0), core(1)) && !network.reaches(core(1), core(2)));
        assert!(network.reaches(core(0), core(2)) && network.reaches(core(1), leg(2)));
        assert!(network.reaches_cma(0) && !network.reaches_cma(1));
        network.cma.works = false;
        assert!(network.reaches(core(0), core(2)) && !network.reaches_cma(0));
    }

    #[test]
    fn an_address_has_one_owner() {
        let network = Network::new(&Plan::sites(2, 1, 300).with_host(&[0, 0]));
        for (host, legs) in network.legs.iter().enumerate() {
            for (leg, known) in legs.iter().enumerate() {
                assert_eq!(network.owner(known.address), Some(Place::Leg { host, leg }));
            }
        }
        (0..2).for_each(|site| assert_eq!(network.owner(relay_address(site)), Some(Place::Core(site))));
        for nobody in ["10.100.9.9", "10.99.2.2", "10.99.0.3"] {
            assert_eq!(network.owner(nobody.parse().unwrap()), None, "{nobody}");
        }
    }
}
