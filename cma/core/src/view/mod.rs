//! From the authority's state to the documents people and programs read.

pub mod line;

mod incidents;
mod status;
mod tree;

pub use incidents::NoSuchIncident;
