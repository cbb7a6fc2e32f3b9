//! Task attempts and tokens.

use std::time::Duration;

use newel_engine::request::{Tenant, TokenReport};
use newel_engine::{DispatchKind, ErrorKind, Report, Settled, TaskEngine as _, TaskId, Workflows as _};
use newel_machine::Fault;
use newel_store::{ExecutionStatus, Id, ShardId};
use newel_value::Value;

use crate::support::{Fixture, Seen, json, outbox, tenant};

fn task(resource: &str, fields: &str) -> String {
    format!(
        r#"{{"StartAt":"T","States":{{"T":{{"Type":"Task","Resource":"arn:aws:states:::fam:{resource}","End":true{fields}}}}}}}"#
    )
}

fn submitted() -> Report {
    Report::Submitted { external_ref: "job-1".into(), output: json(r#"{"id":"job-1"}"#) }
}

#[tokio::test(start_paused = true)]
async fn a_job_is_submitted_watched_and_settled() {
    let fixture = Fixture::new().await;
    fixture.create("m", &task("job.sync", r#","Parameters":{"a":1}"#)).await;
    let arn = fixture.start("m", "e", "{}").await;
    let submit = fixture.desk.order(0).await;
    assert_eq!(submit.parameters.as_ref().unwrap().text(), r#"{"a":1}"#);
    assert_eq!((&*submit.family, &*submit.execution_arn), ("fam", arn.as_str()));
    assert_eq!(submit.submit_token.len(), 36);
    let id = submit.task.clone();
    let engine = &fixture.engine;
    assert_eq!(engine.family(&id).await.unwrap().as_deref(), Some("fam"));
    for (kind, expected) in [
        (DispatchKind::Submit, Some(DispatchKind::Submit)),
        (DispatchKind::Reconcile, Some(DispatchKind::Reconcile)),
        (DispatchKind::Watch, None),
    ] {
        assert_eq!(engine.dispatch_body(&id, kind).await.unwrap().map(|body| body.kind), expected);
    }
    assert_eq!(engine.report(id.clone(), submitted()).await.unwrap(), Settled::Durable);
    assert_eq!(
        engine.report(id.clone(), submitted()).await.unwrap(),
        Settled::Durable,
        "a repetition is harmless"
    );
    let watch = fixture.desk.order(1).await;
    assert_eq!((watch.kind, watch.external_ref.as_deref()), (DispatchKind::Watch, Some("job-1")));
    assert_eq!((&watch.parameters, &watch.submit_token), (&None, &submit.submit_token));
    let done = Report::Succeeded(json("2"));
    assert_eq!(engine.report(id.clone(), done.clone()).await.unwrap(), Settled::Durable);
    assert_eq!(engine.report(id.clone(), done).await.unwrap(), Settled::Stale);
    assert_eq!(engine.family(&id).await.unwrap(), None);
    assert!(outbox(&*fixture.store).await.is_empty());
    assert!(matches!(fixture.desk.seen().last(), Some(Seen::Forget(task)) if *task == id));
    assert_eq!(fixture.describe(&arn).await.output.unwrap().text(), "2");
    let types: Vec<_> =
        fixture.history(&arn, false, 99).await.iter().map(|e| e.detail.type_name().to_owned()).collect();
    assert_eq!(types[2..6], ["TaskScheduled", "TaskStarted", "TaskSubmitted", "TaskSucceeded"]);
}

#[tokio::test(start_paused = true)]
async fn what_is_over_in_the_turn_that_orders_it_is_not_ordered() {
    let fixture = Fixture::new().await;
    fixture.create("m", &task("job.sync", "")).await;
    fixture.start("m", "e", "{}").await;
    let id = fixture.desk.order(0).await.task.clone();
    // Both are delivered before the execution's activation runs, so they are one turn.
    let (first, second) = tokio::join!(
        fixture.engine.report(id.clone(), submitted()),
        fixture.engine.report(id.clone(), Report::Succeeded(json("1"))),
    );
    assert_eq!((first.unwrap(), second.unwrap()), (Settled::Durable, Settled::Durable));
    assert_eq!(fixture.desk.kinds(), [DispatchKind::Submit]);
    assert!(outbox(&*fixture.store).await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_its_own_turn_lets_go_reaches_nobody() {
    let fixture = Fixture::new().await;
    for (name, resource) in [("job", "job.sync"), ("call", "call")] {
        let fails = r#"{"StartAt":"F","States":{"F":{"Type":"Fail","Error":"No"}}}"#;
        let branches = format!("{},{fails}", task(resource, ""));
        let parallel = format!(
            r#"{{"StartAt":"P","States":{{"P":{{"Type":"Parallel","End":true,"Branches":[{branches}]}}}}}}"#
        );
        fixture.create(name, &parallel).await;
        let arn = fixture.start(name, "e", "{}").await;
        assert_eq!(fixture.describe(&arn).await.status, ExecutionStatus::Failed);
        let events = fixture.history(&arn, false, 99).await;
        assert!(events.iter().any(|event| event.detail.type_name() == "TaskScheduled"), "{name}");
        assert!(fixture.desk.orders().is_empty() && outbox(&*fixture.store).await.is_empty(), "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_cancel_stands_until_it_is_confirmed_and_only_a_cancel_is() {
    let fixture = Fixture::new().await;
    fixture.create("m", &task("job.sync", "")).await;
    let arn = fixture.start("m", "e", "{}").await;
    let id = fixture.desk.order(0).await.task.clone();
    fixture.engine.report(id.clone(), submitted()).await.unwrap();
    fixture.engine.stop_execution(&tenant(), &arn, Fault::default()).await.unwrap();
    assert_eq!(fixture.desk.kinds(), [DispatchKind::Submit, DispatchKind::Watch, DispatchKind::Cancel]);
    assert_eq!(
        fixture.engine.report(id.clone(), Report::Succeeded(json("1"))).await.unwrap(),
        Settled::Stale
    );
    let fixture = fixture.restart().await;
    let cancel = fixture.desk.order(0).await;
    assert_eq!((cancel.kind, cancel.external_ref.as_deref()), (DispatchKind::Cancel, Some("job-1")));
    assert_eq!(fixture.engine.report(id.clone(), Report::Cancelled).await.unwrap(), Settled::Durable);
    assert_eq!(fixture.engine.report(id.clone(), Report::Cancelled).await.unwrap(), Settled::Stale);
    assert!(outbox(&*fixture.store).await.is_empty());

    let open = fixture.start("m", "open", "{}").await;
    let id = fixture.desk.order(1).await.task.clone();
    assert_eq!(fixture.engine.report(id, Report::Cancelled).await.unwrap(), Settled::Durable);
    let failed = fixture.closed(&open).await;
    assert_eq!(failed.fault.error.as_deref(), Some("States.TaskFailed"), "not asked for, so not a success");
}

#[tokio::test(start_paused = true)]
async fn reports_on_what_never_was_are_stale() {
    let fixture = Fixture::new().await;
    let execution = |shard| Id::new(ShardId(shard), fixture.now(), 5);
    for (execution, frame) in [(execution(0), ""), (execution(1), "/x"), (execution(9_999), "")] {
        let id = TaskId { execution, frame: frame.into(), entry: 2, attempt: 0 };
        for report in [Report::Heartbeat, Report::Succeeded(json("1")), submitted(), Report::Cancelled] {
            assert_eq!(fixture.engine.report(id.clone(), report).await.unwrap(), Settled::Stale);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn heartbeats_keep_an_attempt_alive_and_their_end_ends_it() {
    let fixture = Fixture::new().await;
    fixture.create("m", &task("job.sync", r#","HeartbeatSeconds":10,"TimeoutSeconds":1000"#)).await;
    let arn = fixture.start("m", "e", "{}").await;
    let id = fixture.desk.order(0).await.task.clone();
    fixture.engine.report(id.clone(), submitted()).await.unwrap();
    for _ in 0..5 {
        tokio::time::sleep(Duration::from_secs(7)).await;
        assert_eq!(fixture.engine.report(id.clone(), Report::Heartbeat).await.unwrap(), Settled::Durable);
    }
    let failed = fixture.closed(&arn).await;
    assert_eq!(failed.status, ExecutionStatus::Failed);
    let took = failed.stopped_at.unwrap().as_millis() - failed.started_at.as_millis();
    assert!((45_000..45_100).contains(&took), "{took}");
    assert_eq!(fixture.desk.kinds().last(), Some(&DispatchKind::Cancel));
}

async fn token(fixture: &Fixture, name: &str, order: usize) -> String {
    fixture.start("m", name, "{}").await;
    let parameters = fixture.desk.order(order).await.parameters.clone().unwrap();
    parameters.value().get("t").and_then(Value::as_str).unwrap().to_owned()
}

#[tokio::test(start_paused = true)]
async fn a_token_works_once_for_its_account_and_over_a_restart() {
    let fixture = Fixture::new().await;
    fixture.create("m", &task("call.waitForTaskToken", r#","Parameters":{"t.$":"$$.Task.Token"}"#)).await;
    let first = token(&fixture, "a", 0).await;
    let second = token(&fixture, "b", 1).await;
    assert!(first != second && first.len() <= 1_024);
    let submit = fixture.desk.order(0).await.task.clone();
    fixture.engine.report(submit, submitted()).await.unwrap();
    let fixture = fixture.restart().await;
    let send = async |tenant: &Tenant, token: &str, report| {
        fixture.engine.send_task(tenant, token, report).await.map_err(|error| error.kind)
    };
    let success = |text: &str| TokenReport::Success(json(text));
    let stranger = Tenant { account: "111111111111".into(), ..tenant() };
    assert_eq!(send(&stranger, &first, success("1")).await, Err(ErrorKind::InvalidToken));
    let mut forged = first.clone().into_bytes();
    forged[30] = if forged[30] == b'A' { b'B' } else { b'A' };
    let forged = String::from_utf8(forged).unwrap();
    for text in [forged.as_str(), "", "token", &first[1..]] {
        assert_eq!(send(&tenant(), text, success("1")).await, Err(ErrorKind::InvalidToken), "{text}");
    }
    assert_eq!(send(&tenant(), &first, TokenReport::Heartbeat).await, Ok(()));
    let owner = tenant();
    let (won, lost) = tokio::join!(
        send(&owner, &first, success("1")),
        send(&owner, &first, TokenReport::Failure(Fault::default())),
    );
    assert_eq!((won, lost), (Ok(()), Err(ErrorKind::TaskTimedOut)));
    assert_eq!(send(&tenant(), &first, success("3")).await, Err(ErrorKind::TaskTimedOut));
    let arn = "arn:aws:states:us-east-1:000000000000:execution:m:a";
    assert_eq!(fixture.closed(arn).await.output.unwrap().text(), "1");
    let fault = Fault { error: Some("No".into()), cause: Some("way".into()) };
    assert_eq!(send(&tenant(), &second, TokenReport::Failure(fault.clone())).await, Ok(()));
    let failed = fixture.closed(&arn.replace(":m:a", ":m:b")).await;
    assert_eq!((failed.status, failed.fault), (ExecutionStatus::Failed, fault));
}
