//! `ringmesh tree --svg`: a picture of sites, switches and rings, with what is broken in colour.
//!
//! Made from two documents and nothing else, so the same documents give the same octets. No clock, no file, no font
//! but the reader's own.

mod drawing;
mod marks;
mod pieces;
mod ring;
mod site;

use std::fmt::Write;

use ringmesh_cma_core::documents::{Incidents, SiteDoc, Tree};

use super::paint::counted;
use drawing::{Drawing, escaped};
use marks::{Mark, Marks};
use pieces::{GAP, Heading, Piece, fair_width, flow, piece, shelves};
use ring::{Dot, Names, Ring, State, glyph};

/// With more hosts than this, only those that are not well are named.
const NAMED_MAX: usize = 200;
/// With more such hosts than this, nobody is: then it is the switches and sites that matter.
const UNWELL_MAX: usize = 100;
/// Around everything.
const MARGIN: f64 = 16.0;

/// Colours, in which no two states differ by colour alone.
const STYLE: &str = "\
text{fill:#1f2328}.bold{font-weight:600}.calm,.count{fill:#656d76}.legend{fill:#424a53}\
.good{fill:#1a7f37}.bad{fill:#cf222e}.doubt{fill:#9a6700}\
.page-text{fill:#cf222e}.ticket-text{fill:#bc4c00}.log-text{fill:#57606a}\
.chip-page{fill:#cf222e}.chip-ticket{fill:#e16f24}.chip-log{fill:#8c959f}\
.paper{fill:#fff}.panel{fill:#f6f8fa;stroke:#d0d7de}\
.frame{fill:#fff;stroke:#afb8c1}.frame-down{stroke:#cf222e;stroke-dasharray:6 4}\
.frame-page{fill:#fff5f5;stroke:#cf222e;stroke-width:2.5}.frame-ticket{fill:#fff8f0;stroke:#e16f24;stroke-width:2.5}\
.frame-log{stroke:#8c959f;stroke-width:2.5}.frame-site{stroke:#2da44e}.frame-fallback{stroke-dasharray:3 4}\
.ring,.ring-site,.ring-fallback,.ring-mesh{fill:none;stroke:#54aeff;stroke-width:2}\
.ring-site{stroke:#2da44e}.ring-mesh{stroke:#8250df}.ring-fallback{stroke:#8c959f;stroke-dasharray:5 4}\
.up{fill:#2da44e}.up-beside{fill:#fff;stroke:#2da44e;stroke-width:2}\
.silent{fill:#fff;stroke:#cf222e;stroke-width:2}.cross{stroke:#cf222e;stroke-width:1.6}\
.planned{fill:#fff;stroke:#57606a;stroke-width:2}.bar{stroke:#57606a;stroke-width:2}\
.no-carrier{fill:#fff;stroke:#bf8700;stroke-width:2;stroke-dasharray:3 2}\
.unknown{fill:#eaeef2;stroke:#8c959f;stroke-width:1.5;stroke-dasharray:2 2}\
.delegate{fill:#fff;stroke:#2da44e;stroke-width:1.5}\
.relay{fill:#8250df}.relay-lost{fill:#fff;stroke:#cf222e;stroke-width:2}\
.page{fill:#ff818266}.ticket{fill:#fb8f4466}.log{fill:#8c959f55}";

/// The picture as a whole file; `note` stands below its headline.
pub(crate) fn svg(tree: &Tree, incidents: &Incidents, note: Option<&str>) -> String {
    let marks = Marks::of(tree, incidents);
    let (drawing, w, h) = page(tree, &marks, note).at_zero();
    let (w, h) = ((w + 2.0 * MARGIN).ceil(), (h + 2.0 * MARGIN).ceil());
    let mut placed = Drawing::default();
    placed.place(drawing, MARGIN, MARGIN);
    let mut out = String::new();
    // Writing to a String cannot fail.
    let _ = write!(
        out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {w} {h}\" width=\"{w}\" height=\"{h}\" \
         font-family=\"ui-sans-serif, system-ui, 'Segoe UI', Helvetica, Arial, sans-serif\" role=\"img\">\n\
         <title>{}</title>\n<style>{STYLE}</style>\n<rect class=\"paper\" width=\"{w}\" height=\"{h}\"/>\n",
        escaped(&headline(tree, &marks)),
    );
    placed.write(&mut out);
    out.push_str("</svg>\n");
    out
}

/// Headline, the ring of sites, the sites, and what the signs mean.
fn page(tree: &Tree, marks: &Marks, note: Option<&str>) -> Drawing {
    let names = names(tree);
    let mut pieces: Vec<Piece> = mesh_ring(tree, marks).into_iter().collect();
    pieces.extend(tree.sites.iter().map(|site| site::panel(site, marks, names)));
    let room = fair_width(&pieces);
    let heading = Heading {
        title: headline(tree, marks),
        state: None,
        lines: note.into_iter().map(str::to_owned).collect(),
        marks: &marks.elsewhere,
        font: 14.0,
    };
    let (sites, w, h) = shelves(pieces, room).at_zero();
    let w = f64::max(w, 560.0);
    let (head, _, head_h) = heading.draw(w).at_zero();
    let mut page = Drawing::default();
    page.place(head, 0.0, 0.0);
    page.place(sites, 0.0, head_h + GAP);
    let (legend, _, _) = flow(legend(&page, names), w).at_zero();
    page.place(legend, 0.0, head_h + GAP + h + 1.5 * GAP);
    page
}

