//! What joins the sites: a cloud above them, or lines with the sites as points.

use std::f64::consts::TAU;

use ringmesh_netsim::model::WanShape;
use ringmesh_netsim::scenario::Draft;

use super::broken::{Broken, Part};
use super::sheet::Sheet;
use super::{GAP, MARGIN};

/// Sites with their names in the picture of lines; more are points.
const NAMED_MAX: usize = 24;
/// How far out main sites are that have branches outside of them.
const INNER: f64 = 0.55;
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
        WanShape::Star(_) => format!("WAN: a star, {hop} ms a line"),
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

/// The main sites around a circle, in order, each with its branches outside of it, and the lines between them; the CMA at
/// the first. A site that all lines lead to is in the middle. Returns where it ends.
pub(super) fn lines(sheet: &mut Sheet, draft: &Draft, broken: &Broken) -> f64 {
    let sites = draft.sites.len();
    let map = Map::of(draft);
    let named = sites <= NAMED_MAX;
    let dense = draft.lines().len() > 2 * sites;
    let of_branch = |a: usize, b: usize| draft.sites[a].branch || draft.sites[b].branch;
    for (a, b) in draft.lines() {
        let red = broken.part(Part::Line(a, b));
        // Of a large mesh there are too many to see any.
        if named || red || !dense || of_branch(a, b) {
            sheet.line("wan", map.at[a], map.at[b], red);
        }
    }
    let [x, y] = map.at[0];
    sheet.line("wan", [x, y - 44.0], [x, y], broken.part(Part::LegOfCma));
    sheet.pill([x, y - 44.0], "CMA", broken.name("cma"));
    for (site, at) in map.at.iter().enumerate() {
        let (name, red) = (draft.site_name(site), broken.part(Part::Leg(site)));
        if named {
            sheet.pill(*at, &name, red || broken.name(&name));
        } else {
            sheet.dot(*at, &name, red || broken.name(&name));
        }
    }
    map.bottom
}

/// Where sites stand on paper.
struct Map {
    at: Vec<[f64; 2]>,
    bottom: f64,
}

impl Map {
    fn of(draft: &Draft) -> Self {
        let sites = draft.sites.len();
        let starry = matches!(draft.wan, WanShape::Star(_));
        let outer: Vec<usize> =
            (0..sites).filter(|site| if starry { *site > 0 } else { draft.sites[*site].branch }).collect();
        let inner: Vec<usize> = (0..sites).filter(|site| !outer.contains(site)).collect();
        let high = (26.0 + 9.0 * sites as f64).clamp(44.0, 240.0);
        let middle = [MARGIN + high * 1.9 + 40.0, TOP + 44.0 + high];
        // Turns are of a circle, from its top; how far from the middle, of its radius.
        let place = |turn: f64, far: f64| {
            let turn = TAU * turn;
            [middle[0] + 1.9 * high * far * turn.sin(), middle[1] - high * far * turn.cos()]
        };
        let near = match (inner.len(), outer.len()) {
            (1, _) => 0.0,
            (_, 0) => 1.0,
            _ => INNER,
        };
        let mut at = vec![middle; sites];
        for (turn, site) in inner.iter().enumerate() {
            at[*site] = place(turn as f64 / inner.len() as f64, near);
        }
        for (number, site) in outer.iter().enumerate() {
            let (home, row) = (number % inner.len(), number / inner.len());
            let here = (outer.len() - home).div_ceil(inner.len());
            // Above the first there is the CMA.
            let turn = match (home, here % 2, inner.len()) {
                (_, _, 1) => (row as f64 + 0.5) / here as f64,
                (0, 1, _) => (row as f64 + 0.25) / here as f64 - 0.5,
                _ => (row as f64 + 0.5) / here as f64 - 0.5,
            };
            at[*site] = place((home as f64 + turn) / inner.len() as f64, 1.0);
        }
        Self { at, bottom: middle[1] + high + 2.0 * GAP }
    }
}
