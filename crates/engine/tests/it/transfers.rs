//! Distributed Maps whose items and results are elsewhere: a stand-in for the worker gives pages and keeps files.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use newel_asl::transfer::{Content, Page, ReadPage, Source, WriteFile, Written};
use newel_engine::request::{MapRunStatus, UpdateMapRun};
use newel_engine::{Dispatch, Report, Settled, TaskEngine as _, Workflows as _};
use newel_store::{ExecutionStatus, MemoryStore};
use newel_value::Value;
use parking_lot::Mutex;

use crate::map_runs::{PASS, PICKY, TASK, distributed, on_sqlite, run_of, types};
use crate::support::{Fixture, eventually, json, outbox, tenant};

const READER: &str = r#","ItemReader":{"Resource":"arn:aws:states:::s3:getObject","ReaderConfig":{"InputType":"JSON"},"Parameters":{"Bucket":"b","Key.$":"$.k"}}"#;
const WRITER: &str = r#","ResultWriter":{"Resource":"arn:aws:states:::s3:putObject","Parameters":{"Bucket":"out","Prefix":"p/"}}"#;
const INPUT: &str = r#"{"k":"key"}"#;

/// What the worker has, and what it was asked.
#[derive(Default)]
struct Worker {
    items: Vec<Value>,
    /// Items a page.
    page: usize,
    /// What reading or writing ends in instead.
    broken: Mutex<Option<(&'static str, &'static str)>>,
    files: Mutex<BTreeMap<String, Content>>,
    reads: Mutex<Vec<ReadPage>>,
    done: Mutex<HashSet<newel_engine::TaskId>>,
    /// Inputs of tasks that were answered.
    worked: Mutex<Vec<String>>,
}

impl Worker {
    fn of(count: usize, page: usize) -> Self {
        let items = (0..count).map(|n| Value::from(i64::try_from(n).unwrap())).collect();
        Self { items, page, ..Self::default() }
    }

    fn carry_out(&self, order: &Dispatch) -> Report {
        let parameters = order.parameters.as_ref().unwrap().value();
        if &*order.family != "s3" {
            self.worked.lock().push(parameters.to_json());
            return Report::Succeeded(order.parameters.clone().unwrap());
        }
        if let Some((error, cause)) = *self.broken.lock() {
            return Report::Failed { error: error.into(), cause: cause.into() };
        }
        if order.resource.ends_with("putObject") {
            let file = WriteFile::try_from(parameters).unwrap();
            let size = self.files.lock().len() as u64 + 10;
            self.files.lock().insert(file.key.to_string(), file.content);
            return Report::Succeeded(Value::from(Written { size }).into());
        }
        let read = ReadPage::try_from(parameters).unwrap();
        let from =
            read.cursor.as_ref().map_or(0, |cursor| usize::try_from(cursor.as_i64().unwrap()).unwrap());
        let end = (from + self.page.min(usize::try_from(read.most).unwrap())).min(self.items.len());
        let page = Page {
            items: self.items[from..end].to_vec(),
            cursor: (end < self.items.len()).then(|| Value::from(i64::try_from(end).unwrap())),
            sources: vec![Source {
                name: format!("S3://b/{from}").into(),
                items: (end - from) as u64,
                members: false,
            }],
        };
        self.reads.lock().push(read);
        Report::Succeeded(Value::from(page).into())
    }

    /// Carries out what is ordered and `wanted` until an execution is closed or `enough` have been carried out.
    async fn work(&self, fixture: &Fixture, arn: &str, enough: usize, wanted: impl Fn(&Dispatch) -> bool) {
        let mut count = 0;
        eventually(async || {
            for order in fixture.desk.orders() {
                if count < enough && wanted(&order) && self.done.lock().insert(order.task.clone()) {
                    count += 1;
                    fixture.engine.report(order.task.clone(), self.carry_out(&order)).await.unwrap();
                }
            }
            let open = fixture.describe(arn).await.status == ExecutionStatus::Running;
            (count >= enough || !open).then_some(())
        })
        .await;
    }

    async fn finish(&self, fixture: &Fixture, arn: &str) {
        self.work(fixture, arn, usize::MAX, |_| true).await;
    }

    fn records(&self, name: &str) -> Vec<Value> {
        let files = self.files.lock();
        match files.iter().find(|(key, _)| key.ends_with(name)).map(|(_, content)| content) {
            Some(Content::Records { records, .. }) => records.clone(),
            other => panic!("{name}: {other:?} in {:?}", files.keys()),
        }
    }

