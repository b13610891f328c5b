//! Under construction.
#![cfg_attr(test, allow(clippy::unwrap_used))]

/// The real-process lab: everything that touches the world.
#[cfg(feature = "lab")]
pub mod lab;
