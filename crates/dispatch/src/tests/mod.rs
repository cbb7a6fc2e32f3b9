//! Whole sessions against an engine made for tests.

mod engine;
pub(crate) mod fixture;
mod loopback;
mod peer;
mod queues;
mod sessions;
mod settling;
mod shuffled;
