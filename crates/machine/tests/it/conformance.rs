//! Executions that were recorded from AWS (see the README in the folder that `NEWEL_CONFORMANCE` names, `sfn`).
//!
//! What the tasks of a recording gave is taken from its events; everything else has to come out as it was recorded.

use std::path::PathBuf;

use newel_asl::{Limits, MachineType, compile};
use newel_machine::{Detail, Event, Fault, Input, Iteration, ScheduledTask, TaskReport, TaskResource};
use newel_value::{Object, ObjectBuilder, Payload, Str, Value};

use crate::catalog::TestCatalog;
use crate::driver::{Cut, Driver, check_history};

/// Recordings that come out otherwise, and why. They are part of what is played: one that passes has to leave.
const KNOWN_GAPS: [(&str, &str); 4] = [
    (
        "v2/scenarios/test_base_scenarios.py::TestBaseScenarios::test_escape_sequence_parsing[ESCAPE_SEQUENCES_JSONPATH]",
        "the path language reads a backslash before a double quote in a single-quoted name as an escape",
    ),
    (
        "v2/scenarios/test_base_scenarios.py::TestBaseScenarios::test_lambda_service_invoke_with_retry_extended_input",
        "recorded before the context object had RedriveCount, which later recordings have",
    ),
    (
        "v2/scenarios/test_base_scenarios.py::TestBaseScenarios::test_lambda_invoke_with_retry_extended_input",
        "recorded before the context object had RedriveCount, which later recordings have",
    ),
    (
        "v2/scenarios/test_base_scenarios.py::TestBaseScenarios::test_max_concurrency_path_negative",
        "the recording ends with ExecutionStarted",
    ),
];

/// What stands for a function and an activity that the recorder created.
const FUNCTION: &str = "arn:aws:lambda:us-east-1:000000000000:function:f";
const ACTIVITY: &str = "arn:aws:states:us-east-1:000000000000:activity:a";
const GONE: &str = "arn:aws:states:us-east-1:000000000000:activity:gone";

/// 2026-12-01: instants that recorded definitions wait for are over.
const AFTER_ALL_RECORDINGS: i64 = 1_796_083_200_000;

/// The cases of all groups; none, said plainly, where the data is absent.
fn recordings() -> Vec<Value> {
    let folder = std::env::var_os("NEWEL_CONFORMANCE").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/conformance")),
        PathBuf::from,
    );
    let folder = folder.join("sfn/cases");
    let Ok(files) = std::fs::read_dir(&folder) else {
        let required = std::env::var_os("NEWEL_REQUIRE_DATA").is_some_and(|value| value == "1");
        assert!(!required, "the Step Functions conformance data is required: {}", folder.display());
        println!("skipped: no Step Functions conformance data at {}", folder.display());
        return Vec::new();
    };
    let mut cases = Vec::new();
    for file in files {
        let text = std::fs::read_to_string(file.expect("a folder that can be read").path())
            .expect("a file that can");
        let group = Value::parse(&text).expect("JSON");
        cases.extend(group.get("cases").and_then(Value::as_array).unwrap_or_default().to_vec());
    }
    cases
}

/// A recorded execution that this crate can play by itself.
struct Recording {
    id: String,
    definition: String,
    input: String,
    events: Vec<Value>,
    tokens: Vec<String>,
}

fn text<'a>(value: &'a Value, pointer: &str) -> Option<&'a str> {
    value.pointer(pointer).and_then(Value::as_str)
}

/// Stand-ins for what the recorder's steps created, as what they stand for looks.
fn resolved(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, (name, after))) =
        rest.split_once("${").and_then(|(before, after)| Some((before, after.split_once('}')?)))
    {
        out.push_str(before);
        match name.split_once(':').map(|(_, member)| member) {
            Some("FunctionArn") => out.push_str(FUNCTION),
            Some("activityArn") => out.push_str(ACTIVITY),
            _ => out.push_str(&format!("${{{name}}}")),
        }
        rest = after;
    }
    out + rest
}

