//! One site: its ring of delegates and relay, its switches with their rings, and who hangs nowhere.

use std::collections::{BTreeMap, BTreeSet};

use ringmesh_cma_core::documents::{HostDoc, RingDoc, SiteDoc, SwitchDoc, TreeRelay};

use super::drawing::Drawing;
use super::marks::{Mark, Marks};
use super::pieces::{GAP, Heading, Piece, fair_width, piece, shelves};
use super::ring::{self, Dot, Names, Ring, State};

/// Draws one site.
struct Painter<'a> {
    site: &'a SiteDoc,
    marks: &'a Marks,
    names: Names,
    /// What the names of all hosts end with.
    domain: &'a str,
    hosts: BTreeMap<&'a str, &'a HostDoc>,
    relays: BTreeMap<String, &'a TreeRelay>,
}

/// A site as one piece.
pub(super) fn panel(site: &SiteDoc, marks: &Marks, names: Names) -> Piece {
    let painter = Painter {
        site,
        marks,
        names,
        domain: domain(&site.hosts),
        hosts: site.hosts.iter().map(|host| (host.id.as_str(), host)).collect(),
        relays: site.relays.iter().map(|relay| (format!("r{}", relay.id), relay)).collect(),
    };
    painter.panel()
}

/// How many dots a site has below its site ring.
pub(super) fn dots(site: &SiteDoc) -> usize {
    let in_rings = |rings: &[RingDoc]| rings.iter().map(|ring| ring.members.len()).sum::<usize>();
    let of_switches: usize =
        site.switches.iter().map(|switch| usize::max(in_rings(&switch.rings), switch.ports.len())).sum();
    usize::max(of_switches, site.hosts.len())
}

/// How many of them are not well.
pub(super) fn unwell(site: &SiteDoc) -> usize {
    site.hosts.iter().filter(|host| host.state != "up").count()
}

