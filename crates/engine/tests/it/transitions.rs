//! The rate of state transitions: who is over it goes slower, and nobody fails.

use std::sync::Arc;
use std::time::Duration;

use newel_engine::request::{CreateStateMachine, MachineType, StartExecution, Tenant};
use newel_engine::{Engine, Report, TaskEngine as _, Workflows as _};
use newel_machine::Fault;
use newel_store::{ExecutionStatus, MemoryStore};
use tokio::time::Instant;

use crate::map_runs::{PASS, TASK, distributed};
use crate::support::{Fixture, json, machine_arn, pass, tenant};

async fn paced(bucket: u32, refill: u32) -> Fixture {
    Fixture::on(Arc::new(MemoryStore::new(4))).await.restart_paced(bucket, refill).await
}

/// Starts executions and gives when each was closed, in seconds since now.
async fn closed_after(fixture: &Fixture, machine: &str, names: impl Iterator<Item = usize>) -> Vec<u64> {
    let began = Instant::now();
    let mut arns = Vec::new();
    for n in names {
        arns.push(fixture.start(machine, &format!("e{n}"), "{}").await);
    }
    let mut seconds = Vec::new();
    for arn in arns {
        let closed = fixture.closed(&arn).await;
        assert_eq!(closed.status, ExecutionStatus::Succeeded);
        let open = closed.stopped_at.unwrap().as_millis() - closed.started_at.as_millis();
        seconds.push(u64::try_from(open).unwrap() / 1_000);
    }
    assert!(seconds.iter().all(|open| Duration::from_secs(*open) <= began.elapsed()));
    seconds
}

#[tokio::test(start_paused = true)]
async fn executions_of_a_tenant_share_its_rate_and_fail_at_nothing() {
    let fixture = paced(100, 10).await;
    fixture.create("m", &pass(10)).await;
    // 300 transitions: 100 at once, the others at 10 a second.
    let mut seconds = closed_after(&fixture, "m", 0..30).await;
    seconds.sort_unstable();
    assert_eq!(seconds[0], 0);
    assert!((18..=21).contains(&seconds[29]), "{seconds:?}");
}

#[tokio::test(start_paused = true)]
async fn what_is_not_used_is_there_later_up_to_the_bucket() {
    let fixture = paced(20, 10).await;
    fixture.create("m", &pass(10)).await;
    assert_eq!(closed_after(&fixture, "m", 0..2).await, [0, 0]);
    tokio::time::sleep(Duration::from_secs(3_600)).await;
    let seconds = closed_after(&fixture, "m", 2..6).await;
    assert_eq!(seconds[..2], [0, 0]);
    assert!((1..=3).contains(seconds.iter().max().unwrap()), "{seconds:?}");
}

#[tokio::test(start_paused = true)]
async fn one_that_makes_many_is_paced_too() {
    let fixture = paced(1, 10).await;
    fixture.create("m", &pass(100)).await;
    let open = closed_after(&fixture, "m", 0..1).await[0];
    assert!((9..=11).contains(&open), "{open}");
    // It leaves no debt behind.
    fixture.create("short", &pass(1)).await;
    assert_eq!(closed_after(&fixture, "short", 1..2).await, [0]);
}

#[tokio::test(start_paused = true)]
async fn what_happens_to_an_execution_is_taken_in_at_once() {
    let fixture = paced(4, 1).await;
    let task = r#"{"StartAt":"T","States":{"T":{"Type":"Task","Resource":"arn:aws:states:::fam:call","TimeoutSeconds":5,"Next":"P"},
        "P":{"Type":"Pass","End":true}}}"#;
    fixture.create("t", task).await;
    fixture.create("m", &pass(3_000)).await;
    let arn = fixture.start("t", "task", "{}").await;
    let order = fixture.desk.order(0).await;
    for name in ["a", "b", "c"] {
        fixture.start("m", name, "{}").await;
    }
    tokio::time::sleep(Duration::from_secs(4)).await;
    let began = Instant::now();
    for report in [Report::Heartbeat, Report::Succeeded(json("7"))] {
        fixture.engine.report(order.task.clone(), report).await.unwrap();
    }
    assert!(began.elapsed() < Duration::from_millis(100), "{:?}", began.elapsed());
    // Its time is over while it stands in the line, which is nothing to the task.
    assert_eq!(fixture.closed(&arn).await.status, ExecutionStatus::Succeeded);
    assert!(began.elapsed() > Duration::from_secs(1), "{:?}", began.elapsed());
}

