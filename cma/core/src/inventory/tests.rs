use super::*;
use crate::export::netbox;
use crate::export::plan::Port;

/// `sw1 p1 h1 eth0`: switch, its port, host, its port; of a host without a wire, the first two are `-`.
fn plan(wires: &[&str]) -> Plan {
    let mut plan = Plan::default();
    for wire in wires {
        let words: Vec<&str> = wire.split(' ').collect();
        let [switch, port, host, ifname] = words[..] else { panic!("{wire}") };
        let host = device(&mut plan, Kind::Host, host);
        let reason = if switch == "-" { "no LLDP heard" } else { "" }.to_owned();
        plan.devices[host].ports.push(Port { name: ifname.into(), reason, ..Port::default() });
        if switch == "-" {
            continue;
        }
        let switch = device(&mut plan, Kind::Switch, switch);
        plan.devices[switch].ports.push(Port { name: port.into(), ..Port::default() });
        let (port, ifname, state, evidence) = (port.into(), ifname.into(), "up".into(), "lldp".into());
        plan.wires.push(Wire { switch, port, host, ifname, state, evidence, age_s: 1 });
    }
    plan
}

fn device(plan: &mut Plan, kind: Kind, name: &str) -> usize {
    let known = plan.devices.iter().position(|device| device.kind == kind && device.name == name);
    known.unwrap_or_else(|| {
        let (id, own_id) = (format!("lab/{}/{name}", kind.word()), format!("id-{name}"));
        let (site, name, state) = ("lab".into(), name.into(), "up".into());
        plan.devices.push(Device { id, kind, site, name, own_id, state, ports: Vec::new() });
        plan.devices.len() - 1
    })
}

fn short(answer: &Answer) -> Vec<String> {
    let text = |cell: &Cell| if let Cell::Text(text) = cell { text.clone() } else { String::new() };
    answer
        .rows
        .iter()
        .map(|row| answer.columns.iter().map(|column| text(&row[column])).collect::<Vec<_>>().join("|"))
        .collect()
}

const HEAD: &str = "side_a_device,side_a_name,side_b_device,side_b_name,status\n";

#[test]
fn what_is_cabled_and_what_is_seen_are_told_apart() {
    let plan = plan(&["sw1 p1 h1 eth0", "sw1 p2 h2 eth0", "sw2 p3 h3 eth0", "sw2 p4 h3 eth1", "- - h4 eth0"]);
    let cables = "\
sw1,p1,h1,eth0,connected
H2,eth0,sw1,p9,
sw9,p3,h3,eth0,connected
sw1,p7,h4,eth0,connected
sw1,p8,h4,ipmi,connected
sw1,uplink,spine,p1,connected
sw1,p6,h9,eth0,planned
";
    let answer = diff(&plan, &format!("{HEAD}{cables}")).unwrap();
    assert_eq!(
        short(&answer),
        [
            "different|H2|eth0|sw1 p9|sw1 p2|",
            "different|h3|eth0|sw9 p3|sw2 p3|",
            "unexpected|h3|eth1|-|sw2 p4|",
            "missing|h4|eth0|sw1 p7|-|no LLDP heard",
            "missing|h4|ipmi|sw1 p8|-|the host has no such port that can be watched",
        ]
    );
    assert_eq!(
        answer.notes,
        [
            "cables compared: 5; wires seen: 4",
            "cables with no host of ringmesh at either end, not compared: 1",
            "cables that the inventory does not call connected, not compared: 1",
        ]
    );
}

#[test]
fn what_was_exported_does_not_differ_whatever_the_names() {
    let plan = plan(&["=sw1 -p1 h1 eth0", "'sw2 p,\"2\" +h2 @eth0", "sw1 p;3 h1 eth1"]);
    let answer = diff(&plan, &netbox(&plan).cables).unwrap();
    assert_eq!(short(&answer), Vec::<String>::new(), "{:?}", answer.notes);
    assert_eq!(answer.notes, ["cables compared: 3; wires seen: 3"]);
}

#[test]
fn netboxes_own_list_of_cables_is_read_too() {
    let plan = plan(&["sw1 Gi1/0/7 h1 eth0"]);
    let head = "ID,Label,Termination A,Termination B,Device A,Device B,Status,Type\r\n";
    let list = format!("{head}1,,eth0,GigabitEthernet1/0/7,h1,id-sw1,Connected,\r\n");
    assert_eq!(short(&diff(&plan, &list).unwrap()), Vec::<String>::new());
}

#[test]
fn what_is_no_list_of_cables_is_refused_with_what_would_be() {
    assert_eq!(diff(&Plan::default(), ""), Err(NoCables::Empty));
    let said = diff(&Plan::default(), "side_a_device,side_a_name,side_b_device\n").unwrap_err().to_string();
    assert!(said.contains("no column \"side_b_name\"") && said.contains("Termination B"), "{said}");
}

#[test]
fn a_port_is_the_same_under_its_long_and_its_short_name() {
    let cases = [
        ("Gi1/0/7", "GigabitEthernet1/0/7", true),
        ("GigabitEthernet 1/0/7", "gi1/0/7", true),
        ("Eth1/1", "Ethernet1/1", true),
        ("swp1", "swp1", true),
        ("p1", "port1", false),
        ("Gi1/0/7", "Gi1/0/17", false),
        ("Gi1/0/7", "Te1/0/7", false),
        ("7", "Gi7", false),
        ("mgmt", "management", false),
        ("ge-0/0/1", "ge-0/0/1", true),
        ("ge-0/0/1", "xe-0/0/1", false),
    ];
    for (a, b, want) in cases {
        assert_eq!((same_port(a, b), same_port(b, a)), (want, want), "{a} {b}");
    }
}
