//! One integration: requests out of parameters.

use std::collections::HashMap;

use newel_asl::catalog::Pattern;
use newel_aws_catalog::{Dialect, Service, ShapeId};
use newel_value::{ObjectBuilder, Value};

use crate::descriptor::{Action, Family, Ids, Job, Several};
use crate::job::JobRef;
use crate::marker;

/// Optimized integrations speak this dialect.
pub(crate) const DIALECT: Dialect = Dialect::Optimized;

/// The integration that a Task's resource names: its table and its API's model.
#[derive(Clone, Copy, Debug)]
pub struct Integration<'c> {
    /// The service's table.
    pub family: &'static Family,
    /// The action's table.
    pub action: &'static Action,
    /// How the state waits.
    pub pattern: Pattern,
    /// The model of the API.
    pub api: &'c Service,
    /// The Task's resource.
    pub(crate) resource: &'c str,
    pub(crate) input: ShapeId,
    pub(crate) output: Option<ShapeId>,
}

/// A call of an AWS API, ready for the wire.
#[derive(Clone, Debug, PartialEq)]
pub struct WireRequest {
    /// The service by its name in `aws-sdk` ARNs, as [`newel_aws_catalog::Catalog::service`] takes it.
    pub service: &'static str,
    /// The operation's API name.
    pub operation: &'static str,
    /// The request's JSON, with the wire's names.
    pub body: Value,
}

