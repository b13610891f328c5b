use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::Value;

use super::csv::records;
use super::plan::{Kind, Plan};
use super::*;
use crate::documents::{BondDoc, HostDoc, PlaceDoc, PortDoc, SCHEMA, SiteDoc, SwitchDoc, Tree};

fn port(port: &str, host: &str, ifname: &str, evidence: &str) -> PortDoc {
    let (port, host, ifname) = (port.to_owned(), host.to_owned(), ifname.to_owned());
    PortDoc { port, host, state: "up".into(), evidence: evidence.into(), age_s: 30, ifname, bond: None }
}

fn switch(id: &str, name: &str, ports: Vec<PortDoc>) -> SwitchDoc {
    SwitchDoc { id: id.into(), name: name.into(), state: "up".into(), ports, rings: Vec::new() }
}

fn place(ifname: &str, switch: &str, port: &str, bond: Option<&str>) -> PlaceDoc {
    let bond = bond.map(|bond| BondDoc {
        ifname: bond.into(),
        mode: "802.3ad".into(),
        active: true,
        partner_system: String::new(),
    });
    PlaceDoc {
        ifname: ifname.into(),
        carrier: true,
        addresses: vec!["10.77.1.1/16".into()],
        switch: switch.into(),
        port: port.into(),
        evidence: "lldp".into(),
        reason: String::new(),
        bond,
    }
}

fn host(id: &str, places: Vec<PlaceDoc>) -> HostDoc {
    let (state, class) = ("up".into(), "normal".into());
    HostDoc { id: id.into(), state, since_ms: 0, class, dual_homed: false, places }
}

fn site(id: &str, switches: Vec<SwitchDoc>, hosts: Vec<HostDoc>) -> SiteDoc {
    SiteDoc {
        id: id.into(),
        state: "up".into(),
        relays: Vec::new(),
        switches,
        fallback_rings: Vec::new(),
        site_rings: Vec::new(),
        hosts,
        incidents: Vec::new(),
    }
}

fn plan(sites: Vec<SiteDoc>) -> Plan {
    Plan::of(&Tree { schema: SCHEMA, sites, at_ms: 7 })
}

/// h1 bonded over both switches; h2 and h3 behind one port of the second; one switch name twice.
fn lab() -> Plan {
    let first = switch("id1", "tor", vec![port("p1", "h1", "eth0", "lldp")]);
    let second_ports =
        [("p1", "h1", "eth1", "cache"), ("p2", "h2", "eth0", "cdp"), ("p2", "h3", "eth0", "cdp")];
    let second = switch("id2", "tor", second_ports.map(|(p, h, i, e)| port(p, h, i, e)).into());
    let hosts = vec![
        host(
            "h1",
            vec![place("eth0", "id1", "p1", Some("bond0")), place("eth1", "id2", "p1", Some("bond0"))],
        ),
        host("h2", vec![place("eth0", "id2", "p2", None)]),
        host("h3", vec![place("eth0", "id2", "p2", None)]),
    ];
    plan(vec![site("lab", vec![first, second], hosts)])
}

/// The quoted strings of a DOT text, and the text with `S` for each.
fn strings(dot: &str) -> (String, Vec<String>) {
    let (mut rest, mut strings) = (String::new(), Vec::new());
    let mut chars = dot.chars();
    while let Some(c) = chars.next() {
        if c != '"' {
            rest.push(c);
            continue;
        }
        let mut string = String::new();
        loop {
            match chars.next().expect("a quote is not closed") {
                '"' => break,
                '\\' => match chars.next() {
                    Some(c @ ('\\' | '"')) => string.push(c),
                    other => panic!("an escape that Graphviz gives a meaning: {other:?}"),
                },
                c => string.push(c),
            }
        }
        rest.push('S');
        strings.push(string);
    }
    (rest, strings)
}

#[test]
fn a_dot_file_has_a_cluster_for_each_site_and_dashes_what_is_remembered() {
    let text = dot(&lab());
    for line in [
        "  subgraph \"cluster_lab\" {",
        "    \"lab/switch/id1\" [label=\"id1\", shape=box];",
        "    \"lab/host/h1\" [label=\"h1\", shape=ellipse];",
        "  \"lab/switch/id1\" -- \"lab/host/h1\" [taillabel=\"p1\", headlabel=\"eth0\"];",
        "  \"lab/switch/id2\" -- \"lab/host/h1\" [taillabel=\"p1\", headlabel=\"eth1\", style=dashed];",
    ] {
        assert!(text.lines().any(|have| have == line), "{line}\n{text}");
    }
}

#[test]
fn a_graphml_file_has_every_device_and_wire_with_its_attributes() {
    let text = graphml(&lab());
    let xml = roxmltree::Document::parse(&text).unwrap();
    let keys: Vec<&str> =
        xml.descendants().filter(|n| n.has_tag_name("key")).filter_map(|n| n.attribute("id")).collect();
    let edges: Vec<_> = xml.descendants().filter(|n| n.has_tag_name("edge")).collect();
    assert_eq!((xml.descendants().filter(|n| n.has_tag_name("node")).count(), edges.len()), (5, 4));
    let data: BTreeMap<&str, &str> = edges[1]
        .children()
        .filter(|n| n.has_tag_name("data"))
        .map(|n| (n.attribute("key").unwrap(), n.text().unwrap()))
        .collect();
    assert!(data.keys().all(|key| keys.contains(key)), "{keys:?}");
    assert_eq!((data["switch_port"], data["host_port"], data["evidence"]), ("p1", "eth1", "cache"));
}