impl Painter<'_> {
    fn panel(&self) -> Piece {
        let site = self.site;
        let mut pieces: Vec<Piece> = site.site_rings.iter().map(|ring| self.site_ring(ring)).collect();
        pieces.extend(site.switches.iter().map(|switch| self.switch(switch)));
        pieces.extend(self.fallback_rings());
        pieces.extend(self.lone());
        let room = fair_width(&pieces);
        let content = shelves(pieces, room);
        let relays = site.relays.iter().map(|relay| {
            let acts = if relay.active { ", acts" } else { "" };
            format!("relay {} {}{acts}", relay.id, relay.state)
        });
        let relays = Vec::from_iter(relays).join("; ");
        let stale = (site.state != "up").then(|| "what is drawn is what it told last".to_owned());
        let lines = Some(relays).filter(|relays| !relays.is_empty()).into_iter().chain(stale);
        let mut notes: Vec<Mark> = self.marks.site(&site.id).to_vec();
        notes.extend(
            site.relays.iter().flat_map(|relay| self.marks.relay(&site.id, relay.id).iter().cloned()),
        );
        let heading = Heading {
            title: format!("site {}", site.id),
            state: Some(&site.state),
            lines: lines.collect(),
            marks: &notes,
            font: 16.0,
        };
        piece(&heading, content, "panel")
    }

    fn site_ring(&self, ring: &RingDoc) -> Piece {
        let members = ring.members.iter().map(|member| self.dot(member, &[])).collect();
        let drawn = Ring { members, beside: Vec::new(), class: "ring-site", caption: String::new() };
        // Its dots are those of the rings below again, so their names are wanted less than anybody's.
        let names = if self.names == Names::All { Names::All } else { Names::None };
        let heading = heading("site ring", None, vec!["delegates and relay".to_owned()], &[]);
        piece(&heading, ring::draw(&drawn, names), "frame frame-site")
    }

    fn switch(&self, switch: &SwitchDoc) -> Piece {
        let ports: BTreeMap<&str, State> =
            switch.ports.iter().map(|port| (port.host.as_str(), State::of(&port.state))).collect();
        let ringed: BTreeSet<&str> =
            switch.rings.iter().flat_map(|ring| &ring.members).map(String::as_str).collect();
        let mut beside: Vec<Dot> = switch
            .ports
            .iter()
            .filter(|port| !ringed.contains(port.host.as_str()))
            .map(|port| Dot { state: State::of(&port.state), ..self.dot(&port.host, &[]) })
            .collect();
        beside.dedup_by(|a, b| a.name == b.name);
        let mut rings: Vec<Ring> = switch.rings.iter().map(|ring| self.ring(ring, &ports)).collect();
        match rings.first_mut() {
            Some(first) => first.beside = beside,
            None if !beside.is_empty() => rings.push(Ring {
                members: Vec::new(),
                beside,
                class: "ring",
                caption: if self.has_rings() { "in no ring here" } else { "" }.to_owned(),
            }),
            None => {}
        }
        let named = |host: &String| self.marks.host(&self.site.id, host).iter().cloned();
        let mut marks: Vec<Mark> = self.marks.switch(&self.site.id, &switch.id).to_vec();
        let hosts: BTreeSet<&String> = switch
            .ports
            .iter()
            .map(|port| &port.host)
            .chain(switch.rings.iter().flat_map(|ring| &ring.members))
            .collect();
        marks.extend(hosts.into_iter().flat_map(named));
        let lines = if rings.is_empty() { vec!["nobody hangs on it".to_owned()] } else { Vec::new() };
        let frame = match switch.state.as_str() {
            "down" | "cut" => "frame frame-down",
            _ => "frame",
        };
        let title = if switch.name.is_empty() { &switch.id } else { &switch.name };
        piece(&heading(title, Some(&switch.state), lines, &marks), self.row(&rings), frame)
    }

    fn ring(&self, ring: &RingDoc, ports: &BTreeMap<&str, State>) -> Ring {
        let members = ring.members.iter().map(|member| {
            let dot = self.dot(member, &ring.delegates);
            // The port may know better than the host, which may live on another.
            let state = ports.get(member.as_str()).copied().unwrap_or(dot.state);
            Dot { state, ..dot }
        });
        Ring { members: members.collect(), beside: Vec::new(), class: "ring", caption: ring.domain.clone() }
    }

    fn fallback_rings(&self) -> impl Iterator<Item = Piece> {
        self.site.fallback_rings.iter().map(|ring| {
            let members = ring.members.iter().map(|member| self.dot(member, &ring.delegates)).collect();
            let drawn =
                Ring { members, beside: Vec::new(), class: "ring-fallback", caption: ring.key.clone() };
            let reason = if ring.reason.is_empty() { "no switch known" } else { &ring.reason };
            let marks = self.marks_of(&ring.members);
            let heading = heading("fallback ring", None, vec![reason.to_owned()], &marks);
            piece(&heading, ring::draw(&drawn, self.names), "frame frame-fallback")
        })
    }

    /// Hosts that hang on no switch and stand in no ring.
    fn lone(&self) -> Option<Piece> {
        let site = self.site;
        let ringed = site.fallback_rings.iter().flat_map(|ring| &ring.members);
        let wired = site.switches.iter().flat_map(|switch| &switch.ports).map(|port| &port.host);
        let of_switches =
            site.switches.iter().flat_map(|switch| &switch.rings).flat_map(|ring| &ring.members);
        let placed: BTreeSet<&String> = ringed.chain(wired).chain(of_switches).collect();
        let lone: Vec<String> =
            site.hosts.iter().map(|host| &host.id).filter(|id| !placed.contains(id)).cloned().collect();
        if lone.is_empty() {
            return None;
        }
        let marks = self.marks_of(&lone);
        let drawn = Ring {
            members: Vec::new(),
            beside: lone.iter().map(|host| self.dot(host, &[])).collect(),
            class: "ring",
            caption: String::new(),
        };
        let title = if self.has_rings() { "in no ring yet" } else { "on no known switch" };
        let heading = heading(title, None, Vec::new(), &marks);
        Some(piece(&heading, ring::draw(&drawn, self.names), "frame frame-fallback"))
    }

    /// Rings are not part of the past.
    fn has_rings(&self) -> bool {
        let site = self.site;
        let of_switches = site.switches.iter().any(|switch| !switch.rings.is_empty());
        of_switches || !site.site_rings.is_empty() || !site.fallback_rings.is_empty()
    }

    fn marks_of(&self, hosts: &[String]) -> Vec<Mark> {
        hosts.iter().flat_map(|host| self.marks.host(&self.site.id, host).iter().cloned()).collect()
    }

    /// Rings of one switch, side by side.
    fn row(&self, rings: &[Ring]) -> Drawing {
        let mut row = Drawing::default();
        let mut x = 0.0;
        for ring in rings {
            let (drawn, w, _) = ring::draw(ring, self.names).at_zero();
            row.place(drawn, x, 0.0);
            x += w + 2.0 * GAP;
        }
        row
    }

    fn dot(&self, name: &str, delegates: &[String]) -> Dot {
        let delegate = delegates.iter().any(|delegate| delegate == name);
        let mark = self.marks.host_class(&self.site.id, name);
        let known = (self.hosts.get(name), self.relays.get(name));
        let name = name.strip_suffix(self.domain).unwrap_or(name).to_owned();
        match known {
            (Some(host), _) => {
                let told = told(host, delegate);
                Dot { name, state: State::of(&host.state), delegate, relay: false, mark, told }
            }
            (None, Some(relay)) => {
                let mark = super::marks::worst(self.marks.relay(&self.site.id, relay.id));
                let told = format!("relay {}: {}", relay.id, relay.state);
                Dot { name, state: State::of(&relay.state), delegate: false, relay: true, mark, told }
            }
            (None, None) => {
                let told = name.clone();
                Dot { name, state: State::Unknown, delegate, relay: false, mark, told }
            }
        }
    }
}

fn heading<'a>(title: &str, state: Option<&'a str>, lines: Vec<String>, marks: &'a [Mark]) -> Heading<'a> {
    Heading { title: title.to_owned(), state, lines, marks, font: 12.5 }
}

/// The domain that all hosts have in common, from its dot on: it tells nobody apart.
fn domain(hosts: &[HostDoc]) -> &str {
    let [first, _, ..] = hosts else { return "" };
    let ends = first.id.match_indices('.').filter_map(|(at, _)| first.id.get(at..));
    // Addresses end alike too, and are no names.
    let mut ends = ends.filter(|end| end.ends_with(|c: char| c.is_ascii_alphabetic()));
    ends.find(|end| hosts.iter().all(|host| host.id.len() > end.len() && host.id.ends_with(end)))
        .unwrap_or("")
}

/// What a browser tells of a host.
fn told(host: &HostDoc, delegate: bool) -> String {
    let mut told = format!("{}: {}, {}", host.id, host.state, host.class);
    if delegate {
        told.push_str(", delegate");
    }
    if host.dual_homed {
        told.push_str(", dual-homed");
    }
    for place in &host.places {
        let carrier = if place.carrier { "" } else { ", no carrier" };
        let port = if place.port.is_empty() { &place.reason } else { &place.port };
        told.push_str(&format!("; {} {}{carrier}", place.ifname, port));
    }
    told
}
