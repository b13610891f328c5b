//! Sites in virtual time: the three cores, unchanged, over a small network of hosts, switches, uplinks and a WAN.
//!
//! What machines say to each other is sealed by its sender's wire and opened by its receiver's, LLDP frames come from
//! the encoder and are read by the decoder, and so does what relays and the CMA tell each other; heartbeats may travel
//! as they were meant instead ([`Wire`]). What happens is decided by the *truth* in [`network`], which no machine ever
//! sees. The same seed gives the same run, whoever executes it ([`crate::engine`]).
//!
//! A world is cut into *shards*: each [`site`] is one, and the CMA ([`authority`]) is one. Each has its own moment,
//! queue and counts ([`common`]); they meet over the WAN alone, whose delay is how far each may run ahead.
//!
//! - [`plan`]: what is built. [`network`]: what works of it. [`faults`]: how that changes. [`look`]: what is seen.
//! - [`world`]: the run. [`queue`]: what is due, in a [`wheel`] where there is much of it; [`key`]: in which order, and where draws come from; [`trace`]: what
//!   happened, as one number. [`carry`]: what becomes of a datagram. [`groups`]: the
//!   hosts of a switch run ahead while they are quiet.
//! - [`hosts`], [`relays`], [`authority`]: carrying for the machines, as their shells do it in the real world;
//!   [`host`], [`site`]: what is theirs.
//! - [`watched`]: what the laws of `watch` look at.
//! - [`stream`]: streams between relays and the CMA; [`uplink`]: the relay's end. [`disk`]: what survives a kill.
//!   [`load`]: what a relay has to do.
//!
//! # Invariants
//! - A datagram has one fate: delivered, refused, or lost; each is counted by purpose when it is sent.
//! - Time never goes back, and a machine whose deadline has come is called before anything later happens.
//! - Of a killed process nothing is left but its disk.
//! - What happens to a machine does not depend on what happens at the same time to one that cannot reach it.

// The rooms are private; this page is for those who work in them.
#![expect(rustdoc::private_intra_doc_links)]

mod account;
mod authority;
mod carry;
mod common;
mod disk;
mod fabric;
mod faults;
mod groups;
mod host;
mod hosts;
mod key;
mod load;
mod look;
mod network;
mod plan;
mod queue;
mod relays;
mod site;
mod stream;
mod trace;
mod uplink;
mod watched;
mod wear;
mod wheel;
mod world;

pub use account::{Account, Classes, Traffic, WanAccount};
pub use common::Wire;
pub(crate) use common::{Crossing, Shard, ShardName};
pub use disk::Backup;
pub use fabric::{Trouble, Way};
pub use look::NewsTold;
pub use network::DOMAINS_MAX;
pub use plan::{BondMode, HostPlan, Plan, SitePlan, Speaks, WanShape};
pub use trace::EventKinds;
pub use watched::{CmaTruth, HostTruth, MeshSeat, SiteTruth, SwitchTruth};
pub use world::World;
