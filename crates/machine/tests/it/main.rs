//! The machine driven on virtual time: written cases, recordings of AWS, and random definitions.

#![expect(clippy::unwrap_used, reason = "a test may panic, helpers outside test functions too")]

mod cases;
mod catalog;
mod conformance;
mod driver;
mod properties;
mod scale;
mod state_test;
mod text;
