//! The physical ports of the host: carrier, addresses, and which of them to send by.

use ringmesh_proto::message::{CARRIERS_MAX, Carrier};
use ringmesh_proto::time::{Duration, Time};
use ringmesh_topology::id::MacAddress;
use ringmesh_topology::place::BondRole;

use crate::event::PortFacts;

/// Another LACP partner is believed when it has been the one for so long.
const PARTNER_SETTLE: Duration = Duration::from_secs(3);

/// One port.
#[derive(Clone, Debug)]
pub(crate) struct Port {
    pub(crate) facts: PortFacts,
    /// When its carrier changed last; `None` if it never did in this run.
    pub(crate) carrier_changed: Option<Time>,
    /// The system id its LACP partner gave itself last, while it had carrier.
    pub(crate) lacp_partner: Option<MacAddress>,
    /// What it calls itself now, if that is something else, and since when.
    lacp_next: Option<(Option<MacAddress>, Time)>,
}

impl Port {
    /// How it stands in its bond. What the partner said on this very port goes before what the kernel says of the
    /// bond as a whole, which it tells the privileged only.
    pub(crate) fn role(&self) -> Option<BondRole> {
        let bond = self.facts.bond.as_ref()?;
        Some(BondRole { active: bond.active, partner: self.lacp_partner.or(bond.partner) })
    }

    /// They are ports of one bond.
    pub(crate) fn is_mate_of(&self, other: &Self) -> bool {
        let (Some(mine), Some(theirs)) = (&self.facts.bond, &other.facts.bond) else { return false };
        self.facts.ifindex != other.facts.ifindex && mine.ifname == theirs.ifname
    }

    /// Behind a cable that came back another partner may be.
    fn set_carrier(&mut self, now: Time, up: bool) {
        self.facts.carrier = up;
        self.carrier_changed = Some(now);
        self.lacp_partner = None;
        self.lacp_next = None;
    }

    /// Takes what its LACP partner calls itself: the first at once, another one when it has settled.
    fn hear_partner(&mut self, now: Time, partner: Option<MacAddress>) {
        self.settle_partner(now);
        match self.lacp_next {
            _ if self.lacp_partner == partner => self.lacp_next = None,
            _ if self.lacp_partner.is_none() => self.lacp_partner = partner,
            Some((next, _)) if next == partner => {}
            Some(_) | None => self.lacp_next = Some((partner, now)),
        }
    }

    fn settle_partner(&mut self, now: Time) {
        if let Some((partner, _)) = self.lacp_next.take_if(|(_, since)| *since + PARTNER_SETTLE <= now) {
            self.lacp_partner = partner;
        }
    }

    /// It can be sent by.
    fn is_usable(&self) -> bool {
        self.facts.carrier && self.facts.address.is_some()
    }
}

/// A carrier that changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CarrierChange {
    pub(crate) port: u32,
    pub(crate) up: bool,
}

/// What a new list of ports changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct PortsChange {
    pub(crate) carriers: Vec<CarrierChange>,
    /// A port stands in its bond in another way than before.
    pub(crate) roles: bool,
    /// Ports that were not there before.
    pub(crate) new: Vec<u32>,
    /// Ports that are not there any more.
    pub(crate) gone: Vec<u32>,
}

/// All ports, lowest number first.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ports {
    all: Vec<Port>,
    own: Vec<MacAddress>,
}

impl Ports {
    /// Takes the ports as they are now.
    pub(crate) fn set(&mut self, now: Time, facts: &[PortFacts], own: &[MacAddress]) -> PortsChange {
        let mut change = PortsChange::default();
        let mut old = core::mem::take(&mut self.all);
        self.all.reserve_exact(facts.len());
        for facts in facts {
            // Named twice is there once.
            if self.get(facts.ifindex).is_some() {
                continue;
            }
            let Some(at) = old.iter().position(|port| port.facts.ifindex == facts.ifindex) else {
                change.new.push(facts.ifindex);
                self.all.push(Port {
                    facts: facts.clone(),
                    carrier_changed: None,
                    lacp_partner: None,
                    lacp_next: None,
                });
                continue;
            };
            let mut port = old.swap_remove(at);
            let role = port.role();
            if port.facts.carrier != facts.carrier {
                port.set_carrier(now, facts.carrier);
                change.carriers.push(CarrierChange { port: facts.ifindex, up: facts.carrier });
            }
            port.facts = facts.clone();
            change.roles |= port.role() != role;
            self.all.push(port);
        }
        change.gone = old.iter().map(|port| port.facts.ifindex).collect();
        self.all.sort_by_key(|port| port.facts.ifindex);
        self.own = own.to_vec();
        change
    }

    /// Takes the carrier of one port; `None` if that is nothing new.
    pub(crate) fn set_carrier(&mut self, now: Time, port: u32, up: bool) -> Option<CarrierChange> {
        let known = self.all.iter_mut().find(|known| known.facts.ifindex == port)?;
        if known.facts.carrier == up {
            return None;
        }
        known.set_carrier(now, up);
        Some(CarrierChange { port, up })
    }

    /// Takes what the LACP partner on a port calls itself; whether that changes how the port stands in its bond.
    pub(crate) fn set_lacp_partner(&mut self, now: Time, port: u32, system: MacAddress) -> bool {
        let Some(known) = self.all.iter_mut().find(|known| known.facts.ifindex == port) else { return false };
        let role = known.role();
        known.hear_partner(now, Some(system).filter(|&system| system != MacAddress::default()));
        known.role() != role
    }

