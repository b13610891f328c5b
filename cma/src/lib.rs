//! The authority's shell, and the operator's command.
//!
//! The shell carries bytes between relays, operators, pagers and the machine in `ringmesh-cma-core`; it decides
//! nothing about incidents. One task owns the machine; everything else talks to it over bounded channels.
//!
//! - [`config`] reads `cma.toml`.
//! - [`run`]: a whole authority, from its config to SIGTERM.
//! - [`load`]: what its store holds, at the start.
//! - [`mirror`]: the graph in a Neo4j as well, where the config wants it.
//! - [`cli`]: the `ringmesh` command.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod cli;
pub mod config;
pub mod load;
pub mod mirror;
pub mod run;

mod append;
mod authority;
mod driver;
mod listen;
mod operator;
mod pager;
