//! What can be asked of the engine, and what it answers. The API crate turns AWS JSON and gRPC into these.

mod activities;
mod versions;

use std::sync::Arc;

use newel_asl::catalog::FieldValidation;
use newel_asl::timestamp::Timestamp;
use newel_machine::{Event, Fault};
use newel_store::ExecutionStatus;
use newel_value::{Object, Payload, Str, Value};

use crate::exchange::{Exchange, HttpTrace};

pub use activities::{Activity, ActivityTask, CreateActivity, GetActivityTask};
pub use versions::{Alias, AliasItem, CreateAlias, PublishVersion, PublishedVersion, Route, UpdateAlias};

/// Whose things are meant: everything is separate by account and region.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Tenant {
    /// The account, 12 digits.
    pub account: Str,
    /// The region, `us-east-1`.
    pub region: Str,
}

/// A tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tag {
    /// Key, 1 to 128 characters.
    pub key: Str,
    /// Value, up to 256 characters.
    pub value: Str,
}

/// `CreateStateMachine`. Lengths and patterns of the members have been checked by the caller.
#[derive(Clone, Debug)]
pub struct CreateStateMachine {
    /// Whose.
    pub tenant: Tenant,
    /// Its name.
    pub name: Str,
    /// ASL text.
    pub definition: Str,
    /// The role its executions run under.
    pub role_arn: Str,
    /// Standard or Express.
    pub machine_type: MachineType,
    /// `loggingConfiguration`, `tracingConfiguration`, `encryptionConfiguration` as given.
    pub configuration: Configuration,
    /// Tags.
    pub tags: Vec<Tag>,
    /// Whether the first revision is published as version 1.
    pub publish: bool,
    /// That version's description.
    pub version_description: Option<Str>,
}

/// The configurations of a state machine as the API shows them; `None` where the caller said nothing.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Configuration {
    /// `loggingConfiguration`
    pub logging: Option<Value>,
    /// `tracingConfiguration`
    pub tracing: Option<Value>,
    /// `encryptionConfiguration`
    pub encryption: Option<Value>,
}

/// The status of a map run.
pub use crate::map_runs::MapRunStatus;
/// The type of a state machine.
pub use newel_asl::MachineType;

/// Answer to [`CreateStateMachine`].
#[derive(Clone, Debug)]
pub struct CreatedStateMachine {
    /// Its ARN.
    pub arn: Str,
    /// When it was created: now, or earlier if this repeats an earlier call.
    pub created_at: Timestamp,
    /// The version that was published with it.
    pub version_arn: Option<Str>,
}

/// `ValidateStateMachineDefinition`.
#[derive(Clone, Debug)]
pub struct ValidateDefinition {
    /// ASL text.
    pub definition: Str,
    /// The type of state machine that it is checked for.
    pub machine_type: MachineType,
}

/// `TestState`. What is JSON has been parsed by the caller.
#[derive(Clone, Debug)]
pub struct TestState {
    /// Whose account and region it is tested in.
    pub tenant: Tenant,
    /// One state, or a whole definition if a state of it is named.
    pub definition: Str,
    /// The state of the definition, in nested scopes too.
    pub state_name: Option<Str>,
    /// The role that a task is called under.
    pub role_arn: Option<Str>,
    /// The state's input.
    pub input: Payload,
    /// The variables that it finds.
    pub variables: Object,
    /// The context object that it sees instead of one that is made up.
    pub context: Option<Value>,
    /// What stands in for its task, branches or iterations.
    pub mock: Option<Mock>,
    /// How often it was retried before.
    pub retries: Option<u32>,
    /// The state within it that a mocked error comes from.
    pub error_caused_by: Option<Str>,
    /// How many of its iterations failed.
    pub failed_iterations: Option<u64>,
    /// What its item reader read.
    pub read_items: Option<Payload>,
    /// That the HTTP exchange of an HTTP Task is to be told.
    pub trace: Option<HttpTrace>,
}

/// What stands in for a task, for branches or for iterations.
#[derive(Clone, Debug)]
pub struct Mock {
    /// What it gave, or how it failed.
    pub outcome: Result<Payload, Fault>,
    /// How the result is compared with what the API is known to answer.
    pub validation: FieldValidation,
}

