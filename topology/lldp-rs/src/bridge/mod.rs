//! What a switch port says below the announcement protocols: LACP and spanning tree.
//!
//! Both are evidence about the other end of a cable when nothing announces itself, and about pairs of
//! switches that act as one: their LACP system id is the same where their chassis ids differ.

mod lacp;
mod stp;

pub use lacp::{Lacp, LacpParty, LacpState};
pub use stp::{BridgeId, Stp};
