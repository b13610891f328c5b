//! The mirror of the graph in a Neo4j, as this process runs and shows it.
//!
//! It runs in a thread of its own and asks the driver for changes like anybody else does: whatever its server does,
//! whoever judges and pages goes on. Without the feature `neo4j` there is none, and a config that wants one is refused.

use std::path::PathBuf;

#[cfg(not(feature = "neo4j"))]
pub(crate) use absent::Mirror;
#[cfg(not(feature = "neo4j"))]
pub use absent::Target;
#[cfg(feature = "neo4j")]
pub(crate) use present::Mirror;
#[cfg(feature = "neo4j")]
pub use present::Target;

/// What the config says of it, not yet checked.
#[cfg_attr(not(feature = "neo4j"), expect(dead_code, reason = "without a mirror nothing of it is looked at"))]
pub(crate) struct Asked {
    pub(crate) uri: String,
    pub(crate) user: String,
    pub(crate) password: String,
    pub(crate) ca_file: Option<PathBuf>,
    pub(crate) database: String,
    pub(crate) batch: usize,
}

/// A key of the config, what is wrong with it, and what to do.
pub(crate) type Refused = (&'static str, String, &'static str);

#[cfg(not(feature = "neo4j"))]
mod absent;
#[cfg(feature = "neo4j")]
mod present;
