use newel_asl::Timestamp;
use newel_machine::{Detail, EvaluationFailure, Fault, Iteration, StateType, TaskResource};
use newel_value::Payload;

use super::*;

fn json(text: &str) -> Payload {
    Payload::parse(text).unwrap()
}

fn task() -> TaskResource {
    TaskResource { resource_type: "batch".into(), action: "submitJob.sync".into() }
}

fn fault(error: &str) -> Fault {
    Fault { error: Some(error.into()), cause: None }
}

/// Checks what follows the members that every event has; `hidden` is the same without execution data.
#[track_caller]
fn check(detail: Detail, shown: &str, hidden: &str) {
    for (data, expect) in [(true, shown), (false, hidden)] {
        let event =
            Event { id: 7, previous: 6, timestamp: Timestamp::from_millis(1_500), detail: detail.clone() };
        let mut out = String::new();
        write_event(&event, data, &mut out);
        let common = format!(
            r#"{{"timestamp":1.500,"type":"{}","id":7,"previousEventId":6"#,
            event.detail.type_name()
        );
        assert_eq!(out, format!("{common}{expect}}}"));
    }
}

#[test]
fn payloads_keep_their_white_space_and_can_be_left_out() {
    check(
        Detail::ExecutionStarted {
            input: json("{ \"a\": 1 }"),
            role_arn: "role".into(),
            alias_arn: None,
            version_arn: None,
        },
        r#","executionStartedEventDetails":{"input":"{ \"a\": 1 }","inputDetails":{"truncated":false},"roleArn":"role"}"#,
        r#","executionStartedEventDetails":{"roleArn":"role"}"#,
    );
    check(
        Detail::StateEntered { state_type: StateType::Map, name: "M".into(), input: json("[]") },
        r#","stateEnteredEventDetails":{"name":"M","input":"[]","inputDetails":{"truncated":false}}"#,
        r#","stateEnteredEventDetails":{"name":"M"}"#,
    );
    check(
        Detail::ExecutionSucceeded { output: json("1") },
        r#","executionSucceededEventDetails":{"output":"1","outputDetails":{"truncated":false}}"#,
        r#","executionSucceededEventDetails":{}"#,
    );
}

#[test]
fn variables_are_json_texts_and_there_only_when_assigned() {
    let exited = |assigned| Detail::StateExited {
        state_type: StateType::Pass,
        name: "P".into(),
        output: json("1"),
        assigned,
    };
    let plain = r#","stateExitedEventDetails":{"name":"P","output":"1","outputDetails":{"truncated":false}}"#;
    let hidden = r#","stateExitedEventDetails":{"name":"P"}"#;
    check(exited(vec![]), plain, hidden);
    check(
        exited(vec![("x".into(), json("42")), ("y".into(), json("\"s\""))]),
        r#","stateExitedEventDetails":{"name":"P","output":"1","outputDetails":{"truncated":false},"assignedVariables":{"x":"42","y":"\"s\""},"assignedVariablesDetails":{"truncated":false}}"#,
        hidden,
    );
}

