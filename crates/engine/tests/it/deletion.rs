//! Deleting a state machine: its open executions are aborted first, whatever happens meanwhile.

use std::sync::Arc;

use newel_engine::request::{CreateStateMachine, Tag};
use newel_engine::{DispatchKind, ErrorKind, Report, Settled, TaskEngine as _, Workflows as _};
use newel_store::{ExecutionStatus, Fault, FaultOdds, FaultyStore, MemoryStore};

use crate::support::{Fixture, eventually, machine_arn, outbox, pass, tenant};

const JOB: &str =
    r#"{"StartAt":"T","States":{"T":{"Type":"Task","Resource":"arn:aws:states:::fam:job.sync","End":true}}}"#;

async fn gone(fixture: &Fixture) {
    eventually(async || {
        let described = fixture.engine.describe_state_machine(&tenant(), &machine_arn("m")).await;
        described.err().filter(|error| error.kind == ErrorKind::StateMachineDoesNotExist)
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn open_executions_are_aborted_and_their_jobs_stopped() {
    let fixture = Fixture::new().await;
    let tags = vec![Tag { key: "k".into(), value: "v".into() }];
    let tagged = CreateStateMachine { tags, ..Fixture::creation("m", JOB) };
    fixture.engine.create_state_machine(tagged).await.unwrap();
    let mut executions = Vec::new();
    for n in 0..230 {
        executions.push(fixture.start("m", &format!("e{n}"), "{}").await);
    }
    // After a restart nothing of the machine is in memory.
    let fixture = fixture.restart().await;
    fixture.engine.delete_state_machine(&tenant(), &machine_arn("m")).await.unwrap();
    let refused = fixture.try_start("m", "late", "{}").await.unwrap_err();
    assert_eq!(refused.kind, ErrorKind::StateMachineDeleting);
    let conflict = fixture.engine.create_state_machine(Fixture::creation("m", JOB)).await.unwrap_err();
    assert_eq!(conflict.kind, ErrorKind::StateMachineDeleting);
    assert!(fixture.engine.delete_state_machine(&tenant(), &machine_arn("m")).await.is_ok());
    gone(&fixture).await;
    for execution in &executions {
        assert_eq!(fixture.describe(execution).await.status, ExecutionStatus::Aborted);
    }
    for cancel in fixture.desk.orders().iter().filter(|order| order.kind == DispatchKind::Cancel) {
        let settled = fixture.engine.report(cancel.task.clone(), Report::Cancelled).await.unwrap();
        assert_eq!(settled, Settled::Durable);
    }
    assert!(outbox(&*fixture.store).await.is_empty(), "every job was stopped");
    fixture.create("m", &pass(1)).await;
    assert!(
        fixture.engine.tags(&tenant(), &machine_arn("m")).await.unwrap().is_empty(),
        "tags don't outlive it"
    );
    let unknown = fixture.engine.delete_state_machine(&tenant(), &machine_arn("none")).await;
    assert!(unknown.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_deletion_goes_on_after_a_restart() {
    let fixture = Fixture::new().await;
    fixture.create("m", JOB).await;
    let execution = fixture.start("m", "e", "{}").await;
    fixture.engine.delete_state_machine(&tenant(), &machine_arn("m")).await.unwrap();
    let fixture = fixture.restart().await;
    gone(&fixture).await;
    assert_eq!(fixture.describe(&execution).await.status, ExecutionStatus::Aborted);
    assert!(fixture.engine.describe_state_machine_for_execution(&tenant(), &execution).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_deletion_goes_on_when_the_store_fails_it() {
    let store = Arc::new(FaultyStore::new(Arc::new(MemoryStore::new(2)), 1, FaultOdds::default()));
    let fixture = Fixture::on(store.clone()).await;
    fixture.create("m", JOB).await;
    let execution = fixture.start("m", "e", "{}").await;
    fixture.engine.delete_state_machine(&tenant(), &machine_arn("m")).await.unwrap();
    store.script([Fault::Unavailable, Fault::Fenced, Fault::Unknown { applied: false }]);
    gone(&fixture).await;
    assert_eq!(fixture.describe(&execution).await.status, ExecutionStatus::Aborted);
}
