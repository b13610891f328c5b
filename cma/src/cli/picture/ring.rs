//! One ring as a circle: its members in ring order, and beside it who hangs there and is no member now.

use super::drawing::{Anchor, Drawing, Label, Shape, fitted};

/// Up to so many names stand level beside their dots; more of them point outwards.
const LEVEL_MAX: usize = 12;
/// The widest name beside a dot.
const NAME_WIDEST: f64 = 118.0;
/// Circles larger than this are not tried to make level names fit.
const LEVEL_RADIUS_MAX: f64 = 110.0;

/// How far out a line is pulled where it passes by somebody, over the middle between its ends.
const PULL: f64 = 0.8;

/// How something that beats does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Up,
    Silent,
    Planned,
    /// It is up, and its port here has no carrier.
    NoCarrier,
    Unknown,
}

impl State {
    /// The state of a word in a document.
    pub(super) fn of(word: &str) -> Self {
        match word {
            "up" | "connected" => Self::Up,
            "silent" | "away" => Self::Silent,
            "planned" => Self::Planned,
            "no-carrier" => Self::NoCarrier,
            _ => Self::Unknown,
        }
    }
}

/// Something on a circle.
#[derive(Clone, Debug)]
pub(super) struct Dot {
    /// As it is written beside it.
    pub(super) name: String,
    pub(super) state: State,
    pub(super) delegate: bool,
    pub(super) relay: bool,
    /// The class of an incident about it.
    pub(super) mark: Option<&'static str>,
    /// What a browser tells of it.
    pub(super) told: String,
}

/// Who is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Names {
    All,
    /// Whoever is not well.
    Trouble,
    None,
}

/// A ring to be drawn.
pub(super) struct Ring {
    /// In ring order.
    pub(super) members: Vec<Dot>,
    /// Who hangs there beside them.
    pub(super) beside: Vec<Dot>,
    pub(super) class: &'static str,
    /// Stands below it.
    pub(super) caption: String,
}

/// Where one dot stands.
struct Slot {
    /// Degrees from the top, clockwise.
    angle: f64,
    at: (f64, f64),
}

/// The ring around its middle at zero.
pub(super) fn draw(ring: &Ring, names: Names) -> Drawing {
    let count = ring.members.len() + ring.beside.len();
    // A ring in which nearly all are silent says so by its colour.
    let crowd = ring.members.iter().chain(&ring.beside).filter(|dot| is_named(dot, names)).count();
    let names = if names == Names::Trouble && crowd > LEVEL_MAX { Names::None } else { names };
    let step = if names == Names::All { 14.0 } else { 10.0 };
    let least = if names == Names::All { 34.0 } else { 26.0 };
    let round = f64::max(least, count as f64 * step / std::f64::consts::TAU);
    let mut drawing = None;
    if count <= LEVEL_MAX {
        let first = f64::max(least, count as f64 * 1.4 * step / std::f64::consts::TAU);
        let radii = (0..).map(|more| first + 6.0 * f64::from(more));
        let mut level = radii.take_while(|r| *r <= LEVEL_RADIUS_MAX).map(|r| at_radius(ring, names, r, true));
        drawing = level.find(|drawing| !drawing.crowded());
    }
    let mut drawing = drawing.unwrap_or_else(|| at_radius(ring, names, round, false));
    let ((left, _), (right, bottom)) = drawing.bounds();
    if !ring.caption.is_empty() {
        let caption = fitted(&ring.caption, 9.5, f64::max(right - left, 120.0));
        drawing.label("calm", 9.5, (0.0, bottom + 12.0), Anchor::Middle, &caption);
    }
    drawing
}

fn at_radius(ring: &Ring, names: Names, r: f64, level: bool) -> Drawing {
    let mut drawing = Drawing::default();
    let slots = slots(ring.members.len() + ring.beside.len(), r);
    ring_line(&mut drawing, ring, &slots, r);
    let members = ring.members.iter().map(|dot| (dot, true));
    // Beside no ring there is nobody.
    let dots = members.chain(ring.beside.iter().map(|dot| (dot, ring.members.is_empty())));
    for (slot, (dot, member)) in slots.iter().zip(dots) {
        glyph(&mut drawing, dot, member, slot.at, names);
        if is_named(dot, names) {
            drawing.labels.push(name_label(dot, slot, names, level));
        }
    }
    let passes_at = r * PULL.midpoint(1.0) * gap_cosine(ring);
    if ring.members.len() > 2 && passes_at > 26.0 {
        drawing.label("count", 15.0, (0.0, -7.0), Anchor::Middle, &ring.members.len().to_string());
        drawing.label("calm", 9.0, (0.0, 9.0), Anchor::Middle, "in ring");
    }
    drawing
}

fn is_named(dot: &Dot, names: Names) -> bool {
    match names {
        Names::All => true,
        Names::Trouble => dot.mark.is_some() || dot.relay || dot.state != State::Up,
        Names::None => dot.relay,
    }
}

