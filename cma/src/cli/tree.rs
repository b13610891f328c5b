//! `ringmesh tree`: site, switch, port, host.

use std::collections::{BTreeMap, BTreeSet};

use ringmesh_cma_core::calendar;
use ringmesh_cma_core::documents::{
    BondDoc, FallbackRingDoc, HostDoc, PortDoc, RingDoc, SiteDoc, SwitchDoc, Tree,
};

use super::paint::{Paint, Tone, WIDTH, harmless, wrapped_to};

/// Columns that are left beside the rails.
const ROOM: usize = WIDTH - 6;

/// The whole tree.
pub(crate) fn text(paint: &Paint, tree: &Tree) -> String {
    if tree.sites.is_empty() {
        return "no relay has told of a site yet; see ringmesh status\n".to_owned();
    }
    sites(paint, tree, "in no ring yet")
}

/// All sites; `lone` says what hosts are that hang on no switch.
fn sites(paint: &Paint, tree: &Tree, lone: &str) -> String {
    tree.sites.iter().map(|site| site_text(paint, site, lone)).collect::<Vec<_>>().join("\n")
}

/// The tree of a moment that is past.
pub(crate) fn past(paint: &Paint, tree: &Tree, at_ms: u64) -> String {
    if tree.sites.is_empty() {
        return format!("{}; nothing was known then\n", calendar::utc(at_ms));
    }
    let then = Paint { now_ms: at_ms, ..*paint };
    format!("{}\n\n{}", as_of(at_ms), sites(&then, tree, "on no known switch"))
}

/// What has to be said of every tree that is past.
pub(crate) fn as_of(at_ms: u64) -> String {
    format!("as of {}; rings are not part of the past", calendar::utc(at_ms))
}

type Hosts<'a> = BTreeMap<&'a str, &'a HostDoc>;

/// A line with the lines below it, which may be several lines each.
struct Branch {
    line: String,
    below: Vec<String>,
}

fn site_text(paint: &Paint, site: &SiteDoc, lone: &str) -> String {
    let relays: Vec<String> = site
        .relays
        .iter()
        .map(|relay| {
            let acts = if relay.active { ", acts" } else { "" };
            format!("relay {} {}{acts}", relay.id, paint.state(&relay.state))
        })
        .collect();
    let name = paint.tone(Tone::Strong, &site.id);
    let mut text = format!("site {name}  {}  ({})\n", paint.state(&site.state), relays.join("; "));
    let hosts: Hosts = site.hosts.iter().map(|host| (host.id.as_str(), host)).collect();
    let mut branches: Vec<Branch> =
        site.switches.iter().map(|switch| switch_branch(paint, &hosts, switch)).collect();
    branches.extend(site.fallback_rings.iter().map(|ring| fallback_branch(paint, &hosts, ring)));
    branches.extend(lone_branch(paint, site, lone));
    branches.extend(
        site.site_rings
            .iter()
            .map(|ring| Branch { line: "site ring of delegates".to_owned(), below: ring_lines(ring) }),
    );
    let last = branches.len();
    for (at, branch) in branches.iter().enumerate() {
        draw(&mut text, branch, at + 1 == last);
    }
    text
}

fn draw(text: &mut String, branch: &Branch, last: bool) {
    let (fork, rail) = if last { ("└─ ", "   ") } else { ("├─ ", "│  ") };
    text.push_str(&format!("{fork}{}\n", branch.line));
    for (at, line) in branch.below.iter().enumerate() {
        let (fork, inner) =
            if at + 1 == branch.below.len() { ("└─ ", "   ") } else { ("├─ ", "│  ") };
        for (row, line) in line.lines().enumerate() {
            text.push_str(&format!("{rail}{}{line}\n", if row == 0 { fork } else { inner }));
        }
    }
}

fn switch_branch(paint: &Paint, hosts: &Hosts, switch: &SwitchDoc) -> Branch {
    let name = paint.tone(Tone::Strong, &switch.name);
    let id = if switch.id == switch.name {
        String::new()
    } else {
        format!("  {}", paint.tone(Tone::Calm, &switch.id))
    };
    let line = format!("switch {name}  {}{id}", paint.state(&switch.state));
    let widest = |width: fn(&PortDoc) -> usize| switch.ports.iter().map(width).max().unwrap_or(0);
    let widths = (widest(|port| port.port.chars().count()), widest(|port| port.host.chars().count()));
    let mut below: Vec<String> =
        switch.ports.iter().map(|port| port_line(paint, hosts, port, widths)).collect();
    below.extend(switch.rings.iter().flat_map(ring_lines));
    Branch { line, below }
}

fn port_line(paint: &Paint, known: &Hosts, port: &PortDoc, (ports, hosts): (usize, usize)) -> String {
    let host = known.get(port.host.as_str());
    let mut line = format!(
        "{:ports$}  {:hosts$}  {}  {}",
        harmless(&port.port),
        harmless(&port.host),
        paint.state(&port.state),
        paint.tone(Tone::Calm, &format!("{} {}, {}", port.evidence, calendar::span(port.age_s), port.ifname)),
    );
    line.push_str(&port.bond.as_ref().map_or_else(String::new, bond_words));
    line.push_str(&host.map_or_else(String::new, |host| remarks(paint, host)));
    line
}

