//! Base64 and URL encoding.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use newel_value::Str;

use super::Arguments;
use crate::EvalError;
use crate::eval::Evaluator;
use crate::item::Item;

/// Takes text with or without padding, and stray bits at its end, as Node's decoder does.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// A UTF-16 unit is one byte here, its low one: binary data travels as text of such characters.
pub(super) fn base64_encode(evaluator: &mut Evaluator<'_>, arguments: Arguments) -> Result<Item, EvalError> {
    let Some(text) = arguments.text(0)? else { return Ok(Item::Undefined) };
    evaluator.budget.charge_text(text.len().saturating_mul(3))?;
    let bytes: Vec<u8> = text.encode_utf16().map(|unit| unit.to_le_bytes()[0]).collect();
    Ok(Item::string(LENIENT.encode(bytes)))
}

pub(super) fn base64_decode(evaluator: &mut Evaluator<'_>, arguments: Arguments) -> Result<Item, EvalError> {
    let Some(text) = arguments.text(0)? else { return Ok(Item::Undefined) };
    evaluator.budget.charge_text(text.len().saturating_mul(3))?;
    let mut digits: Vec<u8> = text
        .bytes()
        .take_while(|byte| *byte != b'=')
        .filter_map(|byte| match byte {
            b'-' => Some(b'+'),
            b'_' => Some(b'/'),
            b'+' | b'/' => Some(byte),
            other => other.is_ascii_alphanumeric().then_some(other),
        })
        .collect();
    if digits.len() % 4 == 1 {
        digits.pop();
    }
    let bytes = LENIENT.decode(digits).unwrap_or_default();
    Ok(Item::string(bytes.into_iter().map(char::from).collect::<String>()))
}

/// What `encodeURIComponent` leaves as it is, besides letters and digits.
const UNRESERVED: &str = "-_.!~*'()";
/// What `encodeURI` leaves besides.
const RESERVED: &str = ";/?:@&=+$,#";

fn encode(evaluator: &mut Evaluator<'_>, arguments: &Arguments, also: &str) -> Result<Item, EvalError> {
    let Some(text) = arguments.text(0)? else { return Ok(Item::Undefined) };
    evaluator.budget.charge_text(text.len().saturating_mul(3))?;
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        let symbol = char::from(byte);
        if byte.is_ascii_alphanumeric() || UNRESERVED.contains(symbol) || also.contains(symbol) {
            out.push(symbol);
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    Ok(Item::string(out))
}

pub(super) fn encode_url_component(
    evaluator: &mut Evaluator<'_>,
    arguments: Arguments,
) -> Result<Item, EvalError> {
    encode(evaluator, &arguments, "")
}

pub(super) fn encode_url(evaluator: &mut Evaluator<'_>, arguments: Arguments) -> Result<Item, EvalError> {
    encode(evaluator, &arguments, RESERVED)
}

fn decode(
    evaluator: &mut Evaluator<'_>,
    arguments: &Arguments,
    function: &'static str,
    keep: &str,
) -> Result<Item, EvalError> {
    let Some(text) = arguments.text(0)? else { return Ok(Item::Undefined) };
    evaluator.budget.charge_text(text.len())?;
    match percent_decoded(&text, keep) {
        Some(decoded) => Ok(Item::string(decoded)),
        None => Err(EvalError::new("D3140")
            .with_value(Some(Str::clone(&text).into()))
            .with("functionName", Some(function.into()))),
    }
}

/// Escapes of what is in `keep` stay escaped. None if an escape is malformed or the bytes are no UTF-8.
fn percent_decoded(text: &str, keep: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        if bytes[at] != b'%' {
            out.push(bytes[at]);
            at += 1;
            continue;
        }
        let digits = text.get(at + 1..at + 3)?;
        if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return None;
        }
        let byte = u8::from_str_radix(digits, 16).ok()?;
        if byte.is_ascii() && keep.contains(char::from(byte)) {
            out.extend_from_slice(&bytes[at..at + 3]);
        } else {
            out.push(byte);
        }
        at += 3;
    }
    String::from_utf8(out).ok()
}

pub(super) fn decode_url_component(
    evaluator: &mut Evaluator<'_>,
    arguments: Arguments,
) -> Result<Item, EvalError> {
    decode(evaluator, &arguments, "decodeUrlComponent", "")
}

pub(super) fn decode_url(evaluator: &mut Evaluator<'_>, arguments: Arguments) -> Result<Item, EvalError> {
    decode(evaluator, &arguments, "decodeUrl", RESERVED)
}
