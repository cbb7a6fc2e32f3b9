//! Functions of dates.

use newel_value::Value;

use super::Arguments;
use crate::EvalError;
use crate::eval::Evaluator;
use crate::item::Item;
use crate::picture::datetime::{self, Picture};

pub(super) fn millis(evaluator: &mut Evaluator<'_>, _: Arguments) -> Result<Item, EvalError> {
    #[expect(clippy::cast_precision_loss, reason = "milliseconds are below 2^53 for some 285,000 years")]
    let now = evaluator.now() as f64;
    Ok(Item::Number(now))
}

pub(super) fn now(evaluator: &mut Evaluator<'_>, arguments: Arguments) -> Result<Item, EvalError> {
    let now = millis(evaluator, Arguments::new(Vec::new()))?.as_f64().unwrap_or(0.0);
    formatted(evaluator, now, &arguments, 0)
}

pub(super) fn from_millis(evaluator: &mut Evaluator<'_>, arguments: Arguments) -> Result<Item, EvalError> {
    match arguments.number(0)? {
        Some(millis) => formatted(evaluator, millis, &arguments, 1),
        None => Ok(Item::Undefined),
    }
}

/// Picture and time zone follow from that argument on.
fn formatted(
    evaluator: &mut Evaluator<'_>,
    millis: f64,
    arguments: &Arguments,
    at: usize,
) -> Result<Item, EvalError> {
    let picture = arguments.text(at)?;
    let zone = arguments.text(at + 1)?;
    let picture = match &picture {
        Some(text) => Picture::parse(text, &mut evaluator.budget)?,
        None => Picture::iso8601(&mut evaluator.budget)?,
    };
    picture.format(millis, zone.as_deref(), &mut evaluator.budget).map(Item::string)
}

pub(super) fn to_millis(evaluator: &mut Evaluator<'_>, arguments: Arguments) -> Result<Item, EvalError> {
    let Some(text) = arguments.text(0)? else { return Ok(Item::Undefined) };
    evaluator.budget.charge_reading(text.len())?;
    let millis = match arguments.text(1)? {
        Some(picture) => {
            let picture = Picture::parse(&picture, &mut evaluator.budget)?;
            let now = evaluator.now();
            picture.read(&text, now, &mut evaluator.budget)?
        }
        None => match datetime::read_iso8601(&text) {
            Some(millis) => Some(millis),
            None => return Err(EvalError::new("D3110").with_value(Some(Value::String(text)))),
        },
    };
    Ok(millis.map_or(Item::Undefined, Item::Number))
}
