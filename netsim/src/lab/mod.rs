//! The lab: real programs in network namespaces, real bridges, real LLDP frames.
//!
//! Sites as `plan` lays them out. Every host, relay and CMA is a process with an address of its own.
//! Faults act on links, processes and frames; the lab asks and tells the programs nothing but what an
//! operator could, by the operator's commands. It touches the machine's network nowhere else.

mod announce;
mod announcer;
mod args;
mod bench;
mod blackout;
mod cleanup;
mod cli;
mod command;
mod error;
mod evidence;
mod fault;
mod files;
mod formed;
mod furnish;
mod interrupt;
mod layout;
mod net;
mod operator;
mod permit;
mod pipe;
mod plan;
pub mod play;
mod power;
mod process;
mod roles;
mod running;
pub mod script;
mod size;
mod state;
mod status;
mod text;
pub mod tour;
mod wan;

pub use args::LabArgs;
pub use cleanup::sweep;
pub use cli::run;
pub use error::LabError;
pub use formed::{missing_for_fallback_rings, missing_for_switch_rings};
pub use interrupt::Interrupt;
pub use layout::Layout;
pub use operator::{
    FallbackRing, Incident, Named, Operator, PageLine, PortTree, RingTree, SiteTree, SwitchTree, Tree,
};
pub use permit::enter_or_return;
pub use plan::{Host, Leg, Plan, Relay, Site, Switch, WanLeg};
pub use running::{Lab, Options};
pub use size::Size;
pub use state::{Announcer, Profile, Timing};
pub use wan::Quality;
