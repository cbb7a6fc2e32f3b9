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
        Detail::ExecutionSucceeded { output }
        | Detail::TaskSubmitted { output, .. }
        | Detail::TaskSucceeded { output, .. } => output.text().to_owned(),
        Detail::ExecutionFailed(fault)
        | Detail::ExecutionAborted(fault)
        | Detail::ExecutionTimedOut(fault) => self::fault(fault),
        Detail::TaskFailed { fault, .. } | Detail::TaskTimedOut { fault, .. } => self::fault(fault),
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
            let mut line = format!("{}:{} {}", task.resource_type, task.action, parameters.text());
            for (what, value) in [("timeout", timeout_seconds), ("heartbeat", heartbeat_seconds)] {
                line.extend(value.map(|seconds| format!(" {what}={seconds}")));
            }
            line.extend(role_arn.as_ref().map(|role| format!(" role={role}")));
            line
        }
        Detail::StateAborted { .. }
        | Detail::ParallelStarted
        | Detail::ParallelSucceeded
        | Detail::ParallelFailed
        | Detail::MapSucceeded
        | Detail::MapFailed
        | Detail::TaskStarted(_) => String::new(),
    }
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
