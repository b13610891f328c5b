//! The gRPC services of ringmesh, for shells only: they pull in tokio.
//!
//! `Authority` is what relays call; `Operator` is what the `ringmesh` command calls over a Unix socket.

#![allow(missing_docs, clippy::all)]

include!(concat!(env!("OUT_DIR"), "/ringmesh.v1.rs"));
