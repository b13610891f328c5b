//! The probe against the real kernel, each test in a network namespace of its own that ends with it.
//!
//! Where no namespace may be made, a test says so on standard error and is skipped.
#![allow(clippy::unwrap_used)]

mod binary;
mod capture;
mod interop;
mod namespace;
mod ports;
