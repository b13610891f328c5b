use ringmesh_proto::news::{HostState, SwitchState};
use ringmesh_proto::time::Time;
use ringmesh_topology::id::MacAddress;
use ringmesh_topology::place::{BondMate, Evidence};

use super::*;
use crate::graph::{Label, scan_all};
use crate::testing::{World, chassis, host, host_incident, name, place, revised, ring, switch_incident};

const SW1: &str = "02:00:00:00:01:01";

fn ids(world: &World, label: Label) -> Vec<String> {
    scan_all(world.cma.graph(), label).unwrap().into_iter().map(|node| node.key.local().to_owned()).collect()
}

fn ends(world: &World, key: &NodeKey, direction: Direction, relation: Relation) -> Vec<String> {
    let edges = world.cma.graph().neighbours(key, direction, Some(relation)).unwrap();
    let end = |edge: Edge| match direction {
        Direction::Out => edge.key.to.local().to_owned(),
        Direction::In => edge.key.from.local().to_owned(),
    };
    edges.into_iter().map(end).collect()
}

#[test]
fn wire_ids_are_read_as_operators_write_them() {
    let wire = |subtype, octets: &[u8]| WireId { subtype, octets: octets.into() };
    assert_eq!(switch_text(&chassis(1)), SW1);
    assert_eq!(switch_text(&wire(0, b"tor-7.lab")), "tor-7.lab");
    assert_eq!(switch_text(&wire(4, b"short")), "73686f7274", "no MAC address: shown as octets");
    assert_eq!(switch_text(&wire(99, &[1, 0xff])), "01ff");
    assert_eq!(port_text(&wire(5, b"p1")), "p1");
    assert_eq!(port_text(&wire(3, &[2, 0, 0, 0, 0, 9])), "02:00:00:00:00:09");
}

#[test]
fn a_host_hangs_on_its_switch_and_what_it_said_before_is_gone_with_its_next_news() {
    let mut world = World::settled();
    let both = vec![place(2, "10.77.1.1", Some((1, "p1"))), place(3, "10.77.2.101", Some((2, "p9")))];
    world.news(News::Host(host("h1", both)));
    assert_eq!(ids(&world, Label::SwitchPort), [format!("{SW1}/p1"), "02:00:00:00:01:02/p9".into()]);
    assert_eq!(ids(&world, Label::IpAddress), ["10.77.1.1", "10.77.2.101"]);
    assert_eq!(ids(&world, Label::Switch), [SW1, "02:00:00:00:01:02"]);
    world.news(News::Host(host("h1", vec![place(2, "10.77.1.1", Some((1, "p2")))])));
    assert_eq!(ids(&world, Label::SwitchPort), [format!("{SW1}/p2")]);
    assert_eq!(ids(&world, Label::IpAddress), ["10.77.1.1"]);
    assert_eq!(ids(&world, Label::Nic), ["h1/2"]);
    world.news(News::HostGone(name("h1")));
    for label in [Label::Host, Label::Nic, Label::IpAddress, Label::SwitchPort, Label::Probe] {
        assert_eq!(ids(&world, label), Vec::<String>::new(), "{label:?}");
    }
}

#[test]
fn every_leg_of_a_bond_hangs_on_its_switch_and_shows_its_role() {
    let mut world = World::settled();
    let role = |active| BondRole { active, partner: Some(MacAddress([2, 0, 0, 0, 0, 0xaa])) };
    let leg = place(3, "10.77.1.1", Some((2, "p9")));
    let mate = BondMate {
        ifindex: 3,
        ifname: "eth1".into(),
        mac: None,
        carrier: true,
        role: role(false),
        attachment: leg.attachment,
    };
    let bond =
        Bond { ifname: "bond0".into(), mode: "active-backup".into(), role: role(true), mates: vec![mate] };
    let bonded = Place { bond: Some(Box::new(bond)), ..place(2, "10.77.1.1", Some((1, "p1"))) };
    world.news(News::Host(host("h1", vec![bonded])));
    assert_eq!(ids(&world, Label::Nic), ["h1/2", "h1/3"]);
    let address = NodeKey::address(&name("lab"), [10, 77, 1, 1].into());
    assert_eq!(ends(&world, &address, Direction::In, Relation::HasAddress), ["h1/2"]);
    let tree = world.cma.tree(Time::ZERO).unwrap();
    let ports = tree.sites[0].switches.iter().flat_map(|switch| &switch.ports);
    let seen: Vec<_> = ports
        .map(|port| {
            let bond = port.bond.as_ref().expect("both are bonded");
            (port.port.as_str(), port.ifname.as_str(), bond.active, bond.partner_system.as_str())
        })
        .collect();
    let partner = "02:00:00:00:00:aa";
    assert_eq!(seen, [("p1", "eth0", true, partner), ("p9", "eth1", false, partner)]);
    assert!(tree.sites[0].hosts[0].dual_homed);
    // Without its bond the second leg is gone.
    world.news(News::Host(host("h1", vec![place(2, "10.77.1.1", Some((1, "p1")))])));
    assert_eq!(ids(&world, Label::Nic), ["h1/2"]);
}

