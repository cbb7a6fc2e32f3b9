//! The orchestrator: API, engine, store and dispatch wired into one process, its configuration and its shutdown.
//!
//! Nothing is decided here that one of those crates could decide. Where to start: [`Config`] for what can be set,
//! [`start`] for how the parts are put together and taken apart, [`cli`] for the program around them.
//!
//! It must not know: any AWS service, what a request means, how a turn runs.
//!
//! Invariants:
//! * ORC-1: no port is bound before the configuration is known to be sound, and none is reported before it is served.
//! * ORC-2: what observes executions ([`Lineage`], counters, traces) only sees what is durable, is bounded, and can't
//!   fail or delay an execution.

pub mod cli;
mod config;
mod credentials;
mod lineage;
mod mocks;
mod observer;
mod server;
mod traces;

pub use config::{Auth, CatalogFile, Config, Grpc, Http, Identity, IntegrationOptions, Store};
pub use lineage::{Change, Lineage, Scope, Step};
pub use mocks::MockOptions;
pub use newel_nested::Options as NestedOptions;
pub use newel_sinks::{EventOptions, LogOptions, MetricOptions};
pub use server::{Exports, Running, start};
