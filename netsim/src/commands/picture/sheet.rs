//! Shapes of a picture, as SVG.

use std::fmt::Write as _;

/// How words are written.
#[derive(Clone, Copy)]
pub(super) enum Text {
    Head,
    Bold,
    Calm,
    Bad,
}

/// A picture being drawn: lines lie below everything else.
#[derive(Default)]
pub(super) struct Sheet {
    panels: String,
    lines: String,
    shapes: String,
    /// Where the words end that reach farthest.
    right: f64,
}

const STYLE: &str = "text{fill:#1f2328;font-size:13px}.head{font-size:18px;font-weight:600}.bold{font-weight:600}\
.calm{fill:#59636e;font-size:12.5px}.bad{fill:#cf222e;font-size:14px}.mid{text-anchor:middle}.paper{fill:#fff}\
.panel{fill:#f6f8fa;stroke:#d0d7de}.core{stroke:#57606a;stroke-width:4;stroke-linecap:round}\
.link{stroke:#57606a;stroke-width:1.5}.lane{stroke:#8c959f;stroke-width:1}.leg{stroke:#8250df;stroke-width:1.3}\
.peer{stroke:#bf8700;stroke-width:5}.wan{stroke:#218bff;stroke-width:2;stroke-dasharray:6 4}\
.switch,.spine{fill:#fff;stroke:#57606a}.pill{fill:#fff;stroke:#8250df}.host{fill:#2da44e}.relay{fill:#8250df}\
.tag{stroke:none}.tagged{fill:#fff;font-size:11.5px;font-weight:600}\
.feed0{fill:#0969da}.feed1{fill:#9a6700}.feed2{fill:#1a7f37}.feed3{fill:#8250df}.feed4{fill:#bf3989}.feed5{fill:#57606a}\
@media(prefers-color-scheme:dark){text{fill:#e6edf3}.calm{fill:#9198a1}.paper{fill:#0d1117}\
.panel{fill:#151b23;stroke:#3d444d}.core,.link{stroke:#9198a1}.lane{stroke:#656c76}\
.switch,.spine,.pill{fill:#0d1117}.switch,.spine{stroke:#9198a1}.peer{stroke:#d29922}\
.leg,.pill{stroke:#ab7df8}.wan{stroke:#4493f8}.host{fill:#3fb950}.relay{fill:#ab7df8}.bad{fill:#ff7b72}}\
.panel.broken,.switch.broken,.spine.broken,.pill.broken,.tag.broken{stroke:#e5343f;stroke-width:2.5}\
.core.broken,.link.broken,.lane.broken,.peer.broken,.wan.broken{stroke:#e5343f}.link.broken,.lane.broken,.wan.broken{stroke-width:3}\
.host.broken,.relay.broken{fill:#e5343f}";

impl Text {
    fn class(self) -> &'static str {
        match self {
            Self::Head => "head",
            Self::Bold => "bold",
            Self::Calm => "calm",
            Self::Bad => "bad",
        }
    }

    /// About as wide as the words will be: there is no telling which font they will have.
    pub(super) fn width(self, words: &str) -> f64 {
        let each = match self {
            Self::Head => 10.4,
            Self::Bold => 8.2,
            Self::Calm => 6.7,
            Self::Bad => 7.6,
        };
        // Ideographs and pictures are about as wide as they are high.
        words.chars().map(|one| if one >= '\u{1100}' { each * 1.8 } else { each }).sum()
    }
}

impl Sheet {
    pub(super) fn text(&mut self, x: f64, y: f64, how: Text, words: &str) {
        self.right = self.right.max(x + how.width(words));
        let class = how.class();
        let _ = writeln!(
            self.shapes,
            "<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\">{}</text>",
            escaped(words)
        );
    }

    pub(super) fn line(&mut self, class: &str, [x1, y1]: [f64; 2], [x2, y2]: [f64; 2], broken: bool) {
        let class = classes(class, broken);
        let _ = writeln!(
            self.lines,
            "<line class=\"{class}\" x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\"/>"
        );
    }

    pub(super) fn panel(&mut self, [x, y]: [f64; 2], width: f64, height: f64, broken: bool) {
        self.right = self.right.max(x + width);
        let class = classes("panel", broken);
        let _ = writeln!(
            self.panels,
            "<rect class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" rx=\"8\"/>"
        );
    }

    /// Two lines of words in a frame.
    pub(super) fn switch(&mut self, [x, y]: [f64; 2], width: f64, [name, hosts]: [&str; 2], broken: bool) {
        let class = classes("switch", broken);
        let middle = x + width / 2.0;
        let _ = writeln!(
            self.shapes,
            "<rect class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"38\" rx=\"4\"/>\
             <text class=\"bold mid\" x=\"{middle:.1}\" y=\"{:.1}\">{}</text>\
             <text class=\"calm mid\" x=\"{middle:.1}\" y=\"{:.1}\">{}</text>",
            y + 16.0,
            escaped(name),
            y + 31.5,
            escaped(hosts)
        );
    }

