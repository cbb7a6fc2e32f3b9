//! The functions that Step Functions adds to the language. Where they take integers, they round down.

use md5::Md5;
use newel_value::Value;
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha384, Sha512};

use super::Arguments;
use crate::EvalError;
use crate::eval::Evaluator;
use crate::item::{Flags, Item, number_value};

/// `$partition(array, size)`
pub(super) fn partition(evaluator: &mut Evaluator<'_>, arguments: Arguments) -> Result<Item, EvalError> {
    let Some(elements) = arguments.elements(0)? else { return Ok(Item::Undefined) };
    let Some(size) = arguments.number(1)? else { return arguments.mismatch(1) };
    let size = size.floor();
    if size < 1.0 || size.is_nan() {
        return Err(EvalError::new("D3203").with_value(Some(number_value(size))));
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a float converts to the nearest integer there is"
    )]
    let size = size as usize;
    evaluator.budget.charge_steps(elements.len())?;
    let mut parts = Vec::with_capacity(elements.len().div_ceil(size));
    let mut items = elements.iter();
    loop {
        let part: Vec<Item> = items.by_ref().take(size).collect();
        if part.is_empty() {
            return Item::list(parts, Flags::PLAIN, &mut evaluator.budget);
        }
        parts.push(Item::list(part, Flags::PLAIN, &mut evaluator.budget)?);
    }
}

/// `$range(first, last, step)`: from the first number on, up or down to the last at most; a sequence.
pub(super) fn range(evaluator: &mut Evaluator<'_>, arguments: Arguments) -> Result<Item, EvalError> {
    let mut bounds = [0.0; 3];
    for (at, bound) in bounds.iter_mut().enumerate() {
        let Some(number) = arguments.number(at)? else { return Ok(Item::Undefined) };
        *bound = number.floor();
    }
    let [first, last, step] = bounds;
    if step == 0.0 || bounds.iter().any(|bound| !bound.is_finite()) {
        return Err(EvalError::new("D3202"));
    }
    let size = ((last - first) / step).floor() + 1.0;
    if size > 1e7 {
        return Err(EvalError::new("D2014").with_value(Some(number_value(size))));
    }
    let items = evaluator.numbers(first, step, size)?;
    // Recorded from AWS: a range of one number is that number.
    Item::sequence(items, &mut evaluator.budget)
}

/// `$hash(content, algorithm)`: of a string's UTF-8, or of any other value as `$string` prints it; in hexadecimal.
pub(super) fn hash(evaluator: &mut Evaluator<'_>, arguments: Arguments) -> Result<Item, EvalError> {
    if arguments.get(0).is_undefined() {
        return Ok(Item::Undefined);
    }
    let Some(algorithm) = arguments.text(1)? else { return arguments.mismatch(1) };
    let content = arguments.get(0).to_text(&mut evaluator.budget)?;
    evaluator.budget.charge_reading(content.len().saturating_mul(4))?;
    let digest = match &*algorithm {
        "MD5" => hex::encode(Md5::digest(content.as_bytes())),
        "SHA-1" => hex::encode(Sha1::digest(content.as_bytes())),
        "SHA-256" => hex::encode(Sha256::digest(content.as_bytes())),
        "SHA-384" => hex::encode(Sha384::digest(content.as_bytes())),
        "SHA-512" => hex::encode(Sha512::digest(content.as_bytes())),
        _ => return Err(EvalError::new("D3201").with_value(Some(algorithm.into()))),
    };
    Ok(Item::string(digest))
}

/// `$random([seed])`: at least 0 and below 1; the same for the same seed.
pub(super) fn random(evaluator: &mut Evaluator<'_>, arguments: Arguments) -> Result<Item, EvalError> {
    Ok(Item::Number(match arguments.number(0)? {
        Some(seed) => seeded(seed.floor()),
        None => evaluator.world.random(),
    }))
}

/// One output of the SplitMix64 generator.
#[expect(clippy::cast_precision_loss, reason = "53 bits are exact")]
fn seeded(seed: f64) -> f64 {
    let mut bits = (seed + 0.0).to_bits().wrapping_add(0x9E37_79B9_7F4A_7C15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    bits ^= bits >> 31;
    (bits >> 11) as f64 / (1_u64 << 53) as f64
}

/// `$uuid()`
pub(super) fn uuid(evaluator: &mut Evaluator<'_>, _: Arguments) -> Result<Item, EvalError> {
    Ok(Item::string(evaluator.world.uuid()))
}

/// `$parse(text)`: the value that a JSON text spells.
pub(super) fn parse(evaluator: &mut Evaluator<'_>, arguments: Arguments) -> Result<Item, EvalError> {
    let Some(text) = arguments.text(0)? else { return Ok(Item::Undefined) };
    evaluator.budget.charge_steps(text.len() / 4)?;
    // What a tree takes: up to some sixteen times its text, as `[[],[],…]` does.
    evaluator.budget.charge_bytes(text.len().saturating_mul(16))?;
    match Value::parse(&text) {
        Ok(value) => Ok(Item::Value(value)),
        Err(error) => Err(EvalError::new("D3200").with("message", Some(error.to_string().into()))),
    }
}
