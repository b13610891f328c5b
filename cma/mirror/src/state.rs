//! What an operator is shown of a mirror.

use std::time::Instant;

/// What it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// It has not reached the server yet.
    Connecting,
    /// It compares both sides and writes what differs.
    Comparing,
    /// It writes what changed.
    CatchingUp,
    /// All that is known is there.
    InStep,
    /// Something is in the way; it tries again by itself.
    Waiting,
}

impl Phase {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Connecting => "connecting",
            Self::Comparing => "comparing",
            Self::CatchingUp => "catching-up",
            Self::InStep => "in-step",
            Self::Waiting => "waiting",
        }
    }
}

/// How a mirror does.
#[derive(Clone, Debug)]
pub struct State {
    /// What it does.
    pub phase: Phase,
    /// All changes of this run up to it are there; `None` before that is known.
    pub revision: Option<u64>,
    /// When what was known was there last.
    pub in_step_at: Instant,
    /// Rows written since the start.
    pub written: u64,
    /// Comparisons of everything since the start.
    pub compared: u64,
    /// What was in the way last: since when in wall time, what, and what to do about it.
    pub trouble: Option<Problem>,
}

/// What was in the way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Wall time.
    pub at_ms: u64,
    /// What.
    pub text: String,
    /// What to do about it.
    pub remedy: &'static str,
}

impl State {
    pub(crate) fn new() -> Self {
        Self {
            phase: Phase::Connecting,
            revision: None,
            in_step_at: Instant::now(),
            written: 0,
            compared: 0,
            trouble: None,
        }
    }
}

/// Rows of one label or relation on both sides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compared {
    /// Which.
    pub of: String,
    /// In the graph.
    pub here: u64,
    /// In the mirror.
    pub there: u64,
    /// And their digests are the same.
    pub same: bool,
}

/// Rows of all labels and relations on both sides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Comparison {
    /// Labels, then relations.
    pub rows: Vec<Compared>,
}

impl Comparison {
    /// Both sides hold the same.
    pub fn is_same(&self) -> bool {
        self.rows.iter().all(|row| row.same)
    }
}
