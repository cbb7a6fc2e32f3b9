//! Watching executions.

use std::sync::Arc;
use std::time::Duration;

use newel_asl::Limits;
use newel_engine::{ErrorKind, Options, Report, TaskEngine as _, Workflows as _};
use newel_machine::Event;
use newel_store::{Fault, FaultOdds, FaultyStore, MemoryStore};
use tokio::time::{sleep, timeout};

use crate::support::{Fixture, json, pass, tenant};

const TASK: &str = r#"{"StartAt":"T","States":{
    "T":{"Type":"Task","Resource":"arn:aws:states:::fam:call","Next":"P"},"P":{"Type":"Pass","End":true}}}"#;

/// All events a watcher is shown after one, with a pause before each batch.
async fn watched(fixture: &Fixture, arn: &str, after: u64, pause: Duration) -> Vec<Event> {
    let mut batches = fixture.engine.watch_execution(&tenant(), arn, after).await.unwrap();
    let (mut events, mut closed) = (Vec::new(), false);
    while let Some(batch) = timeout(Duration::from_secs(100), batches.recv()).await.expect("it hangs") {
        let batch = batch.unwrap();
        assert!(!closed && !batch.events.is_empty());
        closed = batch.closed;
        events.extend(batch.events.iter().cloned());
        sleep(pause).await;
    }
    assert!(events.is_empty() || closed);
    events
}

#[tokio::test(start_paused = true)]
async fn a_watcher_sees_all_events_as_they_come_from_any_on() {
    let fixture = Fixture::new().await;
    fixture.create("m", TASK).await;
    let arn = fixture.start("m", "e", "{}").await;
    let task = fixture.desk.order(0).await.task.clone();
    let report = async {
        sleep(Duration::from_secs(3)).await;
        fixture.engine.report(task, Report::Succeeded(json("1"))).await.unwrap();
    };
    let (live, middle, ()) = tokio::join!(
        watched(&fixture, &arn, 0, Duration::ZERO),
        watched(&fixture, &arn, 3, Duration::ZERO),
        report
    );
    let whole = fixture.history(&arn, false, 100).await;
    assert_eq!(live, whole);
    assert_eq!(middle, whole[3..]);
    for after in 0..=whole.len() {
        let late = watched(&fixture, &arn, after as u64, Duration::ZERO).await;
        assert_eq!(late, whole[after..], "after the end, from {after} on");
    }
    let missing = fixture.engine.watch_execution(&tenant(), &format!("{arn}x"), 0).await.unwrap_err();
    assert_eq!(missing.kind, ErrorKind::ExecutionDoesNotExist);
}

#[tokio::test(start_paused = true)]
async fn a_slow_watcher_misses_nothing() {
    let options = Options { turn_events: 100, ..Options::default() };
    let fixture = Fixture::with(Arc::new(MemoryStore::new(1)), Limits::default(), options).await;
    fixture.create("m", &pass(3_000)).await;
    let arn = fixture.start("m", "e", "{}").await;
    let seen = watched(&fixture, &arn, 0, Duration::from_secs(1)).await;
    assert_eq!(seen.len(), 6_002);
    assert!(seen.iter().zip(1..).all(|(event, id)| event.id == id));
}

#[tokio::test(start_paused = true)]
async fn a_watcher_hears_of_an_end_whose_commit_was_never_answered() {
    let store = Arc::new(FaultyStore::new(Arc::new(MemoryStore::new(1)), 1, FaultOdds::default()));
    let fixture = Fixture::on(store.clone()).await;
    fixture.create("m", TASK).await;
    let arn = fixture.start("m", "e", "{}").await;
    let task = fixture.desk.order(0).await.task.clone();
    let report = async {
        sleep(Duration::from_secs(3)).await;
        store.script([Fault::Unknown { applied: true }]);
        let lost = fixture.engine.report(task.clone(), Report::Succeeded(json("1"))).await.unwrap_err();
        assert_eq!(lost.kind, ErrorKind::Unavailable);
    };
    let (seen, ()) = tokio::join!(watched(&fixture, &arn, 0, Duration::ZERO), report);
    assert_eq!(seen, fixture.history(&arn, false, 100).await);
}
