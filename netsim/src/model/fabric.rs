//! What lies between two places of a site: cables, line cards, uplinks, spines, peer links; and what is wrong with
//! each though it is up.
//!
//! Packets go up and then down again, hosts never forward. Which of several equal ways a flow takes is a hash of its
//! ends and its port, so lanes take different ones. There are no queues and no congestion: what is late is late by as
//! much as a [`Trouble`] says.

use core::time::Duration;

use ringmesh_proto::message::{PROBE_PORT, RELAY_PORT};
use ringmesh_proto::wire::BEAT;
use ringmesh_topology::id::MacAddress;

use super::network::{Leg, Network, Place};
use super::plan::BondMode;

/// A direction, seen from the host of a cable, from the switch of an uplink, from the L2 domain of a gateway, or from
/// the site of a WAN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// What it sends.
    Out,
    /// What it gets.
    In,
}

/// What is wrong with something that is up: of the packets it is about some are lost, and the others are late.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Trouble {
    /// Lost, in a thousand.
    pub loss_permille: u16,
    /// How much later the others are.
    pub delay: Duration,
    /// About one direction only.
    pub way: Option<Way>,
    /// About what goes to this UDP port only.
    pub udp_port: Option<u16>,
    /// About datagrams of more octets only.
    pub larger_than: Option<u16>,
    /// About one L2 domain only, counted from 0.
    pub domain: Option<u8>,
}

/// Where packets pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// Between a host's leg and its switch.
    Cable(usize, usize),
    /// Between a switch and a spine, or the core where there is none.
    Uplink(usize, usize),
    /// What joins the switches with each other and with the core.
    Lan,
    /// The gateway of an L2 domain: whatever leaves the domain, or comes into it, passes it. The relay stands outside
    /// of every domain.
    Gateway(u8),
}

/// What a path, and a trouble, may depend on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Packet {
    pub(super) octets: usize,
    /// The UDP port it goes to; 0 for ICMP and for TCP.
    pub(super) port: u16,
}

/// What a packet meets on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fare {
    pub(super) late: Duration,
    /// Lost, in a million.
    pub(super) loss_ppm: u64,
}

/// Everything, in a million.
pub(super) const CERTAIN: u64 = 1_000_000;

/// Where so much is lost, or held up for so long, somebody who is well may be missed.
const BAD: Fare = Fare { late: Duration::from_secs(1), loss_ppm: 300_000 };
/// Of the datagrams of our machines the least, which nearly all are; and about the most.
pub(super) const OCTETS: [usize; 2] = [BEAT, 1_200];

impl Fare {
    pub(super) const FREE: Self = Self { late: Duration::ZERO, loss_ppm: 0 };

    /// What a packet meets that meets this and then something that is wrong so.
    pub(super) fn and(self, trouble: &Trouble) -> Self {
        self.and_lost(trouble.loss_permille.into(), trouble.delay)
    }

    /// The same of a loss in a thousand, and of a delay.
    pub(super) fn and_lost(self, permille: u64, late: Duration) -> Self {
        let passes = CERTAIN - 1_000 * permille.min(1_000);
        let loss_ppm = CERTAIN - (CERTAIN - self.loss_ppm) * passes / CERTAIN;
        Self { late: self.late + late, loss_ppm }
    }

    /// Whether whoever is behind it may be missed.
    pub(super) fn is_bad(self) -> bool {
        self.loss_ppm >= BAD.loss_ppm || self.late >= BAD.late
    }
}

impl Trouble {
    pub(super) fn is_about(&self, packet: Packet, way: Way, domain: u8) -> bool {
        self.way.is_none_or(|only| only == way)
            && self.udp_port.is_none_or(|only| only == packet.port)
            && self.larger_than.is_none_or(|most| packet.octets > usize::from(most))
            && self.domain.is_none_or(|only| only == domain)
    }
}

/// A path between two switches, or from one to the core: the uplinks it takes with their spines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Route {
    up: Option<(usize, usize)>,
    down: Option<(usize, usize)>,
}

