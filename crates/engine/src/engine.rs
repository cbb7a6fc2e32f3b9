//! The engine's handle: what it is made of, how it starts and stops, and the services it gives.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use newel_asl::Diagnostics;
use newel_asl::catalog::{Registration, ResourceCatalog, ResourceRegistry};
use newel_asl::limits::Limits;
use newel_asl::timestamp::Timestamp;
use newel_machine::{Event, EventId, Fault, Input, Reply, TaskKey, TaskReport};
use newel_store::{Commit, Epoch, Id, Op, Outcome, Rejection, ShardId, Store};
use newel_value::Str;
use newel_vault::Vault;
use opentelemetry::global;
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use crate::activity_queue::ActivityQueues;
use crate::committer::Committer;
use crate::env::Env;
use crate::exchange::Exchange;
use crate::express::Express;
use crate::ids::{MOST_SHARDS, outbox_key};
use crate::machines::Machines;
use crate::mail::What;
use crate::map_runs::{MapRuns, Transfers, is_transfer};
use crate::observer::Observer;
use crate::open::{MapRunPermits, OpenExecutions};
use crate::options::Options;
use crate::plans::Plans;
use crate::request::{
    Activity, ActivityTask, Alias, AliasItem, CreateActivity, CreateAlias, CreateStateMachine,
    CreatedStateMachine, EventBatch, Execution, ExecutionItem, GetActivityTask, GetHistory, ListExecutions,
    MapRun, MapRunItem, Page, PublishVersion, PublishedVersion, StartExecution, StartedExecution,
    StateMachine, StateMachineItem, SyncExecution, Tag, Tenant, TestState, TestedState, TokenReport,
    UpdateAlias, UpdateMapRun, UpdateStateMachine, UpdatedStateMachine, ValidateDefinition,
};
use crate::service::{Served, Workflows};
use crate::shard::Shard;
use crate::task::{Dispatch, DispatchKind, Dispatcher, Report, Settled, TaskEngine, TaskId};
use crate::test_cases::{Mocked, TestCases};
use crate::timers::Timers;
use crate::token::{TokenKey, stored_key};
use crate::transitions::{TransitionRates, Transitions};
use crate::watch::Watchers;
use crate::{Error, ErrorKind};

/// What an engine is made of.
#[derive(Clone)]
pub struct Parts {
    /// The world it runs in.
    pub env: Arc<dyn Env>,
    /// Where it keeps everything.
    pub store: Arc<dyn Store>,
    /// What it knows of Task resources.
    pub catalog: Arc<dyn ResourceCatalog>,
    /// Who carries out its dispatches.
    pub dispatcher: Arc<dyn Dispatcher>,
    /// Who sees what becomes durable.
    pub observer: Arc<dyn Observer>,
    /// The keys that what is stored is encrypted under.
    pub vault: Arc<Vault>,
    /// The limits in force.
    pub limits: Limits,
    /// How it behaves.
    pub options: Options,
    /// The test cases that executions may be started by.
    pub test_cases: Option<Arc<dyn TestCases>>,
    /// How many state transitions Standard executions may make; as many as they like if nothing is said.
    pub transitions: Option<TransitionRates>,
}

impl std::fmt::Debug for Parts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Parts")
            .field("store", &self.store)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

/// A running engine. Cloning copies a pointer.
#[derive(Clone)]
pub struct Engine(Arc<Inner>);

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").field("store", &self.0.store).finish_non_exhaustive()
    }
}

impl From<&Arc<Inner>> for Engine {
    fn from(inner: &Arc<Inner>) -> Self {
        Self(Arc::clone(inner))
    }
}

pub(crate) struct Inner {
    pub(crate) env: Arc<dyn Env>,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) catalog: Arc<dyn ResourceCatalog>,
    pub(crate) dispatcher: Arc<dyn Dispatcher>,
    pub(crate) observer: Arc<dyn Observer>,
    pub(crate) vault: Arc<Vault>,
    pub(crate) limits: Limits,
    pub(crate) options: Options,
    pub(crate) committer: Committer,
    pub(crate) shards: Vec<Shard>,
    pub(crate) plans: Plans,
    pub(crate) machines: Machines,
    pub(crate) activities: ActivityQueues,
    pub(crate) tokens: TokenKey,
    pub(crate) timers: Timers,
    pub(crate) express: Express,
    pub(crate) mocked: Mocked,
    pub(crate) transitions: Option<Transitions>,
    pub(crate) watchers: Watchers,
    pub(crate) map_runs: MapRuns,
    pub(crate) transfers: Transfers,
    /// Permits of map runs: how many of a tenant's may have children at once.
    pub(crate) map_run_permits: MapRunPermits,
    /// Permits of turns: how many may be under way at once.
    pub(crate) turns: Semaphore,
    pub(crate) open: OpenExecutions,
    /// Whether the shards have been taken.
    pub(crate) owned: AtomicBool,
    pub(crate) stop: CancellationToken,
    /// A key from the store for whoever authenticates pagination tokens.
    page_key: [u8; 32],
}

