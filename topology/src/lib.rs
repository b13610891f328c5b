//! The nouns of ringmesh: who is who, what hangs on what, how rings are cut and how evidence is judged.
//!
//! Pure: no clock, no socket, no file, no thread, no unordered map, no float. What is here is true of a
//! network whoever looks at it; what a role *does* about it lives in that role's core.
//!
//! - [`id`]: names and numbers of sites, hosts, switches, relays.
//! - [`place`]: what one network port of a host hangs on, and how that is known.
//! - [`ring`]: the order of a ring, who watches whom, who speaks for a ring upstairs.
//! - [`verdict`]: what an operator may be told, and how severe it is.
//! - [`diagnosis`]: from observations to explanations.

#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod diagnosis;
pub mod id;
pub mod place;
pub mod ring;
pub mod verdict;
