//! The doors of the orchestrator: the AWS JSON API on one port; gRPC, health and reflection on the other.
//!
//! A call goes through the same five steps whichever door it came in by:
//!
//! 1. *who*: `auth` finds the caller and so the account and region that are meant (SigV4 or a bearer token);
//! 2. *shape*: `model` checks the members against one table, in AWS's words;
//! 3. *meaning*: `service` checks what only the API knows (names, whose ARN, page tokens) and asks the engine;
//! 4. *engine*: [`newel_engine::Workflows`];
//! 5. *answer*: `front::render` writes AWS JSON, `grpc::convert` fills messages.
//!
//! This crate alone knows AWS JSON. It must not know: shards, storage, how an execution runs.
//!
//! Invariants:
//! * API-1: no call reaches the engine without a tenant, and no ARN of another tenant reaches it at all.
//! * API-2: nothing binds an address other machines can reach unless that port asks for credentials.
//! * API-3: what a request may cost is bounded before it is read: bytes, headers, time, connections, calls in flight.
//! * API-4: page tokens are authenticated, and good only for the call they were given to, for 24 hours.
//! * API-5: payloads, tokens and keys never appear in logs, spans or metrics.
//!
//! Start reading at [`Server`], then `service/mod.rs`.

mod auth;
mod front;
mod grpc;
mod local;
mod metrics;
mod model;
mod options;
mod page_token;
mod refusal;
mod server;
mod service;
mod throttle;

pub use auth::{AccessKeys, ClientToken, Credentials, Family, GrpcAuth, Principal, WorkerAuth, WorkerToken};
pub use local::{Local, Refused};
pub use options::{Bounds, Clock, Error, Options, check_bind};
pub use server::Server;
pub use throttle::{Rate, Throttling};
