//! Timestamps between the wire's forms and the dialects'.

use jiff::Timestamp;
use jiff::fmt::rfc2822;
use newel_value::{Number, Value};

use super::Dialect;
use crate::model::TimestampFormat;

/// The point in time that a user means; none if the value says none.
pub(super) fn parse(value: &Value, dialect: Dialect) -> Option<Timestamp> {
    match (value, dialect) {
        (Value::Number(n), Dialect::Optimized) => from_seconds(n.as_f64() / 1e3),
        (Value::Number(n), Dialect::AwsSdk) => from_seconds(n.as_f64()),
        _ => from_text(value.as_str()?),
    }
}

/// The form on the wire.
pub(super) fn on_wire(time: Timestamp, format: TimestampFormat) -> Value {
    match format {
        TimestampFormat::EpochSeconds => seconds(time),
        TimestampFormat::Iso8601 => iso(time).into(),
        TimestampFormat::HttpDate => {
            let text = rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&time);
            text.map_or_else(|_| iso(time).into(), Value::from)
        }
    }
}

/// A timestamp of the wire in another of its forms; what is no timestamp stays as it is.
#[must_use]
pub fn rewrite(wire: &Value, format: TimestampFormat) -> Value {
    on_wire_to(wire, |time| on_wire(time, format))
}

/// Milliseconds since 1970; what is no timestamp stays as it is.
pub(super) fn to_millis(wire: &Value) -> Value {
    on_wire_to(wire, |time| time.as_millisecond().into())
}

/// ISO 8601 text as Java's `Instant` prints it; what is no timestamp stays as it is.
pub(super) fn to_iso(wire: &Value) -> Value {
    on_wire_to(wire, |time| iso(time).into())
}

fn on_wire_to(wire: &Value, show: impl Fn(Timestamp) -> Value) -> Value {
    let time = match wire {
        Value::Number(n) => from_seconds(n.as_f64()),
        Value::String(s) => from_text(s),
        _ => None,
    };
    time.map_or_else(|| wire.clone(), show)
}

/// Seconds as a whole number when they are one, else with their fraction.
fn seconds(time: Timestamp) -> Value {
    if time.subsec_nanosecond() == 0 {
        return time.as_second().into();
    }
    #[expect(
        clippy::cast_precision_loss,
        reason = "milliseconds of the years 1 to 9999 are exact in a double"
    )]
    let seconds = time.as_millisecond() as f64 / 1e3;
    Number::from_f64(seconds).map_or(Value::Null, Value::from)
}

/// Seconds to the millisecond, the finest that the services send.
fn from_seconds(seconds: f64) -> Option<Timestamp> {
    let millis = (seconds * 1e3).round();
    if !millis.is_finite() || millis.abs() > 1e15 {
        return None;
    }
    #[expect(clippy::cast_possible_truncation, reason = "whole and within ±10^15, checked above")]
    Timestamp::from_millisecond(millis as i64).ok()
}

fn from_text(text: &str) -> Option<Timestamp> {
    let rfc2822 = || rfc2822::DateTimeParser::new().parse_timestamp(text).ok();
    let epoch = || Value::parse(text).ok()?.as_f64().and_then(from_seconds);
    text.parse().ok().or_else(rfc2822).or_else(epoch)
}

/// No fraction when it is zero, else three or six or nine digits.
fn iso(time: Timestamp) -> String {
    match time.subsec_nanosecond() {
        0 => format!("{time:.0}"),
        n if n % 1_000_000 == 0 => format!("{time:.3}"),
        n if n % 1_000 == 0 => format!("{time:.6}"),
        _ => format!("{time:.9}"),
    }
}
