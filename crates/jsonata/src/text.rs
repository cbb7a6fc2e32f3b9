//! Values as text, as JavaScript prints them.

use std::fmt::Write as _;

use newel_value::{Value, write_string};

use crate::EvalError;
use crate::budget::Budget;
use crate::item::Item;

/// Appends a double as JavaScript's `toString` gives it.
pub(crate) fn write_number(number: f64, out: &mut String) {
    if !number.is_finite() {
        out.push_str(if number.is_nan() {
            "NaN"
        } else if number > 0.0 {
            "Infinity"
        } else {
            "-Infinity"
        });
        return;
    }
    if number.fract() == 0.0 && number.abs() < 1e15 {
        #[expect(clippy::cast_possible_truncation, reason = "whole and below 10^15, checked above")]
        out.push_str(itoa::Buffer::new().format(number as i64));
        return;
    }
    write_scientific(&format!("{number:e}"), out);
}

/// Lays out digits and exponent (`-1.25e-9`) as JavaScript does.
fn write_scientific(scientific: &str, out: &mut String) {
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let negative = mantissa.starts_with('-');
    let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
    let digits = digits.trim_end_matches('0');
    if negative {
        out.push('-');
    }
    let length = i32::try_from(digits.len()).unwrap_or(i32::MAX);
    let zeros = |count: i32| "0".repeat(usize::try_from(count).unwrap_or(0));
    match exponent {
        _ if digits.is_empty() => out.push('0'),
        0..21 if exponent + 1 >= length => {
            out.push_str(digits);
            out.push_str(&zeros(exponent + 1 - length));
        }
        0..21 => {
            let (whole, fraction) = digits.split_at(usize::try_from(exponent + 1).unwrap_or(0));
            let _ = write!(out, "{whole}.{fraction}");
        }
        -6..0 => {
            let _ = write!(out, "0.{}{digits}", zeros(-exponent - 1));
        }
        _ => {
            let (first, rest) = digits.split_at(1);
            let point = if rest.is_empty() { "" } else { "." };
            let sign = if exponent < 0 { '-' } else { '+' };
            let _ = write!(out, "{first}{point}{rest}e{sign}{}", exponent.abs());
        }
    }
}

/// A double rounded to 15 significant digits, the precision `$string` shows.
fn write_rounded(number: f64, out: &mut String) {
    if number.fract() == 0.0 && number.abs() < 1e15 {
        return write_number(number, out);
    }
    let mut buffer = ryu::Buffer::new();
    let shortest = buffer.format_finite(number);
    // Sign, point and a leading zero aside, these are at most 15 digits, laid out as JavaScript does.
    if shortest.len() <= 15 && !shortest.contains('e') {
        out.push_str(shortest);
        return;
    }
    let rounded: f64 = format!("{number:.14e}").parse().unwrap_or(number);
    write_number(rounded, out);
}

/// Appends what `$string` makes of an item: strings as they are, the rest as JSON.
pub(crate) fn write_text(item: &Item, out: &mut String, budget: &mut Budget) -> Result<(), EvalError> {
    match item {
        Item::Value(Value::String(text)) => {
            budget.charge_text(text.len())?;
            out.push_str(text);
            Ok(())
        }
        Item::Function(_) | Item::Undefined => Ok(()),
        Item::Number(number) if !number.is_finite() => {
            Err(EvalError::new("D3001").with_value(Some(Value::Null)))
        }
        other => write(other, None, out, budget),
    }
}

/// The same with two blanks of indentation a level.
pub(crate) fn write_pretty(item: &Item, out: &mut String, budget: &mut Budget) -> Result<(), EvalError> {
    match item {
        Item::List(_) | Item::Record(_) | Item::Value(Value::Array(_) | Value::Object(_)) => {
            write(item, Some(0), out, budget)
        }
        other => write_text(other, out, budget),
    }
}

fn line(indent: Option<usize>, out: &mut String, budget: &mut Budget) -> Result<(), EvalError> {
    if let Some(level) = indent {
        budget.charge_text(2 * level)?;
        out.push('\n');
        out.extend(std::iter::repeat_n("  ", level));
    }
    Ok(())
}

fn write(item: &Item, indent: Option<usize>, out: &mut String, budget: &mut Budget) -> Result<(), EvalError> {
    budget.charge_bytes(8)?;
    budget.charge_steps(2)?;
    match item {
        Item::Undefined | Item::Value(Value::Null) => out.push_str("null"),
        Item::Function(_) => out.push_str("\"\""),
        Item::Value(Value::Bool(value)) => out.push_str(if *value { "true" } else { "false" }),
        Item::Value(Value::String(text)) => {
            budget.charge_text(text.len())?;
            write_string(text, out);
        }
        Item::Number(_) | Item::Value(Value::Number(_)) => match item.number()? {
            Some(number) => write_rounded(number, out),
            None => out.push_str("null"),
        },
        Item::List(_) | Item::Value(Value::Array(_)) | Item::Tuples(_) => {
            let inner = indent.map(|level| level + 1);
            out.push('[');
            let elements = item.elements_or_self();
            for (i, element) in elements.iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                line(inner, out, budget)?;
                write(&element, inner, out, budget)?;
            }
            if elements.len() > 0 {
                line(indent, out, budget)?;
            }
            out.push(']');
        }
        Item::Record(_) | Item::Value(Value::Object(_)) => {
            let inner = indent.map(|level| level + 1);
            out.push('{');
            let mut first = true;
            for (name, member) in item.members().into_iter().flat_map(|members| members.iter()) {
                if member.is_undefined() {
                    continue;
                }
                if !std::mem::take(&mut first) {
                    out.push(',');
                }
                line(inner, out, budget)?;
                budget.charge_text(name.len())?;
                write_string(name, out);
                out.push_str(if indent.is_some() { ": " } else { ":" });
                write(&member, inner, out, budget)?;
            }
            if !first {
                line(indent, out, budget)?;
            }
            out.push('}');
        }
    }
    Ok(())
}

/// Appends a value as JavaScript's `JSON.stringify` prints it.
pub(crate) fn write_json(value: &Value, out: &mut String) {
    match value {
        Value::Number(number) => write_number(number.as_f64(), out),
        other => other.write_json(out),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_print_as_in_javascript() {
        for (number, text) in [
            (0.0, "0"),
            (-0.0, "0"),
            (1.5, "1.5"),
            (1e21, "1e+21"),
            (123_456_789_012_345_680_000.0, "123456789012345680000"),
            (1e-7, "1e-7"),
            (0.000_001, "0.000001"),
            (-1.25e-9, "-1.25e-9"),
            (1e300, "1e+300"),
            (0.1 + 0.2, "0.30000000000000004"),
        ] {
            let mut out = String::new();
            write_number(number, &mut out);
            assert_eq!(out, text);
        }
    }

    #[test]
    fn text_has_fifteen_digits() {
        let mut out = String::new();
        write_rounded(0.1 + 0.2, &mut out);
        out.push(' ');
        write_rounded(22.0 / 7.0, &mut out);
        out.push(' ');
        write_rounded(1e-7, &mut out);
        assert_eq!(out, "0.3 3.14285714285714 1e-7");
    }
}
