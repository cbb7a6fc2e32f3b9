//! One integration: requests out of parameters.

use std::collections::HashMap;

use newel_asl::catalog::Pattern;
use newel_aws_catalog::{Dialect, Service, ShapeId, to_wire};
use newel_value::{ObjectBuilder, Value};

use crate::descriptor::{Action, Family, Ids, Job};
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

    /// The call that starts the task. `token` is the attempt's submit token, which the request carries as its
    /// idempotency token or as a marker; without one it carries neither.
    ///
    /// # Errors
    /// As [`Self::prepare`], for parameters that didn't come from there.
    pub fn request(&self, prepared: &Value, token: Option<&str>) -> Result<WireRequest, Vec<String>> {
        let body = self.body(prepared)?;
        let body =
            token.map_or_else(|| body.clone(), |token| marker::mark(self.action.idempotency, &body, token));
        Ok(self.call(self.action.operation, body))
    }

    fn body(&self, parameters: &Value) -> Result<Value, Vec<String>> {
        to_wire(self.api, self.input, parameters, DIALECT)
            .map_err(|faults| faults.into_iter().map(|fault| fault.message).collect())
    }

    /// The calls that describe these jobs, as few as the service allows. Where one call takes one id and there is a call
    /// for a whole scope, several jobs of a scope are a sweep: its answer may hold other jobs too, and may lack some
    /// that are on later pages ([`Self::next_page`]).
    #[must_use]
    pub fn describe(&self, jobs: &[JobRef]) -> Vec<WireRequest> {
        let Some(job) = self.action.job.as_ref() else { return Vec::new() };
        let describe_one_scope = |(scope, ids): &(Option<&str>, Vec<&JobRef>)| {
            if let (Some(sweep), [_, _, ..]) = (&job.sweep, &ids[..]) {
                let mut body = ObjectBuilder::default();
                put_some(&mut body, Some(sweep.scope), *scope);
                body.insert(sweep.page_size, sweep.max_page);
                return vec![self.call(sweep.operation, body.build().into())];
            }
            let describe = &job.describe;
            let describe_some = |ids: &[&JobRef]| {
                let mut body = ObjectBuilder::default();
                put_some(&mut body, describe.scope, *scope);
                put_ids(&mut body, describe.ids, ids);
                self.call(describe.operation, body.build().into())
            };
            ids.chunks(describe.ids.limit().max(1)).map(describe_some).collect()
        };
        by_scope(jobs).iter().flat_map(describe_one_scope).collect()
    }

    /// The call for the page after `answer` to `request`, if that was a sweep with more to come.
    #[must_use]
    pub fn next_page(&self, request: &WireRequest, answer: &Value) -> Option<WireRequest> {
        let sweep = self.action.job?.sweep.filter(|sweep| sweep.operation == request.operation)?;
        let next = answer.get(sweep.next).filter(|next| next.as_str().is_some_and(|s| !s.is_empty()))?;
        let mut body = request.body.as_object()?.to_builder();
        body.insert(sweep.next, next.clone());
        Some(self.call(sweep.operation, body.build().into()))
    }

    /// The calls that end these jobs early. `reason` is shown by services that take one.
    #[must_use]
    pub fn cancel(&self, jobs: &[JobRef], reason: &str) -> Vec<WireRequest> {
        let Some(cancel) = self.action.job.as_ref().map(|job| &job.cancel) else { return Vec::new() };
        let cancel_one_scope = |(scope, ids): &(Option<&str>, Vec<&JobRef>)| -> Vec<WireRequest> {
            let cancel_some = |ids: &[&JobRef]| {
                let mut body = ObjectBuilder::default();
                put_some(&mut body, cancel.scope, *scope);
                put_ids(&mut body, cancel.ids, ids);
                put_some(&mut body, cancel.reason, Some(reason));
                self.call(cancel.operation, body.build().into())
            };
            ids.chunks(cancel.ids.limit().max(1)).map(cancel_some).collect()
        };
        by_scope(jobs).iter().flat_map(cancel_one_scope).collect()
    }

    const fn call(&self, operation: &'static str, body: Value) -> WireRequest {
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
