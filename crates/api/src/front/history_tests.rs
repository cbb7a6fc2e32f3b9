use newel_asl::Timestamp;
use newel_machine::StateType;

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
        Detail::ExecutionStarted { input: json("{ \"a\": 1 }"), role_arn: "role".into() },
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
    ] {
        let details = format!(r#","task{name}EventDetails":{{{resource},"error":"E"}}"#);
        check(detail, &details, &details);
    }
}
