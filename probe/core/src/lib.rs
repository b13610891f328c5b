//! What a probe decides: one host's place in the heartbeat rings of its site.
//!
//! [`Probe`] is a [`ringmesh_proto::machine::Machine`]. It beats to its neighbours and watches them, listens to
//! what its switches announce, and talks to a relay only when something changed. It never sees a key or a wire
//! octet of the protocol, reads no clock, opens no socket and keeps no file: whoever drives it, a shell on a
//! host or the simulator, turns the world into [`Event`]s and carries out [`Action`]s.
//!
//! - `machine`: dispatch of events, and the one deadline. `control`: what a relay says. `speak`: what we say.
//! - `links`: heartbeats, silence, loss. `doubt`: whether our own timers can be trusted.
//! - `talk`: the states towards the relays, handshakes, reports and their repetition.
//! - `surroundings`: the ports and what they hang on; in it `ports` (carrier and addresses), `discovery` (the
//!   switches' frames) and `places` (what of it is told).
//! - `recorder`: what happened while nobody could be told. `mark`: whether something is what it was.
//!
//! # Invariants
//! - A neighbour's silence is told at most once; the next beat takes it back.
//! - After `DeadlineReached` at `now`, the next deadline is later than `now`.
//! - A probe whose ring is well sends nothing to a relay.
//! - Sending and hearing beats allocates nothing.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod action;
mod config;
mod control;
mod discovery;
mod doubt;
mod event;
mod links;
mod machine;
mod mark;
mod places;
mod ports;
mod recorder;
mod show;
mod speak;
mod surroundings;
mod talk;
mod view;
mod words;

#[cfg(test)]
mod tests;

pub use action::{Action, Note};
pub use config::{CachedAttachment, Config};
pub use event::{BondFacts, Event, PortFacts};
pub use machine::Probe;
pub use view::{AttachmentView, Counters, IdView, PeerStatus, RingStatus, State, Status};
