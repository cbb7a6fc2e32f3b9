//! The words in which an integration is described.

use newel_asl::catalog::Pattern;
use newel_value::Value;

/// One service's optimized integration, served by one worker family.
#[derive(Clone, Copy, Debug)]
pub struct Family {
    /// The service in the ARN and `resourceType` in the history: `batch`.
    pub service: &'static str,
    /// The worker family that serves it. Families of several services share a worker.
    pub family: &'static str,
    /// The service whose API it calls, by its name in `aws-sdk` ARNs.
    pub api: &'static str,
    /// What the names of its errors begin with: `Batch`.
    pub error_prefix: &'static str,
    /// The error that codes unknown to the model collapse to: `AWSBatchException`.
    pub base_exception: &'static str,
    /// The service's name in causes, the AWS SDK for Java v1's: `AWSBatch`.
    pub display_name: &'static str,
    /// Its actions.
    pub actions: &'static [Action],
}

/// One action of a [`Family`].
#[derive(Clone, Copy, Debug)]
pub struct Action {
    /// The name in the ARN: `submitJob`.
    pub name: &'static str,
    /// The API operation that it calls: `SubmitJob`.
    pub operation: &'static str,
    /// The job that `.sync` waits for, if there is that pattern.
    pub job: Option<Job>,
    /// Whether there is `.waitForTaskToken`.
    pub callback: bool,
    /// Adds the members that Step Functions itself adds to the parameters; they show in `TaskScheduled`.
    pub complete: fn(Pattern, Value) -> Value,
    /// What this integration refuses beyond what the API's model says, worded as the reason in
    /// `The Parameters '…' could not be used to start the Task: […]`.
    pub refuse: fn(Pattern, &Value) -> Option<String>,
    /// What a start call carries so that it never counts twice.
    pub idempotency: Idempotency,
    /// Members of the request that Step Functions repeats in the answer, by their name on the wire.
    pub repeated: &'static [&'static str],
    /// The list of the answer that, unless it is empty, fails the task under `.sync` and `.waitForTaskToken` though
    /// the call succeeded.
    pub failures: Option<Failures>,
}

/// How an answer of success can mean failure.
#[derive(Clone, Copy, Debug)]
pub struct Failures {
    /// The list on the wire.
    pub member: &'static str,
    /// The error's whole name.
    pub error: &'static str,
}

/// What a start call carries so that it never counts twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Idempotency {
    /// The service drops a second request with the same value of this member (its name on the wire).
    Token {
        /// The member.
        member: &'static str,
        /// The longest value that the service takes.
        max_len: usize,
    },
    /// The service doesn't, so a later look finds the job by an entry of this map (its name on the wire, the same in
    /// the description of the job). The request must not be resent once it may have left.
    Marker {
        /// The map.
        member: &'static str,
        /// The key in it.
        key: &'static str,
        /// How many entries the service takes. A request that has them all goes without a marker.
        max_entries: usize,
    },
    /// The user's parameters say what a repetition does, and the call is short: it is sent again only if it can't have
    /// arrived.
    None,
}

/// The job behind `.sync`: how to name, describe, judge and cancel it. All names are the wire's.
#[derive(Clone, Copy, Debug)]
pub struct Job {
    /// JSON pointer to the job's id in the answer of the start call.
    pub id: &'static str,
    /// What a describe call is limited to besides ids: an ECS cluster, a Glue job.
    pub scope: Option<Scope>,
    /// The call that describes jobs.
    pub describe: Describe,
    /// The call that describes all jobs of a scope, where one call can't be given several ids.
    pub sweep: Option<Sweep>,
    /// The call that ends a job early.
    pub cancel: Cancel,
    /// The shape of a described job.
    pub shape: &'static str,
    /// When it is over.
    pub ending: Ending,
}

/// Where a job's scope comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// JSON pointer into the answer of the start call.
    Answer(&'static str),
    /// JSON pointer into the request of the start call.
    Request(&'static str),
}

/// A call that describes jobs by their ids.
#[derive(Clone, Copy, Debug)]
pub struct Describe {
    /// The operation.
    pub operation: &'static str,
    /// The member that takes the scope.
    pub scope: Option<&'static str>,
    /// The member that takes ids.
    pub ids: Ids,
    /// The member of the answer that holds the jobs, or the one job.
    pub jobs: &'static str,
    /// The member of a job that is its id.
    pub id: &'static str,
}

/// A call that describes all jobs of a scope, page by page.
#[derive(Clone, Copy, Debug)]
pub struct Sweep {
    /// The operation.
    pub operation: &'static str,
    /// The member that takes the scope.
    pub scope: &'static str,
    /// The member that takes the size of a page.
    pub page_size: &'static str,
    /// The largest page.
    pub max_page: i64,
    /// The member that takes and gives the mark of the next page.
    pub next: &'static str,
    /// The member of the answer that holds the jobs.
    pub jobs: &'static str,
}

/// A call that ends jobs early.
#[derive(Clone, Copy, Debug)]
pub struct Cancel {
    /// The operation.
    pub operation: &'static str,
    /// The member that takes the scope.
    pub scope: Option<&'static str>,
    /// The member that takes ids.
    pub ids: Ids,
    /// The member that takes a reason.
    pub reason: Option<&'static str>,
}

/// How a call takes ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ids {
    /// One, in this member.
    One(&'static str),
    /// Up to so many, as a list in this member.
    Many(&'static str, usize),
}

impl Ids {
    /// How many ids one call takes.
    #[must_use]
    pub const fn limit(self) -> usize {
        match self {
            Self::One(_) => 1,
            Self::Many(_, limit) => limit,
        }
    }
}

/// When a job is over, and how.
#[derive(Clone, Copy, Debug)]
pub struct Ending {
    /// The member of a described job that says where it is.
    pub status: &'static str,
    /// The values that mean success.
    pub succeeded: &'static [&'static str],
    /// The values that mean failure.
    pub failed: &'static [&'static str],
    /// Where the status says success: whether the rest of the job says so too.
    pub confirm: fn(&Value) -> bool,
}

/// Where a job is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Not over.
    Running,
    /// Over, and its `.sync` task succeeds.
    Succeeded,
    /// Over, and its `.sync` task fails.
    Failed,
}

/// For actions to whose parameters nothing is added.
pub(crate) fn complete_nothing(_: Pattern, parameters: Value) -> Value {
    parameters
}

/// For actions that refuse nothing beyond the API's model.
pub(crate) fn refuse_nothing(_: Pattern, _: &Value) -> Option<String> {
    None
}

/// For jobs whose status says it all.
pub(crate) fn confirmed(_: &Value) -> bool {
    true
}
