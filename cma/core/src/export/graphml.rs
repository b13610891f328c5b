//! GraphML, for yEd, Gephi, NetworkX and others.

use super::harmless;
use super::plan::{Device, Plan, Wire};

/// Attributes of nodes, then of edges: name and type.
const OF_NODES: [(&str, &str); 6] = [
    ("kind", "string"),
    ("site", "string"),
    ("name", "string"),
    ("own_id", "string"),
    ("state", "string"),
    ("addresses", "string"),
];
const OF_EDGES: [(&str, &str); 5] = [
    ("switch_port", "string"),
    ("host_port", "string"),
    ("port_state", "string"),
    ("evidence", "string"),
    ("age_s", "long"),
];

/// The plan in GraphML. Addresses are joined by blanks.
pub fn graphml(plan: &Plan) -> String {
    let mut text = String::from(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<graphml xmlns=\"http://graphml.graphdrawing.org/xmlns\">\n",
    );
    for (domain, attributes) in [("node", &OF_NODES[..]), ("edge", &OF_EDGES[..])] {
        for (name, kind) in attributes {
            text.push_str(&format!(
                "  <key id=\"{name}\" for=\"{domain}\" attr.name=\"{name}\" attr.type=\"{kind}\"/>\n"
            ));
        }
    }
    text.push_str("  <graph id=\"ringmesh\" edgedefault=\"undirected\">\n");
    plan.devices.iter().for_each(|device| text.push_str(&node(device)));
    let wires = plan.wires.iter().filter_map(|wire| Some((wire, plan.ends(wire)?)));
    wires.for_each(|(wire, (switch, host))| text.push_str(&edge(wire, switch, host)));
    text + "  </graph>\n</graphml>\n"
}

fn node(device: &Device) -> String {
    let addresses: Vec<&str> =
        device.ports.iter().flat_map(|port| &port.addresses).map(String::as_str).collect();
    let addresses = addresses.join(" ");
    let values = [device.kind.word(), &device.site, &device.name, &device.own_id, &device.state, &addresses];
    let data = data(OF_NODES.iter().map(|(name, _)| *name).zip(values));
    format!("    <node id=\"{}\">\n{data}    </node>\n", escaped(&device.id))
}

fn edge(wire: &Wire, switch: &Device, host: &Device) -> String {
    let age_s = wire.age_s.to_string();
    let values = [wire.port.as_str(), &wire.ifname, &wire.state, &wire.evidence, &age_s];
    let data = data(OF_EDGES.iter().map(|(name, _)| *name).zip(values));
    let (source, target) = (escaped(&switch.id), escaped(&host.id));
    format!("    <edge source=\"{source}\" target=\"{target}\">\n{data}    </edge>\n")
}

fn data<'a>(values: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    values.map(|(key, value)| format!("      <data key=\"{key}\">{}</data>\n", escaped(value))).collect()
}

/// Sound both in text and between quotes. XML 1.0 has no way to write most control characters: they are replaced.
fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for c in harmless(text).chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&apos;"),
            c => escaped.push(c),
        }
    }
    escaped
}
