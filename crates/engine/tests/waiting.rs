//! Waiting is cheap: what an execution that waits costs in memory, and that it costs no more when there are many.
//!
//! It is a program of its own, as it looks at the memory of its process.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::stream::{FuturesUnordered, StreamExt as _};
use newel_asl::{Limits, Resource, ResourceCatalog, ResourceFault, TaskOrigin};
use newel_engine::request::{Configuration, CreateStateMachine, MachineType, StartExecution, Tenant};
use newel_engine::{
    Dispatch, Dispatcher, Engine, NoObserver, Options, Parts, SystemEnv, TaskId, Workflows as _,
};
use newel_store::{SqliteOptions, SqliteStore};
use newel_value::{Payload, Value};

/// Executions that are started before memory is looked at, so that the store's own caches are full, and from then on.
const FIRST: usize = 20_000;
const MORE: usize = 20_000;
/// Starts that are under way at once.
const AT_ONCE: usize = 64;
/// What an execution may take in memory while it waits, in bytes: room for the caches of the store and for chance, not for an
/// execution.
const MOST_BYTES: usize = 400;

/// No resources, no workers.
#[derive(Debug)]
struct Nothing;

impl ResourceCatalog for Nothing {
    fn resolve(&self, arn: &str) -> Result<Resource, ResourceFault> {
        Err(ResourceFault { pointer: "/Resource".to_owned(), message: format!("{arn} is unknown") })
    }

    fn check_template(&self, _: &Resource, _: &str, _: &Value) -> Vec<ResourceFault> {
        Vec::new()
    }

    fn prepare(&self, _: &Resource, parameters: Value, _: TaskOrigin<'_>) -> Result<Value, Vec<String>> {
        Ok(parameters)
    }
}

impl Dispatcher for Nothing {
    fn dispatch(&self, _: Vec<Arc<Dispatch>>) {}

    fn forget(&self, _: &[TaskId]) {}
}

fn tenant() -> Tenant {
    Tenant { account: "000000000000".into(), region: "us-east-1".into() }
}

async fn engine(store: SqliteStore) -> Engine {
    let parts = Parts {
        env: Arc::new(SystemEnv::new(|_| {})),
        store: Arc::new(store),
        catalog: Arc::new(Nothing),
        dispatcher: Arc::new(Nothing),
        observer: Arc::new(NoObserver),
        vault: Arc::default(),
        limits: Limits::default(),
        options: Options::default(),
        test_cases: None,
        transitions: None,
    };
    Engine::start(parts).await.expect("the engine starts")
}

async fn start(engine: &Engine, count: usize) {
    let mut starts = FuturesUnordered::new();
    for number in 0..count {
        if starts.len() == AT_ONCE {
            starts.next().await;
        }
        starts.push(async move {
            let request = StartExecution {
                tenant: tenant(),
                state_machine_arn: "arn:aws:states:us-east-1:000000000000:stateMachine:m".into(),
                name: None,
                input: Payload::parse(format!(r#"{{"number":{number},"text":"{}"}}"#, "x".repeat(400)))
                    .expect("JSON"),
                trace_header: None,
                test_case: None,
            };
            engine.start_execution(request).await.expect("it starts");
        });
    }
    while starts.next().await.is_some() {}
}

/// Bytes of memory of this process that are its own.
fn resident() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").expect("Linux");
    let pages =
        |n: usize| statm.split(' ').nth(n).and_then(|pages| pages.parse::<usize>().ok()).expect("a number");
    (pages(1) - pages(2)) * rustix::param::page_size()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_execution_that_waits_takes_next_to_no_memory() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = SqliteStore::open(directory.path(), &SqliteOptions::default()).expect("a store");
    let engine = engine(store).await;
    let machine = CreateStateMachine {
        tenant: tenant(),
        name: "m".into(),
        definition: r#"{"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":86400,"End":true}}}"#.into(),
        role_arn: "role".into(),
        machine_type: MachineType::Standard,
        configuration: Configuration::default(),
        tags: Vec::new(),
        publish: false,
        version_description: None,
    };
    engine.create_state_machine(machine).await.expect("a machine");
    start(&engine, FIRST).await;
    let before = resident();
    let began = Instant::now();
    start(&engine, MORE).await;
    let took = began.elapsed();
    let each = resident().saturating_sub(before) / MORE;
    let rate = MORE as u128 * 1_000 / took.max(Duration::from_millis(1)).as_millis();
    println!("{each} bytes an execution, {} MB in all, {rate} starts a second", resident() >> 20);
    assert!(each <= MOST_BYTES, "{each} bytes an execution");
}
