//! Watching many jobs with few calls.
//!
//! [`schedule`] decides who is asked about when, on a clock of its own that tests can turn; [`driver`] makes the calls.

mod bucket;
mod driver;
mod schedule;

pub(crate) use driver::Poller;
pub(crate) use schedule::{Batch, Millis, Outcome, Place, Schedule};
