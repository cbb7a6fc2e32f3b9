//! The worker against servers of its own: what goes over the wire, what the guard lets through, and what is made of answers.

#![expect(clippy::unwrap_used, reason = "a test that can't go on panics")]

mod fake_cluster;
mod guard;
mod kubernetes;
mod shown;
mod support;
mod tasks;