impl Network {
    /// Light on a port of a host: power at both ends, a cable, a line card, and a switch that does not suspend it.
    pub(super) fn carrier(&self, host: usize, leg: usize) -> bool {
        let Leg { switch, cable, module } = self.legs[host][leg];
        let known = &self.switches[switch as usize];
        let card = known.modules.get(usize::from(module)).is_none_or(|on| *on);
        cable && self.power[host] && known.on && card && !self.suspends(host, switch as usize)
    }

    /// The lower switch of a pair without a peer link does not trust its LACP bonds: it takes their ports down.
    fn suspends(&self, host: usize, switch: usize) -> bool {
        let Some(peer) = self.switches[switch].peer else { return false };
        let split = !self.switches[switch].peer_link && self.switches[peer].on;
        self.bonds[host] == Some(BondMode::Lacp) && split && peer < switch
    }

    /// Whether a host can be reached by a place of it: by the leg itself, or by any leg of its bond.
    pub(super) fn hears(&self, host: usize, leg: usize) -> bool {
        let lit = match self.bonds[host] {
            None => self.carrier(host, leg),
            Some(_) => (0..self.legs[host].len()).any(|leg| self.carrier(host, leg)),
        };
        lit && !self.frozen.contains(&host)
    }

    /// The leg of a bond that carries, while one does; of several that could, the first that did.
    pub(super) fn active(&self, host: usize) -> usize {
        usize::from(self.active[host])
    }

    /// Has a bond choose its active leg anew, if that lost its light and another has some.
    pub(super) fn choose_active(&mut self, host: usize) {
        if self.bonds[host].is_none() || self.carrier(host, self.active(host)) {
            return;
        }
        let other = (0..self.legs[host].len()).find(|leg| self.carrier(host, *leg));
        if let Some(other) = other.and_then(|leg| u8::try_from(leg).ok()) {
            self.active[host] = other;
        }
    }

    /// The leg that a packet of a place passes; of an LACP bond one of those that have light, if it can be one on
    /// `beside`.
    fn wire(&self, host: usize, leg: usize, flow: u64, beside: Option<u32>) -> usize {
        match self.bonds[host] {
            None => leg,
            Some(BondMode::ActiveBackup) => self.active(host),
            Some(BondMode::Lacp) => {
                let lit = || (0..self.legs[host].len()).filter(|leg| self.carrier(host, *leg));
                let near = lit().find(|leg| Some(self.legs[host][*leg].switch) == beside);
                let count = lit().count().max(1) as u64;
                let dealt = || lit().nth(usize::try_from(flow % count).unwrap_or(0));
                near.or_else(dealt).unwrap_or(0)
            }
        }
    }

    /// From one switch to another, or to the core; `None` if there is no way.
    fn route(&self, from: usize, to: Option<usize>, flow: u64) -> Option<Route> {
        let up = |switch: usize, spine: usize| {
            let known = &self.switches[switch];
            known.uplink && known.links.get(spine).is_none_or(|link| *link)
        };
        let lanes = self.spines.len().max(1);
        let open = |spine: usize| self.spines.get(spine).is_none_or(|on| *on);
        let fits = |spine: &usize| open(*spine) && up(from, *spine) && to.is_none_or(|to| up(to, *spine));
        let count = (0..lanes).filter(fits).count() as u64;
        if count > 0 {
            let spine = (0..lanes).filter(fits).nth(usize::try_from(flow % count).unwrap_or(0))?;
            return Some(Route { up: Some((from, spine)), down: to.map(|to| (to, spine)) });
        }
        self.route_by_peer(from, to, flow)
    }

