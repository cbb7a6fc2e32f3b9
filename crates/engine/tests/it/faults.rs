//! What the store can do to the engine: lost answers, lost shards, no room, damaged rows.

use std::sync::Arc;
use std::time::Duration;

use newel_asl::Limits;
use newel_engine::request::{Configuration, UpdateStateMachine};
use newel_engine::{ErrorKind, Options, Report, Settled, TaskEngine as _, Workflows as _};
use newel_machine::Fault as Reason;
use newel_store::{ExecutionStatus, Fault, FaultOdds, FaultyStore, MemoryStore};
use tokio::time::sleep;

use crate::support::{
    Fixture, corrupt_execution, corrupt_frames, corrupt_outbox, eventually, json, machine_arn, outbox, pass,
    tenant,
};

const TASK: &str =
    r#"{"StartAt":"T","States":{"T":{"Type":"Task","Resource":"arn:aws:states:::fam:job.sync","End":true}}}"#;

fn faulty(shards: u16) -> Arc<FaultyStore<MemoryStore>> {
    Arc::new(FaultyStore::new(Arc::new(MemoryStore::new(shards)), 1, FaultOdds::default()))
}

#[tokio::test(start_paused = true)]
async fn a_start_whose_commit_fails_can_be_repeated_and_counts_once() {
    for (fault, applied) in [
        (Fault::Fenced, false),
        (Fault::Unknown { applied: false }, false),
        (Fault::Unknown { applied: true }, true),
    ] {
        let store = faulty(1);
        let fixture = Fixture::on(store.clone()).await;
        fixture.create("m", TASK).await;
        store.script([fault]);
        let lost = fixture.try_start("m", "e", "{}").await.unwrap_err();
        assert_eq!(lost.kind, ErrorKind::Unavailable, "{fault:?}");
        // The shard is taken again without anybody's doing.
        let arn = eventually(async || fixture.try_start("m", "e", "{}").await.ok()).await.arn.to_string();
        let order = fixture.desk.order(0).await;
        sleep(Duration::from_secs(5)).await;
        assert_eq!(fixture.desk.orders().len(), 1, "{fault:?}");
        // Whether the first start reached anybody is unknown, so it is reconciled.
        assert_eq!(order.kind == newel_engine::DispatchKind::Reconcile, applied, "{fault:?}");
        assert_eq!(
            fixture.engine.report(order.task.clone(), Report::Succeeded(json("1"))).await.unwrap(),
            Settled::Durable
        );
        assert_eq!(fixture.closed(&arn).await.status, ExecutionStatus::Succeeded);
    }
}

