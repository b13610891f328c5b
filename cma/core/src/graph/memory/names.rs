//! Names of nodes, for finding them by a part.
//!
//! All names stand in one text, one after the other, without case. A search reads it from end to end: of a million
//! names that is some ten million octets and takes milliseconds, where going from record to record takes seconds. It
//! answers for any part of a name, not for beginnings alone, and costs twenty octets and the name for each.
//!
//! # Invariants
//! - Every node that was added and not removed has an entry. Entries of removed ones may still be there: whoever asks
//!   compares what is found with the node.

use std::collections::BTreeSet;

/// Between two names.
const END: char = '\0';
/// So many entries of removed nodes are always borne.
const DEAD_MIN: usize = 1_024;

/// See the module.
#[derive(Default)]
pub(super) struct Names {
    text: String,
    /// Where a name begins, and whose it is; in the order of the text.
    entries: Vec<(usize, u32)>,
    dead: usize,
}

/// A name as it is compared: without case.
pub(super) fn folded(name: &str) -> String {
    name.to_lowercase().replace(END, "\u{fffd}")
}

impl Names {
    /// A node has this name.
    pub(super) fn insert(&mut self, name: &str, number: u32) {
        self.entries.push((self.text.len(), number));
        self.text.push_str(&folded(name));
        self.text.push(END);
    }

    /// A node is no more. Once half of the names are of such, those for which `lives` does not hold are left out.
    pub(super) fn remove(&mut self, lives: impl Fn(u32, &str) -> bool) {
        self.dead += 1;
        if self.dead < DEAD_MIN || self.dead * 2 < self.entries.len() {
            return;
        }
        let mut rest = Self::default();
        // What was called something else for a while stands here twice.
        let mut seen = BTreeSet::new();
        for (at, &(_, number)) in self.entries.iter().enumerate() {
            let name = self.name(at);
            if lives(number, name) && seen.insert((number, name)) {
                rest.entries.push((rest.text.len(), number));
                rest.text.push_str(name);
                rest.text.push(END);
            }
        }
        drop(seen);
        *self = rest;
    }

    /// Whose names have that part, with the name; some of them may be no more, or stand here twice.
    pub(super) fn with(&self, part: &str) -> Vec<(u32, &str)> {
        let part = folded(part);
        let mut found: Vec<usize> = if part.is_empty() {
            (0..self.entries.len()).collect()
        } else {
            self.text.match_indices(&part).map(|(place, _)| self.entry_at(place)).collect()
        };
        found.dedup();
        found.into_iter().filter_map(|at| Some((self.entries.get(at)?.1, self.name(at)))).collect()
    }

    fn entry_at(&self, place: usize) -> usize {
        self.entries.partition_point(|(start, _)| *start <= place).saturating_sub(1)
    }

    fn name(&self, at: usize) -> &str {
        let start = self.entries.get(at).map_or(0, |(start, _)| *start);
        let end = self.entries.get(at + 1).map_or(self.text.len(), |(next, _)| *next);
        self.text.get(start..end).unwrap_or_default().trim_end_matches(END)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(names: &Names, part: &str) -> Vec<u32> {
        names.with(part).into_iter().map(|(number, _)| number).collect()
    }

    #[test]
    fn a_name_is_found_by_any_part_whatever_its_case_and_never_over_two_names() {
        let mut names = Names::default();
        for (number, name) in (0..).zip(["web-1", "WEB-10", "db", "\u{c4}rger", "ana-banana"]) {
            names.insert(name, number);
        }
        let cases: &[(&str, &[u32])] = &[
            ("web-1", &[0, 1]),
            ("eB-10", &[1]),
            ("\u{e4}r", &[3]),
            ("an", &[4]),
            ("1web", &[]),
            ("1\0w", &[]),
            ("", &[0, 1, 2, 3, 4]),
        ];
        for (part, want) in cases {
            assert_eq!(numbers(&names, part), *want, "{part:?}");
        }
        assert_eq!(Names::default().with("x"), []);
    }

    #[test]
    fn names_of_those_that_are_gone_go_before_they_are_more_than_those_that_live() {
        let mut names = Names::default();
        (0..4_000_u32).for_each(|n| names.insert(&format!("h{n}"), n));
        let mut gone = 0;
        for n in 0..4_000_u32 {
            gone = n + 1;
            names.remove(|number, name| number >= gone && name == format!("h{number}"));
            assert!(names.entries.len() <= 2 * DEAD_MIN.max((4_000 - n) as usize), "{n}");
        }
        assert_eq!(gone, 4_000);
        for _ in 0..10_000 {
            names.insert("again", 7);
            names.remove(|number, name| (number, name) == (7, "again"));
        }
        assert!(names.with("again").len() <= DEAD_MIN + 1, "{}", names.with("again").len());
        assert!(names.entries.len() <= 2 * DEAD_MIN && names.text.len() < 20_000);
    }
}
