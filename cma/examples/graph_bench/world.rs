//! The network that is measured: sites of 20,000 hosts, switches of 40, every tenth host with a second leg.

use std::net::{IpAddr, Ipv4Addr};

use ringmesh_cma_core::graph::{
    EdgeKey, Facts, HostFacts, NodeKey, Op, Relation, RingFacts, Source, Stamp, SwitchFacts, Tie,
};
use ringmesh_proto::message::Generation;
use ringmesh_proto::news::{HostState, SwitchState};
use ringmesh_topology::id::{MacAddress, Name, ProbeId, RelayId};
use ringmesh_topology::place::Evidence;
use ringmesh_topology::verdict::Class;

/// Hosts of a site.
const OF_SITE: u32 = 20_000;
/// Hosts of a switch.
pub(crate) const OF_SWITCH: u32 = 40;
/// Every so many hosts one has two legs.
const DUAL: u32 = 10;
/// When all of it was told.
const AT_MS: u64 = 1_795_000_000_000;

/// A network of so many hosts.
#[derive(Clone, Copy)]
pub(crate) struct World {
    pub(crate) hosts: u32,
}

impl World {
    pub(crate) fn switches(self) -> u32 {
        self.hosts.div_ceil(OF_SWITCH)
    }

    /// A switch with the hosts behind it and their ring, as one batch.
    pub(crate) fn switch(self, switch: u32) -> (Stamp, Vec<Op>) {
        let (first, site) = (switch * OF_SWITCH, site_of(switch * OF_SWITCH));
        let mut ops = Vec::new();
        if first.is_multiple_of(OF_SITE) {
            ops.push(Op::Node(NodeKey::site(&site), Facts::Site));
        }
        let (key, id) = (switch_key(switch), chassis(switch));
        let facts = SwitchFacts { id, name: switch_name(switch), state: SwitchState::Up };
        ops.push(Op::Node(key.clone(), Facts::Switch(facts)));
        ops.push(plain(&key, Relation::InSite, &NodeKey::site(&site)));
        let members: Vec<u32> = (first..self.hosts.min(first + OF_SWITCH)).collect();
        members.iter().for_each(|&host| self.host(host, &mut ops));
        ring(switch, &members, &mut ops);
        (stamp(first, u64::from(switch) + 1), ops)
    }

    fn host(self, host: u32, ops: &mut Vec<Op>) {
        let (site, name, key) = (site_of(host), name_of(host), host_key(host));
        ops.push(host_is(host, HostState::Up, AT_MS));
        ops.push(plain(&key, Relation::InSite, &NodeKey::site(&site)));
        let mut probe = [0x5a; 16];
        probe[..4].copy_from_slice(&host.wrapping_mul(2_654_435_761).to_be_bytes());
        let probe = NodeKey::probe(&site, ProbeId(probe));
        ops.push(Op::Node(probe.clone(), Facts::Probe));
        ops.push(plain(&key, Relation::Runs, &probe));
        let address = IpAddr::V4(Ipv4Addr::from(0x0a00_0000 + host % OF_SITE));
        let address_key = NodeKey::address(&site, address);
        ops.push(Op::Node(address_key.clone(), Facts::IpAddress { address, prefix_len: 24 }));
        for leg in 0..legs(host) {
            let nic = NodeKey::nic(&site, name.as_str(), 2 + leg);
            let (ifname, reason) = (format!("eth{leg}"), String::new());
            let [a, b, c, d] = host.to_be_bytes();
            let mac = Some(MacAddress([2, leg as u8, a, b, c, d]));
            ops.push(Op::Node(nic.clone(), Facts::Nic { ifname, mac, carrier: true, reason, bond: None }));
            ops.push(plain(&key, Relation::HasNic, &nic));
            if leg == 0 {
                ops.push(plain(&nic, Relation::HasAddress, &address_key));
            }
            let (switch, port) = port_of(host, leg);
            ops.push(Op::Node(port.clone(), Facts::SwitchPort { name: port_name(host, leg) }));
            ops.push(plain(&switch, Relation::HasPort, &port));
            ops.push(Op::Edge(EdgeKey::new(nic, Relation::WiredTo, port), Tie::Wired(Evidence::Lldp)));
        }
    }
}

