//! An object of the definition with the place where it stands, read field by field.
//!
//! A reader answers `None` for an absent field; for a bad one it reports a diagnostic and answers `None` too, so the
//! callers go on and find what else is wrong, and the plan is dropped in the end.

use newel_value::{Object, Str, Value};

use super::Compiler;
use crate::diagnostic::Code;

/// An object and its location.
#[derive(Clone, Debug)]
pub(super) struct Node<'a> {
    pub(super) object: &'a Object,
    /// `/States/X`; empty for the definition itself.
    pub(super) location: String,
}

/// The bounds of a whole number, both taken.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    pub(super) min: i64,
    pub(super) max: i64,
}

/// The largest number of seconds AWS takes, and of attempts.
pub(super) const MAX_SECONDS: i64 = 99_999_999;
/// Seconds that may be none.
pub(super) const SECONDS: Bounds = Bounds { min: 0, max: MAX_SECONDS };
/// Seconds of a timeout or heartbeat.
pub(super) const TIMEOUT: Bounds = Bounds { min: 1, max: MAX_SECONDS };
/// A count without an upper bound.
pub(super) const COUNT: Bounds = Bounds { min: 0, max: i64::MAX };

impl<'a> Node<'a> {
    pub(super) fn get(&self, field: &str) -> Option<&'a Value> {
        self.object.get(field)
    }

    pub(super) fn has(&self, field: &str) -> bool {
        self.object.contains_key(field)
    }

    /// The location of one of its fields.
    pub(super) fn at(&self, field: &str) -> String {
        format!("{}/{field}", self.location)
    }

    /// The location of an element of one of its array fields.
    pub(super) fn at_index(&self, field: &str, index: usize) -> String {
        format!("{}/{field}[{index}]", self.location)
    }

    /// Its own location; the definition's is `/`.
    fn here(&self) -> String {
        if self.location.is_empty() { "/".to_owned() } else { self.location.clone() }
    }
}

