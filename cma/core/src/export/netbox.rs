//! CSV for NetBox's import pages: devices, then interfaces, then cables, with the columns that those pages want.
//!
//! NetBox refuses rows that name what it does not have, so what has to be there first stands in every row under one
//! name that can be made in a minute: the site, the roles `switch` and `host`, the manufacturer `unknown` with the
//! device types `unknown switch` and `unknown host`. A cable ends in one interface at each side; where several hosts
//! show on one switch port (behind a small switch that says nothing, say), no cable is written and the port is named.

use std::collections::{BTreeMap, BTreeSet};

use super::harmless;
use super::plan::{Device, Kind, Plan};

/// The three files, and what could not be put into them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NetBox {
    /// `devices.csv`.
    pub devices: String,
    /// `interfaces.csv`.
    pub interfaces: String,
    /// `cables.csv`.
    pub cables: String,
    /// In words, a line each.
    pub left_out: Vec<String>,
}

const DEVICES: [&str; 7] = ["name", "role", "manufacturer", "device_type", "status", "site", "description"];
const INTERFACES: [&str; 5] = ["device", "name", "lag", "type", "description"];
const CABLES: [&str; 8] = [
    "side_a_device",
    "side_a_type",
    "side_a_name",
    "side_b_device",
    "side_b_type",
    "side_b_name",
    "status",
    "description",
];
/// What a spreadsheet takes for the beginning of a formula, and what guards against that.
const FORMULA: [char; 5] = ['=', '+', '-', '@', '\''];
/// The kind of thing that ends a cable.
const INTERFACE: &str = "dcim.interface";

/// The plan as three CSV files.
pub fn netbox(plan: &Plan) -> NetBox {
    let mut files = NetBox { devices: row(DEVICES), interfaces: row(INTERFACES), ..NetBox::default() };
    for device in &plan.devices {
        files.devices.push_str(&device_row(device));
        files.interfaces.push_str(&interface_rows(device));
    }
    (files.cables, files.left_out) = cables(plan);
    files.left_out.extend(twice_named(plan));
    files
}

fn device_row(device: &Device) -> String {
    let kind = device.kind.word();
    let (kind_of, about) = (format!("unknown {kind}"), format!("seen by ringmesh as {}", device.own_id));
    row([&device.name, kind, "unknown", &kind_of, "active", &device.site, &about])
}

/// Bonds before their ports, for a port names its bond.
fn interface_rows(device: &Device) -> String {
    let bonds: BTreeSet<&str> =
        device.ports.iter().filter_map(|port| Some(port.bond.as_ref()?.ifname.as_str())).collect();
    let mut rows: String = bonds.iter().map(|bond| row([&device.name, bond, "", "lag", ""])).collect();
    let mut written = bonds.clone();
    for port in &device.ports {
        if !written.insert(&port.name) {
            continue;
        }
        let bond = port.bond.as_ref().map_or("", |bond| bond.ifname.as_str());
        rows.push_str(&row([&device.name, &port.name, bond, "other", &port.addresses.join(" ")]));
    }
    rows
}

fn cables(plan: &Plan) -> (String, Vec<String>) {
    let mut on_port: BTreeMap<(usize, &str), Vec<usize>> = BTreeMap::new();
    for (at, wire) in plan.wires.iter().enumerate() {
        on_port.entry((wire.switch, &wire.port)).or_default().push(at);
    }
    let (mut text, mut left_out) = (row(CABLES), Vec::new());
    for wire in &plan.wires {
        let Some((switch, host)) = plan.ends(wire) else { continue };
        let on = on_port.get(&(wire.switch, wire.port.as_str())).map_or(0, Vec::len);
        if on > 1 {
            let line = format!("{} {}: {on} wires show on one port", switch.name, wire.port);
            if left_out.last() != Some(&line) {
                left_out.push(line);
            }
            continue;
        }
        let about = format!("seen by ringmesh, {}", wire.evidence);
        let (a, b) = (&switch.name, &host.name);
        text.push_str(&row([a, INTERFACE, &wire.port, b, INTERFACE, &wire.ifname, "connected", &about]));
    }
    (text, left_out)
}

/// NetBox finds the device of an interface or a cable by its name alone.
fn twice_named(plan: &Plan) -> Vec<String> {
    let mut sites: BTreeMap<&str, Vec<(&str, Kind)>> = BTreeMap::new();
    plan.devices
        .iter()
        .for_each(|device| sites.entry(&device.name).or_default().push((&device.site, device.kind)));
    let twice = sites.into_iter().filter(|(_, sites)| sites.len() > 1);
    twice
        .map(|(name, of)| {
            let of: Vec<String> =
                of.iter().map(|(site, kind)| format!("{} at {site}", kind.word())).collect();
            format!(
                "{name}: {} devices have this name ({}); rename before importing",
                of.len(),
                of.join(", ")
            )
        })
        .collect()
}

fn row<const N: usize>(cells: [&str; N]) -> String {
    cells.map(cell).join(",") + "\r\n"
}

/// One cell. What a spreadsheet would take for a formula gets an apostrophe before it, which spreadsheets show
/// as text; so does a cell that begins with one, to be told apart.
fn cell(text: &str) -> String {
    let text = harmless(text);
    let formula = text.starts_with(FORMULA);
    let text = if formula { format!("'{text}") } else { text };
    let plain = !text.contains(['"', ',', ';']) && text.trim() == text;
    if plain { text } else { format!("\"{}\"", text.replace('"', "\"\"")) }
}

/// A cell as it was before [`cell`] guarded it.
pub(crate) fn uncell(text: &str) -> &str {
    match text.strip_prefix('\'') {
        Some(rest) if rest.starts_with(FORMULA) => rest,
        Some(_) | None => text,
    }
}
