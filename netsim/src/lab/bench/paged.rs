//! Whether people were told each thing once: by the lines that the notifier handed on. Pure.
//!
//! A line may come twice, for a kill may come between handing it on and writing down that it was. Whoever takes them
//! knows by the key; so one incident and one transition have one key, and of one thing one key is open at a time.

use std::collections::{BTreeMap, BTreeSet};

use crate::lab::operator::PageLine;

/// What is wrong with the lines, and how many there are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Paged {
    /// Lines in all.
    pub(super) lines: usize,
    /// Lines that say again what one before them said.
    pub(super) again: usize,
    /// Incidents whose opening or closing was told under several keys.
    pub(super) keys: Vec<String>,
    /// Things of which two were open at once.
    pub(super) both_open: Vec<String>,
    /// Keys that were opened and never closed.
    pub(super) left_open: Vec<String>,
}

/// Looks at all lines, in their order.
pub(super) fn check(lines: &[PageLine]) -> Paged {
    let mut paged = Paged { lines: lines.len(), ..Paged::default() };
    let mut keys: BTreeMap<(&str, &str), BTreeSet<&str>> = BTreeMap::new();
    let mut seen = BTreeSet::new();
    let mut open: BTreeMap<&str, (&str, &str, &str)> = BTreeMap::new();
    for line in lines {
        keys.entry((&line.incident, &line.transition)).or_default().insert(&line.key);
        paged.again += usize::from(!seen.insert((&line.key, &line.transition, line.at_ms)));
        if line.transition == "closed" {
            open.remove(line.key.as_str());
            continue;
        }
        let about = (line.site.as_str(), line.subject.kind.as_str(), line.subject.id.as_str());
        let other = open.iter().find(|(key, thing)| **key != line.key && **thing == about);
        if let Some((other, _)) = other {
            let (_, kind, id) = about;
            paged.both_open.push(format!("{kind} {id}: {} while {other} is open", line.key));
        }
        open.insert(&line.key, about);
    }
    let several = keys.iter().filter(|(_, keys)| keys.len() > 1);
    paged.keys =
        several.map(|((incident, transition), keys)| format!("{incident} {transition}: {keys:?}")).collect();
    paged.left_open = open.keys().map(|key| (*key).to_owned()).collect();
    paged
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::operator::Named;

    fn line(key: &str, incident: &str, transition: &str, subject: &str) -> PageLine {
        let subject = Named { kind: "switch".into(), id: subject.into(), name: String::new() };
        let (key, incident, transition) = (key.into(), incident.into(), transition.into());
        PageLine { key, incident, transition, subject, site: "s1".into(), ..PageLine::default() }
    }

    #[test]
    fn a_line_may_come_twice_under_its_key_and_under_no_other() {
        let good = [
            line("a", "1", "opened", "sw1"),
            line("a", "1", "opened", "sw1"),
            line("a", "1", "closed", "sw1"),
        ];
        assert_eq!(check(&good), Paged { lines: 3, again: 1, ..Paged::default() });
        let two = [line("a", "1", "opened", "sw1"), line("b", "1", "opened", "sw2")];
        let paged = check(&two);
        assert_eq!((paged.keys.len(), paged.left_open.len(), paged.both_open.len()), (1, 2, 0));
    }

    #[test]
    fn of_one_thing_one_key_is_open_at_a_time() {
        let [first, second] = [line("a", "1", "opened", "sw1"), line("b", "2", "opened", "sw1")];
        assert_eq!(check(&[first.clone(), second.clone()]).both_open, ["switch sw1: b while a is open"]);
        let between = [first, line("a", "1", "closed", "sw1"), second];
        assert_eq!(check(&between).both_open, [""; 0]);
    }
}
