//! Scenarios: what is built, what breaks, and what must be told of it, in files that people write.
//!
//! - `load`: from a file to a [`Scenario`]; `file`, `text`: what is written; `shape`, `select`, `kinds`,
//!   `expect`: what it means, checked. A refusal names file, line and remedy, and comes before anything runs.
//! - `script`: what happens when; `judge`: whoever looks at it. Both are the same for virtual time and for the lab.
//! - `fault`, `wear`: what breaks, and the [`Stage`] it breaks on. `run`: the run in virtual time.
//! - `draft`: a scenario that is drawn or made smaller, and written as a file again; `shrink`: how it is made smaller.
//! - `whole`: whether everything is as if nothing had been. `report`: what is told.
//!
//! `docs/SCENARIOS.md` is the reference for those who write them.

mod draft;
mod expect;
mod fault;
mod file;
mod judge;
mod kinds;
mod load;
mod report;
mod run;
mod script;
mod select;
mod shape;
mod shrink;
mod text;
mod wear;
mod whole;

pub use draft::{Draft, FaultDraft, SiteDraft};
pub use expect::{CLASSES, EXPECTATIONS};
pub use fault::{Fault, Quality, Stage};
pub use judge::{Judge, Judged, Sight, opens_a_page};
pub use kinds::{KINDS, Kind, REASONS, WAYS};
pub use load::{SETTLES, Scenario};
pub use report::{Failure, Outcome, Report};
pub use run::{Follower, Run, SoFar};
pub use script::{Broke, Cue, Told, told};
pub use select::{Sort, WORDS};
pub use shape::{BONDS, SPEAKS, WANS};
pub use shrink::{Shrunk, shrink};
pub use text::Refusal;
pub use wear::Wear;
pub use whole::{not_whole, open_pages, picture_differs};