/// The answer to [`TestState`].
#[derive(Clone, Debug)]
pub struct TestedState {
    /// How it ended, and what happened to its data.
    pub told: newel_machine::TestedState,
    /// What its call sent and got, if that was asked for and something was sent.
    pub exchange: Option<Exchange>,
}

/// `UpdateStateMachine`: at least one of the optional members is set (the caller has checked).
#[derive(Clone, Debug)]
pub struct UpdateStateMachine {
    /// Which; must be of this tenant.
    pub tenant: Tenant,
    /// Its unqualified ARN.
    pub arn: Str,
    /// New definition.
    pub definition: Option<Str>,
    /// New role.
    pub role_arn: Option<Str>,
    /// New configurations.
    pub configuration: Configuration,
    /// Whether the revision that is then the latest is published, unless it has been.
    pub publish: bool,
    /// The new version's description.
    pub version_description: Option<Str>,
}

/// Answer to [`UpdateStateMachine`].
#[derive(Clone, Debug)]
pub struct UpdatedStateMachine {
    /// When.
    pub updated_at: Timestamp,
    /// The revision that executions started from now on run; `None` while that is the first one, since nothing has changed.
    pub revision_id: Option<Str>,
    /// The version of that revision, if it was to be published.
    pub version_arn: Option<Str>,
}

/// A state machine as it is now, one of its versions, or the revision of it that an execution runs.
#[derive(Clone, Debug)]
pub struct StateMachine {
    /// Its ARN; with the qualifier that it was asked for by.
    pub arn: Str,
    /// Its name.
    pub name: Str,
    /// ASL text of this revision.
    pub definition: Str,
    /// Role of this revision.
    pub role_arn: Str,
    /// Its type.
    pub machine_type: MachineType,
    /// Whether it is being deleted.
    pub deleting: bool,
    /// When it was created; for a version, when that was published.
    pub created_at: Timestamp,
    /// When this revision was made.
    pub updated_at: Timestamp,
    /// The revision; `None` for the first one.
    pub revision_id: Option<Str>,
    /// Its configurations.
    pub configuration: Configuration,
    /// The description of the version that was asked for.
    pub description: Option<Str>,
    /// Why the definition must not be told: its key can't be used.
    pub withheld: Option<crate::Error>,
    /// The distributed Map whose children are meant, where its label or a child was asked for.
    pub map: Option<MapOfChild>,
    /// `variableReferences`: the variables that each state refers to, by the state's name.
    pub variable_references: Vec<(Str, Vec<Str>)>,
}

/// Of what a child of a map run is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MapOfChild {
    /// The Map's label.
    pub label: Str,
    /// The map run, where a child was asked for.
    pub map_run_arn: Option<Str>,
}

/// A state machine in a list.
#[derive(Clone, Debug)]
pub struct StateMachineItem {
    /// Its ARN.
    pub arn: Str,
    /// Its name.
    pub name: Str,
    /// Its type.
    pub machine_type: MachineType,
    /// When it was created.
    pub created_at: Timestamp,
}

/// One page of a list.
#[derive(Clone, Debug)]
pub struct Page<T> {
    /// The items.
    pub items: Vec<T>,
    /// Where the next page begins: opaque, valid across restarts; the caller authenticates and dates it. `None` on the last page.
    pub next: Option<String>,
}

/// `StartExecution`.
#[derive(Clone, Debug)]
pub struct StartExecution {
    /// Whose.
    pub tenant: Tenant,
    /// The ARN of the state machine, of one of its versions or aliases, as given.
    pub state_machine_arn: Str,
    /// The execution's name; a UUID is made if there is none.
    pub name: Option<Str>,
    /// Its input.
    pub input: Payload,
    /// W3C trace context of the caller, or an X-Ray header as given.
    pub trace_header: Option<Str>,
    /// The test case that answers tasks of it.
    pub test_case: Option<Str>,
}

/// Answer to [`StartExecution`].
#[derive(Clone, Debug)]
pub struct StartedExecution {
    /// Its ARN.
    pub arn: Str,
    /// When it started: now, or earlier if this repeats an earlier call.
    pub started_at: Timestamp,
}

