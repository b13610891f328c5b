//! What a query gives back.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Query;
use crate::calendar::utc;
use crate::documents::SCHEMA;
use crate::graph::StoreError;

/// One value of a row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Cell {
    /// Yes or no.
    Flag(bool),
    /// A count; milliseconds or seconds where its column says so.
    Number(u64),
    /// Text.
    Text(String),
    /// Several names, in an order that counts where the query says so.
    List(Vec<String>),
}

impl From<bool> for Cell {
    fn from(flag: bool) -> Self {
        Self::Flag(flag)
    }
}

impl From<u64> for Cell {
    fn from(number: u64) -> Self {
        Self::Number(number)
    }
}

impl From<usize> for Cell {
    fn from(number: usize) -> Self {
        Self::Number(u64::try_from(number).unwrap_or(u64::MAX))
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<Vec<String>> for Cell {
    fn from(list: Vec<String>) -> Self {
        Self::List(list)
    }
}

/// `ringmesh query`: named columns, and rows that have them all.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// [`SCHEMA`].
    pub schema: u32,
    /// The query.
    pub query: String,
    /// Its argument; empty where it has none.
    pub argument: String,
    /// The moment it was asked.
    pub at_ms: u64,
    /// The columns, in the order people read them. `_ms` and `_s` as in [`crate::documents`]; `X_id` beside `X` is
    /// the id of what `X` names: of a switch its chassis id, of an interface its MAC address.
    pub columns: Vec<String>,
    /// The rows, by column.
    pub rows: Vec<BTreeMap<String, Cell>>,
    /// What has to be known to read the rows right.
    pub notes: Vec<String>,
}

impl Answer {
    /// An answer without rows.
    pub(super) fn new(query: &Query, argument: &str, at_ms: u64) -> Self {
        Self {
            schema: SCHEMA,
            query: query.name.to_owned(),
            argument: argument.to_owned(),
            at_ms,
            columns: query.columns.iter().map(|column| (*column).to_owned()).collect(),
            rows: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// Adds a row: one cell for each column.
    pub(super) fn row<const N: usize>(&mut self, cells: [Cell; N]) {
        debug_assert_eq!(cells.len(), self.columns.len(), "{}", self.query);
        self.rows.push(self.columns.iter().cloned().zip(cells).collect());
    }

    /// Adds a note.
    pub(super) fn note(&mut self, note: impl Into<String>) {
        self.notes.push(note.into());
    }
}

/// Why there is no answer. Nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoAnswer {
    /// No query has that name.
    #[error("no query is called {0:?}: `ringmesh query` lists them all")]
    NoQuery(String),
    /// It wants an argument and got none, or the other way round.
    #[error("give `ringmesh query {0}`")]
    Argument(String),
    /// The argument has to be a number here.
    #[error("{argument:?} is no number of {unit}")]
    NoNumber {
        /// What was given.
        argument: String,
        /// What it counts.
        unit: &'static str,
    },
    /// Nothing has that name.
    #[error("no {kind} is called {name:?}: {}", hint(near))]
    Unknown {
        /// What was looked for.
        kind: &'static str,
        /// The name.
        name: String,
        /// Names like it.
        near: Vec<String>,
    },
    /// Several have it.
    #[error("{} {} are called {name:?}: give one of {}", ids.len(), many(kind), ids.join(", "))]
    Several {
        /// What was looked for.
        kind: &'static str,
        /// The name.
        name: String,
        /// All of them, as they can be given.
        ids: Vec<String>,
    },
    /// Nothing was found.
    #[error("nothing is found by {name:?}: {remedy}")]
    NotFound {
        /// What was looked for.
        name: String,
        /// What to try.
        remedy: String,
    },
    /// The moment has not come yet.
    #[error("{} has not come yet: it is {}", utc(*since_ms), utc(*now_ms))]
    Future {
        /// What was asked for.
        since_ms: u64,
        /// What it is.
        now_ms: u64,
    },
    /// The store could not be read.
    #[error(transparent)]
    Store(StoreError),
}

fn many(kind: &str) -> &str {
    if kind == "switch" { "switches" } else { "hosts" }
}

fn hint(near: &[String]) -> String {
    if near.is_empty() {
        return "`ringmesh tree` shows all there are".to_owned();
    }
    format!("did you mean {}? `ringmesh tree` shows all there are", near.join(", "))
}
