//! The contract between the kit and an integration family.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use newel_aws_catalog::Catalog;
use newel_value::Payload;

use crate::attempt::{Attempt, ExternalRef, Identity};

/// One integration family: how its jobs are started, found again, watched and stopped.
///
/// The kit decides *when*; an adapter only makes the calls and says what they prove. What every adapter owes:
///
/// * It keeps nothing of an attempt between calls: any worker of the family can go on from an [`ExternalRef`].
/// * It never sends a start call a second time once the first may have reached the service, unless the service itself
///   takes the repetition for the first (an idempotency token). It then answers [`Submission::Unknown`].
/// * It bounds every call in time, and never waits for a job.
/// * It never logs parameters or results above debug level.
///
/// The suite in `newel_worker::contract` (feature `contract`) checks this against a service; every adapter runs it.
#[async_trait]
pub trait Adapter: Send + Sync + fmt::Debug + 'static {
    /// The family's name: `batch`.
    fn family(&self) -> &'static str;

    /// Prefixes of the Task resources it serves, without partition: `states:::batch:`.
    fn resources(&self) -> Vec<String>;

    /// The prefix of the family's error names, or of its first service's: `Batch` in `Batch.SdkClientException`.
    fn error_prefix(&self) -> &'static str;

    /// The failure of an attempt whose start call came to no answer, and of which nobody can tell what it did.
    fn unanswered(&self, attempt: &Attempt, cause: &str) -> Failure {
        let _ = attempt;
        Failure::sdk_client(self.error_prefix(), cause)
    }

    /// How many jobs of a resource one call of [`Self::describe`] may be asked about, at least 1.
    fn describe_limit(&self, resource: &str) -> usize {
        let _ = resource;
        1
    }

    /// What a job has in common with the jobs that can be described together with it: an ECS cluster, a Glue job's
    /// name. Empty if any jobs of the same identity can.
    fn describe_group(&self, job: &ExternalRef) -> Arc<str> {
        let _ = job;
        "".into()
    }

    /// The models by which the kit itself calls AWS for the family: the queue of its services' events. None if no event tells of its
    /// jobs.
    fn event_models(&self) -> Option<Arc<Catalog>> {
        None
    }

    /// How long after a start call a listing may still not show what it started.
    fn listing_lag(&self) -> Duration {
        Duration::ZERO
    }

    /// Starts the job or makes the call, at most once as far as the service can tell.
    async fn submit(&self, attempt: &Attempt) -> Submission;

    /// Finds out what an earlier submit of the same attempt did. May itself start the job where the service takes the
    /// repetition for the first call, and then answers [`Reconciled::Adopted`].
    async fn reconcile(&self, attempt: &Attempt) -> Reconciled;

    /// Whether [`Self::reconcile`] may itself start the attempt's job.
    fn look_starts(&self, attempt: &Attempt) -> bool {
        let _ = attempt;
        false
    }

    /// Looks at up to [`Self::describe_limit`] jobs of one identity and group with one call (with the pages that
    /// belong to it). The answer has one state for each of `jobs`, in their order.
    ///
    /// # Errors
    /// When the call failed for all of them.
    async fn describe(&self, watch: &WatchKey, jobs: &[ExternalRef]) -> Result<Vec<JobState>, CallFailure>;

    /// Stops a job. Succeeds once the service has confirmed that it stops, is over, or is unknown.
    ///
    /// # Errors
    /// When the service confirmed nothing; the kit calls again.
    async fn cancel(&self, attempt: &Attempt, job: &ExternalRef) -> Result<(), CallFailure>;
}

/// What jobs that one describe call can cover have in common.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct WatchKey {
    /// Under whose rights; calls of one identity share a rate limit.
    pub identity: Identity,
    /// The Task resource that started them, as an ARN.
    pub resource: Arc<str>,
    /// See [`Adapter::describe_group`].
    pub group: Arc<str>,
}

/// What became of a start call.
#[derive(Clone, Debug)]
pub enum Submission {
    /// The service started this job.
    Started(Started),
    /// The call's answer is the attempt's result.
    Finished(Payload),
    /// The attempt failed: the service refused, and started nothing.
    Failed(Failure),
    /// The call may or may not have had an effect.
    Unknown {
        /// What the service said, if it answered at all (a 5xx): the attempt's error unless the job is found.
        answer: Option<Failure>,
        /// What went wrong, for the cause of an `SdkClientException`.
        cause: String,
    },
}

/// A job that was started.
#[derive(Clone, Debug, PartialEq)]
pub struct Started {
    /// The job.
    pub external_ref: ExternalRef,
    /// The start call's answer as `TaskSubmitted` shows it.
    pub output: Payload,
}

/// What an earlier submit turned out to have done.
#[derive(Clone, Debug)]
pub enum Reconciled {
    /// It started this job.
    Adopted(Started),
    /// It took effect, and this is the attempt's result.
    Finished(Payload),
    /// It had no effect that the service shows. Trusted only past [`Adapter::listing_lag`].
    NotStarted,
    /// The service can't tell, or may not: no marker, a listing that is denied.
    Unknown {
        /// Why.
        cause: String,
    },
    /// The question itself failed and may succeed later: throttled, unreachable.
    Later {
        /// Why.
        cause: String,
    },
}

/// What a describe call says of one job.
#[derive(Clone, Debug, PartialEq)]
pub enum JobState {
    /// It isn't over.
    Running,
    /// It ended well, with this result.
    Succeeded(Payload),
    /// It ended badly.
    Failed(Failure),
    /// The service doesn't know it. Tolerated for a while, since listings lag; then the attempt fails.
    Missing,
}

/// Why a call that can be repeated without harm failed.
#[derive(Clone, Debug, PartialEq)]
pub enum CallFailure {
    /// The service asked for fewer calls.
    Throttled,
    /// It may well succeed later: unreachable, an internal error.
    Transient(String),
    /// The service refused: it will go on refusing until somebody changes something.
    Refused(Failure),
}

impl fmt::Display for CallFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Throttled => f.write_str("throttled"),
            Self::Transient(cause) => f.write_str(cause),
            Self::Refused(failure) => write!(f, "{}: {}", failure.error, failure.cause),
        }
    }
}

/// An error as Retry and Catch match it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// `Batch.ClientException`, `States.TaskFailed`.
    pub error: String,
    /// A text, or the text of a JSON.
    pub cause: String,
}

impl Failure {
    /// An error.
    pub fn new(error: impl Into<String>, cause: impl Into<String>) -> Self {
        Self { error: error.into(), cause: cause.into() }
    }

    /// `States.TaskFailed`, the error of a job that failed and of an attempt without rights.
    pub fn task_failed(cause: impl Into<String>) -> Self {
        Self::new("States.TaskFailed", cause)
    }

    /// `<Prefix>.SdkClientException`: the call didn't come to an answer.
    #[must_use]
    pub fn sdk_client(prefix: &str, cause: &str) -> Self {
        Self::new(format!("{prefix}.SdkClientException"), format!("Unable to execute HTTP request: {cause}"))
    }
}
