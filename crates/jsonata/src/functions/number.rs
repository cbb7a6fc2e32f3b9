//! Functions of numbers.

use newel_value::Value;

use super::Arguments;
use crate::eval::Evaluator;
use crate::item::{Item, number_value};
use crate::picture::{integer, number as picture};
use crate::{EvalError, text};

pub(super) fn number(_: &mut Evaluator<'_>, arguments: Arguments) -> Result<Item, EvalError> {
    let item = arguments.get(0);
    match item {
        Item::Undefined | Item::Number(_) | Item::Value(Value::Number(_)) => return Ok(item.clone()),
        Item::Value(Value::Bool(value)) => return Ok(Item::Number(f64::from(u8::from(*value)))),
        _ => {}
    }
    match item.as_str().and_then(parse_number) {
        Some(number) => Ok(Item::Number(number)),
        None => Err(EvalError::new("D3030").with_value(item.quoted()).with("index", Some(Value::from(1)))),
    }
}

/// A JSON number (leading zeros allowed), or a hexadecimal, octal or binary one.
fn parse_number(text: &str) -> Option<f64> {
    let radix = match text.get(..2) {
        Some("0x" | "0X") => 16,
        Some("0o" | "0O") => 8,
        Some("0b" | "0B") => 2,
        _ => {
            let bytes = text.as_bytes();
            let digits = bytes.strip_prefix(b"-").unwrap_or(bytes);
            let ends_well = bytes.last().is_some_and(u8::is_ascii_digit);
            let starts_well = digits.first().is_some_and(u8::is_ascii_digit);
            let has_fraction = !text.contains('.')
                || text.split_once('.').is_some_and(|(_, f)| f.starts_with(|c: char| c.is_ascii_digit()));
            let known = digits.iter().all(|byte| byte.is_ascii_digit() || b".eE+-".contains(byte));
            let good = starts_well && ends_well && has_fraction && known;
            return good.then(|| text.parse::<f64>().ok()).flatten().filter(|number| number.is_finite());
        }
    };
    let digits = &text[2..];
    if digits.is_empty() {
        return None;
    }
    digits.chars().try_fold(0.0, |number, digit| {
        digit.to_digit(radix).map(|digit| number * f64::from(radix) + f64::from(digit))
    })
}

fn mapped(arguments: &Arguments, map: impl Fn(f64) -> f64) -> Result<Item, EvalError> {
    Ok(arguments.number(0)?.map_or(Item::Undefined, |number| Item::Number(map(number))))
}

pub(super) fn abs(_: &mut Evaluator<'_>, arguments: Arguments) -> Result<Item, EvalError> {
    mapped(&arguments, f64::abs)
}

pub(super) fn floor(_: &mut Evaluator<'_>, arguments: Arguments) -> Result<Item, EvalError> {
    mapped(&arguments, f64::floor)
}

pub(super) fn ceil(_: &mut Evaluator<'_>, arguments: Arguments) -> Result<Item, EvalError> {
    mapped(&arguments, f64::ceil)
}

/// Rounds half to even at so many decimal places, shifting the decimal digits as they print.
pub(crate) fn round_to(number: f64, precision: f64) -> f64 {
    let shifted = if precision == 0.0 { number } else { shift(number, precision) };
    let floor = shifted.floor();
    let mut result = if shifted - floor >= 0.5 { floor + 1.0 } else { floor };
    if (result - shifted).abs() == 0.5 && (result % 2.0).abs() == 1.0 {
        result -= 1.0;
    }
    if precision != 0.0 {
        result = shift(result, -precision);
    }
    if result == 0.0 { 0.0 } else { result }
}

fn shift(number: f64, places: f64) -> f64 {
    let mut digits = String::new();
    text::write_number(number, &mut digits);
    let (mantissa, exponent) = digits.split_once('e').unwrap_or((&digits, "0"));
    let exponent = exponent.parse::<f64>().unwrap_or(0.0) + places;
    format!("{mantissa}e{exponent:.0}").parse().unwrap_or(f64::NAN)
}

pub(super) fn round(_: &mut Evaluator<'_>, arguments: Arguments) -> Result<Item, EvalError> {
    let precision = arguments.number(1)?.unwrap_or(0.0).floor();
    mapped(&arguments, |number| round_to(number, precision))
}

pub(super) fn sqrt(_: &mut Evaluator<'_>, arguments: Arguments) -> Result<Item, EvalError> {
    match arguments.number(0)? {
        Some(number) if number < 0.0 => Err(EvalError::new("D3060").with_value(Some(number_value(number)))),
        _ => mapped(&arguments, f64::sqrt),
    }
}

pub(super) fn power(_: &mut Evaluator<'_>, arguments: Arguments) -> Result<Item, EvalError> {
    let Some(base) = arguments.number(0)? else { return Ok(Item::Undefined) };
    let exponent = arguments.number(1)?.unwrap_or(f64::NAN);
    let result = base.powf(exponent);
    if result.is_finite() {
        return Ok(Item::Number(result));
    }
    Err(EvalError::new("D3061")
        .with_value(Some(number_value(base)))
        .with("exp", Some(number_value(exponent))))
}

