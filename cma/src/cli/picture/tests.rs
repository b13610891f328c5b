//! What a picture promises, over made-up networks.

use ringmesh_cma_core::documents::{
    AlternativeDoc, FallbackRingDoc, HostDoc, IncidentDoc, PortDoc, RingDoc, SubjectDoc, SwitchDoc, TreeRelay,
};

use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::drawing::{Label, Shape};
use super::*;

/// Names of hosts, by number.
type Naming = fn(usize) -> String;

fn short(n: usize) -> String {
    format!("h{n}")
}

fn long(n: usize) -> String {
    format!("web-frontend-{n:04}.rack-7.example.net")
}

fn hostile(n: usize) -> String {
    format!("</text><script>alert('{n}')</script>&\"\u{1b}[2J\u{202e}\u{ffff}]]>")
}

fn host(name: String, state: &str) -> HostDoc {
    HostDoc {
        id: name,
        state: state.into(),
        since_ms: 0,
        class: "normal".into(),
        dual_homed: false,
        places: vec![],
    }
}

fn ring(members: &[String], delegates: usize) -> RingDoc {
    RingDoc {
        domain: "10.77.0.0/16".into(),
        generation: "1.1".into(),
        members: members.to_vec(),
        delegates: members.iter().take(delegates).cloned().collect(),
    }
}

/// A site whose switches have so many hosts each.
fn site(id: &str, switches: &[usize], naming: Naming) -> SiteDoc {
    let relay = TreeRelay { id: 1, state: "connected".into(), active: true };
    let mut site: SiteDoc = document(json!({
        "id": id, "state": "up", "relays": [relay], "switches": [], "fallback_rings": [], "site_rings": [], "hosts": [],
    }));
    let mut delegates = vec!["r1".to_owned()];
    for (at, count) in switches.iter().enumerate() {
        let from = site.hosts.len();
        let hosts: Vec<String> = (from..from + count).map(|n| naming(n + 1)).collect();
        site.hosts.extend(hosts.iter().map(|name| host(name.clone(), "up")));
        delegates.extend(hosts.iter().take(2).cloned());
        site.switches.push(switch(at + 1, &hosts));
    }
    site.site_rings.push(ring(&delegates, 0));
    site
}

fn switch(number: usize, hosts: &[String]) -> SwitchDoc {
    let port = |(at, host): (usize, &String)| PortDoc {
        port: format!("p{}", at + 1),
        host: host.clone(),
        state: "up".into(),
        evidence: "lldp".into(),
        age_s: 60,
        ifname: "eth0".into(),
        bond: None,
    };
    SwitchDoc {
        id: format!("02:00:00:00:01:{number:02x}"),
        name: format!("tor-{number}"),
        state: "up".into(),
        ports: hosts.iter().enumerate().map(port).collect(),
        rings: if hosts.is_empty() { vec![] } else { vec![ring(hosts, 2)] },
    }
}

/// A host dies and leaves its ring.
fn kill(site: &mut SiteDoc, at_switch: usize, at: usize) {
    let switch = &mut site.switches[at_switch];
    let name = switch.ports[at].host.clone();
    switch.ports[at].state = "silent".into();
    switch.rings[0].members.retain(|member| *member != name);
    site.hosts.iter_mut().find(|host| host.id == name).unwrap().state = "silent".into();
}

fn incident(verdict: &str, severity: &str, site: &str, kind: &str, id: &str, name: &str) -> IncidentDoc {
    let subject = SubjectDoc { kind: kind.into(), id: id.into(), name: name.into() };
    IncidentDoc {
        id: "00ab12cd34ef5678".into(),
        verdict: verdict.into(),
        state: "open".into(),
        severity: severity.into(),
        alternatives: vec![AlternativeDoc {
            verdict: verdict.into(),
            subject: subject.clone(),
            permille: 1_000,
        }],
        subject,
        silent_since_ms: 0,
        opened_ms: 0,
        paged_ms: 0,
        closed_ms: 0,
        revisions: vec![],
        behind: vec![],
        witnesses: vec![],
        pages: 0,
        path: vec![],
        site: site.into(),
        silent: 0,
        notified: false,
    }
}

