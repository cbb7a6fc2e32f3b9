//! Distributed Maps: map runs, their children, their counts, and what ends them.

use std::sync::Arc;
use std::time::Duration;

use newel_asl::Limits;
use newel_engine::request::{
    CreateStateMachine, Execution, ExecutionsOf, ListExecutions, MapRun, MapRunStatus, Redrivable,
    StartExecution, Tenant, UpdateMapRun,
};
use newel_engine::{ErrorKind, Options, Report, Settled, TaskEngine as _, Workflows as _};
use newel_machine::Fault;
use newel_store::{ExecutionStatus, MemoryStore, SqliteOptions, SqliteStore};

use crate::support::{Fixture, eventually, json, outbox, tenant};

pub(crate) const PASS: &str = r#""I":{"Type":"Pass","End":true}"#;
pub(crate) const TASK: &str = r#""I":{"Type":"Task","Resource":"arn:aws:states:::fam:call","End":true}"#;
/// Fails where the item says so.
pub(crate) const PICKY: &str = r#""I":{"Type":"Choice","Choices":[{"Variable":"$.bad","IsPresent":true,"Next":"F"}],"Default":"P"},
    "F":{"Type":"Fail","Error":"Bad","Cause":"item"},"P":{"Type":"Pass","End":true}"#;

/// A machine of one distributed Map.
pub(crate) fn distributed(fields: &str, states: &str) -> String {
    format!(
        r#"{{"StartAt":"M","States":{{"M":{{"Type":"Map","End":true{fields},
            "ItemProcessor":{{"ProcessorConfig":{{"Mode":"DISTRIBUTED","ExecutionType":"STANDARD"}},
                "StartAt":"I","States":{{{states}}}}}}}}}}}"#
    )
}

pub(crate) async fn types(fixture: &Fixture, arn: &str) -> Vec<String> {
    fixture.history(arn, false, 999).await.iter().map(|e| e.detail.type_name().to_owned()).collect()
}

pub(crate) async fn run_of(fixture: &Fixture, execution: &str) -> MapRun {
    let runs = fixture.engine.list_map_runs(&tenant(), execution, 10, None).await.unwrap();
    fixture.engine.describe_map_run(&tenant(), &runs.items[0].arn).await.unwrap()
}

