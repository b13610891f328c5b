//! A NetJSON `NetworkGraph` (<https://netjson.org/rfc.html>).

use std::collections::BTreeMap;

use serde::Serialize;

use super::harmless;
use super::plan::{Device, Plan, Wire};

#[derive(Serialize)]
struct NetworkGraph {
    r#type: &'static str,
    protocol: &'static str,
    version: &'static str,
    /// There is none: every wire costs the same.
    metric: Option<String>,
    label: &'static str,
    nodes: Vec<Node>,
    links: Vec<Link>,
}

#[derive(Serialize)]
struct Node {
    id: String,
    label: String,
    /// Without prefix lengths, as NetJSON wants them.
    local_addresses: Vec<String>,
    properties: BTreeMap<&'static str, String>,
}

#[derive(Serialize)]
struct Link {
    source: String,
    target: String,
    cost: u32,
    properties: BTreeMap<&'static str, String>,
}

/// The plan as a NetJSON document; an error is one of the encoder.
pub fn netjson(plan: &Plan) -> Result<String, serde_json::Error> {
    let wires = plan.wires.iter().filter_map(|wire| Some((wire, plan.ends(wire)?)));
    let graph = NetworkGraph {
        r#type: "NetworkGraph",
        protocol: "ringmesh",
        version: env!("CARGO_PKG_VERSION"),
        metric: None,
        label: "wiring seen by ringmesh",
        nodes: plan.devices.iter().map(node).collect(),
        links: wires.map(|(wire, (switch, host))| link(wire, switch, host)).collect(),
    };
    Ok(serde_json::to_string_pretty(&graph)? + "\n")
}

fn node(device: &Device) -> Node {
    let addresses = device.ports.iter().flat_map(|port| &port.addresses);
    let bare = |address: &String| harmless(address.split('/').next().unwrap_or_default());
    let properties = [
        ("kind", device.kind.word()),
        ("site", &device.site),
        ("own_id", &device.own_id),
        ("state", &device.state),
    ];
    Node {
        id: harmless(&device.id),
        label: harmless(&device.name),
        local_addresses: addresses.map(bare).collect(),
        properties: properties.map(|(key, value)| (key, harmless(value))).into(),
    }
}

fn link(wire: &Wire, switch: &Device, host: &Device) -> Link {
    let age_s = wire.age_s.to_string();
    let properties = [
        ("switch_port", wire.port.as_str()),
        ("host_port", &wire.ifname),
        ("port_state", &wire.state),
        ("evidence", &wire.evidence),
        ("age_s", &age_s),
    ];
    Link {
        source: harmless(&switch.id),
        target: harmless(&host.id),
        cost: 1,
        properties: properties.map(|(key, value)| (key, harmless(value))).into(),
    }
}