fn headline(tree: &Tree, marks: &Marks) -> String {
    let sum = |count: fn(&SiteDoc) -> usize| tree.sites.iter().map(count).sum::<usize>() as u64;
    let what = [
        counted(tree.sites.len() as u64, "site", "sites"),
        counted(sum(|site| site.switches.len()), "switch", "switches"),
        counted(sum(|site| site.hosts.len()), "host", "hosts"),
    ];
    let open = match marks.open {
        0 => "no open incident".to_owned(),
        open => counted(open as u64, "open incident", "open incidents"),
    };
    format!("{}; {open}", what.join(", "))
}

fn names(tree: &Tree) -> Names {
    let sum = |count: fn(&SiteDoc) -> usize| tree.sites.iter().map(count).sum::<usize>();
    match (sum(site::dots), sum(site::unwell)) {
        (0..=NAMED_MAX, _) => Names::All,
        (_, 0..=UNWELL_MAX) => Names::Trouble,
        _ => Names::None,
    }
}

/// Sites in the order of their names, as their relays watch each other; those without a relay that speaks stand
/// beside it.
fn mesh_ring(tree: &Tree, marks: &Marks) -> Option<Piece> {
    if tree.sites.len() < 2 {
        return None;
    }
    let dot = |site: &SiteDoc| {
        let of_relays = site.relays.iter().map(|relay| marks.relay(&site.id, relay.id));
        let all: Vec<Mark> = of_relays.chain([marks.site(&site.id)]).flatten().cloned().collect();
        Dot {
            name: site.id.clone(),
            state: State::of(if site.state == "up" { "up" } else { "away" }),
            delegate: false,
            relay: true,
            mark: marks::worst(&all),
            told: format!("site {}: {}", site.id, site.state),
        }
    };
    let (up, lost): (Vec<&SiteDoc>, Vec<&SiteDoc>) = tree.sites.iter().partition(|site| site.state == "up");
    let drawn = Ring {
        members: up.into_iter().map(dot).collect(),
        beside: lost.into_iter().map(dot).collect(),
        class: "ring-mesh",
        caption: String::new(),
    };
    let heading = Heading {
        title: "mesh ring".to_owned(),
        state: None,
        lines: vec!["the acting relay of each site".to_owned()],
        marks: &[],
        font: 12.5,
    };
    Some(piece(&heading, ring::draw(&drawn, Names::All), "frame"))
}

/// What the signs mean; what does not occur is left out.
fn legend(page: &Drawing, names: Names) -> Vec<(Drawing, &'static str)> {
    let sign = |state, delegate, relay, member| {
        let dot = Dot { name: String::new(), state, delegate, relay, mark: None, told: String::new() };
        drawn(|drawing| glyph(drawing, &dot, member, (0.0, 0.0), Names::All))
    };
    let host = |state| sign(state, false, false, true);
    let chip = |class| drawn(|drawing| drawing.rect(class, (-5.0, -5.0), (10.0, 10.0), 2.0));
    let line = |class| drawn(|drawing| drawing.line(class, (-9.0, 0.0), (9.0, 0.0)));
    let all = [
        ("up", host(State::Up), "host, up"),
        ("silent", host(State::Silent), "silent"),
        ("planned", host(State::Planned), "away as planned"),
        ("unknown", host(State::Unknown), "unknown"),
        ("no-carrier", host(State::NoCarrier), "port without carrier"),
        ("up-beside", sign(State::Up, false, false, false), "up, not in this ring"),
        ("delegate", sign(State::Up, true, false, true), "delegate"),
        ("relay", sign(State::Up, false, true, true), "relay"),
        ("relay-lost", sign(State::Silent, false, true, true), "relay lost"),
        ("ring", line("ring"), "switch ring"),
        ("ring-fallback", line("ring-fallback"), "fallback ring"),
        ("ring-site", line("ring-site"), "site ring"),
        ("ring-mesh", line("ring-mesh"), "mesh ring"),
        ("chip-page", chip("chip-page"), "incident that pages"),
        ("chip-ticket", chip("chip-ticket"), "incident, ticket"),
        ("chip-log", chip("chip-log"), "incident, log"),
    ];
    let there = all.into_iter().filter(|(class, ..)| page.has(class));
    let mut entries: Vec<_> = there.map(|(_, sign, word)| (sign, word)).collect();
    match names {
        Names::All => {}
        Names::Trouble => entries.push((Drawing::default(), "only hosts that are not well are named")),
        Names::None => entries.push((Drawing::default(), "too many hosts to name them")),
    }
    entries
}

fn drawn(draw: impl FnOnce(&mut Drawing)) -> Drawing {
    let mut drawing = Drawing::default();
    draw(&mut drawing);
    drawing
}

#[cfg(test)]
mod tests;
