//! The truth: what is wired to what, and what works. No machine sees any of it.
//!
//! Each site has its own [`Network`], with switches and hosts numbered inside the site; all share one [`Wan`], which
//! changes only while nothing runs.

use core::net::{IpAddr, Ipv4Addr};
use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::fabric::{CERTAIN, Fare, Packet, Part, Trouble, Way};
use super::plan::{BondMode, Plan, WanShape};

/// One way over the leg of a site.
const WAN_DELAY: Duration = Duration::from_millis(10);

/// A switch of the truth.
#[derive(Clone, Debug)]
pub(super) struct Switch {
    /// It has power and forwards.
    pub(super) on: bool,
    /// Its uplink to the core works.
    pub(super) uplink: bool,
    /// It announces itself.
    pub(super) announces: bool,
    /// As which switch it does, if not as itself.
    pub(super) poses_as: Option<usize>,
    /// It also sends back what looks like its hosts' own frames.
    pub(super) reflects: bool,
    /// Whether its link to each spine works.
    pub(super) links: Vec<bool>,
    /// Whether each of its line cards works.
    pub(super) modules: Vec<bool>,
    /// The other one of its MLAG pair ..
    pub(super) peer: Option<usize>,
    /// .. and whether the link between them works.
    pub(super) peer_link: bool,
    /// Host and leg of every port that hangs on it.
    ports: Vec<(u32, u8)>,
}

/// One port of a host.
#[derive(Clone, Copy, Debug)]
pub(super) struct Leg {
    pub(super) switch: u32,
    pub(super) cable: bool,
    /// The line card of that switch.
    pub(super) module: u8,
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

/// What is between sites, and at whose ends there is power.
#[derive(Clone, Debug)]
pub(super) struct Wan {
    /// Whether the host of each site's relay has power.
    pub(super) core_power: Vec<bool>,
    /// The way of each site to the rest of the world.
    pub(super) legs: Vec<WanLeg>,
    /// The CMA's way.
    pub(super) cma: WanLeg,
    pub(super) lines: Lines,
    /// What is wrong with the ways of sites that work, for some of what crosses them.
    pub(super) troubles: Vec<(usize, Trouble)>,
}

/// The lines that join the legs of sites where no cloud does, and the shortest ways along those that work.
#[derive(Clone, Debug, Default)]
pub(super) struct Lines {
    /// Ends, and whether it works. None: a cloud joins all.
    lines: Vec<([usize; 2], bool)>,
    hop: Duration,
    /// From each site to each other: how many lines; `None` without a way. Empty where a cloud joins all.
    hops: Vec<Vec<Option<u32>>>,
}

impl Lines {
    fn new(plan: &Plan) -> Self {
        let lines = plan.lines().into_iter().map(|(a, b)| ([a, b], true)).collect();
        let mut all = Self { lines, hop: plan.wan.hop(), hops: Vec::new() };
        if plan.wan != WanShape::Cloud {
            all.hops = vec![Vec::new(); plan.sites.len()];
            all.find_ways();
        }
        all
    }

    /// A line works, or does not.
    pub(super) fn set(&mut self, a: usize, b: usize, works: bool) {
        let line = self.lines.iter_mut().find(|(ends, _)| *ends == [a, b] || *ends == [b, a]);
        if let Some((_, known)) = line {
            *known = works;
        }
        self.find_ways();
    }

    fn find_ways(&mut self) {
        let sites = self.hops.len();
        for from in 0..sites {
            let mut hops = vec![None; sites];
            let (mut front, mut far) = (vec![from], 0);
            while !front.is_empty() {
                let fresh: Vec<usize> = front.into_iter().filter(|site| hops[*site].is_none()).collect();
                fresh.iter().for_each(|site| hops[*site] = Some(far));
                let next = |site: usize| {
                    let works = self.lines.iter().filter(|(_, works)| *works);
                    works.filter_map(move |([a, b], _)| match site {
                        site if site == *a => Some(*b),
                        site if site == *b => Some(*a),
                        _ => None,
                    })
                };
                front = fresh.into_iter().flat_map(next).collect();
                far += 1;
            }
            self.hops[from] = hops;
        }
    }