#[test]
fn what_two_hosts_share_stays_until_the_last_of_them_lets_go() {
    let mut world = World::settled();
    world.news(News::Host(host("h1", vec![place(2, "10.77.1.1", Some((1, "p1")))])));
    world.news(News::Host(host("h2", vec![place(2, "10.77.1.1", Some((1, "p1")))])));
    world.news(News::HostGone(name("h1")));
    assert_eq!(ids(&world, Label::IpAddress), ["10.77.1.1"]);
    let port = NodeKey::port(&name("lab"), SW1, "p1");
    assert_eq!(ends(&world, &port, Direction::In, Relation::WiredTo), ["h2/2"]);
}

#[test]
fn a_switch_keeps_its_own_news_when_members_name_it() {
    let mut world = World::settled();
    let news = SwitchNews { id: SW1.into(), name: "tor-1".into(), state: SwitchState::Down };
    world.news(News::Switch(news));
    world.news(News::Host(host("h1", vec![place(2, "10.77.1.1", Some((1, "p1")))])));
    let node = world.cma.graph().node(&NodeKey::switch(&name("lab"), SW1)).unwrap().unwrap();
    let want = SwitchFacts { id: SW1.into(), name: "tor-1".into(), state: SwitchState::Down };
    assert_eq!(node.facts, Facts::Switch(want));
}

#[test]
fn an_attachment_has_the_age_of_its_first_news_however_it_is_known() {
    let mut world = World::settled();
    let first = host("h1", vec![place(2, "10.77.1.1", Some((1, "p1")))]);
    world.news(News::Host(first.clone()));
    let since = |world: &World| {
        let nic = NodeKey::nic(&name("lab"), "h1", 2);
        let edges = world.cma.graph().neighbours(&nic, Direction::Out, Some(Relation::WiredTo)).unwrap();
        (edges[0].since_ms, edges[0].tie)
    };
    let (before, _) = since(&world);
    world.run_to(world.now_ms + 50_000);
    world.news(News::Host(HostNews { state: HostState::Silent, ..first.clone() }));
    assert_eq!(since(&world), (before, Tie::Wired(Evidence::Lldp)), "another state is no other attachment");
    let mut cached = first;
    cached.places[0].attachment.as_mut().unwrap().evidence = Evidence::Cache;
    world.news(News::Host(cached));
    assert_eq!(since(&world), (before, Tie::Wired(Evidence::Cache)), "nor is another evidence");
}

#[test]
fn a_ring_ties_its_members_in_order_whichever_news_comes_first() {
    let mut world = World::settled();
    let site = name("lab");
    world.news(News::Host(host("h1", vec![])));
    world.news(News::Ring(ring(3, SW1, &["h2", "h1", "h3"])));
    world.news(News::Host(host("h3", vec![])));
    world.news(News::Host(host("h2", vec![])));
    let key = NodeKey::ring(&site, RelayId(1), 3);
    let next = |world: &World, id: &str| {
        ends(world, &NodeKey::host(&site, id), Direction::Out, Relation::NextInRing)
    };
    assert_eq!(ends(&world, &key, Direction::In, Relation::MemberOf), ["h1", "h2", "h3"]);
    assert_eq!([next(&world, "h1"), next(&world, "h2"), next(&world, "h3")], [["h3"], ["h1"], ["h2"]]);
    world.news(News::HostGone(name("h2")));
    world.news(News::Host(host("h2", vec![])));
    assert_eq!([next(&world, "h2"), next(&world, "h3")], [["h1"], ["h2"]], "back in its place");
    world.news(News::Ring(ring(3, SW1, &["h1", "h3"])));
    assert_eq!(ends(&world, &key, Direction::In, Relation::MemberOf), ["h1", "h3"]);
    assert_eq!([next(&world, "h1"), next(&world, "h3")], [["h3"], ["h1"]]);
    assert_eq!(next(&world, "h2"), Vec::<String>::new());
    world.news(News::RingGone(3));
    assert_eq!(next(&world, "h1"), Vec::<String>::new());
    assert_eq!(ids(&world, Label::Ring), Vec::<String>::new());
}

#[test]
fn an_incident_points_at_what_it_takes_and_at_what_may_have_caused_it() {
    let mut world = World::settled();
    for id in ["h1", "h2"] {
        world.news(News::Host(host(id, vec![place(2, "10.77.1.1", Some((1, "p1")))])));
    }
    let mut incident = switch_incident(2);
    for alternative in &mut incident.alternatives {
        alternative.subject.id = SW1.into();
    }
    world.incident(&incident);
    let key = NodeKey::incident(incident.id);
    assert_eq!(ends(&world, &key, Direction::Out, Relation::Affects), ["h1", "h2"]);
    assert_eq!(ends(&world, &key, Direction::Out, Relation::CausedBy), [SW1, SW1], "one for each verdict");
    let mut one = revised(&host_incident(ringmesh_topology::verdict::Verdict::HostOrCable), 0);
    one.alternatives.truncate(1);
    world.incident(&one);
    assert_eq!(ends(&world, &key, Direction::Out, Relation::Affects), ["h1"]);
    assert_eq!(ends(&world, &key, Direction::Out, Relation::CausedBy), ["h1"]);
}
