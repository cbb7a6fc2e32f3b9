//! The intrinsic functions
//! (<https://docs.aws.amazon.com/step-functions/latest/dg/intrinsic-functions.html>).
//!
//! Where AWS does otherwise than its page says, this does as AWS, by what public suites that run on it have found: numbers are cut
//! off rather than rounded, but for `States.MathAdd`; `States.ArrayContains` compares texts; `States.Base64Decode` takes
//! whatever has Base64 in it; and every failure is `States.Runtime`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use newel_asl::intrinsic::{Argument, Call, Function};
use newel_asl::plan::Query;
use newel_value::{Number, Value};
use sha2::Digest as _;
use std::borrow::Cow;
use std::collections::HashSet;

use crate::eval::{Miss, Scope, source_of};
use crate::fault::EvalError;
use crate::size;

/// Characters that the Base64 functions and `States.Hash` take.
const TEXT_LIMIT: usize = 10_000;
/// Elements that `States.ArrayRange` makes.
const RANGE_LIMIT: i64 = 1_000;
/// Bytes of a string that a call may make: nested calls that escape strings would otherwise double them at each level.
const RESULT_LIMIT: usize = 16 << 20;

/// Whatever bits are left at the end.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

type Evaluated = Result<Value, EvalError>;

/// Evaluates a call. Its argument count was checked when it was parsed.
pub(crate) fn call(scope: &Scope<'_>, call: &Call) -> Evaluated {
    let arguments: Vec<Value> = call
        .arguments
        .iter()
        .map(|argument| self::argument(scope, call, argument))
        .collect::<Result<_, _>>()?;
    let value = match (call.function, arguments.as_slice()) {
        (Function::Format, [Value::String(template), values @ ..]) => format(call, template, values)?,
        (Function::StringToJson, [Value::String(text)]) if text.trim().is_empty() => Value::Null,
        (Function::StringToJson, [Value::String(text)]) => Value::parse(text).map_err(|_| failed(call))?,
        (Function::JsonToString, [value]) => Value::from(printed(call, value)?),
        (Function::Array, items) => Value::from(items.to_vec()),
        (Function::ArrayPartition, [Value::Array(items), size]) => partition(call, items, size)?,
        (Function::ArrayContains, [Value::Array(items), value]) => {
            let wanted = text(call, value)?;
            Value::from(items.iter().any(|item| text(call, item).is_ok_and(|item| item == wanted)))
        }
        (Function::ArrayRange, [first, last, step]) => range(call, first, last, step)?,
        (Function::ArrayGetItem, [Value::Array(items), Value::Number(_)]) if items.is_empty() => Value::Null,
        (Function::ArrayGetItem, [Value::Array(items), index]) => usize::try_from(integer(call, index)?)
            .ok()
            .and_then(|index| items.get(index))
            .cloned()
            .ok_or_else(|| failed(call))?,
        (Function::ArrayLength, [Value::Array(items)]) => {
            Value::from(i64::try_from(items.len()).unwrap_or(i64::MAX))
        }
        (Function::ArrayUnique, [Value::Array(items)]) => unique(call, items)?,
        (Function::Base64Encode, [Value::String(text)]) => Value::from(BASE64.encode(short(call, text)?)),
        (Function::Base64Decode, [Value::String(text)]) => decoded(short(call, text)?).into(),
        (Function::Hash, [data, Value::String(algorithm)]) => hash(call, data, algorithm)?,
        (Function::JsonMerge, [Value::Object(_), Value::Object(_), Value::Bool(true)]) => {
            return Err(failed(call));
        }
        (Function::JsonMerge, [Value::Object(first), Value::Object(second), _]) => {
            let mut merged = first.to_builder();
            for (key, value) in second.iter() {
                merged.insert(key.clone(), value.clone());
            }
            merged.build().into()
        }
        (Function::MathRandom, [first, last, seed @ ..]) => random(scope, call, first, last, seed.first())?,
        (Function::MathAdd, [first, second]) => Value::from(add(call, first, second)?),
        (Function::StringSplit, [Value::String(text), Value::String(delimiters)]) => {
            text.split(|c| delimiters.contains(c)).filter(|part| !part.is_empty()).map(Value::from).collect()
        }
        (Function::Uuid, []) => Value::from(uuid(scope.random)),
        _ => return Err(failed(call)),
    };
    match &value {
        Value::String(text) if text.len() > RESULT_LIMIT => Err(failed(call)),
        _ => Ok(value),
    }
}

/// The JSON text of a value, unless it is huge.
fn printed(call: &Call, value: &Value) -> Result<String, EvalError> {
    size::check(value, RESULT_LIMIT).map_err(|_| failed(call))?;
    Ok(value.to_json())
}