impl Compiler<'_> {
    /// Reports an error of the schema at a location.
    pub(super) fn fault(&mut self, message: impl Into<String>, location: String) {
        self.found.report(Code::SchemaValidationFailed, message, Some(location));
    }

    /// Reports an error of the schema at a node.
    pub(super) fn fault_in(&mut self, node: &Node<'_>, message: impl Into<String>) {
        self.fault(message, node.here());
    }

    /// Reports the fields that are in none of the lists.
    pub(super) fn known_fields(&mut self, node: &Node<'_>, lists: &[&[&str]]) {
        for key in node.object.keys() {
            if !lists.iter().any(|list| list.contains(&&**key)) {
                self.fault_in(node, format!("Field '{key}' is not supported"));
            }
        }
    }

    /// Whether all these fields are there; reports those that aren't, in this order.
    pub(super) fn required(&mut self, node: &Node<'_>, fields: &[&str]) -> bool {
        let missing: Vec<&str> = fields.iter().copied().filter(|field| !node.has(field)).collect();
        if !missing.is_empty() {
            self.fault_in(node, format!("These fields are required: [{}]", missing.join(", ")));
        }
        missing.is_empty()
    }

    /// Whether not more than one of these fields is there; reports it otherwise.
    pub(super) fn at_most_one(&mut self, node: &Node<'_>, fields: &[&str]) -> bool {
        let one = fields.iter().filter(|field| node.has(field)).count() <= 1;
        if !one {
            let fields = fields.join(", ");
            self.fault_in(node, format!("There should only be one of the following fields: [{fields}]"));
        }
        one
    }

    /// Whether one and only one of these fields is there; reports it otherwise.
    pub(super) fn exactly_one(&mut self, node: &Node<'_>, fields: &[&str]) -> bool {
        if fields.iter().any(|field| node.has(field)) {
            return self.at_most_one(node, fields);
        }
        let fields = fields.join(", ");
        self.fault_in(node, format!("This object should have only one of the following fields: [{fields}]"));
        false
    }

    /// A value read with `read`, or a report that it is of the wrong type.
    fn typed<'v, T>(
        &mut self,
        value: &'v Value,
        location: impl FnOnce() -> String,
        expected: &str,
        read: impl FnOnce(&'v Value) -> Option<T>,
    ) -> Option<T> {
        let result = read(value);
        if result.is_none() {
            self.fault(format!("Expected value of type {expected}"), location());
        }
        result
    }

    /// A value that must be an object.
    pub(super) fn node<'v>(&mut self, value: &'v Value, location: String) -> Option<Node<'v>> {
        let object = self.typed(value, || location.clone(), "Object", Value::as_object)?;
        Some(Node { object, location })
    }

    /// A value that must be a string.
    pub(super) fn text(&mut self, value: &Value, location: impl FnOnce() -> String) -> Option<Str> {
        self.typed(value, location, "String", as_text)
    }

    pub(super) fn string(&mut self, node: &Node<'_>, field: &str) -> Option<Str> {
        self.text(node.get(field)?, || node.at(field))
    }

    pub(super) fn boolean(&mut self, node: &Node<'_>, field: &str) -> Option<bool> {
        self.typed(node.get(field)?, || node.at(field), "Boolean", Value::as_bool)
    }

    pub(super) fn array<'v>(&mut self, node: &Node<'v>, field: &str) -> Option<&'v [Value]> {
        self.typed(node.get(field)?, || node.at(field), "Array", Value::as_array)
    }

    /// An array that must have an element.
    pub(super) fn nonempty_array<'v>(&mut self, node: &Node<'v>, field: &str) -> Option<&'v [Value]> {
        let array = self.array(node, field)?;
        if array.is_empty() {
            self.fault("Value cannot be empty", node.at(field));
            return None;
        }
        Some(array)
    }

    pub(super) fn object<'v>(&mut self, node: &Node<'v>, field: &str) -> Option<Node<'v>> {
        self.node(node.get(field)?, node.at(field))
    }

    /// A whole number within bounds. A literal such as `3.0` is one too.
    pub(super) fn integer(&mut self, node: &Node<'_>, field: &str, bounds: Bounds) -> Option<u64> {
        let number = self.typed(node.get(field)?, || node.at(field), "Integer", Value::as_i64)?;
        if number < bounds.min {
            self.fault(format!("Minimum value is {}", bounds.min), node.at(field));
            return None;
        }
        if number > bounds.max {
            self.fault(format!("Maximum value is {}", bounds.max), node.at(field));
            return None;
        }
        u64::try_from(number).ok()
    }

    /// A number within bounds.
    pub(super) fn float(&mut self, node: &Node<'_>, field: &str, min: f64, max: f64) -> Option<f64> {
        let number = self.typed(node.get(field)?, || node.at(field), "Float", Value::as_f64)?;
        if number < min {
            self.fault(format!("Minimum value is {min:?}"), node.at(field));
            return None;
        }
        if number > max {
            self.fault(format!("Maximum value is {max:?}"), node.at(field));
            return None;
        }
        Some(number)
    }

    /// A string that is one of these.
    pub(super) fn one_of(&mut self, node: &Node<'_>, field: &str, allowed: &[&str]) -> Option<Str> {
        let value = self.string(node, field)?;
        if allowed.contains(&&*value) {
            return Some(value);
        }
        let allowed = allowed.join(", ");
        self.fault(format!("Value should be one of the following: [{allowed}]"), node.at(field));
        None
    }

    /// A `Comment` that is there must be a string.
    pub(super) fn comment(&mut self, node: &Node<'_>) {
        let _: Option<Str> = self.string(node, "Comment");
    }
}

/// The string that a value is, shared.
pub(super) fn as_text(value: &Value) -> Option<Str> {
    match value {
        Value::String(text) => Some(text.clone()),
        _ => None,
    }
}
