//! Amazon ECS and Fargate: <https://docs.aws.amazon.com/step-functions/latest/dg/connect-ecs.html>.

use newel_asl::catalog::Pattern;
use newel_value::Value;

use crate::TaskFailure;
use crate::descriptor::{
    Action, Cancel, Describe, Ending, Family, Ids, Job, JobEvent, JobResult, Source, call, cancelled,
};

pub(super) const FAMILY: Family = Family {
    service: "ecs",
    family: "ecs",
    api: "ecs",
    error_prefix: "ECS",
    base_exception: "AmazonECSException",
    display_name: "AmazonECS",
    actions: &[RUN_TASK],
};

const RUN_TASK: Action = call("runTask", "RunTask")
    .token("clientToken", 64)
    .callback()
    .completed(add_started_by)
    .refusing(refuse_many_tasks)
    .failing(nothing_started)
    .waits(Job {
        id: Source::Answer("/tasks/0/taskArn"),
        scope: Some(Source::Answer("/tasks/0/clusterArn")),
        describe: Describe {
            operation: "DescribeTasks",
            scope: Some("cluster"),
            ids: Ids::Many("tasks", 100),
            jobs: "/tasks",
            id: Some("taskArn"),
            missing: &["ClusterNotFoundException"],
            event: Some(JobEvent { source: "aws.ecs", detail_type: "ECS Task State Change", id: "/taskArn" }),
        },
        several: None,
        cancel: Some(Cancel { reason: Some("reason"), ..cancelled("StopTask", "task").within("cluster") }),
        result: JobResult::bare("Task"),
        ending: Ending { confirm: containers_succeeded, ..Ending::of("/lastStatus", &["STOPPED"], &[]) },
    });

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

/// Under `.sync` and `.waitForTaskToken` a task that wasn't placed is a failure, though the call succeeded.
fn nothing_started(pattern: Pattern, answer: &Value) -> Option<TaskFailure> {
    let list = |name| answer.get(name).and_then(Value::as_array).unwrap_or_default();
    let failed = match pattern {
        Pattern::RequestResponse => false,
        Pattern::Callback => !list("Failures").is_empty(),
        Pattern::Job(_) => !list("Failures").is_empty() || list("Tasks").is_empty(),
    };
    failed.then(|| TaskFailure { error: "AmazonECS.Unknown".to_owned(), cause: answer.to_json() })
}