fn incidents(incidents: Vec<IncidentDoc>) -> Incidents {
    Incidents { schema: 1, incidents }
}

fn tree(sites: Vec<SiteDoc>) -> Tree {
    document(json!({ "schema": 1, "sites": sites }))
}

/// As it came from a CMA, which may know more of it.
fn document<T: DeserializeOwned>(json: Value) -> T {
    serde_json::from_value(json).unwrap()
}

/// Two switches, one host dead, a fallback ring, a host in no ring, two incidents.
fn small() -> (Tree, Incidents) {
    let mut lab = site("lab", &[5, 4], short);
    kill(&mut lab, 0, 2);
    lab.switches[1].state = "down".into();
    lab.fallback_rings.push(FallbackRingDoc {
        key: "10.78.0.0/24".into(),
        reason: "no LLDP heard on eth2 (i40e): NIC firmware agent?".into(),
        members: vec!["f1".into(), "f2".into(), "f3".into()],
        generation: "1.2".into(),
        delegates: vec!["f1".into()],
    });
    lab.hosts.extend(["f1", "f2", "f3"].map(|name| host(name.into(), "up")));
    lab.hosts.push(host("new".into(), "planned"));
    let open = incidents(vec![
        incident("HostOrCable", "ticket", "lab", "host", "h3", "h3"),
        incident("SwitchDown|UplinkCut", "page", "lab", "switch", "02:00:00:00:01:02", "tor-2"),
    ]);
    (tree(vec![lab]), open)
}

/// Networks of all sizes that a picture is for.
fn networks() -> Vec<(&'static str, Tree, Incidents)> {
    let none = || incidents(vec![]);
    let many = |sites: usize, switches: &[usize], naming| {
        tree((0..sites).map(|at| site(&format!("site-{at}"), switches, naming)).collect())
    };
    let mut dark = many(8, &[6, 7], short);
    dark.sites[3].state = "unknown".into();
    dark.sites[3].relays[0].state = "away".into();
    let cut = incidents(vec![incident("SiteCut|SiteDark", "page", "site-3", "site", "site-3", "site-3")]);
    let mut rack = many(1, &[48; 24], long);
    (0..48).for_each(|at| kill(&mut rack.sites[0], 5, at));
    let (tree, open) = small();
    vec![
        ("small", tree, open),
        ("empty", many(0, &[], short), none()),
        ("one", many(1, &[1, 2, 3, 0], short), none()),
        ("twelve", many(1, &[12, 11, 10, 9, 8], long), none()),
        ("full-named", many(1, &[48, 48, 48, 13], long), none()),
        ("full", rack, none()),
        ("dark", dark, cut),
        ("large", many(8, &[48; 24], short), none()),
        ("hostile", many(2, &[5, 14], hostile), none()),
    ]
}

fn drawn(tree: &Tree, incidents: &Incidents) -> Drawing {
    page(tree, &Marks::of(tree, incidents), None)
}

#[test]
fn a_picture_is_well_formed_whatever_the_names() {
    for (name, tree, incidents) in networks() {
        let svg = svg(&tree, &incidents, None);
        let parsed = roxmltree::Document::parse(&svg).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(parsed.descendants().all(|node| !node.has_tag_name("script")), "{name}");
        assert!(!svg.contains(['\u{1b}', '\u{202e}']), "{name}");
        assert!(!svg.contains("NaN") && !svg.contains("inf"), "{name}");
    }
}

#[test]
fn the_same_tree_gives_the_same_octets() {
    let (tree, open) = small();
    assert_eq!(svg(&tree, &open, None), svg(&tree.clone(), &open.clone(), None));
}

