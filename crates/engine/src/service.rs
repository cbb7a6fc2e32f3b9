//! The engine, as the API sees it.

use std::fmt;

use async_trait::async_trait;
use newel_asl::Diagnostics;
use newel_asl::catalog::Registration;
use newel_asl::timestamp::Timestamp;
use newel_machine::{Event, EventId, Fault};
use newel_value::Str;
use tokio::sync::mpsc;

use crate::Error;
use crate::request::{
    Activity, ActivityTask, Alias, AliasItem, CreateActivity, CreateAlias, CreateStateMachine,
    CreatedStateMachine, EventBatch, Execution, ExecutionItem, GetActivityTask, GetHistory, ListExecutions,
    MapRun, MapRunItem, Page, PublishVersion, PublishedVersion, StartExecution, StartedExecution,
    StateMachine, StateMachineItem, SyncExecution, Tag, Tenant, TestState, TestedState, TokenReport,
    UpdateAlias, UpdateMapRun, UpdateStateMachine, UpdatedStateMachine, ValidateDefinition,
};
use crate::task::FamilyPresence;

/// What workers serve.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Served {
    /// The families that have been heard of since the start, by name.
    pub families: Vec<FamilyPresence>,
    /// The resources that workers registered, by name.
    pub registered: Vec<Registration>,
}

