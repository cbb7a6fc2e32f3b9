//! An engine on a store, with shorthands for what tests ask of it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use newel_asl::{Limits, ResourceCatalog, Timestamp};
use newel_engine::request::{
    Configuration, CreateStateMachine, Execution, ExecutionsOf, GetHistory, ListExecutions, MachineType,
    StartExecution, StartedExecution, Tenant,
};
use newel_engine::{
    Dispatch, DispatchKind, Dispatcher, Engine, Env, Error, NoObserver, Options, Parts, TaskId, TestCases,
    TransitionRate, TransitionRates, Workflows as _,
};
use newel_machine::Event;
use newel_store::{Commit, ExecutionStatus, FrameRow, MemoryStore, Op, OutboxRow, Outcome, ShardId, Store};
use newel_value::Payload;
use newel_vault::Vault;
use parking_lot::Mutex;

use super::{SimEnv, TestCatalog};

pub(crate) const ACCOUNT: &str = "000000000000";

pub(crate) fn tenant() -> Tenant {
    Tenant { account: ACCOUNT.into(), region: "us-east-1".into() }
}

pub(crate) fn json(text: &str) -> Payload {
    Payload::parse(text).unwrap()
}

pub(crate) fn machine_arn(name: &str) -> String {
    format!("arn:aws:states:us-east-1:{ACCOUNT}:stateMachine:{name}")
}

