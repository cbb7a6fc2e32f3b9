//! Where executions are told of outside: execution logs (`loggingConfiguration`), the status-change events that AWS gives to
//! EventBridge, and the metrics that it gives to CloudWatch.
//!
//! [`Logs`] and [`Events`] take what the engine says can't be taken back any more, make a line of JSON of it in AWS's shape, and
//! put it into the queue of every sink that is configured. A [`Service`] a sink empties its queue. A sink is a small type that writes
//! a batch of lines ([`Sink`]): standard output, a file, OTLP, a webhook, CloudWatch Logs, EventBridge; others can stand beside
//! them. [`Metrics`] adds up what they say and puts the sums to CloudWatch once an interval. What goes to AWS is carried there by a
//! worker ([`Deliveries`]).
//!
//! It must not know: how executions run, or what carries it to the process's start and end.
//!
//! Invariants:
//! * SNK-1: telling blocks nobody and fails no execution: what finds its queue full is dropped, and counted.
//! * SNK-2: a queue is bounded in entries and in bytes; a slow sink delays no other.
//! * SNK-3: each sink gets its entries in the order in which they were put; a webhook may be delivered to in another.
//! * SNK-4: delivery is best effort. What is queued when the process is killed is lost; an orderly stop writes it out for some
//!   seconds.

mod cloudwatch_logs;
mod delivery;
mod eventbridge;
mod events;
mod file;
mod logs;
mod metrics;
mod metrics_sink;
mod options;
mod otlp;
mod queue;
mod service;
mod sink;
mod status;
mod stdout;
mod webhook;

pub use delivery::Deliveries;
pub use events::Events;
pub use logs::{LogRecord, Logs};
pub use metrics::Metrics;
pub use options::{EventOptions, LogOptions, MetricOptions};
pub use service::Service;
pub use sink::{Entry, Error, Sink};
pub use status::StatusEvent;