fn recording(case: &Value) -> Option<Recording> {
    let definition = resolved(&case.get("definition")?.to_json());
    let deleted =
        case.get("steps")?.as_array()?.iter().any(|step| text(step, "/op") == Some("DeleteActivity"));
    let before_start = deleted && text(case, "/id")?.contains("on_deleted");
    let definition = if before_start { definition.replace(ACTIVITY, GONE) } else { definition };
    let distributed = definition.contains("DISTRIBUTED") || definition.contains("ItemReader");
    let playable = text(case, "/kind") == Some("execution") && !distributed;
    if !playable || compile(&definition, MachineType::Standard, &TestCatalog, &Limits::default()).is_err() {
        return None;
    }
    let key = text(case, "/expected/history_check")?;
    let checks = case.get("checks")?.as_array()?;
    let check = checks.iter().find(|check| text(check, "/key") == Some(key))?;
    let events = check.pointer("/expected/events")?.as_array()?.to_vec();
    let tokens = ["/tokens/substring", "/tokens/whole"]
        .into_iter()
        .filter_map(|list| case.pointer(list)?.as_array())
        .flatten()
        .filter_map(|token| Some(token.as_str()?.to_owned()))
        .collect();
    // The input as it was sent, white space and all, unless it has stand-ins for names.
    let steps = case.get("steps")?.as_array()?;
    let step = |id: &str| steps.iter().find(|step| text(step, "/id") == Some(id));
    let asked = step(text(check, "/actual/step")?).and_then(|step| text(step, "/params/executionArn"));
    let started = asked.and_then(|arn| step(arn.strip_prefix("${")?.split(':').next()?));
    let input = started.and_then(|step| text(step, "/params/input")).map(resolved);
    let input = input.filter(|sent| !sent.contains("${"));
    let input = match (input, events.first()?.pointer("/executionStartedEventDetails/input")?) {
        (Some(sent), _) => sent,
        (None, Value::String(text)) => text.to_string(),
        (None, tree) => tree.to_json(),
    };
    Some(Recording { id: text(case, "/id")?.to_owned(), definition, input, events, tokens })
}

impl Recording {
    /// Plays it and says where it first differs.
    fn play(&self) -> Result<(), String> {
        let mut driver = Driver::new_at(
            AFTER_ALL_RECORDINGS,
            &self.definition,
            &self.input,
            Limits::default(),
            Cut::Whole,
        );
        driver.give(Input::Start);
        for event in &self.events {
            let kind = text(event, "/type").unwrap_or_default();
            match kind {
                "TaskSubmitted"
                | "TaskSucceeded"
                | "TaskFailed"
                | "LambdaFunctionSucceeded"
                | "LambdaFunctionFailed"
                | "ActivityStarted"
                | "ActivitySucceeded"
                | "ActivityFailed" => {
                    if let Some(task) = wait_for_attempt(&mut driver, event) {
                        let report = report(event, kind);
                        driver.give(Input::Task(task.task, report));
                    }
                }
                "TaskTimedOut" | "ActivityTimedOut" | "LambdaFunctionTimedOut" | "WaitStateExited" => {
                    wait(&mut driver, event)
                }
                "ExecutionAborted" => {
                    let details = event.get("executionAbortedEventDetails");
                    driver.give(Input::Stop(fault(details)));
                }
                _ => {}
            }
        }
        while driver.execution.outcome.is_none() && driver.next_due().is_some() && driver.open.is_empty() {
            driver.advance_to(driver.next_due().unwrap_or_default());
        }
        check_history(&driver.events);
        self.compare(&driver.events)
    }

    fn compare(&self, events: &[Event]) -> Result<(), String> {
        let mut rest: Vec<&Event> = events.iter().collect();
        for expected in &self.events {
            let numbered = expected.get("id").and_then(Value::as_i64).and_then(|id| u64::try_from(id).ok());
            let found = match numbered {
                Some(id) => rest.iter().position(|event| event.id == id),
                // Within a Parallel the recorder made all ids one: any that is alike will do.
                None => rest.iter().position(|event| self.same(expected, event).is_ok()),
            };
            let position = found.ok_or_else(|| format!("nothing like {expected}"))?;
            let event = rest.remove(position);
            let previous =
                expected.get("previousEventId").and_then(Value::as_i64).and_then(|id| u64::try_from(id).ok());
            if numbered.is_some() && previous != Some(event.previous) {
                return Err(format!("{} {} has the wrong previous: {expected}", event.id, event.previous));
            }
            self.same(expected, event)?;
        }
        // The recorder lost some events of a Parallel when it sorted them.
        let zeroed = self.events.iter().any(|event| event.get("id").is_some_and(|id| id.as_i64().is_none()));
        match rest.iter().find(|event| !(zeroed && is_in_parallel(&event.detail))) {
            None => Ok(()),
            Some(event) => Err(format!("not recorded: {event:?}")),
        }
    }

