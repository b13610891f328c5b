//! The probe's shell: how a probe touches the world.
//!
//! Everything that is decided is decided in `ringmesh-probe-core`; here are the sockets, the
//! kernel's tables and the operator's commands. The command `ringmesh-probe` is a thin `main` over this.
//!
//! - [`capture`]: frames of the switch. [`net`]: datagrams of the rings. [`netlink`], [`ports`]: interfaces.
//! - [`cache`]: attachments over a restart. [`config`]: what an operator decided.
//! - [`driver`]: the loop between all of these and the machine.
//! - [`rights`]: what the process may do. [`control`], [`commands`], [`hints`]: what an operator asks and is told.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod cache;
pub mod capture;
pub mod commands;
pub mod config;
pub mod control;
pub mod driver;
pub mod hints;
pub mod net;
pub mod netlink;
pub mod ports;
pub mod rights;
mod sys;
