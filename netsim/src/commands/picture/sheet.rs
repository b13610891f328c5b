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
}

const STYLE: &str = "text{fill:#1f2328;font-size:12px}.head{font-size:15px;font-weight:600}.bold{font-weight:600}\
.calm{fill:#656d76;font-size:11px}.bad{fill:#cf222e}.mid{text-anchor:middle}.paper{fill:#fff}\
.panel{fill:#f6f8fa;stroke:#d0d7de}.core{stroke:#57606a;stroke-width:4;stroke-linecap:round}\
.link{stroke:#57606a;stroke-width:1.5}.leg{stroke:#8250df;stroke-width:1.3}\
.wan{stroke:#54aeff;stroke-width:1.5;stroke-dasharray:5 4}.switch{fill:#fff;stroke:#57606a}\
.pill{fill:#fff;stroke:#8250df}.host{fill:#2da44e}.relay{fill:#8250df}\
.panel.broken,.switch.broken,.pill.broken{stroke:#cf222e;stroke-width:2.5}.host.broken,.relay.broken{fill:#cf222e}\
@media(prefers-color-scheme:dark){text{fill:#e6edf3}.calm{fill:#9198a1}.bad{fill:#ff7b72}.paper{fill:#0d1117}\
.panel{fill:#151b23;stroke:#3d444d}.core,.link{stroke:#9198a1}.switch,.pill{fill:#0d1117}.switch{stroke:#9198a1}\
.leg,.pill{stroke:#ab7df8}.wan{stroke:#4493f8}.host{fill:#3fb950}.relay{fill:#ab7df8}\
.panel.broken,.switch.broken,.pill.broken{stroke:#ff7b72}.host.broken,.relay.broken{fill:#ff7b72}}";

impl Sheet {
    pub(super) fn text(&mut self, x: f64, y: f64, how: Text, words: &str) {
        let class = match how {
            Text::Head => "head",
            Text::Bold => "bold",
            Text::Calm => "calm",
            Text::Bad => "bad",
        };
        let _ = writeln!(
            self.shapes,
            "<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\">{}</text>",
            escaped(words)
        );
    }

    pub(super) fn line(&mut self, class: &str, x1: f64, y1: f64, x2: f64, y2: f64) {
        let _ = writeln!(
            self.lines,
            "<line class=\"{class}\" x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\"/>"
        );
    }

    pub(super) fn panel(&mut self, x: f64, y: f64, width: f64, height: f64, broken: bool) {
        let class = classes("panel", broken);
        let _ = writeln!(
            self.panels,
            "<rect class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" rx=\"8\"/>"
        );
    }

    pub(super) fn switch(&mut self, x: f64, y: f64, width: f64, name: &str, hosts: &str, broken: bool) {
        let class = classes("switch", broken);
        let middle = x + width / 2.0;
        let _ = writeln!(
            self.shapes,
            "<rect class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"34\" rx=\"4\"/>\
             <text class=\"bold mid\" x=\"{middle:.1}\" y=\"{:.1}\">{}</text>\
             <text class=\"calm mid\" x=\"{middle:.1}\" y=\"{:.1}\">{}</text>",
            y + 14.5,
            escaped(name),
            y + 28.0,
            escaped(hosts)
        );
    }

    pub(super) fn dot(&mut self, x: f64, y: f64, name: &str, broken: bool) {
        let class = classes("host", broken);
        let _ = writeln!(
            self.shapes,
            "<circle class=\"{class}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"4.2\"><title>{}</title></circle>",
            escaped(name)
        );
    }

    pub(super) fn relay(&mut self, x: f64, y: f64, broken: bool) {
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
    pub(super) fn pill(&mut self, x: f64, y: f64, words: &str, broken: bool) {
        let width = words.chars().count() as f64 * 6.8 + 18.0;
        let class = classes("pill", broken);
        let _ = writeln!(
            self.shapes,
            "<rect class=\"{class}\" x=\"{:.1}\" y=\"{:.1}\" width=\"{width:.1}\" height=\"22\" rx=\"11\"/>\
             <text class=\"bold mid\" x=\"{x:.1}\" y=\"{:.1}\">{}</text>",
            x - width / 2.0,
            y - 11.0,
            y + 4.0,
            escaped(words)
        );
    }

    pub(super) fn finish(self, title: &str, width: f64, height: f64) -> String {
        let Self { panels, lines, shapes } = self;
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" width=\"{width:.0}\" \
             height=\"{height:.0}\" font-family=\"ui-sans-serif, system-ui, 'Segoe UI', Helvetica, Arial, sans-serif\" \
             role=\"img\">\n<title>{}</title>\n<style>{STYLE}</style>\n\
             <rect class=\"paper\" width=\"100%\" height=\"100%\"/>\n{panels}{lines}{shapes}</svg>\n",
            escaped(title)
        )
    }
}

fn classes(class: &str, broken: bool) -> String {
    if broken { format!("{class} broken") } else { class.to_owned() }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