impl Engine {
    /// Starts an engine: takes its shards and begins to find what stands in them. New work is taken at once.
    ///
    /// # Errors
    /// When the store can't be read or its shards can't be taken.
    pub async fn start(parts: Parts) -> Result<Self, Error> {
        let Parts {
            env,
            store,
            catalog,
            dispatcher,
            observer,
            vault,
            limits,
            options,
            test_cases,
            transitions,
        } = parts;
        if store.shard_count() > MOST_SHARDS {
            let message = format!("the store has more than {MOST_SHARDS} shards; make one that has fewer");
            return Err(Error::new(ErrorKind::Internal, message));
        }
        let tokens = TokenKey::load(&*store, &*env).await?;
        let page_key = stored_key(&*store, &*env, "page-token-key").await?;
        let (committer, commits) = Committer::new(Arc::clone(&store), &options);
        let shards = (0..store.shard_count())
            .map(|id| Shard::new(ShardId(id), options.mailbox, options.idle_executions))
            .collect();
        let inner = Arc::new(Inner {
            plans: Plans::new(options.plans),
            machines: Machines::new(options.plans),
            activities: ActivityQueues::default(),
            timers: Timers::new(Duration::from_secs(options.timer_horizon_seconds)),
            watchers: Watchers::default(),
            express: Express::new(&limits, &options),
            mocked: Mocked::new(test_cases),
            transitions: transitions.map(Transitions::new),
            map_runs: MapRuns::default(),
            transfers: Transfers::default(),
            map_run_permits: MapRunPermits::new(limits.open_map_runs),
            open: OpenExecutions::default(),
            turns: Semaphore::new(options.turns),
            owned: AtomicBool::new(false),
            stop: CancellationToken::new(),
            env,
            store,
            catalog,
            dispatcher,
            observer,
            vault,
            limits,
            options,
            committer,
            shards,
            tokens,
            page_key,
        });
        inner.env.spawn(Box::pin(commits));
        inner.load_registrations().await?;
        inner.count_open().await?;
        inner.take_all().await?;
        inner.observe_level();
        inner.env.spawn(Box::pin(Arc::clone(&inner).run_timers()));
        inner.env.spawn(Box::pin(Arc::clone(&inner).run_horizon()));
        inner.env.spawn(Box::pin(Arc::clone(&inner).run_retention()));
        inner.env.spawn(Box::pin(Arc::clone(&inner).run_recount()));
        Ok(Self(inner))
    }

    /// A key that survives restarts, for authenticating pagination tokens.
    #[must_use]
    pub fn page_key(&self) -> [u8; 32] {
        self.0.page_key
    }

    /// Carries a change through even if whoever asked for it goes away meanwhile: what follows a commit must not be left out.
    async fn carried_through<T: Send + 'static>(
        &self,
        change: impl Future<Output = Result<T, Error>> + Send + 'static,
    ) -> Result<T, Error> {
        let (send, receive) = oneshot::channel();
        self.0.env.spawn(Box::pin(async move {
            // Whoever asked may be gone.
            let _gone = send.send(change.await);
        }));
        receive.await.unwrap_or_else(|_| Err(Error::new(ErrorKind::Internal, "the change broke off")))
    }

    /// Ends the engine's own loops. What is under way is either made durable or found again at the next start.
    pub fn stop(&self) {
        self.0.owned.store(false, Ordering::Release);
        self.0.stop.cancel();
        self.0.turns.close();
    }
}

impl Inner {
    pub(crate) fn shard(&self, id: Id) -> Option<&Shard> {
        self.shards.get(usize::from(id.shard().0))
    }

    /// Refuses new work while the store has no room.
    pub(crate) async fn check_room(&self) -> Result<(), Error> {
        if self.store.has_room().await {
            return Ok(());
        }
        Err(Error::full())
    }