pub(crate) async fn children(
    fixture: &Fixture,
    run: &str,
    status: Option<ExecutionStatus>,
) -> Vec<Execution> {
    let (mut arns, mut after) = (Vec::new(), None);
    loop {
        let of = ExecutionsOf::MapRun(run.into());
        let request = ListExecutions { tenant: tenant(), of, status, redriven: None, limit: 100, after };
        let page = fixture.engine.list_executions(request).await.unwrap();
        arns.extend(page.items.into_iter().map(|item| item.arn));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    let mut found = Vec::new();
    for arn in arns {
        found.push(fixture.describe(&arn).await);
    }
    found
}

fn numbers(count: usize) -> String {
    let all: Vec<String> = (0..count).map(|n| n.to_string()).collect();
    format!("[{}]", all.join(","))
}

/// Checks on an SQLite store, in real time.
pub(crate) async fn on_sqlite(check: impl AsyncFnOnce(Fixture)) {
    let directory = tempfile::tempdir().unwrap();
    check(
        Fixture::on(Arc::new(SqliteStore::open(directory.path(), &SqliteOptions::default()).unwrap())).await,
    )
    .await;
}

#[tokio::test]
async fn the_same_holds_on_sqlite() {
    on_sqlite(ordered).await;
    on_sqlite(stopped).await;
    on_sqlite(redriven).await;
}

#[tokio::test(start_paused = true)]
async fn children_give_their_results_in_order() {
    ordered(Fixture::new().await).await;
}

async fn ordered(fixture: Fixture) {
    fixture.create("m", &distributed(r#","MaxConcurrency":7"#, PASS)).await;
    let arn = fixture.start("m", "e", &numbers(500)).await;
    let done = fixture.closed(&arn).await;
    assert_eq!((done.status, done.output.unwrap().text()), (ExecutionStatus::Succeeded, &*numbers(500)));
    assert_eq!(
        types(&fixture, &arn).await,
        [
            "ExecutionStarted",
            "MapStateEntered",
            "MapStateStarted",
            "MapRunStarted",
            "MapRunSucceeded",
            "MapStateSucceeded",
            "MapStateExited",
            "ExecutionSucceeded",
        ]
    );
    let run = run_of(&fixture, &arn).await;
    assert_eq!((run.status, run.max_concurrency, &*run.execution_arn), (MapRunStatus::Succeeded, 7, &*arn));
    assert_eq!((run.items.succeeded, run.items.total, run.items.results_written), (500, 500, 500));
    assert_eq!((run.items.pending, run.items.running, run.executions), (0, 0, run.items));
    assert_eq!(children(&fixture, &run.arn, None).await.len(), 500);
    assert!(outbox(&*fixture.store).await.is_empty());
    assert_eq!(fixture.store.open_executions(None).await.unwrap(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_child_is_an_execution_of_its_own() {
    let fixture = Fixture::new().await;
    let states = r#""I":{"Type":"Pass","Parameters":{"c.$":"$$","v.$":"$"},"End":true}"#;
    let fields = r#","Label":"items","ItemSelector":{"n.$":"$$.Map.Item.Value","i.$":"$$.Map.Item.Index","x.$":"$x","w.$":"$.w"},"ItemsPath":"$.items""#;
    let map = distributed(fields, states)
        .replace(r#""StartAt":"M","#, r#""StartAt":"A","#)
        .replace(r#""States":{"M""#, r#""States":{"A":{"Type":"Pass","Assign":{"x":5},"Next":"M"},"M""#);
    fixture.create("m", &map).await;
    let arn = fixture.start("m", "e", r#"{"items":["a","b"],"w":true}"#).await;
    let done = fixture.closed(&arn).await;
    let run = run_of(&fixture, &arn).await;
    assert!(run.arn.contains(":mapRun:m/items:"), "{}", run.arn);
    let output = done.output.unwrap();
    let first = output.value().as_array().unwrap()[0].clone();
    assert_eq!(first.get("v").unwrap().to_json(), r#"{"n":"a","i":0,"x":5,"w":true}"#);
    let all = children(&fixture, &run.arn, None).await;
    let child = all.iter().find(|child| child.input.text().contains("\"a\"")).unwrap();
    assert_eq!(&*child.state_machine_arn, "arn:aws:states:us-east-1:000000000000:stateMachine:m/items");
    assert!(child.arn.starts_with("arn:aws:states:us-east-1:000000000000:execution:m/items:"));
    assert_eq!(child.map_run_arn.as_deref(), Some(&*run.arn));
    assert_eq!(first.pointer("/c/Execution/Id").unwrap().as_str(), Some(&*child.arn));
    assert_eq!(types(&fixture, &child.arn).await[..2], ["ExecutionStarted", "PassStateEntered"]);
    let machine = fixture.engine.describe_state_machine_for_execution(&tenant(), &child.arn).await.unwrap();
    assert_eq!((&*machine.name, &*machine.map.as_ref().unwrap().label), ("m/items", "items"));
    assert_eq!(machine.map.unwrap().map_run_arn.as_ref(), Some(&run.arn));
    assert!(machine.definition.starts_with(r#"{"ProcessorConfig""#), "{}", machine.definition);
    assert_eq!(child.redrivable, Redrivable::No("Execution is SUCCEEDED and cannot be redriven".into()));
}

#[tokio::test(start_paused = true)]
async fn without_items_a_run_is_over_at_once() {
    let fixture = Fixture::new().await;
    fixture.create("m", &distributed("", PASS)).await;
    let arn = fixture.start("m", "e", "[]").await;
    assert_eq!(fixture.closed(&arn).await.output.unwrap().text(), "[]");
    assert_eq!(run_of(&fixture, &arn).await.items.total, 0);
}

#[tokio::test(start_paused = true)]
async fn batches_are_cut_by_number_and_by_size() {
    let fixture = Fixture::new().await;
    for (name, batcher, count, first) in [
        ("by-number", r#"{"MaxItemsPerBatch":4}"#, 3, r#"{"Items":[0,1,2,3]}"#),
        (
            "with-input",
            r#"{"MaxItemsPerBatch":100,"BatchInput":{"k":1}}"#,
            1,
            r#"{"BatchInput":{"k":1},"Items":[0,1,2,3,4,5,6,7,8,9]}"#,
        ),
        ("by-size", r#"{"MaxInputBytesPerBatch":19}"#, 3, r#"{"Items":[0,1,2,3]}"#),
        ("by-path", r#"{"MaxItemsPerBatchPath":"$.most"}"#, 5, r#"{"Items":[0,1]}"#),
    ] {
        let fields = format!(r#","ItemsPath":"$.items","ItemBatcher":{batcher}"#);
        fixture.create(name, &distributed(&fields, PASS)).await;
        let arn = fixture.start(name, "e", &format!(r#"{{"items":{},"most":"2"}}"#, numbers(10))).await;
        let output = fixture.closed(&arn).await.output.unwrap();
        let batches = output.value().as_array().unwrap();
        assert_eq!((batches.len(), &*batches[0].to_json()), (count, first), "{name}");
        let items: usize = batches.iter().map(|b| b.get("Items").unwrap().as_array().unwrap().len()).sum();
        assert_eq!(items, 10, "{name}");
        let run = run_of(&fixture, &arn).await;
        assert_eq!((run.items.total, run.items.succeeded), (10, 10));
        assert_eq!(run.executions.succeeded, u64::try_from(count).unwrap());
    }
}

#[tokio::test(start_paused = true)]
async fn failures_are_tolerated_up_to_the_threshold() {
    let fixture = Fixture::new().await;
    let input = r#"[{"n":1},{"bad":1},{"n":2},{"bad":2},{"n":3}]"#;
    for (name, fields, succeeds) in [
        ("none", "", false),
        ("one", r#","ToleratedFailureCount":1"#, false),
        ("two", r#","ToleratedFailureCount":2"#, true),
        ("less", r#","ToleratedFailurePercentage":39.9"#, false),
        ("enough", r#","ToleratedFailurePercentage":40"#, true),
        ("either", r#","ToleratedFailurePercentage":100,"ToleratedFailureCount":1"#, false),
    ] {
        fixture.create(name, &distributed(&format!(r#","MaxConcurrency":1{fields}"#), PICKY)).await;
        let arn = fixture.start(name, "e", input).await;
        let done = fixture.closed(&arn).await;
        let run = run_of(&fixture, &arn).await;
        if succeeds {
            assert_eq!(
                (done.status, run.status),
                (ExecutionStatus::Succeeded, MapRunStatus::Succeeded),
                "{name}"
            );
            assert_eq!((run.items.succeeded, run.items.failed), (3, 2));
            let output = done.output.unwrap();
            let results = output.value().as_array().unwrap();
            assert_eq!(results[0].to_json(), r#"{"n":1}"#);
            assert_eq!(results[1].get("Status").unwrap().as_str(), Some("FAILED"));
            assert_eq!(results[1].get("Input").unwrap().as_str(), Some(r#"{"bad":1}"#));
            assert_eq!(results[1].get("Error").unwrap().as_str(), Some("Bad"));
        } else {
            assert_eq!((done.status, run.status), (ExecutionStatus::Failed, MapRunStatus::Failed), "{name}");
            assert_eq!(done.fault.error.as_deref(), Some("States.ExceedToleratedFailureThreshold"));
            assert_eq!(
                done.fault.cause.as_deref(),
                Some("The specified tolerated failure threshold was exceeded")
            );
            assert_eq!(
                types(&fixture, &arn).await[3..],
                ["MapRunStarted", "MapRunFailed", "MapStateFailed", "ExecutionFailed"]
            );
        }
    }
    assert!(outbox(&*fixture.store).await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_run_that_fails_can_be_retried_and_caught() {
    let fixture = Fixture::new().await;
    let fields = r#","Retry":[{"ErrorEquals":["States.ALL"],"MaxAttempts":1,"IntervalSeconds":3}],
        "Catch":[{"ErrorEquals":["States.ExceedToleratedFailureThreshold"],"ResultPath":"$.e","Next":"C"}],"ItemsPath":"$.items""#;
    let map = distributed(fields, PICKY)
        .replace(r#""States":{"M""#, r#""States":{"C":{"Type":"Pass","End":true},"M""#);
    fixture.create("m", &map).await;
    let arn = fixture.start("m", "e", r#"{"items":[{"bad":1}]}"#).await;
    let done = fixture.closed(&arn).await;
    assert_eq!(done.status, ExecutionStatus::Succeeded);
    assert_eq!(
        types(&fixture, &arn).await,
        [
            "ExecutionStarted",
            "MapStateEntered",
            "MapStateStarted",
            "MapRunStarted",
            "MapRunFailed",
            "MapStateStarted",
            "MapRunStarted",
            "MapRunFailed",
            "MapStateFailed",
            "MapStateExited",
            "PassStateEntered",
            "PassStateExited",
            "ExecutionSucceeded",
        ]
    );
    let runs = fixture.engine.list_map_runs(&tenant(), &arn, 10, None).await.unwrap().items;
    assert_eq!(runs.len(), 2, "a retry is another run");
    assert!(runs.iter().all(|run| run.stopped_at.is_some()));
}

#[tokio::test(start_paused = true)]
async fn no_more_children_are_open_than_allowed_and_the_counts_are_live() {
    let fixture = Fixture::new().await;
    fixture.create("m", &distributed(r#","MaxConcurrency":3"#, TASK)).await;
    let arn = fixture.start("m", "e", &numbers(10)).await;
    fixture.desk.order(2).await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(fixture.desk.orders().len(), 3);
    let run = run_of(&fixture, &arn).await;
    assert_eq!(
        (run.status, run.items.running, run.items.pending, run.items.total),
        (MapRunStatus::Running, 3, 7, 10)
    );
    assert_eq!((run.executions.running, run.executions.pending), (3, 7));
    assert_eq!(children(&fixture, &run.arn, Some(ExecutionStatus::Running)).await.len(), 3);

    let update = UpdateMapRun { max_concurrency: Some(5), ..UpdateMapRun::default() };
    fixture.engine.update_map_run(&tenant(), &run.arn, update).await.unwrap();
    fixture.desk.order(4).await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(fixture.desk.orders().len(), 5);
    for n in 0..10 {
        let order = fixture.desk.order(n).await;
        let output = json(order.parameters.as_ref().unwrap().text());
        fixture.engine.report(order.task.clone(), Report::Succeeded(output)).await.unwrap();
    }
    assert_eq!(fixture.closed(&arn).await.output.unwrap().text(), numbers(10));
    let refused = fixture.engine.update_map_run(&tenant(), &run.arn, update).await.unwrap_err();
    assert_eq!(refused.kind, ErrorKind::CompletedMapRun);
    assert!(outbox(&*fixture.store).await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_tolerance_that_is_lowered_ends_a_run() {
    let fixture = Fixture::new().await;
    fixture.create("m", &distributed(r#","MaxConcurrency":2,"ToleratedFailureCount":5"#, TASK)).await;
    let arn = fixture.start("m", "e", &numbers(6)).await;
    let first = fixture.desk.order(0).await;
    let failed = Report::Failed { error: "E".into(), cause: "c".into() };
    fixture.engine.report(first.task.clone(), failed).await.unwrap();
    fixture.desk.order(2).await;
    let run = run_of(&fixture, &arn).await;
    let update = UpdateMapRun { tolerated_failure_count: Some(0), ..UpdateMapRun::default() };
    fixture.engine.update_map_run(&tenant(), &run.arn, update).await.unwrap();
    let done = fixture.closed(&arn).await;
    assert_eq!(done.fault.error.as_deref(), Some("States.ExceedToleratedFailureThreshold"));
    let run = run_of(&fixture, &arn).await;
    assert_eq!((run.items.failed, run.items.aborted, run.items.pending, run.items.total), (1, 2, 3, 6));
    assert_eq!(fixture.store.open_executions(None).await.unwrap(), 0);
    assert!(
        outbox(&*fixture.store).await.iter().all(|row| row.key.len() != 25),
        "only what workers are owed is left"
    );
}

#[tokio::test(start_paused = true)]
async fn a_stopped_execution_stops_its_children() {
    stopped(Fixture::new().await).await;
}

async fn stopped(fixture: Fixture) {
    fixture.create("m", &distributed(r#","MaxConcurrency":3"#, TASK)).await;
    let arn = fixture.start("m", "e", &numbers(9)).await;
    fixture.desk.order(2).await;
    fixture.engine.stop_execution(&tenant(), &arn, Fault::default()).await.unwrap();
    assert_eq!(fixture.describe(&arn).await.status, ExecutionStatus::Aborted);
    let run = eventually(async || {
        Some(run_of(&fixture, &arn).await).filter(|run| run.status != MapRunStatus::Running)
    })
    .await;
    assert_eq!((run.status, run.items.aborted, run.items.pending), (MapRunStatus::Aborted, 3, 6));
    assert_eq!(fixture.store.open_executions(None).await.unwrap(), 0);
    eventually(async || outbox(&*fixture.store).await.is_empty().then_some(())).await;
    assert_eq!(types(&fixture, &arn).await.last().unwrap(), "ExecutionAborted");
}

#[tokio::test(start_paused = true)]
async fn a_run_goes_on_after_a_restart() {
    let fixture = Fixture::new().await;
    fixture.create("m", &distributed(r#","MaxConcurrency":4"#, TASK)).await;
    let arn = fixture.start("m", "e", &numbers(10)).await;
    let first = fixture.desk.order(0).await;
    fixture.desk.order(3).await;
    fixture.engine.report(first.task.clone(), Report::Succeeded(json("\"early\""))).await.unwrap();
    let fixture = fixture.restart().await;
    let mut done = std::collections::HashSet::from([first.task.clone()]);
    eventually(async || {
        for order in fixture.desk.orders() {
            if done.insert(order.task.clone()) {
                fixture.engine.report(order.task.clone(), Report::Succeeded(json("\"late\""))).await.unwrap();
            }
        }
        Some(fixture.describe(&arn).await).filter(|e| e.status == ExecutionStatus::Succeeded)
    })
    .await;
    assert_eq!(done.len(), 10, "every item was worked on once");
    let output = fixture.describe(&arn).await.output.unwrap();
    let early = output.value().as_array().unwrap().iter().filter(|v| v.as_str() == Some("early")).count();
    assert_eq!((output.value().as_array().unwrap().len(), early), (10, 1));
    assert!(outbox(&*fixture.store).await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_result_that_is_too_large_fails_the_run() {
    let limits = Limits { payload_bytes: 2_000, ..Limits::default() };
    let fixture = Fixture::with(Arc::new(MemoryStore::new(4)), limits, Options::default()).await;
    let states = format!(r#""I":{{"Type":"Pass","Result":"{}","End":true}}"#, "x".repeat(300));
    fixture.create("m", &distributed("", &states)).await;
    let small = fixture.start("m", "small", &numbers(6)).await;
    assert_eq!(fixture.closed(&small).await.status, ExecutionStatus::Succeeded);
    let large = fixture.start("m", "large", &numbers(7)).await;
    let done = fixture.closed(&large).await;
    assert_eq!(done.fault.error.as_deref(), Some("States.DataLimitExceeded"));
    assert_eq!(run_of(&fixture, &large).await.items.succeeded, 7);
    // A redrive begins another run.
    tokio::time::sleep(Duration::from_secs(1)).await;
    fixture.engine.redrive_execution(&tenant(), &large, None).await.unwrap();
    fixture.closed(&large).await;
    assert_eq!(fixture.engine.list_map_runs(&tenant(), &large, 9, None).await.unwrap().items.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn an_item_that_makes_no_input_fails_the_run() {
    let fixture = Fixture::new().await;
    let fields = r#","ItemSelector":{"x.$":"$$.Map.Item.Value.x"}"#;
    fixture.create("m", &distributed(fields, PASS)).await;
    let arn = fixture.start("m", "e", r#"[{"x":1},{"y":2}]"#).await;
    let done = fixture.closed(&arn).await;
    assert_eq!(done.fault.error.as_deref(), Some("States.Runtime"));
    assert!(done.fault.cause.unwrap().contains("could not be found in the input"));
    assert_eq!(
        types(&fixture, &arn).await[3..],
        ["MapRunStarted", "MapRunFailed", "MapStateFailed", "ExecutionFailed"]
    );
}

#[tokio::test(start_paused = true)]
async fn a_redrive_takes_up_what_did_not_succeed_and_what_had_not_begun() {
    redriven(Fixture::new().await).await;
}

async fn redriven(fixture: Fixture) {
    fixture.create("m", &distributed(r#","MaxConcurrency":2"#, TASK)).await;
    let arn = fixture.start("m", "e", &numbers(5)).await;
    let (first, second) = (fixture.desk.order(0).await, fixture.desk.order(1).await);
    fixture.engine.report(first.task.clone(), Report::Succeeded(json("\"a\""))).await.unwrap();
    fixture.desk.order(2).await;
    let failed = Report::Failed { error: "E".into(), cause: "c".into() };
    fixture.engine.report(second.task.clone(), failed).await.unwrap();
    let before = fixture.closed(&arn).await;
    assert_eq!((before.status, &before.redrivable), (ExecutionStatus::Failed, &Redrivable::Yes));
    let run = run_of(&fixture, &arn).await;
    assert_eq!((run.status, run.items.succeeded, run.items.failed), (MapRunStatus::Failed, 1, 1));
    let unsuccessful = children(&fixture, &run.arn, Some(ExecutionStatus::Failed)).await;
    assert_eq!(unsuccessful[0].redrivable, Redrivable::ByMapRun);
    let refused = fixture.engine.redrive_execution(&tenant(), &unsuccessful[0].arn, None).await.unwrap_err();
    assert_eq!(refused.kind, ErrorKind::ExecutionNotRedrivable);
    let aborted = run.items.aborted;
    assert_eq!(run.items.pending + aborted, 3);
    tokio::time::sleep(Duration::from_millis(50)).await;

    fixture.engine.redrive_execution(&tenant(), &arn, None).await.unwrap();
    let mut known: std::collections::HashSet<_> = fixture
        .desk
        .orders()
        .iter()
        .take(usize::try_from(2 + aborted).unwrap())
        .map(|o| o.task.clone())
        .collect();
    let mut answered = 0;
    eventually(async || {
        for order in fixture.desk.orders() {
            if known.insert(order.task.clone()) {
                answered += 1;
                fixture.engine.report(order.task.clone(), Report::Succeeded(json("\"b\""))).await.unwrap();
            }
        }
        Some(fixture.describe(&arn).await).filter(|e| e.status != ExecutionStatus::Running)
    })
    .await;
    let done = fixture.describe(&arn).await;
    assert_eq!(done.output.unwrap().text(), r#"["a","b","b","b","b"]"#);
    assert_eq!(answered, 4, "the one that had succeeded isn't run again");
    let run = run_of(&fixture, &arn).await;
    assert_eq!((run.status, run.redrive_count, run.items.succeeded), (MapRunStatus::Succeeded, 1, 5));
    assert_eq!((run.items.failed, run.items.pending_redrive, run.items.total), (0, 0, 5));
    assert_eq!(fixture.engine.list_map_runs(&tenant(), &arn, 9, None).await.unwrap().items.len(), 1);
    let types = types(&fixture, &arn).await;
    assert!(types.contains(&"MapRunRedriven".to_owned()), "{types:?}");
    eventually(async || outbox(&*fixture.store).await.is_empty().then_some(())).await;
    assert_eq!(fixture.store.open_executions(None).await.unwrap(), 0);
}

/// The numbers of children that a list shows, page by page, each page of `limit` but the last.
async fn shown(fixture: &Fixture, run: &str, status: ExecutionStatus, limit: usize) -> Vec<String> {
    let (mut names, mut after, mut pages) = (Vec::new(), None, 0);
    loop {
        let of = ExecutionsOf::MapRun(run.into());
        let request =
            ListExecutions { tenant: tenant(), of, status: Some(status), redriven: None, limit, after };
        let page = fixture.engine.list_executions(request).await.unwrap();
        assert!(page.items.iter().all(|item| item.status == status), "{:?}", page.items);
        assert!(page.next.is_none() || page.items.len() == limit, "a short page isn't the last");
        names.extend(page.items.into_iter().map(|item| item.name.to_string()));
        (after, pages) = (page.next, pages + 1);
        if after.is_none() {
            assert!(pages <= names.len() / limit + 1);
            return names;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn children_are_listed_by_the_status_that_is_shown_of_them() {
    use ExecutionStatus::{Aborted, Failed, PendingRedrive, TimedOut};
    let fixture = Fixture::new().await;
    let fields = r#","MaxConcurrency":4,"ToleratedFailureCount":4"#;
    fixture.create("m", &distributed(fields, TASK)).await;
    let arn = fixture.start("m", "e", &numbers(9)).await;
    let fail = async |task| {
        tokio::time::sleep(Duration::from_millis(10)).await;
        let failed = Report::Failed { error: "E".into(), cause: "c".into() };
        fixture.engine.report(task, failed).await.unwrap();
    };
    for n in 0..5 {
        fail(fixture.desk.order(n).await.task.clone()).await;
    }
    fixture.closed(&arn).await;
    let run = run_of(&fixture, &arn).await.arn;
    let failed = shown(&fixture, &run, Failed, 2).await;
    let aborted = shown(&fixture, &run, Aborted, 2).await;
    assert_eq!((failed.len(), shown(&fixture, &run, PendingRedrive, 2).await.len()), (5, 0));
    assert!(!aborted.is_empty());

    tokio::time::sleep(Duration::from_millis(10)).await;
    let orders = fixture.desk.orders().len();
    fixture.engine.redrive_execution(&tenant(), &arn, None).await.unwrap();
    fixture.desk.order(orders + 3).await;
    let waiting = failed.len() + aborted.len() - 4;
    for limit in [1, 2, 3, 100] {
        let pending = shown(&fixture, &run, PendingRedrive, limit).await;
        assert_eq!(pending.len(), waiting, "{pending:?}");
        let before: Vec<_> = failed.iter().chain(&aborted).collect();
        assert!(pending.iter().all(|name| before.contains(&name)));
        for status in [Failed, TimedOut, Aborted] {
            assert_eq!(shown(&fixture, &run, status, limit).await, Vec::<String>::new());
        }
    }
    // What fails in its new life has failed, whatever else waits.
    fail(fixture.desk.order(orders).await.task.clone()).await;
    let again =
        eventually(async || Some(shown(&fixture, &run, Failed, 2).await).filter(|failed| !failed.is_empty()))
            .await;
    assert_eq!(again.len(), 1);
    assert!(!shown(&fixture, &run, PendingRedrive, 2).await.contains(&again[0]));
}

#[tokio::test(start_paused = true)]
async fn a_stopped_execution_is_redriven_while_its_run_is_still_ending() {
    let fixture = Fixture::new().await;
    fixture.create("m", &distributed(r#","MaxConcurrency":2"#, TASK)).await;
    let arn = fixture.start("m", "e", &numbers(3)).await;
    fixture.desk.order(1).await;
    for _ in 0..3 {
        fixture.engine.stop_execution(&tenant(), &arn, Fault::default()).await.unwrap();
        fixture.engine.redrive_execution(&tenant(), &arn, None).await.unwrap();
    }
    let mut known = std::collections::HashSet::new();
    eventually(async || {
        for order in fixture.desk.orders() {
            if known.insert(order.task.clone()) {
                // One that has been let go meanwhile is stale.
                fixture.engine.report(order.task.clone(), Report::Succeeded(json("1"))).await.unwrap();
            }
        }
        Some(fixture.describe(&arn).await).filter(|e| e.status == ExecutionStatus::Succeeded)
    })
    .await;
    assert_eq!(fixture.describe(&arn).await.output.unwrap().text(), "[1,1,1]");
    assert_eq!(run_of(&fixture, &arn).await.redrive_count, 3);
    eventually(async || outbox(&*fixture.store).await.is_empty().then_some(())).await;
}

#[tokio::test(start_paused = true)]
async fn more_runs_than_may_be_open_wait() {
    let limits = Limits { open_map_runs: 1, ..Limits::default() };
    let fixture = Fixture::with(Arc::new(MemoryStore::new(4)), limits, Options::default()).await;
    fixture.create("m", &distributed("", TASK)).await;
    let first = fixture.start("m", "first", "[1]").await;
    let order = fixture.desk.order(0).await;
    let second = fixture.start("m", "second", "[2]").await;
    let third = fixture.start("m", "third", "[3]").await;
    tokio::time::sleep(Duration::from_secs(9)).await;
    assert_eq!(fixture.desk.orders().len(), 1);
    assert_eq!(types(&fixture, &second).await.last().unwrap(), "MapRunStarted");
    fixture.engine.stop_execution(&tenant(), &third, Fault::default()).await.unwrap();
    fixture.engine.report(order.task.clone(), Report::Succeeded(json("1"))).await.unwrap();
    fixture.closed(&first).await;
    let order = fixture.desk.order(1).await;
    fixture.engine.report(order.task.clone(), Report::Succeeded(json("2"))).await.unwrap();
    assert_eq!(fixture.closed(&second).await.output.unwrap().text(), "[2]");
    eventually(async || outbox(&*fixture.store).await.is_empty().then_some(())).await;
}

#[tokio::test(start_paused = true)]
async fn each_account_has_open_runs_of_its_own() {
    let limits = Limits { open_map_runs: 1, ..Limits::default() };
    let fixture = Fixture::with(Arc::new(MemoryStore::new(4)), limits, Options::default()).await;
    let definition = distributed("", TASK);
    fixture.create("m", &definition).await;
    let stranger = Tenant { account: "111111111111".into(), ..tenant() };
    let theirs = CreateStateMachine { tenant: stranger.clone(), ..Fixture::creation("m", &definition) };
    let theirs = fixture.engine.create_state_machine(theirs).await.unwrap().arn;
    fixture.start("m", "mine", "[1]").await;
    fixture.desk.order(0).await;
    let request = StartExecution {
        tenant: stranger,
        state_machine_arn: theirs,
        name: None,
        input: json("[2]"),
        trace_header: None,
        test_case: None,
    };
    fixture.engine.start_execution(request).await.unwrap();
    fixture.desk.order(1).await;
}

#[tokio::test(start_paused = true)]
async fn runs_may_be_nested() {
    let fixture = Fixture::new().await;
    let inner = r#""I":{"Type":"Map","End":true,"ItemProcessor":{"ProcessorConfig":{"Mode":"DISTRIBUTED","ExecutionType":"EXPRESS"},
        "StartAt":"J","States":{"J":{"Type":"Pass","End":true}}}}"#;
    fixture.create("m", &distributed("", inner)).await;
    let arn = fixture.start("m", "e", "[[1,2],[],[3]]").await;
    assert_eq!(fixture.closed(&arn).await.output.unwrap().text(), "[[1,2],[],[3]]");
    let run = run_of(&fixture, &arn).await;
    for child in children(&fixture, &run.arn, None).await {
        let inner = run_of(&fixture, &child.arn).await;
        assert_eq!(inner.status, MapRunStatus::Succeeded);
        let machine = inner.arn.split(':').nth(6).unwrap().split('/').next().unwrap().to_owned();
        assert_eq!(machine, "m");
    }
}

#[tokio::test(start_paused = true)]
async fn an_express_child_is_redriven_from_its_start() {
    let fixture = Fixture::new().await;
    let states = r#""I":{"Type":"Pass","Parameters":{"begun.$":"$$.State.EnteredTime","execution.$":"$$.Execution"},"Next":"J"},
        "J":{"Type":"Task","Resource":"arn:aws:states:::fam:call","ResultPath":"$.done","End":true}"#;
    let definition = distributed("", states).replace("STANDARD", "EXPRESS");
    fixture.create("m", &definition).await;
    let arn = fixture.start("m", "e", "[1]").await;
    let first = fixture.desk.order(0).await;
    let failed = Report::Failed { error: "E".into(), cause: "c".into() };
    fixture.engine.report(first.task.clone(), failed).await.unwrap();
    fixture.closed(&arn).await;
    tokio::time::sleep(Duration::from_secs(60)).await;
    fixture.engine.redrive_execution(&tenant(), &arn, None).await.unwrap();
    let second = fixture.desk.order(1).await;
    assert_ne!((&first.task, &first.submit_token), (&second.task, &second.submit_token));
    let late = fixture.engine.report(first.task.clone(), Report::Succeeded(json("1"))).await.unwrap();
    assert_eq!(late, Settled::Stale);
    fixture.engine.report(second.task.clone(), Report::Succeeded(json("2"))).await.unwrap();
    let done = fixture.closed(&arn).await;
    assert_eq!(done.status, ExecutionStatus::Succeeded);
    let (run, output) = (run_of(&fixture, &arn).await, done.output.unwrap());
    let child = &children(&fixture, &run.arn, None).await[0];
    assert!(child.arn.contains(":express:m/"), "{}", child.arn);
    let item = output.value().as_array().unwrap()[0].clone();
    let began = item.get("begun").unwrap().as_str().unwrap();
    assert!(began >= &*run.redriven_at.unwrap().to_string(), "{began}: its first state ran again");
    assert_eq!(item.pointer("/execution/RedriveCount"), None);
    let described = fixture.describe(&child.arn).await;
    assert_eq!(described.output.unwrap().value(), &item);
    let machine = fixture.engine.describe_state_machine_for_execution(&tenant(), &child.arn).await.unwrap();
    assert_eq!(machine.map.unwrap().map_run_arn, Some(run.arn));
    for refused in [
        fixture.engine.stop_execution(&tenant(), &child.arn, Fault::default()).await.unwrap_err(),
        fixture.engine.redrive_execution(&tenant(), &child.arn, None).await.unwrap_err(),
    ] {
        assert_eq!(refused.kind, ErrorKind::InvalidArn);
    }
}

#[tokio::test(start_paused = true)]
async fn writer_configs_shape_the_result() {
    let fixture = Fixture::new().await;
    for (transformation, expected) in [("COMPACT", "[[1,2],[3]]"), ("FLATTEN", "[1,2,3]")] {
        let fields = format!(r#","ResultWriter":{{"WriterConfig":{{"Transformation":"{transformation}"}}}}"#);
        fixture.create(transformation, &distributed(&fields, PASS)).await;
        let arn = fixture.start(transformation, "e", "[[1,2],[3]]").await;
        assert_eq!(fixture.closed(&arn).await.output.unwrap().text(), expected);
    }
    let fields = r#","ResultWriter":{"WriterConfig":{"Transformation":"NONE"}}"#;
    fixture.create("none", &distributed(fields, PASS)).await;
    let arn = fixture.start("none", "e", "[[1,2]]").await;
    let output = fixture.closed(&arn).await.output.unwrap();
    let record = output.value().as_array().unwrap()[0].clone();
    assert_eq!(record.get("Output").unwrap().as_str(), Some("[1,2]"));
    assert_eq!(record.get("Status").unwrap().as_str(), Some("SUCCEEDED"));
}

#[tokio::test(start_paused = true)]
async fn who_is_not_there_is_not_found() {
    let fixture = Fixture::new().await;
    let arn = "arn:aws:states:us-east-1:000000000000:mapRun:m/l:1";
    let engine = &fixture.engine;
    assert_eq!(engine.describe_map_run(&tenant(), arn).await.unwrap_err().kind, ErrorKind::ResourceNotFound);
    assert_eq!(engine.describe_map_run(&tenant(), "x").await.unwrap_err().kind, ErrorKind::InvalidArn);
    let update = engine.update_map_run(&tenant(), arn, UpdateMapRun::default()).await.unwrap_err();
    assert_eq!(update.kind, ErrorKind::ResourceNotFound);
    let of = ExecutionsOf::MapRun(arn.into());
    let request =
        ListExecutions { tenant: tenant(), of, status: None, redriven: None, limit: 9, after: None };
    assert_eq!(engine.list_executions(request).await.unwrap_err().kind, ErrorKind::ResourceNotFound);
}

#[tokio::test(start_paused = true)]
async fn the_members_of_an_object_are_items_with_keys() {
    let fixture = Fixture::new().await;
    fixture.create("whole", &distributed(r#","ItemsPath":"$.o""#, PASS)).await;
    let selector = r#","QueryLanguage":"JSONata","Items":"{% $states.input.o %}","MaxConcurrency":1,
        "ItemSelector":{"k":"{% $states.context.Map.Item.Key %}","v":"{% $states.context.Map.Item.Value %}"}"#;
    fixture.create("selected", &distributed(selector, PASS)).await;
    let input = r#"{"o":{"b":1,"a":{"x":2}}}"#;
    for (machine, expected) in [
        ("whole", r#"[{"Key":"b","Value":1},{"Key":"a","Value":{"x":2}}]"#),
        ("selected", r#"[{"k":"b","v":1},{"k":"a","v":{"x":2}}]"#),
    ] {
        let arn = fixture.start(machine, "e", input).await;
        assert_eq!(fixture.closed(&arn).await.output.unwrap().text(), expected);
        let run = run_of(&fixture, &arn).await;
        assert_eq!((run.items.succeeded, run.items.total), (2, 2));
    }
}
