//! The events of a task attempt: each kind of call has its own.

use newel_asl::plan::{Call, Task};
use newel_value::{Payload, Str};

use super::task::Settings;
use crate::event::{Detail, Fault, TaskResource};

pub(super) fn scheduled(task: &Task, region: &Str, input: &Payload, settings: &Settings) -> Detail {
    let input = input.clone();
    let Settings { timeout_seconds, heartbeat_seconds, role_arn } = settings;
    let (timeout_seconds, heartbeat_seconds) = (*timeout_seconds, *heartbeat_seconds);
    let arn = || task.resource.arn.clone();
    match task.call {
        Call::Service => Detail::TaskScheduled {
            task: resource(task),
            region: region.clone(),
            parameters: input,
            timeout_seconds,
            heartbeat_seconds,
            role_arn: role_arn.clone(),
        },
        Call::Function => Detail::LambdaFunctionScheduled {
            resource: arn(),
            input,
            timeout_seconds,
            role_arn: role_arn.clone(),
        },
        Call::Activity => {
            Detail::ActivityScheduled { resource: arn(), input, timeout_seconds, heartbeat_seconds }
        }
    }
}

pub(super) fn started(task: &Task, worker_name: Option<Str>) -> Detail {
    match task.call {
        Call::Service => Detail::TaskStarted(resource(task)),
        Call::Function => Detail::LambdaFunctionStarted,
        Call::Activity => Detail::ActivityStarted { worker_name },
    }
}

/// Only a service has something that can be accepted and go on.
pub(super) fn submitted(task: &Task, output: Payload) -> Detail {
    Detail::TaskSubmitted { task: resource(task), output }
}

pub(super) fn succeeded(task: &Task, output: &Payload) -> Detail {
    let output = output.clone();
    match task.call {
        Call::Service => Detail::TaskSucceeded { task: resource(task), output },
        Call::Function => Detail::LambdaFunctionSucceeded { output },
        Call::Activity => Detail::ActivitySucceeded { output },
    }
}

pub(super) fn failed(task: &Task, fault: Fault) -> Detail {
    match task.call {
        Call::Service => Detail::TaskFailed { task: resource(task), fault },
        Call::Function => Detail::LambdaFunctionFailed(fault),
        Call::Activity => Detail::ActivityFailed(fault),
    }
}

/// An attempt that missed its deadline or a heartbeat; AWS gives no cause.
pub(super) fn timed_out(task: &Task, fault: Fault) -> Detail {
    let fault = Fault { cause: None, ..fault };
    match task.call {
        Call::Service => Detail::TaskTimedOut { task: resource(task), fault },
        Call::Function => Detail::LambdaFunctionTimedOut(fault),
        Call::Activity => Detail::ActivityTimedOut(fault),
    }
}

fn resource(task: &Task) -> TaskResource {
    TaskResource { resource_type: task.resource.resource_type.clone(), action: task.resource.action.clone() }
}
