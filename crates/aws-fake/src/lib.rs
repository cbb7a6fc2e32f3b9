//! A fast, scripted stand-in for the AWS services that Newel's workers call: Batch, ECS, Glue, DynamoDB and STS.
//!
//! It is for tests and benchmarks only: nothing that ships depends on it, and it depends on no other crate of the
//! workspace, so that a mistake in our own codecs can't hide behind the same mistake here. Real clients (boto3, the AWS
//! SDKs) drive it over HTTP; [`Fake`] runs it inside a Rust test, the binary `newel-aws-fake` runs it alone.
//!
//! What it is for is what a faithful emulator can't give: a job that fails in a chosen way at a chosen moment
//! ([`ScriptRule`]), a call that is throttled, refused, or done while its answer is lost ([`FaultRule`]), a clock that
//! can be frozen and moved ([`Fake::freeze`], [`Fake::advance`]), every job ever accepted ([`JobReport`]) and every call
//! counted by account, region, role and operation ([`CallReport`]). A job's status is never stored: it is worked out
//! from its script and the clock when something asks, so a million waiting jobs cost memory and nothing else.
//!
//! Where to start: [`Fake`], then the private module `services`, whose tables list every operation there is.
//!
//! Invariants:
//! * FAKE-1: state is separate by (account, region), and both come from the request's credentials alone.
//! * FAKE-2: a call is counted before its answer can be lost, and its effect is kept when it is.
//! * FAKE-3: everything is bounded ([`Limits`]); past a bound a call is refused, nothing is dropped silently.

mod calls;
mod clock;
mod connection;
mod control;
mod fake;
mod faults;
mod identity;
mod jobs;
mod report;
mod scripts;
mod select;
mod server;
mod services;
mod wire;
mod world;

pub use calls::CallReport;
pub use fake::Fake;
pub use faults::{FaultKind, FaultRule};
pub use report::{JobPage, JobQuery, JobReport};
pub use scripts::{ScriptRule, Step};
pub use select::Selector;
pub use services::Service;
pub use world::{Limits, RuleError};
