//! One call as an operation sees it.

use std::sync::Arc;

use serde_json::{Map, Value};

use crate::identity::Caller;
use crate::jobs::Space;
use crate::scripts::LifeCycle;
use crate::select::Subject;
use crate::services::{Operation, ServiceModel};
use crate::wire::Failure;
use crate::world::World;

/// A call, its caller and the moment it is carried out.
#[derive(Debug)]
pub(crate) struct Call<'a> {
    pub(crate) world: &'a World,
    pub(crate) caller: &'a Arc<Caller>,
    pub(crate) model: &'static ServiceModel,
    pub(crate) operation: &'static Operation,
    pub(crate) input: &'a Value,
    /// The body the input was read from.
    pub(crate) body: &'a str,
    pub(crate) now_ms: u64,
}

impl<'a> Call<'a> {
    pub(crate) fn space(&self) -> &'a Space {
        &self.caller.space
    }

    /// A member of type string.
    pub(crate) fn text(&self, member: &str) -> Option<&'a str> {
        self.input.get(member).and_then(Value::as_str)
    }

    /// A member of type string that must be there and not be empty.
    pub(crate) fn required(&self, member: &str) -> Result<&'a str, Failure> {
        self.text(member)
            .filter(|text| !text.is_empty())
            .ok_or_else(|| self.invalid(format!("{member} is required")))
    }

    /// The strings of a list member; absent is empty.
    pub(crate) fn texts(&self, member: &str) -> Vec<&'a str> {
        let list = self.input.get(member).and_then(Value::as_array);
        list.into_iter().flatten().filter_map(Value::as_str).collect()
    }

    /// The number of results asked for, at most `most`.
    pub(crate) fn page_size(&self, member: &str, most: usize) -> usize {
        let asked = self.input.get(member).and_then(Value::as_u64).and_then(|n| usize::try_from(n).ok());
        asked.unwrap_or(most).clamp(1, most)
    }

    /// The service's error for a bad parameter.
    pub(crate) fn invalid(&self, message: impl Into<String>) -> Failure {
        Failure::new(400, self.model.errors.invalid, message.into())
    }

    /// How many elements the call names, for the call counts.
    pub(crate) fn item_count(&self) -> u64 {
        let items = self.operation.items.and_then(|member| self.input.get(member));
        match items {
            Some(Value::Array(items)) => items.len() as u64,
            Some(Value::Number(count)) => count.as_u64().unwrap_or(0),
            _ => u64::from(self.operation.items.is_some()),
        }
    }

    /// The call as selectors see it.
    pub(crate) fn subject(&self) -> Subject<'a> {
        let [name, group, definition] =
            self.model.selected_by.map(|member| self.text(member).unwrap_or_default());
        Subject {
            service: self.model.service,
            operation: self.operation.name,
            account: &self.caller.account,
            region: &self.caller.region,
            role: &self.caller.role,
            name,
            group,
            definition,
        }
    }

    /// The script of a new job, for which room is taken; gives up with `full` when there is none.
    pub(crate) fn new_life(&self, count: usize, full: &'static str) -> Result<Arc<LifeCycle>, Failure> {
        if !self.world.job_quota.take(count) {
            return Err(Failure::new(400, full, "the fake holds as many jobs as it may"));
        }
        let life = self.world.scripts.lock().take(&self.subject());
        life.ok_or_else(|| self.invalid("the service has no jobs"))
    }
}

/// Copies the named members of `from` that are there.
pub(crate) fn copy_members(into: &mut Map<String, Value>, from: &Map<String, Value>, names: &[&str]) {
    for name in names {
        if let Some(value) = from.get(*name) {
            into.insert((*name).to_owned(), value.clone());
        }
    }
}

/// The members of a `json!` object.
pub(crate) fn members(object: Value) -> Map<String, Value> {
    match object {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}