    /// Makes a change of an entity other than an execution durable.
    pub(crate) async fn commit(self: &Arc<Self>, shard: ShardId, ops: Vec<Op>) -> Result<(), Error> {
        let Some(epoch) = self.shards.get(usize::from(shard.0)).and_then(Shard::epoch) else {
            return Err(Error::unavailable("the shard is changing hands; try again"));
        };
        self.commit_under(shard, epoch, ops).await
    }

    /// Makes a change durable of what was read under an epoch.
    pub(crate) async fn commit_under(
        self: &Arc<Self>,
        shard: ShardId,
        epoch: Epoch,
        ops: Vec<Op>,
    ) -> Result<(), Error> {
        match self.committer.commit(Commit { shard, epoch, ops }).await {
            Outcome::Committed => Ok(()),
            refused => Err(self.refused(shard, epoch, refused)),
        }
    }

    /// What a commit's outcome means that isn't `Committed`: for whoever asked, and for the shard.
    pub(crate) fn refused(self: &Arc<Self>, shard: ShardId, epoch: Epoch, outcome: Outcome) -> Error {
        match outcome {
            Outcome::Committed => Error::new(ErrorKind::Internal, "what was committed is no refusal"),
            Outcome::Rejected(Rejection::Full) => Error::full(),
            Outcome::Rejected(Rejection::Exists) => {
                Error::new(ErrorKind::Internal, "a row that must be new is there already")
            }
            Outcome::Rejected(Rejection::Unacceptable(why)) => Error::new(ErrorKind::Internal, why),
            Outcome::Fenced => {
                self.lose_shard(shard, epoch, "its epoch has passed");
                Error::unavailable("the shard is changing hands; try again")
            }
            Outcome::Unknown(why) => {
                self.lose_shard(shard, epoch, &why);
                Error::unavailable("it is unknown whether this was done; try again")
            }
        }
    }

    fn observe_level(&self) {
        self.express.observe_level();
        let open = self.open.all();
        global::meter("newel.engine")
            .i64_observable_gauge("newel.engine.open_executions")
            .with_description("Executions that are open.")
            .with_callback(move |gauge| gauge.observe(open.load(Ordering::Relaxed), &[]))
            .build();
    }
}

#[async_trait]
impl Workflows for Engine {
    async fn create_state_machine(&self, request: CreateStateMachine) -> Result<CreatedStateMachine, Error> {
        let inner = Arc::clone(&self.0);
        self.carried_through(async move { inner.create_machine(request).await }).await
    }

    async fn update_state_machine(&self, request: UpdateStateMachine) -> Result<UpdatedStateMachine, Error> {
        let inner = Arc::clone(&self.0);
        self.carried_through(async move { inner.update_machine(request).await }).await
    }

    async fn describe_state_machine(&self, tenant: &Tenant, arn: &str) -> Result<StateMachine, Error> {
        self.0.describe_machine(tenant, arn).await
    }

    async fn delete_state_machine(&self, tenant: &Tenant, arn: &str) -> Result<(), Error> {
        let (inner, tenant, arn) = (Arc::clone(&self.0), tenant.clone(), arn.to_owned());
        self.carried_through(async move { inner.delete_machine(&tenant, &arn).await }).await
    }

    async fn list_state_machines(
        &self,
        tenant: &Tenant,
        limit: usize,
        after: Option<&str>,
    ) -> Result<Page<StateMachineItem>, Error> {
        self.0.list_machines(tenant, limit, after).await
    }

    async fn publish_version(&self, request: PublishVersion) -> Result<PublishedVersion, Error> {
        let inner = Arc::clone(&self.0);
        self.carried_through(async move { inner.publish_version(request).await }).await
    }

    async fn list_versions(
        &self,
        tenant: &Tenant,
        state_machine_arn: &str,
        limit: usize,
        after: Option<&str>,
    ) -> Result<Page<PublishedVersion>, Error> {
        self.0.list_versions(tenant, state_machine_arn, limit, after).await
    }

    async fn delete_version(&self, tenant: &Tenant, arn: &str) -> Result<(), Error> {
        let (inner, tenant, arn) = (Arc::clone(&self.0), tenant.clone(), arn.to_owned());
        self.carried_through(async move { inner.delete_version(&tenant, &arn).await }).await
    }

    async fn create_alias(&self, request: CreateAlias) -> Result<AliasItem, Error> {
        let inner = Arc::clone(&self.0);
        self.carried_through(async move { inner.create_alias(request).await }).await
    }

    async fn update_alias(&self, request: UpdateAlias) -> Result<Timestamp, Error> {
        let inner = Arc::clone(&self.0);
        self.carried_through(async move { inner.update_alias(request).await }).await
    }

