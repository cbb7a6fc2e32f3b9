//! Waiters: how the AWS SDKs wait until what a call began has come to its end, and which action of an AWS SDK integration
//! waits by which of them.
//!
//! AWS has no `.sync` on `aws-sdk` resources; this is Newel's own. A waiter is data of the service's model: an operation that
//! describes, and acceptors that say of its answer or error whether it is over. Which waiter belongs to an action is in
//! [`rule`].

mod acceptor;
mod expression;
mod rule;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, PoisonError, RwLock};

use newel_aws_catalog::{Catalog, Service, ShapeId, ShapeKind};
use newel_value::{ObjectBuilder, Str, Value};

use crate::descriptor::Verdict;
use crate::failure::ServiceError;
use acceptor::Acceptor;
use expression::Expression;

/// What waits for the end of what an action began.
#[derive(Clone, Debug)]
pub struct Waiter {
    /// The waiter's name in the model: `DBInstanceAvailable`.
    pub name: Str,
    /// The operation that is asked again and again: `DescribeDBInstances`.
    pub operation: Str,
    inputs: Vec<Input>,
    acceptors: Vec<Acceptor>,
}

/// A member of the describing request, and where its value is found.
#[derive(Clone, Debug)]
struct Input {
    /// The model's name of it.
    member: Str,
    /// In this order; the first that is there counts.
    sources: Vec<Source>,
}

/// A place in the request or the answer of the action, by the model's names.
#[derive(Clone, Debug, PartialEq)]
enum Source {
    Answer(Expression),
    Request(Expression),
}

/// What became of a describing call.
#[derive(Clone, Copy, Debug)]
pub enum Looked<'a> {
    /// An answer of success.
    Answer {
        /// HTTP status.
        status: u16,
        /// The answer as the wire's JSON.
        body: &'a Value,
    },
    /// A refusal.
    Error(&'a ServiceError),
}

impl Waiter {
    /// The describing request for what a call began, as the wire's JSON. `request` and `answer` are the call's, as the
    /// wire's JSON.
    ///
    /// # Errors
    /// The member for which neither has a value.
    pub fn request(
        &self,
        api: &Service,
        action: &str,
        request: &Value,
        answer: &Value,
    ) -> Result<Value, Str> {
        let began = api.operation(action);
        let input = began.and_then(|began| began.input);
        let output = began.and_then(|began| began.output);
        let named = |shape: Option<ShapeId>, value: &Value| shape.map(|shape| named(api, shape, value));
        let request = named(input, request).unwrap_or_default();
        let answer = named(output, answer).unwrap_or_default();
        let describe = api.operation(&self.operation).and_then(|describe| describe.input);
        let members = describe.map_or(&[][..], |describe| api.members(describe));
        let mut body = ObjectBuilder::with_capacity(self.inputs.len());
        for Input { member: name, sources } in &self.inputs {
            let member =
                members.iter().find(|member| member.name == *name).ok_or_else(|| Str::clone(name))?;
            let list = matches!(api.shape(member.shape).kind, ShapeKind::List(_));
            let found = sources.iter().find_map(|source| {
                let found = match source {
                    Source::Answer(path) => path.of(&answer),
                    Source::Request(path) => path.of(&request),
                };
                as_input(found, list)
            });
            body.insert(Str::clone(member.wire_name()), found.ok_or_else(|| Str::clone(name))?);
        }
        Ok(body.build().into())
    }

    /// The shape of a result: what the describing operation answers.
    #[must_use]
    pub(crate) fn result(&self, api: &Service) -> Option<ShapeId> {
        api.operation(&self.operation)?.output
    }

    /// What an answer or an error says; none if it is an error that the waiter doesn't know.
    #[must_use]
    pub fn verdict(&self, api: &Service, looked: Looked<'_>) -> Option<Verdict> {
        let output = api.operation(&self.operation).and_then(|describe| describe.output);
        let body = match (looked, output) {
            (Looked::Answer { body, .. }, Some(output)) => named(api, output, body),
            _ => Value::Null,
        };
        let accepted = self.acceptors.iter().find(|acceptor| acceptor.accepts(api, looked, &body));
        match (accepted, looked) {
            (Some(acceptor), _) => Some(acceptor.verdict),
            (None, Looked::Answer { .. }) => Some(Verdict::Running),
            (None, Looked::Error(_)) => None,
        }
    }
}

/// A value as a member takes it: a list if it is one, else one value; none if there is none.
fn as_input(found: Value, list: bool) -> Option<Value> {
    match (found, list) {
        (Value::Null, _) => None,
        (Value::Array(items), _) if items.is_empty() => None,
        (Value::Array(items), false) => items.first().cloned(),
        (Value::Array(items), true) => Some(Value::Array(items)),
        (value, true) => Some(vec![value].into()),
        (value, false) => Some(value),
    }
}

/// The wire's JSON with the model's own names, which the paths of waiters speak of.
fn named(api: &Service, shape: ShapeId, value: &Value) -> Value {
    match (&api.shape(shape).kind, value) {
        (ShapeKind::Structure(structure), Value::Object(object)) => {
            let mut seen = ObjectBuilder::with_capacity(object.len());
            for (key, value) in object.iter() {
                let member = structure.members.iter().find(|member| member.wire_name() == key);
                // Stand-ins of AWS now and then send a member by its own name.
                let member = member.or_else(|| structure.members.iter().find(|member| member.name == *key));
                if let Some(member) = member {
                    seen.insert(Str::clone(&member.name), named(api, member.shape, value));
                }
            }
            seen.build().into()
        }
        (ShapeKind::List(list), Value::Array(items)) => {
            items.iter().map(|item| named(api, list.member, item)).collect()
        }
        _ => value.clone(),
    }
}

/// The waiters of a service's actions, by the actions' operations.
pub(crate) type OfService = BTreeMap<Str, Arc<Waiter>>;

/// The waiters of the services that were asked for; shared by clones.
#[derive(Clone, Debug, Default)]
pub(crate) struct Waiters(Arc<RwLock<HashMap<Str, Arc<OfService>>>>);

impl Waiters {
    /// Those of a service.
    ///
    /// # Errors
    /// Why the catalog's can't be read.
    pub(crate) fn of(&self, catalog: &Catalog, api: &Service) -> Result<Arc<OfService>, String> {
        if let Some(known) = self.0.read().unwrap_or_else(PoisonError::into_inner).get(api.name()) {
            return Ok(Arc::clone(known));
        }
        let text = catalog.waiters(api).map_err(|error| error.to_string())?;
        let read = Arc::new(text.map_or_else(|| Ok(OfService::new()), |text| rule::waiters(api, text))?);
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        Ok(Arc::clone(known.entry(api.name().into()).or_insert(read)))
    }
}
