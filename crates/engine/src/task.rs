//! What passes between the engine and whatever carries out task attempts.

use std::fmt;
use std::sync::Arc;

use newel_asl::catalog::Registration;
use newel_asl::timestamp::Timestamp;
use newel_store::Id;
use newel_value::{Payload, Str};
use serde::{Deserialize, Serialize};

use crate::exchange::{Exchange, HttpTrace};
use crate::test_cases::MockedCall;

/// One try of a Task state.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TaskId {
    /// The execution.
    pub execution: Id,
    /// The frame's path, empty for the root.
    pub frame: Str,
    /// The id of the event with which the state was entered.
    pub entry: u64,
    /// Which try, from 0.
    pub attempt: u32,
}

impl TaskId {
    /// An id from its parts, as they travel: the execution's id as its 16 bytes.
    #[must_use]
    pub const fn from_parts(execution: [u8; 16], frame: Str, entry: u64, attempt: u32) -> Self {
        Self { execution: Id(execution), frame, entry, attempt }
    }
}

impl fmt::Display for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}#{}.{}", self.execution, self.frame, self.entry, self.attempt)
    }
}

/// What is to be done for a task attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum DispatchKind {
    /// Start the job or make the call.
    Submit,
    /// Find out what an earlier, unanswered submit did; then as Submit.
    Reconcile,
    /// Report the end of the job.
    Watch,
    /// Stop the job.
    Cancel,
}

/// A durable order for the worker family of a task.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Dispatch {
    /// Which attempt.
    pub task: TaskId,
    /// What to do.
    pub kind: DispatchKind,
    /// The worker family.
    pub family: Str,
    /// The Task state's Resource.
    pub resource: Str,
    /// The execution's account.
    pub account: Str,
    /// The execution's region.
    pub region: Str,
    /// The execution's ARN.
    pub execution_arn: Str,
    /// The state machine's unqualified ARN.
    pub state_machine_arn: Str,
    /// The state's name.
    pub state_name: Str,
    /// The state machine's role.
    pub machine_role_arn: Str,
    /// The state's `Credentials.RoleArn`.
    pub task_role_arn: Option<Str>,
    /// The parameters as `TaskScheduled` shows them; `None` for a watch.
    pub parameters: Option<Payload>,
    /// Identifies the submission at every redelivery: 36 characters, derived from the task id.
    pub submit_token: Str,
    /// The job's id in the service once it is known.
    pub external_ref: Option<Str>,
    /// When the attempt times out.
    pub deadline: Option<Timestamp>,
    /// `HeartbeatSeconds`.
    pub heartbeat_seconds: Option<u64>,
    /// W3C trace context of the attempt.
    pub traceparent: Option<Str>,
    /// When the attempt was scheduled.
    pub scheduled_at: Timestamp,
    /// When the job was submitted.
    pub submitted_at: Option<Timestamp>,
    /// The token that an activity's worker gets.
    #[serde(default)]
    pub token: Option<Str>,
    /// The call that it is of a test case, which answers it instead of a worker.
    #[serde(default)]
    pub mocked: Option<MockedCall>,
    /// That its HTTP exchange is wanted: only of a call that belongs to no execution, and so is never stored.
    #[serde(skip)]
    pub trace: Option<HttpTrace>,
}

/// What became of an attempt.
#[derive(Clone, Debug, PartialEq)]
pub enum Report {
    /// The service accepted the job.
    Submitted {
        /// The job's id in the service.
        external_ref: Str,
        /// The start call's answer.
        output: Payload,
    },
    /// The job is alive.
    Heartbeat,
    /// The attempt's result.
    Succeeded(Payload),
    /// The attempt's error.
    Failed {
        /// Name, as Retry and Catch match it.
        error: Str,
        /// Cause.
        cause: Str,
    },
    /// The job is stopped, was over, or never existed.
    Cancelled,
}

/// What became of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settled {
    /// It is durable.
    Durable,
    /// The attempt was over before.
    Stale,
}

/// A worker family that whoever carries out dispatches has heard of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FamilyPresence {
    /// The family.
    pub family: Str,
    /// How many of its workers are connected.
    pub workers: usize,
    /// Attempts that wait for one.
    pub queued: usize,
}

/// Carries out dispatches. The engine hands one over only once it is durable; whatever is lost on the way is handed
/// over again after a restart (as [`DispatchKind::Reconcile`] instead of `Submit`).
pub trait Dispatcher: Send + Sync + fmt::Debug + 'static {
    /// Takes dispatches. Must not block nor wait for the engine: what can't be sent now waits in the dispatcher, which bounds its
    /// memory by forgetting bodies that [`TaskEngine::dispatch_body`] gives again. An order for an attempt takes the
    /// place of an earlier one.
    fn dispatch(&self, dispatches: Vec<Arc<Dispatch>>);

    /// Says that an attempt is over: what is still queued or watched for it is let go.
    fn forget(&self, tasks: &[TaskId]);

    /// The families that it has heard of since the start, by name.
    fn families(&self) -> Vec<FamilyPresence> {
        Vec::new()
    }
}

/// The engine, as whoever carries out dispatches sees it.
#[async_trait::async_trait]
pub trait TaskEngine: Send + Sync + fmt::Debug + 'static {
    /// Reports what became of an attempt. Answers once that is durable, or known to be stale.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Unavailable`] when it can't be told now; the report is to be repeated.
    async fn report(&self, task: TaskId, report: Report) -> Result<Settled, crate::Error>;

    /// Notes what an attempt's call sent and got. It comes before the report of the attempt's end; where nobody asked for it,
    /// nothing is noted.
    fn exchanged(&self, task: &TaskId, exchange: Exchange);

    /// The dispatch that is due for an attempt now, read again from the store; `None` if nothing is due any more.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Unavailable`] when it can't be told now.
    async fn dispatch_body(
        &self,
        task: &TaskId,
        kind: DispatchKind,
    ) -> Result<Option<Arc<Dispatch>>, crate::Error>;

    /// The worker family whose report an attempt waits for, or whose cancel it does; `None` if it waits for none. Who
    /// carries out dispatches asks before it passes on a report about an attempt that it wasn't handed, as after a
    /// restart.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Unavailable`] when it can't be told now.
    async fn family(&self, task: &TaskId) -> Result<Option<Str>, crate::Error>;

    /// Registers resources that a family's worker brings along. Answers once that is durable; they stay known until they are
    /// removed.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Validation`] for what nobody can register, [`crate::ErrorKind::Conflict`] for a name that is another
    /// family's, [`crate::ErrorKind::ServiceQuotaExceeded`] for too many, [`crate::ErrorKind::Unavailable`] when it can't be
    /// done now.
    async fn register(&self, registrations: Vec<Registration>) -> Result<(), crate::Error>;

    /// Whether a family has registered resources, so that a worker of it may come.
    fn is_registered(&self, family: &str) -> bool;
}
