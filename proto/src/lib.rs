//! The language of ringmesh: what machines say to each other, and how time passes for them.
//!
//! Pure: no clock, no socket, no file, no thread, no unordered map, no float. The bytes of `ring` are
//! computed here, the randomness they start from is handed in.
//!
//! - [`time`], [`machine`], [`draws`]: the contract every role's core keeps.
//! - [`message`]: the typed messages between probe and relay; [`news`]: those between relay and CMA.
//! - [`pb`]: the generated messages; [`codec`]: from one to the other, checked.
//! - [`seal`]: keys; [`wire`]: datagrams, sealed and opened; one struct for each end.
//! - [`keep`]: what a machine must find again after it was killed; [`digest`]: how two ends find what differs.
//! - [`mesh`]: the ring of the sites' relays.
//! - [`beat`]: one end of a heartbeat link, the same in a probe and in a relay.

#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod beat;
pub mod codec;
pub mod digest;
pub mod draws;
pub mod keep;
pub mod machine;
pub mod mesh;
pub mod message;
pub mod news;
pub mod seal;
pub mod time;
pub mod wire;

/// The generated messages, as `schema/*.proto` describe them. Read by [`codec`] only.
pub mod pb {
    #![allow(missing_docs, clippy::all)]
    include!(concat!(env!("OUT_DIR"), "/ringmesh.v1.rs"));
}