/// A string itself, and the JSON text of anything else.
fn text<'a>(call: &Call, value: &'a Value) -> Result<Cow<'a, str>, EvalError> {
    Ok(match value {
        Value::String(text) => Cow::Borrowed(text),
        other => Cow::Owned(printed(call, other)?),
    })
}

fn argument(scope: &Scope<'_>, call: &Call, argument: &Argument) -> Evaluated {
    Ok(match argument {
        Argument::String(text) => Value::String(text.clone()),
        Argument::Number(number) => Value::Number(number.clone()),
        Argument::Bool(bool) => Value::Bool(*bool),
        Argument::Null => Value::Null,
        Argument::Query(query) => match scope.query(query) {
            Ok(value) => value,
            Err(Miss::Path(_)) => return Err(missing(scope, call, query)),
            Err(Miss::Other(error)) => return Err(error),
        },
    })
}

/// A path among the arguments leads nowhere.
fn missing(scope: &Scope<'_>, call: &Call, query: &Query) -> EvalError {
    EvalError::runtime(format!(
        "The function '{}' had the following error: The JsonPath argument for the field '{}' could not be found in the input '{}'",
        call.source,
        source_of(query),
        scope.searched(query),
    ))
}

/// What AWS says of whatever is wrong with the arguments, by `States.Runtime`: nothing catches it.
fn failed(call: &Call) -> EvalError {
    EvalError::runtime(format!("Invalid arguments in {}", call.function.name()))
}

fn short<'a>(call: &Call, text: &'a str) -> Result<&'a str, EvalError> {
    if text.chars().count() > TEXT_LIMIT {
        return Err(failed(call));
    }
    Ok(text)
}

/// A number without its fraction.
fn integer(call: &Call, value: &Value) -> Result<i64, EvalError> {
    integer_by(f64::trunc, call, value)
}

fn integer_by(round: fn(f64) -> f64, call: &Call, value: &Value) -> Result<i64, EvalError> {
    let number = value.as_number().ok_or_else(|| failed(call))?;
    number
        .as_i64()
        .or_else(|| Number::from_f64_as_integer(round(number.as_f64())).and_then(|n| n.as_i64()))
        .ok_or_else(|| failed(call))
}

/// What Base64 there is in a text, up to its padding; bytes that are no UTF-8 become U+FFFD.
fn decoded(text: &str) -> String {
    let up_to_padding = text.split('=').next().unwrap_or_default();
    let digit = |c: &char| c.is_ascii_alphanumeric() || "+/-_".contains(*c);
    let digits = up_to_padding.chars().filter(digit).map(|c| match c {
        '-' => '+',
        '_' => '/',
        other => other,
    });
    let mut digits: String = digits.collect();
    if digits.len() % 4 == 1 {
        // Six bits are no byte.
        digits.pop();
    }
    String::from_utf8_lossy(&LENIENT.decode(digits).unwrap_or_default()).into_owned()
}

/// Fills `{}` with the arguments; `\{`, `\}` and `\\` stand for themselves.
fn format(call: &Call, template: &str, values: &[Value]) -> Evaluated {
    let mut out = String::with_capacity(template.len());
    let mut values = values.iter();
    let mut chars = template.chars().peekable();
    let mismatch = || failed(call);
    while let Some(c) = chars.next() {
        match c {
            '\\' => out.push(chars.next().unwrap_or('\\')),
            '{' if chars.next_if_eq(&'}').is_some() => {
                let value = values.next().ok_or_else(mismatch)?;
                size::check(value, RESULT_LIMIT).map_err(|_| failed(call))?;
                write_plain(value, &mut out);
            }
            _ => out.push(c),
        }
        if out.len() > RESULT_LIMIT {
            return Err(failed(call));
        }
    }
    if values.next().is_some() {
        return Err(mismatch());
    }
    Ok(out.into())
}

