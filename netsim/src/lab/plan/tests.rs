use std::collections::BTreeSet;

use super::super::size::Size;
use super::*;

fn names<'a>(hosts: impl Iterator<Item = &'a Host>) -> Vec<&'a str> {
    hosts.map(|host| host.name.as_str()).collect()
}

#[test]
fn the_default_lab_is_the_one_the_documents_describe() {
    let plan = Plan::new("x", &Size::default().into());
    assert_eq!(plan.hosts.len(), 8);
    let first = plan.host("h1").unwrap();
    let legs: Vec<_> =
        first.legs.iter().map(|l| (l.ifname.as_str(), l.switch, l.address.to_string())).collect();
    assert_eq!(legs, [("eth0", 1, "10.77.1.1".into()), ("eth1", 2, "10.77.2.101".into())]);
    assert_eq!(names(plan.single_homed_on(2)), ["h5", "h6", "h7", "h8"]);
    assert_eq!(plan.ports_of(2), [("p1", "h1"), ("p5", "h5"), ("p6", "h6"), ("p7", "h7"), ("p8", "h8")]);
    let site = plan.site("lab").unwrap();
    assert_eq!((site.relay.name.as_str(), site.relay.address.to_string()), ("r1", "10.77.0.2".into()));
    // The router, the CMA, the core and the relay.
    assert_eq!(plan.namespaces().len(), 4 + 2 + 8);
}

#[test]
fn sites_are_alike_and_no_name_is_used_twice_in_all_of_them() {
    let plan = Plan::new("x", &Size::default().of_sites(2).unwrap().into());
    assert_eq!(names(plan.hosts_of(2)), ["h9", "h10", "h11", "h12", "h13", "h14", "h15", "h16"]);
    assert_eq!(names(plan.single_homed_on(4)), ["h13", "h14", "h15", "h16"]);
    let dual = plan.host("h9").unwrap();
    let legs: Vec<_> = dual.legs.iter().map(|l| (l.switch, l.port.as_str(), l.address.to_string())).collect();
    assert_eq!(legs, [(3, "p9", "10.78.1.1".into()), (4, "p9", "10.78.2.101".into())]);
    assert_eq!(plan.switch("sw4").unwrap().chassis_text(), "02:00:00:00:02:02");
    let relay = &plan.site("s2").unwrap().relay;
    assert_eq!((relay.name.as_str(), relay.address.to_string()), ("r2", "10.78.0.2".into()));
    let leg = plan.wan_leg("s2").unwrap();
    assert_eq!((leg.address.to_string(), leg.behind.as_str()), ("10.76.2.2".into(), "10.78.0.0/16"));
    for (name, site) in [("h8", "s1"), ("h9", "s2"), ("sw2", "s1"), ("sw3", "s2"), ("r2", "s2")] {
        assert_eq!(plan.site_around(name).map(|site| site.name.as_str()), Some(site), "{name}");
    }
    assert_eq!(plan.site_around("cma"), None);
    let unique: BTreeSet<String> = plan.namespaces().into_iter().collect();
    assert_eq!(unique.len(), 2 + 2 * (2 + 2 + 8));
}

#[test]
fn no_two_legs_share_an_address_or_a_switch_port_in_any_size() {
    for (sites, switches, hosts, dual) in
        [(1, 1, 1, 0), (1, 2, 4, 8), (8, 3, 5, 4), (1, 10, 10, 100), (8, 32, 3, 40), (2, 2, 50, 1)]
    {
        let case = (sites, switches, hosts, dual);
        let size = Size::new(switches, hosts, dual).and_then(|size| size.of_sites(sites)).unwrap();
        let plan = Plan::new("x", &size.into());
        let legs: Vec<_> = plan.hosts.iter().flat_map(|host| &host.legs).collect();
        let relays = plan.sites.iter().flat_map(|site| [site.gateway, site.relay.address]);
        let wan = plan.wan.iter().flat_map(|leg| [leg.router, leg.address]);
        let addresses: Vec<_> = legs.iter().map(|leg| leg.address).chain(relays).chain(wan).collect();
        let ports: BTreeSet<_> = legs.iter().map(|leg| (leg.switch, &leg.port)).collect();
        let unique: BTreeSet<_> = addresses.iter().collect();
        assert_eq!((unique.len(), ports.len()), (addresses.len(), legs.len()), "{case:?}");
        let wanted = usize::from(sites) * (usize::from(switches * hosts) + usize::from(dual));
        assert_eq!(legs.len(), wanted, "{case:?}");
        assert!(plan.hosts.iter().all(|h| !h.is_dual() || h.legs[0].switch != h.legs[1].switch), "{case:?}");
        let chassis: BTreeSet<_> = plan.switches.iter().map(Switch::chassis).collect();
        assert_eq!(chassis.len(), plan.switches.len(), "{case:?}");
    }
}

#[test]
fn a_script_finds_its_subjects_in_every_site_or_not_at_all() {
    let plan = Plan::new("x", &Size::default().of_sites(2).unwrap().into());
    let host = |site, switch, index| Subject::SingleHomed { site, switch, index };
    let cases = [
        (Subject::Network, Some("lab")),
        (Subject::Cma, Some("cma")),
        (Subject::Site(2), Some("s2")),
        (Subject::Relay(2), Some("r2")),
        (Subject::Switch { site: 2, switch: 1 }, Some("sw3")),
        (host(1, 1, 0), Some("h2")),
        (host(2, 1, 0), Some("h10")),
        (host(2, 2, 3), Some("h16")),
        (host(2, 2, 4), None),
        (Subject::Site(3), None),
        (Subject::Relay(3), None),
        (Subject::Switch { site: 1, switch: 3 }, None),
    ];
    for (subject, want) in cases {
        assert_eq!(plan.subject(subject), want, "{subject:?}");
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
