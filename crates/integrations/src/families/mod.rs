//! The tables, one module a service.

mod batch;
mod dynamodb;
mod ecs;
mod glue;

use crate::descriptor::Family;

/// The worker family of `aws-sdk` integrations.
pub const SDK: &str = "sdk";
/// The family of what calls Step Functions itself.
pub const STATES: &str = "states";
/// The worker family of Lambda functions.
pub const LAMBDA: &str = "lambda";

/// Every service that has an optimized integration here, ordered by name.
pub const FAMILIES: &[Family] = &[batch::FAMILY, dynamodb::FAMILY, ecs::FAMILY, glue::FAMILY];

/// The family that serves the actions of a service under `aws-sdk`.
pub(crate) fn of_sdk(service: &str) -> &'static str {
    if service == "sfn" { STATES } else { SDK }
}

/// A service's table by its name in ARNs.
#[must_use]
pub fn of(service: &str) -> Option<&'static Family> {
    FAMILIES.iter().find(|family| family.service == service)
}
