//! A user's parameters to the JSON on the wire.

use newel_value::{ObjectBuilder, Str, Value};

use super::{Dialect, Fault, Faults, Path, scalar};
use crate::Service;
use crate::model::{List, Map, Member, Shape, ShapeId, ShapeKind};

/// The wire's JSON for a user's parameters: members renamed at every depth, values brought to the types of the shape.
///
/// * Members that are `null` are left out; they count as given, since AWS leaves their absence to the service.
/// * Anything but text for a string becomes its compact JSON text.
/// * Text that says a number or a boolean is taken for one, as the JSON reader of the Java SDK takes it.
/// * Map keys and documents pass unchanged.
///
/// # Errors
/// The faults, at most sixteen, if members are unknown or missing or values have the wrong type.
pub fn to_wire(
    service: &Service,
    shape: ShapeId,
    value: &Value,
    dialect: Dialect,
) -> Result<Value, Vec<Fault>> {
    let mut walk = Walk { service, dialect, faults: Faults::default() };
    let wire = walk.value(shape, value, &Path::Root);
    if walk.faults.0.is_empty() { Ok(wire) } else { Err(walk.faults.0) }
}

struct Walk<'s> {
    service: &'s Service,
    dialect: Dialect,
    faults: Faults,
}

impl Walk<'_> {
    fn value(&mut self, id: ShapeId, value: &Value, at: &Path<'_>) -> Value {
        let service = self.service;
        let shape = service.shape(id);
        let done = match (&shape.kind, value) {
            (ShapeKind::Structure(s), Value::Object(object)) => Some(self.structure(&s.members, object, at)),
            (ShapeKind::List(list), Value::Array(items)) => Some(self.list(list, items, at)),
            (ShapeKind::Map(map), Value::Object(object)) => Some(self.map(map, object, at)),
            (ShapeKind::Structure(_) | ShapeKind::List(_) | ShapeKind::Map(_), _) => None,
            _ => scalar::to_wire(service, shape, value, self.dialect),
        };
        done.unwrap_or_else(|| self.wrong_type(shape, at))
    }

    fn wrong_type(&mut self, shape: &Shape, at: &Path<'_>) -> Value {
        self.faults.wrong_type(at, shape);
        Value::Null
    }

    fn structure(&mut self, members: &[Member], object: &newel_value::Object, at: &Path<'_>) -> Value {
        let mut wire = ObjectBuilder::with_capacity(object.len());
        for (key, value) in object.iter() {
            match self.dialect.member(members, key) {
                None => self.faults.unknown(at, key),
                Some(_) if value.is_null() => {}
                Some(member) => {
                    let value = self.value(member.shape, value, &Path::Key(at, key));
                    wire.insert(Str::clone(member.wire_name()), value);
                }
            }
        }
        for member in members.iter().filter(|m| m.required && !m.is_idempotency_token()) {
            let given =
                object.keys().any(|key| self.dialect.member(std::slice::from_ref(member), key).is_some());
            if !given {
                self.faults.missing(at, self.dialect.name_of(member));
            }
        }
        wire.build().into()
    }

    fn list(&mut self, list: &List, items: &[Value], at: &Path<'_>) -> Value {
        let mut wire = Vec::with_capacity(items.len());
        for (i, item) in items.iter().enumerate() {
            if !item.is_null() {
                wire.push(self.value(list.member, item, &Path::Index(at, i)));
            } else if list.sparse {
                wire.push(Value::Null);
            }
        }
        wire.into()
    }

    fn map(&mut self, map: &Map, object: &newel_value::Object, at: &Path<'_>) -> Value {
        let mut wire = ObjectBuilder::with_capacity(object.len());
        for (key, value) in object.iter() {
            if !value.is_null() {
                let value = self.value(map.value, value, &Path::Key(at, key));
                wire.insert(Str::clone(key), value);
            } else if map.sparse {
                wire.insert(Str::clone(key), Value::Null);
            }
        }
        wire.build().into()
    }
}
