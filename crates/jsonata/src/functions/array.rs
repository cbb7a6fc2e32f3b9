//! Functions of arrays.

use newel_value::Value;
use rustc_hash::FxHashSet;

use super::Arguments;
use crate::EvalError;
use crate::eval::{Evaluator, compare_text, is_truthy, merge_sort};
use crate::item::{Flags, Item, push_all};

pub(super) fn count(_: &mut Evaluator<'_>, arguments: Arguments) -> Result<Item, EvalError> {
    Ok(Item::count(arguments.elements(0)?.map_or(0, |elements| elements.len())))
}

pub(super) fn append(evaluator: &mut Evaluator<'_>, mut arguments: Arguments) -> Result<Item, EvalError> {
    let (first, second) = (arguments.take(0), arguments.take(1));
    if first.is_undefined() {
        return Ok(second);
    }
    if second.is_undefined() {
        return Ok(first);
    }
    let mut items = Vec::with_capacity(first.elements_or_self().len() + second.elements_or_self().len());
    push_all(&first, &mut items, &mut evaluator.budget)?;
    push_all(&second, &mut items, &mut evaluator.budget)?;
    Item::list(items, Flags::PLAIN, &mut evaluator.budget)
}

/// The elements of an array argument, or why there is nothing to do with them.
fn several(
    evaluator: &mut Evaluator<'_>,
    arguments: &Arguments,
) -> Result<Result<Vec<Item>, Item>, EvalError> {
    match arguments.elements(0)? {
        Some(elements) if elements.len() > 1 => {
            let mut items = Vec::with_capacity(elements.len());
            push_all(arguments.get(0), &mut items, &mut evaluator.budget)?;
            Ok(Ok(items))
        }
        _ => Ok(Err(arguments.get(0).clone())),
    }
}

pub(super) fn reverse(evaluator: &mut Evaluator<'_>, arguments: Arguments) -> Result<Item, EvalError> {
    match several(evaluator, &arguments)? {
        Ok(mut items) => {
            items.reverse();
            Item::list(items, Flags::PLAIN, &mut evaluator.budget)
        }
        Err(few) => Ok(few),
    }
}

pub(super) fn shuffle(evaluator: &mut Evaluator<'_>, arguments: Arguments) -> Result<Item, EvalError> {
    let mut items = match several(evaluator, &arguments)? {
        Ok(items) => items,
        Err(few) => return Ok(few),
    };
    evaluator.budget.charge_steps(items.len())?;
    for at in (1..items.len()).rev() {
        let places = Item::count(at + 1).as_f64().unwrap_or(1.0);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "below the number of places, which is an index"
        )]
        let other = (evaluator.world.random() * places) as usize;
        items.swap(at, other.min(at));
    }
    Item::list(items, Flags::PLAIN, &mut evaluator.budget)
}

pub(super) fn distinct(evaluator: &mut Evaluator<'_>, arguments: Arguments) -> Result<Item, EvalError> {
    let array = arguments.get(0);
    let Some(elements) = array.elements().filter(|elements| elements.len() > 1) else {
        return Ok(array.clone());
    };
    let mut kept: Vec<Item> = Vec::new();
    let (mut texts, mut numbers) = (FxHashSet::default(), FxHashSet::default());
    let mut others: Vec<Item> = Vec::new();
    for item in elements.iter() {
        evaluator.budget.charge_steps(1)?;
        evaluator.budget.charge_bytes(64)?;
        let is_new = if let Item::Value(Value::String(text)) = &item {
            evaluator.budget.charge_reading(text.len())?;
            texts.insert(text.clone())
        } else if let Some(number) = item.as_f64() {
            // Both zeros are equal; nothing equals what isn't a number.
            number.is_nan() || numbers.insert((number + 0.0).to_bits())
        } else {
            let mut found = false;
            for other in &others {
                found = found || item.equals(other, &mut evaluator.budget)?;
            }
            if !found {
                others.push(item.clone());
            }
            !found
        };
        if is_new {
            kept.push(item);
        }
    }
    let is_sequence = array.flags().contains(Flags::SEQUENCE);
    Item::list(kept, if is_sequence { Flags::SEQUENCE } else { Flags::PLAIN }, &mut evaluator.budget)
}

pub(super) fn sort(evaluator: &mut Evaluator<'_>, arguments: Arguments) -> Result<Item, EvalError> {
    let comparator = arguments.function(1)?;
    let items = match several(evaluator, &arguments)? {
        Ok(items) => items,
        Err(few) => return Ok(few),
    };
    let Some(comparator) = comparator else { return natural_sort(evaluator, items) };
    let order: Vec<usize> = (0..items.len()).collect();
    let order = merge_sort(evaluator, order, &mut |evaluator, a, b| {
        let pair = vec![items[a].clone(), items[b].clone()];
        Ok(is_truthy(&evaluator.call(&comparator, pair, &Item::Value(Value::Null))?))
    })?;
    let sorted = order.into_iter().map(|at| items[at].clone()).collect();
    Item::list(sorted, Flags::PLAIN, &mut evaluator.budget)
}

fn natural_sort(evaluator: &mut Evaluator<'_>, mut items: Vec<Item>) -> Result<Item, EvalError> {
    let comparisons = items.len() * (items.len().ilog2() as usize + 1);
    evaluator.budget.charge_steps(comparisons / 2)?;
    if items.iter().all(|item| item.as_f64().is_some()) {
        items.sort_by(|a, b| a.as_f64().partial_cmp(&b.as_f64()).unwrap_or(std::cmp::Ordering::Equal));
    } else if items.iter().all(|item| item.as_str().is_some()) {
        let longest = items.iter().filter_map(Item::as_str).map(str::len).max().unwrap_or(0);
        evaluator.budget.charge_reading(comparisons.saturating_mul(longest))?;
        items.sort_by(|a, b| compare_text(a.as_str().unwrap_or(""), b.as_str().unwrap_or("")));
    } else {
        return Err(EvalError::new("D3070").with("index", Some(Value::from(1))));
    }
    Item::list(items, Flags::PLAIN, &mut evaluator.budget)
}

pub(super) fn zip(evaluator: &mut Evaluator<'_>, arguments: Arguments) -> Result<Item, EvalError> {
    let arrays = &arguments.0;
    let length = |item: &Item| item.elements().map_or(0, |elements| elements.len());
    let shortest = arrays.iter().map(length).min().unwrap_or(0);
    let mut tuples = Vec::new();
    for at in 0..shortest {
        evaluator.budget.charge_steps(arrays.len())?;
        let tuple = arrays.iter().filter_map(|array| array.elements()?.get(at)).collect();
        tuples.push(Item::list(tuple, Flags::PLAIN, &mut evaluator.budget)?);
    }
    Item::list(tuples, Flags::PLAIN, &mut evaluator.budget)
}
