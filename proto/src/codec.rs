//! From typed messages to generated ones and back, checked.
//!
//! What comes back from [`read_to_relay`] and its sisters is sound: names are names, lists are bounded, enums
//! are ours. Bytes from outside never panic here; what does not fit is a [`Malformed`] that names the field.

mod authority;
mod mesh;
mod probe;
mod resync;

pub use authority::{news_item, read_news_item, read_relay_hello, relay_hello};
pub use mesh::{mesh_order, read_mesh_order};
pub use probe::{
    Beside, LinkKeys, assignment, read_assignment, read_to_probe, read_to_relay, to_probe, to_relay,
};
pub use resync::{
    group_digests, groups, keys, read_group_digests, read_groups, read_keys, read_thing_digests,
    thing_digests,
};

/// A message that a sound peer would not send. Nothing was taken from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// No protobuf.
    #[error("not a message of this protocol")]
    Protobuf,
    /// Nothing inside, or something from a newer version.
    #[error("a message of an unknown kind")]
    Empty,
    /// A field without which the message means nothing.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// A field outside of its range.
    #[error("{0} is out of range")]
    Range(&'static str),
    /// A list longer than a sound peer would send.
    #[error("{0} has too many entries")]
    TooMany(&'static str),
}
