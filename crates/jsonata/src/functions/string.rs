//! Functions of strings.

use newel_value::Str;

use super::Arguments;
use crate::EvalError;
use crate::eval::Evaluator;
use crate::item::Item;
use crate::text;

pub(super) fn string(evaluator: &mut Evaluator<'_>, arguments: Arguments) -> Result<Item, EvalError> {
    let item = match arguments.get(0) {
        Item::Undefined => return Ok(Item::Undefined),
        // The sequence around an array that is the input isn't part of it.
        Item::List(list) if list.flags == crate::item::Flags::OUTER => {
            list.items.first().cloned().unwrap_or(Item::Undefined)
        }
        item => item.clone(),
    };
    if super::is_true(arguments.get(1)) {
        let mut out = String::new();
        text::write_pretty(&item, &mut out, &mut evaluator.budget)?;
        return Ok(Item::string(out));
    }
    item.to_text(&mut evaluator.budget).map(Item::string)
}

pub(super) fn length(evaluator: &mut Evaluator<'_>, arguments: Arguments) -> Result<Item, EvalError> {
    let Some(text) = arguments.text(0)? else { return Ok(Item::Undefined) };
    evaluator.budget.charge_reading(text.len())?;
    Ok(Item::count(text.chars().count()))
}

/// The byte at which a character begins; JavaScript's rules for slices: counted from the end if negative.
fn slice_bound(number: f64, text: &str, characters: usize) -> usize {
    let from_end = number < 0.0;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a float converts to the nearest integer there is"
    )]
    let count = number.abs().trunc() as usize;
    let at = if from_end { characters.saturating_sub(count) } else { count.min(characters) };
    if characters == text.len() {
        at
    } else {
        text.char_indices().nth(at).map_or(text.len(), |(byte, _)| byte)
    }
}

pub(super) fn substring(evaluator: &mut Evaluator<'_>, arguments: Arguments) -> Result<Item, EvalError> {
    let Some(text) = arguments.text(0)? else { return Ok(Item::Undefined) };
    evaluator.budget.charge_reading(text.len())?;
    let characters = text.chars().count();
    let length = Item::count(characters).as_f64().unwrap_or(0.0);
    let mut start = arguments.number(1)?.unwrap_or(0.0);
    if length + start < 0.0 {
        start = 0.0;
    }
    let end = match arguments.number(2)? {
        Some(count) if count <= 0.0 => return Ok(Item::string("")),
        Some(count) if start >= 0.0 => start + count,
        Some(count) => length + start + count,
        None => length,
    };
    let from = slice_bound(start, &text, characters);
    let to = slice_bound(end, &text, characters);
    made(evaluator, text.get(from..to.max(from)).unwrap_or_default())
}

/// A string that was cut out of another.
fn made(evaluator: &mut Evaluator<'_>, text: &str) -> Result<Item, EvalError> {
    evaluator.budget.charge_text(text.len())?;
    Ok(Item::string(text))
}

fn around(
    evaluator: &mut Evaluator<'_>,
    arguments: &Arguments,
    cut: impl Fn(&str, usize, usize) -> (usize, usize),
) -> Result<Item, EvalError> {
    let Some(text) = arguments.text(0)? else { return Ok(Item::Undefined) };
    let found = arguments.text(1)?.and_then(|part| text.find(&*part).map(|at| (at, part.len())));
    evaluator.budget.charge_reading(text.len())?;
    let Some((at, length)) = found else { return Ok(Item::string(text)) };
    let (from, to) = cut(&text, at, length);
    made(evaluator, &text[from..to])
}

pub(super) fn substring_before(
    evaluator: &mut Evaluator<'_>,
    arguments: Arguments,
) -> Result<Item, EvalError> {
    around(evaluator, &arguments, |_, at, _| (0, at))
}

pub(super) fn substring_after(
    evaluator: &mut Evaluator<'_>,
    arguments: Arguments,
) -> Result<Item, EvalError> {
    around(evaluator, &arguments, |text, at, length| (at + length, text.len()))
}

fn mapped(
    evaluator: &mut Evaluator<'_>,
    arguments: &Arguments,
    map: impl Fn(&str) -> String,
) -> Result<Item, EvalError> {
    let Some(text) = arguments.text(0)? else { return Ok(Item::Undefined) };
    evaluator.budget.charge_text(text.len().saturating_mul(2))?;
    Ok(Item::string(map(&text)))
}

pub(super) fn lowercase(evaluator: &mut Evaluator<'_>, arguments: Arguments) -> Result<Item, EvalError> {
    mapped(evaluator, &arguments, str::to_lowercase)
}

pub(super) fn uppercase(evaluator: &mut Evaluator<'_>, arguments: Arguments) -> Result<Item, EvalError> {
    mapped(evaluator, &arguments, str::to_uppercase)
}

pub(super) fn trim(evaluator: &mut Evaluator<'_>, arguments: Arguments) -> Result<Item, EvalError> {
    mapped(evaluator, &arguments, |text| {
        let words: Vec<&str> = text.split([' ', '\t', '\n', '\r']).filter(|word| !word.is_empty()).collect();
        words.join(" ")
    })
}

pub(super) fn pad(evaluator: &mut Evaluator<'_>, arguments: Arguments) -> Result<Item, EvalError> {
    let Some(text) = arguments.text(0)? else { return Ok(Item::Undefined) };
    let width = arguments.number(1)?.unwrap_or(0.0);
    let padding: Str = arguments.text(2)?.filter(|padding| !padding.is_empty()).unwrap_or_else(|| " ".into());
    evaluator.budget.charge_reading(text.len())?;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a float converts to the nearest integer there is"
    )]
    let missing = (width.abs().floor() as usize).saturating_sub(text.chars().count());
    if missing == 0 {
        return Ok(Item::string(text));
    }
    let widest = padding.chars().map(char::len_utf8).max().unwrap_or(1);
    evaluator.budget.charge_text(missing.saturating_mul(widest).saturating_add(text.len()))?;
    let mut out = String::with_capacity(text.len() + missing * widest);
    if width > 0.0 {
        out.push_str(&text);
    }
    out.extend(padding.chars().cycle().take(missing));
    if width <= 0.0 {
        out.push_str(&text);
    }
    Ok(Item::string(out))
}

pub(super) fn join(evaluator: &mut Evaluator<'_>, arguments: Arguments) -> Result<Item, EvalError> {
    let Some(elements) = arguments.elements(0)? else { return Ok(Item::Undefined) };
    let separator = arguments.text(1)?.unwrap_or_else(|| "".into());
    let mut out = String::new();
    for (at, element) in elements.iter().enumerate() {
        let Some(part) = element.as_str() else { return arguments.mismatch(0) };
        evaluator.budget.charge_steps(1)?;
        evaluator.budget.charge_text(part.len() + separator.len())?;
        if at > 0 {
            out.push_str(&separator);
        }
        out.push_str(part);
    }
    Ok(Item::string(out))
}
