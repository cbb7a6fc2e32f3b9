//! The words in which an integration is described.
//!
//! An action that takes what an operation takes and gives what it answers is [`call`] and no more; what it has besides is
//! added by the functions behind it: `call("startBuild", "StartBuild").token(64).waits(BUILD)`.

mod action;
mod job;
mod own;

use newel_asl::catalog::Pattern;
use newel_value::Value;

use crate::TaskFailure;

pub(crate) use action::{call, own};
pub use job::{Cancel, Describe, Ending, Ids, Job, JobEvent, JobResult, Several, Sweep, Verdict};
pub(crate) use job::{cancelled, one};
pub use own::{Field, Lookup, Parameters, Stored};
pub(crate) use own::{optional, required};

/// One API's part of a service's optimized integration, served by one worker family.
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
    /// How the state's parameters become the request.
    pub parameters: Parameters,
    /// A call that comes before, to find an id by its name.
    pub lookup: Option<Lookup>,
    /// The job that `.sync` waits for, if there is that pattern.
    pub job: Option<Job>,
    /// Whether there is `.waitForTaskToken`.
    pub callback: bool,
    /// Whether a payload may be an object in Amazon S3 instead, and which.
    pub stored: Option<Stored>,
    /// Members of request and answer (as the state has them) whose bytes are JSON: any JSON is taken for them, and they
    /// show as the JSON they hold, or as text where they hold none.
    pub json: &'static [&'static str],
    /// Adds the members that Step Functions itself adds to the parameters; they show in `TaskScheduled`.
    pub complete: fn(Pattern, Value) -> Value,
    /// Adds to the request, with the wire's names, what doesn't show there. Takes the execution's ARN.
    pub stamp: fn(&str, Value) -> Value,
    /// What this integration refuses beyond what the API's model says, worded as the reason in
    /// `The Parameters '…' could not be used to start the Task: […]`.
    pub refuse: fn(Pattern, &Value) -> Option<String>,
    /// The host that the parameters, with the wire's names, send the call to, if it can't be one: the SDK fails before it sends
    /// anything.
    pub unknown_host: fn(&Value) -> Option<String>,
    /// What a start call carries so that it never counts twice.
    pub idempotency: Idempotency,
    /// What the state sees of the answer.
    pub output: Output,
    /// The failure that an answer of success tells of, if it does: takes the answer as the state would see it, but for members
    /// that hold JSON: they are the text that came.
    pub failure: fn(Pattern, &Value) -> Option<TaskFailure>,
}

/// Where a text or a structure comes from, on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// JSON pointer into the answer of the start call.
    Answer(&'static str),
    /// JSON pointer into the request of the start call.
    Request(&'static str),
}

/// What the state sees of the start call's answer.
#[derive(Clone, Copy, Debug)]
pub enum Output {
    /// The API's answer with the SDK's metadata, and these members besides.
    Answer(&'static [(&'static str, Source)]),
    /// These members with the SDK's metadata. What they are taken from has the same names on the wire.
    Members(&'static [(&'static str, Source)]),
    /// This member of the API's answer by itself.
    Only(&'static str),
    /// What this makes of the API's answer (as the state would see it), with the SDK's metadata.
    Made(fn(&Value) -> Value),
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
        /// For how many seconds the service remembers it; none if longer than anybody asks.
        lasts_seconds: Option<u64>,
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
    /// The user names the job and the service refuses a second one of that name, so a later look asks for the name.
    Name {
        /// JSON pointer to the time of creation in the described job, in seconds: a job from before the attempt is
        /// another's.
        created: &'static str,
    },
    /// Two calls do what one does.
    Natural,
    /// The user's parameters say what a repetition does, and the call is short: it is sent again only if it can't have
    /// arrived.
    None,
}
