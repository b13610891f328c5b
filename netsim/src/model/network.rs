//! The truth: what is wired to what, and what works. No machine sees any of it.

use core::net::{IpAddr, Ipv4Addr};

/// What to build.
#[derive(Clone, Debug)]
pub struct Plan {
    /// How many switches, each with an uplink to the site's core.
    pub switches: usize,
    /// The hosts; `h1` is the first.
    pub hosts: Vec<HostPlan>,
    /// Seconds between two announcements of a switch.
    pub lldp_every_s: u16,
    /// Lost datagrams, in a thousand, on every path.
    pub loss_permille: u64,
    /// The seed of everything random.
    pub seed: u64,
}

/// One host.
#[derive(Clone, Debug)]
pub struct HostPlan {
    /// The switches its ports hang on, first port first.
    pub switches: Vec<usize>,
}

impl Plan {
    /// Some switches with as many single-homed hosts each; switches speak every five seconds, nothing is lost.
    pub fn even(switches: usize, hosts_each: usize) -> Self {
        let hosts = (0..switches).flat_map(|switch| (0..hosts_each).map(move |_| switch));
        Self {
            switches,
            hosts: hosts.map(|switch| HostPlan { switches: vec![switch] }).collect(),
            lldp_every_s: 5,
            loss_permille: 0,
            seed: 1,
        }
    }

    /// One more host, on these switches.
    #[must_use]
    pub fn with_host(mut self, switches: &[usize]) -> Self {
        self.hosts.push(HostPlan { switches: switches.to_vec() });
        self
    }
}

/// A switch of the truth.
#[derive(Clone, Copy, Debug)]
pub(super) struct Switch {
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

/// Where a path begins or ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// On the site's core: the relay.
    Core,
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
}

impl Network {
    pub(super) fn new(plan: &Plan) -> Self {
        let legs = plan.hosts.iter().enumerate().map(|(host, plan)| {
            let leg =
                |(leg, &switch): (usize, &usize)| Leg { switch, cable: true, address: address(host, leg) };
            plan.switches.iter().enumerate().map(leg).collect()
        });
        Self {
            switches: vec![Switch { on: true, uplink: true, announces: true }; plan.switches],
            legs: legs.collect(),
            power: vec![true; plan.hosts.len()],
        }
    }

    /// Light on a host's port.
    pub(super) fn carrier(&self, host: usize, leg: usize) -> bool {
        let Leg { switch, cable, .. } = self.legs[host][leg];
        cable && self.power[host] && self.switches[switch].on
    }

    /// Whether a packet gets from one place to the other. Hosts never forward; paths go up, then down.
    pub(super) fn reaches(&self, from: Place, to: Place) -> bool {
        match (from, to) {
            (Place::Core, Place::Core) => true,
            (Place::Core, Place::Leg { host, leg }) | (Place::Leg { host, leg }, Place::Core) => {
                self.carrier(host, leg) && self.switches[self.legs[host][leg].switch].uplink
            }
            (Place::Leg { host: a, leg: i }, Place::Leg { host: b, leg: j }) => {
                let (here, there) = (self.legs[a][i].switch, self.legs[b][j].switch);
                let across = here == there || (self.switches[here].uplink && self.switches[there].uplink);
                self.carrier(a, i) && self.carrier(b, j) && across
            }
        }
    }

    /// Whose address that is.
    pub(super) fn owner(&self, address: IpAddr) -> Option<Place> {
        if address == RELAY {
            return Some(Place::Core);
        }
        let IpAddr::V4(v4) = address else { return None };
        let [_, leg, high, low] = v4.octets();
        let host = (usize::from(high) << 8 | usize::from(low)).checked_sub(1)?;
        let leg = usize::from(leg).checked_sub(100)?;
        self.legs.get(host).filter(|legs| leg < legs.len()).map(|_| Place::Leg { host, leg })
    }
}

/// Where the relay stands.
pub(super) const RELAY: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 99, 0, 2));

fn address(host: usize, leg: usize) -> IpAddr {
    let number = u16::try_from(host + 1).unwrap_or(u16::MAX);
    let [high, low] = number.to_be_bytes();
    Ipv4Addr::new(10, 100 + u8::try_from(leg).unwrap_or(0), high, low).into()
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
        assert!(!network.reaches(Place::Core, leg(4, 0)) && network.reaches(Place::Core, leg(4, 1)));
        network.switches[0].on = false;
        assert!(!network.carrier(0, 0) && !network.reaches(leg(0, 0), leg(1, 0)));
    }

    #[test]
    fn an_address_has_one_owner() {
        let network = Network::new(&Plan::even(1, 300).with_host(&[0, 0]));
        for (host, legs) in network.legs.iter().enumerate() {
            for (leg, known) in legs.iter().enumerate() {
                assert_eq!(network.owner(known.address), Some(Place::Leg { host, leg }));
            }
        }
        assert_eq!(network.owner(RELAY), Some(Place::Core));
        assert_eq!(network.owner("10.100.9.9".parse().unwrap()), None);
    }
}
