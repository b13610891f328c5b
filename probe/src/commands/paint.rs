//! Colour where it helps, columns that line up, lines that fit.

use std::env;
use std::io::{self, IsTerminal};

/// The width every output fits in.
pub(super) const WIDTH: usize = 80;

/// Whether to colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Paint(pub(super) bool);

impl Paint {
    /// Coloured on a terminal, unless `NO_COLOR` is set (no-color.org).
    pub(super) fn of_stdout() -> Self {
        Self(io::stdout().is_terminal() && env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()))
    }

    /// Something is well.
    pub(super) fn good(self, text: &str) -> String {
        self.wrap("32", text)
    }

    /// Something to look at.
    pub(super) fn odd(self, text: &str) -> String {
        self.wrap("33", text)
    }

    /// Something is broken.
    pub(super) fn bad(self, text: &str) -> String {
        self.wrap("31", text)
    }

    /// A heading.
    pub(super) fn head(self, text: &str) -> String {
        self.wrap("1", text)
    }

    fn wrap(self, code: &str, text: &str) -> String {
        if self.0 { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.into() }
    }
}

/// `text` in exactly `width` columns: cut with a `~`, or filled up with spaces.
pub(super) fn column(text: &str, width: usize) -> String {
    let safe: String = text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
    if safe.chars().count() <= width {
        return format!("{safe:<width$}");
    }
    let cut: String = safe.chars().take(width.saturating_sub(1)).collect();
    format!("{cut}~")
}

/// `text` in lines of at most [`WIDTH`] columns, each behind `indent` spaces, broken at spaces.
pub(super) fn wrapped(text: &str, indent: usize) -> Vec<String> {
    let room = WIDTH - indent;
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= room => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.into()),
        }
    }
    lines.into_iter().map(|line| format!("{:indent$}{line}", "")).collect()
}

/// A span in at most five columns: `45s`, `12m`, `3h`, `9d`.
pub(super) fn span(seconds: Option<u64>) -> String {
    match seconds {
        None => "-".into(),
        Some(s @ 0..=999) => format!("{s}s"),
        Some(s @ 1_000..=59_999) => format!("{}m", s / 60),
        Some(s @ 60_000..=359_999) => format!("{}h", s / 3_600),
        Some(s) => format!("{}d", (s / 86_400).min(9_999)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_told_and_escapes_do_not_reach_a_terminal() {
        assert_eq!(column("eth0", 6), "eth0  ");
        assert_eq!(column("enp0s31f6", 6), "enp0s~");
        assert_eq!(column("\u{1b}[31m", 6), "\u{fffd}[31m ");
        assert_eq!(Paint(false).bad("x"), "x");
    }

    #[test]
    fn long_sentences_are_broken_at_spaces_within_the_width() {
        let lines = wrapped(&"word ".repeat(60), 9);
        assert!(
            lines.len() > 3
                && lines
                    .iter()
                    .all(|line| line.chars().count() <= WIDTH && line.starts_with("         word"))
        );
    }

    #[test]
    fn spans_stay_short() {
        let cases = [
            (None, "-"),
            (Some(0), "0s"),
            (Some(999), "999s"),
            (Some(1_000), "16m"),
            (Some(90_000), "25h"),
            (Some(u64::MAX), "9999d"),
        ];
        for (seconds, want) in cases {
            assert_eq!(span(seconds), want, "{seconds:?}");
        }
    }
}
