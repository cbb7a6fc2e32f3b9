//! The details of events as JSON, which the API's histories and execution logs have alike
//! (<https://docs.aws.amazon.com/step-functions/latest/apireference/API_HistoryEvent.html>).

use newel_value::{Members, Payload, Str};

use super::{Detail, Fault, Iteration, TaskResource};

/// How much of an event's payloads is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// Nothing: inputs, outputs and what goes with them are left out.
    Nothing,
    /// All.
    Whole,
    /// As much of each as takes that many bytes with its escapes.
    UpTo(usize),
}

impl Detail {
    /// The member of an event in which its details stand; none if it has no details.
    #[must_use]
    pub const fn member(&self) -> Option<&'static str> {
        Some(match self {
            Self::ExecutionStarted { .. } => "executionStartedEventDetails",
            Self::ExecutionRedriven { .. } => "executionRedrivenEventDetails",
            Self::ExecutionSucceeded { .. } => "executionSucceededEventDetails",
            Self::ExecutionFailed(_) => "executionFailedEventDetails",
            Self::ExecutionAborted(_) => "executionAbortedEventDetails",
            Self::ExecutionTimedOut(_) => "executionTimedOutEventDetails",
            Self::StateEntered { .. } => "stateEnteredEventDetails",
            Self::StateExited { .. } => "stateExitedEventDetails",
            Self::MapStarted { .. } => "mapStateStartedEventDetails",
            Self::MapIterationStarted(_) => "mapIterationStartedEventDetails",
            Self::MapIterationSucceeded(_) => "mapIterationSucceededEventDetails",
            Self::MapIterationFailed(_) => "mapIterationFailedEventDetails",
            Self::MapIterationAborted(_) => "mapIterationAbortedEventDetails",
            Self::EvaluationFailed(_) => "evaluationFailedEventDetails",
            Self::MapRunStarted { .. } => "mapRunStartedEventDetails",
            Self::MapRunFailed(_) => "mapRunFailedEventDetails",
            Self::MapRunRedriven { .. } => "mapRunRedrivenEventDetails",
            Self::ActivityScheduled { .. } => "activityScheduledEventDetails",
            Self::ActivityScheduleFailed(_) => "activityScheduleFailedEventDetails",
            Self::ActivityStarted { .. } => "activityStartedEventDetails",
            Self::ActivitySucceeded { .. } => "activitySucceededEventDetails",
            Self::ActivityFailed(_) => "activityFailedEventDetails",
            Self::ActivityTimedOut(_) => "activityTimedOutEventDetails",
            Self::LambdaFunctionScheduled { .. } => "lambdaFunctionScheduledEventDetails",
            Self::LambdaFunctionScheduleFailed(_) => "lambdaFunctionScheduleFailedEventDetails",
            Self::LambdaFunctionStartFailed(_) => "lambdaFunctionStartFailedEventDetails",
            Self::LambdaFunctionSucceeded { .. } => "lambdaFunctionSucceededEventDetails",
            Self::LambdaFunctionFailed(_) => "lambdaFunctionFailedEventDetails",
            Self::LambdaFunctionTimedOut(_) => "lambdaFunctionTimedOutEventDetails",
            Self::TaskScheduled { .. } => "taskScheduledEventDetails",
            Self::TaskStarted(_) => "taskStartedEventDetails",
            Self::TaskSubmitted { .. } => "taskSubmittedEventDetails",
            Self::TaskSucceeded { .. } => "taskSucceededEventDetails",
            Self::TaskFailed { .. } => "taskFailedEventDetails",
            Self::TaskTimedOut { .. } => "taskTimedOutEventDetails",
            Self::TaskStartFailed { .. } => "taskStartFailedEventDetails",
            Self::TaskSubmitFailed { .. } => "taskSubmitFailedEventDetails",
            Self::StateAborted { .. }
            | Self::ParallelStarted
            | Self::ParallelSucceeded
            | Self::ParallelFailed
            | Self::MapSucceeded
            | Self::MapFailed
            | Self::LambdaFunctionStarted
            | Self::MapRunSucceeded
            | Self::MapRunAborted => return None,
        })
    }

    /// Writes the members of the details.
    pub fn write_details(&self, told: Told, m: &mut Members<'_>) {
        match self {
            Self::ExecutionStarted { input, role_arn, alias_arn, version_arn } => {
                payload(m, told, &INPUT, input);
                m.text("roleArn", role_arn);
                m.optional("stateMachineAliasArn", alias_arn.as_deref());
                m.optional("stateMachineVersionArn", version_arn.as_deref());
            }
            Self::ExecutionRedriven { redrive_count } => m.number("redriveCount", *redrive_count),
            Self::ExecutionSucceeded { output }
            | Self::ActivitySucceeded { output }
            | Self::LambdaFunctionSucceeded { output } => payload(m, told, &OUTPUT, output),
            Self::ExecutionFailed(why)
            | Self::ExecutionAborted(why)
            | Self::ExecutionTimedOut(why)
            | Self::ActivityScheduleFailed(why)
            | Self::ActivityFailed(why)
            | Self::ActivityTimedOut(why)
            | Self::LambdaFunctionScheduleFailed(why)
            | Self::LambdaFunctionStartFailed(why)
            | Self::LambdaFunctionFailed(why)
            | Self::LambdaFunctionTimedOut(why)
            | Self::MapRunFailed(why) => fault(m, why),
            Self::StateEntered { name, input, .. } => {
                m.text("name", name);
                payload(m, told, &INPUT, input);
            }
            Self::StateExited { name, output, assigned, .. } => {
                m.text("name", name);
                payload(m, told, &OUTPUT, output);
                variables(m, told, assigned);
            }
            Self::MapStarted { length } => m.number("length", *length),
            Self::MapIterationStarted(it)
            | Self::MapIterationSucceeded(it)
            | Self::MapIterationFailed(it)
            | Self::MapIterationAborted(it) => iteration(m, it),
            Self::EvaluationFailed(failure) => {
                fault(m, &failure.fault);
                m.optional("location", failure.location.as_deref());
                m.text("state", &failure.state);
            }
            Self::MapRunStarted { map_run_arn } => m.text("mapRunArn", map_run_arn),
            Self::MapRunRedriven { map_run_arn, redrive_count } => {
                m.text("mapRunArn", map_run_arn);
                m.number("redriveCount", *redrive_count);
            }
            Self::ActivityStarted { worker_name } => m.optional("workerName", worker_name.as_deref()),
            Self::ActivityScheduled { .. }
            | Self::LambdaFunctionScheduled { .. }
            | Self::TaskScheduled { .. } => self.write_schedule(told, m),
            Self::TaskStarted(task) => resource(m, task),
            Self::TaskSubmitted { task, output } | Self::TaskSucceeded { task, output } => {
                resource(m, task);
                payload(m, told, &OUTPUT, output);
            }
            Self::TaskFailed { task, fault: why }
            | Self::TaskTimedOut { task, fault: why }
            | Self::TaskStartFailed { task, fault: why }
            | Self::TaskSubmitFailed { task, fault: why } => {
                resource(m, task);
                fault(m, why);
            }
            Self::StateAborted { .. }
            | Self::ParallelStarted
            | Self::ParallelSucceeded
            | Self::ParallelFailed
            | Self::MapSucceeded
            | Self::MapFailed
            | Self::LambdaFunctionStarted
            | Self::MapRunSucceeded
            | Self::MapRunAborted => {}
        }
    }

    /// What an attempt is scheduled with.
    fn write_schedule(&self, told: Told, m: &mut Members<'_>) {
        match self {
            Self::TaskScheduled {
                task,
                region,
                parameters,
                timeout_seconds,
                heartbeat_seconds,
                role_arn,
            } => {
                resource(m, task);
                m.text("region", region);
                if told != Told::Nothing {
                    m.text("parameters", cut(told, parameters.text()).0);
                }
                limits(m, *timeout_seconds, *heartbeat_seconds);
                credentials(m, role_arn.as_deref());
            }
            Self::ActivityScheduled { resource, input, timeout_seconds, heartbeat_seconds } => {
                m.text("resource", resource);
                payload(m, told, &INPUT, input);
                limits(m, *timeout_seconds, *heartbeat_seconds);
            }
            Self::LambdaFunctionScheduled { resource, input, timeout_seconds, role_arn } => {
                m.text("resource", resource);
                payload(m, told, &INPUT, input);
                limits(m, *timeout_seconds, None);
                credentials(m, role_arn.as_deref());
            }
            _ => {}
        }
    }
}

