//! Activities: how their tasks reach workers, who gets which, and what survives a restart.

use std::time::Duration;

use newel_asl::Limits;
use newel_engine::request::{ActivityTask, CreateActivity, GetActivityTask, Tag, Tenant, TokenReport};
use newel_engine::{Engine, ErrorKind, Options, Workflows as _};
use newel_machine::Fault;
use newel_store::{ExecutionStatus, MemoryStore};
use tokio::time::Instant;

use crate::support::{Fixture, eventually, json, outbox, tenant};

fn activity_arn(name: &str) -> String {
    format!("arn:aws:states:us-east-1:{}:activity:{name}", tenant().account)
}

fn task(fields: &str) -> String {
    let arn = activity_arn("a");
    format!(r#"{{"StartAt":"T","States":{{"T":{{"Type":"Task","Resource":"{arn}","End":true{fields}}}}}}}"#)
}

fn creation(name: &str) -> CreateActivity {
    CreateActivity { tenant: tenant(), name: name.into(), tags: Vec::new(), encryption: None }
}

/// An engine with the activity `a` and a machine `m` whose one state is a task of it.
async fn with_activity(fields: &str) -> Fixture {
    let fixture = Fixture::new().await;
    fixture.engine.create_activity(creation("a")).await.unwrap();
    fixture.create("m", &task(fields)).await;
    fixture
}

async fn poll(engine: &Engine, worker: Option<&str>) -> Option<ActivityTask> {
    let request = GetActivityTask {
        tenant: tenant(),
        activity_arn: activity_arn("a").into(),
        worker_name: worker.map(Into::into),
    };
    engine.get_activity_task(request).await.unwrap()
}

async fn send(fixture: &Fixture, task: &ActivityTask, report: TokenReport) -> Result<(), ErrorKind> {
    fixture.engine.send_task(&tenant(), &task.token, report).await.map_err(|error| error.kind)
}

async fn types(fixture: &Fixture, execution: &str) -> Vec<&'static str> {
    fixture.history(execution, false, 99).await.iter().map(|event| event.detail.type_name()).collect()
}

