use super::*;

fn link(ifindex: u32, name: &str, kind: Kind) -> Link {
    Link {
        ifindex,
        name: name.into(),
        kind,
        ethernet: true,
        wireless: false,
        mac: MacAddress([2, 0, 0, 0, 0, u8::try_from(ifindex).unwrap()]),
        carrier: true,
        master: None,
        below: None,
        bond: None,
        driver: String::new(),
    }
}

fn view(links: Vec<Link>, addresses: &[(u32, &str, u8)]) -> View {
    let address = |&(ifindex, address, prefix_len): &(u32, &str, u8)| Address {
        ifindex,
        address: address.parse().unwrap(),
        prefix_len,
    };
    View {
        links: links.into_iter().map(|link| (link.ifindex, link)).collect(),
        addresses: addresses.iter().map(address).collect(),
    }
}

fn globs(globs: &[&str]) -> Vec<String> {
    globs.iter().map(ToString::to_string).collect()
}

#[test]
fn ports_are_cards_unless_a_name_says_otherwise_and_never_what_stands_above_them() {
    let radio = Link { wireless: true, ..link(3, "wlan0", Kind::Card) };
    let infiniband = Link { ethernet: false, ..link(4, "ib0", Kind::Card) };
    let view = view(
        vec![
            Link { ethernet: false, ..link(1, "lo", Kind::Other) },
            link(2, "eth0", Kind::Card),
            radio,
            infiniband,
            link(5, "veth7", Kind::Veth),
            link(6, "br0", Kind::Bridge),
            link(7, "bond0", Kind::Bond),
            link(8, "eth0.7", Kind::Vlan),
            link(9, "tap0", Kind::Tun),
            link(10, "macvlan0", Kind::Other),
        ],
        &[],
    );
    let cases: &[(&[&str], &[&str])] = &[
        (&[], &["eth0"]),
        (&["eth*"], &["eth0"]),
        (&["veth*", "tap*"], &["veth7", "tap0"]),
        (&["wlan0"], &["wlan0"]),
        (&["*"], &["eth0", "wlan0", "veth7", "tap0"]),
        (&["nothing"], &[]),
    ];
    for (wanted, want) in cases {
        let got: Vec<String> = ports(&view, &globs(wanted)).into_iter().map(|port| port.ifname).collect();
        assert_eq!(got, *want, "{wanted:?}");
    }
}

#[test]
fn what_an_operator_may_miss_among_the_ports_is_told_with_what_to_write_instead() {
    let radio = Link { wireless: true, ..link(3, "wlan0", Kind::Card) };
    let links = vec![
        Link { ethernet: false, ..link(1, "lo", Kind::Other) },
        Link { master: Some(6), ..link(2, "eth0", Kind::Card) },
        radio,
        Link { master: Some(6), ..link(5, "veth7", Kind::Veth) },
        link(6, "br0", Kind::Bridge),
        Link { below: Some(2), ..link(8, "eth0.7", Kind::Vlan) },
    ];
    let view = view(links, &[]);
    /// What `ports` names, and of each interface that is told of: its name and a part of the words.
    type Case<'a> = (&'a [&'a str], &'a [(&'a str, &'a str)]);
    let cases: &[Case] = &[
        (&[], &[("wlan0", "a radio"), ("veth7", "only if `ports`")]),
        (&["eth0"], &[]),
        (&["eth*"], &[]),
        (&["br0"], &[("br0", "name eth0, veth7 in `ports`")]),
        (&["eth0.7", "lo"], &[("lo", "no Ethernet"), ("eth0.7", "name eth0 in `ports`")]),
    ];
    for (wanted, want) in cases {
        let got = passed_over(&view, &globs(wanted));
        let names: Vec<&str> = got.iter().map(|passed| passed.ifname.as_str()).collect();
        assert_eq!(names, want.iter().map(|(name, _)| *name).collect::<Vec<_>>(), "{wanted:?}");
        for (passed, (_, words)) in got.iter().zip(*want) {
            assert!(passed.why.contains(words), "{wanted:?}: {passed:?}");
        }
    }
    assert_eq!(ports(&view, &[])[0].bridge.as_deref(), Some("br0"));
}