/// A chain of Pass states.
pub(crate) fn pass(states: usize) -> String {
    let state = |n: usize| {
        let next = if n == states { r#""End":true"#.to_owned() } else { format!(r#""Next":"S{}""#, n + 1) };
        format!(r#""S{n}":{{"Type":"Pass",{next}}}"#)
    };
    let all: Vec<String> = (1..=states).map(state).collect();
    format!(r#"{{"StartAt":"S1","States":{{{}}}}}"#, all.join(","))
}

/// Waits until something holds.
pub(crate) async fn eventually<T>(mut check: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(60);
    loop {
        if let Some(found) = check().await {
            return found;
        }
        assert!(tokio::time::Instant::now() < deadline, "it never came to hold");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// What a dispatcher was told.
#[derive(Clone, Debug)]
pub(crate) enum Seen {
    Order(Arc<Dispatch>),
    Forget(TaskId),
}

/// A dispatcher that only remembers.
#[derive(Debug, Default)]
pub(crate) struct Desk(Mutex<Vec<Seen>>);

impl Desk {
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.0.lock().clone()
    }

    pub(crate) fn orders(&self) -> Vec<Arc<Dispatch>> {
        let order = |seen: Seen| match seen {
            Seen::Order(order) => Some(order),
            Seen::Forget(_) => None,
        };
        self.seen().into_iter().filter_map(order).collect()
    }

    /// Waits for the n-th order, counted from 0.
    pub(crate) async fn order(&self, n: usize) -> Arc<Dispatch> {
        eventually(async || self.orders().get(n).cloned()).await
    }

    pub(crate) fn kinds(&self) -> Vec<DispatchKind> {
        self.orders().iter().map(|order| order.kind).collect()
    }
}

impl Dispatcher for Desk {
    fn dispatch(&self, dispatches: Vec<Arc<Dispatch>>) {
        self.0.lock().extend(dispatches.into_iter().map(Seen::Order));
    }

    fn forget(&self, tasks: &[TaskId]) {
        self.0.lock().extend(tasks.iter().cloned().map(Seen::Forget));
    }
}

/// An engine and what it stands on.
pub(crate) struct Fixture {
    pub(crate) engine: Engine,
    pub(crate) desk: Arc<Desk>,
    pub(crate) store: Arc<dyn Store>,
    parts: Parts,
}

impl Fixture {
    /// An engine on an empty store in memory.
    pub(crate) async fn new() -> Self {
        Self::on(Arc::new(MemoryStore::new(4))).await
    }

    pub(crate) async fn on(store: Arc<dyn Store>) -> Self {
        Self::with(store, Limits::default(), Options::default()).await
    }

    pub(crate) async fn with(store: Arc<dyn Store>, limits: Limits, options: Options) -> Self {
        let env: Arc<dyn Env> = Arc::new(SimEnv::new(tokio::time::Instant::now(), 7, 0.0));
        Self::in_world(env, store, limits, options).await
    }

    pub(crate) async fn in_world(
        env: Arc<dyn Env>,
        store: Arc<dyn Store>,
        limits: Limits,
        options: Options,
    ) -> Self {
        let desk = Arc::new(Desk::default());
        let parts = Parts {
            env,
            store: Arc::clone(&store),
            catalog: Arc::new(TestCatalog),
            dispatcher: Arc::clone(&desk) as Arc<dyn Dispatcher>,
            observer: Arc::new(NoObserver),
            vault: Arc::default(),
            limits,
            options,
            test_cases: None,
            transitions: None,
        };
        Self { engine: Engine::start(parts.clone()).await.unwrap(), desk, store, parts }
    }

    /// The engine stops, and another starts on the same store.
    pub(crate) async fn restart(self) -> Self {
        self.restart_after(async |_| {}).await
    }

    /// As [`Self::restart`], with something done to the store in between.
    pub(crate) async fn restart_after(self, change: impl AsyncFnOnce(&dyn Store)) -> Self {
        self.engine.stop();
        change(&*self.store).await;
        let desk = Arc::new(Desk::default());
        let parts = Parts { dispatcher: Arc::clone(&desk) as Arc<dyn Dispatcher>, ..self.parts };
        Self { engine: Engine::start(parts.clone()).await.unwrap(), desk, store: self.store, parts }
    }

    /// As [`Self::restart`], with other test cases.
    pub(crate) async fn restart_with_cases(mut self, cases: Option<Arc<dyn TestCases>>) -> Self {
        self.parts.test_cases = cases;
        self.restart().await
    }

    /// As [`Self::restart`], with other keys.
    pub(crate) async fn restart_with_vault(mut self, vault: Arc<Vault>) -> Self {
        self.parts.vault = vault;
        self.restart().await
    }

    /// As [`Self::restart`], with so many state transitions at once and a second.
    pub(crate) async fn restart_paced(mut self, bucket: u32, refill: u32) -> Self {
        let usual = TransitionRate { bucket, refill };
        self.parts.transitions = Some(TransitionRates { usual, regions: BTreeMap::new() });
        self.restart().await
    }

    /// As [`Self::restart`], with another catalog.
    pub(crate) async fn restart_knowing(mut self, catalog: Arc<dyn ResourceCatalog>) -> Self {
        self.parts.catalog = catalog;
        self.restart().await
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.parts.env.now()
    }

    pub(crate) fn creation(name: &str, definition: &str) -> CreateStateMachine {
        CreateStateMachine {
            tenant: tenant(),
            name: name.into(),
            definition: definition.into(),
            role_arn: "arn:aws:iam::000000000000:role/r".into(),
            machine_type: MachineType::Standard,
            configuration: Configuration::default(),
            tags: Vec::new(),
            publish: false,
            version_description: None,
        }
    }

    /// A page of a machine's executions.
    pub(crate) fn listing(
        machine: &str,
        status: Option<ExecutionStatus>,
        limit: usize,
        after: Option<String>,
    ) -> ListExecutions {
        Self::listing_by(&machine_arn(machine), status, limit, after)
    }

    /// A page of the executions of a machine, version or alias.
    pub(crate) fn listing_by(
        arn: &str,
        status: Option<ExecutionStatus>,
        limit: usize,
        after: Option<String>,
    ) -> ListExecutions {
        let of = ExecutionsOf::StateMachine(arn.into());
        ListExecutions { tenant: tenant(), of, status, redriven: None, limit, after }
    }

    pub(crate) async fn create(&self, name: &str, definition: &str) -> String {
        let created = self.engine.create_state_machine(Self::creation(name, definition)).await.unwrap();
        created.arn.to_string()
    }

    pub(crate) async fn try_start(
        &self,
        machine: &str,
        name: &str,
        input: &str,
    ) -> Result<StartedExecution, Error> {
        let request = StartExecution {
            tenant: tenant(),
            state_machine_arn: machine_arn(machine).into(),
            name: Some(name.into()),
            input: json(input),
            trace_header: None,
            test_case: None,
        };
        self.engine.start_execution(request).await
    }

    /// Starts an execution and gives its ARN.
    pub(crate) async fn start(&self, machine: &str, name: &str, input: &str) -> String {
        self.try_start(machine, name, input).await.unwrap().arn.to_string()
    }

    pub(crate) async fn describe(&self, execution: &str) -> Execution {
        self.engine.describe_execution(&tenant(), execution).await.unwrap()
    }

    /// Waits until an execution is closed.
    pub(crate) async fn closed(&self, execution: &str) -> Execution {
        eventually(async || {
            Some(self.describe(execution).await).filter(|e| e.status != ExecutionStatus::Running)
        })
        .await
    }

    /// The whole history, in pages.
    pub(crate) async fn history(&self, execution: &str, reverse: bool, limit: usize) -> Vec<Event> {
        let (mut events, mut after) = (Vec::new(), None);
        loop {
            let request =
                GetHistory { tenant: tenant(), execution_arn: execution.into(), reverse, limit, after };
            let page = self.engine.get_history(request).await.unwrap();
            // A page may be shorter where its events are large, but never empty while there is another.
            assert!(page.items.len() <= limit && (page.next.is_none() || !page.items.is_empty()));
            let bytes: usize = page.items.iter().map(Event::bytes).sum();
            assert!(bytes <= 3 << 20 || page.items.len() == 1, "{bytes} bytes in a page");
            events.extend(page.items);
            after = page.next;
            if after.is_none() {
                return events;
            }
        }
    }
}

/// All that stands in the outbox.
pub(crate) async fn outbox(store: &dyn Store) -> Vec<OutboxRow> {
    let mut rows = Vec::new();
    for shard in 0..store.shard_count() {
        rows.extend(store.outbox(ShardId(shard), None, usize::MAX).await.unwrap());
    }
    rows
}

/// Bytes that are no record of ours.
fn garbage() -> Arc<[u8]> {
    Arc::from(&b"\x01\x00garbage"[..])
}

async fn overwrite(store: &dyn Store, shard: ShardId, op: Op) {
    let epoch = store.acquire(&[shard]).await.unwrap()[0];
    let commit = Commit { shard, epoch, ops: vec![op] };
    assert_eq!(store.commit(vec![commit]).await, [Outcome::Committed]);
}

async fn row_of(store: &dyn Store, task: &TaskId) -> newel_store::ExecutionRow {
    store.execution(task.execution).await.unwrap().unwrap()
}

/// Damages an execution's row.
pub(crate) async fn corrupt_execution(store: &dyn Store, task: &TaskId) {
    let row = newel_store::ExecutionRow { record: garbage(), ..row_of(store, task).await };
    overwrite(store, row.id.shard(), Op::UpdateExecution(row)).await;
}

/// Gives an execution a frame that can't be read.
pub(crate) async fn corrupt_frames(store: &dyn Store, task: &TaskId) {
    let row = FrameRow { execution: task.execution, path: "/S[0]".into(), record: garbage() };
    overwrite(store, row.execution.shard(), Op::PutFrame(row)).await;
}

/// Damages an outbox row.
pub(crate) async fn corrupt_outbox(store: &dyn Store, task: &TaskId) {
    let is_its = |row: &OutboxRow| row.key.starts_with(&task.execution.0);
    let row = outbox(store).await.into_iter().find(is_its).unwrap();
    overwrite(store, row.shard, Op::PutOutbox(OutboxRow { record: garbage(), ..row })).await;
}
