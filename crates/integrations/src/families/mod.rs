//! The tables, one module a service.

mod batch;
mod dynamodb;
mod ecs;
mod glue;

use crate::descriptor::Family;

/// The worker family of `aws-sdk` integrations.
pub const SDK: &str = "sdk";
/// The worker family of Lambda functions.
pub const LAMBDA: &str = "lambda";
/// The family of activities: whoever asks for their tasks.
pub const ACTIVITY: &str = "activity";

/// Every service that has an optimized integration here, ordered by name.
pub const FAMILIES: &[Family] = &[batch::FAMILY, dynamodb::FAMILY, ecs::FAMILY, glue::FAMILY];

/// A service's table by its name in ARNs.
#[must_use]
pub fn of(service: &str) -> Option<&'static Family> {
    FAMILIES.iter().find(|family| family.service == service)
}