/// The next change of a host, drawn from a counter: how it does, or how its wire is known.
pub(crate) fn update(host: u32, number: u64) -> (Stamp, Op) {
    let at = stamp(host, 1_000_000 + number);
    if number.is_multiple_of(2) {
        let state = if number.is_multiple_of(4) { HostState::Silent } else { HostState::Up };
        return (at, host_is(host, state, AT_MS + number));
    }
    let evidence = if number % 4 == 1 { Evidence::Cache } else { Evidence::Lldp };
    let nic = NodeKey::nic(&site_of(host), name_of(host).as_str(), 2);
    (at, Op::Edge(EdgeKey::new(nic, Relation::WiredTo, port_of(host, 0).1), Tie::Wired(evidence)))
}

fn host_is(host: u32, state: HostState, since_ms: u64) -> Op {
    let facts = HostFacts { name: name_of(host), state, since_ms, class: Class::Normal };
    Op::Node(host_key(host), Facts::Host(facts))
}

fn ring(switch: u32, members: &[u32], ops: &mut Vec<Op>) {
    let site = site_of(switch * OF_SWITCH);
    let key = NodeKey::ring(&site, RelayId(1), switch + 1);
    let name = |host: &u32| name_of(*host).to_string();
    ops.push(Op::Node(
        key.clone(),
        Facts::Ring(RingFacts {
            relay: RelayId(1),
            level: 0,
            switch: chassis(switch),
            domain: "10.0.0.0/24".into(),
            reason: String::new(),
            generation: Generation { term: 1, counter: 1 },
            members: members.iter().map(name).collect(),
            delegates: members.iter().take(2).map(name).collect(),
        }),
    ));
    ops.push(plain(&key, Relation::InSite, &NodeKey::site(&site)));
    for (rank, (host, next)) in (0..).zip(members.iter().zip(members.iter().cycle().skip(1))) {
        let tie = Tie::Member { rank, delegate: rank < 2 };
        ops.push(Op::Edge(EdgeKey::new(host_key(*host), Relation::MemberOf, key.clone()), tie));
        let step = EdgeKey::marked(host_key(*host), Relation::NextInRing, host_key(*next), key.id.clone());
        ops.push(Op::Edge(step, Tie::Plain));
    }
}

fn stamp(host: u32, sequence: u64) -> Stamp {
    let source = Source { site: site_of(host), relay: RelayId(1), outbox: 0x1d0c_5a3e_9b12_7f44 };
    Stamp { source, sequence, at_ms: AT_MS + sequence }
}

fn plain(from: &NodeKey, relation: Relation, to: &NodeKey) -> Op {
    Op::Edge(EdgeKey::new(from.clone(), relation, to.clone()), Tie::Plain)
}

fn name(text: &str) -> Name {
    // Made here, of letters, digits and `-`.
    Name::new(text).unwrap_or_else(|error| unreachable!("{text}: {error}"))
}

fn site_of(host: u32) -> Name {
    name(&format!("dc{:02}", host / OF_SITE))
}

fn name_of(host: u32) -> Name {
    name(&format!("host-{host:07}"))
}

pub(crate) fn host_key(host: u32) -> NodeKey {
    NodeKey::host(&site_of(host), name_of(host).as_str())
}

pub(crate) fn switch_key(switch: u32) -> NodeKey {
    NodeKey::switch(&site_of(switch * OF_SWITCH), &chassis(switch))
}

pub(crate) fn switch_name(switch: u32) -> String {
    format!("tor-{switch:05}")
}

fn chassis(switch: u32) -> String {
    let [a, b, c, d] = switch.to_be_bytes();
    format!("02:00:{a:02x}:{b:02x}:{c:02x}:{d:02x}")
}

/// A second leg hangs on the switch before, where that is of the same site.
fn legs(host: u32) -> u32 {
    let first_of_site = host % OF_SITE < OF_SWITCH;
    if host.is_multiple_of(DUAL) && !first_of_site { 2 } else { 1 }
}

fn port_name(host: u32, leg: u32) -> String {
    format!("Ethernet{}/{}", leg + 1, host % OF_SWITCH + 1)
}

fn port_of(host: u32, leg: u32) -> (NodeKey, NodeKey) {
    let switch = host / OF_SWITCH - leg;
    let port = NodeKey::port(&site_of(host), &chassis(switch), &port_name(host, leg));
    (switch_key(switch), port)
}
