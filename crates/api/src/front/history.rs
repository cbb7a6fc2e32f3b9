//! History events in AWS JSON
//! (<https://docs.aws.amazon.com/step-functions/latest/apireference/API_HistoryEvent.html>).

use newel_machine::{Detail, Event, Fault, Iteration, TaskResource};
use newel_value::{Payload, Str};

use super::json::{Members, object};

/// Appends an event; without `data`, inputs, outputs and what goes with them are left out.
pub(super) fn write_event(event: &Event, data: bool, out: &mut String) {
    object(out, |m| {
        m.instant("timestamp", event.timestamp);
        m.text("type", event.detail.type_name());
        m.number("id", event.id);
        m.number("previousEventId", event.previous);
        write_detail(&event.detail, data, m);
    });
}

fn write_detail(detail: &Detail, data: bool, m: &mut Members<'_>) {
    match detail {
        Detail::ExecutionStarted { input, role_arn, alias_arn, version_arn } => {
            m.object("executionStartedEventDetails", |m| {
                payload(m, data, "input", "inputDetails", input);
                m.text("roleArn", role_arn);
                m.optional("stateMachineAliasArn", alias_arn.as_deref());
                m.optional("stateMachineVersionArn", version_arn.as_deref());
            });
        }
        Detail::ExecutionRedriven { redrive_count } => {
            m.object("executionRedrivenEventDetails", |m| m.number("redriveCount", *redrive_count));
        }
        Detail::ExecutionSucceeded { output } => m.object("executionSucceededEventDetails", |m| {
            payload(m, data, "output", "outputDetails", output);
        }),
        Detail::ExecutionFailed(cause) => m.object("executionFailedEventDetails", |m| fault(m, cause)),
        Detail::ExecutionAborted(cause) => m.object("executionAbortedEventDetails", |m| fault(m, cause)),
        Detail::ExecutionTimedOut(cause) => m.object("executionTimedOutEventDetails", |m| fault(m, cause)),
        Detail::StateEntered { name, input, .. } => m.object("stateEnteredEventDetails", |m| {
            m.text("name", name);
            payload(m, data, "input", "inputDetails", input);
        }),
        Detail::StateExited { name, output, assigned, .. } => m.object("stateExitedEventDetails", |m| {
            m.text("name", name);
            payload(m, data, "output", "outputDetails", output);
            variables(m, data, assigned);
        }),
        Detail::MapStarted { length } => {
            m.object("mapStateStartedEventDetails", |m| m.number("length", *length));
        }
        Detail::MapIterationStarted(it) => m.object("mapIterationStartedEventDetails", |m| iteration(m, it)),
        Detail::MapIterationSucceeded(it) => {
            m.object("mapIterationSucceededEventDetails", |m| iteration(m, it))
        }
        Detail::MapIterationFailed(it) => m.object("mapIterationFailedEventDetails", |m| iteration(m, it)),
        Detail::MapIterationAborted(it) => m.object("mapIterationAbortedEventDetails", |m| iteration(m, it)),
        Detail::StateAborted { .. }
        | Detail::ParallelStarted
        | Detail::ParallelSucceeded
        | Detail::ParallelFailed
        | Detail::MapSucceeded
        | Detail::MapFailed => {}
        Detail::TaskScheduled { .. }
        | Detail::TaskStarted(_)
        | Detail::TaskSubmitted { .. }
        | Detail::TaskSucceeded { .. }
        | Detail::TaskFailed { .. }
        | Detail::TaskTimedOut { .. }
        | Detail::TaskStartFailed { .. }
        | Detail::TaskSubmitFailed { .. } => write_task(detail, data, m),
        Detail::EvaluationFailed(failure) => m.object("evaluationFailedEventDetails", |m| {
            fault(m, &failure.fault);
            m.optional("location", failure.location.as_deref());
            m.text("state", &failure.state);
        }),
        Detail::ActivityScheduled { .. }
        | Detail::ActivityScheduleFailed(_)
        | Detail::ActivityStarted { .. }
        | Detail::ActivitySucceeded { .. }
        | Detail::ActivityFailed(_)
        | Detail::ActivityTimedOut(_) => write_activity(detail, data, m),
        Detail::LambdaFunctionScheduled { .. }
        | Detail::LambdaFunctionScheduleFailed(_)
        | Detail::LambdaFunctionStarted
        | Detail::LambdaFunctionStartFailed(_)
        | Detail::LambdaFunctionSucceeded { .. }
        | Detail::LambdaFunctionFailed(_)
        | Detail::LambdaFunctionTimedOut(_) => write_function(detail, data, m),
        Detail::MapRunStarted { map_run_arn } => {
            m.object("mapRunStartedEventDetails", |m| m.text("mapRunArn", map_run_arn));
        }
        Detail::MapRunFailed(why) => m.object("mapRunFailedEventDetails", |m| fault(m, why)),
        Detail::MapRunRedriven { map_run_arn, redrive_count } => {
            m.object("mapRunRedrivenEventDetails", |m| {
                m.text("mapRunArn", map_run_arn);
                m.number("redriveCount", *redrive_count);
            })
        }
        Detail::MapRunSucceeded | Detail::MapRunAborted => {}
    }
}

