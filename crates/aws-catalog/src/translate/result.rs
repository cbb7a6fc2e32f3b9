//! The check of a made-up answer of an API, as a workflow would see it.

use newel_value::{Number, Object, Value};

use super::Dialect;
use crate::Service;
use crate::model::{Bounds, Member, Shape, ShapeId, ShapeKind};

/// How strict [`check_result`] is.
#[derive(Clone, Copy, Debug)]
pub struct ResultRules<'a> {
    /// Whether members that the model requires have to be there.
    pub required: bool,
    /// Members of the outermost structure that may be anything.
    pub parsed: &'a [&'a str],
}

/// Whether a value could be the answer that a shape describes. Members that the shape doesn't have are no fault, and a null
/// is as good as an absent member.
///
/// # Errors
/// What is wrong with the first member at fault, in AWS's words for mocked results (recorded; the words for the lengths
/// of text that is too long, and for booleans and objects, follow them).
pub fn check_result(
    service: &Service,
    shape: ShapeId,
    result: &Value,
    dialect: Dialect,
    rules: ResultRules<'_>,
) -> Result<(), String> {
    let walk = Walk { service, dialect, required: rules.required };
    match result {
        Value::Object(object) => walk.structure(service.members(shape), object, rules.parsed),
        _ => walk.value(shape, result, "result"),
    }
}

struct Walk<'s> {
    service: &'s Service,
    dialect: Dialect,
    required: bool,
}

impl Walk<'_> {
    fn structure(&self, members: &[Member], object: &Object, parsed: &[&str]) -> Result<(), String> {
        for (key, value) in object.iter().filter(|(key, _)| !parsed.contains(&&***key)) {
            if let Some(member) = self.dialect.member(members, key) {
                self.value(member.shape, value, key)?;
            }
        }
        let absent = |member: &&Member| object.get(self.dialect.name_of(member)).is_none_or(Value::is_null);
        match members.iter().filter(|member| self.required && member.required).find(absent) {
            Some(member) => Err(format!("Required field '{}' is missing", self.dialect.name_of(member))),
            None => Ok(()),
        }
    }

    fn value(&self, id: ShapeId, value: &Value, field: &str) -> Result<(), String> {
        let shape = self.service.shape(id);
        match (&shape.kind, value) {
            (_, Value::Null) | (ShapeKind::Document, _) => Ok(()),
            (ShapeKind::Structure(structure), Value::Object(object)) => {
                self.structure(&structure.members, object, &[])
            }
            (ShapeKind::List(list), Value::Array(items)) => {
                length(items.len(), shape.bounds, field)?;
                items.iter().try_for_each(|item| self.value(list.member, item, field))
            }
            (ShapeKind::Map(map), Value::Object(object)) => {
                object.iter().try_for_each(|(key, item)| self.value(map.value, item, key))
            }
            (ShapeKind::String(known), Value::String(text)) => {
                if !known.is_empty() && !known.contains(text) {
                    return Err(format!("Field '{field}' is not an expected value"));
                }
                length(text.chars().count(), shape.bounds, field)
            }
            (ShapeKind::Blob { .. }, Value::String(text)) => {
                length(text.chars().count(), shape.bounds, field)
            }
            (ShapeKind::Timestamp(_), Value::String(_)) | (ShapeKind::Boolean, Value::Bool(_)) => Ok(()),
            (
                ShapeKind::Integer | ShapeKind::Long | ShapeKind::Float | ShapeKind::Double,
                Value::Number(number),
            ) => in_range(number, shape.bounds, field),
            _ => Err(format!("Field '{field}' must be {}", expected(shape))),
        }
    }
}

const fn expected(shape: &Shape) -> &'static str {
    match &shape.kind {
        ShapeKind::Structure(_) | ShapeKind::Map(_) | ShapeKind::Document => "an object",
        ShapeKind::List(_) => "an array",
        ShapeKind::String(_) | ShapeKind::Blob { .. } | ShapeKind::Timestamp(_) => "a string",
        ShapeKind::Boolean => "a boolean",
        ShapeKind::Integer | ShapeKind::Long | ShapeKind::Float | ShapeKind::Double => "a number",
    }
}

fn length(length: usize, bounds: Bounds, field: &str) -> Result<(), String> {
    let length = i64::try_from(length).unwrap_or(i64::MAX);
    if bounds.min.is_some_and(|min| length < min) {
        return Err(format!("Field '{field}' is smaller than the minimum length"));
    }
    if bounds.max.is_some_and(|max| length > max) {
        return Err(format!("Field '{field}' exceeds the maximum length"));
    }
    Ok(())
}

fn in_range(number: &Number, bounds: Bounds, field: &str) -> Result<(), String> {
    #[expect(clippy::cast_precision_loss, reason = "bounds of models are small")]
    let bound = |bound: i64| bound as f64;
    let value = number.as_f64();
    if bounds.min.is_some_and(|min| value < bound(min)) {
        return Err(format!("Field '{field}' is less than the minimum value"));
    }
    if bounds.max.is_some_and(|max| value > bound(max)) {
        return Err(format!("Field '{field}' exceeds the maximum value"));
    }
    Ok(())
}