    /// A pair carries for each other over its peer link.
    fn route_by_peer(&self, from: usize, to: Option<usize>, flow: u64) -> Option<Route> {
        let peer = |switch: usize| {
            let known = &self.switches[switch];
            known.peer.filter(|peer| known.peer_link && known.on && self.switches[*peer].on)
        };
        let lone = |switch: usize| !self.leads_up(switch);
        match (peer(from), to, to.and_then(peer)) {
            (Some(beside), Some(to), _) if beside == to => Some(Route::default()),
            (Some(beside), _, _) if lone(from) && !lone(beside) => self.route(beside, to, flow),
            (_, Some(to), Some(beside)) if lone(to) && !lone(beside) => self.route(from, Some(beside), flow),
            _ => None,
        }
    }

    /// Whether any uplink of a switch leads anywhere.
    fn leads_up(&self, switch: usize) -> bool {
        let known = &self.switches[switch];
        let lanes = known.links.iter().zip(&self.spines).any(|(link, on)| *link && *on);
        known.uplink && (self.spines.is_empty() || lanes)
    }

    /// What a packet meets between two places of this site; `None` if there is no way.
    pub(super) fn fare(&self, from: Place, to: Place, packet: Packet) -> Option<Fare> {
        if self.troubles.is_empty()
            && let Some([(a, i), (b, j)]) = self.side_by_side(from, to)
        {
            return (self.carrier(a, i) && self.carrier(b, j)).then_some(Fare::FREE);
        }
        let flow = flow(from, to, packet.port);
        let beside = |place: Place| match place {
            Place::Core(_) => None,
            Place::Leg { host, leg } => self.bonds[host].is_none().then(|| self.legs[host][leg].switch),
        };
        let (near, far) = (self.end(from, flow, beside(to))?, self.end(to, flow, beside(from))?);
        let switch = |(host, leg): (usize, usize)| self.legs[host][leg].switch as usize;
        let domain = |end: Option<(usize, usize)>| end.map_or(0, |(host, _)| self.domains[host]);
        let route = match (near.map(switch), far.map(switch)) {
            // What is of another domain goes by the gateway, which stands in the core.
            (Some(a), Some(b)) if domain(near) != domain(far) => {
                let (up, down) = (self.route(a, None, flow)?, self.route(b, None, flow)?);
                Route { up: up.up, down: down.up }
            }
            (Some(a), Some(b)) if a == b => Route::default(),
            (Some(a), Some(b)) => self.route(a, Some(b), flow)?,
            (Some(a), None) => self.route(a, None, flow)?,
            (None, Some(b)) => {
                let route = self.route(b, None, flow)?;
                Route { up: route.down, down: route.up }
            }
            (None, None) => Route::default(),
        };
        let mut fare = Fare::FREE;
        if self.troubles.is_empty() {
            return Some(fare);
        }
        let routed = near.is_none() || far.is_none() || domain(near) != domain(far);
        let gateway = |end: Option<(usize, usize)>| {
            end.filter(|_| routed).map(|(host, _)| Part::Gateway(self.domains[host]))
        };
        let domain = domain(near).max(domain(far));
        let cable = |end: Option<(usize, usize)>| end.map(|(host, leg)| Part::Cable(host, leg));
        let link = |end: Option<(usize, usize)>| end.map(|(switch, spine)| Part::Uplink(switch, spine));
        let parts = [
            (cable(near), Way::Out),
            (link(route.up), Way::Out),
            ((route.up.is_some() || route.down.is_some()).then_some(Part::Lan), Way::Out),
            (gateway(near), Way::Out),
            (gateway(far), Way::In),
            (link(route.down), Way::In),
            (cable(far), Way::In),
        ];
        for (part, way) in parts.into_iter().filter_map(|(part, way)| Some((part?, way))) {
            for (_, trouble) in self.troubles.iter().filter(|(known, _)| *known == part) {
                if trouble.is_about(packet, way, domain) {
                    fare = fare.and(trouble);
                }
            }
        }
        Some(fare)
    }