#[test]
fn no_label_lies_on_another() {
    for (name, tree, incidents) in networks() {
        let drawing = drawn(&tree, &incidents);
        let overlap = first_overlap(&drawing.labels);
        assert!(overlap.is_none(), "{name}: {overlap:?}");
    }
}

fn first_overlap(labels: &[Label]) -> Option<(&Label, &Label)> {
    labels.iter().enumerate().find_map(|(at, label)| {
        labels.iter().skip(at + 1).find(|other| label.overlaps(other)).map(|other| (label, other))
    })
}

#[test]
fn no_label_leaves_its_frame_and_no_frame_crosses_another() {
    for (name, tree, incidents) in networks() {
        let drawing = drawn(&tree, &incidents);
        let frames: Vec<(f64, f64, f64, f64)> = drawing
            .back
            .iter()
            .filter_map(|shape| match shape {
                Shape::Rect { x, y, w, h, .. } => Some((*x, *y, x + w, y + h)),
                _ => None,
            })
            .collect();
        for (at, a) in frames.iter().enumerate() {
            for b in frames.iter().skip(at + 1) {
                let apart = a.2 <= b.0 || b.2 <= a.0 || a.3 <= b.1 || b.3 <= a.1;
                let within = |a: &(f64, f64, f64, f64), b: &(f64, f64, f64, f64)| {
                    a.0 <= b.0 && a.1 <= b.1 && a.2 >= b.2 && a.3 >= b.3
                };
                assert!(apart || within(a, b) || within(b, a), "{name}: {a:?} {b:?}");
            }
        }
        for label in &drawing.labels {
            for frame in &frames {
                let inside = label
                    .corners()
                    .iter()
                    .filter(|(x, y)| *x > frame.0 && *x < frame.2 && *y > frame.1 && *y < frame.3)
                    .count();
                assert!(inside == 0 || inside == 4, "{name}: {label:?} {frame:?}");
            }
        }
    }
}

#[test]
fn hosts_are_named_while_there_is_room_and_later_only_if_they_are_not_well() {
    let named = |drawing: &Drawing, name: &str| drawing.labels.iter().any(|label| label.text == name);
    let few = tree(vec![site("lab", &[48, 48], short)]);
    let drawing = drawn(&few, &incidents(vec![]));
    assert!((1..=96).all(|n| named(&drawing, &short(n))));
    let mut many = tree(vec![site("lab", &[48; 6], short)]);
    kill(&mut many.sites[0], 1, 7);
    let drawing = drawn(&many, &incidents(vec![]));
    assert!(named(&drawing, "h56") && !named(&drawing, "h55"));
}

#[test]
fn a_domain_that_all_hosts_share_is_left_out_of_their_names() {
    let cases = [
        (["a.x.example.net", "b.x.example.net"], ["a", "b"]),
        (["a.x.example.net", "b.y.example.net"], ["a.x", "b.y"]),
        (["10.0.0.1", "11.0.0.1"], ["10.0.0.1", "11.0.0.1"]),
        (["net", "a.net"], ["net", "a.net"]),
    ];
    for (names, want) in cases {
        let mut lab = site("lab", &[2], short);
        for (at, name) in names.iter().enumerate() {
            lab.hosts[at].id = (*name).into();
            lab.switches[0].rings[0].members[at] = (*name).into();
            lab.switches[0].ports[at].host = (*name).into();
        }
        let drawing = drawn(&tree(vec![lab]), &incidents(vec![]));
        for want in want {
            assert!(drawing.labels.iter().any(|label| label.text == want), "{names:?}: {want}");
        }
    }
}