    /// Believes the LACP partners that have settled; whether that changes how a port stands in its bond.
    pub(crate) fn settle_partners(&mut self, now: Time) -> bool {
        let mut changed = false;
        for port in &mut self.all {
            let role = port.role();
            port.settle_partner(now);
            changed |= port.role() != role;
        }
        changed
    }

    /// When the next LACP partner will have settled.
    pub(crate) fn partners_settle_at(&self) -> Time {
        let settling = self.all.iter().filter_map(|port| port.lacp_next);
        settling.map(|(_, since)| since + PARTNER_SETTLE).min().unwrap_or(Time::NEVER)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Port> {
        self.all.iter()
    }

    pub(crate) fn get(&self, ifindex: u32) -> Option<&Port> {
        self.all.iter().find(|port| port.facts.ifindex == ifindex)
    }

    /// Every Ethernet address of the host.
    pub(crate) fn own(&self) -> &[MacAddress] {
        &self.own
    }

    pub(crate) fn have_an_address(&self) -> bool {
        self.all.iter().any(|port| port.facts.address.is_some())
    }

    /// Whether what is sent by that port can leave: it has carrier itself, or a mate under the same address has.
    /// What is not known is not held against anybody.
    pub(crate) fn carries(&self, ifindex: u32) -> bool {
        let Some(port) = self.get(ifindex) else { return true };
        let mate = |other: &Port| {
            other.facts.carrier && other.facts.address.is_some() && other.facts.address == port.facts.address
        };
        port.facts.carrier || self.all.iter().any(mate)
    }

    /// The port for the try of that number: the preferred one first, then the others with carrier in turn. 0
    /// if there is none.
    pub(crate) fn via(&self, preferred: u32, turn: u32) -> u32 {
        let usable = || self.all.iter().filter(|port| port.is_usable());
        let first = usable().position(|port| port.facts.ifindex == preferred).unwrap_or(0);
        let at = first.wrapping_add(usize::try_from(turn).unwrap_or(0)).checked_rem(usable().count());
        at.and_then(|at| usable().nth(at)).map_or(0, |port| port.facts.ifindex)
    }

    /// Carrier of the ports, as it is told: of those under an address or in a bond first.
    pub(crate) fn carriers(&self, now: Time) -> Vec<Carrier> {
        let carrier = |port: &Port| Carrier {
            ifindex: port.facts.ifindex,
            up: port.facts.carrier,
            age: port.carrier_changed.map_or(Duration::MAX, |at| now.since(at)),
            role: port.role(),
        };
        let counts = |port: &&Port| port.facts.address.is_some() || port.facts.bond.is_some();
        let others = self.all.iter().filter(|port| !counts(port));
        self.all.iter().filter(counts).chain(others).take(CARRIERS_MAX).map(carrier).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::port;

    #[test]
    fn a_new_list_says_what_came_went_and_changed() {
        let mut ports = Ports::default();
        let change = ports.set(Time::ZERO, &[port(4), port(2), port(2)], &[]);
        assert_eq!(change, PortsChange { new: vec![4, 2], ..PortsChange::default() });
        let down = PortFacts { carrier: false, ..port(2) };
        let now = Time::from_millis(5);
        let change = ports.set(now, &[port(3), down.clone(), down], &[]);
        let carriers = vec![CarrierChange { port: 2, up: false }];
        assert_eq!(change, PortsChange { carriers, roles: false, new: vec![3], gone: vec![4] });
        assert_eq!(ports.iter().map(|port| port.facts.ifindex).collect::<Vec<_>>(), [2, 3]);
        assert_eq!(ports.set_carrier(now, 2, false), None, "nothing new");
        assert_eq!(ports.set_carrier(now, 9, false), None, "not ours");
    }

    #[test]
    fn carriers_are_told_of_the_ports_that_count_first_and_of_no_more_than_fit() {
        let mut ports = Ports::default();
        let bare = |ifindex| PortFacts { address: None, ..port(ifindex) };
        let mut facts: Vec<_> = (2..30).map(bare).collect();
        facts.extend([port(30), port(31)]);
        ports.set(Time::ZERO, &facts, &[]);
        let told: Vec<u32> = ports.carriers(Time::ZERO).iter().map(|carrier| carrier.ifindex).collect();
        assert_eq!(told, [30, 31].into_iter().chain(2..16).collect::<Vec<_>>());
    }

    #[test]
    fn tries_take_turns_over_the_ports_that_can_send_the_preferred_one_first() {
        let mut ports = Ports::default();
        let bare = PortFacts { address: None, ..port(3) };
        ports.set(Time::ZERO, &[port(2), bare, port(4), port(5)], &[]);
        ports.set_carrier(Time::ZERO, 5, false);
        let cases =
            [((2, 0), 2), ((2, 1), 4), ((2, 2), 2), ((4, 0), 4), ((4, 1), 2), ((5, 0), 2), ((0, 1), 4)];
        for ((preferred, turn), want) in cases {
            assert_eq!(ports.via(preferred, turn), want, "preferred {preferred}, turn {turn}");
        }
        for port in [2, 4] {
            ports.set_carrier(Time::ZERO, port, false);
        }
        assert_eq!(ports.via(2, 0), 0, "as the kernel routes it, if it does");
    }
}
