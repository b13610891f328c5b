//! Shapes and labels at places, and how they become SVG.
//!
//! A drawing knows where each of its labels lies, so that whoever lays it out can see what would overlap. Text is
//! escaped here and nowhere else: names come from the wire.

use std::fmt::Write;

use super::super::paint::harmless;

/// Height of a line over its font size.
const LINE: f64 = 1.2;
/// Width of a bold letter over that of another.
pub(super) const BOLD: f64 = 1.12;

/// Something without text.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Shape {
    Circle {
        class: &'static str,
        x: f64,
        y: f64,
        r: f64,
    },
    Rect {
        class: &'static str,
        x: f64,
        y: f64,
        w: f64,
        h: f64,
        round: f64,
    },
    /// Clockwise around a middle that is `r` away from both ends.
    Arc {
        class: &'static str,
        from: (f64, f64),
        to: (f64, f64),
        r: f64,
        large: bool,
    },
    /// From one point to another, pulled towards a third.
    Curve {
        class: &'static str,
        from: (f64, f64),
        pull: (f64, f64),
        to: (f64, f64),
    },
    /// What a browser tells of the shapes from here to the next [`Shape::End`].
    Told(String),
    End,
}

impl Shape {
    fn moved(self, dx: f64, dy: f64) -> Self {
        let moved = |(x, y): (f64, f64)| (x + dx, y + dy);
        match self {
            Self::Circle { class, x, y, r } => Self::Circle { class, x: x + dx, y: y + dy, r },
            Self::Rect { class, x, y, w, h, round } => {
                Self::Rect { class, x: x + dx, y: y + dy, w, h, round }
            }
            Self::Arc { class, from, to, r, large } => {
                Self::Arc { class, from: moved(from), to: moved(to), r, large }
            }
            Self::Curve { class, from, pull, to } => {
                Self::Curve { class, from: moved(from), pull: moved(pull), to: moved(to) }
            }
            Self::Told(text) => Self::Told(text),
            Self::End => Self::End,
        }
    }
}

/// Which end of a label is at its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

/// One line of text. `y` is the middle of its height.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Label {
    pub(super) text: String,
    pub(super) class: &'static str,
    pub(super) size: f64,
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) anchor: Anchor,
    /// Degrees, clockwise, around its place.
    pub(super) turn: f64,
}

impl Label {
    /// Its left and right end and half its height, from its place and before it is turned.
    fn extent(&self) -> (f64, f64, f64) {
        let width = width(&self.text, self.size) * if self.class.starts_with("bold") { BOLD } else { 1.0 };
        let left = match self.anchor {
            Anchor::Start => 0.0,
            Anchor::Middle => -width / 2.0,
            Anchor::End => -width,
        };
        (left, left + width, self.size * LINE / 2.0)
    }

    /// Its four corners.
    pub(super) fn corners(&self) -> [(f64, f64); 4] {
        let (left, right, half) = self.extent();
        let (sin, cos) = self.turn.to_radians().sin_cos();
        [(left, -half), (right, -half), (right, half), (left, half)]
            .map(|(x, y)| (self.x + x * cos - y * sin, self.y + x * sin + y * cos))
    }

    /// Whether it lies on a circle.
    pub(super) fn touches(&self, (x, y): (f64, f64), r: f64) -> bool {
        let (sin, cos) = self.turn.to_radians().sin_cos();
        // As seen from the label, which lies level then.
        let (x, y) = (x - self.x, y - self.y);
        let (x, y) = (x * cos + y * sin, y * cos - x * sin);
        let (left, right, half) = self.extent();
        let (dx, dy) = (x - x.clamp(left, right), y - y.clamp(-half, half));
        dx * dx + dy * dy < r * r
    }

    /// Whether two labels share a place: two boxes do not, if some side of one has all of the other beyond it.
    pub(super) fn overlaps(&self, other: &Self) -> bool {
        let (ours, theirs) = (self.corners(), other.corners());
        let apart = |turn: f64| {
            let (sin, cos) = turn.to_radians().sin_cos();
            [(cos, sin), (-sin, cos)].into_iter().any(|axis| {
                let (low, high) = span(&ours, axis);
                let (lowest, highest) = span(&theirs, axis);
                high <= lowest || highest <= low
            })
        };
        !apart(self.turn) && !apart(other.turn)
    }
}

fn span(corners: &[(f64, f64); 4], axis: (f64, f64)) -> (f64, f64) {
    let along = corners.iter().map(|(x, y)| x * axis.0 + y * axis.1);
    along.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), at| (low.min(at), high.max(at)))
}

