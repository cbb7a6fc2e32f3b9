//! `newel history`: the events of an execution as a table, or as JSON with the members of AWS's API.

use newel_asl::Timestamp;
use newel_proto::v1::history_event::Details;
use newel_proto::v1::{GetExecutionHistoryRequest, HistoryEvent};
use newel_value::{Object, ObjectBuilder, Value};

use crate::arguments::{History, Outcome, exit};
use crate::client::{self, refused};
use crate::text::{millis, seconds, shortened};

/// Events of a page.
const PAGE: i32 = 1_000;
/// Characters of an event's details that a line of the table shows.
const EXCERPT: usize = 100;

/// Runs the command.
pub(crate) async fn run(command: &History) -> Outcome {
    let mut client = client::connect(&command.server)?;
    let mut next_token = None;
    let mut started = None;
    loop {
        let request = GetExecutionHistoryRequest {
            execution_arn: command.execution_arn.clone(),
            max_results: PAGE,
            reverse_order: false,
            next_token,
            include_execution_data: Some(true),
        };
        let page =
            client.get_execution_history(request).await.map_err(|status| refused(&status))?.into_inner();
        for event in &page.events {
            let at = millis(event.timestamp.as_ref());
            let since = at - *started.get_or_insert(at);
            if command.json {
                println!("{}", Value::from(json(event)).to_json());
            } else {
                println!("{}", line(event, since));
            }
        }
        next_token = page.next_token;
        if next_token.is_none() {
            return Ok(exit::SUCCESS);
        }
    }
}

