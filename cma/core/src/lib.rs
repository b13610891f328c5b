//! What the collective monitoring authority decides.
//!
//! Pure: no clock, no socket, no file, no thread, no unordered map, no float. Relays tell news, this crate
//! keeps the graph of everything and the incidents in all their revisions, and says when a person is told.
//!
//! - [`cma`]: the machine: events in, orders out.
//! - [`relay`]: what is known of each relay, and how its news are taken exactly once.
//! - [`graph`]: the verbs of a graph store, and the store in memory; [`estate`]: from news to the graph.
//! - [`history`]: what happened, row by row; [`past`]: wires that were.
//! - [`incident`]: incidents and their revisions; [`notifier`]: when a line leaves for people.
//! - [`sites`]: which relays and sites are lost, and what that is; [`mesh`]: the ring that their relays form.
//! - [`query`]: questions an operator asks of the graph.
//! - [`export`]: the wiring for other tools; [`inventory`]: what is cabled against what is seen.
//! - [`documents`]: the shapes of `--json`; [`view`]: from state to documents.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod calendar;
pub mod cma;
pub mod documents;
pub mod estate;
pub mod export;
pub mod graph;
pub mod history;
pub mod incident;
pub mod inventory;
pub mod mesh;
pub mod notifier;
pub mod past;
pub mod query;
mod records;
pub mod relay;
pub mod sites;
pub mod view;

#[cfg(test)]
mod testing;

pub use records::{RECORDS_VERSION, written};