/// What lies behind, shapes and labels, painted in this order.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Drawing {
    pub(super) back: Vec<Shape>,
    pub(super) shapes: Vec<Shape>,
    pub(super) labels: Vec<Label>,
}

impl Drawing {
    pub(super) fn circle(&mut self, class: &'static str, (x, y): (f64, f64), r: f64) {
        self.shapes.push(Shape::Circle { class, x, y, r });
    }

    pub(super) fn rect(&mut self, class: &'static str, (x, y): (f64, f64), (w, h): (f64, f64), round: f64) {
        self.shapes.push(Shape::Rect { class, x, y, w, h, round });
    }

    pub(super) fn line(&mut self, class: &'static str, from: (f64, f64), to: (f64, f64)) {
        self.shapes.push(Shape::Curve { class, from, pull: from, to });
    }

    /// Text from its place to the right.
    pub(super) fn text(&mut self, class: &'static str, size: f64, at: (f64, f64), text: &str) {
        self.label(class, size, at, Anchor::Start, text);
    }

    pub(super) fn label(
        &mut self,
        class: &'static str,
        size: f64,
        (x, y): (f64, f64),
        anchor: Anchor,
        text: &str,
    ) {
        let text = visible(text);
        if !text.is_empty() {
            self.labels.push(Label { text, class, size, x, y, anchor, turn: 0.0 });
        }
    }

    /// Everything of another drawing, moved.
    pub(super) fn place(&mut self, other: Self, dx: f64, dy: f64) {
        self.back.extend(other.back.into_iter().map(|shape| shape.moved(dx, dy)));
        self.shapes.extend(other.shapes.into_iter().map(|shape| shape.moved(dx, dy)));
        let labels = other.labels.into_iter();
        self.labels.extend(labels.map(|label| Label { x: label.x + dx, y: label.y + dy, ..label }));
    }

    /// Whether a shape of that class is in it.
    pub(super) fn has(&self, wanted: &str) -> bool {
        self.back.iter().chain(&self.shapes).any(|shape| match shape {
            Shape::Circle { class, .. }
            | Shape::Rect { class, .. }
            | Shape::Arc { class, .. }
            | Shape::Curve { class, .. } => *class == wanted,
            Shape::Told(_) | Shape::End => false,
        })
    }

    /// Whether some label lies on another, or on a circle.
    pub(super) fn crowded(&self) -> bool {
        self.labels.iter().enumerate().any(|(at, label)| {
            self.labels.iter().skip(at + 1).any(|other| label.overlaps(other))
                || self.shapes.iter().any(|shape| match shape {
                    Shape::Circle { class, x, y, r } => {
                        !class.starts_with("ring") && label.touches((*x, *y), *r)
                    }
                    Shape::Rect { .. }
                    | Shape::Arc { .. }
                    | Shape::Curve { .. }
                    | Shape::Told(_)
                    | Shape::End => false,
                })
        })
    }

    /// The corners of the smallest upright box around everything.
    pub(super) fn bounds(&self) -> ((f64, f64), (f64, f64)) {
        let corners = self.labels.iter().flat_map(Label::corners);
        let shapes = self.back.iter().chain(&self.shapes).flat_map(|shape| match shape {
            Shape::Circle { x, y, r, .. } => vec![(x - r, y - r), (x + r, y + r)],
            Shape::Rect { x, y, w, h, .. } => vec![(*x, *y), (x + w, y + h)],
            Shape::Arc { from, to, .. } | Shape::Curve { from, to, .. } => vec![*from, *to],
            Shape::Told(_) | Shape::End => Vec::new(),
        });
        let start = ((f64::INFINITY, f64::INFINITY), (f64::NEG_INFINITY, f64::NEG_INFINITY));
        let ((left, top), (right, bottom)) = corners.chain(shapes).fold(start, |(low, high), (x, y)| {
            ((low.0.min(x), low.1.min(y)), (high.0.max(x), high.1.max(y)))
        });
        if left > right { ((0.0, 0.0), (0.0, 0.0)) } else { ((left, top), (right, bottom)) }
    }

    /// Moves it so that nothing is left of or above zero, and says how large it is.
    pub(super) fn at_zero(self) -> (Self, f64, f64) {
        let ((left, top), (right, bottom)) = self.bounds();
        let mut moved = Self::default();
        moved.place(self, -left, -top);
        (moved, right - left, bottom - top)
    }