    fn manifest(&self) -> Value {
        let files = self.files.lock();
        match files.iter().find(|(key, _)| key.ends_with("/manifest.json")).map(|(_, content)| content) {
            Some(Content::Document(manifest)) => manifest.clone(),
            other => panic!("{other:?} in {:?}", files.keys()),
        }
    }
}

fn is_transfer(order: &Dispatch) -> bool {
    &*order.family == "s3"
}

#[tokio::test]
async fn the_same_holds_on_sqlite() {
    on_sqlite(pages).await;
    on_sqlite(written).await;
}

#[tokio::test(start_paused = true)]
async fn items_come_in_pages_and_none_is_kept() {
    pages(Fixture::new().await).await;
}

async fn pages(fixture: Fixture) {
    let fields = format!(
        r#"{READER},"MaxConcurrency":7,"ItemSelector":{{"v.$":"$$.Map.Item.Value","s.$":"$$.Map.Item.Source"}}"#
    );
    fixture.create("m", &distributed(&fields, PASS)).await;
    let worker = Worker::of(50, 20);
    let arn = fixture.start("m", "e", INPUT).await;
    worker.finish(&fixture, &arn).await;
    let done = fixture.closed(&arn).await;
    assert_eq!(done.status, ExecutionStatus::Succeeded, "{:?}", done.fault);
    let shown = |n| format!(r#"{{"v":{n},"s":"S3://b/{}"}}"#, n / 20 * 20);
    let expected: Vec<String> = (0..50).map(shown).collect();
    assert_eq!(done.output.unwrap().text(), format!("[{}]", expected.join(",")));
    assert_eq!(
        types(&fixture, &arn).await[2..6],
        ["MapStateStarted", "MapRunStarted", "MapRunSucceeded", "MapStateSucceeded"]
    );
    assert_eq!(worker.reads.lock()[0].parameters, json(r#"{"Bucket":"b","Key":"key"}"#).value().clone());
    let cursors: Vec<Option<i64>> =
        worker.reads.lock().iter().map(|read| read.cursor.as_ref().and_then(Value::as_i64)).collect();
    assert_eq!(cursors, [None, Some(20), Some(40)]);
    let run = run_of(&fixture, &arn).await;
    assert_eq!((run.status, run.items.succeeded, run.items.total), (MapRunStatus::Succeeded, 50, 50));
    assert!(outbox(&*fixture.store).await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_file_without_items_gives_an_empty_result() {
    let fixture = Fixture::new().await;
    fixture.create("m", &distributed(READER, PASS)).await;
    let arn = fixture.start("m", "e", INPUT).await;
    Worker::of(0, 5).finish(&fixture, &arn).await;
    assert_eq!(fixture.closed(&arn).await.output.unwrap().text(), "[]");
}

#[tokio::test(start_paused = true)]
async fn no_more_items_than_wanted_are_asked_for() {
    let fixture = Fixture::new().await;
    let reader = READER.replace(r#""InputType""#, r#""MaxItems":7,"InputType""#);
    fixture.create("m", &distributed(&reader, PASS)).await;
    let arn = fixture.start("m", "e", INPUT).await;
    let worker = Worker::of(100, 4);
    worker.finish(&fixture, &arn).await;
    assert_eq!(fixture.closed(&arn).await.output.unwrap().text(), "[0,1,2,3,4,5,6]");
    assert_eq!(worker.reads.lock().iter().map(|read| read.most).collect::<Vec<_>>(), [7, 3]);
}

#[tokio::test(start_paused = true)]
async fn batches_take_items_of_several_pages() {
    let fixture = Fixture::new().await;
    let fields = format!(r#"{READER},"ItemBatcher":{{"MaxItemsPerBatch":7}}"#);
    fixture.create("m", &distributed(&fields, PASS)).await;
    let arn = fixture.start("m", "e", INPUT).await;
    Worker::of(10, 3).finish(&fixture, &arn).await;
    let output = fixture.closed(&arn).await.output.unwrap();
    assert_eq!(output.text(), r#"[{"Items":[0,1,2,3,4,5,6]},{"Items":[7,8,9]}]"#);
}

#[tokio::test(start_paused = true)]
async fn a_restart_neither_loses_nor_repeats_an_item() {
    let mut fixture = Fixture::new().await;
    fixture.create("m", &distributed(&format!(r#"{READER},"MaxConcurrency":5"#), TASK)).await;
    let arn = fixture.start("m", "e", INPUT).await;
    let worker = Worker::of(60, 11);
    // Whatever was under way: a read that was asked for, a page that was taken, children that had begun.
    for enough in [1, 2, 9, 13, 17] {
        worker.work(&fixture, &arn, enough, |_| true).await;
        fixture = fixture.restart().await;
    }
    worker.finish(&fixture, &arn).await;
    let mut worked: Vec<i64> =
        worker.worked.lock().iter().map(|input| Value::parse(input).unwrap().as_i64().unwrap()).collect();
    worked.sort_unstable();
    assert_eq!(worked, (0..60).collect::<Vec<i64>>());
    let expected: Vec<String> = (0..60).map(|n| n.to_string()).collect();
    assert_eq!(fixture.closed(&arn).await.output.unwrap().text(), format!("[{}]", expected.join(",")));
    assert!(outbox(&*fixture.store).await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_is_not_needed_yet_is_not_read() {
    let fixture = Fixture::new().await;
    fixture.create("m", &distributed(&format!(r#"{READER},"MaxConcurrency":1"#), TASK)).await;
    let arn = fixture.start("m", "e", INPUT).await;
    let large = Value::from("x".repeat(200_000));
    let worker = Worker { items: vec![large; 100], page: 3, ..Worker::default() };
    worker.work(&fixture, &arn, 1, is_transfer).await;
    // The first child is open, and nobody answers it.
    tokio::time::sleep(std::time::Duration::from_secs(5)).await;
    worker.work(&fixture, &arn, 1, is_transfer).await;
    tokio::time::sleep(std::time::Duration::from_secs(5)).await;
    let transfers = fixture.desk.orders().iter().filter(|order| is_transfer(order)).count();
    assert_eq!(transfers, 2, "a megabyte at hand is enough");
    let run = run_of(&fixture, &arn).await;
    assert_eq!((run.items.running, run.items.pending, run.items.total), (1, 5, 6));
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_fails_fails_the_run_and_a_redrive_reads_again() {
    let fixture = Fixture::new().await;
    fixture.create("m", &distributed(READER, PASS)).await;
    for (name, error, cause, expected) in [
        ("named", "States.ItemReaderFailed", "no such key", "no such key"),
        ("other", "States.TaskFailed", "not allowed", "States.TaskFailed: not allowed"),
    ] {
        let arn = fixture.start("m", name, INPUT).await;
        let worker = Worker { broken: Mutex::new(Some((error, cause))), ..Worker::of(5, 2) };
        worker.finish(&fixture, &arn).await;
        let done = fixture.closed(&arn).await;
        assert_eq!(done.fault.error.as_deref(), Some("States.ItemReaderFailed"));
        assert_eq!(done.fault.cause.as_deref(), Some(expected));
        assert_eq!(
            types(&fixture, &arn).await[3..],
            ["MapRunStarted", "MapRunFailed", "MapStateFailed", "ExecutionFailed"]
        );
        *worker.broken.lock() = None;
        fixture.engine.redrive_execution(&tenant(), &arn, None).await.unwrap();
        worker.finish(&fixture, &arn).await;
        assert_eq!(fixture.closed(&arn).await.output.unwrap().text(), "[0,1,2,3,4]");
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_run_no_longer_wants_is_stale() {
    let fixture = Fixture::new().await;
    fixture.create("m", &distributed(READER, PASS)).await;
    let arn = fixture.start("m", "e", INPUT).await;
    let order = fixture.desk.order(0).await;
    assert_eq!(fixture.engine.family(&order.task).await.unwrap().as_deref(), Some("s3"));
    assert!(fixture.engine.dispatch_body(&order.task, order.kind).await.unwrap().is_some());
    assert_eq!(fixture.engine.report(order.task.clone(), Report::Heartbeat).await.unwrap(), Settled::Durable);
    let fault = newel_machine::Fault::default();
    fixture.engine.stop_execution(&tenant(), &arn, fault).await.unwrap();
    let worker = Worker::of(3, 3);
    eventually(async || {
        let told = fixture.engine.report(order.task.clone(), worker.carry_out(&order)).await.unwrap();
        (told == Settled::Stale).then_some(())
    })
    .await;
    assert_eq!(fixture.engine.family(&order.task).await.unwrap(), None);
    assert_eq!(run_of(&fixture, &arn).await.status, MapRunStatus::Aborted);
    assert!(outbox(&*fixture.store).await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_tolerated_percentage_is_of_all_items() {
    let fixture = Fixture::new().await;
    fixture.create("m", &distributed(&format!(r#"{READER},"ToleratedFailurePercentage":10"#), PICKY)).await;
    let mut worker = Worker::of(0, 2);
    // Half of the first page fails, and a tenth of all.
    worker.items = vec![json("{}").value().clone(); 10];
    worker.items[1] = json(r#"{"bad":1}"#).value().clone();
    let arn = fixture.start("m", "e", INPUT).await;
    worker.finish(&fixture, &arn).await;
    assert_eq!(fixture.closed(&arn).await.status, ExecutionStatus::Succeeded);
    worker.items[8] = worker.items[1].clone();
    let arn = fixture.start("m", "more", INPUT).await;
    worker.finish(&fixture, &arn).await;
    let fault = fixture.closed(&arn).await.fault;
    assert_eq!(fault.error.as_deref(), Some("States.ExceedToleratedFailureThreshold"));
}

#[tokio::test(start_paused = true)]
async fn results_are_written_with_a_manifest() {
    written(Fixture::new().await).await;
}

async fn written(fixture: Fixture) {
    let fields = format!(r#"{READER}{WRITER},"ToleratedFailureCount":5"#);
    fixture.create("m", &distributed(&fields, PICKY)).await;
    let mut worker = Worker::of(0, 3);
    worker.items =
        ["{\"a\":1}", "{\"bad\":true}", "{\"a\":2}"].map(|text| json(text).value().clone()).to_vec();
    let arn = fixture.start("m", "e", INPUT).await;
    worker.finish(&fixture, &arn).await;
    let done = fixture.closed(&arn).await;
    assert_eq!(done.status, ExecutionStatus::Succeeded, "{:?}", done.fault);
    let run = run_of(&fixture, &arn).await;
    let id = run.arn.rsplit(':').next().unwrap();
    assert_eq!(
        done.output.unwrap().text(),
        format!(
            r#"{{"MapRunArn":"{}","ResultWriterDetails":{{"Bucket":"out","Key":"p/{id}/manifest.json"}}}}"#,
            run.arn
        )
    );
    assert_eq!(
        worker.manifest().to_json(),
        format!(
            r#"{{"DestinationBucket":"out","MapRunArn":"{}","ResultFiles":{{"FAILED":[{{"Key":"p/{id}/FAILED_0.json","Size":11}}],"PENDING":[],"SUCCEEDED":[{{"Key":"p/{id}/SUCCEEDED_0.json","Size":10}}]}}}}"#,
            run.arn
        )
    );
    let succeeded = worker.records("SUCCEEDED_0.json");
    let mut outputs: Vec<&str> =
        succeeded.iter().map(|record| record.get("Output").unwrap().as_str().unwrap()).collect();
    outputs.sort_unstable();
    assert_eq!(outputs, [r#"{"a":1}"#, r#"{"a":2}"#]);
    assert_eq!(succeeded[0].get("Status").unwrap().as_str(), Some("SUCCEEDED"));
    let failed = worker.records("FAILED_0.json");
    assert_eq!((failed.len(), failed[0].get("Error").unwrap().as_str()), (1, Some("Bad")));
    assert_eq!(failed[0].get("Input").unwrap().as_str(), Some(r#"{"bad":true}"#));
}

#[tokio::test(start_paused = true)]
async fn writer_configs_shape_the_files() {
    for (transformation, expected) in [("COMPACT", r#"[[1,2],[3],4]"#), ("FLATTEN", "[1,2,3,4]")] {
        let fixture = Fixture::new().await;
        let config = format!(
            r#"{}"WriterConfig":{{"Transformation":"{transformation}","OutputType":"JSONL"}}}}"#,
            WRITER.strip_suffix('}').unwrap().to_owned() + ","
        );
        fixture.create(transformation, &distributed(&config, PASS)).await;
        let worker = Worker::default();
        let arn = fixture.start(transformation, "e", "[[1,2],[3],4]").await;
        worker.finish(&fixture, &arn).await;
        assert_eq!(fixture.closed(&arn).await.status, ExecutionStatus::Succeeded);
        let mut records = worker.records("SUCCEEDED_0.json");
        records.sort_by_key(|value| value.to_json().trim_start_matches('[').to_owned());
        assert_eq!(Value::from(records).to_json(), expected);
        let is_lines = |content: &Content| matches!(content, Content::Records { lines: true, .. });
        assert!(worker.files.lock().values().any(is_lines));
    }
}

#[tokio::test(start_paused = true)]
async fn writing_goes_on_after_a_restart_and_spans_files() {
    let mut fixture = Fixture::new().await;
    let padding = "x".repeat(60_000);
    let items: Vec<String> = (0..4).map(|n| format!(r#""{n}{padding}""#)).collect();
    // Twenty children with 240 kB of input and as much output are 10 MB of records.
    let spread = r#""ItemSelector":{"n.$":"$$.Map.Item.Index","all.$":"$.items"}"#;
    fixture.create("wide", &distributed(&format!(r#"{WRITER},"ItemsPath":"$.n",{spread}"#), PASS)).await;
    let numbers: Vec<String> = (0..20).map(|n| n.to_string()).collect();
    let input = format!(r#"{{"n":[{}],"items":[{}]}}"#, numbers.join(","), items.join(","));
    let arn = fixture.start("wide", "e", &input).await;
    let worker = Worker::default();
    for _ in 0..3 {
        worker.work(&fixture, &arn, 1, |_| true).await;
        fixture = fixture.restart().await;
    }
    worker.finish(&fixture, &arn).await;
    let done = fixture.closed(&arn).await;
    assert_eq!(done.status, ExecutionStatus::Succeeded, "{:?}", done.fault);
    let manifest = worker.manifest();
    let files = manifest.pointer("/ResultFiles/SUCCEEDED").unwrap().as_array().unwrap().to_vec();
    assert!(files.len() > 1, "{}", manifest.to_json());
    let mut seen: Vec<i64> = Vec::new();
    for file in &files {
        for record in worker.records(file.get("Key").unwrap().as_str().unwrap()) {
            let output = Value::parse(record.get("Output").unwrap().as_str().unwrap()).unwrap();
            seen.push(output.get("n").unwrap().as_i64().unwrap());
        }
    }
    seen.sort_unstable();
    assert_eq!(seen, (0..20).collect::<Vec<i64>>());
}

#[tokio::test(start_paused = true)]
async fn a_run_that_fails_writes_what_there_is_and_what_never_began() {
    let fixture = Fixture::new().await;
    let fields = format!(r#"{READER}{WRITER},"MaxConcurrency":1"#);
    fixture.create("m", &distributed(&fields, PICKY)).await;
    let mut worker = Worker::of(0, 4);
    worker.items =
        ["{}", "{\"bad\":true}", "{\"c\":1}", "{\"d\":1}"].map(|text| json(text).value().clone()).to_vec();
    let arn = fixture.start("m", "e", INPUT).await;
    worker.finish(&fixture, &arn).await;
    let fault = fixture.closed(&arn).await.fault;
    assert_eq!(fault.error.as_deref(), Some("States.ExceedToleratedFailureThreshold"));
    assert_eq!(worker.records("SUCCEEDED_0.json").len(), 1);
    assert_eq!(worker.records("FAILED_0.json").len(), 1);
    let pending: Vec<String> = worker
        .records("PENDING_0.json")
        .iter()
        .map(|record| record.get("Input").unwrap().as_str().unwrap().to_owned())
        .collect();
    assert_eq!(pending, [r#"{"c":1}"#, r#"{"d":1}"#]);
}

#[tokio::test(start_paused = true)]
async fn a_writer_that_fails_fails_the_run() {
    let fixture = Fixture::new().await;
    fixture.create("m", &distributed(WRITER, PASS)).await;
    let worker =
        Worker { broken: Mutex::new(Some(("States.ResultWriterFailed", "no bucket"))), ..Worker::default() };
    let arn = fixture.start("m", "e", "[1]").await;
    worker.finish(&fixture, &arn).await;
    let done = fixture.closed(&arn).await;
    assert_eq!(done.fault.error.as_deref(), Some("States.ResultWriterFailed"));
    assert_eq!(done.fault.cause.as_deref(), Some("no bucket"));
    // What was wrong is put right, and what is written is written again.
    *worker.broken.lock() = None;
    fixture.engine.redrive_execution(&tenant(), &arn, None).await.unwrap();
    worker.finish(&fixture, &arn).await;
    assert_eq!(fixture.closed(&arn).await.status, ExecutionStatus::Succeeded);
    assert_eq!(worker.records("SUCCEEDED_0.json").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn settings_change_while_nothing_is_read() {
    let fixture = Fixture::on(Arc::new(MemoryStore::new(4))).await;
    fixture.create("m", &distributed(READER, PASS)).await;
    let arn = fixture.start("m", "e", INPUT).await;
    fixture.desk.order(0).await;
    let run = run_of(&fixture, &arn).await;
    let update = UpdateMapRun { max_concurrency: Some(2), ..UpdateMapRun::default() };
    fixture.engine.update_map_run(&tenant(), &run.arn, update).await.unwrap();
    assert_eq!(run_of(&fixture, &arn).await.max_concurrency, 2);
}
