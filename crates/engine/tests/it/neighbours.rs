//! One bad neighbour: what others do must not keep anybody waiting. On real time and threads.

use std::sync::Arc;
use std::time::{Duration, Instant};

use newel_asl::Limits;
use newel_engine::{Options, SystemEnv, Workflows as _};
use newel_machine::Fault;
use newel_store::{ExecutionStatus, MemoryStore};

use crate::support::{Fixture, pass, tenant};

/// How soon an answer must be there.
const SOON: Duration = Duration::from_millis(100);

const LOOP: &str = r#"{"StartAt":"C","States":{
    "C":{"Type":"Choice","Choices":[{"Variable":"$.never","IsPresent":true,"Next":"Done"}],"Default":"P"},
    "P":{"Type":"Pass","Next":"C"},"Done":{"Type":"Succeed"}}}"#;

/// A state whose evaluation takes long: one template of a great many searches through a large input.
fn slow() -> String {
    let searches: Vec<String> = (0..60).map(|n| format!(r#""s{n}.$":"$..none{n}""#)).collect();
    format!(
        r#"{{"StartAt":"S","States":{{"S":{{"Type":"Pass","Parameters":{{{}}},"Next":"T"}},"T":{{"Type":"Pass","End":true}}}}}}"#,
        searches.join(",")
    )
}

async fn timed<T>(what: impl Future<Output = T>) -> (Duration, T) {
    let began = Instant::now();
    let output = what.await;
    (began.elapsed(), output)
}

/// The shortest of some tries: what the machine's other load adds is no fault of the engine's.
async fn soonest(mut attempt: impl AsyncFnMut(usize) -> Duration) -> Duration {
    let mut best = Duration::MAX;
    for n in 0..5 {
        best = best.min(attempt(n).await);
        if best <= SOON {
            break;
        }
    }
    best
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn loops_and_slow_expressions_hold_up_nobody() {
    let limits = Limits { history_events: 100_000_000, payload_bytes: 8 << 20, ..Limits::default() };
    let env = Arc::new(SystemEnv::new(|_| {}));
    let fixture = Fixture::in_world(env, Arc::new(MemoryStore::new(4)), limits, Options::default()).await;
    fixture.create("loop", LOOP).await;
    fixture.create("slow", &slow()).await;
    fixture.create("quick", &pass(5)).await;
    let mut loops = Vec::new();
    for n in 0..5 {
        loops.push(fixture.start("loop", &format!("e{n}"), "{}").await);
    }
    let large = format!("[{}]", r#"{"a":{"b":[1,2,3]}},"#.repeat(100_000).trim_end_matches(','));
    let began = Instant::now();
    let (engine, input) = (fixture.engine.clone(), crate::support::json(&large));
    let slow = tokio::spawn(async move {
        let request = newel_engine::request::StartExecution {
            tenant: tenant(),
            state_machine_arn: crate::support::machine_arn("slow").into(),
            name: Some("slow".into()),
            input,
            trace_header: None,
            test_case: None,
        };
        engine.start_execution(request).await.unwrap()
    });
    let start = soonest(async |n| timed(fixture.start("quick", &format!("e{n}"), "{}")).await.0).await;
    let stop = soonest(async |n| {
        let tenant = tenant();
        let stop = fixture.engine.stop_execution(&tenant, &loops[n], Fault::default());
        let (took, stopped) = timed(stop).await;
        stopped.unwrap();
        took
    })
    .await;
    println!(
        "a start took {start:?}, a stop {stop:?}; the slow execution was under way: {}",
        !slow.is_finished()
    );
    assert!(start <= SOON && stop <= SOON, "a start took {start:?}, a stop {stop:?}");
    slow.await.unwrap();
    println!("the slow execution was answered after {:?}", began.elapsed());
    for arn in &loops {
        // Those that no try has stopped.
        let _closed = fixture.engine.stop_execution(&tenant(), arn, Fault::default()).await;
        assert_eq!(fixture.closed(arn).await.status, ExecutionStatus::Aborted);
    }
}
