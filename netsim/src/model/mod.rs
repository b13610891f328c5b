//! One site in virtual time: the three cores, unchanged, over a small network of hosts, switches and uplinks.
//!
//! Datagrams are real octets: each is sealed by its sender's wire and opened by its receiver's, LLDP frames come from
//! the encoder and are read by the decoder. What happens is decided by the *truth* in [`network`], which no machine
//! ever sees. The same seed gives the same run.
//!
//! # Invariants
//! - A datagram has one fate: delivered, refused, or lost; each is counted by purpose when it is sent.
//! - Time never goes back, and a machine whose deadline has come is called before anything later happens.

mod account;
mod host;
pub mod network;
mod world;

pub use account::Account;
pub use network::{HostPlan, Plan};
pub use world::World;
