//! A request whose shape has been checked.

use newel_asl::Limits;
use newel_value::{Object, Str, Value};

use super::{Operation, check};
use crate::refusal::Refusal;

/// A request whose members have the types and lengths that its operation's table says. Absent and `null` are one.
#[derive(Clone, Debug)]
pub(crate) struct Input(Object);

impl Input {
    /// Checks a request.
    pub(crate) fn new(operation: Operation, request: Object, limits: &Limits) -> Result<Self, Refusal> {
        check(&request, operation.members(), limits)?;
        Ok(Self(request))
    }

    /// A string. A required one is there, so its absence reads as the empty string.
    pub(crate) fn text(&self, name: &str) -> Str {
        self.optional_text(name).unwrap_or_default()
    }

    /// A string that may be absent.
    pub(crate) fn optional_text(&self, name: &str) -> Option<Str> {
        match self.0.get(name) {
            Some(Value::String(s)) => Some(s.clone()),
            _ => None,
        }
    }

    /// A boolean, or what it is when absent.
    pub(crate) fn flag(&self, name: &str, absent: bool) -> bool {
        self.0.get(name).and_then(Value::as_bool).unwrap_or(absent)
    }

    /// A number that may be absent.
    pub(crate) fn integer(&self, name: &str) -> Option<i64> {
        self.0.get(name).and_then(Value::as_i64)
    }

    /// A number with a fraction that may be absent.
    pub(crate) fn float(&self, name: &str) -> Option<f64> {
        self.0.get(name).and_then(Value::as_f64)
    }

    /// A structure that may be absent.
    pub(crate) fn structure(&self, name: &str) -> Option<&Object> {
        self.0.get(name).and_then(Value::as_object)
    }

    /// A list; an absent one is empty.
    pub(crate) fn list(&self, name: &str) -> &[Value] {
        self.0.get(name).and_then(Value::as_array).unwrap_or_default()
    }
}
