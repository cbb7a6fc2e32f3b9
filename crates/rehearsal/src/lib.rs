//! Rehearsals: a definition run against made-up answers of its tasks, on virtual time.
//!
//! The interpreter is the one that executions run on; what is made up is the world around it: the answers come from
//! [`Mocks`], and the clock jumps to whatever is due next, so a wait of a day takes no time.
//!
//! A distributed Map's children are executions of their own on the same clock; nothing is read or written for it.
//!
//! Where to start: [`Mocks::parse`] reads a file of mocks, [`rehearse`] plays one [`Case`] of it and gives a [`Record`] of what
//! happened, [`Expectation::differences`] compares that with what was expected.
//!
//! It must not know: any I/O, the real clock, randomness (the numbers it needs are the same at every run), any service.
//!
//! Invariants:
//! * REH-1: the same plan, case and start give the same record.
//! * REH-2: a rehearsal ends: in an outcome, or with a [`Problem`] that names what is missing or too much.

mod calls;
mod children;
mod expectation;
mod map_runs;
mod mocks;
mod player;
mod problem;
mod record;
mod run;

pub use expectation::Expectation;
pub use mocks::{Answer, Case, Fault, Mocks, Responses};
pub use problem::Problem;
pub use record::{Attempt, Record, Step};
pub use run::{Scene, rehearse};
