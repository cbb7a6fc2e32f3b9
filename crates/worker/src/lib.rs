//! The kit that every worker is made of.
//!
//! A worker serves one integration family. It opens a session to every orchestrator replica, takes dispatches, carries
//! them out through its family's [`Adapter`], watches the jobs they start, and reports. What families share is here;
//! what differs is an [`Adapter`], in most cases an [`Optimized`] over a [`Service`].
//!
//! Where to start: [`run()`](run) for the whole, [`Adapter`] for the contract, the private module `ledger` for what is
//! remembered and the rules it keeps, `executor` for how a job is started at most once, `poll` for how many jobs are
//! watched with few calls.
//!
//! Invariants, beside those of `ledger` (WRK-1 to WRK-4) and `poll` (POLL-1 to POLL-3):
//! * WRK-5: a submission whose outcome is unknown is looked into, and made again only if it certainly had no effect.
//! * WRK-6: nothing here grows without bound: submits by credit, results by their acknowledgement, calls by permits.
//! * WRK-7: parameters, results and secrets are never logged above debug level.

mod adapter;
mod attempt;
pub mod aws;
mod backoff;
pub mod cli;
#[cfg(feature = "contract")]
pub mod contract;
mod event_queue;
mod executor;
mod health;
mod ledger;
mod metrics;
mod optimized;
mod options;
mod poll;
mod reports;
mod run;
mod session;
mod trace;

pub use adapter::{Adapter, CallFailure, Failure, JobState, Reconciled, Started, Submission, WatchKey};
pub use attempt::{Attempt, ExternalRef, Identity, Pattern, TaskKey};
pub use health::READY;
pub use optimized::{CallResult, Calls, Found, Modelled, NoTable, Optimized, Repeat, Service};
pub use options::{
    AssumeRole, AuthKind, AwsOptions, ClientAuth, ConnectionOptions, EventQueueOptions, HttpOptions,
    ManagedSecret, OauthOptions, Options, PollOptions, SourceOptions,
};
pub use run::{Error, run};
pub use trace::{Exchange, HttpTrace, TracedRequest, TracedResponse};