    fn same(&self, expected: &Value, event: &Event) -> Result<(), String> {
        let differs = |what: &str| Err(format!("{what}\n  expected {expected}\n  got {event:?}"));
        if text(expected, "/type") != Some(event.detail.type_name()) {
            return differs("another type");
        }
        let details = details(&event.detail);
        for (key, value) in expected.as_object().into_iter().flat_map(Object::iter) {
            if key.ends_with("EventDetails") && !self.like(value, &details) {
                return differs("other details");
            }
        }
        Ok(())
    }

    /// Whether an actual value is what was expected, the recorder's stand-ins being like anything.
    fn like(&self, expected: &Value, actual: &Value) -> bool {
        match (expected, actual) {
            (Value::Object(_) | Value::Array(_), Value::String(text)) => {
                Value::parse(text).is_ok_and(|actual| self.like(expected, &actual))
            }
            (Value::Object(expected), Value::Object(actual)) => {
                expected.len() == actual.len()
                    && expected
                        .iter()
                        .all(|(key, value)| actual.get(key).is_some_and(|other| self.like(value, other)))
            }
            (Value::Array(expected), Value::Array(actual)) => {
                expected.len() == actual.len()
                    && expected.iter().zip(actual.iter()).all(|(e, a)| self.like(e, a))
            }
            (Value::String(expected), Value::String(actual)) => self.like_text(expected, actual),
            (Value::String(expected), actual) => self.like_text(expected, &actual.to_json()),
            _ => expected == actual,
        }
    }

    fn like_text(&self, expected: &str, actual: &str) -> bool {
        if expected == actual {
            return true;
        }
        if expected.trim_matches('"') == "date" {
            return newel_asl::Timestamp::parse(actual.trim_matches('"')).is_some();
        }
        let mut pattern = expected.replace("111111111111", "\0");
        for token in &self.tokens {
            pattern = pattern.replace(token.as_str(), "\0");
        }
        // `<name:1>`, and such within such.
        while let Some((start, end)) =
            pattern.find('>').and_then(|end| Some((pattern[..end].rfind('<')?, end)))
        {
            pattern.replace_range(start..=end, "\0");
        }
        let mut parts = pattern.split('\0');
        let Some(mut rest) = parts.next().and_then(|first| actual.strip_prefix(first)) else { return false };
        let mut open = false;
        for part in parts {
            let Some(at) = rest.find(part) else { return false };
            rest = &rest[at + part.len()..];
            open = part.is_empty();
        }
        rest.is_empty() || open
    }
}

fn is_in_parallel(detail: &Detail) -> bool {
    !matches!(detail, Detail::ExecutionFailed(_) | Detail::ExecutionSucceeded { .. } | Detail::MapFailed)
}

/// The attempt that a recorded event is about; time passes until there is one.
fn wait_for_attempt(driver: &mut Driver, event: &Value) -> Option<ScheduledTask> {
    for _ in 0..50 {
        let previous =
            event.get("previousEventId").and_then(Value::as_i64).and_then(|id| u64::try_from(id).ok());
        let follows = |task: &&ScheduledTask| {
            driver.execution.frame(&task.task.frame).is_some_and(|frame| Some(frame.previous) == previous)
        };
        if let Some(task) = driver.open.iter().find(follows).or_else(|| driver.open.first()) {
            return Some(task.clone());
        }
        driver.advance_to(driver.next_due()?);
    }
    None
}

/// Lets time pass until an event of that type comes.
fn wait(driver: &mut Driver, event: &Value) {
    let kind = text(event, "/type").unwrap_or_default();
    let count =
        |driver: &Driver| driver.events.iter().filter(|event| event.detail.type_name() == kind).count();
    let id = event.get("id").and_then(Value::as_i64).and_then(|id| u64::try_from(id).ok());
    if id.is_some_and(|id| driver.execution.last_event >= id) {
        return;
    }
    let before = count(driver);
    while count(driver) == before {
        let Some(due) = driver.next_due() else { return };
        driver.advance_to(due);
    }
}

