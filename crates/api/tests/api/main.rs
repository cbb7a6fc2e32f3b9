//! Both doors over real sockets, before an engine that plays a part.

#![expect(clippy::unwrap_used, reason = "a test that can't go on fails")]

mod aws_json;
mod client;
mod fake;
mod grpc;
mod random;
mod security;
mod server;