/// The operations of Step Functions. Arguments have the shape the API model asks for (lengths, patterns, ranges); what they
/// mean is checked here. Every answer that tells of a change is given once the change is durable.
#[async_trait]
pub trait Workflows: Send + Sync + fmt::Debug + 'static {
    /// `CreateStateMachine`, idempotent as AWS has it.
    async fn create_state_machine(&self, request: CreateStateMachine) -> Result<CreatedStateMachine, Error>;

    /// `UpdateStateMachine`: a new revision.
    async fn update_state_machine(&self, request: UpdateStateMachine) -> Result<UpdatedStateMachine, Error>;

    /// `DescribeStateMachine`: as it is now, or one of its versions.
    async fn describe_state_machine(&self, tenant: &Tenant, arn: &str) -> Result<StateMachine, Error>;

    /// `DeleteStateMachine`: no new executions; open ones are aborted at their next transition; an unknown one is no error.
    async fn delete_state_machine(&self, tenant: &Tenant, arn: &str) -> Result<(), Error>;

    /// `ListStateMachines`, by creation.
    async fn list_state_machines(
        &self,
        tenant: &Tenant,
        limit: usize,
        after: Option<&str>,
    ) -> Result<Page<StateMachineItem>, Error>;

    /// `PublishStateMachineVersion`, idempotent while the revision stays the latest.
    async fn publish_version(&self, request: PublishVersion) -> Result<PublishedVersion, Error>;

    /// `ListStateMachineVersions`, the latest first.
    async fn list_versions(
        &self,
        tenant: &Tenant,
        state_machine_arn: &str,
        limit: usize,
        after: Option<&str>,
    ) -> Result<Page<PublishedVersion>, Error>;

    /// `DeleteStateMachineVersion`: an unknown one is no error.
    async fn delete_version(&self, tenant: &Tenant, arn: &str) -> Result<(), Error>;

    /// `CreateStateMachineAlias`, idempotent as AWS has it.
    async fn create_alias(&self, request: CreateAlias) -> Result<AliasItem, Error>;

    /// `UpdateStateMachineAlias`: when.
    async fn update_alias(&self, request: UpdateAlias) -> Result<Timestamp, Error>;

    /// `DescribeStateMachineAlias`
    async fn describe_alias(&self, tenant: &Tenant, arn: &str) -> Result<Alias, Error>;

    /// `DeleteStateMachineAlias`
    async fn delete_alias(&self, tenant: &Tenant, arn: &str) -> Result<(), Error>;

    /// `ListStateMachineAliases`, by creation: a machine's, or those that send executions to a version.
    async fn list_aliases(
        &self,
        tenant: &Tenant,
        arn: &str,
        limit: usize,
        after: Option<&str>,
    ) -> Result<Page<AliasItem>, Error>;

    /// `ValidateStateMachineDefinition`: errors and warnings. Nothing is stored.
    async fn validate_definition(&self, request: ValidateDefinition) -> Result<Diagnostics, Error>;

    /// `TestState`: one state by itself. Nothing is stored.
    async fn test_state(&self, request: TestState) -> Result<TestedState, Error>;

    /// `CreateActivity`, idempotent by name.
    async fn create_activity(&self, request: CreateActivity) -> Result<Activity, Error>;

    /// `DescribeActivity`
    async fn describe_activity(&self, tenant: &Tenant, arn: &str) -> Result<Activity, Error>;

    /// `DeleteActivity`: an unknown one is no error.
    async fn delete_activity(&self, tenant: &Tenant, arn: &str) -> Result<(), Error>;

    /// `ListActivities`, by creation.
    async fn list_activities(
        &self,
        tenant: &Tenant,
        limit: usize,
        after: Option<&str>,
    ) -> Result<Page<Activity>, Error>;

    /// `GetActivityTask`: waits up to a minute for a task. The answer is given once the execution says durably that this worker has it;
    /// whoever lets go of the future before that has swallowed nothing.
    async fn get_activity_task(&self, request: GetActivityTask) -> Result<Option<ActivityTask>, Error>;

    /// `StartExecution`, idempotent by name and input while a Standard execution is open. Of an Express machine it starts an
    /// execution every time.
    async fn start_execution(&self, request: StartExecution) -> Result<StartedExecution, Error>;

    /// `StartSyncExecution`: runs an Express execution and answers once it is closed, however it ended. If whoever asked goes away
    /// meanwhile, it runs on.
    async fn start_sync_execution(&self, request: StartExecution) -> Result<SyncExecution, Error>;

    /// `DescribeExecution`.
    async fn describe_execution(&self, tenant: &Tenant, arn: &str) -> Result<Execution, Error>;

    /// `DescribeStateMachineForExecution`: the revision the execution runs.
    async fn describe_state_machine_for_execution(
        &self,
        tenant: &Tenant,
        arn: &str,
    ) -> Result<StateMachine, Error>;

    /// `StopExecution`: when it stopped; for a closed one, when it had stopped.
    async fn stop_execution(&self, tenant: &Tenant, arn: &str, fault: Fault) -> Result<Timestamp, Error>;

    /// `RedriveExecution`, idempotent by client token as AWS has it: when it was redriven.
    async fn redrive_execution(
        &self,
        tenant: &Tenant,
        arn: &str,
        client_token: Option<Str>,
    ) -> Result<Timestamp, Error>;

    /// `ListExecutions`, newest first: a machine's, those that one of its versions or aliases started, or a map run's.
    async fn list_executions(&self, request: ListExecutions) -> Result<Page<ExecutionItem>, Error>;

    /// `DescribeMapRun`.
    async fn describe_map_run(&self, tenant: &Tenant, arn: &str) -> Result<MapRun, Error>;

    /// `ListMapRuns`, newest first.
    async fn list_map_runs(
        &self,
        tenant: &Tenant,
        execution_arn: &str,
        limit: usize,
        after: Option<&str>,
    ) -> Result<Page<MapRunItem>, Error>;

    /// `UpdateMapRun`: of a run that is open.
    async fn update_map_run(&self, tenant: &Tenant, arn: &str, update: UpdateMapRun) -> Result<(), Error>;

    /// `GetExecutionHistory`.
    async fn get_history(&self, request: GetHistory) -> Result<Page<Event>, Error>;

    /// The events of an execution after `after`, first those that are durable, then each as it becomes so, until the
    /// execution is closed. The receiver's buffer is bounded; a slow reader is served from the store, nothing is left out.
    async fn watch_execution(
        &self,
        tenant: &Tenant,
        arn: &str,
        after: EventId,
    ) -> Result<mpsc::Receiver<Result<EventBatch, Error>>, Error>;

    /// `SendTaskSuccess`, `SendTaskFailure`, `SendTaskHeartbeat`: the first of success and failure wins.
    async fn send_task(&self, tenant: &Tenant, token: &str, report: TokenReport) -> Result<(), Error>;

    /// `ListTagsForResource`.
    async fn tags(&self, tenant: &Tenant, arn: &str) -> Result<Vec<Tag>, Error>;

    /// `TagResource`.
    async fn tag(&self, tenant: &Tenant, arn: &str, tags: Vec<Tag>) -> Result<(), Error>;

    /// `UntagResource`.
    async fn untag(&self, tenant: &Tenant, arn: &str, keys: Vec<Str>) -> Result<(), Error>;

    /// What workers serve: not of an account, as workers aren't.
    fn served(&self) -> Served;

    /// Removes what workers registered: one action of a service, or all of them. Gives what was removed. Executions that run on
    /// definitions that name it go on; new definitions can't name it any more, until it is registered again.
    async fn remove_registrations(
        &self,
        service: &str,
        action: Option<&str>,
    ) -> Result<Vec<Registration>, Error>;

    /// Whether an execution may be started by a test case.
    fn takes_test_cases(&self) -> bool {
        false
    }

    /// Whether the engine takes work: it has taken its shards and isn't stopping. Without room in the store it is ready all the
    /// same, as what is there can be read; it answers `ServiceUnavailable` to what needs room.
    fn ready(&self) -> bool;
}
