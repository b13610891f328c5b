//! Boxes with a title, put into rows.

use super::super::paint::{Tone, state_word};
use super::drawing::{Anchor, BOLD, Drawing, Shape, fitted, width};
use super::marks::{Mark, worst};

/// Between boxes, and between a frame and what is in it.
pub(super) const GAP: f64 = 12.0;
/// Titles are at least allowed this much, however narrow what is below them.
const TITLE_WIDEST: f64 = 290.0;
/// Marks of one box that are spelled out.
const MARKS_MAX: usize = 4;

/// Something with a frame.
pub(super) struct Piece {
    pub(super) drawing: Drawing,
    pub(super) size: (f64, f64),
    pub(super) frame: &'static str,
}

/// What stands above a piece.
pub(super) struct Heading<'a> {
    pub(super) title: String,
    /// A word after the title, in the colour of a state.
    pub(super) state: Option<&'a str>,
    pub(super) lines: Vec<String>,
    pub(super) marks: &'a [Mark],
    pub(super) font: f64,
}

impl Heading<'_> {
    /// Lines from the top left corner.
    pub(super) fn draw(&self, room: f64) -> Drawing {
        let mut drawing = Drawing::default();
        let state = self.state.map(state_class);
        let state_width = state.as_ref().map_or(0.0, |(_, word)| width(word, self.font) * BOLD + self.font);
        let title = fitted(&self.title, self.font, (room - state_width) / BOLD);
        let mut y = self.font * 0.6;
        drawing.text("bold title", self.font, (0.0, y), &title);
        if let Some((class, word)) = state {
            let x = width(&title, self.font) * BOLD + self.font * 0.3;
            drawing.text(class, self.font - 2.0, (x, y), &word);
        }
        y += self.font * 0.6;
        for line in &self.lines {
            y += 7.0;
            drawing.text("calm", 10.0, (0.0, y), &fitted(line, 10.0, room));
            y += 7.0;
        }
        let more = self.marks.len().saturating_sub(MARKS_MAX);
        for mark in self.marks.iter().take(MARKS_MAX) {
            y += 8.0;
            drawing.rect(mark_class(mark.class), (0.0, y - 5.0), (10.0, 10.0), 2.0);
            drawing.text(
                text_class(mark.class),
                11.5,
                (15.0, y),
                &fitted(&mark.text, 11.5, (room - 15.0) / BOLD),
            );
            y += 8.0;
        }
        if more > 0 {
            y += 8.0;
            drawing.text("calm", 10.0, (15.0, y), &format!("and {more} more"));
        }
        drawing
    }
}

/// A box with a heading over what is in it.
pub(super) fn piece(heading: &Heading, content: Drawing, frame: &'static str) -> Piece {
    let (content, w, h) = content.at_zero();
    let room = f64::max(w, TITLE_WIDEST);
    let (head, head_w, head_h) = heading.draw(room).at_zero();
    let inner = f64::max(w, head_w);
    let mut drawing = Drawing::default();
    drawing.place(head, GAP, GAP);
    drawing.place(content, GAP + (inner - w) / 2.0, GAP + head_h + if h > 0.0 { GAP } else { 0.0 });
    let below = if h > 0.0 { h + GAP } else { 0.0 };
    let frame = match worst(heading.marks) {
        Some(class) => marked_frame(class),
        None => frame,
    };
    Piece { drawing, size: (inner + 2.0 * GAP, head_h + below + 2.0 * GAP), frame }
}

/// Pieces from left to right in rows, each row as high as its highest; and how large that is.
pub(super) fn shelves(pieces: Vec<Piece>, room: f64) -> Drawing {
    let mut rows: Vec<Vec<Piece>> = Vec::new();
    let mut used = f64::INFINITY;
    for piece in pieces {
        if used + piece.size.0 > room {
            rows.push(Vec::new());
            used = 0.0;
        }
        used += piece.size.0 + GAP;
        if let Some(row) = rows.last_mut() {
            row.push(piece);
        }
    }
    let mut drawing = Drawing::default();
    let mut y = 0.0;
    for row in rows {
        let high = row.iter().map(|piece| piece.size.1).fold(0.0, f64::max);
        let mut x = 0.0;
        for Piece { drawing: inner, size, frame } in row {
            let mut framed = Drawing::default();
            framed.back.push(Shape::Rect { class: frame, x: 0.0, y: 0.0, w: size.0, h: high, round: 6.0 });
            framed.place(inner, 0.0, 0.0);
            drawing.place(framed, x, y);
            x += size.0 + GAP;
        }
        y += high + GAP;
    }
    drawing
}

/// How wide rows should be, so that little is left empty and all is about half again as wide as high.
pub(super) fn fair_width(pieces: &[Piece]) -> f64 {
    const TRIED: u32 = 64;
    let widest = pieces.iter().map(|piece| piece.size.0).fold(0.0, f64::max);
    let longest: f64 = pieces.iter().map(|piece| piece.size.0 + GAP).sum();
    let tried = (0..=TRIED).map(|step| widest + (longest - widest) * f64::from(step) / f64::from(TRIED));
    let cost = |room: f64| {
        let (w, h) = outline(pieces, room);
        let stretched = w / f64::max(h, 1.0) / 1.5;
        w * h * f64::max(stretched, 1.0 / f64::max(stretched, 1e-3))
    };
    let best = tried.map(|room| (cost(room), room)).min_by(|a, b| a.0.total_cmp(&b.0));
    best.map_or(widest, |(_, room)| room)
}

/// What rows of such a width take.
fn outline(pieces: &[Piece], room: f64) -> (f64, f64) {
    let (mut wide, mut high, mut x, mut row) = (0.0, 0.0, 0.0, 0.0);
    for Piece { size: (w, h), .. } in pieces {
        if x + w > room {
            (x, high, row) = (0.0, high + row + GAP, 0.0);
        }
        x += w + GAP;
        (wide, row) = (f64::max(wide, x), f64::max(row, *h));
    }
    (wide, high + row)
}

/// Things and what they are, in lines that fit.
pub(super) fn flow(entries: Vec<(Drawing, &'static str)>, room: f64) -> Drawing {
    let mut drawing = Drawing::default();
    let (mut x, mut y) = (0.0, 0.0);
    for (glyph, word) in entries {
        let wide = 26.0 + width(word, 10.5) + 14.0;
        if x > 0.0 && x + wide > room {
            (x, y) = (0.0, y + 22.0);
        }
        drawing.place(glyph, x + 10.0, y);
        drawing.label("legend", 10.5, (x + 26.0, y), Anchor::Start, word);
        x += wide;
    }
    drawing
}

/// A state as a word, in the colour it has on a terminal.
fn state_class(state: &str) -> (&'static str, String) {
    let (tone, word) = state_word(state);
    let class = match tone {
        Tone::Good => "bold good",
        Tone::Bad => "bold bad",
        Tone::Doubtful | Tone::Calm | Tone::Strong => "bold doubt",
    };
    (class, word)
}

fn mark_class(class: &str) -> &'static str {
    match class {
        "page" => "chip-page",
        "ticket" => "chip-ticket",
        _ => "chip-log",
    }
}

fn text_class(class: &str) -> &'static str {
    match class {
        "page" => "bold page-text",
        "ticket" => "bold ticket-text",
        _ => "bold log-text",
    }
}

fn marked_frame(class: &str) -> &'static str {
    match class {
        "page" => "frame frame-page",
        "ticket" => "frame frame-ticket",
        _ => "frame frame-log",
    }
}