    /// How long a packet takes between the legs of two sites; `None` if there is no way.
    fn way(&self, a: usize, b: usize) -> Option<Duration> {
        match self.hops.get(a) {
            None => Some(Duration::ZERO),
            Some(hops) => hops[b].map(|hops| self.hop * hops),
        }
    }
}

/// The site where the CMA is, where lines join the sites.
const CMA_AT: usize = 0;

impl Wan {
    pub(super) fn new(plan: &Plan) -> Self {
        let sites = plan.sites.len();
        let leg = WanLeg { works: true, delay: WAN_DELAY, loss_permille: 0 };
        Self {
            core_power: vec![true; sites],
            legs: vec![leg; sites],
            cma: WanLeg { delay: Duration::ZERO, ..leg },
            lines: Lines::new(plan),
            troubles: Vec::new(),
        }
    }

    /// Something is wrong with the way of a site from now on, or that is over.
    pub(super) fn trouble(&mut self, site: usize, trouble: Trouble, begins: bool) {
        if begins {
            self.troubles.push((site, trouble));
        } else if let Some(at) = self.troubles.iter().position(|known| *known == (site, trouble)) {
            self.troubles.swap_remove(at);
        }
    }

    /// What a packet meets on the way of a site beside what all do there, after it met that.
    pub(super) fn and_on(&self, fare: Fare, site: usize, way: Way, packet: Packet) -> Fare {
        let own =
            self.troubles.iter().filter(|(of, trouble)| *of == site && trouble.is_about(packet, way, 0));
        own.fold(fare, |fare, (_, trouble)| fare.and(trouble))
    }

    /// Whether the way of a site to the rest of the world works: its leg, and the lines to where the CMA is.
    pub(super) fn leads_out(&self, site: usize) -> bool {
        self.legs[site].works && self.lines.way(site, CMA_AT).is_some()
    }

    /// Whether a packet gets from the relay of a site to the CMA's host, and back.
    pub(super) fn reaches_cma(&self, site: usize) -> bool {
        self.core_power[site] && self.leads_out(site) && self.cma.works
    }

    pub(super) fn delay_to_cma(&self, site: usize) -> Duration {
        self.legs[site].delay + self.lines.way(site, CMA_AT).unwrap_or_default() + self.cma.delay
    }

    /// How long a packet takes from the relay of a site to that of another.
    pub(super) fn delay_between(&self, a: usize, b: usize) -> Duration {
        self.legs[a].delay + self.lines.way(a, b).unwrap_or_default() + self.legs[b].delay
    }

    /// Whether a packet gets from one relay to another.
    fn joins(&self, a: usize, b: usize) -> bool {
        let powered = self.core_power[a] && self.core_power[b];
        let joined = || self.legs[a].works && self.legs[b].works && self.lines.way(a, b).is_some();
        powered && (a == b || joined())
    }

    /// Nothing of one site, or of the CMA, is heard by another sooner than this.
    pub(super) fn lookahead(&self) -> Duration {
        let mut delays: Vec<Duration> = self.legs.iter().map(|leg| leg.delay).collect();
        delays.sort_unstable();
        let Some(&nearest) = delays.first() else { return Duration::MAX };
        let between_sites = delays.get(1).map_or(Duration::MAX, |second| nearest + *second);
        between_sites.min(nearest + self.cma.delay)
    }
}

/// Where a path begins or ends, as one site sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// On the core of a site: its relay.
    Core(usize),
    /// A port of a host of this site.
    Leg { host: usize, leg: usize },
}

/// Where each host of the world stands: its site, and its number there. Of the same for good.
#[derive(Clone, Debug, Default)]
pub(super) struct Homes(Vec<(u32, u32)>);

impl Homes {
    /// Of a plan whose hosts may come in any order.
    pub(super) fn new(plan: &Plan) -> Self {
        let of_switch = plan.site_of_switches();
        let mut counts = vec![0_u32; plan.sites.len()];
        let home = |host: &super::plan::HostPlan| {
            let site = host.switches.first().map_or(0, |switch| of_switch[*switch]);
            counts[site] += 1;
            (narrow(site), counts[site] - 1)
        };
        Self(plan.hosts.iter().map(home).collect())
    }