fn report(event: &Value, kind: &str) -> TaskReport {
    let details =
        event.as_object().into_iter().flat_map(Object::iter).find(|(key, _)| key.ends_with("EventDetails"));
    let details = details.map(|(_, details)| details);
    let output = match details.and_then(|details| details.get("output")) {
        Some(Value::String(text)) => {
            Payload::parse(&**text).unwrap_or_else(|_| Value::String(text.clone()).into())
        }
        Some(tree) => tree.clone().into(),
        None => Payload::default(),
    };
    match kind {
        "TaskSubmitted" => TaskReport::Submitted { external_ref: "ref".into(), output },
        "ActivityStarted" => {
            let name = details.and_then(|details| details.get("workerName")).and_then(Value::as_str);
            TaskReport::Started { worker_name: name.map(Into::into) }
        }
        "TaskSucceeded" | "LambdaFunctionSucceeded" | "ActivitySucceeded" => TaskReport::Succeeded(output),
        // A function's own error keeps the blanks that its runtime printed, which the recorder's tree has lost.
        "LambdaFunctionFailed" => TaskReport::Failed(spaced(fault(details), details)),
        _ => TaskReport::Failed(fault(details)),
    }
}

fn fault(details: Option<&Value>) -> Fault {
    let text = |key: &str| -> Option<Str> {
        match details?.get(key)? {
            Value::String(text) => Some(text.clone()),
            tree => Some(tree.to_json().into()),
        }
    };
    Fault { error: text("error"), cause: text("cause") }
}

/// The fault with a cause that was read as a tree printed as Python prints it.
fn spaced(fault: Fault, details: Option<&Value>) -> Fault {
    match details.and_then(|details| details.get("cause")) {
        Some(Value::String(_)) | None => fault,
        Some(tree) => Fault { cause: Some(python(tree).into()), ..fault },
    }
}

fn python(value: &Value) -> String {
    match value {
        Value::Array(items) => {
            format!("[{}]", items.iter().map(python).collect::<Vec<_>>().join(", "))
        }
        Value::Object(members) => {
            let member = |(key, value): (&Str, &Value)| {
                format!("{}: {}", Value::from(key.clone()).to_json(), python(value))
            };
            format!("{{{}}}", members.iter().map(member).collect::<Vec<_>>().join(", "))
        }
        scalar => scalar.to_json(),
    }
}

