//! Limits can be raised: 4 MiB payloads and 100,000 events.

use std::sync::Arc;

use newel_asl::Limits;
use newel_engine::{Options, Report, TaskEngine as _, Workflows as _};
use newel_machine::Detail;
use newel_store::{ExecutionStatus, MemoryStore};

use crate::support::{Fixture, json, tenant};

const MIB: usize = 1 << 20;

#[tokio::test(start_paused = true)]
async fn payloads_of_four_mebibytes_pass_through_everything() {
    let limits = Limits { payload_bytes: 4 * MIB, request_bytes: 5 * MIB, ..Limits::default() };
    let fixture = Fixture::with(Arc::new(MemoryStore::new(2)), limits, Options::default()).await;
    let definition = r#"{"StartAt":"P","States":{
        "P":{"Type":"Pass","Next":"T"},
        "T":{"Type":"Task","Resource":"arn:aws:states:::fam:call","Next":"Q"},
        "Q":{"Type":"Pass","End":true}}}"#;
    fixture.create("m", definition).await;
    let text = |letter: &str| format!(r#"{{"a":"{}"}}"#, letter.repeat(4 * MIB - 8));
    let arn = fixture.start("m", "e", &text("i")).await;
    let order = fixture.desk.order(0).await;
    assert_eq!(order.parameters.as_ref().unwrap().text(), text("i"));
    let fixture = fixture.restart().await;
    fixture.engine.report(order.task.clone(), Report::Succeeded(json(&text("o")))).await.unwrap();
    let execution = fixture.closed(&arn).await;
    assert_eq!(execution.input.text(), text("i"));
    assert_eq!(execution.output.unwrap().text(), text("o"));
    let events = fixture.history(&arn, false, 1_000).await;
    assert!(
        matches!(&events.last().unwrap().detail, Detail::ExecutionSucceeded { output } if output.text() == text("o"))
    );
}

#[tokio::test(start_paused = true)]
async fn histories_of_a_hundred_thousand_events_end_at_the_limit() {
    let limits = Limits { history_events: 100_000, ..Limits::default() };
    let fixture = Fixture::with(Arc::new(MemoryStore::new(1)), limits, Options::default()).await;
    let endless = r#"{"StartAt":"C","States":{
        "C":{"Type":"Choice","Choices":[{"Variable":"$.never","IsPresent":true,"Next":"D"}],"Default":"P"},
        "P":{"Type":"Pass","Next":"C"},"D":{"Type":"Succeed"}}}"#;
    fixture.create("m", endless).await;
    let arn = fixture.start("m", "e", "{}").await;
    assert_eq!(fixture.closed(&arn).await.status, ExecutionStatus::Failed);
    let mut last = 0;
    for event in fixture.history(&arn, false, 1_000).await {
        assert_eq!(event.id, last + 1);
        last = event.id;
    }
    assert_eq!(last, 100_000);
    let newest = fixture.history(&arn, true, 100_000).await;
    assert!(newest[0].detail.is_terminal());
    assert!(fixture.engine.describe_execution(&tenant(), &arn).await.is_ok());
}
