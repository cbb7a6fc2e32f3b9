//! History events as messages.

use newel_machine::{Detail, Event, Fault, Iteration, TaskResource};
use newel_proto::v1::history_event::Details;
use newel_proto::v1::{self as pb};
use newel_value::{Payload, Str};

use super::convert::instant;

/// An event; without `data`, inputs and outputs are left out.
pub(super) fn event(event: &Event, data: bool) -> pb::HistoryEvent {
    pb::HistoryEvent {
        id: event.id,
        previous_event_id: event.previous,
        timestamp: Some(instant(event.timestamp)),
        r#type: event.detail.type_name().to_owned(),
        details: details(&event.detail, data),
    }
}

fn details(detail: &Detail, data: bool) -> Option<Details> {
    let text = |payload: &Payload| data.then(|| payload.text().to_owned());
    Some(match detail {
        Detail::ExecutionStarted { input, role_arn, alias_arn, version_arn } => {
            Details::ExecutionStarted(pb::ExecutionStartedDetails {
                input: text(input),
                role_arn: role_arn.to_string(),
                state_machine_alias_arn: owned(alias_arn),
                state_machine_version_arn: owned(version_arn),
            })
        }
        Detail::ExecutionRedriven { redrive_count } => {
            Details::ExecutionRedriven(pb::ExecutionRedrivenDetails { redrive_count: *redrive_count })
        }
        Detail::ExecutionSucceeded { output } => {
            Details::ExecutionSucceeded(pb::ExecutionSucceededDetails { output: text(output) })
        }
        Detail::ExecutionFailed(fault)
        | Detail::ExecutionAborted(fault)
        | Detail::ExecutionTimedOut(fault) => Details::ExecutionEnded(fault_details(fault)),
        Detail::StateEntered { name, input, .. } => {
            Details::StateEntered(pb::StateEnteredDetails { name: name.to_string(), input: text(input) })
        }
        Detail::StateExited { name, output, assigned, .. } => Details::StateExited(pb::StateExitedDetails {
            name: name.to_string(),
            output: text(output),
            assigned_variables: assigned
                .iter()
                .filter_map(|(k, v)| Some((k.to_string(), text(v)?)))
                .collect(),
        }),
        Detail::MapStarted { length } => {
            Details::MapStateStarted(pb::MapStateStartedDetails { length: *length })
        }
        Detail::MapIterationStarted(it)
        | Detail::MapIterationSucceeded(it)
        | Detail::MapIterationFailed(it)
        | Detail::MapIterationAborted(it) => iteration(it),
        Detail::StateAborted { .. }
        | Detail::ParallelStarted
        | Detail::ParallelSucceeded
        | Detail::ParallelFailed
        | Detail::MapSucceeded
        | Detail::MapFailed
        | Detail::LambdaFunctionStarted
        | Detail::MapRunSucceeded
        | Detail::MapRunAborted => return None,
        Detail::TaskScheduled { task, region, parameters, timeout_seconds, heartbeat_seconds, role_arn } => {
            Details::TaskScheduled(pb::TaskScheduledDetails {
                resource_type: task.resource_type.to_string(),
                resource: task.action.to_string(),
                region: region.to_string(),
                parameters: text(parameters),
                timeout_seconds: *timeout_seconds,
                heartbeat_seconds: *heartbeat_seconds,
                credentials_role_arn: owned(role_arn),
            })
        }
        Detail::TaskStarted(task) => Details::TaskStarted(pb::TaskStartedDetails {
            resource_type: task.resource_type.to_string(),
            resource: task.action.to_string(),
        }),
        Detail::TaskSubmitted { task, output } | Detail::TaskSucceeded { task, output } => {
            Details::TaskOutput(pb::TaskOutputDetails {
                resource_type: task.resource_type.to_string(),
                resource: task.action.to_string(),
                output: text(output),
            })
        }
        Detail::TaskFailed { task, fault }
        | Detail::TaskTimedOut { task, fault }
        | Detail::TaskStartFailed { task, fault }
        | Detail::TaskSubmitFailed { task, fault } => task_fault(task, fault),
        Detail::EvaluationFailed(failure) => Details::EvaluationFailed(pb::EvaluationFailedDetails {
            state: failure.state.to_string(),
            location: owned(&failure.location),
            error: owned(&failure.fault.error),
            cause: owned(&failure.fault.cause),
        }),
        Detail::ActivityScheduled { resource, input, timeout_seconds, heartbeat_seconds } => {
            Details::FunctionScheduled(pb::FunctionScheduledDetails {
                resource: resource.to_string(),
                input: text(input),
                timeout_seconds: *timeout_seconds,
                heartbeat_seconds: *heartbeat_seconds,
                credentials_role_arn: None,
            })
        }
        Detail::LambdaFunctionScheduled { resource, input, timeout_seconds, role_arn } => {
            Details::FunctionScheduled(pb::FunctionScheduledDetails {
                resource: resource.to_string(),
                input: text(input),
                timeout_seconds: *timeout_seconds,
                heartbeat_seconds: None,
                credentials_role_arn: owned(role_arn),
            })
        }
        Detail::ActivityStarted { worker_name } => {
            Details::ActivityStarted(pb::ActivityStartedDetails { worker_name: owned(worker_name) })
        }
        Detail::ActivitySucceeded { output } | Detail::LambdaFunctionSucceeded { output } => {
            Details::FunctionOutput(pb::FunctionOutputDetails { output: text(output) })
        }
        Detail::ActivityScheduleFailed(fault)
        | Detail::ActivityFailed(fault)
        | Detail::ActivityTimedOut(fault)
        | Detail::LambdaFunctionScheduleFailed(fault)
        | Detail::LambdaFunctionStartFailed(fault)
        | Detail::LambdaFunctionFailed(fault)
        | Detail::LambdaFunctionTimedOut(fault)
        | Detail::MapRunFailed(fault) => Details::Fault(fault_details(fault)),
        Detail::MapRunStarted { map_run_arn } => {
            Details::MapRun(pb::MapRunDetails { map_run_arn: map_run_arn.to_string(), redrive_count: None })
        }
        Detail::MapRunRedriven { map_run_arn, redrive_count } => Details::MapRun(pb::MapRunDetails {
            map_run_arn: map_run_arn.to_string(),
            redrive_count: Some(*redrive_count),
        }),
    })
}

fn fault_details(fault: &Fault) -> pb::FaultDetails {
    pb::FaultDetails { error: owned(&fault.error), cause: owned(&fault.cause) }
}

fn owned(text: &Option<Str>) -> Option<String> {
    text.as_deref().map(str::to_owned)
}

fn iteration(iteration: &Iteration) -> Details {
    Details::MapIteration(pb::MapIterationDetails {
        name: iteration.name.to_string(),
        index: iteration.index,
    })
}

fn task_fault(task: &TaskResource, fault: &Fault) -> Details {
    Details::TaskFault(pb::TaskFaultDetails {
        resource_type: task.resource_type.to_string(),
        resource: task.action.to_string(),
        error: owned(&fault.error),
        cause: owned(&fault.cause),
    })
}