#[test]
fn a_glob_that_describes_no_name_is_known_as_one() {
    let view = view(vec![link(2, "eth0", Kind::Card), link(6, "br0", Kind::Bridge)], &[]);
    assert_eq!(unknown(&view, &globs(&["eth*", "eth7", "br0", "ens*"])), ["eth7", "ens*"]);
    assert_eq!(unknown(&view, &[]), [""; 0]);
}

#[test]
fn the_address_above_a_port_is_found_through_bond_bridge_and_vlan() {
    let member = |ifindex, name: &str| Link { master: Some(10), ..link(ifindex, name, Kind::Card) };
    let stack = || {
        vec![
            member(2, "eth0"),
            member(3, "eth1"),
            Link { master: Some(12), ..link(10, "bond0", Kind::Bond) },
            Link { below: Some(10), ..link(11, "bond0.7", Kind::Vlan) },
            link(12, "br0", Kind::Bridge),
            Link { below: Some(12), ..link(13, "br0.9", Kind::Vlan) },
            Link { ethernet: false, ..link(14, "vrf-a", Kind::Other) },
        ]
    };
    type Case<'a> = (&'a str, &'a [(u32, &'a str, u8)], Option<(&'a str, &'a str)>);
    let cases: &[Case] = &[
        ("on the bridge", &[(12, "10.0.0.5", 24)], Some(("br0", "10.0.0.5"))),
        ("on a VLAN of the bond", &[(11, "10.0.7.5", 24)], Some(("bond0.7", "10.0.7.5"))),
        ("on a VLAN of the bridge", &[(13, "10.0.9.5", 24)], Some(("br0.9", "10.0.9.5"))),
        ("nearest first", &[(13, "10.0.9.5", 24), (12, "10.0.0.5", 24)], Some(("br0", "10.0.0.5"))),
        ("IPv4 before IPv6", &[(12, "fd00::5", 64), (12, "10.0.0.5", 24)], Some(("br0", "10.0.0.5"))),
        ("IPv6 alone", &[(12, "fd00::5", 64)], Some(("br0", "fd00::5"))),
        ("never a host prefix", &[(12, "10.9.9.9", 32), (12, "10.0.0.5", 24)], Some(("br0", "10.0.0.5"))),
        ("a host prefix alone is none", &[(12, "10.9.9.9", 32), (12, "fd00::9", 128)], None),
        ("on a stranger", &[(14, "10.0.0.5", 24)], None),
        ("none", &[], None),
    ];
    for (name, addresses, want) in cases {
        for port in ports(&view(stack(), addresses), &[]) {
            let got = port.above.as_ref().map(|above| (above.ifname.clone(), above.address.to_string()));
            assert_eq!(
                got,
                want.map(|(ifname, address)| (ifname.into(), address.into())),
                "{name}, {}",
                port.ifname
            );
        }
    }
}

#[test]
fn a_member_of_a_vrf_keeps_its_own_address_and_a_loop_of_interfaces_is_survived() {
    let vrf = vec![Link { master: Some(9), ..link(2, "eth0", Kind::Card) }, link(9, "vrf-a", Kind::Other)];
    let found = ports(&view(vrf, &[(2, "10.0.0.5", 24)]), &[]);
    assert_eq!(found[0].above.as_ref().map(|above| above.ifindex), Some(2));
    let looped = vec![
        Link { master: Some(3), ..link(2, "eth0", Kind::Card) },
        Link { master: Some(4), ..link(3, "br0", Kind::Bridge) },
        Link { master: Some(3), ..link(4, "br1", Kind::Bridge) },
    ];
    assert_eq!(ports(&view(looped, &[]), &[])[0].above, None);
}

#[test]
fn only_the_active_leg_of_an_active_backup_bond_is_active_and_every_live_leg_of_another_is() {
    let bond = |mode, active| {
        let state = BondState { mode, active, partner: None };
        let member = |ifindex, carrier| Link { master: Some(9), carrier, ..link(ifindex, "eth", Kind::Card) };
        let links = vec![
            member(2, true),
            member(3, true),
            member(4, false),
            Link { bond: Some(state), ..link(9, "bond0", Kind::Bond) },
        ];
        let legs = ports(&view(links, &[]), &[]);
        legs.iter().map(|leg| leg.bond.as_ref().is_some_and(|bond| bond.active)).collect::<Vec<bool>>()
    };
    assert_eq!(bond("active-backup", Some(3)), [false, true, false]);
    assert_eq!(bond("802.3ad", None), [true, true, false]);
}
