//! What the optimized integrations are, as data: for each resource its patterns, parameters, added members, the calls that
//! start, describe and cancel its job, the job's ends, the shape of results and the names of errors.
//!
//! Definitions may name more than workers carry out yet: what is known of those resources is enough to check a definition
//! and a mocked result (module `offered`).
//!
//! The orchestrator checks definitions and completes parameters with it ([`Integrations`] is the language's
//! [`ResourceCatalog`](newel_asl::catalog::ResourceCatalog)); the workers make requests and read answers with it
//! ([`Integration`]). Both read the same tables, so they can't disagree.
//!
//! Workers may bring resources of their own along, which are checked by a schema of theirs (module `registered`).
//!
//! Where to start: [`descriptor`] for the words of a table, [`families`] for the tables, [`Integration`] for what is done
//! with them. The facts follow <https://docs.aws.amazon.com/step-functions/latest/dg/integrate-optimized.html> and
//! recordings of AWS; where neither says, the doc comment says what was chosen.
//!
//! Invariants:
//! * INT-1: every member of the service's current API passes, in both directions; a table only adds and refuses.
//! * INT-2: this crate makes no call and knows no clock.
//! * INT-3: what Newel adds for its own sake (markers) never shows in a history or a result.

mod arn;
mod catalog;
pub mod descriptor;
mod event;
mod failure;
pub mod families;
pub mod iam;
mod integration;
mod job;
mod lookup;
pub mod marker;
pub mod matrix;
mod offered;
mod registered;
mod request;
mod result;
mod sdk;
mod stored;
#[cfg(test)]
mod tests;
mod waiter;

pub use catalog::Integrations;
pub use event::{job_events, job_of_event};
pub use failure::{ServiceError, TaskFailure};
pub use integration::{Integration, WireRequest};
pub use job::JobRef;
pub use lookup::LookedUp;
pub use result::{HttpAnswer, with_metadata};
pub use sdk::SdkAction;
pub use stored::{StoredObject, StoredObjects};
pub use waiter::{Looked, Waiter};
