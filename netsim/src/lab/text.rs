//! What people read: colours where they are welcome, columns that line up.

use std::io::{IsTerminal as _, Write as _};

/// Prints a line of results. Whoever reads them may stop reading: that is no reason to fail.
pub(super) fn print(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// Prints a line of progress, likewise.
pub(super) fn tell(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// A colour with a meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Paint {
    /// As wanted.
    Good,
    /// Not as wanted.
    Bad,
    /// Broken on purpose.
    Warn,
    /// A heading.
    Strong,
    /// Beside the point.
    Faint,
}

/// Colours, or none.
#[derive(Clone, Copy, Debug)]
pub(super) struct Style {
    coloured: bool,
}

impl Style {
    /// For standard error.
    pub(super) fn of_stderr() -> Self {
        Self { coloured: std::io::stderr().is_terminal() && !no_colour() }
    }

    /// For standard output.
    pub(super) fn of_stdout() -> Self {
        Self { coloured: std::io::stdout().is_terminal() && !no_colour() }
    }

    /// The text in that colour.
    pub(super) fn paint(self, paint: Paint, text: &str) -> String {
        let code = match paint {
            Paint::Good => "32",
            Paint::Bad => "1;31",
            Paint::Warn => "33",
            Paint::Strong => "1",
            Paint::Faint => "2",
        };
        if self.coloured { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.into() }
    }
}

/// <https://no-color.org>: any value but the empty one.
fn no_colour() -> bool {
    std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
}

/// Rows under a heading, each column as wide as its widest cell, two spaces between.
pub(super) fn table(heading: &[&str], rows: &[Vec<String>]) -> String {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
        cells.chain(heading.get(column).map(|cell| cell.chars().count())).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..heading.len()).map(width).collect();
    let line = |cells: &mut dyn Iterator<Item = &str>| {
        let padded = cells.zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        padded.collect::<Vec<_>>().join("  ").trim_end().to_string() + "\n"
    };
    let mut text = line(&mut heading.iter().copied());
    for row in rows {
        text += &line(&mut row.iter().map(String::as_str));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_and_nothing_trails() {
        let rows = vec![vec!["host-down".into(), "x".into()], vec!["a".into(), "longer".into()]];
        assert_eq!(table(&["step", "what"], &rows), "step       what\nhost-down  x\na          longer\n");
    }

    #[test]
    fn without_colour_the_text_is_untouched() {
        assert_eq!(Style { coloured: false }.paint(Paint::Bad, "x"), "x");
        assert_eq!(Style { coloured: true }.paint(Paint::Good, "x"), "\u{1b}[32mx\u{1b}[0m");
    }
}