async fn start_as(engine: &Engine, tenant: &Tenant) -> String {
    let creation = CreateStateMachine { tenant: tenant.clone(), ..Fixture::creation("m", &pass(10)) };
    let machine = engine.create_state_machine(creation).await.unwrap().arn;
    let request = StartExecution {
        tenant: tenant.clone(),
        state_machine_arn: machine,
        name: None,
        input: json("{}"),
        trace_header: None,
        test_case: None,
    };
    engine.start_execution(request).await.unwrap().arn.to_string()
}

#[tokio::test(start_paused = true)]
async fn other_accounts_regions_and_express_executions_are_not_held_up() {
    let fixture = paced(10, 1).await;
    fixture.create("m", &pass(10)).await;
    fixture.start("m", "first", "{}").await;
    let slow = fixture.start("m", "slow", "{}").await;
    let engine = &fixture.engine;
    for other in [
        Tenant { account: "111111111111".into(), ..tenant() },
        Tenant { region: "eu-west-1".into(), ..tenant() },
    ] {
        let arn = start_as(engine, &other).await;
        let found = engine.describe_execution(&other, &arn).await.unwrap();
        assert_eq!(found.status, ExecutionStatus::Succeeded);
    }
    let creation =
        CreateStateMachine { machine_type: MachineType::Express, ..Fixture::creation("x", &pass(50)) };
    engine.create_state_machine(creation).await.unwrap();
    let request = StartExecution {
        tenant: tenant(),
        state_machine_arn: machine_arn("x").into(),
        name: None,
        input: json("{}"),
        trace_header: None,
        test_case: None,
    };
    assert_eq!(engine.start_sync_execution(request).await.unwrap().status, ExecutionStatus::Succeeded);
    assert_eq!(fixture.describe(&slow).await.status, ExecutionStatus::Running);
    fixture.closed(&slow).await;
}

#[tokio::test(start_paused = true)]
async fn a_start_and_a_stop_wait_for_nothing() {
    let fixture = paced(10, 100).await;
    fixture.create("m", &pass(3_000)).await;
    fixture.create("short", &pass(10)).await;
    let began = Instant::now();
    let first = fixture.start("m", "first", "{}").await;
    let others: Vec<_> = [fixture.start("m", "a", "{}").await, fixture.start("m", "b", "{}").await].into();
    for arn in others.iter().chain([&first]) {
        fixture.engine.stop_execution(&tenant(), arn, Fault::default()).await.unwrap();
        assert_eq!(fixture.describe(arn).await.status, ExecutionStatus::Aborted);
    }
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    // Nobody is left in the line, and hardly a debt.
    assert_eq!(closed_after(&fixture, "short", 9..10).await, [0]);
}

#[tokio::test(start_paused = true)]
async fn waits_reports_and_map_runs_go_on_in_their_turn() {
    let fixture = paced(2, 1).await;
    fixture.create("m", &distributed(r#","MaxConcurrency":2"#, PASS)).await;
    let arn = fixture.start("m", "e", "[1,2,3,4,5,6]").await;
    let closed = fixture.closed(&arn).await;
    assert_eq!(closed.output.unwrap().text(), "[1,2,3,4,5,6]");
    let open = closed.stopped_at.unwrap().as_millis() - closed.started_at.as_millis();
    assert!(open >= 3_000, "seven states at one a second: {open}");

    fixture.create("t", &distributed("", TASK)).await;
    let arn = fixture.start("t", "e", "[1]").await;
    let order = fixture.desk.order(0).await;
    fixture.engine.report(order.task.clone(), Report::Succeeded(json("7"))).await.unwrap();
    assert_eq!(fixture.closed(&arn).await.output.unwrap().text(), "[7]");
}

#[tokio::test(start_paused = true)]
async fn those_who_wait_are_found_again_after_a_restart() {
    let fixture = paced(5, 1).await;
    fixture.create("m", &pass(10)).await;
    let mut arns = Vec::new();
    for n in 0..5 {
        arns.push(fixture.start("m", &format!("e{n}"), "{}").await);
    }
    let fixture = fixture.restart().await;
    for arn in arns {
        assert_eq!(fixture.closed(&arn).await.status, ExecutionStatus::Succeeded);
    }
}

#[tokio::test(start_paused = true)]
async fn who_finds_the_line_too_long_comes_back_later() {
    let fixture = paced(1, 1).await;
    fixture.create("m", &pass(2)).await;
    for n in 0..10_100 {
        fixture.start("m", &format!("e{n}"), "{}").await;
    }
    let open = async || fixture.store.open_executions(None).await.unwrap();
    assert!(open().await > 10_050, "most wait");
    // 20,200 transitions at one a second.
    tokio::time::sleep(Duration::from_secs(40_000)).await;
    assert_eq!(open().await, 0);
}
