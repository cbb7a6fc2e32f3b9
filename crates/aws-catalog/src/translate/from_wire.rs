//! A service's answer to the JSON a workflow sees.

use newel_value::{Object, ObjectBuilder, Str, Value};

use super::{Dialect, scalar};
use crate::Service;
use crate::model::{Member, ShapeId, ShapeKind};
use crate::naming;

/// What a workflow sees of the wire's JSON: members renamed at every depth, timestamps and blobs in the dialect's form,
/// `null` members left out.
///
/// A member that the model doesn't know is kept: its name starts in upper case, its value stays as it is, since
/// whether the keys inside are names or data can't be told. A value of another type than the shape's stays as it is.
#[must_use]
pub fn from_wire(service: &Service, shape: ShapeId, value: &Value, dialect: Dialect) -> Value {
    match (&service.shape(shape).kind, value) {
        (ShapeKind::Structure(s), Value::Object(object)) => structure(service, &s.members, object, dialect),
        (ShapeKind::List(list), Value::Array(items)) => {
            items.iter().map(|item| from_wire(service, list.member, item, dialect)).collect()
        }
        (ShapeKind::Map(map), Value::Object(object)) => {
            let entries = object.iter().filter(|(_, value)| map.sparse || !value.is_null());
            let entries =
                entries.map(|(key, value)| (Str::clone(key), from_wire(service, map.value, value, dialect)));
            Value::Object(entries.collect())
        }
        _ => scalar::from_wire(service.shape(shape), value, dialect),
    }
}

fn structure(service: &Service, members: &[Member], object: &Object, dialect: Dialect) -> Value {
    let translate = |(key, value): (&Str, &Value)| match member_on_wire(members, key) {
        Some(member) => {
            (Str::clone(dialect.name_of(member)), from_wire(service, member.shape, value, dialect))
        }
        None => (naming::capitalize(key).into(), value.clone()),
    };
    let mut entries: Vec<(Str, Value)> =
        object.iter().filter(|(_, value)| !value.is_null()).map(translate).collect();
    if dialect == Dialect::Optimized {
        // As AWS prints them, which shows in causes and in output texts.
        entries.sort_by(|a, b| a.0.cmp(&b.0));
    }
    let mut seen = ObjectBuilder::with_capacity(entries.len());
    for (key, value) in entries {
        seen.insert(key, value);
    }
    seen.build().into()
}

/// The member that a key of the body is; keys that spell a member's own name are known too, as fakes send them.
fn member_on_wire<'m>(members: &'m [Member], key: &str) -> Option<&'m Member> {
    members.iter().find(|m| **m.wire_name() == *key).or_else(|| members.iter().find(|m| *m.name == *key))
}
