//! Calls any action of any AWS service, from JSON to JSON, by its model.
//!
//! The service models of `newel_aws_catalog` say how a request is written and an answer is read; the AWS SDK's own runtime
//! crates sign, retry, time and send. So a service that AWS adds tomorrow needs a new catalog and no new code.
//!
//! Bodies on both sides are the *wire's JSON*, as [`newel_aws_catalog::to_wire`] makes it and
//! [`newel_aws_catalog::from_wire`] reads it, whatever the protocol: blobs are base64, members have the names of a JSON body.

mod answer;
mod caller;
mod client;
pub mod codec;
mod discovery;
pub mod endpoint;
mod invoke;
mod quirks;
mod settings;

pub use answer::{Answer, CallError, Repeat, ServiceError};
pub use caller::Caller;
pub use client::{Call, Client, MAX_ANSWER, Streamed};
pub use invoke::{causes, chain, is_throttle, never_connected};