    /// One line of words in a frame.
    pub(super) fn spine(&mut self, [x, y]: [f64; 2], width: f64, name: &str, broken: bool) {
        let class = classes("spine", broken);
        let _ = writeln!(
            self.shapes,
            "<rect class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"24\" rx=\"4\"/>\
             <text class=\"mid\" x=\"{:.1}\" y=\"{:.1}\">{}</text>",
            x + width / 2.0,
            y + 16.5,
            escaped(name)
        );
    }

    /// The power feed of what stands there, from 0.
    pub(super) fn feed(&mut self, [x, y]: [f64; 2], feed: usize, broken: bool) {
        let class = classes(&format!("tag feed{}", feed % 6), broken);
        let _ = writeln!(
            self.shapes,
            "<rect class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"20\" height=\"15\" rx=\"3\"/>\
             <text class=\"tagged mid\" x=\"{:.1}\" y=\"{:.1}\">{}</text>",
            x + 10.0,
            y + 11.5,
            feed + 1
        );
    }

    pub(super) fn dot(&mut self, [x, y]: [f64; 2], name: &str, broken: bool) {
        let class = classes("host", broken);
        let _ = writeln!(
            self.shapes,
            "<circle class=\"{class}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"4.2\"><title>{}</title></circle>",
            escaped(name)
        );
    }

    pub(super) fn relay(&mut self, [x, y]: [f64; 2], broken: bool) {
        let class = classes("relay", broken);
        let _ = writeln!(
            self.shapes,
            "<rect class=\"{class}\" x=\"{:.1}\" y=\"{:.1}\" width=\"14\" height=\"14\" rx=\"2\"/>\
             <text class=\"calm mid\" x=\"{x:.1}\" y=\"{:.1}\">relay</text>",
            x - 7.0,
            y - 7.0,
            y - 11.0
        );
    }

    /// Words in a frame around a point.
    pub(super) fn pill(&mut self, [x, y]: [f64; 2], words: &str, broken: bool) {
        let width = pill_width(words);
        self.right = self.right.max(x + width / 2.0);
        let class = classes("pill", broken);
        let _ = writeln!(
            self.shapes,
            "<rect class=\"{class}\" x=\"{:.1}\" y=\"{:.1}\" width=\"{width:.1}\" height=\"24\" rx=\"12\"/>\
             <text class=\"bold mid\" x=\"{x:.1}\" y=\"{:.1}\">{}</text>",
            x - width / 2.0,
            y - 12.0,
            y + 4.5,
            escaped(words)
        );
    }

    /// How far it reaches so far.
    pub(super) fn right(&self) -> f64 {
        self.right
    }

    /// Everything, with room for what reaches farthest.
    pub(super) fn finish(self, title: &str, margin: f64, bottom: f64) -> String {
        let Self { panels, lines, shapes, right } = self;
        let (width, height) = ((right + margin).max(360.0), bottom + margin);
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" width=\"{width:.0}\" \
             height=\"{height:.0}\" font-family=\"ui-sans-serif, system-ui, 'Segoe UI', Helvetica, Arial, sans-serif\" \
             role=\"img\">\n<title>{}</title>\n<style>{STYLE}</style>\n\
             <rect class=\"paper\" width=\"100%\" height=\"100%\"/>\n{panels}{lines}{shapes}</svg>\n",
            escaped(title)
        )
    }
}

pub(super) fn pill_width(words: &str) -> f64 {
    Text::Bold.width(words) + 20.0
}

fn classes(class: &str, broken: bool) -> String {
    if broken { format!("{class} broken") } else { class.to_owned() }
}

/// Words as XML has them. XML 1.0, section 2.2: `Char ::= #x9 | #xA | #xD | [#x20-#xD7FF] | [#xE000-#xFFFD] |
/// [#x10000-#x10FFFF]`; nothing else may be in a document, not even escaped.
pub(super) fn escaped(text: &str) -> String {
    let mut all = String::with_capacity(text.len());
    for one in text.chars() {
        match one {
            '&' => all.push_str("&amp;"),
            '<' => all.push_str("&lt;"),
            '>' => all.push_str("&gt;"),
            '"' => all.push_str("&quot;"),
            '\t' | '\n' | '\r' => all.push(' '),
            '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{fffe}' | '\u{ffff}' => all.push('\u{fffd}'),
            _ => all.push(one),
        }
    }
    all
}