#[tokio::test(start_paused = true)]
async fn a_shard_lost_by_a_change_of_a_machine_is_taken_again() {
    for fault in [Fault::Fenced, Fault::Unknown { applied: false }, Fault::Unknown { applied: true }] {
        let store = faulty(1);
        let fixture = Fixture::on(store.clone()).await;
        let arn = fixture.create("m", &pass(1)).await;
        store.script([fault]);
        let update = || UpdateStateMachine {
            tenant: tenant(),
            arn: machine_arn("m").into(),
            definition: Some(pass(2).into()),
            role_arn: None,
            configuration: Configuration::default(),
            publish: false,
            version_description: None,
        };
        let lost = fixture.engine.update_state_machine(update()).await.unwrap_err();
        assert_eq!(lost.kind, ErrorKind::Unavailable);
        sleep(Duration::from_secs(1)).await;
        let now = fixture.engine.describe_state_machine(&tenant(), &arn).await.unwrap();
        let expected = if fault == (Fault::Unknown { applied: true }) { pass(2) } else { pass(1) };
        assert_eq!(*now.definition, *expected, "{fault:?}: what is stored counts, not what was in memory");
        fixture.engine.update_state_machine(update()).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_timer_survives_a_store_that_fails() {
    let store = faulty(1);
    let fixture = Fixture::on(store.clone()).await;
    let wait = r#"{"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":5,"End":true}}}"#;
    fixture.create("m", wait).await;
    for (n, faults) in [
        vec![Fault::Unknown { applied: false }],
        vec![Fault::Fenced, Fault::Unavailable],
        vec![Fault::Full(Duration::from_secs(3))],
    ]
    .into_iter()
    .enumerate()
    {
        let arn = fixture.start("m", &format!("e{n}"), "{}").await;
        store.script(faults.clone());
        sleep(Duration::from_secs(12)).await;
        assert_eq!(fixture.describe(&arn).await.status, ExecutionStatus::Succeeded, "{faults:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_read_that_fails_costs_no_timer() {
    let waits = r#"{"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":5,"End":true}}}"#;
    let times_out = TASK.replace(r#""End":true"#, r#""TimeoutSeconds":30,"End":true"#);
    let store = faulty(1);
    // Next to nothing stays in memory, and the store isn't asked for timers again.
    let options = Options { idle_executions: 1, timer_horizon_seconds: 3_600, ..Options::default() };
    let fixture = Fixture::with(store.clone(), Limits::default(), options).await;
    fixture.create("waits", waits).await;
    fixture.create("task", &times_out).await;
    let task = fixture.start("task", "e", "{}").await;
    let wait = fixture.start("waits", "e", "{}").await;
    fixture.start("waits", "another", "{}").await;
    // What fails is the loading of an execution: by a report in one case, by its timer in the other.
    store.script([Fault::Unavailable]);
    let lost = fixture.engine.report(fixture.desk.order(0).await.task.clone(), Report::Heartbeat).await;
    assert_eq!(lost.unwrap_err().kind, ErrorKind::Unavailable);
    sleep(Duration::from_secs(4)).await;
    store.script([Fault::Unavailable]);
    sleep(Duration::from_secs(4)).await;
    assert_eq!(fixture.describe(&wait).await.status, ExecutionStatus::Succeeded);
    sleep(Duration::from_secs(30)).await;
    let late = fixture.describe(&task).await;
    let took = late.stopped_at.map(|at| at.as_millis() - late.started_at.as_millis());
    assert!(took.is_some_and(|took| (30_000..30_100).contains(&took)), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn a_full_store_refuses_what_is_new_and_delays_what_runs() {
    let store = faulty(2);
    let fixture = Fixture::on(store.clone()).await;
    fixture.create("m", TASK).await;
    let arn = fixture.start("m", "e", "{}").await;
    let task = fixture.desk.order(0).await.task.clone();
    store.script([Fault::Full(Duration::from_secs(30))]);
    let report = tokio::spawn({
        let (engine, task) = (fixture.engine.clone(), task.clone());
        async move { engine.report(task, Report::Succeeded(json("1"))).await }
    });
    sleep(Duration::from_secs(10)).await;
    let refused = fixture.try_start("m", "f", "{}").await.unwrap_err();
    assert_eq!(
        (refused.kind, &*refused.message),
        (ErrorKind::Unavailable, "the store is full; free some space")
    );
    let refused = fixture.engine.create_state_machine(Fixture::creation("n", &pass(1))).await.unwrap_err();
    assert_eq!(refused.kind, ErrorKind::Unavailable);
    assert_eq!(fixture.describe(&arn).await.status, ExecutionStatus::Running, "reading goes on");
    assert!(fixture.engine.ready() && !report.is_finished());
    sleep(Duration::from_secs(21)).await;
    assert_eq!(report.await.unwrap().unwrap(), Settled::Durable);
    fixture.start("m", "f", "{}").await;
}

#[tokio::test(start_paused = true)]
async fn a_damaged_row_fails_alone() {
    for damage in ["execution", "frames", "outbox"] {
        let fixture = Fixture::new().await;
        fixture.create("m", TASK).await;
        let (bad, good) = (fixture.start("m", "bad", "{}").await, fixture.start("m", "good", "{}").await);
        let (poisoned, sound) =
            (fixture.desk.order(0).await.task.clone(), fixture.desk.order(1).await.task.clone());
        let fixture = fixture
            .restart_after(async |store| match damage {
                "execution" => corrupt_execution(store, &poisoned).await,
                "frames" => corrupt_frames(store, &poisoned).await,
                _ => corrupt_outbox(store, &poisoned).await,
            })
            .await;
        let engine = &fixture.engine;
        assert_eq!(engine.report(sound, Report::Succeeded(json("1"))).await.unwrap(), Settled::Durable);
        assert_eq!(fixture.describe(&good).await.status, ExecutionStatus::Succeeded, "{damage}");
        let listed = engine.list_executions(Fixture::listing("m", None, 9, None)).await.unwrap();
        assert_eq!(listed.items.len(), if damage == "execution" { 1 } else { 2 }, "{damage}");
        let stopped = engine.stop_execution(&tenant(), &bad, Reason::default()).await;
        if damage == "outbox" {
            assert!(stopped.is_ok(), "an order that can't be read keeps nobody from stopping");
            assert!(outbox(&*fixture.store).await.is_empty());
        } else {
            assert_eq!(stopped.unwrap_err().kind, ErrorKind::Internal, "{damage}");
        }
        fixture.start("m", "another", "{}").await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_stopped_engine_answers_at_once_and_loses_nothing() {
    let fixture = Fixture::new().await;
    fixture.create("m", TASK).await;
    let arn = fixture.start("m", "e", "{}").await;
    let task = fixture.desk.order(0).await.task.clone();
    let engine = fixture.engine.clone();
    engine.stop();
    assert!(!engine.ready());
    for _ in 0..2 {
        let refused = engine.report(task.clone(), Report::Succeeded(json("1"))).await.unwrap_err();
        assert_eq!(refused.kind, ErrorKind::Unavailable);
    }
    assert_eq!(fixture.try_start("m", "f", "{}").await.unwrap_err().kind, ErrorKind::Unavailable);
    let fixture = fixture.restart().await;
    fixture.engine.report(task, Report::Succeeded(json("1"))).await.unwrap();
    assert_eq!(fixture.closed(&arn).await.status, ExecutionStatus::Succeeded);
}

#[tokio::test(start_paused = true)]
async fn a_start_that_nobody_waits_for_any_more_is_carried_through() {
    let store = faulty(1);
    let fixture = Fixture::on(store.clone()).await;
    fixture.create("m", TASK).await;
    store.script([Fault::Delay(Duration::from_secs(2))]);
    let impatient = tokio::time::timeout(Duration::from_secs(1), fixture.try_start("m", "e", "{}")).await;
    assert!(impatient.is_err());
    let order = fixture.desk.order(0).await;
    let report = fixture.engine.report(order.task.clone(), Report::Succeeded(json("1"))).await;
    assert_eq!(report.unwrap(), Settled::Durable);
}

#[tokio::test(start_paused = true)]
async fn executions_are_the_same_whether_they_stay_in_memory_or_not() {
    let two = r#"{"StartAt":"P","States":{"P":{"Type":"Parallel","End":true,"Branches":[
        {"StartAt":"A","States":{"A":{"Type":"Task","Resource":"arn:aws:states:::fam:job.sync","End":true}}},
        {"StartAt":"B","States":{"B":{"Type":"Task","Resource":"arn:aws:states:::fam:job.sync","End":true}}}]}}}"#;
    for idle_executions in [1, 1_000] {
        let options = Options { idle_executions, ..Options::default() };
        let fixture = Fixture::with(Arc::new(MemoryStore::new(1)), Limits::default(), options).await;
        fixture.create("m", two).await;
        let input = format!(r#""{}""#, "x".repeat(3_000));
        let mut arns = Vec::new();
        for n in 0..20 {
            arns.push(fixture.start("m", &format!("e{n}"), &input).await);
        }
        for (n, order) in fixture.desk.orders().iter().enumerate() {
            assert_eq!(order.parameters.as_ref().unwrap().text(), input);
            let result = Report::Succeeded(json(&n.to_string()));
            assert_eq!(fixture.engine.report(order.task.clone(), result).await.unwrap(), Settled::Durable);
        }
        for (n, arn) in arns.iter().enumerate() {
            let execution = fixture.describe(arn).await;
            assert_eq!(execution.input.text(), input);
            assert_eq!(execution.output.unwrap().text(), format!("[{},{}]", 2 * n, 2 * n + 1));
        }
    }
}
