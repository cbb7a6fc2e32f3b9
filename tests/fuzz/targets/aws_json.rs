//! Requests of the AWS JSON API: an operation's number, then its members as JSON, carried out by a whole engine in memory.
#![no_main]

use std::sync::{Arc, LazyLock};

use libfuzzer_sys::fuzz_target;
use newel_api::{Clock, Local};
use newel_asl::{Limits, Timestamp};
use newel_aws_catalog::Catalog;
use newel_engine::request::Tenant;
use newel_engine::{Dispatch, Dispatcher, Engine, NoObserver, Options, Parts, SystemEnv, TaskId};
use newel_integrations::Integrations;
use newel_store::MemoryStore;
use newel_value::Value;
use tokio::runtime::Runtime;

/// The names that requests give, `GetActivityTask` left out: it waits for a minute.
const OPERATIONS: [&str; 36] = [
    "CreateActivity",
    "CreateStateMachine",
    "CreateStateMachineAlias",
    "DeleteActivity",
    "DeleteStateMachine",
    "DeleteStateMachineAlias",
    "DeleteStateMachineVersion",
    "DescribeActivity",
    "DescribeExecution",
    "DescribeMapRun",
    "DescribeStateMachine",
    "DescribeStateMachineAlias",
    "DescribeStateMachineForExecution",
    "GetExecutionHistory",
    "ListActivities",
    "ListExecutions",
    "ListMapRuns",
    "ListStateMachineAliases",
    "ListStateMachineVersions",
    "ListStateMachines",
    "ListTagsForResource",
    "PublishStateMachineVersion",
    "RedriveExecution",
    "SendTaskFailure",
    "SendTaskHeartbeat",
    "SendTaskSuccess",
    "StartExecution",
    "StartSyncExecution",
    "StopExecution",
    "TagResource",
    "TestState",
    "UntagResource",
    "UpdateMapRun",
    "UpdateStateMachine",
    "UpdateStateMachineAlias",
    "ValidateStateMachineDefinition",
];

/// Nobody carries tasks out.
#[derive(Debug)]
struct Nobody;

impl Dispatcher for Nobody {
    fn dispatch(&self, _dispatches: Vec<Arc<Dispatch>>) {}
    fn forget(&self, _tasks: &[TaskId]) {}
}

static NEWEL: LazyLock<(Runtime, Local)> = LazyLock::new(|| {
    let runtime = Runtime::new().expect("a runtime");
    let local = runtime.block_on(async {
        let catalog = Catalog::find(None).expect("the packed models, from make setup");
        let engine = Engine::start(Parts {
            env: Arc::new(SystemEnv::new(|_| {})),
            store: Arc::new(MemoryStore::new(4)),
            catalog: Arc::new(Integrations::new(Arc::new(catalog))),
            dispatcher: Arc::new(Nobody),
            observer: Arc::new(NoObserver),
            vault: Arc::default(),
            limits: Limits::default(),
            options: Options::default(),
            test_cases: None,
            transitions: None,
        })
        .await
        .expect("an engine");
        let clock = Clock::new(|| Timestamp::from_millis(1_700_000_000_000));
        Local::new(Arc::new(engine.clone()), Limits::default(), &engine.page_key(), clock)
    });
    (runtime, local)
});

fuzz_target!(|data: (u8, &str)| {
    let (number, members) = data;
    let Ok(Value::Object(members)) = Value::parse(members) else { return };
    let tenant = Tenant { account: "000000000000".into(), region: "us-east-1".into() };
    let (runtime, local) = &*NEWEL;
    let operation = OPERATIONS[usize::from(number) % OPERATIONS.len()];
    if let Err(refused) = runtime.block_on(local.call(&tenant, operation, members)) {
        assert!(refused.status < 500, "{operation}: {refused}");
    }
});
