//! Values without parts: text, numbers, booleans, bytes, timestamps, documents.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use newel_value::{Number, Value};

use super::Dialect;
use super::timestamp;
use crate::Service;
use crate::model::{Protocol, Shape, ShapeKind, TimestampFormat};

/// The wire's form of a value; none if it can't be one of that type.
pub(super) fn to_wire(service: &Service, shape: &Shape, value: &Value, dialect: Dialect) -> Option<Value> {
    match &shape.kind {
        ShapeKind::String(_) => Some(text(value)),
        ShapeKind::Blob { .. } => Some(match value {
            Value::String(_) if dialect == Dialect::Optimized => value.clone(),
            _ => BASE64.encode(value.to_json()).into(),
        }),
        ShapeKind::Boolean => match value {
            Value::Bool(_) => Some(value.clone()),
            Value::String(s) => s.parse::<bool>().ok().map(Value::from),
            _ => None,
        },
        ShapeKind::Integer | ShapeKind::Long => number(value).and_then(|n| n.as_i64()).map(Value::from),
        ShapeKind::Float | ShapeKind::Double => {
            let special = value.as_str().filter(|s| matches!(*s, "NaN" | "Infinity" | "-Infinity"));
            special.map_or_else(|| number(value).map(Value::from), |_| Some(value.clone()))
        }
        ShapeKind::Timestamp(format) => timestamp::parse(value, dialect)
            .map(|t| timestamp::on_wire(t, format.unwrap_or(default_format(service)))),
        ShapeKind::Document => Some(value.clone()),
        ShapeKind::Structure(_) | ShapeKind::List(_) | ShapeKind::Map(_) => None,
    }
}

/// What a workflow sees of a value.
pub(super) fn from_wire(shape: &Shape, value: &Value, dialect: Dialect) -> Value {
    match (&shape.kind, dialect) {
        (ShapeKind::Timestamp(_), Dialect::Optimized) => timestamp::to_millis(value),
        (ShapeKind::Timestamp(_), Dialect::AwsSdk) => timestamp::to_iso(value),
        (ShapeKind::Blob { .. }, Dialect::AwsSdk) => decoded(value).unwrap_or_else(|| value.clone()),
        _ => value.clone(),
    }
}

/// Text as it is, anything else as its compact JSON text.
fn text(value: &Value) -> Value {
    if value.as_str().is_some() { value.clone() } else { value.to_json().into() }
}

fn number(value: &Value) -> Option<Number> {
    match value {
        Value::Number(n) => Some(n.clone()),
        Value::String(s) => Value::parse(s).ok()?.as_number().cloned(),
        _ => None,
    }
}

/// The text that base64 stands for, if it does for one.
fn decoded(value: &Value) -> Option<Value> {
    let bytes = BASE64.decode(value.as_str()?).ok()?;
    String::from_utf8(bytes).ok().map(Value::from)
}

/// The format of timestamps in bodies of a service's protocol.
fn default_format(service: &Service) -> TimestampFormat {
    match service.metadata().protocols.first() {
        Some(Protocol::RestXml | Protocol::Query | Protocol::Ec2) => TimestampFormat::Iso8601,
        _ => TimestampFormat::EpochSeconds,
    }
}
