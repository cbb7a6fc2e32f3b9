//! Amazon ECS and Fargate: <https://docs.aws.amazon.com/step-functions/latest/dg/connect-ecs.html>.

use newel_asl::catalog::Pattern;
use newel_value::Value;

use crate::descriptor::{Action, Cancel, Describe, Ending, Failures, Family, Idempotency, Ids, Job, Scope};

pub(super) const FAMILY: Family = Family {
    service: "ecs",
    family: "ecs",
    api: "ecs",
    error_prefix: "ECS",
    base_exception: "AmazonECSException",
    display_name: "AmazonECS",
    actions: &[RUN_TASK],
};

const RUN_TASK: Action = Action {
    name: "runTask",
    operation: "RunTask",
    job: Some(Job {
        id: "/tasks/0/taskArn",
        scope: Some(Scope::Answer("/tasks/0/clusterArn")),
        describe: Describe {
            operation: "DescribeTasks",
            scope: Some("cluster"),
            ids: Ids::Many("tasks", 100),
            jobs: "tasks",
            id: "taskArn",
        },
        sweep: None,
        cancel: Cancel {
            operation: "StopTask",
            scope: Some("cluster"),
            ids: Ids::One("task"),
            reason: Some("reason"),
        },
        shape: "Task",
        ending: Ending {
            status: "lastStatus",
            succeeded: &["STOPPED"],
            failed: &[],
            confirm: containers_succeeded,
        },
    }),
    callback: true,
    complete: add_started_by,
    refuse: refuse_many_tasks,
    idempotency: Idempotency::Token { member: "clientToken", max_len: 64 },
    repeated: &[],
    failures: Some(Failures { member: "failures", error: "AmazonECS.Unknown" }),
};

/// Adds who started a `.sync` task, as recordings show it. A `StartedBy` of the user's stays.
fn add_started_by(pattern: Pattern, parameters: Value) -> Value {
    let Value::Object(object) = &parameters else { return parameters };
    if !matches!(pattern, Pattern::Job(_)) || object.get("StartedBy").is_some_and(|v| !v.is_null()) {
        return parameters;
    }
    let mut parameters = object.to_builder();
    parameters.insert("StartedBy", "AWS Step Functions");
    parameters.build().into()
}

/// A `.sync` state waits for one task and gives that task as its result, so it can't start several.
fn refuse_many_tasks(pattern: Pattern, parameters: &Value) -> Option<String> {
    let count = parameters.get("Count")?;
    let count = count.as_i64().or_else(|| count.as_str()?.parse().ok());
    let many = count.is_some_and(|count| count != 1);
    (many && matches!(pattern, Pattern::Job(_)))
        .then(|| "The value for the field 'Count' must be 1 to run a job (.sync)".to_owned())
}

/// Whether a stopped task did its work: it started, and every container that ran ended with exit code 0. Descriptions
/// don't say which containers are essential, so a sidecar's failure counts.
fn containers_succeeded(task: &Value) -> bool {
    let containers = task.get("containers").and_then(Value::as_array).unwrap_or_default();
    let mut codes = containers.iter().filter_map(|c| c.get("exitCode").and_then(Value::as_i64)).peekable();
    let started = task.get("stopCode").and_then(Value::as_str) != Some("TaskFailedToStart");
    started && codes.peek().is_some() && codes.all(|code| code == 0)
}
