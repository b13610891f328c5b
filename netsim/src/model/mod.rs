//! Sites in virtual time: the three cores, unchanged, over a small network of hosts, switches, uplinks and a WAN.
//!
//! Datagrams are real octets: each is sealed by its sender's wire and opened by its receiver's, LLDP frames come from
//! the encoder and are read by the decoder, and so does what relays and the CMA tell each other. What happens is
//! decided by the *truth* in [`network`], which no machine ever sees. The same seed gives the same run.
//!
//! - [`plan`]: what is built. [`network`]: what works of it. [`faults`]: how that changes. [`look`]: what is seen.
//! - [`world`]: the run and the datagrams in it; [`queue`]: what is due; [`trace`]: what happened, as one number.
//! - [`hosts`], [`relays`], [`authority`]: carrying for the machines, as their shells do it in the real world;
//!   [`host`], [`site`]: what is theirs.
//! - [`watched`]: what the laws of `watch` look at.
//! - [`stream`]: streams between relays and the CMA; [`uplink`]: the relay's end. [`disk`]: what survives a kill.
//!
//! # Invariants
//! - A datagram has one fate: delivered, refused, or lost; each is counted by purpose when it is sent.
//! - Time never goes back, and a machine whose deadline has come is called before anything later happens.
//! - Of a killed process nothing is left but its disk.

mod account;
mod authority;
mod disk;
mod faults;
mod host;
mod hosts;
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
mod world;

pub use account::{Account, Classes, WanAccount};
pub use disk::Backup;
pub use look::NewsTold;
pub use plan::{HostPlan, Plan, SitePlan};
pub use watched::{CmaTruth, HostTruth, SiteTruth, SwitchTruth};
pub use world::World;