/// An event's details as the API shows them.
fn details(detail: &Detail) -> Value {
    let mut out = ObjectBuilder::with_capacity(6);
    let payload = |out: &mut ObjectBuilder, name: &str, payload: &Payload| {
        let untruncated: Object = [("truncated", Value::from(false))].into_iter().collect();
        out.insert(name, payload.text()).insert(format!("{name}Details"), untruncated);
    };
    let fault = |out: &mut ObjectBuilder, fault: &Fault| {
        out.insert_some("error", fault.error.clone()).insert_some("cause", fault.cause.clone());
    };
    let resource = |out: &mut ObjectBuilder, task: &TaskResource| {
        out.insert("resource", task.action.clone()).insert("resourceType", task.resource_type.clone());
    };
    let number = |number: u64| Value::from(i64::try_from(number).unwrap_or(i64::MAX));
    let credentials = |out: &mut ObjectBuilder, role_arn: Option<&Str>| {
        let credentials = role_arn.map(|role| [("roleArn", role.clone())].into_iter().collect::<Object>());
        out.insert_some("taskCredentials", credentials);
    };
    match detail {
        Detail::ExecutionStarted { input, role_arn, alias_arn, version_arn } => {
            payload(&mut out, "input", input);
            out.insert("roleArn", role_arn.clone());
            out.insert_some("stateMachineAliasArn", alias_arn.clone());
            out.insert_some("stateMachineVersionArn", version_arn.clone());
        }
        Detail::ExecutionRedriven { redrive_count } => {
            out.insert("redriveCount", number(*redrive_count));
        }
        Detail::ExecutionSucceeded { output } => payload(&mut out, "output", output),
        Detail::ExecutionFailed(why) | Detail::ExecutionAborted(why) | Detail::ExecutionTimedOut(why) => {
            fault(&mut out, why);
        }
        Detail::StateEntered { name, input, .. } => {
            payload(&mut out, "input", input);
            out.insert("name", name.clone());
        }
        Detail::StateExited { name, output, assigned, .. } => {
            payload(&mut out, "output", output);
            out.insert("name", name.clone());
            if !assigned.is_empty() {
                let assigned: Object =
                    assigned.iter().map(|(name, value)| (name.clone(), value.text())).collect();
                let untruncated: Object = [("truncated", Value::from(false))].into_iter().collect();
                out.insert("assignedVariables", assigned).insert("assignedVariablesDetails", untruncated);
            }
        }
        Detail::MapStarted { length } => {
            out.insert("length", number(*length));
        }
        Detail::MapIterationStarted(Iteration { name, index })
        | Detail::MapIterationSucceeded(Iteration { name, index })
        | Detail::MapIterationFailed(Iteration { name, index })
        | Detail::MapIterationAborted(Iteration { name, index }) => {
            out.insert("name", name.clone()).insert("index", number(*index));
        }
        Detail::TaskScheduled { task, region, parameters, timeout_seconds, heartbeat_seconds, role_arn } => {
            resource(&mut out, task);
            out.insert("region", region.clone()).insert("parameters", parameters.text());
            out.insert_some("timeoutInSeconds", timeout_seconds.map(number));
            out.insert_some("heartbeatInSeconds", heartbeat_seconds.map(number));
            credentials(&mut out, role_arn.as_ref());
        }
        Detail::TaskStarted(task) => resource(&mut out, task),
        Detail::TaskSubmitted { task, output } | Detail::TaskSucceeded { task, output } => {
            resource(&mut out, task);
            payload(&mut out, "output", output);
        }
        Detail::TaskFailed { task, fault: why }
        | Detail::TaskTimedOut { task, fault: why }
        | Detail::TaskStartFailed { task, fault: why }
        | Detail::TaskSubmitFailed { task, fault: why } => {
            resource(&mut out, task);
            fault(&mut out, why);
        }
        Detail::EvaluationFailed(failure) => {
            fault(&mut out, &failure.fault);
            out.insert_some("location", failure.location.clone()).insert("state", failure.state.clone());
        }
        Detail::ActivityScheduled { resource, input, timeout_seconds, heartbeat_seconds } => {
            out.insert("resource", resource.clone());
            payload(&mut out, "input", input);
            out.insert_some("timeoutInSeconds", timeout_seconds.map(number));
            out.insert_some("heartbeatInSeconds", heartbeat_seconds.map(number));
        }
        Detail::LambdaFunctionScheduled { resource, input, timeout_seconds, role_arn } => {
            out.insert("resource", resource.clone());
            payload(&mut out, "input", input);
            out.insert_some("timeoutInSeconds", timeout_seconds.map(number));
            credentials(&mut out, role_arn.as_ref());
        }
        Detail::ActivityStarted { worker_name } => {
            out.insert_some("workerName", worker_name.clone());
        }
        Detail::ActivitySucceeded { output } | Detail::LambdaFunctionSucceeded { output } => {
            payload(&mut out, "output", output);
        }
        Detail::ActivityScheduleFailed(why)
        | Detail::ActivityFailed(why)
        | Detail::ActivityTimedOut(why)
        | Detail::LambdaFunctionScheduleFailed(why)
        | Detail::LambdaFunctionStartFailed(why)
        | Detail::LambdaFunctionFailed(why)
        | Detail::LambdaFunctionTimedOut(why)
        | Detail::MapRunFailed(why) => fault(&mut out, why),
        Detail::MapRunStarted { map_run_arn } => {
            out.insert("mapRunArn", map_run_arn.clone());
        }
        Detail::MapRunRedriven { map_run_arn, redrive_count } => {
            out.insert("mapRunArn", map_run_arn.clone()).insert("redriveCount", number(*redrive_count));
        }
        Detail::StateAborted { .. }
        | Detail::ParallelStarted
        | Detail::ParallelSucceeded
        | Detail::ParallelFailed
        | Detail::MapSucceeded
        | Detail::MapFailed
        | Detail::LambdaFunctionStarted
        | Detail::MapRunSucceeded
        | Detail::MapRunAborted => {}
    }
    out.build().into()
}

#[test]
fn recorded_executions_come_out_as_they_were_recorded() {
    let cases = recordings();
    let recordings: Vec<Recording> = cases.iter().filter_map(recording).collect();
    let mut wrong = Vec::new();
    let mut passed = 0;
    for recording in &recordings {
        let gap = KNOWN_GAPS.iter().find(|(id, _)| *id == recording.id);
        match (recording.play(), gap) {
            (Ok(()), None) => passed += 1,
            (Ok(()), Some(_)) => wrong.push(format!("{}\n  passes and is a known gap", recording.id)),
            (Err(_), Some(_)) => {}
            (Err(why), None) => wrong.push(format!("{}\n  {why}", recording.id)),
        }
    }
    println!("{} of {} recorded executions are playable; {passed} pass", recordings.len(), cases.len());
    assert!(wrong.is_empty(), "{} of {} differ:\n{}", wrong.len(), recordings.len(), wrong.join("\n"));
    assert!(cases.is_empty() || recordings.len() > 50, "only {} recordings", recordings.len());
}
