//! What can be asked of the engine, and what it answers. The API crate turns AWS JSON and gRPC into these.

use std::sync::Arc;

use newel_asl::catalog::FieldValidation;
use newel_asl::timestamp::Timestamp;
use newel_machine::{Event, Fault};
use newel_store::ExecutionStatus;
use newel_value::{Object, Payload, Str, Value};

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

/// The type of a state machine.
pub use newel_asl::MachineType;

/// Answer to [`CreateStateMachine`].
#[derive(Clone, Debug)]
pub struct CreatedStateMachine {
    /// Its ARN.
    pub arn: Str,
    /// When it was created: now, or earlier if this repeats an earlier call.
    pub created_at: Timestamp,
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
pub use newel_machine::TestedState;

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
}

/// Answer to [`UpdateStateMachine`].
#[derive(Clone, Debug)]
pub struct UpdatedStateMachine {
    /// When.
    pub updated_at: Timestamp,
    /// The revision that executions started from now on run.
    pub revision_id: Str,
}

/// A state machine as it is now, or the revision of it that an execution runs.
#[derive(Clone, Debug)]
pub struct StateMachine {
    /// Its ARN.
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
    /// When it was created.
    pub created_at: Timestamp,
    /// When this revision was made.
    pub updated_at: Timestamp,
    /// The revision; `None` for the first one.
    pub revision_id: Option<Str>,
    /// Its configurations.
    pub configuration: Configuration,
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
    /// The state machine's ARN as given.
    pub state_machine_arn: Str,
    /// The execution's name; a UUID is made if there is none.
    pub name: Option<Str>,
    /// Its input.
    pub input: Payload,
    /// W3C trace context of the caller, or an X-Ray header as given.
    pub trace_header: Option<Str>,
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
