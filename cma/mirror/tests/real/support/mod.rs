//! A real Neo4j, a proxy that fails as networks fail, and a graph that a test can change.
#![allow(dead_code, reason = "not every test needs all of it")]

pub(crate) mod graph;
pub(crate) mod proxy;
pub(crate) mod server;

use std::time::Duration;

/// Longer than anything here takes on a loaded machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);
