//! What joins the sites: a cloud above them, or the lines of a ring or a mesh with the sites as points.

use std::f64::consts::TAU;

use ringmesh_netsim::model::WanShape;
use ringmesh_netsim::scenario::Draft;

use super::broken::{Broken, Part};
use super::sheet::Sheet;
use super::{GAP, MARGIN};

/// Sites with their names in the picture of lines; more are points.
const NAMED_MAX: usize = 24;
/// Below the title.
const TOP: f64 = 84.0;
/// From the bus of a cloud to the sites below it.
pub(super) const DROP: f64 = 18.0;

/// Where the sites begin that a cloud joins.
pub(super) const BELOW_CLOUD: f64 = TOP + 30.0 + DROP;

/// In a few words.
pub(super) fn words(draft: &Draft) -> String {
    let hop = draft.wan.hop().as_millis();
    match draft.wan {
        WanShape::Cloud => "WAN: a cloud".into(),
        WanShape::Ring(_) => format!("WAN: a ring, {hop} ms a line"),
        WanShape::Mesh(_) => format!("WAN: a mesh, {hop} ms a line"),
    }
}

/// The CMA, a bus above each row of sites, and a drop to each site. `tops` are the middles of the sites' upper edges.
pub(super) fn cloud(sheet: &mut Sheet, tops: &[[f64; 2]], broken: &Broken) {
    let Some(first) = tops.first() else { return };
    let mut rows: Vec<f64> = tops.iter().map(|[_, y]| *y).collect();
    rows.dedup();
    let several = rows.len() > 1;
    let ends = |row: f64| {
        let xs = tops.iter().filter(move |[_, y]| *y == row).map(|[x, _]| *x);
        xs.fold((f64::MAX, 0.0_f64), |(a, b), x| (a.min(x), b.max(x)))
    };
    for row in &rows {
        let (left, right) = ends(*row);
        let left = if several { MARGIN / 2.0 } else { left };
        sheet.line("wan", [left, row - DROP], [right, row - DROP], false);
    }
    if let Some(last) = rows.last().filter(|_| several) {
        sheet.line("wan", [MARGIN / 2.0, first[1] - DROP], [MARGIN / 2.0, last - DROP], false);
    }
    for (site, [x, y]) in tops.iter().enumerate() {
        sheet.line("wan", [*x, y - DROP], [*x, *y], broken.part(Part::Leg(site)));
    }
    let (left, right) = ends(first[1]);
    let x = (left + right) / 2.0;
    sheet.line("wan", [x, TOP], [x, first[1] - DROP], broken.part(Part::LegOfCma));
    sheet.pill([x, TOP], "CMA", broken.name("cma"));
}

/// The sites around a circle, in order, with the lines between them; the CMA at the first. Returns where it ends.
pub(super) fn lines(sheet: &mut Sheet, draft: &Draft, broken: &Broken) -> f64 {
    let sites = draft.sites.len();
    let high = (26.0 + 9.0 * sites as f64).clamp(44.0, 240.0);
    let (wide, named) = (high * 1.9, sites <= NAMED_MAX);
    let middle = [MARGIN + wide + 40.0, TOP + 44.0 + high];
    let at = |site: usize| {
        let turn = TAU * site as f64 / sites as f64;
        [middle[0] + wide * turn.sin(), middle[1] - high * turn.cos()]
    };
    for (a, b) in draft.wan.lines(sites) {
        let red = broken.part(Part::Line(a, b));
        // Of a large mesh there are too many to see any.
        if named || red || matches!(draft.wan, WanShape::Ring(_)) {
            sheet.line("wan", at(a), at(b), red);
        }
    }
    let [x, y] = at(0);
    sheet.line("wan", [x, y - 44.0], [x, y], broken.part(Part::LegOfCma));
    sheet.pill([x, y - 44.0], "CMA", broken.name("cma"));
    for site in 0..sites {
        let (name, red) = (draft.site_name(site), broken.part(Part::Leg(site)));
        if named {
            sheet.pill(at(site), &name, red || broken.name(&name));
        } else {
            sheet.dot(at(site), &name, red || broken.name(&name));
        }
    }
    middle[1] + high + 2.0 * GAP
}
