//! Express executions: waited for, and not.

use std::sync::Arc;
use std::time::Duration;

use newel_asl::Limits;
use newel_engine::request::{CreateStateMachine, MachineType, StartExecution, SyncExecution};
use newel_engine::{
    DispatchKind, Error, ErrorKind, Options, Report, Settled, TaskEngine as _, Workflows as _,
};
use newel_store::{ExecutionStatus, MemoryStore};

use crate::support::{Fixture, Seen, eventually, json, machine_arn, outbox, pass, tenant};

const TASK: &str =
    r#"{"StartAt":"T","States":{"T":{"Type":"Task","Resource":"arn:aws:states:::fam:call","End":true}}}"#;

async fn create(fixture: &Fixture, name: &str, definition: &str) {
    let creation =
        CreateStateMachine { machine_type: MachineType::Express, ..Fixture::creation(name, definition) };
    fixture.engine.create_state_machine(creation).await.unwrap();
}

fn request(machine: &str, name: Option<&str>, input: &str) -> StartExecution {
    StartExecution {
        tenant: tenant(),
        state_machine_arn: machine_arn(machine).into(),
        name: name.map(Into::into),
        input: json(input),
        trace_header: None,
        test_case: None,
    }
}

async fn sync(fixture: &Fixture, machine: &str, input: &str) -> Result<SyncExecution, Error> {
    fixture.engine.start_sync_execution(request(machine, None, input)).await
}

