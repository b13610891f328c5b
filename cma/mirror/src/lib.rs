//! The graph in a Neo4j, kept as the CMA has it.
//!
//! The CMA's own graph is the master. This follows its change log and writes what changed into a server that speaks
//! Bolt, in batches; people ask that server what they like, and the CMA never does. Nothing here is ever waited for by
//! whoever judges or pages: the mirror runs in a thread of its own, asks the CMA for changes like a client, and a server
//! that is away, slow or read-only only makes it late.
//!
//! # How it stays right
//! - The server itself holds how far it is: a node `RingmeshMirror` with the run of the CMA and the revision, written in
//!   the same transaction as the rows. So a transaction that was cut off, by a kill of either side, is there whole or
//!   not at all, and a server that was restored from an old backup shows its old cursor.
//! - Every transaction first takes the cursor as it is believed to be. Where it is another, nothing is written and it is
//!   read anew: a second writer, or a server exchanged behind an open connection, cannot lose a change.
//! - Revisions start anew with every run of the CMA, and tombstones are not kept for ever. Where the cursor is of
//!   another run, or older than the log, both sides are compared page by page and only what differs is written
//!   ([`difference`]).
//! - Every row is an upsert or a removal by its key, so doing it again changes nothing.
//!
//! - [`source`]: what the mirror asks the CMA. [`bolt`]: the one place that knows the driver, with its limits of time.
//! - [`row`], [`batch`], [`text`]: from changes to statements; names come in as parameters only.
//! - [`cursor`], [`difference`], [`follow`]: see above. [`state`]: what an operator is shown.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod batch;
pub mod bolt;
pub mod cursor;
pub mod difference;
pub mod follow;
pub mod row;
pub mod settings;
pub mod source;
pub mod state;
pub mod text;
pub mod trouble;

mod write;

pub use follow::{Mirror, Order};
pub use settings::Settings;
pub use source::{Ask, Source};
pub use state::{Comparison, State};
pub use trouble::Trouble;

/// The version of what is written: labels, properties and digests. A server that holds a newer one is left alone.
pub const SCHEMA: i64 = 1;