#[test]
fn a_netjson_graph_has_what_its_format_asks_for() {
    let json: Value = serde_json::from_str(&netjson(&lab()).unwrap()).unwrap();
    assert_eq!(
        (&json["type"], &json["protocol"], &json["metric"]),
        (&"NetworkGraph".into(), &"ringmesh".into(), &Value::Null)
    );
    assert_eq!(json["nodes"][2]["local_addresses"], serde_json::json!(["10.77.1.1", "10.77.1.1"]));
    let link = &json["links"][0];
    assert_eq!(
        (&link["source"], &link["target"], &link["cost"]),
        (&"lab/switch/id1".into(), &"lab/host/h1".into(), &1.into())
    );
}

#[test]
fn netbox_files_have_the_columns_and_the_order_that_its_import_wants() {
    let files = netbox(&lab());
    assert_eq!(
        records(&files.devices)[1][..6],
        ["id1", "switch", "unknown", "unknown switch", "active", "lab"]
    );
    let of_h1: Vec<Vec<String>> =
        records(&files.interfaces).into_iter().filter(|row| row[0] == "h1").collect();
    assert_eq!(
        of_h1.iter().map(|row| row[..4].join(" ")).collect::<Vec<_>>(),
        ["h1 bond0  lag", "h1 eth0 bond0 other", "h1 eth1 bond0 other",]
    );
    let cables = records(&files.cables);
    assert_eq!(cables.len(), 3);
    assert_eq!(cables[2][..7], ["id2", "dcim.interface", "p1", "h1", "dcim.interface", "eth1", "connected"]);
    assert_eq!(files.left_out, ["id2 p2: 2 wires show on one port"]);
}

#[test]
fn a_name_that_two_devices_have_is_told_for_netbox_goes_by_names() {
    let one = |id: &str| site(id, vec![switch("id1", "h1", Vec::new())], vec![host("h1", Vec::new())]);
    let left_out = netbox(&plan(vec![one("a"), one("b")])).left_out;
    let want = "h1: 4 devices have this name (switch at a, host at a, switch at b, host at b); rename before importing";
    assert_eq!(left_out, [want]);
}

#[test]
fn a_cell_that_a_spreadsheet_would_compute_is_text() {
    for name in ["=1+1", "+1", "-p1", "@x", "'=1"] {
        let files = netbox(&plan(vec![site("s", Vec::new(), vec![host(name, Vec::new())])]));
        assert_eq!(records(&files.devices)[1][0], format!("'{name}"), "{name}");
    }
}

/// Names that break writers which paste.
fn hostile() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("\""),
        Just("'"),
        Just("\\"),
        Just("\\N"),
        Just("<"),
        Just("&amp;"),
        Just("]]>"),
        Just(","),
        Just(";"),
        Just("\r\n"),
        Just("\0"),
        Just("\u{1b}[2J"),
        Just("\u{202e}"),
        Just("=cmd()"),
        Just("@"),
        Just("-"),
        Just(" "),
        Just("a"),
        Just("é"),
        Just("--"),
        Just("}"),
        Just("\u{ffff}"),
    ];
    proptest::collection::vec(piece, 0..5).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn hostile_names_stay_names_in_every_format(
        site_id in hostile(), id in hostile(), name in hostile(), at in hostile(), host_id in hostile(), nic in hostile()
    ) {
        let wire = port(&at, &host_id, &nic, "lldp");
        let hosts = vec![host(&host_id, vec![place(&nic, &id, &at, None)])];
        let plan = plan(vec![site(&site_id, vec![switch(&id, &name, vec![wire])], hosts)]);
        let ids = [format!("{site_id}/switch/{id}"), format!("{site_id}/host/{host_id}")].map(|id| harmless(&id));
        let ends = [harmless(&at), harmless(&nic)];

        let json: Value = serde_json::from_str(&netjson(&plan).unwrap()).unwrap();
        prop_assert_eq!([json["links"][0]["source"].as_str(), json["links"][0]["target"].as_str()], ids.each_ref().map(|id| Some(id.as_str())));

        let xml = graphml(&plan);
        let xml = roxmltree::Document::parse(&xml).unwrap();
        let edge = xml.descendants().find(|n| n.has_tag_name("edge")).unwrap();
        prop_assert_eq!([edge.attribute("source"), edge.attribute("target")], ids.each_ref().map(|id| Some(id.as_str())));
        let data = |key| edge.children().find(|n| n.attribute("key") == Some(key)).unwrap().text().unwrap_or_default();
        prop_assert_eq!([data("switch_port"), data("host_port")], ends.each_ref().map(String::as_str));

        let (rest, strings) = strings(&dot(&plan));
        prop_assert!(!strings.iter().any(|string| string.chars().any(char::is_control)));
        prop_assert_eq!(&strings[strings.len() - 4..], [ids.clone(), ends.clone()].concat());
        prop_assert!(rest.ends_with("  S -- S [taillabel=S, headlabel=S];\n}\n"), "{}", rest);

        let files = netbox(&plan);
        for (file, columns, rows) in [(&files.devices, 7, 3), (&files.cables, 8, 2)] {
            let records = records(file);
            prop_assert_eq!(records.len(), rows);
            for record in &records {
                prop_assert_eq!(record.len(), columns, "{:?}", record);
                prop_assert!(record.iter().all(|cell| !cell.starts_with(['=', '+', '-', '@'])), "{:?}", record);
            }
        }
        let cable = &records(&files.cables)[1];
        prop_assert_eq!(cable[2].trim_start_matches('\''), ends[0].trim_start_matches('\''));
        prop_assert_eq!(plan.devices.iter().filter(|device| device.kind == Kind::Switch).count(), 1);
    }
}
