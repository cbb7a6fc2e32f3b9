//! AWS Glue: <https://docs.aws.amazon.com/step-functions/latest/dg/connect-glue.html>.

use crate::descriptor::{Action, Cancel, Describe, Ending, Family, Idempotency, Ids, Job, Scope, Sweep};
use crate::descriptor::{complete_nothing, confirmed, refuse_nothing};
use crate::marker;

pub(super) const FAMILY: Family = Family {
    service: "glue",
    family: "glue",
    api: "glue",
    error_prefix: "Glue",
    base_exception: "AWSGlueException",
    display_name: "AWSGlue",
    actions: &[START_JOB_RUN],
};

const START_JOB_RUN: Action = Action {
    name: "startJobRun",
    operation: "StartJobRun",
    job: Some(Job {
        id: "/JobRunId",
        scope: Some(Scope::Request("/JobName")),
        describe: Describe {
            operation: "GetJobRun",
            scope: Some("JobName"),
            ids: Ids::One("RunId"),
            jobs: "JobRun",
            id: "Id",
        },
        sweep: Some(Sweep {
            operation: "GetJobRuns",
            scope: "JobName",
            page_size: "MaxResults",
            max_page: 200,
            next: "NextToken",
            jobs: "JobRuns",
        }),
        cancel: Cancel {
            operation: "BatchStopJobRun",
            scope: Some("JobName"),
            ids: Ids::Many("JobRunIds", 25),
            reason: None,
        },
        shape: "JobRun",
        // A run that someone stopped counts as done and not as failed, as peers have it; recordings show neither.
        // EXPIRED is a queued run that never started, so it is a failure.
        ending: Ending {
            status: "JobRunState",
            succeeded: &["SUCCEEDED", "STOPPED"],
            failed: &["FAILED", "TIMEOUT", "ERROR", "EXPIRED"],
            confirm: confirmed,
        },
    }),
    callback: false,
    complete: complete_nothing,
    refuse: refuse_nothing,
    idempotency: Idempotency::Marker { member: "Arguments", key: marker::ARGUMENT, max_entries: usize::MAX },
    repeated: &["JobName"],
    failures: None,
};
