//! Where a call goes: AWS's endpoint rule sets, evaluated at run time.
//!
//! AWS describes the endpoints of each service as a small program: parameters, and rules with conditions that end in an
//! endpoint or an error. The SDKs generate code from it; here it is read ([`RuleSet::parse`]) and run
//! ([`RuleSet::resolve`]). The language is that of Smithy's `endpointRuleSet` trait with AWS's own functions.
//!
//! Where to start: [`Resolver`] answers for every service of a catalog. [`params`] says what the parameters of a call are,
//! [`host_prefix`] what an operation puts before the endpoint's host.
//!
//! Invariants:
//! * Nothing a user sends makes this module panic; rules nest at most [`MAX_DEPTH`] deep, so evaluation can't overflow.
//! * The same parameters give the same endpoint: there is no I/O, clock or environment here.

mod context_path;
mod evaluate;
mod functions;
mod host_prefix;
mod params;
mod partition;
mod resolver;
mod rules;
mod template;
mod term;
mod url;

pub use evaluate::{AuthScheme, Endpoint, ResolveError};
pub use host_prefix::{HostPrefixError, host_prefix};
pub use params::{Param, Params, Settings, params};
pub use partition::Partitions;
pub use resolver::Resolver;
pub use rules::{MAX_DEPTH, ParamKind, Parameter, RuleError, RuleSet};