/// A payload's member, and the one that says whether it is whole.
type Names = [&'static str; 2];
const INPUT: Names = ["input", "inputDetails"];
const OUTPUT: Names = ["output", "outputDetails"];
const VARIABLES: Names = ["assignedVariables", "assignedVariablesDetails"];

fn payload(m: &mut Members<'_>, told: Told, [name, details]: &Names, payload: &Payload) {
    if told == Told::Nothing {
        return;
    }
    let (text, truncated) = cut(told, payload.text());
    m.text(name, text);
    m.object(details, |m| m.flag("truncated", truncated));
}

/// As much of a text as is to be told, and whether that isn't all.
fn cut(told: Told, text: &str) -> (&str, bool) {
    let Told::UpTo(most) = told else { return (text, false) };
    // No character takes more than six bytes with its escape.
    if text.len() <= most / 6 {
        return (text, false);
    }
    let mut bytes = 0;
    for (at, character) in text.char_indices() {
        bytes += escaped(character);
        if bytes > most {
            return (&text[..at], true);
        }
    }
    (text, false)
}

/// Bytes that a character takes in a JSON string.
const fn escaped(character: char) -> usize {
    match character {
        '"' | '\\' | '\n' | '\r' | '\t' | '\u{8}' | '\u{c}' => 2,
        '\0'..='\u{1f}' => 6,
        _ => character.len_utf8(),
    }
}

fn variables(m: &mut Members<'_>, told: Told, assigned: &[(Str, Payload)]) {
    if told == Told::Nothing || assigned.is_empty() {
        return;
    }
    let [name, details] = VARIABLES;
    let size = assigned.iter().map(|(name, value)| name.len() + value.text().len()).sum::<usize>();
    let truncated = matches!(told, Told::UpTo(most) if size > most);
    // The variables' names are the user's, so this object is written as a value is.
    let kept = if truncated { &[] } else { assigned };
    let values: newel_value::Object = kept.iter().map(|(name, value)| (name.clone(), value.text())).collect();
    m.value(name, &values.into());
    m.object(details, |m| m.flag("truncated", truncated));
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
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_where_its_escapes_fill_the_room() {
        for (text, most, expect) in [
            ("abc", 3, ("abc", false)),
            ("abcd", 3, ("abc", true)),
            ("a\"b", 3, ("a\"", true)),
            ("\u{1}", 5, ("", true)),
            ("\u{1}", 6, ("\u{1}", false)),
            ("é€", 4, ("é", true)),
            ("", 0, ("", false)),
        ] {
            assert_eq!(cut(Told::UpTo(most), text), expect, "{text:?} in {most}");
            let mut out = String::new();
            newel_value::write_string(expect.0, &mut out);
            assert!(out.len() <= most + 2, "{out}");
        }
        assert_eq!(cut(Told::Whole, "abcd"), ("abcd", false));
    }

    #[test]
    fn an_event_has_a_member_exactly_when_it_has_details() {
        let fault = || Fault { error: Some("E".into()), cause: None };
        let task = || TaskResource { resource_type: "batch".into(), action: "submitJob".into() };
        for (detail, expect) in [
            (Detail::MapFailed, None),
            (Detail::LambdaFunctionStarted, None),
            (Detail::ExecutionFailed(fault()), Some(r#"executionFailedEventDetails {"error":"E"}"#)),
            (
                Detail::TaskSucceeded { task: task(), output: Payload::from_checked_text("[1]") },
                Some(
                    r#"taskSucceededEventDetails {"resourceType":"batch","resource":"submitJob","output":"[1]","outputDetails":{"truncated":false}}"#,
                ),
            ),
        ] {
            let mut out = String::new();
            newel_value::object(&mut out, |m| detail.write_details(Told::Whole, m));
            let found = detail.member().map(|member| format!("{member} {out}"));
            assert_eq!(found.as_deref(), expect);
            assert_eq!(out == "{}", expect.is_none());
        }
    }
}
