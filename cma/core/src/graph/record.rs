//! What is stored of one node or edge: what was said last, by whom, as what number, since when.

/// A record: `said` is `None` after it was dropped.
pub(super) struct Record<T> {
    pub(super) said: Option<T>,
    pub(super) source: u32,
    pub(super) sequence: u64,
    pub(super) since_ms: u64,
    pub(super) revision: u64,
}

/// A stamp with its source as a number.
#[derive(Clone, Copy)]
pub(super) struct Mark {
    pub(super) source: u32,
    pub(super) sequence: u64,
    pub(super) at_ms: u64,
}

impl<T: PartialEq> Record<T> {
    /// A record that says nothing yet.
    pub(super) fn empty(mark: Mark) -> Self {
        Self { said: None, source: mark.source, sequence: 0, since_ms: 0, revision: 0 }
    }

    pub(super) fn is_newer_than(&self, mark: Mark) -> bool {
        self.source == mark.source && self.sequence > mark.sequence
    }

    /// Takes what was said; tells whether that is something new.
    pub(super) fn say(&mut self, said: Option<T>, mark: Mark) -> bool {
        (self.source, self.sequence) = (mark.source, mark.sequence);
        if self.said == said {
            return false;
        }
        self.said = said;
        self.since_ms = mark.at_ms;
        true
    }
}