fn line(event: &HistoryEvent, since: i64) -> String {
    let about = match &event.details {
        Some(details) => shortened(&about(details), EXCERPT),
        None => String::new(),
    };
    let (id, previous, at) = (event.id, event.previous_event_id, seconds(since));
    format!("{id:>5} {previous:>5}  {at:>9}  {:<24} {about}", event.r#type).trim_end().to_owned()
}

/// What tells an event from others of its type.
fn about(details: &Details) -> String {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let fault = |error: &Option<String>, cause: &Option<String>| format!("{} {}", text(error), text(cause));
    match details {
        Details::ExecutionStarted(it) => text(&it.input),
        Details::ExecutionSucceeded(it) => text(&it.output),
        Details::ExecutionEnded(it) => fault(&it.error, &it.cause),
        Details::StateEntered(it) => format!("{} {}", it.name, text(&it.input)),
        Details::StateExited(it) => format!("{} {}", it.name, text(&it.output)),
        Details::MapStateStarted(it) => format!("{} iterations", it.length),
        Details::MapIteration(it) => format!("{} #{}", it.name, it.index),
        Details::TaskScheduled(it) => {
            format!("{}:{} {}", it.resource_type, it.resource, text(&it.parameters))
        }
        Details::TaskStarted(it) => format!("{}:{}", it.resource_type, it.resource),
        Details::TaskOutput(it) => format!("{}:{} {}", it.resource_type, it.resource, text(&it.output)),
        Details::TaskFault(it) => {
            format!("{}:{} {}", it.resource_type, it.resource, fault(&it.error, &it.cause))
        }
        Details::EvaluationFailed(it) => {
            format!("{} {} {}", it.state, text(&it.location), fault(&it.error, &it.cause))
        }
        Details::FunctionScheduled(it) => format!("{} {}", it.resource, text(&it.input)),
        Details::ActivityStarted(it) => text(&it.worker_name),
        Details::FunctionOutput(it) => text(&it.output),
        Details::Fault(it) => fault(&it.error, &it.cause),
        Details::MapRun(it) => it.map_run_arn.clone(),
        Details::ExecutionRedriven(it) => format!("redrive {}", it.redrive_count),
    }
}

/// The event as GetExecutionHistory shows it.
fn json(event: &HistoryEvent) -> Object {
    let mut out = ObjectBuilder::with_capacity(5);
    let at = Timestamp::from_millis(millis(event.timestamp.as_ref()));
    out.insert("timestamp", at.to_string())
        .insert("type", event.r#type.as_str())
        .insert("id", count(event.id))
        .insert("previousEventId", count(event.previous_event_id));
    if let Some(details) = &event.details {
        out.insert(details_name(&event.r#type), members(details));
    }
    out.build()
}

/// `TaskFailed` has `taskFailedEventDetails`; every state's entry and exit share a name.
fn details_name(kind: &str) -> String {
    for shared in ["StateEntered", "StateExited"] {
        if kind.ends_with(shared) {
            return format!("s{}EventDetails", &shared[1..]);
        }
    }
    let mut letters = kind.chars();
    let first = letters.next().map(|c| c.to_ascii_lowercase());
    first.into_iter().chain(letters).chain("EventDetails".chars()).collect()
}

fn members(details: &Details) -> Object {
    let mut out = ObjectBuilder::with_capacity(7);
    let resource = |out: &mut ObjectBuilder, resource_type: &str, resource: &str| {
        out.insert("resourceType", resource_type).insert("resource", resource);
    };
    match details {
        Details::ExecutionStarted(it) => {
            payload(&mut out, "input", it.input.as_deref());
            out.insert("roleArn", it.role_arn.as_str());
            out.insert_some("stateMachineAliasArn", it.state_machine_alias_arn.as_deref());
            out.insert_some("stateMachineVersionArn", it.state_machine_version_arn.as_deref());
        }
        Details::ExecutionRedriven(it) => {
            out.insert("redriveCount", count(it.redrive_count));
        }
        Details::ExecutionSucceeded(it) => {
            payload(&mut out, "output", it.output.as_deref());
        }
        Details::ExecutionEnded(it) | Details::Fault(it) => {
            out.insert_some("error", it.error.as_deref()).insert_some("cause", it.cause.as_deref());
        }
        Details::StateEntered(it) => {
            out.insert("name", it.name.as_str());
            payload(&mut out, "input", it.input.as_deref());
        }
        Details::StateExited(it) => {
            out.insert("name", it.name.as_str());
            payload(&mut out, "output", it.output.as_deref());
            if !it.assigned_variables.is_empty() {
                let assigned: Object = it
                    .assigned_variables
                    .iter()
                    .map(|(name, text)| (name.as_str(), Value::from(text.as_str())))
                    .collect();
                out.insert("assignedVariables", assigned).insert("assignedVariablesDetails", whole());
            }
        }
        Details::MapStateStarted(it) => {
            out.insert("length", count(it.length));
        }
        Details::MapIteration(it) => {
            out.insert("name", it.name.as_str()).insert("index", count(it.index));
        }
        Details::TaskScheduled(it) => {
            resource(&mut out, &it.resource_type, &it.resource);
            out.insert("region", it.region.as_str())
                .insert_some("parameters", it.parameters.as_deref())
                .insert_some("timeoutInSeconds", it.timeout_seconds.map(count))
                .insert_some("heartbeatInSeconds", it.heartbeat_seconds.map(count));
            credentials(&mut out, it.credentials_role_arn.as_deref());
        }
        Details::TaskStarted(it) => resource(&mut out, &it.resource_type, &it.resource),
        Details::TaskOutput(it) => {
            resource(&mut out, &it.resource_type, &it.resource);
            payload(&mut out, "output", it.output.as_deref());
        }
        Details::TaskFault(it) => {
            resource(&mut out, &it.resource_type, &it.resource);
            out.insert_some("error", it.error.as_deref()).insert_some("cause", it.cause.as_deref());
        }
        Details::EvaluationFailed(it) => {
            out.insert_some("error", it.error.as_deref())
                .insert_some("cause", it.cause.as_deref())
                .insert_some("location", it.location.as_deref())
                .insert("state", it.state.as_str());
        }
        Details::FunctionScheduled(it) => {
            out.insert("resource", it.resource.as_str());
            payload(&mut out, "input", it.input.as_deref());
            out.insert_some("timeoutInSeconds", it.timeout_seconds.map(count))
                .insert_some("heartbeatInSeconds", it.heartbeat_seconds.map(count));
            credentials(&mut out, it.credentials_role_arn.as_deref());
        }
        Details::ActivityStarted(it) => {
            out.insert_some("workerName", it.worker_name.as_deref());
        }
        Details::FunctionOutput(it) => {
            payload(&mut out, "output", it.output.as_deref());
        }
        Details::MapRun(it) => {
            out.insert("mapRunArn", it.map_run_arn.as_str())
                .insert_some("redriveCount", it.redrive_count.map(count));
        }
    }
    out.build()
}

/// `input` or `output`, and the member that says that it is whole.
fn payload(out: &mut ObjectBuilder, name: &str, text: Option<&str>) {
    if let Some(text) = text {
        out.insert(name, text).insert(format!("{name}Details"), whole());
    }
}

fn whole() -> Object {
    [("truncated", Value::from(false))].into_iter().collect()
}

fn credentials(out: &mut ObjectBuilder, role_arn: Option<&str>) {
    if let Some(role) = role_arn {
        let credentials: Object = [("roleArn", Value::from(role))].into_iter().collect();
        out.insert("taskCredentials", credentials);
    }
}

fn count(n: u64) -> Value {
    i64::try_from(n).unwrap_or(i64::MAX).into()
}

#[cfg(test)]
mod tests {
    use newel_proto::v1::{StateEnteredDetails, StateExitedDetails, TaskFaultDetails};

    use super::*;

    #[test]
    fn events_have_the_apis_members() {
        let check = |kind: &str, details: Option<Details>, expect: &str| {
            let timestamp = Some(prost_types::Timestamp { seconds: 0, nanos: 5_000_000 });
            let event =
                HistoryEvent { id: 2, previous_event_id: 1, timestamp, r#type: kind.to_owned(), details };
            assert_eq!(Value::from(json(&event)).to_json(), expect);
        };
        let entered = StateEnteredDetails { name: "A".to_owned(), input: Some("{}".to_owned()) };
        check(
            "PassStateEntered",
            Some(Details::StateEntered(entered)),
            r#"{"timestamp":"1970-01-01T00:00:00.005Z","type":"PassStateEntered","id":2,"previousEventId":1,"stateEnteredEventDetails":{"name":"A","input":"{}","inputDetails":{"truncated":false}}}"#,
        );
        let exited = StateExitedDetails {
            name: "A".to_owned(),
            output: Some("1".to_owned()),
            assigned_variables: [("x".to_owned(), "2".to_owned())].into(),
        };
        check(
            "PassStateExited",
            Some(Details::StateExited(exited)),
            r#"{"timestamp":"1970-01-01T00:00:00.005Z","type":"PassStateExited","id":2,"previousEventId":1,"stateExitedEventDetails":{"name":"A","output":"1","outputDetails":{"truncated":false},"assignedVariables":{"x":"2"},"assignedVariablesDetails":{"truncated":false}}}"#,
        );
        let fault = TaskFaultDetails {
            resource_type: "glue".to_owned(),
            resource: "startJobRun".to_owned(),
            error: Some("E".to_owned()),
            cause: None,
        };
        check(
            "TaskFailed",
            Some(Details::TaskFault(fault)),
            r#"{"timestamp":"1970-01-01T00:00:00.005Z","type":"TaskFailed","id":2,"previousEventId":1,"taskFailedEventDetails":{"resourceType":"glue","resource":"startJobRun","error":"E"}}"#,
        );
        check(
            "ParallelStateStarted",
            None,
            r#"{"timestamp":"1970-01-01T00:00:00.005Z","type":"ParallelStateStarted","id":2,"previousEventId":1}"#,
        );
    }
}