/// An execution.
#[derive(Clone, Debug)]
pub struct Execution {
    /// Its ARN.
    pub arn: Str,
    /// Its name.
    pub name: Str,
    /// Its state machine's ARN.
    pub state_machine_arn: Str,
    /// Its status.
    pub status: ExecutionStatus,
    /// When it started.
    pub started_at: Timestamp,
    /// When it stopped.
    pub stopped_at: Option<Timestamp>,
    /// Its input.
    pub input: Payload,
    /// Its output once it has succeeded.
    pub output: Option<Payload>,
    /// Why it ended badly.
    pub fault: Fault,
    /// `traceHeader` as given at the start.
    pub trace_header: Option<Str>,
    /// The alias it was started by.
    pub alias_arn: Option<Str>,
    /// The version it was started by, or that the alias chose.
    pub version_arn: Option<Str>,
    /// Why input, output, error and cause must not be told: their key can't be used. They are empty then.
    pub withheld: Option<crate::Error>,
    /// How often it has been redriven.
    pub redrive_count: u64,
    /// When it was last redriven.
    pub redriven_at: Option<Timestamp>,
    /// Whether it could be redriven now.
    pub redrivable: Redrivable,
    /// The map run whose child it is.
    pub map_run_arn: Option<Str>,
}

/// Answer to `StartSyncExecution`: an Express execution that is closed.
#[derive(Clone, Debug)]
pub struct SyncExecution {
    /// Its ARN.
    pub arn: Str,
    /// Its name.
    pub name: Str,
    /// Its state machine's unqualified ARN.
    pub state_machine_arn: Str,
    /// When it started.
    pub started_at: Timestamp,
    /// When it stopped.
    pub stopped_at: Timestamp,
    /// How it ended: `Succeeded`, `Failed` or `TimedOut`.
    pub status: ExecutionStatus,
    /// Its input.
    pub input: Payload,
    /// Its output if it has succeeded.
    pub output: Option<Payload>,
    /// Why it ended badly.
    pub fault: Fault,
    /// `traceHeader` as given at the start.
    pub trace_header: Option<Str>,
    /// What AWS would bill: milliseconds, in steps of 100.
    pub billed_millis: u64,
    /// What AWS would bill: MB of memory, in steps of 64.
    pub billed_megabytes: u64,
}

/// Whether an execution can be redriven: `redriveStatus` with its reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Redrivable {
    /// `REDRIVABLE`
    Yes,
    /// `NOT_REDRIVABLE`, and why.
    No(Str),
    /// `REDRIVABLE_BY_MAP_RUN`: a child of a map run, which is redriven with it and not by itself.
    ByMapRun,
}

impl Redrivable {
    /// AWS's name of the status.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Yes => "REDRIVABLE",
            Self::No(_) => "NOT_REDRIVABLE",
            Self::ByMapRun => "REDRIVABLE_BY_MAP_RUN",
        }
    }

    /// `redriveStatusReason`
    #[must_use]
    pub const fn reason(&self) -> Option<&Str> {
        match self {
            Self::No(why) => Some(why),
            Self::Yes | Self::ByMapRun => None,
        }
    }
}

/// Whose executions are listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExecutionsOf {
    /// A state machine's.
    StateMachine(Str),
    /// A map run's: its children.
    MapRun(Str),
}

/// `ListExecutions`.
#[derive(Clone, Debug)]
pub struct ListExecutions {
    /// Whose.
    pub tenant: Tenant,
    /// Of what, by its ARN.
    pub of: ExecutionsOf,
    /// Only those of this status.
    pub status: Option<ExecutionStatus>,
    /// Only those that have (or have not) been redriven.
    pub redriven: Option<bool>,
    /// How many at most, 1 to 1,000.
    pub limit: usize,
    /// Where a page before this one ended.
    pub after: Option<String>,
}

