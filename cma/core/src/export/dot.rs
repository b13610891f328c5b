//! For Graphviz: a box for each switch, an ellipse for each host, sites as clusters.

use super::harmless;
use super::plan::{Device, Kind, Plan};

/// The plan in the DOT language. A dashed line is a wire that is remembered and was not heard again; what is not up
/// has a bold border, and says so.
pub fn dot(plan: &Plan) -> String {
    let mut text =
        String::from("graph ringmesh {\n  graph [rankdir=LR];\n  node [fontname=\"sans-serif\"];\n");
    let mut rest = plan.devices.as_slice();
    while let Some(first) = rest.first() {
        let (site, others) =
            rest.split_at(rest.iter().take_while(|device| device.site == first.site).count());
        text.push_str(&cluster(&first.site, site));
        rest = others;
    }
    for wire in &plan.wires {
        let Some((switch, host)) = plan.ends(wire) else { continue };
        let style = if wire.evidence == "cache" { ", style=dashed" } else { "" };
        text.push_str(&format!(
            "  {} -- {} [taillabel={}, headlabel={}{style}];\n",
            quoted(&switch.id),
            quoted(&host.id),
            quoted(&wire.port),
            quoted(&wire.ifname),
        ));
    }
    text + "}\n"
}

fn cluster(site: &str, devices: &[Device]) -> String {
    let mut text =
        format!("  subgraph {} {{\n    label={};\n", quoted(&format!("cluster_{site}")), quoted(site));
    for device in devices {
        let shape = match device.kind {
            Kind::Switch => "box",
            Kind::Host => "ellipse",
        };
        let (label, style) = match device.state.as_str() {
            "up" => (device.name.clone(), ""),
            state => (format!("{} ({state})", device.name), ", style=bold"),
        };
        text.push_str(&format!(
            "    {} [label={}, shape={shape}{style}];\n",
            quoted(&device.id),
            quoted(&label)
        ));
    }
    text + "  }\n"
}

/// A quoted string. A backslash is doubled: before the closing quote it would eat it, and in a label it begins an
/// escape such as `\N`.
fn quoted(text: &str) -> String {
    format!("\"{}\"", harmless(text).replace('\\', "\\\\").replace('"', "\\\""))
}
