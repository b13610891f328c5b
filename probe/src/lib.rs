//! The probe's shell: how a probe touches the world.
//!
//! Everything that is decided is decided in `ringmesh-probe-core`; here are the sockets, the clock, the
//! kernel's tables and the operator's commands. The command `ringmesh-probe` is a thin `main` over this.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod capture;
pub mod clock;
pub mod config;
pub mod net;
pub mod netlink;
pub mod ports;
mod sys;