    async fn describe_alias(&self, tenant: &Tenant, arn: &str) -> Result<Alias, Error> {
        self.0.describe_alias(tenant, arn).await
    }

    async fn delete_alias(&self, tenant: &Tenant, arn: &str) -> Result<(), Error> {
        let (inner, tenant, arn) = (Arc::clone(&self.0), tenant.clone(), arn.to_owned());
        self.carried_through(async move { inner.delete_alias(&tenant, &arn).await }).await
    }

    async fn list_aliases(
        &self,
        tenant: &Tenant,
        arn: &str,
        limit: usize,
        after: Option<&str>,
    ) -> Result<Page<AliasItem>, Error> {
        self.0.list_aliases(tenant, arn, limit, after).await
    }

    async fn validate_definition(&self, request: ValidateDefinition) -> Result<Diagnostics, Error> {
        self.0.validate(request).await
    }

    async fn test_state(&self, request: TestState) -> Result<TestedState, Error> {
        let inner = Arc::clone(&self.0);
        self.carried_through(async move { inner.test_state(request).await }).await
    }

    async fn create_activity(&self, request: CreateActivity) -> Result<Activity, Error> {
        let inner = Arc::clone(&self.0);
        self.carried_through(async move { inner.create_activity(request).await }).await
    }

    async fn describe_activity(&self, tenant: &Tenant, arn: &str) -> Result<Activity, Error> {
        Ok(self.0.activity(tenant, arn).await?.1)
    }

    async fn delete_activity(&self, tenant: &Tenant, arn: &str) -> Result<(), Error> {
        let (inner, tenant, arn) = (Arc::clone(&self.0), tenant.clone(), arn.to_owned());
        self.carried_through(async move { inner.delete_activity(&tenant, &arn).await }).await
    }

    async fn list_activities(
        &self,
        tenant: &Tenant,
        limit: usize,
        after: Option<&str>,
    ) -> Result<Page<Activity>, Error> {
        self.0.list_activities(tenant, limit, after).await
    }

    async fn get_activity_task(&self, request: GetActivityTask) -> Result<Option<ActivityTask>, Error> {
        self.0.poll_activity(request).await
    }

    async fn start_execution(&self, request: StartExecution) -> Result<StartedExecution, Error> {
        let inner = Arc::clone(&self.0);
        self.carried_through(async move { inner.start(request).await }).await
    }

    async fn start_sync_execution(&self, request: StartExecution) -> Result<SyncExecution, Error> {
        self.0.start_sync(request).await
    }

    async fn describe_execution(&self, tenant: &Tenant, arn: &str) -> Result<Execution, Error> {
        self.0.describe(tenant, arn).await
    }

    async fn describe_state_machine_for_execution(
        &self,
        tenant: &Tenant,
        arn: &str,
    ) -> Result<StateMachine, Error> {
        self.0.machine_for_execution(tenant, arn).await
    }

    async fn stop_execution(&self, tenant: &Tenant, arn: &str, fault: Fault) -> Result<Timestamp, Error> {
        self.0.stop_execution(tenant, arn, fault).await
    }

    async fn redrive_execution(
        &self,
        tenant: &Tenant,
        arn: &str,
        client_token: Option<Str>,
    ) -> Result<Timestamp, Error> {
        self.0.redrive(tenant, arn, client_token).await
    }

    async fn list_executions(&self, request: ListExecutions) -> Result<Page<ExecutionItem>, Error> {
        self.0.list(request).await
    }

    async fn describe_map_run(&self, tenant: &Tenant, arn: &str) -> Result<MapRun, Error> {
        self.0.describe_map_run(tenant, arn).await
    }

    async fn list_map_runs(
        &self,
        tenant: &Tenant,
        execution_arn: &str,
        limit: usize,
        after: Option<&str>,
    ) -> Result<Page<MapRunItem>, Error> {
        self.0.list_map_runs(tenant, execution_arn, limit, after).await
    }

    async fn update_map_run(&self, tenant: &Tenant, arn: &str, update: UpdateMapRun) -> Result<(), Error> {
        self.0.update_map_run(tenant, arn, update).await
    }

    async fn get_history(&self, request: GetHistory) -> Result<Page<Event>, Error> {
        self.0.history(request).await
    }

    async fn watch_execution(
        &self,
        tenant: &Tenant,
        arn: &str,
        after: EventId,
    ) -> Result<mpsc::Receiver<Result<EventBatch, Error>>, Error> {
        self.0.watch(tenant, arn, after).await
    }

