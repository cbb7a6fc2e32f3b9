//! AWS Glue: <https://docs.aws.amazon.com/step-functions/latest/dg/connect-glue.html>.

use newel_value::Value;

use crate::descriptor::{
    Action, Cancel, Ending, Family, Idempotency, Ids, Job, JobResult, Output, Several, Source, Sweep, call,
    one,
};
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
    idempotency: Idempotency::Marker { member: "Arguments", key: marker::ARGUMENT, max_entries: usize::MAX },
    output: Output::Answer(&[("JobName", Source::Request("/JobName"))]),
    ..call("startJobRun", "StartJobRun").waits(Job {
        id: Source::Answer("/JobRunId"),
        scope: Some(Source::Request("/JobName")),
        describe: one("GetJobRun", "RunId", "/JobRun", &["EntityNotFoundException"])
            .within("JobName")
            .told_by("aws.glue", "Glue Job State Change", "/jobRunId"),
        several: Some(Several::Sweep(Sweep {
            operation: "GetJobRuns",
            scope: Some("JobName"),
            states: None,
            newest_first: None,
            page_size: "MaxResults",
            max_page: 200,
            next: ("NextToken", "NextToken"),
            jobs: "/JobRuns",
            id: "Id",
            summaries: false,
        })),
        cancel: Some(Cancel {
            operation: "BatchStopJobRun",
            scope: Some("JobName"),
            ids: Ids::Many("JobRunIds", 25),
            reason: None,
            refused: names_errors,
        }),
        result: JobResult::bare("JobRun"),
        // A run that someone stopped counts as done and not as failed, as peers have it; recordings show neither.
        // EXPIRED is a queued run that never started, so it is a failure.
        ending: Ending::of(
            "/JobRunState",
            &["SUCCEEDED", "STOPPED"],
            &["FAILED", "TIMEOUT", "ERROR", "EXPIRED"],
        ),
    })
};

/// BatchStopJobRun answers with success and a list of the runs that it couldn't stop.
fn names_errors(answer: &Value) -> bool {
    answer.get("Errors").and_then(Value::as_array).is_some_and(|errors| !errors.is_empty())
}
