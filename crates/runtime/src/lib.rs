//! What every Newel process needs around its own work, and nothing of that work: configuration, logs, traces and
//! metrics, an orderly stop, and fail points for crash tests.
//!
//! * [`config`]: one TOML file and `NEWEL_<SECTION>__<KEY>` variables over it, unknown keys refused.
//! * [`secret`]: tokens and keys that live in files, never in logs, and are read again when the file changes.
//! * [`telemetry`]: logs to standard error, OTLP traces and metrics, Prometheus text.
//! * [`metrics`]: how the other crates record, and what names they give.
//! * [`propagation`]: W3C `traceparent` to and from tracing spans.
//! * [`shutdown`]: SIGTERM and SIGINT as one token that components await.
//! * [`failpoint`]: named points at which a test build kills or pauses its own process.
//!
//! This crate is a leaf: it knows no other Newel crate, and so none of their words.

pub mod config;
pub mod failpoint;
mod logs;
pub mod metrics;
pub mod propagation;
pub mod secret;
pub mod shutdown;
mod spans;
pub mod telemetry;

pub use secret::{Secret, SecretFile};
pub use shutdown::Shutdown;
pub use telemetry::Telemetry;