    async fn send_task(&self, tenant: &Tenant, token: &str, report: TokenReport) -> Result<(), Error> {
        self.0.send(tenant, token, report).await
    }

    async fn tags(&self, tenant: &Tenant, arn: &str) -> Result<Vec<Tag>, Error> {
        self.0.list_tags(tenant, arn).await
    }

    async fn tag(&self, tenant: &Tenant, arn: &str, tags: Vec<Tag>) -> Result<(), Error> {
        self.0.put_tags(tenant, arn, tags).await
    }

    async fn untag(&self, tenant: &Tenant, arn: &str, keys: Vec<Str>) -> Result<(), Error> {
        self.0.remove_tags(tenant, arn, keys).await
    }

    fn served(&self) -> Served {
        let registry = self.0.catalog.registry();
        Served {
            families: self.0.dispatcher.families(),
            registered: registry.map(ResourceRegistry::registered).unwrap_or_default(),
        }
    }

    async fn remove_registrations(
        &self,
        service: &str,
        action: Option<&str>,
    ) -> Result<Vec<Registration>, Error> {
        let (inner, service) = (Arc::clone(&self.0), service.to_owned());
        let action = action.map(str::to_owned);
        self.carried_through(async move { inner.remove_registrations(&service, action.as_deref()).await })
            .await
    }

    fn takes_test_cases(&self) -> bool {
        self.0.mocked.is_on()
    }

    fn ready(&self) -> bool {
        self.0.owned.load(Ordering::Acquire)
    }
}

#[async_trait]
impl TaskEngine for Engine {
    async fn report(&self, task: TaskId, report: Report) -> Result<Settled, Error> {
        if is_transfer(&task) {
            return self.0.transfer_report(task, report).await;
        }
        let report = match report {
            Report::Submitted { external_ref, output } => TaskReport::Submitted { external_ref, output },
            Report::Heartbeat => TaskReport::Heartbeat,
            Report::Succeeded(output) => TaskReport::Succeeded(output),
            Report::Failed { error, cause } => {
                TaskReport::Failed(Fault { error: Some(error), cause: Some(cause) })
            }
            Report::Cancelled => match self.0.dispatch_of(&task).await?.map(|order| order.kind) {
                None => return Ok(Settled::Stale),
                Some(DispatchKind::Cancel) => {
                    // The attempt is over already; what remains is the order to stop its job.
                    self.0.commit(task.execution.shard(), vec![Op::DeleteOutbox(outbox_key(&task))]).await?;
                    self.0.env.failpoint("before-ack");
                    return Ok(Settled::Durable);
                }
                Some(DispatchKind::Submit | DispatchKind::Reconcile | DispatchKind::Watch) => {
                    TaskReport::Failed(Fault {
                        error: Some(newel_asl::error::TASK_FAILED.into()),
                        cause: Some("The worker stopped the job without being asked to.".into()),
                    })
                }
            },
        };
        let key = TaskKey { frame: task.frame, entry: task.entry, attempt: task.attempt };
        let reply = self.0.ask(task.execution, What::Input(Input::Task(key, report))).await?;
        self.0.env.failpoint("before-ack");
        Ok(match reply {
            Reply::Accepted => Settled::Durable,
            Reply::Stale => Settled::Stale,
        })
    }

    fn exchanged(&self, task: &TaskId, exchange: Exchange) {
        self.0.express.exchanged(task, exchange);
    }

    async fn dispatch_body(&self, task: &TaskId, kind: DispatchKind) -> Result<Option<Arc<Dispatch>>, Error> {
        let Some(mut dispatch) = self.0.dispatch_of(task).await? else { return Ok(None) };
        if kind == DispatchKind::Reconcile && dispatch.kind == DispatchKind::Submit {
            dispatch.kind = kind;
        }
        Ok((dispatch.kind == kind).then(|| Arc::new(dispatch)))
    }

    async fn family(&self, task: &TaskId) -> Result<Option<Str>, Error> {
        Ok(self.0.dispatch_of(task).await?.map(|dispatch| dispatch.family))
    }

    async fn register(&self, registrations: Vec<Registration>) -> Result<(), Error> {
        let inner = Arc::clone(&self.0);
        self.carried_through(async move { inner.register(registrations).await }).await
    }

    fn is_registered(&self, family: &str) -> bool {
        self.0.catalog.registry().is_some_and(|registry| registry.is_of_family(family))
    }
}
