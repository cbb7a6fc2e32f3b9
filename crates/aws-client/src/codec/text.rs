//! Values as text: in paths, queries, headers, XML and forms.

use std::fmt::Write as _;

use newel_aws_catalog::model::TimestampFormat;
use newel_aws_catalog::{Shape, ShapeKind, rewrite_timestamp};
use newel_value::{Number, Value};

/// A value without parts as text; `format` is the place's own for timestamps whose shape has none.
pub(super) fn of(shape: &Shape, value: &Value, format: TimestampFormat) -> String {
    match (&shape.kind, value) {
        (ShapeKind::Timestamp(own), _) => plain(&rewrite_timestamp(value, own.unwrap_or(format))),
        _ => plain(value),
    }
}

/// Text as it is, anything else as JSON.
pub(super) fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_json(), str::to_owned)
}

/// The value that text stands for, as a shape has it; text that stands for none stays text.
pub(super) fn parsed(shape: &Shape, text: &str) -> Value {
    let number = || Value::parse(text.trim()).ok().filter(|value| value.as_number().is_some());
    let read = match &shape.kind {
        ShapeKind::Boolean => text.trim().parse::<bool>().ok().map(Value::from),
        ShapeKind::Integer | ShapeKind::Long | ShapeKind::Float | ShapeKind::Double => {
            number().or_else(|| {
                // Not all that services write is a JSON number: `+1`, `01`, `.5`.
                let float = text.trim().parse::<f64>().ok()?;
                Number::from_f64_as_integer(float).map(Value::from)
            })
        }
        _ => None,
    };
    read.unwrap_or_else(|| text.into())
}

/// Text with everything but the unreserved characters percent-encoded; slashes stay if `slashes`.
pub(crate) fn encode(text: &str, slashes: bool) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(byte as char),
            b'/' if slashes => out.push('/'),
            _ => {
                let _ = write!(out, "%{byte:02X}");
            }
        }
    }
    out
}