#[tokio::test(start_paused = true)]
async fn a_task_waits_for_a_worker_and_ends_by_its_token() {
    let fixture = with_activity("").await;
    let arn = fixture.start("m", "e", r#"{ "n": 1 }"#).await;
    assert_eq!(types(&fixture, &arn).await, ["ExecutionStarted", "TaskStateEntered", "ActivityScheduled"]);
    let task = poll(&fixture.engine, Some("w")).await.unwrap();
    assert_eq!(json(task.input.text()), json(r#"{"n":1}"#));
    // What a worker has stands in no outbox any more: nobody else may get it.
    assert!(outbox(&*fixture.store).await.is_empty() && fixture.desk.orders().is_empty());
    assert_eq!(types(&fixture, &arn).await.last(), Some(&"ActivityStarted"));
    send(&fixture, &task, TokenReport::Success(json("2"))).await.unwrap();
    let closed = fixture.closed(&arn).await;
    assert_eq!((closed.status, closed.output.unwrap().text()), (ExecutionStatus::Succeeded, "2"));
    assert_eq!(
        types(&fixture, &arn).await[2..],
        [
            "ActivityScheduled",
            "ActivityStarted",
            "ActivitySucceeded",
            "TaskStateExited",
            "ExecutionSucceeded"
        ]
    );
    assert_eq!(send(&fixture, &task, TokenReport::Heartbeat).await, Err(ErrorKind::TaskTimedOut));
}

#[tokio::test(start_paused = true)]
async fn a_worker_waits_for_a_task_for_a_minute() {
    let fixture = with_activity("").await;
    let began = Instant::now();
    assert_eq!(poll(&fixture.engine, None).await, None);
    assert_eq!(began.elapsed().as_secs(), 60);
    let (task, arn) = tokio::join!(poll(&fixture.engine, None), async {
        tokio::time::sleep(Duration::from_secs(30)).await;
        fixture.start("m", "e", "{}").await
    });
    send(&fixture, &task.unwrap(), TokenReport::Failure(Fault { error: Some("E".into()), cause: None }))
        .await
        .unwrap();
    assert_eq!(fixture.closed(&arn).await.fault.error.as_deref(), Some("E"));
    assert!(types(&fixture, &arn).await.contains(&"ActivityFailed"));
}

#[tokio::test(start_paused = true)]
async fn first_come_first_served() {
    let fixture = with_activity("").await;
    for n in 0..5 {
        fixture.start("m", &format!("e{n}"), &n.to_string()).await;
    }
    for n in 0..5 {
        assert_eq!(poll(&fixture.engine, None).await.unwrap().input.text(), n.to_string());
    }
}

#[tokio::test(start_paused = true)]
async fn who_hangs_up_swallows_no_task() {
    let fixture = with_activity("").await;
    for worker in ["gone-1", "gone-2"] {
        let waited = tokio::time::timeout(Duration::from_secs(5), poll(&fixture.engine, Some(worker))).await;
        assert!(waited.is_err());
    }
    fixture.start("m", "e", "{}").await;
    assert!(poll(&fixture.engine, None).await.is_some());
    // Neither does who hangs up while the task is being begun for them.
    for n in 0..40 {
        fixture.start("m", &format!("f{n}"), "{}").await;
        // Polled a few times and dropped wherever it is by then.
        let mut waiting = Box::pin(poll(&fixture.engine, Some("fickle")));
        let mut got = None;
        for _ in 0..n % 20 {
            tokio::select! {
                biased;
                task = &mut waiting => { got = task; break }
                () = tokio::task::yield_now() => {}
            }
        }
        drop(waiting);
        if got.is_none() {
            got = poll(&fixture.engine, Some("steady")).await;
        }
        assert!(got.is_some(), "task {n} was swallowed");
    }
    assert_eq!(poll(&fixture.engine, None).await, None, "and none is there twice");
}

#[tokio::test(start_paused = true)]
async fn a_restart_keeps_what_waits_and_gives_nothing_twice() {
    let fixture = with_activity("").await;
    fixture.start("m", "begun", "1").await;
    let begun = poll(&fixture.engine, None).await.unwrap();
    let waiting = fixture.start("m", "waiting", "2").await;
    let fixture = fixture.restart().await;
    let task = poll(&fixture.engine, None).await.unwrap();
    assert_eq!(task.input.text(), "2");
    assert_eq!(poll(&fixture.engine, None).await, None);
    for task in [&begun, &task] {
        send(&fixture, task, TokenReport::Success(json("3"))).await.unwrap();
    }
    assert_eq!(fixture.closed(&waiting).await.status, ExecutionStatus::Succeeded);
    assert!(outbox(&*fixture.store).await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_task_that_timed_out_in_the_queue_is_given_to_nobody() {
    let fixture = with_activity(r#","TimeoutSeconds":5"#).await;
    let late = fixture.start("m", "late", "1").await;
    assert_eq!(fixture.closed(&late).await.fault.error.as_deref(), Some("States.Timeout"));
    assert_eq!(
        types(&fixture, &late).await[2..],
        ["ActivityScheduled", "ActivityTimedOut", "ExecutionFailed"]
    );
    fixture.start("m", "next", "2").await;
    assert_eq!(poll(&fixture.engine, None).await.unwrap().input.text(), "2");
}

#[tokio::test(start_paused = true)]
async fn heartbeats_are_missed_only_once_there_is_a_worker() {
    let fixture = with_activity(r#","HeartbeatSeconds":10,"TimeoutSeconds":600"#).await;
    let arn = fixture.start("m", "e", "{}").await;
    tokio::time::sleep(Duration::from_secs(60)).await;
    let task = poll(&fixture.engine, None).await.unwrap();
    for _ in 0..5 {
        tokio::time::sleep(Duration::from_secs(8)).await;
        send(&fixture, &task, TokenReport::Heartbeat).await.unwrap();
    }
    assert_eq!(fixture.describe(&arn).await.status, ExecutionStatus::Running);
    assert_eq!(fixture.closed(&arn).await.status, ExecutionStatus::Failed);
    assert_eq!(send(&fixture, &task, TokenReport::Heartbeat).await, Err(ErrorKind::TaskTimedOut));
}

#[tokio::test(start_paused = true)]
async fn a_retried_task_is_queued_anew() {
    let retry = r#","Retry":[{"ErrorEquals":["E"],"IntervalSeconds":1,"MaxAttempts":1}]"#;
    let fixture = with_activity(retry).await;
    let arn = fixture.start("m", "e", "{}").await;
    let first = poll(&fixture.engine, None).await.unwrap();
    let fault = Fault { error: Some("E".into()), cause: None };
    send(&fixture, &first, TokenReport::Failure(fault)).await.unwrap();
    let second = poll(&fixture.engine, None).await.unwrap();
    assert_ne!(first.token, second.token);
    send(&fixture, &second, TokenReport::Success(json("1"))).await.unwrap();
    assert_eq!(fixture.closed(&arn).await.status, ExecutionStatus::Succeeded);
}

#[tokio::test(start_paused = true)]
async fn a_stopped_execution_takes_its_task_out_of_the_queue() {
    let fixture = with_activity("").await;
    let arn = fixture.start("m", "e", "1").await;
    fixture.engine.stop_execution(&tenant(), &arn, Fault::default()).await.unwrap();
    fixture.start("m", "next", "2").await;
    assert_eq!(poll(&fixture.engine, None).await.unwrap().input.text(), "2");
}

#[tokio::test(start_paused = true)]
async fn an_activity_that_is_not_there_fails_the_state() {
    let fixture = with_activity("").await;
    fixture.engine.delete_activity(&tenant(), &activity_arn("a")).await.unwrap();
    fixture.engine.delete_activity(&tenant(), &activity_arn("a")).await.unwrap();
    let arn = fixture.start("m", "e", "{}").await;
    let fault = fixture.closed(&arn).await.fault;
    assert_eq!(fault.error.as_deref(), Some("States.Runtime"));
    let cause = format!(
        "An error occurred while executing the state 'T' (entered at the event id #2). The activity {} does not exist.",
        activity_arn("a")
    );
    assert_eq!(fault.cause.as_deref(), Some(&*cause));
    let request =
        GetActivityTask { tenant: tenant(), activity_arn: activity_arn("a").into(), worker_name: None };
    let missing = fixture.engine.get_activity_task(request).await.unwrap_err();
    assert_eq!(
        (missing.kind, missing.message),
        (ErrorKind::ActivityDoesNotExist, format!("Activity Does Not Exist: '{}'", activity_arn("a")))
    );
}

#[tokio::test(start_paused = true)]
async fn activities_are_made_once_listed_tagged_and_separate() {
    let limits = Limits { activities: 3, ..Limits::default() };
    let fixture = Fixture::with(std::sync::Arc::new(MemoryStore::new(4)), limits, Options::default()).await;
    let engine = &fixture.engine;
    let tag = |key: &str| Tag { key: key.into(), value: "v".into() };
    let first =
        engine.create_activity(CreateActivity { tags: vec![tag("k")], ..creation("a1") }).await.unwrap();
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(engine.create_activity(creation("a1")).await.unwrap(), first);
    assert_eq!(engine.tags(&tenant(), &first.arn).await.unwrap(), [tag("k")]);
    engine.tag(&tenant(), &first.arn, vec![tag("l")]).await.unwrap();
    engine.untag(&tenant(), &first.arn, vec!["k".into()]).await.unwrap();
    for name in ["a2", "a3"] {
        tokio::time::sleep(Duration::from_millis(3)).await;
        engine.create_activity(creation(name)).await.unwrap();
    }
    assert_eq!(
        engine.create_activity(creation("a4")).await.unwrap_err().kind,
        ErrorKind::ActivityLimitExceeded
    );
    let other = Tenant { account: "111111111111".into(), ..tenant() };
    assert!(engine.list_activities(&other, 9, None).await.unwrap().items.is_empty());
    assert_eq!(
        engine.describe_activity(&other, &first.arn).await.unwrap_err().kind,
        ErrorKind::ActivityDoesNotExist
    );
    let fixture = fixture.restart().await;
    let engine = &fixture.engine;
    assert_eq!(engine.describe_activity(&tenant(), &first.arn).await.unwrap(), first);
    assert_eq!(engine.tags(&tenant(), &first.arn).await.unwrap(), [tag("l")]);
    let page = engine.list_activities(&tenant(), 2, None).await.unwrap();
    let rest = engine.list_activities(&tenant(), 2, page.next.as_deref()).await.unwrap();
    let names: Vec<_> = page.items.iter().chain(&rest.items).map(|item| item.name.to_string()).collect();
    assert_eq!((names, rest.next), (vec!["a1".to_owned(), "a2".to_owned(), "a3".to_owned()], None));
    engine.delete_activity(&tenant(), &first.arn).await.unwrap();
    engine.create_activity(creation("a1")).await.unwrap();
    assert!(engine.tags(&tenant(), &first.arn).await.unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn only_so_many_wait_for_one_activity() {
    let limits = Limits { activity_pollers: 2, ..Limits::default() };
    let fixture = Fixture::with(std::sync::Arc::new(MemoryStore::new(4)), limits, Options::default()).await;
    let engine = &fixture.engine;
    engine.create_activity(creation("a")).await.unwrap();
    let request =
        || GetActivityTask { tenant: tenant(), activity_arn: activity_arn("a").into(), worker_name: None };
    let refused = async { eventually(async || engine.get_activity_task(request()).await.err()).await };
    tokio::select! {
        biased;
        _ = async { tokio::join!(poll(engine, None), poll(engine, None)) } => panic!("both were answered"),
        error = refused => assert_eq!(error.kind, ErrorKind::ActivityWorkerLimitExceeded),
    }
    // Who has hung up doesn't count.
    let waiting = tokio::time::timeout(Duration::from_secs(1), engine.get_activity_task(request())).await;
    assert!(waiting.is_err());
}
