//! Redriving executions: what may be, what comes of it, and what a client is told.

use std::time::Duration;

use newel_asl::Limits;
use newel_engine::request::{ExecutionsOf, ListExecutions, Redrivable};
use newel_engine::{ErrorKind, Options, Report, Settled, TaskEngine as _, Workflows as _};
use newel_machine::Fault;
use newel_store::{ExecutionStatus, MemoryStore};

use crate::support::{Fixture, eventually, json, machine_arn, outbox, tenant};

const TASK: &str = r#"{"StartAt":"P","States":{"P":{"Type":"Pass","Next":"T"},
    "T":{"Type":"Task","Resource":"arn:aws:states:::fam:call","End":true}}}"#;

fn failed() -> Report {
    Report::Failed { error: "E".into(), cause: "why".into() }
}

async fn types(fixture: &Fixture, arn: &str) -> Vec<String> {
    fixture.history(arn, false, 99).await.iter().map(|e| e.detail.type_name().to_owned()).collect()
}

#[tokio::test(start_paused = true)]
async fn a_failed_execution_goes_on_and_keeps_what_succeeded() {
    let fixture = Fixture::new().await;
    fixture.create("m", TASK).await;
    let arn = fixture.start("m", "e", "{}").await;
    let engine = &fixture.engine;
    let first = fixture.desk.order(0).await;
    assert_eq!(engine.report(first.task.clone(), failed()).await.unwrap(), Settled::Durable);
    let before = fixture.closed(&arn).await;
    assert_eq!(
        (before.status, &before.redrivable, before.redrive_count),
        (ExecutionStatus::Failed, &Redrivable::Yes, 0)
    );
    tokio::time::sleep(Duration::from_secs(60)).await;

    let redriven = engine.redrive_execution(&tenant(), &arn, Some("once".into())).await.unwrap();
    let open = fixture.describe(&arn).await;
    assert_eq!(
        (open.status, open.stopped_at, open.fault),
        (ExecutionStatus::Running, None, Fault::default())
    );
    assert_eq!((open.redrive_count, open.redriven_at), (1, Some(redriven)));
    assert_eq!(fixture.store.open_executions(None).await.unwrap(), 1);
    let second = fixture.desk.order(1).await;
    assert!(second.task != first.task && second.submit_token != first.submit_token, "it is another attempt");
    assert_eq!(
        engine.report(first.task.clone(), Report::Succeeded(json("1"))).await.unwrap(),
        Settled::Stale
    );

    // The same request again, and another one.
    assert_eq!(engine.redrive_execution(&tenant(), &arn, Some("once".into())).await.unwrap(), redriven);
    let refused = engine.redrive_execution(&tenant(), &arn, None).await.unwrap_err();
    assert_eq!(refused.kind, ErrorKind::ExecutionNotRedrivable);
    assert_eq!(refused.message, "Execution Not Redrivable: 'Execution is RUNNING and cannot be redriven'");

    let fixture = fixture.restart().await;
    assert_eq!(
        fixture.engine.report(second.task.clone(), Report::Succeeded(json("2"))).await.unwrap(),
        Settled::Durable
    );
    let done = fixture.closed(&arn).await;
    assert_eq!((done.status, done.output.unwrap().text()), (ExecutionStatus::Succeeded, "2"));
    assert_eq!(done.redrive_count, 1);
    assert_eq!(fixture.store.open_executions(None).await.unwrap(), 0);
    assert!(outbox(&*fixture.store).await.is_empty());
    assert_eq!(
        types(&fixture, &arn).await,
        [
            "ExecutionStarted",
            "PassStateEntered",
            "PassStateExited",
            "TaskStateEntered",
            "TaskScheduled",
            "TaskStarted",
            "TaskFailed",
            "ExecutionFailed",
            "ExecutionRedriven",
            "TaskScheduled",
            "TaskStarted",
            "TaskSucceeded",
            "TaskStateExited",
            "ExecutionSucceeded",
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn one_that_fails_in_the_turn_that_redrives_it_is_closed_again() {
    let fixture = Fixture::new().await;
    fixture.create("m", r#"{"StartAt":"F","States":{"F":{"Type":"Fail","Error":"E"}}}"#).await;
    let arn = fixture.start("m", "e", "{}").await;
    for count in 1..=3 {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let at = fixture.engine.redrive_execution(&tenant(), &arn, None).await.unwrap();
        let closed = fixture.closed(&arn).await;
        assert_eq!((closed.status, closed.redrive_count), (ExecutionStatus::Failed, count));
        assert_eq!((closed.stopped_at, closed.redriven_at), (Some(at), Some(at)));
    }
    assert_eq!(fixture.store.open_executions(None).await.unwrap(), 0);
}

#[tokio::test(start_paused = true)]
async fn what_may_not_be_redriven_says_why() {
    let limits =
        Limits { redrive_seconds: 100, execution_seconds: 1_000, history_events: 9, ..Limits::default() };
    let fixture = Fixture::with(std::sync::Arc::new(MemoryStore::new(4)), limits, Options::default()).await;
    fixture.create("ok", &crate::support::pass(1)).await;
    fixture.create("fail", r#"{"StartAt":"F","States":{"F":{"Type":"Fail","Error":"E"}}}"#).await;
    fixture.create("long", &crate::support::pass(9)).await;
    fixture
        .create("late", r#"{"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":5000,"End":true}}}"#)
        .await;
    let reason = async |arn: &str| {
        let refused = fixture.engine.redrive_execution(&tenant(), arn, None).await.unwrap_err();
        assert_eq!(refused.kind, ErrorKind::ExecutionNotRedrivable);
        let Redrivable::No(why) = fixture.describe(arn).await.redrivable else {
            panic!("{arn} is redrivable")
        };
        assert_eq!(refused.message, format!("Execution Not Redrivable: '{why}'"));
        why.to_string()
    };
    let succeeded = fixture.start("ok", "e", "{}").await;
    assert_eq!(reason(&succeeded).await, "Execution is SUCCEEDED and cannot be redriven");
    let full = fixture.start("long", "e", "{}").await;
    assert_eq!(fixture.closed(&full).await.status, ExecutionStatus::Failed);
    assert_eq!(reason(&full).await, "Execution history event limit exceeded.");
    let old = fixture.start("fail", "e", "{}").await;
    let late = fixture.start("late", "e", "{}").await;
    tokio::time::sleep(Duration::from_secs(101)).await;
    assert_eq!(reason(&old).await, "Execution redrivable period exceeded.");
    tokio::time::sleep(Duration::from_secs(900)).await;
    eventually(async || {
        Some(fixture.describe(&late).await).filter(|late| late.status == ExecutionStatus::TimedOut)
    })
    .await;
    assert_eq!(reason(&late).await, "Execution has exceeded the max execution time.");
    let missing = fixture.engine.redrive_execution(&tenant(), &format!("{old}-no"), None).await.unwrap_err();
    assert_eq!(missing.kind, ErrorKind::ExecutionDoesNotExist);
    fixture.engine.delete_state_machine(&tenant(), &machine_arn("fail")).await.unwrap();
    let fresh = fixture.start("late", "other", "{}").await;
    fixture.engine.stop_execution(&tenant(), &fresh, Fault::default()).await.unwrap();
    fixture.engine.delete_state_machine(&tenant(), &machine_arn("late")).await.unwrap();
    assert_eq!(reason(&fresh).await, "State machine is in DELETING status.");
}

#[tokio::test(start_paused = true)]
async fn lists_tell_what_has_been_redriven() {
    let fixture = Fixture::new().await;
    fixture.create("m", r#"{"StartAt":"F","States":{"F":{"Type":"Fail","Error":"E"}}}"#).await;
    for n in 0..40 {
        let arn = fixture.start("m", &format!("e{n}"), "{}").await;
        tokio::time::sleep(Duration::from_millis(5)).await;
        if n % 20 == 3 {
            fixture.engine.redrive_execution(&tenant(), &arn, None).await.unwrap();
        }
    }
    let list = async |redriven, limit| {
        let (mut names, mut after) = (Vec::new(), None);
        loop {
            let request = ListExecutions {
                tenant: tenant(),
                of: ExecutionsOf::StateMachine(machine_arn("m").into()),
                status: None,
                redriven,
                limit,
                after,
            };
            let page = fixture.engine.list_executions(request).await.unwrap();
            assert!(page.items.len() <= limit);
            names.extend(page.items.iter().map(|item| item.name.to_string()));
            after = page.next;
            if after.is_none() {
                return names;
            }
        }
    };
    for limit in [1, 2, 7, 100] {
        assert_eq!(list(Some(true), limit).await, ["e23", "e3"]);
        assert_eq!(list(Some(false), limit).await.len(), 38);
        assert_eq!(list(None, limit).await.len(), 40);
    }
}

#[tokio::test(start_paused = true)]
async fn a_watcher_sees_both_lives() {
    let fixture = Fixture::new().await;
    fixture.create("m", TASK).await;
    let arn = fixture.start("m", "e", "{}").await;
    let first = fixture.desk.order(0).await;
    fixture.engine.report(first.task.clone(), failed()).await.unwrap();
    fixture.engine.redrive_execution(&tenant(), &arn, None).await.unwrap();
    let second = fixture.desk.order(1).await;
    fixture.engine.report(second.task.clone(), Report::Succeeded(json("1"))).await.unwrap();
    for after in 0..14 {
        let mut batches = fixture.engine.watch_execution(&tenant(), &arn, after).await.unwrap();
        let (mut seen, mut closed) = (Vec::new(), false);
        while let Some(batch) = batches.recv().await {
            let batch = batch.unwrap();
            closed = batch.closed;
            seen.extend(batch.events.iter().map(|event| event.id));
        }
        assert_eq!((seen, closed), ((after + 1..=14).collect(), true), "after {after}");
    }
}