    /// Whether a port of a host has a way that takes too much of what our machines say, or holds it up: each trouble
    /// that something of it may pass counts, on any of several equal ways. `site`: what it meets everywhere.
    pub(super) fn ails(&self, host: usize, leg: usize, site: Fare) -> bool {
        if self.troubles.is_empty() {
            return site.is_bad();
        }
        let (out, back) = ([PROBE_PORT, RELAY_PORT], [PROBE_PORT]);
        let ports = out.map(|port| (Way::Out, port)).into_iter().chain(back.map(|port| (Way::In, port)));
        let met: Vec<&Trouble> = self.met_by(host, leg).collect();
        let mut packets = ports.flat_map(|(way, port)| OCTETS.map(|octets| (way, Packet { octets, port })));
        packets.any(|(way, packet)| {
            let about = met.iter().filter(|trouble| trouble.is_about(packet, way, self.domains[host]));
            about.fold(site, |fare, trouble| fare.and(trouble)).is_bad()
        })
    }

    /// What is wrong with anything that packets of a port may pass.
    fn met_by(&self, host: usize, leg: usize) -> impl Iterator<Item = &Trouble> {
        let switch = self.legs[host][leg].switch as usize;
        // The other half of a pair carries for it while its own uplinks lead nowhere.
        let beside = self.switches[switch].peer.filter(|_| !self.leads_up(switch));
        let meets = move |part: Part| match part {
            Part::Cable(of, port) => (of, port) == (host, leg),
            Part::Uplink(of, _) => of == switch || Some(of) == beside,
            Part::Lan => true,
            Part::Gateway(domain) => domain == self.domains[host],
        };
        self.troubles.iter().filter(move |(part, _)| meets(*part)).map(|(_, trouble)| trouble)
    }

    /// Two plain ports on one switch and in one domain, as nearly all that speak to each other are.
    fn side_by_side(&self, from: Place, to: Place) -> Option<[(usize, usize); 2]> {
        let (Place::Leg { host: a, leg: i }, Place::Leg { host: b, leg: j }) = (from, to) else {
            return None;
        };
        let same = self.legs[a][i].switch == self.legs[b][j].switch && self.domains[a] == self.domains[b];
        (same && self.bonds[a].is_none() && self.bonds[b].is_none()).then_some([(a, i), (b, j)])
    }

    /// What the switch of a leg calls itself to an LACP bond: both of a pair say the same.
    pub(super) fn partner(&self, host: usize, leg: usize) -> MacAddress {
        let switch = self.legs[host][leg].switch as usize;
        let first = self.switches[switch].peer.map_or(switch, |peer| peer.min(switch));
        let [_, _, _, _, _, a, b, c] = (first as u64).to_be_bytes();
        MacAddress([2, 2, u8::try_from(self.site & 0xff).unwrap_or(0), a, b, c])
    }

    /// The switch that a place of a host hangs on now: of an LACP bond, that of its first port with light.
    pub(super) fn switch_at(&self, host: usize, leg: usize) -> usize {
        let lit = || (0..self.legs[host].len()).find(|leg| self.carrier(host, *leg));
        let leg = match self.bonds[host] {
            None => leg,
            Some(BondMode::ActiveBackup) => self.active(host),
            Some(BondMode::Lacp) => lit().unwrap_or(0),
        };
        self.legs[host][leg].switch as usize
    }

    /// The host and leg at an end of a path, if it is one; `None` if nothing passes there.
    fn end(&self, place: Place, flow: u64, beside: Option<u32>) -> Option<Option<(usize, usize)>> {
        match place {
            Place::Core(site) => (site == self.site && self.wan.core_power[site]).then_some(None),
            Place::Leg { host, leg } => {
                let leg = self.wire(host, leg, flow, beside);
                self.carrier(host, leg).then_some(Some((host, leg)))
            }
        }
    }

    /// Something is wrong with it from now on, beside what is already.
    pub(super) fn trouble(&mut self, part: Part, trouble: Trouble) {
        self.troubles.push((part, trouble));
    }

    /// That is over.
    pub(super) fn trouble_over(&mut self, part: Part, trouble: Trouble) {
        if let Some(at) = self.troubles.iter().position(|known| *known == (part, trouble)) {
            self.troubles.swap_remove(at);
        }
    }
}

