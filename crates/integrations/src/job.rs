//! Jobs: what names one, and what a description says of it.

use std::fmt;
use std::str::FromStr;

use newel_asl::catalog::Pattern;
use newel_value::{Object, Str, Value};

use crate::ServiceError;
use crate::descriptor::{Idempotency, Ids, Several, Source, Verdict};
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
        let text = |source: Source| source.of(request, answer).and_then(Value::as_str).map(Str::from);
        let scope = match job.scope {
            None => None,
            Some(source) => Some(text(source)?),
        };
        Some(JobRef { id: text(job.id)?, scope })
    }

    /// The jobs that a description holds, by id, as the wire has them.
    #[must_use]
    pub fn described<'a>(&self, request: &'a WireRequest, answer: &'a Value) -> Vec<(&'a str, &'a Value)> {
        let Some(job) = self.action.job.as_ref() else { return Vec::new() };
        let (jobs, id, asked) = match self.several_by(request) {
            Some(Several::Sweep(sweep)) => (sweep.jobs, Some(sweep.id), None),
            Some(Several::Batch(batch) | Several::Summaries(batch)) => (batch.jobs, batch.id, None),
            None => (job.describe.jobs, job.describe.id, Some(job.describe.ids)),
        };
        let jobs = match answer.pointer(jobs) {
            Some(Value::Array(jobs)) => jobs.as_slice(),
            Some(one @ Value::Object(_)) => std::slice::from_ref(one),
            _ => &[],
        };
        let asked = asked.and_then(|ids| match ids {
            Ids::One(member) => request.body.get(member)?.as_str(),
            Ids::Many(..) => None,
        });
        let id_of = |job: &'a Value| id.map_or(asked, |id| job.get(id)?.as_str());
        jobs.iter().filter_map(|job| Some((id_of(job)?, job))).collect()
    }

    /// Whether the refusal of a describe call says that there is no such job.
    #[must_use]
    pub fn says_missing(&self, error: &ServiceError) -> bool {
        let job = self.action.job.as_ref();
        job.is_some_and(|job| job.describe.missing.contains(&error.code()))
    }

    /// The result of a task whose job is over because it is gone, as far as what asked for it tells; none if that is no
    /// success.
    #[must_use]
    pub fn gone_result(&self, job: &JobRef) -> Option<Value> {
        let table = self.action.job.as_ref().filter(|table| table.ending.gone)?;
        let asked = self.describe(std::slice::from_ref(job)).into_iter().next()?;
        Some(self.job_result_of(table, &asked.body))
    }

    /// Where a described job is.
    #[must_use]
    pub fn verdict(&self, described: &Value) -> Verdict {
        let Some(ending) = self.action.job.as_ref().map(|job| &job.ending) else { return Verdict::Running };
        let status = described.pointer(ending.status).and_then(Value::as_str).unwrap_or_default();
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

    /// The job that a start call names itself, for services that refuse a second one of the name.
    #[must_use]
    pub fn named(&self, request: &WireRequest) -> Option<JobRef> {
        matches!(self.action.idempotency, Idempotency::Name { .. })
            .then(|| self.started(request, &Value::Null))
            .flatten()
    }

    /// Whether a described job was created at that moment or later, in milliseconds since 1970. One that doesn't say when
    /// was not.
    #[must_use]
    pub fn is_created_since(&self, described: &Value, millis: u64) -> bool {
        let Idempotency::Name { created } = self.action.idempotency else { return false };
        let created = described.pointer(created).and_then(Value::as_f64);
        created.is_some_and(|seconds| seconds * 1e3 >= millis as f64)
    }

    /// The answer that a job's start call gave, as far as its description tells.
    #[must_use]
    pub fn start_answer(&self, described: &Value) -> Value {
        let members = self.output.map(|shape| self.api.members(shape)).unwrap_or_default();
        let member = |name: &Str| Some((Str::clone(name), described.get(name)?.clone()));
        members.iter().filter_map(|m| member(m.wire_name())).collect::<Object>().into()
    }

    /// Whether a repetition of this start call is harmless or its job can be found: whether it carries an idempotency
    /// token or a marker, or names its job. If not, a lost answer leaves the outcome unknown.
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

impl Source {
    /// What is there.
    pub(crate) fn of<'a>(self, request: &'a WireRequest, answer: &'a Value) -> Option<&'a Value> {
        match self {
            Self::Answer(pointer) => answer.pointer(pointer),
            Self::Request(pointer) => request.body.pointer(pointer),
        }
    }
}