/// `, standby in bond0 (active-backup)`; of LACP also which system is at the other end.
fn bond_words(bond: &BondDoc) -> String {
    let role = if bond.active { "active" } else { "standby" };
    let partner = if bond.partner_system.is_empty() {
        String::new()
    } else {
        format!(", partner {}", harmless(&bond.partner_system))
    };
    format!(", {role} in {} ({}{partner})", harmless(&bond.ifname), harmless(&bond.mode))
}

/// What is out of the ordinary about a host.
fn remarks(paint: &Paint, host: &HostDoc) -> String {
    let mut remarks = String::new();
    if host.dual_homed {
        remarks.push_str(", dual-homed");
    }
    if host.class != "normal" {
        remarks.push_str(&format!(", {}", harmless(&host.class)));
    }
    if host.state != "up" {
        remarks.push_str(&format!(", for {}", paint.ago(host.since_ms)));
    }
    remarks
}

fn fallback_branch(paint: &Paint, hosts: &Hosts, ring: &FallbackRingDoc) -> Branch {
    let reason = if ring.reason.is_empty() { "no switch known" } else { &ring.reason };
    let line = format!("{}  {}", paint.tone(Tone::Doubtful, "fallback ring"), harmless(&ring.key));
    let mut below = vec![wrapped_to(ROOM, "why: ", reason)];
    below.extend(ring.members.iter().map(|member| {
        hosts.get(member.as_str()).map_or_else(|| harmless(member), |host| host_line(paint, host))
    }));
    Branch { line, below }
}

fn host_line(paint: &Paint, host: &HostDoc) -> String {
    let why = host.places.iter().map(|place| place.reason.as_str()).find(|reason| !reason.is_empty());
    let why = why.map_or_else(String::new, |why| format!("  {}", paint.tone(Tone::Calm, why)));
    format!("{}  {}{}{why}", harmless(&host.id), paint.state(&host.state), remarks(paint, host))
}

/// Hosts that hang on no switch and are in no ring: just here, or not yet understood.
fn lone_branch(paint: &Paint, site: &SiteDoc, title: &str) -> Option<Branch> {
    let ringed: BTreeSet<&String> = site.fallback_rings.iter().flat_map(|ring| &ring.members).collect();
    let wired: BTreeSet<&String> =
        site.switches.iter().flat_map(|switch| &switch.ports).map(|port| &port.host).collect();
    let lone = site.hosts.iter().filter(|host| !ringed.contains(&host.id) && !wired.contains(&host.id));
    let below: Vec<String> = lone.map(|host| host_line(paint, host)).collect();
    let line = paint.tone(Tone::Doubtful, title);
    (!below.is_empty()).then_some(Branch { line, below })
}

/// `ring 10.77.0.0/16 (4 members, generation 1.4): h1* h2 h3* h4`, cut where the line is full.
fn ring_lines(ring: &RingDoc) -> Vec<String> {
    let count = ring.members.len();
    let domain = if ring.domain.is_empty() { String::new() } else { format!("{} ", harmless(&ring.domain)) };
    let mut line = format!("ring {domain}({count}, generation {}):", harmless(&ring.generation));
    for (at, member) in ring.members.iter().enumerate() {
        let star = if ring.delegates.contains(member) { "*" } else { "" };
        let word = format!(" {}{star}", harmless(member));
        let more = format!(" and {} more", count - at);
        if line.chars().count() + word.chars().count() + more.len() > ROOM && at + 1 < count {
            line.push_str(&more);
            break;
        }
        line.push_str(&word);
    }
    vec![line]
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn a_tree_of_the_past_says_so_and_counts_from_then() {
        let host = json!({
            "id": "h1", "state": "silent", "since_ms": 1_700_000_000_000_u64, "class": "normal",
            "dual_homed": false, "places": [],
        });
        let site = json!({
            "id": "lab", "state": "up", "relays": [], "switches": [], "fallback_rings": [], "site_rings": [],
            "hosts": [host],
        });
        let tree = |sites: Value| -> Tree {
            serde_json::from_value(json!({ "schema": 1, "sites": sites })).unwrap()
        };
        let paint = Paint { color: false, now_ms: 1_800_000_000_000 };
        let then = past(&paint, &tree(json!([site])), 1_700_000_060_000);
        assert!(
            then.starts_with("as of 2023-11-14 22:14:20 UTC; rings are not part of the past\n\n"),
            "{then}"
        );
        assert!(then.contains("on no known switch") && then.contains("h1  SILENT, for 1 min"), "{then}");
        let nothing = past(&paint, &tree(json!([])), 1_700_000_060_000);
        assert_eq!(nothing, "2023-11-14 22:14:20 UTC; nothing was known then\n");
    }
}
