//! The network in a box.
//!
//! - [`model`]: the three cores, unchanged, in virtual time over a simulated site. Pure.
//! - `lab` (feature `lab`): the same roles as real processes in network namespaces.
#![cfg_attr(test, allow(clippy::unwrap_used))]

/// The real-process lab: everything that touches the world.
#[cfg(feature = "lab")]
pub mod lab;

pub mod model;
