//! Executions: start, describe, stop, list, history.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use newel_asl::Limits;
use newel_engine::request::{CreateStateMachine, GetHistory, StartExecution, Tenant};
use newel_engine::{ErrorKind, Options, Workflows as _};
use newel_machine::{Detail, Fault};
use newel_store::{ExecutionStatus, MemoryStore, SqliteOptions, SqliteStore, Store};

use crate::support::{Fixture, json, machine_arn, pass, tenant};

const WAIT: &str = r#"{"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":3600,"End":true}}}"#;

/// One of each kind of store. The directory goes with what is returned.
fn stores() -> Vec<(Arc<dyn Store>, Option<tempfile::TempDir>)> {
    let directory = tempfile::tempdir().unwrap();
    let sqlite = SqliteStore::open(directory.path(), &SqliteOptions::default()).unwrap();
    vec![(Arc::new(MemoryStore::new(4)), None), (Arc::new(sqlite), Some(directory))]
}

#[tokio::test]
async fn a_start_is_repeated_only_while_it_runs_and_with_the_same_input() {
    for (store, _directory) in stores() {
        let fixture = Fixture::on(store).await;
        fixture.create("m", WAIT).await;
        let first = fixture.try_start("m", "e", r#"{"a":1}"#).await.unwrap();
        let again = fixture.try_start("m", "e", r#"{"a":1}"#).await.unwrap();
        assert_eq!((&again.arn, again.started_at), (&first.arn, first.started_at));
        let other = fixture.try_start("m", "e", r#"{"a":2}"#).await.unwrap_err();
        assert_eq!(other.kind, ErrorKind::ExecutionAlreadyExists);
        assert_eq!(other.message, format!("Execution Already Exists: '{}'", first.arn));
        fixture.engine.stop_execution(&tenant(), &first.arn, Fault::default()).await.unwrap();
        let closed = fixture.try_start("m", "e", r#"{"a":1}"#).await.unwrap_err();
        assert_eq!(closed.kind, ErrorKind::ExecutionAlreadyExists);
        let missing = fixture.try_start("none", "e", "{}").await.unwrap_err();
        assert_eq!(missing.kind, ErrorKind::StateMachineDoesNotExist);
    }
}

#[tokio::test(start_paused = true)]
async fn a_start_without_a_name_gets_a_new_one_each_time() {
    let fixture = Fixture::new().await;
    fixture.create("m", &pass(2)).await;
    let mut arns = BTreeSet::new();
    for _ in 0..20 {
        let request = StartExecution {
            tenant: tenant(),
            state_machine_arn: machine_arn("m").into(),
            name: None,
            input: json("{}"),
            trace_header: Some("Root=1".into()),
            test_case: None,
        };
        let arn = fixture.engine.start_execution(request).await.unwrap().arn;
        assert_eq!(fixture.describe(&arn).await.trace_header.as_deref(), Some("Root=1"));
        arns.insert(arn);
    }
    assert_eq!(arns.len(), 20);
}

#[tokio::test]
async fn a_stop_tells_when_and_keeps_one_reason() {
    for (store, _directory) in stores() {
        let fixture = Fixture::on(store).await;
        fixture.create("m", WAIT).await;
        let arn = fixture.start("m", "e", "{}").await;
        let fault = |name: &str| Fault { error: Some(name.into()), cause: Some("because".into()) };
        let tenant = tenant();
        let (first, second) = tokio::join!(
            fixture.engine.stop_execution(&tenant, &arn, fault("first")),
            fixture.engine.stop_execution(&tenant, &arn, fault("second")),
        );
        let third = fixture.engine.stop_execution(&tenant, &arn, fault("third")).await;
        assert!(first == second && second == third, "{first:?} {second:?} {third:?}");
        let execution = fixture.describe(&arn).await;
        assert_eq!((execution.status, execution.stopped_at), (ExecutionStatus::Aborted, first.ok()));
        // Which of the two came first is for their reads of the store to decide.
        assert!([fault("first"), fault("second")].contains(&execution.fault), "{:?}", execution.fault);
        let events = fixture.history(&arn, false, 100).await;
        assert_eq!(events.last().unwrap().detail, Detail::ExecutionAborted(execution.fault));
        let missing =
            fixture.engine.stop_execution(&tenant, &format!("{arn}x"), fault("x")).await.unwrap_err();
        assert_eq!(missing.kind, ErrorKind::ExecutionDoesNotExist);
    }
}

#[tokio::test]
async fn executions_are_listed_newest_first_and_by_status() {
    for (store, _directory) in stores() {
        let fixture = Fixture::on(store).await;
        fixture.create("m", WAIT).await;
        fixture.create("n", &pass(1)).await;
        let mut arns = Vec::new();
        for n in 0..9 {
            arns.push(fixture.start("m", &format!("e{n}"), "{}").await);
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        fixture.start("n", "other", "{}").await;
        for arn in [&arns[1], &arns[4]] {
            fixture.engine.stop_execution(&tenant(), arn, Fault::default()).await.unwrap();
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        let list = async |status, limit| {
            let (mut names, mut after) = (Vec::new(), None);
            loop {
                let page = fixture
                    .engine
                    .list_executions(Fixture::listing("m", status, limit, after))
                    .await
                    .unwrap();
                names.extend(page.items.iter().map(|item| item.name.to_string()));
                after = page.next;
                if after.is_none() {
                    return names.join(" ");
                }
            }
        };
        assert_eq!(list(None, 4).await, "e4 e1 e8 e7 e6 e5 e3 e2 e0");
        assert_eq!(list(Some(ExecutionStatus::Running), 3).await, "e8 e7 e6 e5 e3 e2 e0");
        assert_eq!(list(Some(ExecutionStatus::Aborted), 1).await, "e4 e1");
        assert_eq!(list(Some(ExecutionStatus::Failed), 1).await, "");
    }
}

#[tokio::test(start_paused = true)]
async fn histories_are_read_in_pages_over_the_borders_of_turns() {
    for turn_events in [1, 3, 1_000] {
        let options = Options { turn_events, ..Options::default() };
        let fixture = Fixture::with(Arc::new(MemoryStore::new(1)), Limits::default(), options).await;
        fixture.create("m", &pass(30)).await;
        let arn = fixture.start("m", "e", r#"{"a":[1,2]}"#).await;
        assert_eq!(fixture.closed(&arn).await.output.unwrap().text(), r#"{"a":[1,2]}"#);
        let whole = fixture.history(&arn, false, 1_000).await;
        assert_eq!(whole.len(), 62);
        for limit in [1, 2, 5, 61, 62, 63] {
            assert_eq!(fixture.history(&arn, false, limit).await, whole, "{limit}");
            let mut back = fixture.history(&arn, true, limit).await;
            back.reverse();
            assert_eq!(back, whole, "{limit} back");
        }
        for after in ["", "x", "5.00"] {
            let request = GetHistory {
                tenant: tenant(),
                execution_arn: arn.as_str().into(),
                reverse: false,
                limit: 5,
                after: Some(after.to_owned()),
            };
            let refused = fixture.engine.get_history(request).await.unwrap_err();
            assert_eq!(refused.kind, ErrorKind::InvalidToken);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn open_executions_are_counted_and_bounded() {
    let limits = Limits { open_executions: 2, ..Limits::default() };
    let fixture = Fixture::with(Arc::new(MemoryStore::new(2)), limits, Options::default()).await;
    fixture.create("wait", WAIT).await;
    fixture.create("pass", &pass(3)).await;
    for n in 0..50 {
        // Those that close at once don't count, neither up nor down.
        fixture.start("pass", &format!("e{n}"), "{}").await;
    }
    let first = fixture.start("wait", "a", "{}").await;
    fixture.start("wait", "b", "{}").await;
    let refused = fixture.try_start("wait", "c", "{}").await.unwrap_err();
    assert_eq!(refused.kind, ErrorKind::ExecutionLimitExceeded);
    fixture.engine.stop_execution(&tenant(), &first, Fault::default()).await.unwrap();
    fixture.start("wait", "c", "{}").await;
    let fixture = fixture.restart().await;
    let refused = fixture.try_start("wait", "d", "{}").await.unwrap_err();
    assert_eq!(refused.kind, ErrorKind::ExecutionLimitExceeded);
}

#[tokio::test(start_paused = true)]
async fn what_is_there_needs_no_room_to_be_started_again() {
    let limits = Limits { open_executions: 1, ..Limits::default() };
    let fixture = Fixture::with(Arc::new(MemoryStore::new(2)), limits, Options::default()).await;
    fixture.create("wait", WAIT).await;
    fixture.create("pass", &pass(1)).await;
    fixture.start("pass", "closed", "{}").await;
    let first = fixture.try_start("wait", "a", r#"{"a":1}"#).await.unwrap();
    let again = fixture.try_start("wait", "a", r#"{"a":1}"#).await.unwrap();
    assert_eq!((&again.arn, again.started_at), (&first.arn, first.started_at));
    for (machine, name, input, kind) in [
        ("wait", "a", "{}", ErrorKind::ExecutionAlreadyExists),
        ("pass", "closed", "{}", ErrorKind::ExecutionAlreadyExists),
        ("wait", "b", "{}", ErrorKind::ExecutionLimitExceeded),
    ] {
        let refused = fixture.try_start(machine, name, input).await.unwrap_err();
        assert_eq!(refused.kind, kind, "{machine} {name}");
    }
}

#[tokio::test]
async fn each_account_has_open_executions_of_its_own_in_each_region() {
    for (store, _directory) in stores() {
        let limits = Limits { open_executions: 1, ..Limits::default() };
        let mut fixture = Fixture::with(store, limits, Options::default()).await;
        let tenants =
            [("000000000000", "us-east-1"), ("111111111111", "us-east-1"), ("000000000000", "eu-west-1")];
        let tenants =
            tenants.map(|(account, region)| Tenant { account: account.into(), region: region.into() });
        let start = async |fixture: &Fixture, tenant: &Tenant, name: &str| {
            let arn = machine_arn("m")
                .replace("us-east-1", &tenant.region)
                .replace("000000000000", &tenant.account);
            let request = StartExecution {
                tenant: tenant.clone(),
                state_machine_arn: arn.into(),
                name: Some(name.into()),
                input: json("{}"),
                trace_header: None,
                test_case: None,
            };
            fixture.engine.start_execution(request).await
        };
        let mut open = Vec::new();
        for tenant in &tenants {
            let machine = CreateStateMachine { tenant: tenant.clone(), ..Fixture::creation("m", WAIT) };
            fixture.engine.create_state_machine(machine).await.unwrap();
            open.push(start(&fixture, tenant, "a").await.unwrap().arn);
        }
        for _ in 0..2 {
            for tenant in &tenants {
                let refused = start(&fixture, tenant, "b").await.unwrap_err();
                assert_eq!(refused.kind, ErrorKind::ExecutionLimitExceeded);
            }
            // They are counted from the store the next time.
            fixture = fixture.restart().await;
        }
        fixture.engine.stop_execution(&tenants[1], &open[1], Fault::default()).await.unwrap();
        start(&fixture, &tenants[1], "b").await.unwrap();
        assert!(start(&fixture, &tenants[0], "b").await.is_err());
    }
}

#[tokio::test(start_paused = true)]
async fn timers_fire_on_time_from_memory_and_from_the_store() {
    let options = Options { timer_horizon_seconds: 10, idle_executions: 1, ..Options::default() };
    let fixture = Fixture::with(Arc::new(MemoryStore::new(1)), Limits::default(), options).await;
    fixture.create("m", &WAIT.replace(r#""Seconds":3600"#, r#""SecondsPath":"$""#)).await;
    let mut arns = Vec::new();
    for seconds in [1, 9, 11, 40, 300] {
        arns.push((seconds, fixture.start("m", &format!("e{seconds}"), &seconds.to_string()).await));
    }
    tokio::time::sleep(Duration::from_secs(20)).await;
    let fixture = fixture.restart().await;
    tokio::time::sleep(Duration::from_secs(300)).await;
    for (seconds, arn) in arns {
        let execution = fixture.closed(&arn).await;
        let took = execution.stopped_at.unwrap().as_millis() - execution.started_at.as_millis();
        assert!((seconds * 1_000..seconds * 1_000 + 50).contains(&took), "{seconds} s took {took} ms");
    }
}

#[tokio::test(start_paused = true)]
async fn closed_executions_are_kept_for_as_long_as_the_options_say() {
    let options = Options { retention_days: 2, ..Options::default() };
    let fixture = Fixture::with(Arc::new(MemoryStore::new(3)), Limits::default(), options).await;
    fixture.create("m", &pass(1)).await;
    fixture.create("open", WAIT).await;
    let mut arns = Vec::new();
    for n in 0..250 {
        arns.push(fixture.start("m", &format!("e{n}"), "{}").await);
    }
    tokio::time::sleep(Duration::from_secs(47 * 3_600)).await;
    assert_eq!(fixture.describe(&arns[0]).await.status, ExecutionStatus::Succeeded);
    let open = fixture.start("open", "e", "{}").await;
    tokio::time::sleep(Duration::from_secs(3 * 3_600)).await;
    for arn in &arns {
        let missing = fixture.engine.describe_execution(&tenant(), arn).await.unwrap_err();
        assert_eq!(missing.kind, ErrorKind::ExecutionDoesNotExist);
    }
    assert!(fixture.engine.describe_execution(&tenant(), &open).await.is_ok());
    fixture.start("m", "e0", "{}").await;
}
