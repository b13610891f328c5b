//! What an inventory says is cabled, against what is seen on the wire: `ringmesh diff netbox`.
//!
//! Only cables with a host that has a probe at one end can be compared: nobody tells of links between switches. A cable
//! is found by its host's end (host and port); what differs is the other end.

use std::collections::{BTreeMap, BTreeSet};

use crate::documents::SCHEMA;
use crate::export::csv::records;
use crate::export::plan::{Device, Kind, Plan, Wire};
use crate::export::uncell;
use crate::query::{Answer, Cell};
use crate::view::natural;

/// The columns of the answer.
const COLUMNS: [&str; 6] = ["difference", "host", "interface", "inventory", "seen", "why"];
/// Headings of the ends, as NetBox's import has them and as its list of cables is exported.
const HEADINGS: [(&str, &str); 4] = [
    ("side_a_device", "device a"),
    ("side_a_name", "termination a"),
    ("side_b_device", "device b"),
    ("side_b_name", "termination b"),
];

/// The file is no list of cables. Nothing was compared.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoCables {
    /// A heading is missing.
    #[error(
        "the first line has no column {missing:?}: give NetBox's list of cables, exported with Device A, Termination A, Device B and Termination B, or a file as `ringmesh export netbox` writes it"
    )]
    Heading {
        /// Which, as the import has it.
        missing: &'static str,
    },
    /// There is nothing in it.
    #[error("the file is empty: give NetBox's list of cables")]
    Empty,
}

/// One end of a cable: device and port.
type End = (String, String);

/// Compares an inventory's cables with the wiring. No rows: they say the same.
pub fn diff(plan: &Plan, cables: &str) -> Result<Answer, NoCables> {
    let listed = Listed::read(cables)?;
    let mut comparison = Comparison::of(plan);
    let mut rows: Vec<[String; 6]> = Vec::new();
    let (mut strange, mut compared) = (0_usize, 0_usize);
    for (a, b) in &listed.cables {
        let Some((own, far)) = comparison.host_first(a, b) else {
            strange += 1;
            continue;
        };
        compared += 1;
        rows.extend(comparison.compare(own, far));
    }
    rows.extend(comparison.unexpected());
    rows.sort_by_cached_key(|row| (natural(&row[1]), natural(&row[2]), row.clone()));
    rows.dedup();
    let mut notes = vec![format!("cables compared: {compared}; wires seen: {}", plan.wires.len())];
    if strange > 0 {
        notes.push(format!("cables with no host of ringmesh at either end, not compared: {strange}"));
    }
    if listed.planned > 0 {
        notes.push(format!(
            "cables that the inventory does not call connected, not compared: {}",
            listed.planned
        ));
    }
    let columns: Vec<String> = COLUMNS.map(str::to_owned).into();
    let cells = |row: [String; 6]| columns.iter().cloned().zip(row.map(Cell::Text)).collect();
    let rows = rows.into_iter().map(cells).collect();
    let (query, argument) = ("diff netbox".to_owned(), String::new());
    Ok(Answer { schema: SCHEMA, query, argument, at_ms: plan.at_ms, columns, rows, notes })
}

/// The cables of a file.
struct Listed {
    cables: Vec<(End, End)>,
    planned: usize,
}

impl Listed {
    fn read(text: &str) -> Result<Self, NoCables> {
        let mut records = records(text).into_iter();
        let headings = records.next().ok_or(NoCables::Empty)?;
        let headings: Vec<String> = headings.iter().map(|heading| heading.trim().to_lowercase()).collect();
        let place = |names: [&str; 2]| headings.iter().position(|heading| names.contains(&heading.as_str()));
        let mut ends = [0; 4];
        for (end, (missing, listed)) in ends.iter_mut().zip(HEADINGS) {
            *end = place([missing, listed]).ok_or(NoCables::Heading { missing })?;
        }
        let status = place(["status", "status"]);
        let mut listed = Self { cables: Vec::new(), planned: 0 };
        for record in records {
            let cell = |at: usize| record.get(at).map_or("", |cell| uncell(cell.trim())).to_owned();
            let status = status.map(cell).unwrap_or_default().to_lowercase();
            if !["", "connected"].contains(&status.as_str()) {
                listed.planned += 1;
                continue;
            }
            let [a, a_port, b, b_port] = ends.map(cell);
            listed.cables.push(((a, a_port), (b, b_port)));
        }
        Ok(listed)
    }
}

/// The wiring, by the ends of hosts.
struct Comparison<'a> {
    plan: &'a Plan,
    hosts: BTreeMap<String, Vec<&'a Device>>,
    wires: BTreeMap<(String, String), Vec<&'a Wire>>,
    /// Ends of hosts that the inventory has a cable for.
    listed: BTreeSet<(String, String)>,
}

