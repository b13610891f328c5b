//! EDP, FDP and SONMP: read for the identity of old switches, never sent.

mod edp;
mod fdp;
mod sonmp;

pub use edp::{Edp, EdpPort, EdpVlan};
pub use fdp::Fdp;
pub use sonmp::Sonmp;