/// An execution in a list.
#[derive(Clone, Debug)]
pub struct ExecutionItem {
    /// Its ARN.
    pub arn: Str,
    /// Its name.
    pub name: Str,
    /// Its state machine's ARN.
    pub state_machine_arn: Str,
    /// Its status.
    pub status: ExecutionStatus,
    /// When it started.
    pub started_at: Timestamp,
    /// When it stopped.
    pub stopped_at: Option<Timestamp>,
    /// The alias it was started by.
    pub alias_arn: Option<Str>,
    /// The version it was started by, or that the alias chose.
    pub version_arn: Option<Str>,
    /// How often it has been redriven.
    pub redrive_count: u64,
    /// When it was last redriven.
    pub redriven_at: Option<Timestamp>,
    /// The map run whose child it is.
    pub map_run_arn: Option<Str>,
    /// How many items it works on, if it is a child of a map run.
    pub item_count: Option<u64>,
}

/// A map run: `DescribeMapRun`.
#[derive(Clone, Debug)]
pub struct MapRun {
    /// Its ARN.
    pub arn: Str,
    /// The execution that it belongs to.
    pub execution_arn: Str,
    /// Its status.
    pub status: MapRunStatus,
    /// When it started.
    pub started_at: Timestamp,
    /// When it stopped.
    pub stopped_at: Option<Timestamp>,
    /// How many children may be open at once; 0 for no limit of the user's.
    pub max_concurrency: u64,
    /// Of how many items in a hundred the failure is tolerated.
    pub tolerated_failure_percentage: f64,
    /// Of how many items the failure is tolerated.
    pub tolerated_failure_count: u64,
    /// What has become of the items.
    pub items: MapRunCounts,
    /// What has become of the children.
    pub executions: MapRunCounts,
    /// How often it has been redriven.
    pub redrive_count: u64,
    /// When it was last redriven.
    pub redriven_at: Option<Timestamp>,
}

/// Counts of items or children of a map run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MapRunCounts {
    /// Not begun yet.
    pub pending: u64,
    /// Open.
    pub running: u64,
    /// Closed well.
    pub succeeded: u64,
    /// Closed by an error.
    pub failed: u64,
    /// Closed by a time limit.
    pub timed_out: u64,
    /// Stopped.
    pub aborted: u64,
    /// All.
    pub total: u64,
    /// Of how many the results have been put where they belong.
    pub results_written: u64,
    /// Of those that didn't succeed, how many can't be redriven.
    pub failures_not_redrivable: u64,
    /// Waiting to be redriven.
    pub pending_redrive: u64,
}

/// A map run in a list.
#[derive(Clone, Debug)]
pub struct MapRunItem {
    /// The execution that it belongs to.
    pub execution_arn: Str,
    /// Its ARN.
    pub arn: Str,
    /// The machine of its children: `…:stateMachine:NAME/LABEL`.
    pub state_machine_arn: Str,
    /// When it started.
    pub started_at: Timestamp,
    /// When it stopped.
    pub stopped_at: Option<Timestamp>,
}

/// `UpdateMapRun`: what is set is changed.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct UpdateMapRun {
    /// `maxConcurrency`
    pub max_concurrency: Option<u64>,
    /// `toleratedFailurePercentage`, 0 to 100.
    pub tolerated_failure_percentage: Option<f64>,
    /// `toleratedFailureCount`
    pub tolerated_failure_count: Option<u64>,
}

/// `GetExecutionHistory`.
#[derive(Clone, Debug)]
pub struct GetHistory {
    /// Whose.
    pub tenant: Tenant,
    /// Which execution.
    pub execution_arn: Str,
    /// From the last event back.
    pub reverse: bool,
    /// How many events at most, 1 to 1,000.
    pub limit: usize,
    /// Where a page before this one ended.
    pub after: Option<String>,
}

/// What a worker's callback says through the task token.
#[derive(Clone, Debug)]
pub enum TokenReport {
    /// `SendTaskSuccess`
    Success(Payload),
    /// `SendTaskFailure`
    Failure(Fault),
    /// `SendTaskHeartbeat`
    Heartbeat,
}

/// Events of an execution as they become durable.
#[derive(Clone, Debug)]
pub struct EventBatch {
    /// The events, in order, none left out.
    pub events: Arc<Vec<Event>>,
    /// Whether the last of them closes the execution.
    pub closed: bool,
}