    /// Site, and number there.
    pub(super) fn of(&self, host: usize) -> Option<(usize, usize)> {
        self.0.get(host).map(|(site, local)| (*site as usize, *local as usize))
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

fn narrow(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// Everything of a site that can be broken, and its way to others.
#[derive(Clone, Debug)]
pub(super) struct Network {
    pub(super) site: usize,
    pub(super) switches: Vec<Switch>,
    /// Whether each spine works.
    pub(super) spines: Vec<bool>,
    /// How many power feeds there are; 0: none that could fail.
    pub(super) feeds: usize,
    /// How many L2 domains there are.
    domains_max: usize,
    /// The L2 domain of each host.
    pub(super) domains: Vec<u8>,
    /// How the ports of each host are bonded.
    pub(super) bonds: Vec<Option<BondMode>>,
    /// The active leg of each, where they are.
    pub(super) active: Vec<u8>,
    /// Hosts that stand still as a whole, their kernels too.
    pub(super) frozen: BTreeSet<usize>,
    /// Hosts whose ports have other addresses now.
    pub(super) readdressed: BTreeSet<usize>,
    /// Where the first ports of hosts that were recabled hung first: by their power cords they still belong there.
    pub(super) stands_by: BTreeMap<usize, u32>,
    /// Hosts whose image runs on another too.
    pub(super) copied: BTreeSet<usize>,
    /// Hosts of whose name there were two once: those whose image ran on another too, and those it ran on.
    pub(super) doubles: BTreeSet<usize>,
    /// What is wrong with something that is up.
    pub(super) troubles: Vec<(Part, Trouble)>,
    /// The ports of each host.
    pub(super) legs: Vec<Box<[Leg]>>,
    /// Whether each host has power.
    pub(super) power: Vec<bool>,
    pub(super) wan: Arc<Wan>,
    /// The number of each host in the world.
    pub(super) numbers: Vec<u32>,
    homes: Arc<Homes>,
}

impl Network {
    /// The networks of all sites of a plan.
    pub(super) fn of_plan(plan: &Plan, wan: &Arc<Wan>, homes: &Arc<Homes>) -> Vec<Self> {
        let of_switch = plan.site_of_switches();
        let mut first_switch = 0;
        let empty = |(site, planned): (usize, &super::plan::SitePlan)| {
            let switch = |number: usize| {
                let peer = Some(number ^ 1).filter(|peer| planned.pairs && *peer < planned.switches);
                Switch {
                    on: true,
                    uplink: true,
                    announces: true,
                    poses_as: None,
                    reflects: false,
                    links: vec![true; planned.spines],
                    modules: vec![true; planned.modules],
                    peer,
                    peer_link: peer.is_some(),
                    ports: Vec::new(),
                }
            };
            let first = first_switch;
            first_switch += planned.switches;
            let network = Self {
                site,
                switches: (0..planned.switches).map(switch).collect(),
                spines: vec![true; planned.spines],
                feeds: planned.feeds,
                domains_max: planned.domains.max(1),
                domains: Vec::new(),
                bonds: Vec::new(),
                active: Vec::new(),
                frozen: BTreeSet::new(),
                readdressed: BTreeSet::new(),
                stands_by: BTreeMap::new(),
                copied: BTreeSet::new(),
                doubles: BTreeSet::new(),
                troubles: Vec::new(),
                legs: Vec::new(),
                power: Vec::new(),
                wan: Arc::clone(wan),
                numbers: Vec::new(),
                homes: Arc::clone(homes),
            };
            (first, network)
        };
        let mut networks: Vec<(usize, Self)> = plan.sites.iter().enumerate().map(empty).collect();
        for (number, host) in plan.hosts.iter().enumerate() {
            let site = host.switches.first().map_or(0, |switch| of_switch[*switch]);
            let (first, network) = &mut networks[site];
            let switches = host.switches.iter().map(|switch| switch - *first).collect::<Vec<_>>();
            network.add(number, &switches, host.bond);
        }
        networks.into_iter().map(|(_, network)| network).collect()
    }

    fn add(&mut self, number: usize, switches: &[usize], bond: Option<BondMode>) {
        let host = narrow(self.legs.len());
        let mut legs = Vec::with_capacity(switches.len());
        for (leg, switch) in switches.iter().enumerate() {
            let known = &mut self.switches[*switch];
            let module = known.ports.len() % known.modules.len().max(1);
            let module = u8::try_from(module).unwrap_or(u8::MAX);
            known.ports.push((host, u8::try_from(leg).unwrap_or(u8::MAX)));
            legs.push(Leg { switch: narrow(*switch), cable: true, module });
        }
        self.domains.push(u8::try_from(self.legs.len() % self.domains_max).unwrap_or(0));
        self.legs.push(legs.into());
        self.bonds.push(bond);
        self.active.push(0);
        self.power.push(true);
        self.numbers.push(narrow(number));
    }

    /// Host and leg of every port on a switch.
    pub(super) fn ports(&self, switch: usize) -> Vec<(usize, usize)> {
        let ports = self.switches[switch].ports.iter();
        ports.map(|(host, leg)| (*host as usize, usize::from(*leg))).collect()
    }

    /// A port hangs on another switch from now on.
    pub(super) fn rewire(&mut self, host: usize, leg: usize, switch: usize) {
        let port = (narrow(host), u8::try_from(leg).unwrap_or(u8::MAX));
        let known = &mut self.legs[host][leg];
        let before = std::mem::replace(&mut known.switch, narrow(switch)) as usize;
        if leg == 0 {
            self.stands_by.entry(host).or_insert(narrow(before));
        }
        self.switches[before].ports.retain(|held| *held != port);
        self.switches[switch].ports.push(port);
        self.switches[switch].ports.sort_unstable();
    }

    /// Whether a packet gets from one place to the other. Hosts never forward; paths go up, then down. Between sites
    /// only relays speak.
    pub(super) fn reaches(&self, from: Place, to: Place) -> bool {
        match (from, to) {
            (Place::Core(a), Place::Core(b)) => self.wan.joins(a, b),
            (Place::Core(_) | Place::Leg { .. }, _) => {
                self.fare(from, to, Packet { octets: 0, port: 0 }).is_some_and(|fare| fare.loss_ppm < CERTAIN)
            }
        }
    }

    /// How far a datagram goes: inside a switch, inside a site, or over the WAN.
    pub(super) fn class(&self, from: Place, to: Place) -> &'static str {
        match (from, to) {
            (Place::Core(_), Place::Core(_)) => "wan",
            (Place::Core(_), Place::Leg { .. }) | (Place::Leg { .. }, Place::Core(_)) => "site",
            (Place::Leg { .. }, Place::Leg { .. }) if self.is_inside_switch(from, to) => "switch",
            (Place::Leg { .. }, Place::Leg { .. }) => "site",
        }
    }

    /// Both are ports of one switch.
    pub(super) fn is_inside_switch(&self, from: Place, to: Place) -> bool {
        let (Place::Leg { host: a, leg: i }, Place::Leg { host: b, leg: j }) = (from, to) else {
            return false;
        };
        if self.bonds[a].is_none() && self.bonds[b].is_none() {
            return self.legs[a][i].switch == self.legs[b][j].switch;
        }
        self.switch_at(a, i) == self.switch_at(b, j)
    }

    /// The number here of a host of the world, if it stands here.
    pub(super) fn local(&self, number: usize) -> Option<usize> {
        self.homes.of(number).filter(|(site, _)| *site == self.site).map(|(_, local)| local)
    }

    /// The address of a host's port.
    pub(super) fn address(&self, host: usize, leg: usize) -> IpAddr {
        let number = self.numbers[host] | if self.readdressed.contains(&host) { SECOND } else { 0 };
        address(number, self.net(host, leg))
    }

    /// The number of the prefix of a host's port: its own for each port of a host and each L2 domain.
    pub(super) fn net(&self, host: usize, leg: usize) -> usize {
        let leg = if self.bonds[host].is_some() { 0 } else { leg };
        leg + LEGS_MAX * usize::from(self.domains[host])
    }

    /// Whose address that is: a relay's, or a host's of this site.
    pub(super) fn owner(&self, address: IpAddr) -> Option<Place> {
        let IpAddr::V4(v4) = address else { return None };
        let [net, a, b, c] = v4.octets();
        let net = usize::from(net.checked_sub(FIRST_NET)?);
        let (domain, leg) = (net / LEGS_MAX, net % LEGS_MAX);
        let number = u32::from_be_bytes([0, a, b, c]);
        if number < FIRST_HOST {
            let site = number.checked_sub(1)? as usize;
            return (net == 0 && site < self.wan.legs.len()).then_some(Place::Core(site));
        }
        let number = number - FIRST_HOST;
        let (site, host) = self.homes.of((number & !SECOND) as usize)?;
        let here = site == self.site && usize::from(self.domains[host]) == domain;
        let here = here && self.readdressed.contains(&host) == (number & SECOND != 0);
        (here && leg < self.legs[host].len()).then_some(Place::Leg { host, leg })
    }

    /// Whether one of these addresses is of a host that had a double: two places of one name hold keys of one link that
    /// are not the same.
    pub(super) fn had_a_double(&self, ends: [IpAddr; 2]) -> bool {
        let double = |end: IpAddr| match self.owner(end) {
            Some(Place::Leg { host, .. }) => self.doubles.contains(&host),
            Some(Place::Core(_)) => false,
            // It had that address before.
            None => true,
        };
        !self.doubles.is_empty() && ends.into_iter().any(double)
    }
}

/// The first octet of the addresses of relays and of first ports; second ports have the next, and so on.
const FIRST_NET: u8 = 10;
/// So many ports of a host have addresses; those of another L2 domain begin as many nets later.
pub(super) const LEGS_MAX: usize = 8;
/// So many L2 domains have addresses.
pub const DOMAINS_MAX: usize = 8;
/// What prefix ports of one kind share.
pub(super) const PREFIX: u8 = 8;
/// Below are the relays, from here on the hosts: 10.1.0.0 is the first.
const FIRST_HOST: u32 = 0x1_0000;

/// What the other addresses of a host are above its own; hosts are fewer.
const SECOND: u32 = 0x40_0000;

/// Where the relay of a site stands.
pub(super) fn relay_address(site: usize) -> IpAddr {
    let [_, a, b, c] = narrow(site + 1).to_be_bytes();
    Ipv4Addr::new(FIRST_NET, a, b, c).into()
}

fn address(number: u32, leg: usize) -> IpAddr {
    let [_, a, b, c] = (number + FIRST_HOST).to_be_bytes();
    Ipv4Addr::new(FIRST_NET + u8::try_from(leg).unwrap_or(0), a, b, c).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn networks(plan: &Plan) -> (Vec<Network>, Wan) {
        let wan = Wan::new(plan);
        (Network::of_plan(plan, &Arc::new(wan.clone()), &Arc::new(Homes::new(plan))), wan)
    }

    #[test]
    fn hosts_do_not_forward_and_a_cut_uplink_leaves_the_switch_whole() {
        let mut network = networks(&Plan::even(2, 2).with_host(&[0, 1])).0.remove(0);
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
        let (mut networks, mut wan) = networks(&Plan::sites(3, 1, 2));
        let (leg, core) = (|host| Place::Leg { host, leg: 0 }, Place::Core);
        assert!(networks[0].reaches(core(0), core(1)) && networks[1].reaches(core(1), leg(1)));
        assert!(!networks[0].reaches(core(1), leg(0)));
        wan.legs[1].works = false;
        networks.iter_mut().for_each(|network| network.wan = Arc::new(wan.clone()));
        assert!(!networks[0].reaches(core(0), core(1)) && !networks[1].reaches(core(1), core(2)));
        assert!(networks[2].reaches(core(0), core(2)) && networks[1].reaches(core(1), leg(0)));
        assert!(wan.reaches_cma(0) && !wan.reaches_cma(1));
        wan.cma.works = false;
        assert!(!wan.reaches_cma(0));
    }

    #[test]
    fn an_address_has_one_owner() {
        let (networks, _) = networks(&Plan::sites(2, 1, 300).with_host(&[0, 0]));
        for network in &networks {
            for (host, legs) in network.legs.iter().enumerate() {
                for leg in 0..legs.len() {
                    let (address, place) = (network.address(host, leg), Place::Leg { host, leg });
                    let owners = networks.iter().filter_map(|network| network.owner(address));
                    assert_eq!(owners.collect::<Vec<_>>(), [place]);
                }
            }
            (0..2).for_each(|site| assert_eq!(network.owner(relay_address(site)), Some(Place::Core(site))));
            for nobody in ["10.1.9.9", "10.0.0.3", "10.0.0.0", "11.1.0.1", "9.1.0.0"] {
                assert_eq!(network.owner(nobody.parse().unwrap()), None, "{nobody}");
            }
        }
    }

    #[test]
    fn a_rewired_port_hangs_on_one_switch() {
        let mut network = networks(&Plan::even(2, 2)).0.remove(0);
        network.rewire(0, 0, 1);
        assert_eq!((network.ports(0), network.ports(1)), (vec![(1, 0)], vec![(0, 0), (2, 0), (3, 0)]));
    }

    #[test]
    fn packets_take_the_fewest_lines_that_work_and_sites_behind_two_cuts_of_a_ring_are_cut_off() {
        let hop = Duration::from_millis(5);
        let mut wan = Wan::new(&Plan { wan: WanShape::Ring(hop), ..Plan::sites(5, 1, 1) });
        let (legs, way) = (2 * WAN_DELAY, |wan: &Wan, a, b| wan.delay_between(a, b) - 2 * WAN_DELAY);
        assert_eq!(
            [way(&wan, 0, 1), way(&wan, 0, 2), way(&wan, 0, 3), way(&wan, 4, 1)],
            [hop, 2 * hop, 2 * hop, 2 * hop]
        );
        assert_eq!(wan.delay_to_cma(2), WAN_DELAY + 2 * hop);
        wan.lines.set(1, 0, false);
        assert_eq!((way(&wan, 0, 1), wan.delay_between(1, 2)), (4 * hop, legs + hop), "the other way round");
        assert!((0..5).all(|site| wan.reaches_cma(site)));
        wan.lines.set(2, 3, false);
        assert_eq!([1, 2, 3, 4].map(|site| wan.reaches_cma(site)), [false, false, true, true]);
        assert!(wan.joins(1, 2) && !wan.joins(2, 3) && wan.joins(3, 0), "two parts, each whole in itself");
        wan.lines.set(2, 3, true);
        assert!(wan.reaches_cma(1) && wan.lookahead() <= wan.delay_to_cma(0));
    }

    #[test]
    fn a_host_with_other_addresses_is_found_by_those_alone() {
        let mut network = networks(&Plan::even(1, 2).with_host(&[0])).0.remove(0);
        let (own, place) = (network.address(1, 0), Place::Leg { host: 1, leg: 0 });
        network.readdressed.insert(1);
        let other = network.address(1, 0);
        assert_ne!(own, other);
        assert_eq!((network.owner(own), network.owner(other)), (None, Some(place)));
        network.readdressed.remove(&1);
        assert_eq!((network.owner(own), network.owner(other)), (Some(place), None));
    }

    #[test]
    fn nothing_crosses_sooner_than_the_two_shortest_ways() {
        let mut wan = Wan::new(&Plan::sites(3, 1, 1));
        assert_eq!(wan.lookahead(), WAN_DELAY, "to the CMA, which hangs nearest");
        wan.cma.delay = Duration::from_millis(50);
        wan.legs[2].delay = Duration::from_millis(4);
        assert_eq!(wan.lookahead(), Duration::from_millis(14), "between two sites");
    }
}
