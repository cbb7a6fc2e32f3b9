//! Calls to AWS: whose credentials they are made with, what goes out, what came back, and what that proves.

mod call;
mod exchange;
mod lru;
mod roles;

pub use call::{CallError, outcome};
pub use exchange::RawExchange;
pub use newel_aws_client::Caller;
pub use roles::{Access, Aws};

pub use crate::metrics::CallMetrics;
