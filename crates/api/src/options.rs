//! What the server is told at its start.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use newel_asl::{Limits, Timestamp};
use newel_engine::request::Tenant;
use serde::{Deserialize, Serialize};

use crate::{Credentials, Throttling};

/// What the server is told at its start.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where AWS JSON is served; port 0 takes a free one.
    pub http: SocketAddr,
    /// Where gRPC is served; port 0 takes a free one.
    pub grpc: SocketAddr,
    /// Whose things are meant when nothing says otherwise.
    pub default_tenant: Tenant,
    /// Who may call.
    pub credentials: Credentials,
    /// Limits of requests, definitions and payloads.
    pub limits: Limits,
    /// Limits of the transport.
    pub bounds: Bounds,
    /// How often callers may call.
    pub throttling: Throttling,
    /// What page tokens are authenticated with. It has to outlive the process for tokens to do so.
    pub token_key: [u8; 32],
    /// The time.
    pub clock: Clock,
}

/// Limits of the transport.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Bounds {
    /// Connections that are open at once on the AWS JSON port. More wait to be accepted. Default 10,000.
    pub connections: usize,
    /// Calls that are worked on at once on the AWS JSON port. More wait, for [`Bounds::call_seconds`] at most.
    /// Default 1,024.
    pub calls: usize,
    /// Seconds that a call may take, its body's arrival included. Streams of events aren't calls. Default 60.
    pub call_seconds: u64,
    /// Seconds that a request's headers may take to arrive. Default 10.
    pub header_seconds: u64,
    /// Bytes that a request's headers may have. Default 65,536.
    pub header_bytes: usize,
    /// How many headers a request may have. Default 100.
    pub headers: usize,
    /// Seconds that open calls get to end at a shutdown. Default 10.
    pub shutdown_seconds: u64,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            connections: 10_000,
            calls: 1_024,
            call_seconds: 60,
            header_seconds: 10,
            header_bytes: 65_536,
            headers: 100,
            shutdown_seconds: 10,
        }
    }
}

impl Bounds {
    pub(crate) const fn call_timeout(&self) -> Duration {
        Duration::from_secs(self.call_seconds)
    }

    pub(crate) const fn header_timeout(&self) -> Duration {
        Duration::from_secs(self.header_seconds)
    }

    pub(crate) const fn shutdown_timeout(&self) -> Duration {
        Duration::from_secs(self.shutdown_seconds)
    }
}

/// Where the API takes the time from: signatures and page tokens have an age.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> Timestamp + Send + Sync>);

impl Clock {
    /// A clock that asks `now`.
    pub fn new(now: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    /// The time.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        (self.0)()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock")
    }
}

/// Why the server doesn't start, or stopped.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Other machines could reach the address, and nothing would ask them who they are.
    #[error("refusing to serve {0} without credentials: configure some or bind a loopback address")]
    Exposed(SocketAddr),
    /// The address couldn't be bound.
    #[error("cannot listen on {addr}: {source}")]
    Listen {
        /// The address.
        addr: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// The rates at which callers may call can't be used.
    #[error("cannot throttle: {0}")]
    Throttling(String),
    /// The access keys couldn't be read.
    #[error("cannot read access keys {path}: {reason}")]
    AccessKeys {
        /// Their file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// A token couldn't be read.
    #[error("cannot read a bearer token: {0}")]
    Token(#[from] newel_runtime::secret::Error),
    /// The reflection service couldn't be made from the descriptors.
    #[error("cannot describe the services: {0}")]
    Reflection(#[from] tonic_reflection::server::Error),
    /// The gRPC server failed.
    #[error("gRPC server failed: {0}")]
    Grpc(#[from] tonic::transport::Error),
}

/// Whether an address may be served: one that other machines can reach needs credentials.
///
/// # Errors
/// [`Error::Exposed`] if it may not.
pub fn check_bind(addr: SocketAddr, has_credentials: bool) -> Result<(), Error> {
    if has_credentials || addr.ip().to_canonical().is_loopback() { Ok(()) } else { Err(Error::Exposed(addr)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_is_served_without_credentials() {
        for (addr, open) in [
            ("127.0.0.1:8083", true),
            ("127.8.8.8:1", true),
            ("[::1]:8083", true),
            ("[::ffff:127.0.0.1]:8083", true),
            ("0.0.0.0:8083", false),
            ("[::]:8083", false),
            ("10.0.0.1:8083", false),
        ] {
            let addr = addr.parse().unwrap();
            assert_eq!(check_bind(addr, false).is_ok(), open, "{addr}");
            assert!(check_bind(addr, true).is_ok(), "{addr}");
        }
    }
}
