//! From the authority's state to the documents people and programs read.

pub mod line;

mod events;
mod incidents;
mod status;
mod then;
mod tree;

pub use incidents::NoSuchIncident;
pub use then::NotThen;
pub(crate) use tree::{class_word, host_word, natural, switch_word};

#[cfg(test)]
mod tests;
