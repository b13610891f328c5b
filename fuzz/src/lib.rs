//! Laws of what is read from the network, tried on any octets.
//!
//! A [`Target`] is a plain function of octets that panics when a law is broken. Three things run them:
//! `make test` replays every input kept in `corpus/` and a fixed number of seeded mutations; `make fuzz`
//! lets cargo-fuzz look for new ones, or the mutator of this crate where there is no cargo-fuzz; `make soak`
//! runs millions and writes the figures down. An input that broke a law goes to `corpus/NAME/`, and is
//! tried from then on.
//!
//! The seeds are frames of our own making ([`seeds`]). An input is a pure function of target, seed and
//! number, so two words tell another person which one it was.

pub mod mutate;
pub mod seeds;

mod frames;
mod input;
mod meter;
mod table;

/// One set of laws.
#[derive(Clone, Copy)]
pub struct Target {
    /// Its name, and its folder in `corpus/`.
    pub name: &'static str,
    /// Tries one input and says whether there was something to believe in it: a run in which nothing is
    /// believed tests the front door only.
    pub run: fn(&[u8]) -> bool,
    /// Sound inputs to start from.
    pub seeds: fn() -> Vec<Vec<u8>>,
}

/// All targets.
pub const TARGETS: &[Target] = &[
    Target { name: "frame", run: frames::frame, seeds: seeds::frames },
    Target { name: "lldp", run: frames::lldp, seeds: seeds::lldpdus },
    Target { name: "cdp", run: frames::cdp, seeds: seeds::cdp_bodies },
    Target { name: "legacy", run: frames::legacy, seeds: seeds::legacy_bodies },
    Target { name: "bridge", run: frames::bridge, seeds: seeds::bridge_frames },
    Target { name: "table", run: table::operations, seeds: seeds::table_operations },
];

/// The target of that name.
pub fn target(name: &str) -> Option<&'static Target> {
    TARGETS.iter().find(|target| target.name == name)
}

/// What cargo-fuzz calls: one input of a target.
///
/// # Panics
/// When a law is broken, or there is no such target.
pub fn fuzz(name: &str, octets: &[u8]) {
    let target = target(name).unwrap_or_else(|| panic!("there is no target {name}"));
    (target.run)(octets);
}
