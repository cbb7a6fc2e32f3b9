//! The check of a payload template, before any value is known.

use newel_value::{Object, Str, Value};

use super::{Dialect, Fault, Faults, Path, scalar};
use crate::Service;
use crate::model::{Member, ShapeId, ShapeKind};

/// How a template says that a value comes from the run time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TemplateSyntax {
    /// `Parameters`: a key that ends in `.$`.
    JsonPath,
    /// `Arguments`: a text between `{%` and `%}`.
    Jsonata,
}

impl TemplateSyntax {
    fn is_expression(self, value: &Value) -> bool {
        self == Self::Jsonata
            && value.as_str().map(str::trim).is_some_and(|s| s.starts_with("{%") && s.ends_with("%}"))
    }

    /// The member's name if the key says that the run time gives the value.
    fn dynamic(self, key: &str) -> Option<&str> {
        if self == Self::JsonPath { key.strip_suffix(".$") } else { None }
    }
}

/// The faults of a payload template: members that the shape doesn't have, required ones that nothing gives, and constants
/// of the wrong type. What only the run time can tell is no fault.
#[must_use]
pub fn check_template(
    service: &Service,
    shape: ShapeId,
    template: &Value,
    syntax: TemplateSyntax,
    dialect: Dialect,
) -> Vec<Fault> {
    let mut walk = Walk { service, syntax, dialect, faults: Faults::default() };
    walk.value(shape, template, &Path::Root);
    walk.faults.0
}

struct Walk<'s> {
    service: &'s Service,
    syntax: TemplateSyntax,
    dialect: Dialect,
    faults: Faults,
}

impl Walk<'_> {
    fn value(&mut self, id: ShapeId, template: &Value, at: &Path<'_>) {
        let service = self.service;
        let shape = service.shape(id);
        if template.is_null() || self.syntax.is_expression(template) {
            return;
        }
        match (&shape.kind, template) {
            (ShapeKind::Structure(s), Value::Object(object)) => self.structure(&s.members, object, at),
            (ShapeKind::List(list), Value::Array(items)) => {
                for (i, item) in items.iter().enumerate() {
                    self.value(list.member, item, &Path::Index(at, i));
                }
            }
            (ShapeKind::Map(map), Value::Object(object)) => {
                let syntax = self.syntax;
                for (key, value) in object.iter().filter(|(key, _)| syntax.dynamic(key).is_none()) {
                    self.value(map.value, value, &Path::Key(at, key));
                }
            }
            (ShapeKind::Structure(_) | ShapeKind::List(_) | ShapeKind::Map(_), _) => {
                self.faults.wrong_type(at, shape);
            }
            // Anything may stand for these, and an object may hold dynamic keys that make it another value.
            (ShapeKind::String(_) | ShapeKind::Blob { .. } | ShapeKind::Document, _) => {}
            _ => {
                if scalar::to_wire(service, shape, template, self.dialect).is_none() {
                    self.faults.wrong_type(at, shape);
                }
            }
        }
    }

    fn structure(&mut self, members: &[Member], object: &Object, at: &Path<'_>) {
        for (key, value) in object.iter() {
            let dynamic = self.syntax.dynamic(key);
            let name = dynamic.unwrap_or(key);
            match self.dialect.member(members, name) {
                None => self.faults.unknown(at, name),
                Some(member) if dynamic.is_none() => self.value(member.shape, value, &Path::Key(at, key)),
                Some(_) => {}
            }
        }
        for member in members.iter().filter(|m| m.required && !m.is_idempotency_token()) {
            let gives = |key: &Str| {
                let name = self.syntax.dynamic(key).unwrap_or(key);
                self.dialect.member(std::slice::from_ref(member), name).is_some()
            };
            if !object.keys().any(gives) {
                self.faults.missing(at, self.dialect.name_of(member));
            }
        }
    }
}
