//! Words, colours and lines for a terminal of 80 columns.
//!
//! Colour repeats what a word says and never says it alone. What came over the wire is made harmless here: it may
//! hold what would move the cursor.

use ringmesh_cma_core::calendar;

/// Columns of a line.
pub(crate) const WIDTH: usize = 80;

/// How to print.
pub(crate) struct Paint {
    pub(crate) color: bool,
    /// Now, in wall time, for "4 min ago".
    pub(crate) now_ms: u64,
}

/// What a word means, for its colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tone {
    Good,
    Bad,
    Doubtful,
    Calm,
    Strong,
}

impl Paint {
    /// A word in its tone; the same word without colour where none is wanted.
    pub(crate) fn tone(&self, tone: Tone, word: &str) -> String {
        let word = harmless(word);
        if !self.color {
            return word;
        }
        let code = match tone {
            Tone::Good => "32",
            Tone::Bad => "1;31",
            Tone::Doubtful => "33",
            Tone::Calm => "2",
            Tone::Strong => "1",
        };
        format!("\u{1b}[{code}m{word}\u{1b}[0m")
    }

    /// The state of a host, port, switch, site, relay or incident.
    pub(crate) fn state(&self, state: &str) -> String {
        let (tone, word) = state_word(state);
        self.tone(tone, &word)
    }

    /// `page`, `ticket` or `log`.
    pub(crate) fn severity(&self, severity: &str) -> String {
        let tone = match severity {
            "page" => Tone::Bad,
            "ticket" => Tone::Doubtful,
            _ => Tone::Calm,
        };
        self.tone(tone, &severity.to_uppercase())
    }

    /// `2026-03-01 03:04:05 UTC (4 min ago)`.
    pub(crate) fn when(&self, ms: u64) -> String {
        format!("{} ({} ago)", calendar::utc(ms), self.ago(ms))
    }

    /// How long ago that was.
    pub(crate) fn ago(&self, ms: u64) -> String {
        calendar::span(self.now_ms.saturating_sub(ms) / 1_000)
    }
}

/// `1 host`, `2 hosts`.
pub(crate) fn counted(count: u64, one: &str, many: &str) -> String {
    if count == 1 { format!("1 {one}") } else { format!("{count} {many}") }
}

/// Text that may reach a terminal: control and text-direction characters are shown as a replacement.
pub(crate) fn harmless(text: &str) -> String {
    let one = |c: char| match c {
        '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => '\u{fffd}',
        c if c.is_control() => '\u{fffd}',
        c => c,
    };
    text.chars().map(one).collect()
}

/// A state in its tone; trouble in capitals, for those who see no red.
pub(crate) fn state_word(state: &str) -> (Tone, String) {
    match state {
        "up" | "connected" => (Tone::Good, state.to_owned()),
        "silent" | "down" | "cut" | "away" | "no-carrier" | "open" | "dark" | "dark or cut"
        | "relay down" | "path fault" | "unreachable" => (Tone::Bad, state.to_uppercase()),
        "late" | "unknown" => (Tone::Doubtful, state.to_uppercase()),
        other => (Tone::Calm, other.to_owned()),
    }
}

/// Text in lines of at most [`WIDTH`], the first after `head`, the others indented as far as it.
pub(crate) fn wrapped(head: &str, text: &str) -> String {
    wrapped_to(WIDTH, head, text) + "\n"
}

/// As [`wrapped`], for another width, without the last line's end.
pub(crate) fn wrapped_to(width: usize, head: &str, text: &str) -> String {
    let indent = " ".repeat(head.chars().count());
    let room = width.saturating_sub(indent.len()).max(20);
    let mut lines: Vec<String> = vec![String::new()];
    for word in harmless(text).split(' ').filter(|word| !word.is_empty()) {
        let full = lines
            .last()
            .is_some_and(|line| !line.is_empty() && line.chars().count() + 1 + word.chars().count() > room);
        if full {
            lines.push(String::new());
        }
        if let Some(line) = lines.last_mut() {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    format!("{head}{}", lines.join(&format!("\n{indent}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_stay_within_eighty_columns_and_keep_every_word() {
        let text = "word ".repeat(60);
        let wrapped = wrapped("  - ", &text);
        assert!(wrapped.lines().all(|line| line.chars().count() <= WIDTH), "{wrapped}");
        assert_eq!(wrapped.matches("word").count(), 60);
        assert!(wrapped.starts_with("  - word") && wrapped.contains("\n    word"));
    }

    #[test]
    fn what_came_over_the_wire_cannot_move_the_cursor() {
        let paint = Paint { color: false, now_ms: 0 };
        assert_eq!(paint.tone(Tone::Bad, "\u{1b}[2Jx"), "\u{fffd}[2Jx");
        assert!(!wrapped("", "a\u{1b}[2J\u{202e}b").contains(['\u{1b}', '\u{202e}']));
    }

    #[test]
    fn a_state_says_the_same_without_colour() {
        let (plain, color) = (Paint { color: false, now_ms: 0 }, Paint { color: true, now_ms: 0 });
        for (state, word) in [
            ("up", "up"),
            ("silent", "SILENT"),
            ("dark or cut", "DARK OR CUT"),
            ("unknown", "UNKNOWN"),
            ("planned", "planned"),
        ] {
            assert_eq!(plain.state(state), word);
            assert!(color.state(state).contains(word) && color.state(state).contains('\u{1b}'));
        }
    }
}