fn write_activity(detail: &Detail, data: bool, m: &mut Members<'_>) {
    match detail {
        Detail::ActivityScheduled { resource, input, timeout_seconds, heartbeat_seconds } => {
            m.object("activityScheduledEventDetails", |m| {
                m.text("resource", resource);
                payload(m, data, "input", "inputDetails", input);
                limits(m, *timeout_seconds, *heartbeat_seconds);
            });
        }
        Detail::ActivityScheduleFailed(why) => {
            m.object("activityScheduleFailedEventDetails", |m| fault(m, why));
        }
        Detail::ActivityStarted { worker_name } => m.object("activityStartedEventDetails", |m| {
            m.optional("workerName", worker_name.as_deref());
        }),
        Detail::ActivitySucceeded { output } => m.object("activitySucceededEventDetails", |m| {
            payload(m, data, "output", "outputDetails", output);
        }),
        Detail::ActivityFailed(why) => m.object("activityFailedEventDetails", |m| fault(m, why)),
        Detail::ActivityTimedOut(why) => m.object("activityTimedOutEventDetails", |m| fault(m, why)),
        _ => {}
    }
}

fn write_function(detail: &Detail, data: bool, m: &mut Members<'_>) {
    match detail {
        Detail::LambdaFunctionScheduled { resource, input, timeout_seconds, role_arn } => {
            m.object("lambdaFunctionScheduledEventDetails", |m| {
                m.text("resource", resource);
                payload(m, data, "input", "inputDetails", input);
                limits(m, *timeout_seconds, None);
                credentials(m, role_arn.as_deref());
            });
        }
        Detail::LambdaFunctionScheduleFailed(why) => {
            m.object("lambdaFunctionScheduleFailedEventDetails", |m| fault(m, why));
        }
        Detail::LambdaFunctionStartFailed(why) => {
            m.object("lambdaFunctionStartFailedEventDetails", |m| fault(m, why));
        }
        Detail::LambdaFunctionSucceeded { output } => m.object("lambdaFunctionSucceededEventDetails", |m| {
            payload(m, data, "output", "outputDetails", output);
        }),
        Detail::LambdaFunctionFailed(why) => {
            m.object("lambdaFunctionFailedEventDetails", |m| fault(m, why));
        }
        Detail::LambdaFunctionTimedOut(why) => {
            m.object("lambdaFunctionTimedOutEventDetails", |m| fault(m, why));
        }
        _ => {}
    }
}

fn write_task(detail: &Detail, data: bool, m: &mut Members<'_>) {
    match detail {
        Detail::TaskScheduled { task, region, parameters, timeout_seconds, heartbeat_seconds, role_arn } => {
            m.object("taskScheduledEventDetails", |m| {
                resource(m, task);
                m.text("region", region);
                if data {
                    m.text("parameters", parameters.text());
                }
                limits(m, *timeout_seconds, *heartbeat_seconds);
                credentials(m, role_arn.as_deref());
            });
        }
        Detail::TaskStarted(task) => m.object("taskStartedEventDetails", |m| resource(m, task)),
        Detail::TaskSubmitted { task, output } => m.object("taskSubmittedEventDetails", |m| {
            resource(m, task);
            payload(m, data, "output", "outputDetails", output);
        }),
        Detail::TaskSucceeded { task, output } => m.object("taskSucceededEventDetails", |m| {
            resource(m, task);
            payload(m, data, "output", "outputDetails", output);
        }),
        Detail::TaskFailed { task, fault: why } => m.object("taskFailedEventDetails", |m| {
            resource(m, task);
            fault(m, why);
        }),
        Detail::TaskTimedOut { task, fault: why } => m.object("taskTimedOutEventDetails", |m| {
            resource(m, task);
            fault(m, why);
        }),
        Detail::TaskStartFailed { task, fault: why } => m.object("taskStartFailedEventDetails", |m| {
            resource(m, task);
            fault(m, why);
        }),
        Detail::TaskSubmitFailed { task, fault: why } => m.object("taskSubmitFailedEventDetails", |m| {
            resource(m, task);
            fault(m, why);
        }),
        _ => {}
    }
}

fn payload(m: &mut Members<'_>, data: bool, name: &str, details: &str, payload: &Payload) {
    if data {
        m.text(name, payload.text());
        m.object(details, |m| m.flag("truncated", false));
    }
}

fn variables(m: &mut Members<'_>, data: bool, assigned: &[(Str, Payload)]) {
    if !data || assigned.is_empty() {
        return;
    }
    // The variables' names are the user's, so this object is written as a value is.
    let values: newel_value::Object =
        assigned.iter().map(|(name, value)| (name.clone(), value.text())).collect();
    m.value("assignedVariables", &values.into());
    m.object("assignedVariablesDetails", |m| m.flag("truncated", false));
}

fn limits(m: &mut Members<'_>, timeout_seconds: Option<u64>, heartbeat_seconds: Option<u64>) {
    if let Some(seconds) = timeout_seconds {
        m.number("timeoutInSeconds", seconds);
    }
    if let Some(seconds) = heartbeat_seconds {
        m.number("heartbeatInSeconds", seconds);
    }
}

fn credentials(m: &mut Members<'_>, role_arn: Option<&str>) {
    if let Some(role) = role_arn {
        m.object("taskCredentials", |m| m.text("roleArn", role));
    }
}

fn fault(m: &mut Members<'_>, fault: &Fault) {
    m.optional("error", fault.error.as_deref());
    m.optional("cause", fault.cause.as_deref());
}

fn iteration(m: &mut Members<'_>, iteration: &Iteration) {
    m.text("name", &iteration.name);
    m.number("index", iteration.index);
}

fn resource(m: &mut Members<'_>, task: &TaskResource) {
    m.text("resourceType", &task.resource_type);
    m.text("resource", &task.action);
}

#[cfg(test)]
#[path = "history_tests.rs"]
mod tests;
