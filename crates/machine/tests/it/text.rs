//! A history as lines of text: `id<previous Type key details`.

use newel_machine::{Detail, Effect, Event, Fault, Iteration};

pub(crate) fn event(event: &Event) -> String {
    let line =
        format!("{}<{} {} {}", event.id, event.previous, event.detail.type_name(), detail(&event.detail));
    line.trim_end().to_owned()
}

fn detail(detail: &Detail) -> String {
    match detail {
        Detail::ExecutionStarted { input, .. } => input.text().to_owned(),
        Detail::ExecutionRedriven { redrive_count } => redrive_count.to_string(),
        Detail::ExecutionSucceeded { output }
        | Detail::TaskSubmitted { output, .. }
        | Detail::TaskSucceeded { output, .. }
        | Detail::ActivitySucceeded { output }
        | Detail::LambdaFunctionSucceeded { output } => output.text().to_owned(),
        Detail::ExecutionFailed(fault)
        | Detail::ExecutionAborted(fault)
        | Detail::ExecutionTimedOut(fault) => self::fault(fault),
        Detail::TaskFailed { fault, .. }
        | Detail::TaskTimedOut { fault, .. }
        | Detail::TaskStartFailed { fault, .. }
        | Detail::TaskSubmitFailed { fault, .. }
        | Detail::ActivityScheduleFailed(fault)
        | Detail::ActivityFailed(fault)
        | Detail::ActivityTimedOut(fault)
        | Detail::LambdaFunctionScheduleFailed(fault)
        | Detail::LambdaFunctionStartFailed(fault)
        | Detail::LambdaFunctionFailed(fault)
        | Detail::LambdaFunctionTimedOut(fault)
        | Detail::MapRunFailed(fault) => self::fault(fault),
        Detail::EvaluationFailed(failure) => {
            let location = failure.location.as_deref().unwrap_or("-");
            format!("{} {location} {}", failure.state, fault(&failure.fault))
        }
        Detail::ActivityScheduled { resource, input, timeout_seconds, heartbeat_seconds } => {
            let limits = limits(*timeout_seconds, *heartbeat_seconds);
            format!("{resource} {}{limits}", input.text())
        }
        Detail::LambdaFunctionScheduled { resource, input, timeout_seconds, role_arn } => {
            let limits = limits(*timeout_seconds, None);
            format!("{resource} {}{limits}{}", input.text(), role(role_arn.as_deref()))
        }
        Detail::ActivityStarted { worker_name } => worker_name.as_deref().unwrap_or("-").to_owned(),
        Detail::MapRunStarted { map_run_arn } | Detail::MapRunRedriven { map_run_arn, .. } => {
            map_run_arn.to_string()
        }
        Detail::StateEntered { name, input, .. } => format!("{name} {}", input.text()),
        Detail::StateExited { name, output, assigned, .. } => {
            let assigned: String =
                assigned.iter().map(|(name, value)| format!(" ${name}={}", value.text())).collect();
            format!("{name} {}{assigned}", output.text())
        }
        Detail::MapStarted { length } => length.to_string(),
        Detail::MapIterationStarted(one)
        | Detail::MapIterationSucceeded(one)
        | Detail::MapIterationFailed(one)
        | Detail::MapIterationAborted(one) => iteration(one),
        Detail::TaskScheduled { task, parameters, timeout_seconds, heartbeat_seconds, role_arn, .. } => {
            let limits = limits(*timeout_seconds, *heartbeat_seconds);
            let role = role(role_arn.as_deref());
            format!("{}:{} {}{limits}{role}", task.resource_type, task.action, parameters.text())
        }
        Detail::StateAborted { .. }
        | Detail::ParallelStarted
        | Detail::ParallelSucceeded
        | Detail::ParallelFailed
        | Detail::MapSucceeded
        | Detail::MapFailed
        | Detail::TaskStarted(_)
        | Detail::LambdaFunctionStarted
        | Detail::MapRunSucceeded
        | Detail::MapRunAborted => String::new(),
    }
}

fn limits(timeout_seconds: Option<u64>, heartbeat_seconds: Option<u64>) -> String {
    [("timeout", timeout_seconds), ("heartbeat", heartbeat_seconds)]
        .into_iter()
        .filter_map(|(what, seconds)| Some(format!(" {what}={}", seconds?)))
        .collect()
}

fn role(role_arn: Option<&str>) -> String {
    role_arn.map(|role| format!(" role={role}")).unwrap_or_default()
}

fn iteration(iteration: &Iteration) -> String {
    format!("{}[{}]", iteration.name, iteration.index)
}

fn fault(fault: &Fault) -> String {
    let text = |text: &Option<newel_value::Str>| text.as_deref().unwrap_or("-").to_owned();
    format!("{} | {}", text(&fault.error), text(&fault.cause))
}

pub(crate) fn effect(effect: &Effect) -> Option<String> {
    match effect {
        // The events say the rest of it.
        Effect::Schedule(_) => None,
        Effect::Watch { task, external_ref } => {
            Some(format!("watch {}#{} {external_ref}", task.frame, task.entry))
        }
        Effect::StartMapRun(run) => Some(format!("run {}#{} {:?}", run.key.frame, run.state, run.settings)),
        Effect::AbortMapRun { key, redrives } => Some(format!("abort {}.{redrives}", key.frame)),
        Effect::RedriveMapRun { key, redrives } => Some(format!("redrive {}.{redrives}", key.frame)),
        Effect::Settle(task) => Some(format!("settle {}#{}", task.frame, task.entry)),
        Effect::Abandon { task, external_ref, job } => Some(format!(
            "abandon {}#{} {}{}",
            task.frame,
            task.entry,
            external_ref.as_deref().unwrap_or("-"),
            if *job { " job" } else { "" }
        )),
    }
}