#[test]
fn some_types_have_no_details_and_some_have_empty_ones() {
    for bare in [
        Detail::StateAborted { state_type: StateType::Task },
        Detail::ParallelStarted,
        Detail::ParallelSucceeded,
        Detail::ParallelFailed,
        Detail::MapSucceeded,
        Detail::MapFailed,
        Detail::LambdaFunctionStarted,
        Detail::MapRunSucceeded,
        Detail::MapRunAborted,
    ] {
        check(bare, "", "");
    }
    for (detail, details) in [
        (Detail::ExecutionAborted(Fault::default()), r#","executionAbortedEventDetails":{}"#),
        (Detail::ExecutionFailed(Fault::default()), r#","executionFailedEventDetails":{}"#),
        (Detail::ExecutionTimedOut(Fault::default()), r#","executionTimedOutEventDetails":{}"#),
    ] {
        check(detail, details, details);
    }
    let failed = r#","executionFailedEventDetails":{"error":"E"}"#;
    check(Detail::ExecutionFailed(fault("E")), failed, failed);
}

#[test]
fn maps_tell_length_and_index() {
    let length = r#","mapStateStartedEventDetails":{"length":3}"#;
    check(Detail::MapStarted { length: 3 }, length, length);
    let it = Iteration { name: "M".into(), index: 2 };
    for (detail, name) in [
        (Detail::MapIterationStarted(it.clone()), "Started"),
        (Detail::MapIterationSucceeded(it.clone()), "Succeeded"),
        (Detail::MapIterationFailed(it.clone()), "Failed"),
        (Detail::MapIterationAborted(it), "Aborted"),
    ] {
        let details = format!(r#","mapIteration{name}EventDetails":{{"name":"M","index":2}}"#);
        check(detail, &details, &details);
    }
}

#[test]
fn tasks_tell_their_resource() {
    let scheduled = |parameters: &str, more: &str| {
        format!(
            r#","taskScheduledEventDetails":{{"resourceType":"batch","resource":"submitJob.sync","region":"r"{parameters}{more}}}"#
        )
    };
    let detail = |timeout_seconds, heartbeat_seconds, role: Option<&str>| Detail::TaskScheduled {
        task: task(),
        region: "r".into(),
        parameters: json("{}"),
        timeout_seconds,
        heartbeat_seconds,
        role_arn: role.map(Into::into),
    };
    let parameters = r#","parameters":"{}""#;
    check(detail(None, None, None), &scheduled(parameters, ""), &scheduled("", ""));
    let more = r#","timeoutInSeconds":9,"heartbeatInSeconds":3,"taskCredentials":{"roleArn":"a"}"#;
    check(detail(Some(9), Some(3), Some("a")), &scheduled(parameters, more), &scheduled("", more));

    let resource = r#""resourceType":"batch","resource":"submitJob.sync""#;
    let started = format!(r#","taskStartedEventDetails":{{{resource}}}"#);
    check(Detail::TaskStarted(task()), &started, &started);
    for (detail, name) in [
        (Detail::TaskSubmitted { task: task(), output: json("1") }, "Submitted"),
        (Detail::TaskSucceeded { task: task(), output: json("1") }, "Succeeded"),
    ] {
        check(
            detail,
            &format!(
                r#","task{name}EventDetails":{{{resource},"output":"1","outputDetails":{{"truncated":false}}}}"#
            ),
            &format!(r#","task{name}EventDetails":{{{resource}}}"#),
        );
    }
    for (detail, name) in [
        (Detail::TaskFailed { task: task(), fault: fault("E") }, "Failed"),
        (Detail::TaskTimedOut { task: task(), fault: fault("E") }, "TimedOut"),
        (Detail::TaskStartFailed { task: task(), fault: fault("E") }, "StartFailed"),
        (Detail::TaskSubmitFailed { task: task(), fault: fault("E") }, "SubmitFailed"),
    ] {
        let details = format!(r#","task{name}EventDetails":{{{resource},"error":"E"}}"#);
        check(detail, &details, &details);
    }
}

#[test]
fn started_tells_the_version_and_redriven_the_count() {
    let details = |data: &str| {
        format!(
            r#","executionStartedEventDetails":{{{data}"roleArn":"r","stateMachineAliasArn":"m:a","stateMachineVersionArn":"m:1"}}"#
        )
    };
    check(
        Detail::ExecutionStarted {
            input: json("1"),
            role_arn: "r".into(),
            alias_arn: Some("m:a".into()),
            version_arn: Some("m:1".into()),
        },
        &details(r#""input":"1","inputDetails":{"truncated":false},"#),
        &details(""),
    );
    let redriven = r#","executionRedrivenEventDetails":{"redriveCount":2}"#;
    check(Detail::ExecutionRedriven { redrive_count: 2 }, redriven, redriven);
}

#[test]
fn evaluations_tell_state_and_place() {
    let failed = |location: Option<&str>| {
        Detail::EvaluationFailed(EvaluationFailure {
            state: "S".into(),
            location: location.map(Into::into),
            fault: Fault { error: Some("E".into()), cause: Some("C".into()) },
        })
    };
    let placed =
        r#","evaluationFailedEventDetails":{"error":"E","cause":"C","location":"Output/a","state":"S"}"#;
    check(failed(Some("Output/a")), placed, placed);
    let bare = r#","evaluationFailedEventDetails":{"error":"E","cause":"C","state":"S"}"#;
    check(failed(None), bare, bare);
}

#[test]
fn activities_and_functions_tell_their_arn_once() {
    let data = r#","input":"1","inputDetails":{"truncated":false}"#;
    let activity = |data: &str| {
        format!(
            r#","activityScheduledEventDetails":{{"resource":"arn"{data},"timeoutInSeconds":9,"heartbeatInSeconds":3}}"#
        )
    };
    check(
        Detail::ActivityScheduled {
            resource: "arn".into(),
            input: json("1"),
            timeout_seconds: Some(9),
            heartbeat_seconds: Some(3),
        },
        &activity(data),
        &activity(""),
    );
    let function = |data: &str| {
        format!(
            r#","lambdaFunctionScheduledEventDetails":{{"resource":"arn"{data},"taskCredentials":{{"roleArn":"a"}}}}"#
        )
    };
    check(
        Detail::LambdaFunctionScheduled {
            resource: "arn".into(),
            input: json("1"),
            timeout_seconds: None,
            role_arn: Some("a".into()),
        },
        &function(data),
        &function(""),
    );
    let started = r#","activityStartedEventDetails":{"workerName":"w"}"#;
    check(Detail::ActivityStarted { worker_name: Some("w".into()) }, started, started);
    for (detail, name) in [
        (Detail::ActivitySucceeded { output: json("1") }, "activitySucceeded"),
        (Detail::LambdaFunctionSucceeded { output: json("1") }, "lambdaFunctionSucceeded"),
    ] {
        let shown =
            format!(r#","{name}EventDetails":{{"output":"1","outputDetails":{{"truncated":false}}}}"#);
        check(detail, &shown, &format!(r#","{name}EventDetails":{{}}"#));
    }
}

#[test]
fn failures_outside_a_service_tell_error_and_cause() {
    for (detail, name) in [
        (Detail::ActivityScheduleFailed(fault("E")), "activityScheduleFailed"),
        (Detail::ActivityFailed(fault("E")), "activityFailed"),
        (Detail::ActivityTimedOut(fault("E")), "activityTimedOut"),
        (Detail::LambdaFunctionScheduleFailed(fault("E")), "lambdaFunctionScheduleFailed"),
        (Detail::LambdaFunctionStartFailed(fault("E")), "lambdaFunctionStartFailed"),
        (Detail::LambdaFunctionFailed(fault("E")), "lambdaFunctionFailed"),
        (Detail::LambdaFunctionTimedOut(fault("E")), "lambdaFunctionTimedOut"),
        (Detail::MapRunFailed(fault("E")), "mapRunFailed"),
    ] {
        let details = format!(r#","{name}EventDetails":{{"error":"E"}}"#);
        check(detail, &details, &details);
    }
}

#[test]
fn map_runs_tell_their_arn() {
    let started = r#","mapRunStartedEventDetails":{"mapRunArn":"arn"}"#;
    check(Detail::MapRunStarted { map_run_arn: "arn".into() }, started, started);
    let redriven = r#","mapRunRedrivenEventDetails":{"mapRunArn":"arn","redriveCount":1}"#;
    check(Detail::MapRunRedriven { map_run_arn: "arn".into(), redrive_count: 1 }, redriven, redriven);
}