#[test]
fn every_open_incident_stands_at_what_it_is_about() {
    let relay = |id: &str| incident("RelayDown", "ticket", "lab", "relay", id, id);
    let cases = [
        (incident("HostDown", "page", "lab", "host", "h2", "h2"), "h2: HostDown"),
        (incident("SwitchDown", "page", "lab", "switch", "02:00:00:00:01:01", "tor-1"), "SwitchDown"),
        (incident("SiteCut|SiteDark", "page", "lab", "site", "lab", "lab"), "SiteCut|SiteDark"),
        (relay("1"), "relay 1: RelayDown"),
        (relay("r1"), "relay 1: RelayDown"),
        (relay("lab/r1"), "relay 1: RelayDown"),
        (incident("SharedFate", "page", "lab", "set", "x", "4 hosts"), "SharedFate: 4 hosts"),
        (incident("CmaCut", "page", "cma", "set", "cma", "cma"), "CmaCut: this CMA"),
        (incident("HostDown", "page", "lab", "host", "gone", "gone"), "HostDown: host gone"),
    ];
    let tree = tree(vec![site("lab", &[3], short)]);
    for (incident, want) in cases {
        let said = drawn(&tree, &incidents(vec![incident.clone()]));
        let found = said.labels.iter().filter(|label| label.text == want).count();
        assert_eq!(found, 1, "{want}");
        let closed = IncidentDoc { state: "closed".into(), ..incident };
        let said = drawn(&tree, &incidents(vec![closed]));
        assert!(said.labels.iter().all(|label| label.text != want), "{want}");
    }
}

#[test]
fn an_undetermined_one_stands_at_each_thing_it_may_be() {
    let subject = |id: &str| SubjectDoc { kind: "host".into(), id: id.into(), name: id.into() };
    let alternative =
        |id, verdict: &str| AlternativeDoc { verdict: verdict.into(), subject: subject(id), permille: 500 };
    let open = IncidentDoc {
        alternatives: vec![alternative("h1", "HostOrCable"), alternative("h2", "HostDown")],
        ..incident("Undetermined", "page", "lab", "host", "h1", "h1")
    };
    let drawing = drawn(&tree(vec![site("lab", &[3], short)]), &incidents(vec![open]));
    for want in ["h1: Undetermined (HostOrCable?)", "h2: Undetermined (HostDown?)"] {
        assert!(drawing.labels.iter().any(|label| label.text == want), "{want}");
    }
}

#[test]
fn a_silent_host_stands_beside_its_ring_and_the_ring_passes_it_by() {
    let mut lab = site("lab", &[5], short);
    kill(&mut lab, 0, 2);
    let before = drawn(&tree(vec![site("lab", &[5], short)]), &incidents(vec![]));
    let after = drawn(&tree(vec![lab]), &incidents(vec![]));
    let count = |drawing: &Drawing, wanted: fn(&Shape) -> bool| {
        drawing.shapes.iter().filter(|shape| wanted(shape)).count()
    };
    let arcs: fn(&Shape) -> bool = |shape| matches!(shape, Shape::Arc { class: "ring", .. });
    let silent: fn(&Shape) -> bool = |shape| matches!(shape, Shape::Circle { class: "silent", .. });
    // The host, and its sign in the legend.
    assert_eq!((count(&before, arcs), count(&before, silent)), (0, 0));
    assert_eq!((count(&after, arcs), count(&after, silent)), (1, 2));
}

#[test]
fn a_tree_of_the_past_has_dots_and_no_rings_and_says_so() {
    let mut lab = site("lab", &[3, 2], short);
    lab.site_rings.clear();
    lab.switches.iter_mut().for_each(|switch| switch.rings.clear());
    lab.hosts.push(host("lone".into(), "up"));
    let tree = tree(vec![lab]);
    let drawing = page(&tree, &Marks::of(&tree, &incidents(vec![])), Some("as of then"));
    let said = |text: &str| drawing.labels.iter().any(|label| label.text == text);
    assert!(said("as of then") && said("h5") && said("on no known switch") && !said("in no ring here"));
    assert!(drawing.has("up") && !drawing.has("up-beside") && !drawing.has("ring"));
}
