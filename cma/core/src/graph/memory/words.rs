//! Texts that stand on many edges, each held once: the marks.

use std::collections::BTreeMap;

/// The number of the empty text, which is always there.
pub(super) const EMPTY: u32 = 0;

/// Texts under numbers, for as long as somebody holds them.
#[derive(Default)]
pub(super) struct Words {
    numbers: BTreeMap<Box<str>, u32>,
    /// Text and how many hold it, from number 1.
    texts: Vec<(Box<str>, u32)>,
    free: Vec<u32>,
}

impl Words {
    /// The number of a text that somebody holds.
    pub(super) fn find(&self, text: &str) -> Option<u32> {
        if text.is_empty() { Some(EMPTY) } else { self.numbers.get(text).copied() }
    }

    /// The number of a text, which is held once more.
    pub(super) fn hold(&mut self, text: &str) -> u32 {
        if text.is_empty() {
            return EMPTY;
        }
        if let Some(&number) = self.numbers.get(text) {
            if let Some((_, holders)) = self.texts.get_mut(number as usize - 1) {
                *holders += 1;
            }
            return number;
        }
        let entry = (Box::from(text), 1);
        let number = match self.free.pop() {
            Some(number) => {
                self.texts[number as usize - 1] = entry;
                number
            }
            None => {
                self.texts.push(entry);
                // Fewer texts than edges, whose numbers are 31 bits.
                u32::try_from(self.texts.len()).unwrap_or(u32::MAX)
            }
        };
        self.numbers.insert(Box::from(text), number);
        number
    }

    /// It is held once less; what nobody holds is forgotten.
    pub(super) fn release(&mut self, number: u32) {
        if number == EMPTY {
            return;
        }
        let Some((text, holders)) = self.texts.get_mut(number as usize - 1) else { return };
        *holders -= 1;
        if *holders == 0 {
            self.numbers.remove(&core::mem::take(text));
            self.free.push(number);
        }
    }

    /// The text of a number.
    pub(super) fn text(&self, number: u32) -> &str {
        let held = (number as usize).checked_sub(1).and_then(|at| self.texts.get(at));
        held.map_or("", |(text, _)| text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_has_one_number_for_as_long_as_it_is_held() {
        let mut words = Words::default();
        let (a, b) = (words.hold("a"), words.hold("b"));
        assert_eq!(
            (words.hold("a"), words.find("b"), words.hold(""), words.text(b)),
            (a, Some(b), EMPTY, "b")
        );
        words.release(a);
        assert_eq!(words.find("a"), Some(a));
        words.release(a);
        words.release(EMPTY);
        assert_eq!((words.find("a"), words.find("")), (None, Some(EMPTY)));
        assert_eq!((words.hold("c"), words.text(a)), (a, "c"));
    }
}
