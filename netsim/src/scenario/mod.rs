//! Scenarios: what is built, what breaks, and what must be told of it.

mod fault;
mod whole;

pub use fault::{Fault, Quality, Stage};
pub use whole::{not_whole, open_pages, picture_differs};