#[tokio::test(start_paused = true)]
async fn what_its_first_turn_closes_is_answered_from_it_and_leaves_nothing() {
    let fixture = Fixture::new().await;
    create(&fixture, "m", &pass(3)).await;
    let done = sync(&fixture, "m", r#"{"a": 1}"#).await.unwrap();
    assert_eq!((done.status, done.input.text()), (ExecutionStatus::Succeeded, r#"{"a": 1}"#));
    assert_eq!(done.output.as_ref().unwrap().text(), r#"{"a":1}"#);
    assert_eq!((done.billed_millis, done.billed_megabytes), (100, 64));
    let prefix = format!("arn:aws:states:us-east-1:000000000000:express:m:{}:", done.name);
    assert!(done.arn.strip_prefix(&*prefix).is_some_and(|run| run.len() == 36), "{}", done.arn);
    assert!(outbox(&*fixture.store).await.is_empty());
    assert_eq!(fixture.store.open_executions(None).await.unwrap(), 0);
    let again = fixture.engine.start_sync_execution(request("m", Some(&done.name), "{}")).await.unwrap();
    assert_eq!(again.name, done.name, "names are free at once");
}

#[tokio::test(start_paused = true)]
async fn operations_keep_to_their_type_of_machine() {
    let fixture = Fixture::new().await;
    create(&fixture, "x", &pass(1)).await;
    fixture.create("s", &pass(1)).await;
    let refused = sync(&fixture, "s", "{}").await.unwrap_err();
    assert_eq!(refused.kind, ErrorKind::StateMachineTypeNotSupported);
    let tenant = tenant();
    let refused = fixture.engine.list_executions(Fixture::listing("x", None, 10, None)).await.unwrap_err();
    assert_eq!(refused.kind, ErrorKind::StateMachineTypeNotSupported);
    assert_eq!(refused.message, "This operation is not supported by this type of state machine");
    let run = fixture.engine.start_execution(request("x", None, "{}")).await.unwrap().arn;
    let refused = fixture.engine.describe_execution(&tenant, &run).await.unwrap_err();
    assert_eq!(refused.message, "Invalid Arn: 'Resource type not valid in this context: express'");
    assert_eq!(refused.kind, ErrorKind::InvalidArn);
}

#[tokio::test(start_paused = true)]
async fn a_task_goes_the_usual_way_and_its_late_reports_are_stale() {
    let fixture = Fixture::new().await;
    create(&fixture, "m", TASK).await;
    let engine = fixture.engine.clone();
    let asked = tokio::spawn(async move { engine.start_sync_execution(request("m", None, "{}")).await });
    let order = fixture.desk.order(0).await;
    let task = &order.task;
    assert_eq!(fixture.engine.family(task).await.unwrap().as_deref(), Some("fam"));
    for (kind, expected) in
        [(DispatchKind::Submit, true), (DispatchKind::Reconcile, true), (DispatchKind::Cancel, false)]
    {
        let body = fixture.engine.dispatch_body(task, kind).await.unwrap();
        assert_eq!(body.map(|body| body.kind), expected.then_some(kind));
    }
    let report = Report::Succeeded(json("[7]"));
    assert_eq!(fixture.engine.report(task.clone(), report.clone()).await.unwrap(), Settled::Durable);
    let done = asked.await.unwrap().unwrap();
    assert_eq!(done.output.unwrap().text(), "[7]");
    assert_eq!(fixture.engine.report(task.clone(), report).await.unwrap(), Settled::Stale);
    assert_eq!(fixture.engine.family(task).await.unwrap(), None);
    assert!(matches!(fixture.desk.seen().last(), Some(Seen::Forget(forgotten)) if forgotten == task));
}

#[tokio::test(start_paused = true)]
async fn waits_and_retries_take_their_time_and_the_limit_ends_them() {
    let fixture = Fixture::new().await;
    let wait = |seconds: u32| {
        format!(r#"{{"StartAt":"W","States":{{"W":{{"Type":"Wait","Seconds":{seconds},"End":true}}}}}}"#)
    };
    create(&fixture, "short", &wait(7)).await;
    create(&fixture, "long", &wait(3_600)).await;
    let done = sync(&fixture, "short", "{}").await.unwrap();
    assert_eq!((done.status, done.billed_millis), (ExecutionStatus::Succeeded, 7_000));
    let done = sync(&fixture, "long", "{}").await.unwrap();
    assert_eq!((done.status, done.billed_millis), (ExecutionStatus::TimedOut, 300_000));
    assert_eq!(done.fault.error.as_deref(), Some("States.Timeout"));
    let text = wait(60).replacen('{', r#"{"TimeoutSeconds":5,"#, 1);
    create(&fixture, "own", &text).await;
    let done = sync(&fixture, "own", "{}").await.unwrap();
    assert_eq!((done.status, done.billed_millis), (ExecutionStatus::TimedOut, 5_000));

    let retried = TASK.replace(
        r#""End":true"#,
        r#""End":true,"Retry":[{"ErrorEquals":["States.ALL"],"IntervalSeconds":2,"MaxAttempts":1}]"#,
    );
    create(&fixture, "retried", &retried).await;
    let engine = fixture.engine.clone();
    let asked =
        tokio::spawn(async move { engine.start_sync_execution(request("retried", None, "{}")).await });
    for attempt in 0..2 {
        let order = fixture.desk.order(attempt).await;
        let failed = Report::Failed { error: "E".into(), cause: "why".into() };
        assert_eq!(fixture.engine.report(order.task.clone(), failed).await.unwrap(), Settled::Durable);
    }
    let done = asked.await.unwrap().unwrap();
    assert_eq!((done.status, done.fault.error.as_deref()), (ExecutionStatus::Failed, Some("E")));
    assert!(done.billed_millis >= 2_000, "{}", done.billed_millis);
}

#[tokio::test(start_paused = true)]
async fn a_loop_ends_by_its_time_limit_and_lets_others_work() {
    let limits = Limits { express_seconds: 1, ..Limits::default() };
    let store = Arc::new(MemoryStore::new(2));
    let fixture = Fixture::with(store, limits, Options { turn_events: 50, ..Options::default() }).await;
    let text = r#"{"StartAt":"A","States":{"A":{"Type":"Pass","Next":"C"},"E":{"Type":"Succeed"},
        "C":{"Type":"Choice","Choices":[{"Variable":"$.end","IsPresent":true,"Next":"E"}],"Default":"A"}}}"#;
    create(&fixture, "loop", text).await;
    let engine = fixture.engine.clone();
    let asked = tokio::spawn(async move { engine.start_sync_execution(request("loop", None, "{}")).await });
    create(&fixture, "m", &pass(1)).await;
    sync(&fixture, "m", "{}").await.unwrap();
    // Virtual time only moves when everything waits, which a loop never does.
    tokio::time::advance(Duration::from_secs(2)).await;
    let done = asked.await.unwrap().unwrap();
    assert_eq!(done.status, ExecutionStatus::TimedOut);
}

#[tokio::test(start_paused = true)]
async fn whoever_asked_may_go_and_it_runs_on() {
    let fixture = Fixture::new().await;
    create(&fixture, "m", TASK).await;
    let engine = fixture.engine.clone();
    let asked = tokio::spawn(async move { engine.start_sync_execution(request("m", None, "{}")).await });
    let order = fixture.desk.order(0).await;
    asked.abort();
    let settled = fixture.engine.report(order.task.clone(), Report::Succeeded(json("1"))).await.unwrap();
    assert_eq!(settled, Settled::Durable);
}

#[tokio::test(start_paused = true)]
async fn only_so_many_are_open_at_once() {
    let options = Options { express_executions: 1, ..Options::default() };
    let fixture = Fixture::with(Arc::new(MemoryStore::new(2)), Limits::default(), options).await;
    create(&fixture, "m", TASK).await;
    let engine = fixture.engine.clone();
    let asked = tokio::spawn(async move { engine.start_sync_execution(request("m", None, "{}")).await });
    let order = fixture.desk.order(0).await;
    assert_eq!(sync(&fixture, "m", "{}").await.unwrap_err().kind, ErrorKind::Unavailable);
    let refused = fixture.engine.start_execution(request("m", None, "{}")).await.unwrap_err();
    assert_eq!(refused.kind, ErrorKind::Unavailable);
    fixture.engine.report(order.task.clone(), Report::Succeeded(json("1"))).await.unwrap();
    asked.await.unwrap().unwrap();
    assert!(fixture.engine.start_execution(request("m", None, "{}")).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn one_that_nobody_waits_for_runs_again_after_a_crash_until_it_is_closed() {
    let fixture = Fixture::new().await;
    create(&fixture, "m", TASK).await;
    let started = fixture.engine.start_execution(request("m", Some("e"), r#"{"a":1}"#)).await.unwrap();
    let other = fixture.engine.start_execution(request("m", Some("e"), r#"{"a":1}"#)).await.unwrap();
    assert_ne!(started.arn, other.arn, "a start is not idempotent");
    let first = fixture.desk.order(1).await;
    assert_eq!(outbox(&*fixture.store).await.len(), 2);

    let fixture = fixture.restart().await;
    let orders = [fixture.desk.order(0).await, fixture.desk.order(1).await];
    let mut arns = orders.each_ref().map(|order| order.execution_arn.to_string());
    let mut expect = [started.arn.to_string(), other.arn.to_string()];
    arns.sort();
    expect.sort();
    assert_eq!(arns, expect);
    assert!(orders.iter().all(|order| order.kind == DispatchKind::Submit));
    assert_eq!(orders[0].parameters.as_ref().unwrap().text(), r#"{"a":1}"#);
    let report = Report::Succeeded(json("1"));
    let settled = fixture.engine.report(first.task.clone(), report.clone()).await.unwrap();
    assert_eq!(settled, Settled::Stale, "that was the run before");
    for order in &orders {
        let settled = fixture.engine.report(order.task.clone(), report.clone()).await.unwrap();
        assert_eq!(settled, Settled::Durable);
    }
    eventually(async || outbox(&*fixture.store).await.is_empty().then_some(())).await;
    let fixture = fixture.restart().await;
    create(&fixture, "later", TASK).await;
    let last = fixture.engine.start_execution(request("later", None, "{}")).await.unwrap();
    assert_eq!(fixture.desk.order(0).await.execution_arn, last.arn, "what is closed doesn't run again");
}
