//! The tables at work in a worker, over a service that answers as told.

#![expect(clippy::unwrap_used, reason = "a test that can't go on panics")]

mod calls;
mod cases;
mod jobs;
mod scripted;
mod several;
