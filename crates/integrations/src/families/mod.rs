//! The tables, one module a service or a few that belong together.

mod athena;
mod batch;
mod bedrock;
mod codebuild;
mod databrew;
mod dynamodb;
mod ecs;
mod eks;
mod emr;
mod emr_containers;
mod emr_serverless;
mod glue;
mod harness;
pub(crate) mod lambda;
mod mediaconvert;
mod messaging;
mod sagemaker;

use crate::descriptor::{Action, Family};

/// The worker family of `aws-sdk` integrations.
pub const SDK: &str = "sdk";
/// The family of what calls Step Functions itself.
pub const STATES: &str = "states";
/// The worker family of Lambda functions.
pub const LAMBDA: &str = "lambda";
/// The worker family of Amazon EMR in all its forms.
const EMR: &str = "emr";

/// Every service that has an optimized integration here, ordered by name. Two tables of one service have an API each.
pub const FAMILIES: &[Family] = &[
    athena::FAMILY,
    batch::FAMILY,
    bedrock::CONTROL,
    bedrock::RUNTIME,
    harness::FAMILY,
    codebuild::FAMILY,
    databrew::FAMILY,
    dynamodb::FAMILY,
    ecs::FAMILY,
    eks::FAMILY,
    emr::FAMILY,
    emr_containers::FAMILY,
    emr_serverless::FAMILY,
    messaging::EVENTS,
    glue::FAMILY,
    lambda::FAMILY,
    mediaconvert::FAMILY,
    sagemaker::FAMILY,
    messaging::SNS,
    messaging::SQS,
];

/// The worker families that are served through the models of their APIs, by name.
pub const MODELLED: &[&str] = &[
    "athena",
    "bedrock",
    "codebuild",
    "databrew",
    "eks",
    EMR,
    LAMBDA,
    "mediaconvert",
    "messaging",
    "sagemaker",
];

/// The worker family of what distributed Maps read and write.
const TRANSFERS: &str = "s3";
/// The family of activities, which whoever polls serves.
const ACTIVITY: &str = "activity";

/// Whether a family is one of Newel's, so that it can't be of a worker from elsewhere.
pub(crate) fn is_own(family: &str) -> bool {
    let tables = FAMILIES.iter().map(|table| table.family);
    let offered = crate::offered::SERVICES.iter().map(|service| service.family);
    tables.chain(offered).chain([SDK, STATES, TRANSFERS, ACTIVITY]).any(|own| own == family)
}

/// The family that serves the actions of a service under `aws-sdk`.
pub(crate) fn of_sdk(service: &str) -> &'static str {
    if service == "sfn" { STATES } else { SDK }
}

/// An action of a service by their names in ARNs.
#[must_use]
pub fn of(service: &str, action: &str) -> Option<(&'static Family, &'static Action)> {
    let tables = FAMILIES.iter().filter(|family| family.service == service);
    tables.flat_map(|family| family.actions.iter().map(move |a| (family, a))).find(|(_, a)| a.name == action)
}

/// The tables that a worker family serves.
#[must_use]
pub fn served_by(family: &str) -> Vec<&'static Family> {
    FAMILIES.iter().filter(|table| table.family == family).collect()
}