fn numbers(evaluator: &mut Evaluator<'_>, arguments: &Arguments) -> Result<Option<Vec<f64>>, EvalError> {
    let Some(elements) = arguments.elements(0)? else { return Ok(None) };
    evaluator.budget.charge_steps(elements.len() / 4)?;
    evaluator.budget.charge_bytes(elements.len() * 8)?;
    elements.numbers().map_or_else(|| arguments.mismatch(0), |numbers| Ok(Some(numbers)))
}

pub(super) fn sum(evaluator: &mut Evaluator<'_>, arguments: Arguments) -> Result<Item, EvalError> {
    let numbers = numbers(evaluator, &arguments)?;
    Ok(numbers.map_or(Item::Undefined, |numbers| Item::Number(total(&numbers))))
}

/// From zero on, so that the sum of nothing isn't `-0`.
fn total(numbers: &[f64]) -> f64 {
    numbers.iter().fold(0.0, |sum, number| sum + number)
}

/// The first of two by `better`; not a number if one of them isn't.
fn chosen(a: f64, b: f64, better: fn(f64, f64) -> f64) -> f64 {
    if a.is_nan() || b.is_nan() { f64::NAN } else { better(a, b) }
}

pub(super) fn max(evaluator: &mut Evaluator<'_>, arguments: Arguments) -> Result<Item, EvalError> {
    let numbers = numbers(evaluator, &arguments)?.unwrap_or_default();
    Ok(numbers.into_iter().reduce(|a, b| chosen(a, b, f64::max)).map_or(Item::Undefined, Item::Number))
}

pub(super) fn min(evaluator: &mut Evaluator<'_>, arguments: Arguments) -> Result<Item, EvalError> {
    let numbers = numbers(evaluator, &arguments)?.unwrap_or_default();
    Ok(numbers.into_iter().reduce(|a, b| chosen(a, b, f64::min)).map_or(Item::Undefined, Item::Number))
}

pub(super) fn average(evaluator: &mut Evaluator<'_>, arguments: Arguments) -> Result<Item, EvalError> {
    match numbers(evaluator, &arguments)? {
        Some(numbers) if !numbers.is_empty() => {
            let count = Item::count(numbers.len()).as_f64().unwrap_or(1.0);
            Ok(Item::Number(total(&numbers) / count))
        }
        _ => Ok(Item::Undefined),
    }
}

pub(super) fn format_base(_: &mut Evaluator<'_>, arguments: Arguments) -> Result<Item, EvalError> {
    let Some(number) = arguments.number(0)? else { return Ok(Item::Undefined) };
    let radix = arguments.number(1)?.map_or(10.0, |radix| round_to(radix, 0.0));
    if !(2.0..=36.0).contains(&radix) {
        return Err(EvalError::new("D3100").with_value(Some(number_value(radix))));
    }
    let number = round_to(number, 0.0);
    if radix == 10.0 || !number.is_finite() {
        let mut out = String::new();
        text::write_number(number, &mut out);
        return Ok(Item::string(out));
    }
    Ok(Item::string(in_base(number, radix)))
}

/// A whole number's digits. Beyond 2^53 the low digits are zeros, as in JavaScript.
fn in_base(number: f64, radix: f64) -> String {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    let mut rest = number.abs();
    let mut digits = Vec::new();
    while rest >= EXACT {
        rest /= radix;
        digits.push('0');
    }
    rest = rest.floor();
    loop {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a digit and a radix of at most 36"
        )]
        let (digit, base) = ((rest % radix) as u32, radix as u32);
        digits.extend(char::from_digit(digit, base));
        rest = (rest / radix).floor();
        if rest < 1.0 {
            break;
        }
    }
    if number < 0.0 {
        digits.push('-');
    }
    digits.into_iter().rev().collect()
}

pub(super) fn format_number(evaluator: &mut Evaluator<'_>, arguments: Arguments) -> Result<Item, EvalError> {
    let Some(number) = arguments.number(0)? else { return Ok(Item::Undefined) };
    let Some(pattern) = arguments.text(1)? else { return arguments.mismatch(1) };
    let options = picture::Symbols::new(arguments.get(2), &arguments)?;
    picture::format(number, &pattern, &options, &mut evaluator.budget).map(Item::string)
}

pub(super) fn format_integer(evaluator: &mut Evaluator<'_>, arguments: Arguments) -> Result<Item, EvalError> {
    let Some(number) = arguments.number(0)? else { return Ok(Item::Undefined) };
    let Some(pattern) = arguments.text(1)? else { return arguments.mismatch(1) };
    let format = integer::Format::parse(&pattern, &mut evaluator.budget)?;
    format.format(number.floor(), &mut evaluator.budget).map(Item::string)
}

pub(super) fn parse_integer(evaluator: &mut Evaluator<'_>, arguments: Arguments) -> Result<Item, EvalError> {
    let Some(text) = arguments.text(0)? else { return Ok(Item::Undefined) };
    let Some(pattern) = arguments.text(1)? else { return arguments.mismatch(1) };
    let format = integer::Format::parse(&pattern, &mut evaluator.budget)?;
    evaluator.budget.charge_reading(text.len().saturating_mul(4))?;
    format.parse_text(&text).map(Item::Number)
}
