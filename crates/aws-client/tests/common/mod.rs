//! What the tests of recorded cases share.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use newel_aws_catalog::model::TimestampFormat;
use newel_aws_catalog::{Service, ShapeId, ShapeKind, rewrite_timestamp};
use newel_value::Value;

/// The wire's JSON of botocore's parameters: timestamps are seconds, blobs plain text.
pub(crate) fn to_wire(service: &Service, id: ShapeId, value: &Value) -> Value {
    match (&service.shape(id).kind, value) {
        (ShapeKind::Structure(structure), Value::Object(object)) => {
            let mut wire = newel_value::ObjectBuilder::default();
            for (key, value) in object.iter() {
                if let Some(member) = structure.members.iter().find(|member| member.name == *key) {
                    wire.insert(member.wire_name().clone(), to_wire(service, member.shape, value));
                }
            }
            wire.build().into()
        }
        (ShapeKind::List(list), Value::Array(items)) => {
            items.iter().map(|item| to_wire(service, list.member, item)).collect()
        }
        (ShapeKind::Map(map), Value::Object(object)) => {
            let entries = object.iter().map(|(key, value)| (key.clone(), to_wire(service, map.value, value)));
            Value::Object(entries.collect())
        }
        (ShapeKind::Blob { .. }, Value::String(text)) => BASE64.encode(&**text).into(),
        (ShapeKind::Timestamp(format), value) => {
            rewrite_timestamp(value, format.unwrap_or(TimestampFormat::EpochSeconds))
        }
        _ => value.clone(),
    }
}
