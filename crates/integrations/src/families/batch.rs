//! AWS Batch: <https://docs.aws.amazon.com/step-functions/latest/dg/connect-batch.html>.

use newel_asl::catalog::Pattern;
use newel_value::{Object, Value};

use crate::descriptor::{
    Action, Cancel, Describe, Ending, Family, Idempotency, Ids, Job, JobEvent, JobResult, Source, call,
    cancelled,
};
use crate::marker;

pub(super) const FAMILY: Family = Family {
    service: "batch",
    family: "batch",
    api: "batch",
    error_prefix: "Batch",
    base_exception: "AWSBatchException",
    display_name: "AWSBatch",
    actions: &[SUBMIT_JOB],
};

const SUBMIT_JOB: Action = Action {
    idempotency: Idempotency::Marker { member: "tags", key: marker::TAG, max_entries: 50 },
    ..call("submitJob", "SubmitJob").completed(add_environment).waits(Job {
        id: Source::Answer("/jobId"),
        scope: None,
        describe: Describe {
            operation: "DescribeJobs",
            scope: None,
            ids: Ids::Many("jobs", 100),
            jobs: "/jobs",
            id: Some("jobId"),
            missing: &[],
            event: Some(JobEvent {
                source: "aws.batch",
                detail_type: "Batch Job State Change",
                id: "/jobId",
            }),
        },
        several: None,
        cancel: Some(Cancel { reason: Some("reason"), ..cancelled("TerminateJob", "jobId") }),
        result: JobResult::bare("JobDetail"),
        ending: Ending::of("/status", &["SUCCEEDED"], &["FAILED"]),
    })
};

/// What a job's container sees of who started it; results of jobs show it.
const STARTED_BY: [(&str, &str); 2] = [("Name", "MANAGED_BY_AWS"), ("Value", "STARTED_BY_STEP_FUNCTIONS")];

/// Overrides that Batch doesn't take together with `ContainerOverrides`.
const OTHER_OVERRIDES: [&str; 3] = ["NodeOverrides", "EksPropertiesOverride", "EcsPropertiesOverride"];

/// Adds the environment variable to `.sync` jobs. Jobs with overrides of another kind go without: Batch refuses two
/// kinds, and what AWS does there isn't known.
fn add_environment(pattern: Pattern, parameters: Value) -> Value {
    let Value::Object(object) = &parameters else { return parameters };
    let given = |name: &&str| object.get(name).is_some_and(|v| !v.is_null());
    if !matches!(pattern, Pattern::Job(_)) || OTHER_OVERRIDES.iter().any(given) {
        return parameters;
    }
    let overrides = object.get("ContainerOverrides").and_then(Value::as_object).cloned().unwrap_or_default();
    let environment = overrides.get("Environment").and_then(Value::as_array).unwrap_or_default();
    let added: Object = STARTED_BY.into_iter().collect();
    let environment: Value = environment.iter().cloned().chain([added.into()]).collect();
    let mut completed = overrides.to_builder();
    completed.insert("Environment", environment);
    let mut parameters = object.to_builder();
    parameters.insert("ContainerOverrides", completed.build());
    parameters.build().into()
}
