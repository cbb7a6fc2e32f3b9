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
        Detail::ExecutionStarted { input, role_arn } => m.object("executionStartedEventDetails", |m| {
            payload(m, data, "input", "inputDetails", input);
            m.text("roleArn", role_arn);
        }),
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
        | Detail::TaskTimedOut { .. } => write_task(detail, data, m),
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
                if let Some(seconds) = timeout_seconds {
                    m.number("timeoutInSeconds", *seconds);
                }
                if let Some(seconds) = heartbeat_seconds {
                    m.number("heartbeatInSeconds", *seconds);
                }
                if let Some(role) = role_arn {
                    m.object("taskCredentials", |m| m.text("roleArn", role));
                }
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
