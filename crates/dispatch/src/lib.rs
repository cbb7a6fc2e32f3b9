//! The orchestrator's side of the conversation with workers (`newel.worker.v1`).
//!
//! Workers connect and say how much they can take; the engine hands over dispatches once they are durable. This crate
//! brings the two together: which session gets what, what is sent again after a session is lost, and which reports are
//! acknowledged when. It keeps nothing that can't be read again from the engine, and knows no AWS service.
//!
//! Where to start: [`Hub`] is what the engine and the server hold. `state` decides who gets what and has the invariants;
//! `session` carries one session; `reports` takes reports to the engine; `outbound` and `inbound` are the messages.
//!
//! Invariants beside those of `state`:
//! * DSP-5: a report is acknowledged only once it is durable or known to be stale, and only if it is of the session's
//!   family.
//! * DSP-6: reports of one attempt over one session reach the engine one after the other, in order.
//! * DSP-7: no message exceeds 1 MiB, and what one session has in memory is bounded; a session that isn't read from
//!   delays no other.

mod backoff;
mod hub;
mod inbound;
mod metrics;
mod options;
mod outbound;
mod registrations;
mod reports;
mod service;
mod session;
mod state;
#[cfg(test)]
mod tests;
mod wire;

pub use hub::Hub;
pub use options::Options;
pub use service::{Authenticate, Sessions};
pub use state::FamilyStats;