/// A number for both ends and the port: the same for each packet of a flow.
fn flow(from: Place, to: Place, port: u16) -> u64 {
    let of = |place: Place| match place {
        Place::Core(site) => u64::MAX - site as u64,
        Place::Leg { host, leg } => (host as u64) << 8 | leg as u64,
    };
    let mixed = [of(from), of(to), port.into()].into_iter().fold(0_u64, |hash, part| {
        let hash = (hash ^ part).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        hash ^ (hash >> 29)
    });
    mixed >> 11
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::network::{Homes, Wan};
    use super::super::plan::Plan;
    use super::*;

    const CORE: Place = Place::Core(0);
    const ALL: Trouble = Trouble {
        loss_permille: 1_000,
        delay: Duration::ZERO,
        way: None,
        udp_port: None,
        larger_than: None,
        domain: None,
    };

    /// Two switches, a pair, with four hosts each: those with an even number are of the domain 0.
    fn pair() -> Network {
        let mut plan = Plan::even(2, 4);
        plan.sites.iter_mut().for_each(|site| (site.domains, site.pairs) = (2, true));
        let (wan, homes) = (Wan::new(&plan), Homes::new(&plan));
        Network::of_plan(&plan, &Arc::new(wan), &Arc::new(homes)).remove(0)
    }

    fn host(host: usize) -> Place {
        Place::Leg { host, leg: 0 }
    }

    #[test]
    fn a_lan_and_a_gateway_are_passed_by_what_needs_them() {
        let (out, back) = (Some(Way::Out), Some(Way::In));
        let gateway = |way| (Part::Gateway(1), Trouble { way, ..ALL });
        let lan = |domain| (Part::Lan, Trouble { domain, ..ALL });
        let (whole, second) = ([true, true], [false, true]);
        let cases = [
            ("inside a switch and a domain", host(1), host(3), whole, gateway(None), true),
            ("inside a domain, on two switches", host(1), host(5), whole, gateway(None), true),
            ("of that domain to the relay", host(1), CORE, whole, gateway(None), false),
            ("of the other domain to the relay", host(0), CORE, whole, gateway(None), true),
            ("into that domain, on one switch", host(0), host(1), whole, gateway(None), false),
            ("out of it, out is bad", host(1), host(0), whole, gateway(out), false),
            ("into it, out is bad", host(0), host(1), whole, gateway(out), true),
            ("from the relay, out is bad", CORE, host(1), whole, gateway(out), true),
            ("from the relay, in is bad", CORE, host(1), whole, gateway(back), false),
            ("inside a switch and a domain", host(1), host(3), whole, lan(None), true),
            ("inside a domain, on two switches", host(1), host(5), whole, lan(None), false),
            ("the same over the peer link", host(1), host(5), second, lan(None), true),
            ("between domains, on one switch", host(0), host(1), whole, lan(None), false),
            ("the same by the uplink of the other half", host(0), host(1), second, lan(None), false),
            ("to the relay", host(1), CORE, whole, lan(None), false),
            ("to the relay, of the domain that it is about", host(1), CORE, whole, lan(Some(1)), false),
            ("to the relay, of the other", host(0), CORE, whole, lan(Some(1)), true),
        ];
        for (what, from, to, [first, second], trouble, want) in cases {
            let mut network = pair();
            (network.switches[0].uplink, network.switches[1].uplink) = (first, second);
            assert!(network.reaches(from, to), "{what}: before there is any trouble");
            network.trouble(trouble.0, trouble.1);
            assert_eq!(network.reaches(from, to), want, "{what}: {trouble:?}");
        }
    }

    #[test]
    fn what_is_of_another_domain_goes_by_the_core_or_not_at_all() {
        let mut network = pair();
        network.switches.iter_mut().for_each(|switch| switch.uplink = false);
        assert!(network.reaches(host(0), host(4)), "one domain, over the peer link");
        assert!(!network.reaches(host(0), host(5)), "the gateway stands in the core");
        assert!(!network.reaches(host(0), host(1)), "on one switch as well");
    }
}
