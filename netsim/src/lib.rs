//! The network in a box.
//!
//! - [`model`]: the three cores, unchanged, in virtual time over a simulated site. Pure.
//! - [`engine`]: who executes it: one thread in one order, or many in windows, and both come to the same.
//! - [`scenario`]: files that say what is built, what breaks and what must be told of it. Pure.
//! - [`watch`]: laws that hold in every run, whatever is expected of it. Pure.
//! - [`random`]: small worlds and faults drawn from a seed, all of it healed again. Pure.
//! - `lab` (feature `lab`): the same roles as real processes in network namespaces.
#![cfg_attr(test, allow(clippy::unwrap_used))]

/// The real-process lab: everything that touches the world.
#[cfg(feature = "lab")]
pub mod lab;

pub mod engine;
pub mod model;
pub mod random;
pub mod scenario;
pub mod watch;

/// The version and the commit that this program was built from; without git the version alone.
pub const REVISION: &str = env!("RINGMESH_REVISION");