    /// Shapes, then labels.
    pub(super) fn write(&self, out: &mut String) {
        for shape in self.back.iter().chain(&self.shapes) {
            write_shape(out, shape);
        }
        for label in &self.labels {
            write_label(out, label);
        }
    }
}

fn write_shape(out: &mut String, shape: &Shape) {
    // Writing to a String cannot fail.
    let _ = match shape {
        Shape::Circle { class, x, y, r } => {
            writeln!(out, r#"<circle class="{class}" cx="{x:.1}" cy="{y:.1}" r="{r:.1}"/>"#)
        }
        Shape::Rect { class, x, y, w, h, round } => writeln!(
            out,
            r#"<rect class="{class}" x="{x:.1}" y="{y:.1}" width="{w:.1}" height="{h:.1}" rx="{round:.1}"/>"#
        ),
        Shape::Arc { class, from, to, r, large } => writeln!(
            out,
            r#"<path class="{class}" d="M{:.1} {:.1}A{r:.1} {r:.1} 0 {} 1 {:.1} {:.1}"/>"#,
            from.0,
            from.1,
            u8::from(*large),
            to.0,
            to.1,
        ),
        Shape::Curve { class, from, pull, to } if pull == from => writeln!(
            out,
            r#"<path class="{class}" d="M{:.1} {:.1}L{:.1} {:.1}"/>"#,
            from.0, from.1, to.0, to.1,
        ),
        Shape::Curve { class, from, pull, to } => writeln!(
            out,
            r#"<path class="{class}" d="M{:.1} {:.1}Q{:.1} {:.1} {:.1} {:.1}"/>"#,
            from.0, from.1, pull.0, pull.1, to.0, to.1,
        ),
        Shape::Told(text) => writeln!(out, "<g><title>{}</title>", escaped(&visible(text))),
        Shape::End => writeln!(out, "</g>"),
    };
}

fn write_label(out: &mut String, label: &Label) {
    let Label { text, class, size, x, y, anchor, turn } = label;
    let anchor = match anchor {
        Anchor::Start => "",
        Anchor::Middle => r#" text-anchor="middle""#,
        Anchor::End => r#" text-anchor="end""#,
    };
    let turn =
        if *turn == 0.0 { String::new() } else { format!(r#" transform="rotate({turn:.1} {x:.1} {y:.1})""#) };
    // A line of text hangs on its baseline, a third of its size below its middle.
    let baseline = y + size * 0.35;
    let _ = writeln!(
        out,
        r#"<text class="{class}" font-size="{size}" x="{x:.1}" y="{baseline:.1}"{anchor}{turn}>{}</text>"#,
        escaped(text),
    );
}

/// Text that may stand in a picture: nothing that moves or turns other text, nothing that XML forbids.
pub(super) fn visible(text: &str) -> String {
    let forbidden = |c: char| matches!(c, '\u{fffe}' | '\u{ffff}');
    harmless(text).chars().map(|c| if forbidden(c) { '\u{fffd}' } else { c }).collect()
}

/// Text between tags or in an attribute.
pub(super) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

/// How wide a line is at most, in whatever sans serif the reader has: DejaVu's, which is the widest of the usual.
pub(super) fn width(text: &str, size: f64) -> f64 {
    let em = |c: char| match c {
        'i' | 'j' | 'l' | 'I' | '.' | ',' | ':' | ';' | '|' | '!' | '\'' | ' ' | '/' => 0.37,
        't' | 'f' | 'r' | '-' | '(' | ')' | '[' | ']' | '·' => 0.42,
        'm' | 'w' | 'M' | 'W' | '@' | '%' | '&' | '<' | '>' | '+' | '=' | '…' => 1.0,
        'A'..='Z' => 0.79,
        ' '..='~' => 0.65,
        _ => 1.1,
    };
    text.chars().map(em).sum::<f64>() * size
}

/// The text, or its beginning and end where it is too wide: names often differ at their ends.
pub(super) fn fitted(text: &str, size: f64, widest: f64) -> String {
    let text = visible(text);
    if width(&text, size) <= widest {
        return text;
    }
    let letters: Vec<char> = text.chars().collect();
    let cut = |kept: usize| -> String {
        let (head, tail) = (kept.div_ceil(2), letters.len() - kept / 2);
        letters.iter().take(head).chain(&['…']).chain(letters.iter().skip(tail)).collect()
    };
    let kept = (1..letters.len()).rev().find(|&kept| width(&cut(kept), size) <= widest);
    cut(kept.unwrap_or(1))
}
