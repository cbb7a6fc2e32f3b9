//! Test cases: made-up answers in place of workers, counted however often and wherever a state is called.

use std::sync::Arc;
use std::time::Duration;

use newel_engine::request::{CreateActivity, CreateStateMachine, MachineType, StartExecution};
use newel_engine::{ErrorKind, MockAnswer, MockedCall, TestCases, Workflows as _};
use newel_machine::Fault;
use newel_store::{ExecutionStatus, MemoryStore};

use crate::map_runs::{TASK, distributed, types};
use crate::support::{Fixture, eventually, json, machine_arn, outbox, tenant};

/// Answers the states `T` and `I` of the machine `m`: call 0 fails in the case `retried`, all others give their number.
#[derive(Debug)]
struct Numbers;

impl TestCases for Numbers {
    fn check(&self, machine: &str, case: &str) -> Result<(), String> {
        let known = machine == "m" && ["plain", "retried", "slow"].contains(&case);
        if known { Ok(()) } else { Err(format!("no case {case} of {machine}")) }
    }

    fn answers(&self, _: &str, _: &str, state: &str) -> bool {
        ["T", "I"].contains(&state)
    }

    fn answer(&self, call: &MockedCall, _: &str, resource: &str) -> Result<MockAnswer, String> {
        let outcome = match (&*call.case, call.number) {
            ("retried", 0) => Err(Fault { error: Some("E".into()), cause: Some(resource.into()) }),
            (_, 9..) => return Err("nine are all".to_owned()),
            (_, number) => Ok(json(&number.to_string())),
        };
        let delay_millis = if &*call.case == "slow" { 60_000 } else { 0 };
        Ok(MockAnswer { outcome, delay_millis })
    }
}

async fn fixture() -> Fixture {
    Fixture::on(Arc::new(MemoryStore::new(4))).await.restart_with_cases(Some(Arc::new(Numbers))).await
}

fn request(name: &str, input: &str, case: Option<&str>) -> StartExecution {
    StartExecution {
        tenant: tenant(),
        state_machine_arn: machine_arn("m").into(),
        name: Some(name.into()),
        input: json(input),
        trace_header: None,
        test_case: case.map(Into::into),
    }
}

async fn start(fixture: &Fixture, name: &str, input: &str, case: &str) -> String {
    let request = request(name, input, Some(case));
    fixture.engine.start_execution(request).await.unwrap().arn.to_string()
}

fn task(action: &str, fields: &str) -> String {
    format!(
        r#"{{"StartAt":"T","States":{{"T":{{"Type":"Task","Resource":"arn:aws:states:::fam:{action}"{fields}}}}}}}"#
    )
}