/// Places around a circle, half a step from the top, so that two stand left and right.
fn slots(count: usize, r: f64) -> Vec<Slot> {
    let step = 360.0 / f64::max(1.0, count as f64);
    let first = if count == 1 { 0.0 } else { step / 2.0 };
    let slot = |at: usize| {
        let angle = first + step * at as f64;
        let (sin, cos) = angle.to_radians().sin_cos();
        Slot { angle, at: (r * sin, -r * cos) }
    };
    (0..count).map(slot).collect()
}

/// The line that joins the members, and passes by whoever is beside them.
fn ring_line(drawing: &mut Drawing, ring: &Ring, slots: &[Slot], r: f64) {
    let members = slots.get(..ring.members.len()).unwrap_or_default();
    let [first, .., last] = members else { return };
    if ring.beside.is_empty() {
        return drawing.circle(ring.class, (0.0, 0.0), r);
    }
    let large = last.angle - first.angle > 180.0;
    drawing.shapes.push(Shape::Arc { class: ring.class, from: first.at, to: last.at, r, large });
    let pull = (first.at.0.midpoint(last.at.0) * PULL, first.at.1.midpoint(last.at.1) * PULL);
    drawing.shapes.push(Shape::Curve { class: ring.class, from: last.at, pull, to: first.at });
}

/// How near to the middle its line comes where it passes by somebody: 1 if nowhere, less than 0 beyond it.
fn gap_cosine(ring: &Ring) -> f64 {
    if ring.beside.is_empty() {
        return 1.0;
    }
    let count = ring.members.len() + ring.beside.len();
    ((ring.beside.len() + 1) as f64 / count as f64 * std::f64::consts::PI).cos()
}

/// One dot: its colour and its form both say its state.
pub(super) fn glyph(drawing: &mut Drawing, dot: &Dot, member: bool, at: (f64, f64), names: Names) {
    let r = radius(names);
    if !dot.told.is_empty() {
        drawing.shapes.push(Shape::Told(dot.told.clone()));
    }
    if let Some(mark) = dot.mark {
        drawing.circle(mark, at, r + 5.5);
    }
    if dot.relay {
        let class = if dot.state == State::Up { "relay" } else { "relay-lost" };
        drawing.rect(class, (at.0 - r - 1.0, at.1 - r - 1.0), (2.0 * r + 2.0, 2.0 * r + 2.0), 2.0);
    } else {
        host_glyph(drawing, dot, member, at, r);
    }
    if !dot.told.is_empty() {
        drawing.shapes.push(Shape::End);
    }
}

fn host_glyph(drawing: &mut Drawing, dot: &Dot, member: bool, at: (f64, f64), r: f64) {
    if dot.delegate {
        drawing.circle("delegate", at, r + 3.0);
    }
    let class = match dot.state {
        State::Up if member => "up",
        State::Up => "up-beside",
        State::Silent => "silent",
        State::Planned => "planned",
        State::NoCarrier => "no-carrier",
        State::Unknown => "unknown",
    };
    drawing.circle(class, at, r);
    let arm = r * 0.55;
    let mut stroke = |class, (x, y): (f64, f64)| {
        drawing.line(class, (at.0 - x, at.1 - y), (at.0 + x, at.1 + y));
    };
    match dot.state {
        State::Silent => {
            stroke("cross", (arm, arm));
            stroke("cross", (arm, -arm));
        }
        State::Planned => stroke("bar", (arm, 0.0)),
        State::Up | State::NoCarrier | State::Unknown => {}
    }
}

/// Of a dot.
pub(super) fn radius(names: Names) -> f64 {
    if names == Names::All { 6.0 } else { 3.4 }
}

fn name_label(dot: &Dot, slot: &Slot, names: Names, level: bool) -> Label {
    let size = if names == Names::All { 10.5 } else { 8.0 };
    let class = if dot.mark.is_some() || dot.state == State::Silent { "name bad" } else { "name" };
    let sign = match dot {
        Dot { mark: Some(_), .. } => 5.5,
        Dot { relay: true, .. } | Dot { delegate: true, .. } => 3.0,
        _ => 0.0,
    };
    let gap = radius(names) + sign + 5.0;
    let (sin, cos) = slot.angle.to_radians().sin_cos();
    let right = sin >= 0.0;
    let text = fitted(&dot.name, size, NAME_WIDEST);
    let outward = |gap: f64| (slot.at.0 + gap * sin, slot.at.1 - gap * cos);
    if level && sin.abs() < 0.2 {
        let (x, y) = outward(gap + size * 0.5);
        return Label { text, class, size, x, y, anchor: Anchor::Middle, turn: 0.0 };
    }
    let (x, y) = outward(gap);
    // A level line is as high as it is: above and below, it has to give way by some of that.
    let y = if level { y - size * 0.4 * cos } else { y };
    let anchor = if right { Anchor::Start } else { Anchor::End };
    let turn = match (level, right) {
        (true, _) => 0.0,
        (false, true) => slot.angle - 90.0,
        (false, false) => slot.angle + 90.0,
    };
    Label { text, class, size, x, y, anchor, turn }
}
