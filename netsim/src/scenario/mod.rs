//! Scenarios: what is built, what breaks, and what must be told of it, in files that people write.
//!
//! - `load`: from a file to a [`Scenario`]; `file`, `text`: what is written; `shape`, `select`, `kinds`,
//!   `expect`: what it means, checked. A refusal names file, line and remedy, and comes before anything runs.
//! - `fault`: what breaks, and the [`Stage`] it breaks on. `run`, `watch`: the run, and whoever looks at it.
//! - `whole`: whether everything is as if nothing had been. `report`: what is told.
//!
//! `docs/SCENARIOS.md` is the reference for those who write them.

mod expect;
mod fault;
mod file;
mod kinds;
mod load;
mod report;
mod run;
mod select;
mod shape;
mod text;
mod watch;
mod whole;

pub use expect::{CLASSES, EXPECTATIONS};
pub use fault::{Fault, Quality, Stage};
pub use kinds::{KINDS, Kind, REASONS};
pub use load::{SETTLES, Scenario};
pub use report::{Failure, Outcome, Report};
pub use run::Run;
pub use select::{Sort, WORDS};
pub use text::Refusal;
pub use whole::{not_whole, open_pages, picture_differs};