impl Integration<'_> {
    /// The job behind the task, if the state waits for one.
    #[must_use]
    pub fn job(&self) -> Option<&'static Job> {
        let job = self.action.job.as_ref();
        job.filter(|_| matches!(self.pattern, Pattern::Job(_)))
    }

    /// The parameters that an attempt is scheduled with: checked, and completed with what Step Functions adds.
    ///
    /// # Errors
    /// The reasons that AWS puts in brackets in `The Parameters '…' could not be used to start the Task: […]`.
    pub fn prepare(&self, parameters: Value) -> Result<Value, Vec<String>> {
        self.body(&parameters)?;
        match (self.action.refuse)(self.pattern, &parameters) {
            Some(reason) => Err(vec![reason]),
            None => Ok((self.action.complete)(self.pattern, parameters)),
        }
    }

    /// The call that starts the task for an execution. `token` is the attempt's submit token, which the request carries as
    /// its idempotency token or as a marker; without one it carries neither.
    ///
    /// # Errors
    /// As [`Self::prepare`], for parameters that didn't come from there.
    pub fn request(
        &self,
        prepared: &Value,
        execution_arn: &str,
        token: Option<&str>,
    ) -> Result<WireRequest, Vec<String>> {
        let body = (self.action.stamp)(execution_arn, self.body(prepared)?);
        let body = match token {
            Some(token) => marker::mark(self.action.idempotency, &body, token),
            None => body,
        };
        Ok(self.call(self.action.operation, body))
    }

    /// The host that a start call would go to, if there can be none of that name.
    #[must_use]
    pub fn unknown_host(&self, start: &WireRequest) -> Option<String> {
        (self.action.unknown_host)(&start.body)
    }

    /// How many jobs one look can cover.
    #[must_use]
    pub fn describe_limit(&self) -> usize {
        self.action.job.as_ref().map_or(1, |job| match &job.several {
            Some(Several::Batch(batch) | Several::Summaries(batch)) => batch.ids.limit(),
            Some(Several::Sweep(sweep)) => usize::try_from(sweep.max_page).unwrap_or(1),
            None => job.describe.ids.limit(),
        })
    }

    /// The calls that describe these jobs, as few as the service allows. Several jobs of a scope may be described by a
    /// sweep: its answer may hold other jobs too, and may lack some that are on later pages ([`Self::next_page`]).
    #[must_use]
    pub fn describe(&self, jobs: &[JobRef]) -> Vec<WireRequest> {
        let Some(job) = self.action.job.as_ref() else { return Vec::new() };
        let describe_one_scope = |(scope, ids): &(Option<&str>, Vec<&JobRef>)| {
            let describe = match (&job.several, &ids[..]) {
                (Some(Several::Sweep(sweep)), [_, _, ..]) => {
                    let mut body = ObjectBuilder::default();
                    put_some(&mut body, sweep.scope, *scope);
                    if let Some((member, states)) = sweep.states {
                        body.insert(member, states.iter().copied().map(Value::from).collect::<Value>());
                    }
                    if let Some((member, word)) = sweep.newest_first {
                        body.insert(member, word);
                    }
                    body.insert(sweep.page_size, sweep.max_page);
                    return vec![self.call(sweep.operation, body.build().into())];
                }
                (Some(Several::Batch(batch) | Several::Summaries(batch)), [_, _, ..]) => batch,
                _ => &job.describe,
            };
            self.in_chunks(describe.operation, describe.scope, describe.ids, *scope, ids, None)
        };
        by_scope(jobs).iter().flat_map(describe_one_scope).collect()
    }

    /// Whether a call tells too little of jobs to judge those that are over.
    #[must_use]
    pub fn is_summary(&self, request: &WireRequest) -> bool {
        match self.several_by(request) {
            Some(Several::Summaries(_)) => true,
            Some(Several::Sweep(sweep)) => sweep.summaries,
            Some(Several::Batch(_)) | None => false,
        }
    }

    /// Whether a call looks at several jobs and there is another that looks at one.
    #[must_use]
    pub fn is_of_several(&self, request: &WireRequest) -> bool {
        self.several_by(request).is_some()
    }

    /// The call about several jobs that a request is.
    pub(crate) fn several_by(&self, request: &WireRequest) -> Option<Several> {
        let several = self.action.job?.several?;
        (several.operation() == request.operation).then_some(several)
    }

    /// The call for the page after `answer` to `request`, if that was a sweep with more to come.
    #[must_use]
    pub fn next_page(&self, request: &WireRequest, answer: &Value) -> Option<WireRequest> {
        let Several::Sweep(sweep) = self.several_by(request)? else { return None };
        self.page_after(request, sweep.next, answer)
    }

    /// The calls that end these jobs early; none if their service has no such call or AWS leaves them running. `reason` is
    /// shown by services that take one.
    #[must_use]
    pub fn cancel(&self, jobs: &[JobRef], reason: &str) -> Vec<WireRequest> {
        let Some(cancel) = self.action.job.and_then(|job| job.cancel) else { return Vec::new() };
        let cancel_one_scope = |(scope, ids): &(Option<&str>, Vec<&JobRef>)| {
            let reason = cancel.reason.map(|member| (member, reason));
            self.in_chunks(cancel.operation, cancel.scope, cancel.ids, *scope, ids, reason)
        };
        by_scope(jobs).iter().flat_map(cancel_one_scope).collect()
    }

    /// Calls of an operation about jobs of one scope, each with as many as it takes.
    fn in_chunks(
        &self,
        operation: &'static str,
        scope_member: Option<&'static str>,
        ids_member: Ids,
        scope: Option<&str>,
        jobs: &[&JobRef],
        reason: Option<(&'static str, &str)>,
    ) -> Vec<WireRequest> {
        let call = |jobs: &[&JobRef]| {
            let mut body = ObjectBuilder::default();
            put_some(&mut body, scope_member, scope);
            put_ids(&mut body, ids_member, jobs);
            if let Some((member, reason)) = reason {
                body.insert(member, reason);
            }
            self.call(operation, body.build().into())
        };
        jobs.chunks(ids_member.limit().max(1)).map(call).collect()
    }

    /// The same request for the page that an answer marks as the next one.
    pub(crate) fn page_after(
        &self,
        request: &WireRequest,
        (takes, gives): (&'static str, &'static str),
        answer: &Value,
    ) -> Option<WireRequest> {
        let next = answer.get(gives).filter(|next| next.as_str().is_some_and(|s| !s.is_empty()))?;
        let mut body = request.body.as_object()?.to_builder();
        body.insert(takes, next.clone());
        Some(self.call(request.operation, body.build().into()))
    }

    pub(crate) const fn call(&self, operation: &'static str, body: Value) -> WireRequest {
        WireRequest { service: self.family.api, operation, body }
    }
}

/// The jobs of each scope, scopes and jobs in the order they came.
fn by_scope(jobs: &[JobRef]) -> Vec<(Option<&str>, Vec<&JobRef>)> {
    let mut groups: Vec<(Option<&str>, Vec<&JobRef>)> = Vec::new();
    let mut group_of: HashMap<Option<&str>, usize> = HashMap::new();
    for job in jobs {
        let scope = job.scope.as_deref();
        let at = *group_of.entry(scope).or_insert(groups.len());
        match groups.get_mut(at) {
            Some((_, group)) => group.push(job),
            None => groups.push((scope, vec![job])),
        }
    }
    groups
}

/// Sets a member if the call has it and there is something to say.
fn put_some(body: &mut ObjectBuilder, member: Option<&'static str>, text: Option<&str>) {
    if let Some((member, text)) = member.zip(text) {
        body.insert(member, text);
    }
}

fn put_ids(body: &mut ObjectBuilder, ids: Ids, jobs: &[&JobRef]) {
    match ids {
        Ids::One(member) => {
            body.insert_some(member, jobs.first().map(|job| job.id.clone()));
        }
        Ids::Many(member, _) => {
            body.insert(member, jobs.iter().map(|job| Value::from(job.id.clone())).collect::<Value>());
        }
    }
}
