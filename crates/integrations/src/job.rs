//! Jobs: what names one, and what a description says of it.

use std::fmt;
use std::str::FromStr;

use newel_asl::catalog::Pattern;
use newel_value::{Str, Value};

use crate::descriptor::{Scope, Verdict};
use crate::integration::{Integration, WireRequest};
use crate::marker;

/// What names a job in AWS: its external ref. As text it is the id, then, if there is one, a blank and the scope (ids
/// never hold blanks).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct JobRef {
    /// The job's id: a Batch job id, an ECS task ARN, a Glue run id.
    pub id: Str,
    /// What a description is limited to: an ECS cluster, a Glue job.
    pub scope: Option<Str>,
}

impl fmt::Display for JobRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.id)?;
        self.scope.as_ref().map_or(Ok(()), |scope| write!(f, " {scope}"))
    }
}

impl FromStr for JobRef {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match text.split_once(' ') {
            None => Self { id: text.into(), scope: None },
            Some((id, scope)) => Self { id: id.into(), scope: Some(scope.into()) },
        })
    }
}

impl Integration<'_> {
    /// What names the job that a start call began; none if the answer names none.
    #[must_use]
    pub fn started(&self, request: &WireRequest, answer: &Value) -> Option<JobRef> {
        let job = self.action.job.as_ref()?;
        let text = |of: &Value, pointer: &str| of.pointer(pointer).and_then(Value::as_str).map(Str::from);
        let scope = match job.scope {
            None => None,
            Some(Scope::Answer(pointer)) => Some(text(answer, pointer)?),
            Some(Scope::Request(pointer)) => Some(text(&request.body, pointer)?),
        };
        Some(JobRef { id: text(answer, job.id)?, scope })
    }

    /// The jobs that a description holds, by id, as the wire has them.
    #[must_use]
    pub fn described<'a>(&self, request: &WireRequest, answer: &'a Value) -> Vec<(&'a str, &'a Value)> {
        let Some(job) = self.action.job.as_ref() else { return Vec::new() };
        let sweep = job.sweep.as_ref().filter(|sweep| sweep.operation == request.operation);
        let jobs = answer.get(sweep.map_or(job.describe.jobs, |sweep| sweep.jobs));
        let jobs = match jobs {
            Some(Value::Array(jobs)) => jobs.as_slice(),
            Some(one) => std::slice::from_ref(one),
            None => &[],
        };
        jobs.iter().filter_map(|j| Some((j.get(job.describe.id)?.as_str()?, j))).collect()
    }

    /// Where a described job is.
    #[must_use]
    pub fn verdict(&self, described: &Value) -> Verdict {
        let Some(ending) = self.action.job.as_ref().map(|job| &job.ending) else { return Verdict::Running };
        let status = described.get(ending.status).and_then(Value::as_str).unwrap_or_default();
        if ending.failed.contains(&status) {
            return Verdict::Failed;
        }
        match (ending.succeeded.contains(&status), (ending.confirm)(described)) {
            (false, _) => Verdict::Running,
            (true, true) => Verdict::Succeeded,
            (true, false) => Verdict::Failed,
        }
    }

    /// Whether a described job carries the marker of the attempt with this submit token: then it is that attempt's job,
    /// to be adopted instead of started again.
    #[must_use]
    pub fn is_job_of(&self, token: &str, described: &Value) -> bool {
        marker::is_of(self.action.idempotency, token, described)
    }

    /// Whether a repetition of this start call is harmless or its job can be found: whether it carries an idempotency
    /// token or a marker. If not, a lost answer leaves the outcome unknown.
    #[must_use]
    pub fn is_recoverable(&self, request: &WireRequest) -> bool {
        marker::is_in(self.action.idempotency, &request.body)
    }

    /// Whether the state goes on when the start call has answered.
    #[must_use]
    pub fn ends_with_answer(&self) -> bool {
        self.pattern == Pattern::RequestResponse
    }
}
