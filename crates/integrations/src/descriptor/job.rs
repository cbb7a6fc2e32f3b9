//! The words for jobs: how one is named, described, judged and cancelled. All names are the wire's.

use newel_value::Value;

use super::Source;

/// The job behind `.sync`.
#[derive(Clone, Copy, Debug)]
pub struct Job {
    /// The job's id.
    pub id: Source,
    /// What its calls are limited to besides the id: an ECS cluster, a Glue job.
    pub scope: Option<Source>,
    /// The call that describes jobs.
    pub describe: Describe,
    /// The call that describes several jobs of a scope, where that is another.
    pub several: Option<Several>,
    /// The call that ends a job early, if there is one.
    pub cancel: Option<Cancel>,
    /// The result of the task.
    pub result: JobResult,
    /// When the job is over.
    pub ending: Ending,
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
    /// JSON pointer to the jobs in the answer, or to the one job; empty if the answer is the job.
    pub jobs: &'static str,
    /// The member of a job that is its id. None where a call describes one job: the one asked for.
    pub id: Option<&'static str>,
    /// Codes of errors that say that there is no such job.
    pub missing: &'static [&'static str],
    /// What tells on the default event bus that a job has changed, where the service sends such events.
    pub event: Option<JobEvent>,
}

/// An EventBridge event about a job. It is only a hint: what became of the job is what the describe call says.
#[derive(Clone, Copy, Debug)]
pub struct JobEvent {
    /// Its `source`: `aws.batch`.
    pub source: &'static str,
    /// Its `detail-type`: `Batch Job State Change`.
    pub detail_type: &'static str,
    /// JSON pointer to the job's id in the event's `detail`. Where that is an ARN and the id is none, the id follows the last slash.
    pub id: &'static str,
}

/// A call that describes several jobs of a scope.
#[derive(Clone, Copy, Debug)]
pub enum Several {
    /// By their ids.
    Batch(Describe),
    /// By their ids, in fewer words than the call that describes one: that a job goes on is all that is taken from it.
    Summaries(Describe),
    /// All there are.
    Sweep(Sweep),
}

/// A call that describes all jobs of a scope, page by page.
#[derive(Clone, Copy, Debug)]
pub struct Sweep {
    /// The operation.
    pub operation: &'static str,
    /// The member that takes the scope.
    pub scope: Option<&'static str>,
    /// The member that takes the states of the jobs to show, and those of jobs that go on. None where all jobs are shown.
    pub states: Option<(&'static str, &'static [&'static str])>,
    /// The member that takes an order, and the word for the newest first. None where that is the only order.
    pub newest_first: Option<(&'static str, &'static str)>,
    /// The member that takes the size of a page.
    pub page_size: &'static str,
    /// The largest page.
    pub max_page: i64,
    /// The member that takes the mark of a page, and the answer's that gives it.
    pub next: (&'static str, &'static str),
    /// JSON pointer to the jobs in the answer.
    pub jobs: &'static str,
    /// The member of a job that is its id.
    pub id: &'static str,
    /// Whether jobs are shown in fewer words than by the call that describes one: that a job goes on is all that is taken
    /// from them.
    pub summaries: bool,
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
    /// Whether an answer of success names a job that the call couldn't end.
    pub refused: fn(&Value) -> bool,
}

/// How a call takes ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ids {
    /// One, in this member.
    One(&'static str),
    /// Up to so many, as a list in this member.
    Many(&'static str, usize),
}

impl Several {
    /// The operation.
    #[must_use]
    pub const fn operation(&self) -> &'static str {
        match self {
            Self::Batch(batch) | Self::Summaries(batch) => batch.operation,
            Self::Sweep(sweep) => sweep.operation,
        }
    }
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

/// What a `.sync` task gives: the described job.
#[derive(Clone, Copy, Debug)]
pub struct JobResult {
    /// Its shape.
    pub shape: &'static str,
    /// The member that it is put in; none if the job is the result itself.
    pub wrapper: Option<&'static str>,
    /// Members beside the wrapper: their names, and JSON pointers into the described job.
    pub beside: &'static [(&'static str, &'static str)],
}

/// When a job is over, and how.
#[derive(Clone, Copy, Debug)]
pub struct Ending {
    /// JSON pointer to what says where a described job is.
    pub status: &'static str,
    /// The values that mean success.
    pub succeeded: &'static [&'static str],
    /// The values that mean failure.
    pub failed: &'static [&'static str],
    /// Where the status says success: whether the rest of the job says so too.
    pub confirm: fn(&Value) -> bool,
    /// Whether it is success that there is no such job any more.
    pub gone: bool,
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

/// The call that describes one job: the operation, the member that takes its id, and where the job is in the answer.
pub(crate) const fn one(
    operation: &'static str,
    id: &'static str,
    job: &'static str,
    missing: &'static [&'static str],
) -> Describe {
    Describe { operation, scope: None, ids: Ids::One(id), jobs: job, id: None, missing, event: None }
}

/// The call that cancels one job: the operation, and the member that takes its id.
pub(crate) const fn cancelled(operation: &'static str, id: &'static str) -> Cancel {
    Cancel { operation, scope: None, ids: Ids::One(id), reason: None, refused: |_| false }
}

impl Describe {
    /// Within a scope, which this member takes.
    pub(crate) const fn within(self, scope: &'static str) -> Self {
        Self { scope: Some(scope), ..self }
    }
}

impl Describe {
    /// With the event that tells of its jobs: source, detail type, and the pointer to the job's id in the detail.
    pub(crate) const fn told_by(
        self,
        source: &'static str,
        detail_type: &'static str,
        id: &'static str,
    ) -> Self {
        Self { event: Some(JobEvent { source, detail_type, id }), ..self }
    }
}

impl Cancel {
    /// Within a scope, which this member takes.
    pub(crate) const fn within(self, scope: &'static str) -> Self {
        Self { scope: Some(scope), ..self }
    }
}

impl Ending {
    /// An ending that a status tells.
    pub(crate) const fn of(
        status: &'static str,
        succeeded: &'static [&'static str],
        failed: &'static [&'static str],
    ) -> Self {
        Self { status, succeeded, failed, confirm: |_| true, gone: false }
    }

    /// One for what is to go away.
    pub(crate) const fn or_gone(self) -> Self {
        Self { gone: true, ..self }
    }
}

impl JobResult {
    /// The described job itself.
    pub(crate) const fn bare(shape: &'static str) -> Self {
        Self { shape, wrapper: None, beside: &[] }
    }

    /// The described job in a member.
    pub(crate) const fn wrapped(shape: &'static str, wrapper: &'static str) -> Self {
        Self { shape, wrapper: Some(wrapper), beside: &[] }
    }
}
