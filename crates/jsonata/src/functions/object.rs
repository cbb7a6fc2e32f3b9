//! Functions of objects.

use std::sync::Arc;

use newel_value::Value;
use rustc_hash::FxHashSet;

use super::Arguments;
use super::higher_order::call_with;
use crate::EvalError;
use crate::eval::Evaluator;
use crate::item::{Flags, Item, RecordBuilder, push_all};

pub(super) fn keys(evaluator: &mut Evaluator<'_>, arguments: Arguments) -> Result<Item, EvalError> {
    let mut seen = FxHashSet::default();
    let mut names = Vec::new();
    collect_keys(evaluator, arguments.get(0), &mut |name: &newel_value::Str| {
        if seen.insert(Arc::clone(name)) {
            names.push(Item::string(Arc::clone(name)));
        }
    })?;
    Item::list(names, Flags::SEQUENCE, &mut evaluator.budget)
}

fn collect_keys(
    evaluator: &mut Evaluator<'_>,
    item: &Item,
    visit: &mut impl FnMut(&newel_value::Str),
) -> Result<(), EvalError> {
    evaluator.budget.charge_steps(1)?;
    if let Some(elements) = item.elements() {
        return elements.iter().try_for_each(|element| collect_keys(evaluator, &element, visit));
    }
    if let Some(members) = item.members() {
        evaluator.budget.charge_steps(members.len())?;
        evaluator.budget.charge_bytes(members.len() * 48)?;
        members.iter().for_each(|(name, _)| visit(name));
    }
    Ok(())
}

pub(super) fn lookup(evaluator: &mut Evaluator<'_>, arguments: Arguments) -> Result<Item, EvalError> {
    match arguments.text(1)? {
        Some(name) => arguments.get(0).lookup(&name, &mut evaluator.budget),
        None => Ok(Item::Undefined),
    }
}

pub(super) fn spread(evaluator: &mut Evaluator<'_>, arguments: Arguments) -> Result<Item, EvalError> {
    let item = arguments.get(0);
    let Some(elements) = item.elements() else { return spread_one(evaluator, item) };
    let mut all = Vec::new();
    let flags = if elements.len() == 0 { Flags::SEQUENCE } else { Flags::PLAIN };
    spread_all(evaluator, item, &mut all)?;
    Item::list(all, flags, &mut evaluator.budget)
}

fn spread_all(evaluator: &mut Evaluator<'_>, item: &Item, out: &mut Vec<Item>) -> Result<(), EvalError> {
    match item.elements() {
        Some(elements) => elements.iter().try_for_each(|element| spread_all(evaluator, &element, out)),
        None => {
            let single = spread_one(evaluator, item)?;
            if single.is_undefined() { Ok(()) } else { push_all(&single, out, &mut evaluator.budget) }
        }
    }
}

/// An object as many of one member each; anything else as it is.
fn spread_one(evaluator: &mut Evaluator<'_>, item: &Item) -> Result<Item, EvalError> {
    evaluator.budget.charge_steps(1)?;
    let Some(members) = item.members() else { return Ok(item.clone()) };
    let mut singles = Vec::new();
    for (name, member) in members.iter() {
        let mut record = RecordBuilder::with_capacity(1);
        record.push(Arc::clone(name), member);
        evaluator.budget.charge_steps(1)?;
        singles.push(record.build(&mut evaluator.budget)?);
    }
    Item::list(singles, Flags::SEQUENCE, &mut evaluator.budget)
}

pub(super) fn merge(evaluator: &mut Evaluator<'_>, arguments: Arguments) -> Result<Item, EvalError> {
    let Some(elements) = arguments.elements(0)? else { return Ok(Item::Undefined) };
    let mut record = RecordBuilder::default();
    for item in elements.iter() {
        let Some(members) = item.members() else { continue };
        evaluator.budget.charge_steps(1 + 4 * members.len())?;
        for (name, member) in members.iter() {
            record.insert(Arc::clone(name), member);
        }
    }
    record.build(&mut evaluator.budget)
}

pub(super) fn sift(evaluator: &mut Evaluator<'_>, arguments: Arguments) -> Result<Item, EvalError> {
    let object = arguments.get(0);
    let Some(members) = object.members() else { return Ok(Item::Undefined) };
    let Some(function) = arguments.function(1)? else { return arguments.mismatch(1) };
    let mut record = RecordBuilder::default();
    for (name, member) in members.iter() {
        let key = Item::string(Arc::clone(name));
        let result = call_with(evaluator, &function, member.clone(), key, object)?;
        if result.truth(&mut evaluator.budget)? {
            record.push(Arc::clone(name), member);
        }
    }
    if record.is_empty() { Ok(Item::Undefined) } else { record.build(&mut evaluator.budget) }
}

pub(super) fn each(evaluator: &mut Evaluator<'_>, arguments: Arguments) -> Result<Item, EvalError> {
    let object = arguments.get(0);
    let Some(members) = object.members() else { return Ok(Item::Undefined) };
    let Some(function) = arguments.function(1)? else { return arguments.mismatch(1) };
    let mut results = Vec::new();
    for (name, member) in members.iter() {
        let key = Item::string(Arc::clone(name));
        let result = call_with(evaluator, &function, member, key, object)?;
        if !result.is_undefined() {
            results.push(result);
        }
    }
    Item::list(results, Flags::SEQUENCE, &mut evaluator.budget)
}

/// A deep copy shows in nothing but functions, which JSON has none of.
pub(super) fn clone(evaluator: &mut Evaluator<'_>, arguments: Arguments) -> Result<Item, EvalError> {
    match arguments.get(0) {
        Item::Undefined => Ok(Item::Undefined),
        item @ (Item::Value(_) | Item::Number(_)) => Ok(item.clone()),
        item => {
            let text = item.to_text(&mut evaluator.budget)?;
            let value = Value::parse(&text)
                .map_err(|error| EvalError::new("D3200").with("message", Some(error.to_string().into())))?;
            Ok(Item::Value(value))
        }
    }
}
