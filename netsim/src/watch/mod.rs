//! Laws that hold in every run, whatever breaks in it: each is a [`Watch`], apart from what a scenario expects.
pub use self::all::{INVARIANTS, Watches};
mod all;