impl<'a> Comparison<'a> {
    fn of(plan: &'a Plan) -> Self {
        let mut hosts: BTreeMap<String, Vec<&Device>> = BTreeMap::new();
        for host in plan.devices.iter().filter(|device| device.kind == Kind::Host) {
            hosts.entry(host.name.to_lowercase()).or_default().push(host);
        }
        let mut wires: BTreeMap<(String, String), Vec<&Wire>> = BTreeMap::new();
        for wire in &plan.wires {
            let Some((_, host)) = plan.ends(wire) else { continue };
            wires.entry((host.name.to_lowercase(), wire.ifname.to_lowercase())).or_default().push(wire);
        }
        Self { plan, hosts, wires, listed: BTreeSet::new() }
    }

    /// The end that is a host of ringmesh, then the other one.
    fn host_first<'e>(&self, a: &'e End, b: &'e End) -> Option<(&'e End, &'e End)> {
        let known = |end: &End| self.hosts.contains_key(&end.0.to_lowercase());
        match (known(a), known(b)) {
            (_, true) => Some((b, a)),
            (true, false) => Some((a, b)),
            (false, false) => None,
        }
    }

    fn compare(&mut self, own: &End, far: &End) -> Option<[String; 6]> {
        let key = (own.0.to_lowercase(), own.1.to_lowercase());
        self.listed.insert(key.clone());
        let wires = self.wires.get(&key).map_or(&[][..], Vec::as_slice);
        if wires.iter().any(|wire| self.is_at(wire, far)) {
            return None;
        }
        let inventory = format!("{} {}", far.0, far.1);
        let row = |what: &str, seen, why: &str| {
            Some([what.to_owned(), own.0.clone(), own.1.clone(), inventory.clone(), seen, why.to_owned()])
        };
        match wires {
            [] => row("missing", "-".to_owned(), &self.why_unseen(&key)),
            [..] => {
                let seen: Vec<String> = wires.iter().map(|wire| self.far_end(wire)).collect();
                row("different", seen.join(", "), wires.first().map_or("", |wire| remembered(wire)))
            }
        }
    }

    /// What is seen and stands in no row of the inventory.
    fn unexpected(&self) -> Vec<[String; 6]> {
        let unlisted = self.wires.iter().filter(|(key, _)| !self.listed.contains(*key));
        let rows = unlisted.flat_map(|(_, wires)| wires).filter_map(|wire| {
            let (_, host) = self.plan.ends(wire)?;
            let (host, ifname) = (host.name.clone(), wire.ifname.clone());
            let (seen, why) = (self.far_end(wire), remembered(wire).to_owned());
            Some(["unexpected".to_owned(), host, ifname, "-".to_owned(), seen, why])
        });
        rows.collect()
    }

    fn is_at(&self, wire: &Wire, far: &End) -> bool {
        let Some((switch, _)) = self.plan.ends(wire) else { return false };
        let device = [&switch.name, &switch.own_id].into_iter().any(|name| name.eq_ignore_ascii_case(&far.0));
        device && same_port(&wire.port, &far.1)
    }

    fn far_end(&self, wire: &Wire) -> String {
        self.plan.ends(wire).map_or_else(String::new, |(switch, _)| format!("{} {}", switch.name, wire.port))
    }

    fn why_unseen(&self, (host, ifname): &(String, String)) -> String {
        let ports = self.hosts.get(host).into_iter().flatten().flat_map(|host| &host.ports);
        let port = ports.into_iter().find(|port| port.name.to_lowercase() == *ifname);
        match port {
            None => "the host has no such port that can be watched".to_owned(),
            Some(port) if port.reason.is_empty() => "no switch is heard on it".to_owned(),
            Some(port) => port.reason.clone(),
        }
    }
}

fn remembered(wire: &Wire) -> &'static str {
    if wire.evidence == "cache" { "remembered, not heard again" } else { "" }
}

/// One port under its long and its short name: `GigabitEthernet1/0/7` and `Gi1/0/7`.
fn same_port(a: &str, b: &str) -> bool {
    let parts = |port: &str| {
        let port = port.to_lowercase();
        let digits = port.find(|c: char| c.is_ascii_digit()).unwrap_or(port.len());
        let (word, number) = port.split_at(digits);
        (word.trim_end().to_owned(), number.to_owned())
    };
    let ((a_word, a_number), (b_word, b_number)) = (parts(a), parts(b));
    let short = |short: &str, long: &str| short.len() >= 2 && long.starts_with(short) && !a_number.is_empty();
    a_number == b_number && (a_word == b_word || short(&a_word, &b_word) || short(&b_word, &a_word))
}

#[cfg(test)]
mod tests;