/// A value as `States.Format` shows it. AWS shows strings bare, and arrays and objects as Java prints its collections.
fn write_plain(value: &Value, out: &mut String) {
    match value {
        Value::String(text) => out.push_str(text),
        Value::Array(items) => {
            out.push('[');
            for (position, item) in items.iter().enumerate() {
                out.push_str(if position > 0 { ", " } else { "" });
                write_plain(item, out);
            }
            out.push(']');
        }
        Value::Object(object) => {
            out.push('{');
            for (position, (key, value)) in object.iter().enumerate() {
                out.push_str(if position > 0 { ", " } else { "" });
                out.push_str(key);
                out.push('=');
                write_plain(value, out);
            }
            out.push('}');
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => value.write_json(out),
    }
}

fn partition(call: &Call, items: &[Value], size: &Value) -> Evaluated {
    match usize::try_from(integer(call, size)?) {
        Ok(size) if size > 0 => Ok(items.chunks(size).map(|chunk| Value::from(chunk.to_vec())).collect()),
        _ => Err(failed(call)),
    }
}

fn range(call: &Call, first: &Value, last: &Value, step: &Value) -> Evaluated {
    let (first, last, step) = (integer(call, first)?, integer(call, last)?, integer(call, step)?);
    if step == 0 {
        return Err(failed(call));
    }
    let distance = i128::from(last) - i128::from(first);
    let count = distance / i128::from(step) + 1;
    if count > i128::from(RANGE_LIMIT) {
        return Err(failed(call));
    }
    let count =
        if distance.signum() == -i128::from(step.signum()) { 0 } else { i64::try_from(count).unwrap_or(0) };
    // From `first` in wrapping steps: each element is between the ends, though the way to it may be longer than an i64.
    Ok((0..count).map(|i| Value::from(first.wrapping_add(i.wrapping_mul(step)))).collect())
}

/// The first of each set of equal elements, in their order.
fn unique(call: &Call, items: &[Value]) -> Evaluated {
    items.iter().try_for_each(|item| size::check(item, RESULT_LIMIT)).map_err(|_| failed(call))?;
    let mut seen = HashSet::with_capacity(items.len());
    let first_of_its_kind = |item: &&Value| {
        let mut key = String::new();
        write_key(item, &mut key);
        seen.insert(key)
    };
    Ok(items.iter().filter(first_of_its_kind).cloned().collect())
}

/// A text that equal values share and others don't: numbers by value, objects by sorted key.
fn write_key(value: &Value, out: &mut String) {
    match value {
        Value::Number(number) => match number.as_i64() {
            Some(whole) => Value::from(whole).write_json(out),
            None => out.push_str(&format!("f{:016x}", number.as_f64().to_bits())),
        },
        Value::Array(items) => {
            out.push('[');
            for item in items.iter() {
                write_key(item, out);
                out.push(',');
            }
            out.push(']');
        }
        Value::Object(object) => {
            let mut members: Vec<_> = object.iter().collect();
            members.sort_unstable_by_key(|(key, _)| *key);
            out.push('{');
            for (key, value) in members {
                newel_value::write_string(key, out);
                out.push(':');
                write_key(value, out);
                out.push(',');
            }
            out.push('}');
        }
        Value::Null | Value::Bool(_) | Value::String(_) => value.write_json(out),
    }
}

fn hash(call: &Call, data: &Value, algorithm: &str) -> Evaluated {
    let text = text(call, data)?;
    let bytes = short(call, &text)?.as_bytes();
    Ok(Value::from(match algorithm {
        "MD5" => hex::encode(md5::Md5::digest(bytes)),
        "SHA-1" => hex::encode(sha1::Sha1::digest(bytes)),
        "SHA-256" => hex::encode(sha2::Sha256::digest(bytes)),
        "SHA-384" => hex::encode(sha2::Sha384::digest(bytes)),
        "SHA-512" => hex::encode(sha2::Sha512::digest(bytes)),
        _ => return Err(failed(call)),
    }))
}

/// A number from `first` (inclusive) to `last` (exclusive). With a seed, the same one each time.
fn random(scope: &Scope<'_>, call: &Call, first: &Value, last: &Value, seed: Option<&Value>) -> Evaluated {
    let (first, last) = (integer(call, first)?, integer(call, last)?);
    let span = u64::try_from(i128::from(last) - i128::from(first))
        .ok()
        .filter(|span| *span > 0)
        .ok_or_else(|| failed(call))?;
    let bits = match seed {
        Some(seed) => split_mix(integer(call, seed)?.cast_unsigned()),
        None => (scope.random)(),
    };
    // Multiply-shift maps 64 random bits evenly enough onto any span that fits the result.
    let offset = (u128::from(bits) * u128::from(span)) >> 64;
    let value = i128::from(first) + i128::try_from(offset).unwrap_or(0);
    Ok(Value::from(i64::try_from(value).unwrap_or(first)))
}

/// One step of SplitMix64 (Steele, Lea and Flood, 2014): spreads a seed over 64 bits.
const fn split_mix(seed: u64) -> u64 {
    let z = seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

fn add(call: &Call, first: &Value, second: &Value) -> Result<i64, EvalError> {
    let rounded = |value| integer_by(f64::round, call, value);
    let (first, second) = (rounded(first)?, rounded(second)?);
    let within = |n: i64| i32::try_from(n).is_ok();
    match first.checked_add(second) {
        Some(sum) if within(first) && within(second) && within(sum) => Ok(sum),
        _ => Err(failed(call)),
    }
}

/// A version 4 UUID.
pub(crate) fn uuid(random: &dyn Fn() -> u64) -> String {
    let high = random() & !0xF000 | 0x4000;
    let low = random() & !(0b11 << 62) | (0b10 << 62);
    format!(
        "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
        high >> 32,
        (high >> 16) & 0xFFFF,
        high & 0xFFFF,
        low >> 48,
        low & 0xFFFF_FFFF_FFFF
    )
}