#[tokio::test(start_paused = true)]
async fn an_answer_leaves_the_events_that_a_worker_would() {
    for (action, on_the_way) in [
        ("call", None),
        ("call.sync", Some("TaskSubmitted")),
        ("call.waitForTaskToken", Some("TaskSubmitted")),
    ] {
        let fixture = fixture().await;
        fixture.create("m", &task(action, r#","End":true"#)).await;
        let arn = start(&fixture, "e", "{}", "plain").await;
        assert_eq!(fixture.closed(&arn).await.output.unwrap().text(), "0");
        let mut expected = vec!["ExecutionStarted", "TaskStateEntered", "TaskScheduled", "TaskStarted"];
        expected.extend(on_the_way);
        expected.extend(["TaskSucceeded", "TaskStateExited", "ExecutionSucceeded"]);
        assert_eq!(types(&fixture, &arn).await, expected, "{action}");
        assert!(fixture.desk.orders().is_empty(), "no worker hears of it");
        assert!(outbox(&*fixture.store).await.is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn an_activitys_task_is_fetched_and_done() {
    let fixture = fixture().await;
    let creation = CreateActivity { tenant: tenant(), name: "a".into(), tags: Vec::new(), encryption: None };
    let arn = fixture.engine.create_activity(creation).await.unwrap().arn;
    let definition =
        format!(r#"{{"StartAt":"T","States":{{"T":{{"Type":"Task","Resource":"{arn}","End":true}}}}}}"#);
    fixture.create("m", &definition).await;
    let arn = start(&fixture, "e", "{}", "plain").await;
    assert_eq!(fixture.closed(&arn).await.status, ExecutionStatus::Succeeded);
    assert_eq!(
        types(&fixture, &arn).await[2..5],
        ["ActivityScheduled", "ActivityStarted", "ActivitySucceeded"]
    );
}

#[tokio::test(start_paused = true)]
async fn calls_are_counted_over_retries_loops_and_iterations() {
    let fixture = fixture().await;
    let definition = r#"{"StartAt":"L","States":{
        "L":{"Type":"Pass","Result":[1,2],"ResultPath":"$.items","Next":"M"},
        "M":{"Type":"Map","ItemsPath":"$.items","MaxConcurrency":1,"ResultPath":"$.got","Next":"C","ItemProcessor":{
            "StartAt":"T","States":{"T":{"Type":"Task","Resource":"arn:aws:states:::fam:call","End":true,
                "Retry":[{"ErrorEquals":["E"]}]}}}},
        "C":{"Type":"Choice","Choices":[{"Variable":"$.got[0]","NumericGreaterThan":2,"Next":"D"}],"Default":"M"},
        "D":{"Type":"Pass","OutputPath":"$.got","End":true}}}"#;
    fixture.create("m", definition).await;
    let arn = start(&fixture, "e", "{}", "retried").await;
    assert_eq!(fixture.closed(&arn).await.output.unwrap().text(), "[3,4]");
    let failed = types(&fixture, &arn).await.iter().filter(|name| *name == "TaskFailed").count();
    assert_eq!(failed, 1);
}

#[tokio::test(start_paused = true)]
async fn children_of_distributed_maps_count_together() {
    let fixture = fixture().await;
    fixture.create("m", &distributed(r#","MaxConcurrency":1"#, TASK)).await;
    let arn = start(&fixture, "e", "[7,7,7]", "plain").await;
    assert_eq!(fixture.closed(&arn).await.output.unwrap().text(), "[0,1,2]");
    let other = start(&fixture, "other", "[7]", "plain").await;
    assert_eq!(fixture.closed(&other).await.output.unwrap().text(), "[0]", "others begin anew");
    assert!(fixture.desk.orders().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_call_without_an_answer_fails_and_says_which() {
    let fixture = fixture().await;
    let definition = task("call", r#","Next":"W""#).replace(
        "\"W\"}}}",
        r#""W"},"W":{"Type":"Choice","Choices":[{"Variable":"$","NumericEquals":99,"Next":"D"}],"Default":"T"},
            "D":{"Type":"Succeed"}}}"#,
    );
    fixture.create("m", &definition).await;
    let arn = start(&fixture, "e", "{}", "plain").await;
    let fault = fixture.closed(&arn).await.fault;
    assert_eq!(fault.error.as_deref(), Some("States.Runtime"));
    let cause = fault.cause.unwrap();
    assert!(cause.contains("Call 9 of the state 'T'") && cause.contains("'plain'"), "{cause}");
}

#[tokio::test(start_paused = true)]
async fn what_the_case_does_not_answer_goes_to_its_worker() {
    let fixture = fixture().await;
    let definition = task("call", r#","Next":"U""#).replace(
        "\"U\"}}}",
        r#""U"},"U":{"Type":"Task","Resource":"arn:aws:states:::fam:call","End":true}}}"#,
    );
    fixture.create("m", &definition).await;
    start(&fixture, "e", "{}", "plain").await;
    assert_eq!(&*fixture.desk.order(0).await.state_name, "U");
    fixture.engine.start_execution(request("worked", "{}", None)).await.unwrap();
    assert_eq!(&*fixture.desk.order(1).await.state_name, "T", "without a case nothing is answered");
}

#[tokio::test(start_paused = true)]
async fn a_start_by_no_case_is_refused_and_one_by_another_case_is_another() {
    let fixture = fixture().await;
    fixture.create("m", &task("call", r#","End":true"#)).await;
    let refused = fixture.engine.start_execution(request("e", "{}", Some("none"))).await.unwrap_err();
    assert_eq!((refused.kind, &*refused.message), (ErrorKind::Validation, "no case none of m"));
    start(&fixture, "e", "{}", "slow").await;
    start(&fixture, "e", "{}", "slow").await;
    for other in [Some("plain"), None] {
        let refused = fixture.engine.start_execution(request("e", "{}", other)).await.unwrap_err();
        assert_eq!(refused.kind, ErrorKind::ExecutionAlreadyExists);
    }
}

#[tokio::test(start_paused = true)]
async fn numbers_survive_a_restart_and_answers_come_when_they_are_due() {
    let fixture = fixture().await;
    let definition = task("call.sync", r#","Next":"W""#).replace(
        "\"W\"}}}",
        r#""W"},"W":{"Type":"Choice","Choices":[{"Variable":"$","NumericEquals":2,"Next":"D"}],"Default":"T"},
            "D":{"Type":"Succeed"}}}"#,
    );
    fixture.create("m", &definition).await;
    let began = tokio::time::Instant::now();
    let arn = start(&fixture, "e", "{}", "slow").await;
    tokio::time::sleep(Duration::from_secs(90)).await;
    assert_eq!(types(&fixture, &arn).await.iter().filter(|name| *name == "TaskScheduled").count(), 2);
    let fixture = fixture.restart().await;
    tokio::time::sleep(Duration::from_secs(60)).await;
    let closed = fixture.closed(&arn).await;
    assert_eq!(closed.output.unwrap().text(), "2");
    assert_eq!(began.elapsed().as_secs(), 180);
    assert!(fixture.desk.orders().is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_times_out_or_is_stopped_waits_for_no_answer() {
    let fixture = fixture().await;
    fixture.create("m", &task("call.sync", r#","TimeoutSeconds":10,"End":true"#)).await;
    let late = start(&fixture, "late", "{}", "slow").await;
    let stopped = start(&fixture, "stopped", "{}", "slow").await;
    fixture.engine.stop_execution(&tenant(), &stopped, Fault::default()).await.unwrap();
    assert_eq!(fixture.closed(&late).await.fault.error.as_deref(), Some("States.Timeout"));
    // The order to stop a job that there isn't is settled as well.
    eventually(async || outbox(&*fixture.store).await.is_empty().then_some(())).await;
}

#[tokio::test(start_paused = true)]
async fn nothing_is_called_for_a_case_once_the_server_has_none() {
    let fixture = fixture().await;
    fixture.create("m", &task("call", r#","End":true"#)).await;
    let arn = start(&fixture, "e", "{}", "slow").await;
    let fixture = fixture.restart_with_cases(None).await;
    let fault = fixture.closed(&arn).await.fault;
    assert!(fault.cause.unwrap().contains("no mock configuration any more"));
    assert!(fixture.desk.orders().is_empty());
}

#[tokio::test(start_paused = true)]
async fn express_executions_have_cases_too() {
    let fixture = fixture().await;
    let definition = task("call", r#","Retry":[{"ErrorEquals":["E"]}],"End":true"#);
    let creation =
        CreateStateMachine { machine_type: MachineType::Express, ..Fixture::creation("m", &definition) };
    fixture.engine.create_state_machine(creation).await.unwrap();
    let done = fixture.engine.start_sync_execution(request("e", "{}", Some("retried"))).await.unwrap();
    assert_eq!(done.output.unwrap().text(), "1");
    fixture.engine.start_execution(request("e", "{}", Some("plain"))).await.unwrap();
    eventually(async || outbox(&*fixture.store).await.is_empty().then_some(())).await;
    assert!(fixture.desk.orders().is_empty());
    let refused = fixture.engine.start_sync_execution(request("e", "{}", Some("none"))).await.unwrap_err();
    assert_eq!(refused.kind, ErrorKind::Validation);
}
